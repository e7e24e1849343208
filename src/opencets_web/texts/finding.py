"""Finding visible text: in the search across the rooms, in galleries, and in the words that stand for a picture.

Found is what the reader may see. A file that is read in one case is found in every other case open to them that holds it. Words are
found by their beginnings, any part of a text in scripts without spaces; ``language:de`` stands for a language.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.urls import reverse

from opencets.recognising import query_of, terms_of, tokens_of
from opencets.recognising.language import names
from opencets_web.media.models import Media
from opencets_web.media.queries import Narrow, Tile, tiles_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.texts.models import VisibleText

MOST_FOUND = 2_000
MOST_NARROWED = 20_000
EXCERPT = 240
SAID = 280
PREFIX = "language:"

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: each with whether it is what was searched for."""


# --- What is asked ----------------------------------------------------------------------------------------------------


def language_in(words: str) -> tuple[str, str]:
    """The words without ``language:de``, and the code asked for; empty where none was, or none that is known."""
    kept, code = [], ""
    for word in words.split():
        if word.lower().startswith(PREFIX):
            code = code_of(word[len(PREFIX) :])
        else:
            kept.append(word)
    return " ".join(kept), code


def code_of(said: str) -> str:
    """The code of a language given by its code or its English name; empty where there is none."""
    said = said.strip().lower()
    known = names()
    return said if said in known else next((code for code, name in known.items() if name.lower() == said), "")


# --- Galleries --------------------------------------------------------------------------------------------------------


def current(actor: Actor) -> QuerySet[VisibleText]:
    """What was read last of each file, as far as the actor may see."""
    return door.visible(actor, VisibleText.objects.filter(retired_at=None))


def _with_text(actor: Actor, rows: QuerySet[Media]) -> QuerySet[Media]:
    return rows.filter(sha256__in=current(actor).exclude(text="").values("sha256"))


FILTERS: dict[str, tuple[str, Narrow]] = {"text": ("Visible text", _with_text)}


def said_by(actor: Actor, word: str) -> Q | None:
    """Media on which a word stands, or whose visible text is in a language; None where it cannot be asked for."""
    if word.lower().startswith(PREFIX):
        code = code_of(word[len(PREFIX) :])
        return Q(sha256__in=current(actor).filter(language=code).values("sha256")) if code else None
    asked = query_of(word)
    if not asked:
        return None
    found = RawSQL("select app_search_visible(%s, '', null, %s)", [asked, MOST_NARROWED])
    return Q(sha256__in=current(actor).filter(id__in=found).values("sha256"))


def said_of(actor: Actor, rows: Sequence[Media]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The visible text of each file for officers who read instead of looking, by SHA-256."""
    found = current(actor).filter(sha256__in={row.sha256 for row in rows}).exclude(text="")
    said: dict[str, tuple[tuple[str, str], ...]] = {}
    for digest, text, language in found.order_by("read_at").values_list("sha256", "text", "language"):
        label = f"Visible text ({names()[language]})" if language in names() else "Visible text"
        said[digest] = ((label, shortened(text, SAID)),)
    return said


def shortened(text: str, most: int) -> str:
    """A text on one line, cut where it is longer."""
    line = " / ".join(text.split("\n"))
    return line if len(line) <= most else f"{line[:most].rstrip()} …"


# --- Search -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """A file with the words that were sought: in the text, and where they stand on the veiled picture."""

    id: UUID
    media_id: UUID
    url: str
    label: str
    case_reference: str
    exhibit: str
    text: Pieces
    language: str
    tile: Tile
    width: int
    height: int
    boxes: tuple[str, ...]
    """Corners of each word found, in units of which the longer side of the picture has 1,000."""


def find_texts(actor: Actor, words: str, language: str = "", *, case_id: UUID | None = None) -> list[UUID]:
    """The visible texts with these words, in this language, newest first: 2,000 at most. Nothing asked: nothing found."""
    asked = query_of(words)
    if (words.strip() and not asked) or not (asked or language):
        return []
    found = RawSQL("select app_search_visible(%s, %s, %s, %s)", [asked, language, case_id, MOST_FOUND])
    rows = current(actor).filter(id__in=found)
    return list(rows.order_by("-read_at", "id").values_list("id", flat=True))


def show_texts(actor: Actor, ids: Sequence[UUID], words: str, *, shown: Collection[str]) -> list[Found]:
    """These texts with the files that carry them and the words marked, in the order given."""
    texts = current(actor).in_bulk(list(ids))
    digests = {row.sha256 for row in texts.values()}
    held = door.visible(actor, Media.objects.filter(sha256__in=digests)).select_related(
        "file__exhibit", "case", "known_set"
    )
    media: dict[tuple[UUID, str], Media] = {}
    for row in held.order_by("-id"):
        media[row.holding_id, row.sha256] = row
    chosen = [(texts[key], media[place]) for key in ids if key in texts and (place := _place(texts[key])) in media]
    tiles = tiles_of(actor, [row for _, row in chosen], shown)
    return [_found(text, row, tiles[row.id], words) for text, row in chosen]


def _place(text: VisibleText) -> tuple[UUID, str]:
    return text.holding_id, text.sha256


def _found(text: VisibleText, media: Media, tile: Tile, words: str) -> Found:
    hits = hit_words(text.words, words)
    width, height = frame_of(media)
    return Found(
        id=text.id,
        media_id=media.id,
        url=reverse("texts:of-media", args=[media.id]) + (f"?q={_quoted(words)}" if words else ""),
        label=tile.label,
        case_reference=media.case.reference,
        exhibit=media.file.exhibit.reference,
        text=excerpt(text.words, hits) if hits else ((shortened(text.text, EXCERPT), False),),
        language=names().get(text.language, ""),
        tile=tile,
        width=width,
        height=height,
        boxes=tuple(
            corners(text.words[place], width, height) for place in sorted(hits) if second_of(text.words[place]) is None
        ),
    )


def _quoted(words: str) -> str:
    from urllib.parse import quote

    return quote(words)


def hit_words(words: Sequence[Any], asked: str) -> set[int]:
    """The places of the words that are asked for; a run of an unspaced script may go over several words of a line."""
    tokens = tokens_of(asked)
    folded = [terms_of(str(word[0])).split() for word in words]
    alone = tuple(token[0] for token in tokens if len(token) == 1)
    hits = {place for place, parts in enumerate(folded) if alone and any(part.startswith(alone) for part in parts)}
    for token in tokens:
        if len(token) > 1:
            hits |= _runs(token, words, folded)
    return hits


def _runs(token: tuple[str, ...], words: Sequence[Any], folded: Sequence[Sequence[str]]) -> set[int]:
    places = [(part, place) for place, parts in enumerate(folded) for part in parts]
    hits: set[int] = set()
    for begin in range(len(places) - len(token) + 1):
        run = places[begin : begin + len(token)]
        if all(part == wanted for (part, _), wanted in zip(run, token, strict=True)):
            hits |= {place for _, place in run}
    return hits


def excerpt(words: Sequence[Any], hits: Collection[int]) -> Pieces:
    """The words around the first one found, with those found marked; `` / `` stands between lines."""
    first = min(hits)
    begin, length = first, 0
    while begin > 0 and length < EXCERPT // 3:
        begin -= 1
        length += len(str(words[begin][0])) + 1
    pieces: list[tuple[str, bool]] = [("… ", False)] if begin else []
    length = 0
    for place in range(begin, len(words)):
        text, line = str(words[place][0]), words[place][6]
        if place > begin:
            pieces.append((" / " if words[place - 1][6] != line else " ", False))
        pieces.append((text, place in hits))
        length += len(text) + 1
        if length > EXCERPT:
            if place + 1 < len(words):
                pieces.append((" …", False))
            break
    return tuple(pieces)


def frame_of(media: Media) -> tuple[int, int]:
    """The sides of the upright picture in units of which the longer one has 1,000."""
    width, height = media.width or 4, media.height or 3
    scale = 1000 / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def second_of(word: Sequence[Any]) -> float | None:
    """Of a video, the second of the frame on which a word stands; None on a picture."""
    return float(word[7]) if len(word) > 7 and word[7] is not None else None


def corners(word: Sequence[Any], width: int, height: int) -> str:
    """A word's box as the corners of a polygon in SVG."""
    left, top = float(word[2]) * width, float(word[3]) * height
    right, bottom = left + float(word[4]) * width, top + float(word[5]) * height
    places: Iterable[tuple[float, float]] = ((left, top), (right, top), (right, bottom), (left, bottom))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
