"""New files."""

from __future__ import annotations

import hashlib
import os
import pwd
import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from opencets.packing.fields import cleaned
from opencets.packing.known import KnownFiles
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
        "of known files, which the server hands over and which stays in memory. Of one that stands in it, name, size "
        "and hashes are kept."
    ),
    never=(
        "No content of any file leaves the device. Of a file that is not on the list nothing is kept, not "
        "even its name; until the list has come, its hashes wait in memory. Files that were there before are not "
        "looked at."
    ),
    library="watchdog (inotify): closed after writing, moved; SHA-256, SHA-1 and MD5 by hashlib",
    systems="every desktop",
    windows="ReadDirectoryChangesW, by watchdog",
    macos="FSEvents, by watchdog",
)
LARGEST = 16 << 30
MOST_WAITING = 10_000
"""New files whose hashes wait, in memory, for a list that has not come yet; of more the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Found:
    """A new file of the list."""

    path: str
    name: str
    size: int
    sha256: str
    sha1: str
    md5: str

    @property
    def digests(self) -> tuple[bytes, ...]:
        """By which it may stand in a list."""
        return tuple(bytes.fromhex(one) for one in (self.sha256, self.sha1, self.md5))


class NewFiles(FileSystemEventHandler):
    """Watches folders; ``found`` is called, in a thread of its own, with each new file of the list."""

    def __init__(self, known: KnownFiles | None, accounts: Collection[str], found: Callable[[Found], None]) -> None:
        self._known, self._found, self._observer = known, found, Observer()
        self._accounts = {pwd.getpwnam(one).pw_uid for one in accounts if _is_account(one)}
        self._lock = threading.Lock()
        self._waiting: deque[Found] = deque(maxlen=MOST_WAITING)

    def compare(self, known: KnownFiles) -> None:
        """The list has come: what waited for it is compared, and what is new from now on."""
        with self._lock:
            self._known = known
            for one in self._waiting:
                self._judge(one, known)
            self._waiting.clear()

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
                hashes = [hashlib.new(name) for name in ("sha256", "sha1", "md5")]
                try:
                    while piece := file.read(1 << 20):
                        for one in hashes:
                            one.update(piece)
                except OSError:
                    return
            digests = (one.hexdigest() for one in hashes)
            new = Found(str(path), cleaned(path.name, 255), told.st_size, *digests)
            if self._known is None:
                self._waiting.append(new)
            else:
                self._judge(new, self._known)

    def _judge(self, new: Found, known: KnownFiles) -> None:
        if any(one in known for one in new.digests):
            self._found(new)


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
