"""Delivery over the network, to a real server on loopback: nothing is lost, nothing counts twice, nothing holds up the rest."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from base64 import b64encode
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opencets.cli.main import main
from opencets.errors import ActRefused, Interrupted
from opencets.packing.authority import Wanted
from opencets_sensor import delivery, sending
from opencets_sensor.delivery import deliver, pause_after, refusals, server_of
from opencets_sensor.running import Run, alone, prepare, sensor_key
from opencets_sensor.settings import Deliver, read_settings
from tests.sensor.parts import make_log
from tests.sensor.ready import PURPOSE, make_ready
from tests.sensor.server import Taken, serving

WANTED = [Wanted("bittorrent", "c" * 40, 20, ())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a sensor with three parts that wait."""
    for part in (delivery.WAITING, delivery.SENT):
        (tmp_path / part).mkdir()
    key = sensor_key(tmp_path)
    for number in (1, 2, 3):
        make_log(tmp_path / delivery.WAITING, key, number, count=number)
    return tmp_path


@pytest.fixture
def taken(folder: Path) -> Taken:
    return Taken(b64encode(sensor_key(folder).public_key().public_bytes_raw()).decode())


def bring(folder: Path, address: str, **more: Any) -> delivery.Delivered:
    to = Deliver(server=address, answer_seconds=5, **more)
    server = server_of(to, folder, sensor_key(folder))
    assert server is not None
    try:
        return deliver(folder, to, folder, server)
    finally:
        server.close()


def names(folder: Path, part: str) -> list[str]:
    return sorted(path.name for path in (folder / part).iterdir())


def test_each_part_is_moved_when_the_server_says_that_it_keeps_it(folder: Path, taken: Taken) -> None:
    with serving(taken) as address:
        assert bring(folder, address) == delivery.Delivered(3, {})
    assert (len(names(folder, "sent")), names(folder, "waiting")) == (3, [])
    assert (list(taken.kept.values()), taken.rows) == ([1, 1, 1], 6)


def test_a_part_whose_answer_was_cut_is_sent_again_and_counts_once(folder: Path, taken: Taken) -> None:
    taken.rule = lambda kind, body: (0, {}) if len(taken.kept) == 2 else None
    with serving(taken) as address:
        with pytest.raises(Interrupted, match="cannot be reached"):
            bring(folder, address)
        assert (len(names(folder, "sent")), len(names(folder, "waiting"))) == (1, 2)
        taken.rule = None
        assert bring(folder, address).parts == 2
    # on a connection that was open before it was sent twice at once, and once more the next time
    assert (sorted(taken.kept.values()), taken.rows) == ([1, 1, 3], 6)


def test_while_the_server_is_away_everything_waits_and_goes_when_it_is_back(folder: Path, taken: Taken) -> None:
    with serving(taken) as address:
        pass
    with pytest.raises(Interrupted, match="cannot be reached"):
        bring(folder, address)
    assert len(names(folder, "waiting")) == 3
    with serving(taken) as address:
        assert bring(folder, address).parts == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 503])
def test_what_can_change_leaves_everything_where_it_is(folder: Path, taken: Taken, status: int) -> None:
    taken.rule = lambda kind, body: (status, {"code": "x", "sentence": "Come again."})
    with serving(taken) as address, pytest.raises(Interrupted, match=r"127\.0\.0\.1: Come again\."):
        bring(folder, address)
    assert len(names(folder, "waiting")) == 3


@pytest.mark.parametrize("said", [{"kept": "0" * 64}, {}, {"kept": None}])
def test_an_answer_that_names_another_log_is_no_acknowledgement(
    folder: Path, taken: Taken, said: dict[str, Any]
) -> None:
    taken.rule = lambda kind, body: (200, said)
    with serving(taken) as address, pytest.raises(Interrupted, match="did not say that it kept"):
        bring(folder, address)
    assert len(names(folder, "waiting")) == 3


def test_a_part_that_the_server_will_never_take_is_kept_apart_and_holds_nobody_up(folder: Path, taken: Taken) -> None:
    second = (folder / "waiting" / "avon-1-000002.log.gz").read_bytes()
    taken.rule = lambda kind, body: (422, {"sentence": "It is not as it was sealed."}) if second in body else None
    with serving(taken) as address:
        done = bring(folder, address)
        assert (done.parts, done.refused) == (2, {"avon-1-000002.log.gz": "It is not as it was sealed."})
        assert (len(names(folder, "sent")), names(folder, "waiting")) == (2, [])
        assert refusals(folder) == done.refused
        assert (folder / "refused" / "avon-1-000002.log.gz").read_bytes() == second
        taken.rule = None
        assert delivery.try_again(folder) == 1
        assert bring(folder, address).parts == 1
    assert (refusals(folder), names(folder, "refused")) == ({}, [])


def test_a_part_that_is_too_large_for_a_server_is_not_sent_at_all(
    folder: Path, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LARGEST_PART", 100)
    with serving(taken) as address:
        assert len(bring(folder, address).refused) == 3
    assert not taken.asked


@pytest.mark.parametrize("seconds", [-4000, 4000])
def test_a_request_is_dated_by_the_servers_clock_where_the_two_are_apart(
    folder: Path, taken: Taken, seconds: int
) -> None:
    taken.ahead = dt.timedelta(seconds=seconds)
    with serving(taken) as address:
        server = sending.Server(address, sensor_key(folder), None, 5)
        assert deliver(folder, Deliver(server=address), folder, server).parts == 3
        server.close()
    assert taken.asked == ["parts"] * 4
    assert abs((server.clock_off_ms or 0) - seconds * 1000) < 60_000


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(folder: Path, taken: Taken) -> None:
    with serving(taken) as address:
        server = sending.Server(address, sensor_key(folder), None, 5)
        assert deliver(folder, Deliver(server=address), folder, server).parts == 3
        assert server._connection is not None
        assert server._connection.sock is not None
        server._connection.sock.shutdown(2)
        make_log(folder / "waiting", sensor_key(folder), 4)
        assert deliver(folder, Deliver(server=address), folder, server).parts == 1
        server.close()
    assert len(taken.kept) == 4


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server.example.org")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = folder / "server.pem", folder / "server.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


def test_a_server_is_known_by_its_certificate(folder: Path, taken: Taken) -> None:
    certificate, context = _certificate(folder)
    with serving(taken, context) as address:
        with pytest.raises(Interrupted, match="certificate"):
            bring(folder, address)
        assert bring(folder, address, certificates=certificate.name).parts == 3
    with pytest.raises(ActRefused, match="certificates"):
        bring(folder, address, certificates="none.pem")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://cets.example.org", "only https"), ("http://192.0.2.7:8000", "only https"), ("ftp://127.0.0.1", "no address"),
        ("cets.example.org", "no address"), ("https://", "no address"), ("https://a:b@cets.example.org", "no address"),
        ("https://cets.example.org:x", "no address"), ("https://cets.example.org/?a", "no address"),
    ],
)  # fmt: skip
def test_a_sensor_delivers_to_https_and_to_this_machine_alone(tmp_path: Path, address: str, why: str) -> None:
    settings = make_ready(tmp_path, WANTED, deliver=f'server = "{address}"')
    with pytest.raises(ActRefused, match=why):
        read_settings(settings)
    for good in ("https://cets.example.org/base/", "http://localhost:9815", "http://[::1]:9815"):
        assert read_settings(make_ready(tmp_path, WANTED, deliver=f'server = "{good}"')).deliver.server == good


def test_the_pause_grows_with_each_try_that_failed_and_has_chance_in_it() -> None:
    for failed in (1, 3, 6):
        pauses = {pause_after(failed) for _ in range(50)}
        assert len(pauses) > 1
        assert all(2**failed / 2 <= pause <= 2**failed for pause in pauses)
    assert max(pause_after(99) for _ in range(200)) <= delivery.LONGEST_PAUSE


def test_a_run_tells_how_it_goes_and_by_hand_the_rest_is_delivered(tmp_path: Path, taken: Taken) -> None:
    base = tmp_path / "sensor"
    with serving(taken) as address:
        pass
    settings = make_ready(base, WANTED, deliver=f'server = "{address}"\nevery_seconds = 0.2\nanswer_seconds = 5')

    def run() -> None:
        made = prepare(settings, PURPOSE, "iva", dt.datetime.now(dt.UTC))

        async def look() -> None:
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(1.5, stop.set)
            await Run(made, lambda text: None).until(stop)

        with alone(made.folder):
            asyncio.run(look())

    def said(command: str) -> Any:
        return CliRunner().invoke(main, ["sensor", command, str(settings)])

    run()
    key = sensor_key(base / "state")
    taken.key = b64encode(key.public_key().public_bytes_raw()).decode()
    assert "127.0.0.1 cannot be reached now" in said("status").output
    assert len(names(base / "state", "waiting")) == 1
    log = make_log(base / "state" / "waiting", key, 7)
    refused = log.read_bytes()
    taken.rule = lambda kind, body: (422, {"sentence": "It is not taken."}) if refused in body else None
    with serving(taken):
        run()
        assert (names(base / "state", "waiting"), len(taken.kept)) == ([], 2)
        assert [health.ended for health in taken.health][-1]
        assert not taken.health[0].ended
        assert any("not measured" in alert for alert in taken.health[-1].alerts)
        assert (taken.health[0].parts_waiting, taken.health[-1].parts_waiting, taken.health[-1].parts_refused) == (
            2,
            0,
            1,
        )
        assert "avon-1-000007.log.gz: It is not taken." in said("status").output
        answer = said("deliver")
        assert (answer.exit_code, "refused: avon-1-000007.log.gz: It is not taken." in answer.output) == (1, True)
        taken.rule = None
        answer = said("deliver")
        assert (answer.exit_code, answer.output) == (0, "1 parts delivered\n")
    check = CliRunner().invoke(main, ["sensor", "check", str(settings), "--purpose", PURPOSE])
    assert f"key of the seals {taken.key}" in check.output
    assert f"{address}/sightings/sensors/" in check.output
