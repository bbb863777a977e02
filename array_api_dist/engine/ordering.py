"""Sorting: local where the axis is whole, by repartition where another axis is long, else one exact exchange."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from array_api_dist._alignment import even_on_longest
from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist._shapes import reduced_shape
from array_api_dist.collectives import Piece
from array_api_dist.engine import routing, splitters
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.kernels import ordering as kernels
from array_api_dist.kernels.order_keys import decoded, encoded, pieces_of
from array_api_dist.kernels.packed_order import position_type
from array_api_dist.kernels.storage import unshared


def sort(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the values in order along ``axis``, NaN last.

    Communication: none when each rank holds whole lanes; two exchanges when another axis is at least P long; else
    at most 67 small collectives, an exchange of counts, and one in which each element moves at most once. The result
    is even. Memory: that of the result, and a sorted copy of the part.
    """
    if _is_whole(block, axis):
        return block.with_local(kernels.sort(block.local, axis, descending))
    other = _axis_aside(block, axis)
    if other is None:
        return _ordered_across(block, axis, descending=descending)
    moved = redistribute(block, other)
    dtype = block.local.dtype
    values = kernels.sort_in_place(encoded(unshared(moved.local), descending=descending), axis)
    return redistribute(moved.with_local(decoded(values, dtype, descending=descending)), _evenly(block))


def argsort(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the positions of the ordered values along ``axis``; equal ones keep their order.

    Communication: as ``sort``, where positions travel beside the values.
    """
    if _is_whole(block, axis):
        return block.with_local(kernels.argsort(block.local, axis, descending))
    other = _axis_aside(block, axis)
    if other is None:
        return _order_across(block, axis, descending=descending)
    moved = redistribute(block, other)
    moved = moved.with_local(kernels.argsort(moved.local, axis, descending))
    return redistribute(moved, _evenly(block))


def _is_whole(block: Block, axis: int) -> bool:
    """Return whether every rank holds the whole of its lanes along ``axis``."""
    return block.partition.axis != axis or block.partition.is_whole_everywhere


def _axis_aside(block: Block, axis: int) -> Partition | None:
    """Return an even partition along another axis that is long enough for all ranks, if there is one."""
    ranks = block.device.ranks
    if max(reduced_shape(block.shape, (axis,)), default=0) < ranks:
        return None
    return even_on_longest(block.shape, ranks, without=axis)


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
    own = unshared(_lanes(block, axis))
    values = kernels.sort_in_place(encoded(own, descending=descending), 1)
    cuts = _cuts(block, axis, values, target)
    # The runs come in the order of the ranks, and equal values keep it.
    (found,) = _exchanged(block, [values], cuts, target)
    del own, values
    kernels.sort_in_place(found, 1, runs=block.device.ranks)
    return _from_lanes(decoded(found, block.local.dtype, descending=descending), block, axis, target)


def _order_across(block: Block, axis: int, *, descending: bool) -> Block:
    """Return the positions of the ordered values of an array partitioned along ``axis``, all lanes together."""
    target = _evenly(block)
    if block.size == 0:
        nothing = redistribute(block, target)
        return nothing.with_local(nothing.local.to(torch.int64))
    lanes = _lanes(block, axis)
    order = kernels.argsort(lanes, 1, descending)
    values = encoded(kernels.take_lanes(lanes, order, 1), descending=descending)
    positions = order.add_(block.offset(axis)).to(position_type(block.shape[axis]))
    del lanes, order
    cuts = _cuts(block, axis, values, target)
    travelling = [values, positions]
    del values, positions
    values, positions = _exchanged(block, travelling, cuts, target)
    order = kernels.argsort(values, 1, runs=block.device.ranks)
    del values
    for piece in pieces_of(order):
        rows = order.narrow(*piece)
        rows.copy_(torch.gather(positions if piece[0] else positions.narrow(*piece), 1, rows))
    return _from_lanes(order, block, axis, target)


def _cuts(block: Block, axis: int, values: torch.Tensor, target: Partition) -> torch.Tensor:
    """Return where each lane of the sorted local ``values`` is cut, both ends included."""
    lanes = splitters.Lanes(values)
    inner = splitters.cuts_at(lanes, target.bounds[1:-1], block.shape[axis], block.communicator)
    edges = inner.new_zeros((len(values), 1))
    return torch.cat((edges, inner, edges + values.shape[1]), dim=1)


def _exchanged(
    block: Block, tensors: list[torch.Tensor], cuts: torch.Tensor, target: Partition
) -> list[torch.Tensor]:
    """Send the stretch between two ``cuts`` of every lane to its rank; return the runs of all ranks, in their order.

    ``tensors`` is emptied. Communication: an exchange of counts, and one of them all, or, of more than
    ``TOGETHER_NBYTES``, one for each of them.
    """
    communicator = block.communicator
    lanes = len(cuts)
    sent = cuts[:, 1:] - cuts[:, :-1]
    received = torch.empty((communicator.ranks, lanes), dtype=torch.int64, device=cuts.device)
    communicator.exchange(
        [Piece(rank, sent[:, rank].contiguous()) for rank in range(communicator.ranks)],
        [Piece(rank, received[rank]) for rank in range(communicator.ranks)],
    )
    starts = torch.cat((received.new_zeros((1, lanes)), received.cumsum(0)))
    count, limits = target.counts[communicator.rank], (cuts.tolist(), starts.T.tolist())
    results: list[torch.Tensor] = []
    together = sum(each.element_size() for each in tensors) * block.size <= routing.TOGETHER_NBYTES
    while tensors:
        some = [tensors.pop(0) for _ in range(len(tensors) if together else 1)]
        found = [tensor.new_empty((lanes, count)) for tensor in some]
        communicator.exchange(
            *(_stretches(each, limit) for each, limit in zip((some, found), limits, strict=True))
        )
        results += found
    return results


def _stretches(tensors: Sequence[torch.Tensor], limits: Sequence[Sequence[int]]) -> list[Piece]:
    """Return the stretch of every lane between two of its ``limits`` for the rank that has it."""
    return [
        Piece(rank, tensor[lane, first:last])
        for rank in range(len(limits[0]) - 1)
        for lane, (first, last) in ((lane, each[rank : rank + 2]) for lane, each in enumerate(limits))
        for tensor in tensors
    ]
