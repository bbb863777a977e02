"""The sizes up to which the library prefers copies, set to nothing: what tests see is then what large arrays take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final
from unittest.mock import patch

from array_api_dist import _array, _contraction, _fourier, _indexing, _matrices
from array_api_dist.collectives import base
from array_api_dist.engine import contraction, rearrangement, reduction, searching
from benchmarks.budgets import Limits

NO_COPIES: Final = Limits(
    scatter=0, lookup=0, small=0, matrices=0, triangles=0, transforms=0, gathered=0, panel=8, replica=0
)
CONSTANTS: Final[dict[object, dict[str, object]]] = {
    reduction: {"SCATTER_NBYTES": 0},
    searching: {"SMALL_NBYTES": 0},
    rearrangement: {"SMALL_NBYTES": 0},
    _indexing: {"SMALL_NBYTES": 0},
    _matrices: {"COPY_NBYTES": 0, "TREE_NBYTES": 0, "PANEL_WIDTH": 8},
    _array: {"REPLICA_SIZE": 0},
    base: {"GATHERED_NBYTES": 0},
    _contraction: {"RING_NBYTES": 0, "GATHER_NBYTES": 0, "SCATTER_NBYTES": 0},
    _fourier: {"plan": partial(_fourier.plan, limit=0)},
}


def _forget_choices() -> None:
    _contraction.choose.cache_clear()
    contraction._planned.cache_clear()


@contextmanager
def without_copies() -> Iterator[None]:
    """Let nothing be small enough to be copied instead of moved, on all threads of the process."""
    patches = [patch.multiple(module, **values) for module, values in CONSTANTS.items()]
    for each in patches:
        each.start()
    _forget_choices()
    try:
        yield
    finally:
        for each in patches:
            each.stop()
        _forget_choices()
