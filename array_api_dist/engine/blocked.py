"""Square matrices that the ranks share by columns: blocked, right-looking factorizations with broadcast panels.

A panel of columns lies whole on its owner, who factors it; the others apply it to their own columns (Golub and Van Loan
2013, sections 3.4 and 4.2; Choi et al. 1996). No rank ever holds more than its columns and one panel. Cholesky's and
Gauss's panels are dealt out to the ranks in turn (block-cyclic), so that all of them work to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from array_api_dist import _matrices as rules
from array_api_dist._block import Block
from array_api_dist._exchange import dealing_plan
from array_api_dist._matrices import Deal, Panel
from array_api_dist._partition import Partition
from array_api_dist.engine.agreement import agreed
from array_api_dist.engine.matrices import by_columns, singular
from array_api_dist.engine.rearrangement import assemble
from array_api_dist.engine.redistribution import carry_out
from array_api_dist.kernels import factors


def _panels(block: Block) -> tuple[Panel, ...]:
    return rules.panels(block.partition, min(block.shape[-2:]), rules.PANEL_WIDTH)


def _held(local: torch.Tensor, panel: Panel) -> torch.Tensor:
    """Return the columns of ``panel`` on its owner."""
    return local.narrow(-1, panel.place, panel.width)


def _dealt(block: Block) -> tuple[torch.Tensor, Deal]:
    """Return this rank's columns of square matrices whose panels are dealt out, in memory of its own.

    Communication: one exchange.
    """
    deal = rules.dealt(block.ndim - 1, block.shape[-1], block.device.ranks, rules.PANEL_WIDTH)
    plan = dealing_plan(block.partition, deal.partition, deal.segments(), block.device.rank)
    return carry_out(plan, [block.local], block.shape, deal.partition, block.device).local, deal


def _beyond(block: Block, local: torch.Tensor, column: int) -> tuple[torch.Tensor, int]:
    """Return this rank's columns from ``column`` on, and where they begin."""
    offset, count = block.offset(block.ndim - 1), local.shape[-1]
    first = min(max(column - offset, 0), count)
    return local.narrow(-1, first, count - first), offset + first


def _broadcast(block: Block, panel: Panel, made: torch.Tensor | None, rows: int) -> torch.Tensor:
    """Return the owner's ``made``, ``rows`` long, on every rank. Communication: one broadcast."""
    if made is None:
        made = block.local.new_empty((*block.shape[:-2], rows, panel.width))
    return block.communicator.broadcast(made.contiguous(), panel.owner)


def cholesky(block: Block) -> Block:
    """Return the lower Cholesky factor, partitioned along its columns; the upper triangle is not read.

    Communication: two exchanges that deal the columns out and bring them back, n²/2 elements of panels in
    n / PANEL_WIDTH broadcasts, and one allreduce of 8 bytes.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank, if a matrix is not positive definite.
    """
    local, deal = _dealt(block)
    mine = deal.of(block.device.rank)
    failed = False
    for panel in deal.panels:
        made = None
        if panel.owner == block.device.rank:
            made, bad = _cholesky_panel(_held(local, panel), panel)
            failed = failed or bad
        lower = _broadcast(block, panel, made, block.shape[-1] - panel.start)
        for other in mine:
            if other.start > panel.start:
                rows = lower.narrow(-2, other.start - panel.start, block.shape[-1] - other.start)
                below = _held(local, other).narrow(-2, other.start, rows.shape[-2])
                below.sub_(rows @ rows.narrow(-2, 0, other.width).mH)
    agreed(block, not_positive_definite() if failed else None)
    for panel in mine:
        _held(local, panel).tril_(-panel.start)
    axis = block.ndim - 1
    factor = Block(local, block.shape, deal.partition, block.device)
    return assemble((factor,), deal.segments_back(), block.shape[axis], axis)


def not_positive_definite() -> np.linalg.LinAlgError:
    """Return the error of a matrix without a Cholesky factor."""
    return np.linalg.LinAlgError("cholesky takes positive definite matrices, got one that is not")


def _cholesky_panel(held: torch.Tensor, panel: Panel) -> tuple[torch.Tensor, bool]:
    """Factor the columns ``held`` in place from their diagonal block down; return them and whether that failed."""
    square = held.narrow(-2, panel.start, panel.width)
    below = held.narrow(-2, panel.stop, held.shape[-2] - panel.stop)
    factor, info = torch.linalg.cholesky_ex(square)
    square.copy_(factor)
    below.copy_(torch.linalg.solve_triangular(factor.mH, below.clone(), upper=True, left=False))
    return held.narrow(-2, panel.start, held.shape[-2] - panel.start), bool((info > 0).any())


@dataclass(frozen=True, slots=True)
class Eliminated:
    """The outcome of a Gaussian elimination with row exchanges.

    Attributes
    ----------
    block : Block
        What was factored.
    upper : torch.Tensor
        This rank's columns of the factor, of which only the upper triangle means anything.
    panels : tuple of Panel
        Whose they are.
    diagonal : torch.Tensor, shape (..., n)
        Of ``upper``; on every rank.
    exchanges : torch.Tensor, shape (...)
        How many rows were exchanged.
    """

    block: Block
    upper: torch.Tensor
    panels: tuple[Panel, ...]
    diagonal: torch.Tensor
    exchanges: torch.Tensor

    @property
    def sign(self) -> torch.Tensor:
        """The determinant of the row exchanges: 1 or -1."""
        return 1 - 2 * (self.exchanges % 2)

    @property
    def is_singular(self) -> bool:
        """Whether a matrix is (equal on every rank)."""
        return bool((self.diagonal == 0).any())


def eliminate(block: Block, sides: Sequence[torch.Tensor] = ()) -> Eliminated:
    """Eliminate below the diagonal with partial pivoting, carrying right-hand ``sides`` along in place.

    Each side is (..., n, k), its batch axes those to which the matrices' broadcast.
    Communication: one exchange that deals the columns out, n²/2 elements of panels, and their pivots, in
    2 n / PANEL_WIDTH broadcasts.
    """
    local, deal = _dealt(block)
    diagonals = [local.new_empty((*block.shape[:-2], 0))]
    exchanges = torch.zeros(block.shape[:-2], dtype=torch.int64, device=local.device)
    for panel in deal.panels:
        made, pivots = (
            None,
            torch.empty((*block.shape[:-2], panel.width), dtype=torch.int32, device=local.device),
        )
        if panel.owner == block.device.rank:
            held = _held(local, panel)
            below = held.narrow(-2, panel.start, held.shape[-2] - panel.start)
            made, pivots = factors.lu(below)
            below.copy_(made)
        factor = _broadcast(block, panel, made, block.shape[-2] - panel.start)
        pivots = block.communicator.broadcast(pivots.contiguous(), panel.owner)
        place = deal.place_beyond(panel, block.device.rank)
        for side in (local.narrow(-1, place, local.shape[-1] - place), *sides):
            _apply_panel(
                side.narrow(-2, panel.start, side.shape[-2] - panel.start), factor, pivots, panel.width
            )
        diagonals.append(factor.narrow(-2, 0, panel.width).diagonal(dim1=-2, dim2=-1))
        exchanges += factors.exchanges(pivots)
    return Eliminated(block, local, deal.panels, torch.cat(diagonals, -1), exchanges)


def _apply_panel(side: torch.Tensor, factor: torch.Tensor, pivots: torch.Tensor, width: int) -> None:
    """Exchange the rows of ``side`` and eliminate with a factored panel, in place."""
    if not side.numel():
        return
    _exchange_rows(side, pivots)
    top, rest = side.narrow(-2, 0, width), side.narrow(-2, width, side.shape[-2] - width)
    square, below = factor.narrow(-2, 0, width), factor.narrow(-2, width, factor.shape[-2] - width)
    top.copy_(torch.linalg.solve_triangular(square, top.clone(), upper=False, unitriangular=True))
    rest.sub_(below @ top)


def _exchange_rows(side: torch.Tensor, pivots: torch.Tensor) -> None:
    """Carry out LAPACK's successive row exchanges (1-based) in place, each matrix its own."""
    batch = side.shape[:-2]
    for index, swaps in zip(
        np.ndindex(*batch),
        pivots.expand(*batch, pivots.shape[-1]).reshape(-1, pivots.shape[-1]).tolist(),
        strict=True,
    ):
        where: dict[int, int] = {}
        for row, pivot in enumerate(swaps):
            other = int(pivot) - 1
            first, second = where.get(row, row), where.get(other, other)
            where[row], where[other] = second, first
        moved = [row for row, source in where.items() if row != source]
        if moved:
            sources = torch.tensor([where[row] for row in moved], device=side.device)
            matrix = side[index]
            matrix[torch.tensor(moved, device=side.device)] = matrix[sources]


def substitute_back(eliminated: Eliminated, sides: Sequence[torch.Tensor]) -> None:
    """Solve with the upper triangle, in place. Communication: n²/2 elements in n / PANEL_WIDTH broadcasts."""
    block = eliminated.block
    for panel in reversed(eliminated.panels):
        mine = panel.owner == block.device.rank
        made = _held(eliminated.upper, panel).narrow(-2, 0, panel.stop) if mine else None
        columns = _broadcast(block, panel, made, panel.stop)
        square, above = columns.narrow(-2, panel.start, panel.width), columns.narrow(-2, 0, panel.start)
        for side in sides:
            rows = side.narrow(-2, panel.start, panel.width)
            if rows.numel():
                rows.copy_(torch.linalg.solve_triangular(square, rows.clone(), upper=True))
                side.narrow(-2, 0, panel.start).sub_(above @ rows)


def solve(function: str, block: Block, side: torch.Tensor) -> torch.Tensor:
    """Return the solution for this rank's columns of the right-hand sides, contiguous and overwritten.

    Communication: that of an elimination and a back substitution: n² elements.

    Raises
    ------
    numpy.linalg.LinAlgError
        On every rank, if a matrix is singular.
    """
    eliminated = eliminate(block, [side])
    if eliminated.is_singular:
        raise singular(function)
    substitute_back(eliminated, [side])
    return side


def triangle(block: Block) -> Block:
    """Return R alone, min(rows, columns) rows partitioned along their columns, by Householder reflections.

    Communication: the panels once, rows * min(rows, columns) elements in broadcasts.
    """
    block = by_columns(block)
    return _upper(block, _reduced(block)[0], min(block.shape[-2:]))


def qr(block: Block, *, complete: bool) -> tuple[Block, Block]:
    """Return Q and R, both partitioned along their columns, by Householder reflections panel by panel.

    Communication: the panels twice, 2 * rows * min(rows, columns) elements in broadcasts.
    """
    block = by_columns(block)
    rows, device = block.shape[-2], block.device
    width = rows if complete else min(block.shape[-2:])
    local, scales = _reduced(block)
    upper = _upper(block, local, width)
    target = Partition.even(block.ndim - 1, width, device.ranks)
    low, high = target.interval(device.rank)
    factor = local.new_zeros((*block.shape[:-2], rows, high - low))
    factor.diagonal(-low, -2, -1).fill_(1)
    for panel in reversed(_panels(block)):
        reflected, tau = _householder(block, local, panel, scales)
        # Columns to the left have zeros there.
        place = min(max(panel.start - low, 0), high - low)
        right = factor.narrow(-2, panel.start, rows - panel.start).narrow(-1, place, high - low - place)
        _reflect(right, reflected, tau, adjoint=False)
        lost = tau.isnan().sum(-1, keepdim=True)
        if bool(lost.any()):
            columns = torch.arange(low, high, device=factor.device)
            is_lost = (lost > 0) & (columns >= panel.stop - lost)
            factor.masked_fill_(is_lost.unsqueeze(-2), torch.nan)
    shape = (*block.shape[:-2], rows, width)
    return Block(factor, shape, target, device), upper


def _reduced(block: Block) -> tuple[torch.Tensor, dict[Panel, torch.Tensor]]:
    """Return this rank's columns of R above those of the reflectors, and the scales of the panels that it owns."""
    local = block.local.clone(memory_format=torch.contiguous_format)
    scales: dict[Panel, torch.Tensor] = {}
    for panel in _panels(block):
        reflected, tau = _householder(block, local, panel, scales)
        trailing, _ = _beyond(block, local, panel.stop)
        _reflect(
            trailing.narrow(-2, panel.start, block.shape[-2] - panel.start), reflected, tau, adjoint=True
        )
    return local, scales


def _upper(block: Block, local: torch.Tensor, rows: int) -> Block:
    """Return the first ``rows`` rows of R."""
    upper = torch.triu(local.narrow(-2, 0, rows), -block.offset(block.ndim - 1))
    return Block(upper, (*block.shape[:-2], rows, block.shape[-1]), block.partition, block.device)


def _householder(
    block: Block, local: torch.Tensor, panel: Panel, scales: dict[Panel, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the reflectors of ``panel`` and their scales on every rank: factored at the first call, kept by the owner."""
    rows = block.shape[-2] - panel.start
    made: torch.Tensor | None = None
    tau = local.new_empty((*block.shape[:-2], panel.width))
    if panel.owner == block.device.rank:
        held = _held(local, panel).narrow(-2, panel.start, rows)
        if panel in scales:
            made, tau = held, scales[panel]
        else:
            made, tau = factors.reflections(held)
            held.copy_(made)
            scales[panel] = tau
    reflected = _broadcast(block, panel, made, rows)
    return reflected, block.communicator.broadcast(tau.contiguous(), panel.owner)


def _reflect(side: torch.Tensor, reflected: torch.Tensor, tau: torch.Tensor, *, adjoint: bool) -> None:
    """Apply the reflections of a panel, or undo them (``adjoint``), in place.

    From one on they may be NaN: those before act on what they alone would act on, and the rows that the others act on
    are NaN.
    """
    if not side.numel():
        return
    is_lost = tau.isnan()
    has_lost = bool(is_lost.any())
    if has_lost:
        tau = tau.masked_fill(is_lost, 0)
        reflected = reflected.masked_fill(is_lost.unsqueeze(-2), 0)
    side.copy_(torch.ormqr(reflected, tau, side.contiguous(), transpose=adjoint))
    if has_lost and adjoint:
        beyond = is_lost.any(-1, keepdim=True).expand(*is_lost.shape[:-1], side.shape[-2] - is_lost.shape[-1])
        side.masked_fill_(torch.cat((is_lost, beyond), -1).unsqueeze(-1), torch.nan)
