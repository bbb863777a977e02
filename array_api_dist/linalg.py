"""The standard's linear algebra extension. Standard: 2025.12, extension linalg.

Matrices lie in the last two axes. The communication of all factorizations, for arrays partitioned along rows or columns:
none where every matrix lies whole on a rank; one exchange to a batch axis of at least P; one allgather up to 1 MiB. Else
the ranks share each matrix. P times as many rows as columns (K of them), or the reverse: TSQR (Demmel et al. 2012),
log2(P) messages of a K×K triangle. Square: panels of 128 columns, broadcast, O(M²) elements; cholesky, det, slogdet, inv and
solve deal them out in turn (block-cyclic), so that all ranks work to the end. No rank holds a copy.

The spectral functions eig, eigvals, eigh, eigvalsh, and svd, svdvals, pinv and matrix_rank of matrices that are neither
tall nor wide by a factor of P, are the exception: each matrix goes to one rank, up to 2 GiB on it, else MemoryError.

Data-dependent failures (singular, not positive definite, not finite, not converged) raise ``numpy.linalg.LinAlgError``, a
ValueError, on every rank alike. Wrong shapes and data types raise before anything moves.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from array_api_dist import _dtypes as _dt
from array_api_dist import _host_values, _validation
from array_api_dist._arguments import integer as _integer
from array_api_dist._arguments import one_of as _one_of
from array_api_dist._array import Array
from array_api_dist._array import promoted as _promoted
from array_api_dist._block import Block
from array_api_dist._dtypes import DType
from array_api_dist._shapes import broadcast_shapes as _broadcast_shapes
from array_api_dist._shapes import normalize_axes as _normalize_axes
from array_api_dist.engine import contraction as _contraction
from array_api_dist.engine import factorization as _factorization
from array_api_dist.engine import norms as _norms
from array_api_dist.kernels.dtypes import TORCH as _TORCH
from array_api_dist.linear_algebra_functions import matmul, matrix_transpose, tensordot, vecdot

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def __dir__() -> list[str]:
    return sorted(__all__)


class EigResult(NamedTuple):
    """What ``eig`` gives."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """What ``eigh`` gives."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """What ``qr`` gives."""

    Q: Array
    R: Array


class SlogdetResult(NamedTuple):
    """What ``slogdet`` gives."""

    sign: Array
    logabsdet: Array


class SVDResult(NamedTuple):
    """What ``svd`` gives."""

    U: Array
    S: Array
    Vh: Array


def _floating(x: Array, function: str) -> Block:
    return _validation.block_of(x, _dt.FLOATING, function)


def cholesky(x: Array, /, *, upper: bool = False) -> Array:
    """Return the Cholesky factors L of x = L Lᴴ, or U = Lᴴ with ``upper``; only the lower triangle of ``x`` is read.

    Parameters
    ----------
    x : Array, shape (..., M, M)
    upper : bool, optional

    Returns
    -------
    Array, shape (..., M, M)
        Of matrices that the ranks share: partitioned along the columns (the rows with ``upper``).

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication: not square, or not floating-point.
    numpy.linalg.LinAlgError
        On every rank: a matrix is not positive definite.

    Notes
    -----
    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then M² / 2 elements of panels of 128 columns, broadcast, and two exchanges that deal them out and bring
    them back.
    """
    return Array._from_block(_factorization.cholesky(_floating(x, "cholesky"), upper=upper))


def cross(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Return the cross products of the 3-vectors along ``axis``, in [-N, -1] for N the smaller number of axes.

    The other axes broadcast.

    Communication: none when partitions agree, else each smaller operand moves once; one exchange more for
    each operand where ``axis`` is partitioned.

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication.
    """
    left, right = _promoted(x1, x2, accepts=_dt.NUMERIC, function="cross")
    return Array._from_block(_contraction.cross(left, right, _integer(axis, "axis")))


def det(x: Array, /) -> Array:
    """Return the determinants (...) of ``x``, shape (..., M, M).

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then elimination: one exchange that deals panels of 128 columns out, M² / 2 elements of them, broadcast,
    and their pivots.
    """
    return Array._from_block(_factorization.det(_floating(x, "det")))


def diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """Return the diagonals of ``x``, shape (..., M, N), as the last axis, ``offset`` above the main one.

    Communication: none. The elements stay where they are, unevenly.
    """
    return Array._from_block(
        _norms.diagonal(_validation.block_of(x, _dt.ALL, "diagonal"), _integer(offset, "offset"))
    )


def eig(x: Array, /) -> EigResult:
    """Return complex eigenvalues (..., M) and eigenvectors (..., M, M), in columns, of ``x``, shape (..., M, M).

    The first component of an eigenvector that is no less than 0.37 of its largest is positive.

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then one exchange that brings each to one rank, up to 2 GiB there (above, a MemoryError on every rank),
    and one that spreads each result (one allgather up to 64 KiB).

    Raises
    ------
    MemoryError
        On every rank, before communication: larger.
    numpy.linalg.LinAlgError
        On every rank: a matrix is not finite, or the iteration did not converge.
    """
    values, vectors = _factorization.eig(_floating(x, "eig"))
    return EigResult(Array._from_block(values), Array._from_block(vectors))


def eigh(x: Array, /) -> EighResult:
    """Return real eigenvalues (..., M), ascending, and eigenvectors (..., M, M) of the Hermitian ``x``.

    Only the lower triangles are read. The first component of an eigenvector that is no less than 0.37 of its largest
    is positive.

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then one exchange that brings each to one rank, up to 2 GiB there (above, a MemoryError on every rank),
    and one that spreads each result (one allgather up to 64 KiB).
    """
    values, vectors = _factorization.eigh(_floating(x, "eigh"))
    return EighResult(Array._from_block(values), Array._from_block(vectors))


def eigvals(x: Array, /) -> Array:
    """Return the complex eigenvalues (..., M) of ``x``, shape (..., M, M).

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then one exchange that brings each to one rank, up to 2 GiB there (above, a MemoryError on every rank),
    and one that spreads each result (one allgather up to 64 KiB).
    """
    return Array._from_block(_factorization.eigvals(_floating(x, "eigvals")))


def eigvalsh(x: Array, /) -> Array:
    """Return the real eigenvalues (..., M), ascending, of the Hermitian ``x``.

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then one exchange that brings each to one rank, up to 2 GiB there (above, a MemoryError on every rank),
    and one that spreads each result (one allgather up to 64 KiB).
    """
    return Array._from_block(_factorization.eigvalsh(_floating(x, "eigvalsh")))


def inv(x: Array, /) -> Array:
    """Return the inverse matrices of ``x``, shape (..., M, M), partitioned as ``x`` where the ranks share them.

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then elimination and back substitution: one exchange that deals panels of 128 columns out, M² elements of
    them, broadcast, and their pivots.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank: a matrix is singular.
    """
    return Array._from_block(_factorization.inv(_floating(x, "inv")))


def matrix_norm(
    x: Array, /, *, keepdims: bool = False, ord: float | Literal["fro", "nuc"] | None = "fro"
) -> Array:
    """Return the norms of the matrices in the last two axes.

    Parameters
    ----------
    x : Array, shape (..., M, N)
    keepdims : bool, optional
        Whether the last two axes stay, with length 1.
    ord : {"fro", "nuc", 1, -1, 2, -2, inf, -inf, None}, optional
        Frobenius (also None), nuclear, greatest or least column sum, singular value or row sum. The greatest and the
        sums of an empty matrix are 0.

    Returns
    -------
    Array, real, shape (...)

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication: also for the least of an empty matrix.

    Notes
    -----
    Communication: none unless rows or columns are partitioned; then at most two reductions of sums or
    extremes; for ``ord`` "nuc", 2 and -2 that of ``svdvals``.
    """
    order: _norms.MatrixOrder = "fro" if ord is None else ord
    if not isinstance(order, str):
        order = _host_values.real_number(order, "ord, unless 'fro' or 'nuc',")
    return Array._from_block(_norms.matrix_norm(_floating(x, "matrix_norm"), order, keepdims=keepdims))


def matrix_power(x: Array, n: int, /) -> Array:
    """Return the matrices of ``x``, shape (..., M, M), to the integer power ``n``, of the inverse when negative.

    Communication: that of at most 2 log2(n) products, and of ``inv`` when ``n`` is negative.
    """
    return Array._from_block(_factorization.matrix_power(_floating(x, "matrix_power"), _integer(n, "n")))


def _tolerance(rtol: float | Array | None, block: Block, function: str) -> float | Block | None:
    """Return ``rtol`` for the engine.

    Raises
    ------
    TypeError, ValueError
        If it is an array that is not real floating-point or does not broadcast to the batch axes.
    """
    if not isinstance(rtol, Array):
        return None if rtol is None else float(_host_values.real_number(rtol, "rtol"))
    given = _validation.block_of(rtol, _dt.REAL_FLOATING, function, "rtol")
    _validation.same_device(function, block, given)
    batch = block.shape[:-2]
    if _broadcast_shapes(given.shape, batch) != batch:
        raise ValueError(
            f"{function} takes rtol that broadcasts to the batch axes {batch}, got {given.shape}"
        )
    return given


def matrix_rank(x: Array, /, *, rtol: float | Array | None = None) -> Array:
    """Return how many singular values of each matrix exceed ``rtol`` times its largest.

    Parameters
    ----------
    x : Array, shape (..., M, N)
    rtol : float or Array, optional
        max(M, N) times the machine epsilon by default; an array broadcasts to the batch axes.

    Returns
    -------
    Array, int64, shape (...)

    Notes
    -----
    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then TSQR of those tall or wide by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P)
    messages of one above); square ones go to one rank, up to 2 GiB there (above, a MemoryError on every
    rank); others first send M K elements of panels of 128 columns, broadcast, and their K×K triangle goes
    there.
    """
    block = _floating(x, "matrix_rank")
    return Array._from_block(_factorization.matrix_rank(block, _tolerance(rtol, block, "matrix_rank")))


def outer(x1: Array, x2: Array, /) -> Array:
    """Return the products (N, M) of all elements of two vectors.

    Communication: none, or the cheapest of: an operand laid out anew by one exchange; the smaller one copied
    by one allgather (up to 64 MiB), or its parts sent round a ring; the sum of the products by one allreduce
    (above 1 MiB scattered, by a ring).
    """
    left, right = _promoted(x1, x2, accepts=_dt.NUMERIC, function="outer")
    return Array._from_block(_contraction.outer(left, right))


def pinv(x: Array, /, *, rtol: float | Array | None = None) -> Array:
    """Return the pseudo-inverses; singular values up to ``rtol`` times the largest count as zero.

    Parameters
    ----------
    x : Array, shape (..., M, N)
    rtol : float or Array, optional
        max(M, N) times the machine epsilon by default; an array broadcasts to the batch axes.

    Returns
    -------
    Array, shape (..., N, M)
        Of a tall matrix that the ranks share: partitioned along its columns; ``pinv(x) @ b`` solves least squares.

    Notes
    -----
    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then TSQR of those tall or wide by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P)
    messages of one above); square ones go to one rank, up to 2 GiB there (above, a MemoryError on every
    rank); others first send 2 M K elements of panels of 128 columns, broadcast, and their K×K triangle goes
    there; and the product of the factors.
    """
    block = _floating(x, "pinv")
    return Array._from_block(_factorization.pinv(block, _tolerance(rtol, block, "pinv")))


def qr(x: Array, /, *, mode: Literal["reduced", "complete"] = "reduced") -> QRResult:
    """Return Q with orthonormal columns and R upper triangular, x = Q R, with the signs of LAPACK's reflections.

    Parameters
    ----------
    x : Array, shape (..., M, N)
    mode : {"reduced", "complete"}, optional
        K = min(M, N) columns of Q and rows of R, or M.

    Returns
    -------
    QRResult (Q, R)
        Of tall matrices that the ranks share: Q partitioned along its rows, R replicated; of wide ones: Q replicated, R
        partitioned along its columns; else (and complete) both partitioned along their columns.

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication.

    Notes
    -----
    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then TSQR of those tall by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P) messages of
    one above; the first K rows of Q to one rank and K signs from there), the leading square of wide ones, of others
    2 M K elements of panels of 128 columns, broadcast.

    Sources: Demmel, Grigori, Hoemmen and Langou 2012 (TSQR); Ballard et al. 2014 (signs of reflections).
    """
    _one_of(mode, ("reduced", "complete"), "mode")
    factor, upper = _factorization.qr(_floating(x, "qr"), complete=mode == "complete")
    return QRResult(Array._from_block(factor), Array._from_block(upper))


def slogdet(x: Array, /) -> SlogdetResult:
    """Return the signs and the logarithms of the absolute values of the determinants (...) of ``x``, (..., M, M).

    A singular matrix has sign 0 and logarithm -inf.

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then elimination: one exchange that deals panels of 128 columns out, M² / 2 elements of them, broadcast,
    and their pivots.
    """
    sign, logarithm = _factorization.slogdet(_floating(x, "slogdet"))
    return SlogdetResult(Array._from_block(sign), Array._from_block(logarithm))


def solve(x1: Array, x2: Array, /) -> Array:
    """Return the solutions X of ``x1`` X = ``x2``.

    Parameters
    ----------
    x1 : Array, shape (..., M, M)
    x2 : Array, shape (M,) or (..., M, K)
        Batch axes broadcast.

    Returns
    -------
    Array, shape (..., M) or (..., M, K)

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication.
    numpy.linalg.LinAlgError
        On every rank: a matrix is singular.

    Notes
    -----
    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then elimination with row exchanges and back substitution: one exchange that deals panels of 128 columns
    out, M² elements of them, broadcast, and their pivots; ``x2`` moves once at most.
    """
    matrix, right = _promoted(x1, x2, accepts=_dt.FLOATING, function="solve")
    return Array._from_block(_factorization.solve(matrix, right))


def svd(x: Array, /, *, full_matrices: bool = True) -> SVDResult:
    """Return the singular value decomposition x = U S Vh.

    The first component of each vector on the shorter side (of Vh for a square) that is no less than 0.37 of its largest is
    positive, so that the vectors of distinct singular values are unique.

    Parameters
    ----------
    x : Array, shape (..., M, N)
    full_matrices : bool, optional
        M columns of U and N rows of Vh, or K = min(M, N).

    Returns
    -------
    SVDResult (U, S, Vh)
        S is real, shape (..., K), descending. Of tall matrices that the ranks share: U partitioned along its rows (its
        columns with ``full_matrices``), S and Vh replicated; of wide ones the reverse.

    Raises
    ------
    ValueError, TypeError, MemoryError
        On every rank, before communication.
    numpy.linalg.LinAlgError
        On every rank: a matrix is not finite, or the iteration did not converge.

    Notes
    -----
    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then TSQR of those tall or wide by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P)
    messages of one above), with ``full_matrices`` 2 M² elements of panels, broadcast; square ones go to one
    rank, up to 2 GiB there (above, a MemoryError on every rank); others first send 2 M K elements of panels
    of 128 columns, broadcast, and their K×K triangle goes there.
    """
    left, values, right = _factorization.svd(_floating(x, "svd"), full_matrices=full_matrices)
    return SVDResult(Array._from_block(left), Array._from_block(values), Array._from_block(right))


def svdvals(x: Array, /) -> Array:
    """Return the singular values (..., K), real and descending, of ``x``.

    Communication: none, one exchange or one small allgather unless the ranks share matrices (see the module);
    then TSQR of those tall or wide by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P)
    messages of one above); square ones go to one rank, up to 2 GiB there (above, a MemoryError on every
    rank); others first send M K elements of panels of 128 columns, broadcast, and their K×K triangle goes
    there.
    """
    return Array._from_block(_factorization.svdvals(_floating(x, "svdvals")))


def trace(x: Array, /, *, offset: int = 0, dtype: DType | None = None) -> Array:
    """Return the sums of the diagonals.

    Parameters
    ----------
    x : Array, shape (..., M, N)
    offset : int, optional
        How far above the main diagonal.
    dtype : DType, optional
        Of the result; integers widen to 64 bits by default.

    Returns
    -------
    Array, shape (...)

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication.

    Notes
    -----
    Communication: none unless a partitioned axis is reduced; then one allreduce of the result in double
    precision (from 1 MiB on one reduce-scatter).
    """
    block = _validation.block_of(x, _dt.NUMERIC, "trace")
    wanted = _validation.accumulation_dtype(block, dtype, "trace")
    return Array._from_block(_norms.trace(block, _integer(offset, "offset"), _TORCH[wanted]))


def vector_norm(
    x: Array,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Array:
    """Return the norms of the vectors along ``axis``.

    Parameters
    ----------
    x : Array
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool, optional
        Whether the axes stay, with length 1.
    ord : float, optional
        The order: sum(abs(x)**ord)**(1/ord); 0 counts what is not zero, inf and -inf give the greatest and least magnitude.

    Returns
    -------
    Array, real

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication: also for the least magnitude of no elements.

    Notes
    -----
    Communication: none unless a partitioned axis is reduced; then one allreduce of the result in double
    precision (from 1 MiB on one reduce-scatter).
    """
    block = _floating(x, "vector_norm")
    axes = _normalize_axes(axis, block.ndim)
    order = _host_values.real_number(ord, "ord")
    return Array._from_block(_norms.vector_norm(block, axes, order, keepdims=keepdims))
