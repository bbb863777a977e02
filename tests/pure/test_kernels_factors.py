"""Factors of matrices: unique whatever is rounded, and still factors."""

from __future__ import annotations

import pytest
import torch

from array_api_dist.kernels import factors

DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
SHAPES = [(7, 7), (9, 4), (4, 9), (5, 8, 3), (5, 3, 8), (1, 1), (0, 0), (5, 0), (0, 3, 2)]


def made(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


def close(result: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.allclose(result, expected, rtol=0, atol=200 * torch.finfo(expected.dtype).eps)


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_qr_is_lapacks(shape: tuple[int, ...], dtype: torch.dtype, *, complete: bool) -> None:
    x = made(shape, dtype)
    factor, upper = factors.qr(x, complete=complete)
    assert close(factor @ upper, x)
    expected = torch.linalg.qr(x, mode="complete" if complete else "reduced")
    assert close(factor, expected.Q)
    assert close(upper, expected.R)


DEGENERATE = {
    "identity": torch.eye(4),
    "triangle": torch.triu(torch.ones(4, 4)),
    "zeros": torch.zeros(3, 2),
    "zeros first": torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    "negative": -torch.eye(3)[:, :2],
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_columns_that_lapack_leaves_or_that_start_with_zero_have_its_signs(name: str) -> None:
    x = DEGENERATE[name].to(torch.float64)
    factor, upper = factors.qr(x)
    expected = torch.linalg.qr(x)
    assert close(upper, expected.R)
    assert close(factor, expected.Q)
    if name == "zeros":
        return
    # Rounding on other ranks must not decide either.
    for error in (-1e-16, 1e-16):
        factor, upper = factors.qr(x + error)
        assert close(upper, expected.R)
        assert close(factor, expected.Q)
        assert close(factors.qr(x + error, complete=True)[1][: x.shape[1]], expected.R)
        assert torch.equal(told_signs(positive(x) + error), signs(expected.R))


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("rest", [1e-12, 1e-10, 1e-8, 1e-5, 1e-3])
@pytest.mark.parametrize("shape", [(40, 40), (40, 5), (5, 40), (3, 40, 5)], ids=str)
def test_what_is_small_beside_a_columns_first_number_stays(
    rest: float, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    x = made(shape, dtype) * rest
    x.diagonal(0, -2, -1).add_(1)
    for complete in (False, True):
        factor, upper = factors.qr(x, complete=complete)
        assert torch.allclose(factor @ upper, x, rtol=0, atol=5e-15)
        assert close(factor.mH @ factor, torch.eye(factor.shape[-1], dtype=dtype))
        assert torch.equal(signs(upper), signs(torch.linalg.qr(x).R))
    if shape[-1] == 5:
        assert torch.equal(told_signs(positive(x)), signs(torch.linalg.qr(x).R))


def told_signs(factor: torch.Tensor) -> torch.Tensor:
    """Return the signs that the first rows of Q tell, those of the columns whose rests decide with the others."""
    order = factor.shape[-1]
    top, below = factor[..., :order, :], factor[..., order:, :]
    told = factors.signs_of_top(top)
    found = factors.settled(top, lambda made: made.rests_in(below) + made.rests).signs
    assert torch.equal(torch.where(told == 0, found, told), found)
    return found


def positive(x: torch.Tensor) -> torch.Tensor:
    """Return Q where R's diagonal is positive."""
    factor, upper = torch.linalg.qr(x)
    return factor * factors.diagonal_phases(upper).unsqueeze(-2)


def signs(upper: torch.Tensor) -> torch.Tensor:
    return torch.sgn(upper.diagonal(0, -2, -1).real)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(7, 7), (9, 4), (5, 8, 3), (1, 1), (0, 0), (5, 0), (150, 70)], ids=str)
def test_the_first_rows_of_q_tell_the_signs_of_reflections(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    x = made(shape, dtype)
    assert torch.equal(told_signs(positive(x)), signs(torch.linalg.qr(x).R))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_vectors_do_not_hang_on_signs(
    shape: tuple[int, ...], dtype: torch.dtype, *, full: bool
) -> None:
    x = made(shape, dtype)
    left, values, right = factors.svd(x, full_matrices=full)
    count = values.shape[-1]
    assert close((left[..., :count] * values[..., None, :]) @ right[..., :count, :], x)
    expected = torch.linalg.svd(x, full_matrices=full)
    assert (left.shape, right.shape) == (expected.U.shape, expected.Vh.shape)
    assert close(left.mH @ left, torch.eye(left.shape[-1], dtype=dtype).expand_as(left.mH @ left))
    assert close(right @ right.mH, torch.eye(right.shape[-2], dtype=dtype).expand_as(right @ right.mH))
    other_left, _, other_right = factors.svd(-x, full_matrices=full)
    if shape[-2] < shape[-1]:
        assert close(other_left, left)
    else:
        assert close(other_right, right)


@pytest.mark.parametrize("function", [factors.eigh, factors.eig])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(7, 7), (5, 4, 4), (0, 0)], ids=str)
def test_eigenvectors_have_a_positive_first_large_component(
    function: object, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    x = made(shape, dtype)
    x = x + x.mH if function is factors.eigh else x
    values, vectors = function(x)  # type: ignore[operator]
    assert torch.allclose(x.to(vectors.dtype) @ vectors, vectors * values[..., None, :], atol=1e-4)
    if not x.numel():
        return
    moduli = vectors.abs()
    first = (moduli >= 0.37 * moduli.amax(-2, keepdim=True)).int().argmax(-2, keepdim=True)
    component = vectors.gather(-2, first)
    assert torch.allclose(component, component.abs().to(component.dtype), atol=1e-6)


def test_equal_components_decide_alike_whatever_is_rounded() -> None:
    for error in (-1e-15, 0.0, 1e-15):
        x = torch.tensor([[0.0, 1.0 + error], [1.0 - error, 0.0]], dtype=torch.float64)
        _, vectors = factors.eigh(x)
        half = 0.5**0.5
        assert close(vectors, torch.tensor([[half, half], [-half, half]], dtype=torch.float64))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_determinant_in_range_is_found_whatever_its_factors_are(dtype: torch.dtype) -> None:
    far = 2.0**100 if dtype in {torch.float32, torch.complex64} else 2.0**1000
    cases = {
        "overflow": ([far, 3 * far, 5 / far, 1 / far], 15),
        "underflow": ([1 / far, 3 / far, 5 * far, far], 15),
        "few digits on the way": ([1 / far, 3 * far**-0.33, 5 * far, far**0.33], 15),
        "both": ([far, far, 1 / far] * 22 + [1 / far] * 22, 1),
        "no range at all": ([far, far, 0.0], 0),
        "above": ([far, -far], -torch.inf),
        "below": ([1 / far, 1 / far], 0),
        "none": ([], 1),
    }
    for name, (pivots, expected) in cases.items():
        found = factors.det(torch.diag(torch.tensor(pivots, dtype=dtype)))
        assert found.dtype == dtype
        number = complex(found).real
        assert number == expected or abs(number - expected) < 64 * torch.finfo(dtype).eps, (name, number)
    if dtype.is_complex:
        turned = torch.diag(torch.tensor([far * 1j, far, (3 + 4j) / far, 1 / far], dtype=dtype))
        assert complex(factors.det(turned)) == -4 + 3j


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(3, 130, 130), (0, 3, 3), (2, 0, 0), (4, 1, 1)], ids=str)
def test_determinants_are_the_products_of_signs_and_exponentials(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    for scale in (0.08, 0.05, 0.5):
        x = made(shape, dtype) * scale
        sign, logarithm = torch.linalg.slogdet(x.to(torch.complex128 if dtype.is_complex else torch.float64))
        expected = (sign * torch.exp(logarithm)).to(dtype)
        assert torch.allclose(factors.det(x), expected, rtol=1e5 * torch.finfo(dtype).eps, atol=0)
