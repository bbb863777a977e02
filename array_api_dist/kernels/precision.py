"""Within what a variance is right to the precision of its type, by the way that it is computed; and in double precision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import torch

Pair: TypeAlias = tuple[torch.Tensor, torch.Tensor]
"""Means and M2, of equal counts or with the counts beside."""

Found: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Means, M2 and what rounding the means lost, None where that is nothing to speak of."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Limits of a variance: of its own size, and of the mean's square beside it."""

    least: float
    greatest: float
    ratio: float

    def suffices(self, mean: torch.Tensor, variance: torch.Tensor) -> bool:
        """Return whether all variances are within the limits; none that is NaN is."""
        if variance.numel() == 1:
            center, only = mean.item(), variance.item()
            return self.least < only < self.greatest and center * center < self.ratio * only
        low, high = torch.aminmax(variance)
        return (
            self.least < low.item()
            and high.item() < self.greatest
            and (mean.square() / variance).amax().item() < self.ratio
        )

    def holds(self, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        """Return where a variance is within the limits."""
        square = mean.to(torch.float64).square()
        return (variance > self.least) & (variance < self.greatest) & (square < self.ratio * variance)

    def fails(self, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        """Return where a variance is not within the limits; equal elements, about their mean, are no failure."""
        is_constant = (variance == 0) & (mean.to(torch.float64).square() > self.least)
        return ~(self.holds(mean, variance) | is_constant)


ABOUT_MEAN: Final = {
    torch.float32: Precision(1e-30, 1e33, 1e5),
    torch.float64: Precision(1e-290, 1e300, 1e8),
}
"""Of squares of deviations from the mean."""

OF_SQUARES: Final = {dtype: replace(each, ratio=8.0) for dtype, each in ABOUT_MEAN.items()}
"""Of the squares themselves: their sums lose as many digits as the mean's square is larger."""

OF_SLABS: Final = {dtype: replace(each, ratio=1e3) for dtype, each in ABOUT_MEAN.items()}
"""Of means of few rows, rounded and then pooled: what they lost counts beside what they differ by."""


def two_sum(left: torch.Tensor, right: torch.Tensor) -> Pair:
    """Return the sum, and what its rounding lost (Knuth)."""
    total = left + right
    part = total - left
    return total, (left - (total - part)) + (right - part)


def in_double(rows: torch.Tensor, origin: torch.Tensor) -> Pair:
    """Return the mean, from the origin, and M2 along the last axis in double precision, however the elements lie.

    Notes
    -----
    The origin is one of the n elements: (mean - origin)**2 <= M2, so that M2 is right to about n units in the last place.
    """
    wide = rows - origin
    center = wide.mean(-1, keepdim=True)
    return center[..., 0], wide.sub_(center).square_().sum(-1)
