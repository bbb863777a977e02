"""Running sums and products of one tensor."""

from __future__ import annotations

import torch

from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.moving import movable, moved_back


def cumulative_sum(tensor: torch.Tensor, axis: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the running sums along ``axis`` in ``dtype``."""
    values = movable(cast(tensor, dtype))
    return moved_back(torch.cumsum(values, axis, dtype=values.dtype), dtype)


def cumulative_prod(tensor: torch.Tensor, axis: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the running products along ``axis`` in ``dtype``."""
    values = movable(cast(tensor, dtype))
    return moved_back(torch.cumprod(values, axis, dtype=values.dtype), dtype)


def add_before(scanned: torch.Tensor, before: torch.Tensor) -> None:
    """Add what came before to running sums, in place: fresh memory would cost more than the sums."""
    movable(scanned).add_(movable(before))


def multiply_by_before(scanned: torch.Tensor, before: torch.Tensor) -> None:
    """Multiply running products by what came before, in place."""
    movable(scanned).mul_(movable(before))
