"""The standard's data type functions. Communication: none."""

from __future__ import annotations

import builtins
import math
from dataclasses import dataclass

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import one_of, told
from array_api_dist._array import Array, as_dtype
from array_api_dist._device import Device
from array_api_dist._dtypes import DType
from array_api_dist._validation import block_of, dtype_checked
from array_api_dist.promotion import are_mixed_kinds_allowed

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]


def astype(x: Array, dtype: DType, /, *, copy: bool = True, device: Device | None = None) -> Array:
    """Return ``x`` with elements of ``dtype``.

    Parameters
    ----------
    x : Array
    dtype : DType
    copy : bool, optional
        False returns ``x`` itself where it has the data type and device.
    device : Device, optional

    Raises
    ------
    TypeError
        If ``x`` is complex and ``dtype`` is not.

    Notes
    -----
    Communication: none.
    """
    block = block_of(x, dt.ALL, "astype")
    dtype = dtype_checked(dtype)
    if dt.is_complex(block.dtype) and not dt.is_complex(dtype):
        raise TypeError(
            f"complex values convert to complex data types only: use real() or imag(), got {dtype}"
        )
    moved = x if device is None else x.to_device(device)
    if not copy and block.dtype is dtype:
        return moved
    converted = as_dtype(moved._block, dtype)
    return Array._from_block(converted.with_local(converted.local.detach()))


def _dtype_of(value: Array | DType, function: str) -> DType:
    if isinstance(value, Array):
        return value.dtype
    return dtype_checked(value, f"{function}'s argument")


def can_cast(from_: DType | Array, to: DType, /) -> builtins.bool:
    """Return whether the promotion rules allow ``from_`` to become ``to``. Communication: none."""
    source = _dtype_of(from_, "can_cast")
    return dt.PROMOTIONS.get((source, dtype_checked(to, "to"))) is to


@dataclass(frozen=True, slots=True)
class finfo_object:  # noqa: N801 - the standard's name
    """The limits of a floating-point data type."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True, slots=True)
class iinfo_object:  # noqa: N801 - the standard's name
    """The limits of an integer data type."""

    bits: int
    max: int
    min: int
    dtype: DType


def finfo(type: DType | Array, /) -> finfo_object:
    """Return the limits of a floating-point data type (of the parts, for a complex one). Communication: none."""
    dtype = _dtype_of(type, "finfo")
    if dtype not in dt.FLOATING:
        raise TypeError(f"finfo takes a floating-point data type, got {dtype}")
    real = dt.real_of(dtype)
    # IEEE 754: the digits of the significand and the greatest exponent.
    digits, exponent = (24, 128) if real is dt.float32 else (53, 1024)
    greatest = math.ldexp(1 - 2.0**-digits, exponent)
    return finfo_object(
        bits=real.bits,
        eps=2.0 ** (1 - digits),
        max=greatest,
        min=-greatest,
        smallest_normal=2.0 ** (2 - exponent),
        dtype=real,
    )


def iinfo(type: DType | Array, /) -> iinfo_object:
    """Return the limits of an integer data type. Communication: none."""
    dtype = _dtype_of(type, "iinfo")
    if dtype not in dt.INTEGER:
        raise TypeError(f"iinfo takes an integer data type, got {dtype}")
    low, high = dt.integer_limits(dtype)
    return iinfo_object(bits=dtype.bits, max=high, min=low, dtype=dtype)


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> builtins.bool:
    """Return whether ``dtype`` is, or is of, ``kind``. Communication: none."""
    dtype = dtype_checked(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    if isinstance(kind, DType):
        return dtype is kind
    if not isinstance(kind, str):
        raise TypeError(f"kind is a data type, a string or a tuple of them, got {told(kind)}")
    return dtype in dt.KINDS[one_of(kind, dt.KINDS, "kind")]


def result_type(*arrays_and_dtypes: Array | complex | DType) -> DType:
    """Return the data type in which the operands meet.

    Raises
    ------
    TypeError
        If the standard leaves it undefined.
    ValueError
        If there is no array and no data type.

    Notes
    -----
    Communication: none.
    """
    mixed = are_mixed_kinds_allowed()
    scalars = [each for each in arrays_and_dtypes if isinstance(each, (int, float, complex))]
    dtypes = [
        _dtype_of(each, "result_type")
        for each in arrays_and_dtypes
        if not isinstance(each, (int, float, complex))
    ]
    if not dtypes:
        raise ValueError("result_type takes at least one array or data type")
    result = dt.promote_all(tuple(dtypes), mixed=mixed)
    for scalar in scalars:
        result = dt.promote_scalar(result, scalar, mixed=mixed)
    return result
