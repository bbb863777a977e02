"""Panels dealt out to the ranks: every column once, and as much left for each rank at every step."""

from __future__ import annotations

import pytest

from array_api_dist import _matrices as rules
from array_api_dist._exchange import dealing_plan
from array_api_dist._partition import Partition

CASES = [(1, 1, 4), (7, 3, 2), (240, 4, 8), (240, 8, 128), (3, 5, 128), (1000, 7, 128)]


@pytest.mark.parametrize(("length", "ranks", "width"), CASES)
def test_every_column_is_dealt_out_once_and_comes_back(length: int, ranks: int, width: int) -> None:
    deal = rules.dealt(1, length, ranks, width)
    order = [None] * length
    for segment in deal.segments():
        for step in range(segment.count):
            order[segment.offset + step] = segment.start + step
    assert sorted(order) == list(range(length))
    back = {segment.offset: segment.start for segment in deal.segments_back()}
    assert all(order[back[panel.start]] == panel.start for panel in deal.panels)
    for rank in range(ranks):
        mine = deal.of(rank)
        assert [panel.place for panel in mine] == [
            sum(each.width for each in mine[:k]) for k in range(len(mine))
        ]


@pytest.mark.parametrize(("length", "ranks", "width"), CASES)
def test_at_every_step_the_ranks_have_as_much_left_but_for_a_panel(
    length: int, ranks: int, width: int
) -> None:
    deal = rules.dealt(1, length, ranks, width)
    for panel in deal.panels:
        left = [deal.partition.counts[rank] - deal.place_beyond(panel, rank) for rank in range(ranks)]
        assert sum(left) == length - panel.stop
        assert max(left) - min(left) <= width


def counted(deal: rules.Deal | None, length: int, ranks: int) -> float:
    """Return by what factor ``ranks`` are faster at Cholesky's updates, each step as long as its busiest rank takes."""
    panels = rules.panels(Partition.even(1, length, ranks), length, 128) if deal is None else deal.panels
    steps, whole = 0, 0
    for number, panel in enumerate(panels):
        work = [0] * ranks
        for other in panels[number + 1 :]:
            work[other.owner] += (length - other.start) * panel.width * other.width
        steps, whole = steps + max(work), whole + sum(work)
    return whole / steps


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_dealt_panels_keep_all_ranks_at_work(ranks: int) -> None:
    length = 8192
    assert counted(rules.dealt(1, length, ranks, 128), length, ranks) > 0.83 * ranks
    assert counted(None, length, ranks) < 0.75 * ranks


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_sent_is_received(axis: int) -> None:
    ranks, length = 4, 50
    deal = rules.dealt(1, length, ranks, 3)
    source = Partition(axis, (0, 20, 20, 31, 50))
    plans = [dealing_plan(source, deal.partition, deal.segments(), rank) for rank in range(ranks)]
    for sender in range(ranks):
        for receiver in range(ranks):
            sent = [move for move in plans[sender].sends if move.peer == receiver]
            received = [move for move in plans[receiver].receives if move.peer == sender]
            assert [move.ranges[-1].count for move in sent] == [move.ranges[-1].count for move in received]
