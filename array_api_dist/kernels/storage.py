"""Who else sees a tensor's memory: what copy on write has to know."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import torch

_count_of_storage: Final[Callable[[int], int] | None] = getattr(torch._C, "_storage_Use_Count", None)
_count_of_tensor: Final[Callable[[torch.Tensor], int] | None] = getattr(torch.Tensor, "_use_count", None)

_Uses = tuple[int, int, int]


def _uses(tensor: torch.Tensor) -> _Uses | None:
    """Return how often storage, tensor and base are referred to; None where torch does not count.

    The storage tells of other tensors, the tensor of DLPack capsules, the base of who still has the tensor that this
    one is a view of.
    """
    if _count_of_storage is None or _count_of_tensor is None:
        return None
    base = tensor._base
    return (
        _count_of_storage(tensor.untyped_storage()._cdata),
        _count_of_tensor(tensor),
        0 if base is None else sys.getrefcount(base) + _count_of_tensor(base),
    )


# What torch and Python count for themselves differs between versions: measured where nobody else looks.
_ALONE: Final = _uses(torch.zeros(1))
_ALONE_AS_VIEW: Final = _uses(torch.zeros(1)[:])


def is_shared(tensor: torch.Tensor) -> bool:
    """Return whether the memory of ``tensor`` may be seen by another live tensor, NumPy array or DLPack capsule.

    True as well where torch cannot tell, and for a tensor that cannot be written element by element. The memory
    behind ``torch.from_numpy`` is not watched: copy what is foreign when it enters.
    """
    if tensor.is_conj() or tensor.is_neg() or (not tensor.is_contiguous() and _may_overlap_itself(tensor)):
        return True
    uses, alone = _uses(tensor), _ALONE if tensor._base is None else _ALONE_AS_VIEW
    if uses is None or alone is None:
        return True
    return any(found > expected for found, expected in zip(uses, alone, strict=True))


def _may_overlap_itself(tensor: torch.Tensor) -> bool:
    """Return whether two elements may share their memory: an axis does not step over all of those inside it."""
    axes = sorted((stride, n) for stride, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1)
    extent = 0
    for stride, n in axes:
        if stride <= extent:
            return True
        extent += stride * (n - 1)
    return False


def unshared(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` itself if nobody else sees its memory, else a dense copy."""
    return dense_copy(tensor) if is_shared(tensor) else tensor


def dense_copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values in memory of their own, without lazy conjugation."""
    return tensor.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
