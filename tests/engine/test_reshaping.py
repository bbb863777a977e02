"""Reshape, roll and flip give what NumPy gives, wherever parts lie and however they lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import prod

import numpy as np
import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of
from hypothesis import given, settings
from hypothesis import strategies as st

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import Partition, Shape
from array_api_dist.collectives.memory import PeakMeter
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import rearrangement, reshaping

RANKS = [1, 2, 3, 5]

RESHAPES: list[tuple[Shape, Shape]] = [
    ((4, 6), (24,)), ((4, 6), (6, 4)), ((4, 6), (3, 8)), ((4, 6), (2, 2, 6)), ((4, 6), (4, 3, 2)), ((24,), (2, 3, 4)),
    ((3, 4, 5), (12, 5)), ((3, 4, 5), (3, 20)), ((3, 4, 5), (5, 4, 3)), ((3, 4, 5), (1, 60, 1)), ((1, 7, 3), (21,)),
    ((7, 1, 3), (3, 7)), ((2, 3, 2, 5), (10, 6)), ((1, 1), (1,)), ((1, 1), ()), ((), (1, 1)), ((), ()), ((2, 1), (1, 2)),
    ((0,), (0, 3)), ((4, 0, 3), (0,)), ((0, 5), (5, 0)), ((3, 0), (2, 0, 7)),
]  # fmt: skip


def numbered(shape: Shape, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.arange(prod(shape)).to(dtype).reshape(shape)


def lying_as(block: Block, order: tuple[int, ...]) -> Block:
    """Return the block with its part in memory in another ``order`` of axes."""
    back = tuple(order.index(axis) for axis in range(len(order)))
    return block.with_local(block.local.permute(order).contiguous().permute(back))


def check(
    move: Callable[[Block], Block], whole: torch.Tensor, partition: Partition, ranks: int, truth: np.ndarray
) -> None:
    for order in permutations(range(whole.ndim)):
        blocks = on_ranks(ranks, lambda device, o=order: move(lying_as(part_of(whole, partition, device), o)))
        np.testing.assert_array_equal(joined(blocks).numpy(), truth)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(("source", "target"), RESHAPES)
def test_a_reshape_of_every_partition_is_numpys(ranks: int, source: Shape, target: Shape) -> None:
    whole = numbered(source)
    for partition in partitions_of(source, ranks):
        check(
            lambda block: reshaping.reshape(block, target),
            whole,
            partition,
            ranks,
            whole.numpy().reshape(target),
        )


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 5), (1, 9), (7, 1), (12,), (0, 4), (4, 0)])
@pytest.mark.parametrize("shift", [0, 1, -1, 5, 23, -40, 1000])
def test_a_flat_roll_of_every_partition_is_numpys(ranks: int, shape: Shape, shift: int) -> None:
    whole = numbered(shape)
    for partition in partitions_of(shape, ranks):
        check(
            lambda block: reshaping.roll(block, shift), whole, partition, ranks, np.roll(whole.numpy(), shift)
        )


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(
    ("shifts", "axes"),
    [
        ((1,), (0,)),
        ((-2,), (1,)),
        ((1, 2), (0, 2)),
        ((2, -1, 3), (0, 1, 2)),
        ((1, 1, 3), (1, 1, 0)),
        ((3, 4), (0, 1)),
    ],
)
def test_a_roll_along_any_axes_is_numpys(ranks: int, shifts: tuple[int, ...], axes: tuple[int, ...]) -> None:
    whole = numbered((3, 4, 5))
    for partition in partitions_of((3, 4, 5), ranks):
        truth = np.roll(whole.numpy(), shifts, axes)
        check(lambda block: rearrangement.roll(block, shifts, axes), whole, partition, ranks, truth)


def test_more_axes_are_rolled_than_one_pass_takes() -> None:
    shape = (2, 3, 2, 2, 3, 2)
    whole = numbered(shape)
    shifts, axes = (1, 2, 1, 1, 1, 1), (0, 1, 2, 3, 4, 5)
    for partition in partitions_of(shape, 2):
        blocks = on_ranks(
            2, lambda device, p=partition: rearrangement.roll(part_of(whole, p, device), shifts, axes)
        )
        np.testing.assert_array_equal(joined(blocks).numpy(), np.roll(whole.numpy(), shifts, axes))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("axes", [(), (0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)])
def test_a_flip_along_any_axes_is_numpys(ranks: int, axes: tuple[int, ...]) -> None:
    whole = numbered((3, 4, 5))
    for partition in partitions_of((3, 4, 5), ranks):
        truth = np.flip(whole.numpy(), axes) if axes else whole.numpy()
        check(lambda block: rearrangement.flip(block, axes), whole, partition, ranks, truth)


@pytest.mark.parametrize(
    "dtype",
    [torch.bool, torch.int8, torch.uint16, torch.uint32, torch.uint64, torch.float32, torch.complex128],
)
def test_every_type_is_reshaped_and_rolled(dtype: torch.dtype) -> None:
    whole = numbered((4, 6), dtype)
    for partition in partitions_of((4, 6), 3):
        reshaped = on_ranks(
            3, lambda device, p=partition: reshaping.reshape(part_of(whole, p, device), (3, 8))
        )
        np.testing.assert_array_equal(joined(reshaped).numpy(), whole.numpy().reshape(3, 8))
        rolled = on_ranks(3, lambda device, p=partition: reshaping.roll(part_of(whole, p, device), 7))
        np.testing.assert_array_equal(joined(rolled).numpy(), np.roll(whole.numpy(), 7))


@st.composite
def factored(draw: st.DrawFn, size: int) -> Shape:
    """A shape of ``size`` elements."""
    shape: list[int] = []
    while size > 1 and len(shape) < 4:
        shape.append(draw(st.sampled_from([each for each in range(1, size + 1) if size % each == 0])))
        size //= shape[-1]
    return (*shape, size)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 6))
def test_any_shape_becomes_any_other_under_any_partition(data: st.DataObject, ranks: int) -> None:
    size = data.draw(st.sampled_from([1, 6, 12, 30, 36, 60, 64]))
    source, target = data.draw(factored(size)), data.draw(factored(size))
    axis = data.draw(st.integers(0, len(source) - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, source[axis]), min_size=ranks - 1, max_size=ranks - 1)))
    partition = Partition(axis, (0, *cuts, source[axis]))
    shift = data.draw(st.integers(-2 * size, 2 * size))
    whole = numbered(source)

    def body(device: Device) -> tuple[Block, Block]:
        block = part_of(whole, partition, device)
        return reshaping.reshape(block, target), reshaping.roll(block, shift)

    results = on_ranks(ranks, body)
    np.testing.assert_array_equal(
        joined([each for each, _ in results]).numpy(), whole.numpy().reshape(target)
    )
    np.testing.assert_array_equal(
        joined([each for _, each in results]).numpy(), np.roll(whole.numpy(), shift)
    )


# ---- what it costs

ROWS, COLUMNS = 384, 640
SLACK_NBYTES = 1 << 15
"""Among others for the tile of 60 x 60 elements by which torch turns a matrix round."""

MOVES: dict[str, Callable[[Block], Block]] = {
    "reshape": lambda block: reshaping.reshape(block, (block.size,)),
    "reshape to other rows": lambda block: reshaping.reshape(block, (COLUMNS, ROWS)),
    "flat roll": lambda block: reshaping.roll(block, 3 * COLUMNS + 7),
    "roll along both": lambda block: rearrangement.roll(block, (31, 17), (0, 1)),
    "flip": lambda block: rearrangement.flip(block, (0, 1)),
}


def peak_of(move: Callable[[Block], Block], block: Block) -> tuple[int, int]:
    """Return what a move allocates at most, beside what it packs, and its result."""
    block.communicator._buffers.give_back(
        [torch.empty(1 << 20, dtype=torch.uint8) for _ in range(16)], 1 << 25
    )
    meter = PeakMeter()
    meter.start()
    result = move(block)
    peak = meter.stop()
    assert peak is not None
    return peak, result.local.numel() * result.local.element_size()


@pytest.mark.usefixtures("host_memory")
@pytest.mark.parametrize("ranks", [2, 3, 4, 8])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("is_dense", [True, False])
@pytest.mark.parametrize("name", MOVES)
def test_a_move_holds_its_result_and_once_more_what_is_not_dense(
    name: str, is_dense: bool, axis: int, ranks: int
) -> None:
    whole = numbered((ROWS, COLUMNS)).to(torch.float64)

    def body(device: Device) -> tuple[int, int]:
        block = part_of(whole, Partition.even(axis, (ROWS, COLUMNS)[axis], ranks), device)
        part = block.local.numel() * 8
        peak, result = peak_of(MOVES[name], block if is_dense else lying_as(block, (1, 0)))
        # torch has no negative strides: what is flipped is copied.
        copied = part if name == "flip" or not is_dense else 0
        return peak, copied + result

    for peak, allowed in on_ranks(ranks, body):
        assert peak <= allowed + SLACK_NBYTES


@pytest.mark.usefixtures("host_memory")
def test_dense_columns_are_sent_as_they_lie() -> None:
    whole = numbered((64, 64))

    def body(device: Device) -> int:
        block = part_of(whole, Partition.even(1, 64, 2), device)
        meter = PeakMeter()
        meter.start()
        result = reshaping.reshape(block, (64 * 64,))
        peak = meter.stop()
        assert peak is not None
        return peak - 8 * result.local.numel()

    # A buffer for the half of the result that comes from the other rank; none for what goes there.
    assert all(extra <= 8 * 64 * 64 // 4 + 256 for extra in on_ranks(2, body))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_lone_rank_copies_once_and_exchanges_nothing(order: tuple[int, ...]) -> None:
    whole = numbered((8, 12, 16))

    def body(device: Device) -> tuple[int, int]:
        block = lying_as(part_of(whole, Partition.even(1, 12, 1), device), order)
        meter = PeakMeter()
        with trace() as seen:
            meter.start()
            result = reshaping.reshape(block, (12, 128))
            peak = meter.stop()
        assert torch.equal(result.local.cpu(), whole.reshape(12, 128))
        return peak or 0, sum(row.calls for row in seen.collectives)

    (found,) = on_ranks(1, body)
    assert found == (0 if order == (0, 1, 2) else whole.numel() * 8, 0)
