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
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.moving import SIGNED, movable, moved_back
from array_api_dist.kernels.tiles import (
    Axes,
    Tiled,
    in_wide_rows,
    rows_together,
    split_rows,
    tile_sum,
    tiles_of,
)

Moments: TypeAlias = tuple[torch.Tensor, ...]

NOWHERE: Final = 2**63 - 1
"""The index of an extreme among no elements."""

# Tensors that torch may as well convert whole.
_SMALL_SIZE: Final = 1 << 16
_ACCUMULATORS: Final = {torch.float64, torch.int64}
# Along axes of at most this many elements extremes are merged one after another, as many elements at a time.
_SHORT_AXIS: Final = 64
_PIECE_SIZE: Final = 1 << 16
# Lanes of more truth values than this are counted one by one.
_LONG_LANE: Final = 1 << 10
# What torch compares.
_COMPARED: Final = {torch.float32, torch.float64, torch.int64, torch.int32, torch.bool}
_DOUBLE: Final = {
    torch.float32: torch.float64, torch.float64: torch.float64,
    torch.complex64: torch.complex128, torch.complex128: torch.complex128,
}  # fmt: skip
# What float64 holds exactly, times a whole tile: sums of these need no integer arithmetic.
_SHORT_INTEGERS: Final = {
    torch.bool, torch.int8, torch.int16, torch.int32, torch.uint8, torch.uint16, torch.uint32,
}  # fmt: skip


def _origin(tiled: Tiled) -> torch.Tensor:
    """Return the first element of each reduction in float64; 0 for one that is not finite."""
    first = tiled.view[tuple(slice(0, 1) if gone else slice(None) for gone in tiled.reduced)].to(
        torch.float64
    )
    return torch.where(torch.isfinite(first), first, 0.0)


def _add_powers(
    totals: list[torch.Tensor], tile: torch.Tensor, spare: torch.Tensor, adder: Callable[..., torch.Tensor]
) -> None:
    """Add the sums of the first powers of ``tile`` to ``totals``; the contents of ``tile`` are lost."""
    totals[0] += adder(tile).to(totals[0].dtype)
    if len(totals) == 2:
        totals[1] += adder(tile.square_())
    if len(totals) == 4:
        square = torch.mul(tile, tile, out=spare)
        totals[1] += adder(square)
        totals[2] += adder(tile.mul_(square))
        totals[3] += adder(square.square_())


def _power_sums(tiled: Tiled, order: int, origin: torch.Tensor | None) -> list[torch.Tensor]:
    """Return the sums of the first ``order`` powers of what is reduced, less ``origin``, accumulated in float64.

    Integers give int64 sums: float64 holds those of one tile exactly.
    """
    device = tiled.view.device
    space = torch.empty(math.prod(tiled.tile_shape()), dtype=torch.float64, device=device)
    spare = torch.empty_like(space) if order > 2 else space
    ones = torch.ones(builtins.max(tiled.tile_shape(), default=1), dtype=torch.float64, device=device)
    exact = tiled.view.dtype in _SHORT_INTEGERS
    sums = [tiled.result(torch.int64 if exact else torch.float64) for _ in range(order)]
    for cut in tiled.cuts():
        part = tiled.view[cut]
        size = part.numel()
        tile = space[:size].view(part.shape).copy_(part)
        if origin is not None:
            tile -= origin[
                tuple(slice(None) if gone else s for s, gone in zip(cut, tiled.reduced, strict=True))
            ]
        totals = [each[tiled.kept(cut)] for each in sums]
        _add_powers(totals, tile, spare[:size].view(part.shape), lambda x: tile_sum(x, tiled.reduced, ones))
    return sums


# ---- sums and counts


def sum(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the sums over ``axes`` in ``dtype``; floating ones are accumulated in float64, integers wrap."""
    if tensor.dtype is dtype and dtype in _ACCUMULATORS and axes and _is_small(tensor):
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


def blocked_sum(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums of floating values in double precision: of blocks pairwise in their own, of those in float64."""
    if tensor.is_complex():
        return _of_parts(blocked_sum, tensor, axes)
    if not axes:
        return tensor.to(torch.float64)
    if _is_small(tensor):
        return torch.sum(tensor, axes, dtype=torch.float64)
    return in_wide_rows(tensor, axes, _streamed_sum)


def _of_parts(
    kernel: Callable[[torch.Tensor, Axes], torch.Tensor], tensor: torch.Tensor, axes: Axes
) -> torch.Tensor:
    """Return ``kernel`` of the real and the imaginary parts; the axis of the two is kept."""
    return torch.view_as_complex(kernel(torch.view_as_real(tensor.resolve_conj()), axes).contiguous())


def _streamed_sum(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    if tensor.dtype == torch.float64:
        return torch.sum(tensor, axes)
    tiled = tiles_of(tensor, axes)
    total = tiled.result(torch.float64)
    for cut in tiled.cuts(streaming=True):
        total[tiled.kept(cut)] += tile_sum(tiled.view[cut], tiled.reduced)
    return tiled.restored(total)


def mean(tensor: torch.Tensor, axes: Axes, count: int) -> torch.Tensor:
    """Return the means over ``axes`` of ``count`` elements each, accumulated in double precision; NaN for none."""
    dtype = tensor.dtype
    wide = _DOUBLE[dtype]
    if axes and count and _is_small(tensor):
        return cast(torch.mean(tensor, axes, dtype=wide), dtype)
    return mean_of_sum(sum(tensor, axes, wide), count, dtype)


def mean_of_sum(total: torch.Tensor, count: int, dtype: torch.dtype) -> torch.Tensor:
    """Return the mean in ``dtype`` of ``count`` elements whose sum is ``total``; NaN for none."""
    return cast(total / count if count else torch.full_like(total, torch.nan), dtype)


def _is_small(tensor: torch.Tensor) -> builtins.bool:
    return tensor.numel() <= _SMALL_SIZE or not tensor.is_cpu


def _float_sum(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums in float64."""
    if tensor.dtype == torch.float64:
        return in_wide_rows(tensor, axes, torch.sum)
    if _is_small(tensor) or tensor.dtype in (torch.int64, torch.uint64):
        return torch.sum(tensor.to(torch.float64), axes)
    tiled = tiles_of(tensor, axes)
    return tiled.restored(_power_sums(tiled, 1, None)[0]).to(torch.float64)


def _integer_sum(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the sums modulo 2**64, as ``dtype``."""
    if tensor.dtype is torch.bool and _is_small(tensor):
        return cast(torch.sum(tensor, axes), dtype)
    if tensor.dtype in _SHORT_INTEGERS and not _is_small(tensor):
        tiled = tiles_of(tensor, axes)
        return cast(tiled.restored(_power_sums(tiled, 1, None)[0]), dtype)
    values = movable(tensor) if tensor.dtype == torch.uint64 else tensor.to(torch.int64)
    return cast(in_wide_rows(values, axes, torch.sum), dtype)


def prod(tensor: torch.Tensor, axes: Axes, dtype: torch.dtype) -> torch.Tensor:
    """Return the products over ``axes`` in ``dtype``."""
    values = movable(cast(tensor, dtype))
    for axis in axes if len(axes) < 2 else sorted(axes, reverse=True):
        values = torch.prod(values, axis, dtype=values.dtype)
    return moved_back(values, dtype)


def _truth(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype == torch.bool:
        return tensor
    values = movable(tensor)
    if values.is_complex():
        return values != 0
    return predicates.not_equal(values, values.new_zeros(()))


def all(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return whether all elements over ``axes`` are true (not zero)."""
    truth = _truth(tensor)
    return torch.all(truth, axes) if axes else truth


def any(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return whether any element over ``axes`` is true (not zero)."""
    truth = _truth(tensor)
    return torch.any(truth, axes) if axes else truth


def count_nonzero(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return how many elements over ``axes`` are not zero, in int64."""
    truth = _truth(tensor)
    lanes = math.prod(length for axis, length in enumerate(truth.shape) if axis not in axes)
    if truth.is_cpu and truth.is_contiguous() and axes and lanes * _LONG_LANE < truth.numel():
        kept = truth.ndim - len(axes)
        if builtins.all(axis >= kept for axis in axes):
            # NumPy's loop counts 32 truth values at once.
            counts = [np.count_nonzero(lane) for lane in truth.view(lanes, -1).numpy()]
            return torch.tensor(counts, dtype=torch.int64).view(truth.shape[:kept])
    return sum(truth, axes, torch.int64)


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
    if tensor.dtype in _COMPARED and 0 < tensor.numel() <= _SMALL_SIZE:
        return kernel(tensor, axes)
    if tensor.dtype in SIGNED:
        return _restored(_extreme(_ordered(tensor), axes, kernel, least=least), tensor.dtype)
    if math.prod(tensor.shape[axis] for axis in axes) == 0:
        shape = [length for axis, length in enumerate(tensor.shape) if axis not in axes]
        return tensor.new_full(shape, _limits(tensor.dtype)[least])
    return in_wide_rows(tensor, axes, kernel)


def min(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the least values over ``axes``, NaN where there is one; the greatest value there is for no elements."""
    return _extreme(tensor, axes, torch.amin, least=True)


def max(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the greatest values over ``axes``, NaN where there is one; the least value there is for no elements."""
    return _extreme(tensor, axes, torch.amax, least=False)


ArgKernel: TypeAlias = Callable[..., object]
Kernel: TypeAlias = Callable[..., torch.Tensor]


def _arg_extreme(
    tensor: torch.Tensor, axis: int, arg_kernel: ArgKernel, kernel: Kernel, *, least: builtins.bool
) -> tuple[torch.Tensor, torch.Tensor]:
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
    is_innermost = tensor.stride(axis) == builtins.min(tensor.stride())
    if tensor.device.type == "cpu" and (is_innermost or _is_small(tensor)):
        # NumPy promises the first of equals, and NaN before all; torch promises neither.
        index = torch.from_numpy(np.asarray(arg_kernel(tensor.numpy(), axis=axis), dtype=np.int64))
        return torch.gather(tensor, axis, index.unsqueeze(axis)).squeeze(axis), index
    if tensor.ndim > 1 and tensor.shape[axis] <= _SHORT_AXIS:
        return _extreme_of_few(tensor, axis, kernel)
    return _first_extreme(tensor, axis, kernel)


def _extreme_of_few(tensor: torch.Tensor, axis: int, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the extreme values and where they stand first along a short axis: slab after slab, piece by piece."""
    slabs = tensor.movedim(axis, 0)
    value = torch.empty(slabs.shape[1:], dtype=tensor.dtype, device=tensor.device)
    index = torch.empty(slabs.shape[1:], dtype=torch.int64, device=tensor.device)
    long = builtins.max(range(1, slabs.ndim), key=lambda at: slabs.shape[at])
    pieces = torch.split(slabs, builtins.max(_PIECE_SIZE * slabs.shape[long] // slabs[0].numel(), 1), long)
    first = 0
    for piece in pieces:
        length = piece.shape[long]
        best, place = _extreme_of_slabs(piece, kernel)
        value.narrow(long - 1, first, length).copy_(best)
        index.narrow(long - 1, first, length).copy_(place)
        first += length
    return value, index


def _extreme_of_slabs(slabs: torch.Tensor, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    best = kernel(slabs, 0)
    has_nan = slabs.is_floating_point() and bool(predicates.isnan(best).any())
    place = torch.full(best.shape, len(slabs) - 1, dtype=torch.uint8, device=best.device)
    # Backwards: the first of equals is the last to be written.
    for at in range(len(slabs) - 2, -1, -1):
        misses = predicates.not_equal(slabs[at], best)
        if has_nan:
            misses &= slabs[at] == slabs[at]
        # All bits for a miss: the number is then above every place.
        torch.minimum(place, misses.view(torch.uint8).neg_().bitwise_or_(at), out=place)
    return best, place


def _first_extreme(tensor: torch.Tensor, axis: int, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the extreme values and where they stand first, tile by tile: rows are compared as wholes."""
    tiled = tiles_of(tensor, (axis,))
    if not builtins.any(tiled.reduced):
        index = tiled.result(torch.int64)
        return tiled.restored(tiled.view), tiled.restored(index)
    along = tiled.reduced.index(True)
    length = tiled.tile_shape()[along]
    steps = torch.arange(length, dtype=torch.int32, device=tensor.device)
    steps = steps.reshape([-1 if at == along else 1 for at in range(tiled.view.ndim)])
    value, index = tiled.result(tensor.dtype), tiled.result(torch.int64)
    for cut in tiled.cuts():
        found, place = _first_in_tile(tiled.view[cut], along, kernel, steps)
        kept, offset = tiled.kept(cut), cut[along].start
        if offset > 0:
            # Without a change the merged extreme is the earlier one: NaN stays, of equals the first.
            old = value[kept]
            stays = (kernel(torch.stack((old, found)), 0) == old) | (old != old)  # noqa: PLR0124 - NaN
            found, place = torch.where(stays, old, found), torch.where(stays, index[kept], place + offset)
        value[kept], index[kept] = found, place
    return tiled.restored(value), tiled.restored(index)


def _first_in_tile(
    tile: torch.Tensor, along: int, kernel: Kernel, steps: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    extreme = kernel(tile, along, keepdim=True)
    is_extreme = tile == extreme
    if tile.is_floating_point() and torch.isnan(extreme).any():
        is_extreme |= torch.isnan(tile)
    length = tile.shape[along]
    place = torch.where(is_extreme, steps.narrow(along, 0, length), length).amin(along)
    return extreme.squeeze(along), place.to(torch.int64)


def argmin(tensor: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least values along ``axis`` and where they stand first; (greatest value, NOWHERE) for no elements."""
    return _arg_extreme(tensor, axis, np.argmin, torch.amin, least=True)


def argmax(tensor: torch.Tensor, axis: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the greatest values along ``axis`` and where they stand first; (least value, NOWHERE) for no elements."""
    return _arg_extreme(tensor, axis, np.argmax, torch.amax, least=False)


Pairs: TypeAlias = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]


def _position(
    tensor: torch.Tensor, axis: int | None, method: Callable[..., object], pairs: Pairs
) -> torch.Tensor:
    if tensor.dtype in _COMPARED and tensor.is_cpu and 0 < tensor.numel() <= _SMALL_SIZE:
        return torch.from_numpy(np.asarray(method(tensor.numpy(), axis)))
    return pairs(tensor.reshape(-1), 0)[1] if axis is None else pairs(tensor, axis)[1]


def argmin_position(tensor: torch.Tensor, axis: int | None) -> torch.Tensor:
    """Return where the least values stand first along ``axis``, in row-major order for None."""
    return _position(tensor, axis, np.ndarray.argmin, argmin)


def argmax_position(tensor: torch.Tensor, axis: int | None) -> torch.Tensor:
    """Return where the greatest values stand first along ``axis``, in row-major order for None."""
    return _position(tensor, axis, np.ndarray.argmax, argmax)


# ---- moments


def moments(tensor: torch.Tensor, axes: Axes, order: int = 2) -> Moments:
    """Return (count, mean, M2) or (count, mean, M2, M3, M4) over ``axes`` in float64: one pass over memory.

    Mk is the sum of the k-th powers of the deviations from the mean, 0 for no elements.

    Parameters
    ----------
    tensor : torch.Tensor, float32 or float64
    axes : tuple of int
    order : {2, 4}

    Notes
    -----
    What is summed are powers of x - x0, with x0 the first element of each reduction. As x0 is one of the n elements,
    (mean - x0)**2 <= M2: however the data lie, M2 is right to about n units in the last place of float64, and to
    a few where x0 lies like the others. M2 of equal elements is exactly 0.
    """
    if order not in (2, 4):
        raise ValueError(f"order must be 2 or 4, got {order}")
    shape = tuple(length for axis, length in enumerate(tensor.shape) if axis not in axes)
    count = math.prod(tensor.shape[axis] for axis in axes)
    counts = torch.full(shape, float(count), dtype=torch.float64, device=tensor.device)
    if counts.numel() == 0 or count == 0:
        return counts, *(torch.zeros_like(counts) for _ in range(order))
    if order == 2 and axes and _is_small(tensor):
        return counts, *_small_moments(tensor.to(torch.float64), axes, count)
    together = rows_together(tensor, axes)
    if together > 1:
        return _moments_of_short_rows(tensor, together, order)
    tiled = tiles_of(tensor, axes)
    origin = _origin(tiled)
    sums = _power_sums(tiled, order, origin)
    mean = origin.reshape(sums[0].shape) + sums[0] / count
    return counts, *(tiled.restored(each) for each in (mean, *_central(sums, count)))


def _small_moments(values: torch.Tensor, axes: Axes, count: int) -> Moments:
    """Return (mean, M2) by torch's own recurrence, in which infinities make the mean NaN."""
    variance, mean = torch.var_mean(values, axes, correction=0)
    if not math.isfinite(mean.sum().item()):
        mean = torch.where(torch.isnan(mean), torch.mean(values, axes), mean)
    return mean, variance.mul_(count)


def variance(tensor: torch.Tensor, axes: Axes, divisor: float, *, root: builtins.bool) -> torch.Tensor:
    """Return the variances over ``axes`` (the deviations with ``root``) of at least one element, M2 over ``divisor``.

    A divisor that is not positive counts as zero, as in NumPy and torch.
    """
    if axes and divisor > 0 and tensor.numel() > 0 and _is_small(tensor):
        kernel = torch.std if root else torch.var
        count = math.prod(tensor.shape[axis] for axis in axes)
        return cast(kernel(tensor.to(torch.float64), axes, correction=count - divisor), tensor.dtype)
    return variance_of_square(moments(tensor, axes)[2], divisor, tensor.dtype, root=root)


def variance_of_square(
    square: torch.Tensor, divisor: float, dtype: torch.dtype, *, root: builtins.bool
) -> torch.Tensor:
    """Return the variances in ``dtype`` (the deviations with ``root``), M2 over ``divisor``."""
    quotient = square / builtins.max(divisor, 0.0)
    return cast(torch.sqrt(quotient) if root else quotient, dtype)


def _moments_of_short_rows(tensor: torch.Tensor, together: int, order: int) -> Moments:
    long, rest = split_rows(tensor, together)
    state = tuple(each.view(together, -1) for each in moments(long, (0,), order))
    while len(state[0]) > 1:
        half = len(state[0]) // 2
        state = merge_moments(tuple(each[:half] for each in state), tuple(each[half:] for each in state))
    return merge_moments(tuple(each[0] for each in state), moments(rest, (0,), order))


def _central(sums: list[torch.Tensor], count: int) -> list[torch.Tensor]:
    """Return M2 (M3, M4) from the sums of powers about some origin."""
    mean = sums[0] / count
    # Rounding must not make a sum of squares negative; NaN passes.
    square = torch.clamp(sums[1] - sums[0] * mean, min=0.0)
    if len(sums) == 2:
        return [square]
    cube = sums[2] - 3 * mean * sums[1] + 2 * mean**2 * sums[0]
    fourth = sums[3] - 4 * mean * sums[2] + 6 * mean**2 * sums[1] - 3 * mean**3 * sums[0]
    return [square, cube, torch.clamp(fourth, min=0.0)]


def merge_moments(left: Moments, right: Moments) -> Moments:
    """Return the moments of both sides together (Chan, Golub and LeVeque 1979; Bennett et al. 2009)."""
    (left_count, left_mean, *lefts), (right_count, right_mean, *rights) = left, right
    count = left_count + right_count
    whole = torch.clamp(count, min=1)
    one, two = left_count / whole, right_count / whole
    # An empty side has no say, whatever stands in its mean.
    is_alone = (left_count == 0) | (right_count == 0)
    delta = torch.where(is_alone, 0.0, right_mean - left_mean)
    mean = torch.where(left_count == 0, right_mean, left_mean + delta * two)
    between = delta**2 * left_count * two
    square = lefts[0] + rights[0] + between
    if len(lefts) == 1:
        return count, mean, square
    cube = (
        lefts[1] + rights[1] + delta * between * (one - two) + 3 * delta * (one * rights[0] - two * lefts[0])
    )
    fourth = (
        lefts[2]
        + rights[2]
        + delta**2 * between * (one**2 - one * two + two**2)
        + 6 * delta**2 * (one**2 * rights[0] + two**2 * lefts[0])
        + 4 * delta * (one * rights[1] - two * lefts[1])
    )
    return count, mean, square, cube, fourth
