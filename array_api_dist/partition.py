"""How arrays are laid over the ranks: choosing it for new arrays, and changing it."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from array_api_dist._arguments import told
from array_api_dist._array import Array
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._placement import POLICIES, place
from array_api_dist._shapes import normalize_axis
from array_api_dist.collectives import Communicator
from array_api_dist.engine.redistribution import redistribute

__all__ = ["Partition", "default_partition", "repartition"]

PARTITION_VARIABLE: Final = "ARRAY_API_DIST_PARTITION"

Placement: TypeAlias = str | int | None


class _Serials(threading.local):
    """Numbers of the arrays that this rank (a process, or a thread in tests) makes: the same on all ranks of each.

    Attributes
    ----------
    start : int
        The number before the first one.
    counts : WeakKeyDictionary
        How many arrays each communicator's ranks have made since: one rank alone may make some of its own.
    """

    def __init__(self) -> None:
        self.start = 0
        self.counts: WeakKeyDictionary[Communicator, int] = WeakKeyDictionary()

    def next(self, communicator: Communicator) -> int:
        """Return the number of the next array on these ranks."""
        count = self.counts[communicator] = self.counts.get(communicator, 0) + 1
        return self.start + count


_serials: Final = _Serials()
_environment: Final[str] = os.environ.get(PARTITION_VARIABLE) or "auto"
_placement: ContextVar[Placement] = ContextVar("array_api_dist_default_partition", default=_environment)


def _checked(placement: Placement) -> Placement:
    if isinstance(placement, str):
        if placement not in POLICIES:
            raise ValueError(f"a placement policy is one of {', '.join(POLICIES)}, got {placement!r}")
    elif placement is not None and not isinstance(placement, (int, np.integer)):
        raise TypeError(f"a placement is a policy, an axis or None, got {told(placement)}")
    return placement


@contextmanager
def default_partition(placement: Placement) -> Generator[None]:
    """Lay new arrays out by ``placement`` inside the ``with`` block, when nothing else says how.

    Parameters
    ----------
    placement : str, int or None
        A policy: ``"auto"`` (small arrays replicated, large ones split along their first long axis), ``"none"``
        (replicated), ``"first"``, ``"last"``, ``"uneven"``, ``"mixed"``; or the axis to split, where an array has
        it; or None, the same as ``"none"``.

    Raises
    ------
    ValueError, TypeError
        If it is none of these.

    Notes
    -----
    It never changes a result, only its cost.
    """
    token = _placement.set(_checked(placement))
    try:
        yield
    finally:
        _placement.reset(token)


def placement_for(shape: Shape, device: Device) -> Partition:
    """Return how a new array of ``shape`` is laid over ``device`` when the caller does not say."""
    placement = _placement.get()
    if isinstance(placement, str):
        # default_partition takes no other: this one is the environment's.
        if placement not in POLICIES:
            raise ValueError(f"{PARTITION_VARIABLE} must be one of {', '.join(POLICIES)}, got {placement!r}")
        serial = _serials.next(device.communicator) if placement == "mixed" else 0
        return place(placement, shape, device.ranks, serial)
    return partition_along(placement, shape, device) if _has_axis(placement, shape) else REPLICATED


def _has_axis(axis: int | None, shape: Shape) -> bool:
    return axis is not None and -len(shape) <= axis < len(shape)


def partition_along(partition: Partition | int | None, shape: Shape, device: Device) -> Partition:
    """Return the partition that a user names by an axis (even parts), None (replicated) or in full.

    Raises
    ------
    ValueError
        If the array has no such axis, or the partition does not fit it.
    TypeError
        If it is none of these.
    """
    if partition is None:
        return REPLICATED
    if isinstance(partition, Partition):
        partition.check(shape, device.ranks)
        return partition
    if not isinstance(partition, (int, np.integer)):
        raise TypeError(f"a partition is a Partition, an axis or None, got {told(partition)}")
    axis = normalize_axis(partition, len(shape))
    return Partition.even(axis, shape[axis], device.ranks)


def repartition(x: Array, partition: Partition | int | None, /) -> Array:
    """Return ``x`` laid over the ranks another way.

    Parameters
    ----------
    x : Array
    partition : Partition, int or None
        The layout, or the axis to split evenly, or None for a copy on every rank.

    Returns
    -------
    Array, equal to ``x``

    Raises
    ------
    ValueError
        On every rank, if the partition does not fit the shape.

    Notes
    -----
    Communication: none when ``x`` is laid out so or replicated; one allgather to replicate; else one
    exchange, in which each element moves at most once, straight to its owner.
    """
    if not isinstance(x, Array):
        raise TypeError(f"repartition takes an array, got {type(x).__name__}")
    block = x._block
    moved = redistribute(block, partition_along(partition, block.shape, block.device))
    return Array._from_block(moved.with_local(moved.local.detach()))
