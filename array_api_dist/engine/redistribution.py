"""Changing the partition of a block: a cut, an allgather, or one exchange straight to the owners."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._exchange import Plan, Range, repartition_plan
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.collectives import Piece
from array_api_dist.kernels import indexing


def region(tensor: torch.Tensor, ranges: Sequence[Range]) -> torch.Tensor:
    """Return the elements of ``tensor`` inside ``ranges``: a view, or a copy where steps are negative."""
    reversed_axes = []
    for reach in ranges:
        step, first = abs(reach.step), reach.start if reach.count else 0
        if reach.step < 0:
            # torch has no negative strides.
            reversed_axes.append(reach.axis)
            first += max(reach.count - 1, 0) * reach.step
        if step == 1:
            tensor = tensor.narrow(reach.axis, first, reach.count)
        else:
            stop = first + max((reach.count - 1) * step + 1, 0)
            tensor = tensor[(slice(None),) * reach.axis + (slice(first, stop, step),)]
    return indexing.flip(tensor, reversed_axes) if reversed_axes else tensor


def carry_out(
    plan: Plan, sources: Sequence[torch.Tensor], shape: Shape, target: Partition, device: Device
) -> Block:
    """Move what ``plan`` says from the local ``sources`` into a new block of ``shape`` laid out as ``target``.

    Communication: one exchange.
    """
    like = sources[0]
    local = torch.empty(target.local_shape(shape, device.rank), dtype=like.dtype, device=like.device)
    receives = [Piece(move.peer, region(local, move.ranges)) for move in plan.receives]
    sends = [Piece(move.peer, region(sources[move.operand], move.ranges)) for move in plan.sends]
    device.communicator.exchange(sends, receives)
    return Block(local, shape, target, device)


def redistribute(block: Block, target: Partition) -> Block:
    """Return the same array laid out as ``target``.

    Communication: none when the partition is the same or every rank holds everything (the result is then a view);
    one allgather to replicate; else one exchange in which each element moves at most once.
    """
    source = block.partition
    if source == target:
        return block
    if source.axis is None or source.is_whole_everywhere:
        return Block(
            block.local[target.local_slices(block.ndim, block.device.rank)], block.shape, target, block.device
        )
    if target.axis is None:
        whole = block.communicator.allgather(block.local, source.axis, source.counts)
        return Block(whole, block.shape, REPLICATED, block.device)
    plan = repartition_plan(source, target, block.device.rank)
    return carry_out(plan, [block.local], block.shape, target, block.device)


def replicate(block: Block) -> Block:
    """Return the array with a copy on every rank. Communication: one allgather (none when it is replicated)."""
    return redistribute(block, REPLICATED)


def evened(block: Block) -> Block:
    """Return the array evenly partitioned if one rank holds more than twice its share, else unchanged.

    Communication: at most one exchange.
    """
    partition = block.partition
    if partition.axis is None or not partition.is_lopsided:
        return block
    return redistribute(block, Partition.even(partition.axis, partition.length, block.device.ranks))


def evened_together(blocks: Sequence[Block]) -> list[Block]:
    """Return arrays of one shape and partition evened out as ``evened`` does. Communication: at most one exchange."""
    first = blocks[0]
    partition, device = first.partition, first.device
    if partition.axis is None or not partition.is_lopsided:
        return list(blocks)
    target = Partition.even(partition.axis, partition.length, device.ranks)
    plan = repartition_plan(partition, target, device.rank)
    shape = target.local_shape(first.shape, device.rank)
    locals_ = [torch.empty(shape, dtype=each.local.dtype, device=each.local.device) for each in blocks]
    device.communicator.exchange(
        [Piece(move.peer, region(each.local, move.ranges)) for each in blocks for move in plan.sends],
        [Piece(move.peer, region(local, move.ranges)) for local in locals_ for move in plan.receives],
    )
    return [Block(local, first.shape, target, device) for local in locals_]
