"""Looking values up in a sorted array: replicate the small side, else ask the owners."""

from __future__ import annotations

from typing import Final, Literal

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Communicator, operators
from array_api_dist.engine.redistribution import replicate
from array_api_dist.engine.routing import Route, forward_together, grouped
from array_api_dist.engine.uniqueness import even_splitters, shares, sorted_pairs
from array_api_dist.kernels import searching as kernels
from array_api_dist.kernels.ordering import order_key
from array_api_dist.kernels.ordering import unique as distinct

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
    keys = order_key(values.local).reshape(-1)
    found = routed_positions(order_key(ordered.local), ordered.partition, keys, side, ordered.communicator)
    return values.with_local(found.reshape(values.local.shape))


def _counted(ordered: Block, values: Block, side: Literal["left", "right"]) -> Block:
    """Sum what each part has before the values: each rank has them all."""
    here = kernels.searchsorted(ordered.local, values.local, side)
    (total,) = ordered.communicator.allreduce((here,), operators.SUM)
    return values.with_local(total)


def routed_positions(
    keys: torch.Tensor,
    partition: Partition,
    wanted: torch.Tensor,
    side: Literal["left", "right"],
    communicator: Communicator,
) -> torch.Tensor:
    """Return the global positions of the ``wanted`` keys in the parts' sorted ``keys``.

    Communication: one allgather of P keys, one all-to-all of counts, two exchanges of 8 bytes a key.
    """
    # torch warns about the copies that it would make itself.
    keys, wanted = keys.contiguous(), wanted.contiguous()
    owners = _parts_of(keys, wanted, side, communicator)
    order, counts = grouped(owners, communicator.ranks)
    route = Route.agreed(communicator, counts)
    asked = route.forward(wanted if order is None else wanted[order])
    inside = torch.searchsorted(keys, asked, side=side) + partition.bounds[communicator.rank]
    answers = route.backward(inside)
    if order is None:
        return answers
    result = torch.empty_like(answers)
    result[order] = answers
    return result


def _parts_of(
    keys: torch.Tensor, wanted: torch.Tensor, side: Literal["left", "right"], communicator: Communicator
) -> torch.Tensor:
    """Return the rank in whose part, or at whose end, each key's place is: the first whose last key is not before it."""
    lowest = torch.iinfo(torch.int64).min
    last = keys[-1:] if len(keys) else keys.new_full((1,), lowest)
    ends = communicator.allgather(last, 0, (1,) * communicator.ranks)
    # An empty part ends where the part before it does.
    ends = torch.cummax(ends, 0).values
    return torch.searchsorted(ends, wanted, side=side).clamp_(max=communicator.ranks - 1)


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
    ordered = distinct(members.local.reshape(-1))[0]
    found = kernels.isin(block.local, ordered)
    if members.partition.axis is not None:
        (found,) = block.communicator.allreduce((found,), operators.ANY)
    return block.with_local(found)


def _present(local: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distinct values but NaN, in order, and each element's number, that of NaN beyond them."""
    values, _, numbers, _ = distinct(local.reshape(-1))
    if values.is_floating_point() or values.is_complex():
        values = values[~torch.isnan(values)]
    return values, numbers.clamp(max=len(values))


def _met(block: Block, members: Block) -> Block:
    """Bring the distinct values of both sides together by key, and tell the askers what is there."""
    communicator = block.communicator
    (wanted, numbers), (known, _) = _present(block.local), _present(members.local)
    both, first, _, _ = distinct(torch.cat((wanted, known)))
    between = even_splitters(block, sorted_pairs(both, first))
    routes = [
        Route.agreed(
            communicator,
            shares(sorted_pairs(values, torch.arange(len(values), device=values.device)), between),
        )
        for values in (wanted, known)
    ]
    asked, there = forward_together(list(zip(routes, (wanted, known), strict=True)))
    answers = routes[0].backward(kernels.isin(asked, distinct(there)[0]))
    told = torch.cat((answers, answers.new_zeros(1)))
    return block.with_local(told[numbers].reshape(block.local.shape))
