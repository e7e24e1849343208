"""Writing visible text: a case's pictures are to be read, or no longer."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.audit import log, outbox
from opencets_web.cases.models import Case
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.texts.models import TextOrder
from opencets_web.texts.standing import standing
from opencets_web.ui.notify import tell


@transaction.atomic
def order_text(actor: Actor, reference: str) -> None:
    """Have the visible text of a case's pictures read, those that come later too; asked already: the work is posted again.

    ActRefused: no recogniser stands ready on this machine, with what to do.
    """
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    ready = standing()
    if not ready.reads:
        raise ActRefused(ready.sentence)
    try:
        with transaction.atomic():
            TextOrder.objects.create(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, asked_by_id=actor.officer_id,
                asked_at=timezone.now(),
            )  # fmt: skip
    except IntegrityError:
        _log("text.asked", actor, case, again=True)
    else:
        _log("text.asked", actor, case, recogniser=ready.version)
    outbox.post("text.asked", case_id=str(case.id), officer_id=str(actor.officer_id))
    tell(f"case:{case.id}", "texts", case.id)


@transaction.atomic
def end_text(actor: Actor, reference: str) -> None:
    """Have no further picture of a case read; what was read stays. ActRefused: nothing was asked for."""
    case = door.admit(actor, Case.objects.all(), "contribute", reference=reference)
    rows = TextOrder.objects.select_for_update().filter(case=case, ended_at=None)
    order = door.visible(actor, rows).first()
    if order is None:
        raise ActRefused("The visible text of this case is not being read.")
    order.ended_at, order.ended_by_id = timezone.now(), actor.officer_id
    order.save(update_fields=["ended_at", "ended_by"])
    _log("text.ended", actor, case)
    tell(f"case:{case.id}", "texts", case.id)


def _log(verb: str, actor: Actor, case: Case, **details: object) -> None:
    log.record(
        verb, actor, holding=(case.holding_id, case.agency_id), subject=f"case:{case.reference}", details=details
    )
