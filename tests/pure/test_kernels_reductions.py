"""Reductions of one tensor against NumPy: every data type, axes, strides, NaN, empty extents, tiles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import blocks
from array_api_dist.kernels import reductions as kernels
from array_api_dist.kernels.dtypes import TORCH
from array_api_dist.kernels.tiles import tiles_of

REAL = [TORCH[each] for each in dt.DTYPES if each in dt.REAL]
INTEGERS = [TORCH[each] for each in dt.DTYPES if each in dt.INTEGER]
ORDERED = [*REAL, torch.bool]
EVERY = list(TORCH.values())
AXES = [axes for count in range(4) for axes in itertools.combinations(range(3), count)]


def _numpy_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _values(dtype: torch.dtype, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Return values over the whole range of integers; small whole numbers of floats. Axes lie in reverse in memory."""
    rng = np.random.default_rng(seed)
    name = _numpy_name(dtype)
    backwards = shape[::-1]
    if dtype == torch.bool:
        values = rng.integers(0, 2, backwards).astype(np.bool_)
    elif dtype in INTEGERS:
        limits = np.iinfo(name)
        values = rng.integers(limits.min, limits.max, backwards, dtype=name, endpoint=True)
    else:
        whole = rng.integers(-4, 5, backwards)
        values = (whole + 1j * rng.integers(-4, 5, backwards) if dtype.is_complex else whole).astype(name)
    return torch.from_numpy(values).permute(tuple(reversed(range(len(shape)))))


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("dtype", [each for each in EVERY if each != torch.bool])
def test_sum_and_product_are_numpys_and_integers_wrap(dtype: torch.dtype, axes: tuple[int, ...]) -> None:
    values = _values(dtype, (3, 4, 2))
    name = _numpy_name(dtype)
    np.testing.assert_array_equal(kernels.sum(values, axes, dtype), values.numpy().sum(axes, dtype=name))
    np.testing.assert_array_equal(kernels.prod(values, axes, dtype), values.numpy().prod(axes, dtype=name))


# One block, several that divide what is added up, and some left over; with more blocks than elements of one, and with fewer.
LENGTHS = [1, 15, 16, 17, 30, 31, 37, 120, 127, 1000, 1009]


@pytest.mark.parametrize("length", LENGTHS)
def test_sums_in_blocks_take_every_element_once(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_LENGTH", 16)
    monkeypatch.setattr(blocks, "_ROWS", 16)
    values = torch.arange(2 * length, dtype=torch.float32).reshape(2, length)
    for matrix, axis in ((values, 1), (values.T.contiguous(), 0)):
        np.testing.assert_array_equal(
            blocks.block_sums(tiles_of(matrix, (axis,))), matrix.numpy().sum(axis, dtype=np.float64)
        )
    matrix = torch.full((length, 3), 3e38)
    matrix[:, 2] = -3e38
    sums = blocks.block_sums(tiles_of(matrix, (0, 1)))
    np.testing.assert_allclose(sums, matrix.numpy().sum(dtype=np.float64), rtol=1e-14)


@pytest.mark.parametrize("dtype", [each for each in EVERY if each != torch.bool])
def test_sum_and_product_of_nothing_are_their_identities(dtype: torch.dtype) -> None:
    nothing = _values(dtype, (3, 0))
    for kernel, identity in ((kernels.sum, 0), (kernels.prod, 1)):
        result = kernel(nothing, (1,), dtype)
        assert result.dtype == dtype
        assert result.tolist() == [identity] * 3
        assert kernel(nothing, (0,), dtype).shape == (0,)
        assert kernel(nothing, (0, 1), dtype).item() == identity


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_of_integers_are_exact_in_wider_types(dtype: torch.dtype) -> None:
    values = _values(dtype, (300, 301), seed=1)
    for wide in (torch.int64, torch.uint64):
        expected = values.numpy().astype(_numpy_name(wide)).sum(0)
        np.testing.assert_array_equal(kernels.sum(values, (0,), wide), expected)
    np.testing.assert_allclose(
        kernels.sum(values, (1,), torch.float64),
        values.numpy().sum(1, dtype=np.float64),
        rtol=1e-12,
        atol=1e5,
    )


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("name", ["int8", "int16", "int32", "uint8", "uint16", "uint32"])
def test_sums_of_many_extreme_integers_are_exact(name: str, axes: tuple[int, ...]) -> None:
    for extreme in (np.iinfo(name).min, np.iinfo(name).max):
        for shape in ((70_000, 10), (3, 200_000), (1, 70_001)):
            values = np.full(shape, extreme, dtype=name)
            values[0, 0] = 1
            for each in (values, values.T):
                total = kernels.sum(torch.from_numpy(each), axes, torch.int64)
                np.testing.assert_array_equal(total, each.sum(axes, dtype=np.int64))


def test_the_sum_of_floats_as_integers_casts_first() -> None:
    assert kernels.sum(torch.tensor([0.75, 0.75]), (0,), torch.int64).item() == 0


SHAPES = [
    ((70000, 18), (0, 1)), ((18, 70000), (1, 0)), ((300, 5000), (1, 0)), ((7, 30, 11, 50), (2, 0, 3, 1)),
    ((1200000,), (0,)), ((1, 70001), (0, 1)), ((3, 40000, 2), (0, 1, 2)), ((1025, 255), (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "order"), SHAPES)
def test_large_sums_are_those_of_double_precision(shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    narrow = (torch.randn(shape) * 3 + 100).permute(order)
    exact = narrow.numpy().astype(np.float64)
    axes_of_all = [(axis,) for axis in range(narrow.ndim)] + [tuple(range(narrow.ndim))]
    for axes, values in itertools.product(axes_of_all, (narrow, narrow.to(torch.float64))):
        total = kernels.sum(values, axes, values.dtype)
        np.testing.assert_allclose(total, exact.sum(axes), rtol=5e-7 if values is narrow else 1e-13)
        np.testing.assert_allclose(kernels.sum(values, axes, torch.float64), exact.sum(axes), rtol=1e-13)
        if values.ndim > 1:
            part = values[1:, ..., 1:]
            np.testing.assert_allclose(
                kernels.blocked_sum(part, axes), exact[1:, ..., 1:].sum(axes), rtol=5e-7
            )
        means = kernels.mean(values, axes, exact.size // max(total.numel(), 1))
        np.testing.assert_allclose(means, exact.mean(axes), rtol=5e-7 if values is narrow else 1e-13)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_blocks_of_float32_may_overflow_where_the_whole_does_not(axes: tuple[int, ...]) -> None:
    values = torch.full((1000, 300), 3e38)
    values[::2, ::2] *= -1.0
    values[1::2, 1::2] *= -1.0
    assert (kernels.blocked_sum(values, axes) == 0.0).all()
    count = math.prod(values.shape[axis] for axis in axes)
    torch.testing.assert_close(kernels.mean(values.abs(), axes, count).max().item(), 3e38)
    values[7, 3], values[8, 4] = torch.nan, torch.inf
    np.testing.assert_array_equal(
        kernels.blocked_sum(values, axes), values.numpy().astype(np.float64).sum(axes)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "order"), SHAPES)
def test_sums_of_squares_are_those_of_double_precision(
    shape: tuple[int, ...], order: tuple[int, ...], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    values = (torch.randn(shape, dtype=dtype) * 1e30).permute(order)
    for axes in [(), *((axis,) for axis in range(values.ndim)), tuple(range(values.ndim))]:
        exact = np.square(values.numpy().astype(np.float64)).sum(axes)
        total = kernels.sum_of_squares(values, axes)
        assert total.dtype == torch.float64
        np.testing.assert_allclose(total, exact, rtol=1e-13)


@pytest.mark.parametrize(("shape", "order"), SHAPES)
def test_large_complex_sums_are_those_of_their_parts(shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = (torch.randn(shape, dtype=torch.complex64) + (100 - 50j)).permute(order)
    for axes in [(axis,) for axis in range(values.ndim)] + [tuple(range(values.ndim))]:
        exact = values.numpy().sum(axes, dtype=np.complex128)
        np.testing.assert_allclose(kernels.blocked_sum(values, axes), exact, rtol=5e-7)
        wide = values.to(torch.complex128)
        np.testing.assert_allclose(kernels.blocked_sum(wide, axes), exact, rtol=1e-13)
        conjugates = kernels.blocked_sum(values.conj(), axes)
        np.testing.assert_array_equal(conjugates, kernels.blocked_sum(values, axes).conj().resolve_conj())


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_blocks_of_complex64_may_overflow_and_their_parts_stay_apart(axes: tuple[int, ...]) -> None:
    values = torch.full((1000, 300), 3e38 + 1j, dtype=torch.complex64)
    values[::2, ::2] *= -1.0
    values[1::2, 1::2] *= -1.0
    assert (kernels.blocked_sum(values, axes) == 0.0).all()
    values[7, 3], values[8, 4] = complex(1, math.nan), complex(math.inf, 1)
    with np.errstate(invalid="ignore"):
        expected = values.numpy().astype(np.complex128).sum(axes)
    np.testing.assert_array_equal(kernels.blocked_sum(values, axes), expected)


def test_many_small_terms_are_not_lost_beside_a_large_one() -> None:
    values = torch.full((1 << 18,), 1.0)
    values[0] = 2.0**24
    assert kernels.sum(values, (0,), torch.float64).item() == 2**24 + (1 << 18) - 1
    relative = kernels.sum(values, (0,), torch.float32).item() / (2**24 + (1 << 18) - 1) - 1
    assert abs(relative) < 1e-6


@pytest.mark.parametrize("shape", [(5, 7), (70000, 3), (3, 70000)])
def test_sums_of_complex_values_are_those_of_their_parts(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, dtype=torch.complex64)
    for axes in ((0,), (1,), (0, 1)):
        expected = values.numpy().sum(axes, dtype=np.complex128)
        np.testing.assert_allclose(kernels.sum(values, axes, torch.complex64), expected, atol=1e-4, rtol=1e-5)
        np.testing.assert_allclose(
            kernels.sum(values.conj(), axes, torch.complex128), expected.conj(), atol=1e-9
        )


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("dtype", ORDERED)
def test_extremes_are_numpys(dtype: torch.dtype, axes: tuple[int, ...]) -> None:
    values = _values(dtype, (3, 4, 2))
    np.testing.assert_array_equal(kernels.min(values, axes), values.numpy().min(axes))
    np.testing.assert_array_equal(kernels.max(values, axes), values.numpy().max(axes))


@pytest.mark.parametrize("dtype", ORDERED)
def test_the_extreme_of_nothing_is_the_identity_of_the_merge(dtype: torch.dtype) -> None:
    nothing = _values(dtype, (0, 2))
    if dtype == torch.bool:
        least, greatest = False, True
    elif dtype.is_floating_point:
        least, greatest = -np.inf, np.inf
    else:
        least, greatest = np.iinfo(_numpy_name(dtype)).min, np.iinfo(_numpy_name(dtype)).max
    assert kernels.min(nothing, (0,)).tolist() == [greatest] * 2
    assert kernels.max(nothing, (0,)).tolist() == [least] * 2
    for kernel, identity in ((kernels.argmin, greatest), (kernels.argmax, least)):
        value, index = kernel(nothing, 0)
        assert value.tolist() == [identity] * 2
        assert index.tolist() == [kernels.NOWHERE] * 2
        assert kernel(nothing, 1)[1].shape == (0,)


def test_extremes_are_nan_where_there_is_one() -> None:
    values = torch.tensor([[1.0, torch.nan], [2.0, 3.0]])
    for kernel in (kernels.min, kernels.max):
        assert torch.isnan(kernel(values, (0,))).tolist() == [False, True]
    rows = torch.zeros(5000, 3)
    rows[4321, 1] = torch.nan
    assert torch.isnan(kernels.max(rows, (0,))).tolist() == [False, True, False]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ORDERED)
def test_the_first_extreme_is_found(dtype: torch.dtype, axis: int) -> None:
    values = _values(dtype, (5, 4, 6))
    for kernel, reference in ((kernels.argmin, np.argmin), (kernels.argmax, np.argmax)):
        value, index = kernel(values, axis)
        expected = reference(values.numpy(), axis)
        np.testing.assert_array_equal(index, expected)
        kept = np.take_along_axis(values.numpy(), np.expand_dims(expected, axis), axis).squeeze(axis)
        np.testing.assert_array_equal(value, kept)
        assert value.dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.uint64, torch.bool])
@pytest.mark.parametrize("shape", [(600, 1100), (40000, 18), (3, 40000, 7)])
def test_the_first_extreme_of_many_rows_is_found_over_blocks(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 50, shape).astype(_numpy_name(dtype))
    if dtype.is_floating_point:
        array[rng.random(shape) < 1e-5] = np.nan
    axis = len(shape) - 2
    for values in (torch.from_numpy(array), torch.from_numpy(np.concatenate([array] * 2, axis))):
        np.testing.assert_array_equal(kernels.argmin(values, axis)[1], values.numpy().argmin(axis))
        np.testing.assert_array_equal(kernels.argmax(values, axis)[1], values.numpy().argmax(axis))


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("dtype", EVERY)
def test_truth_is_what_is_not_zero(dtype: torch.dtype, axes: tuple[int, ...]) -> None:
    values = _values(torch.int8, (3, 4, 2)).remainder(2).to(dtype)
    truth = values.numpy() != 0
    np.testing.assert_array_equal(kernels.all(values, axes), truth.all(axes))
    np.testing.assert_array_equal(kernels.any(values, axes), truth.any(axes))
    counts = kernels.count_nonzero(values, axes)
    assert counts.dtype == torch.int64
    np.testing.assert_array_equal(counts, truth.sum(axes))


def test_truth_of_nothing() -> None:
    nothing = torch.empty(2, 0)
    assert kernels.all(nothing, (1,)).tolist() == [True, True]
    assert kernels.any(nothing, (1,)).tolist() == [False, False]
    assert kernels.count_nonzero(nothing, (1,)).tolist() == [0, 0]


@pytest.mark.parametrize("length", [9, 63, 64, 1024, 2500, 9000])
def test_squares_of_ordinary_float32_are_added_up_in_pieces_of_their_own_precision(length: int) -> None:
    rows = max(100, -(-80_000 // length))
    values = torch.from_numpy(np.random.default_rng(4).standard_normal((rows, length)).astype(np.float32))
    for part in (values, values[:, 1:], values[: rows - 7]):
        # The elements of a column are added up one after another, those of a row in the lanes of a vector.
        for axes, tolerance in (((0,), 6e-7), ((1,), 3e-7), ((0, 1), 3e-7)):
            exact = np.square(part.numpy().astype(np.float64)).sum(axes)
            np.testing.assert_allclose(kernels.sum_of_squares(part, axes), exact, rtol=tolerance)
    # Where a piece's squares are nothing, tiny or not finite it is as exact as ever.
    values[3], values[4], values[5, 7], values[6, 8] = 0.0, 1e-30, torch.inf, torch.nan
    exact = np.square(values.numpy().astype(np.float64)).sum(1)
    np.testing.assert_allclose(kernels.sum_of_squares(values, (1,)), exact, rtol=1e-13)
    np.testing.assert_allclose(kernels.sum_of_squares(values.T.contiguous(), (0,)), exact, rtol=1e-13)


@pytest.mark.parametrize("shape", [(5000, 3), (70_000, 3), (2, 2500, 63), (0, 5), (5000, 0)], ids=str)
def test_short_rows_of_double_precision_are_added_up_exactly(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(6).standard_normal(shape)
    if values.size:
        values.reshape(-1)[:9] = [1e300, 1.0, 2.0, np.inf, 1.0, -np.inf, np.nan, 1.0, np.inf]
    last = len(shape) - 1
    for array in (values, np.asfortranarray(values), values[::2]):
        tensor = torch.from_numpy(array)
        with np.errstate(invalid="ignore"):
            exact = array.sum(-1)
        np.testing.assert_allclose(kernels.sum(tensor, (last,), torch.float64), exact, rtol=1e-13, atol=1e-13)
        if shape[-1]:
            means = kernels.mean(tensor, (last,), shape[-1])
            np.testing.assert_allclose(means, exact / shape[-1], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_many_integers_are_counted_added_up_and_compared_by_numpy(
    dtype: torch.dtype, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    values = _values(dtype, (300, 400))
    values[::3] = 0
    for part in (values, values[:, ::2]):
        array = part.numpy()
        assert kernels.count_nonzero(part, (0, 1)).item() == np.count_nonzero(array)
        np.testing.assert_array_equal(kernels.sum(part, (0, 1), torch.int64), array.sum(dtype=np.int64))
        for axis in (0, 1):
            for kernel, truth in ((kernels.argmin, np.argmin), (kernels.argmax, np.argmax)):
                value, index = kernel(part, axis)
                np.testing.assert_array_equal(index, truth(array, axis=axis))
                extreme = np.take_along_axis(array, truth(array, axis=axis, keepdims=True), axis)
                np.testing.assert_array_equal(value, extreme.squeeze(axis))


def test_many_truths_are_counted_exactly() -> None:
    truth = torch.rand(70000, 11) < 0.3
    for axes in ((0,), (1,), (0, 1)):
        np.testing.assert_array_equal(kernels.count_nonzero(truth, axes), truth.numpy().sum(axes))
    for axes in ((0, 1), (1,), (0,)):
        # Long lanes are counted one by one.
        truth = torch.rand(3, 5000) > 0.5
        np.testing.assert_array_equal(kernels.count_nonzero(truth, axes), truth.numpy().sum(axes))


@pytest.mark.parametrize("length", [2, 8, 64, 65])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8])
def test_extremes_along_a_short_outer_axis_are_the_first_ones(length: int, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    values = torch.randint(0, 5, (3, length, 40000)).to(dtype)
    if dtype.is_floating_point:
        values[torch.rand(values.shape) < 0.01] = torch.nan
    for kernel, truth in ((kernels.argmin, np.argmin), (kernels.argmax, np.argmax)):
        value, index = kernel(values, 1)
        expected = truth(values.numpy(), axis=1)
        np.testing.assert_array_equal(index, expected)
        np.testing.assert_array_equal(value, np.take_along_axis(values.numpy(), expected[:, None], 1)[:, 0])


def test_the_first_nan_is_the_extreme_and_infinities_of_both_signs_are_none() -> None:
    values = torch.zeros(4, 5000)
    values[1:3, :10], values[3, :10] = torch.inf, -torch.inf
    values[1:3, 20:30] = torch.nan
    for kernel, truth in ((kernels.argmin, np.argmin), (kernels.argmax, np.argmax)):
        np.testing.assert_array_equal(kernel(values, 0)[1], truth(values.numpy(), axis=0))


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("shape", [(40, 3, 70), (2500, 3), (7000,)])
def test_many_elements_are_reduced_as_few(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    rng = np.random.default_rng(2)
    sparse = torch.from_numpy((rng.random(shape) < 0.01).astype(np.float32)).to(dtype)
    for values in (
        sparse,
        (sparse == 0).to(dtype),
        sparse.permute(tuple(reversed(range(len(shape))))),
    ):
        for axes in [
            axes for count in range(1, 4) for axes in itertools.combinations(range(len(shape)), count)
        ]:
            truth = values.numpy() != 0
            np.testing.assert_array_equal(kernels.all(values, axes), truth.all(axes))
            np.testing.assert_array_equal(kernels.any(values, axes), truth.any(axes))
            if dtype in ORDERED:
                np.testing.assert_array_equal(kernels.min(values, axes), values.numpy().min(axes))
                np.testing.assert_array_equal(kernels.max(values, axes), values.numpy().max(axes))
    if dtype.is_complex:
        assert kernels.all(sparse.conj(), (0,)).shape == shape[1:]


def test_a_complex_mean_keeps_a_component_beside_an_infinite_one() -> None:
    values = torch.tensor([complex(torch.inf, -0.5), complex(1.0, 1.5)])
    found = kernels.mean(values, (0,), 2)
    assert found.tolist() == complex(torch.inf, 0.5)
