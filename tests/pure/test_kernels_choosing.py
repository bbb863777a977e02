"""Elements of two tensors by a condition, against NumPy, with a branch and without."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import choosing, elementwise
from array_api_dist.kernels.dtypes import TORCH

RANDOM = np.random.default_rng(8)
COUNT = 5000
ERRATIC = torch.from_numpy(RANDOM.random(COUNT) < 0.5)
STEADY = torch.arange(COUNT) < COUNT // 3


@pytest.fixture(autouse=True)
def _nothing_is_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_FEW", 0)
    monkeypatch.setattr(choosing, "_AT_ONCE", 1 << 9)


@pytest.fixture
def by_bits(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The conditions that were not branched on."""
    seen: list[object] = []
    whole = choosing._by_bits
    monkeypatch.setattr(choosing, "_by_bits", lambda *each: seen.append(each[0]) or whole(*each))
    return seen


def _values(dtype: dt.DType, seed: int) -> torch.Tensor:
    bits = np.random.default_rng(seed).integers(0, 2, (COUNT, 16), dtype=np.uint8)
    if dtype is dt.bool:
        return torch.from_numpy(bits[:, 0].astype(bool))
    # Any bits, those of NaN, too.
    width = TORCH[dtype].itemsize
    return torch.from_numpy((bits * 255)[:, :width].copy()).view(TORCH[dtype]).reshape(-1)


def _same(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.contiguous().numpy().tobytes() == expected.contiguous().numpy().tobytes()


@pytest.mark.parametrize("dtype", dt.DTYPES, ids=str)
def test_every_bit_is_that_of_the_chosen_one(dtype: dt.DType, by_bits: list[object]) -> None:
    where, x, y = elementwise.WHERE.for_dtype(TORCH[dtype]), _values(dtype, 0), _values(dtype, 1)
    for condition in (ERRATIC, STEADY):
        for first, second in ((x, y), (x[3], y), (x, y[5]), (x[3], y[5])):
            chosen = [np.broadcast_to(each.numpy(), COUNT) for each in (first, second)]
            expected = torch.from_numpy(np.where(condition.numpy(), *chosen))
            _same(where(condition, first, second), expected)
    assert len(by_bits) == (0 if dtype is dt.complex128 else 4)
    assert all(each is ERRATIC for each in by_bits)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "matrix": lambda x: x.view(50, 100),
    "transposed": lambda x: x.view(50, 100).T,
    "every other": lambda x: x[::2],
    "broadcast": lambda x: x[:1].expand(COUNT),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("laid_out", range(3))
def test_any_layout_is_chosen_from(layout: str, laid_out: int) -> None:
    operands = [ERRATIC, _values(dt.float32, 0), _values(dt.float32, 1)]
    change = LAYOUTS[layout]
    shape = change(ERRATIC).shape
    operands = [
        change(each) if place == laid_out else each[: shape.numel()].reshape(shape)
        for place, each in enumerate(operands)
    ]
    _same(choosing.where(*operands), torch.where(*operands))


def test_what_is_conjugate_or_negative_by_a_flag_is_that(by_bits: list[object]) -> None:
    x, y = _values(dt.complex64, 0).nan_to_num(), _values(dt.complex64, 1).nan_to_num()
    _same(choosing.where(ERRATIC, x.conj(), y), torch.where(ERRATIC, x.conj().resolve_conj(), y))
    _same(
        choosing.where(ERRATIC, x.conj().imag, y.real),
        torch.where(ERRATIC, x.conj().imag.resolve_neg(), y.real),
    )
    assert not by_bits
