"""How one array is laid over the ranks: an axis and the offsets at which each rank's part begins.

Pure integer arithmetic: this module knows neither torch nor MPI.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import index as as_index
from typing import Final, TypeAlias

from array_api_dist._arguments import told

Shape: TypeAlias = tuple[int, ...]


def _are_integers(bounds: tuple[int, ...]) -> bool:
    """Return whether all are Python integers: their sum is one then only, and costs little for many ranks."""
    try:
        return type(sum(bounds)) is int
    except TypeError:
        return False


@dataclass(frozen=True, slots=True)
class Partition:
    """The layout of one array over P ranks.

    Parameters
    ----------
    axis : int or None
        The partitioned axis, or None when every rank holds a copy of the whole (``bounds`` is then empty).
    bounds : tuple of int
        The P + 1 offsets along ``axis``: rank r owns [bounds[r], bounds[r + 1]). Parts may be uneven or empty.

    Raises
    ------
    ValueError
        If the bounds don't begin at 0 or decrease, or belong to no axis.
    TypeError
        If axis or bounds are no integers, or the bounds no tuple.
    """

    axis: int | None
    bounds: tuple[int, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        if self.axis is None:
            if self.bounds:
                raise ValueError(f"a replicated partition has no bounds, got {self.bounds}")
            # No bounds may be said in other ways, and are one key.
            object.__setattr__(self, "bounds", ())
        else:
            self._check_bounds()
        # Partitions are keys of every cached decision: hash the P + 1 bounds once.
        object.__setattr__(self, "_hash", hash((self.axis, self.bounds)))

    def _check_bounds(self) -> None:
        if not isinstance(self.bounds, tuple):
            raise TypeError(f"bounds must be a tuple of integers, got {told(self.bounds)}")
        if type(self.axis) is not int or not _are_integers(self.bounds):
            self._take_integers()
        if self.axis is not None and self.axis < 0:
            raise ValueError(f"the partitioned axis must not be negative, got {self.axis}")
        if len(self.bounds) < 2 or self.bounds[0] != 0:
            raise ValueError(f"bounds must be P + 1 offsets that begin at 0, got {self.bounds}")
        if any(start > stop for start, stop in pairwise(self.bounds)):
            raise ValueError(f"bounds must not decrease, got {self.bounds}")

    def _take_integers(self) -> None:
        """Put Python integers in the place of others, which NumPy has of its own."""
        try:
            object.__setattr__(self, "axis", None if self.axis is None else as_index(self.axis))
            object.__setattr__(self, "bounds", tuple(as_index(bound) for bound in self.bounds))
        except TypeError:
            raise TypeError(
                f"axis and bounds of a partition must be integers, got {told(self.axis)} and ({', '.join(map(told, self.bounds))})"
            ) from None

    def __hash__(self) -> int:
        return self._hash

    @staticmethod
    def even(axis: int, length: int, ranks: int) -> Partition:
        """Return the partition of ``length`` elements along ``axis`` whose parts differ by at most one."""
        return _even(axis, length, ranks)

    @staticmethod
    def from_counts(axis: int, counts: Sequence[int]) -> Partition:
        """Return the partition along ``axis`` in which rank r owns ``counts[r]`` elements."""
        return Partition(axis, tuple(accumulate(counts, initial=0)))

    @staticmethod
    def at_root(axis: int, length: int, ranks: int, root: int) -> Partition:
        """Return the partition in which rank ``root`` owns everything."""
        return Partition(axis, tuple(0 if rank <= root else length for rank in range(ranks + 1)))

    @property
    def is_replicated(self) -> bool:
        """Whether every rank holds the whole array."""
        return self.axis is None

    @property
    def counts(self) -> tuple[int, ...]:
        """How many elements along the axis each rank owns."""
        return tuple(stop - start for start, stop in pairwise(self.bounds))

    @property
    def length(self) -> int:
        """The length of the partitioned axis."""
        return self.bounds[-1]

    @property
    def is_whole_everywhere(self) -> bool:
        """Whether every rank's part is the whole array: replicated, of length 0, or on one rank only."""
        return all(count == self.length for count in self.counts)

    @property
    def is_lopsided(self) -> bool:
        """Whether one rank holds more than twice its even share."""
        ranks = len(self.bounds) - 1
        share = -(-self.length // ranks) if ranks > 0 else 0
        return self.axis is not None and max(self.counts) > 2 * share

    @property
    def spread(self) -> int:
        """How many ranks own at least one element (0 when replicated)."""
        return sum(1 for count in self.counts if count)

    def interval(self, rank: int) -> tuple[int, int]:
        """Return [start, stop) along the axis that ``rank`` owns."""
        return self.bounds[rank], self.bounds[rank + 1]

    def offset(self, rank: int) -> int:
        """Return where ``rank``'s part begins along the axis (0 when replicated)."""
        return 0 if self.axis is None else self.bounds[rank]

    def owner(self, index: int) -> int:
        """Return the rank that owns ``index`` along the axis."""
        return bisect_right(self.bounds, index) - 1

    def local_shape(self, shape: Shape, rank: int) -> Shape:
        """Return the shape of ``rank``'s part of an array of global ``shape``."""
        if self.axis is None:
            return shape
        count = self.bounds[rank + 1] - self.bounds[rank]
        return (*shape[: self.axis], count, *shape[self.axis + 1 :])

    def local_slices(self, ndim: int, rank: int) -> tuple[slice, ...]:
        """Return the slices that cut ``rank``'s part out of the whole array."""
        if self.axis is None:
            return (slice(None),) * ndim
        start, stop = self.interval(rank)
        return tuple(slice(start, stop) if axis == self.axis else slice(None) for axis in range(ndim))

    def overlaps(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield (rank, start, stop) of every non-empty overlap of [start, stop) with a rank's interval, in order."""
        if start >= stop:
            return
        for rank in range(self.owner(start), len(self.bounds) - 1):
            low, high = max(start, self.bounds[rank]), min(stop, self.bounds[rank + 1])
            if low < high:
                yield rank, low, high
            if self.bounds[rank + 1] >= stop:
                return

    def on_axis(self, axis: int) -> Partition:
        """Return the same bounds along another ``axis``."""
        return self if axis == self.axis else Partition(axis, self.bounds)

    def image_of_slice(self, start: int, step: int, count: int) -> Partition:
        """Return the partition of the ``count`` elements start, start + step, … that moves none of them (step > 0)."""
        bounds = tuple(min(max(-(-(bound - start) // step), 0), count) for bound in self.bounds)
        # The first offset is 0 by definition even when the slice begins inside a later part.
        return Partition(self.axis, (0, *bounds[1:-1], count))

    def scaled(self, numerator: int, denominator: int = 1) -> Partition:
        """Return the partition with every bound multiplied by ``numerator / denominator``, which must be exact."""
        return Partition(self.axis, tuple(bound * numerator // denominator for bound in self.bounds))

    def fits(self, shape: Shape, ranks: int) -> bool:
        """Return whether this describes an array of ``shape`` over ``ranks`` ranks."""
        if self.axis is None:
            return True
        return (
            self.axis < len(shape) and len(self.bounds) == ranks + 1 and self.bounds[-1] == shape[self.axis]
        )

    def check(self, shape: Shape, ranks: int) -> None:
        """Raise ValueError unless this describes an array of ``shape`` over ``ranks`` ranks."""
        if not self.fits(shape, ranks):
            raise ValueError(
                f"a partition of an array of shape {shape} over {ranks} ranks needs an axis in "
                f"[0, {len(shape)}) and {ranks + 1} bounds that end at its length, got {self}"
            )


REPLICATED: Final = Partition(None)


@lru_cache(maxsize=4096)
def _even(axis: int, length: int, ranks: int) -> Partition:
    share, rest = divmod(length, ranks)
    return Partition(axis, tuple(rank * share + min(rank, rest) for rank in range(ranks + 1)))
