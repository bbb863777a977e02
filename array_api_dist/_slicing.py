"""Slices, integers and new axes: which elements a basic key takes, as pure integers, and how each rank takes its part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from array_api_dist._partition import REPLICATED, Partition, Shape

SlicePart: TypeAlias = tuple[int | None, int | None, int | None]
TorchKey: TypeAlias = tuple[int | slice | None, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """``count`` positions start, start + step, … along one axis; step is 1 where there are fewer than two."""

    start: int
    step: int
    count: int

    @staticmethod
    def of(part: SlicePart, length: int) -> Span:
        """Return what the slice ``part`` selects of ``length`` elements, clipped as Python's lists do it."""
        reach = range(*slice(*part).indices(length))
        if len(reach) == 0:
            return Span(0, 1, 0)
        return Span(reach.start, reach.step if len(reach) > 1 else 1, len(reach))

    @property
    def reversed(self) -> Span:
        """The same positions in the opposite order."""
        return Span(self.start + (self.count - 1) * self.step, -self.step, self.count)


@dataclass(frozen=True, slots=True)
class BasicIndex:
    """A key of integers, slices and new axes.

    Attributes
    ----------
    axes : tuple of int or Span
        What is taken along each axis of the source.
    slots : tuple of int or None
        The axis of the source that each axis of the result comes from, None for a new one.
    shape : tuple of int
        The result's.
    """

    axes: tuple[int | Span, ...]
    slots: tuple[int | None, ...]
    shape: Shape

    @staticmethod
    def of(axes: tuple[int | Span, ...], slots: tuple[int | None, ...]) -> BasicIndex:
        """Return the index that takes ``axes`` and lays them out as ``slots``."""
        return BasicIndex(axes, slots, tuple(_slot_length(axes, slot) for slot in slots))

    def position(self, axis: int) -> int:
        """Return where the source's ``axis``, which no integer takes away, is in the result."""
        return self.slots.index(axis)

    @property
    def descending(self) -> tuple[int, ...]:
        """The axes of the result that run backwards."""
        return tuple(at for at, axis in enumerate(self.slots) if axis is not None and self._step(axis) < 0)

    def _step(self, axis: int) -> int:
        taken = self.axes[axis]
        return taken.step if isinstance(taken, Span) else 1

    @property
    def ascending(self) -> BasicIndex:
        """The same elements with every descending axis turned round."""
        turned = tuple(
            taken.reversed if isinstance(taken, Span) and taken.step < 0 else taken for taken in self.axes
        )
        return BasicIndex(turned, self.slots, self.shape)

    def keeping(self, axis: int | None) -> BasicIndex:
        """Return the index that keeps the source's ``axis`` with length 1 where an integer takes it away."""
        taken = None if axis is None else self.axes[axis]
        if axis is None or not isinstance(taken, int):
            return self
        at = self.kept_position(axis)
        axes = (*self.axes[:axis], Span(taken, 1, 1), *self.axes[axis + 1 :])
        return BasicIndex.of(axes, (*self.slots[:at], axis, *self.slots[at:]))

    def kept_position(self, axis: int) -> int:
        """Return where ``keeping(axis)`` has the source's ``axis`` in its result."""
        later = (at for at, slot in enumerate(self.slots) if slot is not None and slot > axis)
        return next(later, len(self.slots))

    def image(self, partition: Partition) -> Partition:
        """Return the result's partition that moves nothing; its axis is kept and ascends."""
        if partition.axis is None:
            return REPLICATED
        span = self.axes[partition.axis]
        assert isinstance(span, Span)
        image = partition.image_of_slice(span.start, span.step, span.count)
        return image.on_axis(self.position(partition.axis))

    def key(self) -> TorchKey:
        """Return the key of the whole array, all of whose axes ascend."""
        return self._laid_out([_taken(span) for span in self.axes])

    def local_key(self, partition: Partition, rank: int) -> TorchKey:
        """Return the key that cuts ``rank``'s part of the result out of its part of the source."""
        if partition.axis is None:
            return self.key()
        span, image = self.axes[partition.axis], self.image(partition)
        assert isinstance(span, Span)
        first = span.start + image.bounds[rank] * span.step - partition.bounds[rank]
        taken = [_taken(entry) for entry in self.axes]
        taken[partition.axis] = _taken(Span(first, span.step, image.counts[rank]))
        return self._laid_out(taken)

    def _laid_out(self, taken: list[int | slice]) -> TorchKey:
        """Put the new axes between the entries of the source's axes."""
        return tuple(_interleaved(taken, self.slots))


def _slot_length(axes: tuple[int | Span, ...], slot: int | None) -> int:
    if slot is None:
        return 1
    span = axes[slot]
    return span.count if isinstance(span, Span) else 1


def _taken(entry: int | Span) -> int | slice:
    if isinstance(entry, int):
        return entry
    if entry.count == 0:
        return slice(0, 0)
    return slice(entry.start, entry.start + (entry.count - 1) * entry.step + 1, entry.step)


def _interleaved(taken: list[int | slice], slots: tuple[int | None, ...]) -> Iterator[int | slice | None]:
    reached = 0
    for slot in slots:
        if slot is None:
            yield None
            continue
        yield from taken[reached : slot + 1]
        reached = slot + 1
    yield from taken[reached:]


@dataclass(frozen=True, slots=True)
class View:
    """How one rank takes its part of what a basic key selects, before anything moves.

    Attributes
    ----------
    key : tuple
        Cuts a view out of the local tensor, in which every axis ascends.
    shape : tuple of int
    partition : Partition
        Those of the views together; a partitioned axis that an integer takes away is kept, with length 1.
    descending : tuple of int
        The axes of the views to reverse.
    slab : int or None
        The axis that is kept, to be dropped in the end.
    """

    key: TorchKey
    shape: Shape
    partition: Partition
    descending: tuple[int, ...]
    slab: int | None

    @staticmethod
    @lru_cache(maxsize=16384)
    def of(index: BasicIndex, partition: Partition, rank: int) -> View:
        """Return how ``rank`` takes ``index`` of an array laid out as ``partition``."""
        kept = index.keeping(partition.axis)
        slab = None
        if partition.axis is not None and kept is not index:
            slab = index.kept_position(partition.axis)
        up = kept.ascending
        return View(up.local_key(partition, rank), up.shape, up.image(partition), kept.descending, slab)
