"""Exact splitters: where to cut sorted parts so that each rank gets its share of the whole order.

Multi-way selection by bisection of the keys, all splitters of all lanes at once (after Varman et al. 1991, "Merging
multiple lists on hierarchical-memory multiprocessors", and Axtmann and Sanders 2017, "Robust massively parallel
sorting"): at most 64 rounds, one for each bit of a key, of one allreduce of a count per splitter and lane. Pairs of keys
take as many rounds again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from array_api_dist.collectives import Communicator, operators

_LIMITS = torch.iinfo(torch.int64)


def _count(keys: torch.Tensor, values: torch.Tensor, *, right: bool) -> torch.Tensor:
    # torch warns about the copies that it would make itself.
    return torch.searchsorted(keys.contiguous(), values.contiguous(), right=right)


def _summed(counts: torch.Tensor, communicator: Communicator) -> torch.Tensor:
    return communicator.allreduce((counts,), operators.SUM)[0]


def _range(
    low: torch.Tensor, high: torch.Tensor, communicator: Communicator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least of the ranks' ``low`` and the greatest of their ``high``."""
    (low,) = communicator.allreduce((low,), operators.MIN)
    (high,) = communicator.allreduce((high,), operators.MAX)
    return low, high


def keys_at(keys: torch.Tensor, positions: Sequence[int], communicator: Communicator) -> torch.Tensor:
    """Return the keys that stand at ``positions`` of the order of all ranks' keys.

    Parameters
    ----------
    keys : torch.Tensor, int64, shape (lanes, n_local)
        Sorted along each lane.
    positions : sequence of int
        In [0, n): global positions, the same on every rank.
    communicator : Communicator

    Returns
    -------
    torch.Tensor, shape (lanes, len(positions))
        The same on every rank.

    Notes
    -----
    Communication: at most 66 allreduces of ``8 * lanes * len(positions)`` bytes.
    """
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=keys.device)
    lanes, length = keys.shape
    # A rank without keys has no say.
    low = keys[:, :1] if length else keys.new_full((lanes, 1), _LIMITS.max)
    high = keys[:, -1:] if length else keys.new_full((lanes, 1), _LIMITS.min)
    first, last = _range(low, high, communicator)
    shape = (len(keys), len(wanted))
    return _bisected(
        lambda middle: _count(keys, middle, right=True),
        (first.expand(shape), last.expand(shape)),
        wanted,
        communicator,
    )


def _bisected(
    reached: Callable[[torch.Tensor], torch.Tensor],
    limits: tuple[torch.Tensor, torch.Tensor],
    wanted: torch.Tensor,
    communicator: Communicator,
) -> torch.Tensor:
    """Return the least keys between ``limits`` such that more than ``wanted`` are ``reached`` on all ranks together."""
    low, high = (limit.contiguous() for limit in limits)
    # What low and high hold is the same on every rank, and so is the number of rounds.
    while bool((low < high).any()):
        # The floor of the mean, which cannot overflow.
        middle = (low & high) + ((low ^ high) >> 1)
        enough = _summed(reached(middle), communicator) > wanted
        high = torch.where(enough, middle, high)
        low = torch.where(enough, low, torch.where(low < high, middle + 1, low))
    return low


Pairs: TypeAlias = tuple[torch.Tensor, torch.Tensor | None]
"""Keys, and what parts those that are equal (None: nothing): vectors that ascend as pairs."""


def pairs_at(keys: Pairs, positions: Sequence[int], communicator: Communicator) -> Pairs:
    """Return the pairs of keys that stand at ``positions`` of the order of all ranks' pairs.

    Parameters
    ----------
    keys : (torch.Tensor, torch.Tensor or None), int64, shape (n_local,)
    positions : sequence of int
        In [0, n): global positions, the same on every rank.
    communicator : Communicator

    Returns
    -------
    Pairs, shape (len(positions),)
        The same on every rank.

    Notes
    -----
    Communication: at most 66 allreduces of ``8 * len(positions)`` bytes; 133 with second keys.
    """
    first, second = keys
    found = keys_at(first[None], positions, communicator)[0]
    if second is None:
        return found, None
    starts, stops = _count(first, found, right=False), _count(first, found, right=True)
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=first.device)
    wanted = wanted - _summed(starts, communicator)
    has = starts < stops
    padded = torch.cat((second, second.new_zeros(1)))
    low = torch.where(has, padded[starts], _LIMITS.max)
    high = torch.where(has, padded[(stops - 1).clamp(min=0)], _LIMITS.min)
    inner = _bisected(
        lambda middle: _count_within(padded, starts, stops, middle, right=True) - starts,
        _range(low, high, communicator),
        wanted,
        communicator,
    )
    return found, inner


def _count_within(
    keys: torch.Tensor, starts: torch.Tensor, stops: torch.Tensor, values: torch.Tensor, *, right: bool
) -> torch.Tensor:
    """Return where each of ``values`` would go into its own stretch of ``keys``, which ascends."""
    low, high = starts, stops
    while bool((low < high).any()):
        middle = (low + high) >> 1
        passes = keys[middle] <= values if right else keys[middle] < values
        passes &= low < high
        high = torch.where(passes, high, middle)
        low = torch.where(passes, middle + 1, low)
    return low


def cuts_before(keys: Pairs, splitters: Pairs) -> list[int]:
    """Return how many of the local pairs come before each of ``splitters``. Communication: none."""
    first, second = keys
    starts = _count(first, splitters[0], right=False)
    if second is None or splitters[1] is None:
        return [int(each) for each in starts.tolist()]
    stops = _count(first, splitters[0], right=True)
    padded = torch.cat((second, second.new_zeros(1)))
    return [int(each) for each in _count_within(padded, starts, stops, splitters[1], right=False).tolist()]


def cuts_at(
    keys: torch.Tensor, positions: Sequence[int], total: int, communicator: Communicator
) -> torch.Tensor:
    """Return where to cut each lane of the local keys so that globally exactly ``positions`` elements lie before.

    Equal keys are divided between the ranks in their order: the order is by (key, rank, position), and stable.

    Parameters
    ----------
    keys : torch.Tensor, int64, shape (lanes, n_local)
        Sorted along each lane.
    positions : sequence of int
        In [0, total], ascending.
    total : int
        How many keys a lane has on all ranks, at least one.
    communicator : Communicator

    Returns
    -------
    torch.Tensor, int64, shape (lanes, len(positions))

    Notes
    -----
    Communication: that of ``keys_at``, one allreduce and one exscan of a count per splitter and lane.
    """
    keys = keys.contiguous()
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=keys.device)
    splitters = keys_at(keys, [min(position, total - 1) for position in positions], communicator)
    below = _count(keys, splitters, right=False)
    equal = _count(keys, splitters, right=True) - below
    needed = wanted - _summed(below, communicator)
    (taken,) = communicator.exscan((equal,), operators.SUM, (torch.zeros_like(equal),))
    return below + torch.minimum((needed - taken).clamp(min=0), equal)
