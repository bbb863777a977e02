"""Running sums and products of one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch

from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import WIDE
from array_api_dist.kernels.moving import add_to, movable, moved_back
from array_api_dist.kernels.tiles import cut_axis

# So many rows are added up one after another, if they are at least so wide and more than a core's cache holds.
_ROWS: Final = 1 << 6
_WIDTH: Final = 1 << 3
_CACHE_NBYTES: Final = 1 << 21
# So many elements are continued in double precision at once.
PIECE_SIZE: Final = 1 << 16
# Accelerators want more to do at once.
_PIECE_SIZE_ELSEWHERE: Final = 1 << 24


def cumulative_sum(tensor: torch.Tensor, axis: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the running sums along ``axis`` in ``dtype``."""
    values = movable(cast(tensor, dtype))
    if _is_accumulated_short(values):
        return sums_from(values, axis, identity_slab(values, axis, 0, WIDE[dtype]))
    found = _summed_by_rows(values, axis) if _has_many_rows(values, axis) else None
    return moved_back(torch.cumsum(values, axis, dtype=values.dtype) if found is None else found, dtype)


def _has_many_rows(values: torch.Tensor, axis: int) -> bool:
    """Return whether the caches don't hold rows, along which torch's loop passes once for each column."""
    width = math.prod(values.shape[axis + 1 :])
    nbytes = values.shape[axis] * width * values.element_size()
    return values.is_cpu and values.is_contiguous() and nbytes >= _CACHE_NBYTES and width >= _WIDTH


def _summed_by_rows(values: torch.Tensor, axis: int) -> torch.Tensor | None:
    """Return the running sums: those in blocks of rows, all blocks at once, then what is before each block.

    None if the sum of a block is not finite, where the whole may be.
    """
    rows = values.view(math.prod(values.shape[:axis]), values.shape[axis], -1)
    length = min(_ROWS, rows.shape[1])
    whole = rows.shape[1] - rows.shape[1] % length
    sums = torch.empty_like(rows)
    blocks, found = (cut_axis(each[:, :whole], 1, length) for each in (rows, sums))
    found[:, :, 0].copy_(blocks[:, :, 0])
    for row in range(1, length):
        torch.add(found[:, :, row - 1], blocks[:, :, row], out=found[:, :, row])
    before = torch.cumsum(found[:, :, -1], 1)
    if not torch.isfinite(before.sum()):
        return None
    found[:, 1:].add_(before[:, :-1, None])
    torch.cumsum(rows[:, whole:], 1, out=sums[:, whole:]).add_(before[:, -1:])
    return sums.view(values.shape)


def cumulative_prod(tensor: torch.Tensor, axis: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the running products along ``axis`` in ``dtype``."""
    values = movable(cast(tensor, dtype))
    if _is_accumulated_short(values):
        return products_from(values, axis, identity_slab(values, axis, 1, WIDE[dtype]))
    return moved_back(torch.cumprod(values, axis, dtype=values.dtype), dtype)


def _is_accumulated_short(values: torch.Tensor) -> bool:
    """Return whether torch's scans accumulate in the values' own, short, floating type: on CPUs in double precision."""
    return values.dtype in WIDE and not values.is_cpu


def identity_slab(values: torch.Tensor, axis: int, identity: int, dtype: torch.dtype) -> torch.Tensor:
    """Return a slab across ``axis``, in ``dtype``, of what a scan of ``values`` begins with."""
    shape = (*values.shape[:axis], 1, *values.shape[axis + 1 :])
    return torch.full(shape, identity, dtype=torch.int64, device=values.device).to(dtype)


def sums_from(values: torch.Tensor, axis: int, before: torch.Tensor) -> torch.Tensor:
    """Return the running sums along ``axis``, with those in double precision that came before."""
    return _resumed(values, axis, before, torch.cumsum, add_to)


def products_from(values: torch.Tensor, axis: int, before: torch.Tensor) -> torch.Tensor:
    """Return the running products along ``axis``, with those in double precision that came before."""
    return _resumed(values, axis, before, torch.cumprod, multiply_by_before)


def _resumed(
    values: torch.Tensor,
    axis: int,
    before: torch.Tensor,
    scan: Callable[[torch.Tensor, int], torch.Tensor],
    join: Callable[[torch.Tensor, torch.Tensor], None],
) -> torch.Tensor:
    """Scan in the precision of ``before``, piece by piece of what the caches hold."""
    result = torch.empty_like(values)
    if result.numel() == 0:
        return result
    piece_size = PIECE_SIZE if values.is_cpu else _PIECE_SIZE_ELSEWHERE
    step = max(piece_size // max(before.numel(), 1), 1)
    for piece, place in zip(torch.split(values, step, axis), torch.split(result, step, axis), strict=True):
        wide = piece.to(before.dtype)
        join(wide.narrow(axis, 0, 1), before)
        wide = scan(wide, axis)
        before = wide.narrow(axis, wide.shape[axis] - 1, 1)
        place.copy_(wide)
    return result


def multiply_by_before(scanned: torch.Tensor, before: torch.Tensor) -> None:
    """Multiply running products by what came before, in place."""
    movable(scanned).mul_(movable(before))
