"""Moving elements along one axis: concatenation, roll, flip, strided slices, repetition. At most one exchange each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import torch

from array_api_dist._alignment import even_on_longest, without_axes
from array_api_dist._block import Block
from array_api_dist._exchange import Range, Segment, roll_plan, segment_plan
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import reduced_shape, with_axis_length
from array_api_dist.collectives import Piece
from array_api_dist.engine.agreement import agreed
from array_api_dist.engine.redistribution import carry_out, evened, redistribute, region, replicate
from array_api_dist.kernels import indexing
from array_api_dist.kernels.elementwise import subtract_into

SMALL_NBYTES: Final = 1 << 16
"""What one rank alone would hold is replicated up to this size, and spread evenly above it."""

ROLLED_AT_ONCE: Final = 4
"""Along so many axes one pass rolls: each of them doubles the number of boxes that are copied."""


def _on_axis(block: Block, axis: int) -> Block:
    """Return ``block`` replicated or partitioned along ``axis``: as it is, or moved by one exchange."""
    if block.partition.axis is None or block.partition.axis == axis:
        return block
    return redistribute(block, Partition.even(axis, block.shape[axis], block.device.ranks))


def assemble(
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    length: int,
    axis: int,
    target: Partition | None = None,
) -> Block:
    """Return the array whose positions along ``axis`` are the ``segments`` of ``blocks``, laid out as ``target``.

    Blocks partitioned along another axis are first laid along ``axis``. ``target`` is even by default.

    Communication: one exchange in which each element moves at most once; what is replicated does not move.
    """
    placed = [_on_axis(block, axis) for block in blocks]
    first = placed[0]
    shape = with_axis_length(first.shape, axis, length)
    target = target or Partition.even(axis, length, first.device.ranks)
    plan = segment_plan([block.partition for block in placed], target, segments, first.device.rank)
    return carry_out(plan, [block.local for block in placed], shape, target, first.device)


def take_slice(block: Block, axis: int, start: int, step: int, count: int) -> Block:
    """Return the elements start, start + step, … (``count`` of them) along ``axis``.

    Communication: none for a positive step (the elements stay where they are, unevenly, until one rank would hold
    more than twice its share) or an axis that is not partitioned; one exchange for a negative step.
    """
    shape = with_axis_length(block.shape, axis, count)
    if block.partition.axis != axis:
        local = region(block.local, (Range(axis, start, count, step),))
        return Block(local, shape, block.partition, block.device)
    if step < 0:
        return assemble((block,), (Segment(0, start, count, 0, step),), count, axis)
    image = block.partition.image_of_slice(start, step, count)
    low, high = image.interval(block.device.rank)
    first = start + low * step - block.offset(axis)
    local = region(block.local, (Range(axis, first if low < high else 0, high - low, step),))
    return evened(Block(local, shape, image, block.device))


def flip(block: Block, axes: tuple[int, ...]) -> Block:
    """Return ``block`` reversed along ``axes``. Communication: one exchange if a partitioned axis is among them."""
    partition, device = block.partition, block.device
    if partition.axis not in axes or partition.is_whole_everywhere:
        return block.with_local(indexing.flip(block.local, axes)) if axes else block
    length = block.shape[partition.axis]
    plan = segment_plan((partition,), partition, (Segment(0, length - 1, length, 0, -1),), device.rank)
    others = tuple(
        Range(axis, block.shape[axis] - 1, block.shape[axis], -1) for axis in axes if axis != partition.axis
    )
    return carry_out(plan.sending(others), [block.local], block.shape, partition, device)


def roll(block: Block, shifts: Sequence[int], axes: Sequence[int]) -> Block:
    """Return ``block`` rolled by each shift along each axis. Communication: one exchange if one is partitioned."""
    totals: dict[int, int] = {}
    for shift, axis in zip(shifts, axes, strict=True):
        totals[axis] = totals.get(axis, 0) + shift
    turns = {axis: by % block.shape[axis] for axis, by in totals.items() if block.shape[axis]}
    # The partitioned axis last.
    order = sorted((axis for axis in turns if turns[axis]), key=lambda axis: axis == block.partition.axis)
    for start in range(0, len(order), ROLLED_AT_ONCE):
        block = _rolled(block, {axis: turns[axis] for axis in order[start : start + ROLLED_AT_ONCE]})
    return block


def _rolled(block: Block, turns: dict[int, int]) -> Block:
    partition, device = block.partition, block.device
    if partition.axis not in turns or partition.is_whole_everywhere:
        return block.with_local(indexing.roll(block.local, turns))
    others = tuple((axis, block.shape[axis], by) for axis, by in turns.items() if axis != partition.axis)
    plan = roll_plan(partition, turns[partition.axis], others, device.rank)
    return carry_out(plan, [block.local], block.shape, partition, device)


def _common_partition(blocks: Sequence[Block]) -> Partition:
    """Return the partition of the largest partitioned block, or REPLICATED."""
    spread = [block for block in blocks if block.partition.axis is not None]
    return max(spread, key=lambda block: block.size).partition if spread else REPLICATED


def concat(blocks: Sequence[Block], axis: int) -> Block:
    """Return ``blocks`` (of one data type and matching shapes) one after another along ``axis``.

    Communication: none when all are replicated or partitioned alike along another axis; else one exchange.
    """
    partition = _common_partition(blocks)
    length = sum(block.shape[axis] for block in blocks)
    shape = with_axis_length(blocks[0].shape, axis, length)
    if partition.axis != axis:
        local = torch.cat([redistribute(block, partition).local for block in blocks], dim=axis)
        return Block(local, shape, partition, blocks[0].device)
    offsets = accumulate((block.shape[axis] for block in blocks), initial=0)
    segments = [
        Segment(operand, 0, block.shape[axis], offset)
        for operand, (block, offset) in enumerate(zip(blocks, offsets, strict=False))
        if block.shape[axis]
    ]
    return assemble(blocks, segments, length, axis)


def stack(blocks: Sequence[Block], axis: int) -> Block:
    """Return ``blocks`` (of one data type and shape) joined along a new ``axis``.

    Communication: none when all are replicated or partitioned alike; else one exchange for each of the others.
    """
    partition, shape = _common_partition(blocks), blocks[0].shape
    local = torch.stack([redistribute(block, partition).local for block in blocks], dim=axis)
    if partition.axis is not None and partition.axis >= axis:
        partition = partition.on_axis(partition.axis + 1)
    return Block(local, (*shape[:axis], len(blocks), *shape[axis:]), partition, blocks[0].device)


def tile_axis(block: Block, axis: int, repetitions: int) -> Block:
    """Return ``block`` ``repetitions`` times along ``axis``. Communication: one exchange if it is partitioned."""
    length = block.shape[axis]
    total = length * repetitions
    if block.partition.axis != axis:
        counts = [repetitions if other == axis else 1 for other in range(block.ndim)]
        local = indexing.tile(block.local, tuple(counts))
        return Block(local, with_axis_length(block.shape, axis, total), block.partition, block.device)
    segments = [Segment(0, 0, length, k * length) for k in range(repetitions) if length]
    return assemble((block,), segments, total, axis)


def repeat(block: Block, repeats: int, axis: int) -> Block:
    """Return each element along ``axis`` ``repeats`` times. Communication: none."""
    shape = with_axis_length(block.shape, axis, block.shape[axis] * repeats)
    partition = block.partition.scaled(repeats) if block.partition.axis == axis else block.partition
    local = indexing.repeat_interleave(block.local, repeats, axis)
    return Block(local, shape, partition, block.device)


def repeat_each(block: Block, repeats: Block, axis: int) -> Block:
    """Return element i along ``axis`` ``repeats[i]`` times; ``repeats`` is one-dimensional, of integers.

    Communication: ``repeats`` moves to the partition of ``block``; where ``axis`` is partitioned an agreement, one
    allgather of P counts, and one exchange if the result is lopsided.

    Raises
    ------
    ValueError
        On every rank, if a count is negative.
    """
    placed = redistribute(repeats, block.partition.on_axis(0) if block.partition.axis == axis else REPLICATED)
    counts = placed.local.to(torch.int64)
    agreed(placed, ValueError("repeats must not be negative") if bool((counts < 0).any()) else None)
    total = int(counts.sum())
    local = indexing.repeat_interleave(block.local, counts, axis)
    if block.partition.axis != axis:
        return Block(local, with_axis_length(block.shape, axis, total), block.partition, block.device)
    partition = gathered_partition(block, axis, total)
    shape = with_axis_length(block.shape, axis, partition.length)
    return evened(Block(local, shape, partition, block.device))


def gathered_partition(block: Block, axis: int, count: int) -> Partition:
    """Return the partition along ``axis`` in which each rank owns the ``count`` it names.

    Communication: one allgather of 8 bytes.
    """
    mine = torch.tensor([count], dtype=torch.int64)
    counts = block.communicator.allgather(mine, 0, (1,) * block.device.ranks)
    return Partition.from_counts(axis, [int(each) for each in counts.tolist()])


def permute_dims(block: Block, axes: tuple[int, ...]) -> Block:
    """Return ``block`` with its axes in another order: a view. Communication: none."""
    partition = block.partition
    if partition.axis is not None:
        partition = partition.on_axis(axes.index(partition.axis))
    shape = tuple(block.shape[axis] for axis in axes)
    return Block(block.local.permute(axes), shape, partition, block.device)


def expand_dims(block: Block, axes: tuple[int, ...]) -> Block:
    """Return ``block`` with new axes of length 1 at ``axes`` (of the result): a view. Communication: none."""
    ndim = block.ndim + len(axes)
    kept = [axis for axis in range(ndim) if axis not in axes]
    shape, local_shape = [1] * ndim, [1] * ndim
    for axis, length, local_length in zip(kept, block.shape, block.local.shape, strict=True):
        shape[axis], local_shape[axis] = length, local_length
    partition = block.partition
    if partition.axis is not None:
        partition = partition.on_axis(kept[partition.axis])
    local = block.local
    for axis in sorted(axes):
        local = local.unsqueeze(axis)
    return Block(local, tuple(shape), partition, block.device)


def off_axis(block: Block, axis: int) -> Block:
    """Return ``block`` not partitioned along ``axis``: replicated when small, else along its longest other axis.

    Communication: none, one allgather, or one exchange.
    """
    if block.partition.axis != axis:
        return block
    ranks = block.device.ranks
    if block.nbytes <= SMALL_NBYTES or max(reduced_shape(block.shape, (axis,)), default=0) < ranks:
        return replicate(block)
    return redistribute(block, even_on_longest(block.shape, ranks, without=axis))


def squeeze(block: Block, axes: tuple[int, ...]) -> Block:
    """Return ``block`` without ``axes`` of length 1: a view.

    Communication: none, unless the partitioned axis goes: then one allgather (small) or exchange.
    """
    for axis in axes:
        block = off_axis(block, axis)
    shape, partition = reduced_shape(block.shape, axes), without_axes(block.partition, axes)
    return Block(block.local.squeeze(axes), shape, partition, block.device)


def broadcast_to(block: Block, shape: Shape) -> Block:
    """Return a view of ``block`` stretched to ``shape``, to which it broadcasts.

    Communication: none, unless the partitioned axis has length 1 and is stretched: then one allgather of it.
    """
    added = len(shape) - block.ndim
    partition = block.partition
    if partition.axis is not None and block.shape[partition.axis] != shape[partition.axis + added]:
        block = replicate(block)
        partition = REPLICATED
    if partition.axis is not None:
        partition = partition.on_axis(partition.axis + added)
    local = block.local.expand(partition.local_shape(shape, block.device.rank))
    return Block(local, shape, partition, block.device)


def diff(block: Block, axis: int) -> Block:
    """Return the differences of neighbours along ``axis``.

    Communication: none, or one exchange of a neighbour's slab when ``axis`` is partitioned.
    """
    count = block.shape[axis] - 1
    if block.partition.axis != axis:
        before, after = block.local.narrow(axis, 0, count), block.local.narrow(axis, 1, count)
        local = subtract_into(torch.empty_like(before), after, before)
        return Block(local, with_axis_length(block.shape, axis, count), block.partition, block.device)
    here = take_slice(block, axis, 0, 1, count)
    local = torch.empty(here.local.shape, dtype=block.local.dtype, device=block.local.device)
    result = here.with_local(local)
    if here.partition != block.partition.image_of_slice(0, 1, count):
        moved = assemble((block,), (Segment(0, 1, count, 0),), count, axis, here.partition)
        subtract_into(local, moved.local, here.local)
        return result
    following = _following_slab(block, axis)
    held = block.local.shape[axis]
    pairs, rest = max(held - 1, 0), following.shape[axis]
    inner = block.local.narrow(axis, held - pairs, pairs)
    subtract_into(local.narrow(axis, 0, pairs), inner, here.local.narrow(axis, 0, pairs))
    subtract_into(local.narrow(axis, pairs, rest), following, here.local.narrow(axis, pairs, rest))
    return result


def _following_slab(block: Block, axis: int) -> torch.Tensor:
    """Return the slab that follows this rank's part along the partitioned ``axis``: none after the last, or no part.

    Communication: one exchange.
    """
    partition, length = block.partition, block.shape[axis]
    start, stop = partition.interval(block.device.rank)
    follows, precedes = start < stop < length, 0 < start < stop
    slab = block.local.new_empty(with_axis_length(tuple(block.local.shape), axis, int(follows)))
    block.communicator.exchange(
        [Piece(partition.owner(start - 1), block.local.narrow(axis, 0, 1))] if precedes else [],
        [Piece(partition.owner(stop), slab)] if follows else [],
    )
    return slab
