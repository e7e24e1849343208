"""What the demonstration's agencies do together: a joint case, a conflict, data requests, a package for court.

Loaded once the packages are read and connected, through the same actions as the pages call. Each part is left alone where it
stands already, so a demonstration that was broken off is gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from opencets.errors import ActRefused

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from opencets.rehearsal import Case
    from opencets_web.policy.actor import Actor

WHERE = (51.4545, -2.5879)
NEARBY = (51.4561, -2.5850)
SAID = {
    "authority": "Avon Constabulary, Online Child Protection Unit",
    "authorisation": "Authorised by the duty superintendent, number 4471, until the end of the year.",
    "law": "The national act on criminal procedure, section 100.",
    "order": "Harrowgate Bay Magistrates, number 118 of this year.",
    "offence": "Possession and distribution of indecent photographs of children.",
    "facts": "A picture host reported uploads from one account; the account was used from the address below.",
    "necessity": "Nothing less names the subscriber; only the time of the uploads is asked for.",
    "period": "The day of the uploads alone.",
}


def work_together(avon: Sequence[Actor], borders: Sequence[Actor], cases: Sequence[Case]) -> None:
    """Both agencies' work on each other's cases. ``avon`` and ``borders``: officers who read cases, the first runs them."""
    ours = [case.reference for case in cases if case.agency == "Avon"]
    theirs = [case.reference for case in cases if case.agency == "Borders"]
    _joint_case(avon, borders[0], ours[0], ours[2])
    _invite_only(borders[0], avon[0].agency_id, theirs[1])
    _conflict(avon[0], borders[0], cases)
    _operations(avon[0], borders[0], ours[1], theirs[0])
    _part_asked(borders[0], avon[0].agency_id, cases)
    _data_requests(avon, ours[0])
    _package(avon[0], ours[1])


def _joint_case(avon: Sequence[Actor], partner: Actor, reference: str, other: str) -> None:
    """A case that both work on: invitation, comments with a mention, tasks, a decision, a link."""
    from opencets_web.cases.actions import add_number, join_case
    from opencets_web.casework import actions
    from opencets_web.casework.models import CaseLink, Comment, Decision, Task
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.models import GrantState
    from opencets_web.sharing.actions import accept_invitation, invite
    from opencets_web.sharing.models import Release

    owner, colleague = avon[0], avon[-1]
    today = datetime.now(UTC).date()
    with acting_as(owner.officer_id):
        made = Release.objects.filter(case__reference=reference, to_agency_id=partner.agency_id, grant__invited=True)
        if not made.exists():
            invite(
                owner, reference, partner.agency_id, purpose="One series in two counties", days=180, level="contribute"
            )
        grant = made.select_related("grant").get().grant
    with acting_as(partner.officer_id):
        if grant.state == GrantState.INVITED:
            accept_invitation(partner, grant.id)
        with suppress(ActRefused):
            add_number(partner, reference, "Borders crime number", "BO-77-118")
        if not Comment.objects.filter(author_id=partner.officer_id).exists():
            actions.write_comment(
                partner, reference, "The same telephone was seized at our address; its chats are read tomorrow."
            )
    with acting_as(colleague.officer_id), suppress(ActRefused):
        join_case(colleague, reference)
    with acting_as(owner.officer_id):
        if not Comment.objects.filter(author_id=owner.officer_id).exists():
            called = f"@{colleague.display_name} please compare the rooms with ours;"
            actions.write_comment(
                owner, reference, f"{called} @{partner.display_name} thank you, we wait for the chats."
            )
        if not Task.objects.exists():
            rooms, chats = "Compare the rooms of the two packages", "Send the chats of the telephone"
            actions.give_task(owner, reference, rooms, colleague.officer_id, today + timedelta(days=2))
            actions.give_task(owner, reference, chats, partner.officer_id, today)
        if not Decision.objects.exists():
            what = "Avon runs the case, Borders the interview of the suspect."
            actions.decide(owner, reference, what, "The suspect lives in Borders; the reports came to Avon.")
        if not CaseLink.objects.exists():
            actions.link_case(owner, reference, other, "One screen name in both; it may be one person.")


def _invite_only(owner: Actor, to_agency: UUID, reference: str) -> None:
    """An invitation that waits for its answer."""
    from opencets_web.policy.acting import acting_as
    from opencets_web.sharing.actions import invite
    from opencets_web.sharing.models import Release

    with acting_as(owner.officer_id):
        if not Release.objects.filter(case__reference=reference).exists():
            invite(owner, reference, to_agency, purpose="The computer was sold in your county", days=90, level="read")


def _conflict(ours: Actor, theirs: Actor, cases: Sequence[Case]) -> None:
    """Both declare the same address as a target, and are told of each other."""
    from opencets_web.deconfliction.actions import declare_target
    from opencets_web.deconfliction.models import Declaration, Subject
    from opencets_web.deconfliction.values import values_of
    from opencets_web.policy.acting import acting_as

    for actor, agency in ((ours, "Avon"), (theirs, "Borders")):
        for case in cases:
            email = _planted(case)
            if case.agency != agency or not email:
                continue
            with acting_as(actor.officer_id):
                if not Declaration.objects.filter(declared_by_id=actor.officer_id, subject=Subject.TARGET).exists():
                    values, _ = values_of(email)
                    declare_target(
                        actor,
                        case.reference,
                        values,
                        purpose="Before the account is written to",
                        contact=f"{actor.display_name}, by day",
                    )
            break


def _planted(case: Case) -> str:
    """The address that the rehearsal hid in cases of both agencies, where this case has it; empty elsewhere."""
    from opencets.rehearsal.world import PersonCard

    for card in case.cards:
        if isinstance(card, PersonCard) and card.email.lower().startswith("planted"):
            return card.email.lower().replace("+news", "")
    return ""


def _operations(ours: Actor, theirs: Actor, our_case: str, their_case: str) -> None:
    """A search and an observation on one evening, 300 metres from each other."""
    from opencets_web.deconfliction.actions import declare_operation
    from opencets_web.deconfliction.models import Declaration, Subject
    from opencets_web.policy.acting import acting_as

    evening = (datetime.now(UTC) + timedelta(days=3)).replace(hour=18, minute=0, second=0, microsecond=0)
    plans = (
        (ours, our_case, "warrant", evening, WHERE, "Search of a flat"),
        (theirs, their_case, "surveillance", evening - timedelta(hours=1), NEARBY, "Observation of a shop"),
    )
    for actor, reference, kind, begins, position, label in plans:
        with acting_as(actor.officer_id):
            if not Declaration.objects.filter(declared_by_id=actor.officer_id, subject=Subject.OPERATION).exists():
                declare_operation(
                    actor,
                    reference,
                    operation=kind,
                    begins_at=begins,
                    ends_at=begins + timedelta(hours=3),
                    purpose="So that no two teams meet at one door",
                    label=label,
                    position=position,
                    radius_metres=400,
                )


def _part_asked(asking: Actor, of_agency: UUID, cases: Sequence[Case]) -> None:
    """A request for the records on one address, without the case they stand in."""
    from opencets_web.deconfliction.values import values_of
    from opencets_web.policy.acting import acting_as
    from opencets_web.releases.actions import Wanted, ask
    from opencets_web.releases.models import PartRequest, Sought

    case = next((case for case in cases if case.agency == "Borders" and _planted(case)), None)
    if case is None:
        return
    with acting_as(asking.officer_id):
        if PartRequest.objects.filter(agency_id=asking.agency_id).exists():
            return
        values, _ = values_of(_planted(case))
        basis = "The national act on criminal procedure, section 100."
        wanted = Wanted(Sought.HELD.value, "To know whom the account belongs to", basis, values=values)
        ask(asking, case.reference, wanted, to_agency=of_agency)


def _data_requests(avon: Sequence[Actor], reference: str) -> None:
    """A preservation that is served, and a draft that waits for what is missing."""
    from django.utils import timezone

    from opencets_web.inquiries import actions
    from opencets_web.inquiries.models import Inquiry, Provider
    from opencets_web.policy.acting import acting_as

    drafter, second = avon[0], avon[-1]
    with acting_as(drafter.officer_id):
        if Inquiry.objects.filter(agency_id=drafter.agency_id).exists():
            return
        provider = Provider.objects.filter(name="Lantern Broadband", agency_id=drafter.agency_id).first()
        provider_id = (
            provider.id
            if provider
            else actions.add_provider(
                drafter,
                name="Lantern Broadband",
                email="legal@lantern.example.org",
                shares_addresses=True,
                retention_days=90,
                zone="Europe/Dublin",
            )
        )
        yesterday = (timezone.now() - timedelta(days=2)).replace(hour=20, minute=14, second=7, microsecond=0)
        served = _draft(drafter, reference, "national-preservation", provider_id, yesterday, port="50412")
        _draft(drafter, reference, "national-production", provider_id, yesterday, port="")
    with acting_as(second.officer_id):
        actions.approve_inquiry(second, served)
    with acting_as(drafter.officer_id):
        actions.serve_inquiry(drafter, served, at=timezone.now(), how="By the provider's portal", reference="LB-20817")


def _draft(actor: Actor, reference: str, instrument: str, provider_id: UUID, at: datetime, *, port: str) -> UUID:
    from opencets_web.inquiries import actions

    made = actions.draft_inquiry(actor, reference, instrument=instrument, provider_id=provider_id)
    actions.change_inquiry(actor, made, "Who used the address at the time of the uploads", SAID)
    actions.add_by_hand(
        actor,
        made,
        kind="ip",
        value="203.0.113.77",
        time=f"{at:%Y-%m-%d %H:%M:%S}",
        zone="UTC",
        port=port,
        place="Report of the picture host, page 1",
    )
    return made


def _package(actor: Actor, reference: str) -> None:
    """A signed bundle for the prosecutor."""
    from opencets_web.disclosure.actions import ask_package
    from opencets_web.disclosure.gathering import Choice
    from opencets_web.disclosure.models import Package
    from opencets_web.policy.acting import acting_as

    with acting_as(actor.officer_id):
        if Package.objects.exists():
            return
        choice = Choice("disclosure", "Crown prosecutor, Harrowgate Bay", "Disclosure to court and defence")
        try:
            ask_package(actor, reference, choice)
        except ActRefused:
            return


def grade_together(officers: Sequence[Actor], reference: str, folder: Path, seconds: float = 90.0) -> None:
    """A memory card in a case, its series, and votes: files that three agree on, some on which two differ, some that wait.

    ``officers``: those who may work on the case; ``folder``: where the card is written.
    """
    from opencets.rehearsal.packages import write_memory_card
    from opencets_web.evidence.actions import receive_path
    from opencets_web.evidence.models import Exhibit
    from opencets_web.grading.actions import grade_series, release_entries
    from opencets_web.grading.models import GradingAct
    from opencets_web.grading.queries import list_ready, list_series
    from opencets_web.policy.acting import acting_as

    owner, title = officers[0], "Memory card from the desk drawer"
    with acting_as(owner.officer_id):
        received = Exhibit.objects.filter(case__reference=reference, title=title).exists()
    if not received:
        write_memory_card(folder)
        receive_path(owner, reference, folder, title=title)
    found: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while len(found) < 2 and time.monotonic() < end:
        time.sleep(0.5)
        with acting_as(owner.officer_id):
            found = list_series(owner, reference, None, 20)
    with acting_as(owner.officer_id):
        if len(found) < 2 or GradingAct.objects.filter(case__reference=reference).exists():
            return
    first, second = found[0]["id"], found[1]["id"]
    votes = ((first, 0, ("2", "2", "2")), (second, 0, ("3", "4")), (second, 1, ("4",)))
    for number, (series, group, codes) in enumerate(votes):
        for officer, code in zip(officers, codes, strict=False):
            with acting_as(officer.officer_id), suppress(ActRefused):
                grade_series(officer, series, group, "UK", code, f"memory-card-{number}")
    with acting_as(owner.officer_id), suppress(ActRefused):
        ready = [row["id"] for row in list_ready(owner, None, 20)]
        release_entries(owner, ready[:2], "Drawn rooms; released for the demonstration alone.")


def tie_together(owner: Actor, reference: str, folder: Path, seconds: float = 120.0) -> None:
    """A camera, its fingerprint and its clock, and two films of a workshop, judged: a series that several reasons tie.

    ``folder``: where the workshop's files are written. The jobs that follow run in the workers that serve.
    """
    from opencets.rehearsal.workshop import SERIAL, WALLS, write_workshop
    from opencets_web.cameras.actions import ask_fingerprint, judge_match
    from opencets_web.cameras.models import CameraMatch, Device, FingerprintState
    from opencets_web.cameras.models import Fingerprint as DevicePrint
    from opencets_web.evidence.actions import receive_path
    from opencets_web.evidence.models import Claim, Exhibit
    from opencets_web.media.models import Media
    from opencets_web.policy.acting import acting_as
    from opencets_web.videos.actions import confirm
    from opencets_web.videos.models import FootageState, SharedFootage

    title, device = "Camera and films from the workshop", "Camera from the workshop"
    with acting_as(owner.officer_id):
        if not Exhibit.objects.filter(case__reference=reference, title=title).exists():
            write_workshop(folder)
            receive_path(owner, reference, folder, title=title)

    def wait(stands: Callable[[], bool]) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with acting_as(owner.officer_id):
                if stands():
                    return True
            time.sleep(0.5)
        return False

    media = Media.objects.filter(file__exhibit__title=title, case__reference=reference, matched_at__isnull=False)
    named = Claim.objects.filter(kind="camera_serial", normal__endswith=SERIAL, record_id__in=media.values("record_id"))
    if not wait(lambda: named.count() > WALLS):
        return
    with acting_as(owner.officer_id):
        if not Device.objects.filter(case__reference=reference, name=device).exists():
            walls = media.filter(file__name__startswith="IMG_030").order_by("file__name")
            serial = named.values_list("normal", flat=True)[0] or ""
            ask_fingerprint(
                owner, reference, name=device, chosen=list(walls.values_list("id", flat=True)), serial=serial
            )
    prints = DevicePrint.objects.filter(device__name=device, case__reference=reference)
    ended = (FingerprintState.COMPARED, FingerprintState.REFUSED)
    wait(lambda: prints.filter(state__in=ended).exists())
    films = SharedFootage.objects.filter(left__in=media, right__in=media)
    wait(films.exists)
    with acting_as(owner.officer_id):
        matches = CameraMatch.objects.filter(fingerprint__in=prints, judgements=None, is_reference=False)
        for match in matches.filter(media__in=media, media__file__name__contains="441098").order_by("id"):
            judge_match(owner, match.id, same=True, reason="It was found in the same folder as the card.")
        for row in films.filter(state=FootageState.SUGGESTED):
            confirm(owner, row.id)
