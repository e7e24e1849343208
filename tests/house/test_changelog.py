"""Each change that is seen from outside leaves one fragment, and the changelog says how they are put together."""

from __future__ import annotations

import re

from tests.house.repository import ROOT, nothing

KINDS = ("security", "breaking", "added", "changed", "fixed", "removed")
NAME = re.compile(rf"^\d+(?:-[a-z0-9-]+)?\.(?:{'|'.join(KINDS)})\.md$")


def test_every_fragment_is_named_by_issue_and_kind() -> None:
    names = [path.name for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]
    assert names
    nothing([name for name in names if not NAME.match(name)])


def test_every_fragment_is_made_of_sentences() -> None:
    for path in (ROOT / "changelog.d").iterdir():
        text = path.read_text().strip()
        assert text, path.name
        assert text[0].isupper() or text[0] in "`#", path.name
        assert text.endswith((".", "|", "`")), path.name


def test_the_changelog_names_the_version_of_the_program_or_what_is_to_come() -> None:
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {version}" in text or "## Unreleased" in text
