"""Block: one rank's tensor and the global facts about the array it is a part of."""

from __future__ import annotations

from math import prod

import torch

from array_api_dist._alignment import Layout
from array_api_dist._device import Device
from array_api_dist._dtypes import DType
from array_api_dist._partition import Partition, Shape
from array_api_dist.collectives import Communicator
from array_api_dist.kernels.dtypes import STANDARD


class Block:
    """What engine functions take and give: never changed once made, but for the values that an assignment writes.

    Attributes
    ----------
    local : torch.Tensor, shape ``partition.local_shape(shape, rank)``
    shape : tuple of int
        The global shape.
    partition : Partition
    device : Device
    """

    __slots__ = ("device", "local", "partition", "shape")
    local: torch.Tensor
    shape: Shape
    partition: Partition
    device: Device

    def __init__(self, local: torch.Tensor, shape: Shape, partition: Partition, device: Device) -> None:
        self.local = local
        self.shape = shape
        self.partition = partition
        self.device = device

    @property
    def dtype(self) -> DType:
        """The data type of the elements."""
        return STANDARD[self.local.dtype]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements of the whole array."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the whole array."""
        return prod(self.shape) * self.local.element_size()

    @property
    def largest_part(self) -> int:
        """The number of elements of the largest part."""
        if self.partition.axis is None:
            return self.size
        return self.size // max(self.partition.length, 1) * max(self.partition.counts)

    @property
    def layout(self) -> Layout:
        """The global shape and the partition."""
        return Layout(self.shape, self.partition)

    @property
    def communicator(self) -> Communicator:
        """How the parts' ranks reach each other."""
        return self.device.communicator

    def with_local(self, local: torch.Tensor) -> Block:
        """Return a block with the same shape, partition and device, and other values (any data type)."""
        return Block(local, self.shape, self.partition, self.device)

    def offset(self, axis: int) -> int:
        """Return where this rank's part begins along ``axis``."""
        if self.partition.axis != axis:
            return 0
        return self.partition.bounds[self.device.rank]

    def __repr__(self) -> str:
        return f"Block({self.shape}, {self.dtype}, {self.partition}, local={tuple(self.local.shape)})"
