"""One tensor cut into pieces that the caches hold: what reductions that read memory once are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import torch

Axes: TypeAlias = tuple[int, ...]
Cut: TypeAlias = tuple[slice, ...]

# Elements of a tile for each thread, whose own cache holds them in double precision, and of its innermost axis when it
# has others.
_TILE_SIZE: Final = 1 << 17
_TILE_SIZE_ON_DEVICES: Final = 1 << 24
_INNER_LENGTH: Final = 1 << 13
SMALL_SIZE: Final = 1 << 16
"""Up to so many elements torch may as well convert a tensor whole."""
SMALL_SIZE_ON_DEVICES: Final = 1 << 22
"""The same on accelerators, where each call and each wait for its result costs more than so much memory."""
SHORT_ROW: Final = 1 << 6
"""Rows shorter than this BLAS adds up faster than torch."""
# Parts of tensors of three axes and more that are worth a call.
_WORTHWHILE: Final = 1 << 14
# Rows shorter than this are reduced several at once.
_NARROW: Final = 1 << 8
_WIDE: Final = 1 << 10


def is_converted(tensor: torch.Tensor) -> bool:
    """Return whether torch may as well convert ``tensor`` whole to double precision."""
    return tensor.numel() <= (SMALL_SIZE if tensor.is_cpu else SMALL_SIZE_ON_DEVICES)


def is_small(tensor: torch.Tensor) -> bool:
    """Return whether cutting ``tensor`` is not worth it; on accelerators it never is."""
    return tensor.numel() <= SMALL_SIZE or not tensor.is_cpu


@dataclass(frozen=True, slots=True, eq=False)
class Tiled:
    """A tensor with its axes in memory order, those that can be merged merged, and which of them are reduced."""

    view: torch.Tensor
    reduced: tuple[bool, ...]
    kept_order: Axes
    kept_shape: tuple[int, ...]

    def result(self, dtype: torch.dtype, value: complex = 0) -> torch.Tensor:
        """Return a tensor for the results, in the order of the tiles."""
        shape = [n for n, gone in zip(self.view.shape, self.reduced, strict=True) if not gone]
        return torch.full(shape, value, dtype=dtype, device=self.view.device)

    def restored(self, result: torch.Tensor) -> torch.Tensor:
        """Return ``result`` with the kept axes of the tensor, in their own order."""
        if result.ndim == len(self.kept_order) == 0:
            return result
        backwards = sorted(range(len(self.kept_order)), key=self.kept_order.__getitem__)
        return result.reshape(self.kept_shape).permute(backwards)

    def kept(self, cut: Cut) -> Cut:
        """Return where a tile's results go."""
        return tuple(part for part, gone in zip(cut, self.reduced, strict=True) if not gone)

    def is_cut_well(self) -> bool:
        """Return whether rows or columns of the last two axes are reduced, and are worth a call."""
        return any(self.reduced[-2:]) and math.prod(self.view.shape[-2:]) >= _WORTHWHILE

    def cuts(self) -> Iterator[Cut]:
        """Return the tiles, ascending along every axis."""
        ranges = [
            [slice(first, min(first + step, n)) for first in range(0, n, step)]
            for n, step in zip(self.view.shape, self.tile_shape(), strict=True)
        ]
        return itertools.product(*ranges)

    def tile_shape(self) -> tuple[int, ...]:
        """Return the lengths of a tile: short pieces of the innermost axis, then as much of the others as fits."""
        is_host = self.view.device.type == "cpu"
        room = _TILE_SIZE * torch.get_num_threads() if is_host else _TILE_SIZE_ON_DEVICES
        innermost = _INNER_LENGTH if self.view.ndim > 1 else room
        lengths: list[int] = []
        for n in reversed(self.view.shape):
            most = room if lengths else innermost
            lengths.append(max(1, min(n, most)))
            room //= lengths[-1]
        return tuple(reversed(lengths))


def tiles_of(tensor: torch.Tensor, axes: Axes) -> Tiled:
    """Return ``tensor``, to be reduced over ``axes``, in tiles."""
    all_strides = tensor.stride()
    order = sorted(range(tensor.ndim), key=lambda axis: -all_strides[axis])
    shape: list[int] = []
    strides: list[int] = []
    reduced: list[bool] = []
    for axis in order:
        length, stride = tensor.shape[axis], all_strides[axis]
        if length == 1:
            continue
        if shape and reduced[-1] == (axis in axes) and strides[-1] == length * stride:
            shape[-1], strides[-1] = shape[-1] * length, stride
            continue
        shape.append(length)
        strides.append(stride)
        reduced.append(axis in axes)
    kept_order = tuple(axis for axis in order if axis not in axes)
    kept_shape = tuple(tensor.shape[axis] for axis in kept_order)
    return Tiled(tensor.as_strided(shape, strides), tuple(reduced), kept_order, kept_shape)


def cut_axis(tensor: torch.Tensor, axis: int, length: int) -> torch.Tensor:
    """Return a view with an axis cut into pieces of ``length``, a divisor of its own: one more axis."""
    shape = tensor.shape
    return tensor.view(*shape[:axis], shape[axis] // length, length, *shape[axis + 1 :])


def is_single() -> bool:
    """Return whether kernels have one thread."""
    return torch.get_num_threads() == 1


@lru_cache(maxsize=2 * SHORT_ROW)
def _ones(length: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.ones(length, dtype=dtype)


def row_sums(rows: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return the sums along the last axis, in the precision of the rows."""
    length = rows.shape[-1]
    if length < SHORT_ROW and rows.ndim == 2 and rows.is_cpu and rows.is_floating_point():
        return torch.mv(rows, _ones(length, rows.dtype), out=out)
    return torch.sum(rows, -1, out=out)


def double_sums(tensor: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the sums over ``axes`` of double precision; many short rows are BLAS's, their columns those of long rows."""
    *outer, length = tensor.shape
    if axes != (len(outer),) or not 0 < length < SHORT_ROW or not tensor.is_contiguous():
        return in_wide_rows(tensor, axes, torch.sum)
    return row_sums(tensor) if len(outer) == 1 else row_sums(tensor.view(-1, length)).view(outer)


def tile_sum(
    tile: torch.Tensor,
    reduced: Sequence[bool],
    ones: torch.Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """Return the sums of a tile, in ``dtype``; with ``ones`` by BLAS, which adds fastest, but one after another."""
    if not any(reduced):
        return tile
    if ones is not None and tile.ndim == 2 and reduced[0] and not reduced[1]:
        return torch.mv(tile.T, ones[: len(tile)])
    if dtype is None and tuple(reduced) == (False, True):
        return row_sums(tile)
    for axis in reversed(range(tile.ndim)):
        tile = torch.sum(tile, axis, dtype=dtype) if reduced[axis] else tile
    return tile


def in_wide_rows(tensor: torch.Tensor, axes: Axes, kernel: Callable[..., torch.Tensor]) -> torch.Tensor:
    """Return ``kernel(tensor, axes)``; many short rows are taken several at once, as one long row."""
    if tensor.ndim != 2 or axes != (0,) or not tensor.is_contiguous():
        return kernel(tensor, axes)
    rows, width = tensor.shape
    if not (0 < width < _NARROW and rows >= _WIDE):
        return kernel(tensor, axes)
    together = 1 << (_WIDE // width).bit_length() - 1
    whole = rows - rows % together
    folded = kernel(tensor[:whole].view(-1, together * width), axes).view(together, -1)
    return kernel(torch.cat((folded, tensor[whole:].to(folded.dtype))), axes)
