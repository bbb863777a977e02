"""The kinds of discrete Fourier transforms: one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """A row: one kind of transform.

    Attributes
    ----------
    name : str
    local : callable
        torch's function, with ``n``, ``dim`` and ``norm``.
    inverse : bool
        Whether the exponent's sign is positive.
    half_input : bool
        Whether the input is half a Hermitian spectrum, and the result real.
    half_output : bool
        Whether the input is real, and the result half a Hermitian spectrum.
    """

    name: str
    local: Callable[..., torch.Tensor]
    inverse: bool = False
    half_input: bool = False
    half_output: bool = False

    def points(self, length: int) -> int:
        """Return at how many points an axis of ``length`` elements is transformed when nobody says."""
        return 2 * (length - 1) if self.half_input else length

    def result_length(self, points: int) -> int:
        """Return the length of the result's axis."""
        return points // 2 + 1 if self.half_output else points


FFT: Final = Transform("fft", torch.fft.fft)
IFFT: Final = Transform("ifft", torch.fft.ifft, inverse=True)
RFFT: Final = Transform("rfft", torch.fft.rfft, half_output=True)
IRFFT: Final = Transform("irfft", torch.fft.irfft, inverse=True, half_input=True)
HFFT: Final = Transform("hfft", torch.fft.hfft, half_input=True)
IHFFT: Final = Transform("ihfft", torch.fft.ihfft, inverse=True, half_output=True)
