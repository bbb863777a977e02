"""``x[key]`` and ``x[key] = value``: slices and integers here; masks and integer arrays are handed on.

A slice of a partitioned axis stays where it is: no communication until one rank would hold more than twice its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import EllipsisType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from array_api_dist import _dtypes as dt
from array_api_dist import _indexing as keys
from array_api_dist._alignment import Layout, align_to, even_on_longest, longest_axis, without_axes
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._exchange import Segment, segment_plan
from array_api_dist._indexing import ArrayIndex, ArrayPart, KeyPart, MaskIndex
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._slicing import BasicIndex, TorchKey, View
from array_api_dist.engine import gather_scatter, selection
from array_api_dist.engine.redistribution import carry_out, evened, redistribute
from array_api_dist.engine.routing import as_indices
from array_api_dist.engine.scatter import scatter
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.creation import from_numpy
from array_api_dist.kernels.dtypes import TORCH
from array_api_dist.kernels.indexing import flip

Key: TypeAlias = "tuple[int | slice | EllipsisType | Block | npt.NDArray[Any] | None, ...]"

_INDEX_KINDS: Final = frozenset("biu")


def get(block: Block, key: Key) -> Block:
    """Return ``block[key]``: it may share storage with ``block``, but is never to be written through.

    Parameters
    ----------
    block : Block
    key : tuple
        Integers, slices, an ellipsis, None, and blocks or NumPy arrays (equal on every rank) of integers or booleans.

    Returns
    -------
    Block

    Raises
    ------
    IndexError, TypeError, ValueError
        On every rank; before communication but for indices out of bounds inside partitioned arrays.

    Notes
    -----
    Communication: none for slices of positive step, new axes and integers of other axes (one exchange where the
    result is lopsided); one exchange for a negative step of the partitioned axis; one broadcast (or, above
    ``SMALL_NBYTES``, one exchange) for an integer there. A mask: ``selection.select``. Integer arrays:
    ``gather_scatter.gather``.
    """
    parts, arrays = split(key, block.device)
    if arrays:
        return _get_with_arrays(block, parts, arrays)
    view, stays = _view_of(parts, block.shape, block.partition, block.device.rank)
    if stays:
        return taken(block, view)
    return evened(_moved(block, view))


@lru_cache(maxsize=16384)
def _view_of(parts: tuple[KeyPart, ...], shape: Shape, partition: Partition, rank: int) -> tuple[View, bool]:
    """Return how a key without arrays takes a part, and whether that is already the result."""
    index = keys.normalize(parts, shape)
    assert isinstance(index, BasicIndex)
    view = View.of(index, partition, rank)
    moves = view.descending or view.slab is not None or view.partition.is_lopsided
    return view, not moves


def _index_array(item: Block | npt.NDArray[Any], device: Device) -> Block:
    """Return an array of a key as a block of booleans or int64.

    Raises
    ------
    IndexError
        If its data type is another.
    ValueError
        If it lives on another device.
    """
    if isinstance(item, np.ndarray):
        if item.dtype.kind not in _INDEX_KINDS:
            raise IndexError(f"an index array is of an integer or boolean data type, got {item.dtype}")
        host = from_numpy(np.array(item))
        device.communicator.check_alike("index", host)
        item = Block(host.to(device.torch_device), tuple(host.shape), REPLICATED, device)
    if item.dtype not in dt.INTEGER_OR_BOOLEAN:
        raise IndexError(f"an index array is of an integer or boolean data type, got {item.dtype}")
    if item.device != device:
        raise ValueError(f"an index array lives on the device of the array, {device}, got {item.device}")
    if item.dtype is dt.bool:
        return item
    return item.with_local(as_indices(item.local))


def split(key: Key, device: Device) -> tuple[tuple[KeyPart, ...], list[Block]]:
    """Return the parts of ``key``, hashable, and the arrays in it, in order; 0-d integer arrays count as integers."""
    parts: list[KeyPart] = []
    arrays: list[Block] = []
    for item in key:
        if type(item) is int:
            parts.append(item)
            continue
        if not isinstance(item, (Block, np.ndarray)):
            parts.append(keys.key_part(item))
            continue
        array = _index_array(item, device)
        is_mask = array.dtype is dt.bool
        if array.ndim == 0 and not is_mask:
            parts.append(int(array.local.item()))
            continue
        parts.append(ArrayPart(array.shape, is_mask=is_mask))
        arrays.append(array)
    return tuple(parts), arrays


def _resolved(
    block: Block, parts: tuple[KeyPart, ...], arrays: list[Block]
) -> tuple[ArrayIndex | MaskIndex, list[Block]]:
    """Return the normal form, and the arrays it zips, each mask among others replaced by its nonzero()."""
    index = keys.normalize(parts, block.shape)
    if isinstance(index, (ArrayIndex, MaskIndex)):
        return index, arrays
    found = [gather_scatter.nonzero(array) if array.dtype is dt.bool else (array,) for array in arrays]
    counts = tuple(each[0].size for each, array in zip(found, arrays, strict=True) if array.dtype is dt.bool)
    index = keys.normalize(keys.expanded(parts, counts), block.shape)
    assert isinstance(index, ArrayIndex)
    return index, [array for each in found for array in each]


def _get_with_arrays(block: Block, parts: tuple[KeyPart, ...], arrays: list[Block]) -> Block:
    index, arrays = _resolved(block, parts, arrays)
    source = _moved(block, View.of(index.basic, block.partition, block.device.rank))
    if isinstance(index, ArrayIndex):
        zipped = _zipped(index, arrays)
        return evened(gather_scatter.gather(source, index.axes, zipped, index.broadcast, index.at))
    mask = _covering(arrays[0], source, index.axis, index)
    result = selection.select(source, mask, index.axis)
    return moved_axis(evened(result), index.axis, index.at)


def _zipped(index: ArrayIndex, arrays: Sequence[Block]) -> list[Block | int]:
    """Return what indexes each axis of ``index``: an integer, or the next array."""
    left = iter(arrays)
    return [next(left) if integer is None else integer for integer in index.integers]


def _covering(mask: Block, source: Block, axis: int, index: MaskIndex) -> Block:
    """Return the mask with the lengths of the axes it covers: one without elements is all False."""
    if not index.is_empty:
        return mask
    shape = source.shape[axis : axis + index.count]
    nothing = torch.zeros((), dtype=torch.bool, device=source.local.device).expand(shape)
    return Block(nothing, shape, REPLICATED, source.device)


def moved_axis(block: Block, source: int, target: int) -> Block:
    """Return a view of ``block`` whose axis ``source`` is at ``target``. Communication: none."""
    if source == target:
        return block
    order = list(range(block.ndim))
    order.insert(target, order.pop(source))
    shape = tuple(block.shape[axis] for axis in order)
    return Block(
        block.local.permute(order), shape, keys.moved_axis(block.partition, source, target), block.device
    )


# ---- get


def taken(block: Block, view: View) -> Block:
    """Return what ``view`` takes before anything moves: a view of ``block``. Communication: none."""
    return Block(block.local[view.key], view.shape, view.partition, block.device)


def _moved(block: Block, view: View) -> Block:
    """Return what ``view`` takes, where it is as long as that is possible."""
    result = taken(block, view)
    if view.descending:
        result = reversed_axes(result, view.descending)
    return result if view.slab is None else _slab(result, view.slab)


def reversed_axes(block: Block, axes: tuple[int, ...]) -> Block:
    """Return ``block`` reversed along ``axes``. Communication: one exchange if a partitioned axis is among them."""
    here = tuple(axis for axis in axes if axis != block.partition.axis)
    if here:
        block = block.with_local(flip(block.local, here))
    axis = block.partition.axis
    if axis is None or axis not in axes:
        return block
    length, ranks = block.shape[axis], block.device.ranks
    return _reversed_into(block, axis, Partition.even(axis, length, ranks))


def _reversed_into(block: Block, axis: int, target: Partition) -> Block:
    """Return ``block`` reversed along its partitioned ``axis``, laid out as ``target``: one exchange."""
    length = block.shape[axis]
    segments = (Segment(0, length - 1, length, 0, -1),) if length else ()
    plan = segment_plan((block.partition,), target, segments, block.device.rank)
    return carry_out(plan, [block.local], block.shape, target, block.device)


def _slab(block: Block, axis: int) -> Block:
    """Return ``block`` without its partitioned ``axis`` of length 1: broadcast when small, else spread evenly.

    Communication: one broadcast, or one exchange straight from the owner.
    """
    shape = (*block.shape[:axis], *block.shape[axis + 1 :])
    if not shape or block.nbytes <= keys.SMALL_NBYTES:
        local = block.local.squeeze(axis) if block.local.shape[axis] else block.local.new_empty(shape)
        local = block.communicator.broadcast(local, block.partition.owner(0))
        return Block(local, shape, REPLICATED, block.device)
    spread = redistribute(block, even_on_longest(block.shape, block.device.ranks, without=axis))
    return Block(spread.local.squeeze(axis), shape, without_axes(spread.partition, (axis,)), block.device)


# ---- set


def set(block: Block, key: Key, value: Block, *, mixed: bool = False) -> None:
    """Write ``value`` to ``block[key]``, in place: the local tensor is the block's own.

    Parameters
    ----------
    block : Block
    key : tuple
        As for ``get``.
    value : Block
        Broadcasts to ``block[key]``; its data type promotes to the block's.
    mixed : bool
        Whether an integer value may be written to a floating block.

    Raises
    ------
    IndexError, TypeError, ValueError
        On every rank; before communication but for indices out of bounds inside partitioned arrays and the number
        of elements that a mask selects.

    Notes
    -----
    Communication: none when the value is replicated or partitioned as what is written, else it moves there once.
    A mask: ``selection.assign``. Integer arrays: ``gather_scatter.scatter``.
    """
    # A write of other elements would not show before these are read.
    block.communicator.check_alike("write")
    parts, arrays = split(key, block.device)
    value = _promoted(block, value, mixed=mixed)
    if arrays:
        _set_with_arrays(block, parts, arrays, value)
        return
    plan = _direct_write(parts, block.layout, block.device.rank, value.layout)
    if plan is None:
        index = keys.normalize(parts, block.shape)
        assert isinstance(index, BasicIndex)
        _set_basic(block, index, value)
        return
    target, source = plan
    block.local[target].copy_(value.local[source])


@lru_cache(maxsize=16384)
def _direct_write(
    parts: tuple[KeyPart, ...], layout: Layout, rank: int, value: Layout
) -> tuple[TorchKey, TorchKey] | None:
    """Return the keys of the local tensors of array and value when nothing moves or turns round, else None."""
    index = keys.normalize(parts, layout.shape)
    assert isinstance(index, BasicIndex)
    view = View.of(index, layout.partition, rank)
    shape = keys.value_shape(value.shape, index.shape)
    extra = len(value.shape) - len(shape)
    if view.descending:
        return None
    if value.partition.axis is not None:
        (partition,) = align_to(Layout(view.shape, view.partition), value)
        is_aligned = partition == value.partition and view.slab is None and extra == 0
        return (view.key, ()) if is_aligned else None
    at = None if view.slab is None else view.slab - len(index.shape) + len(shape)
    if at is not None and at >= 0:
        shape = (*shape[:at], 1, *shape[at:])
    (partition,) = align_to(Layout(view.shape, view.partition), Layout(shape, REPLICATED))
    cut: list[int | slice | None] = list(partition.local_slices(len(shape), rank))
    if at is not None and at >= 0:
        # The value lacks the axis that an integer took; it is stretched to nothing where another rank owns that.
        cut[at] = None
    return view.key, (*(0,) * extra, *cut)


def _promoted(block: Block, value: Block, *, mixed: bool) -> Block:
    """Return ``value`` in the data type of ``block`` and in storage of its own.

    Raises
    ------
    TypeError
        If it does not promote to it.
    ValueError
        If it lives on another device.
    """
    if value.device != block.device:
        raise ValueError(f"a value lives on the device of the array, {block.device}, got {value.device}")
    if (
        value.dtype is not block.dtype
        and dt.promote(block.dtype, value.dtype, mixed=mixed) is not block.dtype
    ):
        raise TypeError(
            f"a value promotes to the data type of the array, {block.dtype}: convert it with astype(), "
            f"got {value.dtype}"
        )
    local = cast(value.local, TORCH[block.dtype])
    if local.untyped_storage().data_ptr() == block.local.untyped_storage().data_ptr():
        local = local.clone()
    return value if local is value.local else value.with_local(local)


def with_shape_of(value: Block, target: Shape) -> Block:
    """Return ``value`` without leading ones that the assignment to ``target`` does not need.

    Communication: none, but one exchange where one of them is partitioned.

    Raises
    ------
    ValueError
        If it does not broadcast to ``target``.
    """
    shape = keys.value_shape(value.shape, target)
    extra = value.ndim - len(shape)
    if extra == 0:
        return value
    axis = value.partition.axis
    if axis is not None and axis < extra:
        value = redistribute(value, _spread_behind(extra, shape, value.device.ranks))
    partition = value.partition
    if partition.axis is not None:
        partition = partition.on_axis(partition.axis - extra)
    return Block(value.local[(0,) * extra], shape, partition, value.device)


def _spread_behind(extra: int, shape: Shape, ranks: int) -> Partition:
    """Return the even partition along the longest axis of ``shape``, which ``extra`` other axes precede."""
    if not shape:
        return REPLICATED
    longest = longest_axis(shape)
    return Partition.even(extra + longest, shape[longest], ranks)


def _set_basic(block: Block, index: BasicIndex, value: Block) -> None:
    """Write ``value``, of the data type of ``block``, where something must move or turn round first."""
    view = View.of(index, block.partition, block.device.rank)
    value = with_shape_of(value, index.shape)
    if view.slab is not None:
        value = _with_axis(value, view.slab - len(index.shape) + value.ndim)
    lead = len(view.shape) - value.ndim
    turned = _stretching_none(value, [axis - lead for axis in view.descending])
    target = taken(block, view)
    target.local.copy_(_turned_to_meet(value, turned, target).local)


def _with_axis(value: Block, at: int) -> Block:
    """Return ``value`` with a new axis of length 1 at ``at``; left of all of its axes none is needed."""
    if at < 0:
        return value
    partition = value.partition
    if partition.axis is not None and partition.axis >= at:
        partition = partition.on_axis(partition.axis + 1)
    shape = (*value.shape[:at], 1, *value.shape[at:])
    return Block(value.local.unsqueeze(at), shape, partition, value.device)


def _turned_to_meet(value: Block, turned: tuple[int, ...], target: Block) -> Block:
    """Return ``value`` reversed along ``turned`` and laid out so that every rank has what it writes to ``target``.

    Communication: none, one allgather or one exchange.
    """
    (partition,) = align_to(target.layout, value.layout)
    axis = value.partition.axis
    if axis is None or axis not in turned:
        return redistribute(reversed_axes(value, turned), partition)
    value = reversed_axes(value, tuple(other for other in turned if other != axis))
    if partition.axis == axis:
        return _reversed_into(value, axis, partition)
    return reversed_axes(redistribute(value, partition), (axis,))


def _set_with_arrays(block: Block, parts: tuple[KeyPart, ...], arrays: list[Block], value: Block) -> None:
    index, arrays = _resolved(block, parts, arrays)
    if isinstance(index, MaskIndex):
        _set_masked(block, index, arrays[0], value)
        return
    value = with_shape_of(value, index.shape)
    lead = len(index.shape) - value.ndim
    view = View.of(index.basic, block.partition, block.device.rank)
    descending = [keys.gathered_axis(axis, index) - lead for axis in view.descending]
    value = reversed_axes(value, _stretching_none(value, descending))
    target = taken(block, view)
    scatter(target, index.axes, _zipped(index, arrays), index.broadcast, index.at, value)


def _set_masked(block: Block, index: MaskIndex, mask: Block, value: Block) -> None:
    view = View.of(index.basic, block.partition, block.device.rank)
    axis = index.axis
    ndim = len(index.basic.shape) - index.count + 1
    if value.ndim:
        value = with_shape_of(value, _written_shape(index, value.shape, ndim))
    value = moved_axis(_with_leading(value, ndim), index.at, axis)
    if view.slab is not None:
        value = _with_axis(value, _beside_selected(view.slab, axis, index.count))
        axis += view.slab <= axis
    # A mask without axes stands before the axis that is where it is.
    descending = [turned if turned < axis else turned - index.count + 1 for turned in view.descending]
    if descending:
        value = reversed_axes(value, _stretching_none(value, descending))
    target = taken(block, view)
    selection.assign(target, _covering(mask, target, axis, index), axis, value)


def _written_shape(index: MaskIndex, value: Shape, ndim: int) -> Shape:
    """Return the shape that is written: how much the mask selects is not known yet, so what ``value`` has there."""
    behind = ndim - index.at
    selected = value[-behind] if len(value) >= behind else 1
    shape = index.basic.shape
    lengths = [*shape[: index.axis], *shape[index.axis + index.count :]]
    lengths.insert(index.at, selected)
    return tuple(lengths)


def _beside_selected(axis: int, selected: int, covered: int) -> int:
    """Return where ``axis`` is once the axis ``selected`` has replaced ``covered`` axes from it."""
    return axis if axis <= selected else axis - covered + 1


def _stretching_none(value: Block, axes: Sequence[int]) -> tuple[int, ...]:
    """Return those of ``axes`` (negative ones it lacks) along which ``value`` has more than one element."""
    return tuple(axis for axis in axes if axis >= 0 and value.shape[axis] > 1)


def _with_leading(value: Block, ndim: int) -> Block:
    """Return ``value`` with new leading axes of length 1, ``ndim`` in all."""
    extra = ndim - value.ndim
    if extra == 0:
        return value
    partition = value.partition
    if partition.axis is not None:
        partition = partition.on_axis(partition.axis + extra)
    return Block(value.local[(None,) * extra], (1,) * extra + value.shape, partition, value.device)
