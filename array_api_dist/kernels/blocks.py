"""Sums of float32 and complex64 in blocks: within a block in its own precision, over the blocks in double precision.

Rows of a block are so few that adding them up one after another is as good as pairwise: BLAS may do it, which reads
columns fastest. Along rows torch itself adds pairwise.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import torch

from array_api_dist.kernels.dtypes import WIDE
from array_api_dist.kernels.powers import power_sums
from array_api_dist.kernels.tiles import Tiled, cut_axis, row_sums

_LENGTH: Final = 1 << 17
# Accelerators add up more of a row one after another.
_LENGTH_ELSEWHERE: Final = 1 << 12
_ROWS: Final = 1 << 6
# torch adds columns up as fast as BLAS where they are so few or fill its vectors.
_FEW_COLUMNS: Final = 8
# Elements of blocks that are added up again at once.
_AGAIN: Final = 1 << 18


def block_sums(tiled: Tiled) -> torch.Tensor:
    """Return the sums in double precision; complex ones run along or across memory."""
    if not any(tiled.reduced[-2:]):
        return tiled.restored(power_sums(tiled, 1)[0])
    sums = _tiled_sums(tiled, _sums)
    if not cmath.isfinite((sums if sums.numel() == 1 else sums.sum()).item()):
        # Of single precision a block may overflow where the whole need not.
        sums = _tiled_sums(tiled, _mended_sums)
    return tiled.restored(sums)


def block_means(tiled: Tiled) -> torch.Tensor | None:
    """Return the means of rows of one block each, in float32; None of other layouts, and where a sum overflows."""
    if not tiled.view.is_cpu or tiled.reduced != (False, True) or tiled.view.shape[1] > _LENGTH:
        return None
    means = row_sums(tiled.view).div_(tiled.view.shape[1])
    return tiled.restored(means) if math.isfinite(means.sum().item()) else None


def _tiled_sums(tiled: Tiled, sums_of: Callable[[torch.Tensor, int], torch.Tensor]) -> torch.Tensor:
    view, is_inner, wide = tiled.view, tiled.reduced[-1], WIDE[tiled.view.dtype]
    along = view.ndim - 1 if is_inner else view.ndim - 2
    length = view.shape[along]
    block = _fitting(length, (_LENGTH if view.is_cpu else _LENGTH_ELSEWHERE) if is_inner else _ROWS)
    rest = length % block
    parts: list[torch.Tensor] = []
    if rest < length:
        blocks = cut_axis(view.narrow(along, 0, length - rest) if rest else view, along, block)
        parts.append(sums_of(blocks, along + 1).sum(along, dtype=wide))
    if rest:
        parts.append(sums_of(view.narrow(along, length - rest, rest), along).to(wide))
    sums = parts[0] if len(parts) == 1 else parts[0].add_(parts[1])
    others = [axis for axis in range(along) if tiled.reduced[axis]]
    return torch.sum(sums, others) if others else sums


@lru_cache(maxsize=256)
def _fitting(length: int, most: int) -> int:
    """Return the largest divisor of ``length`` in about [most / 2, most], else ``most``: what is left over costs calls."""
    fewest = -(-length // most)
    if fewest <= 1:
        return most
    if fewest < most // 2:
        blocks = range(fewest, 2 * fewest)
        return next((length // count for count in blocks if length % count == 0), most)
    return next((size for size in range(most, most // 2, -1) if length % size == 0), most)


def _sums(blocks: torch.Tensor, along: int) -> torch.Tensor:
    """Return the sums, in their own precision, of blocks that lie along the last axis, or the one before."""
    return _column_sums(blocks) if along == blocks.ndim - 2 else row_sums(blocks)


def _column_sums(blocks: torch.Tensor) -> torch.Tensor:
    rows, columns = blocks.shape[-2:]
    if not blocks.is_cpu or columns <= _FEW_COLUMNS or columns.bit_count() == 1 or blocks.is_complex():
        return torch.sum(blocks, -2)
    matrices = blocks.reshape(math.prod(blocks.shape[:-2]), rows, columns)
    ones = torch.ones(1, 1, rows, dtype=blocks.dtype).expand(len(matrices), 1, rows)
    return torch.bmm(ones, matrices).view(*blocks.shape[:-2], columns)


def _mended_sums(blocks: torch.Tensor, along: int) -> torch.Tensor:
    """Return the sums, those that are not finite added up again in double precision."""
    sums = _sums(blocks, along).to(WIDE[blocks.dtype])
    lanes = blocks.movedim(along, -1)
    for places in torch.split(
        torch.nonzero(~torch.isfinite(sums)), max(_AGAIN // max(lanes.shape[-1], 1), 1)
    ):
        place = places.unbind(1)
        sums[place] = lanes[place].to(sums.dtype).sum(-1)
    return sums
