"""Web push: the browsers that officers are told in, the key of this node, what was sent, and which agency wants none."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency, Officer
from opencets_web.accounts.sealed import SealedTextField


class ServerKey(models.Model):
    """The key by which push services know this node (RFC 8292); its private half is sealed under the node's field key."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    private = models.TextField()
    public = models.CharField(
        max_length=100, help_text="The uncompressed point in URL-safe Base64, as browsers want it."
    )
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_server_key")]


class Subscription(models.Model):
    """One browser in which one officer wants to be told (RFC 8030, section 4). Ended, never deleted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    officer = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    session = models.CharField(max_length=64, help_text="The mark of the session in which it was asked for.")
    endpoint = SealedTextField(help_text="Whoever has it can send to the browser.")
    endpoint_hash = models.CharField(max_length=64, help_text="SHA-256 of the address, by which it is known again.")
    p256dh = SealedTextField(help_text="The browser's public key.")
    auth = SealedTextField(help_text="The secret that the browser shares with this node.")
    browser = models.CharField(max_length=120)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint_hash"], condition=Q(ended_at=None), name="one_live_subscription")
        ]
        indexes = [models.Index(fields=["officer"], condition=Q(ended_at=None), name="subscription_by_officer")]


class AgencySwitch(models.Model):
    """Whether an agency wants no web push for its officers."""

    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, primary_key=True, related_name="+")
    off = models.BooleanField(default=False)
    changed_by = models.ForeignKey(Officer, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()


class Delivery(models.Model):
    """One link to one browser: when it went, or how often it was tried."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="deliveries")
    notice = models.UUIDField(help_text="What the officer was told, in the table of its room.")
    sent_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    after = models.DateTimeField(null=True, blank=True, help_text="Not before; set after a failed try.")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["subscription", "notice"], name="delivered_once")]
