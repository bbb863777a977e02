"""Sums of values and of their squares in double precision, and of integers, tile by tile, of any layout.

torch itself would convert the whole tensor first, at several times the time and the memory of the reduction.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch

from array_api_dist.kernels.tiles import Tiled, is_single, tile_sum

SHORT_INTEGERS: Final = {
    torch.bool, torch.int8, torch.int16, torch.int32, torch.uint8, torch.uint16, torch.uint32,
}  # fmt: skip
"""What int64 and float64 hold."""

# Those whose sums over a tile on the host int32 holds: the narrower, the faster.
_BYTES: Final = {torch.bool, torch.int8, torch.uint8}
# Those that torch does not add up.
_UNSIGNED: Final = {torch.uint16, torch.uint32}


def finite(values: torch.Tensor) -> torch.Tensor:
    """Return ``values``, 0 where they are not finite: what may be subtracted from others."""
    return torch.where(torch.isfinite(values), values, 0.0)


def origin_of(tiled: Tiled) -> torch.Tensor:
    """Return the first element of each reduction in float64; 0 for one that is not finite."""
    first = tiled.view[tuple(slice(0, 1) if gone else slice(None) for gone in tiled.reduced)].to(
        torch.float64
    )
    return finite(first)


def power_sums(tiled: Tiled, order: int, origin: torch.Tensor | None = None) -> list[torch.Tensor]:
    """Return the sums of the first ``order`` (1 or 2) powers of what is reduced, less ``origin``."""
    device = tiled.view.device
    space = torch.empty(math.prod(tiled.tile_shape()), dtype=torch.float64, device=device)
    ones = torch.ones(max(tiled.tile_shape(), default=1), dtype=torch.float64, device=device)
    sums = [tiled.result(torch.float64) for _ in range(order)]
    for cut in tiled.cuts():
        part = tiled.view[cut]
        tile = space[: part.numel()].view(part.shape).copy_(part)
        if origin is not None:
            tile -= origin[
                tuple(slice(None) if gone else s for s, gone in zip(cut, tiled.reduced, strict=True))
            ]
        for total in sums:
            total[tiled.kept(cut)] += tile_sum(tile, tiled.reduced, ones)
            if total is not sums[-1]:
                tile.square_()
    return sums


def sums_of_squares(tiled: Tiled) -> torch.Tensor:
    """Return the sums of squares in double precision."""
    space = torch.empty(math.prod(tiled.tile_shape()), dtype=torch.float64, device=tiled.view.device)
    total = tiled.result(torch.float64)
    for cut in tiled.cuts():
        part = tiled.view[cut]
        tile = space[: part.numel()].view(part.shape)
        values = part if part.dtype == torch.float64 else tile.copy_(part)
        total[tiled.kept(cut)] += _tile_squares(values, tiled.reduced, tile)
    return total


def _tile_squares(values: torch.Tensor, reduced: tuple[bool, ...], spare: torch.Tensor) -> torch.Tensor:
    """Return the sums of squares of a tile: rows, and columns on one thread of the host, are read once."""
    if reduced == (True,):
        return torch.dot(values, values)
    if reduced == (False, True):
        norms: torch.Tensor = torch.linalg.vector_norm(values, dim=1)
        return norms.square_()
    if reduced == (True, False) and values.is_cpu and is_single():
        host = values.numpy()
        return torch.from_numpy(np.einsum("ij,ij->j", host, host))
    return tile_sum(torch.mul(values, values, out=spare), reduced)


def integer_sums(tiled: Tiled) -> torch.Tensor:
    """Return the int64 sums of short integers."""
    total = tiled.result(torch.int64)
    if tiled.reduced == (True,) and tiled.view.is_cpu and is_single():
        # torch converts before it adds.
        return total.add_(int(np.add.reduce(tiled.view.numpy(), dtype=np.int64)))
    dtype = torch.int32 if tiled.view.dtype in _BYTES and tiled.view.is_cpu else torch.int64
    is_converted = tiled.view.dtype in _UNSIGNED
    for cut in tiled.cuts():
        part = tiled.view[cut].to(dtype) if is_converted else tiled.view[cut]
        total[tiled.kept(cut)] += tile_sum(part, tiled.reduced, dtype=dtype)
    return total
