"""Making fingerprints and comparing pictures with them, a few at a time, each step safe to repeat.

One of the files that may use the blind door. A fingerprint is compared with pictures of every holding; what comes out are
``CameraMatch`` rows, seen only by those who may see both sides. Compared are pictures of the fingerprint's own dimensions, as they
are or turned, whose file names no other camera's serial number: a picture cut out or scaled is compared by a person who asks.
The noise is taken outside any transaction, since it takes seconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from opencets.errors import OpenCETSError
from opencets.matching.camera import (
    PRESELECT,
    THRESHOLD,
    FingerprintMaker,
    SensorNoise,
    compare,
    preselect,
)
from opencets.matching.camera import Fingerprint as SensorFingerprint
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log, outbox
from opencets_web.cameras.extracting import Picture, take_noise
from opencets_web.cameras.models import CameraMatch, Fingerprint, FingerprintState, NoiseLook
from opencets_web.evidence.keeping import stable_id
from opencets_web.evidence.models import Blob, Claim
from opencets_web.evidence.vault import piece, piece_opening, store
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.ui.notify import tell

AT_ONCE = 24
"""Pictures whose noise is taken between two transactions: about a minute of work, which a killed worker loses."""
SMALLEST_SIDE = 512


def _picture(media: Media) -> Picture | None:
    if media.file.blob is None:
        return None
    opening = piece_opening(media.file.blob, media.file.blob_offset, media.file.size)
    return Picture(str(media.id), opening, media.media_type)


def _pictures(rows: Iterable[Media]) -> list[Picture]:
    return [picture for media in rows if (picture := _picture(media)) is not None]


# --- Making -----------------------------------------------------------------------------------------------------------


def make_fingerprint(actor: Actor, fingerprint_id: UUID) -> None:
    """Make a fingerprint of the pictures chosen for it, and post that it is made; made already: nothing."""
    with acting_as(actor.officer_id):
        row = door.admit(actor, Fingerprint.objects.all(), "contribute", pk=fingerprint_id)
        if row.state != FingerprintState.ASKED or row.withdrawn_at is not None:
            return
        chosen = door.visible(actor, Media.objects.filter(id__in=row.chosen, case_id=row.case_id))
        media = {str(one.id): one for one in chosen.select_related("file__blob").order_by("id")}
        pictures = _pictures(media.values())
    maker, left_out = FingerprintMaker(), []
    for key, found in take_noise(pictures):
        said = found if isinstance(found, str) else _take(maker, found, media[key].sha256)
        if said:
            left_out.append([media[key].file.name, said])
    with acting_as(actor.officer_id):
        _keep_fingerprint(actor, fingerprint_id, maker, left_out)


def _take(maker: FingerprintMaker, noise: SensorNoise, sha256: str) -> str:
    try:
        maker.take(noise, sha256)
    except OpenCETSError as reason:
        return reason.sentence
    return ""


def _keep_fingerprint(actor: Actor, fingerprint_id: UUID, maker: FingerprintMaker, left_out: list[list[str]]) -> None:
    row = Fingerprint.objects.select_for_update().select_related("case", "device").get(pk=fingerprint_id)
    if row.state != FingerprintState.ASKED:
        return
    row.left_out = left_out
    row.references_count = maker.count
    row.made_at = timezone.now()
    fields = ["left_out", "references_count", "made_at", "state", "sentence"]
    try:
        made = maker.finish()
    except OpenCETSError as reason:
        row.state, row.sentence = FingerprintState.REFUSED, reason.sentence
        row.save(update_fields=fields)
        tell(f"case:{row.case_id}", "cameras", row.id)
        return
    stored = store(row.agency_id).put(io.BytesIO(made.to_bytes()))
    row.blob = Blob.objects.create(
        id=new_id(), holding_id=row.holding_id, agency_id=row.agency_id, path=stored.blob_id, wrapped_key=stored.wrapped_key,
        size=stored.size, sha256=stored.sha256, media_type="application/octet-stream", created_at=row.made_at,
    )  # fmt: skip
    row.state, row.sentence, row.threshold = FingerprintState.MADE, " ".join(made.remarks), THRESHOLD
    row.width, row.height, row.agreement = made.width, made.height, made.agreement
    row.save(update_fields=[*fields, "blob", "threshold", "width", "height", "agreement"])
    log.record(
        "fingerprint.made", actor, holding=(row.holding_id, row.agency_id), subject=f"case:{row.case.reference}",
        details={"fingerprint": row.id, "device": row.device.name, "pictures": maker.count, "agreement": made.agreement},
    )  # fmt: skip
    tell(f"case:{row.case_id}", "cameras", row.id)
    outbox.post("fingerprint.made", fingerprint_id=str(row.id), officer_id=str(actor.officer_id))


# --- Comparing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """A fingerprint opened, with the row it stands in."""

    row: Fingerprint
    values: SensorFingerprint


def _open(rows: Iterable[Fingerprint]) -> list[_Known]:
    known = []
    for row in rows:
        if row.blob is not None:
            with piece(row.blob, 0, row.blob.size) as stream:
                known.append(_Known(row, SensorFingerprint.from_bytes(stream.read())))
    return known


def _candidates(row: Fingerprint) -> QuerySet[Media]:
    """Pictures of these dimensions, as they are or turned, whose file names no other camera's serial. In the blind door."""
    rows = Media.objects.filter(
        Q(width=row.width, height=row.height) | Q(width=row.height, height=row.width),
        media_type__startswith="image/",
        file__blob__isnull=False,
    )
    if row.device.serial:
        named = Claim.objects.filter(record_id=OuterRef("record_id"), kind="camera_serial", normal__isnull=False)
        rows = rows.exclude(Exists(named.exclude(normal=row.device.serial)))
    return rows


def compare_fingerprint(actor: Actor, fingerprint_id: UUID) -> bool:
    """Compare the next pictures with a fingerprint; whether some are left, which another job goes on with."""
    with acting_as(actor.officer_id):
        if not door.visible(actor, Fingerprint.objects.filter(pk=fingerprint_id)).exists():
            return False
        with across_holdings():
            row = Fingerprint.objects.select_related("device", "blob").get(pk=fingerprint_id)
            if row.state != FingerprintState.MADE or row.withdrawn_at is not None:
                return False
            waiting = _candidates(row).order_by("id")
            if row.compared_until is None:
                row.to_compare = waiting.count()
            else:
                waiting = waiting.filter(id__gt=row.compared_until)
            media = list(waiting.select_related("file__blob")[:AT_ONCE])
            known = _open([row])
            pictures = _pictures(media)
    found = _compared(pictures, known)
    with acting_as(actor.officer_id):
        more = len(media) == AT_ONCE
        with across_holdings():
            _keep_matches(found.matches, media)
            Fingerprint.objects.filter(pk=row.id).update(
                compared_until=media[-1].id if media else row.compared_until,
                compared=F("compared") + len(media),
                to_compare=row.to_compare,
                state=FingerprintState.MADE if more else FingerprintState.COMPARED,
            )
        log.record(
            "fingerprint.compared", actor, holding=(row.holding_id, row.agency_id), subject=f"fingerprint:{row.id}",
            details={"media": len(media), "matches": len(found.matches)},
        )  # fmt: skip
        tell(f"case:{row.case_id}", "cameras", row.id)
        if more:
            outbox.post("fingerprint.made", fingerprint_id=str(row.id), officer_id=str(actor.officer_id))
        else:
            outbox.post("ties.changed", case_id=str(row.case_id), officer_id=str(actor.officer_id))
    return more


def compare_new_media(actor: Actor, exhibit_id: UUID) -> bool:
    """Compare an exhibit's new pictures with every fingerprint of their dimensions; whether some are left."""
    with acting_as(actor.officer_id), across_holdings():
        prints = list(
            Fingerprint.objects.filter(blob__isnull=False, withdrawn_at=None)
            .select_related("device", "blob").order_by("id")
        )  # fmt: skip
        chosen: dict[UUID, list[Fingerprint]] = {}
        for row in prints:
            new = _candidates(row).filter(file__exhibit_id=exhibit_id, noise_look=None).order_by("id")
            for media_id in new.values_list("id", flat=True)[:AT_ONCE]:
                chosen.setdefault(media_id, []).append(row)
        if not chosen:
            return False
        ids = sorted(chosen)[:AT_ONCE]
        media = list(Media.objects.filter(id__in=ids).select_related("file__blob").order_by("id"))
        wanted = {row.id for media_id in ids for row in chosen[media_id]}
        known = _open([row for row in prints if row.id in wanted])
        pictures = _pictures(media)
    found = _compared(pictures, known, {str(media_id): {row.id for row in rows} for media_id, rows in chosen.items()})
    with acting_as(actor.officer_id):
        with across_holdings():
            _keep_matches(found.matches, media)
            now = timezone.now()
            NoiseLook.objects.bulk_create(
                [
                    NoiseLook(
                        id=stable_id("noise", one.id), holding_id=one.holding_id, agency_id=one.agency_id, media=one,
                        compared_at=now, trouble=found.troubles.get(str(one.id), ""),
                    )
                    for one in media
                ],
                ignore_conflicts=True,
            )  # fmt: skip
        more = len(ids) == AT_ONCE
        if more:
            outbox.post("noise.left", exhibit_id=str(exhibit_id), officer_id=str(actor.officer_id))
        if found.matches:
            outbox.post("ties.changed", case_id=str(media[0].case_id), officer_id=str(actor.officer_id))
    return more


@dataclass(frozen=True, slots=True)
class _Match:
    known: _Known
    media_key: str
    pce: float
    turn: int
    by_theory: float


@dataclass(frozen=True, slots=True)
class _Compared:
    matches: list[_Match]
    troubles: dict[str, str]


def _compared(
    pictures: Sequence[Picture], known: Sequence[_Known], only: dict[str, set[UUID]] | None = None
) -> _Compared:
    """Every picture with every fingerprint of its size that the signs alone select."""
    done = _Compared([], {})
    for key, noise in take_noise(pictures) if known else ():
        if isinstance(noise, str):
            done.troubles[key] = noise
            continue
        fitting = [one for one in known if only is None or one.row.id in only.get(key, ())]
        scores = preselect(noise, [one.values for one in fitting])
        for one, score in zip(fitting, scores, strict=True):
            if score < PRESELECT:
                continue
            result = compare(noise, one.values)
            if result.pce >= one.row.threshold:
                done.matches.append(_Match(one, key, result.pce, result.turn, result.by_theory))
    return done


def _keep_matches(matches: Sequence[_Match], media: Sequence[Media]) -> None:
    by_id = {str(one.id): one for one in media}
    now = timezone.now()
    CameraMatch.objects.bulk_create(
        [
            CameraMatch(
                id=stable_id("camera", match.known.row.id, match.media_key),
                fingerprint_id=match.known.row.id,
                media=by_id[match.media_key],
                left_holding_id=match.known.row.holding_id,
                left_agency_id=match.known.row.agency_id,
                right_holding_id=by_id[match.media_key].holding_id,
                right_agency_id=by_id[match.media_key].agency_id,
                pce=match.pce,
                turn=match.turn,
                by_theory=match.by_theory,
                is_reference=by_id[match.media_key].sha256 in match.known.values.sources,
                found_at=now,
            )
            for match in matches
        ],
        ignore_conflicts=True,
    )
    for case_id in {by_id[match.media_key].case_id for match in matches}:
        tell(f"case:{case_id}", "cameras", case_id)
