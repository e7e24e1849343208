"""The same books as the room of entities uses."""

from __future__ import annotations

import pytest

from tests.web.conftest import Cast
from tests.web.entities.conftest import Books


@pytest.fixture
def books(cast: Cast) -> Books:
    """Cases and records to draw."""
    return Books(cast)
