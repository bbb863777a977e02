"""Sorting: local where the axis is whole, by repartition where another axis is long, else one exact exchange."""

from __future__ import annotations

from math import prod

import torch

from array_api_dist._alignment import longest_axis
from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Piece
from array_api_dist.engine import splitters
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.kernels import ordering as kernels


def sort(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the values in order along ``axis``, NaN last.

    Communication: none when ``axis`` is not partitioned; two exchanges when another axis is at least P long; else
    at most 70 small collectives and one exchange in which each element moves at most once. The result is even.
    """
    if block.partition.axis != axis:
        return block.with_local(kernels.sort(block.local, axis, descending))
    other = _axis_aside(block, axis)
    if other is not None:
        moved = redistribute(block, other)
        ordered = moved.with_local(kernels.sort(moved.local, axis, descending))
        return redistribute(ordered, _evenly(block))
    return _ordered_across(block, axis, descending=descending)[0]


def argsort(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the positions of the ordered values along ``axis``; equal ones keep their order. Cost: as ``sort``."""
    if block.partition.axis != axis:
        return block.with_local(kernels.argsort(block.local, axis, descending))
    other = _axis_aside(block, axis)
    if other is not None:
        moved = redistribute(block, other)
        ordered = moved.with_local(kernels.argsort(moved.local, axis, descending))
        return redistribute(ordered, _evenly(block))
    return _ordered_across(block, axis, descending=descending)[1]


def _axis_aside(block: Block, axis: int) -> Partition | None:
    """Return an even partition along another axis that is long enough for all ranks, if there is one."""
    lengths = tuple(0 if other == axis else length for other, length in enumerate(block.shape))
    if max(lengths) < block.device.ranks:
        return None
    longest = longest_axis(lengths)
    return Partition.even(longest, lengths[longest], block.device.ranks)


def _evenly(block: Block) -> Partition:
    axis = block.partition.axis
    assert axis is not None
    return Partition.even(axis, block.shape[axis], block.device.ranks)


def _ordered_across(block: Block, axis: int, *, descending: bool) -> tuple[Block, Block]:
    """Return the ordered values and their positions of an array partitioned along ``axis``, all lanes together."""
    target = _evenly(block)
    if block.size == 0:
        nothing = redistribute(block, target)
        return nothing, nothing.with_local(nothing.local.to(torch.int64))
    lanes = block.local.movedim(axis, -1)
    flat = lanes.reshape(prod(lanes.shape[:-1]), lanes.shape[-1])
    order = kernels.argsort(flat, 1, descending)
    values, positions = kernels.take_lanes(flat, order, 1), order + block.offset(axis)
    keys = kernels.order_key(values, descending=descending)
    inner = splitters.cuts_at(keys, target.bounds[1:-1], block.shape[axis], block.communicator)
    edges = inner.new_zeros((len(flat), 1))
    cuts = torch.cat((edges, inner, edges + flat.shape[1]), dim=1)
    values, positions = _exchanged(block, (values, positions), cuts, target)
    order = kernels.argsort(values, 1, descending)
    shape = (*lanes.shape[:-1], values.shape[1])
    found = [
        kernels.take_lanes(each, order, 1).reshape(shape).movedim(-1, axis) for each in (values, positions)
    ]
    return (
        Block(found[0], block.shape, target, block.device),
        Block(found[1], block.shape, target, block.device),
    )


def _exchanged(
    block: Block, tensors: tuple[torch.Tensor, ...], cuts: torch.Tensor, target: Partition
) -> list[torch.Tensor]:
    """Send the stretch between two ``cuts`` of every lane to its rank; return the runs of all ranks, in their order."""
    communicator = block.communicator
    lanes = len(cuts)
    sent = cuts[:, 1:] - cuts[:, :-1]
    received = torch.empty((communicator.ranks, lanes), dtype=torch.int64, device=cuts.device)
    communicator.exchange(
        [Piece(rank, sent[:, rank].contiguous()) for rank in range(communicator.ranks)],
        [Piece(rank, received[rank]) for rank in range(communicator.ranks)],
    )
    starts = torch.cat((received.new_zeros((1, lanes)), received.cumsum(0))).tolist()
    limits = cuts.tolist()
    count = target.counts[communicator.rank]
    results = [tensor.new_empty((lanes, count)) for tensor in tensors]
    sends, receives = [], []
    for rank in range(communicator.ranks):
        for lane in range(lanes):
            first, last = limits[lane][rank : rank + 2]
            sends += [Piece(rank, tensor[lane, first:last]) for tensor in tensors]
            first, last = starts[rank][lane], starts[rank + 1][lane]
            receives += [Piece(rank, result[lane, first:last]) for result in results]
    communicator.exchange(sends, receives)
    return results
