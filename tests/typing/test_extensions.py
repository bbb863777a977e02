"""What linear algebra and Fourier transforms are typed to give: the checkers judge, pytest runs the calls too."""

from __future__ import annotations

from typing import assert_type

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist.linalg import EighResult, EigResult, QRResult, SlogdetResult, SVDResult


def test_products_give_arrays() -> None:
    x = xp.eye(2)
    assert_type(xp.matmul(x, x), Array)
    assert_type(xp.tensordot(x, x, axes=((0,), (1,))), Array)
    assert_type(xp.vecdot(x, x), Array)
    assert_type(xp.linalg.matrix_transpose(x), Array)


def test_factorizations_give_named_tuples() -> None:
    x = xp.eye(2)
    assert_type(xp.linalg.eigh(x), EighResult)
    assert_type(xp.linalg.eig(x), EigResult)
    factors = assert_type(xp.linalg.qr(x, mode="complete"), QRResult)
    assert_type(factors.Q, Array)
    assert_type(xp.linalg.slogdet(x).logabsdet, Array)
    assert_type(xp.linalg.slogdet(x), SlogdetResult)
    u, s, vh = assert_type(xp.linalg.svd(x, full_matrices=False), SVDResult)
    assert_type(u, Array)
    assert_type(s, Array)
    assert_type(vh, Array)


def test_other_linear_algebra_gives_arrays() -> None:
    x = xp.eye(2)
    assert_type(xp.linalg.cholesky(x, upper=True), Array)
    assert_type(xp.linalg.solve(x, x), Array)
    assert_type(xp.linalg.matrix_norm(x, ord="nuc"), Array)
    assert_type(xp.linalg.vector_norm(x, ord=xp.inf, axis=(0, 1)), Array)
    assert_type(xp.linalg.matrix_rank(x, rtol=0.5), Array)
    assert_type(xp.linalg.trace(x, dtype=xp.float64), Array)


def test_transforms_give_arrays() -> None:
    x = xp.asarray([1.0, 2.0, 3.0, 4.0])
    assert_type(xp.fft.rfft(x, norm="ortho"), Array)
    assert_type(xp.fft.fftn(xp.astype(x, xp.complex128), axes=(0,)), Array)
    assert_type(xp.fft.fftfreq(4, d=0.5), Array)
    assert_type(xp.fft.fftshift(x, axes=0), Array)
