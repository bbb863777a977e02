"""Order within one tensor: NaN last both ways, equal values in their order, keys that order as the values do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import distinct, order_keys, ordering, packed_order
from array_api_dist.kernels.dtypes import TORCH

ORDERED = [dtype for dtype in dt.DTYPES if dtype in dt.REAL or dtype is dt.bool]


def _few_values(dtype: dt.DType, shape: tuple[int, ...]) -> torch.Tensor:
    """Return values with many equals: both limits of integers, NaN, infinities and both zeros of floats."""
    if dtype in dt.INTEGER:
        least, greatest = dt.integer_limits(dtype)
        pool = np.array([least, least + 1, 1, greatest - 1, greatest], dtype=dtype.name)
    elif dtype is dt.bool:
        pool = np.array([False, True])
    else:
        pool = np.array([-np.inf, -1.5, -0.0, 0.0, 1.5, np.inf, np.nan, -np.nan], dtype=dtype.name)
    return torch.from_numpy(pool[np.random.default_rng(3).integers(0, len(pool), shape)])


def _expected_order(array: np.ndarray, axis: int, *, descending: bool) -> np.ndarray:
    """Return the stable order with NaN last: by lanes, with Python's sort."""

    def order(lane: np.ndarray) -> list[int]:
        missing = [k for k in range(len(lane)) if lane[k] != lane[k]]
        present = [k for k in range(len(lane)) if lane[k] == lane[k]]
        # Reversed sorting of Python keeps the order of equals.
        return sorted(present, key=lambda k: lane[k].item(), reverse=descending) + missing

    return np.apply_along_axis(lambda lane: np.array(order(lane), dtype=np.int64), axis, array)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_sorting_is_stable_with_nan_last(dtype, axis, descending) -> None:
    values = _few_values(dtype, (30, 20)).T
    before = values.clone()
    expected = _expected_order(values.numpy(), axis, descending=descending)
    np.testing.assert_array_equal(ordering.argsort(values, axis, descending=descending), expected)
    ordered = ordering.sort(values, axis, descending=descending)
    lanes = np.take_along_axis(values.numpy(), expected, axis)
    np.testing.assert_array_equal(ordered, lanes)
    if dtype in dt.FLOATING:
        present = ~np.isnan(lanes)
        np.testing.assert_array_equal(np.signbit(ordered.numpy())[present], np.signbit(lanes)[present])
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_distinct_values_take_the_fast_way_to_the_same_order(dtype, descending) -> None:
    array = np.random.default_rng(0).permutation(100).astype(dtype.name)
    if dtype in dt.FLOATING:
        array[7] = np.nan
    ordered = ordering.sort(torch.from_numpy(array), 0, descending=descending)
    expected = array[_expected_order(array, 0, descending=descending)]
    np.testing.assert_array_equal(ordered, expected)
    if dtype in dt.FLOATING:
        np.testing.assert_array_equal(np.signbit(ordered.numpy())[:-1], np.signbit(expected)[:-1])


@pytest.mark.parametrize("dtype", dt.DTYPES, ids=str)
def test_nothing_sorts(dtype) -> None:
    nothing = torch.empty((0, 3), dtype=TORCH[dtype])
    assert ordering.sort(nothing, 0).shape == (0, 3)
    assert ordering.argsort(nothing, 1).shape == (0, 3)
    found = distinct.unique(nothing.reshape(-1), first=True, counts=True, numbers=True)
    assert [each.shape for each in (found.values, found.first, found.numbers, found.counts)] == [(0,)] * 4


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_values_order_by_real_then_imaginary_part(dtype) -> None:
    parts = (-1.0, 0.0, 2.0, torch.inf, torch.nan)
    values = torch.tensor([complex(a, b) for a, b in itertools.product(parts, parts)], dtype=dtype).flip(0)
    ordered = ordering.sort(values, 0)
    present = ordered[~torch.isnan(ordered)].tolist()
    assert present == sorted(present, key=lambda z: (z.real, z.imag))
    assert torch.isnan(ordered[len(present) :]).all()
    assert len(present) == 16


@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_keys_order_as_the_values_and_come_back(dtype) -> None:
    values = _few_values(dtype, (40, 5)).T
    for descending in (False, True):
        keys = order_keys.order_key(values, descending=descending)
        assert keys.dtype == torch.int64
        order = np.argsort(keys.numpy(), axis=1, kind="stable")
        np.testing.assert_array_equal(order, _expected_order(values.numpy(), 1, descending=descending))
    back = order_keys.from_order_key(order_keys.order_key(values), TORCH[dtype])
    np.testing.assert_array_equal(back, values)


@given(array=hnp.arrays(st.sampled_from([np.float32, np.float64]), st.integers(2, 20)))
def test_keys_are_equal_exactly_for_equal_floats(array: np.ndarray) -> None:
    keys = order_keys.order_key(torch.from_numpy(array)).numpy()
    for k in range(1, len(array)):
        before, after = array[k - 1], array[k]
        both_missing = np.isnan(before) and np.isnan(after)
        assert (keys[k - 1] == keys[k]) == (both_missing or before == after)
        if not (np.isnan(before) or np.isnan(after)):
            assert (keys[k - 1] < keys[k]) == (before < after)


def _found(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    found = distinct.unique(values, first=True, counts=True, numbers=True)
    assert found.first is not None
    assert found.numbers is not None
    assert found.counts is not None
    alone = distinct.unique(values, counts=True)
    # Asked for less, it takes another way.
    torch.testing.assert_close(alone.values, found.values, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(alone.counts, found.counts)
    return found.values, found.first, found.numbers, found.counts


@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_unique_is_numpys(dtype) -> None:
    values = _few_values(dtype, (64,))
    found, first, inverse, counts = _found(values)
    expected = np.unique(
        values.numpy(), return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    np.testing.assert_array_equal(found, expected[0])
    np.testing.assert_array_equal(first, expected[1])
    np.testing.assert_array_equal(counts, expected[3])
    np.testing.assert_array_equal(found[inverse], values)
    assert int(counts.sum()) == 64


@pytest.mark.parametrize(
    ("dtype", "below"), [(dt.float64, 40), (dt.uint64, 40), (dt.int8, 40), (dt.int32, 5000)], ids=str
)
def test_unique_goes_on_from_piece_to_piece(dtype, below, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_keys, "CHUNK", 8)
    monkeypatch.setattr(ordering, "FEW", 0)
    array = np.random.default_rng(5).integers(0, below, 300).astype(dtype.name)
    if dtype in dt.FLOATING:
        array[::17] = np.nan
    found, first, inverse, counts = _found(torch.from_numpy(array))
    expected = np.unique(array, return_index=True, return_inverse=True, return_counts=True, equal_nan=False)
    for ours, theirs in zip((found, first, inverse, counts), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [each for each in ORDERED if each not in dt.FLOATING], ids=str)
def test_close_integers_are_told_apart_by_a_table(dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "_WORTHWHILE", 16)
    monkeypatch.setattr(distinct, "_LEAST_PIECE", 7)
    span, bases = (2, [0]) if dtype is dt.bool else (18, [0, 50, dt.integer_limits(dtype)[0]])
    for base in bases:
        array = (np.random.default_rng(6).integers(0, span, 301) + base).astype(dtype.name)
        values = torch.from_numpy(array)
        assert (distinct._lowest_of_close(values) is None) == (dtype is dt.uint64)
        found, first, inverse, counts = _found(values)
        expected = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
        for ours, theirs in zip((found, first, inverse, counts), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert found.dtype == TORCH[dtype]
    # What lies farther apart than a table has places is sorted.
    far = torch.arange(0, 600, 4)
    assert distinct._lowest_of_close(far) is None
    assert torch.equal(distinct.unique(far).values, far)


def test_every_nan_is_its_own_complex_ones_as_well() -> None:
    reals = torch.tensor([torch.nan, 1.0, torch.nan, -0.0, 0.0])
    found, first, inverse, counts = _found(reals)
    np.testing.assert_array_equal(found, [0.0, 1.0, np.nan, np.nan])
    assert torch.signbit(found).tolist()[0]
    assert (first.tolist(), inverse.tolist()) == ([3, 1, 0, 2], [2, 1, 3, 0, 0])
    assert counts.tolist() == [2, 1, 1, 1]
    complexes = torch.tensor([complex(torch.nan, 1), 1j, complex(torch.nan, 1), 1j, complex(1, torch.nan)])
    found = distinct.unique(complexes, counts=True)
    assert found.values[0] == 1j
    assert found.counts is not None
    assert found.counts.tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize("runs", [3, 14])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_runs_are_merged_where_they_lie(dtype, descending, runs) -> None:
    whole = _few_values(dtype, (14,))
    own = whole.clone()
    values = order_keys.encoded(own, descending=descending)
    for first, last in ((0, 5), (5, 13), (13, 14)):
        ordering.sort_in_place(values[first:last], 0)
    ordering.sort_in_place(values, 0, runs=runs)
    assert values.data_ptr() == own.data_ptr()
    merged = order_keys.decoded(values, TORCH[dtype], descending=descending)
    expected = whole.numpy()[_expected_order(whole.numpy(), 0, descending=descending)]
    np.testing.assert_array_equal(merged, expected)
    if dtype in dt.FLOATING:
        present = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(merged.numpy())[present], np.signbit(expected)[present])


@pytest.mark.parametrize("nan_is_least", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_comparable_integers_have_the_order_of_the_values(dtype: torch.dtype, *, nan_is_least: bool) -> None:
    tiny = torch.finfo(dtype).smallest_normal / 4
    ordered = [-torch.inf, -2.5, -tiny, -0.0, 0.0, tiny, 1.0, torch.inf]
    values = torch.tensor(ordered, dtype=dtype)
    key = order_keys.comparable(values, nan_is_least=nan_is_least)
    assert key.tolist() == sorted(set(key.tolist()))
    back = order_keys.from_comparable(key, dtype)
    torch.testing.assert_close(back, values, rtol=0, atol=0)
    assert torch.equal(torch.signbit(back), torch.signbit(values))
    for nan in (torch.tensor(torch.nan, dtype=dtype), -torch.tensor(torch.nan, dtype=dtype).abs()):
        mark = order_keys.comparable(nan, nan_is_least=nan_is_least)
        assert mark.shape == ()
        assert (mark < key).all() if nan_is_least else (mark > key).all()
        assert order_keys.from_comparable(mark, dtype).isnan()


# ---- keys and positions packed into one integer


def _adversaries() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    far = np.array([-(2**63), 2**63 - 1])
    near = rng.integers(0, 9, 400)
    return {
        "far outliers": np.concatenate((near[:200], far, near[200:])),
        "every bit": rng.integers(-(2**63), 2**63 - 1, 400),
        "low bits apart": (rng.integers(0, 3, 400) << 61) + rng.integers(0, 50, 400),
        "one value and far ones": np.concatenate((np.full(300, 7), far, np.full(100, 7))),
        "two values": rng.integers(0, 2, 400).astype(float),
        "neighbours": np.nextafter(1.0, 2.0) + rng.integers(0, 5, 400) * 2.0**-52,
        "unsigned": rng.integers(0, 2**64 - 1, 400, dtype=np.uint64),
        "NaN": np.where(rng.random(400) < 0.5, np.nan, rng.normal(size=400)),
    }


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("chunk", [4, 64, 1 << 15])
@pytest.mark.parametrize("name", _adversaries())
def test_keys_that_were_cut_are_put_in_order(name, chunk, descending, monkeypatch) -> None:
    monkeypatch.setattr(order_keys, "CHUNK", chunk)
    array = _adversaries()[name]
    # With few bits for keys nearly all look alike at first.
    for bits in (63, 20):
        monkeypatch.setattr(packed_order, "_BITS", bits)
        for shape in ((-1,), (2, -1), (-1, 2), (1, -1)):
            values = torch.from_numpy(array.reshape(shape))
            for axis in range(values.ndim):
                found = packed_order.packed_argsort(values, axis, descending=descending)
                expected = _expected_order(values.numpy(), axis, descending=descending)
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("count", [1, 2, 16, 17, 300])
@pytest.mark.parametrize("length", [0, 1, 100, 100_000])
def test_numbers_of_groups_are_counted_and_put_in_stable_order(length: int, count: int, narrow: bool) -> None:
    torch.manual_seed(0)
    groups = torch.randint(0, count, (length,)).to(packed_order.group_type(count))
    sizes = packed_order.group_sizes(groups, count)
    assert sizes == torch.bincount(groups.to(torch.int64), minlength=count).tolist()
    order = packed_order.grouped_argsort(groups, sizes, narrow=narrow)
    assert order.dtype == (torch.int32 if narrow else torch.int64)
    np.testing.assert_array_equal(order, torch.argsort(groups, stable=True))
