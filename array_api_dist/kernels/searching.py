"""Looking values up in one tensor, in the order of ``ordering``: NaN last."""

from __future__ import annotations

from typing import Literal

import torch

from array_api_dist.kernels.moving import movable
from array_api_dist.kernels.ordering import order_key


def searchsorted(ordered: torch.Tensor, values: torch.Tensor, side: Literal["left", "right"]) -> torch.Tensor:
    """Return where ``values`` would go into the sorted vector ``ordered``, before or after their equals, in int64."""
    if ordered.dtype in (torch.int32, torch.int64, torch.int16, torch.int8, torch.uint8):
        return torch.searchsorted(ordered.contiguous(), values.contiguous(), side=side)
    return torch.searchsorted(order_key(ordered), order_key(values), side=side)


def isin(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    """Return whether each element stands in the sorted vector ``ordered``; NaN never does."""
    if len(ordered) == 0:
        return torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device)
    if tensor.is_complex():
        return torch.isin(torch.view_as_complex(torch.view_as_real(tensor).clone()), ordered)
    keys, wanted = order_key(ordered), order_key(tensor)
    at = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
    found = keys[at] == wanted
    return found & ~torch.isnan(tensor) if tensor.is_floating_point() else found


def nonzero(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the positions of the elements that are not zero, an int64 vector per axis, in row-major order."""
    return torch.nonzero(movable(tensor), as_tuple=True)
