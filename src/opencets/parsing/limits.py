"""How much one file may cost: bytes out of a container, ratio, members, nesting, records, memory, seconds.

Defaults are set for a machine with 4 GB: a bomb is refused within a second, an exhibit of a million files is not.
A limit that stops something is told in one line of the report, with its figure, so that it can be raised on purpose.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from opencets.errors import LimitReached

if TYPE_CHECKING:
    from opencets.parsing.source import Source

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file, one container and one walk may cost, in bytes, seconds and counts."""

    seconds: float = 900.0
    """Wall-clock time for one file in a separate process."""
    memory_bytes: int = 2 * GIB
    """Address space of a separate process above what it needs to start."""
    member_bytes: int = 64 * GIB
    """One member of a container, unpacked."""
    container_bytes: int = 1024 * GIB
    """All members of one container, unpacked."""
    ratio: int = 100
    """Unpacked bytes per packed byte, for a member, a container and everything nested in an exhibit."""
    ratio_floor: int = 16 * MIB
    """Below this size no ratio counts: a small log that packs well is not a bomb."""
    members: int = 1_000_000
    """Members of one container."""
    nesting: int = 5
    """Containers inside one another."""
    records: int = 20_000_000
    """Records from one file."""
    text_chars: int = 1_000_000
    """Characters kept of one text; the rest is cut with a note."""
    line_bytes: int = 4 * MIB
    """Bytes of one line of a text file."""
    json_bytes: int = 512 * MIB
    """A JSON or mail file that a reader takes into memory whole."""
    pixels: int = 500_000_000
    """Pixels of one picture, by its header."""
    result_bytes: int = 64 * MIB
    """One result sent back by a separate process, pickled."""


DEFAULT = Limits()


def limits_of(source: Source) -> Limits:
    """The limits that the walk set on this source, or the defaults."""
    found = source.options.get("limits")
    return found if isinstance(found, Limits) else DEFAULT


def refuse_ratio(name: str, packed: int, unpacked: int, limits: Limits) -> None:
    """Raises LimitReached when ``unpacked`` bytes from ``packed`` bytes look like a bomb."""
    if unpacked > limits.ratio_floor and unpacked > max(packed, 1) * limits.ratio:
        raise LimitReached(
            f"{name} unpacks {packed:,} bytes to {unpacked:,}, more than {limits.ratio} to 1: "
            "treated as a bomb and not opened. Raise the ratio if the file is trusted."
        )


def spool(
    stream: IO[bytes],
    most: int,
    name: str,
    packed: int | None = None,
    limits: Limits = DEFAULT,
) -> tuple[BinaryIO, int]:
    """A seekable copy of ``stream`` and its length: in memory up to 16 MiB, then in an unnamed temporary file.

    LimitReached after ``most`` bytes or, where ``packed`` is given, at the bomb ratio, whatever is said.
    The temporary file lies in TMPDIR; on a machine with evidence that folder belongs on encrypted or volatile storage.
    """
    copy = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=16 * MIB))  # noqa: SIM115 - the caller closes it
    length = 0
    try:
        while block := stream.read(256 * 1024):
            length += len(block)
            if length > most:
                raise LimitReached(f"{name} is longer than {most:,} bytes when unpacked; it was not read further.")
            if packed is not None:
                refuse_ratio(name, packed, length, limits)
            copy.write(block)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy, length


class Budget:
    """Counts the bytes that come out of one exhibit through all its nested containers, and refuses past the ratio."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self.most = max(64 * limits.ratio_floor, packed * limits.ratio)
        self.spent = 0

    def spend(self, name: str, size: int) -> None:
        """Counts ``size`` bytes; raises LimitReached when the exhibit unpacks to more than its ratio allows."""
        if self.spent + max(size, 0) > self.most:
            raise LimitReached(
                f"{name} ({size:,} bytes) was not opened: with it more than {self.most:,} bytes would come out."
            )
        self.spent += max(size, 0)
