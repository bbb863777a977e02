"""The model beside the machine it runs on: predicted and measured times, predicted and counted messages."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, isqrt, log
from pathlib import Path
from statistics import fmean, median
from typing import Final, TypeAlias

from benchmarks.budgets import Problem, Step
from benchmarks.model.cases import Case, every_case
from benchmarks.model.machine import Machine, load
from benchmarks.model.measure import CDIST_ROWS
from benchmarks.model.predict import Prediction, predicted, predicted_workload
from benchmarks.model.workloads import WORKLOADS
from conformance.launch import complete, environment, mpiexec

ROOT: Final = Path(__file__).parents[2]

PROBES: Final = 3

Measured: TypeAlias = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call on so many ranks.

    Attributes
    ----------
    name : str
    ranks : int
    predicted, measured : float
        Seconds.
    messages, messages_counted : int
        The budget's bound (the library's choice for products), and what a trace counted.
    nbytes, nbytes_counted : int
    """

    name: str
    ranks: int
    predicted: float
    measured: float
    messages: int
    messages_counted: int
    nbytes: int
    nbytes_counted: int

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted / self.measured


def _launched(ranks: int, *command: str) -> None:
    """Run a module on so many ranks."""
    variables = {"PYTHONPATH": f"{ROOT}:{ROOT / 'ml'}", "OMP_NUM_THREADS": "1"}
    complete([*mpiexec(ranks), sys.executable, "-m", *command], environment(variables), cwd=ROOT)


def _elements(name: str, elements: int) -> int:
    """Return how many elements a function is measured with: matrices that are factorized or multiplied have fewer."""
    if name in {"matmul", "linalg.cholesky", "linalg.inv"}:
        return isqrt(elements // 16) ** 2
    return 2 * elements if name == "concat" else elements


def _totals(steps: tuple[Step, ...]) -> tuple[int, int]:
    return sum(step.messages for step in steps), sum(step.nbytes for step in steps)


def compared(
    case: Case, elements: int, ranks: int, machine: Machine, found: Mapping[str, float]
) -> Comparison:
    """Return a function's prediction beside what was found."""
    count = _elements(case.function, elements)
    problem: Problem = case.build(count, ranks)
    if ranks == 1:
        # One rank has no peers, whatever the layout says.
        problem = replace(problem, ranks=1)
    messages, nbytes = _totals(tuple(case.steps(problem)))
    return _row(predicted(case, count, ranks, machine), messages, nbytes, found)


def _row(prediction: Prediction, messages: int, nbytes: int, found: Mapping[str, float]) -> Comparison:
    return Comparison(
        prediction.name,
        prediction.ranks,
        prediction.seconds,
        found["seconds"],
        messages,
        int(found["messages"]),
        nbytes,
        int(found["nbytes"]),
    )


def compared_workloads(elements: int, ranks: int, machine: Machine, found: Measured) -> list[Comparison]:
    """Return the workloads' predictions beside what was found; of k-means, a fifth of five more iterations."""
    rows = elements // 16
    one, six = found["k-means, 1 step"], found["k-means, 6 steps"]
    step = {key: (six[key] - one[key]) / 5 for key in one}
    # On a busy machine six iterations may have been faster than one: then one bounds the step.
    seconds = step["seconds"] if step["seconds"] > 0 else one["seconds"]
    measured = {**found, "k-means step": step | {"seconds": seconds}}
    comparisons = []
    for workload in WORKLOADS:
        count = {"cdist": CDIST_ROWS, "LASSO, 20 sweeps": rows // 4}.get(workload.name, rows)
        messages, nbytes = _totals(tuple(workload.steps(count, ranks)))
        prediction = predicted_workload(workload, count, ranks, machine)
        comparisons.append(_row(prediction, messages, nbytes, measured[workload.name]))
    return comparisons


def validate(
    given: Machine | None, timed: Sequence[int], counted: Sequence[int], elements: int, json_file: Path | None
) -> None:
    """Measure, predict, and print both; without a machine given, for what the probe finds here.

    Raises
    ------
    OSError
        If ranks do not start or fail.
    """
    rows: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="array-api-dist-model-") as directory:
        machine = given or load(probed(Path(directory) / "probe.json"))
        for ranks in (*timed, *counted):
            path = Path(directory) / f"{ranks}.json"
            repeats = "5" if ranks in timed else "1"
            _launched(
                ranks,
                "benchmarks.model.measure",
                "--elements",
                str(elements),
                "--repeats",
                repeats,
                "--json",
                str(path),
            )
            found = json.loads(path.read_text())
            rows += [
                compared(case, elements, ranks, machine, found[case.function])
                for case in every_case()
                if case.function in found
            ]
            rows += compared_workloads(elements, ranks, machine, found)
    print(f"machine: {machine.name}\n")
    print(times_table([row for row in rows if row.ranks in timed]), end="\n\n")
    print(counts_table(rows))
    if json_file:
        json_file.write_text(json.dumps([row_data(row) for row in rows], indent=1))


def probed(path: Path) -> Path:
    """Probe a few times and keep the best of each figure: on a busy machine any one may be spoilt."""
    reports = []
    for _ in range(PROBES):
        _launched(2, "array_api_dist", "--json", str(path))
        reports.append(json.loads(path.read_text()))
    best = {
        name: (min if name.endswith("_seconds") else max)(report["figures"][name] for report in reports)
        for name in reports[0]["figures"]
    }
    path.write_text(json.dumps(reports[0] | {"figures": best}))
    return path


def row_data(row: Comparison) -> dict[str, object]:
    """Return a row as data."""
    return {name: getattr(row, name) for name in (*Comparison.__slots__, "ratio")}


def times_table(rows: list[Comparison]) -> str:
    """Return the times, and by what factor the model is off."""
    lines = [f"{'':18}{'P':>4}{'predicted ms':>14}{'measured ms':>14}{'ratio':>8}"]
    lines += [
        f"{row.name:18}{row.ranks:>4}{row.predicted * 1e3:>14.2f}{row.measured * 1e3:>14.2f}{row.ratio:>8.2f}"
        for row in sorted(rows, key=lambda row: row.ranks)
    ]
    factors = [exp(abs(log(row.ratio))) for row in rows]
    within = sum(factor <= 2 for factor in factors)
    geometric = exp(fmean(log(row.ratio) for row in rows))
    lines.append(
        f"within a factor of 2: {within} of {len(rows)}; median factor {median(factors):.2f}; "
        f"geometric mean of the ratios {geometric:.2f}"
    )
    return "\n".join(lines)


def counts_table(rows: list[Comparison]) -> str:
    """Return the messages and bytes of one rank: the budget's bound, and what a trace counted."""
    lines = [f"{'':18}{'P':>4}{'messages <=':>14}{'counted':>10}{'bytes <=':>16}{'counted':>16}"]
    lines += [
        f"{row.name:18}{row.ranks:>4}{row.messages:>14,}{row.messages_counted:>10,}"
        f"{row.nbytes:>16,}{row.nbytes_counted:>16,}"
        for row in sorted(rows, key=lambda row: (row.name, row.ranks))
    ]
    over = [row for row in rows if row.messages_counted > row.messages or row.nbytes_counted > row.nbytes]
    told = ", ".join(f"{row.name} at P = {row.ranks}" for row in over) or "none"
    lines.append(f"counted more than predicted: {told}")
    return "\n".join(lines)
