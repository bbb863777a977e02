"""How long a program takes to start: fresh processes that import a system and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.cases import Case
from benchmarks.environments import Environment
from benchmarks.registry import OWN, Layout
from benchmarks.results import Row
from benchmarks.teams import START_SECONDS, launcher, variables
from conformance.launch import complete, environment

if TYPE_CHECKING:
    from benchmarks.runner import Plan

IMPORTS: Final[Mapping[str, str]] = {
    OWN: "import array_api_dist",
    "torch": "import torch",
    "numpy": "import numpy",
    "scipy": "import scipy.stats, scipy.spatial",
    "scikit-learn": "import sklearn.cluster, sklearn.linear_model",
    "heat": "import heat",
    "dask-auto": "import dask.array, distributed",
}

BASIS: Final = "torch + mpi4py"
"""What this library cannot start without, imported in its own environment."""

REPEATS: Final = 3
"""Fresh processes of each; where a run has used a system its files were read, and bytecode written, before."""


def start_rows(case: Case, plan: Plan, places: Mapping[str, Environment]) -> list[Row]:
    """Return the rows of a case of starting: one process, or as many as there are ranks."""
    ranks = 1 if case.function == "import" else max(plan.ranks)
    programs = {name: (text, places[name].python) for name, text in IMPORTS.items() if name in places}
    if OWN in places:
        programs[BASIS] = "import torch; from mpi4py import MPI", places[OWN].python
    if case.function != "import":
        programs = {name: programs[name] for name in (OWN, BASIS, "heat") if name in programs}
    layout = Layout(ranks, 1)
    samples: dict[str, list[float]] = {name: [] for name in programs}
    rows = {name: Row(case.name, plan.scale, 1, name, ranks, 1) for name in programs}
    for _ in range(REPEATS):
        for name, (text, python) in programs.items():
            if rows[name].error is None:
                try:
                    samples[name].append(_started(text, python, layout))
                except OSError as error:
                    rows[name] = replace(rows[name], error=f"did not start: {error}")
    return [
        row if row.error else replace(row, first_seconds=samples[name][0], seconds=tuple(samples[name]))
        for name, row in rows.items()
    ]


def _started(text: str, python: Path, layout: Layout) -> float:
    command = [*launcher(python, layout.ranks), "-c", text]
    start = perf_counter()
    complete(command, environment(variables(layout)), limit=START_SECONDS)
    return perf_counter() - start
