"""Statistics, accurate to float64 whatever the data's own precision.

All of them take real arrays of any data type, pass NaNs on, and return float64 arrays of the same namespace.
Communication is that of the namespace's sums: one small allreduce for each sum over a partitioned axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from array_api_dist_ml._axes import Axis, check_real, normal_axes, ordered_numbers, plain_axis, real_namespace
from array_api_dist_ml._namespace import (
    Array,
    Namespace,
    as_float,
    as_float64,
    constant,
    eps_of,
    is_on_cpu,
    local_blocks,
    quiet,
    ranks_of,
    rows_held,
    spread_axis,
)

__all__ = [
    "Description",
    "corrcoef",
    "cov",
    "describe",
    "kurtosis",
    "mean",
    "skewness",
    "std",
    "var",
]


# So many elements on a rank are worked on at once: they stay in the cache. Accelerators want more to do at once.
BLOCK_ELEMENTS: Final = 1 << 19
BLOCK_ELEMENTS_ELSEWHERE: Final = 1 << 26
# Where each block takes collectives there are no more of them than this, however much data there are.
MOST_BLOCKS: Final = 32
# So many elements of a row at least belong to a block.
SHORTEST_RUN: Final = 64


def _count(x: Array, axis: Axis) -> int:
    return math.prod(x.shape[each] for each in normal_axes(x, axis))


# ---- moments


def mean(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Return the arithmetic mean.

    Notes
    -----
    Communication: one allreduce of the result.
    """
    xp = real_namespace(x, "mean")
    axis = plain_axis(x, axis)
    if x.dtype == xp.float32:
        # Summed in float64 by the namespace: no converted copy of the data.
        sums = xp.sum(x, axis=axis, dtype=xp.float64, keepdims=keepdims)
        with quiet():
            return sums / float(_count(x, axis))
    with quiet():
        return xp.mean(as_float64(xp, x), axis=axis, keepdims=keepdims)


def var(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the variance: the mean squared deviation, with n - ``correction`` in place of n.

    Notes
    -----
    Communication: two allreduces of the result's size. Extra memory: a copy.
    """
    return _variance(real_namespace(x, "var"), x, axis, correction, keepdims=keepdims)


def _variance(xp: Namespace, x: Array, axis: Axis, correction: float, *, keepdims: bool) -> Array:
    check_real("correction", correction)
    axis = plain_axis(x, axis)
    x = as_float64(xp, x)
    with quiet():
        if axis == ():
            # Not every namespace corrects the variance of one number.
            return (x - x) * _per_freedom(1.0, 1, correction)
        # Not every namespace's own variance is accurate where the mean is large (torch's loses half the digits).
        away = x - xp.mean(x, axis=axis, keepdims=True)
        return xp.var(away, axis=axis, correction=correction, keepdims=keepdims)


def std(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the standard deviation: the root of ``var``."""
    xp = real_namespace(x, "std")
    return xp.sqrt(_variance(xp, x, axis, correction, keepdims=keepdims))


@dataclass(frozen=True, slots=True)
class _Moments:
    """Mean and central moments (mean powers of the deviation; 0 if nobody asked), with the reduced axes kept."""

    mean: Array
    second: Array
    third: Array
    fourth: Array


def _moments(xp: Namespace, x: Array, axis: Axis, *, order: int) -> _Moments:
    """Return the moments up to ``order``, 3 or 4, in two passes.

    The second pass takes powers of the deviation from the rounded mean, and then corrects for that rounding:
    nothing is lost where the mean is large.
    """
    center = as_float64(xp, xp.mean(as_float(xp, x), axis=axis, keepdims=True))
    if math.prod(x.shape) == 0:
        return _Moments(center, center, center, center)
    count = float(_count(x, axis))
    first, second, third, *others = (
        total / count for total in _power_sums(xp, x, center, normal_axes(x, axis), order)
    )
    square = first * first
    fourth = xp.zeros_like(third)
    for power in others:
        fourth = power - first * (4.0 * third - 6.0 * first * second + 3.0 * first * square)
    third = third - first * (3.0 * second - 2.0 * square)
    # An infinite mean has no rounding to correct.
    mean = xp.where(xp.isfinite(center), center + first, center)
    return _Moments(mean, second - square, third, fourth)


def _of_moments(
    xp: Namespace, x: Array, axis: Axis, order: int, function: Callable[[_Moments], Array]
) -> Array:
    """Return a ``function`` of the moments up to ``order``: block by block where nothing has to be communicated."""
    axes = normal_axes(x, axis)
    along, slices = _blocks(x) if x.ndim else (0, [])
    if along == spread_axis(x) and len(slices) > 1:
        parts = _parts(x)
        if parts > 1:
            # The rows of each rank as an axis of their own: blocks of rows then lie together in its memory.
            folded = xp.reshape(x, (parts, -1, *x.shape[1:]))
            inner = tuple(each + 1 for each in axes)
            result = _of_moments(xp, folded, (0, *inner) if 0 in axes else inner, order, function)
            return xp.reshape(result, tuple(1 if at in axes else n for at, n in enumerate(x.shape)))
    if along in axes or spread_axis(x) in axes or len(slices) <= 1 or math.prod(x.shape) == 0:
        return function(_moments(xp, x, axis, order=order))
    kept = tuple(slice(0, 1) if each in axes else slice(None) for each in range(x.ndim))
    result = xp.empty_like(x[kept], dtype=xp.float64)
    for each in slices:
        place = (*(slice(None),) * along, each, ...)
        result[place] = function(_moments(xp, x[place], axis, order=order))
    return result


def _power_sums(xp: Namespace, x: Array, center: Array, axes: tuple[int, ...], order: int) -> list[Array]:
    """Return the sums of the first ``order`` powers of x - ``center``, with the axes kept.

    Block by block. Communication: where the partitioned axis is among the axes an allreduce for each power, of each
    block where blocks are cut along that axis or it is the only one.
    """
    if x.ndim == 0:
        return _powers_summed(xp, x, center, axes, order)
    spread = spread_axis(x)
    along, slices = _blocks(x)
    # What lies on one rank is summed up first, and what others hold once for all blocks.
    first = axes if along == spread else tuple(each for each in axes if each != spread) or axes
    totals: list[Array] = []
    for each in slices:
        place = (*(slice(None),) * along, each, ...)
        middle = center if center.shape[along] == 1 else center[place]
        sums = _powers_summed(xp, x[place], middle, first, order)
        if along in axes:
            totals = [total + other for total, other in zip(totals, sums, strict=True)] if totals else sums
            continue
        if not totals:
            kept = tuple(slice(0, 1) if axis in first else slice(None) for axis in range(x.ndim))
            totals = [xp.empty_like(x[kept], dtype=xp.float64) for _ in sums]
        for total, other in zip(totals, sums, strict=True):
            total[place] = other
    if spread in axes and spread not in first:
        totals = [xp.sum(total, axis=spread, keepdims=True) for total in totals]
    return totals


def _blocks(x: Array) -> tuple[int, list[slice]]:
    """Return an axis, and slices that cut ``x`` along it into blocks that stay in the cache.

    The longest axis whose elements lie on one rank where it is long enough, else that of the rows.
    """
    spread, size = spread_axis(x), math.prod(x.shape[1:])
    held = rows_held(x) * size
    elements = BLOCK_ELEMENTS if is_on_cpu(x) else BLOCK_ELEMENTS_ELSEWHERE
    pieces = max(1, -(-held // elements))
    along = max((axis for axis in range(x.ndim) if axis != spread), key=lambda axis: x.shape[axis], default=0)
    if spread == 0 and x.shape[along] < SHORTEST_RUN * pieces:
        along = 0
    if along == 0:
        return 0, local_blocks(x, size, max(elements, held // MOST_BLOCKS) if spread == 0 else elements)
    step = max(1, -(-x.shape[along] // pieces))
    n = x.shape[along]
    return along, [slice(start, min(start + step, n)) for start in range(0, max(n, 1), step)]


def _parts(x: Array) -> int:
    """Return on how many ranks the rows of ``x`` lie if each has as many of them, and more than one; 0 otherwise."""
    parts, held = ranks_of(x), rows_held(x)
    return parts if held > 1 and parts * held == x.shape[0] else 0


def _powers_summed(xp: Namespace, x: Array, center: Array, axes: tuple[int, ...], order: int) -> list[Array]:
    away = as_float64(xp, x)
    if x.dtype == xp.float64:
        away = x - center
    else:
        # A converted copy serves.
        away -= center
    sums = [xp.sum(away, axis=axes, keepdims=True)]
    powers = away
    for _ in range(1, order):
        if powers is away:
            powers = away * away
        else:
            powers *= away
        sums.append(xp.sum(powers, axis=axes, keepdims=True))
    return sums


def _dropped(xp: Namespace, x: Array, axis: Axis, *, keepdims: bool) -> Array:
    """Return ``x`` without the reduced axes, which have length 1."""
    if keepdims:
        return x
    return xp.squeeze(x, axis=normal_axes(x, axis))


def _flat_where_constant(xp: Namespace, ratio: Array, moments: _Moments) -> Array:
    """Return ``ratio``, NaN where the deviation is nothing but rounding of the mean."""
    rounding = eps_of(xp, ratio) * moments.mean
    return xp.where(moments.second <= rounding * rounding, constant(ratio, math.nan), ratio)


def skewness(x: Array, /, *, axis: Axis = None, bias: bool = True, keepdims: bool = False) -> Array:
    """Return the skewness: the third central moment over the deviation cubed; NaN for constant data.

    Parameters
    ----------
    x : Array
    axis : int, tuple of int or None, optional
    bias : bool, optional
        False corrects for the sample (as SciPy's ``skew``), where there are at least 3 values.
    keepdims : bool, optional

    Notes
    -----
    Communication: four allreduces of the result's size, in two passes; of short rows of which the ranks hold
    different numbers three of them for each of at most 32 blocks.
    """
    xp = real_namespace(x, "skewness")
    axis = plain_axis(x, axis)
    with quiet():
        n = _count(x, axis)
        result = _of_moments(xp, x, axis, 3, lambda moments: _skewness(xp, moments, n, bias=bias))
    return _dropped(xp, result, axis, keepdims=keepdims)


def _skewness(xp: Namespace, moments: _Moments, n: int, *, bias: bool) -> Array:
    ratio = moments.third / (moments.second * xp.sqrt(moments.second))
    if not bias and n > 2:
        ratio = ratio * (math.sqrt(n * (n - 1)) / (n - 2))
    return _flat_where_constant(xp, ratio, moments)


def kurtosis(
    x: Array, /, *, axis: Axis = None, fisher: bool = True, bias: bool = True, keepdims: bool = False
) -> Array:
    """Return the kurtosis: the fourth central moment over the variance squared; NaN for constant data.

    Parameters
    ----------
    x : Array
    axis : int, tuple of int or None, optional
    fisher : bool, optional
        True takes 3 off, so that a normal distribution has 0.
    bias : bool, optional
        False corrects for the sample (as SciPy's ``kurtosis``), where there are at least 4 values.
    keepdims : bool, optional

    Notes
    -----
    Communication: five allreduces of the result's size, in two passes; of short rows of which the ranks hold
    different numbers four of them for each of at most 32 blocks.
    """
    xp = real_namespace(x, "kurtosis")
    axis = plain_axis(x, axis)
    with quiet():
        n = _count(x, axis)
        result = _of_moments(
            xp, x, axis, 4, lambda moments: _kurtosis(xp, moments, n, fisher=fisher, bias=bias)
        )
    return _dropped(xp, result, axis, keepdims=keepdims)


def _kurtosis(xp: Namespace, moments: _Moments, n: int, *, fisher: bool, bias: bool) -> Array:
    ratio = moments.fourth / (moments.second * moments.second)
    if not bias and n > 3:
        ratio = ((n * n - 1.0) * ratio - 3.0 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3.0
    return _flat_where_constant(xp, ratio - 3.0 if fisher else ratio, moments)


@dataclass(frozen=True, slots=True)
class Description:
    """What ``describe`` finds along an axis."""

    count: int
    minimum: Array
    maximum: Array
    mean: Array
    variance: Array
    skewness: Array
    kurtosis: Array


def describe(x: Array, /, *, axis: Axis = 0, correction: float = 1.0, bias: bool = True) -> Description:
    """Return count, least, greatest, mean, variance, skewness and kurtosis (normal: 0) in two passes.

    Parameters
    ----------
    x : Array
    axis : int, tuple of int or None, optional
    correction : float, optional
        Of the variance, as in ``var``.
    bias : bool, optional
        Of skewness and kurtosis.

    Notes
    -----
    Communication: seven allreduces of the result's size; of short rows spread over the ranks four of them for each
    of at most 32 blocks.
    """
    xp = real_namespace(x, "describe")
    check_real("correction", correction)
    x, axis = ordered_numbers(xp, x), plain_axis(x, axis)
    n = _count(x, axis)
    if n == 0:
        raise ValueError(f"describe needs at least one value, got shape {tuple(x.shape)}")
    with quiet():
        moments = _moments(xp, x, axis, order=4)
        variance = moments.second * _per_freedom(n, n, correction)
        results = (
            moments.mean,
            variance,
            _skewness(xp, moments, n, bias=bias),
            _kurtosis(xp, moments, n, fisher=True, bias=bias),
        )
    dropped = (_dropped(xp, result, axis, keepdims=False) for result in results)
    return Description(n, xp.min(x, axis=axis), xp.max(x, axis=axis), *dropped)


def _per_freedom(value: float, n: int, correction: float) -> float:
    """Return ``value`` over the degrees of freedom n - ``correction``, of which there are never fewer than none."""
    return value / (n - correction) if n > correction else math.inf


# ---- two variables


def cov(x: Array, /, *, rowvar: bool = True, correction: float = 1.0) -> Array:
    """Return the covariance matrix.

    Parameters
    ----------
    x : Array, shape (f, n), or (n, f) with ``rowvar=False``, or (n,)
        f variables and n observations.
    rowvar : bool, optional
        Whether the variables are the rows.
    correction : float, optional
        The sums of products are divided by n - ``correction``, or by 0 where that is less.

    Returns
    -------
    Array, shape (f, f), or () for one variable

    Notes
    -----
    Communication: two allreduces, of f and f² numbers, with the observations partitioned. Extra memory: a copy.
    """
    xp = real_namespace(x, "cov")
    check_real("correction", correction)
    if x.ndim not in (1, 2):
        raise ValueError(f"cov takes an array of 1 or 2 axes, got {x.ndim}")
    observations = x[:, None] if x.ndim == 1 else x.T if rowvar else x
    n, variables = observations.shape
    observations = as_float64(xp, observations)
    with quiet():
        away = observations - xp.mean(observations, axis=0, keepdims=True)
        products = (away.T @ away) * _per_freedom(1.0, n, correction)
    return xp.reshape(products, ()) if variables == 1 else products


def corrcoef(x: Array, /, *, rowvar: bool = True) -> Array:
    """Return Pearson's correlation coefficients, in [-1, 1]; parameters and costs as for ``cov``."""
    xp = real_namespace(x, "corrcoef")
    covariances = cov(x, rowvar=rowvar)
    with quiet():
        if covariances.ndim == 0:
            return covariances / covariances
        deviations = xp.sqrt(xp.linalg.diagonal(covariances))
        ratios = covariances / deviations[:, None] / deviations[None, :]
    return xp.clip(ratios, -1.0, 1.0)
