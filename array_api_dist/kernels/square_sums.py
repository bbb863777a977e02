"""Moments by sums of values and of their squares, which take half as many passes over the caches as deviations do.

They lose digits where the mean lies far from zero beside the deviations. A sample tells whether that is so of many
lanes: then there is no result; a few are reduced again in double precision. On one thread BLAS and NumPy add up fastest.
On several torch's own loops do, which also cut memory alike: what one core has written, another is slow to read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from array_api_dist.kernels.powers import finite
from array_api_dist.kernels.precision import ABOUT_MEAN, OF_SQUARES, Found, Pair, in_double, two_sum
from array_api_dist.kernels.tiles import SHORT_ROW, SMALL_SIZE, Tiled, cut_axis, is_single

Values: TypeAlias = npt.NDArray[Any]

# What the caches hold of rows for each thread, and of a slab of rows.
_READ_NBYTES: Final = 1 << 21
_SLAB_NBYTES: Final = 1 << 20
# Elements of a row, and rows, that are added up in the precision of the data; the least of those rows' columns at once.
PIECE: Final = 1 << 10
_SLAB_ROWS: Final = 1 << 6
_FEWEST_COLUMNS: Final = 1 << 10
# More threads than this make up for the passes that NumPy saves on one.
_FEW_THREADS: Final = 2
# Short rows are taken several at once as one of at most this width, to reduce columns that are so many times as long.
_WIDTH_NBYTES: Final = 1 << 13
_FEWEST_ROWS: Final = 1 << 6
# Of the last two axes and of others, how many elements tell about the rest, and one lane of so many may be reduced again.
_SAMPLE: Final = (1 << 6, 1 << 2)
_FEW: Final = 1 << 3


def folded(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return, to reduce columns, ``matrix`` with several short rows as one, the rows left over, and how many are one."""
    rows, columns = matrix.shape
    several = _WIDTH_NBYTES // matrix.element_size() // columns
    if several == 0 or rows < _FEWEST_ROWS * several or not matrix.is_contiguous():
        return matrix, matrix[:0], 1
    whole = rows - rows % several
    return matrix[:whole].view(-1, several * columns), matrix[whole:], several


def moments(tiled: Tiled, count: int) -> Found | None:
    """Return mean, M2 and what the mean's rounding lost (None: nothing) of ``count`` elements each, or None.

    All in the order of the tiles.
    """
    if not (_is_quicker(tiled) and _is_promising(tiled.view, tiled.reduced)):
        return None
    return _states(tiled, *_power_sums(tiled.view, tiled.reduced), count)


def _is_quicker(tiled: Tiled) -> bool:
    """Return whether deviations of rows or columns would take more time."""
    if tiled.view.stride(-1) != 1 or not tiled.is_cut_well():
        return False
    if tiled.reduced[-1]:
        return tiled.view.shape[-1] >= SHORT_ROW
    return torch.get_num_threads() <= _FEW_THREADS


def _is_promising(view: torch.Tensor, reduced: Sequence[bool]) -> bool:
    several, few = _SAMPLE
    cut = tuple(slice(few if axis < view.ndim - 2 else several) for axis in range(view.ndim))
    axes = [axis for axis, gone in enumerate(reduced) if gone]
    variance, mean = torch.var_mean(view[cut].to(torch.float64), axes, correction=0)
    holds = OF_SQUARES[view.dtype].holds(mean, variance)
    return int(torch.count_nonzero(holds)) * _FEW >= holds.numel() * (_FEW - 1)


# ---- states


def _states(tiled: Tiled, sums: torch.Tensor, squares: torch.Tensor, count: int) -> Found | None:
    """Return the states, those that lost digits computed again, or None if they are many."""
    precision, mean = OF_SQUARES[tiled.view.dtype], sums / count
    square = squares - sums * mean
    if precision.suffices(mean, square / count):
        return mean, square, None
    lanes = _lanes(tiled)
    if lanes is None:
        return None
    bad = torch.nonzero(~precision.holds(mean, square / count))[:, 0]
    if len(bad) * _FEW > len(lanes):
        return None
    rest = torch.zeros_like(mean)
    for place in torch.split(bad, max(SMALL_SIZE // count, 1)):
        found = lanes[place]
        origin = finite(found[:, :1].to(torch.float64))
        center, square[place] = in_double(found, origin)
        mean[place], rest[place] = two_sum(origin[:, 0], center)
    return mean, square, rest


def _lanes(tiled: Tiled) -> torch.Tensor | None:
    """Return the elements of each state as a row, of a matrix."""
    if tiled.reduced == (False, True):
        return tiled.view
    return tiled.view.T if tiled.reduced == (True, False) else None


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
    firsts, seconds = zip(*map(_of_pieces, _pieces(rows)), strict=True)
    return reduce(torch.add, firsts), reduce(torch.add, seconds)


def _pieces(rows: torch.Tensor) -> list[torch.Tensor]:
    """Return the rows, long ones cut: pieces of each, and what is left over as one more."""
    length = rows.shape[1]
    if length < 2 * PIECE:
        return [rows[:, None]]
    whole = length - length % PIECE
    pieces = [cut_axis(rows[:, :whole], 1, PIECE)]
    return [*pieces, rows[:, None, whole:]] if whole < length else pieces


def squares_read_once(tiled: Tiled) -> torch.Tensor | None:
    """Return the sums of squares of rows or columns of float32 in double precision, of pieces in their own, or None.

    None: of another layout, or where a piece's sum over- or underflows.
    """
    view = tiled.view
    if view.dtype != torch.float32 or not view.is_cpu or view.stride(-1) != 1:
        return None
    if tiled.reduced == (True, False):
        long, rest, _ = folded(view)
        parts = [
            _squares_of_slabs(rows.numpy()).reshape(-1, view.shape[1]) for rows in (long, rest) if len(rows)
        ]
    elif tiled.reduced in ((True,), (False, True)):
        parts = [_squares_of_pieces(each.numpy()).T for each in _pieces(view.view(-1, view.shape[-1]))]
    else:
        return None
    limits, total = ABOUT_MEAN[view.dtype], tiled.result(torch.float64)
    for squares in parts:
        if not (squares.min() > limits.least and squares.max() < limits.greatest):
            return None
        total += torch.from_numpy(squares.sum(0, dtype=np.float64)).view(total.shape)
    return total


def _squares_of_pieces(pieces: Values) -> Values:
    with np.errstate(over="ignore", invalid="ignore"):
        if pieces.shape[-1] < SHORT_ROW:
            squares: Values = np.einsum("ijk,ijk->ij", pieces, pieces)
        else:
            # BLAS reads them once, row by row.
            squares = np.vecdot(pieces, pieces)
    return squares


def _squares_of_slabs(values: Values) -> Values:
    squares = np.empty((-(-len(values) // _SLAB_ROWS), values.shape[1]), values.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for at, place, slab in _slabs(values):
            np.einsum("ij,ij->j", slab, slab, out=squares[at, place])
    return squares


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
    long, rest, several = folded(matrix)
    first, second = (each.view(several, -1).sum(0) for each in _of_slabs(long.numpy()))
    if len(rest):
        others = _of_slabs(rest.numpy())
        return first + others[0], second + others[1]
    return first, second


def _slabs(values: Values) -> Iterator[tuple[int, slice, Values]]:
    """Return slabs of few rows, of as many columns as the caches hold: which rows, which columns, and the slab."""
    rows, columns = values.shape
    width = max(_SLAB_NBYTES // values.itemsize // min(rows, _SLAB_ROWS), _FEWEST_COLUMNS)
    for at, left in itertools.product(range(-(-rows // _SLAB_ROWS)), range(0, columns, width)):
        place = slice(left, left + width)
        yield at, place, values[at * _SLAB_ROWS : (at + 1) * _SLAB_ROWS, place]


def _of_slabs(values: Values) -> Pair:
    sums, squares = np.empty((2, -(-len(values) // _SLAB_ROWS), values.shape[1]), values.dtype)
    ones = np.ones(_SLAB_ROWS, values.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for at, place, slab in _slabs(values):
            np.matmul(ones[: len(slab)], slab, out=sums[at, place])
            np.einsum("ij,ij->j", slab, slab, out=squares[at, place])
    first, second = (torch.from_numpy(each.sum(0, dtype=np.float64)) for each in (sums, squares))
    return first, second
