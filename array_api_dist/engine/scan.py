"""Running sums and products: a local scan, and one exscan of the parts' totals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives import Operator, operators
from array_api_dist.kernels import reductions, scans
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import WIDE
from array_api_dist.kernels.moving import add_to


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A row: the local scan, and how a total from the left joins in, in place.

    The shorter floating types are accumulated in double precision: there a total is taken of its own, and the scan is
    the one that goes on from what was before.
    """

    name: str
    local: Callable[[torch.Tensor, int, torch.dtype], torch.Tensor]
    join: Callable[[torch.Tensor, torch.Tensor], None]
    total: Callable[[torch.Tensor, tuple[int, ...], torch.dtype], torch.Tensor]
    resumed: Callable[[torch.Tensor, int, torch.Tensor], torch.Tensor]
    operator: Operator
    identity: int


CUMULATIVE_SUM: Final = Scan(
    "cumulative_sum", scans.cumulative_sum, add_to, reductions.partial_sum, scans.sums_from, operators.SUM, 0,
)  # fmt: skip
CUMULATIVE_PROD: Final = Scan(
    "cumulative_prod", scans.cumulative_prod, scans.multiply_by_before, reductions.partial_prod, scans.products_from,
    operators.PROD, 1,
)  # fmt: skip


def _identity_slab(rule: Scan, block: Block, axis: int, dtype: torch.dtype) -> torch.Tensor:
    return scans.identity_slab(block.local, axis, rule.identity, dtype)


def _last_slab(rule: Scan, block: Block, scanned: torch.Tensor, axis: int) -> torch.Tensor:
    if scanned.shape[axis] == 0:
        return _identity_slab(rule, block, axis, scanned.dtype)
    return scanned.narrow(axis, scanned.shape[axis] - 1, 1)


def _scanned(rule: Scan, block: Block, axis: int, dtype: torch.dtype) -> torch.Tensor:
    """Return this rank's part of the running totals along the partitioned ``axis``."""
    wide = WIDE.get(dtype)
    if wide is None:
        local = rule.local(block.local, axis, dtype)
        before = _before(rule, block, _last_slab(rule, block, local, axis), axis)
        if block.device.rank:
            rule.join(local, before)
        return local
    values = cast(block.local, dtype)
    before = _before(rule, block, rule.total(values, (axis,), dtype).unsqueeze(axis), axis)
    return rule.resumed(values, axis, before) if block.device.rank else rule.local(values, axis, dtype)


def _before(rule: Scan, block: Block, total: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the total of the lower ranks' parts."""
    identity = _identity_slab(rule, block, axis, total.dtype)
    (before,) = block.communicator.exscan((total,), rule.operator, (identity,))
    return before


def scan(rule: Scan, block: Block, axis: int, dtype: torch.dtype, *, include_initial: bool = False) -> Block:
    """Return the running totals along ``axis`` in ``dtype``, one longer there with ``include_initial``.

    Communication: none when ``axis`` is not partitioned; else one exscan of a slab of ``size / length`` elements.
    """
    is_split = block.partition.axis == axis
    local = _scanned(rule, block, axis, dtype) if is_split else rule.local(block.local, axis, dtype)
    if not include_initial:
        return block.with_local(local)
    if not is_split or block.device.rank == 0:
        local = torch.cat((_identity_slab(rule, block, axis, dtype), local), dim=axis)
    shape = (*block.shape[:axis], block.shape[axis] + 1, *block.shape[axis + 1 :])
    partition = block.partition
    if partition.axis == axis:
        partition = Partition(axis, (0, *(bound + 1 for bound in partition.bounds[1:])))
    return Block(local, shape, partition, block.device)
