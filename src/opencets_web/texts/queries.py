"""Reading visible text for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, Value
from django.urls import reverse

from opencets.recognising.language import names
from opencets.records import KINDS
from opencets.values import find_in_text
from opencets_web.audit import log
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.media.models import Media
from opencets_web.media.queries import ExposureToday, Tile, clock, exposure_today, tiles_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.texts.finding import Found, corners, current, find_texts, frame_of, hit_words, second_of, show_texts
from opencets_web.texts.models import LanguagePass, MessageLanguage, TextOrder, VisibleText
from opencets_web.texts.reading import readable
from opencets_web.texts.standing import Standing, standing

ON_A_PAGE = 24
LANGUAGES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class WordBox:
    """A word on the picture, and whether it is one that was sought."""

    text: str
    corners: str
    found: bool


@dataclass(frozen=True, slots=True)
class LineRead:
    """A line as read: its words with whether each was sought, and how sure the least sure of them is."""

    words: tuple[tuple[str, bool], ...]
    confidence: int
    at: str
    """Of a video: minutes and seconds of the frame."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An identifier that a machine read: to be looked at, searched for, and taken over by a person or not."""

    kind: str
    raw: str
    normal: str
    url: str


@dataclass(frozen=True, slots=True)
class MediaText:
    """The visible text of one file."""

    id: UUID
    frame: CaseFrame
    tile: Tile
    label: str
    case_reference: str
    shown: bool
    width: int
    height: int
    standing: Standing
    readable: bool
    read: bool
    recogniser: str
    read_at: datetime | None
    trouble: str
    turn: int
    language: str
    probability: int
    script: str
    boxes: tuple[WordBox, ...]
    lines: tuple[LineRead, ...]
    suggestions: tuple[Suggestion, ...]
    words: str
    exposure: ExposureToday


@dataclass(frozen=True, slots=True)
class LanguageCount:
    """How many texts of a case are in a language, and the address that shows the visible ones."""

    code: str
    name: str
    texts: int
    messages: int
    url: str


@dataclass(frozen=True, slots=True)
class CaseText:
    """The visible text of a case's media: how far it is read, and what was found."""

    frame: CaseFrame
    standing: Standing
    ordered_by: str
    ordered_at: datetime | None
    pictures: int
    read: int
    earlier: int
    with_text: int
    troubled: int
    languages: tuple[LanguageCount, ...]
    messages: int
    messages_told: int
    words: str
    language: str
    language_name: str
    found: tuple[Found, ...]
    page: Page[Any]
    may_order: bool
    exposure: ExposureToday

    @property
    def being_read(self) -> bool:
        """Whether the work goes on: asked for or done unasked, and not at its end."""
        return self.standing.reads and bool(self.ordered_by or self.standing.reads_all) and self.read < self.pictures

    @property
    def percent(self) -> int:
        """Of the pictures, how many are read."""
        return 100 * self.read // self.pictures if self.pictures else 0


def get_media_text(actor: Actor, media_id: UUID, words: str, *, shown: Collection[str]) -> MediaText:
    """The words that stand on a file, with their places; ``words``: those sought are marked. Reading them is no look."""
    media = door.admit(actor, Media.objects.select_related("file__exhibit", "case", "known_set"), pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    rows = current(actor).filter(sha256=media.sha256)
    text = rows.order_by("-read_at", "id").first()
    tile = tiles_of(actor, [media], shown)[media.id]
    log.record(
        "text.viewed",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"case": frame.reference, "sha256": media.sha256},
    )
    hits = hit_words(text.words, words) if text and words else set()
    width, height = frame_of(media)
    return MediaText(
        id=media.id,
        frame=frame,
        tile=tile,
        label=tile.label,
        case_reference=frame.reference,
        shown=bool(tile.veil) and not tile.words,
        width=width,
        height=height,
        standing=standing(),
        readable=media.media_type.startswith(("image/", "video/")) and media.file.blob_id is not None,
        read=text is not None,
        recogniser=text.recogniser if text else "",
        read_at=text.read_at if text else None,
        trouble=text.trouble if text else "",
        turn=text.turn if text else 0,
        language=names().get(text.language, "") if text else "",
        probability=round(100 * text.probability) if text else 0,
        script=text.script if text else "",
        boxes=_boxes(text, hits, width, height),
        lines=_lines(text, hits),
        suggestions=_suggestions(text),
        words=words,
        exposure=exposure_today(actor),
    )


def _boxes(text: VisibleText | None, hits: Collection[int], width: int, height: int) -> tuple[WordBox, ...]:
    words = text.words if text else []
    return tuple(
        WordBox(str(word[0]), corners(word, width, height), place in hits)
        for place, word in enumerate(words)
        if second_of(word) is None
    )


def _lines(text: VisibleText | None, hits: Collection[int]) -> tuple[LineRead, ...]:
    lines: dict[int, list[tuple[str, bool, int]]] = {}
    seconds: dict[int, float | None] = {}
    for place, word in enumerate(text.words if text else []):
        lines.setdefault(int(word[6]), []).append((str(word[0]), place in hits, int(word[1])))
        seconds[int(word[6])] = second_of(word)
    return tuple(
        LineRead(
            tuple((said, found) for said, found, _ in line),
            min(sure for _, _, sure in line),
            clock(seconds[number]) if seconds[number] is not None else "",
        )
        for number, line in lines.items()
    )


def _suggestions(text: VisibleText | None) -> tuple[Suggestion, ...]:
    """Addresses, numbers and the like that the words spell, each once."""
    found: dict[tuple[str, str], Suggestion] = {}
    for one in find_in_text(text.text) if text else ():
        label = KINDS[one.kind].label if one.kind in KINDS else one.kind
        url = f"{reverse('desk:search')}?{urlencode({'q': one.raw})}"
        found.setdefault((one.kind, one.normal), Suggestion(label, one.raw, one.normal, url))
    return tuple(found.values())


def get_case_text(
    actor: Actor, reference: str, words: str, language: str, *, number: int, shown: Collection[str]
) -> CaseText:
    """How far the visible text of a case is read, and the files with these words, or all that have any, newest first."""
    frame = get_frame(actor, reference, "media:gallery")
    ready = standing()
    mine = current(actor).filter(case_id=frame.case_id)
    pictures = readable(door.visible(actor, Media.objects.filter(case_id=frame.case_id)))
    counts = mine.aggregate(
        read=Count("id", filter=Q(recogniser=ready.version)),
        earlier=Count("id", filter=~Q(recogniser=ready.version)),
        with_text=Count("id", filter=~Q(text="")),
        troubled=Count("id", filter=~Q(trouble="")),
    )
    order = door.visible(actor, TextOrder.objects.filter(case_id=frame.case_id, ended_at=None)).select_related(
        "asked_by"
    )
    asked = order.first()
    if words or language:
        ids: Any = find_texts(actor, words, language, case_id=frame.case_id)
    else:
        ids = mine.exclude(text="").order_by("-read_at", "id").values_list("id", flat=True)
    paginator = Paginator(ids, ON_A_PAGE)
    if not (words or language):
        paginator.count = counts["with_text"]
    page = paginator.get_page(number)
    passes = door.visible(actor, LanguagePass.objects.filter(exhibit__case_id=frame.case_id))
    gone, told = 0, 0
    for row in passes.values("messages", "told"):
        gone, told = gone + row["messages"], told + row["told"]
    log.record(
        "texts.listed",
        actor,
        holding=(frame.holding_id, frame.agency_id),
        subject=f"case:{reference}",
        details={"words": words, "language": language, "found": page.paginator.count},
    )
    return CaseText(
        frame=frame,
        standing=ready,
        ordered_by=asked.asked_by.display_name if asked else "",
        ordered_at=asked.asked_at if asked else None,
        pictures=pictures.order_by().values("sha256").distinct().count(),
        **counts,
        languages=_languages(actor, frame, mine),
        messages=gone,
        messages_told=told,
        words=words,
        language=language,
        language_name=names().get(language, ""),
        found=tuple(show_texts(actor, list(page), words, shown=shown)),
        page=page,
        may_order=frame.may_contribute and frame.state == "open",
        exposure=exposure_today(actor),
    )


def _languages(actor: Actor, frame: CaseFrame, mine: Any) -> tuple[LanguageCount, ...]:
    """How many texts and messages are in each, those with most first: asked of both at once."""
    messages = MessageLanguage.objects.filter(record__case_id=frame.case_id, record__retired_at=None)
    said = door.visible(actor, messages).order_by().values("language")
    read = mine.exclude(language="").order_by().values("language")
    both = said.annotate(number=Count("record_id"), room=Value("messages")).union(
        read.annotate(number=Count("id"), room=Value("texts")), all=True
    )
    counted: dict[str, dict[str, int]] = {}
    for row in both:
        counted.setdefault(row["language"], {})[row["room"]] = row["number"]
    codes = sorted(counted, key=lambda code: (-sum(counted[code].values()), code))
    room, search = reverse("texts:of-case", args=[frame.reference]), reverse("desk:search")
    return tuple(
        LanguageCount(
            code,
            names().get(code, code),
            counted[code].get("texts", 0),
            counted[code].get("messages", 0),
            f"{room}?{urlencode({'language': code})}"
            if "texts" in counted[code]
            else f"{search}?{urlencode({'q': f'language:{code}'})}",
        )
        for code in codes[:LANGUAGES_SHOWN]
    )
