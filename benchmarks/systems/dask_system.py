"""Dask arrays on a local cluster of processes, in the chunks that Dask chooses or in one for each thread."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from math import isnan, prod
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.cases.catalogue import ITERATIONS, SWEEPS
from benchmarks.memory import forget_peak, peak_nbytes
from benchmarks.systems.numpy_system import PENALTY
from benchmarks.systems.standard import standard_moment
from benchmarks.systems.system import Function, System, Values

# Not installed where types are checked: what comes from them is Any.
da: Any = importlib.import_module("dask.array")
distributed: Any = importlib.import_module("distributed")
dask: Any = importlib.import_module("dask")
flatten: Any = importlib.import_module("dask.core").flatten

FETCHED_NBYTES = 1 << 20
"""Smaller results come to the client, as programs want them; larger ones stay in the cluster."""

POLL_SECONDS = 0.001


@dataclass(frozen=True)
class Stored:
    """A file that workers read slices of."""

    path: Path
    shape: tuple[int, ...]
    dtype: npt.DTypeLike
    ndim: int

    def __getitem__(self, index: Any) -> Values:
        """Return a copy of a slice."""
        return np.array(np.load(self.path, mmap_mode="r")[index])


def _knows(key: object, *, dask_scheduler: Any) -> bool:
    return key in dask_scheduler.tasks


class Dask(System):
    """The client of a cluster with a process for each rank."""

    distribution: ClassVar[str] = "dask"
    is_tuned: ClassVar[bool] = False

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._workers = int(os.environ["BENCHMARKS_RANKS"])
        self._threads = int(os.environ["OMP_NUM_THREADS"])
        dask.config.set({"distributed.worker.memory.target": False, "distributed.worker.memory.spill": False})
        self._cluster: Any = distributed.LocalCluster(
            n_workers=self._workers, threads_per_worker=self._threads, processes=True, memory_limit=0,
            dashboard_address=None, local_directory=str(scratch), silence_logs=50,
        )  # fmt: skip
        self._client: Any = distributed.Client(self._cluster)
        self._before = 0
        self.functions = {**_streams(), **_others()}

    def loaded(self, path: Path, axis: int | None) -> Any:
        """Return an array whose chunks lie in the cluster's memory."""
        whole = np.load(path, mmap_mode="r")
        stored = Stored(path, whole.shape, whole.dtype, whole.ndim)
        lazy = da.from_array(stored, chunks=self._chunks(whole.shape, axis), name=False)
        return self.finished(lazy, fetched=False)

    def _chunks(self, shape: tuple[int, ...], axis: int | None) -> Any:
        if not self.is_tuned:
            return "auto"
        if axis is None:
            return shape
        threads = self._workers * self._threads
        return tuple(-(-length // threads) if place == axis else length for place, length in enumerate(shape))

    def finished(self, result: Any, *, fetched: bool = True) -> Any:
        """Return a result that has been computed, or several."""
        results = result if isinstance(result, (tuple, list)) else [result]
        lazy = [each for each in results if isinstance(each, da.Array)]
        if not lazy:
            return result
        self._forget(lazy)
        kept = dask.persist(*lazy)
        distributed.wait(kept)
        computed = iter([each.compute() if fetched and _is_small(each) else each for each in kept])
        whole = [next(computed) if isinstance(each, da.Array) else each for each in results]
        return whole if isinstance(result, (tuple, list)) else whole[0]

    def _forget(self, lazy: list[Any]) -> None:
        """Wait until the cluster has let go of earlier results of the same names, or it would compute nothing."""
        start = perf_counter()
        held = {each.name for each in self.operands if isinstance(each, da.Array)}
        keys = [next(flatten(each.__dask_keys__())) for each in lazy if each.name not in held]
        for key in keys:
            while self._client.run_on_scheduler(_knows, key):
                sleep(POLL_SECONDS)
        self.uncounted += perf_counter() - start

    def values(self, result: Any) -> Values:
        """Return the whole."""
        return np.asarray(result.compute() if isinstance(result, da.Array) else result)

    def versions(self) -> dict[str, str]:
        """Return versions."""
        return super().versions() | {"distributed": str(distributed.__version__)}

    def forget_peaks(self) -> None:
        """Ask the workers to start anew."""
        self._before = sum(self._client.run(forget_peak).values())

    def peaks_elsewhere(self) -> int:
        """Return what the workers took."""
        return int(sum(self._client.run(peak_nbytes).values())) - self._before

    def close(self) -> None:
        """End the cluster."""
        self._client.close()
        self._cluster.close()


def _is_small(array: Any) -> bool:
    is_known = not any(isnan(length) for length in array.shape)
    return is_known and prod(array.shape) * array.dtype.itemsize <= FETCHED_NBYTES


class TunedDask(Dask):
    """Chunks as large as each thread's share."""

    is_tuned: ClassVar[bool] = True


def _streams() -> dict[str, Function]:
    names = ("sum", "prod", "max", "argmax", "all", "mean", "var", "std")
    return {
        "add": lambda x, y: x + y,
        "sqrt": da.sqrt,
        "exp": da.exp,
        "slice": lambda x: x[1:5],
        "flat": lambda x: da.reshape(x, (-1,)),
        "number": lambda x: float(x[3, 2]),
        "chain": lambda x, y: da.exp(-(x * x) / 2) * y + x,
        "where": lambda x, y: da.where(x > 0, x, y),
        **{name: getattr(da, name) for name in names},
        "skew": lambda x, axis: standard_moment(da, x, axis, 3),
        "kurtosis": lambda x, axis: standard_moment(da, x, axis, 4) - 3.0,
        "cumulative_sum": lambda x, axis: da.cumsum(x, axis=axis),
    }


def _others() -> dict[str, Function]:
    return {
        "matmul": lambda x, y: x @ y,
        "qr": da.linalg.qr,
        "svd": da.linalg.svd,
        "fft": lambda x, axis: da.fft.fft(x.rechunk({axis: -1}), axis=axis),
        "transpose_reshape": lambda x: da.reshape(x.T, (-1,)),
        "repartition": lambda x, axis: x.rechunk(
            {place: ("auto" if place == axis else -1) for place in range(x.ndim)}
        ),
        "roll": lambda x: da.roll(x, 1000, axis=0),
        "concat": lambda x, y: da.concatenate([x, y], axis=0),
        "unique_values": da.unique,
        "searchsorted": da.searchsorted,
        "mask": lambda x, chosen: x[chosen],
        "integers": lambda x, indices: x[indices.compute()],
        "nonzero": da.nonzero,
        "cdist": _distances,
        "kmeans": _lloyd,
        "lasso": _descended,
    }


def _distances(x: Any, *, exact: bool) -> Any:
    if exact:
        return da.sqrt(((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2))
    norms = (x * x).sum(axis=1)
    return da.sqrt(da.maximum(norms[:, None] + norms[None, :] - 2 * (x @ x.T), 0))


def _lloyd(x: Any, centers: Any) -> Values:
    current: Values = np.asarray(centers)
    for _ in range(ITERATIONS):
        scores = (current * current).sum(axis=1) - 2 * (x @ current.T)
        labels = da.argmin(scores, axis=1)
        members = (labels[:, None] == np.arange(len(current))).astype(x.dtype)
        sums, counts = dask.compute(members.T @ x, members.sum(axis=0))
        current = sums / np.maximum(counts, 1)[:, None]
    return current


def _descended(table: Any, target: Any) -> Values:
    # The paper's program, on the reduced problem: one pass over the data, and the descent on the client.
    means, offset = dask.compute(table.mean(axis=0), target.mean())
    centred = table - means
    gram, weighted = dask.compute(centred.T @ centred, centred.T @ (target - offset))
    gram, weighted = gram / len(table), weighted / len(table)
    weights: Values = np.zeros(len(weighted))
    for _ in range(SWEEPS):
        for column in range(len(weights)):
            reach = weighted[column] - gram[column] @ weights + gram[column, column] * weights[column]
            weights[column] = np.sign(reach) * max(abs(reach) - PENALTY, 0) / gram[column, column]
    return weights
