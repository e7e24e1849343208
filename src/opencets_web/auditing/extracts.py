"""An extract of the log that proves itself: the filtered acts, each with its place and the way to a signed root."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from django.db import connection

from opencets.errors import ActRefused
from opencets_web.audit import keychain, log
from opencets_web.audit.checkpoints import as_held
from opencets_web.audit.lines import ACT, rows
from opencets_web.audit.models import Checkpoint, SigningKey
from opencets_web.audit.sealer import database_time, told
from opencets_web.audit.signed import FORMAT, signed_lines
from opencets_web.audit.tree import AuditPaths
from opencets_web.auditing.queries import Wanted, chosen_acts, refuse_others
from opencets_web.policy.actor import Actor

MOST_PROVEN = 20_000


def export_extract(actor: Actor, wanted: Wanted) -> bytes:
    """The filtered acts as JSON lines, the newest 20,000 at most: keys, checkpoint, acts with proofs, signature.

    ``opencets audit verify FILE`` checks it without the log. The export is an act, which keeps the SHA-256 of what was given out.
    NotFound: no auditor. ActRefused: nothing is sealed and signed yet.
    """
    refuse_others(actor)
    point = _last_checkpoint()
    ids = list(chosen_acts(actor, wanted).order_by("-id").values_list("id", flat=True)[:MOST_PROVEN])
    places, paths = _proven(point.size, set(ids))
    written = b"".join(signed_lines(_lines(point, ids, places, paths, wanted), keychain.get_signer()))
    details = {"form": "jsonl", "lines": len(ids), "sha256": sha256(written).hexdigest()}
    log.record("audit.exported", actor, details=wanted.told() | details)
    return written


def take_checkpoint(actor: Actor) -> dict[str, Any]:
    """The last signed checkpoint, to hold outside. NotFound: no auditor. ActRefused: nothing is sealed and signed yet."""
    refuse_others(actor)
    point = _last_checkpoint()
    log.record("audit.checkpoint-taken", actor, subject=f"checkpoint:{point.size}")
    return as_held(told(point), keychain.keys_of(list(SigningKey.objects.order_by("number"))), None, ())


def _last_checkpoint() -> Checkpoint:
    point = next(iter(Checkpoint.objects.raw("select * from app_last_checkpoint()")), None)
    if point is None or point.signature is None:
        raise ActRefused("Nothing is sealed and signed yet: a worker seals every few seconds.")
    return point


def _proven(size: int, wanted: set[int]) -> tuple[dict[int, int], AuditPaths]:
    """The leaf numbers of the wanted acts, and their proofs: the leaves go by once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select act_id, leaf_number from app_seal_leaves(%s) where act_id = any(%s)", [size, list(wanted)]
        )
        places = dict(cursor.fetchall())
    paths = AuditPaths(size, places.values())
    with connection.chunked_cursor() as cursor:
        cursor.execute("select leaf from app_seal_leaves(%s)", [size])
        while found := cursor.fetchmany(5_000):
            for (leaf,) in found:
                if leaf is None:
                    raise ActRefused(
                        "Part of the log was sealed before places were signed: opencets audit export has it all."
                    )
                paths.append(bytes(leaf))
    return places, paths


def _lines(
    point: Checkpoint, ids: list[int], places: dict[int, int], paths: AuditPaths, wanted: Wanted
) -> Iterator[dict[str, Any]]:
    yield {
        "line": "header",
        "format": FORMAT,
        "extract": True,
        "at": database_time(),
        "acts": len(ids),
        "wanted": wanted.told(),
    }
    yield from keychain.keys_of(list(SigningKey.objects.order_by("number")))
    yield told(point)
    for act in rows(f"select {ACT} from audit_act where id = any(%s) order by id", ids):
        place = places.get(act["id"])
        proof = [] if place is None else [step.hex() for step in paths.path(place)]
        yield {**act, "leaf_number": place, "proof": proof}
