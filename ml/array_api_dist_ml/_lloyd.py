"""The steps of Lloyd's algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from array_api_dist_ml._namespace import (
    Array,
    Namespace,
    array_namespace,
    constant,
    device,
    elements_at_once,
    eps_of,
    local_blocks,
    on_host,
    row_squares,
    rows_held,
)

# How many numbers a byte tells apart.
_BYTE: Final = 1 << 8
# So many roundings a sum may be off.
_ROUNDINGS: Final = 16


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

    def blocks(self, width: int, *, sparing: bool = True) -> Iterator[tuple[slice, Array]]:
        """Yield the places of some rows and the rows, until all were seen; each row has ``width`` numbers beside it.

        Blocks of rows that lie on several ranks are interleaved, which takes more time than it saves: without
        ``sparing`` a rank's rows come all at once there, if they come as they are.
        """
        elements = elements_at_once(self.rows)
        if self.shift is not None:
            width = max(width, self.rows.shape[1])
        elif not sparing and rows_held(self.rows) < self.rows.shape[0]:
            elements = max(elements, rows_held(self.rows) * width)
        places = local_blocks(self.rows, width, elements)
        for place in places:
            rows = self.rows if len(places) == 1 else self.rows[place, :]
            yield place, rows if self.shift is None else rows - self.shift

    def weighted(self, values: Array) -> Array:
        """Return ``values`` (n,) times the weights."""
        return values if self.weights is None else values * self.weights


@dataclass(frozen=True, slots=True)
class Members:
    """Which rows belong to which clusters, each to one.

    Attributes
    ----------
    belongs : Array of bool, shape (k, n)
    counts : Array of int64, shape (k,)
        How many rows each cluster has.
    fewest : int
        The least of them.
    scores : Array or None, shape (n,)
        If asked for: the squared distance of each row to its centre less the row's square.
    """

    belongs: Array
    counts: Array
    fewest: int
    scores: Array | None

    def labels(self) -> Array:
        """Return the cluster (n,) of each row."""
        xp = array_namespace(self.belongs)
        return xp.argmax(xp.astype(self.belongs, xp.uint8), axis=0)


def _scored(data: Data, centers: Array, *, sparing: bool = True) -> Iterator[tuple[slice, Array]]:
    """Yield the places of some rows and their squared distances (k, m) to all centres, less the rows' squares."""
    directions, squares = -2.0 * centers, data.xp.sum(centers * centers, axis=1, keepdims=True)
    for place, rows in data.blocks(centers.shape[0], sparing=sparing):
        # One row for each centre: what follows runs along the rows, not along k.
        scores = directions @ rows.T
        scores += squares
        yield place, scores


def nearest(data: Data, centers: Array) -> Array:
    """Return the nearest centre (n,) of each row.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp = data.xp
    labels = xp.empty_like(data.rows[:, 0], dtype=xp.int64)
    for place, scores in _scored(data, centers):
        labels[place] = xp.argmin(scores, axis=0)
    return labels


def members(data: Data, centers: Array, *, keep_scores: bool) -> Members:
    """Return which rows have which centre as their nearest one, of several the first.

    Extra memory: n k truth values, and as many numbers where the rows lie on several ranks. Communication: an allreduce
    of k counts, another one where a row has several.
    """
    xp, count = data.xp, data.rows.shape[0]
    belongs = least = None
    for place, scores in _scored(data, centers, sparing=False):
        score = xp.min(scores, axis=0, keepdims=True)
        found = scores == score
        if found.shape[1] == count:
            belongs, least = found, score
            continue
        if belongs is None or least is None:
            least = xp.empty_like(data.rows[:, :1].T)
            belongs = xp.empty_like(xp.broadcast_to(least, (centers.shape[0], count)), dtype=xp.bool)
        belongs[:, place] = found
        least[:, place] = score
    assert belongs is not None, "there is at least one block"
    assert least is not None, "there is at least one block"
    counts = xp.count_nonzero(belongs, axis=1)
    read = on_host(counts)
    if int(read.sum()) != count:
        # Rows that are as near to several centres, or to none: of a NaN.
        clusters = range(centers.shape[0])
        belongs = _belonging(nearest(data, centers), clusters, clusters.stop)
        counts = xp.count_nonzero(belongs, axis=1)
        read = on_host(counts)
    return Members(belongs, counts, int(read.min()), least[0, :] if keep_scores else None)


def shares(data: Data, labels: Array, clusters: range, total: int) -> Array:
    """Return the weight (c, n) of each row in each of some ``clusters``: 0 in those that it doesn't belong to.

    ``total`` is how many clusters there are: each of the ``labels`` is below it.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp, column = data.xp, data.rows[:, 0]
    places = local_blocks(column, len(clusters))
    if len(places) == 1:
        return _weighted(_belonging(labels, clusters, total), data.weights, column.dtype)
    found = xp.empty_like(xp.broadcast_to(column[None, :], (len(clusters), column.shape[0])))
    for place in places:
        weights = None if data.weights is None else data.weights[place]
        found[:, place] = _weighted(_belonging(labels[place], clusters, total), weights, column.dtype)
    return found


def _belonging(labels: Array, clusters: range, total: int) -> Array:
    """Return which rows have which of some ``clusters`` (c, n), of a ``total``, as their label."""
    xp = array_namespace(labels)
    # Bytes are compared faster.
    dtype = xp.uint8 if total <= _BYTE else labels.dtype
    numbers = xp.arange(clusters.start, clusters.stop, dtype=dtype, device=device(labels))
    return numbers[:, None] == xp.astype(labels, dtype, copy=False)[None, :]


def _weighted(belongs: Array, weights: Array | None, dtype: Any) -> Array:
    """Return the weights (1 where there are none) in place of True, 0 in place of False."""
    xp = array_namespace(belongs)
    if weights is None:
        return xp.astype(belongs, dtype)
    return xp.where(belongs, weights[None, :], constant(weights, 0.0))


def update(data: Data, members: Members, centers: Array) -> Array:
    """Return the mean rows of the clusters; empty clusters go to the rows farthest from their centres.

    As in scikit-learn those that are empty in spite of it, or gave all their rows, go to the biggest cluster's mean.

    Extra memory: n k. Communication: an allreduce of k sums (where the rows are shifted for each block of n k / 2
    numbers), where they are weighted one of k weights; more when a cluster is empty.
    """
    xp = data.xp
    sums, sizes = _sums(data, members)
    least = float(members.fewest) if data.weights is None else float(xp.min(sizes))
    if least > 0.0:
        return sums / sizes[:, None]
    before = sizes
    sums, sizes = _relocate(data, members.labels(), centers, sums, sizes)
    # What is left of a cluster that gave all its rows is rounding.
    held = sizes > _ROUNDINGS * eps_of(xp, sizes) * before
    means = sums / xp.where(held, sizes, xp.ones_like(sizes))[:, None]
    biggest = xp.take(means, xp.reshape(xp.argmax(sizes), (1,)), axis=0)
    return xp.where(held[:, None], means, biggest)


def _sums(data: Data, members: Members) -> tuple[Array, Array]:
    """Return the sums (k, f) of the rows of each cluster, and their weights (k,)."""
    xp, rows, shift, count = data.xp, data.rows, data.shift, members.belongs.shape[0]
    sizes = xp.astype(members.counts, rows.dtype)
    if shift is None:
        parts = _weighted(members.belongs, data.weights, rows.dtype)
        return parts @ rows, sizes if data.weights is None else xp.sum(parts, axis=1)
    # Sums of rows as they are would lose what is taken off in the end; a copy of them all is not made.
    elements = max(elements_at_once(rows), rows_held(rows) * count // 2)
    sums, weighed = constant(rows, 0.0), constant(rows, 0.0)
    for place in local_blocks(rows, rows.shape[1] + count, elements):
        weights = None if data.weights is None else data.weights[place]
        parts = _weighted(members.belongs[:, place], weights, rows.dtype)
        sums = sums + parts @ (rows[place, :] - shift)
        if weights is not None:
            weighed = weighed + xp.sum(parts, axis=1)
        del parts
    return sums, sizes if data.weights is None else weighed


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
    for empty in np.flatnonzero(on_host(sizes) == 0.0).tolist():
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
