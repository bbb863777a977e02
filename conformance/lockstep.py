"""A pytest plugin that keeps the ranks of one MPI job together, test by test and example by example.

After every phase of every test, and after every Hypothesis example, the ranks vote on a communicator of
their own: what fails on one rank fails on all, and rank 0 prints each failing rank's traceback. Random choices
are the same on every rank. The other ranks print nothing.
"""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import random
import traceback
from collections.abc import Callable, Generator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar
from zlib import crc32

import hypothesis.internal.conjecture.engine as hypothesis_engine
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from mpi4py import MPI

from conformance.journal import (
    DIRECTORY_VARIABLE,
    EXIT,
    Journal,
    Outcome,
    by_rank,
    read_outcomes,
    without_addresses,
)

T = TypeVar("T")

_FAILED: Final = "failed"
_REPORT_CODES: Final = ("passed", "skipped", "xfailed", "xpassed", _FAILED)
_EXAMPLE_CODES: Final = ("passed", "discarded", "stopped", "skipped", _FAILED)


class RankFailure(AssertionError):  # noqa: N818 - it is the failure of a rank
    """A Hypothesis example failed on some rank: raised on every rank, the same, so that all shrink alike."""


class Votes:
    """What the ranks tell each other, apart from all messages of what is tested."""

    __slots__ = ("_all", "_comm", "_mine")

    def __init__(self) -> None:
        self._comm = MPI.COMM_WORLD.Dup()
        self._mine = np.zeros(2, np.int64)
        self._all = np.zeros((self._comm.size, 2), np.int64)

    @property
    def rank(self) -> int:
        """This rank."""
        return self._comm.rank

    @property
    def ranks(self) -> int:
        """How many ranks vote."""
        return self._comm.size

    def cast(self, place: str, code: int) -> tuple[bool, frozenset[int]]:
        """Tell where this rank is and how it went; return whether all are there, and all ranks' codes."""
        self._mine[:] = crc32(place.encode()), code
        self._comm.Allgather(self._mine, self._all)
        together = len(set(self._all[:, 0].tolist())) == 1
        return together, frozenset(self._all[:, 1].tolist())

    def gather(self, value: T) -> list[T]:
        """Return every rank's value, on every rank."""
        return self._comm.allgather(value)


def import_all(package: str) -> None:
    """Import every module of a package: Hypothesis draws constants from the modules loaded so far."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


class Lockstep:
    """The hooks, with this rank's votes and journal."""

    def __init__(self, journal: Journal | None, done: frozenset[str]) -> None:
        self._votes = Votes()
        self._journal = journal
        self._done = done
        self._test = ""
        self._example = 0
        self._parted = False
        self._reports: list[pytest.TestReport] = []
        self._voted: set[Callable[..., object]] = set()

    # ---- the session

    def pytest_configure(self, config: pytest.Config) -> None:
        """Make choices the same on every rank, `--hypothesis-seed`'s too, and let rank 0 alone print."""
        # A slow rank would otherwise stop shrinking before its peers.
        hypothesis_engine.MAX_SHRINKING_SECONDS = 10**9
        settings.register_profile(
            "lockstep",
            parent=settings.default,
            derandomize=config.getoption("hypothesis_seed") is None,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            # Without `explain`: it traces lines, which differ between a rank that fails and its peers.
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
        )
        settings.load_profile("lockstep")
        if self._votes.rank:
            config.get_terminal_writer()._file = io.StringIO()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what has an outcome already, and see to it that all ranks run the same tests."""
        left_out = [item for item in items if item.nodeid in self._done]
        items[:] = [item for item in items if item.nodeid not in self._done]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
        collected = [*(item.nodeid for item in items), f"{session.testsfailed} errors"]
        together, _ = self._votes.cast(repr(collected), 0)
        if not together:
            lists = self._votes.gather(collected)
            common = set(lists[0]).intersection(*lists)
            extra = [[name for name in names if name not in common] for names in lists]
            raise pytest.UsageError(f"the ranks collected different tests; beyond the common ones: {extra}")
        if self._votes.ranks > 1:
            for item in items:
                self._vote_on_examples(item)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record a file that could not be collected."""
        if report.failed:
            self._record(Outcome(report.nodeid, "error", 0.0, "could not be collected"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None]:
        """Leave the status in the journal; mpirun would add a page about a rank that ends with another than 0."""
        yield
        if self._journal is not None:
            self._journal.arrive("", EXIT, waiting=True, status=int(session.exitstatus))
            session.exitstatus = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        """Tell the launcher of an error of pytest or of this plugin."""
        if self._journal is not None:
            self._journal.fail(str(excrepr))

    # ---- a test

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Start a test with the same global random state on every rank; record how it ends."""
        self._test, self._example, self._parted, self._reports = item.nodeid, 0, False, []
        random.seed(crc32(item.nodeid.encode()))
        result = yield
        self._record(outcome_of(item.nodeid, self._reports))
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the ranks agree on how a phase went."""
        report = yield
        code = _code_of(report)
        text = _text_of(report) if code == _FAILED else ""
        if text and self._journal is not None:
            self._journal.fail(text)
        codes = self._vote_on_phase(f"{item.nodeid} {call.when}", _REPORT_CODES.index(code))
        if text and self._journal is not None:
            self._journal.forget_failure()
        if self._parted or len(codes) > 1 or code == _FAILED:
            self._fail(report, code, text)
        self._reports.append(report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Write down where this rank is."""
        self._arrive(item, "setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Write down where this rank is."""
        self._arrive(item, "call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Write down where this rank is."""
        self._arrive(item, "teardown")

    # ---- inside

    def _arrive(self, item: pytest.Item, phase: str) -> None:
        if self._journal is not None:
            self._journal.arrive(item.nodeid, phase)

    def _record(self, outcome: Outcome) -> None:
        if self._journal is not None and self._votes.rank == 0:
            self._journal.record(outcome)

    def _vote_on_phase(self, place: str, code: int) -> frozenset[int]:
        """Vote until all are at the end of the phase: peers may have an example under way, which fails then."""
        while True:
            together, codes = self._votes.cast(place, code)
            if together:
                return codes
            self._parted = True

    def _fail(self, report: pytest.TestReport, code: str, text: str) -> None:
        """Make the phase a failure here as well, with what went wrong on which rank."""
        if self._parted:
            text = text or "(had left this test, or this example, before its peers)"
        elif code != _FAILED:
            text = f"({code})"
        texts = self._votes.gather(text)
        if code == _FAILED and len({without_addresses(other) for other in texts}) == 1:
            return  # all failed alike: pytest's own report says it best
        report.outcome = "failed"
        report.longrepr = by_rank(texts)
        if hasattr(report, "wasxfail"):
            del report.wasxfail

    def _vote_on_examples(self, item: pytest.Item) -> None:
        """Let the ranks vote inside the function that Hypothesis runs, so that all see the same failures."""
        handle = getattr(getattr(item, "obj", None), "hypothesis", None)
        if handle is not None and handle.inner_test not in self._voted:
            handle.inner_test = self._voting(handle.inner_test)
            self._voted.add(handle.inner_test)

    def _voting(self, function: Callable[..., object]) -> Callable[..., object]:
        @wraps(function)
        def voted(*args: object, **kwargs: object) -> object:
            __tracebackhide__ = True
            if self._parted:
                raise RankFailure("the ranks have parted")
            try:
                result = function(*args, **kwargs)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                failure = self._vote_on_example(error)
                if failure is None:
                    raise
            else:
                failure = self._vote_on_example(None)
                if failure is None:
                    return result
            # Hypothesis tells failures apart by type and line: on every rank this one.
            raise failure

        return voted

    def _vote_on_example(self, error: BaseException | None) -> RankFailure | None:
        self._example += 1
        code = _example_code(error)
        text = "".join(traceback.format_exception(error)) if error and code == _FAILED else ""
        if self._journal is not None:
            if text:
                self._journal.fail(text)
            else:
                self._journal.progress()
        place = f"{self._test} example {self._example}"
        together, codes = self._votes.cast(place, _EXAMPLE_CODES.index(code))
        if not together:
            self._parted = True
            return RankFailure(f"the ranks have parted: this one was at example {self._example}")
        if len(codes) == 1 and code != _FAILED:
            return None
        if self._journal is not None:
            self._journal.forget_failure()
            self._journal.progress()
        return RankFailure("\n" + by_rank(self._votes.gather(text or f"({code})")))


def _code_of(report: pytest.TestReport) -> str:
    if report.outcome == "failed":
        return _FAILED
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.outcome == "skipped" else "xpassed"
    return report.outcome


def _text_of(report: pytest.TestReport) -> str:
    sections = [f"---- {name}\n{text}" for name, text in report.sections]
    return "\n".join([report.longreprtext, *sections])


def _example_code(error: BaseException | None) -> str:
    match error:
        case None:
            return "passed"
        case UnsatisfiedAssumption():
            return "discarded"
        case StopTest():
            return "stopped"
        case pytest.skip.Exception():
            return "skipped"
        case _:
            return _FAILED


def outcome_of(test: str, reports: Sequence[pytest.TestReport]) -> Outcome:
    """Return how a test ended: the worst of its phases."""
    seconds = sum(report.duration for report in reports)
    measures: dict[str, Any] = {}
    for report in reports:
        measures |= dict(report.user_properties)
    ending, message, details = "passed", "", ""
    for report in reports:
        code = _code_of(report)
        if code == "passed":
            continue
        message = report.longreprtext.strip().rpartition("\n")[2]
        ending = "error" if code == _FAILED and report.when != "call" else code
        if code == _FAILED:
            details = _text_of(report)
            break
    return Outcome(test, ending, round(seconds, 4), message, details, measures)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Give every rank a directory of its own for temporary files: pytest's clean-up of a common one is a race."""
    given = os.environ.get(DIRECTORY_VARIABLE)
    if given and config.option.basetemp is None:
        config.option.basetemp = str(Path(given) / f"files-of-rank-{MPI.COMM_WORLD.rank}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the hooks, when the profiles of others and pytest's reporter are in place."""
    given = os.environ.get(DIRECTORY_VARIABLE)
    journal = Journal(Path(given), MPI.COMM_WORLD.rank) if given else None
    done = frozenset(outcome.test for outcome in read_outcomes(Path(given))) if given else frozenset[str]()
    config.pluginmanager.register(Lockstep(journal, done), "lockstep-hooks")
