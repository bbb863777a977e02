"""A case: a function, with options, of data sets that are partitioned in some way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeAlias

from benchmarks.cases.data import DATASETS, Scale, Shape

Option: TypeAlias = int | bool | str | None


def spelled(axis: int | None) -> str:
    """Return an axis, or all of them, as names have it."""
    return "all" if axis is None else str(axis)


@dataclass(frozen=True, slots=True)
class Operand:
    """A data set in parts along ``axis``, or (None) a copy for every rank."""

    dataset: str
    axis: int | None = 0


@dataclass(frozen=True, slots=True)
class Work:
    """The least that a computation does, over all ranks: arithmetic, and bytes read and written."""

    flops: float
    nbytes: float


Count: TypeAlias = Callable[[Sequence[Shape]], Work]


@dataclass(frozen=True, slots=True)
class Case:
    """A case.

    Attributes
    ----------
    name : str
        ``group/function/variant``.
    function : str
        What the systems' tables know it by.
    operands : tuple of Operand
    options : mapping
        Keyword arguments of the function.
    tolerance : float
        How far a result may be from NumPy's in float64, relative to its largest value.
    work : callable or None
        Of the operands' shapes; None where neither arithmetic nor traffic says what it takes.
    scaling : bool
        Whether it is also measured with rows in proportion to ranks, by the distributed systems.
    moving : bool
        Whether there is only something to do where elements change their ranks: one rank is not measured.
    """

    name: str
    function: str
    operands: tuple[Operand, ...]
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    tolerance: float = 1e-9
    work: Count | None = None
    scaling: bool = False
    moving: bool = False

    @property
    def group(self) -> str:
        """The first part of the name."""
        return self.name.split("/", 1)[0]

    def shapes(self, scale: Scale, factor: int = 1) -> list[Shape]:
        """Return the operands' shapes."""
        return [DATASETS[operand.dataset].shape(scale, factor) for operand in self.operands]

    def nbytes(self, scale: Scale, factor: int = 1) -> int:
        """Return the operands' bytes."""
        return sum(DATASETS[operand.dataset].nbytes(scale, factor) for operand in self.operands)


def matching(cases: Iterable[Case], patterns: Sequence[str]) -> list[Case]:
    """Return the cases whose name has one of the patterns in it, or matches it; all where there are none.

    Raises
    ------
    ValueError
        If a pattern fits no case.
    """
    listed = list(cases)
    for pattern in patterns:
        if not any(_fits(case, pattern) for case in listed):
            raise ValueError(f"a pattern must fit the name of a case (see list), got {pattern!r}")
    return [case for case in listed if not patterns or any(_fits(case, pattern) for pattern in patterns)]


def _fits(case: Case, pattern: str) -> bool:
    return pattern in case.name or fnmatchcase(case.name, pattern)
