"""Unsigned integers of 16, 32 and 64 bits, whose arithmetic torch lacks, on accelerators more of it than on CPUs.

Where the bits are the same (sums, differences, products, shifts to the left, what is bitwise or moves) they are looked
at as signed integers of their width. Else those of 16 and 32 bits are computed in the next wider signed type and
wrapped back, and those of 64 bits looked at as int64: flipping the first bit turns one order into the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from array_api_dist.kernels.moving import movable, moved_back

_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
_WIDER: Final = {torch.uint16: torch.int32, torch.uint32: torch.int64}


def widened(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return ``kernel`` for uint16 and uint32 operands: computed in a wider signed type and wrapped back."""

    def apply(*operands: Tensor) -> Tensor:
        narrow = operands[0].dtype
        return kernel(*[operand.to(_WIDER[narrow]) for operand in operands]).to(narrow)

    return apply


def compared_wide(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the comparison ``kernel`` for uint16 and uint32 operands."""
    return lambda x1, x2: kernel(x1.to(_WIDER[x1.dtype]), x2.to(_WIDER[x2.dtype]))


def as_signed(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return ``kernel``, which gives the same bits for signed operands of their width; booleans stay what they are."""
    return lambda *operands: moved_back(kernel(*map(movable, operands)), operands[-1].dtype)


def in_order(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the comparison ``kernel`` for uint64 operands."""
    return lambda x1, x2: kernel(_ordered(x1), _ordered(x2))


def chosen_in_order(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return ``kernel``, which picks one of its operands by their order, for uint64 operands."""
    return lambda *operands: (kernel(*map(_ordered, operands)) ^ _LOWEST).view(torch.uint64)


def sign(x: Tensor) -> Tensor:
    """Return 1 where ``x`` is not zero."""
    return (movable(x) != 0).to(x.dtype)


def floor_divide(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the quotients of uint64 operands; 0 where the divisor is."""
    return _quotient(x1.view(torch.int64), x2.view(torch.int64)).view(torch.uint64)


def remainder(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the remainders of uint64 operands; 0 where the divisor is."""
    dividend, divisor = x1.view(torch.int64), x2.view(torch.int64)
    rest = dividend - _quotient(dividend, divisor) * divisor
    return torch.where(divisor != 0, rest, 0).view(torch.uint64)


def power(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the powers of uint64 operands, modulo 2**64."""
    base, exponent = x1.view(torch.int64), x2.view(torch.int64)
    # Half the exponent is never negative as an int64, and torch then wraps as it should.
    root = torch.pow(base, _halved(exponent))
    return (root * root * torch.where((exponent & 1).bool(), base, 1)).view(torch.uint64)


def right_shift(x1: Tensor, x2: Tensor) -> Tensor:
    """Return uint64 operands shifted to the right, zeros moving in; 0 past the last bit."""
    bits, counts = x1.view(torch.int64), x2.view(torch.int64)
    # The first step clears the sign, so that torch moves in zeros; it gives 0 for a count out of range.
    return torch.where(counts == 0, bits, _halved(bits) >> (counts - 1)).view(torch.uint64)


def _ordered(x: Tensor) -> Tensor:
    return x.view(torch.int64) ^ _LOWEST


def _halved(bits: Tensor) -> Tensor:
    return (bits >> 1) & _HIGHEST


def _quotient(dividend: Tensor, divisor: Tensor) -> Tensor:
    """Return the unsigned quotient of two int64 views; 0 where the divisor is."""
    # Divisors of 2**63 and more look negative: their quotient is 0 or 1. They and zero are masked.
    odd = divisor <= 0
    safe = torch.where(odd, 1, divisor)
    quotient = torch.div(_halved(dividend), safe, rounding_mode="trunc") << 1
    quotient += _not_below(dividend - quotient * safe, safe)
    return torch.where(odd, _not_below(dividend, divisor) & (divisor != 0), quotient)


def _not_below(left: Tensor, right: Tensor) -> Tensor:
    return (left ^ _LOWEST) >= (right ^ _LOWEST)
