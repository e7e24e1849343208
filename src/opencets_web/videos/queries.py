"""Reading shared footage for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from opencets.hashing.pdq import OPPOSITE
from opencets.matching.intervals import AS_IT_STANDS, turned_back
from opencets_web.audit import log
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.evidence.addresses import signed
from opencets_web.media.models import Frame, Media, NearDuplicate, Turn
from opencets_web.media.queries import Tile, clock, tiles_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS
from opencets_web.videos.models import FootageState, SharedFootage

VIDEOS_SHOWN = 20
PICTURES_SHOWN = 60
WIDTH = 1000.0
TICK_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MOST_TICKS = 12
TONES = {FootageState.SUGGESTED: "info", FootageState.CONFIRMED: "good", FootageState.REJECTED: "line"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a time bar as drawn: left edge and width, in units of 1000 for the longer video."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A second mark under a time bar."""

    x: str
    label: str


@dataclass(frozen=True, slots=True)
class FootageLine:
    """One interval: here is the video whose page it is, there the other one."""

    id: UUID
    state: str
    tone: str
    suggested: bool
    rejected: bool
    judged_by: str
    here: str
    here_second: str
    there: str
    there_second: str
    there_url: str
    speed: str
    lies: str
    """How the other video lies beside this one, where it is mirrored or turned."""
    share: int
    frames: int
    distance: str
    sentence: str
    here_bar: Bar
    there_bar: Bar
    ribbon: str
    """The corners of the surface that joins both bars, as SVG takes them."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Frames of a video side by side, and the second of each."""

    tile: Tile
    seconds: tuple[tuple[str, str], ...]
    """As read and as a number."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Another video with which footage is shared, in a case that the actor may see."""

    tile: Tile
    case_reference: str
    duration: str
    strip: Strip | None
    lines: tuple[FootageLine, ...]
    here_bar: Bar
    there_bar: Bar
    here_ticks: tuple[Tick, ...]
    there_ticks: tuple[Tick, ...]
    may_judge: bool


@dataclass(frozen=True, slots=True)
class PictureLine:
    """A picture that a frame shows, or a video that shows this picture, with the second."""

    tile: Tile
    case_reference: str
    at: str
    second: str
    distance: int
    lies: str
    """How it lies beside this one, where it is mirrored or turned."""


@dataclass(frozen=True, slots=True)
class FootagePage:
    """What of a video stands in other videos and pictures."""

    id: UUID
    frame: CaseFrame
    label: str
    is_video: bool
    hidden: bool
    duration: str
    frames: int
    original_url: str
    strip: Strip | None
    partners: tuple[Partner, ...]
    more: int
    pictures: tuple[PictureLine, ...]
    gallery_url: str


def get_footage(actor: Actor, media_id: UUID, *, shown: Collection[str]) -> FootagePage:
    """The footage that a video shares with others, and the pictures in it, as far as the actor may see both sides.

    A picture's page lists the videos that show it. ``shown``: known files that this session asked for.
    """
    rows = Media.objects.select_related("file__exhibit", "case", "known_set")
    media = door.admit(actor, rows, pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    found, more = _shared(actor, media)
    pairs = _pairs(actor, media)
    others = [*found, *(other for other, _, _, _ in pairs)]
    tiles = tiles_of(actor, [media, *others], shown)
    strips = _strips(actor, [media, *found], tiles, shown)
    log.record(
        "footage.viewed",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"case": frame.reference, "videos": len(found)},
    )
    judges = bool(found) and door.level(actor, media.holding_id) >= LEVELS["contribute"]
    shows = _shows(tiles[media.id], shown)
    return FootagePage(
        id=media.id,
        frame=frame,
        label=media.file.name.rsplit("/", 1)[-1],
        is_video=media.media_type.startswith("video/"),
        hidden=not shows,
        duration=clock(media.duration),
        frames=Frame.objects.filter(media=media).count(),
        original_url=signed(actor, reverse("media:original", args=[media.id])) if shows and media.file.blob_id else "",
        strip=strips.get(media.id),
        partners=tuple(
            _partner(
                media, other, rows, tiles[other.id], strips.get(other.id),
                may_judge=judges or door.level(actor, other.holding_id) >= LEVELS["contribute"],
            )
            for other, rows in found.items()
        ),
        more=more,
        pictures=tuple(
            PictureLine(tiles[other.id], other.case.reference, _tenths(second), f"{second:.2f}", distance, lies)
            for other, second, distance, lies in pairs
        ),
        gallery_url=reverse("media:gallery", args=[frame.reference]),
    )  # fmt: skip


def list_shared(actor: Actor, reference: str, cursor: UUID | None, limit: int) -> list[dict[str, Any]]:
    """The intervals of a case's videos of which the actor may see both sides, by id; one more than ``limit``."""
    frame = get_frame(actor, reference, "")
    here = Q(left__case_id=frame.case_id) | Q(right__case_id=frame.case_id)
    rows = door.visible(actor, SharedFootage.objects.filter(here)).order_by("id")
    rows = rows.select_related("left__case", "right__case", "judged_by")
    page = list((rows.filter(id__gt=cursor) if cursor else rows)[: limit + 1])
    log.record(
        "footage.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"by": "api", "intervals": len(page)},
    )
    plain = ("id", "speed", "share", "frames", "distance", "orientation", "still", "found_at", "state", "judged_at")
    return [
        {
            **{name: getattr(row, name) for name in plain},
            "judged_by": row.judged_by.display_name if row.judged_by else "",
            "first": _side(row.left, row.left_begin, row.left_end),
            "second": _side(row.right, row.right_begin, row.right_end),
        }
        for row in page
    ]


def _side(media: Media, begin: float, end: float) -> dict[str, Any]:
    return {"media": media.id, "case": media.case.reference, "sha256": media.sha256, "begin": begin, "end": end}


def _shows(tile: Tile, shown: Collection[str]) -> bool:
    """Whether the file may be shown on the page: not hidden from the actor's eyes, and not known unless asked for."""
    return not tile.hidden_because and not tile.words and (not tile.known or str(tile.id) in shown)


def _shared(actor: Actor, media: Media) -> tuple[dict[Media, list[SharedFootage]], int]:
    """The videos with the longest shared footage, each with its intervals; and how many more there are."""
    rows = door.visible(actor, SharedFootage.objects.filter(Q(left=media) | Q(right=media)))
    sides = ("left__file__exhibit", "right__file__exhibit", "left__case", "right__case")
    found: dict[Media, list[SharedFootage]] = {}
    for row in rows.select_related(*sides, "judged_by").order_by("id")[:1000]:
        found.setdefault(row.right if row.left_id == media.id else row.left, []).append(row)

    def length(pair: tuple[Media, list[SharedFootage]]) -> float:
        return -sum(row.left_end - row.left_begin for row in pair[1] if row.state != FootageState.REJECTED)

    return dict(sorted(found.items(), key=length)[:VIDEOS_SHOWN]), max(0, len(found) - VIDEOS_SHOWN)


def _partner(
    media: Media, other: Media, rows: Iterable[SharedFootage], tile: Tile, strip: Strip | None, *, may_judge: bool
) -> Partner:
    ends = [(row, *_seen_from(row, media)) for row in rows]
    longest = max(
        media.duration or 0.0, other.duration or 0.0, *(max(here[1], there[1]) for _, here, there, _, _ in ends), 0.1
    )
    scale = WIDTH / longest
    here_length = media.duration or max(here[1] for _, here, _, _, _ in ends)
    there_length = other.duration or max(there[1] for _, _, there, _, _ in ends)
    lines = [_line(other, row, here, there, speed, lies, scale) for row, here, there, speed, lies in ends]
    return Partner(
        tile=tile,
        case_reference=other.case.reference,
        duration=clock(other.duration),
        strip=strip,
        lines=tuple(sorted(lines, key=lambda line: (line.rejected, float(line.here_second)))),
        here_bar=_bar(0.0, here_length, scale),
        there_bar=_bar(0.0, there_length, scale),
        here_ticks=_ticks(here_length, scale),
        there_ticks=_ticks(there_length, scale),
        may_judge=may_judge,
    )


Seconds = tuple[float, float]


def _seen_from(row: SharedFootage, media: Media) -> tuple[Seconds, Seconds, float, str]:
    """Begin and end here, begin and end there, how fast it is shown there compared with here, and how it lies there."""
    left, right = (row.left_begin, row.left_end), (row.right_begin, row.right_end)
    here_is_left = row.left_id == media.id
    lies = row.orientation if here_is_left else turned_back(row.orientation)
    lies = "" if lies == AS_IT_STANDS else lies
    return (left, right, row.speed, lies) if here_is_left else (right, left, 1 / row.speed, lies)


def _line(
    other: Media, row: SharedFootage, here: Seconds, there: Seconds, speed: float, lies: str, scale: float
) -> FootageLine:
    state = FootageState(row.state)
    begin, end, other_begin, other_end = (round(second * scale, 1) for second in (*here, *there))
    return FootageLine(
        id=row.id,
        state=state.label,
        tone=TONES[state],
        suggested=state == FootageState.SUGGESTED,
        rejected=state == FootageState.REJECTED,
        judged_by=row.judged_by.display_name if row.judged_by else "",
        here=f"{_tenths(here[0])} to {_tenths(here[1])}",
        here_second=f"{here[0]:.2f}",
        there=f"{_tenths(there[0])} to {_tenths(there[1])}",
        there_second=f"{there[0]:.2f}",
        there_url=reverse("videos:of-media", args=[other.id]),
        speed="the same" if abs(speed - 1) < 0.02 else f"{speed:.2f} times",
        lies=lies,
        share=round(100 * row.share),
        frames=row.frames,
        distance=f"{row.distance:.0f}",
        sentence=_sentence(row, here, there, speed, lies),
        here_bar=_bar(*here, scale),
        there_bar=_bar(*there, scale),
        ribbon=f"{begin},54 {end},54 {other_end},106 {other_begin},106",
    )


def _sentence(row: SharedFootage, here: Seconds, there: Seconds, speed: float, lies: str) -> str:
    text = (
        f"{_tenths(here[0])} to {_tenths(here[1])} of this video stand in the other at "
        f"{_tenths(there[0])} to {_tenths(there[1])}"
    )
    if abs(speed - 1) >= 0.02:
        text += f", {'faster' if speed > 1 else 'slower'}: {speed:.2f} times the speed"
    if lies:
        text += f", {lies}"
    text += f". {round(100 * row.share)} % of the frames compared agree."
    if row.still:
        text += " It is a still picture: which of its seconds belong together cannot be told."
    return text


def _tenths(second: float) -> str:
    minutes, rest = divmod(round(second, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _bar(begin: float, end: float, scale: float) -> Bar:
    return Bar(f"{begin * scale:.1f}", f"{max(2.0, (end - begin) * scale):.1f}")


def _ticks(length: float, scale: float) -> tuple[Tick, ...]:
    step = next((step for step in TICK_STEPS if WIDTH / scale / step <= MOST_TICKS), 7200)
    count = int(length / step + 1e-6) + 1
    return tuple(
        Tick(f"{n * step * scale:.1f}", clock(n * step) if step >= 1 else f"{n * step:g}") for n in range(count)
    )


def _strips(
    actor: Actor, media: Sequence[Media], tiles: Mapping[UUID, Tile], shown: Collection[str]
) -> dict[UUID, Strip]:
    """The strips of frames of videos that may be shown, with the second of each frame."""
    open_to = [row for row in media if row.strip_size and _shows(tiles[row.id], shown)]
    places = Frame.objects.filter(media__in=[row.id for row in open_to], strip_place__isnull=False)
    seconds: dict[UUID, list[float]] = {}
    for media_id, second in places.order_by("strip_place").values_list("media_id", "second"):
        seconds.setdefault(media_id, []).append(second)
    return {
        row.id: Strip(
            replace(
                tiles[row.id],
                label="Frames in the order of time",
                thumbnail_url=signed(actor, reverse("media:strip", args=[row.id])),
            ),
            tuple((_tenths(second), f"{second:.2f}") for second in seconds.get(row.id, [])),
        )
        for row in open_to
    }


def _pairs(actor: Actor, media: Media) -> list[tuple[Media, float, int, str]]:
    """Pictures that frames of this video show, in the order of time; for a picture the videos that show it, nearest first.

    Each distinct file once, with the second, the bits apart and how it lies beside this one.
    """
    is_video = media.media_type.startswith("video/")
    mine = Q(left=media, **_seconds(is_video)) | Q(right=media, **_seconds(not is_video))
    sides = ("left__file__exhibit", "right__file__exhibit", "left__case", "right__case")
    near = door.visible(actor, NearDuplicate.objects.filter(mine)).select_related(*sides)
    found: dict[str, tuple[Media, float, int, str]] = {}
    for pair in near.order_by("distance", "id")[: 4 * PICTURES_SHOWN]:
        here_is_left = pair.left_id == media.id
        other = pair.right if here_is_left else pair.left
        second = pair.left_second if pair.left_second is not None else pair.right_second
        turn = pair.turn if here_is_left else OPPOSITE.get(pair.turn, pair.turn)
        if len(found) < PICTURES_SHOWN:
            found.setdefault(other.sha256, (other, second or 0.0, pair.distance, Turn(turn).label if turn else ""))
    return sorted(found.values(), key=lambda line: line[1]) if is_video else list(found.values())


def _seconds(of_left: bool) -> dict[str, bool]:
    """Which side of a pair has a second: the video's alone."""
    return {"left_second__isnull": not of_left, "right_second__isnull": of_left}
