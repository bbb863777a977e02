"""Exact splitters: where to cut sorted parts so that each rank gets its share of the whole order.

Multi-way selection by cutting the range of the keys, for all splitters of all lanes at once (after Varman et al. 1991,
"Merging multiple lists on hierarchical-memory multiprocessors", and Axtmann and Sanders 2017, "Robust massively parallel
sorting"): each round settles a bit of the keys, or up to four where splitters and lanes are few, by one allreduce of as
many counts as tell those apart. A key has 64 bits, pairs of keys take as many rounds again. Keys are made of the
splitters alone: the parts are looked up as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch

from array_api_dist.collectives import Communicator, operators
from array_api_dist.kernels.order_keys import from_order_key, order_key
from array_api_dist.kernels.searching import present_count

_LIMITS = torch.iinfo(torch.int64)
_MOST_BITS = 4
# Up to so many bytes an allreduce takes about as long as one of a single number.
_COUNTED_NBYTES = 1 << 12
_SIDES: dict[bool, Literal["left", "right"]] = {False: "left", True: "right"}


class Lanes:
    """This rank's sorted values, which are encoded: how many of them come before a key.

    Parameters
    ----------
    values : torch.Tensor, shape (lanes, n_local)
        Real, of a type that torch compares, ascending along each lane, NaN last.
    """

    __slots__ = ("_present", "values")

    def __init__(self, values: torch.Tensor) -> None:
        # torch warns about the copies that it would make itself.
        self.values: torch.Tensor = values.contiguous()
        self._present = [lane[: present_count(lane)] for lane in self.values]

    def ends(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the least and the greatest key of each lane; one without values has no say."""
        lanes, length = self.values.shape
        if length:
            return order_key(self.values[:, :1]), order_key(self.values[:, -1:])
        shape = (lanes, 1)
        device = self.values.device
        return (
            torch.full(shape, _LIMITS.max, device=device),
            torch.full(shape, _LIMITS.min, device=device),
        )

    def count(self, keys: torch.Tensor, *, right: bool) -> torch.Tensor:
        """Return how many values of each lane are less than each of its ``keys``, or not greater (``right``)."""
        wanted = from_order_key(keys, self.values.dtype)
        found = [
            torch.searchsorted(lane, each, side=_SIDES[right])
            for lane, each in zip(self._present, wanted, strict=True)
        ]
        counts = torch.stack(found) if found else torch.zeros_like(keys)
        if right and wanted.is_floating_point():
            # Among what is present, NaN has its place at the end.
            counts.masked_fill_(torch.isnan(wanted), self.values.shape[1])
        return counts


def _count(keys: torch.Tensor, values: torch.Tensor, *, right: bool) -> torch.Tensor:
    return torch.searchsorted(keys.contiguous(), values.contiguous(), right=right)


def _summed(counts: torch.Tensor, communicator: Communicator) -> torch.Tensor:
    return communicator.allreduce((counts,), operators.SUM)[0]


def _range(
    low: torch.Tensor, high: torch.Tensor, communicator: Communicator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least of the ranks' ``low`` and the greatest of their ``high``."""
    # The complement turns the order round.
    (both,) = communicator.allreduce((torch.stack((~low, high)),), operators.MAX)
    return ~both[0], both[1]


def _bits_at_once(count: int) -> int:
    """Return how many bits of ``count`` keys a round settles."""
    fitting = (bits for bits in range(_MOST_BITS, 1, -1) if 8 * count * ((1 << bits) - 1) <= _COUNTED_NBYTES)
    return next(fitting, 1)


def keys_at(parts: Sequence[Lanes], positions: Sequence[int], communicator: Communicator) -> torch.Tensor:
    """Return the keys that stand at ``positions`` of the order of all ranks' values.

    Parameters
    ----------
    parts : sequence of Lanes
        This rank's, at least one, with as many lanes each: their values are ordered together.
    positions : sequence of int
        In [0, n): global positions, the same on every rank.
    communicator : Communicator

    Returns
    -------
    torch.Tensor, int64, shape (lanes, len(positions))
        The same on every rank.

    Notes
    -----
    Communication: at most 65 allreduces of ``8 * lanes * len(positions)`` bytes, 17 of 15 times as many where that is
    up to 4 KiB.
    """
    ends = [part.ends() for part in parts]
    low, high = ends[0]
    for other_low, other_high in ends[1:]:
        low, high = torch.minimum(low, other_low), torch.maximum(high, other_high)
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=low.device)
    first, last = _range(low, high, communicator)
    shape = (len(low), len(wanted))

    def reached(probes: torch.Tensor) -> torch.Tensor:
        flat = probes.view(len(probes), -1)
        return torch.stack([part.count(flat, right=True) for part in parts]).sum(0).view(probes.shape)

    return _bisected(reached, (first.expand(shape), last.expand(shape)), wanted, communicator)


def _bisected(
    reached: Callable[[torch.Tensor], torch.Tensor],
    limits: tuple[torch.Tensor, torch.Tensor],
    wanted: torch.Tensor,
    communicator: Communicator,
) -> torch.Tensor:
    """Return the least keys between ``limits`` such that more than ``wanted`` are ``reached`` on all ranks together.

    ``reached`` counts for keys in one more axis, the last one, which ascend along it.
    """
    low, high = (limit.unsqueeze(-1) for limit in limits)
    bits = _bits_at_once(low.numel())
    steps = torch.arange(1, 1 << bits, device=low.device)
    # What low and high hold is the same on every rank, and so is the number of rounds.
    while bool((is_open := low < high).any()):
        # As an unsigned number the difference does not overflow. The floor of so many parts of it, rests apart.
        span = high - low
        whole, rest = (span >> bits) & (_LIMITS.max >> (bits - 1)), span & ((1 << bits) - 1)
        probes = low + whole * steps + ((rest * steps) >> bits)
        enough = _summed(reached(probes), communicator) > wanted.unsqueeze(-1)
        low, high = (
            torch.where(is_open & ~enough, probes + 1, low).amax(-1, keepdim=True),
            torch.where(is_open & enough, probes, high).amin(-1, keepdim=True),
        )
    return low.squeeze(-1)


Pairs: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Keys, and what parts those that are equal: vectors that ascend as pairs."""


def pairs_at(keys: Pairs, positions: Sequence[int], communicator: Communicator) -> Pairs:
    """Return the pairs of keys that stand at ``positions`` of the order of all ranks' pairs.

    Parameters
    ----------
    keys : (torch.Tensor, torch.Tensor), int64, shape (n_local,)
    positions : sequence of int
        In [0, n): global positions, the same on every rank.
    communicator : Communicator

    Returns
    -------
    Pairs, shape (len(positions),)
        The same on every rank.

    Notes
    -----
    Communication: at most 131 allreduces of ``8 * len(positions)`` bytes, 35 of 15 times as many where that is up to
    4 KiB.
    """
    first, second = keys
    found = keys_at([Lanes(first[None])], positions, communicator)[0]
    starts, stops = _count(first, found, right=False), _count(first, found, right=True)
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=first.device)
    wanted = wanted - _summed(starts, communicator)
    has = starts < stops
    padded = torch.cat((second, second.new_zeros(1)))
    low = torch.where(has, padded[starts], _LIMITS.max)
    high = torch.where(has, padded[(stops - 1).clamp(min=0)], _LIMITS.min)
    inner = _bisected(
        lambda probes: (
            _count_within(padded, starts[:, None], stops[:, None], probes, right=True) - starts[:, None]
        ),
        _range(low, high, communicator),
        wanted,
        communicator,
    )
    return found, inner


def _count_within(
    keys: torch.Tensor, starts: torch.Tensor, stops: torch.Tensor, values: torch.Tensor, *, right: bool
) -> torch.Tensor:
    """Return where each of ``values`` would go into its own stretch of ``keys``, which ascends.

    The shape is that of both together, whether or not a stretch has keys.
    """
    low, high = (each + torch.zeros_like(values) for each in (starts, stops))
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
    starts, stops = (_count(first, splitters[0], right=right) for right in (False, True))
    padded = torch.cat((second, second.new_zeros(1)))
    return [int(each) for each in _count_within(padded, starts, stops, splitters[1], right=False).tolist()]


def cuts_at(
    part: Lanes, positions: Sequence[int], total: int, communicator: Communicator, *, divides: bool = True
) -> torch.Tensor:
    """Return where to cut each lane of the local values so that globally exactly ``positions`` elements lie before.

    Equal values are divided between the ranks in their order: the order is by (value, rank, position), and stable.

    Parameters
    ----------
    part : Lanes
    positions : sequence of int
        In [0, total], ascending.
    total : int
        How many values a lane has on all ranks, at least one.
    communicator : Communicator
    divides : bool
        Whether equal values may part. Without, all equals stand behind the cut; but NaN, equal to nothing, is divided.

    Returns
    -------
    torch.Tensor, int64, shape (lanes, len(positions))

    Notes
    -----
    Communication: that of ``keys_at``, one allreduce and one exscan of a count per splitter and lane (where only NaN
    would be divided, only for floating-point values).
    """
    splitters = keys_at([part], [min(position, total - 1) for position in positions], communicator)
    below = part.count(splitters, right=False)
    floating = part.values.is_floating_point()
    if not divides and not floating:
        return below
    wanted = torch.tensor(list(positions), dtype=torch.int64, device=below.device)
    equal = part.count(splitters, right=True) - below
    needed = wanted - _summed(below, communicator)
    (taken,) = communicator.exscan((equal,), operators.SUM, (torch.zeros_like(equal),))
    cuts = below + torch.minimum((needed - taken).clamp(min=0), equal)
    if divides:
        return cuts
    return torch.where(torch.isnan(from_order_key(splitters, part.values.dtype)), cuts, below)
