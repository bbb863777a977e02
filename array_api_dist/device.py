"""Where arrays live: ``Device("cpu")``, ``Device("cuda")``, ``Device("cpu", comm=...)``."""

from __future__ import annotations

from array_api_dist._device import Device, ProcessorKind, default_device, default_device_set, register_kind

__all__ = ["Device", "ProcessorKind", "default_device", "default_device_set", "register_kind"]
