"""Changing a partition keeps every element and moves each at most once."""

from __future__ import annotations

import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist._partition import Partition
from array_api_dist.engine.redistribution import evened, redistribute

SHAPE = (5, 7)
WHOLE = torch.arange(35).reshape(SHAPE)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_every_pair_of_partitions(ranks: int) -> None:
    for source in partitions_of(SHAPE, ranks):
        for target in partitions_of(SHAPE, ranks):
            blocks = on_ranks(
                ranks, lambda device, s=source, t=target: redistribute(part_of(WHOLE, s, device), t)
            )
            assert blocks[0].partition == target
            assert torch.equal(joined(blocks), WHOLE)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.float32, torch.complex128]
)
def test_every_type_moves(dtype: torch.dtype) -> None:
    whole = WHOLE.to(dtype)
    blocks = on_ranks(
        3,
        lambda device: redistribute(part_of(whole, Partition.even(0, 5, 3), device), Partition.even(1, 7, 3)),
    )
    assert torch.equal(joined(blocks).to(torch.complex128), whole.to(torch.complex128))


def test_a_lopsided_array_is_evened_and_another_left_alone() -> None:
    lopsided, uneven = Partition(0, (0, 0, 5)), Partition(0, (0, 1, 5))
    blocks = on_ranks(2, lambda device: evened(part_of(WHOLE, lopsided, device)))
    assert lopsided.is_lopsided == (blocks[0].partition != lopsided)
    blocks = on_ranks(2, lambda device: evened(part_of(WHOLE, uneven, device)))
    assert blocks[0].partition == uneven
    assert on_ranks(4, lambda device: evened(part_of(WHOLE, Partition(0, (0, 0, 0, 5, 5)), device)))[
        0
    ].partition == Partition.even(0, 5, 4)
