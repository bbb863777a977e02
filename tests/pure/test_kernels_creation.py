"""Parts of new arrays: the same values wherever a part begins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import creation
from array_api_dist.kernels.dtypes import TORCH

CPU = torch.device("cpu")
NUMERIC = [dtype for dtype in dt.DTYPES if dtype in dt.NUMERIC]
FLOATING = [dtype for dtype in dt.DTYPES if dtype in dt.FLOATING]
INTEGERS = [dtype for dtype in dt.DTYPES if dtype in dt.INTEGER]


@pytest.mark.parametrize("dtype", dt.DTYPES, ids=str)
def test_full_holds_every_value_of_its_type(dtype) -> None:
    values = (
        dt.integer_limits(dtype) if dtype in dt.INTEGER else (True, False) if dtype is dt.bool else (2.5, -7)
    )
    for value in values:
        for shape in ((2, 3), (0, 3), ()):
            tensor = creation.full(shape, value, TORCH[dtype], CPU)
            assert tensor.dtype == TORCH[dtype]
            np.testing.assert_array_equal(tensor, np.full(shape, value, dtype=dtype.name))
            assert tensor.is_contiguous()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_full_refuses_integers_that_do_not_fit(dtype) -> None:
    least, greatest = dt.integer_limits(dtype)
    for value in (least - 1, greatest + 1):
        with pytest.raises(OverflowError):
            creation.full((2,), value, TORCH[dtype], CPU)


@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_parts_of_a_range_join_to_numpys(dtype) -> None:
    parts = [creation.arange_slice(3, 7, first, 5, TORCH[dtype], CPU) for first in (0, 5, 10)]
    np.testing.assert_array_equal(torch.cat(parts), (3 + 7 * np.arange(15)).astype(dtype.name))
    assert creation.arange_slice(3, 7, 4, 0, TORCH[dtype], CPU).shape == (0,)


@given(first=st.integers(0, 2**40), start=st.integers(-(2**62), 2**62), step=st.integers(-(2**20), 2**20))
def test_integer_ranges_are_exact(first: int, start: int, step: int) -> None:
    expected = [start + (first + k) * step for k in range(4)]
    assert creation.arange_slice(start, step, first, 4, torch.int64, CPU).tolist() == expected


def test_integer_ranges_are_exact_above_the_signed_ones() -> None:
    last = 2**64 - 1
    down = creation.arange_slice(last, -1, 1, 2, torch.uint64, CPU)
    assert down.tolist() == [last - 1, last - 2]
    assert creation.arange_slice(2**63, 2**62, 1, 1, torch.uint64, CPU).tolist() == [2**63 + 2**62]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parts_of_a_floating_range_are_those_of_the_whole(dtype) -> None:
    whole = creation.arange_slice(0.1, 0.3, 0, 1000, dtype, CPU)
    np.testing.assert_array_equal(whole, (0.1 + 0.3 * np.arange(1000)).astype(str(dtype)[6:]))
    for first, count in ((0, 7), (333, 1), (999, 1), (500, 500)):
        part = creation.arange_slice(0.1, 0.3, first, count, dtype, CPU)
        assert torch.equal(part, whole[first : first + count])


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_parts_of_a_linspace_join_to_numpys(dtype, endpoint) -> None:
    parts = [creation.linspace_slice(1, 7, 13, endpoint, k, 4, TORCH[dtype], CPU) for k in (0, 4, 8)]
    parts.append(creation.linspace_slice(1, 7, 13, endpoint, 12, 1, TORCH[dtype], CPU))
    joined = torch.cat(parts)
    assert joined.dtype == TORCH[dtype]
    expected = np.linspace(1, 7, 13, endpoint=endpoint).astype(dtype.name)
    np.testing.assert_allclose(joined, expected, rtol=1e-6 if dtype in dt.FLOATING else 0)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
def test_a_linspace_begins_and_ends_exactly(dtype) -> None:
    whole = creation.linspace_slice(0.1, 0.7, 11, True, 0, 11, TORCH[dtype], CPU)
    ends = torch.tensor([0.1, 0.7], dtype=TORCH[dtype])
    assert torch.equal(whole[[0, -1]], ends)
    assert torch.equal(creation.linspace_slice(0.1, 0.7, 11, True, 10, 1, TORCH[dtype], CPU), ends[1:])


def test_linspaces_of_one_none_and_complex_values() -> None:
    assert creation.linspace_slice(2.0, 5.0, 1, True, 0, 1, torch.float64, CPU).tolist() == [2.0]
    assert creation.linspace_slice(2.0, 5.0, 1, False, 0, 1, torch.float64, CPU).tolist() == [2.0]
    assert creation.linspace_slice(2.0, 5.0, 0, True, 0, 0, torch.float64, CPU).tolist() == []
    complexes = creation.linspace_slice(0j, 2 + 4j, 3, True, 1, 2, torch.complex64, CPU)
    assert complexes.tolist() == [1 + 2j, 2 + 4j]


@pytest.mark.parametrize("k", [-9, -2, 0, 1, 9])
@pytest.mark.parametrize("dtype", dt.DTYPES, ids=str)
def test_parts_of_an_eye_are_slices_of_the_whole(dtype, k) -> None:
    whole = np.eye(6, 5, k, dtype=dtype.name)
    for rows, columns in ((slice(0, 6), slice(0, 5)), (slice(2, 4), slice(1, 5)), (slice(3, 3), slice(0, 5))):
        part = creation.eye_slice(6, 5, k, rows, columns, TORCH[dtype], CPU)
        assert part.dtype == TORCH[dtype]
        np.testing.assert_array_equal(part, whole[rows, columns])


@pytest.mark.parametrize("k", [-9, -1, 0, 2, 9])
@pytest.mark.parametrize("dtype", dt.DTYPES, ids=str)
def test_parts_of_a_triangle_are_slices_of_the_whole(dtype, k) -> None:
    whole = np.arange(1, 121).reshape(2, 2, 6, 5).astype(dtype.name)
    for rows, columns in ((slice(0, 6), slice(0, 5)), (slice(2, 5), slice(1, 4)), (slice(6, 6), slice(0, 5))):
        part = torch.from_numpy(whole)[..., rows, columns]
        by_columns = torch.from_numpy(np.asfortranarray(part.numpy()))
        for kernel, reference in ((creation.tril, np.tril), (creation.triu, np.triu)):
            for tensor in (part, by_columns):
                result = kernel(tensor, k, rows.start, columns.start)
                assert result.dtype == TORCH[dtype]
                np.testing.assert_array_equal(result, reference(whole, k)[..., rows, columns])
