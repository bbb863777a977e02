"""Elementwise operations meet under every pair of partitions and shapes."""

from __future__ import annotations

import itertools

import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist.engine import elementwise

SHAPES = [
    ((5, 7), (5, 7)),
    ((5, 7), (7,)),
    ((5, 1), (1, 7)),
    ((1,), (5, 7)),
    ((), (6,)),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
]


def tensor_of(shape: tuple[int, ...], start: int = 1) -> torch.Tensor:
    return torch.arange(start, start + torch.Size(shape).numel(), dtype=torch.float64).reshape(shape)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
@pytest.mark.parametrize("shapes", SHAPES)
def test_two_operands_meet_under_every_pair_of_partitions(
    ranks: int, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    left, right = tensor_of(shapes[0]), tensor_of(shapes[1], 100)
    for first, second in itertools.product(partitions_of(shapes[0], ranks), partitions_of(shapes[1], ranks)):
        blocks = on_ranks(
            ranks,
            lambda device, first=first, second=second: elementwise.apply(
                elementwise.SUBTRACT, part_of(left, first, device), part_of(right, second, device)
            ),
        )
        assert torch.equal(joined(blocks), left - right)


def test_three_operands_of_three_partitions() -> None:
    shape = (6, 4)
    condition, left = tensor_of(shape) % 2 == 0, tensor_of(shape)
    right = tensor_of((4,))
    cases = itertools.product(partitions_of(shape, 3), partitions_of(shape, 3), partitions_of((4,), 3))
    for first, second, third in itertools.islice(cases, 0, None, 5):
        blocks = on_ranks(
            3,
            lambda device, a=first, b=second, c=third: elementwise.apply(
                elementwise.WHERE,
                part_of(condition, a, device),
                part_of(left, b, device),
                part_of(right, c, device),
            ),
        )
        assert torch.equal(joined(blocks), torch.where(condition, left, right))


def test_operands_are_promoted_and_refused() -> None:
    def body(device: object) -> torch.dtype:
        partition = partitions_of((4,), 2)[1]
        small = part_of(torch.ones(4, dtype=torch.int8), partition, device)
        wide = part_of(torch.ones(4, dtype=torch.uint16), partition, device)
        with pytest.raises(TypeError, match="does not promote"):
            elementwise.apply(elementwise.ADD, small, part_of(torch.ones(4), partition, device))
        with pytest.raises(TypeError, match="floating-point data type"):
            elementwise.apply_unary(elementwise.EXP, small)
        assert elementwise.apply(elementwise.DIVIDE, small, wide, mixed=True).local.dtype == torch.float64
        return elementwise.apply(elementwise.ADD, small, wide).local.dtype

    assert on_ranks(2, body) == [torch.int32, torch.int32]


def test_shapes_that_do_not_broadcast_are_refused_on_every_rank() -> None:
    def body(device: object) -> None:
        with pytest.raises(ValueError, match=r"counted from the last axis.*\(4,\) and \(3,\)"):
            elementwise.apply(
                elementwise.ADD,
                part_of(torch.ones(4), partitions_of((4,), 3)[1], device),
                part_of(torch.ones(3), partitions_of((3,), 3)[1], device),
            )

    on_ranks(3, body)


def test_a_refusal_says_the_same_whatever_partitions_meet() -> None:
    def body(device: object) -> set[str]:
        said = set()
        for first, second in itertools.product(partitions_of((4,), 2), repeat=2):
            flags = [part_of(torch.ones(4, dtype=torch.bool), each, device) for each in (first, second)]
            with pytest.raises(TypeError) as caught:
                elementwise.apply(elementwise.ADD, *flags)
            said.add(str(caught.value))
        return said

    assert on_ranks(2, body) == [{"add takes arrays of a numeric data type, got bool and bool"}] * 2
