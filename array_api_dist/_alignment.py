"""Who moves: the layouts in which operands of different partitions meet.

Decisions from shapes and partitions alone; nothing moves here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import broadcast_shapes


@dataclass(frozen=True, slots=True)
class Layout:
    """The global shape of an array and its partition."""

    shape: Shape
    partition: Partition


@dataclass(frozen=True, slots=True)
class Alignment:
    """How operands meet: the result's layout, and the partition that each operand takes first."""

    result: Layout
    targets: tuple[Partition, ...]


def _in_result(layout: Layout, shape: Shape) -> Partition | None:
    """Return the operand's partition along the result's axes, or None where it has no extent of its own there."""
    if layout.partition.axis is None:
        return None
    axis = layout.partition.axis + len(shape) - len(layout.shape)
    if shape[axis] != layout.shape[layout.partition.axis]:
        return None
    return layout.partition.on_axis(axis)


def longest_axis(shape: Shape) -> int:
    """Return the first axis of the greatest length."""
    return max(range(len(shape)), key=lambda axis: shape[axis])


def even_on_longest(shape: Shape, ranks: int, *, without: int | None = None) -> Partition:
    """Return the even partition along the first of the longest axes of ``shape``, another one than ``without``."""
    lengths = shape if without is None else (*shape[:without], -1, *shape[without + 1 :])
    axis = longest_axis(lengths)
    return Partition.even(axis, shape[axis], ranks)


def _result_partition(layouts: tuple[Layout, ...], shape: Shape) -> Partition:
    """Return the partition of the largest operand that has one: the smaller operands move to it."""
    best, best_size = None, -1
    for layout in layouts:
        partition, size = _in_result(layout, shape), prod(layout.shape)
        if partition is not None and size > best_size:
            best, best_size = partition, size
    if best is not None:
        return best
    spread = next((layout.partition for layout in layouts if layout.partition.axis is not None), None)
    if spread is None:
        return REPLICATED
    # Every partitioned operand is stretched along its own axis: the result must not be whole on each rank.
    return even_on_longest(shape, len(spread.bounds) - 1)


def _operand_target(layout: Layout, result: Layout) -> Partition:
    if result.partition.axis is None:
        return REPLICATED
    axis = result.partition.axis - (len(result.shape) - len(layout.shape))
    if axis < 0 or layout.shape[axis] != result.shape[result.partition.axis]:
        return REPLICATED
    return result.partition.on_axis(axis)


@lru_cache(maxsize=8192)
def align(*layouts: Layout) -> Alignment:
    """Return how operands of ``layouts`` meet in one elementwise operation.

    Raises
    ------
    ValueError
        If the shapes don't broadcast.
    """
    shape = broadcast_shapes(*(layout.shape for layout in layouts))
    result = Layout(shape, _result_partition(layouts, shape))
    return Alignment(result, tuple(_operand_target(layout, result) for layout in layouts))


def align_to(layout: Layout, *others: Layout) -> tuple[Partition, ...]:
    """Return the partitions that ``others`` take to meet an operand of ``layout`` that stays as it is."""
    return tuple(_operand_target(other, layout) for other in others)


def without_axes(partition: Partition, axes: tuple[int, ...], *, keepdims: bool = False) -> Partition:
    """Return the partition of a result that has lost ``axes`` (none of them partitioned)."""
    if partition.axis is None or keepdims:
        return partition
    return partition.on_axis(partition.axis - sum(axis < partition.axis for axis in axes))
