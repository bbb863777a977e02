"""Tables and the JSON report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from conformance.journal import Outcome

Row: TypeAlias = list[str]

KINDS: Final = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


@dataclass(frozen=True, slots=True)
class Result:
    """A run of the suite: on how many ranks, with which default partition and device, and how its tests ended.

    ``examples`` is how many Hypothesis drew for a test at most; None where it draws none.
    """

    ranks: int
    partition: str
    device: str
    examples: int | None
    seconds: float
    outcomes: Sequence[Outcome]

    def counts(self) -> list[int]:
        """Return how many tests ended as each of ``KINDS``."""
        counted = Counter(outcome.outcome for outcome in self.outcomes)
        return [counted[kind] for kind in KINDS]

    def measured(self, name: str) -> int:
        """Return the sum over the tests of what was counted as ``name``."""
        return sum(outcome.measures.get(name, 0) for outcome in self.outcomes)


def table(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a plain table; the columns but the first are aligned to the right."""
    lines = [list(header), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def shown(line: Sequence[str]) -> str:
        cells = [line[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([shown(header), "  ".join("-" * width for width in widths), *map(shown, rows)])


def results_table(results: Sequence[Result]) -> str:
    """Return one line for each run.

    ``spread`` counts the arrays that had elements on at least two ranks; ``share`` is that of those that could: one
    element, or none, lies on one rank at most.
    """
    rows: list[Row] = []
    for result in results:
        arrays, spreadable, spread = map(result.measured, ("arrays", "spreadable", "spread"))
        share = f"{spread / spreadable:.0%}" if spreadable else "-"
        rows.append(
            [
                str(result.ranks),
                result.partition,
                result.device,
                "-" if result.examples is None else str(result.examples),
                *map(str, result.counts()),
                f"{result.seconds:.0f}",
                f"{arrays:,}",
                f"{spread:,}",
                share,
            ]
        )
    return table(
        ["P", "partition", "device", "examples", *KINDS, "seconds", "arrays", "spread", "share"], rows
    )


def write_json(path: Path, results: Sequence[Result], facts: Mapping[str, object]) -> None:
    """Write all runs with the outcome of every test."""
    runs = [
        {
            "ranks": result.ranks,
            "partition": result.partition,
            "device": result.device,
            "examples": result.examples,
            "seconds": round(result.seconds, 1),
            "counts": dict(zip(KINDS, result.counts(), strict=True)),
            "arrays": result.measured("arrays"),
            "spreadable": result.measured("spreadable"),
            "spread": result.measured("spread"),
            "tests": [asdict(outcome) for outcome in result.outcomes],
        }
        for result in results
    ]
    path.write_text(json.dumps({**facts, "runs": runs}, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> list[Result]:
    """Return the runs that ``write_json`` wrote.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return [
            Result(
                run["ranks"],
                run["partition"],
                run["device"],
                run["examples"],
                run["seconds"],
                [Outcome(**test) for test in run["tests"]],
            )
            for run in runs
        ]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"a report is a JSON file that python -m conformance wrote, got {path}") from error
