"""What a program wrote is made again by the build, and never kept: no bundles, packed copies, fonts or logs of a run."""

from __future__ import annotations

from tests.house.repository import ROOT, files, named, nothing, short

BUILT = (".gz", ".woff2", ".map", ".log", ".pyc", ".min.js")


def test_nothing_that_is_built_is_kept() -> None:
    assert ROOT / "pyproject.toml" in files()
    nothing(
        map(short, {*named(*BUILT), *named("", under="src/opencets_web/ui/static")}),
        "made by the build or by a run; take it out and let .gitignore name its folder:",
    )
