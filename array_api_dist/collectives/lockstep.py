"""Lockstep: before every collective the ranks compare what they are about to do, and fail together if they differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from hashlib import blake2b
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import EllipsisType, FrameType
from typing import Any, Final

import numpy as np
import torch

from array_api_dist._dtypes import DType
from array_api_dist._environment import is_switched_on
from array_api_dist._partition import Partition
from array_api_dist.collectives.instrument import REDIRECTION_FILE

LOCKSTEP_VARIABLE: Final = "ARRAY_API_DIST_LOCKSTEP"
_DIGEST_NBYTES: Final = 16
_TOLD_NBYTES: Final = 1 << 11
"""Of a step so much is told to the other ranks once they differ; all of it is compared."""

_PACKAGE: Final = "array_api_dist."
_INNER: Final = ("array_api_dist.collectives", "array_api_dist.engine", "array_api_dist.kernels")
_OWN_ARGUMENTS: Final = frozenset({"path"})
"""What a rank may have of its own: a node's storage may have another name."""

_LISTED: Final = 64
"""The elements of longer sequences are not described: they are values, which have a digest of their own."""

_PLAIN: Final = (bool, int, float, complex, str, type(None), EllipsisType, DType, Partition)


def is_lockstep_wanted() -> bool:
    """Return whether the environment asks for lockstep."""
    return is_switched_on(LOCKSTEP_VARIABLE)


def _described(value: Any) -> str:
    """Return what all ranks know of an argument: never the values of an array, and nothing of a rank's own tensor."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, slice):
        return f"{_described(value.start)}:{_described(value.stop)}:{_described(value.step)}"
    name = type(value).__name__
    if isinstance(value, (tuple, list)):
        is_long = len(value) > _LISTED
        return f"{name} of {len(value)}" if is_long else f"[{', '.join(map(_described, value))}]"
    if type(value).__module__.startswith(_PACKAGE) and hasattr(value, "partition"):
        return f"{name}({value.shape}, {value.dtype}, {value.partition})"
    return name


def _given(frame: FrameType) -> str:
    """Return the arguments of the function that ``frame`` runs, as ``_described``."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    values = frame.f_locals
    told = [
        f"{name}={_described(values[name])}"
        for name in code.co_varnames[:count]
        if name in values and name not in _OWN_ARGUMENTS
    ]
    if isinstance(values, dict):
        # The frame keeps it, and copy on write counts who has a block.
        values.clear()
    return ", ".join(told)


def _under_way() -> str:
    """Return the public function under way, with what all ranks know of its arguments, and the line that called it."""
    frame: FrameType | None = sys._getframe(1)
    outermost: FrameType | None = None
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        # A trace, which one rank alone may have open, puts a function in front of each.
        if frame.f_code.co_filename != REDIRECTION_FILE:
            outermost = frame
        frame = frame.f_back
    site = "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
    if outermost is None or outermost.f_globals["__name__"].startswith(_INNER):
        return f"at {site}"
    return f"in {outermost.f_code.co_qualname}({_given(outermost)}) at {site}"


class Lockstep:
    """Compares the ranks' next steps.

    Parameters
    ----------
    allgather : callable
        ``allgather(bytes, counts) -> bytes of all ranks``.
    """

    def __init__(self, allgather: Callable[[torch.Tensor, Sequence[int]], torch.Tensor]) -> None:
        self._allgather = allgather

    def check(self, collective: str, tensors: Sequence[torch.Tensor], detail: object) -> None:
        """Raise RuntimeError on every rank unless all are about to do the same at the same place."""
        facts = ", ".join(f"{tensor.dtype} {tuple(tensor.shape)}" for tensor in tensors)
        self._compare(f"{collective}({'; '.join(filter(None, (facts, str(detail))))}) {_under_way()}")

    def check_alike(self, step: str, replicated: Sequence[torch.Tensor]) -> None:
        """Raise RuntimeError on every rank unless all are at the same place, with the same bytes of ``replicated``."""
        facts = ", ".join(
            f"{tensor.dtype} {tuple(tensor.shape)} with digest {_digest_of(tensor)}" for tensor in replicated
        )
        self._compare(f"{step}({facts}) {_under_way()}")

    def check_end(self) -> None:
        """Raise RuntimeError on every rank unless all have come to the end of the program."""
        self._compare("the end of the program")

    def _compare(self, text: str) -> None:
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_NBYTES).digest()
        mine = torch.frombuffer(bytearray(digest), dtype=torch.uint8)
        # How many there are is known to the transport alone: one count a rank.
        every = self._allgather(mine, ())
        digests = [bytes(row) for row in every.reshape(-1, _DIGEST_NBYTES).tolist()]
        if any(other != digests[0] for other in digests):
            raise RuntimeError(f"the ranks are out of step: {self._told(text, len(digests))}")

    def _told(self, text: str, ranks: int) -> str:
        data = torch.zeros(_TOLD_NBYTES, dtype=torch.uint8)
        encoded = text.encode(errors="backslashreplace")[:_TOLD_NBYTES]
        data[: len(encoded)] = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
        rows = self._allgather(data, ()).reshape(ranks, _TOLD_NBYTES).tolist()
        steps: dict[str, list[int]] = {}
        for rank, row in enumerate(rows):
            steps.setdefault(bytes(row).rstrip(b"\0").decode(errors="replace"), []).append(rank)
        return "; ".join(
            f"rank{'s' if len(at) > 1 else ''} {', '.join(map(str, at))}: {step}"
            for step, at in steps.items()
        )


def _digest_of(tensor: torch.Tensor) -> str:
    values = tensor.detach().cpu().resolve_conj().resolve_neg()
    return blake2b(values.numpy().tobytes(), digest_size=8).hexdigest()
