"""Elementwise functions in which torch misses a special value that the standard names, grouped by the cause.

Complex tensors are looked at as pairs of reals wherever torch's complex arithmetic loses the sign of a zero or turns
one infinite component into two NaNs.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import torch
from torch import Tensor

from array_api_dist.kernels import host_loops
from array_api_dist.kernels.tiles import is_single

# Components: the function acts on the real and the imaginary parts apart.

# Exponents with which torch multiplies or divides, if it has them as Python's numbers.
_PRODUCTS: Final = (0.0, 1.0, 2.0, 3.0, -1.0)


def _by_component(kernel: Callable[..., Tensor], *operands: Tensor) -> Tensor:
    return torch.view_as_complex(kernel(*map(torch.view_as_real, operands)))


def by_component(kernel: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the real ``kernel`` for complex operands, applied to the real and the imaginary parts apart.

    torch adds ``alpha * x2`` with a complex ``alpha`` of 1, and negates as ``0 - x`` in its vectorised loops: both
    lose zeros' signs, and the first makes ``inf + 0j`` into ``inf + nan j``. One number beside many is slow that way.
    """
    return partial(_by_component, kernel)


def add_complex(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the sums."""
    for terms, number in ((x1, x2), (x2, x1)):
        if _is_harmless(number):
            return torch.add(terms, number)
    return _by_component(torch.add, x1, x2)


def subtract_complex(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the differences."""
    if host_loops.is_one_number(x1) or host_loops.is_one_number(x2):
        return add_complex(x1, _by_component(torch.neg, x2))
    return _by_component(torch.sub, x1, x2)


def _is_harmless(x: Tensor) -> bool:
    """Return whether ``x`` is one number that torch's product with a complex ``alpha`` of 1 leaves as it is."""
    if not host_loops.is_one_number(x):
        return False
    value: complex = x.item()
    return cmath.isfinite(value) and repr(value * (1 + 0j)) == repr(value)


# Integers: torch raises when a divisor is zero, on the rank that holds it.


def floor_divide_integers(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the quotients, rounded down; 0 where the divisor is."""
    if _divides_faster_on_host(x1, x2):
        return host_loops.computed(np.floor_divide, x1, x2)
    zero = x2 == 0
    return torch.floor_divide(x1, x2 | zero).masked_fill_(zero, 0)


def remainder_integers(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the remainders, with the divisor's sign; 0 where the divisor is."""
    if _divides_faster_on_host(x1, x2):
        return host_loops.remainder(x1, x2)
    return torch.remainder(x1, x2 | (x2 == 0))


def _divides_faster_on_host(x1: Tensor, x2: Tensor) -> bool:
    """Return whether NumPy is the faster one: with one divisor, and where torch has one thread."""
    return x1.is_cpu and (x2.ndim == 0 or is_single())


def square_integers(x: Tensor) -> Tensor:
    """Return the squares; torch's own takes them for powers."""
    return torch.mul(x, x)


def power_integers(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the powers; those with a negative exponent are rounded towards zero."""
    # torch refuses a negative exponent of no dimensions, and that alone.
    return torch.pow(x1[None], x2[None])[0]


def power(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the powers of real numbers; one exponent for all, where it is a common one, takes no logarithm."""
    exponent = float(x2) if host_loops.is_one_number(x2) else math.nan
    if exponent in _PRODUCTS:
        return torch.pow(x1, exponent)
    if exponent != 0.5:
        return _power(x1, x2)
    # Of the negative zero the root is that, and of the least number NaN.
    roots, is_least = sqrt(x1).add_(0.0), x1 == -math.inf
    return roots.masked_fill_(is_least, math.inf) if is_least.numpy().any() else roots


_power: Final = host_loops.by_vectors(torch.pow, np.power)


# Division of real numbers.


def floor_divide(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the quotients rounded down; the plain quotient where an operand is infinite, as the standard has it."""
    quotient = torch.floor_divide(x1, x2)
    if x1.device.type == "cpu" and _has_finite_sum(x1) and _has_finite_sum(x2):
        return quotient
    return torch.where(torch.isinf(x1) | torch.isinf(x2), x1 / x2, quotient)


def remainder(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the remainders, of the divisor's sign also where they are zero."""
    result = torch.remainder(x1, x2).copysign_(x2)
    return result if _is_settled(result) else _with_overflown_quotients(result, x1, x2)


def _with_overflown_quotients(result: Tensor, x1: Tensor, x2: Tensor) -> Tensor:
    """Return ``result`` with the remainders that torch's vectorised loop lost to a quotient above all numbers."""
    dividend, divisor = x1.broadcast_to(result.shape), x2.broadcast_to(result.shape)
    lost = torch.isnan(result) & torch.isfinite(dividend) & (divisor.abs() > 0)
    # Strided operands take the loop that computes element by element, and exactly.
    dividends, divisors = (_strided(operand[lost]) for operand in (dividend, divisor))
    result[lost] = torch.remainder(dividends, divisors).copysign_(divisors)
    return result


def _strided(x: Tensor) -> Tensor:
    return torch.stack([x, x], -1)[:, 0]


def _is_settled(result: Tensor) -> bool:
    """Return whether nothing in ``result`` can have overflown in a vectorised loop, which only CPUs have."""
    return result.device.type != "cpu" or _has_finite_sum(result)


def _has_finite_sum(x: Tensor) -> bool:
    """Return whether ``x`` is free of NaN and infinity for sure, at the cost of one cheap pass.

    A sum that overflows itself makes the caller slower, and no result different. Not for accelerators: it waits.
    """
    return math.isfinite(x.sum().item())


# Real functions.


def _sign(x: Tensor) -> Tensor:
    return torch.sign(x).masked_fill_(torch.isnan(x), math.nan)


sign: Final = host_loops.faster(_sign, np.sign)
"""-1, 0, 1, or NaN for NaN, which torch takes for 0."""


def clip(x: Tensor, least: Tensor, greatest: Tensor) -> Tensor:
    """Return what is nearest to ``x`` in [least, greatest]; torch's own looks at one element at a time of tensors."""
    if host_loops.is_one_number(least) and host_loops.is_one_number(greatest):
        return torch.clamp(x, least.item(), greatest.item())
    return torch.minimum(torch.maximum(x, least), greatest)


def sqrt(x: Tensor) -> Tensor:
    """Return the square roots, rounded as IEEE 754 asks.

    On CPUs torch's own miss that for one in six float32 and one in eighty float64; NumPy's do not, on the same memory.
    """
    if x.device.type != "cpu":
        return torch.sqrt(x)
    return host_loops.computed(np.sqrt, x)


def cosh(x: Tensor) -> Tensor:
    """Return the hyperbolic cosine; torch's vectorised loop overflows before the result does."""
    result = torch.cosh(x)
    return result if _is_settled(result) else torch.where(torch.isinf(result), _half_exp(x), result)


def sinh(x: Tensor) -> Tensor:
    """Return the hyperbolic sine; torch's vectorised loop overflows before the result does."""
    result = torch.sinh(x)
    return (
        result if _is_settled(result) else torch.where(torch.isinf(result), _half_exp(x).copysign_(x), result)
    )


def _half_exp(x: Tensor) -> Tensor:
    """Return half the exponential of ``abs(x)``."""
    root = torch.exp(x.abs() * 0.5)
    return root * 0.5 * root


# Complex functions.


def reciprocal_complex(x: Tensor) -> Tensor:
    """Return ``1 / x`` by the rules of division."""
    return torch.divide(x.new_ones(()), x)


def square_complex(x: Tensor) -> Tensor:
    """Return ``x * x``; torch's own is NaN or infinite, by the place in its loop, where both squares overflow."""
    squares = torch.square(x)
    if _is_settled(torch.view_as_real(squares)):
        return squares
    a, b = x.real, x.imag
    half = a * b
    # A zero real part is positive, as a difference of equal squares.
    return torch.complex((a - b).mul_(a + b).add_(0.0), half.add_(half))


def power_complex(x1: Tensor, x2: Tensor) -> Tensor:
    """Return ``exp(x2 * log(x1))``; 1 for an exponent of zero, and 0 for a base of zero and a real part above it."""
    if x1.is_cpu:
        if x2.ndim == 0 and (special := _POWERS.get(x2.item())) is not None:
            return special(x1)
        # Those of integers are products: tens of times as fast as torch's, and more exact.
        return host_loops.computed(np.power, x1, x2)
    powers = torch.pow(x1, x2)
    powers = torch.where((x1 == 0) & (x2.real > 0), 0, powers)
    return torch.where(x2 == 0, 1, powers)


_POWERS: Final[dict[complex, Callable[[Tensor], Tensor]]] = {
    2: square_complex, -1: reciprocal_complex, 0.5: torch.sqrt,
}  # fmt: skip


def sign_complex(x: Tensor) -> Tensor:
    """Return ``x / abs(x)``: 0 for zero, NaN when a component is NaN or both are infinite."""
    a, b = x.real, x.imag
    largest = torch.maximum(a.abs(), b.abs())
    zero, undefined = largest == 0, torch.isnan(largest) | (torch.isinf(a) & torch.isinf(b))
    # Scaled by the larger component, neither squares nor subnormal numbers get lost.
    a, b = (torch.where(torch.isinf(part), part.sign(), part / largest) for part in (a, b))
    modulus = torch.hypot(a, b)
    a, b = ((part / modulus).masked_fill_(zero, 0).masked_fill_(undefined, math.nan) for part in (a, b))
    return torch.complex(a, b)


def acos_complex(x: Tensor) -> Tensor:
    """Return the inverse cosine by way of acosh: torch's own cancels near 1 and loses the sign of a zero."""
    rotated = acosh_complex(x)
    return torch.complex(rotated.imag.abs(), rotated.real.copysign(-x.imag))


def acosh_complex(x: Tensor) -> Tensor:
    """Return the inverse hyperbolic cosine; accelerators' own loses the imaginary part at ``0 + NaN j``."""
    result = torch.acosh(x)
    if x.is_cpu:
        return result
    undefined = (x.real == 0) & torch.isnan(x.imag)
    return torch.where(undefined, complex(math.nan, math.pi / 2), result)


def expm1_complex(x: Tensor) -> Tensor:
    """Return ``exp(x) - 1``, exact to the last bits near zero and with exp's special values."""
    exponential = torch.exp(x)
    a, b = x.real, x.imag
    # A zero real part is positive, for which the last term stands.
    near = torch.expm1(a) * torch.cos(b) - 2 * torch.sin(b * 0.5).square() + 0.0
    real = torch.where(torch.isfinite(a) & torch.isfinite(b), near, exponential.real - 1)
    return torch.complex(real, exponential.imag)


def log1p_complex(x: Tensor) -> Tensor:
    """Return ``log(1 + x)``, exact to the last bits near zero and with log's special values."""
    a, b = x.real, x.imag
    logarithm = torch.log(torch.complex(1 + a, b))
    near = 0.5 * torch.log1p(a * (2 + a) + b * b)
    real = torch.where(torch.maximum(a.abs(), b.abs()) < 0.5, near, logarithm.real)
    return torch.complex(real, logarithm.imag)


def tanh_complex(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent; ``1 + 0j`` with the sign of the imaginary part at an infinite real one.

    Accelerators' own is NaN for a zero real part where the imaginary one is not finite.
    """
    result = torch.tanh(x)
    zero = torch.copysign(x.real.new_zeros(()), x.imag)
    real = result.real if x.is_cpu else torch.where(x.real == 0, x.real, result.real)
    return torch.complex(real, torch.where(torch.isinf(x.real), zero, result.imag))


def tan_complex(x: Tensor) -> Tensor:
    """Return ``-1j * tanh(1j * x)``, where the factors only swap the components."""
    turned = tanh_complex(torch.complex(-x.imag, x.real))
    return torch.complex(turned.imag, -turned.real)
