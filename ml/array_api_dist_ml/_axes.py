"""What statistics take: real arrays, axes to reduce, real numbers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TypeAlias

from array_api_dist_ml._namespace import Array, Namespace, array_namespace, as_float64, is_unordered

Axis: TypeAlias = int | tuple[int, ...] | None


def real_namespace(x: Array, function: str) -> Namespace:
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


def ordered_numbers(xp: Namespace, x: Array) -> Array:
    """Return ``x`` in a data type that has a least and a greatest number: truth values as 0 and 1.

    Unsigned integers of torch, which compares no more than bytes of them, become float64: rounded beyond 2**53.
    """
    if xp.isdtype(x.dtype, "bool"):
        return xp.astype(x, xp.uint8)
    if is_unordered(x):
        return as_float64(xp, x)
    return x


def normal_axes(x: Array, axis: Axis) -> tuple[int, ...]:
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


def plain_axis(x: Array, axis: Axis) -> Axis:
    """Return None, or the axes as ``normal_axes`` does: not every namespace takes the integers of another library."""
    axes = normal_axes(x, axis)
    return None if axis is None else axes


def check_real(name: str, value: object) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"The {name!r} parameter must be a float. Got {value!r} instead.")
