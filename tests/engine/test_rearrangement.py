"""Moving elements along axes keeps the whole-tensor truth under every partition."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist._block import Block
from array_api_dist._partition import Partition
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import rearrangement, reshaping

SHAPE = (4, 6, 5)
WHOLE = torch.arange(120).reshape(SHAPE)
RANKS = [1, 2, 3, 5]

CASES: list[tuple[Callable[[Block], Block], Callable[[np.ndarray], np.ndarray]]] = [
    (lambda b: rearrangement.flip(b, (0,)), lambda a: np.flip(a, 0)),
    (lambda b: rearrangement.flip(b, (0, 1, 2)), np.flip),
    (lambda b: rearrangement.roll(b, (2, -1), (0, 1)), lambda a: np.roll(a, (2, -1), (0, 1))),
    (lambda b: rearrangement.roll(b, (17,), (2,)), lambda a: np.roll(a, 17, 2)),
    (lambda b: reshaping.roll(b, 17), lambda a: np.roll(a, 17)),
    (lambda b: reshaping.roll(b, -4), lambda a: np.roll(a, -4)),
    (lambda b: rearrangement.take_slice(b, 1, 1, 2, 3), lambda a: a[:, 1:6:2]),
    (lambda b: rearrangement.take_slice(b, 1, 5, -2, 3), lambda a: a[:, 5::-2]),
    (lambda b: rearrangement.take_slice(b, 0, 2, 1, 0), lambda a: a[2:2]),
    (lambda b: rearrangement.take_slice(b, 0, 3, 1, 1), lambda a: a[3:4]),
    (lambda b: rearrangement.permute_dims(b, (2, 0, 1)), lambda a: a.transpose(2, 0, 1)),
    (lambda b: rearrangement.expand_dims(b, (0, 2)), lambda a: np.expand_dims(a, (0, 2))),
    (lambda b: rearrangement.broadcast_to(b, (2, *SHAPE)), lambda a: np.broadcast_to(a, (2, *SHAPE))),
    (lambda b: rearrangement.tile_axis(b, 0, 3), lambda a: np.tile(a, (3, 1, 1))),
    (lambda b: rearrangement.tile_axis(b, 1, 0), lambda a: np.tile(a, (1, 0, 1))),
    (lambda b: rearrangement.repeat(b, 3, 1), lambda a: np.repeat(a, 3, 1)),
    (lambda b: rearrangement.diff(b, 0), lambda a: np.diff(a, axis=0)),
    (lambda b: rearrangement.diff(b, 2), lambda a: np.diff(a, axis=2)),
    (lambda b: rearrangement.off_axis(b, 1), lambda a: a),
    (lambda b: reshaping.reshape(b, (120,)), lambda a: a.reshape(120)),
    (lambda b: reshaping.reshape(b, (24, 5)), lambda a: a.reshape(24, 5)),
    (lambda b: reshaping.reshape(b, (4, 30)), lambda a: a.reshape(4, 30)),
    (lambda b: reshaping.reshape(b, (4, 3, 2, 5)), lambda a: a.reshape(4, 3, 2, 5)),
    (lambda b: reshaping.reshape(b, (7 + 1, 15)), lambda a: a.reshape(8, 15)),
    (lambda b: reshaping.reshape(b, (1, 2, 60, 1)), lambda a: a.reshape(1, 2, 60, 1)),
]


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("case", range(len(CASES)))
def test_every_partition(ranks: int, case: int) -> None:
    move, truth = CASES[case]
    for partition in partitions_of(SHAPE, ranks):
        blocks = on_ranks(ranks, lambda device, p=partition: move(part_of(WHOLE, p, device)))
        np.testing.assert_array_equal(joined(blocks).numpy(), truth(WHOLE.numpy()))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("axis", [0, 1])
def test_concatenation_of_every_pair_of_partitions(ranks: int, axis: int) -> None:
    shapes = [(3, 4), (5, 4)] if axis == 0 else [(3, 4), (3, 2)]
    left, right = (torch.arange(torch.Size(shape).numel()).reshape(shape) for shape in shapes)
    for first, second in itertools.product(*(partitions_of(shape, ranks) for shape in shapes)):
        blocks = on_ranks(
            ranks,
            lambda device, first=first, second=second: rearrangement.concat(
                (part_of(left, first, device), part_of(right, second, device)), axis
            ),
        )
        assert torch.equal(joined(blocks), torch.cat((left, right), dim=axis))


@pytest.mark.parametrize("ranks", RANKS)
def test_an_axis_of_one_is_squeezed_wherever_it_lies(ranks: int) -> None:
    whole = torch.arange(6).reshape(1, 6)
    for partition in partitions_of((1, 6), ranks):
        blocks = on_ranks(
            ranks, lambda device, p=partition: rearrangement.squeeze(part_of(whole, p, device), (0,))
        )
        assert torch.equal(joined(blocks), whole[0])


@pytest.mark.parametrize("ranks", RANKS)
def test_each_element_repeats_as_often_as_it_is_told(ranks: int) -> None:
    counts = torch.tensor([0, 3, 1, 0, 7, 2])
    for partition, own in itertools.product(partitions_of(SHAPE, ranks), partitions_of((6,), ranks)):
        blocks = on_ranks(
            ranks,
            lambda device, p=partition, q=own: rearrangement.repeat_each(
                part_of(WHOLE, p, device), part_of(counts, q, device), 1
            ),
        )
        np.testing.assert_array_equal(joined(blocks).numpy(), np.repeat(WHOLE.numpy(), counts.numpy(), 1))


def test_a_negative_count_is_refused_on_every_rank() -> None:
    counts = torch.tensor([1, 1, 1, -1])

    def body(device: object) -> None:
        whole = part_of(torch.arange(4), Partition.even(0, 4, 2), device)
        with pytest.raises(ValueError, match="must not be negative"):
            rearrangement.repeat_each(whole, part_of(counts, Partition.even(0, 4, 2), device), 0)

    on_ranks(2, body)


@pytest.mark.parametrize(
    ("shape", "partition", "target"),
    [
        ((4, 6), Partition(0, (0, 1, 4)), (2, 2, 6)),
        ((4, 6), Partition(0, (0, 2, 4)), (2, 2, 6)),
        ((3, 4, 2), Partition(1, (0, 1, 4)), (3, 8)),
    ],
)
def test_a_reshape_that_moves_nothing_sends_nothing(
    shape: tuple[int, ...], partition: Partition, target: tuple[int, ...]
) -> None:
    whole = torch.arange(24).reshape(shape)

    def body(device: object) -> tuple[Block, int]:
        block = part_of(whole, partition, device)
        with trace() as seen:
            result = reshaping.reshape(block, target)
        return result, sum(row.bytes_sent for row in seen.rows)

    results = on_ranks(2, body)
    assert torch.equal(joined([block for block, _ in results]), whole.reshape(target))
    if shape[0] != 4 or partition.bounds[1] == 2:
        assert [sent for _, sent in results] == [0, 0]


def test_each_element_moves_at_most_once() -> None:
    whole = torch.arange(1 << 12).reshape(1 << 6, 1 << 6)
    source = Partition.even(1, 1 << 6, 4)

    def body(device: object) -> int:
        with trace() as seen:
            reshaping.reshape(part_of(whole, source, device), (1 << 12,))
        return sum(row.bytes_sent for row in seen.rows)

    assert all(sent <= whole.numel() * 8 // 4 for sent in on_ranks(4, body))
