"""What a product communicates: what the library's own cost function chooses, which the budget only bounds."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from array_api_dist._alignment import Layout
from array_api_dist._contraction import Contraction, Transport, choose, matmul, tensordot, vecdot
from array_api_dist._partition import REPLICATED, Partition
from benchmarks.budgets import Operand, Problem, Step

_RINGS = (Transport.RING_LEFT, Transport.RING_RIGHT, Transport.RING_SUM)


def _layout(operand: Operand, ranks: int) -> Layout:
    if operand.axis is None:
        return Layout(operand.shape, REPLICATED)
    return Layout(operand.shape, Partition.even(operand.axis, operand.shape[operand.axis], ranks))


def _contraction(function: str, left: Operand, right: Operand) -> Contraction:
    if function == "matmul":
        return matmul(left.shape, right.shape)
    if function == "vecdot":
        return vecdot(left.shape, right.shape, -1)
    axes = ((), ()) if function == "linalg.outer" else ((len(left.shape) - 1,), (0,))
    return tensordot(left.shape, right.shape, *axes)


def contraction_steps(function: str, problem: Problem) -> Iterator[Step]:
    """Yield how the operands move, and what happens beside the local products or after them."""
    ranks, operands = problem.ranks, problem.operands[:2]
    contraction = _contraction(function, *operands)
    layouts = [_layout(operand, ranks) for operand in operands]
    width = max(operand.itemsize for operand in operands)
    strategy = choose(contraction, layouts[0], layouts[1], width, ranks)
    for operand, layout, target in zip(operands, layouts, strategy.targets, strict=True):
        if layout.partition.axis is None or layout.partition == target:
            continue
        if target.axis is None:
            yield Step("allgather", 1, 1, operand.part(ranks))
        else:
            yield Step("exchange", 1, ranks - 1, operand.part(ranks))
    if strategy.transport is Transport.ALLREDUCE:
        yield Step("allreduce", 1, 1, prod(contraction.shape) * width)
    elif strategy.transport in _RINGS:
        travels = prod(contraction.shape) * width
        if strategy.transport is not Transport.RING_SUM:
            travels = operands[strategy.transport is Transport.RING_RIGHT].nbytes
        yield Step("shift", ranks - 1, ranks - 1, travels * (ranks - 1) // ranks)
