"""Budgets of what sorts, finds, looks up and indexes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.budgets.elements import moves_to
from benchmarks.budgets.problem import Formula, Operand, Problem, Step, collective, exchange, held

KEY_BITS = 64
"""Rounds of the bisection that finds exact splitters: at most one for each bit of a key."""


def _splitters(problem: Problem, lanes: int = 1, phases: int = 1) -> Iterator[Step]:
    """Yield the search for P - 1 splitters of each lane: their bounds, the bisection, and how ties are cut."""
    nbytes = 8 * lanes * (problem.ranks - 1)
    yield collective(
        "allreduce", phases * (KEY_BITS * nbytes + 16 * lanes) + nbytes, phases * (KEY_BITS + 2) + 1
    )


def ordering(*, positions: bool) -> Formula:
    """Return the budget of a sort that sends each value, or its position too."""

    def steps(problem: Problem) -> Iterator[Step]:
        if not problem.crosses:
            return
        ranks, x, (axis,) = problem.ranks, problem.x, problem.axes
        part = x.part(ranks)
        lanes = x.size // max(x.shape[axis], 1)
        others = [length for other, length in enumerate(x.shape) if other != axis]
        if max(others, default=0) >= ranks:
            longest = max(others)
            columns = x.size // longest * -(-longest // ranks)
            yield exchange(problem, part + columns * problem.result.itemsize, 2)
            return
        yield from _splitters(problem, lanes)
        yield collective("exscan", 8 * lanes * (ranks - 1))
        yield exchange(problem, 8 * lanes * (ranks - 1))
        yield exchange(problem, part + (8 * x.share(ranks) if positions else 0))

    text = (
        "none unless ``axis`` is partitioned; two exchanges of a part when another axis is at least P long; else at "
        "most 68 small collectives for exact splitters (Varman et al. 1991; Axtmann and Sanders 2017), one exchange "
        "of counts, and one in which each value"
    )
    ending = ", with its position, moves at most once" if positions else " moves at most once"
    return Formula(text + ending, steps, held(5, wide=True))


SORT = ordering(positions=False)
ARGSORT = ordering(positions=True)


def distinct(*, counts: bool, inverse: bool) -> Formula:
    """Return the budget of the distinct values."""

    def steps(problem: Problem) -> Iterator[Step]:
        x = problem.x
        if x.axis is None:
            return
        share = x.share(problem.ranks)
        width = x.itemsize + 8 + (8 if counts else 0)
        yield from _splitters(problem, phases=2)
        yield collective("allgather", 16, 2)
        yield collective("exchange_counts", 8 * (problem.ranks - 1))
        yield exchange(problem, width * share)
        if inverse:
            yield exchange(problem, 8 * 2 * share)
        # Where the distinct values are so few that one rank has more than twice its share.
        yield exchange(problem, width * 2 * share)

    what = "values with their positions and counts" if counts else "values with their positions"
    text = (
        "none when ``x`` is replicated; else at most 67 small allreduces for splitters (133 for floating-point values), "
        f"an all-to-all and two allgathers of counts, one exchange of each rank's distinct {what}, "
    )
    reply = "one of their numbers back, " if inverse else ""
    return Formula(f"{text}{reply}and one more if the result is lopsided", steps, held(12, wide=True))


UNIQUE = distinct(counts=False, inverse=False)
UNIQUE_COUNTS = distinct(counts=True, inverse=False)
UNIQUE_INVERSE = distinct(counts=False, inverse=True)
UNIQUE_ALL = distinct(counts=True, inverse=True)


def _answered(problem: Problem, source: Operand, nbytes: int) -> int:
    """Return what an owner answers of ``nbytes`` that all ranks ask for in all, if they ask evenly: twice its share."""
    share = source.share(problem.ranks)
    return min(nbytes, 2 * nbytes * share // max(source.size, 1))


def _asked(problem: Problem, source: Operand, answer: Operand, indices: Operand) -> Iterator[Step]:
    """Yield a gather by ``indices`` from the partitioned axis: what replicated ones ask is replicated when small."""
    ranks = problem.ranks
    if indices.axis is None and answer.nbytes <= problem.limits.small:
        yield collective("allreduce", answer.nbytes)
        return
    share = indices.share(ranks) if indices.axis is not None else -(-indices.size // ranks) * 2
    yield collective("exchange_counts", 8 * (ranks - 1))
    yield exchange(problem, 8 * share + _answered(problem, source, answer.nbytes), 2)


def _searching(problem: Problem) -> Iterator[Step]:
    ordered, values = problem.operands[0], problem.operands[1]
    ranks = problem.ranks
    if len(problem.operands) == 3:
        yield from _taken(problem, ordered, ordered, problem.operands[2])
        ordered = problem.operands[2] if problem.operands[2].axis is not None else ordered
    if ordered.axis is None:
        return
    if ordered.nbytes <= problem.limits.lookup:
        yield collective("allgather", ordered.part(ranks))
    elif values.axis is None:
        yield collective("allreduce", 8 * values.size)
    else:
        yield collective("allgather", 8)
        yield collective("exchange_counts", 8 * (ranks - 1))
        yield exchange(problem, 8 * values.share(ranks) + _answered(problem, ordered, 8 * values.size), 2)


SEARCH = Formula(
    "none when ``x1`` is replicated; one allgather of it up to 1 MiB; one allreduce of 8 bytes a value when ``x2`` is "
    "replicated; else one allgather of P keys, an all-to-all of counts, and two exchanges of 8 bytes a value; a "
    "``sorter`` adds a ``take``",
    _searching,
    held(4, wide=True),
)


def _membership(problem: Problem) -> Iterator[Step]:
    elements, members = problem.operands
    ranks = problem.ranks
    if members.axis is None:
        return
    if members.nbytes <= problem.limits.lookup:
        yield collective("allgather", members.part(ranks))
    elif elements.axis is None:
        yield collective("allreduce", elements.size)
    else:
        yield from _splitters(problem, phases=2)
        yield collective("allgather", 8)
        yield collective("exchange_counts", 16 * (ranks - 1), 2)
        answers = -(-(elements.size + members.size) // ranks) + 2 * ranks
        yield exchange(problem, elements.part(ranks) + members.part(ranks) + answers, 2)


MEMBER = Formula(
    "none when ``x2`` is replicated; one allgather of it up to 1 MiB; one allreduce of a byte an element when ``x1`` is "
    "replicated; else at most 133 small allreduces for splitters, an allgather and two all-to-alls of counts, one "
    "exchange of both sides' distinct values, and one of a byte each back",
    _membership,
    held(14, wide=True),
)


# ---- indexing


def _taken(problem: Problem, x: Operand, answer: Operand, indices: Operand) -> Iterator[Step]:
    """Yield a gather along an axis that is partitioned if ``x`` is."""
    if x.axis is None:
        if indices.axis is not None:
            yield collective("exchange_counts", 8 * (problem.ranks - 1))
        return
    yield from _asked(problem, x, answer, indices)


def _taking(problem: Problem) -> Iterator[Step]:
    x, indices = problem.operands
    if x.axis is not None and not problem.crosses:
        if indices.axis is not None:
            # To where ``x`` is partitioned, and to agree that all are in bounds.
            yield collective("exchange_counts", 8 * (problem.ranks - 1))
            yield collective("allgather", indices.part(problem.ranks))
            yield exchange(problem, indices.part(problem.ranks))
        return
    yield from _taken(problem, x, problem.result, indices)


TAKE = Formula(
    "none when ``axis`` is not partitioned and the indices are replicated (partitioned ones move to where ``x`` is, and "
    "8 bytes a pair of ranks agree that all are in bounds); one allreduce of a result of up to 64 KiB of replicated "
    "indices; else an all-to-all of counts and two exchanges, of 8 bytes an index and of the result",
    _taking,
    held(4, wide=True),
)


def _finding(problem: Problem) -> Iterator[Step]:
    x, ranks = problem.x, problem.ranks
    if x.axis is None:
        return
    width = 8 * len(x.shape)
    if x.axis == 0:
        yield collective("allgather", 8)
        yield exchange(problem, width * x.share(ranks))
        return
    runs = x.size
    for axis in range(x.axis, len(x.shape)):
        runs //= max(x.shape[axis], 1)
    yield collective("exscan", 8 * runs)
    yield collective("allreduce", 8 * runs)
    yield collective("exchange_counts", 8 * (ranks - 1))
    yield exchange(problem, (8 + width) * x.share(ranks), 2)


FIND = Formula(
    "none when ``x`` is replicated; else one allgather of P counts, and one exchange if the result is lopsided; where "
    "the first axis is not the partitioned one, an exscan and an allreduce of a count for each run of the row-major "
    "order, and two exchanges that put the positions in order",
    _finding,
    held(8, wide=True),
)


def _reading(problem: Problem) -> Iterator[Step]:
    """Bound ``x[key]``; ``times`` says what the key holds: 1 slices and integers, 2 a mask, 3 integer arrays."""
    x, ranks, limits = problem.x, problem.ranks, problem.limits
    if problem.times == 1:
        if not problem.crosses:
            return
        if not problem.result.shape and x.size <= limits.replica:
            yield collective("allgather", x.part(ranks))
        elif problem.result.axis is None:
            yield collective("broadcast", problem.result.nbytes)
        else:
            yield exchange(problem, x.part(ranks))
        return
    if problem.times == 2:
        yield from moves_to(problem, problem.operands[1], x) if problem.operands[1].shape == x.shape else ()
        if problem.is_spread:
            if problem.operands[1].shape != x.shape and problem.operands[1].axis is not None:
                yield collective("allgather", problem.operands[1].part(ranks))
                yield exchange(problem, problem.operands[1].part(ranks))
            yield from _selecting(problem)
        return
    yield from _taking(problem)
    if problem.is_spread:
        yield exchange(problem, problem.result.nbytes)


def _selecting(problem: Problem) -> Iterator[Step]:
    x, ranks = problem.x, problem.ranks
    yield collective("allgather", 8)
    yield exchange(problem, x.part(ranks))
    if x.axis not in (None, 0) or problem.operands[1].axis not in (None, 0):
        runs = x.size // min(x.shape)
        yield collective("exscan", 8 * runs)
        yield collective("allreduce", 8 * runs)
        yield collective("exchange_counts", 8 * (ranks - 1))
        yield exchange(problem, x.part(ranks) + 8 * x.share(ranks), 1)


GETITEM = Formula(
    "none for slices of positive step, new axes, and integers along other axes (one exchange where the result is "
    "lopsided); along the partitioned axis one exchange for a negative step, and one broadcast for an integer (from "
    "64 KiB on one exchange; reading an element of an array of up to 4096 allgathers it once); a mask: what "
    "``nonzero`` takes, with the elements in place of positions; integer arrays: what ``take`` takes",
    _reading,
    held(4, wide=True),
)


def _writing(problem: Problem) -> Iterator[Step]:
    """Bound ``x[key] = value``; ``times`` as for reading, the value is the last operand."""
    x, value, ranks = problem.x, problem.operands[-1], problem.ranks
    if x.axis is None and not problem.is_spread:
        return
    if problem.times == 1:
        if value.axis is not None:
            yield exchange(problem, value.part(ranks), 2)
            yield collective("allgather", value.part(ranks))
        return
    key = problem.operands[1]
    if problem.times == 2:
        if key.axis is not None:
            yield collective("allgather", key.part(ranks))
            yield exchange(problem, key.part(ranks))
        if value.size > 1:
            yield collective("allgather", 8 + value.part(ranks), 2)
            runs = x.size // min(x.shape)
            yield collective("exscan", 8 * runs)
            yield collective("allreduce", 8 * runs)
            yield collective("exchange_counts", 8 * (ranks - 1))
            yield exchange(problem, 2 * value.nbytes + 8 * value.share(ranks), 3)
        return
    if key.axis is not None or value.axis is not None:
        yield collective("allgather", key.part(ranks) + value.part(ranks), 2)
        yield exchange(problem, key.part(ranks) + value.part(ranks), 2)
        if problem.crosses:
            share = max(key.share(ranks) if key.axis is not None else 0, -(-key.size // ranks))
            row = value.nbytes // max(key.size, 1) if value.size > 1 else value.itemsize
            yield collective("exchange_counts", 8 * (ranks - 1))
            yield exchange(problem, (16 + row) * share + value.part(ranks), 3)


SETITEM = Formula(
    "none when the value is replicated or partitioned as what is written, else it moves there once; a mask moves to "
    "the partition of the array, and values other than a scalar follow an allgather of P counts (where the mask's "
    "first axis is not the partitioned one: counts for each run, and two exchanges); integer arrays or values that "
    "are partitioned travel to the owners, by an all-to-all of counts and at most three exchanges",
    _writing,
    held(4, wide=True),
)
