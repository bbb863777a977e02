"""Distances between the rows of two arrays, block by block.

One operand stays where it is, the other passes by in blocks of rows: nothing larger than a block is made
beside the operands and the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from numbers import Real
from typing import Final, TypeAlias

from array_api_dist_ml._namespace import (
    BLOCK_ELEMENTS,
    Array,
    Namespace,
    array_namespace,
    as_float,
    constant,
    device,
    row_squares,
)

__all__ = ["cdist", "nearest"]

Metric: TypeAlias = Callable[[Array, Array], Array]
"""``metric(a, b)``, with a of shape (n, 1, f) and b of shape (1, m, f), gives the distances (n, m)."""

METRICS: Final = ("euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine", "rbf")
# Up to this many nearest rows, a pass for each is faster than sorting.
FEW: Final = 8


# ---- kernels: all pairs of two sets of rows


def _expanded(x: Array, y: Array) -> Array:
    """Return squared distances by the quadratic expansion, never negative."""
    xp = array_namespace(x, y)
    squared = row_squares(xp, x)[:, None] + (row_squares(xp, y)[None, :] - 2.0 * (x @ y.T))
    return xp.maximum(squared, constant(squared, 0.0))


def _cosine(x: Array, y: Array) -> Array:
    xp = array_namespace(x, y)
    scales = xp.sqrt(row_squares(xp, x))[:, None] * xp.sqrt(row_squares(xp, y))[None, :]
    similarity = (x @ y.T) / xp.where(scales > 0, scales, xp.ones_like(scales))
    return xp.clip(1.0 - similarity, 0.0, 2.0)


def _by_differences(merge: Callable[[Namespace, Array], Array]) -> Metric:
    """Return the kernel that merges the absolute differences (n, m, f) over f."""

    def kernel(x: Array, y: Array) -> Array:
        xp = array_namespace(x, y)
        return merge(xp, xp.abs(x[:, None, :] - y[None, :, :]))

    return kernel


def _sum_of_squares(xp: Namespace, differences: Array) -> Array:
    return xp.sum(differences * differences, axis=2)


def _sum(xp: Namespace, differences: Array) -> Array:
    return xp.sum(differences, axis=2)


def _greatest(xp: Namespace, differences: Array) -> Array:
    return xp.max(differences, axis=2)


def _norm(p: float) -> Callable[[Namespace, Array], Array]:
    return lambda xp, differences: xp.sum(differences**p, axis=2) ** (1.0 / p)


def _root(squared: Array) -> Array:
    return array_namespace(squared).sqrt(squared)


def _as_it_is(distances: Array) -> Array:
    return distances


@dataclass(frozen=True, slots=True)
class _Form:
    """How a metric is computed.

    Attributes
    ----------
    kernel : callable
        Of two sets of rows.
    finish : callable
        What is applied to the kernel's values, after those of a row with itself are set to 0.
    has_depth : bool
        Whether the kernel makes (n, m, f) temporaries, and not (n, m).
    is_distance : bool
        Whether a row is at distance 0 from itself.
    """

    kernel: Metric
    finish: Callable[[Array], Array] = _as_it_is
    has_depth: bool = True
    is_distance: bool = True


def _form(metric: str | Metric, p: float, gamma: float, *, precise: bool) -> _Form:
    if not isinstance(metric, str):
        given = metric
        return _Form(lambda x, y: given(x[:, None, :], y[None, :, :]), is_distance=False)
    squares = _Form(_by_differences(_sum_of_squares)) if precise else _Form(_expanded, has_depth=False)
    forms = {
        "euclidean": _Form(squares.kernel, _root, squares.has_depth),
        "sqeuclidean": squares,
        "rbf": _Form(squares.kernel, _decay(gamma), squares.has_depth),
        "manhattan": _Form(_by_differences(_sum)),
        "chebyshev": _Form(_by_differences(_greatest)),
        "minkowski": _Form(_by_differences(_norm(p))),
        "cosine": _Form(_cosine, has_depth=False),
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
    if not isinstance(p, Real) or not p >= 1:
        raise ValueError(f"The 'p' parameter must be a float in the range [1.0, inf). Got {p!r} instead.")
    if gamma is not None and not gamma > 0:
        raise ValueError(
            f"The 'gamma' parameter must be None or a float in the range (0.0, inf). Got {gamma!r} instead."
        )


def _operands(x: Array, y: Array | None) -> tuple[Array, Array]:
    """Return both operands in one real floating dtype."""
    other = x if y is None else y
    xp = array_namespace(x, other)
    for name, operand in (("x", x), ("y", other)):
        if operand.ndim != 2:
            raise ValueError(
                f"Expected 2D array, got {operand.ndim}D array instead: {name} has shape {tuple(operand.shape)}."
            )
        if xp.isdtype(operand.dtype, "complex floating"):
            raise ValueError(f"Complex data not supported: {name} has dtype {operand.dtype}")
    if x.shape[1] != other.shape[1]:
        raise ValueError(
            "Incompatible dimension for x and y matrices: "
            f"x.shape[1] == {x.shape[1]} while y.shape[1] == {other.shape[1]}"
        )
    x, other = as_float(xp, x), as_float(xp, other)
    dtype = xp.result_type(x.dtype, other.dtype)
    return xp.astype(x, dtype, copy=False), xp.astype(other, dtype, copy=False)


# ---- blocks


def _is_spread(x: Array) -> bool:
    """Return whether the rows of ``x`` lie on several ranks (its public ``partition`` tells, where it has one)."""
    return getattr(getattr(x, "partition", None), "axis", None) == 0


def _stays(x: Array, y: Array) -> bool:
    """Return whether ``y`` is the operand that passes by ``x``: what is spread stays, and else what is larger."""
    return (_is_spread(x), prod(x.shape)) >= (_is_spread(y), prod(y.shape))


def _passing(staying: Array, passing: Array, *, has_depth: bool) -> Iterator[slice]:
    """Yield the blocks of rows of ``passing``, such that a temporary exceeds neither a block nor ``staying``."""
    rows, features = staying.shape
    allowed = max(BLOCK_ELEMENTS, rows * features)
    width = max(1, allowed // max(1, rows * (features if has_depth else 1)))
    for start in range(0, passing.shape[0], width):
        yield slice(start, min(start + width, passing.shape[0]))


def _without_diagonal(block: Array, rows: slice, columns: slice) -> Array:
    """Return the block at ``rows`` and ``columns`` of a square matrix with zeros on its diagonal."""
    xp = array_namespace(block)
    if max(rows.start, columns.start) >= min(rows.stop, columns.stop):
        return block
    across = xp.arange(rows.start, rows.stop, dtype=xp.int64, device=device(block))
    down = xp.arange(columns.start, columns.stop, dtype=xp.int64, device=device(block))
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
        On every rank, before communication: an unknown metric, a parameter out of range, unfit shapes.

    Notes
    -----
    Communication: an operand partitioned along its rows stays (of two, the larger one); every rank receives the
    other one once, block by block. Extra memory: the larger of a bounded block and the operand that stays.
    """
    _check(metric, p, gamma)
    is_self = y is None
    x, y = _operands(x, y)
    xp = array_namespace(x)
    n, m = x.shape[0], y.shape[0]
    if n == 0 or m == 0:
        return xp.zeros((n, m), dtype=x.dtype, device=device(x))
    form = _form(metric, p, 1.0 / max(1, x.shape[1]) if gamma is None else gamma, precise=precise)
    stays = _stays(x, y)
    # Laid out as the operand that stays.
    model = x[:, :1] if stays else y[:, :1].T
    distances = xp.empty_like(xp.broadcast_to(model, (n, m)))
    all_rows, all_columns = slice(0, n), slice(0, m)
    for block in _passing(x if stays else y, y if stays else x, has_depth=form.has_depth):
        rows, columns = (all_rows, block) if stays else (block, all_columns)
        values = form.kernel(x[rows, :], y[columns, :])
        if is_self and form.is_distance:
            values = _without_diagonal(values, rows, columns)
        distances[rows, columns] = form.finish(values)
    return distances


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
    Communication: every rank receives ``y`` once, block by block. Extra memory: as for ``cdist``.
    """
    _check(metric, p, None)
    if metric == "rbf":
        raise ValueError("The 'metric' parameter must be a distance, which 'rbf' is not. Got 'rbf' instead.")
    x, y = _operands(x, y)
    if not 1 <= k <= y.shape[0]:
        raise ValueError(
            f"The 'k' parameter must be an int in the range [1, {y.shape[0]}]. Got {k!r} instead."
        )
    xp = array_namespace(x)
    form = _form(metric, p, 1.0, precise=precise)
    distances, indices = x[:, :0], xp.zeros((x.shape[0], 0), dtype=xp.int64, device=device(x))
    for block in _passing(x, y, has_depth=form.has_depth):
        values = xp.concat([distances, form.kernel(x, y[block, :])], axis=1)
        chosen = _smallest(values, min(k, values.shape[1]))
        distances = xp.take_along_axis(values, chosen, axis=1)
        indices = _renumbered(chosen, indices, block.start)
    return form.finish(distances), indices


def _renumbered(chosen: Array, kept: Array, start: int) -> Array:
    """Return the rows of y behind places in a block that begins at row ``start`` and follows the ``kept`` ones."""
    xp = array_namespace(chosen)
    width = kept.shape[1]
    fresh = chosen + (start - width)
    if width == 0:
        return fresh
    before = xp.take_along_axis(kept, xp.clip(chosen, None, width - 1), axis=1)
    return xp.where(chosen < width, before, fresh)


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
