"""Reading supervision for a page: what is open to the actor, as frozen pages."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Q, QuerySet
from django.urls import reverse

from opencets.errors import NotFound
from opencets_web.accounts.models import READING_ROLES, Officer
from opencets_web.audit import log
from opencets_web.evidence.addresses import signed
from opencets_web.exposure.queries import eyes_of
from opencets_web.media.veils import draw
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.supervision.actions import WORKING, may_supervise
from opencets_web.supervision.models import (
    Fault,
    FaultKind,
    Hit,
    HitState,
    Review,
    SupervisedPerson,
    Verdict,
)
from opencets_web.supervision.reviewing import FIRST, SECOND, picture_of, stage_of

ON_A_PAGE = 30
MOST_FAULTS = 12
MOST_OF_CONVERSATION = 40
FEWEST_REVIEWS = 5
NOISY_BELOW = 0.2
SEVERITY_TONES = {1: "line", 2: "info", 3: "warn", 4: "bad", 5: "bad"}
SHORT = 90
STAGE_WORDS = {FIRST: "You look first; the officer judges what you pass on.", SECOND: "You judge as the officer."}


@dataclass(frozen=True, slots=True)
class Tab:
    """A section of the room."""

    label: str
    url: str
    active: bool
    count: int | None = None


def tabs(active: str) -> tuple[Tab, ...]:
    """The sections of the room."""
    names = (
        ("Hits", "queue"),
        ("People", "people"),
        ("Devices", "devices"),
        ("Phrases", "phrases"),
        ("Libraries", "libraries"),
    )
    return tuple(Tab(label, reverse(f"supervision:{name}"), name == active) for label, name in names)


def require_reader(actor: Actor) -> None:
    """NotFound for whoever reads no cases."""
    if not actor.reads_cases:
        raise NotFound


# --- The queue --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HitRow:
    """One conversation with its hits that wait, in one line: the most severe first."""

    id: UUID
    url: str
    severity: int
    tone: str
    phrase: str
    text: str
    person: str
    person_url: str
    device: str
    where: str
    at: dt.datetime
    received_at: dt.datetime
    count: int
    state: str
    passed: bool
    screenshot: bool


@dataclass(frozen=True, slots=True)
class FaultRow:
    """Something wrong with a device."""

    id: UUID
    kind: str
    sentence: str
    device: str
    person: str
    person_url: str
    at: dt.datetime
    ended_at: dt.datetime | None
    tone: str
    answer: str = ""
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class QueuePage:
    """What waits for the actor."""

    tabs: tuple[Tab, ...]
    rows: tuple[HitRow, ...]
    page: Page[Any]
    faults: tuple[FaultRow, ...]
    faults_count: int
    waiting: int
    severe: int
    passed: int
    officer_id: UUID
    people: int
    may: bool


def waiting_hits(actor: Actor) -> QuerySet[Hit]:
    """Hits that somebody has to look at, of the files that are open to the actor."""
    rows = Hit.objects.filter(deleted_at=None).exclude(state=HitState.DONE)
    return door.visible(actor, rows)


def get_queue(actor: Actor, *, person: str = "", severity: int = 1, number: int = 1) -> QueuePage:
    """Hits by severity and age, one line for a conversation; faults of devices beside them. NotFound: reads no cases."""
    require_reader(actor)
    log.record("hits.listed", actor, details={"person": person, "severity": severity, "page": number})
    rows = waiting_hits(actor)
    told = rows.aggregate(
        all=Count("id"),
        severe=Count("id", filter=Q(severity__gte=4)),
        passed=Count("id", filter=Q(state=HitState.PASSED)),
    )
    shown = rows.filter(severity__gte=severity)
    if person:
        shown = shown.filter(person__reference=person)
    groups = (
        shown.values("device_id", "conversation")
        .annotate(most=Max("severity"), last=Max("received_at"), count=Count("id"))
        .order_by("-most", "-last", "device_id")
    )
    page = Paginator(groups, ON_A_PAGE).get_page(number)
    listed = list(page)
    wanted = Q(pk=None)
    for one in listed:
        wanted |= Q(device_id=one["device_id"], conversation=one["conversation"])
    by_group: dict[tuple[UUID, str], Hit] = {}
    for hit in shown.filter(wanted).select_related("person", "device").order_by("-severity", "-received_at", "-seq"):
        by_group.setdefault((hit.device_id, hit.conversation), hit)
    lines = tuple(
        _row(by_group[key], one["count"])
        for one in listed
        if (key := (one["device_id"], one["conversation"])) in by_group
    )
    faults = door.visible(actor, Fault.objects.filter(answered_at=None))
    first = faults.select_related("person", "device").order_by("-at")[:MOST_FAULTS]
    return QueuePage(
        tabs("queue"), lines, page, tuple(_fault(one) for one in first), faults.count(), told["all"], told["severe"],
        told["passed"], actor.officer_id, door.visible(actor, SupervisedPerson.objects.filter(ended_at=None)).count(),
        may_supervise(actor),
    )  # fmt: skip


def _row(hit: Hit, count: int) -> HitRow:
    said = hit.said
    text = said.get("match") or (said.get("file") or {}).get("name", "")
    return HitRow(
        hit.id, reverse("supervision:hit", args=[hit.id]), hit.severity, SEVERITY_TONES[hit.severity], hit.phrase, text[:SHORT],
        hit.person.reference, person_url(hit.person.reference), hit.device.name, hit.program, hit.at, hit.received_at, count,
        hit.get_state_display(), hit.state == HitState.PASSED, hit.screenshot_seq is not None,
    )  # fmt: skip


def person_url(reference: str) -> str:
    """A person's own page."""
    return reverse("supervision:person", args=[reference])


FAULT_TONES = {
    FaultKind.ABSENT: "bad", FaultKind.EVASION: "bad", FaultKind.CHAIN: "bad", FaultKind.REUSED: "bad", FaultKind.ORDER: "bad",
}  # fmt: skip


def _fault(fault: Fault) -> FaultRow:
    return FaultRow(
        fault.id, fault.get_kind_display(), fault.sentence, fault.device.name, fault.person.reference,
        person_url(fault.person.reference), fault.at, fault.ended_at, FAULT_TONES.get(FaultKind(fault.kind), "warn"),
        fault.answer, fault.answered_by.display_name if fault.answered_by_id and fault.answered_by else "",
    )  # fmt: skip


def list_faults(actor: Actor, reference: str) -> tuple[FaultRow, ...]:
    """The last faults of a person's devices, answered ones too."""
    rows = door.visible(actor, Fault.objects.filter(person__reference=reference))
    return tuple(_fault(one) for one in rows.select_related("person", "device", "answered_by").order_by("-at")[:50])


# --- One hit ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """What one officer made of it."""

    id: UUID
    stage: str
    verdict: str
    severity: int
    officer: str
    words: str
    at: dt.datetime
    undone: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the conversation around: a hit before or after."""

    id: UUID
    url: str
    at: dt.datetime
    before: str
    match: str
    after: str
    direction: str
    severity: int
    tone: str
    here: bool


@dataclass(frozen=True, slots=True)
class HitPage:
    """One hit as an officer judges it."""

    tabs: tuple[Tab, ...]
    id: UUID
    phrase: str
    library: str
    reason: str
    severity: int
    tone: str
    before: str
    match: str
    after: str
    file: dict[str, Any]
    facts: tuple[tuple[str, Any], ...]
    person: str
    person_url: str
    condition: str
    condition_words: str
    at: dt.datetime
    state: str
    state_tone: str
    deleted_at: dt.datetime | None
    delete_on: dt.date
    kept: bool
    conversation: tuple[Said, ...]
    reviews: tuple[ReviewRow, ...]
    stage: int
    stage_words: str
    verdicts: tuple[tuple[str, str, str], ...]
    severities: tuple[int, ...]
    has_picture: bool
    veil: str
    picture_url: str
    picture_kept_back: str
    next_url: str
    officer_id: UUID
    precision: str


VERDICT_KEYS = {Verdict.FALSE: "f", Verdict.ORDINARY: "o", Verdict.WATCH: "w", Verdict.BREACH: "b"}


def get_hit(actor: Actor, hit_id: UUID) -> HitPage:
    """A hit with its context, what was made of it, and the next one. NotFound: not open to the actor."""
    require_reader(actor)
    rows = Hit.objects.select_related("person", "device")
    hit = door.admit(actor, rows, pk=hit_id)
    log.record("hit.viewed", actor, holding=(hit.holding_id, hit.agency_id), subject=f"hit:{hit.id}")
    said, stage = hit.said, stage_of(actor, hit.person)
    reviews = tuple(_review(one, actor) for one in hit.reviews.select_related("officer").order_by("-at"))
    condition = _condition_words(hit)
    eyes = eyes_of(actor)
    picture = picture_of(hit) if hit.screenshot_seq and not hit.deleted_at else b""
    drawn = draw(picture) if picture and not eyes.reads_only else b""
    facts = (
        ("Taken by", hit.get_direction()), ("Program", hit.program), ("Window", said.get("window")),
        ("Address", said.get("address")),
        ("Device", hit.device.name), ("Library", f"{hit.library} {hit.library_version}"), ("Entry", hit.seq),
    )  # fmt: skip
    done = hit.deleted_at is not None
    return HitPage(
        tabs("queue"), hit.id, hit.phrase, f"{hit.library} {hit.library_version}", said.get("reason", ""), hit.severity,
        SEVERITY_TONES[hit.severity], said.get("before", ""), said.get("match", ""), said.get("after", ""), said.get("file") or {},
        tuple((label, value) for label, value in facts if value), hit.person.reference, person_url(hit.person.reference),
        hit.condition, condition, hit.at, "Deleted by rule" if done else hit.get_verdict_display() or hit.get_state_display(),
        "line" if done or hit.state == HitState.DONE else "warn", hit.deleted_at, hit.delete_on, hit.kept,
        _conversation(actor, hit), reviews, stage, STAGE_WORDS[stage],
        tuple((value, label, VERDICT_KEYS[Verdict(value)]) for value, label in Verdict.choices), (1, 2, 3, 4, 5), bool(picture),
        f"data:image/webp;base64,{b64encode(drawn).decode()}" if drawn else "",
        signed(actor, reverse("supervision:screenshot", args=[hit.id])) if picture else "",
        eyes.hides(video=False, severity=None), next_url(actor, hit), actor.officer_id, _precision(actor, hit),
    )  # fmt: skip


def _review(one: Review, actor: Actor) -> ReviewRow:
    return ReviewRow(
        one.id, "First look" if one.stage == FIRST else "Officer", one.get_verdict_display(), one.severity,
        one.officer.display_name, one.words, one.at, one.undone_at is not None, one.officer_id == actor.officer_id,
    )  # fmt: skip


def _condition_words(hit: Hit) -> str:
    from opencets_web.supervision.models import Condition

    said = hit.said
    rows = Condition.objects.filter(order__device_id=hit.device_id, ref=hit.condition, removed_at=None)
    if said.get("order"):
        rows = rows.filter(order__order_ref=said["order"], order__version=said.get("version", 0))
    return rows.values_list("words", flat=True).first() or ""


def _conversation(actor: Actor, hit: Hit) -> tuple[Said, ...]:
    if not hit.conversation:
        return ()
    rows = door.visible(
        actor, Hit.objects.filter(device_id=hit.device_id, conversation=hit.conversation, deleted_at=None)
    )
    around = list(rows.filter(at__lte=hit.at).order_by("-at")[: MOST_OF_CONVERSATION // 2])[::-1]
    around += list(rows.filter(at__gt=hit.at).order_by("at")[: MOST_OF_CONVERSATION // 2])
    return tuple(
        Said(
            one.id, reverse("supervision:hit", args=[one.id]), one.at, one.said.get("before", ""), one.said.get("match", ""),
            one.said.get("after", ""), one.get_direction(), one.severity, SEVERITY_TONES[one.severity], one.pk == hit.pk,
        )
        for one in around
    )  # fmt: skip


def next_url(actor: Actor, hit: Hit | None = None) -> str:
    """The next hit that waits for the actor, the most severe first; the queue where there is none."""
    rows = waiting_hits(actor).order_by("-severity", "-received_at")
    if hit is not None:
        rows = rows.exclude(pk=hit.pk)
    first = (
        rows.exclude(reviews__officer_id=actor.officer_id, reviews__undone_at=None).values_list("pk", flat=True).first()
    )
    return reverse("supervision:hit", args=[first]) if first else reverse("supervision:queue")


def next_after(actor: Actor, hit_id: UUID) -> str:
    """Where an officer goes on after a review."""
    return next_url(actor, Hit(pk=hit_id))


def _precision(actor: Actor, hit: Hit) -> str:
    rows = door.visible(actor, Review.objects.filter(undone_at=None, hit__phrase=hit.phrase, hit__library=hit.library))
    told = rows.aggregate(all=Count("id"), false=Count("id", filter=Q(verdict=Verdict.FALSE)))
    if not told["all"]:
        return "Nobody has judged this phrase yet."
    right = told["all"] - told["false"]
    return f"Of {told['all']} judged hits of this phrase, {right} were right."


# --- Phrases ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PhraseRow:
    """A phrase and how often it was right, by the reviews that stand."""

    phrase: str
    library: str
    reviews: int
    right: int
    breaches: int
    share: int
    noisy: bool
    proposal: str


@dataclass(frozen=True, slots=True)
class PhrasesPage:
    """Precision per phrase, the noisiest first."""

    tabs: tuple[Tab, ...]
    rows: tuple[PhraseRow, ...]
    noisy: int
    judged: int
    fewest: int = FEWEST_REVIEWS


def get_phrases(actor: Actor) -> PhrasesPage:
    """How often each phrase was right, from what officers judged in the files open to the actor. NotFound: reads no cases."""
    require_reader(actor)
    log.record("library.listed", actor)
    rows = door.visible(actor, Review.objects.filter(undone_at=None))
    # Where both stages judged, the officer's counts.
    rows = rows.exclude(stage=FIRST, hit__reviews__stage=SECOND, hit__reviews__undone_at=None)
    counted = (
        rows.values("hit__library", "hit__phrase")
        .annotate(
            all=Count("id"),
            false=Count("id", filter=Q(verdict=Verdict.FALSE)),
            breach=Count("id", filter=Q(verdict=Verdict.BREACH)),
        )
        .order_by("hit__library", "hit__phrase")
    )
    found = [_phrase(one) for one in counted]
    found.sort(key=lambda one: (not one.noisy, one.share, -one.reviews))
    return PhrasesPage(
        tabs("phrases"), tuple(found), sum(one.noisy for one in found), sum(one.reviews for one in found)
    )


def _phrase(one: Any) -> PhraseRow:
    right = one["all"] - one["false"]
    share = right / one["all"]
    noisy = one["all"] >= FEWEST_REVIEWS and share < NOISY_BELOW
    proposal = "Take it out, or lower its severity and name the words beside which it counts." if noisy else ""
    return PhraseRow(
        one["hit__phrase"], one["hit__library"], one["all"], right, one["breach"], round(100 * share), noisy, proposal
    )


def colleagues(actor: Actor, *, supervising: bool = False) -> tuple[tuple[str, str], ...]:
    """The agency's other officers who read cases, to choose from."""
    roles = WORKING if supervising else READING_ROLES
    rows = Officer.objects.filter(agency_id=actor.agency_id, is_active=True, roles__overlap=sorted(roles))
    return tuple((str(pk), name) for pk, name in rows.order_by("display_name").values_list("pk", "display_name"))
