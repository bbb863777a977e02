"""What this package asks of an array, and the few questions it puts to a namespace."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any, Final, Protocol, cast

import array_api_compat
import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "Namespace",
    "array_namespace",
    "as_float",
    "as_float64",
    "constant",
    "device",
    "elements_at_once",
    "eps_of",
    "greatest_of",
    "is_foreign",
    "is_leader",
    "is_on_cpu",
    "is_spread",
    "is_unordered",
    "itemsize_of",
    "laid_out_as",
    "local_blocks",
    "moved",
    "on_every_rank",
    "on_host",
    "quiet",
    "ranks_of",
    "row_squares",
    "rows_held",
    "spread_axis",
]

# The stubs that type checkers find know one of its functions only.
_compat: Final[Any] = array_api_compat

LOCAL_ELEMENTS: Final = 1 << 22
"""How many elements a temporary of a pass over rows may have on any rank: it stays in the processor's cache."""

LOCAL_ELEMENTS_ELSEWHERE: Final = 1 << 26
"""The same on accelerators, which want more to do at once."""


class Namespace(Protocol):
    """A module with the standard's functions (and data types, which only go into functions)."""

    linalg: Any

    def __getattr__(self, name: str, /) -> Callable[..., Array]: ...


class Array(Protocol):  # noqa: PLW1641 - arrays of the standard are not hashable
    """An array of any namespace of the standard."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def T(self) -> Array: ...
    def __getitem__(self, key: Any, /) -> Array: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...
    def __add__(self, other: Any, /) -> Array: ...
    def __radd__(self, other: Any, /) -> Array: ...
    def __sub__(self, other: Any, /) -> Array: ...
    def __rsub__(self, other: Any, /) -> Array: ...
    def __mul__(self, other: Any, /) -> Array: ...
    def __rmul__(self, other: Any, /) -> Array: ...
    def __truediv__(self, other: Any, /) -> Array: ...
    def __floordiv__(self, other: Any, /) -> Array: ...
    def __rtruediv__(self, other: Any, /) -> Array: ...
    def __pow__(self, other: Any, /) -> Array: ...
    def __matmul__(self, other: Any, /) -> Array: ...
    def __neg__(self) -> Array: ...
    def __and__(self, other: Any, /) -> Array: ...
    def __or__(self, other: Any, /) -> Array: ...
    def __invert__(self) -> Array: ...
    def __lt__(self, other: Any, /) -> Array: ...
    def __le__(self, other: Any, /) -> Array: ...
    def __gt__(self, other: Any, /) -> Array: ...
    def __ge__(self, other: Any, /) -> Array: ...
    def __eq__(self, other: Any, /) -> Array: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # the standard's answer is an array
    def __ne__(self, other: Any, /) -> Array: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # the standard's answer is an array
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __index__(self) -> int: ...


def array_namespace(*arrays: Array) -> Namespace:
    """Return the namespace of the arrays.

    Raises
    ------
    TypeError
        If they are of several, or of none.
    """
    return cast("Namespace", _compat.array_namespace(*arrays))


def device(x: Array) -> Any:
    """Return what the namespace's functions take as ``device``."""
    return _compat.device(x)


def is_on_cpu(x: Array) -> bool:
    """Return whether ``x`` lies in the host's memory, as its device's name says."""
    return "cpu" in str(device(x)).lower()


def is_foreign(x: object) -> bool:
    """Return whether ``x`` is an array that scikit-learn's NumPy validation must not touch."""
    return bool(_compat.is_array_api_obj(x) and not _compat.is_numpy_array(x))


def _partition_of(x: Array) -> Any:
    """Return how ``x`` is laid over ranks, by its public attribute; None for an array that knows of none."""
    return getattr(x, "partition", None)


def spread_axis(x: Array) -> int | None:
    """Return along which axis the elements of ``x`` lie on several ranks."""
    axis: int | None = getattr(_partition_of(x), "axis", None)
    return axis


def is_spread(x: Array) -> bool:
    """Return whether the rows of ``x`` lie on several ranks."""
    return spread_axis(x) == 0


def laid_out_as(model: Array, x: Array) -> Array:
    """Return ``x`` laid over the ranks as ``model``, which broadcasts to its shape; itself where that is so already.

    Communication: what doesn't lie where it is wanted moves there once.
    """
    if _partition_of(x) is None:
        return x
    xp = array_namespace(x)
    pattern = xp.broadcast_to(model, x.shape)
    if _partition_of(pattern) == _partition_of(x):
        return x
    placed = xp.empty_like(pattern, dtype=x.dtype)
    placed[...] = x
    return placed


def on_every_rank(x: Array) -> Array:
    """Return ``x`` whole on every rank, under any placement; itself where that is so already.

    Communication: an allgather when it is partitioned.
    """
    # Arrays without axes lie on every rank, and so does what they are broadcast to.
    return laid_out_as(constant(x, 0), x)


def is_leader(x: Array) -> bool:
    """Return whether this process is the one to print: rank 0 of the array's device, or the only process."""
    return getattr(device(x), "rank", 0) == 0


def ranks_of(x: Array) -> int:
    """Return how many ranks hold, or may hold, parts of ``x``."""
    return int(getattr(device(x), "ranks", 1))


def as_float(xp: Namespace, x: Array) -> Array:
    """Return ``x`` in a real floating dtype: its own, else float64."""
    return x if xp.isdtype(x.dtype, "real floating") else xp.astype(x, xp.float64)


def as_float64(xp: Namespace, x: Array) -> Array:
    """Return ``x`` as float64, itself when it is so already."""
    return xp.astype(x, xp.float64, copy=False)


def is_unordered(x: Array) -> bool:
    """Return whether the namespace knows no least and greatest number of ``x``'s integers: torch of unsigned ones."""
    if not _compat.is_torch_array(x):
        return False
    xp = array_namespace(x)
    return bool(xp.isdtype(x.dtype, "unsigned integer")) and x.dtype != xp.uint8


def constant(like: Array, value: float) -> Array:
    """Return the 0-d array ``value`` beside ``like``, in its dtype."""
    xp = array_namespace(like)
    return xp.full((), value, dtype=like.dtype, device=device(like))


def eps_of(xp: Namespace, x: Array) -> float:
    """Return the distance from 1.0 to the next number of ``x``'s dtype."""
    return float(cast("Any", xp.finfo(x.dtype)).eps)


def greatest_of(x: Array) -> float:
    """Return the greatest finite number of ``x``'s real floating dtype."""
    return float(cast("Any", array_namespace(x).finfo(x.dtype)).max)


def itemsize_of(x: Array) -> int:
    """Return how many bytes a number of ``x``'s real floating dtype takes."""
    return int(cast("Any", array_namespace(x).finfo(x.dtype)).bits) // 8


def on_host(x: Array) -> npt.NDArray[Any]:
    """Return a small array as NumPy's, to read its numbers from.

    Communication: an allgather when it is partitioned.
    """
    if _partition_of(x) is not None:
        return np.asarray(x)
    if _compat.is_torch_array(x) or _compat.is_cupy_array(x):
        x = moved(x, "cpu")
    elif _compat.is_array_api_strict_namespace(array_namespace(x)):
        # Its other devices stand for processors that NumPy can't read from.
        x = moved(x, cast("Any", array_namespace(x).__array_namespace_info__()).default_device())
    return np.asarray(x)


def moved(x: Array, where: Any) -> Array:
    """Return ``x`` on the device ``where``."""
    return x if device(x) == where else cast("Array", _compat.to_device(x, where))


def quiet() -> AbstractContextManager[object]:
    """Return a context in which NumPy does not warn of 0 / 0 and the like, to which NaN or infinity is the answer."""
    return np.errstate(divide="ignore", invalid="ignore", over="ignore")


def row_squares(xp: Namespace, x: Array) -> Array:
    """Return the squared Euclidean norm of each row. Extra memory: a bounded block."""
    blocks = local_blocks(x, x.shape[1])
    if len(blocks) <= 1:
        return xp.sum(x * x, axis=1)
    squares = xp.empty_like(x[:, 0])
    for block in blocks:
        rows = x[block, :]
        squares[block] = xp.sum(rows * rows, axis=1)
    return squares


def rows_held(x: Array) -> int:
    """Return how many rows of ``x`` the rank that holds most of them holds."""
    if not is_spread(x):
        return x.shape[0]
    bounds: tuple[int, ...] = _partition_of(x).bounds
    return max(stop - start for start, stop in pairwise(bounds))


def elements_at_once(x: Array) -> int:
    """Return how many elements a temporary of a pass over the rows of ``x`` may have on any rank."""
    return LOCAL_ELEMENTS if is_on_cpu(x) else LOCAL_ELEMENTS_ELSEWHERE


def local_blocks(x: Array, width: int, elements: int | None = None) -> list[slice]:
    """Return slices that cut the rows of ``x`` into blocks, of which no rank holds more than ``elements``.

    Interleaved where several ranks hold rows: each block is then spread over all of them, and stays where it is.

    Parameters
    ----------
    x : Array
    width : int
        How many elements a temporary has for each row.
    elements : int, optional
        ``elements_at_once`` by default.
    """
    limit, count = elements_at_once(x) if elements is None else elements, x.shape[0]
    if is_spread(x) and rows_held(x) < count:
        step = max(1, min(-(-rows_held(x) * width // limit), count))
        return [slice(start, None, step) for start in range(step)]
    rows = max(1, limit // max(width, 1))
    return [slice(start, min(start + rows, count)) for start in range(0, max(count, 1), rows)]
