"""Comparisons and predicates of real numbers by NumPy's loops, on the same memory.

On CPUs torch's own take up to six times as long on a thread (isfinite fifteen times): those from wide numbers to
truth values are not vectorised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from array_api_dist.kernels.moving import movable

Function: TypeAlias = Callable[..., Tensor]

# Up to this many elements a call's overhead is all that counts.
_FEW: Final = 1 << 12
# From this many elements on torch's threads make up for its loops, if there are more than so many.
_MANY: Final = 1 << 18
_THREADS: Final = 3


def _by_numpy(function: Function, ufunc: np.ufunc) -> Function:
    """Return ``function``, computed by the ``ufunc`` where that is faster."""

    def apply(*operands: Tensor) -> Tensor:
        first = operands[0]
        count = max(x.numel() for x in operands)
        if count <= _FEW or not first.is_cpu or (count >= _MANY and torch.get_num_threads() > _THREADS):
            return function(*operands)
        if first.element_size() == 1 and all(x.shape == first.shape for x in operands):
            # Of bytes torch's loops use vectors, but for those that are broadcast.
            return function(*operands)
        result = torch.empty(np.broadcast_shapes(*[x.shape for x in operands]), dtype=torch.bool)
        # A NaN that is compared is no news.
        with np.errstate(invalid="ignore"):
            ufunc(*[x.numpy() for x in operands], out=result.numpy())
        return result

    return apply


def _isfinite(x: Tensor) -> Tensor:
    # torch's own takes four passes on accelerators, and does with integers.
    if x.is_cpu or not x.dtype.is_floating_point:
        return torch.isfinite(x)
    return torch.abs(x) < torch.inf


equal: Final = _by_numpy(torch.eq, np.equal)
greater: Final = _by_numpy(torch.gt, np.greater)
greater_equal: Final = _by_numpy(torch.ge, np.greater_equal)
isfinite: Final = _by_numpy(_isfinite, np.isfinite)
isinf: Final = _by_numpy(torch.isinf, np.isinf)
isnan: Final = _by_numpy(torch.isnan, np.isnan)
less: Final = _by_numpy(torch.lt, np.less)
less_equal: Final = _by_numpy(torch.le, np.less_equal)
not_equal: Final = _by_numpy(torch.ne, np.not_equal)
signbit: Final = _by_numpy(torch.signbit, np.signbit)


def truth(x: Tensor) -> Tensor:
    """Return which elements are not zero: a boolean tensor itself."""
    if x.dtype == torch.bool:
        return x
    values = movable(x)
    return values != 0 if values.is_complex() else not_equal(values, values.new_zeros(()))
