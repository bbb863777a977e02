"""Counting, while a trace is open, what each operation takes and what it communicates."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, time
from typing import Final, NamedTuple

from array_api_dist.collectives.memory import PeakMeter

OUTSIDE: Final = "(outside)"
"""The operation of a collective that no public function asked for: a test of the engine, a user's own call."""

EVENTS_LIMIT: Final = 1 << 20
"""A timeline keeps at most so many events; the rows count on."""


@dataclass(frozen=True, slots=True)
class Row:
    """What all calls of one operation took on this rank.

    Attributes
    ----------
    operation : str
        The public function or method: ``"sum"``, ``"linalg.qr"``, ``"__add__"``, ``"repartition"``.
    calls : int
        Of the operation; those from inside another operation count there.
    messages : int
        1 for a collective and, for an exchange, those sent to each peer.
    bytes_sent, bytes_received : int
        This rank's contribution: the state of an allreduce or exscan, its own part of an allgather, the whole of a
        broadcast at its root and nothing elsewhere, what others keep of a reduce_scatter, exactly what left in an
        exchange.
    seconds : float
        From call to return.
    peak_extra_bytes : int or None
        The most that one call allocated at once, beyond what was alive at its start; None where torch can't tell.
    """

    operation: str
    calls: int = 0
    messages: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    peak_extra_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CollectiveRow:
    """What one operation did by one kind of collective, on this rank: a part of its Row."""

    operation: str
    collective: str
    calls: int = 0
    messages: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0


class Event(NamedTuple):
    """One call of an operation (``collective`` is empty) or of a collective, from ``start`` to ``end`` by perf_counter."""

    operation: str
    collective: str
    start: float
    end: float
    messages: int
    bytes_sent: int
    bytes_received: int
    peak_extra_bytes: int | None = None
    error: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(slots=True, eq=False)
class _Sum:
    """A row that grows."""

    calls: int = 0
    messages: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    peak_extra_bytes: int | None = None

    def add_bytes(self, event: Event) -> None:
        self.messages += event.messages
        self.bytes_sent += event.bytes_sent
        self.bytes_received += event.bytes_received

    def add_call(self, event: Event) -> None:
        self.calls += 1
        self.seconds += event.end - event.start
        if event.peak_extra_bytes is not None:
            self.peak_extra_bytes = max(self.peak_extra_bytes or 0, event.peak_extra_bytes)


class Log:
    """What one trace has seen so far."""

    __slots__ = ("_collectives", "_operations", "epoch", "events", "events_left_out", "started")

    def __init__(self) -> None:
        self.started: float = perf_counter()
        self.epoch: float = time()
        self.events: list[Event] = []
        self.events_left_out: int = 0
        self._operations: defaultdict[str, _Sum] = defaultdict(_Sum)
        self._collectives: defaultdict[tuple[str, str], _Sum] = defaultdict(_Sum)

    @property
    def rows(self) -> list[Row]:
        """One for each operation, in the order of their first use."""
        return [
            Row(
                name, of.calls, of.messages, of.bytes_sent, of.bytes_received, of.seconds, of.peak_extra_bytes
            )
            for name, of in self._operations.items()
        ]

    @property
    def collectives(self) -> list[CollectiveRow]:
        """One for each operation and kind of collective, in the order of their first use."""
        return [
            CollectiveRow(*names, of.calls, of.messages, of.bytes_sent, of.bytes_received, of.seconds)
            for names, of in self._collectives.items()
        ]

    def note_collective(self, event: Event) -> None:
        """Count a collective, for itself and for its operation."""
        own = self._collectives[event.operation, event.collective]
        own.add_call(event)
        own.add_bytes(event)
        whole = self._operations[event.operation]
        whole.add_bytes(event)
        if event.operation == OUTSIDE:
            whole.seconds += event.seconds
        self._keep(event)

    def note_operation(self, event: Event) -> None:
        """Count a call of an operation, whose collectives are counted already."""
        self._operations[event.operation].add_call(event)
        self._keep(event)

    def _keep(self, event: Event) -> None:
        if len(self.events) < EVENTS_LIMIT:
            self.events.append(event)
        else:
            self.events_left_out += 1


def greatest(*peaks: int | None) -> int | None:
    """Return the greatest of the peaks that were measured, None for none."""
    return max((peak for peak in peaks if peak is not None), default=None)


class _Call:
    """The outermost operation under way on this rank."""

    __slots__ = ("bytes_received", "bytes_sent", "messages", "meter", "operation", "start")

    def __init__(self, operation: str) -> None:
        self.operation: str = operation
        self.messages: int = 0
        self.bytes_sent: int = 0
        self.bytes_received: int = 0
        self.meter: PeakMeter = PeakMeter()
        self.start: float = 0.0


class Recorder(threading.local):
    """The traces open on this rank (a process, or a thread of the in-process communicator)."""

    def __init__(self) -> None:
        self.open: list[Log] = []
        self.call: _Call | None = None
        # (rank, ranks) of a thread of the in-process communicator.
        self.place: tuple[int, int] | None = None

    def is_wanted(self) -> bool:
        """Return whether an operation that begins here is an outermost one, and counted."""
        return bool(self.open) and self.call is None


RECORDER: Final = Recorder()


@contextmanager
def operation(name: str) -> Generator[None]:
    """Count what happens inside the ``with`` block as a call of the operation ``name``, unless it is part of another."""
    if not RECORDER.is_wanted():
        yield
        return
    call = RECORDER.call = _Call(name)
    error = ""
    call.meter.start()
    call.start = perf_counter()
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        end = perf_counter()
        peak = call.meter.stop()
        RECORDER.call = None
        event = Event(
            name, "", call.start, end, call.messages, call.bytes_sent, call.bytes_received, peak, error
        )
        for log in RECORDER.open:
            log.note_operation(event)


def note(collective: str, messages: int, bytes_sent: int, bytes_received: int, start: float) -> None:
    """Count one collective in every open trace."""
    if not RECORDER.open:
        return
    end = perf_counter()
    call = RECORDER.call
    name = OUTSIDE
    if call is not None:
        name = call.operation
        call.messages += messages
        call.bytes_sent += bytes_sent
        call.bytes_received += bytes_received
    event = Event(name, collective, start, end, messages, bytes_sent, bytes_received)
    for log in RECORDER.open:
        log.note_collective(event)


def note_pool(growth: int) -> None:
    """Tell by how many bytes the buffers that lie idle in a communicator grew: an operation has what it took of them."""
    if RECORDER.open and RECORDER.call is not None:
        RECORDER.call.meter.add(-growth)
