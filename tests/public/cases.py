"""A call of every function of the namespace: what it takes, drawn by Hypothesis, and how it is called on any namespace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

BOOLEAN = ["bool"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGER = SIGNED + UNSIGNED
REAL_FLOATING = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
FLOATING = REAL_FLOATING + COMPLEX
REAL = INTEGER + REAL_FLOATING
NUMERIC = REAL + COMPLEX
ALL = NUMERIC + BOOLEAN
INTEGER_OR_BOOLEAN = INTEGER + BOOLEAN

# The last bits of some functions depend on where an element lies in a block (SIMD body or tail).
ULPS = 4.0

Values: TypeAlias = np.ndarray[Any, Any]
Call: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Example:
    """Host operands and a call that takes (namespace, *operands)."""

    operands: tuple[Values, ...]
    call: Call
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A function and how examples of its arguments are drawn."""

    name: str
    draw: Callable[[st.DataObject], Example] = field(repr=False)


def draw_shape(
    data: st.DataObject, least: int = 1, most: int = 3, low: int = 0, high: int = 9
) -> tuple[int, ...]:
    return tuple(data.draw(st.lists(st.integers(low, high), min_size=least, max_size=most), label="shape"))


def values(
    data: st.DataObject,
    dtype: str,
    shape: Sequence[int],
    *,
    low: int = -9,
    positive: bool = False,
    finite: bool = False,
) -> Values:
    """Small numbers with many ties, and now and then NaN, infinities, zeros of both signs, extremes."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16), label="seed"))
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if kind in "iu":
        limits = np.iinfo(dtype)
        small = rng.integers(max(low, limits.min, 1 if positive else limits.min), 10, shape).astype(dtype)
        extreme = rng.random(shape) < 0.05 if not positive else np.zeros(shape, bool)
        return np.where(extreme, limits.max, small).astype(dtype)
    parts = [np.round(rng.normal(size=shape) * 4, 1) for _ in range(2 if kind == "c" else 1)]
    if positive:
        parts = [np.abs(part) + 0.5 for part in parts]
    elif kind == "c":
        # NumPy divides by a complex zero, and orders complex NaN, in its own way.
        parts[0] = parts[0] + 0.05
    elif not finite and data.draw(st.booleans(), label="special"):
        special = np.asarray([np.nan, np.inf, -np.inf, 0.0, -0.0])
        parts = [np.where(rng.random(shape) < 0.1, rng.choice(special, shape), part) for part in parts]
    result = np.empty(shape, dtype)
    # Not real + 1j * imaginary: an infinite part would make the other NaN.
    result.real = parts[0]
    if kind == "c":
        result.imag = parts[1]
    return result


def assert_same(found: Values, expected: Values) -> None:
    """Hold ``found`` to ``expected``: exactly for integers and booleans, to a few ulps for floating-point values."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected)
        return
    if found.dtype.kind == "c":
        # By parts: beside an infinite one the other may be rounded.
        assert_same(found.real.copy(), expected.real.copy())
        assert_same(found.imag.copy(), expected.imag.copy())
        return
    eps = float(np.finfo(found.dtype).eps)
    scale = float(np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0))
    np.testing.assert_allclose(found, expected, rtol=ULPS * eps, atol=32 * eps * scale)


def draw_axis(data: st.DataObject, ndim: int, *, none: bool = True) -> int | None:
    axes = st.integers(-ndim, ndim - 1)
    return data.draw(st.one_of(st.none(), axes) if none else axes, label="axis")


def draw_axes(data: st.DataObject, ndim: int) -> int | tuple[int, ...] | None:
    several = st.lists(st.integers(0, max(ndim - 1, 0)), max_size=ndim, unique=True).map(tuple)
    one = st.integers(-ndim, ndim - 1)
    return data.draw(st.one_of(st.none(), one, several), label="axes")


def unary(name: str, dtypes: list[str]) -> Case:
    def draw(data: st.DataObject) -> Example:
        dtype = data.draw(st.sampled_from(dtypes), label="dtype")
        x = values(data, dtype, draw_shape(data, 1 if name == "nonzero" else 0))
        return Example((x,), lambda xp, a: getattr(xp, name)(a))

    return Case(name, draw)


def broadcastable(data: st.DataObject) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = draw_shape(data, 0, 3)
    other = [1 if data.draw(st.integers(0, 4), label="stretch") == 0 else length for length in shape]
    other = other[data.draw(st.integers(0, len(other)), label="drop") :]
    pair = (shape, tuple(other))
    return pair if data.draw(st.booleans(), label="order") else (pair[1], pair[0])


SAFE_SECOND = {"bitwise_left_shift", "bitwise_right_shift", "pow", "floor_divide", "remainder"}


def binary(name: str, dtypes: list[str]) -> Case:
    def draw(data: st.DataObject) -> Example:
        dtype = data.draw(st.sampled_from(dtypes), label="dtype")
        first, second = broadcastable(data)
        safe = name in SAFE_SECOND and np.dtype(dtype).kind in "iu"
        # NumPy, and so array_api_strict, divides infinities otherwise than the standard.
        finite = name == "floor_divide"
        x1 = values(data, dtype, first, low=0 if safe else -9, finite=finite)
        x2 = values(data, dtype, second, positive=safe, finite=finite)
        if safe and "shift" in name:
            x2 = (x2 % 8).astype(dtype)
        if safe and name == "pow":
            x1, x2 = (x1 % 4).astype(dtype), (x2 % 4).astype(dtype)
        return Example((x1, x2), lambda xp, a, b: getattr(xp, name)(a, b))

    return Case(name, draw)


def reduction(name: str, dtypes: list[str], *, may_be_empty: bool = True, **fixed: object) -> Case:
    def draw(data: st.DataObject) -> Example:
        dtype = data.draw(st.sampled_from(dtypes), label="dtype")
        x = values(data, dtype, draw_shape(data, 0, 3, 0 if may_be_empty else 1))
        axis = draw_axes(data, x.ndim) if x.ndim else None
        keepdims = data.draw(st.booleans(), label="keepdims")
        return Example(
            (x,), lambda xp, a: getattr(xp, name)(a, axis=axis, keepdims=keepdims, **fixed), f"axis={axis}"
        )

    return Case(name, draw)


def along(
    name: str, dtypes: list[str], *, none: bool = False, least: int = 0, **options: st.SearchStrategy[Any]
) -> Case:
    """A function with one ``axis`` keyword and further drawn keywords."""

    def draw(data: st.DataObject) -> Example:
        dtype = data.draw(st.sampled_from(dtypes), label="dtype")
        # Where NaN goes in a descending sort is open.
        x = values(data, dtype, draw_shape(data, 1, 3, least), finite=name in {"sort", "argsort"})
        keywords = {key: data.draw(each, label=key) for key, each in options.items()}
        keywords["axis"] = draw_axis(data, x.ndim, none=none)
        return Example((x,), lambda xp, a: getattr(xp, name)(a, **keywords), str(keywords))

    return Case(name, draw)


def drawn(name: str) -> Callable[[Callable[[st.DataObject], Example]], Case]:
    """Turn a drawing function into the case of the function ``name``."""
    return lambda draw: Case(name, draw)


@drawn("concat")
def CONCAT(data: st.DataObject) -> Example:
    dtype, shape = data.draw(st.sampled_from(ALL)), draw_shape(data, 1)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    shapes = []
    for _ in range(data.draw(st.integers(1, 3))):
        other = list(shape)
        other[axis] = data.draw(st.integers(0, 7))
        shapes.append(other)
    flat = data.draw(st.booleans())
    operands = tuple(values(data, dtype, each) for each in shapes)
    return Example(operands, lambda xp, *arrays: xp.concat(list(arrays), axis=None if flat else axis))


@drawn("stack")
def STACK(data: st.DataObject) -> Example:
    dtype, shape = data.draw(st.sampled_from(ALL)), draw_shape(data, 0)
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    operands = tuple(values(data, dtype, shape) for _ in range(data.draw(st.integers(1, 3))))
    return Example(operands, lambda xp, *arrays: xp.stack(list(arrays), axis=axis))


@drawn("reshape")
def RESHAPE(data: st.DataObject) -> Example:
    shape = draw_shape(data, 0, 4, 1, 6)
    factors = [f for length in shape for f in ([2, length // 2] if length % 2 == 0 and length else [length])]
    order = data.draw(st.permutations(factors))
    cut = data.draw(st.integers(0, len(order)))
    target = (
        (*order[:cut], int(np.prod(order[cut:], dtype=int))) if data.draw(st.booleans()) else tuple(order)
    )
    if target and data.draw(st.booleans()):
        target = (*target[:-1], -1)
    x = values(data, data.draw(st.sampled_from(ALL)), shape)
    return Example((x,), lambda xp, a: xp.reshape(a, target), f"{shape} -> {target}")


@drawn("permute_dims")
def PERMUTE_DIMS(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 0))
    order = tuple(data.draw(st.permutations(range(x.ndim))))
    return Example((x,), lambda xp, a: xp.permute_dims(a, order))


@drawn("roll")
def ROLL(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1))
    axis = draw_axis(data, x.ndim)
    shift = data.draw(st.integers(-12, 12))
    return Example((x,), lambda xp, a: xp.roll(a, shift, axis=axis))


@drawn("flip")
def FLIP(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1))
    axes = draw_axes(data, x.ndim)
    return Example((x,), lambda xp, a: xp.flip(a, axis=axes))


@drawn("repeat")
def REPEAT(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1))
    axis = draw_axis(data, x.ndim)
    if data.draw(st.booleans()):
        times = data.draw(st.integers(0, 4))
        return Example((x,), lambda xp, a: xp.repeat(a, times, axis=axis))
    length = x.size if axis is None else x.shape[axis]
    counts = np.abs(values(data, "int64", (length,), positive=True)) % 4
    return Example((x, counts), lambda xp, a, n: xp.repeat(a, n, axis=axis))


@drawn("tile")
def TILE(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 0))
    repetitions = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    return Example((x,), lambda xp, a: xp.tile(a, repetitions))


@drawn("expand_dims")
def EXPAND_DIMS(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 0))
    axis = data.draw(st.integers(-x.ndim - 1, x.ndim))
    return Example((x,), lambda xp, a: xp.expand_dims(a, axis))


@drawn("squeeze")
def SQUEEZE(data: st.DataObject) -> Example:
    shape = draw_shape(data, 1)
    at = data.draw(st.integers(0, len(shape)))
    x = values(data, data.draw(st.sampled_from(ALL)), (*shape[:at], 1, *shape[at:]))
    return Example((x,), lambda xp, a: xp.squeeze(a, at))


@drawn("moveaxis")
def MOVEAXIS(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1))
    source, target = data.draw(st.integers(-x.ndim, x.ndim - 1)), data.draw(st.integers(-x.ndim, x.ndim - 1))
    return Example((x,), lambda xp, a: xp.moveaxis(a, source, target))


@drawn("broadcast_to")
def BROADCAST_TO(data: st.DataObject) -> Example:
    shape = draw_shape(data, 0)
    x = values(
        data, data.draw(st.sampled_from(ALL)), tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    )
    target = (*draw_shape(data, 0, 1), *shape)
    return Example((x,), lambda xp, a: xp.broadcast_to(a, target))


@drawn("broadcast_arrays")
def BROADCAST_ARRAYS(data: st.DataObject) -> Example:
    first, second = broadcastable(data)
    return Example(
        (values(data, "int64", first), values(data, "bool", second)),
        lambda xp, a, b: xp.broadcast_arrays(a, b),
    )


@drawn("unstack")
def UNSTACK(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    return Example((x,), lambda xp, a: xp.unstack(a, axis=axis))


@drawn("where")
def WHERE(data: st.DataObject) -> Example:
    first, second = broadcastable(data)
    dtype = data.draw(st.sampled_from(ALL))
    operands = (values(data, "bool", first), values(data, dtype, second), values(data, dtype, first))
    return Example(operands, lambda xp, c, a, b: xp.where(c, a, b))


@drawn("clip")
def CLIP(data: st.DataObject) -> Example:
    first, second = broadcastable(data)
    dtype = data.draw(st.sampled_from(REAL))
    low = values(data, dtype, second)
    high = np.where(np.isnan(low), low, np.abs(low)).astype(dtype) if dtype in REAL_FLOATING else np.abs(low)
    which = data.draw(st.sampled_from(["both", "min", "max"]))
    return Example(
        (values(data, dtype, first), np.minimum(low, high), np.maximum(low, high)),
        lambda xp, a, b, c: xp.clip(a, b if which != "max" else None, c if which != "min" else None),
    )


@drawn("searchsorted")
def SEARCHSORTED(data: st.DataObject) -> Example:
    dtype = data.draw(st.sampled_from(REAL))
    x = values(data, dtype, (data.draw(st.integers(1, 20)),))
    side = data.draw(st.sampled_from(["left", "right"]))
    v = values(data, dtype, draw_shape(data, 0, 2))
    if data.draw(st.booleans()):
        return Example((np.sort(x), v), lambda xp, a, b: xp.searchsorted(a, b, side=side))
    return Example(
        (x, v, np.argsort(x, kind="stable")), lambda xp, a, b, s: xp.searchsorted(a, b, side=side, sorter=s)
    )


@drawn("take")
def TAKE(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1, 3, 1))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    indices = rng.integers(0, x.shape[axis], data.draw(st.integers(0, 12)))
    return Example((x, indices), lambda xp, a, i: xp.take(a, i, axis=axis))


@drawn("take_along_axis")
def TAKE_ALONG_AXIS(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1, 3, 1))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shape = list(x.shape)
    shape[axis] = data.draw(st.integers(0, 7))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    indices = rng.integers(0, x.shape[axis], shape)
    return Example((x, indices), lambda xp, a, i: xp.take_along_axis(a, i, axis=axis))


@drawn("isin")
def ISIN(data: st.DataObject) -> Example:
    dtype = data.draw(st.sampled_from(INTEGER))
    invert = data.draw(st.booleans())
    operands = (values(data, dtype, draw_shape(data, 0)), values(data, dtype, draw_shape(data, 0, 2)))
    return Example(operands, lambda xp, a, b: xp.isin(a, b, invert=invert))


@drawn("diff")
def DIFF(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(NUMERIC)), draw_shape(data, 1, 3, 1))
    axis, n = data.draw(st.integers(-x.ndim, x.ndim - 1)), data.draw(st.integers(0, 2))
    return Example((x,), lambda xp, a: xp.diff(a, axis=axis, n=n))


@drawn("matmul")
def MATMUL(data: st.DataObject) -> Example:
    dtype = data.draw(st.sampled_from(NUMERIC))
    n, k, m = (data.draw(st.integers(0, 7)) for _ in range(3))
    batch = draw_shape(data, 0, 1)
    first = (k,) if data.draw(st.integers(0, 4)) == 0 else (*batch, n, k)
    second = (k,) if data.draw(st.integers(0, 4)) == 0 else (k, m)
    return Example(
        (values(data, dtype, first), values(data, dtype, second)), lambda xp, a, b: xp.matmul(a, b)
    )


@drawn("vecdot")
def VECDOT(data: st.DataObject) -> Example:
    dtype, shape = data.draw(st.sampled_from(NUMERIC)), draw_shape(data, 1)
    axis = data.draw(st.integers(-len(shape), -1))
    return Example(
        (values(data, dtype, shape), values(data, dtype, shape)), lambda xp, a, b: xp.vecdot(a, b, axis=axis)
    )


@drawn("tensordot")
def TENSORDOT(data: st.DataObject) -> Example:
    dtype, shape = data.draw(st.sampled_from(NUMERIC)), draw_shape(data, 2, 3, 0, 5)
    axes = data.draw(st.integers(0, 2))
    second = (*shape[len(shape) - axes :], *draw_shape(data, 0, 2, 0, 5))
    return Example(
        (values(data, dtype, shape), values(data, dtype, second)),
        lambda xp, a, b: xp.tensordot(a, b, axes=axes),
    )


@drawn("getitem")
def GETITEM(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1, 3, 1))
    key: list[Any] = []
    for length in x.shape:
        kind = data.draw(st.sampled_from(["int", "slice", "slice", "whole"]))
        if kind == "int":
            key.append(data.draw(st.integers(-length, length - 1)))
        elif kind == "slice":
            start, stop = data.draw(st.integers(0, length - 1)), data.draw(st.integers(0, length - 1))
            step = data.draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
            key.append(slice(start, stop, step))
        else:
            key.append(slice(None))
    return Example((x,), lambda xp, a: a[tuple(key)], str(key))


@drawn("masked")
def MASKED(data: st.DataObject) -> Example:
    x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 1))
    return Example((x, values(data, "bool", x.shape)), lambda xp, a, m: a[m])


@drawn("setitem")
def SETITEM(data: st.DataObject) -> Example:
    dtype = data.draw(st.sampled_from(ALL))
    x = values(data, dtype, draw_shape(data, 1, 3, 1))
    start, step = data.draw(st.integers(0, x.shape[0] - 1)), data.draw(st.sampled_from([1, 2, -1]))
    key = slice(start, None, step)
    value = values(data, dtype, x[key].shape)

    def call(xp: Any, a: Any, v: Any) -> Any:
        b = xp.asarray(a, copy=True)
        b[key, ...] = v
        return a, b

    return Example((x, value), call)


@drawn("setmask")
def SETMASK(data: st.DataObject) -> Example:
    dtype = data.draw(st.sampled_from(ALL))
    x = values(data, dtype, draw_shape(data, 1))

    def call(xp: Any, a: Any, m: Any, v: Any) -> Any:
        b = xp.asarray(a, copy=True)
        b[m] = v
        return a, b

    return Example((x, values(data, "bool", x.shape), values(data, dtype, ())), call)


def creation(name: str, *arguments: st.SearchStrategy[Any], **keywords: st.SearchStrategy[Any]) -> Case:
    def draw(data: st.DataObject) -> Example:
        given = [data.draw(each) for each in arguments]
        named = {key: data.draw(each) for key, each in keywords.items()}
        return Example((), lambda xp: getattr(xp, name)(*given, **named), f"{given} {named}")

    return Case(name, draw)


SHAPES = st.lists(st.integers(0, 9), max_size=3).map(tuple)
MATRIX = [("tril", ALL), ("triu", ALL)]


def triangle(name: str) -> Case:
    def draw(data: st.DataObject) -> Example:
        x = values(data, data.draw(st.sampled_from(ALL)), draw_shape(data, 2, 3))
        k = data.draw(st.integers(-8, 8))
        return Example((x,), lambda xp, a: getattr(xp, name)(a, k=k))

    return Case(name, draw)


UNARY = {
    "abs": NUMERIC, "acos": FLOATING, "acosh": FLOATING, "asin": FLOATING, "asinh": FLOATING, "atan": FLOATING,
    "atanh": FLOATING, "bitwise_invert": INTEGER_OR_BOOLEAN, "ceil": REAL, "conj": NUMERIC, "cos": FLOATING,
    "cosh": FLOATING, "exp": FLOATING, "expm1": FLOATING, "floor": REAL, "imag": COMPLEX, "isfinite": NUMERIC,
    "isinf": NUMERIC, "isnan": NUMERIC, "log": FLOATING, "log10": FLOATING, "log1p": FLOATING, "log2": FLOATING,
    "logical_not": BOOLEAN, "negative": NUMERIC, "positive": NUMERIC, "real": NUMERIC, "reciprocal": FLOATING,
    "round": NUMERIC, "sign": NUMERIC, "signbit": REAL_FLOATING, "sin": FLOATING, "sinh": FLOATING,
    "sqrt": FLOATING, "square": NUMERIC, "tan": FLOATING, "tanh": FLOATING, "trunc": REAL, "matrix_transpose": [],
    "nonzero": ALL, "unique_values": ALL, "unique_counts": ALL, "unique_inverse": ALL, "unique_all": ALL,
    "zeros_like": ALL, "ones_like": ALL,
}  # fmt: skip
UNARY.pop("matrix_transpose")
BINARY = {
    "add": NUMERIC, "atan2": REAL_FLOATING, "bitwise_and": INTEGER_OR_BOOLEAN, "bitwise_left_shift": INTEGER,
    "bitwise_or": INTEGER_OR_BOOLEAN, "bitwise_right_shift": INTEGER, "bitwise_xor": INTEGER_OR_BOOLEAN,
    "copysign": REAL_FLOATING, "divide": FLOATING, "equal": ALL, "floor_divide": REAL, "greater": REAL,
    "greater_equal": REAL, "hypot": REAL_FLOATING, "less": REAL, "less_equal": REAL, "logaddexp": REAL_FLOATING,
    "logical_and": BOOLEAN, "logical_or": BOOLEAN, "logical_xor": BOOLEAN, "maximum": REAL, "minimum": REAL,
    "multiply": NUMERIC, "nextafter": REAL_FLOATING, "not_equal": ALL, "pow": NUMERIC, "remainder": REAL,
    "subtract": NUMERIC,
}  # fmt: skip

CASES: list[Case] = [
    *(unary(name, dtypes) for name, dtypes in UNARY.items()),
    *(binary(name, dtypes) for name, dtypes in BINARY.items()),
    *(reduction(name, dtypes) for name, dtypes in [("sum", NUMERIC), ("prod", NUMERIC), ("mean", FLOATING), ("all", ALL), ("any", ALL), ("count_nonzero", ALL)]),
    *(reduction(name, REAL, may_be_empty=False) for name in ("min", "max")),
    *(reduction(name, REAL_FLOATING, may_be_empty=False) for name in ("var", "std")),
    along("argmin", REAL, none=True, least=1, keepdims=st.booleans()),
    along("argmax", REAL, none=True, least=1, keepdims=st.booleans()),
    along("cumulative_sum", NUMERIC, include_initial=st.booleans()),
    along("cumulative_prod", NUMERIC, include_initial=st.booleans()),
    along("sort", REAL, descending=st.booleans(), stable=st.booleans()),
    along("argsort", REAL, descending=st.booleans(), stable=st.just(True)),
    CONCAT, STACK, RESHAPE, PERMUTE_DIMS, ROLL, FLIP, REPEAT, TILE, EXPAND_DIMS, SQUEEZE, MOVEAXIS, BROADCAST_TO,
    BROADCAST_ARRAYS, UNSTACK, WHERE, CLIP, SEARCHSORTED, TAKE, TAKE_ALONG_AXIS, ISIN, DIFF, MATMUL, VECDOT, TENSORDOT,
    GETITEM, MASKED, SETITEM, SETMASK,
    triangle("tril"), triangle("triu"),
    creation("zeros", SHAPES), creation("ones", SHAPES), creation("full", SHAPES, st.integers(-5, 5)),
    creation("arange", st.integers(-5, 5), st.integers(-30, 30), st.sampled_from([1, 2, -1, -3])),
    creation("linspace", st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 30), endpoint=st.booleans()),
    creation("eye", st.integers(0, 9), st.integers(0, 9), k=st.integers(-5, 5)),
]  # fmt: skip
