"""The communicator in one process, one thread a rank: for tests."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Hashable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

import torch

from array_api_dist.collectives.base import BUFFER_NBYTES, BaseCommunicator
from array_api_dist.collectives.merging import merged_in_pairs
from array_api_dist.collectives.packing import packed
from array_api_dist.collectives.protocol import Communicator, Operator, Request
from array_api_dist.collectives.recorder import RECORDER
from array_api_dist.collectives.rounds import Parcels

T = TypeVar("T")

PATIENCE_SECONDS: Final = 60.0


_ABORTED: None = None
"""What waits in every mail box once a rank has failed."""

Mail: TypeAlias = "SimpleQueue[torch.Tensor | None]"


class _World:
    """What the threads share: a meeting point and mail boxes."""

    def __init__(self, ranks: int, patience: float) -> None:
        self.ranks = ranks
        self.patience = patience
        # Who has it computes; who waits for others leaves it to them. Threads that compute at once would only wait for
        # Python's lock, many times in each of torch's functions.
        self.turn: threading.Lock = threading.Lock()
        self.arrived: int = 0
        # One a rank: the last to arrive lets the others go on, none of whom waits for a lock that they share.
        self.gates: list[SimpleQueue[bool]] = [SimpleQueue() for _ in range(ranks)]
        # Two tables in turn: none is written again before all have met once more, and so have read it.
        self.tables: tuple[list[Any], list[Any]] = ([None] * ranks, [None] * ranks)
        self.meetings: list[int] = [0] * ranks
        self.mail: dict[tuple[int, int, str], Mail] = {}
        self.failed: bool = False

    def abort(self) -> None:
        self.failed = True
        for gate in self.gates:
            gate.put(False)
        for box in list(self.mail.values()):
            box.put(_ABORTED)

    def meet(self, rank: int, step: str, value: Any) -> list[Any]:
        """Lay ``value`` on the table and return those of all ranks, who must all be at the same ``step``."""
        table = self.tables[self.meetings[rank] % 2]
        self.meetings[rank] += 1
        table[rank] = (step, value)
        self._wait(rank)
        seen = list(table)
        steps = [each[0] for each in seen]
        if any(each != step for each in steps):
            told = "; ".join(f"rank {other}: {each}" for other, each in enumerate(steps))
            raise RuntimeError(f"the ranks are out of step: {told}")
        return [each[1] for each in seen]

    def _wait(self, rank: int) -> None:
        """Return once every rank has come here."""
        self.arrived = (self.arrived + 1) % self.ranks
        if self.arrived == 0:
            for other, gate in enumerate(self.gates):
                if other != rank:
                    gate.put(True)
            return
        if not self._next(self.gates[rank]):
            self.gates[rank].put(False)
            raise _PeerFailedError

    def _next(self, queue: SimpleQueue[T]) -> T:
        """Return what comes next, while others have the turn."""
        try:
            return queue.get_nowait()
        except Empty:
            self.turn.release()
        try:
            return queue.get(timeout=self.patience)
        except Empty:
            raise _PeerFailedError from None
        finally:
            self.turn.acquire()

    def _box(self, source: int, target: int, name: str) -> Mail:
        return self.mail.setdefault((source, target, name), SimpleQueue())

    def send(self, source: int, target: int, name: str, data: torch.Tensor) -> None:
        self._box(source, target, name).put(data)

    def receive(self, source: int, target: int, name: str) -> torch.Tensor:
        box = self._box(source, target, name)
        # A box opened after the failure holds no word of it.
        if self.failed and box.empty():
            raise _PeerFailedError
        data = self._next(box)
        if data is None:
            box.put(_ABORTED)
            raise _PeerFailedError
        return data


def _on_its_way(data: torch.Tensor) -> torch.Tensor:
    """Return a copy of bytes that travel, not in torch's memory: a trace counts that where it is allocated and freed."""
    return torch.from_numpy(data.numpy().copy())


class _PeerFailedError(RuntimeError):
    """Another rank failed or never came."""


class _ThreadRequest:
    def __init__(self, fetch: Callable[[], None]) -> None:
        self._fetch = fetch

    def wait(self) -> None:
        self._fetch()


class ThreadedCommunicator(BaseCommunicator):
    """One rank of a world of threads."""

    def __init__(
        self, world: _World, rank: int, *, staged: bool = False, buffer_nbytes: int = BUFFER_NBYTES
    ) -> None:
        super().__init__(staged=staged, buffer_nbytes=buffer_nbytes)
        self._world = world
        self._rank = rank
        RECORDER.place = (rank, world.ranks)
        self._start_lockstep()

    @property
    def rank(self) -> int:
        """This rank."""
        return self._rank

    @property
    def ranks(self) -> int:
        """How many there are."""
        return self._world.ranks

    @property
    def node_rank(self) -> int:
        """This rank: all share the machine."""
        return self._rank

    @property
    def node_ranks(self) -> int:
        """All of them."""
        return self._world.ranks

    @property
    def group(self) -> Hashable:
        """The world of threads."""
        return id(self._world)

    def _barrier(self) -> None:
        self._world.meet(self._rank, "barrier", None)

    def _broadcast_bytes(self, data: torch.Tensor, root: int) -> None:
        step = f"broadcast of {data.numel()} bytes from {root}"
        sent = self._world.meet(self._rank, step, _on_its_way(data) if self._rank == root else None)[root]
        data.copy_(sent)

    def _allgather_bytes(self, data: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
        if data.numel() != counts[self._rank]:
            raise ValueError(f"rank {self._rank} gathers {counts[self._rank]} bytes, got {data.numel()}")
        return torch.cat(
            self._world.meet(self._rank, f"allgather of {list(counts)} bytes", _on_its_way(data))
        )

    def _native_allreduce(self, tensor: torch.Tensor, operator: Operator) -> torch.Tensor | None:
        # Shapes that differ would be broadcast.
        step = f"allreduce by {operator.name} of {tuple(tensor.shape)}, {tensor.dtype}"
        states = self._world.meet(self._rank, step, _on_its_way(packed(tensor)))
        return merged_in_pairs([(state,) for state in states], operator)[0]

    def _start_swap(self, outgoing: Parcels, incoming: Parcels) -> Request:
        for peer, data in outgoing:
            self._world.send(self._rank, peer, "exchange", _on_its_way(data))

        def fetch() -> None:
            for peer, data in incoming:
                received = self._world.receive(peer, self._rank, "exchange")
                if received.numel() != data.numel():
                    raise ValueError(
                        f"expected {data.numel()} bytes from rank {peer}, got {received.numel()}"
                    )
                data.copy_(received)

        return _ThreadRequest(fetch)

    def _shift(self, outgoing: torch.Tensor, incoming: torch.Tensor, displacement: int) -> Request:
        source, target = (self._rank - displacement) % self.ranks, (self._rank + displacement) % self.ranks
        self._world.send(self._rank, target, "shift", _on_its_way(outgoing))

        def fetch() -> None:
            incoming.copy_(self._world.receive(source, self._rank, "shift"))

        return _ThreadRequest(fetch)


def _stacks(threads: Sequence[threading.Thread]) -> str:
    frames = sys._current_frames()
    return "\n".join(
        f"rank {rank}:\n{''.join(traceback.format_stack(frames[thread.ident]))}"
        for rank, thread in enumerate(threads)
        if thread.ident in frames
    )


def run_ranks(
    ranks: int,
    body: Callable[[Communicator], T],
    *,
    staged: bool = False,
    buffer_nbytes: int = BUFFER_NBYTES,
    patience: float = PATIENCE_SECONDS,
) -> list[T]:
    """Run ``body(communicator)`` on ``ranks`` threads and return what each gave.

    Raises
    ------
    Exception
        The first rank's own error; its peers, who wait for it in vain, are released.
    TimeoutError
        If a rank never ends: with the stack of each.
    """
    world = _World(ranks, patience)
    results: list[Any] = [None] * ranks
    errors: list[BaseException | None] = [None] * ranks

    def run(rank: int) -> None:
        try:
            with world.turn:
                communicator = ThreadedCommunicator(world, rank, staged=staged, buffer_nbytes=buffer_nbytes)
                results[rank] = body(communicator)
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            errors[rank] = error
            world.abort()

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * patience)
        if thread.is_alive():
            stacks = _stacks(threads)
            world.abort()
            raise TimeoutError(f"a rank did not end within {2 * patience} s\n{stacks}")
    own = [error for error in errors if error is not None and not isinstance(error, _PeerFailedError)]
    failed = own or [error for error in errors if error is not None]
    if failed:
        raise failed[0]
    return results
