"""The standard's sorting functions: NaN comes last, ascending and descending. Standard: 2025.12, sorting functions."""

from __future__ import annotations

from array_api_dist import _dtypes as dt
from array_api_dist._array import Array
from array_api_dist._block import Block
from array_api_dist._shapes import normalize_axis
from array_api_dist._validation import block_of
from array_api_dist.engine import ordering

__all__ = ["argsort", "sort"]


def _checked(x: Array, axis: int, function: str) -> tuple[Block, int]:
    block = block_of(x, dt.REAL, function)
    if block.ndim == 0:
        raise ValueError(f"{function} needs at least one axis, got an array with 0")
    return block, normalize_axis(axis, block.ndim)


def argsort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """Return the positions that put ``x`` in order along ``axis``; equal values always keep their order.

    Parameters
    ----------
    x : Array, real-valued, shape (..., n, ...)
    axis : int, optional
    descending : bool, optional
    stable : bool, optional
        Stable either way.

    Returns
    -------
    Array of int64, shape of ``x``, evenly partitioned along ``axis`` if ``x`` is partitioned there

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.

    Notes
    -----
    Communication: none unless ``axis`` is partitioned; two exchanges of a part when another axis is at least P long;
    else at most 67 small collectives for exact splitters (Varman et al. 1991; Axtmann and Sanders 2017), one
    exchange of counts, and one in which each value, with its position, moves at most once (above 64 MiB in all one
    for values, and one for positions).
    Memory: each value with its position (4 bytes; 8 on an axis from 2**31 on), and 8 bytes for their order, the
    result, or one of the two where it moves to.
    """
    block, along = _checked(x, axis, "argsort")
    return Array._from_block(ordering.argsort(block, along, descending=descending))


def sort(x: Array, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """Return ``x`` in order along ``axis``; parameters and errors as ``argsort``.

    Notes
    -----
    Communication: none unless ``axis`` is partitioned; two exchanges of a part when another axis is at least P long;
    else at most 67 small collectives for exact splitters (Varman et al. 1991; Axtmann and Sanders 2017), one
    exchange of counts, and one in which each value moves at most once.
    Memory: a sorted copy of the part, and the result.
    """
    block, along = _checked(x, axis, "sort")
    return Array._from_block(ordering.sort(block, along, descending=descending))
