"""What must move where: plans of exchanges, per rank, as pure integers.

A plan names the regions of this rank's source part that go to each peer and the regions of its target part that
come from each. A region is a range (start, step, count) along each axis that it restricts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from array_api_dist._partition import Partition, Shape


@dataclass(frozen=True, slots=True)
class Range:
    """``count`` positions start, start + step, … along ``axis`` of a local part (step may be negative)."""

    axis: int
    start: int
    count: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class Move:
    """What one peer and this rank hand over: a region of the local part of operand number ``operand``."""

    peer: int
    ranges: tuple[Range, ...]
    operand: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The moves of one rank; those of a pair of ranks match in order on both sides."""

    sends: tuple[Move, ...]
    receives: tuple[Move, ...]

    def sending(self, ranges: tuple[Range, ...]) -> Plan:
        """Return the plan whose sends are restricted to ``ranges``, along other axes, as well."""
        sends = tuple(Move(move.peer, (*move.ranges, *ranges), move.operand) for move in self.sends)
        return Plan(sends, self.receives)


@dataclass(frozen=True, slots=True)
class Segment:
    """``count`` elements along the axis: operand's start, start + step, … become the result's positions from offset on."""

    operand: int
    start: int
    count: int
    offset: int
    step: int = 1


@lru_cache(maxsize=4096)
def repartition_plan(source: Partition, target: Partition, rank: int) -> Plan:
    """Return what ``rank`` moves to turn ``source`` into ``target``, both partitioned.

    Each element moves at most once, straight to its owner; what stays is a move to oneself. Equal partitions: empty.
    """
    if source == target:
        return Plan((), ())
    if source.axis is None or target.axis is None:
        raise ValueError(f"a plan connects two partitioned layouts, got {source} and {target}")
    if source.axis == target.axis:
        whole = Segment(0, 0, source.length, 0)
        return segment_plan((source,), target, (whole,), rank)
    return _transposing_plan(source, target, rank)


def _transposing_plan(source: Partition, target: Partition, rank: int) -> Plan:
    assert source.axis is not None
    assert target.axis is not None
    sends, receives = [], []
    own_source, own_target = source.counts[rank], target.counts[rank]
    for peer in range(len(source.bounds) - 1):
        low, high = target.interval(peer)
        if own_source and low < high:
            sends.append(Move(peer, (Range(target.axis, low, high - low),)))
        low, high = source.interval(peer)
        if own_target and low < high:
            receives.append(Move(peer, (Range(source.axis, low, high - low),)))
    return Plan(tuple(sends), tuple(receives))


def _steps_inside(start: int, step: int, count: int, low: int, high: int) -> tuple[int, int]:
    """Return the half-open range of k in [0, count) for which low <= start + k * step < high."""
    if step > 0:
        first, last = -(-(low - start) // step), -(-(high - start) // step)
    else:
        first, last = (start - high) // -step + 1, (start - low) // -step + 1
    return min(max(first, 0), count), min(max(last, 0), count)


def _crossings(segment: Segment, source: Partition, target: Partition) -> Iterator[tuple[int, int, int, int]]:
    """Yield (sender, receiver, first, last): the steps of ``segment`` that pass between each pair, in result order."""
    if source.axis is None:
        # Every rank has what it needs: it is its own sender.
        for rank, start, stop in target.overlaps(segment.offset, segment.offset + segment.count):
            yield rank, rank, start - segment.offset, stop - segment.offset
        return
    low, high = sorted((segment.start, segment.start + (segment.count - 1) * segment.step))
    senders = [rank for rank, _, _ in source.overlaps(low, high + 1)]
    for sender in senders if segment.step > 0 else reversed(senders):
        first, last = _steps_inside(segment.start, segment.step, segment.count, *source.interval(sender))
        for receiver, start, stop in target.overlaps(segment.offset + first, segment.offset + last):
            yield sender, receiver, start - segment.offset, stop - segment.offset


def segment_plan(
    sources: Sequence[Partition], target: Partition, segments: Iterable[Segment], rank: int
) -> Plan:
    """Return what ``rank`` moves so that the result, laid out as ``target``, is made of ``segments`` of the operands.

    All partitions lie along the same axis, or are replicated. Concatenation, roll, flip, slices of any step and tiling are lists of
    segments; a plain change of bounds is the one segment of everything.
    """
    assert target.axis is not None
    axis, sends, receives = target.axis, [], []
    for segment in segments:
        source = sources[segment.operand]
        for sender, receiver, first, last in _crossings(segment, source, target):
            count = last - first
            if sender == rank:
                start = segment.start + first * segment.step - source.offset(rank)
                sends.append(Move(receiver, (Range(axis, start, count, segment.step),), segment.operand))
            if receiver == rank:
                start = segment.offset + first - target.bounds[rank]
                receives.append(Move(sender, (Range(axis, start, count),), segment.operand))
    return Plan(tuple(sends), tuple(receives))


def dealing_plan(source: Partition, target: Partition, segments: Sequence[Segment], rank: int) -> Plan:
    """Return what ``rank`` moves so that ``segments`` of one operand, partitioned along any axis, make up ``target``."""
    if source.axis == target.axis:
        return segment_plan((source,), target, segments, rank)
    assert source.axis is not None
    assert target.axis is not None
    sends, receives = [], []
    for segment in segments:
        # Each segment has one owner: it is a stretch of the target's part.
        ((owner, _, _),) = target.overlaps(segment.offset, segment.offset + segment.count)
        if source.counts[rank]:
            sends.append(Move(owner, (Range(target.axis, segment.start, segment.count),)))
        if owner == rank:
            place = Range(target.axis, segment.offset - target.offset(rank), segment.count)
            receives += [
                Move(peer, (Range(source.axis, low, high - low), place))
                for peer, low, high in source.overlaps(0, source.length)
            ]
    return Plan(tuple(sends), tuple(receives))


@dataclass(frozen=True, slots=True)
class Box:
    """Rows [row, row + rows) and columns [column, column + columns) of a matrix."""

    row: int
    rows: int
    column: int
    columns: int


def _boxes(start: int, stop: int, columns: int) -> Iterator[Box]:
    """Yield the stretch [start, stop) of the row-major order of a matrix of so many columns, in at most three boxes."""
    row, skipped = divmod(start, columns)
    if skipped:
        count = min(columns - skipped, stop - start)
        yield Box(row, 1, skipped, count)
        row, start = row + 1, start + count
    rows, rest = divmod(stop - start, columns)
    if rows:
        yield Box(row, rows, 0, columns)
    if rest:
        yield Box(row + rows, 1, 0, rest)


def boxes_in(start: int, stop: int, columns: int, low: int, high: int) -> Iterator[Box]:
    """Yield what there is of the stretch [start, stop) in the columns [low, high), in row-major order."""
    for box in _boxes(start, stop, columns):
        begin, end = max(box.column, low), min(box.column + box.columns, high)
        if begin < end:
            yield Box(box.row, box.rows, begin, end - begin)


def _ranges(box: Box, low: int = 0) -> tuple[Range, Range]:
    """Return the place of ``box`` in a part of the columns that begins at ``low``."""
    return Range(0, box.row, box.rows), Range(1, box.column - low, box.columns)


@lru_cache(maxsize=4096)
def flattening_plan(source: Partition, target: Partition, rank: int) -> Plan:
    """Return what ``rank`` moves so that a matrix, its columns partitioned, lies as ``target`` in row-major order.

    A send is a region of this rank's columns, a receive one of the whole matrix inside this rank's stretch of it.
    """
    columns = source.length
    sends: list[Move] = []
    receives: list[Move] = []
    own, (low, high) = target.interval(rank), source.interval(rank)
    for peer in range(len(source.bounds) - 1):
        start, stop = target.interval(peer)
        sends += [Move(peer, _ranges(box, low)) for box in boxes_in(start, stop, columns, low, high)]
        receives += [Move(peer, _ranges(box)) for box in boxes_in(*own, columns, *source.interval(peer))]
    return Plan(tuple(sends), tuple(receives))


def _rolled_too(plan: Plan, axis: int, length: int, shift: int) -> Plan:
    """Return ``plan`` with what it moves rolled by ``shift`` along another ``axis``."""
    shift %= length
    if shift == 0:
        return plan
    stays, wraps = length - shift, shift
    sent, placed = (
        (Range(axis, 0, stays), Range(axis, stays, wraps)),
        (Range(axis, shift, stays), Range(axis, 0, wraps)),
    )

    def cut(moves: tuple[Move, ...], ranges: tuple[Range, Range]) -> tuple[Move, ...]:
        return tuple(Move(move.peer, (*move.ranges, each), move.operand) for move in moves for each in ranges)

    return Plan(cut(plan.sends, sent), cut(plan.receives, placed))


@lru_cache(maxsize=4096)
def roll_plan(partition: Partition, shift: int, others: tuple[tuple[int, int, int], ...], rank: int) -> Plan:
    """Return what ``rank`` moves to roll by ``shift`` along the partitioned axis, and along ``others``: (axis, length, shift)."""
    length = partition.length
    shift %= max(length, 1)
    segments = (Segment(0, length - shift, shift, 0), Segment(0, 0, length - shift, shift))
    plan = segment_plan((partition,), partition, [each for each in segments if each.count], rank)
    for axis, along, by in others:
        plan = _rolled_too(plan, axis, along, by)
    return plan


@lru_cache(maxsize=4096)
def flat_roll_plan(partition: Partition, rows: int, shift: int, rank: int) -> Plan:
    """Return what ``rank`` moves to roll a matrix, its columns partitioned, by ``shift`` in row-major order."""
    columns = partition.length
    turns, along = divmod(shift, columns)
    # What leaves a row at its end goes into the next one.
    parts = (Segment(0, columns - along, along, 0), turns + 1), (Segment(0, 0, columns - along, along), turns)
    plans = [
        _rolled_too(segment_plan((partition,), partition, (segment,), rank), 0, rows, turn)
        for segment, turn in parts
        if segment.count
    ]
    return Plan(
        tuple(move for plan in plans for move in plan.sends),
        tuple(move for plan in plans for move in plan.receives),
    )


def flat_partition(partition: Partition, shape: Shape) -> Partition | None:
    """Return the bounds in row-major order of the whole array, or None when a part is not one interval of it."""
    if partition.axis is None:
        return None
    front = prod(shape[: partition.axis])
    if front != 1 and partition.spread > 1:
        return None
    return partition.scaled(front * prod(shape[partition.axis + 1 :])).on_axis(0)
