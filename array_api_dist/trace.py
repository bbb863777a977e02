"""What was communicated: ``with trace() as t: ...; print(t)``."""

from __future__ import annotations

from array_api_dist.collectives.trace import trace

__all__ = ["trace"]
