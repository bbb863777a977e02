"""What the arrays run on, and how fast that is: mpirun -n P python -m array_api_dist [--json FILE].

One table, printed once: versions, ranks, threads, devices, and a probe of latency and bandwidth that takes seconds.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from math import inf, nan
from pathlib import Path
from typing import Any, Final, TypeAlias

import h5py
import numpy as np
import torch

from array_api_dist._device import available_kinds
from array_api_dist.collectives import mpi_library, mpi_touches_cuda
from array_api_dist.device import Device, default_device
from array_api_dist.engine.probe import SECONDS, Figures, gathered_text, measured

FORMAT: Final = 1
"""The version of the JSON file."""

HOSTS_SHOWN: Final = 4

Lines: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What these ranks run on."""

    versions: dict[str, str]
    mpi_library: str
    mpi_standard: str
    mpi_touches_cuda_memory: bool
    hdf5_parallel: bool
    ranks: int
    ranks_per_host: dict[str, int]
    threads_per_rank: list[int]
    gpus_per_host: dict[str, list[str]]
    device: str
    device_kinds: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure on all ranks, print on the first. Collective."""
    parser = argparse.ArgumentParser(prog="python -m array_api_dist", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything to FILE")
    parser.add_argument(
        "--seconds",
        type=_duration,
        default=SECONDS,
        help="how long each of the sixteen figures is measured (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    device = default_device()
    facts = _facts(device)
    figures = measured(device, options.seconds)
    failure = None
    if device.rank == 0:
        print(_table([*_described(facts), *_told(figures)]), flush=True)
        failure = _write(options.json, facts, figures)
    try:
        device.communicator.agree(failure)
    except OSError as error:
        if device.rank == 0:
            print(f"python -m array_api_dist: {error}", file=sys.stderr)
        return 1
    return 0


def _duration(text: str) -> float:
    """Return a number of seconds.

    Raises
    ------
    ArgumentTypeError
        If it is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not 0 <= seconds < inf:
        raise argparse.ArgumentTypeError(f"seconds must be a finite number, not negative, got {text!r}")
    return seconds


def _write(path: Path | None, facts: Facts, figures: Figures) -> OSError | None:
    """Write the report; return what went wrong, which all ranks should learn."""
    if path is None:
        return None
    report = {"format": FORMAT, **asdict(facts), "figures": asdict(figures)}
    try:
        path.write_text(json.dumps(report, indent=2) + "\n")
    except OSError as error:
        return OSError(f"the report is written to a file in an existing directory, got {path}: {error}")
    return None


def _own_version() -> str:
    try:
        return version("array-api-dist")
    except PackageNotFoundError:
        return "not installed"


def _facts(device: Device) -> Facts:
    """Return what these ranks run on, the same on each. Communication: allgathers of a few bytes."""
    library = mpi_library()
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    mine = {"host": library.host, "threads": torch.get_num_threads(), "gpus": gpus}
    every = [json.loads(told) for told in gathered_text(device.communicator, json.dumps(mine))]
    # Its stubs lack what it says of itself.
    hdf5: Any = h5py
    return Facts(
        versions={
            "array_api_dist": _own_version(),
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "mpi4py": library.mpi4py,
            "h5py": hdf5.__version__,
            "hdf5": hdf5.version.hdf5_version,
        },
        mpi_library=library.name,
        mpi_standard=library.standard,
        mpi_touches_cuda_memory=mpi_touches_cuda(),
        hdf5_parallel=bool(hdf5.get_config().mpi),
        ranks=device.ranks,
        ranks_per_host=dict(Counter(rank["host"] for rank in every)),
        threads_per_rank=[rank["threads"] for rank in every],
        gpus_per_host={rank["host"]: rank["gpus"] for rank in every},
        device=device.kind,
        device_kinds=available_kinds(),
    )


def _described(facts: Facts) -> Lines:
    """Return the lines that say what this is."""
    versions = facts.versions
    touches = "touched by MPI" if facts.mpi_touches_cuda_memory else "staged through the host"
    gpus = "; ".join(f"{host}: {', '.join(names)}" for host, names in facts.gpus_per_host.items() if names)
    parallel = "all ranks write at once" if facts.hdf5_parallel else "ranks write in turns"
    return [
        ("array_api_dist", f"{versions['array_api_dist']}, Python {versions['python']}"),
        ("torch, NumPy", f"{versions['torch']}, {versions['numpy']}"),
        ("MPI", f"{facts.mpi_library} (MPI {facts.mpi_standard}), mpi4py {versions['mpi4py']}"),
        ("HDF5", f"{versions['hdf5']}, h5py {versions['h5py']}: {parallel}"),
        ("ranks", f"{facts.ranks}: {_shares(facts.ranks_per_host)}"),
        ("threads per rank", ", ".join(map(str, sorted(set(facts.threads_per_rank))))),
        ("device", f"{facts.device} (of {', '.join(facts.device_kinds)})"),
        ("GPU memory", f"{touches} ({gpus})" if gpus else "no GPU that torch can use"),
    ]


def _shares(hosts: dict[str, int]) -> str:
    """Return how many ranks each host has, in few words for many hosts."""
    shown = [f"{ranks} on {host}" for host, ranks in list(hosts.items())[:HOSTS_SHOWN]]
    more = len(hosts) - len(shown)
    return ", ".join(shown) + (f" and more on {more} other hosts" if more else "")


def _told(figures: Figures) -> Lines:
    """Return the lines of the probe."""
    return [
        ("operation on 8 elements", _time(figures.operation_seconds)),
        ("barrier", _time(figures.barrier_seconds)),
        ("allreduce of 8 bytes", _time(figures.allreduce_seconds)),
        ("exchange of nothing", _time(figures.empty_exchange_seconds)),
        ("exchange of 8 bytes", _time(figures.exchange_seconds)),
        ("exchange", _rate(figures.exchange_bytes_per_second, "sent by each rank while it receives as much")),
        ("allgather", _rate(figures.allgather_bytes_per_second, "received by each rank")),
        ("copy in memory", _rate(figures.copy_bytes_per_second, "copied by each rank, all at once")),
        ("copy to fresh memory", _rate(figures.fresh_bytes_per_second, "copied by each rank, all at once")),
        ("sum of float64", _rate(figures.sum_bytes_per_second, "read by each rank, all at once")),
        ("matmul of float64", f"{figures.multiply_flops / 1e9:.1f} GFLOP/s by each rank, all at once"),
        ("qr of float64", f"{figures.factor_flops / 1e9:.1f} GFLOP/s by each rank, all at once"),
        ("sort", _each(figures.sort_seconds, "a float64 and digit of their number")),
        ("argsort", _each(figures.argsort_seconds, "a float64 and digit of their number")),
        ("searchsorted", _each(figures.search_seconds, "a float64 and digit of their number")),
        ("take", _each(figures.gather_seconds, "a float64")),
    ]


def _each(seconds: float, what: str) -> str:
    return f"{seconds * 1e9:.2f} ns for {what}"


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e6:.1f} µs"


def _rate(bytes_per_second: float | None, what: str) -> str:
    return "-" if bytes_per_second is None else f"{bytes_per_second / 1e9:.2f} GB/s {what}"


def _table(lines: Lines) -> str:
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


if __name__ == "__main__":
    sys.exit(main())
