"""The demonstration's computers: a tree of jurisdictions, a small invented population that is handed in as a sensor's file."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor

SEED = 2026
MOST_MET = 4
TREE: dict[str, Any] = {
    "version": "demonstration-1",
    "jurisdictions": [
        {
            "code": "GB", "name": "United Kingdom", "countries": ["GB"], "responsible": "Avon",
            "below": [
                {
                    "code": "GB-ENG", "name": "England", "regions": ["GB-ENG"],
                    "below": [{"code": "bristol", "name": "Bristol", "places": {"GB-ENG": ["Bristol"]}}],
                },
                {"code": "GB-SCT", "name": "Scotland", "regions": ["GB-SCT"], "responsible": "Borders"},
                {"code": "GB-WLS", "name": "Wales", "regions": ["GB-WLS"]},
            ],
        },
        {
            "code": "rest", "name": "Rest of the world", "responsible": "Avon", "everywhere": True,
            "contact": "Passed on to whoever is responsible there.",
            "below": [
                {"code": "DE", "name": "Germany", "countries": ["DE"]},
                {"code": "US", "name": "United States", "countries": ["US"]},
            ],
        },
    ],
}  # fmt: skip


def enter_jurisdictions() -> None:
    """As owner: the tree, once."""
    from opencets_web.sightings.handed_in import import_jurisdictions
    from opencets_web.sightings.models import Jurisdiction

    if not Jurisdiction.objects.exists():
        import_jurisdictions(TREE)


def hand_in_sightings(actor: Actor, folder: Path) -> None:
    """As web: the population until today, some of it at addresses and hours that stand in cases, and a list of known files."""
    from opencets.rehearsal.computers import write_list, write_sightings
    from opencets_web.policy.acting import acting_as
    from opencets_web.sightings import actions
    from opencets_web.sightings.models import FileSet, SightingFile

    with acting_as(actor.officer_id):
        there = SightingFile.objects.exists() or FileSet.objects.exists()
    if there:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    today = date.today()
    path, listed = folder / "sightings.jsonl", folder / "known-files.csv"
    write_list(listed, write_sightings(path, SEED, today, meets=_meetings(actor)))
    with path.open("rb") as stream:
        actions.receive_file(
            actor,
            stream,
            name=path.name,
            sensor="Invented sensor 1",
            authority="Drawn for the demonstration; nobody observed",
        )
    with acting_as(actor.officer_id), listed.open("rb") as stream:
        actions.import_file_set(
            actor, stream, name="Known files of the rehearsal", authority="Invented; nothing real is known here",
            expires_on=today + timedelta(days=365),
        )  # fmt: skip


def _meetings(actor: Actor) -> list[Any]:
    """Addresses with their hours that stand in cases of the demonstration, so that a sighting and a case meet."""
    from datetime import UTC, datetime

    from opencets.rehearsal.computers import Meeting
    from opencets_web.evidence.models import Claim
    from opencets_web.policy import door
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id):
        rows = door.visible(actor, Claim.objects.filter(kind="ip_hour", normal__isnull=False, generic=False))
        values = sorted({str(value) for value in rows.order_by("normal").values_list("normal", flat=True)[:400]})
    met: list[Meeting] = []
    for value in values[:: max(1, len(values) // MOST_MET)][:MOST_MET]:
        address, _, hour = value.partition("@")
        met.append(Meeting(address, 41_000 + len(met), datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)))
    return met
