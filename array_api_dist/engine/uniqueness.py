"""Distinct values: a local pass, one exchange by key, a merge at the owners; one reply for the inverse."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.engine import splitters
from array_api_dist.engine.rearrangement import gathered_partition
from array_api_dist.engine.redistribution import evened_together
from array_api_dist.engine.routing import Route, forward_together, row_major_positions
from array_api_dist.kernels import ordering as kernels


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The distinct values in order, where each stands first (row-major), how often, and each element's number."""

    values: Block
    indices: Block
    counts: Block | None
    inverse: Block | None


def unique(block: Block, *, counts: bool = False, inverse: bool = False) -> Distinct:
    """Return the distinct values of ``block``; every NaN is its own, and of both zeros the first one stands.

    Communication: none when replicated; else at most 67 small allreduces to find the splitters (135 for floating-point
    values), an all-to-all and two allgathers of counts, one exchange of the locally distinct values, and one if the
    result is lopsided; with ``inverse`` one exchange more.
    """
    flat = block.local.reshape(-1)
    values, first, numbers, totals = kernels.unique(flat)
    if block.partition.axis is None:
        vectors = [
            Block(each, (len(each),), block.partition, block.device) for each in (values, first, totals)
        ]
        backwards = block.with_local(numbers.reshape(block.local.shape))
        return Distinct(vectors[0], vectors[1], vectors[2], backwards)
    positions = row_major_positions(block.shape, block.partition, block.device.rank, flat.device).reshape(-1)
    local = _Local(values, positions[first], totals if counts else None, numbers if inverse else None)
    return _merged(block, local)


@dataclass(frozen=True, slots=True, eq=False)
class _Local:
    """The distinct values of one part, where each stands first, and what else is asked for."""

    values: torch.Tensor
    first: torch.Tensor
    counts: torch.Tensor | None
    numbers: torch.Tensor | None


def _merged(block: Block, local: _Local) -> Distinct:
    """Bring equal values together at one rank each, and tell the senders which number they got."""
    communicator = block.communicator
    keys = sorted_pairs(local.values, local.first)
    route = Route.agreed(communicator, shares(keys, even_splitters(block, keys)))
    sent = [each.contiguous() for each in (local.values, local.first, local.counts) if each is not None]
    received = forward_together([(route, each) for each in sent])
    order = _by_value_then_position(received[0], received[1])
    values, first = (kernels.take_lanes(each, order, 0) for each in received[:2])
    starts = kernels.starts_of_runs(values)
    group = torch.cumsum(starts, 0) - 1
    at = torch.nonzero(starts).reshape(-1)
    found = [kernels.take_lanes(values, at, 0), first[at]]
    if local.counts is not None:
        found.append(torch.zeros_like(at).index_add_(0, group, kernels.take_lanes(received[2], order, 0)))
    partition = gathered_partition(block, 0, len(at))
    shape = (partition.length,)
    vectors = evened_together([Block(each, shape, partition, block.device) for each in found])
    backwards = None
    if local.numbers is not None:
        number = group + partition.offset(block.device.rank)
        backwards = _told(block, route, order, number, local.numbers)
    return Distinct(vectors[0], vectors[1], vectors[2] if local.counts is not None else None, backwards)


def _told(
    block: Block, route: Route, order: torch.Tensor, group: torch.Tensor, numbers: torch.Tensor
) -> Block:
    answers = torch.empty_like(group)
    answers[order] = group
    told = route.backward(answers)
    return block.with_local(told[numbers].reshape(block.local.shape))


def sorted_pairs(values: torch.Tensor, first: torch.Tensor) -> splitters.Pairs:
    """Return the keys of sorted distinct ``values``; equal ones share them, but each NaN has its own.

    Complex values are parted by their imaginary part, NaNs, which nothing brings together, by where they stand.
    """
    if values.is_complex():
        missing = torch.isnan(values)
        key = kernels.order_key(torch.where(missing, torch.nan, values.real))
        return key, torch.where(missing, first, kernels.order_key(values.imag))
    key = kernels.order_key(values)
    if not values.is_floating_point():
        return key, None
    return key, torch.where(torch.isnan(values), first, torch.zeros_like(first))


def even_splitters(block: Block, keys: splitters.Pairs) -> splitters.Pairs:
    """Return the P - 1 keys that part all ranks' ``keys`` evenly. Communication: that of ``pairs_at``, an allgather."""
    ranks = block.device.ranks
    total = gathered_partition(block, 0, len(keys[0])).length
    if total == 0:
        return keys[0].new_zeros(ranks - 1), None if keys[1] is None else keys[1].new_zeros(ranks - 1)
    inner = [min(bound, total - 1) for bound in Partition.even(0, total, ranks).bounds[1:-1]]
    return splitters.pairs_at(keys, inner, block.communicator)


def shares(keys: splitters.Pairs, between: splitters.Pairs) -> list[int]:
    """Return how many of the local ``keys`` go to each rank: equal keys never part."""
    cuts = [0, *splitters.cuts_before(keys, between), len(keys[0])]
    return [last - first for first, last in pairwise(cuts)]


def _by_value_then_position(values: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    by_position = torch.argsort(first, stable=True)
    by_value = kernels.argsort(kernels.take_lanes(values, by_position, 0), 0)
    return by_position[by_value]
