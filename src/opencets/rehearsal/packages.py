"""A world as real files: one package per case, as telephones, providers and search teams deliver them.

``<folder>/<agency>/<reference>/`` holds people.csv, contacts.xlsx, logins.csv, mail.mbox, a WhatsApp export (ZIP) and a Telegram
export with pictures, a folder of pictures with a ZIP inside, in some cases a short video and a VICS case file;
``<folder>/known-files.json`` is a VICS hash set; ``<folder>/drop-in/`` the package to be dropped into a new case;
``<folder>/truth.json`` what is really so.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import mailbox
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import formataddr
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
from openpyxl import Workbook
from PIL import Image

from opencets.rehearsal import numbers
from opencets.rehearsal.rooms import Scene, distance, draw, edit, encode, rough_code
from opencets.rehearsal.world import Case, LoginCard, MessageCard, PersonCard, PictureCard, Truth, World

Progress = Callable[[int, int], None]


def write(world: World, folder: Path, progress: Progress | None = None) -> Truth:
    """Write every package below ``folder``; ``progress(cases done, cases in all)`` is told after each. The truth."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(world.cases):
        write_case(world, case, folder / case.agency / case.reference)
        if progress is not None:
            progress(number + 1, len(world.cases))
    write_case(world, world.drop_in, folder / "drop-in" / "new-package")
    _write_hash_set(world, folder / "known-files.json")
    (folder / "truth.json").write_text(
        json.dumps(dataclasses.asdict(world.truth), ensure_ascii=False, indent=1), encoding="utf-8"
    )
    return world.truth


def write_case(world: World, case: Case, folder: Path) -> None:
    """Write the package of one case."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [card for card in case.cards if isinstance(card, PersonCard)]
    contacts = people[2::5]
    _write_people(folder / "people.csv", [card for card in people if card not in contacts])
    if contacts:
        _write_contacts(folder / "contacts.xlsx", contacts)
    logins = [card for card in case.cards if isinstance(card, LoginCard)]
    if logins:
        _write_logins(folder / "provider" / "logins.csv", logins)
    messages = [card for card in case.cards if isinstance(card, MessageCard)]
    _write_whatsapp(folder / "phone", [card for card in messages if card.program == "whatsapp"])
    _write_telegram(world, folder / "telegram", [card for card in messages if card.program == "telegram"])
    _write_mail(folder / "mail.mbox", [card for card in messages if card.program == "mail"])
    pictures = [card for card in case.cards if isinstance(card, PictureCard)]
    _write_pictures(world, folder, pictures)
    if len(pictures) > 4 and sum(map(ord, case.reference)) % 3 == 0:
        # Rooms of its own: a frame of a traded picture would make the video a copy of it.
        first = 3_000_000 + 10 * int.from_bytes(hashlib.sha256(case.reference.encode()).digest()[:3])
        _write_video(folder / "video" / "clip.mp4", [Scene(first + number, 0) for number in range(3)])


def picture_bytes(world: World, card: PictureCard) -> bytes:
    """The bytes of a picture card: equal scene, edit and variant give equal bytes."""
    return _picture_bytes(
        world.size.width, world.size.height, card.scene, card.edit, card.variant, card.camera, card.taken, card.place
    )


@lru_cache(maxsize=64)
def _picture_bytes(
    width: int, height: int, scene: Scene, change: str, variant: int, camera: tuple[str, str, str] | None,
    taken: datetime | None, place: tuple[float, float] | None,
) -> bytes:  # fmt: skip
    random = Random(f"{scene.room} {scene.view} {change} {variant}")
    picture = draw(scene, width, height)
    if change != "none":
        picture = edit(picture, change, random)  # type: ignore[arg-type]
    exif = Image.Exif()
    inner = exif.get_ifd(0x8769)
    if camera is not None:
        exif[0x010F], exif[0x0110] = camera[0], camera[1]
        inner[0xA431] = camera[2]
    if taken is not None:
        inner[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
        inner[0x9011] = "+00:00"
    inner[0xA420] = f"{variant:032x}"
    if place is not None:
        position = exif.get_ifd(0x8825)
        for tag, value, marks in ((1, place[0], "NS"), (3, place[1], "EW")):
            position[tag] = marks[0] if value >= 0 else marks[1]
            position[tag + 1] = _degrees(abs(value))
    quality = 40 + variant % 20 if change == "recompress" else 84 + variant % 8
    return encode(picture, "jpg", quality, exif)


def write_memory_card(folder: Path) -> int:
    """A camera's card and what was received beside it: two shoots of drawn rooms, and near-duplicates of some; how many files."""
    written, at = 0, datetime(2026, 2, 14, 17, 5, tzinfo=UTC)
    for room, serial in ((61, "5500417"), (62, "5500982")):
        for view in range(5):
            at += timedelta(seconds=70)
            camera = ("Kestrel", "K7", serial)
            picture = _picture_bytes(640, 480, Scene(room, view), "none", view, camera, at, None)
            path = folder / "DCIM" / f"{room}KESTR" / f"IMG_{100 + view:04}.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
            written += 1
        at += timedelta(days=3)
        for number, change in enumerate(("resize", "brightness", "recompress")):
            path = folder / "received" / f"{room * 7919 + number * 104_729}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_picture_bytes(640, 480, Scene(room, 0), change, number, None, None, None))
            written += 1
    return written


LOGOS = 180


def write_films(folder: Path) -> None:
    """Two films of drawn rooms: what the first shows from 6 to 14 seconds, the second shows mirrored from 4 to 12."""
    shared = [Scene(71, view) for view in range(4)]
    _write_video(folder / "first" / "evening.mp4", [Scene(72, 0), Scene(72, 1), Scene(72, 2), *shared, Scene(72, 3)])
    _write_video(
        folder / "second" / "forwarded.mp4", [Scene(73, 0), Scene(73, 1), *shared, Scene(73, 2)], mirrored=True
    )


def write_logo_cache(folder: Path) -> bytes:
    """One drawn logo on `LOGOS` grounds, as a browser keeps it; the logo alone as PNG.

    All of them are near the logo and unlike each other: a list that names it marks them all.
    """
    plain = draw(Scene(81, 0), 128, 128)
    middle = rough_code(plain)
    folder.mkdir(parents=True, exist_ok=True)
    written = number = 0
    while written < LOGOS:
        number += 1
        picture = Image.blend(plain, draw(Scene(1000 + number, 0), 128, 128), 0.3)
        if distance(rough_code(picture), middle) <= 26:
            (folder / f"f_{number:06x}.png").write_bytes(encode(picture, "png", 0))
            written += 1
    return encode(plain, "png", 0)


def _degrees(value: float) -> tuple[float, float, float]:
    whole = int(value)
    minutes = int((value - whole) * 60)
    return float(whole), float(minutes), round((value - whole - minutes / 60) * 3600, 3)


def _write_people(path: Path, cards: Sequence[PersonCard]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(
            ["Name", "Also known as", "Date of birth", "Role", "E-mail", "Phone", "Service", "Screen name", "Account ID",
             "Wallet", "IMEI", "Street", "City"]
        )  # fmt: skip
        for card in cards:
            rows.writerow(
                [card.name, card.alias, card.born, card.part, card.email, card.phone, card.service, card.handle,
                 card.account_id, card.wallet, card.imei, card.street, card.city]
            )  # fmt: skip


def _write_contacts(path: Path, cards: Sequence[PersonCard]) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(
        [
            "Full name",
            "Date of birth",
            "Role",
            "Email address",
            "Telephone",
            "Service",
            "Username",
            "Account ID",
            "Wallet",
            "IMEI",
            "City",
        ]
    )
    for card in cards:
        sheet.append(
            [card.name, card.born, card.part, card.email, card.phone, card.service, card.handle, card.account_id,
             card.wallet, card.imei, card.city]
        )  # fmt: skip
    book.save(path)


def _write_logins(path: Path, cards: Sequence[LoginCard]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, delimiter=";")
        rows.writerow(["Service", "Screen name", "Event", "IP address", "Timestamp (UTC)"])
        for card in cards:
            rows.writerow([card.service, card.handle, "LOGIN", card.ip, f"{card.at:%Y-%m-%dT%H:%M:%SZ}"])


def _write_whatsapp(folder: Path, cards: Sequence[MessageCard]) -> None:
    for number, (conversation, talk) in enumerate(_by_conversation(cards)):
        folder.mkdir(exist_ok=True)
        text = "".join(
            f"[{card.at:%d/%m/%Y, %H:%M:%S}] {card.sender}: {card.text}\n"
            for card in sorted(talk, key=lambda card: card.at)
        )
        with zipfile.ZipFile(
            folder / f"WhatsApp Chat {number:03d} - {_safe(conversation)}.zip", "w", zipfile.ZIP_DEFLATED
        ) as archive:
            archive.writestr("_chat.txt", text)


def _write_telegram(world: World, folder: Path, cards: Sequence[MessageCard]) -> None:
    if not cards:
        return
    folder.mkdir(exist_ok=True)
    chats = []
    number = 0
    for chat_id, (conversation, talk) in enumerate(_by_conversation(cards)):
        lines = []
        for card in sorted(talk, key=lambda card: card.at):
            number += 1
            line: dict[str, object] = {
                "id": number, "type": "message", "date": f"{card.at:%Y-%m-%dT%H:%M:%S}",
                "date_unixtime": str(int(card.at.timestamp())),
                "from": card.sender, "from_id": f"user{numbers.program_number(card.sender_value)}", "text": card.text,
            }  # fmt: skip
            if card.attachment is not None:
                photos = folder / "photos"
                photos.mkdir(exist_ok=True)
                name = f"photo_{number}_{card.attachment.name}"
                (photos / name).write_bytes(picture_bytes(world, card.attachment))
                line["photo"] = f"photos/{name}"
            lines.append(line)
        chats.append({"name": conversation, "type": "personal_chat", "id": 5000 + chat_id, "messages": lines})
    (folder / "result.json").write_text(
        json.dumps({"about": "Invented.", "chats": {"list": chats}}, ensure_ascii=False, indent=1), encoding="utf-8"
    )


def _write_mail(path: Path, cards: Sequence[MessageCard]) -> None:
    if not cards:
        return
    box = mailbox.mbox(path)
    for number, card in enumerate(cards):
        letter = EmailMessage()
        letter["From"] = _address(card.sender)
        letter["To"] = _address(card.recipient)
        letter["Date"] = card.at.strftime("%a, %d %b %Y %H:%M:%S +0000")
        letter["Message-ID"] = f"<{hashlib.sha256(f'{path} {number}'.encode()).hexdigest()[:20]}@mail.example.org>"
        letter["Subject"] = " ".join(card.text.split()[:3])
        letter.set_content(card.text)
        box.add(letter)
    box.close()


def _address(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return formataddr((name, f"mail.{digest}@example.net"))


def _write_pictures(world: World, folder: Path, cards: Sequence[PictureCard]) -> None:
    if not cards:
        return
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    inside = cards[1::3]
    for card in cards:
        if card not in inside:
            (pictures / card.name).write_bytes(picture_bytes(world, card))
    if inside:
        with zipfile.ZipFile(pictures / "older.zip", "w", zipfile.ZIP_STORED) as archive:
            for card in inside:
                archive.writestr(f"older/{card.name}", picture_bytes(world, card))


def _write_video(path: Path, scenes: Iterable[Scene], *, mirrored: bool = False) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for scene in scenes:
            still = np.asarray(draw(scene, 320, 240))
            still = np.ascontiguousarray(still[:, ::-1]) if mirrored else still
            for _ in range(10):
                for packet in stream.encode(av.VideoFrame.from_ndarray(still, format="rgb24")):
                    container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def _write_hash_set(world: World, path: Path) -> None:
    """Known files as a VICS 2.0 hash set: pictures of the world, each with a category of the US scheme."""
    known = set(world.truth.known_scenes)
    media: list[dict[str, object]] = []
    for case in world.cases:
        for card in case.cards:
            if isinstance(card, PictureCard) and card.scene in known:
                content = picture_bytes(world, card)
                media.append(
                    {
                        "MediaID": len(media) + 1, "Category": 1 + card.variant % 3,
                        "MD5": hashlib.md5(content).hexdigest().upper(),
                        "SHA1": hashlib.sha1(content).hexdigest().upper(), "MediaSize": len(content), "MimeType": "image/jpeg",
                        "Series": f"Rehearsal {card.variant % 4}", "IsPrecategorized": False,
                    }
                )  # fmt: skip
    context = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"
    path.write_text(json.dumps({"@odata.context": context, "value": media}), encoding="utf-8")


def _by_conversation(cards: Sequence[MessageCard]) -> list[tuple[str, list[MessageCard]]]:
    talks: dict[str, list[MessageCard]] = {}
    for card in cards:
        talks.setdefault(card.conversation, []).append(card)
    return list(talks.items())


def _safe(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in " -_")[:40].strip() or "chat"


def photographs(
    folder: Path, count: int = 2_000, *, width: int = 1632, height: int = 1224, zipped: int = 200, seed: int = 1
) -> None:
    """A folder of ``count`` rendered photographs (2 megapixels by default), the last ``zipped`` of them in a ZIP inside.

    Each ninth is a near-duplicate of the one before, so that matching has work to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archive = zipfile.ZipFile(folder / "older.zip", "w", zipfile.ZIP_STORED) if zipped else None
    still: Image.Image | None = None
    for number in range(count):
        random = Random(f"photograph {seed} {number}")
        if still is None or number % 9:
            still = _photograph(number, seed, width, height)
            picture = still
        else:
            picture = edit(still, "brightness", random)
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Lumora", "LX-20"
        exif.get_ifd(0x8769)[0xA431] = f"8{number % 40:07d}"
        exif.get_ifd(0x8769)[0x9003] = datetime.fromtimestamp(1_700_000_000 + number * 60, UTC).strftime(
            "%Y:%m:%d %H:%M:%S"
        )
        content = encode(picture, "jpg", 88, exif)
        if archive is not None and number >= count - zipped:
            archive.writestr(f"older/{number:06d}.jpg", content)
        else:
            (folder / f"{number:06d}.jpg").write_bytes(content)
    if archive is not None:
        archive.close()


def _photograph(number: int, seed: int, width: int, height: int) -> Image.Image:
    """A room drawn small and enlarged with grain: as many bytes and as much work to decode as a photograph, quickly drawn."""
    small = draw(Scene(2_000_000 + seed * 100_000 + number, 0), 408, 306).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    grain = np.random.default_rng(number).integers(-9, 10, (height // 2, width // 2, 1), dtype=np.int16)
    noisy = np.asarray(small, dtype=np.int16) + np.kron(grain, np.ones((2, 2, 1), dtype=np.int16))[:height, :width]
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
