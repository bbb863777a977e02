"""scikit-learn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, ClassVar

from sklearn.cluster import KMeans
from sklearn.linear_model import Lasso
from sklearn.metrics.pairwise import euclidean_distances

from benchmarks.cases.catalogue import ITERATIONS, SWEEPS
from benchmarks.cases.data import CLUSTERS
from benchmarks.systems.numpy_system import PENALTY
from benchmarks.systems.system import System, Values


class ScikitLearn(System):
    """One process; OpenMP has the threads."""

    distribution: ClassVar[str] = "scikit-learn"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        # Few iterations are asked for: that they do not converge is no news.
        warnings.simplefilter("ignore")
        self.functions = {
            "cdist": _distances,
            "kmeans": _clustered,
            "lasso": _fitted,
        }


def _distances(x: Values, *, exact: bool) -> Values:
    # It has the expansion only: it counts beside the differences too, with its own rounding.
    del exact
    found: Values = euclidean_distances(x)
    return found


def _clustered(x: Values, centers: Values) -> Values:
    # Where types are guessed from defaults, centres are no init.
    start: Any = centers
    once: Any = 1
    model = KMeans(CLUSTERS, init=start, n_init=once, max_iter=ITERATIONS, tol=0, algorithm="lloyd")
    found: Values = model.fit(x).cluster_centers_
    return found


def _fitted(table: Values, target: Values) -> Values:
    model = Lasso(alpha=PENALTY, max_iter=SWEEPS, tol=0, precompute=True)
    found: Values = model.fit(table, target).coef_
    return found
