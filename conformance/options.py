"""What the programs' options have in common: names, numbers of ranks and the files of reports, checked as they are read."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Collection
from pathlib import Path
from typing import Final

# As array_api_dist has them, which imports torch: only the ranks need that.
PARTITIONS: Final = ("auto", "none", "first", "last", "uneven", "mixed")
DEVICES: Final = ("cpu", "cpu:staged", "cuda")


def names(text: str) -> list[str]:
    """Return the comma-separated parts of an option."""
    return [part.strip() for part in text.split(",") if part.strip()]


def partitions(text: str) -> list[str]:
    """Return the comma-separated default partitions in an option.

    Raises
    ------
    argparse.ArgumentTypeError
        If one is none of array_api_dist's.
    """
    return _known(text, PARTITIONS, "partitions")


def devices(text: str) -> list[str]:
    """Return the comma-separated devices in an option.

    Raises
    ------
    argparse.ArgumentTypeError
        If one is none of array_api_dist's.
    """
    return _known(text, DEVICES, "devices")


def _known(text: str, known: Collection[str], what: str) -> list[str]:
    found = names(text)
    if not found or not set(found) <= set(known):
        raise ArgumentTypeError(f"{what} are among {', '.join(known)}, comma-separated, got {text!r}")
    return found


def rank_numbers(text: str) -> list[int]:
    """Return the comma-separated numbers of ranks in an option.

    Raises
    ------
    argparse.ArgumentTypeError
        If there is none, or one is no positive integer: to launchers 0 means as many as there is room for.
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise ArgumentTypeError(f"numbers of ranks are positive and comma-separated, got {text!r}")
    return found


def report_file(text: str) -> Path:
    """Return the path of a report that will be written, having seen that it can be: runs take long.

    Raises
    ------
    argparse.ArgumentTypeError
        If it cannot be written.
    """
    path = Path(text)
    is_there = path.exists()
    try:
        path.open("a", encoding="utf-8").close()
        if not is_there:
            path.unlink()
    except OSError as error:
        raise ArgumentTypeError(
            f"a report must be a file that can be written, got {text}: {error}"
        ) from error
    return path
