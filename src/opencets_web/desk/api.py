"""The API, version 1, at ``/api/v1/``: the same actor, the same door, the same queries as the pages.

Signed in by the session cookie of the pages; acts that change something need the CSRF header (``X-CSRFToken``). Lists that grow
are paged by ``cursor``: give back ``next`` until it is null. Errors are ``{"code", "sentence"}``. No bytes of media leave here.

Why you look stands in the header ``X-Purpose`` of each request on a case or across cases (``investigation``; ``other; what for``),
unless you said it on the page that day. Without either: 428, with the purposes that there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Path, Query, Router, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import APIKeyCookie
from pydantic import AfterValidator, Field

from opencets.errors import ActRefused, NotFound
from opencets_web.audit import log
from opencets_web.cameras import queries as cameras
from opencets_web.cases import queries as cases
from opencets_web.deconfliction import actions as deconfliction_actions
from opencets_web.deconfliction import queries as deconfliction
from opencets_web.deconfliction.models import OperationKind
from opencets_web.deconfliction.values import TARGET_KINDS, values_of
from opencets_web.desk import following
from opencets_web.desk.search import read as read_search
from opencets_web.desk.search import search as search_everywhere
from opencets_web.evidence import queries as evidence
from opencets_web.evidence.models import Claim, Exhibit, Record, ReportLine
from opencets_web.grading import actions as grading_actions
from opencets_web.grading import queries as grading
from opencets_web.inquiries import actions as inquiry_actions
from opencets_web.inquiries import queries as inquiries
from opencets_web.leads import actions as lead_actions
from opencets_web.leads import queries as leads
from opencets_web.marks import actions as mark_actions
from opencets_web.marks import queries as marks
from opencets_web.media import actions as media_actions
from opencets_web.media import queries as media
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.middleware import actor_of
from opencets_web.sightings import actions as sighting_actions
from opencets_web.sightings import queries as sightings
from opencets_web.videos import actions as video_actions
from opencets_web.videos import queries as videos

MOST = 500


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("A NUL character is not text.")
    return text


NoNul = Annotated[str, AfterValidator(_no_nul)]
WORDS: Any = Query("", max_length=300)  # type: ignore[type-arg]
KIND: Any = Query("", max_length=30, description="For example message, person, media.")  # type: ignore[type-arg]
ASKED: Any = Query(..., max_length=300, description="Words, or an identifier in any notation.")  # type: ignore[type-arg]
CASE: Any = Query("", max_length=40, description="Only of this case.")  # type: ignore[type-arg]
Reason = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_no_nul)]
Reference = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9._-]+$", description="The case's number.")]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d\d-\d\d)?$", description="A day, as 2026-01-31.")]
Number = Annotated[int, Query(ge=1, le=1_000_000, description="Which page.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[UUID | None, Query(description="`next` of the page before.")]


class SignedIn(APIKeyCookie):
    """The session of someone who signed in with both factors; the middleware has looked at it already."""

    param_name = "sessionid"

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        return getattr(request, "actor", None)


class Problem(Schema):
    """Why nothing was done: a code for programs, a sentence for people."""

    code: str
    sentence: str


class CaseOut(Schema):
    reference: str
    title: str
    kind: str
    state: str
    agency: str
    own_agency: bool
    mine: bool
    opened_at: datetime
    handling: str
    tlp: str


class CaseList(Schema):
    cases: list[CaseOut]
    total: int
    page: int
    pages: int


class PartnerNumber(Schema):
    partner: str
    number: str


class CaseDetail(Schema):
    reference: str
    title: str
    kind: str
    state: str
    summary: str
    handling: str
    tlp: str
    conditions: str
    disclosure: str
    restricted: bool
    agency: str
    own_agency: bool
    mine: bool
    opened_at: datetime
    opened_by: str
    why_open: str
    officers: list[str]
    numbers: list[PartnerNumber]


class ExhibitOut(Schema):
    id: UUID
    reference: str
    title: str
    state: str
    begun_at: datetime
    received_by: str
    files_received: int
    bytes_received: int
    files_found: int
    files_read: int
    bytes_found: int
    bytes_read: int
    records_read: int
    lines_skipped: int
    seconds_left: float | None
    linked: bool


class ExhibitList(Schema):
    exhibits: list[ExhibitOut]


class LineOut(Schema):
    path: str
    place: str
    code: str
    sentence: str
    note: bool = Field(description="A guess that was made; false: something that was not read.")


class LinePage(Schema):
    lines: list[LineOut]
    next: UUID | None


class ClaimOut(Schema):
    property: str
    kind: str
    raw: str
    normal: str | None
    role: str
    note: str
    generic: bool


class RecordOut(Schema):
    id: UUID
    kind: str
    label: str
    at: str = Field(description="ISO 8601; without Z the zone is not known; empty: no time.")
    exhibit: str
    path: list[str]
    place: str
    reader: str
    claims: list[ClaimOut]


class RecordPage(Schema):
    records: list[RecordOut]
    next: UUID | None


class MediaOut(Schema):
    id: UUID
    record: UUID
    name: str
    media_type: str
    width: int | None
    height: int | None
    duration: float | None
    sha256: str
    pdq: str | None
    quality: int | None
    known_as: list[str]
    widely_traded: bool


class MediaPage(Schema):
    media: list[MediaOut]
    next: UUID | None


class PositionOut(Schema):
    media: UUID
    name: str
    latitude: float
    longitude: float
    when: str
    camera: str


class PositionList(Schema):
    positions: list[PositionOut]


class CameraMatchOut(Schema):
    id: UUID
    media: UUID
    case: str
    pce: float
    is_reference: bool
    judged: str
    reason: str


class FingerprintOut(Schema):
    id: UUID
    device: str
    serial: str
    state: str
    sentence: str
    pictures: int
    agreement: float | None
    compared: int
    to_compare: int
    matches: list[CameraMatchOut]


class FingerprintList(Schema):
    fingerprints: list[FingerprintOut]


class FootageSide(Schema):
    media: UUID
    case: str
    sha256: str
    begin: float = Field(description="Seconds.")
    end: float


class FootageOut(Schema):
    """Seconds of one video that stand in another one."""

    id: UUID
    first: FootageSide
    second: FootageSide
    speed: float = Field(description="How fast the second shows it, compared with the first.")
    share: float = Field(description="Of the frames that could be compared, how many agree: 0 to 1.")
    frames: int
    distance: float = Field(description="Mean bits of PDQ apart.")
    orientation: str = Field(description="How the second lies beside the first.")
    still: bool = Field(description="One still picture: its seconds cannot be told apart.")
    found_at: datetime
    state: str = Field(description="suggested, confirmed or rejected.")
    judged_at: datetime | None
    judged_by: str


class FootagePage(Schema):
    footage: list[FootageOut]
    next: UUID | None


class FootageJudgement(Schema):
    state: Annotated[str, Field(pattern="^(confirmed|rejected|suggested)$", description="suggested: taken back.")]


class VoteIn(Schema):
    """A vote on the entry that named a file; a doubt has its reason."""

    confirms: bool
    reason: Annotated[str, Field(max_length=2_000), AfterValidator(_no_nul)] = ""


class VoteGiven(Schema):
    id: UUID


class VoteOut(Schema):
    id: UUID
    hash_set_id: UUID
    name: str
    confirms: bool
    reason: str
    officer: str
    mine: bool
    voted_at: datetime


class VotePage(Schema):
    votes: list[VoteOut]
    next: UUID | None


class HeldOut(Schema):
    """An entry that was held back: roughly how much it marked, and never which files."""

    id: UUID
    hash_set_id: UUID
    name: str
    files: str
    because: str
    held_at: datetime
    state: str = Field(description="held, released or rejected.")
    decided_at: datetime | None
    decided_by: str
    reason: str


class HeldPage(Schema):
    held: list[HeldOut]
    next: UUID | None


class HeldDecision(Schema):
    """What becomes of a held entry; a release and a rejection have a reason."""

    state: Annotated[str, Field(pattern="^(released|rejected|held)$", description="held: held back again.")]
    reason: Annotated[str, Field(max_length=2_000), AfterValidator(_no_nul)] = ""


class ConnectionOut(Schema):
    id: UUID
    other: str
    other_title: str
    other_agency: str
    kinds: list[str]
    hops: int
    probability: float
    strength: float
    sentence: str
    found_at: datetime
    paths: list[dict[str, Any]]


class ConnectionList(Schema):
    connections: list[ConnectionOut]
    total: int
    page: int
    pages: int


class PointerOut(Schema):
    id: UUID
    agency: str
    officer: str
    phone: str
    email: str
    since: datetime
    may_request: bool
    sentence: str


class PointerList(Schema):
    pointers: list[PointerOut]


class AlertOut(Schema):
    id: UUID
    kind: str
    sentence: str
    strength: float
    factors: list[dict[str, Any]]
    case: str
    state: str
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str
    decided_because: str


class AlertList(Schema):
    alerts: list[AlertOut]
    total: int
    page: int
    pages: int


class Dismissal(Schema):
    reason: Reason


class TargetIn(Schema):
    """A target to declare: values as a person writes them, one each."""

    values: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_no_nul)]],
        Field(min_length=1, max_length=50),
    ]
    kind: Annotated[str, Field(pattern=f"^({'|'.join(TARGET_KINDS)}|)$")] = ""
    purpose: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_no_nul)]
    days: Annotated[int, Field(ge=1, le=366)] = 90
    label: Annotated[str, Field(max_length=200), AfterValidator(_no_nul)] = ""
    contact: Annotated[str, Field(max_length=200), AfterValidator(_no_nul)] = ""


class OperationIn(Schema):
    """An operation to declare: a position with a radius, or an address."""

    operation: Annotated[str, Field(pattern=f"^({'|'.join(OperationKind.values)})$")]
    begins_at: datetime
    ends_at: datetime
    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None
    radius_metres: Annotated[int, Field(ge=0, le=50_000)] = 0
    place: Annotated[str, Field(max_length=300), AfterValidator(_no_nul)] = ""
    purpose: Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_no_nul)]
    label: Annotated[str, Field(max_length=200), AfterValidator(_no_nul)] = ""
    contact: Annotated[str, Field(max_length=200), AfterValidator(_no_nul)] = ""


class DeclaredValueOut(Schema):
    kind: str
    value: str
    raw: str
    generic: bool


class DeclarationOut(Schema):
    id: UUID
    case: str
    operation: bool
    label: str
    kind_label: str
    values: list[DeclaredValueOut]
    begins_at: datetime
    ends_at: datetime
    place: str
    declared_by: str
    declared_at: datetime
    compared_at: datetime | None = Field(description="Null: all that is kept is still being compared; ask again.")
    live: bool
    withdrawn_at: datetime | None
    conflicts: int = Field(description="Those that your side is told; 0 means none that may be told.")


class DeclarationList(Schema):
    declarations: list[DeclarationOut]
    total: int
    page: int
    pages: int


class PartOut(Schema):
    kind: str
    value: str
    where: str


class ConflictOut(Schema):
    id: UUID
    case: str
    operation: bool
    agency: str
    own_agency: bool
    officer: str
    phone: str
    email: str
    contact: str
    sentence: str
    state: str
    outcome: str
    told_them: bool
    may_request: bool
    unanswered: bool
    over: bool
    since: datetime
    parts: list[PartOut]


class ConflictList(Schema):
    conflicts: list[ConflictOut]
    total: int
    page: int
    pages: int


class InquiryOut(Schema):
    id: UUID
    number: str
    case: str
    subject: str
    instrument: str
    purpose: str
    emergency: bool
    provider: str
    state: str
    next_at: datetime | None
    next_sentence: str
    overdue: bool
    drafted_by: str
    drafted_at: datetime


class InquiryList(Schema):
    inquiries: list[InquiryOut]
    total: int
    page: int
    pages: int


class InquiryDraft(Schema):
    instrument: Annotated[str, Field(max_length=60), AfterValidator(_no_nul)] = Field(description="Key, as us-2703-f.")
    provider: UUID
    claims: Annotated[list[UUID], Field(max_length=200)] = Field(
        default=[], description="Claims whose values are carried over with time, port and place."
    )


class InquiryDrafted(Schema):
    id: UUID
    missing: list[str] = Field(description="What stands against its approval: each a sentence.")


class SeriesMemberOut(Schema):
    media: UUID
    sha256: str
    group: int = Field(description="Files of one group are near-duplicates of one another.")
    kind: str
    sentence: str


class SeriesOut(Schema):
    id: UUID
    name: str
    kinds: list[str]
    reasons: list[str] = Field(description="A sentence of each kind, and of each other thing that its files share.")
    cut: str
    grown_at: datetime
    members: list[SeriesMemberOut]


class SeriesPage(Schema):
    series: list[SeriesOut]
    next: UUID | None


class GradeStanding(Schema):
    id: UUID
    media: UUID
    sha256: str
    scheme: str
    state: str = Field(description="voted, mine, agreed, differs or settled.")
    grade: str | None = Field(
        description="Null while the votes differ, and while only others voted: votes are independent."
    )
    mine: str | None
    votes: int
    round: int


class GradePage(Schema):
    grades: list[GradeStanding]
    next: UUID | None


class GradesIn(Schema):
    """One act of grading: your vote on each of these files."""

    media: Annotated[list[UUID], Field(min_length=1, max_length=1_000)]
    scheme: Annotated[str, Field(min_length=1, max_length=20), AfterValidator(_no_nul)]
    grade: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_no_nul)]
    client_id: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_no_nul)] = Field(
        description="Yours for this act: sent again, it changes nothing and answers as before."
    )


class GradesGiven(Schema):
    act: UUID = Field(description="To be undone as a whole on the pages.")
    files: int
    label: str
    repeated: bool


class ReadyEntry(Schema):
    id: UUID
    case: str
    media: UUID
    sha256: str
    scheme: str
    grade: str
    votes: int


class ReadyPage(Schema):
    entries: list[ReadyEntry]
    next: UUID | None


class MarkOut(Schema):
    id: UUID
    name: str
    kind: str
    description: str
    made_at: datetime
    made_by: str
    withdrawn: bool
    released_by: str = Field(description="The agency that released it to yours; empty where it is your own.")
    media: UUID = Field(description="The picture that the region was marked on.")
    polygon: list[list[float]] = Field(description="Its corners as [x, y], shares of the upright picture.")
    features: int = Field(description="How many points stand out in it; sought by fewer than 15 it is rarely found.")
    searched_at: datetime | None = Field(description="Null while it is being sought for the first time.")
    trouble: str


class MarkPageOut(Schema):
    marks: list[MarkOut]
    next: UUID | None


class PlaceOut(Schema):
    id: UUID
    media: UUID
    sha256: str
    case: str
    second: float | None = Field(description="Of a video: the frame in which it stands most surely.")
    also_at: list[float] = Field(description="Of a video: the other frames.")
    mirrored: bool
    score: float
    points: int
    turn_degrees: float
    size: float
    outline: list[list[float]] = Field(
        description="The region's corners as they lie there, perhaps outside the picture."
    )
    why: str
    verdict: str | None = Field(description="same, different, or null while nobody decided.")
    reason: str
    judged_by: str
    judged_at: datetime | None


class MarkDetail(MarkOut):
    places: list[PlaceOut] = Field(description="The surest first, only where you may see both sides.")
    more: int


Share = Annotated[float, Field(ge=0, le=1)]


class MarkIn(Schema):
    """A place or thing on a picture, never a person."""

    name: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_no_nul)]
    kind: Annotated[str, Field(max_length=20), AfterValidator(_no_nul)] = Field(
        description="As the page of a picture lists them."
    )
    description: Annotated[str, Field(max_length=2_000), AfterValidator(_no_nul)] = ""
    polygon: Annotated[
        list[Annotated[list[Share], Field(min_length=2, max_length=2)]], Field(min_length=3, max_length=60)
    ]


class MarkMade(Schema):
    id: UUID


class PlaceVerdict(Schema):
    verdict: Annotated[str, Field(pattern="^(same|different)$")]
    reason: Annotated[str, Field(max_length=300), AfterValidator(_no_nul)] = ""


class HitOut(Schema):
    part: str
    kind: str
    label: str
    subtitle: str
    text: str
    case: str
    url: str


class Found(Schema):
    hits: list[HitOut]
    totals: dict[str, int]


api = NinjaAPI(
    title="OpenCETS",
    version="1",
    description=__doc__ or "",
    urls_namespace="api",
    auth=SignedIn(csrf=True),
    docs_url=None,
    openapi_url="/openapi.json",
)


class SightingFileIn(Schema):
    name: Annotated[NoNul, Field(max_length=200)] = Field(description="With its ending, such as day.jsonl.gz.")
    sensor: Annotated[NoNul, Field(max_length=120)]
    authority: Annotated[NoNul, Field(max_length=300)] = Field(
        description="The order or law under which it was observed."
    )
    zone: Annotated[NoNul, Field(max_length=60)] = Field("", description="Of times without one, as Europe/London.")
    size: int = Field(0, ge=0, le=1 << 36, description="Bytes; 0: not known yet.")


class SightingFileBegun(Schema):
    id: UUID
    chunk: int = Field(description="The most bytes of one chunk.")


class SightingFileHere(Schema):
    arrived: int = Field(description="Bytes; the next chunk begins there.")


class SightingFileDone(Schema):
    sha256: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{64})?$")] = Field("", description="Of the whole file.")


class SightingFileOut(Schema):
    id: UUID
    name: str
    sensor: str
    authority: str
    size: int
    state: str
    rows: int
    again: int = Field(description="Rows that were in the ledger before.")
    refused: int
    sentence: str


PROBLEMS = dict.fromkeys((400, 401, 403, 404, 409, 422, 428), Problem)
router = Router()


def _page(page: Any) -> dict[str, int]:
    return {"total": page.paginator.count, "page": page.number, "pages": page.paginator.num_pages}


def _cut(rows: list[Any], limit: int) -> tuple[list[Any], UUID | None]:
    """The rows of this page and the cursor of the next: one row more than asked for was read."""
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


@router.get("/cases", response={200: CaseList, **PROBLEMS}, operation_id="listCases")
def list_cases(
    request: HttpRequest, words: NoNul = WORDS, state: Annotated[str, Query(pattern="^(open|closed|)$")] = "",
    mine: bool = False, page: Number = 1,
) -> dict[str, Any]:  # fmt: skip
    """The cases that you may see, newest first."""
    found = cases.list_cases(actor_of(request), words=words, state=state, mine=mine, number=page)
    return {"cases": [asdict(row) for row in found.rows], **_page(found.page)}


@router.get("/cases/{reference}", response={200: CaseDetail, **PROBLEMS}, operation_id="getCase")
def get_case(request: HttpRequest, reference: Reference) -> dict[str, Any]:
    """One case."""
    frame = cases.get_frame(actor_of(request), reference, "")
    _log_case(actor_of(request), frame, "case")
    shown = {name: getattr(frame, name) for name in CaseDetail.model_fields if name not in ("numbers", "officers")}
    numbers = [{"partner": partner, "number": number} for _, partner, number in frame.numbers]
    return {**shown, "officers": list(frame.officers), "numbers": numbers}


@router.get("/cases/{reference}/exhibits", response={200: ExhibitList, **PROBLEMS}, operation_id="listExhibits")
def list_exhibits(request: HttpRequest, reference: Reference) -> dict[str, Any]:
    """The exhibits of a case and how far each is, newest first."""
    return {"exhibits": [asdict(row) for row in evidence.list_exhibits(actor_of(request), reference).rows]}


@router.get("/exhibits/{exhibit_id}/report", response={200: LinePage, **PROBLEMS}, operation_id="listReportLines")
def list_report_lines(
    request: HttpRequest, exhibit_id: UUID, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """What of an exhibit was not read, where and why; and the guesses that were made."""
    actor = actor_of(request)
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), pk=exhibit_id)
    subject = f"exhibit:{exhibit.case.reference}/{exhibit.reference}"
    log.record("exhibit.viewed", actor, holding=(exhibit.holding_id, exhibit.agency_id), subject=subject)
    lines = door.visible(actor, ReportLine.objects.filter(exhibit=exhibit, retired_at=None))
    rows, following_cursor = _cut(_after(lines, cursor, limit), limit)
    return {
        "lines": [{**following.line_of(row), "note": row.code.startswith("note:")} for row in rows],
        "next": following_cursor,
    }


@router.get("/cases/{reference}/records", response={200: RecordPage, **PROBLEMS}, operation_id="listRecords")
def list_records(
    request: HttpRequest, reference: Reference, kind: NoNul = KIND, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:  # fmt: skip
    """The records of a case with their claims, each with the place it was read from."""
    actor = actor_of(request)
    frame = cases.get_frame(actor, reference, "")
    _log_case(actor, frame, "records")
    records = door.visible(actor, Record.objects.filter(case_id=frame.case_id, retired_at=None))
    if kind:
        records = records.filter(kind=kind)
    rows, following_cursor = _cut(_after(records.select_related("exhibit", "file"), cursor, limit), limit)
    claims: dict[UUID, list[Claim]] = {}
    for claim in door.visible(actor, Claim.objects.filter(record__in=[row.id for row in rows])).order_by("id"):
        claims.setdefault(claim.record_id, []).append(claim)
    return {"records": [_record(row, claims.get(row.id, [])) for row in rows], "next": following_cursor}


def _record(row: Record, claims: Iterable[Claim]) -> dict[str, Any]:
    return {
        "id": row.id, "kind": row.kind, "label": row.label, "at": row.at_text, "exhibit": row.exhibit.reference,
        "path": row.file.path, "place": row.place, "reader": row.reader,
        "claims": [{name: getattr(claim, name) for name in ClaimOut.model_fields} for claim in claims],
    }  # fmt: skip


@router.get("/cases/{reference}/media", response={200: MediaPage, **PROBLEMS}, operation_id="listMedia")
def list_media(request: HttpRequest, reference: Reference, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """The pictures and videos of a case: digests, size, as what they are known. Never their bytes."""
    actor = actor_of(request)
    frame = cases.get_frame(actor, reference, "")
    _log_case(actor, frame, "media")
    media = door.visible(actor, Media.objects.filter(case_id=frame.case_id)).select_related("file")
    rows, following_cursor = _cut(_after(media, cursor, limit), limit)
    plain = ("id", "media_type", "width", "height", "duration", "sha256", "quality", "known_as", "widely_traded")
    shown = [
        {**{name: getattr(row, name) for name in plain}, "record": row.record_id, "name": row.file.name,
         "pdq": bytes(row.pdq).hex() if row.pdq else None}
        for row in rows
    ]  # fmt: skip
    return {"media": shown, "next": following_cursor}


@router.get("/cases/{reference}/series", response={200: SeriesPage, **PROBLEMS}, operation_id="listSeries")
def list_series(
    request: HttpRequest, reference: Reference, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """The series of a case: files that belong together, each with the reason."""
    found = grading.list_series(actor_of(request), reference, cursor, limit)
    return {"series": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.get("/cases/{reference}/grades", response={200: GradePage, **PROBLEMS}, operation_id="listGrades")
def list_grades(
    request: HttpRequest, reference: Reference, scheme: NoNul = "", cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """Where the grades of a case's files stand, as you may know them: what others voted is yours to see once you have."""
    found = grading.list_grades(actor_of(request), reference, scheme, cursor, limit)
    return {"grades": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.post("/grades", response={200: GradesGiven, **PROBLEMS}, operation_id="giveGrades")
def give_grades(request: HttpRequest, given: GradesIn) -> dict[str, Any]:
    """Vote on files, in place of your earlier votes on them; idempotent by `client_id`."""
    actor, how = actor_of(request), "group" if len(given.media) > 1 else "single"
    done = grading_actions.give_grades(actor, given.media, given.scheme, given.grade, given.client_id, how=how)
    return {"act": done.act_id, "files": done.files, "label": done.label, "repeated": done.repeated}


@router.get("/entries", response={200: ReadyPage, **PROBLEMS}, operation_id="listReadyEntries")
def list_ready_entries(request: HttpRequest, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """Graded files of your agency on which enough independent votes agree: they may leave as entries, from their page."""
    found = grading.list_ready(actor_of(request), cursor, limit)
    return {"entries": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.get("/cases/{reference}/marks", response={200: MarkPageOut, **PROBLEMS}, operation_id="listMarks")
def list_marks(request: HttpRequest, reference: Reference, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """The places and things marked in a case, the newest first."""
    found = marks.list_marks(actor_of(request), reference, cursor, limit)
    return {"marks": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.get("/marks/{mark_id}", response={200: MarkDetail, **PROBLEMS}, operation_id="getMark")
def get_mark(request: HttpRequest, mark_id: UUID, limit: Limit = 100) -> dict[str, Any]:
    """One mark, and where it was found: pictures and seconds of videos, each with what speaks for it and what was decided."""
    return marks.list_places(actor_of(request), mark_id, limit)


@router.post("/media/{media_id}/marks", response={201: MarkMade, **PROBLEMS}, operation_id="makeMark")
def make_mark(request: HttpRequest, media_id: UUID, given: MarkIn) -> Status[dict[str, Any]]:
    """Mark a region of a picture; it is sought in all pictures and videos, now and as they come."""
    made = mark_actions.mark_region(actor_of(request), media_id, **given.dict())
    return Status(201, {"id": made})


@router.post("/marks/{mark_id}/withdraw", response={204: None, **PROBLEMS}, operation_id="withdrawMark")
def withdraw_mark(request: HttpRequest, mark_id: UUID) -> Status[None]:
    """Take a mark out of use: it is sought in nothing new. Its places stay."""
    mark_actions.withdraw(actor_of(request), mark_id)
    return Status(204, None)


@router.post("/marks/{mark_id}/restore", response={204: None, **PROBLEMS}, operation_id="restoreMark")
def restore_mark(request: HttpRequest, mark_id: UUID) -> Status[None]:
    """Put a withdrawn mark back; it is sought in what came meanwhile."""
    mark_actions.restore(actor_of(request), mark_id)
    return Status(204, None)


@router.post("/places/{match_id}/judge", response={204: None, **PROBLEMS}, operation_id="judgePlace")
def judge_place(request: HttpRequest, match_id: UUID, given: PlaceVerdict) -> Status[None]:
    """Say whether a place is the same or something else; what was decided before is ended, and stays known."""
    mark_actions.judge(actor_of(request), match_id, given.verdict, given.reason)
    return Status(204, None)


@router.post("/places/{match_id}/undo", response={204: None, **PROBLEMS}, operation_id="undoPlace")
def undo_place(request: HttpRequest, match_id: UUID) -> Status[None]:
    """End what was decided about a place: it is a suggestion again."""
    mark_actions.undo_judgement(actor_of(request), match_id)
    return Status(204, None)


@router.get("/cases/{reference}/positions", response={200: PositionList, **PROBLEMS}, operation_id="listPositions")
def list_positions(request: HttpRequest, reference: Reference) -> dict[str, Any]:
    """Where and when the files of a case say they were made, oldest first; ``when`` says whether its zone is known."""
    lines = cameras.list_places(actor_of(request), reference, since="", until="")
    plain = ("latitude", "longitude", "when", "camera")
    return {
        "positions": [
            {"media": line.media_id, "name": line.label, **{name: getattr(line, name) for name in plain}}
            for line in lines
        ]
    }


@router.get(
    "/cases/{reference}/fingerprints", response={200: FingerprintList, **PROBLEMS}, operation_id="listFingerprints"
)
def list_fingerprints(request: HttpRequest, reference: Reference) -> dict[str, Any]:
    """The camera fingerprints made in a case, with the pictures in which each was found and how they were judged."""
    found = cameras.get_cameras(actor_of(request), reference)
    plain = ("id", "device", "serial", "state", "sentence", "pictures", "agreement", "compared", "to_compare")
    of_match = ("id", "pce", "is_reference", "judged", "reason")
    return {
        "fingerprints": [
            {
                **{name: getattr(line, name) for name in plain},
                "matches": [
                    {"media": match.media_id, "case": match.case_reference,
                     **{name: getattr(match, name) for name in of_match}}
                    for match in line.matches
                ],
            }
            for line in found.prints
        ]
    }  # fmt: skip


@router.get("/cases/{reference}/footage", response={200: FootagePage, **PROBLEMS}, operation_id="listFootage")
def list_footage(
    request: HttpRequest, reference: Reference, cursor: Cursor = None, limit: Limit = 100
) -> dict[str, Any]:
    """Seconds that the videos of a case share with others, where you may see both, and how they were judged."""
    found = videos.list_shared(actor_of(request), reference, cursor, limit)
    return {"footage": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.post("/footage/{footage_id}/judge", response={204: None, **PROBLEMS}, operation_id="judgeFootage")
def judge_footage(request: HttpRequest, footage_id: UUID, given: FootageJudgement) -> Status[None]:
    """Confirm shared footage, reject it, or take the judgement back."""
    acts = {"confirmed": video_actions.confirm, "rejected": video_actions.reject, "suggested": video_actions.reopen}
    acts[given.state](actor_of(request), footage_id)
    return Status(204, None)


@router.get("/votes", response={200: VotePage, **PROBLEMS}, operation_id="listVotes")
def list_votes(request: HttpRequest, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """The votes of your agency on entries of hash sets; the entries themselves are shown to nobody."""
    found = media.list_votes(actor_of(request), cursor, limit)
    return {"votes": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.post("/media/{media_id}/vote", response={201: VoteGiven, **PROBLEMS}, operation_id="voteOnKnown")
def vote_on_known(request: HttpRequest, media_id: UUID, given: VoteIn) -> Status[dict[str, Any]]:
    """Confirm or doubt the entry that named a file, in place of your earlier vote on it."""
    actor = actor_of(request)
    made = media_actions.vote_on_known(actor, media_id, confirms=given.confirms, reason=given.reason)
    return Status(201, {"id": made})


@router.post("/votes/{vote_id}/withdraw", response={204: None, **PROBLEMS}, operation_id="withdrawVote")
def withdraw_vote(request: HttpRequest, vote_id: UUID) -> Status[None]:
    """Take your own vote back."""
    media_actions.withdraw_vote(actor_of(request), vote_id)
    return Status(204, None)


@router.get("/held-entries", response={200: HeldPage, **PROBLEMS}, operation_id="listHeldEntries")
def list_held_entries(request: HttpRequest, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """Entries of your agency's hash sets that marked too much and were held back, and what was decided."""
    found = media.list_held_entries(actor_of(request), cursor, limit)
    return {"held": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}


@router.post("/held-entries/{held_id}/decide", response={204: None, **PROBLEMS}, operation_id="decideHeldEntry")
def decide_held_entry(request: HttpRequest, held_id: UUID, given: HeldDecision) -> Status[None]:
    """Release a held entry, reject it, or hold it back again."""
    actor = actor_of(request)
    if given.state == "held":
        media_actions.hold_again(actor, held_id)
    else:
        decide = media_actions.release_held if given.state == "released" else media_actions.reject_held
        decide(actor, held_id, given.reason)
    return Status(204, None)


@router.get(
    "/cases/{reference}/connections", response={200: ConnectionList, **PROBLEMS}, operation_id="listConnections"
)
def list_connections(request: HttpRequest, reference: Reference, page: Number = 1) -> dict[str, Any]:
    """What a case connects to, strongest first, each with its paths and reasons."""
    found = leads.list_connections(actor_of(request), reference, number=page)
    return {"connections": [asdict(row) for row in found.rows], **_page(found.page)}


@router.get("/cases/{reference}/pointers", response={200: PointerList, **PROBLEMS}, operation_id="listPointers")
def list_pointers(request: HttpRequest, reference: Reference) -> dict[str, Any]:
    """Whom to call: other agencies that hold something which connects."""
    actor = actor_of(request)
    frame = cases.get_frame(actor, reference, "")
    _log_case(actor, frame, "pointers")
    return {"pointers": [asdict(row) for row in leads.case_pointers(actor, frame)]}


@router.get("/alerts", response={200: AlertList, **PROBLEMS}, operation_id="listAlerts")
def list_alerts(
    request: HttpRequest, state: Annotated[str, Query(pattern="^(new|accepted|dismissed|)$")] = "new", mine: bool = False,
    page: Number = 1,
) -> dict[str, Any]:  # fmt: skip
    """Alerts with their reasons, strongest first."""
    found = leads.list_alerts(actor_of(request), state=state, mine=mine, number=page)
    return {"alerts": [asdict(row) for row in found.rows], **_page(found.page)}


@router.post("/alerts/{alert_id}/accept", response={204: None, **PROBLEMS}, operation_id="acceptAlert")
def accept_alert(request: HttpRequest, alert_id: UUID) -> Status[None]:
    """Take an alert on."""
    lead_actions.accept_alert(actor_of(request), alert_id)
    return Status(204, None)


@router.post("/alerts/{alert_id}/dismiss", response={204: None, **PROBLEMS}, operation_id="dismissAlert")
def dismiss_alert(request: HttpRequest, alert_id: UUID, given: Dismissal) -> Status[None]:
    """Dismiss an alert with a reason; it can be opened again on its page."""
    lead_actions.dismiss_alert(actor_of(request), alert_id, given.reason)
    return Status(204, None)


@router.get("/inquiries", response={200: InquiryList, **PROBLEMS}, operation_id="listInquiries")
def list_inquiries(
    request: HttpRequest, words: NoNul = WORDS,
    state: Annotated[str, Query(pattern="^(open|overdue|ended|any)$")] = "open", mine: bool = False, page: Number = 1,
) -> dict[str, Any]:  # fmt: skip
    """Data requests to providers, what is due first at the top."""
    found = inquiries.list_inquiries(actor_of(request), words=words, state=state, mine=mine, number=page)
    return {"inquiries": [asdict(row) for row in found.rows], **_page(found.page)}


@router.post("/cases/{reference}/inquiries", response={201: InquiryDrafted, **PROBLEMS}, operation_id="draftInquiry")
def draft_inquiry(request: HttpRequest, reference: Reference, given: InquiryDraft) -> Status[dict[str, Any]]:
    """Draft a data request, with the values of claims of the case. It is completed and approved on its page."""
    actor = actor_of(request)
    made = inquiry_actions.draft_inquiry(
        actor,
        reference,
        instrument=given.instrument,
        provider_id=given.provider,
        claim_ids=[str(one) for one in given.claims],
    )
    return Status(201, {"id": made, "missing": list(inquiries.get_inquiry(actor, made).missing)})


@router.get("/search", response={200: Found, **PROBLEMS}, operation_id="search")
def search(
    request: HttpRequest, q: NoNul = ASKED,
    part: Annotated[str, Query(pattern="^(identifiers|cases|people|alike|messages|visible|files|)$")] = "", page: Number = 1,
    language: NoNul = "", case: NoNul = "", since: Day = "", until: Day = "",
) -> dict[str, Any]:  # fmt: skip
    """Across the rooms, only what you may see. The search is logged."""
    ask = read_search(q, language=language, part=part, case=case, since=since, until=until)
    found = search_everywhere(actor_of(request), ask, number=page)
    hits = [
        {
            "part": group.part, "kind": hit.kind, "label": "".join(piece for piece, _ in hit.label), "subtitle": hit.subtitle,
            "text": "".join(piece for piece, _ in hit.text), "case": hit.case, "url": hit.url,
        }
        for group in found.groups
        for hit in group.hits
    ]  # fmt: skip
    return {"hits": hits, "totals": {group.part: group.total for group in found.groups}}


@router.get("/declarations", response={200: DeclarationList, **PROBLEMS}, operation_id="listDeclarations")
def list_declarations(request: HttpRequest, case: NoNul = CASE, live: bool = True, page: Number = 1) -> dict[str, Any]:
    """What your agency declared, newest first; with `live=false` also what ended or was withdrawn."""
    rows, found = deconfliction.list_declarations(actor_of(request), case=case, live=live, number=page)
    return {"declarations": [asdict(row) for row in rows], **_page(found)}


@router.get("/declarations/{declaration_id}", response={200: DeclarationOut, **PROBLEMS}, operation_id="getDeclaration")
def get_declaration(request: HttpRequest, declaration_id: UUID) -> dict[str, Any]:
    """One declaration, whether it has been compared, and how many conflicts your side is told."""
    return asdict(deconfliction.get_declaration(actor_of(request), declaration_id).row)


@router.post("/cases/{reference}/targets", response={201: DeclarationOut, **PROBLEMS}, operation_id="declareTarget")
def declare_target(request: HttpRequest, reference: Reference, given: TargetIn) -> Status[dict[str, Any]]:
    """Declare a target for a case: it is compared with all that is declared and kept, and watches until its day."""
    actor = actor_of(request)
    values, refused = values_of("\n".join(given.values), kind=given.kind, country=actor.country)
    if refused:
        raise ActRefused(refused[0])
    named = given.model_dump(include={"purpose", "days", "label", "contact"})
    made = deconfliction_actions.declare_target(actor, reference, values, **named)
    return Status(201, asdict(deconfliction.get_declaration(actor, made).row))


@router.post(
    "/cases/{reference}/operations", response={201: DeclarationOut, **PROBLEMS}, operation_id="declareOperation"
)
def declare_operation(request: HttpRequest, reference: Reference, given: OperationIn) -> Status[dict[str, Any]]:
    """Declare an operation for a case: operations of others at the same time and place are found."""
    actor, named = actor_of(request), given.model_dump(exclude={"latitude", "longitude"})
    position = None if given.latitude is None or given.longitude is None else (given.latitude, given.longitude)
    if given.begins_at.tzinfo is None or given.ends_at.tzinfo is None:
        raise ActRefused("Say the time zone of both instants, for example 2026-11-24T06:00:00Z.")
    made = deconfliction_actions.declare_operation(actor, reference, **named, position=position)
    return Status(201, asdict(deconfliction.get_declaration(actor, made).row))


@router.post(
    "/declarations/{declaration_id}/withdraw", response={204: None, **PROBLEMS}, operation_id="withdrawDeclaration"
)
def withdraw_declaration(request: HttpRequest, declaration_id: UUID, given: Dismissal) -> Status[None]:
    """End a declaration now; it can be put back on its page until its day."""
    deconfliction_actions.withdraw_declaration(actor_of(request), declaration_id, given.reason)
    return Status(204, None)


@router.get("/conflicts", response={200: ConflictList, **PROBLEMS}, operation_id="listConflicts")
def list_conflicts(
    request: HttpRequest, case: NoNul = CASE, unanswered: bool = False, page: Number = 1
) -> dict[str, Any]:
    """Someone else works on this: conflicts of your agency's cases, unanswered first, each with whom to call."""
    rows, found = deconfliction.list_conflicts(actor_of(request), case=case, unanswered=unanswered, number=page)
    return {"conflicts": [asdict(row) for row in rows], **_page(found)}


@router.post("/sighting-files", response={201: SightingFileBegun, **PROBLEMS}, operation_id="beginSightingFile")
def begin_sighting_file(request: HttpRequest, given: SightingFileIn) -> Status[dict[str, Any]]:
    """Begin a file of sightings: its chunks follow in turn, then it is completed, kept encrypted and loaded."""
    made = sighting_actions.begin_file(actor_of(request), **given.dict())
    return Status(201, {"id": made, "chunk": sighting_actions.LARGEST_CHUNK})


@router.post(
    "/sighting-files/{file_id}/chunk",
    response={200: SightingFileHere, **PROBLEMS},
    operation_id="sendSightingChunk",
    openapi_extra={
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
def send_sighting_chunk(
    request: HttpRequest, file_id: UUID, offset: Annotated[int, Query(ge=0, le=1 << 36)]
) -> dict[str, Any]:
    """Send the next bytes of a file; a chunk that is here already changes nothing."""
    return {"arrived": sighting_actions.add_chunk(actor_of(request), file_id, offset, request.body)}


@router.post(
    "/sighting-files/{file_id}/complete", response={204: None, **PROBLEMS}, operation_id="completeSightingFile"
)
def complete_sighting_file(request: HttpRequest, file_id: UUID, given: SightingFileDone) -> Status[None]:
    """All chunks are here; the file is kept and loaded by a job."""
    sighting_actions.complete_file(actor_of(request), file_id, given.sha256)
    return Status(204, None)


@router.get("/sighting-files/{file_id}", response={200: SightingFileOut, **PROBLEMS}, operation_id="getSightingFile")
def get_sighting_file(request: HttpRequest, file_id: UUID) -> dict[str, Any]:
    """How far a file of sightings is."""
    return asdict(sightings.get_file(actor_of(request), file_id))


def _after(rows: Any, cursor: UUID | None, limit: int) -> list[Any]:
    if cursor is not None:
        rows = rows.filter(id__gt=cursor)
    return list(rows.order_by("id")[: limit + 1])


def _log_case(actor: Actor, frame: cases.CaseFrame, section: str) -> None:
    subject, details = f"case:{frame.reference}", {"section": section, "by": "api"}
    log.record("case.viewed", actor, holding=frame.holding, subject=subject, details=details)


@api.exception_handler(ActRefused)
def _refused(request: HttpRequest, refusal: ActRefused) -> HttpResponse:
    """As on the pages: absent and forbidden look alike, and the log has the difference."""
    status = 404 if isinstance(refusal, NotFound) else 409
    details = {"path": request.path[:400].replace("\x00", "\ufffd"), "code": refusal.code}
    log.record("door.refused", actor_of(request), details=details)
    return api.create_response(request, {"code": refusal.code, "sentence": refusal.sentence}, status=status)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0] if error.errors else {}
    where = ".".join(str(part) for part in first.get("loc", ())[1:])
    sentence = f"{where or 'The request'}: {first.get('msg', 'not as declared')}"
    return api.create_response(request, {"code": "invalid", "sentence": sentence}, status=422)


@api.exception_handler(AuthenticationError)
def _signed_out(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return api.create_response(request, {"code": "sign-in", "sentence": "Sign in first."}, status=401)


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    return api.create_response(request, {"code": "refused", "sentence": str(error)}, status=error.status_code)


api.add_router("", router)
