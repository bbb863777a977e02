"""Functions of data types, and what the namespace says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cases.drawing import ALL, FLOATING, INTEGER, Case, Example, Source, drawn, dtype_name

KINDS = [
    "bool",
    "signed integer",
    "unsigned integer",
    "integral",
    "real floating",
    "complex floating",
    "numeric",
]


@drawn("astype")
def ASTYPE(s: Source) -> Example:
    source, target = s.dtype(ALL), s.dtype(ALL)
    if np.dtype(source).kind == "c" and np.dtype(target).kind != "c":
        target = "complex64"
    # What does not fit the target is left open.
    low = 0 if np.dtype(target).kind == "u" else -9
    x = (
        np.abs(s.values(source, s.shape(0), low=low, positive=True))
        if low == 0
        else s.values(source, s.shape(0), finite=True)
    )
    x = x if np.dtype(source).kind not in "iu" else (x % 10).astype(source)
    copy = s.flag("copy")
    return Example((x,), lambda xp, a: xp.astype(a, getattr(xp, target), copy=copy), f"{source} -> {target}")


@drawn("can_cast")
def CAN_CAST(s: Source) -> Example:
    source, target = s.dtype(ALL), s.dtype(ALL)
    return Example(
        (s.values(source, s.shape(0)),),
        lambda xp, a: (
            xp.can_cast(a, getattr(xp, target)),
            xp.can_cast(getattr(xp, source), getattr(xp, target)),
        ),
        f"{source} -> {target}",
    )


@drawn("result_type")
def RESULT_TYPE(s: Source) -> Example:
    dtype = s.dtype(ALL)
    kind = np.dtype(dtype).kind
    other = s.dtype([name for name in ALL if np.dtype(name).kind == kind])
    scalar = {"b": True, "c": 1j, "f": 0.5}.get(kind, 1)
    return Example(
        (s.values(dtype, s.shape(0)),),
        lambda xp, a: dtype_name(xp, xp.result_type(a, getattr(xp, other), scalar)),
        f"{dtype} {other}",
    )


@drawn("isdtype")
def ISDTYPE(s: Source) -> Example:
    dtype, kind = s.dtype(ALL), s.draw(st.sampled_from(KINDS))
    return Example(
        (), lambda xp: (xp.isdtype(getattr(xp, dtype), kind), xp.isdtype(getattr(xp, dtype), (kind, xp.int8)))
    )


def limits(name: str, dtypes: list[str], attributes: list[str]) -> Case:
    def draw(s: Source) -> Example:
        dtype = s.dtype(dtypes)

        def call(xp: Any, a: Any) -> Any:
            info = getattr(xp, name)(a)
            return tuple(getattr(info, each) for each in attributes), dtype_name(xp, info.dtype)

        return Example((s.values(dtype, s.shape(0)),), call, dtype)

    return Case(name, draw)


def info(read: Callable[[Any, Any], Any]) -> Case:
    return Case(
        "__array_namespace_info__", lambda s: Example((), lambda xp: read(xp, xp.__array_namespace_info__()))
    )


METADATA_CASES = [
    ASTYPE, CAN_CAST, RESULT_TYPE, ISDTYPE,
    limits("finfo", FLOATING, ["bits", "eps", "max", "min", "smallest_normal"]),
    limits("iinfo", INTEGER, ["bits", "max", "min"]),
    info(lambda xp, info: sorted(info.capabilities().items())),
    info(lambda xp, info: sorted(info.dtypes())),
    info(lambda xp, info: sorted(info.dtypes(kind=("integral", "bool")))),
    info(lambda xp, info: [(kind, dtype_name(xp, each)) for kind, each in info.default_dtypes().items()]),
    info(lambda xp, info: info.default_device() in info.devices()),
]  # fmt: skip
