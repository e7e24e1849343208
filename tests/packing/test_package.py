"""Signed packages: what was sealed opens whole, and whatever is changed, added, removed or moved is named."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from opencets.errors import ActRefused, DamagedSource
from opencets.packing import verify
from opencets.packing.package import Part, json_lines, open_notice, open_package, seal, sign_notice, verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HEADER = {"case": {"reference": "AV-1", "agency": "Avon"}, "package": {"id": "p-1", "format": "disclosure"}}
PICTURE = b"\xff\xd8 not a picture " * 100


def parts() -> list[Part]:
    received = [
        {"path": ["a.jpg"], "sha256": sha256(PICTURE).hexdigest(), "original": "originals/EX-1/0001-a.jpg"},
        {"path": ["b.csv"], "sha256": "00" * 32},
    ]
    return [
        Part("index.html", "summary", [b"<!doctype html>", b"<p>Case</p>"]),
        Part("files.jsonl", "files", json_lines(received)),
        Part("originals/EX-1/0001-a.jpg", "original", [PICTURE[:100], PICTURE[100:]], packed=False),
    ]


def sealed(into: Path, given: list[Part] | None = None) -> Path:
    with into.open("wb") as stream:
        for chunk in seal(parts() if given is None else given, HEADER, KEY):
            stream.write(chunk)
    return into


def test_what_was_sealed_opens_whole_here_and_with_the_program_inside(tmp_path: Path) -> None:
    package = sealed(tmp_path / "package.zip")
    manifest = open_package(str(package))
    assert [entry["path"] for entry in manifest["files"]] == [
        "verify.py", "public-key.pem", "index.html", "files.jsonl", "originals/EX-1/0001-a.jpg",
    ]  # fmt: skip
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        program = tmp_path / "verify.py"
        program.write_bytes(archive.read("verify.py"))
        archive.extractall(tmp_path / "unpacked")
    for given in (package, tmp_path / "unpacked"):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(given)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "AS SIGNED: 5 files, 1 of them originals" in done.stdout
        assert manifest["signed_by"]["key_id"] in done.stdout


def test_the_same_parts_and_key_give_the_same_bytes(tmp_path: Path) -> None:
    assert sealed(tmp_path / "one.zip").read_bytes() == sealed(tmp_path / "two.zip").read_bytes()


def test_openssl_alone_verifies_the_signature(tmp_path: Path) -> None:
    with zipfile.ZipFile(sealed(tmp_path / "package.zip")) as archive:
        archive.extractall(tmp_path)
    command = "pkeyutl -verify -pubin -inkey public-key.pem -rawin -in manifest.json -sigfile manifest.sig"
    try:
        done = subprocess.run(["openssl", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("There is no openssl here.")
    assert done.returncode == 0, done.stdout + done.stderr


# --- Tampering ---------------------------------------------------------------------------------------------------------

Entries = list[tuple[zipfile.ZipInfo, bytes]]


def changed(entries: Entries) -> Entries:
    return [(info, b"<p>Other</p>" if info.filename == "index.html" else text) for info, text in entries]


def removed(entries: Entries) -> Entries:
    return [(info, text) for info, text in entries if info.filename != "files.jsonl"]


def added(entries: Entries) -> Entries:
    return [*entries, (zipfile.ZipInfo("more.txt"), b"more")]


def reordered(entries: Entries) -> Entries:
    return [entries[0], entries[2], entries[1], *entries[3:]]


def slipped(entries: Entries) -> Entries:
    return [*entries, (zipfile.ZipInfo("../../outside.txt"), b"outside")]


def absolute(entries: Entries) -> Entries:
    return [*entries, (zipfile.ZipInfo("/etc/outside"), b"outside")]


def twice(entries: Entries) -> Entries:
    return [*entries, entries[2]]


def bomb(entries: Entries) -> Entries:
    return [(info, bytes(64 << 20) if info.filename == "index.html" else text) for info, text in entries]


def another_manifest(entries: Entries) -> Entries:
    return [
        (info, text.replace(b"AV-1", b"AV-2") if info.filename == "manifest.json" else text) for info, text in entries
    ]


def another_key(entries: Entries) -> Entries:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return [(info, pem if info.filename == "public-key.pem" else text) for info, text in entries]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (changed, "index.html"),
        (removed, "files.jsonl"),
        (added, "more.txt"),
        (reordered, "index.html"),
        (slipped, "../../outside.txt"),
        (absolute, "/etc/outside"),
        (twice, "index.html"),
        (bomb, "index.html"),
        (another_manifest, "manifest.json"),
        (another_key, "manifest.json"),
    ],
)
def test_the_first_wrong_file_is_named(tamper: Callable[[Entries], Entries], named: str, tmp_path: Path) -> None:
    package, bad = sealed(tmp_path / "package.zip"), tmp_path / "bad.zip"
    with zipfile.ZipFile(package) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, text in tamper(entries):
            archive.writestr(info.filename, text)
    tracemalloc.start()
    with pytest.raises(verify.Wrong) as wrong:
        verify.check_package(str(bad))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert wrong.value.file == named
    assert most < 32 << 20
    assert verify.main([str(bad)]) == 1
    with pytest.raises(DamagedSource, match="not as it was signed"):
        open_package(str(bad))


@pytest.mark.parametrize("tamper", [changed, removed, added])
def test_an_unpacked_package_is_checked_as_well(tamper: Callable[[Entries], Entries], tmp_path: Path) -> None:
    with zipfile.ZipFile(sealed(tmp_path / "package.zip")) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    folder = tmp_path / "folder"
    for info, text in tamper(entries):
        place = folder / info.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text)
    assert verify.main([str(folder)]) == 1


def test_bytes_before_between_or_behind_the_entries_are_refused(tmp_path: Path) -> None:
    whole = sealed(tmp_path / "package.zip").read_bytes()
    for bad in (b"#!/bin/sh\n" + whole, whole + b"more", whole[:-22] + b"more" + whole[-22:]):
        place = tmp_path / "bad.zip"
        place.write_bytes(bad)
        assert verify.main([str(place)]) == 1


def test_any_single_changed_byte_of_content_is_noticed(tmp_path: Path) -> None:
    package, place = sealed(tmp_path / "package.zip"), tmp_path / "bad.zip"
    whole = bytearray(package.read_bytes())
    before = contents(package)
    noticed = 0
    for at in range(0, len(whole), 97):
        whole[at] ^= 1
        place.write_bytes(whole)
        whole[at] ^= 1
        if verify.main([str(place)]) == 0:
            assert contents(place) == before, at  # a ZIP file's dates and padding bits are no content
        else:
            noticed += 1
    assert noticed > 50


def contents(package: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(package) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def test_an_original_that_is_not_the_file_received_is_named(tmp_path: Path) -> None:
    given = parts()
    swapped = Part("originals/EX-1/0001-a.jpg", "original", [b"another"], packed=False)
    with pytest.raises(verify.Wrong, match="not the file that was received"):
        verify.check_package(str(sealed(tmp_path / "package.zip", [*given[:2], swapped])))


def test_the_key_that_was_asked_for_has_to_be_the_one(tmp_path: Path) -> None:
    package = sealed(tmp_path / "package.zip")
    own = open_package(str(package))["signed_by"]["key_id"]
    assert verify.main([str(package), "--key", own.upper()]) == 0
    assert verify.main([str(package), "--key", "00" * 32]) == 1


@pytest.mark.parametrize(
    "name", ["../up", "/root", "a//b", "c:x", "a\\b", "nul.txt", "end.", "", "x/./y", "line\nfeed"]
)
def test_a_name_that_leads_out_is_not_packed(name: str) -> None:
    with pytest.raises(ActRefused):
        list(seal([Part(name, "file", [b""])], HEADER, KEY))


def test_the_same_name_twice_is_not_packed() -> None:
    with pytest.raises(ActRefused, match="once"):
        list(seal([Part("a", "file", [b""]), Part("a", "file", [b""])], HEADER, KEY))


def test_sealing_holds_one_chunk_at_a_time() -> None:
    def much() -> Iterator[bytes]:
        for _ in range(128):
            yield bytes(1 << 20)

    tracemalloc.start()
    length = sum(len(chunk) for chunk in seal([Part("much", "original", much(), packed=False)], HEADER, KEY))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length > 128 << 20
    assert most < 16 << 20


# --- Ed25519, RFC 8032, section 7.1 -------------------------------------------------------------------------------------

RFC8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC8032)
def test_the_vectors_of_the_rfc_hold_and_no_neighbour_does(public: str, message: str, signature: str) -> None:
    key, text, signed = (bytes.fromhex(part) for part in (public, message, signature))
    assert verify.ed25519_holds(key, signed, text)
    assert not verify.ed25519_holds(key, signed, text + b"x")
    assert not verify.ed25519_holds(key, bytes([signed[0] ^ 1]) + signed[1:], text)
    assert not verify.ed25519_holds(bytes([key[0] ^ 1]) + key[1:], signed, text)
    order = 2**252 + 27742317777372353535851937790883648493
    moved = (int.from_bytes(signed[32:], "little") + order).to_bytes(32, "little")
    assert not verify.ed25519_holds(key, signed[:32] + moved, text)  # RFC 8032, 5.1.7: S below the order


def test_signatures_of_the_library_hold_in_plain_python() -> None:
    for number in range(20):
        key = Ed25519PrivateKey.from_private_bytes(sha256(bytes([number])).digest())
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        text = bytes(number * 37)
        assert verify.ed25519_holds(public, key.sign(text), text)


# --- The program and notices --------------------------------------------------------------------------------------------


def test_the_program_asks_for_nothing_but_python() -> None:
    imports = {
        line.split()[1].split(".")[0]
        for line in verifier().decode().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imports <= sys.stdlib_module_names


def test_a_notice_names_its_package_and_is_signed(tmp_path: Path) -> None:
    notice = sign_notice(
        {"kind": "withdrawal", "package": "p-1", "sha256": "ab" * 32, "reason": "A wrong exhibit."}, KEY
    )
    said, key = open_notice(notice)
    assert (said["reason"], len(key)) == ("A wrong exhibit.", 64)
    place = tmp_path / "notice.json"
    place.write_bytes(notice)
    assert verify.main([str(place)]) == 0
    bad = json.loads(notice)
    bad["notice"]["sha256"] = "cd" * 32
    place.write_text(json.dumps(bad))
    assert verify.main([str(place)]) == 1
    with pytest.raises(DamagedSource):
        open_notice(json.dumps(bad).encode())
