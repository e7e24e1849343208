"""What the demonstration shows of media between cases: shared footage, an entry of a list that was held back, an open ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils import timezone

from opencets_web.policy.acting import acting_as

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor

LIST = "Logos, by mistake"
ASK_STAYS = timedelta(hours=12)
"""An ask lapses after minutes; this one waits for whoever looks at the demonstration."""


def show_media_work(officers: Sequence[Actor], references: Sequence[str], folder: Path) -> None:
    """Two films that share seconds, one of them mirrored, in two cases; a list with a logo that floods; an ask of a colleague.

    ``officers``: of one agency, the first works on the cases, the last imports lists; ``folder``: where the files are written.
    """
    from opencets.hashing import sign
    from opencets.rehearsal.packages import write_films, write_logo_cache
    from opencets_web.media.actions import import_hash_set
    from opencets_web.media.models import HashSet

    first, second = references[:2]
    films, cache = folder / "films", folder / "browser-cache"
    if not films.exists():
        write_films(films)
    logo = sign(BytesIO(write_logo_cache(cache)))
    _receive(officers[0], first, films / "first", "Films from the desktop computer")
    _receive(officers[0], second, films / "second", "Film received in a chat")
    _receive(officers[0], second, cache, "Cache of the browser")
    importer = officers[-1]
    with acting_as(importer.officer_id):
        there = HashSet.objects.filter(name=LIST).exists()
    if not there:
        path = folder / "logos.csv"
        path.write_text(f"pdq,category\n{(logo.pdq or b'').hex()},2\n", encoding="ascii")
        import_hash_set(
            importer, path, name=LIST, source="Invented for the demonstration",
            authority="Drawn logos; nothing real is known here.", options={"scheme": "US"},
        )  # fmt: skip
    _ask(officers[0])


def _receive(actor: Actor, reference: str, folder: Path, title: str) -> None:
    from opencets_web.evidence.actions import receive_path
    from opencets_web.evidence.models import Exhibit

    with acting_as(actor.officer_id):
        received = Exhibit.objects.filter(case__reference=reference, title=title).exists()
    if not received:
        receive_path(actor, reference, folder, title=title)


def _ask(actor: Actor) -> None:
    from opencets_web.exposure.actions import ask_colleague
    from opencets_web.exposure.models import Ask

    with acting_as(actor.officer_id):
        if not Ask.objects.filter(officer_id=actor.officer_id).exists():
            asked = ask_colleague(actor, "presence")
            Ask.objects.filter(pk=asked).update(lapses_at=timezone.now() + ASK_STAYS)
