"""Reductions: a local reduce, then one allreduce, or one reduce-scatter where the result is large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Final, TypeAlias

import torch

from array_api_dist._alignment import longest_axis, without_axes
from array_api_dist._block import Block
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import normalize_axes, reduced_shape, row_major_strides
from array_api_dist.collectives import Operator, State, operators
from array_api_dist.kernels import moments as moment_kernels
from array_api_dist.kernels import reductions as kernels
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import WIDE

SCATTER_NBYTES: Final = 1 << 20
"""Results of at least this many bytes are reduce-scattered instead of replicated."""

LocalReduce: TypeAlias = Callable[[torch.Tensor, tuple[int, ...]], State]
Finish: TypeAlias = Callable[[State, int], torch.Tensor]
InType: TypeAlias = Callable[[torch.Tensor, tuple[int, ...], torch.dtype], torch.Tensor]
WholeReduce: TypeAlias = Callable[[torch.Tensor, tuple[int, ...], int], torch.Tensor]


def _only(state: State, count: int) -> torch.Tensor:
    return state[0]


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """A row: how one part is reduced, how two parts' states merge, and what the merged state means.

    ``finish`` gets the state and the number of elements reduced over. ``whole`` goes straight to the result where
    there is nothing to merge; it gets that number, too.
    """

    name: str
    local: LocalReduce
    operator: Operator
    whole: WholeReduce
    finish: Finish = _only


def _plain(
    name: str, kernel: Callable[[torch.Tensor, tuple[int, ...]], torch.Tensor], operator: Operator
) -> Reduction:
    """Return a reduction whose state is its result."""
    return Reduction(
        name,
        lambda tensor, axes: (kernel(tensor, axes),),
        operator,
        lambda tensor, axes, count: kernel(tensor, axes),
    )


def sum_in(dtype: torch.dtype) -> Reduction:
    """Return the sum given in ``dtype``, floating ones accumulated in double precision."""
    return _accumulation("sum", kernels.sum, kernels.partial_sum, operators.SUM, dtype)


def prod_in(dtype: torch.dtype) -> Reduction:
    """Return the product given in ``dtype``, floating ones accumulated in double precision."""
    return _accumulation("prod", kernels.prod, kernels.partial_prod, operators.PROD, dtype)


@lru_cache(maxsize=64)
def _accumulation(
    name: str, whole: InType, partial: InType, operator: Operator, dtype: torch.dtype
) -> Reduction:
    """Return a reduction whose state is wider than its result, but for exact types and the widest."""
    return Reduction(
        name,
        lambda tensor, axes: (partial(tensor, axes, dtype),),
        operator,
        lambda tensor, axes, count: whole(tensor, axes, dtype),
        _only if dtype not in WIDE else lambda state, count: cast(state[0], dtype),
    )


@lru_cache(maxsize=8)
def mean_of(dtype: torch.dtype) -> Reduction:
    """Return the mean of elements of the floating ``dtype``, of sums in blocks."""
    return Reduction(
        "mean",
        lambda tensor, axes: (kernels.blocked_sum(tensor, axes),),
        operators.SUM,
        kernels.mean,
        lambda state, count: kernels.mean_of_sum(state[0], count, dtype),
    )


@lru_cache(maxsize=64)
def variance_of(dtype: torch.dtype, correction: float, *, root: bool) -> Reduction:
    """Return the variance (the deviation with ``root``) with divisor ``count - correction``, given in ``dtype``."""
    return Reduction(
        "std" if root else "var",
        moment_kernels.moments,
        operators.MOMENTS,
        lambda tensor, axes, count: moment_kernels.variance(tensor, axes, count - correction, root=root),
        lambda state, count: moment_kernels.variance_of_square(
            state[2], count - correction, dtype, root=root
        ),
    )


MIN: Final = _plain("min", kernels.min, operators.MIN)
MAX: Final = _plain("max", kernels.max, operators.MAX)
ALL: Final = _plain("all", kernels.all, operators.ALL)
ANY: Final = _plain("any", kernels.any, operators.ANY)
COUNT_NONZERO: Final = _plain("count_nonzero", kernels.count_nonzero, operators.SUM)


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What a reduction of one layout over some axes gives; ``partition`` is None where the parts' states merge."""

    count: int
    shape: Shape
    kept_shape: Shape
    partition: Partition | None


@lru_cache(maxsize=16384)
def _outcome(shape: Shape, partition: Partition, axes: tuple[int, ...]) -> _Outcome:
    merges = partition.axis in axes
    return _Outcome(
        prod(shape[axis] for axis in axes),
        reduced_shape(shape, axes),
        reduced_shape(shape, axes, keepdims=True),
        None if merges else without_axes(partition, axes),
    )


def _result(
    local: torch.Tensor,
    partition: Partition,
    block: Block,
    axes: tuple[int, ...],
    outcome: _Outcome,
    *,
    keepdims: bool,
) -> Block:
    """Return the block of a reduction, with ``keepdims`` with axes of length 1 put back where ``axes`` were."""
    if not keepdims:
        return Block(local, outcome.shape, partition, block.device)
    for axis in sorted(axes):
        local = local.unsqueeze(axis)
    if outcome.partition is not None:
        partition = block.partition
    elif partition.axis is not None:
        left = [axis for axis in range(block.ndim) if axis not in axes]
        partition = partition.on_axis(left[partition.axis])
    return Block(local, outcome.kept_shape, partition, block.device)


def _merged(state: State, operator: Operator, shape: Shape, block: Block) -> tuple[State, Partition]:
    """Merge the ranks' states: replicated when small, scattered along the longest axis when large."""
    nbytes = sum([tensor.element_size() for tensor in state]) * prod(shape)
    # One element alone is not worth it, and callers drop axes of one.
    if nbytes < SCATTER_NBYTES or max(shape, default=0) < max(block.device.ranks, 2):
        return block.communicator.allreduce(state, operator), REPLICATED
    axis = longest_axis(shape)
    target = Partition.even(axis, shape[axis], block.device.ranks)
    return block.communicator.reduce_scatter(state, operator, axis, target.counts), target


def reduce(rule: Reduction, block: Block, axes: tuple[int, ...], *, keepdims: bool = False) -> Block:
    """Return ``block`` reduced over ``axes``.

    Communication: none when the partitioned axis is not among them; else one allreduce of the result's bytes
    (one reduce-scatter, keeping 1/P, where the result has at least ``SCATTER_NBYTES``).
    """
    outcome = _outcome(block.shape, block.partition, axes)
    partition = outcome.partition
    if partition is not None:
        local = rule.whole(block.local, axes, outcome.count)
    else:
        state, partition = _merged(rule.local(block.local, axes), rule.operator, outcome.shape, block)
        local = rule.finish(state, outcome.count)
    return _result(local, partition, block, axes, outcome, keepdims=keepdims)


ArgKernel: TypeAlias = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, slots=True, eq=False)
class ArgReduction:
    """A row: the position of an extreme value."""

    name: str
    local: ArgKernel
    operator: Operator
    whole: Callable[[torch.Tensor, int | None], torch.Tensor]


ARGMIN: Final = ArgReduction("argmin", kernels.argmin, operators.ARGMIN, kernels.argmin_position)
ARGMAX: Final = ArgReduction("argmax", kernels.argmax, operators.ARGMAX, kernels.argmax_position)


def _global_flat(index: torch.Tensor, block: Block) -> torch.Tensor:
    """Turn row-major positions in the local part into row-major positions in the whole array."""
    result = torch.zeros_like(index)
    local_strides = row_major_strides(tuple(block.local.shape))
    for axis, (stride, whole) in enumerate(zip(local_strides, row_major_strides(block.shape), strict=True)):
        length = max(block.local.shape[axis], 1)
        result += (index // max(stride, 1) % length + block.offset(axis)) * whole
    return torch.where(index == kernels.NOWHERE, index, result)


def arg_reduce(rule: ArgReduction, block: Block, axis: int | None, *, keepdims: bool = False) -> Block:
    """Return the positions of the extremes along ``axis`` (row-major over everything for None); the first of equals.

    Communication: none when the partitioned axis is not reduced; else one allreduce of (value, index) pairs.
    """
    axes = normalize_axes(axis, block.ndim)
    outcome = _outcome(block.shape, block.partition, axes)
    partition = outcome.partition
    if partition is not None and block.local.numel():
        index = rule.whole(block.local, axis)
    else:
        pair = _arg_state(rule, block, axis)
        if partition is None:
            pair, partition = _merged(pair, rule.operator, outcome.shape, block)
        index = pair[1]
    return _result(index, partition, block, axes, outcome, keepdims=keepdims)


def _arg_state(rule: ArgReduction, block: Block, axis: int | None) -> State:
    """Return the extremes of this rank's part, and where they are in the whole array."""
    if axis is None:
        value, local_index = rule.local(block.local.reshape(-1), 0)
        return value, _global_flat(local_index, block)
    value, local_index = rule.local(block.local, axis)
    return value, torch.where(local_index == kernels.NOWHERE, local_index, local_index + block.offset(axis))


def as_dtype(block: Block, dtype: torch.dtype) -> Block:
    """Return the same values in another data type. Communication: none."""
    return block if block.local.dtype == dtype else block.with_local(cast(block.local, dtype))
