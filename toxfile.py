"""Let every tox environment of this project live in one directory, so that torch and MPI are installed once."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tox.plugin import impl
from tox.tox_env.api import ToxEnv
from tox.tox_env.info import Info
from tox.tox_env.python.virtual_env.runner import VirtualEnvRunner
from tox.tox_env.register import ToxEnvRegister


class SharedInfo(Info):
    """What tox remembers of the directory, apart from the name of the environment that made it."""

    @contextmanager
    def compare(
        self, value: Any, section: str, sub_section: str | None = None
    ) -> Generator[tuple[bool, Any | None]]:
        """Compare as tox does, under one name for all environments: a new name would make tox start afresh."""
        if section == ToxEnv.__name__:
            value = {**value, "name": "shared"}
        with super().compare(value, section, sub_section) as answer:
            yield answer


class SharedRunner(VirtualEnvRunner):
    """A virtual environment that several tox environments share: they ask for the same packages."""

    @staticmethod
    def id() -> str:
        """Return what ``runner =`` in tox.ini names."""
        return "shared"

    @property
    def cache(self) -> Info:
        """What tox remembers of the directory."""
        return SharedInfo(self.env_dir)


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    """Make ``runner = shared`` known to tox."""
    register.add_run_env(SharedRunner)
