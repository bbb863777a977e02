"""Budgets of what reads and writes at positions: indices, masks, and positions that are found."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.budgets.elements import moves_to
from benchmarks.budgets.problem import (
    BUFFER_NBYTES,
    Formula,
    Operand,
    Problem,
    Step,
    buffered,
    collective,
    exchange,
)

PIECE_NBYTES = 1 << 12
"""What a pass over memory takes beside it where the pieces are as small as in the tests (else up to 4 MiB)."""

RUNS_AT_ONCE = 1 << 16
"""Of so many runs of the row-major order the counts are agreed at once."""

NARROW, NARROW_LENGTH = 4, 2**31
"""The bytes of positions on their way, along axes of fewer elements."""


def interleaves(x: Operand) -> bool:
    """Return whether a part is more than one run of the row-major order."""
    return x.axis is not None and any(length > 1 for length in x.shape[: x.axis])


def answered(problem: Problem, source: Operand, nbytes: int) -> int:
    """Return what an owner answers of ``nbytes`` that all ranks ask for in all, if they ask evenly: twice its share."""
    share = source.share(problem.ranks)
    return min(nbytes, 2 * nbytes * share // max(source.size, 1))


def asked(problem: Problem, source: Operand, answer: Operand, indices: Operand) -> Iterator[Step]:
    """Yield a gather by ``indices`` from the partitioned axis: what replicated ones ask is replicated when small."""
    ranks = problem.ranks
    if indices.axis is None and answer.nbytes <= problem.limits.small:
        yield collective("allreduce", answer.nbytes)
        return
    share = indices.share(ranks) if indices.axis is not None else -(-indices.size // ranks) * 2
    yield collective("exchange_counts", 8 * (ranks - 1))
    yield exchange(problem, 8 * share + answered(problem, source, answer.nbytes), 2)


def taken(problem: Problem, x: Operand, answer: Operand, indices: Operand) -> Iterator[Step]:
    """Yield a gather along an axis that is partitioned if ``x`` is."""
    if x.axis is None:
        if indices.axis is not None:
            yield collective("exchange_counts", 8 * (problem.ranks - 1))
        return
    yield from asked(problem, x, answer, indices)


def _taking(problem: Problem) -> Iterator[Step]:
    x, indices = problem.operands
    if x.axis is not None and not problem.crosses:
        if indices.axis is not None:
            # To where ``x`` is partitioned, and to agree that all are in bounds.
            yield collective("exchange_counts", 8 * (problem.ranks - 1))
            yield collective("allgather", indices.part(problem.ranks))
            yield exchange(problem, indices.part(problem.ranks))
        return
    yield from taken(problem, x, problem.result, indices)


def taken_memory(problem: Problem, x: Operand, answer: Operand, indices: Operand) -> int:
    """Return what a gather along the partitioned axis holds: queries and their order, then that and slabs twice."""
    ranks = problem.ranks
    even = -(-indices.size // ranks)
    count = indices.share(ranks) if indices.axis is not None else even
    slab = answer.nbytes // max(indices.size, 1)
    asked = answered(problem, x, indices.size) if x.size else 0
    copied = 8 * indices.share(ranks)
    if x.axis is None or (indices.axis is None and answer.nbytes <= problem.limits.small):
        return copied + 3 * answer.part(ranks) + 25 * count
    return copied + max(
        26 * count, 16 * count + (8 + slab) * asked, 16 * count + slab * (asked + count), (8 + 2 * slab) * count,
    ) + buffered(slab * (asked + count))  # fmt: skip


def _taking_memory(problem: Problem) -> int:
    x, indices = problem.operands
    if x.axis is not None and not problem.crosses:
        return 16 * indices.size + 2 * problem.result.part(problem.ranks)
    return taken_memory(problem, x, problem.result, indices)


TAKE = Formula(
    "none when ``axis`` is not partitioned and the indices are replicated (partitioned ones move to where ``x`` is, and "
    "8 bytes a pair of ranks agree that all are in bounds); one allreduce of a result of up to 64 KiB of replicated "
    "indices; else an all-to-all of counts and two exchanges, of 8 bytes an index and of the result (above 64 MiB of "
    "these an allreduce of 8 bytes, and more exchanges of less if one rank would have to answer more than twice its share)",
    _taking,
    _taking_memory,
    holds="24 bytes an index, or 16 and the result twice",
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
    bunches = -(-runs // RUNS_AT_ONCE)
    yield collective("exscan", 8 * runs, bunches)
    yield collective("allreduce", 8 + 8 * runs, 1 + bunches)
    yield collective("exchange_counts", 8 * (ranks - 1))
    yield exchange(problem, 8 * x.share(ranks))


def _finding_memory(problem: Problem) -> int:
    x, ranks = problem.x, problem.ranks
    # A byte that tells what is not zero; row-major positions before and after they have moved; the result. Of a part
    # that holds all that is found, the result is evened out.
    found = min(x.share(ranks), problem.result.size)
    kept = max(found, problem.result.share(ranks))
    mask, axes = x.share(ranks) * (x.kind != "exact" or x.itemsize > 1), len(x.shape)
    runs = min(RUNS_AT_ONCE, x.size) if interleaves(x) else 0
    evened = 8 * axes * problem.result.share(ranks) if problem.result.axis is not None else 0
    return (
        mask
        + x.share(ranks)
        + 40 * runs
        + max(8 * found + 8 * kept, 8 * axes * kept)
        + evened
        + buffered(evened)
    )


FIND = Formula(
    "none when ``x`` is replicated; else one allgather of P counts, and one exchange if the result is lopsided; where "
    "the first axis is not the partitioned one, an allreduce of a count, an exscan and an allreduce of a count for each "
    "run of the row-major order (2**16 runs at a time), and one exchange of 8 bytes for each element that is found",
    _finding,
    _finding_memory,
    holds="a byte an element, and the result",
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
        bunches = -(-runs // RUNS_AT_ONCE)
        rounds = _rounds(x.size, _moved_at_once(x.itemsize))
        yield collective("exscan", 8 * runs, bunches)
        yield collective("allreduce", 8 * runs + 8 * (rounds > 1), bunches + (rounds > 1))
        yield collective("exchange_counts", 8 * (ranks - 1))
        yield exchange(problem, x.part(ranks) + NARROW * x.share(ranks), 2 * rounds - 1)


def _reading_memory(problem: Problem) -> int:
    x, result, ranks = problem.x, problem.result, problem.ranks
    # Where the elements are, and evened out or turned round.
    found = max(x.part(ranks), result.part(ranks))
    if problem.times == 1:
        return 2 * found + buffered(2 * found)
    if problem.times == 2:
        key = problem.operands[1]
        mask = key.share(ranks) + min(key.size, x.share(ranks))
        return mask + 2 * found + _in_order_memory(problem, x.size, x.itemsize) + buffered(2 * found)
    evened = result.part(ranks) if problem.is_spread else 0
    return _taking_memory(problem) + evened + buffered(2 * evened)


def _in_order_memory(problem: Problem, count: int, slab: int) -> int:
    """Return what moving selected elements into row-major order, or their values from it, takes beside both."""
    x, ranks = problem.x, problem.ranks
    if not (interleaves(x) or interleaves(problem.operands[1])):
        return PIECE_NBYTES
    places, runs = NARROW * x.share(ranks), 40 * min(RUNS_AT_ONCE, x.size)
    return places + runs + min(BUFFER_NBYTES, (2 * slab + 24) * count) + PIECE_NBYTES


GETITEM = Formula(
    "none for slices of positive step, new axes, and integers along other axes (one exchange where the result is "
    "lopsided); along the partitioned axis one exchange for a negative step, and one broadcast for an integer (from "
    "64 KiB on one exchange; reading an element of an array of up to 4096 allgathers it once); a mask: what "
    "``nonzero`` takes, with the elements, and 4 bytes each, in place of positions (above 64 MiB of these an allreduce "
    "of 8 bytes, and more exchanges of less); integer arrays: what ``take`` takes",
    _reading,
    _reading_memory,
    holds="the result, and the elements where they were; a mask of an inner partitioned axis: 4 bytes for each "
    "element that it selects; integer arrays: what ``take`` holds",
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
            bunches = -(-runs // RUNS_AT_ONCE)
            rounds = _rounds(value.size, _moved_at_once(value.itemsize))
            yield collective("exscan", 8 * runs, bunches)
            yield collective("allreduce", 8 * runs + 8 * (rounds > 1), bunches + (rounds > 1))
            yield collective("exchange_counts", 8 * (ranks - 1))
            yield exchange(problem, 2 * value.nbytes + 8 * value.share(ranks), 1 + 2 * rounds)
        return
    if key.axis is not None or value.axis is not None:
        yield collective("allgather", key.part(ranks) + value.part(ranks), 2)
        yield exchange(problem, key.part(ranks) + value.part(ranks), 2)
        if problem.crosses:
            share, row = _written_share(problem), _written_row(problem)
            rounds = _rounds(key.size, _written_at_once(row))
            yield collective("exchange_counts", 8 * (ranks - 1))
            yield collective("allreduce", 8 * (rounds > 1), int(rounds > 1))
            yield exchange(problem, (16 + row) * share + value.part(ranks), 3 * rounds)


def _rounds(count: int, at_once: int) -> int:
    """Return the most rounds in which ``count`` elements move: all of them may be for one rank."""
    return -(-count // at_once) or 1


def _moved_at_once(slab: int) -> int:
    """Return how many slabs, with their places, move into row-major order at a time."""
    return max(BUFFER_NBYTES // (2 * slab + 24), 1)


def _written_at_once(row: int) -> int:
    """Return how many writes are on their way at a time: sent and received, put in order, the last of each taken."""
    return max(BUFFER_NBYTES // (48 + 3 * row), 1)


def _written_share(problem: Problem) -> int:
    """Return how many writes one rank sends at most."""
    key, ranks = problem.operands[1], problem.ranks
    return max(key.share(ranks) if key.axis is not None else 0, -(-key.size // ranks))


def _written_row(problem: Problem) -> int:
    """Return the bytes that one index writes."""
    key, value = problem.operands[1], problem.operands[-1]
    return value.nbytes // max(key.size, 1) if value.size > 1 else value.itemsize


def _writing_memory(problem: Problem) -> int:
    x, value, ranks = problem.x, problem.operands[-1], problem.ranks
    # Where the value moves to, which may turn round first.
    met = max(value.part(ranks), min(value.nbytes, x.part(ranks)))
    if problem.times == 1:
        return 2 * met + buffered(2 * met)
    key = problem.operands[1]
    if problem.times == 2:
        # The mask where the array is; the value there; of an inner axis 4 bytes for each place that is written.
        mask = min(key.size, x.share(ranks)) if key.axis != x.axis else 0
        if value.size == 1:
            return mask + 8 * ranks
        in_order = _in_order_memory(problem, value.size, value.itemsize)
        return key.share(ranks) + mask + 2 * met + in_order + buffered(2 * met)
    share, row = _written_share(problem), _written_row(problem)
    if not problem.crosses:
        # Every rank has all indices, and the values for its part.
        all_indices = 8 * key.size * (key.axis is not None)
        return all_indices + met + buffered(met) + min(BUFFER_NBYTES, (48 + 3 * row) * key.size)
    newest = x.share(ranks) * value.itemsize // max(row, 1)
    way = max(share, answered(problem, x, key.size))
    moved = 8 * share + row * share
    return moved + buffered(moved) + 7 * share + newest + min(BUFFER_NBYTES, (48 + 3 * row) * way)


SETITEM = Formula(
    "none when the value is replicated or partitioned as what is written, else it moves there once; a mask moves to "
    "the partition of the array, and values other than a scalar follow an allgather of P counts (where the mask's "
    "first axis is not the partitioned one: counts for each run, and two exchanges); integer arrays or values that "
    "are partitioned travel to the owners, by an all-to-all of counts and at most three exchanges; above 64 MiB on "
    "their way these exchanges are cut into rounds, as many as an allreduce of 8 bytes says, so that no rank sends "
    "or gets more at once",
    _writing,
    _writing_memory,
    holds="the key and the value where they move to; a mask of an inner partitioned axis: 4 bytes for each element "
    "that is written; integer arrays: 7 bytes an index, and a byte (two beyond 127 ranks, 4 where the indices are "
    "partitioned along an inner axis) for each place that they can name",
)
