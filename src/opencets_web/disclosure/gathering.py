"""What of a case may go into a package: read as the releasing officer, row after row, with what is left out and why.

Originator control: what officers of another agency brought into the case, and findings that reach into another agency's cases,
are not passed on. Findings that reach into other cases of the own agency go along only when chosen, where those cases have
code P and are not restricted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

from opencets import __version__
from opencets.errors import ActRefused
from opencets.packing.case_uco import case_uco_parts
from opencets.packing.dossier import Dossier, Original, disclosure_parts
from opencets.packing.package import Part, Row, seal
from opencets.packing.verify import key_id
from opencets.packing.vics import vics_parts
from opencets.values.handling import Label
from opencets_web.accounts.models import Officer
from opencets_web.audit.models import Act
from opencets_web.audit.signing import signing_key
from opencets_web.audit.verbs import VERBS
from opencets_web.cases.models import Case, CaseKind, Note, PartnerNumber
from opencets_web.disclosure.models import Package, PackageFormat
from opencets_web.disclosure.proving import Proofs, prove
from opencets_web.entities.models import Judgement, Match, Verdict
from opencets_web.evidence.models import Claim, CustodyEntry, Exhibit, ExhibitFile, ExhibitState, Record, ReportLine
from opencets_web.evidence.vault import piece_opening
from opencets_web.leads.models import Connection
from opencets_web.leads.queries import visible_connections
from opencets_web.media.models import Media, NearDuplicate
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import label_over
from opencets_web.policy.models import Handling, Holding, Tlp
from opencets_web.policy.rules import may_release
from opencets_web.sharing.models import Origin
from opencets_web.sharing.origin import origins_of, refusal

AT_ONCE = 500
PARTS: dict[str, Callable[[Dossier], Iterator[Part]]] = {
    PackageFormat.DISCLOSURE.value: disclosure_parts,
    PackageFormat.CASE_UCO.value: case_uco_parts,
    PackageFormat.VICS.value: vics_parts,
}
"""What each format puts into a package."""
TOLD_VERBS = (
    "band", "camera-match", "cameras", "case", "checklist", "clock", "decision", "entities", "entity", "exhibit", "file",
    "fingerprint", "footage", "gallery", "grades", "grading", "judgement", "languages", "mark", "marks", "mask", "match",
    "matches", "media", "messages", "note", "number", "patterns", "positions", "purpose", "record", "series", "step", "text",
    "texts",
)  # fmt: skip
"""Families of acts whose lines go along: what was done with the case and what is in it."""
WITHHELD_VERBS = (
    # between agencies, and into other cases
    "alert", "alerts", "connection", "connections", "conflict", "declaration", "deconfliction", "invitation", "link",
    "operation", "package", "packages", "part", "part-release", "part-request", "parts", "partner-key", "paths", "release",
    "release-rule", "request", "search", "sharing", "target", "value", "values", "watch", "watches",
    # who was told, given or asked what: officers of partners are named there, and providers whose answer is still to come
    # of sightings, before a case takes them in
    "jurisdiction", "jurisdictions", "known-files", "lead", "leads", "sensor", "sensors", "sightings",
    "chart", "comment", "deadline", "inquiries", "inquiry", "notice", "standards", "task",
    # of supervised people: what is told of them is a breach report, with what its condition allows
    "appointment", "assessment", "breach-report", "contact", "device", "fault", "faults", "hit", "hits", "known-list", "library",
    "order", "plan", "supervised", "supervision",
    # votes, which are independent, and what became of them outside the case
    "disagreement", "disagreements", "entries", "entry", "grading-rule", "round", "votes",
    # of the machine and its people
    "account", "agency", "audit", "backup", "certification", "cover", "desk", "door", "emergency", "exposure", "federation",
    "hash-entries", "hash-entry", "hash-set", "hash-sets", "key", "letterhead", "officer", "officers", "provider",
    "providers", "push", "quiet-hours", "review", "sensor", "weights",
)  # fmt: skip
"""Families of acts of which only the place in the log goes along. Each family stands here or above: a test asks."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a case is to be released. ``exhibits`` empty: the whole case; ``originals``: exhibits whose files go along."""

    format: str
    recipients: str
    purpose: str
    conditions: str = ""
    until_on: date | None = None
    exhibits: tuple[str, ...] = ()
    originals: tuple[str, ...] = ()
    other_cases: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not passed on. ``told``: whether the package itself says so (a hint at another agency's case does not go out)."""

    what: str
    count: int
    why: str
    told: bool = True


def with_claims(actor: Actor, rows: QuerySet[Record]) -> Iterator[tuple[Record, list[Claim]]]:
    """Each record in the order given, with the claims of it that the actor may see; some hundred at once, whatever their number."""
    found = rows.iterator(chunk_size=AT_ONCE)
    while records := list(islice(found, AT_ONCE)):
        claims: dict[UUID, list[Claim]] = defaultdict(list)
        ids = [record.id for record in records]
        for claim in door.visible(actor, Claim.objects.filter(record_id__in=ids)).order_by("id"):
            claims[claim.record_id].append(claim)
        for record in records:
            yield record, claims[record.id]


@dataclass
class Gathering:
    """A case and a choice, as the actor may release them; each stream is read once. Inside one transaction of the actor's."""

    actor: Actor
    case: Case
    choice: Choice
    tick: Callable[[int], object] = lambda count: None
    _proofs: Proofs = field(default_factory=Proofs)

    # --- What may go ------------------------------------------------------------------------------------------------

    @cached_property
    def exhibits(self) -> list[Exhibit]:
        """The exhibits that go along. ActRefused: one that was chosen is not the case's, or not ours to pass on."""
        rows = door.visible(self.actor, Exhibit.objects.filter(case=self.case)).select_related("received_by")
        rows = rows.exclude(state=ExhibitState.CANCELLED)
        own = {row.reference: row for row in rows.order_by("reference") if self._is_own(row)}
        held = {row.reference: why for row in own.values() if (why := self._held_back(row))}
        own = {reference: row for reference, row in own.items() if reference not in held}
        for reference in (*self.choice.exhibits, *self.choice.originals):
            if reference in held:
                raise ActRefused(f"{reference} cannot be released. {held[reference]}")
            if reference not in own:
                raise ActRefused(
                    f"{reference} cannot be released: it is no exhibit of {self.case.reference}, or another agency brought it in; "
                    "they release it themselves."
                )
        return [row for row in own.values() if not self.choice.exhibits or row.reference in self.choice.exhibits]

    def _is_own(self, exhibit: Exhibit) -> bool:
        return exhibit.received_by.agency_id == self.case.agency_id

    @cached_property
    def _origins(self) -> dict[UUID, Origin]:
        return origins_of(self.actor, self.case.id)

    def _held_back(self, exhibit: Exhibit) -> str:
        """Why what another agency released to us is not passed on to these recipients; empty where it may be."""
        origin = self._origins.get(exhibit.id)
        return refusal(origin, self.choice.recipients) if origin is not None else ""

    @property
    def whole(self) -> bool:
        """Whether the whole case was chosen."""
        return not self.choice.exhibits

    @cached_property
    def _exhibit_ids(self) -> list[UUID]:
        return [exhibit.id for exhibit in self.exhibits]

    @cached_property
    def _named(self) -> dict[UUID, str]:
        return {exhibit.id: exhibit.reference for exhibit in self.exhibits}

    @cached_property
    def _others(self) -> set[UUID]:
        """Holdings of other cases of the own agency into which findings may reach."""
        if not self.choice.other_cases:
            return set()
        rows = Holding.objects.filter(agency_id=self.case.agency_id, handling=Handling.PERMITTED, restricted=False)
        rows = rows.exclude(tlp=Tlp.RED)
        return set(door.visible(self.actor, rows).exclude(pk=self.case.holding_id).values_list("id", flat=True))

    def _records(self) -> QuerySet[Record]:
        return door.visible(self.actor, Record.objects.filter(case=self.case, exhibit_id__in=self._exhibit_ids))

    def _files(self) -> QuerySet[ExhibitFile]:
        return door.visible(self.actor, ExhibitFile.objects.filter(exhibit_id__in=self._exhibit_ids))

    def _media(self) -> QuerySet[Media]:
        return door.visible(self.actor, Media.objects.filter(case=self.case, file__exhibit_id__in=self._exhibit_ids))

    def _originals(self) -> QuerySet[ExhibitFile]:
        chosen = [exhibit.id for exhibit in self.exhibits if exhibit.reference in self.choice.originals]
        rows = door.visible(
            self.actor, ExhibitFile.objects.filter(exhibit_id__in=chosen, parent=None, blob__isnull=False)
        )
        return rows.select_related("blob").order_by("exhibit__reference", "id")

    def _between(self, rows: QuerySet[Any], of: str) -> QuerySet[Any]:
        """Of rows about two sides, those whose sides both go along; ``of`` leads from a side to its exhibit."""
        ours = {side: Q(**{f"{side}{of}exhibit_id__in": self._exhibit_ids}) for side in ("left__", "right__")}
        near = ours["left__"] & ours["right__"]
        if self._others:
            near |= ours["left__"] & Q(right_holding_id__in=self._others)
            near |= ours["right__"] & Q(left_holding_id__in=self._others)
        return rows.filter(near)

    def expected(self) -> int:
        """How many steps the work has, for a bar."""
        bytes_ = sum(self._originals().values_list("size", flat=True).iterator()) if self.choice.originals else 0
        steps = self._records().count() + self._files().count() + self._media().count() + bytes_ // 1_000_000
        return steps + sum(1 for _ in self.exhibits)

    def counted(self) -> Iterator[tuple[str, int]]:
        """What would be in the package, and how many of each."""
        exhibits = self._exhibit_ids
        yield "Exhibits with their custody", len(exhibits)
        yield "Files, by name and digest", self._files().count()
        yield "Records", self._records().filter(retired_at=None).count()
        yield "Pictures and videos, by digest", self._media().count()
        yield (
            "Places not read",
            door.visible(
                self.actor,
                ReportLine.objects.filter(exhibit_id__in=exhibits, retired_at=None).exclude(code__startswith="note:"),
            ).count(),
        )
        yield "Suggested matches", self._between(door.visible(self.actor, Match.objects.all()), "").count()
        yield "Decisions on matches", self._between(door.visible(self.actor, Judgement.objects.all()), "").count()
        yield "Connections to other cases", sum(1 for _ in self._connection_rows())
        if self.whole:
            yield (
                "Notes",
                door.visible(
                    self.actor, Note.objects.filter(case=self.case, author__agency_id=self.case.agency_id)
                ).count(),
            )
            yield "Acts of the log", Act.objects.filter(holding_id=self.case.holding_id).count()
        if self.choice.originals:
            yield "Originals, as received", self._originals().count()

    # --- What stays -------------------------------------------------------------------------------------------------

    def left_out(self) -> list[LeftOut]:
        """What of the case is not in the package, how much of it, and why."""
        case, found = self.case, list[LeftOut]()
        every = door.visible(self.actor, Exhibit.objects.filter(case=case)).select_related("received_by")
        standing = list(every.exclude(state=ExhibitState.CANCELLED))
        foreign = [row for row in standing if not self._is_own(row)]
        if foreign:
            found.append(LeftOut("Exhibits", len(foreign), "Another agency brought them in: only they release them."))
        held = [row for row in standing if self._is_own(row) and self._held_back(row)]
        if held:
            found.append(
                LeftOut("Exhibits", len(held), "Another agency released them to us: they are passed on once it agrees.")
            )
        if not self.whole:
            rest = len(standing) - len(foreign) - len(held) - len(self.exhibits)
            found.append(LeftOut("Exhibits", rest, "They were not chosen."))
            found.append(
                LeftOut("Notes, and the log beyond the exhibits", 1, "Only exhibits are released, not the whole case.")
            )
        waiting = [row for row in self.exhibits if row.state not in (ExhibitState.READ, ExhibitState.REFUSED)]
        if waiting:
            found.append(
                LeftOut("Exhibits not read to the end", len(waiting), "They are in it as far as they were read.")
            )
        without = [row for row in self.exhibits if row.reference not in self.choice.originals]
        if without:
            why = "No original was asked for: the package has what was read of them, and their digests."
            found.append(LeftOut("Originals of exhibits", len(without), why))
        found += self._left_out_between()
        return [entry for entry in found if entry.count > 0]

    def _left_out_between(self) -> list[LeftOut]:
        """Findings that reach out of the release: into other agencies' cases, and into other cases of the own agency."""
        found = []
        here = Q(left_case=self.case) | Q(right_case=self.case)
        rows = visible_connections(self.actor).filter(here)
        foreign = rows.exclude(left_agency_id=self.case.agency_id, right_agency_id=self.case.agency_id).count()
        kept = sum(1 for _ in self._connection_rows())
        if foreign:
            why = "They reach into what another agency released to you: ask that agency."
            found.append(LeftOut("Connections to cases of other agencies", foreign, why, told=False))
        why = (
            "They reach into cases with handling code C, restricted cases, or through more than the release holds."
            if self.choice.other_cases
            else "They reach into other cases of your agency, and that was not chosen."
        )
        found.append(LeftOut("Connections to other cases", rows.count() - foreign - kept, why, told=False))
        for what, rows_, of in (
            ("Suggested matches", door.visible(self.actor, Match.objects.filter(retired_at=None)), ""),
            ("Decisions on matches", door.visible(self.actor, Judgement.objects.all()), ""),
            ("Look-alike pictures", door.visible(self.actor, NearDuplicate.objects.all()), "file__"),
        ):
            touching = rows_.filter(
                Q(**{f"left__{of}exhibit_id__in": self._exhibit_ids})
                | Q(**{f"right__{of}exhibit_id__in": self._exhibit_ids})
            )
            rest = touching.count() - self._between(rows_, of).count()
            found.append(LeftOut(what, rest, "Their other side is not in this release.", told=False))
        return found

    # --- The dossier ------------------------------------------------------------------------------------------------

    def dossier(self, package_id: UUID, made_at: datetime) -> Dossier:
        """The case as packages tell it; the streams read as they are written."""
        case, choice = self.case, self.choice
        numbers = door.visible(self.actor, PartnerNumber.objects.filter(case=case, removed_at=None))
        label = self._label()
        release = {
            "id": str(package_id),
            "format": choice.format,
            "made_at": _iso(made_at),
            "recipients": choice.recipients,
            "purpose": choice.purpose,
            "handling": label.code,
            "tlp": label.tlp,
            "conditions": choice.conditions,
            "originator": " and ".join(label.originators),
            "label": label.text(),
            "until": choice.until_on.isoformat() if choice.until_on else "",
            "released_by": self.actor.display_name,
            "agency": case.agency.name,
            "scope": "case" if self.whole else [exhibit.reference for exhibit in self.exhibits],
            "originals_of": sorted(set(choice.originals)),
            "software": __version__,
        }
        told = {
            "id": str(case.id),
            "reference": case.reference,
            "title": case.title if self.whole else "",
            "kind": CaseKind(case.kind).label,
            "summary": case.summary if self.whole else "",
            "state": case.state,
            "opened_at": _iso(case.opened_at),
            "agency": case.agency.name,
            "contact": {"name": case.agency.contact_name, "phone": case.agency.contact_phone, "email": case.agency.contact_email},
            "numbers": [
                {"partner": row.partner, "number": row.number} for row in numbers.order_by("partner", "number")
            ],
        }  # fmt: skip
        return Dossier(
            release=release,
            case=told,
            exhibits=self._exhibit_rows,
            files=self._file_rows,
            records=self._record_rows,
            media=self._media_rows,
            near_duplicates=self._near_rows,
            skipped=self._skipped_rows,
            matches=self._match_rows,
            judgements=self._judgement_rows,
            connections=self._connection_rows,
            notes=self._note_rows,
            acts=self._act_rows,
            checkpoint=lambda: {"size": self._proofs.size, "root": self._proofs.root, "at": self._proofs.at},
            originals=self._original_files,
            left_out=lambda: [
                {"what": entry.what, "count": entry.count, "why": entry.why} for entry in self.left_out() if entry.told
            ],
        )

    def _exhibit_rows(self) -> Iterator[Row]:
        for exhibit in self.exhibits:
            custody = door.visible(self.actor, CustodyEntry.objects.filter(exhibit=exhibit)).select_related("officer")
            self.tick(1)
            yield {
                "id": str(exhibit.id),
                "reference": exhibit.reference,
                "title": exhibit.title,
                "state": ExhibitState(exhibit.state).label,
                "received_by": exhibit.received_by.display_name,
                "begun_at": _iso(exhibit.begun_at),
                "received_at": _iso(exhibit.received_at),
                "read_at": _iso(exhibit.read_at),
                "files": max(exhibit.files_found, exhibit.files_received),
                "bytes": max(exhibit.bytes_found, exhibit.bytes_received),
                "records": exhibit.records_read,
                "skipped": exhibit.lines_skipped,
                "corrections": exhibit.options,
                **self._origin_row(exhibit),
                "custody": [
                    {
                        "at": _iso(entry.at),
                        "officer": self._who(entry.officer_id, entry.officer.agency_id),
                        "act": entry.act,
                        "sentence": entry.sentence if entry.officer.agency_id == self.case.agency_id else entry.act,
                    }
                    for entry in custody.order_by("at", "id")
                ],
            }

    def _origin_row(self, exhibit: Exhibit) -> Row:
        """Who released it to us, and under which terms: labels survive the export."""
        origin = self._origins.get(exhibit.id)
        if origin is None:
            return {}
        return {
            "origin": {
                "agency": origin.from_name, "package": str(origin.release_ref), "sha256": origin.sha256,
                "handling": origin.handling, "conditions": origin.conditions,
                "until": origin.until_on.isoformat() if origin.until_on else "", "originator_control": origin.controlled,
            }
        }  # fmt: skip

    def _file_rows(self) -> Iterator[Row]:
        for file in self._files().select_related("blob").order_by("exhibit_id", "id").iterator(chunk_size=AT_ONCE):
            self.tick(1)
            digest = file.sha256 or (
                file.blob.sha256 if file.blob and not file.blob_offset and not file.parent_id else ""
            )
            row: Row = {
                "id": str(file.id),
                "exhibit": self._named[file.exhibit_id],
                "path": file.path,
                "size": file.size,
                "md5": file.md5,
                "sha1": file.sha1,
                "sha256": digest,
                "media_type": file.media_type,
                "reader": file.format,
                "state": file.state,
                "read_at": _iso(file.read_at),
                "readings": file.reading + 1,
                "corrections": file.options,
                "records": file.records_read,
                "not_read": file.lines_skipped,
                "note": file.note,
            }
            if self._goes_along(file):
                row["original"] = original_name(self._named[file.exhibit_id], file)
            yield row

    def _goes_along(self, file: ExhibitFile) -> bool:
        return (
            file.parent_id is None
            and file.blob_id is not None
            and self._named[file.exhibit_id] in self.choice.originals
        )

    def _record_rows(self) -> Iterator[Row]:
        for record, claims in with_claims(self.actor, self._records().select_related("file").order_by("id")):
            self.tick(1)
            yield {
                "id": str(record.id),
                "exhibit": self._named[record.exhibit_id],
                "file": str(record.file_id),
                "path": record.file.path,
                "place": record.place,
                "where": self._where(record),
                "kind": record.kind,
                "reader": record.reader,
                "reading": record.reading,
                "read_at": _iso(record.read_at),
                "retired_at": _iso(record.retired_at),
                "label": record.label,
                "at": record.at_text,
                "conversation": record.conversation,
                "body": record.body,
                "extra": record.extra,
                "claims": [
                    {
                        "property": claim.property,
                        "kind": claim.kind,
                        "raw": claim.raw,
                        "normal": claim.normal,
                        "role": claim.role,
                        "note": claim.note,
                        "too_common_to_link": claim.generic,
                    }
                    for claim in claims
                ],
            }

    def _media_rows(self) -> Iterator[Row]:
        rows = self._media().select_related("file", "known_set", "record").order_by("id")
        for media in rows.iterator(chunk_size=AT_ONCE):
            self.tick(1)
            known = media.known_set
            yield {
                "id": str(media.id),
                "record": str(media.record_id),
                "exhibit": self._named[media.file.exhibit_id],
                "path": media.file.path,
                "where": self._where(media.record, media.file),
                "name": media.file.name,
                "size": media.file.size,
                "md5": media.file.md5,
                "sha1": media.file.sha1,
                "sha256": media.sha256,
                "media_type": media.media_type,
                "width": media.width,
                "height": media.height,
                "duration": media.duration,
                "pdq": bytes(media.pdq).hex() if media.pdq else "",
                "pdq_quality": media.quality,
                "taken_at": media.taken_at,
                "known_as": list(media.known_as),
                "known_set": _set_name(known, self.case.agency_id),
                "known_distance": media.known_distance,
                "trouble": media.trouble,
                "original": original_name(self._named[media.file.exhibit_id], media.file)
                if self._goes_along(media.file)
                else "",
            }

    def _near_rows(self) -> Iterator[Row]:
        rows = self._between(door.visible(self.actor, NearDuplicate.objects.all()), "file__").order_by("id")
        for row in rows.iterator(chunk_size=AT_ONCE):
            yield {
                "left": str(row.left_id),
                "right": str(row.right_id),
                "bits_apart": row.distance,
                "left_second": row.left_second,
                "right_second": row.right_second,
                "found_at": _iso(row.found_at),
            }

    def _skipped_rows(self) -> Iterator[Row]:
        rows = door.visible(self.actor, ReportLine.objects.filter(exhibit_id__in=self._exhibit_ids))
        for line in rows.order_by("exhibit_id", "path", "id").iterator(chunk_size=AT_ONCE):
            yield {
                "exhibit": self._named[line.exhibit_id],
                "path": line.path,
                "place": line.place,
                "where": f"{line.path} › {line.place}" if line.place else line.path,
                "code": line.code.removeprefix("note:"),
                "guess": line.code.startswith("note:"),
                "sentence": line.sentence,
                "reading": line.reading,
                "retired_at": _iso(line.retired_at),
            }

    def _match_rows(self) -> Iterator[Row]:
        rows = self._between(door.visible(self.actor, Match.objects.all()), "").select_related(*_SIDES)
        for row in rows.order_by("-probability", "id").iterator(chunk_size=AT_ONCE):
            yield {
                "id": str(row.id),
                **self._sides(row),
                "probability": row.probability,
                "bits": row.bits,
                "reasons": row.reasons,
                "because": [str(reason.get("sentence", "")) for reason in row.reasons],
                "model": row.model,
                "found_at": _iso(row.found_at),
                "retired_at": _iso(row.retired_at),
            }

    def _judgement_rows(self) -> Iterator[Row]:
        rows = self._between(door.visible(self.actor, Judgement.objects.all()), "")
        rows = rows.select_related(*_SIDES, "by", "undone_by").order_by("at", "id")
        for row in rows.iterator(chunk_size=AT_ONCE):
            ours = row.by.agency_id == self.case.agency_id
            yield {
                "id": str(row.id),
                **self._sides(row),
                "verdict": Verdict(row.verdict).label,
                "reason": row.reason if ours else "Given by an officer of another agency.",
                "by": self._who(row.by_id, row.by.agency_id),
                "at": _iso(row.at),
                "undone_at": _iso(row.undone_at),
                "undone_by": self._who(row.undone_by_id, row.undone_by.agency_id) if row.undone_by else "",
            }

    def _sides(self, row: Match | Judgement) -> Row:
        told: Row = {}
        for side in ("left", "right"):
            record: Record = getattr(row, side)
            elsewhere = "" if record.case_id == self.case.id else f"{record.case.reference} › "
            told[side] = str(record.id)
            told[f"{side}_label"] = record.label
            told[f"{side}_where"] = elsewhere + self._where(record)
        return told

    def _label(self) -> Label:
        """The label of the package: that of the case and of every case that a finding in it reaches.

        Of the case's own conditions those stand that were chosen for this release.
        """
        reached = {self.case.holding_id}
        for row in self._connections_told():
            reached |= {row.left_holding_id, row.right_holding_id, *cast("list[UUID]", row.through)}
        label = label_over(self.actor, reached)
        own, chosen = (" ".join(text.split()) for text in (self.case.holding.conditions, self.choice.conditions))
        conditions = {*label.conditions, chosen} - {"", own if chosen else ""}
        return replace(label, conditions=tuple(sorted(conditions)))

    def _connections_told(self) -> Iterator[Connection]:
        """Connections into cases that may be told of, with every holding on them; of the whole case only."""
        if not (self._others and self.whole):
            return
        here = Q(left_case=self.case) | Q(right_case=self.case)
        rows = visible_connections(self.actor).filter(here).select_related("left_case", "right_case")
        for row in rows.order_by("-strength", "id").iterator(chunk_size=AT_ONCE):
            other = row.right_case if row.left_case_id == self.case.id else row.left_case
            if {other.holding_id, *row.through} <= self._others | {self.case.holding_id}:
                yield row

    def _connection_rows(self) -> Iterator[Row]:
        for row in self._connections_told():
            other = row.right_case if row.left_case_id == self.case.id else row.left_case
            yield {
                "id": str(row.id),
                "other_case": other.reference,
                "sentence": row.sentence,
                "kinds": list(row.kinds),
                "probability": row.probability,
                "bits": row.bits,
                "strength": row.strength,
                "paths": row.paths,
                "steps": [_step(tie) for path in row.paths[:3] for tie in path.get("steps", [])],
                "model": row.model,
                "found_at": _iso(row.found_at),
            }

    def _note_rows(self) -> Iterator[Row]:
        if not self.whole:
            return
        rows = door.visible(self.actor, Note.objects.filter(case=self.case, author__agency_id=self.case.agency_id))
        for note in rows.select_related("author").order_by("written_at", "id").iterator(chunk_size=AT_ONCE):
            yield {
                "at": _iso(note.written_at),
                "author": note.author.display_name,
                "text": note.text,
                "withdrawn_at": _iso(note.withdrawn_at),
            }

    def _act_rows(self) -> Iterator[Row]:
        self._proofs = prove(
            self.actor, self.case.holding_id, self.case.agency_id, door.level(self.actor, self.case.holding_id)
        )
        subjects = {f"exhibit:{self.case.reference}/{exhibit.reference}" for exhibit in self.exhibits}
        for act in _acts(self.case.holding_id):
            number, proof = self._proofs.of(act["id"])
            row: Row = {"id": act["id"], "leaf": act["leaf"], "leaf_number": number, "proof": proof}
            told = act["verb"].partition(".")[0] in TOLD_VERBS and act["agency_id"] in ("", str(self.case.agency_id))
            if not self.whole and act["subject"] not in subjects:
                continue
            if not told:
                yield {**row, "withheld": True}
                continue
            who = self._who(UUID(act["officer_id"]), self.case.agency_id) if act["officer_id"] else "OpenCETS"
            yield {**act, **row, "who": who, "sentence": VERBS.get(act["verb"], act["verb"])}

    def _original_files(self) -> Iterator[Original]:
        for file in self._originals().iterator(chunk_size=AT_ONCE):
            assert file.blob is not None
            self.tick(file.size // 1_000_000)
            name = original_name(self._named[file.exhibit_id], file)
            yield Original(name, file.size, piece_opening(file.blob, file.blob_offset, file.size))

    # --- Words ------------------------------------------------------------------------------------------------------

    @cached_property
    def _officers(self) -> dict[UUID, str]:
        rows = Officer.objects.filter(agency_id=self.case.agency_id)
        return dict(rows.values_list("id", "display_name"))

    def _who(self, officer_id: UUID | None, agency_id: UUID) -> str:
        """An officer of the own agency by name; of another agency, that they are of another one."""
        if agency_id != self.case.agency_id:
            return "An officer of another agency"
        return self._officers.get(officer_id, "") if officer_id else ""

    def _where(self, record: Record, file: ExhibitFile | None = None) -> str:
        reference = self._named.get(record.exhibit_id) or record.exhibit.reference
        place = (reference, *(file or record.file).path, *([record.place] if record.place else []))
        return " › ".join(place)


_SIDES = ("left__file", "left__exhibit", "left__case", "right__file", "right__exhibit", "right__case")


def original_name(exhibit: str, file: ExhibitFile) -> str:
    """Where an original stands in a package: a plain name with the file's id, so that it is one of a kind."""
    plain = "".join(
        letter if letter.isalnum() or letter in "-_" else "_" for letter in file.name.rpartition(".")[0] or file.name
    )
    ending = (
        "".join(letter for letter in file.name.rpartition(".")[2] if letter.isalnum())[:10] if "." in file.name else ""
    )
    return f"originals/{exhibit}/{file.id.hex}-{plain[:60] or 'file'}" + (f".{ending}" if ending else "")


def _iso(at: datetime | None) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else ""


def _set_name(known: Any, agency_id: UUID) -> str:
    if known is None:
        return ""
    return str(known.name) if known.agency_id == agency_id else "a list of another agency"


def _step(tie: dict[str, Any]) -> str:
    left, right = tie.get("left", {}), tie.get("right", {})
    return (
        f"{left.get('case', '')} {left.get('label', '')} ({left.get('where', '')}) and {right.get('case', '')} "
        f"{right.get('label', '')} ({right.get('where', '')}): {tie.get('sentence', '')}"
    )


def _acts(holding_id: UUID) -> Iterator[Row]:
    """The acts on a holding as their leaves were made (``audit.sealer.LEAF``), as far as the officer may read them."""
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as at, verb,"
                " coalesce(officer_id::text, '') as officer_id, coalesce(agency_id::text, '') as agency_id,"
                " coalesce(holding_id::text, '') as holding_id, coalesce(holding_agency_id::text, '') as holding_agency_id,"
                " subject, details, purpose, address, written_in::text as written_in, encode(leaf, 'hex') as leaf"
                " from audit_act where holding_id = %s and id > %s order by id limit %s",
                [holding_id, last, AT_ONCE],
            )
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        yield from rows
        if len(rows) < AT_ONCE:
            return
        last = rows[-1]["id"]


def choices_of(actor: Actor, case: Case) -> Collection[tuple[str, str, int]]:
    """The exhibits that may be chosen: reference, title, files."""
    rows = door.visible(actor, Exhibit.objects.filter(case=case, received_by__agency_id=case.agency_id))
    rows = rows.exclude(state=ExhibitState.CANCELLED).order_by("reference")
    return [(row.reference, row.title, max(row.files_found, row.files_received)) for row in rows]


def admit_release(actor: Actor, reference: str) -> Case:
    """The case, for whoever may release it. NotFound: not this actor's to see. ActRefused: seen, and not theirs to give."""
    rows = Case.objects.select_related("holding", "agency")
    case = door.admit(actor, rows, reference=reference)
    if case.agency_id != actor.agency_id:
        raise ActRefused(f"{reference} belongs to {case.agency.short_name}: only its owner releases it. Ask them.")
    if not may_release(actor, case.agency_id, door.level(actor, case.holding_id)):
        raise ActRefused(f"Your grant on {reference} does not let you release it.")
    return case


def choice_of(package: Package) -> Choice:
    """What was chosen for a package."""
    return Choice(
        format=package.format,
        recipients=package.recipients,
        purpose=package.purpose,
        conditions=package.conditions,
        until_on=package.until_on,
        exhibits=tuple(package.exhibits),
        originals=tuple(package.originals),
        other_cases=package.other_cases,
    )


def key_ref() -> str:
    """The id of the key that signs packages here."""
    return key_id(signing_key(Path(settings.HOME)).public_key().public_bytes_raw())


def sealed(gathering: Gathering, package_id: UUID) -> Iterator[bytes]:
    """The bytes of the signed package, as the case is read."""
    dossier = gathering.dossier(package_id, timezone.now())
    key = signing_key(Path(settings.HOME))
    return seal(PARTS[gathering.choice.format](dossier), dossier.header(), key)
