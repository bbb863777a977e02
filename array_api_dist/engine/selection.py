"""Masks: the elements where a condition holds, in row-major order; reading, writing and finding them.

Each rank selects from its own part. Only where its selection goes in the whole order must be agreed: P counts when
every part is one run of that order; else the count of every run, and each selected element then moves once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod
from typing import Final

import torch

from array_api_dist._alignment import Layout, align_to
from array_api_dist._block import Block
from array_api_dist._indexing import after_selection
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.collectives import Communicator, operators
from array_api_dist.engine.rearrangement import gathered_partition
from array_api_dist.engine.redistribution import evened, evened_together, redistribute, replicate
from array_api_dist.engine.routing import Route, answered, narrowed, outer_size, to_row_major
from array_api_dist.kernels import order_keys, predicates
from array_api_dist.kernels.indexing import slabs
from array_api_dist.kernels.moving import movable
from array_api_dist.kernels.ordering import sort_in_place
from array_api_dist.kernels.packed_order import position_type
from array_api_dist.kernels.predicates import count as count_true
from array_api_dist.kernels.predicates import positions
from array_api_dist.kernels.reductions import count_nonzero

RUNS_AT_ONCE: Final = 1 << 16
"""Of so many runs of the row-major order the counts are agreed at once: that bounds what they take."""

MOVED_NBYTES: Final = 1 << 26
"""Of the elements that move into row-major order a rank sends and gets so much at a time, or one from each rank."""

_ON_DEVICES: Final = 1 << 22
"""So many elements of a mask are looked at together where each kernel takes its time to start."""


def _bites(local: torch.Tensor, mask: torch.Tensor, axis: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield views of one part and of ``mask``, over its axes from ``axis``: in row-major order, some elements at a time."""
    limit = order_keys.CHUNK if mask.is_cpu else _ON_DEVICES
    if mask.ndim == 0 or mask.numel() <= limit:
        yield local, mask
        return
    step = limit * len(mask) // mask.numel()
    if step == 0:
        for row in range(len(mask)):
            yield from _bites(local.select(axis, row), mask[row], axis)
        return
    for first in range(0, len(mask), step):
        count = min(step, len(mask) - first)
        yield local.narrow(axis, first, count), mask.narrow(0, first, count)


def _picked(local: torch.Tensor, mask: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the elements of one part where ``mask``, over axes from ``axis``, holds."""
    bites = _bites(movable(local), mask, axis)
    first = next(bites)
    if first[1].numel() == mask.numel():
        return _picked_at_once(*first, axis).view(local.dtype)
    shape = _selected_shape(tuple(local.shape), axis, mask.ndim, count_true(mask))
    result = torch.empty(shape, dtype=first[0].dtype, device=local.device)
    reached = 0
    for some, where in itertools.chain((first,), bites):
        found = _picked_at_once(some, where, axis)
        result.narrow(axis, reached, found.shape[axis]).copy_(found)
        reached += found.shape[axis]
    return result.view(local.dtype)


def _picked_at_once(source: torch.Tensor, mask: torch.Tensor, axis: int) -> torch.Tensor:
    if mask.ndim == 1:
        return slabs(source, axis, positions(mask))
    if mask.ndim == source.ndim and source.is_cpu and source.is_contiguous():
        return source.view(-1).index_select(0, positions(mask))
    if mask.ndim == source.ndim:
        return torch.masked_select(source, mask)
    return source[_mask_key(mask, axis)]


def _mask_key(mask: torch.Tensor, axis: int) -> tuple[slice | torch.Tensor, ...]:
    return (*(slice(None),) * axis, mask)


def _selected_shape(shape: Shape, axis: int, covered: int, count: int) -> Shape:
    return (*shape[:axis], count, *shape[axis + covered :])


def _bunches(
    communicator: Communicator, mask: torch.Tensor, axis: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Yield the runs of the row-major order, ``RUNS_AT_ONCE`` of them at a time: (starts, counts, total).

    ``mask`` is partitioned along ``axis``, so each of the ``outer`` runs before it is shared by all ranks. What this
    part selects of a run, ``counts``, begins at ``starts`` of the whole order; ``total`` is selected up to here.

    Communication: one exscan and one allreduce of a count for each run.
    """
    outer, total = outer_size(tuple(mask.shape), axis), 0
    rows = mask.reshape(outer, -1) if mask.numel() else mask.new_zeros((outer, 1))
    for first in range(0, outer, RUNS_AT_ONCE):
        mine = count_nonzero(rows[first : first + RUNS_AT_ONCE], (1,))
        (before,) = communicator.exscan((mine,), operators.SUM, (torch.zeros_like(mine),))
        (totals,) = communicator.allreduce((mine,), operators.SUM)
        starts = totals.cumsum(0).sub_(totals).add_(before).add_(total)
        total += int(totals.sum())
        yield starts, mine, total


def _places(
    communicator: Communicator, mask: torch.Tensor, axis: int, whole: int
) -> tuple[torch.Tensor, int]:
    """Return where this part's selected elements are in the whole row-major order, and how many there are in all.

    ``whole`` is how many elements the whole mask has: it says how wide places are.

    Communication: as ``_bunches``.
    """
    places = torch.empty(count_true(mask), dtype=position_type(whole), device=mask.device)
    length = mask.numel() // max(outer_size(tuple(mask.shape), axis), 1)
    reached = total = 0
    for starts, mine, so_far in _bunches(communicator, mask, axis):
        total = so_far
        for here, counts in zip(
            *(torch.split(each, max(order_keys.CHUNK // max(length, 1), 1)) for each in (starts, mine)),
            strict=True,
        ):
            count = int(counts.sum())
            some = places.narrow(0, reached, count)
            if len(here) == 1:
                torch.arange(int(here), int(here) + count, out=some)
            else:
                shifts = torch.repeat_interleave(
                    here - (counts.cumsum(0) - counts), counts, output_size=count
                )
                some.copy_(shifts.add_(torch.arange(count, device=mask.device)))
            reached += count
    return places, total


def _sizes(communicator: Communicator, mask: torch.Tensor, axis: int, target: Partition) -> list[int]:
    """Return how many of this part's selected elements go to each rank, in the whole row-major order.

    Communication: as ``_bunches``.
    """
    bounds = torch.tensor(target.bounds, device=mask.device)
    cuts = torch.zeros_like(bounds)
    for starts, mine, _ in _bunches(communicator, mask, axis):
        # All of the runs that begin before a bound but the last of them are before it.
        last = torch.searchsorted(starts, bounds) - 1
        before, inside = mine.cumsum(0) - mine, (bounds - starts[last]).clamp_(min=0)
        cuts += torch.where(last < 0, 0, before[last] + torch.minimum(inside, mine[last]))
    return [high - low for low, high in itertools.pairwise(cuts.tolist())]


def _cut_at(places: torch.Tensor, target: Partition) -> list[int]:
    """Return how many of ``places``, which ascend, each rank of ``target`` has."""
    cuts = torch.searchsorted(places, torch.tensor(target.bounds, dtype=places.dtype, device=places.device))
    return [high - low for low, high in itertools.pairwise(cuts.tolist())]


def _at_once(local: torch.Tensor, axis: int) -> int:
    """Return how many slabs of ``local`` along ``axis`` a rank sends and gets at a time, with their places."""
    slab = local.element_size() * prod(local.shape[:axis]) * prod(local.shape[axis + 1 :])
    return max(MOVED_NBYTES // (2 * slab + 24), 1)


def _put_in_order(
    communicator: Communicator, local: torch.Tensor, axis: int, places: torch.Tensor, total: int
) -> tuple[torch.Tensor, Partition]:
    """Send the slabs along ``axis``, whose ``places`` ascend, to their places in an even partition.

    Communication: one all-to-all of counts, one exchange of the places, one of the slabs; above ``MOVED_NBYTES`` of
    them one allreduce of 8 bytes, and as many times these two as no rank sends or gets more at once.
    """
    target = Partition.even(axis, total, communicator.ranks)
    route = Route.agreed(communicator, _cut_at(places, target))
    start = target.bounds[communicator.rank]
    chosen = movable(local)
    result = chosen.new_empty(
        (*local.shape[:axis], target.counts[communicator.rank], *local.shape[axis + 1 :])
    )
    rounds = route.rounds(_at_once(local, axis), total)
    for number in range(rounds):
        part, spans = route.part(number, rounds)
        arrived = part.forward(narrowed(places, spans)).to(torch.int64).sub_(start)
        result.index_copy_(axis, arrived, part.forward(narrowed(chosen, spans, axis), axis))
    return result.view(local.dtype), target


def _ordered(block: Block, local: torch.Tensor, mask: torch.Tensor, axis: int, over: int) -> Block:
    """Return the block of what ``mask``, partitioned along ``over``, selected here: the slabs ``local`` along ``axis``."""
    communicator = block.communicator
    if outer_size(tuple(mask.shape), over) <= 1:
        partition = gathered_partition(block, axis, local.shape[axis])
        shape = (*local.shape[:axis], partition.length, *local.shape[axis + 1 :])
        return evened(Block(local, shape, partition, block.device))
    places, total = _places(communicator, mask, over, prod(block.shape[axis : axis + mask.ndim]))
    local, partition = _put_in_order(communicator, local, axis, places, total)
    shape = (*local.shape[:axis], total, *local.shape[axis + 1 :])
    return Block(local, shape, partition, block.device)


def select(block: Block, mask: Block, axis: int) -> Block:
    """Return the elements of ``block`` where ``mask`` holds, along one axis in place of those that it covers.

    Parameters
    ----------
    block : Block
    mask : Block
        Booleans; its axes are those of ``block`` from ``axis``, with the same lengths.
    axis : int

    Returns
    -------
    Block
        Where its elements were, unevenly, and evened out where one rank would hold more than twice its share.

    Notes
    -----
    Communication: the mask moves to the partition of ``block`` (nothing moves when they agree or it is replicated),
    and one allgather of P counts when the partitioned axis is covered. If it is covered, but not the first of the
    covered axes, the selected elements move once into row-major order: an exscan and an allreduce of a count for
    each run, and two exchanges.
    """
    covered, over = mask.ndim, _covered_axis(block, mask, axis)
    if covered == 0:
        local = block.local.unsqueeze(axis).narrow(axis, 0, int(mask.local.item()))
        partition = after_selection(block.partition, axis, covered)
        return Block(local, _selected_shape(block.shape, axis, 0, local.shape[axis]), partition, block.device)
    if block.partition.axis is None and mask.partition.axis is not None:
        over = mask.partition.axis
        block = redistribute(block, mask.partition.on_axis(axis + over))
    if over is None:
        local = _picked(block.local, replicate(mask).local, axis)
        shape = _selected_shape(block.shape, axis, covered, local.shape[axis])
        return Block(local, shape, after_selection(block.partition, axis, covered), block.device)
    mask = redistribute(mask, block.partition.on_axis(over))
    return _ordered(block, _picked(block.local, mask.local, axis), mask.local, axis, over)


def _covered_axis(block: Block, mask: Block, axis: int) -> int | None:
    """Return the axis of ``mask`` that covers the partitioned one of ``block``, if any does."""
    if block.partition.axis is None or not axis <= block.partition.axis < axis + mask.ndim:
        return None
    return block.partition.axis - axis


def nonzero(block: Block) -> tuple[Block, ...]:
    """Return the positions of the elements that are not zero, one int64 array per axis, in row-major order.

    Communication: none when replicated; else one allgather of P counts (and one exchange where the result is
    lopsided). If the partitioned axis is not the first, an allreduce of a count, an exscan and an allreduce of a count
    for each run, and one exchange, in which each element's row-major position moves once into order.
    """
    axis, mask = block.partition.axis, predicates.truth(block.local)
    found = positions(mask)
    if axis is None:
        return _vectors(found, block, REPLICATED)
    if outer_size(block.shape, axis) <= 1:
        # What lies on one rank is one run.
        found += block.offset(axis) * prod(block.shape[axis + 1 :])
        partition = gathered_partition(block, 0, len(found))
        return tuple(evened_together(_vectors(found, block, partition)))
    to_row_major(found, block.shape, block.partition, block.device.rank)
    # Parts interleave: one number for each element travels, and what comes from each rank ascends.
    communicator = block.communicator
    (total,) = communicator.allreduce((torch.tensor([len(found)]),), operators.SUM)
    target = Partition.even(0, int(total), communicator.ranks)
    route = Route.agreed(communicator, _sizes(communicator, mask, axis, target))
    del mask
    arrived = route.forward(found)
    del found
    return _vectors(sort_in_place(arrived, 0, runs=communicator.ranks), block, target)


def _vectors(found: torch.Tensor, block: Block, partition: Partition) -> tuple[Block, ...]:
    """Return row-major positions, which are overwritten, as positions along each axis."""
    rows: list[torch.Tensor] = []
    for length in reversed(block.shape[1:]):
        outer = found // max(length, 1)
        rows.insert(0, found.sub_(outer * max(length, 1)))
        found = outer
    rows.insert(0, found)
    length = len(found) if partition.axis is None else partition.length
    return tuple(Block(row, (length,), partition, block.device) for row in rows)


def assign(block: Block, mask: Block, axis: int, value: Block) -> None:
    """Write ``value`` to the elements of ``block`` where ``mask`` holds, in place.

    Parameters
    ----------
    block, mask, axis
        As for ``select``.
    value : Block
        As many axes as ``select`` would give, all but ``axis`` of the same length or 1.

    Raises
    ------
    ValueError
        On every rank: the value has another number of elements than the mask selects.

    Notes
    -----
    Communication: the mask moves as in ``select``. A value of length 1 along the selected axis costs nothing more.
    Else one allgather of P counts and the value moves there once; where the partitioned axis is covered but not
    first, each rank asks for its values: an exscan, an allreduce and two exchanges.
    """
    over = _covered_axis(block, mask, axis)
    if over is None:
        mask = replicate(mask)
        _assign_whole(block, mask.local, axis, value)
        return
    mask = redistribute(mask, block.partition.on_axis(over))
    _write(block.local, mask.local, axis, _values_here(block, mask.local, axis, over, value))


def _write(target: torch.Tensor, mask: torch.Tensor, axis: int, values: torch.Tensor) -> None:
    """Write ``values`` where ``mask``, over axes from ``axis`` of the part ``target``, holds."""
    if values.numel() == 1:
        mask = mask[(..., *(None,) * (target.ndim - axis - mask.ndim))]
        movable(target).masked_fill_(mask, movable(values).reshape(()))
        return
    values, reached = movable(values), 0
    for some, where in _bites(movable(target), mask, axis):
        key = _mask_key(where, axis)
        if where.numel() == mask.numel() or values.shape[axis] == 1:
            some[key] = values
            continue
        count = int(where.sum())
        some[key] = values.narrow(axis, reached, count)
        reached += count


def _refuse_other_count(value: Block, axis: int, count: int) -> None:
    """Raise ValueError unless ``value`` has ``count`` elements along ``axis``, or one."""
    if value.shape[axis] not in (1, count):
        raise ValueError(
            f"a value has as many elements as the mask selects, here {count}, or one, got {value.shape[axis]}"
        )


def _assign_whole(block: Block, mask: torch.Tensor, axis: int, value: Block) -> None:
    """Write where every rank has the whole mask."""
    if value.size == 1:
        _write(block.local, mask, axis, replicate(value).local)
        return
    count = count_true(mask)
    _refuse_other_count(value, axis, count)
    shape = _selected_shape(block.shape, axis, mask.ndim, count)
    target = Layout(shape, after_selection(block.partition, axis, mask.ndim))
    (partition,) = align_to(target, value.layout)
    local = redistribute(value, partition).local
    if mask.ndim:
        _write(block.local, mask, axis, local)
    elif count:
        block.local.copy_(local.squeeze(axis))


def _values_here(block: Block, mask: torch.Tensor, axis: int, over: int, value: Block) -> torch.Tensor:
    """Return the values of this rank's selected elements; ``mask`` is partitioned along ``over``."""
    communicator = block.communicator
    if value.shape[axis] == 1:
        return replicate(value).local
    if outer_size(tuple(mask.shape), over) <= 1:
        partition = gathered_partition(block, axis, count_true(mask))
        _refuse_other_count(value, axis, partition.length)
        return redistribute(value, partition).local
    places, total = _places(communicator, mask, over, prod(block.shape[axis : axis + mask.ndim]))
    _refuse_other_count(value, axis, total)
    if value.partition.axis is None:
        return slabs(value.local, axis, places)
    if value.partition.axis != axis:
        value = redistribute(value, Partition.even(axis, value.shape[axis], communicator.ranks))
    return _fetched(value, axis, places, total)


def _fetched(value: Block, axis: int, places: torch.Tensor, total: int) -> torch.Tensor:
    """Return the slabs of ``value``, which is partitioned along ``axis``, at ``places``, which ascend.

    Communication: one all-to-all of counts, one exchange of the places, one of the slabs; above ``MOVED_NBYTES`` of
    them one allreduce of 8 bytes, and as many times these two as no rank sends or gets more at once.
    """
    local, start = movable(value.local), value.offset(axis)
    route = Route.agreed(value.communicator, _cut_at(places, value.partition))
    rounds = route.rounds(_at_once(local, axis), total)
    found = answered(
        route,
        places,
        lambda asked: slabs(local, axis, asked.to(torch.int64).sub_(start)),
        rounds,
        axis,
    )
    return found.view(value.local.dtype)
