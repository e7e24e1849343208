"""Keys over time: replaced without a blob written, exchanged after a stop, kept by a program, destroyed for good."""

from __future__ import annotations

import hashlib
import io
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opencets.errors import ActRefused, DamagedSource, Interrupted

if TYPE_CHECKING:
    from opencets_web.accounts.models import Agency
    from opencets_web.evidence.models import Blob
    from tests.web.conftest import Cast
    from tests.web.evidence.room import Room

pytestmark = pytest.mark.django_db
PROGRAM = """#!{python}
import sys
from base64 import b64decode, b64encode
if {locked}: sys.exit("the token is locked")
given = b64decode(sys.stdin.read())
sys.stdout.write(b64encode(bytes(octet ^ 0x5A for octet in given)).decode())
"""


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, settings: object) -> Iterator[None]:
    from opencets_web.evidence.vault import known

    settings.HOME = tmp_path / "home"  # type: ignore[attr-defined]
    known.cache_clear()
    yield
    known.cache_clear()


def kept(room: Room, agency: Agency | None = None) -> Blob:
    """A blob of Avon's, sealed as any file is."""
    from opencets_web.evidence.models import Blob

    room.put("note.txt", b"The heron stands at the weir.\n" * 50)
    room.receive()
    return Blob.objects.latest("created_at")


def clear(blob: Blob) -> bytes:
    """What a new process would read of it."""
    from opencets_web.evidence.vault import known, opening

    known.cache_clear()
    blob.refresh_from_db()
    with opening(blob)() as stream:
        return stream.read()


def sealed(home: Path) -> dict[str, str]:
    """The SHA-256 of each sealed file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in home.glob("blobs/??/??/*")}


def nothing(_rows: int) -> None:
    """No progress is shown."""


def test_a_key_is_replaced_and_no_blob_is_written(room: Room, cast: Cast, tmp_path: Path) -> None:
    from opencets.packing.keys import wrapped_by
    from opencets_web.evidence import keyring

    before = kept(room)
    assert wrapped_by(bytes(before.wrapped_key)) is None, "before there are keys of agencies the root wraps"
    text, files = clear(before), sealed(tmp_path / "home")
    assert keyring.ensure_keys() == 2
    assert keyring.ensure_keys() == 0
    number, rows = keyring.rotate(cast.avon, nothing)
    assert (number, rows) == (2, 1)
    assert clear(before) == text
    first = wrapped_by(bytes(before.wrapped_key))
    number, rows = keyring.rotate(cast.avon, nothing)
    assert (number, rows) == (3, 1)
    assert clear(before) == text
    assert wrapped_by(bytes(before.wrapped_key)) not in {None, first}
    assert sealed(tmp_path / "home") == files
    shown = [(line.agency, line.number, line.state, line.blobs) for line in keyring.list_keys()]
    avon = [("Avon", 1, "replaced", 0), ("Avon", 2, "replaced", 0), ("Avon", 3, "current", 1)]
    assert shown == [*avon, ("Borders", 1, "current", 0)]


def test_an_exchange_that_was_stopped_goes_on_and_makes_no_further_key(
    room: Room, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opencets_web.evidence import keyring
    from opencets_web.evidence.models import Blob
    from opencets_web.evidence.vault import store

    keyring.ensure_keys()
    first = kept(room)
    for number in range(4):
        stored = store(cast.avon.id).put(io.BytesIO(bytes([number]) * 100))
        Blob.objects.create(
            holding_id=first.holding_id, agency_id=first.agency_id, path=stored.blob_id, wrapped_key=stored.wrapped_key,
            size=stored.size, sha256=stored.sha256, created_at=first.created_at,
        )  # fmt: skip
    monkeypatch.setattr(keyring, "ROWS_AT_ONCE", 2)

    def stop(_rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keyring.rotate(cast.avon, stop)
    assert {line.number: line.blobs for line in keyring.list_keys() if line.agency == "Avon"} == {1: 3, 2: 2}
    assert all(len(clear(blob)) == blob.size for blob in Blob.objects.all())
    assert keyring.rotate(cast.avon, nothing) == (2, 3)
    assert {line.number: line.blobs for line in keyring.list_keys() if line.agency == "Avon"} == {1: 0, 2: 5}
    assert all(len(clear(blob)) == blob.size for blob in Blob.objects.all())


def test_the_root_key_is_exchanged_also_where_it_was_stopped(
    room: Room, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opencets_web.evidence import keyring
    from opencets_web.evidence.root import FileRoot

    old = kept(room)
    text = clear(old)
    key_file = tmp_path / "home" / "secrets" / "master-key"
    before = key_file.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(FileRoot, "end_exchange", lambda _root: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            keyring.rotate_root(nothing)
    assert key_file.read_bytes() == before
    assert clear(old) == text, "between the two steps both root keys open"
    assert keyring.rotate_root(nothing) == 2
    assert key_file.read_bytes() != before
    assert not (tmp_path / "home" / "secrets" / "master-key.next").exists()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert clear(old) == text
    key_file.write_bytes(before)
    with pytest.raises(DamagedSource, match="could not be unwrapped"):
        clear(old)


def test_what_a_destroyed_key_wraps_is_lost_and_the_reason_is_told(room: Room, cast: Cast) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.evidence import keyring
    from opencets_web.evidence.models import Blob
    from opencets_web.evidence.vault import store

    keyring.ensure_keys()
    lost = kept(room)
    stored = store(cast.borders.id).put(io.BytesIO(b"of Borders"))
    other = Blob(path=stored.blob_id, wrapped_key=stored.wrapped_key, size=stored.size)
    with pytest.raises(ActRefused, match="with a reason"):
        keyring.destroy(cast.avon, 1, " ")
    assert keyring.destroy(cast.avon, 1, "Ordered by the court, 2026-11-20.") == 1
    with pytest.raises(ActRefused, match=r"destroyed with its key on 20.*Ordered by the court"):
        clear(lost)
    with pytest.raises(ActRefused, match="no key 1"):
        keyring.destroy(cast.avon, 1, "Again.")
    from opencets_web.evidence.vault import opening

    with opening(other)() as stream:
        assert stream.read() == b"of Borders"
    assert [line.number for line in keyring.list_keys() if line.state == "current" and line.agency == "Avon"] == [2]
    assert keyring.rotate(cast.avon, nothing)[1] == 0, "what is lost is not exchanged"
    assert Act.objects.filter(verb="key.destroyed").count() == 1


def test_a_key_that_was_changed_opens_nothing(room: Room, cast: Cast) -> None:
    from opencets_web.evidence import keyring

    keyring.ensure_keys()
    blob = kept(room)
    for place in (3, 10, 40):
        octets = bytearray(blob.wrapped_key)
        octets[place] ^= 1
        changed = type(blob)(path=blob.path, wrapped_key=bytes(octets), size=blob.size)
        from opencets_web.evidence.vault import opening

        with pytest.raises(DamagedSource):
            opening(changed)


def test_a_program_may_keep_the_root_key(
    room: Room, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opencets_web.evidence import keyring
    from opencets_web.evidence.vault import known

    program = tmp_path / "token"
    program.write_text(PROGRAM.format(python=sys.executable, locked=False))
    program.chmod(0o700)
    monkeypatch.setenv("OPENCETS_ROOT_KEY", f"program:{program}")
    known.cache_clear()
    keyring.ensure_keys()
    blob = kept(room)
    assert clear(blob).startswith(b"The heron")
    assert not (tmp_path / "home" / "secrets" / "master-key").exists()
    with pytest.raises(ActRefused, match="kept by the program"):
        keyring.rotate_root(nothing)
    program.write_text(PROGRAM.format(python=sys.executable, locked=True))
    with pytest.raises(Interrupted, match="the token is locked"):
        clear(blob)
    monkeypatch.setenv("OPENCETS_ROOT_KEY", "cupboard")
    with pytest.raises(ActRefused, match="it may be file, or program"):
        clear(blob)
