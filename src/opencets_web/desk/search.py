"""Search across the rooms: only what the reader may see, grouped by what it is, each hit saying why it was found.

Identifiers are found exactly, in any notation that ``opencets.values`` reads; names, screen names, addresses and file names by
the beginnings of their words; names also in another script or with a letter wrong, screen names also where they were varied;
messages by their words, in scripts without spaces by what stands beside each other; visible text by the beginnings of its words,
in every script. Part of a word in its middle is not found: that would need an extension. ``language:de`` among the words narrows
messages and visible text to a language, and leaves out what has none; a case narrows every part, a time those that have one.
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
from opencets.resolving.searched import CLOSE, closeness, name_parts, part_keys
from opencets.values import normalise
from opencets.values.services import SERVICES
from opencets_web.audit import log
from opencets_web.cases.models import Case, PartnerNumber
from opencets_web.desk.handles import find_alike, references
from opencets_web.evidence.models import Claim, ExhibitFile, Record
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.wall import UNSPACED_SCRIPTS
from opencets_web.texts.finding import PREFIX, Found, code_of, current, find_texts, language_in, show_texts

MOST_WORDS = 300
FIRST = 6
ON_A_PAGE = 50
MOST_FOUND = 1_000
EXACT_KINDS = tuple(name for name, kind in KINDS.items() if kind.links != "none")
PARTS = (
    ("identifiers", "Identifiers"),
    ("cases", "Cases"),
    ("people", "People and accounts"),
    ("alike", "Names like it"),
    ("handles", "Screen names like it"),
    ("messages", "Messages"),
    ("visible", "Visible text"),
    ("files", "Files"),
)
IN_A_LANGUAGE = ("messages", "visible")
IN_A_TIME = ("identifiers", "messages")
OF_A_CASE = ("identifiers", "people", "alike", "handles", "messages", "visible", "files")

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: each with whether it is what was searched for."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is searched for: words, a language, one kind of hit, a case by its number, days from and to."""

    words: str = ""
    language: str = ""
    part: str = ""
    case: str = ""
    since: str = ""
    until: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The kinds of hits that can have all that is asked for."""
        wanted = [name for name, _ in PARTS if not self.part or name == self.part]
        for asked, having in (
            (self.language, IN_A_LANGUAGE),
            (self.since or self.until, IN_A_TIME),
            (self.case, OF_A_CASE),
        ):
            wanted = [name for name in wanted if not asked or name in having]
        return tuple(wanted) if self.words or self.language else ()

    @property
    def filters(self) -> tuple[str, str, str]:
        """Case and days, as words for the log."""
        return self.case, self.since, self.until


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What of a search is narrowed by case and time: the case's id, None where all are meant."""

    case_id: UUID | None = None
    since: str = ""
    until: str = ""

    def of(self, at_text: str) -> Q:
        """The condition for rows with a time."""
        within = Q(case_id=self.case_id) if self.case_id else Q()
        if self.since:
            within &= Q(**{f"{at_text}__gte": self.since})
        return within & Q(**{f"{at_text}__lt": f"{self.until}~"}) & ~Q(**{at_text: ""}) if self.until else within


@dataclass(frozen=True, slots=True)
class Mark:
    """Something found, as a watch knows it again: which, of which case, where it is read."""

    part: str
    key: str
    case_id: UUID
    url: str


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

    ask: Ask
    groups: tuple[Group, ...]
    read_as: tuple[tuple[str, str], ...]

    @property
    def words(self) -> str:
        """The words asked for."""
        return self.ask.words

    @property
    def language(self) -> str:
        """The code of the language asked for."""
        return self.ask.language

    @property
    def part(self) -> str:
        """The one kind of hit asked for; empty: all."""
        return self.ask.part

    @property
    def language_name(self) -> str:
        """The language asked for, in words."""
        return names().get(self.language, "")

    @property
    def total(self) -> int:
        """How many hits in all."""
        return sum(group.total for group in self.groups)


def read(words: str, *, language: str = "", part: str = "", case: str = "", since: str = "", until: str = "") -> Ask:
    """What is asked for, as it is searched. ActRefused: a NUL character, or more than 300 characters."""
    words = " ".join(words.split())
    if "\x00" in words or len(words) > MOST_WORDS:
        raise ActRefused(f"A search takes up to {MOST_WORDS} characters of text.")
    words, said = language_in(words)
    return Ask(words, code_of(language) or said, part if part in dict(PARTS) else "", case.strip(), since, until)


def search(actor: Actor, ask: Ask | str, *, number: int = 1, shown: Collection[str] = ()) -> Results:
    """What the actor may see of what is asked for; a part gives one kind of hit, page by page. The search is logged.

    ``shown``: known files that this session asked for. A case that is not the actor's finds nothing.

    ActRefused: a NUL character, or more than 300 characters.
    """
    ask = read(ask) if isinstance(ask, str) else ask
    values = exact_values(ask.words, actor.country) if ask.words else ()
    finders = _finders(actor, ask, values, shown)
    groups = []
    for name, label in PARTS:
        if name not in finders:
            continue
        found, show = finders[name]()
        page = Paginator(found, ON_A_PAGE).get_page(number) if ask.part else None
        chosen = list(page) if page is not None else list(found[:FIRST])
        if chosen:
            groups.append(Group(name, label, tuple(show(chosen)), len(found), page))
    if ask.words or ask.language:
        asked = f"{ask.words} {PREFIX}{ask.language}".strip() if ask.language else ask.words
        details = {"words": asked, "found": {group.part: group.total for group in groups}, "part": ask.part}
        narrowed = dict(zip(("case", "from", "to"), ask.filters, strict=True))
        log.record("search.made", actor, details=details | {name: text for name, text in narrowed.items() if text})
    told = tuple((kind, normal) for kind, normal in values if kind in _PLAIN and "unknown:" not in normal)
    return Results(ask, tuple(groups), told)


Finder = Callable[[], tuple[Sequence[Any], Callable[[Sequence[Any]], list[Hit]]]]


def _finders(
    actor: Actor, ask: Ask, values: tuple[tuple[str, str], ...], shown: Collection[str] = ()
) -> dict[str, Finder]:
    """How each kind of hit is found, of those that are asked for."""
    within = Narrowed(since=ask.since, until=ask.until)
    if ask.case:
        case = door.visible(actor, Case.objects.filter(reference__iexact=ask.case)).values_list("id", flat=True).first()
        if case is None:
            return {}
        within = Narrowed(case, ask.since, ask.until)
    every: dict[str, Finder] = {
        "identifiers": lambda: _identifiers(actor, values, within),
        "cases": lambda: _cases(actor, ask.words),
        "people": lambda: _people(actor, ask.words, within),
        "alike": lambda: _alike(actor, ask.words, within),
        "handles": lambda: _handles(actor, ask.words, within),
        "messages": lambda: _messages(actor, ask.words, ask.language, within),
        "visible": lambda: _visible(actor, ask.words, ask.language, within, shown),
        "files": lambda: _files(actor, ask.words, within),
    }
    return {name: every[name] for name in ask.parts}


def marks(actor: Actor, ask: Ask) -> list[Mark]:
    """Everything that a search finds, each thing known again; for watches. Nobody is shown it here, so it is not logged here."""
    values = exact_values(ask.words, actor.country) if ask.words else ()
    made: list[Mark] = []
    for part, finder in _finders(actor, ask, values).items():
        found, _ = finder()
        made += _marks(actor, part, found)
    return made


def _marks(actor: Actor, part: str, found: Sequence[Any]) -> list[Mark]:
    rows: Iterable[Any]
    if part == "identifiers":
        every = [(kind, normal, row) for kind, normal, entry in found for row in entry]
        return [Mark(part, f"{kind}:{normal}:{row[2]}", row[3], f"/entities/{row[2]}/") for kind, normal, row in every]
    if part == "cases":
        return [Mark(part, str(case.id), case.id, f"/cases/{case.reference}/") for case in found]
    if part == "handles":
        found = [claim for claim, _ in found]
    if part in ("people", "alike", "handles"):
        # One claim stands for all of a value: what states it in which case is asked once more.
        same = Q(pk__in=[])
        for kind in {claim.kind for claim in found}:
            same |= Q(kind=kind, normal__in=[claim.normal for claim in found if claim.kind == kind])
        claims = door.visible(actor, Claim.objects.filter(same, record__retired_at=None)).order_by("-id")
        rows = claims.values_list("kind", "normal", "case_id", "record_id")[: 20 * MOST_FOUND]
        told = {(kind, normal, case): record for kind, normal, case, record in rows}
        return [
            Mark(part, f"{kind}:{normal}:{case}", case, f"/entities/{record}/")
            for (kind, normal, case), record in told.items()
        ]
    if part == "visible":
        rows = current(actor).filter(id__in=list(found)).values_list("sha256", "case_id")
        return [Mark(part, f"{sha256}:{case}", case, f"/search/?in=visible&case={case}") for sha256, case in rows]
    if part == "messages":
        rows = door.visible(actor, Record.objects.filter(id__in=list(found))).values_list("id", "case_id")
        return [Mark(part, str(record), case, f"/records/{record}/") for record, case in rows]
    rows = door.visible(actor, ExhibitFile.objects.filter(id__in=list(found))).values_list(
        "id", "exhibit__case_id", "exhibit_id"
    )
    return [Mark(part, str(file), case, f"/exhibits/{exhibit}/") for file, case, exhibit in rows]


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


def _identifiers(actor: Actor, values: tuple[tuple[str, str], ...], within: Narrowed) -> Any:
    by_kind: dict[str, list[str]] = {}
    for kind, normal in values:
        by_kind.setdefault(kind, []).append(normal)
    wanted = Q(pk__in=[])
    for kind, normals in by_kind.items():
        wanted |= Q(kind=kind, normal__in=normals)
    narrowed = within.of("record__at_text")
    claims = door.visible(actor, Claim.objects.filter(wanted, narrowed, record__retired_at=None))
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


def _people(actor: Actor, words: str, within: Narrowed) -> Any:
    asked = _beginnings(words)
    given = (asked, within.case_id)
    found = _ask("select claim, claims from app_search_values_of(%s, %s, %s)", *given) if asked else []
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


def _handles(actor: Actor, words: str, within: Narrowed) -> Any:
    def shown(chosen: Sequence[Any]) -> list[Hit]:
        return [
            Hit(kind, ((normal, False),), why, (), case, url) for kind, normal, why, case, url in references(chosen)
        ]

    return find_alike(actor, words, _ask, within.of("")), shown


def _alike(actor: Actor, words: str, within: Narrowed) -> Any:
    """Names that are spelt otherwise: in another script, with a letter wrong; the closest first."""
    parts = name_parts(words)
    keys = sorted({key for part in parts for key in part_keys(part)})
    if not keys or len(parts) > 4 or sum(map(len, parts)) < 3:
        return [], lambda chosen: []
    found = _ask("select distinct normal from app_search_names(%s, %s, %s)", keys, within.case_id)
    scored = {
        normal: score
        for (normal,) in found
        if (score := closeness(words, normal)) >= CLOSE and not _begins(words, normal)
    }
    claims = door.visible(
        actor, Claim.objects.filter(_of_case(within), kind="name", normal__in=list(scored), record__retired_at=None)
    )
    first: dict[str, Claim] = {}
    for claim in claims.select_related("record__case").order_by("id")[: 2 * MOST_FOUND]:
        first.setdefault(claim.normal or "", claim)
    rows = sorted(first.values(), key=lambda claim: (-scored[claim.normal or ""], claim.normal or ""))

    def shown(chosen: Sequence[Claim]) -> list[Hit]:
        return [
            Hit(
                "name", ((claim.normal or claim.raw, False),),
                f"{scored[claim.normal or '']:.0%} like it, as letters and sounds go", (),
                claim.record.case.reference, f"/entities/{claim.record_id}/",
            )
            for claim in chosen
        ]  # fmt: skip

    return rows, shown


def _messages(actor: Actor, words: str, language: str, within: Narrowed) -> Any:
    found = _ask(
        "select app_search_messages_within(%s, %s, %s, %s, %s, %s)",
        words, language, within.case_id, within.since, within.until,
    )  # fmt: skip
    pairs = letter_pairs(words)
    if pairs:
        given = (pairs, language, within.case_id, within.since, within.until)
        found = [*found, *_ask("select app_search_unspaced(%s, %s, %s, %s, %s, %s)", *given)]
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


def _of_case(within: Narrowed) -> Q:
    return Q(case_id=within.case_id) if within.case_id else Q()


def _begins(words: str, name: str) -> bool:
    """Whether the name is found by the beginnings of its words already."""
    parts = [part.casefold() for part in _tokens(name)]
    return any(
        all(any(part.startswith(token.casefold()) for part in parts) for token in tokens)
        for tokens in (_tokens(words), _tokens(anyascii(words)))
    )


def letter_pairs(words: str) -> list[str]:
    """Every two letters that stand beside each other in the words of a script without spaces, as the index has them."""
    return sorted({run[at : at + 2] for run in UNSPACED.findall(words) for at in range(len(run) - 1)})


UNSPACED = re.compile(f"[{UNSPACED_SCRIPTS}]+")


def _visible(actor: Actor, words: str, language: str, within: Narrowed, shown: Collection[str]) -> Any:
    def show(chosen: Sequence[UUID]) -> list[Hit]:
        return [
            Hit(
                "media", ((one.label, False),), f"{one.exhibit}, read from the picture", one.text, one.case_reference, one.url, one
            )
            for one in show_texts(actor, chosen, words, shown=shown)
        ]  # fmt: skip

    return find_texts(actor, words, language, case_id=within.case_id), show


def _files(actor: Actor, words: str, within: Narrowed) -> Any:
    asked = _beginnings(words)
    ids = [row[0] for row in _ask("select app_search_files_of(%s, %s, %s)", asked, within.case_id)] if asked else []
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


def _ask(statement: str, *asked: Any) -> list[tuple[Any, ...]]:
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
