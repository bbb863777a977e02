"""What contractions, transforms and factorizations communicate, counted: collectives, messages and bytes sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from harness import on_ranks, part_of

from array_api_dist import _fourier, _matrices
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist.collectives.trace import trace
from array_api_dist.engine import contraction, factorization, fourier, norms
from array_api_dist.engine.transforms import FFT, IRFFT, RFFT

RANKS = [2, 3, 4, 8]
Counted = dict[str, tuple[int, int, int]]


def counted(ranks: int, body: Callable[[Device], object]) -> list[Counted]:
    """Return, for each rank, (calls, messages, bytes sent) of each kind of collective."""

    def traced(device: Device) -> Counted:
        with trace() as found:
            body(device)
        total: Counted = {}
        for row in found.collectives:
            calls, messages, nbytes = total.get(row.collective, (0, 0, 0))
            total[row.collective] = (calls + row.calls, messages + row.messages, nbytes + row.bytes_sent)
        return total

    return on_ranks(ranks, traced)


def cut(shape: Shape, axis: int | None, device: Device, dtype: torch.dtype = torch.float64) -> Block:
    partition = REPLICATED if axis is None else Partition.even(axis, shape[axis], device.ranks)
    whole = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(7))
    return part_of(whole, partition, device)


@pytest.mark.parametrize("ranks", RANKS)
def test_aligned_products_communicate_nothing(ranks: int) -> None:
    def body(device: Device) -> None:
        rows, batch = cut((64, 5), 0, device), cut((16, 4, 4), 0, device)
        contraction.matmul(rows, cut((5, 3), None, device))
        contraction.matmul(batch, batch)
        contraction.matmul(cut((5, 64), None, device), cut((64, 16), 1, device))
        contraction.vecdot(rows, rows)
        contraction.tensordot(rows, cut((3, 5), None, device), ([1], [1]))

    assert counted(ranks, body) == [{}] * ranks


@pytest.mark.parametrize("ranks", RANKS)
def test_a_product_over_the_partitioned_axes_is_one_allreduce_of_the_result(ranks: int) -> None:
    def body(device: Device) -> None:
        contraction.matmul(cut((6, 640), 1, device), cut((640, 4), 0, device))

    assert counted(ranks, body) == [{"allreduce": (1, 1, 6 * 4 * 8)}] * ranks


@pytest.mark.parametrize("ranks", RANKS)
def test_a_large_sum_sends_each_slab_on_once(ranks: int) -> None:
    n = 48 * 8

    def body(device: Device) -> None:
        contraction.matmul(cut((n, n), 1, device), cut((n, n), 0, device))

    slab = n // ranks * n * 8
    assert counted(ranks, body) == [{"shift": (ranks - 1, ranks - 1, (ranks - 1) * slab)}] * ranks


@pytest.mark.parametrize("ranks", RANKS)
def test_a_large_operand_goes_round_once(ranks: int) -> None:
    n = 48 * 8

    def body(device: Device) -> None:
        contraction.matmul(cut((n, n), 0, device), cut((n, n), 0, device))

    part = n // ranks * n * 8
    assert counted(ranks, body) == [{"shift": (ranks - 1, ranks - 1, (ranks - 1) * part)}] * ranks


@pytest.mark.parametrize("ranks", RANKS)
def test_a_small_operand_is_gathered_once(ranks: int) -> None:
    def body(device: Device) -> None:
        contraction.matmul(cut((6400, 16), 0, device), cut((16, 8), 0, device))

    counts = Partition.even(0, 16, ranks).counts
    assert counted(ranks, body) == [{"allgather": (1, 1, count * 8 * 8)} for count in counts]


def _exchanges(ranks: int, body: Callable[[Device], object]) -> tuple[set[int], int]:
    """Return how many exchanges each rank took part in, and the most bytes that one sent."""
    found = counted(ranks, body)
    assert all(set(each) == {"exchange"} for each in found)
    return {each["exchange"][0] for each in found}, max(each["exchange"][2] for each in found)


@pytest.mark.parametrize("ranks", RANKS)
def test_transforms_exchange_twice_with_lanes(ranks: int) -> None:
    exchanges, nbytes = _exchanges(
        ranks, lambda device: fourier.transform(FFT, cut((32, 8), 0, device, torch.complex128), 0)
    )
    assert exchanges == {2}
    assert nbytes <= 2 * 32 * 8 * 16 / ranks


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize(("rule", "width"), [(FFT, 3 * 16), (RFFT, 8 + 16 + 8), (IRFFT, 16 + 16 + 8)])
def test_one_long_axis_exchanges_three_times(ranks: int, rule: fourier.Transform, width: int) -> None:
    points = 1 << 17
    dtype = torch.float64 if rule is RFFT else torch.complex128
    length = points // 2 + 1 if rule is IRFFT else points
    exchanges, nbytes = _exchanges(
        ranks, lambda device: fourier.transform(rule, cut((length,), 0, device, dtype), 0)
    )
    assert exchanges == {3}
    assert nbytes <= width * (points / ranks) * 1.01


@pytest.mark.parametrize("ranks", RANKS)
def test_a_prime_number_of_points_exchanges_five_times(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points = 4099
    split = Partition.even(0, points, ranks)
    plan = _fourier.plan((points,), split, 0, points, ranks, 0)
    monkeypatch.setattr(_fourier, "plan", lambda *_: plan)
    exchanges, nbytes = _exchanges(
        ranks, lambda device: fourier.transform(FFT, cut((points,), 0, device, torch.complex128), 0)
    )
    assert exchanges == {5}
    # The points go in and out once; the padded ones, at most four times as many, twice, and the chirp's once.
    assert nbytes <= 16 * (2 + 3 * 4) * points / ranks * 1.01


@pytest.mark.parametrize("ranks", RANKS)
def test_tall_skinny_factors_gather_their_triangles_once(ranks: int) -> None:
    def body(device: Device) -> None:
        block = cut((16_000, 16), 0, device)
        factorization.qr(block)
        factorization.svd(block)
        factorization.matrix_rank(block)

    triangle, signs = 16 * 16 * 8, 16 * 8
    first, *others = counted(ranks, body)
    assert first == {"allgather": (3, 3, 3 * triangle), "broadcast": (1, 1, signs)}
    assert others == [{"allgather": (3, 3, 3 * triangle), "broadcast": (1, 1, 0)}] * (ranks - 1)


@pytest.mark.parametrize("ranks", RANKS)
def test_large_triangles_climb_a_tree(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_matrices, "TREE_NBYTES", 0)
    levels = (ranks - 1).bit_length()
    triangle = 16 * 16 * 8
    for each in counted(ranks, lambda device: factorization.qr(cut((16_000, 16), 0, device))):
        calls, messages, nbytes = each["exchange"]
        assert calls == 2 * levels
        assert messages <= levels + 1
        assert nbytes <= (levels + 1) * triangle
        # Of R, and of the signs of its diagonal.
        assert each["broadcast"][0] == 2


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("axis", [0, 1])
def test_shared_square_matrices_send_quadratic_bytes(
    ranks: int, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = 64
    monkeypatch.setattr(_matrices, "COPY_NBYTES", 0)
    monkeypatch.setattr(_matrices, "PANEL_WIDTH", 8)

    def definite(device: Device) -> Block:
        partition = Partition.even(axis, n, device.ranks)
        return part_of(torch.eye(n, dtype=torch.float64) * n + 1, partition, device)

    pivots = n * 4
    for function, elements in [
        (factorization.cholesky, n * (n + 8) // 2),
        (factorization.det, n * (n + 8) // 2),
        (factorization.inv, n * (n + 8)),
        (lambda block: factorization.solve(block, block), n * (n + 8)),
        (factorization.qr, 2 * n * (n + 8) // 2 + 2 * n),
    ]:
        found = counted(ranks, lambda device, function=function: function(definite(device)))
        sent = sum(each["broadcast"][2] for each in found)
        assert sent <= elements * 8 + pivots
        assert all("allgather" not in each for each in found)


@pytest.mark.parametrize("ranks", RANKS)
def test_batches_move_to_a_batch_axis_once(ranks: int) -> None:
    def body(device: Device) -> None:
        factorization.inv(cut((16, 4, 4), None, device))
        factorization.eigvalsh(cut((16, 4, 4), None, device))
        norms.diagonal(cut((5, 9), 1, device))

    assert counted(ranks, body) == [{}] * ranks
    moved = counted(ranks, lambda device: factorization.det(cut((16, 8, 8), 2, device)))
    assert all(each["exchange"][0] == 1 for each in moved)
    assert all(each["exchange"][2] <= 16 * 64 * 8 / ranks for each in moved)


@pytest.mark.parametrize("ranks", RANKS)
def test_norms_and_traces_are_one_small_collective(ranks: int) -> None:
    def body(device: Device) -> None:
        norms.vector_norm(cut((64, 3), 0, device), (0,))
        norms.trace(cut((64, 64), 0, device), 0, torch.float64)

    assert counted(ranks, body) == [{"allreduce": (2, 2, 3 * 8 + 8)}] * ranks
