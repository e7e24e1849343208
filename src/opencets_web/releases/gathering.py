"""What leaves with a part release: the items given, the digests of what they come from, and nothing else of the case.

Read as the releasing officer through the door; what other agencies brought in or released under originator control is refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import cached_property

from opencets import __version__
from opencets.errors import ActRefused
from opencets.packing.dossier import Original
from opencets.packing.package import Row, seal, sign_notice
from opencets.packing.part import MARKS, RECORDS, Handover, MarkAlone, mark_names, part_parts
from opencets.values.handling import label_of
from opencets_web.audit.log import canonical
from opencets_web.audit.signing import signing_key
from opencets_web.disclosure.gathering import original_name, with_claims
from opencets_web.evidence.models import Claim, CustodyEntry, Exhibit, ExhibitFile, ExhibitState, Record
from opencets_web.evidence.vault import piece_opening
from opencets_web.marks import releasing as marks
from opencets_web.marks.models import Mark
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.releases.models import ItemKind, PartRelease, ReleaseItem
from opencets_web.sharing.origin import origins_of, refusal

AT_ONCE = 500
UNDECIDED = "Not decided yet."


def where(record: Record) -> str:
    """Where a record stands, in words: exhibit, files inward, place."""
    return " › ".join((record.exhibit.reference, *record.file.path, *([record.place] if record.place else [])))


@dataclass
class PartGathering:
    """A part release and its items as the actor may give them. Inside one transaction of the actor's."""

    actor: Actor
    release: PartRelease
    tick: Callable[[int], object] = field(default=lambda count: None)

    @cached_property
    def weighed(self) -> list[ReleaseItem]:
        """Every item, given or not."""
        rows = door.visible(self.actor, ReleaseItem.objects.filter(part_release=self.release))
        rows = rows.select_related(
            "exhibit__received_by", "file__blob", "file__exhibit", "record__file", "record__exhibit", "mark"
        )
        return list(rows.order_by("kind", "added_at", "id"))

    @cached_property
    def items(self) -> list[ReleaseItem]:
        """The items that are given."""
        return [item for item in self.weighed if item.given]

    def refuse(self) -> None:
        """ActRefused: nothing is given, something is not decided, or an item is not ours to give."""
        if any(not item.given and item.reason == UNDECIDED for item in self.weighed):
            raise ActRefused("Some items are not decided yet: say yes or no to each.")
        if not self.items:
            raise ActRefused("Nothing is given: say yes to at least one item, or decline the request.")
        origins = origins_of(self.actor, self.release.case_id)
        for item in self.items:
            exhibit = item.exhibit
            if exhibit.state == ExhibitState.CANCELLED or exhibit.received_by.agency_id != self.release.agency_id:
                raise ActRefused(
                    f"{exhibit.reference} cannot be released: it was cancelled, or another agency brought it in; they release it."
                )
            why = refusal(origins[exhibit.id], self.release.recipients) if exhibit.id in origins else ""
            if why:
                raise ActRefused(f"{exhibit.reference} cannot be released. {why}")
            if item.kind == ItemKind.FILE and (item.file is None or item.file.blob is None or not _digest(item.file)):
                raise ActRefused("A file cannot be released before it is read, or where only its digest is kept.")
            if item.mark is not None:
                marks.region_to_release(self.actor, item.mark)

    # --- What it is -----------------------------------------------------------------------------------------------

    @cached_property
    def _whole(self) -> dict[UUID, ReleaseItem]:
        return {item.exhibit_id: item for item in self.items if item.kind == ItemKind.EXHIBIT}

    @cached_property
    def exhibits(self) -> list[Exhibit]:
        """The exhibits that something comes from."""
        found = {item.exhibit_id: item.exhibit for item in self.items}
        return sorted(found.values(), key=lambda exhibit: exhibit.reference)

    @cached_property
    def _named(self) -> dict[UUID, str]:
        return {exhibit.id: exhibit.reference for exhibit in self.exhibits}

    @cached_property
    def _masked(self) -> dict[UUID, set[UUID]]:
        return {item.record_id: set(item.masked) for item in self.items if item.record_id}

    @cached_property
    def _file_ids(self) -> set[UUID]:
        """The files of single records and files, with the containers they lie in."""
        ids = {item.file_id for item in self.items if item.file_id}
        ids |= {item.record.file_id for item in self.items if item.record is not None}
        waiting = {row for row in ids if row is not None}
        found = set(waiting)
        while waiting:
            rows = door.visible(self.actor, ExhibitFile.objects.filter(pk__in=waiting)).exclude(parent=None)
            waiting = {row for row in rows.values_list("parent_id", flat=True) if row is not None} - found
            found |= waiting
        return found

    def _files(self) -> QuerySet[ExhibitFile]:
        rows = door.visible(self.actor, ExhibitFile.objects.all())
        return rows.filter(Q(pk__in=self._file_ids) | Q(exhibit_id__in=list(self._whole)))

    def _originals(self) -> QuerySet[ExhibitFile]:
        whole = [key for key, item in self._whole.items() if item.originals]
        single = [item.file_id for item in self.items if item.kind == ItemKind.FILE]
        rows = door.visible(self.actor, ExhibitFile.objects.filter(blob__isnull=False))
        rows = rows.filter(Q(pk__in=single) | Q(exhibit_id__in=whole, parent=None))
        return rows.select_related("blob").order_by("exhibit__reference", "id")

    @cached_property
    def _original_ids(self) -> set[UUID]:
        return set(self._originals().values_list("id", flat=True))

    def _records(self) -> QuerySet[Record]:
        """Single records, and those of exhibits whose originals stay: where the original goes along, they are read of it anew."""
        whole = [key for key, item in self._whole.items() if not item.originals]
        single = [item.record_id for item in self.items if item.record_id]
        rows = door.visible(self.actor, Record.objects.filter(case_id=self.release.case_id))
        return rows.filter(Q(pk__in=single) | Q(exhibit_id__in=whole, retired_at=None))

    @cached_property
    def _marks(self) -> list[Mark]:
        return [item.mark for item in self.items if item.mark is not None]

    def expected(self) -> int:
        """How many steps the work has, for a bar."""
        return self._records().count() + self._files().count()

    # --- What the officer is shown -----------------------------------------------------------------------------------

    def counted(self) -> tuple[tuple[str, int, int | None], ...]:
        """What leaves, file by file of the package: its name, how many rows, its size where that is known before."""
        originals = [
            (original_name(self._named[file.exhibit_id], file), 1, file.size) for file in self._originals()[:AT_ONCE]
        ]
        return (
            (RECORDS, self._records().count(), None),
            ("files.jsonl", self._files().count(), None),
            ("exhibits.jsonl", len(self.exhibits), None),
            *([(MARKS, len(self._marks), None)] if self._marks else ()),
            *((name, 1, None) for mark in self._marks for name in mark_names(mark.id, mark.name)),
            *originals,
        )

    def sizes(self) -> tuple[int, int]:
        """How many originals go along, and their bytes."""
        found = self._originals().aggregate(total=Sum("size", default=0))
        return len(self._original_ids), int(found["total"])

    def seen(self) -> str:
        """A digest of all that was shown: what is released is what was looked at, or it is refused."""
        told = {
            "items": [
                [str(item.id), item.kind, item.given, item.reason, item.originals, sorted(map(str, item.masked))]
                for item in self.weighed
            ],
            "records": self._records().count(), "files": self._files().count(), "originals": self.sizes(),
            "marks": [[str(mark.id), mark.name, mark.kind, mark.description] for mark in self._marks],
            "terms": [
                self.release.recipients, self.release.officer_names, self.release.purpose, self.release.legal_basis,
                self.release.handling, self.release.conditions, self.release.until_on, self.release.controlled, self._tlp,
            ],
        }  # fmt: skip
        return sha256(canonical(told).encode()).hexdigest()

    @property
    def _tlp(self) -> str:
        return self.release.case.holding.tlp

    def left_out(self) -> list[Row]:
        """What is not in it, how much, and why, as the package says it."""
        reasons: dict[tuple[str, str], int] = defaultdict(int)
        for item in self.weighed:
            if not item.given:
                reasons[(f"{ItemKind(item.kind).label}s", item.reason)] += 1
        found: list[Row] = [
            {"what": what, "count": count, "why": why} for (what, why), count in sorted(reasons.items())
        ]
        masked = sum(len(claims) for claims in self._masked.values())
        if masked:
            found.append(
                {"what": "Claims of records", "count": masked, "why": "The sender left them out of their records."}
            )
        rest = "Title, notes, log and everything else of the case: only a part is released."
        return [*found, {"what": "The rest of the case", "count": 1, "why": rest}]

    # --- The package ----------------------------------------------------------------------------------------------

    def handover(self, made_at: datetime) -> Handover:
        """The part as packages tell it; the streams read as they are written."""
        release, agency = self.release, self.release.case.agency
        label = label_of(release.handling, self._tlp, release.conditions, agency.short_name)
        terms = {
            "id": str(release.id),
            "made_at": _iso(made_at),
            "recipients": release.recipients,
            "to": {"agency": release.recipients, "officers": list(release.officer_names)},
            "purpose": release.purpose,
            "legal_basis": release.legal_basis,
            "handling": release.handling,
            "tlp": label.tlp,
            "label": label.text(),
            "conditions": release.conditions,
            "until": release.until_on.isoformat() if release.until_on else "",
            "originator_control": release.controlled,
            "released_by": release.drafted_by.display_name,
            "agency": agency.name,
            "answers": str(release.asked.request_ref) if release.asked else "",
            "scope": [exhibit.reference for exhibit in self.exhibits],
            "software": __version__,
        }
        contact = {"name": agency.contact_name, "phone": agency.contact_phone, "email": agency.contact_email}
        told = {"reference": release.case.reference, "agency": agency.name, "contact": contact}
        return Handover(
            terms, told, self._exhibit_rows, self._file_rows, self._record_rows, self._original_files, self.left_out,
            self._marks_alone,
        )  # fmt: skip

    def _marks_alone(self) -> Iterator[MarkAlone]:
        for mark in self._marks:
            row, picture, features = marks.alone(self.actor, mark)
            yield MarkAlone(row, picture, features)

    def _exhibit_rows(self) -> Iterator[Row]:
        origins = origins_of(self.actor, self.release.case_id)
        for exhibit in self.exhibits:
            whole, origin = exhibit.id in self._whole, origins.get(exhibit.id)
            custody = door.visible(self.actor, CustodyEntry.objects.filter(exhibit=exhibit)) if whole else ()
            yield {
                "id": str(exhibit.id),
                "reference": exhibit.reference,
                "title": exhibit.title if whole else "",
                "received_at": _iso(exhibit.received_at),
                "whole": whole,
                "custody": [{"at": _iso(entry.at), "act": entry.act, "sentence": entry.sentence} for entry in custody],
                "origin": {
                    "agency": origin.from_name, "package": str(origin.release_ref), "sha256": origin.sha256,
                    "handling": origin.handling, "conditions": origin.conditions,
                } if origin else None,
            }  # fmt: skip

    def _file_rows(self) -> Iterator[Row]:
        rows = self._files().select_related("blob").order_by("exhibit__reference", "id")
        for file in rows.iterator(chunk_size=AT_ONCE):
            self.tick(1)
            row: Row = {
                "id": str(file.id),
                "exhibit": self._named[file.exhibit_id],
                "path": file.path,
                "size": file.size,
                "md5": file.md5,
                "sha1": file.sha1,
                "sha256": _digest(file),
                "reader": file.format,
            }
            if file.id in self._original_ids:
                row["original"] = original_name(self._named[file.exhibit_id], file)
            yield row

    def _record_rows(self) -> Iterator[Row]:
        for record, claims in with_claims(self.actor, self._records().select_related("file", "exhibit").order_by("id")):
            self.tick(1)
            yield {
                "id": str(record.id),
                "exhibit": self._named[record.exhibit_id],
                "file": str(record.file_id),
                "path": record.file.path,
                "place": record.place,
                "where": where(record),
                "kind": record.kind,
                "reader": record.reader,
                "label": "" if self._masked.get(record.id) else record.label,
                "at": record.at_text,
                "claims": [self._claim_row(claim) for claim in claims],
            }

    def _claim_row(self, claim: Claim) -> Row:
        if claim.id in self._masked.get(claim.record_id, ()):
            return {"property": claim.property, "kind": claim.kind, "masked": True}
        return {
            "property": claim.property,
            "kind": claim.kind,
            "raw": claim.raw,
            "normal": claim.normal,
            "role": claim.role,
            "note": claim.note,
        }

    def _original_files(self) -> Iterator[Original]:
        for file in self._originals().iterator(chunk_size=AT_ONCE):
            assert file.blob is not None
            name = original_name(self._named[file.exhibit_id], file)
            yield Original(name, file.size, piece_opening(file.blob, file.blob_offset, file.size))

    def sealed(self) -> Iterator[bytes]:
        """The bytes of the signed package, as the case is read."""
        handover = self.handover(timezone.now())
        return seal(part_parts(handover), handover.header(), signing_key(Path(settings.HOME)))


def _digest(file: Any) -> str:
    """The SHA-256 of a file, where it is known: its own, or that of the blob that holds it alone."""
    if file.sha256:
        return str(file.sha256)
    return str(file.blob.sha256) if file.blob and not file.blob_offset and not file.parent_id else ""


def _iso(at: datetime | None) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else ""


def matching_records(actor: Actor, case_id: UUID, values: Iterable[Sequence[str]]) -> QuerySet[Record]:
    """The standing records of a case that assert one of these values, in order."""
    claims = Claim.objects.none()
    for kind, _, normal in values:
        claims = claims | Claim.objects.filter(case_id=case_id, kind=kind, normal=normal)
    rows = door.visible(actor, Record.objects.filter(case_id=case_id, retired_at=None))
    return rows.filter(pk__in=door.visible(actor, claims).values("record_id")).order_by("at_text", "id")


def withdrawal_notice(release: PartRelease) -> bytes:
    """The signed notice that a release is withdrawn."""
    assert release.withdrawn_at is not None
    return sign_notice(
        {
            "kind": "withdrawal", "package": str(release.id), "sha256": release.sha256, "case": release.case.reference,
            "agency": release.case.agency.name, "recipients": release.recipients, "reason": release.withdrawn_because,
            "on": release.withdrawn_at.date().isoformat(),
            "asks": "Destroy the package and every copy of it, and confirm that you did.",
        },
        signing_key(Path(settings.HOME)),
    )  # fmt: skip
