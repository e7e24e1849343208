"""Every address of the pages, with what it is about and whom it answers: the table of the access matrix.

A new address without a line here fails ``test_access_matrix.py``; so does a line whose address is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.house.small_case import REFERENCE, TITLE, SmallCase

READERS = frozenset({"owner", "colleague", "partner"})
WRITERS = frozenset({"owner", "colleague"})
AGENCY = frozenset({"owner", "colleague"})
EVERYONE = frozenset(
    {"owner", "colleague", "partner", "former", "withdrawn", "outsider", "provider", "administrator", "auditor"}
)
CASE_WORKERS = EVERYONE - {"administrator", "auditor"}
NOBODY: frozenset[str] = frozenset()
ADMINISTRATOR = frozenset({"administrator"})
OWNER = frozenset({"owner"})


@dataclass(frozen=True)
class Address:
    """One address: which rows its parts are, how it is asked, and who is let in (everyone else reads "Not found")."""

    open_to: frozenset[str]
    parts: dict[str, str] = field(default_factory=dict)
    """Part of the address to the name of a row of the small case; ``reference`` is the case's."""

    method: str = "get"
    sends: Callable[[SmallCase], dict[str, Any]] | None = None
    asks: dict[str, str] = field(default_factory=dict)
    """The query string; ``<name>`` stands for the id of a row."""

    json: bool = False
    of_the_case: bool = True
    """Whether a restricted case closes it to colleagues too."""

    refused: frozenset[int] = frozenset()
    """For those let in: states in which the act itself is refused, with a sentence (409, 422)."""

    only_told_why: frozenset[str] = NOBODY
    """Those who see the thing and may not do this to it: they read why not (409)."""

    def url(self, name: str, made: SmallCase) -> str:
        """The address with its parts filled in."""
        from django.urls import reverse

        from opencets_web.entities.numbering import number_of

        filled = {part: REFERENCE if row == "reference" else made.id_of(row) for part, row in self.parts.items()}
        if "number" in filled:
            filled["number"] = number_of(made.id_of(self.parts["number"]))
        asks = {key: re.sub(r"<(\w+)>", lambda row: str(made.id_of(row[1])), text) for key, text in self.asks.items()}
        return reverse(name, kwargs=filled) + (f"?{urlencode(asks)}" if asks else "")


def _page(row: str, part: str, open_to: frozenset[str] = READERS) -> Address:
    return Address(open_to, {part: row})


def _case_page(open_to: frozenset[str] = READERS) -> Address:
    return Address(open_to, {"reference": "reference"})


def _list(open_to: frozenset[str] = EVERYONE) -> Address:
    return Address(open_to, of_the_case=False)


def _act(row: str, part: str, open_to: frozenset[str] = WRITERS, **fields: Any) -> Address:
    return Address(open_to, {part: row}, method="post", **fields)


def _case_act(**fields: Any) -> Address:
    return Address(WRITERS, {"reference": "reference"}, method="post", **fields)


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def _agencys(row: str, method: str = "post") -> Address:
    """What belongs to Avon and to no case."""
    return Address(AGENCY, {"provider_id": row}, method=method, of_the_case=False)


def _avons(parts: dict[str, str]) -> Address:
    """What Avon decides about its jurisdictions and lists; only a supervisor opens a jurisdiction."""
    return Address(AGENCY, parts, method="post", of_the_case=False, refused=frozenset({409}))


def _key(row: str) -> Address:
    """A key that Avon trusts; only a supervisor changes that, and there is none among these people."""
    return Address(AGENCY, {"key_id": row}, method="post", of_the_case=False, refused=frozenset({409}))


def _of_people(row: str, part: str, **fields: Any) -> Address:
    return Address(ADMINISTRATOR, {part: row}, method="post", of_the_case=False, **fields)


def _emergency(open_to: frozenset[str], **fields: Any) -> Address:
    """Emergency access is the business of who asked and of supervisors and auditors, whatever becomes of the case."""
    return Address(open_to, {"emergency_id": "emergency"}, method="post", of_the_case=False, **fields)


def _held(also: dict[str, str] | None = None, **fields: Any) -> Address:
    """A held entry of Avon's hash set; Avon's colleague is an analyst and reads why not."""
    return Address(
        frozenset({"owner"}), {"held_id": "held_entry"}, method="post", sends=lambda made: REASON | (also or {}), of_the_case=False,
        only_told_why=frozenset({"colleague"}), **fields,
    )  # fmt: skip


def _watch(row: str) -> Address:
    """A watch is the owner's own, whatever becomes of the case."""
    return Address(OWNER, {"watch_id": row}, method="post", of_the_case=False)


REASON = {"reason": "Seen together with a colleague."}


def _invitation(row: str) -> Address:
    """An invitation is answered by the agency it is for, alone; the case itself is not open to it by that."""
    return Address(
        frozenset({"outsider"}), {"grant_id": row}, method="post", sends=lambda made: REASON, of_the_case=False
    )


def _operation() -> dict[str, Any]:
    begins = datetime.now(UTC) + timedelta(days=30)
    times = {"begins_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=2)).isoformat()}
    return {"operation": "warrant", "place": "1 Heron Quay", "purpose": "A search", **times}


ADDRESSES: dict[str, Address] = {
    # supervision: drafted and signed by supervising officers, and there is none among these people
    "supervision:queue": _list(CASE_WORKERS),
    "supervision:people": _list(CASE_WORKERS),
    "supervision:person-new": _list(CASE_WORKERS),
    "supervision:devices": _list(CASE_WORKERS),
    "supervision:phrases": _list(CASE_WORKERS),
    "supervision:libraries": _list(CASE_WORKERS),
    "supervision:hit": _page("hit", "hit_id"),
    "supervision:review": _act("hit", "hit_id", sends=lambda made: {"verdict": "watch"}, refused=frozenset({409})),
    "supervision:keep": _act("hit", "hit_id"),
    "supervision:screenshot": Address(NOBODY, {"hit_id": "hit"}),  # it has none
    "supervision:review-undo": Address(WRITERS, {"review_id": "hit_review"}, method="post", refused=frozenset({409})),
    "supervision:fault-answer": _act("fault", "fault_id", sends=lambda made: {"answer": "Asked."}),
    "supervision:fault-reopen": _act("fault", "fault_id"),
    "supervision:person": _case_page(),
    "supervision:person-orders": _case_page(),
    "supervision:person-care": _case_page(),
    "supervision:person-history": _case_page(),
    "supervision:person-told": _case_page(),
    "supervision:week": _case_page(),
    "supervision:told-paper": _case_page(),
    "supervision:enrol": _case_act(refused=frozenset({409})),
    "supervision:hand-over": _case_act(refused=frozenset({409})),
    "supervision:reviewer": _case_act(refused=frozenset({409})),
    "supervision:breach": _case_act(refused=frozenset({409})),
    "supervision:appointment": _case_act(refused=frozenset({409})),
    "supervision:contact": _case_act(refused=frozenset({409})),
    "supervision:goal": _case_act(refused=frozenset({409})),
    "supervision:assess": _case_act(refused=frozenset({409})),
    "supervision:appointment-done": _act("appointment", "row_id", refused=frozenset({409})),
    "supervision:appointment-dropped": _act("appointment", "row_id", refused=frozenset({409})),
    "supervision:appointment-open": _act("appointment", "row_id", refused=frozenset({409})),
    "supervision:contact-end": _act("contact", "row_id"),
    "supervision:contact-restore": _act("contact", "row_id"),
    "supervision:goal-reached": _act("goal", "row_id"),
    "supervision:goal-dropped": _act("goal", "row_id"),
    "supervision:goal-open": _act("goal", "row_id"),
    "supervision:assessment-withdraw": _act("assessment", "row_id", refused=frozenset({409})),
    "supervision:assessment-restore": _act("assessment", "row_id", refused=frozenset({409})),
    "supervision:device-end": _act("watched_device", "device_id", refused=frozenset({409})),
    "supervision:device-restore": _act("watched_device", "device_id", refused=frozenset({409})),
    "supervision:draft": _act("other_device", "device_id", refused=frozenset({409})),
    "supervision:order": _page("order", "order_id"),
    "supervision:sign": _act("order_draft", "order_id", refused=frozenset({409})),
    "supervision:draft-withdraw": _act("order_draft", "order_id", refused=frozenset({409})),
    "supervision:condition": _act("order_draft", "order_id", open_to=READERS, refused=frozenset({422, 409})),
    "supervision:order-end": _act("order", "order_id", refused=frozenset({409})),
    "supervision:order-file": _page("order", "order_id"),
    "supervision:condition-remove": _act("condition", "condition_id", refused=frozenset({409})),
    "supervision:condition-restore": _act("condition", "condition_id", refused=frozenset({409})),
    "supervision:library-test": _avons({"library_id": "phrase_library"}),
    "supervision:library-roll-out": _avons({"library_id": "phrase_library"}),
    "supervision:library-withdraw": _avons({"library_id": "phrase_library"}),
    "supervision:library-restore": _avons({"library_id": "phrase_library"}),
    "supervision:known-list-new": Address(CASE_WORKERS, method="post", of_the_case=False, refused=frozenset({422})),
    "supervision:known-list-roll-out": _avons({"list_id": "known_list"}),
    "supervision:known-list-withdraw": _avons({"list_id": "known_list"}),
    "supervision:known-list-restore": _avons({"list_id": "known_list"}),
    # sightings
    "sightings:list": _list(CASE_WORKERS),
    "sightings:computer": Address(AGENCY, {"identity": "computer"}, of_the_case=False),
    "sightings:lead-open": Address(
        AGENCY, {"identity": "computer"}, method="post", of_the_case=False, refused=frozenset({409})
    ),
    "sightings:leads": _list(CASE_WORKERS),
    "sightings:lead-assign": _avons({"lead_id": "computer_lead"}),
    "sightings:lead-case": Address(
        AGENCY,
        {"lead_id": "computer_lead"},
        method="post",
        sends=lambda made: {"reference": "AV-SMALL-0002"},
        of_the_case=False,
    ),
    "sightings:lead-visit": Address(
        AGENCY,
        {"lead_id": "computer_lead"},
        method="post",
        sends=lambda made: {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"},
        of_the_case=False,
    ),
    "sightings:lead-end": Address(
        AGENCY,
        {"lead_id": "computer_lead"},
        method="post",
        sends=lambda made: {"outcome": "nothing"},
        of_the_case=False,
    ),
    "sightings:lead-reopen": _avons({"lead_id": "ended_lead"}),
    "sightings:map": _list(CASE_WORKERS),
    "sightings:statistics": _list(CASE_WORKERS),
    "sightings:statistics-picture": _list(CASE_WORKERS),
    "sightings:statistics-table": _list(CASE_WORKERS),
    "sightings:jurisdictions": _list(CASE_WORKERS),
    "sightings:grant": Address(CASE_WORKERS, method="post", of_the_case=False, refused=frozenset({422})),
    "sightings:sight-withdraw": _avons({"sight_id": "sight"}),
    "sightings:sight-restore": _avons({"sight_id": "closed_sight"}),
    "sightings:received": _list(CASE_WORKERS),
    "sightings:sensors": _list(CASE_WORKERS),
    "sightings:sensor-renew": Address(
        AGENCY,
        {"sensor_id": "sensor"},
        method="post",
        of_the_case=False,
        refused=frozenset({409}),
        sends=lambda made: {"authority": "Order 8", "purpose": "A common series", "expires_on": _in_days(9)},
    ),
    "sightings:sensor-withdraw": _avons({"sensor_id": "sensor"}),
    "sightings:sensor-restore": _avons({"sensor_id": "withdrawn_sensor"}),
    "sightings:sets": _list(CASE_WORKERS),
    "sightings:set-withdraw": _avons({"set_id": "file_set"}),
    "sightings:set-restore": _avons({"set_id": "past_file_set"}),
    "sightings:seek": _list(CASE_WORKERS),
    "api:begin_sighting_file": Address(
        CASE_WORKERS,
        method="post",
        sends=lambda made: {"name": "day.jsonl", "sensor": "sensor 1", "authority": "Order 7"},
        json=True,
        of_the_case=False,
    ),
    "api:send_sighting_chunk": Address(
        OWNER, {"file_id": "sighting_file"}, method="post", asks={"offset": "0"}, json=True, of_the_case=False
    ),
    "api:complete_sighting_file": Address(
        OWNER, {"file_id": "sighting_file"}, method="post", json=True, of_the_case=False, refused=frozenset({409})
    ),
    "api:get_sighting_file": Address(AGENCY, {"file_id": "sighting_file"}, of_the_case=False),
    # desk
    "desk:home": _list(),
    "desk:case": _case_page(),
    "desk:search": Address(EVERYONE, asks={"q": "Lantern"}, of_the_case=False),
    "desk:watches": _list(),
    "desk:watch": Address(OWNER, {"watch_id": "watch"}, of_the_case=False),
    "desk:watch-make": Address(
        EVERYONE, method="post", sends=lambda made: {"q": "Nobody by this name"}, of_the_case=False
    ),
    "desk:watch-pause": _watch("watch"),
    "desk:watch-resume": _watch("paused_watch"),
    "desk:watch-end": _watch("watch"),
    "desk:watch-restore": _watch("ended_watch"),
    # audit
    "audit:list": _list(frozenset({"auditor"})),
    "audit:export": _list(frozenset({"auditor"})),
    "audit:extract": Address(frozenset({"auditor"}), of_the_case=False, refused=frozenset({409})),
    "audit:checkpoint": Address(frozenset({"auditor"}), of_the_case=False, refused=frozenset({409})),
    "audit:unusual": _list(frozenset({"auditor"})),
    "audit:mark": Address(
        frozenset({"auditor"}),
        method="post",
        sends=lambda made: {"key": made.unusual, "sentence": "A planned night of work."},
        of_the_case=False,
    ),
    "audit:mark-withdraw": Address(
        frozenset({"auditor"}), {"mark_id": "pattern_mark"}, method="post", of_the_case=False
    ),
    "audit:reviews": _list(frozenset({"auditor"})),
    "audit:sign": Address(
        frozenset({"auditor"}),
        method="post",
        sends=lambda made: {"week": "2026-01-05", "sentence": "Nothing to tell."},
        of_the_case=False,
        refused=frozenset({409}),
    ),
    "audit:review-withdraw": Address(
        frozenset({"auditor"}), {"review_id": "week_review"}, method="post", of_the_case=False
    ),
    # cases
    "cases:list": _list(),
    "cases:new": _list(),
    "cases:change": _case_page(WRITERS),
    "cases:close": _case_act(sends=lambda made: REASON),
    "cases:reopen": _case_act(refused=frozenset({409})),
    "cases:join": _case_act(),
    "cases:leave": Address(READERS, {"reference": "reference"}, method="post"),
    "cases:notes": _case_page(),
    "cases:number-add": _case_act(sends=lambda made: {"partner": "Provider", "number": "P-1"}),
    "cases:number-remove": Address(WRITERS, {"reference": "reference", "number_id": "number"}, method="post"),
    "cases:access": _case_page(),
    "cases:note-withdraw": _act("note", "note_id", frozenset({"owner"})),
    "cases:note-restore": _act("note", "note_id", frozenset({"owner"})),
    "cases:history": _case_page(),
    "cases:put-back": _act("change", "change_id", sends=lambda made: {"seen": TITLE}),
    "cases:number-restore": Address(WRITERS, {"reference": "reference", "number_id": "removed_number"}, method="post"),
    # purposes
    "purposes:choose": _list(),
    # emergencies
    "emergencies:list": _list(CASE_WORKERS | {"auditor"}),
    "emergencies:ask": Address(
        CASE_WORKERS,
        method="post",
        sends=lambda made: {"reference": "AV-NONE-1", "reason": "A child is in danger.", "hours": "4"},
        of_the_case=False,
    ),
    "emergencies:confirm": _emergency(NOBODY),
    "emergencies:refuse": _emergency(NOBODY),
    "emergencies:end": _emergency(frozenset({"colleague"}), refused=frozenset({409})),
    "emergencies:review": _emergency(
        frozenset({"auditor"}), sends=lambda made: {"accepted": "1", "review": "A child was found."}
    ),
    "emergencies:review-withdraw": _emergency(frozenset({"auditor"})),
    # casework
    "casework:work": _case_page(),
    "casework:feed": _case_page(),
    "casework:here": Address(READERS, {"reference": "reference"}, method="post"),
    "casework:comment": _case_act(sends=lambda made: {"text": "Call back."}),
    "casework:task": _case_act(
        sends=lambda made: {"title": "Call back", "officer": str(made.actors["owner"].officer_id)}
    ),
    "casework:decide": _case_act(sends=lambda made: {"what": "Go on.", "reason": "It leads somewhere."}),
    "casework:link": _case_act(sends=lambda made: {"other": "AV-SMALL-0002", **REASON}, refused=frozenset({422})),
    "casework:link-withdraw": _act("link", "link_id", sends=lambda made: REASON),
    "casework:link-again": _act("past_link", "link_id", refused=frozenset({409})),
    "casework:comment-withdraw": _act("comment", "comment_id", frozenset({"owner"})),
    "casework:comment-restore": _act("withdrawn_comment", "comment_id", frozenset({"owner"})),
    "casework:task-done": _act("task", "task_id"),
    "casework:task-reopen": _act("done_task", "task_id"),
    "casework:task-withdraw": _act("task", "task_id"),
    "casework:task-restore": _act("withdrawn_task", "task_id"),
    "casework:notice-open": _act("notice", "notice_id", frozenset({"owner"})),
    "casework:notice-read": _act("notice", "notice_id", frozenset({"owner"})),
    "casework:notice-unread": _act("notice", "notice_id", frozenset({"owner"})),
    # evidence
    "evidence:exhibits": _case_page(),
    "evidence:begin": _case_act(sends=lambda made: {"title": "Phone", "files": 1, "bytes": 10}, json=True),
    "evidence:complete": _case_act(
        sends=lambda made: {"exhibit": str(made.id_of("exhibit"))}, json=True, refused=frozenset({409})
    ),
    "evidence:messages": _case_page(),
    "evidence:report": _page("exhibit", "exhibit_id"),
    "evidence:comment": _act("exhibit", "exhibit_id", sends=lambda made: {"text": "Read this first."}),
    "evidence:progress": _page("exhibit", "exhibit_id"),
    "evidence:finish": _act("exhibit", "exhibit_id", refused=frozenset({409})),
    "evidence:cancel": _act("exhibit", "exhibit_id", refused=frozenset({409})),
    "evidence:resume": _act("exhibit", "exhibit_id", refused=frozenset({409})),
    "evidence:columns": _page("file", "file_id", WRITERS),
    # entities
    "entities:list": _list(),
    "entities:judge": Address(
        WRITERS,
        method="post",
        sends=lambda made: {
            "left": str(made.id_of("left")),
            "right": str(made.id_of("right")),
            "verdict": "same",
            "reason": "The same photograph.",
        },
    ),
    "entities:weights": _list(),
    "entities:weights-ask": Address(
        ADMINISTRATOR,
        method="post",
        sends=lambda made: {"reason": "Many were judged."},
        of_the_case=False,
        refused=frozenset({409}),
    ),
    "entities:weights-back": Address(
        ADMINISTRATOR,
        method="post",
        sends=lambda made: {"reason": "A mistake."},
        of_the_case=False,
        refused=frozenset({409}),
    ),
    "entities:weights-live": Address(
        ADMINISTRATOR,
        {"version_id": "weight_version"},
        method="post",
        sends=lambda made: {"reason": "Compared."},
        of_the_case=False,
        refused=frozenset({409}),
    ),
    "entities:shared": _list(),
    "entities:rule": Address(
        WRITERS,
        method="post",
        sends=lambda made: {"kind": "email", "value": "ada@example.org", "says": "nothing", "reason": "A front desk."},
    ),
    "entities:ruling-end": _act("ruling", "ruling_id"),
    "entities:detail": _page("person", "record_id"),
    "entities:number": _page("person", "number"),
    "entities:case": _case_page(),
    "entities:undo": _act("judgement", "judgement_id"),
    "entities:record": _page("person", "record_id"),
    # web push
    "push:panel": _list(),
    "push:begin": Address(EVERYONE, method="post", json=True, of_the_case=False, refused=frozenset({409})),
    "push:end": Address(frozenset({"owner"}), {"subscription_id": "subscription"}, method="post", of_the_case=False),
    "push:switch-off": Address(ADMINISTRATOR, method="post", of_the_case=False),
    "push:switch-on": Address(ADMINISTRATOR, method="post", of_the_case=False),
    # grading
    "grading:of-case": _case_page(),
    "grading:work": _case_page(),
    "grading:bar": _case_page(),
    "grading:filter": _case_page(),
    "grading:of-media": _page("picture_media", "media_id"),
    "grading:give-one": _act("picture_media", "media_id", sends=lambda made: {"scheme": "UK", "code": "2"}),
    "grading:give": Address(
        WRITERS,
        method="post",
        json=True,
        sends=lambda made: {
            "media": [str(made.id_of("picture_media"))],
            "scheme": "UK",
            "grade": "2",
            "client_id": "small",
        },
    ),
    "grading:marks": Address(EVERYONE, method="post", sends=lambda made: {"media": []}, json=True, of_the_case=False),
    "grading:scheme": Address(EVERYONE, method="post", sends=lambda made: {"scheme": "UK"}, of_the_case=False),
    "grading:undo": _act("grading_act", "act_id", frozenset({"owner"})),
    "grading:redo": _act("undone_act", "act_id", frozenset({"owner"})),
    "grading:disagreements": _list(CASE_WORKERS),
    "grading:show-votes": _act("decision_differs", "decision_id", refused=frozenset({409})),
    "grading:settle": _act(
        "decision_differs",
        "decision_id",
        sends=lambda made: {"code": "1", "reason": "By the law"},
        refused=frozenset({409}),
    ),
    "grading:reopen": _act(
        "decision_settled", "decision_id", frozenset({"owner"}), only_told_why=frozenset({"colleague"})
    ),
    "grading:round": _act("decision_differs", "decision_id", refused=frozenset({409})),
    "grading:close-round": _act("decision_anew", "decision_id"),
    "grading:entries": _list(CASE_WORKERS),
    "grading:release": Address(
        WRITERS,
        method="post",
        sends=lambda made: {"decisions": [str(made.id_of("decision_ready"))], "authority": "Section 12"},
        refused=frozenset({409}),
    ),
    "grading:export": Address(
        CASE_WORKERS,
        method="post",
        sends=lambda made: {"scheme": "UK", "form": "csv"},
        refused=frozenset({409}),
        of_the_case=False,
    ),
    "grading:entry-withdraw": _act("entry", "entry_id", sends=lambda made: {"because": "A drawing"}),
    "grading:entry-restore": _act("past_entry", "entry_id"),
    "grading:rule": Address(
        EVERYONE, method="post", sends=lambda made: {"votes": 2}, refused=frozenset({409}), of_the_case=False
    ),
    # exposure
    "exposure:mine": _list(),
    "exposure:choose": Address(EVERYONE, method="post", sends=lambda made: {"mode": "text"}, of_the_case=False),
    "exposure:enough": _list(),
    "exposure:break": Address(EVERYONE, method="post", of_the_case=False),
    "exposure:break-end": Address(EVERYONE, method="post", of_the_case=False),
    "exposure:snooze": Address(EVERYONE, method="post", of_the_case=False),
    "exposure:talk": Address(EVERYONE, method="post", sends=lambda made: {"wanted": "yes"}, of_the_case=False),
    "exposure:ask": Address(CASE_WORKERS, method="post", sends=lambda made: {"kind": "presence"}, of_the_case=False),
    "exposure:asks": _list(CASE_WORKERS),
    "exposure:answer": Address(
        frozenset({"owner"}),
        {"ask_id": "presence_ask"},
        method="post",
        sends=lambda made: {"agreed": "yes"},
        of_the_case=False,
        only_told_why=frozenset({"colleague"}),
    ),
    "exposure:ask-end": Address(frozenset({"colleague"}), {"ask_id": "presence_ask"}, method="post", of_the_case=False),
    "exposure:load": _list(NOBODY),
    "exposure:rule": Address(NOBODY, method="post", of_the_case=False, only_told_why=EVERYONE),
    "exposure:two": _case_act(sends=lambda made: {"wanted": "yes"}),
    # media
    "media:gallery": _case_page(),
    "media:list": _list(),
    "media:exposure": Address(
        EVERYONE, method="post", sends=lambda made: {"reveals": []}, json=True, of_the_case=False
    ),
    "media:addresses": Address(
        EVERYONE, method="post", sends=lambda made: {"addresses": []}, json=True, of_the_case=False
    ),
    "media:show": _page("picture_media", "media_id"),
    "media:thumbnail": _page("picture_media", "media_id"),
    "media:strip": _page("picture_media", "media_id", NOBODY),
    "media:original": _page("picture_media", "media_id"),
    "media:show-known": _act("picture_media", "media_id", READERS, refused=frozenset({409})),
    "media:tiles": _case_page(),
    "media:order": _case_page(),
    "media:all-tiles": _list(),
    "media:all-order": _list(),
    "media:describe": _act("picture_media", "media_id", sends=lambda made: {"text": "A lamp"}),
    "media:describe-undo": _act("description", "description_id"),
    "media:mask": _act(
        "picture_media", "media_id", sends=lambda made: {"left": 0, "top": 0, "width": 100, "height": 100}
    ),
    "media:lift": _act("near_media", "media_id", READERS),
    "media:mask-withdraw": _act("mask", "mask_id"),
    "media:mask-restore": _act("past_mask", "mask_id"),
    "marks:of-media": _page("picture_media", "media_id"),
    "marks:of-case": _case_page(),
    "marks:show": _page("region_mark", "mark_id"),
    "marks:crop": _page("region_mark", "mark_id"),
    "marks:hand-out": _act("region_mark", "mark_id", sends=lambda made: {"purpose": ""}, refused=frozenset({409})),
    "marks:withdraw": _act("region_mark", "mark_id"),
    "marks:restore": _act("withdrawn_region_mark", "mark_id"),
    "marks:judge": _act("region_mark_match", "match_id", sends=lambda made: {"verdict": "same"}),
    "marks:undo": _act("withdrawn_region_mark_match", "match_id"),
    "texts:of-media": _page("picture_media", "media_id"),
    "texts:of-case": _case_page(),
    "texts:order": _case_act(refused=frozenset({409})),
    "texts:end": _case_act(),
    "media:known": _list(CASE_WORKERS),
    "media:known-new": _list(CASE_WORKERS - {"colleague"}),
    "media:known-withdraw": Address(
        frozenset({"owner"}),
        {"hash_set_id": "hash_set"},
        method="post",
        of_the_case=False,
        only_told_why=CASE_WORKERS - {"owner"},
    ),
    "media:known-restore": Address(
        frozenset({"owner"}),
        {"hash_set_id": "past_hash_set"},
        method="post",
        of_the_case=False,
        only_told_why=CASE_WORKERS - {"owner"},
    ),
    "media:hash-set": Address(CASE_WORKERS, {"hash_set_id": "hash_set"}, of_the_case=False),
    "media:quarantine": _list(CASE_WORKERS),
    "media:held-release": _held(),
    "media:held-reject": _held(),
    "media:held-hold-again": _held(refused=frozenset({409})),
    "media:vote": _act("picture_media", "media_id", refused=frozenset({409})),
    "media:vote-withdraw": Address(frozenset({"owner"}), {"vote_id": "entry_vote"}, method="post", of_the_case=False),
    # cameras
    "cameras:of-media": _page("picture_media", "media_id"),
    "cameras:of-case": _case_page(),
    "cameras:new": Address(WRITERS, {"reference": "reference"}),
    "cameras:map": _case_page(),
    "cameras:points": _case_page(),
    "cameras:withdraw": _act("camera_fingerprint", "fingerprint_id"),
    "cameras:restore": _act("past_camera_fingerprint", "fingerprint_id"),
    "cameras:judge": Address(
        WRITERS,
        {"match_id": "camera_match"},
        method="post",
        sends=lambda _: {"same": "yes", "reason": "The same scratch."},
        only_told_why=frozenset({"partner"}),
    ),
    "cameras:undo": _act("camera_judgement", "judgement_id", only_told_why=frozenset({"partner"})),
    # videos
    "videos:of-media": _page("picture_media", "media_id"),
    "videos:confirm": _act("shared_footage", "footage_id"),
    "videos:reject": _act("shared_footage", "footage_id"),
    "videos:reopen": _act("shared_footage", "footage_id", refused=frozenset({409})),
    # leads
    "leads:list": _list(),
    "leads:threshold": Address(EVERYONE, method="post", sends=lambda made: {"least": "45"}, of_the_case=False),
    "leads:accept": _act("alert", "alert_id"),
    "leads:dismiss": _act("alert", "alert_id", sends=lambda made: REASON),
    "leads:reopen": _act("decided", "alert_id"),
    "leads:connections": _case_page(),
    "leads:show": _page("connection", "connection_id", AGENCY),
    # charts
    "patterns:case": _case_page(),
    "patterns:paths": _page("person", "record_id"),
    "charts:list": _list(),
    "charts:save": Address(
        WRITERS, method="post", sends=lambda made: {"around": str(made.id_of("person")), "title": "Kept"}
    ),
    "charts:case": _case_page(),
    "charts:case-graph": _case_page(),
    "charts:around": _page("person", "record_id"),
    "charts:graph": _page("person", "record_id"),
    "charts:times": _page("person", "record_id"),
    "charts:saved": _page("chart", "chart_id"),
    "charts:saved-graph": _page("chart", "chart_id"),
    "charts:saved-times": _page("chart", "chart_id"),
    "charts:export": Address(
        READERS, method="post", sends=lambda made: {"around": str(made.id_of("person")), "form": "svg"}
    ),
    "charts:why": Address(READERS, asks={"tie": "match:<match>"}),
    "charts:way": Address(READERS, asks={"from": "e:<person>", "to": "c:<case>"}),
    "charts:remove": _act("chart", "chart_id"),
    "charts:restore": _act("removed_chart", "chart_id"),
    # sharing
    "sharing:list": _list(),
    "sharing:case": _case_page(),
    "sharing:invite": _case_act(
        sends=lambda made: {
            "agency": str(made.cast.borders.id),
            "purpose": "A common series",
            "level": "read",
            "days": "30",
        }
    ),
    "sharing:invitation-accept": _invitation("invitation"),
    "sharing:invitation-decline": _invitation("invitation"),
    "sharing:invitation-reconsider": _invitation("declined_invitation"),
    "sharing:invitation-leave": _invitation("joined_invitation"),
    "sharing:invitation-undo": _invitation("joined_invitation"),
    "sharing:ask": _page("free_pointer", "pointer_id", WRITERS),
    "sharing:request-withdraw": _act("request", "request_id"),
    "sharing:request-again": _act("past_request", "request_id"),
    "sharing:decline": _act("asked", "asked_id", sends=lambda made: {"answer": "Not ours to give."}),
    "sharing:asked-release": _act(
        "asked", "asked_id", sends=lambda made: {"purpose": "A common series", "days": 30, "level": "read"}
    ),
    "sharing:release-withdraw": _act("release_partner", "release_id", sends=lambda made: REASON),
    "sharing:release-undo": _act("release_partner", "release_id"),
    "sharing:release-again": _act("release_withdrawn", "release_id"),
    # standards
    "standards:board": _list(),
    "standards:notices": _list(),
    "standards:notice": _page("notice_owner", "notice_id", frozenset({"owner"})),
    "standards:see": _act("notice_owner", "notice_id", frozenset({"owner"})),
    "standards:unsee": _act("notice_owner", "notice_id", frozenset({"owner"})),
    "standards:quiet": Address(
        EVERYONE,
        method="post",
        sends=lambda made: {"begins": "22:00", "ends": "06:00", "zone": "UTC"},
        of_the_case=False,
    ),
    "standards:undo-apply": _act("checklist", "applied_id"),
    "standards:end": _act("checklist", "applied_id", sends=lambda made: REASON),
    "standards:restore": _act("past_checklist", "applied_id"),
    "standards:move": _page("checklist", "applied_id", WRITERS),
    "standards:move-back": _act("checklist", "applied_id"),
    "standards:mark-undo": _act("mark", "mark_id"),
    "standards:band-undo": _act("clock", "clock_id"),
    "standards:pause": _act("clock", "clock_id", sends=lambda made: REASON),
    "standards:resume": _act("still_clock", "clock_id"),
    "standards:met": _act("clock", "clock_id", sends=lambda made: REASON),
    "standards:reopen": _act("met_clock", "clock_id"),
    "standards:case": _case_page(),
    "standards:apply": _case_act(sends=lambda made: {"checklist": "international-online"}),
    "standards:mark": _case_act(
        sends=lambda made: {
            "checklist": "gb-online-images",
            "step": "suspect-welfare",
            "state": "done",
            "evidence": "Form 7",
        }
    ),
    "standards:band": _case_act(sends=lambda made: {"band": "gb-risk-bands:high", **REASON}),
    # data requests
    "inquiries:list": _list(),
    "inquiries:case": _case_page(),
    "inquiries:new": _case_page(WRITERS),
    "inquiries:show": _page("inquiry", "inquiry_id", AGENCY),
    "inquiries:letter-pdf": _page("inquiry", "inquiry_id", AGENCY),
    "inquiries:letter-text": _page("inquiry", "inquiry_id", AGENCY),
    "inquiries:value-add": _act("inquiry", "inquiry_id", sends=lambda made: {"claim": str(made.id_of("claim"))}),
    "inquiries:value-by-hand": _act(
        "inquiry",
        "inquiry_id",
        sends=lambda made: {"kind": "email", "value": "bea@example.org", "place": "Told by telephone"},
    ),
    "inquiries:value-complete": _act("inquiry_value", "value_id", sends=lambda made: {"zone": "UTC", "port": "50001"}),
    "inquiries:value-remove": _act("inquiry_value", "value_id"),
    "inquiries:value-restore": _act("inquiry_value", "value_id"),
    "inquiries:approve": _act("inquiry", "inquiry_id", refused=frozenset({409})),
    "inquiries:serve": _act(
        "approved_inquiry",
        "inquiry_id",
        sends=lambda made: {"how": "Portal", "at": "2026-01-02 03:05"},
        refused=frozenset({409}),
    ),
    "inquiries:preserved": _act("served_inquiry", "inquiry_id"),
    "inquiries:renew": _act("served_inquiry", "inquiry_id"),
    "inquiries:answer": _act(
        "served_inquiry", "inquiry_id", sends=lambda made: {"exhibit": str(made.id_of("exhibit"))}
    ),
    "inquiries:answer-begin": _act(
        "served_inquiry", "inquiry_id", sends=lambda made: {"files": 1, "bytes": 10}, json=True
    ),
    "inquiries:answer-complete": _act(
        "served_inquiry", "inquiry_id", sends=lambda made: {"exhibit": str(made.id_of("exhibit"))}, json=True
    ),
    "inquiries:refused": _act("served_inquiry", "inquiry_id", sends=lambda made: REASON),
    "inquiries:withdraw": _act("inquiry", "inquiry_id", sends=lambda made: REASON),
    "inquiries:withdraw-draft": _act("inquiry", "inquiry_id"),
    "inquiries:close": _act("served_inquiry", "inquiry_id", sends=lambda made: REASON, refused=frozenset({409})),
    "inquiries:take-back": _act("served_inquiry", "inquiry_id", refused=frozenset({409})),
    "inquiries:providers": _list(),
    "inquiries:provider-new": _list(),
    "inquiries:provider": _agencys("provider", method="get"),
    "inquiries:provider-end": _agencys("provider"),
    "inquiries:provider-restore": _agencys("past_provider"),
    "inquiries:letterhead": _list(),
    # disclosure
    "disclosure:packages": _case_page(WRITERS),
    "disclosure:new": _case_page(WRITERS),
    "disclosure:download": _page("package", "package_id", WRITERS),
    "disclosure:notice": _page("withdrawn_package", "package_id", WRITERS),
    "disclosure:withdraw": _act("package", "package_id", sends=lambda made: REASON),
    "disclosure:restore": _act("withdrawn_package", "package_id"),
    "disclosure:receipt": _act(
        "package",
        "package_id",
        sends=lambda made: {
            "received_by": "Court clerk",
            "received_on": made.rows["package"].made_at.date().isoformat(),
        },
    ),
    "disclosure:receipt-file": _act("package", "package_id", refused=frozenset({409})),
    "disclosure:receipt-remove": _act("receipt", "receipt_id"),
    # deconfliction
    "deconfliction:room": _list(),
    "deconfliction:begin": Address(EVERYONE, asks={"case": "XX-1", "subject": "target"}, of_the_case=False),
    "deconfliction:case": _case_page(),
    "deconfliction:target": _case_page(WRITERS),
    "deconfliction:operation": _case_page(WRITERS),
    "deconfliction:declaration": _page("declaration", "declaration_id", AGENCY),
    "deconfliction:withdraw": _act("declaration", "declaration_id", sends=lambda made: REASON),
    "deconfliction:restore": _act("past_declaration", "declaration_id"),
    "deconfliction:conflict": _page("conflict", "conflict_id", AGENCY),
    "deconfliction:write": _act("conflict", "conflict_id", sends=lambda made: {"text": "We search on Tuesday."}),
    "deconfliction:ask": _act("conflict", "conflict_id", sends=lambda made: {"text": "A common series"}),
    "deconfliction:propose": _act("conflict", "conflict_id", sends=lambda made: {"outcome": "joint"}),
    "deconfliction:confirm": _act(
        "conflict", "conflict_id", sends=lambda made: {"proposal": str(made.rows["thread_line"].ref)}
    ),
    "deconfliction:reopen": _act("agreed_conflict", "conflict_id", sends=lambda made: REASON),
    "deconfliction:open": _act("alone_conflict", "conflict_id"),
    # parts of a case
    "releases:room": _list(),
    "releases:begin-ask": _list(),
    "releases:rules": _list(),
    "releases:second-person": Address(EVERYONE, method="post", of_the_case=False, refused=frozenset({409})),
    "releases:key-end": _key("partner_key"),
    "releases:key-restore": _key("past_partner_key"),
    "releases:bring": Address(EVERYONE, method="post", of_the_case=False, refused=frozenset({422})),
    "releases:request": _page("part_request", "request_id", AGENCY),
    "releases:request-take-back": _act("part_request", "request_id"),
    "releases:request-again": _act("past_part_request", "request_id"),
    "releases:asked": _page("part_asked", "asked_id", AGENCY),
    "releases:asked-decline": _act("part_asked", "asked_id", sends=lambda made: REASON),
    "releases:asked-reconsider": _act("declined_part_asked", "asked_id"),
    "releases:asked-pass-on": _act("pass_on_asked", "asked_id", sends=lambda made: {"agrees": "yes"}),
    "releases:release": _page("part_release", "release_id", AGENCY),
    "releases:items": _act("part_release", "release_id", sends=lambda made: {"record": str(made.id_of("twin"))}),
    "releases:decisions": _act(
        "part_release", "release_id", sends=lambda made: {f"given-{made.id_of('release_item')}": "yes"}
    ),
    "releases:send": _act("part_release", "release_id", refused=frozenset({409})),
    "releases:approve": _act("waiting_release", "release_id", refused=frozenset({409})),
    "releases:draft": _act("waiting_release", "release_id", sends=lambda made: REASON),
    "releases:discard": _act("part_release", "release_id"),
    "releases:withdraw": _act("made_release", "release_id", sends=lambda made: REASON),
    "releases:reinstate": _act("past_release", "release_id"),
    "releases:download": _page("made_release", "release_id", WRITERS),
    "releases:notice": _page("past_release", "release_id", WRITERS),
    "releases:receipt": _page("made_release", "release_id", WRITERS),
    "releases:received": _page("received_part", "part_id", AGENCY),
    "releases:accept": _act(
        "received_part", "part_id", sends=lambda made: {"case": REFERENCE}, refused=frozenset({409})
    ),
    "releases:refuse": _act("received_part", "part_id", sends=lambda made: REASON),
    "releases:received-reconsider": _act("refused_part", "part_id"),
    "releases:acknowledge": _act("past_part", "part_id"),
    "releases:pass-on": _act(
        "kept_part",
        "part_id",
        sends=lambda made: {"recipients": "Crown court", "purpose": "Trial", "legal_basis": "Police Act"},
    ),
    "releases:received-download": _page("received_part", "part_id", AGENCY),
    "releases:received-receipt": _page("kept_part", "part_id", AGENCY),
    "releases:case": _case_page(AGENCY),
    "releases:ask": _case_page(WRITERS),
    "releases:begin": _case_page(WRITERS),
    # the people of an agency
    "officers:list": _list(ADMINISTRATOR),
    "officers:invite": _list(ADMINISTRATOR),
    "officers:invitation-withdraw": _of_people("account_invitation", "invitation_id"),
    "officers:agency": _list(ADMINISTRATOR),
    "officers:review": _list(ADMINISTRATOR),
    "officers:review-sign": Address(ADMINISTRATOR, method="post", of_the_case=False, refused=frozenset({409})),
    "officers:unassigned": _list(NOBODY),
    "officers:assign": Address(
        NOBODY,
        {"reference": "reference"},
        method="post",
        of_the_case=False,
        sends=lambda made: {"officer": str(made.id_of("officer"))},
    ),
    "officers:detail": Address(ADMINISTRATOR, {"officer_id": "officer"}, of_the_case=False),
    "officers:change": _of_people("officer", "officer_id", refused=frozenset({422})),
    "officers:end": _of_people("officer", "officer_id", refused=frozenset({422})),
    "officers:open": _of_people("officer", "officer_id", refused=frozenset({409})),
    "officers:unlock": _of_people("officer", "officer_id"),
    "officers:certify": _of_people("officer", "officer_id", refused=frozenset({422})),
    "officers:uncertify": _of_people("certification", "certification_id"),
    "officers:recertify": _of_people("certification", "certification_id"),
    "officers:cover": _of_people("officer", "officer_id", refused=frozenset({422})),
    "officers:cover-end": _of_people("cover", "cover_id"),
    "officers:keep": _of_people("officer", "officer_id"),
    "officers:keep-undo": _of_people("officer", "officer_id"),
    # an agency's own identity provider
    "federation:list": _list(ADMINISTRATOR),
    "federation:new-oidc": _list(ADMINISTRATOR),
    "federation:new-saml": _list(ADMINISTRATOR),
    "federation:provider": Address(ADMINISTRATOR, {"provider_id": "identity_provider"}, of_the_case=False),
    "federation:try": Address(
        ADMINISTRATOR, {"provider_id": "identity_provider"}, of_the_case=False, refused=frozenset({409})
    ),
    "federation:on": _of_people("identity_provider", "provider_id", sends=lambda made: {"rule": "also"}),
    "federation:off": _of_people("identity_provider", "provider_id", refused=frozenset({409})),
    "federation:take-off": _of_people("identity_provider", "provider_id"),
    "federation:put-back": _of_people("past_identity_provider", "provider_id"),
    "federation:release": _of_people("binding", "binding_id"),
    "federation:bind-again": _of_people("past_binding", "binding_id"),
    # the API
    "api:openapi-json": _list(),
    "api:api-root": _list(NOBODY),
    "api:list_cases": _list(),
    "api:get_case": _case_page(),
    "api:list_exhibits": _case_page(),
    "api:list_report_lines": _page("exhibit", "exhibit_id"),
    "api:list_records": _case_page(),
    "api:list_media": _case_page(),
    "api:list_series": _case_page(),
    "api:list_grades": _case_page(),
    "api:give_grades": Address(
        WRITERS,
        method="post",
        json=True,
        sends=lambda made: {
            "media": [str(made.id_of("picture_media"))],
            "scheme": "UK",
            "grade": "2",
            "client_id": "api",
        },
    ),
    "api:list_ready_entries": _list(CASE_WORKERS),
    "api:list_marks": _case_page(),
    "api:get_mark": _page("region_mark", "mark_id"),
    "api:make_mark": _act(
        "picture_media",
        "media_id",
        json=True,
        refused=frozenset({201}),
        sends=lambda made: {"name": "Fern", "kind": "toy", "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]},
    ),
    "api:withdraw_mark": _act("region_mark", "mark_id", json=True),
    "api:restore_mark": _act("withdrawn_region_mark", "mark_id", json=True),
    "api:judge_place": _act("region_mark_match", "match_id", json=True, sends=lambda made: {"verdict": "same"}),
    "api:undo_place": _act("withdrawn_region_mark_match", "match_id", json=True),
    "api:list_positions": _case_page(),
    "api:list_fingerprints": _case_page(),
    "api:list_footage": _case_page(),
    "api:judge_footage": _act("shared_footage", "footage_id", sends=lambda made: {"state": "confirmed"}, json=True),
    "api:list_votes": _list(CASE_WORKERS),
    "api:vote_on_known": _act(
        "picture_media", "media_id", sends=lambda made: {"confirms": True}, json=True, refused=frozenset({409})
    ),
    "api:withdraw_vote": Address(
        frozenset({"owner"}), {"vote_id": "entry_vote"}, method="post", json=True, of_the_case=False
    ),
    "api:list_held_entries": _list(CASE_WORKERS),
    "api:decide_held_entry": _held(also={"state": "released"}, json=True),
    "api:list_connections": _case_page(),
    "api:list_pointers": _case_page(),
    "api:list_alerts": _list(),
    "api:accept_alert": _act("alert", "alert_id", json=True),
    "api:dismiss_alert": _act("alert", "alert_id", sends=lambda made: REASON, json=True),
    "api:list_declarations": _list(),
    "api:get_declaration": _page("declaration", "declaration_id", AGENCY),
    "api:declare_target": _case_act(
        sends=lambda made: {"values": ["heron@example.org"], "purpose": "A search"}, json=True, refused=frozenset({201})
    ),
    "api:declare_operation": _case_act(sends=lambda made: _operation(), json=True, refused=frozenset({201})),
    "api:withdraw_declaration": _act("declaration", "declaration_id", sends=lambda made: REASON, json=True),
    "api:list_conflicts": _list(),
    "api:list_inquiries": _list(),
    "api:draft_inquiry": _case_act(
        sends=lambda made: {
            "instrument": "us-2703-f",
            "provider": str(made.id_of("provider")),
            "claims": [str(made.id_of("claim"))],
        },
        json=True,
    ),
    "api:search": Address(EVERYONE, asks={"q": "Lantern"}, of_the_case=False),
}

OPEN_TO_ALL = {"healthz": "Whether the server answers; it says nothing else."}
"""Addresses that answer without a sign-in, with the reason; those of the sign-in itself stand below ``account/``."""

ONLY_WHILE_WRITING = {"design"}
"""Served with OPENCETS_DEBUG=1 only: pages without a record."""


def routes() -> Iterator[tuple[str, str]]:
    """(name, route) of every address that the program serves, sign-in apart."""
    from django.urls import URLPattern, URLResolver, get_resolver

    def walk(patterns: list[Any], prefix: str, spaces: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if route.startswith("account/"):
                continue
            if isinstance(pattern, URLResolver):
                below = (*spaces, pattern.namespace) if pattern.namespace else spaces
                yield from walk(pattern.url_patterns, route, below)
            elif isinstance(pattern, URLPattern):
                yield ":".join((*spaces, pattern.name or f"unnamed {route}")), route

    yield from walk(get_resolver().url_patterns, "", ())
