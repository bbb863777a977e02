"""The worked examples, on the flights themselves: on two ranks the answers of NumPy, and a picture."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from spaces import RANKS

DEMO = Path(__file__).resolve().parents[2] / "ml" / "demo"
pytestmark = pytest.mark.skipif(RANKS > 1, reason="they start ranks of their own")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first example leaves the file of flights for the second."""
    return tmp_path_factory.mktemp("examples")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    mine = ("OMPI_", "PMIX_", "PMI_", "PRTE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    environment["PYTHONPATH"] = os.pathsep.join([str(DEMO.parents[1]), str(DEMO.parent)])
    command = [sys.executable, str(DEMO / program), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize(
    ("program", "picture", "told"),
    [
        ("pipeline.py", "pipeline.png", ["213,412 flights to learn from", "R² of the test rows", "0.83"]),
        ("lasso_path.py", "lasso-path.png", ["dep_delay", "enters at alpha", "sched_arr_time"]),
    ],
)
def test_an_example_agrees_with_numpy_on_two_ranks(
    output: Path, program: str, picture: str, told: list[str]
) -> None:
    done = run(program, "--ranks", "2", "--output", str(output))
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (*told, "they agree"):
        assert words in done.stdout
    assert (output / picture).stat().st_size > 50_000


def test_a_missing_file_is_told_once(tmp_path: Path) -> None:
    done = run("lasso_path.py", "--file", "none.h5", "--output", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout.count("existing file, got none.h5") == 1
