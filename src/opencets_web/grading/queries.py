"""Reading series, grades and entries for a page: actor first, frozen pages out.

Votes are independent. What others voted on a file is shown to an officer who has voted on it in the same round, and to a supervisor
who asked to see it and votes no more; everybody else sees how many votes there are. What was agreed or settled is open to all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from opencets.errors import NotFound
from opencets.records.grading import Scheme, schemes, translate
from opencets_web.accounts.models import Role
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.grading.models import (
    DecisionState,
    EntryRelease,
    Grade,
    GradeDecision,
    GradingAct,
    GradingRule,
    How,
    Series,
    SeriesMember,
)
from opencets_web.media.models import Media
from opencets_web.media.queries import ExposureToday, Tile, exposure_today, tiles_of
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.rules import LEVELS

VOTES = 3
"""Independent votes before an entry leaves, where the agency says nothing else (field reference: three in CAID)."""
SCHEME_OF_COUNTRY = {"GB": "UK", "US": "US", "DE": "DE", "CH": "CH-LU"}
SERIES_ON_A_PAGE = 15
TILES_OF_A_SERIES = 6
UNITS = 4
TILES_OF_A_UNIT = 60
SINGLES = 24
ACTS_SHOWN = 12
KINDS = {
    "near": "near-duplicates",
    "shoot": "one shoot",
    "number": "numbers in a row",
    "camera": "one camera",
    "mark": "one place or thing",
    "noise": "one sensor",
    "footage": "shared footage",
    "frame": "frames of a video",
}


def votes_needed(agency_id: UUID) -> int:
    """How many independent votes an agency demands before an entry leaves."""
    rule = GradingRule.objects.filter(agency_id=agency_id).first()
    return rule.votes if rule else VOTES


def scheme_of(actor: Actor, session: Mapping[str, Any]) -> Scheme:
    """The scheme that the actor grades in: chosen in this session, else the agency's, else by its country."""
    known = schemes()
    chosen = str(session.get("grading_scheme", ""))
    if chosen not in known:
        rule = GradingRule.objects.filter(agency_id=actor.agency_id).first()
        chosen = rule.scheme if rule and rule.scheme in known else ""
    return known[chosen or SCHEME_OF_COUNTRY.get(actor.country, "BASELINE")]


def may_grade(actor: Actor, reference: str) -> bool:
    """Whether the actor may work on a case that they may see; else NotFound."""
    case = door.admit(actor, Case.objects.all(), reference=reference)
    return door.level(actor, case.holding_id) >= LEVELS["contribute"]


# --- What an officer may know of a file's grade -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands on a tile. ``state``: ungraded, voted (by others alone), mine, agreed, differs, settled; ``mine``: own code."""

    state: str
    words: str
    tone: str
    mine: str = ""
    code: str = ""
    votes: int = 0


UNGRADED = Mark("ungraded", "", "line")


def _label(scheme: str, code: str) -> str:
    known = schemes().get(scheme)
    grade = known.grade(code) if known else None
    return grade.label if grade else code


def _mark(decision: GradeDecision | None, mine: str, needed: int) -> Mark:
    if decision is None or not decision.votes:
        return UNGRADED
    label = _label(decision.scheme, decision.code)
    if decision.state == DecisionState.SETTLED:
        return Mark("settled", label, "good", mine, decision.code, decision.votes)
    if decision.state == DecisionState.DIFFERS:
        return Mark("differs", "votes differ", "warn", mine, "", decision.votes)
    if decision.agreeing >= needed:
        return Mark("agreed", label, "good", mine, decision.code, decision.votes)
    if mine:
        return Mark("mine", label, "accent", mine, decision.code, decision.votes)
    return Mark("voted", f"{decision.votes} vote{'s' if decision.votes > 1 else ''}", "line", "", "", decision.votes)


def _standing(
    actor: Actor, rows: Sequence[Media], scheme: str
) -> tuple[dict[tuple[UUID, str], GradeDecision], dict[UUID, str]]:
    """The decisions on these media by case and digest, and the actor's own live code of each decision's round."""
    cases, digests = {row.case_id for row in rows}, {row.sha256 for row in rows}
    held = door.visible(
        actor, GradeDecision.objects.filter(case_id__in=cases, sha256__in=digests, scheme=scheme, votes__gt=0)
    )
    decisions = {(row.case_id, row.sha256): row for row in held}
    own = door.visible(
        actor,
        Grade.objects.filter(
            case_id__in=cases, sha256__in=digests, scheme=scheme, officer_id=actor.officer_id, ended_at=None
        ),
    )
    mine = {}
    for vote in own:
        decision = decisions.get((vote.case_id, vote.sha256))
        if decision is not None and decision.round == vote.round:
            mine[decision.id] = vote.code
    return decisions, mine


def _needed_of(agencies: Iterable[UUID]) -> dict[UUID, int]:
    wanted = set(agencies)
    said = dict(GradingRule.objects.filter(agency_id__in=wanted).values_list("agency_id", "votes"))
    return {agency: said.get(agency, VOTES) for agency in wanted}


def marks_of(
    actor: Actor, rows: Sequence[Media], scheme: str, needed: Mapping[UUID, int] | None = None
) -> dict[UUID, Mark]:
    """What the actor may know of the grade of each of these media, which they may see."""
    decisions, mine = _standing(actor, rows, scheme)
    needed = needed or _needed_of(row.agency_id for row in rows)
    found = {}
    for row in rows:
        decision = decisions.get((row.case_id, row.sha256))
        found[row.id] = _mark(decision, mine.get(decision.id, "") if decision else "", needed[row.agency_id])
    return found


def list_marks(actor: Actor, media_ids: Collection[UUID], scheme: Scheme) -> dict[UUID, Mark]:
    """As ``marks_of`` by id; ids that are not the actor's to see are left out. Shows no media, and is not logged."""
    rows = list(door.visible(actor, Media.objects.filter(id__in=list(media_ids)[:1_000])))
    return marks_of(actor, rows, scheme.name)


def _decisions(actor: Actor) -> QuerySet[GradeDecision]:
    """The decisions with votes on the row's file, in any scheme."""
    held = GradeDecision.objects.filter(case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), votes__gt=0)
    return door.visible(actor, held)


def _without_grade(actor: Actor, rows: QuerySet[Media]) -> QuerySet[Media]:
    return rows.filter(~Exists(_decisions(actor)))


def _with_own_vote(actor: Actor, rows: QuerySet[Media]) -> QuerySet[Media]:
    own = Grade.objects.filter(
        case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), officer_id=actor.officer_id, ended_at=None
    )
    return rows.filter(Exists(own))


def _with_others_votes(actor: Actor, rows: QuerySet[Media]) -> QuerySet[Media]:
    waiting = _decisions(actor).filter(state=DecisionState.OPEN, votes__lt=votes_needed(actor.agency_id))
    own = Grade.objects.filter(
        case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), officer_id=actor.officer_id, ended_at=None
    )
    return rows.filter(Exists(waiting), ~Exists(own))


def _with_differing_votes(actor: Actor, rows: QuerySet[Media]) -> QuerySet[Media]:
    return rows.filter(Exists(_decisions(actor).filter(state=DecisionState.DIFFERS)))


def _with_agreed_grade(actor: Actor, rows: QuerySet[Media]) -> QuerySet[Media]:
    agreed = Q(agreeing__gte=votes_needed(actor.agency_id), state=DecisionState.OPEN) | Q(state=DecisionState.SETTLED)
    return rows.filter(Exists(_decisions(actor).filter(agreed)))


FILTERS = {
    "ungraded": ("No grade", _without_grade),
    "mine": ("A grade of yours", _with_own_vote),
    "second": ("A grade of others alone", _with_others_votes),
    "differs": ("Votes that differ", _with_differing_votes),
    "agreed": ("An agreed grade", _with_agreed_grade),
}
"""What galleries may be narrowed to by grade, in any scheme; none of them tells what others voted."""


# --- Series -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeriesCard:
    """A series as listed: its name, what holds it together, how much of it is graded, a few of its files."""

    id: UUID
    name: str
    files: int
    waiting: int
    hidden: int
    kinds: tuple[str, ...]
    sentences: tuple[str, ...]
    cut: str
    grown_at: datetime
    tiles: tuple[Tile, ...]
    work_url: str

    @property
    def graded(self) -> int:
        """Files on which somebody voted."""
        return self.files - self.hidden - self.waiting

    @property
    def gradable(self) -> int:
        """Files that are not known."""
        return self.files - self.hidden

    @property
    def graded_words(self) -> str:
        """How far it is."""
        return f"{self.graded:,} of {self.gradable:,} graded"


@dataclass(frozen=True, slots=True)
class ActRow:
    """One act of grading of the actor's own, to take back."""

    id: UUID
    words: str
    at: datetime
    undone: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the grading of a case is in one scheme: distinct files."""

    files: int
    known: int
    graded: int
    mine: int
    second: int
    differing: int

    @property
    def gradable(self) -> int:
        """Files that are not known."""
        return self.files - self.known


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """The series of a case."""

    cards: tuple[SeriesCard, ...]
    page: Page[Any]
    only_waiting: bool
    progress: Progress
    scheme: Scheme
    acts: tuple[ActRow, ...]
    may_grade: bool


def _graded(scheme: str) -> Exists:
    """Whether somebody voted on the member's file in this scheme."""
    votes = GradeDecision.objects.filter(
        case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), scheme=scheme, votes__gt=0
    )
    return Exists(votes)


def _counts(actor: Actor, case_id: UUID, scheme: str) -> dict[UUID, tuple[int, int]]:
    """For each series of the case: files that wait for a first grade, and known ones that are hidden."""
    rows = door.visible(actor, SeriesMember.objects.filter(case_id=case_id, left_at=None)).annotate(
        graded=_graded(scheme)
    )
    counted = rows.values("series_id").annotate(
        waiting=Count("id", filter=Q(graded=False, media__known_set=None)),
        hidden=Count("id", filter=Q(media__known_set__isnull=False)),
    )
    return {row["series_id"]: (row["waiting"], row["hidden"]) for row in counted}


def _progress(actor: Actor, case_id: UUID, scheme: str, needed: int) -> Progress:
    media = door.visible(actor, Media.objects.filter(case_id=case_id))
    counted = media.aggregate(
        files=Count("sha256", distinct=True),
        known=Count("sha256", distinct=True, filter=Q(known_set__isnull=False)),
    )
    mine = Exists(_own_votes(actor, scheme))
    decided = door.visible(
        actor, GradeDecision.objects.filter(case_id=case_id, scheme=scheme, votes__gt=0, media__known_set=None)
    ).annotate(own=mine)
    votes = decided.aggregate(
        graded=Count("id"),
        mine=Count("id", filter=Q(own=True)),
        second=Count("id", filter=Q(own=False, state=DecisionState.OPEN, votes__lt=needed)),
        differing=Count("id", filter=Q(state=DecisionState.DIFFERS)),
    )
    return Progress(**counted, **votes)


def _own_votes(actor: Actor, scheme: str) -> QuerySet[Grade]:
    return Grade.objects.filter(
        case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), scheme=scheme, round=OuterRef("round"),
        officer_id=actor.officer_id, ended_at=None,
    )  # fmt: skip


def _acts(actor: Actor, case_id: UUID) -> tuple[ActRow, ...]:
    rows = door.visible(actor, GradingAct.objects.filter(case_id=case_id, officer_id=actor.officer_id))
    return tuple(
        ActRow(
            row.id,
            f"{row.files:,} file{'' if row.files == 1 else 's'} {How(row.how).label} as {_label(row.scheme, row.code)}",
            row.at,
            row.undone_at is not None,
        )
        for row in rows.order_by("-at")[:ACTS_SHOWN]
    )


def get_series(
    actor: Actor, reference: str, scheme: Scheme, *, number: int, only_waiting: bool, shown: Collection[str]
) -> tuple[CaseFrame, SeriesPage]:
    """The series of a case, those that grew last first, then the largest; ``only_waiting``: with files that nobody graded."""
    frame = get_frame(actor, reference, "media:gallery")
    counts = _counts(actor, frame.case_id, scheme.name)
    rows = door.visible(actor, Series.objects.filter(case_id=frame.case_id, retired_at=None))
    if only_waiting:
        rows = rows.filter(id__in=[identity for identity, (waiting, _) in counts.items() if waiting])
    page = Paginator(rows.order_by("-grown_at", "-files", "number"), SERIES_ON_A_PAGE).get_page(number)
    members = _members(actor, [row.id for row in page])
    tiles = tiles_of(actor, [one.media for some in members.values() for one in _picked(some)], shown)
    needed = votes_needed(frame.agency_id)
    log.record(
        "series.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"page": page.number, "series": len(page)},
    )
    return frame, SeriesPage(
        cards=tuple(_card(reference, row, members.get(row.id, []), *counts.get(row.id, (0, 0)), tiles) for row in page),
        page=page,
        only_waiting=only_waiting,
        progress=_progress(actor, frame.case_id, scheme.name, needed),
        scheme=scheme,
        acts=_acts(actor, frame.case_id),
        may_grade=frame.may_contribute,
    )


def _members(actor: Actor, series: Collection[UUID]) -> dict[UUID, list[SeriesMember]]:
    rows = door.visible(actor, SeriesMember.objects.filter(series_id__in=series, left_at=None))
    found: dict[UUID, list[SeriesMember]] = {}
    for row in rows.select_related("media__file__exhibit", "media__case").order_by(
        "group", "media__taken_at", "sha256"
    ):
        found.setdefault(row.series_id, []).append(row)
    return found


def _picked(members: Sequence[SeriesMember]) -> Sequence[SeriesMember]:
    """Those that stand on the card of their series."""
    return [member for member in members if member.media.known_set_id is None][:TILES_OF_A_SERIES]


def _card(
    reference: str,
    row: Series,
    members: Sequence[SeriesMember],
    waiting: int,
    hidden: int,
    tiles: Mapping[UUID, Tile],
) -> SeriesCard:
    return SeriesCard(
        id=row.id,
        name=f"S-{row.number}",
        files=row.files,
        waiting=waiting,
        hidden=hidden,
        kinds=tuple(KINDS.get(kind, kind) for kind in row.kinds),
        sentences=tuple(row.reasons) or _sentences(members),
        cut=row.cut,
        grown_at=row.grown_at,
        tiles=tuple(tiles[member.media_id] for member in _picked(members) if member.media_id in tiles),
        work_url=f"{reverse('grading:work', args=[reference])}?series={row.number}",
    )


def _sentences(members: Sequence[SeriesMember]) -> tuple[str, ...]:
    """The strongest reason of each kind."""
    best: dict[str, SeriesMember] = {}
    for member in members:
        if member.kind not in best or member.weight > best[member.kind].weight:
            best[member.kind] = member
    return tuple(member.sentence for member in sorted(best.values(), key=lambda member: -member.weight))


# --- The work page ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
    """What is graded in one go: a series, or some files that stand in none. ``group_of``: the group of each tile."""

    id: str
    series_id: UUID | None
    name: str
    tiles: tuple[tuple[Tile, str], ...]
    waiting: int
    files: int
    hidden: int
    kinds: tuple[str, ...]
    sentences: tuple[str, ...]
    cut: str
    mark: str
    suggestion: str
    suggested: str


@dataclass(frozen=True, slots=True)
class WorkPage:
    """What waits for a grade. ``mode``: first (nobody voted), second (others did, the actor did not)."""

    units: tuple[Unit, ...]
    mode: str
    scheme: Scheme
    progress: Progress
    needed: int
    next_url: str
    acts: tuple[ActRow, ...]
    may_grade: bool
    exposure: ExposureToday


def get_work(
    actor: Actor, reference: str, scheme: Scheme, *, mode: str, after: str, series: int | None, shown: Collection[str]
) -> tuple[CaseFrame, WorkPage]:
    """What waits for the actor's grade in a case: series first, new and large before others, then files that stand in none.

    ``after``: where the page before ended; ``series``: only the one of that number, graded files and all.
    """
    frame = get_frame(actor, reference, "media:gallery")
    needed = votes_needed(frame.agency_id)
    if mode == "second":
        units, last = _second_units(actor, frame, scheme.name, needed, after, shown)
    else:
        units, last = _first_units(actor, frame, scheme, after, series, shown)
    work = reverse("grading:work", args=[reference])
    query = f"?mode={mode}&after={last}" if last else ""
    log.record(
        "grading.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"mode": mode, "scheme": scheme.name, "media": sum(len(unit.tiles) for unit in units)},
    )
    return frame, WorkPage(
        units=tuple(units),
        mode=mode,
        scheme=scheme,
        progress=_progress(actor, frame.case_id, scheme.name, needed),
        needed=needed,
        next_url=work + query if query else "",
        acts=_acts(actor, frame.case_id),
        may_grade=frame.may_contribute,
        exposure=exposure_today(actor),
    )


def _first_units(
    actor: Actor, frame: CaseFrame, scheme: Scheme, after: str, only: int | None, shown: Collection[str]
) -> tuple[list[Unit], str]:
    case_id = frame.case_id
    if after.startswith("m"):
        return _single_units(actor, frame, scheme.name, after[1:], shown)
    counts = _counts(actor, case_id, scheme.name)
    rows = door.visible(actor, Series.objects.filter(case_id=case_id, retired_at=None))
    if only is not None:
        rows = rows.filter(number=only)
    else:
        rows = rows.filter(id__in=[identity for identity, (waiting, _) in counts.items() if waiting])
    if after.isdecimal() and (before := Series.objects.filter(case_id=case_id, number=int(after[:9])).first()):
        later = Q(grown_at=before.grown_at, files=before.files, number__gt=before.number)
        rows = rows.filter(
            Q(grown_at__lt=before.grown_at) | Q(grown_at=before.grown_at, files__lt=before.files) | later
        )
    page = list(rows.order_by("-grown_at", "-files", "number")[: UNITS + 1])
    more, page = len(page) > UNITS, page[:UNITS]
    members = _members(actor, [row.id for row in page])
    everything = [member.media for some in members.values() for member in some]
    marks = marks_of(actor, everything, scheme.name) if everything else {}
    open_ones = {
        row.id: [
            member
            for member in members.get(row.id, [])
            if member.media.known_set_id is None
            and (only is not None or marks.get(member.media_id, UNGRADED).state == "ungraded")
        ][:TILES_OF_A_UNIT]
        for row in page
    }
    tiles = tiles_of(actor, [member.media for some in open_ones.values() for member in some], shown)
    units = []
    for row in page:
        waiting, hidden = counts.get(row.id, (0, 0))
        some = members.get(row.id, [])
        code, count = _suggested(some, marks)
        units.append(
            Unit(
                id=f"s{row.number}",
                series_id=row.id,
                name=f"S-{row.number}",
                tiles=tuple((tiles[member.media_id], str(member.group)) for member in open_ones[row.id]),
                waiting=waiting,
                files=row.files,
                hidden=hidden,
                kinds=tuple(KINDS.get(kind, kind) for kind in row.kinds),
                sentences=tuple(row.reasons) or _sentences(some),
                cut=row.cut,
                mark=row.mark,
                suggestion=f"{count:,} of its files: {_label(scheme.name, code)}" if code else "",
                suggested=code,
            )
        )
    if more:
        return units, str(page[-1].number)
    if only is None and len(units) < UNITS:
        singles, last = _single_units(actor, frame, scheme.name, "", shown)
        return units + singles, last
    return units, "m" if only is None else ""


def _suggested(members: Sequence[SeriesMember], marks: Mapping[UUID, Mark]) -> tuple[str, int]:
    """The grade that all graded files of the series have, as far as the actor may know; empty where they have several."""
    codes = Counter(marks[member.media_id].code for member in members if marks[member.media_id].code)
    return next(iter(codes.items())) if len(codes) == 1 else ("", 0)


def _single_units(
    actor: Actor, frame: CaseFrame, scheme: str, after: str, shown: Collection[str]
) -> tuple[list[Unit], str]:
    """Files that stand in no series and that nobody graded, in units of two dozen, the newest first."""
    media = door.visible(actor, Media.objects.filter(case_id=frame.case_id, known_set=None))
    member = SeriesMember.objects.filter(case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), left_at=None)
    earlier = Media.objects.filter(case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), id__lt=OuterRef("id"))
    rows = media.filter(~_graded(scheme), ~Exists(member), ~Exists(earlier))
    before = _uuid(after)
    if before is not None and (last := door.visible(actor, Media.objects.filter(pk=before)).first()):
        rows = rows.filter(Q(read_at__lt=last.read_at) | Q(read_at=last.read_at, id__lt=last.id))
    found = list(rows.select_related("file__exhibit", "case").order_by("-read_at", "-id")[: 2 * SINGLES + 1])
    tiles = tiles_of(actor, found[: 2 * SINGLES], shown)
    units = [
        _loose("m", "Files in no series", found[begin : min(begin + SINGLES, 2 * SINGLES)], tiles)
        for begin in range(0, min(len(found), 2 * SINGLES), SINGLES)
    ]
    return units, f"m{found[2 * SINGLES - 1].id}" if len(found) > 2 * SINGLES else ""


def _loose(kind: str, name: str, some: Sequence[Media], tiles: Mapping[UUID, Tile]) -> Unit:
    grouped = tuple((tiles[row.id], f"{kind}{number}") for number, row in enumerate(some))
    return Unit(f"{kind}{some[0].id}", None, name, grouped, len(some), len(some), 0, (), (), "", "", "", "")


def _second_units(
    actor: Actor, frame: CaseFrame, scheme: str, needed: int, after: str, shown: Collection[str]
) -> tuple[list[Unit], str]:
    """Files that others voted on and the actor did not, in the order in which they wait longest."""
    waiting = door.visible(
        actor,
        GradeDecision.objects.filter(
            case_id=frame.case_id, scheme=scheme, votes__gt=0, votes__lt=needed, state=DecisionState.OPEN,
            media__known_set=None,
        ).filter(~Exists(_own_votes(actor, scheme))).exclude(shown_to__contains=[actor.officer_id]),
    )  # fmt: skip
    rows = waiting.select_related("media__file__exhibit", "media__case").order_by("id")
    if identity := _uuid(after):
        rows = rows.filter(id__gt=identity)
    found = list(rows[: 2 * SINGLES + 1])
    media = [row.media for row in found[: 2 * SINGLES]]
    tiles = tiles_of(actor, media, shown)
    units = [
        _loose("v", "Waiting for your vote", media[begin : begin + SINGLES], tiles)
        for begin in range(0, len(media), SINGLES)
    ]
    return units, str(found[2 * SINGLES - 1].id) if len(found) > 2 * SINGLES else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- One medium -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoteRow:
    """One vote as shown: whose, what, how, when."""

    by: str
    agency: str
    label: str
    how: str
    at: datetime
    mine: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the grade of a file stands in one scheme, as the actor may know it; ``votes`` only where they may see them."""

    scheme: Scheme
    mark: Mark
    decision_id: UUID | None
    round: int
    needed: int
    mine: str
    votes: tuple[VoteRow, ...]
    sees_votes: bool
    translations: tuple[tuple[str, str, str, str], ...]
    reason: str
    settled_by: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another file of the series: why it stands there."""

    tile: Tile
    group: int
    same_group: bool
    sentence: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class MediaGrades:
    """A file's series and its grades."""

    frame: CaseFrame
    id: UUID
    tile: Tile
    known: bool
    standing: Standing
    others: tuple[Standing, ...]
    series: SeriesCard | None
    why: str
    group_files: int
    neighbours: tuple[Neighbour, ...]
    may_grade: bool
    exposure: ExposureToday


def get_of_media(actor: Actor, media_id: UUID, scheme: Scheme, *, shown: Collection[str]) -> MediaGrades:
    """The series of one medium with reasons, and its grades in each scheme; the chosen scheme first."""
    media = door.admit(actor, Media.objects.select_related("file__exhibit", "case"), pk=media_id)
    frame = get_frame(actor, media.case.reference, "media:gallery")
    held = door.visible(actor, GradeDecision.objects.filter(case_id=media.case_id, sha256=media.sha256, votes__gt=0))
    decisions = {row.scheme: row for row in held.select_related("settled_by")}
    votes = list(
        door.visible(actor, Grade.objects.filter(case_id=media.case_id, sha256=media.sha256, ended_at=None))
        .select_related("officer__agency")
        .order_by("at")
    )
    needed = votes_needed(media.agency_id)
    standings = {
        name: _standing_of(actor, schemes()[name], decisions.get(name), votes, needed)
        for name in [scheme.name, *(name for name in decisions if name != scheme.name and name in schemes())]
    }
    own = door.visible(actor, SeriesMember.objects.filter(case_id=media.case_id, sha256=media.sha256, left_at=None))
    member = own.select_related("series").first()
    card: SeriesCard | None = None
    near: tuple[Neighbour, ...] = ()
    others: list[SeriesMember] = []
    size = 0
    if member is not None:
        some = _members(actor, [member.series_id]).get(member.series_id, [])
        marks = marks_of(actor, [one.media for one in some], scheme.name, {media.agency_id: needed})
        waiting = sum(1 for one in some if one.media.known_set_id is None and marks[one.media_id].state == "ungraded")
        hidden = sum(1 for one in some if one.media.known_set_id is not None)
        card = _card(frame.reference, member.series, some, waiting, hidden, {})
        group = [one for one in some if one.group == member.group]
        size = sum(1 for one in group if one.media.known_set_id is None)
        ordered = sorted(some, key=lambda one: (one.group != member.group, -one.weight, one.sha256))
        others = [one for one in ordered if one.sha256 != media.sha256][:24]
    tiles = tiles_of(actor, [media, *(one.media for one in others)], shown)
    if member is not None:
        near = tuple(
            Neighbour(
                tiles[one.media_id],
                one.group,
                one.group == member.group,
                one.sentence,
                marks[one.media_id],
            )
            for one in others
        )
    log.record(
        "grades.viewed",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"case": frame.reference, "sha256": media.sha256},
    )
    return MediaGrades(
        frame=frame,
        id=media.id,
        tile=tiles[media.id],
        known=media.known_set_id is not None,
        standing=standings[scheme.name],
        others=tuple(one for name, one in standings.items() if name != scheme.name),
        series=card,
        why=member.sentence if member else "",
        group_files=size,
        neighbours=near,
        may_grade=frame.may_contribute,
        exposure=exposure_today(actor),
    )


def _standing_of(
    actor: Actor, scheme: Scheme, decision: GradeDecision | None, votes: Sequence[Grade], needed: int
) -> Standing:
    number = decision.round if decision else 1
    live = [vote for vote in votes if vote.scheme == scheme.name and vote.round == number]
    mine = next((vote.code for vote in live if vote.officer_id == actor.officer_id), "")
    mark = _mark(decision, mine, needed)
    sees = bool(mine) or (decision is not None and actor.officer_id in decision.shown_to)
    told = mark.code or mine
    return Standing(
        scheme=scheme,
        mark=mark,
        decision_id=decision.id if decision else None,
        round=number,
        needed=needed,
        mine=mine,
        votes=_vote_rows(actor, live) if sees else (),
        sees_votes=sees,
        translations=_translations(scheme.name, told) if told else (),
        reason=decision.reason if decision else "",
        settled_by=decision.settled_by.display_name if decision and decision.settled_by else "",
    )


def _vote_rows(actor: Actor, votes: Sequence[Grade]) -> tuple[VoteRow, ...]:
    return tuple(
        VoteRow(
            vote.officer.display_name,
            vote.officer.agency.short_name,
            _label(vote.scheme, vote.code),
            How(vote.how).label,
            vote.at,
            vote.officer_id == actor.officer_id,
        )
        for vote in votes
    )


def _translations(scheme: str, code: str) -> tuple[tuple[str, str, str, str], ...]:
    """The grade in every other scheme: its label, how well it fits, and why."""
    found = []
    for name, other in schemes().items():
        if name == scheme:
            continue
        told = translate(f"{scheme}:{code}", name)
        label = _label(name, told.category.partition(":")[2]) if told.category else ""
        found.append((other.label, label, told.match, told.sentence))
    return tuple(found)


# --- Where votes differ -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DisagreementRow:
    """A file on which votes differ, with what the actor may see of them and do about it."""

    id: UUID
    tile: Tile
    case_reference: str
    scheme: Scheme
    round: int
    votes: int
    rows: tuple[VoteRow, ...]
    sees_votes: bool
    voted: bool
    may_show: bool
    may_settle: bool
    may_round: bool
    since: datetime
    grades_url: str


@dataclass(frozen=True, slots=True)
class DisagreementPage:
    """The queue of files on which votes differ, the longest waiting first; and what was settled last."""

    rows: tuple[DisagreementRow, ...]
    page: Page[Any]
    settled: tuple[tuple[UUID, str, str, str, str, datetime | None, bool], ...]


def list_disagreements(actor: Actor, *, number: int, shown: Collection[str]) -> DisagreementPage:
    """Files of cases open to the actor on which votes differ. NotFound for an officer who reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    held = door.visible(actor, GradeDecision.objects.filter(state=DecisionState.DIFFERS))
    rows = held.select_related("media__file__exhibit", "media__case", "case").order_by("changed_at", "id")
    page = Paginator(rows, 20).get_page(number)
    keys = {(row.case_id, row.sha256, row.scheme, row.round) for row in page}
    votes: dict[tuple[UUID, str, str, int], list[Grade]] = {}
    live = door.visible(
        actor,
        Grade.objects.filter(case_id__in={key[0] for key in keys}, sha256__in={key[1] for key in keys}, ended_at=None),
    )
    for vote in live.select_related("officer__agency").order_by("at"):
        votes.setdefault((vote.case_id, vote.sha256, vote.scheme, vote.round), []).append(vote)
    settled = door.visible(actor, GradeDecision.objects.filter(state=DecisionState.SETTLED))
    tiles = tiles_of(actor, [row.media for row in page], shown)
    log.record("disagreements.viewed", actor, details={"page": page.number, "files": len(page)})
    return DisagreementPage(
        rows=tuple(
            _disagreement(
                actor, row, votes.get((row.case_id, row.sha256, row.scheme, row.round), []), tiles[row.media_id]
            )
            for row in page
        ),
        page=page,
        settled=tuple(
            (
                row.id,
                row.case.reference,
                reverse("grading:of-media", args=[row.media_id]),
                _label(row.scheme, row.code),
                row.reason,
                row.settled_at,
                row.settled_by_id == actor.officer_id or _supervises(actor, row),
            )
            for row in settled.select_related("case").order_by("-settled_at")[:10]
        ),
    )


def _supervises(actor: Actor, row: GradeDecision) -> bool:
    return actor.has(Role.SUPERVISOR) and actor.agency_id == row.agency_id


def _disagreement(actor: Actor, row: GradeDecision, votes: Sequence[Grade], tile: Tile) -> DisagreementRow:
    voted = any(vote.officer_id == actor.officer_id for vote in votes)
    sees = voted or actor.officer_id in row.shown_to
    supervises = _supervises(actor, row)
    most = max(Counter(vote.code for vote in votes).values(), default=0)
    majority = len(votes) >= 3 and most * 2 > len(votes)
    return DisagreementRow(
        id=row.id,
        tile=replace(tile, note=row.case.reference),
        case_reference=row.case.reference,
        scheme=schemes()[row.scheme],
        round=row.round,
        votes=len(votes),
        rows=_vote_rows(actor, votes) if sees else (),
        sees_votes=sees,
        voted=voted,
        may_show=supervises and not sees,
        may_settle=sees and (supervises or (voted and majority)),
        may_round=voted or supervises,
        since=row.changed_at,
        grades_url=reverse("grading:of-media", args=[row.media_id]),
    )


# --- Entries that leave -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A file that may leave as an entry, or has: its case, grade, votes; ``stale``: the votes no longer agree."""

    id: UUID
    media_url: str
    name: str
    sha256: str
    case_reference: str
    label: str
    scheme: str
    votes: int
    conditions: str
    stale: bool = False
    authority: str = ""
    at: datetime | None = None
    by: str = ""
    withdrawn_because: str = ""


@dataclass(frozen=True, slots=True)
class EntriesPage:
    """What an agency may give away as entries of its own hash list, and what it does."""

    ready: tuple[EntryRow, ...]
    page: Page[Any]
    released: tuple[EntryRow, ...]
    withdrawn: tuple[EntryRow, ...]
    total: int
    needed: int
    rule_scheme: str
    schemes: tuple[Scheme, ...]
    leaving: tuple[Scheme, ...]
    may_set_rule: bool
    any_conditions: bool


def _ready(actor: Actor, needed: int) -> QuerySet[GradeDecision]:
    """Decisions of the actor's own agency on which enough independent votes agree, and that are not released."""
    named = Q()
    for scheme in schemes().values():
        codes = [grade.code for grade in scheme.grades if grade.category and grade.severity != 0]
        named |= Q(scheme=scheme.name, code__in=codes)
    standing = EntryRelease.objects.filter(decision=OuterRef("pk"), withdrawn_at=None)
    rows = GradeDecision.objects.filter(named, agency_id=actor.agency_id, agreeing__gte=needed)
    return door.visible(actor, rows.exclude(state=DecisionState.DIFFERS)).filter(~Exists(standing))


def list_entries(actor: Actor, *, number: int) -> EntriesPage:
    """What the actor's agency may give away, and what it gives. NotFound for an officer who reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    needed = votes_needed(actor.agency_id)
    rule = GradingRule.objects.filter(agency_id=actor.agency_id).first()
    rows = _ready(actor, needed).select_related("media__file", "case__holding").order_by("-changed_at", "id")
    page = Paginator(rows, 50).get_page(number)
    entries = door.visible(actor, EntryRelease.objects.filter(agency_id=actor.agency_id))
    told = entries.select_related("media__file", "case__holding", "decision", "released_by").order_by(
        "-released_at", "id"
    )
    standing = entries.filter(withdrawn_at=None)
    log.record("entries.viewed", actor, details={"page": page.number})
    ready = tuple(_ready_row(row) for row in page)
    used = set(standing.order_by().values_list("scheme", flat=True).distinct())
    return EntriesPage(
        ready=ready,
        page=page,
        released=tuple(_entry_row(row, needed) for row in told.filter(withdrawn_at=None)[:100]),
        withdrawn=tuple(_entry_row(row, needed) for row in told.exclude(withdrawn_at=None)[:50]),
        total=standing.count(),
        needed=needed,
        rule_scheme=rule.scheme if rule else "",
        schemes=tuple(schemes().values()),
        leaving=tuple(schemes()[name] for name in sorted(used) if name in schemes()),
        may_set_rule=actor.has(Role.SUPERVISOR),
        any_conditions=any(row.conditions for row in ready),
    )


def _ready_row(row: GradeDecision) -> EntryRow:
    return EntryRow(
        row.id, reverse("grading:of-media", args=[row.media_id]), row.media.file.name, row.sha256, row.case.reference,
        _label(row.scheme, row.code), row.scheme, row.agreeing, row.case.holding.conditions,
    )  # fmt: skip


def _entry_row(row: EntryRelease, needed: int) -> EntryRow:
    return EntryRow(
        row.id, reverse("grading:of-media", args=[row.media_id]), row.media.file.name, row.sha256, row.case.reference,
        _label(row.scheme, row.code), row.scheme, row.votes, row.case.holding.conditions, stale=not _stands(row, needed),
        authority=row.authority, at=row.withdrawn_at or row.released_at, by=row.released_by.display_name,
        withdrawn_because=row.withdrawn_because,
    )  # fmt: skip


def _stands(row: EntryRelease, needed: int) -> bool:
    """Whether the votes on a released entry agree now as they did."""
    decision = row.decision
    return decision.code == row.code and decision.agreeing >= needed and decision.state != DecisionState.DIFFERS


@dataclass(frozen=True, slots=True)
class Leaving:
    """One entry as it leaves: digests and grade."""

    md5: str
    sha1: str
    sha256: str
    pdq: str
    quality: int | None
    media_type: str
    size: int
    scheme: str
    code: str
    votes: int
    released_at: datetime


def entries_leaving(actor: Actor, scheme: str) -> list[Leaving]:
    """The entries of the actor's agency in one scheme that stand, each distinct file once: what an export holds."""
    needed = votes_needed(actor.agency_id)
    rows = door.visible(actor, EntryRelease.objects.filter(agency_id=actor.agency_id, scheme=scheme, withdrawn_at=None))
    found: dict[str, Leaving] = {}
    for row in rows.select_related("media__file", "decision").order_by("released_at", "id"):
        if not _stands(row, needed) or row.sha256 in found:
            continue
        media = row.media
        found[row.sha256] = Leaving(
            media.file.md5, media.file.sha1, row.sha256, bytes(media.pdq).hex() if media.pdq else "", media.quality,
            media.media_type, media.file.size, row.scheme, row.code, row.votes, row.released_at,
        )  # fmt: skip
    return list(found.values())


# --- For programs -----------------------------------------------------------------------------------------------------


def list_series(actor: Actor, reference: str, cursor: UUID | None, limit: int) -> list[dict[str, Any]]:
    """The live series of a case with their files and reasons, by id; one more than ``limit``, so that the caller sees the end."""
    frame = get_frame(actor, reference, "")
    rows = door.visible(actor, Series.objects.filter(case_id=frame.case_id, retired_at=None)).order_by("id")
    page = list((rows.filter(id__gt=cursor) if cursor else rows)[: limit + 1])
    members: dict[UUID, list[dict[str, Any]]] = {}
    held = door.visible(actor, SeriesMember.objects.filter(series_id__in=[row.id for row in page], left_at=None))
    for one in held.order_by("group", "sha256"):
        members.setdefault(one.series_id, []).append(
            {
                "media": one.media_id,
                "sha256": one.sha256,
                "group": one.group,
                "kind": one.kind,
                "sentence": one.sentence,
            }
        )
    log.record(
        "series.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"by": "api", "series": len(page)},
    )
    return [
        {
            "id": row.id, "name": f"S-{row.number}", "kinds": list(row.kinds), "reasons": list(row.reasons),
            "cut": row.cut, "grown_at": row.grown_at,
            "members": members.get(row.id, []),
        }
        for row in page
    ]  # fmt: skip


def list_grades(actor: Actor, reference: str, scheme: str, cursor: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Where the grades of a case's files stand in a scheme, by id, as the actor may know them; one more than ``limit``."""
    frame = get_frame(actor, reference, "")
    held = GradeDecision.objects.filter(case_id=frame.case_id, votes__gt=0, **({"scheme": scheme} if scheme else {}))
    rows = door.visible(actor, held).order_by("id")
    page = list((rows.filter(id__gt=cursor) if cursor else rows)[: limit + 1])
    own = door.visible(
        actor,
        Grade.objects.filter(
            case_id=frame.case_id, sha256__in=[row.sha256 for row in page], officer_id=actor.officer_id, ended_at=None
        ),
    )
    mine = {(vote.sha256, vote.scheme, vote.round): vote.code for vote in own}
    needed, found = votes_needed(frame.agency_id), []
    for row in page:
        mark = _mark(row, mine.get((row.sha256, row.scheme, row.round), ""), needed)
        found.append(
            {
                "id": row.id, "media": row.media_id, "sha256": row.sha256, "scheme": row.scheme, "state": mark.state,
                "grade": mark.code or None, "mine": mark.mine or None, "votes": row.votes, "round": row.round,
            }
        )  # fmt: skip
    log.record(
        "grades.viewed",
        actor,
        holding=frame.holding,
        subject=f"case:{reference}",
        details={"by": "api", "files": len(page)},
    )
    return found


def list_ready(actor: Actor, cursor: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Files of the actor's agency that may leave as entries, by id; one more than ``limit``. NotFound: reads no cases."""
    if not actor.reads_cases:
        raise NotFound
    rows = _ready(actor, votes_needed(actor.agency_id)).select_related("case").order_by("id")
    page = list((rows.filter(id__gt=cursor) if cursor else rows)[: limit + 1])
    log.record("entries.viewed", actor, details={"by": "api", "files": len(page)})
    return [
        {
            "id": row.id, "case": row.case.reference, "media": row.media_id, "sha256": row.sha256, "scheme": row.scheme,
            "grade": row.code, "votes": row.agreeing,
        }
        for row in page
    ]  # fmt: skip
