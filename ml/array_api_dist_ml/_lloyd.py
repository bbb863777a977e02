"""The steps of Lloyd's algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from array_api_dist_ml._namespace import (
    LOCAL_ELEMENTS,
    Array,
    Namespace,
    array_namespace,
    constant,
    device,
    local_blocks,
    row_squares,
    rows_held,
)

# How many numbers a byte tells apart.
_BYTE: Final = 1 << 8


@dataclass(frozen=True, slots=True)
class Data:
    """What is clustered.

    Attributes
    ----------
    xp : Namespace
    rows : Array, shape (n, f)
    weights : Array or None, shape (n,)
    shift : Array or None, shape (1, f)
        What is taken off each row where it is looked at.
    """

    xp: Namespace
    rows: Array
    weights: Array | None
    shift: Array | None = None

    def blocks(self, width: int) -> Iterator[tuple[slice, Array]]:
        """Yield the places of some rows and the rows, until all were seen; each row has ``width`` numbers beside it."""
        if self.shift is not None:
            width = max(width, self.rows.shape[1])
        places = local_blocks(self.rows, width)
        for place in places:
            rows = self.rows if len(places) == 1 else self.rows[place, :]
            yield place, rows if self.shift is None else rows - self.shift

    def weighted(self, values: Array) -> Array:
        """Return ``values`` (n,) times the weights."""
        return values if self.weights is None else values * self.weights


def nearest(data: Data, centers: Array, *, keep_scores: bool) -> tuple[Array, Array | None]:
    """Return the nearest centre of each row, and the squared distances less the rows' squares if asked for.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp, count = data.xp, data.rows.shape[0]
    directions, squares = -2.0 * centers, row_squares(xp, centers)[:, None]
    labels = least = None
    for place, rows in data.blocks(centers.shape[0]):
        # One row for each centre: what follows runs along the rows, not along k.
        scores = directions @ rows.T
        scores += squares
        found = xp.argmin(scores, axis=0)
        score = xp.min(scores, axis=0) if keep_scores else None
        if found.shape[0] == count:
            return found, score
        if labels is None:
            labels = xp.empty_like(data.rows[:, 0], dtype=xp.int64)
            least = xp.empty_like(data.rows[:, 0]) if keep_scores else None
        labels[place] = found
        if least is not None:
            least[place] = score
    assert labels is not None, "there is at least one block"
    return labels, least


def shares(data: Data, labels: Array, clusters: range) -> Array:
    """Return the weight (c, n) of each row in each of some ``clusters``: 0 in those that it doesn't belong to.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp, column = data.xp, data.rows[:, 0]
    # Bytes are compared faster.
    dtype = xp.uint8 if clusters.stop <= _BYTE else labels.dtype
    numbers = xp.arange(clusters.start, clusters.stop, dtype=dtype, device=device(column))[:, None]
    places = local_blocks(column, len(clusters))
    if len(places) == 1:
        return _belonging(numbers, labels, data.weights, column.dtype)
    found = xp.empty_like(xp.broadcast_to(column[None, :], (len(clusters), column.shape[0])))
    for place in places:
        weights = None if data.weights is None else data.weights[place]
        found[:, place] = _belonging(numbers, labels[place], weights, column.dtype)
    return found


def _belonging(numbers: Array, labels: Array, weights: Array | None, dtype: Any) -> Array:
    xp = array_namespace(labels)
    belongs = numbers == xp.astype(labels, numbers.dtype, copy=False)[None, :]
    if weights is None:
        return xp.astype(belongs, dtype)
    return xp.where(belongs, weights[None, :], constant(weights, 0.0))


def update(data: Data, labels: Array, centers: Array) -> Array:
    """Return the mean rows of the clusters; empty clusters go to the rows farthest from their centres.

    Extra memory: n k. Communication: two allreduces, of k sums and k weights (for each block of n k / 2 numbers where the
    rows are shifted); more when a cluster is empty.
    """
    xp = data.xp
    sums, sizes = _sums(data, labels, centers.shape[0])
    if float(xp.min(sizes)) > 0.0:
        return sums / sizes[:, None]
    sums, sizes = _relocate(data, labels, centers, sums, sizes)
    held = sizes > 0
    means = sums / xp.where(held, sizes, xp.ones_like(sizes))[:, None]
    return xp.where(held[:, None], means, centers)


def _sums(data: Data, labels: Array, count: int) -> tuple[Array, Array]:
    """Return the sums (k, f) of the rows of ``count`` clusters, and their weights (k,)."""
    xp, rows, shift = data.xp, data.rows, data.shift
    if shift is None:
        parts = shares(data, labels, range(count))
        return parts @ rows, xp.sum(parts, axis=1)
    # Sums of rows as they are would lose what is taken off in the end; a copy of them all is not made.
    elements = max(LOCAL_ELEMENTS, rows_held(rows) * count // 2)
    sums, sizes = constant(rows, 0.0), constant(rows, 0.0)
    for place in local_blocks(rows, rows.shape[1] + count, elements):
        some = Data(xp, rows[place, :], None if data.weights is None else data.weights[place])
        parts = shares(some, labels[place], range(count))
        sums = sums + parts @ (some.rows - shift)
        sizes = sizes + xp.sum(parts, axis=1)
        del parts
    return sums, sizes


def _relocate(data: Data, labels: Array, centers: Array, sums: Array, sizes: Array) -> tuple[Array, Array]:
    """Give each empty cluster the row that is farthest from its centre, taken from the cluster that has it.

    Communication: a constant number of small collectives for each empty cluster.
    """
    xp, rows = data.xp, data.rows
    distances = own_distances(data, centers, labels)
    if data.weights is not None:
        distances = xp.where(data.weights > 0, distances, xp.zeros_like(distances))
    places = xp.arange(rows.shape[0], dtype=xp.int64, device=device(rows))
    clusters = xp.arange(centers.shape[0], dtype=labels.dtype, device=device(rows))
    for empty in range(centers.shape[0]):
        if float(sizes[empty]) != 0.0:
            continue
        farthest = xp.reshape(xp.argmax(distances), (1,))
        if float(xp.take(distances, farthest)[0]) == 0.0:
            # Fewer distinct rows than clusters: nothing to move.
            break
        weight = constant(rows, 1.0) if data.weights is None else xp.take(data.weights, farthest)
        row = xp.take(rows, farthest, axis=0)
        row = (row if data.shift is None else row - data.shift) * weight
        loser = xp.astype(clusters == xp.take(labels, farthest), rows.dtype)
        gainer = xp.astype(clusters == empty, rows.dtype)
        sums = xp.where((clusters == empty)[:, None], row, sums - loser[:, None] * row)
        sizes = sizes + (gainer - loser) * weight
        distances = xp.where(places == farthest, constant(rows, 0.0), distances)
    return sums, sizes


def own_distances(data: Data, centers: Array, labels: Array) -> Array:
    """Return the squared distance (n,) of each row to its own centre, without cancellation.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp = data.xp
    distances = xp.empty_like(data.rows[:, 0])
    for place, rows in data.blocks(data.rows.shape[1]):
        distances[place] = row_squares(xp, rows - xp.take(centers, labels[place], axis=0))
    return distances


def inertia(data: Data, centers: Array, labels: Array) -> float:
    """Return the weighted sum of the rows' squared distances to their own centres.

    Communication: one allreduce of a number.
    """
    distances = own_distances(data, centers, labels)
    return float(data.xp.sum(distances if data.weights is None else distances * data.weights))
