"""The limits that a budget has where nothing is small: those of ``harness.nothing_small``."""

from __future__ import annotations

from typing import Final

from benchmarks.budgets import Limits

NO_COPIES: Final = Limits(
    scatter=0,
    lookup=0,
    small=0,
    matrices=0,
    triangles=0,
    transforms=0,
    gathered=0,
    panel=8,
    replica=0,
    together=0,
)
