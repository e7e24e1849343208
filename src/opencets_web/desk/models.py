"""What search keeps: the keys of names, saved searches that watch, and what each has told already."""

from __future__ import annotations

from uuid import UUID, uuid5

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.accounts.sealed import SealedTextField
from opencets_web.cases.models import Case
from opencets_web.policy.models import Guarded


class NameKey(Guarded):
    """A name as it stands in a holding, with the keys under which other spellings of it are found. Derived; never changed."""

    id = models.UUIDField(primary_key=True, editable=False)
    normal = models.TextField()
    keys = ArrayField(models.TextField(), default=list)

    class Meta:
        indexes = [GinIndex(fields=["keys"], name="name_by_key")]

    @staticmethod
    def id_of(holding_id: UUID, normal: str) -> UUID:
        """The id of a name in a holding: the same name is one row."""
        return uuid5(holding_id, normal)


class Watch(models.Model):
    """A search that goes on: its officer is told of what it finds new. Paused and ended at will, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    title = SealedTextField()
    asked = SealedTextField(help_text="Words and filters, as JSON.")
    made_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "watches"
        indexes = [models.Index(fields=["officer"], condition=Q(ended_at=None), name="watch_by_officer")]


class WatchHit(models.Model):
    """One thing that a watch found: told once, or there already when the watch began."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    watch = models.ForeignKey(Watch, on_delete=models.PROTECT, related_name="hits")
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64, help_text="SHA-256 of what was found, by which it is known again.")
    part = models.CharField(max_length=12)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=200)
    found_at = models.DateTimeField()
    told = models.BooleanField(help_text="False: it was there already when the watch began, or while it was paused.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["watch", "key"], name="watch_tells_once")]
        indexes = [models.Index(fields=["watch", "-found_at"], condition=Q(told=True), name="told_by_watch")]
