"""Ask whether a dependency of the locks has a known weakness, and end with 1 where one has.

    python scripts/audit_dependencies.py [--must]

Asks the advisory services of pip-audit (OSV) and of npm for exactly the versions in ``requirements.lock`` and
``frontend/package-lock.json``. A machine without a way out cannot ask: that is said, and ends with 0, or with 2 under ``--must``,
which is for the machine that releases. ``OPENCETS_ADVISORIES`` and ``OPENCETS_NPM_ADVISORIES`` name mirrors of the two services.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 240
TOLD = ("critical", "high", "moderate", "low", "info")


class Unreachable(Exception):
    """The service gave no answer; the sentence says which and why."""


def main(arguments: list[str]) -> int:
    """Ask both services; the exit code."""
    found: list[str] = []
    silent: list[str] = []
    for name, ask in (("requirements.lock", python_weaknesses), ("frontend/package-lock.json", page_weaknesses)):
        try:
            told = ask()
        except Unreachable as reason:
            silent.append(f"{name}: {reason}")
        else:
            found += told
            sys.stdout.write(f"{name}: {len(told) or 'no'} known weakness{'es' if len(told) > 1 else ''}.\n")
    for line in found:
        sys.stdout.write(f"  {line}\n")
    for line in silent:
        sys.stdout.write(f"NOT AUDITED {line}\n")
    if found:
        return 1
    return 2 if silent and "--must" in arguments else 0


def python_weaknesses() -> list[str]:
    """A line for each advisory that holds for a locked Python package. Unreachable: the service did not answer for every one."""
    line = [
        str(Path(sys.executable).with_name("pip-audit")), "--requirement", str(ROOT / "requirements.lock"), "--require-hashes",
        "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10", "--vulnerability-service", "osv",
    ]  # fmt: skip
    if mirror := os.environ.get("OPENCETS_ADVISORIES"):
        line += ["--osv-url", mirror]
    told = _json_of(line, ROOT)
    packages = told.get("dependencies", [])
    skipped = [row["name"] for row in packages if "skip_reason" in row]
    if not packages or skipped:
        raise Unreachable(f"{len(skipped) or 'all'} packages could not be asked about.")
    return [
        f"{row['name']} {row['version']}: {', '.join([weakness['id'], *weakness['aliases']])};"
        f" put right in {', '.join(weakness['fix_versions']) or 'no version yet'}"
        for row in packages
        for weakness in row["vulns"]
    ]


def page_weaknesses() -> list[str]:
    """A line for each locked package of the pages that has an advisory. Unreachable: the service did not answer."""
    line = [
        "npm",
        "audit",
        "--json",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=2000",
    ]
    if mirror := os.environ.get("OPENCETS_NPM_ADVISORIES"):
        line += ["--registry", mirror]
    told = _json_of(line, ROOT / "frontend")
    if "vulnerabilities" not in told:
        raise Unreachable(str(told.get("message") or told.get("error") or "npm gave no answer.").partition(" - ")[0])
    return [
        f"{name} {row['range']}: {row['severity']}"
        for name, row in sorted(told["vulnerabilities"].items(), key=lambda pair: TOLD.index(pair[1]["severity"]))
    ]


def _json_of(line: list[str], folder: Path) -> dict[str, Any]:
    try:
        ended = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as trouble:
        raise Unreachable(f"{Path(line[0]).name} did not run to its end: {type(trouble).__name__}.") from trouble
    try:
        answer = json.loads(ended.stdout)
    except json.JSONDecodeError as trouble:
        last = (ended.stderr.strip().splitlines() or ["no answer"])[-1]
        raise Unreachable(f"{Path(line[0]).name}: {last[:160]}") from trouble
    return answer if isinstance(answer, dict) else {}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
