"""Elementwise kernels on integers, against Python's own."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import elementwise as kernels
from array_api_dist.kernels.dtypes import TORCH

INTEGERS = [dtype for dtype in dt.DTYPES if dtype in dt.INTEGER]


def _values(dtype: dt.DType) -> list[int]:
    low, high = dt.integer_limits(dtype)
    middle = high // 2
    around = {low, low + 1, middle - 1, middle, middle + 1, middle + 2, high - 1, high, high // 3, high // 7}
    small = {value for value in (-100, -9, -5, -3, -2, -1, 0, 1, 2, 3, 5, 8, 100) if low <= value <= high}
    return sorted(around | small)


def _pairs(dtype: dt.DType) -> list[tuple[int, int]]:
    return [(left, right) for left in _values(dtype) for right in _values(dtype)]


def _wrapped(value: int, dtype: dt.DType) -> int:
    low, _ = dt.integer_limits(dtype)
    return (value - low) % 2**dtype.bits + low


def _shift_left(left: int, right: int, bits: int) -> int:
    return left << right if 0 <= right < bits else 0


def _shift_right(left: int, right: int, bits: int) -> int:
    return left >> (right if 0 <= right < bits else bits)


def _run(kernel: kernels.Kernel, dtype: dt.DType, *operands: list[int]) -> list[int]:
    ours = TORCH[dtype]
    return kernel.for_dtype(ours)(*[torch.tensor(values, dtype=ours) for values in operands]).tolist()


ARITHMETIC: list[tuple[kernels.Kernel, Callable[[int, int], int]]] = [
    (kernels.ADD, operator.add),
    (kernels.SUBTRACT, operator.sub),
    (kernels.MULTIPLY, operator.mul),
    (kernels.BITWISE_AND, operator.and_),
    (kernels.BITWISE_OR, operator.or_),
    (kernels.BITWISE_XOR, operator.xor),
    (kernels.MAXIMUM, max),
    (kernels.MINIMUM, min),
    (kernels.CLIP_MIN, max),
    (kernels.CLIP_MAX, min),
    (kernels.FLOOR_DIVIDE, lambda a, b: a // b if b else 0),
    (kernels.REMAINDER, lambda a, b: a % b if b else 0),
    (kernels.EQUAL, operator.eq),
    (kernels.NOT_EQUAL, operator.ne),
    (kernels.LESS, operator.lt),
    (kernels.LESS_EQUAL, operator.le),
    (kernels.GREATER, operator.gt),
    (kernels.GREATER_EQUAL, operator.ge),
]
UNARY: list[tuple[kernels.Kernel, Callable[[int], int]]] = [
    (kernels.ABS, abs),
    (kernels.NEGATIVE, operator.neg),
    (kernels.POSITIVE, operator.pos),
    (kernels.SIGN, lambda x: (x > 0) - (x < 0)),
    (kernels.SQUARE, lambda x: x * x),
    (kernels.BITWISE_INVERT, operator.invert),
    (kernels.CEIL, operator.pos),
    (kernels.FLOOR, operator.pos),
    (kernels.ROUND, operator.pos),
    (kernels.TRUNC, operator.pos),
    (kernels.CONJ, operator.pos),
    (kernels.REAL, operator.pos),
    (kernels.ISFINITE, lambda x: True),
    (kernels.ISINF, lambda x: False),
    (kernels.ISNAN, lambda x: False),
]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize(("kernel", "exact"), ARITHMETIC, ids=lambda row: getattr(row, "name", ""))
def test_arithmetic_is_exact_and_wraps(
    kernel: kernels.Kernel, exact: Callable[[int, int], int], dtype: dt.DType
) -> None:
    pairs = _pairs(dtype)
    result = _run(kernel, dtype, *map(list, zip(*pairs, strict=True)))
    assert result == [_wrapped(exact(left, right), dtype) for left, right in pairs]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize(("kernel", "exact"), ARITHMETIC, ids=lambda row: getattr(row, "name", ""))
def test_one_integer_beside_many_is_computed_with_exactly(
    kernel: kernels.Kernel, exact: Callable[[int, int], int], dtype: dt.DType
) -> None:
    function, values = kernel.for_dtype(TORCH[dtype]), _values(dtype)
    many = torch.tensor(values, dtype=TORCH[dtype])
    for value in values:
        one = torch.tensor(value, dtype=TORCH[dtype])
        assert function(many, one).tolist() == [_wrapped(exact(each, value), dtype) for each in values]
        assert function(one, many).tolist() == [_wrapped(exact(value, each), dtype) for each in values]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 6, 21, 127])
def test_one_exponent_for_all_is_exact_and_wraps(exponent: int, dtype: dt.DType) -> None:
    values = torch.tensor(_values(dtype), dtype=TORCH[dtype])
    powers = kernels.POW.for_dtype(TORCH[dtype])(values, torch.tensor(exponent, dtype=TORCH[dtype]))
    assert powers.tolist() == [_wrapped(value**exponent, dtype) for value in _values(dtype)]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize(("kernel", "exact"), UNARY, ids=lambda row: getattr(row, "name", ""))
def test_functions_of_one_integer_are_exact(
    kernel: kernels.Kernel, exact: Callable[[int], int], dtype: dt.DType
) -> None:
    assert _run(kernel, dtype, _values(dtype)) == [_wrapped(exact(x), dtype) for x in _values(dtype)]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_shifts_past_the_width_leave_zeros_or_the_sign(dtype: dt.DType) -> None:
    low, high = dt.integer_limits(dtype)
    counts = [-1, 0, 1, 2, 7, dtype.bits - 1, dtype.bits, dtype.bits + 1, 100, high]
    pairs = [(value, count) for value in _values(dtype) for count in counts if low <= count]
    operands = [list(values) for values in zip(*pairs, strict=True)]
    left = _run(kernels.BITWISE_LEFT_SHIFT, dtype, *operands)
    assert left == [_wrapped(_shift_left(a, b, dtype.bits), dtype) for a, b in pairs]
    right = _run(kernels.BITWISE_RIGHT_SHIFT, dtype, *operands)
    assert right == [_shift_right(a, b, dtype.bits) for a, b in pairs]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_powers_are_exact_and_wrap(dtype: dt.DType) -> None:
    low, _ = dt.integer_limits(dtype)
    pairs = [(base, exponent) for base, exponent in _pairs(dtype) if exponent >= 0]
    result = _run(kernels.POW, dtype, *map(list, zip(*pairs, strict=True)))
    assert result == [
        (pow(base, exponent, 2**dtype.bits) - low) % 2**dtype.bits + low for base, exponent in pairs
    ]


@pytest.mark.parametrize("dtype", [dtype for dtype in INTEGERS if dtype in dt.SIGNED], ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (9,)])
def test_negative_exponents_round_towards_zero(dtype: dt.DType, shape: tuple[int, ...]) -> None:
    power = kernels.POW.for_dtype(TORCH[dtype])
    for base, exponent, expected in [(2, -1, 0), (1, -3, 1), (-1, -3, -1), (-1, -2, 1)]:
        exponents = torch.full(shape, exponent, dtype=TORCH[dtype])
        assert power(torch.tensor(base, dtype=TORCH[dtype]), exponents).unique().tolist() == [expected]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_clip_orders_great_values(dtype: dt.DType) -> None:
    low, high = dt.integer_limits(dtype)
    bounds = (high // 3, high - 1)
    values = _values(dtype)
    size = len(values)
    assert _run(kernels.CLIP, dtype, values, [bounds[0]] * size, [bounds[1]] * size) == [
        min(max(value, bounds[0]), bounds[1]) for value in values
    ]
    assert _run(kernels.CLIP, dtype, values, [low] * size, [high] * size) == values


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("kernel", [kernels.FLOOR_DIVIDE, kernels.REMAINDER], ids=lambda kernel: kernel.name)
def test_division_by_zero_is_zero_wherever_it_stands(kernel: kernels.Kernel, dtype: dt.DType) -> None:
    for divisors in ([0] * 19, [1] * 18 + [0]):
        assert _run(kernel, dtype, [7] * 19, divisors)[-1] == 0
    scalar = torch.tensor(0, dtype=TORCH[dtype])
    assert kernel.for_dtype(TORCH[dtype])(scalar, scalar).item() == 0


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_where_and_equality_take_every_integer(dtype: dt.DType) -> None:
    values = _values(dtype)
    condition = [value % 2 == 0 for value in values]
    tensor = torch.tensor(values, dtype=TORCH[dtype])
    chosen = kernels.WHERE.for_dtype(TORCH[dtype])(torch.tensor(condition), tensor, tensor[:1])
    assert chosen.tolist() == [
        value if even else values[0] for value, even in zip(values, condition, strict=True)
    ]
