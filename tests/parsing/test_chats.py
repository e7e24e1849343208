"""Chats: WhatsApp's text export and Telegram's JSON, in the forms that telephones really write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opencets.parsing import Reading, read
from opencets.records import Record


def _read(folder: Path, text: str, name: str = "WhatsApp Chat with Sam.txt", **options: object) -> Reading:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read(path, options=dict(options))


def _messages(reading: Reading) -> list[Record]:
    return [record for record in reading.records if record.kind == "message"]


def _told(record: Record) -> tuple[str | None, str | None, str | None]:
    return record.first("sent_at"), record.first("sender"), record.first("body")


@pytest.mark.parametrize(
    ("lines", "first"),
    [
        ("31/12/2025, 23:59 - Sam: hi\n01/01/2026, 00:01 - Ann: ho", "2025-12-31T23:59:00"),
        ("12/31/25, 11:59 PM - Sam: hi\n1/1/26, 12:01 AM - Ann: ho", "2025-12-31T23:59:00"),
        ("12/31/25, 11:59\u202fPM - Sam: hi\n1/1/26, 12:01\u202fAM - Ann: ho", "2025-12-31T23:59:00"),
        ("[31.12.25, 23:59:00] Sam: hi\n[01.01.26, 00:01:00] Ann: ho", "2025-12-31T23:59:00"),
        ("[2025-12-31, 23:59:00] Sam: hi\n[2026-01-01, 00:01:00] Ann: ho", "2025-12-31T23:59:00"),
        ("2025/12/31 23:59 - Sam: hi\n2026/01/01 00:01 - Ann: ho", "2025-12-31T23:59:00"),
        ("31/12/2025, 11:59 p. m. - Sam: hi\n01/01/2026, 12:01 a. m. - Ann: ho", "2025-12-31T23:59:00"),
        ("31.12.25, 23:59 - Sam: hi\n01.01.26, 00:01 - Ann: ho", "2025-12-31T23:59:00"),
    ],
)
def test_dates_of_many_telephones_are_read_in_their_order(tmp_path: Path, lines: str, first: str) -> None:
    reading = _read(tmp_path, lines)
    assert reading.format == "whatsapp_text"
    assert [_told(message) for message in _messages(reading)] == [
        (first, "Sam", "hi"),
        ("2026-01-01T00:01:00", "Ann", "ho"),
    ]


def test_no_zone_is_invented_and_the_raw_time_is_kept(tmp_path: Path) -> None:
    (message,) = _messages(_read(tmp_path, "31/12/2025, 23:59 - Sam: hi"))
    (sent,) = [claim for claim in message.claims if claim.property == "sent_at"]
    assert (sent.raw, sent.normal) == ("31/12/2025, 23:59", "2025-12-31T23:59:00")
    assert "no zone" in sent.note


def test_an_order_that_nothing_proves_is_told_on_the_report_and_on_each_claim(tmp_path: Path) -> None:
    reading = _read(tmp_path, "01/02/2026, 10:00 - Sam: hi")
    assert "nothing in the file proves it" in reading.report.notes[0].sentence
    (sent,) = [claim for claim in _messages(reading)[0].claims if claim.property == "sent_at"]
    assert sent.normal == "2026-02-01T10:00:00"
    assert "not proven" in sent.note


def test_a_person_can_set_the_order_of_dates(tmp_path: Path) -> None:
    reading = _read(tmp_path, "01/02/2026, 10:00 - Sam: hi", date_order="month first")
    assert _messages(reading)[0].first("sent_at") == "2026-01-02T10:00:00"


def test_time_that_would_run_backwards_decides_the_order(tmp_path: Path) -> None:
    lines = "\n".join(f"{month}/{day}/26, 10:00 - Sam: x" for month, day in ((1, 9), (1, 10), (2, 3), (3, 1)))
    reading = _read(tmp_path, lines)
    assert "month first" in reading.report.notes[0].sentence
    assert _messages(reading)[0].first("sent_at") == "2026-01-09T10:00:00"


def test_marks_lines_attachments_places_and_numbers_of_an_ios_export(tmp_path: Path) -> None:
    lines = (
        "\u200e[13.02.26, 10:00:00] Team: \u200eMessages and calls are end-to-end encrypted.\n"
        "[13.02.26, 10:00:05] Sam: Hello\nsecond line: with colon\n\nfourth\n"
        "\u200e[13.02.26, 10:01:00] Ann\u202f: \u200e<attached: 00000012-PHOTO-2026-02-13-10-01-00.jpg>\n"
        "[13.02.26, 10:02:00] \u202a+44\xa020\xa07946\xa00018\u202c: Location: https://maps.google.com/?q=52.52,13.405\n"
        "[13.02.26, 10:03:00] Sam: write to ann@example.org\n"
    )
    reading = _read(tmp_path, lines, "_chat.txt")
    messages = _messages(reading)
    assert {message.first("conversation") for message in messages} == {"Team"}
    assert ("type", "system") in messages[0].extra
    assert messages[0].first("sender") is None
    assert messages[1].first("body") == "Hello\nsecond line: with colon\n\nfourth"
    assert messages[2].first("sender") == "Ann"
    assert messages[2].first("attachment") == "00000012-PHOTO-2026-02-13-10-01-00.jpg"
    assert messages[3].first("phone") == "+442079460018"
    assert messages[3].first("location") == "52.52000,13.40500"
    (address,) = [claim for claim in messages[4].claims if claim.property == "email"]
    assert (address.normal, address.role) == ("ann@example.org", "mentioned")
    people = {record.first("full_name") or record.first("phone"): record for record in reading.records[len(messages) :]}
    assert set(people) == {"Sam", "Ann", "+442079460018"}
    assert people["Sam"].extra == (("messages", "2"),)
    assert people["+442079460018"].kind == "account"


def test_attachments_and_system_lines_of_an_android_export(tmp_path: Path) -> None:
    lines = (
        "31/12/2025, 10:00 - Messages and calls are end-to-end encrypted. Learn more.\n"
        '31/12/2025, 10:01 - Sam changed the subject to "Plan: B"\n'
        "31/12/2025, 10:02 - Sam: \u200eIMG-20251231-WA0001.jpg (file attached)\n"
        "31/12/2025, 10:03 - Sam: <Media omitted>\n"
        "31/12/2025, 10:04 - Sam: note: this is mine\n"
    )
    messages = _messages(_read(tmp_path, lines))
    assert [message.first("sender") for message in messages] == [None, None, "Sam", "Sam", "Sam"]
    assert messages[2].first("attachment") == "IMG-20251231-WA0001.jpg"
    assert messages[4].first("body") == "note: this is mine"
    assert messages[0].first("conversation") == "Sam"


def test_the_line_of_a_message_is_its_place(tmp_path: Path) -> None:
    messages = _messages(_read(tmp_path, "31/12/2025, 10:00 - Sam: a\nb\nc\n31/12/2025, 10:01 - Sam: d\n"))
    assert [message.locator.place for message in messages] == ["line 1", "line 4"]


def test_text_that_is_not_utf8_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / "_chat.txt"
    path.write_bytes("31/12/2025, 10:00 - Zoë: café".encode("cp1252"))
    reading = read(path)
    assert _told(_messages(reading)[0])[1:] == ("Zoë", "café")
    assert "encoding" in [note.code for note in reading.report.notes]
    path.write_bytes("31/12/2025, 10:00 - Zoë: café".encode("utf-16"))
    assert _told(_messages(read(path))[0])[1:] == ("Zoë", "café")


def test_a_huge_line_is_cut_and_told(tmp_path: Path) -> None:
    reading = _read(tmp_path, "31/12/2025, 10:00 - Sam: " + "x" * 9_000_000 + "\n31/12/2025, 10:01 - Ann: still read")
    assert [one.code for one in reading.report.skipped] == ["long-line"]
    assert _messages(reading)[-1].first("body") == "still read"


def test_a_message_without_end_is_cut_and_told_and_the_next_is_read(tmp_path: Path) -> None:
    text = "31/12/2025, 10:00 - Sam: a\n" + "more of it\n" * 200_000 + "31/12/2025, 10:01 - Ann: still read"
    reading = _read(tmp_path, text)
    assert [one.code for one in reading.report.skipped] == ["long-message"]
    assert [message.first("sender") for message in _messages(reading)] == ["Sam", "Ann"]


def test_a_log_that_only_looks_dated_is_not_a_chat(tmp_path: Path) -> None:
    assert _read(tmp_path, "10:00 started\n10:01 stopped\n", "service.log").format != "whatsapp_text"


def test_whatsapp_samples_give_what_their_reference_says(samples: Path) -> None:
    expected = json.loads((samples / "chat/whatsapp/target.json").read_text("utf-8"))
    for name in ("test_ddmmyy_24hrs.txt", "test_mmddyy_24hrs.txt", "test_mmddyyyy_12hrs.txt"):
        reading = read(samples / "chat/whatsapp" / name)
        sent = [message for message in _messages(reading) if message.first("sender")]
        told = [(message.first("sender"), (message.first("body") or "").replace("\n", " ")) for message in sent]
        assert told == [(one["author"], one["message"]) for one in reversed(expected)]
        assert reading.report.complete


def _telegram(folder: Path, whole: object, name: str = "result.json") -> Reading:
    path = folder / name
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole), encoding="utf-8")
    return read(path)


CHAT = {
    "name": "Ann",
    "type": "personal_chat",
    "id": 7,
    "messages": [
        {
            "id": 1,
            "type": "message",
            "date": "2026-01-01T12:00:00",
            "date_unixtime": "1767261600",
            "from": "Ann",
            "from_id": "user222",
            "text": [
                "Hi ",
                {"type": "mention", "text": "@sam_77"},
                {"type": "text_link", "text": "x", "href": "https://example.org/a"},
            ],
            "photo": "photos/photo_1.jpg",
        },
        {"id": 2, "type": "message", "date": "2026-01-01T12:00:00", "from_id": "user333", "text": "local time"},
        {"id": 3, "type": "service", "date_unixtime": "never", "actor": "Ann", "actor_id": "user222", "text": ""},
    ],
}  # fmt: skip


def test_a_telegram_chat_gives_messages_and_participants(tmp_path: Path) -> None:
    reading = _telegram(tmp_path, CHAT)
    one, two, three = _messages(reading)
    assert _told(one) == ("2026-01-01T10:00:00Z", "Ann", "Hi @sam_77x")
    assert one.first("account_id") == "telegram:222"
    assert one.first("attachment") == "photos/photo_1.jpg"
    roles = {(claim.property, claim.normal): claim.role for claim in one.claims}
    assert roles["screen_name", "telegram:sam_77"] == "mentioned"
    assert roles["url", "https://example.org/a"] == "mentioned"
    assert two.first("sent_at") == "2026-01-01T12:00:00"
    assert two.first("sender") == "user333"
    assert three.first("sent_at") is None
    accounts = [record for record in reading.records if record.kind == "account"]
    assert [(record.first("account_id"), record.first("full_name")) for record in accounts] == [
        ("telegram:222", "Ann"),
        ("telegram:333", None),
    ]
    assert len({record.key for record in reading.records}) == len(reading.records)


def test_a_contact_is_a_contact_and_never_the_owner(tmp_path: Path) -> None:
    whole = {
        "about": "",
        "personal_information": {
            "user_id": 1,
            "first_name": "Sam",
            "phone_number": "+44 20 7946 0018",
            "username": "@sam_77",
        },
        "contacts": {"list": [{"user_id": 2, "first_name": "Ann", "phone_number": "+44 20 7946 0999"}]},
        "sessions": {"list": [{"last_active_unixtime": "1767225600", "last_ip": "203.0.113.5", "device_model": "PC"}]},
        "chats": {"list": [CHAT, CHAT]},
        "stories": {},
    }
    reading = _telegram(tmp_path, whole)
    owner = reading.records[0]
    assert {claim.role for claim in owner.claims} == {"own"}
    assert owner.first("phone") == "+442079460018"
    contact = next(record for record in reading.records if record.locator.place == "contacts.list[0]")
    assert {claim.role for claim in contact.claims} == {"contact"}
    assert contact.first("phone") == "+442079460999"
    session = next(record for record in reading.records if record.kind == "event")
    assert (session.first("ip"), session.first("happened_at")) == ("203.0.113.5", "2026-01-01T00:00:00Z")
    assert [message.locator.place for message in _messages(reading)][3] == "chats.list[1].messages[0]"
    assert reading.report.notes[0].code == "sections-not-read"


def test_control_characters_that_telegram_writes_as_x_are_read(tmp_path: Path) -> None:
    for padding in range(65_400, 65_550, 7):
        filler = "f" * padding
        head = '{"name": "Ann", "type": "personal_chat", "messages": '
        text = head + '[{"id": 1, "date_unixtime": "1767261600", "text": "%s\\x1b end \\\\x41"}]}'
        (message,) = _messages(_telegram(tmp_path, text % filler))
        assert (message.first("body") or "").endswith("end \\x41")


def test_an_export_that_breaks_off_keeps_the_messages_before(tmp_path: Path) -> None:
    text = json.dumps(CHAT)
    reading = _telegram(tmp_path, text[: text.index('{"id": 3')])
    assert len(_messages(reading)) == 2
    assert [one.code for one in reading.report.skipped] == ["damaged"]


def test_telegram_samples_give_what_their_reference_says(samples: Path) -> None:
    expected = json.loads((samples / "chat/telegram/target.json").read_text("utf-8"))
    reading = read(samples / "chat/telegram/test_single_export.json")
    assert [(message.first("sent_at"), message.first("sender")) for message in _messages(reading)] == [
        (one["timestamp"] + "Z", one["author"]) for one in expected
    ]
    whole = read(samples / "chat/telegram/result_full_account.json")
    assert whole.report.records == {"message": 5, "account": 3, "person": 1, "event": 1}
