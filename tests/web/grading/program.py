"""Officers who grade the same files at the same instant, over a real database whose transactions are kept; JSON comes out.

``python program.py people REFERENCE`` (role owner) | ``votes REFERENCE`` (web) | ``rebuild REFERENCE`` (owner).
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import combinations
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from opencets.errors import ActRefused  # noqa: E402
from opencets.records.grading import schemes  # noqa: E402
from opencets_web.accounts.models import Agency, Officer  # noqa: E402
from opencets_web.cases.models import Case  # noqa: E402
from opencets_web.evidence.models import Exhibit, ExhibitFile, FileState, Record  # noqa: E402
from opencets_web.grading import actions, building  # noqa: E402
from opencets_web.grading.models import Grade, GradeDecision, GradingAct, Series  # noqa: E402
from opencets_web.media.models import Media, NearDuplicate  # noqa: E402
from opencets_web.policy.acting import acting_as  # noqa: E402
from opencets_web.policy.actor import Actor  # noqa: E402
from opencets_web.policy.models import Holding  # noqa: E402
from opencets_web.policy.officers import actor_by_email  # noqa: E402

FILES, LATER = 4, 3
ROLES = (["investigator"], ["analyst"], ["reviewer"], ["supervisor"], ["supervisor"])


def people(reference: str) -> dict[str, Any]:
    """Five officers of Avon, and a case with a group of four near-duplicates and three files that may join it."""
    agency, _ = Agency.objects.get_or_create(
        short_name="Avon", defaults={"name": "Avon Police", "country": "GB", "contact_email": "x@example.org"}
    )
    for number, roles in enumerate(ROLES):
        Officer.objects.get_or_create(
            email=f"grader{number}@avon.example.org",
            defaults={"display_name": f"Avon grader {number}", "agency": agency, "roles": roles},
        )
    holding = Holding.objects.create(agency=agency)
    under, now = {"holding": holding, "agency": agency}, timezone.now()
    by = Officer.objects.get(email="grader0@avon.example.org")
    case = Case.objects.create(
        **under, reference=reference, title="At once", kind="possession", opened_at=now, opened_by=by
    )
    exhibit = Exhibit.objects.create(
        **under, case=case, reference="EX-1", title="A card", state="read", received_by=by, begun_at=now
    )
    for number in range(FILES + LATER):
        digest = sha256(f"{reference} {number}".encode()).hexdigest()
        file = ExhibitFile.objects.create(
            **under, exhibit=exhibit, path=[f"{number}.jpg"], name=f"{number}.jpg", size=7, state=FileState.READ,
            sha256=digest, md5=digest[:32], sha1=digest[:40], media_type="image/jpeg",
        )  # fmt: skip
        record = Record.objects.create(
            **under, case=case, exhibit=exhibit, file=file, key=str(number), kind="media", reader="picture/1",
            place=f"{number}.jpg", label=f"{number}.jpg", read_at=now,
        )  # fmt: skip
        Media.objects.create(
            **under, case=case, record=record, file=file, sha256=digest, media_type="image/jpeg", quality=100,
            pdq=bytes.fromhex(digest), read_at=now, matched_at=now,
        )  # fmt: skip
    media = _media(case)
    for left, right in combinations(media[:FILES], 2):
        _near(case, left, right)
    _build(_of(0), case)
    return {"reference": reference}


def _media(case: Case) -> list[Media]:
    return list(Media.objects.filter(case=case).order_by("id"))


def _near(case: Case, left: Media, right: Media) -> None:
    sides = {
        f"{side}_{part}_id": getattr(case, f"{part}_id") for side in ("left", "right") for part in ("holding", "agency")
    }
    NearDuplicate.objects.create(**sides, left=left, right=right, distance=4, found_at=timezone.now())


def _build(actor: Actor, case: Case) -> int:
    with acting_as(actor.officer_id):
        return building.build_series_of_case(actor, case)


def _of(number: int) -> Actor:
    with acting_as(None):
        return actor_by_email(f"grader{number}@avon.example.org")


def _at_once(*acts: tuple[Actor, Callable[[], Any]]) -> list[Any]:
    """What each act gave, or the sentence it was refused with: all of them begin at the same instant."""
    start, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int, actor: Actor, act: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            start.wait()
            with acting_as(actor.officer_id):
                answers[number] = act()
        except ActRefused as refusal:
            answers[number] = f"refused: {refusal}"
        except Exception as wrong:
            answers[number] = f"wrong: {wrong!r}"
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number, *act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _stands(actor: Actor, case: Case, scheme: str) -> dict[str, Any]:
    """What stands: votes and codes of each file, how often an officer's vote stands at most, and whether the counts are true."""
    with acting_as(actor.officer_id):
        live = list(Grade.objects.filter(case=case, scheme=scheme, ended_at=None))
        decisions = list(GradeDecision.objects.filter(case=case, scheme=scheme))
    votes = Counter(row.sha256 for row in live)
    return {
        "votes": sorted(votes.values()),
        "codes": sorted({row.code for row in live}),
        "most": max(Counter((row.sha256, row.officer_id) for row in live).values(), default=0),
        "true": all(row.votes == votes[row.sha256] for row in decisions),
        "decided": sorted({row.code for row in decisions if row.votes}),
    }


def votes(reference: str) -> dict[str, Any]:
    """Votes, the same act twice, undo against a new vote, undo of two acts, and two settlements; each in a scheme of its own."""
    first, second, third, chief, other = (_of(number) for number in range(5))
    with acting_as(first.officer_id):
        case = Case.objects.get(reference=reference)
        ids = [media.id for media in _media(case)[:FILES]]
        series = Series.objects.get(case=case)

    def give(actor: Actor, code: str, scheme: str, client: str = "", some: Sequence[Any] = ids) -> Callable[[], Any]:
        return lambda: str(actions.give_grades(actor, some, scheme, code, client or uuid4().hex).act_id)

    def whole(actor: Actor, scheme: str, client: str) -> Callable[[], Any]:
        return lambda: str(actions.grade_series(actor, series.id, None, scheme, "1", client, waiting=True).act_id)

    def undo(actor: Actor, act: str) -> Callable[[], Any]:
        return lambda: actions.undo(actor, act)  # type: ignore[arg-type]

    def done(actor: Actor, act: Callable[[], Any]) -> Any:
        with acting_as(actor.officer_id):
            return act()

    told: dict[str, Any] = {}
    given = _at_once((first, give(first, "1", "UK")), (second, give(second, "1", "UK", some=ids[::-1])))
    twice = _at_once((third, whole(third, "UK", "same")), (third, whole(third, "UK", "same")))
    with acting_as(third.officer_id):
        acts = GradingAct.objects.filter(case=case, client_id="same").count()
    told["votes"] = {"given": len(set(given)), "twice": len(set(twice)), "acts": acts, **_stands(first, case, "UK")}

    earlier = done(first, give(first, "1", "US"))
    answers = _at_once((first, undo(first, earlier)), (first, give(first, "2", "US")))
    told["undo-against-vote"] = {"wrong": _wrong(answers), **_stands(first, case, "US")}

    acts_of_one = [done(first, give(first, code, "DE")) for code in _codes("DE")[:2]]
    answers = _at_once(*((first, undo(first, act)) for act in acts_of_one))
    again = _at_once((first, undo(first, acts_of_one[1])))
    told["undo-of-two"] = {"wrong": _wrong(answers), "again": again, **_stands(first, case, "DE")}

    scheme, codes = "BASELINE", _codes("BASELINE")
    done(first, give(first, codes[0], scheme, some=ids[:1]))
    done(second, give(second, codes[1], scheme, some=ids[:1]))
    with acting_as(chief.officer_id):
        decision = GradeDecision.objects.get(case=case, scheme=scheme)
        actions.show_votes(chief, decision.id)
    done(other, lambda: actions.show_votes(other, decision.id))
    answers = _at_once(
        *(
            (actor, lambda actor=actor: actions.settle(actor, decision.id, codes[1], "Seen."))
            for actor in (chief, other)
        )
    )
    told["settled"] = sorted(answers)
    return told


def _wrong(answers: Sequence[Any]) -> list[str]:
    return [answer for answer in answers if str(answer).startswith("wrong")]


def _codes(scheme: str) -> list[str]:
    return [grade.code for grade in schemes()[scheme].grades]


def rebuild(reference: str) -> list[dict[str, Any]]:
    """The whole series graded at the instant at which a file joins it: what the officer saw is graded, or nothing is."""
    builder, grader = _of(0), _of(1)
    case, told = Case.objects.get(reference=reference), []
    for number in range(LATER):
        series = Series.objects.get(case=case)
        seen, files, client = series.mark, series.files, f"round {number}"
        media = _media(case)
        for left in media[: FILES + number]:
            _near(case, left, media[FILES + number])
        code = "12"[number % 2]
        built, graded = _at_once(
            (builder, lambda: building.build_series_of_case(builder, case)),
            (
                grader,
                lambda series=series, code=code, client=client, seen=seen: (
                    actions.grade_series(grader, series.id, None, "UK", code, client, seen=seen).files
                ),
            ),
        )
        told.append({"files": files, "built": built > 0, "graded": graded, **_stands(grader, case, "UK")})
        with acting_as(grader.officer_id):
            try:
                actions.grade_series(grader, series.id, None, "UK", code, f"late {number}", seen=seen)
            except ActRefused as refusal:
                told[-1]["late"] = str(refusal)
    return told


if __name__ == "__main__":
    does: dict[str, Callable[..., Any]] = {"people": people, "votes": votes, "rebuild": rebuild}
    sys.stdout.write(json.dumps(does[sys.argv[1]](*sys.argv[2:]), default=str))
