"""A quick measurement of what the algorithms are made of: latency, bandwidth, memory and arithmetic of these ranks.

All ranks measure at the same time, as they work; each figure is that of the slowest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import torch

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED
from array_api_dist.collectives import Communicator, Piece, operators
from array_api_dist.engine import elementwise
from array_api_dist.kernels import factors, indexing, ordering, searching

SECONDS: Final = 0.25
"""How long one figure is measured."""

BATCHES: Final = (8, 2500)
"""A figure is the best of at least and at most so many batches: what else the machine does can only slow one down."""

SHORT_SECONDS: Final = 1e-3
"""Calls shorter than this are timed four at a time."""

COPY_NBYTES: Final = 1 << 26
"""What is copied and summed: more than a rank's share of a cache."""

MOVED_NBYTES: Final = 1 << 24
"""What one rank sends in an exchange, and what all together gather."""

SIDE: Final = 768
"""The rows and columns of the matrices that are multiplied."""

DIGITS: Final = 20
"""How many binary digits the number of values has that are sorted, looked up and gathered."""

TALL: Final = (1 << 15, 64)
"""The matrix that is factorized."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one rank does while all others do the same; None where nothing is there to measure (one rank has no peer).

    Attributes
    ----------
    operation_seconds : float
        One elementwise operation on a small array, communication apart: what every operation costs at least.
    barrier_seconds : float
        A barrier: MPI's own latency, hardly anything else.
    allreduce_seconds : float
        An allreduce of 8 bytes.
    empty_exchange_seconds : float
        An exchange of nothing: what its software costs.
    exchange_seconds : float or None
        An exchange of 8 bytes with one peer, the one half of all ranks away.
    exchange_bytes_per_second : float or None
        What leaves, while as much arrives, in a large exchange with that peer.
    allgather_bytes_per_second : float or None
        What arrives in a large allgather.
    copy_bytes_per_second : float
        What is copied in memory (read once and written once).
    fresh_bytes_per_second : float
        What is copied into memory that was just allocated, as results are.
    sum_bytes_per_second : float
        What is read by a sum of float64.
    multiply_flops : float
        Additions and multiplications of float64 in a matrix product, per second.
    factor_flops : float
        The same in a QR decomposition of a tall matrix, taken to need 4 N K**2.
    sort_seconds, argsort_seconds, search_seconds : float
        A float64 that is sorted, whose place in the order is found, or that is looked up among as many, for each
        binary digit of their number.
    gather_seconds : float
        A float64 that is read at a random place.
    """

    operation_seconds: float
    barrier_seconds: float
    allreduce_seconds: float
    empty_exchange_seconds: float
    exchange_seconds: float | None
    exchange_bytes_per_second: float | None
    allgather_bytes_per_second: float | None
    copy_bytes_per_second: float
    fresh_bytes_per_second: float
    sum_bytes_per_second: float
    multiply_flops: float
    factor_flops: float
    sort_seconds: float
    argsort_seconds: float
    search_seconds: float
    gather_seconds: float


def gathered_text(communicator: Communicator, text: str) -> list[str]:
    """Return the text of every rank, on every rank. Communication: two allgathers."""
    told = torch.tensor(list(text.encode()), dtype=torch.uint8)
    ones = [1] * communicator.ranks
    lengths = communicator.allgather(torch.tensor([told.numel()]), 0, ones).tolist()
    every = communicator.allgather(told, 0, lengths)
    return [bytes(part.tolist()).decode() for part in torch.split(every, lengths)]


def measured(device: Device, seconds: float = SECONDS) -> Figures:
    """Return the figures of these ranks, the same on each. Collective; takes about ``17 * seconds``."""
    clock = _Clock(device, seconds)
    exchange, left = _exchange(device, MOVED_NBYTES)
    small_exchange, _ = _exchange(device, 8)
    part = _vector(device, MOVED_NBYTES // device.ranks)
    arrived = part.numel() * part.element_size() * (device.ranks - 1)
    source, target = _vector(device, COPY_NBYTES), _vector(device, COPY_NBYTES)
    matrix = torch.ones((SIDE, SIDE), dtype=torch.float64, device=device.torch_device)
    small = Block(_vector(device, 64), (8,), REPLICATED, device)
    number = _vector(device, 8)
    counts = [part.numel()] * device.ranks
    communicator = device.communicator
    values, places = _shuffled(device)
    ordered = ordering.sort(values, 0)
    tall = torch.rand(TALL, dtype=torch.float64, device=device.torch_device)
    large_seconds, small_seconds = clock(exchange), clock(small_exchange)
    gather_seconds = clock(lambda: communicator.allgather(part, 0, counts))
    return Figures(
        operation_seconds=clock(lambda: elementwise.apply(elementwise.ADD, small, small)),
        barrier_seconds=clock(communicator.barrier),
        empty_exchange_seconds=clock(lambda: communicator.exchange((), ())),
        allreduce_seconds=clock(lambda: communicator.allreduce((number,), operators.SUM)),
        exchange_seconds=small_seconds if left else None,
        exchange_bytes_per_second=left / large_seconds if left else None,
        allgather_bytes_per_second=arrived / gather_seconds if arrived else None,
        copy_bytes_per_second=COPY_NBYTES / clock(lambda: target.copy_(source)),
        fresh_bytes_per_second=COPY_NBYTES / clock(source.clone),
        sum_bytes_per_second=COPY_NBYTES / clock(lambda: torch.sum(source)),
        multiply_flops=2 * SIDE**3 / clock(lambda: torch.matmul(matrix, matrix)),
        factor_flops=4 * TALL[0] * TALL[1] ** 2 / clock(lambda: factors.qr(tall)),
        sort_seconds=clock(lambda: ordering.sort(values, 0)) / len(values) / DIGITS,
        argsort_seconds=clock(lambda: ordering.argsort(values, 0)) / len(values) / DIGITS,
        search_seconds=clock(lambda: searching.searchsorted(ordered, values, "left")) / len(values) / DIGITS,
        gather_seconds=clock(lambda: indexing.slabs(values, 0, places)) / len(values),
    )


def _vector(device: Device, nbytes: int) -> torch.Tensor:
    return torch.ones(max(nbytes // 8, 1), dtype=torch.float64, device=device.torch_device)


def _shuffled(device: Device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return float64 values without an order, and the places of all of them without one."""
    random = torch.Generator().manual_seed(0)
    values = torch.rand(1 << DIGITS, dtype=torch.float64, generator=random)
    places = torch.randperm(1 << DIGITS, generator=random)
    return values.to(device.torch_device), places.to(device.torch_device)


def _exchange(device: Device, nbytes: int) -> tuple[Callable[[], object], int]:
    """Return an exchange with the rank half of all ranks away, on another host if there are several, and what leaves."""
    outgoing, incoming = _vector(device, nbytes), _vector(device, nbytes)
    half = device.ranks // 2
    sends = [Piece((device.rank + half) % device.ranks, outgoing)]
    receives = [Piece((device.rank - half) % device.ranks, incoming)]
    left = sum(nbytes for piece in sends if piece.peer != device.rank)
    return lambda: device.communicator.exchange(sends, receives), left


class _Clock:
    """Takes the time of a call on all ranks together."""

    def __init__(self, device: Device, seconds: float) -> None:
        self._device = device
        self._seconds = seconds

    def __call__(self, call: Callable[[], object]) -> float:
        """Return the seconds of one call on the slowest rank, in the best batch."""
        once = self._slowest(self._batches(call, 4, 1)[1:])
        # How often it is called must be the same on all ranks: this is a figure of all of them.
        length = 4 if once < SHORT_SECONDS else 1
        least, most = BATCHES
        count = min(max(int(self._seconds / (length * once)), least), most)
        return self._slowest(self._batches(call, count, length))

    def _slowest(self, batches: Sequence[float]) -> float:
        """Return the time of the batch that was the best on its slowest rank."""
        spent = torch.tensor([batches], dtype=torch.float64)
        every = self._device.communicator.allgather(spent, 0, [1] * self._device.ranks)
        return float(every.amax(dim=0).min())

    def _batches(self, call: Callable[[], object], count: int, length: int) -> list[float]:
        """Return the seconds of a call, here, in each of ``count`` batches of ``length``."""
        found = []
        self._device.communicator.barrier()
        for _ in range(count):
            start = perf_counter()
            for _ in range(length):
                call()
            self._settle()
            found.append((perf_counter() - start) / length)
        return found

    def _settle(self) -> None:
        if self._device.torch_device.type == "cuda":
            # What was called has only been queued.
            torch.cuda.synchronize(self._device.torch_device)
