"""Run the official array-api-tests suite for P x default partition x device, and print one table.

    python -m conformance --ranks 1,2,3,4 --partition none,first,last,uneven,mixed
    python -m conformance --ranks 2 --partition mixed --max-examples 300 array_api_tests/test_linalg.py -k qr
    python -m conformance --join one.json two.json    # the table of runs made one by one

What is not an option of this program goes to pytest. The exit status is 0 only if nothing failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from conformance.launch import BAD_OUTCOMES, Job, exit_on_sigterm, run
from conformance.options import devices, partitions, rank_numbers, report_file
from conformance.plugin import MODULE_VARIABLE
from conformance.report import Result, read_json, results_table, write_json
from conformance.suite import SUITE_VARIABLE, find_suite

ROOT = Path(__file__).resolve().parent.parent
VERSION = "2025.12"
LISTS = ROOT / "conformance"


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--ranks", type=rank_numbers, default=[1, 2], help="numbers of ranks (default: 1,2)")
    made.add_argument(
        "--partition",
        type=partitions,
        default=["none", "first", "last", "uneven", "mixed"],
        help="default partitions of new arrays (default: none,first,last,uneven,mixed)",
    )
    made.add_argument("--device", type=devices, default=["cpu"], help="cpu, cpu:staged, cuda (default: cpu)")
    made.add_argument(
        "--suite", type=Path, help=f"a checkout of array-api-tests (default: ${SUITE_VARIABLE}, else a clone)"
    )
    made.add_argument(
        "--max-examples", type=int, default=100, help="Hypothesis examples a test (default: 100)"
    )
    made.add_argument(
        "--limit", type=float, default=120.0, help="seconds without progress that count as a hang"
    )
    made.add_argument("--json", type=report_file, default="conformance-report.json", help="the report's file")
    made.add_argument(
        "--join", type=Path, nargs="+", metavar="REPORT", help="run nothing: join reports of earlier runs"
    )
    made.add_argument("--module", default="array_api_dist", help="the namespace (default: array_api_dist)")
    return made


def xfails(options: argparse.Namespace) -> Path:
    """Return the list of expected failures: one where the host can only copy what an array holds, one where not."""
    in_parts = options.ranks != 1 and options.partition != "none"
    return LISTS / ("xfails_without_copies.txt" if in_parts or options.device == "cuda" else "xfails.txt")


def combination(
    options: argparse.Namespace, suite: Path, journal: Path, pytest_arguments: Sequence[str]
) -> Result:
    """Run the suite once."""
    variables = {
        MODULE_VARIABLE: options.module,
        "ARRAY_API_TESTS_VERSION": VERSION,
        "ARRAY_API_DIST_PARTITION": options.partition,
        "ARRAY_API_DIST_DEVICE": options.device,
        "PYTHONPATH": str(ROOT),
    }
    arguments = ["-p", "conformance.plugin", "-p", "no:cacheprovider", "--tb=short", "--disable-warnings"]
    arguments += [f"--max-examples={options.max_examples}", "--disable-deadline"]
    arguments += [f"--skips-file={LISTS / 'skips.txt'}", f"--xfails-file={xfails(options)}"]
    job = Job(options.ranks, [*arguments, *pytest_arguments], journal, suite, variables, limit=options.limit)
    started = time.monotonic()
    outcomes = run(job)
    seconds = time.monotonic() - started
    return Result(options.ranks, options.partition, options.device, options.max_examples, seconds, outcomes)


def joined(reports: Sequence[Path]) -> list[Result]:
    """Return the runs of several reports in the order of ranks; the last one of each combination counts."""
    found = {
        (result.ranks, result.partition, result.device): result
        for report in reports
        for result in read_json(report)
    }
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def ran(options: argparse.Namespace, pytest_arguments: list[str]) -> list[Result]:
    """Run the suite for every combination, and write the report after each."""
    if not any(argument.startswith("array_api_tests") for argument in pytest_arguments):
        pytest_arguments.append("array_api_tests")
    suite = find_suite(options.suite)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="array-api-dist-conformance-") as directory:
        for ranks, partition, device in product(options.ranks, options.partition, options.device):
            print(f"\nP = {ranks}, partition {partition}, device {device}", flush=True)
            chosen = argparse.Namespace(
                **vars(options) | {"ranks": ranks, "partition": partition, "device": device}
            )
            results.append(combination(chosen, suite, Path(directory) / f"{len(results)}", pytest_arguments))
            # After each: a run of all combinations takes a while, and may be ended by hand.
            write_json(options.json, results, {"suite": str(suite)})
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every combination, or join reports; return the exit status."""
    options, pytest_arguments = parser().parse_known_args(arguments)
    if options.join:
        results = joined(options.join)
        write_json(options.json, results, {"joined": [str(report) for report in options.join]})
    else:
        results = ran(options, pytest_arguments)
    print(f"\n{results_table(results)}\n\nreport: {options.json}", flush=True)
    bad = [outcome for result in results for outcome in result.outcomes if outcome.outcome in BAD_OUTCOMES]
    return 1 if bad or not any(result.outcomes for result in results) else 0


if __name__ == "__main__":
    exit_on_sigterm()
    try:
        sys.exit(main())
    except (OSError, ValueError) as error:
        sys.exit(f"conformance: {error}")
