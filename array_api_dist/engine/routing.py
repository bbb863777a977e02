"""Asking the owners: queries travel to the ranks that own what they name, answers travel back.

What every routed operation shares: the route itself, positions as owners and local offsets, and errors about
positions that some rank alone has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Final

import torch

from array_api_dist._indexing import out_of_bounds
from array_api_dist._partition import Partition, Shape
from array_api_dist._shapes import row_major_strides
from array_api_dist.collectives import Communicator, Piece
from array_api_dist.engine.redistribution import signed_view

_NOWHERE: Final = 2**63 - 1
_FAILED: Final = -1


def movable(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` viewed as a type of the same width that torch can gather and scatter."""
    return tensor.view(signed_view(tensor.dtype))


# ---- positions


@dataclass(frozen=True, slots=True)
class OutOfBounds:
    """An index that is none of its axis: that of ``axis``, at a row-major ``position`` of the indices."""

    axis: int
    position: int
    value: int
    length: int

    @property
    def error(self) -> IndexError:
        """What is raised."""
        return IndexError(out_of_bounds(self.value, self.length))


def as_indices(tensor: torch.Tensor) -> torch.Tensor:
    """Return integers of any type as int64; what int64 cannot hold stays out of the bounds of every axis."""
    if tensor.dtype == torch.int64:
        return tensor
    if tensor.dtype == torch.uint64:
        wrapped = tensor.view(torch.int64)
        return torch.where(wrapped < 0, torch.full_like(wrapped, _NOWHERE), wrapped)
    return tensor.to(torch.int64)


def wrapped(
    index: torch.Tensor, length: int, axis: int, positions: tuple[Shape, Partition, int]
) -> tuple[torch.Tensor, OutOfBounds | None]:
    """Return ``index`` counted from the front, and the first of its values that is none of ``axis``, of ``length``.

    ``positions`` says where the values are: the global shape that ``index`` is stretched to, its partition, the rank.
    """
    if index.numel() == 0:
        return index, None
    low, high = (int(extreme) for extreme in torch.aminmax(index))
    if low >= 0 and high < length:
        return index, None
    if low >= -length and high < length:
        return torch.where(index < 0, index + length, index), None
    bad = ((index < -length) | (index >= length)).expand(positions[1].local_shape(positions[0], positions[2]))
    place = row_major_positions(*positions, index.device)[bad]
    if place.numel() == 0:
        # Stretched over a part without elements: another rank finds it, or nothing is asked for at all.
        return torch.zeros_like(index), None
    first = int(torch.argmin(place))
    value = int(index.expand(bad.shape)[bad][first])
    return torch.zeros_like(index), OutOfBounds(axis, int(place[first]), value, length)


def row_major_positions(shape: Shape, partition: Partition, rank: int, device: torch.device) -> torch.Tensor:
    """Return, for each element of ``rank``'s part of an array of ``shape``, its row-major position in the whole."""
    result = torch.zeros((), dtype=torch.int64, device=device)
    ndim = len(shape)
    for axis, stride in enumerate(row_major_strides(shape)):
        result = result + extent(shape, partition, rank, axis, device).view(_along(axis, ndim)) * stride
    return result.expand(partition.local_shape(shape, rank))


def extent(shape: Shape, partition: Partition, rank: int, axis: int, device: torch.device) -> torch.Tensor:
    """Return the global positions along ``axis`` of ``rank``'s part."""
    start, stop = partition.interval(rank) if partition.axis == axis else (0, shape[axis])
    return torch.arange(start, stop, device=device)


def _along(axis: int, ndim: int) -> tuple[int, ...]:
    return tuple(-1 if other == axis else 1 for other in range(ndim))


def owners_of(partition: Partition, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rank that owns each of ``positions`` along the partitioned axis, and the positions in its part."""
    bounds = torch.tensor(partition.bounds, device=positions.device)
    owners = torch.searchsorted(bounds, positions.contiguous(), right=True) - 1
    return owners, positions - bounds[owners]


def ravel(indices: Sequence[torch.Tensor], lengths: Sequence[int]) -> torch.Tensor:
    """Return row-major offsets; the first of ``lengths`` does not matter."""
    result = indices[0]
    for index, length in zip(indices[1:], lengths[1:], strict=True):
        result = result * length + index
    return result


def unravel(offsets: torch.Tensor, lengths: Sequence[int]) -> tuple[torch.Tensor, ...]:
    """Return the indices of row-major ``offsets``; the first of ``lengths`` does not matter."""
    found = []
    for length in reversed(lengths[1:]):
        found.append(offsets % max(length, 1))
        offsets = offsets // max(length, 1)
    return (offsets, *reversed(found))


# ---- errors


def raise_first(communicator: Communicator, finding: OutOfBounds | None) -> None:
    """Raise the first finding in row-major order on every rank; one rank at least has one.

    Communication: one allgather of 32 bytes.
    """
    mine = [_NOWHERE] * 4
    if finding is not None:
        mine = [finding.axis, finding.position, finding.value, finding.length]
    rows = communicator.allgather(torch.tensor([mine]), 0, (1,) * communicator.ranks)
    raise OutOfBounds(*min(rows.tolist())).error


def refuse_together(communicator: Communicator, finding: OutOfBounds | None) -> None:
    """Raise the first finding on every rank if any rank has one. Communication: one all-to-all of 8 bytes a pair."""
    flag = 0 if finding is None else _FAILED
    if _FAILED in communicator.exchange_counts([flag] * communicator.ranks):
        raise_first(communicator, finding)


# ---- routes


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How many items this rank sends to each rank and gets from each."""

    communicator: Communicator
    sent: tuple[int, ...]
    received: tuple[int, ...]

    @staticmethod
    def agreed(communicator: Communicator, sent: Sequence[int], finding: OutOfBounds | None = None) -> Route:
        """Return the route on which this rank sends ``sent[r]`` items to rank r.

        Communication: one all-to-all of 8 bytes a pair.

        Raises
        ------
        IndexError
            On every rank, if any of them has a ``finding``.
        """
        offered = list(sent) if finding is None else [_FAILED] * communicator.ranks
        received = communicator.exchange_counts(offered)
        if _FAILED in received:
            raise_first(communicator, finding)
        return Route(communicator, tuple(sent), tuple(received))

    def forward(self, items: torch.Tensor, axis: int = 0) -> torch.Tensor:
        """Return what the ranks sent here, in their order; ``items`` are in the order of where they go.

        Communication: one exchange.
        """
        return self._carried(items, axis, self.sent, self.received)

    def backward(self, answers: torch.Tensor, axis: int = 0) -> torch.Tensor:
        """Return the answers to what this rank sent, in its order; ``answers`` are in the order of ``forward``.

        Communication: one exchange.
        """
        return self._carried(answers, axis, self.received, self.sent)

    def received_like(self, items: torch.Tensor) -> torch.Tensor:
        """Return room for what ``forward`` brings here in place of ``items``."""
        return items.new_empty((sum(self.received), *items.shape[1:]))

    def _carried(
        self, items: torch.Tensor, axis: int, sent: Sequence[int], received: Sequence[int]
    ) -> torch.Tensor:
        shape = (*items.shape[:axis], sum(received), *items.shape[axis + 1 :])
        result = torch.empty(shape, dtype=items.dtype, device=items.device)
        self.communicator.exchange(_cut(items, axis, sent), _cut(result, axis, received))
        return result


def forward_together(parcels: Sequence[tuple[Route, torch.Tensor]]) -> list[torch.Tensor]:
    """Return what comes by each route's ``forward``, all of them at once. Communication: one exchange."""
    results = [route.received_like(items) for route, items in parcels]
    parcels[0][0].communicator.exchange(
        [piece for route, items in parcels for piece in _cut(items, 0, route.sent)],
        [
            piece
            for (route, _), result in zip(parcels, results, strict=True)
            for piece in _cut(result, 0, route.received)
        ],
    )
    return results


def _cut(tensor: torch.Tensor, axis: int, counts: Sequence[int]) -> list[Piece]:
    """Return the piece of ``tensor`` for each rank, consecutive along ``axis``."""
    offsets = accumulate(counts, initial=0)
    return [
        Piece(peer, tensor.narrow(axis, offset, count))
        for peer, (offset, count) in enumerate(zip(offsets, counts, strict=False))
        if count
    ]


def grouped(owners: torch.Tensor, ranks: int) -> tuple[torch.Tensor | None, list[int]]:
    """Return the stable order of items by the rank they go to (None: as they are), and the count for each rank."""
    counts = [int(count) for count in torch.bincount(owners, minlength=ranks).tolist()]
    if owners.numel() < 2 or bool((owners[1:] >= owners[:-1]).all()):
        return None, counts
    return torch.argsort(owners, stable=True), counts


def fetch(
    local: torch.Tensor,
    partition: Partition,
    axes: tuple[int, ...],
    indices: Sequence[torch.Tensor],
    communicator: Communicator,
    finding: OutOfBounds | None = None,
) -> torch.Tensor:
    """Return the slabs of a partitioned array at zipped ``indices`` along ``axes``, the first the partitioned one.

    Parameters
    ----------
    local : torch.Tensor
        This rank's part.
    partition : Partition
    axes : tuple of int
    indices : sequence of torch.Tensor
        This rank's queries: flat, of one length, not negative.
    communicator : Communicator
    finding : OutOfBounds or None
        What is wrong with this rank's queries.

    Returns
    -------
    torch.Tensor
        Slabs along ``axes[0]`` if that is the only axis, else along a new first axis.

    Notes
    -----
    Communication: one all-to-all of counts, one exchange of 8 bytes a query, one exchange of the answers.
    """
    lengths = [local.shape[axis] for axis in axes]
    owners, inside = owners_of(partition, indices[0])
    offsets = ravel((inside, *indices[1:]), lengths)
    order, counts = grouped(owners, communicator.ranks)
    route = Route.agreed(communicator, counts, finding)
    asked = route.forward(offsets if order is None else offsets[order])
    slab_axis = axes[0] if len(axes) == 1 else 0
    answers = route.backward(slabs_at(local, axes, asked), slab_axis)
    if order is None:
        return answers
    result = torch.empty_like(answers)
    movable(result).index_copy_(slab_axis, order, movable(answers))
    return result


def slabs_at(local: torch.Tensor, axes: tuple[int, ...], offsets: torch.Tensor) -> torch.Tensor:
    """Return the slabs at row-major ``offsets`` over ``axes``: along the only axis, else along a new first one."""
    source = movable(local)
    if len(axes) == 1:
        return source.index_select(axes[0], offsets).view(local.dtype)
    source = source.permute(with_rest(axes, local.ndim))
    if len(axes) == local.ndim:
        return torch.take(source, offsets).view(local.dtype)
    found = unravel(offsets, [local.shape[axis] for axis in axes])
    return source[found].view(local.dtype)


def with_rest(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return ``axes`` followed by all others."""
    return (*axes, *(axis for axis in range(ndim) if axis not in axes))


def even_on_longest(shape: Shape, ranks: int) -> Partition:
    """Return the even partition along the first of the longest axes of ``shape``."""
    axis = max(range(len(shape)), key=lambda axis: (shape[axis], -axis))
    return Partition.even(axis, shape[axis], ranks)


def outer_size(shape: Shape, axis: int) -> int:
    """Return how many runs of the row-major order one part along ``axis`` is cut into."""
    return prod(shape[:axis])
