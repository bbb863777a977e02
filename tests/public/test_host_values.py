"""Numbers of Python's and arrays of NumPy's that come in: as values, as arguments and as keys."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import array_api_dist as xp
from array_api_dist._array import Array

Make = Callable[[], Array]


def _holds(x: Array, values: Any, dtype: str) -> None:
    np.testing.assert_array_equal(np.asarray(x), np.asarray(values, dtype=dtype), strict=True)


@pytest.mark.parametrize(
    ("make", "values", "dtype"),
    [
        (lambda: xp.full(2, 2**64, dtype=xp.float64), [2.0**64] * 2, "float64"),
        (lambda: xp.full(2, -(2**64), dtype=xp.float32), [-(2.0**64)] * 2, "float32"),
        (lambda: xp.full(2, 2**70, dtype=xp.complex128), [2.0**70] * 2, "complex128"),
        (lambda: xp.full(2, 1e300, dtype=xp.float32), [np.inf] * 2, "float32"),
        (lambda: xp.full(2, -1e300j, dtype=xp.complex64), [complex(-0.0, -np.inf)] * 2, "complex64"),
        (lambda: xp.full(2, np.nan, dtype=xp.float32), [np.nan] * 2, "float32"),
        (lambda: xp.full(2, 2**64 - 1, dtype=xp.uint64), [2**64 - 1] * 2, "uint64"),
        (lambda: xp.full(2, True, dtype=xp.uint16), [1] * 2, "uint16"),
    ],
)
def test_full_holds_what_its_data_type_can(make: Make, values: list[Any], dtype: str) -> None:
    _holds(make(), values, dtype)


@pytest.mark.parametrize(
    ("make", "values", "dtype"),
    [
        (lambda: xp.arange(0, 2**70, 2**68, dtype=xp.float64), np.arange(4) * 2.0**68, "float64"),
        (lambda: xp.arange(2**63, 2**63 + 4, dtype=xp.float64), [2.0**63] * 4, "float64"),
        (lambda: xp.arange(2**63, 2**63 + 3, dtype=xp.uint64), [2**63, 2**63 + 1, 2**63 + 2], "uint64"),
        (lambda: xp.arange(3, -(2**63), -(2**62)), [3, 3 - 2**62, 3 - 2**63], "int64"),
        (lambda: xp.arange(np.int64(3)), [0, 1, 2], "int64"),
        (lambda: xp.arange(xp.asarray(3)), [0, 1, 2], "int64"),
        (lambda: xp.arange(np.float32(1.5)), [0.0, 1.0], "float64"),
        (lambda: xp.arange(5, 0, -2), [5, 3, 1], "int64"),
        (lambda: xp.linspace(0, 2**70, 3), [0.0, 2.0**69, 2.0**70], "float64"),
    ],
)
def test_a_range_of_integers_of_any_size_is_exact(make: Make, values: Any, dtype: str) -> None:
    _holds(make(), values, dtype)


@pytest.mark.parametrize(
    ("make", "values", "dtype"),
    [
        (lambda: xp.asarray(2**63, dtype=xp.uint64), 2**63, "uint64"),
        (lambda: xp.asarray([2**63 + 1, 1], dtype=xp.uint64), [2**63 + 1, 1], "uint64"),
        (lambda: xp.asarray([2**63, 1], dtype=xp.float64), [2.0**63, 1], "float64"),
        (lambda: xp.asarray(2**70, dtype=xp.float64), 2.0**70, "float64"),
        (lambda: xp.asarray([1.5, 2**70]), [1.5, 2.0**70], "float64"),
        (lambda: xp.asarray([2**70, 1j]), [2.0**70, 1j], "complex128"),
        (lambda: xp.asarray([2.0**63, np.inf]), [2.0**63, np.inf], "float64"),
        (lambda: xp.asarray(np.asarray([2**63, 1], dtype=np.ulonglong)), [2**63, 1], "uint64"),
        (lambda: xp.asarray(np.asarray([1, 2], dtype=">u8")), [1, 2], "uint64"),
        (lambda: xp.asarray(np.asarray([300]), dtype=xp.int8), [44], "int8"),
        (lambda: xp.asarray([xp.asarray(1), xp.asarray(2)], dtype=xp.int8), [1, 2], "int8"),
    ],
)
def test_asarray_has_the_integers_of_python_exactly(make: Make, values: Any, dtype: str) -> None:
    _holds(make(), values, dtype)


@pytest.mark.parametrize("dtype", [">i4", "<i4", ">u8", np.ulonglong, np.longlong])
def test_a_key_of_numpy_has_any_byte_order_and_any_name_of_an_integer_type(dtype: Any) -> None:
    x = xp.arange(5)
    _holds(x[np.asarray([3, 1], dtype=dtype)], [3, 1], "int64")
    _holds(x[np.asarray([3, 1, 0], dtype=dtype)[::-2]], [0, 3], "int64")


INTEGERS: list[Callable[[int], Any]] = [int, np.int64, np.uint8, xp.asarray]


@pytest.mark.parametrize("integer", INTEGERS)
def test_an_argument_that_is_an_integer_may_be_any_librarys(integer: Callable[[int], Any]) -> None:
    x, m = xp.arange(3), xp.ones((3, 3))
    _holds(xp.roll(x, integer(1)), [2, 0, 1], "int64")
    _holds(xp.roll(x, (integer(1),), axis=(0,)), [2, 0, 1], "int64")
    _holds(xp.repeat(x, integer(2)), [0, 0, 1, 1, 2, 2], "int64")
    _holds(xp.eye(3, k=integer(1)), np.eye(3, k=1), "float64")
    _holds(xp.tril(m, k=integer(1)), np.tri(3, k=1), "float64")
    _holds(xp.triu(m, k=integer(1)), np.triu(np.ones((3, 3)), k=1), "float64")
    made = xp.linspace(0, 1, integer(3))
    assert made.shape == (3,)
    assert type(made.shape[0]) is int


@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_equality_with_what_is_no_operand_is_never_a_truth_value_that_numpy_would_not_give(
    compare: Callable[[Any, Any], Any],
) -> None:
    x = xp.asarray([1.0, 2.0])
    for other in (np.int64(1), np.float32(1), np.bool_(True), np.asarray([1.0, 2.0]), torch.ones(2)):
        with pytest.raises(TypeError, match=r"convert it with asarray\(\), got (numpy|torch)\."):
            compare(x, other)
    assert compare(x, None) is (compare is operator.ne)
    assert compare(x, "text") is (compare is operator.ne)
    _holds(compare(x, np.float64(1)), compare(np.asarray([1.0, 2.0]), 1), "bool")


def test_an_index_beyond_64_bits_is_named_as_such() -> None:
    with pytest.raises(IndexError, match="got 9223372036854775807 or more"):
        xp.arange(5)[np.asarray([2**64 - 1], dtype="uint64")]
