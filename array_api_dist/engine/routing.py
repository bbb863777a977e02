"""Asking the owners: queries travel to the ranks that own what they name, answers travel back.

What every routed operation shares: the route itself, positions as owners and local offsets, and errors about
positions that some rank alone has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import Final

import torch

from array_api_dist._indexing import NOWHERE, out_of_bounds
from array_api_dist._partition import Partition, Shape
from array_api_dist._shapes import row_major_strides, with_axis_length
from array_api_dist.collectives import Communicator, Piece, operators
from array_api_dist.kernels.indexing import slabs
from array_api_dist.kernels.moving import movable
from array_api_dist.kernels.order_keys import pieces_of
from array_api_dist.kernels.packed_order import group_sizes, group_type, grouped_argsort
from array_api_dist.kernels.predicates import ascends

_FAILED: Final = -1
_FEW_RANKS: Final = 8

ANSWERED_NBYTES: Final = 1 << 26
"""Of queries and answers a rank holds at least so much at a time, however many others ask it."""

TOGETHER_NBYTES: Final = 1 << 26
"""Several tensors for the same ranks travel in one exchange up to so many bytes of all ranks, else one after another."""


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
        return torch.where(wrapped < 0, torch.full_like(wrapped, NOWHERE), wrapped)
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


def to_row_major(places: torch.Tensor, shape: Shape, partition: Partition, rank: int) -> None:
    """Turn row-major places in ``rank``'s part, which is partitioned, into those in the whole array, in place."""
    axis = partition.axis
    assert axis is not None
    inner = prod(shape[axis + 1 :])
    here, whole = partition.counts[rank] * inner, shape[axis] * inner
    for piece in pieces_of(places):
        some = places.narrow(*piece)
        some.add_(some // max(here, 1) * (whole - here) + partition.offset(rank) * inner)


def extent(shape: Shape, partition: Partition, rank: int, axis: int, device: torch.device) -> torch.Tensor:
    """Return the global positions along ``axis`` of ``rank``'s part."""
    start, stop = partition.interval(rank) if partition.axis == axis else (0, shape[axis])
    return torch.arange(start, stop, device=device)


def _along(axis: int, ndim: int) -> tuple[int, ...]:
    return tuple(-1 if other == axis else 1 for other in range(ndim))


def owners_of(partition: Partition, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rank that owns each of ``positions`` along the partitioned axis, and the positions in its part."""
    ranks = len(partition.bounds) - 1
    owners = torch.zeros(positions.shape, dtype=group_type(ranks), device=positions.device)
    bounds = torch.tensor(partition.bounds, device=positions.device)
    inside = torch.empty_like(positions)
    for piece in pieces_of(positions):
        some, owner, place = (each.narrow(*piece) for each in (positions, owners, inside))
        if ranks > _FEW_RANKS:
            found = torch.searchsorted(bounds, some.contiguous(), right=True) - 1
            owner.copy_(found)
            torch.sub(some, bounds[found], out=place)
            continue
        # Comparing with each bound beats looking it up.
        place.copy_(some)
        for start, count in zip(partition.bounds[1:-1], partition.counts, strict=False):
            is_beyond = (some >= start).view(torch.uint8)
            owner += is_beyond
            place.sub_(is_beyond, alpha=count)
    return owners, inside


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
    mine = [NOWHERE] * 4
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

    def part(self, number: int, parts: int) -> tuple[Route, list[tuple[int, int]]]:
        """Return the route of one of so many parts of what goes to each rank, and where those begin and end in it all."""

        def cut(count: int) -> tuple[int, int]:
            return count * number // parts, count * (number + 1) // parts

        starts = accumulate(self.sent, initial=0)
        places = [
            (start + cut(count)[0], start + cut(count)[1])
            for start, count in zip(starts, self.sent, strict=False)
        ]
        sent, received = (
            tuple(cut(count)[1] - cut(count)[0] for count in counts) for counts in (self.sent, self.received)
        )
        return Route(self.communicator, sent, received), places

    def rounds(self, limit: int, total: int) -> int:
        """Return in how many parts no rank sends or gets more than ``limit`` of all ranks' ``total`` items at once.

        Communication: one allreduce of 8 bytes if the total is more than that.
        """
        if total <= limit:
            return 1
        mine = max(sum(self.sent), sum(self.received))
        (most,) = self.communicator.allreduce((torch.tensor([mine]),), operators.MAX)
        return max(-(-int(most) // limit), 1)

    def received_like(self, items: torch.Tensor) -> torch.Tensor:
        """Return room for what ``forward`` brings here in place of ``items``."""
        return items.new_empty((sum(self.received), *items.shape[1:]))

    def _carried(
        self, items: torch.Tensor, axis: int, sent: Sequence[int], received: Sequence[int]
    ) -> torch.Tensor:
        shape = with_axis_length(tuple(items.shape), axis, sum(received))
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
    return _pieces(tensor, axis, pairwise(accumulate(counts, initial=0)))


def _pieces(tensor: torch.Tensor, axis: int, places: Iterable[tuple[int, int]]) -> list[Piece]:
    """Return the piece of ``tensor`` for each rank, which begins and ends there along ``axis``."""
    return [
        Piece(peer, tensor.narrow(axis, first, last - first))
        for peer, (first, last) in enumerate(places)
        if first < last
    ]


def grouped(
    owners: torch.Tensor, ranks: int, *, narrow: bool = False
) -> tuple[torch.Tensor | None, list[int]]:
    """Return the stable order of items by the rank they go to (None: as they are), and the count for each rank.

    ``narrow``: as for ``grouped_argsort``.
    """
    counts = group_sizes(owners, ranks)
    return None if ascends(owners) else grouped_argsort(owners, counts, narrow=narrow), counts


def fetch(
    local: torch.Tensor,
    partition: Partition,
    axes: tuple[int, ...],
    indices: Sequence[torch.Tensor],
    communicator: Communicator,
    total: int,
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
    total : int
        How many queries all ranks have.
    finding : OutOfBounds or None
        What is wrong with this rank's queries.

    Returns
    -------
    torch.Tensor
        Slabs along ``axes[0]`` if that is the only axis, else along a new first axis.

    Notes
    -----
    Communication: one all-to-all of counts, one exchange of 8 bytes a query, one exchange of the answers; above
    ``ANSWERED_NBYTES`` of queries and answers in all one allreduce of 8 bytes, and as many times these two exchanges
    as no rank has to answer more at once than that and twice an even share.
    """
    lengths = [local.shape[axis] for axis in axes]
    owners, inside = owners_of(partition, indices[0])
    order, counts = grouped(owners, communicator.ranks)
    del owners
    offsets = ravel((inside, *indices[1:]), lengths)
    del inside
    route = Route.agreed(communicator, counts, finding)
    if order is not None:
        offsets = offsets.index_select(0, order)
    slab_axis = axes[0] if len(axes) == 1 else 0
    rounds = _rounds(route, (8 + _slab_nbytes(local, axes)) * total, total)
    return answered(route, offsets, lambda asked: slabs_at(local, axes, asked), rounds, slab_axis, order)


def answered(
    route: Route,
    items: torch.Tensor,
    answer: Callable[[torch.Tensor], torch.Tensor],
    rounds: int,
    axis: int = 0,
    order: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the answers to ``items`` along ``axis``, of which every owner is asked a part in each round.

    Each is where ``order`` says, by default where its item is.

    Communication: two exchanges a round.
    """
    communicator, rank = route.communicator, route.communicator.rank
    answers = None
    for number in range(rounds):
        part, places = route.part(number, rounds)
        # What a rank asks of itself is not copied on its way.
        first, last = places[rank]
        places[rank] = (0, 0)
        own = answer(items[first:last])
        if answers is None:
            is_answered = order is None and last - first == len(items)
            answers = (
                own if is_answered else own.new_empty(with_axis_length(tuple(own.shape), axis, len(items)))
            )
        if order is not None:
            movable(answers).index_copy_(axis, order[first:last], movable(own))
        elif own is not answers:
            movable(answers).narrow(axis, first, last - first).copy_(movable(own))
        del own
        received = [0 if peer == rank else count for peer, count in enumerate(part.received)]
        asked = items.new_empty((sum(received), *items.shape[1:]))
        communicator.exchange(_pieces(items, 0, places), _cut(asked, 0, received))
        found = answer(asked)
        del asked
        if order is None:
            communicator.exchange(_cut(found, axis, received), _pieces(answers, axis, places))
            continue
        sent = [last - first for first, last in places]
        theirs = answers.new_empty(with_axis_length(tuple(answers.shape), axis, sum(sent)))
        communicator.exchange(_cut(found, axis, received), _cut(theirs, axis, sent))
        del found
        reached = 0
        for first, last in places:
            some = movable(theirs).narrow(axis, reached, last - first)
            movable(answers).index_copy_(axis, order[first:last], some)
            reached += last - first
            del some
        del theirs
    assert answers is not None, "there is at least one round"
    return answers


def narrowed(tensor: torch.Tensor, places: Sequence[tuple[int, int]], axis: int = 0) -> torch.Tensor:
    """Return these stretches of ``tensor`` along ``axis``, one after another."""
    found = [tensor.narrow(axis, first, last - first) for first, last in places if first < last]
    return found[0] if len(found) == 1 else torch.cat(found or [tensor.narrow(axis, 0, 0)], axis)


def _slab_nbytes(local: torch.Tensor, axes: tuple[int, ...]) -> int:
    kept = [length for axis, length in enumerate(local.shape) if axis not in axes]
    return prod(kept) * local.element_size()


def _rounds(route: Route, nbytes: int, total: int) -> int:
    """Return in how many rounds ``total`` queries, with their answers ``nbytes`` in all, are carried out on all ranks.

    One, unless a rank has to answer more than ``ANSWERED_NBYTES`` and twice an even share: then no more at once.

    Communication: one allreduce of 8 bytes if all together are more than ``ANSWERED_NBYTES``.
    """
    if nbytes <= ANSWERED_NBYTES:
        return 1
    (most,) = route.communicator.allreduce((torch.tensor([sum(route.received)]),), operators.MAX)
    limit = max(ANSWERED_NBYTES * total // nbytes, -(-2 * total // route.communicator.ranks), 1)
    return max(-(-int(most) // limit), 1)


def slabs_at(local: torch.Tensor, axes: tuple[int, ...], offsets: torch.Tensor) -> torch.Tensor:
    """Return the slabs at row-major ``offsets`` over ``axes``: along the only axis, else along a new first one."""
    if len(axes) == 1:
        return slabs(local, axes[0], offsets)
    source = movable(local).permute(with_rest(axes, local.ndim))
    if len(axes) == local.ndim:
        return torch.take(source, offsets).view(local.dtype)
    found = unravel(offsets, [local.shape[axis] for axis in axes])
    return source[found].view(local.dtype)


def with_rest(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return ``axes`` followed by all others."""
    return (*axes, *(axis for axis in range(ndim) if axis not in axes))


def outer_size(shape: Shape, axis: int) -> int:
    """Return how many runs of the row-major order one part along ``axis`` is cut into."""
    return prod(shape[:axis])
