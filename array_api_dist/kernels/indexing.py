"""Taking, putting and repeating elements of one tensor of any data type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from array_api_dist.kernels.moving import movable, moved_back


def take(tensor: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the slabs at ``indices`` (int64, one axis, not negative) along ``axis``."""
    return moved_back(torch.index_select(movable(tensor), axis, indices), tensor.dtype)


def take_along_axis(tensor: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    """Return for each lane along ``axis`` the elements at its ``indices``; the other axes are equally long."""
    return moved_back(torch.gather(movable(tensor), axis, indices), tensor.dtype)


def masked_select(tensor: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the elements under ``mask``, which covers the leading axes, in row-major order."""
    return moved_back(movable(tensor)[mask], tensor.dtype)


def masked_fill_values(tensor: torch.Tensor, mask: torch.Tensor, values: torch.Tensor) -> None:
    """Write ``values`` (one, or one for each element under ``mask``) in place."""
    movable(tensor)[mask] = movable(values)


def index_put(tensor: torch.Tensor, index: tuple[torch.Tensor, ...], values: torch.Tensor) -> None:
    """Write ``values`` at ``index`` in place; of equal positions the last in row-major order wins (on the CPU)."""
    if tensor.device.type == "cpu":
        # torch's threads leave it open who writes last.
        tensor.numpy()[tuple(each.numpy() for each in index)] = values.numpy()
        return
    movable(tensor)[index] = movable(values)


def flip(tensor: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    """Return ``tensor`` reversed along ``axes``."""
    return moved_back(torch.flip(movable(tensor), tuple(axes)), tensor.dtype)


def roll(tensor: torch.Tensor, shifts: Mapping[int, int]) -> torch.Tensor:
    """Return ``tensor`` moved cyclically along each axis by its shift: dense, each element copied once."""
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
    """Return each slab along ``axis`` ``repeats`` times (one count, or one a slab)."""
    counts = repeats if isinstance(repeats, int) else repeats.to(torch.int64)
    return moved_back(torch.repeat_interleave(movable(tensor), counts, dim=axis), tensor.dtype)


def tile(tensor: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    """Return ``tensor`` as a whole ``counts[axis]`` times along each axis."""
    return moved_back(movable(tensor).repeat(tuple(counts)), tensor.dtype)


def diff_once(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the differences of neighbours along ``axis``, one fewer than elements; integers wrap."""
    length = max(tensor.shape[axis] - 1, 0)
    source = movable(tensor)
    last, first = source.narrow(axis, tensor.shape[axis] - length, length), source.narrow(axis, 0, length)
    return moved_back(last - first, tensor.dtype)
