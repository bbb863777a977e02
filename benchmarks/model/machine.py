"""What the model knows of a machine: latency, bandwidth and compute of one rank, while all others are at work too.

From the probe (``python -m array_api_dist --json FILE``), or from a description of a cluster (TOML or JSON).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import log2
from pathlib import Path
from typing import Any, Final

EXAMPLE: Final = Path(__file__).parent / "machines" / "hdr100.toml"
"""A described cluster: nodes of 48 cores, one HDR100 port each."""

AS_PROBED: Final = ("factor_flops", "sort_seconds", "argsort_seconds", "search_seconds", "gather_seconds")
"""What the model calls as the probe does."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A cluster of equal nodes, in seconds, bytes and bytes per second.

    Attributes
    ----------
    name : str
    ranks_per_node : int
    latency_inside, latency_between : float
        Of one message between ranks of a node, and of different nodes.
    bandwidth_inside : float
        What one rank sends to others of its node while all of them do.
    bandwidth_between : float
        What one node sends to others, its ranks together.
    message_seconds : float
        What a further message of an exchange costs its sender, in software.
    collective_seconds, exchange_seconds : float
        What a collective and an exchange cost in software, however little they move.
    operation_seconds : float
        What an operation costs in software.
    copy_bandwidth : float
        What one rank copies in memory.
    read_bandwidth : float
        What one rank reads.
    fresh_bandwidth : float
        What one rank writes into memory that was just allocated.
    flops : float
        Additions and multiplications of float64 in matrix products, per second and rank.
    factor_flops : float
        The same in decompositions of tall matrices.
    sort_seconds, argsort_seconds, search_seconds : float
        A float64 that is sorted, ordered or looked up, for each binary digit of their number.
    gather_seconds : float
        A float64 at a random place.
    """

    name: str
    ranks_per_node: int
    latency_inside: float
    latency_between: float
    bandwidth_inside: float
    bandwidth_between: float
    message_seconds: float
    collective_seconds: float
    exchange_seconds: float
    operation_seconds: float
    copy_bandwidth: float
    read_bandwidth: float
    fresh_bandwidth: float
    flops: float
    factor_flops: float
    sort_seconds: float
    argsort_seconds: float
    search_seconds: float
    gather_seconds: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "name" and not (isinstance(value, int | float) and value > 0):
                raise ValueError(f"a machine's {field.name} must be positive, got {value}")


def of_probe(report: Mapping[str, Any]) -> Machine:
    """Return the machine of a probe. What it says of the network is what its own ranks saw."""
    figures, ranks = report["figures"], int(report["ranks"])
    if figures["exchange_seconds"] is None:
        raise ValueError(
            "the model reads a probe of at least 2 ranks (one has nobody to talk to), got one of 1"
        )
    latency = figures["barrier_seconds"] / max(log2(ranks), 1)
    per_node = max(report["ranks_per_host"].values())
    bandwidth = figures["exchange_bytes_per_second"]
    empty, copy = figures["empty_exchange_seconds"], figures["copy_bytes_per_second"]
    # Copying into fresh memory reads, and touches what it writes: what is left over is the writing.
    reading = 1 / figures["sum_bytes_per_second"]
    fresh = 1 / max(1 / figures["fresh_bytes_per_second"] - reading, reading / 8)
    return Machine(
        name=f"probe of {ranks} ranks, {report['mpi_library']}",
        ranks_per_node=per_node,
        latency_inside=latency,
        latency_between=latency,
        bandwidth_inside=bandwidth,
        bandwidth_between=bandwidth * per_node,
        message_seconds=max(figures["exchange_seconds"] - empty - latency, latency / 8),
        collective_seconds=max(figures["allreduce_seconds"] - figures["barrier_seconds"], latency / 8),
        exchange_seconds=empty,
        operation_seconds=figures["operation_seconds"],
        copy_bandwidth=copy,
        read_bandwidth=figures["sum_bytes_per_second"],
        fresh_bandwidth=fresh,
        flops=figures["multiply_flops"],
        **{name: figures[name] for name in AS_PROBED},
    )


def _described(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
        found: object = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise ValueError(f"a machine is described in JSON or TOML, got {path}: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - the file's content is wrong, no argument's type
            f"a machine is described by names and figures, got {path}"
        )
    return found


def load(path: Path) -> Machine:
    """Return the machine that a file describes: a probe's JSON, or a description in JSON or TOML.

    Raises
    ------
    ValueError
        If figures are missing, unknown or not positive.
    """
    found = _described(path)
    if "figures" in found:
        try:
            return of_probe(found)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"a probe is a JSON file that python -m array_api_dist --json wrote, got {path}"
            ) from error
    names = {field.name for field in fields(Machine)}
    if found.keys() != names:
        missing, unknown = sorted(names - found.keys()), sorted(found.keys() - names)
        raise ValueError(
            f"a machine is described by {sorted(names)}; {path} lacks {missing} and adds {unknown}"
        )
    return Machine(**found)
