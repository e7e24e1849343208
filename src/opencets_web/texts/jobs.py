"""Later work of visible text and languages; each calls one action."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from opencets_web.policy.officers import actor_for
from opencets_web.texts import again, languages, reading


def follow_text(exhibit_id: str, officer_id: str) -> None:
    """Have an exhibit's new pictures read, where those of its case are."""
    reading.follow_exhibit(actor_for(officer_id), UUID(exhibit_id))


def read_text(case_id: str, officer_id: str) -> None:
    """Read the next pictures of a case."""
    reading.read_case(actor_for(officer_id), UUID(case_id))


def tell_languages(exhibit_id: str, officer_id: str) -> None:
    """Tell the languages of an exhibit's messages, from the beginning."""
    languages.tell_languages(actor_for(officer_id), UUID(exhibit_id), anew=True)


def go_on_telling(exhibit_id: str, officer_id: str) -> None:
    """Tell the languages of an exhibit's next messages."""
    languages.tell_languages(actor_for(officer_id), UUID(exhibit_id))


def read_again() -> None:
    """Post what another version is to go through again; serves no officer and reads no content."""
    with transaction.atomic():
        again.read_again()
