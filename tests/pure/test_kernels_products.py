"""Products of two tensors against NumPy: integers wrap and lose no bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from array_api_dist import _dtypes as dt
from array_api_dist.kernels import products
from array_api_dist.kernels.dtypes import TORCH
from array_api_dist.kernels.moving import movable, moved_back

NUMERIC = [dtype for dtype in dt.DTYPES if dtype in dt.NUMERIC]
INTEGERS = [dtype for dtype in dt.DTYPES if dtype in dt.INTEGER]


def _values(dtype: dt.DType, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    if dtype in dt.INTEGER:
        least, greatest = dt.integer_limits(dtype)
        values = rng.integers(least, greatest, shape[::-1], dtype=dtype.name, endpoint=True)
    else:
        whole = rng.integers(-5, 6, shape[::-1])
        values = (whole + 1j * rng.integers(-5, 6, shape[::-1]) if dt.is_complex(dtype) else whole).astype(
            dtype.name
        )
    return torch.from_numpy(values).permute(tuple(reversed(range(len(shape)))))


def _same(result: torch.Tensor, expected: np.ndarray, dtype: dt.DType) -> None:
    assert result.dtype == TORCH[dtype]
    np.testing.assert_array_equal(result.resolve_conj(), expected)


SHAPES = [((4, 3), (3, 5)), ((3,), (3, 5)), ((4, 3), (3,)), ((3,), (3,)), ((2, 1, 4, 3), (6, 3, 2)),
          ((4, 0), (0, 5)), ((0, 3), (3, 5)), ((2, 4, 0), (0,))]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_matrix_products_are_numpys(dtype, left, right) -> None:
    a, b = _values(dtype, left), _values(dtype, right, 1)
    _same(products.matmul(a, b), np.matmul(a.numpy(), b.numpy()), dtype)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_larger_integer_matrix_products_are_exact(dtype) -> None:
    a, b = _values(dtype, (65, 130)), _values(dtype, (130, 33), 1)
    _same(products.matmul(a, b), a.numpy() @ b.numpy(), dtype)
    small = [(each % 100).to(TORCH[dtype]) if dtype in dt.SIGNED else each for each in (a, b)]
    _same(products.matmul(*small), small[0].numpy() @ small[1].numpy(), dtype)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("length", [0, 1, 2, 300_001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_products_of_long_matrices_are_summed_up_of_pieces(
    dtype: torch.dtype, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_WORTHWHILE", 0)
    called: list[object] = []
    whole = products._of_pieces
    monkeypatch.setattr(products, "_of_pieces", lambda *each: called.append(each) or whole(*each))
    left = torch.randint(-4, 5, (length, 3)).to(dtype).T
    right = torch.randint(-4, 5, (length, 10)).to(dtype)[:, ::2]
    for each in (left, left.contiguous()):
        found = products.matmul(each, right)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, each.numpy() @ right.numpy())
    assert len(called) == (2 if torch.get_num_threads() > 1 else 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_a_matrix_times_its_own_transpose_is_symmetric(dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_WIDE", 2)
    values = torch.randn(7, 11, dtype=dtype)
    for each in (
        values,
        values.T,
        values[:, ::2],
        values[:1],
        values[:2],
        values[:3],
        values[:0],
        values[:, :0],
    ):
        found = products.matmul(each, each.mT)
        torch.testing.assert_close(found, torch.from_numpy(each.numpy() @ each.mT.numpy()))
        assert products._is_gram(each, each.mT) == (len(each) > 1 and not dtype.is_complex)
    # What only looks so is not.
    square = torch.randn(6, 6, dtype=dtype)
    for left, right in ((square, square), (square[1:], square[:-1].T), (square, square.T.contiguous())):
        assert not products._is_gram(left, right)
        torch.testing.assert_close(
            products.matmul(left, right), torch.from_numpy(left.numpy() @ right.numpy())
        )


@pytest.mark.parametrize(
    ("left", "right"), [(2**26, 2**26 + 1), (2**27 - 1, 2**26 - 1), (-(2**63), 1), (2**53 + 1, 1)]
)
def test_no_bit_is_lost_around_what_float64_holds(left: int, right: int) -> None:
    a, b = torch.tensor([[left, 1]]), torch.tensor([[right], [1]])
    wrapped = (left * right + 1 + 2**63) % 2**64 - 2**63
    assert products.matmul(a, b).tolist() == [[wrapped]]


@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_contractions_are_numpys(dtype) -> None:
    a, b = _values(dtype, (4, 3, 2)), _values(dtype, (3, 2, 5), 1)
    for axes in (((1, 2), (0, 1)), ((2,), (1,)), ((), ())):
        _same(products.tensordot(a, b, axes), np.tensordot(a.numpy(), b.numpy(), axes), dtype)
    nothing = products.tensordot(a[:, :0], b[:0], ((1,), (0,)))
    _same(nothing, np.zeros((4, 2, 2, 5), dtype=dtype.name), dtype)


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_dot_products_conjugate_the_first_and_broadcast(dtype, axis) -> None:
    a, b = _values(dtype, (4, 3, 3)), _values(dtype, (3, 3), 1)
    _same(products.vecdot(a, b, axis), np.vecdot(a.numpy(), b.numpy(), axis=axis), dtype)
    _same(products.vecdot(a[..., :0], b[..., :0], -1), np.zeros((4, 3), dtype=dtype.name), dtype)
    assert products.vecdot(a[:0], b, axis).shape == (0, 3)


@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_outer_products_are_numpys(dtype) -> None:
    a, b = _values(dtype, (4,)), _values(dtype, (3,), 1)
    _same(products.outer(a, b), np.multiply.outer(a.numpy(), b.numpy()), dtype)
    assert products.outer(a[:0], b).shape == (0, 3)


@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("dtype", NUMERIC, ids=str)
def test_cross_products_are_those_of_the_components(dtype, axis) -> None:
    a, b = _values(dtype, (2, 3, 3)), _values(dtype, (3, 3), 1)
    with np.errstate(over="ignore"):
        expected = np.cross(a.numpy(), np.broadcast_to(b.numpy(), (2, 3, 3)), axis=axis)
    _same(products.cross(a, b, axis), expected, dtype)


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("length", [2, 1 << 20])
def test_products_of_limbs_are_numpys(dtype, left, right, length, monkeypatch: pytest.MonkeyPatch) -> None:
    """What accelerators take, which multiply no integer matrices."""
    monkeypatch.setattr(products, "_EXACT_LENGTH", length)
    a, b = _values(dtype, left), _values(dtype, right, 1)
    signed = [movable(each) for each in (a, b)]
    found = moved_back(products._matmul_of_limbs(*signed), TORCH[dtype])
    _same(found, np.matmul(a.numpy(), b.numpy()), dtype)


@pytest.mark.parametrize(
    ("left", "right", "axes"),
    [((2, 3, 4), (4, 3, 5), ([1, 2], [1, 0])), ((2, 3), (4,), ([], [])), ((3,), (3,), ([0], [0])),
     ((), (), ([], [])), ((0, 2), (2, 0, 3), ([0], [1])), ((5, 0), (0, 2), ([1], [0]))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_contractions_of_integers_by_products_of_matrices_are_numpys(dtype, left, right, axes) -> None:
    """What accelerators take."""
    a, b = _values(dtype, left), _values(dtype, right, 1)
    found = products._tensordot_of_integers(movable(a), movable(b), axes)
    _same(moved_back(found, TORCH[dtype]), np.tensordot(a.numpy(), b.numpy(), axes), dtype)
