"""Elements of one tensor where a condition holds, and of another elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from array_api_dist.kernels.moving import INTEGERS

# Up to so many elements a call's overhead counts.
_FEW: Final = 1 << 15
# So many for each thread stay in its cache, of one thread twice as many.
_AT_ONCE: Final = 1 << 15
# A condition is looked at in so many places, so many neighbours in each.
_PLACES: Final = 8
_NEIGHBOURS: Final = 1 << 8
# From one change in so many neighbours on, wrong guesses at the next branch take longer than more passes.
_CHANGE: Final = 8


def where(condition: torch.Tensor, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    """Return the elements of ``x1`` where ``condition`` holds, else those of ``x2``; both have one type."""
    if condition.numel() <= _FEW or not all(_is_plain(x, condition) for x in (condition, x1, x2)):
        return torch.where(condition, x1, x2)
    return _by_bits(condition, x1, x2) if _is_erratic(condition) else torch.where(condition, x1, x2)


def _is_plain(x: torch.Tensor, condition: torch.Tensor) -> bool:
    """Return whether ``x`` is one number, or as many as ``condition`` has in the order of memory, on the host."""
    fits = x.ndim == 0 or (x.shape == condition.shape and x.is_contiguous())
    return fits and x.is_cpu and x.element_size() in INTEGERS and not (x.is_conj() or x.is_neg())


def _is_erratic(condition: torch.Tensor) -> bool:
    """Return whether a processor would not guess what comes next in ``condition``, by a look at some of it."""
    flags = condition.view(torch.uint8).numpy().reshape(-1)
    places = flags[: len(flags) // _PLACES * _PLACES].reshape(_PLACES, -1)[:, :_NEIGHBOURS]
    changes = np.count_nonzero(places[:, 1:] != places[:, :-1])
    return bool(changes * _CHANGE > places.size)


def _by_bits(condition: torch.Tensor, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    """Return what ``where`` does without a branch: x2 ^ ((x1 ^ x2) & mask), some elements at a time."""
    bits, count = INTEGERS[x1.element_size()], condition.numel()
    result = torch.empty(condition.shape, dtype=x1.dtype)
    flags, found = condition.view(-1).view(torch.int8), result.view(-1).view(bits)
    first, second = (x.view(bits).expand(count) if x.ndim == 0 else x.view(-1).view(bits) for x in (x1, x2))
    for start in range(0, count, step := _AT_ONCE * max(torch.get_num_threads(), 2)):
        some = slice(start, start + step)
        # All bits of what holds.
        mask = flags[some].neg().to(bits)
        here = torch.bitwise_xor(first[some], second[some], out=found[some])
        here.bitwise_and_(mask).bitwise_xor_(second[some])
    return result
