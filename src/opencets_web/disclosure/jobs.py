"""Later work of disclosure; each calls one action."""

from __future__ import annotations

from uuid import UUID

from opencets_web.disclosure import actions
from opencets_web.policy.officers import actor_for


def make_package(package_id: str, officer_id: str) -> None:
    """Make a package that was asked for, as the officer who asked."""
    actions.make_package(actor_for(officer_id), UUID(package_id))
