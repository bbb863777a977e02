"""Reductions of one tensor, which may be an empty part: then they give the identity of their merge.

What is wider than its elements (float64 sums of float32, int64 counts) is accumulated tile by tile: torch itself would
convert the whole tensor first, at several times the time and the memory of the reduction.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import torch

from array_api_dist.kernels import predicates
from array_api_dist.kernels.blocks import block_means, block_sums
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import WIDE
from array_api_dist.kernels.host_loops import FEW
from array_api_dist.kernels.moving import SIGNED, movable, moved_back
from array_api_dist.kernels.powers import SHORT_INTEGERS, integer_sums, power_sums, sums_of_squares
from array_api_dist.kernels.square_sums import squares_read_once
from array_api_dist.kernels.tiles import (
    Axes,
    cut_axis,
    double_sums,
    in_wide_rows,
    is_converted,
    is_small,
    tiles_of,
)

NOWHERE: Final = 2**63 - 1
"""The index of an extreme among no elements."""

_ACCUMULATORS: Final = {torch.float64, torch.int64}

# Along axes of at most this many elements slabs are compared as wholes, as many elements of them at a time.
_SHORT_AXIS: Final = 64
_PIECE_SIZE: Final = 1 << 19
# Lanes of more truth values than this are counted one by one.
_LONG_LANE: Final = 1 << 10
# NumPy is slow on rows shorter than this.
_SHORT_ROW: Final = 1 << 4
_NOT_VECTORISED: Final = {torch.int64, torch.bool}
# What torch compares.
_COMPARED: Final = {torch.float32, torch.float64, torch.int64, torch.int32, torch.bool}

ArgKernel: TypeAlias = Callable[..., object]
Kernel: TypeAlias = Callable[..., torch.Tensor]


def _is_numpys(tensor: torch.Tensor, axes: Axes) -> builtins.bool:
    """Return whether NumPy's loops, on the same memory, are the faster ones where torch's are not vectorised."""
    return (
        tensor.is_cpu
        and tensor.numel() > FEW
        and (len(axes) == tensor.ndim or tensor.shape[-1] >= _SHORT_ROW)
    )


def _reduced_by(
    ufunc: np.ufunc, tensor: torch.Tensor, axes: Axes | int, *, keepdim: builtins.bool = False
) -> torch.Tensor:
    values = tensor.resolve_conj().resolve_neg().numpy()
    return torch.from_numpy(np.asarray(ufunc.reduce(values, axis=axes, keepdims=keepdim)))


def _by_numpy(function: Kernel, ufunc: np.ufunc) -> Kernel:
    """Return the extreme ``function``, of int64 and truth values by the ``ufunc``: torch does not vectorise them."""

    def apply(tensor: torch.Tensor, axes: Axes | int, *, keepdim: builtins.bool = False) -> torch.Tensor:
        along = (axes,) if isinstance(axes, int) else axes
        if tensor.dtype in _NOT_VECTORISED and _is_numpys(tensor, along):
            return _reduced_by(ufunc, tensor, along, keepdim=keepdim)
        return function(tensor, axes, keepdim=keepdim)

    return apply


_least: Final = _by_numpy(torch.amin, np.minimum)
_greatest: Final = _by_numpy(torch.amax, np.maximum)


# ---- sums and counts


def sum(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the sums over ``axes`` in ``dtype``; floating ones are accumulated in float64, integers wrap."""
    if tensor.dtype is dtype and dtype in _ACCUMULATORS and axes and tensor.numel() <= FEW:
        return torch.sum(tensor, axes)
    floating = dtype.is_floating_point or dtype.is_complex
    if (
        not axes
        or (tensor.is_complex() and not dtype.is_complex)
        or (tensor.is_floating_point() and not floating)
    ):
        tensor = cast(tensor, dtype)
    if not axes:
        return tensor
    if not floating:
        return _integer_sum(tensor, axes, dtype)
    if tensor.dtype == dtype:
        return cast(blocked_sum(tensor, axes), dtype)
    if tensor.is_complex():
        return _of_parts(_float_sum, tensor, axes).to(dtype)
    return cast(_float_sum(tensor, axes), dtype)


def partial_sum(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return what parts of a sum in ``dtype`` merge: sums over ``axes``, floating ones in double precision."""
    wide = WIDE.get(dtype, dtype)
    if tensor.dtype is dtype is not wide:
        return blocked_sum(tensor, axes)
    return sum(tensor, axes, wide)


def _is_torchs(tensor: torch.Tensor) -> builtins.bool:
    """Return whether torch may as well add a floating tensor up in double precision; accelerators are slow at that."""
    if tensor.dtype == torch.float32:
        return is_converted(tensor)
    return tensor.numel() <= FEW or not tensor.is_cpu


def blocked_sum(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums of floating values in double precision: of blocks pairwise in their own, of those in float64."""
    if tensor.is_complex():
        return _blocked_complex_sum(tensor.resolve_conj(), axes)
    if not axes:
        return tensor.to(torch.float64)
    if _is_torchs(tensor):
        return torch.sum(tensor, axes, dtype=torch.float64)
    return block_sums(tiles_of(tensor, axes)) if tensor.dtype == torch.float32 else double_sums(tensor, axes)


def _blocked_complex_sum(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    wide = WIDE.get(tensor.dtype)
    if not tensor.is_cpu or (wide and is_small(tensor)):
        return _of_parts(blocked_sum, tensor, axes)
    if wide is None:
        return in_wide_rows(tensor, axes, torch.sum) if axes else tensor
    tiled = tiles_of(tensor, axes)
    return block_sums(tiled) if builtins.any(tiled.reduced[-2:]) else _of_parts(blocked_sum, tensor, axes)


def _of_parts(
    kernel: Callable[[torch.Tensor, Axes], torch.Tensor], tensor: torch.Tensor, axes: Axes
) -> torch.Tensor:
    """Return ``kernel`` of the real and the imaginary parts; the axis of the two is kept."""
    return torch.view_as_complex(kernel(torch.view_as_real(tensor.resolve_conj()), axes).contiguous())


def mean(tensor: torch.Tensor, axes: Axes, count: int) -> torch.Tensor:
    """Return the means over ``axes`` of ``count`` elements each, of a ``blocked_sum``; NaN for none."""
    dtype = tensor.dtype
    if axes and count and not tensor.is_complex() and _is_torchs(tensor):
        return cast(torch.mean(tensor, axes, dtype=torch.float64), dtype)
    if axes and count and dtype == torch.float32:
        tiled = tiles_of(tensor, axes)
        means = block_means(tiled)
        return means if means is not None else mean_of_sum(block_sums(tiled), count, dtype)
    return mean_of_sum(blocked_sum(tensor, axes), count, dtype)


def mean_of_sum(total: torch.Tensor, count: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the mean in ``dtype`` of ``count`` elements whose sum is ``total``; NaN for none."""
    if count == 0:
        return cast(torch.full_like(total, torch.nan), dtype)
    if total.is_complex():
        # torch divides by a complex number, which loses one component beside an infinite one.
        return cast(torch.view_as_complex(torch.view_as_real(total) / count), dtype)
    return cast(total / count, dtype)


def _float_sum(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums in float64."""
    if tensor.dtype == torch.float64:
        return double_sums(tensor, axes)
    if is_small(tensor) or tensor.dtype in (torch.int64, torch.uint64):
        return torch.sum(tensor.to(torch.float64), axes)
    if tensor.dtype in SHORT_INTEGERS:
        return _sum_of_short(tensor, axes).to(torch.float64)
    tiled = tiles_of(tensor, axes)
    return tiled.restored(power_sums(tiled, 1)[0])


def sum_of_squares(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums of the squares of real numbers over ``axes`` in double precision."""
    if not axes or is_small(tensor):
        squares = torch.square(tensor.to(torch.float64))
        return torch.sum(squares, axes) if axes else squares
    tiled = tiles_of(tensor, axes)
    found = squares_read_once(tiled)
    return tiled.restored(sums_of_squares(tiled) if found is None else found)


def _integer_sum(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the sums modulo 2**64, as ``dtype``."""
    if tensor.dtype is torch.bool and is_small(tensor):
        return cast(torch.sum(tensor, axes), dtype)
    if tensor.dtype in SHORT_INTEGERS and not is_small(tensor):
        return cast(in_wide_rows(tensor, axes, _sum_of_short), dtype)
    values = movable(tensor) if tensor.dtype == torch.uint64 else tensor.to(torch.int64)
    return cast(in_wide_rows(values, axes, torch.sum), dtype)


def _sum_of_short(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums of short integers, or of such sums, in int64."""
    if tensor.dtype == torch.int64:
        return torch.sum(tensor, axes)
    tiled = tiles_of(tensor, axes)
    return tiled.restored(integer_sums(tiled))


def prod(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the products over ``axes`` in ``dtype``; floating ones are accumulated in double precision."""
    if dtype not in WIDE:
        return _product(cast(tensor, dtype), axes)
    return cast(partial_prod(tensor, axes, dtype), dtype)


def partial_prod(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return what parts of a product in ``dtype`` merge: products over ``axes``, floating ones in double precision."""
    wide = WIDE.get(dtype, dtype)
    if wide is dtype or not axes or is_small(tensor):
        return _product(cast(cast(tensor, dtype), wide), axes)
    tiled = tiles_of(tensor, axes)
    products = tiled.result(wide, 1)
    for cut in tiled.cuts():
        part = tiled.view[cut].to(dtype).to(wide)
        gone = tuple(axis for axis, is_gone in enumerate(tiled.reduced) if is_gone)
        products[tiled.kept(cut)] *= _product(part, gone)
    return tiled.restored(products)


def _product(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    values = movable(tensor)
    for axis in axes if len(axes) < 2 else sorted(axes, reverse=True):
        values = torch.prod(values, axis, dtype=values.dtype)
    return moved_back(values, tensor.dtype)


def _truth_reduced(tensor: torch.Tensor, axes: Axes, kernel: Kernel, ufunc: np.ufunc) -> torch.Tensor:
    def reduced(part: torch.Tensor, along: Axes) -> torch.Tensor:
        if _is_numpys(part, along):
            return _reduced_by(ufunc, part, along)
        # torch converts the whole to truth values first, and then takes them one by one.
        return kernel(predicates.truth(part), along)

    return in_wide_rows(tensor, axes, reduced) if axes else predicates.truth(tensor)


def all(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return whether all elements over ``axes`` are true (not zero)."""
    return _truth_reduced(tensor, axes, torch.all, np.logical_and)


def any(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return whether any element over ``axes`` is true (not zero)."""
    return _truth_reduced(tensor, axes, torch.any, np.logical_or)


def count_nonzero(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return how many elements over ``axes`` are not zero, in int64."""
    # NumPy counts integers as they are.
    values = predicates.truth(tensor) if tensor.is_floating_point() or tensor.is_complex() else tensor
    lanes = math.prod(length for axis, length in enumerate(values.shape) if axis not in axes)
    if values.is_cpu and values.is_contiguous() and axes and lanes * _LONG_LANE < values.numel():
        kept = values.ndim - len(axes)
        if builtins.all(axis >= kept for axis in axes):
            # NumPy's loop counts 32 truth values at once.
            counts = [np.count_nonzero(lane) for lane in values.view(lanes, -1).numpy()]
            return torch.tensor(counts, dtype=torch.int64).view(values.shape[:kept])
    return sum(predicates.truth(values), axes, torch.int64)


# ---- extremes


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
    if tensor.dtype in _COMPARED and 0 < tensor.numel() <= FEW:
        return kernel(tensor, axes)
    if tensor.dtype in SIGNED and _is_numpys(tensor, axes):
        return _reduced_by(np.minimum if least else np.maximum, tensor, axes)
    if tensor.dtype in SIGNED:
        return _restored(_extreme(_ordered(tensor), axes, kernel, least=least), tensor.dtype)
    if math.prod(tensor.shape[axis] for axis in axes) == 0:
        shape = [length for axis, length in enumerate(tensor.shape) if axis not in axes]
        return tensor.new_full(shape, _limits(tensor.dtype)[least])
    return in_wide_rows(tensor, axes, kernel)


def min(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the least values over ``axes``, NaN where there is one; the greatest value there is for no elements."""
    return _extreme(tensor, axes, _least, least=True)


def max(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the greatest values over ``axes``, NaN where there is one; the least value there is for no elements."""
    return _extreme(tensor, axes, _greatest, least=False)


def _is_innermost(tensor: torch.Tensor, axis: int) -> builtins.bool:
    return tensor.stride(axis) == builtins.min(tensor.stride())


def _arg_extreme(
    tensor: torch.Tensor, axis: int, arg_kernel: ArgKernel, kernel: Kernel, *, least: builtins.bool
) -> tuple[torch.Tensor, torch.Tensor]:
    if tensor.is_cpu and tensor.numel() and (_is_innermost(tensor, axis) or tensor.numel() <= FEW):
        # NumPy promises the first of equals, and NaN before all; torch promises neither.
        index = torch.from_numpy(np.asarray(arg_kernel(tensor.numpy(), axis=axis), dtype=np.int64))
        value = torch.gather(movable(tensor), axis, index.unsqueeze(axis)).squeeze(axis)
        return moved_back(value, tensor.dtype), index
    if tensor.dtype in SIGNED:
        value, index = _arg_extreme(_ordered(tensor), axis, arg_kernel, kernel, least=least)
        return _restored(value, tensor.dtype), index
    shape = (*tensor.shape[:axis], *tensor.shape[axis + 1 :])
    if tensor.shape[axis] == 0:
        return (
            tensor.new_full(shape, _limits(tensor.dtype)[least]),
            torch.full(shape, NOWHERE, dtype=torch.int64, device=tensor.device),
        )
    if tensor.numel() == 0:
        return tensor.new_empty(shape), torch.empty(shape, dtype=torch.int64, device=tensor.device)
    if tensor.ndim > 1 and tensor.shape[axis] <= _SHORT_AXIS:
        return _extreme_of_few(tensor, axis, kernel)
    return _first_extreme(tensor, axis, kernel)


def _extreme_of_few(tensor: torch.Tensor, axis: int, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the extreme values and where they stand first along a short axis: slabs are compared as wholes."""
    slabs = tensor.movedim(axis, 0)
    if not tensor.is_cpu or tensor.numel() <= _PIECE_SIZE:
        return _extreme_of_slabs(slabs, kernel)
    value = torch.empty(slabs.shape[1:], dtype=tensor.dtype)
    index = torch.empty(slabs.shape[1:], dtype=torch.int64)
    long = builtins.max(range(1, slabs.ndim), key=lambda at: slabs.shape[at])
    first = 0
    for piece in torch.split(slabs, builtins.max(_PIECE_SIZE * slabs.shape[long] // slabs.numel(), 1), long):
        length = piece.shape[long]
        best, place = _extreme_of_slabs(piece, kernel)
        value.narrow(long - 1, first, length).copy_(best)
        index.narrow(long - 1, first, length).copy_(place)
        first += length
    return value, index


def _extreme_of_slabs(slabs: torch.Tensor, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    best = kernel(slabs, 0)
    hits = predicates.equal(slabs, best)
    # To look first would make an accelerator wait.
    if slabs.is_floating_point() and (not slabs.is_cpu or math.isnan(best.sum().item())):
        hits |= predicates.isnan(slabs)
    # The first has the greatest number, all of whose bits are those that its place has not.
    numbers = torch.arange(255, 255 - len(slabs), -1, dtype=torch.uint8, device=slabs.device)
    scores = hits.view(torch.uint8).mul_(numbers.reshape(-1, *[1] * best.ndim))
    return best, torch.amax(scores, 0).bitwise_not_().to(torch.int64)


def _first_extreme(tensor: torch.Tensor, axis: int, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the extreme values and where they stand first: memory is read once, and the block of each once more."""
    length = tensor.shape[axis]
    step = math.isqrt(length)
    whole = length - length % step
    value, index = _first_in_blocks(cut_axis(tensor.narrow(axis, 0, whole), axis, step), axis, kernel)
    if whole == length:
        return value, index
    found, place = _first_in(tensor.narrow(axis, whole, length - whole), axis, kernel)
    # Without a change the merged extreme is the earlier one: NaN stays, of equals the first.
    stays = (kernel(torch.stack((value, found)), 0) == value) | (value != value)  # noqa: PLR0124 - NaN
    return torch.where(stays, value, found), torch.where(stays, index, place + whole)


def _first_in_blocks(blocks: torch.Tensor, axis: int, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the same of an axis that is cut into two: blocks, and the elements of each."""
    value, block = _first_in(kernel(blocks, axis + 1), axis, kernel)
    chosen = torch.take_along_dim(blocks, block.unsqueeze(axis).unsqueeze(axis), axis).squeeze(axis)
    return value, _first_in(chosen, axis, kernel)[1].add_(block, alpha=blocks.shape[axis + 1])


def _first_in(values: torch.Tensor, axis: int, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the same of an axis of few elements."""
    extreme = kernel(values, axis, keepdim=True)
    is_extreme = values == extreme
    if values.is_floating_point() and torch.isnan(extreme).any():
        is_extreme |= torch.isnan(values)
    length = values.shape[axis]
    steps = torch.arange(length, dtype=torch.int32, device=values.device)
    steps = steps.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
    return extreme.squeeze(axis), torch.where(is_extreme, steps, length).amin(axis).to(torch.int64)


def argmin(tensor: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least values along ``axis`` and where they stand first; (greatest value, NOWHERE) for no elements."""
    return _arg_extreme(tensor, axis, np.argmin, _least, least=True)


def argmax(tensor: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the greatest values along ``axis`` and where they stand first; (least value, NOWHERE) for no elements."""
    return _arg_extreme(tensor, axis, np.argmax, _greatest, least=False)


Pairs: TypeAlias = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]


def _position(
    tensor: torch.Tensor, axis: int | None, method: Callable[..., object], pairs: Pairs
) -> torch.Tensor:
    if tensor.dtype in _COMPARED and tensor.is_cpu and 0 < tensor.numel() <= FEW:
        return torch.from_numpy(np.asarray(method(tensor.numpy(), axis)))
    return pairs(tensor.reshape(-1), 0)[1] if axis is None else pairs(tensor, axis)[1]


def argmin_position(tensor: torch.Tensor, axis: int | None) -> torch.Tensor:
    """Return where the least values stand first along ``axis``, in row-major order for None."""
    return _position(tensor, axis, np.ndarray.argmin, argmin)


def argmax_position(tensor: torch.Tensor, axis: int | None) -> torch.Tensor:
    """Return where the greatest values stand first along ``axis``, in row-major order for None."""
    return _position(tensor, axis, np.ndarray.argmax, argmax)
