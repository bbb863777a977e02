"""Looking values up in a sorted array: replicate the small side, else ask the owners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Communicator, operators
from array_api_dist.engine import splitters
from array_api_dist.engine.rearrangement import gathered_partition
from array_api_dist.engine.redistribution import replicate
from array_api_dist.engine.routing import Route, answered, forward_together, grouped
from array_api_dist.engine.uniqueness import even_pairs, searchable, share_out, sorted_pairs
from array_api_dist.kernels import searching as kernels
from array_api_dist.kernels.distinct import unique as distinct
from array_api_dist.kernels.indexing import slabs
from array_api_dist.kernels.order_keys import order_key, pieces_of
from array_api_dist.kernels.ordering import sort_in_place
from array_api_dist.kernels.packed_order import group_type, position_type

SMALL_NBYTES: Final = 1 << 20
"""Sides of at most this many bytes are replicated rather than routed."""

SEARCHED_NBYTES: Final = 1 << 26
"""Of elements that are looked for among others a rank has so much on their way at a time."""

Cuts: TypeAlias = Callable[[torch.Tensor], list[int]]
"""How many of some sorted values go to each rank."""


def searchsorted(ordered: Block, values: Block, side: Literal["left", "right"]) -> Block:
    """Return where ``values`` would go into the sorted vector ``ordered`` of the same data type, as int64.

    Communication: none when each rank holds all of ``ordered``; one allgather of it when small; one allreduce of a count per
    value when those are replicated; else one allgather of P keys and two exchanges of 8 bytes a value.
    """
    if ordered.partition.axis is not None and ordered.nbytes <= SMALL_NBYTES:
        ordered = replicate(ordered)
    if ordered.partition.is_whole_everywhere:
        return values.with_local(kernels.searchsorted(ordered.local, values.local, side))
    if values.partition.axis is None:
        return _counted(ordered, values, side)
    found = _routed_positions(ordered, values.local.reshape(-1), side)
    return values.with_local(found.reshape(values.local.shape))


def _counted(ordered: Block, values: Block, side: Literal["left", "right"]) -> Block:
    """Sum what each part has before the values: each rank has them all."""
    here = kernels.searchsorted(ordered.local, values.local, side)
    (total,) = ordered.communicator.allreduce((here,), operators.SUM)
    return values.with_local(total)


def _routed_positions(ordered: Block, wanted: torch.Tensor, side: Literal["left", "right"]) -> torch.Tensor:
    """Return the global positions of the values ``wanted`` in the parts of the vector ``ordered``.

    Communication: one allgather of P keys, one all-to-all of counts, an exchange of the values and one of 8 bytes each.
    """
    communicator = ordered.communicator
    owners = _parts_of(ordered.local, wanted, side, communicator)
    order, counts = grouped(owners, communicator.ranks)
    del owners
    route = Route.agreed(communicator, counts)
    if order is not None:
        wanted = slabs(wanted, 0, order)

    def placed(asked: torch.Tensor) -> torch.Tensor:
        return kernels.searchsorted(ordered.local, asked, side).add_(ordered.offset(0))

    return answered(route, wanted, placed, 1, order=order)


def _parts_of(
    ordered: torch.Tensor, wanted: torch.Tensor, side: Literal["left", "right"], communicator: Communicator
) -> torch.Tensor:
    """Return the rank in whose part, or at whose end, each value's place is: the first whose last value is not before it."""
    last = order_key(ordered[-1:])
    if not len(ordered):
        last = torch.full((1,), torch.iinfo(torch.int64).min, device=ordered.device)
    ends = communicator.allgather(last, 0, (1,) * communicator.ranks)
    # An empty part ends where the part before it does.
    ends = torch.cummax(ends, 0).values
    owners = torch.empty(wanted.shape, dtype=group_type(communicator.ranks), device=wanted.device)
    for piece in pieces_of(wanted):
        found = torch.searchsorted(ends, order_key(wanted.narrow(*piece)).contiguous(), side=side)
        owners.narrow(*piece).copy_(found.clamp_(max=communicator.ranks - 1))
    return owners


def isin(block: Block, members: Block) -> Block:
    """Return whether each element stands among ``members`` of the same data type; NaN never does.

    Communication: none when each rank holds all ``members``; one allgather of it when small; one allreduce of a byte an
    element when ``block`` is replicated; else both sides' distinct values meet by key: the small collectives of
    ``unique``, one exchange there and one of a byte each back.
    """
    if members.partition.axis is not None and members.nbytes <= SMALL_NBYTES:
        members = replicate(members)
    is_whole = members.partition.is_whole_everywhere
    if not (is_whole or block.partition.axis is None):
        return _met(block, members)
    known = members.local.reshape(-1)
    if kernels.are_few(block.local, known):
        found = kernels.is_one_of(block.local, known)
    else:
        found = kernels.isin(block.local, distinct(known).values)
    if not is_whole:
        (found,) = block.communicator.allreduce((found,), operators.ANY)
    return block.with_local(found)


def _met(block: Block, members: Block) -> Block:
    """Bring the distinct values of both sides together by key, and tell the askers what is there.

    Of many elements some are looked for at a time: every so-many-th, so that sorted ones ask all ranks at once.
    """
    flat = block.local.reshape(-1)
    rounds = _rounds(block)
    known = _looked_for(distinct(members.local.reshape(-1)).values)
    wanted = distinct(flat, numbers=rounds == 1, dtype=position_type(len(flat)))
    values = _looked_for(wanted.values)
    cuts = _cuts_between(block, values, known)
    routes = [Route.agreed(block.communicator, cuts(side)) for side in (values, known)]
    if wanted.numbers is not None:
        asked, there = forward_together(list(zip(routes, (values, known), strict=True)))
        del known
        answers = routes[0].backward(kernels.isin(asked, _in_order(there, block.device.ranks)))
        return block.with_local(_told(answers, wanted.numbers).view(block.local.shape))
    del wanted, values
    there = routes[1].forward(known)
    del known
    there = _in_order(there, block.device.ranks)
    result = torch.empty(flat.shape, dtype=torch.bool, device=flat.device)
    for number in range(rounds):
        _look_for(block, flat[number::rounds], there, cuts, result[number::rounds])
    return block.with_local(result.view(block.local.shape))


def _rounds(block: Block) -> int:
    """Return in how many rounds elements are looked for: metadata says it."""
    if block.local.is_complex():
        # They are found by putting both sides in order together, which is done once.
        return 1
    return max(-(-block.largest_part // _at_once(block.local)), 1)


def _at_once(values: torch.Tensor) -> int:
    """Return how many elements a rank looks for at a time: values in order, asked and there, and what is told."""
    return max(SEARCHED_NBYTES // (3 * values.element_size() + 24), 1)


def _look_for(
    block: Block, some: torch.Tensor, there: torch.Tensor, cuts: Cuts, result: torch.Tensor
) -> None:
    """Write to ``result`` which of ``some`` are ``there``, on the ranks that have what lies between ``cuts``.

    Communication: an all-to-all of counts, an allreduce of 8 bytes, and two exchanges; more of less if one rank is asked
    for more than any asks.
    """
    wanted = distinct(some, numbers=True, dtype=position_type(len(some)))
    values = _looked_for(wanted.values)
    route = Route.agreed(block.communicator, cuts(values))
    rounds = route.rounds(_at_once(some), block.size)
    answers = answered(route, values, lambda asked: kernels.isin(asked, there), rounds)
    assert wanted.numbers is not None
    result.copy_(_told(answers, wanted.numbers))


def _looked_for(values: torch.Tensor) -> torch.Tensor:
    """Return what of distinct ``values`` may stand somewhere, to be compared: NaN, at the end, stands nowhere."""
    return searchable(values[: kernels.present_count(values)])


def _in_order(arrived: torch.Tensor, ranks: int) -> torch.Tensor:
    """Return the values that came in a run from each rank in order."""
    return distinct(arrived).values if arrived.is_complex() else sort_in_place(arrived, 0, runs=ranks)


def _told(answers: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return the answer about each of ``numbers``; those beyond are of NaN."""
    told = torch.cat((answers, answers.new_zeros(1)))
    result = torch.empty(numbers.shape, dtype=torch.bool, device=numbers.device)
    for piece in pieces_of(numbers):
        some = numbers.narrow(*piece).clamp(max=len(answers))
        result.narrow(*piece).copy_(told[some.to(torch.int64)])
    return result


def _cuts_between(block: Block, values: torch.Tensor, known: torch.Tensor) -> Cuts:
    """Return what tells how many of some sorted values go to each rank, so that both sides' are shared out evenly.

    Communication: an allgather, small allreduces.
    """
    if values.is_complex():
        both = distinct(torch.cat((values, known))).values
        between = even_pairs(block, _pairs(both), gathered_partition(block, 0, len(both)).length)
        return lambda side: share_out(splitters.cuts_before(_pairs(side), between), len(side))
    total = gathered_partition(block, 0, len(values) + len(known)).length
    if total == 0:
        return lambda side: [0] * block.device.ranks
    inner = [min(bound, total - 1) for bound in Partition.even(0, total, block.device.ranks).bounds[1:-1]]
    parts = [splitters.Lanes(side[None]) for side in (values, known)]
    keys = splitters.keys_at(parts, inner, block.communicator)
    return lambda side: share_out(splitters.Lanes(side[None]).count(keys, right=False)[0].tolist(), len(side))


def _pairs(values: torch.Tensor) -> splitters.Pairs:
    return sorted_pairs(values, torch.zeros((), dtype=torch.int64, device=values.device))
