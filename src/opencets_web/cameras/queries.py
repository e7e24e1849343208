"""Reading cameras, times and places for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q
from django.urls import NoReverseMatch, reverse

from opencets.matching.camera import (
    ADVISED_REFERENCES,
    FEWEST_REFERENCES,
    SMALLEST,
    false_alarm_in_words,
    scale_between,
)
from opencets.matching.clock import ClockOffset, Observation, estimate_offset
from opencets_web.audit import log
from opencets_web.cameras.models import CameraJudgement, CameraMatch, Fingerprint, FingerprintState
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.evidence.models import Claim, Record
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

RECORDS_OF_A_CLOCK = 2_000
EVIDENCE_SHOWN = 6
MATCHES_SHOWN = 100
CAMERAS_SHOWN = 60
PICTURES_OFFERED = 200
CHECKED_AT_FIRST = 40
POINTS_ON_THE_MAP = 20_000
PAGE_SIZE = 60


def _url(name: str, *arguments: object) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


# --- Times ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WrittenTime:
    """A time as a file gives it: raw, in words with its zone or that it has none, and the remark of the reader."""

    label: str
    raw: str
    words: str
    has_zone: bool
    note: str


@dataclass(frozen=True, slots=True)
class ClockView:
    """What is known of a device's clock, with the evidence."""

    sentence: str
    exact: bool
    agrees: bool
    evidence: tuple[tuple[str, str, str], ...]
    """The device's time, the time of others, what says so."""
    more: int
    suggestion: str = ""
    """For one picture: the time in UTC that its own time stands for, if the offset holds."""


TIME_LABELS = {"taken_at": "By the camera's clock", "satellite_at": "By satellites", "created_at": "File made"}


def _time_words(normal: str) -> tuple[str, bool]:
    if normal.endswith("Z"):
        return f"{normal[:-1].replace('T', ' ')} UTC", True
    return f"{normal.replace('T', ' ')} (zone not known)", False


def _written(claims: Iterable[Claim]) -> tuple[WrittenTime, ...]:
    times = []
    for claim in claims:
        if claim.property in TIME_LABELS:
            words, zone = _time_words(claim.normal) if claim.normal else ("not a time", False)
            times.append(WrittenTime(TIME_LABELS[claim.property], claim.raw, words, zone, claim.note))
    return tuple(times)


def _naive(normal: str | None) -> datetime | None:
    """A time without a zone; None for one that has a zone, or is only a date."""
    if not normal or normal.endswith("Z") or "T" not in normal:
        return None
    try:
        return datetime.fromisoformat(normal)
    except ValueError:
        return None


def _instant(normal: str | None) -> datetime | None:
    if not normal or not normal.endswith("Z"):
        return None
    try:
        return datetime.fromisoformat(normal)
    except ValueError:
        return None


def observations_of(actor: Actor, records: Iterable[UUID]) -> dict[UUID, list[Observation]]:
    """By media record what speaks of the clock that dated it: satellite times in the file, messages that carried the file."""
    ids = list(records)[:RECORDS_OF_A_CLOCK]
    times = Claim.objects.filter(record_id__in=ids, property__in=("taken_at", "satellite_at"), normal__isnull=False)
    taken: dict[UUID, datetime] = {}
    satellite: dict[UUID, datetime] = {}
    for record_id, name, normal, note in door.visible(actor, times).values_list(
        "record_id", "property", "normal", "note"
    ):
        if name == "taken_at" and "changed" not in note and (local := _naive(normal)):
            taken[record_id] = local
        elif name == "satellite_at" and (instant := _instant(normal)):
            satellite[record_id] = instant
    found: dict[UUID, list[Observation]] = defaultdict(list)
    files = {
        sha256: (record_id, label)
        for record_id, sha256, label in Media.objects.filter(record_id__in=list(taken)).values_list(
            "record_id", "sha256", "file__name"
        )
    }
    names = dict(files.values())
    for record_id, instant in satellite.items():
        if record_id in taken:
            where = f"{_short(names.get(record_id, ''))}: time of its position fix"
            found[record_id].append(Observation(taken[record_id], instant, "satellite", where))
    carried = Claim.objects.filter(
        kind="sha256",
        normal__in=list(files),
        property="attached_file",
        record__at__isnull=False,
        record__retired_at=None,
    )
    for sha256, at, label in door.visible(actor, carried).values_list("normal", "record__at", "record__conversation")[
        :RECORDS_OF_A_CLOCK
    ]:
        record_id, name = files[sha256 or ""]
        if at is None:
            continue
        where = f"{_short(name)}: sent{f' in {label}' if label else ''}"
        found[record_id].append(Observation(taken[record_id], at, "sent", where))
    return found


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1][:80]


def clock_view(offset: ClockOffset | None, taken: datetime | None = None) -> ClockView | None:
    """What a page shows of an offset; ``taken``: the time of one picture that it may be applied to."""
    if offset is None:
        return None
    shown = [
        (
            one.device_time.isoformat(" ", "seconds"),
            one.true_time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds") + " UTC",
            one.where,
        )
        for one in offset.used[:EVIDENCE_SHOWN]
    ]
    suggestion = ""
    if taken is not None and offset.agrees:
        suggestion = offset.suggest(taken).replace(tzinfo=None).isoformat(" ", "seconds") + " UTC"
        suggestion = f"not after {suggestion}" if not offset.exact else suggestion
    return ClockView(
        offset.sentence, offset.exact, offset.agrees, tuple(shown), max(0, len(offset.used) - len(shown)), suggestion
    )


# --- One medium -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MatchLine:
    """A fingerprint found in a picture, as one side or the other shows it."""

    id: UUID
    device: str
    case_reference: str
    case_url: str
    label: str
    media_id: UUID
    media_url: str
    pce: float
    words: str
    turn: int
    scaled: str
    """To how many per cent of the camera's size it was scaled down; empty where it was not."""
    is_reference: bool
    found_at: datetime
    judged: str
    tone: str
    judged_by: str
    reason: str
    judgement_id: UUID | None


@dataclass(frozen=True, slots=True)
class CameraPage:
    """What a file says of its camera, its time and its place, and which fingerprints were found in it."""

    frame: CaseFrame
    media_id: UUID
    label: str
    model: str
    software: str
    serial: str
    serial_raw: str
    serial_generic: bool
    serial_files: int
    serial_cases: tuple[tuple[str, str], ...]
    serial_url: str
    notes: tuple[tuple[str, str], ...]
    times: tuple[WrittenTime, ...]
    clock: ClockView | None
    clock_of: str
    place: str
    place_raw: str
    latitude: float | None
    longitude: float | None
    matches: tuple[MatchLine, ...]
    looked: str
    may_judge: bool


def get_camera(actor: Actor, media_id: UUID) -> CameraPage:
    """The camera, time and place of one medium that the actor may see; else NotFound."""
    rows = Media.objects.select_related("file__exhibit", "record", "case")
    media = door.admit(actor, rows, pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    claims = list(Claim.objects.filter(record_id=media.record_id).order_by("id"))
    by_name: dict[str, Claim] = {}
    for claim in claims:
        by_name.setdefault(claim.property, claim)
    serial = next((claim for claim in claims if claim.kind == "camera_serial" and claim.normal), None)
    records, clock_of = _records_of_clock(actor, media, serial, by_name.get("camera_model"))
    observed = [one for found in observations_of(actor, records).values() for one in found]
    taken = by_name.get("taken_at")
    with_serial = _with_serial(actor, serial.normal) if serial and serial.normal else []
    place = by_name.get("location")
    latitude, longitude = _degrees(place.normal if place else None)
    log.record(
        "media.viewed", actor, holding=(media.holding_id, media.agency_id), subject=f"media:{media.id}",
        details={"case": frame.reference, "camera": True},
    )  # fmt: skip
    look = getattr(media, "noise_look", None)
    return CameraPage(
        frame=frame,
        media_id=media.id,
        label=_short(media.file.name),
        model=by_name["camera_model"].raw if "camera_model" in by_name else "",
        software=by_name["software"].raw if "software" in by_name else "",
        serial=(serial.normal or "") if serial else "",
        serial_raw=serial.raw if serial else "",
        serial_generic=serial.generic if serial else False,
        serial_files=sum(number for _, number in with_serial),
        serial_cases=tuple((reference, _url("media:gallery", reference)) for reference, _ in with_serial),
        serial_url=f"{reverse('media:list')}?{urlencode({'camera': serial.normal})}"
        if serial and serial.normal
        else "",
        notes=tuple((str(name).replace("_", " "), str(value)) for name, value in media.record.extra.items()),
        times=_written(claims),
        clock=clock_view(estimate_offset(observed), _naive(taken.normal) if taken else None),
        clock_of=clock_of,
        place=place_words(latitude, longitude),
        place_raw=place.raw if place else "",
        latitude=latitude,
        longitude=longitude,
        matches=_matches(actor, Q(media=media), of_media=True),
        looked=look.trouble if look else "",
        may_judge=frame.may_contribute,
    )


def _with_serial(actor: Actor, serial: str) -> list[tuple[str, int]]:
    claims = Claim.objects.filter(kind="camera_serial", normal=serial, record__kind="media", record__retired_at=None)
    found = door.visible(actor, claims).values("case__reference").annotate(number=Count("record_id", distinct=True))
    return [(row["case__reference"], row["number"]) for row in found.order_by("case__reference")[:100]]


def _records_of_clock(actor: Actor, media: Media, serial: Claim | None, model: Claim | None) -> tuple[list[UUID], str]:
    """The media records dated by the same clock as this one, and what makes us think so."""
    if serial is not None and serial.normal and not serial.generic:
        same = Claim.objects.filter(kind="camera_serial", normal=serial.normal)
        return list(door.visible(actor, same).values_list("record_id", flat=True)[:RECORDS_OF_A_CLOCK]), (
            "pictures with the same camera serial"
        )
    if model is not None:
        same = Claim.objects.filter(
            case_id=media.case_id, property="camera_model", raw=model.raw, record__exhibit_id=media.file.exhibit_id
        )
        return list(door.visible(actor, same).values_list("record_id", flat=True)[:RECORDS_OF_A_CLOCK]), (
            f"pictures by the same model in {media.file.exhibit.reference}, since the file names no serial"
        )
    return [media.record_id], "this file alone"


def _degrees(normal: str | None) -> tuple[float | None, float | None]:
    try:
        latitude, longitude = (float(part) for part in (normal or "").split(",")[:2])
    except ValueError:
        return None, None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)


def place_words(latitude: float | None, longitude: float | None) -> str:
    """A position in words; empty where there is none."""
    if latitude is None or longitude is None:
        return ""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.5f}° {north}, {abs(longitude):.5f}° {east}"


def _matches(actor: Actor, chosen: Q, *, of_media: bool) -> tuple[MatchLine, ...]:
    rows = (
        door.visible(actor, CameraMatch.objects.filter(chosen, fingerprint__withdrawn_at=None))
        .select_related("fingerprint__device", "fingerprint__case", "media__case", "media__file")
        .order_by("-pce", "id")[:MATCHES_SHOWN]
    )
    found = list(rows)
    standing = {
        judgement.match_id: judgement
        for judgement in CameraJudgement.objects.filter(match__in=found, undone_at=None).select_related("by")
    }
    return tuple(_match_line(match, standing.get(match.id), of_media=of_media) for match in found)


def _match_line(match: CameraMatch, judgement: CameraJudgement | None, *, of_media: bool) -> MatchLine:
    case = match.fingerprint.case if of_media else match.media.case
    return MatchLine(
        id=match.id,
        device=match.fingerprint.device.name,
        case_reference=case.reference,
        case_url=reverse("cameras:of-case", args=[case.reference]),
        label=_short(match.media.file.name),
        media_id=match.media_id,
        media_url=reverse("cameras:of-media", args=[match.media_id]),
        pce=match.pce,
        words=false_alarm_in_words(match.pce, match.scale),
        turn=match.turn,
        scaled=f"{match.scale:.0%}" if match.scale < 1 else "",
        is_reference=match.is_reference,
        found_at=match.found_at,
        judged="" if judgement is None else "Confirmed" if judgement.same else "Rejected",
        tone="" if judgement is None else "good" if judgement.same else "bad",
        judged_by=judgement.by.display_name if judgement else "",
        reason=judgement.reason if judgement else "",
        judgement_id=judgement.id if judgement else None,
    )


# --- The cameras of a case --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CameraLine:
    """A camera that files of a case name: by its serial, or by its model where they give no serial."""

    model: str
    serial: str
    serial_raw: str
    generic: bool
    pictures: int
    first: str
    last: str
    clock: ClockView | None
    gallery_url: str
    new_url: str


@dataclass(frozen=True, slots=True)
class PrintLine:
    """A fingerprint of the case with its state, its matches, and what an officer may do with it."""

    id: UUID
    device: str
    serial: str
    state: str
    tone: str
    sentence: str
    pictures: int
    left_out: tuple[tuple[str, str], ...]
    size: str
    agreement: float | None
    compared: int
    to_compare: int
    other_dimensions: int
    """Pictures of the case that were not compared: neither of its dimensions nor scaled down from them."""
    working: bool
    withdrawn: bool
    asked_by: str
    asked_at: datetime
    matches: tuple[MatchLine, ...]


@dataclass(frozen=True, slots=True)
class CasePage:
    """The cameras of a case."""

    frame: CaseFrame
    cameras: tuple[CameraLine, ...]
    more: int
    prints: tuple[PrintLine, ...]
    positions: int


TONES = {
    FingerprintState.ASKED: "info",
    FingerprintState.MADE: "info",
    FingerprintState.COMPARED: "good",
    FingerprintState.REFUSED: "bad",
}


def get_cameras(actor: Actor, reference: str) -> CasePage:
    """The devices that files of a case name, and the fingerprints made in it."""
    frame = get_frame(actor, reference, "media:gallery")
    named = door.visible(
        actor,
        Claim.objects.filter(
            case_id=frame.case_id, record__kind="media", record__retired_at=None,
            property__in=("camera_serial", "camera_model"), normal__isnull=False,
        ),
    )  # fmt: skip
    by_record: dict[UUID, dict[str, Claim]] = defaultdict(dict)
    for claim in named.order_by("id")[: RECORDS_OF_A_CLOCK * 10]:
        by_record[claim.record_id].setdefault(claim.property, claim)
    groups: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for record_id, found in by_record.items():
        serial, model = found.get("camera_serial"), found.get("camera_model")
        groups[(serial.normal or "" if serial else "", model.raw if model else "")].append(record_id)
    ordered = sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    shown = ordered[:CAMERAS_SHOWN]
    observed = observations_of(actor, (record for _, records in shown for record in records))
    when = dict(
        Record.objects.filter(id__in=[record for _, records in shown for record in records])
        .exclude(at_text="")
        .values_list("id", "at_text")
    )
    log.record("cameras.viewed", actor, holding=frame.holding, subject=f"case:{reference}")
    places = Claim.objects.filter(case_id=frame.case_id, property="location", normal__isnull=False)
    return CasePage(
        frame=frame,
        cameras=tuple(
            _camera_line(reference, key, records, by_record[records[0]], observed, when) for key, records in shown
        ),
        more=len(ordered) - len(shown),
        prints=_prints(actor, frame.case_id),
        positions=door.visible(actor, places).count(),
    )


def _camera_line(
    reference: str,
    key: tuple[str, str],
    records: Sequence[UUID],
    claims: dict[str, Claim],
    observed: dict[UUID, list[Observation]],
    when: dict[UUID, str],
) -> CameraLine:
    serial, model = key
    times = sorted(when[record] for record in records if record in when)
    offset = estimate_offset(one for record in records for one in observed.get(record, ()))
    claim = claims.get("camera_serial")
    gallery = f"{reverse('media:gallery', args=[reference])}?{urlencode({'camera': serial})}" if serial else ""
    asked = urlencode({"serial": serial} if serial else {"model": model})
    return CameraLine(
        model=model,
        serial=serial,
        serial_raw=claim.raw if claim else "",
        generic=claim.generic if claim else False,
        pictures=len(records),
        first=_time_words(times[0])[0] if times else "",
        last=_time_words(times[-1])[0] if times else "",
        clock=clock_view(offset),
        gallery_url=gallery,
        new_url=f"{reverse('cameras:new', args=[reference])}?{asked}",
    )


def _prints(actor: Actor, case_id: UUID) -> tuple[PrintLine, ...]:
    rows = list(
        door.visible(actor, Fingerprint.objects.filter(case_id=case_id))
        .select_related("device", "asked_by")
        .order_by("-asked_at", "id")[:50]
    )
    lines = _matches(actor, Q(fingerprint__in=rows), of_media=False)
    owner = dict(CameraMatch.objects.filter(id__in=[line.id for line in lines]).values_list("id", "fingerprint_id"))
    matches: dict[UUID, list[MatchLine]] = defaultdict(list)
    for line in lines:
        matches[owner[line.id]].append(line)
    of_case = door.visible(actor, Media.objects.filter(case_id=case_id, media_type__startswith="image/"))
    sizes = list(of_case.order_by().values_list("width", "height").annotate(number=Count("id"))) if rows else []
    return tuple(_print_line(row, tuple(matches[row.id]), _not_compared(row, sizes)) for row in rows)


def _not_compared(row: Fingerprint, sizes: Iterable[tuple[int | None, int | None, int]]) -> int:
    """How many pictures of these dimensions say nothing of a fingerprint, because they are neither its own nor scaled."""
    if not row.width or not row.height:
        return 0
    camera = (row.width, row.height)
    return sum(
        number
        for width, height, number in sizes
        if not width
        or not height
        or min(width, height) < SMALLEST
        or ((width, height) not in (camera, camera[::-1]) and scale_between((width, height), camera) is None)
    )


def _print_line(row: Fingerprint, matches: tuple[MatchLine, ...], other_dimensions: int) -> PrintLine:
    state = FingerprintState(row.state)
    return PrintLine(
        id=row.id,
        device=row.device.name,
        serial=row.device.serial,
        state="Withdrawn" if row.withdrawn_at else state.label,
        tone="line" if row.withdrawn_at else TONES[state],
        sentence=row.sentence,
        pictures=row.references_count or len(row.chosen),
        left_out=tuple((_short(name), why) for name, why in row.left_out[:30]),
        size=f"{row.width} × {row.height}" if row.width else "",
        agreement=row.agreement,
        compared=row.compared,
        to_compare=row.to_compare,
        other_dimensions=other_dimensions,
        working=state in (FingerprintState.ASKED, FingerprintState.MADE) and row.withdrawn_at is None,
        withdrawn=row.withdrawn_at is not None,
        asked_by=row.asked_by.display_name,
        asked_at=row.asked_at,
        matches=matches,
    )


# --- Choosing references ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """A picture that may serve as a reference."""

    id: UUID
    label: str
    where: str
    size: str
    url: str
    flat: str
    checked: bool


@dataclass(frozen=True, slots=True)
class NewPage:
    """The pictures to choose from for a new fingerprint."""

    frame: CaseFrame
    offered: tuple[Offered, ...]
    more: int
    serial: str
    model: str
    fewest: int
    advised: int


def get_new(actor: Actor, reference: str, *, serial: str, model: str) -> NewPage:
    """The pictures of a case by one camera, the flattest first, of the size that is most frequent; NotFound for who may not."""
    frame = get_frame(actor, reference, "media:gallery", to="contribute")
    rows = door.visible(
        actor,
        Media.objects.filter(
            case_id=frame.case_id, media_type__startswith="image/", file__blob__isnull=False, width__gte=512, height__gte=512
        ),
    )  # fmt: skip
    if serial:
        named = Claim.objects.filter(case_id=frame.case_id, kind="camera_serial", normal=serial)
        rows = rows.filter(record_id__in=named.values("record_id"))
    elif model:
        named = Claim.objects.filter(case_id=frame.case_id, property="camera_model", raw=model)
        rows = rows.filter(record_id__in=named.values("record_id"))
    size = rows.values("width", "height").annotate(number=Count("id")).order_by("-number", "width").first()
    if size:
        rows = rows.filter(width=size["width"], height=size["height"])
    total = rows.count()
    chosen = list(rows.select_related("file__exhibit").order_by("quality", "id")[:PICTURES_OFFERED])
    log.record("cameras.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"new": True})
    return NewPage(
        frame=frame,
        offered=tuple(
            Offered(
                id=row.id,
                label=_short(row.file.name),
                where=row.file.exhibit.reference,
                size=f"{row.width} × {row.height}",
                url=reverse("media:show", args=[row.id]),
                flat=_flat_words(row.quality),
                checked=number < CHECKED_AT_FIRST and bool(serial or model),
            )
            for number, row in enumerate(chosen)
        ),
        more=total - len(chosen),
        serial=serial,
        model=model,
        fewest=FEWEST_REFERENCES,
        advised=ADVISED_REFERENCES,
    )


def _flat_words(quality: int | None) -> str:
    if quality is None:
        return ""
    return "flat" if quality < 30 else "some detail" if quality < 70 else "full of detail"


# --- Where and when ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """A medium with its position and time."""

    media_id: UUID
    label: str
    url: str
    place: str
    raw: str
    latitude: float
    longitude: float
    when: str
    camera: str


@dataclass(frozen=True, slots=True)
class MapPage:
    """The positions of a case."""

    frame: CaseFrame
    page: Page[Any]
    lines: tuple[PlaceLine, ...]
    points_url: str
    days: tuple[tuple[str, int], ...]
    undated: int
    since: str
    until: str
    without: int
    """Media of the case that give no position."""


def _positions(actor: Actor, case_id: UUID, since: str, until: str) -> Any:
    rows = door.visible(
        actor,
        Claim.objects.filter(
            case_id=case_id, property="location", normal__isnull=False, record__kind="media", record__retired_at=None
        ),
    )
    if since:
        rows = rows.filter(record__at_text__gte=since)
    if until:
        rows = rows.filter(record__at_text__lte=f"{until}T99")
    return rows


def get_map(actor: Actor, reference: str, *, since: str, until: str, number: int) -> MapPage:
    """The positions of a case's media between two days of their own clocks; all where none are given."""
    frame = get_frame(actor, reference, "media:gallery")
    rows = _positions(actor, frame.case_id, since, until)
    page = Paginator(rows.select_related("record").order_by("record__at_text", "id"), PAGE_SIZE).get_page(number)
    by_day: dict[str, int] = defaultdict(int)
    undated = 0
    for at_text in _positions(actor, frame.case_id, "", "").values_list("record__at_text", flat=True)[
        :POINTS_ON_THE_MAP
    ]:
        if at_text:
            by_day[at_text[:10]] += 1
        else:
            undated += 1
    log.record(
        "positions.viewed", actor, holding=frame.holding, subject=f"case:{reference}",
        details={"since": since, "until": until, "page": page.number},
    )  # fmt: skip
    query = urlencode({key: value for key, value in (("from", since), ("to", until)) if value})
    points = reverse("cameras:points", args=[reference])
    media = door.visible(actor, Media.objects.filter(case_id=frame.case_id))
    return MapPage(
        frame=frame,
        page=page,
        lines=_place_lines(actor, list(page)),
        points_url=f"{points}?{query}" if query else points,
        days=tuple(sorted(by_day.items())),
        undated=undated,
        since=since,
        until=until,
        without=max(0, media.count() - _positions(actor, frame.case_id, "", "").count()),
    )


def list_places(actor: Actor, reference: str, *, since: str, until: str) -> tuple[PlaceLine, ...]:
    """The positions of a case between two days, oldest first; 20,000 at most."""
    frame = get_frame(actor, reference, "media:gallery")
    rows = _positions(actor, frame.case_id, since, until).select_related("record").order_by("record__at_text", "id")
    lines = _place_lines(actor, list(rows[:POINTS_ON_THE_MAP]))
    log.record(
        "positions.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"points": len(lines)}
    )
    return lines


def list_points(actor: Actor, reference: str, *, since: str, until: str) -> dict[str, list[object]]:
    """The positions of a case for the map: columns of longitude, latitude, time, label, address."""
    lines = list_places(actor, reference, since=since, until=until)
    return {
        "x": [line.longitude for line in lines],
        "y": [line.latitude for line in lines],
        "when": [line.when for line in lines],
        "label": [line.label for line in lines],
        "url": [line.url for line in lines],
    }


def _place_lines(actor: Actor, claims: Sequence[Claim]) -> tuple[PlaceLine, ...]:
    records = [claim.record_id for claim in claims]
    media = {
        row.record_id: row
        for row in door.visible(actor, Media.objects.filter(record_id__in=records)).select_related("file")
    }
    models = dict(Claim.objects.filter(record_id__in=records, property="camera_model").values_list("record_id", "raw"))
    lines = []
    for claim in claims:
        latitude, longitude = _degrees(claim.normal)
        medium = media.get(claim.record_id)
        if latitude is None or longitude is None or medium is None:
            continue
        lines.append(
            PlaceLine(
                media_id=medium.id,
                label=_short(medium.file.name),
                url=reverse("cameras:of-media", args=[medium.id]),
                place=place_words(latitude, longitude),
                raw=claim.raw,
                latitude=latitude,
                longitude=longitude,
                when=_time_words(claim.record.at_text)[0] if claim.record.at_text else "",
                camera=models.get(claim.record_id, ""),
            )
        )
    return tuple(lines)


def media_of_match(actor: Actor, match_id: UUID) -> UUID:
    """The medium of a match that the actor may see."""
    return door.admit(actor, CameraMatch.objects.all(), pk=match_id).media_id
