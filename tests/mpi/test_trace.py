"""A trace under mpirun: exact counts on every rank, looking on one rank alone, one timeline of all ranks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import array_api_dist as xp
from array_api_dist.partition import repartition
from array_api_dist.trace import join_timelines, trace

DEVICE = xp.__array_namespace_info__().default_device()
RANK, RANKS = DEVICE.rank, DEVICE.ranks
ROWS = 6 * RANKS


def test_counts_are_exact_on_every_rank() -> None:
    x = repartition(xp.ones((ROWS, 3)), 0)
    with trace() as found:
        xp.mean(x, axis=1)
        total = xp.sum(x, axis=0)
        repartition(x, None)
    rows = [
        (row.operation, row.calls, row.messages, row.bytes_sent, row.bytes_received) for row in found.rows
    ]
    others = RANKS - 1
    gathers = 1 if others else 0
    assert rows == [
        ("mean", 1, 0, 0, 0),
        ("sum", 1, 1, 24, 24),
        ("repartition", 1, gathers, gathers * 144, others * 144),
    ]
    np.testing.assert_array_equal(np.asarray(total), np.full(3, ROWS))


@pytest.mark.usefixtures("host_memory")
def test_a_part_for_a_part_takes_its_size() -> None:
    x = repartition(xp.ones((ROWS, 50)), 0)
    with trace() as found:
        x + x
        xp.exp(x)
    assert [row.peak_extra_bytes for row in found.rows] == [6 * 50 * 8] * 2


@pytest.mark.mpi(min_size=2)
@pytest.mark.usefixtures("host_memory")
def test_the_peak_of_an_exchange_is_the_new_part_and_the_buffers_in_use() -> None:
    x = repartition(xp.ones((ROWS, 64 * RANKS)), 0)
    with trace() as found:
        repartition(repartition(x, 1), 0)
    part, peak = ROWS * 64 * 8, found.totals.peak_extra_bytes
    assert peak is not None
    # Less than a part leaves, and less than a part comes.
    assert part < peak < 3 * part


def test_one_rank_may_trace_alone(mpi_tmp_path: Path) -> None:
    x = repartition(xp.ones((ROWS, 3)), 0)
    if RANK == RANKS - 1:
        with trace() as found:
            xp.sum(x, axis=0)
        assert "allreduce" in str(found)
        saved = found.save(mpi_tmp_path / "alone.json")
        assert saved.name == f"alone.rank-{RANK}.json"
        assert json.loads(saved.read_text())["otherData"] == {
            "rank": RANK, "ranks": RANKS, "events_left_out": 0,
        }  # fmt: skip
    else:
        xp.sum(x, axis=0)


def test_the_ranks_lanes_make_one_timeline(mpi_tmp_path: Path) -> None:
    path = mpi_tmp_path / "run.json"
    x = repartition(xp.ones((ROWS, 3)), 0)
    with trace() as found:
        xp.sum(x, axis=0)
    found.save(path)
    DEVICE.communicator.barrier()
    if RANK == 0:
        lanes = json.loads(join_timelines(path).read_text())["traceEvents"]
        assert [event["pid"] for event in lanes if event["name"] == "sum"] == list(range(RANKS))
        sums = [(event["ts"], event["ts"] + event["dur"]) for event in lanes if event["name"] == "sum"]
        # An allreduce ends nowhere before it has begun everywhere: so the lanes show it, on one clock.
        assert max(start for start, _ in sums) <= min(end for _, end in sums) + 1e4
    DEVICE.communicator.barrier()
