"""Every case of the benchmarks gives the right result, on any number of ranks: correctness on tiny sizes, not time."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import array_api_dist as xp
import array_api_dist_ml as ml
from array_api_dist.device import default_device
from array_api_dist.local import to_local
from array_api_dist.partition import default_partition
from array_api_dist.trace import trace
from benchmarks import calls, movement
from benchmarks.answers import difference, expected
from benchmarks.cases import CASES, DATASETS
from benchmarks.cases.canonical import canonical
from benchmarks.cases.catalogue import START
from benchmarks.cases.data import CLUSTERS
from benchmarks.model.paper import WIDE_KMEANS
from benchmarks.systems.array_api_dist_system import ArrayApiDist


@pytest.mark.parametrize("case", [case for case in CASES if case.group != START], ids=lambda case: case.name)
def test_the_library_gives_every_case_s_result(case, mpi_tmp_path: Path) -> None:
    system = ArrayApiDist(mpi_tmp_path)
    paths = [mpi_tmp_path / f"{place}-{each.dataset}" for place, each in enumerate(case.operands)]
    if system.rank == 0:
        for path, operand in zip(paths, case.operands, strict=True):
            write(path, operand.dataset)
    system.barrier()
    operands = [
        path if path.suffix == ".h5" else system.loaded(path, operand.axis)
        for path, operand in zip(paths, case.operands, strict=True)
    ]
    result = system.functions[case.function](*operands, **case.options)
    results = result if isinstance(result, tuple | list) else [result]
    values = [each if isinstance(each, Path) else system.values(each) for each in results]
    assert difference(canonical(case.function, values), expected(case, "tiny", 1), case.tolerance) is None


def test_movement_is_told_beside_a_copy(capsys: pytest.CaptureFixture[str]) -> None:
    movement.main(rows=12, columns=10, repeats=1)
    lines = capsys.readouterr().out.splitlines()
    if default_device().rank == 0:
        assert lines[0].startswith(f"| P = {default_device().ranks}, ")
        assert len(lines) == 14
    else:
        assert lines == []


@pytest.mark.parametrize("parts", [False, True])
def test_calls_are_told_beside_torchs(parts: bool, capsys: pytest.CaptureFixture[str]) -> None:
    known = calls.calls(parts=parts)
    for name, pair in known.items():
        ours, theirs = (call() for call in pair)
        for each, whole in zip(*(x if isinstance(x, tuple) else (x,) for x in (ours, theirs)), strict=False):
            if hasattr(each, "partition"):
                assert to_local(each).shape == whole.shape, name
    with trace() as communication:
        for ours, _ in known.values():
            ours()
    assert communication.totals.messages == 0
    calls.main(parts=parts, rounds=1, number=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (len(known) + 3 if default_device().rank == 0 else 0)


def test_k_means_of_few_long_rows_takes_no_more_than_the_model_says() -> None:
    rows, random = 120, np.random.default_rng(0)
    data = random.normal(size=(rows, 2)) @ random.normal(size=(2, 5000))
    with default_partition("last"):
        x = xp.asarray(data.astype("float32"))
    taken = {}
    for steps in (2, 5):
        with trace() as communication:
            model = ml.KMeans(CLUSTERS, init=data[:CLUSTERS], max_iter=steps, tol=0.0).fit(x)
        assert model.n_iter_ == steps
        taken[steps] = communication.totals
    modelled = [step for _ in range(3) for step in WIDE_KMEANS.steps(rows, default_device().ranks)]
    assert 3 <= taken[5].messages - taken[2].messages <= sum(step.messages for step in modelled)
    assert 0 < taken[5].bytes_sent - taken[2].bytes_sent <= sum(step.nbytes for step in modelled)


def write(path: Path, name: str) -> None:
    values = DATASETS[name].values("tiny")
    if DATASETS[name].hdf5:
        with h5py.File(str(path), "w") as file:
            file.create_dataset("x", data=values)
        return
    with path.open("wb") as file:
        np.save(file, values)
