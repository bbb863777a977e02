"""What the factorizations share: laying out whole matrices, transposing, and errors of their values."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeVar

import numpy as np
import torch

from array_api_dist import _matrices as rules
from array_api_dist._alignment import even_on_longest
from array_api_dist._block import Block
from array_api_dist._matrices import Route
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.engine import rearrangement
from array_api_dist.engine.agreement import agreed
from array_api_dist.engine.redistribution import redistribute

T = TypeVar("T")


def transposed(block: Block) -> Block:
    """Return the transposed matrices: a view. Communication: none."""
    ndim = block.ndim
    return rearrangement.permute_dims(block, (*range(ndim - 2), ndim - 1, ndim - 2))


def adjoint(block: Block) -> Block:
    """Return the conjugate transposed matrices. Communication: none."""
    turned = transposed(block)
    return turned.with_local(turned.local.conj().resolve_conj())


def route_of(block: Block) -> Route:
    """Return where the matrices of ``block`` are factored."""
    itemsize, ranks = block.local.element_size(), block.device.ranks
    return rules.route(block.shape, block.partition, itemsize, ranks, rules.COPY_NBYTES)


def whole_matrices(block: Block) -> Block | None:
    """Return the array with every matrix whole on the ranks that have it, or None where the ranks must share each.

    Communication: none, one exchange to a batch axis, or one allgather up to ``_matrices.COPY_NBYTES``.
    """
    found = route_of(block)
    if found is Route.SPLIT:
        return None
    if found is Route.BATCH:
        return redistribute(block, even_on_longest(block.shape[:-2], block.device.ranks))
    return redistribute(block, REPLICATED) if found is Route.COPY else block


def on_single_ranks(function: str, block: Block) -> tuple[Block, bool]:
    """Return the array with every matrix whole on one rank, and whether an axis was put in front for that.

    Communication: one exchange.

    Raises
    ------
    MemoryError
        On every rank, before communication: one rank would hold more than ``_matrices.ONE_RANK_NBYTES``.
    """
    refuse_too_large(function, block, block.shape)
    lacks_batch = block.ndim == 2
    batched = rearrangement.expand_dims(block, (0,)) if lacks_batch else block
    return redistribute(batched, even_on_longest(batched.shape[:-2], block.device.ranks)), lacks_batch


def refuse_too_large(function: str, block: Block, shape: Shape) -> None:
    """Raise MemoryError if matrices of ``shape``, made of those of ``block``, are too large for one rank.

    One rank would hold more than ``_matrices.ONE_RANK_NBYTES`` of them.
    """
    length = max(shape[:-2], default=1)
    share = -(-length // block.device.ranks)
    nbytes = prod(shape) // max(length, 1) * share * block.local.element_size()
    if nbytes > rules.ONE_RANK_NBYTES:
        raise MemoryError(
            f"{function} brings matrices of up to {rules.ONE_RANK_NBYTES} bytes to one rank, "
            f"got {nbytes} bytes for shape {block.shape}"
        )


def by_columns(block: Block) -> Block:
    """Return the matrices evenly partitioned along their columns. Communication: at most one exchange."""
    axis = block.ndim - 1
    if block.partition.axis == axis and not block.partition.is_lopsided:
        return block
    return redistribute(block, Partition.even(axis, block.shape[axis], block.device.ranks))


def by_rows(block: Block) -> Block:
    """Return the matrices partitioned along their rows. Communication: at most one exchange."""
    axis = block.ndim - 2
    if block.partition.axis == axis:
        return block
    return redistribute(block, Partition.even(axis, block.shape[axis], block.device.ranks))


def copied(local: torch.Tensor, block: Block) -> Block:
    """Return a replicated block of what every rank computed alike."""
    return Block(local, tuple(local.shape), REPLICATED, block.device)


def identity_like(block: Block) -> Block:
    """Return identity matrices laid out as the square ones of ``block``. Communication: none."""
    local = torch.zeros_like(block.local, memory_format=torch.contiguous_format)
    local.diagonal(block.offset(block.ndim - 2) - block.offset(block.ndim - 1), -2, -1).fill_(1)
    return block.with_local(local)


def singular(function: str) -> np.linalg.LinAlgError:
    """Return the error of a matrix without an inverse."""
    return np.linalg.LinAlgError(f"{function} takes invertible matrices, got a singular one")


def guarded(function: str, block: Block, compute: Callable[[torch.Tensor], T]) -> T:
    """Return ``compute(block.local)``, an iteration that needs finite matrices and may fail to converge.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank, if an element of any rank is not finite or an iteration did not converge.
    """
    error: Exception | None = None
    result: T | None = None
    # Checked first: some of torch's iterations end the process on NaN.
    if not bool(torch.isfinite(block.local).all()):
        error = np.linalg.LinAlgError(f"{function} takes finite matrices, got NaN or infinity")
    else:
        try:
            result = compute(block.local)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateImportUsage]  # torch's annotations omit it
            error = np.linalg.LinAlgError(f"{function} did not converge")
    agreed(block, error)
    assert result is not None
    return result
