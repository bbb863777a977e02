"""Order within one tensor: sorts and orders. NaN comes last, ascending and descending; -0.0 equals 0.0."""

from __future__ import annotations

from typing import Final

import torch

from array_api_dist.kernels.indexing import slabs
from array_api_dist.kernels.moving import movable, moved_back
from array_api_dist.kernels.order_keys import decoded, encoded, order_key
from array_api_dist.kernels.packed_order import is_merged, packed_argsort

FEW: Final = 1 << 10
"""Up to so many values are ordered faster as they are than by several passes over them."""

_RADIX_NBYTES: Final = 2
"""NumPy's stable sort of integers no wider than this is a radix sort."""


def sort(tensor: torch.Tensor, axis: int, descending: bool = False) -> torch.Tensor:
    """Return the values of ``tensor`` in order along ``axis``; both zeros keep theirs."""
    if tensor.is_complex():
        return take_lanes(tensor, argsort(tensor, axis, descending), axis)
    own = tensor.clone(memory_format=torch.contiguous_format)
    values = sort_in_place(encoded(own, descending=descending), axis)
    return decoded(values, tensor.dtype, descending=descending)


def sort_in_place(values: torch.Tensor, axis: int, *, runs: int = 0) -> torch.Tensor:
    """Return ``values``, which are encoded, in ascending order along ``axis``, where they lie.

    ``runs`` says of how many sorted runs each lane is made, if it is: a few are merged, in the workspace of half a lane.
    """
    if values.device.type != "cpu":
        return values.copy_(torch.sort(values, dim=axis, stable=True).values)
    # NumPy sorts with SIMD instructions, an order of magnitude faster than torch; what is stable keeps both zeros.
    is_narrow = values.element_size() <= _RADIX_NBYTES
    stable = is_narrow or is_merged(runs) or _has_negative_zero(values)
    values.numpy().sort(axis=axis, kind="stable" if stable else None)
    return values


def _has_negative_zero(values: torch.Tensor) -> bool:
    if not values.is_floating_point():
        return False
    integers = torch.int32 if values.dtype == torch.float32 else torch.int64
    # Its bits are those of the least integer.
    bits = values.view(integers).numpy()
    return int(bits.min(initial=0)) == torch.iinfo(integers).min


def take_lanes(tensor: torch.Tensor, order: torch.Tensor, axis: int) -> torch.Tensor:
    """Return each lane along ``axis`` in its ``order``."""
    values = movable(tensor)
    if tensor.numel() == tensor.shape[axis]:
        # A single lane is gathered faster as a vector.
        found = slabs(values.reshape(-1), 0, order.reshape(-1)).view(tensor.shape)
    else:
        found = torch.gather(values, axis, order)
    return moved_back(found, tensor.dtype)


def argsort(tensor: torch.Tensor, axis: int, descending: bool = False, *, runs: int = 0) -> torch.Tensor:
    """Return the positions of the ordered values; equal ones keep their order.

    ``runs`` says of how many sorted runs each lane is made, if it is.
    """
    if tensor.is_complex():
        return _argsort_complex(tensor, axis)
    if tensor.is_cpu:
        if tensor.element_size() > _RADIX_NBYTES and tensor.numel() > FEW:
            return packed_argsort(tensor, axis, descending=descending, runs=runs)
        values = tensor.resolve_neg().numpy()
        if descending:
            # Of integers and truth values the complement turns the order round.
            values = -values if tensor.is_floating_point() else ~values
        return torch.from_numpy(values.argsort(axis, kind="stable"))
    return torch.argsort(order_key(tensor, descending=descending), dim=axis, stable=True)


def _argsort_complex(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Order by the real, then the imaginary part; values with a NaN come last."""
    missing = torch.isnan(tensor)
    order = argsort(torch.where(missing, torch.nan, tensor.imag), axis)
    real = torch.where(missing, torch.nan, tensor.real)
    del missing
    real = torch.gather(real, axis, order)
    by_real = argsort(real, axis)
    del real
    return torch.gather(order, axis, by_real)
