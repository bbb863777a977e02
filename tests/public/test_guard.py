"""A job whose ranks part ends, soon and with a reason; one whose ranks only end at different times goes well."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from conformance.launch import environment, mpiexec

PREFACE = """
import sys, time
import array_api_dist as xp
from array_api_dist.partition import repartition
x = repartition(xp.arange(10), 0)
rank = x.device.rank
"""


def run(program: str, **variables: str) -> tuple[int, str, float]:
    started = time.monotonic()
    done = subprocess.run(
        [*mpiexec(2), sys.executable, "-c", PREFACE + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(variables),
        cwd=Path(__file__).parents[2],
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - started


def test_an_exception_on_one_rank_ends_the_job_with_its_traceback() -> None:
    status, output, _ = run("if rank == 1: raise KeyError('the reason')\nprint(float(xp.sum(x)))")
    assert status != 0
    assert "[rank 1] KeyError: 'the reason'" in output


IN_A_THREAD = """
from threading import Thread
def work():
    {before}
    if rank == 1: raise KeyError('the reason')
thread = Thread(target=work)
thread.start()
thread.join()
print("sum", float(xp.sum(x)))
"""


def test_an_exception_in_the_thread_of_the_collectives_ends_the_job_with_its_traceback() -> None:
    status, output, _ = run(IN_A_THREAD.format(before="x.device.take_over()"))
    assert status != 0
    assert "[rank 1] KeyError: 'the reason'" in output


def test_an_exception_in_another_thread_ends_that_thread_alone() -> None:
    status, output, _ = run(IN_A_THREAD.format(before="pass"))
    assert status == 0, output
    assert "KeyError: 'the reason'" in output
    assert output.count("sum 45.0") == 2


def test_an_exit_with_an_error_on_one_rank_ends_the_job() -> None:
    status, output, _ = run("if rank == 1: sys.exit(3)\nprint(float(xp.sum(x)))")
    assert status != 0
    assert "[rank 1] ended with status 3 while others go on" in output


def test_a_rank_that_ended_well_waits_for_a_slower_one() -> None:
    status, output, seconds = run(
        "from array_api_dist.collectives import guard\nguard.NOTICE_SECONDS = 1\n"
        "if rank == 0: time.sleep(7)\nprint('done', rank)"
    )
    assert status == 0, output
    assert output.count("[rank 1] has ended and waits for ranks that go on") == 1
    assert output.count("done") == 2
    assert seconds > 7


def test_lockstep_names_both_sides_of_a_difference() -> None:
    program = "xp.sum(x) if rank == 0 else xp.cumulative_sum(x)"
    status, output, _ = run(program, ARRAY_API_DIST_LOCKSTEP="1")
    assert status != 0
    assert "out of step" in output
    assert "allreduce" in output
    assert "exscan" in output


KILLED = """
import os
from array_api_dist import io
write = io._write_part
def die(target, block):
    write(target, block)
    os.kill(os.getpid(), {number})
io.save_hdf5({path!r}, "kept", xp.arange(1000))
io.save_hdf5({path!r}, "x", x)
if rank == {rank}: io._write_part = die
io.save_hdf5({path!r}, "x", x + 1)
print("saved")
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_job_killed_while_it_saves_leaves_the_old_file_whole(tmp_path: Path, rank: int) -> None:
    path = tmp_path / "a.h5"
    status, output, _ = run(KILLED.format(path=str(path), rank=rank, number=int(signal.SIGKILL)))
    assert status != 0
    assert "saved" not in output
    with h5py.File(str(path), "r") as file:
        np.testing.assert_array_equal(file["x"][()], np.arange(10))
        np.testing.assert_array_equal(file["kept"][()], np.arange(1000))
