"""What is handed in as a file: the tree of jurisdictions (YAML), and lists of known files (digests, CSV)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from opencets.errors import ActRefused
from opencets.sighting.areas import Area
from opencets_web.accounts.ids import new_id
from opencets_web.accounts.models import Agency
from opencets_web.audit import log
from opencets_web.sightings.models import Jurisdiction

MOST_ENTRIES = 1_000_000


def import_jurisdictions(table: Mapping[str, Any]) -> int:
    """Take a tree of jurisdictions over from its YAML form; those that it lacks end. How many it has. As the owner role.

    ActRefused names the entry that cannot be used; nothing is changed then.
    """
    version = str(table.get("version") or "").strip()
    if not version or not isinstance(table.get("jurisdictions"), list):
        raise ActRefused("A file of jurisdictions has a version and a list of jurisdictions.")
    agencies = {agency.short_name: agency for agency in Agency.objects.all()}
    rows: list[dict[str, Any]] = []
    _gather(table["jurisdictions"], "", agencies, rows)
    codes = [row["code"] for row in rows]
    doubled = next((code for code in codes if codes.count(code) > 1), "")
    if doubled:
        raise ActRefused(f"The jurisdiction {doubled} stands twice in the file.")
    now = timezone.now()
    with transaction.atomic():
        known = {row.code: row for row in Jurisdiction.objects.all()}
        for given in rows:
            parent = known.get(given.pop("parent"))
            row = known.get(given["code"]) or Jurisdiction(id=new_id())
            for name, value in {
                **given,
                "parent": parent,
                "version": version,
                "read_at": now,
                "ended_at": None,
            }.items():
                setattr(row, name, value)
            row.save()
            known[row.code] = row
        ended = Jurisdiction.objects.filter(ended_at=None).exclude(code__in=codes).update(ended_at=now)
        log.record("jurisdictions.imported", None, details={"version": version, "count": len(rows), "ended": ended})
    return len(rows)


def _gather(entries: Iterable[Any], parent: str, agencies: Mapping[str, Agency], into: list[dict[str, Any]]) -> None:
    for entry in entries:
        if not isinstance(entry, Mapping) or not entry.get("code") or not entry.get("name"):
            raise ActRefused(f"A jurisdiction below {parent or 'the top'} has no code or no name.")
        code = str(entry["code"])
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", code):
            raise ActRefused(f"“{code[:40]}” is no code of a jurisdiction: letters, digits, - and _, 40 at most.")
        places = [(str(region), str(name)) for region, names in (entry.get("places") or {}).items() for name in names]
        area = Area.of(entry.get("countries") or (), entry.get("regions") or (), places)
        responsible = str(entry.get("responsible") or "")
        if responsible and responsible not in agencies:
            raise ActRefused(
                f"{code} names {responsible} as responsible, which is no agency here; leave it out, or enter it."
            )
        into.append(
            {
                "code": code, "name": str(entry["name"])[:120], "parent": parent, "countries": sorted(area.countries),
                "regions": sorted(area.regions), "places": [list(pair) for pair in sorted(area.places)],
                "everywhere": entry.get("everywhere") is True,
                "responsible": agencies.get(responsible), "contact": str(entry.get("contact") or "")[:300],
            }
        )  # fmt: skip
        _gather(entry.get("below") or (), code, agencies, into)


def read_list(content: bytes) -> dict[str, str]:
    """Digests with what they are known as, from one digest a line or CSV with a column ``digest``; other lines are left out."""
    text = content.decode("utf-8-sig", "replace")
    lines = text.splitlines()[: MOST_ENTRIES + 1]
    header = [word.strip().lower() for word in next(csv.reader(lines[:1]), [])]
    found: dict[str, str] = {}
    rows: Iterable[Sequence[str]] = csv.reader(io.StringIO("\n".join(lines[1:] if "digest" in header else lines)))
    at = header.index("digest") if "digest" in header else 0
    kind = header.index("category") if "category" in header else -1
    for row in rows:
        digest = row[at].strip().lower() if len(row) > at else ""
        if re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}", digest):
            found[digest] = row[kind].strip()[:60] if 0 <= kind < len(row) else ""
    return found
