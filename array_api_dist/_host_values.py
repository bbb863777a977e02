"""Values that are no arrays yet: numbers, sequences and other libraries' arrays, as tensors and as Python's own."""

from __future__ import annotations

from operator import index as as_index
from typing import Any, Final, SupportsFloat, SupportsIndex, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.dlpack import from_dlpack as from_dlpack_tensor

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import told
from array_api_dist._array import Array
from array_api_dist._dtypes import DType, Scalar
from array_api_dist.kernels import creation as kernels
from array_api_dist.kernels.dtypes import standard_dtype

_SAFE: Final = 2.0**63
"""Below it NumPy makes no float of an integer."""


def real_number(value: object, what: str = "a bound or a step") -> float:
    """Return an integer of any library as Python's, another real number as a float; an error calls it ``what``.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if type(value) is int or type(value) is float:
        return value  # asking for a Protocol takes microseconds
    if isinstance(value, SupportsIndex):
        try:
            return as_index(value)
        except TypeError:
            pass  # arrays have __index__ whatever they hold
    # NumPy's complex numbers would drop their imaginary part with a warning.
    if isinstance(value, SupportsFloat) and not isinstance(value, np.complexfloating):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass  # so have types themselves, and arrays of any number of elements
    raise TypeError(f"{what} must be a real number, got {told(value)}")


def number(value: object) -> complex:
    """Return a number of any library as Python's."""
    return complex(value) if isinstance(value, (complex, np.complexfloating)) else real_number(value)


def dense(tensor: torch.Tensor, function: str) -> torch.Tensor:
    """Return ``tensor`` without its history.

    Raises
    ------
    TypeError
        If it has no memory with a place for each element.
    """
    if tensor.layout is not torch.strided or tensor.is_meta:
        kind = "a meta tensor" if tensor.is_meta else f"layout {tensor.layout}"
        raise TypeError(f"{function} takes tensors of layout torch.strided that hold values, got {kind}")
    return tensor.detach()


def scalar(fill_value: object) -> Scalar:
    """Return ``fill_value``; raise TypeError if it is no Python scalar."""
    if not isinstance(fill_value, (bool, int, float, complex)):
        raise TypeError(f"fill_value is a Python scalar, got {type(fill_value).__name__}")
    return fill_value


def host_tensor(obj: object, dtype: DType | None) -> tuple[torch.Tensor, DType]:
    """Return a host object as a tensor, which may share its memory, and the data type it has by default."""
    if isinstance(obj, torch.Tensor):
        return dense(obj, "asarray"), standard_dtype(obj)
    if not hasattr(obj, "dtype") and hasattr(obj, "__dlpack__"):
        tensor = from_dlpack_tensor(obj)
        return tensor, standard_dtype(tensor)
    values = _values(_unwrapped(obj), dt.DEFAULT_INTEGER if dtype is None else dtype)
    try:
        tensor = kernels.from_numpy(values)
        return tensor, standard_dtype(tensor)
    except TypeError:
        raise TypeError(
            f"the data type must be one of the standard's ({', '.join(map(str, dt.DTYPES))}), got {values.dtype}"
        ) from None


def _values(obj: object, dtype: DType) -> npt.NDArray[Any]:
    """Return a host object as NumPy's array, integers of Python's in a type that has them exactly.

    Raises
    ------
    OverflowError
        If ``dtype`` is an integer type and does not hold these.
    """
    if isinstance(obj, int) and not isinstance(obj, bool):
        return np.asarray(kernels.as_held(obj, dtype))
    if not isinstance(obj, (list, range)):
        return np.asarray(obj)
    values = np.asarray(obj)
    # Integers that have no common type in NumPy come as floats or objects.
    if values.dtype.kind == "O" or (values.dtype.kind == "f" and np.abs(values).max(initial=0) >= _SAFE):
        values = _numbers(values, np.asarray(obj, dtype=object), dtype)
    if values.dtype.kind in "iu" and dtype in dt.INTEGER and values.dtype != dtype.name and values.size:
        kernels.require_held(int(values.min()), dtype)
        kernels.require_held(int(values.max()), dtype)
    return values


def _numbers(values: npt.NDArray[Any], objects: npt.NDArray[Any], dtype: DType) -> npt.NDArray[Any]:
    """Return Python's ``objects``, which NumPy takes for ``values``, in a type that has the integers among them exactly."""
    kinds = {type(number) for number in objects.flat}
    if all(issubclass(kind, (int, np.bool_, np.integer)) for kind in kinds):
        if dtype not in dt.INTEGER:
            return objects.astype(np.float64)
        for extreme in (min(objects.flat), max(objects.flat)):
            kernels.require_held(extreme, dtype)
        return objects.astype(dtype.name)
    if all(issubclass(kind, (complex, int, float, np.bool_, np.number)) for kind in kinds):
        is_complex = any(issubclass(kind, (complex, np.complexfloating)) for kind in kinds)
        return objects.astype(np.complex128 if is_complex else np.float64)
    return values


def _unwrapped(obj: object) -> object:
    """Return nested sequences with the 0-d arrays among their elements as Python scalars."""
    if isinstance(obj, Array):
        return _as_scalar(obj)
    if isinstance(obj, (list, tuple)):
        return [_unwrapped(each) for each in obj]
    return obj


def _as_scalar(x: Array) -> Scalar:
    if x.shape != ():
        raise TypeError(
            f"a sequence holds scalars and 0-d arrays only: use stack() for arrays, got shape {x.shape}"
        )
    return cast("Scalar", x._block.local.item())
