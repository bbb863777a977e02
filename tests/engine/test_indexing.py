"""``x[key]`` and ``x[key] = value`` are NumPy's under every partition, and slices move nothing."""

from __future__ import annotations

from typing import Any

import keys
import numpy as np
import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from keys import Spread, array_keys, arrays, basic_keys, block_of, masks, same_values, shapes

from array_api_dist import _indexing
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DTYPES
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import indexing, scatter, selection
from array_api_dist.kernels import order_keys
from array_api_dist.kernels.dtypes import TORCH

quick = settings(max_examples=100, deadline=None, derandomize=True)
sizes = pytest.mark.parametrize("small", [0, 1 << 16], ids=["large", "small"])
rounds = pytest.mark.parametrize("nbytes", [1, 300, 1 << 26], ids=["one by one", "in rounds", "at once"])


@pytest.fixture(autouse=True)
def _threshold(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "small" in request.fixturenames:
        monkeypatch.setattr(_indexing, "SMALL_NBYTES", request.getfixturevalue("small"))
    if "nbytes" in request.fixturenames:
        nbytes = request.getfixturevalue("nbytes")
        monkeypatch.setattr(scatter, "WRITTEN_NBYTES", nbytes)
        monkeypatch.setattr(selection, "MOVED_NBYTES", nbytes)
        monkeypatch.setattr(order_keys, "CHUNK", max(nbytes >> 7, 1))


def check_get(source: Spread, key: list[Any], ranks: int) -> list[Block]:
    def body(device: Device) -> Block:
        return indexing.get(block_of(source, device), keys.engine_key(key, device))

    blocks = on_ranks(ranks, body)
    same_values(joined(blocks), source.whole.numpy()[keys.host_key(key)], source.whole.dtype)
    return blocks


def check_set(source: Spread, key: list[Any], value: Spread, ranks: int) -> None:
    def body(device: Device) -> Block:
        block = block_of(source, device)
        indexing.set(block, keys.engine_key(key, device), block_of(value, device))
        return block

    expected = source.whole.numpy().copy()
    # NumPy refuses a value with more axes than a mask gives: the leading ones are dropped for it.
    target = expected[keys.host_key(key)].shape
    values = value.whole.numpy().reshape(value.whole.shape[max(value.whole.ndim - len(target), 0) :])
    expected[keys.host_key(key)] = np.broadcast_to(values, target)
    same_values(joined(on_ranks(ranks, body)), expected, source.whole.dtype)


def drawn_value(data: st.DataObject, source: Spread, shape: tuple[int, ...], ranks: int) -> Spread:
    """A value that broadcasts to ``shape``, of the data type of ``source``."""
    dropped = data.draw(st.integers(0, len(shape)), label="axes dropped")
    own = tuple(1 if data.draw(st.integers(0, 3)) == 0 else n for n in shape[dropped:])
    if data.draw(st.integers(0, 3)) == 0:
        own = (1,) * (len(shape) - len(own) + 1) + own
    count = int(np.prod(own))
    values = torch.arange(50, 50 + count)
    dtype = source.whole.dtype
    whole = values % 2 == 0 if dtype == torch.bool else values.to(dtype)
    partition = data.draw(st.sampled_from(partitions_of(own, ranks)), label="value partition")
    return Spread(whole.reshape(own), partition)


@sizes
@quick
@given(data=st.data())
def test_integers_slices_and_new_axes_read_as_in_numpy(small: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(0, 4), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    check_get(source, data.draw(basic_keys(shape), label="key"), ranks)


@quick
@given(data=st.data())
def test_integers_slices_and_new_axes_write_as_in_numpy(data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(0, 4), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    key = data.draw(basic_keys(shape), label="key")
    target = source.whole.numpy()[keys.host_key(key)].shape
    check_set(source, key, drawn_value(data, source, target, ranks), ranks)


@sizes
@quick
@given(data=st.data())
def test_integer_arrays_read_as_in_numpy(small: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(1, 4), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    check_get(source, data.draw(array_keys(shape, ranks), label="key"), ranks)


@rounds
@quick
@given(data=st.data())
def test_integer_arrays_write_as_in_numpy_the_last_one_winning(nbytes: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(1, 4), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    key = data.draw(array_keys(shape, ranks), label="key")
    target = source.whole.numpy()[keys.host_key(key)].shape
    check_set(source, key, drawn_value(data, source, target, ranks), ranks)


@rounds
@quick
@given(data=st.data())
def test_of_many_writes_to_few_elements_the_last_one_wins(nbytes: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    source = data.draw(arrays((data.draw(st.integers(1, 5)),), ranks), label="source")
    shape = data.draw(st.sampled_from([(40,), (5, 8), (3, 2, 7)]), label="shape")
    index = data.draw(keys.index_arrays(source.whole.shape[0], shape, ranks), label="index")
    check_set(source, [index], drawn_value(data, source, shape, ranks), ranks)


@pytest.mark.parametrize("ranks", [2, 8])
@pytest.mark.parametrize("skew", ["even", "one owner", "one element"])
@pytest.mark.parametrize("inner", [False, True], ids=["by rows", "by columns"])
@pytest.mark.usefixtures("host_memory")
def test_writes_are_on_their_way_in_bounded_rounds(
    ranks: int, skew: str, inner: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scatter, "WRITTEN_NBYTES", 1 << 13)
    count, generator = 8 * 400, torch.Generator().manual_seed(7)
    most = {"even": count, "one owner": count // ranks, "one element": 1}[skew]
    whole = torch.zeros(count, dtype=torch.float64)
    index = torch.randint(0, most, (4, count // 4), generator=generator)
    value = torch.arange(count, dtype=torch.float64).reshape(index.shape)

    def body(device: Device) -> tuple[Block, int]:
        axis = 1 if inner else 0
        along = Partition.even(axis, index.shape[axis], ranks)
        block = part_of(whole, Partition.even(0, count, ranks), device)
        key, values = (part_of(each, along, device) for each in (index, value))
        with trace() as seen:
            indexing.set(block, (key,), values)
        return block, seen.totals.peak_extra_bytes or 0

    results = on_ranks(ranks, body)
    expected = whole.numpy().copy()
    expected[index.reshape(-1).numpy()] = value.reshape(-1).numpy()
    assert torch.equal(joined([block for block, _ in results]), torch.from_numpy(expected))
    # Four bytes and the owner of each index, a key for each place, the round, and what every operation may take.
    largest = -(-4 // ranks) * count // 4 if not inner else count // ranks
    bound = 7 * largest + (4 if inner else 1) * count // ranks + (1 << 13) + 256 * ranks + (1 << 12)
    assert max(peak for _, peak in results) <= bound


def mask_key(data: st.DataObject, shape: tuple[int, ...], ranks: int) -> list[Any]:
    """A mask over some axes, with other items before and behind it."""
    first = data.draw(st.integers(0, len(shape)), label="first masked axis")
    count = data.draw(st.integers(0, len(shape) - first), label="masked axes")
    key: list[Any] = [data.draw(masks(shape[first : first + count], ranks), label="mask")]
    plain = basic_keys(shape[:first]), basic_keys(shape[first + count :])
    before, behind = (data.draw(part, label="beside") for part in plain)
    # An ellipsis is written out: behind it may be another one.
    cut = before.index(Ellipsis) if Ellipsis in before else len(before)
    missing = first - sum(item is not None and item is not Ellipsis for item in before)
    before[cut : cut + 1] = [slice(None)] * missing
    return [*before, *key, *behind]


def written_shape(source: Spread, key: list[Any]) -> tuple[int, ...]:
    return source.whole.numpy()[keys.host_key(key)].shape


@rounds
@quick
@given(data=st.data())
def test_masks_read_as_in_numpy(nbytes: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(0, 4), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    check_get(source, mask_key(data, shape, ranks), ranks)


@rounds
@quick
@given(data=st.data())
def test_masks_write_as_in_numpy(nbytes: int, data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(shapes(0, 4), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    key = mask_key(data, shape, ranks)
    check_set(source, key, drawn_value(data, source, written_shape(source, key), ranks), ranks)


@quick
@given(data=st.data())
def test_a_mask_beside_an_index_array_reads_and_writes_as_in_numpy(data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, keys.RANKS), label="ranks")
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3), label="shape")
    source = data.draw(arrays(shape, ranks), label="source")
    mask = data.draw(masks(shape[:1], ranks), label="mask")
    count = int(mask.whole.sum())
    index = data.draw(keys.index_arrays(shape[2], (count,), ranks), label="index")
    key = [mask, data.draw(keys.items(shape[1]), label="between"), index]
    check_get(source, key, ranks)
    check_set(source, key, drawn_value(data, source, written_shape(source, key), ranks), ranks)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_a_mask_without_axes_writes_a_reversed_slice(ranks: int) -> None:
    whole, value = torch.arange(12).reshape(4, 3), torch.arange(50, 62).reshape(4, 3)
    for partition in partitions_of(whole.shape, ranks):
        for key in ([slice(None, None, -1)], [slice(None), slice(None, None, -1)]):
            mask = Spread(torch.tensor(True), REPLICATED)
            check_set(Spread(whole, partition), [mask, *key], Spread(value, REPLICATED), ranks)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_a_mask_with_an_empty_side_selects_nothing(ranks: int) -> None:
    whole = torch.arange(12).reshape(3, 4)
    for partition in partitions_of((3, 4), ranks):
        source = Spread(whole, partition)
        for lengths in ((0, 4), (3, 0), (0,)):
            mask = torch.zeros(lengths, dtype=torch.bool)

            def body(device: Device, mask: torch.Tensor = mask, source: Spread = source) -> Block:
                return indexing.get(block_of(source, device), (part_of(mask, REPLICATED, device),))

            assert tuple(joined(on_ranks(ranks, body)).shape) == (0, *(3, 4)[len(lengths) :])


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_data_type_is_read_and_written(dtype: Any, ranks: int) -> None:
    values = torch.arange(15)
    whole = (values % 2 == 0 if TORCH[dtype] == torch.bool else values.to(TORCH[dtype])).reshape(5, 3)
    index, mask = torch.tensor([4, 0, 4]), torch.tensor([True, False, True, True, False])
    for partition in partitions_of((5, 3), ranks):
        source = Spread(whole, partition)
        row = Spread(whole[1:2], Partition.even(1, 3, ranks))
        for item in (slice(None, None, -2), 3, Spread(index, REPLICATED), Spread(mask, REPLICATED)):
            check_get(source, [item], ranks)
            check_set(source, [item], row, ranks)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_an_assignment_to_oneself_behaves_as_a_copy(ranks: int) -> None:
    whole = torch.arange(20).reshape(10, 2)
    for partition in partitions_of((10, 2), ranks):
        for source, target in (
            (slice(None, -1), slice(1, None)),
            (slice(None, None, -1), slice(None)),
            (slice(1, None), slice(None, -1)),
        ):

            def body(
                device: Device,
                partition: Partition = partition,
                source: slice = source,
                target: slice = target,
            ) -> Block:
                block = part_of(whole, partition, device)
                indexing.set(block, (target,), indexing.get(block, (source,)))
                return block

            expected = whole.numpy().copy()
            expected[target] = expected[source].copy()
            same_values(joined(on_ranks(ranks, body)), expected, torch.int64)


def raised_by(ranks: int, body: Any) -> tuple[type[Exception], str]:
    """Return what every rank raises."""

    def caught(device: Device) -> tuple[type[Exception], str]:
        try:
            body(device)
        except (IndexError, TypeError, ValueError) as error:
            return type(error), str(error)
        raise AssertionError("nothing was raised")

    outcomes = on_ranks(ranks, caught)
    assert len(set(outcomes)) == 1
    return outcomes[0]


def test_an_index_out_of_bounds_is_the_same_error_under_every_partition() -> None:
    whole, index = torch.arange(24).reshape(6, 4), torch.tensor([[0, 5, 9], [-7, 1, 2]])
    seen = set()
    for ranks in (1, 2, 3, 4):
        for partition in partitions_of((6, 4), ranks):
            for placed in partitions_of((2, 3), ranks):

                def read(device: Device, partition: Any = partition, placed: Any = placed) -> None:
                    indexing.get(part_of(whole, partition, device), (part_of(index, placed, device),))

                def write(device: Device, partition: Any = partition, placed: Any = placed) -> None:
                    block = part_of(whole, partition, device)
                    before = block.local.clone()
                    value = part_of(torch.tensor(1), REPLICATED, device)
                    try:
                        indexing.set(block, (part_of(index, placed, device),), value)
                    finally:
                        assert torch.equal(block.local, before)

                seen |= {raised_by(ranks, read), raised_by(ranks, write)}
    assert seen == {(IndexError, "an index of an axis of length 6 must lie in [-6, 6), got 9")}


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ((slice(None),), torch.zeros(5, 4), ValueError),
        ((0,), torch.zeros(3, dtype=torch.int64), ValueError),
        ((0,), torch.tensor(1.5), TypeError),
        ((0,), torch.tensor(True), TypeError),
        ((np.asarray([0, 1]),), torch.zeros(3, 4, dtype=torch.int64), ValueError),
        ((np.asarray([True, False, True, False, False, True]),), torch.arange(2).reshape(2, 1), ValueError),
        ((np.asarray([0.0, 1.0]),), torch.tensor(1), IndexError),
        (([0, 1],), torch.tensor(1), IndexError),
    ],
)
def test_what_cannot_be_written_is_refused_on_every_rank(
    key: tuple[Any, ...], value: torch.Tensor, error: type[Exception]
) -> None:
    whole = torch.arange(24).reshape(6, 4)
    value = value.to(torch.int64) if value.dtype == torch.float32 and value.ndim else value
    seen = set()
    for ranks in (1, 3):
        for partition in partitions_of((6, 4), ranks):

            def body(device: Device, partition: Partition = partition) -> None:
                indexing.set(part_of(whole, partition, device), key, part_of(value, REPLICATED, device))

            seen.add(raised_by(ranks, body))
    assert len(seen) == 1
    assert next(iter(seen))[0] is error


def test_an_integer_value_is_written_to_a_floating_array_only_when_kinds_may_mix() -> None:
    def body(device: Device) -> None:
        block = part_of(torch.zeros(4), Partition.even(0, 4, 2), device)
        value = part_of(torch.tensor(3), REPLICATED, device)
        with pytest.raises(TypeError, match="does not promote"):
            indexing.set(block, (slice(None),), value)
        indexing.set(block, (slice(None),), value, mixed=True)
        assert block.local.tolist() == [3.0, 3.0]

    on_ranks(2, body)


def test_a_slice_of_a_partitioned_axis_stays_where_it_is() -> None:
    def body(device: Device) -> tuple[int, ...]:
        block = part_of(torch.arange(100), Partition.even(0, 100, 4), device)
        found = indexing.get(block, (slice(10, 90, 2),))
        assert found.local.untyped_storage().data_ptr() == block.local.untyped_storage().data_ptr()
        return found.partition.bounds

    assert on_ranks(4, body) == [(0, 8, 20, 33, 40)] * 4


def test_a_lopsided_slice_is_evened_out() -> None:
    def body(device: Device) -> tuple[int, ...]:
        block = part_of(torch.arange(100), Partition.even(0, 100, 4), device)
        return indexing.get(block, (slice(0, 20),)).partition.bounds

    assert on_ranks(4, body) == [(0, 5, 10, 15, 20)] * 4


def test_of_several_indices_out_of_bounds_the_first_is_named_under_every_partition() -> None:
    whole = torch.arange(24).reshape(6, 4)
    first, second = torch.tensor([0, 1, 6, 7]), torch.tensor([9, 0, 0, 0])
    seen = set()
    for ranks in (1, 2, 4):
        for partition in partitions_of((6, 4), ranks):
            for placed in partitions_of((4,), ranks):

                def key(device: Device, placed: Any = placed) -> tuple[Block, ...]:
                    return part_of(first, placed, device), part_of(second, placed, device)

                def read(device: Device, partition: Any = partition, key: Any = key) -> None:
                    indexing.get(part_of(whole, partition, device), key(device))

                def write(device: Device, partition: Any = partition, key: Any = key) -> None:
                    value = part_of(torch.arange(4), REPLICATED, device)
                    indexing.set(part_of(whole, partition, device), key(device), value)

                seen |= {raised_by(ranks, read), raised_by(ranks, write)}
    assert seen == {(IndexError, "an index of an axis of length 6 must lie in [-6, 6), got 6")}


def test_a_value_of_another_count_than_the_mask_selects_is_the_same_error_under_every_partition() -> None:
    whole, mask = torch.arange(24).reshape(6, 4), torch.tensor([True, False, True, False])
    seen = set()
    for ranks in (1, 2, 4):
        for partition in partitions_of((6, 4), ranks):

            def body(device: Device, partition: Any = partition) -> None:
                value = part_of(torch.arange(3), REPLICATED, device)
                indexing.set(part_of(whole, partition, device), (3, part_of(mask, REPLICATED, device)), value)

            seen.add(raised_by(ranks, body))
    assert seen == {(ValueError, "a value has as many elements as the mask selects, here 2, or one, got 3")}


def test_an_index_out_of_bounds_that_is_stretched_over_an_empty_part_is_named_by_another_rank() -> None:
    whole = torch.arange(24).reshape(6, 4)
    outcomes = set()
    for ranks in (1, 2, 4):
        for partition in partitions_of((6, 4), ranks):
            for placed in partitions_of((2,), ranks):

                def body(device: Device, partition: Any = partition, placed: Any = placed) -> None:
                    key = (
                        part_of(torch.tensor([7]), REPLICATED, device),
                        part_of(torch.tensor([1, 2]), placed, device),
                    )
                    indexing.get(part_of(whole, partition, device), key)

                outcomes.add(raised_by(ranks, body))
    assert outcomes == {(IndexError, "an index of an axis of length 6 must lie in [-6, 6), got 7")}
