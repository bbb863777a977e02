"""How an array looks: from this rank's part and the global facts alone, so that looking never communicates."""

from __future__ import annotations

from html import escape
from typing import Final

import numpy as np

from array_api_dist._block import Block
from array_api_dist._partition import Partition

_PARTS_SHOWN: Final = 8


def sketch(partition: Partition, rank: int) -> str:
    """Return a partition in words: the axis, the parts' lengths, and what ``rank`` holds."""
    if partition.axis is None:
        return "replicated"
    counts = [str(count) for count in partition.counts]
    if len(counts) > _PARTS_SHOWN:
        half = _PARTS_SHOWN // 2
        counts = [*counts[:half], "…", *counts[-half:]]
    start, stop = partition.interval(rank)
    return f"axis {partition.axis} in parts {'|'.join(counts)}, rank {rank} holds [{start}, {stop})"


def _values(block: Block) -> str:
    local = block.local.detach().resolve_conj().resolve_neg().cpu().numpy()
    return np.array2string(local, separator=", ", threshold=60, edgeitems=3, max_line_width=100)


def text(block: Block) -> str:
    """Return the ``repr`` of an array."""
    indent = " " * len("Array(")
    values = _values(block).replace("\n", "\n" + indent)
    if block.partition.axis is None:
        return f"Array({values}, dtype={block.dtype}, shape={block.shape}, device={block.device})"
    return (
        f"Array({values},\n{indent}dtype={block.dtype}, shape={block.shape}, device={block.device},\n"
        f"{indent}partition={sketch(block.partition, block.device.rank)})"
    )


def html(block: Block) -> str:
    """Return an array as an HTML table: the facts, a bar of the parts, and this rank's values."""
    facts = {
        "shape": str(block.shape),
        "data type": str(block.dtype),
        "device": str(block.device),
        "partition": sketch(block.partition, block.device.rank),
        "bytes": f"{block.nbytes:,} in all, {block.local.numel() * block.local.element_size():,} here",
    }
    rows = "".join(
        f"<tr><th style='text-align:left'>{name}</th><td>{escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return (
        f"<div><table>{rows}<tr><th style='text-align:left'>parts</th><td>{_bar(block)}</td></tr></table>"
        f"<pre>{escape(_values(block))}</pre></div>"
    )


def _bar(block: Block) -> str:
    """Return a bar with one box a rank, as wide as its part, this rank's filled."""
    counts = block.partition.counts or (1,)
    whole = max(sum(counts), 1)
    here = block.device.rank if block.partition.axis is not None else 0
    boxes = "".join(
        f"<span style='display:inline-block;height:1em;border:1px solid #0072b2;width:{12 * count / whole:.2f}em;"
        f"background:{'#0072b2' if rank == here else 'none'}'></span>"
        for rank, count in enumerate(counts)
    )
    return f"<span style='white-space:nowrap'>{boxes}</span>"
