"""Cases of what sorts, finds and looks up."""

from __future__ import annotations

from typing import Any

import torch

import array_api_dist as xp
from budgets.elements import CUBE, MATRIX, VECTOR, of, one_axis
from budgets.measure import (
    Case,
    Make,
    ascending,
    below,
    booleans,
    cut_layouts,
    even_below,
    even_layouts,
    normal,
    single,
)


def _imaginary(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """One real part for all: what parts values by it would bring all to one rank."""
    return torch.complex(torch.zeros(shape, dtype=torch.float64), normal(shape, generator))


def _missing(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return torch.full(shape, torch.nan, dtype=torch.float64)


def _descending(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return ascending(shape, generator).flip(0)


def _backwards(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return torch.arange(shape[0]).flip(0)


DISTINCT_VALUES: list[Make] = [normal, booleans, _imaginary, _missing]


def _distinct(name: str) -> list[Case]:
    function = of(name)
    makes = DISTINCT_VALUES if name == "unique_all" else [normal]
    return [
        *(Case(function, (VECTOR,), (make,), layouts=cut_layouts) for make in makes),
        Case(function, (CUBE,), (below(300, dtype=torch.int16),)),
        Case(function, (CUBE,), (normal,)),
    ]


def _sorts(name: str) -> list[Case]:
    function = of(name)
    lanes = [
        Case(lambda x: function(x, axis=0), ((4800, 2),), axes=(0,)),
        Case(lambda x: function(x, descending=True), (VECTOR,), (below(9, dtype=torch.int8),), axes=(0,)),
        Case(function, (VECTOR,), (single,), axes=(0,)),
    ]
    return [*one_axis(function), *lanes]


def _looked_up(values: tuple[int, ...], **keywords: Any) -> Case:
    return Case(lambda x, v: xp.searchsorted(x, v, **keywords), (VECTOR, values), (ascending, normal))


CASES: dict[str, list[Case]] = {
    "sort": _sorts("sort"),
    "argsort": _sorts("argsort"),
    **{
        name: _distinct(name)
        for name in ("unique_values", "unique_counts", "unique_inverse", "unique_all")
    },
    "searchsorted": [
        _looked_up((4000,)),
        _looked_up((60, 40), side="right"),
        Case(
            lambda x, v, order: xp.searchsorted(x, v, sorter=order), (VECTOR, (2000,), VECTOR),
            (_descending, normal, _backwards), layouts=even_layouts,
        ),
    ],
    "isin": [
        Case(xp.isin, (MATRIX, VECTOR), (below(9000),), layouts=even_layouts),
        Case(lambda x, y: xp.isin(x, y, invert=True), (VECTOR, VECTOR), (_imaginary,)),
    ],
    "take": [
        Case(xp.take, (VECTOR, (3000,)), (normal, even_below(4800)), axes=(0,)),
        Case(lambda x, i: xp.take(x, i, axis=0), (MATRIX, (480,)), (normal, even_below(240)), axes=(0,)),
        Case(lambda x, i: xp.take(x, i, axis=1), (MATRIX, (60,)), (normal, even_below(40)), axes=(1,)),
    ],
    "take_along_axis": [
        Case(
            lambda x, i, axis=axis: xp.take_along_axis(x, i, axis=axis), (MATRIX, MATRIX),
            (normal, even_below(MATRIX[axis])), axes=(axis,),
        )
        for axis in (0, 1)
    ],
    "nonzero": [
        Case(xp.nonzero, (VECTOR,), (booleans,)),
        Case(xp.nonzero, (CUBE,), (booleans,)),
    ],
}  # fmt: skip
