"""Looking values up in one tensor against NumPy: unsigned integers whole, NaN last."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import ordering, searching
from array_api_dist.kernels.dtypes import TORCH

REAL = [dtype for dtype in dt.DTYPES if dtype in dt.REAL]


def _values(dtype: dt.DType, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    if dtype in dt.INTEGER:
        least, greatest = dt.integer_limits(dtype)
        pool = np.array([least, 1, 2, greatest // 2 + 1, greatest], dtype=dtype.name)
    else:
        pool = np.array([-np.inf, -0.0, 0.0, 1.5, np.inf, np.nan], dtype=dtype.name)
    return torch.from_numpy(np.asarray(pool[rng.integers(0, len(pool), shape)]))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_searchsorted_is_numpys_of_any_strides(dtype, side) -> None:
    ordered = ordering.sort(_values(dtype, (14,), 0), 0)
    values = _values(dtype, (4, 6), 1).T
    result = searching.searchsorted(ordered, values, side)
    assert result.dtype == torch.int64
    np.testing.assert_array_equal(result, np.searchsorted(ordered.numpy(), values.numpy(), side))
    every_other = torch.stack((ordered, ordered), 1).reshape(-1)[::2]
    np.testing.assert_array_equal(searching.searchsorted(every_other, values, side), result)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_many_values_are_looked_for_in_order(dtype, side, threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_MANY", 8)
    monkeypatch.setattr(searching, "_AT_ONCE", 7)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    ordered, values = ordering.sort(_values(dtype, (14,), 2), 0), _values(dtype, (5, 6), 3).T
    result = searching.searchsorted(ordered, values, side)
    np.testing.assert_array_equal(result, np.searchsorted(ordered.numpy(), values.numpy(), side))


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_searchsorted_with_nothing(dtype) -> None:
    nothing = torch.empty(0, dtype=TORCH[dtype])
    assert searching.searchsorted(nothing, _values(dtype, (3,), 0), "right").tolist() == [0, 0, 0]
    assert searching.searchsorted(_values(dtype, (1,), 0), nothing, "left").shape == (0,)


@pytest.mark.parametrize("dtype", [*REAL, dt.bool], ids=str)
def test_isin_is_numpys_and_nan_is_in_nothing(dtype) -> None:
    make = (
        _values if dtype is not dt.bool else lambda _, shape, seed: torch.arange(24).reshape(shape) % 2 == 0
    )
    values = make(dtype, (4, 6), 1).T
    ordered = ordering.sort(values.reshape(-1)[3:5], 0)
    np.testing.assert_array_equal(searching.isin(values, ordered), np.isin(values.numpy(), ordered.numpy()))
    assert not searching.isin(values, ordered[:0]).any()
    assert searching.isin(values[:0], ordered).shape == (0, 4)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_isin_of_many_integers_takes_those_at_the_ends_of_their_range(dtype: str) -> None:
    ends = np.asarray([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    values = np.append(np.arange(0, 120, dtype=dtype).repeat(50), ends)
    members = np.asarray([3, 4, 90, 119], dtype)
    for ordered in (members, np.unique(np.append(members, ends))):
        found = searching.isin(torch.from_numpy(values), torch.from_numpy(ordered))
        np.testing.assert_array_equal(found, np.isin(values, ordered))


@pytest.mark.parametrize("few", [0, 100])
@pytest.mark.parametrize("dtype", [*REAL, dt.bool], ids=str)
def test_a_few_are_compared_and_many_looked_up(dtype, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_FEW", few)
    monkeypatch.setattr(searching, "_among_close", lambda ordered, count: None)
    values = torch.arange(24).reshape(4, 6) % 2 == 0 if dtype is dt.bool else _values(dtype, (4, 6), 1)
    for members in (values[0, :1], values[0], values[:, 2:].reshape(-1)):
        ordered = ordering.sort(members, 0)
        found = searching.isin(values.T, ordered)
        np.testing.assert_array_equal(found, np.isin(values.numpy(), members.numpy()).T)


@pytest.mark.parametrize("shape", [(), (0,), (3, 5)])
@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.parametrize("dtype", [*REAL, dt.complex64], ids=str)
def test_few_are_compared_with_each_in_any_order(dtype, count: int, shape: tuple[int, ...]) -> None:
    members, values = _values(dtype, (count,), 4), _values(dtype, shape, 5)
    assert searching.are_few(values, members)
    found = searching.is_one_of(values, members)
    assert found.dtype == torch.bool
    np.testing.assert_array_equal(found, np.isin(values.numpy(), members.numpy()))
    assert not searching.are_few(values.new_zeros(1 << 7), members.new_zeros(1 << 6))


def test_isin_of_complex_values() -> None:
    values = torch.tensor([1 + 2j, 1 - 2j, complex(torch.nan, 0)])
    assert searching.isin(values.conj(), torch.tensor([1 + 2j])).tolist() == [False, True, False]
    assert not searching.isin(values[2:], values[2:]).any()
    many = torch.complex(torch.arange(5000.0), torch.ones(5000))
    assert torch.equal(searching.isin(many, many[::2]), torch.arange(5000) % 2 == 0)
