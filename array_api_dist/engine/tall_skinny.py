"""QR of matrices partitioned along their many rows: TSQR (Demmel, Grigori, Hoemmen and Langou 2012)."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch

from array_api_dist import _matrices as rules
from array_api_dist._block import Block
from array_api_dist.collectives import Piece, operators
from array_api_dist.engine.matrices import copied
from array_api_dist.kernels import factors


def triangle(block: Block) -> Block:
    """Return R alone, replicated. Communication: as :func:`qr`, less the way down the tree."""
    upper, _ = _merged(block, factors.triangle(block.local), with_factor=False)
    return copied(_with_nans(upper, _lost(block, upper)), block)


def qr(block: Block) -> tuple[Block, Block]:
    """Return Q, partitioned as ``block`` along its rows, and R, replicated, with the signs of reflections.

    Communication: as :func:`any_qr`; the first K rows of Q that rank 0 lacks to it, and a broadcast of K signs. Where
    columns start with almost all of their length, a broadcast of K rows of Q and some allreduces of K lengths, too.
    """
    part, upper, multiplier = _parts(block)
    # Not in place: both may be seen by others.
    phases = factors.diagonal_phases(upper)
    phases = phases * _signs(block, part, multiplier * phases.unsqueeze(-2))
    return _finished(block, part, upper * phases.conj().unsqueeze(-1), multiplier * phases.unsqueeze(-2))


def any_qr(block: Block) -> tuple[Block, Block]:
    """Return Q, partitioned as ``block`` along its rows, and R, replicated, with any signs.

    Communication: one allgather of the ranks' triangles when they are small, else log2(P) messages of a triangle up
    a binary tree and down again, and one broadcast of a triangle.
    """
    return _finished(block, *_parts(block))


def _finished(
    block: Block, part: torch.Tensor, upper: torch.Tensor, multiplier: torch.Tensor
) -> tuple[Block, Block]:
    """Return Q and R of what ``_parts`` gives."""
    lost = _lost(block, upper)
    return _of_rows(block, _product(part, multiplier, lost)), copied(_with_nans(upper, lost), block)


def _product(part: torch.Tensor, multiplier: torch.Tensor, lost: factors.Lost | None) -> torch.Tensor:
    """Return this rank's rows of Q."""
    if lost is None:
        return part @ multiplier
    # What is left is made of the columns that are: the others' zeros must not meet NaNs.
    rows = torch.where(part.isnan(), 0, part) @ torch.where(multiplier.isnan(), 0, multiplier)
    return rows.masked_fill(lost.columns[..., None, : rows.shape[-1]], torch.nan)


def _with_nans(upper: torch.Tensor, lost: factors.Lost | None) -> torch.Tensor:
    """Return R, made of triangles that have NaNs only in columns that hold one, with those that they spread."""
    return upper if lost is None else upper.masked_fill(lost.upper[..., : upper.shape[-2], :], torch.nan)


def _lost(block: Block, upper: torch.Tensor) -> factors.Lost | None:
    holds = upper.isnan().any(-2)
    return (
        factors.Lost.of(holds, block.shape[-2], is_complex=upper.is_complex()) if bool(holds.any()) else None
    )


def _parts(block: Block) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a factor of this rank's own, R, and what the factor is to be multiplied with for its rows of Q."""
    part, own = factors.any_qr(block.local)
    return part, *_merged(block, own, with_factor=True)


def _of_rows(block: Block, part: torch.Tensor) -> Block:
    return Block(part, (*block.shape[:-1], part.shape[-1]), block.partition, block.device)


def _signs(block: Block, part: torch.Tensor, multiplier: torch.Tensor) -> torch.Tensor:
    """Return the signs (..., K) of reflections for Q where R's diagonal is positive: here ``part @ multiplier``."""
    order, rank = multiplier.shape[-1], block.device.rank
    bounds = [min(bound, order) for bound in block.partition.bounds]
    top = multiplier.new_empty((*multiplier.shape[:-2], order, order))
    slots = [top.narrow(-2, low, high - low) for low, high in pairwise(bounds)]
    own = part.narrow(-2, 0, bounds[rank + 1] - bounds[rank]) @ multiplier
    # Rank 0 has the first rows, mostly all that are asked for.
    if bounds[1] < order:
        others = [Piece(source, slots[source]) for source in range(1, len(slots)) if slots[source].numel()]
        sends = [Piece(0, own)] if rank and own.numel() else []
        block.communicator.exchange(sends, [] if rank else others)
    if rank:
        signs = top.real.new_empty(top.shape[:-1])
    else:
        slots[0].copy_(own)
        signs = factors.signs_of_top(top)
    signs = block.communicator.broadcast(signs, 0)
    if bool((signs == 0).any()):
        signs = _settled_signs(block, part, multiplier, top)
    return signs


def _settled_signs(
    block: Block, part: torch.Tensor, multiplier: torch.Tensor, top: torch.Tensor
) -> torch.Tensor:
    """Return the signs where columns start with almost all of their length: what the ranks hold below decides."""
    top = block.communicator.broadcast(top, 0)
    rank, beyond = block.device.rank, min(block.partition.bounds[block.device.rank + 1], top.shape[-1])
    first = beyond - min(block.partition.bounds[rank], top.shape[-1])
    below = part.narrow(-2, first, part.shape[-2] - first) @ multiplier

    def rests(made: factors.Elimination) -> torch.Tensor:
        own = made.rests_in(below)
        return block.communicator.allreduce((own if rank else own + made.rests,), operators.SUM)[0]

    return factors.settled(top, rests).signs


def _merged(block: Block, own: torch.Tensor, *, with_factor: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the triangle of all ranks, and what this rank's own orthogonal factor is to be multiplied with."""
    counts = tuple(min(count, block.shape[-1]) for count in block.partition.counts)
    nbytes = prod(block.shape[:-2]) * sum(counts) * block.shape[-1] * own.element_size()
    if nbytes > rules.TREE_NBYTES:
        return _by_tree(block, own, counts, with_factor=with_factor)
    stacked = block.communicator.allgather(own, own.ndim - 2, counts)
    factor, upper = factors.any_qr(stacked)
    rank = block.device.rank
    return upper, factor.narrow(-2, sum(counts[:rank]), counts[rank])


def _by_tree(
    block: Block, own: torch.Tensor, counts: tuple[int, ...], *, with_factor: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    total, width = min(sum(counts), block.shape[-1]), block.shape[-1]
    levels = list(rules.merges(counts, width))
    merged = list[torch.Tensor]()
    upper = own
    for distance, rows in levels:
        taken = _up(block, upper, distance, rows)
        if taken is None:
            merged.append(own)
            continue
        factor, upper = factors.any_qr(torch.cat((upper, taken), -2))
        merged.append(factor)
    if block.device.rank:
        upper = own.new_empty((*own.shape[:-2], total, width))
    upper = block.communicator.broadcast(upper.contiguous(), 0)
    multiplier = torch.eye(total, dtype=own.dtype, device=own.device).expand(*own.shape[:-2], total, total)
    if with_factor:
        for (distance, rows), factor in zip(reversed(levels), reversed(merged), strict=True):
            multiplier = _down(block, factor, multiplier, distance, rows)
    return upper, multiplier


def _partner(rank: int, distance: int, ranks: int) -> int | None:
    """Return the rank whose triangle this rank takes over at the level of ``distance``."""
    return rank + distance if rank % (2 * distance) == 0 and rank + distance < ranks else None


def _hands_over(rank: int, distance: int) -> bool:
    return rank % (2 * distance) == distance


def _up(block: Block, upper: torch.Tensor, distance: int, rows: tuple[int, ...]) -> torch.Tensor | None:
    """Send the triangle to the rank that takes it over; return the one taken over here. One exchange."""
    rank = block.device.rank
    partner = _partner(rank, distance, len(rows))
    sends = [Piece(rank - distance, upper)] if _hands_over(rank, distance) else []
    taken = None if partner is None else upper.new_empty((*upper.shape[:-2], rows[partner], upper.shape[-1]))
    receives = [] if partner is None or taken is None else [Piece(partner, taken)]
    block.communicator.exchange(sends, receives)
    return taken


def _down(
    block: Block, factor: torch.Tensor, multiplier: torch.Tensor, distance: int, rows: tuple[int, ...]
) -> torch.Tensor:
    """Split the multiplier of a merged triangle into those of the two that were merged. One exchange."""
    rank = block.device.rank
    partner = _partner(rank, distance, len(rows))
    if partner is not None:
        both = factor @ multiplier
        block.communicator.exchange([Piece(partner, both.narrow(-2, rows[rank], rows[partner]))], [])
        return both.narrow(-2, 0, rows[rank])
    if _hands_over(rank, distance):
        own = multiplier.new_empty((*multiplier.shape[:-2], rows[rank], multiplier.shape[-1]))
        block.communicator.exchange([], [Piece(rank - distance, own)])
        return own
    block.communicator.exchange([], [])
    return multiplier
