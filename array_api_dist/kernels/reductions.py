"""Reductions of one tensor, which may be an empty part: then they give the identity of their merge."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from math import prod as product
from typing import Final, TypeAlias

import numpy as np
import torch

from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.moving import SIGNED, movable, moved_back

Axes: TypeAlias = tuple[int, ...]
Moments: TypeAlias = tuple[torch.Tensor, ...]

NOWHERE: Final = 2**63 - 1
"""The index of an extreme among no elements."""

# Rows of a block of a moment pass: they stay in the cache between its two looks at them.
_BLOCK_NBYTES: Final = 1 << 18


def sum(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the sums over ``axes`` in ``dtype``; float32 is accumulated in blocks and merged in float64."""
    if not axes:
        return cast(tensor, dtype)
    if dtype in (torch.float32, torch.complex64) and tensor.dtype == dtype:
        wide = torch.float64 if dtype == torch.float32 else torch.complex128
        return torch.sum(tensor, axes, dtype=wide).to(dtype)
    if tensor.is_floating_point() or tensor.is_complex():
        return (
            torch.sum(tensor, axes, dtype=dtype) if _is_plain(dtype) else cast(torch.sum(tensor, axes), dtype)
        )
    values = movable(cast(tensor, dtype))
    return moved_back(torch.sum(values, axes, dtype=values.dtype), dtype)


def _is_plain(dtype: torch.dtype) -> builtins.bool:
    return dtype.is_floating_point or dtype.is_complex


def prod(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the products over ``axes`` in ``dtype``."""
    values = movable(cast(tensor, dtype))
    for axis in sorted(axes, reverse=True):
        values = torch.prod(values, axis, dtype=values.dtype)
    return moved_back(values, dtype)


def _ordered(tensor: torch.Tensor) -> torch.Tensor:
    """Return integers of a type that torch compares, in the order of an unsigned ``tensor``: the top bit flipped."""
    signed = SIGNED[tensor.dtype]
    return tensor.view(signed) ^ torch.iinfo(signed).min


def _restored(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return (values ^ torch.iinfo(values.dtype).min).view(dtype)


def _limits(dtype: torch.dtype) -> tuple[float, float]:
    if dtype.is_floating_point:
        return -torch.inf, torch.inf
    if dtype == torch.bool:
        return False, True
    limits = torch.iinfo(dtype)
    return limits.min, limits.max


def _extreme(
    tensor: torch.Tensor, axes: Axes, kernel: Callable[..., torch.Tensor], *, least: builtins.bool
) -> torch.Tensor:
    if not axes:
        return tensor
    if tensor.dtype in SIGNED:
        return _restored(_extreme(_ordered(tensor), axes, kernel, least=least), tensor.dtype)
    if product(tensor.shape[axis] for axis in axes) == 0:
        shape = [length for axis, length in enumerate(tensor.shape) if axis not in axes]
        return tensor.new_full(shape, _limits(tensor.dtype)[least])
    return kernel(tensor, axes)


def min(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the least values over ``axes``, NaN where there is one; the greatest value there is for no elements."""
    return _extreme(tensor, axes, torch.amin, least=True)


def max(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the greatest values over ``axes``, NaN where there is one; the least value there is for no elements."""
    return _extreme(tensor, axes, torch.amax, least=False)


def all(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return whether all elements over ``axes`` are true (not zero)."""
    truth = _truth(tensor)
    return torch.all(truth, axes) if axes else truth


def any(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return whether any element over ``axes`` is true (not zero)."""
    truth = _truth(tensor)
    return torch.any(truth, axes) if axes else truth


def _truth(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.dtype == torch.bool else movable(tensor) != 0


def count_nonzero(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return how many elements over ``axes`` are not zero, in int64."""
    truth = _truth(tensor)
    return torch.sum(truth, axes, dtype=torch.int64) if axes else truth.to(torch.int64)


def _arg_extreme(
    tensor: torch.Tensor,
    axis: int,
    numpy_kernel: Callable[..., object],
    torch_kernel: Callable[..., torch.Tensor],
    *,
    least: builtins.bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    if tensor.dtype in SIGNED:
        value, index = _arg_extreme(_ordered(tensor), axis, numpy_kernel, torch_kernel, least=least)
        return _restored(value, tensor.dtype), index
    if tensor.shape[axis] == 0:
        shape = (*tensor.shape[:axis], *tensor.shape[axis + 1 :])
        return (
            tensor.new_full(shape, _limits(tensor.dtype)[least]),
            torch.full(shape, NOWHERE, dtype=torch.int64, device=tensor.device),
        )
    if tensor.device.type == "cpu":
        # NumPy promises the first of equals, and NaN before all; torch promises neither.
        index = torch.from_numpy(np.asarray(numpy_kernel(tensor.numpy(), axis=axis), dtype=np.int64))
    else:
        index = _first_extreme(tensor, axis, torch_kernel)
    value = torch.gather(tensor, axis, index.unsqueeze(axis)).squeeze(axis)
    return value, index


def _first_extreme(tensor: torch.Tensor, axis: int, kernel: Callable[..., torch.Tensor]) -> torch.Tensor:
    extreme = kernel(tensor, axis, keepdim=True)
    is_extreme = (tensor == extreme) | (tensor != tensor)  # noqa: PLR0124 - NaN
    return torch.argmax(is_extreme.to(torch.int8), axis)


def argmin(tensor: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least values along ``axis`` and where they stand first; (greatest value, NOWHERE) for no elements."""
    return _arg_extreme(tensor, axis, np.argmin, torch.amin, least=True)


def argmax(tensor: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the greatest values along ``axis`` and where they stand first; (least value, NOWHERE) for no elements."""
    return _arg_extreme(tensor, axis, np.argmax, torch.amax, least=False)


def merge_moments(left: Moments, right: Moments) -> Moments:
    """Return the (count, mean, M2) of both sides together (Chan, Golub and LeVeque 1979; Bennett et al. 2009)."""
    (left_count, left_mean, left_square), (right_count, right_mean, right_square) = left, right
    count = left_count + right_count
    share = right_count / torch.clamp(count, min=1)
    delta = right_mean - left_mean
    left_empty, right_empty = left_count == 0, right_count == 0
    mean = torch.where(left_empty, right_mean, torch.where(right_empty, left_mean, left_mean + delta * share))
    between = torch.where(
        left_empty | right_empty, torch.zeros_like(delta), delta * delta * left_count * share
    )
    return count, mean, left_square + right_square + between


def moments(tensor: torch.Tensor, axes: Axes, order: int = 2) -> Moments:
    """Return (count, mean, M2) over ``axes`` in float64: one pass over memory, in blocks merged pairwise.

    Parameters
    ----------
    tensor : torch.Tensor, float32 or float64
    axes : tuple of int
    order : int
        2: M2 is the sum of squared deviations from the mean.
    """
    assert order == 2
    shape = tuple(length for axis, length in enumerate(tensor.shape) if axis not in axes)
    count = product(tensor.shape[axis] for axis in axes)
    if count == 0:
        nothing = torch.zeros(shape, dtype=torch.float64, device=tensor.device)
        return nothing, nothing, nothing
    if not axes:
        one = torch.ones(shape, dtype=torch.float64, device=tensor.device)
        values = tensor.to(torch.float64)
        # Not zeros: the deviation of a NaN or an infinity from itself is NaN.
        return one, values, values - values
    blocks = _blocks(tensor, axes)
    merged = [_block_moments(block, axes) for block in blocks]
    while len(merged) > 1:
        merged = [
            merge_moments(*merged[k : k + 2]) if k + 1 < len(merged) else merged[k]
            for k in range(0, len(merged), 2)
        ]
    return merged[0]


def _blocks(tensor: torch.Tensor, axes: Axes) -> list[torch.Tensor]:
    """Cut ``tensor`` along its reduced axis with the greatest stride into blocks that fit the cache."""
    axis = builtins.max(axes, key=lambda each: (tensor.stride(each), tensor.shape[each]))
    slab = builtins.max(tensor.numel() // tensor.shape[axis] * tensor.element_size(), 1)
    rows = builtins.max(_BLOCK_NBYTES // slab, 16)
    return list(torch.split(tensor, rows, dim=axis))


def _block_moments(block: torch.Tensor, axes: Axes) -> Moments:
    count = product(block.shape[axis] for axis in axes)
    mean = torch.mean(block, axes, keepdim=True, dtype=torch.float64)
    deviations = block - mean.to(block.dtype)
    # The block's own mean is rounded to its type: the first-order term puts that right.
    first = torch.sum(deviations, axes, dtype=torch.float64)
    square = torch.sum(deviations.square_(), axes, dtype=torch.float64)
    shape = first.shape
    exact = mean.to(block.dtype).to(torch.float64).reshape(shape) + first / count
    counts = torch.full(shape, float(count), dtype=torch.float64, device=block.device)
    return counts, exact, square - first * first / count
