"""Two runs: ratios of medians, and which of them are beyond the noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log
from statistics import median
from typing import Final

from scipy.stats import mannwhitneyu

from benchmarks.results import Results, Row

SIGNIFICANCE: Final = 0.02
"""How probable, at most, the two runs' samples would be if they came from one distribution."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a row.

    Attributes
    ----------
    row : Row
        The later one.
    ratio : float
        Later over earlier: above 1 it became slower.
    probability : float
        Of such samples, had nothing changed (Mann and Whitney's test).
    beyond : bool
        Whether it is improbable, and larger than what is asked for.
    """

    row: Row
    ratio: float
    probability: float
    beyond: bool


def compared(
    earlier: Results, later: Results, *, least: float = 0.1, yardstick: str | None = None
) -> list[Change]:
    """Return the changes of all rows that both runs have.

    Parameters
    ----------
    earlier, later : Results
    least : float, optional
        Smaller relative changes are none.
    yardstick : str, optional
        A system whose own changes are divided out, so that a busier or a slower machine does not count.
    """
    before = {_key(row): row for row in earlier.rows if row.seconds}
    both = [(before[_key(row)], row) for row in later.rows if row.seconds and _key(row) in before]
    drift = _drift(both, yardstick) if yardstick else 1.0
    return [_change(old, new, drift, least) for old, new in both]


def _key(row: Row) -> tuple[str, str, int, str, int, int]:
    return row.case, row.scale, row.factor, row.system, row.ranks, row.threads


def _drift(both: Iterable[tuple[Row, Row]], yardstick: str) -> float:
    ratios = [new.median / old.median for old, new in both if old.system == yardstick]
    if not ratios:
        raise ValueError(f"both runs must have measured the yardstick, got {yardstick!r}")
    return median(ratios)


def _change(old: Row, new: Row, drift: float, least: float) -> Change:
    ratio = new.median / old.median / drift
    adjusted = [seconds / drift for seconds in new.seconds]
    probability = float(mannwhitneyu(old.seconds, adjusted).pvalue)
    # Few samples can't be improbable: they must not overlap, then.
    apart = min(adjusted) > max(old.seconds) or max(adjusted) < min(old.seconds)
    is_improbable = probability < SIGNIFICANCE or (apart and min(len(adjusted), len(old.seconds)) < 5)
    return Change(new, ratio, probability, is_improbable and abs(log(ratio)) > log(1 + least))


def geometric_mean(changes: Iterable[Change]) -> float:
    """Return the mean ratio."""
    logs = [log(change.ratio) for change in changes]
    return exp(sum(logs) / len(logs)) if logs else float("nan")
