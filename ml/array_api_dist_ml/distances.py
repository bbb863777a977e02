"""Distances between the rows of two arrays, block by block.

One operand stays where it is, the other passes by in blocks of rows: nothing larger than a block is made
beside the operands and the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isqrt, prod
from numbers import Integral, Real
from typing import Final

from array_api_dist_ml._frames import Frame, frame_of
from array_api_dist_ml._metrics import METRICS, NARROW, Form, Metric, Rows, Tile, form_of
from array_api_dist_ml._namespace import (
    Array,
    array_namespace,
    as_float,
    as_float64,
    constant,
    device,
    greatest_of,
    is_on_cpu,
    is_spread,
    itemsize_of,
    laid_out_as,
    local_blocks,
    on_every_rank,
    quiet,
    ranks_of,
    row_squares,
)
from array_api_dist_ml._validation import check_finite, check_kind

__all__ = ["cdist", "nearest"]

# Up to this many nearest rows, a pass for each is faster than sorting.
FEW: Final = 8
# So many elements pass at once at most, and so many has a temporary that takes a collective to make.
BLOCK_ELEMENTS: Final = 1 << 22
# So much of a temporary, on each rank, is worked on at once: it stays in the cache.
TILE_BYTES: Final = 1 << 22
# Accelerators want more to do at once.
TILE_BYTES_ELSEWHERE: Final = 1 << 28
# So many rows pass at once where others move than those of the result's layout; more on accelerators.
WIDTH: Final = 1 << 12
_WIDTH_ELSEWHERE: Final = 1 << 16
# With so many features, and so many numbers to meet, products to the last digits are faster than differences.
FEATURES: Final = 5
MEETINGS: Final = 1 << 21


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
    # Alone first: None beside an array passes for a scalar.
    array_namespace(x)
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
    form : Form
    is_turned : bool
        Whether the passing operand is the metric's first one.
    moves : bool
        Whether the blocks that pass are gathered; not where it is features that lie on different ranks.
    """

    staying: Array
    passing: Array
    form: Form
    is_turned: bool = False
    moves: bool = True

    def blocks(self) -> Iterator[tuple[slice, slice, Array]]:
        """Yield rows of the staying operand, rows of the passing one, and the kernel's values of their pairs.

        Communication: each block of the passing operand is gathered once.
        """
        staying = self._rows(self.staying)
        is_extreme = staying.is_extreme
        elements, at_once = self._elements
        for place in self._places():
            values = self.passing[place, :]
            passing = self._rows(on_every_rank(values) if self.moves else values)
            rescue = self.form.of_extremes if is_extreme or passing.is_extreme else None
            kernel = rescue or self.form.kernel
            for rows, tile in self._tiles(staying, (place.stop - place.start) * self._depth, elements):
                pair = (passing, tile) if self.is_turned else (tile, passing)
                yield rows, place, kernel(*pair, at_once)

    def _tiles(self, staying: Rows, width: int, elements: int) -> Iterator[tuple[slice, Rows]]:
        """Yield the rows of tiles, which have ``width`` numbers for each row, and the tiles."""
        if not self.form.takes_products:
            for rows in local_blocks(self.staying, width, elements):
                yield rows, staying[rows]
            return
        # What multiplies the passing operand is made of many rows at once.
        count = self.staying.shape[0]
        for band in local_blocks(self.staying, self.staying.shape[1] + 2, elements):
            block = staying[band]
            for place in local_blocks(block.values, width, elements):
                chosen = range(count)[band][place]
                yield slice(chosen.start, chosen.stop, chosen.step), Tile(block, place)

    def products(self, frame: Frame, *, is_self: bool) -> Iterator[tuple[slice, slice, Array]]:
        """Yield what ``blocks`` does of squared distances to the last digits, by products in a frame.

        Rows that lie nearer to one another than the frame tells apart come a second time, by their differences; where
        most of the first ones do, all take differences, and the first block passes twice.

        Communication: as for ``blocks``; where the frame has a limit, a sum for the first tile and for each block of the
        passing operand, and more for blocks in which rows are near.
        """
        xp = array_namespace(self.staying)
        numbers = laid_out_as(
            self.staying[:, 0], xp.arange(self.staying.shape[0], device=device(self.staying))
        )
        is_first = True
        for place in self._places():
            passing = on_every_rank(self.passing[place, :])
            right = frame.right(passing)
            near = xp.zeros_like(numbers, dtype=xp.bool)
            # What a row has of itself among those that pass.
            own = xp.astype((numbers >= place.start) & (numbers < place.stop), xp.int64) * int(is_self)
            tiles = local_blocks(self.staying, place.stop - place.start, self._elements[0])
            for rows in tiles:
                squared = frame.squared_distances(self.staying[rows, :], right)
                if frame.limit:
                    near[rows] = xp.count_nonzero(squared < frame.limit, axis=1) > own[rows]
                    if is_first and 2 * int(xp.count_nonzero(near[rows])) > near[rows].shape[0]:
                        yield from self.blocks()
                        return
                is_first = False
                yield self._met(rows, place, squared)
            if not (frame.limit and bool(xp.any(near))):
                continue
            for rows in tiles:
                chosen = near[rows]
                if bool(xp.any(chosen)):
                    these = self.staying[rows, :]
                    pair = self._rows(these[chosen]), self._rows(passing)
                    squared = frame.squared_distances(these, right)
                    squared[chosen] = as_float64(xp, self.form.kernel(*pair, self._elements[1]))
                    yield self._met(rows, place, squared)

    def _met(self, rows: slice, place: slice, squared: Array) -> tuple[slice, slice, Array]:
        values = array_namespace(squared).astype(squared, self.staying.dtype, copy=False)
        return rows, place, values.T if self.is_turned else values

    def _places(self) -> Iterator[slice]:
        """Yield the rows of the passing operand that pass at once."""
        length, (count, features) = self.staying.shape[0], self.passing.shape
        width = WIDTH if is_on_cpu(self.staying) else _WIDTH_ELSEWHERE
        if not self.moves:
            width = max(NARROW, BLOCK_ELEMENTS // max(1, length * self._depth))
        width = max(1, min(width, BLOCK_ELEMENTS // features))
        for start in range(0, count, width):
            yield slice(start, min(start + width, count))

    @property
    def _depth(self) -> int:
        """How many numbers of a temporary belong to a pair of rows."""
        # One feature after another stays in a processor's cache; accelerators rather take fewer, larger steps.
        is_in_turn = self.moves and not self.form.takes_whole_rows and is_on_cpu(self.staying)
        return 1 if self.form.takes_products or is_in_turn else self.staying.shape[1]

    @property
    def _elements(self) -> tuple[int, int]:
        """How many elements a temporary may have on a rank that holds whole rows, and over all ranks together."""
        ranks = ranks_of(self.staying)
        if not self.moves:
            # Each temporary's sum or minimum may be a collective: few of them.
            return BLOCK_ELEMENTS * ranks, BLOCK_ELEMENTS * ranks
        share = _tile_elements(self.staying)
        return share, share * (ranks if is_spread(self.staying) else 1)

    def _rows(self, values: Array) -> Rows:
        is_cut = is_spread(values.T)
        if not self.form.takes_products:
            return Rows(values, is_cut=is_cut)
        # Squares that overflow are looked for by their infinity.
        with quiet():
            return Rows(values, is_cut=is_cut, squares=row_squares(array_namespace(values), values))


def _tile_elements(x: Array) -> int:
    """Return how many elements of a temporary beside ``x`` are worked on at once on each rank."""
    return (TILE_BYTES if is_on_cpu(x) else TILE_BYTES_ELSEWHERE) // itemsize_of(x)


def _mend_columns(distances: Array, value: Array) -> None:
    """Set the diagonal of a square matrix whose columns lie on several ranks to a value."""
    xp = array_namespace(distances)
    count = distances.shape[0]
    # Interleaved, each block is spread over the ranks as the whole is.
    step = -(-count // isqrt(_tile_elements(distances)))
    blocks = [slice(start, None, step) for start in range(step)]
    # The first of them is the longest.
    numbers = xp.arange(len(range(count)[blocks[0]]), dtype=xp.int64, device=device(distances))
    is_diagonal = numbers[:, None] == numbers[None, :]
    for block in blocks:
        length = len(range(count)[block])
        # No name for what is there: the whole would be copied before it is written to.
        distances[block, block] = xp.where(is_diagonal[:length, :length], value, distances[block, block])


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
        error of some eps (x² + y²) in the squared distance. True is right to the last digits (a squared distance to a
        few + √f eps, beside that of subnormal numbers), whatever the distance: it takes the differences themselves
        or, in large problems, products of rows cut in two, and the differences of those rows that are too near.

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
    Communication: two sums of a number; in large problems that are ``precise`` the extremes of each feature, and a
    sum for each block that passes, more where rows are near. An operand partitioned along its rows stays (of two, the
    larger one); every rank receives the other one once, block by block. Where neither is so, the result's default
    partition tells which one moves, once, to where its rows are needed. Extra memory: a bounded block of the result, a
    block of the operand that passes and, where the other one has to move, its rows.
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
    form = form_of(metric, p, 1.0 / max(1, x.shape[1]) if gamma is None else gamma, precise=precise)
    distances, stays = _result(x, y)
    if n == 0 or m == 0:
        return distances
    moves = any(map(is_spread, (x, y, distances, distances.T))) or max(n, m) > x.shape[1]
    staying, passing = (x, y) if stays else (y, x)
    if moves:
        # No name for the view of the result: it would be copied before it is written to.
        staying = laid_out_as(distances[:, :1] if stays else distances[:1, :].T, staying)
    meeting = _Meeting(staying, passing, form, is_turned=not stays, moves=moves)
    frame = frame_of(staying, passing) if moves and _is_for_products(form, n, m, x.shape[1]) else None
    blocks = meeting.products(frame, is_self=is_self) if frame else meeting.blocks()
    for own, others, values in blocks:
        rows, columns = (own, others) if stays else (others, own)
        # What products leave of a distance of 0 may be less.
        with quiet():
            distances[rows, columns] = form.finish(values)
    if not (is_self and (form.takes_products or frame)):
        return distances
    value = form.finish(constant(distances, 0.0))
    if is_spread(distances.T):
        _mend_columns(distances, value)
        return distances
    # Row after row no element moves, and the diagonal has a step. No other name: what two have is copied.
    numbers = array_namespace(x).reshape(distances, (-1,))
    del distances
    numbers[:: n + 1] = value
    return array_namespace(x).reshape(numbers, (n, n))


def _is_for_products(form: Form, n: int, m: int, features: int) -> bool:
    """Return whether matrix products give squared distances to the last digits sooner than differences."""
    return form.is_precise and features >= FEATURES and min(n, m) >= NARROW and n * m * features >= MEETINGS


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
    # It must be an array before its rows are counted.
    array_namespace(y)
    if not isinstance(k, Integral) or not 1 <= k <= y.shape[0]:
        raise ValueError(
            f"The 'k' parameter must be an int in the range [1, {y.shape[0]}]. Got {k!r} instead."
        )
    x, y = _operands(x, y)
    xp = array_namespace(x)
    form = form_of(metric, p, 1.0, precise=precise)
    if not is_spread(x):
        # Laid out as a new array: over the ranks when it is large.
        x = laid_out_as(xp.empty(x.shape, dtype=x.dtype, device=device(x))[:, :1], x)
    # Few rows stay whole on every rank, and many rows of y where they are.
    moves = is_spread(x) or not is_spread(y) or prod(y.shape) <= prod(x.shape)
    distances = xp.full_like(xp.broadcast_to(x[:, :1], (x.shape[0], k)), inf)
    indices = xp.zeros_like(distances, dtype=xp.int64)
    if x.shape[0] == 0:
        return distances, indices
    # A NaN, which only a metric of one's own may give, comes last when sorted.
    few = 0 if callable(metric) else FEW
    for rows, place, values in _Meeting(x, y, form, moves=moves).blocks():
        fresh = _smallest(values, min(k, values.shape[1]), few=few)
        kept = min(k, place.start)
        found = xp.concat([distances[rows, :kept], xp.take_along_axis(values, fresh, axis=1)], axis=1)
        numbers = xp.concat([indices[rows, :kept], fresh + place.start], axis=1)
        # Those kept come from rows before: of equal distances theirs are the first.
        chosen = _smallest(found, min(k, place.stop), few=few)
        distances[rows, : chosen.shape[1]] = xp.take_along_axis(found, chosen, axis=1)
        indices[rows, : chosen.shape[1]] = xp.take_along_axis(numbers, chosen, axis=1)
    return form.finish(distances), indices


def _smallest(values: Array, count: int, *, few: int) -> Array:
    """Return the places (n, count) of the smallest values of each row, ascending, the first of equal ones first.

    Up to ``few`` of them are looked for one after the other, among values that are no NaNs; more are sorted.
    """
    xp = array_namespace(values)
    if count > few:
        return xp.argsort(values, axis=1, stable=True)[:, :count]
    found = [xp.argmin(values, axis=1, keepdims=True)]
    if count > 1:
        # Infinity marks what was found: a distance that overflowed must stay less.
        values = xp.minimum(values, constant(values, greatest_of(values)))
    places = xp.arange(values.shape[1], dtype=xp.int64, device=device(values))
    for _ in range(1, count):
        values = xp.where(places[None, :] == found[-1], constant(values, inf), values)
        found.append(xp.argmin(values, axis=1, keepdims=True))
    return xp.concat(found, axis=1)
