"""What the README promises can be typed: its make targets, its commands, its picture."""

from __future__ import annotations

import re

import pytest

from tests.house.repository import ROOT, named, nothing, short

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md"]


def _typed() -> list[tuple[str, str]]:
    """Every command in a code block or in backticks, with the page it stands on."""
    found = []
    for page in [*(ROOT / name for name in PAGES), *named(".md", under="docs")]:
        text = page.read_text()
        blocks = re.findall(r"```(?:console|sh|shell|bash|text)?\n(.*?)```", text, re.DOTALL)
        typed = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
        typed += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        found += [(short(page), line) for line in typed]
    return found


def test_every_make_target_that_is_written_down_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = [
        f"{page}: {line}"
        for page, line in _typed()
        if (said := re.match(r"make ([a-z-]+)\b", line)) and said[1] not in targets
    ]
    nothing(missing)


def test_every_command_that_is_written_down_exists() -> None:
    import click

    from opencets.cli.main import main

    missing = []
    with click.Context(main) as context:
        for page, line in _typed():
            said = re.match(r"(?:\.venv/bin/)?opencets ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", line)
            if said is None:
                continue
            words = said[1].split()
            command = main.get_command(context, words[0])
            if command is None or (
                isinstance(command, click.Group) and len(words) > 1 and command.get_command(context, words[1]) is None
            ):
                missing.append(f"{page}: {line}")
    nothing(missing)


def test_the_picture_is_there_where_the_readme_shows_one() -> None:
    shown = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", shown):
        assert (ROOT / picture).is_file(), picture


def test_the_readme_says_what_for_whom_how_and_what_not() -> None:
    text = (ROOT / "README.md").read_text()
    for heading in ("For whom", "Start", "Doors by role", "What it will not do", "Figures", "Documentation"):
        assert re.search(rf"^## {heading}", text, re.MULTILINE), heading
    assert "make run" in text
    assert "make test" in text


def test_every_figure_names_the_command_that_gives_it() -> None:
    text = (ROOT / "README.md").read_text()
    table = re.search(r"^## Figures.*?\n(\|.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert table is not None
    rows = table[1].splitlines()[2:]
    assert rows
    for row in rows:
        assert re.search(r"`[^`]+`", row.rstrip("| ").rpartition("|")[2]), row


@pytest.mark.parametrize("name", [*PAGES, "GLOSSARY.md", "CHANGELOG.md", "LICENSE"])
def test_the_written_face_of_the_repository_is_complete(name: str) -> None:
    assert len((ROOT / name).read_text().strip()) > 200
