"""Telling the languages of messages, exhibit by exhibit, in slices that may be repeated."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from opencets.recognising import language_of
from opencets.recognising.language import model
from opencets_web.audit import log, outbox
from opencets_web.evidence.models import Exhibit, Record
from opencets_web.policy import door
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.texts.models import LanguagePass, MessageLanguage
from opencets_web.ui.notify import tell

SLICE = 20_000
"""Messages of one run: some seconds, in one transaction."""


def tell_languages(actor: Actor, exhibit_id: UUID, *, anew: bool = False) -> int:
    """Tell the language of an exhibit's next messages and post the rest; how many were told.

    ``anew``: begin again, as after new messages or with another model; what is told stays until it is told otherwise.
    """
    with acting_as(actor.officer_id):
        exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
        row = LanguagePass.objects.select_for_update().filter(pk=exhibit.id).first()
        if row is None:
            row = LanguagePass(
                exhibit=exhibit, holding_id=exhibit.holding_id, agency_id=exhibit.agency_id, begun_at=timezone.now()
            )
        elif anew or row.model != model():
            row.until, row.messages, row.told, row.ended_at, row.begun_at = None, 0, 0, None, timezone.now()
        elif row.ended_at is not None:
            return 0
        row.model = model()
        texts = Record.objects.filter(exhibit=exhibit, kind="message", retired_at=None).exclude(body="")
        if row.until is not None:
            texts = texts.filter(id__gt=row.until)
        batch = list(texts.order_by("id").values_list("id", "body")[:SLICE])
        told = _keep(exhibit, batch)
        row.messages, row.told = row.messages + len(batch), row.told + told
        if batch:
            row.until = batch[-1][0]
        more = len(batch) == SLICE
        row.ended_at = None if more else timezone.now()
        row.save()
        if batch:
            log.record(
                "languages.told", actor, holding=(exhibit.holding_id, exhibit.agency_id),
                subject=f"exhibit:{exhibit.case.reference}/{exhibit.reference}",
                details={"model": row.model, "messages": len(batch), "told": told},
            )  # fmt: skip
            tell(f"case:{exhibit.case_id}", "texts", exhibit.case_id)
        if more:
            outbox.post("languages.left", exhibit_id=str(exhibit_id), officer_id=str(actor.officer_id))
    return told


def _keep(exhibit: Exhibit, batch: list[tuple[UUID, str]]) -> int:
    """Rows of the messages whose language is clear; how many."""
    rows = []
    for record_id, body in batch:
        found = language_of(body)
        if found.code:
            rows.append(
                MessageLanguage(
                    record_id=record_id, holding_id=exhibit.holding_id, agency_id=exhibit.agency_id, language=found.code,
                    probability=found.probability, script=found.script,
                )
            )  # fmt: skip
    MessageLanguage.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["record"], update_fields=["language", "probability", "script"],
        batch_size=2_000,
    )  # fmt: skip
    return len(rows)
