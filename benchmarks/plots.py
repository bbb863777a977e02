"""Plots of results: bars for each group, scaling, roofline and memory, as PNG files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

from benchmarks.cases import CASES, Case
from benchmarks.model.machine import of_probe
from benchmarks.predictions import predicted_seconds
from benchmarks.registry import OWN, Layout
from benchmarks.report import cases, labels, own_best, rows_of, speedup
from benchmarks.results import Results, Row

mpl.use("Agg")

import matplotlib.pyplot as plt

DPI: Final = 100
_BARS_HIGH: Final = 15
"""Cases in one plot of bars, at most."""


def draw(results: Results, out: Path, prefix: str = "", groups: Collection[str] | None = None) -> list[Path]:
    """Draw all plots, bars of some groups only if they are named; return their files, none where there are no rows."""
    if not results.rows:
        return []
    out.mkdir(parents=True, exist_ok=True)
    known = {case.name: case for case in CASES}
    names = cases(results)
    files = []
    for group in dict.fromkeys(name.split("/", 1)[0] for name in names):
        if groups is None or group in groups:
            files += _bars_of(results, group, out / f"{prefix}bars-{group}")
    files += [
        _strong(results, names, out / f"{prefix}strong-scaling.png"),
        _weak(results, [name for name in names if known[name].scaling], out / f"{prefix}weak-scaling.png"),
        _memory(results, [known[name] for name in names], out / f"{prefix}memory.png"),
    ]
    if results.probe:
        files.append(_roofline(results, [known[name] for name in names], out / f"{prefix}roofline.png"))
    return files


def _bars_of(results: Results, group: str, stem: Path) -> list[Path]:
    """Draw a group's bars, in as many plots as can be read."""
    counted = {row.case for row in results.rows if row.factor == 1 and row.seconds}
    names = [name for name in cases(results) if name.split("/", 1)[0] == group and name in counted]
    plots = [names[start : start + _BARS_HIGH] for start in range(0, len(names), _BARS_HIGH)]
    ends = [".png"] if len(plots) == 1 else [f"-{number}.png" for number in range(1, len(plots) + 1)]
    return [_bars(results, each, Path(f"{stem}{end}")) for each, end in zip(plots, ends, strict=True)]


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    return path


def _bars(results: Results, names: Sequence[str], path: Path) -> Path:
    used = [each for each in labels(results) if any(each in rows_of(results, name) for name in names)]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.11 * len(names) * (len(used) + 1)), layout="constrained")
    height = 1 / (len(used) + 1)
    for place, label in enumerate(used):
        rows = [rows_of(results, name).get(label) for name in names]
        medians = [row.median if row else float("nan") for row in rows]
        spread = [row.quartiles if row else (float("nan"), float("nan")) for row in rows]
        errors = np.array(
            [(median - first, third - median) for median, (first, third) in zip(medians, spread, strict=True)]
        ).T
        positions = np.arange(len(names)) + (place - len(used) / 2) * height
        axes.barh(positions, medians, height, xerr=errors, label=label, color=f"C{place}" if place < 10 else f"C{place - 10}",
                  hatch="//" if place >= 10 else None, error_kw={"linewidth": 0.6})  # fmt: skip
    axes.set_yticks(np.arange(len(names)), names, fontsize="small")
    axes.set(xscale="log", xlabel="seconds (median, interquartile range)")
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, fontsize="small")
    return _save(figure, path)


def _strong(results: Results, names: Sequence[str], path: Path) -> Path:
    """Draw how much faster more cores are: ranks of the distributed systems, threads of torch; the model beside."""
    most = max(row.ranks for row in results.rows)
    machine = of_probe(results.probe) if results.probe else None
    known = {case.name: case for case in CASES}
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.16 * len(names)), layout="constrained")
    positions = np.arange(len(names))
    curves = {
        f"{OWN}, {most} ranks": [speedup(results, name, OWN, Layout(most, 1)) for name in names],
        f"heat, {most} ranks": [speedup(results, name, "heat", Layout(most, 1)) for name in names],
        f"torch, {most} threads": [speedup(results, name, "torch", Layout(1, most)) for name in names],
    }
    if machine is not None:
        modelled = [_modelled(known[name], results.rows[0], most, machine) for name in names]
        curves["model"] = modelled
    for mark, (label, values) in zip("osx|", curves.items(), strict=False):
        axes.plot(values, positions, mark, label=label, markersize=8 if mark == "|" else 5)
    axes.axvline(1, color="k", linewidth=0.8)
    axes.axvline(most, color="k", linewidth=0.8, linestyle=":")
    axes.set_yticks(positions, names, fontsize="small")
    axes.margins(y=0.01)
    axes.set(
        xlabel="times as fast as on one core (further left: slower still)", xscale="log", xlim=(0.1, 2 * most)
    )
    axes.invert_yaxis()
    axes.grid(visible=True, alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, fontsize="small")
    return _save(figure, path)


def _modelled(case: Case, row: Row, most: int, machine: Any) -> float:
    one = predicted_seconds(case, row.scale, 1, machine)
    many = predicted_seconds(case, row.scale, most, machine)
    return one / many if one and many else float("nan")


def _weak(results: Results, names: Sequence[str], path: Path) -> Path:
    most = max(row.ranks for row in results.rows)
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.2 * len(names)), layout="constrained")
    positions = np.arange(len(names))
    for mark, system in zip("os", (OWN, "heat"), strict=True):
        values = [speedup(results, name, system, Layout(most, 1), factor=most) for name in names]
        axes.plot(values, positions, mark, label=f"{system}, {most} ranks with {most} times the rows")
    axes.axvline(1, color="k", linewidth=0.8, linestyle=":")
    axes.set_yticks(positions, names, fontsize="small")
    axes.set(
        xlabel="time on one core over time on all (1 is ideal where work grows as rows do)", xlim=(0, None)
    )
    axes.invert_yaxis()
    axes.grid(visible=True, alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, fontsize="small")
    return _save(figure, path)


def _memory(results: Results, chosen: Iterable[Case], path: Path) -> Path:
    """Draw what the first call took above its operands, all ranks together, over the operands' bytes."""
    figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
    for place, system in enumerate(dict.fromkeys(row.system for row in results.rows)):
        points = [
            (case.nbytes(row.scale), sum(row.peak_nbytes))
            for case in chosen
            for row in rows_of(results, case.name).values()
            if row.system == system and row.peak_nbytes and row.ranks == _most_ranks(results, system)
        ]
        if points:
            given, taken = zip(*points, strict=True)
            axes.plot(given, np.maximum(taken, 1 << 16), "os^vDP*X"[place % 8], label=system, alpha=0.7)
    limits = np.array([1 << 16, 1 << 29])
    axes.plot(limits, limits, "k:", label="as much as the operands")
    axes.set(
        xscale="log", yscale="log", xlabel="bytes of the operands", ylabel="bytes taken by a call, all ranks"
    )
    axes.set_xlim(1 << 16, None)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    return _save(figure, path)


def _most_ranks(results: Results, system: str) -> int:
    return max(row.ranks for row in results.rows if row.system == system)


def _roofline(results: Results, chosen: Iterable[Case], path: Path) -> Path:
    figures, ranks = results.probe["figures"], int(results.probe["ranks"])
    bandwidth, flops = figures["sum_bytes_per_second"] * ranks, figures["multiply_flops"] * ranks
    figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
    groups: dict[str, list[tuple[float, float]]] = {}
    for case in chosen:
        row = own_best(rows_of(results, case.name).values())
        if case.work is None or row is None or isnan(row.median):
            continue
        work = case.work(case.shapes(row.scale))
        if work.flops:
            groups.setdefault(case.group, []).append((work.flops / work.nbytes, work.flops / row.median))
    for place, (group, points) in enumerate(groups.items()):
        intensity, speed = zip(*points, strict=True)
        axes.plot(intensity, speed, "os^vDP*X"[place % 8], label=group, alpha=0.8)
    roof = np.geomspace(0.01, 1000, 100)
    axes.plot(roof, np.minimum(roof * bandwidth, flops), "k-", linewidth=1)
    axes.text(0.012, 0.016 * bandwidth, f"{bandwidth / 1e9:.0f} GB/s read", fontsize="small")
    axes.text(100, 1.1 * flops, f"{flops / 1e9:.0f} GFLOP/s", fontsize="small")
    axes.set(
        xscale="log", yscale="log", xlabel="operations for each byte, at least", ylabel="operations per second",
        title=f"{OWN} on all cores",
    )  # fmt: skip
    axes.grid(visible=True, alpha=0.3)
    if groups:
        axes.legend(fontsize="small")
    return _save(figure, path)
