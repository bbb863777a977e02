"""The measured part of docs/performance.md: tables and plots of a run, between two marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.cases import CASES, DATASETS
from benchmarks.model.command import seconds_text
from benchmarks.plots import draw
from benchmarks.registry import OWN
from benchmarks.report import (
    cases,
    failures,
    machine_text,
    own_best,
    predictions,
    ratio_text,
    ratios,
    rows_of,
    run_text,
    scaling,
)
from benchmarks.results import Results
from benchmarks.teams import ROOT

PAGE: Final = ROOT / "docs" / "performance.md"
BEGIN: Final = "<!-- measured: python -m benchmarks plot RESULTS.json --docs -->"
END: Final = "<!-- end of what was measured -->"
PAPER: Final = ("moments", "cdist", "kmeans", "lasso")
DRAWN: Final = (*PAPER, "overhead")
"""The groups whose bars the page shows; the tables have the others, too."""

PREFIX: Final = "performance-"

SLOWER: Final = 0.95
"""A peer that takes less of this library's time than that is quicker."""


def renew(results: Results, page: Path = PAGE, *, also: Sequence[Results] = ()) -> list[Path]:
    """Write a run's tables and plots, and the ratios of runs of other scales, into the page; return the files.

    Raises
    ------
    ValueError
        If the page lacks the marks.
    """
    text = page.read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"the page must have the marks {BEGIN!r} and {END!r}, got {page}")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    for old in page.parent.glob(f"{PREFIX}*.png"):
        old.unlink()
    plots = draw(results, page.parent, PREFIX, DRAWN)
    parts = [BEGIN, "", *measured(results, [path.name for path in plots], also), END]
    page.write_text(head + "\n".join(parts) + tail)
    return [page, *plots]


def measured(results: Results, plots: list[str], also: Sequence[Results]) -> Iterator[str]:
    """Yield the parts of what was measured."""
    yield machine_text(results)
    for title, groups in (
        ("The paper's four", set(PAPER)),
        ("Calls on small arrays: 16 × 16", {"overhead"}),
        ("What the paper leaves out", _others(results)),
    ):
        names = [name for name in cases(results) if name.split("/", 1)[0] in groups]
        if names:
            yield f"### {title}\n\n{ratios(results, names)}\n"
    for other in also:
        yield f"### {_scale_text(other)}\n\n{ratios(other, cases(other))}\n\n{scaling(other)}\n"
    yield f"### Slower than a peer\n\n{slower(results)}\n"
    yield f"### Ranks of one thread beside one rank\n\n{scaling(results)}\n"
    yield f"### Predicted and measured\n\n{predictions(results)}\n"
    yield f"### What does not count\n\n{failures(results)}\n"
    yield "\n".join(f"![{name.removeprefix(PREFIX).removesuffix('.png')}]({name})" for name in plots) + "\n"


def _scale_text(results: Results) -> str:
    """Return a title that says what scale a run had, and a line on its data and how it was made."""
    scale = results.rows[0].scale
    names = {operand.dataset for case in CASES if case.name in cases(results) for operand in case.operands}
    shapes = [
        f"{name} {' × '.join(str(length) for length in DATASETS[name].shape(scale))} {DATASETS[name].dtype}"
        for name in sorted(names)
    ]
    return f"The scale `{scale}`\n\n{', '.join(shapes)}; {run_text(results)}"


def _others(results: Results) -> set[str]:
    groups = {name.split("/", 1)[0] for name in cases(results)}
    return groups - set(DRAWN)


def slower(results: Results) -> str:
    """Return the list of cases in which a peer was quicker, and by how much."""
    lines = []
    for name in cases(results):
        rows = rows_of(results, name)
        best = own_best(rows.values())
        if best is None:
            continue
        quicker = sorted(
            (row.median / best.median, row.label)
            for row in rows.values()
            if row.system != OWN and row.seconds and row.median < SLOWER * best.median
        )
        if quicker:
            told = ", ".join(f"{label} ({ratio_text(1 / ratio)} times)" for ratio, label in quicker)
            lines.append(f"- {name}, {seconds_text(best.median)}: {told}")
    return "\n".join(lines) or "Nothing."
