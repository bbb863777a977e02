"""What each rank does: read its rows, standardise, cluster; rank 0 reports and compares."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import data
import numpy as np
import numpy.typing as npt
import report
from launch import USAGE_ERROR, refused
from rich.console import Console

import array_api_dist as xp
from array_api_dist.device import Device
from array_api_dist.io import load_hdf5
from array_api_dist.local import from_callback
from array_api_dist.trace import trace
from array_api_dist_ml import KMeans, initial_centers

FAILED: Final = 1
TOLERANCE: Final = 1e-4
AGREEMENT: Final = 1e-6
PLOTTED_POINTS: Final = 6000


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation (1 for a constant column) of each column."""

    mean: Any
    deviation: Any


def standardized(table: Any) -> tuple[Any, Scale]:
    """Return the table with columns of mean 0 and deviation 1. Communication: two allreduces of a row."""
    mean, deviation = xp.mean(table, axis=0), xp.std(table, axis=0)
    deviation = xp.where(deviation > 0, deviation, xp.ones_like(deviation))
    return (table - mean) / deviation, Scale(mean, deviation)


def loaded(options: argparse.Namespace, device: Device) -> Any:
    """Return the table, of which each rank has read its rows.

    Raises
    ------
    ValueError
        If the data set is not a table.
    """
    table = load_hdf5(source(options), options.dataset, partition=0, dtype=xp.float64, device=device)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"k-means needs a table of rows and columns, got a data set of shape {table.shape}")
    return table


def source(options: argparse.Namespace) -> Path:
    """Return the path of the HDF5 file."""
    return Path(options.file or options.output / "flights.h5")


def cluster(options: argparse.Namespace, device: Device) -> report.Outcome:
    """Load, standardise and cluster; the same small outcome on every rank."""
    started = perf_counter()
    with trace() as communication:
        table = loaded(options, device)
        read = perf_counter()
        rows, scale = standardized(table)
        start = initial_centers(rows, options.clusters, random_state=options.seed)
        model = KMeans(options.clusters, init=start, max_iter=options.max_iter, tol=TOLERANCE, verbose=1).fit(
            rows
        )
    done = perf_counter()
    numbers = xp.arange(options.clusters, dtype=model.labels_.dtype, device=device)
    sizes = xp.count_nonzero(model.labels_[:, None] == numbers[None, :], axis=0)
    step = max(1, table.shape[0] // PLOTTED_POINTS)
    return report.Outcome(
        shape=table.shape,
        ranks=device.ranks,
        columns=data.read_columns(source(options), options.dataset, table.shape[1]),
        inertia=model.inertia_,
        steps=model.n_iter_,
        sizes=np.asarray(sizes),
        start=np.asarray(start),
        centers=np.asarray(model.cluster_centers_),
        mean=np.asarray(scale.mean),
        deviation=np.asarray(scale.deviation),
        points=np.asarray(table[::step, :]),
        point_labels=np.asarray(model.labels_[::step]),
        communication=communication,
        seconds_reading=read - started,
        seconds_clustering=done - read,
    )


def reference_inertia(options: argparse.Namespace, outcome: report.Outcome) -> tuple[float, float]:
    """Return scikit-learn's inertia from the same initial centres, and the seconds that it took."""
    import h5py
    from sklearn.cluster import KMeans as Reference

    with h5py.File(source(options), "r") as file:
        table: npt.NDArray[np.float64] = np.asarray(file[options.dataset], dtype=np.float64)
    table = (table - outcome.mean) / outcome.deviation
    started = perf_counter()
    reference = Reference(
        options.clusters,
        init=outcome.start,
        n_init=1,
        max_iter=options.max_iter,
        tol=TOLERANCE,
        algorithm="lloyd",
    ).fit(table)
    return float(reference.inertia_), perf_counter() - started


def finish(options: argparse.Namespace, outcome: report.Outcome, console: Console) -> int:
    """Print and draw the outcome, compare it with scikit-learn's, and return the exit status."""
    report.show(outcome, console)
    picture = options.output / "clusters.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    report.draw(outcome, picture)
    console.print(f"picture: {picture}", soft_wrap=True)
    with console.status("scikit-learn's k-means from the same initial centres"):
        inertia, seconds = reference_inertia(options, outcome)
    # Where the rows are few enough to lie on their centres, nothing but rounding is left to compare.
    scale = max(inertia, 1e-12 * outcome.shape[0] * outcome.shape[1])
    difference = abs(outcome.inertia - inertia) / scale
    agrees = difference <= AGREEMENT
    verdict = "[bold green]agree[/]" if agrees else "[bold red]differ[/]"
    console.print(
        f"scikit-learn from the same initial centres: inertia {inertia:.9g} in {seconds:.2f} s; "
        f"relative difference {difference:.1e}: they {verdict} (within {AGREEMENT:g})",
        soft_wrap=True,
    )
    return 0 if agrees else FAILED


def agreed_status(status: int, device: Device) -> int:
    """Return the greatest status of all ranks: the job's."""
    statuses = from_callback(
        (device.ranks,), lambda index: [status], dtype=xp.int64, partition=0, device=device
    )
    return int(xp.max(statuses))


def run(options: argparse.Namespace) -> int:
    """Run the job on this rank and return the exit status, the same on every rank."""
    console = Console()
    # Every rank has a processor: the first one speaks.
    is_first = Device("cpu").rank == 0
    try:
        device = Device(options.device)
        outcome = cluster(options, device)
    except (OSError, LookupError, TypeError, ValueError) as error:
        # Raised on every rank alike.
        return refused(error, console) if is_first else USAGE_ERROR
    status = 0
    if is_first:
        try:
            status = finish(options, outcome, console)
        except OSError as error:
            status = refused(error, console)
    return agreed_status(status, device)
