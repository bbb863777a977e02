"""The budget table: each function's formula beside what was counted, for the call that communicates most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from harness import nothing_small, on_ranks

from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.trace import trace
from benchmarks.budgets import BUDGETS, METHODS, Formula, Step
from budgets import FUNCTION_CASES, METHOD_CASES, Case
from budgets.limits import NO_COPIES
from budgets.measure import Layout, Seen, allowed, measured, prepared, problem_of

RANKS: Final = (2, 4, 8)
HEADING: Final = "## What was counted"
CASES: Final = {**FUNCTION_CASES, **METHOD_CASES}
FORMULAS: Final[dict[str, Formula]] = {**BUDGETS, **METHODS}

Axes: TypeAlias = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """What the busiest rank did, beside its budget.

    Attributes
    ----------
    calls, messages, nbytes : int
        Of one rank: of all its collectives together.
    budget : Step
    peak, parts : int
        Bytes: the most extra memory of a rank, and the largest parts of the operands and results.
    """

    calls: int
    messages: int
    nbytes: int
    budget: Step
    peak: int
    parts: int


def laid(case: Case, axes: Axes, ranks: int) -> Layout:
    """Return the even layout of each operand along its axis."""
    return tuple(
        REPLICATED if axis is None else Partition.even(axis, shape[axis], ranks)
        for shape, axis in zip(case.shapes, axes, strict=True)
    )


def ways(case: Case) -> list[Axes]:
    """Return the axes of the even layouts that the case has."""
    found = dict.fromkeys(tuple(each.axis for each in layout) for layout in case.layouts_on(2))
    return list(found)


def counted(formula: Formula, case: Case, axes: Axes, ranks: int) -> Count:
    layout = laid(case, axes, ranks)
    prepared(case)

    def body(device: Device) -> Seen:
        return measured(case, layout, device)

    seen = on_ranks(ranks, body)
    problem = problem_of(case, seen[0], ranks, NO_COPIES)
    totals = [_total(each) for each in seen]
    steps = allowed(formula, problem).values()
    budget = Step(
        "total",
        sum(step.calls for step in steps),
        sum(step.messages for step in steps),
        sum(step.nbytes for step in steps),
    )
    calls, messages, nbytes = (max(column) for column in zip(*totals, strict=True))
    return Count(calls, messages, nbytes, budget, max(each.peak for each in seen), problem.parts())


def _total(seen: Seen) -> tuple[int, int, int]:
    calls = messages = nbytes = 0
    for kind, (its_calls, its_messages, sent, received) in seen.counts.items():
        calls += its_calls
        messages += its_messages
        nbytes += sent + received if kind == "broadcast" else sent
    return calls, messages, nbytes


def busiest(formula: Formula, cases: Sequence[Case]) -> list[tuple[Case, Axes]]:
    """Return the calls that take the most bytes and the most collectives: none where nothing is sent, one or two."""
    tried = {
        (number, axes): counted(formula, case, axes, RANKS[0])
        for number, case in enumerate(cases)
        for axes in ways(case)
    }
    sending = {way: count for way, count in tried.items() if count.nbytes}
    if not sending:
        return []
    most_bytes = max(sending, key=lambda way: sending[way].nbytes)
    most_calls = max(sending, key=lambda way: (sending[way].calls, way == most_bytes))
    return [(cases[number], axes) for number, axes in dict.fromkeys((most_bytes, most_calls))]


def table() -> Iterator[str]:
    """Yield the lines: first the names of what never communicates, then a table for each formula."""
    with nothing_small(), trace():
        rows = {name: tuple(_rows(name)) for name in FORMULAS}
    silent = [f"`{name}`" for name, found in rows.items() if not found]
    yield f"Never communicate, whatever the partitions: {', '.join(silent)}."
    for formula in dict.fromkeys(FORMULAS.values()):
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, each in FORMULAS.items():
            if each is formula and rows[name]:
                alike.setdefault(rows[name], []).append(f"`{name}`")
        if alike:
            yield from _section(formula, alike)


def _section(formula: Formula, alike: Mapping[tuple[str, ...], Sequence[str]]) -> Iterator[str]:
    yield ""
    memory = f" Memory: {formula.holds}." if formula.holds else ""
    exception = " (An exception to law 3.)" if formula.is_gathering else ""
    yield f"**{formula.text[0].upper()}{formula.text[1:]}.**{memory}{exception}"
    yield ""
    yield "| function | operands | " + " | ".join(f"P = {ranks}" for ranks in RANKS) + " | memory |"
    yield "| --- | --- | " + " | ".join("---" for _ in RANKS) + " | ---: |"
    for rows, names in alike.items():
        for number, cells in enumerate(rows):
            yield f"| {'' if number else ', '.join(names)} | {cells} |"


def _rows(name: str) -> Iterator[str]:
    """Yield the cells of a function's rows, none where it never communicates."""
    formula = FORMULAS[name]
    for case, axes in busiest(formula, CASES[name]):
        counts = [counted(formula, case, axes, ranks) for ranks in RANKS]
        memory = f"{counts[-1].peak / max(counts[-1].parts, 1):.1f}"
        yield " | ".join([_operands(case, axes), *(_cell(count) for count in counts), memory])


def _operands(case: Case, axes: Axes) -> str:
    return ", ".join(
        ("×".join(map(str, shape)) or "0-d") + ("" if axis is None else f" along {axis}")
        for shape, axis in zip(case.shapes, axes, strict=True)
    )


def _cell(count: Count) -> str:
    budget = count.budget
    return (
        f"{count.calls} / {count.messages} / {count.nbytes:,} of "
        f"{budget.calls} / {budget.messages} / {budget.nbytes:,}"
    )


def without_memory(lines: Sequence[str]) -> list[str]:
    """Return the lines without the last column: what kernels allocate differs between versions of torch."""
    return [line.rsplit("|", 2)[0] if line.startswith("|") else line for line in lines]
