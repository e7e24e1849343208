"""Every link inside the repository leads to a file that is there, and to a heading that stands in it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.repository import ROOT, named, nothing, short

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_relative_link_resolves() -> None:
    broken = []
    for page in named(".md"):
        text = re.sub(r"```.*?```|<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            to = (page.parent / name).resolve() if name else page
            if not to.exists() or not to.is_relative_to(ROOT):
                broken.append(f"{short(page)} -> {target}")
            elif anchor and to.suffix == ".md" and anchor not in _anchors(to):
                broken.append(f"{short(page)} -> {target} (no such heading)")
    nothing(broken)


def test_every_page_of_the_documentation_is_reached_from_the_readme() -> None:
    index = ROOT / "docs" / "README.md"
    reached, waiting = set(), [ROOT / "README.md", index]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        for target in LINK.findall(page.read_text()):
            to = (page.parent / target.partition("#")[0]).resolve()
            if to.suffix == ".md" and to.is_relative_to(ROOT):
                waiting.append(to)
    lost = [short(page) for page in named(".md", under="docs") if page not in reached]
    nothing(lost)


def test_every_test_that_a_page_names_is_there() -> None:
    """A page that says what holds a promise names its test; a test that was moved would leave the promise unheld."""
    named_tests = re.compile(r"`(tests/[\w./-]*)`")
    lost = [
        f"{short(page)}: {name}"
        for page in named(".md")
        if page.name != "CHANGELOG.md" and "changelog.d" not in page.parts
        for name in named_tests.findall(page.read_text())
        if not (ROOT / name).exists()
    ]
    nothing(lost)
