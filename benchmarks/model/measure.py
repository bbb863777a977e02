"""What the model predicts, measured: mpirun -n P python -m benchmarks.model.measure --json FILE.

The same calls on the same layouts as ``cases`` and ``workloads`` have them. Each is timed (the best of some, on the
slowest rank) and then counted by a trace (on the rank that sends most).
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from math import isqrt
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeAlias

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist.device import Device, default_device
from array_api_dist.partition import default_partition, repartition
from array_api_dist.trace import trace
from benchmarks.model.cases import WIDTH
from benchmarks.model.workloads import CLUSTERS, FEATURES, LASSO_FEATURES

Call: TypeAlias = Callable[[], object]

CDIST_ROWS: Final = 2048


def _line(elements: int) -> Array:
    """Return numbers in no order, all different, in parts."""
    numbers = xp.arange(elements, dtype=xp.int64)
    # 40503 is odd: for a power of two of elements this is a permutation.
    return xp.astype(xp.remainder(numbers * 40503, xp.asarray(elements)), xp.float64)


def _rows(elements: int, width: int = WIDTH) -> Array:
    rows = elements // width
    return repartition(xp.reshape(_line(rows * width), (rows, width)), 0) / elements


def _square(elements: int) -> Array:
    side = isqrt(elements)
    return repartition(_rows(side * side, side) + side * xp.eye(side), 0)


def functions(elements: int) -> dict[str, Call]:
    """Return the calls of functions, by their names."""
    with default_partition("first"):
        x, line, square = _rows(elements), _line(elements), _square(elements)
        small = _square(elements // 16)
        indices = xp.astype(_line(elements), xp.int64)
        ordered, wave = xp.arange(elements, dtype=xp.float64), xp.astype(line, xp.complex128)
    return {
        "add": lambda: x + x,
        "sqrt": lambda: xp.sqrt(x),
        "sum": lambda: xp.sum(x, axis=0),
        "max": lambda: xp.max(x, axis=0),
        "mean": lambda: xp.mean(x, axis=0),
        "var": lambda: xp.var(x, axis=0),
        "argmax": lambda: xp.argmax(x, axis=0),
        "cumulative_sum": lambda: xp.cumulative_sum(x, axis=0),
        "diff": lambda: xp.diff(x, axis=0),
        "roll": lambda: xp.roll(x, 1000, axis=0),
        "flip": lambda: xp.flip(x, axis=0),
        "concat": lambda: xp.concat([x, x], axis=0),
        "repartition": lambda: repartition(square, 1),
        "sort": lambda: xp.sort(line),
        "argsort": lambda: xp.argsort(line),
        "unique_values": lambda: xp.unique_values(line),
        "searchsorted": lambda: xp.searchsorted(ordered, line),
        "take": lambda: xp.take(line, indices),
        "nonzero": lambda: xp.nonzero(line > elements // 2),
        "matmul": lambda: small @ small,
        "linalg.qr": lambda: xp.linalg.qr(x),
        "linalg.svdvals": lambda: xp.linalg.svdvals(x),
        "linalg.cholesky": lambda: xp.linalg.cholesky(small),
        "linalg.inv": lambda: xp.linalg.inv(small),
        "fft.fft": lambda: xp.fft.fft(wave),
    }


def workloads(rows: int) -> dict[str, Call]:
    """Return the calls of workloads; of k-means, fits of one and of six iterations."""
    # Only here: the functions are measured without the machine learning package, too.
    from array_api_dist_ml import cluster, distances, linear_model, statistics

    with default_partition("first"):
        x = _rows(rows * FEATURES, FEATURES)
        centers = repartition(x[:CLUSTERS, :], None)
        table = _rows(rows // 4 * LASSO_FEATURES, LASSO_FEATURES)
        target = repartition(table[:, 0] + 0.5 * table[:, 1], 0)
        few = repartition(_rows(CDIST_ROWS * FEATURES, FEATURES), 0)

    def clustered(iterations: int) -> object:
        return cluster.KMeans(CLUSTERS, init=centers, n_init=1, max_iter=iterations, tol=0).fit(x)

    def moments() -> object:
        return [
            each(x, axis=0)
            for each in (statistics.mean, statistics.var, statistics.skewness, statistics.kurtosis)
        ]

    return {
        "k-means, 1 step": lambda: clustered(1),
        "k-means, 6 steps": lambda: clustered(6),
        "moments": moments,
        "cdist": lambda: distances.cdist(few),
        "LASSO, 20 sweeps": lambda: linear_model.Lasso(alpha=1e-3, max_iter=20, tol=0).fit(table, target),
    }


def _greatest(device: Device, numbers: Sequence[float]) -> list[float]:
    """Return the greatest of the ranks' numbers, one by one."""
    part = xp.asarray(numbers, dtype=xp.float64)._block.local[None, :]
    every = device.communicator.allgather(part, 0, [1] * device.ranks)
    return [max(column) for column in every.T.tolist()]


def measured(call: Call, device: Device, repeats: int) -> dict[str, float]:
    """Return what a call takes."""
    call()
    seconds = []
    for _ in range(repeats):
        device.communicator.barrier()
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    with trace() as found:
        call()
    total = found.totals
    names = ("seconds", "messages", "nbytes", "operations")
    # The slowest rank of each repeat, and the best repeat.
    slowest = _greatest(device, seconds)
    most = _greatest(device, [total.messages, total.bytes_sent, total.calls])
    return dict(zip(names, [min(slowest), *most], strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on all ranks, write on the first."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model.measure", description=__doc__)
    parser.add_argument("--elements", type=int, default=1 << 23)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    device = default_device()
    found: dict[str, Any] = {}
    with warnings.catch_warnings():
        # Few iterations are asked for: that they do not converge is no news.
        warnings.simplefilter("ignore")
        for calls in (functions(options.elements), workloads(options.elements // 16)):
            for name, call in calls.items():
                found[name] = measured(call, device, options.repeats)
    if device.rank == 0:
        options.json.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
