"""The commands: list, run, compare, plot, model."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import facts
from benchmarks.cases import CASES, DATASETS, SCALES, Case, Scale, matching
from benchmarks.cases.catalogue import START
from benchmarks.comparison import compared, geometric_mean
from benchmarks.model.command import app as model_app
from benchmarks.options import numbers, output_directory, refusals
from benchmarks.registry import DEVICES, SYSTEMS, chosen, on_device
from benchmarks.report import markdown, time_text
from benchmarks.results import Results, Row, load
from benchmarks.runner import Plan, session
from conformance.launch import exit_on_sigterm

app: Final = typer.Typer(
    help="The library beside its peers: cases x systems x ranks, on the same data, in one run.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
app.add_typer(model_app, name="model")
console: Final = Console()

# Of the time a case that starts processes gets as much as so many others.
START_SHARE: Final = 6

Patterns = Annotated[
    list[str] | None, typer.Argument(help="parts of names of cases, or patterns like 'moments/*'")
]
Names = Annotated[str, typer.Option(help=f"comma-separated; all by default: {', '.join(SYSTEMS)}")]
Ranks = Annotated[str, typer.Option(help="comma-separated numbers of ranks")]


def _scale(text: str) -> Scale:
    for each in SCALES:
        if each == text:
            return each
    raise typer.BadParameter(f"a scale is one of {', '.join(SCALES)}, got {text!r}")


def _cases(patterns: list[str] | None) -> list[Case]:
    with refusals():
        return matching(CASES, patterns or [])


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
    seconds: Annotated[float, typer.Option(help="for each system and case, beyond three samples")] = 0.1,
    minutes: Annotated[
        float, typer.Option(help="what cases share; those that are not reached by then are named, not run")
    ] = 9.6,
    device: Annotated[
        str, typer.Option(help="cpu, or cuda: array_api_dist and torch, both of this environment, on the GPU")
    ] = "cpu",
    weak: Annotated[bool, typer.Option(help="also rows in proportion to ranks")] = True,
    probe: Annotated[bool, typer.Option(help="also the machine's own figures, for predictions")] = True,
    paper: Annotated[
        bool, typer.Option("--paper", help="print the paper's sizes and what they need")
    ] = False,
    out: Annotated[Path, typer.Option(help="a directory for JSON, tables and plots")] = Path("bench-out"),
) -> None:
    """Measure."""
    if paper:
        console.print(paper_table(_cases(patterns)))
        return
    with refusals():
        entries = chosen([name for name in systems.split(",") if name])
    if device not in DEVICES:
        raise typer.BadParameter(f"a device is one of {', '.join(DEVICES)}, got {device!r}")
    plan = Plan(
        _cases(patterns), on_device(entries, device), numbers(ranks), cores or facts.cores(), _scale(scale), repeats,
        seconds, minutes=minutes, weak=weak, device=device,
    )  # fmt: skip
    output_directory(out)
    exit_on_sigterm()
    results = measured(plan, out, with_probe=probe and 2 in plan.ranks)
    results.save(out / "results.json")
    _tell([out / "results.json", *_published(results, out)])


def _published(results: Results, out: Path) -> list[Path]:
    """Write tables and plots, and return their files."""
    # Not before: matplotlib takes its time.
    from benchmarks.plots import draw

    (out / "results.md").write_text(markdown(results))
    return [out / "results.md", *draw(results, out)]


def _tell(files: Sequence[Path]) -> None:
    console.print(", ".join(map(str, files)))


def measured(plan: Plan, out: Path, *, with_probe: bool) -> Results:
    """Return the results of a plan; they are written as they come, so that a run that is cut short leaves some."""
    machine = facts.machine() | {"command": _command(sys.argv[1:]), "cores": plan.cores}
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    rows: list[Row] = []
    with Progress(*columns, console=console, transient=True) as progress:
        runs = plan.runs()
        task = progress.add_task("", total=len(runs))
        with session(plan, lambda text: progress.update(task, description=text)) as opened:
            # Environments are made once, runs take the time that they are given.
            started = monotonic()
            end = started + 60 * plan.minutes
            figures = probe_figures() if with_probe else {}
            for number, (case, factor) in enumerate(runs):
                if (now := monotonic()) > end:
                    rows += opened.not_reached(case, factor)
                    continue
                left = [_share(each) for each, _ in runs[number:]]
                found = opened.measure(case, factor, now + (end - now) * left[0] / sum(left))
                rows += found
                _show(case, factor, found, monotonic() - started)
                Results(machine, opened.systems, tuple(rows), figures).save(out / "results.json")
                progress.advance(task)
            systems = opened.systems
    for name, versions in systems.items():
        if "not installed" in versions:
            console.print(f"[red]{name}[/red] not installed: {versions['not installed']}")
    return Results(machine, systems, tuple(rows), figures)


def _share(case: Case) -> int:
    """Return how much of the time is a case's: those that start processes take longer."""
    return START_SHARE if case.group == START else 1


def _command(arguments: Sequence[str]) -> str:
    """Return the command of a run, without where it wrote: that concerns nobody else."""
    kept = list(arguments)
    if "--out" in kept:
        place = kept.index("--out")
        del kept[place : place + 2]
    return shlex.join(["python", "-m", "benchmarks", *kept])


def probe_figures() -> dict[str, Any]:
    """Return the machine's figures, as two ranks see them; none, and say why, where the probe fails."""
    from benchmarks.model.validate import probed

    try:
        with TemporaryDirectory(prefix="bench-") as directory:
            found: dict[str, Any] = json.loads(probed(Path(directory) / "probe.json").read_text())
    except (OSError, ValueError) as error:
        console.print(f"[red]no predictions[/red], the probe failed: {escape(str(error))}")
        return {}
    return found


def paper_table(chosen_cases: Sequence[Case]) -> Table:
    """Return the sizes of the paper's cases, and the memory that they take."""
    table = Table(
        "case",
        "operands",
        "GiB",
        "result and work GiB",
        title="as in Götz et al. (2020); rows of k-means, tall moments and lasso chosen here",
    )
    for case in chosen_cases:
        if case.group not in {"moments", "cdist", "kmeans", "lasso"}:
            continue
        shapes = case.shapes("paper")
        rows = shapes[0][0]
        given = case.nbytes("paper")
        itemsize = DATASETS[case.operands[0].dataset].nbytes("paper") // prod(shapes[0])
        # Distances have a number for each pair; the rest need blocks.
        taken = itemsize * rows * rows if case.group == "cdist" else given // 8
        told = ", ".join(" x ".join(f"{length:,}" for length in shape) for shape in shapes)
        table.add_row(case.name, told, f"{given / 2**30:.2f}", f"{taken / 2**30:.2f}")
    return table


@app.command()
def compare(
    earlier: Annotated[Path, typer.Argument(help="results.json of a run")],
    later: Annotated[Path, typer.Argument(help="results.json of another")],
    *,
    least: Annotated[float, typer.Option(help="smaller relative changes are none")] = 0.1,
    yardstick: Annotated[str, typer.Option(help="a system whose own change is divided out")] = "",
    everything: Annotated[bool, typer.Option("--all", help="also what is within the noise")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="status 1 if anything became slower")] = False,
) -> None:
    """Show what became slower or faster beyond the noise, from one run to another."""
    with refusals():
        changes = compared(load(earlier), load(later), least=least, yardstick=yardstick or None)
    table = Table("case", "system", "earlier / later", "p", "")
    for change in sorted(changes, key=lambda each: each.ratio):
        told = ("slower" if change.ratio > 1 else "faster") if change.beyond else ""
        if change.beyond or everything:
            name = f"{change.row.case}{f' x{change.row.factor}' if change.row.factor > 1 else ''}"
            table.add_row(
                name, change.row.label, f"{1 / change.ratio:.2f}", f"{change.probability:.3f}", told
            )
    console.print(table)
    slower = [each for each in changes if each.beyond and each.ratio > 1]
    faster = [each for each in changes if each.beyond and each.ratio < 1]
    console.print(
        f"{len(changes)} rows in both runs: {len(slower)} slower, {len(faster)} faster beyond the noise; "
        f"geometric mean {1 / geometric_mean(changes):.2f}"
    )
    if strict and slower:
        raise typer.Exit(1)


@app.command()
def plot(
    results: Annotated[Path, typer.Argument(help="results.json of a run")],
    *,
    out: Annotated[Path | None, typer.Option(help="a directory; that of the results by default")] = None,
    docs: Annotated[
        bool, typer.Option("--docs", help="also renew docs/performance.md and its plots")
    ] = False,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="results.json of another scale, whose ratios the page shows, too"),
    ] = None,
) -> None:
    """Write tables and plots of results anew."""
    with refusals():
        found = load(results)
        others = [load(each) for each in also or ()]
        if docs and not found.rows:
            raise ValueError(f"the page needs results of at least one case, got none in {results}")
    _tell(_published(found, output_directory(out or results.parent)))
    if docs:
        from benchmarks.pages import renew

        _tell(renew(found, also=others))


def _show(case: Case, factor: int, found: Sequence[Row], seconds: float) -> None:
    told = ", ".join(f"{row.label} {row.error or time_text(row)}" for row in found)
    more = f" x{factor}" if factor > 1 else ""
    console.print(f"{seconds:4.0f} s [bold]{case.name}{more}[/bold]: {told}", highlight=False, soft_wrap=True)
