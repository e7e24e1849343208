"""Writing media: exposures, showing a known file, opening an original; hash sets handed in, withdrawn, restored."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.packing.authority import open_authority, sign_authority, wanted_in
from opencets_web.accounts.models import Role
from opencets_web.audit import log, outbox
from opencets_web.audit.signing import public_of, signing_key
from opencets_web.evidence.vault import store
from opencets_web.exposure import queries as exposure
from opencets_web.exposure.actions import Look, count_looks
from opencets_web.media.models import Description, EntryState, EntryVote, HashSet, HashSetState, HeldEntry, Mask, Media
from opencets_web.media.queries import MOST_MASKS, severity_now
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor

AUTHORISING_ROLES = frozenset({Role.SUPERVISOR})
IMPORTING_ROLES = frozenset({Role.INVESTIGATOR, Role.VICTIM_IDENTIFICATION, Role.REVIEWER, Role.SUPERVISOR})
REVEALS_AT_ONCE = 500
LONGEST_REVEAL_MS = 600_000
OPENED_SECONDS = 600
SHOWN_MOST = 500


# --- Least exposure ---------------------------------------------------------------------------------------------------


@transaction.atomic
def count_exposures(actor: Actor, reveals: Iterable[Mapping[str, Any]]) -> bool:
    """Count what the actor was shown unveiled, each with ``id`` and ``milliseconds``, ``sound`` and ``lifted`` where so.

    Whether it is time to offer a break.

    One row per officer and day, one line of the log per holding. What is not the actor's to see counts nothing.
    """
    given: dict[UUID, list[tuple[float, bool, bool]]] = {}
    for reveal in list(reveals)[:REVEALS_AT_ONCE]:
        try:
            identity = UUID(str(reveal["id"]))
            seconds = min(max(float(reveal.get("milliseconds", 0)), 0.0), LONGEST_REVEAL_MS) / 1000
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if seconds != seconds:
            continue
        given.setdefault(identity, []).append((seconds, reveal.get("sound") is True, reveal.get("lifted") is True))
    by_holding: dict[tuple[UUID, UUID], list[Media]] = {}
    seen = Media.objects.filter(id__in=given).only("id", "holding_id", "agency_id", "severity", "known_as")
    for media in door.visible(actor, seen):
        by_holding.setdefault((media.holding_id, media.agency_id), []).append(media)
    looks: list[Look] = []
    for holding, rows in by_holding.items():
        here = [
            Look(seconds, severity_now(media), sound=sound, lifted=lifted)
            for media in rows
            for seconds, sound, lifted in given[media.id]
        ]
        log.record(
            "media.exposed",
            actor,
            holding=holding,
            subject=f"media:{rows[0].id}" if len(rows) == 1 else "media",
            details={
                "count": len(here),
                "seconds": round(sum(look.seconds for look in here), 3),
                "media": [media.id for media in rows[:100]],
            },
        )
        looks += here
    count_looks(actor, looks)
    return bool(looks) and exposure.today_of(actor).break_due


def shown_known(session: Mapping[str, Any]) -> frozenset[str]:
    """The known files that this session asked to see all the same."""
    return frozenset(session.get("known_shown", ()))


def lifted_masks(session: Mapping[str, Any]) -> frozenset[str]:
    """The media whose masks this session lifted in the last ten minutes."""
    now = time.time()
    return frozenset(key for key, at in session.get("masks_lifted", {}).items() if now - at < OPENED_SECONDS)


@transaction.atomic
def lift_masks(actor: Actor, session: Any, media_id: UUID) -> None:
    """Show a picture without its masks for ten minutes of this session, because the actor asks; logged, and counted as a look."""
    media = door.admit(actor, Media.objects.select_related("case"), pk=media_id)
    exposure.refuse_look(
        actor, video=media.media_type.startswith("video/"), severity=severity_now(media), case_id=media.case_id
    )
    now = time.time()
    kept = {key: at for key, at in session.get("masks_lifted", {}).items() if now - at < OPENED_SECONDS}
    session["masks_lifted"] = {**kept, str(media_id): now}
    count_looks(actor, [Look(0.0, severity_now(media), lifted=True)])
    log.record(
        "mask.lifted",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media_id}",
        details={"case": media.case.reference},
    )


@transaction.atomic
def draw_mask(actor: Actor, media_id: UUID, *, left: int, top: int, width: int, height: int) -> UUID:
    """Cover a rectangle of a picture, in thousandths of its sides, for everybody; the mask's id. ActRefused outside the picture."""
    media = door.admit(actor, Media.objects.select_related("case"), "contribute", pk=media_id)
    inside = left >= 0 and top >= 0 and left + width <= 1000 and top + height <= 1000
    if not inside or width < 5 or height < 5:
        raise ActRefused("A mask is a rectangle inside the picture, at least half a per cent wide and high.")
    if Mask.objects.filter(case_id=media.case_id, sha256=media.sha256, withdrawn_at=None).count() >= MOST_MASKS:
        raise ActRefused(f"This picture has {MOST_MASKS} masks. Take one away, or cover it with a larger one.")
    mask = Mask.objects.create(
        holding_id=media.holding_id, agency_id=media.agency_id, case_id=media.case_id, sha256=media.sha256, left=left, top=top,
        width=width, height=height, drawn_by_id=actor.officer_id, drawn_at=timezone.now(),
    )  # fmt: skip
    log.record(
        "mask.drawn", actor, holding=(media.holding_id, media.agency_id), subject=f"media:{media_id}",
        details={"case": media.case.reference, "mask": str(mask.id)},
    )  # fmt: skip
    return mask.id


@transaction.atomic
def set_mask_withdrawn(actor: Actor, mask_id: UUID, *, withdrawn: bool) -> UUID | None:
    """Take a mask away for everybody, or put it back; the medium it covers in that case."""
    mask = door.admit(actor, Mask.objects.select_related("case"), "contribute", pk=mask_id)
    if (mask.withdrawn_at is not None) == withdrawn:
        raise ActRefused("The mask was taken away already." if withdrawn else "The mask is there.")
    mask.withdrawn_at = timezone.now() if withdrawn else None
    mask.withdrawn_by_id = actor.officer_id if withdrawn else None
    mask.save(update_fields=["withdrawn_at", "withdrawn_by"])
    media = Media.objects.filter(case_id=mask.case_id, sha256=mask.sha256).order_by("-id").first()
    log.record(
        "mask.withdrawn" if withdrawn else "mask.restored", actor, holding=(mask.holding_id, mask.agency_id),
        subject=f"media:{media.id}" if media else "", details={"case": mask.case.reference, "mask": str(mask.id)},
    )  # fmt: skip
    return media.id if media else None


@transaction.atomic
def describe(actor: Actor, media_id: UUID, text: str) -> UUID | None:
    """Say in words what a file shows, so that others need not look; empty: take the words away. The row's id, None without one.

    The words that stood there are withdrawn, and kept.
    """
    media = door.admit(actor, Media.objects.select_related("case"), "contribute", pk=media_id)
    now, said = timezone.now(), " ".join(text.split())[:600]
    rows = Description.objects.select_for_update().filter(case_id=media.case_id, sha256=media.sha256, withdrawn_at=None)
    before = rows.first()
    if before is not None and before.text == said:
        return before.id
    if before is not None:
        before.withdrawn_at, before.withdrawn_by_id = now, actor.officer_id
        before.save(update_fields=["withdrawn_at", "withdrawn_by"])
    written = None
    if said:
        written = Description.objects.create(
            holding_id=media.holding_id, agency_id=media.agency_id, case_id=media.case_id, sha256=media.sha256, text=said,
            written_by_id=actor.officer_id, written_at=now,
        )  # fmt: skip
    if written is not None or before is not None:
        log.record(
            "media.described", actor, holding=(media.holding_id, media.agency_id), subject=f"media:{media_id}",
            details={"case": media.case.reference, "words": len(said.split())},
        )  # fmt: skip
    return written.id if written else None


@transaction.atomic
def undo_description(actor: Actor, description_id: UUID) -> UUID | None:
    """Take words back, and put in their place what stood there before; the medium they describe in that case."""
    row = door.admit(actor, Description.objects.all(), "contribute", pk=description_id, withdrawn_at=None)
    media = Media.objects.filter(case_id=row.case_id, sha256=row.sha256).order_by("-id").first()
    if media is None:
        raise NotFound
    earlier = Description.objects.filter(case_id=row.case_id, sha256=row.sha256, withdrawn_at__lte=row.written_at)
    before = earlier.order_by("-withdrawn_at", "-id").first()
    describe(actor, media.id, before.text if before else "")
    return media.id


@transaction.atomic
def show_known(actor: Actor, session: Any, media_id: UUID) -> None:
    """Show a known file for the rest of this session, because the actor asks for it; logged and counted."""
    media = door.admit(actor, Media.objects.select_related("case"), pk=media_id)
    if media.known_set_id is None:
        return
    session["known_shown"] = [
        *(entry for entry in session.get("known_shown", ()) if entry != str(media_id)),
        str(media_id),
    ][-SHOWN_MOST:]
    count_looks(actor, [Look(0.0, severity_now(media))])
    log.record(
        "media.exposed",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media_id}",
        details={"count": 1, "known": True, "case": media.case.reference},
    )


@transaction.atomic
def note_opened(actor: Actor, session: Any, media: Media) -> None:
    """Log that the original was opened, and count it; the parts a player asks for within ten minutes are one opening."""
    opened: dict[str, float] = dict(session.get("opened", {}))
    now = time.time()
    if now - opened.get(str(media.id), 0.0) < OPENED_SECONDS:
        return
    kept = {key: at for key, at in opened.items() if now - at < OPENED_SECONDS}
    session["opened"] = {**kept, str(media.id): now}
    count_looks(actor, [Look(0.0, severity_now(media))])
    log.record(
        "file.opened",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"sha256": media.sha256, "case": media.case.reference, "original": True},
    )


# --- Known files ------------------------------------------------------------------------------------------------------


def may_import(actor: Actor) -> bool:
    """Whether the actor's roles include importing and withdrawing hash sets."""
    return bool(IMPORTING_ROLES & actor.roles)


def import_hash_set(
    actor: Actor,
    given: Path | BinaryIO,
    *,
    name: str,
    source: str,
    authority: str,
    version: str = "",
    file_name: str = "",
    options: Mapping[str, str] | None = None,
    negative: bool = False,
    supersedes: UUID | None = None,
) -> UUID:
    """Take a list of known files in, encrypted; a job reads and matches it. The hash set's id.

    ``authority``: the legal basis on which it is used. ``options``: ``algorithm`` (pdq, sha256) of bare 64-digit lines,
    ``scheme`` of the categories where the file names none. ``negative``: what it names is never marked as known.
    ``supersedes``: the older version, of the actor's agency and of the same kind, whose place it takes once it is read.
    ActRefused: not the actor's role, something is left empty, or there is no such older version.
    """
    if not may_import(actor):
        raise ActRefused(
            "Hash sets are imported by investigators, victim identification specialists, reviewers or supervisors."
        )
    if not (name.strip() and source.strip() and authority.strip()):
        raise ActRefused("A hash set has a name, a source and an authority: the legal basis on which it is used.")
    if supersedes is not None and not replaceable(actor).filter(pk=supersedes, negative=negative).exists():
        raise ActRefused("It takes the place of a set of the same kind that your agency imported and still uses.")
    if isinstance(given, Path):
        with given.open("rb") as stream:
            stored = store(actor.agency_id).put(stream)
    else:
        stored = store(actor.agency_id).put(given)
    try:
        with acting_as(actor.officer_id):
            hash_set = HashSet.objects.create(
                agency_id=actor.agency_id,
                name=name.strip()[:200],
                source=source.strip()[:200],
                authority=authority.strip(),
                version=version.strip()[:60],
                format="",
                file_name=(file_name or (given.name if isinstance(given, Path) else "")).replace("\x00", "\ufffd"),
                file_size=stored.size,
                file_sha256=stored.sha256,
                blob_path=stored.blob_id,
                wrapped_key=stored.wrapped_key,
                options=dict(options or {}),
                negative=negative,
                supersedes_id=supersedes,
                imported_at=timezone.now(),
                imported_by_id=actor.officer_id,
            )
            log.record(
                "hash-set.received",
                actor,
                subject=f"hash-set:{hash_set.id}",
                details={
                    "name": hash_set.name,
                    "source": hash_set.source,
                    "sha256": stored.sha256,
                    "size": stored.size,
                },
            )
            outbox.post("hash-set.received", hash_set_id=str(hash_set.id), officer_id=str(actor.officer_id))
    except BaseException:
        store().delete(stored.blob_id)
        raise
    return hash_set.id


def authorise_sensor(actor: Actor, table: str, *, purpose: str, **said: str) -> bytes:
    """A signed list of files that a sensor may look for: `opencets.packing.authority`, by the node's key.

    ``said``: name, order, begins_on, ends_on. What is signed is in the log before it is given. ActRefused: not a supervisor's
    act, or something of it is missing or wrong.
    """
    if not AUTHORISING_ROLES & actor.roles:
        raise ActRefused("What a sensor may look for is signed by supervisors.")
    files = wanted_in(table)
    stated = {**said, "purpose": purpose.strip(), "agency": actor.agency_name}
    key = signing_key(Path(settings.HOME))
    written = sign_authority(stated, files, key)
    digest = open_authority(written, [b64encode(public_of(key)).decode()]).digest
    with acting_as(actor.officer_id):
        log.record(
            "sensor.authorised", actor, subject=f"authority:{digest[:32]}",
            details={**stated, "files": len(files), "digest": digest},
        )  # fmt: skip
    return written


def withdraw_hash_set(actor: Actor, hash_set_id: UUID) -> str:
    """Take a hash set of the actor's agency out of use: a job takes its marks off. Its name."""
    return _set_withdrawn(actor, hash_set_id, withdrawn=True)


def restore_hash_set(actor: Actor, hash_set_id: UUID) -> str:
    """Put a withdrawn hash set back into use: a job marks again what it names. Its name."""
    return _set_withdrawn(actor, hash_set_id, withdrawn=False)


@transaction.atomic
def _set_withdrawn(actor: Actor, hash_set_id: UUID, *, withdrawn: bool) -> str:
    hash_set = HashSet.objects.select_for_update().filter(pk=hash_set_id).first()
    if hash_set is None or not actor.reads_cases:
        raise NotFound
    if hash_set.agency_id != actor.agency_id or not may_import(actor):
        raise ActRefused(
            f"{hash_set.name} is withdrawn and put back by an importing officer of the agency that imported it."
        )
    if (hash_set.withdrawn_at is not None) == withdrawn:
        raise ActRefused(f"{hash_set.name} is {'withdrawn' if withdrawn else 'in use'} already.")
    hash_set.withdrawn_at = timezone.now() if withdrawn else None
    hash_set.save(update_fields=["withdrawn_at"])
    verb = "hash-set.withdrawn" if withdrawn else "hash-set.restored"
    log.record(verb, actor, subject=f"hash-set:{hash_set_id}", details={"name": hash_set.name})
    outbox.post(verb, hash_set_id=str(hash_set_id), officer_id=str(actor.officer_id))
    return hash_set.name


def replaceable(actor: Actor) -> QuerySet[HashSet]:
    """The hash sets of the actor's agency that a newer version may take the place of, newest first."""
    mine = HashSet.objects.filter(agency_id=actor.agency_id, withdrawn_at=None, state=HashSetState.MATCHED)
    return mine.order_by("-imported_at", "-id")


@transaction.atomic
def vote_on_known(actor: Actor, media_id: UUID, *, confirms: bool, reason: str = "") -> UUID:
    """Confirm the entry that marked a file of the actor's cases, or doubt it with a reason; the vote's id.

    An earlier vote of the actor is withdrawn.

    NotFound where the file is not the actor's to change; ActRefused where it is not known, or a doubt has no reason.
    """
    media = door.admit(actor, Media.objects.select_related("case"), "contribute", pk=media_id)
    if media.known_by_id is None or media.known_set_id is None:
        raise ActRefused("No hash set names this file, so there is nothing to confirm or to doubt.")
    if not confirms and not reason.strip():
        raise ActRefused("A doubt needs a reason: say in a few words what the file shows.")
    now = timezone.now()
    mine = EntryVote.objects.filter(entry_id=media.known_by_id, officer_id=actor.officer_id, withdrawn_at=None)
    mine.update(withdrawn_at=now)
    vote = EntryVote.objects.create(
        entry_id=media.known_by_id,
        hash_set_id=media.known_set_id,
        agency_id=actor.agency_id,
        officer_id=actor.officer_id,
        confirms=confirms,
        reason=reason.strip()[:2000],
        voted_at=now,
    )
    log.record(
        "hash-entry.confirmed" if confirms else "hash-entry.doubted",
        actor,
        holding=(media.holding_id, media.agency_id),
        subject=f"media:{media.id}",
        details={"case": media.case.reference, "reason": reason.strip()[:2000]},
    )
    outbox.post("hash-entry.changed", entry_id=str(media.known_by_id), officer_id=str(actor.officer_id))
    return vote.id


@transaction.atomic
def withdraw_vote(actor: Actor, vote_id: UUID) -> None:
    """Take the actor's own confirmation or doubt back. NotFound: not theirs; ActRefused: taken back already."""
    vote = EntryVote.objects.select_for_update().filter(pk=vote_id, officer_id=actor.officer_id).first()
    if vote is None or not actor.reads_cases:
        raise NotFound
    if vote.withdrawn_at is not None:
        raise ActRefused("This vote was taken back already.")
    vote.withdrawn_at = timezone.now()
    vote.save(update_fields=["withdrawn_at"])
    log.record("hash-entry.vote-withdrawn", actor, subject=f"hash-set:{vote.hash_set_id}")
    outbox.post("hash-entry.changed", entry_id=str(vote.entry_id), officer_id=str(actor.officer_id))


def release_held(actor: Actor, held_id: UUID, reason: str) -> None:
    """Let an entry that was held back mark again; the flood rule passes it from now on."""
    _decide_held(actor, held_id, EntryState.RELEASED, reason)


def reject_held(actor: Actor, held_id: UUID, reason: str) -> None:
    """Take an entry that was held back out of use."""
    _decide_held(actor, held_id, EntryState.REJECTED, reason)


def hold_again(actor: Actor, held_id: UUID) -> None:
    """Take a decision on a held entry back: it is held back again until somebody decides."""
    _decide_held(actor, held_id, EntryState.HELD, "")


@transaction.atomic
def _decide_held(actor: Actor, held_id: UUID, state: EntryState, reason: str) -> None:
    """NotFound: not of the actor's agency; ActRefused: not an importing role, no reason, or decided so already."""
    held = HeldEntry.objects.select_for_update().filter(pk=held_id, agency_id=actor.agency_id).first()
    if held is None or not actor.reads_cases:
        raise NotFound
    if not may_import(actor):
        raise ActRefused("Held entries are decided by those who import hash sets.")
    if held.state == state:
        raise ActRefused(f"This entry is {EntryState(held.state).label.lower()} already.")
    if state != EntryState.HELD and not reason.strip():
        raise ActRefused("A decision needs a reason: say in a few words what the entry names.")
    held.state = state
    held.decided_at = None if state == EntryState.HELD else timezone.now()
    held.decided_by_id = None if state == EntryState.HELD else actor.officer_id
    held.reason = reason.strip()[:2000]
    held.save(update_fields=["state", "decided_at", "decided_by", "reason"])
    verbs = {EntryState.RELEASED: "hash-entry.released", EntryState.REJECTED: "hash-entry.rejected"}
    verb = verbs.get(state, "hash-entry.held-again")
    log.record(verb, actor, subject=f"hash-set:{held.hash_set_id}", details={"reason": held.reason})
    outbox.post("hash-entry.changed", entry_id=str(held.entry_id), officer_id=str(actor.officer_id))
