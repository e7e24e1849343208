"""Media: digests, signals, thumbnails, near-duplicates, known files and exposure."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Blob, ExhibitFile, Record
from opencets_web.policy.models import BetweenTwo, Guarded


class Turn(models.TextChoices):
    """How one picture lies beside another: the names of `opencets.hashing.pdq.TURNS`."""

    MIRRORED = "mirrored", "mirrored"
    HALF = "half", "upside down"
    FLIPPED = "flipped", "mirrored and upside down"
    TRANSPOSED = "transposed", "mirrored and turned by a quarter"
    RIGHT = "right", "turned by a quarter to the right"
    LEFT = "left", "turned by a quarter to the left"
    TRANSVERSED = "transversed", "mirrored and turned by a quarter"


class Media(Guarded):
    """A picture or video of an exhibit with its digests and signals."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="media")
    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="media")
    file = models.ForeignKey(ExhibitFile, on_delete=models.PROTECT, related_name="media")
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=100)
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    duration = models.FloatField(null=True)
    pdq = models.BinaryField(max_length=32, null=True)
    quality = models.IntegerField(null=True)
    thumbnail = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    thumbnail_offset = models.BigIntegerField(default=0)
    thumbnail_size = models.IntegerField(default=0)
    strip_size = models.IntegerField(default=0, help_text="Videos: a strip of frames stands behind the thumbnail.")
    veil = models.BinaryField(
        null=True, help_text="What stands for it unasked: 16 by 16 pixels, WebP. Empty where none could be drawn."
    )
    severity = models.SmallIntegerField(
        null=True,
        help_text="0 to 3, as its grade says; null: not graded, and its known category speaks where there is one.",
    )
    trouble = models.TextField(blank=True)
    taken_at = models.CharField(max_length=40, blank=True)
    known_as: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=60), default=list)
    known_by = models.ForeignKey("media.HashEntry", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    known_set = models.ForeignKey("media.HashSet", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    known_distance = models.IntegerField(null=True, help_text="0: the identical file; 1 to 31: bits of PDQ apart.")
    known_turn = models.CharField(max_length=12, blank=True, choices=Turn, help_text="How it lies beside the entry.")
    cases_count = models.IntegerField(
        default=1, help_text="Distinct cases that hold it or a near-duplicate (bucketed when shown)."
    )
    widely_traded = models.BooleanField(
        default=False, help_text="Too many cases hold it: it links nothing, and is shown as such."
    )
    read_at = models.DateTimeField(
        default=timezone.now, help_text="When its record was read: galleries begin with the newest."
    )
    matched_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["case", "-read_at", "-id"], name="media_by_case_time"),
            models.Index(fields=["-read_at", "-id"], name="media_by_time"),
            models.Index(fields=["case", "-read_at", "-id"], name="media_unknown_by_time", condition=Q(known_set=None)),
            models.Index(fields=["case", "sha256"], name="media_by_case_digest"),
            models.Index(fields=["sha256"], name="media_by_digest"),
            models.Index(fields=["id"], name="media_to_match", condition=Q(matched_at=None)),
            models.Index(fields=["known_set", "case"], name="media_by_set", condition=Q(known_set__isnull=False)),
        ]


class Frame(Guarded):
    """A frame of a video: second and PDQ; at most 1,200 of one video (``opencets.hashing.video.FRAMES``)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="frames")
    second = models.FloatField()
    pdq = models.BinaryField(max_length=32)
    quality = models.IntegerField()
    inner_pdq = models.BinaryField(
        max_length=32, null=True, help_text="PDQ without black borders, where there are any."
    )
    inner_quality = models.IntegerField(null=True)
    strip_place = models.SmallIntegerField(null=True, help_text="Where it stands in the strip of frames, from 0.")


class Signal(models.Model):
    """Which media or frame stands at a position of the Hamming index (blind territory: no web access)."""

    position = models.BigIntegerField(primary_key=True)
    media_id = models.UUIDField()
    second = models.FloatField(null=True)

    class Meta:
        indexes = [models.Index(fields=["media_id"], name="signal_by_media")]


class NearDuplicate(BetweenTwo):
    """Two media within 31 bits of PDQ; left is the lower id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    left = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    distance = models.IntegerField()
    turn = models.CharField(max_length=12, blank=True, choices=Turn, help_text="How the right lies beside the left.")
    left_second = models.FloatField(null=True)
    right_second = models.FloatField(null=True)
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["left", "right"], name="near_duplicate_once"),
            models.CheckConstraint(condition=Q(distance__gte=0, distance__lte=31), name="near_duplicate_within_radius"),
        ]


class HashSetState(models.TextChoices):
    """The way of a hash set: handed in, read by a job, matched against what is kept; or refused with a sentence."""

    WAITING = "waiting", "Waiting to be read"
    READ = "read", "Being matched"
    MATCHED = "matched", "In use"
    REFUSED = "refused", "Could not be read"


class HashSet(models.Model):
    """A list of known files: where it comes from, on which legal basis it is used, since when.

    The file handed in waits encrypted in the store until it is read, and is removed then: the entries stay, where only jobs see
    them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    source = models.CharField(max_length=200)
    authority = models.TextField(help_text="The legal basis on which the list is used.")
    version = models.CharField(max_length=60, blank=True)
    format = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=HashSetState, default=HashSetState.WAITING)
    sentence = models.TextField(blank=True, help_text="Why it could not be read, where it could not.")
    file_name = models.TextField(blank=True)
    file_size = models.BigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64, blank=True)
    blob_path = models.CharField(max_length=200, blank=True, help_text="Where the file waits; empty once it was read.")
    wrapped_key = models.BinaryField(max_length=64, null=True)
    options = models.JSONField(default=dict, help_text="What a person said of it: algorithm, category scheme.")
    entries_count = models.IntegerField(default=0)
    lines_skipped = models.IntegerField(default=0)
    report = models.JSONField(default=list)
    imported_at = models.DateTimeField()
    imported_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    read_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    negative = models.BooleanField(default=False, help_text="It names what is never to be marked as known.")
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="The older version whose place it takes once it is read.",
    )  # fmt: skip
    composition = models.JSONField(
        default=dict,
        help_text="Counts alone: entries by category, confirmed, doubted; what changed since the older version.",
    )

    class Meta:
        indexes = [models.Index(fields=["-imported_at"], name="hash_set_by_time")]


class EntryState(models.TextChoices):
    """Whether an entry marks: in use; held back until decided; released, so that the flood rule passes it; rejected."""

    IN_USE = "", "In use"
    HELD = "held", "Held back"
    RELEASED = "released", "Released"
    REJECTED = "rejected", "Rejected"


class HashEntry(models.Model):
    """One known file of a hash set (no web access: entries are matched by jobs, and never listed)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hash_set = models.ForeignKey(HashSet, on_delete=models.PROTECT, related_name="entries")
    md5 = models.CharField(max_length=32, blank=True)
    sha1 = models.CharField(max_length=40, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    pdq = models.BinaryField(max_length=32, null=True)
    quality = models.IntegerField(null=True)
    position = models.BigIntegerField(null=True, help_text="Where its PDQ stands in the index of known files.")
    category = models.CharField(max_length=60, blank=True)
    series = models.CharField(max_length=200, blank=True)
    affirmed = models.IntegerField(default=0, help_text="How many members confirm it, as the list says.")
    doubted = models.IntegerField(default=0, help_text="How many members doubt it, as the list says.")
    state = models.CharField(max_length=10, choices=EntryState, default=EntryState.IN_USE, blank=True)
    hidden_for: ArrayField[list[UUID], list[UUID]] = ArrayField(
        models.UUIDField(), default=list, help_text="Agencies whose officers doubt it: it marks nothing of theirs."
    )

    class Meta:
        indexes = [
            models.Index(fields=["md5"], name="entry_by_md5", condition=~Q(md5="")),
            models.Index(fields=["sha1"], name="entry_by_sha1", condition=~Q(sha1="")),
            models.Index(fields=["sha256"], name="entry_by_sha256", condition=~Q(sha256="")),
            models.Index(fields=["position"], name="entry_by_position", condition=Q(position__isnull=False)),
        ]


class HeldEntry(models.Model):
    """That an entry marked too much, or too different, files and was held back: one line for the agency that imported it.

    It says roughly how many files, and never which or whose.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    entry = models.OneToOneField(HashEntry, on_delete=models.PROTECT, related_name="+")
    hash_set = models.ForeignKey(HashSet, on_delete=models.PROTECT, related_name="held")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    files = models.IntegerField(help_text="Distinct files that it marked, when it was held back.")
    because = models.TextField(help_text="The rule that held it back, in a sentence.")
    held_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=EntryState, default=EntryState.HELD)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["agency", "-held_at"], name="held_by_agency_time")]


class EntryVote(models.Model):
    """That an officer confirms or doubts the entry that named a file of theirs; a doubt has its reason."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    entry_id = models.UUIDField()
    hash_set = models.ForeignKey(HashSet, on_delete=models.PROTECT, related_name="votes")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    confirms = models.BooleanField()
    reason = models.TextField(blank=True)
    voted_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entry_id", "officer"], condition=Q(withdrawn_at=None), name="entry_vote_once_an_officer"
            ),
            models.CheckConstraint(condition=Q(confirms=True) | ~Q(reason=""), name="entry_doubt_has_a_reason"),
        ]
        indexes = [models.Index(fields=["entry_id", "agency"], name="vote_by_entry")]


class Description(Guarded):
    """What one officer wrote of a file, so that others need not look; one living row for each distinct file of a case.

    Written anew, the earlier row is withdrawn. Colleagues read it wherever they may see the case in which it was written.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    text = models.CharField(max_length=600)
    written_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "sha256"], condition=Q(withdrawn_at=None), name="description_once_a_file"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="description_says_something"),
        ]
        indexes = [models.Index(fields=["sha256"], condition=Q(withdrawn_at=None), name="description_by_digest")]


class Mask(Guarded):
    """A part of a picture that a colleague covered: a rectangle in thousandths of its sides. Withdrawn, never deleted.

    It is painted into what is given out, for everybody, until someone lifts it on purpose for themselves.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    left = models.SmallIntegerField()
    top = models.SmallIntegerField()
    width = models.SmallIntegerField()
    height = models.SmallIntegerField()
    drawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    drawn_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(left__gte=0, top__gte=0, width__gt=0, height__gt=0)
                & Q(left__lte=1000 - F("width"), top__lte=1000 - F("height")),
                name="mask_inside_the_picture",
            )
        ]
        indexes = [models.Index(fields=["sha256"], condition=Q(withdrawn_at=None), name="mask_by_digest")]
