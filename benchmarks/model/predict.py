"""Times from budgets: software, computation and communication of a function or a workload on P ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.model.cases import Case
from benchmarks.model.machine import Machine
from benchmarks.model.network import Network, seconds_of_all
from benchmarks.model.workloads import Workload

RANKS: Final = (1, 2, 4, 8, 16, 48, 96, 384, 1536, 6144, 24576, 65536)
"""Where the tables and plots look."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The seconds of one call or step.

    Attributes
    ----------
    name : str
    ranks : int
    software, computation, communication : float
        Their sum is the time, but for what is communicated behind computation.
    overlapped : float
        How much of the communication hides behind the computation.
    """

    name: str
    ranks: int
    software: float
    computation: float
    communication: float
    overlapped: float = 0.0

    @property
    def seconds(self) -> float:
        """The time."""
        return self.software + self.computation + self.communication - self.overlapped


def predicted(case: Case, elements: int, ranks: int, machine: Machine) -> Prediction:
    """Return what a function takes for an array of ``elements`` elements in all."""
    problem = case.build(elements, ranks)
    network = Network(machine, ranks)
    steps = tuple(case.steps(problem))
    computation = case.work(problem).seconds(machine)
    ring = seconds_of_all((step for step in steps if step.kind == "shift"), network)
    return Prediction(
        case.function,
        ranks,
        machine.operation_seconds,
        computation,
        seconds_of_all(steps, network),
        min(ring, computation),
    )


def predicted_workload(workload: Workload, rows: int, ranks: int, machine: Machine) -> Prediction:
    """Return what one step of a workload takes on ``rows`` rows in all."""
    network = Network(machine, ranks)
    steps = tuple(workload.steps(rows, ranks))
    computation = workload.work(rows, ranks).seconds(machine)
    ring = seconds_of_all((step for step in steps if step.kind == "shift"), network)
    return Prediction(
        workload.name,
        ranks,
        workload.operations(rows) * machine.operation_seconds,
        computation,
        seconds_of_all(steps, network),
        min(ring, computation),
    )
