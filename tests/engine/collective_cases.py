"""What every communicator must do, written once: each case runs on one rank and compares with the whole-tensor truth."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import accumulate

import pytest
import torch

from array_api_dist.collectives import Communicator, Piece, State, operators
from array_api_dist.collectives.trace import trace
from array_api_dist.kernels import moments as moment_kernels
from array_api_dist.kernels.dtypes import TORCH
from array_api_dist.kernels.elementwise import ADD, MULTIPLY

DTYPES = list(TORCH.values())
NUMBERS = [dtype for dtype in DTYPES if dtype != torch.bool]
INTEGERS = [dtype for dtype in NUMBERS if not dtype.is_floating_point and not dtype.is_complex]


def numbers(rank: int, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """The state of a rank: known to all, so that each can compute the truth."""
    generator = torch.Generator().manual_seed(rank)
    values = torch.randint(1, 4, shape, generator=generator)
    if dtype.is_complex:
        return torch.complex(values.double(), -values.double()).to(dtype)
    return (values % 2 == 0) if dtype == torch.bool else values.to(dtype)


def bits(tensor: torch.Tensor) -> list[int]:
    return tensor.resolve_conj().contiguous().reshape(-1).view(torch.uint8).tolist()


def equal(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert (tuple(found.shape), found.dtype) == (tuple(expected.shape), expected.dtype)
    assert bits(found) == bits(expected)


def everywhere_the_same(communicator: Communicator, tensor: torch.Tensor) -> None:
    mine = torch.tensor(bits(tensor), dtype=torch.uint8)
    every = communicator.allgather(mine, 0, (len(mine),) * communicator.ranks)
    assert all(torch.equal(part, mine) for part in every.split(len(mine) or 1))


def strided(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The same values behind other strides: dense, transposed, every other element of a longer one, conjugated twice."""
    gaps = tensor.new_zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]))
    gaps[..., ::2].view(signed(tensor.dtype)).copy_(tensor.view(signed(tensor.dtype)))
    found = [tensor, tensor.mT.contiguous().mT, gaps[..., ::2]]
    return [*found, torch.conj(torch.conj(tensor).resolve_conj())] if tensor.is_complex() else found


def signed(dtype: torch.dtype) -> torch.dtype:
    return {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}.get(dtype, dtype)


def broadcast(communicator: Communicator, dtype: torch.dtype) -> None:
    for root in range(communicator.ranks):
        for shape in ((), (0, 3), (4, 3)):
            truth = numbers(root, shape, dtype)
            mine = truth.clone() if communicator.rank == root else torch.zeros_like(truth)
            equal(communicator.broadcast(mine, root), truth)


def allgather(communicator: Communicator, dtype: torch.dtype) -> None:
    counts = [(3 * rank + 1) % 4 for rank in range(communicator.ranks)]
    for axis in (0, 1, 2):
        shapes = [tuple(count if a == axis else 2 for a in range(3)) for count in counts]
        parts = [numbers(rank, shape, dtype) for rank, shape in enumerate(shapes)]
        truth = torch.cat(parts, dim=axis)
        for mine in strided(parts[communicator.rank]):
            equal(communicator.allgather(mine, axis, counts), truth)


def allreduce(communicator: Communicator, dtype: torch.dtype) -> None:
    cases = [(operators.ALL, torch.logical_and), (operators.ANY, torch.logical_or)]
    if dtype != torch.bool:
        cases = [(operators.SUM, torch.add), (operators.PROD, torch.mul)]
    for operator, truth in cases:
        for shape in ((), (0,), (5, 2)):
            states = [numbers(rank, shape, dtype) for rank in range(communicator.ranks)]
            wide = states[0].to(torch.complex128)
            for state in states[1:]:
                wide = truth(wide, state.to(torch.complex128)).to(torch.complex128)
            (found,) = communicator.allreduce((states[communicator.rank],), operator)
            assert found.dtype == dtype
            torch.testing.assert_close(found.to(torch.complex128), wide)
            everywhere_the_same(communicator, found)


def wrapping(communicator: Communicator, dtype: torch.dtype) -> None:
    """Integers wrap, in vectors of every width."""
    limits = torch.iinfo(dtype)
    for length in (1, 7, 100, 1 << 17):
        states = [
            torch.full((length,), limits.max - 5 * rank, dtype=dtype) for rank in range(communicator.ranks)
        ]
        for operator, kernel in ((operators.SUM, ADD), (operators.PROD, MULTIPLY)):
            (found,) = communicator.allreduce((states[communicator.rank],), operator)
            equal(found, reduce(kernel.for_dtype(dtype), states))


def extremes(communicator: Communicator, dtype: torch.dtype) -> None:
    for holder in range(communicator.ranks):
        mine = torch.tensor([float(communicator.rank), 1.0], dtype=dtype)
        if communicator.rank == holder:
            mine[1] = torch.nan
        for operator in (operators.MIN, operators.MAX):
            (found,) = communicator.allreduce((mine,), operator)
            assert bool(found[1].isnan())
            assert float(found[0]) == (0.0 if operator is operators.MIN else communicator.ranks - 1)
            everywhere_the_same(communicator, found)


def large_states(communicator: Communicator, dtype: torch.dtype) -> None:
    length = (1 << 17) + 3
    states = [numbers(rank, (length,), dtype) for rank in range(communicator.ranks)]
    total = sum((state.double() for state in states[1:]), states[0].double())
    (found,) = communicator.allreduce((states[communicator.rank],), operators.SUM)
    torch.testing.assert_close(found.double(), total)
    everywhere_the_same(communicator, found[:100])
    counts = [length if rank == communicator.ranks - 1 else 0 for rank in range(communicator.ranks)]
    (slab,) = communicator.reduce_scatter((states[communicator.rank],), operators.SUM, 0, counts)
    torch.testing.assert_close(
        slab.double(), total if communicator.rank == communicator.ranks - 1 else total[:0]
    )


def positions(communicator: Communicator, dtype: torch.dtype) -> None:
    rank = communicator.rank
    value = torch.tensor([1, 5 - rank, rank], dtype=dtype)
    index = torch.tensor([10 + rank, rank, rank])
    least, at = communicator.allreduce((value, index), operators.ARGMIN)
    assert at.tolist() == [10, communicator.ranks - 1, 0]
    assert least.tolist() == [1, 5 - (communicator.ranks - 1), 0]
    _, at = communicator.allreduce((value, index), operators.ARGMAX)
    assert at.tolist() == [10, 0, communicator.ranks - 1]


def moments(communicator: Communicator, dtype: torch.dtype) -> None:
    parts = [numbers(rank, (rank, 3), torch.float64) + 1e6 for rank in range(communicator.ranks)]
    state = moment_kernels.moments(parts[communicator.rank], (0,))
    count, mean, square, _ = communicator.allreduce(tuple(state), operators.MOMENTS)
    whole = torch.cat(parts)
    assert count.tolist() == [len(whole)] * 3
    if len(whole):
        torch.testing.assert_close(mean, whole.mean(0), rtol=1e-15, atol=0.0)
        torch.testing.assert_close(square, ((whole - whole.mean(0)) ** 2).sum(0), rtol=1e-9, atol=1e-9)


def exscan(communicator: Communicator, dtype: torch.dtype) -> None:
    states = [numbers(rank, (2, 2), dtype).to(torch.complex128) for rank in range(communicator.ranks)]
    truth = list(accumulate(states, initial=torch.full((2, 2), 7.0 + 0j, dtype=torch.complex128)))
    mine = numbers(communicator.rank, (2, 2), dtype)
    (found,) = communicator.exscan((mine,), operators.SUM, (torch.full((2, 2), 7).to(dtype),))
    torch.testing.assert_close(found.to(torch.complex128), truth[communicator.rank])


def exchange(communicator: Communicator, dtype: torch.dtype) -> None:
    """Every rank cuts its matrix into a column block a peer, of uneven widths and strides, twice, and an empty piece."""
    rank, ranks = communicator.rank, communicator.ranks
    widths = [(2 * peer + 1) % 3 for peer in range(ranks)]
    offsets = list(accumulate(widths, initial=0))
    matrices = [numbers(peer, (5, offsets[-1] or 1), dtype) for peer in range(ranks)]
    for mine in strided(matrices[rank]):
        result = torch.zeros((2, ranks, widths[rank], 5), dtype=dtype).transpose(2, 3)
        sends, receives = [], []
        for copy in range(2):
            for peer in range(ranks):
                sends.append(Piece(peer, mine[:, offsets[peer] : offsets[peer + 1]]))
                receives.append(Piece(peer, result[copy, peer]))
                sends.append(Piece(peer, mine[:0]))
                receives.append(Piece(peer, mine[:0].clone()))
        communicator.exchange(sends, receives)
        for copy in range(2):
            for peer in range(ranks):
                equal(
                    result[copy, peer].contiguous(),
                    matrices[peer][:, offsets[rank] : offsets[rank + 1]].contiguous(),
                )


def shift(communicator: Communicator, dtype: torch.dtype) -> None:
    rank, ranks = communicator.rank, communicator.ranks
    for displacement in (1, -1, 2):
        incoming = torch.zeros((3, 2), dtype=dtype)
        request = communicator.shift(numbers(rank, (3, 2), dtype), incoming, displacement)
        request.wait()
        equal(incoming, numbers((rank - displacement) % ranks, (3, 2), dtype))


def counts(communicator: Communicator, dtype: torch.dtype) -> None:
    rank, ranks = communicator.rank, communicator.ranks
    assert communicator.exchange_counts([10 * rank + peer for peer in range(ranks)]) == [
        10 * peer + rank for peer in range(ranks)
    ]


class OwnError(Exception):
    """An error that is none of Python's own."""


def agreement(communicator: Communicator, dtype: torch.dtype) -> None:
    communicator.agree(None)
    communicator.barrier()
    last = communicator.ranks - 1
    with pytest.raises(KeyError, match="from the last rank"):
        communicator.agree(KeyError("from the last rank") if communicator.rank == last else None)
    with pytest.raises(ValueError, match="rank 0 says"):
        communicator.agree(ValueError(f"rank {communicator.rank} says"))
    communicator.agree(None)


def trace_is_exact(communicator: Communicator, dtype: torch.dtype) -> None:
    rank, ranks = communicator.rank, communicator.ranks
    state: State = (torch.zeros(4, dtype=torch.float64),)
    with trace() as seen:
        communicator.allreduce(state, operators.SUM)
        communicator.allgather(torch.zeros(rank, dtype=torch.float32), 0, list(range(ranks)))
        communicator.broadcast(torch.zeros(3, dtype=torch.int64), 0)
        communicator.exscan(state, operators.SUM, state)
        communicator.reduce_scatter(state, operators.SUM, 0, [4] + [0] * (ranks - 1))
        pieces = [Piece(peer, torch.zeros(5, dtype=torch.int16)) for peer in range(ranks)]
        communicator.exchange(pieces, [Piece(piece.peer, piece.view.clone()) for piece in pieces])
    others = ranks - 1
    parts = 4 * sum(range(ranks))
    kept = 32 if rank == 0 else 0
    assert [
        (row.collective, row.calls, row.messages, row.bytes_sent, row.bytes_received)
        for row in seen.collectives
    ] == [
        ("allreduce", 1, 1, 32, 32),
        ("allgather", 1, 1, 4 * rank, parts - 4 * rank),
        ("broadcast", 1, 1, 24 if rank == 0 else 0, 0 if rank == 0 else 24),
        ("exscan", 1, 1, 32, 32),
        ("reduce_scatter", 1, 1, 32 - kept, kept * others),
        ("exchange", 1, others, 10 * others, 10 * others),
    ]
    assert seen.totals.messages == 5 + others
    assert "allgather" in str(seen)


Case = Callable[[Communicator, torch.dtype], None]
CASES: list[tuple[Case, list[torch.dtype]]] = [
    (broadcast, DTYPES),
    (allgather, DTYPES),
    (allreduce, DTYPES),
    (wrapping, INTEGERS),
    (extremes, [torch.float32, torch.float64]),
    (large_states, [torch.float64, torch.int32]),
    (positions, [torch.int64, torch.uint64, torch.float32]),
    (moments, [torch.float64]),
    (exscan, NUMBERS),
    (exchange, DTYPES),
    (shift, DTYPES),
    (counts, [torch.int64]),
    (agreement, [torch.int64]),
    (trace_is_exact, [torch.int64]),
]
PARAMETERS = [
    pytest.param(case, dtype, id=f"{case.__name__}-{str(dtype).removeprefix('torch.')}")
    for case, dtypes in CASES
    for dtype in dtypes
]
