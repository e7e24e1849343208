"""The reference pages that are generated say what the program says today: run ``python docs/generate.py`` after a change."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.house.repository import ROOT, nothing


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "commands.md", "vocabulary.md", "../explanation/identifiers-and-generic-values.md", "standards.md", "audit-verbs.md",
        "settings.md", "api.md",
    ],
)  # fmt: skip
def test_the_generated_page_is_up_to_date(name: str) -> None:
    pages: dict[str, str] = _generator().pages()
    assert (ROOT / "docs" / "reference" / name).read_text() == pages[name], "run: .venv/bin/python docs/generate.py"


def test_every_command_and_every_option_has_a_sentence() -> None:
    import click

    silent = []
    for path, command in _generator().commands():
        if not (command.help or "").strip():
            silent.append(path)
        silent += [
            f"{path} {option.opts[0]}"
            for option in command.params
            if isinstance(option, click.Option) and not (option.help or "").strip() and not option.hidden
        ]
    nothing(silent)
