"""What rank 0 shows: tables and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from data import Column
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

mpl.use("Agg")
from matplotlib import pyplot as plt

# Okabe and Ito's colours, told apart with every kind of colour vision; beyond eight clusters the markers change.
COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#F0E442")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
# A column with fewer different values among the rows drawn makes stripes.
MANY_VALUES: Final = 100
# Operations that take less of the time are told together.
LEAST_SHARE: Final = 0.01

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The small results of the job, the same on every rank.

    Attributes
    ----------
    start, centers : array, shape (k, f)
        Initial and final centres, in standard units.
    mean, deviation : array, shape (f,)
    points, point_labels : arrays, shapes (p, f) and (p,)
        A sample of the rows in original units, and their clusters.
    """

    shape: tuple[int, int]
    ranks: int
    columns: tuple[Column, ...]
    inertia: float
    steps: int
    sizes: npt.NDArray[np.int64]
    start: Floats
    centers: Floats
    mean: Floats
    deviation: Floats
    points: Floats
    point_labels: npt.NDArray[np.int64]
    communication: Any
    seconds_reading: float
    seconds_clustering: float

    @property
    def original_centers(self) -> Floats:
        """The centres in original units."""
        return self.centers * self.deviation + self.mean


def show(outcome: Outcome, console: Console) -> None:
    """Print sizes, inertia, centres, and what the operations took."""
    rows, columns = outcome.shape
    console.print(
        f"{rows:,} rows of {columns} columns on {outcome.ranks} ranks, "
        f"read in {outcome.seconds_reading:.2f} s; k-means with {len(outcome.sizes)} clusters: "
        f"{outcome.steps} iterations in {outcome.seconds_clustering:.2f} s, inertia {outcome.inertia:.9g}",
        soft_wrap=True,
    )
    console.print(_centers_table(outcome))
    console.print(_operations_table(outcome))


def _centers_table(outcome: Outcome) -> Table:
    table = Table(title="Centroids in original units", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("cluster", no_wrap=True)
    for number in range(len(outcome.sizes)):
        table.add_column(str(number + 1), justify="right", no_wrap=True)
    table.add_row("rows", *(f"{size:,}" for size in outcome.sizes), style="bold", end_section=True)
    for column, values in zip(outcome.columns, outcome.original_centers.T, strict=True):
        label = f"{column.name} [{column.unit}]" if column.unit else column.name
        # An escaped bracket: rich takes a bare one for markup.
        table.add_row(label.replace("[", r"\["), *(f"{value:.4g}" for value in values))
    return table


def _operations_table(outcome: Outcome) -> Table:
    """Return what took time or sent messages, the slowest first, and the rest in one line."""
    total = outcome.communication.totals
    rows = sorted(outcome.communication.rows, key=lambda row: -row.seconds)
    told = [row for row in rows if row.messages or row.seconds >= LEAST_SHARE * total.seconds]
    rest = [row for row in rows if row not in told]
    table = Table(title="Operations of rank 0", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("operation", no_wrap=True)
    for head in ("calls", "seconds", "messages", "bytes sent", "received", "peak memory"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in told:
        table.add_row(row.operation, *_numbers(row), end_section=row is told[-1] and not rest)
    if rest:
        calls, seconds = sum(row.calls for row in rest), sum(row.seconds for row in rest)
        table.add_row(f"{len(rest)} others", f"{calls:,}", f"{seconds:.3f}", end_section=True)
    table.add_row(total.operation, *_numbers(total), style="bold")
    return table


def _numbers(row: Any) -> tuple[str, ...]:
    """Return the cells of a row of the trace."""
    counts = (
        f"{number:,}" if number else "" for number in (row.messages, row.bytes_sent, row.bytes_received)
    )
    peak = "" if row.peak_extra_bytes is None else f"{row.peak_extra_bytes / 1e6:.1f} MB"
    return (f"{row.calls:,}", f"{row.seconds:.3f}", *counts, peak)


def telling_columns(outcome: Outcome) -> tuple[int, int]:
    """Return the two columns that tell the clusters apart best.

    That is: in which the nearest centre, of these two columns alone, is most often the right one, each cluster
    counting the same. Columns of few values are left out where enough others are there: they draw stripes.
    """
    many = [k for k, values in enumerate(outcome.points.T) if len(np.unique(values)) >= MANY_VALUES]
    candidates = many if len(many) >= 2 else list(range(len(outcome.columns)))
    if len(candidates) < 2:
        return candidates[0], candidates[0]
    points = (outcome.points - outcome.mean) / outcome.deviation
    belongs = outcome.point_labels[:, None] == np.arange(len(outcome.sizes))
    rights = []
    for pair in combinations(candidates, 2):
        away = points[:, None, pair] - outcome.centers[None, :, pair]
        is_right = (away**2).sum(axis=2).argmin(axis=1) == outcome.point_labels
        rights.append(
            (float((is_right.astype(np.float64) @ belongs / np.maximum(belongs.sum(axis=0), 1)).mean()), pair)
        )
    return max(rights, key=lambda right: right[0])[1]


def draw(outcome: Outcome, path: Path) -> None:
    """Save a picture of the sampled rows over the two most telling columns, coloured by cluster."""
    across, up = telling_columns(outcome)
    figure, axes = plt.subplots(figsize=(10, 6.5), layout="constrained")
    centers = outcome.original_centers
    for number, size in enumerate(outcome.sizes):
        mine = outcome.points[outcome.point_labels == number]
        color = COLORS[number % len(COLORS)]
        marker = MARKERS[(number // len(COLORS)) % len(MARKERS)]
        axes.scatter(
            mine[:, across], mine[:, up], s=9, alpha=0.45, color=color, marker=marker, linewidths=0,
            label=f"{number + 1}: {size:,} rows",
        )  # fmt: skip
        axes.annotate(
            str(number + 1), (centers[number, across], centers[number, up]), ha="center", va="center",
            fontsize=11, fontweight="bold", color="white",
            bbox={"boxstyle": "circle,pad=0.3", "facecolor": color, "edgecolor": "black", "linewidth": 1.2},
        )  # fmt: skip
    axes.set_xlabel(_axis_label(outcome.columns[across]), fontsize=12)
    axes.set_ylabel(_axis_label(outcome.columns[up]), fontsize=12)
    axes.set_title(
        f"k-means over {outcome.shape[1]} columns of {outcome.shape[0]:,} rows, {len(outcome.sizes)} clusters",
        fontsize=13,
    )
    axes.grid(visible=True, alpha=0.25)
    legend = axes.legend(
        title=f"cluster ({len(outcome.points):,} rows drawn,\nnumbers at the centres)",
        loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, markerscale=3,
    )  # fmt: skip
    for handle in legend.legend_handles:
        handle.set_alpha(1.0)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _axis_label(column: Column) -> str:
    words = NAMES.get(column.name, column.name)
    return f"{words} [{column.unit}]" if column.unit else words


NAMES: Final = {
    "dep_time": "departure time",
    "sched_dep_time": "scheduled departure time",
    "dep_delay": "departure delay",
    "arr_time": "arrival time",
    "sched_arr_time": "scheduled arrival time",
    "arr_delay": "arrival delay",
    "air_time": "time in the air",
    "temp": "temperature",
    "dewp": "dew point",
    "humid": "humidity",
    "wind_dir": "wind direction",
    "wind_speed": "wind speed",
    "precip": "precipitation",
    "visib": "visibility",
}
