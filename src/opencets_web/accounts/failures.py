"""Five failures to sign in within fifteen minutes lock an account (CJIS Security Policy 5.9.5, AC-7): for fifteen minutes,
or until an administrator of the agency opens it. The count is kept with the officer, so that a restart forgets nothing.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from opencets_web.accounts.models import Officer

MOST = 5
WITHIN = timedelta(minutes=15)
SENTENCE = "Locked after 5 failures within 15 minutes. Wait 15 minutes, or ask an administrator of your agency to open the account."


def is_locked(officer: Officer) -> bool:
    """Whether the account takes no sign-in at this moment."""
    return officer.locked_until is not None and timezone.now() < officer.locked_until


def count_failure(officer: Officer) -> bool:
    """Count one failure; True where it is the one that locks the account. A locked account counts no further."""
    now = timezone.now()
    if is_locked(officer):
        return False
    counted = Officer.objects.select_for_update().get(pk=officer.pk)
    failed = [*(at for at in counted.failed_at if now - at < WITHIN), now][-MOST:]
    locks = len(failed) >= MOST
    officer.failed_at = [] if locks else failed
    officer.locked_until = now + WITHIN if locks else counted.locked_until
    officer.save(update_fields=["failed_at", "locked_until"])
    return locks


def forget_failures(officer: Officer) -> None:
    """The officer has signed in, or an administrator vouches for them: the count begins anew."""
    if officer.failed_at or officer.locked_until:
        officer.failed_at, officer.locked_until = [], None
        officer.save(update_fields=["failed_at", "locked_until"])
