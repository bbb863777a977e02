"""Tables and the JSON report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Row: TypeAlias = list[str]


def table(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a plain table; the columns but the first are aligned to the right."""
    lines = [list(header), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def shown(line: Sequence[str]) -> str:
        cells = [line[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([shown(header), "  ".join("-" * width for width in widths), *map(shown, rows)])
