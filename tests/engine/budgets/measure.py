"""Calls of public functions on operands of every layout, what they communicated, and whether that is in the budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, TypeAlias
from zlib import crc32

import torch
from harness import part_of

from array_api_dist._array import Array
from array_api_dist._device import Device
from array_api_dist._partition import REPLICATED, Partition, Shape
from array_api_dist._placement import uneven_bounds
from array_api_dist.collectives.packing import Buffers
from array_api_dist.trace import trace
from benchmarks.budgets import Formula, Limits, Operand, Problem, Step, held

Make: TypeAlias = Callable[[Shape, torch.Generator], torch.Tensor]
Layout: TypeAlias = tuple[Partition, ...]

SLACK_NBYTES = 1 << 12
"""What every operation may allocate for scalars, counts and offsets."""

RANK_NBYTES = 1 << 8
"""What it may allocate for each rank."""


# ---- values of operands


def normal(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def single(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=generator)


def complex_normal(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    return torch.complex(normal(shape, generator), normal(shape, generator))


def below(high: int, low: int = 0, dtype: torch.dtype = torch.int64) -> Make:
    def make(shape: Shape, generator: torch.Generator) -> torch.Tensor:
        return torch.randint(low, high, shape, generator=generator).to(dtype)

    return make


def even_below(high: int) -> Make:
    """Indices that ask all parts alike."""

    def make(shape: Shape, generator: torch.Generator) -> torch.Tensor:
        count = max(torch.Size(shape).numel(), 1)
        spread = torch.arange(count) * high // count
        return spread[torch.randperm(count, generator=generator)].reshape(shape)

    return make


def booleans(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(shape, generator=generator) < 0.5


def ascending(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    return normal(shape, generator).sort().values


def definite(shape: Shape, generator: torch.Generator) -> torch.Tensor:
    """Symmetric, positive definite and well conditioned matrices."""
    whole = torch.randn(shape, dtype=torch.float64, generator=generator) / shape[-1]
    return whole @ whole.mT + torch.eye(shape[-1], dtype=torch.float64)


# ---- cases


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A call of a function.

    Attributes
    ----------
    call : callable
        Takes arrays, one for each of ``shapes``.
    shapes : tuple of Shape
    makes : tuple of Make
        How the values of each are made; the last stands for the rest.
    axes, times
        Of the Problem.
    layouts : callable or None
        The layouts to try, of the shapes and the number of ranks; all by default.
    """

    call: Callable[..., Any]
    shapes: tuple[Shape, ...]
    makes: tuple[Make, ...] = (normal,)
    axes: tuple[int, ...] = ()
    times: int = 1
    layouts: Callable[[tuple[Shape, ...], int], Iterator[Layout]] | None = None

    def layouts_on(self, ranks: int, *, every: bool = True) -> list[Layout]:
        """Return the layouts to try: every combination, or as few as lay each operand in each of its ways."""
        found = list((self.layouts or every_layout)(self.shapes, ranks))
        return found if every else _covering(found)


def _covering(layouts: list[Layout]) -> list[Layout]:
    left = {
        (operand, each) for layout in layouts for operand, each in enumerate(layout) if each.axis is not None
    }
    found: list[Layout] = []
    while left:
        best = max(layouts, key=lambda layout: len(left & set(enumerate(layout))))
        found.append(best)
        left -= set(enumerate(best))
    return found or layouts


def even_layouts(shapes: tuple[Shape, ...], ranks: int) -> Iterator[Layout]:
    """Every operand replicated, and evenly along each of its axes."""
    choices = [
        [REPLICATED, *(Partition.even(axis, length, ranks) for axis, length in enumerate(shape))]
        for shape in shapes
    ]
    yield from product(*choices)


def every_layout(shapes: tuple[Shape, ...], ranks: int) -> Iterator[Layout]:
    """The even layouts, and those of one partitioned operand or of all with uneven and empty parts."""
    for layout in even_layouts(shapes, ranks):
        yield layout
        if layout[0].axis is not None:
            yield tuple(
                partition
                if partition.axis is None
                else Partition(partition.axis, uneven_bounds(partition.length, ranks, 3 + partition.length))
                for partition in layout
            )


def cut_layouts(shapes: tuple[Shape, ...], ranks: int) -> Iterator[Layout]:
    """Every layout but those of copies alone."""
    yield from (
        layout for layout in every_layout(shapes, ranks) if any(each.axis is not None for each in layout)
    )


@cache
def _whole(case: Case) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(crc32(repr(case.shapes).encode()))
    makes = (*case.makes, *(case.makes[-1] for _ in case.shapes))
    return tuple(make(shape, generator) for make, shape in zip(makes, case.shapes, strict=False))


# ---- measuring


@dataclass(frozen=True, slots=True)
class Seen:
    """What one call did on one rank: (calls, messages, bytes sent, bytes received) by kind of collective."""

    counts: dict[str, tuple[int, int, int, int]]
    peak: int
    operands: tuple[Operand, ...]
    results: tuple[Operand, ...]


def described(array: Array, ranks: int) -> Operand:
    partition = array.partition
    axis = partition.axis
    is_even = axis is None or partition == Partition.even(axis, array.shape[axis], ranks)
    bounds = None if is_even else partition.bounds
    local = array._block.local
    kind = "complex" if local.is_complex() else "floating" if local.is_floating_point() else "exact"
    return Operand(array.shape, local.element_size(), axis, bounds, kind)


def _arrays_in(result: object) -> list[Array]:
    if isinstance(result, Array):
        return [result]
    return [each for each in result if isinstance(each, Array)] if isinstance(result, (tuple, list)) else []


def measured(case: Case, layout: Layout, device: Device) -> Seen:
    """Call the function on this rank and return what it took."""
    arrays = [
        Array._from_block(part_of(whole, partition, device))
        for whole, partition in zip(_whole(case), layout, strict=True)
    ]
    operands = tuple(described(array, device.ranks) for array in arrays)
    # A buffer that an earlier call left may be larger than this one needs, and counts whole.
    device.communicator._buffers = Buffers()
    with trace() as found:
        result = case.call(*arrays)
    counts: dict[str, tuple[int, int, int, int]] = defaultdict(lambda: (0, 0, 0, 0))
    for row in found.collectives:
        added = (row.calls, row.messages, row.bytes_sent, row.bytes_received)
        counts[row.collective] = tuple(map(sum, zip(counts[row.collective], added, strict=True)))
    results = tuple(described(array, device.ranks) for array in _arrays_in(result))
    return Seen(dict(counts), found.totals.peak_extra_bytes or 0, operands, results)


def prepared(case: Case) -> None:
    """Make the operands' values once, before the ranks ask for them."""
    _whole(case)


# ---- judging


def problem_of(case: Case, seen: Seen, ranks: int, limits: Limits) -> Problem:
    return Problem(ranks, seen.operands, seen.results, case.axes, case.times, limits)


def allowed(formula: Formula, problem: Problem) -> dict[str, Step]:
    """Return the steps of the formula, one for each kind."""
    total: dict[str, Step] = {}
    for step in formula.steps(problem):
        so_far = total.get(step.kind, Step(step.kind, 0, 0, 0))
        total[step.kind] = Step(
            step.kind,
            so_far.calls + step.calls,
            so_far.messages + step.messages,
            so_far.nbytes + step.nbytes,
        )
    return total


def excess(formula: Formula, problem: Problem, seen: Sequence[Seen], *, checks_memory: bool) -> list[str]:
    """Return what the ranks took beyond the budget, in words; nothing when they kept it."""
    budget, found = allowed(formula, problem), []
    for rank, each in enumerate(seen):
        for kind, (calls, messages, sent, received) in each.counts.items():
            step = budget.get(kind, Step(kind, 0, 0, 0))
            nbytes = sent + received if kind == "broadcast" else sent
            if calls > step.calls or messages > step.messages or nbytes > step.nbytes:
                found.append(
                    f"rank {rank}: {kind}: {calls} calls, {messages} messages, {nbytes} bytes; budget {step}"
                )
        if checks_memory:
            found += _memory_excess(formula, problem, each, rank)
    return found


def _memory_excess(formula: Formula, problem: Problem, seen: Seen, rank: int) -> list[str]:
    found = []
    fixed = SLACK_NBYTES + RANK_NBYTES * problem.ranks
    limit = formula.memory(problem) + fixed
    if seen.peak > limit:
        found.append(f"rank {rank}: {seen.peak} bytes of extra memory; budget {limit}")
    gathered = sum(seen.counts.get(kind, (0, 0, 0, 0))[3] for kind in ("allgather", "exchange"))
    volume = formula.volume or held(2, wide=True)
    if not formula.is_gathering and gathered > volume(problem) + fixed:
        found.append(f"rank {rank}: receives {gathered} bytes; budget {volume(problem) + fixed}")
    return found
