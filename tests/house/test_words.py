"""Names say what a thing is, and no text of the repository leads to one machine or one package registry."""

from __future__ import annotations

import re

from tests.house.repository import ROOT, files, lines, nothing, short

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base_utils", "stuff"}
REGISTRIES = (
    "py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js.org", "registry.yarn" + "pkg.com",
    "proxy.go" + "lang.org", "crates" + ".io", "anaconda" + ".org",
)  # fmt: skip
MACHINE_PATHS = re.compile(r"(?<![\w.\-/~:])/(?:wo" + r"rk|ro" + r"ot|t" + r"mp|ho" + r"me)/\w")


def test_no_file_has_an_empty_name() -> None:
    empty = [short(path) for path in files() if path.stem.lower() in EMPTY_NAMES and path.suffix in {".py", ".ts"}]
    nothing(empty)


def test_no_text_names_a_package_registry() -> None:
    found = [
        f"{short(path)}:{number}"
        for path in files()
        for number, line in lines(path)
        if any(registry in line for registry in REGISTRIES)
    ]
    nothing(found)


def test_no_text_names_a_folder_of_one_machine() -> None:
    found = [
        f"{short(path)}:{number}: {line.strip()[:100]}"
        for path in files()
        for number, line in lines(path)
        if MACHINE_PATHS.search(line) or str(ROOT) in line
    ]
    nothing(found)


def test_no_module_connects_django_signals() -> None:
    signals = re.compile(r"django\.db\.models\.signals|django\.dispatch|@receiver\(")
    found = [
        f"{short(path)}:{number}"
        for path in files()
        if path.suffix == ".py" and path.is_relative_to(ROOT / "src")
        for number, line in lines(path)
        if signals.search(line)
    ]
    nothing(found)
