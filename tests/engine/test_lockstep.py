"""Lockstep mode: whatever the ranks do otherwise than each other is an error on all of them, not a hang or a wrong value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import on_ranks

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._device import Device, default_device_set
from array_api_dist.local import from_local
from array_api_dist.partition import default_partition, repartition
from array_api_dist.trace import trace


@pytest.fixture(autouse=True)
def _lockstep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARRAY_API_DIST_LOCKSTEP", "1")


def _written(x: Array, key: int) -> None:
    x[key] = 5.0


def _made_more_often(x: Array, rank: int) -> object:
    with default_partition("mixed"):
        if rank:
            xp.ones(20)
        return xp.sum(repartition(xp.ones((20, 20)), 0) + xp.ones((20, 20)))


DIFFERENCES: dict[str, Callable[[Array, int], object]] = {
    "values": lambda x, r: xp.asarray([1.0, 2.0, float(r)]),
    "shape": lambda x, r: xp.sum(repartition(xp.ones(6 + r), 0)),
    "dtype": lambda x, r: xp.sum(xp.astype(x, xp.float32 if r else xp.float64)),
    "partition": lambda x, r: (repartition(x, None if r else 0), xp.sum(x)),
    "operand": lambda x, r: x @ (repartition(xp.ones(12), 0) if r else xp.ones(12)),
    "shift": lambda x, r: xp.roll(x, r + 1),
    "order": lambda x, r: xp.sort(x, descending=bool(r)),
    "step": lambda x, r: x[::-1] if r else x[::-2],
    "operands": lambda x, r: xp.concat([x] * (r + 1)),
    "axis": lambda x, r: (xp.sum(repartition(xp.ones((4, 4)), 0), axis=r), xp.sum(x)),
    "element": lambda x, r: x[r],
    "index": lambda x, r: x[np.asarray([r, 1, 2])],
    "write": _written,
    "placement": _made_more_often,
    "local axis": lambda x, r: from_local(torch.ones(3, 3), axis=r, device=x.device),
    "function": lambda x, r: xp.prod(x) if r else xp.sum(x),
    "detour": lambda x, r: (xp.prod(x) if r else None, xp.sum(x)),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_an_error_that_names_both_sides(name: str) -> None:
    def body(device: Device) -> str:
        with default_device_set(device):
            x = repartition(xp.arange(12.0), 0)
            with pytest.raises(RuntimeError, match="out of step") as raised:
                DIFFERENCES[name](x, device.rank)
        return str(raised.value)

    first, second = on_ranks(2, body)
    assert first == second
    assert re.search(r"rank 0: .*; rank 1: ", first)
    # The line that asked for it is the user's.
    assert first.count(f"at {Path(__file__)}:") == 2


def test_ranks_that_say_the_same_are_told_together() -> None:
    def body(device: Device) -> None:
        with default_device_set(device):
            xp.asarray(0 if device.rank == 1 else 3)

    with pytest.raises(RuntimeError, match=r"step: ranks 0, 2: host values.*; rank 1: host values"):
        on_ranks(3, body)


def test_what_the_ranks_do_alike_goes_well_also_while_one_of_them_traces() -> None:
    def program(x: Array) -> list[float]:
        x[2] = 7.0
        x += xp.asarray(1.0)
        y = xp.concat([xp.sort(x, descending=True), xp.roll(x, 3)])
        return np.asarray(y[np.asarray([0, 5, 13])]).tolist()

    def body(device: Device) -> list[float]:
        with default_device_set(device):
            x = repartition(xp.arange(12.0), 0)
            if device.rank:
                return program(x)
            with trace():
                return program(x)

    assert on_ranks(3, body) == [[12.0, 8.0, 11.0]] * 3


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (3, 2)])
def test_host_values_of_any_shape_and_strides_are_compared(shape: tuple[int, ...]) -> None:
    value = torch.tensor(1 + 2j).conj().expand(shape)

    def body(device: Device) -> list[complex]:
        return np.asarray(xp.asarray(value, device=device)).tolist()

    assert on_ranks(2, body) == [value.tolist()] * 2


def test_a_write_stays_in_place() -> None:
    def body(device: Device) -> bool:
        with default_device_set(device):
            x = repartition(xp.arange(12.0), 0)
            before = x._block.local.data_ptr()
            x[3] = 1.0
            xp.sum(x)
            x[4] = 1.0
            return x._block.local.data_ptr() == before

    assert all(on_ranks(2, body))
