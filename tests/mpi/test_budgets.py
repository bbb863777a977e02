"""Every function keeps its budget under mpirun as well: what tests/engine/test_budgets.py holds threads to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from budgets import FUNCTION_CASES, METHOD_CASES
from budgets.limits import NO_COPIES
from budgets.measure import excess, measured, problem_of
from harness import nothing_small

import array_api_dist as xp
from array_api_dist.trace import trace
from benchmarks.budgets import BUDGETS, METHODS

DEVICE = xp.__array_namespace_info__().default_device()
CASES = {**FUNCTION_CASES, **METHOD_CASES}
FORMULAS = {**BUDGETS, **METHODS}

pytestmark = pytest.mark.mpi(min_size=2)


@pytest.fixture(autouse=True, scope="module")
def _counting() -> Iterator[None]:
    with trace(), nothing_small():
        yield


@pytest.mark.parametrize("name", FORMULAS)
def test_a_function_keeps_its_budget_on_every_rank(name: str) -> None:
    formula = FORMULAS[name]
    found = []
    for number, case in enumerate(CASES[name]):
        for layout in case.layouts_on(DEVICE.ranks, every=False):
            seen = measured(case, layout, DEVICE)
            problem = problem_of(case, seen, DEVICE.ranks, NO_COPIES)
            lines = excess(formula, problem, [seen], checks_memory=DEVICE.kind == "cpu")
            found += [f"case {number}, {case.shapes} as {layout}: {line}" for line in lines]
    assert not found, f"rank {DEVICE.rank}, {name}: {formula.text}\n" + "\n".join(found)
