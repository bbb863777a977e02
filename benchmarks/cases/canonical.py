"""Results in a form in which equal ones are equal: signs that a factorization may choose are gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[Any]


def _signless(results: Sequence[Values]) -> list[Values]:
    return [np.abs(each) for each in results]


def _spectrum(results: Sequence[Values]) -> list[Values]:
    # Of U, S and Vh; HeAT's is U, S and V.
    return [np.sort(results[1])[::-1]]


def _only(results: Sequence[Values]) -> list[Values]:
    return [np.concatenate([np.atleast_1d(np.squeeze(each)) for each in results])]


def _sorted(results: Sequence[Values]) -> list[Values]:
    # The standard leaves their order open, and NumPy's is that of a hash table.
    return [np.sort(each) for each in results]


def _read(results: Sequence[Any]) -> list[Values]:
    import h5py

    found: list[Values] = []
    for each in results:
        with h5py.File(str(each)) as file:
            found.append(np.asarray(file["x"]))
    return found


_FORMS: Final[dict[str, Callable[[Sequence[Any]], list[Values]]]] = {
    "qr": _signless,
    "svd": _spectrum,
    "save_hdf5": _read,
    "unique_values": _sorted,
    "nonzero": _only,
}


def canonical(function: str, results: Sequence[Any]) -> list[Values]:
    """Return a function's results in the form that is compared."""
    form = _FORMS.get(function)
    return form(results) if form else [np.squeeze(np.asarray(each)) for each in results]
