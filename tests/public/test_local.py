"""Arrays from what each rank has: whose memory they lie in, and what is refused alike everywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import on_ranks

import array_api_dist as xp
from array_api_dist._device import Device
from array_api_dist.local import from_callback, from_local
from array_api_dist.partition import Partition, default_partition, repartition

SOURCES: dict[str, Callable[[np.ndarray, Path], object]] = {
    "ndarray": lambda a, _: a,
    "slice": lambda a, _: a[:],
    "from_numpy": lambda a, _: torch.from_numpy(a),
    "tensor": lambda a, _: torch.tensor(a),
    "bytes": lambda a, _: np.frombuffer(a.tobytes()),
    "frombuffer": lambda a, _: torch.frombuffer(bytearray(a.tobytes()), dtype=torch.float64),
    "memoryview": lambda a, _: memoryview(a),
    "memmap": lambda a, path: np.memmap(path, mode="r", dtype="f8"),
    "array": lambda a, _: xp.asarray(a),
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_callback_gives_is_never_written(source: str, tmp_path: Path) -> None:
    np.arange(10.0).tofile(tmp_path / "a")
    whole = np.arange(10.0)
    given = SOURCES[source](whole, tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = from_callback(10, lambda index: given[index[0]])
    x += 1
    x[0] = 99
    assert np.array_equal(np.asarray(given), np.arange(10.0))
    assert np.array_equal(whole, np.arange(10.0))
    assert np.asarray(x).tolist() == [99, *range(2, 11)]


def test_a_callback_s_tensor_leaves_its_history_behind() -> None:
    x = from_callback(3, lambda _: torch.ones(3, dtype=torch.float64, requires_grad=True))
    x[0] = 3.0
    assert np.asarray(x).tolist() == [3.0, 1.0, 1.0]


def test_byteswapped_and_reversed_values_are_taken() -> None:
    for values in (np.arange(5.0)[::-1], np.arange(5).astype(">i4"), np.broadcast_to(np.ones(()), (5,))):
        assert np.asarray(from_callback(5, lambda _, values=values: values)).tolist() == values.tolist()


@pytest.mark.parametrize("make", [lambda: torch.eye(3).to_sparse(), lambda: torch.empty(3, 3, device="meta")])
def test_tensors_without_dense_values_are_refused_on_every_rank(make: Callable[[], torch.Tensor]) -> None:
    def body(device: Device) -> None:
        mine = make() if device.rank == 1 else torch.eye(3)
        with pytest.raises(TypeError, match=r"from_local takes tensors of layout torch\.strided"):
            from_local(mine, device=device)
        with pytest.raises(TypeError, match=r"from_callback takes tensors of layout torch\.strided"):
            from_callback((6, 3), lambda _: mine, partition=0, device=device)

    on_ranks(2, body)


def test_a_device_without_memory_fails_every_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    move = torch.Tensor.to

    def full(self: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        if self.numel() == 7:
            raise torch.OutOfMemoryError("no memory left")
        return move(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "to", full)

    def body(device: Device) -> None:
        mine = torch.ones(7 if device.rank else 3)
        with pytest.raises(torch.OutOfMemoryError, match="no memory left"):
            from_local(mine, device=device)
        with pytest.raises(torch.OutOfMemoryError, match="no memory left"):
            from_callback(
                10, lambda _: mine, partition=Partition(0, (0, 3, 10)), dtype=xp.float32, device=device
            )

    on_ranks(2, body)


def test_what_is_no_partition_dtype_or_device_is_refused() -> None:
    with pytest.raises(ValueError, match="\"default\", got 'frist'"):
        from_callback(3, np.ones, partition="frist")
    with pytest.raises(TypeError, match="dtype must be a data type"):
        from_callback(3, np.ones, dtype="float32")
    with pytest.raises(TypeError, match="device must be a Device"):
        from_callback(3, np.ones, device="cpu")
    with pytest.raises(TypeError, match="device must be a Device"):
        from_local(torch.ones(3), device="cpu")
    with pytest.raises(TypeError, match=r"an axis or None, got 1\.5"):
        repartition(xp.ones(3), 1.5)


@pytest.mark.parametrize(
    ("axis", "bounds", "message"),
    [
        (0, [0, 3, 5], "bounds must be a tuple"),
        (None, (0, 3), "has no bounds"),
        ("a", (0, 3), "must be integers"),
        (0.0, (0, 3), "must be integers"),
        (0, (0, 1.5, 3), "must be integers"),
        (0, (0, "a"), "must be integers"),
    ],
)
def test_a_partition_is_made_of_integers(axis: object, bounds: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Partition(axis, bounds)


def test_numpy_s_integers_are_those_of_a_partition() -> None:
    made = Partition(np.int64(0), (0, np.int64(3), 5))
    assert made == Partition(0, (0, 3, 5))
    assert {type(bound) for bound in (made.axis, *made.bounds)} == {int}
    assert Partition(None, []) == Partition(None)


def test_a_placement_is_a_policy_or_an_axis() -> None:
    with pytest.raises(TypeError, match=r"a policy, an axis or None, got 1\.5"), default_partition(1.5):
        pass
    with pytest.raises(ValueError, match="policy is one of"), default_partition("frist"):
        pass


@pytest.mark.parametrize("given", [None, ["a", "b", "c"], np.asarray(["a", "b", "c"]), object()])
def test_a_callback_that_gives_no_numbers_is_named(given: object) -> None:
    with pytest.raises(TypeError, match=r"must give numbers or booleans, got (NoneType|list|ndarray|object)"):
        from_callback(3, lambda _: given)
