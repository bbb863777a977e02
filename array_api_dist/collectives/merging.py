"""States merged in the order of the ranks, and the slabs that each rank merges of large ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from array_api_dist.collectives.protocol import Operator, State

SERIAL_STATES: Final = 8
"""More states than these are merged in rounds of pairs: each round is one merge of stacked states."""


def even_counts(length: int, ranks: int) -> list[int]:
    """Return ``ranks`` counts that differ by at most one and sum up to ``length``."""
    share, rest = divmod(length, ranks)
    return [share + (rank < rest) for rank in range(ranks)]


def merged(states: Sequence[State], operator: Operator) -> State:
    """Return the states merged in their order."""
    total = states[0]
    for state in states[1:]:
        total = operator.merge(total, state)
    return tuple(total)


def merged_in_pairs(states: Sequence[State], operator: Operator) -> State:
    """Return the states merged in their order: many of them in log2(P) merges of neighbours, not P."""
    if len(states) <= SERIAL_STATES:
        return merged(states, operator)
    stacked = tuple(torch.stack(tensors) for tensors in zip(*states, strict=True))
    while (count := stacked[0].shape[0]) > 1:
        even = count // 2 * 2
        left, right = (tuple(tensor[first:even:2] for tensor in stacked) for first in (0, 1))
        pairs = operator.merge(left, right)
        stacked = tuple(torch.cat((pair, tensor[even:])) for pair, tensor in zip(pairs, stacked, strict=True))
    return tuple(tensor[0] for tensor in stacked)
