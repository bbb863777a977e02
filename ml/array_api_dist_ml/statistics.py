"""Statistics, accurate to float64 whatever the data's own precision.

All of them take real arrays of any data type, pass NaNs on, and return float64 arrays of the same namespace.
Communication is that of the namespace's sums over a partitioned axis. Moments take an allreduce of the mean and one of
all powers of the deviation where there is more than a block of rows and every rank holds as many; else one of each
power, of short rows for each of at most 32 blocks. Extra memory: bounded blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from types import EllipsisType
from typing import Final, TypeAlias

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


Place: TypeAlias = tuple[slice | EllipsisType, ...]

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
    Communication: as of a mean and two powers.
    """
    xp = real_namespace(x, "var")
    return _dropped(xp, _variance(xp, x, axis, correction), axis, keepdims=keepdims)


def _variance(xp: Namespace, x: Array, axis: Axis, correction: float) -> Array:
    """Return the variance with the reduced axes kept."""
    check_real("correction", correction)
    axis = plain_axis(x, axis)
    with quiet():
        per_freedom = _per_freedom(n := _count(x, axis), n, correction)
        return _of_moments(xp, x, axis, 2, lambda moments: moments.central[0] * per_freedom)[0]


def std(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the standard deviation: the root of ``var``."""
    xp = real_namespace(x, "std")
    return _dropped(xp, xp.sqrt(_variance(xp, x, axis, correction)), axis, keepdims=keepdims)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The mean and the central moments (mean powers of the deviation) from the second on, with the reduced axes kept."""

    mean: Array
    central: tuple[Array, ...]


def _moments(xp: Namespace, x: Array, axis: Axis, *, order: int) -> _Moments:
    """Return the moments up to ``order``, of 2 to 4.

    Powers are taken of the deviation from the rounded mean, and then corrected for that rounding: nothing is lost where
    the mean is large.
    """
    if math.prod(x.shape) == 0:
        center = xp.mean(as_float64(xp, x), axis=axis, keepdims=True)
        return _Moments(center, (center,) * (order - 1))
    count = float(_count(x, axis))
    center, sums = _power_sums(xp, x, normal_axes(x, axis), order)
    first, second, *others = (total / count for total in sums)
    square = first * first
    central = [second - square]
    if order > 2:
        third = others[0]
        central.append(third - first * (3.0 * second - 2.0 * square))
        if order > 3:
            central.append(others[1] - first * (4.0 * third - 6.0 * first * second + 3.0 * first * square))
    # An infinite mean has no rounding to correct.
    mean = xp.where(xp.isfinite(center), center + first, center)
    return _Moments(mean, tuple(central))


def _of_moments(
    xp: Namespace, x: Array, axis: Axis, order: int, *functions: Callable[[_Moments], Array]
) -> list[Array]:
    """Return ``functions`` of the moments up to ``order``: block by block where nothing has to be communicated."""
    axes, spread = normal_axes(x, axis), spread_axis(x)
    along, places = _blocks(x)
    if len(places) > 1 and spread == 0 and (along == 0 or 0 in axes):
        parts = _parts(x)
        if parts:
            # The rows of each rank as an axis of their own: blocks of them then lie together in its memory, and it adds
            # them up before all do.
            folded = xp.reshape(x, (parts, x.shape[0] // parts, *x.shape[1:]))
            inner = tuple(each + 1 for each in axes)
            results = _of_moments(xp, folded, (0, *inner) if 0 in axes else inner, order, *functions)
            shape = tuple(1 if at in axes else n for at, n in enumerate(x.shape))
            return [xp.reshape(result, shape) for result in results]
    if along in axes or spread in axes or len(places) <= 1 or math.prod(x.shape) == 0:
        moments = _moments(xp, x, axis, order=order)
        return [function(moments) for function in functions]
    found = [_of_moments(xp, x[place], axis, order, *functions) for place in places]
    return [_joined(xp, x, places, each, along) for each in zip(*found, strict=True)]


def _joined(xp: Namespace, x: Array, places: list[Place], results: Sequence[Array], along: int) -> Array:
    """Return what was computed of each block of ``x``, cut ``along`` an axis that is kept."""
    if len(results) == 1:
        return results[0]
    if along != spread_axis(x):
        return xp.concat(list(results), axis=along)
    # Blocks of rows that are spread are interleaved.
    reduced = tuple(slice(0, n) for n in results[0].shape[1:])
    joined = xp.empty_like(x[(slice(None), *reduced)], dtype=xp.float64)
    for place, result in zip(places, results, strict=True):
        joined[place] = result
    return joined


def _power_sums(xp: Namespace, x: Array, axes: tuple[int, ...], order: int) -> tuple[Array, list[Array]]:
    """Return the mean, rounded, and the sums of the first ``order`` powers of the deviation from it, with the axes kept.

    Block by block. Communication: where the partitioned axis is among the axes an allreduce of the mean, and one of the
    sums; if no other axis is summed up before, or blocks are cut along that axis, one of each power, of each block.
    """
    spread, (along, places) = spread_axis(x), _blocks(x)
    center, first = None, axes
    if len(places) > 1 and (along in axes or spread in axes):
        # What is summed up lies in several blocks, or in those of several ranks: its mean takes a pass of its own.
        center = as_float64(xp, xp.mean(as_float(xp, x), axis=axes, keepdims=True))
        # What lies on one rank is summed up first, and what others hold once for all blocks.
        first = axes if along == spread else tuple(each for each in axes if each != spread) or axes
    middles = [center if center is None or along in axes else center[place] for place in places]
    found = [
        _of_block(xp, x[place], middle, first, order) for place, middle in zip(places, middles, strict=True)
    ]
    if center is None:
        center = _joined(xp, x, places, [mean for mean, _ in found], along)
    sums = [
        reduce(xp.add, each) if along in axes else _joined(xp, x, places, each, along)
        for each in zip(*(sums for _, sums in found), strict=True)
    ]
    if spread in axes and spread not in first:
        together = xp.sum(xp.stack(sums), axis=spread + 1, keepdims=True)
        sums = [together[at, ...] for at in range(order)]
    return center, sums


def _of_block(
    xp: Namespace, x: Array, center: Array | None, axes: tuple[int, ...], order: int
) -> tuple[Array, list[Array]]:
    """Return the mean, if it isn't given, and the sums of the powers of the deviation from it, with the axes kept."""
    away = as_float64(xp, x)
    if center is None:
        center = xp.mean(away, axis=axes, keepdims=True)
    if x.dtype == xp.float64:
        away = x - center
    else:
        # A converted copy serves.
        away -= center
    sums = [xp.sum(away, axis=axes, keepdims=True), _square_sums(xp, away, axes)]
    if order > 2:
        powers = away * away
        fourth = [_square_sums(xp, powers, axes)] if order > 3 else []
        powers *= away
        sums += [xp.sum(powers, axis=axes, keepdims=True), *fourth]
    return center, sums


def _square_sums(xp: Namespace, x: Array, axes: tuple[int, ...]) -> Array:
    """Return the sums of squares with the axes kept: by the norm, which reads memory once."""
    if not axes:
        return x * x
    norms: Array = xp.linalg.vector_norm(x, axis=axes, keepdims=True)
    return norms * norms


def _blocks(x: Array) -> tuple[int, list[Place]]:
    """Return an axis, and indices that cut ``x`` along it into blocks that stay in the cache.

    The longest axis whose elements lie on one rank where it is long enough, else that of the rows.
    """
    if x.ndim == 0:
        return 0, [()]
    spread, size = spread_axis(x), math.prod(x.shape[1:])
    held = rows_held(x) * size
    elements = BLOCK_ELEMENTS if is_on_cpu(x) else BLOCK_ELEMENTS_ELSEWHERE
    pieces = max(1, -(-held // elements))
    along = max((axis for axis in range(x.ndim) if axis != spread), key=lambda axis: x.shape[axis], default=0)
    if spread == 0 and x.shape[along] < SHORTEST_RUN * pieces:
        along = 0
    if along == 0:
        cuts = local_blocks(x, size, max(elements, held // MOST_BLOCKS) if spread == 0 else elements)
    else:
        n = x.shape[along]
        step = max(1, -(-n // pieces))
        cuts = [slice(start, min(start + step, n)) for start in range(0, max(n, 1), step)]
    return along, [(*(slice(None),) * along, each, ...) for each in cuts]


def _parts(x: Array) -> int:
    """Return over how many ranks the rows of ``x`` are spread if each has as many of them, and several; 0 otherwise."""
    parts, held = ranks_of(x), rows_held(x)
    return parts if held > 1 and parts * held == x.shape[0] else 0


def _dropped(xp: Namespace, x: Array, axis: Axis, *, keepdims: bool) -> Array:
    """Return ``x`` without the reduced axes, which have length 1."""
    if keepdims:
        return x
    return xp.squeeze(x, axis=normal_axes(x, axis))


def _flat_where_constant(xp: Namespace, ratio: Array, moments: _Moments) -> Array:
    """Return ``ratio``, NaN where the deviation is nothing but rounding of the mean."""
    rounding = eps_of(xp, ratio) * moments.mean
    return xp.where(moments.central[0] <= rounding * rounding, constant(ratio, math.nan), ratio)


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
    Communication: as of a mean and three powers.
    """
    xp = real_namespace(x, "skewness")
    axis = plain_axis(x, axis)
    with quiet():
        n = _count(x, axis)
        result = _of_moments(xp, x, axis, 3, lambda moments: _skewness(xp, moments, n, bias=bias))[0]
    return _dropped(xp, result, axis, keepdims=keepdims)


def _skewness(xp: Namespace, moments: _Moments, n: int, *, bias: bool) -> Array:
    second, third, *_ = moments.central
    ratio = third / (second * xp.sqrt(second))
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
    Communication: as of a mean and four powers.
    """
    xp = real_namespace(x, "kurtosis")
    axis = plain_axis(x, axis)
    with quiet():
        n = _count(x, axis)
        result = _of_moments(
            xp, x, axis, 4, lambda moments: _kurtosis(xp, moments, n, fisher=fisher, bias=bias)
        )[0]
    return _dropped(xp, result, axis, keepdims=keepdims)


def _kurtosis(xp: Namespace, moments: _Moments, n: int, *, fisher: bool, bias: bool) -> Array:
    second, _, fourth = moments.central
    ratio = fourth / (second * second)
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
    Communication: as of a mean and four powers, an allreduce of the least and one of the greatest values.
    """
    xp = real_namespace(x, "describe")
    check_real("correction", correction)
    x, axis = ordered_numbers(xp, x), plain_axis(x, axis)
    n = _count(x, axis)
    if n == 0:
        raise ValueError(f"describe needs at least one value, got shape {tuple(x.shape)}")
    with quiet():
        results = _of_moments(
            xp,
            x,
            axis,
            4,
            lambda moments: moments.mean,
            lambda moments: moments.central[0] * _per_freedom(n, n, correction),
            lambda moments: _skewness(xp, moments, n, bias=bias),
            lambda moments: _kurtosis(xp, moments, n, fisher=True, bias=bias),
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
