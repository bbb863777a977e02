"""The standard's linear algebra functions of the main namespace. Standard: 2025.12, linear algebra functions.

Which operand moves, if any, is decided by arithmetic on the partitions (``_contraction.choose``): nothing; the smaller
operand, replicated or round a ring behind the products; or the sum of the ranks' products, replicated up to 1 MiB and
scattered above.
"""

from __future__ import annotations

from collections.abc import Sequence

from array_api_dist import _array
from array_api_dist import _dtypes as dt
from array_api_dist._arguments import integer
from array_api_dist._array import Array, promoted
from array_api_dist._validation import block_of, require_axes
from array_api_dist.engine import contraction
from array_api_dist.engine.matrices import transposed

__all__ = ["matmul", "matrix_transpose", "tensordot", "vecdot"]


def matmul(x1: Array, x2: Array, /) -> Array:
    """Return the matrix product.

    Parameters
    ----------
    x1 : Array, shape (K,) or (..., M, K)
    x2 : Array, shape (K,) or (..., K, N)
        Batch axes broadcast.

    Returns
    -------
    Array, shape (..., M, N) without the axes that a vector lacks

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication: data types that don't promote, shapes that don't meet.

    Notes
    -----
    Communication: none, or the cheapest of: an operand laid out anew by one exchange; the smaller one copied
    by one allgather (up to 64 MiB), or its parts sent round a ring; the sum of the products by one allreduce
    (above 1 MiB scattered, by a ring).
    """
    return _array.matmul(x1, x2)


def matrix_transpose(x: Array, /) -> Array:
    """Return the transposed matrices (..., N, M) of ``x``, shape (..., M, N).

    Communication: none.

    Raises
    ------
    ValueError
        If ``x`` has fewer than two axes.
    """
    block = block_of(x, dt.ALL, "matrix_transpose")
    require_axes(block, 2, "matrix_transpose")
    return Array._from_block(transposed(block))


def tensordot(x1: Array, x2: Array, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Return the contraction of pairs of axes.

    Parameters
    ----------
    x1, x2 : Array
    axes : int or (sequence of int, sequence of int), optional
        The last ``axes`` axes of ``x1`` with the first ones of ``x2``, or the axes of each, in pairs.

    Returns
    -------
    Array
        With the free axes of ``x1``, then those of ``x2``.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication: data types that don't promote, axes that don't pair.

    Notes
    -----
    Communication: none, or the cheapest of: an operand laid out anew by one exchange; the smaller one copied
    by one allgather (up to 64 MiB), or its parts sent round a ring; the sum of the products by one allreduce
    (above 1 MiB scattered, by a ring).
    """
    left, right = promoted(x1, x2, accepts=dt.NUMERIC, function="tensordot")
    return Array._from_block(contraction.tensordot(left, right, axes))


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Return the dot products of vectors along ``axis``, those of ``x1`` conjugated.

    Parameters
    ----------
    x1, x2 : Array
        The axes but ``axis`` broadcast.
    axis : int, optional
        Counted from the end, in [-N, -1] for N the smaller number of axes.

    Returns
    -------
    Array
        The broadcast shape without ``axis``.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication: data types that don't promote, shapes that don't meet.

    Notes
    -----
    Communication: none, or the cheapest of: an operand laid out anew by one exchange; the smaller one copied
    by one allgather (up to 64 MiB), or its parts sent round a ring; the sum of the products by one allreduce
    (above 1 MiB scattered, by a ring).
    """
    left, right = promoted(x1, x2, accepts=dt.NUMERIC, function="vecdot")
    return Array._from_block(contraction.vecdot(left, right, integer(axis, "axis")))
