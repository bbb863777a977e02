"""The standard's data types as torch's, both ways."""

from __future__ import annotations

from typing import Final

import torch

from array_api_dist import _dtypes as dtypes

TORCH: Final[dict[dtypes.DType, torch.dtype]] = {dtype: getattr(torch, dtype.name) for dtype in dtypes.DTYPES}
STANDARD: Final[dict[torch.dtype, dtypes.DType]] = {ours: dtype for dtype, ours in TORCH.items()}

WIDE: Final = {torch.float32: torch.float64, torch.complex64: torch.complex128}
"""In what sums and products of the shorter floating types are accumulated."""


def standard_dtype(tensor: torch.Tensor) -> dtypes.DType:
    """Return the standard's data type of ``tensor``.

    Raises
    ------
    TypeError
        If the standard has no such type (float16, bfloat16, quantised ones).
    """
    try:
        return STANDARD[tensor.dtype]
    except KeyError:
        raise TypeError(
            f"the data type must be one of the standard's ({', '.join(map(str, dtypes.DTYPES))}), "
            f"got {tensor.dtype}"
        ) from None
