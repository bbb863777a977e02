"""K-means by Lloyd's algorithm."""
# pyright: reportUninitializedInstanceVariable=false
# scikit-learn's way: what ends in _ is set by fit.

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any, ClassVar, Final

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from array_api_dist_ml import _lloyd, _seeding
from array_api_dist_ml._lloyd import Data
from array_api_dist_ml._namespace import (
    Array,
    array_namespace,
    device,
    eps_of,
    is_leader,
    local_blocks,
    on_every_rank,
    row_squares,
)
from array_api_dist_ml._progress import progress_bar
from array_api_dist_ml._seeding import Sample
from array_api_dist_ml._validation import (
    beside,
    check_finite,
    check_same_namespace,
    checked_table,
    checked_weights,
)
from array_api_dist_ml.distances import pairwise

_INITS: Final = {
    "k-means++": _seeding.plus_plus,
    "k-means||": _seeding.parallel,
    "random": _seeding.random_rows,
}
# The expanded distances may lose this much relative precision (float32: whatever centring would lose too).
_LOSS: Final = 1e-12
# Runs whose inertias differ by rounding alone are equal: the first one wins whatever the number of ranks.
_BETTER: Final = 1.0 - 1e-10
# Of this many roundings a centre's coordinate may be off.
_ROUNDINGS: Final = 16


@dataclass(frozen=True, slots=True)
class _Result:
    labels: Array
    centers: Array
    inertia: float
    steps: int


@dataclass(frozen=True, slots=True)
class _Spread:
    """The variance of all columns together, and the mean square of the rows' lengths, less the shift."""

    variance: float
    square: float


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """K-means clustering by Lloyd's algorithm, on arrays of any namespace.

    Parameters
    ----------
    n_clusters : int, default 8
    init : {"k-means++", "k-means||", "random"} or array of shape (n_clusters, n_features), default "k-means++"
    n_init : int or "auto", default "auto"
        How many times to start anew; the least inertia wins. "auto" is 10 for "random", else 1.
    max_iter : int, default 300
    tol : float, default 1e-4
        A run ends when the squared movement of all centres is at most ``tol`` times the mean variance of a feature.
    verbose : int, default 0
        1 shows a progress bar with the inertia, on rank 0.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default None
        None means 0: the ranks of one job must draw the same numbers.

    Attributes
    ----------
    cluster_centers_ : Array, shape (n_clusters, n_features), on every rank
    labels_ : Array of integers, shape (n_samples,), partitioned as the rows of X
    inertia_ : float
        The weighted sum of squared distances of the rows to their centres.
    n_iter_ : int

    Notes
    -----
    A step is one pass over the data. Communication of a step, with X partitioned along its rows: one allreduce of k sums
    of rows and their counts (with weights, and of more rows than single precision counts, one of a number, too; another one
    of sums where a row is as near to several centres). Extra memory on a rank of n rows: a copy of X with another column,
    n k numbers and as many truth values, a bounded block; of few clusters k-means++ takes more, 5 + log k numbers for
    each row (6 with weights).
    Same seed, same result: on any namespace and any number of ranks, up to ties and rounding.
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        # Not a set, whose order, and so the message, would be another one on every rank.
        "init": [StrOptions(_INITS.keys()), "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": [Interval(Integral, 0, None, closed="left"), "random_state", np.random.Generator],
    }

    cluster_centers_: Array
    labels_: Array
    inertia_: float
    n_iter_: int
    n_features_in_: int
    _shift: Array | None

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> KMeans:
        """Find the centres.

        Parameters
        ----------
        X : Array, shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like, shape (n_samples,), optional

        Raises
        ------
        ValueError
            On every rank, if a parameter or the data are unfit, or there are fewer rows than clusters.
        """
        del y
        data, spread = self._prepared(X, sample_weight)
        # BLAS chooses the order of additions anew each time: centres of the same rows differ by this much.
        noise = (_ROUNDINGS * eps_of(data.xp, data.lifted)) ** 2 * self.n_clusters * spread.square
        best = self._best_of_runs(data, max(self.tol * spread.variance / self.n_features_in_, noise))
        self._warn_of_empty(data, best.labels)
        centers = best.centers if self._shift is None else best.centers + self._shift
        self.cluster_centers_ = on_every_rank(centers)
        self.labels_ = best.labels
        self.inertia_ = best.inertia
        self.n_iter_ = best.steps
        self._n_features_out = self.n_clusters
        return self

    def _prepared(self, X: Any, sample_weight: Any) -> tuple[Data, _Spread]:
        """Return the checked rows, near the origin where distances need it, and how far they spread."""
        self._validate_params()
        table = checked_table(self, X, reset=True)
        if table.shape[0] < self.n_clusters:
            raise ValueError(f"n_samples={table.shape[0]} should be >= n_clusters={self.n_clusters}.")
        weights = checked_weights(sample_weight, table)
        xp = array_namespace(table)
        mean = xp.mean(table, axis=0, keepdims=True)
        variance, distance = float(xp.sum(xp.var(table, axis=0))), float(xp.sum(mean * mean))
        # Rows so far from the origin would lose digits of their distances.
        is_far = distance > variance * max(1.0, _LOSS / eps_of(xp, table))
        self._shift = on_every_rank(mean) if is_far else None
        spread = _Spread(variance, variance if is_far else variance + distance)
        return Data.of(table, weights, self._shift), spread

    def _best_of_runs(self, data: Data, tolerance: float) -> _Result:
        random = _seeding.generator_of(self.random_state)
        runs = self._runs()
        best = self._run(data, random, tolerance, f"k-means, run 1 of {runs}")
        for run in range(1, runs):
            result = self._run(data, random, tolerance, f"k-means, run {run + 1} of {runs}")
            best = result if result.inertia < best.inertia * _BETTER else best
        return best

    def _runs(self) -> int:
        if not isinstance(self.init, str):
            return 1
        if self.n_init == "auto":
            return 10 if self.init == "random" else 1
        return int(self.n_init)

    def _run(self, data: Data, random: np.random.Generator, tolerance: float, title: str) -> _Result:
        xp, shown = data.xp, bool(self.verbose)
        bar = progress_bar(title, self.max_iter, shown=shown and is_leader(data.lifted))
        centers = self._initial(data, random)
        energy = float(xp.sum(data.weighted(row_squares(xp, data.rows)))) if shown else 0.0
        summing = _lloyd.Steps.of(data, self.n_clusters)
        steps, shift = 0, inf
        with bar as advance:
            while steps < self.max_iter and shift > tolerance:
                totals = summing.totals(centers)
                moved = _lloyd.update(data, totals, centers)
                if shown:
                    advance(f"inertia {totals.inertia(centers, energy):.6g}")
                shift = float(xp.linalg.vector_norm(moved - centers)) ** 2
                steps, centers = steps + 1, moved
        labels = _lloyd.nearest(data, centers)
        inertia = float(xp.sum(data.weighted(_lloyd.own_distances(data, centers, labels))))
        return _Result(labels, centers, inertia, steps)

    def _initial(self, data: Data, random: np.random.Generator) -> Array:
        if isinstance(self.init, str):
            sample = Sample(data, row_squares(data.xp, data.rows))
            return _INITS[self.init](sample, self.n_clusters, random)
        init = beside(self.init, data.lifted, "init")
        expected = (self.n_clusters, self.n_features_in_)
        if tuple(init.shape) != expected:
            raise ValueError(
                f"The shape of the initial centers must be (n_clusters, n_features) = {expected}, "
                f"got {tuple(init.shape)}"
            )
        check_finite(init, "init")
        return _shifted(init, self._shift)

    def _warn_of_empty(self, data: Data, labels: Array) -> None:
        xp = data.xp
        numbers = xp.arange(self.n_clusters, dtype=labels.dtype, device=device(labels))
        distinct = int(xp.count_nonzero(xp.any(numbers[:, None] == labels[None, :], axis=1)))
        if distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def predict(self, X: Any) -> Array:
        """Return the number of the nearest centre (n_samples,) of each row.

        Communication: none when the rows are partitioned.
        """
        table, centers = self._seen(X, "predict")
        xp = array_namespace(table)
        labels = xp.empty_like(table[:, 0], dtype=xp.int64)
        for place in self._places(table):
            labels[place] = _lloyd.nearest(Data.of(table[place, :], None, self._shift), centers)
        return labels

    def transform(self, X: Any) -> Array:
        """Return the Euclidean distances (n_samples, n_clusters) to the centres.

        Communication: none when the rows are partitioned.
        """
        table, centers = self._seen(X, "transform")
        return pairwise(_shifted(table, self._shift), centers)

    def score(self, X: Any, y: object = None, sample_weight: Any = None) -> float:
        """Return the negative inertia of the rows of ``X``.

        Communication: one allreduce of a number.
        """
        del y
        table, centers = self._seen(X, "score")
        weights = checked_weights(sample_weight, table)
        distances = array_namespace(table).empty_like(table[:, 0])
        for place in self._places(table):
            data = Data.of(table[place, :], None if weights is None else weights[place], self._shift)
            distances[place] = _lloyd.own_distances(data, centers, _lloyd.nearest(data, centers))
        return -float(array_namespace(table).sum(distances if weights is None else distances * weights))

    def _places(self, table: Array) -> list[slice]:
        """Return where the blocks of rows are that are looked at together."""
        return local_blocks(table, max(self.n_clusters, table.shape[1] + 1))

    def _seen(self, X: Any, method: str) -> tuple[Array, Array]:
        """Return rows to compare with the fitted centres, and the centres, moved near the origin."""
        check_is_fitted(self)
        table = checked_table(self, X, reset=False)
        check_same_namespace(self, table, self.cluster_centers_, method)
        centers = _shifted(self.cluster_centers_, self._shift)
        return table, array_namespace(table).astype(centers, table.dtype, copy=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.array_api_support = True
        return tags


def initial_centers(
    X: Any,
    n_clusters: int,
    *,
    init: str = "k-means++",
    sample_weight: Any = None,
    random_state: Any = None,
) -> Array:
    """Return the centres that ``KMeans`` of the same parameters would start from.

    Parameters
    ----------
    X : Array, shape (n_samples, n_features)
    n_clusters : int
    init : {"k-means++", "k-means||", "random"}, optional
    sample_weight : array-like, shape (n_samples,), optional
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, optional
        None means 0.

    Returns
    -------
    Array, shape (n_clusters, n_features)

    Raises
    ------
    ValueError
        On every rank, if a parameter or the data are unfit, or there are fewer rows than clusters.
    """
    options = {"n_clusters": n_clusters, "init": init, "random_state": random_state}
    constraints = {name: KMeans._parameter_constraints[name] for name in options}
    validate_parameter_constraints(constraints, options, "initial_centers")
    model = KMeans(n_clusters, init=init, random_state=random_state)
    data = model._prepared(X, sample_weight)[0]
    centers = model._initial(data, _seeding.generator_of(random_state))
    return centers if model._shift is None else centers + model._shift


def _shifted(rows: Array, shift: Array | None) -> Array:
    return rows if shift is None else rows - array_namespace(rows).astype(shift, rows.dtype, copy=False)
