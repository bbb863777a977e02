"""Print the budget table, or write it into docs/budgets.md: python tests/engine/budgets [--write]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "budgets.md"
# This folder is the package `budgets`, and not a place of modules of its own.
sys.path[:1] = [str(ROOT), str(ROOT / "tests" / "engine")]

from budgets.report import HEADING, table  # noqa: E402 - found by the line above


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/engine/budgets", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/budgets.md")
    lines = "\n".join(table())
    if not parser.parse_args().write:
        sys.stdout.write(f"{lines}\n")
        return
    before = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    PAGE.write_text(f"{before}{HEADING}\n\n{lines}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
