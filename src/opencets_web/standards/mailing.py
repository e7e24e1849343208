"""Mailing links to notices: no content leaves the system, only an address of it that opens behind the door.

One of the files that may use the blind door: it sees which officer was told, and sends that officer a link.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection
from django.utils import timezone

from opencets_web.audit import log
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.policy.rules import LEVELS
from opencets_web.standards.models import Notice, QuietHours
from opencets_web.standards.reckoning import quiet

_log = logging.getLogger("opencets.mail")
SUBJECT = "OpenCETS: please sign in"
MOST = 200
MOST_TRIES = 12
TOO_OLD = timedelta(days=3)
"""A link that could not be mailed for so long is not mailed any more; the notice stands in the application."""


def waiting(now: datetime | None = None) -> list[UUID]:
    """The notices to be mailed now: not in quiet hours, unless it is a threat to life. Empty where mail is not set up."""
    if not settings.MAIL_ON:
        return []
    now = now or timezone.now()
    with across_holdings():
        rows = Notice.objects.filter(
            mailed_at=None, seen_at=None, mail_tries__lt=MOST_TRIES, raised_at__gt=now - TOO_OLD,
            deadline__met_at=None, deadline__ended_at=None,
        ).exclude(mail_after__gt=now).exclude(officer__quiet_hours__mail=False)  # fmt: skip
        due = list(rows.select_related("deadline").order_by("-deadline__threat_to_life", "raised_at")[: 25 * MOST])
        hours = QuietHours.objects.in_bulk({row.officer_id for row in due})
    return [row.id for row in due if _may_mail(row, hours.get(row.officer_id), now)][:MOST]


def _may_mail(notice: Notice, hours: QuietHours | None, now: datetime) -> bool:
    if hours is None:
        return True
    calm = quiet(now, f"{hours.begins:%H:%M}", f"{hours.ends:%H:%M}", hours.zone)
    return notice.deadline.threat_to_life or not calm


def mail_notice(notice_id: UUID, now: datetime | None = None) -> bool:
    """Mail one link, and write down that it was; whether it went.

    The row is locked while the mail travels and marked in the same transaction, so two workers never send it twice. A
    process that ends between the server's answer and the commit sends it again: with the same Message-ID, by which mail
    servers and readers know it for the same.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A notice is mailed in one transaction with its mark.")
    now = now or timezone.now()
    with across_holdings():
        rows = Notice.objects.select_related("officer__agency", "deadline__case").filter(mailed_at=None)
        notice = rows.select_for_update(of=("self",), skip_locked=True).filter(pk=notice_id).first()
        if notice is None:
            return False
        officer = notice.officer
        if not officer.is_active or door.level(Actor.of(officer), notice.holding_id) < LEVELS["contribute"]:
            notice.mail_tries = MOST_TRIES
            notice.save(update_fields=["mail_tries"])
            return False
        try:
            message_for(notice).send()
        except (OSError, smtplib.SMTPException) as trouble:
            notice.mail_tries += 1
            notice.mail_after = now + timedelta(minutes=2**notice.mail_tries)
            notice.save(update_fields=["mail_tries", "mail_after"])
            _log.warning("A link could not be mailed (%s); tried %d times.", type(trouble).__name__, notice.mail_tries)
            return False
        notice.mailed_at = now
        notice.save(update_fields=["mailed_at"])
        log.record(
            "notice.mailed",
            None,
            holding=(notice.holding_id, notice.agency_id),
            subject=f"case:{notice.deadline.case.reference}",
            details={"notice": notice.id, "officer": officer.id},
        )
    return True


def message_for(notice: Notice) -> EmailMessage:
    """The mail: a subject that says nothing, and a link. No case, no name, no reason."""
    host = urlsplit(settings.MAIL_ADDRESS).hostname or "localhost"
    return EmailMessage(
        subject=SUBJECT,
        body=f"{settings.MAIL_ADDRESS}/standards/notices/{notice.id}/\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.officer.email],
        headers={"Message-ID": f"<{notice.id}@{host}>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
