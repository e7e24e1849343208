"""Later work of the sign-in through providers."""

from __future__ import annotations

from opencets_web.federation import actions


def forget_attempts() -> None:
    """Once a day: sign-ins that nobody will answer any more."""
    actions.forget_attempts()
