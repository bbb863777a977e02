"""Print the matrix of namespaces and placements x numbers of ranks: python tests/ml/matrix.py [--ranks 1,2,3,4].

Every function of array_api_dist_ml in every namespace, and in array_api_dist under every placement, those that the
ordinary tests leave to `-m slow` included. What is not an option of this program goes to pytest.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from conformance.launch import BAD_OUTCOMES, Job, exit_on_sigterm, run  # noqa: E402 - found by the line above
from conformance.options import rank_numbers  # noqa: E402
from conformance.report import Row, table  # noqa: E402

SPACE = re.compile(
    r"[\[-](numpy|torch|array_api_strict|array_api_dist-(?:auto|none|first|last|uneven|mixed))[-\]]"
)


def spaces_of(ranks: int, directory: str, rest: Sequence[str]) -> dict[str, Counter[str]]:
    """Return the outcomes of the tests at a number of ranks, by namespace and placement."""
    arguments = ["tests/ml", "-m", "slow or not slow", "-q", *rest]
    job = Job(ranks, arguments, Path(directory) / str(ranks), ROOT, {"PYTHONPATH": str(ROOT)}, limit=120.0)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in run(job):
        space = SPACE.search(outcome.test)
        if space:
            found[space[1]][outcome.outcome] += 1
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--ranks", type=rank_numbers, default="1,2,3,4", help="with commas (default: %(default)s)"
    )
    options, rest = parser.parse_known_args(arguments)
    every_rank = options.ranks
    with tempfile.TemporaryDirectory(prefix="array-api-dist-ml-") as directory:
        columns = {ranks: spaces_of(ranks, directory, rest) for ranks in every_rank}
    names = sorted({name for column in columns.values() for name in column})
    rows: list[Row] = [[name, *(told(columns[ranks].get(name)) for ranks in every_rank)] for name in names]
    print(f"\n{table(['', *(f'P = {ranks}' for ranks in every_rank)], rows)}")
    bad = any(BAD_OUTCOMES & counts.keys() for column in columns.values() for counts in column.values())
    return 1 if bad or not names else 0


def told(counts: Counter[str] | None) -> str:
    """Return how many passed, and how many did not, in words for a cell."""
    if counts is None:
        return "-"
    others = [f"{count} {outcome}" for outcome, count in sorted(counts.items()) if outcome != "passed"]
    return ", ".join([f"{counts['passed']} passed", *others])


if __name__ == "__main__":
    exit_on_sigterm()
    sys.exit(main())
