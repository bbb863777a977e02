"""The standard's elementwise functions.

Communication of each: none when the operands' partitions agree or an operand is replicated; else each smaller operand
moves once to the partition of the largest. Standard: 2025.12, elementwise functions.
"""

from __future__ import annotations

from array_api_dist import _dtypes as dt
from array_api_dist._array import Array, apply, apply_unary
from array_api_dist.engine import elementwise

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "conj",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
]


def abs(x: Array, /) -> Array:
    """Return the absolute values. Communication: none."""
    return apply_unary(elementwise.ABS, x)


def acos(x: Array, /) -> Array:
    """Return the inverse cosines, in [0, π] for real values. Communication: none."""
    return apply_unary(elementwise.ACOS, x)


def acosh(x: Array, /) -> Array:
    """Return the inverse hyperbolic cosines. Communication: none."""
    return apply_unary(elementwise.ACOSH, x)


def add(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return the sums. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.ADD, x1, x2)


def asin(x: Array, /) -> Array:
    """Return the inverse sines. Communication: none."""
    return apply_unary(elementwise.ASIN, x)


def asinh(x: Array, /) -> Array:
    """Return the inverse hyperbolic sines. Communication: none."""
    return apply_unary(elementwise.ASINH, x)


def atan(x: Array, /) -> Array:
    """Return the inverse tangents. Communication: none."""
    return apply_unary(elementwise.ATAN, x)


def atan2(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the angles of the points (x2, x1), in radians.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.ATAN2, x1, x2)


def atanh(x: Array, /) -> Array:
    """Return the inverse hyperbolic tangents. Communication: none."""
    return apply_unary(elementwise.ATANH, x)


def bitwise_and(x1: Array | int, x2: Array | int, /) -> Array:
    """Return the bitwise conjunctions. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.BITWISE_AND, x1, x2)


def bitwise_invert(x: Array, /) -> Array:
    """Return the complements of all bits (logical ones of booleans). Communication: none."""
    return apply_unary(elementwise.BITWISE_INVERT, x)


def bitwise_left_shift(x1: Array | int, x2: Array | int, /) -> Array:
    """Return x1 shifted left by x2 bits.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.BITWISE_LEFT_SHIFT, x1, x2)


def bitwise_or(x1: Array | int, x2: Array | int, /) -> Array:
    """Return the bitwise disjunctions. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.BITWISE_OR, x1, x2)


def bitwise_right_shift(x1: Array | int, x2: Array | int, /) -> Array:
    """Return x1 shifted right by x2 bits.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.BITWISE_RIGHT_SHIFT, x1, x2)


def bitwise_xor(x1: Array | int, x2: Array | int, /) -> Array:
    """Return the bitwise exclusive disjunctions.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.BITWISE_XOR, x1, x2)


def ceil(x: Array, /) -> Array:
    """Return the smallest integers not below. Communication: none."""
    return apply_unary(elementwise.CEIL, x)


def clip(x: Array, /, min: Array | float | None = None, max: Array | float | None = None) -> Array:
    """Return the values of ``x`` limited to [min, max], in the data type of ``x``; NaN where a bound is NaN.

    Parameters
    ----------
    x : Array, real-valued
    min, max : Array or scalar, optional
        Broadcast with ``x``. A Python integer beyond the data type of ``x`` is as good as no bound on that side.

    Notes
    -----
    Communication: none when partitions agree, else each smaller operand moves once.
    """
    low, high = _saturated(min, x), _saturated(max, x)
    if low is None and high is None:
        return apply(elementwise.CLIP_MIN, x, x)
    if low is None:
        assert high is not None
        return apply(elementwise.CLIP_MAX, x, high)
    if high is None:
        return apply(elementwise.CLIP_MIN, x, low)
    return apply(elementwise.CLIP, x, low, high)


def _saturated(bound: Array | float | None, x: Array) -> Array | float | None:
    """Bring a Python integer into the range of the data type of ``x``."""
    if type(bound) is not int or not isinstance(x, Array) or x.dtype not in dt.INTEGER:
        return bound
    low, high = dt.integer_limits(x.dtype)
    return sorted((low, bound, high))[1]


def conj(x: Array, /) -> Array:
    """Return the complex conjugates. Communication: none."""
    return apply_unary(elementwise.CONJ, x)


def copysign(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the magnitudes of x1 with the signs of x2.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.COPYSIGN, x1, x2)


def cos(x: Array, /) -> Array:
    """Return the cosines of angles in radians. Communication: none."""
    return apply_unary(elementwise.COS, x)


def cosh(x: Array, /) -> Array:
    """Return the hyperbolic cosines. Communication: none."""
    return apply_unary(elementwise.COSH, x)


def divide(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return the quotients of floating-point values.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.DIVIDE, x1, x2)


def equal(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return whether values are equal. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.EQUAL, x1, x2)


def exp(x: Array, /) -> Array:
    """Return the exponentials. Communication: none."""
    return apply_unary(elementwise.EXP, x)


def expm1(x: Array, /) -> Array:
    """Return the exponentials minus 1, accurate near 0. Communication: none."""
    return apply_unary(elementwise.EXPM1, x)


def floor(x: Array, /) -> Array:
    """Return the greatest integers not above. Communication: none."""
    return apply_unary(elementwise.FLOOR, x)


def floor_divide(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the quotients rounded down.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.FLOOR_DIVIDE, x1, x2)


def greater(x1: Array | float, x2: Array | float, /) -> Array:
    """Return whether x1 > x2. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.GREATER, x1, x2)


def greater_equal(x1: Array | float, x2: Array | float, /) -> Array:
    """Return whether x1 >= x2. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.GREATER_EQUAL, x1, x2)


def hypot(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the lengths of the hypotenuses, without undue overflow.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.HYPOT, x1, x2)


def imag(x: Array, /) -> Array:
    """Return the imaginary parts. Communication: none."""
    return apply_unary(elementwise.IMAG, x)


def isfinite(x: Array, /) -> Array:
    """Return whether values are finite. Communication: none."""
    return apply_unary(elementwise.ISFINITE, x)


def isinf(x: Array, /) -> Array:
    """Return whether values are infinite. Communication: none."""
    return apply_unary(elementwise.ISINF, x)


def isnan(x: Array, /) -> Array:
    """Return whether values are NaN. Communication: none."""
    return apply_unary(elementwise.ISNAN, x)


def less(x1: Array | float, x2: Array | float, /) -> Array:
    """Return whether x1 < x2. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.LESS, x1, x2)


def less_equal(x1: Array | float, x2: Array | float, /) -> Array:
    """Return whether x1 <= x2. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.LESS_EQUAL, x1, x2)


def log(x: Array, /) -> Array:
    """Return the natural logarithms. Communication: none."""
    return apply_unary(elementwise.LOG, x)


def log10(x: Array, /) -> Array:
    """Return the base-10 logarithms. Communication: none."""
    return apply_unary(elementwise.LOG10, x)


def log1p(x: Array, /) -> Array:
    """Return the natural logarithms of 1 + x, accurate near 0. Communication: none."""
    return apply_unary(elementwise.LOG1P, x)


def log2(x: Array, /) -> Array:
    """Return the base-2 logarithms. Communication: none."""
    return apply_unary(elementwise.LOG2, x)


def logaddexp(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the logarithms of the sums of exponentials.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.LOGADDEXP, x1, x2)


def logical_and(x1: Array | bool, x2: Array | bool, /) -> Array:
    """Return the logical conjunctions. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.LOGICAL_AND, x1, x2)


def logical_not(x: Array, /) -> Array:
    """Return the logical negations. Communication: none."""
    return apply_unary(elementwise.LOGICAL_NOT, x)


def logical_or(x1: Array | bool, x2: Array | bool, /) -> Array:
    """Return the logical disjunctions. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.LOGICAL_OR, x1, x2)


def logical_xor(x1: Array | bool, x2: Array | bool, /) -> Array:
    """Return the logical exclusive disjunctions.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.LOGICAL_XOR, x1, x2)


def maximum(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the greater values; NaN where one is NaN.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.MAXIMUM, x1, x2)


def minimum(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the lesser values; NaN where one is NaN.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.MINIMUM, x1, x2)


def multiply(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return the products. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.MULTIPLY, x1, x2)


def negative(x: Array, /) -> Array:
    """Return the negated values. Communication: none."""
    return apply_unary(elementwise.NEGATIVE, x)


def nextafter(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the values next to x1 towards x2.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.NEXTAFTER, x1, x2)


def not_equal(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return whether values differ. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.NOT_EQUAL, x1, x2)


def positive(x: Array, /) -> Array:
    """Return the values unchanged. Communication: none."""
    return apply_unary(elementwise.POSITIVE, x)


def pow(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return x1 to the powers x2. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.POW, x1, x2)


def real(x: Array, /) -> Array:
    """Return the real parts. Communication: none."""
    return apply_unary(elementwise.REAL, x)


def reciprocal(x: Array, /) -> Array:
    """Return the reciprocals. Communication: none."""
    return apply_unary(elementwise.RECIPROCAL, x)


def remainder(x1: Array | float, x2: Array | float, /) -> Array:
    """Return the remainders with the sign of x2.

    Communication: none when partitions agree, else each smaller operand moves once.
    """
    return apply(elementwise.REMAINDER, x1, x2)


def round(x: Array, /) -> Array:
    """Return the nearest integers, halves to even. Communication: none."""
    return apply_unary(elementwise.ROUND, x)


def sign(x: Array, /) -> Array:
    """Return the signs (x / abs(x) of complex values). Communication: none."""
    return apply_unary(elementwise.SIGN, x)


def signbit(x: Array, /) -> Array:
    """Return whether sign bits are set. Communication: none."""
    return apply_unary(elementwise.SIGNBIT, x)


def sin(x: Array, /) -> Array:
    """Return the sines of angles in radians. Communication: none."""
    return apply_unary(elementwise.SIN, x)


def sinh(x: Array, /) -> Array:
    """Return the hyperbolic sines. Communication: none."""
    return apply_unary(elementwise.SINH, x)


def sqrt(x: Array, /) -> Array:
    """Return the square roots. Communication: none."""
    return apply_unary(elementwise.SQRT, x)


def square(x: Array, /) -> Array:
    """Return the squares. Communication: none."""
    return apply_unary(elementwise.SQUARE, x)


def subtract(x1: Array | complex, x2: Array | complex, /) -> Array:
    """Return the differences. Communication: none when partitions agree, else each smaller operand moves once."""
    return apply(elementwise.SUBTRACT, x1, x2)


def tan(x: Array, /) -> Array:
    """Return the tangents of angles in radians. Communication: none."""
    return apply_unary(elementwise.TAN, x)


def tanh(x: Array, /) -> Array:
    """Return the hyperbolic tangents. Communication: none."""
    return apply_unary(elementwise.TANH, x)


def trunc(x: Array, /) -> Array:
    """Return the integers nearest towards 0. Communication: none."""
    return apply_unary(elementwise.TRUNC, x)
