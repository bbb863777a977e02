"""Python scalars as operands: replicated 0-d blocks, from a small cache."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from array_api_dist._block import Block
from array_api_dist._device import Device
from array_api_dist._dtypes import DType, Scalar
from array_api_dist._partition import REPLICATED
from array_api_dist.kernels.dtypes import TORCH


@lru_cache(maxsize=1024, typed=True)
def _scalar_tensor(value: Scalar, dtype: torch.dtype, device: torch.device, signs: str) -> torch.Tensor:
    """Return a 0-d tensor, which nobody writes, from a small cache: making one costs as much as an operation."""
    tensor = _wrapped_integer(value, dtype) if isinstance(value, int) else torch.tensor(value, dtype=dtype)
    return tensor.to(device)


def _signs(value: Scalar) -> str:
    """Return what tells -0.0 from 0.0, which are equal and must not share an entry."""
    return repr(value) if not value or isinstance(value, complex) else ""


def _wrapped_integer(value: int, dtype: torch.dtype) -> torch.Tensor:
    """Return an integer of any data type.

    Raises
    ------
    OverflowError
        If the data type cannot hold it.
    """
    if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool:
        return torch.tensor(value, dtype=dtype)
    limits = torch.iinfo(dtype)
    if not limits.min <= value <= limits.max:
        raise OverflowError(f"a Python integer must lie in [{limits.min}, {limits.max}], got {value}")
    return torch.from_numpy(np.asarray(value, dtype=str(dtype).removeprefix("torch.")).reshape(()))


def scalar_block(value: Scalar, dtype: DType, device: Device) -> Block:
    """Return a Python scalar as a replicated 0-d block."""
    tensor = _scalar_tensor(value, TORCH[dtype], device.torch_device, _signs(value))
    return Block(tensor, (), REPLICATED, device)
