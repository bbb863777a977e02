"""What all tests share: marks, the header, and how Hypothesis chooses examples.

Under mpirun, `conformance.lockstep` (which tests/run.py loads) keeps the ranks together.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings
from mpi4py import MPI

from array_api_dist._device import DEVICE_VARIABLE

pytest.register_assert_rewrite("harness", "cases", "standard")

# Where Hypothesis keeps the settings of a test; its own `settings` decorator writes there.
SETTINGS = "_hypothesis_internal_use_settings"

_MPI_TESTS = Path(__file__).parent / "mpi"

settings.register_profile("own", max_examples=50, derandomize=True, deadline=None, database=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--times", type=int, default=1, help="draw as many times the Hypothesis examples of each test"
    )


def pytest_configure(config: pytest.Config) -> None:
    seed = config.getoption("hypothesis_seed")
    settings.register_profile("own", settings.get_profile("own"), derandomize=seed is None)
    settings.load_profile("own")


def pytest_report_header(config: pytest.Config) -> list[str]:
    library = MPI.Get_library_version().split(",")[0].splitlines()[0]
    threads = os.environ.get("OMP_NUM_THREADS", "-")
    seed = config.getoption("hypothesis_seed")
    examples = (
        "those of every run (others: --hypothesis-seed N)" if seed is None else f"--hypothesis-seed {seed}"
    )
    return [f"ranks: {MPI.COMM_WORLD.size}, {library}, OMP_NUM_THREADS={threads}", f"examples: {examples}"]


@pytest.fixture
def host_memory() -> None:
    """The test counts bytes that the host's kernels take.

    Staging takes buffers besides, and CUDA's libraries have workspaces and sizes of blocks of their own.
    """
    kind = os.environ.get(DEVICE_VARIABLE, "cpu")
    if kind != "cpu":
        pytest.skip(f"counts what kernels of the host allocate, not those of {kind}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is made to run under any number of ranks; draw more examples where that is asked for."""
    times = config.getoption("--times")
    functions = {getattr(item, "obj", None) for item in items}
    for function in functions if times != 1 else ():
        if is_hypothesis_test(function):
            chosen = getattr(function, SETTINGS, settings.default)
            setattr(function, SETTINGS, settings(chosen, max_examples=times * chosen.max_examples))
    for item in items:
        if _MPI_TESTS in item.path.parents:
            item.add_marker(pytest.mark.mpi)
