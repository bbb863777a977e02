"""NumPy, with h5py for files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np

from benchmarks.cases.catalogue import ITERATIONS, SWEEPS
from benchmarks.systems.standard import standard_functions, standard_moment
from benchmarks.systems.system import System, Values

PENALTY = 0.05
"""Of the lasso, in every system."""


class NumPy(System):
    """One process; its BLAS has the threads."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.functions = {
            **standard_functions(np),
            "skew": lambda x, axis: standard_moment(np, x, axis, 3),
            "kurtosis": lambda x, axis: standard_moment(np, x, axis, 4) - 3.0,
            "cdist": _distances,
            "kmeans": _lloyd,
            "lasso": _descended,
            "repartition": _laid,
            "load_hdf5": load_hdf5,
            "save_hdf5": lambda x: save_hdf5(scratch / "numpy.h5", x),
        }


def _distances(x: Values, *, exact: bool) -> Values:
    if exact:
        squares: Values = np.zeros((len(x), len(x)), x.dtype)
        for column in x.T:
            squares += (column[:, None] - column[None, :]) ** 2
        return np.sqrt(squares)
    norms = np.sum(x * x, axis=1)
    squares = norms[:, None] + norms[None, :] - 2 * (x @ x.T)
    np.fill_diagonal(squares, 0)
    return np.sqrt(np.maximum(squares, 0))


def _lloyd(x: Values, centers: Values) -> Values:
    for _ in range(ITERATIONS):
        scores = np.sum(centers * centers, axis=1) - 2 * (x @ centers.T)
        members = np.eye(len(centers), dtype=x.dtype)[np.argmin(scores, axis=1)]
        centers = (members.T @ x) / np.maximum(np.sum(members, axis=0), 1)[:, None]
    return centers


def _descended(table: Values, target: Values) -> Values:
    means, offset = np.mean(table, axis=0), np.mean(target)
    centred = table - means
    gram, weighted = centred.T @ centred / len(table), centred.T @ (target - offset) / len(table)
    weights = np.zeros(table.shape[1])
    for _ in range(SWEEPS):
        for column in range(len(weights)):
            reach = weighted[column] - gram[column] @ weights + gram[column, column] * weights[column]
            weights[column] = np.sign(reach) * max(abs(reach) - PENALTY, 0) / gram[column, column]
    return weights


def _laid(x: Values, *, axis: int | None) -> Values:
    # What there is to a change of layout on one process: a copy in the other order.
    return np.array(x, order="F" if axis == 1 else "C")


def load_hdf5(path: Path) -> Values:
    """Return the data set of a file."""
    with h5py.File(str(path)) as file:
        # What h5py's stubs can't know: that this is a data set.
        values: Values = cast("Any", file["x"])[...]
    return values


def save_hdf5(path: Path, x: Values) -> Path:
    """Write an array; return where."""
    with h5py.File(str(path), "w") as file:
        file.create_dataset("x", data=x)
    return path
