"""What every communicator offers: the Protocol between the algorithms and the transport.

Tensors go in and come out, of any strides and any standard data type, with empty parts allowed.
Shapes and data types are global knowledge: no call exchanges them. Every method but ``take_over`` is collective: all
ranks call it, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch

State: TypeAlias = tuple[torch.Tensor, ...]
"""What a reduction carries: one tensor (a sum) or several of one shape (value and index, moments)."""


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """An associative merge of two states, the lower ranks' on the left.

    Attributes
    ----------
    name : str
        For messages and the trace.
    merge : callable
        ``merge(left, right) -> state``; elementwise in the tensors' common shape, and pure.
    native : str or None
        The MPI operation with exactly this meaning for one-tensor states (``"SUM"``, ``"PROD"``, ``"MIN"``,
        ``"MAX"``, ``"LAND"``, ``"LOR"``), or None when there is none.
    native_floating : bool
        Whether ``native`` holds for floating-point tensors too (MPI.MAX drops NaN: it does not).
    is_extreme : bool
        Whether ``native`` then holds for integers in the values' order.
    """

    name: str
    merge: Callable[[State, State], State]
    native: str | None = None
    native_floating: bool = True
    is_extreme: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A strided view of a tensor here, and the rank it goes to or comes from."""

    peer: int
    view: torch.Tensor


class Request(Protocol):
    """Messages under way."""

    def wait(self) -> None:
        """Return when what is received is there and what is sent may be written again."""
        ...


@runtime_checkable
class Communicator(Protocol):
    """A group of ranks that move tensors between each other."""

    @property
    def rank(self) -> int:
        """This rank, in [0, ranks)."""
        ...

    @property
    def ranks(self) -> int:
        """How many ranks there are."""
        ...

    @property
    def node_rank(self) -> int:
        """This rank among those that share its machine (chooses the accelerator)."""
        ...

    @property
    def node_ranks(self) -> int:
        """How many ranks share this machine."""
        ...

    @property
    def group(self) -> Hashable:
        """Equal for communicators of the same ranks in the same order, staged or not."""
        ...

    @property
    def mpi(self) -> object | None:
        """mpi4py's communicator of these ranks, for other libraries that take one; None where MPI does not join them."""
        ...

    def take_over(self) -> None:
        """Let this thread start the collectives from here on: those of other threads are refused."""
        ...

    def check_alike(self, step: str, *replicated: torch.Tensor) -> None:
        """In lockstep mode raise RuntimeError on every rank unless all are at this step, with equal ``replicated``.

        Communication: none; in lockstep mode one allgather of 16 bytes.
        """
        ...

    def barrier(self) -> None:
        """Return when every rank has called it."""
        ...

    def broadcast(self, tensor: torch.Tensor, root: int) -> torch.Tensor:
        """Return ``root``'s ``tensor`` on every rank; the others pass one of the same shape and type, which is filled.

        Communication: one broadcast of the tensor.
        """
        ...

    def allgather(self, tensor: torch.Tensor, axis: int, counts: Sequence[int]) -> torch.Tensor:
        """Return the concatenation along ``axis`` of every rank's ``tensor``; ``counts[r]`` is rank r's length there.

        Communication: one allgather; each rank sends its own part.
        """
        ...

    def allreduce(self, state: State, operator: Operator) -> State:
        """Return every rank's ``state`` merged in the order of the ranks, bit for bit the same on every rank.

        A state that there is nothing to merge with is the result itself.

        Communication: one allreduce of the state's bytes.
        """
        ...

    def reduce_scatter(self, state: State, operator: Operator, axis: int, counts: Sequence[int]) -> State:
        """Return this rank's slab, ``counts[rank]`` long on ``axis``, of the merged states.

        Communication: one all-to-all; each rank sends the slabs of the others.
        """
        ...

    def exscan(self, state: State, operator: Operator, initial: State) -> State:
        """Return ``initial`` merged with the states of the lower ranks, in their order (rank 0: ``initial``).

        Communication: one exscan of the state's bytes.
        """
        ...

    def exchange(self, sends: Sequence[Piece], receives: Sequence[Piece]) -> None:
        """Move each piece straight to its owner, filling the ``receives`` views in place.

        The pieces of one pair of ranks match in the order in which both sides list them, with equal shapes and
        types. A piece for this rank itself is copied. Extra memory: a bounded buffer.

        Communication: one message for each pair of ranks with something to move (more above the size limit of one).
        """
        ...

    def exchange_counts(self, counts: Sequence[int]) -> list[int]:
        """Send ``counts[r]`` to each rank r and return what each rank sent here.

        Communication: one all-to-all of 8 bytes a pair.
        """
        ...

    def shift(self, outgoing: torch.Tensor, incoming: torch.Tensor, displacement: int = 1) -> Request:
        """Start sending ``outgoing`` to rank + displacement and filling ``incoming`` from rank - displacement (cyclic).

        Both are contiguous; neither may be touched before ``wait()``. Communication: one message.
        """
        ...

    def agree(self, error: Exception | None) -> None:
        """Raise the lowest failing rank's ``error``, the same type and message, on every rank; return when none failed.

        Communication: one allreduce of 8 bytes when none failed.
        """
        ...
