"""The standard's inspection functions: what this namespace can do, and where."""

from __future__ import annotations

from typing import TypedDict

from array_api_dist import _dtypes as dt
from array_api_dist._arguments import one_of
from array_api_dist._device import Device, available_kinds, default_device
from array_api_dist._dtypes import DType
from array_api_dist._validation import device_or_default

__all__ = ["__array_namespace_info__"]

Capabilities = TypedDict(
    "Capabilities", {"boolean indexing": bool, "data-dependent shapes": bool, "max dimensions": int | None}
)
DefaultDataTypes = TypedDict(
    "DefaultDataTypes",
    {"real floating": DType, "complex floating": DType, "integral": DType, "indexing": DType},
)

# torch's tensors have at most this many axes.
MAX_DIMENSIONS = 64


class Info:
    """What ``__array_namespace_info__`` gives."""

    __slots__ = ()

    def capabilities(self) -> Capabilities:
        """Return what the namespace supports beyond the minimum."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": MAX_DIMENSIONS,
        }

    def default_device(self) -> Device:
        """Return where arrays are made when nobody says."""
        return default_device()

    def default_dtypes(self, *, device: Device | None = None) -> DefaultDataTypes:
        """Return the data types that creation functions choose, the same on every device."""
        device_or_default(device)
        return {
            "real floating": dt.DEFAULT_FLOAT,
            "complex floating": dt.DEFAULT_COMPLEX,
            "integral": dt.DEFAULT_INTEGER,
            "indexing": dt.INDEX,
        }

    def dtypes(
        self, *, device: Device | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """Return the data types of a kind (all for None) by name."""
        device_or_default(device)
        if kind is None:
            return {dtype.name: dtype for dtype in dt.DTYPES}
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = [dt.KINDS[one_of(each, dt.KINDS, "kind")] for each in kinds]
        return {dtype.name: dtype for dtype in dt.DTYPES if any(dtype in each for each in wanted)}

    def devices(self) -> tuple[Device, ...]:
        """Return a device of all ranks for every processor kind that this machine has."""
        default = default_device()
        group = default.communicator
        others = (Device(kind, comm=None) for kind in available_kinds() if kind != default.kind)
        return (default, *(device for device in others if device.communicator.group == group.group))


def __array_namespace_info__() -> Info:  # noqa: N807 - the standard's name
    """Return an object that answers what this namespace can do. Communication: none."""
    return Info()
