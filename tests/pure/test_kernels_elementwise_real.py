"""Elementwise kernels on real numbers: every special value, everywhere in a block."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from array_api_dist.kernels import elementwise as kernels
from array_api_dist.kernels import host_loops

INF = math.inf
NAN = math.nan
DTYPES = [torch.float32, torch.float64]

# Where NumPy means what the standard says.
UNARY: list[tuple[kernels.Kernel, Callable[..., np.ndarray]]] = [
    (kernels.ABS, np.abs),
    (kernels.ACOS, np.arccos),
    (kernels.ACOSH, np.arccosh),
    (kernels.ASIN, np.arcsin),
    (kernels.ASINH, np.arcsinh),
    (kernels.ATAN, np.arctan),
    (kernels.ATANH, np.arctanh),
    (kernels.CEIL, np.ceil),
    (kernels.CONJ, np.conj),
    (kernels.COS, np.cos),
    (kernels.COSH, np.cosh),
    (kernels.EXP, np.exp),
    (kernels.EXPM1, np.expm1),
    (kernels.FLOOR, np.floor),
    (kernels.ISFINITE, np.isfinite),
    (kernels.ISINF, np.isinf),
    (kernels.ISNAN, np.isnan),
    (kernels.LOG, np.log),
    (kernels.LOG10, np.log10),
    (kernels.LOG1P, np.log1p),
    (kernels.LOG2, np.log2),
    (kernels.NEGATIVE, np.negative),
    (kernels.POSITIVE, np.positive),
    (kernels.REAL, np.real),
    (kernels.RECIPROCAL, np.reciprocal),
    (kernels.ROUND, np.rint),
    (kernels.SIGN, np.sign),
    (kernels.SIGNBIT, np.signbit),
    (kernels.SIN, np.sin),
    (kernels.SINH, np.sinh),
    (kernels.SQRT, np.sqrt),
    (kernels.SQUARE, np.square),
    (kernels.TAN, np.tan),
    (kernels.TANH, np.tanh),
    (kernels.TRUNC, np.trunc),
]
BINARY: list[tuple[kernels.Kernel, Callable[..., np.ndarray]]] = [
    (kernels.ADD, np.add),
    (kernels.ATAN2, np.arctan2),
    (kernels.COPYSIGN, np.copysign),
    (kernels.DIVIDE, np.divide),
    (kernels.EQUAL, np.equal),
    (kernels.GREATER, np.greater),
    (kernels.GREATER_EQUAL, np.greater_equal),
    (kernels.HYPOT, np.hypot),
    (kernels.LESS, np.less),
    (kernels.LESS_EQUAL, np.less_equal),
    (kernels.LOGADDEXP, np.logaddexp),
    (kernels.MULTIPLY, np.multiply),
    (kernels.NEXTAFTER, np.nextafter),
    (kernels.NOT_EQUAL, np.not_equal),
    (kernels.POW, np.power),
    (kernels.REMAINDER, np.remainder),
    (kernels.SUBTRACT, np.subtract),
]
EXACT = {
    "abs", "add", "ceil", "conj", "copysign", "divide", "floor", "multiply", "negative", "nextafter", "positive", "real",
    "reciprocal", "remainder", "round", "sign", "sqrt", "square", "subtract", "trunc",
}  # fmt: skip


@pytest.fixture(autouse=True, params=[1, 4], ids=["one thread", "four threads"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose loops compute on the host hangs on how many threads the ranks of the job have."""
    monkeypatch.setattr(host_loops._job, "threads", request.param)


def _name(row: object) -> str:
    return getattr(row, "name", "")


def _values(dtype: torch.dtype) -> np.ndarray:
    """Return special values, one of each kind, and ordinary ones."""
    limits = torch.finfo(dtype)
    overflow = 89.2 if dtype == torch.float32 else 710.2  # exp overflows here, and cosh does not
    positive = [
        0.0,
        1.0,
        0.5,
        1.5,
        2.0,
        2.5,
        3.0,
        limits.tiny,
        limits.max,
        INF,
        0.3,
        7.25,
        100.0,
        1e-5,
        1e5,
        overflow,
    ]
    values = [*positive, *(-value for value in positive), NAN]
    return np.asarray(values, dtype=np.dtype(str(dtype).removeprefix("torch.")))


def _pairs(dtype: torch.dtype) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.meshgrid(_values(dtype), _values(dtype))
    return left.ravel().copy(), right.ravel().copy()


def _run(kernel: kernels.Kernel, *operands: np.ndarray) -> np.ndarray:
    tensors = [torch.from_numpy(operand) for operand in operands]
    return kernel.for_dtype(tensors[0].dtype)(*tensors).numpy()


def _assert_same(result: np.ndarray, expected: np.ndarray, ulps: int) -> None:
    """Compare to within ``ulps``; NaNs, infinities and the signs of zeros exactly."""
    assert result.dtype == expected.dtype
    if result.dtype == np.bool_:
        np.testing.assert_array_equal(result, expected)
        return
    np.testing.assert_allclose(
        result, expected, rtol=ulps * np.finfo(result.dtype).eps, atol=np.finfo(result.dtype).smallest_normal
    )
    zeros = expected == 0
    np.testing.assert_array_equal(result == 0, zeros)
    np.testing.assert_array_equal(np.signbit(result[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kernel", "truth"), UNARY, ids=_name)
def test_functions_of_one_number_agree_with_numpy(
    kernel: kernels.Kernel, truth: Callable[..., np.ndarray], dtype: torch.dtype
) -> None:
    values = _values(dtype)
    with np.errstate(all="ignore"):
        expected = truth(values)
    _assert_same(_run(kernel, values), expected, 0 if kernel.name in EXACT else 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kernel", "truth"), BINARY, ids=_name)
def test_functions_of_two_numbers_agree_with_numpy(
    kernel: kernels.Kernel, truth: Callable[..., np.ndarray], dtype: torch.dtype
) -> None:
    pairs = _pairs(dtype)
    with np.errstate(all="ignore"):
        expected = truth(*pairs)
    _assert_same(_run(kernel, *pairs), expected, 0 if kernel.name in EXACT else 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kernel", "truth"), BINARY, ids=_name)
def test_one_number_beside_many_agrees_with_numpy(
    kernel: kernels.Kernel, truth: Callable[..., np.ndarray], dtype: torch.dtype
) -> None:
    values, function, ulps = _values(dtype), kernel.for_dtype(dtype), 0 if kernel.name in EXACT else 8
    many = torch.from_numpy(values)
    for one in many:
        alike = np.full_like(values, one)
        with np.errstate(all="ignore"):
            after, before = truth(values, alike), truth(alike, values)
        _assert_same(function(many, one).numpy(), after, ulps)
        _assert_same(function(one, many).numpy(), before, ulps)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kernel", [row[0] for row in UNARY], ids=_name)
def test_special_values_are_found_at_every_position(kernel: kernels.Kernel, dtype: torch.dtype) -> None:
    """torch computes the body of a block by other instructions than its tail and its strided elements."""
    values = _values(dtype)
    whole = _run(kernel, np.tile(values, 8))
    apart = np.concatenate([_run(kernel, values[i : i + 1].copy()) for i in range(values.size)])
    strided = _run(kernel, np.repeat(values, 2)[::2])
    _assert_same(whole, np.tile(apart, 8), 8)
    _assert_same(strided, apart, 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kernel", [kernels.FLOOR_DIVIDE, *(row[0] for row in BINARY)], ids=_name)
def test_special_pairs_are_found_at_every_position(kernel: kernels.Kernel, dtype: torch.dtype) -> None:
    left, right = _pairs(dtype)
    whole = _run(kernel, left, right)
    strided = _run(kernel, np.repeat(left, 2)[::2], np.repeat(right, 2)[::2])
    _assert_same(whole, strided, 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_floor_divide_is_the_floor_of_the_quotient_at_infinities(dtype: torch.dtype) -> None:
    """NumPy follows Python here, which the standard names as the exception."""
    left, right = _pairs(dtype)
    infinite = np.isinf(left) | np.isinf(right)
    result = _run(kernels.FLOOR_DIVIDE, left, right)
    with np.errstate(all="ignore"):
        quotient, python = left / right, np.floor_divide(left, right)
    _assert_same(result[infinite], quotient[infinite], 0)
    _assert_same(result[~infinite], python[~infinite], 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_remainder_is_exact_where_the_quotient_overflows(dtype: torch.dtype, size: int) -> None:
    huge, small = torch.finfo(dtype).max, torch.finfo(dtype).tiny * 3
    dividends = np.resize(np.asarray([huge, -huge, 5.0, NAN], np.dtype(str(dtype)[6:])), size)
    divisors = np.full_like(dividends, small)
    _assert_same(_run(kernels.REMAINDER, dividends, divisors), np.remainder(dividends, divisors), 0)
    _assert_same(_run(kernels.REMAINDER, dividends, divisors[:1]), np.remainder(dividends, divisors), 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("kernel", "truth"),
    [
        (kernels.MAXIMUM, np.maximum),
        (kernels.MINIMUM, np.minimum),
        (kernels.CLIP_MIN, np.maximum),
        (kernels.CLIP_MAX, np.minimum),
    ],
    ids=["maximum", "minimum", "clip_min", "clip_max"],
)
def test_the_greater_and_the_lesser_pass_nan_on(
    kernel: kernels.Kernel, truth: Callable[..., np.ndarray], dtype: torch.dtype
) -> None:
    """The standard leaves open which of two zeros is the greater."""
    pairs = _pairs(dtype)
    np.testing.assert_array_equal(_run(kernel, *pairs), truth(*pairs))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_clip_gives_nan_for_any_nan(dtype: torch.dtype, size: int) -> None:
    clip = kernels.CLIP.for_dtype(dtype)
    for x, low, high, expected in [
        (NAN, 0.0, 1.0, NAN), (5.0, NAN, 1.0, NAN), (5.0, 0.0, NAN, NAN), (5.0, NAN, NAN, NAN), (5.0, 0.0, 1.0, 1.0),
        (-INF, 0.0, 1.0, 0.0), (INF, 0.0, INF, INF), (0.5, 0.0, 1.0, 0.5),
    ]:  # fmt: skip
        operands = [torch.full((size,), value, dtype=dtype) for value in (x, low, high)]
        torch.testing.assert_close(
            clip(*operands), torch.full((size,), expected, dtype=dtype), equal_nan=True
        )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_the_sign_of_nan_is_seen_and_copied(dtype: torch.dtype, size: int) -> None:
    nan = torch.full((size,), NAN, dtype=dtype).abs()
    negative = -nan
    signbit, copysign = kernels.SIGNBIT.for_dtype(dtype), kernels.COPYSIGN.for_dtype(dtype)
    assert signbit(negative).all()
    assert not signbit(nan).any()
    assert signbit(copysign(nan, negative)).all()
    assert not signbit(copysign(negative, nan)).any()
    assert (copysign(torch.ones_like(nan), negative) == -1).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_zeros_step_to_the_zero_of_the_other_sign(dtype: torch.dtype) -> None:
    zeros = np.asarray([0.0, -0.0], np.dtype(str(dtype)[6:]))
    _assert_same(_run(kernels.NEXTAFTER, zeros, zeros[::-1].copy()), zeros[::-1], 0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_ties_round_to_even(dtype: torch.dtype) -> None:
    ties = torch.arange(-9.5, 10, dtype=dtype)
    assert (kernels.ROUND.for_dtype(dtype)(ties) % 2 == 0).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_square_roots_are_correctly_rounded(dtype: torch.dtype) -> None:
    values = torch.rand(10_000, dtype=dtype, generator=torch.Generator().manual_seed(0))
    _assert_same(_run(kernels.SQRT, values.numpy()), np.sqrt(values.numpy()), 0)
