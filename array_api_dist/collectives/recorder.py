"""Counting what is communicated, per operation and collective, while a trace is open."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, replace
from time import perf_counter
from types import FrameType
from typing import Final

PUBLIC_ENDINGS: Final = ("_functions", "._array", ".linalg", ".fft", ".io", ".local", ".partition")


@dataclass(frozen=True, slots=True)
class Row:
    """What one operation did by one kind of collective, on this rank.

    ``messages`` counts 1 for a collective and, for an exchange, the peers that were sent something. ``bytes_sent`` is
    this rank's contribution: the state of an allreduce or exscan, its own part of an allgather, the whole of a
    broadcast at its root and nothing elsewhere, what others keep of a reduce_scatter, exactly what left in an exchange.
    """

    operation: str
    collective: str
    calls: int = 0
    messages: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0


class Recorder(threading.local):
    """The traces open on this rank (a process, or a thread of the in-process communicator)."""

    def __init__(self) -> None:
        self.open: list[dict[tuple[str, str], Row]] = []


RECORDER: Final = Recorder()


def _operation() -> str:
    """Return the public function that the user called: the outermost frame in a public module of the package."""
    frame: FrameType | None = sys._getframe(2)
    name = "?"
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("array_api_dist.") and module.endswith(PUBLIC_ENDINGS):
            name = frame.f_code.co_name
        frame = frame.f_back
    return name


def note(collective: str, messages: int, bytes_sent: int, bytes_received: int, start: float) -> None:
    """Count one collective in every open trace."""
    if not RECORDER.open:
        return
    seconds = perf_counter() - start
    operation = _operation()
    for rows in RECORDER.open:
        row = rows.get((operation, collective)) or Row(operation, collective)
        rows[operation, collective] = replace(
            row,
            calls=row.calls + 1,
            messages=row.messages + messages,
            bytes_sent=row.bytes_sent + bytes_sent,
            bytes_received=row.bytes_received + bytes_received,
            seconds=row.seconds + seconds,
        )
