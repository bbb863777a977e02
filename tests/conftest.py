"""What all tests share: marks, the header, and how Hypothesis chooses examples.

Under mpirun, `conformance.lockstep` (which tests/run.py loads) keeps the ranks together.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from mpi4py import MPI

pytest.register_assert_rewrite("harness", "cases", "standard")

_MPI_TESTS = Path(__file__).parent / "mpi"

settings.register_profile("own", max_examples=50, derandomize=True, deadline=None, database=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("own")


def pytest_report_header(config: pytest.Config) -> str:
    library = MPI.Get_library_version().split(",")[0].splitlines()[0]
    return (
        f"ranks: {MPI.COMM_WORLD.size}, {library}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '-')}"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is made to run under any number of ranks."""
    for item in items:
        if _MPI_TESTS in item.path.parents:
            item.add_marker(pytest.mark.mpi)
