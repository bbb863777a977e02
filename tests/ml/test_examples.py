"""The worked examples, on the flights themselves: on two ranks the answers of NumPy, and a picture."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from spaces import RANKS

from conformance.launch import environment, mpiexec

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


@pytest.mark.parametrize("namespace", ["array_api_dist", "numpy"])
@pytest.mark.parametrize("shape", [(300, 20), (18,)], ids=str)
def test_a_file_of_other_columns_is_refused(tmp_path: Path, shape: tuple[int, ...], namespace: str) -> None:
    flights = tmp_path / "others.h5"
    with h5py.File(flights, "w") as file:
        file["flights"] = np.random.default_rng(1).normal(size=shape)
    options = ("--file", str(flights), "--output", str(tmp_path), "--xp", namespace, "--ranks", "1")
    done = run("lasso_path.py", *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"the flights are a table of 18 columns, got a data set of shape {shape}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lasso_path.py", "--ranks", "0"], "must be at least 1, got 0"),
        (["pipeline.py", "--ranks", "two"], "invalid integer value: 'two'"),
        (["collectives.py", "--ranks", "2,0"], "must be at least 1, got 0"),
        (
            ["pipeline.py", "--xp", "math"],
            "an array namespace has the standard's functions, math has no asarray",
        ),
        (["lasso_path.py", "--output", f"{__file__}/below"], "Not a directory"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_unfit_options_are_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == 2
    assert told in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_results_that_cannot_be_written_are_told_under_mpirun(tmp_path: Path) -> None:
    flights = tmp_path / "flights.h5"
    with h5py.File(flights, "w") as file:
        file["flights"] = np.random.default_rng(1).normal(size=(300, 18))
    program = [str(DEMO / "lasso_path.py"), "--file", str(flights), "--output", str(flights / "below")]
    variables = {"PYTHONPATH": os.pathsep.join([str(DEMO.parents[1]), str(DEMO.parent)])}
    done = subprocess.run(
        [*mpiexec(2), sys.executable, *program],
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Not a directory" in done.stdout
