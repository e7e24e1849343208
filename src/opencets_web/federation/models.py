"""An agency's own identity provider, which of its subjects is which officer, and the sign-ins that are under way."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.accounts.sealed import SealedTextField


class Kind(models.TextChoices):
    """The protocol that a provider speaks."""

    OIDC = "oidc", "OpenID Connect"
    SAML = "saml", "SAML 2.0"


class IdentityProvider(models.Model):
    """An identity provider of one agency. At most one of an agency is switched on; none is deleted: it is taken off."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=80)
    issuer = models.CharField(max_length=400, help_text="OpenID Connect: the issuer's address. SAML: its entity id.")
    domains: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=253), default=list)
    accepted: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="What it says where it asked a second factor.",
    )
    client_id = models.CharField(max_length=200, blank=True)
    secret = SealedTextField(blank=True)
    sign_on_url = models.CharField(max_length=400, blank=True)
    certificates: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), default=list, blank=True)
    email_attribute = models.CharField(max_length=200, blank=True)
    only = models.BooleanField(default=False, help_text="Its officers sign in through it and in no other way.")
    registered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="Since when what it says is taken for what it is taken for.")
    trial_until = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True, help_text="When it last answered as it should.")
    switched_on_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency"], condition=Q(switched_on_at__isnull=False), name="one_provider_of_an_agency_is_on"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(switched_on_at=None), name="a_provider_that_is_taken_off_is_off"
            ),
        ]


class Binding(models.Model):
    """A subject of a provider is this officer. Made by the database alone (``app_bind_subject``); it ends, it is not changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    provider = models.ForeignKey(IdentityProvider, on_delete=models.PROTECT, related_name="bindings")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=255)
    bound_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the officer last showed their own second factor beside it."
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "subject"], condition=Q(ended_at=None), name="a_subject_is_one_officer"
            ),
            models.UniqueConstraint(
                fields=["provider", "officer"], condition=Q(ended_at=None), name="an_officer_is_one_subject"
            ),
        ]


class Attempt(models.Model):
    """A sign-in that was sent to a provider: it is answered once, within ten minutes, in the browser that began it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.ForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="+")
    trial_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=64, unique=True)
    nonce = models.CharField(max_length=64)
    verifier = models.CharField(max_length=128)
    next = models.CharField(max_length=400, blank=True)
    begun_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(
        null=True, blank=True, help_text="What a SAML answer said, until the browser comes for it."
    )
    done_at = models.DateTimeField(null=True, blank=True)
