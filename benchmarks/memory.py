"""What a process holds in memory, as Linux counts it."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")


def resident_nbytes(field: str = "VmRSS") -> int:
    """Return what this process holds; with ``VmHWM`` the most since ``forget_peak``."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise LookupError(f"the status of a process must have the field {field}")


def forget_peak() -> int:
    """Give freed memory back, let the highest figure start anew, and return what is held."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    # Where the system forbids it, peaks are those of the process so far: too high, never too low.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return resident_nbytes()


def peak_nbytes() -> int:
    """Return the most that was held since ``forget_peak``."""
    return resident_nbytes("VmHWM")
