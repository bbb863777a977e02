"""Keys: what ``x[key]`` means, as pure integers, from the key and the global shape alone.

A key is split into parts (integers, slices, an ellipsis, new axes, and arrays described by shape and kind) and
brought to one of four frozen normal forms. Where the partitioned axis goes is arithmetic on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import index as as_index
from types import EllipsisType
from typing import Final, TypeAlias

from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import broadcast_shapes

SMALL_NBYTES: Final = 1 << 16
"""Results of at most this many bytes that come out of a partitioned axis are given to every rank."""


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """An array in a key: an integer array of one or more axes, or a boolean mask of any number of them."""

    shape: Shape
    is_mask: bool = False


SlicePart: TypeAlias = tuple[int | None, int | None, int | None]
KeyPart: TypeAlias = int | SlicePart | EllipsisType | ArrayPart | None
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

    def takes_one(self, axis: int | None) -> bool:
        """Return whether an integer takes the source's ``axis`` away."""
        return axis is not None and isinstance(self.axes[axis], int)

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
class ArrayIndex:
    """A key with integer arrays: first ``basic``, then arrays (and integers) zipped together along ``axes``.

    Attributes
    ----------
    basic : BasicIndex
        Slices and new axes; the axes that arrays index are whole.
    axes : tuple of int
        The axes of the basic result that are indexed, ascending.
    integers : tuple of int or None
        The integer that indexes each of them, None where the next array does.
    broadcast : tuple of int
        The common shape of the arrays.
    at : int
        Where the axes of ``broadcast`` go in the result.
    shape : tuple of int
        The result's.
    """

    basic: BasicIndex
    axes: tuple[int, ...]
    integers: tuple[int | None, ...]
    broadcast: Shape
    at: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class MaskIndex:
    """A key with one mask: first ``basic``, then the mask over ``count`` axes from ``axis``.

    Attributes
    ----------
    basic : BasicIndex
        Integers, slices and new axes; the axes that the mask covers are whole.
    axis : int
        The first covered axis of the basic result: the axis of the selected elements.
    count : int
        How many axes the mask covers, which the one of the selected elements replaces.
    at : int
        Where that axis goes in the end.
    is_empty : bool
        The mask has no elements where the axes have some: it selects nothing.
    """

    basic: BasicIndex
    axis: int
    count: int
    at: int
    is_empty: bool


@dataclass(frozen=True, slots=True)
class MixedIndex:
    """A checked key in which a mask meets other arrays: each mask stands for the integer arrays of its nonzero()."""


Index: TypeAlias = BasicIndex | ArrayIndex | MaskIndex | MixedIndex


def key_part(item: object) -> KeyPart:
    """Return the part of a key that ``item``, not an array, stands for.

    Raises
    ------
    IndexError
        If it is no integer, slice, ellipsis or None.
    ValueError
        If it is a slice of step 0.
    """
    if item is None or isinstance(item, EllipsisType):
        return item
    if isinstance(item, slice):
        return _slice_part(item)
    # An exact type: bool is an int to Python, and True as an index would silently mean 1.
    if type(item) is int:
        return item
    try:
        if isinstance(item, bool):
            raise TypeError
        return as_index(item)  # type: ignore[call-overload,no-any-return]  # the fall-back for any object
    except TypeError:
        raise IndexError(
            "a key is made of integers, slices, an ellipsis, None, and integer or boolean arrays, "
            f"got {type(item).__name__}"
        ) from None


def _slice_part(item: slice) -> SlicePart:
    try:
        start, stop, step = (
            None if bound is None else as_index(bound) for bound in (item.start, item.stop, item.step)
        )
    except TypeError:
        raise TypeError(f"the bounds of a slice must be integers or None, got {item}") from None
    if step == 0:
        raise ValueError(f"the step of a slice must not be 0, got {item}")
    return start, stop, step


def wrapped(index: int, length: int) -> int:
    """Return ``index`` counted from the front.

    Raises
    ------
    IndexError
        If it lies outside [-length, length).
    """
    if not -length <= index < length:
        raise IndexError(out_of_bounds(index, length))
    return index + length if index < 0 else index


def out_of_bounds(index: int, length: int) -> str:
    """Return the message of the error that ``index`` is none of an axis of ``length``."""
    return f"an index of an axis of length {length} must lie in [-{length}, {length}), got {index}"


def _extent(part: KeyPart) -> int:
    """Return how many axes of the source ``part`` takes."""
    if part is None or part is Ellipsis:
        return 0
    if isinstance(part, ArrayPart) and part.is_mask:
        return len(part.shape)
    return 1


def _completed(parts: tuple[KeyPart, ...], ndim: int) -> tuple[KeyPart, ...]:
    """Return the parts with the ellipsis (by default at the end) written out."""
    ellipses = sum(part is Ellipsis for part in parts)
    if ellipses > 1:
        raise IndexError(f"a key has at most one ellipsis, got {ellipses}")
    taken = sum(map(_extent, parts))
    if taken > ndim:
        raise IndexError(f"a key of an array of {ndim} axes has at most {ndim} indices, got {taken}")
    at = next((at for at, part in enumerate(parts) if part is Ellipsis), len(parts))
    whole: tuple[KeyPart, ...] = ((None, None, None),) * (ndim - taken)
    return (*parts[:at], *whole, *parts[at + 1 :])


def _is_array(part: KeyPart) -> bool:
    return isinstance(part, ArrayPart)


@lru_cache(maxsize=8192)
def normalize(parts: tuple[KeyPart, ...], shape: Shape) -> Index:
    """Return the normal form of a key of ``parts`` on an array of ``shape``.

    Raises
    ------
    IndexError
        If there are too many indices, one is out of bounds, or an array does not fit.
    """
    whole = _completed(parts, len(shape))
    arrays = [part for part in whole if isinstance(part, ArrayPart)]
    if not arrays:
        return _basic(whole, shape)
    _check_masks(whole, shape)
    if not any(part.is_mask for part in arrays):
        return _array_index(whole, shape, adjacent=_are_adjacent(parts))
    if len(arrays) == 1:
        return _mask_index(whole, shape, adjacent=_are_adjacent(parts))
    if any(part.is_mask and not part.shape for part in arrays):
        raise IndexError("a mask without axes is the only array of its key, got another one beside it")
    return MixedIndex()


def _basic(parts: tuple[KeyPart, ...], shape: Shape) -> BasicIndex:
    """Return the normal form of a key without arrays."""
    axes: list[int | Span] = []
    slots: list[int | None] = []
    for part in parts:
        if part is None:
            slots.append(None)
            continue
        length = shape[len(axes)]
        if isinstance(part, int):
            axes.append(wrapped(part, length))
            continue
        assert isinstance(part, tuple)
        slots.append(len(axes))
        axes.append(Span.of(part, length))
    return BasicIndex.of(tuple(axes), tuple(slots))


def _are_adjacent(parts: tuple[KeyPart, ...]) -> bool:
    """Return whether nothing stands between the arrays and integers: else their axes come first, as in NumPy."""
    places = [at for at, part in enumerate(parts) if isinstance(part, (int, ArrayPart))]
    return places[-1] - places[0] == len(places) - 1


def _check_masks(parts: tuple[KeyPart, ...], shape: Shape) -> None:
    axis = 0
    for part in parts:
        extent = _extent(part)
        if isinstance(part, ArrayPart) and part.is_mask:
            covered = shape[axis : axis + extent]
            if any(ours not in (0, theirs) for ours, theirs in zip(part.shape, covered, strict=True)):
                raise IndexError(
                    f"a mask has the lengths of the axes that it covers (or 0), here {covered}, got {part.shape}"
                )
        axis += extent


def _without_arrays(part: KeyPart) -> tuple[KeyPart, ...]:
    if isinstance(part, ArrayPart):
        return ((None, None, None),) * _extent(part)
    return (part,)


def _mask_index(parts: tuple[KeyPart, ...], shape: Shape, *, adjacent: bool) -> MaskIndex:
    at = next(at for at, part in enumerate(parts) if _is_array(part))
    mask = parts[at]
    assert isinstance(mask, ArrayPart)
    first = sum(map(_extent, parts[:at]))
    basic = _basic(tuple(plain for part in parts for plain in _without_arrays(part)), shape)
    axis = sum(not isinstance(part, int) for part in parts[:at])
    is_empty = mask.shape != shape[first : first + len(mask.shape)]
    return MaskIndex(basic, axis, len(mask.shape), axis if adjacent else 0, is_empty)


def _array_index(parts: tuple[KeyPart, ...], shape: Shape, *, adjacent: bool) -> ArrayIndex:
    arrays = tuple(part.shape for part in parts if isinstance(part, ArrayPart))
    try:
        broadcast = broadcast_shapes(*arrays)
    except ValueError as error:
        raise IndexError(f"index arrays must broadcast together: {error}") from None
    plain: list[KeyPart] = []
    axes, integers = [], []
    for at, part in enumerate(parts):
        if not isinstance(part, (int, ArrayPart)):
            plain.append(part)
            continue
        plain.append((None, None, None))
        axes.append(at)
        axis = sum(map(_extent, parts[:at]))
        integers.append(wrapped(part, shape[axis]) if isinstance(part, int) else None)
    basic = _basic(tuple(plain), shape)
    kept = tuple(length for axis, length in enumerate(basic.shape) if axis not in axes)
    place = axes[0] if adjacent else 0
    result = (*kept[:place], *broadcast, *kept[place:])
    return ArrayIndex(basic, tuple(axes), tuple(integers), broadcast, place, result)


def expanded(parts: tuple[KeyPart, ...], counts: tuple[int, ...]) -> tuple[KeyPart, ...]:
    """Return ``parts`` with each mask replaced by as many integer arrays as it has axes, of ``counts`` elements."""
    left = iter(counts)
    result: list[KeyPart] = []
    for part in parts:
        if isinstance(part, ArrayPart) and part.is_mask:
            result.extend((ArrayPart((next(left),)),) * len(part.shape))
        else:
            result.append(part)
    return tuple(result)


def value_shape(shape: Shape, target: Shape) -> Shape:
    """Return ``shape`` without the leading ones that the assignment to ``target`` does not need.

    Raises
    ------
    ValueError
        If a value of ``shape`` does not broadcast to ``target``.
    """
    extra = max(len(shape) - len(target), 0)
    lead, kept = shape[:extra], shape[extra:]
    matched = zip(reversed(kept), reversed(target), strict=False)
    if any(length != 1 for length in lead) or any(ours not in (1, theirs) for ours, theirs in matched):
        raise ValueError(f"a value broadcasts to the shape {target} that the key selects, got shape {shape}")
    return kept


def moved_axis(partition: Partition, source: int, target: int) -> Partition:
    """Return the partition of an array whose axis ``source`` has moved to ``target``."""
    if partition.axis is None or source == target:
        return partition
    order = list(range(max(partition.axis, source, target) + 1))
    order.insert(target, order.pop(source))
    return partition.on_axis(order.index(partition.axis))


def after_selection(partition: Partition, axis: int, count: int) -> Partition:
    """Return the partition after one axis has replaced ``count`` axes from ``axis``, none of them partitioned."""
    if partition.axis is None or partition.axis < axis:
        return partition
    return partition.on_axis(partition.axis - count + 1)


def after_gather(partition: Partition, axes: tuple[int, ...], ndim: int, at: int) -> Partition:
    """Return the partition after ``ndim`` axes at ``at`` have replaced ``axes``, none of them partitioned."""
    if partition.axis is None:
        return partition
    left = partition.axis - sum(axis < partition.axis for axis in axes)
    return partition.on_axis(left if left < at else left + ndim)


def gathered_axis(axis: int, index: ArrayIndex) -> int:
    """Return where ``axis`` of the basic result, which is not indexed, is in the result."""
    left = axis - sum(indexed < axis for indexed in index.axes)
    return left if left < index.at else left + len(index.broadcast)
