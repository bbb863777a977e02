"""Looking values up in a sorted array: replicate the small side, else ask the owners."""

from __future__ import annotations

from typing import Final, Literal

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Communicator, operators
from array_api_dist.engine.redistribution import replicate
from array_api_dist.engine.routing import Route, grouped
from array_api_dist.kernels import searching as kernels
from array_api_dist.kernels.ordering import order_key

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


def isin(block: Block, ordered: Block) -> Block:
    """Return whether each element stands in the sorted vector ``ordered`` of the same data type; NaN never does.

    Communication: none when ``ordered`` is replicated; one allgather of it when small; else that of
    ``routed_positions`` twice.
    """
    if ordered.partition.axis is not None and (
        ordered.nbytes <= SMALL_NBYTES or block.partition.axis is None
    ):
        ordered = replicate(ordered)
    if ordered.partition.axis is None:
        return block.with_local(kernels.isin(block.local, ordered.local))
    keys, wanted = order_key(ordered.local), order_key(block.local).reshape(-1)
    before = routed_positions(keys, ordered.partition, wanted, "left", block.communicator)
    after = routed_positions(keys, ordered.partition, wanted, "right", block.communicator)
    found = (before < after).reshape(block.local.shape)
    if block.local.is_floating_point():
        found &= ~torch.isnan(block.local)
    return block.with_local(found)
