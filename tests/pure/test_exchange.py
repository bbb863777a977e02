"""Plans of exchanges: each element moves exactly once, straight to its owner."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from array_api_dist._exchange import (
    Move,
    Plan,
    Segment,
    flat_partition,
    flat_roll_plan,
    flattening_plan,
    repartition_plan,
    roll_plan,
    segment_plan,
)
from array_api_dist._partition import REPLICATED, Partition


@st.composite
def bounds(draw: st.DrawFn, ranks: int, length: int) -> tuple[int, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, length), min_size=ranks - 1, max_size=ranks - 1)))
    return (0, *cuts, length)


def cells(move: Move, local_shape: tuple[int, int]) -> list[tuple[int, int]]:
    """The local positions of a two-dimensional region, in the order in which they travel."""
    positions = [list(range(length)) for length in local_shape]
    for reach in move.ranges:
        positions[reach.axis] = [reach.start + k * reach.step for k in range(reach.count)]
        assert all(0 <= position < local_shape[reach.axis] for position in positions[reach.axis])
    return [(row, column) for row in positions[0] for column in positions[1]]


def deliver(
    plans: list[Plan],
    sources: list[Partition],
    shapes: list[tuple[int, int]],
    target: Partition,
    shape: tuple[int, int],
) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Carry global source positions along the plans; every target cell is filled exactly once."""
    mail = defaultdict(list)
    for rank, plan in enumerate(plans):
        for move in plan.sends:
            source = sources[move.operand]
            local = source.local_shape(shapes[move.operand], rank)
            origin = [cut.start or 0 for cut in source.local_slices(2, rank)]
            mail[rank, move.peer].append(
                [(move.operand, row + origin[0], column + origin[1]) for row, column in cells(move, local)]
            )
    filled: dict[tuple[int, int], tuple[int, int, int]] = {}
    for rank, plan in enumerate(plans):
        origin = [cut.start or 0 for cut in target.local_slices(2, rank)]
        for move in plan.receives:
            values = mail[move.peer, rank].pop(0)
            places = cells(move, target.local_shape(shape, rank))
            for (row, column), value in zip(places, values, strict=True):
                cell = (row + origin[0], column + origin[1])
                assert cell not in filled
                filled[cell] = value
    assert not any(mail.values())
    return filled


@given(st.data(), st.integers(1, 16), st.integers(0, 1), st.integers(0, 1))
def test_a_repartition_moves_each_element_once(
    data: st.DataObject, ranks: int, source_axis: int, target_axis: int
) -> None:
    shape = (data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12)))
    source = Partition(source_axis, data.draw(bounds(ranks, shape[source_axis])))
    target = Partition(target_axis, data.draw(bounds(ranks, shape[target_axis])))
    if source == target:
        assert repartition_plan(source, target, 0) == Plan((), ())
        return
    plans = [repartition_plan(source, target, rank) for rank in range(ranks)]
    filled = deliver(plans, [source], [shape], target, shape)
    assert filled == {
        (row, column): (0, row, column) for row in range(shape[0]) for column in range(shape[1])
    }


@given(st.data(), st.integers(1, 64))
def test_plans_between_many_ranks_move_each_element_once(data: st.DataObject, ranks: int) -> None:
    length = data.draw(st.integers(0, 300))
    source, target = (Partition(0, data.draw(bounds(ranks, length))) for _ in range(2))
    plans = [repartition_plan(source, target, rank) for rank in range(ranks)]
    if source == target:
        assert plans == [Plan((), ())] * ranks
        return
    filled = deliver(plans, [source], [(length, 1)], target, (length, 1))
    assert filled == {(row, 0): (0, row, 0) for row in range(length)}


@given(st.data(), st.integers(1, 12))
def test_segments_of_several_operands_become_one_result(data: st.DataObject, ranks: int) -> None:
    lengths = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))
    sources = [
        Partition(0, data.draw(bounds(ranks, length))) if data.draw(st.integers(0, 3)) else REPLICATED
        for length in lengths
    ]
    segments, expected = [], []
    for operand, length in enumerate(lengths):
        step = data.draw(st.sampled_from([1, 2, 3, -1, -2]))
        indices = range(length)[::step]
        segments.append(Segment(operand, indices.start, len(indices), len(expected), step))
        expected += [(operand, index, 0) for index in indices]
    target = Partition(0, data.draw(bounds(ranks, len(expected))))
    plans = [segment_plan(sources, target, segments, rank) for rank in range(ranks)]
    filled = deliver(plans, sources, [(length, 1) for length in lengths], target, (len(expected), 1))
    assert [filled[row, 0] for row in range(len(expected))] == expected


@given(st.data(), st.integers(1, 6), st.integers(1, 5), st.integers(1, 9))
def test_columns_come_to_lie_in_row_major_order(
    data: st.DataObject, ranks: int, rows: int, columns: int
) -> None:
    source = Partition(1, data.draw(bounds(ranks, columns)))
    target = Partition(0, data.draw(bounds(ranks, rows * columns)))
    plans = [flattening_plan(source, target, rank) for rank in range(ranks)]
    for rank, plan in enumerate(plans):
        start, stop = target.interval(rank)
        placed = []
        for peer, sender in enumerate(plans):
            own = (rows, source.counts[peer])
            sent = [cell for move in sender.sends if move.peer == rank for cell in cells(move, own)]
            received = [
                cell for move in plan.receives if move.peer == peer for cell in cells(move, (rows, columns))
            ]
            assert [(row, column + source.offset(peer)) for row, column in sent] == received
            placed += [row * columns + column for row, column in received]
            # Three boxes at most, of the same shapes on both sides.
            shapes = [[each.count for each in move.ranges] for move in plan.receives if move.peer == peer]
            assert shapes == [
                [each.count for each in move.ranges] for move in sender.sends if move.peer == rank
            ]
            assert len(shapes) <= 3
        assert sorted(placed) == list(range(start, stop))


@given(st.data(), st.integers(1, 6), st.integers(1, 5), st.integers(1, 9), st.integers(-50, 50))
def test_a_matrix_is_rolled_along_its_columns_both_ways_and_in_row_major_order(
    data: st.DataObject, ranks: int, rows: int, columns: int, shift: int
) -> None:
    partition = Partition(1, data.draw(bounds(ranks, columns)))
    turn = data.draw(st.integers(0, 7))
    everywhere = [(row, column) for row in range(rows) for column in range(columns)]
    both = [roll_plan(partition, shift, ((0, rows, turn),), rank) for rank in range(ranks)]
    expected = {
        ((row + turn) % rows, (column + shift) % columns): (0, row, column) for row, column in everywhere
    }
    assert deliver(both, [partition], [(rows, columns)], partition, (rows, columns)) == expected
    by = shift % (rows * columns)
    flat = [flat_roll_plan(partition, rows, by, rank) for rank in range(ranks)]
    expected = {
        divmod((row * columns + column + by) % (rows * columns), columns): (0, row, column)
        for row, column in everywhere
    }
    assert deliver(flat, [partition], [(rows, columns)], partition, (rows, columns)) == expected


def test_a_part_is_an_interval_behind_axes_of_length_one_or_where_it_is_whole() -> None:
    assert flat_partition(Partition.even(1, 4, 2), (1, 4, 3)) == Partition(0, (0, 6, 12))
    assert flat_partition(Partition.even(1, 4, 2), (2, 4)) is None
    assert flat_partition(Partition.even(0, 4, 2), (4, 0)) == Partition(0, (0, 0, 0))
    assert flat_partition(Partition(1, (0, 0, 4)), (2, 4)) == Partition(0, (0, 0, 8))
    assert flat_partition(Partition(1, (0, 4)), (2, 4, 3)) == Partition(0, (0, 24))
