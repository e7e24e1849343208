"""Search across the rooms: only what the reader may see, grouped by what it is, each hit saying why it was found.

Identifiers are found exactly, in any notation that ``opencets.values`` reads; names, screen names, addresses and file names by
the beginnings of their words, screen names also where they were varied; messages by their words; visible text by the
beginnings of its words, in every script. Part of a word
in its middle is not found: that would need an extension. ``language:de`` among the words narrows messages and visible text to a
language, and leaves out what has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from anyascii import anyascii
from django.core.paginator import Paginator
from django.db import DataError, connection, transaction
from django.db.models import Q, QuerySet

from opencets.errors import ActRefused, ValueRefused
from opencets.recognising.language import names
from opencets.records import KINDS
from opencets.values import normalise
from opencets.values.services import SERVICES
from opencets_web.audit import log
from opencets_web.cases.models import Case, PartnerNumber
from opencets_web.desk.handles import find_alike, references
from opencets_web.evidence.models import Claim, ExhibitFile, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.texts.finding import PREFIX, Found, code_of, find_texts, language_in, show_texts

MOST_WORDS = 300
FIRST = 6
ON_A_PAGE = 50
MOST_FOUND = 1_000
EXACT_KINDS = tuple(name for name, kind in KINDS.items() if kind.links != "none")
PARTS = (
    ("identifiers", "Identifiers"),
    ("cases", "Cases"),
    ("people", "People and accounts"),
    ("handles", "Screen names like it"),
    ("messages", "Messages"),
    ("visible", "Visible text"),
    ("files", "Files"),
)
IN_A_LANGUAGE = ("messages", "visible")

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: each with whether it is what was searched for."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: what it is, where it stands, and the words that matched."""

    kind: str
    label: Pieces
    subtitle: str
    text: Pieces
    case: str
    url: str
    picture: Found | None = None
    """Of visible text: the veiled file with the words."""


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind: the first of them, or one page of them."""

    part: str
    label: str
    hits: tuple[Hit, ...]
    total: int
    page: Any

    @property
    def more(self) -> bool:
        """Whether there are more than those shown."""
        return self.page is None and self.total > len(self.hits)

    @property
    def cut(self) -> bool:
        """Whether only the first of very many were looked at."""
        return self.total >= MOST_FOUND


@dataclass(frozen=True, slots=True)
class Results:
    """What a search found."""

    words: str
    language: str
    part: str
    groups: tuple[Group, ...]
    read_as: tuple[tuple[str, str], ...]

    @property
    def language_name(self) -> str:
        """The language asked for, in words."""
        return names().get(self.language, "")

    @property
    def total(self) -> int:
        """How many hits in all."""
        return sum(group.total for group in self.groups)


def search(
    actor: Actor, words: str, *, language: str = "", part: str = "", number: int = 1, shown: Collection[str] = ()
) -> Results:
    """What the actor may see of what the words name; ``part`` gives one kind of hit, page by page. The search is logged.

    ``language``: a code, as ``language:de`` among the words. ``shown``: known files that this session asked for.

    ActRefused: a NUL character, or more than 300 characters.
    """
    words = " ".join(words.split())
    if "\x00" in words or len(words) > MOST_WORDS:
        raise ActRefused(f"A search takes up to {MOST_WORDS} characters of text.")
    words, said = language_in(words)
    language = code_of(language) or said
    wanted = part if part in dict(PARTS) else ""
    values = exact_values(words, actor.country) if words else ()
    finders: dict[str, Callable[[], tuple[Sequence[Any], Callable[[Sequence[Any]], list[Hit]]]]] = {
        "identifiers": lambda: _identifiers(actor, words, values),
        "cases": lambda: _cases(actor, words),
        "people": lambda: _people(actor, words),
        "handles": lambda: _handles(actor, words),
        "messages": lambda: _messages(actor, words, language),
        "visible": lambda: _visible(actor, words, language, shown),
        "files": lambda: _files(actor, words),
    }
    groups = []
    for name, label in PARTS:
        if not (words or language) or (wanted and name != wanted) or (language and name not in IN_A_LANGUAGE):
            continue
        found, show = finders[name]()
        page = Paginator(found, ON_A_PAGE).get_page(number) if wanted else None
        chosen = list(page) if page is not None else list(found[:FIRST])
        if chosen:
            groups.append(Group(name, label, tuple(show(chosen)), len(found), page))
    if words or language:
        asked = f"{words} {PREFIX}{language}".strip() if language else words
        log.record(
            "search.made",
            actor,
            details={"words": asked, "found": {group.part: group.total for group in groups}, "part": wanted},
        )
    told = tuple((kind, normal) for kind, normal in values if kind in _PLAIN and "unknown:" not in normal)
    return Results(words, language, wanted, tuple(groups), told)


_PLAIN = frozenset({"email", "phone", "ip", "imei", "wallet", "iban", "sha256", "sha1", "md5"})
"""Kinds whose form cannot be mistaken, so that the page says what the words were read as."""


def exact_values(words: str, country: str) -> tuple[tuple[str, str], ...]:
    """Every canonical value that the words may stand for, with its kind; screen names without a service with each."""
    values: dict[tuple[str, str], None] = {}
    for kind in EXACT_KINDS:
        try:
            normal = normalise(kind, words, country=country)
        except ValueRefused:
            continue
        values[kind, normal] = None
        if normal.startswith("unknown:"):
            for service in sorted(set(SERVICES.values())):
                values[kind, f"{service}:{normal.removeprefix('unknown:')}"] = None
    return tuple(values)


def _identifiers(actor: Actor, words: str, values: tuple[tuple[str, str], ...]) -> Any:
    by_kind: dict[str, list[str]] = {}
    for kind, normal in values:
        by_kind.setdefault(kind, []).append(normal)
    wanted = Q(pk__in=[])
    for kind, normals in by_kind.items():
        wanted |= Q(kind=kind, normal__in=normals)
    claims = door.visible(actor, Claim.objects.filter(wanted, record__retired_at=None))
    rows = list(claims.order_by().values_list("kind", "normal", "record_id", "case_id", "generic")[:MOST_FOUND])
    found: dict[tuple[str, str | None], list[Any]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(row)
    entries = [(kind, normal, entry) for (kind, normal), entry in found.items()]

    def shown(chosen: Sequence[Any]) -> list[Hit]:
        cases = _references(actor, {row[3] for _, _, entry in chosen for row in entry})
        hits = []
        for kind, normal, entry in chosen:
            inside = sorted({cases[row[3]] for row in entry if row[3] in cases})
            records = len({row[2] for row in entry})
            often = "" if len(rows) < MOST_FOUND else "at least "
            told = f"{often}{records} record{'s' if records != 1 else ''} in {', '.join(inside[:4])}"
            if len(inside) > 4:
                told += f" and {len(inside) - 4} more cases"
            if any(row[4] for row in entry):
                told += "; too common to link by"
            hits.append(Hit(kind, ((normal or "", True),), told, (), "", f"/entities/{entry[0][2]}/"))
        return hits

    return entries, shown


def _cases(actor: Actor, words: str) -> Any:
    numbered = door.visible(actor, PartnerNumber.objects.filter(number__icontains=words, removed_at=None)).values(
        "case_id"
    )
    wanted = Q(reference__icontains=words) | Q(title__icontains=words) | Q(id__in=numbered)
    rows = door.visible(actor, Case.objects.filter(wanted)).select_related("agency").order_by("-opened_at")[:MOST_FOUND]

    def shown(chosen: Sequence[Case]) -> list[Hit]:
        return [
            Hit(
                "case", _marked(f"{case.reference} {case.title}", [words]),
                f"{case.agency.short_name}, {case.get_state_display().lower()}", (), case.reference, f"/cases/{case.reference}/",
            )
            for case in chosen
        ]  # fmt: skip

    return list(rows), shown


def _people(actor: Actor, words: str) -> Any:
    asked = _beginnings(words)
    found = _ask("select claim, claims from app_search_values(%s, %s)", asked) if asked else []
    counts = {row[0]: row[1] for row in found}
    claims = door.visible(actor, Claim.objects.filter(id__in=list(counts), record__retired_at=None))
    rows = list(claims.select_related("record__case"))
    rows.sort(key=lambda claim: (claim.kind != "name", -counts[claim.id], claim.normal or ""))

    def shown(chosen: Sequence[Claim]) -> list[Hit]:
        return [
            Hit(
                claim.kind, _marked(claim.normal or claim.raw, _tokens(words), beginnings=True),
                f"{KINDS[claim.kind].label}, stated {counts[claim.id]} time{'s' if counts[claim.id] != 1 else ''}", (),
                claim.record.case.reference, f"/entities/{claim.record_id}/",
            )
            for claim in chosen
        ]  # fmt: skip

    return rows, shown


def _handles(actor: Actor, words: str) -> Any:
    def shown(chosen: Sequence[Any]) -> list[Hit]:
        return [
            Hit(kind, ((normal, False),), why, (), case, url) for kind, normal, why, case, url in references(chosen)
        ]

    return find_alike(actor, words, _ask), shown


def _messages(actor: Actor, words: str, language: str) -> Any:
    if language:
        found = _ask("select app_search_messages_in(%s, %s, %s)", words, language)
    else:
        found = _ask("select app_search_messages(%s, %s)", words)
    ids = [row[0] for row in found]
    rows = door.visible(actor, Record.objects.filter(id__in=ids, retired_at=None)).order_by("-at_text", "id")
    keys = list(rows.values_list("id", flat=True))

    def shown(chosen: Sequence[UUID]) -> list[Hit]:
        read = door.visible(actor, Record.objects.filter(id__in=list(chosen))).select_related("case").in_bulk()
        return [
            Hit(
                "message", _excerpt(row.body, _tokens(words)),
                " · ".join(part for part in (row.at_text.replace("T", " ").replace("Z", " UTC"), row.conversation) if part), (),
                row.case.reference, f"/records/{row.id}/",
            )
            for row in (read[key] for key in chosen if key in read)
        ]  # fmt: skip

    return keys, shown


def _visible(actor: Actor, words: str, language: str, shown: Collection[str]) -> Any:
    def show(chosen: Sequence[UUID]) -> list[Hit]:
        return [
            Hit(
                "media", ((one.label, False),), f"{one.exhibit}, read from the picture", one.text, one.case_reference, one.url, one
            )
            for one in show_texts(actor, chosen, words, shown=shown)
        ]  # fmt: skip

    return find_texts(actor, words, language), show


def _files(actor: Actor, words: str) -> Any:
    asked = _beginnings(words)
    ids = [row[0] for row in _ask("select app_search_files(%s, %s)", asked)] if asked else []
    rows: QuerySet[ExhibitFile] = door.visible(actor, ExhibitFile.objects.filter(id__in=ids))
    keys = list(rows.order_by("name", "id").values_list("id", flat=True))

    def shown(chosen: Sequence[UUID]) -> list[Hit]:
        read = (
            door.visible(actor, ExhibitFile.objects.filter(id__in=list(chosen)))
            .select_related("exhibit__case")
            .in_bulk()
        )
        return [
            Hit(
                "file", _marked(file.name, _tokens(words), beginnings=True),
                f"{file.exhibit.reference} › {' › '.join(file.path)}", (), file.exhibit.case.reference,
                f"/exhibits/{file.exhibit_id}/",
            )
            for file in (read[key] for key in chosen if key in read)
        ]  # fmt: skip

    return keys, shown


def _ask(statement: str, *asked: str) -> list[tuple[Any, ...]]:
    """The rows of one of the wall's search functions; words that the server cannot read as a query find nothing."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [*asked, MOST_FOUND])
            return list(cursor.fetchall())
    except DataError:
        return []


def _tokens(words: str) -> list[str]:
    return re.findall(r"[^\W_]+", words, re.UNICODE)[:8]


def _beginnings(words: str) -> str:
    """As ``to_tsquery`` reads it: every word a beginning, all of them wanted; also as written in plain letters."""

    def query(tokens: Iterable[str]) -> str:
        return " & ".join(f"'{token}':*" for token in tokens)

    plain = _tokens(anyascii(words))
    asked = query(_tokens(words))
    folded = query(plain)
    return f"({asked}) | ({folded})" if asked and folded and folded != asked else asked


def _references(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, str]:
    return dict(door.visible(actor, Case.objects.filter(id__in=list(ids))).values_list("id", "reference"))


def _marked(text: str, words: Sequence[str], *, beginnings: bool = False) -> Pieces:
    """The text in pieces; ``beginnings``: only where a word begins."""
    wanted = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word)
    if not wanted:
        return ((text, False),)
    pieces, at = [], 0
    for match in re.finditer(rf"(?<![^\W_])(?:{wanted})" if beginnings else wanted, text, re.IGNORECASE):
        if match.start() > at:
            pieces.append((text[at : match.start()], False))
        pieces.append((match.group(), True))
        at = match.end()
    if at < len(text):
        pieces.append((text[at:], False))
    return tuple(pieces)


def _excerpt(body: str, words: Sequence[str], around: int = 110) -> Pieces:
    """The part of a text about the first word found."""
    wanted = "|".join(re.escape(word) for word in words if word)
    first = re.search(wanted, body, re.IGNORECASE) if wanted else None
    start = max(0, (first.start() if first else 0) - around)
    end = min(len(body), (first.end() if first else 0) + around)
    text = ("… " if start else "") + " ".join(body[start:end].split()) + (" …" if end < len(body) else "")
    return _marked(text, words)
