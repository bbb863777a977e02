"""Where an array lives: a processor kind and the group of ranks that hold its parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch

from array_api_dist._arguments import told
from array_api_dist.collectives import Communicator, communicator_for, mpi_touches_cuda
from array_api_dist.kernels import allocation

DEVICE_VARIABLE: Final = "ARRAY_API_DIST_DEVICE"


@dataclass(frozen=True, slots=True)
class ProcessorKind:
    """A kind of processor: what torch calls it, and whether MPI may touch its memory.

    Attributes
    ----------
    name : str
        What ``Device`` takes.
    torch_device : callable
        The torch device of the rank that is number ``node_rank`` of its machine.
    is_available : callable
    mpi_touches_memory : callable
        When False, everything that moves is staged through host memory.
    """

    name: str
    torch_device: Callable[[int], torch.device]
    is_available: Callable[[], bool]
    mpi_touches_memory: Callable[[], bool]


def _cuda_device(node_rank: int) -> torch.device:
    device = torch.device("cuda", node_rank % torch.cuda.device_count())
    # The rank's own is current: libraries' contexts and locked host memory belong to that, and none to the first.
    torch.cuda.set_device(device)
    return device


_KINDS: Final[dict[str, ProcessorKind]] = {}


def register_kind(kind: ProcessorKind) -> None:
    """Let ``Device(kind.name)`` be written."""
    _KINDS[kind.name] = kind


register_kind(ProcessorKind("cpu", lambda _: torch.device("cpu"), lambda: True, lambda: True))
register_kind(ProcessorKind("cuda", _cuda_device, torch.cuda.is_available, mpi_touches_cuda))
# A host kind that pretends that MPI may not touch its memory: the staging path can be tested on every machine.
register_kind(ProcessorKind("cpu:staged", lambda _: torch.device("cpu"), lambda: True, lambda: False))

# Before the first large tensor is made: torch asks only once.
allocation.keep_pages()


def _processor(kind: str) -> ProcessorKind:
    """Return the kind of this name.

    Raises
    ------
    ValueError
        If it is unknown or this machine has none.
    TypeError
        If it is no string.
    """
    if not isinstance(kind, str):
        raise TypeError(f"the kind of a device must be a string, got {told(kind)}")
    processor = _KINDS.get(kind)
    if processor is None:
        raise ValueError(f"the kind of a device is one of {', '.join(_KINDS)}, got {kind!r}")
    if not processor.is_available():
        raise ValueError(f"no device of kind {kind!r} is available here")
    return processor


class Device:
    """A processor kind and a group of ranks: what ``device=`` takes and ``x.device`` gives.

    Parameters
    ----------
    kind : str
        ``"cpu"``, ``"cuda"`` or ``"cpu:staged"`` (host memory, staged as if MPI could not touch it).
    comm : mpi4py.MPI.Intracomm, optional
        The group of ranks; all of them by default. ``MPI.COMM_SELF`` makes ordinary local arrays.

    Raises
    ------
    ValueError
        If the kind is unknown or this machine has none.

    Notes
    -----
    Two devices are equal when kind and communicator are. Arrays on different devices don't mix.

    Messages travel on a duplicate of ``comm``, which is freed with it when no device or array of any rank needs it then.
    Otherwise these live on, and MPI has it back at its end only: ``del`` them before ``comm.Free()``.
    """

    __slots__ = ("_communicator", "_kind", "_torch_device")

    def __init__(self, kind: str, comm: object | None = None) -> None:
        processor = _processor(kind)
        self._kind = kind
        self._communicator = communicator_for(comm, staged=not processor.mpi_touches_memory())
        self._torch_device = processor.torch_device(self._communicator.node_rank)

    @property
    def kind(self) -> str:
        """The processor kind."""
        return self._kind

    @property
    def communicator(self) -> Communicator:
        """How the ranks of this device reach each other."""
        return self._communicator

    @property
    def torch_device(self) -> torch.device:
        """The torch device of this rank's parts."""
        return self._torch_device

    @property
    def rank(self) -> int:
        """This rank, in [0, ranks)."""
        return self._communicator.rank

    @property
    def ranks(self) -> int:
        """How many ranks hold parts."""
        return self._communicator.ranks

    def take_over(self) -> None:
        """Let this thread work with arrays of these ranks from here on, in place of the one that did.

        Raises
        ------
        RuntimeError
            If that one is inside an operation.

        Notes
        -----
        Operations that communicate come from one thread of each rank, the one that made the device first; others get a
        RuntimeError (not on a device of one rank). Every rank hands over at the same point of its program:
        ``ThreadPoolExecutor(1, initializer=x.device.take_over)``. Communication: none.
        """
        self._communicator.take_over()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Device):
            return False
        return self._kind == other._kind and self._communicator is other._communicator

    def __hash__(self) -> int:
        return hash((self._kind, id(self._communicator)))

    def __repr__(self) -> str:
        return f"Device({self._kind!r}, ranks={self.ranks})"

    def __copy__(self) -> Device:
        return self

    def __deepcopy__(self, memo: object) -> Device:
        return self

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        if self._communicator is not communicator_for(None, staged=self._is_staged()):
            raise TypeError(f"only a device of all ranks can be pickled, got {self!r}")
        return Device, (self._kind,)

    def _is_staged(self) -> bool:
        return not _KINDS[self._kind].mpi_touches_memory()


_override: ContextVar[Device | None] = ContextVar("array_api_dist_default_device", default=None)


@lru_cache(maxsize=1)
def _process_default() -> Device:
    kind = os.environ.get(DEVICE_VARIABLE) or "cpu"
    try:
        _processor(kind)
    except ValueError as error:
        raise ValueError(f"{DEVICE_VARIABLE}: {error}") from error
    return Device(kind)


def default_device() -> Device:
    """Return where arrays are made when nobody says: the innermost ``default_device_set``, else the environment's."""
    return _override.get() or _process_default()


@contextmanager
def default_device_set(device: Device) -> Generator[None]:
    """Make ``device`` the default of this thread inside the ``with`` block."""
    token = _override.set(device)
    try:
        yield
    finally:
        _override.reset(token)


def available_kinds() -> tuple[str, ...]:
    """Return the processor kinds that this machine has."""
    return tuple(name for name, kind in _KINDS.items() if kind.is_available())
