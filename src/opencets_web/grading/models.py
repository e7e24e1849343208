"""Series of media, independent votes on what each file is, what they come to, and entries that may leave the agency."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.media.models import Media
from opencets_web.policy.models import Guarded


class Series(Guarded):
    """Files of a case that belong together, found by ``opencets.matching.series``; written by jobs alone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=16, help_text="Stays over re-runs.")
    number = models.IntegerField(help_text="S-1, S-2, ... of the case.")
    files = models.IntegerField(help_text="Distinct files.")
    kinds: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=20), default=list)
    reasons: ArrayField[list[str], list[str]] = ArrayField(
        models.TextField(),
        default=list,
        help_text="A sentence of each kind, and of each other thing that its files share.",
    )
    cut = models.TextField(blank=True, help_text="What was left out, where anything was.")
    found_at = models.DateTimeField()
    grown_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "key"], name="series_once"),
            models.UniqueConstraint(fields=["case", "number"], name="series_numbered"),
        ]
        indexes = [models.Index(fields=["case", "-grown_at", "-files"], name="series_by_case")]

    @property
    def mark(self) -> str:
        """What a page says of the series it shows: another one as soon as files joined it."""
        return self.grown_at.isoformat()


class SeriesMember(Guarded):
    """That a distinct file stands in a series, in which group of near-duplicates, and why."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="members")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    group = models.IntegerField()
    kind = models.CharField(max_length=20)
    weight = models.FloatField()
    sentence = models.TextField()
    beside = models.CharField(max_length=64, help_text="The file that it is tied to, by SHA-256.")
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "sha256"], condition=Q(left_at=None), name="member_of_one_series")
        ]
        indexes = [models.Index(fields=["series", "group"], name="member_by_series", condition=Q(left_at=None))]


class How(models.TextChoices):
    """In which way a grade was given."""

    SINGLE = "single", "one by one"
    GROUP = "group", "with a group"
    INHERITED = "inherited", "taken over from near-duplicates"


class GradingAct(Guarded):
    """One decision of one officer, on one file or on a whole group: what is undone as a whole."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=20)
    code = models.CharField(max_length=40)
    how = models.CharField(max_length=10, choices=How)
    files = models.IntegerField()
    series = models.ForeignKey(Series, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    client_id = models.CharField(max_length=64, help_text="Said by the page: the same act sent twice is one.")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["officer", "client_id", "case"], name="act_sent_once")]
        indexes = [models.Index(fields=["case", "officer", "-at"], name="grading_act_by_officer")]


class Grade(Guarded):
    """One officer's own vote on one distinct file of a case in one scheme. Another vote ends it; it is not deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    act = models.ForeignKey(GradingAct, on_delete=models.PROTECT, related_name="grades")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    scheme = models.CharField(max_length=20)
    edition = models.CharField(max_length=10)
    code = models.CharField(max_length=40)
    how = models.CharField(max_length=10, choices=How)
    round = models.IntegerField(default=1)
    at = models.DateTimeField()
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    undone = models.BooleanField(default=False, help_text="Ended by undoing its act, and not by a later vote.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "sha256", "scheme", "round", "officer"],
                condition=Q(ended_at=None),
                name="one_vote_of_an_officer",
            )
        ]
        indexes = [models.Index(fields=["officer", "case"], name="grade_by_officer", condition=Q(ended_at=None))]


class DecisionState(models.TextChoices):
    """What the votes on a file come to."""

    OPEN = "open", "The votes agree so far"
    DIFFERS = "differs", "The votes differ"
    SETTLED = "settled", "Settled with a reason"


class GradeDecision(Guarded):
    """What the votes on one distinct file of a case come to in one scheme; ``code`` is empty while they differ."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    scheme = models.CharField(max_length=20)
    code = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=8, choices=DecisionState, default=DecisionState.OPEN)
    votes = models.IntegerField(default=0, help_text="Votes of this round.")
    agreeing = models.IntegerField(default=0, help_text="Those of them for the code.")
    round = models.IntegerField(default=1)
    shown_to: ArrayField[list[object], list[object]] = ArrayField(
        models.UUIDField(), default=list, help_text="Who looked at the votes of this round without one of their own."
    )
    changed_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "sha256", "scheme"], name="one_decision_of_a_file"),
            models.CheckConstraint(condition=Q(settled_at=None) | ~Q(reason=""), name="settled_with_a_reason"),
        ]
        indexes = [
            models.Index(fields=["scheme", "state", "-changed_at"], name="decision_by_state"),
        ]


class EntryRelease(Guarded):
    """That a graded file may leave the agency as an entry of its own hash list: digests and grade, never the file."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    decision = models.ForeignKey(GradeDecision, on_delete=models.PROTECT, related_name="releases")
    media = models.ForeignKey(Media, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    scheme = models.CharField(max_length=20)
    code = models.CharField(max_length=40)
    votes = models.IntegerField(help_text="How many independent votes agreed when it was released.")
    authority = models.TextField(help_text="The legal basis on which it leaves.")
    released_at = models.DateTimeField()
    released_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision"], condition=Q(withdrawn_at=None), name="entry_released_once"),
            models.CheckConstraint(condition=~Q(authority=""), name="entry_leaves_on_a_basis"),
        ]
        indexes = [models.Index(fields=["agency", "-released_at"], name="entry_by_agency")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """What an agency gives away of its own is its own business."""
        return Q(agency_id=agency_id)


class GradingRule(models.Model):
    """What an agency demands of its own grades: how many independent votes, and the scheme that its pages begin with."""

    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, primary_key=True, related_name="+")
    votes = models.IntegerField(default=3)
    scheme = models.CharField(max_length=20, blank=True)
    changed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(votes__gte=1, votes__lte=9), name="one_to_nine_votes")]
