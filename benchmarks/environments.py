"""Virtual environments: one for each file of pins, kept in the user's cache directory."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.registry import Entry
from conformance.suite import cache_directory

PINS: Final = Path(__file__).parent / "requirements"

_TORCHVISION: Final = '''"""A stand-in, made by array_api_dist's benchmarks: HeAT imports torchvision, and uses none of it here."""

from torchvision import datasets, transforms
'''
_DATASETS: Final = '''"""A stand-in: the base class that HeAT's data set of digits derives from."""


class MNIST:
    """Nothing."""
'''
_TRANSFORMS: Final = '''"""A stand-in: the one name that HeAT's annotations mention."""


class Compose:
    """Nothing."""
'''


class CannotInstallError(Exception):
    """An environment could not be made; the message has the last lines of what pip said."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter with a system's packages."""

    python: Path


def environment_of(entry: Entry) -> Environment:
    """Return a system's environment, made if need be.

    Raises
    ------
    CannotInstallError
        If pip can't install what is pinned.
    """
    if entry.requirements is None:
        return Environment(Path(sys.executable))
    directory = cache_directory() / "benchmarks" / f"{entry.requirements}-{_fingerprint(entry.requirements)}"
    if not directory.exists():
        _make(entry.requirements, directory)
    return Environment(directory / "bin" / "python")


def _files(name: str) -> list[Path]:
    """Return the pins that are installed with their dependencies checked, then those without."""
    return [path for path in (PINS / f"{name}.txt", PINS / f"{name}.no-deps.txt") if path.exists()]


def _fingerprint(name: str) -> str:
    told = [f"{sys.version_info.major}.{sys.version_info.minor}", _TORCHVISION, _DATASETS, _TRANSFORMS]
    told += [path.read_text() for path in _files(name)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def _make(name: str, directory: Path) -> None:
    # A partly made environment never has the final name; several programs may make one at a time.
    partial = directory.with_name(f"{directory.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _call([sys.executable, "-m", "venv", str(partial)])
        python = partial / "bin" / "python"
        for path in _files(name):
            alone = ["--no-deps"] if path.name.endswith(".no-deps.txt") else []
            _call([str(python), "-m", "pip", "install", "--quiet", *alone, "-r", str(path)])
        if name == "heat":
            _stand_in_for_torchvision(python)
        partial.rename(directory)
    except OSError:
        if not directory.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _stand_in_for_torchvision(python: Path) -> None:
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    package = Path(_call(command).strip()) / "torchvision"
    package.mkdir(exist_ok=True)
    for name, text in (("__init__", _TORCHVISION), ("datasets", _DATASETS), ("transforms", _TRANSFORMS)):
        (package / f"{name}.py").write_text(text)


def _call(command: list[str]) -> str:
    # pip must see neither this program's packages nor the constraints that installed them.
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_CONSTRAINT"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=kept)
    if done.returncode != 0:
        raise CannotInstallError("\n".join((done.stderr or done.stdout).strip().splitlines()[-5:]))
    return done.stdout
