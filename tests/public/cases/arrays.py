"""Methods, attributes, indexing and assignment."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from cases.drawing import (
    ALL,
    COMPLEX,
    INTEGER,
    INTEGER_OR_BOOLEAN,
    NUMERIC,
    REAL,
    Call,
    Case,
    Example,
    Source,
    Values,
    drawn,
    dtype_name,
)
from cases.elementwise import BINARY, LAST_BIT, operands_of
from cases.matrices import PRODUCT_SLACK, finite

# DLDeviceType of the standard's __dlpack_device__.
DLPACK_CPU, DLPACK_CUDA = 1, 2

OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any], Callable[[Any, Any], Any] | None]] = {
    "__add__": ("add", operator.add, operator.iadd),
    "__sub__": ("subtract", operator.sub, operator.isub),
    "__mul__": ("multiply", operator.mul, operator.imul),
    "__truediv__": ("divide", operator.truediv, operator.itruediv),
    "__floordiv__": ("floor_divide", operator.floordiv, operator.ifloordiv),
    "__mod__": ("remainder", operator.mod, operator.imod),
    "__pow__": ("pow", operator.pow, operator.ipow),
    "__and__": ("bitwise_and", operator.and_, operator.iand),
    "__or__": ("bitwise_or", operator.or_, operator.ior),
    "__xor__": ("bitwise_xor", operator.xor, operator.ixor),
    "__lshift__": ("bitwise_left_shift", operator.lshift, operator.ilshift),
    "__rshift__": ("bitwise_right_shift", operator.rshift, operator.irshift),
    "__eq__": ("equal", operator.eq, None),
    "__ne__": ("not_equal", operator.ne, None),
    "__lt__": ("less", operator.lt, None),
    "__le__": ("less_equal", operator.le, None),
    "__gt__": ("greater", operator.gt, None),
    "__ge__": ("greater_equal", operator.ge, None),
}


def binary_operator(name: str) -> Case:
    """The operator between arrays, with a Python scalar on either side, and in place."""
    function, apply, in_place = OPERATORS[name]

    def draw(s: Source) -> Example:
        x1, x2 = operands_of(s, function, BINARY[function])
        # Zero to a negative power, or modulo zero, is an error of Python's scalars only.
        scalar = {"b": True, "c": 2.5 + 1j, "f": 1.5}.get(x1.dtype.kind, 3)
        is_settable = in_place is not None and np.broadcast_shapes(x1.shape, x2.shape) == x1.shape

        def call(xp: Any, a: Any, b: Any) -> Any:
            results = [apply(a, b), apply(a, scalar), apply(scalar, b)]
            if is_settable and in_place is not None:
                c = xp.asarray(a, copy=True)
                c = in_place(c, b)
                results += [c, in_place(c, scalar), a]
            return tuple(results)

        return Example((x1, x2), call, f"{x1.dtype} {x1.shape} {x2.shape}")

    # In place, zero divisors make infinities, which NumPy divides otherwise than the standard.
    return Case(name, draw, in_strict=function != "floor_divide", last_bit=function in LAST_BIT)


def unary_operator(name: str, apply: Callable[[Any], Any], dtypes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(dtypes), s.shape(0), huge=s.wild)
        return Example((x,), lambda xp, a: apply(a))

    return Case(name, draw, last_bit=name == "__abs__")


@drawn("__matmul__", slack=PRODUCT_SLACK)
def MATMUL(s: Source) -> Example:
    dtype, (n, k, m) = s.dtype(NUMERIC), (s.number(6, 9) for _ in range(3))

    def call(xp: Any, a: Any, b: Any, c: Any) -> Any:
        changed = xp.asarray(a, copy=True)
        changed @= c
        return a @ b, changed, a

    return Example((finite(s, dtype, (n, k)), finite(s, dtype, (k, m)), finite(s, dtype, (k, k))), call)


def conversion(name: str, convert: Callable[[Any], Any], dtypes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(dtypes), (), finite=True)
        return Example((x,), lambda xp, a: convert(a))

    return Case(name, draw)


def attribute(name: str, read: Call, least: int = 0, most: int = 3) -> Case:
    def draw(s: Source) -> Example:
        return Example((s.values(s.dtype(ALL), s.shape(least, most)),), read)

    return Case(name, draw)


def dlpack_kind(x: Any) -> tuple[bool, int]:
    """Return whether DLPack names the kind of memory that ``x`` is in, and, of the host's, which one it is."""
    kind, number = map(int, x.__dlpack_device__())
    is_on_gpu = "cuda" in str(x.device)
    return kind == (DLPACK_CUDA if is_on_gpu else DLPACK_CPU), 0 if is_on_gpu else number


def imported(x: Any, *, copy: bool | None = None) -> np.ndarray:
    """Return what an importer gets through DLPack: NumPy, or torch where the memory is a GPU's."""
    if x.__dlpack_device__()[0] == DLPACK_CPU:
        return np.array(np.from_dlpack(x, copy=copy))
    return torch.from_dlpack(x, copy=copy).cpu().numpy()


@drawn("__dlpack__")
def DLPACK(s: Source) -> Example:
    x = s.values(s.dtype([dtype for dtype in ALL if dtype != "bool"]), s.shape(0))
    copy = s.draw(st.sampled_from([None, True]))
    return Example((x,), lambda xp, a: imported(a, copy=copy), f"copy={copy}")


# ---- indexing


def basic_key(s: Source, x: Values) -> tuple[Any, ...]:
    """Draw integers, slices of any step, an ellipsis and new axes."""
    key: list[Any] = []
    for length in x.shape:
        kind = s.draw(st.sampled_from(["int", "slice", "slice", "whole"]))
        if kind == "int" and length:
            key.append(s.number(-length, length - 1))
        elif kind == "slice" and length:
            start, stop = s.number(0, length - 1), s.number(0, length - 1)
            key.append(slice(start, stop, s.draw(st.sampled_from([1, 1, 2, 3, -1, -2]))))
        else:
            key.append(slice(None))
    if s.number(0, 3) == 0:
        key[s.number(0, len(key) - 1) :] = [...]
    return tuple(key)


@drawn("__getitem__")
def GETITEM(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    key = basic_key(s, x)
    if s.number(0, 3) == 0:
        key = (*key, None)
    return Example((x,), lambda xp, a: a[key], str(key))


@drawn("__getitem__")
def MASKED(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    return Example((x, s.values("bool", x.shape)), lambda xp, a, m: a[m])


def drawn_indices(s: Source, length: int, shape: tuple[int, ...]) -> Values:
    return np.asarray(s.generator().integers(-length, length, shape))


@drawn("__getitem__")
def CHOSEN(s: Source) -> Example:
    """Integer arrays, with integers beside them."""
    x = s.values(s.dtype(ALL), s.shape(1, 3, 1))
    shape = s.shape(1, 2)
    arrays = tuple(drawn_indices(s, length, shape) for length in x.shape)
    fixed = x.ndim > 1 and s.flag("an integer")

    def call(xp: Any, a: Any, *indices: Any) -> Any:
        return a[(*indices[:-1], -1)] if fixed else a[tuple(indices)]

    return Example((x, *arrays), call, f"{x.shape} {shape}")


@drawn("__setitem__")
def SETITEM(s: Source) -> Example:
    dtype = s.dtype(ALL)
    x = s.values(dtype, s.shape(1))
    key = basic_key(s, x)
    value = s.values(dtype, x[key].shape[s.number(0, x[key].ndim) :])

    def call(xp: Any, a: Any, v: Any) -> Any:
        b = xp.asarray(a, copy=True)
        b[key] = v
        return a, b

    return Example((x, value), call, str(key))


@drawn("__setitem__")
def SETMASK(s: Source) -> Example:
    dtype = s.dtype(ALL)
    x = s.values(dtype, s.shape(1))

    def call(xp: Any, a: Any, m: Any, v: Any) -> Any:
        b = xp.asarray(a, copy=True)
        b[m] = v
        return a, b

    return Example((x, s.values("bool", x.shape), s.values(dtype, ())), call)


@drawn("__setitem__", in_strict=False)
def SETOWN(s: Source) -> Example:
    """An array that is its own key: what is written does not change where the rest goes."""
    n = s.number(1, 12)
    x = s.generator().permutation(n)
    flags = s.values("bool", (n,))

    def call(xp: Any, a: Any, v: Any, m: Any, w: Any) -> Any:
        b, c = xp.asarray(a, copy=True), xp.asarray(m, copy=True)
        b[b] = v
        c[c] = w
        return a, b, m, c

    return Example((x, s.values("int64", (n,)), flags, s.values("bool", (int(flags.sum()),))), call, str(n))


ARRAY_CASES = [
    *(binary_operator(name) for name in OPERATORS),
    unary_operator("__abs__", abs, NUMERIC), unary_operator("__neg__", operator.neg, NUMERIC),
    unary_operator("__pos__", operator.pos, NUMERIC),
    unary_operator("__invert__", operator.invert, INTEGER_OR_BOOLEAN),
    MATMUL, DLPACK, GETITEM, MASKED, CHOSEN, SETITEM, SETMASK, SETOWN,
    conversion("__bool__", bool, ALL), conversion("__int__", int, REAL), conversion("__float__", float, REAL),
    conversion("__complex__", complex, REAL + COMPLEX), conversion("__index__", operator.index, INTEGER),
    attribute("__array_namespace__", lambda xp, a: a.__array_namespace__() is xp),
    attribute("__dlpack_device__", lambda xp, a: dlpack_kind(a)),
    attribute("to_device", lambda xp, a: a.to_device(a.device)),
    attribute("device", lambda xp, a: a.device == xp.asarray(a).device),
    attribute("dtype", lambda xp, a: dtype_name(xp, a.dtype)),
    attribute("T", lambda xp, a: a.T, 2, 2), attribute("mT", lambda xp, a: a.mT, 2),
    attribute("ndim", lambda xp, a: a.ndim), attribute("shape", lambda xp, a: a.shape),
    attribute("size", lambda xp, a: a.size),
]  # fmt: skip
