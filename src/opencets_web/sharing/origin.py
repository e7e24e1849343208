"""What may be passed on of what other agencies released: originator control, asked in one place by all that gives out."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone

from opencets.errors import ActRefused
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.sharing.models import Origin


def refusal(origin: Origin, recipients: str) -> str:
    """Why an exhibit of this origin is not passed on to these recipients, in a sentence; empty where it may be.

    A withdrawn release, and one whose day has passed, is passed on to nobody.
    """
    if origin.withdrawn_at is not None:
        return f"{origin.from_name} withdrew it: it is passed on to nobody."
    if origin.until_on is not None and origin.until_on < timezone.now().date():
        return f"It was to be used until {origin.until_on}: ask {origin.from_name} for a new release."
    if origin.controlled and _plain(recipients) not in {_plain(one) for one in origin.cleared_for}:
        return f"{origin.from_name} released it under originator control: ask them before it is passed on."
    return ""


def origins_of(actor: Actor, case_id: UUID) -> dict[UUID, Origin]:
    """The origins of a case's exhibits, by exhibit."""
    rows = door.visible(actor, Origin.objects.filter(case_id=case_id))
    return {origin.exhibit_id: origin for origin in rows.select_related("exhibit", "from_agency")}


def refuse_passing_on(actor: Actor, case_id: UUID, recipients: str, *, to_agency: UUID | None = None) -> None:
    """ActRefused where opening the whole case would pass on what its originator did not agree to; to themselves it may go back."""
    for origin in origins_of(actor, case_id).values():
        why = "" if to_agency is not None and origin.from_agency_id == to_agency else refusal(origin, recipients)
        if why:
            raise ActRefused(
                f"The case holds {origin.exhibit.reference}, which is not yours to pass on. {why} Or release a part without it."
            )


def cleared(origins: Iterable[Origin], recipients: str) -> bool:
    """Whether every one of these may go to the recipients."""
    return not any(refusal(origin, recipients) for origin in origins)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
