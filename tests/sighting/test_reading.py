"""Files of sightings of many makes: what each field becomes, what is refused, and that a mended file adds the rest."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opencets.errors import DamagedSource, NotThisFormat
from opencets.sighting import FIELDS, Batch, Ledger
from opencets.sighting.reading import mapping_from, read_batches
from tests.sighting.invented import invented

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "logs" / "p2p_observations.json"
ROW = {
    "network": "BitTorrent", "observed_at": "2026-02-03T04:00:00+01:00", "ip": "198.51.100.23", "port": 51413,
    "info_hash": "33B549C30E4FD1DF3C5C638F06BB80D0B418B430", "peer_id": "-UT3550-abcdefghijkl", "pieces_have": 120,
    "pieces_total": 128, "source": "tracker",
}  # fmt: skip


def read(path: Path, **mapping: Any) -> Batch:
    (batch,) = read_batches(path, mapping or None)
    return batch


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_row_becomes_what_it_says_in_each_form_of_file(tmp_path: Path) -> None:
    lines = written(tmp_path / "a.jsonl", [ROW])
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    (tmp_path / "a.json").write_text(json.dumps([ROW]))
    (tmp_path / "a.csv").write_text(";".join(ROW) + "\n" + ";".join(map(str, ROW.values())) + "\n")
    for name in ("a.jsonl", "a.jsonl.gz", "a.json", "a.csv"):
        (row,) = read(tmp_path / name).rows.to_pylist()
        assert row["seen_at"] == dt.datetime(2026, 2, 3, 3)
        assert (row["network"], row["evidence"], row["identity_kind"]) == ("bittorrent", "tracker", "peer_id")
        assert row["identity"] == b"-UT3550-abcdefghijkl".hex()
        assert row["file"] == "33b549c30e4fd1df3c5c638f06bb80d0b418b430"
        assert (row["address"], row["port"], row["pieces_have"], row["pieces_total"]) == (
            "198.51.100.23",
            51413,
            120,
            128,
        )


def test_our_own_parquet_is_taken_as_it_is(tmp_path: Path) -> None:
    pq.write_table(invented(1), tmp_path / "a.parquet")
    batch = read(tmp_path / "a.parquet")
    assert batch.refused == ()
    for name in invented(1).column_names:
        assert batch.rows[name].to_pylist() == invented(1)[name].cast(FIELDS.field(name).type).to_pylist()


def test_without_an_identity_address_port_and_program_stand_for_one(tmp_path: Path) -> None:
    bare = {name: value for name, value in ROW.items() if name != "peer_id"} | {"client_version": "example 1"}
    rows = read(written(tmp_path / "a.jsonl", [bare, bare | {"port": 4}])).rows.to_pylist()
    assert [row["identity_kind"] for row in rows] == ["endpoint", "endpoint"]
    assert rows[0]["identity"] == hashlib.sha256(b"198.51.100.23|51413|example 1").hexdigest()[:40]
    assert rows[0]["identity"] != rows[1]["identity"]


def test_base32_and_urns_become_hexadecimal(tmp_path: Path) -> None:
    given = [
        ROW | {"info_hash": "urn:sha1:OBS7HVZCMCDUAJCDAWEAZYOZDJYDVQVP"},
        ROW | {"info_hash": "urn:btih:" + "ab" * 20},
    ]
    rows = read(written(tmp_path / "a.jsonl", given)).rows.to_pylist()
    assert [row["file"] for row in rows] == ["7065f3d7226087402443058 80ce1d91a703ac2af".replace(" ", ""), "ab" * 20]


def test_a_time_without_a_zone_is_refused_until_a_mapping_says_which(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [ROW | {"observed_at": "2026-07-03 04:00:00"}, ROW])
    batch = read(path)
    assert batch.rows.num_rows == 1
    assert any("time zone" in why and line == 0 for line, why in batch.refused)
    rows = read(path, zone="Europe/Vienna").rows.to_pylist()
    assert [row["seen_at"].hour for row in rows] == [2, 3]


def test_another_tools_columns_by_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "When,Net,Peer,P,Digest,How\n2026-02-03T00:00:00Z,eD2k,192.0.2.9,4662," + "ab" * 16 + ",direct\n"
    )
    (tmp_path / "map.yaml").write_text(
        "seen_at: When\nnetwork: Net\naddress: Peer\nport: P\nfile: [None, Digest]\nevidence: How\n"
    )
    mapping = mapping_from(tmp_path / "map.yaml")
    (row,) = read(tmp_path / "a.csv", **mapping).rows.to_pylist()
    assert (row["network"], row["evidence"], row["address"], row["file"]) == (
        "edonkey",
        "handshake",
        "192.0.2.9",
        "ab" * 16,
    )
    (tmp_path / "map.yaml").write_text("when: When\n")
    with pytest.raises(NotThisFormat, match="when is none of"):
        mapping_from(tmp_path / "map.yaml")


def test_broken_lines_are_named_and_the_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(ROW)
    path.write_text(f'{good}\n{{broken\n[1, 2]\n\n{good[:-1]}, "deep": {{"a": [1]}}}}\n')
    batch = read(path)
    assert batch.rows["line"].to_pylist() == [0, 4]
    assert [line for line, _ in batch.refused] == [1, 2]


def test_what_is_none_of_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes(b"PK")
    with pytest.raises(NotThisFormat, match="ending is none of"):
        read(tmp_path / "a.xls")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(NotThisFormat, match="no list"):
        read(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("[" * 100_000)
    with pytest.raises(DamagedSource, match="no JSON"):
        read(tmp_path / "b.json")
    pq.write_table(invented(1), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:900])
    with pytest.raises(DamagedSource, match=r"a\.parquet"):
        read(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    batch = read(tmp_path / "a.csv")
    assert batch.rows.num_rows == 0
    assert "missing" in batch.refused[0][1]


def test_a_file_that_broke_off_adds_the_rest_when_it_is_mended(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.jsonl", [ROW | {"port": number} for number in range(1, 50)]).read_bytes()
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(whole)[:-20])
    ledger = Ledger.create(tmp_path / "ledger")
    with pytest.raises(DamagedSource, match="cannot be read further"):
        list(ledger.load(read_batches(tmp_path / "cut.jsonl.gz")))
    assert sum(done.rows for done in ledger.load(read_batches(tmp_path / "a.jsonl"))) == 49
    assert all(done.again for done in ledger.load(read_batches(tmp_path / "a.jsonl")))


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample files are not beside the repository")
def test_the_neutral_exchange_format() -> None:
    batch = read(SAMPLE)
    assert batch.refused == ()
    assert batch.rows["network"].to_pylist() == ["bittorrent"] * 3 + ["gnutella", "edonkey"]
    assert batch.rows["identity_kind"].to_pylist() == ["endpoint"] * 3 + ["guid", "user_hash"]


def test_an_empty_file_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    assert list(read_batches(tmp_path / "a.jsonl")) == []
    pq.write_table(
        pa.table({name: pa.array([], FIELDS.field(name).type) for name in FIELDS.names}), tmp_path / "a.parquet"
    )
    assert sum(batch.rows.num_rows for batch in read_batches(tmp_path / "a.parquet")) == 0
