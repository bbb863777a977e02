"""How a new array is partitioned when nobody says: the named policies, as pure functions.

A policy never changes a result, only its cost.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Final, Literal, TypeAlias, get_args
from zlib import crc32

from array_api_dist._partition import REPLICATED, Partition, Shape

Policy: TypeAlias = Literal["auto", "none", "first", "last", "uneven", "mixed"]
POLICIES: Final[tuple[str, ...]] = get_args(Policy)

AUTO_SIZE: Final = 1 << 15
"""Under "auto", arrays of fewer elements are replicated: splitting them costs more than it saves."""


def _auto(shape: Shape, ranks: int, serial: int) -> Partition:
    if prod(shape) < AUTO_SIZE:
        return REPLICATED
    axis = next((axis for axis, length in enumerate(shape) if length >= ranks), None)
    return REPLICATED if axis is None else Partition.even(axis, shape[axis], ranks)


def _none(shape: Shape, ranks: int, serial: int) -> Partition:
    return REPLICATED


def _first(shape: Shape, ranks: int, serial: int) -> Partition:
    return Partition.even(0, shape[0], ranks)


def _last(shape: Shape, ranks: int, serial: int) -> Partition:
    axis = len(shape) - 1
    return Partition.even(axis, shape[axis], ranks)


def uneven_bounds(length: int, ranks: int, seed: int) -> tuple[int, ...]:
    """Return P + 1 deliberately unequal offsets (some parts empty), the same for equal arguments."""
    draws = [crc32(f"{seed}:{rank}".encode()) % 4 for rank in range(ranks)]
    total = sum(draws) or 1
    bounds, reached = [0], 0
    for draw in draws:
        reached += draw
        bounds.append(length * reached // total)
    bounds[-1] = length
    return tuple(bounds)


def _uneven(shape: Shape, ranks: int, serial: int) -> Partition:
    return Partition(0, uneven_bounds(shape[0], ranks, shape[0]))


def _mixed(shape: Shape, ranks: int, serial: int) -> Partition:
    seed = crc32(repr((serial, shape)).encode())
    choice, seed = seed % (len(shape) + 1), seed // (len(shape) + 1)
    if choice == len(shape):
        return REPLICATED
    if seed % 2:
        return Partition.even(choice, shape[choice], ranks)
    return Partition(choice, uneven_bounds(shape[choice], ranks, seed))


_RULES: Final[dict[str, Callable[[Shape, int, int], Partition]]] = {
    "auto": _auto,
    "none": _none,
    "first": _first,
    "last": _last,
    "uneven": _uneven,
    "mixed": _mixed,
}


def place(policy: str, shape: Shape, ranks: int, serial: int) -> Partition:
    """Return how ``policy`` lays a new array of ``shape`` over ``ranks`` ranks; ``serial`` counts the arrays made."""
    return _RULES[policy](shape, ranks, serial) if shape else REPLICATED
