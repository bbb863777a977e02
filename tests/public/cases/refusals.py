"""What functions refuse: wrong axes, shapes, data types, indices, values; on every rank the same way."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cases.drawing import COMPLEX, FLOATING, NUMERIC, REAL, Call, Values, find
from cases.elementwise import BINARY, UNARY


@dataclass(frozen=True)
class Refusal:
    """A call that raises an error, whatever the partition of its operands."""

    name: str
    operands: tuple[Values, ...] = field(repr=False)
    call: Call = field(repr=False)


def plain(shape: Sequence[int], dtype: str = "float64") -> Values:
    """Return 0, 1, 2, ... modulo 7."""
    return (np.arange(int(np.prod(shape))) % 7).astype(dtype).reshape(shape)


VECTOR, MATRIX, CUBE = plain((8,)), plain((8, 7)), plain((6, 7, 8))
SQUARE = plain((8, 8)) + 9 * np.eye(8)
INTEGERS, FLAGS = plain((8, 7), "int64"), plain((8, 7), "bool")
AT_END = np.asarray([0, 1, 2, 3, 4, 5, 6, 99])
SINGULAR = np.ones((8, 8))
NOT_FINITE = np.where(np.arange(64).reshape(8, 8) == 60, np.nan, SQUARE)
STACK = np.stack([SQUARE] * 5 + [SINGULAR])


def refusals(name: str, *rows: tuple[Any, ...]) -> list[Refusal]:
    """Return a refusal for each row of operands with the call last."""
    return [Refusal(name, tuple(row[:-1]), row[-1]) for row in rows]


def with_keywords(name: str, operands: tuple[Values, ...], *keywords: dict[str, Any]) -> list[Refusal]:
    def call(given: dict[str, Any]) -> Call:
        return lambda xp, *arrays: find(xp, name)(*arrays, **given)

    return [Refusal(name, operands, call(given)) for given in keywords]


def with_arguments(name: str, operand: Values, *arguments: tuple[Any, ...]) -> list[Refusal]:
    def call(given: tuple[Any, ...]) -> Call:
        return lambda xp, a: find(xp, name)(a, *given)

    return [Refusal(name, (operand,), call(given)) for given in arguments]


def without_operands(name: str, *calls: Call) -> list[Refusal]:
    return [Refusal(name, (), call) for call in calls]


def wrong_dtype(name: str, dtypes: list[str]) -> list[Refusal]:
    """An operand of a data type that the function does not take, or none that is an array."""
    wrong = next((dtype for dtype in ("bool", "int64", "complex128", "float32") if dtype not in dtypes), None)
    found = refusals(name, (lambda xp: find(xp, name)("text"),))
    if wrong is not None:
        found += refusals(name, (plain((8, 7), wrong), lambda xp, a: find(xp, name)(a)))
    return found


def wrong_pair(name: str, dtypes: list[str]) -> list[Refusal]:
    """Shapes that do not broadcast, kinds that do not mix, and data types that the function does not take."""
    dtype = dtypes[0]
    found = refusals(
        name,
        (plain((8, 7), dtype), plain((9, 7), dtype), lambda xp, a, b: find(xp, name)(a, b)),
        (plain((8, 7), dtype), plain((8,), dtype), lambda xp, a, b: find(xp, name)(a, b)),
        (plain((8, 7), dtype), lambda xp, a: find(xp, name)(a, "text")),
    )
    if "int64" in dtypes and "float64" in dtypes:
        found += refusals(name, (INTEGERS, MATRIX, lambda xp, a, b: find(xp, name)(a, b)))
    wrong = next((each for each in ("bool", "complex64", "int8") if each not in dtypes), None)
    if wrong is not None:
        found += refusals(
            name, (plain((8, 7), wrong), plain((8, 7), wrong), lambda xp, a, b: find(xp, name)(a, b))
        )
    return found


AXES: list[dict[str, Any]] = [{"axis": 2}, {"axis": -3}]
REPEATED: list[dict[str, Any]] = [*AXES, {"axis": (0, 0)}]


def _assigned(key: Any, value: Any) -> Call:
    def call(xp: Any, a: Any) -> Any:
        a[key] = value
        return a

    return call


def _assigned_array(xp: Any, a: Any, i: Any) -> Any:
    a[i, 0] = 1.0
    return a


ELEMENTWISE = [
    *(row for name, dtypes in UNARY.items() for row in wrong_dtype(name, dtypes)),
    *(row for name, dtypes in BINARY.items() for row in wrong_pair(name, dtypes)),
    *refusals(
        "clip",
        (MATRIX, plain((9, 7)), lambda xp, a, b: xp.clip(a, b)),
        (plain((8, 7), "complex64"), lambda xp, a: xp.clip(a, 1.0)),
    ),
]

MOVING = [
    *refusals(
        "concat",
        (MATRIX, plain((8, 6)), lambda xp, a, b: xp.concat([a, b])),
        (MATRIX, VECTOR, lambda xp, a, b: xp.concat([a, b])),
        (MATRIX, MATRIX, lambda xp, a, b: xp.concat([a, b], axis=2)),
        (MATRIX, INTEGERS, lambda xp, a, b: xp.concat([a, b])),
        (lambda xp: xp.concat([]),),
    ),
    *refusals(
        "stack",
        (MATRIX, plain((8, 6)), lambda xp, a, b: xp.stack([a, b])),
        (MATRIX, MATRIX, lambda xp, a, b: xp.stack([a, b], axis=3)),
        (lambda xp: xp.stack([]),),
    ),
    *with_arguments("reshape", MATRIX, ((8, 8),), ((-1, -1),), ((-1, 9),), ((-2, 28),)),
    *with_arguments("permute_dims", CUBE, ((0, 1),), ((0, 1, 1),), ((0, 1, 3),)),
    *with_keywords(
        "roll",
        (MATRIX,),
        {"shift": 1, "axis": 2},
        {"shift": (1, 2), "axis": 0},
        {"shift": (1, 2), "axis": (0, 5)},
        {"shift": 2.0},
        {"shift": 2.0, "axis": 1},
        {"shift": (1.0,), "axis": (0,)},
    ),
    *with_keywords("flip", (MATRIX,), *REPEATED),
    *refusals(
        "repeat",
        (MATRIX, lambda xp, a: xp.repeat(a, -1)),
        (MATRIX, lambda xp, a: xp.repeat(a, 2, axis=2)),
        (VECTOR, np.asarray([1, 2, 3]), lambda xp, a, n: xp.repeat(a, n)),
        (VECTOR, np.asarray([1, 1, 1, 1, 1, 1, 1, -1]), lambda xp, a, n: xp.repeat(a, n)),
        (VECTOR, VECTOR, lambda xp, a, n: xp.repeat(a, n)),
        (VECTOR, lambda xp, a: xp.repeat(a, 1.5)),
        (VECTOR, lambda xp, a: xp.repeat(a, (1, 2))),
        (VECTOR, lambda xp, a: xp.repeat(a, 2**62)),
    ),
    *with_arguments("tile", MATRIX, ((2, -1),), (("x",),)),
    *with_arguments("expand_dims", MATRIX, (3,), (-4,), ((0, 0),)),
    *with_arguments("squeeze", MATRIX, (0,), (2,), ((0, 1),)),
    *with_arguments("moveaxis", MATRIX, (2, 0), (0, -3), ((0, 1), (0, 0)), ((0, 1), (0,))),
    *with_arguments("broadcast_to", MATRIX, ((8, 8),), ((7,),), ((2, 8, -7),)),
    *refusals("broadcast_arrays", (MATRIX, plain((9, 7)), lambda xp, a, b: xp.broadcast_arrays(a, b))),
    *without_operands("broadcast_shapes", lambda xp: xp.broadcast_shapes((8, 7), (9, 7))),
    *with_keywords("unstack", (MATRIX,), *AXES),
    *refusals(
        "meshgrid",
        (MATRIX, lambda xp, a: xp.meshgrid(a)),
        (VECTOR, lambda xp, a: xp.meshgrid(a, indexing="yx")),
        (VECTOR, plain((8,), "int8"), lambda xp, a, b: xp.meshgrid(a, b)),
    ),
    *refusals("matrix_transpose", (VECTOR, lambda xp, a: xp.matrix_transpose(a))),
    *(row for name in ("tril", "triu") for row in with_keywords(name, (VECTOR,), {"k": 0})),
    *(row for name in ("tril", "triu") for row in with_keywords(name, (MATRIX,), {"k": 1.5})),
    *(
        row
        for name in ("zeros", "ones", "empty")
        for row in without_operands(
            name,
            lambda xp, name=name: find(xp, name)((8, -1)),
            lambda xp, name=name: find(xp, name)((8, 1.5)),
            lambda xp, name=name: find(xp, name)((2**40, 2**40)),
        )
    ),
    *without_operands(
        "full",
        lambda xp: xp.full((8, -1), 1.0),
        lambda xp: xp.full((8,), "text"),
        lambda xp: xp.full((8,), np.nan, dtype=xp.int64),
        lambda xp: xp.full((8,), 1.5, dtype=xp.bool),
        lambda xp: xp.full((8,), 1 + 2j, dtype=xp.float64),
        lambda xp: xp.full((8,), 1 + 2j, dtype=xp.uint16),
        lambda xp: xp.full((8,), 300, dtype=xp.int8),
        lambda xp: xp.full((8,), 2**63),
        lambda xp: xp.full((8,), 10**400, dtype=xp.float64),
    ),
    *refusals(
        "full_like",
        (plain((8, 7), "uint8"), lambda xp, a: xp.full_like(a, -1.0)),
        (plain((8, 7), "uint8"), lambda xp, a: xp.full_like(a, -1)),
        (MATRIX, plain(()), lambda xp, a, value: xp.full_like(a, value)),
    ),
    *(
        row
        for name in ("zeros_like", "ones_like", "empty_like")
        for row in with_keywords(name, (MATRIX,), {"dtype": "float64"})
    ),
    *with_keywords("full_like", (MATRIX,), {"fill_value": "text"}, {"fill_value": 1.0, "dtype": "float64"}),
    *without_operands(
        "asarray",
        lambda xp: xp.asarray([[1, 2], [3]]),
        lambda xp: xp.asarray("text"),
        lambda xp: xp.asarray([1.0], copy=False),
        lambda xp: xp.asarray(2**63),
        lambda xp: xp.asarray([2**63, 1]),
        lambda xp: xp.asarray([2**63, -1], dtype=xp.uint64),
        lambda xp: xp.asarray(300, dtype=xp.int8),
        lambda xp: xp.asarray([[0, 2**40]], dtype=xp.int32),
        lambda xp: xp.asarray(1 + 2j, dtype=xp.float64),
        lambda xp: xp.asarray([1 + 2j], dtype=xp.int64),
        lambda xp: xp.asarray(np.asarray([1 + 2j]), dtype=xp.float32),
        lambda xp: xp.asarray([1.5, None]),
    ),
    *refusals("asarray", (plain((8, 7), "complex64"), lambda xp, a: xp.asarray(a, dtype=xp.float32))),
    *refusals("from_dlpack", (lambda xp: xp.from_dlpack([1.0, 2.0]),)),
    *without_operands(
        "arange",
        lambda xp: xp.arange(0, 9, 0),
        lambda xp: xp.arange("9"),
        lambda xp: xp.arange(2**63, 2**63 + 3),
        lambda xp: xp.arange(-3, 3, dtype=xp.uint8),
        lambda xp: xp.arange(0.0, 300.0, 20.0, dtype=xp.uint8),
        lambda xp: xp.arange(2**70),
    ),
    *without_operands(
        "linspace",
        lambda xp: xp.linspace(0, 1, -1),
        lambda xp: xp.linspace(0, 1, 9.0),
        lambda xp: xp.linspace(0, 1, 2**64),
        lambda xp: xp.linspace("0", 1, 9),
        lambda xp: xp.linspace(0, 1 + 1j, 9, dtype=xp.float64),
    ),
    *without_operands("eye", lambda xp: xp.eye(-1), lambda xp: xp.eye(8, -7), lambda xp: xp.eye(8, k=1.5)),
]

QUERIES = [
    *(
        row
        for name in ("sum", "prod")
        for row in (
            *wrong_dtype(name, NUMERIC),
            *with_keywords(name, (MATRIX,), *REPEATED),
            *refusals(name, (MATRIX, lambda xp, a, name=name: find(xp, name)(a, dtype=xp.bool))),
        )
    ),
    *(row for name in ("all", "any", "count_nonzero") for row in with_keywords(name, (MATRIX,), *REPEATED)),
    *(
        row
        for name in ("mean", "var", "std")
        for row in (*wrong_dtype(name, FLOATING), *with_keywords(name, (MATRIX,), *REPEATED))
    ),
    *(row for name in ("min", "max") for row in with_keywords(name, (MATRIX,), *REPEATED)),
    *(row for name in ("min", "max") for row in with_keywords(name, (plain((8, 0)),), {"axis": 1}, {})),
    *(row for name in ("argmin", "argmax") for row in with_keywords(name, (MATRIX,), *AXES)),
    *(row for name in ("argmin", "argmax") for row in with_keywords(name, (plain((8, 0)),), {"axis": 1}, {})),
    *(
        row
        for name in ("cumulative_sum", "cumulative_prod")
        for row in (
            *with_keywords(name, (MATRIX,), *AXES, {}),
            *refusals(name, (VECTOR, lambda xp, a, name=name: find(xp, name)(a, dtype=xp.bool))),
        )
    ),
    *(
        row
        for name in ("sort", "argsort")
        for row in (*with_keywords(name, (MATRIX,), *AXES), *wrong_dtype(name, REAL))
    ),
    *(
        row
        for name in ("unique_values", "unique_counts", "unique_inverse", "unique_all")
        for row in refusals(name, (lambda xp, name=name: find(xp, name)("text"),))
    ),
    *refusals("nonzero", (plain(()), lambda xp, a: xp.nonzero(a))),
    *refusals(
        "where",
        (FLAGS, plain((9, 7)), MATRIX, lambda xp, c, a, b: xp.where(c, a, b)),
        (MATRIX, MATRIX, MATRIX, lambda xp, c, a, b: xp.where(c, a, b)),
        (FLAGS, MATRIX, INTEGERS, lambda xp, c, a, b: xp.where(c, a, b)),
    ),
    *refusals(
        "searchsorted",
        (MATRIX, VECTOR, lambda xp, a, b: xp.searchsorted(a, b)),
        (VECTOR, VECTOR, lambda xp, a, b: xp.searchsorted(a, b, side="middle")),
        (VECTOR, VECTOR, np.arange(7), lambda xp, a, b, s: xp.searchsorted(a, b, sorter=s)),
        (VECTOR, VECTOR, AT_END, lambda xp, a, b, s: xp.searchsorted(a, b, sorter=s)),
        (VECTOR, plain((8,), "int8"), lambda xp, a, b: xp.searchsorted(a, b)),
    ),
    *refusals(
        "take",
        (MATRIX, AT_END, lambda xp, a, i: xp.take(a, i, axis=0)),
        (MATRIX, -AT_END, lambda xp, a, i: xp.take(a, i, axis=1)),
        (MATRIX, AT_END, lambda xp, a, i: xp.take(a, i)),
        (MATRIX, VECTOR, lambda xp, a, i: xp.take(a, i, axis=0)),
        (MATRIX, INTEGERS, lambda xp, a, i: xp.take(a, i, axis=0)),
        (MATRIX, AT_END, lambda xp, a, i: xp.take(a, i, axis=2)),
    ),
    *refusals(
        "take_along_axis",
        (MATRIX, np.full((8, 7), 6) + 2 * np.eye(8, 7, dtype=int), lambda xp, a, i: xp.take_along_axis(a, i)),
        (MATRIX, AT_END, lambda xp, a, i: xp.take_along_axis(a, i)),
        (MATRIX, plain((9, 7), "int64"), lambda xp, a, i: xp.take_along_axis(a, i)),
        (MATRIX, MATRIX, lambda xp, a, i: xp.take_along_axis(a, i)),
    ),
    *refusals("isin", (INTEGERS, VECTOR, lambda xp, a, b: xp.isin(a, b))),
    *refusals(
        "diff",
        (MATRIX, lambda xp, a: xp.diff(a, axis=2)),
        (MATRIX, lambda xp, a: xp.diff(a, n=-1)),
        (MATRIX, plain((9, 7)), lambda xp, a, b: xp.diff(a, append=b)),
        (FLAGS, lambda xp, a: xp.diff(a)),
    ),
]


def matrix_product(name: str) -> list[Refusal]:
    return refusals(
        name,
        (MATRIX, MATRIX, lambda xp, a, b: find(xp, name)(a, b)),
        (MATRIX, VECTOR, lambda xp, a, b: find(xp, name)(a, b)),
        (MATRIX, plain(()), lambda xp, a, b: find(xp, name)(a, b)),
        (CUBE, plain((5, 8, 6)), lambda xp, a, b: find(xp, name)(a, b)),
        (FLAGS, plain((7, 8), "bool"), lambda xp, a, b: find(xp, name)(a, b)),
    )


def contraction(name: str) -> list[Refusal]:
    return [
        *with_keywords(name, (MATRIX, MATRIX), {"axes": 1}, {"axes": 3}, {"axes": ((0,), (1,))}),
        *with_keywords(
            name, (MATRIX, MATRIX), {"axes": ((0, 0), (0, 0))}, {"axes": ((0,), (2,))}, {"axes": -1}
        ),
    ]


def vector_product(name: str) -> list[Refusal]:
    return [
        *with_keywords(name, (MATRIX, plain((8, 6))), {}),
        *with_keywords(name, (MATRIX, MATRIX), {"axis": 0}, {"axis": -3}),
        *with_keywords(name, (FLAGS, FLAGS), {}),
    ]


SQUARE_ONLY = ["cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "slogdet"]
ANY_MATRIX = ["qr", "svd", "svdvals", "pinv", "matrix_rank", "matrix_norm"]


def of_matrices(name: str) -> list[Refusal]:
    found = refusals(
        f"linalg.{name}",
        (VECTOR, lambda xp, a: find(xp, f"linalg.{name}")(a)),
        (INTEGERS, lambda xp, a: find(xp, f"linalg.{name}")(a)),
    )
    if name in SQUARE_ONLY:
        found += refusals(f"linalg.{name}", (MATRIX, lambda xp, a: find(xp, f"linalg.{name}")(a)))
    return found


MATRICES = [
    *(row for name in ("matmul", "linalg.matmul") for row in matrix_product(name)),
    *(row for name in ("tensordot", "linalg.tensordot") for row in contraction(name)),
    *(row for name in ("vecdot", "linalg.vecdot") for row in vector_product(name)),
    *(row for name in SQUARE_ONLY + ANY_MATRIX for row in of_matrices(name)),
    *refusals(
        "linalg.cholesky",
        (-SQUARE, lambda xp, a: xp.linalg.cholesky(a)),
        (np.stack([np.eye(8)] * 5 + [-np.eye(8)]), lambda xp, a: xp.linalg.cholesky(a)),
    ),
    *refusals(
        "linalg.inv",
        (SINGULAR, lambda xp, a: xp.linalg.inv(a)),
        (STACK, lambda xp, a: xp.linalg.inv(a)),
    ),
    *refusals(
        "linalg.solve",
        (SINGULAR, VECTOR, lambda xp, a, b: xp.linalg.solve(a, b)),
        (STACK, plain((8, 2)), lambda xp, a, b: xp.linalg.solve(a, b)),
        (SQUARE, plain((7, 2)), lambda xp, a, b: xp.linalg.solve(a, b)),
        (MATRIX, VECTOR, lambda xp, a, b: xp.linalg.solve(a, b)),
    ),
    *(
        row
        for name in ("eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals", "pinv", "matrix_rank")
        for row in refusals(
            f"linalg.{name}", (NOT_FINITE, lambda xp, a, name=name: find(xp, f"linalg.{name}")(a))
        )
    ),
    *with_keywords("linalg.qr", (MATRIX,), {"mode": "raw"}),
    *with_keywords("linalg.matrix_norm", (MATRIX,), {"ord": 3}, {"ord": "euclid"}),
    *with_keywords("linalg.matrix_norm", (plain((8, 0)),), {"ord": -1}, {"ord": -2}),
    *refusals("linalg.pinv", (CUBE, plain((5,)), lambda xp, a, t: xp.linalg.pinv(a, rtol=t))),
    *with_arguments("linalg.matrix_power", MATRIX, (2,)),
    *with_arguments("linalg.matrix_power", SINGULAR, (-1,), (1.5,)),
    *refusals(
        "linalg.cross",
        (MATRIX, MATRIX, lambda xp, a, b: xp.linalg.cross(a, b)),
        (plain((8, 3)), plain((8, 3)), lambda xp, a, b: xp.linalg.cross(a, b, axis=-3)),
        (plain((8, 3)), plain((7, 3)), lambda xp, a, b: xp.linalg.cross(a, b)),
    ),
    *refusals(
        "linalg.outer",
        (MATRIX, VECTOR, lambda xp, a, b: xp.linalg.outer(a, b)),
        (VECTOR, plain((8,), "bool"), lambda xp, a, b: xp.linalg.outer(a, b)),
    ),
    *refusals("linalg.matrix_transpose", (VECTOR, lambda xp, a: xp.linalg.matrix_transpose(a))),
    *refusals("linalg.diagonal", (VECTOR, lambda xp, a: xp.linalg.diagonal(a))),
    *refusals(
        "linalg.trace",
        (VECTOR, lambda xp, a: xp.linalg.trace(a)),
        (FLAGS, lambda xp, a: xp.linalg.trace(a)),
        (MATRIX, lambda xp, a: xp.linalg.trace(a, dtype=xp.bool)),
        (plain((8, 7), "complex64"), lambda xp, a: xp.linalg.trace(a, dtype=xp.float64)),
    ),
    *with_keywords("linalg.vector_norm", (MATRIX,), *REPEATED, {"ord": "fro"}),
    *with_keywords("linalg.vector_norm", (plain((8, 0)),), {"ord": -np.inf}),
]

SPECTRUM = plain((8, 7), "complex128")


def transform(name: str, operand: Values) -> list[Refusal]:
    return [
        *with_keywords(name, (operand,), *AXES, {"n": 0}, {"n": -3}, {"norm": "none"}),
        *with_keywords(name, (operand[:, :0],), {}),
        *wrong_dtype(name, []),
    ]


def transforms(name: str, operand: Values) -> list[Refusal]:
    return [
        *with_keywords(name, (operand,), {"axes": (0, 2)}, {"axes": (0, 0)}, {"s": (3,), "axes": (0, 1)}),
        *with_keywords(name, (operand,), {"s": (3, 3)}, {"s": (3, 0), "axes": (0, 1)}, {"norm": "none"}),
    ]


FOURIER = [
    *(row for name in ("fft", "ifft", "irfft", "hfft") for row in transform(f"fft.{name}", SPECTRUM)),
    *(row for name in ("rfft", "ihfft") for row in transform(f"fft.{name}", MATRIX)),
    *(row for name in ("fftn", "ifftn", "irfftn") for row in transforms(f"fft.{name}", SPECTRUM)),
    *transforms("fft.rfftn", MATRIX),
    *(
        row
        for name in ("fft.fftfreq", "fft.rfftfreq")
        for row in without_operands(
            name,
            lambda xp, name=name: find(xp, name)(0),
            lambda xp, name=name: find(xp, name)(8, dtype=xp.int64),
        )
    ),
    *(
        row
        for name in ("fft.fftshift", "fft.ifftshift")
        for row in (*with_keywords(name, (MATRIX,), {"axes": 2}), *wrong_dtype(name, COMPLEX))
    ),
]

ARRAYS = [
    *(
        Refusal("__getitem__", (MATRIX,), lambda xp, a, key=key: a[key])
        for key in [(8, 0), (0, -8), (0, 0, 0), 1.5, "text", (slice(None), slice(None, None, 0)), (..., ...)]
    ),
    *refusals(
        "__getitem__",
        (MATRIX, AT_END, lambda xp, a, i: a[i, 0]),
        (MATRIX, AT_END, lambda xp, a, i: a[i, i]),
        (MATRIX, plain((8, 6), "bool"), lambda xp, a, m: a[m]),
        (MATRIX, VECTOR, lambda xp, a, i: a[i]),
        (MATRIX, AT_END, lambda xp, a, i: a[0:i]),
        (MATRIX, lambda xp, a: a[np.asarray([0, 2**64 - 1], dtype="uint64")]),
    ),
    *(
        Refusal("__setitem__", (MATRIX,), _assigned(key, value))
        for key, value in [((8, 0), 1.0), ((0, -8), 1.0), ((0, 0, 0), 1.0), (0, "text"), (0, 1j)]
    ),
    *refusals(
        "__setitem__",
        (MATRIX, AT_END, _assigned_array),
        (MATRIX, VECTOR, lambda xp, a, v: _assigned(0, v)(xp, a)),
        (MATRIX, INTEGERS, lambda xp, a, v: _assigned(slice(None), v)(xp, a)),
    ),
    *refusals(
        "__add__",
        (MATRIX, plain((9, 7)), lambda xp, a, b: a + b),
        (INTEGERS, lambda xp, a: a + 1.5),
        (INTEGERS, lambda xp, a: a + 2**70),
        (MATRIX, lambda xp, a: a + "text"),
    ),
    *(
        row
        for name, compare in (("__eq__", operator.eq), ("__ne__", operator.ne))
        for row in refusals(
            name,
            (INTEGERS, lambda xp, a, compare=compare: compare(a, np.int64(1))),
            (INTEGERS, lambda xp, a, compare=compare: compare(a, np.asarray([1]))),
            (FLAGS, lambda xp, a, compare=compare: compare(np.bool_(True), a)),
        )
    ),
    *refusals("__matmul__", (MATRIX, MATRIX, lambda xp, a, b: a @ b), (MATRIX, lambda xp, a: a @ 2.0)),
    *refusals("__bool__", (VECTOR, lambda xp, a: bool(a))),
    *refusals("__int__", (VECTOR, lambda xp, a: int(a)), (plain((), "complex64"), lambda xp, a: int(a))),
    *refusals(
        "__float__", (VECTOR, lambda xp, a: float(a)), (plain((), "complex64"), lambda xp, a: float(a))
    ),
    *refusals("__complex__", (VECTOR, lambda xp, a: complex(a))),
    *refusals("__index__", (VECTOR, lambda xp, a: a.__index__()), (plain(()), lambda xp, a: a.__index__())),
    *refusals("T", (CUBE, lambda xp, a: a.T)),
    *refusals("mT", (VECTOR, lambda xp, a: a.mT)),
    *refusals("to_device", (VECTOR, lambda xp, a: a.to_device("cpu"))),
    *refusals("__array_namespace__", (VECTOR, lambda xp, a: a.__array_namespace__(api_version="1999.01"))),
]

METADATA = [
    *refusals("astype", (plain((8, 7), "complex64"), lambda xp, a: xp.astype(a, xp.float32))),
    *refusals("astype", (MATRIX, lambda xp, a: xp.astype(a, "float32"))),
    *refusals("can_cast", (MATRIX, lambda xp, a: xp.can_cast(a, "float32"))),
    *refusals(
        "result_type",
        (MATRIX, INTEGERS, lambda xp, a, b: xp.result_type(a, b)),
        (lambda xp: xp.result_type(),),
    ),
    *refusals("isdtype", (lambda xp: xp.isdtype(xp.int8, "text"),), (lambda xp: xp.isdtype("text", "bool"),)),
    *refusals("finfo", (INTEGERS, lambda xp, a: xp.finfo(a))),
    *refusals("iinfo", (MATRIX, lambda xp, a: xp.iinfo(a))),
]

REFUSALS: list[Refusal] = [*ELEMENTWISE, *MOVING, *QUERIES, *MATRICES, *FOURIER, *ARRAYS, *METADATA]
