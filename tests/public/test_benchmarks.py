"""The benchmarks' own logic, the peers that are at hand, and one whole run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import command, facts
from benchmarks.answers import difference, expected
from benchmarks.cases import CASES, DATASETS, SCALES, matching
from benchmarks.cases.canonical import canonical
from benchmarks.cases.catalogue import START
from benchmarks.command import app
from benchmarks.comparison import compared
from benchmarks.environments import PINS, Environment, _fingerprint
from benchmarks.model.machine import EXAMPLE
from benchmarks.model.machine import load as load_machine
from benchmarks.model.validate import probed
from benchmarks.pages import BEGIN, END, PAGE, renew
from benchmarks.plots import draw
from benchmarks.predictions import predicted_seconds
from benchmarks.registry import OWN, SYSTEMS, Layout, layouts
from benchmarks.report import markdown
from benchmarks.results import Results, Row, load
from benchmarks.runner import Plan
from benchmarks.startup import REPEATS, start_rows
from benchmarks.teams import Team, TeamError

ROOT = Path(__file__).parents[2]
MEASURED = [case for case in CASES if case.group != START]
AT_HAND = ("numpy", "torch", "scipy", "scikit-learn")
MACHINE = {"cpu": "a", "cores": 2, "memory_nbytes": 1, "system": "b", "python": "3", "commit": "c", "changed": False,
           "when": "d", "load": 0.0}  # fmt: skip


PROBE = {
    "ranks": 2, "mpi_library": "a", "ranks_per_host": {"a": 2},
    "figures": {"exchange_seconds": 5e-6, "barrier_seconds": 1e-6, "exchange_bytes_per_second": 2e9,
                "empty_exchange_seconds": 3e-6, "copy_bytes_per_second": 3e9, "sum_bytes_per_second": 9e9,
                "fresh_bytes_per_second": 1e9, "allreduce_seconds": 2e-6, "operation_seconds": 2e-6,
                "multiply_flops": 3e10, "factor_flops": 5e9, "sort_seconds": 3e-9, "argsort_seconds": 4e-9,
                "search_seconds": 1e-8, "gather_seconds": 2e-8},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("name", AT_HAND)
def test_peers_give_the_results_of_the_cases_that_they_have(name, tmp_path) -> None:
    entry = SYSTEMS[name]
    system = getattr(import_module(f"benchmarks.systems.{entry.module}"), entry.member)(tmp_path)
    wrong = {}
    for case in MEASURED:
        if case.function in system.functions:
            found = outcome(system, case, tmp_path)
            wrong |= {case.name: found} if found else {}
    assert wrong == {}


def outcome(system, case, directory) -> str | None:
    operands = []
    for operand in case.operands:
        dataset = DATASETS[operand.dataset]
        if dataset.hdf5:
            return None  # written and read on every number of ranks by the tests of tests/mpi
        path = directory / f"{dataset.name}.npy"
        np.save(path, dataset.values("tiny"))
        operands.append(system.loaded(path, operand.axis))
    result = system.functions[case.function](*operands, **case.options)
    results = result if isinstance(result, tuple | list) else [result]
    values = [each if isinstance(each, Path) else system.values(each) for each in results]
    return difference(canonical(case.function, values), expected(case, "tiny", 1), case.tolerance)


def test_a_wrong_result_is_told() -> None:
    right = np.linspace(1, 2, 10)
    assert difference([right], [right], 1e-9) is None
    assert "off by" in str(difference([right + 1e-3], [right], 1e-9))
    assert "shape" in str(difference([right[1:]], [right], 1e-9))
    assert "off by" in str(difference([np.array([1, 2])], [np.array([1, 3])], 1e-9))
    assert difference([np.array([np.nan])], [np.array([1.0])], 1e-9) is not None


def test_names_of_cases_are_unique_and_patterns_must_fit() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.group for case in matching(CASES, ["moments/*", "kmeans"])} == {"moments", "kmeans"}
    with pytest.raises(ValueError, match="must fit"):
        matching(CASES, ["nothing-like-it"])


def test_data_sets_are_the_same_at_every_call_and_grow_by_rows() -> None:
    for dataset in DATASETS.values():
        assert np.array_equal(dataset.values("tiny"), dataset.values("tiny"))
        assert dataset.values("tiny").dtype == dataset.dtype
        assert dataset.shape("tiny", 3)[0] == dataset.shape("tiny")[0] * (3 if dataset.grows else 1)
        assert all(a <= b for a, b in pairwise(dataset.nbytes(scale) for scale in SCALES))


def test_every_system_has_as_many_cores() -> None:
    for entry in SYSTEMS.values():
        found = layouts(entry, [1, 2, 4], 4)
        assert all(each.ranks * each.threads in {1, 4} for each in found)
        assert any(each.ranks * each.threads == 4 for each in found)
        assert entry.requirements is None or (PINS / f"{entry.requirements}.txt").exists()


def test_what_only_moves_is_not_measured_where_nothing_can() -> None:
    plan = Plan(CASES, list(SYSTEMS.values()), [1, 2], 2, "tiny")
    for case in matching(CASES, ["move/*"]):
        found = plan.layouts(SYSTEMS[OWN], case, 1)
        assert Layout(2, 1) in found
        assert case.moving == all(each.ranks > 1 for each in found)
        # One process has other work of its own.
        assert plan.layouts(SYSTEMS["torch"], case, 1) == [Layout(1, 1), Layout(1, 2)]


def test_pins_are_exact() -> None:
    for path in PINS.glob("*.txt"):
        assert all("==" in line for line in path.read_text().split()), path


def test_the_model_predicts_every_computing_case() -> None:
    machine = load_machine(EXAMPLE)
    views = {"slice", "flat", "number", "mask", "load_hdf5", "save_hdf5"}
    for case in MEASURED:
        if case.function not in views:
            found = [predicted_seconds(case, "small", ranks, machine) for ranks in (1, 2, 1024)]
            assert all(each is not None and each > 0 for each in found), case.name


def test_the_model_draws_the_papers_runs_beside_what_was_published(tmp_path) -> None:
    curves, out = tmp_path / "curves.csv", tmp_path / "out"
    curves.write_text('run,nodes,seconds,system\n"k-means, weak",4,12.5,HeAT\n')
    command = ["model", "predict", "--most-ranks", "2", "--beside", str(curves), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    lines = (out / "model.md").read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("| k-means, weak"))
    assert lines[place + 1] == "| … HeAT |  |  | 12.5 s |  |  |"
    assert (out / "paper.png").stat().st_size > 0
    refused = CliRunner().invoke(app, [*command[:-4], "--beside", str(out / "model.md"), *command[-2:]])
    assert refused.exit_code == 2
    assert "must have the columns" in refused.output


# ---- comparing runs


def results(*medians: float, system: str = OWN, noise: float = 0.01) -> Results:
    spread = np.linspace(-noise, noise, 7)
    rows = [
        Row("reduction/sum/grid-0", "small", place + 1, system, 1, 1, 1.0, tuple(middle * (1 + spread)))
        for place, middle in enumerate(medians)
    ]
    return Results(MACHINE, {system: {system: "1"}}, tuple(rows))


def test_a_change_beyond_the_noise_is_flagged_and_one_within_is_not() -> None:
    slower, same, noisy = compared(results(1.0, 1.0, 1.0), results(1.5, 1.02, 1.5))
    assert slower.beyond
    assert slower.ratio == pytest.approx(1.5)
    assert not same.beyond
    assert noisy.beyond
    (noisy,) = compared(results(1.0, noise=0.9), results(1.2, noise=0.9))
    assert not noisy.beyond


def test_a_yardstick_s_own_change_is_divided_out() -> None:
    def both(own: float, torch: float) -> Results:
        one, other = results(own), results(torch, system="torch")
        return replace(one, rows=one.rows + other.rows)

    changes = compared(both(1.0, 1.0), both(2.0, 2.0), yardstick="torch")
    assert not any(change.beyond for change in changes)
    with pytest.raises(ValueError, match="yardstick"):
        compared(results(1.0), results(1.0), yardstick="torch")


def test_results_survive_a_file_and_make_tables_and_plots(tmp_path) -> None:
    found = results(1.0)
    found.save(tmp_path / "results.json")
    assert load(tmp_path / "results.json") == found
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    files = renew(found, page, also=[found])
    assert all(path.stat().st_size > 0 for path in files)
    assert page.read_text().startswith("before")
    assert "old" not in page.read_text()
    assert "### The scale `small`\n\ngrid 64000 × 64 float64; commit c;" in page.read_text()
    assert "reduction/sum/grid-0" in markdown(found)


def test_what_was_not_reached_is_named_and_the_rest_is_drawn(tmp_path) -> None:
    missing = tuple(
        Row(case.name, "small", 1, OWN, 1, 1, error="not reached in 8 minutes") for case in MEASURED[::7]
    )
    found = replace(results(1.0), rows=(*results(1.0).rows, *missing), probe=PROBE)
    files = draw(found, tmp_path)
    assert {path.name for path in files} == {path.name for path in tmp_path.iterdir()}
    assert "bars-reduction.png" in {path.name for path in files}
    assert all(f"{row.case}, {row.label}: not reached" in markdown(found) for row in missing)


def test_results_without_rows_are_tables_alone(tmp_path) -> None:
    file = tmp_path / "results.json"
    replace(results(1.0), rows=()).save(file)
    done = CliRunner().invoke(app, ["plot", str(file)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.md"}
    refused = CliRunner().invoke(app, ["plot", str(file), "--docs"])
    assert refused.exit_code == 2
    assert "the page needs results of at least one case" in " ".join(refused.output.replace("│", "").split())


def test_results_of_failures_alone_are_drawn(tmp_path) -> None:
    failed = tuple(replace(row, seconds=(), error="did not start") for row in results(1.0).rows)
    assert draw(replace(results(1.0), rows=failed), tmp_path)


def test_the_page_has_its_marks() -> None:
    assert BEGIN in PAGE.read_text()
    assert END in PAGE.read_text()


def test_plots_name_the_files_that_they_write(tmp_path) -> None:
    results(1.0).save(tmp_path / "results.json")
    done = CliRunner().invoke(app, ["plot", str(tmp_path / "results.json"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    told = "".join(done.output.split()).split(",")
    assert {Path(each).name for each in told} == {path.name for path in (tmp_path / "out").iterdir()}


# ---- what users get wrong


@pytest.mark.parametrize(
    "text", ["{", "[]", "1", '{"format": 1}', '{"format": 1, "rows": [{}]}', '{"format": 7}']
)
def test_a_file_without_results_is_refused(tmp_path, text) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=r"results (are a JSON file|have the format 1,).*results.json"):
        load(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["compare", "none.json", "good.json"], "none.json"),
        (["compare", "good.json", "bad.json"], "results are a JSON file"),
        (["compare", "good.json", "good.json", "--yardstick", "heat"], "must have measured the yardstick, got 'heat'"),
        (["plot", "none.json"], "none.json"),
        (["plot", "good.json", "--also", "bad.json"], "results are a JSON file"),
        (["plot", "good.json", "--out", "good.json"], "results go to a directory, got good.json"),
        (["run", "--out", "good.json"], "results go to a directory, got good.json"),
        (["run", "--ranks", "0"], "numbers of ranks are positive and comma-separated, got '0'"),
        (["model", "predict", "--machine", "none.toml"], "none.toml"),
        (["model", "predict", "--machine", "bad.json"], "a machine is described by names and figures"),
        (["model", "predict", "--out", "good.json"], "results go to a directory, got good.json"),
        (["model", "validate", "--machine", "bad.json"], "a machine is described by names and figures"),
        (["model", "validate", "--ranks", "abc"], "numbers of ranks are positive and comma-separated, got 'abc'"),
        (["model", "validate", "--ranks", "-1"], "numbers of ranks are positive and comma-separated, got '-1'"),
        (["model", "validate", "--counted", "0"], "numbers of ranks are positive and comma-separated, got '0'"),
        (["model", "validate", "--json", "none/rows.json"], "a report must be a file that can be written"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_unfit_options_are_told_without_a_traceback(tmp_path, monkeypatch, arguments, told) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    results(1.0).save(Path("good.json"))
    Path("bad.json").write_text("[]")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())


# ---- what is not there


def test_without_git_a_run_has_no_commit(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (facts.machine()["commit"], facts.machine()["changed"]) == ("", False)


def test_where_processes_are_kept_on_no_cores_all_of_them_count(monkeypatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert facts.cores() == os.cpu_count()


def launcher(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


def test_the_probe_is_started_as_all_ranks_are(tmp_path, monkeypatch) -> None:
    # Instead of two ranks: what they would write, and how they were asked to.
    text = f"import json, sys; open(sys.argv[-1], 'w').write(json.dumps({PROBE} | {{'told': sys.argv[1:]}}))"
    monkeypatch.setenv("MPIEXEC", f"{launcher(tmp_path / 'start', text)} --mpi=pmix")
    told = json.loads(probed(tmp_path / "probe.json").read_text())["told"]
    assert told[:6] == ["--mpi=pmix", "-n", "2", sys.executable, "-m", "array_api_dist"]


@pytest.mark.parametrize(
    "text", ["raise OSError('no ranks here')", ""], ids=["it fails", "it writes nothing"]
)
def test_a_probe_that_fails_leaves_no_figures_and_says_why(tmp_path, monkeypatch, capsys, text) -> None:
    monkeypatch.setenv("MPIEXEC", launcher(tmp_path / "start", text))
    assert command.probe_figures() == {}
    told = " ".join(capsys.readouterr().out.split())
    assert "the probe failed" in told
    assert "OSError: no ranks here" in told or not text


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("raise SystemExit(1)", "did not start: see its log"),
        ("raise ImportError('no NumPy')", "did not start: ImportError: no NumPy"),
        (None, "did not start: .*No such file"),
    ],
)
def test_a_peer_that_does_not_start_is_told(tmp_path, python, told) -> None:
    place = Path(launcher(tmp_path / "python", python)) if python else tmp_path / "none"
    with pytest.raises(TeamError, match=told):
        Team(SYSTEMS["numpy"], Layout(1, 1), Environment(place), tmp_path / "log")


def test_a_peer_that_cannot_be_imported_has_a_row_that_says_so(tmp_path) -> None:
    (case,) = matching(CASES, [f"{START}/import/alone"])
    broken = Path(launcher(tmp_path / "python", "raise ImportError('no NumPy')"))
    places = {"scipy": Environment(Path(sys.executable)), "numpy": Environment(broken)}
    rows = {row.system: row for row in start_rows(case, Plan([case], [], [1], 1, "tiny"), places)}
    assert rows["numpy"].error == "did not start: ImportError: no NumPy"
    assert rows["numpy"].seconds == ()
    assert rows["scipy"].error is None
    assert len(rows["scipy"].seconds) == REPEATS


# ---- a whole run


def test_a_peer_that_does_not_start_ends_one_row_and_not_the_run(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "array-api-dist" / "benchmarks" / f"numpy-{_fingerprint('numpy')}" / "bin"
    folder.mkdir(parents=True)
    launcher(folder / "python", "raise SystemExit(1)")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)
    options = [
        "--scale",
        "tiny",
        "--systems",
        f"{OWN},numpy",
        "--ranks",
        "1",
        "--repeats",
        "2",
        "--cores",
        "1",
    ]
    done = CliRunner().invoke(
        app, ["run", "overhead/sum/allreduce", *options, "--out", str(tmp_path / "out")]
    )
    signal.signal(signal.SIGTERM, before)
    assert done.exit_code == 0, done.output
    errors = {row.system: row.error for row in load(tmp_path / "out" / "results.json").rows}
    assert errors == {OWN: None, "numpy": "did not start: see its log"}


def test_a_run_measures_on_one_and_two_ranks_and_writes_results(tmp_path) -> None:
    command = [sys.executable, "-m", "benchmarks", "run", "overhead/sum/allreduce", "index/mask", "--scale", "tiny",
               "--systems", OWN, "--repeats", "2", "--cores", "1", "--no-probe", "--no-weak", "--out", str(tmp_path)]  # fmt: skip
    variables = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'ml'}"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "results.json").read_text())
    assert {(row["ranks"], row["error"]) for row in data["rows"]} == {(1, None), (2, None)}
    assert all(len(row["seconds"]) == 2 for row in data["rows"])
    assert all(row["case"] in (tmp_path / "results.md").read_text() for row in data["rows"])
    assert {Layout(row["ranks"], row["threads"]) for row in data["rows"]} >= {Layout(1, 1)}
