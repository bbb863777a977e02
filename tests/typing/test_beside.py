"""What the helpers beside the standard are typed to give: the checkers judge, pytest runs the calls too."""

from __future__ import annotations

from typing import assert_type

import torch

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._dtypes import DType
from array_api_dist._info import Capabilities, DefaultDataTypes
from array_api_dist.device import Device, default_device
from array_api_dist.local import from_callback, from_local, to_local
from array_api_dist.partition import Partition, default_partition, repartition
from array_api_dist.promotion import mixed_kinds
from array_api_dist.trace import CollectiveRow, Row, Trace, trace


def test_devices_place_new_arrays() -> None:
    device = assert_type(Device("cpu"), Device)
    assert_type(default_device(), Device)
    assert_type(xp.zeros(2, device=device).device, Device)


def test_partitions_are_values() -> None:
    with default_partition("first"):
        x = xp.zeros(4)
    assert_type(x.partition, Partition)
    assert_type(repartition(x, None), Array)
    assert_type(repartition(x, x.partition), Array)


def test_local_parts_are_tensors() -> None:
    x = assert_type(from_local(torch.zeros(2), axis=0), Array)
    assert_type(to_local(x), torch.Tensor)
    assert_type(from_callback((2,), lambda index: torch.zeros(2)[index]), Array)


def test_a_trace_is_read_after_the_fact() -> None:
    with trace() as found, mixed_kinds():
        assert_type(xp.asarray([1]) + xp.asarray([0.5]), Array)
    assert_type(found, Trace)
    assert_type(str(found), str)
    assert_type(found.rows, list[Row])
    assert_type(found.collectives, list[CollectiveRow])
    assert_type(found.totals.peak_extra_bytes, int | None)


def test_the_namespace_describes_itself() -> None:
    info = xp.__array_namespace_info__()
    assert_type(info.capabilities(), Capabilities)
    assert_type(info.default_dtypes(), DefaultDataTypes)
    assert_type(info.dtypes(kind="integral"), dict[str, DType])
    assert_type(info.devices(), tuple[Device, ...])
    assert_type(info.default_device(), Device)
