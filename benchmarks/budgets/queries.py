"""Budgets of what sorts, finds distinct values and looks up."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.budgets.indexing import (
    NARROW,
    NARROW_LENGTH,
    PIECE_NBYTES,
    answered,
    interleaves,
    taken,
    taken_memory,
)
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

KEY_BITS = 64
"""What the search for exact splitters settles, some bits in each round."""

ROUND_BITS, ROUND_NBYTES = 4, 1 << 12
"""At most so many bits, if the counts that tell them apart are no more than so many bytes, else one or as many as are."""


def _splitters(problem: Problem, lanes: int = 1, phases: int = 1) -> Iterator[Step]:
    """Yield the search for P - 1 splitters of each lane: their bounds, the rounds, and how ties are cut."""
    count = lanes * (problem.ranks - 1)
    fitting = (bits for bits in range(ROUND_BITS, 1, -1) if 8 * count * ((1 << bits) - 1) <= ROUND_NBYTES)
    bits = next(fitting, 1)
    rounds, nbytes = -(-KEY_BITS // bits), 8 * count
    yield collective(
        "allreduce",
        phases * (rounds * nbytes * ((1 << bits) - 1) + 16 * lanes) + nbytes,
        phases * (rounds + 1) + 1,
    )


def _ordering_memory(problem: Problem, *, positions: bool) -> int:
    """Return the most of what the local pass, the exchange and the merge hold."""
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
    width = NARROW if x.shape[axis] < NARROW_LENGTH else 8
    travelling = part + width * x.share(ranks)
    # Lanes that are not dense are copied once.
    ordered = result + travelling + (0 if is_lone else part) + lane
    packed = 0 if is_lone else buffered(2 * travelling)
    # The local pass: the order, the values in it, and positions.
    ordered = max(ordered, 8 * x.share(ranks) + travelling + (0 if is_lone else part) + lane)
    if _travels_together(problem, x.itemsize + width):
        return max(ordered, 2 * travelling + buffered(2 * travelling), travelling + result)
    return max(ordered, travelling + max(part, width * x.share(ranks)) + packed, travelling + result)


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
        width = NARROW if x.shape[axis] < NARROW_LENGTH else 8
        calls = 2 if positions and not _travels_together(problem, x.itemsize + width) else 1
        yield exchange(problem, part + (width * x.share(ranks) if positions else 0), calls)

    def memory(problem: Problem) -> int:
        return _ordering_memory(problem, positions=positions)

    text = (
        "none unless ``axis`` is partitioned; two exchanges of a part when another axis is at least P long; else at "
        "most 67 small collectives for exact splitters (Varman et al. 1991; Axtmann and Sanders 2017), one exchange "
        "of counts, and one in which each value"
    )
    ending = (
        ", with its position, moves at most once (above 64 MiB in all one for values, and one for positions)"
        if positions
        else " moves at most once"
    )
    holds = "a sorted copy of the part, and the result"
    if positions:
        holds = (
            "each value with its position (4 bytes; 8 on an axis from 2**31 on), and 8 bytes for their order, the result, "
            "or one of the two where it moves to"
        )
    return Formula(text + ending, steps, memory, holds=holds)


SORT = ordering(positions=False)
ARGSORT = ordering(positions=True)


def _travels_together(problem: Problem, width: int) -> bool:
    """Return whether what travels of each element of the first operand, ``width`` bytes, takes one exchange."""
    return width * problem.x.size <= problem.limits.together


def distinct(*, indices: bool, counts: bool, inverse: bool) -> Formula:
    """Return the budget of the distinct values."""

    def steps(problem: Problem) -> Iterator[Step]:
        x = problem.x
        if x.axis is None:
            return
        share, ranks = x.share(problem.ranks), problem.ranks
        beside = (indices or _is_paired(x)) + counts
        width = x.itemsize + (8 if indices or _is_paired(x) else 0) + (NARROW if counts else 0)
        yield from _splitters(problem, phases=2 if _is_paired(x) else 1)
        yield collective("exscan", 8 * (ranks - 1))
        yield collective("allgather", 16, 2)
        yield collective("exchange_counts", 8 * (ranks - 1))
        yield exchange(problem, width * share, 1 if _travels_together(problem, width) else 1 + beside)
        if inverse:
            yield exchange(problem, NARROW * 2 * share)
        # Where the distinct values are so few that one rank has more than twice its share.
        yield exchange(problem, (x.itemsize + 8 * beside) * 2 * share)

    def memory(problem: Problem) -> int:
        return _distinct_memory(problem, indices=indices, counts=counts, inverse=inverse)

    beside = {(True, True): " with their positions and counts", (False, True): " with their counts"}
    apart = {
        (True, True): " (above 64 MiB in all one for each of these)",
        (False, True): " (above 64 MiB one for each)",
    }
    text = (
        "none when ``x`` is replicated; else at most 67 small collectives for splitters (131 for complex values, and for "
        "floating-point ones whose parts interleave in row-major order, whose positions travel, too), "
        f"an all-to-all and two allgathers of counts, one exchange of each rank's distinct values"
        f"{beside.get((indices, counts), '')}{apart.get((indices, counts), '')}, "
    )
    reply = "one of their numbers back, " if inverse else ""
    return Formula(
        f"{text}{reply}and one more if the result is lopsided",
        steps,
        memory,
        holds=_distinct_holds(indices=indices, counts=counts, inverse=inverse),
    )


def _distinct_holds(*, indices: bool, counts: bool, inverse: bool) -> str:
    """Return what the memory is made of."""
    if not (counts or inverse):
        return "the sorted values of the part, and what came in their place"
    of_each = (
        "its value" + (", 8 for its position" if indices else "") + (", 4 for its count" if counts else "")
    )
    return (
        f"of each distinct value of the part {of_each}, and one of these where it moves to; then what came, 8 bytes for "
        f"its order{', the counts' if indices and counts else ''}, and the result"
        f"{'; for each element 4 bytes, and 4 to answer it' if inverse else ''}"
    )


def _distinct_memory(problem: Problem, *, indices: bool, counts: bool, inverse: bool) -> int:
    """Return the most of what the local pass, the exchange and the merge hold."""
    x = problem.x
    paired = _is_paired(x)
    first = 8 if indices or paired else 0
    order = 8 if indices or inverse or paired else 0
    if x.axis is None:
        local = x.itemsize + max(order + first, first + 8 * counts) + 8 * inverse
        return local * x.share(problem.ranks) + problem.parts()
    width = x.itemsize + first + NARROW * counts
    kept = NARROW * inverse
    # The local pass: the sorted values, their order, and what it gives.
    local = x.itemsize + max(order + first, first + NARROW * counts) + kept
    if paired:
        # Both keys, and what the second is looked up in.
        local = max(local, width + kept + 24)
    # What is sent, and what came of it: all, or one thing after the other.
    is_apart = not _travels_together(problem, width)
    moved = width + (max(x.itemsize, first) if is_apart else width) + kept
    merged = x.itemsize
    if counts or inverse or first:
        merged = width + 8 + (8 if first and counts else 0) + 2 * kept
    if paired:
        # What came in the order of positions, and its order by both parts.
        merged = max(merged + 24 + x.itemsize, width + x.itemsize + 34 + kept)
    there = x.share(problem.ranks) + problem.ranks
    # The answers where they were found and where they were asked for, and the numbers that they make.
    told = x.itemsize + 8 * (indices + counts) + kept + max(2 * NARROW, NARROW + 8) if inverse else 0
    results = sum(each.part(problem.ranks) for each in problem.results)
    packed = buffered(2 * width * there) if width > x.itemsize and not is_apart else 0
    evened = 2 * results + buffered(2 * results) * (len(problem.results) > 1)
    # Of equals each rank may send one: a part has up to P values more than its share.
    return max(local * there, moved * there + packed, merged * there, told * there, evened)


def _is_paired(x: Operand) -> bool:
    """Return whether pairs of keys part the values."""
    return x.kind == "complex" or (x.kind == "floating" and interleaves(x))


UNIQUE = distinct(indices=False, counts=False, inverse=False)
UNIQUE_COUNTS = distinct(indices=False, counts=True, inverse=False)
UNIQUE_INVERSE = distinct(indices=False, counts=False, inverse=True)
UNIQUE_ALL = distinct(indices=True, counts=True, inverse=True)


def _searching(problem: Problem) -> Iterator[Step]:
    ordered, values = problem.operands[0], problem.operands[1]
    ranks = problem.ranks
    if len(problem.operands) == 3:
        yield from taken(problem, ordered, ordered, problem.operands[2])
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
        yield exchange(problem, 8 * values.share(ranks) + answered(problem, ordered, 8 * values.size), 2)


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
        asked = answered(problem, ordered, values.size)
        found = 8 * count + max(width * (count + asked), (width + 9) * asked, 8 * (asked + count), 16 * count)
    if not taken:
        return found
    return taken + max(found, taken_memory(problem, problem.operands[0], ordered, problem.operands[2]))


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
        width = elements.itemsize
        at_once = max(BUFFER_NBYTES // (3 * width + 24), 1)
        rounds = -(-elements.share(ranks) // at_once) if elements.kind != "complex" else 1
        # Those that one rank alone is asked for take more of them.
        asked = rounds * ranks if rounds > 1 else 1
        yield from _splitters(problem, phases=2)
        yield collective("allgather", 8)
        yield collective("exchange_counts", 8 * (ranks - 1) * (1 + rounds), 1 + rounds)
        yield collective("allreduce", 8 * rounds * (rounds > 1), rounds * (rounds > 1))
        answers = -(-(elements.size + members.size) // ranks) + 2 * ranks
        yield exchange(
            problem, elements.part(ranks) + members.part(ranks) + answers, (rounds > 1) + 2 * asked
        )


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
    at_once = max(BUFFER_NBYTES // (3 * width + 24), 1)
    if count > at_once:
        # Both sides' sorted values, or those of one of them before and after they have moved; a byte an element.
        return 2 * count + width * max(count + known, known + there) + BUFFER_NBYTES
    # The order of the elements, and their numbers.
    local = (8 + NARROW + width) * count + width * known
    travelling = NARROW * count + width * (count + known + there) + buffered(2 * width * there)
    return max(local, travelling) + 2 * count + PIECE_NBYTES


MEMBER = Formula(
    "none when ``x2`` is replicated; one allgather of it up to 1 MiB; one allreduce of a byte an element when ``x1`` is "
    "replicated; else at most 131 small allreduces for splitters, an allgather and two all-to-alls of counts, one "
    "exchange of both sides' distinct values, and one of a byte each back (above 64 MiB of elements that are looked for "
    "one exchange of those of ``x2``, and, so many elements at a time, two exchanges, an allreduce of 8 bytes and an "
    "all-to-all of counts; as many more as one rank is asked for more)",
    _membership,
    _membership_memory,
    holds="the sorted values of both sides, or those of ``x2`` and what came in their place, up to as many as ``x1`` has "
    "among them where those of ``x2`` crowd; complex values: both sides, what came, and all of it in order",
)
