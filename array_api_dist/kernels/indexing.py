"""Turning, rolling and repeating the elements of one tensor of any data type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from array_api_dist.kernels.moving import movable, moved_back


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
