"""Every package that the program, its tests, its benchmarks or its pages stand on has one line that says why."""

from __future__ import annotations

import json
import re
import tomllib

from tests.house.repository import ROOT, nothing

ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \|$", re.MULTILINE)


def _bare(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower()


def _named() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    python = {_bare(name) for name in project["project"]["dependencies"]}
    python |= {_bare(name) for extra in project["project"]["optional-dependencies"].values() for name in extra}
    python |= {_bare(name) for group in project["dependency-groups"].values() for name in group}
    python |= {_bare(name) for name in project["build-system"]["requires"]}
    pages = json.loads((ROOT / "frontend" / "package.json").read_text())
    return python | {*pages.get("dependencies", {}), *pages.get("devDependencies", {})}


def test_each_dependency_has_one_reason_and_each_reason_a_dependency() -> None:
    rows = ROW.findall((ROOT / "docs" / "decisions" / "dependencies.md").read_text())
    reasons = dict(rows)
    assert len(reasons) == len(rows), "a package stands twice"
    nothing(_named() - set(reasons), "without a reason")
    nothing(set(reasons) - _named(), "not needed any more")
    nothing([name for name, reason in reasons.items() if len(reason) < 12 or not reason.endswith(".")])
