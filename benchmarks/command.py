"""The commands: list, run, compare, plot, model."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import facts
from benchmarks.cases import CASES, SCALES, Case, Scale, matching
from benchmarks.model.command import app as model_app
from benchmarks.registry import SYSTEMS, chosen
from benchmarks.report import cases, markdown, rows_of, time_text
from benchmarks.results import Results, Row
from benchmarks.runner import Plan, session

app: Final = typer.Typer(
    help="The library beside its peers: cases x systems x ranks, on the same data, in one run.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False,
)  # fmt: skip
app.add_typer(model_app, name="model")
console: Final = Console()

Patterns = Annotated[
    list[str] | None, typer.Argument(help="parts of names of cases, or patterns like 'moments/*'")
]
Names = Annotated[str, typer.Option(help=f"comma-separated; all by default: {', '.join(SYSTEMS)}")]
Ranks = Annotated[str, typer.Option(help="comma-separated numbers of ranks")]


def _numbers(text: str) -> list[int]:
    try:
        found = sorted({int(each) for each in text.split(",")})
    except ValueError:
        found = [0]
    if found[0] < 1:
        raise typer.BadParameter(f"numbers of ranks are positive and comma-separated, got {text!r}")
    return found


def _scale(text: str) -> Scale:
    for each in SCALES:
        if each == text:
            return each
    raise typer.BadParameter(f"a scale is one of {', '.join(SCALES)}, got {text!r}")


def _cases(patterns: list[str] | None) -> list[Case]:
    try:
        return matching(CASES, patterns or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command("list")
def list_cases(
    patterns: Patterns = None,
    *,
    scale: Annotated[str, typer.Option(help=", ".join(SCALES))] = "small",
) -> None:
    """Show the cases, and the shapes of their operands."""
    table = Table("case", "operands", "MiB")
    size = _scale(scale)
    for case in _cases(patterns):
        shapes = zip(case.operands, case.shapes(size), strict=True)
        told = ", ".join(f"{each.dataset} {' x '.join(map(str, shape))}" for each, shape in shapes)
        table.add_row(case.name, told, f"{case.nbytes(size) / 2**20:.1f}")
    console.print(table)


@app.command()
def run(
    patterns: Patterns = None,
    *,
    systems: Names = "",
    ranks: Ranks = "1,2",
    cores: Annotated[int, typer.Option(help="cores for each system; all by default", min=0)] = 0,
    scale: Annotated[str, typer.Option(help=", ".join(SCALES))] = "small",
    repeats: Annotated[int, typer.Option(min=1)] = 7,
    seconds: Annotated[float, typer.Option(help="for each system and case, beyond three samples")] = 1.0,
    weak: Annotated[bool, typer.Option(help="also rows in proportion to ranks")] = True,
    out: Annotated[Path, typer.Option(help="a directory for JSON, tables and plots")] = Path("bench-out"),
) -> None:
    """Measure."""
    try:
        entries = chosen([name for name in systems.split(",") if name])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    plan = Plan(
        _cases(patterns), entries, _numbers(ranks), cores or facts.cores(), _scale(scale), repeats, seconds,
        weak=weak,
    )  # fmt: skip
    results = measured(plan)
    out.mkdir(parents=True, exist_ok=True)
    results.save(out / "results.json")
    (out / "results.md").write_text(markdown(results))
    _show(results)
    console.print(f"{out / 'results.json'}, {out / 'results.md'}")


def measured(plan: Plan) -> Results:
    """Return the results of a plan."""
    machine = facts.machine() | {
        "command": "python -m benchmarks " + shlex.join(sys.argv[1:]),
        "cores": plan.cores,
    }
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    rows: list[Row] = []
    with Progress(*columns, console=console, transient=True) as progress:
        runs = plan.runs()
        task = progress.add_task("", total=len(runs))
        with session(plan, lambda text: progress.update(task, description=text)) as opened:
            for case, factor in runs:
                rows += opened.measure(case, factor)
                progress.advance(task)
            systems = opened.systems
    return Results(machine, systems, tuple(rows))


def _show(results: Results) -> None:
    for name in cases(results):
        told = ", ".join(f"{label} {time_text(row)}" for label, row in rows_of(results, name).items())
        console.print(f"[bold]{name}[/bold]: {told}", highlight=False)
    for row in results.rows:
        if row.error:
            console.print(f"[red]{row.case}, {row.label}[/red]: {row.error}", highlight=False, markup=True)
    for name, versions in results.systems.items():
        if "not installed" in versions:
            console.print(f"[red]{name}[/red] not installed: {versions['not installed']}")
