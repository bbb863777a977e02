"""What a user gets wrong is refused before anything moves: the error names the argument, and is the same on every rank."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from harness import on_ranks

import array_api_dist as xp
from array_api_dist._device import Device, default_device_set
from array_api_dist.device import Device as PublicDevice
from array_api_dist.local import from_callback
from array_api_dist.partition import Partition, default_partition, repartition

Mistake: TypeAlias = Callable[[Any], object]
"""Takes a partitioned array of shape (4, 3)."""

NOT_FINITE = float("inf"), float("nan")

MISTAKES: list[tuple[str, type[Exception], Mistake]] = [
    # Axes
    ("axis must be an integer or a tuple of them, got 'rows'", TypeError, lambda x: xp.sum(x, axis="rows")),
    ("axis must be an integer, got 1.0", TypeError, lambda x: xp.sort(x, axis=1.0)),
    ("axis must be an integer, got ndarray", TypeError, lambda x: xp.max(x, axis=np.ones(2))),
    ("axis must be an integer, got None", TypeError, lambda x: xp.vecdot(x, x, axis=None)),
    ("axis must be an integer, got -1.0", TypeError, lambda x: xp.linalg.cross(x, x, axis=-1.0)),
    ("axis must be an integer or a tuple of them, got None", TypeError, lambda x: xp.permute_dims(x, None)),
    ("axis must be an integer or a tuple of them, got None", TypeError, lambda x: xp.squeeze(x[:1, :1], None)),
    ("axis must be an integer or a tuple of them, got None", TypeError, lambda x: xp.expand_dims(x, axis=None)),
    ("axis must be an integer or a tuple of them, got None", TypeError, lambda x: xp.moveaxis(x, None, 0)),
    ("axes, unless two sequences, must be an integer, got 1.0", TypeError, lambda x: xp.tensordot(x, x, axes=1.0)),
    ("an array without axes has none to name, got 0", ValueError, lambda x: xp.sum(xp.sum(x), axis=0)),
    ("axes must be an integer or two sequences", TypeError, lambda x: xp.tensordot(x, x, axes=(1, 1))),
    ("axes must be an integer or two sequences of integers, got 'all'", TypeError, lambda x: xp.tensordot(x, x, axes="all")),
    # Shapes and numbers
    ("a length of a shape must be an integer, got b'ab'", TypeError, lambda x: xp.zeros(b"ab")),
    ("a length of a shape must be an integer, got '43'", TypeError, lambda x: xp.reshape(x, "43")),
    ("a length of a shape must be an integer, got 2.0", TypeError, lambda x: xp.ones((2.0, 3))),
    ("a length of a shape must be an integer, got None", TypeError, lambda x: xp.empty(None)),
    ("k must be an integer, got 0.5", TypeError, lambda x: xp.tril(x, k=0.5)),
    ("k must be an integer, got None", TypeError, lambda x: xp.eye(3, k=None)),
    ("num must be an integer, got 5.0", TypeError, lambda x: xp.linspace(0, 1, 5.0)),
    ("repeats must be an integer, got list", TypeError, lambda x: xp.repeat(x, [1, 2], axis=0)),
    ("shift must be an integer, got 1.5", TypeError, lambda x: xp.roll(x, 1.5)),
    ("n must be an integer, got 1.0", TypeError, lambda x: xp.diff(x, n=1.0)),
    ("n must be an integer, got '2'", TypeError, lambda x: xp.linalg.matrix_power(x[:3, :], "2")),
    ("offset must be an integer, got 0.0", TypeError, lambda x: xp.linalg.diagonal(x, offset=0.0)),
    ("correction must be a real number, got None", TypeError, lambda x: xp.std(x, correction=None)),
    ("correction must be a real number, got 'n'", TypeError, lambda x: xp.var(x, correction="n")),
    ("ord must be a real number, got 1j", TypeError, lambda x: xp.linalg.vector_norm(x, ord=1j)),
    ("ord, unless 'fro' or 'nuc', must be a real number", TypeError, lambda x: xp.linalg.matrix_norm(x, ord=[1])),
    ("rtol must be a real number, got tuple", TypeError, lambda x: xp.linalg.pinv(x, rtol=(0.1,))),
    ("rtol must be a real number, got ndarray", TypeError, lambda x: xp.linalg.matrix_rank(x, rtol=np.ones(3))),
    ("a bound or a step must be a real number, got ndarray", TypeError, lambda x: xp.arange(np.ones(3))),
    ("the bounds of a range must be finite", ValueError, lambda x: xp.arange(NOT_FINITE[0])),
    ("the bounds of a range must be finite", ValueError, lambda x: xp.arange(0, 1, NOT_FINITE[1])),
    # Transforms
    ("n must be an integer, got 4.0", TypeError, lambda x: xp.fft.rfft(x, n=4.0, axis=0)),
    ("an array has at most", ValueError, lambda x: xp.fft.rfft(x, n=2**70, axis=0)),
    ("s must be a sequence of integers or None, got set", TypeError, lambda x: xp.fft.rfftn(x, s={4, 3}, axes=(0, 1))),
    ("a number of points in s must be an integer", TypeError, lambda x: xp.fft.rfftn(x, s=(4, 3.0), axes=(0, 1))),
    ("n must be an integer, got 5.5", TypeError, lambda x: xp.fft.fftfreq(5.5)),
    ("d must be a real number, got ndarray", TypeError, lambda x: xp.fft.rfftfreq(5, d=np.ones(3))),
    ("d must be a real number, got 1j", TypeError, lambda x: xp.fft.fftfreq(5, d=1j)),
    # One of a few words, and arrays in their place
    ("norm must be one of 'backward', 'ortho', 'forward', got Array", ValueError, lambda x: xp.fft.rfft(x, norm=x)),
    ("indexing must be one of 'xy', 'ij', got ndarray", ValueError, lambda x: xp.meshgrid(indexing=np.ones(2))),
    ("side must be one of 'left', 'right', got None", ValueError, lambda x: xp.searchsorted(x[0, :], x, side=None)),
    ("mode must be one of 'reduced', 'complete', got 'full'", ValueError, lambda x: xp.linalg.qr(x, mode="full")),
    ("the API version must be one of", ValueError, lambda x: x.__array_namespace__(api_version=x)),
    ("kind is a data type, a string or a tuple of them, got Array", TypeError, lambda x: xp.isdtype(x.dtype, x)),
    # Arrays of other libraries, and what is none
    ("dtype must be a data type of array_api_dist, got Array", TypeError, lambda x: xp.zeros(3, dtype=x)),
    ("dtype must be a data type of array_api_dist, got <class 'float'>", TypeError, lambda x: xp.zeros(3, dtype=float)),
    ("got torch.float32", TypeError, lambda x: xp.astype(x, torch.float32)),
    ("concat takes a sequence of arrays, got Tensor", TypeError, lambda x: xp.concat(torch.ones(2, 2))),
    ("stack takes a sequence of arrays, got Array", TypeError, xp.stack),
    ("asarray takes tensors of layout torch.strided", TypeError, lambda x: xp.asarray(torch.eye(2).to_sparse())),
    ("asarray takes tensors of layout torch.strided", TypeError, lambda x: xp.asarray(torch.ones(2, device="meta"))),
    ("max_version must be a tuple of two integers or None, got 1", TypeError, lambda x: x.__dlpack__(max_version=1)),
    ("dl_device must be a tuple of two integers or None, got tuple", TypeError, lambda x: x.__dlpack__(dl_device=())),
    ("copy must be True, False or None, got 1", TypeError, lambda x: x.__dlpack__(copy=1)),
    ("stream must be an integer or None, got 'main'", TypeError, lambda x: x.__dlpack__(stream="main")),
    # Beside the standard
    ("the kind of a device must be a string, got list", TypeError, lambda x: PublicDevice(["cpu"])),
    ("function must be callable, got None", TypeError, lambda x: from_callback((4, 3), None)),
    ("must give numbers or booleans, got tuple", TypeError, lambda x: from_callback(3, lambda index: index)),
    ("a partition is a Partition, an axis or None, got Array", TypeError, lambda x: repartition(x, x)),
    ("bounds must be a tuple of integers, got Array", TypeError, lambda x: Partition(0, x)),
    ("axis and bounds of a partition must be integers, got Array", TypeError, lambda x: Partition(x, (0, 4))),
    ("a placement is a policy, an axis or None, got Array", TypeError, lambda x: default_partition(x).__enter__()),
]  # fmt: skip


def _refusal(mistake: Mistake, x: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one the caller asks
        mistake(x)
    return caught.type.__name__, str(caught.value)


@pytest.mark.parametrize(("rule", "kind", "mistake"), MISTAKES, ids=[row[0] for row in MISTAKES])
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_mistake_is_told_alike_on_every_rank(
    ranks: int, rule: str, kind: type[Exception], mistake: Mistake
) -> None:
    def body(device: Device) -> tuple[str, str]:
        with default_device_set(device), default_partition("first"):
            return _refusal(mistake, xp.reshape(xp.arange(12.0), (4, 3)))

    found = on_ranks(ranks, body)
    assert set(found) == {found[0]}
    name, message = found[0]
    assert re.search(re.escape(rule), message)
    assert name in {kind.__name__, "AxisError"}


def test_a_stream_of_host_memory_is_refused() -> None:
    x = xp.ones(3, device=PublicDevice("cpu"))
    with pytest.raises(BufferError, match="stream must be None for host memory, got 1"):
        x.__dlpack__(stream=1)


def test_integers_of_numpy_are_integers() -> None:
    x = xp.reshape(xp.arange(12.0), (4, 3))
    assert xp.tensordot(x, x, axes=np.int64(2)).shape == ()
    assert xp.vecdot(x, x, axis=np.int8(-1)).shape == (4,)
    assert xp.fft.fftfreq(np.int64(5)).shape == (5,)
