"""Agencies and the officers who sign in."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.sealed import SealedTextField


class AgencyKind(models.TextChoices):
    """What kind of body an agency is."""

    POLICE = "police", "Police"
    PROSECUTOR = "prosecutor", "Prosecutor"
    PROBATION = "probation", "Probation"
    HOTLINE = "hotline", "Hotline"
    VICTIM_SERVICES = "victim-services", "Victim services"
    PROVIDER = "provider", "Provider"


class PurposeAsking(models.TextChoices):
    """How an agency's officers say why they look into a case."""

    CHOOSE = "choose", "Choose a purpose, once per case and day"
    TYPED = "typed", "Choose a purpose and say more in words, once per case and day"
    OFF = "off", "Are not asked"


class Agency(models.Model):
    """A police force, hotline or other body that owns records; its round-the-clock contact is what a pointer shows."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, unique=True)
    short_name = models.CharField(max_length=40, unique=True)
    country = models.CharField(
        max_length=2, help_text="ISO 3166-1 alpha-2; telephone numbers without a prefix are read as this country's."
    )
    contact_name = models.CharField(max_length=200)
    contact_phone = models.CharField(max_length=40)
    contact_email = models.EmailField()
    kind = models.CharField(max_length=20, choices=AgencyKind, default=AgencyKind.POLICE)
    units: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    notice = models.TextField(blank=True, help_text="Acknowledged at sign-in; empty: the text that OpenCETS brings.")
    certified_rooms: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=40), default=list, blank=True
    )
    purpose_asking = models.CharField(max_length=10, choices=PurposeAsking, default=PurposeAsking.CHOOSE)

    class Meta:
        verbose_name_plural = "agencies"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What an officer does. Administrator and auditor read no case; the others read as the door allows."""

    INVESTIGATOR = "investigator", "Investigator"
    ANALYST = "analyst", "Analyst"
    VICTIM_IDENTIFICATION = "victim-identification", "Victim identification specialist"
    REVIEWER = "reviewer", "Reviewer"
    SUPERVISOR = "supervisor", "Supervisor"
    ADMINISTRATOR = "administrator", "Administrator"
    AUDITOR = "auditor", "Auditor"
    SUPERVISING_OFFICER = "supervising-officer", "Supervising officer"


READING_ROLES = frozenset(
    {
        Role.INVESTIGATOR, Role.ANALYST, Role.VICTIM_IDENTIFICATION, Role.REVIEWER, Role.SUPERVISOR, Role.SUPERVISING_OFFICER,
    }
)  # fmt: skip
"""Roles that open the agency's own unrestricted holdings. An officer with none of them reads no case."""


class Certification(models.Model):
    """An officer's training for a kind of work, with its end. Never deleted: withdrawn."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    officer = models.ForeignKey("Officer", on_delete=models.PROTECT, related_name="certifications")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    issued_on = models.DateField()
    expires_on = models.DateField()
    issued_by = models.CharField(max_length=200, help_text="Who trained and examined.")
    entered_by = models.ForeignKey("Officer", on_delete=models.PROTECT, null=True, related_name="+")
    entered_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_because = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expires_on__gt=models.F("issued_on")), name="certification_ends_after_it_begins"
            )
        ]
        indexes = [models.Index(fields=["officer", "kind"], name="certification_by_officer")]


class OfficerManager(BaseUserManager["Officer"]):
    """Finds officers by e-mail address; makes them only through ``accounts.actions``."""


class Officer(AbstractBaseUser):
    """A person who signs in, for one agency."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    display_name = models.CharField(max_length=200)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="officers")
    roles: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=40, choices=Role), default=list)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    unit = models.CharField(max_length=80, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_because = SealedTextField(blank=True)
    opened_at = models.DateTimeField(
        null=True, blank=True, help_text="When a closed account was opened again; unused days count from here."
    )
    failed_at: ArrayField[list[datetime], list[datetime]] = ArrayField(models.DateTimeField(), default=list, blank=True)
    locked_until = models.DateTimeField(null=True, blank=True)
    notice_seen = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the notice last acknowledged.")

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = OfficerManager()

    class Meta:
        ordering = ["display_name"]

    def __str__(self) -> str:
        return self.display_name

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name

    @property
    def reads_cases(self) -> bool:
        """Whether any of the officer's roles opens cases."""
        return bool(READING_ROLES & set(self.roles))
