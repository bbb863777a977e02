"""The standard's indexing functions. Standard: 2025.12, indexing functions."""

from __future__ import annotations

from array_api_dist import _dtypes as dt
from array_api_dist._array import Array
from array_api_dist._shapes import normalize_axis
from array_api_dist._validation import block_of, require_axes, same_device
from array_api_dist.engine import gather_scatter

__all__ = ["take", "take_along_axis"]


def take(x: Array, indices: Array, /, *, axis: int | None = None) -> Array:
    """Return the elements of ``x`` at ``indices`` along ``axis``.

    Parameters
    ----------
    x : Array, shape (..., n, ...)
    indices : Array, shape (k,)
        Integers in [-n, n); negative ones count from the end.
    axis : int, optional
        Required when ``x.ndim > 1``.

    Returns
    -------
    Array, shape (..., k, ...)
        Partitioned as ``x`` where ``axis`` is not partitioned, else as ``indices``; what replicated indices ask of a
        partitioned axis is replicated when small, else even.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.
    IndexError
        On every rank: an index is out of bounds.

    Notes
    -----
    Communication: none when ``axis`` is not partitioned and the indices are replicated (partitioned ones move
    to where ``x`` is, and 8 bytes a pair of ranks agree that all are in bounds); one allreduce of a result of
    up to 64 KiB of replicated indices; else an all-to-all of counts and two exchanges, of 8 bytes an index
    and of the result (above 64 MiB of these an allreduce of 8 bytes, and more exchanges of less if one rank
    would have to answer more than twice its share).
    Memory: 24 bytes an index, or 16 and the result twice.
    Standard: 2025.12, indexing functions, take.
    """
    block = block_of(x, dt.ALL, "take")
    asked = block_of(indices, dt.INTEGER, "take", "indices")
    same_device("take", block, asked)
    require_axes(block, 1, "take")
    if asked.ndim != 1:
        raise ValueError(f"take needs one-dimensional indices, got {asked.ndim} axes")
    if axis is None and block.ndim > 1:
        raise ValueError(f"take needs an axis when x has more than one, got axis=None and {block.ndim} axes")
    along = 0 if axis is None else normalize_axis(axis, block.ndim)
    return Array._from_block(gather_scatter.take(block, asked, along))


def take_along_axis(x: Array, indices: Array, /, *, axis: int = -1) -> Array:
    """Return the elements of ``x`` at ``indices`` along ``axis``; the other axes of both broadcast.

    Parameters
    ----------
    x : Array, shape (..., n, ...)
    indices : Array, shape (..., k, ...)
        Integers in [-n, n); as many axes as ``x``.
    axis : int

    Returns
    -------
    Array, shape (..., k, ...)
        Partitioned as ``x`` where ``axis`` is not partitioned, else as ``indices``.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.
    IndexError
        On every rank: an index is out of bounds.

    Notes
    -----
    Communication: none when ``axis`` is not partitioned and the indices are replicated (partitioned ones move
    to where ``x`` is, and 8 bytes a pair of ranks agree that all are in bounds); one allreduce of a result of
    up to 64 KiB of replicated indices; else an all-to-all of counts and two exchanges, of 8 bytes an index
    and of the result (above 64 MiB of these an allreduce of 8 bytes, and more exchanges of less if one rank
    would have to answer more than twice its share).
    Memory: 24 bytes an index, or 16 and the result twice.
    Standard: 2025.12, indexing functions, take_along_axis.
    """
    block = block_of(x, dt.ALL, "take_along_axis")
    asked = block_of(indices, dt.INTEGER, "take_along_axis", "indices")
    same_device("take_along_axis", block, asked)
    require_axes(block, 1, "take_along_axis")
    if asked.ndim != block.ndim:
        raise ValueError(f"take_along_axis needs indices with {block.ndim} axes, as x, got {asked.ndim}")
    return Array._from_block(gather_scatter.take_along_axis(block, asked, normalize_axis(axis, block.ndim)))
