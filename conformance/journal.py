"""What the ranks of a test job write down for the launcher: where each is, how each test ended, and stacks.

A rank that hangs or is killed can say nothing any more, so each writes down its position as it goes.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TextIO

DIRECTORY_VARIABLE: Final = "LOCKSTEP_JOURNAL"

EXIT: Final = "exit"
"""The phase of a rank whose pytest session is over."""

_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]+\b")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a rank is.

    Attributes
    ----------
    test : str
        The node id of the test under way.
    phase : str
        ``setup``, ``call``, ``teardown``, or ``exit`` when the session is over.
    since : float
        When the rank came here, on the clock that all processes of a machine share.
    waiting : bool
        Whether the rank failed, or ended, and now waits for its peers.
    status : int or None
        pytest's exit status, when the session is over.
    """

    rank: int
    pid: int
    test: str = ""
    phase: str = "start"
    since: float = 0.0
    waiting: bool = False
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test ended: passed, failed, error, skipped, xfailed or xpassed; and what was measured meanwhile.

    ``message`` is one line, ``details`` pytest's whole report of a failure.
    """

    test: str
    outcome: str
    seconds: float = 0.0
    message: str = ""
    details: str = ""
    measures: Mapping[str, int] = field(default_factory=dict[str, int])


class Journal:
    """One rank's side of the journal."""

    __slots__ = ("_directory", "_position", "_stacks")

    _REFRESH: Final = 1.0  # seconds: a position is not written more often while nothing but time changes

    def __init__(self, directory: Path, rank: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._position = Position(rank, os.getpid())
        self._stacks: TextIO = (directory / f"rank-{rank}.stack").open("w", encoding="utf-8")
        # The launcher asks for stacks by this signal; the handler runs even while the rank waits inside MPI.
        faulthandler.register(signal.SIGUSR1, file=self._stacks, all_threads=True)
        self.arrive("", "start")

    def arrive(self, test: str, phase: str, *, waiting: bool = False, status: int | None = None) -> None:
        """Write down where this rank is now."""
        rank, pid = self._position.rank, self._position.pid
        self._position = Position(rank, pid, test, phase, time.monotonic(), waiting, status)
        path = self._directory / f"rank-{rank}.position"
        path.with_suffix(".new").write_text(json.dumps(asdict(self._position)), encoding="utf-8")
        path.with_suffix(".new").replace(path)

    def progress(self) -> None:
        """Show that this rank gets on, once a second at most."""
        here = self._position
        if here.waiting or time.monotonic() - here.since > self._REFRESH:
            self.arrive(here.test, here.phase)

    def fail(self, text: str) -> None:
        """Write down why this rank fails before it waits for its peers, who may never come."""
        here = self._position
        (self._directory / f"rank-{here.rank}.failure").write_text(text, encoding="utf-8")
        self.arrive(here.test, here.phase, waiting=True)

    def forget_failure(self) -> None:
        """Drop what ``fail`` wrote: the peers came."""
        (self._directory / f"rank-{self._position.rank}.failure").unlink(missing_ok=True)

    def record(self, outcome: Outcome) -> None:
        """Add how a test ended."""
        append_outcome(self._directory, outcome)


def append_outcome(directory: Path, outcome: Outcome) -> None:
    """Add how a test ended to the journal in ``directory``."""
    with (directory / "outcomes.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(outcome)) + "\n")


def read_outcomes(directory: Path) -> list[Outcome]:
    """Return how the tests ended, in their order."""
    path = directory / "outcomes.jsonl"
    if not path.exists():
        return []
    return [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def read_positions(directory: Path) -> list[Position]:
    """Return where the ranks are that have started, in their order."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in directory.glob("rank-*.position")]
    return sorted((Position(**values) for values in found), key=lambda position: position.rank)


def read_text_of(directory: Path, rank: int, kind: str) -> str:
    """Return a rank's ``failure`` or ``stack``, empty when it wrote none."""
    path = directory / f"rank-{rank}.{kind}"
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def clear_positions(directory: Path) -> None:
    """Forget where the ranks of an earlier attempt were; how tests ended stays."""
    for path in directory.glob("rank-*"):
        path.unlink()


def without_addresses(text: str) -> str:
    """Return ``text`` with memory addresses made equal: they differ between ranks and mean nothing."""
    return _ADDRESS.sub("0x", text)


def by_rank(texts: Sequence[str]) -> str:
    """Put the texts of the ranks together, equal ones once: addresses do not count as differences."""
    ranks_of: dict[str, list[int]] = {}
    full: dict[str, str] = {}
    for rank, text in enumerate(texts):
        key = without_addresses(text)
        full.setdefault(key, text)
        ranks_of.setdefault(key, []).append(rank)
    return "\n".join(
        f"rank {', '.join(map(str, ranks))} of {len(texts)}:\n{full[key].rstrip()}"
        for key, ranks in ranks_of.items()
        if key
    )
