"""Arguments: how an error shows one, and integers among them."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index as as_index
from typing import SupportsIndex


def told(value: object) -> str:
    """Return how an error shows a ``value``, the same on every rank.

    Arrays, of which a rank shows its part, objects, which it shows with their address, and what may hold any of them
    are shown by their type; so that torch's data types are not, they go by their name.
    """
    is_plain = value is None or isinstance(value, (bool, int, float, complex, str, bytes, type))
    return repr(value) if is_plain or type(value).__name__ == "dtype" else type(value).__name__


def one_of(value: str, choices: Iterable[str], what: str) -> str:
    """Return ``value``, which an error calls ``what``.

    Raises
    ------
    ValueError
        If it is none of the ``choices``.
    """
    allowed = tuple(choices)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, allowed))}, got {told(value)}")
    return value


def integer(value: SupportsIndex, what: str) -> int:
    """Return ``value``, which an error calls ``what``, as a Python int.

    Raises
    ------
    TypeError
        If it is no integer.
    """
    try:
        return as_index(value)
    except TypeError:
        raise TypeError(f"{what} must be an integer, got {told(value)}") from None
