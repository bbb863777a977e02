"""The distinct values of one vector: in order, each NaN its own, and of equals (both zeros too) the first one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from array_api_dist.kernels.moving import movable, moved_back
from array_api_dist.kernels.order_keys import pieces, pieces_of
from array_api_dist.kernels.ordering import argsort, sort
from array_api_dist.kernels.packed_order import position_type


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
    narrow: bool = False,
) -> Distinct:
    """Return the distinct values of ``vector``, and what else is asked for: ``narrow`` counts and numbers take 4 bytes."""
    dtype = position_type(len(vector)) if narrow else torch.int64
    if vector.is_complex() or first or numbers:
        return _unique_by_order(vector, dtype, first=first, counts=counts, numbers=numbers)
    ordered = sort(vector, 0)
    totals = lengths_of_runs(ordered, dtype) if counts else None
    return Distinct(compacted(ordered), counts=totals)


def _unique_by_order(
    vector: torch.Tensor, dtype: torch.dtype, *, first: bool, counts: bool, numbers: bool
) -> Distinct:
    order = argsort(vector, 0)
    ordered = moved_back(movable(vector)[order], vector.dtype)
    inverse = numbered(ordered, order, dtype) if numbers else None
    places = None
    if first:
        places, reached = order.new_empty(count_of_runs(ordered)), 0
        for piece, starts in runs(ordered):
            found = order.narrow(*piece)[starts]
            places[reached : reached + len(found)] = found
            reached += len(found)
    del order
    totals = lengths_of_runs(ordered, dtype) if counts else None
    return Distinct(compacted(ordered), places, totals, inverse)


def runs(ordered: torch.Tensor) -> Iterator[tuple[tuple[int, int, int], torch.Tensor]]:
    """Yield the pieces of an ordered vector, and where in them a value differs from the one before: every NaN does."""
    values = ordered if ordered.is_floating_point() or ordered.is_complex() else movable(ordered)
    for piece in pieces_of(values):
        _, start, count = piece
        starts = torch.ones(count, dtype=torch.bool, device=values.device)
        skipped = 1 if start == 0 else 0
        before = values[start + skipped - 1 : start + count - 1]
        torch.ne(values[start + skipped : start + count], before, out=starts[skipped:])
        yield piece, starts


def count_of_runs(ordered: torch.Tensor) -> int:
    """Return how many distinct values an ordered vector has."""
    return sum(int(starts.sum()) for _, starts in runs(ordered))


def numbered(ordered: torch.Tensor, order: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the number among the distinct values that each element has which ``order`` put where it is ``ordered``."""
    numbers = torch.empty_like(order, dtype=dtype)
    reached = -1
    for piece, starts in runs(ordered):
        here = starts.cumsum(0).add_(reached)
        reached = int(here[-1])
        numbers[order.narrow(*piece)] = here.to(dtype)
    return numbers


def lengths_of_runs(ordered: torch.Tensor, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    """Return how often each distinct value of an ordered vector stands in it."""
    lengths = torch.empty(count_of_runs(ordered) + 1, dtype=dtype, device=ordered.device)
    reached = 0
    for piece, starts in runs(ordered):
        found = torch.nonzero(starts).reshape(-1) + piece[1]
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
        kept = values.narrow(*piece)[starts]
        values[reached : reached + len(kept)] = kept
        reached += len(kept)
    found = values[:reached]
    # A small rest does not keep the memory of the whole.
    return moved_back(found if 2 * reached > len(values) else found.clone(), ordered.dtype)
