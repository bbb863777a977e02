"""How often the ranks meet in a k-means step and in a fit of the lasso: ``python ml/demo/collectives.py``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from launch import USAGE_ERROR, at_least, completed, is_launched, launcher
from rich.console import Console
from rich.table import Table

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.partition import default_partition
from array_api_dist.trace import trace

FAILED = 1
ROWS, COLUMNS, CLUSTERS = 20_000, 7, 5


def collectives(act: Callable[[], Any]) -> int:
    """Return how many collectives ``act`` takes on this rank."""
    with trace() as communication:
        act()
    return sum(row.calls for row in communication.collectives)


def counted() -> dict[str, int]:
    """Return the collectives of each case, with the rows partitioned over the ranks that are here."""
    random = np.random.default_rng(0)
    start = random.normal(size=(CLUSTERS, COLUMNS))
    with default_partition("first"):
        x = xp.asarray(random.normal(size=(ROWS, COLUMNS)))
        y = x @ xp.asarray(random.normal(size=COLUMNS)) + xp.asarray(random.normal(size=ROWS))

    def steps(count: int, verbose: int) -> None:
        ml.KMeans(CLUSTERS, init=start, max_iter=count, tol=0.0, verbose=verbose).fit(x)

    def step(verbose: int) -> int:
        # What steps take beyond what begins and ends a fit.
        few, many = (collectives(lambda count=count: steps(count, verbose)) for count in (3, 8))
        per_step, rest = divmod(many - few, 5)
        if rest:
            raise ArithmeticError(f"five steps take a multiple of five collectives, got {many - few}")
        return per_step

    return {
        "k-means step": step(0),
        "k-means step, verbose": step(1),
        "Lasso fit": collectives(lambda: ml.Lasso(0.1).fit(x, y)),
        "Lasso fit, no intercept": collectives(lambda: ml.Lasso(0.1, fit_intercept=False).fit(x, y)),
        "Lasso fit, many sweeps": collectives(lambda: ml.Lasso(1e-4, tol=1e-12).fit(x, y)),
    }


def _on(ranks: int, mpirun: str | None) -> dict[str, int]:
    """Return what ``counted`` gives on so many ranks, started for it."""
    done = completed(launcher(mpirun), ranks, [__file__], capture=True)
    if done.returncode:
        raise ChildProcessError(f"{ranks} ranks ended with status {done.returncode}:\n{done.stderr.strip()}")
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def integers(text: str) -> list[int]:
    """Return the positive integers of an option, with commas."""
    return [at_least(1)(each) for each in text.split(",")]


def main(arguments: Sequence[str]) -> int:
    """Count on these ranks under an MPI launcher, else start it for each number of ranks and print the table."""
    parser = argparse.ArgumentParser(prog="python ml/demo/collectives.py", description=__doc__)
    parser.add_argument("--ranks", type=integers, default="1,2,3", help="with commas (default: %(default)s)")
    parser.add_argument(
        "--mpirun", help="the MPI launcher (default: $MPIEXEC, else the one beside this Python, else on PATH)"
    )
    options = parser.parse_args(arguments)
    if is_launched():
        found = counted()
        if xp.asarray(0).device.rank == 0:
            print(json.dumps(found))
        return 0
    try:
        columns = [_on(each, options.mpirun) for each in options.ranks]
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED if isinstance(error, ChildProcessError) else USAGE_ERROR
    table = Table("collectives", *(f"P = {each}" for each in options.ranks))
    for name in columns[0]:
        table.add_row(name, *(str(column[name]) for column in columns))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
