"""torch lacks many moves of unsigned types: the signed type of the same width has the same bits."""

from __future__ import annotations

from typing import Final

import torch

INTEGERS: Final = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The signed integers of each width in bytes."""

SIGNED: Final = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def movable(tensor: torch.Tensor) -> torch.Tensor:
    """Return a view of ``tensor`` in a type that torch can move in every way."""
    signed = SIGNED.get(tensor.dtype)
    return tensor if signed is None else tensor.view(signed)


def add_to(total: torch.Tensor, term: torch.Tensor) -> None:
    """Add ``term`` to ``total``, in place.

    torch can't add the wider unsigned types; two's complement sums are the same bits. Of complex numbers it adds
    ``alpha * term`` with a complex ``alpha`` of 1, which turns one infinite component into two NaNs.
    """
    if total.is_complex():
        torch.view_as_real(total).add_(torch.view_as_real(term.resolve_conj()))
    else:
        movable(total).add_(movable(term))


def moved_back(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a view of what was moved in its own type."""
    return tensor if tensor.dtype == dtype else tensor.view(dtype)
