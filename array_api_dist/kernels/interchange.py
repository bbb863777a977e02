"""DLPack capsules of tensors, with the flag of a copy, which torch leaves out."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import Any, Final

import torch

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
