"""``with trace() as t:`` records what each operation takes; ``t.rows``, ``str(t)`` and ``t.save()`` tell."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from array_api_dist.collectives import timeline
from array_api_dist.collectives.instrument import SWITCH
from array_api_dist.collectives.recorder import RECORDER, CollectiveRow, Log, Row, greatest, operation
from array_api_dist.collectives.timeline import Location, join_timelines

__all__ = ["CollectiveRow", "Row", "Trace", "join_timelines", "operation", "trace"]


class Trace:
    """What the operations took on this rank while the trace was open: as rows, as a table, as a timeline.

    Looking communicates nothing, here as elsewhere. See ``trace`` for what is counted.
    """

    def __init__(self) -> None:
        self._log = Log()
        self._place: tuple[int, int] | None = None

    def _close(self) -> None:
        self._place = timeline.place()

    @property
    def rows(self) -> list[Row]:
        """One row for each operation, in the order of their first use."""
        return self._log.rows

    @property
    def collectives(self) -> list[CollectiveRow]:
        """One row for each operation and kind of collective that it used: what the ``rows`` are made up of."""
        return self._log.collectives

    @property
    def totals(self) -> Row:
        """All operations together; the greatest of their peaks."""
        rows = self.rows
        return Row(
            "total",
            sum(row.calls for row in rows),
            sum(row.messages for row in rows),
            sum(row.bytes_sent for row in rows),
            sum(row.bytes_received for row in rows),
            sum(row.seconds for row in rows),
            greatest(*(row.peak_extra_bytes for row in rows)),
        )

    def save(self, path: Location) -> Path:
        """Save the calls of operations, and the collectives inside them, as a timeline for chrome://tracing or Perfetto.

        Parameters
        ----------
        path : path-like
            Each rank writes a file of its own, with its number before the ending: ``run.json`` gives
            ``run.rank-0.json``, ``run.rank-1.json``, … It appears when it is whole, in place of an older one.

        Returns
        -------
        Path
            This rank's file. ``join_timelines(path)`` puts those of all ranks together.

        Notes
        -----
        No communication. In Chrome's trace-event format: the rank is the process, each call a complete event with
        messages, bytes and the peak as its arguments. Of more than 2**20 events the first are kept; the file says
        how many are left out.
        """
        rank, ranks = self._place or timeline.place()
        return timeline.save(self._log, path, rank, ranks)

    def __str__(self) -> str:
        operations = [
            (row.operation, *_counts(row), _counted(row.peak_extra_bytes))
            for row in (*self.rows, self.totals)
        ]
        parts = [_table(("operation", *_COUNTED, "peak extra bytes"), operations, names=1)]
        if self.collectives:
            details = [(row.operation, row.collective, *_counts(row)) for row in self.collectives]
            parts.append(_table(("operation", "collective", *_COUNTED), details, names=2))
        return "\n\n".join(parts)


_COUNTED = ("calls", "messages", "bytes sent", "bytes received", "seconds")


def _counts(row: Row | CollectiveRow) -> tuple[str, ...]:
    numbers = (row.calls, row.messages, row.bytes_sent, row.bytes_received)
    return (*(f"{number:,}" for number in numbers), f"{row.seconds:.6f}")


def _counted(peak: int | None) -> str:
    return "-" if peak is None else f"{peak:,}"


def _table(head: Sequence[str], body: Sequence[Sequence[str]], *, names: int) -> str:
    """Return lines of columns, the first ``names`` of which are words, the others numbers."""
    widths = [max(len(line[k]) for line in (head, *body)) for k in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k < names else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *body)
    )


@contextmanager
def trace() -> Generator[Trace]:
    """Record the operations of this rank inside the ``with`` block.

    An operation is a call of a public function or method (``"sum"``, ``"__add__"``, ``"linalg.qr"``,
    ``"repartition"``), whether it communicates or not; what it calls in turn counts as part of it. Not listed is what
    answers from metadata alone (``shape``, ``len``) or shows an array. Traces may be nested: each sees everything
    inside it. Each thread has its own.

    Yields
    ------
    Trace
        ``rows`` by operation, ``collectives`` by operation and kind of collective, ``totals``, ``str()`` and
        ``save()``; also while the trace is open.

    Notes
    -----
    Communication: none, and while no trace is open in the process nothing is measured: functions run their own code.
    While one is, a call takes up to 0.1 ms more, of which ``seconds`` has the smaller part.

    The peak extra memory of a call is the most that torch's allocators held at once on this thread beyond what they
    held at its start: the result, what kernels allocate inside themselves, staged copies and the buffers of
    collectives, on all processors together. Buffers that a communicator keeps between calls count while they are in
    use. Not counted: what NumPy, HDF5 and MPI allocate for themselves, vendor libraries' own workspaces, kernels'
    allocations on other threads of the process. None stands for a call under ``torch.profiler``, which can't be
    measured as well.
    """
    found = Trace()
    SWITCH.enter()
    RECORDER.open.append(found._log)
    try:
        yield found
    finally:
        RECORDER.open.remove(found._log)
        SWITCH.leave()
        found._close()
