"""Looking values up in one tensor, in the order of ``ordering``: NaN last."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
import torch

from array_api_dist.kernels import predicates
from array_api_dist.kernels.distinct import unique
from array_api_dist.kernels.indexing import slabs
from array_api_dist.kernels.moving import SIGNED
from array_api_dist.kernels.order_keys import order_key, pieces
from array_api_dist.kernels.ordering import argsort
from array_api_dist.kernels.powers import SHORT_INTEGERS

# From so many values on, among as many, it takes less time to put them in order first: each is near the one before. So
# many of them at once, unless more threads than this look for them.
_MANY: Final = 1 << 12
_AT_ONCE: Final = 1 << 19
_FEW_THREADS: Final = 3
# Each of so many is compared with all: that takes less time than looking them up.
_FEW: Final = 1 << 6
_FEW_PAIRS: Final = 1 << 12
_TABLED: Final = SHORT_INTEGERS | {torch.int64}
"""What a table may say of which integers there are: its places are counted in int64."""


def searchsorted(ordered: torch.Tensor, values: torch.Tensor, side: Literal["left", "right"]) -> torch.Tensor:
    """Return where ``values`` would go into the sorted vector ``ordered``, before or after their equals, in int64."""
    ordered, values = _comparable(ordered), _comparable(values)
    # torch warns about the copies that it would make itself.
    ordered, values = ordered.contiguous(), values.contiguous()
    if (
        ordered.is_cpu
        and min(len(ordered), values.numel()) >= _MANY
        and torch.get_num_threads() <= _FEW_THREADS
    ):
        return _searched_in_order(ordered, values, side)
    if not ordered.is_floating_point():
        return torch.searchsorted(ordered, values, side=side)
    # torch takes NaN for less than all: it looks among the others, at whose end it finds the place of NaN.
    present = ordered[: present_count(ordered)]
    found = torch.searchsorted(present, values, side=side)
    if side == "left" or len(present) == len(ordered):
        return found
    return found.masked_fill_(torch.isnan(values), len(ordered))


def _searched_in_order(
    ordered: torch.Tensor, values: torch.Tensor, side: Literal["left", "right"]
) -> torch.Tensor:
    """Return what ``searchsorted`` does of values of the host, looked for in ascending order."""
    found = torch.empty(values.shape, dtype=torch.int64)
    known = ordered.numpy()
    for some, places in zip(
        torch.split(values.view(-1), _AT_ONCE), torch.split(found.view(-1), _AT_ONCE), strict=True
    ):
        if predicates.ascends(some):
            places.copy_(torch.from_numpy(known.searchsorted(some.numpy(), side)))
            continue
        order = argsort(some, 0)
        wanted = slabs(some, 0, order)
        places.scatter_(0, order, torch.from_numpy(known.searchsorted(wanted.numpy(), side)))
    return found


def _comparable(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` itself, or keys in place of a type that torch does not compare."""
    return order_key(tensor) if tensor.dtype in SIGNED or tensor.dtype == torch.bool else tensor


def present_count(ordered: torch.Tensor) -> int:
    """Return how many values of a sorted vector come before NaN."""
    if not (ordered.is_floating_point() or ordered.is_complex()):
        return len(ordered)
    if len(ordered) and not torch.isnan(ordered[-1]):
        return len(ordered)
    return bisect_left(range(len(ordered)), True, key=lambda place: bool(torch.isnan(ordered[place])))


def are_few(tensor: torch.Tensor, members: torch.Tensor) -> bool:
    """Return whether each element may as well be compared with each of the ``members``."""
    return tensor.is_cpu and tensor.numel() * members.numel() <= _FEW_PAIRS


def is_one_of(tensor: torch.Tensor, members: torch.Tensor) -> torch.Tensor:
    """Return whether each element of the host equals one of the ``members``, a vector in any order."""
    pairs = tensor.numpy()[..., None] == members.numpy()
    return torch.from_numpy(np.asarray(np.logical_or.reduce(pairs, -1)))


def isin(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    """Return whether each element stands in the sorted vector ``ordered``; NaN never does."""
    result = torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device)
    if len(ordered) == 0:
        return result
    if tensor.is_complex():
        return _isin_complex(tensor, ordered)
    is_among = _among_close(ordered, tensor.numel()) or _among_few(ordered) or _among(ordered)
    shape = tensor.shape or (1,)
    for piece in pieces(shape, where=tensor.device):
        result.view(shape).narrow(*piece).copy_(is_among(tensor.view(shape).narrow(*piece)))
    return result


def _among(ordered: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what tells which values stand in ``ordered``, by looking each up."""
    known = _comparable(ordered)

    def is_among(values: torch.Tensor) -> torch.Tensor:
        wanted = _comparable(values)
        return known[searchsorted(known, wanted, "left").clamp_(max=len(known) - 1)] == wanted

    return is_among


def _among_few(ordered: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return what tells it by comparing with each, None where those are more than a few."""
    if not ordered.is_cpu or len(ordered) > _FEW:
        return None

    def is_among(values: torch.Tensor) -> torch.Tensor:
        found, same = torch.zeros(values.shape, dtype=torch.bool), torch.empty(values.shape, dtype=torch.bool)
        array, result, one = values.numpy(), found.numpy(), same.numpy()
        for each in ordered.numpy():
            np.logical_or(result, np.equal(array, each, out=one), out=result)
        return found

    return is_among


def _among_close(ordered: torch.Tensor, count: int) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return what tells it of ``count`` integers by a table, None where that has more places than they are."""
    if not ordered.is_cpu or ordered.dtype not in _TABLED:
        return None
    low, places = int(ordered[0]), int(ordered[-1]) - int(ordered[0]) + 1
    if places > count:
        return None
    table = torch.zeros(places, dtype=torch.bool)
    table[ordered.to(torch.int64) - low] = True

    def is_among(values: torch.Tensor) -> torch.Tensor:
        # What is too far away to be subtracted comes out of the range, too.
        place = values.to(torch.int64) - low
        is_inside = (place >= 0) & (place < places)
        return table[place.clamp_(0, places - 1)] & is_inside

    return is_among


def _isin_complex(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    flat = tensor.reshape(-1)
    found = unique(torch.cat((flat, ordered)), numbers=True)
    assert found.numbers is not None
    wanted = torch.zeros(len(found.values), dtype=torch.bool, device=tensor.device)
    wanted[found.numbers[len(flat) :]] = True
    return wanted[found.numbers[: len(flat)]].reshape(tensor.shape)
