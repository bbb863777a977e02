"""``x[key]`` and ``x[key] = value``: slices and integers here; masks and integer arrays are handed on.

A slice of a partitioned axis stays where it is: no communication until one rank would hold more than twice its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from types import EllipsisType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from array_api_dist import _dtypes as dt
from array_api_dist import _indexing as keys
from array_api_dist._alignment import align_to, longest_axis
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._exchange import Segment, segment_plan
from array_api_dist._indexing import ArrayIndex, ArrayPart, BasicIndex, KeyPart, MaskIndex, TorchKey
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.engine import gather_scatter, selection
from array_api_dist.engine.redistribution import carry_out, evened, redistribute
from array_api_dist.engine.routing import as_indices, movable
from array_api_dist.engine.scatter import scatter
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import TORCH

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
    plan = _local_plan(parts, block.shape, block.partition, block.device.rank)
    if plan is not None:
        local_key, shape, partition = plan
        return evened(Block(block.local[local_key], shape, partition, block.device))
    index = keys.normalize(parts, block.shape)
    assert isinstance(index, BasicIndex)
    return get_basic(block, index)


@lru_cache(maxsize=16384)
def _local_plan(
    parts: tuple[KeyPart, ...], shape: Shape, partition: Partition, rank: int
) -> tuple[TorchKey, Shape, Partition] | None:
    """Return the local key and the result's layout of a key that needs no movement, else None."""
    index = keys.normalize(parts, shape)
    assert isinstance(index, BasicIndex)
    if index.descending or index.takes_one(partition.axis):
        return None
    return index.local_key(partition, rank), index.shape, index.image(partition)


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
        host = torch.from_numpy(np.array(item))
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
    if isinstance(index, ArrayIndex):
        source = _moved(block, index.basic)
        return gather_scatter.gather(source, index.axes, _zipped(index, arrays), index.broadcast, index.at)
    source = _moved(block, index.basic)
    mask = _covering(arrays[0], source, index)
    result = selection.select(source, mask, index.axis)
    return moved_axis(result, index.axis, index.at)


def _zipped(index: ArrayIndex, arrays: Sequence[Block]) -> list[Block | int]:
    """Return what indexes each axis of ``index``: an integer, or the next array."""
    left = iter(arrays)
    return [next(left) if integer is None else integer for integer in index.integers]


def _covering(mask: Block, source: Block, index: MaskIndex) -> Block:
    """Return the mask with the lengths of the axes it covers: one without elements is all False."""
    if not index.is_empty:
        return mask
    shape = source.shape[index.axis : index.axis + index.count]
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


def view(block: Block, index: BasicIndex) -> Block:
    """Return a view of the elements that ``index`` takes: no axis descends, no integer takes the partitioned one.

    Communication: none; the parts may be lopsided.
    """
    local = block.local[index.local_key(block.partition, block.device.rank)]
    return Block(local, index.shape, index.image(block.partition), block.device)


def get_basic(block: Block, index: BasicIndex) -> Block:
    """Return the elements that ``index`` takes, evened out where one rank would hold more than twice its share."""
    return evened(_moved(block, index))


def _moved(block: Block, index: BasicIndex) -> Block:
    """Return the elements that ``index`` takes, where they are as long as that is possible."""
    kept = index.keeping(block.partition.axis)
    taken = reversed_axes(view(block, kept.ascending), kept.descending)
    if block.partition.axis is None or not index.takes_one(block.partition.axis):
        return taken
    return _slab(taken, index.kept_position(block.partition.axis))


def reversed_axes(block: Block, axes: tuple[int, ...]) -> Block:
    """Return ``block`` reversed along ``axes``. Communication: one exchange if a partitioned axis is among them."""
    here = tuple(axis for axis in axes if axis != block.partition.axis)
    if here:
        # torch cannot flip unsigned types.
        block = block.with_local(torch.flip(movable(block.local), here).view(block.local.dtype))
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
    if block.nbytes <= keys.SMALL_NBYTES:
        local = block.local.squeeze(axis) if block.local.shape[axis] else block.local.new_empty(shape)
        local = block.communicator.broadcast(local, block.partition.owner(0))
        return Block(local, shape, REPLICATED, block.device)
    lengths = (*block.shape[:axis], 0, *block.shape[axis + 1 :])
    longest = longest_axis(lengths)
    spread = redistribute(block, Partition.even(longest, lengths[longest], block.device.ranks))
    partition = spread.partition.on_axis(longest - (longest > axis))
    return Block(spread.local.squeeze(axis), shape, partition, block.device)


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
    parts, arrays = split(key, block.device)
    value = _promoted(block, value, mixed=mixed)
    if arrays:
        _set_with_arrays(block, parts, arrays, value)
        return
    index = keys.normalize(parts, block.shape)
    assert isinstance(index, BasicIndex)
    set_basic(block, index, value)


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
    return value.with_local(local)


def with_shape_of(value: Block, target: Shape) -> Block:
    """Return ``value`` without leading ones that the assignment to ``target`` does not need.

    Communication: none but for a partition along one of them.

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
        value = redistribute(value, REPLICATED)
    partition = value.partition
    if partition.axis is not None:
        partition = partition.on_axis(partition.axis - extra)
    return Block(value.local[(0,) * extra], shape, partition, value.device)


def set_basic(block: Block, index: BasicIndex, value: Block) -> None:
    """Write ``value``, of the block's data type, to the elements that ``index`` takes.

    Raises
    ------
    ValueError
        On every rank, before communication: it does not broadcast to them.
    """
    target, value = _target(block, index, value)
    target.local.copy_(value.local)


def _target(block: Block, index: BasicIndex, value: Block) -> tuple[Block, Block]:
    """Return a writable view of what ``index`` takes, and ``value`` turned to meet it.

    The view keeps the partitioned axis and every axis ascends; the value's axes are reversed where those of the key
    descend, and it has an axis of length 1 where an integer took the partitioned one.
    """
    axis = block.partition.axis
    value = with_shape_of(value, index.shape)
    kept = index.keeping(axis)
    if axis is not None and kept is not index:
        value = _with_axis(value, index.kept_position(axis) - len(index.shape) + value.ndim)
    lead = len(kept.shape) - value.ndim
    turned = _stretching_none(value, [at - lead for at in kept.descending])
    target = view(block, kept.ascending)
    return target, _turned_to_meet(value, turned, target)


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
    descending = [keys.gathered_axis(axis, index) - lead for axis in index.basic.descending]
    value = reversed_axes(value, _stretching_none(value, descending))
    target = view(block, index.basic.ascending)
    scatter(target, index.axes, _zipped(index, arrays), index.broadcast, index.at, value)


def _set_masked(block: Block, index: MaskIndex, mask: Block, value: Block) -> None:
    basic, axis = index.basic, index.axis
    lengths = [*basic.shape[:axis], *basic.shape[axis + index.count :]]
    ndim = len(lengths) + 1
    behind = ndim - index.at
    # How many elements the mask selects is not known yet: whatever the value has there is compared later.
    selected = value.shape[-behind] if value.ndim >= behind else 1
    lengths.insert(axis, selected)
    lengths.insert(index.at, lengths.pop(axis))
    value = with_shape_of(value, tuple(lengths))
    value = moved_axis(_with_leading(value, ndim), index.at, axis)
    partitioned = block.partition.axis
    kept = basic.keeping(partitioned)
    if partitioned is not None and kept is not basic:
        at = basic.kept_position(partitioned)
        place = at if at <= axis else at - index.count + 1
        value = _with_axis(value, place)
        axis += at <= axis
    descending = [at if at < axis else at - index.count + 1 for at in kept.descending]
    value = reversed_axes(value, _stretching_none(value, descending))
    target = view(block, kept.ascending)
    selection.assign(target, _covering(mask, target, replace(index, axis=axis)), axis, value)


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
