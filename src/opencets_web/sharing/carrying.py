"""Carrying a request from the asking side to the owning side and its answer back.

One of the files that may use the blind door: only here is it known which case a pointer stands for.
"""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from opencets_web.accounts.ids import new_id
from opencets_web.cases.models import Case
from opencets_web.cases.telling import tell_officers
from opencets_web.leads.models import Alert, AlertKind, PointerSecret
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.models import Disclosure, Grant, GrantState
from opencets_web.sharing.models import Asked, Request, RequestState
from opencets_web.ui.notify import tell


def carry_request(actor: Actor, request_id: UUID) -> None:
    """Make both sides of a request say the same; safe to run again."""
    with across_holdings():
        request = Request.objects.select_related("case", "to_agency", "asked_by__agency").get(pk=request_id)
        asked = Asked.objects.select_related("case").filter(request_ref=request.id).first()
        if asked is None:
            if request.state != RequestState.ASKED:
                return
            asked = _deliver(request)
            if asked is None:
                return
        if request.state == RequestState.WITHDRAWN and asked.state == RequestState.ASKED:
            asked.state, asked.answered_at = RequestState.WITHDRAWN, request.answered_at
            asked.save(update_fields=["state", "answered_at"])
            tell(f"case:{asked.case_id}", "request", asked.id)
        elif asked.state in (RequestState.RELEASED, RequestState.DECLINED) and request.state == RequestState.ASKED:
            request.state, request.answer, request.answered_at = asked.state, asked.answer, asked.answered_at
            request.save(update_fields=["state", "answer", "answered_at"])
            word = "released what you asked for" if asked.state == RequestState.RELEASED else "declined your request"
            _alert(request.case, f"answer:{request.id}", f"{request.to_agency.name} {word}.", AlertKind.RELEASE)


def carry_answer(grant_id: UUID) -> None:
    """Tell the owner of a case that an invited agency accepted, declined or left; safe to run again."""
    words = {
        GrantState.OPEN: "accepted your invitation and takes part",
        GrantState.DECLINED: "declined your invitation",
        GrantState.LEFT: "has left the case",
        GrantState.INVITED: "thinks your invitation over again",
    }
    with across_holdings():
        grant = Grant.objects.select_related("to_agency").get(pk=grant_id)
        case = Case.objects.get(holding_id=grant.holding_id)
        if grant.to_agency is None or grant.answered_at is None:
            return
        answer = f": {grant.answer}" if grant.answer else "."
        sentence = f"{grant.to_agency.name} {words[GrantState(grant.state)]}{answer}"
        _alert(case, f"invited:{grant.id}:{grant.answered_at.timestamp():.0f}", sentence, AlertKind.RELEASE)
        tell(f"case:{case.id}", "release", grant.id)


def _deliver(request: Request) -> Asked | None:
    """Put the request before the owner; None where the owner's code has closed that way since: then it is answered at once."""
    secret = PointerSecret.objects.select_related("other_case__holding", "pointer").get(pointer_id=request.pointer_id)
    other = secret.other_case
    if other.holding.disclosure != Disclosure.OPEN or secret.pointer.retired_at is not None:
        request.state, request.answered_at = RequestState.DECLINED, timezone.now()
        request.answer = "This cannot be asked for here any more. Call them."
        request.save(update_fields=["state", "answer", "answered_at"])
        _alert(
            request.case,
            f"answer:{request.id}",
            f"{request.to_agency.name} cannot be asked here. Call them.",
            AlertKind.RELEASE,
        )
        return None
    asked = Asked.objects.create(
        id=new_id(),
        holding_id=other.holding_id,
        agency_id=other.agency_id,
        request_ref=request.id,
        case=other,
        from_agency_id=request.agency_id,
        from_officer_name=request.asked_by.display_name,
        purpose=request.purpose,
        asked_at=request.asked_at,
    )
    sentence = f"{request.asked_by.agency.name} asks for a release: {request.purpose}"
    _alert(other, f"asked:{request.id}", sentence, AlertKind.REQUEST)
    return asked


def _alert(case: Case, digest: str, sentence: str, kind: AlertKind) -> None:
    if Alert.objects.filter(case=case, digest=digest).exists():
        return
    alert = Alert.objects.create(
        id=new_id(),
        holding_id=case.holding_id,
        agency_id=case.agency_id,
        case=case,
        kind=kind,
        sentence=sentence,
        strength=80.0,
        subject_url=f"/cases/{case.reference}/sharing/",
        digest=digest,
        raised_at=timezone.now(),
    )
    tell_officers(case.id, "alert.raised", alert.id)
