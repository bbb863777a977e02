"""Programs of many steps: what one function leaves behind (uneven parts, views, shared memory) is what the next gets.

A program is drawn from a seed while NumPy carries it out, and is then run on ranks whose arrays are repartitioned at
random between the steps. All numbers are small multiples of 1/4, so that every result is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from harness import joined, on_ranks

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._device import Device, default_device_set
from array_api_dist.partition import Partition, default_partition, repartition

POLICIES = ("auto", "none", "first", "last", "uneven", "mixed")
STEPS = 30
MOST_ELEMENTS = 2000
LARGEST = 1e6

Random: TypeAlias = np.random.Generator
Operation: TypeAlias = Callable[..., Any]
"""Takes a namespace and arrays of it; returns an array, or several."""


def _axis(random: Random, x: np.ndarray) -> int:
    return int(random.integers(-x.ndim, x.ndim))


def _new(random: Random, x: np.ndarray) -> Operation:
    shape = tuple(int(n) for n in random.integers(0, 9, random.integers(1, 4)))
    values = random.integers(-12, 13, shape) / 4
    return lambda n, a: n.asarray(values.copy())


def _slice(random: Random, x: np.ndarray) -> tuple[slice | int, ...]:
    key: list[slice | int] = []
    for length in x.shape:
        first, last = sorted(int(cut) for cut in random.integers(0, length + 1, 2))
        step = int(random.choice([1, 1, 2, 3, -1, -2]))
        if length and random.random() < 0.2:
            key.append(int(random.integers(-length, length)))
        elif step > 0:
            key.append(slice(first, last, step))
        else:
            key.append(slice(last - length - 1, first - length - 1, step))
    return tuple(key)


def _read(random: Random, x: np.ndarray) -> Operation:
    key = _slice(random, x)
    return lambda n, a: a[key]


def _written(n: Any, a: Any, key: Any, value: Any) -> Any:
    a[key] = value
    return n.asarray(a, copy=True)


def _write(random: Random, x: np.ndarray) -> Operation:
    key, value = _slice(random, x), float(random.integers(-8, 9))
    return lambda n, a: _written(n, a, key, value)


def _write_selected(random: Random, x: np.ndarray) -> Operation:
    value = float(random.integers(-8, 9))
    return lambda n, a: _written(n, a, a > 1, value)


def _write_own_rows(random: Random, x: np.ndarray) -> Operation:
    # NumPy is the truth here, so it gets no chance to read what it has just written.
    return lambda n, a: _written(n, a, (slice(1, None), ...), n.asarray(a[:-1, ...], copy=True))


def _write_behind_views(random: Random, x: np.ndarray) -> Operation:
    def run(n: Any, a: Any) -> Any:
        rows, flat = n.asarray(a[::2, ...], copy=n is np or None), n.reshape(a, (-1,), copy=n is np or None)
        a[0, ...] = 9.5
        rows[0, ...] = -9.5
        return rows, flat, n.asarray(a, copy=True)

    return run


def _take(random: Random, x: np.ndarray) -> Operation:
    axis = _axis(random, x)
    index = random.integers(0, max(x.shape[axis], 1), int(random.integers(0, 12)) if x.shape[axis] else 0)
    return lambda n, a: n.take(a, n.asarray(index), axis=axis)


def _select(random: Random, x: np.ndarray) -> Operation:
    return lambda n, a: a[a > 0]


def _reshape(random: Random, x: np.ndarray) -> Operation:
    outer = int(random.choice([k for k in range(1, x.size + 1) if x.size % k == 0] or [1]))
    return lambda n, a: n.reshape(a, (outer, -1) if x.size else (0, 3))


def _permute(random: Random, x: np.ndarray) -> Operation:
    axes = tuple(int(axis) for axis in random.permutation(x.ndim))
    return lambda n, a: n.permute_dims(a, axes)


def _along(name: str, **options: Any) -> Callable[[Random, np.ndarray], Operation]:
    """Return the step that calls a function with an axis."""

    def draw(random: Random, x: np.ndarray) -> Operation:
        axis = _axis(random, x)
        return lambda n, a: getattr(n, name)(a, axis=axis, **options)

    return draw


def _roll(random: Random, x: np.ndarray) -> Operation:
    axis, shift = _axis(random, x), int(random.integers(-12, 12))
    return lambda n, a: n.roll(a, shift, axis=axis)


def _join(random: Random, x: np.ndarray) -> Operation:
    axis, reverse = _axis(random, x), (slice(None, None, -1), ...)
    return lambda n, a: n.concat([a, a[reverse] + 1, a], axis=axis)


def _repeat(random: Random, x: np.ndarray) -> Operation:
    axis = _axis(random, x)
    counts = random.integers(0, 3, x.shape[axis])
    return lambda n, a: n.repeat(a, n.asarray(counts), axis=axis)


def _gram(random: Random, x: np.ndarray) -> Operation:
    return lambda n, a: n.tensordot(a, a, axes=((0,), (0,)))


def _distinct(random: Random, x: np.ndarray) -> Operation:
    # NumPy's unique_values promises no order.
    return lambda n, a: n.sort(n.unique_values(a))


def _outer(random: Random, x: np.ndarray) -> Operation:
    axis = _axis(random, x)
    return lambda n, a: a - n.max(a, axis=axis, keepdims=True) if x.shape[axis] else a


DRAWS = (
    _new, _read, _read, _write, _write_selected, _write_own_rows, _write_behind_views, _take, _select, _reshape, _permute,
    _along("sort"), _along("cumulative_sum", include_initial=True), _along("flip"), _along("sum"), _along("diff"),
    _along("expand_dims"), _roll, _join, _repeat, _gram, _distinct, _outer,
)  # fmt: skip


def _arrays(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def program(random: Random) -> tuple[list[tuple[int, Operation]], list[np.ndarray]]:
    """Return steps, each with the number of the array that it takes, and NumPy's results."""
    steps = [(0, _new(random, np.zeros(1)))]
    truth = [np.array(steps[0][1](np, None))]
    while len(steps) < STEPS:
        number = int(random.integers(len(truth)))
        x = truth[number]
        if x.ndim == 0 or 0 in x.shape[:1]:
            number, x = 0, truth[0]
        draw = DRAWS[int(random.integers(len(DRAWS)))] if x.shape[0] else _new
        operation = draw(random, x)
        before = x.copy()
        found = [np.array(each) for each in _arrays(operation(np, x))]
        if any(each.size > MOST_ELEMENTS or np.max(np.abs(each), initial=0) > LARGEST for each in found):
            x[...] = before
            continue
        steps.append((number, operation))
        truth += found
    return steps, truth


def _moved(random: Random, x: Array, ranks: int) -> Array:
    """Return ``x`` in other parts, now and then."""
    if x.ndim == 0 or random.random() < 0.7:
        return x
    axis = int(random.integers(x.ndim))
    inner = sorted(int(cut) for cut in random.integers(0, x.shape[axis] + 1, ranks - 1))
    return repartition(x, Partition(axis, (0, *inner, x.shape[axis])))


@pytest.mark.parametrize("seed", range(60))
def test_a_program_gives_what_numpy_gives(seed: int) -> None:
    steps, truth = program(np.random.default_rng(seed))
    ranks, policy = seed % 5 + 1, POLICIES[seed % len(POLICIES)]

    def body(device: Device) -> list[Any]:
        random = np.random.default_rng(seed)
        made: list[Array] = []
        with default_device_set(device), default_partition(policy):
            for number, operation in steps:
                found = _arrays(operation(xp, made[number] if made else None))
                made += [_moved(random, each, ranks) for each in found]
        return [array._block for array in made]

    results = on_ranks(ranks, body)
    assert len(results[0]) == len(truth)
    for parts, expected in zip(zip(*results, strict=True), truth, strict=True):
        np.testing.assert_array_equal(joined(parts).numpy(), expected, strict=True)
