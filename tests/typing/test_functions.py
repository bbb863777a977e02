"""What the functions of each chapter are typed to give: mypy and basedpyright check, pytest runs the calls too."""

from __future__ import annotations

import builtins
import math
from typing import assert_type

import numpy as np
import torch

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._dtypes import DType
from array_api_dist.data_type_functions import finfo_object, iinfo_object
from array_api_dist.set_functions import UniqueAllResult, UniqueCountsResult, UniqueInverseResult


def test_creation_functions_give_arrays() -> None:
    x = assert_type(xp.asarray([[1.0, 2.0], [3.0, 4.0]], dtype=xp.float32), Array)
    assert_type(xp.asarray(1), Array)
    assert_type(xp.asarray(x, copy=True, device=x.device), Array)
    assert_type(xp.asarray(np.ones(3)), Array)
    assert_type(xp.asarray(np.float32(1)), Array)
    assert_type(xp.asarray(torch.ones(3)), Array)
    assert_type(xp.asarray([x[0, 0], x[0, 1]]), Array)
    assert_type(xp.asarray([[x[0, 0], 1.0], (np.float64(2.0), True)]), Array)
    assert_type(xp.arange(3), Array)
    assert_type(xp.zeros((2, 3), dtype=xp.int8), Array)
    assert_type(xp.full(3, 1j), Array)
    assert_type(xp.ones_like(x), Array)
    assert_type(xp.linspace(0, 1, 5, endpoint=False), Array)
    assert_type(xp.eye(2, 3, k=1), Array)
    assert_type(xp.from_dlpack(x), Array)
    assert_type(xp.meshgrid(xp.arange(2), xp.arange(3), indexing="ij"), tuple[Array, ...])


def test_elementwise_functions_take_scalars_on_one_side() -> None:
    x = xp.asarray([0.25, 0.5])
    assert_type(xp.exp(x), Array)
    assert_type(xp.add(x, 1), Array)
    assert_type(xp.subtract(2.0, x), Array)
    assert_type(xp.multiply(x, x), Array)
    assert_type(xp.less(x, 1.0), Array)
    assert_type(xp.clip(x, 0, 1.0), Array)
    assert_type(xp.clip(x, max=x), Array)
    assert_type(xp.logical_and(x > 0.0, True), Array)
    assert_type(xp.bitwise_left_shift(xp.arange(2), 1), Array)
    assert_type(xp.isfinite(x), Array)
    assert_type(xp.real(xp.asarray([1j])), Array)


def test_manipulation_functions_give_arrays_and_tuples_of_them() -> None:
    x = xp.zeros((2, 3))
    assert_type(xp.reshape(x, (3, 2), copy=True), Array)
    assert_type(xp.concat([x, x], axis=None), Array)
    assert_type(xp.stack((x, x), axis=-1), Array)
    assert_type(xp.permute_dims(x, (1, 0)), Array)
    assert_type(xp.expand_dims(x, (0, 1)), Array)
    assert_type(xp.squeeze(xp.zeros((1, 2)), 0), Array)
    assert_type(xp.roll(x, (1, 1), axis=(0, 1)), Array)
    assert_type(xp.repeat(x, 2, axis=0), Array)
    assert_type(xp.unstack(x), tuple[Array, ...])
    assert_type(xp.broadcast_arrays(x, xp.zeros(3)), tuple[Array, ...])
    assert_type(xp.broadcast_shapes((2, 1), (3,)), tuple[int, ...])


def test_statistical_and_utility_functions_give_arrays() -> None:
    x = xp.ones((2, 3))
    assert_type(xp.sum(x, axis=(0, 1), dtype=xp.float64), Array)
    assert_type(xp.mean(x, axis=-1, keepdims=True), Array)
    assert_type(xp.std(x, correction=1), Array)
    assert_type(xp.max(x), Array)
    assert_type(xp.cumulative_sum(x, axis=0, include_initial=True), Array)
    assert_type(xp.all(x > 0.0), Array)
    assert_type(xp.diff(x, append=xp.zeros((2, 1))), Array)


def test_searching_sorting_and_indexing_functions_give_arrays() -> None:
    x = xp.asarray([3, 1, 2])
    assert_type(xp.argmax(x), Array)
    assert_type(xp.count_nonzero(x, axis=0), Array)
    assert_type(xp.nonzero(x), tuple[Array, ...])
    assert_type(xp.searchsorted(xp.sort(x), x, side="right"), Array)
    assert_type(xp.where(x > 1, x, 0), Array)
    assert_type(xp.argsort(x, descending=True), Array)
    assert_type(xp.take(x, xp.asarray([0, 2])), Array)
    assert_type(xp.take_along_axis(x, xp.argsort(x), axis=-1), Array)


def test_set_functions_give_named_tuples() -> None:
    x = xp.asarray([1, 1, 2])
    found = assert_type(xp.unique_all(x), UniqueAllResult)
    assert_type(found.inverse_indices, Array)
    counted = assert_type(xp.unique_counts(x), UniqueCountsResult)
    assert_type(counted.counts, Array)
    assert_type(xp.unique_inverse(x), UniqueInverseResult)
    assert_type(xp.unique_values(x), Array)
    assert_type(xp.isin(x, x, invert=True), Array)


def test_data_type_functions_give_python_values() -> None:
    x = xp.zeros(2)
    assert_type(xp.float64, DType)
    assert_type(xp.astype(x, xp.int32, copy=False), Array)
    assert_type(xp.can_cast(x, xp.float32), builtins.bool)
    assert_type(xp.isdtype(x.dtype, ("integral", xp.bool)), builtins.bool)
    assert_type(xp.result_type(x, xp.float32, 1), DType)
    limits = assert_type(xp.finfo(xp.float32), finfo_object)
    assert_type(limits.eps, float)
    assert_type(limits.dtype, DType)
    bounds = assert_type(xp.iinfo(xp.int8), iinfo_object)
    assert_type(bounds.max, int)


def test_constants_are_floats() -> None:
    assert_type(xp.pi, float)
    assert_type(xp.inf, float)
    assert_type(xp.newaxis, None)
    assert math.isnan(xp.nan)
