"""The steps of Lloyd's algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from array_api_dist_ml._namespace import Array, Namespace, constant, device, row_blocks, row_squares


@dataclass(frozen=True, slots=True)
class Data:
    """What is clustered.

    Attributes
    ----------
    xp : Namespace
    rows : Array, shape (n, f)
    weights : Array or None, shape (n,)
    """

    xp: Namespace
    rows: Array
    weights: Array | None

    def weighted(self, values: Array) -> Array:
        """Return ``values`` (n,) times the weights."""
        return values if self.weights is None else values * self.weights


def nearest(data: Data, centers: Array, *, keep_scores: bool) -> tuple[Array, Array | None]:
    """Return the nearest centre of each row, and the squared distances less the rows' squares if asked for.

    Extra memory: n k. Communication: none when the rows are partitioned.
    """
    xp = data.xp
    # One row for each centre: what follows runs along n, not along k.
    scores = (-2.0 * centers) @ data.rows.T
    scores += row_squares(xp, centers)[:, None]
    labels = xp.argmin(scores, axis=0)
    return labels, xp.min(scores, axis=0) if keep_scores else None


def members(xp: Namespace, labels: Array, count: int) -> Array:
    """Return whether (k, n) to each cluster each row belongs."""
    numbers = xp.arange(count, dtype=labels.dtype, device=device(labels))
    return numbers[:, None] == labels[None, :]


def update(data: Data, labels: Array, centers: Array) -> Array:
    """Return the mean rows of the clusters; empty clusters go to the rows farthest from their centres.

    Extra memory: n k. Communication: two allreduces, of k sums and k weights; more when a cluster is empty.
    """
    xp, rows, weights = data.xp, data.rows, data.weights
    belongs = members(xp, labels, centers.shape[0])
    if weights is None:
        sizes = xp.astype(xp.count_nonzero(belongs, axis=1), rows.dtype)
        shares = xp.astype(belongs, rows.dtype)
    else:
        shares = xp.where(belongs, weights[None, :], constant(rows, 0.0))
        sizes = xp.sum(shares, axis=1)
    del belongs
    sums = shares @ rows
    if bool(xp.any(sizes == 0)):
        sums, sizes = _relocate(data, labels, centers, sums, sizes)
    held = sizes > 0
    means = sums / xp.where(held, sizes, xp.ones_like(sizes))[:, None]
    return xp.where(held[:, None], means, centers)


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
    xp, rows = data.xp, data.rows
    distances = xp.empty_like(rows[:, 0])
    for block in row_blocks(rows.shape):
        away = rows[block, :] - xp.take(centers, labels[block], axis=0)
        distances[block] = row_squares(xp, away)
    return distances


def inertia(data: Data, centers: Array, labels: Array) -> float:
    """Return the weighted sum of the rows' squared distances to their own centres.

    Communication: one allreduce of a number.
    """
    distances = own_distances(data, centers, labels)
    return float(data.xp.sum(distances if data.weights is None else distances * data.weights))
