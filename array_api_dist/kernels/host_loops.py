"""NumPy's loops on the host's memory: where torch has none that is vectorised, none as fast, or none at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from array_api_dist.kernels.moving import movable, moved_back

FEW: Final = 1 << 12
"""Up to this many elements a call's overhead is all that counts."""

# From this many elements on torch's threads make up for its loops, if there are more than so many.
_MANY: Final = 1 << 18
_THREADS: Final = 3
# What NumPy calls processors with AVX-512.
_WIDEST: Final = {"AVX512_SKX", "X86_V4"}


@np.errstate(all="ignore")
def computed(
    ufunc: Callable[..., Any], first: Tensor, *others: Tensor, dtype: torch.dtype | None = None
) -> Tensor:
    """Return what ``ufunc`` gives for tensors of the host, in ``dtype``, by default theirs."""
    # In torch's memory, so that a trace counts it.
    if others:
        result = torch.empty_like(_whole(first, *others), dtype=dtype)
        ufunc(first.numpy(), *[other.numpy() for other in others], out=result.numpy())
    else:
        result = torch.empty_like(first, dtype=dtype) if dtype else torch.empty_like(first)
        ufunc(first.numpy(), result.numpy())
    return result


def _whole(first: Tensor, *others: Tensor) -> Tensor:
    """Return the operand that has the shape of the result; the first one, broadcast, where none has."""
    if all(other.shape == first.shape for other in others):
        return first
    shape = np.broadcast_shapes(first.shape, *[other.shape for other in others])
    return next((operand for operand in (first, *others) if operand.shape == shape), first.expand(shape))


def faster(
    function: Callable[..., Tensor], ufunc: np.ufunc, dtype: torch.dtype | None = None
) -> Callable[..., Tensor]:
    """Return ``function``, whose loop torch has not vectorised, computed by ``ufunc`` where that is faster."""

    def apply(*operands: Tensor) -> Tensor:
        count = max(x.numel() for x in operands)
        threads_help = count >= _MANY and _job.threads > _THREADS
        if count <= FEW or not operands[0].is_cpu or threads_help:
            return function(*operands)
        return computed(ufunc, *operands, dtype=dtype)

    return apply


class _Job:
    """What all ranks of a job know of each other: they choose alike, since copies of an array must not differ.

    Attributes
    ----------
    threads : int
        The most that a rank has.
    has_widest_vectors : bool
        Whether NumPy has loops for vectors of 64 bytes on every rank's processor.
    """

    __slots__ = ("has_widest_vectors", "threads")

    def __init__(self) -> None:
        self.threads = torch.get_num_threads()
        self.has_widest_vectors = has_widest_vectors()


def settle(threads: int, *, widest_vectors: bool) -> None:
    """Say what holds of the whole job: how many threads a rank has at most, and whether all have the widest vectors."""
    _job.threads = threads
    _job.has_widest_vectors = widest_vectors


def by_vectors(function: Callable[..., Tensor], ufunc: np.ufunc) -> Callable[..., Tensor]:
    """Return ``function`` of real numbers, on the host computed by ``ufunc`` if that has the widest vectors.

    Those loops are two to five times as fast as torch's, and give the same bits wherever an element lies. More than a
    few threads of torch's make up for that.
    """
    if not has_widest_vectors(ufunc):
        return function

    def apply(*operands: Tensor) -> Tensor:
        if _job.has_widest_vectors and _job.threads <= _THREADS and operands[0].is_cpu:
            return computed(ufunc, *operands)
        return function(*operands)

    return apply


def has_widest_vectors(ufunc: np.ufunc = np.exp) -> bool:
    """Return whether NumPy has loops of ``ufunc`` for this processor's vectors of 64 bytes, in both precisions."""
    introspect = getattr(np.lib, "introspect", None)
    # NumPy is built with Intel's vector library on Linux alone, and tells about its loops from 2.1 on.
    if sys.platform != "linux" or introspect is None:
        return False
    loops = introspect.opt_func_info(func_name=f"^{ufunc.__name__}$").get(ufunc.__name__, {})
    kinds = (kind * ufunc.nargs for kind in "fd")
    return all(loops.get(kind, {}).get("current") in _WIDEST for kind in kinds)


_job: Final = _Job()


def on_host(kernel: Callable[..., Tensor], elsewhere: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return ``kernel`` for tensors of the host, ``elsewhere`` for those of an accelerator."""
    return lambda *operands: kernel(*operands) if operands[0].is_cpu else elsewhere(*operands)


def is_one_number(x: Tensor) -> bool:
    """Return whether ``x`` has no axes, and its value can be had without waiting for an accelerator."""
    return x.ndim == 0 and x.is_cpu


def remainder(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the remainders of integers, with the divisor's sign; 0 where the divisor is."""
    if not is_one_number(x2) or movable(x2).item() == 0:
        return computed(np.remainder, x1, x2)
    # NumPy divides by one number with products and shifts; its remainders are those of the processor's divisions.
    multiples = movable(computed(np.floor_divide, x1, x2)).mul_(movable(x2))
    return moved_back(torch.sub(movable(x1), multiples, out=multiples), x1.dtype)


def with_one_exponent(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the power ``kernel`` for integers, of which one exponent for all, not negative, is a few products."""

    def apply(x1: Tensor, x2: Tensor) -> Tensor:
        exponent = int(movable(x2)) if is_one_number(x2) else -1
        return moved_back(_power(movable(x1), exponent), x1.dtype) if exponent >= 0 else kernel(x1, x2)

    return apply


def _power(x: Tensor, exponent: int) -> Tensor:
    """Return the product of those squares of squares that the bits of the exponent name, the first one first."""
    if exponent == 0:
        return torch.ones_like(x)
    result = x.clone() if exponent == 1 else x
    for bit in f"{exponent:b}"[1:]:
        result = result * result
        if bit == "1":
            result *= x
    return result
