"""Mail: messages, mailboxes and attachments, whole and broken."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from pathlib import Path

import pytest

from opencets.parsing import Reading, read
from opencets.records import Claim, Record


def _read(folder: Path, content: bytes, name: str = "a.eml") -> Reading:
    (folder / name).write_bytes(content)
    return read(folder / name)


def _message(reading: Reading) -> Record:
    (message,) = [record for record in reading.records if record.kind == "message"]
    return message


def _claims(record: Record, name: str) -> list[Claim]:
    return [claim for claim in record.claims if claim.property == name]


def _mail(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = headers.pop("From", "Sam Reed <sam@example.org>")
    mail["To"] = headers.pop("To", "Ann Vale <ann@example.com>")
    mail["Date"] = headers.pop("Date", "Thu, 01 Jan 2026 10:00:00 +0200")
    mail["Subject"] = headers.pop("Subject", "Grüße")
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    return mail


def test_a_message_says_who_wrote_to_whom_when_and_what(tmp_path: Path) -> None:
    mail = _mail(Cc="bob@example.net", Message_ID="<1@example.org>", X_Originating_IP="[198.51.100.7]")
    mail["Received"] = (
        "from mx.example.org (mx.example.org [203.0.113.9]) by b.example.com; Thu, 1 Jan 2026 10:00:02 +0200"
    )
    mail.set_content("Call me: +44 20 7946 0018")
    reading = _read(tmp_path, mail.as_bytes())
    message = _message(reading)
    assert reading.format == "eml"
    assert message.first("sent_at") == "2026-01-01T08:00:00Z"
    assert message.first("subject") == "Grüße"
    assert message.first("sender") == "Sam Reed <sam@example.org>"
    assert [(one.normal, one.role) for one in _claims(message, "email")] == [
        ("sam@example.org", "own"),
        ("ann@example.com", "contact"),
        ("bob@example.net", "contact"),
    ]
    assert [(one.normal, one.role) for one in _claims(message, "ip")] == [
        ("198.51.100.7", "own"),
        ("203.0.113.9", "seen_with"),
    ]
    assert [(one.normal, one.role) for one in _claims(message, "phone")] == [("+442079460018", "mentioned")]
    people = {
        record.first("email"): record.first("full_name") for record in reading.records if record.kind == "account"
    }
    assert people == {"sam@example.org": "Sam Reed", "ann@example.com": "Ann Vale", "bob@example.net": None}


@pytest.mark.parametrize(
    ("written", "normal", "note"),
    [
        ("Thu, 01 Jan 2026 10:00:00 -0500", "2026-01-01T15:00:00Z", ""),
        ("Thu, 01 Jan 2026 10:00:00 -0000", "2026-01-01T10:00:00Z", ""),
        ("Thu, 01 Jan 2026 10:00:00", "2026-01-01T10:00:00", "no zone"),
        ("yesterday, I think", None, "not a date"),
        ("Thu, 99 Foo 2026 99:00:00 +9999", None, "not a date"),
    ],
)
def test_dates_keep_their_zone_or_say_that_they_have_none(
    tmp_path: Path, written: str, normal: str | None, note: str
) -> None:
    content = f"From: sam@example.org\nDate: {written}\nSubject: x\n\nbody\n".encode()
    (sent,) = _claims(_message(_read(tmp_path, content)), "sent_at")
    assert (sent.normal, sent.raw) == (normal, written)
    assert note in sent.note


def test_attachments_are_read_as_files_of_their_own(tmp_path: Path) -> None:
    mail = _mail()
    mail.set_content("see")
    mail.add_attachment(b"31/12/2025, 10:00 - Sam: hi", maintype="text", subtype="plain", filename="chat.txt")
    mail.add_attachment(b"x", maintype="application", subtype="octet-stream", filename="../../evil.bin")
    inner = _mail(Subject="inner")
    inner.set_content("the inner text")
    mail.add_attachment(inner)
    reading = _read(tmp_path, mail.as_bytes())
    assert reading.report.formats == {"eml": 2, "whatsapp_text": 1, "document": 1}
    bodies = [record.first("body") for record in reading.records if record.kind == "message"]
    assert sorted(body for body in bodies if body) == ["hi", "see", "the inner text"]
    (binary,) = [record for record in reading.records if record.kind == "document"]
    assert binary.first("file_name") == "evil.bin"


def test_html_alone_becomes_text_without_scripts(tmp_path: Path) -> None:
    mail = _mail()
    mail.set_content(
        "<html><head><style>p{}</style></head><body><p>Hello <b>Ann</b></p><script>bad()</script>"
        '<a href="https://example.org/x">here</a></body></html>',
        subtype="html",
    )
    message = _message(_read(tmp_path, mail.as_bytes()))
    (body,) = _claims(message, "body")
    assert "Hello Ann" in body.raw
    assert "bad()" not in body.raw
    assert "p{}" not in body.raw
    assert body.note == "text taken from HTML"
    assert message.first("url") == "https://example.org/x"


def test_a_wrong_character_set_costs_a_note(tmp_path: Path) -> None:
    content = (
        b"From: sam@example.org\nSubject: x\nContent-Type: text/plain; charset=no-such-set\n"
        b"Content-Transfer-Encoding: base64\n\n" + base64.b64encode("Grüße".encode())
    )
    (body,) = _claims(_message(_read(tmp_path, content)), "body")
    assert body.raw == "Grüße"
    assert body.note == "declared as no-such-set, read as UTF-8"


@pytest.mark.parametrize(
    "header",
    [
        b"From: \xff\xfe <a@example.org>",
        b"From: =?utf-8?B?////?= <a@example.org>",
        b"From: <<<>>>@@, a@example.org",
        b"From: " + b"(" * 3000 + b"a@example.org",
        b"Content-Type: multipart/mixed; boundary=" + b"x" * 5000,
        b"Content-Disposition: attachment; filename*=utf-8''%FF%00\nFrom: a@example.org",
        b"Message-ID: <[]>\nFrom: a@example.org",
        b"Date: \xff",
    ],
)
def test_a_hostile_header_never_costs_the_message(tmp_path: Path, header: bytes) -> None:
    reading = _read(tmp_path, header + b"\nSubject: still here\nReceived: x\n\nbody\n")
    assert _message(reading).first("subject") == "still here"
    assert not [one for one in reading.report.skipped if "the reader" in one.sentence]


def test_a_mailbox_gives_each_message_and_restores_its_lines(tmp_path: Path) -> None:
    one, two = _mail(Subject="one"), _mail(Subject="two")
    one.set_content("first\n\n>From here on\n")
    two.set_content("second")
    two.add_attachment(b"x" * 10, maintype="application", subtype="octet-stream", filename="a.bin")
    box = b"".join(b"From sam@example.org Thu Jan  1 10:00:00 2026\n" + mail.as_bytes() + b"\n" for mail in (one, two))
    reading = _read(tmp_path, box, "All mail.mbox")
    assert reading.format == "mbox"
    messages = [record for record in reading.records if record.kind == "message"]
    assert [(record.first("subject"), record.locator.place) for record in messages] == [
        ("one", "message 1"),
        ("two", "message 2"),
    ]
    assert messages[0].first("body") == "first\n\nFrom here on"
    assert {record.first("conversation") for record in messages} == {"All mail"}
    (file,) = [record for record in reading.records if record.kind == "document"]
    assert file.locator.path == ("All mail.mbox", "message 2/a.bin")
    assert len({record.key for record in reading.records}) == len(reading.records)


def test_samples_of_mail_are_all_read(samples: Path) -> None:
    reading = read(samples / "mail/eml")
    assert reading.report.records["message"] == 11
    assert [one.locator.path[-1] for one in reading.report.skipped] == ["message 1/truncated.png"]
    subjects = [record.first("subject") for record in reading.records if record.kind == "message"]
    assert "まみむめも" in subjects
    assert "Säying Hello" in subjects
