"""A part that a sensor delivered, as a server checks it without a line of the sensor: seal, chain, origin, sizes."""

from __future__ import annotations

import gzip
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import DamagedSource, LimitReached, NotThisFormat, SourceRefused
from opencets.sighting import Ledger, sealed
from opencets.sighting.answers import history
from opencets.sighting.delivered import check_part
from opencets_sensor.evidence import write_package
from opencets_sensor.replaying import batch_of, sightings_of
from tests.sensor.parts import make_log, sightings_of_log

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()


def test_a_part_is_what_its_log_says(tmp_path: Path) -> None:
    path = make_log(tmp_path, KEY, count=5)
    read, (checked, rows) = sealed.read_log(path), check_part(path.read_bytes(), sightings_of_log(path), PUBLIC)
    assert rows == 5
    assert (checked.head, checked.chain, checked.key, checked.digest) == (read.head, read.chain, read.key, read.digest)
    assert checked.count == len(read.entries) + 2


def test_a_part_of_another_key_or_with_the_sightings_of_another_log_is_refused(tmp_path: Path) -> None:
    path, other = make_log(tmp_path, KEY), make_log(tmp_path, KEY, 2)
    stranger = make_log(tmp_path / "stranger", Ed25519PrivateKey.generate())
    with pytest.raises(SourceRefused, match="another sensor"):
        check_part(stranger.read_bytes(), sightings_of_log(stranger), PUBLIC)
    with pytest.raises(SourceRefused, match="come from this log"):
        check_part(path.read_bytes(), sightings_of_log(other), PUBLIC)
    with pytest.raises(DamagedSource, match="no Parquet"):
        check_part(path.read_bytes(), b"PAR1", PUBLIC)


def test_a_log_that_was_touched_is_no_part(tmp_path: Path) -> None:
    path = make_log(tmp_path, KEY)
    packed, lines = path.read_bytes(), gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    changed = gzip.compress(b"".join(lines).replace(b"198.51.100.1", b"198.51.100.9", 1))
    shortened = gzip.compress(b"".join((*lines[:1], *lines[2:])))
    unsealed = gzip.compress(b"".join(lines[:-1]))
    for given in (changed, shortened, unsealed, packed[:-9], packed + packed, sealed.extract_log(path, {1})):
        with pytest.raises(DamagedSource):
            sealed.check_log(given)
    for given in (gzip.compress(b"{}\n"), gzip.compress(b"")):
        with pytest.raises(NotThisFormat):
            sealed.check_log(given)


def test_a_log_that_says_too_little_of_itself_is_no_part(tmp_path: Path) -> None:
    for number, changed in enumerate(
        ({"clock": None}, {"authority": {}}, {"software": 7}, {"clock": {"offset_ms": "x", "source": ""}})
    ):
        log = sealed.check_log(make_log(tmp_path, KEY, number, **changed).read_bytes())
        with pytest.raises(DamagedSource):
            sealed.origin_of(log)


def test_a_log_that_is_too_large_unpacked_is_let_go_of_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_log(tmp_path, KEY)
    monkeypatch.setattr(sealed, "LARGEST_LOG", 500)
    with pytest.raises(LimitReached):
        sealed.check_log(path.read_bytes())


def test_the_evidence_of_a_computer_has_the_lines_of_all_identities_that_are_linked_to_it(tmp_path: Path) -> None:
    path = make_log(tmp_path / "ledger" / sealed.RAW, KEY, count=3)
    log = sealed.read_log(path)
    path.rename(path.with_name(f"{log.digest}{sealed.SEALED}"))
    ledger = Ledger.create(tmp_path / "ledger")
    list(ledger.load([batch_of(log)]))
    ledger.derive()
    rows = list(sightings_of(log))
    assert {one.identity for one in history(ledger, rows[0]["identity"]).sightings} == {row["identity"] for row in rows}
    stated = {"made_by": "iva", "purpose": "Case 7", "made_at": "2026-03-11T00:00:00+00:00"}
    assert write_package(ledger, rows[0]["identity"], tmp_path / "one.zip", KEY, stated) == 3
