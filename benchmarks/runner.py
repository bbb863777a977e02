"""A run: every case on every system in every layout, taking turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

import h5py
import numpy as np

from benchmarks.answers import difference, expected
from benchmarks.cases import DATASETS, Case, Scale
from benchmarks.cases.canonical import Values
from benchmarks.cases.catalogue import START
from benchmarks.environments import CannotInstallError, Environment, environment_of
from benchmarks.registry import OWN, SYSTEMS, Entry, Layout, layouts
from benchmarks.results import Row
from benchmarks.startup import start_rows
from benchmarks.teams import Team, TeamError

LEAST_SAMPLES: Final = 3
LATE_SAMPLES: Final = 2
"""So many are enough of a case whose share of the time is over."""

FEW_SECONDS: Final = 2
"""What is slow gets so many times the seconds before it has to do with fewer samples than that."""

SAMPLE_SECONDS: Final = 0.01
"""A sample of quick calls has so many of them that it takes this long."""

MOST_CALLS: Final = 2000
SLOW_SECONDS: Final = 0.2
"""A first call that takes longer tells enough."""

SLOW_SAMPLES: Final = 8
"""A sample that takes so many times as long as it should is made shorter."""

WARM_SECONDS: Final = 0.1
"""Calls that are quicker than this are preceded by one that doesn't count, after another system's turn."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes
    ----------
    cases : sequence of Case
    systems : sequence of Entry
    ranks : sequence of int
    cores : int
    scale : str
    repeats : int
    seconds : float
        After so long in one case a system gets no more than three samples, after twice that no more at all.
    limit : float
        After so long a call is given up, and its system started anew.
    minutes : float
        What all cases share, from when the environments are made: one that has had its share gets no more than three
        samples of each system, and after all no further case is begun.
    weak : bool
        Whether to measure scaling cases also with rows in proportion to ranks.
    device : str
        Where the arrays are.
    """

    cases: Sequence[Case]
    systems: Sequence[Entry]
    ranks: Sequence[int]
    cores: int
    scale: Scale
    repeats: int = 7
    seconds: float = 0.1
    limit: float = 60.0
    minutes: float = 9.6
    weak: bool = True
    device: str = "cpu"

    def runs(self) -> list[tuple[Case, int]]:
        """Return each case with the factors of its rows."""
        found = []
        for case in self.cases:
            more = [each for each in self.ranks if each > 1] if self.weak and case.scaling else []
            found += [(case, factor) for factor in (1, *more)]
        return found

    def layouts(self, entry: Entry, case: Case, factor: int) -> list[Layout]:
        """Return the layouts in which a system meets a case."""
        if factor > 1:
            return [Layout(factor, 1)] if entry.spread == "mpi" else []
        found = layouts(entry, self.ranks, self.cores)
        if case.moving and entry.spread == "mpi":
            found = [each for each in found if each.ranks > 1]
        # Others than this library are scaled from one core where the paper does so.
        if entry.name == "heat" and not case.scaling and self.cores > 1:
            return [each for each in found if each != Layout(1, 1)]
        return found


@dataclass(slots=True)
class _Turn:
    """A team's part in a case."""

    team: Team
    row: Row
    number: int = 1
    estimate: float = 0.0
    spent: float = 0.0
    samples: list[float] = field(default_factory=list[float])
    error: str | None = None


class Session:
    """Environments, files and teams of a run.

    Attributes
    ----------
    systems : dict
        Of each system its versions, or why it is not there.
    """

    def __init__(self, plan: Plan, scratch: Path, say: Say) -> None:
        self._plan = plan
        self._scratch = scratch
        self._say = say
        self._teams: dict[tuple[str, Layout], Team] = {}
        self._environments: dict[str, Environment] = {}
        self.systems: dict[str, dict[str, str]] = {}

    def install(self) -> None:
        """Make what environments there aren't yet."""
        self._say("environments")
        # Those that share an environment come together, so that it is made once.
        first = {entry.requirements: entry for entry in self._plan.systems}
        with ThreadPoolExecutor(max_workers=3) as pool:
            made = dict(zip(first, pool.map(_environment, first.values()), strict=True))
        for entry in self._plan.systems:
            found = made[entry.requirements]
            if isinstance(found, str):
                self.systems[entry.name] = {"not installed": found}
            else:
                self._environments[entry.name] = found

    def environment(self, entry: Entry) -> Environment | None:
        """Return a system's environment, or None where there is none."""
        return self._environments.get(entry.name)

    def _team(self, entry: Entry, layout: Layout) -> Team:
        team = self._teams.get((entry.name, layout))
        if team is None or not team.alive:
            log = self._scratch / f"{entry.name}-{layout}.log"
            team = Team(entry, layout, self._environments[entry.name], log, self._plan.device)
            self._teams[entry.name, layout] = team
            self.systems[entry.name] = team.versions
        return team

    def stop(self) -> None:
        """End all teams."""
        for team in self._teams.values():
            team.stop()

    # ---- one case

    def measure(self, case: Case, factor: int, until: float) -> list[Row]:
        """Return the rows of a case, whose share of the time ends at ``until``."""
        if case.group == START:
            return start_rows(case, self._plan, self._environments)
        paths = [self._file(operand.dataset, factor) for operand in case.operands]
        wanted = expected(case, self._plan.scale, factor)
        rows, turns = [], []
        for turn in self._turns(case, factor):
            if isinstance(turn, Row):
                rows.append(turn)
                continue
            self._prepare(turn, case, paths, wanted)
            turns.append(turn)
        self._take_turns([turn for turn in turns if turn.error is None], until)
        return rows + [_closed(turn) for turn in turns]

    def not_reached(self, case: Case, factor: int) -> list[Row]:
        """Return the rows of a case that there was no time for."""
        reason = f"not reached in {self._plan.minutes:.0f} minutes"
        return [
            Row(case.name, self._plan.scale, factor, OWN, each.ranks, each.threads, error=reason)
            for each in self._plan.layouts(SYSTEMS[OWN], case, factor)[:1]
        ]

    def _turns(self, case: Case, factor: int) -> Iterator[_Turn | Row]:
        for entry in self._plan.systems:
            if entry.name not in self._environments:
                continue
            for layout in self._plan.layouts(entry, case, factor):
                row = Row(case.name, self._plan.scale, factor, entry.name, layout.ranks, layout.threads)
                self._say(f"{case.name}: {row.label}")
                try:
                    team = self._team(entry, layout)
                except TeamError as error:
                    yield replace(row, error=str(error))
                    continue
                if case.function in team.functions:
                    yield _Turn(team, row)

    def _prepare(self, turn: _Turn, case: Case, paths: Sequence[Path], wanted: list[Values]) -> None:
        results = self._scratch / "results.npz"
        results.unlink(missing_ok=True)
        request: Mapping[str, Any] = {
            "do": "prepare",
            "function": case.function,
            "operands": [[str(path), each.axis] for path, each in zip(paths, case.operands, strict=True)],
            "options": dict(case.options),
            "result": str(results),
        }
        try:
            replies = turn.team.ask(request, self._plan.limit)
            with np.load(results) as found:
                turn.error = difference([found[name] for name in found.files], wanted, case.tolerance)
            turn.estimate = max(float(reply["seconds"]) for reply in replies)
            if turn.error is None and turn.estimate < SLOW_SECONDS:
                self._estimate(turn)
        except TeamError as error:
            turn.error = str(error)
            return
        first = max(float(reply["seconds"]) for reply in replies)
        peaks = tuple(int(reply["peak_nbytes"]) for reply in replies)
        turn.row = replace(turn.row, first_seconds=first, peak_nbytes=peaks)

    def _estimate(self, turn: _Turn) -> None:
        # The first calls are slow: a few of them tell how many make a sample.
        for _ in range(2):
            self._weigh(turn, self._asked(turn))

    def _weigh(self, turn: _Turn, seconds: float) -> None:
        turn.estimate = seconds
        turn.number = max(1, min(MOST_CALLS, int(SAMPLE_SECONDS / max(seconds, 1e-9))))

    def _asked(self, turn: _Turn) -> float:
        """Return the seconds of a sample on its slowest rank."""
        request = {"do": "sample", "number": turn.number, "warm": turn.estimate < WARM_SECONDS}
        return max(float(reply["seconds"]) for reply in turn.team.ask(request, self._plan.limit))

    def _take_turns(self, turns: list[_Turn], until: float) -> None:
        for repeat in range(self._plan.repeats):
            if repeat >= LATE_SAMPLES and monotonic() > until:
                break
            # Who comes first changes: what precedes a turn should not always be the same.
            start = repeat % max(len(turns), 1)
            for turn in turns[start:] + turns[:start]:
                seconds = self._plan.seconds * (FEW_SECONDS if len(turn.samples) < LEAST_SAMPLES else 1)
                if turn.error is None and (not turn.samples or turn.spent < seconds):
                    self._sample(turn)

    def _sample(self, turn: _Turn) -> None:
        try:
            seconds = self._asked(turn)
        except TeamError as error:
            turn.error = str(error)
            return
        turn.samples.append(seconds)
        # With the call that doesn't count.
        turn.spent += seconds * (turn.number + (turn.estimate < WARM_SECONDS))
        if seconds * turn.number > SLOW_SAMPLES * SAMPLE_SECONDS:
            # A busy machine: fewer calls make a sample from now on.
            self._weigh(turn, seconds)

    def _file(self, name: str, factor: int) -> Path:
        """Return the file of a data set, written if need be."""
        dataset = DATASETS[name]
        path = self._scratch / f"{Path(name).stem}-{factor}{'.h5' if dataset.hdf5 else '.npy'}"
        if path.exists():
            return path
        values = dataset.values(self._plan.scale, factor)
        if dataset.hdf5:
            with h5py.File(str(path), "w") as file:
                file.create_dataset("x", data=values)
        else:
            np.save(path, values)
        return path


def _environment(entry: Entry) -> Environment | str:
    try:
        return environment_of(entry)
    except (CannotInstallError, OSError) as error:
        return str(error)


def _closed(turn: _Turn) -> Row:
    samples = () if turn.error else tuple(turn.samples)
    return replace(turn.row, seconds=samples, number=turn.number, error=turn.error)


@contextmanager
def session(plan: Plan, say: Say) -> Generator[Session]:
    """Hold environments, files and teams for a run."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="array-api-dist-bench-")))
        found = Session(plan, scratch, say)
        stack.callback(found.stop)
        found.install()
        yield found
