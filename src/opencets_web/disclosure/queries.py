"""Reading packages for a page: actor first, frozen pages out.

Packages are the owning agency's own business: a partner on the case sees neither them nor their recipients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.paginator import Page, Paginator

from opencets.errors import NotFound
from opencets.packing.package import sign_notice
from opencets_web.audit import log
from opencets_web.audit.signing import signing_key
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.disclosure.gathering import Choice, Gathering, LeftOut, admit_release, choices_of, key_ref
from opencets_web.disclosure.models import Package, PackageFormat, PackageState, Receipt
from opencets_web.evidence.vault import opening
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

NEWEST = 25


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """Who acknowledged a package, and how that is known."""

    id: UUID
    received_by: str
    received_on: date
    note: str
    key_ref: str
    entered_by: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A package in the list."""

    id: UUID
    format: str
    state: str
    state_label: str
    recipients: str
    purpose: str
    handling: str
    conditions: str
    until_on: date | None
    scope: str
    originals: str
    asked_by: str
    asked_at: datetime
    made_at: datetime | None
    done: int
    expected: int
    size: int
    sha256: str
    key_ref: str
    kept: bool
    sentence: str
    left_out: tuple[LeftOut, ...]
    receipts: tuple[ReceiptRow, ...]
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdrawn_because: str

    @property
    def made(self) -> bool:
        """Whether it is there."""
        return self.state == PackageState.MADE

    @property
    def running(self) -> bool:
        """Whether a worker has to do with it."""
        return self.state in (PackageState.WAITING, PackageState.MAKING)

    @property
    def progress_state(self) -> str:
        """As the progress component names it."""
        return "waiting" if self.state == PackageState.WAITING else "running"


@dataclass(frozen=True, slots=True)
class PackagesPage:
    """Every package ever made of a case, newest first; ``key`` is what recipients compare."""

    frame: CaseFrame
    page: Page[Any]
    rows: tuple[PackageRow, ...]
    key: str


def list_packages(actor: Actor, reference: str, *, number: int = 1) -> PackagesPage:
    """The packages of a case; NotFound for whoever may not release it."""
    frame = _own_frame(actor, reference)
    rows = door.visible(actor, Package.objects.filter(case_id=frame.case_id))
    rows = rows.select_related("asked_by", "withdrawn_by").order_by("-asked_at", "-id")
    page = Paginator(rows, NEWEST).get_page(number)
    shown = list(page)
    receipts: dict[UUID, list[Receipt]] = {}
    entered = door.visible(actor, Receipt.objects.filter(package__in=shown, removed_at=None)).select_related(
        "entered_by"
    )
    for receipt in entered.order_by("received_on", "id"):
        receipts.setdefault(receipt.package_id, []).append(receipt)
    log.record(
        "packages.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"page": page.number}
    )
    return PackagesPage(frame, page, tuple(_row(row, receipts.get(row.id, [])) for row in shown), key_ref())


def _own_frame(actor: Actor, reference: str) -> CaseFrame:
    """The frame of a case of the actor's own agency that they manage."""
    frame = get_frame(actor, reference, "sharing:case", to="manage")
    if not frame.own_agency:
        raise NotFound
    return frame


def _row(package: Package, receipts: list[Receipt]) -> PackageRow:
    return PackageRow(
        id=package.id,
        format=PackageFormat(package.format).label,
        state=package.state,
        state_label=PackageState(package.state).label,
        recipients=package.recipients,
        purpose=package.purpose,
        handling=package.handling,
        conditions=package.conditions,
        until_on=package.until_on,
        scope=", ".join(package.exhibits) or "The whole case",
        originals=", ".join(package.originals),
        asked_by=package.asked_by.display_name,
        asked_at=package.asked_at,
        made_at=package.made_at,
        done=package.done,
        expected=package.expected,
        size=package.size,
        sha256=package.sha256,
        key_ref=package.key_ref,
        kept=package.blob_id is not None,
        sentence=package.sentence,
        left_out=tuple(LeftOut(what, count, why) for what, count, why in package.left_out),
        receipts=tuple(
            ReceiptRow(
                id=receipt.id,
                received_by=receipt.received_by,
                received_on=receipt.received_on,
                note=receipt.note,
                key_ref=receipt.key_ref,
                entered_by=receipt.entered_by.display_name,
                entered_at=receipt.entered_at,
            )
            for receipt in receipts
        ),
        withdrawn_at=package.withdrawn_at,
        withdrawn_by=package.withdrawn_by.display_name if package.withdrawn_by else "",
        withdrawn_because=package.withdrawn_because,
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be in a package and what would not, before it is made."""

    inside: tuple[tuple[str, int], ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class NewPackagePage:
    """What may be chosen for a package."""

    frame: CaseFrame
    exhibits: tuple[tuple[str, str], ...]


def get_new_package(actor: Actor, reference: str) -> NewPackagePage:
    """What of a case may be released; NotFound for whoever may not release it."""
    frame = _own_frame(actor, reference)
    case = admit_release(actor, reference)
    log.record("packages.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"section": "new"})
    exhibits = tuple((name, f"{name} {title} ({files} files)") for name, title, files in choices_of(actor, case))
    return NewPackagePage(frame, exhibits)


def preview_package(actor: Actor, reference: str, choice: Choice) -> Preview:
    """What would be in it and what stays out. ActRefused: an exhibit that is not ours to give."""
    gathering = Gathering(actor, admit_release(actor, reference), choice)
    inside = tuple((what, count) for what, count in gathering.counted() if count)
    log.record(
        "packages.viewed", actor, holding=(gathering.case.holding_id, gathering.case.agency_id), subject=f"case:{reference}",
        details={"section": "preview", "exhibits": list(choice.exhibits), "originals": list(choice.originals)},
    )  # fmt: skip
    return Preview(inside, tuple(gathering.left_out()))


@dataclass(frozen=True, slots=True)
class Download:
    """A package to be sent to the browser."""

    open: Callable[[], BinaryIO]
    name: str
    size: int
    sha256: str


def get_download(actor: Actor, package_id: UUID) -> Download:
    """A package that is kept here. NotFound: absent, not made, or written into a file by a command."""
    package = _own(actor, package_id)
    if package.blob is None or package.state != PackageState.MADE:
        raise NotFound
    log.record(
        "package.downloaded", actor, holding=(package.holding_id, package.agency_id), subject=f"package:{package.id}",
        details={"sha256": package.sha256},
    )  # fmt: skip
    name = f"{package.case.reference}-{package.format}-{package.asked_at:%Y-%m-%d}.zip"
    return Download(opening(package.blob), name, package.size, package.sha256)


def get_notice(actor: Actor, package_id: UUID) -> tuple[str, bytes]:
    """The withdrawal notice of a package, signed: its file name and its text. NotFound: it was not withdrawn."""
    package = _own(actor, package_id)
    if package.withdrawn_at is None:
        raise NotFound
    log.record(
        "package.downloaded", actor, holding=(package.holding_id, package.agency_id), subject=f"package:{package.id}",
        details={"notice": True},
    )  # fmt: skip
    notice = {
        "kind": "withdrawal",
        "package": str(package.id),
        "sha256": package.sha256,
        "case": package.case.reference,
        "agency": package.case.agency.name,
        "recipients": package.recipients,
        "reason": package.withdrawn_because,
        "on": package.withdrawn_at.date().isoformat(),
        "asks": "Destroy the package and every copy of it, and confirm that you did.",
    }
    text = sign_notice(notice, signing_key(Path(settings.HOME)))
    return f"{package.case.reference}-withdrawal-{package.withdrawn_at:%Y-%m-%d}.json", text


def _own(actor: Actor, package_id: UUID) -> Package:
    rows = Package.objects.filter(agency_id=actor.agency_id).select_related("case__agency", "blob")
    return door.admit(actor, rows, "manage", pk=package_id)
