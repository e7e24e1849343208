"""One mail message in a file of its own (RFC 5322): ``.eml``, and what ``.msg`` exporters write as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from opencets.parsing.mail import Slice, read_message
from opencets.parsing.source import Event, FolderOpener, Source

FORMAT = "eml"
VERSION = "1"
LABEL = "Mail message"

_FIELD = re.compile(rb"^([!-9;-~]{1,70}):(?:[ \t]|\r?\n)", re.MULTILINE)
_KNOWN = {
    b"from", b"to", b"cc", b"date", b"subject", b"received", b"message-id", b"mime-version", b"return-path",
    b"content-type", b"delivered-to", b"x-originating-ip", b"reply-to", b"x-mailer", b"content-transfer-encoding",
    b"dkim-signature", b"received-spf", b"x-apparently-to", b"in-reply-to", b"references",
}  # fmt: skip
_MAIL_ONLY = {b"from", b"received", b"message-id", b"return-path", b"delivered-to", b"x-apparently-to", b"subject"}


def recognise(source: Source) -> str | None:
    """None where the file opens with mail headers: at least two that mail has, one of them mail's alone."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    head = source.head(65536).lstrip(b"\xef\xbb\xbf\r\n")
    if b"\x00" in head[:1000] or not _FIELD.match(head):
        return "does not open with a header line"
    block = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    found = {name.lower() for name in _FIELD.findall(block)} & _KNOWN
    if len(found) >= 2 and found & _MAIL_ONLY:
        return None
    return None if found and source.name.lower().endswith(".eml") else "its first lines are not mail headers"


def read(source: Source) -> Iterator[Event]:
    """The message, its attachments, and the accounts that wrote and received it."""
    yield from read_message(source, Slice(source.open), "", f"{FORMAT}/{VERSION}")
