"""The standard's utility functions. Standard: 2025.12, utility functions."""

from __future__ import annotations

from collections.abc import Sequence

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import integer
from array_api_dist._array import Array, promoted
from array_api_dist._block import Block
from array_api_dist._shapes import normalize_axes, normalize_axis, with_axis_length
from array_api_dist._validation import block_of
from array_api_dist.engine import rearrangement, reduction

__all__ = ["all", "any", "diff"]

Axes = int | Sequence[int] | None


def all(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return whether all elements over ``axis`` are true (not zero).

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result (from 1 MiB
    on one reduce-scatter).
    """
    block = block_of(x, dt.ALL, "all")
    axes = normalize_axes(axis, block.ndim)
    return Array._from_block(reduction.reduce(reduction.ALL, block, axes, keepdims=keepdims))


def any(x: Array, /, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Return whether any element over ``axis`` is true (not zero).

    Notes
    -----
    Communication: none unless the partitioned axis is reduced; then one allreduce of the result (from 1 MiB
    on one reduce-scatter).
    """
    block = block_of(x, dt.ALL, "any")
    axes = normalize_axes(axis, block.ndim)
    return Array._from_block(reduction.reduce(reduction.ANY, block, axes, keepdims=keepdims))


def diff(
    x: Array, /, *, axis: int = -1, n: int = 1, prepend: Array | None = None, append: Array | None = None
) -> Array:
    """Return the n-th differences of neighbours along ``axis``.

    Parameters
    ----------
    x : Array, shape (..., m, ...)
    axis : int, optional
    n : int, optional
        How often to take differences.
    prepend, append : Array, optional
        Put before and after ``x`` along ``axis`` first; shapes as ``x`` but there.

    Returns
    -------
    Array, n shorter along ``axis`` (empty where there are too few), partitioned as ``x``

    Raises
    ------
    ValueError
        On every rank, before communication, if shapes don't fit or n is negative.

    Notes
    -----
    Communication: none unless ``axis`` is partitioned; then one exchange of a neighbour's slab for each of
    the ``n`` differences, and one to join ``prepend`` and ``append``.
    """
    block = block_of(x, dt.NUMERIC, "diff")
    if block.ndim == 0:
        raise ValueError("diff needs at least one axis, got an array with 0")
    along = normalize_axis(axis, block.ndim)
    times = integer(n, "n")
    if times < 0:
        raise ValueError(f"n must not be negative, got {times}")
    joined = block
    if prepend is not None or append is not None:
        arrays = [each for each in (prepend, x, append) if each is not None]
        parts = promoted(*arrays, accepts=dt.NUMERIC, function="diff")
        _check_joinable(parts, block, along)
        joined = rearrangement.concat(parts, along)
    for _ in range(times):
        if joined.shape[along] == 0:
            break
        joined = rearrangement.diff(joined, along)
    return Array._from_block(joined.with_local(joined.local.detach()))


def _check_joinable(parts: Sequence[Block], block: Block, axis: int) -> None:
    wanted = with_axis_length(block.shape, axis, -1)
    for part in parts:
        if part.ndim != block.ndim or with_axis_length(part.shape, axis, -1) != wanted:
            raise ValueError(
                f"prepend and append have the shape of x but along axis {axis}, got {part.shape} for {block.shape}"
            )
