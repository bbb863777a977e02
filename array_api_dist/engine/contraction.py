"""Contractions: matmul, tensordot, vecdot, outer and cross, with the cheapest movement that _contraction finds.

Operands come in one numeric data type and on one device.

Both rings keep the moving data in flight while the local product is computed (Cannon 1969; van de Geijn and Watts 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TypeAlias

import torch

from array_api_dist import _contraction as rules
from array_api_dist._alignment import Layout, align, align_to, even_on_longest
from array_api_dist._block import Block
from array_api_dist._contraction import Contraction, Strategy, Transport
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._shapes import broadcast_shapes
from array_api_dist.collectives import Communicator, operators
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.kernels import products
from array_api_dist.kernels.moving import add_to

Product: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The contraction of two local tensors whose shared labels are equally cut."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Everything a contraction decides before it touches a value."""

    contraction: Contraction
    strategy: Strategy
    shape: Shape
    is_direct: bool


@lru_cache(maxsize=16384)
def _planned(
    rule: Callable[..., Contraction],
    left_shape: Shape,
    left_partition: Partition,
    right_shape: Shape,
    right_partition: Partition,
    itemsize: int,
    ranks: int,
    *arguments: object,
) -> _Plan:
    contraction = rule(left_shape, right_shape, *arguments)
    left, right = Layout(left_shape, left_partition), Layout(right_shape, right_partition)
    strategy = rules.choose(contraction, left, right, itemsize, ranks)
    is_direct = strategy.transport is Transport.NONE and strategy.targets == (left_partition, right_partition)
    return _Plan(contraction, strategy, contraction.shape, is_direct)


def matmul(left: Block, right: Block) -> Block:
    """Return the matrix product of the last two axes, over broadcast batch axes.

    Communication: the least of ``_contraction.choose``: none, one operand once, or the result once.
    """
    plan = _planned(
        rules.matmul,
        left.shape,
        left.partition,
        right.shape,
        right.partition,
        left.local.element_size(),
        left.device.ranks,
    )
    if plan.is_direct:
        local = products.matmul(left.local, right.local)
        return Block(local, plan.shape, plan.strategy.result, left.device)
    return _carried_out(plan, left, right, products.matmul)


def vecdot(left: Block, right: Block, axis: int = -1) -> Block:
    """Return the dot products (the left side conjugated) along ``axis``, counted from the end. Cost: as matmul."""

    def product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return products.vecdot(first, second, axis)

    return _contracted(rules.vecdot, left, right, product, axis)


def tensordot(left: Block, right: Block, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Block:
    """Return the contraction over pairs of axes, which stay where they are: nothing is reshaped. Cost: as matmul."""
    pairs = rules.tensordot_axes(left.shape, right.shape, axes)

    def product(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return products.tensordot(first, second, pairs)

    return _contracted(rules.tensordot, left, right, product, *pairs)


def _contracted(
    rule: Callable[..., Contraction], left: Block, right: Block, product: Product, *arguments: object
) -> Block:
    """Contract two blocks of one data type as ``rule`` of their shapes and ``arguments`` says."""
    itemsize, ranks = left.local.element_size(), left.device.ranks
    plan = _planned(
        rule, left.shape, left.partition, right.shape, right.partition, itemsize, ranks, *arguments
    )
    return _carried_out(plan, left, right, product)


def outer(left: Block, right: Block) -> Block:
    """Return all products of two vectors. Communication: at most the smaller vector once.

    Raises
    ------
    ValueError
        If one is not a vector.
    """
    if left.ndim != 1 or right.ndim != 1:
        raise ValueError(f"outer takes one-dimensional operands, got shapes {left.shape} and {right.shape}")
    # As products of matrices they would be sums, which begin at 0 and so have no -0.
    return _contracted(rules.tensordot, left, right, products.outer, (), ())


def cross(left: Block, right: Block, axis: int = -1) -> Block:
    """Return the cross products of the 3-vectors along ``axis``, counted from the end.

    Communication: as an elementwise operation; one exchange more when ``axis`` is the partitioned one.

    Raises
    ------
    ValueError
        If the axis lies outside [-N, -1], is not 3 long in both or the others don't broadcast.
    """
    ndim = min(left.ndim, right.ndim)
    if not -ndim <= axis <= -1:
        raise ValueError(f"axis must lie in [-{ndim}, -1], got {axis}")
    if left.shape[axis] != 3 or right.shape[axis] != 3:
        raise ValueError(
            f"cross takes vectors of length 3 along axis {axis}, got shapes {left.shape} and {right.shape}"
        )
    shape = broadcast_shapes(left.shape, right.shape)
    target = _beside(
        align(left.layout, right.layout).result.partition, shape, len(shape) + axis, left.device.ranks
    )
    targets = align_to(Layout(shape, target), left.layout, right.layout)
    local = products.cross(redistribute(left, targets[0]).local, redistribute(right, targets[1]).local, axis)
    # When both operands are stretched along the partitioned axis, so is the part.
    local = local.expand(target.local_shape(shape, left.device.rank))
    return Block(local, shape, target, left.device)


def _beside(partition: Partition, shape: Shape, axis: int, ranks: int) -> Partition:
    """Return ``partition``, or when it lies along ``axis`` one along the longest other axis."""
    if partition.axis != axis:
        return partition
    return even_on_longest(shape, ranks, without=axis) if len(shape) > 1 else REPLICATED


def _carried_out(plan: _Plan, left: Block, right: Block, product: Product) -> Block:
    """Contract two blocks, moving what the plan says."""
    contraction, strategy = plan.contraction, plan.strategy
    first = redistribute(left, strategy.targets[0])
    second = redistribute(right, strategy.targets[1])
    transport = strategy.transport
    if transport is Transport.NONE:
        local = product(first.local, second.local)
    elif transport is Transport.ALLREDUCE:
        partial = product(first.local, second.local)
        local = left.communicator.allreduce((partial,), operators.SUM)[0]
    elif transport is Transport.RING_SUM:
        local = _ring_of_sums(contraction, strategy, first, second, product)
    else:
        local = _ring_of_parts(contraction, strategy, (first, second), product)
    return Block(local, plan.shape, strategy.result, left.device)


def _slab(tensor: torch.Tensor, axis: int | None, interval: tuple[int, int]) -> torch.Tensor:
    """Return ``interval`` of ``tensor`` along ``axis``: a view; all of it for None."""
    return tensor if axis is None else tensor.narrow(axis, interval[0], interval[1] - interval[0])


class _Ring:
    """Buffers that travel: what this rank holds goes to the next rank while the previous one's comes in."""

    def __init__(self, communicator: Communicator, like: torch.Tensor, capacity: int) -> None:
        self._communicator = communicator
        self._buffers = [torch.empty(capacity, dtype=like.dtype, device=like.device) for _ in range(2)]

    def room(self, step: int, shape: Shape) -> torch.Tensor:
        """Return the buffer of ``step``, shaped."""
        return self._buffers[step % 2][: prod(shape)].view(shape)

    def pass_on(self, outgoing: torch.Tensor, incoming: torch.Tensor) -> Callable[[], None]:
        """Start to send one and to fill the other; return what waits for both."""
        return self._communicator.shift(outgoing, incoming).wait


def _ring_of_parts(
    contraction: Contraction, strategy: Strategy, blocks: tuple[Block, Block], product: Product
) -> torch.Tensor:
    """Multiply what stays with every part of what travels, the next part coming in meanwhile."""
    travels = 1 if strategy.transport is Transport.RING_RIGHT else 0
    moving, staying = blocks[travels], blocks[1 - travels]
    split, device = moving.partition, moving.device
    assert split.axis is not None
    label = (contraction.right if travels else contraction.left)[split.axis]
    staying_axis, result_axis = contraction.axis_of(1 - travels, label), contraction.result_axis(label)
    result = torch.zeros(
        strategy.result.local_shape(contraction.shape, device.rank),
        dtype=moving.local.dtype,
        device=moving.local.device,
    )
    shapes = [split.local_shape(moving.shape, rank) for rank in range(device.ranks)]
    ring = _Ring(device.communicator, moving.local, max(map(prod, shapes)))
    part = moving.local.contiguous()
    for step in range(device.ranks):
        owner = (device.rank - step) % device.ranks
        incoming = ring.room(step, shapes[(owner - 1) % device.ranks])
        wait = ring.pass_on(part, incoming) if step < device.ranks - 1 else None
        held = _slab(staying.local, staying_axis, split.interval(owner))
        term = product(held, part) if travels else product(part, held)
        if result_axis is None:
            add_to(result, term)
        else:
            _slab(result, result_axis, split.interval(owner)).copy_(term)
        if wait is not None:
            wait()
        part = incoming
    return result


def _ring_of_sums(
    contraction: Contraction, strategy: Strategy, left: Block, right: Block, product: Product
) -> torch.Tensor:
    """Send each slab's sum round all ranks to its owner, the next slab's product computed meanwhile."""
    target, device = strategy.result, left.device
    assert target.axis is not None
    label = contraction.result[target.axis]
    axes = (contraction.axis_of(0, label), contraction.axis_of(1, label))
    shapes = [target.local_shape(contraction.shape, rank) for rank in range(device.ranks)]
    ring = _Ring(device.communicator, left.local, max(map(prod, shapes)))
    total = left.local.new_empty(0)
    wait: Callable[[], None] | None = None
    for step in range(device.ranks):
        slab = (device.rank - 1 - step) % device.ranks
        interval = target.interval(slab)
        term = product(
            _slab(left.local, axes[0], interval), _slab(right.local, axes[1], interval)
        ).contiguous()
        if wait is not None:
            wait()
            add_to(term, ring.room(step, shapes[slab]))
        total = term
        if step < device.ranks - 1:
            wait = ring.pass_on(total, ring.room(step + 1, shapes[(slab - 1) % device.ranks]))
    return total
