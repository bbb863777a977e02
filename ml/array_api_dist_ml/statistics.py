"""Statistics, accurate to float64 whatever the data's own precision.

All of them take real arrays of any data type, pass NaNs on, and return float64 arrays of the same namespace.
Communication is that of the namespace's sums: one small allreduce for each sum over a partitioned axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Final, Literal, TypeAlias, cast

from array_api_dist_ml._namespace import (
    LOCAL_ELEMENTS,
    Array,
    Namespace,
    array_namespace,
    as_float64,
    constant,
    device,
    eps_of,
    is_on_cpu,
    laid_out_as,
    local_blocks,
    on_every_rank,
    quiet,
    rows_held,
    spread_axis,
)

__all__ = [
    "Description",
    "corrcoef",
    "cov",
    "describe",
    "histogram",
    "kurtosis",
    "mean",
    "median",
    "quantile",
    "skewness",
    "std",
    "var",
]

Axis: TypeAlias = int | tuple[int, ...] | None
Method: TypeAlias = Literal["linear", "lower", "higher", "nearest", "midpoint"]

METHODS: Final = ("linear", "lower", "higher", "nearest", "midpoint")
# So many elements on a rank are worked on at once: they stay in the cache. Accelerators want more to do at once.
BLOCK_ELEMENTS: Final = 1 << 19
BLOCK_ELEMENTS_ELSEWHERE: Final = 1 << 26
# Where each block takes collectives there are no more of them than this, however much data there are.
MOST_BLOCKS: Final = 32
# So many elements of a row at least belong to a block.
SHORTEST_RUN: Final = 64
# A pass of a histogram looks for at least so many bins at once: a byte an element each,
BINS_AT_ONCE: Final = 16
# or nine with weights.
MASSES_AT_ONCE: Final = 2
# Beyond this many bins sorting once is cheaper than the passes.
MANY_BINS: Final = 64


def _real(x: Array, function: str) -> Namespace:
    """Return the namespace of a real array.

    Raises
    ------
    TypeError
        If it is complex.
    """
    xp = array_namespace(x)
    if xp.isdtype(x.dtype, "complex floating"):
        raise TypeError(f"{function} takes a real array, got data type {x.dtype}")
    return xp


def _axes(x: Array, axis: Axis) -> tuple[int, ...]:
    """Return the axes as non-negative integers.

    Raises
    ------
    TypeError, ValueError
        If one is no integer, is out of range, or comes twice.
    """
    if axis is None:
        return tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for each in axes:
        if not isinstance(each, Integral):
            raise TypeError(f"axis must be an int, a tuple of int or None, got {axis!r}")
        if not -x.ndim <= each < x.ndim:
            raise ValueError(f"axis must lie in [-{x.ndim}, {x.ndim}), got {each}")
    found = tuple(int(each) % x.ndim for each in axes)
    if len(set(found)) < len(found):
        raise ValueError(f"the axes must be different, got {axis}")
    return found


def _count(x: Array, axis: Axis) -> int:
    return math.prod(x.shape[each] for each in _axes(x, axis))


def _check_real(name: str, value: object) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"The {name!r} parameter must be a float. Got {value!r} instead.")


# ---- moments


def mean(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Return the arithmetic mean.

    Notes
    -----
    Communication: one allreduce of the result.
    """
    xp = _real(x, "mean")
    _axes(x, axis)
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
    return _variance(_real(x, "var"), x, axis, correction, keepdims=keepdims)


def _variance(xp: Namespace, x: Array, axis: Axis, correction: float, *, keepdims: bool) -> Array:
    _check_real("correction", correction)
    _axes(x, axis)
    x = as_float64(xp, x)
    with quiet():
        # Not every namespace's own variance is accurate where the mean is large (torch's loses half the digits).
        away = x - xp.mean(x, axis=axis, keepdims=True)
        return xp.var(away, axis=axis, correction=correction, keepdims=keepdims)


def std(x: Array, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the standard deviation: the root of ``var``."""
    xp = _real(x, "std")
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
    center = mean(x, axis=axis, keepdims=True)
    if math.prod(x.shape) == 0:
        return _Moments(center, center, center, center)
    count = float(_count(x, axis))
    first, second, third, *others = (
        total / count for total in _power_sums(xp, x, center, _axes(x, axis), order)
    )
    square = first * first
    fourth = xp.zeros_like(third)
    for power in others:
        fourth = power - first * (4.0 * third - 6.0 * first * second + 3.0 * first * square)
    third = third - first * (3.0 * second - 2.0 * square)
    return _Moments(center + first, second - square, third, fourth)


def _of_moments(
    xp: Namespace, x: Array, axis: Axis, order: int, function: Callable[[_Moments], Array]
) -> Array:
    """Return a ``function`` of the moments up to ``order``: block by block where nothing has to be communicated."""
    axes = _axes(x, axis)
    along, slices = _blocks(x) if x.ndim else (0, [])
    if along in axes or spread_axis(x) in axes or len(slices) <= 1:
        return function(_moments(xp, x, axis, order=order))
    kept = tuple(slice(0, 1) if each in axes else slice(None) for each in range(x.ndim))
    result = xp.empty_like(x[kept], dtype=xp.float64)
    for each in slices:
        place = (*(slice(None),) * along, each, ...)
        result[place] = function(_moments(xp, as_float64(xp, x[place]), axis, order=order))
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
    return along, [slice(start, start + step) for start in range(0, max(x.shape[along], 1), step)]


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
    return xp.squeeze(x, axis=_axes(x, axis))


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
    Communication: four allreduces of the result's size, in two passes; of short rows spread over the ranks three of
    them for each of at most 32 blocks.
    """
    xp = _real(x, "skewness")
    _axes(x, axis)
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
    Communication: five allreduces of the result's size, in two passes; of short rows spread over the ranks four of
    them for each of at most 32 blocks.
    """
    xp = _real(x, "kurtosis")
    _axes(x, axis)
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
        Of the variance.
    bias : bool, optional
        Of skewness and kurtosis.

    Notes
    -----
    Communication: seven allreduces of the result's size; of short rows spread over the ranks four of them for each
    of at most 32 blocks.
    """
    xp = _real(x, "describe")
    _check_real("correction", correction)
    if xp.isdtype(x.dtype, "bool"):
        x = xp.astype(x, xp.uint8)
    n = _count(x, axis)
    if n == 0:
        raise ValueError(f"describe needs at least one value, got shape {tuple(x.shape)}")
    with quiet():
        moments = _moments(xp, x, axis, order=4)
        variance = moments.second * (n / (n - correction) if n != correction else math.nan)
        results = (
            moments.mean,
            variance,
            _skewness(xp, moments, n, bias=bias),
            _kurtosis(xp, moments, n, fisher=True, bias=bias),
        )
    dropped = (_dropped(xp, result, axis, keepdims=False) for result in results)
    return Description(n, xp.min(x, axis=axis), xp.max(x, axis=axis), *dropped)


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
        The sums of products are divided by n - ``correction``.

    Returns
    -------
    Array, shape (f, f), or () for one variable

    Notes
    -----
    Communication: two allreduces, of f and f² numbers, with the observations partitioned. Extra memory: a copy.
    """
    xp = _real(x, "cov")
    _check_real("correction", correction)
    if x.ndim not in (1, 2):
        raise ValueError(f"cov takes an array of 1 or 2 axes, got {x.ndim}")
    observations = x[:, None] if x.ndim == 1 else x.T if rowvar else x
    n, variables = observations.shape
    observations = as_float64(xp, observations)
    with quiet():
        away = observations - xp.mean(observations, axis=0, keepdims=True)
        products = (away.T @ away) * (1.0 / (n - correction) if n > correction else math.nan)
    return xp.reshape(products, ()) if variables == 1 else products


def corrcoef(x: Array, /, *, rowvar: bool = True) -> Array:
    """Return Pearson's correlation coefficients, in [-1, 1]; parameters and costs as for ``cov``."""
    xp = _real(x, "corrcoef")
    covariances = cov(x, rowvar=rowvar)
    with quiet():
        if covariances.ndim == 0:
            return covariances / covariances
        deviations = xp.sqrt(xp.linalg.diagonal(covariances))
        ratios = covariances / deviations[:, None] / deviations[None, :]
    return xp.clip(ratios, -1.0, 1.0)


# ---- order


def quantile(
    x: Array,
    q: float | Sequence[float],
    /,
    *,
    axis: Axis = None,
    method: Method = "linear",
    keepdims: bool = False,
) -> Array:
    """Return the values below which the shares ``q`` of the data lie.

    Parameters
    ----------
    x : Array
    q : float or sequence of float
        In [0, 1].
    axis : int, tuple of int or None, optional
        None takes all elements.
    method : {"linear", "lower", "higher", "nearest", "midpoint"}, optional
        What lies between two values, as in NumPy.
    keepdims : bool, optional

    Returns
    -------
    Array, with a first axis as long as ``q`` when that is a sequence; NaN where there is a NaN

    Raises
    ------
    ValueError
        On every rank: q out of range, an unknown method, no data.

    Notes
    -----
    Communication: that of one sort along the axis, and of taking at most two values for each q; several axes, not all
    of them, are made one by moving elements first, once.
    """
    return _quantile(x, q, axis, method, keepdims=keepdims, function="quantile")


def _quantile(
    x: Array, q: float | Sequence[float], axis: Axis, method: Method, *, keepdims: bool, function: str
) -> Array:
    """Return the quantiles; what is refused is told as of ``function``."""
    xp = _real(x, function)
    shares = _shares(q)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    axes = _axes(x, axis)
    kept = tuple(1 if each in axes else length for each, length in enumerate(x.shape))
    values, along = _along_one(xp, as_float64(xp, x), axes)
    n = values.shape[along]
    if n == 0:
        raise ValueError(f"{function} needs at least one value along the axes, got shape {tuple(x.shape)}")
    ordered = xp.sort(values, axis=along)
    places = [_place(n, share, method) for share in shares]
    low = _taken(xp, ordered, [place[0] for place in places], along)
    high = _taken(xp, ordered, [place[1] for place in places], along)
    result = _between(xp, low, high, [place[2] for place in places], along)
    missing = xp.any(xp.isnan(values), axis=along, keepdims=True)
    result = xp.where(missing, constant(result, math.nan), result)
    result = xp.moveaxis(result, along, 0)
    result = xp.reshape(result, (len(shares), *kept)) if keepdims else result
    return result[0, ...] if isinstance(q, Real) else result


def _shares(q: float | Sequence[float]) -> list[float]:
    """Return the shares as floats, each in [0, 1]."""
    try:
        given = cast("Sequence[float]", (q,) if isinstance(q, Real) else q)
        shares = [float(each) for each in given]
    except (TypeError, ValueError):
        raise TypeError(
            f"The 'q' parameter must be a float in the range [0, 1] or a sequence of them. Got {q!r} instead."
        ) from None
    if any(not 0.0 <= share <= 1.0 for share in shares):
        raise ValueError(f"quantiles must lie in [0, 1], got {q}")
    return shares


def _along_one(xp: Namespace, x: Array, axes: tuple[int, ...]) -> tuple[Array, int]:
    """Return ``x`` with several ``axes`` made one, and which one that is."""
    if len(axes) == 1:
        return x, axes[0]
    others = tuple(each for each in range(x.ndim) if each not in axes)
    # Ascending axes that come last already stay where they are.
    turned = xp.permute_dims(x, (*others, *sorted(axes)))
    count = math.prod(x.shape[each] for each in axes)
    return xp.reshape(turned, (*(x.shape[each] for each in others), count)), len(others)


def _place(n: int, share: float, method: Method) -> tuple[int, int, float]:
    """Return the two ranks in order that a quantile lies between, and where between them."""
    virtual = (n - 1) * share
    low, high = math.floor(virtual), math.ceil(virtual)
    if method == "lower":
        return low, low, 0.0
    if method == "higher":
        return high, high, 0.0
    if method == "nearest":
        # Python rounds halves to even, as NumPy does.
        return round(virtual), round(virtual), 0.0
    return low, high, virtual - low if method == "linear" else 0.5


def _taken(xp: Namespace, ordered: Array, places: list[int], axis: int) -> Array:
    indices = xp.asarray(places, dtype=xp.int64, device=device(ordered))
    return xp.take(ordered, indices, axis=axis)


def _between(xp: Namespace, low: Array, high: Array, weights: list[float], axis: int) -> Array:
    """Return low + (high - low) weight, computed from the nearer end as NumPy does."""
    shape = tuple(len(weights) if each == axis else 1 for each in range(low.ndim))
    weight = xp.reshape(xp.asarray(weights, dtype=low.dtype, device=device(low)), shape)
    with quiet():
        step = high - low
        between = xp.where(weight < 0.5, low + step * weight, high - step * (1.0 - weight))
    # Equal ends, infinite ones among them, leave nothing to interpolate.
    return xp.where(low == high, low, between)


def median(x: Array, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Return the middle value, or the mean of the two middle ones: ``quantile(x, 0.5)``."""
    return _quantile(x, 0.5, axis, "linear", keepdims=keepdims, function="median")


# ---- histogram


def histogram(
    x: Array,
    bins: int | Sequence[float] | Array = 10,
    *,
    range: tuple[float, float] | None = None,
    weights: Array | None = None,
    density: bool = False,
) -> tuple[Array, Array]:
    """Return how many elements of ``x`` fall into each bin, and the bins' edges.

    Parameters
    ----------
    x : Array
    bins : int, or sequence or Array of float, optional
        How many bins of equal width, or their edges, ascending. A bin holds its lower edge, the last one both.
    range : tuple of float, optional
        The outer edges; the least and greatest element by default.
    weights : Array, shape of ``x``, optional
        What each element counts.
    density : bool, optional
        True divides by the total and the widths, so that the integral is 1.

    Returns
    -------
    counts : Array, shape (b,), int64, or float64 with weights or density
    edges : Array, shape (b + 1,), float64

    Raises
    ------
    ValueError, TypeError
        On every rank: unfit bins or weights, a range that is not finite.

    Notes
    -----
    Communication: two allreduces for the range, and one of a few numbers for 16 bins, or for 2 with weights (more where
    arrays are small); beyond 64 bins without weights that of one sort and one search, with weights one allreduce of all bins
    for each block of some 2**22 / (3 sqrt(bins)) elements. Extra memory: 20 bytes an element, 22 with weights, and a bounded
    block; or that of the sort.
    """
    xp = _real(x, "histogram")
    if weights is not None:
        _real(weights, "histogram's weights")
        if tuple(weights.shape) != tuple(x.shape):
            raise ValueError(
                f"weights must have the shape of x, {tuple(x.shape)}, got {tuple(weights.shape)}"
            )
    values = xp.reshape(x, (-1,))
    edges = _edges(xp, values, bins, range)
    if weights is None and edges.shape[0] - 1 > MANY_BINS:
        counts = _by_sorting(xp, as_float64(xp, values), edges)
    else:
        counts = _by_passes(xp, values, edges, weights)
    if not density:
        return counts, edges
    counts = as_float64(xp, counts)
    with quiet():
        return counts / xp.sum(counts) / (edges[1:] - edges[:-1]), edges


def _edges(
    xp: Namespace, values: Array, bins: int | Sequence[float] | Array, limits: tuple[float, float] | None
) -> Array:
    where = device(values)
    if not isinstance(bins, Integral):
        if isinstance(bins, str | Real | NoneType):
            raise TypeError(
                f"The 'bins' parameter must be an int or a sequence of ascending edges. Got {bins!r} instead."
            )
        edges = on_every_rank(xp.asarray(bins, dtype=xp.float64, device=where))
        if edges.ndim != 1 or edges.shape[0] < 2 or not bool(xp.all(edges[1:] >= edges[:-1])):
            raise ValueError(f"bins must be a number or at least two ascending edges, got {bins}")
        return edges
    count = int(bins)
    if count < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    low, high = _limits(xp, values, limits)
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ValueError(f"the range of a histogram must be finite and ascending, got [{low}, {high}]")
    if low == high:
        low, high = low - 0.5, high + 0.5
    # On the host, with NumPy's rounding: the same edges in every namespace.
    step = (high - low) / count
    inner = [number * step + low for number in range(count)]
    return on_every_rank(xp.asarray([*inner, high], dtype=xp.float64, device=where))


def _limits(xp: Namespace, values: Array, given: tuple[float, float] | None) -> tuple[float, float]:
    """Return the outer edges: those ``given``, or the least and the greatest value."""
    if given is None:
        empty = values.shape[0] == 0
        return (0.0, 1.0) if empty else (float(xp.min(values)), float(xp.max(values)))
    if not isinstance(given, Sequence) or [isinstance(each, Real) for each in given] != [True, True]:
        raise TypeError(f"The 'range' parameter must be a tuple of two floats. Got {given!r} instead.")
    return given


def _by_sorting(xp: Namespace, values: Array, edges: Array) -> Array:
    """Return the counts as differences of the edges' places in the sorted values."""
    ordered = xp.sort(values)
    places = xp.concat(
        [
            xp.searchsorted(ordered, edges[:-1], side="left"),
            # The last bin holds its upper edge too.
            xp.searchsorted(ordered, edges[-1:], side="right"),
        ]
    )
    return xp.astype(places[1:] - places[:-1], xp.int64)


def _by_passes(xp: Namespace, values: Array, edges: Array, weights: Array | None) -> Array:
    """Return the counts, or the sums of weights, of some bins at a time."""
    bins = edges.shape[0] - 1
    numbers = _bin_numbers(xp, values, edges)
    masses = None if weights is None else laid_out_as(numbers, xp.reshape(weights, (-1,)))
    if masses is not None and not xp.isdtype(masses.dtype, "real floating"):
        masses = as_float64(xp, masses)
    # A product would spread what is not finite over all bins.
    if masses is not None and bins > MANY_BINS and bool(xp.isfinite(xp.sum(masses, dtype=xp.float64))):
        return _by_products(xp, numbers, masses, bins)
    least = BINS_AT_ONCE if masses is None else MASSES_AT_ONCE
    at_once = max(least, LOCAL_ELEMENTS // max(1, rows_held(values)))
    parts = []
    for start in range(0, bins, at_once):
        some = xp.arange(start, min(start + at_once, bins), dtype=numbers.dtype, device=device(values))
        inside = numbers[None, :] == some[:, None]
        if masses is None:
            parts.append(xp.count_nonzero(inside, axis=1))
        else:
            inside = xp.where(inside, masses[None, :], constant(masses, 0.0))
            parts.append(xp.sum(inside, axis=1, dtype=xp.float64))
        # Not beside those of the next bins.
        del inside
    return xp.concat(parts)


def _by_products(xp: Namespace, numbers: Array, masses: Array, bins: int) -> Array:
    """Return the sums of finite weights of many bins: each is a row and a column of a matrix product.

    So an element is compared with some 2 sqrt(bins) numbers, and the rest is left to BLAS.
    """
    columns = math.isqrt(bins - 1) + 1
    rows = bins // columns + 1
    of_rows, of_columns = (
        xp.arange(count, dtype=numbers.dtype, device=device(numbers))[:, None] for count in (rows, columns)
    )
    width = constant(numbers, columns)
    total = None
    for place in local_blocks(numbers, rows + 2 * columns):
        some = numbers[place]
        row = some // width
        in_row = xp.astype(of_rows == row[None, :], xp.float64)
        in_column = of_columns == (some - row * width)[None, :]
        weights = as_float64(xp, masses[place])[None, :]
        found = in_row @ xp.where(in_column, weights, constant(weights, 0.0)).T
        total = found if total is None else total + found
    assert total is not None, "there is at least one block"
    return xp.reshape(total, (-1,))[:bins]


def _bin_numbers(xp: Namespace, values: Array, edges: Array) -> Array:
    """Return in which bin each value lies, as int32: below 0 or beyond the last one where it lies in none."""
    bins, last = edges.shape[0] - 1, edges[-1]
    numbers = xp.empty_like(values, dtype=xp.int32)
    for place in local_blocks(values, 4):
        some = as_float64(xp, values[place])
        found = xp.searchsorted(edges, some, side="right") - 1
        # The last bin holds its upper edge, too.
        numbers[place] = xp.astype(xp.where(some == last, bins - 1, found), xp.int32)
    return numbers
