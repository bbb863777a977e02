"""Budgets of products, factorizations and Fourier transforms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isqrt, prod

from benchmarks.budgets.elements import MEET
from benchmarks.budgets.problem import (
    Formula,
    Memory,
    Operand,
    Problem,
    Step,
    Steps,
    collective,
    exchange,
    held,
)


def _once(problem: Problem) -> Iterator[Step]:
    """Yield all that a contraction chooses from: new layouts, a copy of an operand, a ring, or the sum of products."""
    if not problem.is_spread:
        return
    ranks, result, limits = problem.ranks, problem.result, problem.limits
    left, right = problem.operands[:2]
    yield exchange(problem, left.part(ranks) + right.part(ranks), 2)
    smaller = min(left, right, key=lambda operand: operand.nbytes)
    if smaller.nbytes <= limits.gathered:
        yield collective("allgather", max(left.part(ranks), right.part(ranks)))
    is_scattered = result.nbytes > limits.scatter and max(result.shape, default=0) >= ranks
    if not is_scattered:
        yield collective("allreduce", result.nbytes)
    travels = max(left.part(ranks), right.part(ranks), -(-result.nbytes // ranks) * 2)
    yield collective("shift", (ranks - 1) * travels, ranks - 1)


PRODUCT = Formula(
    "none, or the cheapest of: an operand laid out anew by one exchange; the smaller one copied by one allgather (up to "
    "64 MiB), or its parts sent round a ring; the sum of the products by one allreduce (above 1 MiB scattered, by a ring)",
    _once,
    held(3),
)


def _updating(problem: Problem) -> Iterator[Step]:
    yield from _once(problem)
    if problem.is_spread:
        yield exchange(problem, problem.x.nbytes)
        yield collective("allgather", problem.x.nbytes)


UPDATED_PRODUCT = Formula(
    f"{PRODUCT.text}; and one exchange or allgather to the partition of this array",
    _updating,
    held(6),
)


def _crossing(problem: Problem) -> Iterator[Step]:
    yield from MEET.steps(problem)
    for operand in problem.operands:
        if operand.axis is not None:
            yield exchange(problem, operand.part(problem.ranks))
            yield collective("allgather", operand.part(problem.ranks))


CROSS = Formula(
    f"{MEET.text}; one exchange more for each operand where ``axis`` is partitioned",
    _crossing,
    held(2),
)


# ---- matrices


def _is_shared(operand: Operand) -> bool:
    """Return whether rows or columns of the matrices are partitioned."""
    return operand.axis is not None and operand.axis >= len(operand.shape) - 2


def whole(problem: Problem, shared: Steps) -> Iterator[Step]:
    """Yield what brings matrices whole to the ranks, or what ranks that ``shared`` them do instead."""
    x, ranks = problem.x, problem.ranks
    if not _is_shared(x):
        return
    if max(x.shape[:-2], default=0) >= ranks:
        yield exchange(problem, x.part(ranks))
    elif x.nbytes <= problem.limits.matrices:
        yield collective("allgather", x.part(ranks))
    else:
        yield from shared(problem)


def panels(problem: Problem, matrices: float, *, per_panel: int = 1) -> Iterator[Step]:
    """Yield the broadcast of all panels, ``matrices`` times the array's size in all."""
    x = problem.x
    count = -(-min(x.shape[-2:]) // problem.limits.panel) + problem.ranks
    small = 4 * prod(x.shape[:-2]) * count * problem.limits.panel
    ragged = x.itemsize * prod(x.shape[:-1]) * problem.limits.panel
    yield collective("broadcast", int(matrices * x.nbytes) + ragged + small, per_panel * count)


def _by_columns(problem: Problem) -> Iterator[Step]:
    yield exchange(problem, problem.x.part(problem.ranks))


WHOLE_TEXT = (
    "none, one exchange or one small allgather unless the ranks share matrices (see the module); then "
)


def factorization(
    ending: str, shared: Steps, memory: Memory, *, agrees: bool = True, is_gathering: bool = False
) -> Formula:
    """Return the budget of a factorization of matrices that the ranks share as ``ending`` says."""

    def steps(problem: Problem) -> Iterator[Step]:
        yield from whole(problem, shared)
        if agrees and problem.x.axis is not None:
            # That no matrix is singular, and no element infinite.
            yield collective("agree", 16, 2)

    return Formula(WHOLE_TEXT + ending, steps, memory, is_gathering=is_gathering)


def _dealt_and_back(problem: Problem) -> Iterator[Step]:
    x, ranks = problem.x, problem.ranks
    # What is dealt out is even but for a panel.
    panel = prod(x.shape[:-1]) * min(problem.limits.panel, -(-x.shape[-1] // ranks)) * x.itemsize
    yield exchange(problem, x.part(ranks) + x.nbytes // ranks + panel, 2)
    yield from panels(problem, 0.5)


def _half(problem: Problem) -> Iterator[Step]:
    yield from _by_columns(problem)
    yield from panels(problem, 0.5, per_panel=2)


def _whole_square(problem: Problem) -> Iterator[Step]:
    yield from _by_columns(problem)
    yield from panels(problem, 1.0, per_panel=3)


def _square_memory(problem: Problem) -> int:
    x = problem.x
    panel = prod(x.shape[:-1]) * problem.limits.panel * x.itemsize
    return 5 * problem.parts() + 8 * panel


CHOLESKY = factorization(
    "M² / 2 elements of panels of 128 columns, broadcast, and two exchanges that deal them out and bring them back",
    _dealt_and_back,
    _square_memory,
)
DETERMINANT = factorization(
    "elimination: one exchange that deals panels of 128 columns out, M² / 2 elements of them, broadcast, and their pivots",
    _half,
    _square_memory,
)
INVERSE = factorization(
    "elimination and back substitution: one exchange that deals panels of 128 columns out, M² elements of them, "
    "broadcast, and their pivots",
    _whole_square,
    _square_memory,
)


def _solving(problem: Problem) -> Iterator[Step]:
    yield from whole(problem, _whole_square)
    right = problem.operands[1]
    if problem.is_spread:
        yield collective("agree", 8)
    if right.axis is not None:
        yield exchange(problem, right.part(problem.ranks))
        yield collective("allgather", right.part(problem.ranks))


SOLVE = Formula(
    WHOLE_TEXT
    + "elimination with row exchanges and back substitution: one exchange that deals panels of 128 columns out, M² "
    "elements of them, broadcast, and their pivots; ``x2`` moves once at most",
    _solving,
    _square_memory,
)


def form(problem: Problem) -> str:
    """Return whether shared matrices are tall or wide by a factor of P, or square."""
    rows, columns = problem.x.shape[-2:]
    if rows >= problem.ranks * columns:
        return "tall"
    return "wide" if columns >= problem.ranks * rows else "square"


def _triangles(problem: Problem) -> Iterator[Step]:
    """Yield TSQR: by parts of the rows, which may first have to be made; one allgather of triangles, or a tree."""
    x, ranks = problem.x, problem.ranks
    width = min(x.shape[-2:])
    triangle = prod(x.shape[:-2]) * width * width * x.itemsize
    rows_axis = len(x.shape) - (2 if form(problem) == "tall" else 1)
    if x.axis != rows_axis:
        yield exchange(problem, x.part(ranks))
    if ranks * triangle <= problem.limits.triangles:
        yield collective("allgather", triangle)
        return
    yield Step("exchange", 2 * problem.rounds, problem.rounds + 1, (problem.rounds + 1) * triangle)
    yield collective("broadcast", triangle)


def _orthogonal(problem: Problem) -> Iterator[Step]:
    shape = form(problem)
    if shape == "tall" and problem.times == 1:
        yield from _triangles(problem)
        # The first rows of Q to one rank, which tells the signs of R's diagonal.
        triangle = _triangle(problem)
        yield exchange(problem, triangle.nbytes)
        yield collective("broadcast", triangle.nbytes // max(triangle.shape[-1], 1))
    elif shape == "wide":
        yield from _by_columns(problem)
        rows = problem.x.shape[-2]
        yield exchange(problem, problem.x.part(problem.ranks))
        yield collective("allgather", prod(problem.x.shape[:-1]) * rows * problem.x.itemsize)
    else:
        yield from _by_columns(problem)
        yield from panels(problem, 2.0, per_panel=4)


def _tall_memory(problem: Problem) -> int:
    x = problem.x
    width = min(x.shape[-2:])
    triangles = prod(x.shape[:-2]) * width * width * x.itemsize * (problem.ranks + 4)
    panel = prod(x.shape[:-1]) * min(problem.limits.panel, width) * x.itemsize
    return 6 * problem.parts() + 4 * triangles + 8 * panel


QR = factorization(
    "TSQR of those tall by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P) messages of one above; the "
    "first K rows of Q to one rank and K signs from there), the leading square of wide ones, of others 2 M K elements of panels of 128 columns, broadcast",
    _orthogonal,
    _tall_memory,
    agrees=False,
)


def _on_one_rank(problem: Problem) -> Iterator[Step]:
    ranks, small = problem.ranks, problem.limits.small
    yield exchange(problem, problem.x.part(ranks))
    for result in problem.results:
        if len(problem.x.shape) > 2:
            continue
        if result.nbytes <= small or max(result.shape, default=0) < ranks:
            yield collective("allgather", result.nbytes)
        else:
            yield exchange(problem, result.nbytes)


def _gathered_memory(problem: Problem) -> int:
    x = problem.x
    per_rank = x.nbytes
    return 8 * (per_rank + sum(result.nbytes for result in problem.results)) + 8 * x.nbytes


SPECTRUM = factorization(
    "one exchange that brings each to one rank, up to 2 GiB there (above, a MemoryError on every rank), and one that "
    "spreads each result (one allgather up to 64 KiB)",
    _on_one_rank,
    _gathered_memory,
    is_gathering=True,
)


def _long(problem: Problem) -> Problem:
    """Return the problem of the transposed matrices where they have more columns than rows."""
    x = problem.x
    rows, columns = x.shape[-2:]
    if rows >= columns:
        return problem
    axes = {len(x.shape) - 2: len(x.shape) - 1, len(x.shape) - 1: len(x.shape) - 2}
    turned = replace(
        x, shape=(*x.shape[:-2], columns, rows), axis=None if x.axis is None else axes.get(x.axis, x.axis)
    )
    return problem.with_operands(turned)


def _triangle(problem: Problem) -> Operand:
    """Return the triangle, no longer than it is wide, that stands for a long matrix."""
    x = problem.x
    return Operand((*x.shape[:-2], x.shape[-1], x.shape[-1]), x.itemsize, len(x.shape) - 1)


def _factored(problem: Problem, factors: tuple[Operand, ...], matrices: float) -> Iterator[Step]:
    """Yield what brings a square matrix, or the triangle of another, to one rank, and what comes back of it."""
    long = _long(problem)
    if long.x.shape[-1] == long.x.shape[-2]:
        yield from _on_one_rank(replace(problem, results=factors))
        return
    yield from _by_columns(long)
    yield from panels(long, matrices, per_panel=4)
    yield from _on_one_rank(replace(long, operands=(_triangle(long),), results=factors))


def _singular(problem: Problem) -> Iterator[Step]:
    shape = form(problem)
    if shape != "square" and problem.times == 1:
        yield from _triangles(problem)
        return
    long, part = _long(problem), problem.parts()
    triangle = _triangle(long)
    if shape == "square":
        values = Operand(triangle.shape[:-1], 8)
        yield from _factored(problem, (triangle, values, triangle), 2.0)
    else:
        yield from _by_columns(long)
        yield from panels(long, 2.0, per_panel=4)
        yield collective("allgather", triangle.nbytes)
    if long.x.shape[-2] > long.x.shape[-1]:
        # The product of the orthogonal factor with that of the triangle, beside all the columns of U if asked for.
        factor = Operand(long.x.shape, long.x.itemsize, len(long.x.shape) - 1)
        yield from _once(Problem(long.ranks, (factor, triangle), (factor,), limits=long.limits))
        yield exchange(problem, 4 * part, 4 if problem.times == 2 else 0)
        yield collective("allgather", part if problem.times == 2 else 0, problem.times - 1)


SINGULAR_TEXT = (
    "TSQR of those tall or wide by a factor of P (one allgather of K×K triangles up to 8 MiB, log2(P) messages of one "
    "above){}; square ones go to one rank, up to 2 GiB there (above, a MemoryError on every rank); others {} 128 "
    "columns, broadcast, and their K×K triangle goes there"
)


def _values(problem: Problem) -> Iterator[Step]:
    x = problem.x
    if form(problem) != "square":
        yield from _triangles(problem)
        return
    values = Operand((*x.shape[:-2], min(x.shape[-2:])), 8)
    yield from _factored(problem, (values,), 1.0)
    if len(x.shape) == 2:
        # Very long vectors of singular values that one rank had were spread.
        yield collective("allgather", values.part(problem.ranks))


def _singular_memory(problem: Problem) -> int:
    if form(problem) != "square":
        return _tall_memory(problem)
    long = _long(problem)
    # One rank has the triangle, its factors, and what LAPACK needs for them.
    return 2 * _tall_memory(problem) + 24 * _triangle(long).nbytes


SVD = factorization(
    SINGULAR_TEXT.format(
        ", with ``full_matrices`` 2 M² elements of panels, broadcast",
        "first send 2 M K elements of panels of",
    ),
    _singular,
    _singular_memory,
    is_gathering=True,
)
SVDVALS = factorization(
    SINGULAR_TEXT.format("", "first send M K elements of panels of"),
    _values,
    _singular_memory,
    is_gathering=True,
)


def _pseudo_inverse(problem: Problem) -> Iterator[Step]:
    x, ranks = problem.x, problem.ranks
    width = min(x.shape[-2:])
    yield from _singular(problem)
    if _is_shared(x) and form(problem) == "square" and len(x.shape) == 2:
        # The factors lie apart again: their product moves one of them.
        left, right = (Operand((x.shape[axis], width), x.itemsize, 0) for axis in (-2, -1))
        product = Operand((x.shape[-1], x.shape[-2]), x.itemsize, 0)
        yield from _once(Problem(ranks, (left, right), (product,), limits=problem.limits))
        yield collective("allgather", width * x.itemsize)
        yield exchange(problem, width * x.itemsize)


PINV = factorization(
    SINGULAR_TEXT.format("", "first send 2 M K elements of panels of") + "; and the product of the factors",
    _pseudo_inverse,
    lambda problem: 2 * _singular_memory(problem),
    is_gathering=True,
)


def _powers(problem: Problem) -> Iterator[Step]:
    times = abs(problem.times)
    products = 2 * times.bit_length()
    square = replace(problem, operands=(problem.x, problem.x))
    for _ in range(products):
        yield from _once(square)
    if problem.times < 0:
        yield from INVERSE.steps(problem)


POWER = Formula(
    "that of at most 2 log2(n) products, and of ``inv`` when ``n`` is negative",
    _powers,
    lambda problem: 8 * problem.parts() + _square_memory(problem),
)


def _norming(problem: Problem) -> Iterator[Step]:
    """Bound a matrix norm; ``times`` is 2 for the spectral ones."""
    if not _is_shared(problem.x):
        return
    if problem.times == 2:
        values = Operand((*problem.x.shape[:-2], min(problem.x.shape[-2:])), 8)
        yield from SVDVALS.steps(replace(problem, times=1))
        yield collective("allreduce", 8 * values.size)
        return
    sums = problem.x.size // min(problem.x.shape[-2:]) * 8
    if sums < problem.limits.scatter:
        yield collective("allreduce", 2 * sums, 2)
    else:
        yield collective("reduce_scatter", sums)
        yield collective("allreduce", sums)


MATRIX_NORM = Formula(
    "none unless rows or columns are partitioned; then at most two reductions of sums or extremes; for ``ord`` "
    '"nuc", 2 and -2 that of ``svdvals``',
    _norming,
    lambda problem: 4 * problem.parts(wide=True) + (_singular_memory(problem) if problem.times == 2 else 0),
    is_gathering=True,
)


# ---- Fourier transforms


def _factors(points: int) -> int:
    return next(divisor for divisor in range(isqrt(points), 0, -1) if points % divisor == 0)


def _points(problem: Problem) -> int:
    """Return at how many points the transform along the partitioned axis of the first operand runs."""
    return problem.times


def _transforming(problem: Problem) -> Iterator[Step]:
    if not problem.crosses:
        return
    x, result, ranks, axis = problem.x, problem.result, problem.ranks, problem.x.axis
    assert axis is not None
    points = _points(problem)
    others = [length for other, length in enumerate(x.shape) if other != axis]
    lanes = prod(others)
    width = max(x.itemsize, result.itemsize)
    outgoing = x.share(ranks) * width
    incoming = -(-max(result.shape[axis], 1) // ranks) * (result.size // max(result.shape[axis], 1)) * width
    if max(others, default=0) >= ranks:
        longest = max(others)
        spread = result.size // max(longest, 1) * -(-longest // ranks) * width
        yield exchange(problem, outgoing + max(spread, incoming), 2)
    elif 16 * lanes * max(points, x.shape[axis]) <= problem.limits.transforms:
        yield collective("allgather", outgoing)
    elif _factors(points) >= ranks:
        square = 16 * lanes * (-(-points // ranks) + isqrt(points) + ranks)
        yield exchange(problem, 2 * outgoing + 2 * square, 3)
    else:
        padded = 1 << (2 * points - 2).bit_length()
        square = 16 * lanes * (-(-padded // ranks) + isqrt(padded) + ranks)
        yield exchange(problem, 2 * outgoing + 5 * square, 5)


def _transform_memory(problem: Problem) -> int:
    shares = 16 * sum(each.share(problem.ranks) for each in (*problem.operands, *problem.results))
    if not problem.crosses:
        return 4 * shares
    x, points, axis = problem.x, _points(problem), problem.x.axis
    assert axis is not None
    lanes = x.size // max(x.shape[axis], 1)
    is_chirp = _factors(points) < problem.ranks
    padded = 1 << (2 * points - 2).bit_length() if is_chirp else points
    square = 16 * lanes * (-(-padded // problem.ranks) + isqrt(padded) + problem.ranks)
    return 4 * shares + (8 if is_chirp else 4) * square


TRANSFORM = Formula(
    "none unless a transformed axis is partitioned; then two exchanges when another axis is at least P long; one "
    "allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or five where the number of "
    "points has no two factors of at least P (Bluestein 1970)",
    _transforming,
    _transform_memory,
    _transform_memory,
)
