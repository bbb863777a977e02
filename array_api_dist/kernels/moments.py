"""Moments of one tensor, read once: states (count, mean, M2), M2 being the sum of squared deviations from the mean.

States of float64 have what the mean lacks beside: where it lies far from zero, its rounding is what parts differ by.

A tensor is cut into pieces that the caches hold; two passes over a piece give the states of its rows or columns, which
are pooled in double precision. Pieces are reduced in the precision of the data. Where that does not do (a mean far from
zero beside the deviations, squares that over- or underflow) a piece is reduced again in double precision, with one of
its own elements as the origin.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import torch

from array_api_dist.kernels import square_sums
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.powers import finite, origin_of, power_sums
from array_api_dist.kernels.precision import ABOUT_MEAN, OF_SLABS, Found, Pair, Precision, in_double, two_sum
from array_api_dist.kernels.square_sums import PIECE, folded
from array_api_dist.kernels.tiles import (
    SMALL_SIZE,
    Axes,
    Tiled,
    cut_axis,
    is_converted,
    is_small,
    row_sums,
    tiles_of,
)

Moments: TypeAlias = tuple[torch.Tensor, ...]
# What a core's own cache holds; the rows that are added up one after another, and how many columns of them it holds.
_PIECE_NBYTES: Final = 1 << 20
_MOST_ROWS: Final = 1 << 7
_MOST_COLUMNS: Final = 1 << 12
# Up to so many elements torch's recurrence, in double precision, is quicker than two passes, and loses a digit at most.
_FEW: Final = {torch.float32: 1 << 10, torch.float64: 1 << 6}


def moments(tensor: torch.Tensor, axes: Axes) -> Moments:
    """Return (count, mean, M2) over ``axes`` in float64, for float32 or float64; M2 is 0 for no or equal elements.

    For float64 a fourth one, which the mean's rounding lost.
    """
    shape = tuple(length for axis, length in enumerate(tensor.shape) if axis not in axes)
    count = math.prod(tensor.shape[axis] for axis in axes)
    counts = torch.full(shape, float(count), dtype=torch.float64, device=tensor.device)
    is_wide = tensor.dtype == torch.float64
    if counts.numel() == 0 or count == 0:
        return counts, *(torch.zeros_like(counts) for _ in range(3 if is_wide else 2))
    mean, square, rest = _found(tensor, axes, count, is_exact=is_wide)
    if not is_wide:
        return counts, mean, square
    return counts, mean, square, torch.zeros_like(mean) if rest is None else rest


def _found(tensor: torch.Tensor, axes: Axes, count: int, *, is_exact: bool) -> Found:
    """Return mean, M2 and, if it is to be ``is_exact``, what the mean's rounding lost (None: nothing to speak of)."""
    if axes and not tensor.is_cpu:
        return _found_elsewhere(tensor, axes, count)
    if axes and is_small(tensor):
        return _found_small(tensor, axes, count)
    tiled = tiles_of(tensor, axes)
    found = square_sums.moments(tiled, count) if axes else None
    if found is not None:
        mean, square, rest = found
        return tiled.restored(mean), tiled.restored(square), None if rest is None else tiled.restored(rest)
    if not is_exact and tiled.reduced == (False, True) and tiled.view.shape[1] < 2 * PIECE:
        mean, square = _of_short_rows(tiled.view, None)
        return tiled.restored(mean), tiled.restored(square), None
    origin = origin_of(tiled)
    if tiled.is_cut_well():
        away, square = _states(tiled.view, tiled.reduced, origin)
    else:
        away, square = _from_powers(tiled, count, origin)
    mean, rest = two_sum(origin.reshape(away.shape), away)
    return tiled.restored(mean), tiled.restored(square), tiled.restored(rest)


def _found_small(tensor: torch.Tensor, axes: Axes, count: int) -> Found:
    """Return mean, M2 and rest in double precision, of which infinities make the mean NaN.

    It loses as many digits as the mean is larger than the deviations: more than float64 has beyond float32.
    """
    origin = None
    values = tensor.to(torch.float64)
    if tensor.dtype == torch.float64:
        origin = _first(values, axes)
        values = values - origin
    if _are_few(tensor):
        variance, mean = torch.var_mean(values, axes, correction=0)
        square = variance.mul_(count)
    else:
        mean, square = _in_two_passes(values, axes)
    rest = None
    if origin is not None:
        mean, rest = two_sum(origin.reshape(mean.shape), mean)
    if not math.isfinite(mean.sum().item()):
        mean = torch.where(torch.isnan(mean), torch.mean(tensor.to(torch.float64), axes), mean)
    return mean, square, rest


def _are_few(tensor: torch.Tensor) -> bool:
    """Return whether torch's recurrence does: on the host it is slow, and loses a digit for ten elements."""
    return not tensor.is_cpu or tensor.numel() <= _FEW[tensor.dtype]


def _in_two_passes(values: torch.Tensor, axes: Axes) -> Pair:
    """Return mean and M2 of ``values`` in double precision, which are overwritten."""
    mean = values.mean(axes, keepdim=True)
    return mean.squeeze(axes), values.sub_(mean).square_().sum(axes)


def _first(values: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the first elements along ``axes``, which are kept."""
    lengths = list(values.shape)
    for axis in axes:
        lengths[axis] = 1
    return values.as_strided(lengths, values.stride(), values.storage_offset())


def _found_elsewhere(tensor: torch.Tensor, axes: Axes, count: int) -> Found:
    """Return mean and M2 by an accelerator's one pass, where it does not do by another in double precision."""
    found = _one_pass(tensor, axes, 0)
    if found is None:
        return _found_small(tensor, axes, count)
    variance, mean = found
    return mean.to(torch.float64), variance.to(torch.float64).mul_(count), None


def _one_pass(tensor: torch.Tensor, axes: Axes, correction: float) -> Pair | None:
    """Return variance and mean by an accelerator's one pass; None on the host, of few elements, where digits are lost."""
    if tensor.is_cpu or is_converted(tensor):
        return None
    variance, mean = torch.var_mean(tensor, axes, correction=correction)
    precision = ABOUT_MEAN[tensor.dtype]
    is_right = precision.suffices(mean, variance) or not precision.fails(mean, variance).any()
    return (variance, mean) if is_right else None


def _from_powers(tiled: Tiled, count: int, origin: torch.Tensor) -> Pair:
    """Return mean, from the origin, and M2, of any layout."""
    first, second = power_sums(tiled, 2, origin)
    # Rounding must not make a sum of squares negative; NaN passes. What overflows is not one infinity less another.
    is_over = torch.isinf(second) & torch.isfinite(first)
    square = torch.clamp(second - first * (first / count), min=0.0)
    return first / count, torch.where(is_over, torch.inf, square)


def _states(view: torch.Tensor, reduced: tuple[bool, ...], origin: torch.Tensor) -> Pair:
    """Return mean, from the origin, and M2."""
    if view.ndim > 2:
        origins = origin.expand(len(view), *origin.shape[1:])
        pairs = [_states(each, reduced[1:], start) for each, start in zip(view, origins, strict=True)]
        means, squares = (torch.stack(each) for each in zip(*pairs, strict=True))
        inner = math.prod(n for n, gone in zip(view.shape[1:], reduced[1:], strict=True) if gone)
        return _pooled((means, squares), inner) if reduced[0] else (means, squares)
    if not reduced[-1]:
        return _of_columns(view, origin)
    rows = view.reshape(-1, view.shape[-1])
    means, squares = _of_rows(rows, origin.reshape(-1, 1).expand(len(rows), 1))
    return _pooled((means, squares), view.shape[-1]) if reduced[0] else (means, squares)


def _pooled(states: Pair, counts: Sequence[int] | int) -> Pair:
    """Return the states along the first axis as one; ``counts``: the elements of each (Chan, Golub and LeVeque 1979)."""
    means, squares = states
    if len(means) == 1:
        return means[0], squares[0]
    weights = torch.as_tensor(counts, dtype=torch.float64).reshape(-1, *[1] * (means.ndim - 1))
    center = (means * (weights / weights.mean())).mean(0)
    between = (means - center).square_().mul_(weights)
    return center, squares.sum(0) + between.sum(0)


def _joined(parts: list[tuple[Pair, int]]) -> Pair:
    """Return states of the same reductions over different elements, of so many each, as one."""
    means = torch.stack([mean for (mean, _), _ in parts])
    return _pooled((means, torch.stack([square for (_, square), _ in parts])), [count for _, count in parts])


# ---- columns


def _of_columns(matrix: torch.Tensor, origin: torch.Tensor) -> Pair:
    """Return mean and M2 of each column; of many short rows several are taken as one long row."""
    long, rest, several = folded(matrix)
    mean, square = _of_slabs(long, origin.repeat(1, several))
    state = _pooled((mean.view(several, -1), square.view(several, -1)), len(long))
    if len(rest) == 0:
        return state
    return _joined([(state, len(long) * several), (_of_slabs(rest, origin), len(rest))])


def _of_slabs(matrix: torch.Tensor, origin: torch.Tensor) -> Pair:
    """Return mean and M2 of each column: of slabs of rows, pooled."""
    rows, columns = matrix.shape
    at_once = _MOST_ROWS * torch.get_num_threads()
    counts = [min(at_once, rows - first) for first in range(0, rows, at_once)]
    means = torch.empty(len(counts), columns, dtype=torch.float64)
    squares = torch.empty_like(means)
    spare = torch.empty(min(at_once, rows), min(columns, _MOST_COLUMNS), dtype=matrix.dtype)
    for (at, slab), left in itertools.product(
        enumerate(torch.split(matrix, at_once)), range(0, columns, _MOST_COLUMNS)
    ):
        place = slice(left, left + _MOST_COLUMNS)
        piece = slab[:, place]
        if not piece.is_contiguous():
            piece = spare.view(-1)[: piece.numel()].view(piece.shape).copy_(piece)
        means[at, place], squares[at, place] = _of_slab(piece, origin[:, place])
    return _pooled((means, squares.mul_(torch.tensor(counts)[:, None])), counts)


def _of_slab(slab: torch.Tensor, origin: torch.Tensor) -> Pair:
    """Return means, from the origin, and variances of the columns."""
    mean, variance = _statistics(slab)
    if _suffice(slab, mean, variance, OF_SLABS[slab.dtype]):
        return mean - origin[0], variance
    if slab.dtype != torch.float64:
        moved = slab - origin.to(slab.dtype)
        mean, variance = _statistics(moved)
        if _suffice(moved, mean, variance, ABOUT_MEAN[slab.dtype]):
            return mean, variance
    return _statistics(slab - origin)


def _statistics(slab: torch.Tensor) -> Pair:
    # Those of batch normalisation, in two passes: torch's own variance goes by Welford's recurrence, many times slower.
    mean, variance = torch.batch_norm_update_stats(slab, None, None, 0.0)
    return mean, variance


def _suffice(slab: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor, precision: Precision) -> bool:
    if precision.suffices(mean, variance):
        return True
    fails = precision.fails(mean, variance)
    zero, lost = (mean == 0) & (variance == 0), mean.isnan()
    if (fails & ~(zero | lost)).any():
        return False
    # What is zero has no spread, and NaN no moments; both may come from values that cancel, or overflow.
    return not slab[:, zero].any() and bool(slab[:, lost].isnan().any(0).all())


# ---- rows


def _of_rows(matrix: torch.Tensor, origin: torch.Tensor) -> Pair:
    """Return mean and M2 of each row: long rows are cut into shorter ones."""
    length = matrix.shape[1]
    if length < 2 * PIECE:
        return _of_short_rows(matrix, origin)
    whole = length - length % PIECE
    mean, square = _of_pieces(cut_axis(matrix[:, :whole], 1, PIECE), origin[:, :, None])
    parts = [(_pooled((mean.mT, square.mT), PIECE), whole)]
    if whole < length:
        parts.append((_of_short_rows(matrix[:, whole:], origin), length - whole))
    return _joined(parts)


def _of_pieces(pieces: torch.Tensor, origin: torch.Tensor) -> Pair:
    """Return mean, from the origin, and M2 of each piece of each row."""
    if pieces[0].numel() * pieces.element_size() <= _PIECE_NBYTES:
        return _of_short_rows(pieces, origin)
    # Rows that the caches don't hold come one by one.
    pairs = [
        _of_short_rows(row, start.expand(len(row), 1)) for row, start in zip(pieces, origin, strict=True)
    ]
    means, squares = (torch.stack(each) for each in zip(*pairs, strict=True))
    return means, squares


def _of_short_rows(rows: torch.Tensor, origin: torch.Tensor | None) -> Pair:
    """Return mean, from the origin if there is one, and M2 along the last axis."""
    each = rows[0].numel()
    at_once = max(_PIECE_NBYTES // rows.element_size() // each, 1) * torch.get_num_threads()
    spare = torch.empty(min(at_once, len(rows)), *rows.shape[1:], dtype=rows.dtype)
    states = torch.empty(2, *rows.shape[:-1], dtype=torch.float64)
    for first in range(0, len(rows), at_once):
        piece, (mean, square) = rows[first : first + at_once], states[:, first : first + at_once]
        start = None if origin is None else origin[first : first + at_once]
        mean[:], square[:] = _of_piece(piece, start, spare[: len(piece)])
    return states[0], states[1]


def _of_piece(rows: torch.Tensor, origin: torch.Tensor | None, spare: torch.Tensor) -> Pair:
    length = rows.shape[-1]
    precision = ABOUT_MEAN[rows.dtype]
    mean, square = _centred(rows, spare)
    if precision.suffices(mean, square / length):
        return mean if origin is None else mean - origin[..., 0], square
    start = finite(rows[..., :1].to(torch.float64)) if origin is None else origin
    mean, square = _centred(rows - start.to(rows.dtype), spare)
    fails = precision.fails(mean, square / length)
    mean, square = mean.to(torch.float64), square.to(torch.float64)
    starts = start.expand(*rows.shape[:-1], 1)
    for places in torch.split(torch.nonzero(fails), max(SMALL_SIZE // length, 1)):
        place = places.unbind(1)
        mean[place], square[place] = in_double(rows[place], starts[place])
    return mean + start[..., 0] if origin is None else mean, square


def _centred(rows: torch.Tensor, spare: torch.Tensor) -> Pair:
    """Return mean and M2 along the last axis in the precision of the rows."""
    mean = row_sums(rows).div_(rows.shape[-1])
    away = torch.sub(rows, mean[..., None], out=spare)
    if rows.ndim == 2:
        return mean, row_sums(away.square_())
    return mean, torch.linalg.vector_norm(away, dim=-1).square_()


# ---- what becomes of states


def variance(tensor: torch.Tensor, axes: Axes, divisor: float, *, root: bool) -> torch.Tensor:
    """Return the variances over ``axes`` (the deviations with ``root``) of at least one element, M2 over ``divisor``.

    A divisor that is not positive counts as zero, as in NumPy and torch.
    """
    count = math.prod(tensor.shape[axis] for axis in axes)
    if axes and divisor > 0 and tensor.numel() and (is_converted(tensor) or not tensor.is_cpu):
        correction = count - divisor
        found = _one_pass(tensor, axes, correction)
        if found is not None:
            return torch.sqrt(found[0]) if root else found[0]
        kernel = torch.std if root else torch.var
        values = tensor.to(torch.float64)
        if tensor.dtype == torch.float64:
            # Digits are lost as the mean is larger than the deviations.
            values = values - _first(values, axes)
        if not _are_few(tensor):
            square = _in_two_passes(values, axes)[1]
            return variance_of_square(square, divisor, tensor.dtype, root=root)
        return cast(kernel(values, axes, correction=correction), tensor.dtype)
    square = (
        _found(tensor, axes, count, is_exact=False)[1]
        if count and tensor.numel()
        else moments(tensor, axes)[2]
    )
    return variance_of_square(square, divisor, tensor.dtype, root=root)


def variance_of_square(
    square: torch.Tensor, divisor: float, dtype: torch.dtype, *, root: bool
) -> torch.Tensor:
    """Return the variances in ``dtype`` (the deviations with ``root``), M2 over ``divisor``."""
    quotient = square / max(divisor, 0.0)
    return cast(torch.sqrt(quotient) if root else quotient, dtype)


def merge_moments(left: Moments, right: Moments) -> Moments:
    """Return the moments of both sides together (Chan, Golub and LeVeque 1979; Bennett et al. 2009)."""
    (left_count, left_mean, left_square, *left_rest), (right_count, right_mean, right_square, *right_rest) = (
        left,
        right,
    )
    count = left_count + right_count
    share = right_count / torch.clamp(count, min=1)
    # An empty side has no say, whatever stands in its mean.
    is_alone = (left_count == 0) | (right_count == 0)
    delta = right_mean - left_mean
    if left_rest:
        delta += right_rest[0] - left_rest[0]
    delta = torch.where(is_alone, 0.0, delta)
    square = left_square + right_square + delta**2 * left_count * share
    if not left_rest:
        return count, torch.where(left_count == 0, right_mean, left_mean + delta * share), square
    mean, rest = two_sum(left_mean, left_rest[0] + delta * share)
    mean = torch.where(left_count == 0, right_mean, mean)
    return count, mean, square, torch.where(left_count == 0, right_rest[0], rest)
