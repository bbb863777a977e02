"""New blocks: every rank makes its own part. Communication: none."""

from __future__ import annotations

from collections.abc import Callable

import torch

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType, Scalar
from array_api_dist._partition import Partition, Shape
from array_api_dist._shapes import nearest_diagonal
from array_api_dist.kernels import creation as kernels
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import TORCH


def full(shape: Shape, value: Scalar, dtype: DType, partition: Partition, device: Device) -> Block:
    """Return an array filled with ``value``."""
    local_shape = partition.local_shape(shape, device.rank)
    local = kernels.full(local_shape, value, TORCH[dtype], device.torch_device)
    return Block(local, shape, partition, device)


def empty(shape: Shape, dtype: DType, partition: Partition, device: Device) -> Block:
    """Return an array of unspecified values, equal on every rank where it is replicated (all zero)."""
    local_shape = partition.local_shape(shape, device.rank)
    # Uninitialised copies of one replicated array would differ between the ranks.
    make = torch.zeros if partition.axis is None else torch.empty
    return Block(make(local_shape, dtype=TORCH[dtype], device=device.torch_device), shape, partition, device)


def _reach(partition: Partition, length: int, device: Device) -> tuple[int, int]:
    """Return the first position and the count of this rank's part of a one-dimensional array."""
    if partition.axis is None:
        return 0, length
    start, stop = partition.interval(device.rank)
    return start, stop - start


def arange(
    start: float, step: float, length: int, dtype: DType, partition: Partition, device: Device
) -> Block:
    """Return ``length`` values that begin at ``start`` and grow by ``step``."""
    first, count = _reach(partition, length, device)
    local = kernels.arange_slice(start, step, first, count, TORCH[dtype], device.torch_device)
    return Block(local, (length,), partition, device)


def linspace(
    start: complex,
    stop: complex,
    num: int,
    dtype: DType,
    partition: Partition,
    device: Device,
    *,
    endpoint: bool,
) -> Block:
    """Return ``num`` evenly spaced values from ``start`` to ``stop``."""
    first, count = _reach(partition, num, device)
    local = kernels.linspace_slice(
        start, stop, num, endpoint, first, count, TORCH[dtype], device.torch_device
    )
    return Block(local, (num,), partition, device)


def eye(n_rows: int, n_cols: int, k: int, dtype: DType, partition: Partition, device: Device) -> Block:
    """Return ones on the k-th diagonal and zeros elsewhere."""
    rows, columns = partition.local_slices(2, device.rank)
    local = kernels.eye_slice(
        n_rows,
        n_cols,
        nearest_diagonal(k, n_rows, n_cols),
        slice(*rows.indices(n_rows)),
        slice(*columns.indices(n_cols)),
        TORCH[dtype],
        device.torch_device,
    )
    return Block(local, (n_rows, n_cols), partition, device)


def from_whole(whole: torch.Tensor, dtype: DType, partition: Partition, device: Device) -> Block:
    """Return the array of a host tensor that is equal on every rank: each keeps a copy of its part."""
    shape = tuple(whole.shape)
    device.communicator.check_alike("host values", whole)
    part = whole if partition.axis is None else whole[partition.local_slices(whole.ndim, device.rank)]
    local = cast(part, TORCH[dtype]).to(device.torch_device)
    if local.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr():
        local = local.clone(memory_format=torch.contiguous_format)
    return Block(local, shape, partition, device)


def triangle(block: Block, k: int, kernel: Callable[[torch.Tensor, int, int, int], torch.Tensor]) -> Block:
    """Return a triangle of each matrix of ``block``; ``kernel`` is ``kernels.tril`` or ``kernels.triu``."""
    rows, columns = block.offset(block.ndim - 2), block.offset(block.ndim - 1)
    diagonal = nearest_diagonal(k, *block.shape[-2:])
    return block.with_local(kernel(block.local, diagonal, rows, columns))
