"""Reshape: a view where no element changes its rank, else one exchange of interval overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import prod

import torch

from array_api_dist._block import Block
from array_api_dist._exchange import flat_partition
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.collectives import Piece
from array_api_dist.engine import rearrangement
from array_api_dist.engine.redistribution import redistribute, signed_view
from array_api_dist.engine.routing import grouped, to_row_major
from array_api_dist.kernels.order_keys import pieces
from array_api_dist.kernels.packed_order import group_type


def _surviving_axis(shape: Shape, partition: Partition, target: Shape) -> Partition | None:
    """Return the partition under which the reshape to ``target`` moves nothing, or None.

    The elements in front of the partitioned axis must fill whole axes of the target, and each rank's share of one
    such stretch must fill whole rows of the target's axis there.
    """
    axis = partition.axis
    assert axis is not None
    front, inner, reached = prod(shape[:axis]), prod(shape[axis + 1 :]), 1
    for candidate, length in enumerate(target):
        row = prod(target[candidate + 1 :])
        whole = length * row == shape[axis] * inner
        if reached == front and whole and row and all(bound * inner % row == 0 for bound in partition.bounds):
            return partition.scaled(inner, row).on_axis(candidate)
        reached *= length
    return None


def _nearest_rows(flat: Partition, target: Shape) -> Partition:
    """Return the partition of ``target`` along its first long axis whose parts begin nearest to the ``flat`` offsets."""
    axis = next((axis for axis, length in enumerate(target) if length > 1), 0)
    row = max(prod(target[axis + 1 :]), 1)
    bounds = tuple((bound + row // 2) // row for bound in flat.bounds)
    return Partition(axis, (0, *bounds[1:-1], target[axis]))


@lru_cache(maxsize=4096)
def reshaped_partition(shape: Shape, partition: Partition, target: Shape) -> Partition:
    """Return the partition that a partitioned array of ``shape`` has after its reshape to ``target``.

    The one that moves nothing where there is one; else near where the elements are; never lopsided.
    """
    surviving = _surviving_axis(shape, partition, target) if prod(shape) else None
    if surviving is not None:
        return surviving
    ranks = len(partition.bounds) - 1
    axis = next((axis for axis, length in enumerate(target) if length > 1), 0)
    even = Partition.even(axis, target[axis], ranks)
    flat = flat_partition(partition, shape)
    if flat is None or prod(shape) == 0:
        return even
    near = _nearest_rows(flat, target)
    return even if near.is_lopsided else near


def reshape(block: Block, shape: Shape) -> Block:
    """Return the elements in row-major order in another ``shape``.

    Communication: none when no element changes its rank; else one exchange in which each moves at most once.
    """
    if block.partition.axis is None:
        return Block(block.local.reshape(shape), shape, block.partition, block.device)
    if not shape:
        return Block(
            redistribute(block, Partition(None)).local.reshape(()), shape, Partition(None), block.device
        )
    target = reshaped_partition(block.shape, block.partition, shape)
    local_shape = target.local_shape(shape, block.device.rank)
    if block.size == 0 or _surviving_axis(block.shape, block.partition, shape) == target:
        return Block(block.local.reshape(local_shape), shape, target, block.device)
    source_flat, target_flat = flat_partition(block.partition, block.shape), flat_partition(target, shape)
    if source_flat is not None and target_flat is not None:
        rows = Block(block.local.reshape(-1), (block.size,), source_flat, block.device)
        local = redistribute(rows, target_flat).local
    else:
        local = _scattered(block, shape, target)
    return Block(local.reshape(local_shape), shape, target, block.device)


def roll(block: Block, shift: int) -> Block:
    """Return the elements moved on by ``shift`` in row-major order; shape and partition stay.

    Communication: none when replicated; else one exchange in which each moves at most once.
    """
    shift = shift % block.size if block.size else 0
    if shift == 0:
        return block
    flat = REPLICATED if block.partition.axis is None else flat_partition(block.partition, block.shape)
    if flat is None:
        local = _scattered(block, block.shape, block.partition, shift)
    else:
        line = Block(block.local.reshape(-1), (block.size,), flat, block.device)
        local = rearrangement.roll(line, (shift,), (0,)).local
    return block.with_local(local.reshape(block.local.shape))


def _positions_of(
    shape: Shape, partition: Partition, rank: int, other: Partition, other_shape: Shape, shift: int = 0
) -> Iterator[torch.Tensor]:
    """Yield, for each peer, which elements of ``rank``'s part it owns when all have moved on by ``shift`` places.

    A pair of ranks tells its elements in the order in which they lie before they move on, which ``shift`` is below
    zero to look back at.
    """
    assert other.axis is not None
    ranks, size, row = len(other.bounds) - 1, prod(shape), prod(other_shape[other.axis + 1 :])
    ends = torch.tensor(other.bounds[1:])
    owners = torch.empty(prod(partition.local_shape(shape, rank)), dtype=group_type(ranks))
    wrapped = 0
    for piece in pieces(owners.shape):
        _, start, count = piece
        places = torch.arange(start, start + count)
        to_row_major(places, shape, partition, rank)
        places.add_(shift)
        wrapped += int((places < 0).sum()) if shift < 0 else 0
        along = places.remainder_(size).floor_divide_(row).remainder_(other_shape[other.axis])
        owners.narrow(*piece).copy_(torch.bucketize(along, ends, right=True))
    # What begins the part was at the end.
    owners = owners.roll(-wrapped) if wrapped else owners
    order, counts = grouped(owners, ranks)
    del owners
    order = torch.arange(sum(counts)) if order is None else order
    if wrapped:
        order.add_(wrapped).remainder_(len(order))
    yield from torch.split(order, counts)


def _scattered(block: Block, shape: Shape, target: Partition, shift: int = 0) -> torch.Tensor:
    """Exchange elements whose parts are not intervals of the row-major order; both sides compute the same positions.

    With ``shift``, not below zero, each moves on by as many places.
    """
    device = block.device
    moved = signed_view(block.local.dtype)
    source = block.local.reshape(-1).view(moved)
    outgoing = _positions_of(block.shape, block.partition, device.rank, target, shape, shift)
    sends = [Piece(peer, source[at.to(source.device)]) for peer, at in enumerate(outgoing) if len(at)]
    del outgoing, source
    incoming = list(_positions_of(shape, target, device.rank, block.partition, block.shape, -shift))
    buffers = [torch.empty(len(at), dtype=moved, device=block.local.device) for at in incoming]
    block.communicator.exchange(
        sends, [Piece(peer, buffer) for peer, buffer in enumerate(buffers) if len(buffer)]
    )
    del sends
    result = torch.empty(prod(target.local_shape(shape, device.rank)), dtype=moved, device=block.local.device)
    for at, buffer in zip(incoming, buffers, strict=True):
        result[at.to(result.device)] = buffer
    return result.view(block.local.dtype)


def shares_memory(source: Block, result: Block) -> bool:
    """Return whether ``result`` is a view of ``source`` on every rank, from global facts alone."""
    if source.shape == result.shape:
        return True
    if source.partition.axis is not None and source.size:
        surviving = result.partition.axis is not None and (
            _surviving_axis(source.shape, source.partition, result.shape) == result.partition
        )
        if not surviving:
            return False
    return bool(
        source.local.numel() == 0
        or source.local.untyped_storage().data_ptr() == result.local.untyped_storage().data_ptr()
    )
