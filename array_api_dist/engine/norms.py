"""Norms, diagonals and traces."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import inf, prod
from typing import Literal, TypeAlias

import torch

from array_api_dist import _matrices as rules
from array_api_dist._block import Block
from array_api_dist._shapes import nearest_diagonal, reduced_shape
from array_api_dist.collectives import State, operators
from array_api_dist.engine import factorization, reduction
from array_api_dist.engine.reduction import Reduction
from array_api_dist.kernels import reductions as kernels
from array_api_dist.kernels.dtypes import WIDE
from array_api_dist.kernels.elementwise import ABS

MatrixOrder: TypeAlias = float | Literal["fro", "nuc"]


def _absolute(block: Block) -> Block:
    return block.with_local(ABS.for_dtype(block.local.dtype)(block.local))


def _summed(
    local: Callable[[torch.Tensor, tuple[int, ...]], State], finish: Callable[[State, int], torch.Tensor]
) -> Reduction:
    return Reduction(
        "vector_norm",
        local,
        operators.SUM,
        lambda tensor, axes, count: finish(local(tensor, axes), count),
        finish,
    )


@lru_cache(maxsize=8)
def _square_sum(dtype: torch.dtype) -> Reduction:
    """Return the sum of squares of both components, in double precision, and its root, of real ``dtype``."""

    def local(tensor: torch.Tensor, axes: tuple[int, ...]) -> State:
        parts, along = (
            (torch.view_as_real(tensor), (*axes, tensor.ndim)) if tensor.is_complex() else (tensor, axes)
        )
        return (kernels.sum_of_squares(parts, along),)

    def finish(state: State, count: int) -> torch.Tensor:
        return torch.sqrt(state[0]).to(dtype)

    return _summed(local, finish)


@lru_cache(maxsize=64)
def _power_sum(order: float, dtype: torch.dtype) -> Reduction:
    """Return the sum of magnitudes to the power ``order``, accumulated in double precision, and its root."""
    wide = WIDE.get(dtype, dtype)

    def local(tensor: torch.Tensor, axes: tuple[int, ...]) -> State:
        if order == 1:
            return (kernels.blocked_sum(tensor, axes),)
        return (kernels.sum(tensor.to(wide).pow(order), axes, wide),)

    def finish(state: State, count: int) -> torch.Tensor:
        return (state[0] if order == 1 else state[0].pow(1 / order)).to(dtype)

    return _summed(local, finish)


def vector_norm(block: Block, axes: tuple[int, ...], order: float = 2, *, keepdims: bool = False) -> Block:
    """Return the norms of the vectors along ``axes``.

    Communication: none unless the partitioned axis is among them; then one collective of the result.

    Raises
    ------
    ValueError
        On every rank, before communication: the least magnitude of no elements is asked for.
    """
    if order == 2:
        rule = _square_sum(block.local.dtype.to_real())
        return reduction.reduce(rule, block, axes, keepdims=keepdims)
    magnitudes = _absolute(block)
    if order == 0:
        counts = reduction.reduce(reduction.COUNT_NONZERO, magnitudes, axes, keepdims=keepdims)
        return reduction.as_dtype(counts, magnitudes.local.dtype)
    if abs(order) == inf:
        return _extreme("vector_norm", magnitudes, axes, greatest=order > 0, keepdims=keepdims)
    rule = _power_sum(float(order), magnitudes.local.dtype)
    return reduction.reduce(rule, magnitudes, axes, keepdims=keepdims)


def _extreme(function: str, block: Block, axes: tuple[int, ...], *, greatest: bool, keepdims: bool) -> Block:
    """Return the greatest (0 of nothing) or the least magnitudes."""
    if prod(block.shape[axis] for axis in axes):
        rule = reduction.MAX if greatest else reduction.MIN
        return reduction.reduce(rule, block, axes, keepdims=keepdims)
    if not greatest:
        raise ValueError(f"{function} has no least magnitude of no elements, got shape {block.shape}")
    return reduction.reduce(reduction.sum_in(block.local.dtype), block, axes, keepdims=keepdims)


def matrix_norm(block: Block, order: MatrixOrder = "fro", *, keepdims: bool = False) -> Block:
    """Return the norms of the matrices in the last two axes.

    Communication: "fro", 1, inf, -1, -inf: at most two collectives of sums; "nuc", 2, -2: that of ``svdvals``.

    Raises
    ------
    ValueError
        On every rank, before communication: not a matrix, or an unknown order.
    """
    rules.check_matrices("matrix_norm", block.shape)
    rows, columns = block.ndim - 2, block.ndim - 1
    if order == "fro":
        return vector_norm(block, (rows, columns), keepdims=keepdims)
    if order not in ("nuc", 1, -1, 2, -2, inf, -inf):
        raise ValueError(f"ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {order!r}")
    if order == "nuc" or abs(order) == 2:
        return _spectral_norm(block, order, keepdims=keepdims)
    summed, rest = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = vector_norm(block, (summed,), 1, keepdims=True)
    result = _extreme("matrix_norm", sums, (rest,), greatest=order > 0, keepdims=True)
    return result if keepdims else _without_last_two(result)


def _spectral_norm(block: Block, order: MatrixOrder, *, keepdims: bool) -> Block:
    values = factorization.svdvals(block, "matrix_norm")
    last = (values.ndim - 1,)
    if order == "nuc":
        result = reduction.reduce(reduction.sum_in(values.local.dtype), values, last, keepdims=True)
    else:
        result = _extreme("matrix_norm", values, last, greatest=order == 2, keepdims=True)
    shape = (*result.shape, 1)
    kept = Block(result.local[..., None], shape, result.partition, result.device)
    return kept if keepdims else _without_last_two(kept)


def _without_last_two(block: Block) -> Block:
    """Drop the last two axes, of length 1, neither of them partitioned any more."""
    shape = block.shape[:-2]
    local = block.local.reshape(block.partition.local_shape(shape, block.device.rank))
    return Block(local, shape, block.partition, block.device)


def diagonal(block: Block, offset: int = 0) -> Block:
    """Return the diagonals of the matrices as a last axis: a view where they lie. Communication: none."""
    rules.check_matrices("diagonal", block.shape)
    ndim = block.ndim
    offset = nearest_diagonal(offset, *block.shape[-2:])
    here = offset + block.offset(ndim - 2) - block.offset(ndim - 1)
    local = torch.diagonal(block.local, here, -2, -1)
    shape = (*reduced_shape(block.shape, (ndim - 2, ndim - 1)), rules.diagonal_length(block.shape, offset))
    return Block(local, shape, rules.diagonal_partition(block.shape, block.partition, offset), block.device)


def trace(block: Block, offset: int, dtype: torch.dtype) -> Block:
    """Return the sums of the diagonals, accumulated and given in ``dtype``.

    Communication: one allreduce when the matrices' rows or columns are partitioned.
    """
    found = diagonal(block, offset)
    return reduction.reduce(reduction.sum_in(dtype), found, (found.ndim - 1,))
