"""What other rooms know ties series: as its own reason, as long as people let it stand, and inside one holding alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from opencets.matching.series import SHARED_MOST
from opencets_web.cameras.models import CameraJudgement, CameraMatch, Device, Fingerprint, FingerprintState
from opencets_web.evidence.models import Exhibit
from opencets_web.grading import jobs
from opencets_web.marks import actions as marks
from opencets_web.marks.models import Mark, MarkJudgement, MarkMatch, MarkRegion, Verdict
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant
from opencets_web.videos import actions as videos
from opencets_web.videos.models import FootageState, SharedFootage
from tests.web.conftest import Behind, Cast
from tests.web.grading.conftest import Desk

Browsers = Callable[[Actor | None], Client]
SQUARE = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]


def sides(left: Any, right: Any) -> dict[str, Any]:
    return {
        "left_holding_id": left.holding_id, "left_agency_id": left.agency_id, "right_holding_id": right.holding_id,
        "right_agency_id": right.agency_id,
    }  # fmt: skip


def mark_on(media: Media, cast: Cast, name: str = "Blue fern") -> MarkRegion:
    under = {"holding_id": media.holding_id, "agency_id": media.agency_id}
    mark = Mark.objects.create(
        **under, case=media.case, name=name, kind="wallpaper", made_by=cast.officers["owner"], made_at=timezone.now()
    )
    return MarkRegion.objects.create(**under, mark=mark, media=media, polygon=SQUARE)


def seen_in(region: MarkRegion, media: Media, cast: Cast, verdict: str = "") -> MarkMatch:
    match = MarkMatch.objects.create(
        **sides(region, media), region=region, media=media, score=1, points=30, maps=1, turn_degrees=0, size=1, pairs=[],
        outline=SQUARE, found_at=timezone.now(),
    )  # fmt: skip
    if verdict:
        MarkJudgement.objects.create(
            **sides(region, media), match=match, verdict=verdict, reason="Compared.", by=cast.officers["owner"],
            at=timezone.now(),
        )  # fmt: skip
    return match


def build(desk: Desk, reference: str = "AV-1") -> list[tuple[int, list[str], list[str]]]:
    """Find the series of a case anew: of each its files, kinds and reasons."""
    desk.build(Exhibit.objects.get(case__reference=reference, reference="EX-1"))
    return [(one.files, one.kinds, one.reasons) for one in desk.series(reference)]


def test_a_confirmed_mark_ties_with_its_words_and_one_rejected_or_taken_back_does_not(
    desk: Desk, cast: Cast, as_actor: Behind, as_job: Behind, client_for: Browsers
) -> None:
    first, second, third, fourth = desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    region = mark_on(first, cast)
    match = seen_in(region, second, cast, Verdict.SAME)
    seen_in(region, third, cast, Verdict.DIFFERENT)
    seen_in(region, fourth, cast)
    words = "Both show “Blue fern” (wallpaper or tiles), as people confirmed."
    assert build(desk) == [(2, ["mark"], [words])]
    page = client_for(cast.owner).get("/cases/AV-1/series/").content.decode()
    assert words in page
    assert "one place or thing" in page
    with as_actor(cast.owner):
        marks.undo_judgement(cast.owner, match.id)
    assert ProcrastinateJob.objects.filter(task_name="build_series_anew", status="todo").count() == 1
    with as_job(cast.owner):
        jobs.build_series_anew(str(first.case_id), str(cast.owner.officer_id))
    assert desk.series("AV-1") == []
    with as_actor(cast.owner):
        marks.judge(cast.owner, match.id, Verdict.SAME)
        marks.withdraw(cast.owner, region.mark_id)
    assert build(desk) == []


def test_what_lies_in_another_case_ties_nothing_even_where_the_officer_sees_both(desk: Desk, cast: Cast) -> None:
    first, second = desk.put("AV-1", "a.jpg", "b.jpg")
    other = desk.album.case("BO-1", cast.borders)
    [theirs] = desk.put("BO-1", "theirs.jpg")
    Grant.objects.create(
        holding=other.holding, agency=cast.borders, to_agency=cast.avon, level="read", purpose="Compare",
        granted_by=cast.officers["outsider"], granted_at=timezone.now(), expires_at=timezone.now() + timedelta(days=9),
    )  # fmt: skip
    region = mark_on(theirs, cast, "A room that only Borders knows")
    for media in (first, second):
        seen_in(region, media, cast, Verdict.SAME)
    assert build(desk) == []


def test_a_mark_confirmed_in_too_many_files_ties_none_and_is_named_where_others_tie(desk: Desk, cast: Cast) -> None:
    many = desk.put("AV-1", *(f"{n}.jpg" for n in range(SHARED_MOST + 1)))
    paper = mark_on(many[0], cast, "Stripes")
    for media in many[1:]:
        seen_in(paper, media, cast, Verdict.SAME)
    seen_in(mark_on(many[0], cast, "Clock"), many[1], cast, Verdict.SAME)
    [(files, _, reasons)] = build(desk)
    assert (files, len(reasons)) == (2, 1)
    assert "in 61 files of this case, too many" in desk.series("AV-1")[0].cut


@pytest.fixture
def device(desk: Desk, cast: Cast) -> Fingerprint:
    case = desk.album.case("AV-1")
    under = {"holding_id": case.holding_id, "agency_id": case.agency_id, "case": case}
    now = timezone.now()
    made = Device.objects.create(**under, name="Telephone", made_by=cast.officers["owner"], made_at=now)
    return Fingerprint.objects.create(
        **under, device=made, chosen=[], state=FingerprintState.COMPARED, asked_by=cast.officers["owner"], asked_at=now
    )


def noise_in(row: Fingerprint, media: Media, cast: Cast, pce: float, same: bool | None = None) -> CameraMatch:
    match = CameraMatch.objects.create(
        **sides(row, media), fingerprint=row, media=media, pce=pce, by_theory=0, found_at=timezone.now()
    )
    if same is not None:
        CameraJudgement.objects.create(
            **sides(row, media),
            match=match,
            same=same,
            reason="Compared.",
            by=cast.officers["owner"],
            at=timezone.now(),
        )
    return match


def test_a_sensor_ties_confirmed_files_and_by_measurement_alone_more_weakly(
    desk: Desk, cast: Cast, device: Fingerprint
) -> None:
    first, second, third, weak, no = desk.put("AV-1", "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    noise_in(device, first, cast, 80, same=True)
    noise_in(device, second, cast, 80, same=True)
    noise_in(device, third, cast, 900)
    noise_in(device, weak, cast, 90)
    noise_in(device, no, cast, 4_000, same=False)
    [(files, kinds, reasons)] = build(desk)
    assert (files, kinds) == (3, ["noise"])
    assert reasons == [
        "One camera (“Telephone”, by sensor noise or serial number, confirmed) took both; it took 2 files of this case.",
        "One camera (“Telephone”, by sensor noise, measured and not judged) took both; it took 3 files of this case.",
    ]
    device.withdrawn_at = timezone.now()
    device.save()
    assert build(desk) == []


def film(
    left: Media, right: Media, end: float, state: str = FootageState.SUGGESTED, share: float = 0.95
) -> SharedFootage:
    left, right = sorted((left, right), key=lambda one: one.id)
    return SharedFootage.objects.create(
        **sides(left, right), left=left, right=right, left_begin=0, left_end=end, right_begin=0, right_end=end, speed=1,
        share=share, frames=9, distance=4, orientation="upright", found_at=timezone.now(), state=state,
    )  # fmt: skip


def test_footage_ties_where_it_was_confirmed_or_fills_most_of_both_and_a_copy_is_one_group(
    desk: Desk, cast: Cast, as_actor: Behind
) -> None:
    a, b, c, d, e = desk.put("AV-1", "a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4")
    Media.objects.update(media_type="video/mp4", duration=20)
    film(a, b, 20)
    film(b, c, 12)
    film(c, d, 3)
    film(d, e, 3, FootageState.CONFIRMED)
    near = NearDuplicate.objects.create(
        **sides(a, d), left=min(a, d, key=lambda one: one.id), right=max(a, d, key=lambda one: one.id), distance=3,
        left_second=1, right_second=1, found_at=timezone.now(),
    )  # fmt: skip
    found = build(desk)
    assert [(files, kinds) for files, kinds, _ in found] == [(3, ["footage", "near"]), (2, ["footage"])]
    assert found[0][2] == [
        "They are one film from beginning to end: 95% of the frames compared agree.",
        "They seem to share 12 s of footage: 95% of the frames compared agree.",
    ]
    assert found[1][2] == ["They share 3 s of footage, as a person confirmed."]
    groups = dict(desk.series("AV-1")[0].members.values_list("media__file__name", "group"))
    assert (groups["a.mp4"] == groups["b.mp4"], groups["b.mp4"] == groups["c.mp4"]) == (True, False)
    with as_actor(cast.owner):
        for row in SharedFootage.objects.all():
            videos.reject(cast.owner, row.id)
    assert build(desk) == []
    assert near.distance == 3
