"""Elementwise kernels on complex numbers: the standard's special cases, and NumPy where it means the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from array_api_dist.kernels import elementwise as kernels

INF = math.inf
NAN = math.nan
PI = math.pi
DTYPES = [torch.complex64, torch.complex128]
ANY = "either sign"  # of a zero or an infinity

# (a, b), (real, imag): the cases that the standard lists, for these functions where torch or NumPy strays from it.
# Conjugation and oddness, which it asks for as well, give the others; see the tests.
Part = float | tuple[float, str]
CASES: dict[str, list[tuple[tuple[float, float], tuple[Part, Part]]]] = {
    "acos": [
        ((0.0, 0.0), (PI / 2, -0.0)),
        ((-0.0, 0.0), (PI / 2, -0.0)),
        ((0.0, NAN), (PI / 2, NAN)),
        ((-0.0, NAN), (PI / 2, NAN)),
        ((1.5, INF), (PI / 2, -INF)),
        ((1.5, NAN), (NAN, NAN)),
        ((-INF, 2.0), (PI, -INF)),
        ((INF, 2.0), (0.0, -INF)),
        ((-INF, INF), (3 * PI / 4, -INF)),
        ((INF, INF), (PI / 4, -INF)),
        ((INF, NAN), (NAN, (INF, ANY))),
        ((-INF, NAN), (NAN, (INF, ANY))),
        ((NAN, 2.0), (NAN, NAN)),
        ((NAN, INF), (NAN, -INF)),
        ((NAN, NAN), (NAN, NAN)),
    ],
    "expm1": [
        ((0.0, 0.0), (0.0, 0.0)),
        ((-0.0, 0.0), (0.0, 0.0)),
        ((1.5, INF), (NAN, NAN)),
        ((1.5, NAN), (NAN, NAN)),
        ((INF, 0.0), (INF, 0.0)),
        ((-INF, 2.0), (-1.0, 0.0)),
        ((-INF, 4.0), (-1.0, -0.0)),
        ((INF, 2.0), (-INF, INF)),
        ((INF, 1.0), (INF, INF)),
        ((-INF, INF), (-1.0, (0.0, ANY))),
        ((INF, INF), ((INF, ANY), NAN)),
        ((-INF, NAN), (-1.0, (0.0, ANY))),
        ((INF, NAN), ((INF, ANY), NAN)),
        ((NAN, 0.0), (NAN, 0.0)),
        ((NAN, 1.0), (NAN, NAN)),
        ((NAN, NAN), (NAN, NAN)),
        ((1000.0, 0.0), (INF, 0.0)),
    ],
    "log1p": [
        ((-1.0, 0.0), (-INF, 0.0)),
        ((1.5, INF), (INF, PI / 2)),
        ((1e-300, INF), (INF, PI / 2)),
        ((1.5, NAN), (NAN, NAN)),
        ((-INF, 2.0), (INF, PI)),
        ((INF, 2.0), (INF, 0.0)),
        ((-INF, INF), (INF, 3 * PI / 4)),
        ((INF, INF), (INF, PI / 4)),
        ((INF, NAN), (INF, NAN)),
        ((-INF, NAN), (INF, NAN)),
        ((NAN, 2.0), (NAN, NAN)),
        ((NAN, INF), (INF, NAN)),
        ((NAN, NAN), (NAN, NAN)),
        ((0.0, 0.0), (0.0, 0.0)),
    ],
    "sign": [
        ((0.0, 0.0), (0.0, 0.0)),
        ((-0.0, -0.0), ((0.0, ANY), (0.0, ANY))),
        ((NAN, 1.0), (NAN, NAN)),
        ((1.0, NAN), (NAN, NAN)),
        ((NAN, INF), (NAN, NAN)),
        ((NAN, NAN), (NAN, NAN)),
        ((3.0, 4.0), (0.6, 0.8)),
        ((0.0, -2.0), (0.0, -1.0)),
        ((INF, 1.0), (1.0, 0.0)),
        ((1.0, -INF), (0.0, -1.0)),
        ((INF, INF), (NAN, NAN)),
    ],
    "tanh": [
        ((0.0, 0.0), (0.0, 0.0)),
        ((1.5, INF), (NAN, NAN)),
        ((0.0, INF), (0.0, NAN)),
        ((1.5, NAN), (NAN, NAN)),
        ((0.0, NAN), (0.0, NAN)),
        ((INF, 1.0), (1.0, 0.0)),
        ((INF, 2.0), (1.0, 0.0)),
        ((INF, INF), (1.0, (0.0, ANY))),
        ((INF, NAN), (1.0, (0.0, ANY))),
        ((NAN, 0.0), (NAN, 0.0)),
        ((NAN, 2.0), (NAN, NAN)),
        ((NAN, NAN), (NAN, NAN)),
    ],
    "sqrt": [
        ((0.0, 0.0), (0.0, 0.0)),
        ((-0.0, 0.0), (0.0, 0.0)),
        ((NAN, INF), (INF, INF)),
        ((1.5, INF), (INF, INF)),
        ((1.5, NAN), (NAN, NAN)),
        ((-INF, 2.0), (0.0, INF)),
        ((INF, 2.0), (INF, 0.0)),
        ((-INF, NAN), (NAN, (INF, ANY))),
        ((INF, NAN), (INF, NAN)),
        ((NAN, 2.0), (NAN, NAN)),
        ((NAN, NAN), (NAN, NAN)),
    ],
}
ODD = {"tanh", "sign"}

# Where NumPy means what the standard says.
UNARY: list[tuple[kernels.Kernel, Callable[..., np.ndarray]]] = [
    (kernels.ABS, np.abs),
    (kernels.ACOS, np.arccos),
    (kernels.ACOSH, np.arccosh),
    (kernels.ASIN, np.arcsin),
    (kernels.ASINH, np.arcsinh),
    (kernels.ATAN, np.arctan),
    (kernels.ATANH, np.arctanh),
    (kernels.CONJ, np.conj),
    (kernels.COS, np.cos),
    (kernels.COSH, np.cosh),
    (kernels.EXP, np.exp),
    (kernels.IMAG, np.imag),
    (kernels.ISFINITE, np.isfinite),
    (kernels.ISINF, np.isinf),
    (kernels.ISNAN, np.isnan),
    (kernels.LOG, np.log),
    (kernels.LOG10, np.log10),
    (kernels.LOG2, np.log2),
    (kernels.NEGATIVE, np.negative),
    (kernels.POSITIVE, np.positive),
    (kernels.REAL, np.real),
    (kernels.ROUND, np.rint),
    (kernels.SIN, np.sin),
    (kernels.SINH, np.sinh),
    (kernels.SQRT, np.sqrt),
]


def _name(row: object) -> str:
    return getattr(row, "name", "")


def _numpy(dtype: torch.dtype) -> np.dtype[np.complexfloating]:
    return np.dtype(str(dtype).removeprefix("torch."))


def _grid(dtype: torch.dtype, parts: list[float]) -> np.ndarray:
    return np.asarray([complex(a, b) for a, b in itertools.product(parts, parts)], _numpy(dtype))


def _special(dtype: torch.dtype) -> np.ndarray:
    positive = [0.0, 1.0, 0.5, 2.0, 2.5, 7.25, INF, 1e-5, 100.0, torch.finfo(dtype).max]
    return _grid(dtype, [*positive, *(-value for value in positive), NAN])


def _finite(dtype: torch.dtype) -> np.ndarray:
    return _grid(dtype, [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 10.0])


def _run(kernel: kernels.Kernel, *operands: np.ndarray) -> np.ndarray:
    tensors = [torch.from_numpy(operand) for operand in operands]
    return kernel.for_dtype(tensors[0].dtype)(*tensors).numpy()


def _assert_same(result: np.ndarray, expected: np.ndarray, ulps: int) -> None:
    """Compare the parts to within ``ulps`` of the modulus; NaNs, infinities and the signs of zeros exactly."""
    assert result.dtype == expected.dtype
    if result.dtype == np.bool_:
        np.testing.assert_array_equal(result, expected)
        return
    eps = np.finfo(result.dtype).eps
    modulus = np.maximum(
        *[np.where(np.isfinite(part), np.abs(part), 0) for part in (expected.real, expected.imag)]
    )
    for ours, theirs in ((result.real, expected.real), (result.imag, expected.imag)):
        special = ~np.isfinite(theirs)
        np.testing.assert_array_equal(ours[special], theirs[special])
        close = np.abs(ours[~special] - theirs[~special]) <= ulps * eps * modulus[~special] + eps * eps
        assert close.all(), (ours[~special][~close], theirs[~special][~close])
        zeros = theirs == 0
        np.testing.assert_array_equal(np.signbit(ours[zeros]), np.signbit(theirs[zeros]))


def _is_part(value: float, expected: Part, tolerance: float) -> bool:
    if isinstance(expected, tuple):
        return abs(value) == expected[0]
    if math.isnan(expected):
        return math.isnan(value)
    if math.isinf(expected) or expected == 0:
        return value == expected and math.copysign(1, value) == math.copysign(1, expected)
    return math.isclose(value, expected, rel_tol=tolerance)


def _negated(expected: Part) -> Part:
    return expected if isinstance(expected, tuple) else -expected


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("name", CASES)
def test_special_cases_are_those_of_the_standard(name: str, size: int, dtype: torch.dtype) -> None:
    function = vars(kernels)[name.upper()].for_dtype(dtype)
    for (a, b), (real, imag) in CASES[name]:
        variants = [((a, b), (real, imag)), ((a, -b), (real, _negated(imag)))]
        if name in ODD:
            variants += [((-x, -y), (_negated(re), _negated(im))) for (x, y), (re, im) in variants]
        for (x, y), (re, im) in variants:
            if name == "sign" and x == y == 0:
                re, im = (0.0, ANY), (0.0, ANY)  # noqa: PLW2901  # a zero has no sign there
            for value in function(torch.full((size,), complex(x, y), dtype=dtype)).tolist():
                tolerance = 4 * torch.finfo(dtype).eps
                good = _is_part(value.real, re, tolerance) and _is_part(value.imag, im, tolerance)
                assert good, f"{name}({x}, {y}) = {value}, expected {re}, {im}"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kernel", "truth"), UNARY, ids=_name)
def test_functions_of_one_number_agree_with_numpy(
    kernel: kernels.Kernel, truth: Callable[..., np.ndarray], dtype: torch.dtype
) -> None:
    values = _special(dtype)
    with np.errstate(all="ignore"):
        expected = truth(values)
    _assert_same(_run(kernel, values), expected, 16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "name",
    ["ACOS", "EXPM1", "LOG1P", "NEGATIVE", "SIGN", "TAN", "TANH", *(row[0].name.upper() for row in UNARY)],
)
def test_special_values_are_found_at_every_position(name: str, dtype: torch.dtype) -> None:
    kernel = vars(kernels)[name]
    values = _special(dtype)
    whole = _run(kernel, np.tile(values, 3))
    apart = np.concatenate([_run(kernel, values[i : i + 1].copy()) for i in range(values.size)])
    _assert_same(whole, np.tile(apart, 3), 8)
    _assert_same(_run(kernel, np.repeat(values, 2)[::2]), apart, 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("kernel", "component"), [(kernels.ADD, np.add), (kernels.SUBTRACT, np.subtract)], ids=_name
)
def test_sums_are_those_of_the_components(
    kernel: kernels.Kernel, component: Callable[..., np.ndarray], dtype: torch.dtype
) -> None:
    left, right = (x.ravel().copy() for x in np.meshgrid(_special(dtype), _special(dtype)))
    result = _run(kernel, left, right)
    with np.errstate(all="ignore"):
        for part, expected in (
            (result.real, component(left.real, right.real)),
            (result.imag, component(left.imag, right.imag)),
        ):
            np.testing.assert_array_equal(part, expected)
            zeros = expected == 0
            np.testing.assert_array_equal(np.signbit(part[zeros]), np.signbit(expected[zeros]))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kernel", [kernels.ADD, kernels.SUBTRACT], ids=_name)
def test_one_number_beside_many_is_added_as_if_it_were_many(
    kernel: kernels.Kernel, dtype: torch.dtype
) -> None:
    values = torch.from_numpy(_special(dtype))
    for one in values:
        alike, number = one.expand_as(values).clone(), one.clone()
        for found, expected in (
            (kernel.for_dtype(dtype)(values, number), kernel.for_dtype(dtype)(values, alike)),
            (kernel.for_dtype(dtype)(number, values), kernel.for_dtype(dtype)(alike, values)),
        ):
            parts, truth = torch.view_as_real(found), torch.view_as_real(expected)
            assert torch.equal(parts.isnan(), truth.isnan())
            is_number = ~truth.isnan()
            assert torch.equal(parts[is_number], truth[is_number])
            assert torch.equal(parts[is_number].signbit(), truth[is_number].signbit())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("exponent", [0, 1, 2, -1, 0.5, 3, -2, 2.5, 1j])
def test_one_exponent_for_all_agrees_with_numpy(exponent: complex, dtype: torch.dtype) -> None:
    values = _finite(dtype)
    values = values[np.abs(values) > 0]
    powers = kernels.POW.for_dtype(dtype)(torch.from_numpy(values), torch.tensor(exponent, dtype=dtype))
    with np.errstate(all="ignore"):
        expected = np.power(values.astype(np.complex128), exponent).astype(values.dtype)
    is_finite = np.isfinite(expected)
    error = np.abs(powers.numpy() - expected)[is_finite]
    assert (error <= 50 * torch.finfo(dtype).eps * np.abs(expected[is_finite])).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_products_and_quotients_of_finite_numbers_are_the_textbooks(dtype: torch.dtype) -> None:
    left, right = (x.ravel().copy() for x in np.meshgrid(_finite(dtype), _finite(dtype)))
    divisible = right != 0
    tolerance = 4 * torch.finfo(dtype).eps
    np.testing.assert_allclose(_run(kernels.MULTIPLY, left, right), left * right, rtol=tolerance)
    np.testing.assert_allclose(_run(kernels.SQUARE, left), left * left, rtol=tolerance)
    left, right = left[divisible], right[divisible]
    np.testing.assert_allclose(_run(kernels.DIVIDE, left, right), left / right, rtol=tolerance)
    np.testing.assert_allclose(_run(kernels.RECIPROCAL, right), 1 / right, rtol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_reciprocal_is_the_quotient(dtype: torch.dtype) -> None:
    values = _special(dtype)
    _assert_same(_run(kernels.RECIPROCAL, values), _run(kernels.DIVIDE, np.ones_like(values), values), 8)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_powers_of_finite_numbers_agree_with_numpy(dtype: torch.dtype) -> None:
    left, right = (x.ravel().copy() for x in np.meshgrid(_finite(dtype), _finite(dtype)))
    with np.errstate(all="ignore"):
        expected = np.power(left.astype(np.complex128), right.astype(np.complex128)).astype(left.dtype)
    defined = np.isfinite(expected)
    result = _run(kernels.POW, left, right)
    error = np.abs(result[defined] - expected[defined])
    assert (error <= 200 * torch.finfo(dtype).eps * np.abs(expected[defined])).all()
    zero = np.zeros(1, _numpy(dtype))
    assert _run(kernels.POW, zero, zero).item() == 1
    assert _run(kernels.POW, zero, zero + 2).item() == 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("kernel", "scalar"), [(kernels.EXPM1, math.expm1), (kernels.LOG1P, math.log1p)], ids=_name
)
def test_small_arguments_keep_all_their_bits(
    kernel: kernels.Kernel, scalar: Callable[[float], float], dtype: torch.dtype
) -> None:
    for a in (1e-3, 1e-10, -1e-10, 1e-30):
        result = _run(kernel, np.asarray([complex(a, a * 1e-9)], _numpy(dtype))).item()
        assert math.isclose(result.real, scalar(a), rel_tol=4 * torch.finfo(dtype).eps)
        assert math.isclose(result.imag, a * 1e-9, rel_tol=2e-3)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("kernel", "hyperbolic"),
    [
        (kernels.SIN, kernels.SINH),
        (kernels.TAN, kernels.TANH),
        (kernels.ASIN, kernels.ASINH),
        (kernels.ATAN, kernels.ATANH),
    ],
    ids=_name,
)
def test_circular_functions_are_hyperbolic_ones_turned(
    kernel: kernels.Kernel, hyperbolic: kernels.Kernel, dtype: torch.dtype
) -> None:
    """f(z) = -i g(i z), where the factors swap the parts; beside a NaN the standard leaves the sign open."""
    values = _special(dtype)
    turned = np.empty_like(values)
    turned.real, turned.imag = -values.imag, values.real
    image = _run(hyperbolic, turned)
    expected = np.empty_like(image)
    expected.real, expected.imag = image.imag, -image.real
    result = _run(kernel, values)
    for array in (result, expected):
        array.imag[np.isnan(array.real)] = np.abs(array.imag[np.isnan(array.real)])
        array.real[np.isnan(array.imag)] = np.abs(array.real[np.isnan(array.imag)])
    _assert_same(result, expected, 16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_equality_looks_at_both_parts(dtype: torch.dtype) -> None:
    left, right = (x.ravel().copy() for x in np.meshgrid(_special(dtype), _special(dtype)))
    expected = (left.real == right.real) & (left.imag == right.imag)
    np.testing.assert_array_equal(_run(kernels.EQUAL, left, right), expected)
    np.testing.assert_array_equal(_run(kernels.NOT_EQUAL, left, right), ~expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_sign_has_modulus_one_for_great_and_small_numbers(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    values = _grid(dtype, [limits.max, -limits.max, limits.tiny, -limits.tiny, 1.0, limits.tiny / 4])
    np.testing.assert_allclose(np.abs(_run(kernels.SIGN, values)), 1, rtol=4 * limits.eps)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_squares_overflow_alike_at_every_place(dtype: torch.dtype) -> None:
    large = torch.finfo(dtype).max / 2
    x = torch.full((37,), complex(large, large / 2), dtype=dtype)
    for values in (x, x[:1], torch.stack([x, x], -1)[:, 0]):
        squares = kernels.SQUARE.for_dtype(dtype)(values)
        assert bool((squares.real == torch.inf).all())
        assert bool((squares.imag == torch.inf).all())
