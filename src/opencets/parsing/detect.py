"""Which reader reads a file: by content first; a name's ending is only a hint, and a name that misleads is said so."""

from __future__ import annotations

from dataclasses import dataclass

from opencets.errors import SourceRefused
from opencets.parsing import magic
from opencets.parsing.readers import Reader, readers
from opencets.parsing.source import FolderOpener, Source


@dataclass(frozen=True, slots=True)
class Detection:
    """The reader that reads the file (None: none does), its media type by content, and why, in a sentence.

    ``mislabelled``: a sentence where the name promises another content, else empty.
    """

    reader: Reader | None
    media_type: str
    why: str
    mislabelled: str = ""


def detect(source: Source) -> Detection:
    """The first reader, in the declared order, that recognises the source; ``options["format"]`` is asked first.

    A format set by a person is a wish: a container, or a member of another format, is still read as what it is.
    Raises SourceRefused for a format that no reader has, OSError or SourceRefused where the source cannot be opened.
    """
    if isinstance(source.open, FolderOpener):
        media_type, wrong = "inode/directory", ""
    else:
        head = source.head(4096)
        media_type = magic.type_of(head, source.name)
        wrong = magic.contradiction(head, source.name) or ""
    asked = list(readers())
    wanted = source.options.get("format")
    if wanted and wanted != "auto":
        if all(wanted != reader.FORMAT for reader in asked):
            there_are = ", ".join(reader.FORMAT for reader in asked)
            raise SourceRefused(f"{source.locator}: no reader is called {wanted}; there are: {there_are}.")
        asked.sort(key=lambda reader: wanted != reader.FORMAT)
    refusals = []
    for reader in asked:
        try:
            reason = reader.recognise(source)
        except Exception as error:
            reason = f"looking at it failed ({type(error).__name__}: {error})"
        if reason is None:
            return Detection(reader, media_type, f"read as {reader.LABEL}", wrong)
        refusals.append(f"{reader.FORMAT}: {reason}")
    return Detection(None, media_type, "; ".join(refusals), wrong)
