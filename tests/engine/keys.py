"""Drawn arrays, partitions and keys: what NumPy is given, and what each rank gives the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from harness import part_of, partitions_of
from hypothesis import strategies as st

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DTYPES
from array_api_dist._partition import Partition, Shape
from array_api_dist.kernels.dtypes import TORCH

RANKS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """An array of a key, laid out over the ranks."""

    whole: torch.Tensor
    partition: Partition


def drawn_partition(draw: st.DrawFn, shape: Shape, ranks: int) -> Partition:
    return draw(st.sampled_from(partitions_of(shape, ranks)))


@st.composite
def arrays(draw: st.DrawFn, shape: Shape, ranks: int) -> Spread:
    """Different values of any data type."""
    dtype = TORCH[draw(st.sampled_from(DTYPES))]
    count = int(np.prod(shape))
    first = draw(st.sampled_from([0, 1, 100]))
    values = torch.arange(first, first + count)
    whole = values % 3 == 0 if dtype == torch.bool else values.to(dtype)
    return Spread(whole.reshape(shape), drawn_partition(draw, shape, ranks))


def shapes(least: int = 1, most: int = 3) -> st.SearchStrategy[Shape]:
    return st.lists(st.integers(0, 6), min_size=least, max_size=most).map(tuple)


@st.composite
def basic_keys(draw: st.DrawFn, shape: Shape) -> list[Any]:
    """An item for each axis of ``shape``, or an ellipsis in the place of some, with new axes between them."""
    taken = draw(st.integers(0, len(shape)))
    front = draw(st.integers(0, taken))
    axes = [*range(front), *range(len(shape) - taken + front, len(shape))]
    key: list[Any] = [draw(items(shape[axis])) for axis in axes]
    if taken < len(shape) or draw(st.booleans()):
        key.insert(front, Ellipsis)
    if draw(st.integers(0, 3)) == 0:
        key.insert(draw(st.integers(0, len(key))), None)
    return key


@st.composite
def items(draw: st.DrawFn, length: int) -> Any:
    if length and draw(st.booleans()):
        return draw(st.integers(-length, length - 1))
    bound = st.none() | st.integers(-length - 1, length + 1)
    return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3, -1, -2])))


@st.composite
def index_arrays(draw: st.DrawFn, length: int, shape: Shape, ranks: int) -> Spread:
    count = int(np.prod(shape))
    values = draw(st.lists(st.integers(-length, length - 1), min_size=count, max_size=count))
    return Spread(torch.tensor(values, dtype=torch.int64).reshape(shape), drawn_partition(draw, shape, ranks))


@st.composite
def masks(draw: st.DrawFn, shape: Shape, ranks: int) -> Spread:
    count = int(np.prod(shape))
    values = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return Spread(torch.tensor(values, dtype=torch.bool).reshape(shape), drawn_partition(draw, shape, ranks))


@st.composite
def array_keys(draw: st.DrawFn, shape: Shape, ranks: int) -> list[Any]:
    """A basic key in which arrays that broadcast together have taken the place of some items."""
    key = draw(basic_keys(shape).filter(lambda key: any(isinstance(item, (int, slice)) for item in key)))
    common = draw(st.sampled_from([(5,), (1,), (0,), (2, 3), (4, 1)]))
    places = [at for at, item in enumerate(key) if isinstance(item, (int, slice))]
    chosen = draw(st.lists(st.sampled_from(places), min_size=1, max_size=2, unique=True))
    lengths = _lengths(key, shape)
    for at in chosen:
        length = lengths[at]
        if length == 0:
            continue
        short = common[draw(st.integers(0, len(common) - 1)) :]
        own = tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in short)
        key[at] = draw(index_arrays(length, own, ranks))
    return key


def _lengths(key: list[Any], shape: Shape) -> dict[int, int]:
    """Return the length of the axis that each integer or slice of ``key`` takes."""
    places = [at for at, item in enumerate(key) if item is not None and item is not Ellipsis]
    cut = key.index(Ellipsis) if Ellipsis in key else len(key)
    behind = [at for at in places if at > cut]
    found = {at: shape[order] for order, at in enumerate(at for at in places if at < cut)}
    found.update(zip(behind, shape[len(shape) - len(behind) :], strict=True))
    return found


def host_key(key: list[Any]) -> tuple[Any, ...]:
    """Return ``key`` as NumPy takes it."""
    return tuple(item.whole.numpy() if isinstance(item, Spread) else item for item in key)


def engine_key(key: list[Any], device: Device) -> tuple[Any, ...]:
    """Return ``key`` with this rank's parts; replicated arrays as NumPy's."""

    def given(item: Any) -> Any:
        if not isinstance(item, Spread):
            return item
        return item.whole.numpy() if item.partition.axis is None else block_of(item, device)

    return tuple(given(item) for item in key)


def block_of(spread: Spread, device: Device) -> Block:
    """Return this rank's part."""
    return part_of(spread.whole, spread.partition, device)


def same_values(found: torch.Tensor, expected: Any, dtype: torch.dtype) -> None:
    """Hold a result to NumPy's."""
    assert found.dtype == dtype
    assert tuple(found.shape) == np.shape(expected)
    np.testing.assert_array_equal(found.numpy(), expected)
