"""Functions that move elements about and compute nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from cases.drawing import ALL, NUMERIC, Case, Example, Source, drawn


@drawn("concat")
def CONCAT(s: Source) -> Example:
    dtype, shape = s.dtype(ALL), s.shape(1)
    axis = s.number(-len(shape), len(shape) - 1)
    shapes = []
    for _ in range(s.number(1, 3)):
        other = list(shape)
        other[axis] = s.number(0, 7)
        shapes.append(other)
    flat = s.flag()
    operands = tuple(s.values(dtype, each) for each in shapes)
    return Example(operands, lambda xp, *arrays: xp.concat(list(arrays), axis=None if flat else axis))


@drawn("stack")
def STACK(s: Source) -> Example:
    dtype, shape = s.dtype(ALL), s.shape(0)
    axis = s.number(-len(shape) - 1, len(shape))
    operands = tuple(s.values(dtype, shape) for _ in range(s.number(1, 3)))
    return Example(operands, lambda xp, *arrays: xp.stack(list(arrays), axis=axis))


@drawn("reshape")
def RESHAPE(s: Source) -> Example:
    shape = s.shape(0, 4, 1, 6)
    factors = [f for length in shape for f in ([2, length // 2] if length % 2 == 0 and length else [length])]
    order = s.draw(st.permutations(factors))
    cut = s.number(0, len(order))
    target = (*order[:cut], int(np.prod(order[cut:], dtype=int))) if s.flag() else tuple(order)
    if target and s.flag():
        target = (*target[:-1], -1)
    x = s.values(s.dtype(ALL), shape)
    return Example((x,), lambda xp, a: xp.reshape(a, target), f"{shape} -> {target}")


@drawn("permute_dims")
def PERMUTE_DIMS(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(0))
    order = tuple(s.draw(st.permutations(range(x.ndim))))
    return Example((x,), lambda xp, a: xp.permute_dims(a, order))


@drawn("roll")
def ROLL(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    axis = s.axis(x.ndim)
    shift = s.number(-12, 12)
    return Example((x,), lambda xp, a: xp.roll(a, shift, axis=axis))


@drawn("flip")
def FLIP(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    axes = s.axes(x.ndim)
    return Example((x,), lambda xp, a: xp.flip(a, axis=axes))


@drawn("repeat", in_strict=False)
def REPEAT(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    axis = s.axis(x.ndim)
    if s.flag():
        times = s.number(0, 4)
        return Example((x,), lambda xp, a: xp.repeat(a, times, axis=axis))
    length = x.size if axis is None else x.shape[axis]
    counts = np.abs(s.values("int64", (length,), positive=True)) % 4
    return Example((x, counts), lambda xp, a, n: xp.repeat(a, n, axis=axis))


@drawn("tile")
def TILE(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(0))
    repetitions = tuple(s.draw(st.lists(st.integers(0, 3), max_size=4)))
    return Example((x,), lambda xp, a: xp.tile(a, repetitions))


@drawn("expand_dims")
def EXPAND_DIMS(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(0))
    axis = s.draw(st.one_of(st.integers(-x.ndim - 1, x.ndim), st.just((0, -1))))
    return Example((x,), lambda xp, a: xp.expand_dims(a, axis))


@drawn("squeeze")
def SQUEEZE(s: Source) -> Example:
    shape = s.shape(1)
    at = s.number(0, len(shape))
    x = s.values(s.dtype(ALL), (*shape[:at], 1, *shape[at:]))
    return Example((x,), lambda xp, a: xp.squeeze(a, at))


@drawn("moveaxis")
def MOVEAXIS(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    source, target = s.number(-x.ndim, x.ndim - 1), s.number(-x.ndim, x.ndim - 1)
    return Example((x,), lambda xp, a: xp.moveaxis(a, source, target))


@drawn("broadcast_to")
def BROADCAST_TO(s: Source) -> Example:
    shape = s.shape(0)
    x = s.values(s.dtype(ALL), tuple(s.draw(st.sampled_from([1, n])) for n in shape))
    target = (*s.shape(0, 1), *shape)
    return Example((x,), lambda xp, a: xp.broadcast_to(a, target))


@drawn("broadcast_arrays")
def BROADCAST_ARRAYS(s: Source) -> Example:
    first, second = s.broadcastable()
    return Example(
        (s.values("int64", first), s.values("bool", second)),
        lambda xp, a, b: xp.broadcast_arrays(a, b),
    )


@drawn("unstack")
def UNSTACK(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1))
    axis = s.number(-x.ndim, x.ndim - 1)
    return Example((x,), lambda xp, a: xp.unstack(a, axis=axis))


@drawn("broadcast_shapes")
def BROADCAST_SHAPES(s: Source) -> Example:
    first, second = s.broadcastable()
    return Example((), lambda xp: xp.broadcast_shapes(first, second), f"{first} {second}")


@drawn("meshgrid")
def MESHGRID(s: Source) -> Example:
    dtype = s.dtype(NUMERIC)
    operands = tuple(s.values(dtype, s.shape(1, 1)) for _ in range(s.number(1, 3)))
    indexing = s.draw(st.sampled_from(["xy", "ij"]))
    return Example(operands, lambda xp, *arrays: xp.meshgrid(*arrays, indexing=indexing))


@drawn("matrix_transpose")
def MATRIX_TRANSPOSE(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(2, 3))
    return Example((x,), lambda xp, a: xp.matrix_transpose(a))


def triangle(name: str) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(ALL), s.shape(2, 3))
        k = s.number(-8, 8)
        return Example((x,), lambda xp, a: getattr(xp, name)(a, k=k), f"k={k}")

    return Case(name, draw)


# ---- creation


def creation(name: str, *arguments: st.SearchStrategy[Any], **keywords: st.SearchStrategy[Any]) -> Case:
    def draw(s: Source) -> Example:
        given = [s.draw(each) for each in arguments]
        named = {key: s.draw(each) for key, each in keywords.items()}
        return Example((), lambda xp: getattr(xp, name)(*given, **named), f"{given} {named}")

    return Case(name, draw)


SHAPES = st.lists(st.integers(0, 9), max_size=3).map(tuple)


def filled(name: str, *value: int) -> Case:
    def draw(s: Source) -> Example:
        shape, dtype = s.draw(SHAPES), s.dtype(ALL)
        given = value if dtype != "bool" else tuple(map(bool, value))
        return Example(
            (), lambda xp: getattr(xp, name)(shape, *given, dtype=getattr(xp, dtype)), f"{shape} {dtype}"
        )

    return Case(name, draw)


def filled_like(name: str, *value: int) -> Case:
    def draw(s: Source) -> Example:
        x, dtype = s.values(s.dtype(ALL), s.shape(0)), s.dtype(ALL)
        given = value if dtype != "bool" else tuple(map(bool, value))
        return Example((x,), lambda xp, a: getattr(xp, name)(a, *given, dtype=getattr(xp, dtype)), dtype)

    return Case(name, draw)


@drawn("empty")
def EMPTY(s: Source) -> Example:
    shape, dtype = s.draw(SHAPES), s.dtype(ALL)
    return Example(
        (), lambda xp: xp.zeros_like(xp.empty(shape, dtype=getattr(xp, dtype))), f"{shape} {dtype}"
    )


@drawn("empty_like")
def EMPTY_LIKE(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(0))
    return Example((x,), lambda xp, a: xp.zeros_like(xp.empty_like(a)))


@drawn("asarray")
def ASARRAY(s: Source) -> Example:
    x = s.values(s.dtype(["bool", "int64", "float64", "complex128"]), s.shape(0, 3, 1))
    copy = s.draw(st.sampled_from([None, True, False]))

    def call(xp: Any, a: Any) -> Any:
        return xp.asarray(x.tolist()), xp.asarray(a, copy=copy), xp.asarray(a, dtype=a.dtype)

    return Example((x,), call, f"copy={copy}")


@drawn("from_dlpack")
def FROM_DLPACK(s: Source) -> Example:
    x = s.values(s.dtype([dtype for dtype in ALL if dtype != "bool"]), s.shape(0))
    copy = s.draw(st.sampled_from([None, True, False]))
    return Example((x,), lambda xp, a: xp.from_dlpack(a, copy=copy), f"copy={copy}")


MOVING_CASES = [
    CONCAT, STACK, RESHAPE, PERMUTE_DIMS, ROLL, FLIP, REPEAT, TILE, EXPAND_DIMS, SQUEEZE, MOVEAXIS, BROADCAST_TO,
    BROADCAST_ARRAYS, BROADCAST_SHAPES, UNSTACK, MESHGRID, MATRIX_TRANSPOSE, triangle("tril"), triangle("triu"),
    filled("zeros"), filled("ones"), filled("full", 3), EMPTY, ASARRAY, FROM_DLPACK,
    filled_like("zeros_like"), filled_like("ones_like"), filled_like("full_like", 3), EMPTY_LIKE,
    creation("arange", st.integers(-5, 5), st.integers(-30, 30), st.sampled_from([1, 2, -1, -3])),
    creation("linspace", st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 30), endpoint=st.booleans()),
    creation("eye", st.integers(0, 9), st.integers(0, 9), k=st.integers(-5, 5)),
]  # fmt: skip
