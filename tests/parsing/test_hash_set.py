"""Hash sets: plain lists, video hash lines and tables of digests; what is refused and how it is said."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from opencets.parsing.readers import hash_set
from opencets.parsing.source import Noted, Skipped, Source, source_of
from opencets.records import Locator, Record

SAMPLES = Path(__file__).parents[2] / "../shared/data/hashsets"
MD5 = "97fdc6ae077d8165f3cb4aa494ddb7d4"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def of_text(text: str | bytes, name: str = "list.txt", **options: object) -> Source:
    content = text.encode() if isinstance(text, str) else text
    return Source(Locator((name,)), len(content), lambda: io.BytesIO(content), dict(options))


def records(source: Source) -> list[Record]:
    return [event for event in hash_set.read(source) if isinstance(event, Record)]


def sentences(source: Source) -> list[str]:
    return [event.sentence for event in hash_set.read(source) if isinstance(event, Skipped | Noted)]


@pytest.fixture
def sample() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip("the sample files are not beside the repository")
    return SAMPLES


def test_the_sample_lists_are_read_whole(sample: Path) -> None:
    md5 = records(source_of(sample / "hashset_md5.txt"))
    assert len(md5) == 20
    assert md5[0].first("md5") == "28d61f7b1f07d88c18f1068410d140b5"
    assert str(md5[0].locator) == "hashset_md5.txt › line 1"
    for name, count in (("needles.txt", 100), ("haystack.txt", 1350)):
        found = records(source_of(sample / name))
        assert len(found) == count
        assert all(record.first("pdq") and record.kind == "known_file" for record in found)


def test_the_frames_of_one_video_make_one_known_file(sample: Path) -> None:
    (video,) = records(source_of(sample / "pattern-hd-no-bar.txt"))
    frames = [claim for claim in video.claims if claim.property == "pdq"]
    assert len(frames) == 206
    assert frames[1].note == "quality 100, second 0.033"
    assert frames[1].normal == "d2d899daa62c5de7bebc9295ae580905016999aa57969ac0ee4bd50df52c5b0e"


def test_the_length_of_a_line_decides_and_sha256_is_told_from_pdq() -> None:
    texts = [str(number).encode() for number in range(40)]
    sha256 = records(of_text("\n".join(hashlib.sha256(text).hexdigest() for text in texts)))
    assert all(record.first("sha256") for record in sha256)
    sha1 = records(of_text("\r\n".join(hashlib.sha1(text).hexdigest().upper() for text in texts)))
    assert all(record.first("sha1") for record in sha1)
    (forced,) = records(of_text(hashlib.sha256(b"1").hexdigest(), algorithm="PDQ"))
    assert forced.first("pdq")


def test_a_guess_of_the_algorithm_is_told() -> None:
    assert (
        "are read as SHA-256"
        in sentences(of_text("\n".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(30))))[0]
    )


def test_lines_that_are_no_digest_are_named_and_the_rest_is_read() -> None:
    source = of_text(f"# export\n{MD5}\n\nnot a hash\n{EMPTY_MD5}\n{MD5.upper()}\n{'a' * 5000}\n", "set.txt")
    assert [str(record.locator) for record in records(source)] == ["set.txt › line 2", "set.txt › line 6"]
    told = sentences(of_text(f"{MD5}\n" * 6 + f"not a hash\n{EMPTY_MD5}\n", "set.txt"))
    assert told == [
        "set.txt › line 7: “not a hash” is not a digest of 32, 40 or 64 digits; skipped.",
        "set.txt › line 8: This is the MD5 of a file without bytes; it names no file; skipped.",
    ]


TABLE = (
    "MD5;SHA-1;PDQ;PDQ Quality;Category;Series;Source;Tags\n"
    f"{MD5};;{PDQ};100;1;Bridge;Lab 4;a,b\n;;{PDQ};20;2;;;\n{EMPTY_MD5};;;;;;;\n{MD5};1\n"
)


def test_a_table_of_digests_is_read_by_its_headers() -> None:
    source = of_text(TABLE, "set.csv", scheme="UK")
    assert hash_set.recognise(source) is None
    (record,) = records(source)
    assert record.first("md5") == MD5
    assert record.first("pdq") == PDQ
    assert record.first("category") == "UK:1"
    assert record.first("series") == "Bridge"
    assert list(record.values("tag")) == ["a", "b"]
    assert next(claim.note for claim in record.claims if claim.property == "pdq") == "quality 100"
    assert [sentence.split(": ", 1) for sentence in sentences(source)] == [
        [
            "set.csv › row 3",
            "no digest can be used (The PDQ has quality 20, less than 50; it would match unlike pictures); "
            "row skipped.",
        ],
        [
            "set.csv › row 4",
            "no digest can be used (This is the MD5 of a file without bytes; it names no file); row skipped.",
        ],
        ["set.csv › row 5", "it has 2 columns, 8 expected; row skipped."],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\0",
        "hello world\n",
        "name;email\nSam;sam@example.org\n",
        "md5,full name\nx,y\n",
        "\xff\xd8\xff\xe0",
        "{}",
    ],
)
def test_other_content_is_left_to_others(text: str) -> None:
    assert hash_set.recognise(of_text(text.encode("latin-1"), "x.csv"))


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read(mark: str) -> None:
    (record,) = records(of_text(f"{MD5}\r\n".encode(mark)))
    assert record.first("md5") == MD5
