"""The stable order of many values in the memory of its result: keys and positions packed into one integer and sorted.

A position takes as many bits as an axis has, a key what is left of 63. NumPy sorts such integers in place, several
times faster than any sort carries positions along, and merges sorted runs of them. Last bits that all keys share go (of
integers as floating-point numbers most). Keys that need more bits are cut, and those that then look alike put in order
afterwards, a stretch at a time. Only a long run of different keys that agree in all the bits that are left (a few far
outliers make the others look alike) is put in order at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import torch

from array_api_dist.kernels import order_keys as keys
from array_api_dist.kernels import predicates

_BITS = 63
# The members of so few groups are looked for one group after the other.
_FEW_GROUPS: Final = 16

# NumPy's stable sort, which looks for runs, merges two of them at a time; its other one sorts by vectors.
_FEW_RUNS: Final = 4

WIDE_COUNT: Final = 1 << 31
"""Positions among, and counts of, so many elements or more take 8 bytes, of fewer 4."""


@dataclass(frozen=True, slots=True, eq=False)
class _Packing:
    """How keys and positions share an integer: keys less ``low``, without their last ``cut`` bits, before positions."""

    low: int
    cut: int
    width: int
    descending: bool

    @property
    def mask(self) -> int:
        """Where positions are."""
        return (1 << self.width) - 1

    def rest(self, values: torch.Tensor) -> torch.Tensor:
        """Return the bits of the keys that were cut off."""
        return (keys.order_key(values, descending=self.descending) - self.low) & ((1 << self.cut) - 1)


def is_merged(runs: int) -> bool:
    """Return whether lanes of so many sorted runs (0: of no one knows how many) are sorted fastest by merging those."""
    return 0 < runs <= _FEW_RUNS


def packed_argsort(tensor: torch.Tensor, axis: int, *, descending: bool, runs: int = 0) -> torch.Tensor:
    """Return the positions of the ordered values along ``axis`` of a tensor on the host; equal ones keep their order.

    ``runs`` says of how many sorted runs each lane is made, if it is.
    """
    packed = keys.order_keys(tensor, descending=descending)
    if packed.numel() == 0:
        return packed
    low, high = (int(extreme) for extreme in torch.aminmax(packed))
    width = (tensor.shape[axis] - 1).bit_length()
    # What int64 wraps here is taken off again: shifts to the right keep the sign.
    packed.sub_(low)
    cut = max((high - low).bit_length() + width - _BITS, 0)
    spare = _shared_zeros(packed) if cut else 0
    packing = _Packing(low, max(cut, spare), width, descending)
    _pack(packed, axis, packing)
    packed.numpy().sort(axis=axis, kind="stable" if is_merged(runs) else None)
    if cut > spare:
        _settle(packed, tensor, axis, packing)
    return packed.bitwise_and_(packing.mask)


def _shared_zeros(numbers: torch.Tensor) -> int:
    """Return how many last bits are zero in all ``numbers``."""
    bits = int(np.bitwise_or.reduce(numbers.numpy(), axis=None))
    return (bits & -bits).bit_length() - 1


def _pack(packed: torch.Tensor, axis: int, packing: _Packing) -> None:
    """Cut keys and put their positions along ``axis`` behind them, in their memory."""
    if packing.cut:
        packed.bitwise_right_shift_(packing.cut).bitwise_and_((1 << (64 - packing.cut)) - 1)
    packed.bitwise_left_shift_(packing.width)
    shape = [-1 if each == axis else 1 for each in range(packed.ndim)]
    length = packed.shape[axis]
    for start in range(0, length, keys.CHUNK):
        stop = min(start + keys.CHUNK, length)
        packed.narrow(axis, start, stop - start).add_(torch.arange(start, stop).view(shape))


def _settle(packed: torch.Tensor, tensor: torch.Tensor, axis: int, packing: _Packing) -> None:
    """Put in order, in place, what the cut keys could not tell apart."""
    lanes, values = packed.movedim(axis, -1), tensor.movedim(axis, -1)
    length, lead = lanes.shape[-1], lanes.shape[:-1]
    if length > keys.CHUNK:
        for index in np.ndindex(*lead):
            _settle_lane(lanes[index], values[index], packing)
        return
    lanes, values = lanes[None], values[None]
    for piece in keys.pieces(lanes.shape[:-1], length):
        some = lanes.narrow(*piece)
        rows = some.reshape(-1, length)
        changed = _settle_rows(rows, values.narrow(*piece).reshape(rows.shape), packing)
        # Rows that are dense are those of the lanes themselves.
        if changed and rows.data_ptr() != some.data_ptr():
            some.copy_(rows.view(some.shape))


def _settle_lane(lane: torch.Tensor, values: torch.Tensor, packing: _Packing) -> None:
    """Put a long lane in order, in place, a stretch at a time."""
    dense = lane.contiguous()
    changed = False
    for first, last in _stretches(dense, values, packing):
        changed |= _settle_rows(dense[first:last].view(1, -1), values[None], packing)
    if changed and not lane.is_contiguous():
        lane.copy_(dense)


def _stretches(lane: torch.Tensor, values: torch.Tensor, packing: _Packing) -> Iterator[tuple[int, int]]:
    """Yield bounds of stretches that part no keys that look alike; what is equal throughout is left out."""
    first, length = 0, len(lane)
    while first < length:
        last = min(first + keys.CHUNK, length)
        if last < length:
            whole, start = _run_around(lane, last, packing)
            last = start
            if start <= first:
                last = whole
                if _is_uniform(lane[first:last], values, packing):
                    first = last
                    continue
        yield first, last
        first = last


def _run_around(lane: torch.Tensor, place: int, packing: _Packing) -> tuple[int, int]:
    """Return where the keys that look like that at ``place`` end, and where they begin."""
    least = lane[place : place + 1] & ~packing.mask
    stop = torch.searchsorted(lane, least | packing.mask, right=True)
    return int(stop), int(torch.searchsorted(lane, least))


def _is_uniform(run: torch.Tensor, values: torch.Tensor, packing: _Packing) -> bool:
    """Return whether all keys of a run are equal."""
    first = packing.rest(values[run[:1] & packing.mask])
    return all(
        bool((packing.rest(values[run.narrow(*piece) & packing.mask]) == first).all())
        for piece in keys.pieces(run.shape)
    )


def _settle_rows(rows: torch.Tensor, values: torch.Tensor, packing: _Packing) -> bool:
    """Put stretches of sorted lanes in order, in place; return whether they were not. ``values`` are the whole lanes."""
    heads = rows >> packing.width
    alike = predicates.equal(heads[:, 1:], heads[:, :-1])
    if not predicates.count(alike):
        return False
    tied = torch.zeros(rows.shape, dtype=torch.bool)
    tied[:, 1:] |= alike
    tied[:, :-1] |= alike
    lane, place = torch.nonzero(tied, as_tuple=True)
    held = rows[lane, place]
    rest = packing.rest(values[lane, held & packing.mask])
    starts = torch.ones(len(held), dtype=torch.bool)
    heads = held >> packing.width
    starts[1:] = (heads[1:] != heads[:-1]) | (lane[1:] != lane[:-1])
    if not bool(((rest[1:] < rest[:-1]) & ~starts[1:]).any()):
        return False
    runs = starts.cumsum(0)
    by_rest = _positions_in_order(rest)
    rows[lane, place] = held[by_rest[_positions_in_order(runs[by_rest])]]
    return True


def _positions_in_order(numbers: torch.Tensor) -> torch.Tensor:
    """Return the stable order of non-negative ``numbers`` that leave room for their positions."""
    width = (len(numbers) - 1).bit_length()
    packed = (numbers << width).add_(torch.arange(len(numbers)))
    packed.numpy().sort()
    return packed.bitwise_and_((1 << width) - 1)


def group_type(count: int) -> torch.dtype:
    """Return the narrowest type for the numbers of ``count`` groups: 16 bits are sorted by their digits."""
    return torch.int16 if count <= 1 << 15 else torch.int32


def position_type(count: int) -> torch.dtype:
    """Return the narrowest type for positions among, and counts of, ``count`` elements that is worth it."""
    return torch.int32 if count < WIDE_COUNT else torch.int64


def group_sizes(groups: torch.Tensor, count: int) -> list[int]:
    """Return how many of a vector of numbers of groups, of which there are ``count``, each group has."""
    if groups.is_cpu and count <= _FEW_GROUPS:
        numbers = groups.numpy()
        return [int(np.count_nonzero(numbers == group)) for group in range(count)]
    sizes: list[int] = torch.bincount(groups, minlength=count).tolist()
    return sizes


def grouped_argsort(groups: torch.Tensor, counts: Sequence[int], *, narrow: bool = False) -> torch.Tensor:
    """Return the stable order of a vector of groups' numbers, of which group k has ``counts[k]``.

    Of many groups NumPy's radix sort (of 16 bits) orders a piece at a time. ``narrow`` asks for positions of 4 bytes where
    they do.
    """
    dtype = position_type(len(groups)) if narrow else torch.int64
    if groups.device.type != "cpu":
        return torch.argsort(groups, stable=True).to(dtype)
    order = torch.empty(groups.shape, dtype=dtype)
    if len(counts) <= _FEW_GROUPS:
        _order_few(groups, counts, order)
        return order
    places = torch.tensor([0, *counts[:-1]]).cumsum(0)
    for _, start, count in keys.pieces(groups.shape):
        some = groups[start : start + count]
        by_group = torch.from_numpy(some.numpy().argsort(kind="stable"))
        here = torch.bincount(some, minlength=len(counts))
        before = here.cumsum(0) - here
        # Each group goes on where the piece before has left it.
        targets = torch.arange(count) + (places - before)[some[by_group].to(torch.int64)]
        order[targets] = (by_group + start).to(dtype)
        places += here
    return order


def _order_few(groups: torch.Tensor, counts: Sequence[int], order: torch.Tensor) -> None:
    numbers, places = groups.numpy(), list(accumulate(counts, initial=0))
    target = order.numpy()
    for _, start, count in keys.pieces(groups.shape):
        some = numbers[start : start + count]
        for group in range(len(counts)):
            found = np.flatnonzero(some == group)
            np.add(found, start, out=target[places[group] : places[group] + len(found)], casting="unsafe")
            places[group] += len(found)
