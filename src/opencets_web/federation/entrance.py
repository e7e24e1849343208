"""Signing in through an agency's own provider: sent there, answered, bound to an invited officer, let in.

Nobody is signed in yet while this runs: the database shows the providers that are switched on, or being tried, and makes a binding
only for a proof that SQL cannot make (``policy.acting.proof_of``). A provider speaks for the officers of its own agency alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, cast
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from opencets.errors import NotFound
from opencets_web.accounts import failures
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer, Role
from opencets_web.audit import log
from opencets_web.federation import oidc, saml
from opencets_web.federation.asserted import AnswerRefused, Asserted
from opencets_web.federation.models import Attempt, Binding, IdentityProvider, Kind
from opencets_web.policy.acting import acting_as, proof_of
from opencets_web.policy.actor import Actor

UnderWay: TypeAlias = Attempt
Speaker: TypeAlias = IdentityProvider
ANSWERED_WITHIN = timedelta(minutes=10)
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reply:
    """Where a provider is to send its answer, and as whom this system speaks to it."""

    answer_url: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whom a provider vouches for. ``proved``: its word for a second factor counts, and ours is not asked."""

    officer: Officer
    binding_id: UUID
    proved: bool


@dataclass(frozen=True, slots=True)
class ForAgency:
    """Nobody in particular acts, and an agency's auditor is to read of it."""

    agency_id: UUID
    address: str
    officer_id: None = None
    purpose: str = ""
    otherwise: str = ""
    asks: bool = False
    renews: bool = False


def find_provider(provider_id: UUID) -> IdentityProvider:
    """A provider that is switched on; NotFound for any other."""
    found = _provider(provider_id)
    if found.switched_on_at is None:
        raise NotFound
    return found


def find_answering(provider_id: UUID, *, tried: bool) -> IdentityProvider:
    """The provider that an answer comes from; one that is switched off is only being tried."""
    return _provider(provider_id) if tried else find_provider(provider_id)


def _provider(provider_id: UUID) -> IdentityProvider:
    found = IdentityProvider.objects.select_related("agency").filter(pk=provider_id, ended_at=None).first()
    if found is None:
        raise NotFound
    return found


def begin(provider: IdentityProvider, reply: Reply, *, next: str = "", trial_by: UUID | None = None) -> tuple[str, str]:
    """The state of a new sign-in, which the browser keeps, and where the browser goes with it."""
    made = oidc.fresh()
    if provider.kind == Kind.SAML:
        url = saml.request_url(
            provider.sign_on_url, state=made["state"], entity_id=reply.entity_id, answer_url=reply.answer_url
        )
    else:
        url = oidc.request_url(client_of(provider, reply), accepted=provider.accepted, **made)
    Attempt.objects.create(
        provider=provider, trial_by_id=trial_by, next=next[:400], begun_at=timezone.now(), **made
    )  # fmt: skip
    return made["state"], url


def find_attempt(state: str, provider_id: UUID) -> Attempt:
    """The sign-in that an answer is to, locked, still waiting for it; AnswerRefused for an answer nobody waits for."""
    rows = Attempt.objects.select_for_update(of=("self",)).select_related("provider__agency")
    found = rows.filter(state=state[:64], provider_id=provider_id).first() if state else None
    if found is None:
        raise AnswerRefused("This answer was not asked for from here: begin the sign-in on this page.")
    if found.answered_at is not None:
        raise AnswerRefused("This answer was used already: begin the sign-in again.")
    if timezone.now() - found.begun_at > ANSWERED_WITHIN:
        raise AnswerRefused("The answer came after more than ten minutes: begin the sign-in again.")
    return found


def take_code(attempt: Attempt, reply: Reply, *, code: str, said_issuer: str, error: str) -> Asserted:
    """What the provider says for a code. The attempt is used up, whatever comes of it."""
    _use_up(attempt)
    if error or not code:
        raise AnswerRefused(f"The provider did not sign you in ({error[:80] or 'no code'}).")
    return oidc.take_answer(
        client_of(attempt.provider, reply),
        code=code,
        said_issuer=said_issuer,
        nonce=attempt.nonce,
        verifier=attempt.verifier,
    )


def take_assertion(provider: IdentityProvider, reply: Reply, content: str) -> str:
    """Verify what a SAML provider's page has posted, and keep it for the browser that began: the state it is kept under.

    The post comes from another site, so that the browser shows no session with it: nobody is signed in by it alone.
    """
    if provider.kind != Kind.SAML:
        raise NotFound
    attempt = find_attempt(saml.state_of(content), provider.pk)
    expected = saml.Expected(
        issuer=provider.issuer,
        entity_id=reply.entity_id,
        answer_url=reply.answer_url,
        request_id=saml.request_id(attempt.state),
        certificates=tuple(provider.certificates),
        email_attribute=provider.email_attribute,
    )
    attempt.answer = saml.take_answer(content, expected).kept()
    attempt.answered_at = timezone.now()
    attempt.save(update_fields=["answer", "answered_at"])
    return attempt.state


def take_kept(state: str, provider_id: UUID) -> tuple[Attempt, Asserted]:
    """What was kept for this browser; once, within ten minutes of the beginning."""
    rows = Attempt.objects.select_for_update(of=("self",)).select_related("provider__agency")
    found = rows.filter(state=state[:64], provider_id=provider_id, answered_at__isnull=False, done_at=None).first()
    if found is None or found.answer is None or timezone.now() - found.begun_at > ANSWERED_WITHIN:
        raise AnswerRefused("This answer was used already, or came too late: begin the sign-in again.")
    said = Asserted.of(found.answer)
    found.answer, found.done_at = None, timezone.now()
    found.save(update_fields=["answer", "done_at"])
    return found, said


def _use_up(attempt: Attempt) -> None:
    attempt.answered_at = timezone.now()
    attempt.save(update_fields=["answered_at"])


def admit(provider: IdentityProvider, said: Asserted) -> Admitted:
    """The officer of the provider's own agency whom an answer is about: by the subject; at the first sign-in by the address.

    AnswerRefused for anybody whom the agency has not invited, and for an account that is ended or locked.
    """
    if provider.switched_on_at is None:
        raise AnswerRefused(f"{provider.name} is not switched on.")
    binding = Binding.objects.filter(provider=provider, subject=said.subject, ended_at=None).first()
    if binding is None:
        binding = _bind(provider, said)
    officer = Officer.objects.select_related("agency").get(pk=binding.officer_id)
    if officer.agency_id != provider.agency_id or binding.agency_id != provider.agency_id:
        raise AnswerRefused("This provider does not speak for that account.")
    if not officer.is_active:
        raise AnswerRefused("Your account is ended. Ask an administrator of your agency.")
    if failures.is_locked(officer):
        raise AnswerRefused(failures.SENTENCE)
    says_so = bool(set(provider.accepted) & set(said.proofs))
    vouched = binding.confirmed_at is not None and binding.confirmed_at >= provider.changed_at
    return Admitted(officer, binding.pk, proved=says_so and vouched)


def _bind(provider: IdentityProvider, said: Asserted) -> Binding:
    """Bind a subject that was never seen to the invited officer with its address, as the database finds them."""
    email = said.email
    try:
        validate_email(email)
    except ValidationError:
        raise AnswerRefused("The provider names no e-mail address: it does so at the first sign-in.") from None
    if not said.verified:
        raise AnswerRefused(f"The provider does not say that {email} is verified (email_verified).")
    if email.rpartition("@")[2] not in provider.domains:
        raise AnswerRefused(f"{email} is of no domain that {provider.agency.short_name} has declared.")
    made = new_id()
    words = f"bind {provider.pk} {said.subject} {email}"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "select app_bind_subject(%s, %s, %s, %s, %s, %s)",
                [provider.pk, said.subject, email, made, *proof_of(words)],
            )
            officer_id = cast("tuple[UUID | None]", cursor.fetchone())[0]
    except IntegrityError:
        raise AnswerRefused(
            f"{email} signs in as another subject of this provider. Ask an administrator of your agency to release that."
        ) from None
    if officer_id is None:
        raise AnswerRefused(
            f"{email} is not invited here, or the account is ended. Ask an administrator of your agency."
        )
    officer = Officer.objects.select_related("agency").get(pk=officer_id)
    EmailAddress.objects.get_or_create(user=officer, email=officer.email, defaults={"verified": True, "primary": True})
    with acting_as(officer.pk):
        log.record(
            "federation.bound", Actor.of(officer), subject=f"officer:{officer.email}",
            details={"provider": provider.name, "subject": said.subject},
        )  # fmt: skip
    return Binding.objects.get(provider=provider, subject=said.subject, ended_at=None)


def record_refusal(provider: IdentityProvider, refusal: AnswerRefused, *, address: str) -> None:
    """Log an answer that was not taken, for the auditor of the provider's agency."""
    with acting_as(None):
        log.record(
            "federation.refused", ForAgency(provider.agency_id, address), subject=f"identity-provider:{provider.pk}",
            details={"provider": provider.name, "because": refusal.sentence},
        )  # fmt: skip


def note_sign_in(officer: Officer, binding_id: UUID, *, proved: bool) -> None:
    """The officer came in through the provider; where they showed a second factor of their own beside it, that is kept."""
    if proved or not has_own_factor(officer):
        return
    with acting_as(officer.pk):
        Binding.objects.filter(pk=binding_id, officer_id=officer.pk, ended_at=None).update(confirmed_at=timezone.now())


def has_own_factor(officer: Officer) -> bool:
    """Whether the officer has set up a second factor of their own; recovery codes alone are none."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(Authenticator.objects.filter(user_id=officer.pk, type__in=kinds).exists())


def password_refused(officer: Officer) -> str:
    """Why the officer signs in through their agency's provider only; empty where they need not.

    Administrators who read no case keep their password, for the day on which the provider does not answer.
    """
    if keeps_password(officer):
        return ""
    provider = IdentityProvider.objects.filter(
        agency_id=officer.agency_id, switched_on_at__isnull=False, only=True
    ).first()
    return "" if provider is None else f"Your agency signs in through {provider.name}: use that on this page."


def keeps_password(officer: Officer) -> bool:
    """Whether the officer may always sign in without the provider."""
    return Role.ADMINISTRATOR in officer.roles and not officer.reads_cases


def client_of(provider: IdentityProvider, reply: Reply) -> oidc.Client:
    """This system as an OpenID Connect provider knows it."""
    return oidc.Client(provider.issuer, provider.client_id, provider.secret, reply.answer_url)


def record_trial(provider: IdentityProvider, said: Asserted, actor: Actor) -> str:
    """Keep that a provider answered as it should; the sentence on whom it would let in. Nobody is signed in."""
    now = timezone.now()
    provider.tried_at = now
    provider.save(update_fields=["tried_at"])
    log.record(
        "federation.tried", actor, subject=f"identity-provider:{provider.pk}",
        details={"provider": provider.name, "subject": said.subject, "proofs": list(said.proofs)},
    )  # fmt: skip
    bound = (
        Binding.objects.select_related("officer").filter(provider=provider, subject=said.subject, ended_at=None).first()
    )
    if bound is not None:
        return f"This subject is {bound.officer.display_name}, since {bound.bound_at:%Y-%m-%d}."
    if not said.email:
        return "It names no e-mail address: nobody could be bound at their first sign-in."
    if not said.verified:
        return f"It does not say that {said.email} is verified: nobody could be bound at their first sign-in."
    if said.email.rpartition("@")[2] not in provider.domains:
        return f"{said.email} is of no domain that you have declared: it would be refused."
    known = Officer.objects.filter(email__iexact=said.email, agency_id=provider.agency_id, is_active=True).first()
    if known is not None:
        return f"At the first sign-in this subject would be bound to {known.display_name}."
    return f"{said.email} would be let in only if you invite that address."


def forget_attempts() -> int:
    """Remove sign-ins that were begun more than a day ago; how many. Who signed in stands in the log."""
    removed, _ = Attempt.objects.filter(begun_at__lt=timezone.now() - KEPT).delete()
    return removed
