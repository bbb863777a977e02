"""take, take_along_axis, nonzero and masks: NumPy's results under every partition, within their communication."""

from __future__ import annotations

from typing import Any

import keys
import numpy as np
import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from keys import arrays, block_of, index_arrays, same_values, shapes

from array_api_dist import _indexing
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import gather_scatter, indexing, routing, selection

quick = settings(max_examples=100, deadline=None, derandomize=True)
sizes = pytest.mark.parametrize("small", [0, 1 << 16], ids=["large", "small"])


@pytest.fixture(autouse=True)
def _threshold(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "small" in request.fixturenames:
        monkeypatch.setattr(_indexing, "SMALL_NBYTES", request.getfixturevalue("small"))
    if "answered" in request.fixturenames:
        monkeypatch.setattr(routing, "ANSWERED_NBYTES", request.getfixturevalue("answered"))


def test_a_rank_that_all_ask_does_not_hold_all_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "ANSWERED_NBYTES", 1 << 10)
    ranks, count = 8, 2000
    whole, index = torch.arange(800.0, dtype=torch.float64), torch.zeros(ranks * count, dtype=torch.int64)

    def body(device: Device) -> tuple[Block, int, int]:
        blocks = [part_of(each, Partition.even(0, len(each), ranks), device) for each in (whole, index)]
        with trace() as seen:
            found = gather_scatter.take(blocks[0], blocks[1], 0)
        calls = sum(row.calls for row in seen.collectives if row.collective == "exchange")
        return found, seen.totals.peak_extra_bytes or 0, calls

    results = on_ranks(ranks, body)
    assert not joined([found for found, _, _ in results]).any()
    # An owner answers twice an even share at a time, and all of it would be eight.
    assert {calls for _, _, calls in results} == {2 * 4}
    assert max(peak for _, peak, _ in results) < 8 * (5 * count + 2 * 2 * count)


@pytest.mark.parametrize("bunch", [1, 3, 1 << 16])
def test_runs_are_counted_in_bunches(bunch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "RUNS_AT_ONCE", bunch)
    whole = torch.rand((7, 2, 5), generator=torch.Generator().manual_seed(4)) < 0.6
    for partition in partitions_of(whole.shape, 4):

        def body(device: Device, partition: Partition = partition) -> tuple[Block, ...]:
            mask = part_of(whole, partition, device)
            source = part_of(torch.arange(70).reshape(whole.shape), partition, device)
            return *selection.nonzero(mask), selection.select(source, mask, 0)

        found = [joined(blocks) for blocks in zip(*on_ranks(4, body), strict=True)]
        for ours, expected in zip(
            found, (*whole.nonzero().T, torch.arange(70)[whole.reshape(-1)]), strict=True
        ):
            assert torch.equal(ours, expected)


@pytest.mark.parametrize("answered", [1, 1 << 26], ids=["in rounds", "at once"])
@sizes
@quick
@given(data=st.data())
def test_take_is_numpys(small: int, answered: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(1, 3).filter(lambda shape: max(shape) > 0), label="shape")
    axis = data.draw(st.sampled_from([axis for axis, length in enumerate(shape) if length]), label="axis")
    source = data.draw(arrays(shape, ranks), label="source")
    count = data.draw(st.integers(0, 9), label="count")
    index = data.draw(index_arrays(shape[axis], (count,), ranks), label="index")

    def body(device: Device) -> Block:
        return gather_scatter.take(block_of(source, device), block_of(index, device), axis)

    expected = np.take(source.whole.numpy(), index.whole.numpy(), axis)
    same_values(joined(on_ranks(ranks, body)), expected, source.whole.dtype)


@pytest.mark.parametrize("answered", [1, 1 << 26], ids=["in rounds", "at once"])
@sizes
@quick
@given(data=st.data())
def test_take_along_axis_is_numpys(small: int, answered: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(1, 3).filter(lambda shape: max(shape) > 0), label="shape")
    axis = data.draw(st.sampled_from([axis for axis, length in enumerate(shape) if length]), label="axis")
    source_shape = tuple(
        1 if other != axis and data.draw(st.integers(0, 3)) == 0 else n for other, n in enumerate(shape)
    )
    asked = tuple(
        data.draw(st.integers(0, 5)) if other == axis else (1 if data.draw(st.integers(0, 3)) == 0 else n)
        for other, n in enumerate(shape)
    )
    source = data.draw(arrays(source_shape, ranks), label="source")
    index = data.draw(index_arrays(shape[axis], asked, ranks), label="index")

    def body(device: Device) -> Block:
        return gather_scatter.take_along_axis(block_of(source, device), block_of(index, device), axis)

    expected = np.take_along_axis(source.whole.numpy(), index.whole.numpy(), axis)
    same_values(joined(on_ranks(ranks, body)), expected, source.whole.dtype)


@quick
@given(data=st.data())
def test_nonzero_is_numpys(data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(1, 3), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    zeroed = data.draw(keys.masks(shape, 1), label="zeros").whole
    whole = source.whole.clone()
    # By NumPy, on the same memory: older torch can't choose among unsigned integers.
    whole.numpy()[zeroed.numpy()] = 0

    def body(device: Device) -> tuple[Block, ...]:
        return gather_scatter.nonzero(part_of(whole, source.partition, device))

    outcomes = on_ranks(ranks, body)
    for axis, expected in enumerate(np.nonzero(whole.numpy())):
        same_values(joined([blocks[axis] for blocks in outcomes]), expected, torch.int64)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.uint16, torch.int32, torch.uint32])
def test_indices_of_every_integer_type_are_taken(dtype: torch.dtype) -> None:
    def body(device: Device) -> Block:
        block = part_of(torch.arange(20), Partition.even(0, 20, 3), device)
        index = part_of(torch.tensor([19, 0, 7]).to(dtype), Partition.even(0, 3, 3), device)
        return gather_scatter.take(block, index, 0)

    assert joined(on_ranks(3, body)).tolist() == [19, 0, 7]


def test_an_unsigned_index_beyond_int64_is_out_of_bounds() -> None:
    def body(device: Device) -> None:
        block = part_of(torch.arange(20), Partition.even(0, 20, 2), device)
        index = part_of(torch.tensor([-1]).view(torch.uint64), REPLICATED, device)
        with pytest.raises(IndexError, match=r"\[-20, 20\)"):
            gather_scatter.take(block, index, 0)

    on_ranks(2, body)


@pytest.mark.parametrize("small", [0, 1 << 16], ids=["large", "small"])
def test_an_index_out_of_bounds_along_an_axis_is_raised_on_every_rank(small: int) -> None:
    whole, index = torch.arange(12).reshape(4, 3), torch.tensor([[0, 1, 2], [3, -9, 4]])
    for ranks in (1, 3):
        for partition in partitions_of((4, 3), ranks):
            for placed in partitions_of((2, 3), ranks):

                def body(device: Device, partition: Any = partition, placed: Any = placed) -> None:
                    with pytest.raises(IndexError, match=r"\[-4, 4\), got -9"):
                        gather_scatter.take_along_axis(
                            part_of(whole, partition, device), part_of(index, placed, device), 0
                        )

                on_ranks(ranks, body)


def test_replicated_indices_are_shared_out_between_the_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_indexing, "SMALL_NBYTES", 0)

    def body(device: Device) -> tuple[int, ...]:
        block = part_of(torch.arange(100), Partition.even(0, 100, 4), device)
        return gather_scatter.take(
            block, part_of(torch.arange(99, -1, -1), REPLICATED, device), 0
        ).partition.bounds

    assert on_ranks(4, body) == [(0, 25, 50, 75, 100)] * 4


def test_a_selection_stays_where_it_is_until_it_is_lopsided() -> None:
    even = torch.arange(40) % 2 == 0
    first = torch.arange(40) < 10

    def body(device: Device) -> list[tuple[int, ...]]:
        block = part_of(torch.arange(40), Partition(0, (0, 4, 20, 30, 40)), device)
        masks = [part_of(mask, block.partition, device) for mask in (even, first)]
        return [indexing.get(block, (mask,)).partition.bounds for mask in masks]

    assert on_ranks(4, body) == [[(0, 2, 10, 15, 20), (0, 4, 10, 10, 10)]] * 4
