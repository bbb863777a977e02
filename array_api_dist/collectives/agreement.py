"""An error on its way to other ranks: bytes from which every rank makes the same one, type and message."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Final, TypeAlias

PICKLE_NBYTES: Final = 1 << 20
"""An error whose pickle is larger (it may hold an array) travels as its class and message."""

_Recipe: TypeAlias = "tuple[type[Exception], tuple[object, ...]]"


def told(error: Exception | None) -> bytes:
    """Return what ``error`` is made from elsewhere; never raises, whatever the error is: others wait for it."""
    if error is None:
        return b""
    message = _message(error)
    # One of Python's own, for a rank that cannot import the class of the others.
    plain = pickle.dumps((RuntimeError, (f"{type(error).__name__}: {message}",)))
    form = next((form for form in _forms(error, message) if _message(_made(form)) == message), plain)
    return pickle.dumps((form, plain))


def remade(data: bytes) -> Exception:
    """Return the error that ``told`` gave as ``data``."""
    # What other ranks of the same program have written.
    for form in pickle.loads(data):  # noqa: S301 - from this program
        made = _made(form)
        if made is not None:
            return made
    return RuntimeError("another rank failed with an error that this one cannot make")


def _message(error: Exception | None) -> str | None:
    if error is None:
        return None
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a message that cannot be made is none
        return type(error).__name__


def _forms(error: Exception, message: str | None) -> Iterator[bytes]:
    """Yield pickles of the error itself, or of a class and its arguments: the error's class or the nearest base."""
    yield from _pickled(error)
    for kind in type(error).__mro__:
        if issubclass(kind, Exception):
            for arguments in (error.args, (message,)):
                yield from _pickled((kind, arguments))


def _pickled(form: Exception | _Recipe) -> Iterator[bytes]:
    try:
        data = pickle.dumps(form)
    except Exception:  # noqa: BLE001 - a class inside a function, an argument that is a lock: the next form is tried
        return
    if len(data) <= PICKLE_NBYTES:
        yield data


def _made(form: bytes) -> Exception | None:
    """Return the error of one form, or None where it does not come out as one."""
    try:
        found: object = pickle.loads(form)  # noqa: S301 - from this program
        if isinstance(found, tuple):
            kind, arguments = found
            # Not called: a class may take other arguments than the message that it has made of them.
            found = kind.__new__(kind, *arguments)
    except Exception:  # noqa: BLE001 - what a class does when it is loaded is its own affair
        return None
    return found if isinstance(found, Exception) else None
