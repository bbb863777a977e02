"""What results must be: NumPy's, in double precision, in this process."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.cases import DATASETS, Case, Scale
from benchmarks.cases.canonical import Values, canonical
from benchmarks.systems.numpy_system import NumPy

_WIDER: Final = {"float32": np.float64, "complex64": np.complex128}


def expected(case: Case, scale: Scale, factor: int) -> list[Values]:
    """Return the results of a case."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        reference = NumPy(Path(directory))
        operands = [_operand(each.dataset, scale, factor) for each in case.operands]
        if case.function == "load_hdf5":
            return [operands[0]]
        result = reference.functions[case.function](*operands, **case.options)
        results = result if isinstance(result, (tuple, list)) else [result]
        return canonical(case.function, list(results))


@lru_cache(maxsize=2)
def _operand(dataset: str, scale: Scale, factor: int) -> Values:
    """Return a data set, which cases that follow one another share, in double precision."""
    return _widened(DATASETS[dataset].values(scale, factor))


def _widened(values: Values) -> Values:
    return values.astype(_WIDER.get(str(values.dtype), values.dtype), copy=False)


def difference(found: list[Values], wanted: list[Values], tolerance: float) -> str | None:
    """Return in what way results are not as they must be, or None."""
    if len(found) != len(wanted):
        return f"gives {len(found)} results, not {len(wanted)}"
    for one, other in zip(found, wanted, strict=True):
        if one.shape != other.shape:
            return f"has the shape {one.shape}, not {other.shape}"
        error = _error(one, other)
        if not error <= tolerance:
            return f"is off by {error:.1e} of the largest value"
    return None


def _error(found: Values, wanted: Values) -> float:
    if found.size == 0:
        return 0.0
    if not _is_inexact(wanted):
        return float(np.mean(found != wanted))
    scale: Any = np.max(np.abs(wanted))
    return float(np.max(np.abs(found - wanted)) / (scale if scale > 0 else 1.0))


def _is_inexact(values: Values) -> bool:
    return bool(np.issubdtype(values.dtype, np.inexact))
