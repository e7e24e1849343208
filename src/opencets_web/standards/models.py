"""Checklists that cases go by, each step's marks, action clocks, what is due when, and who was told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Exhibit, Record
from opencets_web.policy.models import Guarded


class AppliedChecklist(Guarded):
    """A case goes by one version of a checklist, kept whole: what the files say later does not change it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="checklists")
    checklist = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    content = models.JSONField(help_text="The version as it was read, by which the case goes.")
    required = models.PositiveIntegerField(help_text="How many of its steps are required.")
    first_information_at = models.DateTimeField()
    applied_at = models.DateTimeField()
    applied_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "checklist"], condition=Q(ended_at=None), name="one_live_version_of_a_checklist"
            )
        ]


class StepState(models.TextChoices):
    """What was done about a step."""

    OPEN = "open", "Open"
    DONE = "done", "Done"
    SKIPPED = "skipped", "Skipped"
    NOT_APPLICABLE = "not-applicable", "Not applicable"


class StepMark(Guarded):
    """What one officer said of one step of a case; the next mark ends it, and none is ever changed otherwise."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="step_marks")
    checklist = models.CharField(max_length=60)
    step = models.CharField(max_length=60)
    required = models.BooleanField(default=True)
    state = models.CharField(max_length=16, choices=StepState)
    reason = models.TextField(blank=True)
    exhibit = models.ForeignKey(Exhibit, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    record = models.ForeignKey(Record, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    by_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "checklist", "step"], condition=Q(ended_at=None), name="one_live_mark_of_a_step"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["skipped", "not-applicable"]) | ~Q(reason=""), name="skipped_with_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["case", "-at"], name="step_mark_by_case")]


class Clock(Guarded):
    """The band that a case has on one set of clocks, from when until when; a change of band ends it and begins another."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="clocks")
    clocks = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    content = models.JSONField(help_text="The set of clocks as it was read, by which the case goes.")
    band = models.CharField(max_length=60)
    reason = models.TextField()
    first_information_at = models.DateTimeField()
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    by_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    met_at = models.DateTimeField(null=True, blank=True)
    met_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    met_how = models.TextField(blank=True)
    met_mark = models.ForeignKey(StepMark, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "clocks"], condition=Q(ended_at=None), name="one_live_band"),
            models.CheckConstraint(condition=~Q(reason=""), name="band_has_a_reason"),
        ]


class Pause(Guarded):
    """A clock stands still, from when until when, and why."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    clock = models.ForeignKey(Clock, on_delete=models.PROTECT, related_name="pauses")
    reason = models.TextField()
    since_at = models.DateTimeField()
    paused_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    until_at = models.DateTimeField(null=True, blank=True)
    resumed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clock"], condition=Q(until_at=None), name="one_live_pause"),
            models.CheckConstraint(condition=~Q(reason=""), name="pause_has_a_reason"),
        ]


class Deadline(Guarded):
    """What is due in a case and when: the act of a clock's band, or a step of a checklist. The only table the alarm reads."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="deadlines")
    clock = models.OneToOneField(Clock, on_delete=models.PROTECT, null=True, blank=True, related_name="deadline")
    checklist = models.CharField(max_length=60, blank=True)
    step = models.CharField(max_length=60, blank=True)
    title = models.CharField(max_length=300)
    threat_to_life = models.BooleanField(default=False)
    runs_from_at = models.DateTimeField()
    due_at = models.DateTimeField()
    soon_at = models.DateTimeField()
    escalate_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True, blank=True)
    met_at = models.DateTimeField(null=True, blank=True)
    overdue_at = models.DateTimeField(null=True, blank=True, help_text="When the officers of the case were told.")
    escalated_at = models.DateTimeField(null=True, blank=True, help_text="When the supervisors were told.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "checklist", "step"],
                condition=Q(ended_at=None, clock=None),
                name="one_live_deadline_of_a_step",
            )
        ]
        indexes = [
            models.Index(fields=["case"], name="deadline_by_case", condition=Q(ended_at=None, met_at=None)),
            models.Index(
                fields=["due_at"], name="deadline_by_due", condition=Q(ended_at=None, met_at=None, paused_at=None)
            ),
        ]


class NoticeKind(models.TextChoices):
    """Why an officer is told."""

    OVERDUE = "overdue", "Overdue"
    ESCALATED = "escalated", "Still overdue"


class Notice(Guarded):
    """One officer is told of one deadline, once for each reason; a mail about it holds a link and nothing else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    deadline = models.ForeignKey(Deadline, on_delete=models.PROTECT, related_name="notices")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=12, choices=NoticeKind)
    raised_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_after = models.DateTimeField(null=True, blank=True, help_text="Not before; set after a failed try.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deadline", "officer", "kind"], name="notice_told_once"),
        ]
        indexes = [
            models.Index(fields=["officer", "-raised_at"], name="standards_notice_by_officer"),
            models.Index(fields=["raised_at"], name="notice_to_mail", condition=Q(mailed_at=None)),
        ]


class QuietHours(models.Model):
    """Whether an officer is told by e-mail too, and between which times not, by the clock of a zone."""

    officer = models.OneToOneField(Officer, on_delete=models.PROTECT, primary_key=True, related_name="quiet_hours")
    mail = models.BooleanField(default=True)
    begins = models.TimeField()
    ends = models.TimeField()
    zone = models.CharField(max_length=60, default="UTC")
