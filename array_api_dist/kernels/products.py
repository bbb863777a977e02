"""Products of two tensors of one data type, every numeric one; integers wrap and lose no bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from array_api_dist.kernels.moving import movable, moved_back

Axes: TypeAlias = tuple[Sequence[int], Sequence[int]]


def _in_working_type(
    left: torch.Tensor, right: torch.Tensor, product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return ``product`` in the operands' type: two's complement arithmetic serves the unsigned types."""
    dtype = left.dtype
    return moved_back(product(movable(left), movable(right)), dtype)


def matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the matrix product of the last two axes over broadcast batch axes."""
    return _in_working_type(left, right, _matmul)


def _matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    if left.dtype != torch.int64 or min(left.ndim, right.ndim) < 2 or not _fits_in_float64(left, right):
        return torch.matmul(left, right)
    # torch multiplies int64 matrices element by element, thirty times slower than float64 ones.
    return torch.matmul(left.to(torch.float64), right.to(torch.float64)).to(torch.int64)


def _fits_in_float64(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Return whether no partial sum of the products can exceed what float64 holds exactly."""
    if left.numel() == 0 or right.numel() == 0:
        return False
    greatest = [max(-int(each.min()), int(each.max())) for each in (left, right)]
    return greatest[0] * greatest[1] * left.shape[-1] <= 2**53


def tensordot(left: torch.Tensor, right: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the contraction of the axes ``axes[0]`` of the left with ``axes[1]`` of the right."""
    pairs = [list(axes[0]), list(axes[1])]
    return _in_working_type(left, right, lambda a, b: torch.tensordot(a, b, pairs))  # pyright: ignore[reportArgumentType]  # torch's overload for pairs says int


def vecdot(left: torch.Tensor, right: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the dot products along ``axis`` (negative), the left side conjugated."""

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        first, second = a.movedim(axis, -1).conj(), b.movedim(axis, -1)
        if not a.dtype.is_floating_point and not a.is_complex():
            return (first * second).sum(-1, dtype=a.dtype)
        return torch.matmul(first.unsqueeze(-2), second.unsqueeze(-1)).squeeze((-2, -1))

    return _in_working_type(left, right, product)


def outer(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return all products of two vectors."""
    return _in_working_type(left, right, lambda a, b: a[:, None] * b)


def cross(left: torch.Tensor, right: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the cross products of the 3-vectors along ``axis`` (negative), the other axes broadcast."""

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a1, a2, a3 = a.movedim(axis, -1).unbind(-1)
        b1, b2, b3 = b.movedim(axis, -1).unbind(-1)
        return torch.stack((a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1), dim=-1).movedim(
            -1, axis
        )

    return _in_working_type(left, right, product)
