"""Budgets of what sorts, finds, looks up and indexes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.budgets.elements import moves_to
from benchmarks.budgets.problem import Formula, Operand, Problem, Step, buffered, collective, exchange, held

KEY_BITS = 64
"""Rounds of the bisection that finds exact splitters: at most one for each bit of a key."""


PIECE_NBYTES = 1 << 12
"""What a pass over memory takes beside it where the pieces are as small as in the tests (else up to 4 MiB)."""

RUNS_AT_ONCE = 1 << 16
"""Of so many runs of the row-major order the counts are agreed at once."""

NARROW, NARROW_LENGTH = 4, 2**31
"""The bytes of positions on their way, along axes of so many elements."""


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
        width = NARROW if x.shape[axis] <= NARROW_LENGTH else 8
        yield exchange(problem, part + (width * x.share(ranks) if positions else 0))

    def memory(problem: Problem) -> int:
        x, (axis,), ranks = problem.x, problem.axes, problem.ranks
        part, result = x.part(ranks), problem.result.part(ranks)
        is_lone = x.size == x.shape[axis]
        # A lane of positions that is not dense is copied while cut keys are put in order, or some short ones.
        lane = max(8 * x.shape[axis], PIECE_NBYTES) if positions and not is_lone else 0
        if not problem.crosses:
            return result + lane
        # A long other axis: what moved there, sorted where it lies, and the result.
        if not positions:
            return part + result + (0 if is_lone else buffered(part + result))
        width = NARROW if x.shape[axis] <= NARROW_LENGTH else 8
        travelling = part + width * x.share(ranks)
        # Lanes that are not dense are copied once.
        ordered = result + travelling + (0 if is_lone else part) + lane
        return max(ordered, 2 * travelling + buffered(2 * travelling), travelling + result)

    text = (
        "none unless ``axis`` is partitioned; two exchanges of a part when another axis is at least P long; else at "
        "most 68 small collectives for exact splitters (Varman et al. 1991; Axtmann and Sanders 2017), one exchange "
        "of counts, and one in which each value"
    )
    ending = ", with its position, moves at most once" if positions else " moves at most once"
    holds = "a sorted copy of the part, and the result"
    if positions:
        holds = (
            "each value with its position (4 bytes; 8 on an axis beyond 2**31) before and after they have moved; then "
            "those that came, and the result"
        )
    return Formula(text + ending, steps, memory, holds=holds)


SORT = ordering(positions=False)
ARGSORT = ordering(positions=True)


def _interleaves(x: Operand) -> bool:
    """Return whether a part is more than one run of the row-major order."""
    return x.axis is not None and any(length > 1 for length in x.shape[: x.axis])


def distinct(*, indices: bool, counts: bool, inverse: bool) -> Formula:
    """Return the budget of the distinct values."""

    def steps(problem: Problem) -> Iterator[Step]:
        x = problem.x
        if x.axis is None:
            return
        share, ranks = x.share(problem.ranks), problem.ranks
        width = x.itemsize + (8 if indices or _is_paired(x) else 0) + (8 if counts else 0)
        yield from _splitters(problem, phases=2 if _is_paired(x) else 1)
        yield collective("exscan", 8 * (ranks - 1))
        yield collective("allgather", 16, 2)
        yield collective("exchange_counts", 8 * (ranks - 1))
        yield exchange(problem, width * share)
        if inverse:
            yield exchange(problem, 8 * 2 * share)
        # Where the distinct values are so few that one rank has more than twice its share.
        yield exchange(problem, width * 2 * share)

    def memory(problem: Problem) -> int:
        return _distinct_memory(problem, indices=indices, counts=counts, inverse=inverse)

    beside = {(True, True): " with their positions and counts", (False, True): " with their counts"}
    text = (
        "none when ``x`` is replicated; else at most 68 small collectives for splitters (133 for complex values, and for "
        "floating-point ones whose parts interleave in row-major order, whose positions travel, too), "
        f"an all-to-all and two allgathers of counts, one exchange of each rank's distinct values{beside.get((indices, counts), '')}, "
    )
    reply = "one of their numbers back, " if inverse else ""
    holds = "the sorted values of the part, and what came in their place"
    if counts or inverse:
        holds = (
            "what each rank sends, and what came; then that, its order, and the result"
            if not inverse
            else "a number for each element, beside what each rank sends, and what came; then that, its order, and the result"
        )
    return Formula(f"{text}{reply}and one more if the result is lopsided", steps, memory, holds=holds)


def _distinct_memory(problem: Problem, *, indices: bool, counts: bool, inverse: bool) -> int:
    """Return the most of what the local pass, the exchange and the merge hold."""
    x = problem.x
    paired = _is_paired(x)
    share, width = (
        x.share(problem.ranks),
        x.itemsize + (8 if indices or paired else 0) + (8 if counts else 0),
    )
    kept = 8 if inverse else 0
    numbered = indices or inverse or paired
    # The local pass: the sorted values, their order, and lists of places in two forms.
    local = x.itemsize + kept + (8 if numbered else 0) + (16 if indices or counts or paired else 0)
    if x.axis is None:
        return local * share + problem.parts()
    if paired:
        # Both keys, and what the second is looked up in.
        local = max(local, width + kept + 24)
    moved = 2 * width + kept
    merged = width + kept + x.itemsize + 16 if counts or numbered else x.itemsize
    if paired:
        merged += 24
    # Of equals each rank may send one: a part has up to P values more than its share.
    there = share + problem.ranks
    results = sum(each.part(problem.ranks) for each in problem.results)
    packed = buffered(2 * width * there) if width > x.itemsize else 0
    return max(local * share, moved * there, merged * there, 2 * results) + packed


def _is_paired(x: Operand) -> bool:
    """Return whether pairs of keys part the values."""
    return x.kind == "complex" or (x.kind == "floating" and _interleaves(x))


UNIQUE = distinct(indices=False, counts=False, inverse=False)
UNIQUE_COUNTS = distinct(indices=False, counts=True, inverse=False)
UNIQUE_INVERSE = distinct(indices=False, counts=False, inverse=True)
UNIQUE_ALL = distinct(indices=True, counts=True, inverse=True)


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


def _searching_memory(problem: Problem) -> int:
    ordered, values, ranks = problem.operands[0], problem.operands[1], problem.ranks
    taken = 0
    if len(problem.operands) == 3:
        taken = problem.operands[2].share(ranks) * ordered.itemsize
        ordered = problem.operands[2] if problem.operands[2].axis is not None else ordered
    count, width = values.share(ranks), values.itemsize
    if ordered.axis is None or ordered.nbytes <= problem.limits.lookup or values.axis is None:
        # NaN among the values is looked for, and counts summed.
        found = (8 + 1 + (8 if values.axis is None else 0)) * count + ordered.nbytes * (
            ordered.axis is not None
        )
    else:
        asked = _answered(problem, ordered, values.size)
        found = 8 * count + max(width * (count + asked), (width + 9) * asked, 8 * (asked + count), 16 * count)
    if not taken:
        return found
    return taken + max(found, _taken_memory(problem, problem.operands[0], ordered, problem.operands[2]))


SEARCH = Formula(
    "none when ``x1`` is replicated; one allgather of it up to 1 MiB; one allreduce of 8 bytes a value when ``x2`` is "
    "replicated; else one allgather of P keys, an all-to-all of counts, and two exchanges of 8 bytes a value; a "
    "``sorter`` adds a ``take``",
    _searching,
    _searching_memory,
    holds="24 bytes a value, or for each value 8 and, for those that a rank is asked for, 16",
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


def _membership_memory(problem: Problem) -> int:
    elements, members, ranks = problem.operands[0], problem.operands[1], problem.ranks
    count, known, width = elements.share(ranks), members.share(ranks), elements.itemsize
    is_met = members.axis is not None and elements.axis is not None and members.nbytes > problem.limits.lookup
    if elements.kind == "complex":
        # Both sides are put together for their keys, and ordered by their parts.
        return count * 8 + (count + known) * (2 * width + 72)
    if not is_met:
        whole = members.size if members.nbytes <= problem.limits.lookup else known
        return 2 * whole * width + 2 * count
    there = count + known + 2 * ranks
    return (
        max((16 + width) * count, 8 * count + width * (count + known + there) + buffered(2 * width * there))
        + 2 * count
    )


MEMBER = Formula(
    "none when ``x2`` is replicated; one allgather of it up to 1 MiB; one allreduce of a byte an element when ``x1`` is "
    "replicated; else at most 133 small allreduces for splitters, an allgather and two all-to-alls of counts, one "
    "exchange of both sides' distinct values, and one of a byte each back",
    _membership,
    _membership_memory,
    holds="a number for each element, beside both sides' sorted values and what came in their place",
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


def _taken_memory(problem: Problem, x: Operand, answer: Operand, indices: Operand) -> int:
    """Return what a gather along the partitioned axis holds: queries and their order, then that and slabs twice."""
    ranks = problem.ranks
    even = -(-indices.size // ranks)
    count = indices.share(ranks) if indices.axis is not None else even
    slab = answer.nbytes // max(indices.size, 1)
    asked = _answered(problem, x, indices.size) if x.size else 0
    copied = 8 * indices.share(ranks)
    if x.axis is None or (indices.axis is None and answer.nbytes <= problem.limits.small):
        return copied + 3 * answer.part(ranks) + 25 * count
    return copied + max(
        26 * count, 16 * count + 8 * asked, 8 * count + (8 + slab) * asked,
        8 * count + slab * (asked + count), (8 + 2 * slab) * count,
    ) + buffered(slab * (asked + count))  # fmt: skip


def _taking_memory(problem: Problem) -> int:
    x, indices = problem.operands
    if x.axis is not None and not problem.crosses:
        return 16 * indices.size + 2 * problem.result.part(problem.ranks)
    return _taken_memory(problem, x, problem.result, indices)


TAKE = Formula(
    "none when ``axis`` is not partitioned and the indices are replicated (partitioned ones move to where ``x`` is, and "
    "8 bytes a pair of ranks agree that all are in bounds); one allreduce of a result of up to 64 KiB of replicated "
    "indices; else an all-to-all of counts and two exchanges, of 8 bytes an index and of the result (above 64 MiB of "
    "these an allreduce of 8 bytes, and more exchanges of less if one rank would have to answer more than twice its share)",
    _taking,
    _taking_memory,
    holds="24 bytes an index, or 8 and the result twice",
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
    runs = min(RUNS_AT_ONCE, x.size) if _interleaves(x) else 0
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
        yield collective("exscan", 8 * runs, bunches)
        yield collective("allreduce", 8 * runs, bunches)
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
            bunches = -(-runs // RUNS_AT_ONCE)
            yield collective("exscan", 8 * runs, bunches)
            yield collective("allreduce", 8 * runs, bunches)
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
