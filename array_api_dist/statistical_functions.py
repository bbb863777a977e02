"""The standard's statistical functions.

Reductions communicate nothing unless the partitioned axis is reduced; then one allreduce of the result's bytes, or one
reduce-scatter where the result is large. Standard: 2025.12, statistical functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod as product

from array_api_dist import _dtypes as dt
from array_api_dist import _host_values
from array_api_dist._array import Array
from array_api_dist._block import Block
from array_api_dist._dtypes import DType
from array_api_dist._shapes import normalize_axes, normalize_axis
from array_api_dist._validation import accumulation_dtype, block_of
from array_api_dist.engine import reduction, scan
from array_api_dist.engine.reduction import Reduction
from array_api_dist.engine.scan import Scan
from array_api_dist.kernels.dtypes import TORCH

__all__ = ["cumulative_prod", "cumulative_sum", "max", "mean", "min", "prod", "std", "sum", "var"]

Axes = int | Sequence[int] | None


def _reduced(rule: Reduction, block: Block, axis: Axes, *, keepdims: bool) -> Array:
    axes = normalize_axes(axis, block.ndim)
    return Array._from_block(reduction.reduce(rule, block, axes, keepdims=keepdims))


def _extreme(rule: Reduction, x: Array, axis: Axes, *, keepdims: bool) -> Array:
    block = block_of(x, dt.REAL, rule.name)
    axes = normalize_axes(axis, block.ndim)
    if product(block.shape[each] for each in axes) == 0:
        raise ValueError(
            f"{rule.name} needs at least one element to reduce, got shape {block.shape} and axis {axis}"
        )
    return Array._from_block(reduction.reduce(rule, block, axes, keepdims=keepdims))


def max(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return the greatest values over ``axis``; NaN where one is NaN.

    Raises
    ------
    ValueError
        On every rank, if there is nothing to reduce.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result (from 1 MiB
    on one reduce-scatter).
    """
    return _extreme(reduction.MAX, x, axis, keepdims=keepdims)


def min(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return the least values over ``axis``; NaN where one is NaN.

    Raises
    ------
    ValueError
        On every rank, if there is nothing to reduce.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result (from 1 MiB
    on one reduce-scatter).
    """
    return _extreme(reduction.MIN, x, axis, keepdims=keepdims)


def mean(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return the means over ``axis``; NaN where there is nothing to average.

    Notes
    -----
    Accumulated in blocks of the precision of ``x``, and over the blocks in double precision.
    Communication: none unless the partitioned axis is reduced; then one allreduce of the sums in double
    precision (from 1 MiB on one reduce-scatter).
    """
    block = block_of(x, dt.FLOATING, "mean")
    return _reduced(reduction.mean_of(TORCH[block.dtype]), block, axis, keepdims=keepdims)


def prod(x: Array, /, *, axis: Axes = None, dtype: DType | None = None, keepdims: bool = False) -> Array:
    """Return the products over ``axis`` (1 where there is nothing), integers in 64 bits unless ``dtype`` says otherwise.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result, floating
    ones in double precision (from 1 MiB on one reduce-scatter).
    """
    block = block_of(x, dt.NUMERIC, "prod")
    wanted = accumulation_dtype(block, dtype, "prod")
    return _reduced(reduction.prod_in(TORCH[wanted]), block, axis, keepdims=keepdims)


def sum(x: Array, /, *, axis: Axes = None, dtype: DType | None = None, keepdims: bool = False) -> Array:
    """Return the sums over ``axis`` (0 where there is nothing), integers in 64 bits unless ``dtype`` says otherwise.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result, floating
    ones in double precision (from 1 MiB on one reduce-scatter).
    """
    block = block_of(x, dt.NUMERIC, "sum")
    wanted = accumulation_dtype(block, dtype, "sum")
    return _reduced(reduction.sum_in(TORCH[wanted]), block, axis, keepdims=keepdims)


def std(x: Array, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the standard deviations over ``axis`` with divisor ``count - correction``, in one pass.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of (count, mean, M2), of
    float64 with what the mean's rounding lost, 24 or 32 bytes an element of the result, merged pairwise (Bennett et al.
    2009; from 1 MiB on one reduce-scatter).
    """
    block = block_of(x, dt.REAL_FLOATING, "std")
    rule = reduction.variance_of(
        TORCH[block.dtype], float(_host_values.real_number(correction, "correction")), root=True
    )
    return _reduced(rule, block, axis, keepdims=keepdims)


def var(x: Array, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """Return the variances over ``axis`` with divisor ``count - correction``, in one pass.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of (count, mean, M2), of
    float64 with what the mean's rounding lost, 24 or 32 bytes an element of the result, merged pairwise (Bennett et al.
    2009; from 1 MiB on one reduce-scatter).
    """
    block = block_of(x, dt.REAL_FLOATING, "var")
    rule = reduction.variance_of(
        TORCH[block.dtype], float(_host_values.real_number(correction, "correction")), root=False
    )
    return _reduced(rule, block, axis, keepdims=keepdims)


def _scanned(rule: Scan, x: Array, axis: int | None, dtype: DType | None, *, include_initial: bool) -> Array:
    block = block_of(x, dt.NUMERIC, rule.name)
    if block.ndim == 0:
        raise ValueError(f"{rule.name} needs at least one axis, got an array with 0")
    if axis is None and block.ndim > 1:
        raise ValueError(f"{rule.name} needs an axis for an array with {block.ndim} of them")
    along = normalize_axis(0 if axis is None else axis, block.ndim)
    wanted = accumulation_dtype(block, dtype, rule.name)
    return Array._from_block(scan.scan(rule, block, along, TORCH[wanted], include_initial=include_initial))


def cumulative_sum(
    x: Array, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
) -> Array:
    """Return the running sums of ``x`` along ``axis``.

    Parameters
    ----------
    x : Array, shape (..., n, ...)
    axis : int, optional
        Required when ``x.ndim > 1``.
    dtype : DType, optional
        Of the result; integers widen to 64 bits by default.
    include_initial : bool, optional
        Whether the result begins with 0.

    Returns
    -------
    Array, shape of ``x`` (n + 1 on ``axis`` with ``include_initial``), partitioned as ``x``

    Raises
    ------
    ValueError
        On every rank, before communication.

    Notes
    -----
    Communication: none unless ``axis`` is partitioned; then one exscan of a slab of ``size / n`` elements, floating
    ones in double precision.
    Standard: 2025.12, statistical functions, cumulative_sum.
    """
    return _scanned(scan.CUMULATIVE_SUM, x, axis, dtype, include_initial=include_initial)


def cumulative_prod(
    x: Array, /, *, axis: int | None = None, dtype: DType | None = None, include_initial: bool = False
) -> Array:
    """Return the running products of ``x`` along ``axis``; parameters and errors as ``cumulative_sum``.

    Notes
    -----
    Communication: none unless ``axis`` is partitioned; then one exscan of a slab of ``size / n`` elements, floating
    ones in double precision.
    """
    return _scanned(scan.CUMULATIVE_PROD, x, axis, dtype, include_initial=include_initial)
