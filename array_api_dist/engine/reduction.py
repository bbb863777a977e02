"""Reductions: a local reduce, then one allreduce, or one reduce-scatter where the result is large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import Final, TypeAlias

import torch

from array_api_dist._alignment import longest_axis, without_axes
from array_api_dist._block import Block
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import reduced_shape, row_major_strides
from array_api_dist.collectives import Operator, State, operators
from array_api_dist.kernels import reductions as kernels
from array_api_dist.kernels.cast import cast

SCATTER_NBYTES: Final = 1 << 20
"""Results of at least this many bytes are reduce-scattered instead of replicated."""

LocalReduce: TypeAlias = Callable[[torch.Tensor, tuple[int, ...]], State]
Finish: TypeAlias = Callable[[State, int], torch.Tensor]


def _only(state: State, count: int) -> torch.Tensor:
    return state[0]


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """A row: how one part is reduced, how two parts' states merge, and what the merged state means.

    ``finish`` gets the state and the number of elements reduced over.
    """

    name: str
    local: LocalReduce
    operator: Operator
    finish: Finish = _only


def sum_in(dtype: torch.dtype) -> Reduction:
    """Return the sum, accumulated and given in ``dtype``."""
    return _summation("sum", kernels.sum, operators.SUM, dtype)


def prod_in(dtype: torch.dtype) -> Reduction:
    """Return the product, accumulated and given in ``dtype``."""
    return _summation("prod", kernels.prod, operators.PROD, dtype)


@lru_cache(maxsize=64)
def _summation(
    name: str,
    kernel: Callable[[torch.Tensor, tuple[int, ...], torch.dtype], torch.Tensor],
    operator: Operator,
    dtype: torch.dtype,
) -> Reduction:
    return Reduction(name, lambda tensor, axes: (kernel(tensor, axes, dtype),), operator)


_WIDE: Final = {torch.float32: torch.float64, torch.complex64: torch.complex128}


@lru_cache(maxsize=8)
def mean_of(dtype: torch.dtype) -> Reduction:
    """Return the mean of elements of the floating ``dtype``, accumulated in double precision."""
    wide = _WIDE.get(dtype, dtype)

    def finish(state: State, count: int) -> torch.Tensor:
        return (state[0] / count if count else torch.full_like(state[0], torch.nan)).to(dtype)

    return Reduction("mean", lambda tensor, axes: (kernels.sum(tensor, axes, wide),), operators.SUM, finish)


@lru_cache(maxsize=64)
def variance_of(dtype: torch.dtype, correction: float, *, root: bool) -> Reduction:
    """Return the variance (the deviation with ``root``) with divisor ``count - correction``, given in ``dtype``."""

    def finish(state: State, count: int) -> torch.Tensor:
        divisor = count - correction
        # NumPy's and torch's convention: a divisor that is not positive counts as zero.
        variance = state[2] / max(divisor, 0.0)
        return (torch.sqrt(variance) if root else variance).to(dtype)

    return Reduction("std" if root else "var", partial(kernels.moments, order=2), operators.MOMENTS, finish)


MIN: Final = Reduction("min", lambda tensor, axes: (kernels.min(tensor, axes),), operators.MIN)
MAX: Final = Reduction("max", lambda tensor, axes: (kernels.max(tensor, axes),), operators.MAX)
ALL: Final = Reduction("all", lambda tensor, axes: (kernels.all(tensor, axes),), operators.ALL)
ANY: Final = Reduction("any", lambda tensor, axes: (kernels.any(tensor, axes),), operators.ANY)
COUNT_NONZERO: Final = Reduction(
    "count_nonzero", lambda tensor, axes: (kernels.count_nonzero(tensor, axes),), operators.SUM
)


def _with_kept_axes(block: Block, shape: Shape, axes: tuple[int, ...]) -> Block:
    """Put axes of length 1 back where ``axes`` were."""
    kept = reduced_shape(shape, axes, keepdims=True)
    partition = block.partition
    if partition.axis is not None:
        left = [axis for axis in range(len(shape)) if axis not in axes]
        partition = partition.on_axis(left[partition.axis])
    return Block(
        block.local.reshape(partition.local_shape(kept, block.device.rank)), kept, partition, block.device
    )


def _merged(state: State, operator: Operator, shape: Shape, block: Block) -> tuple[State, Partition]:
    """Merge the ranks' states: replicated when small, scattered along the longest axis when large."""
    nbytes = sum(tensor.element_size() for tensor in state) * prod(shape)
    if nbytes < SCATTER_NBYTES or max(shape, default=0) < block.device.ranks:
        return block.communicator.allreduce(state, operator), REPLICATED
    axis = longest_axis(shape)
    target = Partition.even(axis, shape[axis], block.device.ranks)
    return block.communicator.reduce_scatter(state, operator, axis, target.counts), target


def reduce(rule: Reduction, block: Block, axes: tuple[int, ...], *, keepdims: bool = False) -> Block:
    """Return ``block`` reduced over ``axes``.

    Communication: none when the partitioned axis is not among them; else one allreduce of the result's bytes
    (one reduce-scatter, keeping 1/P, where the result has at least ``SCATTER_NBYTES``).
    """
    shape = reduced_shape(block.shape, axes)
    count = prod(block.shape[axis] for axis in axes)
    state = rule.local(block.local, axes)
    if block.partition.axis in axes:
        state, partition = _merged(state, rule.operator, shape, block)
    else:
        partition = without_axes(block.partition, axes)
    result = Block(rule.finish(state, count), shape, partition, block.device)
    return _with_kept_axes(result, block.shape, axes) if keepdims else result


ArgKernel: TypeAlias = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]
_NOWHERE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class ArgReduction:
    """A row: the position of an extreme value."""

    name: str
    local: ArgKernel
    operator: Operator


ARGMIN: Final = ArgReduction("argmin", kernels.argmin, operators.ARGMIN)
ARGMAX: Final = ArgReduction("argmax", kernels.argmax, operators.ARGMAX)


def _global_flat(index: torch.Tensor, block: Block) -> torch.Tensor:
    """Turn row-major positions in the local part into row-major positions in the whole array."""
    result = torch.zeros_like(index)
    local_strides = row_major_strides(tuple(block.local.shape))
    for axis, (stride, whole) in enumerate(zip(local_strides, row_major_strides(block.shape), strict=True)):
        length = max(block.local.shape[axis], 1)
        result += (index // max(stride, 1) % length + block.offset(axis)) * whole
    return torch.where(index == _NOWHERE, index, result)


def arg_reduce(rule: ArgReduction, block: Block, axis: int | None, *, keepdims: bool = False) -> Block:
    """Return the positions of the extremes along ``axis`` (row-major over everything for None); the first of equals.

    Communication: none when the partitioned axis is not reduced; else one allreduce of (value, index) pairs.
    """
    axes = tuple(range(block.ndim)) if axis is None else (axis,)
    if axis is None:
        value, local_index = rule.local(block.local.reshape(-1), 0)
        index = _global_flat(local_index, block)
    else:
        value, local_index = rule.local(block.local, axis)
        index = torch.where(local_index == _NOWHERE, local_index, local_index + block.offset(axis))
    shape = reduced_shape(block.shape, axes)
    if block.partition.axis in axes:
        (value, index), partition = _merged((value, index), rule.operator, shape, block)
    else:
        partition = without_axes(block.partition, axes)
    result = Block(index, shape, partition, block.device)
    return _with_kept_axes(result, block.shape, axes) if keepdims else result


def as_dtype(block: Block, dtype: torch.dtype) -> Block:
    """Return the same values in another data type. Communication: none."""
    return block if block.local.dtype == dtype else block.with_local(cast(block.local, dtype))
