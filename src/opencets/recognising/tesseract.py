"""The standard recogniser: the program ``tesseract``, as a process of its own, one for each pass over a picture.

The picture goes in and the table of words comes out through memory (an unnamed file where the system has no such memory): no shell,
no file name, nothing of the picture on a disk. A pass has a limit of time, of address space, and of what it may write; one that
hangs, crashes or prints anything but the table costs that picture.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self, cast

from opencets.errors import LimitReached
from opencets.recognising.plugging import RecogniserFailed, RecogniserMissing, Seen

if TYPE_CHECKING:
    from PIL.Image import Image

PROGRAM = "tesseract"
SECONDS = 30.0
"""For one pass; an ordinary one takes a fifth of a second."""
MEMORY_BYTES = 1536 * 1024 * 1024
TABLE_BYTES = 8 * 1024 * 1024
SPARSE = "11"
"""Page segmentation: text anywhere on the picture, in no order (``tesseract --help-psm``)."""
INSTALL = "on Debian: apt-get install tesseract-ocr, and a package tesseract-ocr-… for each language, such as tesseract-ocr-deu"
COLUMNS = (
    "level", "page_num", "block_num", "par_num", "line_num", "word_num", "left", "top", "width", "height", "conf", "text",
)  # fmt: skip
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_/-]{1,40}")


@dataclass(frozen=True, slots=True)
class Tesseract:
    """The program at ``path``, reading ``languages``."""

    path: str
    languages: str
    version: str

    @classmethod
    def open(cls, languages: str = "") -> Self:
        """The program of this machine; without ``languages``, all that are installed. Raises RecogniserMissing."""
        path = shutil.which(PROGRAM)
        if path is None:
            raise RecogniserMissing(f"The program {PROGRAM} is not installed; {INSTALL}.")
        installed = _installed(path)
        wanted = tuple(filter(None, languages.replace(",", "+").replace(" ", "").split("+"))) or installed
        absent = [one for one in wanted if one not in installed]
        if absent or not wanted:
            raise RecogniserMissing(
                f"{PROGRAM} has no data for {', '.join(absent) or 'any language'} (it has {', '.join(installed) or 'none'});"
                f" {INSTALL}."
            )
        first = _told(path, "--version").splitlines()
        number = first[0].split()[-1] if first and first[0].startswith(PROGRAM) else "of unknown version"
        return cls(path, "+".join(wanted), f"{PROGRAM} {number} {'+'.join(wanted)}"[:120])

    def read(self, picture: Image) -> Sequence[Seen]:
        """The words of a grey picture. Raises RecogniserFailed, or LimitReached after 30 seconds."""
        head = f"P5\n{picture.width} {picture.height}\n255\n".encode()
        return parse_table(self._table(head, picture.tobytes()))

    def _table(self, *content: bytes) -> bytes:
        command = [self.path, "stdin", "stdout", "-l", self.languages, "--psm", SPARSE, "tsv"]
        with _unnamed() as given, _unnamed(TABLE_BYTES) as taken:
            for part in content:
                given.write(part)
            given.seek(0)
            with _process(command, given, taken) as process:
                try:
                    code = process.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    raise LimitReached(f"{PROGRAM} took longer than {SECONDS:g} seconds and was stopped.") from None
            if code:
                said = f"signal {-code}" if code < 0 else f"exit status {code}"
                raise RecogniserFailed(f"{PROGRAM} ended with {said} and gave no words.")
            taken.seek(0)
            return taken.read(TABLE_BYTES + 1).rstrip(b"\0")


def parse_table(table: bytes) -> list[Seen]:
    """The words of a TSV of tesseract, level 5, with their lines numbered from 0. Raises RecogniserFailed for anything else."""
    if len(table) >= TABLE_BYTES:
        raise RecogniserFailed(f"{PROGRAM} gave {TABLE_BYTES:,} bytes or more; they were not read.")
    lines = table.decode("utf-8", "replace").split("\n")
    if tuple(lines[0].rstrip("\r").split("\t")) != COLUMNS:
        raise RecogniserFailed(f"{PROGRAM} gave something else than its table of words.")
    seen, numbers = [], dict[tuple[str, ...], int]()
    for line in lines[1:]:
        cells = line.rstrip("\r").split("\t")
        if len(cells) < len(COLUMNS) or cells[0] != "5":
            continue
        try:
            left, top, width, height = (int(cell) for cell in cells[6:10])
            confidence = float(cells[10])
        except ValueError:
            continue
        text = "\t".join(cells[11:]).strip()
        if (
            text
            and 0 <= confidence <= 100
            and min(left, top, width, height) >= 0
            and left + top + width + height < 10**6
        ):
            number = numbers.setdefault(tuple(cells[1:5]), len(numbers))
            seen.append(Seen(text, confidence, left, top, width, height, number))
    return seen


def _installed(path: str) -> tuple[str, ...]:
    """The languages whose data is there; the data for finding directions and equations is none."""
    told = _told(path, "--list-langs").splitlines()[1:]
    return tuple(sorted(one for line in told if _LANGUAGE.fullmatch(one := line.strip()) and one not in ("osd", "equ")))


def _told(path: str, question: str) -> str:
    try:
        answer = subprocess.run(
            [path, question], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=10, check=False,
            env=_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise RecogniserMissing(f"{PROGRAM} is installed and does not answer ({reason}); install it anew.") from reason
    return answer.stdout or answer.stderr


def _environment() -> dict[str, str]:
    """One core for a pass, no variable beyond where programs and data are."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TESSDATA_PREFIX", "LANG") if name in os.environ
    }
    return {**kept, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def _process(command: list[str], given: IO[bytes], taken: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The program at work, within limits; whatever is left of it ends with the block."""
    try:
        process = subprocess.Popen(
            command, stdin=given, stdout=taken, stderr=subprocess.DEVNULL, env=_environment(), start_new_session=True,
            close_fds=True,
        )  # fmt: skip
    except OSError as reason:
        raise RecogniserMissing(f"{PROGRAM} could not be started ({reason}); {INSTALL}.") from reason
    try:
        for which, most in (
            (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, TABLE_BYTES + 1), (resource.RLIMIT_CPU, int(SECONDS) + 2),
            (resource.RLIMIT_CORE, 0),
        ):  # fmt: skip
            _lower(process.pid, which, most)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _lower(pid: int, which: int, most: int) -> None:
    """A limit of a process that runs; without ``prlimit`` the limits of the process around it hold alone."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
            _, hard = resource.prlimit(pid, which)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, which, (most, most))


def _unnamed(most: int = 0) -> IO[bytes]:
    """Memory that a process reads and writes like a file; an unnamed temporary file where the system has none.

    ``most``: of memory, no process can write more bytes; what is not written reads as NUL.
    """
    if not hasattr(os, "memfd_create"):
        return tempfile.TemporaryFile(buffering=0)
    memory = os.memfd_create("opencets-text", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    if most:
        os.ftruncate(memory, most)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    return cast("IO[bytes]", os.fdopen(memory, "w+b", buffering=0))
