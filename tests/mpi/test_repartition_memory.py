"""A change of partition, a reshape and a roll take the memory of their result and a bounded buffer, whatever the layouts.

What counts is the whole process, MPI's own buffers included: Linux keeps the greatest resident size that a process
ever had (VmHWM), and sets it back to the present one when 5 is written to /proc/self/clear_refs. The difference
between VmHWM after an operation and the resident size before it is what the operation took at most, between any two
samples too. A mapped page counts once it is touched, so it is what was used, not what was asked for.

Every measurement has a communicator of its own, which has kept no buffer from an earlier one. It connects its ranks
in a small exchange first: what MPI sets up once is no cost of the operation.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import torch
from mpi4py import MPI

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist.collectives.base import BUFFER_NBYTES
from array_api_dist.device import Device
from array_api_dist.local import from_local, to_local
from array_api_dist.partition import Partition, repartition

MIB: Final = 1 << 20

ALLOWANCE_NBYTES: Final = 8 * MIB
"""For what MPI and Python take on the way, and for the kernel, which counts pages in batches."""

COLUMNS: Final = 1024

STATUS: Final = Path("/proc/self/status")
CLEAR: Final = Path("/proc/self/clear_refs")

pytestmark = [
    pytest.mark.mpi(min_size=2),
    pytest.mark.skipif(not CLEAR.exists(), reason="only Linux tells the peak of a process's memory"),
]


def status(field: str) -> int:
    """Return a size that the kernel tells of this process, in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def peak_extra(operation: Callable[[], Array]) -> tuple[Array, int, float]:
    """Return the result of an operation, the memory that the process took for it at most, and the seconds."""
    gc.collect()
    # Freed memory that the C library keeps would be used again, and not be seen.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    MPI.COMM_WORLD.Barrier()
    CLEAR.write_text("5")
    before = status("VmRSS")
    started = time.perf_counter()
    result = operation()
    seconds = time.perf_counter() - started
    return result, status("VmHWM") - before, seconds


def skewed(axis: int, length: int, ranks: int) -> Partition:
    """Return parts of which the first has an eighth, and the last nearly all of the rest."""
    inner = [length // 8 + rank for rank in range(ranks - 1)]
    return Partition(axis, (0, *inner, length))


def values_at(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return rows.to(torch.float64)[:, None] * COLUMNS + columns


def made(rows: int, partition: Partition | None, device: Device) -> Array:
    """Return the array whose elements number themselves, made in place: no rank ever holds more than its part."""
    row_slice, column_slice = (slice(0, rows), slice(0, COLUMNS))
    if partition is not None:
        row_slice, column_slice = (
            slice(*partition.interval(device.rank)) if axis == partition.axis else whole
            for axis, whole in enumerate((row_slice, column_slice))
        )
    local = torch.empty(
        (row_slice.stop - row_slice.start, column_slice.stop - column_slice.start), dtype=torch.float64
    )
    columns = torch.arange(column_slice.start, column_slice.stop)
    for start in range(0, local.shape[0], 1024):
        block = local[start : start + 1024]
        first = row_slice.start + start
        rows_here = torch.arange(first, first + block.shape[0], dtype=torch.float64) * COLUMNS
        torch.add(rows_here[:, None], columns, out=block)
    axis = None if partition is None else partition.axis
    return from_local(local, axis, device=device, copy=False)


def assert_numbered(x: Array) -> None:
    """Check every 997th row of this rank's part."""
    local, partition = to_local(x), x.partition
    first = [partition.offset(x.device.rank) if axis == partition.axis else 0 for axis in range(2)]
    some = torch.arange(0, local.shape[0], 997)
    columns = torch.arange(first[1], first[1] + local.shape[1])
    assert torch.equal(local[some], values_at(some + first[0], columns))


def even(axis: int, length: int, ranks: int) -> Partition:
    return Partition.even(axis, length, ranks)


LAYOUTS: Final = {
    "rows to columns": ((even, 0), (even, 1)),
    "columns to rows": ((even, 1), (even, 0)),
    "even to uneven rows": ((even, 0), (skewed, 0)),
    "uneven to even rows": ((skewed, 0), (even, 0)),
    "even to uneven columns": ((even, 1), (skewed, 1)),
    "uneven rows to uneven columns": ((skewed, 0), (skewed, 1)),
    "rows to a copy on every rank": ((even, 0), None),
    "columns to a copy on every rank": ((even, 1), None),
}


CASES: Final = [
    *(
        pytest.param(LAYOUTS[name], 256 * MIB, id=f"{name}, 256 MiB")
        for name in ("rows to columns", "even to uneven columns", "columns to a copy on every rank")
    ),
    *(
        pytest.param(layouts, 1024 * MIB, id=f"{name}, 1 GiB", marks=pytest.mark.slow)
        for name, layouts in LAYOUTS.items()
    ),
]


@pytest.mark.parametrize(("layouts", "nbytes"), CASES)
def test_repartition_takes_its_result_and_a_bounded_buffer(
    layouts, nbytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    device = Device("cpu", comm=MPI.COMM_WORLD.Dup())
    shape = (nbytes // (8 * COLUMNS), COLUMNS)
    source, target = (
        None if layout is None else layout[0](layout[1], shape[layout[1]], device.ranks) for layout in layouts
    )
    repartition(repartition(xp.ones((64, 64), device=device), 0), 1)
    x = made(shape[0], source, device)
    assert x.partition == source
    moved, extra, seconds = peak_extra(lambda: repartition(x, target))
    result = to_local(moved).numel() * 8
    told = f"result {result / MIB:.1f} MiB, peak extra {extra / MIB:.1f} MiB, {seconds:.2f} s"
    with capsys.disabled():
        # The figures are wanted from a run that passes, too.
        sys.stdout.write(f"\nrank {device.rank}: {nbytes // MIB} MiB in all, {told}")
    assert_numbered(moved)
    assert extra <= result + BUFFER_NBYTES + ALLOWANCE_NBYTES, told


def expected_at(flat: torch.Tensor, name: str, rows: int) -> torch.Tensor:
    """Return the numbers that the result of a move has at positions of its row-major order."""
    row, column = flat // COLUMNS, flat % COLUMNS
    if name == "a flat roll":
        return (flat - SHIFT) % (rows * COLUMNS)
    if name == "a roll along both":
        return (row - SHIFT) % rows * COLUMNS + (column - SHIFT) % COLUMNS
    if name == "a reshape of the transposed":
        return flat % rows * COLUMNS + flat // rows
    return flat


SHIFT: Final = 12345

MOVES: Final[dict[str, tuple[int, Callable[[Array], Array]]]] = {
    "a reshape": (1, lambda x: xp.reshape(x, (-1,))),
    "a reshape of the transposed": (0, lambda x: xp.reshape(x.T, (-1,))),
    "a flat roll": (1, lambda x: xp.roll(x, SHIFT)),
    "a roll along both": (1, lambda x: xp.roll(x, (SHIFT, SHIFT), axis=(0, 1))),
}
"""Moves of an array, and the axis that it is partitioned along."""


@pytest.mark.parametrize("is_even", [True, False])
@pytest.mark.parametrize("name", MOVES)
def test_moves_in_row_major_order_take_their_result_and_a_bounded_buffer(
    name: str, is_even: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    device = Device("cpu", comm=MPI.COMM_WORLD.Dup())
    axis, move = MOVES[name]
    nbytes = 256 * MIB
    shape = (nbytes // (8 * COLUMNS), COLUMNS)
    repartition(repartition(xp.ones((64, 64), device=device), 0), 1)
    x = made(shape[0], (even if is_even else skewed)(axis, shape[axis], device.ranks), device)
    moved, extra, seconds = peak_extra(lambda: move(x))
    local = to_local(moved)
    result = local.numel() * 8
    # A part that does not lie in row-major order is copied first.
    part = to_local(x).numel() * 8 if name == "a reshape of the transposed" else 0
    told = f"part {part / MIB:.1f} MiB, result {result / MIB:.1f} MiB, peak extra {extra / MIB:.1f} MiB, {seconds:.2f} s"
    with capsys.disabled():
        sys.stdout.write(f"\nrank {device.rank}: {name} of {nbytes // MIB} MiB in all, {told}")
    axis = moved.partition.axis or 0
    start = moved.partition.offset(device.rank)
    own = [torch.arange(length) for length in local.shape]
    own[axis] += start
    places = own[0] if local.ndim == 1 else own[0][:: 1 + local.shape[0] // 1000, None] * COLUMNS + own[1]
    seen = local if local.ndim == 1 else local[:: 1 + local.shape[0] // 1000]
    step = 1 + places.numel() // 10**6
    assert torch.equal(
        seen.reshape(-1)[::step], expected_at(places.reshape(-1)[::step], name, shape[0]).to(torch.float64)
    )
    assert extra <= part + result + BUFFER_NBYTES + ALLOWANCE_NBYTES, told
