"""Lockstep: before every collective the ranks compare what they are about to do, and fail together if they differ."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from hashlib import blake2b
from types import FrameType
from typing import Final

import torch

LOCKSTEP_VARIABLE: Final = "ARRAY_API_DIST_LOCKSTEP"
_DIGEST_NBYTES: Final = 16
_INSIDE: Final = ("array_api_dist.collectives", "array_api_dist.engine", "array_api_dist._")


def is_lockstep_wanted() -> bool:
    """Return whether the environment asks for lockstep."""
    return os.environ.get(LOCKSTEP_VARIABLE, "") == "1"


def _call_site() -> str:
    """Return file and line of the first frame outside the package's inner rooms."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame = frame.f_back
    return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Lockstep:
    """Compares the ranks' next steps.

    Parameters
    ----------
    rank : int
    allgather : callable
        ``allgather(bytes, counts) -> bytes of all ranks``.
    """

    def __init__(self, rank: int, allgather: Callable[[torch.Tensor, Sequence[int]], torch.Tensor]) -> None:
        self._rank = rank
        self._allgather = allgather

    def check(self, collective: str, tensors: Sequence[torch.Tensor], detail: object) -> None:
        """Raise RuntimeError on every rank unless all are about to do the same at the same place."""
        facts = ", ".join(f"{tensor.dtype} {tuple(tensor.shape)}" for tensor in tensors)
        self._compare(f"{collective}({facts}; {detail}) at {_call_site()}", "next step")

    def check_replicated(self, tensor: torch.Tensor, what: str) -> None:
        """Raise RuntimeError on every rank unless ``tensor`` has the same bytes on all."""
        data = bytes(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).tolist())
        self._compare(f"{what} with digest {blake2b(data, digest_size=8).hexdigest()}", "replicated value")

    def _compare(self, text: str, what: str) -> None:
        digest = blake2b(text.encode(), digest_size=_DIGEST_NBYTES).digest()
        mine = torch.frombuffer(bytearray(digest), dtype=torch.uint8)
        # How many there are is known to the transport alone: one count a rank.
        every = self._allgather(mine, ())
        digests = [bytes(row) for row in every.reshape(-1, _DIGEST_NBYTES).tolist()]
        if all(other == digests[0] for other in digests):
            return
        raise RuntimeError(
            f"the ranks are out of step: rank {self._rank}'s {what} is {text}; {self._told(text, len(digests))}"
        )

    def _told(self, text: str, ranks: int) -> str:
        width = 512
        data = torch.zeros(width, dtype=torch.uint8)
        encoded = text.encode()[:width]
        data[: len(encoded)] = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
        rows = self._allgather(data, ()).reshape(ranks, width).tolist()
        texts = [bytes(row).rstrip(b"\0").decode(errors="replace") for row in rows]
        return "; ".join(f"rank {rank}: {each}" for rank, each in enumerate(texts))
