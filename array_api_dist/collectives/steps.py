"""How many collectives have begun on this rank: compared with another rank's it tells who waits for whom."""

from __future__ import annotations

from collections import Counter
from typing import Final, TypeAlias

from array_api_dist.collectives.ownership import Owner

Group: TypeAlias = tuple[int, ...]
"""Ranks, by their numbers in the world."""


class Steps:
    """The collectives of one communicator."""

    __slots__ = ("begun", "owner")

    def __init__(self, owner: Owner) -> None:
        self.owner: Owner = owner
        self.begun: int = 0


_kept: Final[list[tuple[Group, Steps]]] = []
"""For good: ranks may lose a communicator at different times, and must count alike."""


def keep(group: Group, steps: Steps) -> None:
    """Count these among those of the group."""
    _kept.append((group, steps))


def all_begun() -> Counter[Group]:
    """Return how many collectives of each group have begun."""
    begun: Counter[Group] = Counter()
    for group, steps in _kept:
        begun[group] += steps.begun
    return begun


def owners_ahead(rank: int, theirs: Counter[Group]) -> list[Owner]:
    """Return whose collectives have begun here that ``rank``, where ``theirs`` had, takes part in and has not begun."""
    mine = all_begun()
    return [steps.owner for group, steps in _kept if rank in group and mine[group] > theirs[group]]
