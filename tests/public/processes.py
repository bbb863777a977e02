"""Programs that are asked to end, and the processes that they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MARKED = """
import os, pathlib, time
pathlib.Path({marks!r}, str(os.getpid())).touch()
time.sleep(100)
"""


def marked(marks: Path) -> str:
    """Return a program whose processes each leave a file named after them in ``marks``, and wait."""
    marks.mkdir(exist_ok=True)
    return MARKED.format(marks=str(marks))


def left_after_sigterm(
    arguments: Sequence[str], marks: Path, count: int, variables: Mapping[str, str] | None = None
) -> list[int]:
    """Start Python, ask it to end when ``count`` processes have left their marks; return those that are left of them."""
    mine = ("OMPI_", "PMIX_", "PMI_", "PRTE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    program = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment | dict(variables or {}),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert _comes(lambda: len(_processes(marks)) >= count or program.poll() is not None, 90.0)
        assert program.poll() is None
        # As timeout does: to the program, and again to its group.
        program.terminate()
        time.sleep(0.1)
        program.terminate()
        assert program.wait(30.0) == 128 + signal.SIGTERM
        _comes(lambda: not any(map(_is_alive, _processes(marks))), 5.0)
        return [process for process in _processes(marks) if _is_alive(process)]
    finally:
        program.kill()
        for process in filter(_is_alive, _processes(marks)):
            os.kill(process, signal.SIGKILL)


def _processes(marks: Path) -> list[int]:
    return [int(path.name) for path in marks.iterdir()]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for has ended all the same.
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


def _comes(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
