"""Initial centres of k-means. Random numbers are drawn on the host, the same ones on every rank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Any, Final

import numpy as np

from array_api_dist_ml._lloyd import Data, shares
from array_api_dist_ml._namespace import Array, Namespace, constant, device, eps_of, local_blocks, row_squares

PARALLEL_ROUNDS: Final = 5
OVERSAMPLING: Final = 2


def generator_of(random_state: Any) -> np.random.Generator:
    """Return the source of random numbers that ``random_state`` asks for.

    Notes
    -----
    None means the seed 0 and not fresh entropy: the ranks of one job must all draw the same numbers.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
    return np.random.default_rng(0 if random_state is None else random_state)


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows to draw centres from.

    Attributes
    ----------
    data : Data
    squares : Array, shape (n,)
        The squared norm of each row.
    """

    data: Data
    squares: Array

    @property
    def xp(self) -> Namespace:
        """The namespace of the rows."""
        return self.data.xp

    @property
    def rows(self) -> Array:
        """The rows, (n, f)."""
        return self.data.rows

    @property
    def weights(self) -> Array | None:
        """The weights of the rows, (n,), or None when all are 1."""
        return self.data.weights

    def weighted(self, values: Array) -> Array:
        """Return ``values`` (n,) times the weights."""
        return self.data.weighted(values)

    def distances(self, centers: Array) -> Iterator[tuple[slice, Array]]:
        """Yield places of rows and their squared distances (c, b) to few ``centers``; those within rounding of 0 are 0.

        Communication: none when the rows are partitioned and the centres are not.
        """
        xp = self.xp
        tolerance = 16 * eps_of(xp, self.rows)
        directions, center_squares = -2.0 * centers, row_squares(xp, centers)[:, None]
        for place in local_blocks(self.data.lifted, centers.shape[0]):
            scale = self.squares[place][None, :] + center_squares
            squared = directions @ self.data.lifted[place, :-1].T
            squared += scale
            yield place, xp.where(squared > tolerance * scale, squared, constant(squared, 0.0))

    def take(self, indices: Array) -> Array:
        """Return the rows at ``indices``."""
        return self.xp.take(self.rows, indices, axis=0)


def draw(xp: Namespace, masses: Array, uniforms: np.ndarray) -> Array:
    """Return one index for each of ``uniforms`` in [0, 1), each index with probability proportional to its mass.

    Communication: one exscan, one read of the total, one search.
    """
    sums = xp.cumulative_sum(masses, axis=0, dtype=xp.float64)
    total = float(sums[-1])
    wanted = xp.asarray(
        [float(uniform) * total for uniform in uniforms], dtype=xp.float64, device=device(masses)
    )
    # "right": a row without mass, which adds nothing to the sums, is never hit.
    found = xp.searchsorted(sums, wanted, side="right")
    return xp.clip(found, 0, masses.shape[0] - 1)


def _masses(sample: Sample) -> Array:
    xp = sample.xp
    return sample.weighted(xp.ones_like(sample.squares))


def random_rows(sample: Sample, count: int, random: np.random.Generator) -> Array:
    """Return ``count`` different rows, drawn in proportion to their weights.

    Communication: a constant number of small collectives for each row, with weights.

    Raises
    ------
    ValueError
        On every rank, if fewer rows than that have a weight.
    """
    xp, rows = sample.xp, sample.rows
    if sample.weights is None:
        chosen = random.choice(rows.shape[0], count, replace=False)
        return sample.take(xp.asarray([int(row) for row in chosen], dtype=xp.int64, device=device(rows)))
    masses = sample.weights
    weighty = int(xp.count_nonzero(masses))
    if weighty < count:
        # The first words are those of scikit-learn's message.
        raise ValueError(
            "Fewer non-zero entries in p than size: init='random' draws different rows of positive weight, "
            f"at least {count}, got {weighty}"
        )
    indices = xp.arange(rows.shape[0], dtype=xp.int64, device=device(rows))
    picks = []
    for _ in range(count):
        pick = draw(xp, masses, random.random(1))
        masses = xp.where(indices == pick, xp.zeros_like(masses), masses)
        picks.append(sample.take(pick))
    return xp.concat(picks, axis=0)


def plus_plus(sample: Sample, count: int, random: np.random.Generator) -> Array:
    """Return ``count`` centres by greedy k-means++ (Arthur and Vassilvitskii 2007): the best of a few draws each.

    Communication: a constant number of small collectives for each centre.
    """
    xp = sample.xp
    trials = 2 + int(log(count))
    centers = [sample.take(draw(xp, _masses(sample), random.random(1)))]
    closest = _closest(sample, centers[0])
    distances = xp.empty_like(xp.broadcast_to(closest[None, :], (trials, closest.shape[0])))
    for _ in range(1, count):
        candidates = sample.take(draw(xp, sample.weighted(closest), random.random(trials)))
        for place, squared in sample.distances(candidates):
            distances[:, place] = xp.minimum(squared, closest[place][None, :])
        best = int(xp.argmin(_potentials(sample, distances)))
        closest[...] = distances[best, :]
        centers.append(candidates[best : best + 1, :])
    return xp.concat(centers, axis=0)


def _closest(sample: Sample, center: Array) -> Array:
    """Return the squared distance (n,) of each row to the one ``center``."""
    closest = sample.xp.empty_like(sample.squares)
    for place, squared in sample.distances(center):
        closest[place] = squared[0, :]
    return closest


def _potentials(sample: Sample, distances: Array) -> Array:
    """Return the weighted sum of each row of ``distances`` (c, n)."""
    if sample.weights is None:
        return sample.xp.sum(distances, axis=1)
    return distances @ sample.weights


def parallel(sample: Sample, count: int, random: np.random.Generator) -> Array:
    """Return ``count`` centres by k-means|| (Bahmani et al. 2012): few rounds of many draws, then k-means++ on those.

    Each round draws exactly ``2 * count`` rows jointly, so that random numbers for all n rows are never needed.

    Communication: a constant number of small collectives for each of the rounds, none for the last step.
    """
    xp = sample.xp
    batch = OVERSAMPLING * count
    candidates = sample.take(draw(xp, _masses(sample), random.random(1)))
    closest = _closest(sample, candidates)
    owners = xp.zeros_like(closest, dtype=xp.int64)
    for _ in range(PARALLEL_ROUNDS):
        fresh = sample.take(draw(xp, sample.weighted(closest), random.random(batch)))
        for start in range(0, batch, count):
            part = fresh[start : start + count, :]
            _draw_near(sample, closest, owners, part, candidates.shape[0] + start)
        candidates = xp.concat([candidates, fresh], axis=0)
    del closest
    # Few at a time: the squares and owners of all rows are kept, too.
    some, total = max(1, count // 2), candidates.shape[0]
    owned = (range(start, min(start + some, total)) for start in range(0, total, some))
    masses = xp.concat([xp.sum(shares(sample.data, owners, each, total), axis=1) for each in owned])
    reduced = Sample(Data.of(candidates, masses), row_squares(xp, candidates))
    return plus_plus(reduced, count, random)


def _draw_near(sample: Sample, closest: Array, owners: Array, centers: Array, offset: int) -> None:
    """Change ``closest`` and ``owners`` (n,) for the rows that are nearer to one of ``centers``."""
    xp = sample.xp
    for place, distances in sample.distances(centers):
        least = xp.min(distances, axis=0)
        nearest = xp.argmin(distances, axis=0) + offset
        owners[place] = xp.where(least < closest[place], nearest, owners[place])
        closest[place] = xp.minimum(least, closest[place])
