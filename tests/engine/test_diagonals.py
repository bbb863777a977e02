"""Diagonals of any integer, beyond what a machine word holds too."""

from __future__ import annotations

import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist import _dtypes as dt
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED
from array_api_dist.engine import creation, norms
from array_api_dist.kernels import creation as kernels

FAR = (-(2**70), -(2**63) - 1, -5, 5, 2**63, 2**70)


@pytest.mark.parametrize("k", FAR)
@pytest.mark.parametrize("partition", partitions_of((4, 3), 2), ids=str)
def test_a_diagonal_far_outside_keeps_all_or_nothing(partition, k: int) -> None:
    whole = torch.arange(1.0, 13.0).reshape(4, 3)

    def body(device: Device) -> list[Block]:
        block = part_of(whole, partition, device)
        return [
            creation.triangle(block, k, kernels.tril),
            creation.triangle(block, k, kernels.triu),
            creation.eye(4, 3, k, dt.float32, partition, device),
            norms.diagonal(block, k),
            norms.trace(block, k, torch.float32),
        ]

    found = [joined(blocks) for blocks in zip(*on_ranks(2, body), strict=True)]
    expected = [whole * (k > 0), whole * (k < 0), whole * 0, torch.zeros(0), torch.tensor(0.0)]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_a_matrix_without_rows_has_diagonals_too() -> None:
    def body(device: Device) -> None:
        assert creation.eye(0, 0, FAR[0], dt.float64, REPLICATED, device).shape == (0, 0)

    on_ranks(2, body)
