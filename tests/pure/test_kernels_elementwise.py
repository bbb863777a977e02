"""The table of elementwise kernels: result types, storage, shapes and strides; conversions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import elementwise as kernels
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import STANDARD, TORCH

KERNELS = {name: kernel for name, kernel in vars(kernels).items() if isinstance(kernel, kernels.Kernel)}
BOOLEAN_RESULTS = {
    "EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "ISFINITE", "ISINF", "ISNAN", "SIGNBIT",
}  # fmt: skip
REAL_RESULTS = {"ABS", "REAL", "IMAG"}
BINARY = {
    "ADD", "ATAN2", "BITWISE_AND", "BITWISE_LEFT_SHIFT", "BITWISE_OR", "BITWISE_RIGHT_SHIFT", "BITWISE_XOR",
    "CLIP_MAX", "CLIP_MIN", "COPYSIGN", "DIVIDE", "EQUAL", "FLOOR_DIVIDE", "GREATER", "GREATER_EQUAL", "HYPOT", "LESS",
    "LESS_EQUAL", "LOGADDEXP", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_XOR", "MAXIMUM", "MINIMUM", "MULTIPLY",
    "NEXTAFTER", "NOT_EQUAL", "POW", "REMAINDER", "SUBTRACT",
}  # fmt: skip
REAL_FLOATING_ONLY = {"ATAN2", "COPYSIGN", "HYPOT", "LOGADDEXP", "NEXTAFTER", "SIGNBIT"}
FLOATING_ONLY = {
    "ACOS", "ACOSH", "ASIN", "ASINH", "ATAN", "ATANH", "COS", "COSH", "DIVIDE", "EXP", "EXPM1", "LOG", "LOG10",
    "LOG1P", "LOG2", "RECIPROCAL", "SIN", "SINH", "SQRT", "TAN", "TANH",
}  # fmt: skip
REAL_ONLY = {
    "CEIL", "CLIP", "CLIP_MAX", "CLIP_MIN", "FLOOR", "FLOOR_DIVIDE", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL",
    "MAXIMUM", "MINIMUM", "REMAINDER", "TRUNC",
}  # fmt: skip
EVERY_DTYPE = {"EQUAL", "NOT_EQUAL", "WHERE"}


def _accepted(name: str) -> frozenset[dt.DType]:
    if name in EVERY_DTYPE:
        return dt.ALL
    if name.startswith("BITWISE"):
        return dt.INTEGER if name.endswith("SHIFT") else dt.INTEGER_OR_BOOLEAN
    if name.startswith("LOGICAL"):
        return dt.BOOLEAN
    if name == "IMAG":
        return dt.COMPLEX_FLOATING
    sets = ((REAL_FLOATING_ONLY, dt.REAL_FLOATING), (FLOATING_ONLY, dt.FLOATING), (REAL_ONLY, dt.REAL))
    return next((dtypes for names, dtypes in sets if name in names), dt.NUMERIC)


def _operands(name: str, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return as many of ``tensors`` as the function takes, with a condition in front for WHERE."""
    if name == "WHERE":
        return tensors[0].to(torch.bool), *tensors[:2]
    return tensors[: 3 if name == "CLIP" else 2 if name in BINARY else 1]


def _expected_dtype(name: str, dtype: dt.DType) -> torch.dtype:
    if name in BOOLEAN_RESULTS:
        return torch.bool
    return TORCH[dt.real_of(dtype) if name in REAL_RESULTS else dtype]


DTYPES = {name: [TORCH[dtype] for dtype in dt.DTYPES if dtype in _accepted(name)] for name in sorted(KERNELS)}


def _sample(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 5, (*shape, 2), generator=generator)
    if dtype.is_complex:
        return torch.view_as_complex(values.to(torch.float64)).to(dtype)
    return values[..., 0].to(dtype)


def test_every_function_of_the_standard_has_a_kernel() -> None:
    standard = {name for name in KERNELS if name not in {"CLIP_MIN", "CLIP_MAX", "WHERE"}}
    assert len(standard) == 67
    assert all(KERNELS[name].name == name.lower() for name in standard)


@pytest.mark.parametrize("name", DTYPES)
def test_results_have_the_dtype_and_shape_of_the_standard(name: str) -> None:
    for dtype, shape in itertools.product(DTYPES[name], [(), (0,), (3, 0), (5,), (2, 3)]):
        operands = _operands(name, *[_sample(shape, dtype, seed) for seed in range(3)])
        result = KERNELS[name].for_dtype(dtype)(*operands)
        assert result.shape == shape
        assert result.dtype == _expected_dtype(name, STANDARD[dtype])
        assert not result.is_conj()
        assert not result.is_neg()


@pytest.mark.parametrize("name", DTYPES)
def test_strides_and_broadcasting_change_no_value(name: str) -> None:
    for dtype in DTYPES[name]:
        kernel = KERNELS[name].for_dtype(dtype)
        wide = _sample((6, 8), dtype, 1)
        views = (wide[::2, 1::3], wide.mT[:3, :3], wide[:3, :1], wide[0, 0], wide[1, :3].expand(3, 3))
        for first, second in itertools.product(views, views):
            operands = _operands(name, first, second, wide[:3, 2:5])
            whole = torch.broadcast_tensors(*operands)
            expected = kernel(*[operand.contiguous() for operand in whole])
            torch.testing.assert_close(kernel(*operands), expected, rtol=1e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", DTYPES)
def test_operands_are_never_written(name: str) -> None:
    for dtype in DTYPES[name]:
        operands = _operands(name, *[_sample((7,), dtype, seed) for seed in range(3)])
        before = [operand.clone() for operand in operands]
        KERNELS[name].for_dtype(dtype)(*operands)
        assert all(torch.equal(operand, copy) for operand, copy in zip(operands, before, strict=True))


@pytest.mark.parametrize("name", DTYPES)
def test_a_result_on_the_operands_storage_is_another_tensor(name: str) -> None:
    """Copy on write counts the tensors on a storage: one tensor in two hands would count once."""
    views = {"POSITIVE", "REAL", "IMAG", "CONJ", "ABS", "CEIL", "FLOOR", "ROUND", "TRUNC"}
    for dtype in DTYPES[name]:
        operands = _operands(name, *[_sample((7,), dtype, seed) for seed in range(3)])
        result = KERNELS[name].for_dtype(dtype)(*operands)
        owners = {operand.untyped_storage().data_ptr() for operand in operands}
        assert all(result is not operand for operand in operands)
        assert name in views or result.untyped_storage().data_ptr() not in owners


@pytest.mark.parametrize("source", dt.DTYPES, ids=str)
@pytest.mark.parametrize("target", dt.DTYPES, ids=str)
def test_cast_keeps_what_the_target_can_hold(source: dt.DType, target: dt.DType) -> None:
    tensor = torch.arange(100).to(TORCH[source])
    expected = torch.arange(100).bool() if dt.bool in (source, target) else torch.arange(100)
    result = cast(tensor, TORCH[target])
    assert result.dtype == TORCH[target]
    assert [int(value) for value in result.real.tolist()] == [int(value) for value in expected.tolist()]


def test_cast_of_great_unsigned_integers_is_exact() -> None:
    values = [2**63, 2**63 + 2**12, 2**64 - 2**11, 1, 0]
    tensor = torch.tensor(values, dtype=torch.uint64)
    assert cast(tensor, torch.float64).tolist() == [float(value) for value in values]
    assert cast(cast(tensor, torch.float64), torch.uint64).tolist() == values
    assert cast(tensor, torch.bool).tolist() == [True, True, True, True, False]
    assert cast(tensor, torch.uint8).tolist() == [value % 256 for value in values]


@pytest.mark.parametrize("target", dt.INTEGER, ids=str)
def test_cast_wraps_integers_as_numpy_does(target: dt.DType) -> None:
    values = np.array([-(2**63), -129, -1, 0, 255, 256, 65536, 2**31, 2**63 - 1])
    assert cast(torch.from_numpy(values), TORCH[target]).tolist() == values.astype(target.name).tolist()
