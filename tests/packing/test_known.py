"""Lists of known files: read wholly or refused, and on a device only marks that name no file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from opencets.errors import ActRefused
from opencets.packing.known import KEY_BYTES, MARK_BYTES, KnownFiles, digests_of, for_device, has, read_list

HASHES: dict[str, Callable[[bytes], bytes]] = {
    "md5": lambda content: hashlib.md5(content, usedforsecurity=False).digest(),
    "sha1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "sha256": lambda content: hashlib.sha256(content).digest(),
}


def of(*contents: bytes) -> list[bytes]:
    return [make(content) for content in contents for make in HASHES.values()]


def opened(given: bytes) -> KnownFiles:
    return KnownFiles(given, hashlib.sha256(given).hexdigest())


def test_a_list_is_read_wholly_or_refused() -> None:
    lines = [one.hex() for one in of(b"x", b"y")]
    packed = read_list("\r\n".join(["# a word", *lines, "", lines[0].upper(), f"{lines[1]} # again"]).encode())
    assert sorted(digests_of(packed)) == sorted(of(b"x", b"y"))
    assert packed == read_list(b"\xef\xbb\xbf" + "\n".join(reversed(lines)).encode())
    assert all(has(packed, [one]) for one in of(b"x", b"y"))
    assert not has(packed, of(b"z"))
    assert not has(packed, [])
    with pytest.raises(ActRefused, match="Line 2"):
        read_list(lines[0].encode() + b"\nnot a hash\n")
    with pytest.raises(ActRefused, match="0 files"):
        read_list(b"# nothing\n")


def test_a_device_knows_the_files_of_its_list_and_holds_no_digest_of_them() -> None:
    contents = [str(number).encode() for number in range(300)]
    packed = read_list("\n".join(one.hex() for one in of(*contents)).encode())
    given = for_device(packed, b"k" * KEY_BYTES)
    known = opened(given)
    assert len(known) == 900
    assert all(one in known for one in of(*contents))
    assert not any(one in known for one in of(*(b"other " + one for one in contents)))
    for digest in of(*contents):
        assert digest[:MARK_BYTES] not in given
    other = for_device(packed, b"l" * KEY_BYTES)
    own, others = ({one[-MARK_BYTES * at :][:MARK_BYTES] for at in range(1, 901)} for one in (given, other))
    assert not own & others, "two devices have nothing in common"


def test_only_the_list_that_the_order_names_is_taken() -> None:
    given = for_device(read_list(of(b"x")[0].hex().encode()), bytes(KEY_BYTES))
    with pytest.raises(ActRefused, match="not the one that the order names"):
        KnownFiles(given, "0" * 64)
    for broken in (given[:-1], b"", b"{}", given[:30]):
        with pytest.raises(ActRefused, match="no list"):
            opened(broken)
