"""Two worlds that differ only in hidden records: connections, charts, exports, times, patterns and the API stay, byte for byte.

What is hidden holds the same values, stands between the visible cases in every way, and resembles their pictures. One hidden
case is another agency's and silent, one the reader's own agency's and restricted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from opencets_web.cases.models import Case
from opencets_web.charts.models import SavedChart
from opencets_web.evidence.models import Record
from opencets_web.leads.models import Connection
from opencets_web.media.models import Media
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant
from tests.web.conftest import Behind, Cast
from tests.web.leads.test_linking import match, near, picture
from tests.web.leads.worlds import World

Browsers = Callable[[Actor | None], Client]
PHONE, BANK, MAIL = ("phone", "+447700900123"), ("iban", "GB33BUKB20201555555555"), ("email", "quiet@example.org")
OWL, HERON = ("handle", "chatter:quietowl"), ("handle", "chatter:nightheron")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OF_THE_REQUEST = re.compile(
    r'<meta name="csrf-token" content="[^"]*">|name="csrfmiddlewaretoken" value="[^"]*"|nonce="[^"]*"|(?<=data-reltime>)[^<]*'
)


ROOMS = ("evidence_", "leads_", "entities_", "media_", "charts_")


def seen(world: World) -> tuple[list[Case], list[Record]]:
    """Three cases of Avon's and one that Borders released: direct connections, one over a case in between, and pictures."""
    cases = [world.case(reference) for reference in ("AV-1", "AV-2", "AV-3")]
    released = world.case("BO-1", world.cast.outsider)
    world.grant(released, world.cast.avon)
    records = [
        world.record(cases[0], PHONE, BANK, kind="person", label="Anna Keller"),
        world.record(cases[0], OWL, PHONE, kind="account", label="quietowl"),
        world.record(cases[1], PHONE, BANK, MAIL, label="line"),
        world.record(cases[2], MAIL, HERON, kind="person", label="Ben Marsh"),
        world.record(released, BANK, HERON, label="nightheron"),
        world.record(cases[0], (*PHONE, "mentioned"), kind="message", label="Call me"),
    ]
    Record.objects.filter(pk=records[5].pk).update(at=NOW, at_text="2026-03-02T12:00:00Z", body="Call me")
    left, right = picture(world, cases[0], b"\1" * 32), picture(world, cases[2], b"\3" * 32)
    near(left, right, 6)
    Media.objects.update(cases_count=2)
    match(records[0], records[3], 0.95)
    records.append(left.record)
    return [*cases, released], records


def hide(world: World, cases: list[Case], records: list[Record]) -> list[Case]:
    """Three silent cases of Borders and a restricted one of Avon's, each tied to all that is seen."""
    hidden = [world.case(f"BO-{number}", world.cast.outsider, disclosure="silent") for number in (7, 8, 9)]
    hidden.append(restricted := world.case("AV-R", world.cast.colleague, restricted=True))
    Grant.objects.create(
        holding_id=restricted.holding_id, agency_id=restricted.agency_id, to_officer_id=world.cast.colleague.officer_id,
        level="manage", purpose="Theirs alone", granted_by_id=world.cast.colleague.officer_id,
        granted_at=NOW, expires_at=datetime(2099, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    for case in hidden:
        double = world.record(case, PHONE, BANK, MAIL, OWL, HERON, kind="person", label=f"Hidden {case.reference}")
        world.record(case, OWL, MAIL, label="hidden account")
        copy = picture(world, case, b"\2" * 32)
        for medium in Media.objects.filter(case__in=cases):
            near(medium, copy, 2)
        match(records[0], double, 0.97)
        match(records[3], double, 0.97)
    Media.objects.update(cases_count=6)
    return hidden


def addresses(cases: list[Case], records: list[Record], saved: list[SavedChart]) -> list[str]:
    """Every page and answer on which a connection, a chart, a time or a pattern stands."""
    found = [reverse("leads:list"), f"{reverse('leads:list')}?state=any&weak=1", reverse("desk:home"), "/api/v1/alerts"]
    for case in (cases[0], cases[3]):
        room = reverse("leads:connections", args=[case.reference])
        chart, graph = (reverse(f"charts:{name}", args=[case.reference]) for name in ("case", "case-graph"))
        found += [room, f"{room}?kind=phone", f"/api/v1/cases/{case.reference}/connections"]
        found += [f"/api/v1/cases/{case.reference}/pointers", reverse("desk:case", args=[case.reference])]
        found += [chart, f"{chart}?view=table", f"{chart}?whole=1&view=table", graph, f"{graph}?whole=1"]
        found += [f"{graph}?expand=c:{cases[0].id}", reverse("patterns:case", args=[case.reference])]
    of_ours = Connection.objects.filter(left_case__in=cases, right_case__in=cases).order_by("id")
    open_ = {case.holding_id for case in cases}
    for row in [row for row in of_ours if set(row.through) <= open_][:3]:
        found += [reverse("leads:show", args=[row.id]), f"{reverse('charts:why')}?tie=connection:{row.id}"]
    for record in (records[0], records[4]):
        graph = reverse("charts:graph", args=[record.id])
        found += [
            graph,
            f"{graph}?expand=v:phone:{PHONE[1].replace('+', '%2B')}",
            reverse("charts:times", args=[record.id]),
        ]
        found += [f"{reverse('charts:around', args=[record.id])}?view=table"]
        way = reverse("charts:way")
        found += [f"{way}?from=e:{records[0].id}&to=e:{record.id}"]
    for start, goal in ((0, 3), (1, 4)):
        paths = reverse("patterns:paths", args=[records[start].id])
        found += [paths, f"{paths}?to={records[goal].id}"]
    for chart in saved:
        here = reverse("charts:saved", args=[chart.id])
        found += [f"{here}?view=table", reverse("charts:saved-graph", args=[chart.id])]
        found += [reverse("charts:saved-times", args=[chart.id])]
    return found


def told(browser: Client, asked: list[str], cases: list[Case], records: list[Record]) -> dict[str, str]:
    """What is sent for each address, and how often the database was asked for it; exports and a frozen chart as bytes."""
    answers = {}
    browser.get(reverse("desk:home"))  # takes the message that a chart was kept
    for address in asked:
        with CaptureQueriesContext(connection) as queries:
            response = browser.get(address)
        assert response.status_code in (200, 302), (address, response.status_code)
        asked_for = sum(any(room in one["sql"] for room in ROOMS) for one in queries)
        body = OF_THE_REQUEST.sub("", response.content.decode())
        answers[address] = f"{response.status_code} {response.get('Location', '')} asked {asked_for} times {body}"
    picture_of_ours = {"around": records[6].id}
    for form, what in (
        ("svg", {"around": records[0].id}),
        ("svg", {"reference": cases[0].reference}),
        ("pdf", picture_of_ours),
        ("case-uco", picture_of_ours),
    ):
        exported = browser.post(reverse("charts:export"), what | {"form": form})
        assert exported.status_code == 200
        answers[f"{form} {what}"] = repr(exported.content)
    for what in ({"around": records[0].id}, {"reference": cases[0].reference}):
        browser.post(reverse("charts:save"), what | {"title": "Frozen", "freeze": "1"})
        frozen = SavedChart.objects.order_by("-id")[0]
        assert frozen.frozen_at is not None
        answers[f"frozen {what}"] = f"{frozen.sha256} {frozen.drawn_holdings} {frozen.content} {frozen.layout}"
    return answers


def test_hidden_records_leave_connections_charts_times_and_patterns_as_they_were(
    world: World, cast: Cast, client_for: Browsers, as_actor: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases, records = seen(world)
    for case in cases:
        world.link(case)
    assert Connection.objects.filter(retired_at=None, hops=2).exists()
    monkeypatch.setattr("opencets_web.charts.actions.timezone", SimpleNamespace(now=lambda: NOW))
    browser = client_for(cast.owner)
    browser.get("/")
    layout = f'{{"expanded": ["v:phone:{PHONE[1]}"], "hidden": ["v:iban:{BANK[1]}"]}}'
    for what in (
        {"around": records[0].id, "layout": layout},
        {"reference": "AV-1"},
        {"reference": "AV-1", "freeze": "1"},
    ):
        assert browser.post(reverse("charts:save"), what | {"title": "Kept"}).status_code == 302
    saved = list(SavedChart.objects.order_by("id"))
    asked = addresses(cases, records, saved)
    for address in (*asked[:12], *asked[-3:]):
        browser.get(address)  # what a process learns once, such as the key of a frozen chart
    before = told(browser, asked, cases, records)

    for case in hide(world, cases, records):
        world.link(case)
    for case in reversed(cases):
        world.link(case)
    assert Connection.objects.filter(retired_at=None).count() > 10
    assert addresses(cases, records, saved) == asked, "the same connections were told"
    after = told(browser, asked, cases, records)
    differing = [
        (address, *_first(before[address], after[address])) for address in before if before[address] != after[address]
    ]
    assert not differing, "\n".join(map(str, differing))


def _first(one: str, other: str) -> tuple[str, str]:
    """The two texts from a little before where they part."""
    at = next((at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), 0)
    return one[max(0, at - 60) : at + 120], other[max(0, at - 60) : at + 120]
