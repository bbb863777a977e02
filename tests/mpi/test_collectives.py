"""The communicator over MPI does what every communicator must."""

from __future__ import annotations

import pytest
import torch
from collective_cases import PARAMETERS, Case, exchange
from mpi4py import MPI

from array_api_dist.collectives import Piece, communicator_for
from array_api_dist.collectives.mpi import MpiCommunicator


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize(("case", "dtype"), PARAMETERS)
def test_a_communicator_over_mpi(case: Case, dtype: torch.dtype, staged: bool) -> None:
    case(communicator_for(None, staged=staged), dtype)


@pytest.mark.parametrize("limit", [1, 40, 1000])
def test_messages_are_cut_at_any_limit(limit: int) -> None:
    exchange(MpiCommunicator(MPI.COMM_WORLD, staged=False, buffer_nbytes=limit), torch.float64)


def test_a_group_of_ranks_has_one_communicator() -> None:
    world = communicator_for(None, staged=False)
    assert communicator_for(MPI.COMM_WORLD, staged=False) is world
    assert communicator_for(None, staged=True) is not world
    assert communicator_for(None, staged=True).group == world.group
    alone = communicator_for(MPI.COMM_SELF, staged=False)
    assert (alone.rank, alone.ranks) == (0, 1)


def test_what_is_no_communicator_is_refused() -> None:
    with pytest.raises(TypeError, match="mpi4py Intracomm"):
        communicator_for("world", staged=False)


@pytest.mark.slow
def test_more_than_two_gibibytes_move_in_one_exchange_and_one_allgather() -> None:
    communicator = communicator_for(None, staged=False)
    rank, ranks = communicator.rank, communicator.ranks
    length = 2**31 + 2**20
    mine = torch.full((length,), rank + 1, dtype=torch.int8)
    received = torch.zeros(length, dtype=torch.int8)
    communicator.exchange([Piece((rank + 1) % ranks, mine)], [Piece((rank - 1) % ranks, received)])
    expected = (rank - 1) % ranks + 1
    assert int(received[0]) == int(received[-1]) == expected
    assert bool((received == expected).all())
    del received
    counts = [length if peer == 0 else 1 for peer in range(ranks)]
    whole = communicator.allgather(mine[: counts[rank]], 0, counts)
    assert len(whole) == sum(counts)
    assert int(whole[length - 1]) == 1
