"""Arrays in HDF5 files: each rank reads and writes its own part only."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from hashlib import blake2b
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias
from typing import cast as cast_type

import h5py
import numpy.typing as npt
import torch

from array_api_dist import _dtypes as dt
from array_api_dist import _hdf5
from array_api_dist._array import Array
from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._validation import block_of, device_or_default, dtype_checked
from array_api_dist.collectives import Communicator
from array_api_dist.engine.probe import gathered_text
from array_api_dist.kernels.cast import cast
from array_api_dist.kernels.dtypes import TORCH
from array_api_dist.partition import partition_along

__all__ = ["load_hdf5", "save_hdf5"]

Location: TypeAlias = str | PathLike[str]
Index: TypeAlias = tuple[slice, ...]

PATH_NBYTES: Final = 1 << 12
"""As much as the system takes."""

_NAME_NBYTES: Final = 32
"""More than the temporary file's name takes."""

BLOCK_NBYTES: Final = 1 << 23
"""How many bytes pass through a buffer at a time: 64k rows of 16 float64 columns."""


# ---- pure: which blocks


def _blocks(shape: Shape, elements: int) -> Iterator[Index]:
    """Yield the index of each block of at most ``elements`` elements (one at least), in order; none are missed."""
    if prod(shape) == 0:
        return
    if prod(shape) <= elements or not shape:
        yield tuple(slice(0, length) for length in shape)
        return
    step = max(1, elements // max(1, prod(shape[1:])))
    for start in range(0, shape[0], step):
        head = slice(start, min(start + step, shape[0]))
        for tail in _blocks(shape[1:], max(1, elements // (head.stop - head.start))):
            yield (head, *tail)


def _whole(local: torch.Tensor) -> Index:
    return tuple(slice(0, length) for length in local.shape)


def _shifted(index: Index, partition: Partition, rank: int) -> Index:
    """Return the place in the whole array of what is at ``index`` in ``rank``'s part."""
    if partition.axis is None:
        return index
    offset = partition.bounds[rank]
    cut = index[partition.axis]
    moved = slice(cut.start + offset, cut.stop + offset)
    return (*index[: partition.axis], moved, *index[partition.axis + 1 :])


# ---- reading


def _attempt(step: Callable[[], None]) -> Exception | None:
    """Return the error of ``step``, to be agreed between the ranks, or None."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - whatever a file system raises is raised on every rank
        return error
    return None


def load_hdf5(
    path: Location,
    dataset: str,
    *,
    partition: Partition | int | None = 0,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Array:
    """Return a data set of an HDF5 file as an array; each rank reads only its own part.

    Parameters
    ----------
    path : path-like
        A file that every rank can read, the same for all: copies on several machines keep its times (``cp -p``).
    dataset : str
        Its name, with the groups that it lies in: ``"group/name"``.
    partition : Partition, int or None, optional
        The layout, or the axis to split evenly, or None for a copy on every rank. A 0-d array is replicated.
    dtype : DType, optional
        Of the array; that of the file by default (half precision becomes float32).
    device : Device, optional

    Returns
    -------
    Array, of the data set's shape

    Raises
    ------
    FileNotFoundError, OSError
        On every rank, if a rank cannot read the file.
    LookupError
        On every rank, if there is no such data set; the message lists those there are.
    TypeError
        On every rank, if the data set does not hold numbers or booleans, or complex ones for a real ``dtype``; or
        ``dataset`` is no string.
    ValueError
        On every rank, if the partition does not fit the shape, ``dataset`` holds a NUL, or the ranks see other
        files: in the shape or type of the data set, their size or the time of their last change.

    Notes
    -----
    Communication: an allgather of 16 bytes, and an agreement of 8 that no rank failed. Memory: the part, and a buffer
    of 8 MiB.
    """
    device = device_or_default(device)
    _hdf5.require_name(dataset)
    if dtype is not None:
        dtype_checked(dtype)
    source = Path(path)
    with ExitStack() as files:
        found: list[h5py.Dataset] = []
        # Opened once: opening takes as long as reading some megabytes.
        seen: list[str] = []

        def find() -> None:
            found.append(_hdf5.found(files.enter_context(_hdf5.opened(source)), source, dataset))
            seen.append(_seen(found[0]))

        _agree_on_file(_attempt(find), "".join(seen), source, device.communicator)
        shape, stored = tuple(found[0].shape), found[0].dtype
        held = _hdf5.dtype_in_file(stored)
        wanted = held if dtype is None else dtype
        if held is None or wanted is None or (dt.is_complex(held) and not dt.is_complex(wanted)):
            raise TypeError(
                f"complex values load as complex data types only, got dtype={wanted} for {stored}"
            )
        layout = REPLICATED if shape == () and partition == 0 else partition_along(partition, shape, device)
        parts: list[torch.Tensor] = []
        device.communicator.agree(
            _attempt(lambda: parts.append(_part(found[0], TORCH[held], TORCH[wanted], layout, device)))
        )
    return Array._from_block(Block(parts[0], shape, layout, device))


def _seen(found: h5py.Dataset) -> str:
    """Return what must be the same of a data set, and of the file that it was found in, on every rank."""
    # Of the open file: another one may have got the name since.
    about = os.fstat(cast_type("Any", found.file.id).get_vfd_handle())
    return f"{found.shape} {found.dtype.str}, {about.st_size} bytes, changed at {about.st_mtime_ns} ns"


def _agree_on_file(error: Exception | None, seen: str, source: Path, communicator: Communicator) -> None:
    """Return if no rank has an error and all have ``seen`` the same. Communication: then one allgather of 16 bytes.

    Raises
    ------
    Exception
        That of the first rank that has one, on every rank.
    ValueError
        On every rank, if what two have seen differs.
    """
    digest = int.from_bytes(blake2b(seen.encode(), digest_size=8).digest(), "big", signed=True)
    mine = torch.tensor([[error is None, digest]], dtype=torch.int64)
    every = communicator.allgather(mine, 0, (1,) * communicator.ranks).tolist()
    if not all(opened for opened, _ in every):
        communicator.agree(error)
    other = next((rank for rank, facts in enumerate(every) if facts != every[0]), None)
    if other is not None:
        texts = gathered_text(
            communicator, os.fsencode(source.absolute()).decode(errors="replace") + f": {seen}"
        )
        raise ValueError(
            "an array is loaded from a file that is the same on every rank (copies keep its times: cp -p), "
            f"got {texts[0]} on rank 0 and {texts[other]} on rank {other}"
        )


def _broadcast_text(text: str, communicator: Communicator) -> str:
    """Return the first rank's ``text``, of at most ``PATH_NBYTES``. Communication: one broadcast of so many bytes."""
    data = os.fsencode(text)[:PATH_NBYTES].ljust(PATH_NBYTES, b"\0")
    told = communicator.broadcast(torch.frombuffer(bytearray(data), dtype=torch.uint8), 0)
    return os.fsdecode(told.numpy().tobytes().rstrip(b"\0"))


def _part(
    found: h5py.Dataset, held: torch.dtype, wanted: torch.dtype, layout: Partition, device: Device
) -> torch.Tensor:
    """Return this rank's part of a data set of type ``held``."""
    shape = layout.local_shape(found.shape, device.rank)
    local = torch.empty(shape, dtype=wanted, device=device.torch_device)
    _read_part(found, local, layout, device.rank, held)
    return local


def _read_part(
    found: h5py.Dataset, local: torch.Tensor, layout: Partition, rank: int, held: torch.dtype
) -> None:
    """Fill ``local`` with this rank's part of a data set of type ``held``: block by block where it is converted."""
    if local.ndim == 0:
        local.copy_(cast(_buffer((), held, found), local.dtype))
        return
    if local.dtype == held and local.device.type == "cpu":
        if local.numel():
            found.read_direct(local.numpy(), _shifted(_whole(local), layout, rank))
        return
    for index in _blocks(tuple(local.shape), BLOCK_NBYTES // max(local.element_size(), held.itemsize)):
        place = _shifted(index, layout, rank)
        shape = tuple(cut.stop - cut.start for cut in index)
        buffer = torch.empty(shape, dtype=held)
        found.read_direct(buffer.numpy(), place, tuple(slice(0, length) for length in shape))
        local[index] = cast(buffer, local.dtype).to(local.device)


def _buffer(shape: Shape, held: torch.dtype, found: h5py.Dataset) -> torch.Tensor:
    """Return a whole small data set."""
    buffer = torch.empty(shape, dtype=held)
    buffer.numpy()[...] = found[()]
    return buffer


# ---- saving


def save_hdf5(path: Location, dataset: str, x: Array) -> None:
    """Write an array to a data set of an HDF5 file, from all ranks; other data sets of that file are kept.

    Parameters
    ----------
    path : path-like
        A file in a folder that every rank can write to; the first rank's counts. The whole is written beside it, or
        beside what it is a link to, and renamed in the end: whoever reads ``path``, and a job that dies on the way,
        sees the old file or the new one, which has the old one's mode.
    dataset : str
        Its name, with the groups to put it in: ``"group/name"``. A data set of that name is replaced.
    x : Array

    Raises
    ------
    OSError
        On every rank, if a rank cannot write, or ``path`` is a device, a folder or anything else but a file, or a file
        that is open to write (of which HDF5's locks tell, where the file system has them).
    TypeError
        On every rank, if ``dataset`` is no string.
    ValueError
        On every rank, if ``dataset`` names a group or a link that leads nowhere, is empty, or holds a NUL.

    Notes
    -----
    The ranks write at once where h5py is built with parallel HDF5 (``h5py.get_config().mpi``), else in turns.
    Communication: P + 2 agreements of 8 bytes (at once, or for a replicated array: 3) and one broadcast of 4 KiB, the
    path; parallel HDF5 has its own.
    Memory: a buffer of 8 MiB.
    """
    block = block_of(x, dt.ALL, "save_hdf5")
    _hdf5.require_name(dataset)
    communicator = block.communicator
    targets: list[Path] = []
    error = _attempt(lambda: targets.append(_target(Path(path)))) if communicator.rank == 0 else None
    beside = targets[0].with_name(f".{secrets.token_hex(8)}.partial") if targets else ""
    temporary = Path(_broadcast_text(str(beside), communicator))

    def begin() -> None:
        if error is not None:
            raise error
        _begin(temporary, targets[0], dataset, block)

    try:
        communicator.agree(_attempt(begin) if communicator.rank == 0 else None)
        _write_whole(temporary, dataset, block)
        communicator.agree(
            _attempt(lambda: _publish(temporary, targets[0])) if communicator.rank == 0 else None
        )
    except BaseException:
        # Any rank: where one is interrupted the others may be ended before they come here.
        _discard(temporary)
        raise


def _discard(temporary: Path) -> None:
    """Remove a file if it is there; where that fails the error before is the one to be seen."""
    with suppress(OSError):
        if temporary.name:
            temporary.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    """Return the file that a path leads to, to be written or made.

    Raises
    ------
    OSError
        If something else is there, or the path is too long.
    """
    try:
        target = path.resolve()
    except RuntimeError as error:
        raise OSError(f"an array is saved to a file, got {path}: {error}") from error
    if target.exists() and not target.is_file():
        raise OSError(f"an array is saved to a file, not to a folder or device, got {path}")
    if len(os.fsencode(target)) >= PATH_NBYTES - _NAME_NBYTES:
        raise OSError(f"a path has less than {PATH_NBYTES - _NAME_NBYTES} bytes, got {path}")
    return target


def _begin(temporary: Path, target: Path, dataset: str, block: Block) -> None:
    """Make the file that the ranks write to, with all that is kept of the old one."""
    if target.exists():
        _hdf5.require_closed(target)
        if not _hdf5.holds_only(target, dataset):
            shutil.copy(target, temporary)
    with h5py.File(str(temporary), "a") as file:
        _hdf5.created(file, dataset, block.shape, _host(block.local.new_empty(0)).dtype)


def _publish(temporary: Path, target: Path) -> None:
    # On the disk before it gets the name: after a loss of power too, the name means a whole file.
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    if target.exists():
        shutil.copymode(target, temporary)
    temporary.replace(target)


def _write_whole(temporary: Path, dataset: str, block: Block) -> None:
    communicator = block.communicator
    comm = _parallel(block)
    if comm is not None:
        communicator.agree(_attempt(lambda: _append(temporary, dataset, block, driver="mpio", comm=comm)))
        return
    for writer in range(_writers(block)):
        communicator.agree(
            _attempt(lambda: _append(temporary, dataset, block)) if communicator.rank == writer else None
        )


def _writers(block: Block) -> int:
    """Return how many ranks, from the first on, have something to write."""
    return 1 if block.partition.axis is None else len(block.partition.counts)


def _parallel(block: Block) -> object | None:
    """Return the communicator for parallel HDF5, or None where h5py is built without it."""
    return block.communicator.mpi if _hdf5.UNTYPED.get_config().mpi else None


def _append(temporary: Path, dataset: str, block: Block, **access: object) -> None:
    # With parallel HDF5 opening and closing are collective, whatever fails between; writing is not. The data set, too:
    # closing a file hung where one rank alone had opened a data set of shape () in it.
    with h5py.File(str(temporary), "r+", **access) as file:
        found = _hdf5.found(file, temporary, dataset)
        if block.communicator.rank < _writers(block):
            _write_part(found, block)


def _host(tensor: torch.Tensor) -> npt.NDArray[Any]:
    return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().numpy()


def _write_part(target: h5py.Dataset, block: Block) -> None:
    """Write this rank's part, block by block."""
    local = block.local
    for index in _blocks(tuple(local.shape), BLOCK_NBYTES // local.element_size()):
        place = _shifted(index, block.partition, block.communicator.rank)
        target[place] = _host(local[index])
