"""What a rank computes: bytes read, bytes of fresh results, arithmetic, and what keeps a core busy beside.

The figures of algorithms that neither memory nor a matrix product's arithmetic bounds are the machine's, where they differ
much between machines: of sorts, searches, accesses to random places and factorizations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log2, prod
from typing import Final, TypeAlias

from benchmarks.budgets import Operand, Problem
from benchmarks.model.machine import Machine

FRESH_NBYTES: Final = 1 << 25
"""Above this size the C library takes results from the system, and gives them back when they end."""

TRANSFORM_EFFICIENCY: Final = 0.1
"""The share of a matrix product's arithmetic that a Fourier transform reaches."""

LAPACK_EFFICIENCY: Final = 0.3
"""The share that factorizations of square matrices reach."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the busiest rank does.

    Attributes
    ----------
    read, fresh : float
        Bytes that are read, and that results take in memory just allocated.
    flops : float
        Additions and multiplications, at the speed of a matrix product.
    busy : float
        Seconds of a core for what is neither.
    factored : float
        Additions and multiplications of decompositions of tall matrices.
    sorted, argsorted, searched : float
        Values that are sorted, ordered or looked up, times the binary digits of their number.
    gathered : float
        Accesses to random places.
    serial : float
        Seconds of Python on every rank, whatever their number.
    """

    read: float = 0.0
    fresh: float = 0.0
    flops: float = 0.0
    busy: float = 0.0
    factored: float = 0.0
    sorted: float = 0.0
    argsorted: float = 0.0
    searched: float = 0.0
    gathered: float = 0.0
    serial: float = 0.0

    def seconds(self, machine: Machine) -> float:
        """Return what it takes: computation hides behind memory traffic or the reverse."""
        # Small blocks of memory are used again, and need not be touched anew.
        reused = max(1 / machine.copy_bandwidth - 1 / machine.read_bandwidth, 0.0)
        writing = 1 / machine.fresh_bandwidth if self.fresh > FRESH_NBYTES else reused
        traffic = self.read / machine.read_bandwidth + self.fresh * writing
        arithmetic = self.flops / machine.flops + self.factored / machine.factor_flops
        busy = (
            self.busy
            + self.sorted * machine.sort_seconds
            + self.argsorted * machine.argsort_seconds
            + self.searched * machine.search_seconds
            + self.gathered * machine.gather_seconds
        )
        return max(traffic, arithmetic, busy) + self.serial


Rule: TypeAlias = Callable[[Problem], Work]


def _parts(operands: tuple[Operand, ...], ranks: int) -> int:
    return sum(operand.part(ranks) for operand in operands)


def nothing(problem: Problem) -> Work:
    """Make a view."""
    return Work()


def _elements(operands: tuple[Operand, ...], ranks: int) -> int:
    return sum(operand.share(ranks) for operand in operands)


def streamed(*, fresh: float = 1.0, nanoseconds: float = 0.0) -> Rule:
    """Return the rule of what reads its operands and writes its results; ``nanoseconds`` an element of the operands."""
    return lambda problem: Work(
        read=_parts(problem.operands, problem.ranks),
        fresh=fresh * _parts(problem.results, problem.ranks),
        busy=nanoseconds * 1e-9 * _elements(problem.operands, problem.ranks),
    )


def moved(problem: Problem) -> Work:
    """Copy what stays and place what arrives; one rank has nothing to do."""
    others = (problem.ranks - 1) / problem.ranks
    part = problem.x.part(problem.ranks)
    return Work(read=others * part, fresh=others * part)


def ordered(*, values: float = 0.0, positions: float = 0.0) -> Rule:
    """Return the rule of what sorts each rank's part so often, and merges what arrives: ``values``, ``positions`` with them."""

    def rule(problem: Problem) -> Work:
        x, ranks = problem.x, problem.ranks
        # The runs that arrive are merged, or sorted anew, in the time of a sort.
        digits = log2(max(x.share(ranks), 2)) * (2 if x.axis is not None and ranks > 1 else 1)
        return Work(
            read=4 * x.part(ranks),
            fresh=2 * _parts(problem.results, ranks),
            sorted=values * digits * x.share(ranks),
            argsorted=positions * digits * x.share(ranks),
        )

    return rule


def looked_up(problem: Problem) -> Work:
    """Search for each value of the second operand among the first."""
    values, ranks = problem.operands[1], problem.ranks
    digits = log2(max(problem.x.size, 2))
    return Work(
        read=values.part(ranks),
        fresh=_parts(problem.results, ranks),
        searched=digits * values.share(ranks),
    )


def scattered(problem: Problem) -> Work:
    """Read or write at random places."""
    return Work(
        fresh=2 * _parts(problem.results, problem.ranks),
        gathered=_elements(problem.results, problem.ranks),
    )


def multiplied(problem: Problem) -> Work:
    """Multiply two matrices, or batches of them, the work split evenly."""
    left, right = problem.operands[:2]
    inner = left.shape[-1]
    rows, columns = prod(left.shape[:-1]), prod(right.shape[1:])
    return Work(
        read=_parts((left, right), problem.ranks),
        fresh=_parts(problem.results, problem.ranks),
        flops=2 * rows * columns * inner / problem.ranks,
    )


def factorized(times: float) -> Rule:
    """Return the rule of ``times`` M³ operations of a square matrix, which the ranks share."""

    def rule(problem: Problem) -> Work:
        side = problem.x.shape[-1]
        return Work(
            fresh=_parts(problem.results, problem.ranks),
            flops=times * side**3 / problem.ranks / LAPACK_EFFICIENCY,
        )

    return rule


def on_one_rank(times: float) -> Rule:
    """Return the rule of ``times`` M³ operations on the one rank that has the matrix."""
    return lambda problem: Work(flops=times * problem.x.shape[-1] ** 3 / LAPACK_EFFICIENCY)


def triangular(times: float) -> Rule:
    """Return the rule of TSQR: ``times`` N K² operations, shared, and the factors of the triangles."""

    def rule(problem: Problem) -> Work:
        rows, width = problem.x.shape
        triangles = (
            problem.ranks if problem.ranks * width * width * 8 <= problem.limits.triangles else problem.rounds
        )
        return Work(
            read=2 * problem.x.part(problem.ranks),
            fresh=_parts(problem.results, problem.ranks),
            factored=times * width * width * (rows / problem.ranks + triangles * width),
        )

    return rule


def transformed(problem: Problem) -> Work:
    """Transform along one axis, or all."""
    elements = problem.x.share(problem.ranks)
    return Work(
        read=2 * problem.x.part(problem.ranks),
        fresh=2 * _parts(problem.results, problem.ranks),
        flops=5 * elements * log2(max(problem.x.size, 2)) / TRANSFORM_EFFICIENCY,
    )
