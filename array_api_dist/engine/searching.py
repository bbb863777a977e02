"""Looking values up in a sorted array: replicate the small side, else ask the owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Communicator, operators
from array_api_dist.engine import splitters
from array_api_dist.engine.rearrangement import gathered_partition
from array_api_dist.engine.redistribution import replicate
from array_api_dist.engine.routing import Route, forward_together, grouped
from array_api_dist.engine.uniqueness import even_pairs, searchable, share_out, sorted_pairs
from array_api_dist.kernels import searching as kernels
from array_api_dist.kernels.distinct import unique as distinct
from array_api_dist.kernels.moving import movable
from array_api_dist.kernels.order_keys import order_key, pieces
from array_api_dist.kernels.ordering import sort_in_place
from array_api_dist.kernels.packed_order import group_type

SMALL_NBYTES: Final = 1 << 20
"""Sides of at most this many bytes are replicated rather than routed."""


def searchsorted(ordered: Block, values: Block, side: Literal["left", "right"]) -> Block:
    """Return where ``values`` would go into the sorted vector ``ordered`` of the same data type, as int64.

    Communication: none when ``ordered`` is replicated; one allgather of it when small; one allreduce of a count per
    value when those are replicated; else one allgather of P keys and two exchanges of 8 bytes a value.
    """
    if ordered.partition.axis is not None and ordered.nbytes <= SMALL_NBYTES:
        ordered = replicate(ordered)
    if ordered.partition.axis is None:
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
    asked = route.forward(wanted if order is None else movable(wanted)[order].view(wanted.dtype))
    inside = kernels.searchsorted(ordered.local, asked, side).add_(ordered.offset(0))
    del asked
    answers = route.backward(inside)
    del inside
    if order is None:
        return answers
    result = torch.empty_like(answers)
    result[order] = answers
    return result


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
    for piece in pieces(wanted.shape):
        found = torch.searchsorted(ends, order_key(wanted.narrow(*piece)).contiguous(), side=side)
        owners.narrow(*piece).copy_(found.clamp_(max=communicator.ranks - 1))
    return owners


def isin(block: Block, members: Block) -> Block:
    """Return whether each element stands among ``members`` of the same data type; NaN never does.

    Communication: none when ``members`` is replicated; one allgather of it when small; one allreduce of a byte an
    element when ``block`` is replicated; else both sides' distinct values meet by key: the small collectives of
    ``unique``, one exchange there and one of a byte each back.
    """
    if members.partition.axis is not None and members.nbytes <= SMALL_NBYTES:
        members = replicate(members)
    if members.partition.axis is not None and block.partition.axis is not None:
        return _met(block, members)
    ordered = distinct(members.local.reshape(-1)).values
    found = kernels.isin(block.local, ordered)
    if members.partition.axis is not None:
        (found,) = block.communicator.allreduce((found,), operators.ANY)
    return block.with_local(found)


def _met(block: Block, members: Block) -> Block:
    """Bring the distinct values of both sides together by key, and tell the askers what is there."""
    wanted = distinct(block.local.reshape(-1), numbers=True)
    numbers, communicator = wanted.numbers, block.communicator
    assert numbers is not None
    sides = [wanted.values, distinct(members.local.reshape(-1)).values]
    del wanted
    # NaN is not looked for: it stands at the end, and stands nowhere.
    sides = [searchable(side[: kernels.present_count(side)]) for side in sides]
    routes = [Route.agreed(communicator, sizes) for sizes in _met_shares(block, sides)]
    known = len(sides[0])
    asked, there = forward_together(list(zip(routes, sides, strict=True)))
    del sides
    there = distinct(there).values if there.is_complex() else sort_in_place(there, 0, merges=True)
    answers = routes[0].backward(kernels.isin(asked, there))
    told = torch.cat((answers, answers.new_zeros(1)))
    result = torch.empty(numbers.shape, dtype=torch.bool, device=numbers.device)
    for piece in pieces(numbers.shape):
        result.narrow(*piece).copy_(told[numbers.narrow(*piece).clamp(max=known)])
    return block.with_local(result.view(block.local.shape))


def _met_shares(block: Block, sides: Sequence[torch.Tensor]) -> list[list[int]]:
    """Return how many of the sorted values of each side go to each rank. Communication: an allgather, small allreduces."""
    if sides[0].is_complex():
        both = distinct(torch.cat(list(sides))).values
        total = gathered_partition(block, 0, len(both)).length
        between = even_pairs(block, _pairs(both), total)
        return [share_out(splitters.cuts_before(_pairs(side), between), len(side)) for side in sides]
    total = gathered_partition(block, 0, sum(map(len, sides))).length
    if total == 0:
        return [[0] * block.device.ranks for _ in sides]
    inner = [min(bound, total - 1) for bound in Partition.even(0, total, block.device.ranks).bounds[1:-1]]
    parts = [splitters.Lanes(side[None]) for side in sides]
    keys = splitters.keys_at(parts, inner, block.communicator)
    return [share_out(part.count(keys, right=False)[0].tolist(), part.values.shape[1]) for part in parts]


def _pairs(values: torch.Tensor) -> splitters.Pairs:
    return sorted_pairs(values, torch.zeros((), dtype=torch.int64, device=values.device))
