"""Running sums and products: a local scan, and one exscan of the parts' totals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Operator, operators
from array_api_dist.kernels import scans


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A row: the local scan, and how a total from the left joins in, in place."""

    name: str
    local: Callable[[torch.Tensor, int, torch.dtype], torch.Tensor]
    join: Callable[[torch.Tensor, torch.Tensor], None]
    operator: Operator
    identity: int


CUMULATIVE_SUM: Final = Scan("cumulative_sum", scans.cumulative_sum, scans.add_before, operators.SUM, 0)
CUMULATIVE_PROD: Final = Scan(
    "cumulative_prod", scans.cumulative_prod, scans.multiply_by_before, operators.PROD, 1
)


def _identity_slab(rule: Scan, block: Block, axis: int, dtype: torch.dtype) -> torch.Tensor:
    shape = (*block.local.shape[:axis], 1, *block.local.shape[axis + 1 :])
    return torch.full(shape, rule.identity, dtype=torch.int64, device=block.local.device).to(dtype)


def _last_slab(rule: Scan, block: Block, scanned: torch.Tensor, axis: int) -> torch.Tensor:
    if scanned.shape[axis] == 0:
        return _identity_slab(rule, block, axis, scanned.dtype)
    return scanned.narrow(axis, scanned.shape[axis] - 1, 1)


def scan(rule: Scan, block: Block, axis: int, dtype: torch.dtype, *, include_initial: bool = False) -> Block:
    """Return the running totals along ``axis`` in ``dtype``, one longer there with ``include_initial``.

    Communication: none when ``axis`` is not partitioned; else one exscan of a slab of ``size / length`` elements.
    """
    local = rule.local(block.local, axis, dtype)
    is_first = True
    if block.partition.axis == axis:
        identity = _identity_slab(rule, block, axis, dtype)
        last = _last_slab(rule, block, local, axis)
        (before,) = block.communicator.exscan((last,), rule.operator, (identity,))
        is_first = block.device.rank == 0
        if not is_first:
            rule.join(local, before)
    if not include_initial:
        return block.with_local(local)
    if is_first:
        local = torch.cat((_identity_slab(rule, block, axis, dtype), local), dim=axis)
    shape = (*block.shape[:axis], block.shape[axis] + 1, *block.shape[axis + 1 :])
    partition = block.partition
    if partition.axis == axis:
        partition = Partition(axis, (0, *(bound + 1 for bound in partition.bounds[1:])))
    return Block(local, shape, partition, block.device)
