"""Every function of the namespace keeps the communication and the memory that its docstring states, at P = 2, 3, 4, 8."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from budgets import FUNCTION_CASES, METHOD_CASES, Case
from budgets.limits import NO_COPIES
from budgets.measure import Layout, Seen, excess, measured, prepared, problem_of
from budgets.report import HEADING, table, without_memory
from harness import KIND, nothing_small, on_ranks
from standard import FFT, FUNCTIONS, LINALG
from standard import METHODS as STANDARD_METHODS

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._device import Device
from array_api_dist.collectives.instrument import operations
from array_api_dist.trace import trace
from benchmarks.budgets import BUDGETS, METHODS, Formula, Limits

RANKS = [2, 3, 4, 8]
CASES = {**FUNCTION_CASES, **METHOD_CASES}
FORMULAS = {**BUDGETS, **METHODS}


@pytest.fixture(autouse=True, scope="module")
def _counting() -> Iterator[None]:
    # Functions are switched once, not for each of the traces inside.
    with trace():
        yield


@pytest.fixture
def _no_copies() -> Iterator[None]:
    with nothing_small():
        yield


# ---- completeness


def _standard_names() -> set[str]:
    """Return the standard's functions and methods; what an extension shares with the namespace is one function."""
    extensions = {
        f"{prefix}.{name}"
        for prefix, names in (("linalg", LINALG), ("fft", FFT))
        for name in names
        if getattr(getattr(xp, prefix), name) is not getattr(xp, name, None)
    }
    return {*FUNCTIONS, *extensions, *STANDARD_METHODS, "T", "mT", "__array_namespace_info__"}


BY_FILES = {"load_hdf5", "save_hdf5"}
"""Their agreements are counted beside their files, in tests/mpi/test_io.py."""


def test_every_function_and_method_has_a_budget_and_a_case() -> None:
    public = (_standard_names() | set(operations())) - BY_FILES
    assert public - set(FORMULAS) == set()
    assert set(FORMULAS) == set(CASES)
    assert all(CASES.values())


DESCRIBED = [name for name in BUDGETS if name != "__array_namespace_info__"]
"""Methods that are operators or never communicate are described together, by the class."""


@pytest.mark.parametrize(
    "name", [*DESCRIBED, "__getitem__", "__setitem__", "__array__", "__dlpack__", "to_device"]
)
def test_a_docstring_states_the_budget(name: str) -> None:
    function: Callable[..., object] = operations()[name]
    told = _plain(inspect.getdoc(function) or "")
    assert _plain(FORMULAS[name].text) in told
    assert not FORMULAS[name].holds or f"Memory: {FORMULAS[name].holds}." in told


def test_the_class_states_the_budget_of_operators_in_place() -> None:
    assert _plain(METHODS["__iadd__"].text) in _plain(inspect.getdoc(Array) or "")


def _plain(text: str) -> str:
    return " ".join(text.split())


def test_the_page_of_budgets_tells_what_is_counted() -> None:
    page = (Path(__file__).parents[2] / "docs" / "budgets.md").read_text(encoding="utf-8")
    told = page.partition(f"{HEADING}\n\n")[2].splitlines()
    assert without_memory(told) == without_memory(list(table())), "python tests/engine/budgets --write"


# ---- keeping them


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
            lines = excess(formula, problem, seen, checks_memory=limits is NO_COPIES and KIND == "cpu")
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
