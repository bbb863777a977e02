"""What all communicators share: packing, staging, merging in rank order, splitting, counting.

A transport supplies five primitives on host memory: barrier, broadcast, allgather, swap and shift of bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from math import prod
from threading import current_thread
from time import perf_counter
from typing import Final, NoReturn

import torch

from array_api_dist.collectives import recorder
from array_api_dist.collectives.agreement import remade, told
from array_api_dist.collectives.lockstep import Lockstep, is_lockstep_wanted
from array_api_dist.collectives.merging import even_counts, merged, merged_in_pairs
from array_api_dist.collectives.ownership import Owner
from array_api_dist.collectives.packing import (
    Buffers,
    as_bytes,
    message_limit,
    messages,
    nbytes_of,
    packed,
)
from array_api_dist.collectives.protocol import Operator, Piece, Request, State
from array_api_dist.collectives.rounds import Parcels, Round
from array_api_dist.collectives.steps import Steps
from array_api_dist.kernels.moving import movable

BUFFER_NBYTES: Final = 1 << 26
"""What an exchange packs at any time, on one rank, for and from all peers together."""

GATHERED_NBYTES: Final = 1 << 18
"""States of at most this many bytes over all ranks are gathered and merged everywhere; larger ones scattered first."""

LEAST_SLAB_NBYTES: Final = 1 << 13
"""Nor are states scattered in slabs smaller than this: a message for each of many peers costs more than it moves."""


class BaseCommunicator(ABC):
    """The Protocol in terms of the primitives of a transport.

    Parameters
    ----------
    staged : bool
        Whether the transport may touch host memory only: device tensors then pass through it.
    buffer_nbytes : int
        What an exchange packs at any time.
    """

    def __init__(self, *, staged: bool, buffer_nbytes: int = BUFFER_NBYTES) -> None:
        self._staged = staged
        self._buffer_nbytes = buffer_nbytes
        self._buffers = Buffers(is_pinned=staged and torch.accelerator.is_available())
        self._lockstep: Lockstep | None = None
        self._owner = Owner()
        self._steps = Steps(self._owner)

    def _start_lockstep(self) -> None:
        if is_lockstep_wanted():
            self._lockstep = Lockstep(self._allgather_equal)

    # ---- what a transport supplies

    @property
    @abstractmethod
    def rank(self) -> int:
        """This rank."""

    @property
    @abstractmethod
    def ranks(self) -> int:
        """How many there are."""

    @property
    @abstractmethod
    def node_rank(self) -> int:
        """This rank among those of its machine."""

    @property
    @abstractmethod
    def node_ranks(self) -> int:
        """How many share this machine."""

    @property
    @abstractmethod
    def group(self) -> Hashable:
        """Equal for communicators of the same ranks."""

    @property
    def mpi(self) -> object | None:
        """mpi4py's communicator of these ranks, where there is one."""
        return None

    @abstractmethod
    def _barrier(self) -> None: ...

    @abstractmethod
    def _broadcast_bytes(self, data: torch.Tensor, root: int) -> None: ...

    @abstractmethod
    def _allgather_bytes(self, data: torch.Tensor, counts: Sequence[int]) -> torch.Tensor: ...

    @abstractmethod
    def _start_swap(self, outgoing: Parcels, incoming: Parcels) -> Request:
        """Start sending bytes and receiving others; those of a pair of ranks arrive in their order."""

    @abstractmethod
    def _shift(self, outgoing: torch.Tensor, incoming: torch.Tensor, displacement: int) -> Request: ...

    def _native_allreduce(self, tensor: torch.Tensor, operator: Operator) -> torch.Tensor | None:
        """Return the transport's own allreduce of a small tensor, or None where it has none with this meaning."""
        return None

    # ---- shared

    def _swap(self, outgoing: Parcels, incoming: Parcels) -> None:
        self._start_swap(outgoing, incoming).wait()

    def _allgather_equal(self, data: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
        return self._allgather_bytes(data, counts or [data.numel()] * self.ranks)

    def take_over(self) -> None:
        """Let this thread start the collectives from here on."""
        self._owner.take_over()

    def _check(self, collective: str, tensors: Sequence[torch.Tensor], detail: object = "") -> None:
        # A lone rank has no order to keep, and its collectives are copies.
        if self.ranks > 1 and current_thread() is not self._owner.thread:
            self._owner.refuse(collective)
        self._steps.begun += 1
        if self._lockstep is not None:
            self._lockstep.check(collective, tensors, detail)

    def check_alike(self, step: str, *replicated: torch.Tensor) -> None:
        """Compare with other ranks in lockstep mode: that all are at this step, with equal tensors."""
        # What communicates nothing runs in any thread, which has no peer on the other ranks.
        if self._lockstep is not None and current_thread() is self._owner.thread:
            self._lockstep.check_alike(step, replicated)

    def _host(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return ``tensor`` where the transport can read it: itself, or a copy when it is staged."""
        if self._staged:
            return packed(tensor).to("cpu", copy=True)
        return tensor

    def barrier(self) -> None:
        """Return when every rank has called it."""
        start = perf_counter()
        self._check("barrier", ())
        self._barrier()
        recorder.note("barrier", 1, 0, 0, start)

    def broadcast(self, tensor: torch.Tensor, root: int) -> torch.Tensor:
        """Return ``root``'s tensor on every rank."""
        start = perf_counter()
        self._check("broadcast", (tensor,), root)
        data = packed(self._host(tensor))
        if data.numel():
            self._broadcast_bytes(as_bytes(data), root)
        nbytes = nbytes_of((tensor,))
        is_root = self.rank == root
        recorder.note("broadcast", 1, nbytes if is_root else 0, 0 if is_root else nbytes, start)
        return data.to(tensor.device)

    def allgather(self, tensor: torch.Tensor, axis: int, counts: Sequence[int]) -> torch.Tensor:
        """Return the parts of all ranks, one after another along ``axis``."""
        start = perf_counter()
        self._check("allgather", (), (tensor.dtype, tensor.ndim, axis, tuple(counts)))
        row = prod(tensor.shape[:axis] + tensor.shape[axis + 1 :]) * tensor.element_size()
        own, total = counts[self.rank] * row, sum(counts) * row
        gather = self._gathered if total <= self._buffer_nbytes else self._gathered_in_place
        whole = gather(tensor, axis, counts)
        recorder.note("allgather", 1, own, total - own, start)
        return whole

    def _gathered(self, tensor: torch.Tensor, axis: int, counts: Sequence[int]) -> torch.Tensor:
        part = packed(movable(self._host(tensor)).movedim(axis, 0))
        row = prod(part.shape[1:]) * part.element_size()
        gathered = self._allgather_bytes(as_bytes(part), [count * row for count in counts]).view(part.dtype)
        whole = gathered.reshape(sum(counts), *part.shape[1:]).movedim(0, axis).contiguous()
        return whole.to(tensor.device).view(tensor.dtype)

    def _gathered_in_place(self, tensor: torch.Tensor, axis: int, counts: Sequence[int]) -> torch.Tensor:
        """Gather what is large straight to its places: along a later axis a second copy of the whole would be needed."""
        whole = tensor.new_empty((*tensor.shape[:axis], sum(counts), *tensor.shape[axis + 1 :]))
        places = [
            whole.narrow(axis, first, last - first) for first, last in pairwise(accumulate(counts, initial=0))
        ]
        everyone = range(self.ranks)
        self._move(
            [Piece(rank, tensor) for rank in everyone], [Piece(rank, places[rank]) for rank in everyone]
        )
        return whole

    def _states(self, state: State) -> list[State]:
        """Return the states of all ranks: one message that holds all tensors."""
        data = self._bytes_of(state)
        size = data.numel()
        every = self._allgather_bytes(data, [size] * self.ranks)
        return [self._unpacked(every[rank * size : (rank + 1) * size], state) for rank in range(self.ranks)]

    def _bytes_of(self, state: State) -> torch.Tensor:
        return torch.cat([as_bytes(packed(self._host(tensor))) for tensor in state])

    def _unpacked(self, data: torch.Tensor, like: State) -> State:
        parts, reached = [], 0
        for tensor in like:
            size = nbytes_of((tensor,))
            # A clone is aligned for its type; a slice of bytes may not be.
            values = data[reached : reached + size].clone().view(tensor.dtype).reshape(tensor.shape)
            parts.append(values.to(tensor.device))
            reached += size
        return tuple(parts)

    def allreduce(self, state: State, operator: Operator) -> State:
        """Return the states of all ranks merged in their order."""
        start = perf_counter()
        self._check("allreduce", state, operator.name)
        nbytes = nbytes_of(state)
        result = self._allreduced(state, operator, nbytes)
        recorder.note("allreduce", 1, nbytes, nbytes, start)
        return result

    def _allreduced(self, state: State, operator: Operator, nbytes: int) -> State:
        ranks = self.ranks
        # What a lone rank has to merge is its own, and need not leave a device whose memory MPI can't touch.
        if nbytes == 0 or ranks == 1:
            return state
        if len(state) == 1 and nbytes <= max(GATHERED_NBYTES, LEAST_SLAB_NBYTES * ranks):
            native = self._native_allreduce(self._host(state[0]), operator)
            if native is not None:
                return (native.to(state[0].device) if self._staged else native,)
        if nbytes * ranks <= GATHERED_NBYTES:
            return merged_in_pairs(self._states(state), operator)
        if nbytes <= LEAST_SLAB_NBYTES * ranks or state[0].ndim == 0:
            return self._doubled(state, operator)
        flat = tuple(packed(tensor).reshape(-1) for tensor in state)
        counts = even_counts(flat[0].numel(), self.ranks)
        slabs = self._scattered(flat, operator, 0, counts)
        gathered = [
            self._allgather_bytes(
                as_bytes(packed(self._host(slab))), [n * slab.element_size() for n in counts]
            )
            for slab in slabs
        ]
        return tuple(
            data.view(tensor.dtype).reshape(tensor.shape).to(tensor.device)
            for data, tensor in zip(gathered, state, strict=True)
        )

    def _doubled(self, state: State, operator: Operator) -> State:
        """Return the states of all ranks merged by recursive doubling, in log2(P) messages of a state (Thakur et al. 2005).

        What two groups of neighbours merge, all of their ranks merge alike: the bits are the same everywhere.
        """
        # Ranks beyond a power of two: the even ones of the first pairs hand theirs to the odd ones, and wait.
        size = 1 << (self.ranks.bit_length() - 1)
        pairs = self.ranks - size
        rank, is_paired = self.rank, self.rank < 2 * pairs
        if is_paired and rank % 2 == 0:
            self._swap([(rank + 1, self._bytes_of(state))], [])
            return self._received(state, rank + 1)
        if is_paired:
            state = operator.merge(self._received(state, rank - 1), state)
        place = rank // 2 if is_paired else rank - pairs
        distance = 1
        while distance < size:
            other = place ^ distance
            peer = 2 * other + 1 if other < pairs else other + pairs
            theirs = self._received(state, peer, sending=state)
            state = operator.merge(theirs, state) if other < place else operator.merge(state, theirs)
            distance *= 2
        if is_paired:
            self._swap([(rank - 1, self._bytes_of(state))], [])
        return tuple(state)

    def _received(self, like: State, source: int, *, sending: State | None = None) -> State:
        """Return the state that ``source`` sends, which may get one from here at the same time."""
        place = torch.empty(nbytes_of(like), dtype=torch.uint8)
        outgoing = [] if sending is None else [(source, self._bytes_of(sending))]
        self._swap(outgoing, [(source, place)])
        return self._unpacked(place, like)

    def reduce_scatter(self, state: State, operator: Operator, axis: int, counts: Sequence[int]) -> State:
        """Return this rank's slab of the merged states."""
        start = perf_counter()
        self._check("reduce_scatter", state, (operator.name, axis, tuple(counts)))
        result = self._scattered(state, operator, axis, counts)
        kept = nbytes_of(result)
        recorder.note("reduce_scatter", 1, nbytes_of(state) - kept, kept * (self.ranks - 1), start)
        return result

    def _scattered(self, state: State, operator: Operator, axis: int, counts: Sequence[int]) -> State:
        return merged_in_pairs(self._slabs(state, axis, counts), operator)

    def _slabs(self, state: State, axis: int, counts: Sequence[int]) -> list[State]:
        """Return this rank's slab of every rank's state."""
        own = counts[self.rank]
        received = [
            tuple(
                tensor.new_empty((*tensor.shape[:axis], own, *tensor.shape[axis + 1 :])) for tensor in state
            )
            for _ in range(self.ranks)
        ]
        sends, receives = [], []
        for rank, (first, last) in enumerate(pairwise(accumulate(counts, initial=0))):
            sends += [Piece(rank, tensor.narrow(axis, first, last - first)) for tensor in state]
            receives += [Piece(rank, tensor) for tensor in received[rank]]
        self._move(sends, receives)
        return received

    def exscan(self, state: State, operator: Operator, initial: State) -> State:
        """Return ``initial`` merged with the states of the lower ranks."""
        start = perf_counter()
        self._check("exscan", state, operator.name)
        nbytes = nbytes_of(state)
        if nbytes * self.ranks <= GATHERED_NBYTES:
            result = merged([initial, *self._states(state)[: self.rank]], operator)
        elif nbytes <= LEAST_SLAB_NBYTES * self.ranks or state[0].ndim == 0:
            result = self._scanned_by_doubling(state, operator, initial)
        else:
            result = self._scanned(state, operator, initial)
        recorder.note("exscan", 1, nbytes, nbytes, start)
        return result

    def _scanned_by_doubling(self, state: State, operator: Operator, initial: State) -> State:
        """Return the exscan in log2(P) messages of a state: of one rank, then of two, then of four."""
        before: State | None = None
        distance = 1
        while distance < self.ranks:
            source, target = self.rank - distance, self.rank + distance
            place = torch.empty(nbytes_of(state), dtype=torch.uint8)
            outgoing = [(target, self._bytes_of(state))] if target < self.ranks else []
            self._swap(outgoing, [(source, place)] if source >= 0 else [])
            if source >= 0:
                theirs = self._unpacked(place, state)
                state = operator.merge(theirs, state)
                before = theirs if before is None else operator.merge(theirs, before)
            distance *= 2
        return merged([initial] if before is None else [initial, before], operator)

    def _scanned(self, state: State, operator: Operator, initial: State) -> State:
        """Return the exscan of a large state, and equal ``initial`` ones: each rank scans a slab of it for all ranks."""
        flat = tuple(packed(tensor).reshape(-1) for tensor in state)
        counts = even_counts(flat[0].numel(), self.ranks)
        received = self._slabs(flat, 0, counts)
        first = sum(counts[: self.rank])
        own = counts[self.rank]
        prefixes = [tuple(packed(tensor).reshape(-1)[first : first + own] for tensor in initial)]
        for each in received[:-1]:
            prefixes.append(operator.merge(prefixes[-1], each))
        result = tuple(torch.empty_like(tensor) for tensor in flat)
        bounds = list(pairwise(accumulate(counts, initial=0)))
        self._move(
            [Piece(rank, tensor) for rank, prefix in enumerate(prefixes) for tensor in prefix],
            [Piece(rank, tensor[a:b]) for rank, (a, b) in enumerate(bounds) for tensor in result],
        )
        return tuple(
            flat_tensor.reshape(tensor.shape) for flat_tensor, tensor in zip(result, state, strict=True)
        )

    def exchange(self, sends: Sequence[Piece], receives: Sequence[Piece]) -> None:
        """Move each piece straight to its owner."""
        start = perf_counter()
        self._check("exchange", ())
        sent = self._move(sends, receives)
        away = tuple(piece.view for piece in sends if piece.peer != self.rank)
        here = tuple(piece.view for piece in receives if piece.peer != self.rank)
        recorder.note("exchange", sent, nbytes_of(away), nbytes_of(here), start)

    def _move(self, sends: Sequence[Piece], receives: Sequence[Piece]) -> int:
        """Carry out an exchange; return how many messages left.

        The k-th messages of all pairs of ranks make up round k, so no rank waits for one that waits for it. A round is
        on its way while what stays here is copied, or while the next one is packed.
        """
        # Both sides of a pair must cut alike: the limit depends on what all ranks know.
        limit = message_limit(self._buffer_nbytes, self.ranks)
        outgoing = {peer: messages(views, limit) for peer, views in self._by_peer(sends).items()}
        incoming = {peer: messages(views, limit) for peer, views in self._by_peer(receives).items()}
        rounds = max((len(each) for each in (*outgoing.values(), *incoming.values())), default=0)
        finish: Callable[[], None] = partial(self._stay, sends, receives)
        for number in range(rounds):
            following = Round.started(
                [(peer, each[number]) for peer, each in outgoing.items() if number < len(each)],
                [(peer, each[number]) for peer, each in incoming.items() if number < len(each)],
                self._buffers,
                self._start_swap,
                staged=self._staged,
            )
            finish()
            finish = partial(following.finish, self._buffers, self._buffer_nbytes)
        finish()
        return sum(len(each) for each in outgoing.values())

    def _stay(self, sends: Sequence[Piece], receives: Sequence[Piece]) -> None:
        """Copy what this rank has for itself."""
        stay = [piece.view for piece in sends if piece.peer == self.rank]
        places = [piece.view for piece in receives if piece.peer == self.rank]
        for view, place in zip(stay, places, strict=True):
            movable(place).copy_(movable(view))

    def _by_peer(self, pieces: Sequence[Piece]) -> dict[int, list[torch.Tensor]]:
        found: dict[int, list[torch.Tensor]] = {}
        for piece in pieces:
            if piece.peer != self.rank and piece.view.numel():
                found.setdefault(piece.peer, []).append(piece.view)
        return found

    def _transposed(self, mine: torch.Tensor) -> torch.Tensor:
        """Return the numbers that every rank has for this one."""
        received = torch.empty_like(mine)
        others = [rank for rank in range(self.ranks) if rank != self.rank]
        self._swap(
            [(rank, as_bytes(mine[rank : rank + 1])) for rank in others],
            [(rank, as_bytes(received[rank : rank + 1])) for rank in others],
        )
        received[self.rank] = mine[self.rank]
        return received

    def exchange_counts(self, counts: Sequence[int]) -> list[int]:
        """Return what each rank has for this one."""
        start = perf_counter()
        self._check("exchange_counts", ())
        received = self._transposed(torch.tensor(list(counts), dtype=torch.int64))
        nbytes = 8 * (self.ranks - 1)
        recorder.note("exchange_counts", 1, nbytes, nbytes, start)
        return [int(count) for count in received.tolist()]

    def shift(self, outgoing: torch.Tensor, incoming: torch.Tensor, displacement: int = 1) -> Request:
        """Start a cyclic shift."""
        start = perf_counter()
        self._check("shift", (), displacement)
        recorder.note("shift", 1, nbytes_of((outgoing,)), nbytes_of((incoming,)), start)
        if not self._staged:
            return self._shift(as_bytes(outgoing), as_bytes(incoming), displacement)
        place = torch.empty_like(incoming, device="cpu")
        request = self._shift(as_bytes(packed(self._host(outgoing))), as_bytes(place), displacement)
        return _StagedRequest(request, place, incoming)

    def agree(self, error: Exception | None) -> None:
        """Raise the lowest failing rank's error on every rank."""
        start = perf_counter()
        self._check("agree", ())
        # Before the flags: between them and the broadcasts nothing may fail on one rank.
        data = told(error)
        failed = torch.tensor([error is not None], dtype=torch.uint8)
        flags = self._allgather_bytes(failed, [1] * self.ranks).tolist()
        recorder.note("agree", 1, 8, 8, start)
        if any(flags):
            self._raise(error, data, flags.index(1))

    def _raise(self, error: Exception | None, data: bytes, first: int) -> NoReturn:
        length = torch.tensor([len(data)], dtype=torch.int64)
        self._broadcast_bytes(as_bytes(length), first)
        text = torch.zeros(int(length), dtype=torch.uint8)
        if self.rank == first:
            text = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        self._broadcast_bytes(text, first)
        made = remade(text.numpy().tobytes())
        if error is not None and self.rank == first:
            if type(error) is type(made):
                raise error
            # Of a class that the others cannot have: what they raise, with the error itself as its cause.
            raise made from error
        raise made


class _StagedRequest:
    """A shift whose values are copied to the device at its end."""

    def __init__(self, request: Request, place: torch.Tensor, target: torch.Tensor) -> None:
        self._request = request
        self._place = place
        self._target = target

    def wait(self) -> None:
        self._request.wait()
        self._target.copy_(self._place)
