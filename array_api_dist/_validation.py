"""Refusing what the standard does not allow, from global metadata, before anything moves."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import told
from array_api_dist._array import Array
from array_api_dist._block import Block
from array_api_dist._device import Device, default_device
from array_api_dist._dtypes import DType
from array_api_dist._partition import Shape
from array_api_dist._shapes import normalize_shape

MOST_ELEMENTS: Final = 2**63 - 1
"""Positions are 64-bit integers. Above it some ranks would fail, and those without elements would not."""


def block_of(x: object, accepts: frozenset[DType], function: str, argument: str = "x") -> Block:
    """Return the block of the array ``x``, whose data type must be among ``accepts``.

    Raises
    ------
    TypeError
        If ``x`` is no array or of another data type.
    """
    if not isinstance(x, Array):
        raise TypeError(f"{function} takes an array as {argument}, got {type(x).__name__}")
    block = x._block
    if accepts is not dt.ALL and block.dtype not in accepts:
        raise TypeError(
            f"{function} takes an array of a {dt.category_name(accepts)} data type as {argument}, "
            f"got {block.dtype}"
        )
    return block


def same_device(function: str, *blocks: Block) -> None:
    """Raise ValueError unless all ``blocks`` live on one device."""
    for block in blocks[1:]:
        if block.device != blocks[0].device:
            raise ValueError(
                f"{function} takes arrays on one device: move one with to_device(), "
                f"got {blocks[0].device} and {block.device}"
            )


def device_or_default(device: Device | None) -> Device:
    """Return ``device``, or the default one for None.

    Raises
    ------
    TypeError
        If it is not a Device.
    """
    if device is None:
        return default_device()
    if not isinstance(device, Device):
        raise TypeError(f"device must be a Device or None, got {type(device).__name__}")
    return device


def dtype_checked(dtype: object, argument: str = "dtype") -> DType:
    """Return ``dtype`` if it is one of the standard's.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not isinstance(dtype, DType):
        raise TypeError(f"{argument} must be a data type of array_api_dist, got {told(dtype)}")
    return dtype


def accumulation_dtype(block: Block, wanted: DType | None, function: str) -> DType:
    """Return the data type of sums or products of elements: integers widen to 64 bits unless ``wanted`` says otherwise.

    Raises
    ------
    TypeError
        If ``wanted`` is not numeric, or not complex where the elements are.
    """
    if wanted is None:
        return {"signed": dt.int64, "unsigned": dt.uint64}.get(block.dtype.kind, block.dtype)
    if dtype_checked(wanted) not in dt.NUMERIC:
        raise TypeError(f"{function} gives a numeric data type, got {wanted}")
    if dt.is_complex(block.dtype) and not dt.is_complex(wanted):
        raise TypeError(f"{function} cannot give {wanted} for complex values")
    return wanted


def new_shape(shape: int | Sequence[int]) -> Shape:
    """Return the ``shape`` of an array to be made as a tuple of non-negative Python ints.

    Raises
    ------
    ValueError
        If a length is negative, or there are more elements than 64 bits count; axes without any don't make them fewer.
    """
    result = normalize_shape(shape)
    if prod(result) > MOST_ELEMENTS or (0 in result and prod(filter(None, result)) > MOST_ELEMENTS):
        raise ValueError(f"an array has at most 2**63 - 1 elements, got shape {result}")
    return result


def require_axes(block: Block, count: int, function: str, argument: str = "x") -> None:
    """Raise ValueError unless ``block`` has at least ``count`` axes."""
    if block.ndim < count:
        raise ValueError(f"{function} needs at least {count} axes of {argument}, got {block.ndim}")
