"""Which systems there are, where their code is, and on how many ranks they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Spread: TypeAlias = Literal["mpi", "cluster", "none"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A system.

    Attributes
    ----------
    name : str
    module, member : str
        Where its class is.
    requirements : str or None
        The file of its environment's pins; None for the environment that this program runs in.
    spread : {"mpi", "cluster", "none"}
        Whether it has ranks, processes of its own, or one process only.
    """

    name: str
    module: str
    member: str
    requirements: str | None
    spread: Spread


@dataclass(frozen=True, slots=True, order=True)
class Layout:
    """So many ranks with so many threads each."""

    ranks: int
    threads: int

    def __str__(self) -> str:
        """Return ranks by threads."""
        return f"{self.ranks}x{self.threads}"


DEVICES: Final = ("cpu", "cuda")

OWN: Final = "array_api_dist"
"""The system that the others are compared with."""

SYSTEMS: Final[dict[str, Entry]] = {
    entry.name: entry
    for entry in (
        Entry(OWN, "array_api_dist_system", "ArrayApiDist", None, "mpi"),
        Entry("torch", "torch_system", "Torch", "torch", "none"),
        Entry("numpy", "numpy_system", "NumPy", "numpy", "none"),
        Entry("scipy", "scipy_system", "SciPy", "scipy", "none"),
        Entry("scikit-learn", "sklearn_system", "ScikitLearn", "scikit-learn", "none"),
        Entry("heat", "heat_system", "HeAT", "heat", "mpi"),
        Entry("dask-auto", "dask_system", "Dask", "dask", "cluster"),
        Entry("dask-tuned", "dask_system", "TunedDask", "dask", "cluster"),
    )
}


def chosen(names: Sequence[str]) -> list[Entry]:
    """Return the systems of these names, all where there are none.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"a system is one of {', '.join(SYSTEMS)}, got {', '.join(unknown)}")
    return [entry for name, entry in SYSTEMS.items() if not names or name in names]


def on_device(entries: Sequence[Entry], device: str) -> list[Entry]:
    """Return those of the systems that compute on ``device``, all of them on "cpu".

    On a GPU both are those of the environment that this program runs in: one torch, one CUDA.
    """
    if device == "cpu":
        return list(entries)
    return [replace(entry, requirements=None) for entry in entries if entry.name in (OWN, "torch")]


def layouts(entry: Entry, ranks: Sequence[int], cores: int) -> list[Layout]:
    """Return the layouts of a system: all cores at every number of ranks, and one core to scale from."""
    one = [Layout(1, 1)]
    if entry.spread == "none":
        # Only torch's single thread is needed: it says which cases scale at all.
        return sorted({Layout(1, cores), *(one if entry.name == "torch" else [])})
    if entry.spread == "cluster":
        return [Layout(max(ranks), max(cores // max(ranks), 1))]
    return sorted({*one, *(Layout(each, max(cores // each, 1)) for each in ranks)})
