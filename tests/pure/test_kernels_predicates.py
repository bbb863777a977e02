"""Comparisons and predicates by NumPy's loops give what torch's do, on any memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from array_api_dist.kernels import host_loops, predicates

SPECIAL = [0.0, -0.0, 1.5, -1.5, float("nan"), float("inf"), -float("inf")]
COMPARISONS = {
    "equal": torch.eq, "greater": torch.gt, "greater_equal": torch.ge, "less": torch.lt, "less_equal": torch.le,
    "not_equal": torch.ne,
}  # fmt: skip
PREDICATES = {
    "isfinite": torch.isfinite, "isinf": torch.isinf, "isnan": torch.isnan, "signbit": torch.signbit
}  # fmt: skip
DTYPES = [
    torch.float32, torch.float64, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64
]  # fmt: skip
TOLD_APART = [torch.uint16, torch.uint32, torch.uint64]
CASES = [(name, dtype) for name in COMPARISONS for dtype in DTYPES] + [
    (name, dtype) for name in ("equal", "not_equal") for dtype in TOLD_APART
]


@pytest.fixture(autouse=True, params=[0, 1 << 30], ids=["by NumPy", "by torch"])
def _few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (host_loops, predicates):
        monkeypatch.setattr(module, "FEW", request.param)


def made(dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    choices = torch.tensor(SPECIAL)
    values = choices[torch.randint(len(SPECIAL), shape, generator=torch.Generator().manual_seed(len(shape)))]
    return values.to(dtype) if dtype.is_floating_point else values.nan_to_num(3.0, 7.0, -7.0).to(dtype)


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=str)
def test_comparisons_broadcast_and_take_any_strides(name: str, dtype: torch.dtype) -> None:
    ours: Callable[..., torch.Tensor] = getattr(predicates, name)
    x, y = made(dtype, (9, 14)), made(dtype, (9, 14))[torch.arange(8, -1, -1)]
    pairs = [
        (x, y),
        (x.mT, y.mT),
        (x[::2, 1::3], y[::2, 1::3]),
        (x, y[0]),
        (x[:, :1], y[0]),
        (x, y[0, 0]),
        (x[0, 0], y),
    ]
    with warnings.catch_warnings(action="error"):
        for left, right in (*pairs, (x[:0], y[:0])):
            found = ours(left, right)
            assert found.dtype == torch.bool
            assert torch.equal(found, COMPARISONS[name](left, right))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", PREDICATES)
def test_predicates_take_any_strides(name: str, dtype: torch.dtype) -> None:
    ours: Callable[..., torch.Tensor] = getattr(predicates, name)
    x = made(dtype, (9, 14))
    for values in (x, x.mT, x[::2, 1::3], x[0, 4], x[:0]):
        assert torch.equal(ours(values), PREDICATES[name](values))


@pytest.mark.parametrize("shape", [(4, 6), (0, 3), (5,), ()])
def test_positions_are_numpys_in_row_major_order(shape: tuple[int, ...]) -> None:
    mask = np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape) % 3 != 1).T
    found = predicates.positions(torch.from_numpy(mask))
    assert found.dtype == torch.int64
    np.testing.assert_array_equal(found, np.flatnonzero(mask))
    assert predicates.count(torch.from_numpy(mask)) == len(found)
