"""Fourier transforms under every partition, against torch's on the whole tensor."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
import scipy.fft
import torch
from harness import joined, on_ranks, part_of, partitions_of

from array_api_dist import _fourier as rules
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._fourier import Route
from array_api_dist._partition import Partition, Shape
from array_api_dist.engine import fourier
from array_api_dist.engine.transforms import FFT, HFFT, IFFT, IHFFT, IRFFT, RFFT, Transform

RULES = [FFT, IFFT, RFFT, IRFFT, HFFT, IHFFT]
RANKS = [1, 2, 3]


@pytest.fixture
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tiny arrays take the ways of large ones."""
    original = rules.plan

    def plan(shape: Shape, partition: Partition, axis: int, length: int, ranks: int) -> rules.Plan:
        return original(shape, partition, axis, length, ranks, 0)

    monkeypatch.setattr(rules, "plan", plan)


def made(rule: Transform, shape: Shape, *, double: bool = True) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    real = torch.float64 if double else torch.float32
    return torch.randn(shape, dtype=real if rule.half_output else real.to_complex(), generator=generator)


def transformed(
    rule: Transform, whole: torch.Tensor, ranks: int, axis: int, points: int | None, norm: str
) -> Iterator[torch.Tensor]:
    cases = partitions_of(tuple(whole.shape), ranks)

    def body(device: Device) -> list[Block]:
        return [fourier.transform(rule, part_of(whole, each, device), axis, points, norm) for each in cases]

    for result in zip(*on_ranks(ranks, body), strict=True):
        yield joined(result)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_transforms_of_small_arrays_under_every_partition(rule: Transform, ranks: int) -> None:
    for shape, axis in [((8,), 0), ((7,), 0), ((5, 6), 0), ((2, 9, 3), 1), ((3, 0, 4), 2)]:
        whole = made(rule, shape)
        for points, norm in product((None, 5, 12), ("backward", "ortho", "forward")):
            expected = rule.local(whole, n=points, dim=axis, norm=norm) if whole.numel() else None
            for found in transformed(rule, whole, ranks, axis, points, norm):
                if expected is not None:
                    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("nothing_is_small")
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("points", [None, 36, 64, 31, 97])
def test_one_long_axis_takes_four_steps_or_a_convolution(
    rule: Transform, ranks: int, points: int | None
) -> None:
    for shape, axis in [((60,), 0), ((2, 49), 1)]:
        whole = made(rule, shape)
        expected = rule.local(whole, n=points, dim=axis, norm="ortho")
        for found in transformed(rule, whole, ranks, axis, points, "ortho"):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def _error(found: torch.Tensor, truth: npt.NDArray[np.clongdouble]) -> float:
    difference = found.numpy().astype(np.clongdouble) - truth
    return float(np.linalg.norm(difference.view(np.longdouble)) / np.linalg.norm(truth.view(np.longdouble)))


@pytest.mark.usefixtures("nothing_is_small")
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("points", [4096, 3 * 5 * 7 * 11 * 8, 4099])
def test_four_steps_are_as_accurate_as_one(points: int, *, double: bool) -> None:
    whole = made(FFT, (points,), double=double)
    truth = scipy.fft.fft(whole.numpy().astype(np.clongdouble))
    bound = 4 * max(_error(torch.fft.fft(whole), truth), torch.finfo(whole.dtype).eps)
    for found in transformed(FFT, whole, 3, 0, None, "backward"):
        assert _error(found, truth) <= bound


@pytest.mark.usefixtures("nothing_is_small")
def test_points_near_the_largest_number_do_not_overflow_on_the_way() -> None:
    whole = made(FFT, (4099,), double=False) * 1e35
    expected = torch.fft.fft(whole)
    assert torch.isfinite(torch.view_as_real(expected)).all()
    for found in transformed(FFT, whole, 3, 0, None, "backward"):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.usefixtures("nothing_is_small")
@pytest.mark.parametrize("rule", [IRFFT, HFFT], ids=lambda rule: rule.name)
@pytest.mark.parametrize("points", [1, 2, 35, 36, 37])
@pytest.mark.parametrize("imaginary", [torch.nan, torch.inf, 1e30])
def test_the_points_that_a_hermitian_spectrum_has_once_count_as_real(
    rule: Transform, points: int, imaginary: float
) -> None:
    whole = made(rule, (19,))
    expected = rule.local(whole, n=points)
    for point in {0, points // 2} if points % 2 == 0 else {0}:
        whole[point] = torch.complex(whole[point].real, torch.tensor(imaginary, dtype=torch.float64))
    for found in transformed(rule, whole, 3, 0, points, "backward"):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("rule", [FFT, IFFT, RFFT, IRFFT], ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    ("axes", "points"), [((0, 1), (None, None)), ((2, 0), (4, 7)), ((0, 1, 2), (5, -1, 6)), ((1,), (3,))]
)
def test_transforms_of_several_axes(
    rule: Transform, ranks: int, axes: tuple[int, ...], points: tuple[int | None, ...]
) -> None:
    whole = made(rule, (5, 4, 6))
    reference = {
        "fft": torch.fft.fftn,
        "ifft": torch.fft.ifftn,
        "rfft": torch.fft.rfftn,
        "irfft": torch.fft.irfftn,
    }
    given = None if points == (None, None) else points
    expected = reference[rule.name](whole, s=given, dim=axes, norm="ortho")
    cases = partitions_of((5, 4, 6), ranks)

    def body(device: Device) -> list[Block]:
        return [
            fourier.transform_axes(rule, part_of(whole, each, device), axes, points, "ortho")
            for each in cases
        ]

    for result in zip(*on_ranks(ranks, body), strict=True):
        torch.testing.assert_close(joined(result), expected, rtol=1e-12, atol=1e-12)


def test_no_points_are_refused_on_every_rank() -> None:
    def body(device: Device) -> list[str]:
        messages = []
        for rule, shape, points in [(FFT, (0,), None), (IRFFT, (1,), None), (FFT, (4,), 0)]:
            block = part_of(made(rule, shape), Partition.even(0, shape[0], device.ranks), device)
            with pytest.raises(ValueError, match="point") as caught:
                fourier.transform(rule, block, 0, points)
            messages.append(str(caught.value))
        return messages

    first, second = on_ranks(2, body)
    assert first == second


def test_routes() -> None:
    split = Partition.even(0, 1 << 20, 4)
    assert rules.plan((1 << 20,), split, 0, 1 << 20, 4).route is Route.FOUR_STEP
    assert rules.plan((1 << 20, 3), split, 1, 3, 4).route is Route.LOCAL
    assert rules.plan((1 << 20, 8), split, 0, 1 << 20, 4).route is Route.LANES
    assert rules.plan((1 << 20,), split, 0, (1 << 20) + 7, 4).route is Route.CHIRP
    assert rules.plan((1024,), Partition.even(0, 1024, 4), 0, 1024, 4).route is Route.COPY
