"""Letting the recorder see the calls of public functions, at no cost while no trace is open.

A wrapper around every function would cost a call for good, and replacing names in modules would miss those imported
before. So the functions themselves are switched: while a trace is open anywhere in the process, each has the code of
``_redirected``, which calls a twin that has the function's own code.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from array_api_dist.collectives.recorder import RECORDER, operation

PACKAGE: Final = "array_api_dist."
PUBLIC_ENDINGS: Final = ("_functions", ".linalg", ".fft", ".io", ".local", ".partition")
NAMESPACES: Final = ("linalg", "fft")

NOT_OPERATIONS: Final = frozenset(
    {"__init__", "__repr__", "__len__", "__array_namespace__", "__dlpack_device__", "default_partition"}
)
"""What only shows an array, answers from its metadata, or opens a context."""


def _redirected(*args: Any, **kwargs: Any) -> Any:
    traced: Any = "the constant in whose place each function has its Traced"
    return traced(*args, **kwargs)


REDIRECTION_FILE: Final = _redirected.__code__.co_filename
"""Where frames of the redirection say that they come from."""


class Traced:
    """A public function whose calls are counted while a trace is open."""

    __slots__ = ("_code", "_function", "_name", "_own_code", "_signature", "_twin")

    def __init__(self, name: str, function: FunctionType) -> None:
        self._name = name
        self._function = function
        self._own_code = function.__code__
        self._twin = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__
        )
        self._twin.__kwdefaults__ = function.__kwdefaults__
        self._signature = inspect.signature(function)
        self._code = self._redirection()

    def _redirection(self) -> CodeType:
        code = _redirected.__code__
        constants = tuple(self if isinstance(each, str) else each for each in code.co_consts)
        return code.replace(
            co_consts=constants, co_name=self._own_code.co_name, co_qualname=self._own_code.co_qualname
        )

    def switch(self, *, on: bool) -> None:
        """Let calls pass through here, or not."""
        self._function.__code__ = self._code if on else self._own_code
        # Else it would be read from the redirection's code.
        if on:
            vars(self._function)["__signature__"] = self._signature
        else:
            vars(self._function).pop("__signature__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function's own code, counting it where it is an outermost call."""
        if not RECORDER.is_wanted():
            return self._twin(*args, **kwargs)
        with operation(self._name):
            return self._twin(*args, **kwargs)


def _functions_of(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Yield the public functions that a module defines, by the names that rows give them."""
    prefix = f"{short}." if (short := module.__name__.removeprefix(PACKAGE)) in NAMESPACES else ""
    for name in module.__all__:
        found = getattr(module, name)
        if isinstance(found, FunctionType) and found.__module__ == module.__name__:
            yield prefix + name, found


def _methods_of(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the public methods, operators and computed attributes of the array class."""
    for name, member in vars(kind).items():
        found = member.fget if isinstance(member, property) and name in {"T", "mT"} else member
        is_private = name.startswith("_") and not name.startswith("__")
        if isinstance(found, FunctionType) and not is_private:
            yield name, found


def operations() -> dict[str, FunctionType]:
    """Return the public functions and methods of what is imported of the package, by name."""
    found: dict[str, FunctionType] = {}
    # A copy: an import on another thread may add to it.
    for name, module in list(sys.modules.items()):
        if name.startswith(PACKAGE) and name.endswith(PUBLIC_ENDINGS):
            found |= _functions_of(module)
        elif name == f"{PACKAGE}_array":
            found |= _methods_of(module.Array)
    return {name: function for name, function in found.items() if name not in NOT_OPERATIONS}


class Switch:
    """Turns the counting of calls on with the first open trace of the process, and off with the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._traced: dict[str, Traced] = {}
        self._modules = 0

    def enter(self) -> None:
        """Count calls from here on."""
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._look_around()
            for traced in self._traced.values():
                traced.switch(on=True)

    def _look_around(self) -> None:
        """Take in what was imported since the last time."""
        if len(sys.modules) == self._modules:
            return
        self._modules = len(sys.modules)
        for name, function in operations().items():
            if name not in self._traced:
                self._traced[name] = Traced(name, function)

    def leave(self) -> None:
        """Count no more, unless another trace is open."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for traced in self._traced.values():
                    traced.switch(on=False)


SWITCH: Final = Switch()
