"""Collectives come from one thread of each rank; those of another are refused on every rank, and none waits."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from mpi4py import MPI

import array_api_dist as xp
from array_api_dist.collectives import Communicator, Operator, Piece, operators
from array_api_dist.collectives.threaded import run_ranks
from array_api_dist.device import Device
from array_api_dist.partition import default_partition

WORLD = MPI.COMM_WORLD


def refusal(owner: str, collective: str, other: str) -> str:
    return rf"from one thread of each rank.*that is '{re.escape(owner)}', got {collective} from '{other}'"


def spread() -> Any:
    with default_partition("first"):
        return xp.asarray(np.arange(20.0))


def elsewhere(body: Callable[[], Any], name: str = "other") -> Any:
    """Return what ``body`` gives in a thread of its own, or raise what it raises."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(body())
        except Exception as error:  # noqa: BLE001 - raised again by the caller's thread
            found.append(error)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


@pytest.mark.mpi(min_size=2)
def test_a_collective_of_another_thread_is_refused_and_names_both() -> None:
    x = spread()
    for act, collective in (
        (lambda: xp.sum(x), "allreduce"),
        (lambda: xp.cumulative_sum(x), "exscan"),
        (lambda: np.asarray(x), "allgather"),
        (lambda: xp.sort(x), "[a-z_]+"),
        (lambda: x[::-1], "exchange"),
    ):
        with pytest.raises(RuntimeError, match=refusal("MainThread", collective, "other")):
            elsewhere(act)
    assert float(xp.sum(x)) == 190.0


@pytest.mark.mpi(min_size=2)
def test_of_many_threads_at_once_each_is_refused() -> None:
    x = spread()
    with ThreadPoolExecutor(4) as pool:
        errors = [pool.submit(xp.sum, x * number).exception() for number in range(16)]
    assert all(isinstance(error, RuntimeError) for error in errors)
    assert float(xp.sum(x)) == 190.0


def test_what_communicates_nothing_runs_in_any_thread() -> None:
    x = spread()
    doubled = elsewhere(lambda: x + x)
    assert float(xp.sum(doubled)) == 380.0
    assert elsewhere(lambda: repr(doubled)) == repr(doubled)


def test_a_thread_takes_over_and_the_main_thread_takes_back() -> None:
    x = spread()
    with ThreadPoolExecutor(1, "worker", x.device.take_over) as pool:
        assert pool.submit(lambda: float(xp.sum(x))).result() == 190.0
        if WORLD.size > 1:
            with pytest.raises(RuntimeError, match=refusal("worker_0", "allreduce", "MainThread")):
                xp.sum(x)
    if WORLD.size > 1:
        # It has ended; whether it has is not the same at the same time on every rank, so it hands nothing over.
        with pytest.raises(RuntimeError, match="worker_0"):
            xp.sum(x)
    x.device.take_over()
    assert float(xp.sum(x)) == 190.0


def test_a_thread_that_makes_a_device_over_its_own_communicator_uses_it() -> None:
    comm = WORLD.Dup()

    def work() -> float:
        with default_partition("first"):
            return float(xp.sum(xp.ones(9, device=Device("cpu", comm=comm))))

    assert elsewhere(work) == 9.0
    comm.Free()


def test_one_rank_alone_has_threads() -> None:
    x = xp.arange(10, device=Device("cpu", comm=MPI.COMM_SELF))
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda number: int(xp.sum(x * number)), range(40)))
    assert sums == [45 * number for number in range(40)]


CALLS: dict[str, Callable[[Communicator, torch.Tensor], object]] = {
    "barrier": lambda c, x: c.barrier(),
    "broadcast": lambda c, x: c.broadcast(x, 0),
    "allgather": lambda c, x: c.allgather(x, 0, [len(x)] * c.ranks),
    "allreduce": lambda c, x: c.allreduce((x,), operators.SUM),
    "reduce_scatter": lambda c, x: c.reduce_scatter((x,), operators.SUM, 0, [len(x)] + [0] * (c.ranks - 1)),
    "exscan": lambda c, x: c.exscan((x,), operators.SUM, (x,)),
    "exchange": lambda c, x: c.exchange([Piece(0, x)], [Piece(0, x)]),
    "exchange_counts": lambda c, x: c.exchange_counts([1] * c.ranks),
    "shift": lambda c, x: c.shift(x, x.clone()),
    "agree": lambda c, x: c.agree(None),
}


@pytest.mark.parametrize("collective", CALLS)
def test_each_collective_is_refused_to_another_thread(collective: str) -> None:
    def body(communicator: Communicator) -> None:
        mine = threading.current_thread().name
        with pytest.raises(RuntimeError, match=refusal(mine, collective, "other")):
            elsewhere(lambda: CALLS[collective](communicator, torch.ones(3)))
        communicator.barrier()

    run_ranks(2, body)


def test_nothing_is_taken_over_from_a_thread_inside_an_operation() -> None:
    def body(communicator: Communicator) -> None:
        def merge(left: Any, right: Any) -> Any:
            with pytest.raises(RuntimeError, match="is inside one, got take_over from 'other'"):
                elsewhere(communicator.take_over)
            return left

        communicator.allreduce((torch.ones(1),), Operator("first", merge))
        elsewhere(communicator.take_over)
        with pytest.raises(RuntimeError, match="that is 'other'"):
            communicator.barrier()

    run_ranks(2, body)
