"""How fast elements move between ranks, beside what a core copies: every case in turns, by the ranks of one job.

    mpirun -n 2 python -m benchmarks.movement

Of each call the slowest rank counts. A result is new memory: from 32 MiB on its pages are, too, and cost as much as half of the copy.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Annotated, Final

import torch
import typer

import array_api_dist as xp
from array_api_dist.collectives import operators
from array_api_dist.device import default_device
from array_api_dist.local import to_local
from array_api_dist.partition import repartition
from benchmarks.report import table

SHIFT: Final = 12345


def _calls(rows: int, columns: int) -> dict[str, Callable[[], object]]:
    """Return what is measured; the first two are what the others are compared with."""
    flat = xp.arange(rows * columns, dtype=xp.float64)
    x = repartition(xp.reshape(flat, (rows, columns)), 0)
    y = repartition(x, 1)
    part = to_local(x)
    place = torch.empty_like(part)
    return {
        "copy of a part": lambda: place.copy_(part),
        "the same into new memory": part.clone,
        "transposed copy of a part": part.T.contiguous,
        "repartition, rows to columns": lambda: repartition(x, 1),
        "repartition, columns to rows": lambda: repartition(y, 0),
        "reshape over columns": lambda: xp.reshape(y, (-1,)),
        "reshape of the transposed": lambda: xp.reshape(x.T, (-1,)),
        "roll of rows": lambda: xp.roll(x, rows // 2, axis=0),
        "roll of columns": lambda: xp.roll(y, columns // 2, axis=1),
        "roll along both": lambda: xp.roll(y, (SHIFT, columns // 2), axis=(0, 1)),
        "flat roll of columns": lambda: xp.roll(y, SHIFT + columns // 2),
        "flip of columns": lambda: xp.flip(y),
    }


def main(
    rows: Annotated[int, typer.Option(min=1)] = 2000,
    columns: Annotated[int, typer.Option(min=1)] = 3500,
    repeats: Annotated[int, typer.Option(min=1)] = 30,
) -> None:
    """Print the least and the median of so many calls, and the rate of each beside a copy's."""
    device = default_device()
    communicator = device.communicator
    calls = _calls(rows, columns)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            communicator.barrier()
            start = perf_counter()
            result = call()
            took = torch.tensor(perf_counter() - start, dtype=torch.float64)
            del result
            (slowest,) = communicator.allreduce((took,), operators.MAX)
            seconds[name].append(float(slowest))
    copied, fresh = list(seconds.values())[:2]
    body = [
        [name, f"{1e3 * min(each):.2f}", f"{1e3 * median(each):.2f}"]
        + [f"{min(base) / min(each):.2f}" for base in (copied, fresh)]
        + [f"{median(copied) / median(each):.2f}"]
        for name, each in seconds.items()
    ]
    if device.rank == 0:
        part = rows * columns * 8 / device.ranks / 2**20
        head = [
            f"P = {device.ranks}, {part:.0f} MiB a rank",
            "least, ms",
            "median, ms",
            "of a copy",
            "of a new copy",
            "medians",
        ]
        sys.stdout.write(table(head, body) + "\n")


if __name__ == "__main__":
    typer.run(main)
