"""Looking values up in one tensor, in the order of ``ordering``: NaN last."""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

import numpy as np
import torch

from array_api_dist.kernels.distinct import unique
from array_api_dist.kernels.moving import SIGNED
from array_api_dist.kernels.order_keys import order_key, pieces


def searchsorted(ordered: torch.Tensor, values: torch.Tensor, side: Literal["left", "right"]) -> torch.Tensor:
    """Return where ``values`` would go into the sorted vector ``ordered``, before or after their equals, in int64."""
    ordered, values = _comparable(ordered), _comparable(values)
    # torch warns about the copies that it would make itself.
    ordered, values = ordered.contiguous(), values.contiguous()
    if not ordered.is_floating_point():
        return torch.searchsorted(ordered, values, side=side)
    # torch takes NaN for less than all: it looks among the others, at whose end it finds the place of NaN.
    present = ordered[: present_count(ordered)]
    found = torch.searchsorted(present, values, side=side)
    if side == "left" or len(present) == len(ordered):
        return found
    return found.masked_fill_(torch.isnan(values), len(ordered))


def _comparable(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` itself, or keys in place of a type that torch does not compare."""
    return order_key(tensor) if tensor.dtype in SIGNED or tensor.dtype == torch.bool else tensor


def present_count(ordered: torch.Tensor) -> int:
    """Return how many values of a sorted vector come before NaN."""
    if not (ordered.is_floating_point() or ordered.is_complex()):
        return len(ordered)
    return bisect_left(range(len(ordered)), True, key=lambda place: bool(torch.isnan(ordered[place])))


def isin(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    """Return whether each element stands in the sorted vector ``ordered``; NaN never does."""
    result = torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device)
    if len(ordered) == 0:
        return result
    if tensor.is_complex():
        return _isin_complex(tensor, ordered)
    known, shape = _comparable(ordered), tensor.shape or (1,)
    for piece in pieces(shape, where=tensor.device):
        wanted = _comparable(tensor.view(shape).narrow(*piece))
        at = searchsorted(known, wanted, "left").clamp_(max=len(known) - 1)
        result.view(shape).narrow(*piece).copy_(known[at] == wanted)
    return result


def _isin_complex(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    flat = tensor.reshape(-1)
    found = unique(torch.cat((flat, ordered)), numbers=True)
    assert found.numbers is not None
    wanted = torch.zeros(len(found.values), dtype=torch.bool, device=tensor.device)
    wanted[found.numbers[len(flat) :]] = True
    return wanted[found.numbers[: len(flat)]].reshape(tensor.shape)


def count(mask: torch.Tensor) -> int:
    """Return how many truth values hold."""
    # torch converts each to an integer first.
    return int(np.count_nonzero(mask.numpy()) if mask.is_cpu else mask.sum())


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Return where truth values hold, an int64 vector of row-major positions."""
    flat = mask.reshape(-1)
    if not flat.is_cpu:
        return torch.nonzero(flat).squeeze(1)
    # torch looks at one value at a time.
    return torch.from_numpy(np.flatnonzero(flat.numpy()))
