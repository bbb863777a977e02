"""The lasso by coordinate descent."""
# pyright: reportUninitializedInstanceVariable=false
# scikit-learn's way: what ends in _ is set by fit.

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from numbers import Integral, Real
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from array_api_dist_ml._descent import Floats, Problem, Rules, Solution, dot, problem
from array_api_dist_ml._namespace import Array, Namespace, array_namespace, device, on_every_rank, on_host
from array_api_dist_ml._validation import (
    check_same_namespace,
    checked_pair,
    checked_table,
    checked_target,
    checked_weights,
)

__all__ = ["Lasso", "lasso_path"]


@dataclass(frozen=True, slots=True)
class _Centered:
    """Data with their means taken off, or as they are without an intercept."""

    xp: Namespace
    table: Array
    target: Array
    table_mean: Array | None
    target_mean: float


def _centered(table: Array, target: Array, *, fit_intercept: bool) -> _Centered:
    xp = array_namespace(table)
    if not fit_intercept:
        return _Centered(xp, table, target, None, 0.0)
    table_mean, target_mean = xp.mean(table, axis=0), xp.mean(target)
    return _Centered(xp, table - table_mean[None, :], target - target_mean, table_mean, float(target_mean))


def _solved(reduced: Problem, rules: Rules, start: Floats) -> Solution:
    """Return the solution from ``start``, and warn where ``max_iter`` did not suffice."""
    solution = reduced.descended(rules, start)
    allowed = rules.tol * reduced.energy
    if solution.sweeps >= rules.max_iter and solution.gap > allowed:
        warnings.warn(
            "Objective did not converge. You might want to increase the number of iterations, check the scale of the "
            f"features or consider increasing regularisation. Duality gap: {solution.gap:.3e}, "
            f"tolerance: {allowed:.3e}",
            ConvergenceWarning,
            stacklevel=3,
        )
    return solution


class Lasso(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Linear regression with a penalty on the sum of absolute weights, on arrays of any namespace.

    Minimises ``|y - Xw|² / (2 n_samples) + alpha |w|₁``.

    Parameters
    ----------
    alpha : float, default 1.0
    fit_intercept : bool, default True
    max_iter : int, default 1000
        How many sweeps over the coordinates.
    tol : float, default 1e-4
        The fit ends when the duality gap is at most ``tol |y|²``.
    warm_start : bool, default False
        Whether ``fit`` begins with the weights of the last one.
    positive : bool, default False
        Whether all weights must be at least 0.

    Attributes
    ----------
    coef_ : Array, shape (n_features,), on every rank
    intercept_ : float
    n_iter_ : int
    dual_gap_ : float
        Divided by n_samples, as the objective.

    Notes
    -----
    Communication of a fit, with X partitioned along its rows and at most as many columns as rows: the checks' sums, and
    five allreduces of at most m² numbers, however many sweeps. With more columns than rows, and more than 512: rounds
    of descent on a working set of columns, after each of which the residual is updated, with two allreduces of sums and
    two of the set's products and of m numbers. Extra memory: a centred copy of X (none without an intercept), and m²
    numbers, or the working set's columns.
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "positive": ["boolean"],
    }

    coef_: Array
    intercept_: float
    n_iter_: int
    dual_gap_: float

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive

    def fit(self, X: Any, y: Any) -> Lasso:
        """Find the weights.

        Parameters
        ----------
        X : Array, shape (n_samples, n_features)
        y : Array, shape (n_samples,)

        Raises
        ------
        ValueError
            On every rank, if a parameter or the data are unfit, X and y differ in length, or X has other columns than
            the fit that ``warm_start`` goes on from.
        """
        self._validate_params()
        if self.alpha == 0:
            warnings.warn(
                "With alpha=0, coordinate descent converges slowly: use ordinary least squares",
                UserWarning,
                stacklevel=2,
            )
        table, target = checked_pair(self, X, y)
        start = self._start(table.shape[1])
        data = _centered(table, target, fit_intercept=self.fit_intercept)
        rules = Rules(self.alpha * table.shape[0], self.positive, self.max_iter, self.tol)
        solution = _solved(problem(data.xp, data.table, data.target), rules, start)
        weights = data.xp.asarray(solution.weights, dtype=table.dtype, device=device(table))
        self.coef_ = on_every_rank(weights)
        self.intercept_ = data.target_mean
        if data.table_mean is not None:
            self.intercept_ -= dot(np.asarray(on_host(data.table_mean), dtype=np.float64), solution.weights)
        self.n_iter_ = solution.sweeps
        self.dual_gap_ = solution.gap / table.shape[0]
        return self

    def _start(self, columns: int) -> Floats:
        if not self.warm_start or not hasattr(self, "coef_"):
            return np.zeros(columns)
        if self.coef_.shape != (columns,):
            raise ValueError(
                f"warm_start needs as many columns as the last fit had: {self.coef_.shape[0]}, got {columns}"
            )
        return np.array(on_host(self.coef_), dtype=np.float64)

    def predict(self, X: Any) -> Array:
        """Return ``X @ coef_ + intercept_``, shape (n_samples,). Communication: none when the rows are partitioned."""
        check_is_fitted(self)
        table = checked_table(self, X, reset=False)
        check_same_namespace(self, table, self.coef_, "predict")
        xp = array_namespace(table)
        return table @ xp.astype(self.coef_, table.dtype, copy=False) + self.intercept_

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R², the share of the variance of ``y`` that is explained; NaN of one sample.

        Communication: three allreduces of a number.
        """
        predicted = self.predict(X)
        xp = array_namespace(predicted)
        target = checked_target(self, y, predicted)
        if target.shape[0] < 2:
            warnings.warn(
                "R^2 score is not well-defined with less than two samples.",
                UndefinedMetricWarning,
                stacklevel=2,
            )
            return nan
        weights = checked_weights(sample_weight, predicted)
        mass = xp.ones_like(target) if weights is None else weights
        mean = xp.sum(target * mass) / xp.sum(mass)
        unexplained = float(xp.sum((target - predicted) ** 2 * mass))
        total = float(xp.sum((target - mean) ** 2 * mass))
        if total == 0.0:
            return 1.0 if unexplained == 0.0 else 0.0
        return 1.0 - unexplained / total

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags


def lasso_path(
    X: Any,
    y: Any,
    *,
    eps: float = 1e-3,
    alphas: int | Sequence[float] = 100,
    fit_intercept: bool = False,
    positive: bool = False,
    max_iter: int = 1000,
    tol: float = 1e-4,
) -> tuple[Array, Array, Array]:
    """Return the weights of the lasso for many penalties, each begun with the one before.

    Parameters
    ----------
    X : Array, shape (n_samples, n_features)
    y : Array, shape (n_samples,)
    eps : float, optional
        The least alpha over the greatest, when they are not given.
    alphas : int or sequence of float, optional
        The penalties, or how many: evenly spaced on a logarithmic scale, from the one at which all weights are 0.
    fit_intercept : bool, optional
        Whether to centre X and y first.
    positive, max_iter, tol : optional
        As for ``Lasso``.

    Returns
    -------
    alphas : Array, shape (n_alphas,), descending
    coefs : Array, shape (n_features, n_alphas)
    dual_gaps : Array, shape (n_alphas,)

    Raises
    ------
    ValueError
        On every rank, as for ``Lasso``.

    Notes
    -----
    Communication: that of one fit of ``Lasso``, however many penalties; of as many fits where columns outnumber rows.
    """
    options: dict[str, Any] = {
        "fit_intercept": fit_intercept,
        "positive": positive,
        "max_iter": max_iter,
        "tol": tol,
    }
    constraints = _PATH_CONSTRAINTS | {name: Lasso._parameter_constraints[name] for name in options}
    validate_parameter_constraints(constraints, {"eps": eps, "alphas": alphas, **options}, "lasso_path")
    wanted = _penalties(alphas)
    table, target = checked_pair(Lasso(**options), X, y)
    data = _centered(table, target, fit_intercept=fit_intercept)
    reduced = problem(data.xp, data.table, data.target)
    rows = table.shape[0]
    grid = _grid(reduced, rows, eps, wanted, positive=positive)
    weights = np.zeros(table.shape[1])
    solutions: list[Solution] = []
    for alpha in grid:
        solution = _solved(reduced, Rules(alpha * rows, positive, max_iter, tol), weights)
        weights = solution.weights
        solutions.append(solution)
    xp, where = data.xp, device(table)
    coefs = np.stack([solution.weights for solution in solutions], axis=1)
    return (
        xp.asarray(grid, dtype=table.dtype, device=where),
        xp.asarray(coefs, dtype=table.dtype, device=where),
        xp.asarray([solution.gap / rows for solution in solutions], dtype=table.dtype, device=where),
    )


_PATH_CONSTRAINTS: Final[dict[str, list[object]]] = {
    "eps": [Interval(Real, 0, 1, closed="right")],
    "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
}


def _penalties(alphas: int | Sequence[float]) -> int | list[float]:
    """Return the penalties as floats, or how many are wanted.

    Raises
    ------
    ValueError
        If one is negative or not finite, or there is none.
    """
    if isinstance(alphas, Integral):
        return int(alphas)
    # Every rank has equal ones, as of all that is no array of the namespace.
    given = np.asarray(alphas)
    if given.dtype.kind not in "iuf" or given.ndim != 1 or given.size == 0 or not _all_fit(given):
        raise ValueError(f"alphas must be at least one number in [0, inf), got {alphas}")
    return [float(each) for each in given]


def _all_fit(penalties: npt.NDArray[Any]) -> bool:
    return bool(np.all(np.isfinite(penalties)) and np.all(penalties >= 0))


def _grid(
    reduced: Problem, rows: int, eps: float, alphas: int | list[float], *, positive: bool
) -> list[float]:
    """Return the penalties in descending order."""
    if not isinstance(alphas, int):
        return sorted(alphas, reverse=True)
    steepest = reduced.correlations if positive else np.abs(reduced.correlations)
    greatest = max(float(np.max(steepest)) / rows, 1e-15)
    return [greatest * eps ** (step / max(alphas - 1, 1)) for step in range(alphas)]
