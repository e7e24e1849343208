"""One file packed with gzip, bzip2 or xz: the file inside is its only member."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from opencets.errors import DamagedSource
from opencets.parsing import magic
from opencets.parsing.containers import content_of
from opencets.parsing.limits import Limits, limits_of, spool
from opencets.parsing.source import Event, FolderOpener, Member, Source

FORMAT = "compressed"
VERSION = "1"
LABEL = "Packed file (gzip, bzip2, xz)"

_OPENED: dict[str, Callable[[BinaryIO], IO[bytes]]] = {
    "application/gzip": lambda stream: cast(IO[bytes], gzip.GzipFile(fileobj=stream)),
    "application/x-bzip2": lambda stream: cast(IO[bytes], bz2.BZ2File(stream)),
    "application/x-xz": lambda stream: cast(IO[bytes], lzma.LZMAFile(stream)),  # noqa: SIM115 - closed where it is used
}
_ENDINGS = (".gz", ".bz2", ".xz")


@dataclass(frozen=True, slots=True)
class UnpackedOpener:
    """Opens what is packed in the file that ``container`` opens."""

    container: Callable[[], BinaryIO]
    name: str
    packed: int
    limits: Limits
    size: int = -1

    def __call__(self) -> BinaryIO:
        return content_of((self.container, "unpacked"), self.size, self.unpack)

    def unpack(self) -> BinaryIO:
        """The unpacked bytes, within the limits."""
        with self.container() as stream:
            opened = _OPENED[magic.type_of_content(stream.read(600)) or ""]
            stream.seek(0)
            try:
                with opened(stream) as inner:
                    return spool(inner, self.limits.member_bytes, self.name, self.packed, self.limits)[0]
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise DamagedSource(f"{self.name}: cannot be unpacked ({error}); it may be cut off.") from error


def recognise(source: Source) -> str | None:
    """None where the file starts as gzip, bzip2 or xz do."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    return None if magic.type_of_content(source.head(600)) in _OPENED else "not packed with gzip, bzip2 or xz"


def read(source: Source) -> Iterator[Event]:
    """The file inside as one Member, named as the packed file without its ending."""
    limits = limits_of(source)
    opener = UnpackedOpener(source.open, str(source.locator), source.size, limits)
    with opener.unpack() as stream:
        size = stream.seek(0, 2)
    name = source.name
    ending = next((one for one in _ENDINGS if name.lower().endswith(one)), "")
    inner = name[: len(name) - len(ending)] if ending else f"{name} (unpacked)"
    opener = UnpackedOpener(source.open, str(source.locator), source.size, limits, size)
    yield Member(Source(source.locator.inside(inner), size, opener, source.options))
