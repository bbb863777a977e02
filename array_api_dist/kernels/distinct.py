"""The distinct values of one vector: in order, each NaN its own, and of equals (both zeros too) the first one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch

from array_api_dist.kernels import ordering, predicates, reductions
from array_api_dist.kernels.moving import movable, moved_back
from array_api_dist.kernels.order_keys import pieces, pieces_of
from array_api_dist.kernels.ordering import argsort, sort, take_lanes

# From so many integers on, a table of all that may be is looked at: a place for each so many of them, not more.
_WORTHWHILE: Final = 1 << 12
_SHARE: Final = 16
# So few are counted at once.
_LEAST_PIECE: Final = 1 << 9


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Distinct values, and what else is asked for: where each stands first, how often, each element's number."""

    values: torch.Tensor
    first: torch.Tensor | None = None
    counts: torch.Tensor | None = None
    numbers: torch.Tensor | None = None


def unique(
    vector: torch.Tensor,
    *,
    first: bool = False,
    counts: bool = False,
    numbers: bool = False,
    dtype: torch.dtype = torch.int64,
) -> Distinct:
    """Return the distinct values of ``vector``, and what else is asked for: counts and numbers in ``dtype``."""
    low = _lowest_of_close(vector)
    if low is not None:
        return _by_table(vector, low, dtype, first=first, counts=counts, numbers=numbers)
    if len(vector) <= ordering.FEW:
        return _of_few(vector, dtype, first=first, counts=counts, numbers=numbers)
    if vector.is_complex() or first or numbers:
        return _unique_by_order(vector, dtype, first=first, counts=counts, numbers=numbers)
    ordered = sort(vector, 0)
    totals = lengths_of_runs(ordered, dtype) if counts else None
    return Distinct(compacted(ordered), counts=totals)


def _lowest_of_close(vector: torch.Tensor) -> int | None:
    """Return the least of integers, or truth values, that lie close together, None for others."""
    is_counted = not (vector.is_floating_point() or vector.is_complex() or vector.dtype == torch.uint64)
    if not is_counted or not vector.is_cpu or len(vector) < _WORTHWHILE:
        return None
    low, high = (int(extreme(vector, (0,))) for extreme in (reductions.min, reductions.max))
    return low if high - low < len(vector) // _SHARE else None


def _by_table(
    vector: torch.Tensor, low: int, dtype: torch.dtype, *, first: bool, counts: bool, numbers: bool
) -> Distinct:
    """Return the distinct ones of integers from ``low`` on, by a table of how often each of them is there."""
    table = torch.zeros(len(vector) // _SHARE, dtype=torch.int64)
    earliest = torch.full_like(table, len(vector)) if first else None
    for start, some in _places(vector, low):
        table += torch.bincount(some, minlength=len(table))
        if earliest is not None:
            earliest.scatter_reduce_(0, some, torch.arange(start, start + len(some)), "amin")
    found = torch.nonzero(table).reshape(-1)
    inverse = None
    if numbers:
        order = torch.zeros_like(table, dtype=dtype)
        order[found] = torch.arange(len(found), dtype=dtype)
        inverse = torch.empty(vector.shape, dtype=dtype)
        for start, some in _places(vector, low):
            torch.index_select(order, 0, some, out=inverse[start : start + len(some)])
    return Distinct(
        (found + low).to(vector.dtype),
        None if earliest is None else earliest[found],
        table[found].to(dtype) if counts else None,
        inverse,
    )


def _places(vector: torch.Tensor, low: int) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield where some integers begin, and how far they are above ``low``."""
    # A table is added up for each piece: as many elements as it has places.
    step = max(len(vector) // _SHARE, _LEAST_PIECE)
    for start in range(0, len(vector), step):
        yield start, vector[start : start + step].to(torch.int64) - low


def _of_few(
    vector: torch.Tensor, dtype: torch.dtype, *, first: bool, counts: bool, numbers: bool
) -> Distinct:
    """Return what is asked for of few values, all at once."""
    order = argsort(vector, 0)
    ordered = take_lanes(vector, order, 0)
    starts = _starts(_with_equality(ordered), 0, len(ordered))
    places = predicates.positions(starts)
    values = moved_back(movable(ordered).index_select(0, places), ordered.dtype)
    totals = inverse = None
    if counts:
        totals = torch.diff(places, append=places.new_tensor([len(ordered)])).to(dtype)
    if numbers:
        inverse = torch.empty_like(order, dtype=dtype)
        inverse[order] = starts.cumsum(0).sub_(1).to(dtype)
    return Distinct(values, order.index_select(0, places) if first else None, totals, inverse)


def _unique_by_order(
    vector: torch.Tensor, dtype: torch.dtype, *, first: bool, counts: bool, numbers: bool
) -> Distinct:
    order = argsort(vector, 0)
    ordered = take_lanes(vector, order, 0)
    inverse = numbered(ordered, order, dtype) if numbers else None
    places = None
    if first:
        places, reached = order.new_empty(count_of_runs(ordered)), 0
        for piece, starts in runs(ordered):
            found = _kept(order.narrow(*piece), starts)
            places[reached : reached + len(found)] = found
            reached += len(found)
    del order
    totals = lengths_of_runs(ordered, dtype) if counts else None
    return Distinct(compacted(ordered), places, totals, inverse)


def runs(ordered: torch.Tensor) -> Iterator[tuple[tuple[int, int, int], torch.Tensor]]:
    """Yield the pieces of an ordered vector, and where in them a value differs from the one before: every NaN does."""
    values = _with_equality(ordered)
    for piece in pieces_of(values):
        yield piece, _starts(values, *piece[1:])


def _with_equality(values: torch.Tensor) -> torch.Tensor:
    return values if values.is_floating_point() or values.is_complex() else movable(values)


def _starts(values: torch.Tensor, start: int, count: int) -> torch.Tensor:
    """Return which of ``count`` values from ``start`` on differ from the one before."""
    starts = torch.ones(count, dtype=torch.bool, device=values.device)
    skipped = 1 if start == 0 else 0
    before = values[start + skipped - 1 : start + count - 1]
    starts[skipped:] = predicates.not_equal(values[start + skipped : start + count], before)
    return starts


def _kept(values: torch.Tensor, holds: torch.Tensor) -> torch.Tensor:
    """Return those of a piece of a vector where a truth value holds."""
    # Most vectors have few equal values, or many.
    if values.is_cpu and predicates.count(holds) == len(values):
        return values
    return values.index_select(0, predicates.positions(holds))


def count_of_runs(ordered: torch.Tensor) -> int:
    """Return how many distinct values an ordered vector has."""
    return sum(predicates.count(starts) for _, starts in runs(ordered))


def numbered(ordered: torch.Tensor, order: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the number among the distinct values that each element has which ``order`` put where it is ``ordered``."""
    numbers = torch.empty_like(order, dtype=dtype)
    reached = -1
    for piece, starts in runs(ordered):
        here = starts.cumsum(0).add_(reached)
        reached = int(here[-1])
        numbers.scatter_(0, order.narrow(*piece), here.to(dtype))
    return numbers


def lengths_of_runs(ordered: torch.Tensor, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """Return how often each distinct value of an ordered vector stands in it."""
    lengths = torch.empty(count_of_runs(ordered) + 1, dtype=dtype, device=ordered.device)
    reached = 0
    for piece, starts in runs(ordered):
        found = predicates.positions(starts).add_(piece[1])
        lengths[reached : reached + len(found)] = found
        reached += len(found)
    lengths[reached] = len(ordered)
    # From where each begins to where the next one does, in the memory of the former.
    for _, start, count in pieces((reached,), where=ordered.device):
        lengths[start : start + count] = (
            lengths[start + 1 : start + count + 1] - lengths[start : start + count]
        )
    return lengths[:reached]


def compacted(ordered: torch.Tensor) -> torch.Tensor:
    """Return the first of each run of equals of an ordered vector, which is overwritten."""
    values, reached = movable(ordered), 0
    for piece, starts in runs(ordered):
        # What a piece keeps goes no further than where it was, and the last element stays if all do.
        some = values.narrow(*piece)
        kept = _kept(some, starts)
        if kept is not some:
            values[reached : reached + len(kept)] = kept
        elif reached < piece[1]:
            values[reached : reached + len(kept)] = kept.clone()
        reached += len(kept)
    found = values[:reached]
    # A small rest does not keep the memory of the whole.
    return moved_back(found if 2 * reached > len(values) else found.clone(), ordered.dtype)
