"""Every function under drawn partitions: equal to itself on one rank (law 1), and to array_api_strict.

Hypothesis prints an example whole, and its data follow from the integers that it draws; the header says how the examples
were chosen: `pytest --hypothesis-seed 7` chooses others, the same again for the same seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import array_api_strict
import numpy as np
import pytest
from cases import (
    CASES,
    REFUSALS,
    Case,
    Refusal,
    Source,
    Values,
    assert_identical,
    assert_same,
    assert_same_but_the_last_bit,
)
from harness import joined, nothing_small, on_ranks, partitions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from standard import ATTRIBUTES, FFT, FUNCTIONS, LINALG, METHODS

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist._block import Block
from array_api_dist._device import Device, default_device_set
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist.engine.redistribution import redistribute
from array_api_dist.partition import default_partition

array_api_strict.set_array_api_strict_flags(api_version="2025.12")

POLICIES = ["none", "first", "last", "uneven", "mixed"]

# Arrays of some ten elements take the ways of large ones, too.
SIZES = [nullcontext, nothing_small]

NAMES = [
    *FUNCTIONS,
    *(f"linalg.{name}" for name in LINALG),
    *(f"fft.{name}" for name in FFT),
    *METHODS,
    *ATTRIBUTES,
    "__array_namespace_info__",
]


def test_every_name_of_the_standard_has_a_case() -> None:
    assert {case.name for case in CASES} == set(NAMES)


# No argument is wrong, or none can be: these take any object, or nothing.
TOTAL = {
    "__eq__",
    "__ne__",
    "__dlpack__",
    "__dlpack_device__",
    "__array_namespace_info__",
    "device",
    "dtype",
    "ndim",
}


def test_every_function_that_can_refuse_has_a_refusal() -> None:
    refused = {refusal.name for refusal in REFUSALS}
    operators = {name for name in METHODS if name.startswith("__")}
    assert set(NAMES) - refused - operators <= TOTAL | {"shape", "size"}


def flat(result: Any) -> list[Any]:
    """Return the parts of nested tuples and lists."""
    if isinstance(result, (tuple, list)):
        return [part for each in result for part in flat(each)]
    return [result]


def evaluate(
    operands: Sequence[Values],
    call: Callable[..., Any],
    partitions: Sequence[Partition],
    policy: str,
    ranks: int,
) -> list[Any]:
    """Return the parts of the result, arrays whole, or the type and message of the error."""

    def body(device: Device) -> list[Any]:
        with default_device_set(device), default_partition(policy):
            given = []
            for values, partition in zip(operands, partitions, strict=True):
                whole = xp.asarray(values.copy(), device=device)._block
                given.append(Array._from_block(redistribute(redistribute(whole, REPLICATED), partition)))
            try:
                found = flat(call(xp, *given))
            except (TypeError, ValueError, IndexError, OverflowError, BufferError) as error:
                return [type(error), str(error)]
            return [part._block if isinstance(part, Array) else part for part in found]

    results = [list(parts) for parts in zip(*on_ranks(ranks, body), strict=True)]
    return [whole_of(parts) for parts in results]


def whole_of(parts: list[Any]) -> Any:
    if isinstance(parts[0], Block):
        return joined(parts).resolve_conj().numpy()
    for part in parts[1:]:
        assert_equal(part, parts[0])
    return parts[0]


def assert_equal(found: Any, expected: Any, case: Case | None = None) -> None:
    """Hold a part of a result to another: to every bit, unless the case allows for roundings."""
    if not isinstance(expected, np.ndarray):
        assert type(found) is type(expected)
        assert found == expected or (found != found and expected != expected)  # noqa: PLR0124 - NaN
    elif case is not None and case.slack:
        assert_same(found, expected, case.slack)
    elif case is not None and case.last_bit:
        assert_same_but_the_last_bit(found, expected)
    else:
        assert_identical(found, expected)


def drawn_partitions(source: Source, operands: Sequence[Values], ranks: int) -> list[Partition]:
    return [
        source.draw(st.sampled_from(partitions_of(values.shape, ranks)), "partition") for values in operands
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=16)
@given(data=st.data())
def test_partitions_change_nothing(case: Case, data: st.DataObject) -> None:
    source = Source(data, wild=True)
    example = case.draw(source)
    ranks, policy = (
        source.draw(st.sampled_from([2, 3, 4, 5, 1]), "ranks"),
        source.draw(st.sampled_from(POLICIES), "policy"),
    )
    partitions = drawn_partitions(source, example.operands, ranks)
    with source.draw(st.sampled_from(SIZES), "sizes")():
        found = evaluate(example.operands, example.call, partitions, policy, ranks)
    alone = evaluate(example.operands, example.call, [REPLICATED] * len(partitions), "none", 1)
    assert len(found) == len(alone), (found, alone)
    for ours, theirs in zip(found, alone, strict=True):
        assert_equal(ours, theirs, case)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
@settings(max_examples=3)
@given(data=st.data())
def test_partitions_change_no_error(refusal: Refusal, data: st.DataObject) -> None:
    source = Source(data)
    ranks, policy = source.number(2, 5, "ranks"), source.draw(st.sampled_from(POLICIES), "policy")
    partitions = drawn_partitions(source, refusal.operands, ranks)
    with source.draw(st.sampled_from(SIZES), "sizes")():
        found = evaluate(refusal.operands, refusal.call, partitions, policy, ranks)
    alone = evaluate(refusal.operands, refusal.call, [REPLICATED] * len(partitions), "none", 1)
    assert isinstance(found[0], type), f"refused nothing, gave {found}"
    assert found == alone


@pytest.mark.parametrize("case", [case for case in CASES if case.in_strict], ids=lambda case: case.name)
@settings(max_examples=8)
@given(data=st.data())
def test_results_are_those_of_array_api_strict(case: Case, data: st.DataObject) -> None:
    source = Source(data)
    example = case.draw(source)
    call = example.truth or example.call
    ours = evaluate(
        example.operands,
        call,
        drawn_partitions(source, example.operands, 2),
        source.draw(st.sampled_from(POLICIES)),
        2,
    )
    # NumPy warns of what the standard defines: the mean of nothing is NaN.
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        theirs = flat(call(array_api_strict, *(array_api_strict.asarray(v.copy()) for v in example.operands)))
    assert len(ours) == len(theirs), (ours, theirs)
    for found, truth in zip(ours, theirs, strict=True):
        if isinstance(truth, array_api_strict._array_object.Array):
            assert_same(found, np.asarray(truth._array), max(case.slack, 1))
        else:
            assert_equal(found, truth, case)
