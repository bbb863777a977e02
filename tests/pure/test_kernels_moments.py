"""Moments of one tensor against float64: every layout, means far away, what float32 can't square, NaN, nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from array_api_dist.kernels import moments as kernels

SHAPES = [
    ((70000, 18), (0, 1)), ((18, 70000), (1, 0)), ((300, 5000), (0, 1)), ((300, 5000), (1, 0)),
    ((7, 30, 11, 50), (2, 0, 3, 1)), ((1200000,), (0,)), ((1, 70001), (0, 1)), ((3, 40000, 2), (0, 1, 2)),
    ((1025, 255), (0, 1)), ((3, 140001), (0, 1)), ((4, 300, 100), (0, 1, 2)), ((70000, 3, 2), (0, 1, 2)),
    ((66000, 1, 1), (2, 0, 1)), ((130, 5000), (0, 1)), ((200, 2500), (0, 1)),
]  # fmt: skip


def _truth(values: torch.Tensor, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and M2 in extended precision."""
    exact = values.numpy().astype(np.longdouble)
    mean = exact.mean(axes, keepdims=True)
    return mean.squeeze(axes), ((exact - mean) ** 2).sum(axes)


def _check(values: torch.Tensor, axes: tuple[int, ...], tolerance: float) -> None:
    before = values.clone()
    count, mean, square, *_ = kernels.moments(values, axes)
    torch.testing.assert_close(values, before, rtol=0, atol=0, equal_nan=True)
    expected_mean, expected = _truth(values, axes)
    deviation = np.sqrt(expected / (n := math.prod(values.shape[axis] for axis in axes))) + 1e-30
    assert (count == n).all()
    assert mean.shape == square.shape == expected.shape
    rounding = 8 * torch.finfo(values.dtype).eps * np.abs(expected_mean)
    assert (np.abs(mean.numpy() - expected_mean) <= tolerance * deviation + rounding).all()
    np.testing.assert_allclose(square.numpy(), expected.astype(np.float64), rtol=tolerance)


@pytest.mark.parametrize(("shape", "order"), SHAPES)
def test_moments_of_every_layout(shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = (torch.randn(shape, dtype=torch.float64) * 3 + 100).permute(order)
    counts = range(1, values.ndim + 1)
    axes_of_all = [axes for count in counts for axes in itertools.combinations(range(values.ndim), count)]
    for axes in axes_of_all:
        if math.prod(values.shape[axis] for axis in axes) > 1:
            _check(values, axes, 1e-11)
            _check(values.to(torch.float32), axes, 5e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("shape", [(4000, 18), (300, 5000), (2, 70000)])
def test_moments_of_strided_memory(shape: tuple[int, int], axes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = torch.randn(*shape, 2, dtype=torch.float64) * 3 + 100
    _check(values[..., 1], axes, 1e-11)
    _check(torch.cat((values[..., 0], values[..., 1]), 1)[:, 7:-9], axes, 1e-11)
    blocks = values.view(2, -1, shape[1] // 2, 2)
    for each in itertools.combinations(range(3), len(axes)):
        _check(blocks[:, :, 2:, 0], each, 1e-9)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("shape", [(70000, 18), (300, 5000), (2, 140000), (40000, 30)])
def test_a_mean_far_from_the_deviations_costs_nothing(shape: tuple[int, int], axes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = torch.randn(shape, dtype=torch.float64)
    _check(values + 1e9, axes, 1e-9 if axes == (1,) else 1e-11)
    _check((values + 2e4).to(torch.float32), axes, 5e-6)
    # The first element of each lies apart.
    values[:, 0], values[0] = 1e8, 1e8
    _check(values, axes, 1e-9)
    _check(values.to(torch.float32), axes, 5e-5)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("shape", [(70000, 18), (300, 5000), (2, 140000)])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e18, 1e30])
def test_squares_may_leave_the_range_of_float32(
    scale: float, shape: tuple[int, int], axes: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    values = (torch.randn(shape, dtype=torch.float64) * scale).to(torch.float32)
    _check(values, axes, 5e-6)
    signs = torch.tensor([1.0, -1.0]).mul_(scale).repeat(70000).view(2, -1)
    square = kernels.moments(signs, (1,))[2]
    np.testing.assert_allclose(square, [70000 * float(np.float32(scale)) ** 2] * 2, rtol=1e-6)


def test_moments_of_nothing_are_zero() -> None:
    state = kernels.moments(torch.empty(0, 3), (0,))
    assert [each.tolist() for each in state] == [[0.0] * 3] * 3
    assert [each.tolist() for each in kernels.moments(torch.empty(0, 3, dtype=torch.float64), (0,))] == [
        [0.0] * 3
    ] * 4


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e30, 1e-30])
@pytest.mark.parametrize("shape", [(70000, 3), (300, 5000), (2, 140000), (5000, 40)])
def test_equal_elements_have_no_spread(shape: tuple[int, int], value: float) -> None:
    for dtype in (torch.float32, torch.float64):
        values = torch.full(shape, value, dtype=dtype)
        for axes in ((0,), (1,), (0, 1)):
            _, mean, square, *_ = kernels.moments(values, axes)
            assert (square == 0.0).all()
            assert (mean == values[0, 0].item()).all()


def test_columns_of_one_value_beside_others() -> None:
    values = torch.randn(70000, 5)
    values[:, 1], values[:, 2], values[:, 3] = 0.1, 0.0, torch.nan
    square = kernels.moments(values, (0,))[2]
    assert square[1:3].tolist() == [0.0, 0.0]
    assert square.isnan().tolist() == [False, False, False, True, False]
    np.testing.assert_allclose(
        square[[0, 4]], _truth(values[:, [0, 4]], (0,))[1].astype(np.float64), rtol=5e-6
    )
    rows = values.T.contiguous()
    np.testing.assert_allclose(kernels.moments(rows, (1,))[2], square, rtol=5e-6)


def test_a_spread_far_from_zero_survives() -> None:
    values = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64).repeat(1 << 18) + 1e9
    _, mean, square, *_ = kernels.moments(values, (0,))
    assert mean.item() == 1e9 + 2.5
    assert square.item() == pytest.approx(1.25 * values.numel(), rel=1e-12)


def test_an_outlier_in_front_costs_no_precision_that_matters() -> None:
    values = torch.rand(100000, dtype=torch.float64)
    values[0] = 1e8
    square = kernels.moments(values, (0,))[2].item()
    assert square == pytest.approx(values.numpy().var() * len(values), rel=1e-10)


@pytest.mark.parametrize(
    ("shape", "axes"), [((20000,), (0,)), ((4000, 5), (0,)), ((5, 4000), (1,)), ((60,), (0,))]
)
def test_an_order_of_few_elements_costs_no_digit(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    normal = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    outlier = normal.clone()
    outlier[(1,) * len(shape)] = 1e20
    for values in (outlier, torch.sort(normal * 100, axes[0]).values):
        _check(values, axes, 16 * torch.finfo(torch.float64).eps)
        found = kernels.variance(values, axes, math.prod(values.shape[axis] for axis in axes), root=False)
        expected = _truth(values, axes)[1] / math.prod(values.shape[axis] for axis in axes)
        np.testing.assert_allclose(found.numpy(), expected.astype(np.float64), rtol=16 * np.finfo(float).eps)


def test_moments_with_nan_or_infinity() -> None:
    values = torch.ones(4, 3)
    values[1, 0], values[0, 1], values[2, 2] = torch.nan, torch.inf, -torch.inf
    for dtype, copies in itertools.product((torch.float32, torch.float64), (1, 30)):
        _, mean, square, *_ = kernels.moments(values.to(dtype).repeat(copies, 1), (0,))
        np.testing.assert_array_equal(mean, [np.nan, np.inf, -np.inf])
        assert torch.isnan(square).all()
    assert torch.isnan(kernels.moments(values.repeat(30000, 1), (0,))[2]).all()


_FLOATS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
    elements=st.floats(-100, 100),
)


@given(array=_FLOATS, cut=st.integers(0, 6))
def test_merged_moments_are_those_of_the_whole(array: np.ndarray, cut: int) -> None:
    whole = torch.from_numpy(array)
    left, right = whole[:cut], whole[cut:]
    merged = kernels.merge_moments(kernels.moments(left, (0,)), kernels.moments(right, (0,)))
    for each, expected in zip(merged, kernels.moments(whole, (0,)), strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(3, 9000), (70, 5000), (1, 2_000_000)])
def test_long_rows_near_and_far_from_the_origin_have_their_moments(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    values = torch.from_numpy(np.random.default_rng(3).gamma(2.0, size=shape)).to(dtype)
    # One row far away: what is near must not be judged by the others, nor the other way round.
    values[-1] += 3000.0
    wide = values.to(torch.float64)
    exact = (wide - wide.mean(1, keepdim=True)).square().sum(1)
    count, mean, square, *_ = kernels.moments(values, (1,))
    assert count.tolist() == [shape[1]] * shape[0]
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(mean, wide.mean(1), rtol=tolerance, atol=0)
    torch.testing.assert_close(square, exact, rtol=tolerance, atol=0)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(100, 3000), (300, 700), (100, 70000), (3000, 40)])
def test_a_few_lanes_whose_squares_lose_digits_lose_none(shape: tuple[int, int], dtype: torch.dtype) -> None:
    lanes = torch.from_numpy(np.random.default_rng(5).gamma(2.0, size=shape)).to(dtype)
    lanes[1] += 1e4
    lanes[2], lanes[3] = 3.25, 0.0
    lanes[4] *= 1e-25 if dtype == torch.float32 else 1e-140
    lanes[5] *= 1e25 if dtype == torch.float32 else 1e150
    lanes[6, 2], lanes[7, 5], lanes[8, 0] = torch.nan, torch.inf, -torch.inf
    exact = lanes.numpy().astype(np.longdouble)
    with np.errstate(invalid="ignore"):
        expected_mean, expected = exact.mean(1), exact.var(1) * shape[1]
    rtol = 5e-6 if dtype == torch.float32 else 1e-12
    for values, axes in ((lanes, (1,)), (lanes.T.contiguous(), (0,)), (lanes.T, (0,))):
        _, mean, square, *_ = kernels.moments(values, axes)
        np.testing.assert_allclose(mean, expected_mean.astype(np.float64), rtol=rtol)
        np.testing.assert_allclose(square, expected.astype(np.float64), rtol=rtol)
        assert square[2] == square[3] == 0.0


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shape", [(500, 40, 90), (40, 500, 90), (6, 40, 2000)])
def test_moments_near_the_origin_of_several_axes(shape: tuple[int, ...]) -> None:
    values = torch.from_numpy(np.random.default_rng(6).gamma(2.0, size=shape))
    for count in (1, 2, 3):
        for axes in itertools.combinations(range(3), count):
            _check(values, axes, 1e-12)
            _check(values.to(torch.float32), axes, 5e-6)
            _check(values[:, ::2, 3:-4], axes, 1e-12)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_a_beginning_near_the_origin_deceives_nobody(axes: tuple[int, ...]) -> None:
    values = torch.from_numpy(np.random.default_rng(7).normal(1e4, 1e-2, (1000, 900)))
    values[:64, :100] -= 1e4
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 5e-6)):
        _check(values.to(dtype), axes, tolerance)
        _check(values.to(dtype)[:, 7:-9], axes, tolerance)


@pytest.mark.parametrize("offset", [0.0, 5.0, 29.0, 100.0, 1e4, 1e6])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.float64, 2e-14)])
@pytest.mark.parametrize("axes", [(0,), (1,)])
def test_what_pieces_round_off_their_means_does_not_add_up(
    axes: tuple[int, ...], dtype: torch.dtype, tolerance: float, offset: float
) -> None:
    # As few pieces as can be: of many the errors cancel.
    torch.manual_seed(3)
    values = (torch.randn(376, 1741, dtype=torch.float64) + offset).to(dtype)
    exact = _truth(values, axes)[1].astype(np.float64)
    np.testing.assert_allclose(kernels.moments(values, axes)[2], exact, rtol=tolerance)
