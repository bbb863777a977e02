"""The standard's searching functions. Standard: 2025.12, searching functions."""

from __future__ import annotations

from collections.abc import Sequence

from array_api_dist import _dtypes as dt
from array_api_dist._array import Array, apply
from array_api_dist._shapes import normalize_axes, normalize_axis
from array_api_dist._validation import block_of
from array_api_dist.engine import elementwise, gather_scatter, reduction
from array_api_dist.engine.reduction import ArgReduction

__all__ = ["argmax", "argmin", "count_nonzero", "nonzero", "where"]


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
    Communication: none, or one allreduce of (value, index) pairs when the partitioned axis is searched.
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
    Communication: none, or one allreduce of (value, index) pairs when the partitioned axis is searched.
    """
    return _position(reduction.ARGMIN, x, axis, keepdims=keepdims)


def count_nonzero(x: Array, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """Return how many elements over ``axis`` are not zero.

    Notes
    -----
    Communication: none, or one allreduce of the result's bytes when a partitioned axis is reduced.
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
    Communication: one allgather of P counts; one exchange if the result is lopsided or ``x`` is not partitioned
    along its first axis.
    """
    block = block_of(x, dt.ALL, "nonzero")
    if block.ndim == 0:
        raise ValueError("nonzero needs at least one axis, got an array with 0")
    return tuple(Array._from_block(index) for index in gather_scatter.nonzero(block))


def where(condition: Array, x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return ``x1`` where ``condition`` holds and ``x2`` elsewhere, in their common data type.

    Notes
    -----
    Communication: none when the partitions agree; else each smaller operand moves once.
    """
    block_of(condition, dt.ALL, "where", "condition")
    return apply(elementwise.WHERE, condition, x1, x2)
