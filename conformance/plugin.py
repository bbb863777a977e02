"""A pytest plugin beside `conformance.lockstep` for the official suite.

It counts the arrays that are really spread, and makes the partitions of an example the same whenever it is run again.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Generator
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import Any, Final
from zlib import crc32

import pytest
from hypothesis import register_random

from conformance.lockstep import import_all

MODULE_VARIABLE: Final = "ARRAY_API_TESTS_MODULE"


class Spread:
    """How many arrays were made, how many had two elements or more, and how many had them on at least two ranks."""

    __slots__ = ("arrays", "spread", "spreadable")

    def __init__(self) -> None:
        self.arrays = self.spreadable = self.spread = 0

    def watch(self, array_class: Any) -> None:
        """Count every array that is made from a block from now on; the package itself has no counter."""
        make = array_class._from_block

        def counting(block: Any) -> Any:
            self.arrays += 1
            self.spreadable += prod(block.shape) >= 2
            self.spread += is_spread(block.partition, block.shape)
            return make(block)

        array_class._from_block = counting

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """Hand the counts of a test over with its report."""
        item.user_properties += [(name, getattr(self, name)) for name in self.__slots__]
        self.arrays = self.spreadable = self.spread = 0
        yield


class Serials:
    """The number that the policy ``mixed`` hashes, made a random state that Hypothesis sets before every example.

    Without this a failing example would meet other partitions when Hypothesis runs it again, to shrink or to show it.
    """

    def __init__(self, serials: Any) -> None:
        self._serials = serials
        self._base = 0

    def seed(self, seed: int) -> None:
        """Start over at the number of the test."""
        self._serials.start = self._base + seed
        self._serials.counts.clear()

    def getstate(self) -> tuple[int, dict[Any, int]]:
        """Return the numbers."""
        return self._serials.start, dict(self._serials.counts)

    def setstate(self, state: tuple[int, dict[Any, int]]) -> None:
        """Go on from numbers."""
        self._serials.start, counts = state
        self._serials.counts.clear()
        self._serials.counts.update(counts)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Give every test numbers of its own, so that tests meet different partitions."""
        self._base = crc32(item.nodeid.encode())
        self.seed(0)


@lru_cache(maxsize=1 << 16)
def is_spread(partition: Any, shape: tuple[int, ...]) -> bool:
    """Return whether at least two ranks hold elements."""
    if partition.axis is None or 0 in shape:
        return False
    bounds: tuple[int, ...] = partition.bounds
    return sum(start < stop for start, stop in pairwise(bounds)) >= 2


def watch_package(config: pytest.Config, package: str) -> None:
    """Load all of a package, and count its arrays if they lie in parts."""
    import_all(package)
    if f"{package}._array" in sys.modules:
        spread = Spread()
        spread.watch(importlib.import_module(f"{package}._array").Array)
        config.pluginmanager.register(spread, "spread-counter")
        serials = Serials(importlib.import_module(f"{package}.partition")._serials)
        config.pluginmanager.register(serials, "serials")
        register_random(serials)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the package that the official suite tests."""
    watch_package(config, os.environ[MODULE_VARIABLE])
