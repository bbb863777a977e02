"""Parts of new arrays: values that depend on the global position alone, never on where the part begins."""

from __future__ import annotations

from typing import Any, Final
from typing import cast as cast_type

import numpy as np
import numpy.typing as npt
import torch

from array_api_dist import _dtypes as dt
from array_api_dist._dtypes import DType, Scalar
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import STANDARD
from array_api_dist.kernels.moving import movable

_UNSIGNED: Final = {torch.uint16, torch.uint32, torch.uint64}
# By the width of an element; torch's loops for the other types take up to 20 times as long.
_CLEARED: Final = {1: torch.bool, 2: torch.int16, 4: torch.float32, 8: torch.float64}
_MOST_IN_32_BITS: Final = torch.finfo(torch.float32).max


def require_held(value: float, dtype: DType) -> None:
    """Raise OverflowError unless the integer ``dtype`` holds ``value``, whose fraction does not count."""
    least, greatest = dt.integer_limits(dtype)
    if not least <= int(value) <= greatest:
        raise OverflowError(f"{dtype} holds integers in [{least}, {greatest}], got {value}")


def as_held(value: Scalar, dtype: DType) -> Scalar:
    """Return a Python ``value`` as what an array of ``dtype`` is filled with; what is too large for 32 bits is infinite.

    Raises
    ------
    TypeError
        If its kind is above that of ``dtype``: a complex number for real values, a float for integers or booleans.
    OverflowError
        If an integer ``dtype`` does not hold it, or no float does.
    """
    is_complex = isinstance(value, complex)
    if (is_complex and not dt.is_complex(dtype)) or (isinstance(value, float) and dtype not in dt.FLOATING):
        raise TypeError(
            f"a Python {type(value).__name__} does not fill an array of data type {dtype}: convert it first, "
            f"or name a data type that holds it, got {value}"
        )
    if dtype in dt.INTEGER:
        require_held(cast_type("int", value), dtype)
        return int(cast_type("int", value))
    if dtype is dt.bool:
        return bool(value)
    number = value if is_complex else float(cast_type("float", value))
    if dt.real_of(dtype).bits == 32 and max(abs(number.real), abs(number.imag)) > _MOST_IN_32_BITS:
        wide = torch.tensor(number, dtype=torch.complex128 if is_complex else torch.float64)
        return cast_type("Scalar", wide.to(torch.complex64 if is_complex else torch.float32).item())
    return number


def full(shape: tuple[int, ...], value: Scalar, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return a tensor filled with ``value``.

    Raises
    ------
    TypeError, OverflowError
        If ``dtype`` cannot hold it: as ``as_held``.
    """
    held = as_held(value, STANDARD[dtype])
    if dtype in _UNSIGNED:
        # torch fills no unsigned type beyond its signed twin.
        host = np.full((), held, dtype=str(dtype).removeprefix("torch."))
        return torch.from_numpy(host).to(device).expand(shape).clone()
    return torch.full(shape, held, dtype=dtype, device=device)


def from_numpy(values: npt.NDArray[Any]) -> torch.Tensor:
    """Return a tensor of host ``values``, whose memory it may share.

    Raises
    ------
    TypeError
        If torch has no such data type.
    """
    # torch takes neither byte-swapped nor negatively strided nor read-only memory without complaint.
    is_plain = values.flags.writeable and values.flags.c_contiguous and values.dtype.isnative
    native = values.astype(values.dtype.newbyteorder("="), order="C", copy=not is_plain)
    if native.dtype == np.uint64:
        # NumPy's unsigned long long is another type than its uint64, of the same bits; torch knows the latter.
        native = native.view(np.uint64)
    return torch.from_numpy(native)


def arange_slice(
    start: float, step: float, first: int, count: int, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Return ``count`` values of start, start + step, … from position ``first`` on: start + i * step for each i."""
    positions = torch.arange(first, first + count, dtype=torch.int64, device=device)
    if isinstance(start, int) and isinstance(step, int):
        # Two's complement arithmetic is exact for the unsigned types as well.
        exact = positions if (start, step) == (0, 1) else positions * _wrapped(step) + _wrapped(start)
        return exact.view(torch.uint64) if dtype == torch.uint64 else cast(exact, dtype)
    values = positions.to(torch.float64) * step + start
    return cast(values, dtype)


def _wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def linspace_slice(
    start: complex,
    stop: complex,
    num: int,
    endpoint: bool,
    first: int,
    count: int,
    dtype: torch.dtype,
    device: torch.device,
) -> torch.Tensor:
    """Return ``count`` of ``num`` evenly spaced values from position ``first`` on; the last is ``stop`` exactly."""
    steps = num - 1 if endpoint else num
    # torch takes no integers beyond 64 bits.
    origin: complex
    end: complex
    if isinstance(start, complex) or isinstance(stop, complex):
        work, origin, end = torch.complex128, complex(start), complex(stop)
    else:
        work, origin, end = torch.float64, float(start), float(stop)
    positions = torch.arange(first, first + count, dtype=torch.float64, device=device)
    if steps <= 0:
        values = torch.full((count,), origin, dtype=work, device=device)
    else:
        values = (positions * ((stop - start) / steps) + origin).to(work)
    if endpoint and num > 1 and first <= num - 1 < first + count:
        values[num - 1 - first] = torch.tensor(end, dtype=work)
    return cast(values, dtype)


def eye_slice(
    n_rows: int, n_cols: int, k: int, rows: slice, columns: slice, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Return the part [rows, columns] of a matrix of ones on the k-th diagonal."""
    part = torch.zeros(rows.stop - rows.start, columns.stop - columns.start, dtype=dtype, device=device)
    movable(part).diagonal(rows.start + k - columns.start).fill_(1)
    return part


def _diagonal_of(tensor: torch.Tensor, k: int, row_offset: int, col_offset: int) -> int:
    """Return which diagonal of a part that begins at the given offsets the k-th one is: any of those that it lacks alike."""
    rows, columns = tensor.shape[-2:]
    return min(max(k + row_offset - col_offset, -rows - 1), columns + 1)


def _cleared(tensor: torch.Tensor) -> torch.Tensor:
    """Return a view of a dense ``tensor`` in the type of its width that torch clears fastest: what stays is not read."""
    dtype = _CLEARED.get(tensor.element_size())
    return tensor if dtype is None else tensor.view(dtype)


def tril(tensor: torch.Tensor, k: int, row_offset: int, col_offset: int) -> torch.Tensor:
    """Return the elements on and below the k-th diagonal, for a part that begins at the given offsets."""
    result = tensor.clone(memory_format=torch.contiguous_format)
    _cleared(result).tril_(_diagonal_of(tensor, k, row_offset, col_offset))
    return result


def triu(tensor: torch.Tensor, k: int, row_offset: int, col_offset: int) -> torch.Tensor:
    """Return the elements on and above the k-th diagonal, for a part that begins at the given offsets."""
    result = tensor.clone(memory_format=torch.contiguous_format)
    _cleared(result).triu_(_diagonal_of(tensor, k, row_offset, col_offset))
    return result
