"""HeAT."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, ClassVar

import torch

from benchmarks.cases.catalogue import ITERATIONS, SWEEPS
from benchmarks.cases.data import CLUSTERS
from benchmarks.systems.numpy_system import PENALTY
from benchmarks.systems.system import Function, System, Values, read

# Not installed where types are checked: what comes from it is Any.
ht: Any = importlib.import_module("heat")


class HeAT(System):
    """One rank of a job."""

    distribution: ClassVar[str] = "heat"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self._comm: Any = ht.communication.MPI_WORLD
        self.functions = {
            **_elementwise(),
            **_reductions(),
            **_others(),
            "load_hdf5": lambda path: ht.load_hdf5(str(path), "x", dtype=ht.float64, split=0),
            "save_hdf5": self._saved,
        }
        self.prepared = {"lasso": _with_ones, "integers": lambda x, indices: (x, indices)}

    @property
    def rank(self) -> int:
        """Which rank this is."""
        return int(self._comm.rank)

    def loaded(self, path: Path, axis: int | None) -> Any:
        """Return an array that each rank has read its own part of."""
        mine = torch.from_numpy(read(path, axis, self._comm.rank, self._comm.size))
        return ht.array(mine, is_split=axis, copy=False)

    def values(self, result: Any) -> Values:
        """Return the whole; every rank takes part."""
        found: Values = ht.resplit(result, None).larray.numpy() if isinstance(result, ht.DNDarray) else result
        return super().values(found)

    def barrier(self) -> None:
        """Wait for the other ranks."""
        self._comm.handle.Barrier()

    def versions(self) -> dict[str, str]:
        """Return versions; the wheels of torch and MPI are its environment's own."""
        return super().versions() | {"torch": str(torch.__version__), "torchvision": "a stub"}

    def _saved(self, x: Any) -> Path:
        path = self.scratch / f"heat-{self._comm.size}.h5"
        ht.save_hdf5(x, str(path), "x")
        return path


def _elementwise() -> dict[str, Function]:
    return {
        "add": lambda x, y: x + y,
        "sqrt": ht.sqrt,
        "exp": ht.exp,
        "slice": lambda x: x[1:5],
        "flat": _flat,
        "number": lambda x: float(x[3, 2]),
        "chain": lambda x, y: ht.exp(-(x * x) / 2) * y + x,
        "where": lambda x, y: ht.where(x > 0, x, y),
    }


def _reductions() -> dict[str, Function]:
    names = ("sum", "prod", "max", "argmax", "all", "mean", "var", "std")
    return {
        **{name: getattr(ht, name) for name in names},
        "skew": lambda x, axis: ht.skew(x, axis=axis, unbiased=False),
        "kurtosis": lambda x, axis: ht.kurtosis(x, axis=axis, unbiased=False, Fischer=True),
    }


def _others() -> dict[str, Function]:
    return {
        "cumulative_sum": ht.cumsum,
        "matmul": lambda x, y: x @ y,
        "qr": ht.linalg.qr,
        "svd": ht.linalg.svd,
        "fft": lambda x, axis: ht.fft.fft(x, axis=axis),
        "transpose_reshape": lambda x: ht.reshape(x.T, (-1,)),
        "repartition": ht.resplit,
        "roll": lambda x: ht.roll(x, 1000, axis=0),
        "concat": lambda x, y: ht.concatenate([x, y], axis=0),
        "sort": lambda x: ht.sort(x)[0],
        "argsort": lambda x: ht.sort(x)[1],
        "unique_values": lambda x: ht.unique(x, sorted=True),
        "mask": lambda x, chosen: x[chosen],
        "integers": lambda x, indices: x[indices],
        "nonzero": ht.nonzero,
        "cdist": lambda x, exact: ht.spatial.cdist(x, quadratic_expansion=not exact),
        "kmeans": _clustered,
        "lasso": _fitted,
    }


def _flat(x: Any) -> Any:
    # Its reshape splits the operand itself anew, for good: another array of the same memory takes that.
    return ht.reshape(ht.DNDarray(x.larray, x.shape, x.dtype, x.split, x.device, x.comm, x.balanced), (-1,))


def _with_ones(table: Any, target: Any) -> tuple[Any, Any]:
    # Its intercept is the weight of a first column of ones.
    ones = ht.ones((table.shape[0], 1), dtype=table.dtype, split=0)
    return ht.concatenate([ones, table], axis=1), ht.reshape(target, (-1, 1))


def _clustered(x: Any, centers: Any) -> Any:
    return ht.cluster.KMeans(CLUSTERS, init=centers, max_iter=ITERATIONS, tol=-1.0).fit(x).cluster_centers_


def _fitted(table: Any, target: Any) -> Any:
    model = ht.regression.Lasso(lam=PENALTY, max_iter=SWEEPS, tol=-1.0)
    model.fit(table, target)
    return ht.reshape(model.coef_, (-1,))
