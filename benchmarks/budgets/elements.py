"""Budgets of what treats elements one by one, reduces, scans and rearranges them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import prod

from benchmarks.budgets.problem import Formula, Operand, Problem, Step, buffered, collective, exchange, held

NONE = Formula("none", lambda problem: (), held(1.5))
MAKE = Formula("none", lambda problem: (), held(5))


def moves_to(problem: Problem, operand: Operand, target: Operand) -> Iterator[Step]:
    """Yield what it takes to bring ``operand`` to where it meets the layout of ``target``, to which it broadcasts."""
    if operand.axis is None:
        return
    if target.axis is None:
        yield collective("allgather", operand.part(problem.ranks))
        return
    axis = target.axis - len(target.shape) + len(operand.shape)
    if axis < 0 or operand.shape[axis] != target.shape[target.axis]:
        yield collective("allgather", operand.part(problem.ranks))
    elif not operand.lies_as(axis, target.bounds, problem.ranks):
        yield exchange(problem, operand.part(problem.ranks))


def _meeting(problem: Problem) -> Iterator[Step]:
    for operand in problem.operands:
        yield from moves_to(problem, operand, problem.result)


MEET = Formula(
    "none when partitions agree, else each smaller operand moves once",
    _meeting,
    held(2),
)


def _updating(problem: Problem) -> Iterator[Step]:
    left, right = problem.operands
    if left.axis is not None:
        yield from moves_to(problem, right, left)
    elif right.axis is not None:
        # What meets lies as the partitioned operand, and goes back to a copy on every rank.
        yield collective("allgather", left.nbytes // right.nbytes * right.part(problem.ranks))


UPDATE = Formula(
    "the other operand moves to the partition of this one where they differ; one allgather of the result where this "
    "one is replicated and the other is not",
    _updating,
    held(2),
)


# ---- reductions


def _own(operand: Operand) -> int:
    return operand.itemsize


def _accumulated(operand: Operand) -> int:
    """Return the bytes of an element of a sum: floating ones are accumulated in double precision."""
    return {"exact": operand.itemsize, "floating": max(operand.itemsize, 8), "complex": 16}[operand.kind]


def reduction(text: str, width: Callable[[Operand], int], times: float = 1.5) -> Formula:
    """Return the budget of a reduction whose state has ``width(result)`` bytes an element of the result."""

    def steps(problem: Problem) -> Iterator[Step]:
        if not problem.crosses:
            return
        shape = problem.result.shape
        nbytes = prod(shape) * width(problem.result)
        if nbytes < problem.limits.scatter or max(shape, default=0) < problem.ranks:
            yield collective("allreduce", nbytes)
        else:
            yield collective("reduce_scatter", nbytes)

    def memory(problem: Problem) -> int:
        state = problem.result.size * width(problem.result)
        # What a rank reduces to is as large as the result, and lanes are accumulated in blocks.
        return int(times * problem.parts(wide=True)) + (4 * state if problem.crosses else 0)

    return Formula(text, steps, memory)


REDUCE = reduction(
    "none unless the partitioned axis is reduced; then one allreduce of the result (from 1 MiB on one reduce-scatter)",
    _own,
)
ACCUMULATE = reduction(
    "none unless the partitioned axis is reduced; then one allreduce of the result, floating ones in double precision "
    "(from 1 MiB on one reduce-scatter)",
    _accumulated,
)
MEAN = reduction(
    "none unless the partitioned axis is reduced; then one allreduce of the sums in double precision (from 1 MiB on "
    "one reduce-scatter)",
    _accumulated,
)
MOMENTS = reduction(
    "none unless the partitioned axis is reduced; then one allreduce of (count, mean, M2), of float64 with what the "
    "mean's rounding lost, 24 or 32 bytes an element of the result, merged pairwise (Bennett et al. 2009; from 1 MiB on "
    "one reduce-scatter)",
    lambda result: 32 if result.itemsize == 8 else 24,
    2.5,
)
POSITION = reduction(
    "none unless the partitioned axis is searched; then one allreduce of (value, index) pairs (from 1 MiB on one "
    "reduce-scatter)",
    lambda result: 16,
)


def _scanning(problem: Problem) -> Iterator[Step]:
    if problem.crosses:
        (axis,) = problem.axes
        slab = problem.x.size // max(problem.x.shape[axis], 1)
        yield collective("exscan", slab * _accumulated(problem.result))


SCAN = Formula(
    "none unless ``axis`` is partitioned; then one exscan of a slab of ``size / n`` elements, floating ones in double "
    "precision",
    _scanning,
    held(4, wide=True),
)


# ---- rearrangements: each element moves at most once


def _moving(problem: Problem) -> Iterator[Step]:
    if problem.crosses:
        yield exchange(problem, problem.x.part(problem.ranks))


MOVE = Formula(
    "none unless a partitioned axis is concerned; then one exchange, in which each element moves at most once",
    _moving,
)


def _differencing(problem: Problem) -> Iterator[Step]:
    ranks, x, (axis,) = problem.ranks, problem.x, problem.axes
    joins = len(problem.operands) > 1 and problem.is_spread
    if joins:
        # Each operand that lies otherwise is first laid along the common axis.
        yield exchange(problem, 2 * sum(each.part(ranks) for each in problem.operands), len(problem.operands))
    if not (joins or problem.crosses):
        return
    slab = x.nbytes // max(x.shape[axis], 1)
    if x.bounds is None:
        yield exchange(problem, problem.times * slab, problem.times, peers=ranks)
    else:
        # Parts that shrink to nothing are evened out.
        yield exchange(problem, 2 * problem.times * x.part(ranks), 2 * problem.times)


DIFFERENCE = Formula(
    "none unless ``axis`` is partitioned; then one exchange of a neighbour's slab for each of the ``n`` differences, "
    "and one to join ``prepend`` and ``append``",
    _differencing,
    held(4),
)


def _tiling(problem: Problem) -> Iterator[Step]:
    if problem.crosses:
        yield exchange(problem, problem.times * problem.x.part(problem.ranks))


TILE = Formula(
    "none unless the partitioned axis is repeated; then one exchange, in which each element moves once for each copy",
    _tiling,
)


def _rolling(problem: Problem) -> Iterator[Step]:
    if problem.crosses:
        yield exchange(problem, problem.x.part(problem.ranks))


def _rearranged(problem: Problem) -> int:
    """Return what moving elements to other places of the row-major order holds: one part that is not dense is copied first."""
    part, result = problem.x.part(problem.ranks), problem.result.part(problem.ranks)
    return part + result + buffered(part + result)


ROLL = Formula(
    "none unless a partitioned axis is rolled; then one exchange, in which each element moves at most once",
    _rolling,
    _rearranged,
    holds="the result, and a copy of a part that is flattened and not dense",
)


def _reshaping(problem: Problem) -> Iterator[Step]:
    if problem.x.axis is not None and problem.x.shape != problem.result.shape:
        if problem.result.shape:
            yield exchange(problem, problem.x.part(problem.ranks))
        else:
            yield collective("allgather", problem.x.part(problem.ranks))


RESHAPE = Formula(
    "none when no element changes its rank; else one exchange of the overlaps, in which each element moves at most "
    "once (one allgather of a single element)",
    _reshaping,
    _rearranged,
    holds="the result, and a copy of a part that is not dense",
)


def _joining(problem: Problem) -> Iterator[Step]:
    spread = [operand for operand in problem.operands if operand.axis is not None]
    if not spread:
        return
    largest = max(spread, key=lambda operand: operand.size)
    nbytes = sum(operand.part(problem.ranks) for operand in spread)
    if largest.axis in problem.axes:
        others = [operand for operand in spread if operand.axis not in problem.axes]
        yield exchange(problem, nbytes, 1 + len(others))
        yield exchange(problem, sum(operand.part(problem.ranks) for operand in others), 0)
        return
    for operand in spread:
        if not operand.lies_as(largest.axis, largest.bounds, problem.ranks):
            yield exchange(problem, operand.part(problem.ranks))


JOIN = Formula(
    "none when all are replicated or partitioned alike along another axis; else one exchange, in which each element "
    "moves at most once, and one for each operand that must first be laid along the common axis",
    _joining,
    held(4),
)


def _stacking(problem: Problem) -> Iterable[Step]:
    return _joining(problem)


STACK = Formula(
    "none when all are replicated or partitioned alike; else one exchange for each operand that lies otherwise than "
    "the largest",
    _stacking,
    held(4),
)


def _repeating(problem: Problem) -> Iterator[Step]:
    flattened = problem.times == 0
    x = problem.x
    if flattened and x.axis is not None and len(x.shape) > 1:
        yield exchange(problem, x.part(problem.ranks))
    if len(problem.operands) == 1:
        return
    counts = problem.operands[1]
    if counts.axis is not None:
        yield collective("allgather", counts.part(problem.ranks))
    if not problem.is_spread:
        return
    # The counts move to the partition; the result is evened out where it is lopsided.
    yield exchange(problem, counts.part(problem.ranks))
    if problem.crosses:
        yield collective("agree", 8)
        yield collective("allgather", 8)
        yield exchange(problem, problem.result.nbytes)


def _repeating_memory(problem: Problem) -> int:
    x, ranks = problem.x, problem.ranks
    result = problem.result.part(ranks)
    flattens = problem.times == 0 and len(x.shape) > 1
    if len(problem.operands) == 1:
        return max(_rearranged(problem), x.part(ranks) + result) if flattens else result
    # The counts where the elements are, and once more the result where it is evened out.
    there = min(problem.result.size, 2 * problem.result.size * x.share(ranks) // max(x.size, 1))
    copies = there * x.itemsize + result + buffered(there * x.itemsize + result)
    repeated = (x.part(ranks) if flattens else 0) + 16 * problem.operands[1].size + copies
    return max(_rearranged(problem), repeated) if flattens else repeated


REPEAT = Formula(
    "none for one count (but one exchange to flatten the array); an array of counts moves to the partition of ``x``; "
    "where ``axis`` is partitioned the ranks agree that none is negative, one allgather of P totals follows, and one "
    "exchange if the result is lopsided",
    _repeating,
    _repeating_memory,
    holds="the result, twice where it moves; the flattened array, where it moves",
)


def _leaving(problem: Problem) -> Iterator[Step]:
    if not problem.crosses:
        return
    x, axis = problem.x, problem.x.axis
    others = [length for other, length in enumerate(x.shape) if other != axis]
    if x.nbytes <= problem.limits.small or max(others, default=0) < problem.ranks:
        yield collective("allgather", x.part(problem.ranks))
    else:
        yield exchange(problem, x.part(problem.ranks))


LEAVE_AXIS = Formula(
    "none unless the partitioned axis goes; then one exchange to the longest other axis, or one allgather of up to "
    "64 KiB or where no other axis is as long as the ranks are many",
    _leaving,
)


def _stretching(problem: Problem) -> Iterator[Step]:
    for operand, result in zip(problem.operands, problem.results, strict=True):
        if operand.axis is not None:
            axis = operand.axis + len(result.shape) - len(operand.shape)
            if operand.shape[operand.axis] != result.shape[axis]:
                yield collective("allgather", operand.part(problem.ranks))


STRETCH = Formula(
    "none unless the partitioned axis has length 1 and is stretched; then one allgather of that operand",
    _stretching,
)


def _repartitioning(problem: Problem) -> Iterator[Step]:
    yield from moves_to(problem, problem.x, problem.result)


REPARTITION = Formula(
    "none when ``x`` is laid out so or replicated; one allgather to replicate; else one exchange, in which each "
    "element moves at most once, straight to its owner",
    _repartitioning,
)


def _replicating(problem: Problem) -> Iterator[Step]:
    if problem.x.axis is not None:
        yield collective("allgather", problem.x.part(problem.ranks))


REPLICATE = Formula(
    "none when it is replicated, else one allgather",
    _replicating,
    lambda problem: 4 * problem.x.nbytes,
    is_gathering=True,
)

TO_DEVICE = Formula(
    "none between processor kinds of the same ranks; one allgather to other ranks, where every rank then has the whole",
    _replicating,
    lambda problem: 4 * problem.x.nbytes,
    is_gathering=True,
)

DESCRIBE = Formula(
    "two allgathers of a few integers, and at most three agreements on them",
    lambda problem: (
        collective("allgather", 16 + 8 * len(problem.result.shape), 2),
        collective("agree", 24, 3),
    ),
)

AGREE = Formula("one agreement that no callback failed", lambda problem: (collective("agree", 8),))

NORM = reduction(
    "none unless a partitioned axis is reduced; then one allreduce of the result in double precision (from 1 MiB on "
    "one reduce-scatter)",
    _accumulated,
    2.5,
)
