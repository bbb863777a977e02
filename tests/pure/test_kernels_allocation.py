"""Memory that was freed is used again, and what the environment says of the allocator is left alone."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import resource
import torch
from array_api_dist.kernels import allocation
{before}
x = torch.ones(3 << 20, dtype=torch.float64)
for _ in range(3):
    x * 2
start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    x * 2 + x
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)
"""


def faults(before: str, **variables: str) -> int:
    """Return how many pages a process touches for the first time in 20 sums of 24 MiB."""
    inherited = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_freed_memory_is_used_again_without_a_first_touch() -> None:
    assert faults("allocation.keep_pages()") < 5000


def test_the_environment_wins_over_the_package() -> None:
    says_no = {"THP_MEM_ALLOC_ENABLE": "0", "MALLOC_MMAP_THRESHOLD_": "1000000", "OMP_NUM_THREADS": "1"}
    # How many faults fresh memory takes depends on the system's own pages: as many as without the package.
    assert faults("allocation.keep_pages()", **says_no) >= 0.9 * faults("", **says_no)
