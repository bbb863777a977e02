"""torch, in one process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from benchmarks.cases.catalogue import ITERATIONS
from benchmarks.systems.system import Function, System, Values


class Torch(System):
    """torch's own kernels, with as many threads as the worker was given."""

    distribution: ClassVar[str] = "torch"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self._device = torch.device(os.environ.get("ARRAY_API_DIST_DEVICE", "cpu"))
        self.functions = {
            **_elementwise(),
            **_reductions(),
            "cumulative_sum": torch.cumsum,
            "matmul": lambda x, y: x @ y,
            "qr": torch.linalg.qr,
            "svd": lambda x: torch.linalg.svd(x, full_matrices=False),
            "fft": lambda x, axis: torch.fft.fft(x, dim=axis),
            "transpose_reshape": lambda x: torch.reshape(x.T, (-1,)),
            "repartition": _laid,
            "roll": lambda x: torch.roll(x, 1000, 0),
            "rolled_flat": lambda x: torch.roll(x, 12345),
            "negative": torch.negative,
            "concat": lambda x, y: torch.concat([x, y]),
            "sort": lambda x: torch.sort(x).values,
            "argsort": torch.argsort,
            "unique_values": torch.unique,
            "searchsorted": torch.searchsorted,
            "mask": lambda x, chosen: x[chosen],
            "integers": lambda x, indices: x[indices],
            "nonzero": lambda x: torch.nonzero(x, as_tuple=True),
            "cdist": _distances,
            "kmeans": _lloyd,
        }

    def loaded(self, path: Path, axis: int | None) -> Any:
        """Return a tensor."""
        return torch.from_numpy(np.load(path)).to(self._device)

    def values(self, result: Any) -> Values:
        """Return a tensor's or a number's values."""
        return np.asarray(result.cpu() if isinstance(result, torch.Tensor) else result)

    def finished(self, result: Any) -> Any:
        """Wait for a GPU."""
        torch.cuda.synchronize()
        return result


def _elementwise() -> dict[str, Function]:
    return {
        "add": lambda x, y: x + y,
        "sqrt": torch.sqrt,
        "exp": torch.exp,
        "slice": lambda x: x[1:5],
        "flat": lambda x: torch.reshape(x, (-1,)),
        "number": lambda x: float(x[3, 2]),
        "chain": lambda x, y: torch.exp(-(x * x) / 2) * y + x,
        "where": lambda x, y: torch.where(x > 0, x, y),
    }


def _reductions() -> dict[str, Function]:
    return {
        "sum": torch.sum,
        "prod": lambda x, axis: torch.prod(x) if axis is None else torch.prod(x, axis),
        "max": lambda x, axis: torch.amax(x) if axis is None else torch.amax(x, axis),
        "argmax": torch.argmax,
        "all": lambda x, axis: torch.all(x) if axis is None else torch.all(x, axis),
        "mean": lambda x, axis: torch.mean(x) if axis is None else torch.mean(x, axis),
        "var": lambda x, axis: torch.var(x, axis, correction=0),
        "std": lambda x, axis: torch.std(x, axis, correction=0),
        "skew": lambda x, axis: _standard_moment(x, axis, 3),
        "kurtosis": lambda x, axis: _standard_moment(x, axis, 4) - 3.0,
    }


def _standard_moment(x: torch.Tensor, axis: int | None, order: int) -> torch.Tensor:
    centred = x - (torch.mean(x) if axis is None else torch.mean(x, axis, keepdim=True))
    dims = tuple(range(x.ndim)) if axis is None else (axis,)
    squares = centred * centred
    powers = squares * (centred if order == 3 else squares)
    return torch.mean(powers, dims) / torch.mean(squares, dims) ** (order / 2)


def _laid(x: torch.Tensor, *, axis: int | None) -> torch.Tensor:
    # What there is to a change of layout on one process: a copy in the other order.
    return x.T.contiguous().T if axis == 1 else x.clone()


def _distances(x: torch.Tensor, *, exact: bool) -> torch.Tensor:
    mode = "donot_use_mm_for_euclid_dist" if exact else "use_mm_for_euclid_dist"
    return torch.cdist(x, x, compute_mode=mode)


def _lloyd(x: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    for _ in range(ITERATIONS):
        scores = torch.sum(centers * centers, 1) - 2 * (x @ centers.T)
        members = torch.nn.functional.one_hot(torch.argmin(scores, 1), len(centers)).to(x.dtype)
        centers = (members.T @ x) / torch.clamp(torch.sum(members, 0), min=1)[:, None]
    return centers
