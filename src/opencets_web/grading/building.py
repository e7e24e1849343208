"""Series of a case from its media, near-duplicates and cameras: found anew, written where something changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from opencets.matching import series as engine
from opencets.records.grading import schemes
from opencets_web.audit import log
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Claim, Exhibit
from opencets_web.grading.models import DecisionState, GradeDecision, Series, SeriesMember
from opencets_web.grading.queries import votes_needed
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.ui.notify import tell

USABLE_QUALITY = 50
Ties = Callable[[Actor, Case], Iterable[engine.Given | engine.Shared]]
"""(actor, case) to what another room knows of its files, by SHA-256; such functions are named in ``settings.SERIES_TIES``.

Whoever reads the case reads its series: each gives only what lies, with all its sides, under the case's own holding.
"""


@transaction.atomic
def build_series(actor: Actor, exhibit_id: UUID) -> int:
    """The series of the case to which an exhibit belongs, found anew; how many rows changed. Safe to run again at any time."""
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    return build_series_of_case(actor, exhibit.case)


@transaction.atomic
def build_series_anew(actor: Actor, case_id: UUID) -> int:
    """As ``build_series``, by the id of the case: after people confirmed, rejected or took back what ties its files."""
    return build_series_of_case(actor, door.admit(actor, Case.objects.all(), "contribute", pk=case_id))


def build_series_of_case(actor: Actor, case: Case) -> int:
    """As ``build_series``, for a case; inside a transaction. Two at once on one case follow each other."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('series ' || %s, 0))", [str(case.id)])
    members = {
        row.sha256: row
        for row in SeriesMember.objects.filter(case=case, left_at=None).select_related("series").order_by("id")
    }
    items, media = _items(case)
    near, frames = _near(case)
    given = [tie for name in settings.SERIES_TIES for tie in import_string(name)(actor, case)]
    before = {digest: row.series.key for digest, row in members.items()}
    found = engine.build(items, near, [*frames, *given], before)
    changed = _write(case, found, members, media, timezone.now())
    if changed:
        log.record(
            "series.built",
            actor,
            holding=(case.holding_id, case.agency_id),
            subject=f"case:{case.reference}",
            details={"series": len(found), "changed": changed},
        )
        tell(f"case:{case.id}", "series", case.id)
    return changed


def _near(case: Case) -> tuple[list[engine.Near], list[engine.Given]]:
    """Pictures near one another; and pictures near a frame of a video, which are no copies of it.

    Two videos with one near frame are not near themselves: what they share is said by their footage.
    """
    pairs = NearDuplicate.objects.filter(left__case=case, right__case=case).exclude(left__sha256=F("right__sha256"))
    near, frames = [], []
    columns = ("left__sha256", "right__sha256", "distance", "left_second", "right_second")
    for left, right, distance, left_second, right_second in pairs.values_list(*columns).iterator():
        if left_second is None and right_second is None:
            near.append(engine.Near(left, right, distance))
        elif left_second is None or right_second is None:
            second = left_second if right_second is None else right_second
            sentence = f"The picture is near a frame of the video, at {second:.0f} s, {distance} of 256 bits apart."
            frames.append(engine.Given(left, right, "frame", sentence, 0.65))
    return near, frames


def _items(case: Case) -> tuple[list[engine.Item], dict[str, UUID]]:
    """The distinct files of a case as the engine takes them, and for each the medium that stands for it."""
    claims = Claim.objects.filter(case=case, record__kind="media", property__in=("camera_serial", "camera_model"))
    said: dict[tuple[UUID, str], str] = {}
    for record, name, raw, normal in claims.values_list("record_id", "property", "raw", "normal").iterator():
        said.setdefault((record, name), (normal if name == "camera_serial" else raw) or "")
    rows = (
        Media.objects.filter(case=case)
        .order_by("id")
        .values_list(
            "id",
            "sha256",
            "record_id",
            "taken_at",
            "quality",
            "widely_traded",
            "file__exhibit__reference",
            "file__path",
        )
    )
    items: dict[str, engine.Item] = {}
    media: dict[str, UUID] = {}
    for row in rows.iterator():
        identity, digest, record, taken_at, quality, traded, exhibit, path = row
        earlier = items.get(digest)
        media.setdefault(digest, identity)
        path = path or [""]
        place = engine.Place((exhibit, *path[:-1], *path[-1].split("/")[:-1]), path[-1].rsplit("/", 1)[-1])
        flat = quality is not None and quality < USABLE_QUALITY
        items[digest] = engine.Item(
            digest=digest,
            places=(*(earlier.places if earlier else ()), place)[:50],
            taken_at=earlier.taken_at if earlier and earlier.taken_at else _instant(taken_at),
            camera=(earlier.camera if earlier else "") or said.get((record, "camera_serial"), ""),
            model=(earlier.model if earlier else "") or said.get((record, "camera_model"), ""),
            binds=not traded and not flat,
        )
    return list(items.values()), media


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        return None


def _write(
    case: Case,
    found: list[engine.Series],
    members: dict[str, SeriesMember],
    media: dict[str, UUID],
    now: datetime,
) -> int:
    under = {"holding_id": case.holding_id, "agency_id": case.agency_id, "case": case}
    rows = {row.key: row for row in Series.objects.filter(case=case)}
    last = int(Series.objects.filter(case=case).aggregate(last=Max("number"))["last"] or 0)
    stays = {(member.digest, one.key) for one in found for member in one.members}
    left = [row for digest, row in members.items() if (digest, row.series.key) not in stays]
    SeriesMember.objects.filter(id__in=[row.id for row in left]).update(left_at=now)
    gone = {row.id for row in left}
    changed, joined, moved = len(left), [], []
    for one in found:
        series, kinds, reasons = rows.get(one.key), list(one.kinds), [tie.sentence for tie in one.reasons]
        arrived = [
            member for member in one.members if member.digest not in members or members[member.digest].id in gone
        ]
        if series is None:
            last += 1
            series = Series.objects.create(
                **under,
                key=one.key,
                number=last,
                files=len(one.members),
                kinds=kinds,
                reasons=reasons,
                cut=one.cut,
                found_at=now,
                grown_at=now,
            )
            changed += 1
        elif (
            arrived
            or (series.files, series.kinds, series.reasons, series.cut) != (len(one.members), kinds, reasons, one.cut)
            or series.retired_at
        ):
            series.files, series.kinds, series.reasons, series.cut = len(one.members), kinds, reasons, one.cut
            series.grown_at, series.retired_at = now if arrived else series.grown_at, None
            series.save(update_fields=["files", "kinds", "reasons", "cut", "retired_at", "grown_at"])
            changed += 1
        new = {member.digest for member in arrived}
        for member in one.members:
            tie = member.tie
            beside = tie.right if tie.left == member.digest else tie.left
            stated = {
                "group": member.group, "kind": tie.kind, "weight": tie.weight, "sentence": tie.sentence, "beside": beside,
            }  # fmt: skip
            if member.digest in new:
                joined.append(
                    SeriesMember(
                        **under,
                        **stated,
                        series=series,
                        media_id=media[member.digest],
                        sha256=member.digest,
                        joined_at=now,
                    )
                )
                continue
            row = members[member.digest]
            if any(getattr(row, name) != value for name, value in stated.items()):
                for name, value in stated.items():
                    setattr(row, name, value)
                moved.append(row)
    SeriesMember.objects.bulk_create(joined, batch_size=2_000)
    SeriesMember.objects.bulk_update(moved, ["group", "kind", "weight", "sentence", "beside"], batch_size=500)
    keys = {one.key for one in found}
    ended = [row.id for key, row in rows.items() if key not in keys and row.retired_at is None]
    Series.objects.filter(id__in=ended).update(retired_at=now, files=0)
    return changed + len(joined) + len(moved) + len(ended)


@transaction.atomic
def weigh_media(actor: Actor, case_id: UUID) -> int:
    """Keep on the media of a case how severe they are (0 to 3): by the gravest grade that is agreed or settled; how many changed.

    A grade on which too few agree weighs nothing: it would tell those who have not voted what others did.
    """
    case = door.admit(actor, Case.objects.all(), "contribute", pk=case_id)
    needed = votes_needed(case.agency_id)
    weights: dict[str, int] = {}
    decided = GradeDecision.objects.filter(case=case).exclude(code="").exclude(state=DecisionState.DIFFERS)
    for row in decided.filter(Q(agreeing__gte=needed) | Q(state=DecisionState.SETTLED)):
        grade = schemes()[row.scheme].grade(row.code) if row.scheme in schemes() else None
        if grade is not None:
            weights[row.sha256] = max(weights.get(row.sha256, 0), grade.exposure)
    changed = 0
    for media in Media.objects.filter(case=case).filter(Q(severity__isnull=False) | Q(sha256__in=weights)).iterator():
        weight = weights.get(media.sha256)
        if media.severity != weight:
            changed += Media.objects.filter(pk=media.pk).update(severity=weight)
    if changed:
        log.record(
            "media.weighed",
            actor,
            holding=(case.holding_id, case.agency_id),
            subject=f"case:{case.reference}",
            details={"media": changed},
        )
    return changed
