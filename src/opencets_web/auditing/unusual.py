"""Unusual patterns of a week: the rules asked of the log, with numbers, a reason, and what an auditor said of each."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from opencets_web.accounts.models import Officer
from opencets_web.auditing import rules
from opencets_web.auditing.models import Mark
from opencets_web.auditing.rules import HABIT_DAYS, OPENED_WITHIN_MINUTES, Rule
from opencets_web.policy.actor import Actor

LOOKS = ("case.viewed", "entity.viewed", "record.viewed", "gallery.viewed", "media.viewed", "messages.viewed", "exhibit.viewed",
         "connection.viewed", "connections.viewed", "patterns.viewed", "entities.listed", "chart.viewed",
         "file.opened")  # fmt: skip
"""Acts by which something of a case is looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One pattern: which rule, of whom, on which day, in numbers; and the auditor's sentence where there is one."""

    rule: Rule
    officer_id: UUID
    officer: str
    day: date
    number: int
    reason: str
    mark: Mark | None

    @property
    def key(self) -> str:
        """What names the finding in a form."""
        return f"{self.rule.name}:{self.officer_id}:{self.day.isoformat()}"


Raw = tuple[Rule, UUID, date, int, str]


def find_unusual(actor: Actor, week: date) -> tuple[Finding, ...]:
    """The unusual patterns of the officers of the actor's agency in the week that begins on this Monday, newest first."""
    ends = week + timedelta(days=7)
    raw = [
        found
        for ask in (_night, _by_the_hour, _searches, _not_assigned, _exports, _exposures)
        for found in ask(actor, week, ends)
    ]
    marks = {
        (mark.rule, mark.officer_id, mark.day): mark
        for mark in Mark.objects.filter(agency_id=actor.agency_id, withdrawn_at=None, day__gte=week, day__lt=ends)
        .select_related("marked_by")
    }  # fmt: skip
    names = dict(Officer.objects.filter(agency_id=actor.agency_id).values_list("id", "display_name"))
    found = [
        Finding(rule, officer, names.get(officer, ""), day, number, reason, marks.get((rule.name, officer, day)))
        for rule, officer, day, number, reason in raw
    ]
    return tuple(
        sorted(found, key=lambda one: (one.mark is not None, -one.day.toordinal(), one.officer, one.rule.name))
    )


def _night(actor: Actor, week: date, ends: date) -> Iterator[Raw]:
    """The night to a day begins at 22:00 of the day before."""
    rows = _asked(
        "select officer_id, ((at at time zone 'UTC') + interval '2 hours')::date, count(*) from audit_act where agency_id = %s"
        " and at >= %s and at < %s and officer_id is not null and ((at at time zone 'UTC') + interval '2 hours')::time < '08:00'"
        " group by 1, 2",
        actor.agency_id, _start(week - timedelta(days=HABIT_DAYS + 1)), _start(ends),
    )  # fmt: skip
    nights: dict[UUID, dict[date, int]] = defaultdict(dict)
    for officer, day, count in rows:
        nights[officer][day] = count
    for officer, by_day in nights.items():
        for day, count in by_day.items():
            before = sum(n for other, n in by_day.items() if timedelta() < day - other <= timedelta(days=HABIT_DAYS))
            if week <= day < ends and rules.NIGHT.speaks(count, before / HABIT_DAYS):
                yield rules.NIGHT, officer, day, count, (
                    f"{count} acts in the night to this day; {before / HABIT_DAYS:.1f} a night in the {HABIT_DAYS} days before."
                )  # fmt: skip


def _by_the_hour(actor: Actor, week: date, ends: date) -> Iterator[Raw]:
    rows = _asked(
        "select officer_id, date_trunc('hour', at at time zone 'UTC'), count(distinct holding_id) filter (where verb = any(%s)),"
        " count(*) filter (where verb = 'door.refused') from audit_act where agency_id = %s and at >= %s and at < %s"
        " and officer_id is not null and (holding_id is not null or verb = 'door.refused') group by 1, 2",
        list(LOOKS), actor.agency_id, _start(week), _start(ends),
    )  # fmt: skip
    most: dict[tuple[Rule, UUID, date], tuple[int, datetime]] = {}
    for officer, hour, cases, refused in rows:
        for rule, number in ((rules.MANY_CASES, cases), (rules.REFUSALS, refused)):
            key = (rule, officer, hour.date())
            if rule.speaks(number) and number > most.get(key, (0, hour))[0]:
                most[key] = number, hour
    for (rule, officer, day), (number, hour) in most.items():
        what = "cases looked at" if rule is rules.MANY_CASES else "refusals"
        yield rule, officer, day, number, f"{number} {what} from {hour:%H:%M} to {hour + timedelta(hours=1):%H:%M} UTC."


def _searches(actor: Actor, week: date, ends: date) -> Iterator[Raw]:
    rows = _asked(
        "select officer_id, (at at time zone 'UTC')::date, count(*), count(*) filter (where next is null or next > at + %s)"
        " from (select officer_id, at, verb, min(at) filter (where holding_id is not null) over (partition by officer_id"
        " order by at, id rows between 1 following and unbounded following) as next from audit_act where agency_id = %s"
        " and at >= %s and at < %s and (verb = 'search.made' or holding_id is not null)) acts"
        " where verb = 'search.made' and officer_id is not null group by 1, 2",
        timedelta(minutes=OPENED_WITHIN_MINUTES), actor.agency_id, _start(week), _start(ends),
    )  # fmt: skip
    for officer, day, searches, alone in rows:
        if rules.SEARCH_ONLY.speaks(alone):
            yield rules.SEARCH_ONLY, officer, day, alone, (
                f"{alone} of {searches} searches were followed by nothing of a case within {OPENED_WITHIN_MINUTES} minutes."
            )  # fmt: skip


def _not_assigned(actor: Actor, week: date, ends: date) -> Iterator[Raw]:
    rows = _asked(
        "select officer_id, day, count(*), (array_agg(subject order by subject))[1:5] from (select distinct a.officer_id,"
        " (a.at at time zone 'UTC')::date as day, a.subject, a.holding_id from audit_act a where a.agency_id = %s"
        " and a.holding_agency_id = %s and a.at >= %s and a.at < %s and a.verb = 'case.viewed' and a.officer_id is not null) seen"
        " where not exists (select 1 from audit_act own where own.holding_id = seen.holding_id"
        " and own.officer_id = seen.officer_id and own.verb in ('case.opened', 'case.joined')) group by 1, 2",
        actor.agency_id, actor.agency_id, _start(week), _start(ends),
    )  # fmt: skip
    for officer, day, cases, first in rows:
        if rules.NOT_ASSIGNED.speaks(cases):
            named = ", ".join(subject.removeprefix("case:") for subject in first)
            yield rules.NOT_ASSIGNED, officer, day, cases, (
                f"{cases} cases neither opened nor taken on: {named}{', ...' if cases > len(first) else ''}."
            )  # fmt: skip


def _exports(actor: Actor, week: date, ends: date) -> Iterator[Raw]:
    rows = _asked(
        "select officer_id, (at at time zone 'UTC')::date, count(*), sum(coalesce((details::jsonb ->> 'lines')::bigint, 0))::bigint"
        " from audit_act where agency_id = %s and at >= %s and at < %s and verb like '%%.exported' and officer_id is not null"
        " group by 1, 2",
        actor.agency_id, _start(week), _start(ends),
    )  # fmt: skip
    for officer, day, exports, lines in rows:
        if rules.EXPORTS.speaks(lines):
            yield rules.EXPORTS, officer, day, lines, f"{lines} lines in {exports} exports."


def _exposures(actor: Actor, week: date, ends: date) -> Iterator[Raw]:
    rows = _asked(
        "select officer_id, (at at time zone 'UTC')::date, sum(coalesce((details::jsonb ->> 'count')::bigint, 1))::bigint"
        " from audit_act where agency_id = %s and at >= %s and at < %s and verb = 'media.exposed' and officer_id is not null"
        " group by 1, 2",
        actor.agency_id, _start(week - timedelta(days=HABIT_DAYS)), _start(ends),
    )  # fmt: skip
    for officer, day, shown in rows:
        if not week <= day < ends:
            continue
        before = [n for _, other, n in rows if timedelta() < day - other <= timedelta(days=HABIT_DAYS)]
        median = statistics.median(before) if before else 0
        if rules.EXPOSURES.speaks(shown, median):
            yield rules.EXPOSURES, officer, day, shown, (
                f"{shown} media shown; the median of an officer's day in the {HABIT_DAYS} days before is {median:g}."
            )  # fmt: skip


def _asked(statement: str, *given: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(cursor.fetchall())


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
