"""Sensors that deliver by themselves: each part once, from whom it should; silence told once; two agencies."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from opencets.errors import ActRefused, DamagedSource, NotFound, OpenCETSError, SourceRefused
from opencets.packing import deliveries
from tests.sensor.parts import body_of, make_log

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes(range(at, at + 32))) for at in (0, 7))


def public_of(key: Ed25519PrivateKey) -> str:
    return b64encode(key.public_key().public_bytes_raw()).decode()


def days(number: int) -> dt.date:
    return dt.datetime.now(dt.UTC).date() + dt.timedelta(days=number)


def chief_of(actor: Actor) -> Actor:
    return replace(actor, roles=actor.roles | {"supervisor"})


def register(actor: Actor, of: Ed25519PrivateKey, **changed: Any) -> UUID:
    from opencets_web.sightings import sensors

    said = {
        "name": "avon-1", "key": public_of(of), "authority": "Order 7/2026", "purpose": "Operation Heron", "expires_on": days(30),
    }  # fmt: skip
    return sensors.register_sensor(actor, **{**said, **changed})


@pytest.fixture
def sensor(house: Path, cast: Cast, as_actor: Behind) -> UUID:
    """A sensor that Avon's supervisor registered."""
    chief = chief_of(cast.owner)
    with as_actor(chief):
        return register(chief, KEY)


@pytest.fixture
def send(house: Path, as_actor: Behind) -> Callable[..., dict[str, Any]]:
    """Bring something as a sensor does, signature and all, behind the wall and signed in as nobody."""
    from opencets_web.sightings import receiving

    def bring(
        body: bytes, kind: str = "parts", key: Ed25519PrivateKey = KEY, late: float = 0, **changed: str
    ) -> dict[str, Any]:
        now = dt.datetime.now(dt.UTC)
        headers = deliveries.sign_delivery(kind, now - dt.timedelta(seconds=late), body, key)  # type: ignore[arg-type]
        given = receiving.Signed(headers["X-Sensor"], headers["X-Time"], headers["X-Digest"], headers["X-Signature"])
        with as_actor(None):
            try:
                known = receiving.require_sensor(kind, replace(given, **changed), now)
                return (receiving.take_part if kind == "parts" else receiving.take_health)(known, body, now)
            except OpenCETSError as refusal:
                refused = refusal
        raise refused

    return bring


def health(*alerts: str, **changed: Any) -> bytes:
    said = deliveries.Health(
        "OpenCETS sensor 1", "avon-1-run", dt.datetime.now(dt.UTC), False, alerts, 90, 40, 12, 0, 0, 0, 12, "2026-12-31"
    )
    return deliveries.write_health(replace(said, **changed))


def files(actor: Actor) -> list[Any]:
    from opencets_web.sightings.models import SightingFile

    return list(SightingFile.objects.order_by("received_at"))


def test_a_part_is_kept_once_with_its_log_and_loaded_as_the_sensor(
    sensor: UUID, send: Any, cast: Cast, as_actor: Behind, as_job: Behind, tmp_path: Path, house: Path
) -> None:
    from opencets.sighting import Ledger
    from opencets.sighting.sealed import read_log
    from opencets_sensor.replaying import batch_of
    from opencets_web.audit.models import Act
    from opencets_web.sightings import delivered

    path = make_log(tmp_path / "logs", KEY, count=5)
    log = read_log(path)
    answer = send(body_of(path))
    assert (answer["kept"], answer["again"]) == (log.digest, False)
    assert send(body_of(path))["again"]
    assert (house / "ledger" / "raw" / f"{log.digest}.log.gz").read_bytes() == path.read_bytes()
    with as_actor(cast.owner):
        (row,) = files(cast.owner)
    assert (row.state, row.batch, row.log_sha256) == ("waiting", f"log:{log.chain}", log.digest)
    assert (row.received_by_id, row.delivered_by_id, row.authority) == (None, sensor, "Order 7/2026")
    with as_job(None):
        assert delivered.load_delivered(sensor) == 1
        assert delivered.load_delivered(sensor) == 0
    with as_actor(cast.colleague):
        (row,) = files(cast.colleague)
    assert (row.state, row.rows, row.again) == ("loaded", 5, 0)
    ledger = Ledger.open(house / "ledger")
    (origin,) = ledger.state().origins.values()
    assert (origin["key"], origin["raw_sha256"], origin["sensor"]) == (row.batch, log.digest, "avon-1")
    # brought by another way it is the same batch
    assert [done.again for done in ledger.load([batch_of(log)])] == [True]
    acts = Act.objects.filter(verb__in=["sightings.delivered", "sightings.loaded"]).order_by("id")
    assert [(act.verb, act.officer_id, act.agency_id) for act in acts] == [
        ("sightings.delivered", None, cast.avon.id), ("sightings.loaded", None, cast.avon.id),
    ]  # fmt: skip


def test_the_evidence_of_a_computer_is_written_from_what_a_sensor_delivered(
    sensor: UUID, send: Any, as_job: Behind, tmp_path: Path, house: Path
) -> None:
    from opencets.sighting import Ledger
    from opencets.sighting.sealed import read_log
    from opencets_sensor.evidence import write_package
    from opencets_sensor.replaying import sightings_of
    from opencets_web.sightings import delivered

    path = make_log(tmp_path / "logs", KEY, count=5)
    send(body_of(path))
    with as_job(None):
        delivered.load_delivered(sensor)
    identity = next(sightings_of(read_log(path)))["identity"]
    stated = {"made_by": "iva", "purpose": "Case 7", "made_at": "2026-03-11T00:00:00+00:00"}
    ledger = Ledger.open(house / "ledger")
    assert write_package(ledger, identity, tmp_path / "one.zip", OTHER, stated) == 5


def test_what_is_not_the_sensors_is_refused(
    sensor: UUID, send: Any, cast: Cast, as_actor: Behind, tmp_path: Path
) -> None:
    path, strange = make_log(tmp_path / "logs", KEY), make_log(tmp_path / "strange", OTHER)
    with pytest.raises(NotFound):
        send(body_of(path), key=OTHER)
    for changed in ({"digest": "0" * 64}, {"signature": "none"}, {"time": "2026-01-01T00:00:00.000Z"}):
        with pytest.raises(ActRefused, match="signature"):
            send(body_of(path), **changed)
    for sensor_said in ("", "x", str(sensor).upper()):
        with pytest.raises(NotFound):
            send(body_of(path), sensor=sensor_said)
    with pytest.raises(ActRefused, match="signature"):
        send(body_of(path), kind="health", sensor=str(sensor), key=OTHER)
    with pytest.raises(SourceRefused, match="another sensor"):
        send(body_of(strange))
    with pytest.raises(DamagedSource):
        send(b"no part")
    other = make_log(tmp_path / "logs", KEY, 2)
    _, sightings = deliveries.read_part(body_of(other))
    with pytest.raises(SourceRefused, match="from this log"):
        send(deliveries.join_part(path.read_bytes(), sightings))
    with as_actor(cast.owner):
        assert not files(cast.owner)


def test_a_sensor_that_is_withdrawn_lapsed_or_whose_clock_is_apart_is_told_why_and_so_is_its_agency(
    sensor: UUID, send: Any, cast: Cast, as_actor: Behind, tmp_path: Path
) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.sightings import receiving, sensor_pages, sensors
    from opencets_web.sightings.models import Sensor

    chief, body = chief_of(cast.owner), body_of(make_log(tmp_path / "logs", KEY))

    def alerts() -> str:
        with as_actor(cast.colleague):
            return "\n".join(sensor_pages.get_sensors(cast.colleague).rows[0].alerts)

    with pytest.raises(receiving.ClockApart):
        send(body, late=400)
    assert "Its clock is 400 s behind ours" in alerts()
    send(health(), kind="health")
    assert alerts() == ""
    with as_actor(chief):
        sensors.withdraw_sensor(chief, sensor)
        with pytest.raises(ActRefused, match="already"):
            sensors.withdraw_sensor(chief, sensor)
    for _ in range(3):
        with pytest.raises(receiving.NotAllowed, match="withdrawn") as refusal:
            send(body)
    assert refusal.value.reason == "withdrawn"
    assert "It was withdrawn, and delivers still." in alerts()
    assert Act.objects.filter(verb="sensor.refused").count() == 2
    with as_actor(chief):
        sensors.restore_sensor(chief, sensor)
    Sensor.objects.filter(pk=sensor).update(expires_on=days(-1))
    with pytest.raises(receiving.NotAllowed, match="authority of avon-1 ended") as refusal:
        send(body)
    assert refusal.value.reason == "expired"
    assert f"Its authority ended on {days(-1)}; nothing is taken" in alerts()
    with as_actor(chief):
        sensors.renew_sensor(chief, sensor, authority="Order 8", purpose="Operation Heron", expires_on=days(3))
    assert not send(body)["again"]
    assert alerts() == "Its authority ends in 3 days."


def test_the_wall_lets_a_sensor_write_its_own_rows_alone(
    sensor: UUID, send: Any, cast: Cast, as_actor: Behind, tmp_path: Path
) -> None:
    from django.db import DatabaseError, connection, transaction

    from opencets_web.sightings import receiving
    from opencets_web.sightings.models import Sensor, SensorState, SightingFile

    theirs = chief_of(cast.outsider)
    with as_actor(theirs):
        other = register(theirs, OTHER, name="borders-1")
    send(body_of(make_log(tmp_path / "theirs", OTHER)), key=OTHER)
    send(body_of(make_log(tmp_path / "ours", KEY)))
    with as_actor(None):
        for model in (Sensor, SensorState, SightingFile):
            assert not model.objects.exists(), model
        with receiving.as_sensor(sensor) as cursor:
            for model in (Sensor, SensorState, SightingFile):
                assert model.objects.count() == 1, model
            for statement in (
                "update sightings_sensor set withdrawn_at = null", "update sightings_sensor set expires_on = '2099-01-01'",
                "update sightings_sightingfile set rows = 7",
                f"update sightings_sensorstate set parts = 7 where sensor_id = '{other}'",
            ):  # fmt: skip
                cursor.execute(statement)
                assert cursor.rowcount == 0, statement
            for row in (
                {"delivered_by_id": other, "agency_id": cast.borders.id}, {"delivered_by_id": sensor, "agency_id": cast.borders.id},
            ):  # fmt: skip
                with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                    SightingFile.objects.create(
                        **row, name="x", sensor="x", authority="x", batch="x", log_sha256="x", received_at=dt.datetime.now(dt.UTC)
                    )  # fmt: skip
    Sensor.objects.filter(pk=sensor).update(withdrawn_at=dt.datetime.now(dt.UTC))
    with as_actor(None), receiving.as_sensor(sensor), pytest.raises(DatabaseError), transaction.atomic():
        SightingFile.objects.create(
            delivered_by_id=sensor, agency_id=cast.avon.id, name="x", sensor="x", authority="x", batch="x", log_sha256="x",
            received_at=dt.datetime.now(dt.UTC),
        )  # fmt: skip
    assert connection.in_atomic_block


def test_two_agencies_see_nothing_of_each_others_sensors(
    sensor: UUID, send: Any, cast: Cast, as_actor: Behind, tmp_path: Path, client_for: Callable[[Actor | None], Client]
) -> None:
    from opencets_web.sightings import sensor_pages, sensors

    send(body_of(make_log(tmp_path / "logs", KEY)))
    outsider = chief_of(cast.outsider)
    with as_actor(outsider):
        assert not sensor_pages.get_sensors(outsider).rows
        assert not files(outsider)
        for act in (sensors.withdraw_sensor, sensors.restore_sensor):
            with pytest.raises(NotFound):
                act(outsider, sensor)
        with pytest.raises(ActRefused, match="registered already"):
            register(outsider, KEY)
    page = client_for(cast.outsider).get("/sightings/sensors/").content.decode()
    assert "avon-1" not in page
    assert "opencets sensor check" in page
    with as_actor(cast.administrator), pytest.raises(NotFound):
        sensor_pages.get_sensors(cast.administrator)


def test_a_supervisor_registers_a_key_for_a_time_and_nobody_else_does(
    house: Path, cast: Cast, as_actor: Behind
) -> None:
    with as_actor(cast.owner), pytest.raises(ActRefused, match="supervisor"):
        register(cast.owner, KEY)
    with as_actor(cast.administrator), pytest.raises(NotFound):
        register(cast.administrator, KEY)
    chief = chief_of(cast.owner)
    with as_actor(chief):
        for changed, why in (
            ({"key": "no key"}, "no key"), ({"name": " "}, "name"), ({"authority": " "}, "order or law"),
            ({"purpose": ""}, "purpose"), ({"expires_on": days(-1)}, "last day"), ({"expires_on": days(800)}, "last day"),
            ({"silent_minutes": 0}, "Silence"),
        ):  # fmt: skip
            with pytest.raises(ActRefused, match=why):
                register(chief, KEY, **changed)
        assert register(chief, KEY, key=f" {public_of(KEY)}\n") == deliveries.sensor_id(public_of(KEY))
        with pytest.raises(ActRefused, match="registered already"):
            register(chief, KEY, name="again")


def test_silence_is_told_once_a_silence_and_ends_when_the_sensor_is_heard(
    sensor: UUID, send: Any, cast: Cast, as_actor: Behind, as_job: Behind
) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.sightings import by_rule, sensor_pages
    from opencets_web.sightings.models import Sensor, SensorState

    def told() -> int:
        with as_job(None):
            return by_rule.look_for_silence()

    def row() -> Any:
        with as_actor(cast.owner):
            return sensor_pages.get_sensors(cast.owner).rows[0]

    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=61)
    assert told() == 0
    assert row().state == "not heard yet"
    Sensor.objects.filter(pk=sensor).update(registered_at=long_ago)
    assert (told(), told(), row().state) == (1, 0, "never heard")
    send(health("The clock was not measured."), kind="health")
    assert row().state.startswith("heard ")
    assert row().alerts == ("The clock was not measured.",)
    assert (row().clock, row().waiting) == ("12 ms off", 0)
    send(health(parts_waiting=4, parts_refused=2), kind="health")
    assert row().waiting == 4
    assert row().alerts[0].startswith("2 of its parts were refused here")
    SensorState.objects.update(heard_at=long_ago)
    assert (told(), told(), row().state) == (1, 0, "silent")
    assert row().alerts[0].startswith("Silent since ")
    assert Act.objects.filter(verb="sensor.silent", agency_id=cast.avon.id).count() == 2
    # one that said that it stops is expected to be silent
    send(health(ended=True), kind="health")
    SensorState.objects.update(heard_at=long_ago)
    assert (told(), row().state) == (0, "stopped")


def test_what_nobody_loads_is_asked_for_again(
    sensor: UUID, send: Any, as_job: Behind, cast: Cast, as_actor: Behind, tmp_path: Path
) -> None:
    from django.db import connection

    from opencets_web.sightings import by_rule
    from opencets_web.sightings.models import SightingFile

    def waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from procrastinate_jobs where task_name = 'load_delivered'")
            return int(cursor.fetchone()[0])

    send(body_of(make_log(tmp_path / "logs", KEY)))
    assert waiting() == 1
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs where task_name = 'load_delivered'")
    with as_job(None):
        assert by_rule.load_left() == 0
    SightingFile.objects.update(received_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
    with as_job(None):
        assert by_rule.load_left() == 1
    assert waiting() == 1


def test_the_page_shows_the_day_of_a_sensor_and_what_it_delivered(
    sensor: UUID, send: Any, as_job: Behind, tmp_path: Path, cast: Cast, client_for: Callable[[Actor | None], Client]
) -> None:
    from opencets_web.accounts.models import Officer
    from opencets_web.sightings import delivered

    Officer.objects.filter(pk=cast.owner.officer_id).update(roles=["investigator", "supervisor"])
    browser = client_for(cast.owner)
    send(body_of(make_log(tmp_path / "logs", KEY, count=5)))
    send(body_of(make_log(tmp_path / "logs", KEY, 2, count=2)))
    with as_job(None):
        delivered.load_delivered(sensor)
    page = browser.get("/sightings/sensors/").content.decode()
    assert "7 sightings in 2 parts the last day" in page
    assert "2 parts in all" in page
    assert "at most 7 in an hour" in page
    assert "avon-1-run-000002.parquet" in browser.get("/sightings/received/").content.decode()
    said = {
        "name": "avon-2",
        "key": public_of(OTHER),
        "authority": "Order 7",
        "purpose": "Heron",
        "expires_on": days(9),
        "silent_minutes": 30,
    }
    assert browser.post("/sightings/sensors/", said).status_code == 302
    assert browser.post("/sightings/sensors/", said).status_code == 422
    assert browser.post(f"/sightings/sensors/{sensor}/withdraw/").status_code == 302
    assert browser.post(f"/sightings/sensors/{sensor}/restore/").status_code == 302
    renewed = {"authority": "Order 9", "purpose": "Heron", "expires_on": days(20)}
    assert browser.post(f"/sightings/sensors/{sensor}/renew/", renewed).status_code == 302
    page = browser.get("/sightings/sensors/").content.decode()
    assert "avon-2" in page
    assert "Order 9" in page
