"""What the scaling model predicts for a case: its function's budget and work, for the case's own operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import exp, log
from statistics import fmean, median
from typing import Final, TypeAlias

import numpy as np

from benchmarks.budgets import Operand, Problem
from benchmarks.cases import CASES, DATASETS, Case, Scale
from benchmarks.cases.catalogue import ITERATIONS
from benchmarks.model.cases import every_case
from benchmarks.model.machine import AS_PROBED, Machine, of_probe
from benchmarks.model.predict import predicted, predicted_workload
from benchmarks.model.work import Rule, Work, moved, streamed
from benchmarks.model.workloads import WORKLOADS
from benchmarks.registry import OWN, Layout
from benchmarks.results import Results

Build: TypeAlias = Callable[[Case, list[Operand], int], Problem]


@dataclass(frozen=True, slots=True)
class Beside:
    """A prediction beside its measurement, on ranks of one thread.

    Attributes
    ----------
    case : str
    ranks : int
    predicted, measured : float
        In seconds.
    """

    case: str
    ranks: int
    predicted: float
    measured: float

    @property
    def factor(self) -> float:
        """By what the model is off, at least 1."""
        return exp(abs(log(self.predicted / self.measured)))


def _axis(case: Case) -> int | None:
    axis = case.options.get("axis")
    return axis if isinstance(axis, int) else None


# ---- problems: what is given and what results


def _alike(case: Case, operands: list[Operand], ranks: int) -> Problem:
    axis = _axis(case)
    return Problem(ranks, tuple(operands), (operands[0],), axes=() if axis is None else (axis,))


def _reduced(case: Case, operands: list[Operand], ranks: int) -> Problem:
    x, axis = operands[0], _axis(case)
    if axis is None:
        return Problem(ranks, (x,), (Operand(()),), axes=tuple(range(len(x.shape))))
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    # The partitioned axis goes, or is the one axis that is left.
    kept = None if axis == x.axis else 0
    return Problem(ranks, (x,), (Operand(shape, x.itemsize, kept),), axes=(axis,))


def _product(case: Case, operands: list[Operand], ranks: int) -> Problem:
    left, right = operands
    axis = 0 if left.axis == 0 else 1 if right.axis == 1 else None
    return Problem(ranks, (left, right), (Operand((left.shape[0], right.shape[1]), 8, axis),))


def _turned(case: Case, operands: list[Operand], ranks: int) -> Problem:
    return Problem(ranks, tuple(operands), (replace(operands[0], axis=_axis(case)),))


def _flat(case: Case, operands: list[Operand], ranks: int) -> Problem:
    x = operands[0]
    transposed = Operand(x.shape[::-1], x.itemsize, None if x.axis is None else 1 - x.axis)
    return Problem(ranks, (transposed,), (Operand((x.size,), x.itemsize, 0),))


def _joined(case: Case, operands: list[Operand], ranks: int) -> Problem:
    rows, *others = operands[0].shape
    return Problem(ranks, tuple(operands), (Operand((2 * rows, *others), 8, 0),), axes=(0,))


def _line(case: Case, operands: list[Operand], ranks: int) -> Problem:
    return Problem(ranks, tuple(operands), (operands[0],), axes=(0,))


def _rows(case: Case, operands: list[Operand], ranks: int) -> Problem:
    return Problem(ranks, tuple(operands), (operands[0],), axes=(0,), times=1)


def _lanes(case: Case, operands: list[Operand], ranks: int) -> Problem:
    return Problem(ranks, tuple(operands), (operands[0],), axes=(0, 1), times=1)


def _found(case: Case, operands: list[Operand], ranks: int) -> Problem:
    return Problem(ranks, tuple(operands), (Operand((operands[0].size // 2,), 8, 0),))


def _pairs(case: Case, operands: list[Operand], ranks: int) -> Problem:
    return Problem(ranks, tuple(operands), (operands[-1],), axes=(0,))


def _factors(case: Case, operands: list[Operand], ranks: int) -> Problem:
    columns = operands[0].shape[1]
    return Problem(ranks, tuple(operands), (operands[0], Operand((columns, columns))))


def _spectrum(case: Case, operands: list[Operand], ranks: int) -> Problem:
    axis = _axis(case) or 0
    return Problem(ranks, tuple(operands), (operands[0],), axes=(axis,), times=operands[0].shape[axis])


_MODELLED: Final[Mapping[str, tuple[tuple[str, ...], Build]]] = {
    "add": (("add",), _alike),
    "sqrt": (("sqrt",), _alike),
    "exp": (("exp",), _alike),
    "where": (("where",), _alike),
    "chain": (("multiply", "negative", "divide", "exp", "multiply", "add"), _alike),
    **{name: ((name,), _reduced) for name in ("sum", "max", "argmax", "all", "mean", "var", "std")},
    # One pass and one merge of moments, as the variance has.
    "skew": (("var",), _reduced),
    "kurtosis": (("var",), _reduced),
    "cumulative_sum": (("cumulative_sum",), _alike),
    "matmul": (("matmul",), _product),
    "qr": (("linalg.qr",), _factors),
    "svd": (("linalg.svd",), _factors),
    "fft": (("fft.fft",), _spectrum),
    "repartition": (("repartition",), _turned),
    "transpose_reshape": (("reshape",), _flat),
    "roll": (("roll",), _rows),
    "rolled_flat": (("roll",), _lanes),
    "negative": (("negative",), _alike),
    "concat": (("concat",), _joined),
    "sort": (("sort",), _line),
    "argsort": (("argsort",), _line),
    "unique_values": (("unique_values",), _line),
    "searchsorted": (("searchsorted",), _pairs),
    "integers": (("take",), _pairs),
    "nonzero": (("nonzero",), _found),
}
"""Which functions of the model a function of the benchmarks is made of."""


def _reordered(problem: Problem) -> Work:
    """Copy what one rank has to put in another order; several do it as they send it."""
    return (streamed() if problem.ranks == 1 else moved)(problem)


_WORK: Final[Mapping[str, Rule]] = {
    # Powers in double precision.
    "skew": streamed(fresh=0.0, nanoseconds=4.6),
    "kurtosis": streamed(fresh=0.0, nanoseconds=5.8),
    "where": streamed(nanoseconds=1.7),
    "transpose_reshape": _reordered,
}
"""What the busiest rank does where it is more than in the model's case of the function."""

_WORKLOADS: Final[Mapping[str, tuple[str, int]]] = {
    "kmeans": ("k-means step", ITERATIONS),
    "cdist": ("cdist", 1),
    "lasso": ("LASSO, 20 sweeps", 1),
}


def predicted_seconds(
    case: Case, scale: Scale, ranks: int, machine: Machine, factor: int = 1
) -> float | None:
    """Return what the model predicts, or None for what it doesn't know: views, files, starting."""
    shapes = case.shapes(scale, factor)
    if case.function in _WORKLOADS:
        name, times = _WORKLOADS[case.function]
        workload = next(each for each in WORKLOADS if each.name == name)
        return times * predicted_workload(workload, shapes[0][0], ranks, machine).seconds
    if case.function not in _MODELLED:
        return None
    names, build = _MODELLED[case.function]
    operands = [
        Operand(shape, np.dtype(DATASETS[each.dataset].dtype).itemsize, each.axis)
        for shape, each in zip(shapes, case.operands, strict=True)
    ]
    problem = build(case, operands, ranks)
    known = {each.function: each for each in every_case()}
    each_of = (
        replace(
            known[name],
            build=lambda _elements, _ranks: problem,
            work=_WORK.get(case.function, known[name].work),
        )
        for name in names
    )
    return sum(predicted(each, operands[0].size, ranks, machine).seconds for each in each_of)


def beside(results: Results) -> list[Beside]:
    """Return the predictions for every case that was measured on ranks of one thread; none without a probe of today's figures."""
    if not results.probe or not set(AS_PROBED) <= results.probe["figures"].keys():
        return []
    machine, known = of_probe(results.probe), {case.name: case for case in CASES}
    found = []
    for row in results.rows:
        if row.system != OWN or row.layout != Layout(row.ranks, 1) or row.factor != 1 or not row.seconds:
            continue
        seconds = predicted_seconds(known[row.case], row.scale, row.ranks, machine)
        if seconds is not None:
            found.append(Beside(row.case, row.ranks, seconds, row.median))
    return found


def summary(found: list[Beside]) -> str:
    """Return how good predictions are, in a sentence."""
    factors = [each.factor for each in found]
    ratios = exp(fmean(log(each.predicted / each.measured) for each in found))
    within = sum(factor <= 2 for factor in factors)
    return (
        f"Of {len(found)} times {within} are predicted within a factor of 2; the median factor is {median(factors):.2f}, "
        f"the geometric mean of predicted over measured {ratios:.2f}."
    )
