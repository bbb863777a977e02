"""Run an engine function on every rank of a threaded communicator and compare with the whole-tensor truth."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

import pytest
import torch

from array_api_dist import _array, _contraction, _fourier, _indexing, _matrices
from array_api_dist._block import Block
from array_api_dist._device import DEVICE_VARIABLE, Device
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._placement import uneven_bounds
from array_api_dist.collectives import Communicator, base
from array_api_dist.collectives.threaded import run_ranks
from array_api_dist.engine import contraction, rearrangement, reduction, routing, searching
from array_api_dist.kernels import order_keys, ordering

T = TypeVar("T")

KIND: Final = os.environ.get(DEVICE_VARIABLE, "cpu")
"""Where the ranks' parts are: `ARRAY_API_DIST_DEVICE=cuda pytest tests/engine tests/public` tests a GPU."""


@contextmanager
def nothing_small() -> Iterator[None]:
    """Nothing is small enough to be copied instead of moved: tiny arrays take the ways of large ones."""
    caches = (_contraction.choose, contraction._planned)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in [
            (reduction, "SCATTER_NBYTES", 0), (searching, "SMALL_NBYTES", 0), (rearrangement, "SMALL_NBYTES", 0),
            (_indexing, "SMALL_NBYTES", 0), (_matrices, "COPY_NBYTES", 0), (_matrices, "TREE_NBYTES", 0),
            (_matrices, "PANEL_WIDTH", 8), (_array, "REPLICA_SIZE", 0), (base, "GATHERED_NBYTES", 0),
            (_contraction, "RING_NBYTES", 0), (routing, "TOGETHER_NBYTES", 0), (_contraction, "GATHER_NBYTES", 0), (_contraction, "SCATTER_NBYTES", 0),
            (ordering, "FEW", 0), (order_keys, "CHUNK", 1 << 5), (_fourier, "plan", partial(_fourier.plan, limit=0)),
        ]:  # fmt: skip
            patch.setattr(module, name, value)
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


def partitions_of(shape: Shape, ranks: int) -> list[Partition]:
    """Replicated, and along every axis: even, uneven with empty parts, and all on the last rank."""
    found = [REPLICATED]
    for axis, length in enumerate(shape):
        found.append(Partition.even(axis, length, ranks))
        found.append(Partition(axis, uneven_bounds(length, ranks, 3 + length)))
        found.append(Partition.at_root(axis, length, ranks, ranks - 1))
    return found


def part_of(whole: torch.Tensor, partition: Partition, device: Device) -> Block:
    """Cut this rank's part out of ``whole``."""
    shape = tuple(whole.shape)
    local = whole[partition.local_slices(whole.ndim, device.rank)].to(device.torch_device, copy=True)
    return Block(local, shape, partition, device)


def on_ranks(ranks: int, body: Callable[[Device], T]) -> list[T]:
    """Run ``body(device)`` on ``ranks`` threads, each with its own device; return what each gave."""

    def run(communicator: Communicator) -> T:
        return body(Device(KIND, comm=communicator))

    return run_ranks(ranks, run, staged=KIND != "cpu")


def joined(blocks: Sequence[Block]) -> torch.Tensor:
    """Put the parts of all ranks together, holding every rank to the same global facts."""
    first = blocks[0]
    for rank, block in enumerate(blocks):
        assert (block.shape, block.partition, block.dtype) == (first.shape, first.partition, first.dtype)
        assert block.partition.fits(block.shape, len(blocks))
        assert tuple(block.local.shape) == block.partition.local_shape(block.shape, rank)
    if first.partition.axis is None:
        for block in blocks[1:]:
            assert torch.equal(_bits(block.local), _bits(first.local)), (
                "replicated copies differ between ranks"
            )
        return first.local.cpu()
    moved = torch.cat([_movable(block.local) for block in blocks], dim=first.partition.axis)
    return moved.view(first.local.dtype).cpu()


def _movable(tensor: torch.Tensor) -> torch.Tensor:
    """torch lacks some moves of unsigned types."""
    unsigned = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
    return tensor.view(unsigned.get(tensor.dtype, tensor.dtype))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """Every type as plain bytes or signed integers: NaNs compare, and torch can move it."""
    tensor = tensor.contiguous()
    if tensor.is_complex():
        return torch.view_as_real(tensor).view(
            torch.int32 if tensor.dtype == torch.complex64 else torch.int64
        )
    width = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    return tensor.view(width)
