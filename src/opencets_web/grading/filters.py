"""Galleries narrowed by one grade of one scheme, with counts; no filter and no count tells an officer what others voted.

A filter stands in the address as ``scheme:state``. Each file of a case is counted in one state of a scheme, the one that its tile
shows the officer: a grade (agreed, settled, or the officer's own while all agree), votes that differ, others' votes, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Case as Cases
from django.db.models import CharField, Count, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse

from opencets.records.grading import Scheme, schemes
from opencets_web.cases.models import Case
from opencets_web.grading.models import DecisionState, Grade, GradeDecision, GradingRule
from opencets_web.grading.queries import VOTES
from opencets_web.media.models import Media
from opencets_web.media.queries import Wanted, chosen
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

NOT_GRADED, DIFFERS, OTHERS = "not-graded", "votes-differ", "others-alone"
STATES = {NOT_GRADED: "Not graded", OTHERS: "Waits for your vote", DIFFERS: "Votes differ"}


@dataclass(frozen=True, slots=True)
class GradeOption:
    """One choice of the filter: its words, how many distinct files it shows, its address, whether it is the one chosen."""

    words: str
    files: int
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class GradeFilter:
    """The filter by grade of a case's gallery; ``again_url`` gives it anew once somebody graded."""

    case_id: UUID
    scheme: Scheme
    options: tuple[GradeOption, ...]
    again_url: str


def words_of(value: str) -> str:
    """A filter in words; empty where it names no scheme that people grade in, or no state of it."""
    name, _, state = value.partition(":")
    scheme = schemes().get(name)
    if scheme is None:
        return ""
    grade = scheme.grade(state)
    words = STATES.get(state, grade.label if grade else "")
    return f"{words} ({scheme.label})" if words else ""


def narrow(actor: Actor, rows: QuerySet[Media], value: str) -> QuerySet[Media]:
    """The media whose file stands in this state of this scheme, as far as the actor may know."""
    scheme, _, state = value.partition(":")
    held = _standing(actor, scheme).filter(case_id=OuterRef("case_id"), sha256=OuterRef("sha256"))
    if state == NOT_GRADED:
        return rows.filter(~Exists(held))
    return rows.filter(Exists(held.filter(shown=state)))


def _standing(actor: Actor, scheme: str) -> QuerySet[Any]:
    """Decisions with votes in a scheme, each with ``shown``: its code where the actor may know it, else the state."""
    own = Grade.objects.filter(
        case_id=OuterRef("case_id"), sha256=OuterRef("sha256"), scheme=OuterRef("scheme"), round=OuterRef("round"),
        officer_id=actor.officer_id, ended_at=None,
    )  # fmt: skip
    demanded = GradingRule.objects.filter(agency_id=OuterRef("agency_id")).values("votes")[:1]
    rows = door.visible(actor, GradeDecision.objects.filter(scheme=scheme, votes__gt=0))
    return rows.annotate(needed=Coalesce(Subquery(demanded), VOTES)).annotate(
        shown=Cases(
            When(state=DecisionState.SETTLED, then=F("code")),
            When(state=DecisionState.DIFFERS, then=Value(DIFFERS)),
            When(agreeing__gte=F("needed"), then=F("code")),
            When(Exists(own), then=F("code")),
            default=Value(OTHERS),
            output_field=CharField(),
        )
    )


def get_filter(actor: Actor, reference: str, wanted: Wanted, scheme: Scheme) -> GradeFilter:
    """The filter of a case's gallery in the actor's scheme, counted among what its other filters leave. Shows no media."""
    case = door.admit(actor, Case.objects.all(), reference=reference)
    others = replace(wanted, grade="")
    files = chosen(actor, door.visible(actor, Media.objects.filter(case=case)), others, case.id).order_by()
    held = _standing(actor, scheme.name).filter(Exists(files.filter(sha256=OuterRef("sha256"))), case=case)
    counted = dict(held.values_list("shown").annotate(files=Count("id")).order_by())
    whole = files.values("sha256").distinct().count()
    counted[NOT_GRADED] = whole - sum(counted.values())
    return GradeFilter(
        case_id=case.id,
        scheme=scheme,
        options=_options(reference, wanted, scheme, counted, whole),
        again_url=f"{reverse('grading:filter', args=[reference])}?{wanted.query()}",
    )


def _options(
    reference: str, wanted: Wanted, scheme: Scheme, counted: Mapping[str, int], whole: int
) -> tuple[GradeOption, ...]:
    gallery = reverse("media:gallery", args=[reference])
    labels = {NOT_GRADED: STATES[NOT_GRADED], **{grade.code: grade.label for grade in scheme.grades}}
    labels |= {state: STATES[state] for state in (OTHERS, DIFFERS)}
    found = [GradeOption("All", whole, f"{gallery}?{wanted.query(grade='')}", not wanted.grade)]
    for state, words in labels.items():
        value = f"{scheme.name}:{state}"
        number, current = counted.get(state, 0), wanted.grade == value
        if number or current or state == NOT_GRADED:
            found.append(GradeOption(words, number, f"{gallery}?{wanted.query(grade=value)}", current))
    return tuple(found)
