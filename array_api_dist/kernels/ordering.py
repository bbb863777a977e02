"""Order within one tensor: sorting, keys, unique values. NaN comes last, ascending and descending; -0.0 equals 0.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch

from array_api_dist.kernels.moving import movable, moved_back

_INTEGERS: Final = {torch.float32: torch.int32, torch.float64: torch.int64}
# Of each floating type: the integers of its width, the place of their sign, the least and the greatest of them.
_BITS: Final = {
    torch.float32: (np.int32, np.int32(31), np.int32(-(2**31)), np.int32(2**31 - 1)),
    torch.float64: (np.int64, np.int64(63), np.int64(-(2**63)), np.int64(2**63 - 1)),
}
_NUMPY_SORTS: Final = {
    torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64,
    torch.float32, torch.float64,
}  # fmt: skip


def order_key(tensor: torch.Tensor, *, descending: bool = False) -> torch.Tensor:
    """Return int64 keys, of the same shape, whose order is that of the (real or boolean) values, NaN last."""
    if descending:
        return _descending_key(tensor)
    dtype = tensor.dtype
    if dtype == torch.uint64:
        return tensor.view(torch.int64) ^ torch.iinfo(torch.int64).min
    if not dtype.is_floating_point:
        return tensor.to(torch.int64)
    # -0.0 + 0.0 is 0.0: both zeros share a key; every NaN becomes the one with the greatest bits.
    values = torch.where(torch.isnan(tensor), torch.full_like(tensor, torch.nan).abs(), tensor + 0.0)
    bits = values.contiguous().view(_INTEGERS[dtype]).to(torch.int64)
    lowest = torch.iinfo(_INTEGERS[dtype]).min
    # Negative values: more magnitude bits mean less.
    return torch.where(bits < 0, lowest - bits - 1, bits)


def from_order_key(key: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the values of ``dtype`` that have these keys (of both zeros, 0.0)."""
    if dtype == torch.uint64:
        return (key ^ torch.iinfo(torch.int64).min).view(torch.uint64)
    if not dtype.is_floating_point:
        return key.to(dtype)
    lowest = torch.iinfo(_INTEGERS[dtype]).min
    bits = torch.where(key < 0, lowest - key - 1, key).to(_INTEGERS[dtype])
    return bits.view(dtype)


def _descending_key(tensor: torch.Tensor) -> torch.Tensor:
    key = ~order_key(tensor)
    if tensor.dtype.is_floating_point:
        key = torch.where(torch.isnan(tensor), torch.iinfo(torch.int64).max, key)
    return key


def comparable(values: torch.Tensor, *, nan_is_least: bool) -> torch.Tensor:
    """Return integers as wide as floating ``values`` of the host in their order, every NaN the least or the greatest."""
    # NumPy, since what is compared is small: its calls take a third of the time.
    kind, sign, least, greatest = _BITS[values.dtype]
    array = values.numpy()
    bits = array.view(kind)
    # Of negative values more magnitude means less.
    key = np.right_shift(bits, sign, out=np.empty_like(bits))
    key &= greatest
    key ^= bits
    key[array != array] = least if nan_is_least else greatest  # noqa: PLR0124 - NaN
    return torch.from_numpy(key)


def from_comparable(key: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the floating values of ``dtype`` that are behind ``comparable`` integers; both limits stand for NaN."""
    _, sign, _, greatest = _BITS[dtype]
    array = key.numpy()
    bits = np.right_shift(array, sign, out=np.empty_like(array))
    bits &= greatest
    bits ^= array
    return torch.from_numpy(bits).view(dtype)


def sort(tensor: torch.Tensor, axis: int, descending: bool = False) -> torch.Tensor:
    """Return the values of ``tensor`` in order along ``axis``; both zeros keep theirs."""
    is_fast = tensor.device.type == "cpu" and tensor.dtype in _NUMPY_SORTS
    if not is_fast or _has_negative_zero(tensor):
        return take_lanes(tensor, argsort(tensor, axis, descending=descending), axis)
    # NumPy sorts with SIMD instructions, an order of magnitude faster than torch.
    if not descending:
        return _numpy_sorted(tensor.clone(), axis)
    if tensor.dtype.is_floating_point:
        # Negated, NaN stays last; 0.0 - x gives zeros their sign back.
        return 0.0 - _numpy_sorted(0.0 - tensor, axis)
    ordered = _numpy_sorted(tensor.clone(), axis)
    return moved_back(torch.flip(movable(ordered), (axis,)), tensor.dtype)


def _numpy_sorted(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return ``tensor``, which nobody else has, sorted where it lies."""
    tensor.numpy().sort(axis=axis)
    return tensor


def _has_negative_zero(tensor: torch.Tensor) -> bool:
    if not tensor.dtype.is_floating_point:
        return False
    is_zero = tensor == 0
    return bool(is_zero.any()) and bool(torch.signbit(tensor[is_zero]).any())


def take_lanes(tensor: torch.Tensor, order: torch.Tensor, axis: int) -> torch.Tensor:
    """Return each lane along ``axis`` in its ``order``."""
    return moved_back(torch.gather(movable(tensor), axis, order), tensor.dtype)


def argsort(tensor: torch.Tensor, axis: int, descending: bool = False, stable: bool = True) -> torch.Tensor:
    """Return the positions of the ordered values; equal ones keep their order."""
    if tensor.is_complex():
        return _argsort_complex(tensor, axis)
    keys = order_key(tensor, descending=descending)
    return torch.argsort(keys, dim=axis, stable=stable)


def _argsort_complex(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Order by the real, then the imaginary part; values with a NaN come last."""
    missing = torch.isnan(tensor)
    parts = [torch.where(missing, torch.nan, part) for part in (tensor.imag, tensor.real)]
    order = torch.argsort(order_key(parts[0]), dim=axis, stable=True)
    second = torch.argsort(torch.gather(order_key(parts[1]), axis, order), dim=axis, stable=True)
    return torch.gather(order, axis, second)


def starts_of_runs(values: torch.Tensor) -> torch.Tensor:
    """Return where a value differs from the one before: every NaN differs."""
    source = values if values.is_floating_point() or values.is_complex() else movable(values)
    starts = torch.ones(len(source), dtype=torch.bool, device=values.device)
    starts[1:] = source[1:] != source[:-1]
    return starts


def unique(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (values in order, first positions, inverse, counts) of a one-dimensional tensor; each NaN is its own."""
    order = argsort(tensor, 0)
    ordered = take_lanes(tensor, order, 0)
    starts = starts_of_runs(ordered)
    at = torch.nonzero(starts).reshape(-1)
    numbers = torch.cumsum(starts, 0) - 1
    inverse = torch.empty_like(order)
    inverse[order] = numbers
    ends = torch.cat((at[1:], at.new_tensor([len(order)]))) if len(at) else at
    return take_lanes(ordered, at, 0), order[at], inverse, ends - at


def merge_sorted(runs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the values of sorted runs in one order; of equals those of the lower run come first."""
    whole = torch.cat(list(runs)) if runs else torch.empty(0)
    return sort(whole, 0)
