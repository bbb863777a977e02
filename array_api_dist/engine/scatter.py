"""Writing to what integer arrays name: the last write to an element, in row-major order of the indices, wins.

So the result never depends on who holds which index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch

from array_api_dist._alignment import Layout, align, align_to
from array_api_dist._block import Block
from array_api_dist._indexing import after_gather
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import reduced_shape
from array_api_dist.engine.redistribution import redistribute, replicate
from array_api_dist.engine.routing import (
    OutOfBounds,
    Route,
    even_on_longest,
    grouped,
    movable,
    outer_size,
    owners_of,
    ravel,
    row_major_positions,
    unravel,
    with_rest,
    wrapped,
)
from array_api_dist.kernels.ordering import argsort


@dataclass(frozen=True, slots=True, eq=False)
class _Writing:
    """What is written where; the first of ``axes`` is the partitioned one if that is indexed."""

    block: Block
    axes: tuple[int, ...]
    indices: tuple[Block | int, ...]
    broadcast: Shape
    at: int
    value: Block

    @property
    def shape(self) -> Shape:
        """The shape of what is written."""
        kept = reduced_shape(self.block.shape, self.axes)
        return (*kept[: self.at], *self.broadcast, *kept[self.at :])

    @property
    def varies(self) -> bool:
        """Whether the value differs between indices."""
        first = self.at + self.value.ndim - len(self.shape)
        lengths = self.value.shape[max(first, 0) : max(first + len(self.broadcast), 0)]
        return any(length != 1 for length in lengths)

    @property
    def kept_shape(self) -> Shape:
        """The local lengths of the axes that are not indexed."""
        return reduced_shape(tuple(self.block.local.shape), self.axes)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The local lengths of the axes that are indexed."""
        return tuple(self.block.local.shape[axis] for axis in self.axes)


def scatter(
    block: Block,
    axes: tuple[int, ...],
    indices: Sequence[Block | int],
    broadcast: Shape,
    at: int,
    value: Block,
) -> None:
    """Write ``value`` to the elements of ``block`` at ``indices``, zipped together along ``axes``, in place.

    Parameters
    ----------
    block, axes, indices, broadcast, at
        As for ``gather_scatter.gather``.
    value : Block
        Broadcasts to what ``gather`` would give, and has no more axes.

    Raises
    ------
    IndexError
        On every rank: an index is out of bounds. Nothing has then been written.

    Notes
    -----
    Communication: none when the indices are replicated, and the value is so too or is partitioned as ``block`` along
    an axis that is not indexed. Where only the value moves, it moves once. Else indices and values travel to the
    owners: one all-to-all of counts and at most three exchanges.
    """
    order = sorted(range(len(axes)), key=lambda place: axes[place] != block.partition.axis)
    writing = _Writing(
        block,
        tuple(axes[place] for place in order),
        tuple(indices[place] for place in order),
        broadcast,
        at,
        value,
    )
    if block.partition.axis not in axes:
        _write_locally(writing)
    elif all(isinstance(index, int) or index.partition.axis is None for index in (*indices, value)):
        _write_owned(writing)
    else:
        _write_routed(writing)


def _placed_indices(writing: _Writing, partition: Partition) -> tuple[list[torch.Tensor], OutOfBounds | None]:
    """Return this rank's part of every index, flat and counted from the front, and what is wrong with them."""
    block, broadcast = writing.block, writing.broadcast
    rank = block.device.rank
    lead = partition.local_shape(broadcast, rank)
    flat, found = [], []
    for axis, index in zip(writing.axes, writing.indices, strict=True):
        if isinstance(index, int):
            local = torch.tensor(index, device=block.local.device)
        else:
            (target,) = align_to(Layout(broadcast, partition), index.layout)
            local = redistribute(index, target).local
        here, finding = wrapped(local, block.shape[axis], axis, (broadcast, partition, rank))
        flat.append(here.expand(lead).reshape(-1))
        found += [finding] if finding is not None else []
    return flat, min(found, key=lambda finding: finding.axis, default=None)


def _flat_values(writing: _Writing, local: torch.Tensor, lead: Shape) -> torch.Tensor:
    """Return the local values as one row for each index, or the one row that all of them share."""
    count, at = len(writing.broadcast), writing.at
    ndim = len(writing.shape)
    local = local[(None,) * (ndim - local.ndim)]
    order = (*range(at, at + count), *range(at), *range(at + count, ndim))
    front = local.permute(order)
    if not writing.varies:
        return front.reshape(front.shape[count:])
    kept = writing.kept_shape
    return front.expand(*lead, *kept).reshape(prod(lead), *kept)


def _write(writing: _Writing, offsets: torch.Tensor, values: torch.Tensor) -> None:
    """Write to the local slabs at row-major ``offsets`` over the axes; of several writes to one the last wins."""
    target = movable(writing.block.local).permute(with_rest(writing.axes, writing.block.ndim))
    values = movable(values)
    if writing.varies:
        last = _last_of_each(offsets)
        if last is not None:
            offsets, values = offsets[last], values[last]
    target[unravel(offsets, writing.lengths)] = values


def _last_of_each(offsets: torch.Tensor) -> torch.Tensor | None:
    """Return where each different offset comes last, or None when they ascend strictly."""
    if offsets.numel() < 2 or bool((offsets[1:] > offsets[:-1]).all()):
        return None
    places = argsort(offsets, 0)
    ordered = offsets[places]
    ends = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=ends[:-1])
    return places[ends]


def _write_locally(writing: _Writing) -> None:
    """Write where the partitioned axis, if there is one, is not indexed: every rank has all indices."""
    block = writing.block
    flat, finding = _placed_indices(writing, REPLICATED)
    if finding is not None:
        raise finding.error
    target = after_gather(block.partition, writing.axes, len(writing.broadcast), writing.at)
    (partition,) = align_to(Layout(writing.shape, target), writing.value.layout)
    values = _flat_values(writing, redistribute(writing.value, partition).local, writing.broadcast)
    _write(writing, ravel(flat, writing.lengths), values)


def _write_owned(writing: _Writing) -> None:
    """Write where every rank has all indices and values: each owner takes its own."""
    block = writing.block
    flat, finding = _placed_indices(writing, REPLICATED)
    if finding is not None:
        raise finding.error
    inside = flat[0] - block.offset(writing.axes[0])
    mine = torch.nonzero((inside >= 0) & (inside < writing.lengths[0])).squeeze(1)
    values = _flat_values(writing, writing.value.local, writing.broadcast)
    if writing.varies:
        values = movable(values)[mine].view(values.dtype)
    _write(writing, ravel([index[mine] for index in (inside, *flat[1:])], writing.lengths), values)


def _meeting(writing: _Writing) -> Partition:
    """Return how the broadcast indices are partitioned on their way: as they are, as the value, or evenly."""
    blocks = [index for index in writing.indices if isinstance(index, Block)]
    partition = align(*(index.layout for index in blocks)).result.partition
    if partition.axis is not None:
        return partition
    value, at = writing.value, writing.at
    if value.partition.axis is not None:
        axis = value.partition.axis + len(writing.shape) - value.ndim
        inner = axis - at
        if 0 <= inner < len(writing.broadcast) and value.partition.length == writing.broadcast[inner]:
            return value.partition.on_axis(inner)
    return even_on_longest(writing.broadcast, writing.block.device.ranks)


def _write_routed(writing: _Writing) -> None:
    """Send indices and values to the owners, who write."""
    block, communicator = writing.block, writing.block.communicator
    partition = _meeting(writing)
    assert partition.axis is not None
    rank, device = block.device.rank, block.local.device
    lead = partition.local_shape(writing.broadcast, rank)
    flat, finding = _placed_indices(writing, partition)
    owners, inside = owners_of(block.partition, flat[0])
    order, counts = grouped(owners, communicator.ranks)
    values = _values_on_the_way(writing, partition, lead)
    route = Route.agreed(communicator, counts, finding)
    offsets = route.forward(_ordered(ravel((inside, *flat[1:]), writing.lengths), order))
    if writing.varies:
        values = route.forward(_ordered(values, order))
        if outer_size(writing.broadcast, partition.axis) > 1:
            # The parts of the ranks interleave: what arrives is put back into row-major order.
            places = row_major_positions(writing.broadcast, partition, rank, device).reshape(-1)
            turn = argsort(route.forward(_ordered(places, order)), 0, merges=True)
            offsets, values = offsets[turn], _ordered(values, turn)
    _write(writing, offsets, values)


def _ordered(items: torch.Tensor, order: torch.Tensor | None) -> torch.Tensor:
    """Return ``items`` in ``order`` along their first axis."""
    return items if order is None else movable(items)[order].view(items.dtype)


def _values_on_the_way(writing: _Writing, partition: Partition, lead: Shape) -> torch.Tensor:
    """Return the values beside this rank's part of the indices."""
    if not writing.varies:
        return _flat_values(writing, replicate(writing.value).local, lead)
    assert partition.axis is not None
    target = Layout(writing.shape, partition.on_axis(partition.axis + writing.at))
    (placed,) = align_to(target, writing.value.layout)
    return _flat_values(writing, redistribute(writing.value, placed).local, lead)
