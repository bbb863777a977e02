"""Devices: a processor kind and a group of ranks; every kind gives the same answers."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mpi4py import MPI

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist.collectives.lockstep import is_lockstep_wanted
from array_api_dist.device import Device, ProcessorKind, default_device_set, register_kind
from array_api_dist.partition import default_partition, repartition

KINDS = ["cpu", "cpu:staged", "cuda"]


@pytest.fixture(params=KINDS)
def device(request: pytest.FixtureRequest) -> Device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device: what needs one was not tested")
    return Device(request.param)


@pytest.mark.parametrize("policy", ["none", "first", "mixed"])
def test_every_kind_gives_the_same_answers(device: Device, policy: str) -> None:
    host = np.random.default_rng(0).normal(size=(23, 6))
    with default_partition(policy):
        x = xp.asarray(host, device=device)
        assert x.device == device
        moved = repartition(xp.concat([x, x[::-1, :]]), 1)
        product = x.T @ x
        ordered = xp.sort(x[:, 0])
        values = xp.unique_values(xp.round(x))
        running = xp.cumulative_sum(x, axis=0)
    np.testing.assert_allclose(np.asarray(moved), np.concatenate([host, host[::-1]]))
    np.testing.assert_allclose(np.asarray(product), host.T @ host, rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(ordered), np.sort(host[:, 0]))
    np.testing.assert_array_equal(np.asarray(values), np.unique(np.round(host)))
    np.testing.assert_allclose(np.asarray(running), np.cumsum(host, 0), rtol=1e-12, atol=1e-13)


def test_an_array_of_one_rank_alone_changes_no_placement_of_the_others() -> None:
    with default_partition("mixed"):
        for _ in range(3):
            if MPI.COMM_WORLD.rank == 0:
                xp.zeros((3, 4), device=Device("cpu", MPI.COMM_SELF))
            partitions = MPI.COMM_WORLD.allgather(xp.zeros((5, 7)).partition)
            assert all(partition == partitions[0] for partition in partitions)


def test_arrays_move_between_kinds_and_back(device: Device) -> None:
    x = repartition(xp.arange(11), 0)
    there = x.to_device(device)
    assert there.device == device
    assert there.partition == x.partition
    np.testing.assert_array_equal(np.asarray(there.to_device(x.device)), np.arange(11))


def test_what_is_not_on_the_host_is_exported_there_by_copies_only(device: Device) -> None:
    x = xp.arange(7, device=device)
    whole = repartition(x, None)
    np.testing.assert_array_equal(torch.from_dlpack(whole.__dlpack__(dl_device=(1, 0))), np.arange(7))
    assert torch.from_dlpack(whole).device == device.torch_device
    if device.torch_device.type == "cpu":
        whole.__dlpack__(dl_device=(1, 0), copy=False)
    else:
        with pytest.raises(BufferError, match="cannot be exported"):
            whole.__dlpack__(dl_device=(1, 0), copy=False)


def test_a_device_is_a_value(device: Device) -> None:
    assert Device(device.kind) == device
    assert hash(Device(device.kind)) == hash(device)
    assert device != "cpu"
    assert copy.deepcopy(device) == device
    assert pickle.loads(pickle.dumps(device)) == device
    assert device in {Device(kind) for kind in ("cpu", "cpu:staged", device.kind)}
    assert device.ranks == MPI.COMM_WORLD.size
    assert device.rank == MPI.COMM_WORLD.rank


def test_a_group_of_its_own_is_another_device() -> None:
    alone = Device("cpu", comm=MPI.COMM_SELF)
    assert (alone.rank, alone.ranks) == (0, 1)
    assert alone != Device("cpu")
    with pytest.raises(TypeError, match="all ranks can be pickled"):
        pickle.dumps(alone)


MEETINGS: dict[str, Callable[[Array, Array], object]] = {
    "add": lambda x, y: x + y, "iadd": operator.iadd, "matmul": lambda x, y: x @ y, "where": lambda x, y: xp.where(x > 0, x, y),
    "clip": xp.clip, "concat": lambda x, y: xp.concat([x, y]), "stack": lambda x, y: xp.stack([x, y]),
    "broadcast_arrays": xp.broadcast_arrays, "meshgrid": xp.meshgrid, "take": lambda x, y: xp.take(x, xp.astype(y, xp.int64)),
    "getitem": lambda x, y: x[xp.astype(y, xp.int64)], "mask": lambda x, y: x[y > 0], "setitem": lambda x, y: x.__setitem__(slice(None), y),
    "searchsorted": xp.searchsorted, "isin": xp.isin, "diff": lambda x, y: xp.diff(x, prepend=y),
    "repeat": lambda x, y: xp.repeat(x, xp.astype(y, xp.int64)), "solve": lambda x, y: xp.linalg.solve(xp.eye(12), y),
    "tensordot": lambda x, y: xp.tensordot(x, y, axes=1), "vecdot": xp.vecdot, "outer": xp.linalg.outer,
    "take_along_axis": lambda x, y: xp.take_along_axis(x, xp.astype(y, xp.int64)),
    "cross": lambda x, y: xp.linalg.cross(x[:3], y[:3]),
}  # fmt: skip


@pytest.mark.parametrize("name", MEETINGS)
def test_arrays_of_two_devices_do_not_mix(name: str) -> None:
    alone = Device("cpu", comm=MPI.COMM_SELF)
    x, y = xp.ones(12), xp.ones(12, device=alone)
    with pytest.raises(ValueError, match="device"):
        MEETINGS[name](x, y)


def test_a_device_outlives_the_group_it_was_made_of_and_is_no_other_group_s() -> None:
    world = MPI.COMM_WORLD
    kept = []
    for color in (0, world.rank, 0):  # MPI gives the handle of what is freed out again
        group = world.Split(color, world.rank)
        kept.append(repartition(xp.arange(7, device=Device("cpu", comm=group)), 0))
        assert kept[-1].device.ranks == group.size
        assert kept[-1].device == Device("cpu", comm=group)
        group.Free()
    assert [int(xp.sum(x)) for x in kept] == [21, 21, 21]
    assert kept[0].device != kept[2].device


@pytest.mark.skipif(is_lockstep_wanted(), reason="lockstep mode keeps every communicator")
@pytest.mark.parametrize("kind", ["cpu", "cpu:staged"])
@pytest.mark.parametrize("users", sorted({0, 1, MPI.COMM_WORLD.size}))
def test_a_freed_group_takes_its_duplicate_along_unless_a_rank_has_an_array_there(
    kind: str, users: int
) -> None:
    world = MPI.COMM_WORLD
    group = world.Dup()
    array = repartition(xp.arange(7, device=Device(kind, comm=group)), 0)
    assert int(xp.sum(array)) == 21
    duplicate = array.device.communicator.mpi
    kept = array if world.rank < users else None
    del array
    group.Free()
    assert bool(duplicate) == (users > 0)
    if users == world.size:
        assert kept is not None
        assert int(xp.sum(kept)) == 21


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"cpu, cuda, cpu:staged.*got 'tpu'"):
        Device("tpu")
    with pytest.raises(TypeError, match="device must be a Device"):
        xp.ones(3, device="cpu")


def test_a_group_that_is_null_or_freed_is_refused() -> None:
    world = MPI.COMM_WORLD
    freed = world.Dup()
    freed.Free()
    with pytest.raises(TypeError, match="got a null one"):
        Device("cpu", comm=freed)
    left_out = world.Split(MPI.UNDEFINED, world.rank)
    with pytest.raises(TypeError, match=r"got a null one|got Comm"):
        Device("cpu", comm=left_out)
    with pytest.raises(TypeError, match="comm must be an mpi4py Intracomm"):
        Device("cpu", comm=MPI.COMM_NULL)


def test_a_kind_can_be_added() -> None:
    register_kind(ProcessorKind("cpu:own", lambda _: torch.device("cpu"), lambda: True, lambda: False))
    with default_device_set(Device("cpu:own")):
        x = repartition(xp.arange(9), 0)
    assert x.device.kind == "cpu:own"
    assert int(xp.sum(x)) == 36
