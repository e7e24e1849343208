"""What is read: a Record stands for one thing as read from one place in one exhibit; it makes Claims.

Both are immutable. Nothing here is merged or corrected: an entity is a cluster of records made later, by judgements.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["own", "contact", "seen_with", "device_of", "mentioned"]
"""Whose value it is, seen from the record's subject.

``own``: the subject's own (their e-mail address); ``contact``: somebody whom the subject lists or writes to;
``seen_with``: stood beside it (an address in the same log row); ``device_of``: the device that made or held it;
``mentioned``: occurs in a text. Only ``own`` and ``device_of`` can ever make two records the same subject.
"""


@dataclass(frozen=True, slots=True, order=True)
class Locator:
    """Where in the exhibit something stood.

    ``path``: file names from the exhibit inward, one per nesting step, for example ``("phone.zip", "chats/_chat.txt")``.
    ``place``: the place inside the last file in words that a person can follow, for example ``"line 12"``,
    ``"row 318"``, ``"value[0].Media[3]"``; empty for the whole file.
    """

    path: tuple[str, ...]
    place: str = ""

    def __str__(self) -> str:
        return " › ".join((*self.path, self.place) if self.place else self.path)

    def at(self, place: str) -> Locator:
        """The same file, another place in it."""
        return Locator(self.path, place)

    def inside(self, name: str) -> Locator:
        """The member ``name`` of this container."""
        return Locator((*self.path, name))


@dataclass(frozen=True, slots=True)
class Claim:
    """One property value that a record asserts: raw as it stood, and normalised.

    ``property``: a name from ``vocabulary/properties.yaml``, which also gives its ``kind``.
    ``normal``: canonical text of the kind (see ``opencets.values``), or None where the raw text is not of the kind;
    then ``note`` says why. A claim with ``normal`` None never links anything.
    """

    property: str
    raw: str
    kind: str
    normal: str | None
    role: Role = "own"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing as read from one place.

    ``kind``: a name from ``vocabulary/records.yaml`` (person, account, message, media, device, event, known_file, case).
    ``reader``: name and version of the reader, for example ``"whatsapp_text/1"``.
    ``extra``: fields that have no property of their own, kept so that an export can give them back.
    """

    kind: str
    locator: Locator
    claims: tuple[Claim, ...]
    reader: str
    extra: tuple[tuple[str, str], ...] = field(default=())

    @property
    def key(self) -> str:
        """32 hex digits, stable for the same thing at the same place read by the same reader: reading twice adds nothing."""
        text = json.dumps(
            [self.kind, self.locator.path, self.locator.place, self.reader.split("/")[0]],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def values(self, property: str) -> Iterator[str]:
        """The normalised values of one property, in order; claims without one are passed over."""
        return (claim.normal for claim in self.claims if claim.property == property and claim.normal is not None)

    def first(self, property: str) -> str | None:
        """The first normalised value of one property, or None."""
        return next(self.values(property), None)
