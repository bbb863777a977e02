"""SciPy, where it has the operation."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from scipy import fft, linalg, stats
from scipy.spatial import distance

from benchmarks.systems.system import System, Values


class SciPy(System):
    """One process; transforms and its BLAS have the threads."""

    distribution: ClassVar[str] = "scipy"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.functions = {
            "skew": lambda x, axis: stats.skew(x, axis=axis),
            "kurtosis": lambda x, axis: stats.kurtosis(x, axis=axis),
            "cdist": _distances,
            "qr": lambda x: linalg.qr(x, mode="economic"),
            "svd": lambda x: linalg.svd(x, full_matrices=False),
            "fft": lambda x, axis: fft.fft(x, axis=axis, workers=-1),
        }


def _distances(x: Values, *, exact: bool) -> Values:
    # It has differences only: they count beside the expansion too.
    del exact
    found: Values = distance.cdist(x, x)
    return found
