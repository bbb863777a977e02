"""What the process's environment turns on."""

from __future__ import annotations

import os
from typing import Final

_SWITCHES: Final = {"": False, "0": False, "1": True}


def is_switched_on(variable: str) -> bool:
    """Return whether the environment sets ``variable`` to 1, and not to 0 or nothing.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    value = os.environ.get(variable, "")
    if value not in _SWITCHES:
        raise ValueError(f"{variable} must be 0, 1 or empty, got {value!r}")
    return _SWITCHES[value]
