"""What cameras say of the files of a case, for its series: which of them one sensor took, confirmed or by measurement alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from opencets.matching.series import Shared
from opencets_web.cameras.models import CameraJudgement, CameraMatch, Device
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Claim
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

CONFIRMED, MEASURED = 0.5, 0.3
STRONG = 4
"""So many times the threshold a peak stands above the noise before it ties anything that nobody judged."""


def of_case(actor: Actor, case: Case) -> Iterator[Shared]:
    """Each device of the case with the files that its noise, or its serial number, stands in.

    Sure are the pictures that a fingerprint was made of, those a person confirmed, and those that name the serial of the device;
    a strong measurement that nobody judged ties weakly. What a person rejected is left out. All sides lie in the case.
    """
    devices = {row.id: row for row in door.visible(actor, Device.objects.filter(case=case, holding_id=case.holding_id))}
    inside = {"left_holding_id": case.holding_id, "right_holding_id": case.holding_id}
    matches = CameraMatch.objects.filter(
        **inside, media__case=case, fingerprint__device__in=devices, fingerprint__withdrawn_at=None
    )
    standing = CameraJudgement.objects.filter(**inside, match__in=matches, undone_at=None)
    judged = dict(door.visible(actor, standing).values_list("match_id", "same"))
    sure, measured = defaultdict[UUID, set[str]](set), defaultdict[UUID, set[str]](set)
    rejected = defaultdict[UUID, set[str]](set)
    rows = door.visible(actor, matches).select_related("fingerprint", "media")
    for row in rows:
        of, digest, said = row.fingerprint.device_id, row.media.sha256, judged.get(row.id)
        if said is False:
            rejected[of].add(digest)
        elif said or row.is_reference:
            sure[of].add(digest)
        elif row.pce >= STRONG * row.fingerprint.threshold:
            measured[of].add(digest)
    for device_id, digest in _by_serial(actor, case, devices):
        sure[device_id].add(digest)
    for device_id, device in sorted(devices.items()):
        known = frozenset(sure[device_id] - rejected[device_id])
        more = known | frozenset(measured[device_id] - rejected[device_id])
        if len(known) > 1:
            yield Shared(
                "noise", f"“{device.name}”, by sensor noise or serial number, confirmed", known, CONFIRMED, True
            )
        if len(more) > max(1, len(known)):
            yield Shared("noise", f"“{device.name}”, by sensor noise, measured and not judged", more, MEASURED, True)


def _by_serial(actor: Actor, case: Case, devices: dict[UUID, Device]) -> Iterator[tuple[UUID, str]]:
    """Files that name the serial number of a device whose noise is known too: both reasons are of one camera."""
    named = {device.serial: device.id for device in devices.values() if device.serial}
    claims = door.visible(actor, Claim.objects.filter(case=case, kind="camera_serial", normal__in=named))
    said = dict(claims.values_list("record_id", "normal"))
    media = Media.objects.filter(case=case, holding_id=case.holding_id, record__in=said)
    for record_id, digest in door.visible(actor, media).values_list("record_id", "sha256"):
        yield named[said[record_id] or ""], digest
