"""The standard's manipulation functions. Standard: 2025.12, manipulation functions."""

from __future__ import annotations

from collections.abc import Sequence

from array_api_dist import _dtypes as dt
from array_api_dist import _shapes
from array_api_dist._arguments import integer
from array_api_dist._array import Array, promoted
from array_api_dist._block import Block
from array_api_dist._partition import Shape
from array_api_dist._shapes import (
    completed_shape,
    named_axes,
    normalize_axes,
    normalize_axis,
    normalize_shape,
    with_axis_length,
)
from array_api_dist._validation import block_of, new_shape, same_device
from array_api_dist.engine import rearrangement, reshaping
from array_api_dist.engine.agreement import agreed

__all__ = [
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "moveaxis",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "stack",
    "tile",
    "unstack",
]


def _separate(block: Block) -> Array:
    """Return an array of ``block`` whose writes don't show in the operand it may be."""
    return Array._from_block(block.with_local(block.local.detach()))


def _flat(block: Block) -> Block:
    return block if block.ndim == 1 else reshaping.reshape(block, (block.size,))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which all shapes broadcast.

    Raises
    ------
    ValueError
        If they don't.

    Notes
    -----
    Communication: none.
    """
    return _shapes.broadcast_shapes(*(normalize_shape(shape) for shape in shapes))


def broadcast_to(x: Array, /, shape: tuple[int, ...]) -> Array:
    """Return a view of ``x`` stretched to ``shape``.

    Raises
    ------
    ValueError
        On every rank, if ``x`` does not broadcast to it.

    Notes
    -----
    Communication: none unless the partitioned axis has length 1 and is stretched; then one allgather of that
    operand.
    """
    block = block_of(x, dt.ALL, "broadcast_to")
    target = new_shape(shape)
    if _shapes.broadcast_shapes(block.shape, target) != target:
        raise ValueError(f"an array of shape {block.shape} does not broadcast to {target}")
    return _separate(rearrangement.broadcast_to(block, target))


def broadcast_arrays(*arrays: Array) -> tuple[Array, ...]:
    """Return the arrays stretched to their common shape; errors as ``broadcast_to``.

    Notes
    -----
    Communication: none unless the partitioned axis has length 1 and is stretched; then one allgather of that
    operand.
    """
    blocks = [block_of(each, dt.ALL, "broadcast_arrays") for each in arrays]
    same_device("broadcast_arrays", *blocks)
    common = _shapes.broadcast_shapes(*(block.shape for block in blocks))
    return tuple(broadcast_to(each, common) for each in arrays)


def _promoted_sequence(arrays: Sequence[Array], function: str) -> list[Block]:
    """Return the blocks of ``arrays`` in their common data type.

    Raises
    ------
    TypeError
        If it is no sequence of arrays.
    ValueError
        If it is empty.
    """
    if not isinstance(arrays, Sequence):
        raise TypeError(f"{function} takes a sequence of arrays, got {type(arrays).__name__}")
    if not arrays:
        raise ValueError(f"{function} takes at least one array, got none")
    return promoted(*arrays, accepts=dt.ALL, function=function)


def concat(arrays: Sequence[Array], /, *, axis: int | None = 0) -> Array:
    """Return the arrays one after another along ``axis`` (flattened first for None), in their common data type.

    Parameters
    ----------
    arrays : sequence of Array, shapes equal but along ``axis``
    axis : int or None, optional

    Raises
    ------
    ValueError
        On every rank, before communication, if shapes don't fit or there is no array.

    Notes
    -----
    Communication: none when all are replicated or partitioned alike along another axis; else one exchange, in
    which each element moves at most once, and one for each operand that must first be laid along the common
    axis.
    """
    blocks = _promoted_sequence(arrays, "concat")
    if axis is None:
        blocks, axis = [_flat(block) for block in blocks], 0
    if blocks[0].ndim == 0:
        raise ValueError("concat needs arrays with at least one axis, got 0: use axis=None or stack()")
    along = normalize_axis(axis, blocks[0].ndim)
    wanted = with_axis_length(blocks[0].shape, along, -1)
    for block in blocks:
        if block.ndim != len(wanted) or with_axis_length(block.shape, along, -1) != wanted:
            raise ValueError(
                f"concat takes arrays whose shapes are equal but along axis {along}, "
                f"got {blocks[0].shape} and {block.shape}"
            )
    return _separate(rearrangement.concat(blocks, along))


def expand_dims(x: Array, /, axis: int | tuple[int, ...]) -> Array:
    """Return ``x`` with new axes of length 1 at ``axis`` of the result. Communication: none."""
    block = block_of(x, dt.ALL, "expand_dims")
    count = len(axis) if isinstance(axis, tuple) else 1
    return _separate(rearrangement.expand_dims(block, named_axes(axis, block.ndim + count)))


def flip(x: Array, /, *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Return ``x`` reversed along ``axis`` (all axes for None).

    Notes
    -----
    Communication: none unless a partitioned axis is concerned; then one exchange, in which each element moves
    at most once.
    """
    block = block_of(x, dt.ALL, "flip")
    return _separate(rearrangement.flip(block, normalize_axes(axis, block.ndim)))


def moveaxis(x: Array, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Array:
    """Return ``x`` with the axes ``source`` at the positions ``destination``. Communication: none."""
    block = block_of(x, dt.ALL, "moveaxis")
    origins, places = named_axes(source, block.ndim), named_axes(destination, block.ndim)
    if len(origins) != len(places):
        raise ValueError(f"source and destination name equally many axes, got {source} and {destination}")
    order = [axis for axis in range(block.ndim) if axis not in origins]
    for place, origin in sorted(zip(places, origins, strict=True)):
        order.insert(place, origin)
    return _separate(rearrangement.permute_dims(block, tuple(order)))


def permute_dims(x: Array, /, axes: tuple[int, ...]) -> Array:
    """Return ``x`` with its axes in the order ``axes``. Communication: none."""
    block = block_of(x, dt.ALL, "permute_dims")
    order = named_axes(axes, block.ndim)
    if len(order) != block.ndim:
        raise ValueError(f"axes must name each of the {block.ndim} axes once, got {axes}")
    return _separate(rearrangement.permute_dims(block, order))


def repeat(x: Array, repeats: int | Array, /, *, axis: int | None = None) -> Array:
    """Return each element along ``axis`` (of the flattened array for None) as often as ``repeats`` says.

    Parameters
    ----------
    x : Array, shape (..., n, ...)
    repeats : int or integer Array, shape (), (1,) or (n,)
    axis : int or None, optional

    Raises
    ------
    ValueError
        On every rank, if a count is negative or there are neither 1 nor n of them.
    TypeError
        On every rank, if there is one and it is no integer.

    Notes
    -----
    Communication: none for one count (but one exchange to flatten the array); an array of counts moves to the
    partition of ``x``; where ``axis`` is partitioned the ranks agree that none is negative, one allgather of P
    totals follows, and one exchange if the result is lopsided.
    Memory: the result, twice where it moves; the flattened array, where it moves.
    """
    block = block_of(x, dt.ALL, "repeat")
    block, along = (_flat(block), 0) if axis is None else (block, normalize_axis(axis, block.ndim))
    if isinstance(repeats, Array):
        return _separate(_repeat_by_array(block, repeats, along))
    count = integer(repeats, "repeats")
    if count < 0:
        raise ValueError(f"repeats must not be negative, got {count}")
    new_shape((*block.shape[:along], block.shape[along] * count, *block.shape[along + 1 :]))
    return _separate(rearrangement.repeat(block, count, along))


def _repeat_by_array(block: Block, repeats: Array, axis: int) -> Block:
    counts = block_of(repeats, dt.INTEGER, "repeat", "repeats")
    same_device("repeat", block, counts)
    if counts.ndim > 1 or counts.size not in (1, block.shape[axis]):
        raise ValueError(
            f"repeats has 1 element or one for each of the {block.shape[axis]} along the axis, got shape {counts.shape}"
        )
    counts = rearrangement.broadcast_to(_flat(counts), (block.shape[axis],))
    return rearrangement.repeat_each(block, counts, axis)


def reshape(x: Array, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Array:
    """Return the elements of ``x`` in row-major order in another shape.

    Parameters
    ----------
    x : Array
    shape : tuple of int
        One length may be -1.
    copy : bool or None, optional
        True: a copy at once. False: no copy, an error where one is needed, which depends on how the elements lie on
        the ranks: where some must move to another one, no view has them all, and nothing moves. Of other arrays in
        parts the ranks agree on it, in 8 bytes.

    Raises
    ------
    ValueError
        On every rank, if the sizes differ, or ``copy=False`` and a copy is needed.

    Notes
    -----
    Communication: none when no element changes its rank; else one exchange of the overlaps, in which each
    element moves at most once (one allgather of a single element). The result's partition begins nearest to
    where the elements are.
    Memory: the result, and a copy of a part that is not dense.
    """
    block = block_of(x, dt.ALL, "reshape")
    target = completed_shape(block.size, shape)
    if copy is False:
        return Array._from_block(_reshaped_view(block, target))
    if target == block.shape and not copy:
        return _separate(block)
    result = block if target == block.shape else reshaping.reshape(block, target)
    return Array._from_block(result.with_local(result.local.clone()) if copy else result)


def _reshaped_view(block: Block, shape: Shape) -> Block:
    """Return a view of ``block`` in another ``shape``; on every rank an error if there is none."""
    error = ValueError(f"a reshape of {block.shape} to {shape} needs a copy, got copy=False")
    if not reshaping.stays(block, shape):
        raise error
    result = reshaping.reshape(block, shape)
    agreed(block, None if reshaping.is_view(result, block) else error)
    return result


def roll(x: Array, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Return ``x`` with elements moved by ``shift`` along ``axis``, those pushed out coming in again at the start.

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication: a shift is no integer, or there are not as many as axes.

    Notes
    -----
    Communication: none unless a partitioned axis is rolled; then one exchange, in which each element moves at
    most once.
    Memory: the result, and a copy of a part that is flattened and not dense.
    """
    block = block_of(x, dt.ALL, "roll")
    if axis is None:
        if isinstance(shift, tuple):
            raise ValueError(f"shift is one integer when axis is None, got {shift}")
        return _separate(reshaping.roll(block, integer(shift, "shift")))
    given = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(normalize_axis(each, block.ndim) for each in given)
    # 1, 1.0 and True are one key of what is decided once: whatever comes after would be taken for an integer.
    shifts = tuple(
        integer(each, "shift") for each in (shift if isinstance(shift, tuple) else (shift,) * len(axes))
    )
    if len(shifts) != len(axes):
        raise ValueError(f"shift and axis have the same length, got {shift} and {axis}")
    return _separate(rearrangement.roll(block, shifts, axes))


def squeeze(x: Array, /, axis: int | tuple[int, ...]) -> Array:
    """Return ``x`` without the axes ``axis``, all of length 1.

    Raises
    ------
    ValueError
        On every rank, if one is longer.

    Notes
    -----
    Communication: none unless the partitioned axis goes; then one exchange to the longest other axis, or one
    allgather of up to 64 KiB or where no other axis is as long as the ranks are many.
    """
    block = block_of(x, dt.ALL, "squeeze")
    axes = named_axes(axis, block.ndim)
    if any(block.shape[each] != 1 for each in axes):
        raise ValueError(f"squeezed axes have length 1, got axes {axes} of shape {block.shape}")
    return _separate(rearrangement.squeeze(block, axes))


def stack(arrays: Sequence[Array], /, *, axis: int = 0) -> Array:
    """Return the arrays, all of one shape, joined along a new axis, in their common data type.

    Notes
    -----
    Communication: none when all are replicated or partitioned alike; else one exchange for each operand that
    lies otherwise than the largest.
    """
    blocks = _promoted_sequence(arrays, "stack")
    if any(block.shape != blocks[0].shape for block in blocks):
        raise ValueError(f"stack takes arrays of one shape, got {[block.shape for block in blocks]}")
    along = normalize_axis(axis, blocks[0].ndim + 1)
    return _separate(rearrangement.stack(blocks, along))


def tile(x: Array, repetitions: tuple[int, ...], /) -> Array:
    """Return ``x`` repeated as a whole along each axis.

    Notes
    -----
    Communication: none unless the partitioned axis is repeated; then one exchange, in which each element
    moves once for each copy.
    """
    block = block_of(x, dt.ALL, "tile")
    counts = normalize_shape(repetitions)
    missing = max(len(counts) - block.ndim, 0)
    block = rearrangement.expand_dims(block, tuple(range(missing)))
    counts = (1,) * (block.ndim - len(counts)) + counts
    new_shape([length * count for length, count in zip(block.shape, counts, strict=True)])
    # The partitioned axis first, so that no copies travel that other axes ask for.
    for axis in sorted(range(block.ndim), key=lambda axis: axis != block.partition.axis):
        if counts[axis] != 1:
            block = rearrangement.tile_axis(block, axis, counts[axis])
    return _separate(block)


def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    """Return the slabs of ``x`` along ``axis``, without that axis.

    Notes
    -----
    Communication: none unless the partitioned axis goes; then one exchange to the longest other axis, or one
    allgather of up to 64 KiB or where no other axis is as long as the ranks are many.
    """
    block = block_of(x, dt.ALL, "unstack")
    if block.ndim == 0:
        raise ValueError("unstack needs at least one axis, got an array with 0")
    along = normalize_axis(axis, block.ndim)
    placed = rearrangement.off_axis(block, along)
    return tuple(
        _separate(rearrangement.squeeze(rearrangement.take_slice(placed, along, index, 1, 1), (along,)))
        for index in range(block.shape[along])
    )
