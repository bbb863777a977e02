"""States of many ranks are merged in few rounds, to the same as one by one."""

from __future__ import annotations

import pytest
import torch

from array_api_dist.collectives import Communicator, Operator, base, operators
from array_api_dist.collectives.merging import SERIAL_STATES, merged, merged_in_pairs
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


@pytest.fixture(params=["gathered", "doubled", "by slabs"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How states travel: all to all, in log2(P) messages, or a slab to each."""
    if request.param != "gathered":
        monkeypatch.setattr(base, "GATHERED_NBYTES", 0)
        monkeypatch.setattr(base, "LEAST_SLAB_NBYTES", 1 << 20 if request.param == "doubled" else 0)
    return str(request.param)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8, 13])
def test_states_merge_in_the_order_of_the_ranks_whatever_way_they_travel(ranks: int, way: str) -> None:
    def body(communicator: Communicator) -> tuple[State, State]:
        state = (torch.tensor([communicator.rank % 10]), torch.tensor([1]))
        initial = (torch.tensor([0]), torch.tensor([0]))
        return communicator.allreduce(state, keep_left()), communicator.exscan(state, keep_left(), initial)

    digits = "".join(str(rank % 10) for rank in range(ranks))
    for rank, (total, before) in enumerate(run_ranks(ranks, body)):
        assert [int(each) for each in total] == [int(digits), ranks]
        assert [int(each) for each in before] == [int(digits[:rank] or "0"), rank]


@pytest.mark.parametrize("ranks", [2, 3, 6, 8])
def test_merged_states_have_the_same_bits_on_every_rank(ranks: int, way: str) -> None:
    generator = torch.Generator().manual_seed(3)
    given = torch.randn((ranks, 3, 5, 4), dtype=torch.float64, generator=generator)

    def body(communicator: Communicator) -> torch.Tensor:
        parts = given[communicator.rank]
        count = torch.full(parts.shape[1:], communicator.rank + 1.0, dtype=torch.float64)
        return torch.stack(communicator.allreduce((count, parts[1], parts[2].abs()), operators.MOMENTS))

    found = run_ranks(ranks, body)
    assert all(torch.equal(each, found[0]) for each in found)
    moments = [
        (torch.full((5, 4), rank + 1.0, dtype=torch.float64), each[1], each[2].abs())
        for rank, each in enumerate(given)
    ]
    torch.testing.assert_close(found[0], torch.stack(merged(moments, operators.MOMENTS)), rtol=1e-13, atol=0)


@pytest.mark.parametrize(("ranks", "most"), [(8, 3), (64, 6), (48, 6)])
def test_a_doubled_state_takes_a_message_a_round(
    ranks: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "GATHERED_NBYTES", 0)

    def body(communicator: Communicator) -> int:
        sent: list[int] = []
        swap = communicator._swap

        def counting(outgoing: list[object], incoming: list[object]) -> None:
            sent.append(len(outgoing))
            swap(outgoing, incoming)

        communicator._swap = counting
        communicator.allreduce((torch.ones(3, dtype=torch.float64), torch.arange(3)), operators.ARGMAX)
        return sum(sent)

    assert max(run_ranks(ranks, body)) == most
