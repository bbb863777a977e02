"""The four workloads of the HeAT paper (Götz et al. 2020), as ``array_api_dist_ml`` computes them.

Rows are partitioned. The numbers of collectives and operations were counted by ``trace()``; ``validate`` counts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.budgets import Step
from benchmarks.model.network import MERGE
from benchmarks.model.work import Work

FEATURES: Final = 18
CLUSTERS: Final = 8
LASSO_FEATURES: Final = 100
SWEEPS: Final = 20

PASSING_ROWS: Final = 1 << 12
"""So many rows pass by those that stay at once, to be compared with them."""

SHORT_ROWS_NS: Final = 4.0
"""A k-means step, for each row and cluster."""

PAIR_NS: Final = 3.5
"""A distance, by the quadratic expansion and with a diagonal of zeros."""

COORDINATE_SECONDS: Final = 12e-9
"""Python's time for one number of a coordinate descent on lists, the same on every rank."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One step of a program.

    Attributes
    ----------
    name : str
    steps : callable
        ``steps(rows, ranks)``: the collectives.
    work : callable
        What the busiest rank computes.
    operations : callable
        How many operations of the namespace.
    strong_rows, weak_rows : int
        Rows in all, and for each rank.
    """

    name: str
    steps: Callable[[int, int], Iterator[Step]]
    work: Callable[[int, int], Work]
    operations: Callable[[int], int]
    strong_rows: int
    weak_rows: int


def _share(rows: int, ranks: int) -> int:
    return -(-rows // ranks)


# ---- one iteration of k-means


def _kmeans_steps(rows: int, ranks: int) -> Iterator[Step]:
    yield Step("allreduce", 1, 1, 8 * CLUSTERS * (FEATURES + 1))


def _kmeans_work(rows: int, ranks: int) -> Work:
    share = _share(rows, ranks)
    table, scores = 8 * share * (FEATURES + 1), 8 * share * CLUSTERS
    # Scores are made and compared with their greatest; of what is compared numbers are made, and multiplied.
    return Work(
        read=2 * table + 3 * scores + scores / 8,
        fresh=2 * scores + scores / 8 + 8 * share,
        flops=4 * share * (FEATURES + 1) * CLUSTERS,
        busy=SHORT_ROWS_NS * 1e-9 * share * CLUSTERS,
    )


# ---- mean, variance, skewness and kurtosis of every column


def _moments_steps(rows: int, ranks: int) -> Iterator[Step]:
    yield Step("allreduce", 11, 11, 11 * 8 * FEATURES)
    yield Step(MERGE, 1, 1, 32 * FEATURES)


def _moments_work(rows: int, ranks: int) -> Work:
    table = 8 * _share(rows, ranks) * FEATURES
    # A pass for the mean, the variance, each centring and each power; one, two and one arrays are made on the way.
    return Work(
        read=(1 + 1 + 8 + 8) * table,
        fresh=(1 + 2 + 1) * table,
        busy=16 * 0.6e-9 * _share(rows, ranks) * FEATURES,
    )


# ---- Euclidean distances of all rows to all rows


def _places(rows: int) -> int:
    return -(-rows // PASSING_ROWS)


def _cdist_steps(rows: int, ranks: int) -> Iterator[Step]:
    # That all numbers are finite, and their squares.
    yield Step("allreduce", 2, 2, 16)
    # Rows that pass lie on few ranks, and are given to all: no rank sends less than its share.
    sent = 8 * FEATURES * min(rows, PASSING_ROWS) / ranks
    yield Step("allgather", _places(rows), _places(rows), int(_places(rows) * sent))


def _cdist_work(rows: int, ranks: int) -> Work:
    pairs = rows * _share(rows, ranks)
    # The result, made and written; what comes before stays in the cache.
    return Work(read=2 * 8 * pairs, fresh=8 * pairs, flops=2 * pairs * FEATURES, busy=PAIR_NS * 1e-9 * pairs)


# ---- LASSO by coordinate descent on the Gram matrix


def _lasso_steps(rows: int, ranks: int) -> Iterator[Step]:
    yield Step("allreduce", 1, 1, 8 * LASSO_FEATURES**2)
    yield Step("allreduce", 6, 6, 8 * (2 * LASSO_FEATURES + 4))


def _lasso_work(rows: int, ranks: int) -> Work:
    share = _share(rows, ranks)
    table = 8 * share * LASSO_FEATURES
    return Work(
        read=5 * table,
        fresh=table,
        flops=2 * share * LASSO_FEATURES**2,
        serial=SWEEPS * LASSO_FEATURES**2 * COORDINATE_SECONDS,
    )


WORKLOADS: Final = (
    Workload("k-means step", _kmeans_steps, _kmeans_work, lambda rows: 18, 1 << 30, 1 << 20),
    Workload("moments", _moments_steps, _moments_work, lambda rows: 150, 1 << 30, 1 << 20),
    Workload("cdist", _cdist_steps, _cdist_work, lambda rows: 60 + 25 * _places(rows), 1 << 20, 1 << 10),
    Workload("LASSO, 20 sweeps", _lasso_steps, _lasso_work, lambda rows: 29, 1 << 28, 1 << 18),
)
"""cdist grows with the square of the rows: in weak scaling each rank keeps its rows, and so gets more to do."""
