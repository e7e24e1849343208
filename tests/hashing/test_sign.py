"""One reading of a file: digests always, and a sentence for whatever else did not work."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from opencets.errors import DamagedSource
from opencets.hashing import Signed, digest, find_media_type, sign, signed
from opencets.hashing.digests import digest_plainly
from opencets.hashing.video import key_frames, watch

SAMPLES = Path(__file__).parents[2] / "../shared/data/media"


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def scene(width: int = 900, height: int = 600) -> Image.Image:
    """Light at the top left, dark at the bottom right, with stripes."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    pixels = 255 - (across * 120 // width) - (down * 120 // height) + ((across // 40) % 2) * 10 - 10
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")


def film(seconds: int = 6, form: str = "mp4", fps: int = 10, border: int = 0) -> bytes:
    """A made-up film: a bright disc goes across; a key frame each second; ``border`` black rows above and below."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"g": str(fps)})
        stream.width, stream.height, stream.pix_fmt = 320, 240 + 2 * border, "yuv420p"
        stream.time_base = Fraction(1, fps)
        across, down = np.meshgrid(np.arange(320), np.arange(240))
        for number in range(seconds * fps):
            pixels = ((across + 2 * down) % 97).astype(np.uint8)
            pixels[(across - 5 * number) ** 2 + (down - 120) ** 2 < 2500] = 250
            pixels = np.pad(pixels, ((border, border), (0, 0)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([pixels] * 3, -1), format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()


def assert_digests_of(content: bytes, found: Signed) -> None:
    assert found.digests == digest_plainly(content)


@pytest.mark.parametrize("size", [0, 1, 4096, (1 << 20) + 7])
def test_three_digests_come_from_one_reading(size: int) -> None:
    content = bytes(n % 251 for n in range(size))
    assert digest(io.BytesIO(content)) == digest_plainly(content)
    assert digest(io.BytesIO(content)).sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("AVIF", "image/avif"),
        ("JPEG2000", "image/jp2"),
    ],
)
def test_each_picture_format_gives_digests_pdq_and_thumbnail(form: str, media_type: str) -> None:
    content = encoded(scene(), form)
    found = sign(io.BytesIO(content), media_type="text/plain")
    assert_digests_of(content, found)
    assert (found.media_type, found.width, found.height, found.trouble) == (media_type, 900, 600, "")
    assert found.pdq is not None
    assert len(found.pdq) == 32
    assert found.thumbnail is not None
    assert found.thumbnail_type == "image/jpeg"
    assert Image.open(io.BytesIO(found.thumbnail)).size == (320, 213)


def test_heic_is_decoded() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    content = encoded(scene(), "HEIF")
    found = sign(io.BytesIO(content))
    assert (found.media_type, found.width, found.height, found.trouble) == ("image/heic", 900, 600, "")
    assert found.pdq is not None


def test_the_thumbnail_is_upright_and_carries_no_metadata_and_pdq_ignores_the_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Avon, invented"
    turned = encoded(scene(), "JPEG", exif=exif, comment=b"invented")
    plain = encoded(scene(), "JPEG")
    found, expected = sign(io.BytesIO(turned)), sign(io.BytesIO(plain))
    assert found.pdq == expected.pdq
    assert (found.width, found.height) == (900, 600)
    assert found.thumbnail is not None
    small = Image.open(io.BytesIO(found.thumbnail))
    assert small.size == (213, 320)
    assert b"Exif" not in found.thumbnail
    assert b"invented" not in found.thumbnail
    # turned by 90 degrees clockwise, the light corner of the scene stands at the top right
    grey = np.asarray(small.convert("L"), np.int64)
    assert grey[:40, -40:].mean() > grey[-40:, :40].mean() + 100


def test_transparency_and_sixteen_bits_and_palettes_are_read() -> None:
    clear = scene().convert("RGBA")
    clear.putalpha(0)
    white = sign(io.BytesIO(encoded(clear, "PNG")))
    assert white.thumbnail is not None
    assert np.asarray(Image.open(io.BytesIO(white.thumbnail))).min() > 250
    deep = Image.fromarray(np.asarray(scene().convert("L"), np.uint16) * 257)
    assert sign(io.BytesIO(encoded(deep, "PNG"))).pdq == sign(io.BytesIO(encoded(scene().convert("L"), "PNG"))).pdq
    for mode in ("P", "1", "CMYK", "LA"):
        form = "TIFF" if mode == "CMYK" else "PNG"
        found = sign(io.BytesIO(encoded(scene().convert(mode), form)))
        assert (found.trouble, found.pdq is not None, found.thumbnail is not None) == ("", True, True), mode


def test_a_truncated_jpeg_keeps_its_digests_and_the_part_that_was_decoded() -> None:
    content = encoded(scene(), "JPEG")
    content = content[: len(content) * 2 // 3]
    found = sign(io.BytesIO(content))
    assert_digests_of(content, found)
    assert found.pdq is None
    assert "broken" in found.trouble
    assert found.thumbnail is not None
    top = np.asarray(Image.open(io.BytesIO(found.thumbnail)).convert("L"), np.int64)[:40, :40]
    assert top.mean() > 200


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_every_truncation_keeps_the_digests_and_says_so(form: str) -> None:
    whole = encoded(scene(160, 120), form)
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        found = sign(io.BytesIO(whole[:length]))
        assert_digests_of(whole[:length], found)
        assert found.pdq is not None or found.trouble or find_media_type(whole[:length]) is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
def test_flipped_bytes_never_raise(form: str) -> None:
    whole = encoded(scene(160, 120), form)
    rng = np.random.default_rng(7)
    for _ in range(40):
        broken = bytearray(whole)
        for place in rng.integers(4, len(whole), 6):
            broken[place] = int(rng.integers(256))
        found = sign(io.BytesIO(bytes(broken)))
        assert_digests_of(bytes(broken), found)
        assert found.pdq is not None or found.trouble or found.media_type is None


def png_that_declares(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(60000, 60000), (20000, 8000), (1, 200_000_000)])
def test_a_decompression_bomb_is_refused_with_its_digests_kept(size: tuple[int, int]) -> None:
    content = png_that_declares(*size)
    found = sign(io.BytesIO(content))
    assert_digests_of(content, found)
    assert "pixels" in found.trouble
    assert (found.pdq, found.thumbnail) == (None, None)


def test_text_named_as_a_picture_has_digests_and_no_picture() -> None:
    found = sign(io.BytesIO(b"not a picture at all\n" * 50), media_type="image/jpeg")
    assert_digests_of(b"not a picture at all\n" * 50, found)
    assert (found.pdq, found.thumbnail, found.trouble) == (None, None, "")
    assert found.media_type == "image/jpeg"


class OneWay(io.RawIOBase):
    """A stream that cannot seek, like a pipe."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        return self._content.readinto(buffer)


@pytest.mark.parametrize("kept", [100, signed.KEPT_BYTES])
def test_memory_temporary_file_and_seeking_back_give_the_same(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(scene(), "PNG")
    expected = sign(io.BytesIO(content))
    monkeypatch.setattr(signed, "KEPT_BYTES", kept)
    monkeypatch.setattr("opencets.hashing.digests.CHUNK_BYTES", 512)
    shifted = io.BytesIO(b"before" + content)
    shifted.seek(6)
    assert sign(shifted) == expected
    assert sign(io.BufferedReader(OneWay(content))) == expected


@pytest.mark.parametrize("form", ["mp4", "matroska", "avi", "mov"])
def test_a_film_gives_frames_in_order_a_thumbnail_and_a_strip(form: str) -> None:
    content = film(6, form)
    found = sign(io.BytesIO(content))
    assert_digests_of(content, found)
    assert found.trouble == ""
    assert (found.width, found.height, found.pdq) == (320, 240, None)
    assert found.duration == pytest.approx(6, abs=0.2)
    seconds = [frame.second for frame in found.frames]
    assert seconds == sorted(set(seconds))
    for second in range(6):
        assert min(abs(second - each) for each in seconds) < 0.15
    assert max(np.diff(seconds)) < 0.55
    assert {frame.inner for frame in found.frames} == {None}
    assert found.thumbnail is not None
    assert found.strip is not None
    assert [frame.strip_place for frame in found.frames if frame.strip_place is not None] == list(range(8))
    assert Image.open(io.BytesIO(found.strip)).size == (8 * 160, 120)


def test_a_long_film_gives_a_bounded_number_of_frames_over_its_whole_length() -> None:
    whole = watch(io.BytesIO(film(50)), frames=40)
    assert 18 <= len(whole.frames) <= 40
    assert whole.frames[0].second == 0
    assert whole.frames[-1].second > 45


def test_a_film_is_watched_by_its_key_frames_alone_where_that_is_asked_for() -> None:
    frames = watch(io.BytesIO(film(6)), dense=False).frames
    assert [frame.second for frame in frames] == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.15)


def test_a_film_with_black_borders_has_a_second_hash_without_them() -> None:
    plain, boxed = (watch(io.BytesIO(film(2, border=border))).frames for border in (0, 48))
    assert all(frame.inner is not None and frame.inner_quality is not None for frame in boxed)
    nearest = [
        min((int.from_bytes(frame.inner or b"") ^ int.from_bytes(other.pdq)).bit_count() for other in plain)
        for frame in boxed
    ]
    assert max(nearest) <= 31


def test_a_film_cut_short_and_a_film_of_noise_tell_their_trouble() -> None:
    content = film(6, "mp4")
    without_index = sign(io.BytesIO(content[: len(content) // 2]))
    assert_digests_of(content[: len(content) // 2], without_index)
    assert without_index.trouble
    whole = film(6, "matroska")
    half = sign(io.BytesIO(whole[: len(whole) * 2 // 3]))
    assert len(half.frames) >= 2
    noise = sign(io.BytesIO(content[:40] + bytes(np.random.default_rng(1).integers(0, 256, 5000, np.uint8))))
    assert noise.trouble


def test_real_broken_files_cost_their_own_sentence_only() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the sample media are not beside this clone")
    for path in sorted((SAMPLES / "broken").iterdir()):
        content = path.read_bytes()
        found = sign(io.BytesIO(content))
        assert_digests_of(content, found)
        assert found.pdq is not None or found.trouble or found.media_type is None, path.name


def test_importing_the_package_loads_no_decoder() -> None:
    program = "import sys, opencets.hashing; print([m for m in ('PIL', 'av', 'numpy', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_signing_a_picture_loads_neither_the_video_libraries_nor_a_compiler() -> None:
    program = (
        "import io, sys; from PIL import Image; from opencets.hashing import sign; out = io.BytesIO();"
        "Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).save(out, 'JPEG'); out.seek(0);"
        "print(len(sign(out).pdq), [m for m in ('av', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "32 []\n"


def test_key_frames_that_differ_are_few_small_and_in_the_order_of_time() -> None:
    found = key_frames(io.BytesIO(film(8, border=40)), most=3, longest_px=160)
    seconds = [second for second, _ in found]
    assert 1 <= len(found) <= 3
    assert seconds == sorted(set(seconds))
    assert all(max(bright.shape) == 160 for _, bright in found)
    assert len(key_frames(io.BytesIO(film(8, border=40)), most=1, longest_px=160)) == 1
    with pytest.raises(DamagedSource):
        key_frames(io.BytesIO(b"no video at all"), most=3, longest_px=160)
