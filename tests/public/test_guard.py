"""A job whose ranks part ends, soon and with a reason; one whose ranks only end at different times goes well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from weakref import ref

import h5py
import numpy as np
import pytest

from array_api_dist.collectives import guard
from conformance.launch import environment, mpiexec

PREFACE = """
import sys, time
import array_api_dist as xp
from array_api_dist.partition import repartition
x = repartition(xp.arange(10), 0)
rank = x.device.rank
"""
ALONE = "from array_api_dist.device import Device\nfrom mpi4py import MPI\nalone = Device('cpu', comm=MPI.COMM_SELF)\n"


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


ENDED = {
    "raise SystemExit": "if rank == 1: raise SystemExit(3)",
    "exit": "if rank == 1: exit(3)",
    "success": "if rank == 1: sys.exit(0)",
    "a hook that ends nothing": "sys.excepthook = sys.__excepthook__\nif rank == 1: raise KeyError",
    "finalization": "from mpi4py import MPI\nif rank == 1: MPI.Finalize()",
    "atexit": "import atexit\n@atexit.register\ndef last():\n    if rank == 1: raise KeyError\n    xp.sum(x)\nsys.exit()",
    "callback": "from array_api_dist.local import from_callback\n"
    "def part(index):\n    if rank == 1: raise SystemExit(0)\n    return xp.ones(5)\n"
    "from_callback(10, part, partition=0)",
    "other communicator": "from mpi4py import MPI\nfrom array_api_dist.device import Device\n"
    "x = repartition(xp.arange(10, device=Device('cpu', comm=MPI.COMM_WORLD.Dup())), 0)\nif rank == 1: sys.exit(0)",
    "other thread": "from threading import Thread\nif rank == 1: sys.exit(0)\n"
    "def work():\n    x.device.take_over()\n    xp.sum(x)\nthread = Thread(target=work)\nthread.start()\nthread.join()",
}


@pytest.mark.parametrize("how", ENDED)
def test_a_rank_that_waits_in_a_collective_for_one_that_has_ended_ends_the_job(how: str) -> None:
    status, output, seconds = run(ENDED[how] + "\nxp.sum(x)")
    assert status != 0
    assert "[rank 0] waits in a collective for rank 1, which has ended: ending the job" in output
    assert "[rank 0]   File " in output
    assert seconds < guard.NOTICE_SECONDS


def test_a_program_that_finalizes_mpi_itself_ends_well() -> None:
    status, output, _ = run(
        "from mpi4py import MPI\nxp.sum(x)\nif rank == 0: time.sleep(4)\nMPI.Finalize()\nprint('done')"
    )
    assert status == 0, output
    assert output.count("done") == 2


CAUGHT = """
from argparse import ArgumentParser
from threading import Thread
def work():
    try: sys.exit(2)
    except SystemExit: pass
    try: ArgumentParser().parse_args(["--unknown"])
    except SystemExit as leaving: kept = leaving
    thread = Thread(target=lambda: sys.exit(4))
    thread.start()
    thread.join()
    return kept
kept = work()
if rank == 1: time.sleep(7)
print("done", rank)
"""


def test_an_exit_that_was_caught_ends_nothing() -> None:
    status, output, seconds = run(CAUGHT)
    assert status == 0, output
    assert output.count("done") == 2
    assert seconds > 7


LEFT = """
import sys
from array_api_dist.collectives import guard
sys.exit = guard._note_status(sys.exit)
import atexit
atexit.register(lambda: print(bool(guard._last_exit) and guard._last_exit[0].has_failed))
def leave(status): sys.exit(status)
"""


@pytest.mark.parametrize(
    ("program", "has_failed"),
    [
        ("leave(3)", True),
        ("leave('a message')", True),
        ("leave(0)", False),
        ("leave(None)", False),
        ("try: leave(3)\nfinally: print('finally')", True),
        ("try: leave(3)\nexcept ValueError: pass", True),
        ("try: leave(3)\nexcept BaseException: raise", True),
        ("try: leave(3)\nexcept SystemExit: leave(0)", False),
        ("try: leave(3)\nexcept SystemExit: pass\nfor _ in range(3): pass", False),
        ("try: leave(3)\nexcept SystemExit: pass\nraise SystemExit", False),
        ("try: leave(3)\nexcept SystemExit as leaving: kept = leaving", False),
    ],
)
def test_an_exit_is_told_from_one_that_was_caught(program: str, has_failed: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEFT + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.splitlines()[-1] == str(has_failed), done.stderr


def test_a_caught_exit_keeps_nothing_alive() -> None:
    class Held:
        pass

    def work() -> ref[Held]:
        held = Held()
        with suppress(SystemExit):
            guard._note_status(sys.exit)(2)
        return ref(held)

    assert work()() is None
    assert guard._last_exit[0].has_failed is False


def test_a_rank_that_ended_well_waits_for_a_slower_one() -> None:
    status, output, seconds = run(
        ALONE + "from array_api_dist.collectives import guard\nguard.NOTICE_SECONDS = 1\n"
        "if rank == 0: time.sleep(7)\nelse: xp.sum(repartition(xp.arange(3, device=alone), 0))\nprint('done', rank)"
    )
    assert status == 0, output
    assert output.count("[rank 1] has ended and waits for ranks that go on") == 1
    assert output.count("done") == 2
    assert seconds > 7


def test_ranks_of_different_threads_choose_the_same_loops() -> None:
    status, output, _ = run(
        "import numpy as np, torch\nfrom mpi4py import MPI\nfrom array_api_dist.collectives import guard\n"
        "from array_api_dist.kernels import host_loops\ntorch.set_num_threads(1 + 4 * rank)\n"
        "guard._settle(MPI.COMM_WORLD)\nprint('threads', host_loops._job.threads)\n"
        "y = xp.exp(repartition(xp.linspace(-9, 9, 9999), None))\n"
        "bits = MPI.COMM_WORLD.allgather(np.asarray(y).tobytes())\nprint('equal', bits[0] == bits[1])"
    )
    assert status == 0, output
    assert output.count("threads 5") == 2
    assert output.count("equal True") == 2


def test_lockstep_names_both_sides_of_a_difference() -> None:
    program = "xp.sum(x) if rank == 0 else xp.cumulative_sum(x)"
    status, output, _ = run(program, ARRAY_API_DIST_LOCKSTEP="1")
    assert status != 0
    assert "out of step" in output
    assert "allreduce" in output
    assert "exscan" in output


def test_lockstep_sees_a_rank_that_has_come_to_its_end() -> None:
    status, output, _ = run("if rank == 0: xp.sum(x)", ARRAY_API_DIST_LOCKSTEP="1")
    assert status != 0
    assert "out of step: rank 0: allreduce" in output
    assert "rank 1: the end of the program" in output


def test_lockstep_lets_a_program_end_that_is_the_same_on_every_rank() -> None:
    status, output, _ = run("print('sum', float(xp.sum(x)))", ARRAY_API_DIST_LOCKSTEP="1")
    assert status == 0, output
    assert output.count("sum 45.0") == 2


@pytest.mark.parametrize("state", ["finalized", "not initialized"])
def test_without_a_running_mpi_the_rule_is_named(state: str) -> None:
    before = {"finalized": "MPI.Finalize()", "not initialized": ""}[state]
    program = (
        f"import mpi4py\nmpi4py.rc.initialize = {state == 'finalized'}\nfrom mpi4py import MPI\n{before}\n"
        "import array_api_dist as xp\nxp.ones(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: arrays are made between MPI's initialization and its finalization")
    assert state in last


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


def test_a_system_that_does_not_tell_a_process_s_cores_has_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert len(guard._own_cores()) == os.cpu_count()
