"""Jurisdictions and who may see their computers, files of sightings as they came, known files that may be asked about, leads.

The sightings themselves are rows of no table: they stand in the ledger's folder (``opencets.sighting``). A lead is an agency's
own until a case takes it in.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Exhibit


class Jurisdiction(models.Model):
    """A part of the world with the agency that is responsible for it; below a larger one, or at the top."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.SlugField(max_length=40, unique=True, help_text="As its file names it, such as GB or US-WY.")
    name = models.CharField(max_length=120)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="below")
    countries: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    regions: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=6), default=list, blank=True)
    everywhere = models.BooleanField(default=False, help_text="Also addresses whose place nobody knows.")
    places = models.JSONField(default=list, blank=True, help_text="Pairs of a region and the name of a place in it.")
    responsible = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    contact = models.CharField(
        max_length=300, blank=True, help_text="Whom to call where no agency here is responsible."
    )
    version = models.CharField(max_length=60, help_text="Of the file that it was read from.")
    read_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(parent=F("id")), name="jurisdiction_is_not_below_itself"),
            models.CheckConstraint(condition=~Q(name=""), name="jurisdiction_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Sight(models.Model):
    """That an agency may see the computers of a jurisdiction for which another is responsible. Never deleted, only withdrawn."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    jurisdiction = models.ForeignKey(Jurisdiction, on_delete=models.PROTECT, related_name="sights")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+", help_text="Who gives it.")
    to_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=300)
    granted_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(purpose=""), name="sight_has_a_purpose"),
            models.CheckConstraint(condition=~Q(agency=F("to_agency")), name="sight_is_for_another_agency"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("granted_at")), name="sight_ends_after_it_begins"),
        ]
        indexes = [models.Index(fields=["to_agency", "jurisdiction"], name="sight_by_agency")]


class Sensor(models.Model):
    """A sensor on another machine that may deliver by itself, by its key, until a day. Never deleted, only withdrawn."""

    id = models.UUIDField(primary_key=True, editable=False, help_text="Made from its key: it names itself by that.")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    key = models.CharField(max_length=44, unique=True, help_text="Its public key (Ed25519, base64).")
    authority = models.CharField(max_length=300, help_text="The order or law under which it observes.")
    purpose = models.CharField(max_length=300)
    expires_on = models.DateField(help_text="The last day on which it may deliver.")
    silent_minutes = models.PositiveIntegerField(default=60, help_text="Silence that is told.")
    registered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="sensor_has_a_name"),
            models.CheckConstraint(
                condition=~Q(authority="") & ~Q(purpose=""), name="sensor_has_authority_and_purpose"
            ),
            models.CheckConstraint(condition=Q(silent_minutes__gte=1), name="sensor_may_be_silent_a_while"),
        ]
        indexes = [models.Index(fields=["agency", "name"], name="sensor_by_agency")]

    def __str__(self) -> str:
        return self.name


class SensorState(models.Model):
    """What a sensor last said, and what was noticed about it: written by the sensor in its own name."""

    sensor = models.OneToOneField(Sensor, on_delete=models.PROTECT, primary_key=True, related_name="state")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    heard_at = models.DateTimeField(null=True, blank=True)
    health = models.JSONField(default=dict, help_text="As it told it last.")
    health_at = models.DateTimeField(null=True, blank=True)
    parts = models.BigIntegerField(default=0)
    sightings = models.BigIntegerField(default=0)
    silent_since = models.DateTimeField(null=True, blank=True, help_text="Told once; empty again when it is heard.")
    apart_seconds = models.IntegerField(
        null=True, blank=True, help_text="Its clock minus ours, when it was refused for that."
    )
    refused_at = models.DateTimeField(null=True, blank=True)
    refused_why = models.CharField(max_length=400, blank=True)


class FileState(models.TextChoices):
    """The way of a file of sightings."""

    ARRIVING = "arriving", "Arriving"
    WAITING = "waiting", "Waiting to be loaded"
    LOADING = "loading", "Being loaded"
    LOADED = "loaded", "In the ledger"
    REFUSED = "refused", "Could not be loaded"


class SightingFile(models.Model):
    """A file of sightings as a sensor or another tool wrote it: kept encrypted, so that it can be loaded again and compared."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    sensor = models.CharField(max_length=120)
    authority = models.CharField(max_length=300, help_text="The order or law under which it was observed.")
    zone = models.CharField(max_length=60, blank=True, help_text="Of times that are written without one.")
    state = models.CharField(max_length=10, choices=FileState, default=FileState.ARRIVING)
    arrived = models.BigIntegerField(default=0, help_text="Bytes.")
    rows = models.BigIntegerField(default=0)
    again = models.BigIntegerField(default=0, help_text="Rows that were in the ledger before.")
    refused = models.BigIntegerField(default=0)
    report = models.JSONField(default=list, help_text="Line and reason of what was refused.")
    sentence = models.TextField(blank=True)
    blob_path = models.CharField(max_length=200, blank=True)
    wrapped_key = models.BinaryField(max_length=64, null=True)
    received_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    delivered_by = models.ForeignKey(
        Sensor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where no officer handed it in.",
    )
    batch = models.CharField(max_length=80, blank=True, help_text="Key of the batch that a sensor delivered.")
    log_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the sealed log that came with it.")
    received_at = models.DateTimeField()
    loaded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(authority=""), name="sighting_file_has_an_authority"),
            models.CheckConstraint(
                condition=Q(received_by__isnull=False, delivered_by=None, batch="", log_sha256="")
                | (Q(received_by=None, delivered_by__isnull=False) & ~Q(batch="") & ~Q(log_sha256="")),
                name="sighting_file_by_officer_or_sensor",
            ),
            models.UniqueConstraint(
                fields=["delivered_by", "batch"],
                condition=Q(delivered_by__isnull=False),
                name="sensor_delivers_a_batch_once",
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "-received_at"], name="sighting_file_by_agency"),
            models.Index(
                fields=["delivered_by", "received_at"],
                name="sighting_file_by_sensor",
                condition=Q(delivered_by__isnull=False),
            ),
            models.Index(
                fields=["delivered_by", "received_at"],
                name="sighting_file_to_load",
                condition=Q(delivered_by__isnull=False, state__in=["waiting", "loading"]),
            ),
        ]


class FileSet(models.Model):
    """Known files that an agency may ask about: by which authority, since when, until when."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    authority = models.CharField(max_length=300)
    version = models.CharField(max_length=60, blank=True)
    sha256 = models.CharField(max_length=64, help_text="Of the list as it was handed in.")
    entries_count = models.IntegerField(default=0)
    imported_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()
    expires_on = models.DateField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(authority=""), name="file_set_has_an_authority"),
            models.CheckConstraint(condition=~Q(name=""), name="file_set_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class SetFile(models.Model):
    """One known file of a set: the digest under which a network offers it, and what it is known as."""

    id = models.BigAutoField(primary_key=True)
    file_set = models.ForeignKey(FileSet, on_delete=models.PROTECT, related_name="files")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    category = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file_set", "digest"], name="set_file_once")]
        indexes = [models.Index(fields=["agency", "digest"], name="set_file_by_digest")]


class Outcome(models.TextChoices):
    """What became of a lead."""

    SAFEGUARDED = "safeguarded", "A child was safeguarded"
    ARRESTED = "arrested", "Somebody was arrested"
    FOUND = "found", "Known files were found"
    NOTHING = "nothing", "Nothing was found"
    UNKNOWN_LINE = "unknown-line", "The line could not be found out"
    PASSED_ON = "passed-on", "Passed on to another agency"


class ComputerLead(models.Model):
    """That an agency follows a computer: who has it, by when, in which case, what became of it. Its agency's own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    identity = models.CharField(max_length=64)
    identities: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=64),
        default=list,
        help_text="All under which the agency saw it when it was opened: links between them may change, these do not.",
    )
    jurisdiction = models.ForeignKey(Jurisdiction, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    score = models.FloatField(default=0, help_text="In the order of computers when it was opened.")
    place = models.IntegerField(null=True, blank=True, help_text="In that order; empty: not among the first.")
    why = models.TextField(blank=True)
    model = models.CharField(max_length=40)
    opened_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When the next thing is to be done; none once it ended."
    )
    assigned_to = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    assigned_at = models.DateTimeField(null=True, blank=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    visited_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True)
    said = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "identity"], condition=Q(ended_at=None), name="one_open_lead_to_a_computer"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, outcome="") | (Q(ended_at__isnull=False) & ~Q(outcome="")),
                name="lead_ends_with_an_outcome",
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "due_at"], name="computer_lead_by_due", condition=Q(ended_at=None)),
            GinIndex(fields=["identities"], name="computer_lead_by_identities", condition=Q(ended_at=None)),
        ]
