"""Teams: the processes of one system in one layout, kept alive between cases and replaced when they fail."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, wait
from pathlib import Path
from time import monotonic
from typing import Any, Final

from benchmarks.environments import Environment
from benchmarks.registry import Entry, Layout
from conformance.launch import environment, error_line, mpiexec

ROOT: Final = Path(__file__).parents[1]

START_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.5
_END_SECONDS: Final = 5.0

Reply = Mapping[str, Any]


class TeamError(Exception):
    """A team failed: it did not start, raised, fell silent or ended."""


def launcher(python: Path, ranks: int) -> list[str]:
    """Return the command that starts Python on so many ranks, by its own environment's MPI where it has one."""
    start = mpiexec(ranks)
    beside = python.parent / "mpirun"
    if start and "MPIEXEC" not in os.environ and beside.exists():
        start[0] = str(beside)
    return [*start, str(python)]


def variables(layout: Layout, device: str = "cpu") -> dict[str, str]:
    """Return the environment of a team's processes: this tree's modules, the layout's threads, where arrays are."""
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(layout.threads)
    )
    return {
        **threads,
        "ARRAY_API_DIST_DEVICE": device,
        "BENCHMARKS_RANKS": str(layout.ranks),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'ml'}",
        "PYTHONWARNINGS": "ignore",
    }


@dataclass(frozen=True, slots=True)
class Label:
    """A system in a layout."""

    system: str
    layout: Layout

    def __str__(self) -> str:
        """Return both."""
        return f"{self.system} {self.layout}"


class Team:
    """A running system.

    Attributes
    ----------
    label : Label
    versions : mapping
    functions : set of str
        What it can be asked for.
    """

    def __init__(
        self, entry: Entry, layout: Layout, place: Environment, log: Path, device: str = "cpu"
    ) -> None:
        self.label = Label(entry.name, layout)
        self._device = device
        # A call only asks for what a cluster or a GPU does.
        self._is_lazy = entry.spread == "cluster" or device != "cpu"
        # Sockets have short names only.
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")
        self._log = log
        ranks = layout.ranks if entry.spread == "mpi" else 1
        self._connections: list[Connection] = []
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._launch(entry, layout, place, ranks)
            hellos = self._replies(START_SECONDS)
        except (OSError, EOFError, AuthenticationError) as error:
            self.end()
            raise TeamError(f"did not start: {self._last_words() or error}") from error
        except BaseException:
            # By now the listener is closed, which needs the directory, and who asked for an end must get it.
            self.end()
            raise
        self.versions: dict[str, str] = hellos[0]["versions"]
        self.functions = set(hellos[0]["functions"])

    def _launch(self, entry: Entry, layout: Layout, place: Environment, ranks: int) -> None:
        scratch = Path(self._directory.name)
        key = secrets.token_hex(16)
        with Listener(str(scratch / "s"), family="AF_UNIX", backlog=ranks, authkey=key.encode()) as listener:
            command = [*launcher(place.python, ranks), "-m", "benchmarks.worker", entry.module, entry.member]
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    [*command, str(scratch / "s"), str(scratch)], cwd=scratch, stdout=log, stderr=log,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                    env=environment(variables(layout, self._device) | {"BENCHMARKS_KEY": key}),
                )  # fmt: skip
            self._process = process
            self._accept(listener, ranks, process)

    def _accept(self, listener: Listener, ranks: int, process: subprocess.Popen[bytes]) -> None:
        until = monotonic() + START_SECONDS
        # The listener has no timeout of its own: its socket is watched.
        socket: Any = getattr(listener, "_listener")._socket  # noqa: B009 - private, and typed nowhere
        while len(self._connections) < ranks:
            if wait([socket], _POLL_SECONDS):
                accepted: Any = listener.accept()
                self._connections.append(accepted)
            elif process.poll() is not None or monotonic() > until:
                raise TeamError(f"did not start: {self._last_words() or 'see its log'}")

    def ask(self, request: Reply, seconds: float) -> list[Reply]:
        """Send a request to every rank and return the replies in the ranks' order.

        Raises
        ------
        TeamError
            If a rank raises, or doesn't answer in time; after silence the team is ended.
        """
        if not self.alive:
            raise TeamError("has ended")
        try:
            for connection in self._connections:
                connection.send_bytes(json.dumps(dict(request) | {"lazy": self._is_lazy}).encode())
        except OSError as error:
            self.end()
            raise TeamError(f"ended: {self._last_words() or error}") from error
        replies = self._replies(seconds)
        errors = [reply["error"] for reply in replies if "error" in reply]
        if errors:
            raise TeamError(errors[0])
        return replies

    def _replies(self, seconds: float) -> list[Reply]:
        found: dict[int, Reply] = {}
        until = monotonic() + seconds
        while len(found) < len(self._connections):
            silent = [each for number, each in enumerate(self._connections) if number not in found]
            ready = wait(silent, max(until - monotonic(), 0))
            if not ready:
                failed = [reply["error"] for reply in found.values() if "error" in reply]
                self.end()
                raise TeamError(failed[0] if failed else f"took longer than {seconds:.0f} s")
            for connection in ready:
                assert isinstance(connection, Connection)
                found[self._connections.index(connection)] = self._received(connection)
        return [found[number] for number in sorted(found)]

    def _received(self, connection: Connection) -> Reply:
        try:
            reply: Reply = json.loads(connection.recv_bytes())
        except (EOFError, OSError) as error:
            # It may still have something to say.
            self._await_end()
            self.end()
            raise TeamError(f"ended: {self._last_words() or 'see its log'}") from error
        return reply

    def _last_words(self) -> str:
        return error_line(self._log.read_text(errors="replace")) if self._log.exists() else ""

    def _await_end(self) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return bool(self._connections) and self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Let it end by itself."""
        for connection in self._connections if self.alive else ():
            with suppress(OSError):  # it may end meanwhile
                connection.send_bytes(json.dumps({"do": "stop"}).encode())
        self._await_end()
        self.end()

    def end(self) -> None:
        """End its processes, whatever they do."""
        for connection in self._connections:
            connection.close()
        self._connections = []
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._directory.cleanup()
