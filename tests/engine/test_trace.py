"""What a trace tells: operations, their collectives, their memory, and a timeline; and that it costs nothing when off."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from types import FunctionType

import pytest
from harness import on_ranks

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._device import Device
from array_api_dist.collectives import memory, recorder
from array_api_dist.collectives.instrument import NOT_OPERATIONS, operations
from array_api_dist.collectives.protocol import Communicator
from array_api_dist.collectives.recorder import OUTSIDE
from array_api_dist.collectives.threaded import run_ranks
from array_api_dist.io import load_hdf5, save_hdf5
from array_api_dist.local import from_callback, from_local, to_local
from array_api_dist.partition import default_partition, repartition
from array_api_dist.trace import Row, Trace, join_timelines, trace

N = 1000


def _calls(found: Trace) -> dict[str, int]:
    return {row.operation: row.calls for row in found.rows}


def _row(found: Trace, operation: str) -> Row:
    (row,) = [row for row in found.rows if row.operation == operation]
    return row


# ---- which operations


def test_every_public_function_is_an_operation() -> None:
    names = {name for name in xp.__all__ if isinstance(getattr(xp, name), FunctionType)}
    names -= {"__array_namespace_info__"}
    for prefix in ("linalg", "fft"):
        space = getattr(xp, prefix)
        names |= {f"{prefix}.{name}" for name in space.__all__ if not hasattr(xp, name) or name == "trace"}
    helpers = {f.__name__ for f in (repartition, from_local, to_local, from_callback, load_hdf5, save_hdf5)}
    methods = {name for name, member in vars(Array).items() if isinstance(member, FunctionType)}
    methods = {name for name in methods if name.startswith("__") or not name.startswith("_")}
    missing = (names | helpers | methods | {"T", "mT"}) - NOT_OPERATIONS - set(operations())
    assert missing == set()


def test_functions_are_their_own_while_no_trace_is_open() -> None:
    before = {
        name: (function.__code__, inspect.signature(function)) for name, function in operations().items()
    }
    with trace():
        assert all(function.__code__ is not before[name][0] for name, function in operations().items())
        assert all(inspect.signature(function) == before[name][1] for name, function in operations().items())
    after = {
        name: (function.__code__, inspect.signature(function)) for name, function in operations().items()
    }
    assert all(after[name][0] is code for name, (code, _) in before.items())
    assert after == before
    assert not [name for name, function in operations().items() if hasattr(function, "__signature__")]
    # What can't be switched would be left out in silence.
    assert not [name for name, (code, _) in before.items() if code.co_freevars]


def test_functions_imported_before_and_defaults_are_kept() -> None:
    add, x = xp.add, xp.asarray([3.0, 1.0, 2.0])
    with trace() as found:
        add(x, x)
        assert xp.sort(x, descending=True).shape == (3,)
        assert float(xp.sum(x)) == 6.0
        assert float(x[0]) == 3.0
    assert _calls(found) == {"add": 1, "sort": 1, "sum": 1, "__float__": 2, "__getitem__": 1}


def test_operations_without_communication_are_listed() -> None:
    x = xp.ones((4, 4))
    with trace() as found:
        x + x
        x + x
        assert x.T.shape == (4, 4)
        xp.result_type(x, xp.float32)
        xp.linalg.qr(x)
    assert _calls(found) == {"__add__": 2, "T": 1, "result_type": 1, "linalg.qr": 1}
    assert found.totals.calls == 5
    assert found.totals.messages == found.totals.bytes_sent == found.totals.bytes_received == 0
    assert found.collectives == []
    assert all(row.seconds > 0 for row in found.rows)


def test_metadata_and_looking_are_no_operations() -> None:
    x = xp.ones((4, 4))
    with trace() as found:
        assert (x.shape, len(x), x.dtype, x.partition.axis) == ((4, 4), 4, xp.float64, None)
        assert repr(x)
        assert x._repr_html_()
    assert found.rows == []
    assert found.totals == Row("total")


def test_what_an_operation_calls_counts_as_part_of_it() -> None:
    with trace() as found:
        x = from_callback((6,), lambda index: to_local(xp.ones(6) + xp.ones(6))[index])
    assert float(x[0]) == 2.0
    assert _calls(found) == {"from_callback": 1}


# ---- counting


def test_counts_belong_to_the_operation_and_to_its_collectives() -> None:
    def body(device: Device) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        x = xp.ones((12, 3), device=device)
        x = repartition(x, 0)
        with trace() as found:
            xp.sum(x, axis=0)
            xp.sum(x, axis=1)
            repartition(x, None)
        return (
            [
                (row.operation, row.calls, row.messages, row.bytes_sent, row.bytes_received)
                for row in found.rows
            ],
            [
                (row.operation, row.collective, row.calls, row.messages, row.bytes_sent, row.bytes_received)
                for row in found.collectives
            ],
        )

    for rows, collectives in on_ranks(4, body):
        assert rows == [("sum", 2, 1, 24, 24), ("repartition", 1, 1, 72, 216)]
        assert collectives == [
            ("sum", "allreduce", 1, 1, 24, 24),
            ("repartition", "allgather", 1, 1, 72, 216),
        ]


def test_a_collective_of_no_operation_is_told_apart() -> None:
    def body(device: Device) -> None:
        with trace() as found:
            device.communicator.barrier()
        row = _row(found, OUTSIDE)
        assert (row.calls, row.messages, row.peak_extra_bytes) == (0, 1, None)
        assert row.seconds == found.collectives[0].seconds > 0

    on_ranks(2, body)


def test_each_trace_sees_what_is_inside_it() -> None:
    x = xp.ones(3)
    with trace() as outer:
        x + x
        with trace() as inner:
            x * x
        x - x
    assert _calls(outer) == {"__add__": 1, "__mul__": 1, "__sub__": 1}
    assert _calls(inner) == {"__mul__": 1}


def test_each_thread_has_its_own() -> None:
    def body(device: Device) -> dict[str, int]:
        x = xp.ones(3, device=device)
        if device.rank == 0:
            x - x
            return {}
        with trace() as found:
            x + x
        return _calls(found)

    assert on_ranks(3, body) == [{}, {"__add__": 1}, {"__add__": 1}]


def test_an_operation_that_fails_is_counted_and_the_next_one_too() -> None:
    x = xp.ones(3)
    with trace() as found:
        with pytest.raises(ValueError, match="axis must lie in"):
            xp.sum(x, axis=5)
        xp.sum(x)
    assert _calls(found) == {"sum": 2}
    assert [event.error for event in found._log.events] == ["AxisError", ""]


def test_a_handled_error_is_not_the_operations() -> None:
    x = xp.ones(3)
    with trace() as found:
        try:
            {}["nothing"]
        except KeyError:
            xp.sum(x)
    assert [event.error for event in found._log.events] == [""]


def test_a_trace_that_an_error_leaves_is_closed() -> None:
    own = xp.sum.__code__
    with pytest.raises(KeyError), trace() as found:
        raise KeyError
    assert xp.sum.__code__ is own
    xp.sum(xp.ones(3))
    assert found.rows == []


# ---- memory


@pytest.mark.usefixtures("host_memory")
def test_the_peak_of_known_operations() -> None:
    x, y = xp.ones((N, N)), xp.ones((N, 10))
    whole = N * N * 8
    with trace() as found:
        x + x
        xp.exp(x)
        x @ y
        assert x.T.shape == (N, N)
        x += x
        xp.zeros((N, 3), dtype=xp.float32)
        copied = x[1:, :]
        copied[0, 0] = 1.0
        xp.sort(y, axis=0)
    peaks = {row.operation: row.peak_extra_bytes for row in found.rows}
    assert peaks["__add__"] == peaks["exp"] == whole
    assert peaks["__iadd__"] == 0
    assert peaks["__matmul__"] == N * 10 * 8
    assert peaks["T"] == peaks["__getitem__"] == 0
    assert peaks["zeros"] == N * 3 * 4
    assert whole - N * 8 <= (peaks["__setitem__"] or 0) <= whole
    assert N * 10 * 8 <= (peaks["sort"] or 0) <= 2 * N * 10 * 8
    assert found.totals.peak_extra_bytes == whole


def test_the_peak_sees_what_a_kernel_allocates_inside() -> None:
    x = xp.ones((N, 20))
    with trace() as found:
        xp.linalg.svd(x, full_matrices=False)
    # The factors, and the copy of its input that LAPACK overwrites.
    assert (found.rows[0].peak_extra_bytes or 0) >= 2 * N * 20 * 8


@pytest.mark.usefixtures("host_memory")
def test_the_peak_is_that_of_one_call() -> None:
    x = xp.ones(N)
    with trace() as found:
        kept = [x + x for _ in range(3)]
    assert len(kept) == 3
    assert _row(found, "__add__").peak_extra_bytes == N * 8


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_peak_of_an_exchange_is_its_result_and_the_buffers_in_use(ranks: int) -> None:
    part, buffers = 512 * 512 * 8 // ranks, 1 << 16

    def body(communicator: Communicator) -> list[int | None]:
        device = Device("cpu", comm=communicator)
        x = repartition(xp.ones((512, 512), device=device), 0)
        peaks = []
        for _ in range(3):
            with trace() as found:
                repartition(x, 1)
            peaks.append(found.rows[0].peak_extra_bytes)
        return peaks

    for first, *later in run_ranks(ranks, body, buffer_nbytes=buffers):
        # What the communicator kept since the first call counts again while it is in use.
        assert later == [first, first]
        assert first is not None
        # A message for each peer and one from each.
        assert part < first <= part + 2 * (ranks - 1) * buffers


@pytest.mark.usefixtures("host_memory")
def test_the_peak_of_an_allgather_is_the_whole_array() -> None:
    def body(device: Device) -> int | None:
        x = repartition(xp.ones((512, 512), device=device), 0)
        with trace() as found:
            repartition(x, None)
        return found.totals.peak_extra_bytes

    assert all(512 * 512 * 8 <= (peak or 0) <= 2 * 512 * 512 * 8 for peak in on_ranks(2, body))


def test_under_a_profiler_of_the_users_there_is_no_peak() -> None:
    x = xp.ones(N)
    memory._begin()
    try:
        with trace() as found:
            x + x
    finally:
        memory._end()
    assert found.rows[0].calls == 1
    assert found.rows[0].peak_extra_bytes is None
    assert str(found).splitlines()[1].endswith("-")


def test_a_trace_changes_no_copy_on_write() -> None:
    with trace():
        x = xp.zeros(4)
        x[0] = 1.0
        before = x._block.local.data_ptr()
        x[1] = 1.0
        assert x._block.local.data_ptr() == before
        y = x[:2]
        x[0] = 5.0
    assert float(y[0]) == 1.0


# ---- telling


def test_the_table_is_aligned_and_ends_with_the_total() -> None:
    def body(device: Device) -> str:
        x = repartition(xp.ones((12, 3), device=device), 0)
        with trace() as found:
            xp.sum(x, axis=0)
            x + x
        return str(found)

    for told in on_ranks(2, body):
        operations, collectives = (part.splitlines() for part in told.split("\n\n"))
        assert [line.split()[0] for line in operations] == ["operation", "sum", "__add__", "total"]
        assert operations[0].split()[-3:] == ["peak", "extra", "bytes"]
        assert len({len(line) for line in operations}) == 1
        assert collectives[1].split()[:4] == ["sum", "allreduce", "1", "1"]


def test_the_timeline_has_a_lane_a_rank_with_collectives_inside_operations(tmp_path: Path) -> None:
    path = tmp_path / "run.json"

    def body(device: Device) -> Path:
        x = repartition(xp.ones((12, 3), device=device), 0)
        with trace() as found:
            xp.sum(x, axis=0)
            with pytest.raises(ValueError, match="axis must lie in"):
                xp.sum(x, axis=2)
        return found.save(path)

    assert on_ranks(2, body) == [tmp_path / "run.rank-0.json", tmp_path / "run.rank-1.json"]
    for rank in range(2):
        document = json.loads((tmp_path / f"run.rank-{rank}.json").read_text())
        lane = document["traceEvents"]
        assert {event["pid"] for event in lane} == {rank}
        assert lane[0]["args"] == {"name": f"rank {rank}"}
        whole, part, failed = [event for event in lane if event["ph"] == "X"]
        assert (whole["name"], part["name"], failed["args"]["error"]) == ("sum", "allreduce", "AxisError")
        assert whole["ts"] <= part["ts"]
        assert part["ts"] + part["dur"] <= whole["ts"] + whole["dur"] <= failed["ts"]
        assert part["args"] == {
            "messages": 1, "bytes sent": 24, "bytes received": 24, "operation": "sum",
        }  # fmt: skip
    assert join_timelines(path) == path
    assert {event["pid"] for event in json.loads(path.read_text())["traceEvents"]} == {0, 1}
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "run.json",
        "run.rank-0.json",
        "run.rank-1.json",
    ]


def test_a_timeline_of_missing_ranks_is_refused(tmp_path: Path) -> None:
    def body(device: Device) -> None:
        with trace() as found:
            pass
        if device.rank == 0:
            found.save(tmp_path / "run.json")

    on_ranks(2, body)
    with pytest.raises(FileNotFoundError, match="rank-1"):
        join_timelines(tmp_path / "run.json")


def test_a_timeline_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trace() as found:
        xp.ones(3)
    path = found.save(tmp_path / "run.json")
    before = path.read_text()

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="no space left"):
        found.save(tmp_path / "run.json")
    assert [each.read_text() for each in tmp_path.iterdir()] == [before]


def test_a_long_trace_keeps_the_first_events_and_counts_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "EVENTS_LIMIT", 2)
    with trace() as found:
        for _ in range(5):
            xp.ones(3)
    assert _calls(found) == {"ones": 5}
    document = json.loads(found.save(tmp_path / "run.json").read_text())
    assert document["otherData"]["events_left_out"] == 3
    assert len([event for event in document["traceEvents"] if event["ph"] == "X"]) == 2


def test_a_placement_inside_a_trace_still_holds() -> None:
    with trace() as found, default_partition("first"):
        assert xp.ones(4).partition.axis == 0
    assert _calls(found) == {"ones": 1}
