"""HDF5 files by name and type: what is in them, and what may be put there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from typing import cast as cast_type

import h5py
import numpy as np

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import told
from array_api_dist._dtypes import DType
from array_api_dist._partition import Shape

UNTYPED: Final = cast_type("Any", h5py)
"""What h5py-stubs leave out: the low-level interface and how h5py was built."""


def dtype_in_file(kind: np.dtype[Any]) -> DType | None:
    """Return the standard's data type that holds what a file stores as ``kind``, or None when it is not numeric."""
    if kind.kind == "b":
        return dt.bool
    if kind.kind in "iu" and kind.itemsize <= 8:
        return dt.dtype_named(f"{'u' if kind.kind == 'u' else ''}int{8 * kind.itemsize}")
    if kind.kind == "f":
        return dt.float32 if kind.itemsize <= 4 else dt.float64
    if kind.kind == "c":
        return dt.complex64 if kind.itemsize <= 8 else dt.complex128
    return None


def _dataset_names(group: h5py.Group) -> list[str]:
    names: list[str] = []

    def note(name: str, member: object) -> None:
        if isinstance(member, h5py.Dataset):
            names.append(name)

    group.visititems(note)
    return names


def opened(path: Path) -> h5py.File:
    """Open a file to read.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OSError
        If it is not an HDF5 file or cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"an array is loaded from an existing file, got {path}")
    try:
        return h5py.File(str(path), "r")
    except OSError as error:
        raise OSError(
            f"an array is loaded from an HDF5 file that can be read, got {path}: {error}"
        ) from error


def _member(file: h5py.File, name: str) -> object:
    """Return what has this name, None where nothing has, or a link that leads nowhere."""
    try:
        return file.get(name)
    except (KeyError, OSError, RuntimeError):
        # A soft link to itself.
        return None


def require_name(dataset: object) -> None:
    """Raise TypeError if the name of a data set is no string, ValueError if it holds a NUL, where HDF5 would take it to end."""
    if not isinstance(dataset, str):
        raise TypeError(f"the name of a data set is a string, got {told(dataset)}")
    if "\0" in dataset:
        raise ValueError(f"the name of a data set holds no NUL, got {dataset!r}")


def found(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    """Return the data set ``name``.

    Raises
    ------
    LookupError
        If the file has no such data set.
    TypeError
        If it does not hold numbers.
    """
    member = _member(file, name) if name else None
    if not isinstance(member, h5py.Dataset):
        there = ", ".join(map(repr, _dataset_names(file))) or "none"
        raise LookupError(f"the data sets of {path} are {there}; got {name!r}")  # noqa: TRY004 - of the wrong name
    # A data set without a shape has no values at all.
    if cast_type("Shape | None", member.shape) is None or dtype_in_file(member.dtype) is None:
        raise TypeError(
            f"a data set must hold numbers or booleans to be loaded, got {name!r} of {path} with type {member.dtype}"
        )
    return member


def require_closed(target: Path) -> None:
    """Raise OSError if a file is open to write: what is written there would be lost with the old file."""
    try:
        with h5py.File(str(target), "r") as file:
            # In this process: an open file is shared, with its mode.
            is_open = file.mode != "r"
    except BlockingIOError:
        is_open = True
    except OSError:
        # Of its copy it will be said what is wrong.
        return
    if is_open:
        raise OSError(f"an array is saved to a file that is not open to write elsewhere, got {target}")


def holds_only(target: Path, dataset: str) -> bool:
    """Return whether a file holds the data set that is to be replaced, and nothing else worth a copy."""
    try:
        with h5py.File(str(target), "r") as file:
            if cast_type("Any", file).userblock_size:
                return False
            member: object = file
            for name in dataset.strip("/").split("/"):
                if not isinstance(member, h5py.Group) or list(member) != [name] or len(member.attrs):
                    return False
                member = member[name]
            return isinstance(member, h5py.Dataset)
    except (OSError, KeyError):
        return False


def created(file: h5py.File, dataset: str, shape: Shape, dtype: np.dtype[Any]) -> None:
    """Add the new data set, not yet written.

    Raises
    ------
    ValueError
        If ``dataset`` is empty, or names a group, or what lies in no group, or a link that leads nowhere.
    """
    name = dataset.strip("/")
    if not name:
        raise ValueError(f"a data set needs a name, got {dataset!r}")
    # Its class alone: HDF5 frees the space of a data set when nobody has it open.
    try:
        kind = UNTYPED.Group.get(file, name, getclass=True)
    except RuntimeError as error:
        raise ValueError(
            f"a link that leads nowhere is no name for a data set, got {dataset!r}: {error}"
        ) from error
    if kind is h5py.Group:
        raise ValueError(f"the name of a group is not that of a data set, got {dataset!r}")
    if kind is not None:
        del file[name]
    # In the session that removed the old data set, whose space is free only until the file is closed; without the
    # zeros that HDF5 would write first: every element is written.
    properties = UNTYPED.h5p.create(UNTYPED.h5p.DATASET_CREATE)
    properties.set_alloc_time(UNTYPED.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(UNTYPED.h5d.FILL_TIME_NEVER)
    try:
        file.create_dataset(name, shape=shape, dtype=dtype, dcpl=properties)
    except (KeyError, TypeError) as error:
        raise ValueError(f"only groups hold data sets, got {dataset!r}: {error}") from error
