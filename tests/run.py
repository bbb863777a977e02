"""Run the tests at several numbers of ranks: python tests/run.py [--ranks 1,2,3,4] [pytest arguments].

One rank runs everything in one process; several run tests/mpi and tests/ml, or what the arguments name, under mpirun.
A hang or a crash counts as a failure of its test, and the run goes on with the next.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from conformance.launch import BAD_OUTCOMES, Job, exit_on_sigterm, run  # noqa: E402 - found by the line above
from conformance.options import rank_numbers  # noqa: E402
from conformance.report import KINDS, Row, table  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--ranks",
        type=rank_numbers,
        default="1,2,3,4",
        help="numbers of ranks, with commas (default: %(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=120.0,
        help="seconds after which a test that does not get on counts as hung (default: %(default)s)",
    )
    options, pytest_arguments = parser.parse_known_args(arguments)
    rows: list[Row] = []
    is_good = True
    with tempfile.TemporaryDirectory(prefix="array-api-dist-tests-") as directory:
        for ranks in options.ranks:
            print(f"\nP = {ranks}", flush=True)
            journal = Path(directory) / str(ranks)
            paths = ["-o", f"testpaths={'tests' if ranks == 1 else 'tests/mpi tests/ml'}"]
            job = Job(
                ranks,
                [*paths, *pytest_arguments],
                journal,
                ROOT,
                {"PYTHONPATH": str(ROOT)},
                limit=options.limit,
            )
            started = time.monotonic()
            counts = Counter(outcome.outcome for outcome in run(job))
            is_good &= not BAD_OUTCOMES & counts.keys()
            seconds = f"{time.monotonic() - started:.1f}"
            rows.append([str(ranks), *(str(counts[kind]) for kind in KINDS), seconds])
    print(f"\n{table(['P', *KINDS, 'seconds'], rows)}", flush=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    exit_on_sigterm()
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"tests/run.py: {error}")
