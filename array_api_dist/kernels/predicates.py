"""Comparisons and predicates by NumPy's loops, on the same memory.

On CPUs torch's own take up to six times as long on a thread (isfinite fifteen times): those from wide numbers to
truth values are not vectorised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import torch
from torch import Tensor

from array_api_dist.kernels.host_loops import FEW, faster
from array_api_dist.kernels.moving import movable

Function: TypeAlias = Callable[..., Tensor]


def _by_numpy(function: Function, ufunc: np.ufunc) -> Function:
    vectorised = faster(function, ufunc, torch.bool)

    def apply(*operands: Tensor) -> Tensor:
        first = operands[0]
        if first.element_size() == 1 and all(x.shape == first.shape for x in operands):
            # Of bytes torch's loops use vectors, but for those that are broadcast.
            return function(*operands)
        return vectorised(*operands)

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


def of_truth_values(bitwise: Function) -> Function:
    """Return the ``bitwise`` function of two boolean tensors, as bytes: only those torch broadcasts by vectors."""
    return lambda x1, x2: bitwise(x1.view(torch.uint8), x2.view(torch.uint8)).view(torch.bool)


def truth(x: Tensor) -> Tensor:
    """Return which elements are not zero: a boolean tensor itself."""
    if x.dtype == torch.bool:
        return x
    values = movable(x)
    if values.is_complex() or values.numel() <= FEW:
        return values != 0
    return not_equal(values, values.new_zeros(()))


def ascends(vector: Tensor) -> bool:
    """Return whether no value of a vector is less than the one before, and none NaN but a lone one."""
    return bool(greater_equal(vector[1:], vector[:-1]).all())


def count(mask: Tensor) -> int:
    """Return how many truth values hold."""
    # torch converts each to an integer first.
    return int(np.count_nonzero(mask.numpy()) if mask.is_cpu else mask.sum())


def positions(mask: Tensor) -> Tensor:
    """Return where truth values hold, an int64 vector of row-major positions."""
    flat = mask.reshape(-1)
    if not flat.is_cpu:
        return torch.nonzero(flat).squeeze(1)
    # torch looks at one value at a time.
    return torch.from_numpy(flat.numpy().nonzero()[0])
