"""Writing media: exposures, showing a known file, opening an original; hash sets handed in, withdrawn, restored."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Role
from opencets_web.audit import log, outbox
from opencets_web.evidence.vault import store
from opencets_web.media.models import HashSet, Media
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor

IMPORTING_ROLES = frozenset({Role.INVESTIGATOR, Role.VICTIM_IDENTIFICATION, Role.REVIEWER, Role.SUPERVISOR})
REVEALS_AT_ONCE = 500
LONGEST_REVEAL_MS = 600_000
OPENED_SECONDS = 600
SHOWN_MOST = 500


# --- Least exposure ---------------------------------------------------------------------------------------------------


@transaction.atomic
def count_exposures(actor: Actor, reveals: Iterable[Mapping[str, Any]]) -> int:
    """Count what the actor was shown unblurred, each with ``id`` and ``milliseconds``; how many counted.

    One row per officer and day, one line of the log per holding. What is not the actor's to see counts nothing.
    """
    shown: dict[UUID, float] = {}
    times: dict[UUID, int] = {}
    for reveal in list(reveals)[:REVEALS_AT_ONCE]:
        try:
            identity = UUID(str(reveal["id"]))
            seconds = min(max(float(reveal.get("milliseconds", 0)), 0.0), LONGEST_REVEAL_MS) / 1000
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if seconds != seconds:
            continue
        shown[identity] = shown.get(identity, 0.0) + seconds
        times[identity] = times.get(identity, 0) + 1
    by_holding: dict[tuple[UUID, UUID], list[UUID]] = {}
    for media in door.visible(actor, Media.objects.filter(id__in=shown)).only("id", "holding_id", "agency_id"):
        by_holding.setdefault((media.holding_id, media.agency_id), []).append(media.id)
    counted = 0
    for holding, media_ids in by_holding.items():
        count = sum(times[media_id] for media_id in media_ids)
        seconds = round(sum(shown[media_id] for media_id in media_ids), 3)
        _add_exposure(actor, count, seconds)
        log.record(
            "media.exposed",
            actor,
            holding=holding,
            subject=f"media:{media_ids[0]}" if len(media_ids) == 1 else "media",
            details={"count": count, "seconds": seconds, "media": media_ids[:100]},
        )
        counted += count
    return counted


def _add_exposure(actor: Actor, count: int, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            'insert into media_exposure (id, officer_id, "on", count, seconds) values (%s, %s, %s, %s, %s)'
            ' on conflict (officer_id, "on") do update set count = media_exposure.count + excluded.count,'
            " seconds = media_exposure.seconds + excluded.seconds",
            [new_id(), actor.officer_id, timezone.now().date(), count, seconds],
        )


def shown_known(session: Mapping[str, Any]) -> frozenset[str]:
    """The known files that this session asked to see all the same."""
    return frozenset(session.get("known_shown", ()))


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
    _add_exposure(actor, 1, 0.0)
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
    _add_exposure(actor, 1, 0.0)
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
) -> UUID:
    """Take a list of known files in, encrypted; a job reads and matches it. The hash set's id.

    ``authority``: the legal basis on which it is used. ``options``: ``algorithm`` (pdq, sha256) of bare 64-digit lines,
    ``scheme`` of the categories where the file names none. ActRefused: not the actor's role, or something is left empty.
    """
    if not may_import(actor):
        raise ActRefused(
            "Hash sets are imported by investigators, victim identification specialists, reviewers or supervisors."
        )
    if not (name.strip() and source.strip() and authority.strip()):
        raise ActRefused("A hash set has a name, a source and an authority: the legal basis on which it is used.")
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
