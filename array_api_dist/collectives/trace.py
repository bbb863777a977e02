"""``with trace() as t:`` records what each operation takes; ``t.rows``, ``str(t)`` and ``t.save()`` tell."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from array_api_dist.collectives.instrument import SWITCH
from array_api_dist.collectives.recorder import RECORDER, CollectiveRow, Log, Row, greatest, operation

__all__ = ["CollectiveRow", "Row", "Trace", "operation", "trace"]


class Trace:
    """What the operations took on this rank while the trace was open."""

    def __init__(self) -> None:
        self._log = Log()

    @property
    def rows(self) -> list[Row]:
        """One row for each operation, in the order of their first use."""
        return list(self._log.rows.values())

    @property
    def collectives(self) -> list[CollectiveRow]:
        """One row for each operation and kind of collective that it used: what the ``rows`` are made up of."""
        return list(self._log.collectives.values())

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
    """Record the operations of this rank inside the ``with`` block. Traces may be nested."""
    found = Trace()
    SWITCH.enter()
    RECORDER.open.append(found._log)
    try:
        yield found
    finally:
        RECORDER.open.remove(found._log)
        SWITCH.leave()
