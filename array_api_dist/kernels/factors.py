"""Factors of matrices, made unique: those that LAPACK gives have signs that hang on how a matrix was cut into parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from array_api_dist.kernels.tiles import cut_axis

_LARGE: Final = 0.37
"""A component counts as large from this share of the largest one on: few numbers that occur are so far apart."""

_ROUNDINGS: Final = 16
"""So many roundings of a column's length count as nothing."""

_PANEL: Final = 32
"""So many columns are eliminated one by one before the others follow in one product."""

_FEW_MATRICES: Final = 16
"""Up to so many are factorized one after another."""

_GROUP: Final = 64
"""So many numbers near 1 are multiplied before their product is brought near 1."""

_NO_POWER: Final = 2044
"""A number near 1 times or over this power of two is beyond what float64 holds."""


def qr(x: Tensor, *, complete: bool = False) -> tuple[Tensor, Tensor]:
    """Return Q and R, see :func:`reflections`."""
    rows, columns = x.shape[-2:]
    clean, holds = _cleared(x)
    held, tau = _reflections(clean)
    width = rows if complete else min(rows, columns)
    vectors = held.narrow(-1, 0, min(width, columns))
    if width > columns:
        vectors = torch.cat((vectors, vectors.new_zeros((*x.shape[:-1], width - columns))), -1)
    factor, upper = torch.linalg.householder_product(vectors, tau), torch.triu(held.narrow(-2, 0, width))
    if holds is None:
        return factor, upper
    lost = Lost.of(holds, rows, is_complex=x.is_complex())
    # What is beyond the columns of x is right of all of them.
    of_columns = lost.columns[..., torch.arange(width, device=x.device).clamp_(max=columns - 1)]
    return (
        factor.masked_fill(of_columns.unsqueeze(-2), torch.nan),
        upper.masked_fill(lost.upper.narrow(-2, 0, width), torch.nan),
    )


def reflections(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what ``torch.geqrf`` does, R above the vectors (..., M, N) and their scales (..., K), but not by rounding.

    A reflection makes the diagonal element negative whose column starts with a positive number or with zero, else
    positive, and a column with nothing below its first number is left as it is. Where the first number is zero, or the
    rest nothing, but for rounding, LAPACK's answer hangs on that; here it counts as such.
    """
    clean, holds = _cleared(x)
    held, tau = _reflections(clean)
    if holds is None:
        return held, tau
    lost = Lost.of(holds, x.shape[-2], is_complex=x.is_complex())
    below = torch.ones(x.shape[-2:], dtype=torch.bool, device=x.device).tril(-1)
    is_nan = lost.upper | (lost.columns.unsqueeze(-2) & below)
    return held.masked_fill(is_nan, torch.nan), tau.masked_fill(lost.columns[..., : tau.shape[-1]], torch.nan)


def any_qr(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return Q (..., M, K) and R (..., K, N) of a part of a matrix, with any signs.

    Of the NaNs in R (see :class:`Lost`) those alone are there whose columns hold one: a NaN right of them would count
    as a column's own where R is factorized again.
    """
    clean, holds = _cleared(x)
    factor, upper = torch.linalg.qr(clean)
    if holds is None:
        return factor, upper
    columns = Lost.of(holds, x.shape[-2], is_complex=x.is_complex()).columns[..., None, : factor.shape[-1]]
    return factor.masked_fill(columns, torch.nan), _with_own_nans(upper, holds)


def triangle(x: Tensor) -> Tensor:
    """Return R as :func:`any_qr` does."""
    clean, holds = _cleared(x)
    upper: Tensor = torch.linalg.qr(clean, mode="r").R
    return upper if holds is None else _with_own_nans(upper, holds)


class Lost(NamedTuple):
    """What NaNs of a matrix leave of its factors: which columns (..., N) of Q, and where R (..., M, N), are NaN.

    From the first column with a NaN on each reflection is NaN, but for the last one of a real matrix no taller than
    wide, which has nothing below it; of a complex one it makes a number real.
    """

    columns: Tensor
    upper: Tensor

    @classmethod
    def of(cls, holds: Tensor, rows: int, *, is_complex: bool) -> Lost:
        """Return what is lost of a matrix with so many rows; ``holds`` (..., N): which of its columns hold a NaN."""
        columns = holds.shape[-1]
        place = torch.arange(max(rows, columns), device=holds.device)
        is_lost = (holds & (place[:columns] < (rows if is_complex else rows - 1))).cumsum(-1) > 0
        of_rows = torch.nn.functional.pad(is_lost, (0, max(rows - columns, 0)))[..., :rows]
        upper = holds.unsqueeze(-2) | (is_lost.unsqueeze(-2) & of_rows.unsqueeze(-1))
        return cls(is_lost, upper & (place[:rows, None] <= place[:columns]))


def _cleared(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return ``x`` with zeros for columns that hold a NaN, and which (..., N) do; ``x`` itself and None where none does.

    LAPACK passes over a NaN in columns of some lengths; others carry it to columns on its left, on accelerators.
    """
    # A sum is NaN with any element, or where infinities cancel.
    if not bool(x.sum().isnan()):
        return x, None
    holds = x.isnan().any(-2)
    return x.masked_fill(holds.unsqueeze(-2), 0), holds


def _with_own_nans(upper: Tensor, holds: Tensor) -> Tensor:
    is_nan = torch.ones(upper.shape[-2:], dtype=torch.bool, device=upper.device).triu() & holds.unsqueeze(-2)
    return upper.masked_fill(is_nan, torch.nan)


def _reflections(x: Tensor) -> tuple[Tensor, Tensor]:
    held, tau = torch.geqrf(x)
    # Of a column's length: the share of its first number.
    share, nothing = tau.real - 1, _nothing(x)
    if not bool(((tau != 0) & ((share < nothing) | (share > 1 - nothing))).any()):
        return held, tau
    order = tau.shape[-1]
    factor = torch.linalg.householder_product(held.narrow(-1, 0, order), tau)
    upper = torch.triu(held.narrow(-2, 0, order))
    turn(factor, upper, diagonal_phases(upper))
    top, below = factor.narrow(-2, 0, order), factor.narrow(-2, order, factor.shape[-2] - order)
    made = settled(top, lambda found: found.rests_in(below) + found.rests)
    left = made.is_left.unsqueeze(-2)
    vectors = torch.cat((made.matrix.tril(-1), made.vectors_in(below).masked_fill(left, 0)), -2)
    zeros = held.new_zeros((*below.shape[:-1], held.shape[-1]))
    held = torch.cat((upper * made.signs.unsqueeze(-1), zeros), -2)
    held.narrow(-1, 0, order).add_(vectors)
    pivots = made.matrix.diagonal(0, -2, -1)
    return held, (-made.signs * pivots).masked_fill(made.is_left, 0)


class Elimination(NamedTuple):
    """Q less the signs of R's diagonal, eliminated, which gives the reflections (Ballard et al. 2014, TSQR-HR).

    Attributes
    ----------
    signs, is_left : Tensor, shape (..., K)
        The signs, and which columns are not reflected.
    matrix : Tensor, shape (..., K, K)
        Of the first K rows: below the diagonal the vectors; the diagonal has 1 for columns that are not reflected.
    rests : Tensor, shape (..., K)
        The squared lengths of what those rows hold below the diagonal and of its imaginary part, as a share of the column's.
    """

    signs: Tensor
    is_left: Tensor
    matrix: Tensor
    rests: Tensor

    def vectors_in(self, below: Tensor) -> Tensor:
        """Return the rows of the vectors, where reflected, that belong to rows ``below`` (..., M, K) of Q."""
        vectors: Tensor = torch.linalg.solve_triangular(self.matrix.triu(), below, upper=True, left=False)
        return vectors

    def rests_in(self, below: Tensor) -> Tensor:
        """Return the squared lengths of what rows ``below`` (..., M, K) of Q hold, as a share of the column's."""
        pivots = self.matrix.diagonal(0, -2, -1).unsqueeze(-2)
        return (self.vectors_in(below) * pivots).abs().square().sum(-2)


def settled(top: Tensor, rests: Callable[[Elimination], Tensor]) -> Elimination:
    """Return the elimination in which those columns are left whose rest is nothing.

    A first number of almost the column's length does not tell: a rest of 1e-8 changes it by less than a rounding.

    Parameters
    ----------
    top : Tensor, shape (..., K, K)
        The first rows of Q where R's diagonal is positive.
    rests : callable
        Gives the squared lengths (..., K) of the rests of all columns after an elimination.
    """
    nothing, is_reflected = _nothing(top), None
    while True:
        made = _eliminated(top, is_reflected)
        found = rests(made) > nothing * nothing
        # The columns that precede one decide it: each round settles one more at least.
        if torch.equal(found, torch.zeros_like(found) if is_reflected is None else is_reflected):
            return made
        is_reflected = found


def signs_of_top(top: Tensor) -> Tensor:
    """Return the signs (..., K) that :func:`reflections` give R's diagonal, 0 where their rests decide.

    Parameters
    ----------
    top : Tensor, shape (..., K, K)
        The first rows of Q where R's diagonal is positive.
    """
    made = _eliminated(top, None)
    return made.signs.masked_fill(made.is_left, 0)


def _eliminated(top: Tensor, is_reflected: Tensor | None) -> Elimination:
    """Eliminate; of the columns that start with almost all of their length those are left that are not reflected."""
    rest, order, nothing = top.clone(), top.shape[-1], _nothing(top)
    signs = top.real.new_empty(top.shape[:-1])
    lengths = torch.empty_like(signs)
    is_left = torch.empty_like(signs, dtype=torch.bool)
    for start in range(0, order, _PANEL):
        width = min(_PANEL, order - start)
        panel = rest[..., start:, start : start + width]
        for column in range(width):
            pivot = panel[..., column, column]
            first = pivot.real.clone()
            turned = (pivot - first).abs().square()
            left = first.abs() > 1 - nothing
            if is_reflected is not None:
                left = left & ~is_reflected[..., start + column]
            sign = torch.where(left, torch.sgn(first), torch.where(first < -nothing, 1.0, -1.0))
            signs[..., start + column], is_left[..., start + column] = sign, left
            pivot.copy_(torch.where(left, 1.0, pivot - sign))
            below = panel[..., column + 1 :, column]
            lengths[..., start + column] = below.abs().square().sum(-1) + turned
            below.div_(pivot.unsqueeze(-1)).masked_fill_(left.unsqueeze(-1), 0)
            right = panel[..., column, column + 1 :]
            panel[..., column + 1 :, column + 1 :] -= below.unsqueeze(-1) * right.unsqueeze(-2)
        beside = rest[..., start : start + width, start + width :]
        lower = panel[..., :width, :]
        beside.copy_(torch.linalg.solve_triangular(lower, beside, upper=False, unitriangular=True))
        rest[..., start + width :, start + width :] -= panel[..., width:, :] @ beside
    return Elimination(signs, is_left, rest, lengths)


def _nothing(x: Tensor) -> float:
    """Return the share of a vector's length that is rounding."""
    return _ROUNDINGS * torch.finfo(x.dtype).eps


def diagonal_phases(upper: Tensor) -> Tensor:
    """Return the phases (..., K) of the diagonal, 1 for zeros and NaNs."""
    phases = torch.sgn(upper.diagonal(0, -2, -1))
    return torch.where(phases.abs() > 0, phases, 1)


def turn(left: Tensor, right: Tensor, phases: Tensor) -> None:
    """Multiply the first K columns of ``left`` by K phases and divide the first K rows of ``right``, in place."""
    count = phases.shape[-1]
    left.narrow(-1, 0, count).mul_(phases.unsqueeze(-2))
    right.narrow(-2, 0, count).mul_(phases.conj().unsqueeze(-1))


def svd(x: Tensor, *, full_matrices: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return U, S and Vh: the first large component of each vector on the shorter side (of Vh for a square) is positive.

    The columns that ``full_matrices`` adds are the last ones of a QR decomposition.
    """
    rows, columns = x.shape[-2:]
    if rows < columns:
        right, values, left = svd(x.mH, full_matrices=full_matrices)
        return left.mH.resolve_conj(), values, right.mH.resolve_conj()
    if not full_matrices or rows == columns:
        left, values, right = torch.linalg.svd(x, full_matrices=False, driver=_driver(x))
        # On accelerators it is a lazy conjugate.
        right = right.resolve_conj()
        turn(left, right, _phases(right, -1))
        return left, values, right
    factor, upper = qr(x, complete=True)
    left, values, right = svd(upper.narrow(-2, 0, columns), full_matrices=False)
    factor.narrow(-1, 0, columns).copy_(factor.narrow(-1, 0, columns) @ left)
    return factor, values, right


def svdvals(x: Tensor) -> Tensor:
    """Return the singular values."""
    values: Tensor = torch.linalg.svdvals(x, driver=_driver(x))
    return values


def _driver(x: Tensor) -> str | None:
    """Return which of CUDA's algorithms to ask for: torch prefers Jacobi's, ten times less accurate than LAPACK.

    That one works on many matrices at once, the others on one after another.
    """
    return "gesvd" if x.is_cuda and math.prod(x.shape[:-2]) <= _FEW_MATRICES else None


def det(x: Tensor) -> Tensor:
    """Return the determinants (...)."""
    # The transposed is what LAPACK takes as it is.
    made, pivots = lu(x.mT)
    return det_of_pivots(made.diagonal(0, -2, -1), exchanges(pivots))


def det_of_pivots(pivots: Tensor, exchanged: Tensor) -> Tensor:
    """Return the determinants (...): the products of the diagonals (..., M) of U, after so many exchanges of rows (...)."""
    products = pivots.prod(-1) if _multiply_safely(pivots) else _scaled_product(pivots)
    return torch.where(exchanged % 2 == 0, products, -products)


def _multiply_safely(values: Tensor) -> bool:
    """Return whether the product of any numbers along the last axis is within the range of their type."""
    if not values.is_cpu or values.numel() == 0:
        # To look would make an accelerator wait.
        return values.numel() == 0
    limits = torch.finfo(values.dtype)
    low, high = torch.aminmax(values.abs())
    share = 1.0 / values.shape[-1]
    return bool(low.item() >= limits.tiny**share and high.item() <= (limits.max / 2) ** share)


def _scaled_product(values: Tensor) -> Tensor:
    """Return the products along the last axis: of numbers near 1, and what powers of two they lack, added up."""
    wide, powers = _near_one(values.to(torch.complex128 if values.is_complex() else torch.float64))
    while wide.shape[-1] > 1:
        ones = wide.new_ones((*wide.shape[:-1], -wide.shape[-1] % _GROUP))
        groups = cut_axis(torch.cat((wide, ones), -1), wide.ndim - 1, _GROUP)
        wide, more = _near_one(groups.prod(-1))
        powers = powers.sum(-1, keepdim=True) + more.sum(-1, keepdim=True)
    # Half of a power that leads out of the range is within it, and so is not infinite beside a zero.
    half = torch.floor(powers.clamp_(-_NO_POWER, _NO_POWER) / 2)
    parts = torch.view_as_real(wide.to(torch.complex128))
    parts = torch.ldexp(torch.ldexp(parts, half.unsqueeze(-1)), (powers - half).unsqueeze(-1))
    product = torch.view_as_complex(parts) if wide.is_complex() else parts[..., 0]
    return product.squeeze(-1).to(values.dtype)


def _near_one(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return numbers, their larger component in [1/2, 1), and to what powers of two, in float64, they are lowered."""
    if not values.is_complex():
        mantissas, exponents = torch.frexp(values)
        return mantissas, exponents.to(torch.float64)
    mantissas, exponents = torch.frexp(torch.view_as_real(values))
    # A zero has the exponent 0.
    exponents = exponents.to(torch.float64).masked_fill_(mantissas == 0, -_NO_POWER)
    most = exponents.amax(-1, keepdim=True)
    return torch.view_as_complex(torch.ldexp(mantissas, exponents - most)), most.squeeze(-1)


def slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the signs (...) and the logarithms (...) of the absolute values of the determinants."""
    sign, logarithm = torch.linalg.slogdet(x)
    return sign, _with_nans(logarithm, x, axes=0)


def inv(x: Tensor) -> tuple[Tensor, bool]:
    """Return the inverse matrices, and whether one has none."""
    result, info = torch.linalg.inv_ex(x)
    return _with_nans(result, x, axes=2), bool((info > 0).any())


def solve(x: Tensor, right: Tensor) -> tuple[Tensor, bool]:
    """Return what ``x`` times gives ``right``, both stacks of matrices, and whether an ``x`` is singular."""
    result, info = torch.linalg.solve_ex(x, right)
    return _with_nans(result, x, axes=2), bool((info > 0).any())


def lu(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return L below the diagonal and U from there on, in one, and the rows (from 1) that were exchanged for each column."""
    made, pivots, _ = torch.linalg.lu_factor_ex(x)
    return _with_nans(made, x, axes=2), pivots


def exchanges(pivots: Tensor) -> Tensor:
    """Return how many rows :func:`lu` exchanged."""
    own = torch.arange(1, pivots.shape[-1] + 1, dtype=pivots.dtype, device=pivots.device)
    return (pivots != own).sum(-1)


def _with_nans(result: Tensor, x: Tensor, axes: int) -> Tensor:
    """Return ``result``, which has so many ``axes`` for each matrix of ``x``, NaN where that matrix holds a NaN.

    Elimination loses NaNs on accelerators: the determinant comes out finite.
    """
    if x.is_cpu:
        return result
    is_lost = x.isnan().any(-1).any(-1)
    return torch.where(is_lost[(..., *[None] * axes)], torch.nan, result)


def eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors of Hermitian matrices: the first large component of each is positive."""
    values, vectors = torch.linalg.eigh(x)
    return values, vectors.mul_(_phases(vectors, -2).conj().unsqueeze(-2))


def eig(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors of any square matrices: the first large component of each is positive."""
    values, vectors = torch.linalg.eig(x)
    return values, vectors.mul_(_phases(vectors, -2).conj().unsqueeze(-2))


def _phases(vectors: Tensor, axis: int) -> Tensor:
    """Return the phase of the first large component of each vector along ``axis``."""
    if vectors.numel() == 0:
        return vectors.new_ones(vectors.sum(axis).shape)
    # Not of the largest: where two are equal but for rounding, that would be either.
    moduli = vectors.abs()
    large = moduli >= _LARGE * moduli.amax(axis, keepdim=True)
    first = large.to(torch.uint8).argmax(axis, keepdim=True)
    return torch.sgn(vectors.gather(axis, first)).squeeze(axis)
