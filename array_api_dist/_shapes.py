"""Shapes and axes: pure integers, the standard's rules and their errors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Final, cast

from array_api_dist._arguments import integer
from array_api_dist._partition import Shape


class AxisError(ValueError, IndexError):
    """An axis that the array does not have: the standard asks for one or the other, NumPy's is both as well."""


def normalize_axis(axis: int, ndim: int) -> int:
    """Return ``axis`` counted from the front.

    Raises
    ------
    AxisError
        If it lies outside [-ndim, ndim).
    TypeError
        If it is no integer.
    """
    axis = integer(axis, "axis")
    if not -ndim <= axis < ndim:
        rule = f"axis must lie in [-{ndim}, {ndim})" if ndim else "an array without axes has none to name"
        raise AxisError(f"{rule}, got {axis}")
    return axis + ndim if axis < 0 else axis


# Equal tuples that are one object cost a cached decision less.
_ALL_AXES: Final = tuple(tuple(range(ndim)) for ndim in range(9))


def normalize_axes(axes: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return ``axes`` counted from the front, in the order given; None means all of them.

    Raises
    ------
    ValueError
        If one lies outside [-ndim, ndim) or appears twice.
    """
    if axes is None:
        return _ALL_AXES[ndim] if ndim < len(_ALL_AXES) else tuple(range(ndim))
    if type(axes) is int and 0 <= axes < ndim:
        return (axes,)
    if not isinstance(axes, Sequence):
        return (normalize_axis(axes, ndim),)
    if isinstance(axes, str):
        raise TypeError(f"axis must be an integer or a tuple of them, got {axes!r}")
    given = tuple(axes)
    result = tuple(normalize_axis(axis, ndim) for axis in given)
    if len(set(result)) != len(result):
        raise ValueError(f"axes must be unique, got {given}")
    return result


def named_axes(axes: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return ``axes`` as ``normalize_axes`` does, where None names none.

    Raises
    ------
    TypeError
        If it is None, or one is no integer.
    ValueError
        If one lies outside [-ndim, ndim) or appears twice.
    """
    if axes is None:
        raise TypeError("axis must be an integer or a tuple of them, got None")
    return normalize_axes(axes, ndim)


def _lengths(shape: int | Sequence[int]) -> Sequence[int]:
    """Return the lengths of a ``shape``; of text and bytes, sequences to Python, none."""
    if type(shape) is tuple:
        return shape
    if isinstance(shape, Sequence) and not isinstance(shape, (str, bytes)):
        return shape
    return (cast("int", shape),)


def normalize_shape(shape: int | Sequence[int]) -> Shape:
    """Return ``shape`` as a tuple of non-negative Python ints.

    Raises
    ------
    ValueError
        If a length is negative.
    """
    result = tuple(integer(length, "a length of a shape") for length in _lengths(shape))
    if any(length < 0 for length in result):
        raise ValueError(f"the lengths of a shape must not be negative, got {result}")
    return result


@lru_cache(maxsize=8192)
def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape to which all ``shapes`` broadcast.

    Raises
    ------
    ValueError
        If they don't.
    """
    ndim = max(map(len, shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        for axis, length in enumerate(shape, ndim - len(shape)):
            if length == 1:
                continue
            if result[axis] not in (1, length):
                raise ValueError(
                    "shapes broadcast when their lengths, counted from the last axis, are equal or 1, "
                    f"got {' and '.join(map(str, shapes))}"
                )
            result[axis] = length
    return tuple(result)


def reduced_shape(shape: Shape, axes: Sequence[int], *, keepdims: bool = False) -> Shape:
    """Return ``shape`` without ``axes`` (with lengths 1 there under ``keepdims``)."""
    if keepdims:
        return tuple(1 if axis in axes else length for axis, length in enumerate(shape))
    return tuple(length for axis, length in enumerate(shape) if axis not in axes)


def with_axis_length(shape: Shape, axis: int, length: int) -> Shape:
    """Return ``shape`` with another ``length`` along ``axis``."""
    return (*shape[:axis], length, *shape[axis + 1 :])


def completed_shape(size: int, shape: int | Sequence[int]) -> Shape:
    """Return the target ``shape`` of a reshape of ``size`` elements with its one -1 filled in.

    Raises
    ------
    ValueError
        If the sizes differ or more than one length is -1.
    """
    return _completed(size, tuple(integer(length, "a length of a shape") for length in _lengths(shape)))


@lru_cache(maxsize=8192)
def _completed(size: int, given: Shape) -> Shape:
    if any(length < -1 for length in given) or given.count(-1) > 1:
        raise ValueError(f"a shape has non-negative lengths and at most one -1, got {given}")
    known = prod(length for length in given if length != -1)
    if -1 in given:
        if known == 0 or size % known:
            raise ValueError(f"{size} elements don't fill an array of shape {given}")
        return tuple(size // known if length == -1 else length for length in given)
    if known != size:
        raise ValueError(f"an array of shape {given} has {known} elements, got {size}")
    return given


def nearest_diagonal(offset: int, rows: int, columns: int) -> int:
    """Return ``offset``, or the nearest that keeps as much of a matrix: integers of any size name a diagonal."""
    return max(-rows, min(offset, columns))


def row_major_strides(shape: Shape) -> tuple[int, ...]:
    """Return, per axis, the distance in elements between neighbours of a row-major array of ``shape``."""
    strides, step = [0] * len(shape), 1
    for axis in reversed(range(len(shape))):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)
