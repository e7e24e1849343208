"""Writing supervision: people, devices, orders. Reviewing, care and phrase libraries stand in files of their own."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from opencets.errors import ActRefused, NotFound
from opencets.packing import known
from opencets.packing import order as orders
from opencets.packing.fields import instant
from opencets_web.accounts.models import Officer, Role
from opencets_web.audit import log
from opencets_web.audit.signing import public_of, signing_key
from opencets_web.cases.actions import open_case
from opencets_web.officers.actions import take_on
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Grant, Holding, Level
from opencets_web.supervision.keys import recipient_of
from opencets_web.supervision.models import (
    Condition,
    Device,
    DeviceState,
    KnownList,
    LibraryState,
    Order,
    OrderState,
    PhraseLibrary,
    Setting,
    SupervisedPerson,
)
from opencets_web.supervision.policies import policy_of
from opencets_web.ui.notify import tell

WORKING = frozenset({Role.SUPERVISING_OFFICER, Role.SUPERVISOR})
LONGEST_GRANT = timedelta(days=3660)
LARGEST_REQUEST = 64_000
ORDER_FIELDS = (
    "court", "reference", "words", "begins_at", "ends_at", "time_zone", "co_users", "complaint", "notice_on", "opens_to_id",
    "libraries", "known_list_id",
)  # fmt: skip
CONDITION_FIELDS = (
    "ref", "words", "collectors", "text_around", "screenshot", "file_content", "severity_from", "excluded", "retention_days",
    "alert_severity",
)  # fmt: skip


def may_supervise(actor: Actor) -> bool:
    """Whether the actor opens files of supervised people, drafts and signs orders."""
    return bool(WORKING & actor.roles)


def _refuse_others(actor: Actor) -> None:
    if not may_supervise(actor):
        raise ActRefused("Supervised people and their orders are worked on by supervising officers and supervisors.")


def person_for(actor: Actor, reference: str, to: str = "contribute") -> SupervisedPerson:
    """The person's row for an actor who may do this to it; else NotFound."""
    rows = SupervisedPerson.objects.select_related("case", "holding")
    return door.admit(actor, rows, to, reference=reference)


def note(actor: Actor, verb: str, person: SupervisedPerson, subject: str = "", **details: object) -> None:
    """The line in the log, and word to open pages of the file."""
    log.record(
        verb, actor, holding=(person.holding_id, person.agency_id), subject=subject or f"supervised:{person.reference}",
        details=details,
    )  # fmt: skip
    tell(f"case:{person.case_id}", verb, person.id)


# --- People -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def open_person(
    actor: Actor, *, reference: str, name: str, setting: str = "court", reviewer_id: UUID | None = None
) -> str:
    """Open the file of a supervised person: a restricted case, open to the actor and the first reviewer by name.

    ActRefused: not the actor's role, no name, a reference that is taken, a reviewer who is none.
    """
    if not actor.reads_cases:
        raise NotFound
    _refuse_others(actor)
    if not name.strip() or setting not in Setting.values:
        raise ActRefused("Say the person's name, and under what they are supervised.")
    reference = reference.strip()
    open_case(
        actor, reference=reference, title=f"Supervision {reference}", kind="other", disclosure="pointer",
        summary="A supervised person's file. It opens to officers by name alone, and by the terms of an order.",
    )  # fmt: skip
    from opencets_web.cases.models import Case

    case = Case.objects.select_related("holding").get(reference=reference)
    _grant(actor, case.holding, actor.officer_id, Level.MANAGE, "Supervises the person")
    case.holding.restricted = True
    case.holding.save(update_fields=["restricted"])
    person = SupervisedPerson.objects.create(
        holding=case.holding, agency_id=actor.agency_id, case=case, reference=reference, name=name.strip()[:200],
        setting=setting, in_charge_id=actor.officer_id, opened_at=timezone.now(),
    )  # fmt: skip
    note(actor, "supervised.opened", person, setting=setting)
    if reviewer_id is not None and reviewer_id != actor.officer_id:
        name_reviewer(actor, reference, reviewer_id)
    return reference


def _grant(actor: Actor, holding: Holding, officer_id: UUID, level: str, purpose: str) -> None:
    with connection.cursor() as cursor:
        # The wall's own clock stands still in a transaction: a grant of a moment later would open nothing until its end.
        cursor.execute("select now()")
        now = cursor.fetchone()[0]
    Grant.objects.create(
        holding=holding, agency_id=holding.agency_id, to_officer_id=officer_id, level=level, purpose=purpose,
        granted_by_id=actor.officer_id, granted_at=now, expires_at=now + LONGEST_GRANT,
    )  # fmt: skip


def _colleague(actor: Actor, officer_id: UUID) -> Officer:
    found = Officer.objects.filter(pk=officer_id, agency_id=actor.agency_id, is_active=True).first()
    if found is None or not found.reads_cases:
        raise ActRefused("Choose a colleague of your agency who reads cases.")
    return found


@transaction.atomic
def name_reviewer(actor: Actor, reference: str, officer_id: UUID | None) -> None:
    """Say who looks at hits first; the file opens to them. Without one, the officer in charge reviews alone."""
    person = person_for(actor, reference, "manage")
    if officer_id is not None:
        officer = _colleague(actor, officer_id)
        if not _opened(person, officer.pk):
            _grant(actor, person.holding, officer.pk, Level.CONTRIBUTE, "Looks at hits first")
    person.reviewer_id = officer_id
    person.save(update_fields=["reviewer"])
    note(actor, "supervision.opened-to", person, reviewer=str(officer_id or ""))


def _opened(person: SupervisedPerson, officer_id: UUID) -> bool:
    now = timezone.now()
    rows = Grant.objects.filter(
        holding_id=person.holding_id, to_officer_id=officer_id, withdrawn_at=None, expires_at__gt=now
    )
    return rows.exclude(level=Level.READ).exists()


@transaction.atomic
def hand_over(actor: Actor, reference: str, officer_id: UUID, because: str) -> None:
    """Hand the person over to a colleague: the file opens to them, and closes to the officer before. ActRefused: no reason."""
    person = person_for(actor, reference, "manage")
    officer, before = _colleague(actor, officer_id), person.in_charge_id
    if not because.strip():
        raise ActRefused("Say why the person is handed over, and what the colleague should know first.")
    if officer.pk == before:
        raise ActRefused(f"{officer.display_name} is in charge already.")
    if not WORKING & set(officer.roles):
        raise ActRefused(f"{officer.display_name} is no supervising officer.")
    _grant(actor, person.holding, officer.pk, Level.MANAGE, "Supervises the person")
    take_on(person.case, officer.pk)
    person.in_charge_id = officer.pk
    person.save(update_fields=["in_charge"])
    note(actor, "supervision.handed-over", person, to=officer.email, because=because.strip()[:400])
    tell(f"officer:{officer.pk}", "cases", person.case_id)
    # Last: with it the file may close to the actor.
    Grant.objects.filter(
        holding_id=person.holding_id, to_officer_id=before, level=Level.MANAGE, withdrawn_at=None
    ).update(withdrawn_at=timezone.now(), withdrawn_by_id=actor.officer_id, withdrawn_because="Handed over")


# --- Devices ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def enrol_device(actor: Actor, reference: str, request: bytes, *, name: str = "") -> UUID:
    """Enrol a device from the request that its agent wrote; its id. ActRefused: no request, or a device that is known."""
    person = person_for(actor, reference)
    _refuse_others(actor)
    if len(request) > LARGEST_REQUEST:
        raise ActRefused("This is no request of a device: it is too large. Take the file that the agent wrote.")
    asked = orders.open_request(request)
    now = timezone.now()
    try:
        with transaction.atomic():
            device = Device.objects.create(
                id=UUID(asked.device), holding_id=person.holding_id, agency_id=person.agency_id, person=person,
                name=(name.strip() or asked.name)[:120], key=asked.key, accounts=[one[:120] for one in asked.accounts],
                system=asked.system[:200], enrolled_at=now, enrolled_by_id=actor.officer_id,
            )  # fmt: skip
    except IntegrityError:
        raise ActRefused(
            "This device, or its key, is enrolled already. A device has one file; make a new request."
        ) from None
    DeviceState.objects.create(holding_id=person.holding_id, agency_id=person.agency_id, device=device)
    note(actor, "device.enrolled", person, f"device:{device.id}", name=device.name, key=device.key)
    return device.id


@transaction.atomic
def end_device(actor: Actor, device_id: UUID, *, ended: bool = True) -> str:
    """Take nothing more of a device, or take again; the person's reference. What it sent stays."""
    device = door.admit(actor, Device.objects.select_related("person"), "contribute", pk=device_id)
    _refuse_others(actor)
    device.ended_at = timezone.now() if ended else None
    device.save(update_fields=["ended_at"])
    note(actor, "device.ended" if ended else "device.restored", device.person, f"device:{device.id}")
    return device.person.reference


# --- Orders -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def draft_order(actor: Actor, device_id: UUID, **said: Any) -> UUID:
    """Begin the draft of an order for a device: from nothing, or as the next version of the one in force; its id.

    A new version begins with what stands in the one in force; ``said`` changes it. ActRefused: a draft is open already.
    """
    device = door.admit(actor, Device.objects.select_related("person"), "contribute", pk=device_id)
    _refuse_others(actor)
    if device.ended_at is not None:
        raise ActRefused("Nothing is taken of this device any more; put it back first.")
    former = Order.objects.filter(device=device, state=OrderState.SIGNED).first()
    now = timezone.now()
    given: dict[str, Any] = {"begins_at": now, "ends_at": now + timedelta(days=90), "words": "", "complaint": ""}
    last = former
    if former is None:
        last = (
            Order.objects.filter(person=device.person)
            .exclude(state=OrderState.WITHDRAWN)
            .order_by("-drafted_at")
            .first()
        )
    if last is not None:
        given = {name: getattr(last, name) for name in ORDER_FIELDS}
    try:
        with transaction.atomic():
            made = Order.objects.create(
                holding_id=device.holding_id, agency_id=device.agency_id, person=device.person, device=device,
                order_ref=former.order_ref if former else uuid4(), version=_next_version(former), drafted_by_id=actor.officer_id,
                drafted_at=now, **{**given, **_stated(actor, said)},
            )  # fmt: skip
    except IntegrityError as error:
        if "order_ends_after" in str(error):
            raise ActRefused("The order ends before it begins.") from None
        raise ActRefused("A draft for this device is open already: sign or withdraw it first.") from None
    for one in Condition.objects.filter(order=last, removed_at=None) if last else ():
        one.pk, one.order = None, made
        one.id = uuid4()
        one.save(force_insert=True)
    note(actor, "order.drafted", device.person, f"order:{made.id}", version=made.version)
    return made.id


def _next_version(former: Order | None) -> int:
    if former is None:
        return 1
    last = (
        Order.objects.filter(order_ref=former.order_ref).order_by("-version").values_list("version", flat=True).first()
    )
    return (last or 0) + 1


def _stated(actor: Actor, said: dict[str, Any]) -> dict[str, Any]:
    """What may be said of an order, checked. ActRefused: a time zone or library that there is not."""
    stated = {name: value for name, value in said.items() if name in ORDER_FIELDS}
    if zone := stated.get("time_zone"):
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ActRefused(f"“{zone[:40]}” is no time zone; write it as Europe/London.") from None
    if "libraries" in stated:
        stated["libraries"] = _libraries(actor, stated["libraries"])
    if (chosen := stated.get("known_list_id")) is not None:
        rows = KnownList.objects.filter(pk=chosen, agency_id=actor.agency_id, withdrawn_at=None)
        if not rows.exists():
            raise ActRefused("Only a list of known files of your agency that is not withdrawn goes into an order.")
    return stated


def _libraries(actor: Actor, digests: Collection[str]) -> list[dict[str, str]]:
    rows = PhraseLibrary.objects.filter(agency_id=actor.agency_id, digest__in=list(digests), state=LibraryState.TESTED)
    found = {row.digest: {"name": row.name, "version": row.version, "digest": row.digest} for row in rows}
    if set(digests) - set(found):
        raise ActRefused(
            "A phrase library goes into an order once it was tested against a sample, and is not withdrawn."
        )
    return [found[digest] for digest in digests]


def _draft(actor: Actor, order_id: UUID) -> Order:
    found = door.admit(actor, Order.objects.select_for_update(of=("self",)), "contribute", pk=order_id)
    _refuse_others(actor)
    if found.state != OrderState.DRAFT:
        raise ActRefused("A signed order is not changed: begin a new version of it.")
    return found


@transaction.atomic
def change_draft(actor: Actor, order_id: UUID, **said: Any) -> None:
    """Change the draft of an order. ActRefused: it is signed."""
    order = _draft(actor, order_id)
    stated = _stated(actor, said)
    for name, value in stated.items():
        setattr(order, name, value)
    if order.ends_at <= order.begins_at:
        raise ActRefused("The order ends before it begins.")
    order.save(update_fields=[name.removesuffix("_id") for name in stated])
    note(actor, "order.changed", order.person, f"order:{order.id}", fields=sorted(stated))


@transaction.atomic
def put_condition(actor: Actor, order_id: UUID, **said: Any) -> UUID:
    """Add a condition to a draft, or change the one of the same name; its id. ActRefused says what is wrong with it."""
    order = _draft(actor, order_id)
    stated = {name: said[name] for name in CONDITION_FIELDS if name in said}
    if not stated.get("ref", "").strip() or not stated.get("words", "").strip() or not stated.get("collectors"):
        raise ActRefused("A condition has a name, says what it asks for, and names at least one collector.")
    found, made = Condition.objects.get_or_create(
        order=order, ref=stated["ref"].strip(), removed_at=None,
        defaults={**stated, "holding_id": order.holding_id, "agency_id": order.agency_id},
    )  # fmt: skip
    if not made:
        for name, value in stated.items():
            setattr(found, name, value)
        found.save(update_fields=list(stated))
    note(actor, "order.changed", order.person, f"order:{order.id}", condition=found.ref)
    return found.id


@transaction.atomic
def remove_condition(actor: Actor, condition_id: UUID, *, removed: bool = True) -> UUID:
    """Take a condition out of a draft, or put it back; the order's id."""
    found = door.admit(actor, Condition.objects.all(), "contribute", pk=condition_id)
    order = _draft(actor, found.order_id)
    found.removed_at = timezone.now() if removed else None
    try:
        with transaction.atomic():
            found.save(update_fields=["removed_at"])
    except IntegrityError:
        raise ActRefused("The draft has another condition of this name by now.") from None
    note(actor, "order.changed", order.person, f"order:{order.id}", condition=found.ref, removed=removed)
    return order.id


@transaction.atomic
def withdraw_draft(actor: Actor, order_id: UUID) -> str:
    """Give a draft up; the person's reference."""
    order = _draft(actor, order_id)
    order.state = OrderState.WITHDRAWN
    order.save(update_fields=["state"])
    note(actor, "order.draft-withdrawn", order.person, f"order:{order.id}")
    return order.person.reference


@transaction.atomic
def sign_order(actor: Actor, order_id: UUID) -> str:
    """Sign a draft by the service's key: it is in force and replaces the version before. The signed document.

    ActRefused: the setting's policy does not allow it, or something of it is missing or wrong; nothing is signed then.
    """
    order = _draft(actor, order_id)
    person = SupervisedPerson.objects.get(pk=order.person_id)
    device = Device.objects.get(pk=order.device_id)
    conditions = list(Condition.objects.filter(order=order, removed_at=None).order_by("ref"))
    policy_of(person.setting).refuse(order, conditions)
    former = Order.objects.select_for_update(of=("self",)).filter(device=device, state=OrderState.SIGNED).first()
    _key_known_files(order, former)
    key = signing_key(Path(settings.HOME))
    written = orders.sign_order(_said(actor, order, person, device, conditions, former), key)
    signed = orders.open_order(written, [b64encode(public_of(key)).decode()])
    now = timezone.now()
    if former is not None:
        former.state = OrderState.REPLACED
        former.save(update_fields=["state"])
    order.state, order.signed_at, order.signed_by_id = OrderState.SIGNED, now, actor.officer_id
    order.digest, order.document = signed.digest, written.decode()
    order.save(update_fields=["state", "signed_at", "signed_by", "digest", "document", "known_files", "known_key"])
    if order.opens_to_id is not None:
        Grant.objects.create(
            holding_id=order.holding_id, agency_id=order.agency_id, to_agency_id=order.opens_to_id, level=Level.READ,
            purpose=f"By the terms of {order.reference or 'the order'}"[:200], granted_by_id=actor.officer_id, granted_at=now,
            expires_at=max(order.ends_at, now + timedelta(minutes=1)),
        )  # fmt: skip
    note(actor, "order.signed", person, f"order:{order.id}", version=order.version, digest=order.digest)
    return written.decode()


def _key_known_files(order: Order, former: Order | None) -> None:
    """The digest of what the device gets of the order's list, under a key of its own; the same while the list stays."""
    row = order.known_list
    if row is None:
        order.known_files = order.known_key = ""
    elif former is not None and former.known_list_id == row.pk:
        order.known_files, order.known_key = former.known_files, former.known_key
    else:
        key = secrets.token_bytes(known.KEY_BYTES)
        given = known.for_device(b64decode(row.content), key)
        order.known_files, order.known_key = sha256(given).hexdigest(), key.hex()


def _said(
    actor: Actor, order: Order, person: SupervisedPerson, device: Device, conditions: Collection[Condition], former: Order | None
) -> dict[str, Any]:  # fmt: skip
    return {
        "order": str(order.order_ref), "version": order.version, "replaces": former.digest if former else None,
        "setting": person.setting, "service": actor.agency_name, "court": order.court, "reference": order.reference,
        "words": order.words, "person": {"ref": person.reference, "name": person.name},
        "device": {"id": str(device.id), "name": device.name, "key": device.key, "accounts": list(device.accounts)},
        "co_users": list(order.co_users), "begins_at": instant(order.begins_at), "ends_at": instant(order.ends_at),
        "time_zone": order.time_zone, "server": settings.MAIL_ADDRESS, "server_key": recipient_of(person.agency_id),
        "complaint": order.complaint, "libraries": order.libraries, "known_files": order.known_files or None,
        "conditions": [
            {
                "ref": one.ref, "words": one.words, "collectors": list(one.collectors),
                "captures": {
                    "text_around": one.text_around, "screenshot": one.screenshot, "file_content": one.file_content,
                },
                "severity_from": one.severity_from, "retention_days": one.retention_days,
                "excluded": {"programs": [], "sites": [], "people": [], "hours": [], **one.excluded},
                **({"alert_severity": one.alert_severity} if {"drive", "account"} & set(one.collectors) else {}),
            }
            for one in conditions
        ],
    }  # fmt: skip


@transaction.atomic
def end_order(actor: Actor, order_id: UUID) -> UUID:
    """Sign a version of an order in force that ends now: the agent stops as soon as it has it. The new version's id."""
    order = door.admit(actor, Order.objects.all(), "contribute", pk=order_id)
    _refuse_others(actor)
    if order.state != OrderState.SIGNED:
        raise ActRefused("Only an order in force is ended.")
    now = timezone.now()
    if order.ends_at <= now:
        raise ActRefused("The order has ended.")
    begins = min(order.begins_at, now - timedelta(seconds=1))
    made = draft_order(actor, order.device_id, begins_at=begins, ends_at=now)
    sign_order(actor, made)
    return made


@transaction.atomic
def download_order(actor: Actor, order_id: UUID) -> tuple[str, str]:
    """The signed document for the device, and a name for its file. NotFound: not signed."""
    order = door.admit(actor, Order.objects.select_related("person"), pk=order_id)
    if not order.document:
        raise NotFound
    note(actor, "order.downloaded", order.person, f"order:{order.id}", version=order.version)
    return order.document, f"order-{order.person.reference}-{order.version}.json"
