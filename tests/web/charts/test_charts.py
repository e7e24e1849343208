"""Link charts: what is drawn, why, for whom, and where it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader

from opencets.errors import DamagedSource, NotFound
from opencets_web.audit.models import Act
from opencets_web.cases.queries import get_frame
from opencets_web.charts import actions, pages, queries, ways
from opencets_web.charts.keeping import Asked
from opencets_web.charts.models import SavedChart
from opencets_web.charts.whole import get_whole_graph
from opencets_web.entities import actions as judging
from opencets_web.entities import jobs
from opencets_web.evidence.models import Claim, Record
from opencets_web.leads import jobs as leads
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
    other = books.record(case, "person", "Keller, Anna", ("full_name", "Keller, Anna"), ("date_of_birth", "1984-03-09"))
    with as_job(cast.owner):
        assert jobs.resolve_people(exhibit_of(case), str(cast.owner.officer_id)) == 1
    with as_actor(cast.owner):
        (suggested,) = queries.get_graph(cast.owner, anna.id).edges
        assert suggested.kind == "match"
        assert suggested.bits is not None
        assert {reason.left for reason in suggested.reasons} == {"anna", "keller", "1984-03-09"}
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


def test_a_living_chart_is_kept_with_its_places_removed_and_put_back(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    browser = client_for(cast.owner)
    layout = {"places": {f"e:{anna.id}": [11.5, -7.0]}, "notes": {f"e:{anna.id}": "Ask first"}, "junk": 1}
    answer = browser.post(
        "/charts/save/", {"around": anna.id, "title": "Anna and her number", "layout": json.dumps(layout)}
    )
    saved = SavedChart.objects.get()
    here = f"/charts/saved/{saved.id}/"
    assert answer["Location"] == here
    before = browser.get(f"{here}graph.json").json()
    books.record(case, "account", "annak", ("phone", "07700 900123"), ("screen_name", "annak"))
    after = browser.get(f"{here}graph.json").json()
    places: dict[str, Any] = {node["id"]: (node["x"], node["y"]) for node in after["nodes"]}
    assert places[f"e:{anna.id}"] == (11.5, -7.0)
    assert all(places[node["id"]] == (node["x"], node["y"]) for node in before["nodes"])
    assert after["layout"]["notes"] == {f"e:{anna.id}": "Ask first"}
    assert "junk" not in after["layout"]
    assert "chatter:annak" in {node["label"] for node in after["nodes"]}
    assert "Note: Ask first" in browser.get(f"{here}?view=table").content.decode()
    assert "Anna and her number" in browser.get("/charts/").content.decode()
    assert client_for(cast.outsider).post(f"{here}remove/").status_code == 404
    assert client_for(cast.outsider).get(here).status_code == 404
    browser.post(f"{here}remove/")
    page = browser.get("/charts/").content.decode()
    assert f"{here}restore/" in page
    assert f'href="{here}"' not in page
    browser.post(f"{here}restore/")
    assert f'href="{here}"' in browser.get("/charts/").content.decode()
    verbs = Act.objects.filter(verb__in=["chart.saved", "chart.removed", "chart.restored"]).order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == ["chart.saved", "chart.removed", "chart.restored"]


def test_a_frozen_chart_stays_as_it_was_for_those_alone_who_may_see_all_of_it(
    books: Books, cast: Cast, client_for: Browsers, as_actor: Behind
) -> None:
    case, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    books.record(theirs, "account", "quietowl", ("phone", "07700 900123"), ("screen_name", "quietowl"))
    grant = books.grant(theirs, cast.owner)
    browser = client_for(cast.owner)
    browser.post("/charts/save/", {"around": anna.id, "title": "As it was", "freeze": "1"})
    saved = SavedChart.objects.get()
    here = f"/charts/saved/{saved.id}/"
    books.record(case, "account", "later", ("phone", "07700 900123"), ("screen_name", "later"))
    page, told = browser.get(here).content.decode(), browser.get(f"{here}graph.json").json()
    assert saved.sha256 == sha256(saved.content.encode()).hexdigest()
    assert saved.sha256 in page
    shown = {node["label"] for node in told["nodes"]}
    assert "chatter:quietowl" in shown
    assert "chatter:later" not in shown
    # The label of a frozen chart is that of all that it draws, and its files carry the digest.
    assert saved.sha256 in browser.post("/charts/export/", {"saved": saved.id, "form": "svg"}).content.decode()
    looked = Act.objects.filter(verb="chart.exported").values_list("holding_id", flat=True)
    assert set(looked) == {case.holding_id, theirs.holding_id}
    # Their grant ends: what they hold is taken back, and nothing tells that it was there.
    grant.withdrawn_at = timezone.now()
    grant.save(update_fields=["withdrawn_at"])
    for address in (here, f"{here}graph.json", f"{here}?view=table", f"{here}times/"):
        assert client_for(cast.owner).get(address).status_code == 404, address
    assert "As it was" not in browser.get("/charts/").content.decode()
    assert browser.post("/charts/export/", {"saved": saved.id, "form": "svg"}).status_code == 404
    assert browser.post(f"{here}remove/").status_code == 404
    with as_actor(cast.owner):
        assert not SavedChart.objects.exists(), "the wall shows it"


def test_a_changed_frozen_chart_is_refused(books: Books, cast: Cast, as_actor: Behind) -> None:
    anna = books.record(books.case("AV-1"), "person", "Anna Keller", *ANNA)
    with as_actor(cast.owner):
        kept = actions.save_chart(cast.owner, Asked(anna.id), "As it was", freeze=True)
        chart = SavedChart.objects.get(pk=kept)
        chart.content = chart.content.replace("Anna", "Hanna")
        chart.save(update_fields=["content"])
        with pytest.raises(DamagedSource, match="digest differs"):
            pages.get_saved_graph(cast.owner, str(kept))


def test_hidden_grouped_noted_and_timed_is_what_is_handed_out(books: Books, cast: Cast, client_for: Browsers) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    tom = books.record(case, "person", "Tom Reed", ("full_name", "Tom Reed"), ("phone", "07700 900123", "contact"))
    eva = books.record(case, "person", "Eva Marsh", ("full_name", "Eva Marsh"), ("phone", "07700 900123", "contact"))
    six = books.record(
        case, "message", "At six", ("phone", "07700 900123", "mentioned"), at_text="2026-02-03T18:00:00Z"
    )
    layout = {
        "hidden": [f"e:{anna.id}"], "notes": {"g:1": "Two <friends>"}, "expanded": ["v:phone:+447700900123"],
        "groups": [{"id": "g:1", "label": "2 people", "members": [f"e:{tom.id}", f"e:{eva.id}"]}],
        "time": ["2026-01-01", "2026-02-01"],
    }  # fmt: skip
    sent = {"around": anna.id, "layout": json.dumps(layout)}
    browser = client_for(cast.owner)
    answer = browser.post("/charts/export/", sent | {"form": "svg"})
    drawn = answer.content.decode()
    assert answer["Content-Type"] == "image/svg+xml"
    assert "2 people" in drawn
    assert "Two &lt;friends&gt;" in drawn
    assert "2 ties of those grouped (2 phone)." in drawn
    assert "Anna Keller:" not in drawn
    assert "At six" not in drawn, "it happened at another time"
    assert "At six" in browser.post("/charts/export/", {"around": six.id, "form": "svg"}).content.decode()
    document = browser.post("/charts/export/", sent | {"form": "pdf"}).content
    words = "".join(page.extract_text() for page in PdfReader(BytesIO(document)).pages)
    assert "2 people has 1 tie: to +447700900123." in words.replace("\n", " ")
    graph = json.loads(browser.post("/charts/export/", {"around": anna.id, "form": "case-uco"}).content)["@graph"]
    names = {node["@id"]: node.get("uco-core:name") for node in graph}
    said = {
        (names[node["uco-core:source"]["@id"]], names[node["uco-core:target"]["@id"]])
        for node in graph if node["@type"] == "uco-observable:ObservableRelationship"
    }  # fmt: skip
    assert said == {(who, "+447700900123") for who in ("Anna Keller", "Tom Reed", "Eva Marsh", "At six")}
    assert client_for(cast.outsider).post("/charts/export/", sent | {"form": "svg"}).status_code == 404
    assert Act.objects.filter(verb="chart.exported", officer_id=cast.owner.officer_id).count() == 4


def test_what_another_agency_owns_is_not_handed_to_other_programs(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    anna = books.record(books.case("AV-1"), "person", "Anna Keller", *ANNA)
    theirs = books.case("BO-1", cast.borders)
    owl = books.record(theirs, "account", "quietowl", ("phone", "07700 900123", "contact"))
    books.grant(theirs, cast.owner)
    browser = client_for(cast.owner)
    refused = browser.post("/charts/export/", {"around": anna.id, "form": "case-uco"})
    assert refused.status_code == 409
    assert "they alone pass it on" in refused.content.decode()
    hidden = json.dumps({"hidden": [f"e:{owl.id}"]})
    assert browser.post("/charts/export/", {"around": anna.id, "form": "case-uco", "layout": hidden}).status_code == 200


def test_what_hidden_nodes_leave_behind_still_belongs_to_those_who_said_it(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    case, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    owl = books.record(theirs, "account", "quietowl", ("phone", "07700 900123", "contact"), ("screen_name", "quietowl"))
    grant = books.grant(theirs, cast.owner)
    layout = json.dumps({"expanded": [f"e:{owl.id}"], "hidden": [f"e:{owl.id}"]})
    sent = {"around": anna.id, "layout": layout}
    browser = client_for(cast.owner)
    assert "chatter:quietowl" in browser.post("/charts/export/", sent | {"form": "svg"}).content.decode()
    assert browser.post("/charts/export/", sent | {"form": "case-uco"}).status_code == 409
    looked = Act.objects.filter(verb="chart.exported").values_list("holding_id", flat=True)
    assert set(looked) == {case.holding_id, theirs.holding_id}
    browser.post("/charts/save/", sent | {"title": "Kept", "freeze": "1"})
    saved = SavedChart.objects.get()
    assert "chatter:quietowl" in browser.get(f"/charts/saved/{saved.id}/graph.json").content.decode()
    grant.withdrawn_at = timezone.now()
    grant.save(update_fields=["withdrawn_at"])
    assert browser.get(f"/charts/saved/{saved.id}/graph.json").status_code == 404


def test_a_connection_on_the_chart_of_a_case_belongs_to_both_cases_and_those_between(
    books: Books, cast: Cast, client_for: Browsers, as_job: Behind
) -> None:
    case, theirs, middle = books.case("AV-1"), books.case("BO-1", cast.borders), books.case("BO-2", cast.borders)
    books.record(case, "account", "annak", ("phone", "07700 900123", "contact"))
    books.record(
        middle, "account", "between", ("phone", "07700 900123", "contact"), ("email", "b@example.org", "contact")
    )
    books.record(theirs, "account", "quietowl", ("email", "b@example.org", "contact"))
    grants = [books.grant(one, cast.owner) for one in (theirs, middle)]
    for one, by in ((case, cast.owner), (theirs, cast.outsider), (middle, cast.outsider)):
        with as_job(by):
            jobs.count_identifiers(exhibit_of(one), str(by.officer_id))
            leads.link_exhibit(exhibit_of(one), str(by.officer_id))
    browser = client_for(cast.owner)
    browser.post("/charts/save/", {"reference": "AV-1", "title": "Whole", "freeze": "1"})
    saved = SavedChart.objects.get()
    drawn = browser.get(f"/charts/saved/{saved.id}/graph.json").content.decode()
    assert "quietowl (BO-1)" in drawn
    assert set(saved.drawn_holdings) == {case.holding_id, theirs.holding_id, middle.holding_id}
    assert browser.post("/charts/export/", {"reference": "AV-1", "form": "case-uco"}).status_code == 409
    for ended, other in (grants, reversed(grants)):
        ended.withdrawn_at = timezone.now()
        ended.save(update_fields=["withdrawn_at"])
        assert browser.get(f"/charts/saved/{saved.id}/graph.json").status_code == 404, other
        ended.withdrawn_at = None
        ended.save(update_fields=["withdrawn_at"])


def test_a_living_chart_keeps_no_values_for_those_who_do_not_see_them(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    case, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    owl = books.record(theirs, "account", "quietowl", ("phone", "07700 900123", "contact"), ("screen_name", "quietowl"))
    grant = books.grant(theirs, cast.owner)
    node, value = f"e:{owl.id}", "v:handle:chatter:quietowl"
    layout = {
        "expanded": [node], "pinned": [value, f"e:{anna.id}"], "hidden": [], "notes": {value: "His name"},
        "groups": [{"id": "g:1", "label": "The owl", "members": [node, value]}],
    }  # fmt: skip
    browser = client_for(cast.owner)
    browser.post("/charts/save/", {"around": anna.id, "title": "Alive", "layout": json.dumps(layout)})
    here = f"/charts/saved/{SavedChart.objects.get().id}/"
    told = browser.get(f"{here}graph.json").json()["layout"]
    assert value in told["pinned"]
    assert told["notes"] == {value: "His name"}
    browser.get(f"{here}?view=table")
    assert theirs.holding_id in set(Act.objects.filter(verb="chart.expanded").values_list("holding_id", flat=True))
    grant.withdrawn_at = timezone.now()
    grant.save(update_fields=["withdrawn_at"])
    after = browser.get(f"{here}graph.json")
    assert after.json()["layout"]["pinned"] == [f"e:{anna.id}"]
    assert not any(said in after.content.decode() for said in ("quietowl", str(owl.id), "His name", "The owl"))


@pytest.mark.parametrize(
    "layout",
    [
        "[" * 100_000,
        '{"notes": {"n": "\\u0000 \\ud800"}, "groups": [{"label": "\\udfff"}]}',
        '{"places": {"a": [NaN, 1]}}',
    ],
)
def test_a_hostile_layout_breaks_nothing(books: Books, cast: Cast, client_for: Browsers, layout: str) -> None:
    anna = books.record(books.case("AV-1"), "person", "Anna Keller", *ANNA)
    browser = client_for(cast.owner)
    sent = {"around": anna.id, "layout": layout.replace('"n"', f'"e:{anna.id}"')}
    assert browser.post("/charts/export/", sent | {"form": "svg"}).status_code in (200, 409)
    assert browser.post("/charts/save/", sent | {"title": "Kept"}).status_code in (302, 409)


def test_every_tie_tells_why_and_to_the_outsider_nothing(
    books: Books, cast: Cast, as_actor: Behind, client_for: Browsers
) -> None:
    one, two = books.case("AV-1"), books.case("AV-2")
    anna = books.record(one, "person", "Anna Keller", *ANNA)
    books.record(one, "person", "Tom Reed", ("full_name", "Tom Reed"), ("phone", "07700 900123", "contact"))
    books.record(two, "account", "annak", ("phone", "07700 900123"))
    with as_actor(cast.owner):
        frame = get_frame(cast.owner, "AV-1", "charts:case")
        around = queries.get_graph(cast.owner, anna.id)
        case, entire = queries.get_case_graph(cast.owner, frame), get_whole_graph(cast.owner, frame)
        for edge in (*around.edges, *case.edges):
            assert ways.why(cast.owner, edge.id) == edge.reasons, edge.id
        for edge in entire.edges:
            assert edge.reasons is None
            assert ways.why(cast.owner, edge.id), edge.id
    assert ("Anna Keller", "own", "+447700900123") in ties(entire)
    assert ("Tom Reed", "of a contact", "+447700900123") in ties(entire)
    assert ("+447700900123", "stands in", "AV-2") in ties(entire)
    for edge in (*case.edges, *entire.edges):
        assert client_for(cast.outsider).get("/charts/why.json", {"tie": edge.id}).status_code == 404, edge.id
    for odd in ("", "x", "e:1|v:phone:1", "match:1", "v:phone:1|c:1", f"e:{anna.id}|v:nothing:1", "|"):
        assert client_for(cast.owner).get("/charts/why.json", {"tie": odd}).status_code == 404, odd


def test_the_way_between_two_leads_over_values_that_link(
    books: Books, cast: Cast, as_actor: Behind, client_for: Browsers
) -> None:
    one, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    start = books.record(one, "person", "Anna Keller", *ANNA)
    books.record(one, "person", "Tom Reed", ("phone", "07700 900123", "contact"), ("email", "tom@example.org"))
    end = books.record(one, "account", "far", ("email", "tom@example.org", "contact"), ("screen_name", "far"))
    apart = books.record(one, "person", "Eva Marsh", ("full_name", "Eva Marsh"), ("email", "eva@example.org"))
    books.record(theirs, "account", "quietowl", ("email", "eva@example.org"), ("phone", "07700 900123"))
    with as_actor(cast.owner):
        found = ways.find_way(cast.owner, f"e:{start.id}", f"e:{end.id}")
        nothing = ways.find_way(cast.owner, f"e:{start.id}", f"e:{apart.id}")
    assert labels(found) == {"Anna Keller", "+447700900123", "Tom Reed", "tom@example.org", "far"}
    assert len(found.edges) == 4
    assert nothing.nodes == (), "the way over a hidden account is none"
    asked = {"from": f"e:{start.id}", "to": f"e:{end.id}"}
    assert client_for(cast.outsider).get("/charts/way.json", asked).status_code == 404
    Claim.objects.filter(normal="tom@example.org").update(generic=True)
    with as_actor(cast.owner):
        assert ways.find_way(cast.owner, f"e:{start.id}", f"e:{end.id}").nodes == ()


def test_the_way_between_two_avoids_a_number_given_out_again_and_tells_years_between(
    books: Books, cast: Cast, as_actor: Behind
) -> None:
    case = books.case("AV-1")
    old = books.record(case, "account", "before", ("phone", "07700 900123"), ("screen_name", "before"))
    new = books.record(
        case, "account", "after", ("phone", "07700 900123", "contact"), ("email", "a@example.org", "contact")
    )
    Record.objects.filter(pk=old.pk).update(at_text="2012-04-01T10:00:00Z")
    Record.objects.filter(pk=new.pk).update(at_text="2024-04-01T10:00:00Z")
    ends = (f"e:{old.id}", f"e:{new.id}")
    with as_actor(cast.owner):
        only = ways.find_way(cast.owner, *ends)
    assert labels(only) == {"before", "+447700900123", "after"}
    assert only.told[0] == "All of it holds with a probability of 14 %."
    assert "seen 12 years apart, until 2012-04-01 and from 2024-04-01; numbers are given out again" in only.told[1]
    books.record(case, "account", "middle", ("screen_name", "before", "contact"), ("email", "a@example.org"))
    with as_actor(cast.owner):
        better = ways.find_way(cast.owner, *ends)
    assert labels(better) == {"before", "chatter:before", "middle", "a@example.org", "after"}
    assert len(better.told) == 3


@pytest.mark.parametrize("node", ["", "x", "e:", "e:none", "r:1", "v:nothing:1", "c:1", "v:phone:" + "9" * 5000])
def test_a_made_up_node_is_not_found(books: Books, cast: Cast, client_for: Browsers, node: str) -> None:
    anna = books.record(books.case("AV-1"), "person", "Anna Keller", *ANNA)
    browser = client_for(cast.owner)
    for address in (f"/charts/{anna.id}/graph.json", "/charts/case/AV-1/graph.json"):
        assert browser.get(address, {"expand": node}).status_code == (404 if node else 200)
    for asked in ({"from": node, "to": f"e:{anna.id}"}, {"from": f"e:{anna.id}", "to": node}):
        assert browser.get("/charts/way.json", asked).status_code == 404
    assert browser.get("/charts/why.json", {"tie": f"e:{anna.id}|{node}"}).status_code == 404
    layout = json.dumps({"places": {node: [1, 2], f"e:{node}": [3, 4]}, "expanded": [node]})
    assert browser.post("/charts/save/", {"around": anna.id, "title": "Odd", "layout": layout}).status_code == 302
    here = f"/charts/saved/{SavedChart.objects.get().id}/"
    for address in (f"{here}graph.json", f"{here}?view=table", f"{here}times/"):
        assert browser.get(address).status_code == 200


def test_a_chart_on_which_all_is_hidden_is_still_its_case_s_and_its_subject_s(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    theirs = books.case("BO-1", cast.borders)
    owl = books.record(theirs, "account", "quietowl", ("screen_name", "quietowl"))
    books.grant(theirs, cast.owner)
    sent = {"around": owl.id, "layout": json.dumps({"hidden": [f"e:{owl.id}", "v:handle:chatter:quietowl"]})}
    browser = client_for(cast.owner)
    assert "quietowl" in browser.post("/charts/export/", sent | {"form": "svg"}).content.decode(), (
        "its title names them"
    )
    assert browser.post("/charts/export/", sent | {"form": "case-uco"}).status_code == 409
    assert set(Act.objects.filter(verb="chart.exported").values_list("holding_id", flat=True)) == {theirs.holding_id}


def test_the_lines_of_other_owners_do_not_name_the_case_from_which_somebody_looked(
    books: Books, cast: Cast, client_for: Browsers
) -> None:
    case, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    books.record(case, "person", "Anna Keller", *ANNA)
    books.record(case, "person", "Tom Reed", ("full_name", "Tom Reed"), ("phone", "07700 900123", "contact"))
    books.record(theirs, "account", "quietowl", ("phone", "07700 900123"), ("screen_name", "quietowl"))
    books.grant(theirs, cast.owner)
    browser = client_for(cast.owner)
    for address in ("/charts/case/AV-1/graph.json", "/charts/case/AV-1/graph.json?whole=1"):
        assert "BO-1" in browser.get(address).content.decode()
    for whole in ("", "1"):
        sent = {"reference": "AV-1", "whole": whole, "form": "svg"}
        assert browser.post("/charts/export/", sent).status_code == 200
    lines = Act.objects.filter(verb__in=["chart.viewed", "chart.exported"])
    told = {holding: set(lines.filter(holding_id=holding).values_list("subject", flat=True))
            for holding in (case.holding_id, theirs.holding_id)}  # fmt: skip
    assert told == {case.holding_id: {"case:AV-1"}, theirs.holding_id: {""}}
    assert lines.filter(holding_id=theirs.holding_id, officer_id=cast.owner.officer_id).count() == 6, (
        "who looked is told"
    )


def test_when_and_where_around_a_record_and_a_kept_chart(books: Books, cast: Cast, client_for: Browsers) -> None:
    case, theirs = books.case("AV-1"), books.case("BO-1", cast.borders)
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    by = ("phone", "07700 900123")
    books.record(case, "message", "At six", (*by, "sender"), at_text="2026-02-03T18:00:00Z")
    books.record(case, "media", "IMG_1.jpg", by, ("location", "51.45,-2.59"), at_text="2026-03-01T09:00:00Z")
    books.record(theirs, "message", "Hidden hour", (*by, "sender"), at_text="2026-02-04T18:00:00Z")
    browser = client_for(cast.owner)
    browser.post("/charts/save/", {"around": anna.id, "title": "Kept"})
    kept = SavedChart.objects.get()
    for address in (f"/charts/{anna.id}/times/", f"/charts/saved/{kept.id}/times/"):
        page = browser.get(address).content.decode()
        assert "2 events with a time, 1 position" in page
        assert 'data-x="-2.590000" data-y="51.450000"' in page
        assert "Hidden hour" not in page
        assert "2026-02-04" not in page
        part = browser.get(address, {"from": "2026-02-01", "to": "2026-02-28"}).content.decode()
        assert "At six" in part
        assert "IMG_1.jpg" not in part
        assert client_for(cast.outsider).get(address).status_code == 404


def test_a_reader_without_contribute_keeps_no_chart(books: Books, cast: Cast, as_actor: Behind) -> None:
    case = books.case("AV-1")
    anna = books.record(case, "person", "Anna Keller", *ANNA)
    books.grant(case, cast.outsider, "read")
    with as_actor(cast.outsider), pytest.raises(NotFound):
        actions.save_chart(cast.outsider, Asked(anna.id), "Mine now")
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
        f"/charts/{anna.id}/graph.json", f"/charts/{anna.id}/times/", "/charts/case/AV-0/graph.json?whole=1",
        "/charts/case/AV-0/?whole=1&view=table", f"/charts/way.json?from=e:{anna.id}&to=c:{cases[0].id}",
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
