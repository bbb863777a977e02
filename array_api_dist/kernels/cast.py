"""Conversions between the standard's data types."""

from __future__ import annotations

from typing import Final

import torch

# torch converts runs of memory shorter than this one element at a time.
_SHORT_RUN: Final = 1 << 5


def cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return ``tensor`` as ``dtype``; ``tensor`` itself when it already is of that type.

    Integers wrap, floating values lose their fraction, complex ones their imaginary part (the standard's
    ``astype`` refuses that before it comes here). torch's own conversion is right for all fourteen types, for
    unsigned integers of 2**63 and more as well, both ways.
    """
    if tensor.dtype == dtype:
        return tensor
    if tensor.is_complex() and not dtype.is_complex and dtype != torch.bool:
        return tensor.real.to(dtype)  # said aloud, so that torch does not warn
    if tensor.dtype == torch.bool and tensor.is_cpu and dtype.is_floating_point:
        # Whose loop is vectorised: an eighth of the time.
        tensor = tensor.view(torch.uint8)
    if tensor.ndim > 1 and tensor.is_cpu and _has_gaps(tensor):
        tensor = tensor.contiguous()
    return tensor.to(dtype)


def _has_gaps(tensor: torch.Tensor) -> bool:
    """Return whether short rows lie apart in memory."""
    return tensor.stride(-1) == 1 and tensor.shape[-1] < min(tensor.stride(-2), _SHORT_RUN)
