"""The standard's creation functions: every rank makes its own part. Standard: 2025.12, creation functions.

How a new array is laid over the ranks is the default placement's affair (``partition.default_partition``);
``*_like`` keep the partition of their model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, isfinite, isnan
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.dlpack import from_dlpack as from_dlpack_tensor

from array_api_dist import _dtypes as dt
from array_api_dist import _host_values
from array_api_dist._arguments import integer, one_of
from array_api_dist._array import Array, as_dtype
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType, Scalar
from array_api_dist._partition import Partition, Shape
from array_api_dist._shapes import broadcast_shapes
from array_api_dist._validation import (
    block_of,
    device_or_default,
    dtype_checked,
    new_shape,
    require_axes,
    same_device,
)
from array_api_dist.engine import creation, rearrangement
from array_api_dist.kernels import creation as kernels
from array_api_dist.partition import placement_for

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]

NestedSequence: TypeAlias = Sequence["bool | int | float | complex | np.generic | Array | NestedSequence"]

_SIGNED_64: Final = dt.integer_limits(dt.int64)


class SupportsBufferProtocol(Protocol):
    """Anything whose memory Python's buffer protocol shows."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Array:
    """Return evenly spaced values start, start + step, … below ``stop``.

    Raises
    ------
    ValueError
        If ``step`` is 0 or NaN, or a bound is not finite.
    OverflowError
        If an integer data type does not hold all values.

    Notes
    -----
    Communication: none.
    """
    first, last, by = (
        _host_values.real_number(value)
        for value in ((0, start, step) if stop is None else (start, stop, step))
    )
    if by == 0:
        raise ValueError("step must not be 0")
    if not all(map(isfinite, (first, last))) or isnan(by):
        raise ValueError(
            f"the bounds of a range must be finite, its step a number, got {first}, {last} and {by}"
        )
    is_whole = isinstance(first, int) and isinstance(last, int) and isinstance(by, int)
    # The ceiling of a quotient, of integers of any size as well.
    length = max(-int((first - last) // by) if is_whole else ceil((last - first) / by), 0)
    place = device_or_default(device)
    kind = dt.DEFAULT_INTEGER if is_whole else dt.DEFAULT_FLOAT
    wanted = kind if dtype is None else dtype_checked(dtype)
    shape = new_shape((length,))
    ends = (first, (length - 1) * by + first) if length else ()
    if wanted in dt.INTEGER:
        for end in ends:
            kernels.require_held(end, wanted)
    elif is_whole and not all(_SIGNED_64[0] <= end <= _SIGNED_64[1] for end in ends):
        first, by = float(first), float(by)
    return Array._from_block(creation.arange(first, by, length, wanted, placement_for(shape, place), place))


def asarray(
    obj: Array
    | complex
    | NestedSequence
    | SupportsBufferProtocol
    | npt.NDArray[Any]
    | np.generic
    | torch.Tensor,
    /,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
    copy: bool | None = None,
) -> Array:
    """Return ``obj`` as an array.

    Parameters
    ----------
    obj : Array, Python scalar, nested sequence, NumPy array, torch tensor, or anything with a buffer or DLPack
        A host object is equal on every rank; each rank keeps a copy of its part.
    dtype : DType, optional
        The values' own (default types for Python scalars) when not given.
    device : Device, optional
    copy : bool or None, optional
        True: a copy. False: the array itself or an error. None: a copy where one is needed.

    Raises
    ------
    ValueError
        With ``copy=False`` where a copy is needed.
    TypeError
        If the values have no data type of the standard, or are complex and ``dtype`` is not.
    OverflowError
        If Python's integers are outside the integer data type, the default one where none is given.

    Notes
    -----
    Communication: none.
    """
    wanted = None if dtype is None else dtype_checked(dtype)
    if isinstance(obj, Array):
        return _array_as(obj, wanted, device, copy=copy)
    if copy is False:
        raise ValueError("a host object always is copied, got copy=False")
    place = device_or_default(device)
    whole, found = _host_values.host_tensor(obj, wanted)
    _require_convertible(found, wanted)
    partition = placement_for(tuple(whole.shape), place)
    return Array._from_block(creation.from_whole(whole, wanted or found, partition, place))


def _array_as(x: Array, dtype: DType | None, device: Device | None, *, copy: bool | None) -> Array:
    moves = device is not None and device_or_default(device) != x.device
    converts = dtype is not None and dtype is not x.dtype
    if copy is False and (moves or converts):
        raise ValueError(
            f"a change of device or data type ({x.dtype} to {dtype}) needs a copy, got copy=False"
        )
    if not moves and not converts:
        return x.__copy__() if copy else x
    _require_convertible(x.dtype, dtype)
    moved = x.to_device(device) if device is not None and moves else x
    return Array._from_block(as_dtype(moved._block, dtype or x.dtype))


def _require_convertible(found: DType, wanted: DType | None) -> None:
    if dt.is_complex(found) and wanted is not None and not dt.is_complex(wanted):
        raise TypeError(f"complex values convert to complex data types only, got {wanted}")


def _filled(shape: int | Sequence[int], value: Scalar, dtype: DType, device: Device | None) -> Array:
    place = device_or_default(device)
    whole = new_shape(shape)
    return Array._from_block(creation.full(whole, value, dtype, placement_for(whole, place), place))


def _made_like(
    x: Array,
    make: Callable[[Shape, DType, Partition, Device], Block],
    dtype: DType | None,
    device: Device | None,
    function: str,
) -> Array:
    """Return what ``make`` makes of the shape, data type, partition and device of ``x``, where none are given."""
    block = block_of(x, dt.ALL, function)
    wanted = block.dtype if dtype is None else dtype_checked(dtype)
    place = block.device if device is None else device_or_default(device)
    partition = (
        block.partition
        if block.partition.fits(block.shape, place.ranks)
        else placement_for(block.shape, place)
    )
    return Array._from_block(make(block.shape, wanted, partition, place))


def _filled_like(x: Array, value: Scalar, dtype: DType | None, device: Device | None, function: str) -> Array:
    return _made_like(x, lambda shape, *how: creation.full(shape, value, *how), dtype, device, function)


def _float_or(dtype: DType | None) -> DType:
    return dt.DEFAULT_FLOAT if dtype is None else dtype_checked(dtype)


def empty(shape: int | Sequence[int], *, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return an array of unspecified values. Communication: none."""
    place = device_or_default(device)
    whole = new_shape(shape)
    return Array._from_block(creation.empty(whole, _float_or(dtype), placement_for(whole, place), place))


def empty_like(x: Array, /, *, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return an array of unspecified values with the shape, and by default the data type, of ``x``. Communication: none."""
    return _made_like(x, creation.empty, dtype, device, "empty_like")


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Array:
    """Return a matrix of ones on the k-th diagonal and zeros elsewhere. Communication: none."""
    place = device_or_default(device)
    shape = new_shape((n_rows, n_rows if n_cols is None else n_cols))
    partition = placement_for(shape, place)
    rows, columns = shape
    return Array._from_block(creation.eye(rows, columns, integer(k, "k"), _float_or(dtype), partition, place))


def from_dlpack(x: object, /, *, device: Device | None = None, copy: bool | None = None) -> Array:
    """Return an array of what ``x`` exports, which is equal on every rank; each keeps a copy of its part.

    Raises
    ------
    ValueError, BufferError
        With ``copy=False`` where a copy is needed.
    TypeError
        If ``x`` does not export itself, or values of no data type of the standard.

    Notes
    -----
    Communication: none.
    """
    if isinstance(x, Array):
        return asarray(x, device=device, copy=copy)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack takes an object with __dlpack__, got {type(x).__name__}")
    if copy is False:
        raise BufferError("what another library exports always is copied, got copy=False")
    tensor: torch.Tensor = from_dlpack_tensor(x)
    return asarray(tensor, device=device)


def full(
    shape: int | Sequence[int],
    fill_value: complex,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Array:
    """Return an array filled with ``fill_value``, of its default data type when none is given.

    Raises
    ------
    TypeError
        If the kind of ``fill_value`` is above that of ``dtype``: a complex number for real values, a float for integers.
    OverflowError
        If an integer data type does not hold it.

    Notes
    -----
    Communication: none.
    """
    value = _host_values.scalar(fill_value)
    wanted = dt.dtype_of_scalar(value) if dtype is None else dtype_checked(dtype)
    return _filled(shape, value, wanted, device)


def full_like(
    x: Array, /, fill_value: complex, *, dtype: DType | None = None, device: Device | None = None
) -> Array:
    """Return an array filled with ``fill_value`` with the shape, and by default the data type, of ``x``; errors as ``full``.

    Notes
    -----
    Communication: none.
    """
    return _filled_like(x, _host_values.scalar(fill_value), dtype, device, "full_like")


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
    endpoint: bool = True,
) -> Array:
    """Return ``num`` evenly spaced values from ``start`` to ``stop``, without the latter if not ``endpoint``.

    Raises
    ------
    ValueError
        If ``num`` is negative.
    TypeError
        If it is no integer, or a bound is complex and ``dtype`` is not.

    Notes
    -----
    Communication: none.
    """
    count = integer(num, "num")
    if count < 0:
        raise ValueError(f"num must not be negative, got {count}")
    first, last = _host_values.number(start), _host_values.number(stop)
    is_complex = isinstance(first, complex) or isinstance(last, complex)
    natural = dt.DEFAULT_COMPLEX if is_complex else dt.DEFAULT_FLOAT
    place = device_or_default(device)
    wanted = natural if dtype is None else dtype_checked(dtype)
    _require_convertible(natural, wanted)
    partition = placement_for(new_shape((count,)), place)
    return Array._from_block(
        creation.linspace(first, last, count, wanted, partition, place, endpoint=endpoint)
    )


def meshgrid(*arrays: Array, indexing: Literal["xy", "ij"] = "xy") -> tuple[Array, ...]:
    """Return the coordinates of a grid, an array per axis, each a view stretched from one of ``arrays``.

    Raises
    ------
    ValueError
        If an array has not one axis, or ``indexing`` is neither "xy" nor "ij".

    Notes
    -----
    Communication: none. A grid keeps the partition of its axis; the others are stretched views.
    """
    one_of(indexing, ("xy", "ij"), "indexing")
    blocks = [block_of(each, dt.NUMERIC, "meshgrid") for each in arrays]
    if any(block.ndim != 1 for block in blocks):
        raise ValueError(
            f"meshgrid takes arrays with one axis, got shapes {[block.shape for block in blocks]}"
        )
    if any(block.dtype is not blocks[0].dtype for block in blocks):
        raise ValueError(
            f"meshgrid takes arrays of one data type, got {[str(block.dtype) for block in blocks]}"
        )
    if blocks:
        same_device("meshgrid", *blocks)
    order = list(range(len(blocks)))
    if indexing == "xy" and len(blocks) > 1:
        order[0], order[1] = 1, 0
    placed = [_along(block, order[number], len(blocks)) for number, block in enumerate(blocks)]
    shape = broadcast_shapes(*(block.shape for block in placed))
    return tuple(Array._from_block(rearrangement.broadcast_to(block, shape)) for block in placed)


def _along(block: Block, axis: int, ndim: int) -> Block:
    return rearrangement.expand_dims(block, tuple(other for other in range(ndim) if other != axis))


def ones(shape: int | Sequence[int], *, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return an array of ones. Communication: none."""
    return _filled(shape, 1, _float_or(dtype), device)


def ones_like(x: Array, /, *, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return an array of ones with the shape, and by default the data type, of ``x``. Communication: none."""
    return _filled_like(x, 1, dtype, device, "ones_like")


def tril(x: Array, /, *, k: int = 0) -> Array:
    """Return the elements on and below the k-th diagonal of each matrix, zeros above. Communication: none."""
    block = block_of(x, dt.ALL, "tril")
    require_axes(block, 2, "tril")
    return Array._from_block(creation.triangle(block, integer(k, "k"), kernels.tril))


def triu(x: Array, /, *, k: int = 0) -> Array:
    """Return the elements on and above the k-th diagonal of each matrix, zeros below. Communication: none."""
    block = block_of(x, dt.ALL, "triu")
    require_axes(block, 2, "triu")
    return Array._from_block(creation.triangle(block, integer(k, "k"), kernels.triu))


def zeros(shape: int | Sequence[int], *, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return an array of zeros. Communication: none."""
    return _filled(shape, 0, _float_or(dtype), device)


def zeros_like(x: Array, /, *, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return an array of zeros with the shape, and by default the data type, of ``x``. Communication: none."""
    return _filled_like(x, 0, dtype, device, "zeros_like")
