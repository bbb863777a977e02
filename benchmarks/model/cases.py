"""One typical call of every function that has a budget, for any number of elements and ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import isqrt
from typing import Final, TypeAlias

from benchmarks.budgets import BUDGETS, Operand, Problem, Step
from benchmarks.budgets.problem import MESSAGE_NBYTES
from benchmarks.budgets.table import LOCAL, MEETING, TRANSFORMS
from benchmarks.model import work
from benchmarks.model.contraction import contraction_steps
from benchmarks.model.network import MERGE

WIDTH: Final = 64
"""Columns of the tables of rows."""

LARGEST_SIDE: Final = 1 << 14
"""Of a matrix that goes to one rank: 2 GiB."""

Build: TypeAlias = Callable[[int, int], Problem]
"""``build(elements, ranks)`` gives the call."""


@dataclass(frozen=True, slots=True)
class Case:
    """A call of one function.

    Attributes
    ----------
    function : str
        As ``trace()`` names it.
    build : callable
    work : callable
        What the busiest rank computes.
    """

    function: str
    build: Build
    work: work.Rule

    def steps(self, problem: Problem) -> Iterable[Step]:
        """Return what is communicated: the function's budget, or the cheapest of what a product chooses from."""
        if self.function in _PRODUCTS:
            return contraction_steps(self.function, problem)
        steps = BUDGETS[self.function].steps(problem)
        if self.function in _MERGED:
            return (replace(step, kind=MERGE) if step.kind == "allreduce" else step for step in steps)
        return map(_to_neighbours, steps) if self.function in _NEIGHBOURLY else steps


def _to_neighbours(step: Step) -> Step:
    if step.kind != "exchange":
        return step
    return replace(step, messages=min(step.messages, 3 * step.calls + step.nbytes // MESSAGE_NBYTES))


# ---- operands


def rows(elements: int, width: int = WIDTH) -> Operand:
    """Return a table whose rows are partitioned."""
    return Operand((max(elements // width, 1), width), axis=0)


def line(elements: int, itemsize: int = 8) -> Operand:
    """Return a vector in parts."""
    return Operand((elements,), itemsize, axis=0)


def square(elements: int, itemsize: int = 8, axis: int = 0) -> Operand:
    """Return a square matrix of about so many elements."""
    side = max(isqrt(elements), 1)
    return Operand((side, side), itemsize, axis)


def _copy(*shape: int) -> Operand:
    return Operand(shape)


# ---- problems


def _same(make: Callable[[int], Operand], *axes: int, times: int = 1) -> Build:
    return lambda elements, ranks: Problem(
        ranks, (make(elements),), (make(elements),), axes=axes, times=times
    )


def _none(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (), (rows(elements),))


def _two(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (rows(elements), rows(elements)), (rows(elements),))


def _reduced(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (rows(elements),), (_copy(WIDTH),), axes=(0,))


def _traced(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (square(elements),), (_copy(),), axes=(0, 1))


def _doubled(*, times: int) -> Build:
    return lambda elements, ranks: Problem(
        ranks, (rows(elements),), (rows(2 * elements),), axes=(0,), times=times
    )


def _halves(elements: int, ranks: int) -> Problem:
    half = rows(elements // 2)
    return Problem(ranks, (half, half), (rows(elements),), axes=(0,))


def _shaped(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (line(elements),), (rows(elements),))


def _leaving(elements: int, ranks: int) -> Problem:
    x = Operand((16, max(elements // 16, 1)), axis=0)
    return Problem(ranks, (x,), (x,), axes=(0,))


def _stretched(elements: int, ranks: int) -> Problem:
    whole = rows(elements)
    return Problem(ranks, (Operand((whole.shape[0], 1), axis=0),), (whole,))


def _turned(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (square(elements),), (square(elements, axis=1),))


def _pair(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (line(elements), line(elements)), (line(elements),), axes=(0,))


def _selected(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (line(elements),), (line(elements // 2),))


def _squares(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (square(elements), square(elements)), (square(elements),))


def _outer(elements: int, ranks: int) -> Problem:
    side = max(isqrt(elements), 1)
    return Problem(ranks, (line(side), line(side)), (square(elements),))


def _lanes(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (rows(elements), rows(elements)), (line(max(elements // WIDTH, 1)),), axes=(1,))


def _triples(elements: int, ranks: int) -> Problem:
    each = rows(elements, 3)
    return Problem(ranks, (each, each), (each,), axes=(1,))


def _one_matrix(elements: int, ranks: int) -> Problem:
    x = square(min(elements, LARGEST_SIDE**2))
    return Problem(ranks, (x,), (Operand((x.shape[0],)), x))


def _solved(elements: int, ranks: int) -> Problem:
    x = square(elements)
    return Problem(ranks, (x, _copy(x.shape[0], 1)), (Operand((x.shape[0], 1), axis=0),))


def _tall(elements: int, ranks: int) -> Problem:
    return Problem(ranks, (rows(elements),), (rows(elements), _copy(WIDTH, WIDTH)))


def _spectrum(make: Callable[[int], Operand]) -> Build:
    return lambda elements, ranks: Problem(
        ranks, (make(elements),), (make(elements),), axes=(0,), times=make(elements).shape[0]
    )


def _complex_line(elements: int) -> Operand:
    return line(elements, 16)


def _complex_square(elements: int) -> Operand:
    return square(elements, 16)


# ---- which function is called how

_PRODUCTS: Final = frozenset({"matmul", "tensordot", "vecdot", "linalg.outer"})
_NEIGHBOURLY: Final = frozenset(
    {"concat", "diff", "fft.fftshift", "fft.ifftshift", "flip", "reshape", "roll"}
)
"""Between even parts each rank has something for at most two or three others: the budgets also cover uneven ones."""

_MERGED: Final = frozenset({"argmax", "argmin", "std", "var"})
"""Reductions whose states MPI cannot merge: pairs and moments."""

_MAKING: Final = frozenset(
    {"arange", "asarray", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid", "ones", "ones_like", "zeros",
     "zeros_like"}
)  # fmt: skip
_VIEWS: Final = frozenset(
    {"can_cast", "finfo", "iinfo", "isdtype", "result_type", "broadcast_shapes", "expand_dims", "moveaxis",
     "permute_dims", "matrix_transpose", "linalg.diagonal", "fft.fftfreq", "fft.rfftfreq", "to_local", "empty",
     "empty_like", "real", "imag", "positive", "__array_namespace_info__"}
)  # fmt: skip

_STREAM: Final = work.streamed()
_READ: Final = work.streamed(fresh=0.0)


def _local(name: str) -> tuple[Build, work.Rule]:
    if name in _VIEWS:
        return _none, work.nothing
    return (_none, _STREAM) if name in _MAKING else (_same(rows), _STREAM)


_CALLS: Final[dict[str, tuple[Build, work.Rule]]] = {
    **{name: _local(name) for name in (*LOCAL, *_MAKING, *_VIEWS)},
    **dict.fromkeys(MEETING, (_two, _STREAM)),
    **dict.fromkeys(
        ["all", "any", "count_nonzero", "max", "min", "prod", "sum", "mean"],
        (_reduced, work.streamed(fresh=0.0, nanoseconds=0.5)),
    ),
    **dict.fromkeys(["std", "var"], (_reduced, work.streamed(fresh=0.0, nanoseconds=0.9))),
    **dict.fromkeys(["argmax", "argmin"], (_reduced, work.streamed(fresh=0.0, nanoseconds=0.5))),
    "linalg.trace": (_traced, work.nothing),
    "linalg.vector_norm": (_reduced, _READ),
    "linalg.matrix_norm": (_same(square, 0, 1), _READ),
    **dict.fromkeys(["cumulative_prod", "cumulative_sum"], (_same(rows, 0), work.streamed(nanoseconds=1.7))),
    **dict.fromkeys(["diff", "flip", "fft.fftshift", "fft.ifftshift"], (_same(rows, 0), _STREAM)),
    "roll": (_same(rows, 0), _STREAM),
    "tile": (_doubled(times=2), _STREAM),
    "repeat": (_doubled(times=1), _STREAM),
    "reshape": (_shaped, work.moved),
    **dict.fromkeys(["concat", "stack"], (_halves, _STREAM)),
    **dict.fromkeys(["squeeze", "unstack"], (_leaving, _STREAM)),
    **dict.fromkeys(["broadcast_arrays", "broadcast_to"], (_stretched, work.nothing)),
    "repartition": (_turned, work.moved),
    **dict.fromkeys(["from_local", "from_callback"], (_none, _STREAM)),
    "sort": (_same(line, 0), work.ordered(values=1.0)),
    "argsort": (_same(line, 0), work.ordered(positions=1.0)),
    "unique_values": (_same(line, 0), work.ordered(values=1.2)),
    **dict.fromkeys(
        ["unique_counts", "unique_inverse", "unique_all"], (_same(line, 0), work.ordered(positions=2.0))
    ),
    "searchsorted": (_pair, work.looked_up),
    "isin": (_pair, work.ordered(positions=2.0)),
    **dict.fromkeys(["take", "take_along_axis"], (_pair, work.scattered)),
    "nonzero": (_selected, work.streamed(nanoseconds=1.3)),
    **dict.fromkeys(["matmul", "tensordot"], (_squares, work.multiplied)),
    "vecdot": (_lanes, _STREAM),
    "linalg.outer": (_outer, _STREAM),
    "linalg.cross": (_triples, work.streamed(nanoseconds=4.0)),
    "linalg.cholesky": (_same(square), work.factorized(1 / 3)),
    **dict.fromkeys(["linalg.det", "linalg.slogdet"], (_same(square), work.factorized(2 / 3))),
    "linalg.inv": (_same(square), work.factorized(2.0)),
    "linalg.matrix_power": (_same(square, times=3), work.factorized(4.0)),
    "linalg.solve": (_solved, work.factorized(2 / 3)),
    "linalg.qr": (_tall, work.triangular(4.0)),
    **dict.fromkeys(["linalg.svd", "linalg.pinv"], (_tall, work.triangular(6.0))),
    **dict.fromkeys(["linalg.svdvals", "linalg.matrix_rank"], (_tall, work.triangular(2.0))),
    **dict.fromkeys(["linalg.eig", "linalg.eigvals"], (_one_matrix, work.on_one_rank(25.0))),
    **dict.fromkeys(["linalg.eigh", "linalg.eigvalsh"], (_one_matrix, work.on_one_rank(9.0))),
    **{
        f"fft.{name}": (_spectrum(_complex_square if name.endswith("n") else _complex_line), work.transformed)
        for name in TRANSFORMS
    },
}  # fmt: skip


def every_case() -> list[Case]:
    """Return one case for each function with a budget.

    Raises
    ------
    LookupError
        If a function has a budget and no typical call.
    """
    missing = BUDGETS.keys() - _CALLS.keys()
    if missing:
        raise LookupError(f"every function with a budget has a typical call, but not {sorted(missing)}")
    return [Case(name, *_CALLS[name]) for name in BUDGETS]
