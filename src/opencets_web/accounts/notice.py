"""The notice that an officer acknowledges at sign-in, once for each wording of it (CJIS Security Policy 5.9.5, AC-8)."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from opencets_web.accounts.models import Agency


@cache
def _brought() -> str:
    return (Path(__file__).parent / "data" / "notice.txt").read_text("utf-8").strip()


def text_for(agency: Agency) -> str:
    """The agency's own text; where it has none, the one that OpenCETS brings."""
    return agency.notice.strip() or _brought()


def version(text: str) -> str:
    """The mark of one wording: its SHA-256. A changed text is a new version, and is acknowledged anew."""
    return sha256(text.encode()).hexdigest()
