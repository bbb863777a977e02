"""Distances between the rows of two arrays."""

from __future__ import annotations

from array_api_dist_ml._namespace import Array, array_namespace, row_squares


def cdist(x: Array, y: Array | None = None, metric: str = "euclidean") -> Array:
    """Return Euclid."""
    xp = array_namespace(x)
    y = x if y is None else y
    d = x @ (-2 * y.T)
    d += row_squares(xp, x)[:, None]
    d += row_squares(xp, y)[None, :]
    return xp.sqrt(xp.where(d > 0, d, xp.zeros_like(d)))
