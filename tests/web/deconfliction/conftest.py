"""A world of cases for the tests of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # models load after the settings, and this file before them
    from tests.web.conftest import Cast
    from tests.web.leads.worlds import World


@pytest.fixture
def world(cast: Cast) -> World:
    """Cases and records to compare."""
    from tests.web.leads.worlds import World

    return World(cast)
