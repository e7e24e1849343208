"""Link charts: what is drawn, why, for whom, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.audit.models import Act
from opencets_web.charts import actions, queries
from opencets_web.charts.models import SavedChart
from opencets_web.entities import actions as judging
from opencets_web.entities import jobs
from opencets_web.evidence.models import Claim
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy.actor import Actor
from tests.web.conftest import Behind, Cast
from tests.web.entities.conftest import Books, exhibit_of

ANNA = (("full_name", "Anna Keller"), ("date_of_birth", "1984-03-09"), ("phone", "07700 900123"))
Browsers = Callable[[Actor | None], Client]
MOST_QUERIES = 25


def labels(graph: queries.Graph, kind: str = "") -> set[str]:
    return {node.label for node in graph.nodes if not kind or node.kind == kind}


def ties(graph: queries.Graph) -> set[tuple[str, str, str]]:
    return {(left.label, tie.label, right.label) for left, tie, right in graph.rows}


def test_a_chart_draws_the_entity_its_values_and_who_else_holds_them(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    one, two = books.case("AV-1"), books.case("AV-2")
    anna = books.record(one, "person", "Anna Keller", *ANNA)
    books.record(two, "account", "annak", ("phone", "+44 7700 900123"), ("screen_name", "annak"))
    books.record(two, "person", "Tom Reed", ("full_name", "Tom Reed"), ("phone", "07700 900123", "contact"))
    books.record(two, "message", "See you at six", ("phone", "07700 900123", "mentioned"))
    with as_actor(cast.owner):
        graph = queries.get_graph(cast.owner, anna.id)
    assert labels(graph) == {"Anna Keller", "+447700900123", "chatter:annak", "Tom Reed", "See you at six"}
    assert ties(graph) == {
        ("Anna Keller", "own", "+447700900123"),
        ("Anna Keller", "own", "chatter:annak"),
        ("Tom Reed", "of a contact", "+447700900123"),
        ("See you at six", "mentioned", "+447700900123"),
    }
    phone = next(edge for edge in graph.edges if edge.source == f"e:{anna.id}" and edge.kind == "phone")
    assert phone.sentence == "Anna Keller has Telephone number +447700900123 (own), said by 2 claims."
    assert [(reason.sentence, reason.left, reason.right) for reason in phone.reasons] == [
        ("AV-1 · EX-1, read by csv_table/1", "07700 900123", "phone.zip › contacts.csv › row 1"),
        ("AV-2 · EX-1, read by csv_table/1", "+44 7700 900123", "phone.zip › contacts.csv › row 1"),
    ]
    assert all(node.x is not None and node.y is not None for node in graph.nodes)
    assert not graph.more


def test_a_generic_value_is_drawn_and_not_followed(books: Books, cast: Cast, as_actor: Behind) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA, ("email", "desk@example.org"))
    books.record(case, "person", "Tom Reed", ("full_name", "Tom Reed"), ("email", "desk@example.org"))
    Claim.objects.filter(normal="desk@example.org").update(generic=True)
    with as_actor(cast.owner):
        graph = queries.get_graph(cast.owner, anna.id)
        more = queries.get_graph(cast.owner, anna.id, expand="v:email:desk@example.org")
    assert labels(graph) == {"Anna Keller", "+447700900123", "desk@example.org"}
    assert [node.generic for node in graph.nodes if node.kind == "email"] == [True]
    assert labels(more) == {"desk@example.org"}


def test_hidden_records_are_not_drawn_and_leave_no_trace(books: Books, cast: Cast, as_actor: Behind) -> None:
    ours, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    anna = books.record(ours, "person", "Anna Keller", *ANNA)
    with as_actor(cast.owner):
        before = queries.get_graph(cast.owner, anna.id)
    hidden = books.record(theirs, "account", "quietowl", ("phone", "07700 900123"), ("screen_name", "quietowl"))
    with as_actor(cast.owner):
        assert queries.get_graph(cast.owner, anna.id) == before
        for node in (f"e:{hidden.id}", f"r:{hidden.id}", "v:handle:chatter:quietowl", f"c:{theirs.id}", "x:1", "e:no"):
            with pytest.raises(NotFound):
                queries.get_graph(cast.owner, anna.id, expand=node)
    books.grant(theirs, cast.owner)
    with as_actor(cast.owner):
        assert "chatter:quietowl" in labels(queries.get_graph(cast.owner, anna.id))
    looked = Act.objects.filter(verb="chart.viewed").values_list("holding_id", flat=True)
    assert theirs.holding_id in set(looked)


def test_suggestions_and_judgements_are_ties_with_their_reasons(
    books: Books, cast: Cast, as_job: Behind, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA[:2])
    other = books.record(case, "person", "Ana Keller", ("full_name", "Ana Keller"), ("date_of_birth", "1984-03-09"))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 1
    with as_actor(cast.owner):
        (suggested,) = queries.get_graph(cast.owner, anna.id).edges
        assert suggested.kind == "match"
        assert suggested.bits is not None
        assert {reason.left for reason in suggested.reasons} == {"anna keller", "1984-03-09"}
        judging.judge(cast.owner, anna.id, other.id, "different", "Sisters.")
        (judged,) = queries.get_graph(cast.owner, anna.id).edges
    assert (judged.kind, judged.label, judged.reasons[0].sentence) == ("judgement", "different people", "Sisters.")


def test_near_duplicates_are_drawn_where_both_sides_are_visible(books: Books, cast: Cast, as_actor: Behind) -> None:
    cases = [books.case("AV-1"), books.case("AV-2"), books.case("BO-1", cast.borders)]
    records = [books.record(case, "media", f"IMG_{at}.jpg") for at, case in enumerate(cases)]
    media = [
        Media.objects.create(
            holding_id=case.holding_id, agency_id=case.agency_id, case=case, record=record, file=record.file,
            sha256="cd" * 32, media_type="image/jpeg",
        )
        for case, record in zip(cases, records, strict=True)
    ]  # fmt: skip
    for other in media[1:]:
        left, right = sorted((media[0], other), key=lambda one: one.id)
        NearDuplicate.objects.create(
            left=left, right=right, distance=12, found_at=timezone.now(),
            left_holding_id=left.holding_id, left_agency_id=left.agency_id,
            right_holding_id=right.holding_id, right_agency_id=right.agency_id,
        )  # fmt: skip
    with as_actor(cast.owner):
        graph = queries.get_graph(cast.owner, records[0].id)
    assert labels(graph) == {"IMG_0.jpg", "IMG_1.jpg"}
    assert [edge.sentence for edge in graph.edges] == ["Near-duplicates: their PDQ differ in 12 of 256 bits."]


def test_places_are_the_same_each_time_and_stay_when_a_node_is_expanded(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    for number in range(20):
        books.record(
            case,
            "person",
            f"Contact {number}",
            ("full_name", f"Contact {number}"),
            ("phone", "07700 900123", "contact"),
        )
    with as_actor(cast.owner):
        first = queries.get_graph(cast.owner, anna.id)
        assert queries.get_graph(cast.owner, anna.id) == first
        assert first.more
        wider = queries.get_graph(cast.owner, anna.id, expand="v:phone:+447700900123")
    places = {node.id: (node.x, node.y) for node in first.nodes}
    assert {node.id: (node.x, node.y) for node in wider.nodes if node.id in places} == places
    assert len(wider.nodes) == 22
    assert len({(node.x, node.y) for node in wider.nodes}) == 22


def test_the_chart_of_a_case_shows_its_people_and_the_other_cases_they_stand_in(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    one, two = books.case("AV-1"), books.case("AV-2")
    books.record(one, "person", "Anna Keller", *ANNA)
    books.record(two, "account", "annak", ("phone", "07700 900123"))
    hidden = books.case("BO-1", cast.borders)
    books.record(hidden, "account", "annak", ("phone", "07700 900123"))
    from opencets_web.cases.queries import get_frame

    with as_actor(cast.owner):
        frame = get_frame(cast.owner, "AV-1", "charts:case")
        graph = queries.get_case_graph(cast.owner, frame)
    assert labels(graph) == {"AV-1", "AV-2", "Anna Keller"}
    assert ties(graph) == {("Anna Keller", "stands in", "AV-1"), ("Anna Keller", "stands in", "AV-2")}


def test_the_pages_are_shut_to_the_outsider_and_open_with_a_grant(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    addresses = [
        f"/charts/{anna.id}/", f"/charts/{anna.id}/?view=table", f"/charts/{anna.id}/graph.json",
        f"/charts/{anna.id}/graph.json?expand=e:{anna.id}", "/charts/case/AV-1/", "/charts/case/AV-1/?view=table",
        "/charts/case/AV-1/graph.json",
    ]  # fmt: skip
    for address in addresses:
        for actor in (cast.owner, cast.colleague):
            assert client_for(actor).get(address).status_code == 200, address
        for actor in (cast.outsider, cast.administrator):
            assert client_for(actor).get(address).status_code == 404, address
    books.grant(case, cast.outsider)
    for address in addresses:
        assert client_for(cast.outsider).get(address).status_code == 200, address
    answer = client_for(cast.outsider).get(f"/charts/{anna.id}/graph.json").json()
    assert set(answer) == {"nodes", "edges", "more", "label"}
    assert {"id", "label", "kind", "x", "y", "subtitle", "url", "generic"} <= set(answer["nodes"][0])
    assert {"id", "source", "target", "kind", "label", "bits", "sentence", "reasons"} <= set(answer["edges"][0])
    table = client_for(cast.outsider).get(f"/charts/{anna.id}/?view=table").content.decode()
    assert "Anna Keller has Telephone number +447700900123 (own), said by 1 claim." in table


def test_a_chart_is_kept_with_its_places_removed_and_put_back(books: Books, cast: Cast, client_for: Browsers) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    browser = client_for(cast.owner)
    answer = browser.post("/charts/save/", {"around": anna.id, "title": "Anna and her number"})
    saved = SavedChart.objects.get()
    assert answer["Location"] == f"/charts/{anna.id}/?saved={saved.id}"
    before = browser.get(f"/charts/{anna.id}/graph.json?saved={saved.id}").json()
    books.record(case, "account", "annak", ("phone", "07700 900123"), ("screen_name", "annak"))
    after = browser.get(f"/charts/{anna.id}/graph.json?saved={saved.id}").json()
    places: dict[str, Any] = {node["id"]: (node["x"], node["y"]) for node in after["nodes"]}
    assert all(places[node["id"]] == (node["x"], node["y"]) for node in before["nodes"])
    assert "chatter:annak" in {node["label"] for node in after["nodes"]}
    assert "Anna and her number" in browser.get("/charts/").content.decode()
    assert client_for(cast.outsider).post(f"/charts/saved/{saved.id}/remove/").status_code == 404
    assert client_for(cast.outsider).get(f"/charts/{anna.id}/?saved={saved.id}").status_code == 404
    browser.post(f"/charts/saved/{saved.id}/remove/")
    page = browser.get("/charts/").content.decode()
    assert f"/charts/saved/{saved.id}/restore/" in page
    assert f"/charts/{anna.id}/?saved=" not in page
    browser.post(f"/charts/saved/{saved.id}/restore/")
    assert f"/charts/{anna.id}/?saved=" in browser.get("/charts/").content.decode()
    verbs = Act.objects.filter(verb__in=["chart.saved", "chart.removed", "chart.restored"]).order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == ["chart.saved", "chart.removed", "chart.restored"]


def test_a_reader_without_contribute_keeps_no_chart(books: Books, cast: Cast, as_actor: Behind) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    books.grant(case, cast.outsider, "read")
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.save_chart(cast.outsider, anna.id, "Mine now")
    assert not SavedChart.objects.exists()


def test_the_number_of_queries_does_not_grow_with_the_chart(books: Books, cast: Cast, client_for: Browsers) -> None:
    cases = [books.case(f"AV-{number}") for number in range(4)]
    anna = books.record(cases[0], "person", "Anna Keller", *ANNA, ("email", "anna@example.org"))
    for number in range(40):
        books.record(
            cases[number % 4], "person", f"Contact {number}", ("full_name", f"Contact {number}"),
            ("phone", "07700 900123", "contact"), ("email", f"c{number // 2}@example.org"),
        )  # fmt: skip
    browser = client_for(cast.owner)
    for url in (
        "/charts/", f"/charts/{anna.id}/", f"/charts/{anna.id}/?view=table", "/charts/case/AV-0/?view=table",
        f"/charts/{anna.id}/graph.json",
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(url).status_code == 200
        # Served, the officer travels with BEGIN; inside the transaction of a test it is a query of its own.
        reading = [
            query
            for query in asked.captured_queries
            if query["sql"].lower().startswith("select") and "set_config('app.officer'" not in query["sql"]
        ]
        assert len(reading) <= MOST_QUERIES, (url, len(reading))
