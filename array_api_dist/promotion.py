"""The one switch of the strict namespace: whether integer and floating arrays may meet."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from array_api_dist._environment import is_switched_on

__all__ = ["mixed_kinds"]

MIXED_KINDS_VARIABLE: Final = "ARRAY_API_DIST_MIXED_KINDS"

_environment: Final = is_switched_on(MIXED_KINDS_VARIABLE)
_mixed: ContextVar[bool] = ContextVar("array_api_dist_mixed_kinds", default=_environment)


@contextmanager
def mixed_kinds(*, allowed: bool = True) -> Generator[None]:
    """Let integer and floating arrays meet inside the ``with`` block: the floating data type wins.

    Integer divided by integer gives the default floating type. Off by default, because the standard leaves these
    promotions undefined; ``ARRAY_API_DIST_MIXED_KINDS=1`` turns it on for the whole process.

    Parameters
    ----------
    allowed : bool, optional
        False restores strictness inside the block.
    """
    token = _mixed.set(allowed)
    try:
        yield
    finally:
        _mixed.reset(token)


def are_mixed_kinds_allowed() -> bool:
    """Return whether integer and floating arrays may meet here."""
    return _mixed.get()
