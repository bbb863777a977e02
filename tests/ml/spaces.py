"""The namespaces and placements that every function of array_api_dist_ml is held to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as numpy_namespace
import array_api_compat.torch as torch_namespace
import array_api_strict
import numpy as np
import numpy.typing as npt
from mpi4py import MPI

import array_api_dist
from array_api_dist.partition import default_partition

RANKS = MPI.COMM_WORLD.size


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace, and how its new arrays are laid over the ranks where it has ranks."""

    name: str
    xp: Any
    placement: str | None = None

    def __str__(self) -> str:
        return self.name if self.placement is None else f"{self.name}-{self.placement}"

    def array(self, values: Any) -> Any:
        """Return the values of a NumPy array as an array of this namespace."""
        return self.xp.asarray(np.ascontiguousarray(values) if np.ndim(values) else values)

    @contextmanager
    def placed(self) -> Iterator[None]:
        if self.placement is None:
            yield
            return
        with default_partition(self.placement):
            yield


def host(x: Any) -> npt.NDArray[Any]:
    """Return the values of an array of any namespace."""
    return np.asarray(x)


PLACEMENTS = ("uneven", "mixed", "auto", "none", "first", "last")
# The others are run with -m slow.
QUICK_PLACEMENTS = ("auto", "mixed") if RANKS == 1 else ("uneven", "mixed")
DISTRIBUTED = tuple(Space("array_api_dist", array_api_dist, placement) for placement in PLACEMENTS)
LOCAL = (
    Space("numpy", numpy_namespace),
    Space("torch", torch_namespace),
    Space("array_api_strict", array_api_strict),
)
# Every rank would repeat what one process has shown.
SPACES = (*LOCAL, *DISTRIBUTED) if RANKS == 1 else DISTRIBUTED
