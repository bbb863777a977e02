"""States of many ranks are merged in few rounds, to the same as one by one."""

from __future__ import annotations

import pytest
import torch

from array_api_dist.collectives import Communicator, Operator, operators
from array_api_dist.collectives.base import SERIAL_STATES, merged, merged_in_pairs
from array_api_dist.collectives.protocol import State
from array_api_dist.collectives.threaded import run_ranks

RANKS = (1, SERIAL_STATES, SERIAL_STATES + 1, 12, 17, 64)


def states(ranks: int, shape: tuple[int, ...], kind: str) -> list[State]:
    generator = torch.Generator().manual_seed(7)
    found: list[State] = []
    for rank in range(ranks):
        values = torch.randint(-5, 6, shape, generator=generator).to(torch.float64)
        if kind == "pair":
            found.append((values, torch.full(shape, rank)))
        elif kind == "moments":
            found.append((torch.full(shape, rank % 3, dtype=torch.float64), values, values.abs()))
        else:
            found.append((values,))
    return found


def keep_left() -> Operator:
    """Return an operator that shows the order: digits are appended."""
    return Operator("append", lambda left, right: (left[0] * 10 ** right[1] + right[0], left[1] + right[1]))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        (operators.SUM, "one"),
        (operators.MAX, "one"),
        (operators.ARGMIN, "pair"),
        (operators.MOMENTS, "moments"),
    ],
    ids=["sum", "max", "argmin", "moments"],
)
def test_rounds_of_pairs_merge_to_the_same(
    ranks: int, shape: tuple[int, ...], operator: Operator, kind: str
) -> None:
    given = states(ranks, shape, kind)
    for pairwise, serial in zip(merged_in_pairs(given, operator), merged(given, operator), strict=True):
        torch.testing.assert_close(pairwise, serial, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("ranks", [9, 13, 16])
def test_rounds_of_pairs_keep_the_order_of_the_ranks(ranks: int) -> None:
    given = [(torch.tensor(rank % 10), torch.tensor(1)) for rank in range(ranks)]
    assert merged_in_pairs(given, keep_left())[0] == int("".join(str(rank % 10) for rank in range(ranks)))


def test_merges_are_few() -> None:
    calls: list[int] = []

    def count(left: State, right: State) -> State:
        calls.append(1)
        return (left[0] + right[0],)

    (total,) = merged_in_pairs([(torch.tensor(1),)] * 1000, Operator("count", count))
    assert total == 1000
    assert len(calls) == 10


def test_an_allreduce_over_many_ranks_merges_in_rounds() -> None:
    def body(communicator: Communicator) -> State:
        mine = torch.tensor([1.0, float(communicator.rank), float("nan") if communicator.rank == 7 else 0.0])
        return communicator.allreduce((mine,), operators.MAX)

    for (found,) in run_ranks(12, body):
        assert found[1] == 11
        assert torch.isnan(found[2])
