"""Reading evidence for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.functional import cached_property

from opencets.errors import NotFound
from opencets_web.audit import log
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.casework.queries import CommentRow, Person, list_comments, people_on
from opencets_web.evidence.models import (
    Claim,
    CustodyEntry,
    Exhibit,
    ExhibitFile,
    ExhibitState,
    FileState,
    Record,
    ReportLine,
)
from opencets_web.policy import door
from opencets_web.policy.actor import Actor


@dataclass(frozen=True, slots=True)
class ExhibitRow:
    """An exhibit in a list, with how far it is."""

    id: UUID
    case_id: UUID
    reference: str
    title: str
    state: str
    state_label: str
    begun_at: datetime
    received_by: str
    files_received: int
    bytes_received: int
    files_expected: int
    files_found: int
    files_read: int
    bytes_found: int
    bytes_read: int
    records_read: int
    lines_skipped: int
    seconds_left: float | None
    linked: bool

    @property
    def running(self) -> bool:
        """Whether something still happens to it."""
        return self.state in (ExhibitState.RECEIVING, ExhibitState.RECEIVED, ExhibitState.READING)

    @property
    def progress_state(self) -> str:
        """As the progress component names it."""
        return {
            ExhibitState.RECEIVING: "running",
            ExhibitState.RECEIVED: "waiting",
            ExhibitState.READING: "running",
            ExhibitState.READ: "done",
        }.get(ExhibitState(self.state), "failed")


def _row(exhibit: Exhibit) -> ExhibitRow:
    return ExhibitRow(
        id=exhibit.id,
        case_id=exhibit.case_id,
        reference=exhibit.reference,
        title=exhibit.title,
        state=exhibit.state,
        state_label=ExhibitState(exhibit.state).label,
        begun_at=exhibit.begun_at,
        received_by=exhibit.received_by.display_name,
        files_received=exhibit.files_received,
        bytes_received=exhibit.bytes_received,
        files_expected=max(exhibit.files_expected, exhibit.files_received),
        files_found=max(exhibit.files_found, exhibit.files_read),
        files_read=exhibit.files_read,
        bytes_found=exhibit.bytes_found,
        bytes_read=exhibit.bytes_read,
        records_read=exhibit.records_read,
        lines_skipped=exhibit.lines_skipped,
        seconds_left=_seconds_left(exhibit),
        linked=exhibit.linked_at is not None,
    )


def _seconds_left(exhibit: Exhibit) -> float | None:
    """From the bytes read so far and since when; None before there is something to judge by."""
    if exhibit.state != ExhibitState.READING or exhibit.reading_at is None or not exhibit.bytes_read:
        return None
    spent = (timezone.now() - exhibit.reading_at).total_seconds()
    left = max(exhibit.bytes_found - exhibit.bytes_read, 0)
    return spent * left / exhibit.bytes_read


@dataclass(frozen=True, slots=True)
class ExhibitsPage:
    """The exhibits of a case."""

    frame: CaseFrame
    rows: tuple[ExhibitRow, ...]


def list_exhibits(actor: Actor, reference: str) -> ExhibitsPage:
    """The exhibits of a case, newest first."""
    frame = get_frame(actor, reference, "evidence:exhibits")
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id=frame.case_id)).select_related("received_by")
    log.record(
        "case.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "exhibits"}
    )
    return ExhibitsPage(frame, tuple(_row(exhibit) for exhibit in exhibits.order_by("-begun_at")[:200]))


def running_exhibits(actor: Actor, frame: CaseFrame) -> tuple[ExhibitRow, ...]:
    """The exhibits of a case to which something still happens."""
    states = [ExhibitState.RECEIVING, ExhibitState.RECEIVED, ExhibitState.READING]
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id=frame.case_id, state__in=states))
    return tuple(_row(exhibit) for exhibit in exhibits.select_related("received_by").order_by("-begun_at")[:10])


def exhibits_under_way(actor: Actor, case_ids: Collection[UUID], limit: int = 4) -> tuple[tuple[ExhibitRow, str], ...]:
    """The exhibits of these cases to which something still happens, the newest first, each with its case's reference."""
    states = [ExhibitState.RECEIVING, ExhibitState.RECEIVED, ExhibitState.READING]
    exhibits = door.visible(actor, Exhibit.objects.filter(case_id__in=case_ids, state__in=states))
    shown = exhibits.select_related("received_by", "case").order_by("-begun_at")[:limit]
    return tuple((_row(exhibit), exhibit.case.reference) for exhibit in shown)


def get_progress(actor: Actor, exhibit_id: UUID) -> tuple[ExhibitRow, str]:
    """How far one exhibit is, and its case's reference; not logged again: the page that asks was."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("received_by", "case"), pk=exhibit_id)
    return _row(exhibit), exhibit.case.reference


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of an exhibit in the report."""

    id: UUID
    path: str
    format: str
    media_type: str
    size: int
    state: str
    records_read: int
    lines_skipped: int
    sha256: str
    correctable: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report: something not read, or a guess that was made."""

    path: str
    place: str
    code: str
    sentence: str
    note: bool


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The reading report of an exhibit: what was read, what was not, why; custody beside it."""

    frame: CaseFrame
    exhibit: ExhibitRow
    formats: tuple[tuple[str, int, int], ...]
    kinds: tuple[tuple[str, int], ...]
    lines: tuple[Line, ...]
    lines_total: int
    files: tuple[FileRow, ...]
    page: Page[ExhibitFile]
    custody: tuple[tuple[datetime, str, str], ...]
    comments: tuple[CommentRow, ...]
    people: tuple[Person, ...]


def get_report(actor: Actor, exhibit_id: UUID, *, number: int = 1, only_skipped: bool = False) -> ReportPage:
    """The reading report of an exhibit."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("received_by", "case"), pk=exhibit_id)
    frame = get_frame(actor, exhibit.case.reference, "evidence:exhibits")
    files = ExhibitFile.objects.filter(exhibit=exhibit)
    formats = tuple(
        (row["format"] or "not read", row["files"], row["found"])
        for row in files.values("format").annotate(files=Count("id"), found=Sum("records_read")).order_by("-files")
    )
    kinds = tuple(
        Record.objects.filter(exhibit=exhibit, retired_at=None)
        .values_list("kind")
        .annotate(number=Count("id"))
        .order_by("-number")
    )
    lines = ReportLine.objects.filter(exhibit=exhibit, retired_at=None).order_by("code", "path", "place")
    shown = files.filter(Q(lines_skipped__gt=0) | Q(state=FileState.SKIPPED)) if only_skipped else files
    page = Paginator(shown.order_by("path"), 100).get_page(number)
    log.record(
        "exhibit.viewed",
        actor,
        holding=frame.holding,
        subject=f"exhibit:{frame.reference}/{exhibit.reference}",
        details={"page": page.number},
    )
    return ReportPage(
        frame=frame,
        exhibit=_row(exhibit),
        formats=formats,
        kinds=kinds,
        lines=tuple(
            Line(line.path, line.place, line.code.removeprefix("note:"), line.sentence, line.code.startswith("note:"))
            for line in lines[:300]
        ),
        lines_total=lines.count(),
        files=tuple(
            FileRow(
                file.id, " › ".join(file.path), file.format, file.media_type, file.size, FileState(file.state).label,
                file.records_read, file.lines_skipped, file.sha256, file.format == "table",
            )
            for file in page
        ),
        page=page,
        custody=tuple(
            (entry.at, entry.officer.display_name, entry.sentence)
            for entry in CustodyEntry.objects.filter(exhibit=exhibit).select_related("officer").order_by("at")
        ),
        comments=list_comments(actor, frame.case_id, exhibit.id),
        people=people_on(actor, frame.case_id, frame.holding_id, frame) if frame.may_contribute else (),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: what it was taken for, why, and a few of its cells."""

    index: int
    header: str
    meaning: str
    confidence: float
    why: str
    samples: tuple[str, ...]
    corrected: str | None


@dataclass(frozen=True, slots=True)
class ColumnsPage:
    """How the columns of a table were read, to be corrected."""

    frame: CaseFrame
    exhibit_id: UUID
    exhibit: str
    file_id: UUID
    path: str
    columns: tuple[Column, ...]
    options: dict[str, Any]


def get_columns(actor: Actor, file_id: UUID) -> ColumnsPage:
    """How a table's columns were taken when it was read. NotFound: not this actor's to correct, or no table."""
    file = door.admit(actor, ExhibitFile.objects.select_related("exhibit__case"), "contribute", pk=file_id)
    guesses = (file.signals or {}).get("columns")
    if guesses is None:
        raise NotFound
    frame = get_frame(actor, file.exhibit.case.reference, "evidence:exhibits", to="contribute")
    chosen: dict[str, str] = file.options.get("columns", {})
    log.record(
        "exhibit.viewed", actor, holding=frame.holding, subject=f"file:{file.id}", details={"section": "columns"}
    )
    columns = tuple(
        Column(index, header, meaning, confidence, why, tuple(samples), chosen.get(str(index)))
        for index, header, meaning, confidence, why, samples in guesses
    )
    return ColumnsPage(
        frame, file.exhibit_id, file.exhibit.reference, file.id, " › ".join(file.path), columns, file.options
    )


@dataclass(frozen=True, slots=True)
class Message:
    """A message as shown."""

    id: UUID
    day: str
    time: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str
    conversation: str
    where: str
    attachments: tuple[str, ...]
    reader: str


@dataclass(frozen=True, slots=True)
class MessagesPage:
    """The messages of a case in the order of time."""

    frame: CaseFrame
    messages: tuple[Message, ...]
    conversations: tuple[tuple[str, int], ...]
    page: Page[Record]
    words: str
    conversation: str
    by_day: tuple[tuple[str, int], ...]


def list_messages(
    actor: Actor,
    reference: str,
    *,
    conversation: str = "",
    words: str = "",
    first: str = "",
    last: str = "",
    number: int = 1,
) -> MessagesPage:
    """The messages of a case in time order; one conversation, words, or days (``YYYY-MM-DD``) where given."""
    from django.contrib.postgres.search import SearchQuery, SearchVector

    frame = get_frame(actor, reference, "evidence:messages")
    messages = door.visible(actor, Record.objects.filter(case_id=frame.case_id, kind="message", retired_at=None))
    conversations, by_day, total = _counts(messages)
    if conversation:
        messages = messages.filter(conversation=conversation)
    if first:
        messages = messages.filter(at_text__gte=first)
    if last:
        messages = messages.filter(at_text__lt=last + "T99")
    if words:
        messages = messages.annotate(words=SearchVector("body", config="simple")).filter(
            words=SearchQuery(words, config="simple", search_type="websearch")
        )
    rows = messages.order_by("at_text", "id").select_related("file", "exhibit")
    narrowed = conversation or first or last or words
    page = (Paginator(rows, 100) if narrowed else _Counted(rows, total)).get_page(number)
    log.record(
        "messages.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"conversation": conversation, "words": words, "from": first, "to": last, "page": page.number},
    )
    claims: dict[UUID, list[Claim]] = {}
    wanted = ("sender", "recipient", "subject", "attachment")
    for claim in Claim.objects.filter(record__in=[row.id for row in page], property__in=wanted):
        claims.setdefault(claim.record_id, []).append(claim)
    return MessagesPage(
        frame=frame,
        messages=tuple(_message(row, claims.get(row.id, [])) for row in page),
        conversations=conversations,
        page=page,
        words=words,
        conversation=conversation,
        by_day=by_day,
    )


class _Counted(Paginator):  # type: ignore[type-arg]
    """Pages of a hundred rows whose number is known already."""

    def __init__(self, rows: QuerySet[Record], total: int) -> None:
        super().__init__(rows, 100)
        self._total = total

    @cached_property
    def count(self) -> int:
        return self._total


def _counts(messages: QuerySet[Record]) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...], int]:
    """The hundred largest conversations, the messages of each day, and of all: one pass over the rows the actor may see."""
    rows, given = messages.order_by().values("conversation", day=Left("at_text", 10)).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"select grouping(m.conversation), grouping(m.day), m.conversation, m.day, count(*) from ({rows}) m"
            " group by grouping sets ((m.conversation), (m.day), ())",
            given,
        )
        found = cursor.fetchall()
    conversations = [(name, number) for other, _, name, _, number in found if not other]
    by_day = sorted((day, number) for _, other, _, day, number in found if not other and day)
    total = sum(number for one, other, _, _, number in found if one and other)
    return tuple(sorted(conversations, key=lambda pair: (-pair[1], pair[0]))[:100]), tuple(by_day), total


def _message(row: Record, claims: list[Claim]) -> Message:
    def raw(name: str) -> tuple[str, ...]:
        return tuple(claim.raw for claim in claims if claim.property == name)

    return Message(
        id=row.id,
        day=row.at_text[:10],
        time=row.at_text[11:19] + (" UTC" if row.at_text.endswith("Z") else ", zone not known")
        if row.at_text[11:]
        else "",
        sender=next(iter(raw("sender")), ""),
        recipients=raw("recipient"),
        subject=next(iter(raw("subject")), ""),
        body=row.body,
        conversation=row.conversation,
        where=f"{row.exhibit.reference} › {' › '.join(row.file.path)}" + (f" › {row.place}" if row.place else ""),
        attachments=raw("attachment"),
        reader=row.reader,
    )
