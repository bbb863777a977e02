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
    at most 68 small collectives, an exchange of counts, and one in which each element moves at most once. The result
    is even.
    """
    if block.partition.axis != axis:
        return block.with_local(kernels.sort(block.local, axis, descending))
    other = _axis_aside(block, axis)
    if other is not None:
        moved = redistribute(block, other)
        ordered = moved.with_local(kernels.sort(moved.local, axis, descending))
        return redistribute(ordered, _evenly(block))
    return _ordered_across(block, axis, descending=descending)


def argsort(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the positions of the ordered values along ``axis``; equal ones keep their order.

    Communication: as ``sort``, where positions travel beside the values.
    """
    if block.partition.axis != axis:
        return block.with_local(kernels.argsort(block.local, axis, descending))
    other = _axis_aside(block, axis)
    if other is not None:
        moved = redistribute(block, other)
        ordered = moved.with_local(kernels.argsort(moved.local, axis, descending))
        return redistribute(ordered, _evenly(block))
    return _order_across(block, axis, descending=descending)


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


def _lanes(block: Block, axis: int) -> torch.Tensor:
    """Return the local part as a matrix whose rows run along ``axis``."""
    lanes = block.local.movedim(axis, -1)
    return lanes.reshape(prod(lanes.shape[:-1]), lanes.shape[-1])


def _from_lanes(lanes: torch.Tensor, block: Block, axis: int, target: Partition) -> Block:
    shape = (*block.shape[:axis], *block.shape[axis + 1 :], lanes.shape[1])
    return Block(lanes.reshape(shape).movedim(-1, axis), block.shape, target, block.device)


def _ordered_across(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the ordered values of an array partitioned along ``axis``, all lanes together."""
    target = _evenly(block)
    if block.size == 0:
        return redistribute(block, target)
    values = kernels.sort(_lanes(block, axis), 1, descending)
    cuts = _cuts(block, axis, values, target, descending=descending)
    # The runs come in the order of the ranks, and equal values keep it.
    (values,) = _exchanged(block, (values,), cuts, target)
    return _from_lanes(kernels.sort(values, 1, descending), block, axis, target)


def _order_across(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the positions of the ordered values of an array partitioned along ``axis``, all lanes together."""
    target = _evenly(block)
    if block.size == 0:
        nothing = redistribute(block, target)
        return nothing.with_local(nothing.local.to(torch.int64))
    lanes = _lanes(block, axis)
    order = kernels.argsort(lanes, 1, descending)
    values, positions = kernels.take_lanes(lanes, order, 1), order + block.offset(axis)
    cuts = _cuts(block, axis, values, target, descending=descending)
    values, positions = _exchanged(block, (values, positions), cuts, target)
    order = kernels.argsort(values, 1, descending)
    return _from_lanes(kernels.take_lanes(positions, order, 1), block, axis, target)


def _cuts(
    block: Block, axis: int, values: torch.Tensor, target: Partition, *, descending: bool
) -> torch.Tensor:
    """Return where each lane of the sorted local ``values`` is cut, both ends included."""
    keys = kernels.order_key(values, descending=descending)
    inner = splitters.cuts_at(keys, target.bounds[1:-1], block.shape[axis], block.communicator)
    edges = inner.new_zeros((len(values), 1))
    return torch.cat((edges, inner, edges + values.shape[1]), dim=1)


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
