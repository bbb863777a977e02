"""Factorizations under every partition: what they reconstruct, and the errors that all ranks raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist import _matrices as rules
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import Partition, Shape
from array_api_dist.engine import factorization as engine
from array_api_dist.engine import norms, rearrangement
from array_api_dist.kernels import factors as kernels
from array_api_dist.trace import trace

DTYPES = [torch.float32, torch.complex128]
RANKS = [1, 2, 3]
MORE_RANKS = [1, 2, 5]


@pytest.fixture(params=["small arrays are copied", "nothing is small"])
def thresholds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny matrices take the ways of large ones, too."""
    if request.param == "nothing is small":
        monkeypatch.setattr(rules, "COPY_NBYTES", -1)
        monkeypatch.setattr(rules, "PANEL_WIDTH", 3)
        monkeypatch.setattr(rearrangement, "SMALL_NBYTES", -1)


@pytest.fixture(params=["triangles gathered", "triangles merged along a tree"])
def merging(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of TSQR."""
    if request.param == "triangles merged along a tree":
        monkeypatch.setattr(rules, "TREE_NBYTES", -1)


pytestmark = pytest.mark.usefixtures("thresholds")


def made(shape: Shape, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


def definite(shape: Shape, dtype: torch.dtype) -> torch.Tensor:
    factor = made(shape, dtype)
    return factor @ factor.mH + shape[-1] * torch.eye(shape[-1], dtype=dtype)


def found(
    function: Callable[[Block], Block | Sequence[Block]], whole: torch.Tensor, ranks: int
) -> Iterator[list[torch.Tensor]]:
    """Yield the joined results of ``function`` under each partition."""
    cases = partitions_of(tuple(whole.shape), ranks)

    def body(device: Device) -> list[Sequence[Block]]:
        results = [function(part_of(whole, each, device)) for each in cases]
        return [(result,) if isinstance(result, Block) else result for result in results]

    for parts in zip(*on_ranks(ranks, body), strict=True):
        yield [joined(blocks) for blocks in zip(*parts, strict=True)]


def assert_close(result: torch.Tensor, expected: torch.Tensor, *, scale: float = 1.0) -> None:
    """Within 100 rounding errors of the largest element."""
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    if expected.numel():
        size = float(expected.abs().max()) * scale
        error = float((result - expected).abs().max())
        assert error <= 100 * torch.finfo(expected.dtype).eps * max(size, 1e-30), (error, size)


def assert_orthonormal(matrix: torch.Tensor) -> None:
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype).expand(*matrix.shape[:-2], -1, -1)
    assert_close(matrix.mH @ matrix, identity)


SQUARE_SHAPES = [(7, 7), (2, 6, 6), (4, 3, 3), (0, 0), (0, 3, 3)]
ANY_SHAPES = [(13, 2), (2, 13), (7, 6), (4, 7), (2, 9, 2), (2, 2, 9), (2, 7, 5), (5, 0), (0, 5)]


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_cholesky_reconstructs(ranks: int, dtype: torch.dtype) -> None:
    for shape in SQUARE_SHAPES:
        whole = definite(shape, dtype)
        for (lower,) in found(engine.cholesky, whole, ranks):
            assert torch.equal(lower, lower.tril())
            assert_close(lower @ lower.mH, whole)
        for (upper,) in found(lambda block: engine.cholesky(block, upper=True), whole, ranks):
            assert torch.equal(upper, upper.triu())
            assert_close(upper.mH @ upper, whole)


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("ranks", MORE_RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("complete", [False, True])
def test_qr_reconstructs(ranks: int, dtype: torch.dtype, *, complete: bool) -> None:
    for shape in ANY_SHAPES:
        whole = made(shape, dtype)
        expected = torch.linalg.qr(whole, mode="complete" if complete else "reduced")
        for factor, upper in found(lambda block: engine.qr(block, complete=complete), whole, ranks):
            assert (factor.shape, upper.shape) == (expected.Q.shape, expected.R.shape)
            assert torch.equal(upper, upper.triu())
            assert_orthonormal(factor)
            assert_close(factor @ upper, whole)
            # LAPACK's, signs included, however the matrix was cut.
            assert_close(upper, expected.R)


def of_zeros_and_ones(rows: int, columns: int) -> torch.Tensor:
    """Return a matrix of full rank whose first columns start with zeros, and whose last have nothing below."""
    numbers = torch.arange(rows).unsqueeze(-1) + 1
    return ((numbers % (torch.arange(columns) + 2)) == 0).to(torch.float64)


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("ranks", MORE_RANKS)
def test_signs_that_rounding_could_decide_do_not_hang_on_the_cut(ranks: int) -> None:
    for whole in (
        of_zeros_and_ones(30, 4), of_zeros_and_ones(9, 7), torch.eye(9, dtype=torch.float64).roll(1, 0),
        torch.eye(24, 3, dtype=torch.float64),
        of_zeros_and_ones(30, 4).mT,
        torch.eye(30, 4, dtype=torch.float64) + 1e-9 * of_zeros_and_ones(30, 4),
    ):  # fmt: skip
        expected = kernels.qr(whole)
        for factor, upper in found(engine.qr, whole, ranks):
            assert_close(upper, expected[1])
            assert_close(factor, expected[0])


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("full", [False, True])
def test_svd_reconstructs(ranks: int, dtype: torch.dtype, *, full: bool) -> None:
    for shape in ANY_SHAPES:
        whole = made(shape, dtype)
        expected = torch.linalg.svd(whole, full_matrices=full)
        for left, values, right in found(lambda block: engine.svd(block, full_matrices=full), whole, ranks):
            assert (left.shape, right.shape) == (expected.U.shape, expected.Vh.shape)
            assert_orthonormal(left)
            assert_orthonormal(right.mH)
            assert_close(values, expected.S)
            count = values.shape[-1]
            assert_close((left[..., :count] * values[..., None, :]) @ right[..., :count, :], whole)


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("ranks", RANKS)
def test_singular_values_ranks_and_pseudo_inverses(ranks: int) -> None:
    for shape in ANY_SHAPES:
        whole = made(shape, torch.complex128)
        if whole.numel():
            whole[..., -1, :] = whole[..., 0, :]
        for (values,) in found(engine.svdvals, whole, ranks):
            assert_close(values, torch.linalg.svdvals(whole))
        for (rank,) in found(engine.matrix_rank, whole, ranks):
            assert torch.equal(rank, torch.linalg.matrix_rank(whole))
        for (inverse,) in found(engine.pinv, whole, ranks):
            assert_close(inverse, torch.linalg.pinv(whole, rtol=max(shape[-2:]) * 2.3e-16), scale=10)


@pytest.mark.parametrize("ranks", RANKS)
def test_tolerances_may_be_arrays(ranks: int) -> None:
    whole = torch.diag_embed(torch.tensor([[4.0, 2.0, 1.0], [4.0, 2.0, 1.0]]))
    tolerances = torch.tensor([0.3, 0.9])
    cases = partitions_of((2,), ranks)

    def ranks_of(block: Block) -> list[Block]:
        return [engine.matrix_rank(block, part_of(tolerances, each, block.device)) for each in cases]

    for results in found(ranks_of, whole, ranks):
        for result in results:
            assert result.tolist() == [2, 1]


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_determinants_and_inverses(ranks: int, dtype: torch.dtype) -> None:
    for shape in SQUARE_SHAPES:
        whole = made(shape, dtype) + 3 * torch.eye(shape[-1], dtype=dtype)
        for (determinant,) in found(engine.det, whole, ranks):
            assert_close(determinant, torch.linalg.det(whole))
        expected = torch.linalg.slogdet(whole)
        for sign, logarithm in found(engine.slogdet, whole, ranks):
            assert_close(sign, expected.sign)
            assert_close(logarithm, expected.logabsdet)
        for (inverse,) in found(engine.inv, whole, ranks):
            assert_close(inverse, torch.linalg.inv(whole), scale=10)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_determinants_do_not_overflow_on_the_way(ranks: int, dtype: torch.dtype) -> None:
    far = 2.0 ** (345 if dtype == torch.complex128 else 43)
    scales = torch.tensor([far, far, far, 1 / far, 1 / far, 1 / far, 1.0], dtype=dtype)
    whole = made((7, 7), dtype) + 3 * torch.eye(7, dtype=dtype)
    for (determinant,) in found(engine.det, whole * scales, ranks):
        assert_close(determinant, torch.linalg.det(whole), scale=10)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(
    ("matrix_shape", "side_shape"),
    [
        ((7, 7), (7,)),
        ((7, 7), (7, 5)),
        ((6, 6), (6, 1)),
        ((2, 5, 5), (5, 2)),
        ((4, 4), (2, 4, 3)),
        ((3, 3, 3), (3, 3)),
        ((3, 1, 2, 2), (4, 2, 2)),
        ((2, 3, 3), (3,)),
        ((0, 0), (0, 3)),
    ],
)
def test_solutions_under_every_pair_of_partitions(ranks: int, matrix_shape: Shape, side_shape: Shape) -> None:
    matrix = made(matrix_shape, torch.float64) + 3 * torch.eye(matrix_shape[-1], dtype=torch.float64)
    side = made(side_shape, torch.float64)
    if side.ndim == 1:
        expected = (torch.linalg.inv(matrix) @ side[:, None])[..., 0]
    else:
        expected = torch.linalg.inv(matrix) @ side
    cases = partitions_of(side_shape, ranks)

    def solutions(block: Block) -> list[Block]:
        return [engine.solve(block, part_of(side, each, block.device)) for each in cases]

    for results in found(solutions, matrix, ranks):
        for result in results:
            assert_close(result, expected, scale=10)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_eigenvectors_satisfy_their_equation(ranks: int, dtype: torch.dtype) -> None:
    for shape in SQUARE_SHAPES:
        whole = definite(shape, dtype)
        for values, vectors in found(engine.eigh, whole, ranks):
            assert_close(whole @ vectors, vectors * values[..., None, :])
            assert_orthonormal(vectors)
        for (values,) in found(engine.eigvalsh, whole, ranks):
            assert_close(values, torch.linalg.eigvalsh(whole))
        general = made(shape, dtype)
        for values, vectors in found(engine.eig, general, ranks):
            assert_close(general.to(vectors.dtype) @ vectors, vectors * values[..., None, :], scale=10)
        for (values,) in found(engine.eigvals, general, ranks):
            assert values.dtype == dtype.to_complex()
            assert_close(
                values.sum(-1), general.diagonal(dim1=-2, dim2=-1).sum(-1).to(values.dtype), scale=10
            )


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("exponent", [-2, 0, 1, 5])
def test_matrix_powers(ranks: int, exponent: int) -> None:
    for shape in [(5, 5), (2, 4, 4)]:
        whole = made(shape, torch.float64) / 2 + torch.eye(shape[-1], dtype=torch.float64)
        for (power,) in found(lambda block: engine.matrix_power(block, exponent), whole, ranks):
            assert_close(power, torch.linalg.matrix_power(whole, exponent), scale=10)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("order", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms(ranks: int, order: norms.MatrixOrder) -> None:
    for shape in [(7, 5), (3, 9), (2, 5, 4), (4, 3, 3)]:
        whole = made(shape, torch.complex128)
        expected = torch.linalg.matrix_norm(whole, order)
        for plain, kept in found(
            lambda block: (norms.matrix_norm(block, order), norms.matrix_norm(block, order, keepdims=True)),
            whole,
            ranks,
        ):
            assert_close(plain, expected)
            assert_close(kept, expected[..., None, None])


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("order", [0, 1, 2, 3.5, -1, -2, 0.5, np.inf, -np.inf])
def test_vector_norms(ranks: int, order: float) -> None:
    whole = made((5, 4, 3), torch.float32)
    whole[1, 2, 0] = 0
    for axes in [(0,), (2,), (0, 2), (0, 1, 2)]:
        expected = torch.linalg.vector_norm(whole.double(), order, dim=axes, keepdim=True).float()
        for (norm,) in found(partial(norms.vector_norm, axes=axes, order=order, keepdims=True), whole, ranks):
            assert_close(norm, expected)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("offset", [-9, -3, -1, 0, 1, 2, 7])
def test_diagonals_and_traces_stay_where_they_are(ranks: int, offset: int) -> None:
    for shape in [(5, 7), (7, 5), (2, 4, 4), (0, 3), (3, 1)]:
        whole = torch.arange(int(np.prod(shape))).reshape(shape)
        expected = torch.from_numpy(np.diagonal(whole.numpy(), offset, -2, -1).copy())
        for (diagonal,) in found(lambda block: norms.diagonal(block, offset), whole, ranks):
            assert torch.equal(diagonal, expected)
        for (diagonals,) in found(lambda block: norms.trace(block, offset, torch.int64), whole, ranks):
            assert torch.equal(diagonals, expected.sum(-1))


FAILURES = {
    "cholesky": (engine.cholesky, lambda whole: -whole, "positive definite"),
    "inv": (engine.inv, torch.zeros_like, "singular"),
    "solve": (lambda block: engine.solve(block, block), torch.zeros_like, "singular"),
    "eigh": (engine.eigh, lambda whole: whole / 0, "finite"),
    "eigvals": (engine.eigvals, lambda whole: whole * float("nan"), "finite"),
    "svd": (engine.svd, lambda whole: whole * float("nan"), "finite"),
    "svdvals": (engine.svdvals, lambda whole: whole * float("nan"), "finite"),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("shape", [(5, 5), (4, 3, 3)])
def test_a_matrix_that_fails_fails_on_every_rank_alike(name: str, shape: Shape) -> None:
    function, spoil, message = FAILURES[name]
    whole = definite(shape, torch.float64)
    # The last matrix alone is bad where there are several.
    bad = whole.clone()
    if len(shape) > 2:
        bad[-1] = spoil(whole[-1])
    else:
        bad = spoil(whole)

    def body(device: Device) -> list[str]:
        messages = []
        for partition in partitions_of(shape, device.ranks):
            with pytest.raises(np.linalg.LinAlgError, match=message) as caught:
                function(part_of(bad, partition, device))
            messages.append(str(caught.value))
        return messages

    messages = {message for each in on_ranks(3, body) for message in each}
    assert len(messages) == 1


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("ranks", MORE_RANKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("complete", [False, True])
def test_a_nan_is_lost_in_no_column_and_spreads_to_the_right_as_in_numpy(
    ranks: int, dtype: torch.dtype, *, complete: bool
) -> None:
    places = {(12, 1): (0, 0), (40, 1): (7, 0), (14, 2): (0, 0), (26, 3): (9, 1), (1, 9): (0, 4), (7, 7): (3, 2),
              (6, 6): (1, 5), (2, 14): (1, 0), (5, 14): (2, 4), (3, 10, 2): (1, 4, 0)}  # fmt: skip
    for shape, place in places.items():
        whole = made(shape, dtype)
        whole[place] = torch.nan
        expected = np.linalg.qr(whole.numpy(), "complete" if complete else "reduced")
        for results in found(partial(engine.qr, complete=complete), whole, ranks):
            for each, truth in zip(results, expected, strict=True):
                np.testing.assert_array_equal(np.isnan(each.numpy()), np.isnan(truth), str(shape))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_hermitian_eigenvalues_read_the_lower_triangles_alone(dtype: torch.dtype) -> None:
    whole = definite((5, 5), dtype)
    spoiled = whole.masked_fill(torch.ones(5, 5, dtype=torch.bool).triu(1), torch.nan)
    expected = torch.linalg.eigvalsh(whole)
    for (values,) in found(engine.eigvalsh, spoiled, 3):
        assert_close(values, expected)
    for values, _ in found(engine.eigh, spoiled, 3):
        assert_close(values, expected)


def test_no_equations_are_solved_by_any_matrix() -> None:
    sides = torch.empty(0, 3, 2, dtype=torch.float64)

    def solved(block: Block) -> Block:
        return engine.solve(block, part_of(sides, Partition(None, None), block.device))

    for (result,) in found(solved, torch.zeros(1, 3, 3, dtype=torch.float64), 3):
        assert result.shape == (0, 3, 2)


@pytest.mark.usefixtures("merging")
@pytest.mark.parametrize("function", [engine.svdvals, engine.svd, engine.pinv, engine.matrix_rank])
def test_one_nan_in_a_long_column_is_refused(function: Callable[[Block], Block]) -> None:
    for shape in ((40, 1), (1, 40)):
        for place in (0, 7):
            whole = made(shape, torch.float64)
            whole.view(-1)[place] = torch.nan
            with pytest.raises(np.linalg.LinAlgError, match="finite matrices"):
                list(found(function, whole, 3))


def test_nan_gives_nan_where_nothing_iterates() -> None:
    whole = definite((6, 6), torch.float64)
    whole[2, 3] = float("nan")
    for function in (engine.det, engine.slogdet, engine.inv, engine.qr, lambda a: engine.solve(a, a)):
        for results in found(function, whole, 3):
            assert all(bool(result.isnan().any()) for result in results)


def test_one_rank_is_never_given_more_than_it_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ONE_RANK_NBYTES", 100)
    monkeypatch.setattr(rules, "COPY_NBYTES", -1)

    def body(device: Device) -> str:
        block = part_of(torch.eye(6), Partition.even(0, 6, device.ranks), device)
        with pytest.raises(MemoryError, match="up to 100 bytes") as caught:
            engine.eigh(block)
        return str(caught.value)

    assert len(set(on_ranks(2, body))) == 1


@pytest.mark.parametrize("shape", [(14, 6), (6, 14)])
def test_one_rank_is_given_the_triangle_of_a_matrix_that_is_not_square(
    shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(shape, torch.float64)
    functions = (engine.svd, partial(engine.svd, full_matrices=True), engine.svdvals, engine.pinv)
    monkeypatch.setattr(rules, "COPY_NBYTES", -1)
    # Six columns of six, and not the whole of 14 by 6.
    monkeypatch.setattr(rules, "ONE_RANK_NBYTES", 6 * 6 * 8)
    for function in functions:
        assert len(list(found(function, whole, 3))) > 1
    monkeypatch.setattr(rules, "ONE_RANK_NBYTES", 6 * 6 * 8 - 1)

    def body(device: Device) -> list[str]:
        messages = []
        for function in functions:
            with trace() as taken, pytest.raises(MemoryError, match="to one rank, got 288 bytes") as caught:
                function(part_of(whole, Partition.even(0, shape[0], device.ranks), device))
            assert taken.collectives == []
            messages.append(str(caught.value))
        return messages

    assert len({tuple(each) for each in on_ranks(3, body)}) == 1


@pytest.mark.parametrize(
    ("function", "shape"),
    [(engine.cholesky, (3, 4)), (engine.det, (3,)), (engine.inv, ()), (engine.qr, (3,)), (engine.svd, (3,))],
)
def test_shapes_are_refused_before_anything_moves(
    function: Callable[[Block], Block | Sequence[Block]], shape: Shape
) -> None:
    def body(device: Device) -> None:
        with pytest.raises(ValueError, match="matrices of shape"):
            function(part_of(torch.zeros(shape), Partition(None), device))

    on_ranks(1, body)


def _backward_error(product: torch.Tensor, whole: torch.Tensor) -> float:
    return float((product - whole).norm() / whole.norm())


@pytest.mark.parametrize("kind", ["random", "graded", "nearly singular"])
def test_backward_errors_are_those_of_lapack(kind: str) -> None:
    """Within ten times the error of LAPACK on the whole matrix."""
    n = 96
    whole = made((n, n), torch.float64)
    if kind == "graded":
        whole = whole * torch.logspace(0, -12, n, dtype=torch.float64)
    elif kind == "nearly singular":
        whole[:, -1] = whole[:, :-1].sum(1) + 1e-12 * whole[:, -1]
    side = made((n, 3), torch.float64)
    tall = whole.reshape(n * n // 8, 8)
    positive = whole @ whole.mT + torch.eye(n, dtype=torch.float64) * 1e-6

    def body(device: Device) -> dict[str, list[Block]]:
        def cut(matrix: torch.Tensor) -> Block:
            return part_of(matrix, Partition.even(0, matrix.shape[0], device.ranks), device)

        return {
            "qr": list(engine.qr(cut(whole))),
            "tall qr": list(engine.qr(cut(tall))),
            "tall svd": list(engine.svd(cut(tall))),
            "cholesky": [engine.cholesky(cut(positive))],
            "solve": [engine.solve(cut(whole), cut(side))],
        }

    results = on_ranks(4, body)
    shared = {
        name: [joined(parts) for parts in zip(*(each[name] for each in results), strict=True)]
        for name in results[0]
    }
    alone = {
        "qr": list(torch.linalg.qr(whole)),
        "tall qr": list(torch.linalg.qr(tall)),
        "tall svd": list(torch.linalg.svd(tall, full_matrices=False)),
        "cholesky": [torch.linalg.cholesky(positive)],
        "solve": [torch.linalg.solve(whole, side)],
    }

    def error(name: str, factors: list[torch.Tensor]) -> float:
        if name == "cholesky":
            return _backward_error(factors[0] @ factors[0].mT, positive)
        if name == "solve":
            residual = whole @ factors[0] - side
            return float(residual.norm() / (whole.norm() * factors[0].norm()))
        middle = (
            torch.diag(factors[1])
            if name == "tall svd"
            else torch.eye(factors[0].shape[-1], dtype=torch.float64)
        )
        return _backward_error(factors[0] @ middle @ factors[-1], whole if name == "qr" else tall)

    for name, factors in shared.items():
        assert error(name, factors) <= 10 * max(error(name, alone[name]), 2**-53), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("shape", [(45, 30), (30, 45)])
def test_backward_errors_of_inverses_and_singular_values_are_those_of_lapack(
    dtype: torch.dtype, shape: Shape
) -> None:
    """Within ten times the error of LAPACK on the whole matrix, or the rounding of its data type."""
    square, whole = made((40, 40), dtype), made(shape, dtype)
    functions: dict[str, tuple[Callable[[Block], Block | Sequence[Block]], torch.Tensor]] = {
        "inv": (engine.inv, square),
        "slogdet": (engine.slogdet, square),
        "svd": (engine.svd, whole),
        "full svd": (partial(engine.svd, full_matrices=True), whole),
        "svdvals": (engine.svdvals, whole),
        "pinv": (engine.pinv, whole),
    }
    alone: dict[str, Sequence[torch.Tensor]] = {
        "inv": [torch.linalg.inv(square)],
        "slogdet": torch.linalg.slogdet(square),
        "svd": torch.linalg.svd(whole, full_matrices=False),
        "full svd": torch.linalg.svd(whole),
        "svdvals": [torch.linalg.svdvals(whole)],
        "pinv": [torch.linalg.pinv(whole)],
    }
    exact_sign, exact_logarithm = torch.linalg.slogdet(square.to(torch.complex128))
    exact_values = torch.linalg.svdvals(whole.to(torch.complex128))
    eps = torch.finfo(dtype).eps

    def error(name: str, results: Sequence[torch.Tensor]) -> float:
        first = results[0]
        if name == "inv":
            residual = square @ first - torch.eye(40, dtype=dtype)
            return float(residual.norm() / (square.norm() * first.norm()))
        if name == "slogdet":
            return float(max(abs(first - exact_sign), abs(results[1] - exact_logarithm)) / 40)
        if name == "svdvals":
            return float((first - exact_values).norm() / exact_values.norm())
        if name == "pinv":
            return float((whole @ first @ whole - whole).norm() / (whole.norm() ** 2 * first.norm()))
        left, values, right = results
        count = values.shape[-1]
        identities = [left.mH @ left, right @ right.mH]
        skew = max(float((each - torch.eye(each.shape[0])).norm()) for each in identities)
        product = (left[:, :count] * values) @ right[:count]
        return max(_backward_error(product, whole), skew / 40)

    for name, (function, matrix) in functions.items():
        for results in found(function, matrix, 4):
            assert error(name, results) <= 10 * max(error(name, alone[name]), eps), name
