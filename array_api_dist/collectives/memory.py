"""How much memory an operation takes at most: torch's own record of what this thread allocates and frees."""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from typing import Any, Final

import torch

# The recorder of one thread's events behind torch.autograd.profiler_legacy: private to torch, and unknown to its stubs.
_AUTOGRAD: Final[Any] = getattr(torch._C, "_autograd", None)


@cache
def _configuration() -> object:
    """Return what asks for allocations."""
    profiler: Any = getattr(torch._C, "_profiler")  # noqa: B009 - unknown to torch's stubs
    # The state, then: shapes, memory, stacks, counts of arithmetic, modules.
    return profiler.ProfilerConfig(
        profiler.ProfilerState.CPU, False, True, False, False, False, profiler._ExperimentalConfig()
    )


def _begin() -> None:
    _AUTOGRAD._enable_profiler_legacy(_configuration())
    # Allocations only: the name and time of each kernel would double what measuring costs.
    _AUTOGRAD._enable_record_function(False)


def _end() -> list[int]:
    """Return what was allocated, and (below zero) freed, since the beginning, in order, on all processors."""
    _AUTOGRAD._enable_record_function(True)
    return [
        event.cpu_memory_usage() + event.cuda_memory_usage()
        for events in _AUTOGRAD._disable_profiler_legacy()
        for event in events
        if event.kind() == "memory_alloc"
    ]


def _is_profiled() -> bool:
    return bool(_AUTOGRAD is not None and _AUTOGRAD._profiler_enabled())


@cache
def is_measurable() -> bool:
    """Return whether this torch tells each thread of its allocations. Asked while nothing else profiles."""
    try:
        _begin()
        _ = torch.empty(1)
        return bool(_end())
    except (AttributeError, RuntimeError, TypeError):
        return False


class PeakMeter:
    """The bytes allocated at most at once on this thread, beyond those at the start."""

    __slots__ = ("_is_on", "_level", "_peak")

    def __init__(self) -> None:
        self._level = 0
        self._peak = 0
        self._is_on = False

    def start(self) -> None:
        """Measure from here on, unless this torch can't or the user's own profiler is at work on this thread."""
        self._is_on = not _is_profiled() and is_measurable()
        if self._is_on:
            _begin()

    def add(self, nbytes: int) -> None:
        """Count ``nbytes`` (below zero: fewer) that were allocated before and are taken into use, or given back."""
        if self._is_on:
            self._take_in(_end())
            self._take_in([nbytes])
            _begin()

    def stop(self) -> int | None:
        """Return the peak in bytes, or None where it could not be measured."""
        if not self._is_on:
            return None
        self._take_in(_end())
        return self._peak

    def _take_in(self, changes: list[int]) -> None:
        for level in accumulate(changes, initial=self._level):
            self._level = level
            self._peak = max(self._peak, level)
