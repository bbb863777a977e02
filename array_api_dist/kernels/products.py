"""Products of two tensors of one data type, every numeric one; integers wrap and lose no bits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import torch

from array_api_dist.kernels.host_loops import FEW
from array_api_dist.kernels.moving import add_to, movable, moved_back

Axes: TypeAlias = tuple[Sequence[int], Sequence[int]]

_LIMB_BITS: Final = 16
_EXACT_LENGTH: Final = 1 << 20
# More threads than this make up for torch's loops.
_FEW_THREADS: Final = 4
# A product of so many rows and columns or more, if it is symmetric, is computed in so many blocks of rows.
_WIDE: Final = 1 << 8
_BLOCKS: Final = 4
# Products of so few elements BLAS leaves to one thread, which matters from so many multiplications on.
_SMALL: Final = 1 << 12
_WORTHWHILE: Final = 1 << 21
# So many elements at once stay in the cache.
_PIECE_SIZE: Final = 1 << 17


def _in_working_type(
    left: torch.Tensor, right: torch.Tensor, product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return ``product`` in the operands' type: two's complement arithmetic serves the unsigned types."""
    dtype = left.dtype
    return moved_back(product(movable(left), movable(right)), dtype)


def matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the matrix product of the last two axes over broadcast batch axes."""
    return _in_working_type(left, right, _matmul)


def _matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    if left.is_complex() and left.is_cpu and left.ndim > right.ndim == 1:
        # As a matrix of one column: torch's own loop takes several times as long.
        return torch.matmul(left, right[:, None])[..., 0]
    if left.dtype.is_floating_point or left.is_complex():
        if _is_gram(left, right):
            return _gram(left, right)
        return _of_pieces(left, right) if _is_long(left, right) else torch.matmul(left, right)
    if left.is_cpu and (left.dtype != torch.int64 or min(left.ndim, right.ndim) < 2):
        return torch.matmul(left, right)
    # torch multiplies int64 matrices of the host element by element, thirty times slower than float64 ones; those of
    # accelerators in no integer type.
    if _fits_in_float64(left, right):
        exact = torch.matmul(left.to(torch.float64), right.to(torch.float64))
        return exact.to(torch.int64).to(left.dtype)
    return torch.matmul(left, right) if left.is_cpu else _matmul_of_limbs(left, right)


def _is_gram(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Return whether a large real matrix of the host is multiplied by its own transpose."""
    return (
        left.ndim == right.ndim == 2
        and left.shape[0] >= _WIDE
        and left.shape == right.shape[::-1]
        and left.stride() == right.stride()[::-1]
        and left.data_ptr() == right.data_ptr()
        and left.is_cpu
        and not left.is_complex()
    )


def _gram(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return a product that is symmetric: of blocks of its rows what lies below the diagonal is not computed."""
    count = left.shape[0]
    result = left.new_empty(count, count)
    for block in range(_BLOCKS):
        first, last = count * block // _BLOCKS, count * (block + 1) // _BLOCKS
        rows = torch.matmul(left[first:last], right[:, first:])
        result[first:last, first:] = rows
        result[last:, first:last] = rows[:, last - first :].T
    return result


def _is_long(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Return whether a small product of long real matrices of the host has work for several threads."""
    if left.is_complex() or not left.is_cpu or not left.ndim == right.ndim == 2:
        return False
    rows, columns = left.shape[0], right.shape[1]
    if min(rows, columns) == 1 or rows * columns > _SMALL or rows * columns * left.shape[1] < _WORTHWHILE:
        return False
    return torch.get_num_threads() > 1


def _of_pieces(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return a product as the sum of those of pieces, one for each thread: BLAS cuts the rows and columns alone."""
    pieces, length = torch.get_num_threads(), left.shape[1]
    rest = length % pieces
    first = left[:, : length - rest].view(left.shape[0], pieces, -1).movedim(1, 0)
    second = right[: length - rest].view(pieces, -1, right.shape[1])
    result = torch.bmm(first, second).sum(0)
    return result.addmm_(left[:, length - rest :], right[length - rest :]) if rest else result


def _matmul_of_limbs(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the product of integer matrices, modulo their width, by exact products in float64.

    Factors are cut into limbs of 16 bits, as in long multiplication: sums of 2**20 products of them stay exact.
    """
    dtype = left.dtype
    limbs = max(torch.iinfo(dtype).bits // _LIMB_BITS, 1)
    result = torch.zeros((), dtype=torch.int64, device=left.device)
    contracted = max(right.ndim - 2, 0) - right.ndim
    length = left.shape[-1]
    for start in range(0, max(length, 1), _EXACT_LENGTH):
        count = min(_EXACT_LENGTH, length - start)
        first = _limbs(left.narrow(-1, start, count), limbs)
        second = _limbs(right.narrow(contracted, start, count), limbs)
        for i, j in itertools.product(range(limbs), repeat=2):
            if i + j < limbs:
                result = result + (torch.matmul(first[i], second[j]).to(torch.int64) << _LIMB_BITS * (i + j))
    return result.to(dtype)


def _limbs(factor: torch.Tensor, count: int) -> list[torch.Tensor]:
    """Return the limbs of integers, the lowest bits first; a single one keeps its sign."""
    if count == 1:
        return [factor.to(torch.float64)]
    mask = (1 << _LIMB_BITS) - 1
    return [(factor >> _LIMB_BITS * i & mask).to(torch.float64) for i in range(count)]


def _fits_in_float64(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Return whether no partial sum of the products can exceed what float64 holds exactly."""
    if left.numel() == 0 or right.numel() == 0:
        return True
    greatest = [max(-int(each.min()), int(each.max())) for each in (left, right)]
    return greatest[0] * greatest[1] * left.shape[-1] <= 2**53


def tensordot(left: torch.Tensor, right: torch.Tensor, axes: Axes) -> torch.Tensor:
    """Return the contraction of the axes ``axes[0]`` of the left with ``axes[1]`` of the right."""
    pairs = [list(axes[0]), list(axes[1])]
    if left.is_cpu or left.dtype.is_floating_point or left.is_complex():
        return _in_working_type(left, right, lambda a, b: torch.tensordot(a, b, pairs))  # pyright: ignore[reportArgumentType]  # torch's overload for pairs says int
    return _in_working_type(left, right, lambda a, b: _tensordot_of_integers(a, b, pairs))


def _tensordot_of_integers(
    left: torch.Tensor, right: torch.Tensor, pairs: Sequence[Sequence[int]]
) -> torch.Tensor:
    rows = [axis for axis in range(left.ndim) if axis not in pairs[0]]
    columns = [axis for axis in range(right.ndim) if axis not in pairs[1]]
    shape = [*(left.shape[axis] for axis in rows), *(right.shape[axis] for axis in columns)]
    length = math.prod(left.shape[axis] for axis in pairs[0])
    first = left.permute((*rows, *pairs[0])).reshape(math.prod(shape[: len(rows)]), length)
    second = right.permute((*pairs[1], *columns)).reshape(length, math.prod(shape[len(rows) :]))
    return _matmul(first, second).view(shape)


def vecdot(left: torch.Tensor, right: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the dot products along ``axis`` (negative), the left side conjugated."""

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if a.dtype.is_floating_point and max(a.numel(), b.numel()) <= FEW:
            few: torch.Tensor = torch.linalg.vecdot(a, b, dim=axis)
            return few
        first, second = a.movedim(axis, -1), b.movedim(axis, -1)
        if not a.dtype.is_floating_point and not a.is_complex():
            return (first * second).sum(-1, dtype=a.dtype)
        if not a.is_cpu or _FEW_THREADS < torch.get_num_threads() < first.numel() // max(first.shape[-1], 1):
            return torch.matmul(first.conj().unsqueeze(-2), second.unsqueeze(-1)).squeeze((-2, -1))
        if _runs_along(first) or _runs_along(second):
            # BLAS for each lane; torch would take lanes for matrices of one row, several times slower.
            with np.errstate(all="ignore"):
                return torch.from_numpy(np.asarray(np.vecdot(first.numpy(), second.numpy())))
        return _added_up(first, second)

    return _in_working_type(left, right, product)


def _runs_along(lanes: torch.Tensor) -> bool:
    """Return whether the last axis runs along memory."""
    return lanes.ndim == 1 or lanes.stride(-1) == 1


def _added_up(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the dot products of lanes that memory runs across: of some of their elements after another."""
    shape = np.broadcast_shapes(first.shape, second.shape)
    step = max(_PIECE_SIZE // max(math.prod(shape[:-1]), 1), 1)
    sums = torch.zeros(shape[:-1], dtype=first.dtype)
    for a, b in zip(torch.split(first, step, -1), torch.split(second, step, -1), strict=True):
        add_to(sums, torch.mul(a.conj(), b).sum(-1))
    return sums


def outer(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return all products of two vectors."""
    return _in_working_type(left, right, lambda a, b: a[:, None] * b)


def cross(left: torch.Tensor, right: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the cross products of the 3-vectors along ``axis`` (negative), the other axes broadcast."""

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a1, a2, a3 = a.movedim(axis, -1).unbind(-1)
        b1, b2, b3 = b.movedim(axis, -1).unbind(-1)
        return torch.stack((a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1), dim=-1).movedim(
            -1, axis
        )

    return _in_working_type(left, right, product)
