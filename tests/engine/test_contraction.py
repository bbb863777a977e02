"""Contractions under every pair of partitions, against the whole tensors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist import _contraction as rules
from array_api_dist._block import Block
from array_api_dist._contraction import Transport
from array_api_dist._device import Device
from array_api_dist._partition import Partition, Shape
from array_api_dist.engine import contraction

DTYPES = [
    torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64,
    torch.float32, torch.float64, torch.complex64, torch.complex128,
]  # fmt: skip
RANKS = [1, 2, 3, 4]


def forget() -> None:
    """Forget decisions made under other thresholds."""
    rules.choose.cache_clear()
    contraction._planned.cache_clear()


@pytest.fixture(params=["thresholds as they are", "nothing is small"])
def thresholds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny operands take the ways of large ones, too."""
    if request.param == "nothing is small":
        monkeypatch.setattr(rules, "RING_NBYTES", 0)
        monkeypatch.setattr(rules, "GATHER_NBYTES", 0)
        monkeypatch.setattr(rules, "SCATTER_NBYTES", 0)
    forget()
    yield
    forget()


def made(shape: Shape, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape) + len(shape))
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, dtype=dtype, generator=generator)
    # High bits set: products and sums wrap.
    return torch.randint(0, 2**31 - 1, shape, generator=generator).mul(0x9E3779B9).to(dtype)


def pairs(left: torch.Tensor, right: torch.Tensor, ranks: int) -> Iterator[tuple[Partition, Partition]]:
    yield from product(partitions_of(tuple(left.shape), ranks), partitions_of(tuple(right.shape), ranks))


@pytest.mark.usefixtures("thresholds")
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(
    ("left_shape", "right_shape"),
    [
        ((7, 5), (5, 6)),
        ((5,), (5,)),
        ((5,), (5, 4)),
        ((5,), (2, 5, 3)),
        ((4, 5), (5,)),
        ((3, 1, 2, 5), (4, 5, 2)),
        ((1, 4, 5), (6, 5, 3)),
        ((4, 0), (0, 3)),
        ((0, 4), (4, 3)),
        ((2, 1), (1, 3)),
    ],
)
def test_matmul_under_every_pair_of_partitions(ranks: int, left_shape: Shape, right_shape: Shape) -> None:
    left, right = made(left_shape), made(right_shape)
    expected = left @ right
    cases = list(pairs(left, right, ranks))

    def body(device: Device) -> list[Block]:
        return [
            contraction.matmul(part_of(left, first, device), part_of(right, second, device))
            for first, second in cases
        ]

    for result in zip(*on_ranks(ranks, body), strict=True):
        torch.testing.assert_close(joined(result), expected)


@pytest.mark.parametrize(
    ("left_shape", "right_shape"),
    [((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (2, 3, 1)), ((2, 1, 3), (3,))],
)
def test_a_product_of_fewer_elements_than_ranks_is_added_up_once(
    left_shape: Shape, right_shape: Shape
) -> None:
    left, right = made(left_shape), made(right_shape)
    cases = list(pairs(left, right, 8))

    def body(device: Device) -> list[Block]:
        return [
            contraction.matmul(part_of(left, first, device), part_of(right, second, device))
            for first, second in cases
        ]

    for result in zip(*on_ranks(8, body), strict=True):
        torch.testing.assert_close(joined(result), left @ right)


@pytest.mark.usefixtures("thresholds")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_products_of_integers_are_exact_and_wrap(dtype: torch.dtype) -> None:
    left, right = made((6, 9), dtype), made((9, 7), dtype)
    if dtype.is_floating_point or dtype.is_complex:
        wide = torch.complex128 if dtype.is_complex else torch.float64
        expected = (left.to(wide) @ right.to(wide)).to(dtype)
    else:
        bits = left.to(torch.int64) if dtype != torch.uint64 else left.view(torch.int64)
        others = right.to(torch.int64) if dtype != torch.uint64 else right.view(torch.int64)
        sums = (bits[:, :, None] * others[None]).sum(1)
        expected = sums.view(torch.uint64) if dtype == torch.uint64 else sums.to(dtype)
    cases = list(pairs(left, right, 3))

    def body(device: Device) -> list[Block]:
        return [
            contraction.matmul(part_of(left, first, device), part_of(right, second, device))
            for first, second in cases
        ]

    exact = not (dtype.is_floating_point or dtype.is_complex)
    for result in zip(*on_ranks(3, body), strict=True):
        found = joined(result)
        assert found.dtype == dtype
        if exact:
            assert torch.equal(found, expected)
        else:
            torch.testing.assert_close(found, expected)


@pytest.mark.usefixtures("thresholds")
@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize(
    ("left_shape", "right_shape", "axes"),
    [
        ((3, 4, 5), (4, 5, 2), 2),
        ((3, 4), (5,), 0),
        ((3, 4, 5), (5, 2, 3), ([0, -1], [2, 0])),
        ((6, 4), (6, 3), ([0], [0])),
        ((3, 0), (0, 2), 1),
        ((), (3,), 0),
    ],
)
def test_tensordot_under_every_pair_of_partitions(
    ranks: int, left_shape: Shape, right_shape: Shape, axes: int | tuple[list[int], list[int]]
) -> None:
    left, right = made(left_shape), made(right_shape)
    expected = torch.tensordot(left, right, dims=axes)
    cases = list(pairs(left, right, ranks))

    def body(device: Device) -> list[Block]:
        return [
            contraction.tensordot(part_of(left, first, device), part_of(right, second, device), axes)
            for first, second in cases
        ]

    for result in zip(*on_ranks(ranks, body), strict=True):
        torch.testing.assert_close(joined(result), expected)


@pytest.mark.usefixtures("thresholds")
@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize(
    ("left_shape", "right_shape", "axis"),
    [
        ((4, 5), (4, 5), -1),
        ((5, 4), (5, 1), -2),
        ((3, 1, 6), (2, 6), -1),
        ((7,), (7,), -1),
        ((2, 0), (2, 0), -1),
    ],
)
def test_vecdot_conjugates_the_left_vectors(
    ranks: int, left_shape: Shape, right_shape: Shape, axis: int
) -> None:
    left, right = made(left_shape, torch.complex128), made(right_shape, torch.complex128)
    expected = (left.conj() * right).sum(axis)
    cases = list(pairs(left, right, ranks))

    def body(device: Device) -> list[Block]:
        return [
            contraction.vecdot(part_of(left, first, device), part_of(right, second, device), axis)
            for first, second in cases
        ]

    for result in zip(*on_ranks(ranks, body), strict=True):
        torch.testing.assert_close(joined(result), expected)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize(
    ("left_shape", "right_shape", "axis"),
    [((4, 3), (4, 3), -1), ((3, 4), (3, 1), -2), ((3,), (5, 3), -1), ((3,), (3,), -1)],
)
def test_cross_under_every_pair_of_partitions(
    ranks: int, left_shape: Shape, right_shape: Shape, axis: int
) -> None:
    left, right = made(left_shape), made(right_shape)
    expected = torch.linalg.cross(*torch.broadcast_tensors(left, right), dim=axis)
    cases = list(pairs(left, right, ranks))

    def body(device: Device) -> list[Block]:
        return [
            contraction.cross(part_of(left, first, device), part_of(right, second, device), axis)
            for first, second in cases
        ]

    for result in zip(*on_ranks(ranks, body), strict=True):
        torch.testing.assert_close(joined(result), expected)


def test_an_outer_product_keeps_the_sign_of_zero() -> None:
    left, right = torch.tensor([-0.0, 0.0, 2.0]), torch.tensor([1.0, -0.0, -3.0])
    cases = list(pairs(left, right, 2))

    def body(device: Device) -> list[Block]:
        return [
            contraction.outer(part_of(left, first, device), part_of(right, second, device))
            for first, second in cases
        ]

    expected = left[:, None] * right
    for result in zip(*on_ranks(2, body), strict=True):
        assert torch.equal(joined(result), expected)
        assert torch.equal(torch.signbit(joined(result)), torch.signbit(expected))


def test_outer_takes_vectors_only() -> None:
    def body(device: Device) -> str:
        matrix = part_of(made((2, 2)), Partition.even(0, 2, device.ranks), device)
        with pytest.raises(ValueError, match="one-dimensional") as caught:
            contraction.outer(matrix, matrix)
        return str(caught.value)

    assert len(set(on_ranks(2, body))) == 1


@pytest.mark.parametrize("transport", list(Transport))
def test_every_transport_gives_the_product(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the cost says, each way to move must be right: force it."""
    ranks, left, right = 3, made((7, 8)), made((8, 5))
    rows, inner_left = Partition.even(0, 7, ranks), Partition.even(1, 8, ranks)
    inner_right, columns = Partition.even(0, 8, ranks), Partition.even(1, 5, ranks)
    forced = {
        Transport.NONE: rules.Strategy((rows, Partition(None)), transport, rows),
        Transport.RING_RIGHT: rules.Strategy((rows, inner_right), transport, rows),
        Transport.RING_LEFT: rules.Strategy((inner_left, columns), transport, columns),
        Transport.ALLREDUCE: rules.Strategy((inner_left, inner_right), transport, Partition(None)),
        Transport.RING_SUM: rules.Strategy((inner_left, inner_right), transport, rows),
    }[transport]
    forget()
    monkeypatch.setattr(rules, "choose", lambda *_: forced)

    def body(device: Device) -> Block:
        return contraction.matmul(part_of(left, rows, device), part_of(right, columns, device))

    torch.testing.assert_close(joined(on_ranks(ranks, body)), left @ right)
    contraction._planned.cache_clear()
