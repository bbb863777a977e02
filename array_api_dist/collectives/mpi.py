"""The communicator over MPI."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Hashable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final, cast

import mpi4py
import numpy as np
import torch
from mpi4py import MPI

from array_api_dist.collectives import guard
from array_api_dist.collectives.base import BUFFER_NBYTES, BaseCommunicator
from array_api_dist.collectives.packing import packed
from array_api_dist.collectives.protocol import Operator, Request
from array_api_dist.collectives.rounds import Parcels
from array_api_dist.collectives.steps import keep
from array_api_dist.kernels.order_keys import comparable, from_comparable

MESSAGE_NBYTES: Final = 1 << 30
"""Messages are split above this many bytes: Open MPI refuses counts above 2^31 - 1."""

_EXCHANGE_TAG: Final = 1
_SHIFT_TAG: Final = 2

_DATATYPES: Final[dict[torch.dtype, MPI.Datatype]] = {
    torch.bool: MPI.C_BOOL,
    torch.int8: MPI.INT8_T,
    torch.int16: MPI.INT16_T,
    torch.int32: MPI.INT32_T,
    torch.int64: MPI.INT64_T,
    torch.uint8: MPI.UINT8_T,
    torch.uint16: MPI.UINT16_T,
    torch.uint32: MPI.UINT32_T,
    torch.uint64: MPI.UINT64_T,
    torch.float32: MPI.FLOAT,
    torch.float64: MPI.DOUBLE,
    torch.complex64: MPI.C_FLOAT_COMPLEX,
    torch.complex128: MPI.C_DOUBLE_COMPLEX,
}
_OPERATIONS: Final[dict[str, MPI.Op]] = {
    "SUM": MPI.SUM,
    "PROD": MPI.PROD,
    "MIN": MPI.MIN,
    "MAX": MPI.MAX,
    "LAND": MPI.LAND,
    "LOR": MPI.LOR,
}
# Vectors of these Open MPI adds up with saturation; integers must wrap.
_SATURATED: Final = {torch.int8, torch.int16, torch.uint8, torch.uint16}
_EXTREMES: Final[dict[str, np.ufunc]] = {"MIN": np.minimum, "MAX": np.maximum}

# Of so few ranks so few bytes are compared in less time than they are turned into integers and back.
_FEW_RANKS: Final = 8
_FEW_NBYTES: Final = 1 << 12

# What sys.getrefcount gives for an object that one attribute and one argument refer to.
_ONE_OWNER: Final = 2


def _buffer(data: torch.Tensor) -> MPI.buffer:
    """Return the memory of a contiguous tensor, with nothing on its way to it or from it."""
    if not data.is_cpu:
        # MPI reads and writes memory: it does not wait for what a stream has still to do there.
        torch.accelerator.current_stream(data.device).synchronize()
    return MPI.buffer.fromaddress(data.data_ptr(), data.nbytes)


def _memory(data: torch.Tensor) -> tuple[MPI.buffer, int, MPI.Datatype]:
    return _buffer(data), data.numel(), MPI.BYTE


class _MpiRequest:
    """Messages under way; it keeps the memory of both sides alive."""

    def __init__(self, requests: list[MPI.Request], memory: tuple[torch.Tensor, ...]) -> None:
        self._requests = requests
        self._memory = memory

    def wait(self) -> None:
        MPI.Request.Waitall(self._requests)


class MpiCommunicator(BaseCommunicator):
    """The ranks of an MPI communicator, which is duplicated so that the user's own traffic can't mix in.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    staged : bool
        Whether tensors pass through host memory because MPI may not touch the device's.
    """

    def __init__(self, comm: MPI.Intracomm, *, staged: bool, buffer_nbytes: int = BUFFER_NBYTES) -> None:
        super().__init__(staged=staged, buffer_nbytes=buffer_nbytes)
        self._comm = comm.Dup()
        self._rank, self._ranks = comm.Get_rank(), comm.Get_size()
        node = comm.Split_type(MPI.COMM_TYPE_SHARED)
        self._node_rank, self._node_ranks = node.Get_rank(), node.Get_size()
        node.Free()
        members = tuple(_world_ranks(comm))
        self._group: Hashable = ("MPI", members)
        keep(members, self._steps)
        self._start_lockstep()
        if self._lockstep is not None and self._ranks == MPI.COMM_WORLD.Get_size():
            guard.compare_at_end(self._lockstep)

    @property
    def rank(self) -> int:
        """This rank."""
        return self._rank

    @property
    def ranks(self) -> int:
        """How many there are."""
        return self._ranks

    @property
    def node_rank(self) -> int:
        """This rank among those of its machine."""
        return self._node_rank

    @property
    def node_ranks(self) -> int:
        """How many share this machine."""
        return self._node_ranks

    @property
    def group(self) -> Hashable:
        """The ranks' numbers in the world."""
        return self._group

    @property
    def mpi(self) -> MPI.Intracomm:
        """The duplicate that the collectives go through: what others do with it is collective, too."""
        return self._comm

    def free(self, *, is_used: bool) -> None:
        """Give the duplicate back to MPI, unless a rank says that it is used. Collective."""
        mine, every = np.asarray(is_used), np.empty((), np.bool_)
        self._comm.Allreduce(mine, every, MPI.LOR)
        if not every:
            self._comm.Free()

    def take_over(self) -> None:
        """Let this thread start the collectives from here on, if MPI does."""
        if MPI.Query_thread() < MPI.THREAD_SERIALIZED:
            raise RuntimeError(
                "a device is taken over where MPI lets several threads call it: mpi4py.rc.thread_level must be 'serialized' "
                f"or 'multiple', got {mpi4py.rc.thread_level!r}"
            )
        super().take_over()

    def _barrier(self) -> None:
        self._comm.Barrier()

    def _broadcast_bytes(self, data: torch.Tensor, root: int) -> None:
        for start in range(0, data.numel(), MESSAGE_NBYTES):
            self._comm.Bcast(_memory(data[start : start + MESSAGE_NBYTES]), root)

    def _allgather_bytes(self, data: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
        total = sum(counts)
        whole = torch.empty(total, dtype=torch.uint8)
        offsets = list(accumulate(counts, initial=0))
        if total > MESSAGE_NBYTES:
            places = [whole[offsets[rank] : offsets[rank + 1]] for rank in range(self._ranks)]
            places[self._rank].copy_(data)
            others = [rank for rank in range(self._ranks) if rank != self._rank]
            self._swap([(rank, data) for rank in others], [(rank, places[rank]) for rank in others])
            return whole
        self._comm.Allgatherv(_memory(data), (_buffer(whole), counts, offsets[:-1], MPI.BYTE))
        return whole

    def _start_swap(self, outgoing: Parcels, incoming: Parcels) -> Request:
        requests = [
            self._comm.Irecv(_memory(data[start : start + MESSAGE_NBYTES]), peer, _EXCHANGE_TAG)
            for peer, data in incoming
            for start in range(0, data.numel(), MESSAGE_NBYTES)
        ]
        requests += [
            self._comm.Isend(_memory(data[start : start + MESSAGE_NBYTES]), peer, _EXCHANGE_TAG)
            for peer, data in outgoing
            for start in range(0, data.numel(), MESSAGE_NBYTES)
        ]
        return _MpiRequest(requests, tuple(data for _, data in (*outgoing, *incoming)))

    def _transposed(self, mine: torch.Tensor) -> torch.Tensor:
        received = torch.empty_like(mine)
        # MPI has log2(P) rounds for this (Bruck et al. 1997), where there are many ranks. The count is that for one rank.
        source, target = (
            (MPI.buffer.fromaddress(each.data_ptr(), each.nbytes), 1, MPI.INT64_T)
            for each in (mine, received)
        )
        self._comm.Alltoall(source, target)
        return received

    def _shift(self, outgoing: torch.Tensor, incoming: torch.Tensor, displacement: int) -> Request:
        source, target = (self._rank - displacement) % self._ranks, (self._rank + displacement) % self._ranks
        requests = [
            self._comm.Irecv(_memory(incoming[start : start + MESSAGE_NBYTES]), source, _SHIFT_TAG)
            for start in range(0, incoming.numel(), MESSAGE_NBYTES)
        ]
        requests += [
            self._comm.Isend(_memory(outgoing[start : start + MESSAGE_NBYTES]), target, _SHIFT_TAG)
            for start in range(0, outgoing.numel(), MESSAGE_NBYTES)
        ]
        return _MpiRequest(requests, (outgoing, incoming))

    def _native_allreduce(self, tensor: torch.Tensor, operator: Operator) -> torch.Tensor | None:
        if operator.native is None or (operator.native == "SUM" and tensor.dtype in _SATURATED):
            return None
        source = packed(tensor)
        if not operator.native_floating and (tensor.is_floating_point() or tensor.is_complex()):
            if not (operator.is_extreme and source.is_cpu):
                return None
            if self._ranks <= _FEW_RANKS and source.nbytes <= _FEW_NBYTES:
                return self._extreme(source, _EXTREMES[operator.native])
            keys = comparable(source, nan_is_least=operator.native == "MIN")
            return from_comparable(self._reduced(keys, operator.native), tensor.dtype)
        return self._reduced(source, operator.native)

    def _extreme(self, source: torch.Tensor, better: np.ufunc) -> torch.Tensor:
        """Return the extremes of all ranks' values, NaN where there is one: gathered, and compared everywhere."""
        values = source.numpy()
        every = np.empty((self._ranks, *values.shape), values.dtype)
        self._comm.Allgather(values, every)
        return torch.from_numpy(np.asarray(better.reduce(every, axis=0)))

    def _reduced(self, source: torch.Tensor, operation: str) -> torch.Tensor:
        result = torch.empty_like(source)
        count, datatype = source.numel(), _DATATYPES[source.dtype]
        self._comm.Allreduce(
            (_buffer(source), count, datatype),
            (_buffer(result), count, datatype),
            _OPERATIONS[operation],
        )
        return result


def _world_ranks(comm: MPI.Intracomm) -> list[int]:
    """Return the ranks' numbers in the world. Communication: none."""
    group, world = comm.Get_group(), MPI.COMM_WORLD.Get_group()
    try:
        return MPI.Group.Translate_ranks(group, None, world)
    finally:
        # MPI keeps what is not freed.
        group.Free()
        world.Free()


class _Attribute:
    """What MPI keeps beside the user's communicator: the one reference to ours that is not an array's or device's."""

    __slots__ = ("communicator",)

    def __init__(self, communicator: MpiCommunicator) -> None:
        self.communicator = communicator


def _let_go(_comm: MPI.Comm, _key: int, kept: _Attribute) -> None:
    """Free our duplicate when the user's communicator is freed, which every rank does at the same point."""
    # A library may have no more than some two thousand communicators; freeing one at a time of its own choosing no rank may.
    is_used = sys.getrefcount(kept.communicator) > _ONE_OWNER
    kept.communicator.free(is_used=is_used)


@lru_cache(maxsize=2)
def _keyval(*, staged: bool) -> int:
    """Return the key under which MPI itself keeps our communicator beside the user's."""
    return MPI.Comm.Create_keyval(delete_fn=_let_go)


def mpi_communicator(comm: MPI.Intracomm | None, *, staged: bool) -> MpiCommunicator:
    """Return the communicator over ``comm`` (the world for None): the same object for the same ``comm``.

    Raises
    ------
    ImportError
        If MPI is not running: any call would end the process.
    TypeError
        If ``comm`` is no group of ranks, or no longer one.
    """
    if not MPI.Is_initialized() or MPI.Is_finalized():
        state = "was finalized before" if MPI.Is_finalized() else "is not initialized (mpi4py.rc.initialize)"
        raise ImportError(
            f"arrays are made between MPI's initialization and its finalization, got MPI that {state}"
        )
    comm = MPI.COMM_WORLD if comm is None else comm
    # First, since it is collective: the ranks of a group that this one is not in wait for it there.
    guard.install()
    if not comm:
        raise TypeError(
            "comm must be a communicator that this rank belongs to and that is not freed, got a null one"
        )
    # An attribute goes with its communicator; MPI gives handles of freed ones out again.
    key = _keyval(staged=staged)
    found = comm.Get_attr(key)
    if found is None:
        found = _Attribute(MpiCommunicator(comm, staged=staged))
        comm.Set_attr(key, found)
    return cast("_Attribute", found).communicator


def is_cuda_aware() -> bool:
    """Return what the library says of CUDA memory: Open MPI and MPICH when asked, Cray's by its environment."""
    query = getattr(ctypes.CDLL(MPI.__file__), "MPIX_Query_cuda_support", None)
    return (query is not None and query() == 1) or os.environ.get("MPICH_GPU_SUPPORT_ENABLED", "") == "1"
