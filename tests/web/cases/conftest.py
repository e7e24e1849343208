"""The folder of collected files is there, as set-up makes it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def static_folder(db: None) -> None:
    """Whitenoise warns where the folder is missing, and a warning is an error here."""
    from django.conf import settings

    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
