"""DLPack capsules of tensors, with the flag of a copy, which torch leaves out."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any, Final

import torch

from array_api_dist._arguments import told

_VERSIONED: Final = b"dltensor_versioned"

# DLManagedTensorVersioned of every DLPack 1.x: a version of 8 bytes, two pointers, the flags.
_FLAGS_OFFSET: Final = 8 + 2 * ctypes.sizeof(ctypes.c_void_p)
_IS_COPIED: Final = 2

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype = ctypes.c_int
_is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]


def check_request(
    tensor: torch.Tensor, *, stream: object, max_version: object, dl_device: object, copy: object
) -> None:
    """Refuse what no tensor of this kind of memory can be asked for.

    Raises
    ------
    TypeError
        If a stream is no integer, a version or a device no pair of integers, or ``copy`` no truth value.
    BufferError
        If a stream of host memory is asked for, which has none.
    """
    for value, name in ((max_version, "max_version"), (dl_device, "dl_device")):
        if value is not None and not _is_pair(value):
            raise TypeError(f"{name} must be a tuple of two integers or None, got {told(value)}")
    if copy is not None and not isinstance(copy, bool):
        raise TypeError(f"copy must be True, False or None, got {told(copy)}")
    if stream is None:
        return
    if not isinstance(stream, int):
        raise TypeError(f"stream must be an integer or None, got {told(stream)}")
    if not tensor.is_cuda:
        raise BufferError(f"stream must be None for host memory, got {stream}")


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    )


def exported(
    tensor: torch.Tensor,
    *,
    stream: int | None,
    max_version: tuple[int, int] | None,
    dl_device: tuple[IntEnum, int] | None,
    copy: bool | None,
    is_copy: bool,
) -> Any:
    """Return torch's capsule; of DLPack 1 marked as a copy where ``tensor`` is one already, or is copied now."""
    capsule = tensor.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
    is_moved = dl_device is not None and int(dl_device[0]) != int(tensor.__dlpack_device__()[0])
    if (is_copy or copy or is_moved) and _is_valid(capsule, _VERSIONED):
        ctypes.c_uint64.from_address(_pointer_of(capsule, _VERSIONED) + _FLAGS_OFFSET).value |= _IS_COPIED
    return capsule
