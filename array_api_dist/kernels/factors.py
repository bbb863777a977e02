"""Factors of matrices, made unique: those that LAPACK gives have signs that hang on how a matrix was cut into parts."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_LARGE: Final = 0.37
"""A component counts as large from this share of the largest one on: few numbers that occur are so far apart."""


def qr(x: Tensor, *, complete: bool = False) -> tuple[Tensor, Tensor]:
    """Return Q and R, whose diagonal is not negative."""
    factor, upper = torch.linalg.qr(x, mode="complete" if complete else "reduced")
    phases = diagonal_phases(upper)
    turn(factor, upper, phases)
    return factor, upper


def diagonal_phases(upper: Tensor) -> Tensor:
    """Return the phases (..., K) of the diagonal, 1 for zeros."""
    phases = torch.sgn(upper.diagonal(0, -2, -1))
    return torch.where(phases == 0, 1, phases)


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
        left, values, right = torch.linalg.svd(x, full_matrices=False)
        turn(left, right, _phases(right, -1))
        return left, values, right
    factor, upper = qr(x, complete=True)
    left, values, right = svd(upper.narrow(-2, 0, columns), full_matrices=False)
    factor.narrow(-1, 0, columns).copy_(factor.narrow(-1, 0, columns) @ left)
    return factor, values, right


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
