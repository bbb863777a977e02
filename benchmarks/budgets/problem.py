"""What a budget is: the communication and the memory of a function, as formulas of a problem. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Final, Literal, TypeAlias

MESSAGE_NBYTES: Final = 1 << 16
"""An exchange cuts what goes to one peer into messages of at least this many bytes."""

BUFFER_NBYTES: Final = 1 << 26
"""What an exchange packs at any time."""


@dataclass(frozen=True, slots=True)
class Operand:
    """An array by its layout.

    Attributes
    ----------
    shape : tuple of int
    itemsize : int
        Bytes of one element.
    axis : int or None
        The partitioned axis, None for a copy on every rank.
    bounds : tuple of int or None
        The P + 1 offsets along it; None for even parts.
    kind : {"exact", "floating", "complex"}
        Of the data type: exact are integers and booleans.
    """

    shape: tuple[int, ...]
    itemsize: int = 8
    axis: int | None = None
    bounds: tuple[int, ...] | None = None
    kind: Literal["exact", "floating", "complex"] = "floating"

    @property
    def size(self) -> int:
        """How many elements the whole array has."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the whole array."""
        return self.size * self.itemsize

    def share(self, ranks: int) -> int:
        """Return how many elements the largest part has."""
        if self.axis is None or not self.size:
            return self.size
        length = self.shape[self.axis]
        longest = -(-length // ranks)
        if self.bounds is not None:
            longest = max(stop - start for start, stop in zip(self.bounds, self.bounds[1:], strict=False))
        return self.size // length * longest

    def part(self, ranks: int) -> int:
        """Return the bytes of the largest part."""
        return self.share(ranks) * self.itemsize

    def lies_as(self, axis: int | None, bounds: tuple[int, ...] | None, ranks: int) -> bool:
        """Return whether the partition is this one."""
        if self.axis != axis or self.bounds == bounds:
            return self.axis == axis
        assert axis is not None
        return self._offsets(self.bounds, axis, ranks) == self._offsets(bounds, axis, ranks)

    def _offsets(self, bounds: tuple[int, ...] | None, axis: int, ranks: int) -> tuple[int, ...]:
        if bounds is not None:
            return bounds
        share, rest = divmod(self.shape[axis], ranks)
        return tuple(rank * share + min(rank, rest) for rank in range(ranks + 1))


@dataclass(frozen=True, slots=True)
class Limits:
    """The sizes up to which the library prefers copies, in bytes: its own constants by default."""

    scatter: int = 1 << 20
    lookup: int = 1 << 20
    small: int = 1 << 16
    matrices: int = 1 << 20
    triangles: int = 1 << 23
    transforms: int = 1 << 20
    one_rank: int = 1 << 31
    gathered: int = 1 << 26
    panel: int = 128
    replica: int = 1 << 12
    together: int = 1 << 26


@dataclass(frozen=True, slots=True)
class Problem:
    """A call, as far as its cost depends on it.

    Attributes
    ----------
    ranks : int
    operands : tuple of Operand
    results : tuple of Operand
    axes : tuple of int
        The axes of the first operand along which elements meet.
    times : int
        How often: the n of ``diff``, the repetitions of ``tile``, the exponent of ``matrix_power``.
    limits : Limits
    """

    ranks: int
    operands: tuple[Operand, ...]
    results: tuple[Operand, ...] = ()
    axes: tuple[int, ...] = ()
    times: int = 1
    limits: Limits = Limits()

    @property
    def x(self) -> Operand:
        """The first operand."""
        return self.operands[0]

    @property
    def result(self) -> Operand:
        """The first result."""
        return self.results[0]

    @property
    def crosses(self) -> bool:
        """Whether elements of different ranks meet."""
        return self.x.axis is not None and self.x.axis in self.axes

    @property
    def is_spread(self) -> bool:
        """Whether an operand is partitioned."""
        return any(operand.axis is not None for operand in self.operands)

    @property
    def rounds(self) -> int:
        """The levels of a binary tree over the ranks."""
        return (self.ranks - 1).bit_length()

    def parts(self, *, wide: bool = False) -> int:
        """Return the bytes of a rank's parts of all operands and results; ``wide``: as elements of 8 bytes at least."""
        return sum(
            each.share(self.ranks) * (max(each.itemsize, 8) if wide else each.itemsize)
            for each in (*self.operands, *self.results)
        )

    def with_operands(self, *operands: Operand) -> Problem:
        """Return the problem with other operands."""
        return replace(self, operands=operands)


@dataclass(frozen=True, slots=True)
class Step:
    """Collectives of one kind.

    Attributes
    ----------
    kind : str
        As ``trace()`` names it: allreduce, allgather, exscan, reduce_scatter, broadcast, exchange, exchange_counts,
        shift, agree.
    calls, messages : int
        On one rank. One message a collective; an exchange: those that leave for each peer.
    nbytes : int
        What one rank sends, the state of an allreduce or exscan, the own part of an allgather; of broadcasts, what
        all of them hold together.
    """

    kind: str
    calls: int
    messages: int
    nbytes: int


def collective(kind: str, nbytes: int, calls: int = 1) -> Step:
    """Return ``calls`` collectives that send ``nbytes`` in all."""
    return Step(kind, calls, calls, nbytes)


def exchange(problem: Problem, nbytes: int, calls: int = 1, peers: int | None = None) -> Step:
    """Return ``calls`` exchanges with at most ``peers`` others (all by default) that send ``nbytes`` in all."""
    others = problem.ranks - 1 if peers is None else min(peers, problem.ranks - 1)
    return Step("exchange", calls, calls * others + nbytes // MESSAGE_NBYTES, nbytes)


Steps: TypeAlias = Callable[[Problem], Iterable[Step]]
Memory: TypeAlias = Callable[[Problem], int]


def held(times: float, *, wide: bool = False) -> Memory:
    """Return the memory of ``times`` a rank's parts of operands and results."""
    return lambda problem: int(times * problem.parts(wide=wide))


def buffered(nbytes: float) -> int:
    """Return what a communicator's buffers take, at most, for ``nbytes`` that are packed on both sides."""
    return int(min(nbytes, BUFFER_NBYTES))


_USUAL: Final = held(3)


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """The budget of a class of functions.

    Attributes
    ----------
    text : str
        As the docstrings state it.
    steps : callable
        The most that a problem communicates.
    memory : callable
        The most bytes that a rank allocates at once, its part of the result included, beside the bounded buffers.
    volume : callable or None
        The most bytes that come in by exchanges and allgathers; twice a rank's parts for None.
    is_gathering : bool
        Whether one rank may come to hold a whole operand: the documented exceptions.
    holds : str
        What the memory is made of, as the docstrings state it.
    """

    text: str
    steps: Steps
    memory: Memory = _USUAL
    volume: Memory | None = None
    is_gathering: bool = False
    holds: str = ""

    def total(self, problem: Problem) -> Step:
        """Return all steps together."""
        steps = tuple(self.steps(problem))
        return Step(
            "total",
            sum(step.calls for step in steps),
            sum(step.messages for step in steps),
            sum(step.nbytes for step in steps),
        )
