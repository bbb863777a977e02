"""Products of vectors and matrices, and the linear algebra extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cases.drawing import ALL, COMPLEX, FLOATING, NUMERIC, Case, Example, Source, Values, drawn, find

PRODUCT_SLACK = 4.0
"""Roundings of a sum of products of some ten numbers."""

SLACK = 200.0
"""Roundings of an elimination, or of an iteration, with well-conditioned matrices of some ten rows."""


def finite(s: Source, dtype: str, shape: Sequence[int]) -> Values:
    """Draw numbers, now and then NaN and infinities; their complex products depend on the way of multiplication."""
    is_finite = dtype in COMPLEX or s.number(0, 4) > 0
    return s.values(dtype, shape, finite=is_finite)


def matmul(name: str) -> Case:
    def draw(s: Source) -> Example:
        dtype = s.dtype(NUMERIC)
        n, k, m = (s.draw(st.sampled_from([0, 1, 6, 7, 8, 9])) for _ in range(3))
        batch = s.shape(0, 1)
        first = (k,) if s.number(0, 4) == 0 else (*batch, n, k)
        second = (k,) if s.number(0, 4) == 0 else (*(batch if s.flag() else ()), k, m)
        operands = (finite(s, dtype, first), finite(s, dtype, second))
        return Example(operands, lambda xp, a, b: find(xp, name)(a, b))

    return Case(name, draw, PRODUCT_SLACK)


def vecdot(name: str) -> Case:
    def draw(s: Source) -> Example:
        dtype, shape = s.dtype(NUMERIC), s.shape(1)
        axis = s.number(-len(shape), -1)
        operands = (finite(s, dtype, shape), finite(s, dtype, shape))
        return Example(operands, lambda xp, a, b: find(xp, name)(a, b, axis=axis), f"axis={axis}")

    return Case(name, draw, PRODUCT_SLACK)


def tensordot(name: str) -> Case:
    def draw(s: Source) -> Example:
        dtype, shape = s.dtype(NUMERIC), s.shape(2, 3, 0, 7)
        axes = s.number(0, 2)
        second = (*shape[len(shape) - axes :], *s.shape(0, 2, 0, 7))
        given: Any = axes
        if s.flag("pairs"):
            given = (tuple(range(len(shape) - axes, len(shape))), tuple(range(axes)))
        operands = (finite(s, dtype, shape), finite(s, dtype, second))
        return Example(operands, lambda xp, a, b: find(xp, name)(a, b, axes=given), f"axes={given}")

    return Case(name, draw, PRODUCT_SLACK)


@drawn("linalg.cross", slack=PRODUCT_SLACK)
def CROSS(s: Source) -> Example:
    dtype, shape = s.dtype(NUMERIC), s.shape(0, 2)
    axis = s.number(-len(shape) - 1, -1)
    at = len(shape) + 1 + axis
    shape = (*shape[:at], 3, *shape[at:])
    operands = (finite(s, dtype, shape), finite(s, dtype, shape))
    return Example(operands, lambda xp, a, b: xp.linalg.cross(a, b, axis=axis), f"axis={axis}")


@drawn("linalg.outer")
def OUTER(s: Source) -> Example:
    dtype = s.dtype(NUMERIC)
    operands = (s.values(dtype, s.shape(1, 1)), s.values(dtype, s.shape(1, 1)))
    return Example(operands, lambda xp, a, b: xp.linalg.outer(a, b))


@drawn("linalg.matrix_transpose")
def MATRIX_TRANSPOSE(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(2, 3))
    return Example((x,), lambda xp, a: xp.linalg.matrix_transpose(a))


@drawn("linalg.diagonal")
def DIAGONAL(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(2, 3))
    offset = s.number(-9, 9)
    return Example((x,), lambda xp, a: xp.linalg.diagonal(a, offset=offset), f"offset={offset}")


@drawn("linalg.trace", slack=PRODUCT_SLACK)
def TRACE(s: Source) -> Example:
    x = finite(s, s.dtype(NUMERIC), s.shape(2, 3))
    offset = s.number(-9, 9)
    return Example((x,), lambda xp, a: xp.linalg.trace(a, offset=offset), f"offset={offset}")


@drawn("linalg.vector_norm", slack=PRODUCT_SLACK)
def VECTOR_NORM(s: Source) -> Example:
    x = s.values(s.dtype(FLOATING), s.shape(1, 3, 1), finite=True)
    axis, keepdims = s.axes(x.ndim), s.flag("keepdims")
    order = s.draw(st.sampled_from([2, 1, 0, 3, 0.5, -1, -2, np.inf, -np.inf]), "order")
    return Example(
        (x,),
        lambda xp, a: xp.linalg.vector_norm(a, axis=axis, keepdims=keepdims, ord=order),
        f"{axis} {order}",
    )


@drawn("linalg.matrix_norm", slack=SLACK)
def MATRIX_NORM(s: Source) -> Example:
    x = s.values(s.dtype(FLOATING), s.shape(2, 3, 1), finite=True)
    order = s.draw(st.sampled_from(["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]), "order")
    keepdims = s.flag("keepdims")
    return Example((x,), lambda xp, a: xp.linalg.matrix_norm(a, keepdims=keepdims, ord=order), f"{order}")


# ---- matrices of full rank, whose singular values lie apart


def stacked(s: Source) -> tuple[int, ...]:
    """Draw batch axes: mostly none, so that the ranks must share a matrix."""
    return s.shape(0, 1) if s.number(0, 3, "stacked") == 0 else ()


def rectangular(s: Source) -> Values:
    """Draw matrices, tall, wide or square, with singular values 1, 2, 3, ..."""
    dtype, batch = s.dtype(FLOATING), stacked(s)
    rows, columns = (s.draw(st.sampled_from([1, 2, 6, 8, 9, 40])) for _ in range(2))
    rows, columns = (rows, columns) if rows * columns < 400 else (rows, 2)
    return _with_values(s, dtype, batch, rows, columns)


def square(s: Source) -> Values:
    size = s.draw(st.sampled_from([0, 1, 2, 6, 7, 8, 9]))
    return _with_values(s, s.dtype(FLOATING), stacked(s), size, size)


def definite(s: Source) -> Values:
    """Draw a stack of Hermitian matrices with eigenvalues near 1, 2, 3, ..."""
    x = square(s)
    factor = np.linalg.qr(x)[0]
    eigenvalues = 1 + np.arange(x.shape[-1])
    result = (factor * eigenvalues) @ np.conj(np.swapaxes(factor, -1, -2))
    return np.asarray((result + np.conj(np.swapaxes(result, -1, -2))) / 2, dtype=x.dtype)


def _with_values(s: Source, dtype: str, batch: Sequence[int], rows: int, columns: int) -> Values:
    rng = s.generator()
    least = min(rows, columns)

    def orthonormal(size: int) -> Values:
        x = rng.normal(size=(*batch, size, least))
        if np.dtype(dtype).kind == "c":
            x = x + 1j * rng.normal(size=x.shape)
        return np.linalg.qr(x)[0]

    left, right = orthonormal(rows), orthonormal(columns)
    return np.asarray((left * (1 + np.arange(least))) @ np.conj(np.swapaxes(right, -1, -2)), dtype=dtype)


def of_one_matrix(
    name: str,
    draw_matrix: Callable[[Source], Values],
    truth: Callable[..., Any] | None = None,
    slack: float = SLACK,
    **options: st.SearchStrategy[Any],
) -> Case:
    """A function of one stack of matrices, with drawn keywords."""

    def draw(s: Source) -> Example:
        x = draw_matrix(s)
        keywords = {key: s.draw(each, key) for key, each in options.items()}

        def call(xp: Any, a: Any) -> Any:
            return find(xp, name)(a, **keywords)

        unique = None if truth is None else lambda xp, a: truth(xp, a, call(xp, a))
        return Example((x,), call, f"{x.shape} {keywords}", unique)

    return Case(name, draw, slack)


def _adjoint(xp: Any, x: Any) -> Any:
    return xp.conj(xp.matrix_transpose(x)) if xp.isdtype(x.dtype, "complex floating") else x.mT


def _reconstructed(xp: Any, a: Any, result: Any) -> Any:
    q, r = result
    return q @ r, _adjoint(xp, q) @ q, xp.triu(r) - r


def _recomposed(xp: Any, a: Any, result: Any) -> Any:
    u, values, vh = result
    least = values.shape[-1]
    scaled = u[..., :least] * xp.astype(values, u.dtype)[..., None, :]
    return scaled @ vh[..., :least, :], values, _adjoint(xp, u) @ u, vh @ _adjoint(xp, vh)


def _diagonalized(xp: Any, a: Any, result: Any) -> Any:
    values, vectors = result
    return values, vectors * xp.astype(values, vectors.dtype)[..., None, :] - a @ vectors


def _diagonalized_complex(xp: Any, a: Any, result: Any) -> Any:
    values, vectors = result
    lengths = xp.sum(xp.real(vectors) ** 2 + xp.imag(vectors) ** 2, axis=-2)
    return (
        vectors * values[..., None, :] - xp.astype(a, vectors.dtype) @ vectors,
        lengths,
        xp.sum(values, axis=-1),
    )


def _eigenvalue_sums(xp: Any, a: Any, values: Any) -> Any:
    return xp.sum(values, axis=-1), xp.sum(values * values, axis=-1)


@drawn("linalg.solve", slack=SLACK)
def SOLVE(s: Source) -> Example:
    matrix = square(s)
    size = matrix.shape[-1]
    shape = (size,) if s.flag("vector") else (*matrix.shape[:-1], s.draw(st.sampled_from([1, 6, 9])))
    right = s.values(matrix.dtype.name, shape, finite=True)
    return Example((matrix, right), lambda xp, a, b: xp.linalg.solve(a, b), f"{matrix.shape} {shape}")


@drawn("linalg.matrix_power", slack=SLACK**2)
def MATRIX_POWER(s: Source) -> Example:
    x, n = square(s), s.number(-2, 4)
    return Example((x,), lambda xp, a: xp.linalg.matrix_power(a, n), f"{x.shape} n={n}")


MATRIX_CASES = [
    *(matmul(name) for name in ("matmul", "linalg.matmul")),
    *(vecdot(name) for name in ("vecdot", "linalg.vecdot")),
    *(tensordot(name) for name in ("tensordot", "linalg.tensordot")),
    CROSS, OUTER, MATRIX_TRANSPOSE, DIAGONAL, TRACE, VECTOR_NORM, MATRIX_NORM, SOLVE, MATRIX_POWER,
    of_one_matrix("linalg.cholesky", definite, upper=st.booleans()),
    of_one_matrix("linalg.det", square, slack=SLACK**2),
    of_one_matrix("linalg.slogdet", square),
    of_one_matrix("linalg.inv", square),
    of_one_matrix("linalg.qr", rectangular, _reconstructed, mode=st.sampled_from(["reduced", "complete"])),
    of_one_matrix("linalg.svd", rectangular, _recomposed, full_matrices=st.booleans()),
    of_one_matrix("linalg.svdvals", rectangular),
    of_one_matrix("linalg.pinv", rectangular, rtol=st.sampled_from([None, 1e-3])),
    of_one_matrix("linalg.matrix_rank", rectangular, rtol=st.sampled_from([None, 0.3])),
    of_one_matrix("linalg.eigh", definite, _diagonalized),
    of_one_matrix("linalg.eigvalsh", definite),
    of_one_matrix("linalg.eig", square, _diagonalized_complex),
    of_one_matrix("linalg.eigvals", square, _eigenvalue_sums),
]  # fmt: skip
