"""Elementwise functions."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from cases.drawing import (
    ALL,
    BOOLEAN,
    COMPLEX,
    FLOATING,
    INTEGER,
    INTEGER_OR_BOOLEAN,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Case,
    Example,
    Source,
    drawn,
    find,
)

UNARY = {
    "abs": NUMERIC, "acos": FLOATING, "acosh": FLOATING, "asin": FLOATING, "asinh": FLOATING, "atan": FLOATING,
    "atanh": FLOATING, "bitwise_invert": INTEGER_OR_BOOLEAN, "ceil": REAL, "conj": NUMERIC, "cos": FLOATING,
    "cosh": FLOATING, "exp": FLOATING, "expm1": FLOATING, "floor": REAL, "imag": COMPLEX, "isfinite": NUMERIC,
    "isinf": NUMERIC, "isnan": NUMERIC, "log": FLOATING, "log10": FLOATING, "log1p": FLOATING, "log2": FLOATING,
    "logical_not": BOOLEAN, "negative": NUMERIC, "positive": NUMERIC, "real": NUMERIC, "reciprocal": FLOATING,
    "round": NUMERIC, "sign": NUMERIC, "signbit": REAL_FLOATING, "sin": FLOATING, "sinh": FLOATING,
    "sqrt": FLOATING, "square": NUMERIC, "tan": FLOATING, "tanh": FLOATING, "trunc": REAL,
}  # fmt: skip
BINARY = {
    "add": NUMERIC, "atan2": REAL_FLOATING, "bitwise_and": INTEGER_OR_BOOLEAN, "bitwise_left_shift": INTEGER,
    "bitwise_or": INTEGER_OR_BOOLEAN, "bitwise_right_shift": INTEGER, "bitwise_xor": INTEGER_OR_BOOLEAN,
    "copysign": REAL_FLOATING, "divide": FLOATING, "equal": ALL, "floor_divide": REAL, "greater": REAL,
    "greater_equal": REAL, "hypot": REAL_FLOATING, "less": REAL, "less_equal": REAL, "logaddexp": REAL_FLOATING,
    "logical_and": BOOLEAN, "logical_or": BOOLEAN, "logical_xor": BOOLEAN, "maximum": REAL, "minimum": REAL,
    "multiply": NUMERIC, "nextafter": REAL_FLOATING, "not_equal": ALL, "pow": NUMERIC, "remainder": REAL,
    "subtract": NUMERIC,
}  # fmt: skip

# Where an element lies in a block decides whether torch's vectorised loop computes it, or the one for the rest. The
# same decides the sign of a zero that maximum, minimum and clip choose, and complex products that are not finite.
LAST_BIT = {
    "abs",
    "atan2",
    "atanh",
    "cosh",
    "divide",
    "hypot",
    "logaddexp",
    "multiply",
    "pow",
    "sign",
    "sinh",
    "square",
}

_GUARDED = {"bitwise_left_shift", "bitwise_right_shift", "pow", "floor_divide", "remainder"}


def unary(name: str, dtypes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(dtypes), s.shape(0), huge=s.wild)
        return Example((x,), lambda xp, a: find(xp, name)(a))

    return Case(name, draw, last_bit=name in LAST_BIT)


def operands_of(s: Source, name: str, dtypes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Draw the operands of a binary function, of shapes that broadcast."""
    dtype = s.dtype(dtypes)
    first, second = s.broadcastable()
    guarded = name in _GUARDED and np.dtype(dtype).kind in "iu" and not s.wild
    # NumPy, and so array_api_strict, divides infinities otherwise than the standard.
    finite = name == "floor_divide" and not s.wild
    x1 = s.values(dtype, first, low=0 if guarded else -9, finite=finite, huge=s.wild)
    x2 = s.values(dtype, second, positive=guarded, finite=finite, huge=s.wild)
    if guarded and "shift" in name:
        x2 = (x2 % 8).astype(dtype)
    if guarded and name == "pow":
        x1, x2 = (x1 % 4).astype(dtype), (x2 % 4).astype(dtype)
    return x1, x2


def binary(name: str, dtypes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        return Example(operands_of(s, name, dtypes), lambda xp, a, b: find(xp, name)(a, b))

    return Case(name, draw, last_bit=name in LAST_BIT)


@drawn("clip")
def CLIP(s: Source) -> Example:
    first, second = s.broadcastable()
    dtype = s.dtype(REAL)
    low = s.values(dtype, second)
    high = np.where(np.isnan(low), low, np.abs(low)).astype(dtype)
    which = s.draw(st.sampled_from(["both", "min", "max"]))
    return Example(
        (s.values(dtype, first), np.minimum(low, high), np.maximum(low, high)),
        lambda xp, a, b, c: xp.clip(a, b if which != "max" else None, c if which != "min" else None),
    )


ELEMENTWISE_CASES = [
    *(unary(name, dtypes) for name, dtypes in UNARY.items()),
    *(binary(name, dtypes) for name, dtypes in BINARY.items()),
    CLIP,
]
