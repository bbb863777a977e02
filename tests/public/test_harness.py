"""The test run itself: what fails on one rank fails the job, says why, and lets the other tests run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.journal import EXIT, Outcome, Position, by_rank
from conformance.launch import Job, closing_line, environment, mpiexec, run, stuck_reason

ROOT = Path(__file__).resolve().parents[2]

MISBEHAVING = """
import os
import pytest
from hypothesis import given, strategies as st
from mpi4py import MPI

WORLD = MPI.COMM_WORLD

def test_good():
    assert WORLD.allreduce(1) == 2

def test_fails_on_one_rank():
    assert WORLD.rank == 0, "rank one is not zero"

def test_skips_on_one_rank():
    if WORLD.rank == 1:
        pytest.skip("only here")

@given(st.integers())
def test_example_fails_on_one_rank(number):
    WORLD.Barrier()
    assert WORLD.rank == 0 or number < 100

def test_fails_while_its_peer_waits():
    if WORLD.rank == 1:
        raise ValueError("the reason of rank one")
    WORLD.Barrier()

def test_hangs_on_one_rank():
    if WORLD.rank == 0:
        WORLD.Barrier()

def test_dies_on_one_rank():
    if WORLD.rank == 1:
        os._exit(3)
    WORLD.Barrier()

def test_good_at_the_end():
    assert WORLD.allreduce(1) == 2
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    directory = tmp_path_factory.mktemp("harness")
    (directory / "test_misbehaving.py").write_text(MISBEHAVING, encoding="utf-8")
    variables = {"PYTHONPATH": str(ROOT)}
    arguments = ["-p", "no:cacheprovider", "--rootdir", str(directory), "test_misbehaving.py"]
    return Job(2, arguments, directory / "journal", directory, variables, limit=6.0, grace=2.0)


def test_every_misbehaviour_is_a_failure_with_its_reason(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = {outcome.test.rpartition("::")[2]: outcome for outcome in run(job)}
    printed = capfd.readouterr().out

    good = {"test_good", "test_good_at_the_end"}
    assert {name for name, outcome in outcomes.items() if outcome.outcome == "passed"} == good
    assert {name for name, outcome in outcomes.items() if outcome.outcome == "failed"} == {
        line[4 : line.index("(")] for line in MISBEHAVING.splitlines() if line.startswith("def test_")
    } - good
    assert "rank one is not zero" in outcomes["test_fails_on_one_rank"].details
    assert "rank 1 of 2:\n(skipped)" in outcomes["test_skips_on_one_rank"].details
    assert "number=100" in outcomes["test_example_fails_on_one_rank"].details
    assert "ValueError: the reason of rank one" in printed
    assert "in test_fails_while_its_peer_waits" in printed  # the stack of rank 0
    assert "in test_hangs_on_one_rank" in printed
    assert "did not get on for 6 s" in outcomes["test_hangs_on_one_rank"].message
    assert "the job ended with status" in outcomes["test_dies_on_one_rank"].message


JOB = Job(2, [], Path())
HERE = Position(0, 1, "test", "call", since=100.0)


def test_ranks_that_get_on_are_left_alone() -> None:
    peers = [HERE, replace(HERE, rank=1, since=130.0)]
    assert stuck_reason(peers, 2, 130.0, 0.0, JOB) is None
    assert stuck_reason([HERE], 2, 130.0, 100.0, JOB) is None, "the other rank may still start"


def test_ranks_that_all_ended_may_take_their_time() -> None:
    ended = replace(HERE, waiting=True, phase=EXIT, status=0)
    assert stuck_reason([ended, replace(ended, rank=1)], 2, 150.0, 0.0, JOB) is None


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        (replace(HERE, since=30.0), "did not get on for 60 s"),
        (replace(HERE, since=85.0, waiting=True), "failed, the others did not follow"),
        (replace(HERE, since=85.0, waiting=True, phase=EXIT), "ended, the others did not follow"),
    ],
)
def test_a_rank_that_waits_in_vain_ends_the_job(position: Position, reason: str) -> None:
    assert reason in str(stuck_reason([replace(HERE, rank=1), position], 2, 100.0, 0.0, JOB))


def test_ranks_that_never_start_end_the_job() -> None:
    assert "not all ranks started" in str(stuck_reason([HERE], 2, 1000.0, 0.0, JOB))


def test_equal_texts_are_told_once() -> None:
    texts = ["at 0x7f00", "at 0x1234", "", "other"]
    assert by_rank(texts) == "rank 0, 1 of 4:\nat 0x7f00\nrank 3 of 4:\nother"


def test_the_closing_line_counts_what_ended() -> None:
    outcomes = [Outcome("a", "passed"), Outcome("b", "failed"), Outcome("c", "passed")]
    assert closing_line(outcomes, 1.5).strip("=") == " 1 failed, 2 passed in 1.50s "


def test_a_job_does_not_inherit_the_marks_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMIX_RANK", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    found = environment({"EXTRA": "1"})
    assert "PMIX_RANK" not in found
    assert (found["OMP_NUM_THREADS"], found["EXTRA"]) == ("2", "1")


def test_a_clusters_launcher_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPIEXEC", "srun --mpi=pmix")
    assert mpiexec(4) == ["srun", "--mpi=pmix", "-n", "4"]
