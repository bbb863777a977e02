"""Who else sees a tensor's memory: what copy on write has to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch

_use_count: Final[Callable[[int], int] | None] = getattr(torch._C, "_storage_Use_Count", None)

# The tensor itself, and the wrapper through which the count is read.
_OWN_USES: Final = 2


def is_shared(tensor: torch.Tensor) -> bool:
    """Return whether another live tensor may see the memory of ``tensor`` (True where torch cannot tell)."""
    if _use_count is None or tensor.is_conj() or tensor.is_neg() or _overlaps_itself(tensor):
        return True
    storage = tensor.untyped_storage()
    return _use_count(storage._cdata) > _OWN_USES


def _overlaps_itself(tensor: torch.Tensor) -> bool:
    return any(
        stride == 0 and length > 1 for stride, length in zip(tensor.stride(), tensor.shape, strict=True)
    )


def unshared(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` if nobody else sees its memory, else a dense copy."""
    return tensor.clone(memory_format=torch.contiguous_format) if is_shared(tensor) else tensor
