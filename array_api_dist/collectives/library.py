"""Which MPI library this is, in its own words."""

from __future__ import annotations

from dataclasses import dataclass

import mpi4py
from mpi4py import MPI


@dataclass(frozen=True, slots=True)
class Library:
    """What is known of MPI without communication.

    Attributes
    ----------
    name : str
        The library and its version: ``"Open MPI v5.0.11"``.
    standard : str
        The version of the MPI standard that it offers: ``"3.1"``.
    mpi4py : str
        The version of the bindings.
    host : str
        What it calls this machine.
    """

    name: str
    standard: str
    mpi4py: str
    host: str


def mpi_library() -> Library:
    """Return what MPI says of itself and of this machine."""
    # The first line or clause: builds add their configuration.
    words = MPI.Get_library_version().rstrip("\0").splitlines()[0].split(",")[0]
    return Library(
        name=" ".join(words.split()),
        standard=".".join(map(str, MPI.Get_version())),
        mpi4py=mpi4py.__version__,
        host=MPI.Get_processor_name(),
    )
