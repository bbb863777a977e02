"""Reductions give the whole-tensor truth for every axis and partition, empty parts and NaN included."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from harness import joined, nothing_small, on_ranks, part_of, partitions_of

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import reduction, scan
from array_api_dist.kernels import scans

GENERATOR = torch.Generator().manual_seed(7)
WHOLE = torch.randn(5, 6, 3, generator=GENERATOR, dtype=torch.float64)
AXES = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2), ()]


def reduced(
    rule: reduction.Reduction,
    whole: torch.Tensor,
    partition: Partition,
    ranks: int,
    axes: tuple[int, ...],
    *,
    keepdims: bool = False,
) -> torch.Tensor:
    return joined(
        on_ranks(
            ranks,
            lambda device: reduction.reduce(rule, part_of(whole, partition, device), axes, keepdims=keepdims),
        )
    )


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("rule", "truth"),
    [
        (reduction.sum_in(torch.float64), np.sum),
        (reduction.prod_in(torch.float64), np.prod),
        (reduction.mean_of(torch.float64), np.mean),
        (reduction.variance_of(torch.float64, 0.0, root=False), np.var),
        (reduction.variance_of(torch.float64, 0.0, root=True), np.std),
        (reduction.MIN, np.min),
        (reduction.MAX, np.max),
        (reduction.ALL, np.all),
        (reduction.ANY, np.any),
        (reduction.COUNT_NONZERO, np.count_nonzero),
    ],
    ids=lambda case: getattr(case, "name", ""),
)
def test_every_axis_and_partition(ranks: int, rule: reduction.Reduction, truth: object) -> None:
    whole = WHOLE.clone()
    whole[2, 3] = 0.0
    for partition, axes in itertools.product(partitions_of((5, 6, 3), ranks), AXES):
        for keepdims in (False, True):
            found = reduced(rule, whole, partition, ranks, axes, keepdims=keepdims)
            expected = np.asarray(truth(whole.numpy(), axis=axes, keepdims=keepdims))
            assert found.shape == expected.shape
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("holder", range(6))
def test_a_nan_is_kept_whichever_rank_holds_it(holder: int) -> None:
    whole = torch.arange(6.0)
    whole[holder] = torch.nan
    for partition in partitions_of((6,), 3):
        for rule in (reduction.MIN, reduction.MAX):
            assert reduced(rule, whole, partition, 3, (0,)).isnan()
        for arg_rule in (reduction.ARGMIN, reduction.ARGMAX):
            blocks = on_ranks(
                3,
                lambda device, p=partition, r=arg_rule: reduction.arg_reduce(r, part_of(whole, p, device), 0),
            )
            assert joined(blocks).item() == holder


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_positions_are_those_of_the_first_extreme(ranks: int) -> None:
    whole = torch.randint(0, 3, (5, 6, 3), generator=GENERATOR)
    for partition, axis in itertools.product(partitions_of((5, 6, 3), ranks), [None, 0, 1, 2]):
        for rule, truth in ((reduction.ARGMIN, np.argmin), (reduction.ARGMAX, np.argmax)):
            for keepdims in (False, True):
                blocks = on_ranks(
                    ranks,
                    lambda device, p=partition, r=rule, a=axis, k=keepdims: reduction.arg_reduce(
                        r, part_of(whole, p, device), a, keepdims=k
                    ),
                )
                np.testing.assert_array_equal(
                    joined(blocks).numpy(), truth(whole.numpy(), axis=axis, keepdims=keepdims)
                )


def test_a_large_result_is_scattered() -> None:
    whole = torch.randn(4, 3, 1 << 16, generator=GENERATOR, dtype=torch.float64)
    partition = Partition.even(0, 4, 2)
    for rule, truth in (
        (reduction.sum_in(torch.float64), whole.sum(0)),
        (reduction.MAX, whole.amax(0)),
        (reduction.variance_of(torch.float64, 1.0, root=False), whole.var(0)),
    ):
        blocks = on_ranks(
            2, lambda device, rule=rule: reduction.reduce(rule, part_of(whole, partition, device), (0,))
        )
        assert blocks[0].partition == Partition.even(1, 1 << 16, 2)
        torch.testing.assert_close(joined(blocks), truth, rtol=1e-12, atol=1e-14)


def test_one_collective_over_the_partitioned_axis_and_none_over_another() -> None:
    def body(device: object) -> tuple[int, int]:
        block = part_of(WHOLE, Partition.even(0, 5, 3), device)
        with trace() as across:
            reduction.reduce(reduction.variance_of(torch.float64, 0.0, root=True), block, (0,))
        with trace() as along:
            reduction.reduce(reduction.MAX, block, (1, 2))
        return sum(row.calls for row in across.collectives), sum(row.calls for row in along.collectives)

    assert on_ranks(3, body) == [(1, 0)] * 3


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
@pytest.mark.parametrize("include_initial", [False, True])
@pytest.mark.parametrize(
    ("rule", "truth"), [(scan.CUMULATIVE_SUM, torch.cumsum), (scan.CUMULATIVE_PROD, torch.cumprod)]
)
def test_running_totals_along_every_axis(
    ranks: int, include_initial: bool, rule: scan.Scan, truth: object
) -> None:
    whole = torch.randint(-3, 4, (4, 5), generator=GENERATOR)
    for partition, axis in itertools.product(partitions_of((4, 5), ranks), [0, 1]):
        blocks = on_ranks(
            ranks,
            lambda device, p=partition, a=axis: scan.scan(
                rule, part_of(whole, p, device), a, torch.int64, include_initial=include_initial
            ),
        )
        expected = truth(whole, axis)
        if include_initial:
            first = torch.full_like(expected.narrow(axis, 0, 1), rule.identity)
            expected = torch.cat((first, expected), dim=axis)
        assert torch.equal(joined(blocks), expected)


# Three parts in all: what overflows, or is lost, on the way is not in the end.
CANCELLING = [[3e38, 3e38, -3e38], [1e8, 1.0, -1e8], [1e30, 1e30, 1e-30, 1e-30], [-2e38, -2e38, 3e38, 1e38]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=str)
@pytest.mark.parametrize("values", CANCELLING, ids=str)
def test_totals_are_accumulated_in_double_precision_across_parts(
    values: list[float], dtype: torch.dtype
) -> None:
    whole = torch.tensor(values, dtype=dtype)
    wide = torch.complex128 if dtype.is_complex else torch.float64
    for partition in partitions_of(whole.shape, 3):
        total, product = (
            reduced(rule, whole, partition, 3, (0,))
            for rule in (reduction.sum_in(dtype), reduction.prod_in(dtype))
        )
        sums, products = (
            joined(
                on_ranks(
                    3, lambda device, r=rule, p=partition: scan.scan(r, part_of(whole, p, device), 0, dtype)
                )
            )
            for rule in (scan.CUMULATIVE_SUM, scan.CUMULATIVE_PROD)
        )
        torch.testing.assert_close(total, whole.to(wide).sum().to(dtype))
        torch.testing.assert_close(product, whole.to(wide).prod().to(dtype))
        torch.testing.assert_close(sums.real, whole.real.to(torch.float64).cumsum(0).to(torch.float32))
        torch.testing.assert_close(products.real, whole.real.to(torch.float64).cumprod(0).to(torch.float32))


@pytest.mark.parametrize("shape", [(6,), (7, 3), (2, 9, 2)])
@pytest.mark.parametrize("size", [1, 4, 1 << 16])
def test_running_totals_of_single_precision_go_on_piece_by_piece(
    shape: tuple[int, ...], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "PIECE_SIZE", size)
    whole = torch.randn(shape, generator=GENERATOR) + 1
    for partition, axis in itertools.product(partitions_of(shape, 3), range(len(shape))):
        for rule, truth in ((scan.CUMULATIVE_SUM, torch.cumsum), (scan.CUMULATIVE_PROD, torch.cumprod)):
            blocks = on_ranks(
                3,
                lambda device, r=rule, p=partition, a=axis: scan.scan(
                    r, part_of(whole, p, device), a, torch.float32
                ),
            )
            torch.testing.assert_close(joined(blocks), truth(whole, axis))


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_the_other_component_of_running_sums_outlives_an_infinite_one(
    value: float, dtype: torch.dtype
) -> None:
    whole = torch.tensor([complex(value, 1), 1, 2], dtype=dtype)
    for partition in partitions_of((3,), 3):
        blocks = on_ranks(
            3,
            lambda device, p=partition: scan.scan(scan.CUMULATIVE_SUM, part_of(whole, p, device), 0, dtype),
        )
        assert joined(blocks).imag.tolist() == [1.0] * 3


FAR = {
    "few": 1e8 + np.random.default_rng(0).standard_normal(9),
    "small": 1e12 + np.random.default_rng(0).standard_normal((1000, 2)),
    "squares": 1e12 + np.arange(12.0) ** 2,
    "large": 1e12 + np.random.default_rng(0).standard_normal((70_000, 2)),
    "rows": 1e12 + np.random.default_rng(0).standard_normal((3000, 60)).T,
}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("ranks", [1, 3])
def test_a_mean_far_away_takes_no_digits_of_a_variance(name: str, ranks: int) -> None:
    values = FAR[name]
    exact = (values - values[0]).astype(np.longdouble).var(axis=0).astype(np.float64)
    whole = torch.from_numpy(np.ascontiguousarray(values))
    for partition in partitions_of(whole.shape, ranks):
        found = reduced(reduction.variance_of(torch.float64, 0.0, root=False), whole, partition, ranks, (0,))
        np.testing.assert_allclose(found.numpy(), exact, rtol=1e-12)


@pytest.mark.parametrize(("shape", "axes"), [((40, 50, 60), (1,)), ((100, 5, 200), (0, 2)), ((9, 4), (0,))])
def test_squares_that_overflow_give_an_infinite_variance(
    shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    whole = torch.randn(shape, generator=GENERATOR, dtype=torch.float64) * 1e160
    for partition in partitions_of(shape, 3):
        found = reduced(reduction.variance_of(torch.float64, 0.0, root=False), whole, partition, 3, axes)
        assert torch.isposinf(found).all()


def test_a_scan_of_nothing() -> None:
    whole = torch.empty(0, dtype=torch.uint64)
    for partition in partitions_of((0,), 3):
        blocks = on_ranks(
            3,
            lambda device, p=partition: scan.scan(
                scan.CUMULATIVE_SUM, part_of(whole, p, device), 0, torch.uint64, include_initial=True
            ),
        )
        assert joined(blocks).tolist() == [0]


def test_an_axis_of_one_element_is_not_scattered() -> None:
    def body(device: Device) -> Block:
        block = part_of(torch.ones(4, 1), Partition.even(0, 4, 1), device)
        return reduction.reduce(reduction.MAX, block, (0,))

    with nothing_small():
        (result,) = on_ranks(1, body)
    assert (result.shape, result.partition) == ((1,), REPLICATED)
