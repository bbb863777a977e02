"""What operations take and communicate: ``with trace() as t: ...; print(t); t.save("run.json")``."""

from __future__ import annotations

from array_api_dist.collectives.trace import CollectiveRow, Row, Trace, join_timelines, trace

__all__ = ["CollectiveRow", "Row", "Trace", "join_timelines", "trace"]
