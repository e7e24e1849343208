"""Exhibits, custody, files and blobs; records, claims and report lines as read."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded


class Blob(Guarded):
    """Bytes kept encrypted, written once; the key of the blob is wrapped by the machine's master key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    path = models.CharField(max_length=200, unique=True)
    wrapped_key = models.BinaryField(max_length=64)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()


class AgencyKey(models.Model):
    """A key that wraps the keys of an agency's blobs, itself wrapped by the root key of the machine.

    It is replaced by the next number without a blob being written; destroyed, what it still wraps cannot be opened by anybody.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    wrapped = models.BinaryField(null=True)
    made_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True, blank=True)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    destroyed_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "number"], name="agency_key_by_number"),
            models.UniqueConstraint(
                fields=["agency"],
                condition=Q(replaced_at=None, destroyed_at=None),
                name="one_current_key_for_an_agency",
            ),
            models.CheckConstraint(
                condition=Q(destroyed_at=None, wrapped__isnull=False)
                | (Q(destroyed_at__isnull=False, wrapped__isnull=True) & ~Q(destroyed_because="")),
                name="agency_key_is_kept_or_destroyed_with_a_reason",
            ),
        ]


class FieldKey(models.Model):
    """The key under which private fields of an agency are sealed, wrapped by the agency's key; without one, the node's."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    wrapped_key = models.BinaryField(null=True)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was destroyed with the key that wraps it."
    )
    ended_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None, wrapped_key__isnull=False)
                | Q(ended_at__isnull=False, wrapped_key__isnull=True),
                name="field_key_is_kept_or_ended",
            ),
            models.UniqueConstraint(
                fields=["agency"], condition=Q(ended_at=None), nulls_distinct=False, name="one_field_key_for_an_agency"
            ),
        ]


class ExhibitState(models.TextChoices):
    """The way of an exhibit."""

    RECEIVING = "receiving", "Receiving"
    RECEIVED = "received", "Waiting to be read"
    READING = "reading", "Being read"
    READ = "read", "Read"
    REFUSED = "refused", "Could not be read"
    CANCELLED = "cancelled", "Cancelled"


class Exhibit(Guarded):
    """One package of evidence as it was received: a folder, an archive or a file. Counts are what progress shows."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="exhibits")
    reference = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=ExhibitState, default=ExhibitState.RECEIVING)
    received_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True, blank=True)
    reading_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    linked_at = models.DateTimeField(null=True, blank=True)
    files_expected = models.IntegerField(default=0)
    bytes_expected = models.BigIntegerField(default=0)
    files_received = models.IntegerField(default=0)
    bytes_received = models.BigIntegerField(default=0)
    files_found = models.IntegerField(default=0)
    bytes_found = models.BigIntegerField(default=0)
    files_read = models.IntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    records_read = models.IntegerField(default=0)
    lines_skipped = models.IntegerField(default=0)
    options = models.JSONField(default=dict, help_text="What a person corrected: column meanings, country, time zone.")
    sentence = models.TextField(blank=True, help_text="Why it could not be read, where it could not.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "reference"], name="exhibit_reference_once")]
        indexes = [models.Index(fields=["case", "-begun_at"], name="exhibit_by_case")]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"


class CustodyEntry(Guarded):
    """One line of the chain of custody; append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="custody")
    at = models.DateTimeField()
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=60)
    sentence = models.TextField()

    class Meta:
        ordering = ["at", "id"]


class Upload(Guarded):
    """One file on its way in (tus): how far it has come, so that a lost connection resumes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="uploads")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    path = models.TextField()
    length = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    wrapped_key = models.BinaryField(max_length=64)
    blob_path = models.CharField(max_length=200)
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)


class FileState(models.TextChoices):
    """The way of one file."""

    WAITING = "waiting", "Waiting"
    READ = "read", "Read"
    SKIPPED = "skipped", "Not read"


class ExhibitFile(Guarded):
    """One file of an exhibit, also inside containers: ``path`` goes from the exhibit inward."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="files")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="members")
    path: ArrayField[list[str], list[str]] = ArrayField(models.TextField())
    name = models.TextField()
    size = models.BigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    blob_offset = models.BigIntegerField(
        default=0, help_text="Where in the blob it begins: small files are packed together."
    )
    pack = models.ForeignKey(
        Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Where its thumbnail stands."
    )
    signals = models.JSONField(
        null=True, help_text="Of a picture or video: PDQ, frames, size, thumbnail (media makes rows of it)."
    )
    state = models.CharField(max_length=10, choices=FileState, default=FileState.WAITING)
    format = models.CharField(max_length=40, blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    md5 = models.CharField(max_length=32, blank=True)
    sha1 = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    reading = models.IntegerField(default=0, help_text="Counts up when it is read again with corrections.")
    options = models.JSONField(
        default=dict, help_text="What a person corrected for this file: column meanings, country, zone."
    )
    records_read = models.IntegerField(default=0)
    lines_skipped = models.IntegerField(default=0)
    note = models.TextField(blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["exhibit", "path"], name="file_once_in_exhibit")]
        indexes = [
            models.Index(fields=["exhibit", "state"], name="file_by_state"),
            models.Index(fields=["exhibit", "sha256"], name="file_by_digest"),
        ]


class Record(Guarded):
    """One thing as read from one place of one exhibit (``opencets.records.Record``); never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="records")
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="records")
    file = models.ForeignKey(ExhibitFile, on_delete=models.PROTECT, related_name="records")
    key = models.CharField(max_length=32)
    kind = models.CharField(max_length=20)
    reader = models.CharField(max_length=40)
    reading = models.IntegerField(default=0)
    place = models.TextField(blank=True)
    label = models.TextField(help_text="What the record is called in lists: a name, a screen name, the first words.")
    at = models.DateTimeField(
        null=True, blank=True, help_text="When, for records that happened at a time with a known zone."
    )
    at_text = models.CharField(
        max_length=40, blank=True, help_text="When, as normalised; without Z the zone is not known."
    )
    conversation = models.TextField(blank=True)
    body = models.TextField(blank=True)
    extra = models.JSONField(default=dict)
    read_at = models.DateTimeField()
    linked_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True, help_text="Its file was read again with corrections.")

    class Meta:
        indexes = [
            # With the columns that the policies ask for, so that counting reads the index alone.
            models.Index(
                fields=["case", "kind", "at_text", "id"],
                name="record_by_case_kind",
                include=["holding", "agency"],
                condition=Q(retired_at=None),
            ),
            models.Index(fields=["exhibit", "linked_at"], name="record_to_link", condition=Q(linked_at=None)),
            models.Index(fields=["file"], name="record_by_file"),
            models.Index(
                fields=["exhibit", "retired_at"], name="record_to_place", condition=Q(kind__in=["account", "person"])
            ),
            GinIndex(SearchVector("body", config="simple"), name="record_words"),
        ]


class Claim(Guarded):
    """One property value that a record asserts, raw and normalised (``opencets.records.Claim``); never overwritten."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="claims")
    property = models.CharField(max_length=30)
    kind = models.CharField(max_length=20)
    raw = models.TextField()
    normal = models.TextField(null=True, blank=True)
    role = models.CharField(max_length=12, default="own")
    note = models.TextField(blank=True)
    generic = models.BooleanField(default=False, help_text="The value is too common to link; it is shown as such.")

    class Meta:
        indexes = [
            models.Index(fields=["kind", "normal"], name="claim_by_value", condition=Q(normal__isnull=False)),
            models.Index(
                fields=["case", "kind", "normal"],
                name="claim_by_case_value",
                include=["holding", "agency"],
                condition=Q(normal__isnull=False),
            ),
        ]


class ReportLine(Guarded):
    """Something of an exhibit that was not read: where, why, what to do."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, related_name="report_lines")
    file = models.ForeignKey(ExhibitFile, on_delete=models.PROTECT, null=True, blank=True, related_name="report_lines")
    path = models.TextField()
    place = models.TextField(blank=True)
    code = models.CharField(max_length=40)
    sentence = models.TextField()
    key = models.CharField(max_length=32)
    reading = models.IntegerField(default=0, help_text="Which reading of the file said so.")
    retired_at = models.DateTimeField(null=True, blank=True, help_text="Its file was read again with corrections.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["exhibit", "key"], name="report_line_once")]
        indexes = [models.Index(fields=["exhibit", "code"], name="report_by_code", condition=Q(retired_at=None))]
