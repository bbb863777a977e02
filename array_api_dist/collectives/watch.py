"""A rank that has ended tells the others how far it came, and one that waits for it in a collective ends the job."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from threading import Event, Thread
from typing import Final

from mpi4py import MPI

from array_api_dist.collectives.ownership import is_inside
from array_api_dist.collectives.steps import Group, all_begun, owners_ahead

PERIOD_SECONDS: Final = 1.0
"""How often a rank looks for what others tell it."""

_TAG: Final = 3


class Watch:
    """A thread that hears from ranks that have ended. The rank itself may wait in MPI, where nothing reaches it.

    Parameters
    ----------
    world : mpi4py.MPI.Intracomm
        A communicator of all ranks that nothing else receives from.
    """

    def __init__(self, world: MPI.Intracomm) -> None:
        self._world = world
        self._rank = world.Get_rank()
        self._heard: dict[int, Counter[Group]] = {}
        self._telling: list[MPI.Request] = []
        self._is_over = Event()
        self._thread = Thread(target=self._listen, name="array_api_dist.watch", daemon=True)
        self._thread.start()

    def tell(self) -> None:
        """Tell the others, once, how far this rank came, which has ended."""
        if not self._telling:
            begun = all_begun()
            others = [rank for rank in range(self._world.Get_size()) if rank != self._rank]
            self._telling = [self._world.isend(begun, rank, _TAG) for rank in others]

    def end(self) -> None:
        """Stop, when all ranks have ended. What is still on its way is received: MPI is finalized next."""
        self._is_over.set()
        self._thread.join()
        for rank, has_told in enumerate(self._world.allgather(bool(self._telling))):
            if has_told and rank != self._rank and rank not in self._heard:
                self._world.recv(source=rank, tag=_TAG)
        MPI.Request.Waitall(self._telling)

    def _listen(self) -> None:
        before: Counter[Group] = Counter()
        while not self._is_over.wait(PERIOD_SECONDS):
            status = MPI.Status()
            while self._world.Iprobe(tag=_TAG, status=status):
                rank = status.Get_source()
                self._heard[rank] = self._world.recv(source=rank, tag=_TAG)
            begun = all_begun()
            # Where collectives still begin nobody waits for good.
            if begun == before:
                self._end_job_of_waiting()
            before = begun

    def _end_job_of_waiting(self) -> None:
        for rank, theirs in self._heard.items():
            for owner in owners_ahead(rank, theirs):
                if is_inside(owner.thread):
                    _end_job(rank, owner.thread)


def _end_job(ended: int, waiting: Thread) -> None:
    stack = traceback.format_stack(sys._current_frames().get(waiting.ident or 0))
    text = f"{''.join(stack)}waits in a collective for rank {ended}, which has ended: ending the job"
    rank = MPI.COMM_WORLD.Get_rank()
    sys.stderr.write("".join(f"[rank {rank}] {line}\n" for line in text.splitlines()))
    sys.stderr.flush()
    MPI.COMM_WORLD.Abort(1)
