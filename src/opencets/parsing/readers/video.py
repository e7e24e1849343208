"""Videos and sound files: one media record from the container's header; no frame is decoded and nothing is hashed.

MP4, MOV, M4V, 3GP, MKV, WebM, AVI, MPEG, ASF, OGG, MP3, AMR and kin, through FFmpeg's demuxers (PyAV). The demuxer is
chosen by the file's first bytes and no other file or address is ever opened, whatever the container refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from opencets.parsing import magic
from opencets.parsing.claims import assert_claim, assert_instant, clean
from opencets.parsing.source import Event, FolderOpener, Skipped, Source
from opencets.records import Claim, Record

FORMAT = "video"
VERSION = "2"
LABEL = "Video or sound file"

_READER = f"{FORMAT}/{VERSION}"
_DEMUXERS = {
    "video/mp4": "mov", "video/quicktime": "mov", "video/3gpp": "mov", "audio/mp4": "mov", "video/webm": "matroska",
    "video/x-matroska": "matroska", "video/x-msvideo": "avi", "video/x-flv": "flv", "video/mpeg": "mpeg",
    "video/mp2t": "mpegts", "video/x-ms-wmv": "asf", "video/ogg": "ogg", "audio/ogg": "ogg", "audio/mpeg": "mp3",
    "audio/wav": "wav", "audio/flac": "flac", "audio/amr": "amr", "audio/aac": "aac",
}  # fmt: skip
_UNSET_YEARS = (1904, 1970)
_KEPT = (
    "encoder", "major_brand", "handler_name", "com.android.version", "com.apple.quicktime.content.identifier", "title",
    "comment", "artist", "rotate", "creation_time",
)  # fmt: skip
_ISO6709 = re.compile(r"^([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)")


def recognise(source: Source) -> str | None:
    """None where the first bytes are those of a video or sound container."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    media_type = magic.type_of(source.head(4096), source.name)
    return None if media_type in _DEMUXERS else "does not start as a video or sound file does"


def read(source: Source) -> Iterator[Event]:
    """One ``media`` record; where the container is broken, with name, size and type alone, and a line saying why."""
    import av

    media_type = magic.type_of(source.head(4096), source.name)
    claims = [
        assert_claim("file_name", source.name),
        assert_claim("media_type", media_type),
        assert_claim("size_bytes", str(source.size)),
    ]
    extra: list[tuple[str, str]] = []
    trouble: Skipped | None = None
    av.logging.set_level(None)
    with source.open() as stream:
        try:
            with av.open(stream, mode="r", format=_DEMUXERS[media_type], metadata_errors="replace") as container:
                tags = {key.lower(): clean(value) for key, value in container.metadata.items()}
                if container.duration:
                    claims.append(assert_claim("duration", f"{container.duration / 1_000_000:.3f}"))
                for track in container.streams:
                    for key, value in track.metadata.items():
                        tags.setdefault(key.lower(), clean(value))
                    extra.append(
                        (f"track_{track.index}", f"{track.type} {getattr(track.codec_context, 'name', '')}".strip())
                    )
                for picture in container.streams.video[:1]:
                    claims.append(assert_claim("width", str(picture.codec_context.width)))
                    claims.append(assert_claim("height", str(picture.codec_context.height)))
                claims.extend(_said(tags, extra))
                if not container.streams.video and not container.streams.audio:
                    sentence = (
                        f"{source.locator}: the file ({media_type}) names no picture and no sound; it may be cut off."
                    )
                    trouble = Skipped(source.locator, "damaged", sentence)
        except (av.FFmpegError, OSError, ValueError, EOFError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            sentence = f"{source.locator}: the file ({media_type}) cannot be opened ({said}); name, size, type kept."
            trouble = Skipped(source.locator, "damaged", sentence)
    yield Record("media", source.locator, tuple(claims), _READER, tuple(extra))
    if trouble is not None:
        yield trouble


def _said(tags: dict[str, str], extra: list[tuple[str, str]]) -> Iterator[Claim]:
    quicktime = "com.apple.quicktime."
    maker = tags.get(f"{quicktime}make") or tags.get("make") or tags.get("com.android.manufacturer") or ""
    model = tags.get(f"{quicktime}model") or tags.get("model") or tags.get("com.android.model") or ""
    if maker or model:
        yield assert_claim("camera_model", f"{maker} {model}".strip(), role="device_of")
    if software := tags.get(f"{quicktime}software") or tags.get("software"):
        yield assert_claim("software", software)
    yield from _taken(tags)
    for key in (f"{quicktime}location.iso6709", "location", "location-eng", "xyz"):
        written = tags.get(key, "")
        found = _ISO6709.match(written)
        if found:
            made = assert_claim("location", f"{found[1]},{found[2]}")
            yield Claim("location", written, made.kind, made.normal, "own", made.note)
            break
    extra.extend((key, tags[key][:2000]) for key in _KEPT if tags.get(key))


def _taken(tags: dict[str, str]) -> Iterator[Claim]:
    """The camera's own creation date with its zone first; the container's creation_time, UTC by its standard, else."""
    for key, note in (
        ("com.apple.quicktime.creationdate", ""),
        ("creation_time", "UTC by the standard; some cameras write local time"),
        ("date", ""),
    ):
        written = tags.get(key, "")
        if not written:
            continue
        moment = _moment(written)
        if moment is None:
            yield assert_instant("taken_at", written, None)
            continue
        if moment.year in _UNSET_YEARS and (moment.month, moment.day) == (1, 1):
            yield assert_instant("taken_at", written, None, note="stands for a time that was never set")
            continue
        if moment.tzinfo is None and key == "creation_time":
            moment = moment.replace(tzinfo=UTC)
        yield assert_instant("taken_at", written, moment, note=note if moment.tzinfo else "no zone in the file")
        return


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written.strip().replace(" UTC", "Z"))
    except ValueError:
        return None
