"""Supervised people, their devices and orders, what devices delivered, what officers made of it, and care after the sentence.

A supervised person's file is a restricted case: its Holding opens to officers by name alone, and by the terms of an order. What a
device sends stands in ``Entry`` as it came, sealed to the service's key; everything else is derived from it.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.accounts.sealed import SealedJSONField, SealedTextField
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded


class Setting(models.TextChoices):
    """Under what a person's devices are watched; each has its policy file in ``data/settings``."""

    COURT = "court", "Order of a court"
    SCHOOL = "school", "Published policy of a school"
    FAMILY = "family", "Agreement of a family"


class SupervisedPerson(Guarded):
    """A person whose devices are watched under an order, openly."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="supervised")
    reference = models.CharField(max_length=40, unique=True)
    name = SealedTextField()
    setting = models.CharField(max_length=10, choices=Setting, default=Setting.COURT)
    in_charge = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(
        Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Looks at hits first."
    )
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["agency", "-opened_at"], name="supervised_by_agency")]


class Device(Guarded):
    """A device of a supervised person, enrolled from the request that its agent wrote; ``key`` signs what it sends."""

    id = models.UUIDField(primary_key=True, editable=False, help_text="As the agent made it.")
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(max_length=120)
    key = models.CharField(max_length=60, unique=True, help_text="Ed25519, base64.")
    accounts: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    system = models.CharField(max_length=200, blank=True)
    enrolled_at = models.DateTimeField()
    enrolled_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)


class DeviceState(Guarded):
    """How far a device's chain is kept, and what its last heartbeat said. One row a device, written with each batch."""

    device = models.OneToOneField(Device, on_delete=models.PROTECT, primary_key=True, related_name="state")
    last_seq = models.BigIntegerField(default=0)
    last_hash = models.CharField(max_length=64, blank=True)
    last = models.JSONField(
        default=dict, help_text="The last entry without its body: the next one is compared with it."
    )
    ahead_seq = models.BigIntegerField(default=0, help_text="Where a batch began that came before the ones in between.")
    received_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    offset_ms = models.BigIntegerField(default=0, help_text="Its clock minus ours.")
    order_version = models.IntegerField(default=0, help_text="Of the order that the agent obeys.")
    heartbeat = models.JSONField(default=dict)
    absent_since = models.DateTimeField(null=True, blank=True)
    stopped = models.BooleanField(default=False, help_text="The agent said that it stopped.")


class OrderState(models.TextChoices):
    """The way of one version of an order."""

    DRAFT = "draft", "Being drafted"
    SIGNED = "signed", "In force"
    REPLACED = "replaced", "Replaced by a later version"
    WITHDRAWN = "withdrawn", "Draft withdrawn"


class Order(Guarded):
    """One version of the order for one device. Signed, it is never changed: a new version replaces it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="orders")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="orders")
    order_ref = models.UUIDField(help_text="The same in all versions.")
    version = models.IntegerField(default=1)
    state = models.CharField(max_length=10, choices=OrderState, default=OrderState.DRAFT)
    court = models.CharField(max_length=200, blank=True)
    reference = models.CharField(max_length=120, blank=True)
    words = SealedTextField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    time_zone = models.CharField(max_length=60, default="Europe/London")
    co_users = SealedJSONField(default=list)
    complaint = models.CharField(max_length=400)
    notice_on = models.DateField(null=True, blank=True, help_text="When those who must be told were told.")
    libraries = models.JSONField(default=list, help_text="Name, version and digest of each.")
    known_list = models.ForeignKey("KnownList", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    known_files = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of what the device gets of the list: marks under the order's key."
    )
    known_key = SealedTextField(
        blank=True, help_text="Of this device alone, in hexadecimal; kept while the list stays."
    )
    opens_to = models.ForeignKey(Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    drafted_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField()
    signed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the signed text.")
    document = SealedTextField(blank=True, help_text="The signed order, as the device gets it.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("begins_at")), name="order_ends_after_it_begins"),
            models.CheckConstraint(condition=~Q(state="signed") | ~Q(document=""), name="order_in_force_is_signed"),
            models.UniqueConstraint(fields=["order_ref", "version"], name="order_version_once"),
            models.UniqueConstraint(fields=["device"], condition=Q(state="signed"), name="one_order_in_force"),
            models.UniqueConstraint(fields=["device"], condition=Q(state="draft"), name="one_draft_of_a_device"),
        ]


class Condition(Guarded):
    """One condition of an order: which collectors, what is captured, what is excluded, for how long it is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="conditions")
    ref = models.CharField(max_length=20)
    words = models.CharField(max_length=600)
    collectors: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=20))
    text_around = models.IntegerField(default=200)
    screenshot = models.CharField(max_length=10, default="none")
    file_content = models.BooleanField(default=False)
    severity_from = models.SmallIntegerField(default=1)
    alert_severity = models.SmallIntegerField(default=2, help_text="Of a drive, and of an account that is not named.")
    excluded = models.JSONField(default=dict, help_text="Programs, sites, people, hours.")
    retention_days = models.IntegerField(default=90)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "ref"], condition=Q(removed_at=None), name="condition_once"),
            models.CheckConstraint(condition=Q(severity_from__range=(1, 5)), name="condition_severity"),
            models.CheckConstraint(condition=Q(alert_severity__range=(1, 5)), name="condition_alert_severity"),
            models.CheckConstraint(condition=Q(retention_days__gt=0), name="condition_is_kept_for_days"),
        ]


class ReceivingKey(models.Model):
    """An agency's key pair of age to which devices seal what they send; the secret half stands sealed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    recipient = models.CharField(max_length=80, unique=True)
    identity = SealedTextField()
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency"], name="one_receiving_key")]


class Entry(Guarded):
    """One entry of a device's chain, as it came. Its body is taken out when its time is over; number and hash stay."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="entries")
    seq = models.BigIntegerField()
    boot = models.CharField(max_length=64)
    at = models.DateTimeField()
    at_text = models.CharField(max_length=40, help_text="As the device wrote it; the hash covers it.")
    mono_ms = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    order_ref = models.UUIDField(null=True)
    order_version = models.IntegerField(default=0)
    prev = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)
    body = models.TextField(
        blank=True, help_text="Sealed to the service's key; its digest alone once it was deleted by rule."
    )
    received_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "seq"], name="entry_once")]
        indexes = [
            models.Index(
                fields=["device", "kind", "-seq"],
                name="entry_by_kind",
                condition=~Q(kind="heartbeat"),
            ),
            models.Index(fields=["received_at"], name="entry_to_delete", condition=Q(deleted_at=None)),
        ]


class HitState(models.TextChoices):
    """The way of a hit through the two stages."""

    NEW = "new", "Nobody has looked"
    PASSED = "passed", "Passed on to the officer"
    DONE = "done", "Reviewed"


class Verdict(models.TextChoices):
    """What a reviewer makes of a hit."""

    FALSE = "false", "False alarm"
    ORDINARY = "ordinary", "Right phrase, nothing to follow"
    WATCH = "watch", "To be watched"
    BREACH = "breach", "Breach of a condition"


class Hit(Guarded):
    """That a phrase, a rule or a known file was met on a device: what, where, how severe, and what became of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="hits")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="hits")
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    severity = models.SmallIntegerField()
    library = models.CharField(max_length=120)
    library_version = models.CharField(max_length=60, blank=True)
    phrase = models.CharField(max_length=200)
    condition = models.CharField(max_length=20)
    collector = models.CharField(max_length=20)
    direction = models.CharField(max_length=20, blank=True)
    program = models.CharField(max_length=200, blank=True)
    conversation = models.CharField(max_length=80, blank=True)
    said = SealedJSONField(default=dict, help_text="Reason, text around, window, address, file.")
    screenshot_seq = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=HitState, default=HitState.NEW)
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    graded = models.SmallIntegerField(null=True, blank=True, help_text="Severity as a person judged it.")
    kept = models.BooleanField(default=False, help_text="An officer keeps it beyond its days.")
    delete_on = models.DateField(help_text="By the condition's days.")
    deleted_at = models.DateTimeField(null=True, blank=True)
    joined_at = models.DateTimeField(null=True, blank=True, help_text="When its identifiers went into the file.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "seq"], name="hit_once")]
        indexes = [
            models.Index(
                fields=["agency", "-severity", "at"], name="hit_queue", condition=Q(deleted_at=None) & ~Q(state="done")
            ),
            models.Index(fields=["person", "-at"], name="hit_by_person"),
            models.Index(fields=["conversation", "at"], name="hit_by_conversation"),
            models.Index(fields=["delete_on"], name="hit_to_delete", condition=Q(deleted_at=None, kept=False)),
        ]

    def get_direction(self) -> str:
        """Whether it was typed, shown or copied, or a file, a drive or an account, in words."""
        words = {
            "typed": "typed", "shown": "shown on the screen", "clipboard": "copied", "file": "a file", "drive": "a drive",
            "account": "an account",
        }  # fmt: skip
        return words.get(self.direction, self.direction or self.collector)


class Review(Guarded):
    """What one officer made of a hit at one stage; taken back, never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hit = models.ForeignKey(Hit, on_delete=models.PROTECT, related_name="reviews")
    stage = models.SmallIntegerField(help_text="1 the first reviewer, 2 the officer.")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict)
    severity = models.SmallIntegerField()
    words = SealedTextField(blank=True)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hit", "stage"], condition=Q(undone_at=None), name="one_review_a_stage")
        ]


class FaultKind(models.TextChoices):
    """What is wrong with what a device sends, or that it sends nothing."""

    ABSENT = "absent", "Nothing heard"
    STOPPED = "stopped", "Agent stopped"
    GAP = "gap", "Entries are missing"
    CHAIN = "chain", "The chain is broken"
    REUSED = "reused", "A number was used twice"
    CLOCK = "clock", "The clock was moved"
    EVASION = "evasion", "Signs of evasion"
    UNREADABLE = "unreadable", "A body cannot be read"
    ORDER = "order", "Under no order in force"
    NOTICE = "notice", "The notice is not visible"


class Fault(Guarded):
    """Something that a person looks at: a device is silent, entries are missing or changed, the clock was moved."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="faults")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="faults")
    kind = models.CharField(max_length=12, choices=FaultKind)
    seq = models.BigIntegerField(default=0)
    sentence = models.CharField(max_length=400)
    kept = models.TextField(blank=True, help_text="The entry that did not fit, as it came.")
    mark = models.CharField(max_length=64, help_text="The same fault told again is one.")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = SealedTextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "mark"], name="fault_once")]
        indexes = [models.Index(fields=["agency", "-at"], name="open_fault", condition=Q(answered_at=None))]


class LibraryState(models.TextChoices):
    """The way of a library of phrases."""

    HANDED_IN = "handed-in", "Handed in"
    TESTED = "tested", "Tested"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PhraseLibrary(models.Model):
    """One version of a library of phrases of an agency, with the result of its test against a sample."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    version = models.CharField(max_length=60)
    digest = models.CharField(max_length=64)
    content = models.BinaryField()
    phrases_count = models.IntegerField(default=0)
    state = models.CharField(max_length=10, choices=LibraryState, default=LibraryState.HANDED_IN)
    test = models.JSONField(default=dict, help_text="Lines, hits and hits by phrase in the sample.")
    handed_in_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    handed_in_at = models.DateTimeField()
    tested_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "name", "version"], name="library_version_once"),
            models.UniqueConstraint(fields=["agency", "digest"], name="library_digest_once"),
        ]


class KnownList(models.Model):
    """One version of a list of known files of an agency, against which supervised devices compare new files."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    version = models.CharField(max_length=60)
    authority = models.CharField(max_length=400, help_text="The legal basis on which the list is used.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the list as it is kept.")
    content = SealedTextField(help_text="The digests, packed, in base64.")
    entries_count = models.IntegerField()
    handed_in_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    handed_in_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "name", "version"], name="known_list_version_once"),
            models.UniqueConstraint(fields=["agency", "digest"], name="known_list_digest_once"),
        ]


class AppointmentKind(models.TextChoices):
    """What was agreed with the person, or is asked of them."""

    CHECK_IN = "check-in", "Check-in"
    VISIT = "visit", "Visit at home"
    DEVICE = "device", "Check of a device"
    REGISTER = "register", "Date of the register"
    TREATMENT = "treatment", "Treatment"
    REMINDER = "reminder", "Reminder"


class Appointment(Guarded):
    """A visit, check or date: agreed, due, done with what came of it, or dropped."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="appointments")
    kind = models.CharField(max_length=12, choices=AppointmentKind)
    words = SealedTextField(blank=True)
    due_at = models.DateTimeField()
    agreed = models.BooleanField(default=False, help_text="The person knows of it.")
    made_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    outcome = SealedTextField(blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["person", "due_at"], name="appointment_due", condition=Q(done_at=None, dropped_at=None)
            )
        ]


class ContactKind(models.TextChoices):
    """What a contact is to the person."""

    ACCOMMODATION = "accommodation", "Accommodation"
    WORK = "work", "Work"
    TREATMENT = "treatment", "Treatment"
    FAMILY = "family", "Family"
    OTHER = "other", "Other"


class Contact(Guarded):
    """Who helps, or where the person lives and works: somebody to call."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="contacts")
    kind = models.CharField(max_length=14, choices=ContactKind)
    name = SealedTextField()
    details = SealedTextField(blank=True)
    entered_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)


class Assessment(Guarded):
    """A risk instrument filled in by a trained rater: each item's answer, and the sum. A person decides, not the sum."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="assessments")
    instrument = models.CharField(max_length=60)
    version = models.CharField(max_length=20)
    answers = SealedJSONField(default=dict)
    score = SealedTextField()
    rater = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)


class Plan(Guarded):
    """A goal agreed with the person, and whether it was reached."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="plans")
    words = SealedTextField()
    made_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    reached_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)


class BreachReport(Guarded):
    """A signed package of hits under one condition, made for a court; what stands in it is in its manifest."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(SupervisedPerson, on_delete=models.PROTECT, related_name="breach_reports")
    condition = models.CharField(max_length=20)
    purpose = models.CharField(max_length=300)
    hits = ArrayField(models.UUIDField())
    made_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    sha256 = models.CharField(max_length=64)
