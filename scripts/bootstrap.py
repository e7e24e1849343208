"""Sets up what a clone needs, with the standard library alone; each part is left out where it stands already.

``bootstrap.py run``: the environment in ``.venv`` from the hash-checked locks, and the built pages.
``bootstrap.py test``: the same with the tools of the tests, and Debian's Chromium, PostgreSQL, xmlsec1, tesseract, and the
clients among which the sensor is tested (aria2, Transmission, opentracker, tcpdump).
``bootstrap.py proof``: the same with the optional parts, a Java runtime for Spark, and the peers of the benchmarks.

A part is known to stand by a stamp: the hash of its locks or sources. Nothing is fetched where the stamp agrees.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
FRONTEND = ROOT / "frontend"
DIST = ROOT / "src" / "opencets_web" / "ui" / "static" / "dist"
OLDEST = (3, 11)
OLDEST_NODE = 20
LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock", "proof": "requirements-proof.lock"}
"""From the least to the most; each contains the ones before."""
SWARM = {
    "aria2c": "aria2",
    "transmission-cli": "transmission-cli",
    "opentracker": "opentracker",
    "tcpdump": "tcpdump",
    "ip": "iproute2",
}
"""Programs of the swarm in which the sensor is tested, each in a network of its own, and the packages that have them."""
DESKTOP = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "xterm": "xterm",
    "mousepad": "mousepad",
    "xdotool": "xdotool",
    "dbus-daemon": "dbus-daemon",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
}
"""Programs of the desktop on which the agent is tested, and the packages that have them."""


def main(part: str) -> None:
    """Set up ``part``: ``run``, ``test`` or ``proof``."""
    if part not in LOCKS:
        stop(f"{part!r} is no part: run, test or proof.")
    started = time.monotonic()
    make_environment(part)
    build_pages()
    if part != "run":
        install_test_programs(java=part == "proof")
    if time.monotonic() - started > 2:
        tell(f"Set-up took {time.monotonic() - started:.0f} s.")


def make_environment(part: str) -> None:
    """The virtual environment with all that the lock names, each file checked against its hash."""
    stamps = {
        name: hashed([ROOT / "requirements-bootstrap.lock", ROOT / lock, ROOT / "pyproject.toml"], sys.version)
        for name, lock in LOCKS.items()
    }
    stamp = VENV / "opencets-stamp.json"
    done = json.loads(stamp.read_text()) if stamp.exists() else {}
    enough = list(LOCKS)[list(LOCKS).index(part) :]
    if (BIN / "opencets").exists() and any(done.get(name) == stamps[name] for name in enough):
        return
    if not (BIN / "python").exists():
        tell("Making the environment in .venv")
        run([newest_python(), "-m", "venv", str(VENV)], advice="On Debian: apt-get install python3-venv.")
    tell(f"Installing what {LOCKS[part]} names")
    python = str(BIN / "python")
    run(
        [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(ROOT / "requirements-bootstrap.lock")]
    )
    lock = str(ROOT / LOCKS[part])
    fast = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock]
    if subprocess.run(fast, env=fast_environment(), check=False).returncode:
        tell("uv could not; pip installs the same, more slowly")
        run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock])
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    stamp.write_text(json.dumps({**done, part: stamps[part]}))


def newest_python() -> str:
    """This interpreter, or another of the machine that is new enough."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for minor in range(14, OLDEST[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    return stop(f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is {sys.version.split()[0]}.")


def fast_environment() -> dict[str, str]:
    """The environment for uv, which does not read pip's settings: the index and certificates that pip was given."""
    environment = dict(os.environ)
    said = subprocess.run(
        [str(BIN / "python"), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    for line in said.stdout.splitlines():
        name, _, value = line.partition("=")
        if name.endswith(".index-url"):
            environment.setdefault("UV_DEFAULT_INDEX", value.strip("'\""))
        elif name.endswith(".cert"):
            environment.setdefault("SSL_CERT_FILE", value.strip("'\""))
    return environment


def build_pages() -> None:
    """The scripts and styles of the pages, built where their sources have changed."""
    if not (FRONTEND / "package.json").exists():
        return
    sources = [path for path in sorted(FRONTEND.rglob("*")) if path.is_file() and "node_modules" not in path.parts]
    stamp = hashed(sources)
    stamp_file = DIST / ".stamp"
    if (DIST / "manifest.json").exists() and stamp_file.exists() and stamp_file.read_text() == stamp:
        return
    npm = shutil.which("npm")
    if npm is None or node_version() < OLDEST_NODE:
        stop(f"Node {OLDEST_NODE} or newer with npm is needed to build the pages; install it, then try again.")
    modules = FRONTEND / "node_modules"
    modules_stamp = modules / ".opencets-stamp"
    wanted = hashed([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    if not modules_stamp.exists() or modules_stamp.read_text() != wanted:
        tell("Installing what frontend/package-lock.json names")
        run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder=FRONTEND)
        modules_stamp.write_text(wanted)
    tell("Building the pages")
    run([npm, "run", "--silent", "build", "--", "--logLevel", "warn"], folder=FRONTEND)
    if not (DIST / "manifest.json").exists():
        stop("The pages were built, and their manifest.json is not there; see frontend/vite.config.ts.")
    stamp_file.write_text(stamp)


def node_version() -> int:
    """The major version of Node, 0 where there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.lstrip("v").split(".")[0] or 0)


def install_test_programs(*, java: bool) -> None:
    """Chromium for the browser tests, the system's PostgreSQL for a second server, xmlsec1 for the SAML provider of the tests,
    tesseract for the words in pictures, real clients, a tracker and a watch on the wire for the sensor, a desktop for the agent.

    ``java``: also a runtime for the Spark cluster of the proofs.
    """
    missing = []
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        missing.append("chromium")
    if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.append("postgresql")
    if not shutil.which("xmlsec1"):
        missing.append("xmlsec1")
    if not shutil.which("tesseract"):
        missing += ["tesseract-ocr", "tesseract-ocr-eng"]
    there = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for program, package in {**SWARM, **DESKTOP}.items():
        if not shutil.which(program, path=there):
            missing.append(package)
    if java and not shutil.which("java"):
        missing.append("openjdk-17-jre-headless")
    if not missing:
        return
    names = " ".join(missing)
    if not shutil.which("apt-get") or os.geteuid() != 0:
        tell(
            f"Not installed: {names}. The tests that need them say so and are left out; "
            f"as root on Debian: apt-get install --no-install-recommends {names}"
        )
        return
    tell(f"Installing {names} from the system's packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], environment=environment)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], environment=environment)


def hashed(paths: list[Path], *texts: str) -> str:
    """One hash over names and contents."""
    digest = hashlib.sha256("\0".join(texts).encode())
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(path.read_bytes() if path.exists() else b"absent")
    return digest.hexdigest()


def run(
    command: list[str], *, folder: Path = ROOT, environment: dict[str, str] | None = None, advice: str = ""
) -> None:
    """Run ``command``; where it fails, end with what it was and what to do."""
    answer = subprocess.run(command, cwd=folder, env=environment, check=False)
    if answer.returncode:
        stop(f"This failed (code {answer.returncode}): {' '.join(command)}. {advice}".strip())


def tell(sentence: str) -> None:
    """Say what is being done."""
    print(f"-- {sentence}", flush=True)


def stop(sentence: str) -> NoReturn:
    """End with a sentence."""
    raise SystemExit(f"Set-up stopped. {sentence}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "run")
