"""The in-process communicator does what every communicator must, and tells what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Lock

import pytest
import torch
from collective_cases import PARAMETERS, Case, exchange

from array_api_dist.collectives import Communicator, Piece, Request, operators
from array_api_dist.collectives.agreement import told
from array_api_dist.collectives.packing import Buffers, is_dense, memory_of, messages, packed_nbytes
from array_api_dist.collectives.rounds import Parcels
from array_api_dist.collectives.threaded import ThreadedCommunicator, run_ranks


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
@pytest.mark.parametrize(("case", "dtype"), PARAMETERS)
def test_a_communicator_of_threads(ranks: int, case: Case, dtype: torch.dtype) -> None:
    run_ranks(ranks, lambda communicator: case(communicator, dtype))


@pytest.mark.parametrize(("case", "dtype"), PARAMETERS)
def test_a_staged_communicator_of_threads(case: Case, dtype: torch.dtype) -> None:
    run_ranks(3, lambda communicator: case(communicator, dtype), staged=True)


@pytest.mark.parametrize("limit", [1, 16, 40, 1000])
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint16, torch.float64, torch.complex128])
def test_messages_are_cut_at_any_limit(limit: int, dtype: torch.dtype) -> None:
    run_ranks(3, lambda communicator: exchange(communicator, dtype), buffer_nbytes=limit)


def test_both_sides_of_a_pair_cut_alike_whatever_their_strides() -> None:
    dense, turned = torch.zeros(7, 9, 3), torch.zeros(9, 3, 7).permute(2, 0, 1)
    for limit in (4, 12, 100, 500, 10000):
        sent, received = messages([dense, dense[:2]], limit), messages([turned, turned[:2]], limit)
        assert [[part.shape for part in each] for each in sent] == [
            [part.shape for part in each] for each in received
        ]
        assert sum(part.numel() for each in sent for part in each) == 9 * 9 * 3
        assert all(sum(4 * part.numel() for part in each) <= limit for each in sent)
        assert [packed_nbytes(each) for each in sent] == [packed_nbytes(each) for each in received]


def test_pieces_of_one_type_are_packed_without_gaps() -> None:
    odd = torch.zeros(3, dtype=torch.float32)
    assert packed_nbytes([odd, odd, odd]) == 36
    # A wider type begins where it may.
    assert packed_nbytes([odd, torch.zeros(2, dtype=torch.complex128)]) == 16 + 32


def test_pieces_that_follow_one_another_travel_from_their_own_memory() -> None:
    line = torch.arange(12)
    together = [line[1:4], line[4:10].view(2, 3), line[10:11]]
    assert is_dense(together)
    assert torch.equal(memory_of(together).view(torch.int64), line[1:11])
    assert not is_dense([line[1:4], line[5:10]])
    assert not is_dense([line[4:10], line[1:4]])
    assert not is_dense([line[1:4], line[4:10].view(torch.float64)])
    assert not is_dense([line[1:4], line[4:10].view(3, 2).T])


def test_a_round_is_on_its_way_while_the_next_one_is_packed() -> None:
    def body(communicator: ThreadedCommunicator) -> list[str]:
        seen = []
        start = communicator._start_swap

        def watched(outgoing: Parcels, incoming: Parcels) -> Request:
            request = start(outgoing, incoming)
            seen.append("starts")
            wait = request.wait

            def waiting() -> None:
                seen.append("waits")
                wait()

            request.wait = waiting
            return request

        communicator._start_swap = watched
        peer = 1 - communicator.rank
        mine, theirs = torch.full((3, 4), float(communicator.rank)), torch.empty(3, 4)
        communicator.exchange([Piece(peer, mine[:, :2])], [Piece(peer, theirs[:, :2])])
        assert torch.equal(theirs[:, :2], torch.full((3, 2), float(peer)))
        return seen

    # A row is a message.
    for seen in run_ranks(2, body, buffer_nbytes=8):
        assert seen == ["starts", "starts", "waits", "starts", "waits", "waits"]


def test_buffers_are_kept_within_a_limit_and_used_again() -> None:
    buffers = Buffers()
    first, second = buffers.take(100), buffers.take(1000)
    buffers.give_back([first, second], 1050)
    assert buffers.take(500).data_ptr() == second.data_ptr()
    assert buffers.take(50).data_ptr() != first.data_ptr()


def test_the_first_failing_rank_is_the_one_that_is_told() -> None:
    def body(communicator: Communicator) -> None:
        if communicator.rank == 1:
            raise LookupError("my own")
        communicator.barrier()

    with pytest.raises(LookupError, match="my own"):
        run_ranks(3, body)


def test_ranks_in_different_collectives_are_told_of_both() -> None:
    def body(communicator: Communicator) -> None:
        if communicator.rank == 0:
            communicator.barrier()
        else:
            communicator.agree(None)

    with pytest.raises(RuntimeError, match="rank 0: barrier; rank 1: allgather"):
        run_ranks(2, body)


def test_a_rank_that_never_comes_is_an_error() -> None:
    def body(communicator: Communicator) -> None:
        if communicator.rank == 0:
            communicator.barrier()

    with pytest.raises(RuntimeError):
        run_ranks(2, body, patience=0.2)


class _OfTwoError(Exception):
    """Takes other arguments than the message that it makes."""

    def __init__(self, first: object, second: object) -> None:
        super().__init__(f"{first} and {second}")


class _Outer:
    class NestedError(ValueError):
        """Lies in another class."""


class _LockedError(Exception):
    """Holds what no other process can have."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = Lock()


def _local_error() -> Exception:
    class LocalError(LookupError):
        pass

    return LocalError("of a function")


ERRORS: dict[str, Callable[[], Exception]] = {
    "key": lambda: KeyError("k"),
    "two arguments": lambda: ValueError("a", "b"),
    "none": ValueError,
    "own": lambda: _OfTwoError(1, 2),
    "nested": lambda: _Outer.NestedError("m"),
    "locked": lambda: _LockedError("m"),
    "json": lambda: json.JSONDecodeError("m", "d", 0),
    "unicode": lambda: UnicodeDecodeError("utf8", b"a", 0, 1, "bad"),
    "file": lambda: FileNotFoundError(2, "No such file", "p"),
    "group": lambda: ExceptionGroup("g", [ValueError(1)]),
    "surrogate": lambda: ValueError("\udcff"),
    "torch": lambda: torch.OutOfMemoryError("none left"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_agreed_error_is_the_same_on_every_rank(name: str) -> None:
    expected = ERRORS[name]()

    def body(communicator: Communicator) -> None:
        with pytest.raises(type(expected)) as raised:
            communicator.agree(ERRORS[name]() if communicator.rank == 1 else None)
        assert type(raised.value) is type(expected)
        assert str(raised.value) == str(expected)

    run_ranks(3, body)


def test_an_error_that_no_other_rank_can_have_is_its_base_class_on_every_rank() -> None:
    def body(communicator: Communicator) -> tuple[type, str]:
        with pytest.raises(LookupError, match="of a function") as raised:
            communicator.agree(_local_error() if communicator.rank == 1 else None)
        return type(raised.value), str(raised.value)

    assert run_ranks(3, body) == [(LookupError, "of a function")] * 3


def test_an_error_that_holds_an_array_travels_as_its_message() -> None:
    class LargeError(ValueError):
        def __str__(self) -> str:
            return "large"

    assert len(told(LargeError(bytes(1 << 22)))) < 1 << 10


def test_lockstep_names_operation_shape_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARRAY_API_DIST_LOCKSTEP", "1")

    def body(communicator: Communicator) -> None:
        communicator.allreduce((torch.zeros(2 + communicator.rank),), operators.SUM)

    with pytest.raises(RuntimeError, match=r"out of step.*float32 \(2,\).*float32 \(3,\)"):
        run_ranks(2, body)
    run_ranks(2, lambda communicator: communicator.barrier())


def test_ranks_that_are_threads_refuse_shapes_that_would_be_broadcast() -> None:
    def body(communicator: Communicator) -> None:
        communicator.allreduce((torch.zeros(2, 1 + 3 * communicator.rank),), operators.SUM)

    with pytest.raises(RuntimeError, match=r"out of step.*\(2, 1\).*\(2, 4\)"):
        run_ranks(2, body)
