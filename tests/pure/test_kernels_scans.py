"""Running sums and products of one tensor against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import scans
from array_api_dist.kernels.dtypes import TORCH

NUMERIC = [dtype for dtype in dt.DTYPES if dtype in dt.NUMERIC]
KERNELS = [(scans.cumulative_sum, np.cumsum), (scans.cumulative_prod, np.cumprod)]


@pytest.mark.parametrize(("kernel", "reference"), KERNELS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_scans_are_numpys_and_integers_wrap(dtype, axis, kernel, reference) -> None:
    values = torch.from_numpy((np.arange(1, 41).reshape(8, 5) * 7 % 13 + 250).astype(dtype.name)).T
    result = kernel(values, axis, TORCH[dtype])
    assert result.dtype == TORCH[dtype]
    expected = reference(values.numpy(), axis, dtype=dtype.name)
    np.testing.assert_allclose(result, expected, rtol=1e-5 if dtype in dt.FLOATING else 0)


@pytest.mark.parametrize(("kernel", "reference"), KERNELS)
def test_scans_cast_before_they_add(kernel, reference) -> None:
    values = torch.full((4,), 200, dtype=torch.uint8)
    for wide in ("int64", "uint64", "float64"):
        result = kernel(values, 0, getattr(torch, wide))
        np.testing.assert_array_equal(result, reference(values.numpy(), dtype=wide))
    truths = torch.tensor([True, True, False])
    np.testing.assert_array_equal(kernel(truths, 0, torch.int64), reference(truths.numpy(), dtype=np.int64))


@pytest.mark.parametrize(("kernel", "reference"), KERNELS)
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_scans_of_nothing_are_empty(dtype, kernel, reference) -> None:
    nothing = torch.empty((0, 3), dtype=TORCH[dtype])
    assert kernel(nothing, 0, TORCH[dtype]).shape == (0, 3)
    assert kernel(nothing, 1, TORCH[dtype]).shape == (0, 3)


def test_nan_spreads_to_all_that_follows() -> None:
    values = torch.tensor([1.0, torch.nan, 2.0])
    for kernel, _ in KERNELS:
        assert torch.isnan(kernel(values, 0, torch.float32)).tolist() == [False, True, True]


@pytest.mark.parametrize(("shape", "axis"), [((1000, 9), 0), ((64, 8), 0), ((63, 8), 0), ((2, 200, 3, 3), 1)])
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_sums_of_many_rows_are_those_of_few(
    dtype: dt.DType, shape: tuple[int, ...], axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "_CACHE_NBYTES", 0)
    values = torch.from_numpy(np.random.default_rng(0).integers(0, 9, shape).astype(dtype.name))
    result = scans.cumulative_sum(values, axis, TORCH[dtype])
    np.testing.assert_array_equal(result, np.cumsum(values.numpy(), axis, dtype=dtype.name))


def test_sums_of_many_rows_are_finite_where_only_those_of_a_block_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scans, "_CACHE_NBYTES", 0)
    values = torch.zeros(128, 8)
    values[0], values[64], values[65], values[66] = -3e38, 3e38, 3e38, -3e38
    assert torch.equal(scans.cumulative_sum(values, 0, torch.float32), torch.cumsum(values, 0))
    values[5, 3] = torch.inf
    found = scans.cumulative_sum(values, 0, torch.float32)
    assert torch.equal(found, torch.cumsum(values, 0))
