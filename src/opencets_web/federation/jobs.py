"""Later work of the sign-in through providers."""

from __future__ import annotations

from opencets_web.federation import entrance


def forget_attempts() -> None:
    """Once a day: sign-ins that nobody will answer any more."""
    entrance.forget_attempts()
