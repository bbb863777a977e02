"""Reshape: a view where no element changes its rank, else one exchange of interval overlaps."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import torch

from array_api_dist._block import Block
from array_api_dist._exchange import Range, flat_partition, flat_roll_plan, flattening_plan
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.collectives import Piece
from array_api_dist.engine import rearrangement
from array_api_dist.engine.redistribution import carry_out, redistribute, region, replicate


@lru_cache(maxsize=4096)
def _surviving_axis(shape: Shape, partition: Partition, target: Shape) -> Partition | None:
    """Return the partition under which the reshape to ``target`` moves nothing, or None.

    The elements in front of the partitioned axis must fill whole axes of the target, and each rank's share of one
    such stretch must fill whole rows of the target's axis there.
    """
    axis = partition.axis
    assert axis is not None
    front, inner, reached = prod(shape[:axis]), prod(shape[axis + 1 :]), 1
    for candidate, length in enumerate(target):
        row = prod(target[candidate + 1 :])
        whole = length * row == shape[axis] * inner
        if reached == front and whole and row and all(bound * inner % row == 0 for bound in partition.bounds):
            return partition.scaled(inner, row).on_axis(candidate)
        reached *= length
    return None


def _nearest_rows(flat: Partition, target: Shape, axis: int) -> Partition:
    """Return the partition of ``target`` along ``axis`` whose parts begin nearest to the ``flat`` offsets."""
    row = max(prod(target[axis + 1 :]), 1)
    bounds = tuple((bound + row // 2) // row for bound in flat.bounds)
    return Partition(axis, (0, *bounds[1:-1], target[axis]))


@lru_cache(maxsize=4096)
def reshaped_partition(shape: Shape, partition: Partition, target: Shape) -> Partition:
    """Return the partition that a partitioned array of ``shape`` has after its reshape to ``target``.

    The one that moves nothing where there is one; else near where the elements are; never lopsided.
    """
    surviving = _surviving_axis(shape, partition, target) if prod(shape) else None
    if surviving is not None:
        return surviving
    ranks = len(partition.bounds) - 1
    axis = next((axis for axis, length in enumerate(target) if length > 1), 0)
    even = Partition.even(axis, target[axis], ranks)
    flat = flat_partition(partition, shape)
    if flat is None or prod(shape) == 0:
        return even
    near = _nearest_rows(flat, target, axis)
    return even if near.is_lopsided else near


def reshape(block: Block, shape: Shape) -> Block:
    """Return the elements in row-major order in another ``shape``.

    Communication: none when no element changes its rank; else one exchange in which each moves at most once.
    """
    if block.partition.axis is None:
        return Block(block.local.reshape(shape), shape, block.partition, block.device)
    if not shape:
        return Block(replicate(block).local.reshape(()), shape, REPLICATED, block.device)
    target = reshaped_partition(block.shape, block.partition, shape)
    local_shape = target.local_shape(shape, block.device.rank)
    if stays(block, shape):
        return Block(block.local.reshape(local_shape), shape, target, block.device)
    source_flat, target_flat = flat_partition(block.partition, block.shape), flat_partition(target, shape)
    # Its first axis that is longer than 1 is partitioned.
    assert target_flat is not None
    if source_flat is None:
        local = _flattened(_as_matrix(block), target_flat)
    else:
        rows = Block(block.local.reshape(-1), (block.size,), source_flat, block.device)
        local = redistribute(rows, target_flat).local
    return Block(local.reshape(local_shape), shape, target, block.device)


def _as_matrix(block: Block) -> Block:
    """Return a matrix of a row for each place in front of the partitioned axis: a view where its rows are dense."""
    axis = block.partition.axis
    assert axis is not None
    rows, inner = prod(block.shape[:axis]), prod(block.shape[axis + 1 :])
    partition = block.partition.scaled(inner).on_axis(1)
    local = block.local.reshape(rows, partition.counts[block.device.rank])
    if local.stride(1) != 1:
        # torch turns a whole matrix round in tiles; cut into messages, each line of the cache would be read for each.
        local = local.contiguous()
    return Block(local, (rows, partition.length), partition, block.device)


def _flattened(matrix: Block, target: Partition) -> torch.Tensor:
    """Return this rank's stretch of a matrix whose columns are partitioned. Communication: one exchange."""
    rank = matrix.device.rank
    plan = flattening_plan(matrix.partition, target, rank)
    start, columns = target.offset(rank), matrix.shape[1]
    local = matrix.local.new_empty(target.counts[rank])

    def place(rows: Range, within: Range) -> torch.Tensor:
        """Return the region of the whole matrix, which is inside the stretch."""
        first = rows.start * columns + within.start - start
        return local.as_strided((rows.count, within.count), (columns, 1), first)

    matrix.communicator.exchange(
        [Piece(move.peer, region(matrix.local, move.ranges)) for move in plan.sends],
        [Piece(move.peer, place(*move.ranges)) for move in plan.receives],
    )
    return local


def roll(block: Block, shift: int) -> Block:
    """Return the elements moved on by ``shift`` in row-major order; shape and partition stay.

    Communication: none when replicated; else one exchange in which each moves at most once.
    """
    shift = shift % block.size if block.size else 0
    if shift == 0:
        return block
    flat = REPLICATED if block.partition.axis is None else flat_partition(block.partition, block.shape)
    if flat is None:
        matrix = _as_matrix(block)
        plan = flat_roll_plan(matrix.partition, matrix.shape[0], shift, block.device.rank)
        moved = carry_out(plan, [matrix.local], matrix.shape, matrix.partition, block.device)
    else:
        line = Block(block.local.reshape(-1), (block.size,), flat, block.device)
        moved = rearrangement.roll(line, (shift,), (0,))
    return block.with_local(moved.local.reshape(block.local.shape))


def stays(block: Block, shape: Shape) -> bool:
    """Return whether no element of ``block`` changes its rank in a reshape to ``shape``. Communication: none."""
    if block.partition.axis is None or block.size == 0 or shape == block.shape:
        return True
    survives = _surviving_axis(block.shape, block.partition, shape) is not None
    return survives or block.partition.is_whole_everywhere


def is_view(result: Block, source: Block) -> bool:
    """Return whether this rank's part of ``result``, no element of which has moved, is in the memory of ``source``."""
    if source.local.numel() == 0:
        return True
    return result.local.untyped_storage().data_ptr() == source.local.untyped_storage().data_ptr()
