"""The test job itself: the ranks see each other, share a directory, and make the same choices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpi4py import MPI

WORLD = MPI.COMM_WORLD


@given(st.lists(st.floats()), st.text())
def test_every_rank_draws_the_same_examples(numbers: list[float], text: str) -> None:
    drawn = WORLD.allgather(repr((numbers, text)))
    assert len(set(drawn)) == 1


@pytest.mark.mpi(min_size=2)
def test_a_test_of_two_ranks_runs_on_two() -> None:
    assert WORLD.size >= 2


def test_the_ranks_share_a_temporary_directory(mpi_tmp_path: Path) -> None:
    (mpi_tmp_path / str(WORLD.rank)).touch()
    WORLD.Barrier()
    assert len(list(mpi_tmp_path.iterdir())) == WORLD.size
    WORLD.Barrier()
