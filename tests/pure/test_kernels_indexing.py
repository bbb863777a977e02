"""Taking, turning, rolling and repeating the elements of one tensor against NumPy, for every data type."""

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


@EVERY_DTYPE
@pytest.mark.parametrize("places", [[], [0], [2, 0, 2, 1, 1]], ids=str)
def test_slabs_are_those_that_numpy_takes(dtype, places) -> None:
    for values in (_values(dtype), _values(dtype).contiguous(), _values(dtype, (1, 9, 3, 4))[:, ::2].mT):
        for axis in range(values.ndim):
            where = torch.tensor(places, dtype=torch.int64) % values.shape[axis]
            expected = values.numpy().take(where.numpy(), axis)
            _same(indexing.slabs(values, axis, where), expected, dtype)
            _same(indexing.slabs(values, axis, where.to(torch.int32)), expected, dtype)


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
    assert indexing.slabs(nothing, 1, torch.tensor([2, 0])).shape == (0, 2)
    assert indexing.slabs(nothing, 0, torch.empty(0, dtype=torch.int64)).shape == (0, 3)
    assert indexing.flip(nothing, (0, 1)).shape == (0, 3)
    assert indexing.roll(nothing, {0: 2}).shape == (0, 3)
    assert indexing.tile(nothing, (2, 2)).shape == (0, 6)
    assert indexing.repeat_interleave(nothing, 2, 0).shape == (0, 3)
    assert indexing.repeat_interleave(nothing, torch.empty(0, dtype=torch.int64), 0).shape == (0, 3)
