"""The choice of strategy: pure arithmetic, for any number of ranks."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from array_api_dist import _contraction as rules
from array_api_dist._alignment import Layout
from array_api_dist._contraction import Transport
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._placement import uneven_bounds


def split(shape: Shape, axis: int | None, ranks: int) -> Layout:
    return Layout(shape, REPLICATED if axis is None else Partition.even(axis, shape[axis], ranks))


def chosen(left: Layout, right: Layout, ranks: int, itemsize: int = 8) -> rules.Strategy:
    return rules.choose(rules.matmul(left.shape, right.shape), left, right, itemsize, ranks)


def test_rows_times_a_copy_moves_nothing() -> None:
    strategy = chosen(split((10_000, 50), 0, 4), split((50, 8), None, 4), 4)
    assert (strategy.transport, strategy.nbytes, strategy.messages) == (Transport.NONE, 0, 0)
    assert strategy.result == Partition.even(0, 10_000, 4)


def test_k_means_sums_cost_one_small_allreduce() -> None:
    strategy = chosen(split((8, 10_000), 1, 4), split((10_000, 50), 0, 4), 4)
    assert strategy.transport is Transport.ALLREDUCE
    assert strategy.targets == (Partition.even(1, 10_000, 4), Partition.even(0, 10_000, 4))
    assert strategy.result == REPLICATED
    assert strategy.nbytes == 2 * 8 * 50 * 8 * 3 // 4


def test_a_large_sum_is_scattered() -> None:
    strategy = chosen(split((3000, 4000), 1, 4), split((4000, 3000), 0, 4), 4)
    assert strategy.transport is Transport.RING_SUM
    assert strategy.result == Partition.even(0, 3000, 4)


def test_a_large_operand_travels_round_the_ring() -> None:
    strategy = chosen(split((8000, 4000), 0, 4), split((4000, 4000), 0, 4), 4)
    assert strategy.transport is Transport.RING_RIGHT
    assert strategy.targets == (Partition.even(0, 8000, 4), Partition.even(0, 4000, 4))


def test_the_smaller_operand_travels() -> None:
    strategy = chosen(split((1000, 4000), 0, 4), split((4000, 40_000), 1, 4), 4)
    assert strategy.transport is Transport.RING_LEFT
    assert strategy.result.axis == 1


def test_a_small_operand_is_replicated() -> None:
    strategy = chosen(split((100_000, 100), 0, 4), split((100, 10), 0, 4), 4)
    assert (strategy.transport, strategy.targets[1]) == (Transport.NONE, REPLICATED)


def test_an_equally_partitioned_batch_moves_nothing() -> None:
    strategy = chosen(split((12, 30, 30), 0, 4), split((12, 30, 30), 0, 4), 4)
    assert (strategy.nbytes, strategy.messages, strategy.result.axis) == (0, 0, 0)


def test_the_outer_product_of_copies_is_split() -> None:
    left, right = split((5000,), None, 4), split((5000,), None, 4)
    strategy = rules.choose(rules.tensordot((5000,), (5000,), (), ()), left, right, 8, 4)
    assert (strategy.nbytes, strategy.result) == (0, Partition.even(0, 5000, 4))


def test_a_product_of_copies_stays_a_copy() -> None:
    strategy = chosen(split((500, 500), None, 4), split((500, 500), None, 4), 4)
    assert (strategy.transport, strategy.result) == (Transport.NONE, REPLICATED)


@pytest.mark.parametrize(("left_axis", "right_axis"), list(product((None, 0, 1), repeat=2)))
@pytest.mark.parametrize("ranks", [1, 2, 5])
def test_no_strategy_sends_more_than_its_operands_and_result(
    left_axis: int | None, right_axis: int | None, ranks: int
) -> None:
    left, right = split((600, 500), left_axis, ranks), split((500, 700), right_axis, ranks)
    strategy = chosen(left, right, ranks)
    assert strategy.nbytes <= 8 * (600 * 500 + 500 * 700)
    assert strategy.result.fits((600, 700), ranks)


@given(st.data())
def test_every_strategy_fits_its_shapes(data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, 5))
    batch = data.draw(st.lists(st.integers(0, 4), max_size=2))
    m, k, n = (data.draw(st.integers(0, 2000)) for _ in range(3))

    def drawn(shape: Shape) -> Layout:
        axis = data.draw(st.sampled_from([None, *range(len(shape))]))
        if axis is None:
            return Layout(shape, REPLICATED)
        return Layout(shape, Partition(axis, uneven_bounds(shape[axis], ranks, data.draw(st.integers(0, 9)))))

    left = drawn((*(data.draw(st.sampled_from([1, length])) for length in batch), m, k))
    right = drawn((*(data.draw(st.sampled_from([1, length])) for length in batch), k, n))
    contraction = rules.matmul(left.shape, right.shape)
    strategy = rules.choose(contraction, left, right, 8, ranks)
    strategy.targets[0].check(left.shape, ranks)
    strategy.targets[1].check(right.shape, ranks)
    strategy.result.check(contraction.shape, ranks)


@pytest.mark.parametrize(
    ("left", "right", "shape"),
    [
        ((3,), (3,), ()),
        ((3,), (3, 4), (4,)),
        ((2, 3), (3,), (2,)),
        ((5, 1, 2, 3), (4, 3, 6), (5, 4, 2, 6)),
        ((3,), (7, 3, 2), (7, 2)),
    ],
)
def test_matmul_has_the_standard_shape(left: Shape, right: Shape, shape: Shape) -> None:
    assert rules.matmul(left, right).shape == shape


@pytest.mark.parametrize("left", [(3,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("right", [(3,), (3, 4), (5, 3, 4)])
def test_every_label_is_an_axis_of_an_operand(left: Shape, right: Shape) -> None:
    contraction = rules.matmul(left, right)
    labels = {*contraction.left, *contraction.right} - {None}
    assert labels == set(range(len(contraction.lengths)))


@pytest.mark.parametrize(
    ("left", "right"), [((), (3,)), ((3,), (4,)), ((2, 3), (2, 3)), ((2, 3, 3), (4, 3, 3))]
)
def test_matmul_refuses_shapes_that_do_not_meet(left: Shape, right: Shape) -> None:
    with pytest.raises(ValueError, match="shapes"):
        rules.matmul(left, right)


def test_tensordot_labels_pairs_by_position() -> None:
    contraction = rules.tensordot(
        (2, 3, 4), (4, 5, 2), *rules.tensordot_axes((2, 3, 4), (4, 5, 2), ([0, -1], [2, 0]))
    )
    assert contraction.shape == (3, 5)
    assert contraction.right == (2, 3, 0)


@pytest.mark.parametrize("axes", [-1, 3, ([0], [0, 1]), ([0], [1]), ([0, 0], [0, 0])])
def test_tensordot_refuses_axes_that_do_not_meet(axes: int | tuple[list[int], list[int]]) -> None:
    with pytest.raises(ValueError, match=r"ax[ei]s"):
        rules.tensordot_axes((2, 3), (2, 4), axes)


def test_vecdot_takes_negative_axes_only() -> None:
    assert rules.vecdot((5, 3), (2, 1, 3), -1).shape == (2, 5)
    with pytest.raises(ValueError, match="axis must lie"):
        rules.vecdot((5, 3), (5, 3), 0)
