"""Histograms: passes over the data for a few bins, a sort or products for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from types import NoneType
from typing import Final

from array_api_dist_ml._axes import ordered_numbers, real_namespace
from array_api_dist_ml._namespace import (
    Array,
    Namespace,
    as_float64,
    constant,
    device,
    elements_at_once,
    laid_out_as,
    local_blocks,
    on_every_rank,
    on_host,
    quiet,
    rows_held,
)

__all__ = ["histogram"]

# A pass of a histogram looks for at least so many bins at once: a byte an element each,
BINS_AT_ONCE: Final = 16
# or nine with weights.
MASSES_AT_ONCE: Final = 2
# Beyond this many bins sorting once is cheaper than the passes.
MANY_BINS: Final = 64


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
        What each element counts; of any namespace.
    density : bool, optional
        True divides by the total and the widths, so that the integral is 1.

    Returns
    -------
    counts : Array, shape (b,), int64, or float64 with weights or density
    edges : Array, shape (b + 1,), float64

    Raises
    ------
    ValueError, TypeError
        On every rank: unfit bins or weights, a range that is not finite, or too narrow or wide for so many bins.

    Notes
    -----
    Communication: two allreduces for the range, and one of a few numbers for 16 bins, or for 2 with weights (more where
    arrays are small); beyond 64 bins without weights that of a count, one sort and one search, with weights one allreduce of all
    bins for each block of some 2**22 / (3 sqrt(bins)) elements. Extra memory: 20 bytes an element, 22 with weights, and a
    bounded block; or that of the sort.
    """
    xp = real_namespace(x, "histogram")
    if weights is not None:
        if real_namespace(weights, "histogram's weights") is not xp:
            weights = xp.asarray(on_host(weights), device=device(x))
        if tuple(weights.shape) != tuple(x.shape):
            raise ValueError(
                f"weights must have the shape of x, {tuple(x.shape)}, got {tuple(weights.shape)}"
            )
    values = xp.reshape(ordered_numbers(xp, x), (-1,))
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
    ends = [*(number * step + low for number in range(count)), high]
    if not math.isfinite(step) or any(lower >= upper for lower, upper in pairwise(ends)):
        raise ValueError(
            f"Too many bins for data range. Cannot create {count} finite-sized bins. "
            f"The edges must ascend from {low} to {high}"
        )
    return on_every_rank(xp.asarray(ends, dtype=xp.float64, device=where))


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
    # NaNs come last, where not every namespace's search expects them.
    count = values.shape[0] - int(xp.count_nonzero(xp.isnan(values)))
    ordered = xp.sort(values)[:count]
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
    at_once = max(least, elements_at_once(values) // max(1, rows_held(values)))
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
