"""The functions in the words of the Array API standard: for every namespace that speaks it."""

from __future__ import annotations

from typing import Any

from benchmarks.systems.system import Function


def standard_moment(xp: Any, x: Any, axis: int | None, order: int) -> Any:
    """Return the third or fourth standard moment in the words of NumPy and Dask."""
    centred = x - xp.mean(x, axis=axis, keepdims=True)
    # Products: powers by the general function take ten times as long.
    squares = centred * centred
    powers = squares * (centred if order == 3 else squares)
    return xp.mean(powers, axis=axis) / xp.mean(squares, axis=axis) ** (order / 2)


def standard_functions(xp: Any) -> dict[str, Function]:
    """Return what the standard itself has a word for."""
    return {
        "add": lambda x, y: x + y,
        "sqrt": xp.sqrt,
        "exp": xp.exp,
        "slice": lambda x: x[1:5],
        "flat": lambda x: xp.reshape(x, (-1,)),
        "number": lambda x: float(x[3, 2]),
        "chain": lambda x, y: xp.exp(-(x * x) / 2) * y + x,
        "where": lambda x, y: xp.where(x > 0, x, y),
        **{name: getattr(xp, name) for name in ("sum", "prod", "max", "argmax", "all", "mean", "var", "std")},
        "cumulative_sum": xp.cumulative_sum,
        "matmul": lambda x, y: x @ y,
        "qr": xp.linalg.qr,
        "svd": lambda x: xp.linalg.svd(x, full_matrices=False),
        "fft": xp.fft.fft,
        "transpose_reshape": lambda x: xp.reshape(x.T, (-1,)),
        "roll": lambda x: xp.roll(x, 1000, axis=0),
        "rolled_flat": lambda x: xp.roll(x, 12345),
        "negative": xp.negative,
        "concat": lambda x, y: xp.concat([x, y], axis=0),
        "sort": xp.sort,
        "argsort": xp.argsort,
        "unique_values": xp.unique_values,
        "searchsorted": xp.searchsorted,
        "mask": lambda x, chosen: x[chosen],
        "integers": lambda x, indices: x[indices],
        "nonzero": xp.nonzero,
    }
