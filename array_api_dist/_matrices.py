"""Matrices in the last two axes of an array: where a factorization runs, and in which panels. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from math import prod
from typing import Final

from array_api_dist._alignment import Layout, even_on_longest
from array_api_dist._exchange import Segment
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import broadcast_shapes

COPY_NBYTES: Final = 1 << 20
"""Arrays up to this many bytes whose matrices are shared between ranks are factored on every rank."""
ONE_RANK_NBYTES: Final = 1 << 31
"""The spectral functions bring whole matrices to one rank each, up to this many bytes on a rank."""
TREE_NBYTES: Final = 1 << 23
"""Triangles of up to this many bytes in all are gathered at once; above, they are merged along a binary tree."""
PANEL_WIDTH: Final = 128
"""Columns that a blocked factorization treats at once."""


class Route(Enum):
    """Where the matrices of an array are factored."""

    LOCAL = "every matrix lies whole on the ranks that have it"
    BATCH = "the array is first partitioned along a batch axis"
    COPY = "small, or on every rank already: the array is first replicated"
    SPLIT = "the ranks share each matrix"


class Form(Enum):
    """What a matrix that the ranks share looks like."""

    TALL = "at least P times as many rows as columns: TSQR by parts of the rows"
    WIDE = "at least P times as many columns as rows"
    SQUARE = "neither"


@dataclass(frozen=True, slots=True)
class Panel:
    """Neighbouring columns [start, stop) of one owner, at ``place`` among its own."""

    owner: int
    start: int
    stop: int
    place: int

    @property
    def width(self) -> int:
        """How many columns."""
        return self.stop - self.start


@lru_cache(maxsize=4096)
def route(shape: Shape, partition: Partition, itemsize: int, ranks: int, limit: int) -> Route:
    """Return where the matrices are factored; ``limit`` is the number of bytes up to which copies are allowed."""
    if partition.axis is None or partition.axis < len(shape) - 2:
        return Route.LOCAL
    if partition.is_whole_everywhere:
        return Route.COPY
    if max(shape[:-2], default=0) >= ranks:
        return Route.BATCH
    return Route.COPY if prod(shape) * itemsize <= limit else Route.SPLIT


def form(shape: Shape, ranks: int) -> Form:
    """Return what the matrices of ``shape`` look like to ``ranks`` ranks."""
    rows, columns = shape[-2:]
    if rows >= ranks * columns:
        return Form.TALL
    return Form.WIDE if columns >= ranks * rows else Form.SQUARE


@lru_cache(maxsize=256)
def panels(columns: Partition, stop: int, width: int) -> tuple[Panel, ...]:
    """Return the panels of at most ``width`` columns, each of one owner, that make up columns [0, stop)."""
    return tuple(
        Panel(owner, start, min(start + width, high), start - columns.offset(owner))
        for owner, low, high in columns.overlaps(0, stop)
        for start in range(low, high, width)
    )


@dataclass(frozen=True, slots=True)
class Deal:
    """Columns dealt out to the ranks in panels, one after another (block-cyclic).

    As the factorization proceeds, the columns that are left stay with all ranks.

    Attributes
    ----------
    panels : tuple of Panel
        In the order of their columns; those of a rank lie in that order, too.
    partition : Partition
        How many columns each rank has, along the last axis.
    """

    panels: tuple[Panel, ...]
    partition: Partition

    def of(self, rank: int) -> tuple[Panel, ...]:
        """Return the panels of ``rank``."""
        return tuple(panel for panel in self.panels if panel.owner == rank)

    def place_beyond(self, panel: Panel, rank: int) -> int:
        """Return where the columns of ``rank`` begin that are beyond those of ``panel``."""
        return sum(each.width for each in self.panels if each.owner == rank and each.start <= panel.start)

    def segments(self) -> tuple[Segment, ...]:
        """Return which columns go where in the order of the ranks."""
        return tuple(
            Segment(0, panel.start, panel.width, self.partition.offset(panel.owner) + panel.place)
            for panel in self.panels
        )

    def segments_back(self) -> tuple[Segment, ...]:
        """Return where they come from."""
        return tuple(replace(each, start=each.offset, offset=each.start) for each in self.segments())


@lru_cache(maxsize=1024)
def dealt(axis: int, length: int, ranks: int, width: int) -> Deal:
    """Return ``length`` columns, along ``axis``, dealt out in panels of ``width``, narrower if some ranks would get none."""
    width = max(min(width, -(-length // ranks)), 1)
    found, counts = [], [0] * ranks
    for number, start in enumerate(range(0, length, width)):
        owner = number % ranks
        panel = Panel(owner, start, min(start + width, length), counts[owner])
        counts[owner] += panel.width
        found.append(panel)
    return Deal(tuple(found), Partition.from_counts(axis, counts))


def diagonal_partition(shape: Shape, partition: Partition, offset: int) -> Partition:
    """Return how a diagonal, the new last axis, lies when no element moves."""
    if partition.axis is None or partition.axis < len(shape) - 2:
        return partition
    count = diagonal_length(shape, offset)
    # Element i of the diagonal is (i + below, i + above).
    shift = max(-offset, 0) if partition.axis == len(shape) - 2 else max(offset, 0)
    bounds = [min(max(bound - shift, 0), count) for bound in partition.bounds]
    return Partition(len(shape) - 2, (0, *bounds[1:-1], count))


def diagonal_length(shape: Shape, offset: int) -> int:
    """Return how many elements the diagonal has."""
    rows, columns = shape[-2:]
    return max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)


@lru_cache(maxsize=1024)
def solve_shape(matrix: Shape, right: Shape) -> tuple[Shape, Shape]:
    """Return the shapes of the right-hand side as a stack of matrices, and of the result.

    Raises
    ------
    ValueError
        If the matrices aren't square, the rows differ or the batch axes don't broadcast.
    """
    check_square("solve", matrix)
    stacked = (*right, 1) if len(right) == 1 else right
    if len(stacked) < 2 or stacked[-2] != matrix[-1]:
        raise ValueError(
            f"solve takes a right-hand side with as many rows as the matrix, got shapes {matrix} and {right}"
        )
    batch = broadcast_shapes(matrix[:-2], stacked[:-2])
    return stacked, (*batch, *stacked[-2:])


def check_square(function: str, shape: Shape) -> None:
    """Raise ValueError unless the last two axes form square matrices."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{function} takes square matrices of shape (..., M, M), got shape {shape}")


def check_matrices(function: str, shape: Shape) -> None:
    """Raise ValueError unless there are at least two axes."""
    if len(shape) < 2:
        raise ValueError(f"{function} takes matrices of shape (..., M, N), got shape {shape}")


def merges(counts: tuple[int, ...], width: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield (distance, rows before) of each level of a binary tree that merges triangles of ``width`` columns.

    At a level, rank r in steps of twice the distance takes over the triangle of rank r + distance.
    """
    distance, rows = 1, counts
    while distance < len(counts):
        yield distance, rows
        rows = tuple(
            min(count + (rows[rank + distance] if rank + distance < len(rows) else 0), width)
            if rank % (2 * distance) == 0
            else 0
            for rank, count in enumerate(rows)
        )
        distance *= 2


def solve_partition(matrix: Layout, side: Layout, shape: Shape, ranks: int) -> Partition:
    """Return how the solution of ``shape`` lies: as the matrices' batch, else as the right-hand side where it can."""
    for operand in (matrix, side):
        if operand.partition.axis is None:
            continue
        axis = operand.partition.axis + len(shape) - len(operand.shape)
        if axis != len(shape) - 2 and operand.shape[operand.partition.axis] == shape[axis]:
            return operand.partition.on_axis(axis)
    if side.partition.axis is None or max((*shape[:-2], shape[-1])) < ranks:
        return REPLICATED
    return even_on_longest(shape, ranks, without=len(shape) - 2)
