"""Tables of results: times, and ratios to this library's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import Final

from benchmarks.model.command import seconds_text
from benchmarks.predictions import beside, summary
from benchmarks.registry import OWN, Layout
from benchmarks.results import Results, Row

UNKNOWN: Final = "–"


def labels(results: Results) -> list[str]:
    """Return the systems and layouts that have rows with the scale's own sizes, in order."""
    return list(dict.fromkeys(row.label for row in results.rows if row.factor == 1))


def cases(results: Results) -> list[str]:
    """Return the names of the cases, in order."""
    return list(dict.fromkeys(row.case for row in results.rows))


def rows_of(results: Results, case: str) -> dict[str, Row]:
    """Return a case's rows by their labels."""
    return {row.label: row for row in results.rows if row.case == case and row.factor == 1}


def own_best(rows: Iterable[Row]) -> Row | None:
    """Return this library's quickest row among those that use most cores."""
    own = [row for row in rows if row.system == OWN and row.seconds]
    most = max((row.ranks * row.threads for row in own), default=0)
    return min(
        (row for row in own if row.ranks * row.threads == most), key=lambda row: row.median, default=None
    )


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, the first column left, the others right."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(cells) + " |" for cells in body]
    return "\n".join(lines)


def time_text(row: Row | None) -> str:
    """Return a median with half its interquartile range."""
    if row is None:
        return UNKNOWN
    if not row.seconds:
        return "✗"
    first, third = row.quartiles
    return f"{seconds_text(row.median)} ±{50 * (third - first) / row.median:.0f} %"


def ratio_text(ratio: float) -> str:
    """Return a ratio in few digits."""
    if isnan(ratio):
        return UNKNOWN
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def times(results: Results, names: Sequence[str]) -> str:
    """Return the table of times."""
    used = [each for each in labels(results) if any(each in rows_of(results, name) for name in names)]
    body = [
        [name, *(time_text(rows_of(results, name).get(each)) for each in used)]
        for name in names
    ]  # fmt: skip
    return table(["case", *used], body)


def ratios(results: Results, names: Sequence[str]) -> str:
    """Return the table of the peers' times over this library's best."""
    peers = [
        each
        for each in labels(results)
        if not each.startswith(f"{OWN} ") and any(each in rows_of(results, name) for name in names)
    ]
    body = []
    for name in names:
        rows = rows_of(results, name)
        best = own_best(rows.values())
        own = [best.label.removeprefix(f"{OWN} "), seconds_text(best.median)] if best else [UNKNOWN, UNKNOWN]
        body.append([name, *own, *(_ratio(rows.get(peer), best) for peer in peers)])
    return table(["case", "layout", OWN, *peers], body)


def _ratio(row: Row | None, best: Row | None) -> str:
    if row is not None and row.error:
        return "✗"
    if row is None or best is None or not row.seconds:
        return UNKNOWN
    return ratio_text(row.median / best.median)


def failures(results: Results) -> str:
    """Return the list of what did not count, and why."""
    found = [f"- {row.case}, {row.label}: {row.error}" for row in results.rows if row.error]
    found += [
        f"- {name}: not installed: {told['not installed']}"
        for name, told in results.systems.items()
        if "not installed" in told
    ]
    return "\n".join(found) or "None."


def speedup(results: Results, case: str, system: str, layout: Layout, *, factor: int = 1) -> float:
    """Return how much faster a layout is than one rank of one thread (with as many times the rows, if a factor)."""
    one = results.find(case, system, Layout(1, 1))
    many = results.find(case, system, layout, factor)
    if one is None or many is None:
        return float("nan")
    return one.median / many.median


def scaling(results: Results) -> str:
    """Return the table of what more ranks of one thread gain over one, beside what as many threads gain for torch."""
    most = max((row.ranks for row in results.rows if row.system == OWN and row.threads == 1), default=1)
    if most == 1:
        return "Measured on one rank only."
    body = []
    for name in cases(results):
        gain = speedup(results, name, OWN, Layout(most, 1))
        if isnan(gain):
            continue
        rows = rows_of(results, name)
        times = [seconds_text(rows[f"{OWN} {Layout(ranks, 1)}"].median) for ranks in (1, most)]
        threads = ratio_text(speedup(results, name, "torch", Layout(1, most)))
        body.append([name, *times, ratio_text(gain), threads])
    return table(["case", "P = 1", f"P = {most}", "gain", f"torch, {most} threads over 1"], body)


def markdown(results: Results) -> str:
    """Return the whole report."""
    groups = list(dict.fromkeys(name.split("/", 1)[0] for name in cases(results)))
    parts = ["# Benchmarks\n", machine_text(results)]
    for group in groups:
        names = [name for name in cases(results) if name.split("/", 1)[0] == group]
        parts += [f"## {group}\n", times(results, names), "", ratios(results, names), ""]
    parts += ["## Ranks of one thread beside one rank\n", scaling(results), ""]
    parts += ["## Predicted and measured\n", predictions(results), ""]
    parts += ["## What does not count\n", failures(results), ""]
    return "\n".join(parts)


def predictions(results: Results) -> str:
    """Return the table of the model's predictions beside what was measured."""
    found = beside(results)
    if not found:
        return "Without a probe of the machine there are none."
    ranks = sorted({each.ranks for each in found})
    by_place = {(each.case, each.ranks): each for each in found}
    head = ["case", *(f"{kind}, P = {each}" for each in ranks for kind in ("predicted", "measured"))]
    body = []
    for name in dict.fromkeys(each.case for each in found):
        cells = [by_place.get((name, each)) for each in ranks]
        told = [
            (seconds_text(cell.predicted), seconds_text(cell.measured)) if cell else (UNKNOWN, UNKNOWN)
            for cell in cells
        ]
        body.append([name, *(text for pair in told for text in pair)])
    return f"{table(head, body)}\n\n{summary(found)}"


def run_text(results: Results) -> str:
    """Return which code was measured, when, on how busy a machine and by what command."""
    told = results.machine
    return (
        f"commit {told['commit']}{' with changes' if told['changed'] else ''}; {told['when']}; "
        f"load before {told['load']:.1f}; `{told.get('command', '')}`."
    )


def machine_text(results: Results) -> str:
    """Return what the run was made on, and what its columns mean."""
    told = results.machine
    made_on = (
        f"{', '.join([told['cpu'], *told.get('gpus', [])])}, {told['cores']} cores, "
        f"{told['memory_nbytes'] / 2**30:.0f} GiB; {told['system']}; "
        f"Python {told['python']}; {run_text(results)}"
    )
    meaning = (
        "Medians, ± half the interquartile range. `2x1` is 2 ranks (or processes) of 1 thread. Ratios are the peer's "
        f"time over {OWN}'s best on all cores: above 1, {OWN} is faster. {UNKNOWN}: not there or not measured; "
        "✗: failed, or a result that differs."
    )
    lines = [
        made_on,
        "",
        *(
            f"- {name}: " + ", ".join(f"{key} {value}" for key, value in versions.items())
            for name, versions in results.systems.items()
        ),
        "",
        meaning,
        "",
    ]
    return "\n".join(lines)
