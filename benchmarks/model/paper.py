"""The runs of the HeAT paper (Götz et al. 2020) at their own sizes, predicted, beside what somebody read off its curves.

Rows and nodes are those of HeAT's own job configurations (``benchmarks/bm_2020`` of its repository). The paper prints no
numbers, only curves: a CSV file has what was read off them, or off anybody's own runs.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.budgets import Operand, Problem, Step
from benchmarks.cases.catalogue import ITERATIONS
from benchmarks.cases.data import CLUSTERS, DATASETS
from benchmarks.model.cases import every_case
from benchmarks.model.machine import Machine
from benchmarks.model.predict import Prediction, predicted, predicted_workload
from benchmarks.model.work import Work
from benchmarks.model.workloads import SHORT_ROWS_NS, WORKLOADS, Workload

NODES: Final = (1, 2, 4, 8, 15)

PIXELS: Final = DATASETS["wide"].shapes["paper"][1]
"""Numbers of a picture of the Cityscapes data, float32."""

PICTURES_PER_NODE: Final = (300, 600, 1200, 2400, 4500)

COLUMNS: Final = ("run", "nodes", "seconds", "system")
"""Of a CSV file of published points."""

Predict: TypeAlias = Callable[[int, int, Machine], Prediction]


@dataclass(frozen=True, slots=True)
class Run:
    """One curve: a program on 1 to 15 nodes.

    Attributes
    ----------
    name : str
        As a CSV file names it: ``"k-means, strong"``.
    rows : tuple of int
        On each number of nodes.
    predict : callable
        ``predict(rows, ranks, machine)``.
    """

    name: str
    rows: tuple[int, ...]
    predict: Predict

    def predictions(self, machine: Machine) -> list[Prediction]:
        """Return what it takes with all cores of each number of nodes."""
        return [
            self.predict(rows, nodes * machine.ranks_per_node, machine)
            for rows, nodes in zip(self.rows, NODES, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Point:
    """A time that was published.

    Attributes
    ----------
    run : str
    nodes : int
    seconds : float
    system : str
    """

    run: str
    nodes: int
    seconds: float
    system: str


# ---- k-means of few long rows, whose columns are partitioned: scores are summed over the ranks, centres stay where they are


def _kmeans_steps(rows: int, ranks: int) -> Iterator[Step]:
    yield Step("allreduce", 1, 1, 4 * CLUSTERS * rows)
    # The centres' squares, the clusters' sizes, and how far the centres moved.
    yield Step("allreduce", 3, 3, 4 * CLUSTERS + 4 * CLUSTERS + 8)


def _kmeans_work(rows: int, ranks: int) -> Work:
    width = -(-PIXELS // ranks)
    table, centers = 4 * rows * width, 4 * CLUSTERS * width
    # Rows are read for scores and for sums, centres in some ten operations that make eight arrays.
    return Work(
        read=2 * table + 10 * centers,
        fresh=8 * centers,
        flops=4 * rows * width * CLUSTERS,
        busy=SHORT_ROWS_NS * 1e-9 * rows * CLUSTERS,
    )


WIDE_KMEANS: Final = Workload("k-means step", _kmeans_steps, _kmeans_work, lambda rows: 16, 600, 1)


def _iterations(rows: int, ranks: int, machine: Machine) -> Prediction:
    step = predicted_workload(WIDE_KMEANS, rows, ranks, machine)
    return replace(
        step,
        software=ITERATIONS * step.software,
        computation=ITERATIONS * step.computation,
        communication=ITERATIONS * step.communication,
        overlapped=ITERATIONS * step.overlapped,
    )


def _moment(function: str, axis: int | None) -> Predict:
    case = next(each for each in every_case() if each.function == function)

    def predict(rows: int, ranks: int, machine: Machine) -> Prediction:
        x = Operand((rows, PIXELS), 4, 0)
        axes = (0, 1) if axis is None else (axis,)
        shape = tuple(length for place, length in enumerate(x.shape) if place not in axes)
        problem = Problem(ranks, (x,), (Operand(shape, 4, 0 if axis == 1 else None),), axes=axes)
        return predicted(
            replace(case, build=lambda _elements, _ranks: problem), rows * PIXELS, ranks, machine
        )

    return predict


def _workload(name: str) -> Predict:
    workload = next(each for each in WORKLOADS if each.name == name)
    return lambda rows, ranks, machine: predicted_workload(workload, rows, ranks, machine)


def _runs() -> Iterator[Run]:
    programs: list[tuple[str, int, tuple[int, ...], Predict]] = [
        ("cdist", 40_000, (25_820, 36_515, 51_640, 73_030, 100_000), _workload("cdist")),
        ("k-means", 600, PICTURES_PER_NODE, _iterations),
        (
            "LASSO",
            10_000_000,
            (714_285, 1_428_571, 2_857_142, 5_714_285, 10_000_000),
            _workload("LASSO, 20 sweeps"),
        ),
    ]
    for function in ("mean", "std"):
        for axis in (None, 0, 1):
            told = "all" if axis is None else f"axis {axis}"
            programs.append((f"{function} {told}", 1200, PICTURES_PER_NODE, _moment(function, axis)))
    for name, strong, weak, predict in programs:
        yield Run(f"{name}, strong", (strong,) * len(NODES), predict)
        yield Run(f"{name}, weak", weak, predict)


RUNS: Final = tuple(_runs())


def published(path: Path) -> list[Point]:
    """Return the points of a CSV file with the columns run, nodes, seconds and system.

    Raises
    ------
    ValueError
        If a column is missing, or a value is none of its kind: with the line's number.
    """
    names = {run.name for run in RUNS}
    found = []
    with path.open(newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        if sorted(reader.fieldnames or ()) != sorted(COLUMNS):
            raise ValueError(f"{path} must have the columns {', '.join(COLUMNS)}, got {reader.fieldnames}")
        for row in reader:
            place = f"{path}, line {reader.line_num}"
            if row["run"] not in names:
                raise ValueError(f"{place}: a run is one of {sorted(names)}, got {row['run']!r}")
            try:
                nodes, seconds = int(row["nodes"]), float(row["seconds"])
            except (TypeError, ValueError):
                nodes, seconds = 0, 0.0
            if nodes < 1 or not (seconds > 0 and isfinite(seconds)):
                raise ValueError(
                    f"{place}: nodes and seconds must be positive numbers, got {row['nodes']!r}, {row['seconds']!r}"
                )
            found.append(Point(row["run"], nodes, seconds, row["system"] or "published"))
    return found


def plot(
    predictions: Mapping[str, Sequence[Prediction]], points: Sequence[Point], title: str, path: Path
) -> None:
    """Draw seconds over nodes, a panel for each run; published points beside the prediction."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        len(RUNS) // 6, 6, figsize=(16, 8), layout="constrained", sharex=True, sharey=True
    )
    systems = sorted({point.system for point in points})
    for axes, (name, found) in zip(panels.flat, predictions.items(), strict=True):
        axes.plot(NODES, [each.seconds for each in found], ".-", label="array_api_dist (predicted)")
        for number, system in enumerate(systems):
            own = sorted(
                (each.nodes, each.seconds) for each in points if (each.run, each.system) == (name, system)
            )
            if own:
                axes.plot(*zip(*own, strict=True), "o--", color=f"C{number + 1}", label=system)
        axes.set(title=name, xscale="log", yscale="log")
        axes.set_xticks(NODES, [str(each) for each in NODES])
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
    handles = {
        label: handle
        for axes in panels.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.suptitle(title)
    figure.supxlabel("nodes")
    figure.supylabel("seconds")
    figure.legend(list(handles.values()), list(handles), loc="outside lower right", ncols=len(handles))
    figure.savefig(path, dpi=100)
    plt.close(figure)
