"""Results: what was measured, on what, as data and in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.cases.data import Scale
from benchmarks.registry import Layout

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A case on a system in a layout.

    Attributes
    ----------
    case : str
    scale : str
    factor : int
        How many times as many rows as the scale has.
    system : str
    ranks, threads : int
    first_seconds : float or None
        Of the first call, which no statistic counts.
    seconds : tuple of float
        Of the repeats, each on its slowest rank; empty where no time counts.
    number : int
        How many calls a repeat is the mean of.
    peak_nbytes : tuple of int
        What the first call took above what was held before, for each rank.
    error : str or None
        Why no time counts: what was raised, or how the result differs.
    """

    case: str
    scale: Scale
    factor: int
    system: str
    ranks: int
    threads: int
    first_seconds: float | None = None
    seconds: tuple[float, ...] = ()
    number: int = 1
    peak_nbytes: tuple[int, ...] = ()
    error: str | None = None

    @property
    def layout(self) -> Layout:
        """Ranks and threads."""
        return Layout(self.ranks, self.threads)

    @property
    def label(self) -> str:
        """System and layout."""
        return f"{self.system} {self.layout}"

    @property
    def median(self) -> float:
        """The median of the repeats; NaN without any."""
        return float(np.median(self.seconds)) if self.seconds else float("nan")

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile."""
        if not self.seconds:
            return float("nan"), float("nan")
        first, third = np.quantile(self.seconds, [0.25, 0.75])
        return float(first), float(third)


@dataclass(frozen=True, slots=True)
class Results:
    """A run.

    Attributes
    ----------
    machine : mapping
        Processor, cores, memory, operating system, commit, and when.
    systems : mapping
        Of each system its versions, or why it was not there.
    rows : tuple of Row
    probe : mapping
        The figures of ``python -m array_api_dist --json``, which predictions are made from; empty without a probe.
    """

    machine: Mapping[str, Any]
    systems: Mapping[str, Mapping[str, str]]
    rows: tuple[Row, ...]
    probe: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def find(self, case: str, system: str, layout: Layout, factor: int = 1) -> Row | None:
        """Return the row of a case on a system, or None."""
        wanted = (case, system, layout.ranks, layout.threads, factor)
        return next((row for row in self.rows if _key(row) == wanted), None)

    def save(self, path: Path) -> None:
        """Write all of it."""
        rows = [asdict(row) | {"median": row.median if row.seconds else None} for row in self.rows]
        data = {
            "format": FORMAT,
            "machine": self.machine,
            "systems": self.systems,
            "probe": self.probe,
            "rows": rows,
        }
        path.write_text(json.dumps(data, indent=1))


def _key(row: Row) -> tuple[str, str, int, int, int]:
    return row.case, row.system, row.ranks, row.threads, row.factor


def load(path: Path) -> Results:
    """Read results.

    Raises
    ------
    ValueError
        If the file has no results in this format.
    """
    try:
        found = json.loads(path.read_text())
        if found.get("format", FORMAT) == FORMAT:
            return Results(found["machine"], found["systems"], tuple(_rows(found["rows"])), found["probe"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"results are a JSON file that python -m benchmarks run wrote, got {path}"
        ) from error
    raise ValueError(f"results have the format {FORMAT}, {path} has {found['format']!r}")


def _rows(found: Iterable[Mapping[str, Any]]) -> Iterable[Row]:
    for each in found:
        names = {name: value for name, value in each.items() if name != "median"}
        for name in ("seconds", "peak_nbytes"):
            names[name] = tuple(names[name])
        yield Row(**names)
