"""Exact splitters: where to cut sorted parts so that each rank gets its share of the whole order.

Multi-way selection by bisection of the keys, all splitters of all lanes at once (after Varman et al. 1991, "Merging
multiple lists on hierarchical-memory multiprocessors", and Axtmann and Sanders 2017, "Robust massively parallel
sorting"): at most 64 rounds, one for each bit of a key, of one allreduce of a count per splitter and lane.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from array_api_dist.collectives import Communicator, operators

_LIMITS = torch.iinfo(torch.int64)


def _count(keys: torch.Tensor, values: torch.Tensor, *, right: bool) -> torch.Tensor:
    return torch.searchsorted(keys, values, right=right)


def _summed(counts: torch.Tensor, communicator: Communicator) -> torch.Tensor:
    return communicator.allreduce((counts,), operators.SUM)[0]


def _range(keys: torch.Tensor, communicator: Communicator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least and the greatest key of each lane over all ranks."""
    lanes, length = keys.shape
    low = keys[:, :1] if length else keys.new_full((lanes, 1), _LIMITS.max)
    high = keys[:, -1:] if length else keys.new_full((lanes, 1), _LIMITS.min)
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
    first, last = _range(keys, communicator)
    low = first.expand(len(keys), len(wanted)).contiguous()
    high = last.expand(len(keys), len(wanted)).contiguous()
    # What low and high hold is the same on every rank, and so is the number of rounds.
    while bool((low < high).any()):
        # The floor of the mean, which cannot overflow.
        middle = (low & high) + ((low ^ high) >> 1)
        reached = _summed(_count(keys, middle, right=True), communicator) > wanted
        high = torch.where(reached, middle, high)
        low = torch.where(reached, low, torch.where(low < high, middle + 1, low))
    return low


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
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=keys.device)
    splitters = keys_at(keys, [min(position, total - 1) for position in positions], communicator)
    below = _count(keys, splitters, right=False)
    equal = _count(keys, splitters, right=True) - below
    needed = wanted - _summed(below, communicator)
    (taken,) = communicator.exscan((equal,), operators.SUM, (torch.zeros_like(equal),))
    return below + torch.minimum((needed - taken).clamp(min=0), equal)
