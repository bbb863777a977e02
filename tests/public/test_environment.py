"""Environment variables: what they take, and that a refusal names them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from array_api_dist._environment import is_switched_on

PROGRAM = "import array_api_dist as xp; print(xp.ones(3) + 1)"


def run(variables: dict[str, str]) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARRAY_API_DIST_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=kept | variables,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_switch_is_one_zero_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("ARRAY_API_DIST_ANY", value)
        assert is_switched_on("ARRAY_API_DIST_ANY") is expected
    for value in ("yes", "true", "2", " 1"):
        monkeypatch.setenv("ARRAY_API_DIST_ANY", value)
        with pytest.raises(ValueError, match="ARRAY_API_DIST_ANY must be 0, 1 or empty"):
            is_switched_on("ARRAY_API_DIST_ANY")
    monkeypatch.delenv("ARRAY_API_DIST_ANY")
    assert not is_switched_on("ARRAY_API_DIST_ANY")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LOCKSTEP", "yes"), ("MIXED_KINDS", "true"), ("PARTITION", "frist"), ("DEVICE", "gpu")],
)
def test_a_value_that_is_none_is_refused_by_its_variable(variable: str, value: str) -> None:
    status, output = run({f"ARRAY_API_DIST_{variable}": value})
    assert status != 0
    last = output.strip().splitlines()[-1]
    assert last.startswith(f"ValueError: ARRAY_API_DIST_{variable}")
    assert f"got {value!r}" in last


def test_an_empty_value_counts_as_unset() -> None:
    names = ("LOCKSTEP", "MIXED_KINDS", "PARTITION", "DEVICE")
    status, output = run({f"ARRAY_API_DIST_{name}": "" for name in names})
    assert status == 0, output
