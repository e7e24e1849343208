"""What kind of media the first bytes of a file are. The name and its ending are never trusted."""

from __future__ import annotations

HEAD_BYTES = 4096

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"FLV\x01", "video/x-flv"),
    (
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
        "video/x-ms-asf",
    ),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
)

# ISO/IEC 14496-12 section 4.3, and the registered brands of HEIF (ISO/IEC 23008-12) and AVIF
_PICTURE_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"avis": "image/avif",
}
_AUDIO_BRANDS = {b"M4A ", b"M4B ", b"F4A "}


def find_media_type(head: bytes) -> str | None:
    """The media type that the first `HEAD_BYTES` bytes stand for, or None when they are no known picture or video."""
    for start, media_type in _STARTS:
        if head.startswith(start):
            return "video/webm" if media_type == "video/x-matroska" and b"webm" in head[:64] else media_type
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _brand_type(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip") and len(head) > 12:
        return "video/quicktime"
    if (
        head[:2] == b"BM"
        and len(head) > 26
        and head[14:18] in (b"\x28\0\0\0", b"\x0c\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")
    ):
        return "image/bmp"
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "video/mp2t"
    return None


def _brand_type(head: bytes) -> str | None:
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [
        head[8:12],
        *(head[place : place + 4] for place in range(16, size - 3, 4)),
    ]
    if brands[0] in _AUDIO_BRANDS:
        return None
    if brands[0] == b"mif1" and any(brand in (b"avif", b"avis") for brand in brands):
        return "image/avif"
    if brands[0] == b"mif1" and any(_PICTURE_BRANDS.get(brand) == "image/heic" for brand in brands):
        return "image/heic"
    if brands[0] in _PICTURE_BRANDS:
        return _PICTURE_BRANDS[brands[0]]
    if brands[0] == b"qt  ":
        return "video/quicktime"
    if brands[0][:3] == b"3gp":
        return "video/3gpp"
    return "video/mp4"
