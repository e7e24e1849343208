"""Telegram Desktop's JSON export: ``result.json`` of one chat or of the whole account. Streamed; files of any size.

Instants come from ``date_unixtime`` (UTC); older exports have only local time, which stays without a zone.
Control characters written as ``\\xNN`` (not valid JSON, which some versions write) are read.
Layout after Telegram Desktop's own exporter, export_output_json.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import ijson

from opencets.errors import DamagedSource
from opencets.parsing import text
from opencets.parsing.claims import assert_claim, assert_instant, mentioned
from opencets.parsing.source import Event, FolderOpener, Noted, Source
from opencets.records import Claim, Record

FORMAT = "telegram_json"
VERSION = "1"
LABEL = "Telegram Desktop JSON export"

_READER = f"{FORMAT}/{VERSION}"
_BUILT = {
    "personal_information",
    "contacts.list.item",
    "sessions.list.item",
    "web_sessions.list.item",
    "messages.item",
    "chats.list.item.messages.item",
    "left_chats.list.item.messages.item",
}
_CHAT_FIELDS = {
    f"{prefix}{field}": field
    for prefix in ("", "chats.list.item.", "left_chats.list.item.")
    for field in ("name", "type", "id")
}
_READ_KEYS = {
    "about", "personal_information", "contacts", "sessions", "web_sessions", "messages", "chats", "left_chats", "name",
    "type", "id",
}  # fmt: skip
_KEPT = (
    "edited_unixtime", "forwarded_from", "reply_to_message_id", "via_bot", "saved_from", "media_type", "mime_type",
    "duration_seconds", "width", "height", "action", "author",
)  # fmt: skip
_BY_NAME = "name:"
_CHAT_TYPE = re.compile(
    r'"type"\s*:\s*"(?:personal_chat|bot_chat|saved_messages|private_group|private_supergroup|public_supergroup|'
    r'private_channel|public_channel)"'
)


def recognise(source: Source) -> str | None:
    """None where the file opens as Telegram's export of a chat or an account does."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    head = text.beginning(source, 65536)
    if not head.lstrip("\ufeff \t\r\n").startswith("{"):
        return "not a JSON object"
    if '"personal_information"' in head or ('"chats"' in head and '"left_chats"' in head):
        return None
    if '"messages"' in head and re.search(r'"(?:date_unixtime|from_id|text_entities)"\s*:', head):
        return None
    if _CHAT_TYPE.search(head):
        return None
    return "no chat of Telegram's export in it"


_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|.)", re.DOTALL)


class _Mended:
    """The stream with ``\\xNN`` rewritten as ``\\u00NN``; escaped backslashes are left alone."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.held = b""

    def read(self, count: int = -1) -> bytes:
        if count == 0:  # asked once, to learn whether bytes or text come
            return b""
        block = self.held + self.stream.read(65536 if count < 0 else max(count, 64))
        self.held = b""
        if not block:
            return b""
        tail = re.search(rb"(?<!\\)(?:\\\\)*(\\(?:x[0-9a-fA-F]?)?)$", block[-300:])
        if tail:
            size = len(tail.group(1))
            more = self.stream.read(4)
            if more:
                self.held = block[-size:] + more
                block = block[:-size]
                if not block:
                    return self.read(count)
        return _ESCAPE.sub(lambda found: b"\\u00" + found[1] if found[1] else found[0], block)


def read(source: Source) -> Iterator[Event]:
    """The owner, their contacts and sessions, each message, then one account per participant."""
    participants: dict[str, tuple[str, str]] = {}
    chat: dict[str, str] = {}
    places: dict[str, int] = {}
    unread: list[str] = []
    builder: Any = None
    building = ""
    with source.open() as stream:
        if stream.read(3) != b"\xef\xbb\xbf":
            stream.seek(0)
        try:
            for prefix, event, value in ijson.parse(_Mended(stream), use_float=True):
                if builder is not None:
                    builder.event(event, value)
                    if prefix == building and event == "end_map":
                        whole, builder = builder.value, None
                        yield from _built(source, building, whole, chat, places, participants)
                elif event == "start_map" and prefix in _BUILT:
                    builder, building = ijson.ObjectBuilder(), prefix
                    builder.event(event, value)
                elif prefix in _CHAT_FIELDS and event in ("string", "number", "null"):
                    chat[_CHAT_FIELDS[prefix]] = "" if value is None else str(value)
                elif event == "start_map" and prefix in ("chats.list.item", "left_chats.list.item"):
                    chat.clear()
                    places[prefix] = places.get(prefix, -1) + 1
                    places[prefix + ".messages.item"] = -1
                elif prefix == "" and event == "map_key" and value not in _READ_KEYS:
                    unread.append(str(value))
        except ijson.JSONError as error:
            raise DamagedSource(
                f"{source.locator}: the JSON breaks off or is not valid ({error}); messages before it are kept."
            ) from error
        except UnicodeDecodeError as error:
            raise DamagedSource(f"{source.locator}: the JSON is not UTF-8 ({error.reason}).") from error
    for identity, (name, place) in participants.items():
        if identity.startswith(_BY_NAME):
            known = (
                assert_claim("full_name", name, note="as shown in the chat; the export has no number of the account"),
            )
            yield Record("person", source.locator.at(f"participant, {place}"), known, _READER)
            continue
        claims = [_account(identity)]
        if name:
            claims.append(assert_claim("full_name", name, note="as shown in the chat"))
        yield Record("account", source.locator.at(f"participant {identity}, {place}"), tuple(claims), _READER)
    if unread:
        yield Noted(
            source.locator, "sections-not-read", f"{source.locator}: sections that are not read: {', '.join(unread)}."
        )


def _built(
    source: Source,
    prefix: str,
    whole: dict[str, Any],
    chat: dict[str, str],
    places: dict[str, int],
    participants: dict[str, tuple[str, str]],
) -> Iterator[Event]:
    places[prefix] = places.get(prefix, -1) + 1
    place = f"{prefix.removesuffix('.item')}[{places[prefix]}]"
    if prefix == "personal_information":
        yield _owner(source, whole)
    elif prefix == "contacts.list.item":
        yield _contact(source, place, whole)
    elif prefix.endswith("sessions.list.item"):
        yield _session(source, place, whole)
    else:
        outer = prefix.removesuffix(".messages.item")
        if outer != prefix and outer in places:
            place = f"{outer.removesuffix('.item')}[{places[outer]}].messages[{places[prefix]}]"
        yield _message(source, place, whole, chat, participants)


def _text(value: object) -> str:
    """Text of a field: a number or null becomes text, nothing else does."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _account(identity: str, **role: Any) -> Claim:
    return assert_claim("account_id", identity.removeprefix("user"), service="telegram", **role)


def _owner(source: Source, whole: dict[str, Any]) -> Record:
    claims = []
    if identity := _text(whole.get("user_id")):
        claims.append(_account(identity))
    name = " ".join(filter(None, (_text(whole.get("first_name")), _text(whole.get("last_name")))))
    if name:
        claims.append(assert_claim("full_name", name))
    if phone := _text(whole.get("phone_number")):
        claims.append(assert_claim("phone", phone))
    if user := _text(whole.get("username")):
        claims.append(assert_claim("screen_name", user.lstrip("@"), service="telegram"))
    if bio := _text(whole.get("bio")):
        claims.append(assert_claim("comment", bio))
        claims.extend(mentioned(bio))
    return Record("account", source.locator.at("personal_information"), tuple(claims), _READER, (("part", "owner"),))


def _contact(source: Source, place: str, whole: dict[str, Any]) -> Record:
    claims = []
    if identity := _text(whole.get("user_id")):
        claims.append(_account(identity, role="contact"))
    name = " ".join(filter(None, (_text(whole.get("first_name")), _text(whole.get("last_name")))))
    if name:
        claims.append(assert_claim("full_name", name, role="contact", note="as the account's owner named them"))
    if phone := _text(whole.get("phone_number")):
        claims.append(assert_claim("phone", phone, role="contact"))
    extra = (("part", "contact"), ("date_unixtime", _text(whole.get("date_unixtime"))))
    return Record("person", source.locator.at(place), tuple(claims), _READER, extra)


def _session(source: Source, place: str, whole: dict[str, Any]) -> Record:
    claims = [assert_claim("action", "session")]
    if moment := _moment(whole, "last_active"):
        claims.append(moment)
    if address := _text(whole.get("last_ip") or whole.get("ip")):
        claims.append(assert_claim("ip", address))
    device = " ".join(filter(None, (_text(whole.get(key)) for key in ("device_model", "platform", "system_version"))))
    if device:
        claims.append(assert_claim("device_model", device))
    program = " ".join(filter(None, (_text(whole.get(key)) for key in ("application_name", "application_version"))))
    if program:
        claims.append(assert_claim("software", program))
    kept = ("last_country", "last_region", "created_unixtime", "domain", "browser")
    extra = tuple((key, _text(whole[key])) for key in kept if _text(whole.get(key)))
    return Record("event", source.locator.at(place), tuple(claims), _READER, extra)


def _moment(whole: dict[str, Any], key: str, property: str = "happened_at") -> Claim | None:
    seconds = _text(whole.get(f"{key}_unixtime"))
    if seconds:
        try:
            return assert_instant(property, seconds, datetime.fromtimestamp(int(seconds), UTC))
        except (ValueError, OverflowError, OSError):
            return assert_instant(property, seconds, None, note="not a Unix time")
    written = _text(whole.get(key))
    if not written:
        return None
    try:
        return assert_instant(
            property, written, datetime.fromisoformat(written), note="local time of the exporting computer"
        )
    except ValueError:
        return assert_instant(property, written, None)


def _message(
    source: Source, place: str, whole: dict[str, Any], chat: dict[str, str], participants: dict[str, tuple[str, str]]
) -> Record:
    claims: list[Claim] = []
    if conversation := chat.get("name") or chat.get("type") or source.name:
        claims.append(assert_claim("conversation", conversation))
    identity = _text(whole.get("from_id") or whole.get("actor_id"))
    name = _text(whole.get("from") or whole.get("actor"))
    if name or identity:
        note = "" if name else "the name is missing: a deleted account"
        claims.append(assert_claim("sender", name or identity, note=note))
    if identity:
        claims.append(_account(identity))
    if name or identity:
        told = participants.get(identity or _BY_NAME + name)
        if told is None or (name and not told[0]):
            participants[identity or _BY_NAME + name] = (name, told[1] if told else f"first in {place}")
    if moment := _moment(whole, "date", "sent_at"):
        claims.append(moment)
    if number := _text(whole.get("id")):
        claims.append(assert_claim("message_id", number))
    body, references = _body(whole.get("text"))
    if body:
        claims.append(assert_claim("body", body))
    extra = [("type", _text(whole.get("type")))]
    extra.extend((key, _text(whole[key])) for key in _KEPT if _text(whole.get(key)))
    if chat.get("id"):
        extra.append(("chat_id", chat["id"]))
    if chat.get("type"):
        extra.append(("chat_type", chat["type"]))
    for key in ("photo", "file"):
        path = _text(whole.get(key))
        if path.startswith("("):
            extra.append((f"{key}_missing", path))
            path = _text(whole.get("file_name"))
        if path:
            claims.append(assert_claim("attachment", path))
    spot = whole.get("location_information")
    if isinstance(spot, dict) and "latitude" in spot and "longitude" in spot:
        claims.append(assert_claim("location", f"{spot['latitude']},{spot['longitude']}", role="mentioned"))
    shared = whole.get("contact_information")
    if isinstance(shared, dict) and _text(shared.get("phone_number")):
        claims.append(
            assert_claim("phone", _text(shared["phone_number"]), role="mentioned", note="a contact that was sent")
        )
    known = {(one.property, one.normal) for one in references}
    claims.extend(references)
    claims.extend(one for one in mentioned(body) if (one.property, one.normal) not in known)
    return Record("message", source.locator.at(place), tuple(claims), _READER, tuple(extra))


def _body(value: object) -> tuple[str, list[Claim]]:
    """The text of a message, and the identifiers that Telegram itself marked in it."""
    if isinstance(value, str):
        return value, []
    parts: list[str] = []
    claims: list[Claim] = []
    for part in value if isinstance(value, list) else []:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, dict):
            written = _text(part.get("text"))
            parts.append(written)
            kind = part.get("type")
            if kind == "mention" and written:
                claims.append(assert_claim("screen_name", written.lstrip("@"), role="mentioned", service="telegram"))
            elif kind == "mention_name" and _text(part.get("user_id")):
                claims.append(_account(_text(part["user_id"]), role="mentioned"))
            elif kind == "text_link" and _text(part.get("href")):
                claims.append(assert_claim("url", _text(part["href"]), role="mentioned"))
            elif kind == "phone" and written:
                claims.append(assert_claim("phone", written, role="mentioned"))
            elif kind == "email" and written:
                claims.append(assert_claim("email", written, role="mentioned"))
    return "".join(parts), claims
