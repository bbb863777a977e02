"""How host memory is got: pages that were touched once are kept, and large tensors get huge ones.

A fresh page costs more than what is written to it: without this, the sum of two large arrays is 7 parts page faults and
1 part addition.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

MAPPED_NBYTES: Final = 1 << 25
"""From this size on, memory comes straight from the system and goes back to it: the most that glibc allows."""

KEPT_NBYTES: Final = 1 << 27
"""How much free memory a rank keeps to use again."""

_HUGE_PAGES: Final = "THP_MEM_ALLOC_ENABLE"
_TUNED_BY: Final = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


def keep_pages() -> None:
    """Tune the allocator of this process, where it is glibc's; what the environment says of it wins."""
    # torch reads it when it first allocates 2 MiB; the system grants huge pages where it has them to give.
    os.environ.setdefault(_HUGE_PAGES, "1")
    if sys.platform != "linux" or any(name in os.environ for name in _TUNED_BY):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, MAPPED_NBYTES)
    mallopt(_M_TRIM_THRESHOLD, KEPT_NBYTES)
