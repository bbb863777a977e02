"""What the commands' options have in common: numbers of ranks, directories, and how a wrong one is told."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import typer

from conformance.options import rank_numbers, report_file


@contextmanager
def refusals() -> Generator[None]:
    """Tell what is wrong with a value or a file that an option names, without a traceback: status 2."""
    try:
        yield
    except (OSError, ValueError, ArgumentTypeError) as error:
        raise typer.BadParameter(str(error)) from error


def numbers(text: str) -> list[int]:
    """Return the numbers of ranks in an option, each once."""
    with refusals():
        return sorted(set(rank_numbers(text)))


def output_directory(path: Path) -> Path:
    """Return a directory for results, made if need be, having seen that files can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"results go to a directory, got {path}: {error.strerror}") from error
    with refusals():
        report_file(str(path / "results.json"))
    return path
