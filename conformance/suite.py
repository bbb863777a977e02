"""Where the official test suite lies: a checkout that is given, or a clone of the pinned commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

SUITE_VARIABLE: Final = "ARRAY_API_TESTS"

REPOSITORY: Final = "https://github.com/data-apis/array-api-tests"
COMMIT: Final = "55fcc60179efa2680ddd6cd926ddf17b83530e2b"
STUBS_REPOSITORY: Final = "https://github.com/data-apis/array-api"
STUBS_COMMIT: Final = "5f847a3858875c682ae901aa22b0413bf24be9da"


def find_suite(given: Path | None) -> Path:
    """Return the suite's checkout: ``given``, else the environment's, else a clone in the user's cache directory.

    Raises
    ------
    FileNotFoundError
        If what is given is no checkout of the suite, or no clone can be made.
    """
    named = given or os.environ.get(SUITE_VARIABLE)
    if named:
        return checked(Path(named))
    return checked(clone(cache_directory() / f"array-api-tests-{COMMIT[:12]}"))


def checked(suite: Path) -> Path:
    """Return the absolute path of ``suite``, having seen that it holds the tests and the standard's stubs."""
    suite = suite.expanduser().resolve()
    for part in ("array_api_tests", "array-api/src/array_api_stubs"):
        if not (suite / part).is_dir():
            raise FileNotFoundError(
                f"a checkout of array-api-tests holds {part} (with its submodule), {suite} does not"
            )
    return suite


def cache_directory() -> Path:
    """Return the directory for what can be fetched again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "array-api-dist"


def clone(suite: Path, repository: str = REPOSITORY, stubs_repository: str = STUBS_REPOSITORY) -> Path:
    """Bring the pinned commits of the suite and of the standard's stubs to ``suite``, unless they are there."""
    if not suite.exists():
        partial = suite.with_name(f"{suite.name}.{os.getpid()}")
        _fetch(repository, COMMIT, partial)
        _fetch(stubs_repository, STUBS_COMMIT, partial / "array-api")
        partial.rename(suite)
    return suite


def _fetch(repository: str, commit: str, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    git = ["git", "-C", str(directory)]
    for arguments in (
        ["init", "--quiet"],
        ["fetch", "--quiet", "--depth", "1", repository, commit],
        ["-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD"],
    ):
        try:
            ended = subprocess.run([*git, *arguments], capture_output=True, text=True, check=False)
            reason = ended.stderr.strip() if ended.returncode else None
        except OSError as error:
            reason = f"git does not start: {error}"
        if reason is not None:
            raise FileNotFoundError(
                f"the suite is a checkout given by --suite or {SUITE_VARIABLE}, or fetched from {repository}; "
                f"fetching failed: {reason}"
            )
