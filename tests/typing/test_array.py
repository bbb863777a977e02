"""What attributes, operators and keys of an array are typed to give: the checkers judge, pytest runs them too."""

from __future__ import annotations

from types import ModuleType
from typing import assert_type

import numpy as np

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._dtypes import DType
from array_api_dist.device import Device
from array_api_dist.partition import Partition


def test_attributes_say_what_an_array_is() -> None:
    x = xp.zeros((2, 3))
    assert_type(x.dtype, DType)
    assert_type(x.device, Device)
    assert_type(x.partition, Partition)
    assert_type(x.ndim, int)
    assert_type(x.size, int)
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.T, Array)
    assert_type(x.mT, Array)
    assert_type(len(x), int)
    assert_type(next(iter(x)), Array)
    assert_type(x.to_device(x.device), Array)
    assert_type(x.__array_namespace__(api_version="2025.12"), ModuleType)


def test_operators_take_scalars_on_both_sides() -> None:
    x = xp.asarray([1.0, 2.0])
    n = xp.asarray([1, 2])
    assert_type(x + 1, Array)
    assert_type(1 + x, Array)
    assert_type(2.0 - x, Array)
    assert_type(x * 1.5, Array)
    assert_type(1 / x, Array)
    assert_type(2 // x, Array)
    assert_type(2 % x, Array)
    assert_type(2**x, Array)
    assert_type(x**2, Array)
    assert_type(x @ x, Array)
    assert_type(-x, Array)
    assert_type(abs(x), Array)
    assert_type(~n, Array)
    assert_type(1 & n, Array)
    assert_type(n | 1, Array)
    assert_type(n ^ n, Array)
    assert_type(1 << n, Array)
    assert_type(n >> 1, Array)


def test_comparisons_give_arrays_not_bool() -> None:
    x = xp.asarray([1.0, 2.0])
    assert_type(x == 1, Array)
    assert_type(x != x, Array)  # noqa: PLR0124 - what is asked for is the type
    assert_type(x < 1.5, Array)
    assert_type(x >= x, Array)  # noqa: PLR0124 - what is asked for is the type


def test_in_place_operators_keep_the_type() -> None:
    x = xp.asarray([1.0, 2.0])
    x += 1
    x -= x
    x *= 2.0
    x /= 1
    x **= 2
    assert_type(x, Array)
    n = xp.asarray([1, 2])
    n //= 1
    n %= 2
    n &= 1
    n <<= 1
    assert_type(n, Array)


def test_every_kind_of_key_gives_an_array() -> None:
    x = xp.zeros((3, 4))
    assert_type(x[0], Array)
    assert_type(x[1:, ::2], Array)
    assert_type(x[..., None], Array)
    assert_type(x[0, -1], Array)
    assert_type(x[x == 0.0], Array)
    assert_type(x[xp.asarray([0, 1]), 2], Array)
    assert_type(x[np.asarray([0, 1]), ...], Array)
    assert_type(x[()], Array)
    x[0, 1:] = 1.0
    x[x == 0.0] = xp.asarray(2.0)
    assert_type(x, Array)


def test_an_element_converts_to_python_values() -> None:
    x = xp.asarray(1)
    assert_type(bool(x), bool)
    assert_type(int(x), int)
    assert_type(float(x), float)
    assert_type(complex(x), complex)
    assert [7, 8][x] == 8
