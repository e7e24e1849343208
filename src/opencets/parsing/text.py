"""Text of a file, line by line: the encoding is found from the whole file, never guessed silently; lines end."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from opencets.parsing.limits import limits_of
from opencets.parsing.source import Source

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def encoding_of(source: Source) -> tuple[str, str]:
    """The encoding of a text file, and a note where it is a guess: a byte order mark, else strict UTF-8, else told.

    ``options["encoding"]``, set by a person, wins. The whole file is checked, in blocks.
    """
    wanted = source.options.get("encoding")
    if isinstance(wanted, str) and wanted:
        return codecs.lookup(wanted).name, ""
    with source.open() as stream:
        head = stream.read(4)
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                return encoding, ""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(head)
            while block := stream.read(1024 * 1024):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return (
                "cp1252",
                f"is not UTF-8 ({error.reason}) and was read as Windows-1252; name the encoding if letters are wrong",
            )
    return "utf-8", ""


def lines(source: Source, encoding: str) -> Iterator[tuple[int, str, bool]]:
    """Line number from 1, the line without its end, and whether it was cut at the longest line allowed."""
    most = limits_of(source).line_bytes
    with source.open() as raw, io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline=None) as stream:
        number = 0
        while line := stream.readline(most):
            number += 1
            cut = False
            while not line.endswith("\n") and len(line) >= most:
                rest = stream.readline(most)
                cut = cut or bool(rest.strip("\n"))
                if len(rest) < most or rest.endswith("\n"):
                    break
            yield number, line.rstrip("\n"), cut


def beginning(source: Source, count: int = 65536) -> str:
    """The first ``count`` bytes as text for recognising a format: by byte order mark, else UTF-8 with replacement."""
    head = source.head(count)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head.decode(encoding, "replace")
    return head.decode("utf-8", "replace")
