"""array_api_dist, with array_api_dist_ml."""

from __future__ import annotations

import platform
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.device import default_device
from array_api_dist.io import load_hdf5, save_hdf5
from array_api_dist.local import from_local
from array_api_dist.partition import repartition
from benchmarks.cases.catalogue import ITERATIONS, SWEEPS
from benchmarks.cases.data import CLUSTERS
from benchmarks.systems.numpy_system import PENALTY
from benchmarks.systems.standard import standard_functions
from benchmarks.systems.system import System, Values, read


class ArrayApiDist(System):
    """One rank of a job."""

    distribution: ClassVar[str] = "array-api-dist"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._device = default_device()
        # Few iterations are asked for: that they do not converge is no news.
        warnings.simplefilter("ignore")
        self.functions = {
            **standard_functions(xp),
            "skew": ml.skewness,
            "kurtosis": ml.kurtosis,
            "cdist": lambda x, exact: ml.cdist(x, precise=exact),
            "kmeans": _clustered,
            "lasso": _fitted,
            "repartition": _laid,
            "load_hdf5": lambda path: load_hdf5(path, "x"),
            "save_hdf5": self._saved,
        }

    @property
    def rank(self) -> int:
        """Which rank this is."""
        return self._device.rank

    def loaded(self, path: Path, axis: int | None) -> Any:
        """Return an array that each rank has read its own part of."""
        mine = read(path, axis, self._device.rank, self._device.ranks)
        return from_local(torch.from_numpy(mine).to(self._device.torch_device), axis, copy=False)

    def finished(self, result: Any) -> Any:
        """Wait for a GPU."""
        torch.cuda.synchronize()
        return result

    def values(self, result: Any) -> Values:
        """Return the whole; every rank takes part."""
        return np.asarray(result)

    def barrier(self) -> None:
        """Wait for the other ranks."""
        self._device.communicator.barrier()

    def versions(self) -> dict[str, str]:
        """Return versions, and the MPI library's."""
        from mpi4py import MPI

        library = MPI.Get_library_version().split(",")[0].strip("\0\n ")
        return super().versions() | {
            "torch": str(torch.__version__),
            "MPI": library,
            "Python": platform.python_version(),
        }

    def _saved(self, x: Any) -> Path:
        path = self.scratch / f"array_api_dist-{self._device.ranks}.h5"
        path.unlink(missing_ok=True) if self._device.rank == 0 else None
        self.barrier()
        save_hdf5(path, "x", x)
        return path


def _laid(x: Any, *, axis: int | None) -> Any:
    return repartition(x, axis)


def _clustered(x: Any, centers: Any) -> Any:
    fitted = ml.KMeans(CLUSTERS, init=centers, n_init=1, max_iter=ITERATIONS, tol=0).fit(x)
    return fitted.cluster_centers_


def _fitted(table: Any, target: Any) -> Any:
    return ml.Lasso(alpha=PENALTY, max_iter=SWEEPS, tol=0).fit(table, target).coef_
