"""Words that stand in pictures, the languages of texts, and which cases' pictures are read."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Officer
from opencets_web.cases.models import Case
from opencets_web.evidence.models import Exhibit, Record
from opencets_web.policy.models import Guarded


class VisibleText(Guarded):
    """What a recogniser read in a distinct file of a case; retired, not changed, when another version reads it anew."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    recogniser = models.CharField(max_length=120, help_text="Name, version and languages of what read it.")
    words = models.JSONField(
        default=list,
        help_text="Text, confidence, left, top, width, height as shares of the upright picture, line, second.",
    )
    text = models.TextField(blank=True, help_text="A line for each line, in reading order.")
    terms = models.TextField(blank=True, help_text="Its words folded for search.")
    turn = models.SmallIntegerField(default=0, help_text="Degrees clockwise by which it was turned to be read.")
    language = models.CharField(max_length=8, blank=True)
    probability = models.FloatField(default=0.0)
    script = models.CharField(max_length=20, blank=True)
    trouble = models.TextField(blank=True)
    read_at = models.DateTimeField()
    read_for = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    retired_at = models.DateTimeField(null=True, blank=True, help_text="Another version of a recogniser read it anew.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["holding", "sha256"], condition=Q(retired_at=None), name="visible_text_once_a_file"
            )
        ]
        indexes = [
            models.Index(fields=["case", "recogniser"], name="visible_text_by_case", condition=Q(retired_at=None)),
            models.Index(fields=["sha256"], name="visible_text_by_digest", condition=Q(retired_at=None)),
            models.Index(
                fields=["language"], name="visible_text_by_language", condition=Q(retired_at=None) & ~Q(language="")
            ),
            GinIndex(SearchVector("terms", config="simple"), name="visible_text_words"),
        ]


class TextOrder(Guarded):
    """That the visible text of a case's pictures is read, those that come later too, until somebody ends it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    ended_by = models.ForeignKey(Officer, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case"], condition=Q(ended_at=None), name="one_text_order_for_a_case")
        ]


class MessageLanguage(Guarded):
    """The language that a message is in. A message of which it cannot be told has no row."""

    record = models.OneToOneField(Record, on_delete=models.PROTECT, primary_key=True, related_name="+")
    language = models.CharField(max_length=8)
    probability = models.FloatField()
    script = models.CharField(max_length=20)

    class Meta:
        indexes = [models.Index(fields=["language", "record"], name="message_by_language")]


class LanguagePass(Guarded):
    """How far the languages of an exhibit's messages are told, and by what."""

    exhibit = models.OneToOneField(Exhibit, on_delete=models.PROTECT, primary_key=True, related_name="+")
    model = models.CharField(max_length=40)
    until = models.UUIDField(null=True, blank=True, help_text="The last record gone through.")
    messages = models.IntegerField(default=0, help_text="Messages gone through.")
    told = models.IntegerField(default=0, help_text="Of them, those whose language is told.")
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
