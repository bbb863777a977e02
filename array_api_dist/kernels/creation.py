"""Parts of new arrays: values that depend on the global position alone, never on where the part begins."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.moving import movable, moved_back

_UNSIGNED: Final = {torch.uint16, torch.uint32, torch.uint64}


def full(shape: tuple[int, ...], value: complex, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return a tensor filled with ``value``.

    Raises
    ------
    OverflowError
        If an integer ``dtype`` cannot hold it.
    """
    if dtype in _UNSIGNED:
        # torch fills no unsigned type beyond its signed twin.
        host = np.full((), value, dtype=str(dtype).removeprefix("torch."))
        return torch.from_numpy(host).to(device).expand(shape).clone()
    if isinstance(value, int) and not (dtype.is_floating_point or dtype.is_complex or dtype == torch.bool):
        limits = torch.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"{dtype} holds integers in [{limits.min}, {limits.max}], got {value}")
    return torch.full(shape, value, dtype=dtype, device=device)


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
    work = torch.complex128 if isinstance(start, complex) or isinstance(stop, complex) else torch.float64
    positions = torch.arange(first, first + count, dtype=torch.float64, device=device)
    if steps <= 0:
        values = torch.full((count,), start, dtype=work, device=device)
    else:
        values = (positions * ((stop - start) / steps) + start).to(work)
    if endpoint and num > 1 and first <= num - 1 < first + count:
        values[num - 1 - first] = torch.tensor(stop, dtype=work)
    return cast(values, dtype)


def eye_slice(
    n_rows: int, n_cols: int, k: int, rows: slice, columns: slice, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Return the part [rows, columns] of a matrix of ones on the k-th diagonal."""
    row = torch.arange(rows.start, rows.stop, device=device)[:, None]
    column = torch.arange(columns.start, columns.stop, device=device)
    return cast(column - row == k, dtype)


def _triangle(tensor: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    source = movable(tensor)
    return moved_back(
        torch.where(keep, source, torch.zeros((), dtype=source.dtype, device=source.device)), tensor.dtype
    )


def _diagonals(tensor: torch.Tensor, row_offset: int, col_offset: int) -> torch.Tensor:
    """Return the number of the diagonal on which each element of the last two axes lies in the whole matrix."""
    rows = torch.arange(tensor.shape[-2], device=tensor.device)[:, None] + row_offset
    return torch.arange(tensor.shape[-1], device=tensor.device) + col_offset - rows


def tril(tensor: torch.Tensor, k: int, row_offset: int, col_offset: int) -> torch.Tensor:
    """Return the elements on and below the k-th diagonal, for a part that begins at the given offsets."""
    return _triangle(tensor, _diagonals(tensor, row_offset, col_offset) <= k)


def triu(tensor: torch.Tensor, k: int, row_offset: int, col_offset: int) -> torch.Tensor:
    """Return the elements on and above the k-th diagonal, for a part that begins at the given offsets."""
    return _triangle(tensor, _diagonals(tensor, row_offset, col_offset) >= k)
