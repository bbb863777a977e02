"""A trace as a file for timeline viewers: Chrome's trace-event format, which chrome://tracing and Perfetto read."""

from __future__ import annotations

import json
import os
import secrets
import sys
from math import floor
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias

from array_api_dist.collectives.recorder import RECORDER, Event, Log

Location: TypeAlias = str | PathLike[str]

TICKS: Final = 4
"""A timeline's clock counts so many times in a microsecond: since 1970 a float has bits for no more."""


def place() -> tuple[int, int]:
    """Return this rank among all of the job, and how many they are. No communication."""
    if RECORDER.place is not None:
        return RECORDER.place
    if "mpi4py.MPI" not in sys.modules:
        # Nothing has asked for MPI yet, and looking is no reason to start it.
        return 0, 1
    from mpi4py import MPI  # noqa: PLC0415 - it is there already

    return (0, 1) if MPI.Is_finalized() else (MPI.COMM_WORLD.Get_rank(), MPI.COMM_WORLD.Get_size())


def file_of(path: Location, rank: int) -> Path:
    """Return where ``rank`` saves its part of the timeline ``path``: ``run.json`` becomes ``run.rank-0.json``."""
    whole = Path(path)
    return whole.with_name(f"{whole.stem}.rank-{rank}{whole.suffix}")


def save(log: Log, path: Location, rank: int, ranks: int) -> Path:
    """Write the events of ``log``, and return the file: one lane, whose process is the rank."""
    lane: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": rank, "tid": 0, "args": {"name": f"rank {rank}"}},
        {"ph": "M", "name": "process_sort_index", "pid": rank, "tid": 0, "args": {"sort_index": rank}},
    ]
    # Clocks of one machine agree; perf_counter's beginning means nothing to another process.
    shift = log.epoch - log.started
    # What holds others comes before them: viewers stack what begins at one moment in the order of the file.
    events = sorted(log.events, key=lambda event: (event.start, -event.end))
    lane += [_told(event, shift, rank) for event in events]
    facts = {"rank": rank, "ranks": ranks, "events_left_out": log.events_left_out}
    return _written(file_of(path, rank), {"traceEvents": lane, "displayTimeUnit": "ms", "otherData": facts})


def _told(event: Event, shift: float, rank: int) -> dict[str, Any]:
    """Return a complete event: what begins and ends inside another is drawn below it."""
    args: dict[str, Any] = {
        "messages": event.messages,
        "bytes sent": event.bytes_sent,
        "bytes received": event.bytes_received,
    }
    if event.collective:
        args["operation"] = event.operation
    else:
        args |= {"peak extra bytes": event.peak_extra_bytes, "error": event.error}
    # Rounded down both, so that what was inside another event stays inside.
    start, end = (floor((moment + shift) * 1e6 * TICKS) for moment in (event.start, event.end))
    return {
        "ph": "X",
        "name": event.collective or event.operation,
        "cat": "collective" if event.collective else "operation",
        "ts": start / TICKS,
        "dur": (end - start) / TICKS,
        "pid": rank,
        "tid": 0,
        "args": {name: value for name, value in args.items() if value not in {"", None}},
    }


def _written(target: Path, document: dict[str, Any]) -> Path:
    """Write a file that appears under its name only when it is whole."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def join_timelines(path: Location) -> Path:
    """Put the timelines that all ranks saved as ``path`` together in ``path`` itself: one lane a rank.

    Parameters
    ----------
    path : path-like
        What the ranks gave to ``save``: ``run.json`` joins ``run.rank-0.json``, ``run.rank-1.json``, …

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If a rank's file is missing.

    Notes
    -----
    No communication: for one process, after all ranks have saved. The lanes are as well aligned as the clocks of the
    machines that the ranks ran on.
    """
    first = _read(file_of(path, 0))
    parts = [first] + [_read(file_of(path, rank)) for rank in range(1, first["otherData"]["ranks"])]
    events = [event for part in parts for event in part["traceEvents"]]
    facts = {
        "ranks": len(parts),
        "events_left_out": sum(part["otherData"]["events_left_out"] for part in parts),
    }
    return _written(Path(path), {"traceEvents": events, "displayTimeUnit": "ms", "otherData": facts})


def _read(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document
