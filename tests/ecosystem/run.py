"""Run scikit-learn, array-api-extra and SciPy on array_api_dist, at several numbers of ranks.

    python tests/ecosystem/run.py --ranks 1,2,3
    python tests/ecosystem/run.py --library array-api-extra --ranks 2 -k searchsorted
    python tests/ecosystem/run.py --library scikit-learn --namespace array_api_strict --ranks 1

scikit-learn and array-api-extra run their own tests: those of the installed package, and those of the source distribution
that `--source` names, or pip downloads. SciPy's functions are compared with NumPy's answers. What is not an option of
this program goes to pytest. The exit status is 0 only if nothing failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from conformance.journal import Outcome  # noqa: E402 - found by the line above
from conformance.launch import BAD_OUTCOMES, Job, exit_on_sigterm, run  # noqa: E402
from conformance.options import names, rank_numbers, report_file  # noqa: E402
from conformance.report import KINDS, Result, Row, results_table, table, write_json  # noqa: E402

EXTRA: Final = "array-api-extra==0.11.5"
HERE: Final = Path(__file__).resolve().parent
OUTSIDE: Final = "(outside any test)"
LIBRARIES: Final = ("scikit-learn", "array-api-extra", "scipy")


def libraries(text: str) -> list[str]:
    found = names(text)
    if not found or any(name not in LIBRARIES for name in found):
        raise argparse.ArgumentTypeError(f"a library is one of {', '.join(LIBRARIES)}, got {text!r}")
    return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--ranks", type=rank_numbers, default="1,2,3", help="numbers of ranks (default: %(default)s)"
    )
    made.add_argument(
        "--library",
        type=libraries,
        default=",".join(LIBRARIES),
        help="whose tests (default: %(default)s)",
    )
    made.add_argument("--partition", default="first", help="the default partition (default: first)")
    made.add_argument(
        "--mixed-kinds",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether integer and floating arrays may meet in scikit-learn's tests (default: they may)",
    )
    made.add_argument("--namespace", default="array_api_dist", help="array_api_strict, to compare with")
    made.add_argument("--source", type=Path, help=f"array-api-extra's sources (default: {EXTRA} from PyPI)")
    made.add_argument(
        "--limit", type=float, default=120.0, help="seconds without progress that count as a hang"
    )
    made.add_argument(
        "--journal", type=Path, help="a directory: a run that was ended goes on from what is there"
    )
    made.add_argument("--json", type=report_file, default="ecosystem-report.json", help="the report's file")
    return made


# ---- whose tests


def scikit_learn() -> tuple[Path, list[str], str]:
    """Return where pytest is started, its arguments, and what else must be on Python's path."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise FileNotFoundError("scikit-learn is not installed")
    package = Path(found.origin).parent
    # Those of the other modules would be deselected, after half a minute of collecting them.
    marks = ("array_api", "parametrize_with_checks")
    files = [
        str(path)
        for path in sorted(package.rglob("test_*.py"))
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    ]
    return package.parent, [*files, f"--rootdir={package}", "-c", str(HERE / "pytest.ini")], ""


def array_api_extra(given: Path | None, scratch: Path) -> tuple[Path, list[str], str]:
    """Return the same for array-api-extra: its tests import the sources that they lie beside."""
    source = given
    if source is None:
        scratch /= "array-api-extra"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(scratch)]
        subprocess.run([*command, "--no-binary", "array-api-extra", EXTRA], check=True)
        with tarfile.open(next(scratch.glob("array_api_extra-*.tar.gz"))) as archive:
            archive.extractall(scratch, filter="data")
        source = next(path for path in scratch.glob("array_api_extra-*") if path.is_dir())
    source = source.expanduser().resolve()
    if not (source / "tests" / "main").is_dir():
        raise FileNotFoundError(f"array-api-extra's sources hold tests/main, {source} does not")
    return source, ["tests/main", "-c", "pyproject.toml", "--no-showlocals"], str(source / "src")


# ---- the tables


def subject(test: str) -> str:
    """Return what a test is about: its module, or the estimator or metric that a test of all of them was given."""
    if not test:
        return OUTSIDE
    path, _, name = test.partition("::")
    parts = [part for part in Path(path).with_suffix("").parts if part not in {"tests", "main"}]
    module = ".".join(part.removeprefix("test_") for part in parts)
    if not module.endswith("common") or "[" not in name:
        return module
    given = name.partition("[")[2]
    return f"{module}: {given.partition('(')[0].partition('-')[0].rstrip(']')}"


def subjects_table(outcomes: Sequence[Outcome]) -> str:
    by_subject: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_subject[subject(outcome.test)].append(outcome)
    rows: list[Row] = []
    for name, own in sorted(by_subject.items()):
        result = Result(0, "", "", None, sum(outcome.seconds for outcome in own), own)
        arrays, spread = result.measured("arrays"), result.measured("spread")
        counts = [str(count or "") for count in result.counts()]
        rows.append([name, *counts, f"{arrays:,}", f"{spread:,}", f"{result.seconds:.1f}"])
    return table(["", *KINDS, "arrays", "spread", "seconds"], rows)


def differing(results: Sequence[Result]) -> list[str]:
    """Return a line for each test that did not end alike in all runs."""
    endings: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for outcome in result.outcomes:
            endings[outcome.test].append(f"{outcome.outcome} at P = {result.ranks}")
    alike = len(results)
    return [
        f"{test or OUTSIDE}: {', '.join(ends)}"
        for test, ends in endings.items()
        if len(ends) != alike or len({end.split()[0] for end in ends}) > 1
    ]


# ---- the program


def library_run(
    options: argparse.Namespace, library: str, ranks: int, scratch: Path, rest: Sequence[str]
) -> Result:
    if library == "scipy":
        directory, arguments, path = ROOT, [str(HERE / "on_scipy.py"), "-c", str(HERE / "pytest.ini")], ""
    elif library == "scikit-learn":
        directory, arguments, path = scikit_learn()
    else:
        directory, arguments, path = array_api_extra(options.source, scratch)
    variables = {
        "ECOSYSTEM_LIBRARY": library,
        "ECOSYSTEM_NAMESPACE": options.namespace,
        "SCIPY_ARRAY_API": "1",
        "SKLEARN_SEED": "0",
        # scikit-learn's conftest gives every process all cores, whatever OMP_NUM_THREADS says, but for the workers of
        # pytest-xdist: threads that wait for each other in every small product would take most of the time.
        "PYTEST_XDIST_WORKER_COUNT": str(os.cpu_count()),
        "ARRAY_API_DIST_PARTITION": options.partition,
        # array-api-extra asks for nothing that the standard leaves undefined.
        "ARRAY_API_DIST_MIXED_KINDS": str(int(options.mixed_kinds and library == "scikit-learn")),
        "PYTHONPATH": ":".join(filter(None, [str(ROOT), str(HERE), path])),
    }
    arguments += ["-p", "stand_in", "-p", "no:cacheprovider"]
    arguments += ["--tb=short", "--disable-warnings", "-q"]
    journal = (options.journal or scratch).resolve() / f"{library}-{ranks}"
    started = time.monotonic()
    outcomes = run(Job(ranks, [*arguments, *rest], journal, directory, variables, limit=options.limit))
    return Result(ranks, options.partition, "cpu", None, time.monotonic() - started, outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    options, rest = parser().parse_known_args(arguments)
    everything: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="array-api-dist-ecosystem-") as directory:
        for library in options.library:
            results: list[Result] = []
            for ranks in options.ranks:
                print(f"\n{library} on {options.namespace}, P = {ranks}", flush=True)
                results.append(library_run(options, library, ranks, Path(directory), rest))
                everything.append(results[-1])
                facts = {"namespace": options.namespace, "mixed_kinds": options.mixed_kinds}
                write_json(options.json, everything, facts)
                print(f"\n{subjects_table(results[-1].outcomes)}", flush=True)
            print(f"\n{library} on {options.namespace}\n{results_table(results)}")
            print("\n" + "\n".join(differing(results)), flush=True)
    bad = [outcome for result in everything for outcome in result.outcomes if outcome.outcome in BAD_OUTCOMES]
    return 1 if bad or not all(result.outcomes for result in everything) else 0


if __name__ == "__main__":
    exit_on_sigterm()
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"tests/ecosystem/run.py: {error}")
