"""Distinct values: a local pass, one exchange by key, a merge at the owners; one reply for the inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.engine import routing, splitters
from array_api_dist.engine.rearrangement import gathered_partition
from array_api_dist.engine.redistribution import evened_together
from array_api_dist.engine.routing import Route, forward_together, outer_size, to_row_major
from array_api_dist.kernels import distinct as kernels
from array_api_dist.kernels.order_keys import decoded, encoded, order_key, pieces_of
from array_api_dist.kernels.ordering import argsort, sort_in_place
from array_api_dist.kernels.packed_order import position_type

_NEUTRAL = {"amin": torch.iinfo(torch.int64).max, "sum": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The distinct values in order, and what else is asked for: where each stands first, how often, each element's number."""

    values: Block
    indices: Block | None
    counts: Block | None
    inverse: Block | None


def unique(block: Block, *, indices: bool = False, counts: bool = False, inverse: bool = False) -> Distinct:
    """Return the distinct values of ``block``; every NaN is its own, and of both zeros the first one stands.

    Communication: none when replicated, an allgather of a count where each rank holds all; else at most 67 small
    allreduces to find the splitters (131 for complex values, and floating-point ones whose parts are no runs of the
    row-major order), an all-to-all and two allgathers of counts, one exchange of the locally distinct values, and one if
    the result is lopsided; with ``inverse`` one exchange more.
    """
    flat = block.local.reshape(-1)
    axis = block.partition.axis
    if axis is None or block.partition.is_whole_everywhere:
        return _of_copies(block, kernels.unique(flat, first=indices, counts=counts, numbers=inverse))
    # Where parts interleave, only positions tell which zero is the first, and in which order NaNs are.
    is_inexact = flat.is_floating_point() or flat.is_complex()
    by_pairs = flat.is_complex() or (is_inexact and outer_size(block.shape, axis) > 1)
    # Counts travel: their type must not hang on how much of the array this rank has.
    width = position_type(block.largest_part)
    local = kernels.unique(flat, first=indices or by_pairs, counts=counts, numbers=inverse, dtype=width)
    del flat
    if local.first is not None:
        to_row_major(local.first, block.shape, block.partition, block.device.rank)
    parcels = [each for each in (searchable(local.values), local.first, local.counts) if each is not None]
    total = gathered_partition(block, 0, len(local.values)).length
    if by_pairs:
        sizes = pair_shares(block, sorted_pairs(parcels[0], parcels[1]), total)
    else:
        sizes = _shares(block, parcels[0], total)
    route, numbers = Route.agreed(block.communicator, sizes), local.numbers
    del local
    arrived = _forwarded(route, parcels, total)
    merged = _merged(arrived, block.device.ranks, by_pairs=by_pairs, counts=counts, inverse=inverse)
    partition = gathered_partition(block, 0, len(merged.values))
    values = merged.values if merged.values.is_complex() else decoded(merged.values, block.local.dtype)
    results = [
        each for each in (values, merged.first if indices else None, merged.counts) if each is not None
    ]
    answers, backwards = merged.numbers, None
    del merged, values
    if numbers is not None:
        assert answers is not None
        answers = answers.to(position_type(partition.length)).add_(partition.offset(block.device.rank))
        told = route.backward(answers)
        del answers
        backwards = block.with_local(_looked_up(told, numbers).view(block.local.shape))
        del told, numbers
    vectors = evened_together([Block(each, (partition.length,), partition, block.device) for each in results])
    return Distinct(vectors[0], vectors[1] if indices else None, vectors[-1] if counts else None, backwards)


def _of_copies(block: Block, found: kernels.Distinct) -> Distinct:
    """Return what every rank found in its copy."""
    partition = block.partition
    if partition.axis is not None:
        partition = gathered_partition(block, 0, len(found.values))
    values, indices, counts = (
        None if local is None else Block(local, (len(local),), partition, block.device)
        for local in (found.values, found.first, found.counts)
    )
    assert values is not None
    inverse = None if found.numbers is None else block.with_local(found.numbers.view(block.local.shape))
    return Distinct(values, indices, counts, inverse)


def searchable(values: torch.Tensor) -> torch.Tensor:
    """Turn ``values``, in their own memory, into what splitters and searches compare."""
    return values if values.is_complex() else encoded(values)


def _shares(block: Block, values: torch.Tensor, total: int) -> list[int]:
    """Return how many of the sorted ``values`` go to each rank: equals never part, but each NaN is its own.

    Communication: that of ``splitters.cuts_at``.
    """
    if total == 0:
        return [0] * block.device.ranks
    inner = Partition.even(0, total, block.device.ranks).bounds[1:-1]
    part = splitters.Lanes(values[None])
    cuts = splitters.cuts_at(part, inner, total, block.communicator, divides=False)
    return share_out([int(each) for each in cuts[0].tolist()], len(values))


def share_out(cuts: Sequence[int], length: int) -> list[int]:
    """Return the lengths of the stretches between ``cuts``."""
    return [last - first for first, last in pairwise([0, *cuts, length])]


def sorted_pairs(values: torch.Tensor, first: torch.Tensor) -> splitters.Pairs:
    """Return the keys of sorted distinct floating-point ``values``; equal ones share them, but each NaN has its own.

    Complex values are parted by their imaginary part, NaNs, which nothing brings together, by where they stand.
    """
    keys, inner = (torch.empty(values.shape, dtype=torch.int64, device=values.device) for _ in range(2))
    first = first.expand(values.shape)
    for piece in pieces_of(values):
        some, place = values.narrow(*piece), first.narrow(*piece)
        missing = torch.isnan(some)
        if some.is_complex():
            keys.narrow(*piece).copy_(order_key(torch.where(missing, torch.nan, some.real)))
            inner.narrow(*piece).copy_(torch.where(missing, place, order_key(some.imag)))
        else:
            keys.narrow(*piece).copy_(order_key(some))
            inner.narrow(*piece).copy_(torch.where(missing, place, 0))
    return keys, inner


def pair_shares(block: Block, keys: splitters.Pairs, total: int) -> list[int]:
    """Return how many of ``keys``, of which all ranks have ``total``, go to each rank: equal ones never part.

    Communication: that of ``splitters.pairs_at``.
    """
    return share_out(splitters.cuts_before(keys, even_pairs(block, keys, total)), len(keys[0]))


def even_pairs(block: Block, keys: splitters.Pairs, total: int) -> splitters.Pairs:
    """Return the P - 1 keys that part all ranks' ``keys`` evenly. Communication: that of ``splitters.pairs_at``."""
    ranks = block.device.ranks
    if total == 0:
        return keys[0].new_zeros(ranks - 1), keys[1].new_zeros(ranks - 1)
    return splitters.pairs_at(
        keys,
        [min(bound, total - 1) for bound in Partition.even(0, total, ranks).bounds[1:-1]],
        block.communicator,
    )


def _forwarded(route: Route, parcels: list[torch.Tensor], total: int) -> list[torch.Tensor]:
    """Return what the ranks sent of each of ``parcels``, which is emptied; all ranks have ``total`` items to send.

    Communication: one exchange, or, of more than ``TOGETHER_NBYTES``, one for each of them.
    """
    if sum(each.element_size() for each in parcels) * total <= routing.TOGETHER_NBYTES:
        arrived = forward_together([(route, each) for each in parcels])
        parcels.clear()
        return arrived
    arrived = []
    while parcels:
        arrived.append(route.forward(parcels.pop(0)))
    return arrived


def _merged(
    arrived: list[torch.Tensor], ranks: int, *, by_pairs: bool, counts: bool, inverse: bool
) -> kernels.Distinct:
    """Merge the runs of values, with their first positions and counts, that the ranks sent; ``arrived`` is emptied."""
    values = arrived.pop(0)
    if not (arrived or inverse):
        return kernels.Distinct(kernels.compacted(sort_in_place(values, 0, runs=ranks)))
    totals = arrived.pop() if counts else None
    first = arrived.pop() if arrived else None
    # Of equals the lower rank's comes first: it stands before them, unless the parts interleave.
    if first is None or not by_pairs:
        order = argsort(values, 0, runs=ranks)
        ordered = sort_in_place(values, 0, runs=ranks)
    else:
        order = _by_value_then_position(values, first)
        ordered = values.index_select(0, order)
    del values
    if totals is not None and first is not None:
        totals = _folded(ordered, order, totals, order.new_empty(kernels.count_of_runs(ordered)), "sum")
    numbers = kernels.numbered(ordered, order, position_type(len(order))) if inverse else None
    # The last of them takes the memory of the order.
    if first is not None:
        first = _folded(ordered, order, first, order, "amin")
    elif totals is not None:
        totals = _folded(ordered, order, totals, order, "sum")
    del order
    return kernels.Distinct(kernels.compacted(ordered), first, totals, numbers)


def _folded(
    ordered: torch.Tensor,
    order: torch.Tensor,
    source: torch.Tensor,
    result: torch.Tensor,
    fold: Literal["amin", "sum"],
) -> torch.Tensor:
    """Return the ``source`` of each run of equals, which ``order`` put there, folded into its place in ``result``.

    ``result`` may be ``order`` itself: a run has no later place than its elements, and those are read before.
    """
    reached = -1
    for piece, starts in kernels.runs(ordered):
        run = starts.cumsum(0).add_(reached)
        first, reached = int(run[0]), int(run[-1])
        here = source.index_select(0, order.narrow(*piece)).to(result.dtype)
        some = here.new_full((reached - first + 1,), _NEUTRAL[fold])
        if not bool(starts[0]):
            some[0] = result[first]
        result[first : reached + 1] = some.scatter_reduce_(0, run.sub_(first), here, fold)
    found = result[: reached + 1]
    return found if 2 * len(found) > len(result) else found.clone()


def _looked_up(told: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return what is ``told`` about each of ``numbers``, as int64."""
    result = torch.empty(numbers.shape, dtype=torch.int64, device=numbers.device)
    for piece in pieces_of(numbers):
        result.narrow(*piece).copy_(told.index_select(0, numbers.narrow(*piece)))
    return result


def _by_value_then_position(values: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    by_position = argsort(first, 0)
    return by_position.index_select(0, argsort(values.index_select(0, by_position), 0))
