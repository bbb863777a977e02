"""``with trace() as t:`` records what the block communicates; ``t.rows`` and ``str(t)`` tell."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from array_api_dist.collectives.recorder import RECORDER, Row

__all__ = ["Row", "Trace", "trace"]


class Trace:
    """What was communicated on this rank while the trace was open."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}

    @property
    def rows(self) -> list[Row]:
        """One row for each operation and kind of collective, in the order of their first use."""
        return list(self._rows.values())

    @property
    def totals(self) -> Row:
        """All rows together."""
        return Row(
            "total",
            "",
            sum(row.calls for row in self.rows),
            sum(row.messages for row in self.rows),
            sum(row.bytes_sent for row in self.rows),
            sum(row.bytes_received for row in self.rows),
            sum(row.seconds for row in self.rows),
        )

    def __str__(self) -> str:
        head = ("operation", "collective", "calls", "messages", "bytes sent", "bytes received", "seconds")
        body = [
            (
                row.operation,
                row.collective,
                f"{row.calls:,}",
                f"{row.messages:,}",
                f"{row.bytes_sent:,}",
                f"{row.bytes_received:,}",
                f"{row.seconds:.6f}",
            )
            for row in (*self.rows, self.totals)
        ]
        widths = [max(len(line[k]) for line in (head, *body)) for k in range(len(head))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if k < 2 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in (head, *body)
        )


@contextmanager
def trace() -> Generator[Trace]:
    """Record the collectives of this rank inside the ``with`` block. Traces may be nested."""
    found = Trace()
    RECORDER.open.append(found._rows)
    try:
        yield found
    finally:
        # By identity: two empty traces are equal.
        RECORDER.open[:] = [rows for rows in RECORDER.open if rows is not found._rows]
