"""A world as records, without a file being written: for benchmarks and tests at any size.

The same facts as ``packages`` writes. Pictures get random codes of their scenes: near-duplicates lie at planted distances of
4 to 24 bits, different scenes far apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from random import Random

from opencets.records import Claim, Locator, Record, claim
from opencets.rehearsal.rooms import Scene
from opencets.rehearsal.world import Case, LoginCard, MessageCard, PersonCard, PictureCard, World


def records(world: World) -> Iterator[tuple[str, Record]]:
    """Every record with the reference of its case, case after case; the drop-in package is left out."""
    countries = {agency.short_name: agency.country for agency in world.agencies}
    for case in world.cases:
        for number, card in enumerate(case.cards):
            for record in _of_card(case, number, card, countries[case.agency]):
                yield case.reference, record


def _of_card(case: Case, number: int, card: object, country: str) -> Iterator[Record]:
    if isinstance(card, PersonCard):
        yield Record(
            "person",
            Locator((f"{case.reference}/people.csv",), f"row {number + 2}"),
            tuple(_person(card, country)),
            "table/1",
        )
    elif isinstance(card, LoginCard):
        where = Locator((f"{case.reference}/provider/logins.csv",), f"row {number + 2}")
        yield Record("event", where, tuple(_login(card)), "table/1")
    elif isinstance(card, PictureCard):
        yield _media(case, card, f"pictures/{card.name}")
    elif isinstance(card, MessageCard):
        yield from _message(case, number, card)


def _person(card: PersonCard, country: str) -> Iterator[Claim]:
    yield claim("full_name", card.name)
    if card.alias:
        yield claim("alias", card.alias)
    yield claim("date_of_birth", card.born)
    yield claim("role_in_case", card.part)
    if card.email:
        yield claim("email", card.email)
    if card.phone:
        yield claim("phone", card.phone, country=country)
    if card.handle:
        yield claim("screen_name", card.handle, service=card.service)
    if card.account_id:
        yield claim("account_id", card.account_id, service=card.service)
    if card.wallet:
        yield claim("wallet", card.wallet)
    if card.imei:
        yield claim("imei", card.imei)
    if card.city:
        yield claim("city", card.city)


def _login(card: LoginCard) -> Iterator[Claim]:
    yield claim("screen_name", card.handle, service=card.service)
    yield claim("action", "login")
    yield claim("happened_at", f"{card.at:%Y-%m-%dT%H:%M:%SZ}")
    yield claim("ip", card.ip, role="seen_with")
    yield claim("ip_hour", f"{card.ip}@{card.at:%Y-%m-%dT%H}", role="seen_with")


def picture_code(card: PictureCard) -> bytes:
    """32 bytes that stand for the picture's PDQ: of its scene, with 4 to 24 bits flipped for an edited copy."""
    code = bytearray(_scene_code(card.scene))
    if card.edit != "none":
        random = Random(f"flips {card.scene.room} {card.edit} {card.variant}")
        for bit in random.sample(range(256), random.randrange(2, 13)):
            code[bit // 8] ^= 1 << bit % 8
    return bytes(code)


def _scene_code(scene: Scene) -> bytes:
    return hashlib.sha256(f"scene {scene.room} {scene.view}".encode()).digest()


def _media(case: Case, card: PictureCard, path: str) -> Record:
    content = f"{card.scene.room} {card.scene.view} {card.edit} {card.variant}".encode()
    claims = [
        claim("file_name", card.name),
        claim("media_type", "image/jpeg"),
        claim("sha256", hashlib.sha256(content).hexdigest()),
        Claim("pdq", picture_code(card).hex(), "pdq", picture_code(card).hex(), "own", "quality 100"),
    ]
    if card.camera is not None:
        maker, model, serial = card.camera
        claims.append(claim("camera_model", f"{maker} {model}"))
        claims.append(claim("camera_serial", serial, role="device_of", maker=maker, model=model))
    if card.taken is not None:
        claims.append(claim("taken_at", f"{card.taken:%Y-%m-%dT%H:%M:%SZ}"))
    if card.place is not None:
        claims.append(claim("location", f"{card.place[0]},{card.place[1]}"))
    return Record("media", Locator((f"{case.reference}/{path}",)), tuple(claims), "picture/1")


def _message(case: Case, number: int, card: MessageCard) -> Iterator[Record]:
    claims = [
        claim("conversation", card.conversation),
        claim("sender", card.sender),
        claim("sent_at", f"{card.at:%Y-%m-%dT%H:%M:%SZ}"),
        claim("body", card.text),
    ]
    if ":" in card.sender_value:
        service, _, handle = card.sender_value.partition(":")
        claims.append(claim("screen_name", handle, service=service))
    if card.attachment is not None:
        media = _media(case, card.attachment, f"telegram/photos/{number}_{card.attachment.name}")
        claims.append(claim("attachment", card.attachment.name))
        claims.append(claim("attached_file", media.first("sha256") or ""))
        yield media
    where = Locator((f"{case.reference}/{card.program}",), f"message {number}")
    yield Record("message", where, tuple(claims), f"{card.program}/1")
