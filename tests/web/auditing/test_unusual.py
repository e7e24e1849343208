"""What stands out in the log, why it is told, and what an auditor says of it; the weeks that were signed off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tests.web.audit.logs import past_the_triggers, seal_log

if TYPE_CHECKING:
    from django.test import Client

    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 1, 5)
DAY = datetime(2026, 1, 7, 14, 0, tzinfo=UTC)


def act(
    actor: Actor, at: datetime, verb: str = "case.viewed", holding: UUID | None = None, owner: UUID | None = None,
    subject: str = "", details: str = "{}",
) -> None:  # fmt: skip
    """One act at a time of one's choosing, as the log would have it."""
    from django.db import connection

    from opencets_web.audit.sealer import LEAF

    with past_the_triggers(), connection.cursor() as cursor:
        cursor.execute(
            "insert into audit_act (at, verb, officer_id, agency_id, holding_id, holding_agency_id, subject, details, purpose,"
            " address, leaf, written_in) values (%s, %s, %s, %s, %s, %s, %s, %s, '', '192.0.2.7', '', 10) returning id",
            [
                at,
                verb,
                actor.officer_id,
                actor.agency_id,
                holding,
                (owner or actor.agency_id) if holding else None,
                subject,
                details,
            ],
        )  # fmt: skip
        made = cursor.fetchone()[0]
        cursor.execute(f"update audit_act set leaf = {LEAF} where id = %s", [made])


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def _night(cast: Cast) -> None:
    for number in range(20):
        act(cast.owner, datetime(2026, 1, 6, 22, number, tzinfo=UTC))


def _many_cases(cast: Cast) -> None:
    for number in range(15):
        act(cast.owner, DAY + minutes(number), holding=uuid4(), owner=cast.borders.id)


def _searches(cast: Cast) -> None:
    for number in range(5):
        act(cast.owner, DAY + minutes(number), "search.made", details='{"words":"Ada Example"}')
    act(cast.owner, DAY + minutes(40), holding=uuid4(), owner=cast.borders.id)


def _refusals(cast: Cast) -> None:
    for number in range(5):
        act(cast.owner, DAY + minutes(number), "door.refused", details='{"path":"/cases/XX/"}')


def _not_assigned(cast: Cast) -> None:
    for number in range(3):
        act(cast.owner, DAY + minutes(number), holding=uuid4(), subject=f"case:AV-2026-000{number}")


def _exports(cast: Cast) -> None:
    act(cast.owner, DAY, "audit.exported", details='{"lines":1000}')


def _exposures(cast: Cast) -> None:
    for number in range(1, 6):
        act(cast.colleague, DAY - timedelta(days=number), "media.exposed", details='{"count":10}')
    act(cast.owner, DAY, "media.exposed", details='{"count":31}')


PLANTED = {
    "night": (_night, 20, "20 acts in the night to this day; 0.0 a night"),
    "many-cases": (_many_cases, 15, "15 cases looked at from 14:00 to 15:00"),
    "search-only": (_searches, 5, "5 of 5 searches were followed by nothing"),
    "refusals": (_refusals, 5, "5 refusals from 14:00"),
    "not-assigned": (_not_assigned, 3, "3 cases neither opened nor taken on: AV-2026-0000, AV-2026-0001"),
    "exports": (_exports, 1000, "1000 lines in 1 exports"),
    "exposures": (_exposures, 31, "31 media shown; the median of an officer's day in the 28 days before is 10"),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_each_rule_tells_what_was_planted_with_reason_and_numbers_and_nothing_else(
    cast: Cast, as_actor: Callable[..., Any], rule: str
) -> None:
    from opencets_web.auditing.queries import list_unusual

    plant, number, reason = PLANTED[rule]
    plant(cast)
    with as_actor(cast.auditor):
        findings = list_unusual(cast.auditor, DAY.date().isoformat()).findings
    assert [(one.rule.name, one.officer_id, one.day, one.number) for one in findings] == [
        (rule, cast.owner.officer_id, DAY.date(), number)
    ]
    assert findings[0].reason.startswith(reason)


def _usual_nights(cast: Cast) -> None:
    for night in range(28):
        for number in range(20):
            act(cast.owner, datetime(2025, 12, 10, 23, number, tzinfo=UTC) + timedelta(days=night))


def _followed(cast: Cast) -> None:
    case = uuid4()
    for number in range(8):
        act(cast.owner, DAY + minutes(20 * number), "search.made")
        act(cast.owner, DAY + minutes(20 * number + 3), holding=case, subject="case:AV-1")


def _taken_on(cast: Cast) -> None:
    for number in range(5):
        case = uuid4()
        act(cast.owner, DAY - timedelta(days=40), "case.joined", holding=case, subject=f"case:AV-{number}")
        act(cast.owner, DAY + minutes(number), holding=case, subject=f"case:AV-{number}")


def _another_agency(cast: Cast) -> None:
    for number in range(30):
        act(cast.outsider, DAY + minutes(number % 50), "door.refused")


@pytest.mark.parametrize("usual", [_usual_nights, _followed, _taken_on, _another_agency])
def test_what_is_an_officers_habit_or_another_agencys_is_not_told(
    cast: Cast, as_actor: Callable[..., Any], usual: Callable[[Cast], None]
) -> None:
    from opencets_web.auditing.queries import list_unusual

    usual(cast)
    with as_actor(cast.auditor):
        assert list_unusual(cast.auditor, MONDAY.isoformat()).findings == ()


def test_a_pattern_is_marked_with_a_sentence_and_the_mark_is_taken_back(
    cast: Cast, client_for: Callable[..., Client]
) -> None:
    from opencets_web.audit.models import Act
    from opencets_web.auditing.models import Mark

    _refusals(cast)
    browser = client_for(cast.auditor)
    page = browser.get("/audit/unusual/?week=2026-01-07").content.decode()
    assert "5 refusals from 14:00 to 15:00 UTC." in page
    key = f"refusals:{cast.owner.officer_id}:2026-01-07"
    assert browser.post("/audit/unusual/mark/", {"key": key, "sentence": " "}).status_code == 409
    assert browser.post("/audit/unusual/mark/", {"key": key[:-1] + "8", "sentence": "A typo."}).status_code == 404
    assert (
        browser.post("/audit/unusual/mark/", {"key": key, "sentence": "A wrong link in a letter."}).status_code == 302
    )
    assert browser.post("/audit/unusual/mark/", {"key": key, "sentence": "Again."}).status_code == 409
    page = browser.get("/audit/unusual/?week=2026-01-07").content.decode()
    assert "A wrong link in a letter." in page
    assert Act.objects.filter(verb="audit.pattern-marked", officer_id=cast.auditor.officer_id).count() == 1
    mark = Mark.objects.get()
    assert browser.post(f"/audit/marks/{mark.id}/withdraw/").status_code == 302
    assert "A wrong link" not in browser.get("/audit/unusual/?week=2026-01-07").content.decode()
    for who in (cast.owner, cast.outsider, cast.administrator):
        assert client_for(who).post("/audit/unusual/mark/", {"key": key, "sentence": "No."}).status_code == 404


def test_a_week_is_signed_off_once_its_patterns_have_their_sentence(
    cast: Cast, client_for: Callable[..., Client], as_actor: Callable[..., Any]
) -> None:
    from opencets_web.auditing.models import Review
    from opencets_web.auditing.queries import list_reviews

    _refusals(cast)
    browser, sent = client_for(cast.auditor), {"week": "2026-01-05", "sentence": "One wrong link, nothing else."}
    assert "wait for a sentence" in browser.post("/audit/reviews/sign/", sent).content.decode()
    key = f"refusals:{cast.owner.officer_id}:2026-01-07"
    browser.post("/audit/unusual/mark/", {"key": key, "sentence": "A wrong link in a letter."})
    assert "not sealed past the end" in browser.post("/audit/reviews/sign/", sent).content.decode()
    seal_log()
    assert browser.post("/audit/reviews/sign/", sent).status_code == 302
    assert "signed off already" in browser.post("/audit/reviews/sign/", sent).content.decode()
    today = datetime.now(UTC).date().isoformat()
    assert "not over yet" in browser.post("/audit/reviews/sign/", sent | {"week": today}).content.decode()
    review = Review.objects.get()
    assert (review.week, review.acts, review.checkpoint, len(review.root)) == (MONDAY, 5, 5, 64)
    assert browser.get("/audit/reviews/").status_code == 200
    assert browser.post(f"/audit/reviews/{review.id}/withdraw/").status_code == 302
    with as_actor(cast.auditor):
        page = list_reviews(cast.auditor)
    assert all(week.review is None for week in page.weeks)
    assert page.missing == sum(week.over for week in page.weeks) > 10


def test_an_auditor_sees_no_marks_and_reviews_of_another_agency(cast: Cast, as_actor: Callable[..., Any]) -> None:
    from django.utils import timezone

    from opencets_web.auditing.models import Mark, Review

    officer, now = cast.officers["outsider"], timezone.now()
    Mark.objects.create(
        agency=cast.borders,
        rule="night",
        officer=officer,
        day=MONDAY,
        number=1,
        sentence="x",
        marked_by=officer,
        marked_at=now,
    )
    Review.objects.create(
        agency=cast.borders, week=MONDAY, sentence="x", acts=1, signed_by=officer, signed_at=now, checkpoint=1, root=""
    )
    for who in (cast.auditor, cast.owner, cast.outsider):
        with as_actor(who):
            assert (Mark.objects.count(), Review.objects.count()) == (0, 0)


def test_an_extract_proves_itself_and_every_change_of_it_is_found(
    cast: Cast, client_for: Callable[..., Client], tmp_path: Path
) -> None:
    from opencets_web.audit.signed import lines_of_export
    from opencets_web.audit.verifying import verify_lines

    _refusals(cast)
    _another_agency(cast)
    _searches(cast)
    browser = client_for(cast.auditor)
    assert browser.get("/audit/export.jsonl").status_code == 409  # nothing is sealed yet
    seal_log(batch=7)
    written = browser.get("/audit/export.jsonl?verb=search.made").content
    assert written.count(b'"line":"act"') == 5
    assert str(cast.outsider.officer_id).encode() not in written
    file = tmp_path / "extract.jsonl"
    file.write_bytes(written)
    finding = verify_lines(lines_of_export(file), export=True)
    assert (finding.bad, finding.acts) == ("", 5)
    for old, new, told in (
        (b"Ada Example", b"Eve Example", "is not as it was written"),
        (b'"proof":["', b'"proof":["00', "lacks a part|does not lead to the root"),
        (b'"leaf_number":', b'"leaf_number":1', "does not lead to the root"),
        (b'"verb":"search.made"}', b'"verb":"search.made"} ', "signature does not fit"),
    ):
        file.write_bytes(written.replace(old, new, 1))
        bad = verify_lines(lines_of_export(file), export=True).bad
        assert any(part in bad for part in told.split("|")), (old, bad)
    assert browser.get("/audit/checkpoint.json").status_code == 200


def test_a_formula_in_a_purpose_is_disarmed_and_what_was_searched_for_is_shown(
    cast: Cast, client_for: Callable[..., Client]
) -> None:
    act(cast.owner, DAY, "search.made", details='{"words":"=1+1","found":{"people":2}}')
    browser = client_for(cast.auditor)
    page = browser.get("/audit/?verb=search.made").content.decode()
    assert "words: =1+1" in page
    assert "found" not in page.partition("Act</th>")[2].partition("</table>")[0]
    assert "words: =1+1" in browser.get("/audit/export.csv?verb=search.made").content.decode()
