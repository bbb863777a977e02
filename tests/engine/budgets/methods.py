"""Cases of the array's operators and methods."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from array_api_dist._array import Array
from benchmarks.budgets.table import LOOKING, OPERATORS
from budgets.elements import CUBE, MATRIX, VECTOR
from budgets.measure import Case, Make, below, booleans, even_below, even_layouts, normal
from budgets.products import SQUARE

BITS = {"and", "or", "xor", "lshift", "rshift"}


def _called(name: str) -> Callable[..., Any]:
    def call(x: Array, *others: object) -> object:
        found: Any = getattr(x, name)
        return found(*others) if callable(found) else found

    return call


def _values(name: str) -> Make:
    return below(8) if name in BITS else normal


def _operators() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for name in OPERATORS:
        make = (_values(name),)
        for prefix in ("", "r"):
            method = f"__{prefix}{name}__"
            found[method] = [
                Case(_called(method), (MATRIX, MATRIX), make),
                Case(_called(method), (MATRIX, (1, 40)), make),
            ]
        in_place = getattr(operator, f"i{name}")
        found[f"__i{name}__"] = [
            Case(in_place, (MATRIX, MATRIX), make),
            Case(in_place, (MATRIX, (40,)), make),
        ]
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        found[f"__{name}__"] = [
            Case(_called(f"__{name}__"), (MATRIX, MATRIX)),
            Case(_called(f"__{name}__"), (MATRIX, ())),
        ]
    found["__matmul__"] = [Case(operator.matmul, (MATRIX, (40, 60))), Case(operator.matmul, (SQUARE, SQUARE))]
    found["__rmatmul__"] = [Case(lambda x, y: y.__rmatmul__(x), (MATRIX, (40, 60)))]
    found["__imatmul__"] = [Case(operator.imatmul, (SQUARE, SQUARE))]
    return found


SCALARS = {"__bool__", "__complex__", "__float__", "__index__", "__int__"}


def _looking(name: str) -> list[Case]:
    if name == "__deepcopy__":
        return [Case(lambda x: x.__deepcopy__({}), (MATRIX,))]
    if name in SCALARS:
        return [Case(_called(name), ((),), (below(9),))]
    return [Case(_called(name), (MATRIX,), (below(9) if name == "__invert__" else normal,))]


def got(*key: Any) -> Callable[..., Any]:
    return lambda x: x[key]


def _reading() -> list[Case]:
    slices = [
        ((slice(None),), ()), ((slice(30, -30),), (0,)), ((slice(None), slice(None, None, 2)), ()),
        ((slice(None, None, -1),), (0,)), ((slice(20),), (0,)), ((7,), (0,)), ((..., 3), (1,)), ((None, slice(2, 200)), (0,)),
    ]  # fmt: skip
    return [
        *(Case(got(*key), (MATRIX,), axes=axes) for key, axes in slices),
        Case(got(7), ((3000,),), axes=(0,)),
        Case(lambda x, mask: x[mask], (VECTOR, VECTOR), (normal, booleans), axes=(0,), times=2),
        Case(lambda x, mask: x[mask], (MATRIX, MATRIX), (normal, booleans), axes=(0, 1), times=2),
        Case(lambda x, mask: x[mask], (MATRIX, (240,)), (normal, booleans), axes=(0,), times=2),
        Case(lambda x, i: x[i], (MATRIX, (300,)), (normal, even_below(240)), axes=(0,), times=3),
        Case(lambda x, i: x[:, i], (MATRIX, (60,)), (normal, even_below(40)), axes=(1,), times=3),
    ]


def _set(*key: Any) -> Callable[..., Any]:
    return lambda x, value: x.__setitem__(key, value)


def _set_at(x: Array, index: Array, value: Array) -> None:
    x[index] = value


def _writing() -> list[Case]:
    return [
        Case(_set(slice(None)), (MATRIX, MATRIX)),
        Case(_set(slice(1, None)), (MATRIX, (239, 40)), layouts=even_layouts),
        Case(_set(slice(None, None, -1)), (MATRIX, MATRIX), layouts=even_layouts),
        Case(_set(7), (MATRIX, (40,)), layouts=even_layouts),
        Case(_set(slice(None), 3), (MATRIX, (240,)), layouts=even_layouts),
        Case(_set_at, (MATRIX, MATRIX, ()), (normal, booleans, normal), axes=(0, 1), times=2, layouts=even_layouts),
        Case(
            lambda x, mask, value: x.__setitem__(mask, value[: int(value.shape[0])]),
            (VECTOR, VECTOR, (2400,)), (normal, _half, normal), axes=(0,), times=2, layouts=even_layouts,
        ),
        Case(_set_at, (MATRIX, (100,), (100, 40)), (normal, even_below(240), normal), axes=(0,), times=3,
             layouts=even_layouts),
        Case(lambda x, i, value: x.__setitem__((slice(None), i), value), (CUBE, (10,), (24, 10, 20)),
             (normal, even_below(10), normal), axes=(1,), times=3, layouts=even_layouts),
    ]  # fmt: skip


def _half(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return torch.randperm(shape[0], generator=generator) < shape[0] // 2


CASES: dict[str, list[Case]] = {
    **_operators(),
    **{name: _looking(name) for name in LOOKING},
    "__getitem__": _reading(),
    "__setitem__": _writing(),
    "__array__": [Case(_called("__array__"), (MATRIX,))],
    "__dlpack__": [Case(_called("__dlpack__"), (MATRIX,))],
    "to_device": [Case(lambda x: x.to_device(x.device), (MATRIX,))],
}
