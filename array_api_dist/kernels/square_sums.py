"""Moments by sums of values and of their squares, which take half as many passes over the caches as deviations do.

They lose digits where the mean lies far from zero beside the deviations. A sample tells whether that is so of many
lanes: then there is no result; a few are reduced again in double precision. On one thread BLAS and NumPy add up fastest.
On several torch's own loops do, which also cut memory alike: what one core has written, another is slow to read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from array_api_dist.kernels.powers import finite
from array_api_dist.kernels.precision import OF_SQUARES, Pair, in_double
from array_api_dist.kernels.tiles import SMALL_SIZE, Tiled, cut_axis

# What the caches hold of rows for each thread, and of a slab of rows.
_READ_NBYTES: Final = 1 << 21
_SLAB_NBYTES: Final = 1 << 20
# Elements of a row, and rows, that are added up in the precision of the data; the least of those rows' columns at once.
PIECE: Final = 1 << 10
_SLAB_ROWS: Final = 1 << 6
_FEWEST_COLUMNS: Final = 1 << 10
SHORT_ROW: Final = 1 << 6
"""Rows shorter than this BLAS adds up faster than torch."""
# More threads than this make up for the passes that NumPy saves on one.
_FEW_THREADS: Final = 2
# Short rows are taken several at once as one of at most this width, to reduce columns that are so many times as long.
_WIDTH_NBYTES: Final = 1 << 13
_FEWEST_ROWS: Final = 1 << 6
# Parts of tensors of three axes and more that are worth a call.
WORTHWHILE: Final = 1 << 14
# Of the last two axes and of others, how many elements tell about the rest, and one lane of so many may be reduced again.
_SAMPLE: Final = (1 << 6, 1 << 2)
_FEW: Final = 1 << 3


def is_single() -> bool:
    """Return whether kernels have one thread."""
    return torch.get_num_threads() == 1


def row_sums(rows: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return the sums along the last axis, in the precision of the rows."""
    length = rows.shape[-1]
    if length < SHORT_ROW and rows.ndim == 2 and rows.is_cpu and is_single():
        return torch.mv(rows, torch.ones(length, dtype=rows.dtype), out=out)
    return torch.sum(rows, -1, out=out)


def together(matrix: torch.Tensor) -> int:
    """Return how many short rows are taken as one, to reduce columns."""
    several = _WIDTH_NBYTES // matrix.element_size() // matrix.shape[1]
    return several if matrix.is_contiguous() and len(matrix) >= _FEWEST_ROWS * several > 0 else 1


def moments(tiled: Tiled, count: int) -> Pair | None:
    """Return the mean and M2 of ``count`` elements each, in the order of the tiles, or None."""
    view, reduced = tiled.view, tiled.reduced
    if not (_is_quicker(view, reduced) and _is_promising(view, reduced)):
        return None
    sums, squares = _power_sums(view, reduced)
    return _mended(_lanes(view, reduced), *_states(sums, squares, count), count)


def _is_quicker(view: torch.Tensor, reduced: Sequence[bool]) -> bool:
    """Return whether rows or columns of the last two axes are reduced, and deviations would take more time."""
    if view.stride(-1) != 1 or not any(reduced[-2:]) or math.prod(view.shape[-2:]) < WORTHWHILE:
        return False
    return view.shape[-1] >= SHORT_ROW if reduced[-1] else torch.get_num_threads() <= _FEW_THREADS


def _is_promising(view: torch.Tensor, reduced: Sequence[bool]) -> bool:
    several, few = _SAMPLE
    cut = tuple(slice(few if axis < view.ndim - 2 else several) for axis in range(view.ndim))
    axes = [axis for axis, gone in enumerate(reduced) if gone]
    variance, mean = torch.var_mean(view[cut].to(torch.float64), axes, correction=0)
    holds = OF_SQUARES[view.dtype].holds(mean, variance)
    return int(torch.count_nonzero(holds)) * _FEW >= holds.numel() * (_FEW - 1)


# ---- states


def _states(sums: torch.Tensor, squares: torch.Tensor, count: int) -> Pair:
    mean = sums / count
    return mean, squares - sums * mean


def _lanes(view: torch.Tensor, reduced: tuple[bool, ...]) -> torch.Tensor | None:
    if reduced[-2:] == (False, True) and view.ndim == 2:
        return view
    return view.T if reduced == (True, False) else None


def _mended(lanes: torch.Tensor | None, mean: torch.Tensor, square: torch.Tensor, count: int) -> Pair | None:
    """Return the states in double precision, those that lost digits computed again, or None if they are many."""
    precision, variance = OF_SQUARES[mean.dtype if lanes is None else lanes.dtype], square / count
    states = mean.to(torch.float64), square.to(torch.float64)
    if precision.suffices(mean, variance):
        return states
    bad = torch.nonzero(~precision.holds(mean, variance))[:, 0]
    if lanes is None or len(bad) * _FEW > len(lanes):
        return None
    for place in torch.split(bad, max(SMALL_SIZE // count, 1)):
        found = lanes[place]
        origin = finite(found[:, :1].to(torch.float64))
        center, states[1][place] = in_double(found, origin)
        states[0][place] = center + origin[:, 0]
    return states


# ---- sums


def _power_sums(view: torch.Tensor, reduced: tuple[bool, ...]) -> Pair:
    """Return the sums of values and squares in double precision."""
    if view.ndim > 2:
        parts = zip(*(_power_sums(each, reduced[1:]) for each in view), strict=True)
        first, second = (torch.stack(each) for each in parts)
    elif reduced[-1]:
        first, second = _of_rows(view.reshape(-1, view.shape[-1]))
    else:
        return _of_columns(view)
    return (first.sum(0), second.sum(0)) if reduced[0] and view.ndim > 1 else (first, second)


def _of_rows(rows: torch.Tensor) -> Pair:
    length = rows.shape[1]
    if length < 2 * PIECE:
        return _of_pieces(rows[:, None])
    whole = length - length % PIECE
    first, second = _of_pieces(cut_axis(rows[:, :whole], 1, PIECE))
    if whole < length:
        others = _of_pieces(rows[:, None, whole:])
        return first + others[0], second + others[1]
    return first, second


def _of_pieces(pieces: torch.Tensor) -> Pair:
    """Return the sums along the last two axes: along the last in the precision of the pieces."""
    rows, count, length = pieces.shape
    fitting = max(_READ_NBYTES * torch.get_num_threads() // pieces.element_size() // length, 1)
    at_once, rows_at_once = min(fitting, count), max(fitting // count, 1)
    sums, squares = torch.empty(2, rows, count, dtype=pieces.dtype)
    values, results, single = pieces.numpy(), squares.numpy(), is_single()
    with np.errstate(over="ignore", invalid="ignore"):
        for row, first in itertools.product(range(0, rows, rows_at_once), range(0, count, at_once)):
            place = slice(row, row + rows_at_once), slice(first, first + at_once)
            piece = pieces[place]
            torch.sum(piece, -1, out=sums[place])
            if single:
                # BLAS reads squares once.
                np.vecdot(values[place], values[place], out=results[place])
            else:
                torch.linalg.vector_norm(piece, dim=-1, out=squares[place]).square_()
    return sums.sum(1, dtype=torch.float64), squares.sum(1, dtype=torch.float64)


def _of_columns(matrix: torch.Tensor) -> Pair:
    """Return the sums of each column: of slabs of rows in the precision of the matrix."""
    rows, columns = matrix.shape
    several = together(matrix)
    if several == 1:
        return _of_slabs(matrix.numpy())
    whole = rows - rows % several
    folded = [
        each.view(several, -1).sum(0)
        for each in _of_slabs(matrix[:whole].view(-1, several * columns).numpy())
    ]
    if whole == rows:
        return folded[0], folded[1]
    others = _of_slabs(matrix[whole:].numpy())
    return folded[0] + others[0], folded[1] + others[1]


def _of_slabs(values: npt.NDArray[Any]) -> Pair:
    rows, columns = values.shape
    width = max(_SLAB_NBYTES // values.itemsize // min(rows, _SLAB_ROWS), _FEWEST_COLUMNS)
    sums, squares = np.empty((2, -(-rows // _SLAB_ROWS), columns), values.dtype)
    ones = np.ones(_SLAB_ROWS, values.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for at, left in itertools.product(range(len(sums)), range(0, columns, width)):
            slab = values[at * _SLAB_ROWS : (at + 1) * _SLAB_ROWS, left : left + width]
            np.matmul(ones[: len(slab)], slab, out=sums[at, left : left + width])
            np.einsum("ij,ij->j", slab, slab, out=squares[at, left : left + width])
    first, second = (torch.from_numpy(each.sum(0, dtype=np.float64)) for each in (sums, squares))
    return first, second
