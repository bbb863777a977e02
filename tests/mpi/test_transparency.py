"""The functions of the namespace under mpirun: whatever the placement and the number of ranks, NumPy's answers."""

from __future__ import annotations

import copy
import ctypes
import pickle
import warnings
from typing import Any

import array_api_strict
import numpy as np
import pytest
import torch
from array_api_strict._array_object import Array as StrictArray
from cases import CASES, REFUSALS, Case, Example, Refusal, Source, assert_same, imported
from hypothesis import given, settings
from hypothesis import strategies as st
from mpi4py import MPI

import array_api_dist as xp
from array_api_dist._array import Array
from array_api_dist.device import Device
from array_api_dist.engine import scatter
from array_api_dist.kernels.dtypes import STANDARD
from array_api_dist.local import from_callback, from_local, to_local
from array_api_dist.partition import Partition, default_partition, repartition
from array_api_dist.trace import trace

array_api_strict.set_array_api_strict_flags(api_version="2025.12")

DEVICE = xp.__array_namespace_info__().default_device()
RANK, RANKS = DEVICE.rank, DEVICE.ranks
POLICIES = ["none", "first", "last", "uneven", "mixed"]


def _flat(result: Any) -> list[Any]:
    """Return the parts of nested tuples and lists, arrays as NumPy's."""
    if isinstance(result, (tuple, list)):
        return [part for each in result for part in _flat(each)]
    if isinstance(result, Array):
        return [np.asarray(result)]
    return [np.asarray(result._array)] if isinstance(result, StrictArray) else [result]


def _run(example: Example, namespace: Any) -> list[Any]:
    operands = [namespace.asarray(values.copy()) for values in example.operands]
    # NumPy warns of what the standard defines: the mean of nothing is NaN.
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return _flat((example.truth or example.call)(namespace, *operands))


@pytest.mark.parametrize("case", [case for case in CASES if case.in_strict], ids=lambda case: case.name)
@settings(max_examples=4)
@given(data=st.data())
def test_every_function_under_every_placement(case: Case, data: st.DataObject) -> None:
    example = case.draw(Source(data))
    with default_partition(data.draw(st.sampled_from(POLICIES), label="policy")):
        found = _run(example, xp)
    for ours, theirs in zip(found, _run(example, array_api_strict), strict=True):
        if isinstance(theirs, np.ndarray):
            assert_same(ours, theirs, max(case.slack, 1))
        else:
            assert ours == theirs


def _error(refusal: Refusal, policy: str) -> tuple[type[Exception], str]:
    with default_partition(policy):
        operands = [xp.asarray(values.copy()) for values in refusal.operands]
        try:
            result = refusal.call(xp, *operands)
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            return type(error), str(error)
    pytest.fail(f"{refusal.name} refused nothing, gave {result}")


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_every_refusal_is_that_of_copies(policy: str) -> None:
    for refusal in REFUSALS:
        assert _error(refusal, policy) == _error(refusal, "none")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", ["cpu", "cpu:staged"])
def test_a_program_of_many_steps(policy: str, kind: str) -> None:
    rng = np.random.default_rng(5)
    table, weights = rng.normal(size=(37, 5)), rng.normal(size=(5, 3))
    device = Device(kind)
    with default_partition(policy):
        x, w = xp.asarray(table, device=device), xp.asarray(weights, device=device)
        centred = (x - xp.mean(x, axis=0)) / xp.std(x, axis=0)
        scores = xp.tanh(centred @ w)
        best = xp.argmax(scores, axis=1)
        order = xp.argsort(scores[:, 0])
        kept = scores[best == 1]
    c = (table - table.mean(0)) / table.std(0)
    s = np.tanh(c @ weights)
    np.testing.assert_allclose(np.asarray(scores), s, rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(best), s.argmax(1))
    np.testing.assert_array_equal(np.asarray(order), s[:, 0].argsort(kind="stable"))
    np.testing.assert_allclose(np.asarray(kept), s[s.argmax(1) == 1], rtol=1e-12)


def test_looking_at_an_array_on_one_rank_communicates_nothing() -> None:
    x = repartition(xp.asarray(np.arange(12.0).reshape(6, 2)), 0)
    with trace() as seen:
        if RANK == RANKS - 1:
            assert "axis 0 in parts" in repr(x)
            assert "<table>" in x._repr_html_()
            assert (x.shape, x.ndim, x.size) == ((6, 2), 2, 12)
            twin, deep = copy.copy(x), copy.deepcopy(x)
            restored = pickle.loads(pickle.dumps(x))
            assert twin.partition == deep.partition == restored.partition == x.partition
        assert float(xp.asarray(3.5)) == 3.5
    assert seen.collectives == []


def test_a_pickled_array_is_whole_again() -> None:
    x = repartition(xp.asarray(np.arange(10)), 0)
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(x))), np.arange(10))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_slices_and_assignments_behave_as_copies(axis: int | None) -> None:
    x = repartition(xp.asarray(np.arange(20.0).reshape(5, 4)), axis)
    part, turned, same = x[1:4, :], x.T, repartition(x, axis)
    x[2, :] = -1.0
    assert float(xp.min(part)) == 4.0
    assert float(xp.min(turned)) == 0.0
    assert float(xp.min(same)) == 0.0
    part[0, :] = 100.0
    assert float(xp.max(x)) == 19.0
    alias = xp.asarray(x, copy=False)
    x[0, 0] = 50.0
    assert float(alias[0, 0]) == 50.0


@pytest.mark.parametrize("nbytes", [1, scatter.WRITTEN_NBYTES], ids=["in rounds", "at once"])
def test_an_array_that_is_its_own_key_is_written_as_if_that_were_a_copy(
    nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scatter, "WRITTEN_NBYTES", nbytes)
    order, values = np.random.default_rng(3).permutation(90), np.arange(90)[::-1]
    expected = order.copy()
    expected[order] = values
    for key in (lambda x: x, lambda x: (x,), lambda x: x[:]):
        x = repartition(xp.asarray(order), 0)
        x[key(x)] = repartition(xp.asarray(values.copy()), 0)
        np.testing.assert_array_equal(np.asarray(x), expected)
    mask = repartition(xp.asarray([True, False, True]), 0)
    mask[mask] = xp.asarray([False, True])
    np.testing.assert_array_equal(np.asarray(mask), [False, False, True])


@pytest.mark.parametrize("axis", [None, 0])
def test_numpy_gets_memory_of_its_own_unless_it_asks_for_none(axis: int | None) -> None:
    x = repartition(xp.arange(6 * RANKS), axis)
    for copied in (None, True):
        np.array(x, copy=copied)[...] = -1
    np.asarray(x)[...] = -1
    np.testing.assert_array_equal(np.asarray(x), np.arange(6 * RANKS))
    if axis is None and DEVICE.torch_device.type == "cpu":
        assert np.shares_memory(np.asarray(x, copy=False), np.asarray(x, copy=False))


@pytest.mark.parametrize("function", ["sum", "prod", "cumulative_sum", "cumulative_prod"])
def test_a_sum_in_booleans_is_refused_where_a_part_is_empty(function: str) -> None:
    x = repartition(xp.arange(7), Partition(0, (0, *(4,) * (RANKS - 1), 7)))
    with pytest.raises(TypeError, match="numeric data type, got bool"):
        getattr(xp, function)(x, dtype=xp.bool)


@pytest.mark.mpi(min_size=2)
def test_more_elements_than_64_bits_count_are_refused_where_a_part_is_empty() -> None:
    with default_partition("first"), pytest.raises(ValueError, match="at most 2"):
        xp.zeros((1, 2**40, 2**40))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_an_operator_in_place_writes_to_memory_that_nobody_else_sees(axis: int | None) -> None:
    x = repartition(xp.asarray(np.arange(1.0, 21.0).reshape(5, 4)), axis)
    x *= 2.0
    memory = x._block.local.data_ptr()
    x += xp.asarray(np.arange(4.0))
    x -= x * 0.5
    x /= x
    assert x._block.local.data_ptr() == memory
    # What another array, NumPy or torch sees stays as it is.
    part, before = x[1:4, :], np.asarray(x)
    x += 1.0
    np.testing.assert_array_equal(np.asarray(part), np.asarray(x)[1:4] - 1.0)
    np.testing.assert_array_equal(before + 1.0, np.asarray(x))
    z = xp.asarray([1.0, 2.0])
    seen = torch.from_dlpack(z)
    z += 1.0
    assert seen.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(np.asarray(z), [2.0, 3.0])
    # Nor is there memory to write to where elements share it, or where the values come from elsewhere.
    wide = xp.broadcast_to(xp.asarray([1.0, 2.0]), (3, 2))
    wide += xp.asarray([[1.0], [2.0], [3.0]])
    np.testing.assert_array_equal(np.asarray(wide), [[2, 3], [3, 4], [4, 5]])
    x = repartition(xp.asarray(np.arange(20.0).reshape(5, 4)), axis)
    x += repartition(xp.asarray(np.arange(20.0).reshape(5, 4)), 0)
    np.testing.assert_array_equal(np.asarray(x), 2 * np.arange(20.0).reshape(5, 4))
    with pytest.raises(TypeError, match="in-place"):
        z += wide


@pytest.mark.parametrize("policy", POLICIES)
def test_iterating_gives_the_rows_and_a_number_has_none(policy: str) -> None:
    values = np.arange(10.0).reshape(5, 2)
    with default_partition(policy):
        rows, numbers = list(xp.asarray(values)), list(xp.asarray(values[:, 0]))
    np.testing.assert_array_equal([np.asarray(row) for row in rows], values)
    assert [float(number) for number in numbers] == values[:, 0].tolist()
    with pytest.raises(TypeError, match="0 axes"):
        iter(xp.asarray(1.0))


def test_local_parts_become_a_global_array_and_back() -> None:
    mine = to_local(repartition(xp.arange(3 * RANKS), 0)) * 0 + RANK
    x = from_local(mine[: RANK + 1])
    assert x.shape == (sum(min(rank + 1, 3) for rank in range(RANKS)),)
    np.testing.assert_array_equal(
        np.asarray(x), [rank for rank in range(RANKS) for _ in range(min(rank + 1, 3))]
    )
    y = from_callback((7, 3), lambda index: np.arange(21.0).reshape(7, 3)[index], partition=0)
    np.testing.assert_array_equal(np.asarray(y), np.arange(21.0).reshape(7, 3))
    assert to_local(y).shape == y.partition.local_shape((7, 3), RANK)


@pytest.mark.parametrize("copy", [True, False])
def test_tensors_that_are_lazily_conjugated_or_negated_are_taken_as_their_values(copy: bool) -> None:
    values = torch.tensor([1.0 + 2.0j, 3.0 - 4.0j]).conj()
    for tensor in (values, values.imag):
        for made in (
            from_local(tensor, None, copy=copy),
            from_callback((2,), lambda index: tensor[index], dtype=STANDARD[tensor.dtype], partition=None),  # noqa: B023 - called here
        ):
            np.testing.assert_array_equal(
                np.asarray(made + made), 2 * np.asarray(tensor.resolve_neg().resolve_conj())
            )
            np.testing.assert_array_equal(
                np.asarray(xp.square(made)), np.square(np.asarray(tensor.resolve_neg().resolve_conj()))
            )


def test_errors_that_one_rank_sees_are_raised_on_all() -> None:
    def failing(index: tuple[slice, ...]) -> np.ndarray:
        if RANK == RANKS - 1:
            raise KeyError("only here")
        return np.zeros((2 * RANKS,))[index]

    with pytest.raises(KeyError, match="only here"):
        from_callback((2 * RANKS,), failing, partition=0)


@pytest.mark.mpi(min_size=2)
def test_parts_that_do_not_fit_together_are_refused_on_every_rank() -> None:
    mine = to_local(xp.zeros((2, 2))).repeat(1, 1 + RANK)
    with pytest.raises(ValueError, match="every length but that of axis 0"):
        from_local(mine)
    with pytest.raises(
        ValueError, match=r"data type and number of axes, got .*\('float32', 2\), \('float64', 2\)"
    ):
        from_local(mine if RANK else mine.to(torch.float32))


def test_partitions_that_do_not_fit_are_refused_on_every_rank() -> None:
    x = xp.zeros((4, 4))
    with pytest.raises(ValueError, match="needs an axis"):
        repartition(x, Partition(0, (0, 4)) if RANKS != 1 else Partition(0, (0, 2, 4)))
    with pytest.raises(ValueError, match="axis must lie in"):
        repartition(x, 2)


def test_arrays_of_other_ranks_do_not_mix() -> None:
    mpi = pytest.importorskip("mpi4py.MPI")
    alone = xp.ones(3, device=Device("cpu", comm=mpi.COMM_SELF))
    assert alone.device != DEVICE
    with pytest.raises(ValueError, match="one device"):
        alone + xp.ones(3)
    np.testing.assert_array_equal(np.asarray(alone.to_device(DEVICE)), np.ones(3))
    whole = repartition(xp.arange(8), 0).to_device(alone.device)
    assert whole.device == alone.device
    np.testing.assert_array_equal(np.asarray(whole), np.arange(8))


_DLPACK_KEYWORDS: list[dict[str, Any]] = [
    {**version, **device}
    for version in ({}, {"max_version": (0, 0)}, {"max_version": (1, 0)}, {"max_version": (2, 0)})
    for device in ({}, {"dl_device": (1, 0)})
]


@pytest.mark.mpi(min_size=2)
def test_what_lies_in_parts_is_exported_by_copies_only() -> None:
    x = repartition(xp.arange(2 * RANKS), 0)
    for keywords in _DLPACK_KEYWORDS:
        with pytest.raises(BufferError, match="only be exported by a copy"):
            x.__dlpack__(copy=False, **keywords)
        assert "dltensor" in str(x.__dlpack__(**keywords))
        assert "dltensor" in str(x.__dlpack__(copy=True, **keywords))
    with pytest.raises(ValueError, match="only be exported by a copy"):
        np.asarray(x, copy=False)
    whole = repartition(x, None)
    np.testing.assert_array_equal(imported(whole, copy=False), np.arange(2 * RANKS))
    np.testing.assert_array_equal(imported(x), np.arange(2 * RANKS))


def _is_marked_as_copy(capsule: object) -> bool:
    """Return DLPACK_FLAG_BITMASK_IS_COPIED: bit 1 of the flags, which follow a version and two pointers."""
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    flags = ctypes.c_uint64.from_address(pointer_of(capsule, b"dltensor_versioned") + 24).value
    return bool(flags & 2)


def test_an_exported_copy_says_that_it_is_one() -> None:
    whole = repartition(xp.arange(2 * RANKS), None)
    assert not _is_marked_as_copy(whole.__dlpack__(max_version=(1, 0)))
    assert not _is_marked_as_copy(whole.__dlpack__(max_version=(1, 0), copy=False))
    assert _is_marked_as_copy(whole.__dlpack__(max_version=(1, 0), copy=True))
    assert _is_marked_as_copy(repartition(whole, 0).__dlpack__(max_version=(1, 0))) == (RANKS > 1)
    np.testing.assert_array_equal(imported(repartition(whole, 0)), np.arange(2 * RANKS))


def test_a_view_of_another_shape_is_had_or_refused_on_every_rank() -> None:
    # The first part is empty: it has nothing that a copy would be needed for.
    bounds = (0, *[0] * (RANKS > 1), *[2 + part for part in range(RANKS - 1)], 2 + RANKS)[: RANKS + 1]
    x = repartition(xp.zeros((bounds[-1], 4, 3)), Partition(0, bounds))
    assert xp.reshape(x, (bounds[-1], 12), copy=False).shape == (bounds[-1], 12)
    with pytest.raises(ValueError, match="needs a copy, got copy=False"):
        xp.reshape(xp.permute_dims(x, (0, 2, 1)), (bounds[-1], 12), copy=False)


def test_a_lone_rank_has_every_view() -> None:
    device = Device(DEVICE.kind, comm=MPI.COMM_SELF)
    for placement in ("none", "first", "last"):
        with default_partition(placement):
            x = xp.zeros((2, 3, 4), device=device)
            for shape in ((24,), (6, 4), (2, 12), (4, 6), (2, 3, 4, 1)):
                assert xp.reshape(x, shape, copy=False).shape == shape


@pytest.mark.mpi(min_size=2)
def test_what_would_move_is_refused_before_it_does() -> None:
    x = repartition(xp.zeros((4 * RANKS, 6)), Partition.even(0, 4 * RANKS, RANKS))
    turned = repartition(x, 1)
    with trace() as seen, pytest.raises(ValueError, match="needs a copy, got copy=False"):
        xp.reshape(turned, (-1,), copy=False)
    assert seen.totals.messages == 0


def test_the_counts_of_a_repetition_are_agreed_on_where_ranks_see_different_ones() -> None:
    x, counts = repartition(xp.arange(2 * RANKS), None), xp.asarray([1, 2] * RANKS)
    for axis, agreements in ((None, 0), (0, 1)):
        with trace() as seen:
            found = xp.repeat(repartition(x, axis), counts)
        np.testing.assert_array_equal(imported(found), np.repeat(np.arange(2 * RANKS), [1, 2] * RANKS))
        assert sum(row.calls for row in seen.collectives if row.collective == "agree") == agreements
