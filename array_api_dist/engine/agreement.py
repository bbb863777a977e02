"""Errors in values, which one rank may see alone."""

from __future__ import annotations

from array_api_dist._block import Block


def agreed(block: Block, error: Exception | None) -> None:
    """Raise ``error``, of values of ``block``, on every rank if one rank has one.

    Communication: one agreement, none for copies: all ranks see the same in them.
    """
    if block.partition.axis is not None:
        block.communicator.agree(error)
    elif error is not None:
        raise error
