"""Distinct values: a local pass, one exchange by key, a merge at the owners; one reply for the inverse."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.engine import splitters
from array_api_dist.engine.rearrangement import gathered_partition
from array_api_dist.engine.redistribution import evened
from array_api_dist.engine.routing import Route, row_major_positions
from array_api_dist.kernels import ordering as kernels


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The distinct values in order, where each stands first (row-major), how often, and each element's number."""

    values: Block
    indices: Block
    counts: Block
    inverse: Block | None


def unique(block: Block, *, inverse: bool) -> Distinct:
    """Return the distinct values of ``block``; every NaN is its own, and of both zeros the first one stands.

    Communication: none when replicated; else at most 68 small collectives to find the splitters, one all-to-all of
    counts, one exchange of the locally distinct values, an allgather of P counts; with ``inverse`` one exchange more.
    """
    flat = block.local.reshape(-1)
    values, first, numbers, counts = kernels.unique(flat)
    if block.partition.axis is None:
        vectors = [
            Block(each, (len(each),), block.partition, block.device) for each in (values, first, counts)
        ]
        backwards = block.with_local(numbers.reshape(block.local.shape))
        return Distinct(vectors[0], vectors[1], vectors[2], backwards)
    positions = row_major_positions(block.shape, block.partition, block.device.rank, flat.device).reshape(-1)
    return _merged(block, values, positions[first], counts, numbers if inverse else None)


def _merged(
    block: Block,
    values: torch.Tensor,
    first: torch.Tensor,
    counts: torch.Tensor,
    numbers: torch.Tensor | None,
) -> Distinct:
    """Bring equal values together at one rank each, and tell the senders which number they got."""
    communicator = block.communicator
    route = Route.agreed(communicator, _shares(block, _coarse_key(values)))
    received = [route.forward(each.contiguous()) for each in (values, first, counts)]
    order = _by_value_then_position(received[0], received[1])
    values, first, counts = (kernels.take_lanes(each, order, 0) for each in received)
    starts = kernels.starts_of_runs(values)
    group = torch.cumsum(starts, 0) - 1
    at = torch.nonzero(starts).reshape(-1)
    totals = torch.zeros_like(at).index_add_(0, group, counts)
    partition = gathered_partition(block, 0, len(at))
    shape = (partition.length,)
    vectors = [
        evened(Block(each, shape, partition, block.device))
        for each in (kernels.take_lanes(values, at, 0), first[at], totals)
    ]
    backwards = (
        None
        if numbers is None
        else _told(block, route, order, group + partition.offset(block.device.rank), numbers)
    )
    return Distinct(vectors[0], vectors[1], vectors[2], backwards)


def _told(
    block: Block, route: Route, order: torch.Tensor, group: torch.Tensor, numbers: torch.Tensor
) -> Block:
    answers = torch.empty_like(group)
    answers[order] = group
    told = route.backward(answers)
    return block.with_local(told[numbers].reshape(block.local.shape))


def _coarse_key(values: torch.Tensor) -> torch.Tensor:
    """Return keys that equal values share and that ascend along sorted ``values``: of complex ones the real part's."""
    if values.is_complex():
        return kernels.order_key(torch.where(torch.isnan(values), torch.nan, values.real))
    return kernels.order_key(values)


def _shares(block: Block, keys: torch.Tensor) -> list[int]:
    """Return how many of the locally distinct values go to each rank: equal keys never part."""
    communicator = block.communicator
    total = gathered_partition(block, 0, len(keys)).length
    target = Partition.even(0, total, communicator.ranks)
    if total == 0:
        return [0] * communicator.ranks
    inner = [min(bound, total - 1) for bound in target.bounds[1:-1]]
    found = splitters.keys_at(keys[None, :], inner, communicator)
    cuts = [0, *torch.searchsorted(keys, found[0]).tolist(), len(keys)]
    return [last - first for first, last in pairwise(cuts)]


def _by_value_then_position(values: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    by_position = torch.argsort(first, stable=True)
    by_value = kernels.argsort(kernels.take_lanes(values, by_position, 0), 0)
    return by_position[by_value]
