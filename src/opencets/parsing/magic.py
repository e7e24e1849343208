"""The media type of a file by its first bytes, and by its name; content decides, the name is a hint."""

from __future__ import annotations

from functools import lru_cache

_AT_START: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL ", "image/jxl"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", "video/x-ms-wmv"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"#!SILK_V3", "audio/silk"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"PK\x07\x08", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"(\xb5/\xfd", "application/zstd"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"MSCF", "application/vnd.ms-cab-compressed"),
    (b"%PDF-", "application/pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"!BDN", "application/vnd.ms-outlook"),
    (b"bplist00", "application/x-bplist"),
    (b"EVF\x09\x0d\x0a\xff\x00", "application/x-ewf"),
    (b"EVF2\r\n\x81\x00", "application/x-ewf"),
    (b"KDMV", "application/x-vmdk"),
    (b"QFI\xfb", "application/x-qcow2"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-executable"),
    (b"-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    (b"age-encryption.org/v1", "application/age-encryption"),
    (b"LUKS\xba\xbe", "application/x-luks"),
    (b"regf", "application/x-ms-registry"),
    (b"ElfFile\x00", "application/x-ms-evtx"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (b"<?xml", "text/xml"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
)

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}

_BY_NAME: dict[str, str] = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "jfif": "image/jpeg", "png": "image/png",
    "gif": "image/gif", "webp": "image/webp", "heic": "image/heic", "heif": "image/heif", "avif": "image/avif",
    "tif": "image/tiff", "tiff": "image/tiff", "bmp": "image/bmp", "mp4": "video/mp4", "m4v": "video/mp4",
    "mov": "video/quicktime", "mkv": "video/x-matroska", "webm": "video/webm", "avi": "video/x-msvideo",
    "3gp": "video/3gpp", "wmv": "video/x-ms-wmv", "flv": "video/x-flv", "mpg": "video/mpeg", "mpeg": "video/mpeg",
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "wav": "audio/wav", "ogg": "audio/ogg", "opus": "audio/ogg",
    "amr": "audio/amr", "flac": "audio/flac", "zip": "application/zip", "ufdr": "application/zip",
    "tar": "application/x-tar", "gz": "application/gzip", "tgz": "application/gzip", "bz2": "application/x-bzip2",
    "xz": "application/x-xz", "7z": "application/x-7z-compressed", "rar": "application/vnd.rar",
    "pdf": "application/pdf", "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text", "eml": "message/rfc822", "mbox": "application/mbox",
    "pst": "application/vnd.ms-outlook", "txt": "text/plain", "csv": "text/csv", "tsv": "text/tab-separated-values",
    "json": "application/json", "xml": "text/xml", "html": "text/html", "htm": "text/html",
    "db": "application/vnd.sqlite3",
    "sqlite": "application/vnd.sqlite3", "vcf": "text/vcard", "ics": "text/calendar", "plist": "application/x-plist",
}  # fmt: skip


def type_of_content(head: bytes) -> str | None:
    """The media type that the first bytes (at least 600) show, or None where they show none."""
    return _type_of_content(head[:600])


@lru_cache(maxsize=256)
def _type_of_content(head: bytes) -> str | None:
    for mark, media_type in _AT_START:
        if head.startswith(mark):
            return media_type
    if head[4:8] == b"ftyp":
        return _type_of_brand(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "video/quicktime"
    if head[:4] == b"RIFF":
        return {
            b"WEBP": "image/webp",
            b"AVI ": "video/x-msvideo",
            b"WAVE": "audio/wav",
        }.get(head[8:12])
    if head[:4] == b"OggS":
        return "video/ogg" if b"theora" in head[:200] else "audio/ogg"
    if head[:2] == b"BM" and len(head) >= 26 and head[6:10] == b"\x00" * 4 and head[14:18] in _BMP_HEADERS:
        return "image/bmp"
    if (
        head[:4] == b"\x00\x00\x01\x00"
        and len(head) > 22
        and 0 < head[4] < 64
        and head[5:6] == b"\x00"
        and head[9:10] == b"\x00"
    ):
        return "image/vnd.microsoft.icon"
    if head[257:262] == b"ustar":
        return "application/x-tar"
    if head[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        return "audio/mpeg"
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "audio/aac"
    if len(head) >= 377 and head[0] == 0x47 and head[188] == 0x47 and head[376] == 0x47:
        return "video/mp2t"
    return None


_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _type_of_brand(head: bytes) -> str:
    length = int.from_bytes(head[:4], "big")
    end = min(max(length, 16), len(head), 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    major = brands[0]
    if b"avif" in brands or b"avis" in brands:
        return "image/avif"
    if major in _HEIF_BRANDS or (major in (b"mif1", b"msf1") and _HEIF_BRANDS & set(brands)):
        return "image/heic"
    if major in (b"mif1", b"msf1", b"miaf"):
        return "image/heif"
    if major == b"qt  ":
        return "video/quicktime"
    if major[:3] in (b"3gp", b"3g2"):
        return "video/3gpp"
    if major in (b"M4A ", b"M4B ", b"M4P "):
        return "audio/mp4"
    if major == b"crx ":
        return "image/x-canon-cr3"
    return "video/mp4"


def type_of_name(name: str) -> str | None:
    """The media type that the name's ending promises, or None."""
    dot = name.rfind(".")
    return _BY_NAME.get(name[dot + 1 :].lower()) if dot >= 0 else None


def type_of(head: bytes, name: str) -> str:
    """The media type by content where the bytes show one, else text by its ending, else ``application/octet-stream``.

    A ZIP archive named as an Office document is that document; empty files are ``application/x-empty``.
    """
    shown = type_of_content(head)
    promised = type_of_name(name)
    if shown == "application/zip" and promised and ("openxml" in promised or "opendocument" in promised):
        return promised
    if shown == "application/x-ole-storage" and promised in (
        "application/msword",
        "application/vnd.ms-excel",
    ):
        return promised
    if shown == "video/x-matroska" and b"webm" in head[:64]:
        return "video/webm"
    if shown:
        return shown
    if not head:
        return "application/x-empty"
    if looks_like_text(head):
        if promised and (promised.startswith(("text/", "message/")) or promised in _TEXT_TYPES):
            return promised
        lead = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if lead in (b"{", b"["):
            return "application/json" if promised == "application/json" else "text/plain"
        return "text/html" if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")) else "text/plain"
    return "application/octet-stream"


_TEXT_TYPES = {"application/json", "application/mbox", "application/x-plist"}


def looks_like_text(head: bytes) -> bool:
    """Whether the bytes are text: a byte order mark, or hardly any control characters and no NUL."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    if b"\x00" in head:
        return False
    control = sum(1 for byte in head[:2048] if byte < 32 and byte not in (9, 10, 11, 12, 13, 27))
    return control * 50 <= len(head[:2048])


def contradiction(head: bytes, name: str) -> str | None:
    """A sentence where the name promises another kind of content than the bytes show, else None.

    Kin do not count (MP4 named .mov, HEIC named .jpg do count: the decoder differs); text named otherwise does.
    """
    promised = type_of_name(name)
    found = type_of(head, name)
    if promised is None or found in (promised, "application/x-empty"):
        return None
    if frozenset((promised, found)) in _KIN:
        return None
    families = {promised.split("/")[0], found.split("/")[0]}
    if families == {"video"} or families == {"text"} or (families == {"audio", "video"} and "mp4" in promised + found):
        return None
    if found in ("text/plain", "application/octet-stream") and promised.startswith(
        ("text/", "application/", "message/")
    ):
        return None
    if found == "application/zip" and promised.startswith("application/vnd."):
        return None
    return f"its name promises {promised}, its content is {found}"


_KIN = {
    frozenset(("image/heif", "image/heic")),
    frozenset(("application/x-plist", "application/x-bplist")),
    frozenset(("application/x-plist", "text/xml")),
    frozenset(("text/xml", "text/html")),
    frozenset(("text/xml", "application/json")),
    frozenset(("audio/ogg", "video/ogg")),
}
