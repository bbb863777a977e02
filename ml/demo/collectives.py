"""How often the ranks meet in a k-means step and in a fit of the lasso: ``python ml/demo/collectives.py``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from launch import USAGE_ERROR, environment, is_launched, launcher
from rich.console import Console
from rich.table import Table

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.partition import default_partition
from array_api_dist.trace import trace

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


def _on(ranks: int, mpirun: str) -> dict[str, int]:
    """Return what ``counted`` gives on so many ranks, started for it."""
    command = [mpirun, "-n", str(ranks), sys.executable, __file__]
    done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: Sequence[str]) -> int:
    """Count on these ranks under an MPI launcher, else start it for each number of ranks and print the table."""
    parser = argparse.ArgumentParser(prog="python ml/demo/collectives.py", description=__doc__)
    parser.add_argument("--ranks", default="1,2,3", help="with commas (default: %(default)s)")
    parser.add_argument(
        "--mpirun", help="the MPI launcher (default: the one beside this Python, else on PATH)"
    )
    options = parser.parse_args(arguments)
    if is_launched():
        found = counted()
        if xp.asarray(0).device.rank == 0:
            print(json.dumps(found))
        return 0
    try:
        ranks = [int(each) for each in options.ranks.split(",")]
        columns = [_on(each, launcher(options.mpirun)) for each in ranks]
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    table = Table("collectives", *(f"P = {each}" for each in ranks))
    for name in columns[0]:
        table.add_row(name, *(str(column[name]) for column in columns))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
