"""New files."""

from __future__ import annotations

import hashlib
import os
import pwd
import threading
from bisect import bisect_left
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from opencets.errors import ActRefused
from opencets.packing.fields import cleaned
from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="file",
    label=labels(
        "new files, by their hashes",
        "les nouveaux fichiers, par leurs empreintes",
        "neue Dateien, über ihre Prüfsummen",
    ),
    takes=(
        "A file that is written anew in the watched folders is compared by its hashes with the order's list "
        "of known files. Of one that stands in it, name, size and hashes are kept."
    ),
    never=(
        "No content of any file leaves the device. Of a file that is not on the list nothing is kept, not "
        "even its name. Files that were there before are not looked at."
    ),
    library="watchdog (inotify): closed after writing, moved; SHA-256, SHA-1 and MD5 by hashlib",
    systems="every desktop",
    windows="ReadDirectoryChangesW, by watchdog",
    macos="FSEvents, by watchdog",
)
LARGEST = 16 << 30


class KnownFiles:
    """A list of known files: one hash a line, in hexadecimal (MD5, SHA-1 or SHA-256). Held packed: 16 to 32 bytes a hash."""

    def __init__(self, written: bytes) -> None:
        by_length: dict[int, list[bytes]] = {16: [], 20: [], 32: []}
        for number, line in enumerate(written.splitlines(), 1):
            if word := line.split(b"#")[0].strip():
                try:
                    by_length[len(word) // 2].append(bytes.fromhex(word.decode("ascii")))
                except (ValueError, KeyError):
                    raise ActRefused(f"Line {number} of the list of known files is no MD5, SHA-1 or SHA-256.") from None
        self._packed = {length: (b"".join(sorted(found)), len(found)) for length, found in by_length.items()}

    def __len__(self) -> int:
        return sum(count for _, count in self._packed.values())

    def __contains__(self, digest: bytes) -> bool:
        length = len(digest)
        packed, count = self._packed[length]
        place = bisect_left(range(count), digest, key=lambda n: packed[n * length : (n + 1) * length])
        return place < count and packed[place * length : (place + 1) * length] == digest


@dataclass(frozen=True, slots=True)
class Found:
    """A new file of the list."""

    path: str
    name: str
    size: int
    sha256: str
    md5: str


class NewFiles(FileSystemEventHandler):
    """Watches folders; ``found`` is called, in a thread of its own, with each new file of the list."""

    def __init__(self, known: KnownFiles, accounts: Collection[str], found: Callable[[Found], None]) -> None:
        self._known, self._found, self._observer = known, found, Observer()
        self._accounts = {pwd.getpwnam(one).pw_uid for one in accounts if _is_account(one)}
        self._lock = threading.Lock()

    def watch(self, folders: Collection[Path]) -> None:
        """Begin. Folders that are not there are left out."""
        for folder in folders:
            if folder.is_dir():
                self._observer.schedule(
                    self, str(folder), recursive=True, event_filter=[FileClosedEvent, FileMovedEvent]
                )
        self._observer.start()

    def stop(self) -> None:
        """End."""
        self._observer.stop()
        self._observer.join(5)

    def on_closed(self, event: FileSystemEvent) -> None:
        """A file was written and closed."""
        self._look(Path(os.fsdecode(event.src_path)))

    def on_moved(self, event: FileSystemEvent) -> None:
        """A file got its name: browsers write under another first."""
        if not event.is_directory:
            self._look(Path(os.fsdecode(event.dest_path)))

    def _look(self, path: Path) -> None:
        with self._lock:
            try:
                number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                return
            with os.fdopen(number, "rb") as file:
                told = os.fstat(number)
                if (
                    not 0 < told.st_size <= LARGEST
                    or told.st_uid not in self._accounts
                    or told.st_mode & 0o170000 != 0o100000
                ):
                    return
                hashes = [hashlib.new(name) for name in ("md5", "sha1", "sha256")]
                try:
                    while piece := file.read(1 << 20):
                        for one in hashes:
                            one.update(piece)
                except OSError:
                    return
            if any(one.digest() in self._known for one in hashes):
                md5, _, sha256 = (one.hexdigest() for one in hashes)
                self._found(Found(str(path), cleaned(path.name, 255), told.st_size, sha256, md5))


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
