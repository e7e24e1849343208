"""What a limited process does with a batch of files: read each one's records, hash it, make its thumbnail, keep its bytes.

Runs without Django, database or master key. Bytes leave it only encrypted: members of containers and thumbnails go into one
pack, sealed under a key made here, that the parent adopts as a blob once the batch is kept.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from opencets.errors import OpenCETSError
from opencets.hashing import Frame, sign
from opencets.packing.frames import FrameWriter, new_key
from opencets.parsing.readers.table import ColumnGuess, guess_columns
from opencets.parsing.source import Member, Noted, Skipped, Source
from opencets.parsing.walk import FileRead, read_file
from opencets.records import Claim, Record

HELD_BYTES = 64 * 1024 * 1024
RECORDS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Batch:
    """Files examined by one process, one after another, and where their pack is written.

    ``keep``: beside each source, whether its bytes go into the pack (a member of a container: it has no blob of its own).
    """

    sources: tuple[Source, ...]
    keep: tuple[bool, ...]
    pack_path: str
    pack_id: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Where something stands in the pack."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Examined:
    """One file to its end: digests, signals, thumbnail, where its bytes are."""

    number: int
    format: str
    media_type: str
    md5: str
    sha1: str
    sha256: str
    size: int
    records: int
    skipped: int
    members: int
    kept: Piece | None
    is_media: bool
    width: int | None
    height: int | None
    duration: float | None
    pdq: bytes | None
    quality: int | None
    turned: bytes | None
    frames: tuple[Frame, ...]
    thumbnail: Piece | None
    strip: Piece | None
    trouble: str
    columns: tuple[ColumnGuess, ...]


@dataclass(frozen=True, slots=True)
class RecordsRead:
    """Some records of file ``number`` of the batch."""

    number: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class LinesRead:
    """Lines of the report and members of file ``number`` of the batch."""

    number: int
    skipped: tuple[Skipped, ...]
    noted: tuple[Noted, ...]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """The pack of the batch, finished; ``size`` 0 where nothing was put in (then there is no file)."""

    key: bytes
    size: int
    sha256: str


Finding = Examined | RecordsRead | LinesRead | Packed


class _Held:
    """Opens bytes that are in memory already; in another process, where they are not, the blob.

    Equal to every other one of the same blob: an archive held open is found again by its members.
    """

    __slots__ = ("_content", "_opening")

    def __init__(self, opening: Callable[[], BinaryIO], content: bytes | None = None) -> None:
        self._opening = opening
        self._content = content

    def __call__(self) -> BinaryIO:
        return self._opening() if self._content is None else io.BytesIO(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self._opening == other._opening

    def __hash__(self) -> int:
        return hash(self._opening)

    def __getstate__(self) -> Callable[[], BinaryIO]:
        return self._opening

    def __setstate__(self, opening: Callable[[], BinaryIO]) -> None:
        self._opening = opening
        self._content = None


class _Pack:
    """A sealed file that is begun with the first piece."""

    def __init__(self, path: Path, blob_id: str) -> None:
        self._path = path
        self._blob_id = blob_id
        self._raw: BinaryIO | None = None
        self._writer: FrameWriter | None = None
        self._size = 0
        self.key = new_key()

    def add(self, content: bytes) -> Piece:
        """Put a piece behind the others."""
        return self.copy(io.BytesIO(content))

    def copy(self, stream: BinaryIO) -> Piece:
        """Put what is left in a stream behind the others."""
        if self._writer is None:
            self._raw = self._path.open("xb")
            self._writer = FrameWriter(self._raw, self.key, self._blob_id)
        begin = self._size
        while chunk := stream.read(1 << 20):
            self._writer.write(chunk)
            self._size += len(chunk)
        return Piece(begin, self._size - begin)

    def finish(self) -> Packed:
        """Seal the last frame."""
        if self._writer is None or self._raw is None:
            return Packed(self.key, 0, "")
        written = self._writer.finish()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        return Packed(self.key, written.size, written.sha256)


def examine(batch: Batch) -> Iterator[Finding]:
    """Everything about the files of a batch, in their order; the last finding is the pack."""
    pack = _Pack(Path(batch.pack_path), batch.pack_id)
    for number, (source, keep) in enumerate(zip(batch.sources, batch.keep, strict=True)):
        yield from _examine_one(number, source, keep, pack)
    yield pack.finish()


def _examine_one(number: int, source: Source, keep: bool, pack: _Pack) -> Iterator[Finding]:
    trouble = ""
    if 0 <= source.size <= HELD_BYTES:
        try:
            with source.open() as stream:
                source = dataclasses.replace(source, open=_Held(source.open, stream.read()))
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
    records: list[Record] = []
    media: Record | None = None
    skipped: list[Skipped] = []
    noted: list[Noted] = []
    members: list[Member] = []
    held: tuple[list[Skipped], list[Noted], list[Member]] = (skipped, noted, members)
    listed = told = 0
    ended: FileRead | None = None
    for event in read_file(source):
        if isinstance(event, Record):
            if event.kind == "media" and media is None and event.locator == source.locator:
                media = event
                continue
            records.append(event)
        elif isinstance(event, Skipped):
            skipped.append(event)
        elif isinstance(event, Noted):
            noted.append(event)
        elif isinstance(event, Member):
            members.append(event)
            listed += 1
        else:
            ended = event
        if len(records) >= RECORDS_AT_ONCE:
            yield RecordsRead(number, tuple(records))
            records.clear()
        if len(members) + len(skipped) >= RECORDS_AT_ONCE:
            told += len(skipped)
            yield LinesRead(number, tuple(skipped), tuple(noted), tuple(members))
            for lines in held:
                lines.clear()
    if ended is None:
        raise RuntimeError("The reading ended without its last event.")
    yield from _finish(number, source, keep and not listed, pack, ended, media, records, held, trouble, listed, told)


def _finish(
    number: int,
    source: Source,
    keep: bool,
    pack: _Pack,
    ended: FileRead,
    media: Record | None,
    records: list[Record],
    lines: tuple[list[Skipped], list[Noted], list[Member]],
    trouble: str,
    listed: int,
    told: int,
) -> Iterator[Finding]:
    skipped, noted, members = lines
    signed = None
    try:
        with source.open() as stream:
            signed = sign(stream, media_type=ended.media_type or None)
    except Exception as error:
        trouble = trouble or f"{type(error).__name__}: {error}"
        skipped.append(
            Skipped(source.locator, "unreadable", f"{source.locator}: its bytes cannot be read ({trouble}).")
        )
    if signed is not None and signed.trouble:
        trouble = signed.trouble
        if not any(line.locator == source.locator for line in skipped):
            skipped.append(Skipped(source.locator, "damaged", f"{source.locator}: {signed.trouble}"))
    is_media = signed is not None and (signed.media_type or "").startswith(("image/", "video/")) and media is not None
    if media is not None:
        if signed is not None:
            media = dataclasses.replace(
                media, claims=(*media.claims, *_digest_claims(signed.digests, signed.pdq, signed.quality))
            )
        records.append(media)
    if records:
        yield RecordsRead(number, tuple(records))
    if skipped or noted or members:
        yield LinesRead(number, tuple(skipped), tuple(noted), tuple(members))
    kept = None
    if keep and signed is not None:
        with source.open() as stream:
            kept = pack.copy(stream)
    thumbnail = pack.add(signed.thumbnail) if is_media and signed is not None and signed.thumbnail else None
    strip = pack.add(signed.strip) if thumbnail and signed is not None and signed.strip else None
    digests = signed.digests if signed is not None else None
    yield Examined(
        number=number,
        format=ended.format,
        media_type=(signed.media_type if signed else None) or ended.media_type,
        md5=digests.md5 if digests else "",
        sha1=digests.sha1 if digests else "",
        sha256=digests.sha256 if digests else "",
        size=digests.size if digests else max(source.size, 0),
        records=ended.records,
        skipped=told + len(skipped),
        members=listed,
        kept=kept,
        is_media=is_media,
        width=signed.width if signed else None,
        height=signed.height if signed else None,
        duration=signed.duration if signed else None,
        pdq=signed.pdq if signed else None,
        turned=signed.turned if signed else None,
        quality=signed.quality if signed else None,
        frames=signed.frames if signed else (),
        thumbnail=thumbnail,
        strip=strip,
        trouble=trouble,
        columns=_columns(source) if ended.format == "table" else (),
    )


def _columns(source: Source) -> tuple[ColumnGuess, ...]:
    """What the columns of a table were taken for, so that a person can correct it."""
    try:
        return tuple(guess_columns(source))
    except OpenCETSError:
        return ()


def _digest_claims(digests: object, pdq: bytes | None, quality: int | None) -> tuple[Claim, ...]:
    """The digests as claims of the media record; an empty file's digests are nobody's and link nothing."""
    values = [(name, str(getattr(digests, name))) for name in ("sha256", "sha1", "md5")]
    empty = getattr(digests, "size", 0) == 0
    claims = [
        Claim(name, value, name, None if empty else value, "own", "The file is empty." if empty else "")
        for name, value in values
    ]
    if pdq is not None:
        text = pdq.hex()
        usable = (quality or 0) >= 50
        note = f"quality {quality}" + ("" if usable else "; below 50 it matches nothing")
        claims.append(Claim("pdq", text, "pdq", text if usable else None, "own", note))
    return tuple(claims)
