"""Metrics: what is computed of all pairs of two sets of rows, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from math import isfinite
from typing import Final, TypeAlias

from array_api_dist_ml._namespace import Array, Namespace, array_namespace, constant, quiet, row_squares

__all__ = ["METRICS", "NARROW", "Form", "Metric", "Rows", "Tile", "form_of"]

Metric: TypeAlias = Callable[[Array, Array], Array]
"""``metric(a, b)``, with a of shape (n, 1, f) and b of shape (1, m, f), gives the distances (n, m)."""

METRICS: Final = ("euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine", "rbf")
# With fewer rows than this the features are the axis that runs along memory.
NARROW: Final = 64


class Rows:
    """One operand, or a block of it.

    Attributes
    ----------
    values : Array, shape (n, f)
    is_cut : bool
        Whether the features lie on several ranks.
    squares : Array or None, shape (n,)
        The squared norms, for the kernels that ask for them.
    """

    def __init__(self, values: Array, *, is_cut: bool, squares: Array | None = None) -> None:
        self.values: Final = values
        self.is_cut: Final = is_cut
        self.squares: Final = squares

    def __getitem__(self, rows: slice) -> Rows:
        squares = None if self.squares is None else self.squares[rows]
        return Rows(self.values[rows, :], is_cut=self.is_cut, squares=squares)

    @cached_property
    def columns(self) -> Array:
        """The values as (f, 1, n), transposed in memory too: what runs along the rows then runs along memory."""
        xp, across = array_namespace(self.values), self.values.T
        found = xp.empty_like(xp.broadcast_to(across[:1, :], across.shape))
        found[...] = across
        return found[:, None, :]

    @cached_property
    def left(self) -> Array:
        """The values, their squared norm and 1: what multiplies ``right`` to give squared distances, (n, f + 2)."""
        norms = self.norms_squared[:, None]
        xp = array_namespace(norms)
        return xp.concat([self.values, norms, xp.ones_like(norms)], axis=1)

    @cached_property
    def right(self) -> Array:
        """-2 times the values, 1 and their squared norm, (n, f + 2)."""
        norms = self.norms_squared[:, None]
        xp = array_namespace(norms)
        return xp.concat([-2.0 * self.values, xp.ones_like(norms), norms], axis=1)

    @cached_property
    def across(self) -> Array:
        """``right`` as (f + 2, n)."""
        return self.right.T

    @cached_property
    def zero(self) -> Array:
        """0 in the data type of the values."""
        return constant(self.values, 0.0)

    @property
    def norms_squared(self) -> Array:
        """The squared norms."""
        assert self.squares is not None, "the form of the metric says that its kernel needs them"
        return self.squares

    @property
    def is_extreme(self) -> bool:
        """Whether the squares of these finite rows overflow, or what is expanded with rows as long as them.

        Communication: one sum when they are partitioned.
        """
        if self.squares is None:
            return False
        # x² + y² - 2xy adds up to four times the greater square on its way.
        with quiet():
            return not isfinite(float(array_namespace(self.values).sum(self.squares) * 4.0))


class Tile(Rows):
    """Some rows of a block, which is multiplied as a whole: its factors are made once."""

    def __init__(self, block: Rows, rows: slice) -> None:
        part = block[rows]
        super().__init__(part.values, is_cut=part.is_cut, squares=part.squares)
        self._block: Final = block
        self._rows: Final = rows

    @cached_property
    def left(self) -> Array:
        return self._block.left[self._rows, :]

    @cached_property
    def across(self) -> Array:
        return self._block.across[:, self._rows]


Kernel: TypeAlias = Callable[[Rows, Rows, int], Array]
"""Of two sets of rows; a temporary may have as many elements as the number says."""


def _expanded(x: Rows, y: Rows, _elements: int) -> Array:
    """Return squared distances by the quadratic expansion, never negative."""
    xp = array_namespace(x.values, y.values)
    if x.is_cut or y.is_cut:
        squared = x.values @ (-2.0 * y.values).T
        squared += x.norms_squared[:, None]
        squared += y.norms_squared[None, :]
    else:
        # With the squares as two more features no pass over the pairs is left but the last.
        squared = x.left @ y.across
    return xp.maximum(squared, y.zero)


def _cosine(x: Rows, y: Rows, _elements: int) -> Array:
    xp = array_namespace(x.values, y.values)
    similarity = x.values @ y.values.T
    similarity /= _or_one(xp, xp.sqrt(x.norms_squared))[:, None]
    similarity /= _or_one(xp, xp.sqrt(y.norms_squared))[None, :]
    return xp.clip(1.0 - similarity, 0.0, 2.0)


def _or_one(xp: Namespace, divisors: Array) -> Array:
    """Return the divisors, 1 for those that are 0."""
    return xp.where(divisors > 0, divisors, xp.ones_like(divisors))


def _cosine_of_extremes(x: Rows, y: Rows, elements: int) -> Array:
    """Return cosine distances of rows whose squares overflow: an angle doesn't change with their lengths."""

    def scaled(rows: Rows) -> Rows:
        xp = array_namespace(rows.values)
        values = rows.values / _or_one(xp, xp.max(xp.abs(rows.values), axis=1, keepdims=True))
        return Rows(values, is_cut=rows.is_cut, squares=row_squares(xp, values))

    return _cosine(scaled(x), scaled(y), elements)


def _added(xp: Namespace, first: Array, second: Array) -> Array:
    first += second
    return first


def _greater(xp: Namespace, first: Array, second: Array) -> Array:
    return xp.maximum(first, second)


def _sum(xp: Namespace, values: Array, axis: int) -> Array:
    return xp.sum(values, axis=axis)


def _greatest(xp: Namespace, values: Array, axis: int) -> Array:
    return xp.max(values, axis=axis)


def _absolute(differences: Array) -> Array:
    return array_namespace(differences).abs(differences)


def _by_differences(
    each: Callable[[Array], Array] = _absolute,
    merge: Callable[[Namespace, Array, int], Array] = _sum,
    join: Callable[[Namespace, Array, Array], Array] = _added,
) -> Kernel:
    """Return the kernel that takes ``each`` of the differences and merges them over the features."""

    def part(xp: Namespace, x: Rows, y: Rows, chosen: slice) -> Array:
        if y.values.shape[0] < NARROW or x.is_cut or y.is_cut:
            return merge(xp, each(x.values[:, None, chosen] - y.values[None, :, chosen]), 2)
        if chosen.stop - chosen.start == 1:
            # One feature needs no merging: the values of all pairs stay in the cache, feature after feature.
            return each(x.values[:, chosen] - y.columns[chosen.start, ...])
        return merge(xp, each(x.values.T[chosen, :, None] - y.columns[chosen, ...]), 0)

    def merged(xp: Namespace, x: Rows, y: Rows, elements: int) -> Array:
        (n, features), m = x.values.shape, y.values.shape[0]
        # The nearest to what was asked for: all of a block that was cut to measure.
        at_once = max(1, min(features, round(elements / (n * m))))
        slices = (slice(start, min(start + at_once, features)) for start in range(0, features, at_once))
        parts = (part(xp, x, y, chosen) for chosen in slices)
        return reduce(lambda first, second: join(xp, first, second), parts)

    def kernel(x: Rows, y: Rows, elements: int) -> Array:
        xp = array_namespace(x.values, y.values)
        # Distances are the same from either side: the longer operand is the one to run along memory.
        if x.values.shape[0] > y.values.shape[0]:
            return merged(xp, y, x, elements).T
        return merged(xp, x, y, elements)

    return kernel


def _square(differences: Array) -> Array:
    differences *= differences
    return differences


def _root(squared: Array) -> Array:
    return array_namespace(squared).sqrt(squared)


@dataclass(frozen=True, slots=True)
class Form:
    """How a metric is computed.

    Attributes
    ----------
    kernel : callable
        Of two sets of rows.
    finish : callable
        What is applied to the kernel's values.
    of_extremes : callable or None
        Of a kernel that asks for squared norms: the one for rows whose squared norms overflow.
    takes_whole_rows : bool
        Whether the kernel's temporaries have f numbers for each pair, not as few as the features allow that lie on
        one rank.
    is_precise : bool
        Whether the kernel's values are squared distances to the last digits, which products in a frame give too.
    """

    kernel: Kernel
    finish: Callable[[Array], Array] = lambda values: values
    of_extremes: Kernel | None = None
    takes_whole_rows: bool = False
    is_precise: bool = False

    @property
    def takes_products(self) -> bool:
        """Whether the kernel multiplies rows: its temporaries have one number for each pair, and it rounds."""
        return self.of_extremes is not None


def form_of(metric: str | Metric, p: float, gamma: float, *, precise: bool) -> Form:
    """Return how the metric of that name, or the callable, is computed."""
    if not isinstance(metric, str):
        return Form(_of_pairs(metric), takes_whole_rows=True)
    exact = _by_differences(_square)
    squares = Form(exact, is_precise=True) if precise else Form(_expanded, of_extremes=exact)
    forms = {
        "euclidean": replace(squares, finish=_root),
        "sqeuclidean": squares,
        "rbf": replace(squares, finish=_decay(gamma)),
        "manhattan": Form(_by_differences()),
        "chebyshev": Form(_by_differences(merge=_greatest, join=_greater)),
        "minkowski": Form(
            _by_differences(lambda differences: _absolute(differences) ** p), lambda sums: sums ** (1.0 / p)
        ),
        "cosine": Form(_cosine, of_extremes=_cosine_of_extremes),
    }
    return forms[metric]


def _of_pairs(metric: Metric) -> Kernel:
    """Return the kernel that asks a ``metric`` of one's own, whose answers may be of any data type.

    Raises
    ------
    ValueError
        On every rank, if it does not give a number for each pair.
    """

    def kernel(x: Rows, y: Rows, _elements: int) -> Array:
        values = metric(x.values[:, None, :], y.values[None, :, :])
        pairs = (x.values.shape[0], y.values.shape[0])
        if tuple(values.shape) != pairs:
            raise ValueError(f"metric must return an array of shape {pairs}, got {tuple(values.shape)}")
        return array_namespace(values).astype(values, x.values.dtype, copy=False)

    return kernel


def _decay(gamma: float) -> Callable[[Array], Array]:
    return lambda squared: array_namespace(squared).exp(squared * -gamma)
