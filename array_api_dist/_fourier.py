"""Fourier transforms of distributed axes: lengths, factors, routes, and which points a rank has. Pure.

A long axis of n1 * n2 elements is read as a row-major matrix of n1 rows and n2 columns (Bailey 1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from math import isqrt, prod
from typing import Final, Literal, TypeAlias, get_args

from array_api_dist._alignment import even_on_longest
from array_api_dist._arguments import one_of
from array_api_dist._partition import Partition, Shape
from array_api_dist._shapes import reduced_shape

Norm: TypeAlias = Literal["backward", "ortho", "forward"]
NORMS: Final[tuple[str, ...]] = get_args(Norm)

REPLICATE_NBYTES: Final = 1 << 20
"""Arrays up to this many bytes (as complex numbers) are transformed along a lone partitioned axis on every rank."""


class Route(Enum):
    """How a transform runs along one axis."""

    LOCAL = "no rank shares the axis"
    LANES = "repartitioned along another axis, and back"
    COPY = "small, or on every rank already: replicated, and each rank keeps its part"
    FOUR_STEP = "read as a matrix: columns, twiddles, rows, in three exchanges"
    CHIRP = "no factors to share out: a padded convolution (Bluestein 1970), in five exchanges"


@dataclass(frozen=True, slots=True)
class Plan:
    """The route of one transform and what it needs.

    Attributes
    ----------
    route : Route
    lanes : Partition or None
        The layout along another axis, of the input trimmed to the transform's length (LANES).
    factors : (int, int)
        Rows and columns of the matrix (FOUR_STEP, CHIRP).
    """

    route: Route
    lanes: Partition | None = None
    factors: tuple[int, int] = (1, 1)


def check_norm(norm: str) -> None:
    """Raise ValueError unless ``norm`` is one of the three."""
    one_of(norm, NORMS, "norm")


def scale_of(norm: str, length: int, *, inverse: bool) -> float:
    """Return what ``norm`` multiplies the plain sum of ``length`` terms by."""
    if norm == "ortho":
        return float(length**-0.5)
    return 1.0 / length if inverse == (norm == "backward") else 1.0


@lru_cache(maxsize=1024)
def factors(length: int) -> tuple[int, int]:
    """Return the two factors of ``length`` that are nearest to each other, the smaller one first."""
    small = next(divisor for divisor in range(isqrt(length), 0, -1) if length % divisor == 0)
    return small, length // small


def padded_length(length: int) -> int:
    """Return the power of two in which a cyclic convolution of 2 * ``length`` - 1 terms fits."""
    return 1 << (2 * length - 2).bit_length()


@lru_cache(maxsize=4096)
def plan(
    shape: Shape, partition: Partition, axis: int, length: int, ranks: int, limit: int = REPLICATE_NBYTES
) -> Plan:
    """Return how an array of ``shape`` is transformed along ``axis`` at ``length`` points.

    ``limit`` is the number of bytes up to which copies are allowed.
    """
    if partition.axis != axis:
        return Plan(Route.LOCAL)
    if partition.is_whole_everywhere:
        return Plan(Route.COPY)
    others = reduced_shape(shape, (axis,))
    if max(others, default=0) >= ranks:
        return Plan(Route.LANES, even_on_longest(shape, ranks, without=axis))
    lanes = prod(others)
    if 16 * lanes * max(length, shape[axis]) <= limit:
        return Plan(Route.COPY)
    pair = factors(length)
    if pair[0] >= ranks:
        return Plan(Route.FOUR_STEP, factors=pair)
    return Plan(Route.CHIRP, factors=factors(padded_length(length)))


@dataclass(frozen=True, slots=True)
class Source:
    """Where one rank's elements lie among the points of a transform.

    Attributes
    ----------
    first, count : int
        The elements of the local part.
    start : int
        The point at which they begin (their images, when mirrored).
    mirrored : bool
        Whether these are the conjugate images, in reverse order, that complete half a Hermitian spectrum.
    """

    first: int
    count: int
    start: int
    mirrored: bool = False

    @property
    def stop(self) -> int:
        """The point after the last."""
        return self.start + self.count


def sources(partition: Partition, rank: int, points: int, *, half: bool) -> tuple[Source, ...]:
    """Return what the elements of ``rank`` are among ``points``: those beyond are trimmed, missing ones are zeros.

    With ``half`` the elements are the first points // 2 + 1 of a Hermitian spectrum.
    """
    start, stop = partition.interval(rank)
    used = min(stop, points // 2 + 1 if half else points)
    direct = Source(0, max(used - start, 0), start)
    if not half:
        return (direct,)
    # Point f has its image at points - f, save f = 0 and, of an even number, f = points / 2.
    low, high = max(start, 1), min(used, (points - 1) // 2 + 1)
    return direct, Source(low - start, max(high - low, 0), points - high + 1, mirrored=True)
