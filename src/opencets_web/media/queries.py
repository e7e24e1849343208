"""Reading media for a page: actor first, frozen pages out."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, BinaryIO
from urllib.parse import urlencode
from uuid import UUID

import yaml
from django.contrib.postgres.aggregates import BoolOr
from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, reverse

from opencets.errors import ActRefused, NotFound
from opencets.hashing.pdq import OPPOSITE
from opencets.records import PROPERTIES
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.evidence.addresses import signed
from opencets_web.evidence.models import Claim, Exhibit
from opencets_web.evidence.vault import piece
from opencets_web.exposure import queries as exposure
from opencets_web.exposure.rules import HASHES, TEXT, Eyes, severity_of
from opencets_web.media.models import (
    Description,
    EntryState,
    EntryVote,
    Frame,
    HashSet,
    HashSetState,
    HeldEntry,
    Mask,
    Media,
    NearDuplicate,
    Turn,
)
from opencets_web.media.veils import paint, veiled
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

PAGE_SIZE = 60
COUNTED_WITH_THE_PAGE = 2_000
"""A case of more media is counted after its first screen stands: what a person waits for is the pictures."""
MOST_ORDERED = 250_000
"""So many files a gallery knows the order of; what comes after is reached with filters."""
NEAR_SHOWN = 24
MOST_MASKS = 40
GROUP_MOST = 600
GROUP_ROUNDS = 4
USABLE_QUALITY = 50
SORTS = ("newest", "oldest", "folder", "taken", "largest", "camera")


# --- What stands on a page --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A medium in a gallery; ``thumbnail_url`` is empty where it is not to be shown unasked.

    ``veil`` stands in the page in its place: the bytes of a few pixels. ``words`` describe it where an officer reads.
    """

    id: UUID
    url: str
    thumbnail_url: str
    label: str
    width: int | None
    height: int | None
    kind: str
    known: bool
    duration: str
    group: str
    group_size: int | None
    note: str
    veil: str = ""
    near_known: bool = False
    words: tuple[tuple[str, str], ...] = ()
    masked: int = 0
    hidden_because: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a gallery shows and in which order. ``known``: hidden, hashes (listed, not shown) or only."""

    words: str = ""
    kind: str = ""
    exhibit: str = ""
    sort: str = "newest"
    known: str = "hidden"
    having: str = ""
    group: str = ""
    camera: str = ""
    hash_set: str = ""
    grade: str = ""

    def query(self, **changes: object) -> str:
        """As a query string; only what differs from the default."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        given = {
            {"words": "q", "hash_set": "set"}.get(name, name): (str(value))
            for name in self.__dataclass_fields__
            if (value := getattr(asked, name)) and value != self.__dataclass_fields__[name].default
        }
        return urlencode(given)

    def without(self, name: str) -> str:
        """The query string with one filter taken off."""
        return self.query(**{name: self.__dataclass_fields__[name].default})


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in the case, by what a person asks first; distinct files where it says files."""

    files: int
    copies: int
    pictures: int
    videos: int
    known: int
    traded: int
    near_known: int = 0
    """Of the known: those that only resemble what a list names."""


@dataclass(frozen=True, slots=True)
class Order:
    """How far a gallery goes: its length, what is hidden, and after which medium each of its pages begins."""

    length: int
    whole: bool
    """Whether all are counted; else there are more than ``length``."""
    starts: tuple[UUID, ...]
    known: int
    near_known: int


@dataclass(frozen=True, slots=True)
class ExposureToday:
    """What the actor was shown unveiled since midnight UTC, and whether it is time to stop."""

    count: int
    seconds: float
    sentence: str
    tone: str
    share: int = 0
    budget: int = 0
    over: bool = False
    break_due: bool = False
    asks: int = 0
    """Colleagues who ask for company or a go-ahead."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """A page of tiles. ``length`` and ``totals`` are None where they are counted after the first screen."""

    tiles: tuple[Tile, ...]
    after: str
    """The medium after which the page begins; empty: it is the first."""
    next_after: str
    """The medium after which the next page begins; empty: this is the last."""
    wanted: Wanted
    length: int | None
    totals: Totals | None
    exposure: ExposureToday
    eyes: Eyes
    reference: str = ""
    for_two: bool = False
    """Whether the case's media are shown only while two officers are present."""
    exhibits: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """Filters that stand in no form field: what they say, and the address without them."""

    @property
    def more_url(self) -> str:
        """The address of the tiles that come next; empty at the end."""
        if not self.next_after:
            return ""
        query = self.wanted.query()
        return f"?{query}&after={self.next_after}" if query else f"?after={self.next_after}"

    @property
    def known_url(self) -> str:
        """Where the other way of listing known files is."""
        return "?" + self.wanted.query(known="hidden" if self.wanted.known != "hidden" else "hashes")

    @property
    def tiles_url(self) -> str:
        """Where more tiles come from, for the page's own script."""
        return self._beside("tiles")

    @property
    def order_url(self) -> str:
        """Where the length and the starts of the pages come from."""
        return self._beside("order")

    @property
    def has_any(self) -> bool:
        """Whether there is anything at all, hidden or not, as far as is known yet."""
        return self.totals is None or bool(self.totals.copies)

    def _beside(self, what: str) -> str:
        named = f"media:{what}" if self.reference else f"media:all-{what}"
        query = self.wanted.query()
        address = reverse(named, args=[self.reference] if self.reference else [])
        return f"{address}?{query}" if query else address


# --- Choosing ---------------------------------------------------------------------------------------------------------


def _claimed(name: str, kind: str, case_id: UUID | None) -> QuerySet[Claim]:
    """Records that state a usable value of this property, found through the index by case and kind."""
    claims = Claim.objects.filter(property=name, kind=kind, normal__isnull=False)
    return claims.filter(case_id=case_id) if case_id else claims


Narrow = Callable[[Actor, QuerySet[Media]], QuerySet[Media]]
NARROWINGS: dict[str, tuple[str, Narrow]] = {}
"""Filters that rooms above bring, by the word of ``Wanted.having``: what the form says, and how the rows are narrowed."""
WORD_PLACES: dict[str, Callable[[Actor, str], Q | None]] = {}
"""Where else a word of a gallery's search may stand, by the room that knows: the media that carry it; None: it cannot be asked."""
WORDINGS: dict[str, Callable[[Actor, Sequence[Media]], Mapping[str, tuple[tuple[str, str], ...]]]] = {}
"""What rooms above say of files to officers who read instead of looking, by the room: lines by SHA-256."""


VALUED: dict[str, tuple[Callable[[str], str], Callable[[Actor, QuerySet[Media], str], QuerySet[Media]]]] = {}
"""Filters with a value that rooms above bring, by the field of ``Wanted``: the value in words, and how the rows are narrowed."""


def chosen(actor: Actor, rows: QuerySet[Media], wanted: Wanted, case_id: UUID | None) -> QuerySet[Media]:
    if wanted.known == "hidden":
        rows = rows.filter(known_set=None)
    elif wanted.known == "only":
        rows = rows.exclude(known_set=None)
    if wanted.kind:
        rows = rows.filter(media_type__startswith=f"{wanted.kind}/")
    if wanted.exhibit:
        rows = rows.filter(file__exhibit__reference=wanted.exhibit)
    if wanted.words:
        for word in wanted.words.split()[:8]:
            places = Q(file__name__icontains=word) | Q(sha256=word.lower()) | Q(file__md5=word.lower())
            for asked in WORD_PLACES.values():
                if (further := asked(actor, word)) is not None:
                    places |= further
            rows = rows.filter(places)
    if wanted.having == "position":
        rows = rows.filter(record_id__in=_claimed("location", PROPERTIES["location"].kind, case_id).values("record_id"))
    if wanted.having == "serial":
        rows = rows.filter(record_id__in=_claimed("camera_serial", "camera_serial", case_id).values("record_id"))
    if wanted.camera:
        with_it = Claim.objects.filter(kind="camera_serial", normal=wanted.camera)
        rows = rows.filter(record_id__in=door.visible(actor, with_it).values("record_id"))
    if wanted.hash_set and (identity := _uuid(wanted.hash_set)):
        rows = rows.filter(known_set_id=identity)
    if wanted.having == "near":
        pairs = door.visible(actor, NearDuplicate.objects.all())
        rows = rows.filter(
            Exists(pairs.filter(left_id=OuterRef("pk")).exclude(right__sha256=OuterRef("sha256")))
            | Exists(pairs.filter(right_id=OuterRef("pk")).exclude(left__sha256=OuterRef("sha256")))
        )
    if wanted.having in NARROWINGS:
        rows = NARROWINGS[wanted.having][1](actor, rows)
    if wanted.grade and "grade" in VALUED:
        rows = VALUED["grade"][1](actor, rows, wanted.grade)
    if wanted.group and (identity := _uuid(wanted.group)):
        rows = rows.filter(id__in=group_of(actor, identity))
    return rows


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def group_of(actor: Actor, media_id: UUID) -> set[UUID]:
    """The media that near-duplicates lead to from this one, itself included, as far as the actor may see: 600 at most."""
    found, edge = {media_id}, {media_id}
    for _ in range(GROUP_ROUNDS):
        pairs = door.visible(actor, NearDuplicate.objects.filter(Q(left__in=edge) | Q(right__in=edge)))
        edge = {side for pair in pairs.values_list("left_id", "right_id")[: 4 * GROUP_MOST] for side in pair} - found
        found |= edge
        if not edge or len(found) >= GROUP_MOST:
            break
    return found


def _stacked(rows: QuerySet[Media]) -> QuerySet[Media]:
    """One row for each distinct file: of the copies among these rows, the one with the highest id.

    Asked of each row as it comes in the order of the page (60 look-ups in the index by case and digest), not of all.
    """
    later = rows.filter(case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), id__gt=OuterRef("id"))
    return rows.filter(~Exists(later))


def _ordered(rows: QuerySet[Media], sort: str) -> tuple[QuerySet[Any], bool]:
    """The rows with ``by``, what they are sorted by, and whether it falls; the id decides between equals."""
    if sort == "largest":
        return rows.annotate(by=F("file__size")), True
    if sort == "taken":
        return rows.annotate(by=F("taken_at")), True
    if sort == "folder":
        return rows.annotate(by=F("file__path")), False
    if sort == "camera":
        models = (
            Claim.objects.filter(record_id=OuterRef("record_id"), property="camera_model").order_by("id").values("raw")
        )
        return rows.annotate(by=Coalesce(Subquery(models[:1], output_field=CharField()), Value("\uffff"))), False
    return rows.annotate(by=F("read_at")), sort != "oldest"


def _in_order(rows: QuerySet[Media], sort: str) -> QuerySet[Media]:
    ordered, falls = _ordered(rows, sort)
    return ordered.order_by("-by", "-id") if falls else ordered.order_by("by", "id")


# --- Galleries --------------------------------------------------------------------------------------------------------


def get_gallery(
    actor: Actor, reference: str, wanted: Wanted, *, after: str = "", shown: Collection[str]
) -> tuple[CaseFrame, Gallery]:
    """The gallery of a case: each distinct file once, known ones hidden unless asked for. ``shown``: known files asked for.

    ``after``: the medium after which the page begins. A case of more than 2,000 media is counted by ``get_order``, later.
    """
    frame = get_frame(actor, reference, "media:gallery")
    mine = door.visible(actor, Media.objects.filter(case_id=frame.case_id))
    found = _page(actor, mine, wanted, shown, frame.case_id, after)
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id=frame.case_id)).order_by("reference")
    _log_page(actor, found, (frame.holding_id, frame.agency_id), reference)
    return frame, replace(
        found,
        reference=reference,
        for_two=exposure.asks_for_two(frame.case_id),
        exhibits=tuple((row.reference, f"{row.reference} {row.title}") for row in exhibits[:500]),
    )


def list_media(actor: Actor, wanted: Wanted, *, after: str = "", shown: Collection[str]) -> Gallery:
    """The media of all cases that the actor may see, newest first; copies are not stacked across cases."""
    found = _page(actor, door.visible(actor, Media.objects.all()), wanted, shown, None, after)
    _log_page(actor, found, None, "")
    return found


def get_tiles(actor: Actor, reference: str, wanted: Wanted, *, after: str, shown: Collection[str]) -> Gallery:
    """Further tiles of a case's gallery, or of all media where ``reference`` is empty: neither frame nor counts around them."""
    case = _case(actor, reference) if reference else None
    rows = Media.objects.filter(case_id=case.id) if case else Media.objects.all()
    found = _page(actor, door.visible(actor, rows), wanted, shown, case.id if case else None, after, counted=False)
    _log_page(actor, found, (case.holding_id, case.agency_id) if case else None, reference)
    return replace(found, reference=reference)


def get_order(actor: Actor, reference: str, wanted: Wanted) -> Order:
    """How long the gallery is, what it hides, and after which medium each page begins; up to 250,000 files."""
    case = _case(actor, reference) if reference else None
    rows = Media.objects.filter(case_id=case.id) if case else Media.objects.all()
    mine = door.visible(actor, rows)
    found = chosen(actor, mine, wanted, case.id if case else None)
    ordered = _in_order(_stacked(found) if case else found, wanted.sort)
    length, starts = _starts(ordered.values("id")[: MOST_ORDERED + 1])
    known = mine.exclude(known_set=None).order_by().values("sha256").annotate(is_near=BoolOr(Q(known_distance__gt=0)))
    counted = known.aggregate(known=Count("sha256"), near_known=Count("sha256", filter=Q(is_near=True)))
    return Order(min(length, MOST_ORDERED), length <= MOST_ORDERED, starts, **counted)


def _starts(ordered: QuerySet[Any, Any]) -> tuple[int, tuple[UUID, ...]]:
    """How many rows there are, and after which of them each page begins; numbered by the database, which sends those alone."""
    statement, given = ordered.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "with each_row as (select o.id, row_number() over () as n from (" + statement + ") o)"
            " select id, n from each_row where n %% %s = 0 or n = (select count(*) from each_row) order by n",
            [*given, PAGE_SIZE],
        )
        rows = cursor.fetchall()
    length = int(rows[-1][1]) if rows else 0
    return length, tuple(
        identity for identity, number in rows if number % PAGE_SIZE == 0 and number < min(length, MOST_ORDERED)
    )


def _case(actor: Actor, reference: str) -> Case:
    return door.admit(actor, Case.objects.all(), reference=reference)


def _page(
    actor: Actor,
    mine: QuerySet[Media],
    wanted: Wanted,
    shown: Collection[str],
    case_id: UUID | None,
    after: str,
    *,
    counted: bool = True,
) -> Gallery:
    found = chosen(actor, mine, wanted, case_id)
    ordered = _after(mine, _in_order(_stacked(found) if case_id else found, wanted.sort), wanted.sort, after)
    page = list(ordered.select_related("file__exhibit", "case", "known_set")[: PAGE_SIZE + 1])
    more, page = len(page) > PAGE_SIZE, page[:PAGE_SIZE]
    copies: dict[str, int] = {}
    if case_id:
        held = mine.filter(sha256__in=[media.sha256 for media in page]).values_list("sha256")
        copies = dict(held.annotate(number=Count("id")).filter(number__gt=1))
    totals = length = None
    if counted and mine.order_by()[: COUNTED_WITH_THE_PAGE + 1].count() <= COUNTED_WITH_THE_PAGE:
        totals = _totals(mine)
        length = found.order_by().values("sha256").distinct().count() if case_id else found.count()
    eyes = exposure.eyes_of(actor)
    return Gallery(
        tiles=_tiles(actor, page, wanted, shown, copies, eyes, in_case=case_id is not None),
        after=after if _uuid(after) else "",
        next_after=str(page[-1].id) if more else "",
        wanted=wanted,
        length=length,
        totals=totals,
        exposure=exposure_today(actor),
        eyes=eyes,
        notes=_unformed(wanted),
    )


def _after(mine: QuerySet[Media], ordered: QuerySet[Any], sort: str, after: str) -> QuerySet[Any]:
    """What comes after a medium in the gallery's order; all of it where there is no such medium (any more)."""
    identity = _uuid(after) if after else None
    if identity is None:
        return ordered
    last, falls = _ordered(mine.filter(pk=identity), sort)
    place = last.values_list("by", flat=True).first()
    if place is None:
        return ordered
    # The first half is where the index begins; the second leaves out the equals on the other side.
    if falls:
        return ordered.filter(Q(by__lte=place) & (Q(by__lt=place) | Q(id__lt=identity)))
    return ordered.filter(Q(by__gte=place) & (Q(by__gt=place) | Q(id__gt=identity)))


def _log_page(actor: Actor, found: Gallery, holding: tuple[UUID, UUID] | None, reference: str) -> None:
    log.record(
        "gallery.viewed",
        actor,
        holding=holding,
        subject=f"case:{reference}" if reference else "",
        details={
            "filter": found.wanted.query(),
            "after": found.after,
            "media": len(found.tiles),
            "mode": found.eyes.seen_mode,
        },
    )


def _unformed(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    notes = []
    if wanted.group:
        notes.append(("One group of near-duplicates", f"?{wanted.without('group')}"))
    if wanted.camera:
        notes.append((f"Camera serial {wanted.camera}", f"?{wanted.without('camera')}"))
    if wanted.hash_set:
        notes.append(("Named by one hash set", f"?{wanted.without('hash_set')}"))
    if wanted.grade and "grade" in VALUED:
        notes.append((VALUED["grade"][0](wanted.grade), f"?{wanted.without('grade')}"))
    return tuple(notes)


def _totals(mine: QuerySet[Media]) -> Totals:
    files = (
        mine.order_by()
        .values("sha256")
        .annotate(
            held=Count("id"),
            is_video=BoolOr(Q(media_type__startswith="video/")),
            is_known=BoolOr(Q(known_set__isnull=False)),
            is_near=BoolOr(Q(known_set__isnull=False, known_distance__gt=0)),
            is_traded=BoolOr(F("widely_traded")),
        )
    )
    found = files.aggregate(
        files=Count("sha256"),
        copies=Coalesce(Sum("held"), 0),
        pictures=Count("sha256", filter=Q(is_video=False)),
        videos=Count("sha256", filter=Q(is_video=True)),
        known=Count("sha256", filter=Q(is_known=True)),
        near_known=Count("sha256", filter=Q(is_near=True)),
        traded=Count("sha256", filter=Q(is_traded=True)),
    )
    return Totals(**found)


@dataclass(frozen=True, slots=True)
class _Look:
    """What decides how a tile is drawn: how the actor sees, which known files they asked for, and the veils of all at once."""

    actor: Actor
    eyes: Eyes
    shown: Collection[str]
    veils: Mapping[UUID, str]
    masks: Mapping[str, int]

    @classmethod
    def at(cls, actor: Actor, rows: Sequence[Media], shown: Collection[str], eyes: Eyes | None = None) -> _Look:
        """For these media; where the actor reads, nothing of any picture is fetched."""
        eyes = eyes if eyes is not None else exposure.eyes_of(actor)
        if eyes.reads_only:
            return cls(actor, eyes, shown, {}, {})
        open_to = [row for row in rows if _may_show(row, shown, eyes)]
        return cls(actor, eyes, shown, veiled(open_to, level=eyes.veil, grey=eyes.grey), masks_of(actor, rows))


def severity_now(media: Media) -> int | None:
    """0 to 3: of its grade, else of its known category; None: nobody graded it."""
    if media.severity is not None:
        return media.severity
    return severity_of(media.known_as[0]) if media.known_as and media.known_as[0] else None


def _is_video(media: Media) -> bool:
    return media.media_type.startswith("video/")


def _may_show(media: Media, shown: Collection[str], eyes: Eyes) -> bool:
    known = media.known_set_id is not None
    hidden = eyes.hides(video=_is_video(media), severity=severity_now(media))
    return bool(media.thumbnail_size) and not hidden and (not known or str(media.id) in shown)


def masks_of(actor: Actor, rows: Iterable[Media]) -> dict[str, int]:
    """How many masks cover each, by SHA-256."""
    digests = {row.sha256 for row in rows}
    found = door.visible(actor, Mask.objects.filter(sha256__in=digests, withdrawn_at=None))
    return dict(found.values_list("sha256").annotate(number=Count("id")))


def _tiles(
    actor: Actor,
    rows: Sequence[Media],
    wanted: Wanted,
    shown: Collection[str],
    copies: dict[str, int],
    eyes: Eyes,
    *,
    in_case: bool,
) -> tuple[Tile, ...]:
    near = _near_counts(actor, rows)
    look = _Look.at(actor, rows, shown, eyes)
    words = _words(actor, rows, eyes)
    query = wanted.query()
    return tuple(
        replace(
            _tile(
                look,
                media,
                query=f"{query}&in=case" if in_case and query else "in=case" if in_case else query,
                near=near.get(media.id, 0),
                note=_note(media, copies.get(media.sha256, 1), in_case=in_case),
            ),
            words=words.get(media.id, ()),
        )
        for media in rows
    )


def _tile(look: _Look, media: Media, *, query: str = "", near: int = 0, note: str = "") -> Tile:
    known = media.known_set_id is not None
    may_show = _may_show(media, look.shown, look.eyes)
    url = reverse("media:show", args=[media.id])
    return Tile(
        id=media.id,
        url=f"{url}?{query}" if query else url,
        thumbnail_url=signed(look.actor, reverse("media:thumbnail", args=[media.id])) if may_show else "",
        label=media.file.name.rsplit("/", 1)[-1],
        width=media.width,
        height=media.height,
        kind="video" if _is_video(media) else "image",
        known=known,
        duration=_clock(media.duration),
        group=str(media.id) if near else "",
        group_size=near + 1 if near else None,
        note=note,
        veil=look.veils.get(media.id, "") if may_show else "",
        near_known=known and bool(media.known_distance),
        masked=look.masks.get(media.sha256, 0),
        hidden_because=look.eyes.hides(video=_is_video(media), severity=severity_now(media)),
    )


def tiles_of(actor: Actor, rows: Sequence[Media], shown: Collection[str]) -> dict[UUID, Tile]:
    """Media as other rooms show them, by id, without a count of near-duplicates; ``file__exhibit`` and ``case`` are there."""
    look = _Look.at(actor, rows, shown)
    words = _words(actor, rows, look.eyes)
    return {
        row.id: replace(
            _tile(look, row, query="in=case", note=_note(row, 1, in_case=True)), words=words.get(row.id, ())
        )
        for row in rows
    }


# --- In words ---------------------------------------------------------------------------------------------------------


def _words(actor: Actor, rows: Sequence[Media], eyes: Eyes) -> dict[UUID, tuple[tuple[str, str], ...]]:
    """What stands in the place of each picture where the actor reads: what is known of it, or its digests alone."""
    if eyes.seen_mode == HASHES:
        return {media.id: _digest_words(media) for media in rows}
    if eyes.seen_mode != TEXT:
        return {}
    described = descriptions_of(actor, rows)
    records = [media.record_id for media in rows]
    claims = door.visible(
        actor, Claim.objects.filter(record_id__in=records, property__in=("camera_model", "camera_serial"))
    )
    cameras: dict[UUID, dict[str, str]] = {}
    for record_id, name, raw in claims.order_by("id").values_list("record_id", "property", "raw"):
        cameras.setdefault(record_id, {}).setdefault(name, raw)
    carried = dict(
        door.visible(
            actor,
            Claim.objects.filter(
                kind="sha256",
                normal__in={media.sha256 for media in rows},
                property="attached_file",
                record__retired_at=None,
            ),
        )
        .values_list("normal")
        .annotate(number=Count("record_id", distinct=True))
    )
    said = [say(actor, rows) for say in WORDINGS.values()]
    return {
        media.id: (
            *_plain_words(
                media,
                cameras.get(media.record_id, {}),
                int(carried.get(media.sha256, 0)),
                described.get(media.sha256, ""),
            ),
            *(line for lines in said for line in lines.get(media.sha256, ())),
        )
        for media in rows
    }


def _plain_words(media: Media, camera: dict[str, str], messages: int, described: str) -> tuple[tuple[str, str], ...]:
    kind = "Video" if _is_video(media) else "Picture"
    size = " · ".join(filter(None, (_dimensions(media), _clock(media.duration), filesizeformat(media.file.size))))
    folder = " › ".join("/".join(media.file.path).split("/")[:-1])
    lines = (
        ("Described", described),
        (kind, size),
        ("Known", _known_words(media)),
        ("Taken", _time_words(media.taken_at)),
        ("Camera", " ".join(filter(None, (camera.get("camera_model", ""), camera.get("camera_serial", ""))))),
        ("Folder", folder),
        ("Carried by", f"{messages} message{'' if messages == 1 else 's'}" if messages else ""),
        ("Widely traded", "too many cases hold it to link them" if media.widely_traded else ""),
    )
    return tuple((name, value) for name, value in lines if value)


def _known_words(media: Media) -> str:
    if media.known_set is None:
        return ""
    category = media.known_as[0] if media.known_as else ""
    label = category_label(category)
    named = f"{category} {label}".strip() or "without a category"
    near = f", {media.known_distance} of 256 bits apart: look before relying on it" if media.known_distance else ""
    return f"{named}, in {media.known_set.name}{near}"


def _digest_words(media: Media) -> tuple[tuple[str, str], ...]:
    pdq = bytes(media.pdq).hex() if media.pdq is not None else ""
    severity = severity_now(media)
    category = media.known_as[0] if media.known_as else ""
    lines = (
        ("SHA-256", media.sha256),
        ("MD5", media.file.md5),
        ("PDQ", f"{pdq} quality {media.quality}" if pdq else ""),
        ("Category", f"{category} {category_label(category)}".strip() if category else ""),
        ("Severity", str(severity) if severity is not None else ""),
        ("Distance", str(media.known_distance) if media.known_distance is not None else ""),
    )
    return tuple((name, value) for name, value in lines if value)


def descriptions_of(actor: Actor, rows: Iterable[Media]) -> dict[str, str]:
    """What colleagues wrote of each file, by SHA-256; the newest where several cases have one."""
    digests = {row.sha256 for row in rows}
    found = door.visible(actor, Description.objects.filter(sha256__in=digests, withdrawn_at=None))
    return dict(found.order_by("written_at", "id").values_list("sha256", "text"))


def _note(media: Media, copies: int, *, in_case: bool) -> str:
    parts = [media.file.exhibit.reference] if in_case else [media.case.reference]
    if dimensions := _dimensions(media):
        parts.append(dimensions)
    if copies > 1:
        parts.append(f"{copies} copies")
    return " · ".join(parts)


def _clock(seconds: float | None) -> str:
    if not seconds:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _near_counts(actor: Actor, rows: Sequence[Media]) -> dict[UUID, int]:
    """How many other distinct files each is a near-duplicate of, in what the actor may see."""
    ids = {media.id for media in rows}
    pairs = door.visible(actor, NearDuplicate.objects.filter(Q(left__in=ids) | Q(right__in=ids)))
    others: dict[UUID, set[str]] = {}
    found = pairs.values_list("left_id", "right_id", "left__sha256", "right__sha256")[:20_000]
    for left, right, left_digest, right_digest in found:
        if left_digest == right_digest:
            continue
        if left in ids:
            others.setdefault(left, set()).add(right_digest)
        if right in ids:
            others.setdefault(right, set()).add(left_digest)
    return {media_id: len(digests) for media_id, digests in others.items()}


def exposure_today(actor: Actor) -> ExposureToday:
    """The actor's own count of today (UTC), with a sentence that fits it."""
    shown, asks = exposure.today_and_asks(actor)
    sentence, tone = "Look as long as the work needs, and not longer. Only you see this count.", ""
    if shown.over:
        sentence, tone = "That is a lot for one day. Hand over, or go on tomorrow; the case waits for you.", "warn"
    elif shown.break_due or shown.share >= 50:
        sentence, tone = "Time for a pause away from the screen: the last look is as careful as the first.", "info"
    return ExposureToday(
        shown.count,
        shown.seconds,
        sentence,
        tone,
        shown.share,
        shown.budget,
        shown.over,
        shown.break_due,
        asks,
    )


# --- One medium -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A claim of the media record as shown."""

    property: str
    raw: str
    normal: str
    note: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A position: in words, as written, in degrees."""

    words: str
    raw: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Known:
    """Which list names the file, as what, how near."""

    set_name: str
    source: str
    authority: str
    version: str
    category: str
    category_label: str
    distance: int
    turn: str
    withdrawn: bool
    url: str

    @property
    def sentence(self) -> str:
        """How it was recognised."""
        if self.distance == 0 and not self.turn:
            return "The file itself is on the list: its digest is identical."
        turned = f", {self.turn}" if self.turn else ""
        near = f"A near-duplicate is on the list: {self.distance} of 256 bits of PDQ apart{turned}."
        return f"{near} This is a machine's suggestion; look before relying on it."


@dataclass(frozen=True, slots=True)
class NearLine:
    """A near-duplicate beside the medium: how far apart, how it lies, and what tells which is nearer to the camera's own file."""

    tile: Tile
    apart: str
    turned: str
    at: str
    dimensions: str
    size: int
    taken: str
    case_reference: str
    where: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A message that carried the file."""

    url: str
    at_text: str
    label: str
    conversation: str
    case_reference: str
    why: str


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case that the medium leads to, among those that the actor may see."""

    reference: str
    title: str
    url: str
    connections_url: str
    ties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """A mask: a rectangle in thousandths of the sides of a picture, and who drew it."""

    id: UUID
    left: int
    top: int
    width: int
    height: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MediaPage:
    """One picture or video with everything that is known of it."""

    id: UUID
    frame: CaseFrame
    tile: Tile
    strip: Tile | None
    known: Known | None
    shown: bool
    large: bool
    is_video: bool
    playable: bool
    original_url: str
    media_type: str
    size: int
    dimensions: str
    duration: str
    quality: int | None
    frames: int
    trouble: str
    traded: bool
    taken_at: str
    digests: tuple[tuple[str, str], ...]
    claims: tuple[ClaimLine, ...]
    extra: tuple[tuple[str, str], ...]
    camera: str
    serial: str
    serial_raw: str
    serial_generic: bool
    spot: Spot | None
    path: tuple[str, ...]
    exhibit: str
    exhibit_title: str
    exhibit_url: str
    received_by: str
    begun_at: datetime
    reader: str
    read_at: datetime
    place: str
    record_url: str
    chart_url: str
    near: tuple[NearLine, ...]
    near_more: int
    near_url: str
    copies: tuple[tuple[str, str, str], ...]
    same_camera: tuple[Tile, ...]
    same_camera_url: str
    messages: tuple[Carried, ...]
    cases: tuple[CaseLine, ...]
    previous_url: str
    next_url: str
    gallery_url: str
    exposure: ExposureToday
    hidden_because: str
    eyes: Eyes
    description: str
    covers: tuple[Cover, ...]
    lifted: bool
    notes: tuple[str, ...] = field(default=())
    mask_fields: tuple[tuple[str, str], ...] = (
        ("left", "Left"), ("top", "Top"), ("width", "Width"), ("height", "Height"),
    )  # fmt: skip

    @property
    def sound(self) -> str:
        """Whether a video may be heard: ``off`` until the officer turns it on, ``never`` where they opted out."""
        return "never" if "sound" in self.eyes.without else "on" if self.eyes.sound else "off"

    @property
    def ratio(self) -> str:
        """Width by height, for what is drawn over the picture; 1 where it is not known."""
        return f"{self.tile.width / self.tile.height:.6f}" if self.tile.width and self.tile.height else "1"


def get_media(
    actor: Actor,
    media_id: UUID,
    wanted: Wanted,
    *,
    in_case: bool,
    shown: Collection[str],
    lifted: Collection[str] = (),
    large: bool = False,
) -> MediaPage:
    """One medium; ``wanted`` and ``in_case`` say in which gallery it was found, for the one before and after."""
    rows = Media.objects.select_related(
        "file__exhibit__received_by", "file__exhibit__case", "record", "known_set", "case"
    )
    media = door.admit(actor, rows, pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    claims = sorted(Claim.objects.filter(record_id=media.record_id), key=_telling_first)
    copies = _copies(actor, media)
    pairs = _pairs(actor, media)
    near, near_total = _near(pairs)
    serial = next((claim for claim in claims if claim.kind == "camera_serial" and claim.normal), None)
    eyes = exposure.eyes_of(actor)
    cameras = _same_camera(actor, media, serial)
    look = _Look.at(actor, [media, *(line.other for line in near), *cameras], shown, eyes)
    hidden = eyes.hides(video=_is_video(media), severity=severity_now(media))
    before, after = _neighbours(actor, media, wanted, frame.case_id if in_case else None)
    is_video = _is_video(media)
    may_show = not hidden and (media.known_set_id is None or str(media.id) in shown)
    exhibit = media.file.exhibit
    log.record(
        "media.viewed",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"case": frame.reference, "sha256": media.sha256, "original": large},
    )
    query = "&".join(filter(None, (wanted.query(), "in=case" if in_case else "")))
    model = next((claim.raw for claim in claims if claim.property == "camera_model"), "")
    gallery = reverse("media:gallery", args=[frame.reference]) if in_case else reverse("media:list")
    return MediaPage(
        id=media.id,
        frame=frame,
        tile=replace(
            _tile(look, media),
            note="",
            duration="",
            url=_original(actor, media) if may_show else "",
            words=_words(actor, [media], eyes).get(media.id, ()),
        ),
        strip=_strip(look, media) if may_show else None,
        hidden_because=hidden,
        eyes=eyes,
        description=descriptions_of(actor, [media]).get(media.sha256, ""),
        covers=covers_of(actor, media),
        lifted=str(media.id) in lifted,
        known=_known(media),
        shown=may_show,
        large=large and may_show,
        is_video=is_video,
        playable=is_video and media.file.blob_id is not None,
        original_url=_original(actor, media) if may_show and media.file.blob_id else "",
        media_type=media.media_type,
        size=media.file.size,
        dimensions=_dimensions(media),
        duration=_clock(media.duration),
        quality=media.quality,
        frames=Frame.objects.filter(media=media).count() if is_video else 0,
        trouble=media.trouble,
        traded=media.widely_traded,
        taken_at=_time_words(media.taken_at),
        digests=_digests(media),
        claims=tuple(
            ClaimLine(
                PROPERTIES[claim.property].label if claim.property in PROPERTIES else claim.property,
                claim.raw,
                claim.normal if claim.normal is not None and claim.normal != claim.raw else "",
                claim.note,
            )
            for claim in claims
            if claim.kind not in ("md5", "sha1", "sha256", "pdq")
        ),
        extra=tuple((str(name), str(value)) for name, value in media.record.extra.items()),
        camera=model,
        serial=serial.normal or "" if serial else "",
        serial_raw=serial.raw if serial else "",
        serial_generic=serial.generic if serial else False,
        spot=_spot(claims),
        path=tuple(media.file.path),
        exhibit=exhibit.reference,
        exhibit_title=exhibit.title,
        exhibit_url=_url("evidence:report", exhibit.id),
        received_by=exhibit.received_by.display_name,
        begun_at=exhibit.begun_at,
        reader=media.record.reader,
        read_at=media.record.read_at,
        place=media.record.place,
        record_url=_url("entities:record", media.record_id),
        chart_url=_url("charts:around", media.record_id),
        near=tuple(_near_line(look, pair) for pair in near),
        near_more=max(near_total - len(near), 0),
        near_url=f"{reverse('media:list')}?{Wanted(group=str(media.id), known='hashes').query()}",
        copies=tuple(
            (
                f"{copy.file.exhibit.reference} › {' › '.join(copy.file.path)}",
                copy.case.reference,
                reverse("media:show", args=[copy.id]),
            )
            for copy in copies[:30]
        ),
        same_camera=tuple(
            replace(_tile(look, row), note=f"{row.case.reference} {row.file.exhibit.reference}") for row in cameras
        ),
        same_camera_url=f"{reverse('media:list')}?{Wanted(camera=serial.normal or '').query()}" if serial else "",
        messages=_messages(actor, media),
        cases=_cases(media, copies, pairs),
        previous_url=f"{reverse('media:show', args=[before])}?{query}" if before else "",
        next_url=f"{reverse('media:show', args=[after])}?{query}" if after else "",
        gallery_url=f"{gallery}?{wanted.query()}" if wanted.query() else gallery,
        exposure=exposure_today(actor),
    )


TELLING = ("taken_at", "location", "camera_model", "camera_serial", "software")


def _telling_first(claim: Claim) -> tuple[int, int, str]:
    """Time, position and camera before the rest, which keeps the order of the vocabulary."""
    place = TELLING.index(claim.property) if claim.property in TELLING else len(TELLING)
    names = list(PROPERTIES)
    return place, names.index(claim.property) if claim.property in PROPERTIES else len(names), claim.raw


def _url(name: str, *arguments: object) -> str:
    """The address of another room's page; empty where that room has none."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def _original(actor: Actor, media: Media) -> str:
    return signed(actor, reverse("media:original", args=[media.id]))


def _strip(look: _Look, media: Media) -> Tile | None:
    if not media.strip_size:
        return None
    address = signed(look.actor, reverse("media:strip", args=[media.id]))
    return replace(
        _tile(look, media),
        label="Frames in the order of time",
        thumbnail_url=address,
        width=None,
        height=None,
        duration="",
    )


def _time_words(text: str) -> str:
    if not text:
        return ""
    return f"{text[:-1].replace('T', ' ')} UTC" if text.endswith("Z") else f"{text.replace('T', ' ')} (zone not known)"


def _digests(media: Media) -> tuple[tuple[str, str], ...]:
    found = [("SHA-256", media.sha256), ("SHA-1", media.file.sha1), ("MD5", media.file.md5)]
    if media.pdq is not None:
        found.append(("PDQ", bytes(media.pdq).hex()))
    return tuple((label, value) for label, value in found if value)


def _spot(claims: Iterable[Claim]) -> Spot | None:
    for claim in claims:
        if claim.property != "location" or not claim.normal:
            continue
        try:
            latitude, longitude = (float(part) for part in claim.normal.split(",")[:2])
        except ValueError:
            continue
        if abs(latitude) > 90 or abs(longitude) > 180:
            continue
        words = f"{abs(latitude):.5f}° {'N' if latitude >= 0 else 'S'}, {abs(longitude):.5f}° {'E' if longitude >= 0 else 'W'}"
        return Spot(words, claim.raw, round(longitude, 5), round(latitude, 5))
    return None


def _known(media: Media) -> Known | None:
    listed = media.known_set
    if listed is None:
        return None
    category = media.known_as[0] if media.known_as else ""
    return Known(
        listed.name, listed.source, listed.authority, listed.version, category, category_label(category),
        media.known_distance or 0, Turn(media.known_turn).label if media.known_turn else "", listed.withdrawn_at is not None,
        reverse("media:hash-set", args=[listed.id]),
    )  # fmt: skip


@cache
def _schemes() -> dict[str, Any]:
    text = resources.files("opencets.records.vocabulary").joinpath("schemes.yaml").read_text("utf-8")
    schemes: dict[str, Any] = yaml.safe_load(text)["schemes"]
    return schemes


def category_label(category: str) -> str:
    """What a category such as ``US:1`` is called in its scheme; empty where the scheme does not say."""
    scheme, _, code = category.partition(":")
    named = _schemes().get(scheme, {}).get("classes", {}).get(code)
    return str(named["label"]) if named else ""


def _copies(actor: Actor, media: Media) -> list[Media]:
    """Identical files in cases that the actor may see, this one apart."""
    rows = door.visible(actor, Media.objects.filter(sha256=media.sha256).exclude(pk=media.pk))
    return list(rows.select_related("file__exhibit", "case").order_by("case__reference", "id")[:200])


@dataclass(frozen=True, slots=True)
class _Pair:
    """Another medium that this one is a near-duplicate of: how far, how it lies beside it, at which second of a video."""

    other: Media
    distance: int
    turn: str
    second: float | None


def _pairs(actor: Actor, media: Media) -> list[_Pair]:
    """The near-duplicates that the actor may see, nearest first, identical files apart: 600 at most."""
    pairs = door.visible(actor, NearDuplicate.objects.filter(Q(left=media) | Q(right=media)))
    sides = ("left__file__exhibit", "right__file__exhibit", "left__case", "right__case")
    found = []
    for pair in pairs.select_related(*sides).order_by("distance", "id")[:600]:
        is_left = pair.left_id == media.id
        other = pair.right if is_left else pair.left
        if other.sha256 != media.sha256:
            turn = pair.turn if is_left else OPPOSITE.get(pair.turn, pair.turn)
            found.append(_Pair(other, pair.distance, turn, pair.right_second if is_left else pair.left_second))
    return found


def _near(pairs: Sequence[_Pair]) -> tuple[tuple[_Pair, ...], int]:
    """Near-duplicates to lay beside it, each distinct file once; and how many there are."""
    distinct: dict[str, _Pair] = {}
    for pair in pairs:
        distinct.setdefault(pair.other.sha256, pair)
    return tuple(distinct.values())[:NEAR_SHOWN], len(distinct)


def _near_line(look: _Look, pair: _Pair) -> NearLine:
    other = pair.other
    apart = "the same PDQ" if pair.distance == 0 else f"{pair.distance} bit{'' if pair.distance == 1 else 's'} apart"
    return NearLine(
        tile=replace(_tile(look, other), note=apart),
        apart=apart,
        turned=Turn(pair.turn).label if pair.turn else "",
        at=(_clock(pair.second) or "0:00") if pair.second is not None else "",
        dimensions=_dimensions(other),
        size=other.file.size,
        taken=_time_words(other.taken_at),
        case_reference=other.case.reference,
        where=f"{other.file.exhibit.reference} › {' › '.join(other.file.path)}",
    )


def _dimensions(media: Media) -> str:
    return f"{media.width} × {media.height}" if media.width and media.height else ""


def _same_camera(actor: Actor, media: Media, serial: Claim | None) -> list[Media]:
    if serial is None or not serial.normal:
        return []
    with_it = Claim.objects.filter(kind="camera_serial", normal=serial.normal).exclude(record_id=media.record_id)
    rows = door.visible(actor, Media.objects.filter(record_id__in=door.visible(actor, with_it).values("record_id")))
    return list(
        rows.exclude(sha256=media.sha256).select_related("file__exhibit", "case", "known_set").order_by("-id")[:12]
    )


def _messages(actor: Actor, media: Media) -> tuple[Carried, ...]:
    carried = Claim.objects.filter(
        kind="sha256", normal=media.sha256, property="attached_file", record__retired_at=None
    )
    claims = door.visible(actor, carried).select_related("record__case").order_by("record__at_text", "id")[:50]
    return tuple(
        Carried(
            _url("entities:record", claim.record_id),
            _time_words(claim.record.at_text),
            claim.record.label,
            claim.record.conversation,
            claim.record.case.reference,
            claim.note,
        )
        for claim in claims
    )


def _cases(media: Media, copies: Sequence[Media], pairs: Sequence[_Pair]) -> tuple[CaseLine, ...]:
    """Other cases that this medium leads to by copies and near-duplicates, among those that the actor may see."""
    ties: dict[UUID, tuple[Case, list[str]]] = {}
    for copy in copies:
        if copy.case_id != media.case_id:
            ties.setdefault(copy.case_id, (copy.case, []))[1].append("the identical file")
    for pair in pairs:
        if pair.other.case_id != media.case_id:
            why = f"a near-duplicate, {pair.distance} bits apart"
            ties.setdefault(pair.other.case_id, (pair.other.case, []))[1].append(why)
    return tuple(
        CaseLine(
            case.reference,
            case.title,
            reverse("media:gallery", args=[case.reference]),
            _url("leads:connections", media.case.reference),
            tuple(dict.fromkeys(why)),
        )
        for case, why in ties.values()
    )


def _neighbours(actor: Actor, media: Media, wanted: Wanted, case_id: UUID | None) -> tuple[UUID | None, UUID | None]:
    """The media before and after this one in its gallery, in the gallery's own order."""
    mine = door.visible(actor, Media.objects.filter(case_id=case_id) if case_id else Media.objects.all())
    rows = chosen(actor, mine, wanted, case_id)
    ordered, falls = _ordered(_stacked(rows) if case_id else rows, wanted.sort)
    known_here = {"largest": media.file.size, "taken": media.taken_at, "folder": media.file.path}
    own: Any = known_here.get(wanted.sort, media.read_at)
    if wanted.sort == "camera":
        own = _ordered(Media.objects.filter(pk=media.pk), wanted.sort)[0].values_list("by", flat=True).get()
    # The first half of each is where the index begins; the second leaves out the equals on the other side.
    higher = Q(by__gte=own) & (Q(by__gt=own) | Q(id__gt=media.id))
    lower = Q(by__lte=own) & (Q(by__lt=own) | Q(id__lt=media.id))
    above = ordered.filter(higher).order_by("by", "id").values_list("id", flat=True).first()
    below = ordered.filter(lower).order_by("-by", "-id").values_list("id", flat=True).first()
    return (above, below) if falls else (below, above)


# --- Bytes ------------------------------------------------------------------------------------------------------------


def open_thumbnail(
    actor: Actor, media_id: UUID, *, strip: bool, shown: Collection[str], lifted: Collection[str]
) -> tuple[BinaryIO, int]:
    """A thumbnail, or a video's strip of frames, as a clear stream with its size; not logged: the gallery was.

    What colleagues masked is painted over, unless this session lifted the masks (``lifted``). NotFound where there is none;
    ActRefused for a known file that this session did not ask for; NotNow where the actor is not to be shown anything now.
    """
    media = door.admit(actor, Media.objects.select_related("thumbnail"), pk=media_id)
    refuse_unasked(actor, media, shown)
    offset = media.thumbnail_offset + (media.thumbnail_size if strip else 0)
    size = media.strip_size if strip else media.thumbnail_size
    if media.thumbnail is None or not size:
        raise NotFound
    stream = piece(media.thumbnail, offset, size)
    covers = () if str(media.id) in lifted else covers_of(actor, media)
    if not covers:
        return stream, size
    with stream:
        painted = paint(stream.read(), covers, strip=strip)
    return io.BytesIO(painted), len(painted)


def get_original(actor: Actor, media_id: UUID, *, shown: Collection[str], lifted: Collection[str]) -> Media:
    """The row behind an original that the actor may open; as ``open_thumbnail``, and ActRefused while a mask covers it."""
    media = door.admit(actor, Media.objects.select_related("file__blob", "case", "known_set"), pk=media_id)
    refuse_unasked(actor, media, shown, original=True)
    if media.file.blob_id is None:
        raise NotFound
    if str(media.id) not in lifted and covers_of(actor, media):
        raise ActRefused("A colleague masked parts of it. Lift the masks on its page first; that counts as a look.")
    return media


def open_original(media: Media) -> BinaryIO:
    """The file's bytes as a clear stream."""
    if media.file.blob is None:
        raise NotFound
    return piece(media.file.blob, media.file.blob_offset, media.file.size)


def covers_of(actor: Actor, media: Media) -> tuple[Cover, ...]:
    """The masks over a picture that the actor may know of, oldest first."""
    rows = door.visible(actor, Mask.objects.filter(sha256=media.sha256, withdrawn_at=None)).select_related("drawn_by")
    return tuple(
        Cover(row.id, row.left, row.top, row.width, row.height, row.drawn_by.display_name, row.drawn_at)
        for row in rows.order_by("drawn_at", "id")[:MOST_MASKS]
    )


def refuse_unasked(actor: Actor, media: Media, shown: Collection[str], *, original: bool = False) -> None:
    """ActRefused for a known file that this session did not ask for; NotNow where the actor is to be shown nothing now."""
    if media.known_set_id is not None and str(media.id) not in shown:
        raise ActRefused("This file is known: a hash set names it. It is shown only after you ask for it on its page.")
    exposure.refuse_look(
        actor, video=_is_video(media), severity=severity_now(media), case_id=media.case_id, original=original
    )


# --- Known files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HashSetRow:
    """A hash set as listed. Its entries are shown to nobody."""

    id: UUID
    name: str
    source: str
    authority: str
    version: str
    format: str
    agency: str
    mine: bool
    state: str
    tone: str
    waiting: bool
    sentence: str
    entries: int
    skipped: int
    lines: tuple[tuple[str, str], ...]
    imported_at: datetime
    imported_by: str
    file_name: str
    file_sha256: str
    withdrawn_at: datetime | None
    matched: int
    cases: int
    gallery_url: str
    may_withdraw: bool


@dataclass(frozen=True, slots=True)
class KnownPage:
    """The hash sets in use and withdrawn, and what they named in the actor's cases."""

    rows: tuple[HashSetRow, ...]
    page: Page[HashSet]
    may_import: bool
    entries: int
    matched: int
    in_use: int

    @property
    def waiting(self) -> bool:
        """Whether a job still works on one of them."""
        return any(row.waiting for row in self.rows)


TONES = {
    HashSetState.WAITING: "info",
    HashSetState.READ: "info",
    HashSetState.MATCHED: "good",
    HashSetState.REFUSED: "bad",
}


def list_hash_sets(actor: Actor, *, may_import: bool, number: int = 1) -> KnownPage:
    """The hash sets of this installation, newest first, and how much each named in cases that the actor may see.

    NotFound for an officer who reads no cases.
    """
    if not actor.reads_cases:
        raise NotFound
    sets = HashSet.objects.select_related("agency", "imported_by").order_by("-imported_at", "-id")
    page = Paginator(sets, 50).get_page(number)
    mine = door.visible(actor, Media.objects.filter(known_set__in=[row.id for row in page]))
    found = {
        row["known_set"]: (row["files"], row["cases"])
        for row in mine.values("known_set").annotate(
            files=Count("sha256", distinct=True), cases=Count("case_id", distinct=True)
        )
    }
    live = [row for row in page if row.withdrawn_at is None and row.state == HashSetState.MATCHED]
    log.record("hash-sets.listed", actor, details={"page": page.number})
    return KnownPage(
        rows=tuple(_hash_set_row(actor, row, *found.get(row.id, (0, 0)), may_import) for row in page),
        page=page,
        may_import=may_import,
        entries=sum(row.entries_count for row in live),
        matched=sum(files for files, _ in found.values()),
        in_use=len(live),
    )


def _hash_set_row(actor: Actor, row: HashSet, matched: int, cases: int, may_import: bool) -> HashSetRow:
    state = HashSetState(row.state)
    withdrawn = row.withdrawn_at is not None
    return HashSetRow(
        id=row.id,
        name=row.name,
        source=row.source,
        authority=row.authority,
        version=row.version,
        format=row.format,
        agency=row.agency.short_name,
        mine=row.agency_id == actor.agency_id,
        state="Withdrawn" if withdrawn else state.label,
        tone="line" if withdrawn else TONES[state],
        waiting=state in (HashSetState.WAITING, HashSetState.READ),
        sentence=row.sentence,
        entries=row.entries_count,
        skipped=row.lines_skipped,
        lines=tuple((line["sentence"], line["code"]) for line in row.report[:50]),
        imported_at=row.imported_at,
        imported_by=row.imported_by.display_name,
        file_name=row.file_name,
        file_sha256=row.file_sha256,
        withdrawn_at=row.withdrawn_at,
        matched=matched,
        cases=cases,
        gallery_url=f"{reverse('media:list')}?{Wanted(hash_set=str(row.id), known='only').query()}" if matched else "",
        may_withdraw=may_import and row.agency_id == actor.agency_id and state != HashSetState.REFUSED,
    )


def list_replaceable(actor: Actor) -> list[tuple[str, str]]:
    """The hash sets that a newer version may take the place of: id and name."""
    mine = HashSet.objects.filter(agency_id=actor.agency_id, withdrawn_at=None, state=HashSetState.MATCHED)
    return [(str(row.id), f"{row.name} {row.version}".strip()) for row in mine.order_by("-imported_at", "-id")[:200]]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One held entry: roughly how much it marked, why it was held back, what was decided. Never which files."""

    id: UUID
    label: str
    set_name: str
    set_url: str
    files: str
    because: str
    held_at: datetime
    state: str
    tone: str
    waiting: bool
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class HeldPage:
    """The entries of the agency's hash sets that were held back, those that wait first."""

    rows: tuple[HeldRow, ...]
    page: Page[HeldEntry]
    waiting: int
    may_decide: bool


HELD_TONES = {EntryState.HELD: "warn", EntryState.RELEASED: "good", EntryState.REJECTED: "line"}


def list_held(actor: Actor, *, may_import: bool, number: int = 1) -> HeldPage:
    """The held entries of the actor's agency. NotFound for an officer who reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    rows = HeldEntry.objects.filter(agency_id=actor.agency_id).select_related("hash_set", "decided_by")
    page = Paginator(rows.order_by(F("decided_at").asc(nulls_first=True), "-held_at", "id"), 50).get_page(number)
    log.record("hash-entries.listed", actor, details={"page": page.number})
    return HeldPage(
        rows=tuple(_held_row(row) for row in page),
        page=page,
        waiting=rows.filter(state=EntryState.HELD).count(),
        may_decide=may_import,
    )


def _held_row(row: HeldEntry) -> HeldRow:
    state = EntryState(row.state)
    return HeldRow(
        id=row.id,
        label=str(row.id)[-6:],
        set_name=row.hash_set.name,
        set_url=reverse("media:hash-set", args=[row.hash_set_id]),
        files=bucket(row.files),
        because=row.because,
        held_at=row.held_at,
        state=state.label,
        tone=HELD_TONES[state],
        waiting=state == EntryState.HELD,
        decided_by=row.decided_by.display_name if row.decided_by else "",
        decided_at=row.decided_at,
        reason=row.reason,
    )


def bucket(files: int) -> str:
    """A count that says how large and not how many: other agencies' files are in it."""
    return next(
        (f"over {least:,}" for least in (100_000, 10_000, 2_000, 1_000, 500, 100) if files > least), "up to 100"
    )


@dataclass(frozen=True, slots=True)
class VoteRow:
    """An officer's own vote on an entry of the set."""

    id: UUID
    confirms: bool
    reason: str
    officer: str
    voted_at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class HashSetPage:
    """One hash set: what it is made of in counts, the agency's votes, what was held back, what changed."""

    row: HashSetRow
    negative: bool
    categories: tuple[tuple[str, str, int], ...]
    confirmed: int
    doubted: int
    not_used: int
    change: tuple[int, int, int] | None
    older: str
    older_url: str
    newer: tuple[tuple[str, str], ...]
    held: tuple[HeldRow, ...]
    votes: tuple[VoteRow, ...]
    doubts: int
    confirmations: int


def get_hash_set(actor: Actor, hash_set_id: UUID, *, may_import: bool) -> HashSetPage:
    """One hash set in counts. Votes and held entries are those of the actor's agency; entries are shown to nobody."""
    rows = HashSet.objects.select_related("agency", "imported_by", "supersedes")
    found = rows.filter(pk=hash_set_id).first()
    if found is None or not actor.reads_cases:
        raise NotFound
    mine = door.visible(actor, Media.objects.filter(known_set=found))
    counts = mine.aggregate(files=Count("sha256", distinct=True), cases=Count("case_id", distinct=True))
    votes = EntryVote.objects.filter(hash_set=found, agency_id=actor.agency_id, withdrawn_at=None)
    held = HeldEntry.objects.filter(hash_set=found, agency_id=actor.agency_id).select_related("hash_set", "decided_by")
    made: dict[str, Any] = found.composition
    log.record("hash-set.viewed", actor, subject=f"hash-set:{found.id}", details={"name": found.name})
    return HashSetPage(
        row=_hash_set_row(actor, found, counts["files"], counts["cases"], may_import),
        negative=found.negative,
        categories=tuple((code, category_label(code), number) for code, number in made.get("categories", {}).items()),
        confirmed=made.get("confirmed", 0),
        doubted=made.get("doubted", 0),
        not_used=made.get("not used", 0),
        change=(made["added"], made["removed"], made["changed"]) if "added" in made else None,
        older=f"{found.supersedes.name} {found.supersedes.version}".strip() if found.supersedes else "",
        older_url=reverse("media:hash-set", args=[found.supersedes_id]) if found.supersedes_id else "",
        newer=tuple(
            (f"{row.name} {row.version}".strip(), reverse("media:hash-set", args=[row.id]))
            for row in HashSet.objects.filter(supersedes=found).order_by("-imported_at")[:10]
        ),
        held=tuple(_held_row(row) for row in held.order_by("-held_at", "id")[:20]),
        votes=tuple(
            VoteRow(
                row.id,
                row.confirms,
                row.reason,
                row.officer.display_name,
                row.voted_at,
                row.officer_id == actor.officer_id,
            )
            for row in votes.select_related("officer").order_by("-voted_at", "id")[:50]
        ),
        doubts=votes.filter(confirms=False).count(),
        confirmations=votes.filter(confirms=True).count(),
    )


@dataclass(frozen=True, slots=True)
class KnownSummary:
    """What of an exhibit's media is known: distinct files, and by hash set how many in which categories."""

    known: int
    total: int
    sets: tuple[tuple[str, int, tuple[str, ...]], ...]
    sentence: str
    gallery_url: str


def known_summary(exhibit: Exhibit) -> KnownSummary | None:
    """What of an exhibit's media is known, as one alert tells it; None where nothing is. For jobs that act as an officer."""
    rows = Media.objects.filter(file__exhibit=exhibit)
    total = rows.values("sha256").distinct().count()
    named = rows.exclude(known_set=None).values_list("sha256", "known_set__name", "known_as").distinct()
    files: set[str] = set()
    by_set: dict[str, tuple[set[str], Counter[str]]] = {}
    for digest, name, known_as in named:
        files.add(digest)
        digests, categories = by_set.setdefault(name, (set(), Counter()))
        digests.add(digest)
        if known_as and known_as[0]:
            categories[known_as[0]] += 1
    if not files:
        return None
    sets = tuple(
        (
            name,
            len(digests),
            tuple(category for category, _ in sorted(categories.items(), key=lambda entry: (-entry[1], entry[0]))[:6]),
        )
        for name, (digests, categories) in sorted(by_set.items(), key=lambda entry: -len(entry[1][0]))
    )
    told = "; ".join(
        name
        + (f", {'categories' if len(categories) > 1 else 'category'} {', '.join(categories)}" if categories else "")
        for name, _, categories in sets[:3]
    )
    verb = "is" if len(files) == 1 else "are"
    gallery = reverse("media:gallery", args=[exhibit.case.reference])
    return KnownSummary(
        known=len(files),
        total=total,
        sets=sets,
        sentence=f"{exhibit.reference}: {len(files):,} of {total:,} pictures and videos {verb} known ({told}).",
        gallery_url=f"{gallery}?{Wanted(exhibit=exhibit.reference, known='only').query()}",
    )


def clock(seconds: float | None) -> str:
    """A length or a place in a video as minutes and seconds."""
    return _clock(seconds) or "0:00"
