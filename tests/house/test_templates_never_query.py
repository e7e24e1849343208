"""A template shows what the query gave it: it asks nothing of the database, and brings no script or style of its own."""

from __future__ import annotations

import re

from tests.house.repository import lines, named, nothing, short

ASKS = re.compile(
    r"\{[{%][^}%]*(?:\.objects\b|\.all\b|\.filter\b|\w_set\b(?!\.)|\.exists\b|\.select_related\b)[^}%]*[%}]\}"
)
OWN_SCRIPT = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>|<style\b|\sstyle=|\son[a-z]+=\"", re.IGNORECASE
)


def _templates() -> list[tuple[str, int, str]]:
    found = [
        (short(path), number, line) for path in named(".html", under="src/opencets_web") for number, line in lines(path)
    ]
    assert found
    return found


def test_no_template_reaches_into_the_database() -> None:
    nothing([f"{name}:{number}: {line.strip()[:90]}" for name, number, line in _templates() if ASKS.search(line)])


def test_no_template_brings_a_script_or_a_style() -> None:
    """The content security policy would refuse them; so they are not written."""
    nothing([f"{name}:{number}: {line.strip()[:90]}" for name, number, line in _templates() if OWN_SCRIPT.search(line)])


def test_no_template_calls_text_safe() -> None:
    """What comes from evidence is escaped, always."""
    unsafe = re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off")
    nothing([f"{name}:{number}: {line.strip()[:90]}" for name, number, line in _templates() if unsafe.search(line)])
