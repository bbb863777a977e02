"""Counting, while a trace is open, what each operation takes and what it communicates."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter, time
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Event:
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
class Log:
    """What one trace has seen so far."""

    started: float = field(default_factory=perf_counter)
    epoch: float = field(default_factory=time)
    rows: dict[str, Row] = field(default_factory=dict)
    collectives: dict[tuple[str, str], CollectiveRow] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    events_left_out: int = 0

    def note_collective(self, event: Event) -> None:
        """Count a collective, for itself and for its operation."""
        key = (event.operation, event.collective)
        row = self.collectives.get(key) or CollectiveRow(*key)
        self.collectives[key] = replace(
            row,
            calls=row.calls + 1,
            messages=row.messages + event.messages,
            bytes_sent=row.bytes_sent + event.bytes_sent,
            bytes_received=row.bytes_received + event.bytes_received,
            seconds=row.seconds + event.seconds,
        )
        whole = self.rows.get(event.operation) or Row(event.operation)
        self.rows[event.operation] = replace(
            whole,
            messages=whole.messages + event.messages,
            bytes_sent=whole.bytes_sent + event.bytes_sent,
            bytes_received=whole.bytes_received + event.bytes_received,
            seconds=whole.seconds + (event.seconds if event.operation == OUTSIDE else 0.0),
        )
        self._keep(event)

    def note_operation(self, event: Event) -> None:
        """Count a call of an operation, whose collectives are counted already."""
        row = self.rows.get(event.operation) or Row(event.operation)
        self.rows[event.operation] = replace(
            row,
            calls=row.calls + 1,
            seconds=row.seconds + event.seconds,
            peak_extra_bytes=greatest(row.peak_extra_bytes, event.peak_extra_bytes),
        )
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
        self.operation = operation
        self.messages = self.bytes_sent = self.bytes_received = 0
        self.meter = PeakMeter()
        self.start = 0.0


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
