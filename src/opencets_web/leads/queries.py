"""Reading connections, pointers and alerts for a page: actor first, frozen pages out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, Count, Exists, F, Func, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import cached_property

from opencets.errors import NotFound
from opencets.linking import default_rarity
from opencets.values.handling import Label
from opencets_web.audit import log
from opencets_web.cases.models import Assignment
from opencets_web.cases.queries import CaseFrame, get_frame
from opencets_web.leads.models import Alert, AlertKind, AlertState, AlertThreshold, Connection, Pointer
from opencets_web.leads.weighing import strongest, weighed
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.labels import label_over
from opencets_web.policy.models import Holding


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert with its reason in one sentence."""

    id: UUID
    kind: str
    kind_label: str
    sentence: str
    strength: float
    factors: tuple[dict[str, Any], ...]
    case: str
    case_title: str
    url: str
    state: str
    raised_at: datetime
    decided_at: datetime | None
    decided_by: str
    decided_because: str
    reason: str = ""
    """For a connection, what ties its best path, in words: alerts of one case with the same reason stand together."""


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts of one case for one reason, the strongest first."""

    first: AlertRow
    others: tuple[AlertRow, ...]


def _grouped(rows: Sequence[AlertRow]) -> tuple[AlertGroup, ...]:
    """Rows with equal case and reason together, where the strongest of them stood; others alone."""
    together: dict[tuple[str, str], list[AlertRow]] = {}
    for row in rows:
        together.setdefault((row.case, row.reason or str(row.id)), []).append(row)
    return tuple(AlertGroup(of[0], tuple(of[1:])) for of in together.values())


def _alert(alert: Alert) -> AlertRow:
    found = alert.connection
    return AlertRow(
        id=alert.id,
        kind=alert.kind,
        kind_label="Conflict" if alert.subject_url.startswith("/conflicts/") else AlertKind(alert.kind).label,
        sentence=found.sentence if found else alert.sentence,
        strength=found.strength if found else alert.strength,
        factors=tuple(found.factors if found else alert.factors),
        case=alert.case.reference,
        case_title=alert.case.title,
        url=alert.subject_url,
        state=alert.state,
        raised_at=alert.raised_at,
        decided_at=alert.decided_at,
        decided_by=alert.decided_by.display_name if alert.decided_by else "",
        decided_because=alert.decided_because,
        reason=", ".join(default_rarity().words(kind) for kind in found.kinds) if found else "",
    )


OWN_BUSINESS = (AlertKind.POINTER, AlertKind.REQUEST, AlertKind.RELEASE)
"""Told to the owning agency only, also while the case is released to another one."""


def told(actor: Actor) -> QuerySet[Alert]:
    """The alerts that may be told to the actor: of cases they see; a connection's only while they see all of it.

    A new alert that names whom to call goes once its other side is released, and comes back with the release's end.
    """
    alerts = door.visible(actor, Alert.objects.all()).select_related("case", "decided_by", "connection")
    alerts = alerts.defer("connection__uses")
    alerts = alerts.filter(Q(agency_id=actor.agency_id) | ~Q(kind__in=OWN_BUSINESS))
    seen = Q(connection=None) | Q(_is_any_of("connection_id", visible_connections(actor)))
    calling = Q(pointer=None) | ~Q(state=AlertState.NEW) | Q(_is_any_of("pointer_id", _speaking(actor)))
    return alerts.filter(seen, calling)


def _alerts(actor: Actor, alerts: Iterable[Alert]) -> tuple[AlertRow, ...]:
    """Alerts as lines, each connection as this reader may weigh it, the strongest first."""
    rows = list(alerts)
    connections = {alert.connection_id: alert.connection for alert in rows if alert.connection}
    weighed(actor, connections.values())
    for alert in rows:
        if alert.connection:
            alert.connection = connections[alert.connection_id]
    return tuple(sorted(map(_alert, rows), key=lambda row: (-row.strength, -row.raised_at.timestamp())))


def _is_any_of(column: str, rows: QuerySet[Connection] | QuerySet[Pointer]) -> Func:
    """The column is one of their ids, as one array: made once for a statement, where a subquery may run again for each row."""
    ids = ArraySubquery(rows.values("id"))
    return Func(F(column), ids, template="%(expressions)s)", arg_joiner=" = ANY(", output_field=BooleanField())


def _speaking(actor: Actor) -> QuerySet[Pointer]:
    """The pointers that speak through a new alert.

    Of several from one case to one agency the first speaks for all, and once it is decided so are those made before.
    """
    decided = Alert.objects.exclude(state=AlertState.NEW).filter(
        case=OuterRef("case"), pointer__other_agency=OuterRef("other_agency"), decided_at__gte=OuterRef("made_at")
    )
    waiting = standing_pointers(actor).filter(~Exists(decided), alerts__state=AlertState.NEW)
    return waiting.order_by("case_id", "other_agency_id", "made_at", "id").distinct("case_id", "other_agency_id")


def visible_connections(actor: Actor) -> QuerySet[Connection]:
    """Connections of which the actor sees both ends and every holding between them."""
    opened = ArraySubquery(door.visible(actor, Holding.objects.all()).values("id"))
    rows = door.visible(actor, Connection.objects.filter(retired_at=None))
    return rows.filter(Q(through=[]) | Q(through__contained_by=opened))


def owners_of(connections: Iterable[Connection]) -> dict[UUID, set[tuple[UUID, UUID]]]:
    """Whose records each connection tells of: both cases, and those between them, whose words stand in its sentence."""
    rows = list(connections)
    between = {UUID(str(holding)) for row in rows for holding in row.through}
    agency: dict[UUID, UUID] = {}
    if between:
        agency = dict(Holding.objects.filter(id__in=between).values_list("id", "agency_id"))
    return {
        row.id: {
            (row.left_holding_id, row.left_agency_id),
            (row.right_holding_id, row.right_agency_id),
            *((holding, agency[holding]) for holding in between & set(row.through)),
        }
        for row in rows
    }


def standing_pointers(actor: Actor) -> QuerySet[Pointer]:
    """The pointers whose other side is hidden from the actor: a release turns them into connections, its end brings them back."""
    hidden = Func(F("id"), template="%(expressions)s = any ((select app_hidden_pointers())::uuid[])",
                  output_field=BooleanField())  # fmt: skip
    rows = door.visible(actor, Pointer.objects.filter(agency_id=actor.agency_id, retired_at=None))
    return rows.annotate(hidden=hidden).filter(hidden=True)


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """The queue of alerts."""

    rows: tuple[AlertRow, ...]
    page: Page[Alert]
    counts: dict[str, int]
    groups: tuple[AlertGroup, ...]
    least: int
    weaker: int
    """How many connections below the reader's own threshold are not shown."""


def least_strength(actor: Actor) -> float:
    """From which strength the actor is told of connections."""
    row = AlertThreshold.objects.filter(officer_id=actor.officer_id).values_list("least_strength", flat=True).first()
    return row or 0.0


def _below(least: float) -> Q:
    return Q(kind=AlertKind.CONNECTION, strength__lt=least)


def list_alerts(
    actor: Actor,
    *,
    state: str = AlertState.NEW,
    kind: str = "",
    mine: bool = False,
    weak: bool = False,
    number: int = 1,
) -> AlertsPage:
    """Alerts of the cases that the actor sees, strongest first, by reason; connections from the actor's own threshold on."""
    alerts = told(actor)
    least = least_strength(actor)
    weaker = 0
    if least and not weak:
        weaker = alerts.filter(_below(least), state=AlertState.NEW).count()
        alerts = alerts.exclude(_below(least))
    counts = dict(alerts.values_list("state").annotate(number=Count("id")))
    if state:
        alerts = alerts.filter(state=state)
    if kind:
        alerts = alerts.filter(kind=kind)
    if mine:
        alerts = alerts.filter(case_id__in=_my_case_ids(actor))
    total = counts.get(state, 0) if state and not kind and not mine else alerts.count()
    page = _Counted(alerts.order_by("-strength", "-raised_at"), total).get_page(number)
    log.record("alerts.viewed", actor, details={"state": state, "kind": kind, "page": page.number})
    rows = _alerts(actor, page)
    return AlertsPage(rows, page, counts, _grouped(rows), int(least), weaker)


class _Counted(Paginator):  # type: ignore[type-arg]
    """Pages of fifty rows whose number is known already."""

    def __init__(self, rows: QuerySet[Alert], total: int) -> None:
        super().__init__(rows, 50)
        self._total = total

    @cached_property
    def count(self) -> int:
        return self._total


def new_alerts(actor: Actor, limit: int = 10) -> tuple[tuple[AlertRow, ...], dict[UUID, int]]:
    """The strongest new alerts of the actor's own cases, and how many each case has; cases without any are left out."""
    alerts = new_of_mine(actor)
    numbers = dict(alerts.order_by().values_list("case_id").annotate(number=Count("id")))
    shown = alerts.order_by("-strength", "-raised_at")[:limit] if numbers else ()
    return _alerts(actor, shown), numbers


def new_of_mine(actor: Actor) -> QuerySet[Alert]:
    """The new alerts of the actor's own cases."""
    own = AlertThreshold.objects.filter(officer_id=actor.officer_id).values("least_strength")
    weak = Q(kind=AlertKind.CONNECTION, strength__lt=Coalesce(Subquery(own), 0.0))
    return told(actor).filter(~weak, state=AlertState.NEW, case_id__in=_my_case_ids(actor))


def _my_case_ids(actor: Actor) -> Any:
    return Assignment.objects.filter(officer_id=actor.officer_id, until_at=None).values("case_id")


def case_alerts(actor: Actor, frame: CaseFrame, limit: int = 6) -> tuple[AlertRow, ...]:
    """The newest alerts of one case that are still open."""
    alerts = told(actor).filter(case_id=frame.case_id, state=AlertState.NEW)
    return _alerts(actor, alerts.order_by("-strength", "-raised_at")[:limit])


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection as seen from one of its cases."""

    id: UUID
    other: str
    other_title: str
    other_agency: str
    own_agency: bool
    kinds: tuple[str, ...]
    hops: int
    probability: float
    strength: float
    sentence: str
    paths: tuple[dict[str, Any], ...]
    found_at: datetime
    other_url: str


@dataclass(frozen=True, slots=True)
class PointerRow:
    """Whom to call."""

    id: UUID
    agency: str
    officer: str
    phone: str
    email: str
    since: datetime
    may_request: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class ConnectionsPage:
    """What a case connects to, as far as its reader may see."""

    frame: CaseFrame
    rows: tuple[ConnectionRow, ...]
    pointers: tuple[PointerRow, ...]
    page: Page[Connection]
    counts: tuple[tuple[str, int], ...]

    @property
    def calls(self) -> tuple[tuple[PointerRow, ...], ...]:
        """The pointers by whom to call, the newest first."""
        together: dict[tuple[str, str, str], list[PointerRow]] = {}
        for pointer in self.pointers:
            together.setdefault((pointer.agency, pointer.officer, pointer.phone), []).append(pointer)
        return tuple(map(tuple, together.values()))


MOST_WEIGHED = 1_000
"""Of a case with more connections, each page is weighed and ordered by itself."""


def list_connections(actor: Actor, reference: str, *, kind: str = "", number: int = 1) -> ConnectionsPage:
    """The connections of a case, strongest first, each with its paths; pointers where the other side is hidden."""
    frame = get_frame(actor, reference, "leads:connections")
    mine = Q(left_case_id=frame.case_id) | Q(right_case_id=frame.case_id)
    rows = visible_connections(actor).filter(mine).select_related("left_case__agency", "right_case__agency")
    counted: dict[str, int] = {}
    for kinds in rows.values_list("kinds", flat=True):
        for name in kinds:
            counted[name] = counted.get(name, 0) + 1
    if kind:
        rows = rows.filter(kinds__contains=[kind])
    ordered = rows.order_by("-strength", "-found_at", "id")
    read = list(ordered[: MOST_WEIGHED + 1])
    page: Page[Connection]
    if len(read) > MOST_WEIGHED:
        page = Paginator(ordered, 25).get_page(number)
        page.object_list = strongest(actor, page)
    else:
        page = Paginator(strongest(actor, read), 25).get_page(number)
    log.record(
        "connections.viewed", actor, holding=frame.holding, subject=f"case:{reference}", details={"page": page.number}
    )
    others = {owner for of in owners_of(list(page)).values() for owner in of if owner[0] != frame.holding_id}
    log.record_each("connections.viewed", actor, others, details={"page": page.number})
    return ConnectionsPage(
        frame=frame,
        rows=tuple(_row(actor, row, frame.case_id) for row in page),
        pointers=_pointers(actor, frame),
        page=page,
        counts=tuple(sorted(counted.items(), key=lambda pair: -pair[1])),
    )


def top_connections(actor: Actor, frame: CaseFrame, limit: int = 5) -> tuple[tuple[ConnectionRow, ...], int]:
    """The strongest connections of a case, and how many there are."""
    mine = Q(left_case_id=frame.case_id) | Q(right_case_id=frame.case_id)
    rows = visible_connections(actor).filter(mine).select_related("left_case__agency", "right_case__agency")
    read = list(rows.order_by("-strength", "-found_at", "id")[: 10 * limit])
    shown = tuple(_row(actor, row, frame.case_id) for row in strongest(actor, read)[:limit])
    return shown, rows.count() if len(read) == 10 * limit else len(read)


def _row(actor: Actor, row: Connection, from_case: UUID) -> ConnectionRow:
    turned = row.right_case_id == from_case
    other = row.left_case if turned else row.right_case
    return ConnectionRow(
        id=row.id,
        other=other.reference,
        other_title=other.title,
        other_agency=other.agency.short_name,
        own_agency=other.agency_id == actor.agency_id,
        kinds=tuple(row.kinds),
        hops=row.hops,
        probability=row.probability,
        strength=row.strength,
        sentence=row.sentence,
        paths=tuple(path_for_page(path, turned) for path in row.paths),
        found_at=row.found_at,
        other_url=f"/cases/{other.reference}/",
    )


def path_for_page(path: dict[str, Any], turned: bool) -> dict[str, Any]:
    """A kept path as the path component draws it: records with the tie to the next one, from the reader's own case."""
    ties = list(reversed(path["steps"])) if turned else path["steps"]
    first, second = ("right", "left") if turned else ("left", "right")
    steps = []
    for tie in ties:
        here = tie[first]
        steps.append(_record_step(here, {"sentence": tie["sentence"], "bits": tie["bits"]}))
    steps.append(_record_step(ties[-1][second], None))
    reasons = [
        {
            "sentence": tie["sentence"][:1].upper() + tie["sentence"][1:],
            "bits": None,
            "left": f"{tie[first]['label']} · {tie[first]['where']}",
            "right": f"{tie[second]['label']} · {tie[second]['where']}",
        }
        for tie in ties
    ]
    return {"steps": steps, "reasons": reasons, "hops": path["hops"], "probability": path["probability"]}


def _record_step(side: dict[str, Any], tie: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "label": side["label"],
        "kind": side["kind"],
        "subtitle": side["case"],
        "url": f"/records/{side['record']}/",
        "tie": tie,
    }


def case_pointers(actor: Actor, frame: CaseFrame) -> tuple[PointerRow, ...]:
    """The pointers of a case whose other side is still hidden, for a page that was logged already."""
    return _pointers(actor, frame)


def _pointers(actor: Actor, frame: CaseFrame) -> tuple[PointerRow, ...]:
    rows = standing_pointers(actor).filter(case_id=frame.case_id).select_related("other_agency")
    return tuple(_pointer_row(pointer) for pointer in rows.order_by("-made_at")[:100])


def _pointer_row(pointer: Pointer) -> PointerRow:
    return PointerRow(
        id=pointer.id,
        agency=pointer.other_agency.name,
        officer=pointer.other_agency.contact_name,
        phone=pointer.other_agency.contact_phone,
        email=pointer.other_agency.contact_email,
        since=pointer.made_at,
        may_request=pointer.may_request,
        sentence="Something in this case connects to something they hold.",
    )


def get_pointer(actor: Actor, pointer_id: UUID) -> tuple[str, PointerRow]:
    """The reference of a pointer's case, and whom to call; NotFound unless it is the actor's agency's and stands."""
    pointer = door.admit(actor, standing_pointers(actor).select_related("case", "other_agency"), pk=pointer_id)
    return pointer.case.reference, _pointer_row(pointer)


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """One connection with every path and claim that speaks."""

    row: ConnectionRow
    left: str
    right: str
    left_title: str
    right_title: str
    model: str
    bits: float
    label: Label


def get_connection(actor: Actor, connection_id: UUID) -> ConnectionPage:
    """One connection; NotFound unless every holding on it may be seen."""
    rows = visible_connections(actor).select_related("left_case__agency", "right_case__agency")
    found = weighed(actor, rows.filter(pk=connection_id))
    if not found:
        raise NotFound
    row = found[0]
    log.record_each("connection.viewed", actor, owners_of([row])[row.id], subject=f"connection:{row.id}")
    turned = row.left_agency_id != actor.agency_id and row.right_agency_id == actor.agency_id
    near = row.right_case if turned else row.left_case
    far = row.left_case if turned else row.right_case
    return ConnectionPage(
        _row(actor, row, near.id), near.reference, far.reference, near.title, far.title, row.model, row.bits,
        label_over(actor, [row.left_holding_id, row.right_holding_id, *cast("list[UUID]", row.through)]),
    )  # fmt: skip
