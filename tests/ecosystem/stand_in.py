"""A pytest plugin that lets array_api_dist stand in for array_api_strict in scikit-learn's and array-api-extra's tests.

Nothing of those tests is copied or changed: where they name array_api_strict, they get array_api_dist, and what is run
are the tests that do. Its `device1`, which is not the default one, is the host whose memory MPI may not touch.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from functools import wraps
from types import CodeType
from typing import Any, Final
from zlib import crc32

import numpy as np
import pytest

from conformance.plugin import watch_package

NAMESPACE_VARIABLE: Final = "ECOSYSTEM_NAMESPACE"
LIBRARY_VARIABLE: Final = "ECOSYSTEM_LIBRARY"

STRICT: Final = "array_api_strict"
NAMESPACE: Final = os.environ.get(NAMESPACE_VARIABLE, "array_api_dist")

_DEVICES: Final = {"CPU_DEVICE": "cpu", "device1": "cpu:staged"}


def device_named(name: Any) -> Any:
    """Return the device that stands for one of array_api_strict's; what is a device already stays."""
    if not isinstance(name, str):
        return name
    if NAMESPACE == STRICT:
        return importlib.import_module(STRICT).Device(name)
    return importlib.import_module(f"{NAMESPACE}.device").Device(_DEVICES.get(name, name))


# ---- scikit-learn


def stand_in_for_scikit_learn() -> None:
    """Let scikit-learn's lists of namespaces name ``NAMESPACE``; call before its tests are imported."""
    array_api = importlib.import_module("sklearn.utils._array_api")
    testing = importlib.import_module("sklearn.utils._testing")
    if "sklearn.utils.estimator_checks" in sys.modules:
        raise RuntimeError("scikit-learn's checks must be imported after this plugin: they keep its lists")
    combinations = array_api.yield_namespace_device_dtype_combinations
    pairs = array_api.yield_mixed_namespace_input_permutations
    for_tests = testing._array_api_for_tests
    max_precision = array_api._max_precision_float_dtype
    side = array_api.NamespaceAndDevice

    def renamed(name: str) -> str:
        return NAMESPACE if name == STRICT else name

    @wraps(combinations)
    def yield_combinations(*args: Any, **kwargs: Any) -> Iterator[tuple[str, Any, Any]]:
        for name, device, dtype in combinations(*args, **kwargs):
            yield renamed(name), device, dtype

    @wraps(pairs)
    def yield_pairs() -> Iterator[tuple[Any, Any, str]]:
        for one, other, words in pairs():
            yield side(renamed(one.xp), one.device), other, words.replace(STRICT, NAMESPACE)
        # scikit-learn has one pair without a graphics card; these are the other directions.
        own = side(NAMESPACE, "device1")
        for one, other in (
            (side("numpy", None), own),
            (own, side("numpy", None)),
            (side("torch", "cpu"), own),
        ):
            yield one, other, f"{one.xp} to {other.xp}"

    @wraps(for_tests)
    def array_api_for_tests(name: str, device_name: Any = None, dtype_name: Any = None) -> tuple[Any, Any]:
        if name not in {STRICT, NAMESPACE}:
            return for_tests(name, device_name, dtype_name)
        xp, _ = for_tests(NAMESPACE, None, dtype_name)
        return xp, device_named(device_name)

    @wraps(max_precision)
    def max_precision_of(xp: Any, device: Any) -> Any:
        # Checks also ask with the name of a device: array_api_strict takes either.
        return max_precision(xp, device_named(device) if xp.__name__ == NAMESPACE else device)

    array_api._max_precision_float_dtype = max_precision_of
    array_api.yield_namespace_device_dtype_combinations = yield_combinations
    array_api.yield_mixed_namespace_input_permutations = yield_pairs
    testing._array_api_for_tests = array_api_for_tests
    if NAMESPACE != STRICT:
        # Some tests import array_api_strict by its name.
        sys.modules[STRICT] = importlib.import_module(NAMESPACE)


def _names_in(value: object) -> Iterator[str]:
    """Yield the names of namespaces in a parameter: a string, a pair with a device, or a check's arguments."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _names_in(part)
    elif isinstance(getattr(value, "keywords", None), dict):
        yield from _names_in(list(value.keywords.values()))


def _literals(code: CodeType) -> Iterator[object]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _literals(constant)
        else:
            yield constant


def is_scikit_learns_check(item: pytest.Item) -> bool:
    """Return whether a test of scikit-learn's is run with the namespace that stands in."""
    namespaces = {*importlib.import_module("sklearn.utils._array_api").yield_namespaces(), NAMESPACE}
    callspec = getattr(item, "callspec", None)
    named = {name for value in callspec.params.values() for name in _names_in(value)} if callspec else set()
    if named & namespaces:
        return bool(named & {STRICT, NAMESPACE})
    function = getattr(item, "function", None)
    return function is not None and STRICT in _literals(function.__code__)


# ---- array-api-extra


def stand_in_for_array_api_extra() -> None:
    """Let array-api-extra's backend array_api_strict be ``NAMESPACE``; call before its tests are imported."""
    if NAMESPACE == STRICT:
        return
    module = importlib.import_module(NAMESPACE)
    # What its fixtures call of array_api_strict beside the standard.
    vars(module)["Device"] = device_named
    vars(module)["set_array_api_strict_flags"] = lambda **_: None
    sys.modules[STRICT] = module


def is_array_api_extras_check(item: pytest.Item) -> bool:
    """Return whether a test of array-api-extra's is run with the namespace that stands in."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(
        getattr(value, "name", None) == "ARRAY_API_STRICT" for value in callspec.params.values()
    )


# ---- pytest

_LIBRARIES: Final = {
    "scikit-learn": (stand_in_for_scikit_learn, is_scikit_learns_check),
    "scipy": (lambda: None, lambda _: True),
    "array-api-extra": (stand_in_for_array_api_extra, is_array_api_extras_check),
}
_stand_in, _is_check = _LIBRARIES[os.environ[LIBRARY_VARIABLE]]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: Sequence[str]) -> None:
    """Change the lists before a conftest imports what keeps them."""
    _stand_in()


def pytest_configure(config: pytest.Config) -> None:
    """Count the arrays that are spread."""
    config.addinivalue_line("markers", "thread_unsafe: array-api-extra's, for pytest-run-parallel")
    watch_package(config, NAMESPACE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that run with the namespace."""
    kept = [item for item in items if _is_check(item)]
    dropped = [item for item in items if not _is_check(item)]
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


_default_rng: Final = np.random.default_rng


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start every test with the same random state on every rank, whichever tests ran before."""
    seed = crc32(item.nodeid.encode())
    np.random.seed(seed)  # noqa: NPY002 - the one that scikit-learn falls back to
    # Some tests of array-api-extra's ask for other numbers every time: ranks must get the same.
    np.random.default_rng = lambda given=None: _default_rng(seed if given is None else given)
