"""The conformance runner: it finds the suite, keeps ranks together on it, counts spread arrays, and reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from hypothesis import given, register_random, settings
from hypothesis import strategies as st
from processes import left_after_sigterm, marked

from array_api_dist._device import available_kinds
from array_api_dist._partition import REPLICATED, Partition
from array_api_dist._placement import POLICIES
from array_api_dist.device import Device
from array_api_dist.partition import _serials as serials
from conformance import suite
from conformance.__main__ import LISTS, main, xfails
from conformance.journal import Outcome
from conformance.launch import complete
from conformance.options import DEVICES, PARTITIONS, report_file
from conformance.plugin import Serials, is_spread
from conformance.report import Result, read_json, results_table, write_json

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [["tests/run.py"], ["-m", "conformance"], ["tests/ecosystem/run.py"]]

# A stand-in for the official suite: the same layout and options, and tests of a namespace of three ranks' worth.
FAKE_CONFTEST = """
def pytest_addoption(parser):
    for name in ("--max-examples", "--skips-file", "--xfails-file"):
        parser.addoption(name)
    parser.addoption("--disable-deadline", action="store_true")
"""
FAKE_TESTS = """
import os, random
from hypothesis import given, strategies as st
from mpi4py import MPI

def test_environment():
    assert os.environ["ARRAY_API_TESTS_MODULE"] == "math_like"
    assert os.environ["ARRAY_API_TESTS_VERSION"] == "2025.12"
    assert os.environ["ARRAY_API_DIST_PARTITION"] == "mixed"

def test_global_random_state_is_the_same():
    assert len(set(MPI.COMM_WORLD.allgather(random.random()))) == 1

@given(st.floats(), st.data())
def test_examples_are_the_same(number, data):
    drawn = (repr(number), data.draw(st.binary()))
    assert len(set(MPI.COMM_WORLD.allgather(drawn))) == 1

def test_fails_on_one_rank():
    assert MPI.COMM_WORLD.rank == 0
"""


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def fake_suite(tmp_path: Path) -> Path:
    root = tmp_path / "suite"
    (root / "array_api_tests").mkdir(parents=True)
    (root / "array-api" / "src" / "array_api_stubs").mkdir(parents=True)
    (root / "math_like").mkdir()
    (root / "math_like" / "__init__.py").touch()
    (root / "conftest.py").write_text(FAKE_CONFTEST, encoding="utf-8")
    (root / "array_api_tests" / "test_some.py").write_text(FAKE_TESTS, encoding="utf-8")
    return root


@pytest.mark.parametrize("seed", [[], ["--hypothesis-seed=7"]], ids=["the examples of every run", "a seed"])
def test_a_run_reports_every_test_and_fails_with_any_rank(
    fake_suite: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], seed: list[str]
) -> None:
    report = tmp_path / "report.json"
    options = ["--ranks", "2", "--partition", "mixed", "--module", "math_like", "--json", str(report)]
    assert main([*options, "--suite", str(fake_suite), *seed]) == 1
    (run,) = json.loads(report.read_text(encoding="utf-8"))["runs"]
    outcomes = {test["test"].rpartition("::")[2]: test["outcome"] for test in run["tests"]}
    assert outcomes.pop("test_fails_on_one_rank") == "failed"
    assert outcomes == dict.fromkeys(
        ["test_environment", "test_global_random_state_is_the_same", "test_examples_are_the_same"], "passed"
    )
    last_row = capfd.readouterr().out.split("\n\nreport:")[0].splitlines()[-1]
    assert last_row.split()[:6] == ["2", "mixed", "cpu", "100", "3", "1"]


def entries(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_one_test_is_excused_and_only_where_a_copy_is_needed() -> None:
    assert entries(LISTS / "skips.txt") == entries(LISTS / "xfails.txt") == []
    # The standard's sentence and the test that holds us to it stand in the list.
    assert entries(LISTS / "xfails_without_copies.txt") == [
        "array_api_tests/test_dlpack.py::test_dunder_dlpack"
    ]


@pytest.mark.parametrize(
    ("ranks", "partition", "device", "name"),
    [
        (1, "mixed", "cpu", "xfails.txt"),
        (2, "none", "cpu:staged", "xfails.txt"),
        (2, "mixed", "cpu", "xfails_without_copies.txt"),
        (1, "none", "cuda", "xfails_without_copies.txt"),
    ],
)
def test_whole_arrays_of_the_host_are_excused_from_nothing(
    ranks: int, partition: str, device: str, name: str
) -> None:
    assert xfails(Namespace(ranks=ranks, partition=partition, device=device)).name == name


def test_a_directory_that_is_no_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="a checkout of array-api-tests holds array_api_tests"):
        suite.find_suite(tmp_path)


def test_the_suite_is_found_by_the_environment(fake_suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(suite.SUITE_VARIABLE, str(fake_suite))
    assert suite.find_suite(None) == fake_suite


def test_a_clone_that_fails_says_what_can_be_done(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="--suite or ARRAY_API_TESTS"):
        suite.clone(tmp_path / "suite", nowhere, nowhere)


def test_without_git_it_says_what_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"--suite or ARRAY_API_TESTS.*git does not start"):
        suite.clone(tmp_path / "suite")


def test_a_clone_has_the_pinned_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = {}
    for name, part in (("tests", "array_api_tests"), ("standard", "src/array_api_stubs")):
        (tmp_path / name / part).mkdir(parents=True)
        (tmp_path / name / part / "file").touch()
        git = ["git", "-C", str(tmp_path / name), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *arguments], check=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
        commits[name] = head.stdout.strip()
    monkeypatch.setattr(suite, "COMMIT", commits["tests"])
    monkeypatch.setattr(suite, "STUBS_COMMIT", commits["standard"])
    made = suite.clone(tmp_path / "cache" / "suite", str(tmp_path / "tests"), str(tmp_path / "standard"))
    assert suite.checked(made) == made


@pytest.mark.parametrize(
    ("partition", "shape", "expected"),
    [
        (REPLICATED, (4,), False),
        (Partition.even(0, 4, 2), (4,), True),
        (Partition.at_root(0, 4, 2, 1), (4,), False),
        (Partition.even(0, 1, 2), (1,), False),
        (Partition.even(1, 4, 2), (0, 4), False),
    ],
)
def test_an_array_is_spread_when_two_ranks_hold_elements(
    partition: Partition, shape: tuple[int, ...], expected: bool
) -> None:
    assert is_spread(partition, shape) is expected


def test_an_example_meets_the_same_partitions_when_it_is_run_again() -> None:
    communicator = Device("cpu").communicator
    before = serials.next(communicator)
    kept = [Serials(serials)]  # Hypothesis refers to it weakly
    register_random(kept[0])
    seen: list[int] = []

    @settings(max_examples=5, database=None)
    @given(st.integers())
    def makes_arrays(number: int) -> None:
        seen.append(serials.next(communicator))
        for _ in range(abs(number) % 7):
            serials.next(communicator)

    makes_arrays()
    assert set(seen) == {1}
    assert serials.next(communicator) == before + 1, "between the examples the count goes on"


def test_the_report_counts_outcomes_and_spread_arrays(tmp_path: Path) -> None:
    outcomes = [
        Outcome("a", "passed", measures={"arrays": 30, "spreadable": 15, "spread": 10}),
        Outcome("b", "failed", measures={"arrays": 10, "spreadable": 10, "spread": 10}),
    ]
    result = Result(2, "first", "cpu", 50, 12.3, outcomes)
    assert results_table([result]).splitlines()[-1].split() == (
        ["2", "first", "cpu", "50", "1", "1", "0", "0", "0", "0", "12", "40", "20", "80%"]
    )
    write_json(tmp_path / "report.json", [result], {"suite": "here"})
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (read["suite"], read["runs"][0]["spread"], read["runs"][0]["counts"]["failed"]) == ("here", 20, 1)


def test_reports_of_single_runs_are_joined(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reports = []
    for number, (ranks, ending) in enumerate([(3, "passed"), (2, "failed"), (2, "passed")]):
        result = Result(ranks, "last", "cpu", 50, 7.0, [Outcome("a", ending)])
        reports.append(tmp_path / f"{number}.json")
        write_json(reports[-1], [result], {})
    options = ["--json", str(tmp_path / "all.json"), "--join", *map(str, reports)]
    assert main(options) == 0, "the later run of a combination counts"
    rows = capfd.readouterr().out.split("\n\nreport:")[0].splitlines()[-2:]
    assert [row.split()[:6] for row in rows] == [[n, "last", "cpu", "50", "1", "0"] for n in ("2", "3")]
    assert main([*options[:-1]]) == 1


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="a JSON file that python -m conformance wrote"):
        read_json(tmp_path / "other.json")


# ---- options, and an end


@pytest.mark.parametrize("ranks", ["0", "-1", "abc", "", "1,,2"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program[-1])
def test_numbers_of_ranks_that_are_none_are_refused(program: list[str], ranks: str) -> None:
    done = started(*program, f"--ranks={ranks}")
    assert done.returncode == 2
    assert f"numbers of ranks are positive and comma-separated, got {ranks!r}" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS[1:], ids=lambda program: program[-1])
def test_a_report_that_cannot_be_written_is_told_before_anything_runs(
    program: list[str], tmp_path: Path
) -> None:
    done = started(*program, "--json", str(tmp_path / "none" / "report.json"))
    assert done.returncode == 2
    assert "a report must be a file that can be written, got" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "program", [PROGRAMS[0], [*PROGRAMS[2], "--library", "scipy"]], ids=lambda program: program[0]
)
def test_a_launcher_that_is_missing_is_told_in_one_line(
    program: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPIEXEC", "/none/mpirun")
    done = started(*program, "--ranks", "2")
    assert done.returncode == 1
    assert "/none/mpirun" in done.stderr
    assert "Traceback" not in done.stderr


def test_looking_whether_a_report_can_be_written_leaves_no_trace(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("kept", encoding="utf-8")
    assert report_file(str(there)).read_text(encoding="utf-8") == "kept"
    assert not report_file(str(tmp_path / "new.json")).exists()


def test_a_library_without_tests_here_is_refused() -> None:
    done = started("tests/ecosystem/run.py", "--library", "nosuch")
    assert done.returncode == 2
    assert "a library is one of scikit-learn, array-api-extra, scipy, got 'nosuch'" in done.stderr


def test_what_fails_outside_a_test_is_in_the_table_and_in_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--library", "scipy", "--namespace", "nosuch", "--ranks", "1", "--json", str(report)]
    done = started("tests/ecosystem/run.py", *options, "-k", "erf")
    assert done.returncode == 1, done.stderr
    assert "(outside any test)" in done.stdout
    (run,) = json.loads(report.read_text(encoding="utf-8"))["runs"]
    assert run["counts"]["error"] == 1


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("program", ["tests/run.py", "conformance"])
def test_a_run_that_is_asked_to_end_leaves_no_rank(
    fake_suite: Path, tmp_path: Path, program: str, ranks: int
) -> None:
    marks = tmp_path / "marks"
    waiting = fake_suite / "array_api_tests" / "test_some.py"
    waiting.write_text(f"def test_waits():\n    exec({marked(marks)!r})\n", encoding="utf-8")
    command = [str(ROOT / program), "--ranks", str(ranks), str(waiting)]
    if program == "conformance":
        options = [
            "--suite",
            str(fake_suite),
            "--module",
            "math_like",
            "--json",
            str(tmp_path / "report.json"),
        ]
        command = ["-m", program, "--ranks", str(ranks), *options]
    assert left_after_sigterm(command, marks, ranks, {"PYTHONPATH": str(ROOT)}) == []


def test_a_command_that_takes_too_long_or_fails_is_told(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with pytest.raises(TimeoutError, match="took longer than 2 s"):
        complete([sys.executable, "-c", marked(marks)], os.environ, limit=2.0)
    (process,) = marks.iterdir()
    with pytest.raises(ProcessLookupError):
        os.kill(int(process.name), 0)
    with pytest.raises(ChildProcessError, match="ended with status 3"):
        complete([sys.executable, "-c", "raise SystemExit(3)"], os.environ)
    with pytest.raises(ChildProcessError, match="ValueError: the reason"):
        complete([sys.executable, "-c", "raise ValueError('the reason')"], os.environ)


def test_the_options_know_every_partition_and_device() -> None:
    assert set(PARTITIONS) == set(POLICIES)
    # Other tests register kinds of their own in this process.
    assert {"cpu", "cpu:staged"} <= set(DEVICES) & set(available_kinds())


@pytest.mark.parametrize(
    "option", ["--partition=rows", "--partition=", "--device=tpu", "--partition=none,rows"]
)
def test_an_unknown_partition_or_device_is_a_usage_error(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option])
    assert ended.value.code == 2
    name, given_text = option.removeprefix("--").split("=")
    assert f"argument --{name}: {name}s are among" in (told := capsys.readouterr().err)
    assert f"got {given_text!r}" in told
