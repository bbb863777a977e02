"""A progress bar on the one process that prints."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Advance(Protocol):
    """Tell of one step done."""

    def __call__(self, note: str) -> None: ...


def _silent(note: str) -> None:
    del note


@contextmanager
def progress_bar(title: str, total: int, *, shown: bool) -> Generator[Advance, None, None]:
    """Show a bar of ``total`` steps with a note beside it; nothing unless ``shown``."""
    if not shown:
        yield _silent
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(title, total=total, note="")

        def advance(note: str) -> None:
            progress.update(task, advance=1, note=note)

        yield advance
        # Converged before the last step that was allowed: that is all.
        progress.update(task, total=progress.tasks[0].completed)
