"""The standard's searching functions. Standard: 2025.12, searching functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import one_of
from array_api_dist._array import Array, apply, as_operand, promoted
from array_api_dist._shapes import normalize_axes, normalize_axis
from array_api_dist._validation import block_of, same_device
from array_api_dist.engine import elementwise, gather_scatter, reduction, searching
from array_api_dist.engine.reduction import ArgReduction

__all__ = ["argmax", "argmin", "count_nonzero", "nonzero", "searchsorted", "where"]


def _position(rule: ArgReduction, x: Array, axis: int | None, *, keepdims: bool) -> Array:
    block = block_of(x, dt.REAL, rule.name)
    along = None if axis is None else normalize_axis(axis, block.ndim)
    if (block.size if along is None else block.shape[along]) == 0:
        raise ValueError(f"{rule.name} needs at least one element, got shape {block.shape} and axis {axis}")
    return Array._from_block(reduction.arg_reduce(rule, block, along, keepdims=keepdims))


def argmax(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the positions of the greatest values along ``axis`` (row-major for None): the first of equals, NaN before all.

    Raises
    ------
    ValueError
        On every rank, if there is no element.

    Notes
    -----
    Communication: none unless the partitioned axis is searched; then one allreduce of (value, index) pairs
    (from 1 MiB on one reduce-scatter).
    """
    return _position(reduction.ARGMAX, x, axis, keepdims=keepdims)


def argmin(x: Array, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the positions of the least values along ``axis`` (row-major for None): the first of equals, NaN before all.

    Raises
    ------
    ValueError
        On every rank, if there is no element.

    Notes
    -----
    Communication: none unless the partitioned axis is searched; then one allreduce of (value, index) pairs
    (from 1 MiB on one reduce-scatter).
    """
    return _position(reduction.ARGMIN, x, axis, keepdims=keepdims)


def count_nonzero(x: Array, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """Return how many elements over ``axis`` are not zero.

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result (from 1 MiB
    on one reduce-scatter).
    """
    block = block_of(x, dt.ALL, "count_nonzero")
    axes = normalize_axes(axis, block.ndim)
    return Array._from_block(reduction.reduce(reduction.COUNT_NONZERO, block, axes, keepdims=keepdims))


def nonzero(x: Array, /) -> tuple[Array, ...]:
    """Return the positions of the elements that are not zero, an array per axis, in row-major order.

    Raises
    ------
    ValueError
        If ``x`` has no axes.

    Notes
    -----
    Communication: none when ``x`` is replicated; else one allgather of P counts, and one exchange if the
    result is lopsided; where the first axis is not the partitioned one, an allreduce of a count, an exscan and
    an allreduce of a count for each run of the row-major order (2**16 runs at a time), and one exchange of 8
    bytes for each element that is found.
    Memory: a byte an element, and the result.
    """
    block = block_of(x, dt.ALL, "nonzero")
    if block.ndim == 0:
        raise ValueError("nonzero needs at least one axis, got an array with 0")
    return tuple(Array._from_block(index) for index in gather_scatter.nonzero(block))


def searchsorted(
    x1: Array,
    x2: Array | float,
    /,
    *,
    side: Literal["left", "right"] = "left",
    sorter: Array | None = None,
) -> Array:
    """Return where the values ``x2`` would go into the sorted vector ``x1``, before ("left") or after their equals.

    Parameters
    ----------
    x1 : Array, real-valued, shape (n,)
        In ascending order, NaN last; or in any order with ``sorter``.
    x2 : Array or scalar
    side : {"left", "right"}, optional
    sorter : Array of integers, shape (n,), optional
        The positions that put ``x1`` in order.

    Returns
    -------
    Array of int64, shape and partition of ``x2``

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.

    Notes
    -----
    Communication: none when ``x1`` is replicated; one allgather of it up to 1 MiB; one allreduce of 8 bytes a
    value when ``x2`` is replicated; else one allgather of P keys, an all-to-all of counts, and two exchanges
    of 8 bytes a value; a ``sorter`` adds a ``take``.
    Memory: 24 bytes a value, or for each value 8 and, for those that a rank is asked for, 16.
    """
    ordered = block_of(x1, dt.REAL, "searchsorted", "x1")
    if ordered.ndim != 1:
        raise ValueError(f"searchsorted takes a vector x1, got shape {ordered.shape}")
    one_of(side, ("left", "right"), "side")
    if sorter is not None:
        positions = block_of(sorter, dt.INTEGER, "searchsorted", "sorter")
        same_device("searchsorted", ordered, positions)
        if positions.shape != ordered.shape:
            raise ValueError(f"sorter has the shape of x1, {ordered.shape}, got {positions.shape}")
        ordered = gather_scatter.take(ordered, positions, 0)
    sorted_array = Array._from_block(ordered)
    values = as_operand(x2, sorted_array)
    first, second = promoted(sorted_array, values, accepts=dt.REAL, function="searchsorted")
    return Array._from_block(searching.searchsorted(first, second, side))


def where(condition: Array, x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return ``x1`` where ``condition`` holds and ``x2`` elsewhere, in their common data type.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    block_of(condition, dt.ALL, "where", "condition")
    return apply(elementwise.WHERE, condition, x1, x2)
