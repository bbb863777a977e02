"""The merges: associative, the lower ranks' state on the left, NaN-true."""

from __future__ import annotations

from typing import Final

import torch

from array_api_dist.collectives.protocol import Operator, State
from array_api_dist.kernels import elementwise, moments
from array_api_dist.kernels.elementwise import Kernel
from array_api_dist.kernels.reductions import NOWHERE


def _by(kernel: Kernel) -> Operator:
    def merge(left: State, right: State) -> State:
        return tuple(kernel.for_dtype(a.dtype)(a, b) for a, b in zip(left, right, strict=True))

    return Operator(kernel.name, merge)


def _native(kernel: Kernel, name: str, *, floating: bool, is_extreme: bool = False) -> Operator:
    return Operator(kernel.name, _by(kernel).merge, name, floating, is_extreme)


SUM: Final = _native(elementwise.ADD, "SUM", floating=True)
PROD: Final = _native(elementwise.MULTIPLY, "PROD", floating=True)
# MPI.MIN and MPI.MAX keep or drop a NaN depending on which rank holds it.
MIN: Final = _native(elementwise.MINIMUM, "MIN", floating=False, is_extreme=True)
MAX: Final = _native(elementwise.MAXIMUM, "MAX", floating=False, is_extreme=True)
ALL: Final = _native(elementwise.LOGICAL_AND, "LAND", floating=False)
ANY: Final = _native(elementwise.LOGICAL_OR, "LOR", floating=False)


def _extreme(kernel: Kernel) -> Operator:
    """Return the merge of (value, index) pairs: NaN first, then the better value, then the lower index."""

    def merge(left: State, right: State) -> State:
        (left_value, left_index), (right_value, right_index) = left, right
        left_nan, right_nan = left_value != left_value, right_value != right_value  # noqa: PLR0124 - NaN
        better = kernel.for_dtype(left_value.dtype)(right_value, left_value)
        same = (left_nan & right_nan) | (left_value == right_value)
        wins = (right_nan & ~left_nan) | (~left_nan & better) | (same & (right_index < left_index))
        # A part without elements has no say.
        wins = (wins & (right_index != NOWHERE)) | (left_index == NOWHERE)
        return (
            elementwise.WHERE.for_dtype(left_value.dtype)(wins, right_value, left_value),
            torch.where(wins, right_index, left_index),
        )

    return Operator(f"arg{kernel.name}", merge)


ARGMIN: Final = _extreme(elementwise.LESS)
ARGMAX: Final = _extreme(elementwise.GREATER)


MOMENTS: Final = Operator("moments", moments.merge_moments)
