"""One process of a system, alive as long as the run: python -m benchmarks.worker MODULE CLASS SOCKET SCRATCH.

It connects to the socket, says who it is, and serves requests, a JSON object each, until it is told to stop. It runs in
the system's own environment: NumPy is all that it needs besides.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from itertools import repeat
from multiprocessing.connection import Client, Connection
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from benchmarks.cases.canonical import canonical
from benchmarks.memory import forget_peak, peak_nbytes
from benchmarks.systems.system import System

Reply: TypeAlias = dict[str, Any]


class Worker:
    """What a process knows between requests."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._call: Callable[[], Any] | None = None
        self._arrays: dict[tuple[str, int | None], Any] = {}

    def prepare(self, request: Reply) -> Reply:
        """Load the operands, call once, and write the result down."""
        function = self._system.functions[request["function"]]
        self._call = None
        wanted = [(path, axis) for path, axis in request["operands"]]
        # Cases that follow one another share operands.
        self._arrays = {key: value for key, value in self._arrays.items() if key in wanted}
        for path, axis in wanted:
            if (path, axis) not in self._arrays:
                self._arrays[path, axis] = self._loaded(Path(path), axis)
        operands = [self._arrays[key] for key in wanted]
        if request["function"] in self._system.prepared:
            operands = self._system.prepared[request["function"]](*operands)
        self._system.operands = operands
        call = partial(function, *operands, **request["options"])
        self._call = partial(self._finished, call) if request["lazy"] else call
        return self._first(request)

    def _clock(self) -> float:
        return perf_counter() - self._system.uncounted

    def _finished(self, call: Callable[[], Any]) -> Any:
        return self._system.finished(call())

    def _loaded(self, path: Path, axis: int | None) -> Any:
        return path if path.suffix == ".h5" else self._system.loaded(path, axis)

    def _first(self, request: Reply) -> Reply:
        assert self._call is not None
        before = forget_peak()
        self._system.forget_peaks()
        self._system.barrier()
        start = self._clock()
        result = self._call()
        seconds = self._clock() - start
        peak = peak_nbytes() - before + self._system.peaks_elsewhere()
        found = canonical(request["function"], self._results(result))
        if request["result"] is not None and self._system.rank == 0:
            np.savez(request["result"], *found)
        return {"seconds": seconds, "peak_nbytes": peak}

    def _results(self, result: Any) -> list[Any]:
        results = result if isinstance(result, (tuple, list)) else [result]
        return [each if isinstance(each, Path) else self._system.values(each) for each in results]

    def sample(self, request: Reply) -> Reply:
        """Call some times, after a call that doesn't count."""
        call, number = self._call, int(request["number"])
        assert call is not None
        if request["warm"]:
            call()
        gc.disable()
        self._system.barrier()
        start = self._clock()
        for _ in repeat(None, number):
            call()
        seconds = (self._clock() - start) / number
        gc.enable()
        return {"seconds": seconds}

    def serve(self, request: Reply) -> Reply:
        """Return the reply to a request; what goes wrong is told too."""
        try:
            return self.prepare(request) if request["do"] == "prepare" else self.sample(request)
        except Exception as error:  # noqa: BLE001 - whatever a system raises is a finding
            gc.enable()
            traceback.print_exc()
            text = str(error).strip().splitlines() or [""]
            return {"error": f"{type(error).__name__}: {text[0][:200]}"}


def serve(connection: Connection, system: System) -> None:
    """Serve requests until the end."""
    hello = {"rank": system.rank, "versions": system.versions(), "functions": sorted(system.functions)}
    connection.send_bytes(json.dumps(hello).encode())
    worker = Worker(system)
    while True:
        request = json.loads(connection.recv_bytes())
        if request["do"] == "stop":
            break
        connection.send_bytes(json.dumps(worker.serve(request)).encode())


def main() -> int:
    """Connect and serve."""
    module, member, socket, scratch = sys.argv[1:]
    made = getattr(importlib.import_module(f"benchmarks.systems.{module}"), member)
    system: System = made(Path(scratch))
    with Client(socket, family="AF_UNIX", authkey=os.environ["BENCHMARKS_KEY"].encode()) as connection:
        # A socket, whatever the stubs think of other systems' pipes.
        socket_like: Any = connection
        serve(socket_like, system)
    system.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
