"""How two operands are contracted: which axes meet, what moves, and what that costs. Pure arithmetic.

Axes that meet carry one label. A label in both operands and the result is a batch axis, one in both operands alone is
contracted, one in a single operand is free. The ranks share the work by splitting *one* label: an operand that has
it is laid out along it, an operand that lacks it is needed whole (replicated when small, else its parts travel round
a ring), and when the label is contracted the ranks' partial results are summed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import prod
from typing import Final, TypeAlias

from array_api_dist._alignment import Layout, even_on_longest, longest_axis
from array_api_dist._arguments import integer, told
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import broadcast_shapes, normalize_axes

Labels: TypeAlias = tuple[int | None, ...]
"""One label an axis; None for an axis of length 1 that broadcasting stretches."""

MESSAGE_NBYTES: Final = 1 << 15
"""One message costs about as much time as this many bytes (3 µs at 10 GB/s)."""
RING_NBYTES: Final = 1 << 20
"""Operands up to this many bytes are never sent round a ring."""
GATHER_NBYTES: Final = 1 << 26
"""Operands above this many bytes are never replicated: the bounded buffer of a contraction."""
SCATTER_NBYTES: Final = 1 << 20
"""Sums above this many bytes are left scattered, one slab a rank."""
OUTGROWTH: Final = 4
"""A large product of replicated operands is split over the ranks when it is this many times their size."""


@dataclass(frozen=True, slots=True)
class Contraction:
    """Which axes of two operands meet.

    Attributes
    ----------
    left, right : tuple of (int or None)
        The labels of the operands' axes.
    result : tuple of int
        The labels of the result's axes.
    lengths : tuple of int
        The length of each label.
    """

    left: Labels
    right: Labels
    result: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def shape(self) -> Shape:
        """The shape of the result."""
        return tuple(self.lengths[label] for label in self.result)

    def axis_of(self, operand: int, label: int | None) -> int | None:
        """Return the axis of operand 0 or 1 that carries ``label``, or None."""
        labels = self.right if operand else self.left
        return labels.index(label) if label is not None and label in labels else None

    def result_axis(self, label: int | None) -> int | None:
        """Return the result's axis that carries ``label``, or None when it is contracted."""
        return self.result.index(label) if label in self.result else None


class Transport(Enum):
    """What happens beside the local product."""

    NONE = "each rank's product is its part of the result"
    RING_LEFT = "the parts of the left operand travel round the ring"
    RING_RIGHT = "the parts of the right operand travel round the ring"
    ALLREDUCE = "the partial products are summed on every rank"
    RING_SUM = "partial sums travel round the ring, each to the owner of its slab"


@dataclass(frozen=True, slots=True)
class Strategy:
    """What moves in one contraction.

    Attributes
    ----------
    targets : (Partition, Partition)
        The layouts that the operands take first.
    transport : Transport
    result : Partition
    nbytes, messages : int
        About how many bytes a rank sends, in how many messages.
    """

    targets: tuple[Partition, Partition]
    transport: Transport
    result: Partition
    nbytes: int = 0
    messages: int = 0

    @property
    def cost(self) -> int:
        """The estimated time, in bytes sent; what a ring sends hides half of it behind the products."""
        hidden = self.transport not in (Transport.NONE, Transport.ALLREDUCE)
        return (self.nbytes // 2 if hidden else self.nbytes) + self.messages * MESSAGE_NBYTES


def _batch_labels(shape: Shape, result: Shape) -> Labels:
    """Label the axes of a broadcast ``shape`` by those of ``result``, aligned at the end."""
    first = len(result) - len(shape)
    return tuple(label if length == result[label] else None for label, length in enumerate(shape, first))


@lru_cache(maxsize=4096)
def matmul(left: Shape, right: Shape) -> Contraction:
    """Return the contraction of a matrix product.

    Raises
    ------
    ValueError
        If an operand has no axis, the contracted lengths differ or the batch axes don't broadcast.
    """
    if not left or not right:
        raise ValueError(f"matmul takes operands of at least one dimension, got shapes {left} and {right}")
    if left[-1] != right[max(len(right) - 2, 0)]:
        raise ValueError(
            "matmul contracts the last axis of x1 with the last but one of x2, which must be equally long, "
            f"got shapes {left} and {right}"
        )
    batch = broadcast_shapes(left[:-2], right[:-2])
    columns = right[-1:] if len(right) > 1 else ()
    # A vector has no other axis, and so no label: work split along one that no operand has would be done by every rank.
    lengths = (*batch, *left[-2:-1], *columns, left[-1])
    *result, inner = range(len(lengths))
    first_column = len(result) - len(columns)
    left_labels = (*_batch_labels(left[:-2], batch), *result[len(batch) : first_column], inner)
    right_labels = (*_batch_labels(right[:-2], batch), inner, *result[first_column:])
    return Contraction(left_labels, right_labels, tuple(result), lengths)


@lru_cache(maxsize=4096)
def vecdot(left: Shape, right: Shape, axis: int) -> Contraction:
    """Return the contraction of the vectors along ``axis``, counted from the end (negative).

    Raises
    ------
    ValueError
        If the axis lies outside [-N, -1], its lengths differ or the other axes don't broadcast.
    """
    ndim = min(len(left), len(right))
    if not -ndim <= axis <= -1:
        raise ValueError(f"axis must lie in [-{ndim}, -1], got {axis}")
    if left[axis] != right[axis]:
        raise ValueError(
            f"vecdot contracts axis {axis} of both operands, which must be equally long, "
            f"got shapes {left} and {right}"
        )
    whole = broadcast_shapes(left, right)
    contracted = len(whole) + axis
    result = tuple(label for label in range(len(whole)) if label != contracted)
    return Contraction(_batch_labels(left, whole), _batch_labels(right, whole), result, whole)


def tensordot_axes(
    left: Shape, right: Shape, axes: int | tuple[Sequence[int], Sequence[int]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the contracted axes of both operands, counted from the front.

    Raises
    ------
    ValueError
        If they are out of range, repeated, unequal in number or in length.
    TypeError
        If they are neither an integer nor two sequences of integers.
    """
    if isinstance(axes, Sequence):
        if len(axes) != 2 or any(isinstance(each, str) or not isinstance(each, Sequence) for each in axes):
            raise TypeError(f"axes must be an integer or two sequences of integers, got {told(axes)}")
        pairs = (normalize_axes(tuple(axes[0]), len(left)), normalize_axes(tuple(axes[1]), len(right)))
    else:
        count = integer(axes, "axes, unless two sequences,")
        if not 0 <= count <= min(len(left), len(right)):
            raise ValueError(
                f"axes must lie in [0, {min(len(left), len(right))}] for shapes {left} and {right}, got {count}"
            )
        pairs = (tuple(range(len(left) - count, len(left))), tuple(range(count)))
    if [left[axis] for axis in pairs[0]] != [right[axis] for axis in pairs[1]]:
        raise ValueError(
            "the contracted axes must be equal in number and in length, "
            f"got axes {pairs[0]} of shape {left} and {pairs[1]} of shape {right}"
        )
    return pairs


@lru_cache(maxsize=4096)
def tensordot(
    left: Shape, right: Shape, left_axes: tuple[int, ...], right_axes: tuple[int, ...]
) -> Contraction:
    """Return the contraction of ``left_axes`` with ``right_axes``, as :func:`tensordot_axes` gives them."""
    left_labels = tuple(range(len(left)))
    fresh = iter(range(len(left), len(left) + len(right)))
    right_labels = tuple(
        left_axes[right_axes.index(axis)] if axis in right_axes else next(fresh) for axis in range(len(right))
    )
    result = (
        *(label for label in left_labels if label not in left_axes),
        *(label for label in right_labels if label >= len(left)),
    )
    lengths = (*left, *(right[axis] for axis in range(len(right)) if axis not in right_axes))
    return Contraction(left_labels, right_labels, result, lengths)


@dataclass(frozen=True, slots=True)
class _Operand:
    """What the cost of moving an operand depends on."""

    index: int
    layout: Layout
    nbytes: int
    label: int | None
    """The label that is partitioned; None when replicated or when the partitioned axis is stretched."""

    @property
    def is_replicated(self) -> bool:
        return self.layout.partition.axis is None


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where an operand goes, by which transport, at what cost."""

    target: Partition
    rings: bool = False
    nbytes: int = 0
    messages: int = 0


def _rounds(ranks: int) -> int:
    return (ranks - 1).bit_length()


def _whole(operand: _Operand, contraction: Contraction, ranks: int) -> Iterator[_Placed]:
    """Yield the ways to give every rank the whole operand."""
    if operand.is_replicated:
        yield _Placed(REPLICATED)
        return
    sent = operand.nbytes * (ranks - 1) // ranks
    if operand.nbytes <= GATHER_NBYTES:
        yield _Placed(REPLICATED, nbytes=sent, messages=_rounds(ranks))
    if operand.nbytes > RING_NBYTES:
        target = _with_extent(operand, contraction, ranks)
        extra = 0 if target == operand.layout.partition else operand.nbytes // ranks
        yield _Placed(target, rings=True, nbytes=sent + extra, messages=ranks - 1)


def _with_extent(operand: _Operand, contraction: Contraction, ranks: int) -> Partition:
    """Return the operand's partition, or an even one along its longest labelled axis when it is stretched there."""
    if operand.label is not None:
        return operand.layout.partition
    labels = contraction.right if operand.index else contraction.left
    shape = operand.layout.shape
    axis = max((axis for axis in range(len(shape)) if labels[axis] is not None), key=lambda axis: shape[axis])
    return Partition.even(axis, shape[axis], ranks)


def _placements(
    operand: _Operand, contraction: Contraction, label: int, split: Partition, ranks: int
) -> Iterator[_Placed]:
    """Yield the ways to lay out an operand for work that is split along ``label`` with the bounds of ``split``."""
    axis = contraction.axis_of(operand.index, label)
    if axis is None:
        yield from _whole(operand, contraction, ranks)
        return
    target = split.on_axis(axis)
    if operand.is_replicated or operand.layout.partition == target:
        yield _Placed(target)
    else:
        yield _Placed(target, nbytes=operand.nbytes // ranks, messages=ranks - 1)


def _finished(contraction: Contraction, label: int, split: Partition, itemsize: int, ranks: int) -> Strategy:
    """Return what happens to the products of work split along ``label``: the strategy but for the operands."""
    axis = contraction.result_axis(label)
    if axis is not None:
        return Strategy((REPLICATED, REPLICATED), Transport.NONE, split.on_axis(axis))
    shape = contraction.shape
    nbytes = prod(shape) * itemsize
    sent = nbytes * (ranks - 1) // ranks
    if nbytes <= SCATTER_NBYTES or max(shape, default=0) < ranks:
        return Strategy(
            (REPLICATED, REPLICATED), Transport.ALLREDUCE, REPLICATED, 2 * sent, 2 * _rounds(ranks)
        )
    result = even_on_longest(shape, ranks)
    return Strategy((REPLICATED, REPLICATED), Transport.RING_SUM, result, sent, ranks - 1)


def _strategies(
    contraction: Contraction, operands: tuple[_Operand, _Operand], itemsize: int, ranks: int
) -> Iterator[Strategy]:
    """Yield every strategy, the ones that keep an operand where it is first."""
    splits = [(operand.label, operand.layout.partition) for operand in operands if operand.label is not None]
    others = [(label, Partition.even(0, length, ranks)) for label, length in enumerate(contraction.lengths)]
    # A label shorter than the ranks would leave some idle: only where nothing else can be split.
    splits += [(label, split) for label, split in others if split.length >= ranks] or others
    for label, split in splits:
        base = _finished(contraction, label, split, itemsize, ranks)
        for left in _placements(operands[0], contraction, label, split, ranks):
            for right in _placements(operands[1], contraction, label, split, ranks):
                joined = _joined(base, left, right)
                if joined is not None:
                    yield joined


def _joined(base: Strategy, left: _Placed, right: _Placed) -> Strategy | None:
    """Return the strategy with both operands placed; None where two transports would meet."""
    transport = base.transport
    if left.rings or right.rings:
        if transport is not Transport.NONE or (left.rings and right.rings):
            return None
        transport = Transport.RING_LEFT if left.rings else Transport.RING_RIGHT
    return Strategy(
        (left.target, right.target),
        transport,
        base.result,
        base.nbytes + left.nbytes + right.nbytes,
        base.messages + left.messages + right.messages,
    )


def _operand(index: int, contraction: Contraction, layout: Layout, itemsize: int) -> _Operand:
    labels = contraction.right if index else contraction.left
    axis = layout.partition.axis
    return _Operand(index, layout, prod(layout.shape) * itemsize, None if axis is None else labels[axis])


def _of_replicated(
    contraction: Contraction, operands: tuple[_Operand, _Operand], itemsize: int, ranks: int
) -> Strategy:
    """Replicated operands give a replicated product, unless it is large and outgrows them."""
    shape = contraction.shape
    nbytes = prod(shape) * itemsize
    outgrows = nbytes > SCATTER_NBYTES and nbytes >= OUTGROWTH * (operands[0].nbytes + operands[1].nbytes)
    if not shape or not outgrows:
        return Strategy((REPLICATED, REPLICATED), Transport.NONE, REPLICATED)
    longest = longest_axis(shape)
    label, split = contraction.result[longest], Partition.even(longest, shape[longest], ranks)
    left, right = (next(_placements(operand, contraction, label, split, ranks)) for operand in operands)
    return Strategy((left.target, right.target), Transport.NONE, split)


@lru_cache(maxsize=8192)
def choose(contraction: Contraction, left: Layout, right: Layout, itemsize: int, ranks: int) -> Strategy:
    """Return the cheapest way to contract operands of these layouts over ``ranks`` ranks."""
    operands = (
        _operand(0, contraction, left, itemsize),
        _operand(1, contraction, right, itemsize),
    )
    if operands[0].is_replicated and operands[1].is_replicated:
        return _of_replicated(contraction, operands, itemsize, ranks)
    return min(_strategies(contraction, operands, itemsize, ranks), key=lambda strategy: strategy.cost)
