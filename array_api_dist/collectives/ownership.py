"""One thread of a rank starts its collectives: several would start them in another order on every rank."""

from __future__ import annotations

import sys
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import Final
from weakref import WeakSet

_PACKAGE: Final = "array_api_dist."
_PROGRAMS: Final = frozenset({"array_api_dist.__main__", "array_api_dist.collectives.threaded"})
"""What runs a program of several operations, and is on its stack between them."""


class Owner:
    """The thread that a communicator belongs to: the one that made it, or the last that took it over.

    Attributes
    ----------
    thread : threading.Thread
        Not its number, which is given again to a new thread when it has ended.
    """

    def __init__(self) -> None:
        self.thread: Thread = current_thread()
        _owners.add(self)

    def refuse(self, collective: str) -> None:
        """Raise RuntimeError: this thread is not the owner."""
        raise RuntimeError(
            "collectives of a device come from one thread of each rank, which made the device or took it over: "
            f"that is {self.thread.name!r}, got {collective} from {current_thread().name!r} (threads start them in "
            "another order on every rank; Device.take_over() makes the calling thread the one)"
        )

    def take_over(self) -> None:
        """Make this thread the owner.

        Raises
        ------
        RuntimeError
            If the owner is inside a function of the package, and so perhaps in a collective.
        """
        before = self.thread
        # First: what the owner begins from here on is refused, and what it is in is seen on its stack.
        self.thread = current_thread()
        if before is not self.thread and is_inside(before):
            self.thread = before
            raise RuntimeError(
                "a device is taken over between operations: "
                f"{before.name!r} is inside one, got take_over from {current_thread().name!r}"
            )


_owners: Final[WeakSet[Owner]] = WeakSet()


def is_owner(thread: Thread | None) -> bool:
    """Return whether a communicator belongs to ``thread``."""
    return any(owner.thread is thread for owner in list(_owners))


def is_inside(thread: Thread) -> bool:
    """Return whether a function of the package is on the stack of ``thread``."""
    # A thread that has ended has no stack, and may have left its number to another; the main one runs what is
    # registered with atexit when Python already says that it has.
    is_there = thread.is_alive() or thread is main_thread()
    frame: FrameType | None = sys._current_frames().get(thread.ident or 0) if is_there else None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_PACKAGE) and module not in _PROGRAMS:
            return True
        frame = frame.f_back
    return False
