"""What a call on a small array costs above the same call of torch: nearly every function, in turns, by the ranks of one job.

    python -m benchmarks.calls                     # arrays of which every rank has a copy
    mpirun -n 2 python -m benchmarks.calls --parts # rows on both ranks, calls that need no communication

Arrays are 16 x 16 float64. Of each call the least of several rounds' means counts, on the slowest rank.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
import torch
import typer

import array_api_dist as xp
from array_api_dist.collectives import operators
from array_api_dist.device import default_device
from array_api_dist.local import to_local
from array_api_dist.partition import repartition
from benchmarks.report import table

SIDE: Final = 16
TARGET: Final = 8.0
"""So many microseconds above torch are aimed at."""

Call: TypeAlias = Callable[[], object]
Pair: TypeAlias = tuple[Call, Call]
"""Ours and torch's."""


def _operands(*, parts: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arrays by name, and this rank's parts of them as tensors."""
    random = np.random.default_rng(0)
    values = random.random((SIDE, SIDE)) + 0.5
    spread = {
        "a": values, "b": 2 * values, "mask": values > 1, "complexes": values + 1j * values,
    }  # fmt: skip
    whole = {
        "square": values @ values.T + 3 * np.eye(SIDE), "line": values[0], "places": np.arange(SIDE),
        "chosen": values[0] > 1,
    }  # fmt: skip
    ours = {name: repartition(xp.asarray(each), 0 if parts else None) for name, each in spread.items()}
    ours |= {name: repartition(xp.asarray(each), None) for name, each in whole.items()}
    return ours, {name: to_local(each).clone() for name, each in ours.items()}


def _elementwise(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, b, mask, z = x["a"], x["b"], x["mask"], x["complexes"]
    ta, tb, tmask, tz = t["a"], t["b"], t["mask"], t["complexes"]
    return {
        "add": (lambda: a + b, lambda: ta + tb),
        "add of a number": (lambda: a + 1.0, lambda: ta + 1.0),
        "add in place": (lambda: a.__iadd__(0.0), lambda: ta.add_(0.0)),
        "less": (lambda: a < b, lambda: ta < tb),
        "negative": (lambda: -a, lambda: -ta),
        "sqrt": (lambda: xp.sqrt(a), lambda: torch.sqrt(ta)),
        "exp": (lambda: xp.exp(a), lambda: torch.exp(ta)),
        "pow": (lambda: a**2, lambda: ta**2),
        "maximum": (lambda: xp.maximum(a, b), lambda: torch.maximum(ta, tb)),
        "clip": (lambda: xp.clip(a, 0.0, 1.0), lambda: torch.clamp(ta, 0.0, 1.0)),
        "where": (lambda: xp.where(mask, a, b), lambda: torch.where(tmask, ta, tb)),
        "floor_divide": (lambda: a // b, lambda: torch.floor_divide(ta, tb)),
        "remainder": (lambda: a % b, lambda: torch.remainder(ta, tb)),
        "logical_and": (lambda: xp.logical_and(mask, mask), lambda: torch.logical_and(tmask, tmask)),
        "conj": (lambda: xp.conj(z), lambda: torch.conj(tz)),
        "astype": (lambda: xp.astype(a, xp.float32), lambda: ta.to(torch.float32)),
    }


def _new(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, ta, host = x["a"], t["a"], np.ones((SIDE, SIDE))
    return {
        "asarray of NumPy's": (lambda: xp.asarray(host), lambda: torch.from_numpy(host).clone()),
        "asarray of a list": (lambda: xp.asarray([1.0, 2.0]), lambda: torch.tensor([1.0, 2.0])),
        "asarray of a number": (lambda: xp.asarray(1.0), lambda: torch.tensor(1.0)),
        "zeros": (lambda: xp.zeros((SIDE, SIDE)), lambda: torch.zeros((SIDE, SIDE))),
        "zeros_like": (lambda: xp.zeros_like(a), lambda: torch.zeros_like(ta)),
        "arange": (lambda: xp.arange(SIDE), lambda: torch.arange(SIDE)),
        "linspace": (lambda: xp.linspace(0, 1, SIDE), lambda: torch.linspace(0, 1, SIDE)),
        "eye": (lambda: xp.eye(SIDE), lambda: torch.eye(SIDE)),
        "tril": (lambda: xp.tril(a), lambda: torch.tril(ta)),
    }


def _shapes(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, b, line, square = x["a"], x["b"], x["line"], x["square"]
    ta, tb, tline, tsquare = t["a"], t["b"], t["line"], t["square"]
    wide, twide = xp.expand_dims(a, axis=1), ta[:, None]
    return {
        "reshape": (lambda: xp.reshape(square, (-1,)), lambda: torch.reshape(tsquare, (-1,))),
        "permute_dims": (lambda: xp.permute_dims(a, (1, 0)), lambda: torch.permute(ta, (1, 0))),
        "expand_dims": (lambda: xp.expand_dims(a, axis=1), lambda: torch.unsqueeze(ta, 1)),
        "squeeze": (lambda: xp.squeeze(wide, axis=1), lambda: torch.squeeze(twide, 1)),
        "broadcast_to": (lambda: xp.broadcast_to(a, (3, *a.shape)), lambda: ta.expand(3, *ta.shape)),
        "concat": (lambda: xp.concat([a, b], axis=1), lambda: torch.cat([ta, tb], 1)),
        "stack": (lambda: xp.stack([a, b], axis=1), lambda: torch.stack([ta, tb], 1)),
        "flip": (lambda: xp.flip(a, axis=1), lambda: torch.flip(ta, (1,))),
        "roll": (lambda: xp.roll(a, 1, axis=1), lambda: torch.roll(ta, 1, 1)),
        "tile": (lambda: xp.tile(line, (2,)), lambda: torch.tile(tline, (2,))),
        "meshgrid": (lambda: xp.meshgrid(line, line), lambda: torch.meshgrid(tline, tline, indexing="ij")),
    }


def _indexed(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, line, square, places, chosen = x["a"], x["line"], x["square"], x["places"], x["chosen"]
    ta, tline, tsquare, tplaces, tchosen = t["a"], t["line"], t["square"], t["places"], t["chosen"]
    inner = (slice(None), slice(1, 5))
    return {
        "x[:, 1:5]": (lambda: a[inner], lambda: ta[inner]),
        "x[:, 3]": (lambda: a[:, 3], lambda: ta[:, 3]),
        "x[mask]": (lambda: line[chosen], lambda: tline[tchosen]),
        "x[integers]": (lambda: line[places], lambda: tline[tplaces]),
        "x[:, 1:5] = 1": (lambda: a.__setitem__(inner, 1.0), lambda: ta.__setitem__(inner, 1.0)),
        "take": (lambda: xp.take(square, places, axis=0), lambda: torch.index_select(tsquare, 0, tplaces)),
        "take_along_axis": (
            lambda: xp.take_along_axis(line, places),
            lambda: torch.gather(tline, 0, tplaces),
        ),
        "float": (lambda: float(line[0]), lambda: float(tline[0])),
    }


def _reduced(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, mask = x["a"], x["mask"]
    ta, tmask = t["a"], t["mask"]
    return {
        "sum": (lambda: xp.sum(a, axis=1), lambda: torch.sum(ta, 1)),
        "max": (lambda: xp.max(a, axis=1), lambda: torch.amax(ta, 1)),
        "mean": (lambda: xp.mean(a, axis=1), lambda: torch.mean(ta, 1)),
        "std": (lambda: xp.std(a, axis=1), lambda: torch.std(ta, 1, correction=0)),
        "any": (lambda: xp.any(mask, axis=1), lambda: torch.any(tmask, 1)),
        "argmax": (lambda: xp.argmax(a, axis=1), lambda: torch.argmax(ta, 1)),
        "count_nonzero": (lambda: xp.count_nonzero(a, axis=1), lambda: torch.count_nonzero(ta, 1)),
        "cumulative_sum": (lambda: xp.cumulative_sum(a, axis=1), lambda: torch.cumsum(ta, 1)),
        "diff": (lambda: xp.diff(a, axis=1), lambda: torch.diff(ta, dim=1)),
    }


def _ordered(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, line, places = x["a"], x["line"], x["places"]
    ta, tline, tplaces = t["a"], t["line"], t["places"]
    return {
        "sort": (lambda: xp.sort(a, axis=1), lambda: torch.sort(ta, 1)),
        "argsort": (lambda: xp.argsort(a, axis=1), lambda: torch.argsort(ta, 1)),
        "searchsorted": (lambda: xp.searchsorted(line, line), lambda: torch.searchsorted(tline, tline)),
        "unique_values": (lambda: xp.unique_values(line), lambda: torch.unique(tline)),
        "unique_counts": (lambda: xp.unique_counts(line), lambda: torch.unique(tline, return_counts=True)),
        "isin": (lambda: xp.isin(places, places), lambda: torch.isin(tplaces, tplaces)),
        "nonzero": (lambda: xp.nonzero(line), lambda: torch.nonzero(tline, as_tuple=True)),
    }


def _products(x: dict[str, Any], t: dict[str, Any]) -> dict[str, Pair]:
    a, b, z, square = x["a"], x["b"], x["complexes"], x["square"]
    ta, tb, tz, tsquare = t["a"], t["b"], t["complexes"], t["square"]
    return {
        "matmul": (lambda: a @ square, lambda: ta @ tsquare),
        "vecdot": (lambda: xp.vecdot(a, b), lambda: torch.linalg.vecdot(ta, tb)),
        "vector_norm": (
            lambda: xp.linalg.vector_norm(a, axis=1), lambda: torch.linalg.vector_norm(ta, dim=1),
        ),
        "solve": (lambda: xp.linalg.solve(square, square), lambda: torch.linalg.solve(tsquare, tsquare)),
        "inv": (lambda: xp.linalg.inv(square), lambda: torch.linalg.inv(tsquare)),
        "det": (lambda: xp.linalg.det(square), lambda: torch.linalg.det(tsquare)),
        "cholesky": (lambda: xp.linalg.cholesky(square), lambda: torch.linalg.cholesky(tsquare)),
        "qr": (lambda: xp.linalg.qr(square), lambda: torch.linalg.qr(tsquare)),
        "svd": (lambda: xp.linalg.svd(square), lambda: torch.linalg.svd(tsquare)),
        "eigh": (lambda: xp.linalg.eigh(square), lambda: torch.linalg.eigh(tsquare)),
        "fft": (lambda: xp.fft.fft(z, axis=1), lambda: torch.fft.fft(tz, dim=1)),
    }  # fmt: skip


def calls(*, parts: bool) -> dict[str, Pair]:
    """Return what is measured, by name."""
    x, t = _operands(parts=parts)
    kinds = (_elementwise, _new, _shapes, _indexed, _reduced, _ordered, _products)
    return {name: pair for kind in kinds for name, pair in kind(x, t).items()}


def _seconds(call: Call, number: int) -> float:
    start = perf_counter()
    for _ in range(number):
        call()
    return (perf_counter() - start) / number


def main(
    parts: Annotated[bool, typer.Option(help="rows on all ranks, not copies")] = False,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    number: Annotated[int, typer.Option(min=1, help="calls in a row")] = 300,
) -> None:
    """Print the microseconds of each call, torch's, and the difference, the largest last."""
    device = default_device()
    known = calls(parts=parts)
    every = [each for pair in known.values() for each in pair]
    # The first round warms up.
    found = torch.tensor(
        [[_seconds(call, number) for call in every] for _ in range(rounds + 1)], dtype=torch.float64
    )
    (slowest,) = device.communicator.allreduce((found[1:].amin(0),), operators.MAX)
    pairs = zip(known, (1e6 * slowest).view(-1, 2).tolist(), strict=True)
    rows = sorted((ours - torchs, ours, torchs, name) for name, (ours, torchs) in pairs)
    near = sum(above <= TARGET for above, *_ in rows)
    if device.rank == 0:
        head = [f"P = {device.ranks}, {'parts' if parts else 'copies'}", "us", "torch", "above"]
        body = [[name, f"{ours:.1f}", f"{torchs:.1f}", f"{above:.1f}"] for above, ours, torchs, name in rows]
        sys.stdout.write(table(head, body) + f"\n{near} of {len(rows)} within {TARGET:g} us of torch\n")


if __name__ == "__main__":
    typer.run(main)
