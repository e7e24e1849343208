"""Sign-in rules for allauth: nobody signs up, everybody shows a second factor."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedDoors(DefaultAccountAdapter):  # type: ignore[misc]
    """Officers are made by an administrator; a page for signing up does not exist."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
