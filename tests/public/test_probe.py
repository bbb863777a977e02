"""``python -m array_api_dist`` tells once, on any number of ranks, what it runs on and how fast that is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.launch import environment

ROOT = Path(__file__).parents[2]


def run(ranks: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run(
        [*launcher, sys.executable, "-m", "array_api_dist", "--seconds", "0.02", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment({"PYTHONPATH": str(ROOT)}),
        cwd=ROOT,
    )


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_probe_prints_one_table_and_writes_its_figures(ranks: int, tmp_path: Path) -> None:
    report = tmp_path / "probe.json"
    done = run(ranks, "--json", str(report))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("allreduce of 8 bytes") == 1
    told = json.loads(report.read_text())
    assert told["format"] == 1
    assert told["ranks"] == ranks == sum(told["ranks_per_host"].values()) == len(told["threads_per_rank"])
    assert {"torch", "mpi4py", "h5py"} <= told["versions"].keys()
    figures = told["figures"]
    between = {"exchange_seconds", "exchange_bytes_per_second", "allgather_bytes_per_second"}
    assert all((figures[name] is None) == (ranks == 1) for name in between)
    assert all(value > 0 for value in figures.values() if value is not None)


def test_a_report_that_cannot_be_written_fails_on_every_rank(tmp_path: Path) -> None:
    done = run(2, "--json", str(tmp_path / "missing" / "probe.json"))
    assert done.returncode != 0
    assert done.stderr.count("the report is written to a file in an existing directory") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
def test_a_time_that_is_none_is_a_usage_error(seconds: str) -> None:
    done = run(1, f"--seconds={seconds}")
    assert done.returncode == 2
    assert f"seconds must be a finite number, not negative, got '{seconds}'" in done.stderr
