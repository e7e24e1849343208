"""Working on a case together: comments, tasks, decisions, links between cases, notices, and who has a case open now."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.accounts.sealed import SealedTextField
from opencets_web.cases.models import Case
from opencets_web.policy.models import BetweenTwo, Guarded


class Comment(Guarded):
    """What an officer says to the others on a case, and whom they name; a withdrawn comment stays, struck through."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="comments")
    about = models.UUIDField(null=True, blank=True, help_text="An exhibit of the case; null: the case itself.")
    author = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    text = SealedTextField()
    mentions = ArrayField(models.UUIDField(), default=list, blank=True)
    written_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["case", "-written_at"], name="comment_by_case")]


class Task(Guarded):
    """Something to do on a case: for whom, until which day; done, reopened or withdrawn, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="tasks")
    title = SealedTextField()
    for_officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField(null=True, blank=True)
    made_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["case", "due_on"], name="task_by_case"),
            models.Index(
                fields=["for_officer", "due_on"],
                condition=Q(done_at=None, withdrawn_at=None),
                name="open_task_by_officer",
            ),
        ]


class Decision(Guarded):
    """What was decided on a case and why; never changed, only superseded by another."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    what = SealedTextField()
    reason = SealedTextField()
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="decision_has_a_reason"),
            models.CheckConstraint(condition=~Q(supersedes=F("id")), name="decision_supersedes_another"),
        ]
        indexes = [models.Index(fields=["case", "-at"], name="decision_by_case")]


class CaseLink(BetweenTwo):
    """An officer links two cases, for a reason; the cases stay two. Seen only by those who may see both."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    left_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    right_case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    reason = SealedTextField(of="left_agency_id")
    linked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    linked_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = SealedTextField(of="left_agency_id", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["left_case", "right_case"], condition=Q(withdrawn_at=None), name="case_link_once"
            ),
            models.CheckConstraint(condition=Q(left_case__lt=F("right_case")), name="case_link_in_order"),
            models.CheckConstraint(condition=~Q(reason=""), name="case_link_has_a_reason"),
        ]


class Notice(Guarded):
    """One officer is told something of a case: they were named, or given a task. Read by that officer alone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    sentence = SealedTextField()
    url = models.CharField(max_length=200)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["officer", "-at"], name="notice_by_officer"),
            models.Index(fields=["officer"], condition=Q(read_at=None), name="unread_notice_by_officer"),
        ]

    @classmethod
    def personal(cls, officer_id: UUID) -> Q:
        """A notice is its officer's own."""
        return Q(officer_id=officer_id)


class Presence(Guarded):
    """An officer has the case open; over when its last beat is half a minute old."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    of_agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    since_at = models.DateTimeField()
    until_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "officer"], name="presence_once")]

    @classmethod
    def own_business(cls, agency_id: UUID) -> Q:
        """A partner learns who of the owner's and of its own officers is there, not which other partners look."""
        return Q(agency_id=agency_id) | Q(of_agency_id=agency_id) | Q(of_agency_id=F("agency_id"))
