"""Reading media for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import cached_property

from opencets.errors import ActRefused, NotFound
from opencets.records import PROPERTIES
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.evidence.addresses import signed
from opencets_web.evidence.models import Claim, Exhibit
from opencets_web.evidence.vault import piece
from opencets_web.media.models import Exposure, Frame, HashSet, HashSetState, Media, NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

PAGE_SIZE = 60
NEAR_SHOWN = 24
GROUP_MOST = 600
GROUP_ROUNDS = 4
USABLE_QUALITY = 50
SORTS = ("newest", "oldest", "folder", "taken", "largest", "camera")


# --- What stands on a page --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A medium in a gallery; ``thumbnail_url`` is empty where it is not to be shown unasked."""

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


@dataclass(frozen=True, slots=True)
class ExposureToday:
    """What the actor was shown unblurred since midnight UTC."""

    count: int
    seconds: float
    sentence: str
    tone: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """A page of tiles."""

    tiles: tuple[Tile, ...]
    page: Page[Any]
    wanted: Wanted
    totals: Totals
    exposure: ExposureToday
    exhibits: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """Filters that stand in no form field: what they say, and the address without them."""

    @property
    def more_url(self) -> str:
        """The address of the tiles that come next; empty at the end."""
        if not self.page.has_next():
            return ""
        query = self.wanted.query()
        return f"?{query}&page={self.page.next_page_number()}" if query else f"?page={self.page.next_page_number()}"

    @property
    def known_url(self) -> str:
        """Where the other way of listing known files is."""
        return "?" + self.wanted.query(known="hidden" if self.wanted.known != "hidden" else "hashes")


# --- Choosing ---------------------------------------------------------------------------------------------------------


def _claimed(name: str, kind: str, case_id: UUID | None) -> QuerySet[Claim]:
    """Records that state a usable value of this property, found through the index by case and kind."""
    claims = Claim.objects.filter(property=name, kind=kind, normal__isnull=False)
    return claims.filter(case_id=case_id) if case_id else claims


def _chosen(actor: Actor, rows: QuerySet[Media], wanted: Wanted, case_id: UUID | None) -> QuerySet[Media]:
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
            rows = rows.filter(Q(file__name__icontains=word) | Q(sha256=word.lower()) | Q(file__md5=word.lower()))
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


class _Stacks(Paginator):  # type: ignore[type-arg]
    """Pages of stacked rows, counted by their digests, which costs one pass."""

    def __init__(self, rows: QuerySet[Media], counted: QuerySet[Media]) -> None:
        super().__init__(rows, PAGE_SIZE)
        self._counted = counted

    @cached_property
    def count(self) -> int:
        return self._counted.order_by().values("sha256").distinct().count()


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
    actor: Actor, reference: str, wanted: Wanted, *, number: int, shown: Collection[str]
) -> tuple[CaseFrame, Gallery]:
    """The gallery of a case: each distinct file once, known ones hidden unless asked for. ``shown``: known files asked for."""
    frame = get_frame(actor, reference, "media:gallery")
    mine = door.visible(actor, Media.objects.filter(case_id=frame.case_id))
    chosen = _chosen(actor, mine, wanted, frame.case_id)
    rows = _in_order(_stacked(chosen), wanted.sort)
    page = _Stacks(rows.select_related("file__exhibit", "known_set"), chosen).get_page(number)
    copies = dict(
        mine.filter(sha256__in=[media.sha256 for media in page])
        .values_list("sha256")
        .annotate(number=Count("id"))
        .filter(number__gt=1)
    )
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id=frame.case_id)).order_by("reference")
    log.record(
        "gallery.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"filter": wanted.query(), "page": page.number, "media": len(page)},
    )
    return frame, Gallery(
        tiles=_tiles(actor, page, wanted, shown, copies, in_case=True),
        page=page,
        wanted=wanted,
        totals=_totals(mine),
        exposure=exposure_today(actor),
        exhibits=tuple((row.reference, f"{row.reference} {row.title}") for row in exhibits[:500]),
        notes=_unformed(wanted),
    )


def list_media(actor: Actor, wanted: Wanted, *, number: int, shown: Collection[str]) -> Gallery:
    """The media of all cases that the actor may see, newest first; copies are not stacked across cases."""
    mine = door.visible(actor, Media.objects.all())
    rows = _in_order(_chosen(actor, mine, wanted, None), wanted.sort)
    page = Paginator(rows.select_related("file__exhibit", "case", "known_set"), PAGE_SIZE).get_page(number)
    log.record("gallery.viewed", actor, details={"filter": wanted.query(), "page": page.number, "media": len(page)})
    return Gallery(
        tiles=_tiles(actor, page, wanted, shown, {}, in_case=False),
        page=page,
        wanted=wanted,
        totals=_totals(mine),
        exposure=exposure_today(actor),
        notes=_unformed(wanted),
    )


def _unformed(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    notes = []
    if wanted.group:
        notes.append(("One group of near-duplicates", f"?{wanted.without('group')}"))
    if wanted.camera:
        notes.append((f"Camera serial {wanted.camera}", f"?{wanted.without('camera')}"))
    if wanted.hash_set:
        notes.append(("Named by one hash set", f"?{wanted.without('hash_set')}"))
    return tuple(notes)


def _totals(mine: QuerySet[Media]) -> Totals:
    files = (
        mine.order_by()
        .values("sha256")
        .annotate(
            held=Count("id"),
            is_video=BoolOr(Q(media_type__startswith="video/")),
            is_known=BoolOr(Q(known_set__isnull=False)),
            is_traded=BoolOr(F("widely_traded")),
        )
    )
    found = files.aggregate(
        files=Count("sha256"),
        copies=Coalesce(Sum("held"), 0),
        pictures=Count("sha256", filter=Q(is_video=False)),
        videos=Count("sha256", filter=Q(is_video=True)),
        known=Count("sha256", filter=Q(is_known=True)),
        traded=Count("sha256", filter=Q(is_traded=True)),
    )
    return Totals(**found)


def _tiles(
    actor: Actor,
    page: Iterable[Media],
    wanted: Wanted,
    shown: Collection[str],
    copies: dict[str, int],
    *,
    in_case: bool,
) -> tuple[Tile, ...]:
    rows = list(page)
    near = _near_counts(actor, rows)
    query = wanted.query()
    return tuple(
        _tile(
            actor,
            media,
            shown,
            query=f"{query}&in=case" if in_case and query else "in=case" if in_case else query,
            near=near.get(media.id, 0),
            note=_note(media, copies.get(media.sha256, 1), in_case=in_case),
        )
        for media in rows
    )


def _tile(
    actor: Actor, media: Media, shown: Collection[str], *, query: str = "", near: int = 0, note: str = ""
) -> Tile:
    known = media.known_set_id is not None
    may_show = bool(media.thumbnail_size) and (not known or str(media.id) in shown)
    url = reverse("media:show", args=[media.id])
    return Tile(
        id=media.id,
        url=f"{url}?{query}" if query else url,
        thumbnail_url=signed(actor, reverse("media:thumbnail", args=[media.id])) if may_show else "",
        label=media.file.name.rsplit("/", 1)[-1],
        width=media.width,
        height=media.height,
        kind="video" if media.media_type.startswith("video/") else "image",
        known=known,
        duration=_clock(media.duration),
        group=str(media.id) if near else "",
        group_size=near + 1 if near else None,
        note=note,
    )


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
    row = Exposure.objects.filter(officer_id=actor.officer_id, on=timezone.now().date()).first()
    count, seconds = (row.count, row.seconds) if row else (0, 0.0)
    if count >= 200 or seconds >= 3600:
        return ExposureToday(
            count, seconds, "That is a lot for one day. Hand over, or go on tomorrow; the case waits for you.", "warn"
        )
    if count >= 50 or seconds >= 900:
        return ExposureToday(
            count, seconds, "Time for a pause away from the screen: the last look is as careful as the first.", "info"
        )
    return ExposureToday(count, seconds, "Look as long as the work needs, and not longer. Only you see this count.", "")


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
    """A position: in words, and where it stands on a grid of 360 by 180."""

    words: str
    raw: str
    x: float
    y: float


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
    withdrawn: bool

    @property
    def sentence(self) -> str:
        """How it was recognised."""
        if self.distance == 0:
            return "The file itself is on the list: its digest is identical."
        near = f"A near-duplicate is on the list: {self.distance} of 256 bits of PDQ apart."
        return f"{near} This is a machine's suggestion; look before relying on it."


@dataclass(frozen=True, slots=True)
class NearLine:
    """A near-duplicate beside the medium: how far apart, and what tells which of them is nearer to the camera's own file."""

    tile: Tile
    apart: str
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
    notes: tuple[str, ...] = field(default=())


def get_media(
    actor: Actor, media_id: UUID, wanted: Wanted, *, in_case: bool, shown: Collection[str], large: bool = False
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
    near, near_total = _near(actor, pairs)
    serial = next((claim for claim in claims if claim.kind == "camera_serial" and claim.normal), None)
    same = _same_camera(actor, media, serial)
    before, after = _neighbours(actor, media, wanted, frame.case_id if in_case else None)
    is_video, may_show = media.media_type.startswith("video/"), media.known_set_id is None or str(media.id) in shown
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
        tile=replace(_tile(actor, media, shown), note="", duration="", url=_original(actor, media) if may_show else ""),
        strip=_strip(actor, media) if may_show else None,
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
        near=near,
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
        same_camera=same,
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


def _strip(actor: Actor, media: Media) -> Tile | None:
    if not media.strip_size:
        return None
    tile = _tile(actor, media, frozenset({str(media.id)}))
    label = "Frames in the order of time"
    address = signed(actor, reverse("media:strip", args=[media.id]))
    return replace(tile, label=label, thumbnail_url=address, width=None, height=None, duration="")


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
        return Spot(words, claim.raw, round(longitude + 180, 2), round(90 - latitude, 2))
    return None


def _known(media: Media) -> Known | None:
    listed = media.known_set
    if listed is None:
        return None
    category = media.known_as[0] if media.known_as else ""
    return Known(
        listed.name, listed.source, listed.authority, listed.version, category, category_label(category),
        media.known_distance or 0, listed.withdrawn_at is not None,
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
    """Another medium that this one is a near-duplicate of: how far, and at which second of a video."""

    other: Media
    distance: int
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
            found.append(_Pair(other, pair.distance, pair.right_second if is_left else pair.left_second))
    return found


def _near(actor: Actor, pairs: Sequence[_Pair]) -> tuple[tuple[NearLine, ...], int]:
    """Near-duplicates to lay beside it, each distinct file once; and how many there are."""
    distinct: dict[str, _Pair] = {}
    for pair in pairs:
        distinct.setdefault(pair.other.sha256, pair)
    return tuple(_near_line(actor, pair) for pair in list(distinct.values())[:NEAR_SHOWN]), len(distinct)


def _near_line(actor: Actor, pair: _Pair) -> NearLine:
    other = pair.other
    apart = "the same PDQ" if pair.distance == 0 else f"{pair.distance} bit{'' if pair.distance == 1 else 's'} apart"
    return NearLine(
        tile=replace(_tile(actor, other, frozenset()), note=apart),
        apart=apart,
        at=(_clock(pair.second) or "0:00") if pair.second is not None else "",
        dimensions=_dimensions(other),
        size=other.file.size,
        taken=_time_words(other.taken_at),
        case_reference=other.case.reference,
        where=f"{other.file.exhibit.reference} › {' › '.join(other.file.path)}",
    )


def _dimensions(media: Media) -> str:
    return f"{media.width} × {media.height}" if media.width and media.height else ""


def _same_camera(actor: Actor, media: Media, serial: Claim | None) -> tuple[Tile, ...]:
    if serial is None or not serial.normal:
        return ()
    with_it = Claim.objects.filter(kind="camera_serial", normal=serial.normal).exclude(record_id=media.record_id)
    rows = door.visible(actor, Media.objects.filter(record_id__in=door.visible(actor, with_it).values("record_id")))
    found = rows.exclude(sha256=media.sha256).select_related("file__exhibit", "case").order_by("-id")[:12]
    return tuple(
        replace(_tile(actor, row, frozenset()), note=f"{row.case.reference} {row.file.exhibit.reference}")
        for row in found
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
    rows = _chosen(actor, mine, wanted, case_id)
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


def open_thumbnail(actor: Actor, media_id: UUID, *, strip: bool, shown: Collection[str]) -> tuple[BinaryIO, int]:
    """A thumbnail, or a video's strip of frames, as a clear stream with its size; not logged: the gallery was.

    NotFound where there is none; ActRefused for a known file that this session did not ask for.
    """
    media = door.admit(actor, Media.objects.select_related("thumbnail"), pk=media_id)
    refuse_known(media, shown)
    offset = media.thumbnail_offset + (media.thumbnail_size if strip else 0)
    size = media.strip_size if strip else media.thumbnail_size
    if media.thumbnail is None or not size:
        raise NotFound
    return piece(media.thumbnail, offset, size), size


def get_original(actor: Actor, media_id: UUID, *, shown: Collection[str]) -> Media:
    """The row behind an original that the actor may open; ActRefused for a known file that this session did not ask for."""
    media = door.admit(actor, Media.objects.select_related("file__blob", "case"), pk=media_id)
    refuse_known(media, shown)
    if media.file.blob_id is None:
        raise NotFound
    return media


def open_original(media: Media) -> BinaryIO:
    """The file's bytes as a clear stream."""
    if media.file.blob is None:
        raise NotFound
    return piece(media.file.blob, media.file.blob_offset, media.file.size)


def refuse_known(media: Media, shown: Collection[str]) -> None:
    """ActRefused for a known file that this session did not ask for."""
    if media.known_set_id is not None and str(media.id) not in shown:
        raise ActRefused("This file is known: a hash set names it. It is shown only after you ask for it on its page.")


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
