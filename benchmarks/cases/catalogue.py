"""All cases: the paper's four, and what the paper leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log2, prod
from typing import Final

from benchmarks.cases.case import Case, Count, Operand, Work, spelled
from benchmarks.cases.data import CLUSTERS, Shape

ITERATIONS: Final = 30
"""Of k-means."""

SWEEPS: Final = 20
"""Of the lasso."""

START: Final = "start"
"""The group whose cases start processes of their own."""

SINGLE: Final = 1e-3
"""A tolerance for sums in float32."""


# ---- the least work


def streamed(passes: float, flops: float, itemsize: int = 8) -> Count:
    """Return a count of so many passes over the first operand, with so many operations for each element."""
    return lambda shapes: Work(flops * prod(shapes[0]), passes * itemsize * prod(shapes[0]))


def _product(shapes: Sequence[Shape]) -> Work:
    (n, k), (_, m) = shapes
    return Work(2.0 * n * k * m, 8.0 * (n * k + k * m + n * m))


def _distances(itemsize: int) -> Count:
    def count(shapes: Sequence[Shape]) -> Work:
        n, f = shapes[0]
        return Work(2.0 * n * n * f, itemsize * (n * f + float(n * n)))

    return count


def _clustered(shapes: Sequence[Shape]) -> Work:
    n, f = shapes[0]
    # A scores' product and a sum of the members, for each iteration.
    return Work(ITERATIONS * (2.0 * n * f * CLUSTERS + n * f), ITERATIONS * 4.0 * n * f)


def _gram(shapes: Sequence[Shape]) -> Work:
    n, f = shapes[0]
    return Work(float(n * f * f) + 2.0 * SWEEPS * f * f, 4.0 * n * f)


def _householder(shapes: Sequence[Shape]) -> Work:
    n, k = shapes[0]
    return Work(4.0 * n * k * k, 16.0 * n * k)


def _transformed(shapes: Sequence[Shape]) -> Work:
    n = prod(shapes[0])
    return Work(5.0 * n * log2(shapes[0][-1]), 32.0 * n)


# ---- the paper's four


def _moments() -> Iterator[Case]:
    cost = {"mean": 1.0, "var": 3.0, "std": 3.0, "skew": 6.0, "kurtosis": 8.0}
    for dataset in ("wide", "tall"):
        for function, flops in cost.items():
            for axis in (None, 0, 1):
                yield Case(
                    f"moments/{function}/{dataset}-{spelled(axis)}",
                    function,
                    (Operand(dataset),),
                    {"axis": axis},
                    tolerance=SINGLE if function in {"mean", "var", "std"} else 10 * SINGLE,
                    work=streamed(1, flops, 4),
                    scaling=dataset == "wide" and axis == 0,
                )


def _paper() -> Iterator[Case]:
    yield from _moments()
    # Exact distances are right where rows are close, or equal; the expansion loses half the digits there.
    for dataset, itemsize, tolerances in (("rows32", 4, (SINGLE, 1e-6)), ("rows64", 8, (1e-7, 1e-12))):
        for exact, tolerance in enumerate(tolerances):
            yield Case(
                f"cdist/{'exact' if exact else 'expanded'}/float{8 * itemsize}",
                "cdist",
                (Operand(dataset),),
                {"exact": bool(exact)},
                tolerance=tolerance,
                work=_distances(itemsize),
                scaling=True,
            )
    yield Case(
        f"kmeans/{ITERATIONS}-iterations/k={CLUSTERS}", "kmeans", (Operand("points"), Operand("centers", None)),
        tolerance=2e-2, work=_clustered, scaling=True,
    )  # fmt: skip
    yield Case(
        f"lasso/{SWEEPS}-sweeps/n-x-100", "lasso", (Operand("design"), Operand("target")),
        tolerance=SINGLE, work=_gram, scaling=True,
    )  # fmt: skip


# ---- what the paper leaves out


def _overhead() -> Iterator[Case]:
    few, copy = Operand("few"), Operand("few", None)
    yield Case("overhead/add/parts", "add", (few, few))
    yield Case("overhead/add/copies", "add", (copy, copy))
    yield Case("overhead/sqrt/parts", "sqrt", (few,))
    yield Case("overhead/slice/copies", "slice", (copy,))
    yield Case("overhead/reshape/copies", "flat", (copy,))
    yield Case("overhead/matmul/parts-by-copy", "matmul", (few, copy))
    yield Case("overhead/sum/local", "sum", (few,), {"axis": 1})
    yield Case("overhead/sum/allreduce", "sum", (few,), {"axis": 0})
    yield Case("overhead/max/allreduce", "max", (few,), {"axis": 0})
    yield Case("overhead/float/copies", "number", (copy,))


def _streams() -> Iterator[Case]:
    grid, other = Operand("grid"), Operand("grid2")
    yield Case("elementwise/add/grid", "add", (grid, other), work=streamed(3, 1), scaling=True)
    yield Case("elementwise/exp/grid", "exp", (grid,), work=streamed(2, 20))
    yield Case("elementwise/chain/grid", "chain", (grid, other), work=streamed(3, 24))
    yield Case("elementwise/where/grid", "where", (grid, other), work=streamed(3, 1))
    for function in ("sum", "max", "argmax", "all"):
        for axis in (None, 0, 1):
            yield Case(
                f"reduction/{function}/grid-{spelled(axis)}", function, (grid,), {"axis": axis},
                work=streamed(1, 1),
            )  # fmt: skip
    for axis in (0, 1):
        yield Case(
            f"scan/cumulative_sum/grid-{axis}", "cumulative_sum", (grid,), {"axis": axis}, work=streamed(2, 1)
        )
    yield Case(
        "scan/cumulative_sum/line", "cumulative_sum", (Operand("line"),), {"axis": 0}, work=streamed(2, 1)
    )


def _matrices() -> Iterator[Case]:
    for left in (None, 0, 1):
        for right in (None, 0, 1):
            yield Case(
                f"matmul/square/{_laid(left)}-by-{_laid(right)}", "matmul",
                (Operand("square", left), Operand("square2", right)), tolerance=1e-8, work=_product,
            )  # fmt: skip
    skinny = (Operand("skinny"),)
    yield Case("linalg/qr/tall-skinny", "qr", skinny, tolerance=1e-8, work=_householder)
    yield Case("linalg/svd/tall-skinny", "svd", skinny, tolerance=1e-8, work=_householder)
    yield Case("fft/fft/one-long", "fft", (Operand("wave"),), {"axis": 0}, work=_transformed)
    for axis in (0, 1):
        yield Case(f"fft/fft/batch-{axis}", "fft", (Operand("waves"),), {"axis": axis}, work=_transformed)


def _laid(axis: int | None) -> str:
    return {None: "copy", 0: "rows", 1: "columns"}[axis]


def _movement() -> Iterator[Case]:
    # What the others are compared with: one pass over the part of each rank.
    yield Case("move/negative/grid", "negative", (Operand("grid"),), work=streamed(2, 0))
    for source, target in ((0, 1), (1, 0), (0, None)):
        yield Case(
            f"move/repartition/{_laid(source)}-to-{_laid(target)}", "repartition", (Operand("grid", source),),
            {"axis": target}, work=streamed(2, 0), moving=True,
        )  # fmt: skip
    yield Case("move/reshape/columns", "flat", (Operand("grid", 1),), work=streamed(2, 0), moving=True)
    yield Case("move/roll/columns", "rolled_flat", (Operand("grid", 1),), work=streamed(2, 0), moving=True)
    yield Case("move/transpose-reshape/grid", "transpose_reshape", (Operand("grid"),), work=streamed(2, 0))
    yield Case("move/roll/grid", "roll", (Operand("grid"),), work=streamed(2, 0))
    yield Case("move/concat/grid", "concat", (Operand("grid"), Operand("grid2")), work=streamed(4, 0))


def _queries() -> Iterator[Case]:
    line = Operand("line")
    yield Case("order/sort/line", "sort", (line,), scaling=True)
    yield Case("order/argsort/line", "argsort", (line,))
    yield Case("order/unique_values/line", "unique_values", (line,))
    yield Case("order/unique_values/labels", "unique_values", (Operand("labels"),))
    yield Case("order/searchsorted/line", "searchsorted", (Operand("ordered"), Operand("queries")))
    yield Case("index/mask/line", "mask", (line, Operand("mask")), work=streamed(1.5, 0))
    yield Case("index/integers/line", "integers", (line, Operand("indices")))
    yield Case("index/nonzero/mask", "nonzero", (Operand("mask"),))


def _files() -> Iterator[Case]:
    yield Case("hdf5/load/grid", "load_hdf5", (Operand("grid.h5"),), work=streamed(2, 0))
    yield Case("hdf5/save/grid", "save_hdf5", (Operand("grid"),), work=streamed(2, 0))
    yield Case("start/import/alone", "import", ())
    yield Case("start/import/all-ranks", "import_all", ())


CASES: Final[tuple[Case, ...]] = (
    *_overhead(), *_paper(), *_streams(), *_matrices(), *_movement(), *_queries(), *_files(),
)  # fmt: skip
