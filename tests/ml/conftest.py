"""Each test that asks for ``space`` runs in every namespace, and under several placements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from spaces import QUICK_PLACEMENTS, SPACES, Space


def _param(space: Space) -> object:
    is_quick = space.placement is None or space.placement in QUICK_PLACEMENTS
    return pytest.param(space, id=str(space), marks=() if is_quick else pytest.mark.slow)


@pytest.fixture(params=[_param(space) for space in SPACES])
def space(request: pytest.FixtureRequest) -> Iterator[Space]:
    found: Space = request.param
    with found.placed():
        yield found
