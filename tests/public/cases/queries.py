"""Reductions, scans, sorting, searching, sets, indexing functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from cases.drawing import (
    ALL,
    COMPLEX,
    FLOATING,
    INTEGER,
    NUMERIC,
    REAL,
    REAL_FLOATING,
    Case,
    Example,
    Source,
    drawn,
)

# What the order of the elements rounds.
ROUNDED = {"sum", "prod", "mean", "var", "std", "cumulative_sum", "cumulative_prod"}


def unordered(name: str, dtype: str) -> bool:
    """Return whether the order decides what comes of infinities: products of complex numbers."""
    return name in {"prod", "cumulative_prod"} and dtype in COMPLEX


def unary(name: str, least: int = 0) -> Case:
    def draw(s: Source) -> Example:
        x = s.values(s.dtype(ALL), s.shape(least))
        return Example((x,), lambda xp, a: getattr(xp, name)(a))

    return Case(name, draw)


def reduction(name: str, dtypes: list[str], *, may_be_empty: bool = True, corrected: bool = False) -> Case:
    def draw(s: Source) -> Example:
        dtype = s.dtype(dtypes)
        x = s.values(dtype, s.shape(0, 3, 0 if may_be_empty else 1), finite=unordered(name, dtype))
        keywords: dict[str, Any] = {
            "axis": s.axes(x.ndim) if x.ndim else None,
            "keepdims": s.flag("keepdims"),
        }
        if corrected:
            keywords["correction"] = s.draw(st.sampled_from([0.0, 1, 0.5]))
        return Example((x,), lambda xp, a: getattr(xp, name)(a, **keywords), str(keywords))

    return Case(name, draw, float(name in ROUNDED))


def along(
    name: str, dtypes: list[str], *, none: bool = False, least: int = 0, **options: st.SearchStrategy[Any]
) -> Case:
    """A function with one ``axis`` keyword and further drawn keywords."""

    def draw(s: Source) -> Example:
        dtype = s.dtype(dtypes)
        # Where NaN goes in a descending sort is open.
        finite = name in {"sort", "argsort"} and not s.wild
        x = s.values(dtype, s.shape(1, 3, least), finite=finite or unordered(name, dtype))
        keywords = {key: s.draw(each, key) for key, each in options.items()}
        keywords["axis"] = s.axis(x.ndim, none=none)
        return Example((x,), lambda xp, a: getattr(xp, name)(a, **keywords), str(keywords))

    return Case(name, draw, float(name in ROUNDED))


@drawn("where")
def WHERE(s: Source) -> Example:
    first, second = s.broadcastable()
    dtype = s.dtype(ALL)
    operands = (s.values("bool", first), s.values(dtype, second), s.values(dtype, first))
    return Example(operands, lambda xp, c, a, b: xp.where(c, a, b))


@drawn("searchsorted")
def SEARCHSORTED(s: Source) -> Example:
    dtype = s.dtype(REAL)
    x = s.values(dtype, (s.number(1, 20),))
    side = s.draw(st.sampled_from(["left", "right"]))
    v = s.values(dtype, s.shape(0, 2))
    if s.flag():
        return Example((np.sort(x), v), lambda xp, a, b: xp.searchsorted(a, b, side=side))
    return Example(
        (x, v, np.argsort(x, kind="stable")), lambda xp, a, b, s: xp.searchsorted(a, b, side=side, sorter=s)
    )


@drawn("take")
def TAKE(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1, 3, 1))
    axis = s.number(-x.ndim, x.ndim - 1)
    rng = np.random.default_rng(s.number(0, 999))
    indices = rng.integers(0, x.shape[axis], s.number(0, 12))
    return Example((x, indices), lambda xp, a, i: xp.take(a, i, axis=axis))


@drawn("take_along_axis")
def TAKE_ALONG_AXIS(s: Source) -> Example:
    x = s.values(s.dtype(ALL), s.shape(1, 3, 1))
    axis = s.number(-x.ndim, x.ndim - 1)
    shape = list(x.shape)
    shape[axis] = s.number(0, 7)
    rng = np.random.default_rng(s.number(0, 999))
    indices = rng.integers(0, x.shape[axis], shape)
    return Example((x, indices), lambda xp, a, i: xp.take_along_axis(a, i, axis=axis))


@drawn("isin", in_strict=False)
def ISIN(s: Source) -> Example:
    dtype = s.dtype(INTEGER)
    invert = s.flag()
    operands = (s.values(dtype, s.shape(0)), s.values(dtype, s.shape(0, 2)))
    return Example(operands, lambda xp, a, b: xp.isin(a, b, invert=invert))


@drawn("diff")
def DIFF(s: Source) -> Example:
    x = s.values(s.dtype(NUMERIC), s.shape(1, 3, 1))
    axis, n = s.number(-x.ndim, x.ndim - 1), s.number(0, 2)
    return Example((x,), lambda xp, a: xp.diff(a, axis=axis, n=n))


QUERY_CASES = [
    *(reduction(name, NUMERIC) for name in ("sum", "prod")),
    reduction("mean", FLOATING),
    *(reduction(name, ALL) for name in ("all", "any", "count_nonzero")),
    *(reduction(name, REAL, may_be_empty=False) for name in ("min", "max")),
    *(reduction(name, REAL_FLOATING, may_be_empty=False, corrected=True) for name in ("var", "std")),
    along("argmin", REAL, none=True, least=1, keepdims=st.booleans()),
    along("argmax", REAL, none=True, least=1, keepdims=st.booleans()),
    along("cumulative_sum", NUMERIC, include_initial=st.booleans()),
    along("cumulative_prod", NUMERIC, include_initial=st.booleans()),
    along("sort", REAL, descending=st.booleans(), stable=st.booleans()),
    along("argsort", REAL, descending=st.booleans(), stable=st.just(True)),
    *(unary(name) for name in ("unique_values", "unique_counts", "unique_inverse", "unique_all")),
    unary("nonzero", 1),
    WHERE, SEARCHSORTED, TAKE, TAKE_ALONG_AXIS, ISIN, DIFF,
]  # fmt: skip
