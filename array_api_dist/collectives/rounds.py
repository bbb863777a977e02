"""A round of an exchange: at most one message to each peer and from each, packed, on their way, and unpacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from array_api_dist.collectives.packing import Buffers, is_dense, memory_of, pack, packed_nbytes, unpack
from array_api_dist.collectives.protocol import Request

Message: TypeAlias = list[torch.Tensor]
Parcels: TypeAlias = list[tuple[int, torch.Tensor]]
"""Bytes, and the rank that they go to or come from."""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """A round under way.

    Attributes
    ----------
    request : Request
        What the transport waits by.
    packed : list of (tensor, message)
        The buffers that come to be filled, and what is unpacked from each.
    taken : list of torch.Tensor
        The buffers to give back.
    """

    request: Request
    packed: list[tuple[torch.Tensor, Message]]
    taken: list[torch.Tensor]

    @staticmethod
    def started(
        outgoing: Sequence[tuple[int, Message]],
        incoming: Sequence[tuple[int, Message]],
        buffers: Buffers,
        start: Callable[[Parcels, Parcels], Request],
        *,
        staged: bool,
    ) -> Round:
        """Return the round of these messages, which are on their way; ``staged``: all pass through buffers."""
        taken: list[torch.Tensor] = []
        packed: list[tuple[torch.Tensor, Message]] = []
        leaving: Parcels = []
        arriving: Parcels = []

        def memory_for(message: Message) -> tuple[torch.Tensor, bool]:
            """Return the bytes that a message leaves from or comes into, and whether they are a buffer's."""
            if not staged and is_dense(message):
                return memory_of(message), False
            nbytes = packed_nbytes(message)
            taken.append(buffers.take(nbytes))
            return taken[-1][:nbytes], True

        for peer, message in outgoing:
            memory, is_buffer = memory_for(message)
            if is_buffer:
                pack(message, memory)
            leaving.append((peer, memory))
        for peer, message in incoming:
            memory, is_buffer = memory_for(message)
            if is_buffer:
                packed.append((memory, message))
            arriving.append((peer, memory))
        return Round(start(leaving, arriving), packed, taken)

    def finish(self, buffers: Buffers, kept_nbytes: int) -> None:
        """Wait for what comes, unpack it, and let ``buffers`` keep so many bytes."""
        self.request.wait()
        for memory, message in self.packed:
            unpack(memory, message)
        buffers.give_back(self.taken, kept_nbytes)
