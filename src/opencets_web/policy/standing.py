"""How a session stands: open, locked after idling, or over; and how fresh the officer's last proof is.

Kept in the row of the session (``allauth.usersessions``), not in the session itself: two requests at once would write over
each other there. Without a row there is no session. Sources: NIST SP 800-63B-4, section 2.2.3 (reauthentication at AAL2: 12
hours, 30 minutes idle); CJIS Security Policy 5.9.5, AC-11 (session lock).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.utils import timezone

LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""The time of the last act is written at most this often."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One session at one instant."""

    key: str
    seen_at: datetime
    proved_at: datetime
    over: bool
    locked: bool

    @property
    def mark(self) -> str:
        """What stands for the session where something is bound to it; the session's key, which opens it, is not in it."""
        return mark_of(self.key)

    @property
    def proved(self) -> bool:
        """Whether a second factor was shown recently enough for a dangerous act."""
        return timezone.now() - self.proved_at < timedelta(seconds=settings.SESSION_PROOF_SECONDS)


def mark_of(session_key: str) -> str:
    """The mark of the session with this key."""
    return sha256(b"opencets session " + session_key.encode()).hexdigest()


def read_standing(row: UserSession | None, officer_id: UUID) -> Standing | None:
    """How the session of a row stands, for its officer; None where there is none, or where it is another's."""
    if row is None or row.user_id != officer_id:
        return None
    now = timezone.now()
    proved_at = _at(row.data.get("proved"), row.created_at)
    return Standing(
        key=row.session_key,
        seen_at=row.last_seen_at,
        proved_at=proved_at,
        over=now - _at(row.data.get("began"), row.created_at) >= LONGEST,
        locked=bool(row.data.get("locked"))
        or now - row.last_seen_at >= timedelta(seconds=settings.SESSION_IDLE_SECONDS),
    )


def standing_of(session_key: str | None, officer_id: UUID) -> Standing | None:
    """The same, asked of the database."""
    return read_standing(UserSession.objects.filter(session_key=session_key or "").first(), officer_id)


def begin(session_key: str) -> None:
    """A sign-in with both factors: twelve hours from now."""
    _write(session_key, began=True, proved=True, locked=False)


def prove(session_key: str) -> None:
    """A factor was shown again: the session is open, and dangerous acts are for a while."""
    _write(session_key, proved=True, locked=False)


def lock(session_key: str) -> None:
    """Nothing is shown any more until a factor is."""
    _write(session_key, locked=True)


def see(session_key: str) -> None:
    """The officer has acted."""
    UserSession.objects.filter(session_key=session_key).update(last_seen_at=timezone.now())


def _write(session_key: str, *, began: bool = False, proved: bool = False, locked: bool) -> None:
    row = UserSession.objects.select_for_update().filter(session_key=session_key).first()
    if row is None:
        return
    now = timezone.now()
    changes: dict[str, Any] = {"locked": locked}
    if began:
        changes["began"] = now.timestamp()
    if proved:
        changes["proved"] = now.timestamp()
        row.last_seen_at = now
    row.data = {**row.data, **changes}
    row.save(update_fields=["data", "last_seen_at"])


def _at(seconds: float | None, otherwise: datetime) -> datetime:
    return otherwise if seconds is None else datetime.fromtimestamp(seconds, tz=otherwise.tzinfo)
