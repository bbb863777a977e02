"""Squared distances to the last digits by matrix products.

The expansion x² + y² - 2xy of rounded numbers loses what the distances have fewer digits of than the rows. In a frame, a
centre and a grid, rows are cut in two: multiples of the grid, so few bits long that products of them and their sums are
exact, and what is left, whose products are small and may round (Ozaki, Ogita, Oishi and Rump 2012, "Error-free
transformations of matrix multiplication by using fast routines of matrix multiplication and its applications",
Numerical Algorithms 59).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, isfinite, ldexp

import numpy as np

from array_api_dist_ml._metrics import Rows
from array_api_dist_ml._namespace import (
    Array,
    Namespace,
    array_namespace,
    as_float64,
    device,
    itemsize_of,
    local_blocks,
    on_every_rank,
    on_host,
    quiet,
    row_squares,
)

__all__ = ["Frame", "frame_of"]

# Twice as many, and two for the expansion's terms, are no more than the 53 bits of a float64.
_BITS = 25
# Rows whose squares are less than 2 to this power may lose digits where those become subnormal.
_LEAST = -400


@dataclass(frozen=True, slots=True)
class Frame:
    """Where rows lie.

    Attributes
    ----------
    center : Array of float64, shape (f,)
        A multiple of the grid.
    grid : float
        A power of two.
    has_rest : bool
        Whether rows are cut in two; what is a multiple of the grid already, or float32, is not.
    limit : float
        Squared distances below it are not right to the last digits; 0 where all are.
    """

    center: Array
    grid: float
    has_rest: bool
    limit: float

    def squared_distances(self, rows: Array, right: list[Array]) -> Array:
        """Return the squared distances (n, m) of float64 to the rows of ``right``: two products at most.

        Those below the limit may be negative.
        """
        first, *others = (left @ each.T for left, each in zip(self._left(rows), right, strict=True))
        for other in others:
            first += other
        return first

    def _left(self, rows: Array) -> list[Array]:
        """Return what multiplies ``right`` of other rows: (n, f + 2) and, with rests, (n, 2 f + 2)."""
        high, rest = self._cut(rows)
        if rest is None:
            return [high.left]
        xp, mixed = array_namespace(rest), _mixed(high.values, rest)
        return [high.left, xp.concat([high.values, rest, mixed, xp.ones_like(mixed)], axis=1)]

    def right(self, rows: Array) -> list[Array]:
        """Return what makes ``squared_distances`` to the rows: (n, f + 2) and, with rests, (n, 2 f + 2)."""
        high, rest = self._cut(rows)
        if rest is None:
            return [high.right]
        xp, mixed = array_namespace(rest), _mixed(high.values, rest)
        both = -2.0 * (high.values + rest)
        return [high.right, xp.concat([-2.0 * rest, both, xp.ones_like(mixed), mixed], axis=1)]

    def _cut(self, rows: Array) -> tuple[Rows, Array | None]:
        """Return the centred rows: as multiples of the grid, and what is left."""
        xp = array_namespace(rows)
        rows = as_float64(xp, rows)
        # Neither difference rounds.
        high = _on_grid(xp, rows, self.grid) if self.has_rest else rows
        centered = high - self.center
        squares = row_squares(xp, centered)
        return Rows(centered, is_cut=False, squares=squares), rows - high if self.has_rest else None


def _mixed(high: Array, rest: Array) -> Array:
    """Return what the squares of whole rows have beside those of multiples of the grid, (n, 1)."""
    return array_namespace(rest).sum(rest * (2.0 * high + rest), axis=1, keepdims=True)


def _on_grid(xp: Namespace, values: Array, grid: float) -> Array:
    return xp.round(values / grid) * grid


def frame_of(x: Array, y: Array) -> Frame | None:
    """Return the frame of the finite rows of two arrays, (n, f) and (m, f), of one data type.

    None where squared distances overflow or come near the least numbers.

    Communication: the extremes of each feature, and whether all are multiples of the grid: a number for each block of
    rows that are.
    """
    xp, features = array_namespace(x, y), x.shape[1]
    operands = [x] if x is y else [x, y]
    least = np.min([on_host(xp.min(rows, axis=0)) for rows in operands], axis=0).astype(np.float64)
    greatest = np.max([on_host(xp.max(rows, axis=0)) for rows in operands], axis=0).astype(np.float64)
    with quiet():
        radius = float(np.sqrt(np.sum((greatest / 2.0 - least / 2.0) ** 2)))
    if not isfinite(4.0 * radius**2) or radius < ldexp(1.0, _LEAST):
        return None
    # Rounding to the grid makes rows a little longer.
    exponent = frexp(radius * 1.01)[1]
    grid = ldexp(1.0, exponent - _BITS)
    middle = np.round((greatest / 2.0 + least / 2.0) / grid) * grid
    center = on_every_rank(xp.asarray(middle, device=device(x)))
    if all(_are_on_grid(rows, grid) for rows in operands):
        return Frame(center, grid, has_rest=False, limit=0.0)
    if itemsize_of(x) < 8:
        # In float64 the expansion errs by at most (f + 3) 2^-53 times the squared diameter: an eighth of what rounding to
        # float32 does.
        return Frame(center, grid, has_rest=False, limit=ldexp(features + 3.0, 2 * exponent - 24))
    # The second product errs by at most 8 (f + 1) √f 2^-53 times radius and grid in the worst case: √f roundings of the
    # least distance.
    return Frame(center, grid, has_rest=True, limit=8.0 * features * ldexp(grid, exponent))


def _are_on_grid(rows: Array, grid: float) -> bool:
    """Return whether all numbers are multiples of the grid; most that aren't show it in the first block."""
    xp = array_namespace(rows)
    for block in local_blocks(rows, rows.shape[1], elements=1 << 18):
        values = as_float64(xp, rows[block, :])
        if not bool(xp.all(values == _on_grid(xp, values, grid))):
            return False
    return True
