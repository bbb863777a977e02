"""What a worker asks of a system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

Function: TypeAlias = Callable[..., Any]
Values: TypeAlias = npt.NDArray[Any]


class System:
    """A system in one process; several ranks of it are several of these.

    Attributes
    ----------
    distribution : str
        The package whose version counts.
    functions : mapping
        Functions of native arrays, by the names that cases use.
    prepared : mapping
        What a function's operands are made into beforehand, where a system wants them in another form.
    operands : sequence
        What the function of the case is given.
    uncounted : float
        Seconds that went into measuring itself.
    """

    distribution: ClassVar[str] = "numpy"

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.functions: Mapping[str, Function] = {}
        self.prepared: Mapping[str, Function] = {}
        self.operands: Sequence[Any] = ()
        self.uncounted = 0.0

    @property
    def rank(self) -> int:
        """Which of the processes this is."""
        return 0

    def loaded(self, path: Path, axis: int | None) -> Any:
        """Return the array of a file, in parts along ``axis`` where there are several ranks."""
        del axis
        return np.load(path)

    def finished(self, result: Any) -> Any:
        """Return a result that is computed, not only asked for."""
        return result

    def values(self, result: Any) -> Values:
        """Return the whole of a result, which may be one of several."""
        return np.asarray(result)

    def barrier(self) -> None:
        """Wait for the other ranks."""

    def versions(self) -> dict[str, str]:
        """Return versions of what counts."""
        return {name: _version_of(name) for name in dict.fromkeys((self.distribution, "numpy"))}

    def forget_peaks(self) -> None:
        """Let the count of what other processes of the system take start anew."""

    def peaks_elsewhere(self) -> int:
        """Return the most bytes that other processes of the system took since, together."""
        return 0

    def close(self) -> None:
        """End what was started."""


def part(length: int, rank: int, ranks: int) -> slice:
    """Return which of ``length`` rows a rank has; sizes differ by at most one."""
    quotient, remainder = divmod(length, ranks)
    start = rank * quotient + min(rank, remainder)
    return slice(start, start + quotient + (rank < remainder))


def read(path: Path, axis: int | None, rank: int, ranks: int) -> Values:
    """Return a rank's part of a file, and no more of it."""
    whole = np.load(path, mmap_mode="r")
    if axis is None:
        return np.array(whole)
    return np.array(whole[(slice(None),) * axis + (part(whole.shape[axis], rank, ranks),)])


def _version_of(distribution: str) -> str:
    """Return its version; what is measured from a checkout need not be installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
