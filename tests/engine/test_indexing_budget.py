"""What indexing communicates: the collectives by name, and the bytes of each exchange."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from harness import on_ranks, part_of

from array_api_dist import _indexing
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import gather_scatter, indexing

RANKS = 4
LENGTH = 400
ROWS = torch.arange(LENGTH * 3).reshape(LENGTH, 3)
EVEN = Partition.even(0, LENGTH, RANKS)
HALF = torch.arange(LENGTH) % 2 == 0


def counted(body: Callable[[Device], object], ranks: int = RANKS) -> tuple[dict[str, int], int]:
    """Return how often each collective was called, the same on every rank, and the most bytes that a rank sent."""

    def traced(device: Device) -> tuple[dict[str, int], int]:
        with trace() as seen:
            body(device)
        calls: Counter[str] = Counter()
        for row in seen.collectives:
            calls[row.collective] += row.calls
        return {name: count for name, count in calls.items() if count}, sum(
            row.bytes_sent for row in seen.rows
        )

    outcomes = on_ranks(ranks, traced)
    assert all(calls == outcomes[0][0] for calls, _ in outcomes)
    return outcomes[0][0], max(sent for _, sent in outcomes)


def rows(device: Device) -> Block:
    return part_of(ROWS, EVEN, device)


def got(*key: Any) -> Callable[[Device], object]:
    return lambda device: indexing.get(rows(device), key)


@pytest.mark.parametrize(
    "key",
    [
        (slice(None),),
        (slice(10, -10, 3), ...),
        (..., 1),
        (slice(None), slice(None, None, -1)),
        (None, slice(2, -2), None, 0),
        (slice(None), np.asarray([0, 2, 2])),
        (slice(None), np.asarray([True, False, True])),
    ],
)
def test_what_leaves_the_partitioned_axis_in_order_moves_nothing(key: tuple[Any, ...]) -> None:
    assert counted(got(*key)) == ({}, 0)


def test_a_negative_step_is_one_exchange_of_each_element() -> None:
    calls, sent = counted(got(slice(None, None, -1)))
    assert calls == {"exchange": 1}
    assert sent <= ROWS.nbytes // RANKS


def test_a_lopsided_slice_is_one_exchange() -> None:
    calls, sent = counted(got(slice(0, 100)))
    assert calls == {"exchange": 1}
    assert sent == 75 * 3 * 8


def test_a_small_row_is_one_broadcast() -> None:
    assert counted(got(7))[0] == {"broadcast": 1}
    assert counted(got(7, 1))[0] == {"broadcast": 1}


def test_a_large_row_is_one_exchange_from_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_indexing, "SMALL_NBYTES", 0)
    calls, sent = counted(got(7))
    assert calls == {"exchange": 1}
    assert sent <= 3 * 8


def test_a_mask_partitioned_alike_is_one_allgather_of_counts() -> None:
    def body(device: Device) -> None:
        indexing.get(rows(device), (part_of(HALF, EVEN, device),))

    assert counted(body)[0] == {"allgather": 1}


def test_a_mask_partitioned_otherwise_moves_to_what_it_selects_from() -> None:
    other = Partition(0, (0, 0, 100, 400, 400))

    def body(device: Device) -> None:
        indexing.get(rows(device), (part_of(HALF, other, device),))

    calls, sent = counted(body)
    assert calls == {"allgather": 1, "exchange": 1}
    assert sent <= LENGTH + 8 * RANKS


def test_a_mask_writes_a_scalar_without_communication() -> None:
    def body(device: Device) -> None:
        value = part_of(torch.tensor(0), REPLICATED, device)
        indexing.set(rows(device), (part_of(HALF, EVEN, device),), value)

    assert counted(body) == ({}, 0)


def test_a_mask_writes_replicated_values_after_one_allgather_of_counts() -> None:
    def body(device: Device) -> None:
        value = part_of(ROWS[HALF], REPLICATED, device)
        indexing.set(rows(device), (part_of(HALF, EVEN, device),), value)

    assert counted(body)[0] == {"allgather": 1}


@pytest.mark.parametrize("partition", [REPLICATED, EVEN])
def test_a_slice_is_written_without_communication_where_the_value_is(partition: Partition) -> None:
    def body(device: Device) -> None:
        indexing.set(rows(device), (slice(None),), part_of(ROWS, partition, device))

    assert counted(body) == ({}, 0)


def test_a_shifted_slice_is_written_by_one_exchange_of_what_crosses_a_border() -> None:
    def body(device: Device) -> None:
        block = rows(device)
        indexing.set(block, (slice(1, None),), indexing.get(block, (slice(None, -1),)))

    calls, sent = counted(body)
    assert calls == {"exchange": 1}
    assert sent <= 3 * 8


def test_a_row_is_written_by_its_owner_without_communication() -> None:
    def body(device: Device) -> None:
        indexing.set(rows(device), (7,), part_of(torch.tensor([1, 2, 3]), REPLICATED, device))

    assert counted(body) == ({}, 0)


def test_partitioned_indices_travel_to_the_owners_and_values_back() -> None:
    index = torch.arange(0, LENGTH, 4).flip(0)

    def body(device: Device) -> None:
        gather_scatter.take(rows(device), part_of(index, Partition.even(0, 100, RANKS), device), 0)

    calls, sent = counted(body)
    assert calls == {"exchange_counts": 1, "exchange": 2}
    # 25 indices of 8 bytes and as many rows of 24 bytes, and the counts.
    assert sent <= 25 * (8 + 24) + 8 * RANKS


def test_replicated_indices_of_a_small_result_are_one_allreduce() -> None:
    def body(device: Device) -> None:
        gather_scatter.take(rows(device), part_of(torch.tensor([3, 399]), REPLICATED, device), 0)

    assert counted(body)[0] == {"allreduce": 1}


def test_replicated_indices_and_values_are_written_without_communication() -> None:
    def body(device: Device) -> None:
        value = part_of(torch.tensor([[1], [2]]), REPLICATED, device)
        indexing.set(rows(device), (np.asarray([3, 399]),), value)

    assert counted(body) == ({}, 0)


def test_taking_along_an_axis_that_is_not_partitioned_only_agrees_on_bounds() -> None:
    def body(device: Device) -> None:
        gather_scatter.take_along_axis(rows(device), part_of(ROWS % 3, EVEN, device), 1)

    calls, sent = counted(body)
    assert calls == {"exchange_counts": 1}
    assert sent <= 8 * RANKS


def test_nonzero_is_one_allgather_of_counts() -> None:
    assert counted(lambda device: gather_scatter.nonzero(rows(device)))[0] == {"allgather": 1}


def test_replicated_arrays_are_indexed_without_communication() -> None:
    def body(device: Device) -> None:
        block = part_of(ROWS, REPLICATED, device)
        mask = part_of(HALF, REPLICATED, device)
        indexing.get(block, (slice(None, None, -2),))
        indexing.get(block, (mask,))
        indexing.get(block, (np.asarray([1, 5]),))
        indexing.set(block, (mask,), part_of(torch.tensor(0), REPLICATED, device))
        gather_scatter.nonzero(block)

    assert counted(body) == ({}, 0)
