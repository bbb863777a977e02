"""Distances between the rows of two arrays, block by block.

One operand stays where it is, the other passes by in blocks of rows: nothing larger than a block is made
beside the operands and the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from math import inf, prod
from numbers import Integral, Real
from typing import Final, TypeAlias

from array_api_dist_ml._namespace import (
    BLOCK_ELEMENTS,
    Array,
    Namespace,
    array_namespace,
    as_float,
    constant,
    device,
    is_spread,
    laid_out_as,
    on_every_rank,
    quiet,
    row_blocks,
    row_squares,
)
from array_api_dist_ml._validation import check_finite, check_kind

__all__ = ["cdist", "nearest"]

Metric: TypeAlias = Callable[[Array, Array], Array]
"""``metric(a, b)``, with a of shape (n, 1, f) and b of shape (1, m, f), gives the distances (n, m)."""

METRICS: Final = ("euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine", "rbf")
# Up to this many nearest rows, a pass for each is faster than sorting.
FEW: Final = 8
# A block is at least this wide where rows are many: a product of a few columns takes as long as one of one.
NARROW: Final = 64
# Of pairs of rows times features so many are merged at once.
FEATURE_ELEMENTS: Final = 1 << 16


# ---- kernels: all pairs of two sets of rows


@dataclass(frozen=True, slots=True)
class _Rows:
    """One operand, or a block of it.

    Attributes
    ----------
    values : Array, shape (n, f)
    squares : Array or None, shape (n,)
        The squared norms, for the kernels that ask for them.
    """

    values: Array
    squares: Array | None = None

    def __getitem__(self, rows: slice) -> _Rows:
        return _Rows(self.values[rows, :], None if self.squares is None else self.squares[rows])

    @property
    def norms_squared(self) -> Array:
        """The squared norms."""
        assert self.squares is not None, "the form of the metric says that its kernel needs them"
        return self.squares

    @property
    def is_extreme(self) -> bool:
        """Whether the squares of these finite rows overflow. Communication: one sum when they are partitioned."""
        if self.squares is None:
            return False
        xp = array_namespace(self.values)
        return not bool(xp.isfinite(xp.sum(self.squares)))


_Kernel: TypeAlias = Callable[[_Rows, _Rows], Array]


def _expanded(x: _Rows, y: _Rows) -> Array:
    """Return squared distances by the quadratic expansion, never negative."""
    xp = array_namespace(x.values, y.values)
    squared = x.values @ (-2.0 * y.values.T)
    squared += x.norms_squared[:, None]
    squared += y.norms_squared[None, :]
    return xp.maximum(squared, constant(squared, 0.0))


def _cosine(x: _Rows, y: _Rows) -> Array:
    xp = array_namespace(x.values, y.values)
    similarity = x.values @ y.values.T
    similarity /= _or_one(xp, xp.sqrt(x.norms_squared))[:, None]
    similarity /= _or_one(xp, xp.sqrt(y.norms_squared))[None, :]
    return xp.clip(1.0 - similarity, 0.0, 2.0)


def _or_one(xp: Namespace, divisors: Array) -> Array:
    """Return the divisors, 1 for those that are 0."""
    return xp.where(divisors > 0, divisors, xp.ones_like(divisors))


def _cosine_of_extremes(x: _Rows, y: _Rows) -> Array:
    """Return cosine distances of rows whose squares overflow: an angle doesn't change with their lengths."""

    def scaled(rows: _Rows) -> _Rows:
        xp = array_namespace(rows.values)
        values = rows.values / _or_one(xp, xp.max(xp.abs(rows.values), axis=1, keepdims=True))
        return _Rows(values, row_squares(xp, values))

    return _cosine(scaled(x), scaled(y))


def _added(xp: Namespace, first: Array, second: Array) -> Array:
    first += second
    return first


def _greater(xp: Namespace, first: Array, second: Array) -> Array:
    return xp.maximum(first, second)


def _sum(xp: Namespace, values: Array) -> Array:
    return xp.sum(values, axis=2)


def _greatest(xp: Namespace, values: Array) -> Array:
    return xp.max(values, axis=2)


def _as_it_is(values: Array) -> Array:
    return values


def _by_differences(
    each: Callable[[Array], Array] = _as_it_is,
    merge: Callable[[Namespace, Array], Array] = _sum,
    join: Callable[[Namespace, Array, Array], Array] = _added,
) -> _Kernel:
    """Return the kernel that takes ``each`` of the absolute differences and merges them over the features.

    Of many pairs one feature at a time is joined to those before: no temporary is larger than the values.
    """

    def kernel(x: _Rows, y: _Rows) -> Array:
        xp = array_namespace(x.values, y.values)
        (n, features), m = x.values.shape, y.values.shape[0]
        at_once = min(features, FEATURE_ELEMENTS // (n * m))
        if at_once <= 1:
            columns = (
                each(xp.abs(x.values[:, number][:, None] - y.values[:, number][None, :]))
                for number in range(features)
            )
            return reduce(lambda first, second: join(xp, first, second), columns)
        # Interleaved, so that features that lie on several ranks stay there.
        step = -(-features // at_once)
        parts = (
            merge(xp, each(xp.abs(x.values[:, None, start::step] - y.values[None, :, start::step])))
            for start in range(step)
        )
        return reduce(lambda first, second: join(xp, first, second), parts)

    return kernel


def _square(values: Array) -> Array:
    return values * values


def _root(squared: Array) -> Array:
    return array_namespace(squared).sqrt(squared)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a metric is computed.

    Attributes
    ----------
    kernel : callable
        Of two sets of rows.
    finish : callable
        What is applied to the kernel's values, after those of a row with itself are set to 0.
    of_extremes : callable or None
        The kernel for rows whose squared norms overflow; None where the kernel doesn't ask for squared norms.
    has_depth : bool
        Whether the kernel's temporaries are (n, m, f), and not (n, m).
    is_distance : bool
        Whether a row is at distance 0 from itself.
    """

    kernel: _Kernel
    finish: Callable[[Array], Array] = _as_it_is
    of_extremes: _Kernel | None = None
    has_depth: bool = False
    is_distance: bool = True


def _form(metric: str | Metric, p: float, gamma: float, *, precise: bool) -> _Form:
    if not isinstance(metric, str):
        given = metric
        return _Form(
            lambda x, y: given(x.values[:, None, :], y.values[None, :, :]), has_depth=True, is_distance=False
        )
    exact = _by_differences(_square)
    squares, of_extremes = (exact, None) if precise else (_expanded, exact)
    forms = {
        "euclidean": _Form(squares, _root, of_extremes),
        "sqeuclidean": _Form(squares, of_extremes=of_extremes),
        "rbf": _Form(squares, _decay(gamma), of_extremes),
        "manhattan": _Form(_by_differences()),
        "chebyshev": _Form(_by_differences(merge=_greatest, join=_greater)),
        "minkowski": _Form(
            _by_differences(lambda differences: differences**p), lambda sums: sums ** (1.0 / p)
        ),
        "cosine": _Form(_cosine, of_extremes=_cosine_of_extremes),
    }
    return forms[metric]


def _decay(gamma: float) -> Callable[[Array], Array]:
    return lambda squared: array_namespace(squared).exp(squared * -gamma)


# ---- what is refused


def _check(metric: object, p: float, gamma: float | None) -> None:
    if isinstance(metric, str) and metric not in METRICS:
        raise ValueError(
            f"The 'metric' parameter must be one of {list(METRICS)} or a callable. Got {metric!r} instead."
        )
    if not isinstance(metric, str) and not callable(metric):
        raise TypeError(f"The 'metric' parameter must be a str or a callable. Got {metric!r} instead.")
    if not isinstance(p, Real) or not 1 <= p < inf:
        raise ValueError(f"The 'p' parameter must be a float in the range [1.0, inf). Got {p!r} instead.")
    if gamma is not None and not (isinstance(gamma, Real) and 0 < gamma < inf):
        raise ValueError(
            f"The 'gamma' parameter must be None or a float in the range (0.0, inf). Got {gamma!r} instead."
        )


def _operands(x: Array, y: Array | None) -> tuple[Array, Array]:
    """Return both operands in one real floating dtype.

    Communication: a sum for each operand, to see that it is finite.
    """
    other = x if y is None else y
    xp = array_namespace(x, other)
    for name, operand in (("x", x), ("y", other)):
        if operand.ndim != 2:
            raise ValueError(
                f"Expected 2D array, got {operand.ndim}D array instead: {name} has shape {tuple(operand.shape)}."
            )
        check_kind(operand, name)
        if operand.shape[1] < 1:
            raise ValueError(
                f"Found array with 0 feature(s) (shape={tuple(operand.shape)}) while a minimum of 1 is required: {name}"
            )
    if x.shape[1] != other.shape[1]:
        raise ValueError(
            "Incompatible dimension for x and y matrices: "
            f"x.shape[1] == {x.shape[1]} while y.shape[1] == {other.shape[1]}"
        )
    check_finite(x, "x")
    if y is not None:
        check_finite(y, "y")
    x, other = as_float(xp, x), as_float(xp, other)
    dtype = xp.result_type(x.dtype, other.dtype)
    return xp.astype(x, dtype, copy=False), xp.astype(other, dtype, copy=False)


# ---- blocks


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Two operands that meet: one stays on its ranks, the other passes by in blocks of rows.

    Attributes
    ----------
    staying, passing : Array
    form : _Form
    is_turned : bool
        Whether the passing operand is the metric's first one.
    moves : bool
        Whether the blocks that pass are gathered; not where it is features that lie on different ranks.
    """

    staying: Array
    passing: Array
    form: _Form
    is_turned: bool = False
    moves: bool = True

    def blocks(self) -> Iterator[tuple[slice, slice, Array]]:
        """Yield rows of the staying operand, rows of the passing one, and the kernel's values of their pairs.

        Communication: each block of the passing operand is gathered once.
        """
        staying = self._rows(self.staying)
        is_extreme = staying.is_extreme
        length, depth = self.staying.shape[0], self._depth
        for place in self._places():
            values = self.passing[place, :]
            passing = self._rows(on_every_rank(values) if self.moves else values)
            rescue = self.form.of_extremes if is_extreme or passing.is_extreme else None
            kernel = rescue or self.form.kernel
            for rows in row_blocks((length, (place.stop - place.start) * depth), BLOCK_ELEMENTS):
                pair = (passing, staying[rows]) if self.is_turned else (staying[rows], passing)
                yield rows, place, kernel(*pair)

    def _places(self) -> Iterator[slice]:
        """Yield the rows of the passing operand that pass at once."""
        length, (count, features) = self.staying.shape[0], self.passing.shape
        width = max(NARROW, BLOCK_ELEMENTS // (length * self._depth))
        width = max(1, min(width, BLOCK_ELEMENTS // features))
        for start in range(0, count, width):
            yield slice(start, min(start + width, count))

    @property
    def _depth(self) -> int:
        """How many numbers of a temporary belong to a pair of rows."""
        return self.staying.shape[1] if self.form.has_depth else 1

    def _rows(self, values: Array) -> _Rows:
        if self.form.of_extremes is None:
            return _Rows(values)
        # Squares that overflow are looked for by their infinity.
        with quiet():
            return _Rows(values, row_squares(array_namespace(values), values))


def _without_diagonal(block: Array, rows: slice, columns: slice, length: int) -> Array:
    """Return the block at ``rows`` and ``columns`` of a square matrix with zeros on its diagonal."""
    xp = array_namespace(block)
    across, down = (
        xp.arange(*each.indices(length), dtype=xp.int64, device=device(block)) for each in (rows, columns)
    )
    return xp.where(across[:, None] == down[None, :], constant(block, 0.0), block)


def cdist(
    x: Array,
    y: Array | None = None,
    metric: str | Metric = "euclidean",
    *,
    p: float = 2.0,
    gamma: float | None = None,
    precise: bool = False,
) -> Array:
    """Return the distances of all rows of ``x`` to all rows of ``y``.

    Parameters
    ----------
    x : Array, shape (n, f)
    y : Array, shape (m, f), optional
        ``x`` itself when left out; the diagonal is then exact.
    metric : str or callable, optional
        "euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine" (1 - the cosine of the angle;
        1 from a row of zeros), "rbf" (the similarity exp(-gamma d²)), or ``metric(a, b)``, which gets arrays of
        shapes (n, 1, f) and (1, m, f) and returns (n, m).
    p : float, optional
        The exponent of "minkowski", at least 1.
    gamma : float, optional
        Of "rbf"; 1 / f by default.
    precise : bool, optional
        False takes the quadratic expansion x² + y² - 2xy of Euclidean distances, a matrix product: fast, with an
        error of some eps (x² + y²) in the squared distance. True takes the differences themselves.

    Returns
    -------
    Array, shape (n, m), partitioned as the rows of the operand that stays

    Raises
    ------
    ValueError, TypeError
        On every rank: an unknown metric, a parameter out of range, unfit shapes (before communication); NaNs and
        infinities.

    Notes
    -----
    Communication: two sums of a number. An operand partitioned along its rows stays (of two, the larger one); every
    rank receives the other one once, block by block. Where neither is so, the result's default partition tells which
    one moves, once, to where its rows are needed. Extra memory: a bounded block of the result, a block of the operand
    that passes and, where the other one has to move, its rows.
    """
    _check(metric, p, gamma)
    is_self = y is None
    x, y = _operands(x, y)
    return pairwise(x, y, metric, p=p, gamma=gamma, precise=precise, is_self=is_self)


def pairwise(
    x: Array,
    y: Array,
    metric: str | Metric = "euclidean",
    *,
    p: float = 2.0,
    gamma: float | None = None,
    precise: bool = False,
    is_self: bool = False,
) -> Array:
    """Return what ``cdist`` does, of operands that are known to be fit."""
    n, m = x.shape[0], y.shape[0]
    form = _form(metric, p, 1.0 / max(1, x.shape[1]) if gamma is None else gamma, precise=precise)
    distances, stays = _result(x, y)
    if n == 0 or m == 0:
        return distances
    moves = any(map(is_spread, (x, y, distances, distances.T))) or max(n, m) > x.shape[1]
    staying, passing = (x, y) if stays else (y, x)
    if moves:
        # No name for the view of the result: it would be copied before it is written to.
        staying = laid_out_as(distances[:, :1] if stays else distances[:1, :].T, staying)
    for own, others, values in _Meeting(staying, passing, form, is_turned=not stays, moves=moves).blocks():
        rows, columns = (own, others) if stays else (others, own)
        is_square = is_self and form.is_distance
        found = _without_diagonal(values, rows, columns, n) if is_square else values
        distances[rows, columns] = form.finish(found)
    return distances


def _result(x: Array, y: Array) -> tuple[Array, bool]:
    """Return the empty result, and whether ``y`` is the operand that passes by ``x``.

    What is spread along its rows stays, of two the larger one. Where neither is, the result has the placement of a
    new array, and the operand stays along whose rows that is spread.
    """
    xp, shape = array_namespace(x), (x.shape[0], y.shape[0])
    if is_spread(x) or is_spread(y):
        stays = (is_spread(x), prod(x.shape)) >= (is_spread(y), prod(y.shape))
        return xp.empty_like(xp.broadcast_to(x[:, :1] if stays else y[:, :1].T, shape)), stays
    distances = xp.empty(shape, dtype=x.dtype, device=device(x))
    return distances, not is_spread(distances.T)


def nearest(
    x: Array,
    y: Array,
    k: int,
    metric: str | Metric = "euclidean",
    *,
    p: float = 2.0,
    precise: bool = False,
) -> tuple[Array, Array]:
    """Return for each row of ``x`` the ``k`` nearest rows of ``y``, without the matrix of all distances.

    Parameters
    ----------
    x : Array, shape (n, f)
    y : Array, shape (m, f)
    k : int
        In [1, m].
    metric : str or callable, optional
        As for ``cdist``, but "rbf", which is no distance.
    p, precise : optional
        As for ``cdist``.

    Returns
    -------
    distances : Array, shape (n, k), ascending
    indices : Array of int64, shape (n, k)
        Rows of ``y``; the lower index first where distances are equal.

    Raises
    ------
    ValueError, TypeError
        On every rank, before communication: as for ``cdist``, or k out of range.

    Notes
    -----
    Communication: every rank receives ``y`` once, block by block. Where ``y`` alone is spread, and ``x`` too small to
    be, its rows are evened out over the ranks instead, and the ``k`` best of each block agreed on. Extra memory: as
    for ``cdist``.
    """
    _check(metric, p, None)
    if metric == "rbf":
        raise ValueError("The 'metric' parameter must be a distance, which 'rbf' is not. Got 'rbf' instead.")
    if not isinstance(k, Integral) or not 1 <= k <= y.shape[0]:
        raise ValueError(
            f"The 'k' parameter must be an int in the range [1, {y.shape[0]}]. Got {k!r} instead."
        )
    x, y = _operands(x, y)
    xp = array_namespace(x)
    form = _form(metric, p, 1.0, precise=precise)
    if not is_spread(x):
        # Laid out as a new array: over the ranks when it is large.
        x = laid_out_as(xp.empty(x.shape, dtype=x.dtype, device=device(x))[:, :1], x)
    # Few rows stay whole on every rank, and many rows of y where they are.
    moves = is_spread(x) or not is_spread(y) or prod(y.shape) <= prod(x.shape)
    distances = xp.full_like(xp.broadcast_to(x[:, :1], (x.shape[0], k)), inf)
    indices = xp.zeros_like(distances, dtype=xp.int64)
    for rows, place, values in _Meeting(x, y, form, moves=moves).blocks():
        fresh = _smallest(values, min(k, values.shape[1]))
        kept = min(k, place.start)
        found = xp.concat([distances[rows, :kept], xp.take_along_axis(values, fresh, axis=1)], axis=1)
        numbers = xp.concat([indices[rows, :kept], fresh + place.start], axis=1)
        # Those kept come from rows before: of equal distances theirs are the first.
        chosen = _smallest(found, min(k, place.stop))
        distances[rows, : chosen.shape[1]] = xp.take_along_axis(found, chosen, axis=1)
        indices[rows, : chosen.shape[1]] = xp.take_along_axis(numbers, chosen, axis=1)
    return form.finish(distances), indices


def _smallest(values: Array, count: int) -> Array:
    """Return the places (n, count) of the smallest values of each row, ascending, the first of equal ones first."""
    xp = array_namespace(values)
    if count > FEW:
        return xp.argsort(values, axis=1, stable=True)[:, :count]
    places = xp.arange(values.shape[1], dtype=xp.int64, device=device(values))
    found = []
    for _ in range(count):
        place = xp.argmin(values, axis=1, keepdims=True)
        found.append(place)
        values = xp.where(places[None, :] == place, constant(values, float("inf")), values)
    return xp.concat(found, axis=1)
