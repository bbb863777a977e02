"""How often ranks meet in a fit: the counts that docs/ml.md names, by the program that prints them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from spaces import RANKS

DEMO = Path(__file__).resolve().parents[2] / "ml" / "demo"
EXPECTED = {
    "k-means step": 1,
    "k-means step, verbose": 1,
    "Lasso fit": 7,
    "Lasso fit, no intercept": 5,
    "Lasso fit, many sweeps": 7,
}


def test_a_step_and_a_fit_take_as_many_collectives_on_any_number_of_ranks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(DEMO))
    assert importlib.import_module("collectives").counted() == EXPECTED


@pytest.mark.skipif(RANKS > 1, reason="it starts ranks of its own")
def test_the_program_prints_a_table() -> None:
    mine = ("OMPI_", "PMIX_", "PMI_", "PRTE_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    variables["PYTHONPATH"] = os.pathsep.join([str(DEMO.parents[1]), str(DEMO.parent)])
    command = [sys.executable, str(DEMO / "collectives.py"), "--ranks", "1,2"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = {
        words[1].strip(): words[2:4]
        for line in done.stdout.splitlines()
        if len(words := line.replace("|", "│").split("│")) > 3
    }
    assert {name: {int(count) for count in counts} for name, counts in rows.items() if name in EXPECTED} == {
        name: {count} for name, count in EXPECTED.items()
    }
