"""The whole way of the data on one screen: what follows each event.

::

    exhibit received ─► read_exhibit ─┬─ records read (each batch) ─┐
                                      └─ exhibit read ──────────────┴─► match_media ─► count_identifiers ─► resolve_people
                                                                                              ─► link_exhibit ─► alerts
    media matched ─► build_series        ties changed (a place, camera or footage judged or found) ─► build_series_anew
    media matched ─► find_footage (videos)
    value ruled on ─► apply_ruling ─► link_ruled
    version of the weights asked for ─► make_weights         version live or back ─► weigh_again, until all is weighed
    judgement changed ─► link_judged         hash set imported, withdrawn, restored ─► match_hash_set ─► tell_known
    entry of a hash set confirmed, doubted, held entry decided ─► settle_entry
    hash set received ─► read_hash_set ─► hash set imported
    media matched ─► extract_features (and every mark is sought in them)        mark made, restored ─► search_region
    invitation answered ─► carry_answer
    package asked ─► make_package
    request made, answered, withdrawn ─► carry_request         release changed ─► tell_anew, settle_conflicts
    target or operation declared ─► compare_declaration        records read, media matched ─► watch_exhibit
    written, proposed, agreed on a conflict ─► carry_conflict
    part asked for, answered, taken back ─► carry_part_request
    part released ─► make_release ─► carry_release ─► (accepted) ─► keep_part ─► carry_release (the receipt)
    media matched ─► keep_marks (of a received part) ─► mark made
    camera fingerprint asked ─► make_camera_fingerprint ─► compare_camera_fingerprint     media matched ─► compare_camera_noise
    officer ended ─► hand_over                cover changed ─► carry_cover          session ended ─► end_pushes
    sightings received ─► load_sightings        sightings delivered (by a sensor) ─► load_delivered
    every minute ─► look_for_silence (sensors)
    hits received ─► tell_of_hits        every ten seconds ─► look_for_absence        every night ─► delete_by_rule, join_hits
    media matched ─► keep_veils
    media matched ─► follow_text ─► (of a case that asked, or all) text asked ─► read_text ─► text asked, until all is read
    exhibit read ─► tell_languages ─► go_on_telling        every night ─► read_again (another version of either)
    exhibit read ─► keep_names                every two minutes ─► look_for_watches ─► notices
    every night ─► check_places (the whole run of what resolve_people does one record at a time), search_older (connections)

A job runs as the officer whom it serves. Each is safe to run again: a killed worker's job is taken up by ``take_up_stalled``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from procrastinate import App, JobContext, RetryStrategy
from procrastinate.jobs import Status

from opencets_web.audit import outbox, sealer
from opencets_web.audit.outbox import Follow

_log = logging.getLogger("opencets.pipeline")
READING = "exhibit-{exhibit_id}"
CONNECTING = "connecting"
MARKING = "marking"
"""One writer of the index of regions at a time."""
SIGHTINGS = "sightings"
"""One writer of the ledger of sightings at a time."""
TEXT = "visible-text"
"""One picture of the machine is read at a time: reading is costly, and nothing waits for it."""

WATCH = Follow("watch_exhibit", "default", coalesce="watch-{exhibit_id}", priority=10)
"""Beside the linking queue, not behind it: who declared a target is told while the rest of an exhibit is still read."""

ROUTES: dict[str, tuple[Follow, ...]] = {
    "exhibit.received": (Follow("read_exhibit", "reading", lock=READING, coalesce="read-{exhibit_id}"),),
    "records.read": (
        Follow("match_media", "linking", lock=CONNECTING, coalesce="match-{exhibit_id}"),
        WATCH,
    ),
    "exhibit.read": (
        Follow("match_media", "linking", lock=CONNECTING, coalesce="match-{exhibit_id}"),
        WATCH,
        Follow("keep_names", "default", coalesce="names-{exhibit_id}"),
        Follow("tell_languages", "default", coalesce="languages-{exhibit_id}", priority=-10),
    ),
    "media.matched": (
        Follow("build_series", "linking", lock="series", coalesce="series-{exhibit_id}"),
        Follow("count_identifiers", "linking", lock=CONNECTING, coalesce="count-{exhibit_id}", priority=1),
        Follow("find_footage", "linking", coalesce="footage-{exhibit_id}"),
        WATCH,
        Follow("keep_veils", "default", coalesce="veils-{exhibit_id}"),
        Follow("compare_camera_noise", "linking", coalesce="noise-{exhibit_id}", priority=-5),
        Follow("extract_features", "default", lock=MARKING, coalesce="features-{exhibit_id}", priority=-1),
        Follow("keep_marks", "default", coalesce="marks-{exhibit_id}"),
        Follow("follow_text", "default", coalesce="follow-text-{exhibit_id}", priority=-10),
    ),
    "ties.changed": (
        Follow("build_series_anew", "linking", lock="series", coalesce="series-of-{case_id}", priority=2),
    ),
    "text.asked": (Follow("read_text", "default", lock=TEXT, coalesce="text-{case_id}", priority=-10),),
    "languages.left": (Follow("go_on_telling", "default", coalesce="languages-left-{exhibit_id}", priority=-10),),
    "grades.agreed": (Follow("weigh_media", "default", coalesce="weigh-{case_id}"),),
    "identifiers.counted": (
        Follow("resolve_people", "linking", lock=CONNECTING, coalesce="resolve-{exhibit_id}", priority=2),
    ),
    "people.resolved": (Follow("link_exhibit", "linking", lock=CONNECTING, coalesce="link-{exhibit_id}", priority=3),),
    "judgement.changed": (Follow("link_judged", "linking", lock=CONNECTING, priority=9),),
    "value.ruled": (Follow("apply_ruling", "linking", lock=CONNECTING, priority=9),),
    "ruling.applied": (Follow("link_ruled", "linking", lock=CONNECTING, priority=9),),
    "weights.asked": (Follow("make_weights", "linking", lock=CONNECTING, coalesce="weights-{version_id}"),),
    "weights.changed": (Follow("weigh_again", "linking", lock=CONNECTING, coalesce="weigh-{term_id}", priority=1),),
    "mark.made": (Follow("search_region", "default", lock=MARKING, priority=8),),
    "hash-set.received": (Follow("read_hash_set", "reading", coalesce="hash-set-{hash_set_id}"),),
    "hash-set.imported": (Follow("match_hash_set", "linking", lock=CONNECTING),),
    "hash-set.withdrawn": (Follow("match_hash_set", "linking", lock=CONNECTING),),
    "hash-set.restored": (Follow("match_hash_set", "linking", lock=CONNECTING),),
    "hash-entry.changed": (Follow("settle_entry", "linking", lock=CONNECTING),),
    "hash-set.matched": (Follow("tell_known", "linking", lock=CONNECTING),),
    "request.changed": (Follow("carry_request", "default", priority=9),),
    "release.changed": (
        Follow("tell_anew", "default", priority=9),
        Follow("settle_conflicts", "default", priority=9),
    ),
    "declaration.changed": (Follow("compare_declaration", "default", priority=10),),
    "conflict.changed": (Follow("carry_conflict", "default", priority=10),),
    "invitation.answered": (Follow("carry_answer", "default", priority=9),),
    "package.asked": (Follow("make_package", "reading", lock="package-{package_id}"),),
    "officer.ended": (Follow("hand_over", "default", priority=9),),
    "cover.changed": (Follow("carry_cover", "default", priority=9),),
    "part-request.changed": (Follow("carry_part_request", "default", priority=9),),
    "part-release.sent": (Follow("make_release", "reading", lock="part-release-{release_id}"),),
    "part-release.changed": (Follow("carry_release", "default", lock="part-carried-{release_ref}", priority=9),),
    "part.withdrawn": (Follow("settle_part", "default", lock="part-kept-{part_id}", priority=9),),
    "part.accepted": (Follow("keep_part", "reading", lock="part-kept-{part_id}"),),
    "fingerprint.asked": (Follow("make_camera_fingerprint", "linking", coalesce="fingerprint-{fingerprint_id}"),),
    "fingerprint.made": (
        Follow("compare_camera_fingerprint", "linking", coalesce="fingerprint-compared-{fingerprint_id}", priority=-5),
    ),
    "noise.left": (Follow("compare_camera_noise", "linking", coalesce="noise-{exhibit_id}", priority=-5),),
    "sightings.received": (Follow("load_sightings", "reading", lock=SIGHTINGS, coalesce="sightings-{file_id}"),),
    "sightings.delivered": (Follow("load_delivered", "reading", lock=SIGHTINGS, coalesce="delivered-{sensor_id}"),),
    "hits.received": (Follow("tell_of_hits", "default", coalesce="hits-{person_id}", priority=10),),
    "session.ended": (Follow("end_pushes", "default", priority=10),),
}

outbox.route(ROUTES)


def on_app_ready(app: App) -> None:
    """Give procrastinate its tasks; called by its Django part."""
    from opencets_web.cameras import jobs as cameras
    from opencets_web.deconfliction import jobs as deconfliction
    from opencets_web.desk import jobs as desk
    from opencets_web.disclosure import jobs as disclosure
    from opencets_web.entities import jobs as entities
    from opencets_web.evidence import jobs as evidence
    from opencets_web.federation import jobs as federation
    from opencets_web.grading import jobs as grading
    from opencets_web.leads import jobs as leads
    from opencets_web.marks import jobs as marks
    from opencets_web.media import jobs as media
    from opencets_web.officers import jobs as officers
    from opencets_web.push import jobs as push
    from opencets_web.releases import jobs as releases
    from opencets_web.sharing import jobs as sharing
    from opencets_web.sightings import jobs as sightings
    from opencets_web.standards import jobs as standards
    from opencets_web.supervision import jobs as supervision
    from opencets_web.texts import jobs as texts
    from opencets_web.videos import jobs as videos

    def task(name: str, act: Callable[..., object], then: str = "") -> None:
        def run(**subject: Any) -> None:
            try:
                act(**subject)
            except Exception:
                if not outbox.waits(name, subject):
                    raise
                # The same work waits already and is the next try; this one could not be put back beside it.
                _log.exception("%s failed; it waits to be done again.", name)
                return
            if then:
                _post(then, subject)

        app.task(name=name, retry=RetryStrategy(max_attempts=4, exponential_wait=3))(run)

    task("read_exhibit", evidence.read_exhibit)
    task("match_media", media.match_media)
    task("build_series", grading.build_series)
    task("build_series_anew", grading.build_series_anew)
    task("weigh_media", grading.weigh_media)
    task("find_footage", videos.find_footage)
    task("extract_features", marks.extract_features)
    task("search_region", marks.search_region)
    task("count_identifiers", entities.count_identifiers, then="identifiers.counted")
    task("resolve_people", entities.resolve_people, then="people.resolved")
    task("link_exhibit", leads.link_exhibit)
    task("link_judged", leads.link_judged)
    task("apply_ruling", entities.apply_ruling, then="ruling.applied")
    task("link_ruled", leads.link_ruled)
    task("make_weights", entities.make_weights)
    task("weigh_again", entities.weigh_again)
    task("read_hash_set", media.read_hash_set)
    task("match_hash_set", media.match_hash_set, then="hash-set.matched")
    task("settle_entry", media.settle_entry)
    task("tell_known", leads.tell_known)
    task("carry_request", sharing.carry_request)
    task("tell_anew", leads.tell_anew)
    task("carry_answer", sharing.carry_answer)
    task("make_package", disclosure.make_package)
    task("compare_declaration", deconfliction.compare_declaration)
    task("watch_exhibit", deconfliction.watch_exhibit)
    task("carry_conflict", deconfliction.carry_conflict)
    task("settle_conflicts", deconfliction.settle_conflicts)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="end_passed", queue="default", queueing_lock="end_passed", pass_context=False)
    def end_passed(timestamp: int) -> None:
        """End the conflicts of declarations whose day has passed."""
        deconfliction.end_passed()

    task("carry_part_request", releases.carry_part_request)
    task("make_release", releases.make_release)
    task("carry_release", releases.carry_release)
    task("keep_part", releases.keep_part)
    task("settle_part", releases.settle_part)
    task("keep_marks", releases.keep_marks)
    task("hand_over", officers.hand_over)
    task("carry_cover", officers.carry_cover)

    @app.periodic(cron="* * * * * */5")
    @app.task(name="seal_audit", queue="default", queueing_lock="seal_audit", pass_context=False)
    def seal_audit(timestamp: int) -> None:
        """Give the acts of the last seconds their place in the tree."""
        sealer.seal_as_job()

    @app.periodic(cron="7 * * * *")
    @app.task(name="keep_accounts", queue="default", queueing_lock="keep_accounts", pass_context=False)
    def keep_accounts(timestamp: int) -> None:
        """Once an hour: absences, accounts that nobody uses, yearly reviews."""
        officers.keep_accounts()

    @app.periodic(cron="27 3 * * *")
    @app.task(name="forget_attempts", queue="default", queueing_lock="forget_attempts", pass_context=False)
    def forget_attempts(timestamp: int) -> None:
        """Once a day: sign-ins through providers that nobody will answer any more."""
        federation.forget_attempts()

    @app.periodic(cron="57 1 * * *")
    @app.task(name="check_places", queue="linking", lock=CONNECTING, queueing_lock="check_places", pass_context=False)
    def check_places(timestamp: int) -> None:
        """Once a day: the whole run of placing, which finds what stands as it would from nothing, or puts it right."""
        entities.check_places()

    @app.periodic(cron="17 2 * * *")
    @app.task(name="search_older", queue="linking", lock=CONNECTING, queueing_lock="search_older", pass_context=False)
    def search_older(timestamp: int) -> None:
        """Once a day: cases whose connections an older model found are searched again."""
        leads.search_older()

    @app.periodic(cron="17 3 * * *")
    @app.task(name="remove_left_behind", queue="reading", queueing_lock="remove_left_behind", pass_context=False)
    def remove_left_behind(timestamp: int) -> None:
        """Once a day: what dead writers and uploads given up left on the disk."""
        evidence.remove_left_behind()

    @app.periodic(cron="* * * * *")
    @app.task(name="tell_overdue", queue="default", queueing_lock="tell_overdue", pass_context=False)
    def tell_overdue(timestamp: int) -> None:
        """Once a minute: what of any case became overdue, or stayed so, is told to those who may work on it."""
        standards.tell_overdue()

    @app.periodic(cron="* * * * *")
    @app.task(name="mail_notices", queue="default", queueing_lock="mail_notices", pass_context=False)
    def mail_notices(timestamp: int) -> None:
        """Once a minute: links to what officers were told, where mail is set up and their hours are not quiet."""
        standards.mail_notices()

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="merge_indexes", queue="reading", queueing_lock="merge_indexes", pass_context=False)
    def merge_indexes(timestamp: int) -> None:
        """Every ten minutes: the pieces that an import left in the indexes of near pictures become one."""
        media.merge_indexes(whole=False)

    @app.periodic(cron="47 3 * * *")
    @app.task(name="merge_indexes_whole", queue="reading", queueing_lock="merge_indexes_whole", pass_context=False)
    def merge_indexes_whole(timestamp: int) -> None:
        """Once a day: what was removed from the indexes leaves the disk, and all pieces become one."""
        media.merge_indexes(whole=True)

    task("load_sightings", sightings.load_sightings)
    task("load_delivered", sightings.load_delivered)

    @app.periodic(cron="* * * * *")
    @app.task(name="look_for_silence", queue="default", queueing_lock="look_for_silence", pass_context=False)
    def look_for_silence(timestamp: int) -> None:
        """Once a minute: sensors of which nothing is heard for longer than their rule, and what they delivered that waits."""
        sightings.look_for_silence()

    @app.periodic(cron="7 4 * * *")
    @app.task(
        name="compact_sightings", queue="reading", lock=SIGHTINGS, queueing_lock="compact_sightings", pass_context=False
    )
    def compact_sightings(timestamp: int) -> None:
        """Once a day: the small files of past months in the ledger of sightings become one."""
        sightings.compact_sightings()

    @app.periodic(cron="*/5 * * * *")
    @app.task(name="answer_ahead", queue="reading", priority=-5, queueing_lock="answer_ahead", pass_context=False)
    def answer_ahead(timestamp: int) -> None:
        """Every five minutes: what every page of sightings asks first is answered, where the ledger went on."""
        sightings.answer_ahead()

    task("tell_of_hits", supervision.tell_of_hits)

    @app.periodic(cron="* * * * * */10")
    @app.task(name="look_for_absence", queue="default", queueing_lock="look_for_absence", pass_context=False)
    def look_for_absence(timestamp: int) -> None:
        """Every ten seconds: devices under an order of which nothing is heard."""
        supervision.look_for_absence()

    @app.periodic(cron="17 1 * * *")
    @app.task(name="delete_by_rule", queue="default", queueing_lock="delete_by_rule", pass_context=False)
    def delete_by_rule(timestamp: int) -> None:
        """Once a day: what supervised devices sent and was kept as long as its condition says."""
        supervision.delete_by_rule()

    @app.periodic(cron="47 0 * * *")
    @app.task(name="join_hits", queue="default", queueing_lock="join_hits", pass_context=False)
    def join_hits(timestamp: int) -> None:
        """Once a day: accounts, addresses and digests that reviewed hits name become records of their file."""
        supervision.join_hits()

    task("keep_names", desk.keep_names)

    @app.periodic(cron="*/2 * * * *")
    @app.task(name="look_for_watches", queue="default", queueing_lock="look_for_watches", pass_context=False)
    def look_for_watches(timestamp: int) -> None:
        """Every two minutes: what saved searches find new is told to their officers."""
        desk.look_for_watches()

    task("make_camera_fingerprint", cameras.make_fingerprint)
    task("compare_camera_fingerprint", cameras.compare_fingerprint)
    task("compare_camera_noise", cameras.compare_new_media)
    task("end_pushes", push.end_pushes)
    task("keep_veils", media.keep_veils)
    task("follow_text", texts.follow_text)
    task("read_text", texts.read_text)
    task("tell_languages", texts.tell_languages)
    task("go_on_telling", texts.go_on_telling)

    @app.periodic(cron="37 2 * * *")
    @app.task(name="read_again", queue="default", queueing_lock="read_again", pass_context=False)
    def read_again(timestamp: int) -> None:
        """Once a day: pictures that another version of the recogniser read, texts whose language another model told."""
        texts.read_again()

    @app.periodic(cron="* * * * *")
    @app.task(name="push_notices", queue="default", queueing_lock="push_notices", pass_context=False)
    def push_notices(timestamp: int) -> None:
        """Once a minute: links to the browsers of officers, where push services are named and their hours are not quiet."""
        push.push_notices()

    @app.periodic(cron="* * * * * */10")
    @app.task(name="take_up_stalled", queue="default", queueing_lock="take_up_stalled", pass_context=True)
    async def take_up_stalled(context: JobContext, timestamp: int) -> None:
        """Jobs of a worker that was killed are done by another: their heartbeat has stopped."""
        await take_up(context.app)


async def take_up(app: App) -> None:
    """Put the jobs of dead workers back into the queue; where the same work waits there already, that is enough.

    Two jobs of one queueing lock may not wait at once: putting such a one back would fail, and hold its lock for ever.
    """
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=30):
        lock = job.queueing_lock
        if lock and list(await manager.list_jobs_async(queueing_lock=lock, status=Status.TODO.value)):
            await manager.finish_job(job, Status.ABORTED, delete_job=False)
        else:
            await manager.retry_job(job)


def _post(event: str, subject: dict[str, Any]) -> None:
    from django.db import transaction

    with transaction.atomic():
        outbox.post(event, **subject)
