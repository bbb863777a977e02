"""Every function of the namespace keeps the communication and the memory that its docstring states, at P = 2, 3, 4, 8."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
from budgets import FUNCTION_CASES, METHOD_CASES, Case
from budgets.measure import Layout, Seen, excess, measured, prepared, problem_of
from harness import on_ranks

from array_api_dist import (
    _array,
    _contraction,
    _fourier,
    _indexing,
    _matrices,
)
from array_api_dist._device import Device
from array_api_dist.collectives import base
from array_api_dist.engine import contraction, rearrangement, reduction, searching
from array_api_dist.trace import trace
from benchmarks.budgets import BUDGETS, METHODS, Formula, Limits

RANKS = [2, 3, 4, 8]
CASES = {**FUNCTION_CASES, **METHOD_CASES}
FORMULAS = {**BUDGETS, **METHODS}
NO_COPIES = Limits(
    scatter=0, lookup=0, small=0, matrices=0, triangles=0, transforms=0, gathered=0, panel=8, replica=0
)


@pytest.fixture(autouse=True, scope="module")
def _counting() -> Iterator[None]:
    # Functions are switched once, not for each of the traces inside.
    with trace():
        yield


@pytest.fixture
def _no_copies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is small enough to be copied instead of moved."""
    for module, name, value in [
        (reduction, "SCATTER_NBYTES", 0), (searching, "SMALL_NBYTES", 0), (rearrangement, "SMALL_NBYTES", 0),
        (_indexing, "SMALL_NBYTES", 0), (_matrices, "COPY_NBYTES", 0), (_matrices, "TREE_NBYTES", 0),
        (_matrices, "PANEL_WIDTH", 8), (_array, "REPLICA_SIZE", 0), (base, "GATHERED_NBYTES", 0),
        (_contraction, "RING_NBYTES", 0), (_contraction, "GATHER_NBYTES", 0), (_contraction, "SCATTER_NBYTES", 0),
        (_fourier, "plan", partial(_fourier.plan, limit=0)),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, value)
    caches = (_contraction.choose, contraction._planned)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def _outcomes(case: Case, layouts: list[Layout], ranks: int) -> list[list[Seen]]:
    """Return, for each layout, what each rank did."""
    prepared(case)

    def body(device: Device) -> list[Seen]:
        return [measured(case, layout, device) for layout in layouts]

    return [list(each) for each in zip(*on_ranks(ranks, body), strict=True)]


def _check(name: str, ranks: int, limits: Limits, *, every: bool = False) -> None:
    formula: Formula = FORMULAS[name]
    found = []
    for number, case in enumerate(CASES[name]):
        layouts = case.layouts_on(ranks, every=every)
        for layout, seen in zip(layouts, _outcomes(case, layouts, ranks), strict=True):
            problem = problem_of(case, seen[0], ranks, limits)
            lines = excess(formula, problem, seen, checks_memory=limits is NO_COPIES)
            found += [f"case {number}, {case.shapes} as {layout}: {line}" for line in lines]
    assert not found, f"{name}: {formula.text}\n" + "\n".join(found)


@pytest.mark.usefixtures("_no_copies")
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_function_keeps_its_budget_where_nothing_is_copied(name: str, ranks: int) -> None:
    _check(name, ranks, NO_COPIES)


COPYING = [name for name, formula in FORMULAS.items() if re.search("KiB|MiB|4096|module", formula.text)]
"""What is done by copies where arrays are small."""


@pytest.mark.parametrize("ranks", [2, 8])
@pytest.mark.parametrize("name", COPYING)
def test_a_function_keeps_its_budget_where_arrays_are_small(name: str, ranks: int) -> None:
    _check(name, ranks, Limits())


@pytest.mark.slow
@pytest.mark.usefixtures("_no_copies")
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_function_keeps_its_budget_in_every_pair_of_layouts(name: str, ranks: int) -> None:
    _check(name, ranks, NO_COPIES, every=True)
