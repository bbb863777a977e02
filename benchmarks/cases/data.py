"""The data sets: every system is given the same numbers, from the same files.

Their names say what they are; their shapes follow from a scale. ``paper`` has the shapes of Götz et al. (2020)
where they are known: 5000 x 6.29 million, 40,000 x 18, 10,000,000 x 100. The rows of the other tables, n x 18, are chosen
here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

Scale: TypeAlias = Literal["tiny", "small", "medium", "paper"]
Shape: TypeAlias = tuple[int, ...]
Values: TypeAlias = npt.NDArray[Any]
Fill: TypeAlias = Callable[[np.random.Generator, Shape], Values]

SCALES: Final[tuple[Scale, ...]] = get_args(Scale)
SEED: Final = 20200727

CLUSTERS: Final = 8
DISTINCT: Final = 1000
"""How many different numbers a line of labels has."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """An array, by how it is filled.

    Attributes
    ----------
    name : str
    fill : callable
        ``fill(random, shape)``.
    dtype : str
    shapes : mapping of scales to shapes
    grows : bool
        Whether more ranks have more rows of it in weak scaling.
    hdf5 : bool
        Whether systems are given a file, not an array.
    """

    name: str
    fill: Fill
    dtype: str
    shapes: Mapping[Scale, Shape]
    grows: bool = True
    hdf5: bool = False

    def shape(self, scale: Scale, factor: int = 1) -> Shape:
        """Return the shape with ``factor`` times the rows."""
        rows, *others = self.shapes[scale]
        return (rows * factor if self.grows else rows, *others)

    def nbytes(self, scale: Scale, factor: int = 1) -> int:
        """Return how many bytes it has."""
        return prod(self.shape(scale, factor)) * np.dtype(self.dtype).itemsize

    def values(self, scale: Scale, factor: int = 1) -> Values:
        """Return the numbers, the same at every call."""
        random = np.random.default_rng([SEED, *self.name.encode()])
        return np.ascontiguousarray(self.fill(random, self.shape(scale, factor)), dtype=self.dtype)


def _shapes(tiny: Shape, small: Shape, medium: Shape, paper: Shape) -> dict[Scale, Shape]:
    return dict(zip(SCALES, (tiny, small, medium, paper), strict=True))


# ---- fillings


def _skewed(random: np.random.Generator, shape: Shape) -> Values:
    # Neither skewness nor excess is near zero, so that relative errors say something.
    return random.standard_gamma(2.0, shape, dtype=np.float32)


def _normal(random: np.random.Generator, shape: Shape) -> Values:
    return random.standard_normal(shape)


def _uniform(random: np.random.Generator, shape: Shape) -> Values:
    return random.random(shape)


def _standardised(random: np.random.Generator, shape: Shape) -> Values:
    # Columns of mean zero and mean square one: HeAT's coordinate descent takes them for granted.
    table = random.standard_normal(shape)
    table += 0.3 * table[:, :1]
    table -= table.mean(axis=0)
    table /= table.std(axis=0)
    return table


def _target(random: np.random.Generator, shape: Shape) -> Values:
    design = DATASETS["design"]
    columns = design.shapes["tiny"][1]
    table = design.fill(np.random.default_rng([SEED, *design.name.encode()]), (shape[0], columns))
    weights = np.where(np.arange(columns) % 3 == 0, np.linspace(-2, 2, columns), 0)
    target: Values = table @ weights + 3.0 + 0.1 * random.standard_normal(shape)
    return target


def _centers(random: np.random.Generator, shape: Shape) -> Values:
    return random.standard_normal(shape)


def _labels(random: np.random.Generator, shape: Shape) -> Values:
    return random.integers(0, DISTINCT, shape)


def _mask(random: np.random.Generator, shape: Shape) -> Values:
    return random.random(shape) < 0.5


def _indices(random: np.random.Generator, shape: Shape) -> Values:
    # Into a line of four times the length.
    return random.integers(0, 4 * shape[0], shape)


def _ordered(random: np.random.Generator, shape: Shape) -> Values:
    return np.sort(random.random(shape))


def _wave(random: np.random.Generator, shape: Shape) -> Values:
    return random.standard_normal(shape) + 1j * random.standard_normal(shape)


_LINE: Final = _shapes((320,), (2_000_000,), (20_000_000,), (20_000_000,))
_GRID: Final = _shapes((40, 8), (64_000, 64), (512_000, 64), (512_000, 64))

_ALL: Final = (
    # The paper's: 5000 pictures of 6.29 million numbers; rows of 18 features; rows of 100 predictors.
    Dataset("wide", _skewed, "float32", _shapes((10, 240), (88, 111_000), (312, 393_125), (5_000, 6_291_456))),
    Dataset("tall", _skewed, "float32", _shapes((60, 18), (500_000, 18), (4_000_000, 18), (5_000_000, 18))),
    Dataset("rows32", _normal, "float32", _shapes((40, 18), (2_000, 18), (8_000, 18), (40_000, 18))),
    Dataset("rows64", _normal, "float64", _shapes((40, 18), (2_000, 18), (8_000, 18), (40_000, 18))),
    Dataset("points", _normal, "float32", _shapes((200, 18), (50_000, 18), (1_000_000, 18), (5_000_000, 18))),
    Dataset(
        "centers", _centers, "float32",
        _shapes((CLUSTERS, 18), (CLUSTERS, 18), (CLUSTERS, 18), (CLUSTERS, 18)), grows=False,
    ),
    Dataset("design", _standardised, "float32", _shapes((400, 100), (10_000, 100), (100_000, 100), (10_000_000, 100))),
    Dataset("target", _target, "float32", _shapes((400,), (10_000,), (100_000,), (10_000_000,))),
    # What the paper leaves out.
    Dataset("few", _uniform, "float64", _shapes((16, 16), (16, 16), (16, 16), (16, 16)), grows=False),
    Dataset("grid", _normal, "float64", _GRID),
    Dataset("grid2", _uniform, "float64", _GRID),
    Dataset("grid.h5", _normal, "float64", _GRID, hdf5=True),
    Dataset("line", _uniform, "float64", _LINE),
    Dataset("labels", _labels, "int64", _LINE),
    Dataset("mask", _mask, "bool", _LINE),
    Dataset("indices", _indices, "int64", _shapes((80,), (500_000,), (5_000_000,), (5_000_000,))),
    Dataset("ordered", _ordered, "float64", _LINE),
    Dataset("queries", _uniform, "float64", _shapes((80,), (500_000,), (5_000_000,), (5_000_000,))),
    Dataset("square", _normal, "float64", _shapes((12, 12), (768, 768), (2_048, 2_048), (2_048, 2_048)), grows=False),
    Dataset("square2", _normal, "float64", _shapes((12, 12), (768, 768), (2_048, 2_048), (2_048, 2_048)), grows=False),
    Dataset("skinny", _normal, "float64", _shapes((60, 4), (100_000, 32), (1_000_000, 32), (1_000_000, 32))),
    Dataset("wave", _wave, "complex128", _shapes((256,), (1 << 20,), (1 << 22,), (1 << 22,))),
    Dataset("waves", _wave, "complex128", _shapes((16, 12), (1_024, 1_024), (2_048, 2_048), (2_048, 2_048))),
)  # fmt: skip

DATASETS: Final[dict[str, Dataset]] = {dataset.name: dataset for dataset in _ALL}
