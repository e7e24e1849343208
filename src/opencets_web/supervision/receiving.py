"""What devices send is taken in: signed batches, each once, in one transaction, acknowledged only when they are kept.

Nothing that a device says is believed: what does not fit is kept as it came and becomes a fault that an officer sees. What goes
beyond the order is not shown and its body is let go. The officer's page learns of a hit in the transaction that keeps it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from opencets.errors import ActRefused, DamagedSource, NotFound, SourceRefused
from opencets.packing import captures
from opencets.packing.captures import Entry as Sent
from opencets.packing.fields import instant, moment_of, read_fields
from opencets.packing.order import Excluded
from opencets_web.accounts.ids import new_id
from opencets_web.audit import log, outbox
from opencets_web.policy.acting import proof_of
from opencets_web.supervision import known_lists
from opencets_web.supervision.keys import identity_of
from opencets_web.supervision.models import (
    Condition,
    Entry,
    Fault,
    FaultKind,
    Hit,
    KnownList,
    Order,
    PhraseLibrary,
)
from opencets_web.ui.notify import tell

KEY_SECONDS = 60.0
UNKNOWN_DAYS = 30
"""So long a hit is kept whose condition the order does not have: until somebody has looked at the fault."""
_KINDS = {
    "altered": FaultKind.CHAIN, "broken": FaultKind.CHAIN, "device": FaultKind.CHAIN, "repeated": FaultKind.REUSED,
    "missing": FaultKind.GAP, "clock": FaultKind.CLOCK, "killed": FaultKind.STOPPED,
}  # fmt: skip
_UNDER_A_CONDITION = frozenset({"hit", "screenshot", "drive", "account"})
_OPENED = _UNDER_A_CONDITION | {"gap", "evasion", "stopped", "started", "ended", "notice"}
"""Kinds whose body is opened as it comes; of heartbeats only the last, the others when somebody looks."""
KNOWN_FILE = "A known file was written"
_LARGEST, _LARGEST_VERSION = (1 << 63) - 1, (1 << 31) - 1
_keys: dict[UUID, tuple[float, str]] = {}

HERE = (
    "select d.agency_id, d.holding_id, d.person_id, p.case_id, p.in_charge_id, p.reviewer_id, s.last_seq, s.last, s.ahead_seq,"
    " s.absent_since is not null, s.stopped, o.order_ref, o.version, o.id, o.libraries, d.key, o.known_files"
    " from supervision_device d join supervision_supervisedperson p on p.id = d.person_id"
    " join supervision_devicestate s on s.device_id = d.id"
    " left join supervision_order o on o.device_id = d.id and o.state = 'signed'"
    " where d.id = %s for update of s"
)


class ClockApart(ActRefused):
    """The device's clock and ours lie too far apart."""

    code = "clock"


@dataclass(frozen=True, slots=True)
class Here:
    """A device with its state, locked for this batch."""

    device_id: UUID
    agency_id: UUID
    holding_id: UUID
    person_id: UUID
    case_id: UUID
    in_charge_id: UUID
    reviewer_id: UUID | None
    last_seq: int
    last: dict[str, Any]
    ahead_seq: int
    absent: bool
    stopped: bool
    order_ref: UUID | None
    version: int
    order_id: UUID | None
    libraries: list[dict[str, str]]
    key: str
    known_files: str

    @property
    def guarded(self) -> dict[str, UUID]:
        """What every row of it carries."""
        return {"holding_id": self.holding_id, "agency_id": self.agency_id}


@dataclass(slots=True)
class Taken:
    """What one batch brings."""

    here: Here
    now: dt.datetime
    entries: list[Entry] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    pictures: dict[int, int] = field(default_factory=dict)
    """Number of the hit to the number of its screenshot."""
    heartbeat: dict[str, Any] | None = None
    heartbeat_at: dt.datetime | None = None
    stopped: bool | None = None

    def fault(self, kind: FaultKind, sentence: str, mark: str, *, seq: int = 0, kept: str = "") -> None:
        """Something that an officer sees; told again under the same mark it is one."""
        self.faults.append(
            Fault(
                id=new_id(), **self.here.guarded, person_id=self.here.person_id, device_id=self.here.device_id, kind=kind,
                seq=seq, sentence=sentence[:400], kept=kept, mark=f"{kind}-{mark}"[:64], at=self.now,
            )
        )  # fmt: skip


@contextmanager
def as_device(device_id: UUID) -> Iterator[Any]:
    """Inside, in one transaction, the database knows this device: its own rows and no others."""
    inside = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SAY, [str(device_id), " ".join(proof_of(f"device {device_id}"))])
        yield cursor
        if inside:
            cursor.execute(_SAY, ["", ""])


_SAY = "select set_config('app.device', %s, true), set_config('app.device_proof', %s, true)"


def key_of(device_id: UUID) -> str:
    """The device's public key, kept in memory for a minute. NotFound: no such device, or its time is over."""
    asked, key = _keys.get(device_id, (-KEY_SECONDS, ""))
    if not key or time.monotonic() - asked > KEY_SECONDS:
        with as_device(device_id) as cursor:
            cursor.execute("select key from supervision_device where id = %s and ended_at is null", [device_id])
            row = cursor.fetchone()
        if row is None:
            raise NotFound
        key = row[0]
        _keys[device_id] = (time.monotonic(), key)
    return key


def require_known(device: str) -> UUID:
    """The id of an enrolled device, written as its agent writes it; else NotFound. Who sends is not known by it."""
    try:
        device_id = UUID(device)
    except ValueError:
        raise NotFound from None
    if str(device_id) != device:
        raise NotFound
    key_of(device_id)
    return device_id


def require_device(device: str, at: str, signature: str, body: bytes, now: dt.datetime) -> tuple[UUID, dt.datetime]:
    """The device that signed the request, and the time that it says. NotFound, ActRefused, ClockApart."""
    device_id = require_known(device)
    said = captures.require_signed(device, at, signature, body, key_of(device_id))
    apart = (said - now).total_seconds()
    if abs(apart) > captures.LATEST_SECONDS:
        with as_device(device_id) as cursor:
            here = _lock(cursor, device_id)
            taken = Taken(here, now)
            how = f"{abs(apart):,.0f} s {'ahead of' if apart > 0 else 'behind'}"
            taken.fault(
                FaultKind.CLOCK,
                f"The clock of the device is {how} ours; it was told the time.",
                f"apart-{now:%Y-%m-%d}",
            )
            _keep_faults(taken)
        raise ClockApart("The clock of the device is too far from the server's; go by the time of this answer.")
    return device_id, said


def take_batch(device_id: UUID, said_at: dt.datetime, body: bytes, now: dt.datetime) -> dict[str, Any]:
    """Keep what a batch brings, once; the answer to the device. DamagedSource, SourceRefused: it cannot be read."""
    sent = captures.read_batch(body)
    if any(entry.device != str(device_id) for entry in sent):
        raise SourceRefused("The batch has entries of another device; it was not kept.")
    if any(entry.seq > _LARGEST or entry.mono_ms > _LARGEST or entry.version > _LARGEST_VERSION for entry in sent):
        raise DamagedSource("An entry has a number that no device comes to; the batch was not kept.")
    sent.sort(key=lambda entry: entry.seq)
    with as_device(device_id) as cursor:
        here = _lock(cursor, device_id)
        taken = Taken(here, now)
        late = [entry for entry in sent if entry.seq <= here.last_seq]
        fresh = [entry for entry in sent if entry.seq > here.last_seq]
        ahead = fresh[0].seq if fresh and fresh[0].seq > here.last_seq + 1 else 0
        if ahead and ahead != here.ahead_seq:
            # What lies in between may be on its way. Only if the device comes with the same again it has nothing else.
            fresh = []
        if late:
            _take_late(taken, late)
        if fresh:
            _take_fresh(taken, fresh)
        _keep(cursor, taken, fresh[-1] if fresh else None, ahead, said_at, sent[-1])
        last_seq = max(here.last_seq, fresh[-1].seq if fresh else 0)
        return {"received": last_seq, "time": instant(now), **_order_for(here, sent[-1])}


def library_for(device_id: UUID, digest: str) -> bytes:
    """A phrase library that the device's order names, or its marks of known files. NotFound for any other."""
    named: Order | None = None
    with as_device(device_id) as cursor:
        here = _lock(cursor, device_id)
        if here.order_id is not None and digest and digest == here.known_files:
            named = Order.objects.select_related("known_list").get(pk=here.order_id)
        elif digest not in {one["digest"] for one in here.libraries}:
            raise NotFound
        else:
            row = PhraseLibrary.objects.filter(agency_id=here.agency_id, digest=digest).values_list("content").first()
    if named is not None:
        return known_lists.given_to(named)  # seconds for a long list, and no lock is held
    if row is None:
        raise NotFound
    return bytes(row[0])


def _lock(cursor: Any, device_id: UUID) -> Here:
    cursor.execute(HERE, [device_id])
    row = cursor.fetchone()
    if row is None:
        raise NotFound
    (
        agency,
        holding,
        person,
        case,
        charge,
        reviewer,
        seq,
        last,
        ahead,
        absent,
        stopped,
        ref,
        version,
        order,
        libraries,
        key,
        known_files,
    ) = row
    loaded = [json.loads(one) if isinstance(one, str) else one for one in (last, libraries)]
    return Here(
        device_id, agency, holding, person, case, charge, reviewer, seq, loaded[0] or {}, ahead, absent, stopped, ref,
        version or 0, order, loaded[1] or [], key, known_files or "",
    )  # fmt: skip


def _take_late(taken: Taken, late: Sequence[Sent]) -> None:
    """Entries whose numbers were kept already: the same is nothing new, another is a fault, a missing one fills its gap."""
    here = taken.here
    rows = Entry.objects.filter(device_id=here.device_id, seq__in=[entry.seq for entry in late])
    known = dict(rows.values_list("seq", "hash"))
    filled = []
    for entry in late:
        if entry.seq not in known:
            known[entry.seq] = entry.hash
            if entry.reckoned() != entry.hash:
                _altered(taken, entry)
            _keep_entry(taken, entry)
            filled.append(entry)
        elif known[entry.seq] != entry.hash:
            taken.fault(
                FaultKind.REUSED, f"The number {entry.seq} was used again, for something else.",
                f"{entry.seq}-{entry.hash[:24]}", seq=entry.seq, kept=json.dumps(entry.to_json()),
            )  # fmt: skip
    _read_bodies(taken, filled)


def _take_fresh(taken: Taken, fresh: list[Sent]) -> None:
    here = taken.here
    after = Sent.from_json(here.last) if here.last else captures.beginning(str(here.device_id))
    by_seq: dict[int, Sent] = {}
    for entry in fresh:
        by_seq.setdefault(entry.seq, entry)
    for fault in captures.check_chain(fresh, after):
        of = by_seq[fault.seq]
        sent = next(entry for entry in reversed(fresh) if entry.seq == fault.seq)
        kept = json.dumps(sent.to_json()) if fault.kind == "repeated" else ""
        mark = f"{fault.kind}-{fault.seq}-{(sent if kept else of).hash[:16]}"
        taken.fault(_KINDS[fault.kind], fault.sentence, mark, seq=fault.seq, kept=kept)
    kept_once = list(by_seq.values())
    for entry in kept_once:
        _keep_entry(taken, entry)
    _read_bodies(taken, kept_once)


def _altered(taken: Taken, entry: Sent) -> None:
    taken.fault(
        FaultKind.CHAIN, f"Entry {entry.seq} was changed after it was made.", f"altered-{entry.seq}-{entry.hash[:16]}",
        seq=entry.seq,
    )  # fmt: skip


def _keep_entry(taken: Taken, entry: Sent) -> None:
    here = taken.here
    taken.entries.append(
        Entry(
            id=new_id(), **here.guarded, device_id=here.device_id, seq=entry.seq, boot=entry.boot[:64],
            at=moment_of(entry.at), at_text=entry.at[:40], mono_ms=entry.mono_ms, kind=entry.kind, order_ref=_uuid(entry.order),
            order_version=entry.version, prev=entry.prev, hash=entry.hash, body=entry.body, received_at=taken.now,
        )
    )  # fmt: skip


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- What the bodies say ----------------------------------------------------------------------------------------------


def _read_bodies(taken: Taken, entries: Sequence[Sent]) -> None:
    last = max((entry.seq for entry in entries if entry.kind == "heartbeat"), default=0)
    wanted = [entry for entry in entries if entry.kind in _OPENED or (entry.kind == "heartbeat" and entry.seq == last)]
    if not wanted:
        return
    identity = identity_of(taken.here.agency_id)
    allowed = _Allowed(taken) if any(entry.kind in _UNDER_A_CONDITION for entry in wanted) else None
    pictures: list[tuple[Sent, captures.Screenshot]] = []
    for entry in wanted:
        try:
            body = captures.open_body(entry, [identity])
        except DamagedSource as error:
            taken.fault(FaultKind.UNREADABLE, error.sentence, f"{entry.seq}-{entry.hash[:24]}", seq=entry.seq)
            continue
        if isinstance(body, captures.Hit) and allowed is not None:
            _take_hit(taken, entry, body, allowed)
        elif isinstance(body, captures.Drive | captures.Account) and allowed is not None:
            _take_change(taken, entry, body, allowed)
        elif isinstance(body, captures.Screenshot):
            pictures.append((entry, body))
        elif body is not None:
            _take_other(taken, entry, body)
    if pictures and allowed is not None:
        _take_pictures(taken, pictures, allowed)


class _Allowed:
    """What the orders of the device allow, by order, version and condition."""

    def __init__(self, taken: Taken) -> None:
        rows = Condition.objects.filter(order__device_id=taken.here.device_id, removed_at=None).exclude(
            order__signed_at=None
        )
        found = rows.select_related("order").only(
            "ref", "collectors", "text_around", "screenshot", "severity_from", "excluded", "retention_days", "alert_severity",
            "order__order_ref", "order__version", "order__time_zone", "order__begins_at", "order__ends_at", "order__known_list_id",
        )  # fmt: skip
        self._lists: dict[UUID, KnownList] = {}
        self.by_name = {(one.order.order_ref, one.order.version, one.ref): one for one in found}

    def condition(self, entry: Sent, ref: str) -> Condition | None:
        """The condition that an entry names; None: its order has none of that name."""
        order = _uuid(entry.order)
        return self.by_name.get((order, entry.version, ref)) if order else None

    def beyond(self, condition: Condition, hit: captures.Hit) -> str:
        """Why the order does not allow this hit; empty: it does."""
        where, order = hit.where, condition.order
        if not order.begins_at <= hit.at < order.ends_at:
            return "outside the days of the order"
        if where.collector not in condition.collectors:
            return f"the condition does not name the collector {where.collector}"
        if hit.rule.severity < condition.severity_from:
            return "less severe than the condition asks for"
        if hit.file is not None and not self._is_listed(order, hit.file):
            return "the file stands in no list that the order names"
        return self._why_excluded(condition, where.program, where.window, where.address, hit.at)

    def naming(self, entry: Sent, collector: str) -> Condition | None:
        """The first condition of an entry's order under which this collector may tell something then; None: there is none."""
        at, order = moment_of(entry.at), _uuid(entry.order)
        for (ref, version, _), one in sorted(self.by_name.items(), key=lambda item: item[0][2]):
            if (ref, version) == (order, entry.version) and collector in one.collectors:
                days = one.order.begins_at <= at < one.order.ends_at
                if days and not self._why_excluded(one, "", "", "", at):
                    return one
        return None

    def _why_excluded(self, condition: Condition, program: str, window: str, address: str, at: dt.datetime) -> str:
        try:
            excluded = read_fields(Excluded, condition.excluded)
        except ValueError:
            return ""
        return excluded.why(program, window, address, at.astimezone(ZoneInfo(condition.order.time_zone)))

    def list_of(self, order: Order) -> KnownList | None:
        """The list of known files that an order names, read once."""
        if order.known_list_id is not None and order.known_list_id not in self._lists:
            self._lists[order.known_list_id] = KnownList.objects.get(pk=order.known_list_id)
        return self._lists.get(order.known_list_id) if order.known_list_id else None

    def _is_listed(self, order: Order, file: captures.KnownFile) -> bool:
        row = self.list_of(order)
        return row is not None and known_lists.names(row, file)


def _take_hit(taken: Taken, entry: Sent, hit: captures.Hit, allowed: _Allowed) -> None:
    condition = allowed.condition(entry, hit.condition)
    beyond = allowed.beyond(condition, hit) if condition else "its condition stands in no signed order"
    if beyond:
        _refuse(taken, entry, beyond)
        return
    assert condition is not None
    around, text, file = condition.text_around, hit.text, hit.file
    said: dict[str, Any] = {
        "reason": hit.rule.reason, "window": hit.where.window, "address": hit.where.address, "order": entry.order,
        "version": entry.version,
    }  # fmt: skip
    if text is not None:
        said |= {"before": text.before[-around:] if around else "", "match": text.match, "after": text.after[:around]}
    rule = (hit.rule.library, hit.rule.version, hit.rule.phrase)
    if file is not None and (row := allowed.list_of(condition.order)) is not None:
        said["file"] = {"name": file.name, "size": file.size, "sha256": file.sha256, "md5": file.md5}
        said["reason"] = (
            f"A file with this content was written anew on the device. Its digest stands in the list “{row.name}”, version"
            f" {row.version}, which the order names; compared on the device and again here. Its content was not taken."
        )
        rule = (row.name, row.version, KNOWN_FILE)
    where = hit.where
    _add_hit(
        taken, entry, condition, hit.rule.severity, rule, said, at=hit.at, collector=where.collector, direction=hit.direction,
        program=where.program[:200], conversation=hit.conversation[:80],
    )  # fmt: skip


def _add_hit(
    taken: Taken, entry: Sent, condition: Condition, severity: int, rule: tuple[str, str, str], said: dict[str, Any],
    **known: Any,
) -> None:  # fmt: skip
    """A hit of an entry. ``rule``: library, version and phrase, or what stands for them."""
    here, (library, version, phrase) = taken.here, rule
    taken.hits.append(
        Hit(
            id=new_id(), **here.guarded, person_id=here.person_id, device_id=here.device_id, seq=entry.seq,
            received_at=taken.now, severity=severity, library=library[:120], library_version=version[:60],
            phrase=phrase[:200], condition=condition.ref[:20], said=said,
            delete_on=(taken.now + dt.timedelta(days=condition.retention_days)).date(), **known,
        )
    )  # fmt: skip


def _refuse(taken: Taken, entry: Sent, beyond: str) -> None:
    taken.fault(
        FaultKind.ORDER, f"Entry {entry.seq} is beyond the order ({beyond}). What it took was let go unread.",
        f"{entry.seq}-{entry.hash[:24]}", seq=entry.seq,
    )  # fmt: skip
    _let_go(taken, entry.seq)


_CHANGES = {
    ("drive", "added"): ("A drive was plugged in", "was mounted"),
    ("drive", "present"): ("A drive is plugged in", "was there when the agent began to look"),
    ("account", "added"): ("Another account was made", "was made on this computer"),
    ("account", "present"): ("There is another account", "was there when the agent began to look"),
    ("account", "signed in"): ("Another account signed in", "signed in to this computer"),
}
"""What an officer is told; that a drive or an account went stands in the history alone."""


def _take_change(taken: Taken, entry: Sent, body: captures.Drive | captures.Account, allowed: _Allowed) -> None:
    """A drive or an account that came is a hit as severe as its condition says; one that was there before is told once."""
    condition = allowed.naming(entry, entry.kind)
    if condition is None:
        _refuse(taken, entry, f"no condition names the collector {entry.kind} there and then")
        return
    if (told := _CHANGES.get((entry.kind, body.act))) is None:
        return
    phrase, what = told
    if isinstance(body, captures.Drive):
        size = f", {body.size / 1e9:,.1f} GB" if body.size is not None else ""
        known, words = f"{body.mounted_at}\n{body.filesystem}\n{body.size}", f"{body.device} at {body.mounted_at}"
        where = f"its folder is {body.mounted_at}. Nothing on it was looked at."
        reason = f"The drive {body.device} ({body.filesystem}{size}) {what}; {where}"
    else:
        known = words = body.name
        reason = f"The account “{body.name}”, which the order does not name, {what}. Nothing that it does was taken."
    here = taken.here
    thread = hashlib.sha256(f"{here.device_id}\n{entry.kind}\n{known}".encode()).hexdigest()[:24]
    if body.act == "present" and _is_told(taken, thread):
        return
    said = {
        "reason": f"{reason} Condition {condition.ref} tells of it with severity {condition.alert_severity}.",
        "match": words, "order": entry.order, "version": entry.version,
    }  # fmt: skip
    _add_hit(
        taken, entry, condition, condition.alert_severity, (f"{entry.kind}s", "", phrase), said, at=moment_of(entry.at),
        collector=entry.kind, direction=entry.kind, conversation=thread,
    )  # fmt: skip


def _is_told(taken: Taken, conversation: str) -> bool:
    if any(hit.conversation == conversation for hit in taken.hits):
        return True
    return Hit.objects.filter(device_id=taken.here.device_id, conversation=conversation).exists()


def _let_go(taken: Taken, seq: int) -> None:
    """The body of an entry is not kept; its number and digest are."""
    for row in taken.entries:
        if row.seq == seq:
            row.body, row.deleted_at = dropped(row.body), taken.now


def dropped(body: str) -> str:
    """What stands in the place of a body that was let go; the chain still holds."""
    return body if body.startswith("sha256:") else f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"


def _take_pictures(taken: Taken, pictures: Sequence[tuple[Sent, captures.Screenshot]], allowed: _Allowed) -> None:
    """A screenshot goes with its hit where the hit's condition asks for one of this kind; any other is let go."""
    here = taken.here
    of = {hit.seq: hit.condition for hit in taken.hits}
    rows = Hit.objects.filter(device_id=here.device_id, seq__in=[picture.of for _, picture in pictures])
    of |= dict(rows.values_list("seq", "condition"))
    for entry, picture in pictures:
        condition = allowed.condition(entry, of.get(picture.of, ""))
        if condition is None or condition.screenshot != picture.form:
            taken.fault(
                FaultKind.ORDER, f"Screenshot {entry.seq} is beyond the order; it was let go unseen.",
                f"{entry.seq}-{entry.hash[:24]}", seq=entry.seq,
            )  # fmt: skip
            _let_go(taken, entry.seq)
            continue
        taken.pictures[picture.of] = entry.seq
        for hit in taken.hits:
            if hit.seq == picture.of:
                hit.screenshot_seq = entry.seq


def _take_other(taken: Taken, entry: Sent, body: captures.Body) -> None:
    mark = f"{entry.seq}-{entry.hash[:24]}"
    match body:
        case captures.Heartbeat():
            taken.heartbeat, taken.heartbeat_at, taken.stopped = captures.said_of(body), taken.now, False
            if not body.notice_visible:
                taken.fault(
                    FaultKind.NOTICE, "The notice is not visible on the device.", f"{entry.boot[:40]}", seq=entry.seq
                )
        case captures.Gap():
            words = f"{body.count:,} entries ({body.first:,} to {body.last:,}) were let go: {body.words}"
            taken.fault(FaultKind.GAP, words, mark, seq=entry.seq)
        case captures.Evasion():
            taken.fault(FaultKind.EVASION, f"{body.words} (severity {body.severity})", mark, seq=entry.seq)
        case captures.Stopped():
            taken.stopped = True
            taken.fault(FaultKind.STOPPED, f"The agent stopped: {body.why}", mark, seq=entry.seq)
        case captures.Ended():
            taken.stopped = True
        case captures.Started():
            taken.stopped = False
        case captures.Notice(state=state) if state != "shown":
            taken.fault(FaultKind.NOTICE, f"The notice was {state}: {body.words}", mark, seq=entry.seq)
        case _:
            pass


# --- Keeping ----------------------------------------------------------------------------------------------------------


def _keep(cursor: Any, taken: Taken, last: Sent | None, ahead: int, said_at: dt.datetime, newest: Sent) -> None:
    here = taken.here
    if taken.entries:
        Entry.objects.bulk_create(taken.entries)
    if taken.hits:
        Hit.objects.bulk_create(taken.hits)
    earlier = {of: seq for of, seq in taken.pictures.items() if of not in {hit.seq for hit in taken.hits}}
    if earlier:
        cursor.execute(
            "update supervision_hit h set screenshot_seq = g.seq from unnest(%s::bigint[], %s::bigint[]) as g (of, seq)"
            " where h.device_id = %s and h.seq = g.of",
            [list(earlier), list(earlier.values()), here.device_id],
        )
    if taken.faults:
        _keep_faults(taken)
    if here.absent:
        Fault.objects.filter(device_id=here.device_id, kind=FaultKind.ABSENT, ended_at=None).update(ended_at=taken.now)
    stopped = here.stopped if taken.stopped is None else taken.stopped
    cursor.execute(
        "update supervision_devicestate set last_seq = greatest(last_seq, %s), last = coalesce(%s::jsonb, last),"
        " last_hash = coalesce(%s, last_hash), ahead_seq = %s, received_at = %s, heartbeat_at = coalesce(%s, heartbeat_at),"
        " heartbeat = coalesce(%s::jsonb, heartbeat), offset_ms = %s, order_version = %s, absent_since = null, stopped = %s"
        " where device_id = %s",
        [
            last.seq if last else 0, json.dumps(last.without_body().to_json()) if last else None, last.hash if last else None,
            0 if last else ahead, taken.now, taken.heartbeat_at, json.dumps(taken.heartbeat) if taken.heartbeat else None,
            round((said_at - taken.now).total_seconds() * 1000),
            newest.version if _uuid(newest.order) == here.order_ref else 0, stopped, here.device_id,
        ],
    )  # fmt: skip
    if taken.hits:
        details: dict[str, Any] = defaultdict(int)
        for hit in taken.hits:
            details[str(hit.severity)] += 1
        log.record(
            "hits.received", None, holding=(here.holding_id, here.agency_id), subject=f"device:{here.device_id}",
            details={"by severity": dict(details), "first": taken.hits[0].seq, "last": taken.hits[-1].seq},
        )  # fmt: skip
        outbox.post("hits.received", person_id=str(here.person_id), officer_id=str(here.in_charge_id))
    if taken.hits or taken.faults or here.absent or taken.pictures:
        subject = taken.hits[-1].id if taken.hits else here.device_id
        for officer in {here.in_charge_id, here.reviewer_id} - {None}:
            tell(f"officer:{officer}", "hit" if taken.hits else "device", subject)


def _keep_faults(taken: Taken) -> None:
    Fault.objects.bulk_create(taken.faults, ignore_conflicts=True)
    here = taken.here
    log.record(
        "faults.noticed", None, holding=(here.holding_id, here.agency_id), subject=f"device:{here.device_id}",
        details={"kinds": sorted({str(fault.kind) for fault in taken.faults}), "marks": [one.mark for one in taken.faults][:20]},
    )  # fmt: skip


def _order_for(here: Here, newest: Sent) -> dict[str, Any]:
    """The order in force where the agent does not have it yet, and the libraries that it names."""
    has = here.order_ref is None or (_uuid(newest.order) == here.order_ref and newest.version >= here.version)
    document = None
    if not has and here.order_id is not None:
        row = Order.objects.filter(pk=here.order_id).only("id", "agency_id", "document").first()
        document = json.loads(row.document) if row else None
    return {"order": document, "libraries": here.libraries}
