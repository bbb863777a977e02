"""Keys: what ``x[key]`` means, as pure integers, from the key and the global shape alone.

A key is split into parts (integers, slices, an ellipsis, new axes, and arrays described by shape and kind) and
brought to one of four frozen normal forms. Where the partitioned axis goes is arithmetic on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import index as as_index
from types import EllipsisType
from typing import Any, Final, SupportsIndex, TypeAlias

from array_api_dist._partition import Partition, Shape
from array_api_dist._shapes import broadcast_shapes
from array_api_dist._slicing import BasicIndex, SlicePart, Span

SMALL_NBYTES: Final = 1 << 16
"""Results of at most this many bytes that come out of a partitioned axis are given to every rank."""


NOWHERE: Final = 2**63 - 1
"""What stands for an unsigned index that int64 does not hold."""


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """An array in a key: an integer array of one or more axes, or a boolean mask of any number of them."""

    shape: Shape
    is_mask: bool = False


KeyPart: TypeAlias = int | SlicePart | EllipsisType | ArrayPart | None


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
    # An exact type: bool is an int to Python, and True as an index would silently mean 1.
    if type(item) is int:
        return item
    if isinstance(item, slice):
        return _slice_part(item)
    if item is None or isinstance(item, EllipsisType):
        return item
    if isinstance(item, SupportsIndex) and not isinstance(item, bool):
        try:
            return as_index(item)
        except TypeError:
            pass  # an array of NumPy has __index__ whatever it holds
    raise IndexError(
        "a key is made of integers, slices, an ellipsis, None, and integer or boolean arrays, "
        f"got {type(item).__name__}"
    )


def _bound(bound: Any) -> int | None:
    return bound if bound is None or type(bound) is int else as_index(bound)


def _slice_part(item: slice) -> SlicePart:
    try:
        start, stop, step = _bound(item.start), _bound(item.stop), _bound(item.step)
    except TypeError:
        # An array would show what this rank has of it.
        kinds = ", ".join(type(bound).__name__ for bound in (item.start, item.stop, item.step))
        raise TypeError(f"the bounds of a slice must be integers or None, got slice({kinds})") from None
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
    got = f"{index} or more" if index == NOWHERE else index
    return f"an index of an axis of length {length} must lie in [-{length}, {length}), got {got}"


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
