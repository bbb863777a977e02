"""Coordinate descent on the lasso: on numbers that every rank holds, so that its steps communicate nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import fsum
from typing import Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy.linalg import get_blas_funcs

from array_api_dist_ml._namespace import Array, Namespace, device, on_host

__all__ = ["Problem", "Rules", "Solution", "problem"]

Floats: TypeAlias = npt.NDArray[np.float64]
_Columns: TypeAlias = list[tuple[float, Floats]]
"""The square of each column and its products with all."""

_add_multiple: Final = cast("Callable[..., object]", get_blas_funcs("axpy", dtype=np.float64))

# Up to this many columns, fewer than rows, all their products are formed at once;
GRAM_COLUMNS: Final = 4096
# and up to this many, whatever the rows: 2 MiB of products.
FEW_COLUMNS: Final = 512
# So many new columns at least enter a working set at once.
NEW_COLUMNS: Final = 64
# A round leaves so much of the gap to the working set: the columns outside of it have theirs.
TIGHTER: Final = 0.1
# So many sweeps at most belong to a round: where columns are much alike, others must take part before a set is solved;
ROUND_SWEEPS: Final = 50
# and after so many at most the gap is looked at, which takes about as long as one of them.
LOOK_EVERY: Final = 4


@dataclass(frozen=True, slots=True)
class Rules:
    """When to stop, and what is allowed.

    Attributes
    ----------
    penalty : float
        n times alpha.
    share : float
        A gap of this share of the one at the start is small enough, too.
    look_every : int or None
        After how many sweeps the gap is looked at, however much the weights change; None waits until they hardly do.
    """

    penalty: float
    positive: bool
    max_iter: int
    tol: float
    share: float = 0.0
    look_every: int | None = None

    def shrunk(self, value: float) -> float:
        """Return ``value`` drawn towards 0 by the penalty."""
        if value > self.penalty:
            return value - self.penalty
        if value < -self.penalty and not self.positive:
            return value + self.penalty
        return 0.0

    def steepness(self, gradient: Floats) -> Floats:
        """Return how far each coordinate pulls; only what pulls more than the penalty moves a weight from 0."""
        return gradient if self.positive else np.abs(gradient)


@dataclass(frozen=True, slots=True)
class Solution:
    """Weights, the duality gap there, and how many sweeps over the coordinates led to them."""

    weights: Floats
    gap: float
    sweeps: int


def dot(left: Floats, right: Floats) -> float:
    """Return the scalar product, rounded once: the same on every rank, wherever the numbers lie in memory."""
    return fsum((left * right).tolist())


@dataclass(frozen=True, slots=True)
class _State:
    """What a point w tells.

    Attributes
    ----------
    residual : float
        |y - Xw|².
    agreement : float
        The scalar product of y - Xw and y.
    gradient : array, shape (m,)
        Xᵀ(y - Xw).
    """

    residual: float
    agreement: float
    gradient: Floats

    def gap(self, rules: Rules, weights: Floats) -> float:
        """Return the duality gap; without a penalty the squared norm of the gradient."""
        if rules.penalty == 0.0:
            return dot(self.gradient, self.gradient)
        steepest = float(np.max(rules.steepness(self.gradient)))
        scale = rules.penalty / steepest if steepest > rules.penalty else 1.0
        primal = 0.5 * self.residual + rules.penalty * fsum(np.abs(weights).tolist())
        return primal - (scale * self.agreement - 0.5 * scale**2 * self.residual)


@dataclass(frozen=True, slots=True)
class Gram:
    """The lasso min ½|y - Xw|² + penalty |w|₁ as Xᵀy, yᵀy and XᵀX."""

    correlations: Floats
    energy: float
    products: Floats

    def descended(self, rules: Rules, start: Floats) -> Solution:
        """Return the solution by cyclic coordinate descent from ``start``: scikit-learn's steps.

        The duality gap decides when to stop; it is looked at when a sweep changed no weight by more than ``tol`` of
        the largest, and as often as the rules say.
        """
        weights = start.copy()
        gradient = self.correlations.copy()
        for column in np.flatnonzero(weights):
            gradient -= weights[column] * self.products[column]
        products = np.ascontiguousarray(self.products)
        columns = list(zip(products.diagonal().tolist(), products, strict=True))
        gap = self._state(weights, gradient).gap(rules, weights)
        allowed = rules.tol * self.energy
        if 0.0 <= gap <= allowed:
            return Solution(weights, gap, 0)
        allowed = max(allowed, rules.share * gap)
        looks = rules.max_iter if rules.look_every is None else rules.look_every
        for sweep in range(1, rules.max_iter + 1):
            change = self._sweep(rules, columns, weights, gradient)
            largest = float(np.max(np.abs(weights)))
            is_due = sweep % looks == 0 or sweep == rules.max_iter
            if largest > 0.0 and change > rules.tol * largest and not is_due:
                continue
            gap = self._state(weights, gradient).gap(rules, weights)
            if gap <= allowed:
                return Solution(weights, gap, sweep)
        return Solution(weights, gap, rules.max_iter)

    def _sweep(self, rules: Rules, columns: _Columns, weights: Floats, gradient: Floats) -> float:
        """Move each coordinate of ``weights`` to its optimum, and ``gradient`` along; return the largest change."""
        largest, penalty = 0.0, rules.penalty
        weight_of, slope_of = weights.item, gradient.item
        for column, (square, products) in enumerate(columns):
            before, slope = weight_of(column), slope_of(column)
            if square == 0.0 or (before == 0.0 and -penalty <= slope <= penalty):
                continue
            after = rules.shrunk(slope + before * square) / square
            if after != before:
                weights[column] = after
                change = before - after
                # In place; two of NumPy's calls take five times as long.
                _add_multiple(products, gradient, a=change)
                largest = max(largest, change, -change)
        return largest

    def _state(self, weights: Floats, gradient: Floats) -> _State:
        explained = dot(weights, self.correlations)
        curved = dot(weights, self.correlations - gradient)
        return _State(self.energy + curved - 2.0 * explained, self.energy - explained, gradient)


class Residual:
    """The lasso of many columns: a few of them descend at a time, then the residual y - Xw is updated.

    Rows stay where they are, and so do columns but those of the working set: those with a weight, and those that pull
    most. Its products are small; what all columns say of the new residual is one product Xᵀr, which also tells the
    duality gap of the whole problem.

    Communication of a round: the working set's columns where the columns are partitioned, its products (w² numbers)
    and Xᵀr (m numbers). Extra memory: the working set's columns and products, and m numbers.
    """

    __slots__ = ("_here", "_state", "_table", "_target", "_xp", "correlations", "energy")

    def __init__(
        self, xp: Namespace, table: Array, target: Array, correlations: Floats, energy: float
    ) -> None:
        self._xp, self._table, self._target = xp, table, target
        self.correlations, self.energy = correlations, energy
        self._here = np.zeros_like(correlations)
        self._state = _State(energy, energy, correlations)

    def descended(self, rules: Rules, start: Floats) -> Solution:
        """Return the solution from ``start``; the duality gap of the whole problem decides when to stop."""
        if not np.array_equal(start, self._here):
            support = np.flatnonzero(start)
            self._move(start, self._columns(support), start[support])
        sweeps, tol = 0, rules.tol * TIGHTER
        while True:
            weights = self._here
            gap = self._state.gap(rules, weights)
            chosen = self._working_set(rules)
            if gap <= rules.tol * self.energy or sweeps >= rules.max_iter or chosen.size == 0:
                return Solution(weights, gap, sweeps)
            part = self._columns(chosen)
            products = Gram(self.correlations[chosen], self.energy, _floats(part.T @ part))
            inner = replace(
                rules,
                tol=tol,
                max_iter=min(ROUND_SWEEPS, rules.max_iter - sweeps),
                share=TIGHTER,
                look_every=LOOK_EVERY,
            )
            found = products.descended(inner, weights[chosen])
            # Nothing to do for so large a gap: ask for less.
            tol = tol if found.sweeps else tol * TIGHTER
            sweeps += max(found.sweeps, 1)
            moved = np.zeros_like(weights)
            moved[chosen] = found.weights
            self._move(moved, part, found.weights)

    def _columns(self, chosen: npt.NDArray[np.int64]) -> Array:
        indices = self._xp.asarray(chosen.tolist(), dtype=self._xp.int64, device=device(self._table))
        return self._xp.take(self._table, indices, axis=1)

    def _move(self, weights: Floats, part: Array, part_weights: Floats) -> None:
        """Go to ``weights``, which are 0 but for the ``part_weights`` of the columns ``part``."""
        xp, table = self._xp, self._table
        factors = xp.asarray(part_weights, dtype=table.dtype, device=device(table))
        residual = self._target - part @ factors
        self._here = weights
        self._state = _State(
            float(xp.sum(residual * residual)),
            float(xp.sum(residual * self._target)),
            _floats(table.T @ residual),
        )

    def _working_set(self, rules: Rules) -> npt.NDArray[np.int64]:
        """Return the columns with a weight, and of the others those that pull most."""
        support = np.flatnonzero(self._here)
        pulls = rules.steepness(self._state.gradient).copy()
        pulls[support] = 0.0
        most = np.argsort(-pulls, kind="stable")[: max(NEW_COLUMNS, support.size)]
        return np.sort(np.concatenate([support, most[pulls[most] > rules.penalty]]))


Problem: TypeAlias = Gram | Residual


def problem(xp: Namespace, table: Array, target: Array) -> Problem:
    """Return the reduced problem.

    Communication, with the rows partitioned: three allreduces of at most m² numbers when the columns are fewer than
    the rows, or few; else two, of m numbers at most.
    """
    rows, columns = table.shape
    correlations = _floats(table.T @ target)
    energy = float(xp.sum(target * target))
    if columns <= min(max(rows, FEW_COLUMNS), GRAM_COLUMNS):
        return Gram(correlations, energy, _floats(table.T @ table))
    return Residual(xp, table, target, correlations, energy)


def _floats(x: Array) -> Floats:
    """Return a small array as float64 numbers on the host."""
    return np.asarray(on_host(x), dtype=np.float64)
