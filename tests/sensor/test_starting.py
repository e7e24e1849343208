"""The sensor starts only with a signed authority and a purpose; otherwise it says why and asks nobody anything."""

from __future__ import annotations

import ast
import datetime as dt
import json
import socket
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import opencets_sensor
from opencets.cli.main import main
from opencets.errors import ActRefused
from opencets.packing.authority import Wanted, sign_authority
from opencets_sensor import guard
from opencets_sensor.networks import bittorrent
from opencets_sensor.running import prepare
from opencets_sensor.settings import read_settings
from opencets_sensor.torrent import messages
from tests.sensor.ready import KEY, PURPOSE, SAID, TODAY, make_ready

FILES = [Wanted("bittorrent", "a" * 40, 12)]
NOW = dt.datetime.now(dt.UTC)


def test_with_an_authority_and_a_purpose_it_would_start(tmp_path: Path) -> None:
    ready = prepare(make_ready(tmp_path, FILES), PURPOSE, "iva", NOW)
    assert (ready.authority.order, ready.purpose, len(ready.authority.files)) == (SAID["order"], PURPOSE, 1)
    answer = CliRunner().invoke(main, ["sensor", "check", str(tmp_path / "sensor.toml"), "--purpose", PURPOSE])
    assert answer.exit_code == 0
    assert answer.output.startswith("1 files by Order 7/2026 of the invented court of Avon, Avon Police, until ")


@pytest.mark.parametrize(
    ("change", "purpose", "why"),
    [
        ("none", "", "Say for what it looks"),
        ("none", "because", "Say for what it looks"),
        ("no authority", PURPOSE, "There is no authority"),
        ("unsigned", PURPOSE, "no signed authority"),
        ("changed", PURPOSE, "changed after it was signed"),
        ("another key", PURPOSE, "not among the trusted keys"),
        ("no key trusted", PURPOSE, "trusts no key"),
        ("ended", PURPOSE, "holds from"),
        ("not begun", PURPOSE, "holds from"),
        ("no order", PURPOSE, "says no order"),
        ("another network", PURPOSE, "names no file that this sensor looks for"),
    ],
)
def test_without_them_it_says_why_and_asks_nobody(
    tmp_path: Path, change: str, purpose: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_ready(tmp_path, FILES)
    authority = tmp_path / "authority.json"
    day = dt.timedelta(days=1)
    if change == "no authority":
        authority.unlink()
    elif change == "unsigned":
        authority.write_text(json.dumps({"text": json.loads(authority.read_text())["text"]}))
    elif change == "changed":
        authority.write_text(authority.read_text().replace("a" * 40, "b" * 40))
    elif change == "another key":
        authority.write_bytes(sign_authority(SAID, FILES, Ed25519PrivateKey.generate()))
    elif change == "no key trusted":
        settings.write_text(settings.read_text().replace(settings.read_text().split('"')[7], ""))
        settings.write_text(settings.read_text().replace('[""]', "[]"))
    elif change == "ended":
        gone = {"begins_on": str(TODAY - 9 * day), "ends_on": str(TODAY - day)}
        authority.write_bytes(sign_authority(SAID | gone, FILES, KEY))
    elif change == "not begun":
        authority.write_bytes(sign_authority(SAID | {"begins_on": str(TODAY + day)}, FILES, KEY))
    elif change == "no order":
        written = json.loads(authority.read_text())
        written["text"] = written["text"].replace(SAID["order"], "")
        from base64 import b64encode

        written["signature"] = b64encode(KEY.sign(b"opencets-authority-1\n" + written["text"].encode())).decode()
        authority.write_text(json.dumps(written))
    elif change == "another network":
        authority.write_bytes(sign_authority(SAID, [Wanted("edonkey", "a" * 32)], KEY))

    def none(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", none)
    answer = CliRunner().invoke(main, ["sensor", "run", str(settings), "--purpose", purpose, "--for", "1"])
    assert answer.exit_code == 2
    assert why in answer.output
    assert not list(tmp_path.glob("state/open/*"))


def test_an_authority_ends_while_the_sensor_runs_and_covers_only_what_it_names(tmp_path: Path) -> None:
    authority = prepare(make_ready(tmp_path, FILES), PURPOSE, "iva", NOW).authority
    assert authority.require("bittorrent", "a" * 40, NOW).pieces == 12
    with pytest.raises(ActRefused, match="does not name this file"):
        authority.require("bittorrent", "b" * 40, NOW)
    with pytest.raises(ActRefused, match="holds from"):
        authority.require("bittorrent", "a" * 40, NOW + dt.timedelta(days=8))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("upload = true", "“upload” is no setting"),
        ("[pace]\nasks_a_second = 0", "is a number from 0.01 to 2000"),
        ("[pace]\nat_once = 2.5", "is a number from 1 to 5000"),
        ('[reach]\nalso = ["everywhere"]', "no network of addresses"),
        ("[spool]\ndownload = 1", "“download” is no setting"),
        ('[clock]\nservers = "one"', "is a list of texts"),
    ],
)
def test_a_word_that_is_not_known_or_out_of_its_limits_ends_it(tmp_path: Path, line: str, why: str) -> None:
    inside = line.startswith("[")
    settings = make_ready(tmp_path, FILES, top="" if inside else line, more=f"\n{line}\n" if inside else "")
    with pytest.raises(ActRefused, match=why):
        prepare(settings, PURPOSE, "iva", NOW)


def test_the_settings_of_the_how_to_are_settings_and_one_that_delivers_nowhere_is_none(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "run-a-sensor.md").read_text()
    path = tmp_path / "sensor.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    settings = read_settings(path)
    assert (settings.name, settings.pace.ask_again_seconds, settings.reach.lowest_port) == ("avon-1", 3600, 1024)
    bittorrent.joined(settings.networks["bittorrent"])
    path.write_text(path.read_text().replace('server = "https://cets.example.org"', ""))
    with pytest.raises(ActRefused, match="nowhere to deliver"):
        read_settings(path)


@pytest.mark.parametrize("line", ["pieces = 1", "told_port = 80", "connect_seconds = 1000", 'table = "yes"'])
def test_the_table_of_a_network_is_as_strict(tmp_path: Path, line: str) -> None:
    with pytest.raises(ActRefused, match=r"networks\.bittorrent"):
        prepare(make_ready(tmp_path, FILES, bittorrent=line), PURPOSE, "iva", NOW)


@pytest.mark.parametrize("loosened", ["SENT", "CARRIES_CONTENT"])
def test_a_program_that_could_transfer_does_not_start(
    tmp_path: Path, loosened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = messages.SENT | {(messages.REQUEST, 0)} if loosened == "SENT" else frozenset[int]()
    monkeypatch.setattr(messages, loosened, wider)
    with pytest.raises(ActRefused, match="It does not start"):
        prepare(make_ready(tmp_path, FILES), PURPOSE, "iva", NOW)


def test_libtorrent_gets_no_torrent_and_its_settings_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import libtorrent

    from opencets_sensor.torrent import table

    node = table.Table([], 0, own_networks=True)
    node.begin()
    try:
        assert isinstance(node._session, libtorrent.session)
        for add in (node._session.add_torrent, node._session.async_add_torrent):
            with pytest.raises(ActRefused, match="takes no torrent"):
                add({"info_hashes": bytes(20), "save_path": "/nowhere"})
        node.require_harmless()
        node._session.apply_settings({"enable_outgoing_tcp": True})
        with pytest.raises(ActRefused, match="enable_outgoing_tcp"):
            node.require_harmless()
    finally:
        node.end()


def test_no_line_of_the_sensor_could_add_a_torrent_or_build_a_request() -> None:
    """Names of what transfers stand where they are refused, and nowhere else."""
    allowed = {"messages.py", "guard.py", "table.py"}
    words = {
        "add_torrent",
        "async_add_torrent",
        "REQUEST",
        "PIECE",
        "INTERESTED",
        "UNCHOKE",
        "start_upload",
        "torrent_info",
    }
    for path in Path(opencets_sensor.__path__[0]).rglob("*.py"):
        found = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        assert path.name in allowed or not words & found, path.name


def test_only_a_handshake_and_what_it_knows_of_extensions_may_leave() -> None:
    hello = messages.handshake(bytes(20), bytes(20))
    assert len(hello) == messages.HANDSHAKE
    messages.require_allowed(hello + messages.extension_handshake() + bytes(4))
    for kind in range(256):
        for body in (b"", b"\0", bytes(12)):
            message = struct.pack(">IB", 1 + len(body), kind) + body
            if kind == messages.EXTENDED and body[:1] == b"\0":
                continue
            with pytest.raises(ActRefused, match="may not send"):
                messages.require_allowed(hello + message)
    with pytest.raises(ActRefused, match="Half a message"):
        messages.require_allowed(hello + b"\0\0")
    guard.require_no_transfer()
