"""The standard's Fourier transforms. Standard: 2025.12, extension fft.

A transform communicates only when its axis is partitioned: 2 exchanges (to another axis that is at least P long, and
back); one allgather for a lone axis of up to 1 MiB; else the four-step algorithm (Bailey 1990), 3 exchanges, or, where
the number of points has no two factors of at least P, a convolution (Bluestein 1970), 5 exchanges.
Extra memory is O(local part) (four times it for a convolution); transforms of several axes run the others first.
"""

from __future__ import annotations

from collections.abc import Sequence

from array_api_dist import _dtypes as _dt
from array_api_dist import _host_values, _validation
from array_api_dist._arguments import integer as _integer
from array_api_dist._array import Array
from array_api_dist._device import Device
from array_api_dist._dtypes import DType
from array_api_dist._fourier import Norm
from array_api_dist._shapes import normalize_axes as _normalize_axes
from array_api_dist._shapes import normalize_axis as _normalize_axis
from array_api_dist.engine import fourier as _fourier
from array_api_dist.engine import rearrangement as _rearrangement
from array_api_dist.engine import transforms as _rules
from array_api_dist.partition import placement_for as _placement_for

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def _one(rule: _rules.Transform, x: Array, n: int | None, axis: int, norm: Norm) -> Array:
    block = _validation.block_of(x, _accepted(rule), rule.name)
    along = _normalize_axis(axis, block.ndim)
    points = None if n is None else _integer(n, "n")
    if points is not None and points > 0:
        _validation.new_shape((*block.shape[:along], points, *block.shape[along + 1 :]))
    return Array._from_block(_fourier.transform(rule, block, along, points, norm))


def _accepted(rule: _rules.Transform) -> frozenset[DType]:
    return _dt.REAL_FLOATING if rule.half_output else _dt.COMPLEX_FLOATING


def _numbers(s: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(s, Sequence):
        raise TypeError(f"s must be a sequence of integers or None, got {type(s).__name__}")
    return tuple(_integer(points, "a number of points in s") for points in s)


def _several(
    rule: _rules.Transform,
    function: str,
    x: Array,
    s: Sequence[int] | None,
    axes: Sequence[int] | None,
    norm: Norm,
) -> Array:
    block = _validation.block_of(x, _accepted(rule), function)
    along = _normalize_axes(axes, block.ndim)
    points: Sequence[int | None] = (None,) * len(along) if s is None else _numbers(s)
    if s is not None and axes is None:
        raise ValueError(f"{function} takes s with axes only, got s={points} and axes=None")
    if len(points) != len(along):
        raise ValueError(f"{function} takes as many axes as numbers in s, got {len(along)} and {len(points)}")
    if not along and (rule.half_input or rule.half_output):
        raise ValueError(f"{function} needs at least one axis to transform, got shape {block.shape}")
    return Array._from_block(_fourier.transform_axes(rule, block, along, points, norm))


def fft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """Return the discrete Fourier transform along ``axis``.

    Parameters
    ----------
    x : Array, shape (..., M, ...), complex
    n : int, optional
        The number of points: the axis is trimmed or padded with zeros to it. M by default.
    axis : int, optional
    norm : {"backward", "ortho", "forward"}, optional
        Unscaled, divided by sqrt(n), or by n.

    Returns
    -------
    Array, shape (..., n, ...), partitioned as ``x`` (evenly, where n differs from M)

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _one(_rules.FFT, x, n, axis, norm)


def ifft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """Return the inverse transform of ``fft`` along ``axis``: parameters and result as there.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _one(_rules.IFFT, x, n, axis, norm)


def fftn(
    x: Array, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Norm = "backward"
) -> Array:
    """Return the discrete Fourier transform along several axes.

    Parameters
    ----------
    x : Array, complex
    s : sequence of int, optional
        The number of points of each of ``axes``; -1 for the axis' own length.
    axes : sequence of int, optional
        All by default; required with ``s``.
    norm : {"backward", "ortho", "forward"}, optional
        Unscaled, divided by the root of the product of ``s``, or by it.

    Returns
    -------
    Array

    Raises
    ------
    TypeError, ValueError
        On every rank, before communication.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _several(_rules.FFT, "fftn", x, s, axes, norm)


def ifftn(
    x: Array, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Norm = "backward"
) -> Array:
    """Return the inverse transform of ``fftn``: parameters and result as there.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _several(_rules.IFFT, "ifftn", x, s, axes, norm)


def rfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """Return the first n // 2 + 1 points of the transform of real ``x`` along ``axis``.

    The others are their conjugates, mirrored. Parameters as ``fft``; half of the bytes at the start.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _one(_rules.RFFT, x, n, axis, norm)


def irfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """Return the real inverse transform of ``rfft`` along ``axis``, at n = 2 * (M - 1) points by default.

    Other parameters as ``fft``; half of the bytes at the end.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _one(_rules.IRFFT, x, n, axis, norm)


def rfftn(
    x: Array, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Norm = "backward"
) -> Array:
    """Return the transform of real ``x`` along several axes, half of it on the last one. Else as ``fftn``.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _several(_rules.RFFT, "rfftn", x, s, axes, norm)


def irfftn(
    x: Array, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: Norm = "backward"
) -> Array:
    """Return the real inverse transform of ``rfftn``, with 2 * (M - 1) points on the last axis by default. Else as ``fftn``.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _several(_rules.IRFFT, "irfftn", x, s, axes, norm)


def hfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """Return the real transform of a signal with Hermitian symmetry, of which ``x`` is the first half.

    At n = 2 * (M - 1) points by default; other parameters as ``fft``.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _one(_rules.HFFT, x, n, axis, norm)


def ihfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward") -> Array:
    """Return the first n // 2 + 1 points of the inverse transform of real ``x``: the inverse of ``hfft``.

    Notes
    -----
    Communication: none unless a transformed axis is partitioned; then two exchanges when another axis is at
    least P long; one allgather of a lone axis up to 1 MiB; else three exchanges (four-step, Bailey 1990), or
    five where the number of points has no two factors of at least P (Bluestein 1970).
    """
    return _one(_rules.IHFFT, x, n, axis, norm)


def _frequencies(
    n: int, d: float, dtype: DType | None, device: Device | None, function: str, *, half: bool
) -> Array:
    wanted = _dt.DEFAULT_FLOAT if dtype is None else _validation.dtype_checked(dtype)
    if wanted not in _dt.REAL_FLOATING:
        raise TypeError(f"{function} gives a real floating-point data type, got {wanted}")
    points, spacing = _integer(n, "n"), float(_host_values.real_number(d, "d"))
    if points < 1:
        raise ValueError(f"{function} takes a positive number of points, got {points}")
    place = _validation.device_or_default(device)
    partition = _placement_for(_validation.new_shape((points // 2 + 1 if half else points,)), place)
    return Array._from_block(_fourier.frequencies(points, spacing, wanted, partition, place, half=half))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return the frequencies of the ``n`` points of ``fft``, for samples ``d`` apart. Communication: none."""
    return _frequencies(n, d, dtype, device, "fftfreq", half=False)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: DType | None = None, device: Device | None = None) -> Array:
    """Return the frequencies of the n // 2 + 1 points of ``rfft``, for samples ``d`` apart. Communication: none."""
    return _frequencies(n, d, dtype, device, "rfftfreq", half=True)


def _shifted(x: Array, axes: int | Sequence[int] | None, function: str, *, inverse: bool) -> Array:
    block = _validation.block_of(x, _dt.FLOATING, function)
    along = _normalize_axes(axes, block.ndim)
    shifts = [(block.shape[axis] + 1) // 2 if inverse else block.shape[axis] // 2 for axis in along]
    return Array._from_block(_rearrangement.roll(block, shifts, along))


def fftshift(x: Array, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """Return ``x`` with the zero frequency in the middle of ``axes`` (all by default).

    Communication: none unless a partitioned axis is concerned; then one exchange, in which each element moves
    at most once.
    """
    return _shifted(x, axes, "fftshift", inverse=False)


def ifftshift(x: Array, /, *, axes: int | Sequence[int] | None = None) -> Array:
    """Return ``x`` with the zero frequency back in front: the inverse of ``fftshift``.

    Notes
    -----
    Communication: none unless a partitioned axis is concerned; then one exchange, in which each element moves
    at most once.
    """
    return _shifted(x, axes, "ifftshift", inverse=True)
