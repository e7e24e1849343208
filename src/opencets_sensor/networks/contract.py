"""What a network brings: ways to find who is said to offer a file, a question to the computer itself, and how both are read.

A file in this folder has ``NAME`` (as the ledger writes it); ``offers_in`` and ``told_in``, which make sightings and places of
entries of the log and know nothing but the entry; and ``joined``, which gives an `Asker` for its table of the settings. An
asker writes what was said into the log and gives nothing back: what the sensor knows is what its log says, so a replay cannot
say otherwise.

An asker is bound to these, whatever the network: it asks only what ``Authority.require`` gave it; it sends only messages of a
list written in its file; it reads no more of a message than its kind and length before it is known to carry no content; and it
lets go of a computer that sends content unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from opencets.packing.authority import Wanted

Entry = Mapping[str, Any]
"""One line of the log: ``do``, ``at`` (milliseconds since 1970, UTC by the sensor's clock) and what the network wrote."""
Note = Callable[..., Entry]
"""Writes an entry: ``note("heard", at=..., network=..., ...)``; gives it as it stands in the log."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An address and port where a file is said to be offered."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a sighting needs, of one entry. Without ``identity`` the place stands for one (hearsay)."""

    at: int
    file: str
    place: Place
    evidence: str
    identity: str = ""
    identity_kind: str = "endpoint"
    client: str | None = None
    have: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Somewhere to ask who offers a file: ``kind`` as the ledger's evidence, ``name`` in the log and for its pace.

    ``at_once``: about how many files it may be asked at one time.
    """

    kind: str
    name: str
    at_once: int = 1


class Asker(Protocol):
    """A network as long as the sensor runs."""

    def sources(self, wanted: Wanted) -> Iterable[Source]:
        """Where to ask about a file."""
        ...

    async def begin(self) -> None:
        """Join what has to be joined before anybody is asked."""
        ...

    async def find(self, source: Source, wanted: Wanted, note: Note) -> int:
        """Ask one source and write ``told``; after how many seconds the source wants to be asked again, 0 where it does not say.

        Interrupted: it could not be asked.
        """
        ...

    async def ask(self, place: Place, wanted: Wanted, note: Note, *, hold: bool = False) -> None:
        """Ask one computer what it offers and write ``heard``, also where it did not answer.

        ``hold``: stay long enough for it to tell of others, and write that as ``held``: what was heard is not kept waiting.
        """
        ...

    async def leave(self) -> None:
        """Let go of everything."""
        ...


class Network(Protocol):
    """A module of this folder."""

    NAME: str

    def joined(self, table: Mapping[str, Any]) -> Asker:
        """An asker by ``[networks.NAME]`` of the settings. ActRefused names what in the table is wrong."""
        ...

    def offers_in(self, entry: Entry, *, hearsay: bool) -> Iterator[Offer]:
        """The sightings of an entry; those by hearsay where they are wanted."""
        ...

    def told_in(self, entry: Entry) -> Iterator[tuple[Place, str]]:
        """The places that an entry tells of, and the kind of source."""
        ...
