"""The standard's set functions. Standard: 2025.12, set functions.

Distinct values come in ascending order (complex ones by the real, then the imaginary part), each NaN by itself at the
end; of two zeros of different sign the first one stands.
"""

from __future__ import annotations

from typing import NamedTuple

from array_api_dist import _dtypes as dt
from array_api_dist._array import Array, as_operand, promoted
from array_api_dist._block import Block
from array_api_dist._validation import block_of
from array_api_dist.engine import elementwise, searching, uniqueness

__all__ = ["isin", "unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAllResult(NamedTuple):
    """What ``unique_all`` gives."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """What ``unique_counts`` gives."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """What ``unique_inverse`` gives."""

    values: Array
    inverse_indices: Array


def _distinct(
    x: Array, function: str, *, indices: bool = False, counts: bool = False, inverse: bool = False
) -> uniqueness.Distinct:
    block = block_of(x, dt.ALL, function)
    return uniqueness.unique(block, indices=indices, counts=counts, inverse=inverse)


def unique_all(x: Array, /) -> UniqueAllResult:
    """Return the distinct values, where each stands first (row-major), each element's number, and the counts.

    Notes
    -----
    Communication: none when ``x`` is replicated; else at most 67 small collectives for splitters (131 for complex
    values, and for floating-point ones whose parts interleave in row-major order, whose positions travel, too), an
    all-to-all and two allgathers of counts, one exchange of each rank's distinct values with their positions and
    counts (above 64 MiB in all one for each of these), one of their numbers back, and one more if the result is
    lopsided.
    Memory: of each distinct value of the part its value, 8 for its position, 4 for its count, and one of these where
    it moves to; then what came, 8 bytes for its order, the counts, and the result; for each element 4 bytes, and 4
    to answer it.
    """
    found = _distinct(x, "unique_all", indices=True, counts=True, inverse=True)
    assert found.inverse is not None
    assert found.indices is not None
    assert found.counts is not None
    return UniqueAllResult(
        Array._from_block(found.values),
        Array._from_block(found.indices),
        Array._from_block(found.inverse),
        Array._from_block(found.counts),
    )


def unique_counts(x: Array, /) -> UniqueCountsResult:
    """Return the distinct values and how often each stands in ``x``.

    Notes
    -----
    Communication: none when ``x`` is replicated; else at most 67 small collectives for splitters (131 for complex
    values, and for floating-point ones whose parts interleave in row-major order, whose positions travel, too), an
    all-to-all and two allgathers of counts, one exchange of each rank's distinct values with their counts (above 64
    MiB one for each), and one more if the result is lopsided.
    Memory: of each distinct value of the part its value, 4 for its count, and one of these where it moves to; then
    what came, 8 bytes for its order, and the result.
    """
    found = _distinct(x, "unique_counts", counts=True)
    assert found.counts is not None
    return UniqueCountsResult(Array._from_block(found.values), Array._from_block(found.counts))


def unique_inverse(x: Array, /) -> UniqueInverseResult:
    """Return the distinct values and, laid out as ``x``, each element's number among them.

    Notes
    -----
    Communication: none when ``x`` is replicated; else at most 67 small collectives for splitters (131 for complex
    values, and for floating-point ones whose parts interleave in row-major order, whose positions travel, too), an
    all-to-all and two allgathers of counts, one exchange of each rank's distinct values, one of their numbers back,
    and one more if the result is lopsided.
    Memory: of each distinct value of the part its value, and one of these where it moves to; then what came, 8 bytes
    for its order, and the result; for each element 4 bytes, and 4 to answer it.
    """
    found = _distinct(x, "unique_inverse", inverse=True)
    assert found.inverse is not None
    return UniqueInverseResult(Array._from_block(found.values), Array._from_block(found.inverse))


def unique_values(x: Array, /) -> Array:
    """Return the distinct values of ``x``.

    Notes
    -----
    Communication: none when ``x`` is replicated; else at most 67 small collectives for splitters (131 for complex
    values, and for floating-point ones whose parts interleave in row-major order, whose positions travel, too), an
    all-to-all and two allgathers of counts, one exchange of each rank's distinct values, and one more if the result
    is lopsided.
    Memory: the sorted values of the part, and what came in their place.
    """
    return Array._from_block(_distinct(x, "unique_values").values)


def isin(x1: Array | int, x2: Array | int, /, *, invert: bool = False) -> Array:
    """Return whether each element of ``x1`` stands in ``x2`` (does not, with ``invert``); NaN stands nowhere.

    Parameters
    ----------
    x1, x2 : Array or int
        At least one is an array.
    invert : bool, optional

    Returns
    -------
    Array of bool, shape and partition of ``x1``

    Raises
    ------
    TypeError
        On every rank, if neither is an array or the data types don't promote.

    Notes
    -----
    Communication: none when ``x2`` is replicated; one allgather of it up to 1 MiB; one allreduce of a byte an
    element when ``x1`` is replicated; else at most 131 small allreduces for splitters, an allgather and two
    all-to-alls of counts, one exchange of both sides' distinct values, and one of a byte each back (above 64 MiB of
    elements that are looked for one exchange of those of ``x2``, and, so many elements at a time, two exchanges, an
    allreduce of 8 bytes and an all-to-all of counts; as many more as one rank is asked for more).
    Memory: the sorted values of both sides, or those of ``x2`` and what came in their place, up to as many as ``x1``
    has among them where those of ``x2`` crowd; complex values: both sides, what came, and all of it in order.
    """
    first, second = _operands(x1, x2)
    found = searching.isin(first, second)
    if invert:
        found = elementwise.apply_unary(elementwise.LOGICAL_NOT, found)
    return Array._from_block(found)


def _operands(x1: Array | int, x2: Array | int) -> tuple[Block, Block]:
    """Return both operands in the data type in which they meet."""
    array = x1 if isinstance(x1, Array) else x2
    if not isinstance(array, Array):
        raise TypeError(f"isin takes at least one array, got {type(x1).__name__} and {type(x2).__name__}")
    first, second = promoted(as_operand(x1, array), as_operand(x2, array), accepts=dt.ALL, function="isin")
    return first, second
