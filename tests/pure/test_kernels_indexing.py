"""Taking, putting and repeating elements of one tensor against NumPy, for every data type."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import indexing
from array_api_dist.kernels.dtypes import TORCH

EVERY_DTYPE = pytest.mark.parametrize("dtype", dt.DTYPES, ids=str)


def _values(dtype: dt.DType, shape: tuple[int, ...] = (4, 3, 5)) -> torch.Tensor:
    """Return bits over the whole range, with the axes reversed in memory."""
    nbytes = dtype.nbytes * int(np.prod(shape))
    raw = np.random.default_rng(0).integers(0, 256, nbytes, dtype=np.uint8)
    if dtype is dt.bool:
        return torch.from_numpy(raw.reshape(shape[::-1]) > 127).permute(tuple(reversed(range(len(shape)))))
    whole = np.frombuffer(raw.tobytes(), dtype=dtype.name).copy()
    whole[~np.isfinite(whole)] = 1
    return torch.from_numpy(whole.reshape(shape[::-1])).permute(tuple(reversed(range(len(shape)))))


def _same(result: torch.Tensor, expected: np.ndarray, dtype: dt.DType) -> None:
    assert result.dtype == TORCH[dtype]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
@EVERY_DTYPE
def test_take_and_take_along_axis_are_numpys(dtype, axis) -> None:
    values = _values(dtype)
    for chosen in ([2, 0, 2], []):
        indices = torch.tensor(chosen, dtype=torch.int64)
        _same(indexing.take(values, indices, axis), values.numpy().take(indices.numpy(), axis), dtype)
    shape = [2 if each == axis else n for each, n in enumerate(values.shape)]
    lanes = torch.randint(0, 3, shape)
    expected = np.take_along_axis(values.numpy(), lanes.numpy(), axis)
    _same(indexing.take_along_axis(values, lanes, axis), expected, dtype)


@EVERY_DTYPE
def test_masks_cover_the_leading_axes(dtype) -> None:
    values = _values(dtype)
    for axes in (1, 2, 3):
        mask = torch.arange(int(np.prod(values.shape[:axes]))).reshape(values.shape[:axes]) % 3 == 0
        selected = indexing.masked_select(values, mask)
        _same(selected, values.numpy()[mask.numpy()], dtype)
        written, expected = values.clone(), values.numpy().copy()
        indexing.masked_fill_values(written, mask, selected.flip(0) if dtype in dt.FLOATING else selected)
        expected[mask.numpy()] = (selected.flip(0) if dtype in dt.FLOATING else selected).numpy()
        _same(written, expected, dtype)
    none = torch.zeros(values.shape, dtype=torch.bool)
    assert indexing.masked_select(values, none).shape == (0,)


@EVERY_DTYPE
def test_one_value_fills_a_mask_of_a_strided_part(dtype) -> None:
    whole = _values(dtype).contiguous()
    expected = whole.numpy().copy()
    part, one = whole[:, ::2], whole[0, 0, 0].clone()
    mask = torch.arange(part.numel()).reshape(part.shape) % 2 == 0
    indexing.masked_fill_values(part, mask, one)
    expected[:, ::2][mask.numpy()] = one.numpy()
    _same(whole, expected, dtype)


@EVERY_DTYPE
def test_of_equal_positions_the_last_value_is_written(dtype) -> None:
    target = torch.zeros((5, 3), dtype=TORCH[dtype])
    values = _values(dtype, (4, 3))
    indexing.index_put(target, (torch.tensor([1, 3, 1, 3]),), values)
    expected = np.zeros((5, 3), dtype=dtype.name)
    expected[1], expected[3] = values[2].numpy(), values[3].numpy()
    _same(target, expected, dtype)
    nothing = torch.empty(0, dtype=torch.int64)
    indexing.index_put(target, (nothing, nothing), values.reshape(-1)[:0])
    _same(target, expected, dtype)


def test_of_very_many_equal_positions_the_last_value_is_written() -> None:
    target = torch.zeros(10, dtype=torch.int64)
    indexing.index_put(target, (torch.arange(200000) % 10,), torch.arange(200000))
    assert target.tolist() == list(range(199990, 200000))


@EVERY_DTYPE
def test_flip_roll_tile_and_repeat_are_numpys(dtype) -> None:
    values = _values(dtype)
    array = values.numpy()
    _same(indexing.flip(values, (0, 2)), np.flip(array, (0, 2)), dtype)
    for shift in (-7, 0, 2):
        _same(indexing.roll(values, {2: shift}), np.roll(array, shift, 2), dtype)
    _same(indexing.tile(values, (2, 1, 3)), np.tile(array, (2, 1, 3)), dtype)
    _same(indexing.tile(values, (1, 0, 1)), np.tile(array, (1, 0, 1)), dtype)
    _same(indexing.repeat_interleave(values, 3, 1), np.repeat(array, 3, 1), dtype)
    for counts in (torch.tensor([2, 0, 1], dtype=torch.uint8), torch.tensor([0, 0, 0])):
        _same(indexing.repeat_interleave(values, counts, 1), np.repeat(array, counts.numpy(), 1), dtype)


@EVERY_DTYPE
def test_empty_parts_can_be_moved(dtype) -> None:
    nothing = _values(dtype, (0, 3))
    assert indexing.flip(nothing, (0, 1)).shape == (0, 3)
    assert indexing.roll(nothing, {0: 2}).shape == (0, 3)
    assert indexing.tile(nothing, (2, 2)).shape == (0, 6)
    assert indexing.repeat_interleave(nothing, 2, 0).shape == (0, 3)
    assert indexing.repeat_interleave(nothing, torch.empty(0, dtype=torch.int64), 0).shape == (0, 3)
    assert indexing.take(nothing, torch.empty(0, dtype=torch.int64), 0).shape == (0, 3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [each for each in dt.DTYPES if each in dt.NUMERIC], ids=str)
def test_differences_are_numpys_and_integers_wrap(dtype, axis) -> None:
    values = _values(dtype)
    with np.errstate(all="ignore"):
        _same(indexing.diff_once(values, axis), np.diff(values.numpy(), axis=axis), dtype)
    assert indexing.diff_once(values.narrow(axis, 0, 1), axis).shape[axis] == 0
    assert indexing.diff_once(values.narrow(axis, 0, 0), axis).shape[axis] == 0
