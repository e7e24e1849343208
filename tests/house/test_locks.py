"""The locks name every package with its hash, and no address it comes from: a mirror serves as well."""

from __future__ import annotations

import json
import re

import pytest

from tests.house.repository import ROOT, nothing

PYTHON_LOCKS = ("requirements-bootstrap.lock", "requirements.lock", "requirements-dev.lock", "requirements-proof.lock")


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_python_package_is_pinned_with_its_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|--index-url|--find-links|--trusted-host", text)
    entries = re.split(
        r"\n(?=[A-Za-z0-9])", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    )
    entries = [entry for entry in entries if entry.strip()]
    assert entries
    loose = [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    nothing(loose)


def test_each_lock_contains_the_one_before() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9._-]+(?:\[[^\]]*\])?==[^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE))

    nothing(pins("requirements.lock") - pins("requirements-dev.lock"))
    nothing(pins("requirements-dev.lock") - pins("requirements-proof.lock"))


def test_every_front_end_package_is_pinned_with_its_hash_and_no_address() -> None:
    text = (ROOT / "frontend" / "package-lock.json").read_text()
    packages = {name: row for name, row in json.loads(text)["packages"].items() if name}
    assert packages
    nothing([name for name, row in packages.items() if "resolved" in row])
    nothing([name for name, row in packages.items() if "integrity" not in row and not row.get("link")])
