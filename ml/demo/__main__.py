"""K-means over an HDF5 file on every rank: ``python ml/demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import data
from launch import at_least, is_launched, launch


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python ml/demo",
        description="Cluster the rows of an HDF5 data set with k-means on several MPI ranks, and compare with "
        "scikit-learn. Without --file: the flights that left New York in 2013, with the weather.",
    )
    parser.add_argument("--file", type=Path, help="an HDF5 file (default: made in the output folder)")
    parser.add_argument("--dataset", default=data.DATASET, help="its 2-D data set (default: %(default)s)")
    parser.add_argument("--clusters", type=at_least(1), default=6, help="default: %(default)s")
    parser.add_argument(
        "--ranks", type=at_least(1), default=2, help="how many processes (default: %(default)s)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="of k-means++ (default: %(default)s)")
    parser.add_argument("--max-iter", type=at_least(1), default=300, help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="folder of results (default: %(default)s)"
    )
    parser.add_argument(
        "--mpirun", help="the MPI launcher (default: $MPIEXEC, else the one beside this Python, else on PATH)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run on this rank under an MPI launcher, else start the launcher."""
    options = parsed(arguments)
    if not is_launched():
        # Without a file of one's own: the flights.
        flights = options.output / "flights.h5" if options.file is None else None
        here = Path(__file__).resolve().parent
        return launch(
            here, options.ranks, arguments, output=options.output, flights=flights, mpirun=options.mpirun
        )
    # Imported on the ranks only: it starts MPI.
    from job import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
