"""Each test that asks for ``space`` runs in every namespace, and under several placements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from spaces import SPACES, Space


@pytest.fixture(params=SPACES, ids=str)
def space(request: pytest.FixtureRequest) -> Iterator[Space]:
    found: Space = request.param
    with found.placed():
        yield found
