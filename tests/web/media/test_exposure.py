"""Budget, breaks, opting out, two officers, and what a supervisor sees of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from opencets_web.accounts.models import Agency, Officer
from opencets_web.audit.models import Act
from opencets_web.exposure import rules
from opencets_web.exposure.models import AgencyRule, Ask, Day, Setting
from opencets_web.media.models import Media
from opencets_web.policy import wall
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast, signed
from tests.web.media.conftest import Album, jpeg

Browsers = Callable[[Actor | None], Client]
RULE = {"showings": 2, "minutes": 60, "break_after": 1, "break_minutes": 10, "two_from": "", "two_minutes": 60}


def officer_of(cast: Cast, agency: Agency, name: str, *roles: str) -> Actor:
    row = Officer.objects.create(
        email=f"{name}@{agency.short_name.lower()}.example.org", display_name=name, agency=agency, roles=list(roles)
    )
    cast.officers[name] = row
    return Actor.of(row)


@pytest.fixture
def heads(cast: Cast) -> dict[str, Actor]:
    """A supervisor of each agency; asked for before ``client_for``, which knows the officers that there are then."""
    return {
        "avon": officer_of(cast, cast.avon, "Head", "supervisor"),
        "borders": officer_of(cast, cast.borders, "Farhead", "supervisor"),
    }


def asked(browser: Client, medium: Media, what: str = "thumbnail") -> str:
    """``given``, or the code with which it was refused."""
    answer = browser.get(signed(browser, f"/media/{medium.id}/{what}"), headers={"Accept": "application/json"})
    if answer.streaming:
        answer.getvalue()
    return "given" if answer.status_code == 200 else str(answer.json()["code"])


def looked(browser: Client, medium: Media, *seconds: float) -> Any:
    reveals = [{"id": str(medium.id), "milliseconds": each * 1000} for each in seconds]
    return browser.post("/media/exposure/", json.dumps({"reveals": reveals}), content_type="application/json")


@pytest.fixture
def medium(album: Album) -> Media:
    album.exhibit("AV-1", {"a.jpg": jpeg(1)})
    return album.media("AV-1", "a.jpg")


def test_at_the_budget_a_colleague_gives_a_go_ahead_and_nobody_else(
    heads: dict[str, Actor], medium: Media, cast: Cast, client_for: Browsers
) -> None:
    browsers = {name: client_for(getattr(cast, name)) for name in ("owner", "colleague", "outsider")}
    owner = browsers["owner"]
    assert owner.post("/exposure/rule/", RULE).status_code == 409
    assert client_for(heads["avon"]).post("/exposure/rule/", RULE).status_code == 302
    assert asked(owner, medium) == "given"
    looked(owner, medium, 1, 1)
    assert (asked(owner, medium), asked(owner, medium, "original")) == ("budget", "budget")
    assert asked(browsers["colleague"], medium) == "given"
    assert "That is enough for today" in owner.get("/exposure/enough/?because=budget").content.decode()
    told = owner.post("/exposure/ask/", {"kind": "go-ahead"}, headers={"Accept": "application/json"})
    assert "lapses by itself" in told.json()["sentence"]
    owner.post("/exposure/ask/", {"kind": "go-ahead"})
    ask = Ask.objects.get()
    address, yes = f"/exposure/asks/{ask.id}/answer/", {"agreed": "yes"}
    assert str(ask.id) not in browsers["outsider"].get("/exposure/asks/").content.decode()
    assert browsers["outsider"].post(address, yes).status_code == 404
    assert owner.post(address, yes).status_code == 409
    assert browsers["colleague"].post(address, yes).status_code == 302
    assert browsers["colleague"].post(address, yes).status_code == 409
    assert asked(owner, medium) == "given"
    verbs = list(
        Act.objects.filter(verb__in=("exposure.asked", "exposure.answered"))
        .order_by("id")
        .values_list("verb", "officer_id")
    )
    assert verbs == [("exposure.asked", cast.owner.officer_id), ("exposure.answered", cast.colleague.officer_id)]


def test_a_budget_of_ones_own_is_lower_and_stays_ones_own(
    heads: dict[str, Actor], medium: Media, cast: Cast, client_for: Browsers
) -> None:
    owner = client_for(cast.owner)
    form = {"mode": "pictures", "veil": "light", "tile": "96", "own_budget": "1"}
    assert owner.post("/exposure/choose/", form | {"own_budget": "9999"}).status_code == 409
    assert owner.post("/exposure/choose/", form).status_code == 302
    looked(owner, medium, 1)
    assert asked(owner, medium) == "budget"
    page = owner.get("/exposure/").content.decode()
    assert "100 % of the day" in page
    found = owner.get("/cases/AV-1/media/").context["found"]
    assert (found.eyes.veil, found.eyes.grey, found.eyes.tile) == ("light", False, 96)
    with_head = client_for(heads["avon"]).get("/exposure/load/").content.decode()
    assert cast.officers["owner"].display_name not in with_head


def test_a_break_shows_nothing_is_offered_and_can_be_put_off(medium: Media, cast: Cast, client_for: Browsers) -> None:
    AgencyRule.objects.create(
        agency=cast.avon,
        **(RULE | {"two_from": None, "showings": 100}),
        changed_by=cast.officers["owner"],
        changed_at=timezone.now(),
    )
    owner = client_for(cast.owner)
    assert "X-Exposure" not in looked(owner, medium, 30)
    assert looked(owner, medium, 31)["X-Exposure"] == "break"
    owner.post("/exposure/break/later/")
    assert "X-Exposure" not in looked(owner, medium, 10)
    assert looked(owner, medium, 300)["X-Exposure"] == "break"
    owner.post("/exposure/break/")
    assert asked(owner, medium) == "resting"
    owner.post("/exposure/break/end/")
    assert asked(owner, medium) == "given"
    day = Day.objects.get()
    assert (day.breaks, day.snoozes, day.stretch_seconds) == (1, 1, 0)
    # A gap as long as a break is one, asked for or not.
    looked(owner, medium, 50)
    Day.objects.update(last_at=timezone.now() - timedelta(minutes=11))
    assert "X-Exposure" not in looked(owner, medium, 20)
    assert Day.objects.get().stretch_seconds == 20


@pytest.mark.parametrize(
    ("choice", "changed", "expected"),
    [
        ({"without_pictures": "on"}, {}, "chosen"),
        ({"nothing_today": "on"}, {}, "chosen"),
        ({"without_severe": "on"}, {"severity": 3}, "chosen"),
        ({"without_severe": "on"}, {"severity": 2}, "given"),
        ({"without_video": "on"}, {"media_type": "video/mp4"}, "chosen"),
        ({"without_video": "on"}, {}, "given"),
    ],
)
def test_who_opts_out_reads_and_nobody_is_told_of_what(
    medium: Media, cast: Cast, client_for: Browsers, choice: dict[str, str], changed: dict[str, object], expected: str
) -> None:
    if changed:
        Media.objects.filter(pk=medium.pk).update(**changed)
    owner = client_for(cast.owner)
    owner.post("/exposure/choose/", {"mode": "pictures", "veil": "strong", "tile": "128", **choice})
    page = owner.get("/cases/AV-1/media/")
    assert (asked(owner, medium), b"/thumbnail" in page.content) == (expected, expected == "given")
    assert asked(client_for(cast.colleague), medium) == "given"
    if choice == {"nothing_today": "on"}:
        Setting.objects.update(without_on=date(2026, 1, 1))
        assert asked(owner, medium) == "given"
    assert Act.objects.get(verb="exposure.chosen").details in ("", "{}", None)


def test_two_look_together_in_a_case_that_asks_for_it(medium: Media, cast: Cast, client_for: Browsers) -> None:
    owner, colleague, outsider = (client_for(who) for who in (cast.owner, cast.colleague, cast.outsider))
    assert outsider.post("/cases/AV-1/two-officers/", {"wanted": "yes"}).status_code == 404
    assert owner.post("/cases/AV-1/two-officers/", {"wanted": "yes"}).status_code == 302
    assert (asked(owner, medium), asked(owner, medium, "original")) == ("two", "two")
    owner.post("/exposure/ask/", {"kind": "presence"})
    ask = Ask.objects.get()
    assert asked(owner, medium) == "two"
    colleague.post(f"/exposure/asks/{ask.id}/answer/", {"agreed": "yes"})
    assert (asked(owner, medium), asked(colleague, medium)) == ("given", "given")
    Ask.objects.update(ends_at=timezone.now())
    assert asked(owner, medium) == "two"
    Ask.objects.update(ends_at=timezone.now() + timedelta(minutes=5))
    assert outsider.post(f"/exposure/asks/{ask.id}/end/").status_code == 404
    assert colleague.post(f"/exposure/asks/{ask.id}/end/").status_code == 302
    assert asked(owner, medium) == "two"
    owner.post("/cases/AV-1/two-officers/", {"wanted": "no"})
    assert asked(owner, medium) == "given"
    lapsed = Ask.objects.create(
        agency=cast.avon, kind="presence", officer=cast.officers["owner"], on=date.today(), asked_at=timezone.now(),
        lapses_at=timezone.now(),
    )  # fmt: skip
    assert colleague.post(f"/exposure/asks/{lapsed.id}/answer/", {"agreed": "yes"}).status_code == 409


def test_supervisors_see_the_load_and_no_list_of_people(
    heads: dict[str, Actor], cast: Cast, client_for: Browsers, as_actor: Behind
) -> None:
    head, afar = heads["avon"], heads["borders"]
    today = timezone.now().date()
    rows = [officer_of(cast, cast.avon, f"Officer {number}", "reviewer") for number in range(5)]
    for number, who in enumerate(rows):
        Day.objects.create(
            officer_id=who.officer_id, on=today, count=10 * (number + 1), by_severity=[0, 0, 0, number, 0]
        )
    for who in rows[:4]:
        Day.objects.create(officer_id=who.officer_id, on=today - timedelta(days=1), count=500)
    Setting.objects.create(officer_id=rows[4].officer_id, talk_asked_at=timezone.now(), changed_at=timezone.now())
    page = client_for(head).get("/exposure/load/")
    load = page.context["page"]
    assert [(day.on, day.officers, day.low, day.middle, day.high, day.severe) for day in load.days] == [
        (today, 5, 20, 30, 40, 2)
    ]
    assert [(line.name, line.why.split()[0]) for line in load.named] == [
        *((f"Officer {number}", "went") for number in range(4)), ("Officer 4", "asked"),
    ]  # fmt: skip
    assert not re.search(r"Officer \d[^<]*\d{2}", page.content.decode().replace("Officer 4", ""))
    assert client_for(afar).get("/exposure/load/").context["page"].named == ()
    for who in (cast.owner, cast.administrator, cast.auditor, cast.outsider):
        assert client_for(who).get("/exposure/load/").status_code == 404
    with as_actor(head):
        assert not Day.objects.exists()
        assert not Setting.objects.exists()
    assert Act.objects.filter(verb="exposure.load-viewed", officer_id=head.officer_id).count() == 1


def test_the_wall_and_the_defaults_say_the_same_numbers() -> None:
    functions = " ".join(wall._functions())
    assert f"coalesce(r.showings, {rules.default('showings')})" in functions
    assert f"coalesce(r.minutes, {rules.default('minutes')})" in functions
    assert f"having count(*) >= {rules.default('smallest_group')}" in functions
    assert all("source" in value for value in rules.defaults().values() if isinstance(value, dict))


@pytest.mark.parametrize(
    ("category", "severity"), [("US:1", 3), ("US:0", 0), ("US:4", 1), ("US-OLD:0", None), ("UK:3", 3), ("US:2", 2), ("", None)]
)  # fmt: skip
def test_a_category_is_as_severe_as_its_scheme_says(category: str, severity: int | None) -> None:
    assert rules.severity_of(category) == severity
