"""What a rank owes its peers: an error or early exit ends the whole job, cores are shared, and all choose the same loops."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Final, NoReturn

import numpy as np
import torch
from mpi4py import MPI

from array_api_dist.collectives.lockstep import Lockstep
from array_api_dist.collectives.ownership import is_owner
from array_api_dist.collectives.watch import Watch
from array_api_dist.kernels import host_loops

EXIT_PATIENCE_SECONDS: Final = 5.0
"""How long a rank that ends with an error status waits for its peers to end too before it ends the job."""

TELL_SECONDS: Final = 2.0
"""How long a rank that ended waits for its peers before it tells them."""

NOTICE_SECONDS: Final = 30.0
"""How long a rank that ended well waits for its peers before it says so, once."""


def _peers() -> list[int]:
    """Return the other ranks of the job."""
    world = MPI.COMM_WORLD
    return [rank for rank in range(world.Get_size()) if rank != world.Get_rank()]


def _abort_on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print this rank's traceback and end the job: peers may wait for this rank in a collective for ever."""
    if hasattr(sys, "ps1") or not _peers():
        # Nobody waits: an interactive session goes on, a lone process ends as usual.
        sys.__excepthook__(kind, error, trace)
        return
    rank = MPI.COMM_WORLD.Get_rank()
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stdout.flush()
    sys.stderr.write("".join(f"[rank {rank}] {line}\n" for line in text.splitlines()))
    sys.stderr.flush()
    MPI.COMM_WORLD.Abort(1)


def _abort_on_thread_exception(arguments: threading.ExceptHookArgs, /) -> None:
    """Do the same for a thread that collectives come from; others may end as they like."""
    kind, error = arguments.exc_type, arguments.exc_value
    if error is None or issubclass(kind, SystemExit) or not is_owner(arguments.thread):
        threading.__excepthook__(arguments)
        return
    _abort_on_exception(kind, error, arguments.exc_traceback)


class _Exit:
    """A call of ``sys.exit`` on the main thread: at the end nothing else tells a failure from success.

    Its SystemExit is not kept, since that keeps every frame that it passed: a token goes with it instead. The token
    dies beside other Python code where the exception was caught, and below all frames where that ended the program.
    """

    def __init__(self, status: object) -> None:
        self.status = status
        self.ended_program: bool | None = None
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
        self._outermost = frame
        self._position = frame.f_lasti

    @property
    def has_failed(self) -> bool:
        """Whether this ended the program, with another status than that of success."""
        if self.status in (None, 0):
            return False
        if self.ended_program is None:
            # Somebody keeps the exception. The outermost frame is the program: did it get beyond the call?
            return self._outermost.f_lasti == self._position
        return self.ended_program


class _Token:
    """What dies with a SystemExit."""

    def __init__(self, of: _Exit) -> None:
        self._exit = of

    def __del__(self) -> None:
        self._exit.ended_program = sys._getframe().f_back is None


_last_exit: list[_Exit] = []


def _note_status(leave: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
    """Return ``sys.exit`` that remembers what it was called with."""

    @wraps(leave)
    def noting(status: object = None, /) -> NoReturn:
        try:
            leave(status)
        except SystemExit as leaving:
            # Any other thread ends alone.
            if threading.current_thread() is threading.main_thread():
                _last_exit[:] = [_Exit(leaving.code)]
                vars(leaving)["_array_api_dist_token"] = _Token(_last_exit[0])
            raise

    return noting


_in_step: list[Lockstep] = []


def compare_at_end(lockstep: Lockstep) -> None:
    """Let the ranks that ``lockstep`` compares, which are all, compare once more when the program ends.

    The first only: peers who wait for this rank in a collective of other ranks could not be told.
    """
    if not _in_step:
        _in_step.append(lockstep)


def _compare_ends() -> None:
    """End the job where another rank is not at its end but in a collective."""
    try:
        for lockstep in _in_step:
            lockstep.check_end()
    except RuntimeError as error:
        _abort_on_exception(type(error), error, error.__traceback__)


_left: list[MPI.Intracomm] = []


def _leave_together(world: MPI.Intracomm, watch: Watch | None) -> None:
    """Wait for the other ranks to end as well; a rank that ended with an error status does so for a moment only.

    Peers of a rank that failed may wait for it in a collective for ever: then the job ends with it. Peers of one that
    ended well go on with what needs no other rank (rank 0 writes a report), for as long as they like, unless they
    come to a collective that it does not come to any more.
    """
    if MPI.Is_finalized() or _left:
        return
    _left.append(world)
    sys.stdout.flush()
    failed = bool(_last_exit) and _last_exit[0].has_failed
    if not failed:
        _compare_ends()
    request = world.Ibarrier()
    started = time.monotonic()
    has_noticed = False
    pause = 0.0001
    while not request.Test():
        waited = time.monotonic() - started
        if watch is not None and not failed and waited > TELL_SECONDS:
            watch.tell()
        if failed and waited > EXIT_PATIENCE_SECONDS:
            _say(f"ended with status {_last_exit[0].status} while others go on: ending the job")
            MPI.COMM_WORLD.Abort(1)
        if not failed and not has_noticed and waited > NOTICE_SECONDS:
            _say(
                "has ended and waits for ranks that go on: if one of them waits for it in a call of MPI, the job never "
                "ends (ARRAY_API_DIST_LOCKSTEP=1 shows where ranks part)"
            )
            has_noticed = True
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    if watch is not None:
        watch.end()


def _say(text: str) -> None:
    sys.stderr.write(f"[rank {MPI.COMM_WORLD.Get_rank()}] {text}\n")
    sys.stderr.flush()


def _own_cores() -> set[int]:
    """Return the cores that this process may run on: all, where the system (macOS) does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def share_threads() -> None:
    """Give each rank its share of the cores that the ranks of its machine may run on; OMP_NUM_THREADS wins.

    All ranks get as many as the one with the least: they wait for it anyway, and compute copies of an array alike.
    """
    node = MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED)
    # Bound ranks see their own cores only; all of the machine's are what any of them sees.
    own = _own_cores()
    cores: set[int] = set().union(*node.allgather(own))
    share = max(min(len(own), len(cores) // node.Get_size()), 1)
    node.Free()
    share = MPI.COMM_WORLD.allreduce(share, MPI.MIN)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(share)


def _settle(world: MPI.Intracomm) -> None:
    """Let all ranks choose the same loops, whatever processors and threads they have."""
    facts = np.array([torch.get_num_threads(), not host_loops.has_widest_vectors()], dtype=np.int64)
    world.Allreduce(MPI.IN_PLACE, facts, MPI.MAX)
    host_loops.settle(int(facts[0]), widest_vectors=not facts[1])


_installed: list[MPI.Intracomm] = []


def install() -> None:
    """Guard this process, once: exceptions, exits and threads. Collective."""
    if _installed:
        return
    world = MPI.COMM_WORLD.Dup()
    _installed.append(world)
    sys.excepthook = _abort_on_exception
    threading.excepthook = _abort_on_thread_exception
    sys.exit = _note_status(sys.exit)
    share_threads()
    _settle(world)
    # A thread beside the collectives' own calls MPI: as mpi4py asks for unless it is told otherwise.
    is_allowed = MPI.Query_thread() == MPI.THREAD_MULTIPLE
    watch = Watch(world) if is_allowed and _peers() else None
    # mpi4py's own finalisation is registered before, and so runs after. A program that finalizes MPI itself first has
    # the attributes of this communicator deleted (MPI 4.1, 11.2.4).
    atexit.register(_leave_together, world, watch)
    key = MPI.Comm.Create_keyval(delete_fn=lambda *_: _leave_together(world, watch))
    MPI.COMM_SELF.Set_attr(key, world)
