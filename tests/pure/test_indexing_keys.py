"""Keys in normal form select what NumPy selects, and their images own every selected element once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from array_api_dist._indexing import (
    ArrayIndex,
    ArrayPart,
    KeyPart,
    MaskIndex,
    MixedIndex,
    key_part,
    normalize,
    value_shape,
)
from array_api_dist._partition import Partition, Shape
from array_api_dist._slicing import BasicIndex, Span

quick = settings(max_examples=300, deadline=None, derandomize=True)
shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)


@st.composite
def bounds(draw: st.DrawFn, length: int) -> tuple[int, ...]:
    ranks = draw(st.integers(1, 6))
    inner = sorted(draw(st.lists(st.integers(0, length), min_size=ranks - 1, max_size=ranks - 1)))
    return (0, *inner, length)


@st.composite
def basic_items(draw: st.DrawFn, shape: Shape) -> tuple[Any, ...]:
    """Integers in bounds, slices of any step and bounds, None, and perhaps an ellipsis."""
    taken = draw(st.integers(0, len(shape)))
    front = draw(st.integers(0, taken))
    axes = [*range(front), *range(len(shape) - taken + front, len(shape))]
    items: list[Any] = [_item(draw, shape[axis]) for axis in axes]
    if taken < len(shape) or draw(st.booleans()):
        items.insert(front, Ellipsis)
    for _ in range(draw(st.integers(0, 2))):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


def _item(draw: st.DrawFn, length: int) -> int | slice:
    if length and draw(st.booleans()):
        return draw(st.integers(-length, length - 1))
    bound = st.none() | st.integers(-length - 3, length + 3)
    return slice(draw(bound), draw(bound), draw(st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])))


def parts_of(key: tuple[Any, ...]) -> tuple[KeyPart, ...]:
    return tuple(key_part(item) for item in key)


def apply_basic(whole: np.ndarray[Any, Any], index: BasicIndex) -> np.ndarray[Any, Any]:
    return np.flip(whole[index.ascending.key()], index.descending)


@quick
@given(st.data())
def test_a_basic_key_selects_what_numpy_selects(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    key = data.draw(basic_items(shape))
    whole = np.arange(int(np.prod(shape))).reshape(shape)
    index = normalize(parts_of(key), shape)
    assert isinstance(index, BasicIndex)
    assert index.shape == whole[key].shape
    np.testing.assert_array_equal(apply_basic(whole, index), whole[key])


@quick
@given(st.data())
def test_the_local_keys_cut_each_selected_element_once(data: st.DataObject) -> None:
    shape = data.draw(shapes.filter(bool))
    key = data.draw(basic_items(shape))
    axis = data.draw(st.integers(0, len(shape) - 1))
    partition = Partition(axis, data.draw(bounds(shape[axis])))
    whole = np.arange(int(np.prod(shape))).reshape(shape)
    index = normalize(parts_of(key), shape)
    assert isinstance(index, BasicIndex)
    kept = index.keeping(axis).ascending
    image = kept.image(partition)
    ranks = len(partition.bounds) - 1
    assert image.fits(kept.shape, ranks)
    local = [
        whole[partition.local_slices(whole.ndim, rank)][kept.local_key(partition, rank)]
        for rank in range(ranks)
    ]
    assert image.axis is not None
    joined = np.concatenate(local, axis=image.axis)
    np.testing.assert_array_equal(joined, whole[kept.key()])
    if axis is not None and isinstance(index.axes[axis], int):
        joined = joined.squeeze(index.kept_position(axis))
    turned = index.descending
    np.testing.assert_array_equal(np.flip(joined, turned), whole[key])


@quick
@given(st.data())
def test_a_key_with_arrays_has_the_shape_that_numpy_gives(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple))
    key = list(data.draw(basic_items(shape)))
    places = [at for at, item in enumerate(key) if isinstance(item, (int, slice))]
    for at in places:
        if data.draw(st.booleans()):
            key[at] = np.zeros(data.draw(st.sampled_from([(2,), (1,), (3, 1), (3, 2)])), dtype=np.int64)
    arrays = [item for item in key if isinstance(item, np.ndarray)]
    parts = tuple(ArrayPart(item.shape) if isinstance(item, np.ndarray) else key_part(item) for item in key)
    if not arrays:
        return
    index = normalize(parts, shape)
    assert isinstance(index, ArrayIndex)
    expected = np.zeros(shape)[tuple(key)]
    assert index.shape == expected.shape
    assert index.broadcast == np.broadcast_shapes(*(array.shape for array in arrays))


def test_the_axes_of_arrays_come_first_when_something_stands_between_them() -> None:
    apart = normalize((0, (None, None, None), ArrayPart((7,))), (2, 3, 4))
    together = normalize(((None, None, None), 0, ArrayPart((7,))), (2, 3, 4))
    assert isinstance(apart, ArrayIndex)
    assert isinstance(together, ArrayIndex)
    assert (apart.shape, apart.at) == ((7, 3), 0)
    assert (together.shape, together.at) == ((2, 7), 1)


def test_a_mask_takes_the_axes_it_covers() -> None:
    index = normalize(((None, None, None), ArrayPart((3, 4), is_mask=True)), (2, 3, 4, 5))
    assert isinstance(index, MaskIndex)
    assert (index.axis, index.count, index.at, index.is_empty) == (1, 2, 1, False)


def test_a_mask_without_elements_selects_nothing() -> None:
    index = normalize((ArrayPart((0, 4), is_mask=True),), (3, 4))
    assert isinstance(index, MaskIndex)
    assert index.is_empty


def test_masks_beside_other_arrays_stand_for_their_nonzero() -> None:
    assert isinstance(normalize((ArrayPart((3,), is_mask=True), ArrayPart((2,))), (3, 4)), MixedIndex)


@pytest.mark.parametrize(
    ("parts", "shape", "message"),
    [
        ((3,), (3,), r"must lie in \[-3, 3\), got 3"),
        ((-4,), (3,), r"must lie in \[-3, 3\), got -4"),
        ((0,), (0,), r"must lie in \[-0, 0\), got 0"),
        ((0, 0), (3,), "at most 1 indices, got 2"),
        ((0,), (), "at most 0 indices, got 1"),
        ((..., ...), (3, 4), "at most one ellipsis, got 2"),
        ((ArrayPart((4,), is_mask=True),), (3,), r"here \(3,\), got \(4,\)"),
        ((ArrayPart((3, 4), is_mask=True),), (3,), "at most 1 indices, got 2"),
        ((ArrayPart((2,)), ArrayPart((3,))), (3, 4), "broadcast together"),
        ((ArrayPart((2,)), 4), (3, 4), r"\[-4, 4\), got 4"),
        ((ArrayPart((), is_mask=True), ArrayPart((3,))), (3, 4), "without axes"),
    ],
)
def test_what_cannot_be_indexed_is_an_index_error(
    parts: tuple[KeyPart, ...], shape: Shape, message: str
) -> None:
    with pytest.raises(IndexError, match=message):
        normalize(parts, shape)


@pytest.mark.parametrize("item", [True, np.True_, 1.0, "a", [1]])
def test_only_integers_slices_ellipses_and_none_make_a_key(item: object) -> None:
    with pytest.raises(IndexError, match="a key is made of"):
        key_part(item)


def test_a_step_of_zero_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="must not be 0"):
        key_part(slice(None, None, 0))


def test_numpy_integers_are_integers() -> None:
    assert key_part(np.int8(-2)) == -2
    assert key_part(slice(np.int64(1), None, np.uint8(2))) == (1, None, 2)


@quick
@given(st.integers(0, 9), st.data())
def test_spans_reverse_into_the_same_positions(length: int, data: st.DataObject) -> None:
    bound = st.none() | st.integers(-12, 12)
    part = (data.draw(bound), data.draw(bound), data.draw(st.sampled_from([None, -3, -1, 2])))
    span = Span.of(part, length)
    positions = list(range(length))[slice(*part)]
    assert [span.start + k * span.step for k in range(span.count)] == positions
    turned = span.reversed
    assert [turned.start + k * turned.step for k in range(turned.count)] == positions[::-1]


def test_a_value_may_have_leading_ones_only() -> None:
    assert value_shape((1, 1, 3), (2, 3)) == (1, 3)
    assert value_shape((), (2, 3)) == ()
    for shape in ((2, 2, 3), (2,), (3, 3)):
        with pytest.raises(ValueError, match=r"\(2, 3\)"):
            value_shape(shape, (2, 3))
