"""Integer arrays as indices: reading and writing what they name.

Indices travel to the owners and values back, in proportion to what is asked for. Nothing moves when the partitioned
axis is not indexed by arrays, or when the array that is read is replicated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from array_api_dist import _indexing as keys
from array_api_dist._alignment import Layout, align, align_to, even_on_longest
from array_api_dist._block import Block
from array_api_dist._indexing import after_gather
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import broadcast_shapes, reduced_shape, with_axis_length
from array_api_dist.collectives import operators
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.engine.routing import (
    OutOfBounds,
    as_indices,
    extent,
    fetch,
    ravel,
    refuse_together,
    slabs_at,
    with_rest,
    wrapped,
)
from array_api_dist.engine.selection import nonzero
from array_api_dist.kernels.indexing import slabs
from array_api_dist.kernels.moving import INTEGERS, movable
from array_api_dist.kernels.predicates import positions

__all__ = ["as_indices", "gather", "nonzero", "take", "take_along_axis"]


def gather(
    block: Block, axes: tuple[int, ...], indices: Sequence[Block | int], broadcast: Shape, at: int
) -> Block:
    """Return the elements of ``block`` at ``indices``, zipped together along ``axes``.

    Parameters
    ----------
    block : Block
    axes : tuple of int
        The axes that are indexed.
    indices : sequence of Block or int
        One for each of them: int64 arrays that broadcast to ``broadcast``, at least one, and integers in bounds.
    broadcast : tuple of int
    at : int
        Where the axes of ``broadcast`` go in the result, counted in the axes that are not indexed.

    Returns
    -------
    Block
        Partitioned as ``block`` where its partitioned axis is not indexed, else as the indices are; what replicated
        indices ask of a partitioned axis is replicated when small, else even.

    Raises
    ------
    IndexError
        On every rank: an index is out of bounds.

    Notes
    -----
    Communication: none when the partitioned axis is not indexed or nothing is partitioned (partitioned indices of a
    replicated block: one all-to-all of 8 bytes a pair, to agree that all are in bounds); one allreduce of the result
    when it is small and the indices are replicated; else two exchanges, and one all-to-all of counts.
    """
    if block.partition.axis in axes:
        return _gather_routed(block, axes, indices, broadcast, at)
    first = indices[0]
    if axes == (at,) and isinstance(first, Block) and first.partition.axis is None:
        return _gather_along(block, at, first)
    return _gather_locally(block, axes, indices, broadcast, at)


def take(block: Block, indices: Block, axis: int) -> Block:
    """Return the slabs of ``block`` at the one-dimensional ``indices`` along ``axis``. Communication: as ``gather``.

    Raises
    ------
    IndexError
        On every rank: an index is out of bounds.
    """
    if indices.local.dtype != torch.int64:
        indices = indices.with_local(as_indices(indices.local))
    return gather(block, (axis,), (indices,), indices.shape, axis)


# ---- where the indices are


def _indices_partition(indices: Sequence[Block | int]) -> Partition:
    """Return how the broadcast indices are partitioned when the smaller ones move to the largest."""
    return align(*(index.layout for index in indices if isinstance(index, Block))).result.partition


def _placed(
    indices: Sequence[Block | int], shape: Shape, partition: Partition, device: torch.device
) -> list[torch.Tensor]:
    """Return the local part of every index, laid out to meet an array of ``shape`` partitioned as ``partition``."""
    local = []
    for index in indices:
        if isinstance(index, int):
            local.append(torch.tensor(index, device=device))
            continue
        (target,) = align_to(Layout(shape, partition), index.layout)
        local.append(redistribute(index, target).local)
    return local


def _in_bounds(
    block: Block,
    axes: Sequence[int],
    local: Sequence[torch.Tensor],
    shape: Shape,
    partition: Partition,
) -> tuple[list[torch.Tensor], OutOfBounds | None]:
    """Return the local indices counted from the front, and the first that is out of bounds here."""
    here, first = [], None
    for order, (axis, index) in enumerate(zip(axes, local, strict=True)):
        wrapped_index, finding = wrapped(
            index, block.shape[axis], order, (shape, partition, block.device.rank)
        )
        here.append(wrapped_index)
        first = first or finding
    return here, first


def _refuse(block: Block, finding: OutOfBounds | None, partition: Partition) -> None:
    """Raise ``finding`` on every rank; all ranks have it when the indices are replicated."""
    if partition.axis is not None:
        refuse_together(block.communicator, finding)
    elif finding is not None:
        raise finding.error


# ---- reading


def _gather_along(block: Block, axis: int, indices: Block) -> Block:
    """Return what indices that every rank has take along one axis that is not partitioned."""
    index = _from_the_front(block, indices, axis).local
    found = slabs(block.local, axis, index if index.ndim == 1 else index.reshape(-1))
    if index.ndim != 1:
        found = found.reshape(*found.shape[:axis], *index.shape, *found.shape[axis + 1 :])
    shape = (*block.shape[:axis], *indices.shape, *block.shape[axis + 1 :])
    return Block(found, shape, after_gather(block.partition, (axis,), index.ndim, axis), block.device)


def _gather_locally(
    block: Block, axes: tuple[int, ...], indices: Sequence[Block | int], broadcast: Shape, at: int
) -> Block:
    partition = REPLICATED if block.partition.axis is not None else _indices_partition(indices)
    placed = _placed(indices, broadcast, partition, block.local.device)
    local_indices, finding = _in_bounds(block, axes, placed, broadcast, partition)
    _refuse(block, finding, partition)
    lead = partition.local_shape(broadcast, block.device.rank)
    found = _zipped_slabs(block.local, axes, local_indices, lead)
    kept = reduced_shape(block.shape, axes)
    shape = (*kept[:at], *broadcast, *kept[at:])
    if partition.axis is not None:
        target = partition.on_axis(partition.axis + at)
    else:
        target = after_gather(block.partition, axes, len(broadcast), at)
    return Block(_leading_to(found, len(broadcast), at), shape, target, block.device)


def _zipped_slabs(
    local: torch.Tensor, axes: tuple[int, ...], indices: Sequence[torch.Tensor], lead: Shape
) -> torch.Tensor:
    """Return the slabs at zipped ``indices``: axes of shape ``lead`` first, then those not indexed."""
    if len(axes) == 1:
        flat = indices[0].expand(lead).reshape(-1)
        found = slabs(local, axes[0], flat).movedim(axes[0], 0)
        return found.reshape(*lead, *found.shape[1:])
    source = movable(local).permute(with_rest(axes, local.ndim))
    found = source[tuple(index.expand(lead) for index in indices)]
    return found.view(local.dtype)


def _leading_to(tensor: torch.Tensor, count: int, at: int) -> torch.Tensor:
    """Return a view whose first ``count`` axes have moved behind the next ``at``."""
    if at == 0:
        return tensor
    order = (*range(count, count + at), *range(count), *range(count + at, tensor.ndim))
    return tensor.permute(order)


def _partitioned_first(axes: Sequence[int], partitioned: int | None) -> list[int]:
    """Return the order of ``axes`` (as positions in it) with the partitioned one first."""
    return sorted(range(len(axes)), key=lambda place: axes[place] != partitioned)


def _gather_routed(
    block: Block, axes: tuple[int, ...], indices: Sequence[Block | int], broadcast: Shape, at: int
) -> Block:
    kept = reduced_shape(block.shape, axes)
    shape = (*kept[:at], *broadcast, *kept[at:])
    partition = _indices_partition(indices)
    is_small = prod(shape) * block.local.element_size() <= keys.SMALL_NBYTES
    if partition.axis is None and not is_small:
        # The same indices on every rank: each asks for its share of them.
        partition = even_on_longest(broadcast, block.device.ranks)
    local = _placed(indices, broadcast, partition, block.local.device)
    local, finding = _in_bounds(block, axes, local, broadcast, partition)
    found = _asked(block, axes, local, broadcast, partition, finding)
    result = partition if partition.axis is None else partition.on_axis(partition.axis + at)
    return Block(_leading_to(found, len(broadcast), at), shape, result, block.device)


def _asked(
    block: Block,
    axes: tuple[int, ...],
    indices: Sequence[torch.Tensor],
    broadcast: Shape,
    partition: Partition,
    finding: OutOfBounds | None,
) -> torch.Tensor:
    """Return the slabs of a block, one of whose partitioned axis is among ``axes``, at this rank's zipped indices.

    The axes of ``broadcast``, partitioned as ``partition``, come first. Replicated: one allreduce. Else two exchanges.
    """
    lead = partition.local_shape(broadcast, block.device.rank)
    order = _partitioned_first(axes, block.partition.axis)
    led = tuple(axes[place] for place in order)
    flat = [indices[place].expand(lead).reshape(-1) for place in order]
    if partition.axis is None:
        _refuse(block, finding, partition)
        found = _contributed(block, led, flat)
    else:
        total = prod(broadcast)
        found = fetch(block.local, block.partition, led, flat, block.communicator, total, finding)
    found = found.movedim(led[0] if len(led) == 1 else 0, 0)
    return found.reshape(*lead, *found.shape[1:])


def _contributed(block: Block, axes: tuple[int, ...], indices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the slabs at indices that every rank has: each owner gives its own.

    Communication: one allreduce of the result.
    """
    local = block.local
    inside = indices[0] - block.offset(axes[0])
    mine = positions((inside >= 0) & (inside < local.shape[axes[0]]))
    has_all = len(mine) == len(inside)
    lengths = [local.shape[axis] for axis in axes]
    chosen = [index if has_all else index.index_select(0, mine) for index in (inside, *indices[1:])]
    result = slabs_at(local, axes, ravel(chosen, lengths))
    if not has_all:
        along = axes[0] if len(axes) == 1 else 0
        own, result = result, result.new_zeros(with_axis_length(tuple(result.shape), along, len(inside)))
        movable(result).index_copy_(along, mine, movable(own))
    # Bits, not values: each element comes from one rank, and the others add zeros.
    (bits,) = block.communicator.allreduce((_bits(result),), operators.SUM)
    return _from_bits(bits, local.dtype)


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` as integers of the same bits (a complex number as two)."""
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.view(INTEGERS[real.element_size()])


def _from_bits(bits: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if dtype.is_complex:
        return torch.view_as_complex(bits.view(dtype.to_real()))
    return bits.view(dtype)


# ---- reading along one axis


def take_along_axis(block: Block, indices: Block, axis: int) -> Block:
    """Return the elements of ``block`` at ``indices`` along ``axis``; the other axes broadcast.

    Raises
    ------
    ValueError
        On every rank, before communication: the other axes don't broadcast.
    IndexError
        On every rank: an index is out of bounds.

    Notes
    -----
    Communication: none when ``axis`` is not partitioned and the indices are replicated or partitioned alike (one
    all-to-all of 8 bytes a pair, to agree that partitioned ones are in bounds); the indices move to the partition of
    ``block`` otherwise. Along the partitioned axis: as ``gather``.
    """
    indices = indices.with_local(as_indices(indices.local))
    squeezed = (*block.shape[:axis], 1, *block.shape[axis + 1 :])
    shape = broadcast_shapes(squeezed, indices.shape)
    shape = (*shape[:axis], indices.shape[axis], *shape[axis + 1 :])
    along = block.partition.axis
    if along is not None and along != axis and block.shape[along] != shape[along]:
        # All of it is on one rank, and stretched over the result.
        block = redistribute(block, Partition.even(axis, block.shape[axis], block.device.ranks))
    if block.partition.axis == axis:
        return _along_routed(block, indices, axis, shape)
    return _along_locally(block, indices, axis, shape)


def _along_locally(block: Block, indices: Block, axis: int, shape: Shape) -> Block:
    along, partition = block.partition.axis, block.partition
    if along is None:
        partition = align(Layout((1,) * len(shape), REPLICATED), indices.layout).result.partition
        if partition.axis is not None and not partition.fits(shape, block.device.ranks):
            partition = even_on_longest(shape, block.device.ranks)
    local = block.local
    if along is None and partition.axis is not None and partition.axis != axis:
        (cut,) = align_to(Layout(shape, partition), block.layout)
        local = redistribute(block, cut).local
    indices = _from_the_front(block, indices, axis)
    (target,) = align_to(Layout(shape, partition), indices.layout)
    index = redistribute(indices, target).local
    found = torch.take_along_dim(movable(local), index, axis).view(local.dtype)
    return Block(found, shape, partition, block.device)


def _from_the_front(block: Block, indices: Block, axis: int) -> Block:
    """Return indices along ``axis`` counted from the front; where they are copies, every rank sees what is wrong."""
    positions = (indices.shape, indices.partition, block.device.rank)
    index, finding = wrapped(indices.local, block.shape[axis], 0, positions)
    _refuse(block, finding, indices.partition)
    return indices.with_local(index)


def _along_routed(block: Block, indices: Block, axis: int, shape: Shape) -> Block:
    partition = align(Layout((1,) * len(shape), REPLICATED), indices.layout).result.partition
    is_small = prod(shape) * block.local.element_size() <= keys.SMALL_NBYTES
    fits = partition.axis is None or partition.fits(shape, block.device.ranks)
    if not fits or (partition.axis is None and not is_small):
        partition = even_on_longest(shape, block.device.ranks)
    (target,) = align_to(Layout(shape, partition), indices.layout)
    indices = redistribute(indices, target)
    positions = (indices.shape, indices.partition, block.device.rank)
    index, finding = wrapped(indices.local, block.shape[axis], 0, positions)
    axes = tuple(range(block.ndim))
    mesh = [index if other == axis else _coordinate(block, shape, partition, other) for other in axes]
    found = _asked(block, axes, mesh, shape, partition, finding)
    return Block(found, shape, partition, block.device)


def _coordinate(block: Block, shape: Shape, partition: Partition, axis: int) -> torch.Tensor:
    """Return where along ``axis`` of ``block`` the elements of this rank's part of the result are."""
    place = extent(shape, partition, block.device.rank, axis, block.local.device)
    if block.shape[axis] == 1:
        place = torch.zeros_like(place)
    return place.view(tuple(-1 if other == axis else 1 for other in range(len(shape))))
