"""Quantiles and medians: one sort along the axis, and no gather."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Final, Literal, TypeAlias, cast

from array_api_dist_ml._axes import Axis, normal_axes, real_namespace
from array_api_dist_ml._namespace import (
    Array,
    Namespace,
    as_float64,
    constant,
    device,
    quiet,
)

__all__ = ["median", "quantile"]

Method: TypeAlias = Literal["linear", "lower", "higher", "nearest", "midpoint"]

METHODS: Final = ("linear", "lower", "higher", "nearest", "midpoint")


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
    return _quantile(x, q, axis, method, keepdims=keepdims, function="quantile", between=_between)


_Between: TypeAlias = Callable[[Namespace, Array, Array, list[float], int], Array]
"""Of the lower and upper values, and where along an axis between them each quantile lies."""


def _quantile(
    x: Array,
    q: float | Sequence[float],
    axis: Axis,
    method: Method,
    *,
    keepdims: bool,
    function: str,
    between: _Between,
) -> Array:
    """Return the quantiles; what is refused is told as of ``function``."""
    xp = real_namespace(x, function)
    shares = _shares(q)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    axes = normal_axes(x, axis)
    kept = tuple(1 if each in axes else length for each, length in enumerate(x.shape))
    values, along = _along_one(xp, as_float64(xp, x), axes)
    n = values.shape[along]
    if n == 0:
        raise ValueError(f"{function} needs at least one value along the axes, got shape {tuple(x.shape)}")
    ordered = xp.sort(values, axis=along)
    places = [_place(n, share, method) for share in shares]
    low = _taken(xp, ordered, [place[0] for place in places], along)
    high = _taken(xp, ordered, [place[1] for place in places], along)
    result = between(xp, low, high, [place[2] for place in places], along)
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
    """Return the middle value, or half the sum of the two middle ones; parameters and costs as for ``quantile``."""
    return _quantile(x, 0.5, axis, "linear", keepdims=keepdims, function="median", between=_middle)


def _middle(xp: Namespace, low: Array, high: Array, weights: list[float], axis: int) -> Array:
    """Return the mean of both values as NumPy rounds it, or the only one where nothing lies between them."""
    del xp, axis
    if weights == [0.0]:
        return low
    with quiet():
        return (low + high) / 2.0
