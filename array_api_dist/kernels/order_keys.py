"""What values are ordered by: keys of 64 bits, and forms of the values that machines compare as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch

from array_api_dist.kernels import predicates
from array_api_dist.kernels.moving import SIGNED, movable

CHUNK: Final = 1 << 15
"""How many elements a pass over memory works on at once: what it holds beside its operands is bounded."""

# Accelerators need more elements to be busy.
_ELSEWHERE: Final = 1 << 9
_HOST: Final = torch.device("cpu")
_INTEGERS: Final = {torch.float32: torch.int32, torch.float64: torch.int64}
# The bits of NaN.
_NAN_KEYS: Final = {torch.int32: 0x7FC0 << 16, torch.int64: 0x7FF8 << 48}
# Of each floating type: the integers of its width, the place of their sign, the least and the greatest of them.
_BITS: Final[dict[torch.dtype, tuple[Any, Any, Any, Any]]] = {
    torch.float32: (np.int32, np.int32(31), np.int32(-(2**31)), np.int32(2**31 - 1)),
    torch.float64: (np.int64, np.int64(63), np.int64(-(2**63)), np.int64(2**63 - 1)),
}


def order_key(tensor: torch.Tensor, *, descending: bool = False) -> torch.Tensor:
    """Return int64 keys, of the same shape, whose order is that of the (real or boolean) values, NaN last."""
    dtype = tensor.dtype
    if dtype.is_floating_point:
        return _float_key(0.0 - tensor if descending else tensor + 0.0)
    if dtype == torch.uint64:
        key = tensor.view(torch.int64) ^ torch.iinfo(torch.int64).min
    else:
        key = tensor.to(torch.int64)
    return ~key if descending else key


def _float_key(values: torch.Tensor) -> torch.Tensor:
    """Return the keys of values without -0.0, the same one for every NaN."""
    dtype = _INTEGERS[values.dtype]
    limits = torch.iinfo(dtype)
    bits = values.contiguous().view(dtype)
    # Negative values: more magnitude bits mean less. There is no -0.0, whose key would be that of 0.0.
    sign = bits >> (limits.bits - 1)
    key = (bits & limits.max).bitwise_xor_(sign).sub_(sign)
    missing = predicates.isnan(values)
    if not values.is_cpu or predicates.count(missing):
        key.masked_fill_(missing, _NAN_KEYS[dtype])
    return key.to(torch.int64)


def from_order_key(key: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the values of ``dtype`` that have these keys (of both zeros, 0.0)."""
    if dtype == torch.uint64:
        return (key ^ torch.iinfo(torch.int64).min).view(torch.uint64)
    if not dtype.is_floating_point:
        return key.to(dtype)
    lowest = torch.iinfo(_INTEGERS[dtype]).min
    bits = torch.where(key < 0, lowest - key, key).to(_INTEGERS[dtype])
    return bits.view(dtype)


def pieces_of(tensor: torch.Tensor) -> Iterator[tuple[int, int, int]]:
    """Yield (axis, start, count): cuts of ``tensor`` into pieces of about ``CHUNK`` elements, larger ones elsewhere."""
    return pieces(tensor.shape, where=tensor.device)


def pieces(
    shape: Sequence[int], inner: int = 1, *, where: torch.device = _HOST
) -> Iterator[tuple[int, int, int]]:
    """Yield (axis, start, count): cuts along the longest axis into such pieces, ``inner`` elements in each place."""
    size = torch.Size(shape).numel() * inner
    if size == 0:
        return
    axis = max(range(len(shape)), key=lambda each: shape[each])
    chunk = CHUNK if where.type == "cpu" else CHUNK * _ELSEWHERE
    step = max(chunk * shape[axis] // size, 1)
    for start in range(0, shape[axis], step):
        yield axis, start, min(step, shape[axis] - start)


def order_keys(tensor: torch.Tensor, *, descending: bool) -> torch.Tensor:
    """Return ``order_key`` in dense memory, holding nothing else as large."""
    keys = torch.empty(tensor.shape, dtype=torch.int64, device=tensor.device)
    for piece in pieces_of(tensor):
        keys.narrow(*piece).copy_(order_key(tensor.narrow(*piece), descending=descending))
    return keys


def encoded(tensor: torch.Tensor, *, descending: bool = False) -> torch.Tensor:
    """Turn a dense real or boolean ``tensor``, in its own memory, into values that are looked for in ascending order.

    They are of a type that torch compares: unsigned integers become signed, booleans integers, and what descends is
    negated. NaN stays last. ``decoded`` undoes it.
    """
    if tensor.dtype.is_floating_point:
        return tensor.neg_() if descending else tensor
    if tensor.dtype in (torch.bool, torch.uint8):
        values = tensor.view(torch.uint8)
        flipped = 0 if not descending else 1 if tensor.dtype == torch.bool else 255
    else:
        values = movable(tensor)
        limits = torch.iinfo(values.dtype)
        # The first bit of unsigned integers turns their order into that of signed ones; all others turn it around.
        flipped = {
            (False, False): 0, (False, True): -1,
            (True, False): limits.min, (True, True): limits.max,
        }[tensor.dtype in SIGNED, descending]  # fmt: skip
    return values.bitwise_xor_(flipped) if flipped else values


def decoded(values: torch.Tensor, dtype: torch.dtype, *, descending: bool = False) -> torch.Tensor:
    """Turn what ``encoded`` made of a tensor of ``dtype`` back, in its own memory."""
    return encoded(values.view(dtype), descending=descending).view(dtype)


def comparable(values: torch.Tensor, *, nan_is_least: bool) -> torch.Tensor:
    """Return integers as wide as floating ``values`` of the host in their order, every NaN the least or the greatest."""
    # NumPy, since what is compared is small: its calls take a third of the time.
    kind, sign, least, greatest = _BITS[values.dtype]
    array = values.numpy()
    bits = array.view(kind)
    # Of negative values more magnitude means less.
    key = np.right_shift(bits, sign, out=np.empty_like(bits))
    key &= greatest
    key ^= bits
    key[array != array] = least if nan_is_least else greatest  # noqa: PLR0124 - NaN
    return torch.from_numpy(key)


def from_comparable(key: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the floating values of ``dtype`` that are behind ``comparable`` integers; both limits stand for NaN."""
    _, sign, _, greatest = _BITS[dtype]
    array = key.numpy()
    bits = np.right_shift(array, sign, out=np.empty_like(array))
    bits &= greatest
    bits ^= array
    return torch.from_numpy(bits).view(dtype)
