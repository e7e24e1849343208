"""A mailbox in one file (RFC 4155), streamed: mailboxes of 50 GB occur. ``>From`` lines are given back their form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from opencets.errors import SourceRefused
from opencets.parsing.limits import limits_of
from opencets.parsing.mail import Slice, read_message
from opencets.parsing.source import Event, FolderOpener, Skipped, Source

FORMAT = "mbox"
VERSION = "1"
LABEL = "Mailbox (mbox)"

_POSTMARK = re.compile(rb"^From \S.*\d{1,2}:\d{2}")


def recognise(source: Source) -> str | None:
    """None where the first line is a postmark (``From sender date``) and a header line follows."""
    if isinstance(source.open, FolderOpener):
        return "a folder"
    lines = source.head(4096).lstrip(b"\xef\xbb\xbf\r\n").split(b"\n")
    if not _POSTMARK.match(lines[0]):
        return "does not open with a postmark line"
    return (
        None
        if len(lines) > 1 and re.match(rb"^>?[!-9;-~]{1,70}:?", lines[1])
        else "no header line follows the postmark"
    )


def read(source: Source) -> Iterator[Event]:
    """Each message in turn; one that fails costs its own line."""
    mailbox = source.name.rsplit(".", 1)[0]
    for number, (start, length) in enumerate(_messages(source), 1):
        place = f"message {number}"
        try:
            yield from read_message(
                source, Slice(source.open, start, length, True), place, f"{FORMAT}/{VERSION}", mailbox
            )
        except SourceRefused as refusal:
            yield Skipped(source.locator.at(place), refusal.code, refusal.sentence)
        except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError) as error:
            where = source.locator.at(place)
            yield Skipped(where, "damaged", f"{where}: the message cannot be read ({type(error).__name__}: {error}).")


def _messages(source: Source) -> Iterator[tuple[int, int]]:
    """Start and length of each message, without its postmark line."""
    most = limits_of(source).line_bytes
    with source.open() as stream:
        begun: int | None = None
        at, blank, whole_line = 0, True, True
        while line := stream.readline(most):
            if whole_line and blank and _POSTMARK.match(line):
                if begun is not None:
                    yield begun, at - begun
                begun = at + len(line)
            blank = whole_line and line in (b"\n", b"\r\n")
            whole_line = line.endswith(b"\n")
            at += len(line)
        if begun is not None:
            yield begun, at - begun
