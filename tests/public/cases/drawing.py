"""How the differential tests draw arrays and calls, and hold results to one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
from hypothesis import strategies as st

T = TypeVar("T")

BOOLEAN = ["bool"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGER = SIGNED + UNSIGNED
REAL_FLOATING = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
FLOATING = REAL_FLOATING + COMPLEX
REAL = INTEGER + REAL_FLOATING
NUMERIC = REAL + COMPLEX
ALL = NUMERIC + BOOLEAN
INTEGER_OR_BOOLEAN = INTEGER + BOOLEAN

# More than the ranks of any test here, in every dimension; a quarter of the shapes may have less, down to nothing.
LONG, LONGEST = 6, 9

Values: TypeAlias = np.ndarray[Any, Any]
Call: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Source:
    """What an example is drawn from.

    ``wild`` asks for values that the standard leaves open, or that NumPy treats in its own way: all partitions must
    agree on those too, but NumPy need not.
    """

    data: st.DataObject
    wild: bool = False

    def draw(self, strategy: st.SearchStrategy[T], label: str | None = None) -> T:
        return self.data.draw(strategy, label)

    def flag(self, label: str | None = None) -> bool:
        return self.draw(st.booleans(), label)

    def number(self, low: int, high: int, label: str | None = None) -> int:
        return self.draw(st.integers(low, high), label)

    def dtype(self, dtypes: Sequence[str]) -> str:
        return self.draw(st.sampled_from(dtypes), "dtype")

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.number(0, 2**16, "seed"))

    def shape(self, least: int = 1, most: int = 3, low: int = 0, high: int = LONGEST) -> tuple[int, ...]:
        """Lengths in [low, high], mostly above the number of ranks."""
        if self.number(0, 3, "short axes"):
            low = max(low, min(LONG, high))
        return tuple(self.draw(st.lists(st.integers(low, high), min_size=least, max_size=most), "shape"))

    def axis(self, ndim: int, *, none: bool = True) -> int | None:
        axes = st.integers(-ndim, ndim - 1)
        return self.draw(st.one_of(st.none(), axes) if none else axes, "axis")

    def axes(self, ndim: int) -> int | tuple[int, ...] | None:
        several = st.lists(st.integers(0, max(ndim - 1, 0)), max_size=ndim, unique=True).map(tuple)
        return self.draw(st.one_of(st.none(), st.integers(-ndim, ndim - 1), several), "axes")

    def broadcastable(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        shape = self.shape(0)
        other = [1 if self.number(0, 4, "stretch") == 0 else length for length in shape]
        other = other[self.number(0, len(other), "drop") :]
        return (shape, tuple(other)) if self.flag("order") else (tuple(other), shape)

    def values(
        self,
        dtype: str,
        shape: Sequence[int],
        *,
        low: int = -9,
        positive: bool = False,
        finite: bool = False,
        huge: bool = False,
    ) -> Values:
        """Small numbers with many ties; now and then extremes, large integers, NaN, infinities, zeros of both signs."""
        rng = self.generator()
        kind = np.dtype(dtype).kind
        if kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        if kind in "iu":
            return self._integers(rng, dtype, shape, 1 if positive else low)
        parts = [np.round(rng.normal(size=shape) * 4, 1) for _ in range(2 if kind == "c" else 1)]
        if positive:
            parts = [np.abs(part) + 0.5 for part in parts]
        elif kind == "c" and not self.wild:
            # NumPy divides by a complex zero, and orders complex NaN, in its own way.
            parts[0] = parts[0] + 0.05
        elif not finite and self.flag("special"):
            special = np.asarray([np.nan, np.inf, -np.inf, 0.0, -0.0, *((1e30, -1e-30) if huge else ())])
            parts = [np.where(rng.random(shape) < 0.1, rng.choice(special, shape), part) for part in parts]
        result = np.empty(shape, dtype)
        # Not real + 1j * imaginary: an infinite part would make the other NaN.
        result.real = parts[0]
        if kind == "c":
            result.imag = parts[1]
        return result

    def _integers(self, rng: np.random.Generator, dtype: str, shape: Sequence[int], low: int) -> Values:
        limits = np.iinfo(dtype)
        small = rng.integers(max(low, limits.min), 10, shape).astype(dtype)
        if low == 1:
            return small
        if low < 0 and self.number(0, 3, "large") == 0:
            return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        return np.where(rng.random(shape) < 0.05, limits.max, small).astype(dtype)


@dataclass(frozen=True)
class Example:
    """Host operands, and a call that takes (namespace, *operands).

    Attributes
    ----------
    truth : callable, optional
        What of the result is unique, where the call itself gives one of several right answers.
    """

    operands: tuple[Values, ...]
    call: Call
    note: str = ""
    truth: Call | None = None


@dataclass(frozen=True)
class Case:
    """A function, method or attribute, and how examples of its arguments are drawn.

    Attributes
    ----------
    name : str
        As in the namespace: ``sum``, ``linalg.inv``, ``__add__``.
    slack : float
        How many roundings may add up: 0 where not even the last bit may depend on the partition.
    last_bit : bool
        Whether the last bit alone may.
    in_strict : bool
        Whether array_api_strict takes the same arguments, and NumPy agrees with the standard.
    """

    name: str
    draw: Callable[[Source], Example] = field(repr=False)
    slack: float = 0.0
    in_strict: bool = True
    last_bit: bool = False


def drawn(
    name: str, *, slack: float = 0.0, in_strict: bool = True
) -> Callable[[Callable[[Source], Example]], Case]:
    """Turn a drawing function into the case of the function ``name``."""
    return lambda draw: Case(name, draw, slack, in_strict)


def find(xp: Any, name: str) -> Any:
    """Return the function ``name`` of a namespace, also of an extension."""
    for part in name.split("."):
        xp = getattr(xp, part)
    return xp


def dtype_name(xp: Any, dtype: Any) -> str:
    return next(name for name in ALL if getattr(xp, name) == dtype)


def assert_identical(found: Values, expected: Values) -> None:
    """Hold ``found`` to ``expected`` in every bit but those of a NaN."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)
    for part in ("real", "imag") if found.dtype.kind == "c" else ("real",) if found.dtype.kind == "f" else ():
        ours, theirs = getattr(found, part), getattr(expected, part)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(np.signbit(ours[ours == 0]), np.signbit(theirs[theirs == 0]))


def assert_same_but_the_last_bit(found: Values, expected: Values) -> None:
    """Hold ``found`` to ``expected`` but for one rounding, of the modulus of complex numbers."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype.kind not in "fc":
        assert_identical(found, expected)
        return
    assert_identical(np.isnan(found), np.isnan(expected))
    is_number = np.isfinite(expected)
    assert_identical(found[~is_number & ~np.isnan(expected)], expected[~is_number & ~np.isnan(expected)])
    found, expected = found[is_number], expected[is_number]
    eps = float(np.finfo(found.dtype).eps)
    # A sum of logarithms cancels near 0.
    assert np.all(np.abs(found - expected) <= 2 * eps * np.maximum(np.abs(expected), 1))


def assert_same(found: Values, expected: Values, slack: float = 1.0) -> None:
    """Hold ``found`` to ``expected``: exactly for integers and booleans, to a few ulps for floating-point values."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected)
        return
    if found.dtype.kind == "c":
        # By parts: beside an infinite one the other may be rounded.
        scale = _scale(expected)
        _assert_near(found.real.copy(), expected.real.copy(), slack, scale)
        _assert_near(found.imag.copy(), expected.imag.copy(), slack, scale)
        return
    _assert_near(found, expected, slack, _scale(expected))


def _scale(expected: Values) -> float:
    return float(np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0))


def _assert_near(found: Values, expected: Values, slack: float, scale: float) -> None:
    # The last bits of some functions depend on where an element lies in a block (SIMD body or tail).
    eps = float(np.finfo(found.dtype).eps)
    np.testing.assert_allclose(found, expected, rtol=4 * slack * eps, atol=32 * slack * eps * scale)
