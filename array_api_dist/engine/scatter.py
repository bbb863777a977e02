"""Writing to what integer arrays name: the last write to an element, in row-major order of the indices, wins.

So the result never depends on who holds which index. Writes are carried out some at a time: what is on its way takes no
more than ``WRITTEN_NBYTES`` of a rank, however many are for it. Where others come before them, owners remember who wrote
each place last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import torch

from array_api_dist._alignment import Layout, align, align_to, even_on_longest
from array_api_dist._block import Block
from array_api_dist._indexing import after_gather
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import reduced_shape
from array_api_dist.engine.redistribution import redistribute, replicate
from array_api_dist.engine.routing import (
    OutOfBounds,
    Route,
    grouped,
    outer_size,
    owners_of,
    ravel,
    unravel,
    with_rest,
    wrapped,
)
from array_api_dist.kernels.moving import movable
from array_api_dist.kernels.order_keys import pieces
from array_api_dist.kernels.ordering import argsort
from array_api_dist.kernels.packed_order import group_type
from array_api_dist.kernels.predicates import ascends, positions

WRITTEN_NBYTES: Final = 1 << 26
"""Of writes that are on their way, or put in order, a rank holds so much at a time, or one from each rank."""

# Up to so many places for each write they remember the last one, in less memory than sorting takes.
_ROOM: Final = 8

_ORDERED_NBYTES: Final = 48
"""What putting a write in order takes, beside its values: offsets, where they go, which are the last."""


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

    @property
    def at_once(self) -> int:
        """How many writes a rank has on their way: their values on both sides, and once more where the last are taken."""
        nbytes = _ORDERED_NBYTES + 3 * prod(self.kept_shape) * self.block.local.element_size()
        return max(WRITTEN_NBYTES // nbytes, 1)


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
    owners: one all-to-all of counts and at most three exchanges; if all writes together take more than
    ``WRITTEN_NBYTES``, one allreduce of 8 bytes, and as many times these exchanges as no rank sends or gets more at once.
    Memory: what moves to meet the indices, 4 bytes an index, a byte (two beyond 127 ranks) for each place that indices
    can name (4, or 8, if the indices are partitioned along an inner axis), and ``WRITTEN_NBYTES``.
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


# ---- what this rank has


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows behind axes of lengths ``lead``: they are numbered row-major, and copied only when they are taken."""

    tensor: torch.Tensor
    lead: Shape

    @staticmethod
    def of(tensor: torch.Tensor, lead: Shape) -> _Rows:
        """Return the rows behind the first axes of ``tensor``, which stretch to ``lead``."""
        kept = tensor.shape[len(lead) :]
        tensor = tensor.expand(*lead, *kept)
        try:
            return _Rows(tensor.view(prod(lead), *kept), (prod(lead),))
        except RuntimeError:
            # torch has no other way to ask whether axes can be merged.
            return _Rows(tensor, lead)

    def taken(self, places: torch.Tensor) -> torch.Tensor:
        """Return the rows with these numbers."""
        source = movable(self.tensor)
        found = source.index_select(0, places) if len(self.lead) == 1 else source[unravel(places, self.lead)]
        return found.view(self.tensor.dtype)

    def between(self, first: int, last: int) -> torch.Tensor:
        """Return consecutive rows."""
        if len(self.lead) == 1:
            return self.tensor[first:last]
        return self.taken(torch.arange(first, last, device=self.tensor.device))


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """This rank's indices along one axis: they may count from its end."""

    rows: _Rows
    length: int
    is_negative: bool

    def taken(self, places: torch.Tensor) -> torch.Tensor:
        """Return some of them, counted from the front."""
        return self._from_front(self.rows.taken(places))

    def between(self, first: int, last: int) -> torch.Tensor:
        """Return consecutive ones, counted from the front."""
        return self._from_front(self.rows.between(first, last))

    def _from_front(self, index: torch.Tensor) -> torch.Tensor:
        return torch.where(index < 0, index + self.length, index) if self.is_negative else index


def _placed_indices(writing: _Writing, partition: Partition) -> tuple[list[_Index], OutOfBounds | None]:
    """Return this rank's part of every index, and what is wrong with them."""
    block, broadcast = writing.block, writing.broadcast
    rank = block.device.rank
    lead = partition.local_shape(broadcast, rank)
    placed, found = [], []
    for axis, index in zip(writing.axes, writing.indices, strict=True):
        if isinstance(index, int):
            local = torch.tensor(index, device=block.local.device)
        else:
            (target,) = align_to(Layout(broadcast, partition), index.layout)
            local = redistribute(index, target).local
        low, high = (int(extreme) for extreme in torch.aminmax(local)) if local.numel() else (0, -1)
        length = block.shape[axis]
        if low < -length or high >= length:
            _, finding = wrapped(local, length, axis, (broadcast, partition, rank))
            found += [finding] if finding is not None else []
        placed.append(_Index(_Rows.of(local, lead), length, low < 0))
    return placed, min(found, key=lambda finding: finding.axis, default=None)


def _value_rows(writing: _Writing, local: torch.Tensor, lead: Shape) -> _Rows:
    """Return the local values as one row for each index, or the one row that all of them share."""
    count, at = len(writing.broadcast), writing.at
    ndim = len(writing.shape)
    local = local[(None,) * (ndim - local.ndim)]
    order = (*range(at, at + count), *range(at), *range(at + count, ndim))
    front = local.permute(order)
    if not writing.varies:
        return _Rows(front.reshape(front.shape[count:]), ())
    return _Rows.of(front.expand(*front.shape[:count], *writing.kept_shape), lead)


# ---- writing to the own part


def _write(
    writing: _Writing,
    offsets: torch.Tensor,
    values: torch.Tensor,
    keys: torch.Tensor | None = None,
    newest: torch.Tensor | None = None,
) -> None:
    """Write to the local slabs at row-major ``offsets`` over the axes; of several writes to one the last wins.

    Parameters
    ----------
    writing : _Writing
    offsets, values : torch.Tensor
        In order, but for ``keys``.
    keys : torch.Tensor or None
        The order of the writes; those of one key are in order.
    newest : torch.Tensor or None
        The key of what was last written to each slab: earlier writes are dropped, and it is updated.
    """
    values = movable(values)
    if writing.varies:
        last = _last_of_each(offsets, keys, prod(writing.lengths), writing.block.device.ranks)
        if last is not None:
            offsets, values = offsets.index_select(0, last), values.index_select(0, last)
            keys = None if keys is None else keys.index_select(0, last)
        if newest is not None and keys is not None:
            counts = keys >= newest[offsets]
            if not bool(counts.all()):
                offsets, values, keys = offsets[counts], values[counts], keys[counts]
            newest[offsets] = keys
    target = movable(writing.block.local).permute(with_rest(writing.axes, writing.block.ndim))
    if len(writing.axes) == 1 and values.shape == (len(offsets), *target.shape[1:]):
        target.index_copy_(0, offsets, values)
    else:
        target[unravel(offsets, writing.lengths)] = values


def _last_of_each(
    offsets: torch.Tensor, keys: torch.Tensor | None, places: int, ranks: int
) -> torch.Tensor | None:
    """Return where each different offset, below ``places``, comes last in the order of ``keys``, in a run of each rank.

    None: all are, as they ascend strictly.
    """
    turn = None
    if keys is not None and not ascends(keys):
        turn = argsort(keys, 0, runs=ranks)
        offsets = offsets[turn]
    if offsets.numel() < 2 or bool((offsets[1:] > offsets[:-1]).all()):
        return turn
    last = _last_by_sorting(offsets) if places > _ROOM * len(offsets) else _last_by_place(offsets, places)
    return last if turn is None else turn[last]


def _last_by_place(offsets: torch.Tensor, places: int) -> torch.Tensor:
    """Return where each different offset comes last: each place remembers the greatest number of a write to it."""
    numbers = torch.arange(len(offsets), dtype=torch.int32, device=offsets.device)
    greatest = torch.zeros(places, dtype=torch.int32, device=offsets.device)
    greatest.scatter_reduce_(0, offsets, numbers, "amax")
    return positions(greatest.index_select(0, offsets) == numbers)


def _last_by_sorting(offsets: torch.Tensor) -> torch.Tensor:
    places = argsort(offsets, 0)
    ordered = offsets[places]
    ends = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=ends[:-1])
    del ordered
    return places[ends]


def _steps(writing: _Writing, count: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of as many consecutive ones of ``count`` writes as may be put in order together."""
    step = writing.at_once
    for first in range(0, count, step):
        yield first, min(first + step, count)


def _write_locally(writing: _Writing) -> None:
    """Write where the partitioned axis, if there is one, is not indexed: every rank has all indices."""
    block = writing.block
    indices, finding = _placed_indices(writing, REPLICATED)
    if finding is not None:
        raise finding.error
    target = after_gather(block.partition, writing.axes, len(writing.broadcast), writing.at)
    (partition,) = align_to(Layout(writing.shape, target), writing.value.layout)
    values = _value_rows(writing, redistribute(writing.value, partition).local, writing.broadcast)
    for some in _steps(writing, prod(writing.broadcast)):
        offsets = ravel([index.between(*some) for index in indices], writing.lengths)
        _write(writing, offsets, values.between(*some) if writing.varies else values.tensor)


def _write_owned(writing: _Writing) -> None:
    """Write where every rank has all indices and values: each owner takes its own."""
    block = writing.block
    indices, finding = _placed_indices(writing, REPLICATED)
    if finding is not None:
        raise finding.error
    values = _value_rows(writing, writing.value.local, writing.broadcast)
    for some in _steps(writing, prod(writing.broadcast)):
        here = [index.between(*some) for index in indices]
        here[0] = here[0] - block.offset(writing.axes[0])
        mine = torch.nonzero((here[0] >= 0) & (here[0] < writing.lengths[0])).squeeze(1)
        offsets = ravel([index[mine] for index in here], writing.lengths)
        del here
        _write(writing, offsets, values.taken(mine + some[0]) if writing.varies else values.tensor)


# ---- sending it to the owners


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


@dataclass(frozen=True, slots=True, eq=False)
class _Outgoing:
    """This rank's writes, in the row-major order of ``partition``, and ``order``, in which they go to the owners."""

    writing: _Writing
    partition: Partition
    indices: list[_Index]
    values: _Rows
    order: torch.Tensor | None

    @property
    def runs(self) -> int:
        """How many runs of the row-major order a part is cut into, if writes of several ranks interleave."""
        assert self.partition.axis is not None
        return outer_size(self.writing.broadcast, self.partition.axis) if self.writing.varies else 1

    @property
    def key_type(self) -> torch.dtype:
        """The narrowest type for what orders the writes of different ranks: the run, then the rank."""
        count = self.runs * self.writing.block.device.ranks
        narrowest = (
            each for each in (torch.int8, torch.int16, torch.int32) if count <= torch.iinfo(each).max
        )
        return next(narrowest, torch.int64)

    def places(self, spans: Sequence[tuple[int, int]]) -> torch.Tensor | None:
        """Return which writes these stretches of those in the order of the owners are; None: what they say."""
        if self.order is None:
            return None
        return torch.cat([self.order[first:last] for first, last in spans]).to(torch.int64)

    def offsets(self, spans: Sequence[tuple[int, int]], places: torch.Tensor | None) -> torch.Tensor:
        """Return the row-major offsets of the writes in the owners' parts; the stretches are those for each rank."""
        first, *others = (_taken(index, spans, places) for index in self.indices)
        starts = torch.tensor(self.writing.block.partition.bounds[:-1], device=first.device)
        sizes = torch.tensor([last - start for start, last in spans], device=first.device)
        inside = first - torch.repeat_interleave(starts, sizes, output_size=len(first))
        return ravel((inside, *others), self.writing.lengths)

    def keys(self, spans: Sequence[tuple[int, int]], places: torch.Tensor | None) -> torch.Tensor:
        """Return what orders the writes among those of other ranks."""
        device = self.writing.block.device
        lead = self.partition.local_shape(self.writing.broadcast, device.rank)
        run = max(prod(lead[self.partition.axis :]), 1)
        if places is None:
            places = torch.cat(
                [torch.arange(*span, device=self.writing.block.local.device) for span in spans]
            )
        return (places // run).mul_(device.ranks).add_(device.rank).to(self.key_type)


def _taken(
    rows: _Rows | _Index, spans: Sequence[tuple[int, int]], places: torch.Tensor | None
) -> torch.Tensor:
    if places is not None:
        return rows.taken(places)
    found = [rows.between(first, last) for first, last in spans if first < last]
    return found[0] if len(found) == 1 else torch.cat(found or [rows.between(0, 0)])


def _write_routed(writing: _Writing) -> None:
    """Send indices and values to the owners, who write."""
    block, communicator = writing.block, writing.block.communicator
    partition = _meeting(writing)
    lead = partition.local_shape(writing.broadcast, block.device.rank)
    indices, finding = _placed_indices(writing, partition)
    order, counts = _grouped(writing, indices[0], prod(lead), finding)
    outgoing = _Outgoing(writing, partition, indices, _values_on_the_way(writing, partition, lead), order)
    route = Route.agreed(communicator, counts, finding)
    rounds = route.rounds(writing.at_once, prod(writing.broadcast))
    newest = None
    # What comes from one rank comes in order.
    if writing.varies and rounds > 1 and sum(count > 0 for count in route.received) > 1:
        newest = torch.full((prod(writing.lengths),), -1, dtype=outgoing.key_type, device=block.local.device)
    for number in range(rounds):
        _carry_out(outgoing, *route.part(number, rounds), newest)


def _carry_out(
    outgoing: _Outgoing, route: Route, spans: Sequence[tuple[int, int]], newest: torch.Tensor | None
) -> None:
    """Send the writes in these stretches to the owners, who write. Communication: at most three exchanges."""
    writing = outgoing.writing
    places = outgoing.places(spans)
    offsets = route.forward(outgoing.offsets(spans, places))
    if not writing.varies:
        _write(writing, offsets, outgoing.values.tensor)
        return
    keys = None
    if outgoing.runs > 1:
        keys = route.forward(outgoing.keys(spans, places))
    elif newest is not None:
        # What comes from each rank is a run of the order, and so is what comes from all of them.
        sources = torch.arange(len(route.received), dtype=newest.dtype, device=newest.device)
        keys = torch.repeat_interleave(sources, torch.tensor(route.received, device=newest.device))
    values = _taken(outgoing.values, spans, places)
    del places
    _write(writing, offsets, route.forward(values), keys, newest)


def _grouped(
    writing: _Writing, index: _Index, count: int, finding: OutOfBounds | None
) -> tuple[torch.Tensor | None, list[int]]:
    """Return the stable order of writes by the rank they go to (None: as they are), and the count for each rank."""
    ranks, device = writing.block.device.ranks, writing.block.local.device
    if finding is not None:
        return None, [0] * ranks
    owners = torch.empty(count, dtype=group_type(ranks), device=device)
    for _, first, length in pieces((count,), where=device):
        found, _ = owners_of(writing.block.partition, index.between(first, first + length))
        owners[first : first + length] = found
    return grouped(owners, ranks, narrow=True)


def _values_on_the_way(writing: _Writing, partition: Partition, lead: Shape) -> _Rows:
    """Return the values beside this rank's part of the indices."""
    if not writing.varies:
        return _value_rows(writing, replicate(writing.value).local, lead)
    assert partition.axis is not None
    target = Layout(writing.shape, partition.on_axis(partition.axis + writing.at))
    (placed,) = align_to(target, writing.value.layout)
    return _value_rows(writing, redistribute(writing.value, placed).local, lead)
