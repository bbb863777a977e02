"""Sorting, distinct values and look-ups give the whole-tensor truth for adversarial data under every partition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import Partition
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import ordering, routing, searching, uniqueness
from array_api_dist.kernels import order_keys, packed_order
from array_api_dist.kernels import ordering as kernels
from array_api_dist.kernels import searching as kernel_searching

RNG = np.random.default_rng(3)
VECTORS = {
    "random": RNG.normal(size=23),
    "all equal": np.full(17, 2.5),
    "sorted": np.arange(19.0),
    "reverse": -np.arange(19.0),
    "two values": RNG.integers(0, 2, 29).astype(float),
    "mostly NaN": np.where(RNG.random(21) < 0.6, np.nan, RNG.normal(size=21).round()),
    "zeros of both signs": np.asarray([0.0, -0.0, 1.0, -0.0, 0.0, -1.0, 0.0]),
    "infinities": np.asarray([np.inf, -np.inf, 0.0, np.nan, np.inf, -np.inf]),
    "fewer than ranks": np.asarray([2.0, 1.0]),
    "one": np.asarray([5.0]),
    "none": np.asarray([]),
    "big unsigned": np.asarray([2**63 + 1, 5, 2**64 - 1, 0, 2**63], dtype=np.uint64),
    "bytes": RNG.integers(-128, 127, 40).astype(np.int8),
    "float32": RNG.normal(size=31).round(1).astype(np.float32),
}
RANKS = [1, 2, 3, 5]


apart = pytest.mark.parametrize("apart", [False, True], ids=["at once", "in pieces and rounds"])


@pytest.fixture(autouse=True)
def _nothing_is_few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "FEW", 0)
    monkeypatch.setattr(kernel_searching, "_FEW_PAIRS", 0)
    if "apart" in request.fixturenames and request.getfixturevalue("apart"):
        monkeypatch.setattr(routing, "TOGETHER_NBYTES", 0)
        monkeypatch.setattr(searching, "SEARCHED_NBYTES", 100)
        monkeypatch.setattr(order_keys, "CHUNK", 5)


def positions(whole: np.ndarray, *, descending: bool) -> np.ndarray:
    """The stable order, NaN last either way."""
    order = np.argsort(whole, kind="stable")
    if not descending:
        return order
    valid = [i for i in range(len(whole)) if not (whole.dtype.kind == "f" and np.isnan(whole[i]))]
    missing = [i for i in range(len(whole)) if i not in valid]
    ranked = sorted(valid, key=lambda i: whole[i], reverse=True)
    return np.asarray(ranked + missing, dtype=np.int64)


@apart
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_is_ordered_stably_and_evenly(ranks: int, descending: bool, name: str, apart: bool) -> None:
    whole = VECTORS[name]
    expected = positions(whole, descending=descending)
    for partition in partitions_of(whole.shape, ranks):

        def body(device: object, partition: Partition = partition) -> tuple[object, object]:
            block = part_of(torch.from_numpy(whole), partition, device)
            return ordering.sort(block, 0, descending=descending), ordering.argsort(
                block, 0, descending=descending
            )

        results = on_ranks(ranks, body)
        values, order = joined([each[0] for each in results]), joined([each[1] for each in results])
        np.testing.assert_array_equal(values.numpy(), whole[expected])
        np.testing.assert_array_equal(order.numpy(), expected)
        if partition.axis is not None:
            counts = results[0][0].partition.counts
            assert max(counts) - min(counts) <= 1


def test_positions_along_a_very_long_axis_travel_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.from_numpy(RNG.integers(0, 9, 50))

    def body(device: Device) -> tuple[Block, int]:
        with trace() as seen:
            found = ordering.argsort(part_of(whole, Partition.even(0, 50, 4), device), 0, descending=False)
        sent = sum(row.bytes_sent for row in seen.collectives if row.collective == "exchange")
        return found, sent - 8 * 3

    narrow = [sent for _, sent in on_ranks(4, body)]
    monkeypatch.setattr(packed_order, "WIDE_COUNT", 50)
    results = on_ranks(4, body)
    assert torch.equal(joined([found for found, _ in results]), whole.argsort(stable=True))
    # Values of 8 bytes, with positions of 4 or 8.
    assert [sent * 12 for _, sent in results] == [sent * 16 for sent in narrow]


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("shape", [(9, 2), (2, 11), (6, 7), (4, 3, 2), (0, 3), (3, 0)])
def test_every_axis_of_an_array(ranks: int, shape: tuple[int, ...]) -> None:
    whole = RNG.integers(0, 5, shape)
    for partition in partitions_of(shape, ranks):
        for axis in range(len(shape)):
            blocks = on_ranks(
                ranks,
                lambda device, p=partition, a=axis: ordering.argsort(
                    part_of(torch.from_numpy(whole), p, device), a, descending=False
                ),
            )
            np.testing.assert_array_equal(joined(blocks).numpy(), np.argsort(whole, axis=axis, kind="stable"))


@apart
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("name", [*VECTORS, "complex", "imaginary", "complex NaN", "all NaN", "matrix"])
def test_distinct_values_are_the_same_under_every_partition(ranks: int, name: str, apart: bool) -> None:
    extra = {
        "complex": RNG.integers(0, 2, 20) + 1j * RNG.integers(0, 2, 20),
        "imaginary": 1j * RNG.integers(-9, 9, 30),
        "complex NaN": np.where(RNG.random(25) < 0.5, complex(np.nan, 1), RNG.integers(0, 2, 25) + 2j),
        "all NaN": np.full(20, np.nan),
        "matrix": RNG.integers(0, 6, (4, 7)),
    }
    whole = (VECTORS | extra)[name]
    values, first, inverse, counts = np.unique(
        whole, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    for partition in partitions_of(whole.shape, ranks):
        results = on_ranks(
            ranks,
            lambda device, p=partition: uniqueness.unique(
                part_of(torch.from_numpy(whole), p, device), indices=True, counts=True, inverse=True
            ),
        )
        np.testing.assert_array_equal(joined([each.values for each in results]).numpy(), values)
        np.testing.assert_array_equal(joined([each.indices for each in results]).numpy(), first)
        np.testing.assert_array_equal(joined([each.counts for each in results]).numpy(), counts)
        backwards = [each.inverse for each in results]
        assert backwards[0].partition == partition
        np.testing.assert_array_equal(joined(backwards).numpy(), inverse.reshape(whole.shape))


def test_counts_have_one_width_on_every_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    # One part has so many elements that positions in it take 8 bytes, the other has fewer.
    monkeypatch.setattr(packed_order, "WIDE_COUNT", 10)
    whole = np.arange(15) % 4

    def body(device: Device) -> uniqueness.Distinct:
        return uniqueness.unique(
            part_of(torch.from_numpy(whole), Partition(0, (0, 12, 15)), device), counts=True
        )

    found = [each.counts for each in on_ranks(2, body)]
    np.testing.assert_array_equal(joined(found).numpy(), np.unique(whole, return_counts=True)[1])


def test_of_two_zeros_the_first_one_stands() -> None:
    for whole, negative in ((np.asarray([1.0, -0.0, 0.0]), True), (np.asarray([1.0, 0.0, -0.0]), False)):
        for partition in partitions_of((3,), 3):
            results = on_ranks(
                3,
                lambda device, p=partition, w=whole: uniqueness.unique(
                    part_of(torch.from_numpy(w), p, device), inverse=False
                ),
            )
            assert bool(np.signbit(joined([each.values for each in results]).numpy()[0])) == negative


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("small", [0, 1 << 20])
def test_look_ups_by_every_way(ranks: int, side: str, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "SMALL_NBYTES", small)
    for name in ("random", "two values", "mostly NaN", "big unsigned", "none", "bytes"):
        ordered = np.sort(VECTORS[name])
        wanted = np.concatenate([VECTORS[name], VECTORS[name][:2]]).reshape(-1, 1)
        for first in partitions_of(ordered.shape, ranks):
            for second in partitions_of(wanted.shape, ranks):
                blocks = on_ranks(
                    ranks,
                    lambda device, a=first, b=second, x=ordered, v=wanted: searching.searchsorted(
                        part_of(torch.from_numpy(x), a, device), part_of(torch.from_numpy(v), b, device), side
                    ),
                )
                np.testing.assert_array_equal(
                    joined(blocks).numpy(), np.searchsorted(ordered, wanted, side=side)
                )


MEMBERS = {
    "mostly NaN": np.asarray([2.0, 0.0, 1.0, np.nan, 50.0, 2.0, -60.0, -0.0]),
    "zeros of both signs": np.asarray([-0.0, 5.0]),
    "all equal": np.asarray([2.5, 1.0]),
    "two values": np.full(40, 7.0),
    "none": np.asarray([1.0]),
    "one": np.asarray([]),
    "big unsigned": np.asarray([2**64 - 1, 2**63, 1], dtype=np.uint64),
    "bytes": RNG.integers(-128, 127, 30).astype(np.int8),
    "float32": RNG.normal(size=30).round(1).astype(np.float32),
    "booleans": np.asarray([True, True]),
    "complex": RNG.integers(0, 3, 12) + 1j * RNG.integers(0, 3, 12),
    "imaginary": 1j * RNG.integers(-9, 9, 20),
    "complex NaN": np.asarray([complex(np.nan, 1), 2j, complex(1, np.nan)]),
}
WANTED = {
    "booleans": RNG.integers(0, 2, 19).astype(bool),
    "complex": RNG.integers(0, 4, 20) + 1j * RNG.integers(0, 2, 20),
    "imaginary": 1j * RNG.integers(-9, 9, 30),
    "complex NaN": np.asarray([complex(np.nan, 1), 2j, 1 + 2j, complex(1, np.nan), 2j]),
}


def test_look_ups_of_one_column_make_torch_warn_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "SMALL_NBYTES", 0)
    ordered, wanted = torch.arange(8), torch.arange(35).reshape(5, 7)

    def body(device: Device) -> Block:
        columns = part_of(wanted, Partition.even(1, 7, 5), device)
        strided = columns.with_local(wanted[columns.partition.local_slices(2, device.rank)])
        return searching.searchsorted(part_of(ordered, Partition.even(0, 8, 5), device), strided, "left")

    # Else it warns once in a process only.
    torch.set_warn_always(True)
    try:
        found = joined(on_ranks(5, body))
    finally:
        torch.set_warn_always(False)
    assert torch.equal(found, torch.searchsorted(ordered, wanted))


def test_sorting_strided_lanes_makes_torch_warn_of_nothing() -> None:
    values = torch.arange(20).flip(0).reshape(10, 2)
    # Else it warns once in a process only.
    torch.set_warn_always(True)
    try:
        found = joined(
            on_ranks(
                3,
                lambda device: ordering.sort(
                    part_of(values, Partition.even(0, 10, 3), device), 0, descending=False
                ),
            )
        )
    finally:
        torch.set_warn_always(False)
    assert torch.equal(found, values.sort(0).values)


@apart
@pytest.mark.parametrize("small", [0, 1 << 20])
@pytest.mark.parametrize("name", MEMBERS)
def test_membership_by_every_way(small: int, name: str, apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "SMALL_NBYTES", small)
    wanted, members = (VECTORS | WANTED)[name], MEMBERS[name]
    for first in partitions_of(wanted.shape, 3):
        for second in partitions_of(members.shape, 3):
            blocks = on_ranks(
                3,
                lambda device, a=first, b=second: searching.isin(
                    part_of(torch.from_numpy(wanted), a, device),
                    part_of(torch.from_numpy(members), b, device),
                ),
            )
            np.testing.assert_array_equal(joined(blocks).numpy(), np.isin(wanted, members))


KEYS = {
    "one real part": 1j * RNG.normal(size=2000),
    "NaN": np.full(2000, np.nan),
    "all equal": np.zeros(2000),
    "random": RNG.normal(size=2000),
    "heavy": RNG.integers(0, 900, 2000) // 300 * 1.0
    + np.where(np.arange(2000) % 3, 0.0, RNG.normal(size=2000)),
}


@pytest.mark.parametrize("name", KEYS)
def test_distinct_values_are_shared_out_evenly(name: str) -> None:
    whole, ranks = torch.from_numpy(KEYS[name]), 8

    def body(device: object) -> int:
        with trace() as seen:
            uniqueness.unique(part_of(whole, Partition.even(0, 2000, ranks), device))
        return sum(row.bytes_received for row in seen.collectives if row.collective == "exchange")

    width = whole.element_size() + 8
    # A rank may have a copy of each of its first and last value from every other one.
    assert max(on_ranks(ranks, body)) <= width * (2000 // ranks + 2 * ranks)


PEAKS = {
    "argsort": 20,
    "unique_values": 16,
    "unique_counts": 20,
    "unique_inverse": 24,
    "unique_all": 40,
    "isin": 17,
}
"""Bytes for each element of eight: a part of one operand and of the results, or less."""


@pytest.mark.parametrize("name", PEAKS)
@pytest.mark.usefixtures("host_memory")
def test_a_part_and_the_result_are_held(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks, count, buffer = 4, 1 << 18, 1 << 17
    monkeypatch.setattr(routing, "TOGETHER_NBYTES", 0)
    monkeypatch.setattr(searching, "SMALL_NBYTES", 0)
    monkeypatch.setattr(searching, "SEARCHED_NBYTES", buffer)
    monkeypatch.setattr(order_keys, "CHUNK", 1 << 10)
    along = Partition.even(0, ranks * count, ranks)
    whole, members = (torch.from_numpy(RNG.normal(size=ranks * count)) for _ in range(2))
    wanted = {"indices": "all", "counts": "all counts", "inverse": "all inverse"}
    functions = {
        "argsort": lambda x, y: ordering.argsort(x, 0, descending=False),
        "isin": searching.isin,
    }

    def found(x: Block, y: Block) -> object:
        if name in functions:
            return functions[name](x, y)
        asked = {each: name.removeprefix("unique_") in words.split() for each, words in wanted.items()}
        return uniqueness.unique(x, **asked)

    def body(device: Device) -> int:
        x, y = part_of(whole, along, device), part_of(members, along, device)
        with trace() as seen:
            found(x, y)
        return seen.totals.peak_extra_bytes or 0

    # What a pass over memory takes at a time, splitters, and values more than an even share.
    assert max(on_ranks(ranks, body)) <= PEAKS[name] * count + 3 * buffer


def test_a_sort_sends_each_element_at_most_once() -> None:
    whole = torch.from_numpy(RNG.normal(size=4096))

    def body(device: object) -> tuple[int, int]:
        block = part_of(whole, Partition.even(0, 4096, 4), device)
        with trace() as seen:
            ordering.sort(block, 0, descending=False)
        exchanged = sum(row.bytes_sent for row in seen.collectives if row.collective == "exchange")
        return exchanged, sum(row.calls for row in seen.collectives)

    for exchanged, calls in on_ranks(4, body):
        # Values travel alone, after a count a pair.
        assert exchanged <= 4096 * 8 // 4 + 4 * 8
        assert calls <= 72
