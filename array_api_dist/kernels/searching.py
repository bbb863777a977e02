"""Looking values up in one tensor, in the order of ``ordering``: NaN last."""

from __future__ import annotations

from typing import Literal

import torch

from array_api_dist.kernels.moving import movable
from array_api_dist.kernels.ordering import order_key, unique


def searchsorted(ordered: torch.Tensor, values: torch.Tensor, side: Literal["left", "right"]) -> torch.Tensor:
    """Return where ``values`` would go into the sorted vector ``ordered``, before or after their equals, in int64."""
    if ordered.dtype not in (torch.int32, torch.int64, torch.int16, torch.int8, torch.uint8):
        ordered, values = order_key(ordered), order_key(values)
    # torch warns about the copies that it would make itself.
    return torch.searchsorted(ordered.contiguous(), values.contiguous(), side=side)


def isin(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    """Return whether each element stands in the sorted vector ``ordered``; NaN never does."""
    if len(ordered) == 0:
        return torch.zeros(tensor.shape, dtype=torch.bool, device=tensor.device)
    if tensor.is_complex():
        return _isin_complex(tensor, ordered)
    keys, wanted = order_key(ordered).contiguous(), order_key(tensor).contiguous()
    at = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
    found = keys[at] == wanted
    return found & ~torch.isnan(tensor) if tensor.is_floating_point() else found


def _isin_complex(tensor: torch.Tensor, ordered: torch.Tensor) -> torch.Tensor:
    flat = tensor.reshape(-1)
    distinct, _, numbers, _ = unique(torch.cat((flat, ordered)))
    wanted = torch.zeros(len(distinct), dtype=torch.bool, device=tensor.device)
    wanted[numbers[len(flat) :]] = True
    return wanted[numbers[: len(flat)]].reshape(tensor.shape)


def nonzero(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the positions of the elements that are not zero, an int64 vector per axis, in row-major order."""
    return torch.nonzero(movable(tensor), as_tuple=True)
