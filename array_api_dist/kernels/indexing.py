"""Taking, turning, rolling and repeating the elements of one tensor of any data type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch

from array_api_dist.kernels.host_loops import FEW
from array_api_dist.kernels.moving import movable, moved_back

# So many elements at once stay in the cache.
_PIECE: Final = 1 << 17
# So many elements of this width NumPy gathers twice as fast as one thread of torch's.
_MANY: Final = 1 << 12
_WIDE: Final = {torch.float64, torch.int64}


def slabs(tensor: torch.Tensor, axis: int, places: torch.Tensor) -> torch.Tensor:
    """Return the slabs of ``tensor`` at ``places`` along ``axis``, laid out in memory as they are there."""
    source = movable(tensor)
    if source.is_contiguous() or not source.is_cpu:
        return moved_back(_slabs(source, axis, places), tensor.dtype)
    strides = source.stride()
    order = sorted(range(source.ndim), key=lambda each: -strides[each])
    found = _slabs(source.permute(order), order.index(axis), places)
    return moved_back(found.permute(sorted(range(source.ndim), key=order.__getitem__)), tensor.dtype)


def _slabs(source: torch.Tensor, axis: int, places: torch.Tensor) -> torch.Tensor:
    lanes = source.ndim - 1
    if lanes == 0:
        return _elements(source, places)
    # torch copies each slab by a call of its own, even of one element, but for vectors and matrices of float32.
    if axis < lanes or not source.is_cpu or (lanes == 1 and source.dtype == torch.float32):
        return source.index_select(axis, places)
    return torch.gather(source, axis, places.to(torch.int64).expand(*source.shape[:-1], -1))


def _elements(vector: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    if vector.dtype not in _WIDE or len(places) < _MANY or not vector.is_cpu or torch.get_num_threads() > 1:
        return vector.index_select(0, places)
    found = torch.empty(places.shape, dtype=vector.dtype)
    vector.numpy().take(places.numpy(), out=found.numpy(), mode="clip")
    return found


def flip(tensor: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """Return ``tensor`` reversed along ``axes``."""
    return moved_back(torch.flip(movable(tensor), tuple(axes)), tensor.dtype)


def roll(tensor: torch.Tensor, shifts: Mapping[int, int]) -> torch.Tensor:
    """Return ``tensor`` moved cyclically along each axis by its shift: dense, each element copied once."""
    if shifts and tensor.numel() <= FEW:
        return moved_back(torch.roll(movable(tensor), [*shifts.values()], [*shifts]), tensor.dtype)
    result = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    parts = [(movable(tensor), movable(result))]
    for axis, shift in shifts.items():
        length = tensor.shape[axis]
        by = shift % max(length, 1)
        cuts = [(0, by, length - by), (length - by, 0, by)]
        parts = [
            (source.narrow(axis, first, count), place.narrow(axis, offset, count))
            for source, place in parts
            for first, offset, count in cuts
            if count
        ]
    for source, place in parts:
        place.copy_(source)
    return result


def repeat_interleave(tensor: torch.Tensor, repeats: int | torch.Tensor, axis: int) -> torch.Tensor:
    """Return each slab along ``axis`` ``repeats`` times (one count, or one int64 a slab)."""
    if isinstance(repeats, int) or not tensor.is_cpu:
        return moved_back(torch.repeat_interleave(movable(tensor), repeats, dim=axis), tensor.dtype)
    return _repeated(tensor.resolve_conj().resolve_neg(), repeats.expand(tensor.shape[axis]), axis)


def _repeated(tensor: torch.Tensor, counts: torch.Tensor, axis: int) -> torch.Tensor:
    """Return each slab so many times, by NumPy, some at a time: torch writes the place of each copy down first."""
    total = int(counts.sum())
    result = tensor.new_empty((*tensor.shape[:axis], total, *tensor.shape[axis + 1 :]))
    step = max(_PIECE * len(counts) // max(result.numel(), 1), 1)
    reached = 0
    for some, here in zip(torch.split(tensor, step, axis), torch.split(counts, step), strict=True):
        found = torch.from_numpy(np.repeat(some.numpy(), here.numpy(), axis))
        movable(result).narrow(axis, reached, found.shape[axis]).copy_(movable(found))
        reached += found.shape[axis]
    return result


def tile(tensor: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    """Return ``tensor`` as a whole ``counts[axis]`` times along each axis."""
    return moved_back(movable(tensor).repeat(tuple(counts)), tensor.dtype)
