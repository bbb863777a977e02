"""Every function under drawn partitions: equal to itself on one rank (law 1), and to array_api_strict.

An example is reproducible: Hypothesis prints it whole, and the data follow from the integers it draws.
"""

from __future__ import annotations

import warnings
from typing import Any

import array_api_strict
import numpy as np
import pytest
from cases import CASES, Case, Example, Values, assert_same
from harness import joined, on_ranks, partitions_of
from hypothesis import given, settings
from hypothesis import strategies as st

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._device import Device, default_device_set
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.partition import default_partition

array_api_strict.set_array_api_strict_flags(api_version="2025.12")


def _arrays(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def evaluate(
    example: Example, ranks: int, partitions: list[Partition], policy: str
) -> tuple[list[Values], list[str]] | tuple[type, str]:
    """Return the whole results and their data types, or the type and message of the error."""

    def body(device: Device) -> Any:
        with default_device_set(device), default_partition(policy):
            operands = []
            for values, partition in zip(example.operands, partitions, strict=True):
                whole = xp.asarray(values.copy(), device=device)._block
                operands.append(Array._from_block(redistribute(redistribute(whole, REPLICATED), partition)))
            try:
                return [array._block for array in _arrays(example.call(xp, *operands))]
            except (TypeError, ValueError, IndexError, OverflowError) as error:
                return type(error), str(error)

    results = on_ranks(ranks, body)
    if isinstance(results[0], tuple):
        assert all(result == results[0] for result in results), results
        return results[0]
    blocks = [joined([result[k] for result in results]) for k in range(len(results[0]))]
    return [block.resolve_conj().numpy() for block in blocks], [
        str(block.dtype).removeprefix("torch.") for block in blocks
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=12)
@given(data=st.data())
def test_partitions_change_nothing(case: Case, data: st.DataObject) -> None:
    example = case.draw(data)
    ranks = data.draw(st.integers(1, 5), label="ranks")
    partitions = [
        data.draw(st.sampled_from(partitions_of(values.shape, ranks)), label="partition")
        for values in example.operands
    ]
    policy = data.draw(st.sampled_from(["none", "first", "last", "uneven", "mixed"]), label="policy")
    found = evaluate(example, ranks, partitions, policy)
    alone = evaluate(example, 1, [REPLICATED] * len(example.operands), "none")
    if isinstance(alone[0], type):
        assert found == alone
        return
    assert not isinstance(found[0], type), found
    assert found[1] == alone[1]
    for ours, truth in zip(found[0], alone[0], strict=True):
        assert_same(ours, truth)


# Where array_api_strict refuses what the standard allows, or NumPy deviates from the standard.
REFUSED_BY_STRICT = {"getitem", "setitem", "setmask", "repeat", "isin"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name not in REFUSED_BY_STRICT], ids=lambda case: case.name
)
@settings(max_examples=12)
@given(data=st.data())
def test_results_are_those_of_array_api_strict(case: Case, data: st.DataObject) -> None:
    example = case.draw(data)
    ours = evaluate(
        example,
        2,
        [Partition.even(0, v.shape[0], 2) if v.ndim else REPLICATED for v in example.operands],
        "first",
    )
    # NumPy warns of what the standard defines: the mean of nothing is NaN.
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        theirs = _arrays(
            example.call(array_api_strict, *(array_api_strict.asarray(v.copy()) for v in example.operands))
        )
    assert not isinstance(ours[0], type), ours
    assert ours[1] == [str(array.dtype).rpartition(".")[2] for array in theirs]
    for found, truth in zip(ours[0], theirs, strict=True):
        assert_same(found, np.asarray(truth._array))
