"""Discrete Fourier transforms along one axis at a time, wherever the partition lies."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from array_api_dist import _fourier as rules
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType
from array_api_dist._fourier import Plan, Route
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.engine import four_step
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.engine.transforms import FFT, IFFT, Transform
from array_api_dist.kernels.dtypes import TORCH


def checked_points(rule: Transform, length: int, points: int | None) -> int:
    """Return at how many points to transform an axis of ``length`` elements; None and -1 leave it to the axis.

    Raises
    ------
    ValueError
        If there are none.
    """
    if points is None or points == -1:
        points = rule.points(length)
        if points < 1:
            raise ValueError(
                f"{rule.name} takes an axis with at least one point to transform, got length {length}"
            )
    elif points < 1:
        raise ValueError(f"{rule.name} transforms at a positive number of points, got {points}")
    return points


def transform(
    rule: Transform, block: Block, axis: int, points: int | None = None, norm: str = "backward"
) -> Block:
    """Return ``block`` transformed along ``axis``, trimmed or padded with zeros to ``points`` (the axis' own by default).

    Communication: none when the axis is not partitioned; 2 exchanges when another axis is at least P long; one
    allgather up to ``_fourier.REPLICATE_NBYTES``; else 3 exchanges, or 5 when the number of points has no two
    factors of at least P.

    Raises
    ------
    ValueError
        On every rank, before communication: no points, or an unknown norm.
    """
    rules.check_norm(norm)
    points = checked_points(rule, block.shape[axis], points)
    plan = rules.plan(block.shape, block.partition, axis, points, block.device.ranks)
    return _carry_out(plan, rule, block, axis, points, norm)


def transform_axes(
    rule: Transform, block: Block, axes: Sequence[int], points: Sequence[int | None], norm: str = "backward"
) -> Block:
    """Return ``block`` transformed along each of ``axes``: the last by ``rule``, the others by the complex transform.

    Communication: as one transform along the partitioned axis if it is among them, else none.
    """
    rules.check_norm(norm)
    if not axes:
        return block
    complex_rule = IFFT if rule.inverse else FFT
    last = (rule, axes[-1], checked_points(rule, block.shape[axes[-1]], points[-1]))
    others = [
        (complex_rule, axis, checked_points(complex_rule, block.shape[axis], count))
        for axis, count in zip(axes[:-1], points[:-1], strict=True)
    ]
    # A real input halves in its first step, a real result comes from its last one.
    for step, axis, count in (last, *others) if not rule.half_input else (*others, last):
        block = transform(step, block, axis, count, norm)
    return block


def _carry_out(plan: Plan, rule: Transform, block: Block, axis: int, points: int, norm: str) -> Block:
    if plan.route is Route.LOCAL:
        return _local(rule, block, axis, points, norm)
    length = rule.result_length(points)
    target = block.partition
    if length != block.shape[axis]:
        target = Partition.even(axis, length, block.device.ranks)
    if plan.route is Route.LANES or plan.route is Route.COPY:
        moved = redistribute(_trimmed(rule, block, axis, points), plan.lanes or REPLICATED)
        return redistribute(_local(rule, moved, axis, points, norm), target)
    return four_step.transform(rule, block, axis, points, norm, plan, target)


def _trimmed(rule: Transform, block: Block, axis: int, points: int) -> Block:
    """Drop the elements that the transform does not read, so that they don't travel. Communication: none."""
    used = points // 2 + 1 if rule.half_input else points
    if used >= block.shape[axis]:
        return block
    partition = block.partition.image_of_slice(0, 1, used)
    shape = (*block.shape[:axis], used, *block.shape[axis + 1 :])
    return Block(
        block.local.narrow(axis, 0, partition.counts[block.device.rank]), shape, partition, block.device
    )


def _local(rule: Transform, block: Block, axis: int, points: int, norm: str) -> Block:
    length = rule.result_length(points)
    shape = (*block.shape[:axis], length, *block.shape[axis + 1 :])
    local = block.local
    if local.numel():
        # torch gives some results as lazily conjugated views, which few functions take.
        result = rule.local(local, n=points, dim=axis, norm=norm).resolve_conj()
    else:
        dtype = local.dtype.to_real() if rule.half_input else local.dtype.to_complex()
        local_shape = (*local.shape[:axis], length, *local.shape[axis + 1 :])
        result = torch.zeros(local_shape, dtype=dtype, device=local.device)
    return Block(result, shape, block.partition, block.device)


def frequencies(
    points: int, spacing: float, dtype: DType, partition: Partition, device: Device, *, half: bool
) -> Block:
    """Return the frequencies of ``points`` samples ``spacing`` apart, the first points // 2 + 1 with ``half``.

    Communication: none.
    """
    length = points // 2 + 1 if half else points
    start, stop = (0, length) if partition.axis is None else partition.interval(device.rank)
    index = torch.arange(start, stop, dtype=torch.int64, device=device.torch_device)
    if not half:
        index = torch.where(index < (points + 1) // 2, index, index - points)
    return Block(
        (index.to(torch.float64) / (points * spacing)).to(TORCH[dtype]), (length,), partition, device
    )
