#!/usr/bin/env python3
"""Verify a package of OpenCETS offline: nothing but Python 3.8 or newer, no network, nothing to install.

    python3 verify.py PACKAGE.zip        the package as it was handed over
    python3 verify.py FOLDER             the same package, unpacked
    python3 verify.py NOTICE.json        a receipt or a withdrawal notice
    --key KEY_ID                         also ask that it was signed with this key (64 hexadecimal digits)

Exit 0: all is as it was signed. Exit 1: the first thing that is not is named. Exit 2: there is nothing to verify.

What is checked: the signature over manifest.json (Ed25519, RFC 8032); that exactly the files it lists are there, in its
order, each with its size and SHA-256; that no name leads out of the package; that originals are the files that were
received; that each act of the log hashes to its leaf, and the leaf to the root of the log's tree (RFC 6962, section 2.1).

A signature says that the holder of the key signed. Whose key it is you learn from the sender by another way: ask for the
key's id. The signature alone, without this program:

    openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in manifest.json -sigfile manifest.sig
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

FORMAT = "opencets-package-1"
NOTICE = "opencets-notice-1"
MANIFEST, SIGNATURE, PUBLIC_KEY = "manifest.json", "manifest.sig", "public-key.pem"
MOST_MANIFEST_BYTES = 1 << 30
MOST_LINE_BYTES = 1 << 28
PART = 1 << 20
FIELDS = (
    "id", "at", "verb", "officer_id", "agency_id", "holding_id", "holding_agency_id", "subject", "details", "purpose",
    "address", "written_in",
)  # fmt: skip
"""The fields of an act, in the order in which its leaf joins them by the unit separator (U+001F)."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


class Wrong(Exception):
    """Something is not as it was signed: which file, and what is wrong with it."""

    def __init__(self, file: str, sentence: str) -> None:
        super().__init__(f"{file}: {sentence}")
        self.file, self.sentence = file, sentence


# --- Ed25519 (RFC 8032, sections 5.1 and 6): verifying only, so nothing here is secret and time may vary --------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


def _point(encoded: bytes) -> Any:
    """The point of 32 bytes in extended coordinates, or None where there is none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _add(one: Any, two: Any) -> Any:
    a = (one[1] - one[0]) * (two[1] - two[0]) % _P
    b = (one[1] + one[0]) * (two[1] + two[0]) % _P
    c, d = 2 * one[3] * two[3] * _D % _P, 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: Any) -> Any:
    sum_: Any = (0, 1, 1, 0)
    while number:
        if number & 1:
            sum_ = _add(sum_, point)
        point = _add(point, point)
        number >>= 1
    return sum_


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (64 bytes) over ``message`` was made with the key of ``public`` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, nonce = _point(public), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= _L:
        return False
    digest = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(scalar, _BASE), _add(nonce, _times(digest, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % _P or (left[1] * right[2] - right[1] * left[2]) % _P)


def key_id(public: bytes) -> str:
    """How a key is named when it is compared: the SHA-256 of its 32 bytes."""
    return hashlib.sha256(public).hexdigest()


# --- The log's tree (RFC 6962, section 2.1; the walk is that of RFC 9162, section 2.1.3) ------------------------------------


def root_from(leaf: bytes, number: int, size: int, proof: list[bytes]) -> Any:
    """The root of a tree of ``size`` leaves, from one leaf hash, its number and its audit path; None: no such path."""
    if not 0 <= number < size:
        return None
    place, last, root = number, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


# --- Where the files are ----------------------------------------------------------------------------------------------


def refuse_name(name: str) -> None:
    """Refuse a name that leads out of the package, or that a file system takes for something else."""
    steps = name.split("/")
    if not name or len(name) > 400 or "\\" in name or ":" in name or any(ord(letter) < 32 for letter in name):
        raise Wrong(repr(name[:120]), "this name may not stand in a package.")
    if any(step in ("", ".", "..") or step.endswith((".", " ")) or _DEVICES.fullmatch(step) for step in steps):
        raise Wrong(name, "this name leads out of the package, or is no name of a file.")


class Archive:
    """A package as one ZIP file: plain entries one after another, nothing before, between or behind them."""

    def __init__(self, path: Any) -> None:
        """``path``: of the file, or the file itself, opened for reading; it is closed with the archive."""
        named = os.path.basename(path) if isinstance(path, str) else "the package"
        self._raw: Any = open(path, "rb") if isinstance(path, str) else path  # noqa: SIM115 - closed with the archive
        try:
            self._zip = zipfile.ZipFile(self._raw)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            self._raw.close()
            raise Wrong(named, f"it is no whole ZIP file ({error}).") from None
        self._infos: dict[str, zipfile.ZipInfo] = {}
        try:
            self._check_layout(named)
        except BaseException:
            self._raw.close()
            raise

    def _check_layout(self, package: str) -> None:
        expected = 0
        infos = self._zip.infolist()
        for info in infos:
            refuse_name(info.orig_filename)
            if info.filename in self._infos:
                raise Wrong(info.filename, "it is there twice.")
            if info.flag_bits & 0x41 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Wrong(info.filename, "it is encrypted, or packed in a way that packages do not use.")
            self._infos[info.filename] = info
            if info.header_offset != expected:
                raise Wrong(info.filename, "something stands before it that no entry covers, or the order was changed.")
            self._raw.seek(info.header_offset)
            head = self._raw.read(30)
            if len(head) < 30 or head[:4] != b"PK\x03\x04":
                raise Wrong(info.filename, "its place in the ZIP file is damaged.")
            names, extra = struct.unpack("<HH", head[26:30])
            expected += 30 + names + extra + info.compress_size + (24 if info.flag_bits & 8 else 0)
        self._raw.seek(0, io.SEEK_END)
        length = self._raw.tell()
        self._raw.seek(max(0, length - 22))
        end = self._raw.read(22)
        if expected != self._zip.start_dir or end[:4] != b"PK\x05\x06" or end[20:] != b"\x00\x00":
            raise Wrong(package, "something stands behind the last file that no entry covers.")

    def names(self) -> list[str]:
        return list(self._infos)

    def chunks(self, name: str, most: int) -> Iterator[bytes]:
        """The bytes of a file, ``most`` + 1 at the most: nobody's disk or memory is filled by what unpacks for ever."""
        if name not in self._infos:
            raise Wrong(name, "it is missing.")
        left = most + 1
        try:
            with self._zip.open(self._infos[name]) as stream:
                while left > 0:
                    part = stream.read(min(PART, left))
                    if not part:
                        return
                    left -= len(part)
                    yield part
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
            raise Wrong(name, f"it cannot be unpacked ({error}).") from None

    def close(self) -> None:
        self._zip.close()
        self._raw.close()


class Folder:
    """A package that was unpacked."""

    def __init__(self, path: str) -> None:
        self._path = path

    def names(self) -> list[str]:
        found = []
        for folder, _, files in os.walk(self._path):
            for file in files:
                found.append(os.path.relpath(os.path.join(folder, file), self._path).replace(os.sep, "/"))
        return sorted(found)

    def chunks(self, name: str, most: int) -> Iterator[bytes]:
        refuse_name(name)
        place = os.path.join(self._path, *name.split("/"))
        if not os.path.isfile(place) or os.path.islink(place):
            raise Wrong(name, "it is missing.")
        left = most + 1
        with open(place, "rb") as stream:
            while left > 0:
                part = stream.read(min(PART, left))
                if not part:
                    return
                left -= len(part)
                yield part

    def close(self) -> None:
        pass


# --- The check --------------------------------------------------------------------------------------------------------


def _whole(place: Any, name: str, most: int) -> bytes:
    read = b"".join(place.chunks(name, most))
    if len(read) > most:
        raise Wrong(name, f"it is longer than {most} bytes.")
    return read


def public_of(pem: bytes) -> bytes:
    """The 32 bytes of an Ed25519 public key as PEM (RFC 8410), or Wrong."""
    text = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
    try:
        der = base64.b64decode(text, validate=True)
    except ValueError:
        der = b""
    if len(der) != 44 or der[:12] != bytes.fromhex("302a300506032b6570032100"):
        raise Wrong(PUBLIC_KEY, "it is no Ed25519 public key.")
    return der[12:]


def read_manifest(place: Any, wanted_key: str = "") -> Any:
    """The manifest of a package, once its signature holds."""
    public = public_of(_whole(place, PUBLIC_KEY, 4096))
    signature = _whole(place, SIGNATURE, 64)
    signed = _whole(place, MANIFEST, MOST_MANIFEST_BYTES)
    if not ed25519_holds(public, signature, signed):
        raise Wrong(MANIFEST, "the signature does not fit: manifest, signature or key was changed.")
    try:
        manifest = json.loads(signed.decode())
        if manifest["format"] != FORMAT or not isinstance(manifest["files"], list):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Wrong(MANIFEST, f"it is no manifest of {FORMAT}.") from None
    if manifest.get("signed_by", {}).get("key_id") != key_id(public):
        raise Wrong(PUBLIC_KEY, "the manifest names another key.")
    if wanted_key and key_id(public) != wanted_key.lower().replace(":", "").replace(" ", ""):
        raise Wrong(PUBLIC_KEY, f"it was signed with the key {key_id(public)}, which is not the one asked for.")
    return manifest


def check_files(place: Any, manifest: Any) -> None:
    """Each file that the manifest lists is there, in its order, as it was, and no other."""
    listed: list[str] = []
    for entry in manifest["files"]:
        name, size, digest = entry["path"], entry["size"], entry["sha256"]
        refuse_name(name)
        if not isinstance(size, int) or size < 0 or not _SHA256.fullmatch(str(digest)):
            raise Wrong(MANIFEST, f"the line of {name} is damaged.")
        listed.append(name)
    wanted = [*listed, MANIFEST, SIGNATURE]
    if len(set(wanted)) != len(wanted):
        raise Wrong(MANIFEST, "it lists a file twice.")
    there = place.names()
    known, found = set(wanted), set(there)
    for name in wanted:
        if name not in found:
            raise Wrong(name, "it is missing.")
    for name in there:
        if name not in known:
            raise Wrong(name, "it was added: the manifest does not list it.")
    if isinstance(place, Archive) and there != wanted:
        moved = next(now for now, then in zip(there, wanted) if now != then)  # noqa: B905 - Python 3.8 reads this too
        raise Wrong(moved, "the order of the files was changed.")
    for entry in manifest["files"]:
        digest, size = hashlib.sha256(), 0
        for part in place.chunks(entry["path"], entry["size"]):
            digest.update(part)
            size += len(part)
        if size != entry["size"]:
            told = "longer than" if size > entry["size"] else f"{size} bytes, not"
            raise Wrong(entry["path"], f"it is {told} the {entry['size']} bytes that were signed.")
        if digest.hexdigest() != entry["sha256"]:
            raise Wrong(entry["path"], "it was changed: its SHA-256 is not the one that was signed.")


def lines_of(place: Any, name: str) -> Iterator[tuple[int, Any]]:
    """The lines of a file of one JSON value a line, each with its number."""
    held = b""
    number = 0
    for part in place.chunks(name, 1 << 62):
        *whole, held = (held + part).split(b"\n")
        if len(held) > MOST_LINE_BYTES:
            raise Wrong(name, "it has a line without an end.")
        for line in whole:
            number += 1
            yield number, _value(name, number, line)
    if held:
        yield number + 1, _value(name, number + 1, held)


def _value(name: str, number: int, line: bytes) -> Any:
    try:
        value = json.loads(line.decode())
        if not isinstance(value, dict):
            raise ValueError
    except ValueError:
        raise Wrong(name, f"line {number} is no JSON value.") from None
    return value


def check_originals(place: Any, manifest: Any) -> int:
    """Each original that is in the package is the file that was received: the SHA-256 of then; how many there are."""
    digests = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    found = 0
    if "files.jsonl" not in digests:
        return 0
    for number, row in lines_of(place, "files.jsonl"):
        original = row.get("original")
        if original:
            found += 1
            if digests.get(original) != row.get("sha256"):
                raise Wrong(original, f"it is not the file that was received (files.jsonl, line {number}).")
    return found


def check_log(place: Any, manifest: Any) -> tuple[int, int]:
    """Each act hashes to its leaf, each sealed leaf to the checkpoint's root; how many acts, how many proven."""
    names = {entry["path"] for entry in manifest["files"]}
    if "log/acts.jsonl" not in names:
        return 0, 0
    point = json.loads(_whole(place, "log/checkpoint.json", 1 << 16).decode())
    acts = proven = 0
    for number, row in lines_of(place, "log/acts.jsonl"):
        where = f"line {number} (act {row.get('id')})"
        acts += 1
        leaf = bytes.fromhex(row["leaf"])
        if not row.get("withheld"):
            text = "\x1f".join(str(row[name]) for name in FIELDS)
            if hashlib.sha256(b"\x00" + text.encode()).digest() != leaf:
                raise Wrong("log/acts.jsonl", f"{where} is not as it was logged: its leaf hash differs.")
        if row.get("leaf_number") is not None:
            proof = [bytes.fromhex(sibling) for sibling in row["proof"]]
            root = root_from(leaf, row["leaf_number"], point["size"], proof)
            if root is None or root.hex() != point["root"]:
                raise Wrong("log/acts.jsonl", f"{where} does not lead to the root of the log's checkpoint.")
            proven += 1
    return acts, proven


def check_package(path: str, wanted_key: str = "") -> tuple[Any, dict[str, int]]:
    """Check a package: (manifest, sentences of what was found). Wrong: the first thing that is not as it was signed."""
    place: Any = Folder(path) if os.path.isdir(path) else Archive(path)
    try:
        manifest = read_manifest(place, wanted_key)
        check_files(place, manifest)
        try:
            originals = check_originals(place, manifest)
            acts, proven = check_log(place, manifest)
        except (KeyError, TypeError, ValueError) as error:
            raise Wrong(MANIFEST, f"the parts do not fit together ({error!r}).") from None
    finally:
        place.close()
    return manifest, {"files": len(manifest["files"]), "originals": originals, "acts": acts, "proven": proven}


def canonical(value: Any) -> bytes:
    """The bytes of a notice that are signed: JSON with sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def check_notice(text: bytes, wanted_key: str = "") -> tuple[Any, str]:
    """A receipt or withdrawal notice whose signature holds: (what it says, the key's id). Wrong: it does not."""
    try:
        whole = json.loads(text)
        notice, signed = whole["notice"], whole["signed_by"]
        public, signature = base64.b64decode(signed["public_key"]), base64.b64decode(signed["signature"])
        if notice["format"] != NOTICE or notice["kind"] not in ("receipt", "withdrawal"):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Wrong("notice", f"it is no {NOTICE}.") from None
    if not ed25519_holds(public, signature, canonical(notice)):
        raise Wrong("notice", "the signature does not fit: notice, signature or key was changed.")
    if wanted_key and key_id(public) != wanted_key.lower().replace(":", "").replace(" ", ""):
        raise Wrong("notice", f"it was signed with the key {key_id(public)}, which is not the one asked for.")
    return notice, key_id(public)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


def main(given: list[str]) -> int:
    """Verify what the command line names; the exit code."""
    wanted = ""
    rest: list[str] = []
    words = iter(given)
    for word in words:
        if word == "--key":
            wanted = next(words, "")
        elif word.startswith("--key="):
            wanted = word[6:]
        else:
            rest.append(word)
    if len(rest) != 1 or not os.path.exists(rest[0]) or rest[0].startswith("-"):
        _say(__doc__ or "")
        return 2
    path = rest[0]
    try:
        if not os.path.isdir(path) and path.lower().endswith(".json"):
            with open(path, "rb") as stream:
                notice, key = check_notice(stream.read(1 << 20), wanted)
            _say(f"AS SIGNED: {notice['kind']} of package {notice['package']}, SHA-256 {notice['sha256']}")
            _say(f"Signed with the key {key}")
            return 0
        manifest, found = check_package(path, wanted)
    except Wrong as wrong:
        _say(f"NOT AS SIGNED. {wrong}")
        return 1
    _say(f"AS SIGNED: {found['files']} files, {found['originals']} of them originals.")
    if "case" in manifest:
        _say(
            f"Case {manifest['case']['reference']} of {manifest['case']['agency']}, package {manifest['package']['id']}"
        )
    else:
        _say(f"It holds {manifest.get('package', 'files')}.")
    if found["acts"]:
        _say(f"Log: {found['acts']} acts, {found['proven']} of them proven to stand in the sealed log.")
    _say(f"Signed with the key {manifest['signed_by']['key_id']}")
    if not wanted:
        _say("Ask the sender by another way whether this is their key; --key KEY_ID compares it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
