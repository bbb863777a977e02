"""The steps of Lloyd's algorithm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

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
    lifted : Array, shape (n, f + 1)
        The rows and a column of ones: one product gives their scores, another one the sums and sizes of clusters.
    weights : Array or None, shape (n,)
    """

    xp: Namespace
    lifted: Array
    weights: Array | None

    @classmethod
    def of(cls, rows: Array, weights: Array | None, shift: Array | None = None) -> Self:
        """Return a copy of ``rows`` (n, f) less ``shift`` (1, f), laid over the ranks as they are."""
        xp = array_namespace(rows)
        lifted = xp.concat([rows, xp.ones_like(rows[:, :1])], axis=1)
        if shift is not None:
            origin = xp.astype(shift, rows.dtype, copy=False)
            lifted -= xp.concat([origin, xp.zeros_like(origin[:, :1])], axis=1)
        return cls(xp, lifted, weights)

    @property
    def rows(self) -> Array:
        """The rows, (n, f)."""
        return self.lifted[:, :-1]

    def weighted(self, values: Array) -> Array:
        """Return ``values`` (n,) times the weights."""
        return values if self.weights is None else values * self.weights


@dataclass(frozen=True, slots=True)
class Totals:
    """What the rows of each cluster come to.

    Attributes
    ----------
    sums : Array, shape (k, f)
        The sums of the rows, each times its weight.
    sizes : Array, shape (k,)
        The sums of their weights.
    smallest : float
        The least of them.
    """

    sums: Array
    sizes: Array
    smallest: float

    def inertia(self, centers: Array, energy: float) -> float:
        """Return about the inertia of rows whose weighted squares sum up to ``energy``."""
        reach = (self.sizes[:, None] * centers - 2.0 * self.sums) * centers
        return max(energy + float(array_namespace(centers).sum(reach)), 0.0)


def _scored(data: Data, centers: Array, places: list[slice]) -> Iterator[tuple[slice, Array, Array]]:
    """Yield each place, the lifted rows x there and their scores (k, m): x c - |c|^2 / 2, most for the nearest centre c."""
    xp = data.xp
    directions = xp.concat([centers, (-0.5 * xp.vecdot(centers, centers))[:, None]], axis=1)
    for place in places:
        rows = data.lifted if len(places) == 1 else data.lifted[place, :]
        # One row for each centre: what follows runs along the rows, not along k.
        yield place, rows, directions @ rows.T


def nearest(data: Data, centers: Array) -> Array:
    """Return the nearest centre (n,) of each row, of several the first.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp = data.xp
    labels = xp.empty_like(data.lifted[:, 0], dtype=xp.int64)
    for place, _, scores in _scored(data, centers, local_blocks(data.lifted, centers.shape[0])):
        labels[place] = xp.argmax(scores, axis=0)
    return labels


@dataclass(frozen=True, slots=True)
class Steps:
    """What sums up clusters, step by step.

    Attributes
    ----------
    data : Data
    places : list of slices
        The blocks of rows that are looked at together.
    is_exact : bool
        Whether the sizes of clusters tell how many rows they have.
    """

    data: Data
    places: list[slice]
    is_exact: bool

    @classmethod
    def of(cls, data: Data, clusters: int) -> Self:
        """Return what sums up so many clusters."""
        table = data.lifted
        count, elements = table.shape[0], elements_at_once(table)
        if rows_held(table) < count:
            # Blocks of rows that lie on several ranks would each be summed up over the ranks.
            elements = max(elements, rows_held(table) * clusters)
        is_exact = data.weights is None and count * eps_of(data.xp, table) <= 1.0
        return cls(data, local_blocks(table, clusters, elements), is_exact)

    def totals(self, centers: Array) -> Totals:
        """Return what the rows come to that have each centre as their nearest one, of several the first.

        Extra memory: n k numbers and truth values where the rows lie on several ranks, else a bounded block.
        Communication: an allreduce of k (f + 1) numbers. With weights, and of more rows than single precision counts,
        one of a count; another one of k (f + 1) numbers where a row is as near to several centres.
        """
        totals, given = self._summed(centers, _best)
        if given != self.data.lifted.shape[0]:
            # Rows are as near to several centres, or to none: by a NaN.
            totals, _ = self._summed(centers, _first_best)
        return totals

    def _summed(self, centers: Array, choose: Callable[[Array], Array]) -> tuple[Totals, int]:
        """Return what the rows come to that ``choose`` gives to clusters, and how many it gives to one."""
        xp, weights = self.data.xp, self.data.weights
        sums, given = None, 0
        for place, rows, scores in _scored(self.data, centers, self.places):
            belongs = choose(scores)
            # Makes room for the next.
            del scores
            if not self.is_exact:
                given += int(xp.count_nonzero(belongs))
            parts = _weighted(belongs, None if weights is None else weights[place], rows.dtype)
            del belongs
            sums = parts @ rows if sums is None else sums + parts @ rows
        assert sums is not None, "there is at least one block"
        sizes = sums[:, -1]
        counts = on_host(sizes)
        if self.is_exact:
            given = int(counts.sum(dtype=np.float64))
        return Totals(sums[:, :-1], sizes, float(counts.min())), given


def _best(scores: Array) -> Array:
    """Return where the scores (k, m) are the best ones of a row."""
    return scores == array_namespace(scores).max(scores, axis=0, keepdims=True)


def _first_best(scores: Array) -> Array:
    """Return where the scores (k, m) are the first best ones of a row."""
    clusters = range(scores.shape[0])
    return _belonging(array_namespace(scores).argmax(scores, axis=0), clusters, clusters.stop)


def shares(data: Data, labels: Array, clusters: range, total: int) -> Array:
    """Return the weight (c, n) of each row in each of some ``clusters``: 0 in those that it doesn't belong to.

    ``total`` is how many clusters there are: each of the ``labels`` is below it.

    Extra memory: a bounded block. Communication: none when the rows are partitioned.
    """
    xp, column = data.xp, data.lifted[:, 0]
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
    found = array_namespace(belongs).astype(belongs, dtype)
    if weights is not None:
        found *= weights[None, :]
    return found


def update(data: Data, totals: Totals, centers: Array) -> Array:
    """Return the mean rows of the clusters; empty clusters go to the rows farthest from their centres.

    As in scikit-learn those that are empty in spite of it, or gave all their rows, go to the biggest cluster's mean.

    Communication: none, more when a cluster is empty.
    """
    xp = data.xp
    if totals.smallest > 0.0:
        return totals.sums / totals.sizes[:, None]
    sums, sizes = _relocate(data, centers, totals)
    # What is left of a cluster that gave all its rows is rounding.
    held = sizes > _ROUNDINGS * eps_of(xp, sizes) * totals.sizes
    means = sums / xp.where(held, sizes, xp.ones_like(sizes))[:, None]
    biggest = xp.take(means, xp.reshape(xp.argmax(sizes), (1,)), axis=0)
    return xp.where(held[:, None], means, biggest)


def _relocate(data: Data, centers: Array, totals: Totals) -> tuple[Array, Array]:
    """Give each empty cluster the row that is farthest from its centre, taken from the cluster that has it.

    Communication: a constant number of small collectives for each empty cluster.
    """
    xp, rows, sums, sizes = data.xp, data.rows, totals.sums, totals.sizes
    labels = nearest(data, centers)
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
        row = xp.take(rows, farthest, axis=0) * weight
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
    xp, table = data.xp, Data.of(centers, None).lifted
    distances = xp.empty_like(data.lifted[:, 0])
    for place in local_blocks(data.lifted, data.lifted.shape[1]):
        distances[place] = row_squares(xp, data.lifted[place, :] - xp.take(table, labels[place], axis=0))
    return distances
