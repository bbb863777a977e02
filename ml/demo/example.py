"""What the examples share: their options, the flights as an array of any namespace, and the comparison with NumPy."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt
from data import COLUMNS, DATASET, write_flights
from launch import USAGE_ERROR, at_least, is_launched, launch, refused
from rich.console import Console

FAILED: Final = 1
DISTRIBUTED: Final = "array_api_dist"

TARGET: Final = "arr_delay"
# Known when the plane leaves: the others are told by the arrival.
LATER: Final = ("arr_time", "arr_delay", "air_time")
KNOWN: Final = tuple(column for column in COLUMNS if column.name not in LATER)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    xp: str
    ranks: int
    file: Path | None
    output: Path

    @property
    def flights(self) -> Path:
        """The HDF5 file."""
        return self.output / "flights.h5" if self.file is None else self.file


def parsed(description: str, arguments: Sequence[str]) -> Options:
    """Return the options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--xp", default=DISTRIBUTED, help="the namespace: array_api_dist, numpy, … (default: %(default)s)"
    )
    parser.add_argument(
        "--ranks", type=at_least(1), default=2, help="how many processes (default: %(default)s)"
    )
    parser.add_argument("--file", type=Path, help="the flights (default: made in the output folder)")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder of results (default: %(default)s)"
    )
    return Options(**vars(parser.parse_args(arguments)))


def namespace(name: str) -> Any:
    """Return the module of an array namespace.

    Raises
    ------
    ImportError
        If there is none of this name, or it is none of the standard's.
    """
    xp = importlib.import_module(name)
    if not hasattr(xp, "asarray"):
        raise ImportError(f"an array namespace has the standard's functions, {name} has no asarray")
    return xp


def loaded(xp: Any, path: Path) -> Any:
    """Return the flights (n, 18) as an array of ``xp``; of this package's, each rank reads its rows.

    Raises
    ------
    ValueError
        If the data set has another number of columns.
    """
    if xp.__name__ == DISTRIBUTED:
        from array_api_dist.io import load_hdf5

        table = load_hdf5(path, DATASET)
    else:
        with h5py.File(path, "r") as file:
            table = xp.asarray(np.asarray(file[DATASET]))
    if table.ndim != 2 or table.shape[1] != len(COLUMNS):
        raise ValueError(
            f"the flights are a table of {len(COLUMNS)} columns, got a data set of shape {tuple(table.shape)} in {path}"
        )
    return table


def split_columns(xp: Any, table: Any) -> tuple[Any, Any]:
    """Return what is known at departure (n, 15), and the delay on arrival (n,)."""
    names = [column.name for column in COLUMNS]
    known = xp.asarray([names.index(column.name) for column in KNOWN])
    return xp.take(table, known, axis=1), table[:, names.index(TARGET)]


def run(
    program: str,
    description: str,
    arguments: Sequence[str],
    job: Callable[[Any, Any], dict[str, Floats]],
    show: Callable[[dict[str, Floats], Path, Console], None],
) -> int:
    """Run ``job(xp, table)`` on this rank (or start the ranks); the first shows its small results and compares them.

    Returns
    -------
    int
        The exit status: 1 where NumPy's results differ by more than 1e-6, relative to the largest.
    """
    options = parsed(description, arguments)
    if options.xp == DISTRIBUTED and not is_launched():
        return launch(
            Path(program).resolve(),
            options.ranks,
            arguments,
            output=options.output,
            flights=None if options.file else options.flights,
        )
    console = Console()
    try:
        xp = namespace(options.xp)
        if options.xp != DISTRIBUTED and options.file is None and not options.flights.is_file():
            write_flights(options.flights)
        found = job(xp, loaded(xp, options.flights))
    except (OSError, LookupError, TypeError, ValueError, ImportError) as error:
        return refused(error, console) if _is_first(options) else USAGE_ERROR
    if not _is_first(options):
        return 0
    try:
        show(found, options.output, console)
    except OSError as error:
        return refused(error, console)
    return _compared(found, job(np, loaded(np, options.flights)), console)


def _is_first(options: Options) -> bool:
    if options.xp != DISTRIBUTED:
        return True
    from array_api_dist.device import Device

    return Device("cpu").rank == 0


def _compared(found: dict[str, Floats], expected: dict[str, Floats], console: Console) -> int:
    """Print the greatest difference from NumPy's results; return the exit status."""
    differences = {
        name: float(np.max(np.abs(found[name] - values)) / np.max(np.abs(values), initial=1e-300))
        for name, values in expected.items()
    }
    worst = max(differences, key=lambda name: differences[name])
    agree = differences[worst] <= 1e-6
    console.print(
        f"the same program with xp = numpy: relative difference at most {differences[worst]:.1e} ({worst}): "
        f"they {'[bold green]agree[/]' if agree else '[bold red]differ[/]'}",
        soft_wrap=True,
    )
    return 0 if agree else FAILED
