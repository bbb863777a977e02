"""The scaling model: python -m benchmarks model predict | validate."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.model.cases import Case, every_case
from benchmarks.model.machine import EXAMPLE, Machine, load
from benchmarks.model.paper import NODES, RUNS, Point, published
from benchmarks.model.paper import plot as plot_runs
from benchmarks.model.plots import Curves, plot, plot_shares
from benchmarks.model.predict import RANKS, Prediction, predicted, predicted_workload
from benchmarks.model.workloads import WORKLOADS
from benchmarks.options import numbers, output_directory, refusals
from conformance.launch import exit_on_sigterm
from conformance.options import report_file

STRONG_ELEMENTS: Final = 1 << 30
WEAK_ELEMENTS: Final = 1 << 22
SHOWN: Final = (
    "add", "sum", "var", "argmax", "cumulative_sum", "diff", "repartition", "sort", "unique_values", "take", "matmul",
    "linalg.qr", "linalg.cholesky", "fft.fft",
)  # fmt: skip
"""The functions that are plotted: one of each pattern of communication."""


app: Final = typer.Typer(
    help="What functions and the paper's workloads take on machines that are not at hand.",
    no_args_is_help=True,
)


@app.command()
def predict(
    *,
    machine: Annotated[Path, typer.Option(help="a probe's JSON, or a description (TOML)")] = EXAMPLE,
    out: Annotated[Path, typer.Option(help="a directory")] = Path("model-out"),
    most_ranks: Annotated[int, typer.Option(min=1)] = RANKS[-1],
    beside: Annotated[
        Path | None,
        typer.Option(
            help="a CSV file of run, nodes, seconds, system: what was read off the paper's curves, or others"
        ),
    ] = None,
) -> None:
    """Write tables and plots of every function and of the paper's workloads, on up to 65,536 ranks of a machine."""
    with refusals():
        points = [] if beside is None else published(beside)
        described = load(machine)
    _predict(described, output_directory(out), most_ranks, points)


@app.command("validate")
def validate_here(
    *,
    machine: Annotated[
        Path | None, typer.Option(help="a probe's JSON; without it the probe runs here")
    ] = None,
    ranks: Annotated[str, typer.Option(help="numbers of ranks that are timed")] = "1,2",
    counted: Annotated[str, typer.Option(help="numbers of ranks whose messages are counted")] = "4,8",
    elements: Annotated[int, typer.Option(min=1)] = 1 << 23,
    json_file: Annotated[Path | None, typer.Option("--json", help="also write the rows to this file")] = None,
) -> None:
    """Measure some functions and the workloads here, and print the predictions beside."""
    # Not before: what it measures with is a program of its own, too.
    from benchmarks.model.validate import validate

    timed, traced = numbers(ranks), numbers(counted) if counted else []
    with refusals():
        given = None if machine is None else load(machine)
        if json_file is not None:
            report_file(str(json_file))
    exit_on_sigterm()
    try:
        validate(given, timed, traced, elements, json_file)
    except OSError as error:
        # Of the ranks, which have their own words for it.
        print(f"benchmarks: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _predict(machine: Machine, out: Path, most_ranks: int, points: Sequence[Point]) -> None:
    ranks = [each for each in RANKS if each <= most_ranks]
    cases = every_case()
    strong = {case.function: _scaled(case, ranks, machine, lambda _: STRONG_ELEMENTS) for case in cases}
    weak = {
        case.function: _scaled(case, ranks, machine, lambda ranks: WEAK_ELEMENTS * ranks) for case in cases
    }
    strong_work = {
        each.name: [predicted_workload(each, each.strong_rows, p, machine) for p in ranks]
        for each in WORKLOADS
    }
    weak_work = {
        each.name: [predicted_workload(each, each.weak_rows * p, p, machine) for p in ranks]
        for each in WORKLOADS
    }
    paper = {run.name: run.predictions(machine) for run in RUNS}
    tables = [
        f"# Predicted for {machine.name}\n",
        _table("The four workloads, strong scaling", strong_work),
        _table("The four workloads, weak scaling", weak_work),
        _paper_table(paper, points),
        _table(f"Every function, strong scaling: {STRONG_ELEMENTS:,} elements in all", strong),
        _table(f"Every function, weak scaling: {WEAK_ELEMENTS:,} elements for each rank", weak),
    ]
    (out / "model.md").write_text("\n".join(tables))
    curves = {
        "strong": strong, "weak": weak, "strong_workloads": strong_work, "weak_workloads": weak_work, "paper": paper,
    }  # fmt: skip
    (out / "model.json").write_text(
        json.dumps(
            {
                "machine": asdict(machine),
                **{kind: {n: [asdict(p) | {"seconds": p.seconds} for p in ps] for n, ps in found.items()}
                   for kind, found in curves.items()},
            }
        )
    )  # fmt: skip
    _draw(machine, out, strong, weak, strong_work, weak_work)
    plot_runs(paper, points, f"The paper's own runs: {machine.name}", out / "paper.png")
    print("\n".join(tables[:4]))
    print(
        f"every function: {out / 'model.md'}; plots: {', '.join(sorted(p.name for p in out.glob('*.png')))}"
    )


def _scaled(
    case: Case, ranks: Sequence[int], machine: Machine, elements: Callable[[int], int]
) -> list[Prediction]:
    return [predicted(case, elements(each), each, machine) for each in ranks]


def _draw(
    machine: Machine, out: Path, strong: Curves, weak: Curves, strong_work: Curves, weak_work: Curves
) -> None:
    chosen = {name: strong[name] for name in SHOWN}, {name: weak[name] for name in SHOWN}
    plot(chosen[0], f"Strong scaling, 8 GiB in all: {machine.name}", out / "strong.png", ideal="add")
    plot(chosen[1], f"Weak scaling, 32 MiB a rank: {machine.name}", out / "weak.png", ideal=None)
    plot(strong_work, f"Strong scaling: {machine.name}", out / "strong-workloads.png", ideal="k-means step")
    plot(weak_work, f"Weak scaling: {machine.name}", out / "weak-workloads.png", ideal=None)
    plot_shares(strong_work, "Where the time goes, strong scaling", out / "shares.png")


def _table(title: str, rows: Curves) -> str:
    ranks = [point.ranks for point in next(iter(rows.values()))]
    head = "| | " + " | ".join(f"P = {each:,}" for each in ranks) + " |"
    rule = "| --- |" + " ---: |" * len(ranks)
    body = [
        f"| {name} | " + " | ".join(seconds_text(point.seconds) for point in points) + " |"
        for name, points in rows.items()
    ]
    return "\n".join([f"## {title}\n", head, rule, *body, ""])


def _paper_table(paper: Curves, points: Sequence[Point]) -> str:
    """Return the predictions of the paper's runs, each followed by what was published on the same nodes."""
    rows = []
    for name, found in paper.items():
        rows.append([name, *(seconds_text(point.seconds) for point in found)])
        for system in sorted({point.system for point in points if point.run == name}):
            own = {each.nodes: each.seconds for each in points if (each.run, each.system) == (name, system)}
            rows.append([f"… {system}", *(seconds_text(own[n]) if n in own else "" for n in NODES)])
    head = ["", *(f"{nodes} node{'s' if nodes > 1 else ''}" for nodes in NODES)]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---", *["---:"] * len(NODES)], *rows)]
    return "\n".join(["## The paper's own runs\n", *lines, ""])


def seconds_text(seconds: float) -> str:
    """Return a time with its unit, in three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return "inf" if seconds == inf else f"{seconds * 1e6:.2f} µs"
