"""What travels in one message: pieces cut and grouped by one rule on both sides, packed into buffers that are kept.

A fresh buffer costs as much as the copy into it (the first touch of its pages), so a communicator reuses its own. What
is dense already travels from and into its own memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import torch

from array_api_dist.collectives import recorder
from array_api_dist.kernels.moving import movable

LEAST_MESSAGE_NBYTES: Final = 1 << 16
"""Messages are not cut smaller than this, however many peers share the buffer."""

MOST_MESSAGE_NBYTES: Final = 1 << 22
"""Nor longer than this: what is packed, moved and unpacked in turn is then still in the processor's cache."""


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """Return the memory of a contiguous tensor as a vector of bytes."""
    return memory_of((tensor,))


def packed(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values in dense row-major memory, without lazy conjugation: the tensor itself where it is so."""
    if tensor.is_contiguous() and not (tensor.is_conj() or tensor.is_neg()):
        return tensor
    return tensor.resolve_conj().resolve_neg().contiguous()


def nbytes_of(state: Sequence[torch.Tensor]) -> int:
    """Return the bytes of all tensors."""
    return sum([tensor.nbytes for tensor in state])


def message_limit(buffer_nbytes: int, ranks: int) -> int:
    """Return the most bytes of one message when ``buffer_nbytes`` hold two rounds of those for and from all ranks."""
    share = min(buffer_nbytes // (4 * ranks), MOST_MESSAGE_NBYTES)
    return max(share, min(LEAST_MESSAGE_NBYTES, buffer_nbytes))


def _cut(tensor: torch.Tensor, limit: int) -> Iterator[torch.Tensor]:
    """Yield ``tensor`` in pieces of at most ``limit`` bytes (of one element, if that is more), by its shape alone."""
    if nbytes_of((tensor,)) <= limit or tensor.numel() == 1:
        yield tensor
        return
    axis = next(axis for axis, length in enumerate(tensor.shape) if length > 1)
    row = nbytes_of((tensor,)) // tensor.shape[axis]
    for part in torch.split(tensor, max(limit // row, 1), dim=axis):
        yield from _cut(part, limit)


def messages(views: Sequence[torch.Tensor], limit: int) -> list[list[torch.Tensor]]:
    """Return the pieces for one peer, cut and grouped into messages of at most ``limit`` bytes: the same on both sides."""
    groups: list[list[torch.Tensor]] = []
    filled = limit
    for view in views:
        for part in _cut(view, limit):
            size = nbytes_of((part,))
            if filled + size > limit:
                groups.append([])
                filled = 0
            groups[-1].append(part)
            filled += size
    return groups


def is_dense(message: Sequence[torch.Tensor]) -> bool:
    """Return whether a message can travel from its own memory: dense tensors of one type, one after another there."""
    return all(each.is_contiguous() and not (each.is_conj() or each.is_neg()) for each in message) and all(
        left.dtype == right.dtype
        and left.untyped_storage().data_ptr() == right.untyped_storage().data_ptr()
        and left.data_ptr() + nbytes_of((left,)) == right.data_ptr()
        for left, right in pairwise(message)
    )


def memory_of(message: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the memory of a dense message as a vector of bytes."""
    count = sum(each.numel() for each in message)
    # A single element counts as contiguous whatever its strides: make them plain.
    return message[0].as_strided((count,), (1,)).view(torch.uint8)


def _places(message: Sequence[torch.Tensor]) -> list[int]:
    """Return where each tensor of a packed message begins, aligned for its type, and last where it ends."""
    places, reached = [], 0
    for tensor in message:
        size = tensor.element_size()
        places.append(-(-reached // size) * size)
        reached = places[-1] + nbytes_of((tensor,))
    return [*places, reached]


def packed_nbytes(message: Sequence[torch.Tensor]) -> int:
    """Return the length of a message on its way."""
    return _places(message)[-1]


def _slot(buffer: torch.Tensor, place: int, like: torch.Tensor) -> torch.Tensor:
    return buffer[place : place + nbytes_of((like,))].view(like.dtype).view(like.shape)


def pack(message: Sequence[torch.Tensor], buffer: torch.Tensor) -> None:
    """Copy the tensors of a message into ``buffer``, from any strides and any device."""
    if _is_elsewhere(buffer, message):
        together = torch.empty_like(buffer, device=message[0].device)
        pack(message, together)
        buffer.copy_(together)
        return
    for tensor, place in zip(message, _places(message), strict=False):
        movable(_slot(buffer, place, tensor)).copy_(movable(tensor))


def unpack(buffer: torch.Tensor, message: Sequence[torch.Tensor]) -> None:
    """Copy a packed message out of ``buffer`` into the tensors it is made of."""
    if _is_elsewhere(buffer, message):
        unpack(buffer.to(message[0].device), message)
        return
    for tensor, place in zip(message, _places(message), strict=False):
        movable(tensor).copy_(movable(_slot(buffer, place, tensor)))


def _is_elsewhere(buffer: torch.Tensor, message: Sequence[torch.Tensor]) -> bool:
    """Return whether a message of several tensors passes between host and device: better at once than one by one."""
    return len(message) > 1 and message[0].device != buffer.device


class Buffers:
    """Host memory that one communicator keeps: what was touched once is cheap to write again.

    Parameters
    ----------
    is_pinned : bool
        Whether pages are locked: accelerators then read and write them several times as fast.
    """

    __slots__ = ("_free", "_is_pinned")

    def __init__(self, *, is_pinned: bool = False) -> None:
        self._is_pinned = is_pinned
        self._free: list[torch.Tensor] = []

    def take(self, nbytes: int) -> torch.Tensor:
        """Return a buffer of at least ``nbytes``: the smallest free one that is large enough, else a new one."""
        fitting = [buffer for buffer in self._free if buffer.numel() >= nbytes]
        if not fitting:
            return torch.empty(nbytes, dtype=torch.uint8, pin_memory=self._is_pinned)
        best = min(fitting, key=torch.Tensor.numel)
        self._free = [buffer for buffer in self._free if buffer is not best]
        recorder.note_pool(-best.numel())
        return best

    def give_back(self, buffers: Sequence[torch.Tensor], limit: int) -> None:
        """Keep ``buffers``, the larger first, as long as all that is kept has at most ``limit`` bytes."""
        kept, total, idle = [], 0, nbytes_of(self._free)
        for buffer in sorted((*self._free, *buffers), key=torch.Tensor.numel, reverse=True):
            if total + buffer.numel() <= limit:
                kept.append(buffer)
                total += buffer.numel()
        self._free = kept
        recorder.note_pool(total - idle)
