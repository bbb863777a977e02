"""Partitions: every element has one owner, and slices keep theirs."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from array_api_dist._partition import REPLICATED, Partition
from array_api_dist._placement import POLICIES, place

RANKS = st.integers(1, 64)


@st.composite
def partitions(
    draw: st.DrawFn, axis: int = 0, ranks: int | None = None, length: int | None = None
) -> Partition:
    ranks = draw(RANKS) if ranks is None else ranks
    length = draw(st.integers(0, 200)) if length is None else length
    cuts = sorted(draw(st.lists(st.integers(0, length), min_size=ranks - 1, max_size=ranks - 1)))
    return Partition(axis, (0, *cuts, length))


@given(partitions())
def test_every_element_has_one_owner(partition: Partition) -> None:
    owners = [partition.owner(index) for index in range(partition.length)]
    for rank, count in enumerate(partition.counts):
        start, stop = partition.interval(rank)
        assert owners[start:stop] == [rank] * count
    assert sum(partition.counts) == partition.length


@given(st.integers(0, 1000), RANKS)
def test_even_parts_differ_by_at_most_one(length: int, ranks: int) -> None:
    partition = Partition.even(0, length, ranks)
    assert max(partition.counts) - min(partition.counts) <= 1
    assert partition.length == length
    assert not partition.is_lopsided


@given(partitions(), st.data())
def test_overlaps_cover_an_interval_once(partition: Partition, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, partition.length))
    stop = data.draw(st.integers(start, partition.length))
    seen = [
        (rank, index) for rank, low, high in partition.overlaps(start, stop) for index in range(low, high)
    ]
    assert seen == [(partition.owner(index), index) for index in range(start, stop)]


@given(partitions(), st.data())
def test_a_slice_moves_no_element(partition: Partition, data: st.DataObject) -> None:
    indices = range(partition.length)[
        slice(data.draw(st.integers(0, 200)), data.draw(st.integers(0, 200)), data.draw(st.integers(1, 9)))
    ]
    image = partition.image_of_slice(indices.start, indices.step, len(indices))
    assert image.length == len(indices)
    assert [image.owner(k) for k in range(len(indices))] == [partition.owner(index) for index in indices]


@given(partitions(axis=1), st.integers(1, 5))
def test_local_parts_tile_the_whole(partition: Partition, width: int) -> None:
    shape = (width, partition.length)
    ranks = len(partition.counts)
    shapes = [partition.local_shape(shape, rank) for rank in range(ranks)]
    assert sum(rows * columns for rows, columns in shapes) == width * partition.length
    for rank, (rows, columns) in enumerate(shapes):
        cut = partition.local_slices(2, rank)
        assert (rows, columns) == (width, len(range(partition.length)[cut[1]]))


@given(
    st.sampled_from(POLICIES), st.lists(st.integers(0, 60), max_size=4).map(tuple), RANKS, st.integers(0, 99)
)
def test_every_policy_gives_a_partition_that_fits(
    policy: str, shape: tuple[int, ...], ranks: int, serial: int
) -> None:
    partition = place(policy, shape, ranks, serial)
    assert partition.fits(shape, ranks)
    assert partition == place(policy, shape, ranks, serial)
    if policy in ("first", "last", "uneven") and shape:
        assert partition.axis == (len(shape) - 1 if policy == "last" else 0)


def test_auto_splits_what_is_large_along_its_first_long_axis() -> None:
    assert place("auto", (10,), 4, 0) is REPLICATED
    assert place("auto", (2, 1 << 20), 4, 0) == Partition.even(1, 1 << 20, 4)


def test_uneven_has_empty_and_unequal_parts() -> None:
    found = [place("uneven", (length,), 4, 0).counts for length in range(40, 80)]
    assert any(0 in counts for counts in found)
    assert all(max(counts) - min(counts) > 1 for counts in found)


def test_mixed_meets_different_axes() -> None:
    axes = {place("mixed", (40, 40), 3, serial).axis for serial in range(50)}
    assert axes == {None, 0, 1}


@pytest.mark.parametrize("bounds", [(), (0,), (1, 2), (0, 3, 2)])
def test_malformed_bounds_are_refused(bounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="bounds must"):
        Partition(0, bounds)


def test_partitions_copy_and_pickle() -> None:
    partition = Partition.even(1, 10, 3)
    assert pickle.loads(pickle.dumps(partition)) == partition
    assert copy.deepcopy(partition) == partition
    assert hash(pickle.loads(pickle.dumps(partition))) == hash(partition)


def test_check_names_the_rule_and_the_value() -> None:
    with pytest.raises(ValueError, match=r"over 3 ranks needs an axis in \[0, 2\) and 4 bounds"):
        Partition.even(0, 5, 2).check((5, 5), 3)


def test_every_part_is_the_whole_on_one_rank_or_without_elements() -> None:
    assert REPLICATED.is_whole_everywhere
    assert Partition.even(0, 7, 1).is_whole_everywhere
    assert Partition.even(0, 0, 3).is_whole_everywhere
    assert not Partition.at_root(0, 7, 2, 0).is_whole_everywhere
