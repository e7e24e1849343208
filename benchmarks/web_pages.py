"""Links found in a planted world, and page times there and among a million records.

The world of ``opencets.rehearsal`` is put in record by record and connected by the real jobs; what they report is held
against the truth: recall by hops for shared identifiers, media and cameras, nothing through a decoy, names apart. Then each
page is asked for by a signed-in officer through the whole of Django (sessions, second factor, row-level security, templates),
in one process without a socket: milliseconds at the median, and queries. ``--million`` adds a million records and asks again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

SEED = 2026
STRONG = ("strong", "media", "camera", "mixed")
ROUNDS = 11
MOST_MILLISECONDS = 200
MOST_QUERIES = 25


def world_of(size: str) -> Any:
    """The world of a size: ``acceptance``, or ``AGENCIES,CASES,RECORDS,PICTURES``."""
    from opencets.rehearsal import Size, build

    if size == "acceptance":
        return build(SEED, Size.acceptance())
    agencies, cases, records, pictures = (int(part) for part in size.split(","))
    return build(SEED, Size.custom(agencies=agencies, cases=cases, records=records, pictures=pictures))


# --- Acts, each in a process of its own with the database role it needs ---------------------------------------------


def load(size: str) -> dict[str, Any]:
    """The world's agencies, officers, cases and records, as rows; as the owner of the tables."""
    from django.utils import timezone

    from opencets.rehearsal import records
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.cases.actions import open_case
    from opencets_web.cases.models import Case
    from opencets_web.evidence.keeping import Under, keep_read
    from opencets_web.evidence.models import Exhibit, ExhibitFile
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_for

    world = world_of(size)
    agencies, officers, under, fresh = {}, {}, {}, {}
    for entry in world.agencies:
        agencies[entry.short_name] = Agency.objects.create(
            name=entry.name, short_name=entry.short_name, country=entry.country, contact_name=entry.contact_name,
            contact_phone=entry.contact_phone, contact_email=entry.contact_email,
        )  # fmt: skip
    for person in world.officers:
        officer = Officer.objects.create(
            email=person.email,
            display_name=person.display_name,
            agency=agencies[person.agency],
            roles=list(person.roles),
        )
        if officer.reads_cases:
            officers.setdefault(person.agency, officer)
    begun = time.perf_counter()
    for entry in world.cases:
        officer = officers[entry.agency]
        actor = actor_for(officer.id)
        with acting_as(officer.id):
            open_case(actor, reference=entry.reference, title=entry.title, kind=entry.kind)
            case = Case.objects.get(reference=entry.reference)
            exhibit = Exhibit.objects.create(
                holding_id=case.holding_id, agency_id=case.agency_id, case=case, reference="EX-0001", title="Package",
                state="read", received_by_id=officer.id, begun_at=timezone.now(), read_at=timezone.now(),
            )  # fmt: skip
        under[entry.reference] = Under(case.holding_id, case.agency_id, case.id, exhibit.id)
        fresh[entry.reference] = []
    for reference, record in records(world):
        fresh[reference].append(record)
    for reference, found in fresh.items():
        place = under[reference]
        files: dict[str, ExhibitFile] = {}
        read = []
        for record in found:
            name = "/".join(record.locator.path)
            key = f"{name}#{record.key}" if record.kind == "media" else name
            if key not in files:
                files[key] = ExhibitFile(
                    holding_id=place.holding_id, agency_id=place.agency_id, exhibit_id=place.exhibit_id, path=[key],
                    name=name.rsplit("/", 1)[-1], size=1000, state="read", format=record.reader.split("/")[0],
                    media_type=record.first("media_type") or "", sha256=record.first("sha256") or "", signals=signals(record),
                )  # fmt: skip
            read.append((files[key].id, 0, record))
        with acting_as(officers_of(place, officers)):
            ExhibitFile.objects.bulk_create(files.values(), batch_size=500)
            for at in range(0, len(read), 2000):
                keep_read(place, read[at : at + 2000], timezone.now())
            Exhibit.objects.filter(pk=place.exhibit_id).update(
                files_found=len(files), files_read=len(files), records_read=len(read)
            )
    exhibits = [[str(place.exhibit_id), str(officers_of(place, officers))] for place in under.values()]
    return {"exhibits": exhibits, "records": sum(map(len, fresh.values())), "seconds": time.perf_counter() - begun}


def officers_of(place: Any, officers: dict[str, Any]) -> Any:
    """The officer of the agency under which rows are put."""
    return next(one.id for one in officers.values() if one.agency_id == place.agency_id)


def signals(record: Any) -> dict[str, Any] | None:
    """What hashing would have said of a picture, from the record's own claims."""
    pdq = record.first("pdq")
    if record.kind != "media" or pdq is None:
        return None
    return {"width": 800, "height": 600, "duration": None, "pdq": pdq, "quality": 100, "frames": [], "thumbnail": None,
            "strip": None, "trouble": ""}  # fmt: skip


def connect(exhibits: str) -> dict[str, Any]:
    """All linking jobs for every exhibit, in the order of the pipeline; as jobs."""
    from opencets_web.entities import jobs as entities
    from opencets_web.leads import jobs as leads
    from opencets_web.media import jobs as media

    steps: dict[str, list[float]] = defaultdict(list)
    for exhibit, officer in json.loads(exhibits):
        for step in (media.match_media, entities.count_identifiers, entities.resolve_people, leads.link_exhibit):
            begun = time.perf_counter()
            step(exhibit_id=exhibit, officer_id=officer)
            steps[step.__name__].append(time.perf_counter() - begun)
    return {
        "seconds": round(sum(map(sum, steps.values())), 1),
        "median_seconds_per_exhibit": {name: round(statistics.median(took), 3) for name, took in steps.items()},
        "worst_seconds_of_an_exhibit": {name: round(max(took), 3) for name, took in steps.items()},
    }


def judge(size: str) -> dict[str, Any]:
    """What the jobs reported against the truth; as the owner, who sees all."""
    from opencets_web.leads.models import Connection

    world = world_of(size)
    reported: dict[frozenset[str], set[str]] = defaultdict(set)
    values: dict[tuple[str, str], set[frozenset[str]]] = defaultdict(set)
    unexplained = 0
    rows = Connection.objects.filter(retired_at=None).select_related("left_case", "right_case")
    for row in rows:
        pair = frozenset((row.left_case.reference, row.right_case.reference))
        reported[pair] |= set(row.kinds)
        # Near-duplicates and suggested people rest on two records; every other tie names the claim on each side.
        named = all(
            (step["left"]["record"] and step["right"]["record"])
            and (step["kind"] in ("pdq", "same_person") or (step["left"]["claim"] and step["right"]["claim"]))
            for path in row.paths
            for step in path["steps"]
        )
        unexplained += not (row.sentence and row.paths and named)
        for path in row.paths:
            for step in path["steps"]:
                values[step["kind"], step["value"]].add(pair)
    recall: dict[str, Counter[str]] = {"strong": Counter(), "name": Counter()}
    missing = []
    loaded = {case.reference for case in world.cases}
    truth = [one for one in world.truth.connections if loaded.issuperset(one.ends)]
    planted = {frozenset(one.ends) for one in truth}
    for pair in [pair for pair in reported if not loaded.issuperset(pair)]:
        del reported[pair]  # of cases that came after the world
    for one in truth:
        part = "strong" if one.kind in STRONG else "name"
        found = frozenset(one.ends) in reported
        recall[part][f"{one.hops} planted"] += 1
        recall[part][f"{one.hops} found"] += found
        if not found and part == "strong" and one.hops <= 3:
            missing.append([one.id, one.kind, one.hops, *one.ends])
    decoys = {(one.kind, one.value) for one in world.truth.decoys}
    through = [[kind, value, len(pairs)] for (kind, value), pairs in values.items() if (kind, value) in decoys]
    extra = [pair for pair in reported if pair not in planted]
    return {
        "recall_by_hops": {
            part: {
                hops: round(counts[f"{hops} found"] / counts[f"{hops} planted"], 3)
                for hops in (1, 2, 3, 4)
                if counts[f"{hops} planted"]
            }
            for part, counts in recall.items()
        },
        "counts_by_hops": recall,
        "pairs_reported": len(reported),
        "pairs_planted": len(planted),
        "precision": round(1 - len(extra) / len(reported), 3) if reported else None,
        "extra_by_kinds": Counter("+".join(sorted(reported[pair])) for pair in extra).most_common(8),
        "missing": missing[:20],
        "through_decoys": through[:20],
        "without_explanation": unexplained,
    }


WORDS = "river lamp bridge music evening monday cloud window garden letter train market winter paper silver".split()


def grow(count: str) -> dict[str, Any]:
    """So many records more, in 200 cases of unequal size, with claims, media and matches; as the superuser, without triggers."""
    from django.db import connection, transaction

    begun = time.perf_counter()
    total = int(count)
    words = "array[" + ",".join(f"'{word}'" for word in WORDS) + "]"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica; set local synchronous_commit = off;"
                       " set local maintenance_work_mem = '512MB'; set local work_mem = '256MB'")  # fmt: skip
        cursor.execute(
            "create temp table officer_of on commit drop as select a.id as agency_id, (select o.id from accounts_officer o"
            " where o.agency_id = a.id and 'investigator' = any(o.roles) limit 1) as officer_id,"
            " row_number() over (order by a.short_name) - 1 as turn, count(*) over () as agencies from accounts_agency a"
        )
        cursor.execute(
            "create temp table bulk on commit drop as select n as number, md5('h'||n)::uuid as"
            " holding_id, o.agency_id, o.officer_id,"
            " md5('c'||n)::uuid as case_id, md5('e'||n)::uuid as exhibit_id, md5('f'||n)::uuid as file_id"
            " from generate_series(0, 199) n join officer_of o on o.turn = n % o.agencies"
        )
        cursor.execute("select count(*) from cases_case where reference like 'BULK-%'")
        if not cursor.fetchone()[0]:
            like(cursor, "policy_holding", "id = (select holding_id from cases_case limit 1)",
                 {"id": "b.holding_id", "agency_id": "b.agency_id"}, "bulk b")  # fmt: skip
            like(cursor, "cases_case", "true", {
                "id": "b.case_id", "holding_id": "b.holding_id", "agency_id": "b.agency_id", "opened_by_id": "b.officer_id",
                "reference": "'BULK-' || lpad(b.number::text, 4, '0')",
                "title": "'Large case ' || b.number", "summary": "''", "closed_because": "''"}, "bulk b")  # fmt: skip
            like(cursor, "evidence_exhibit", "true", {
                "id": "b.exhibit_id", "case_id": "b.case_id", "holding_id": "b.holding_id", "agency_id": "b.agency_id",
                "received_by_id": "b.officer_id"}, "bulk b")  # fmt: skip
            like(cursor, "evidence_exhibitfile", "signals is null", {
                "id": "b.file_id", "exhibit_id": "b.exhibit_id", "holding_id": "b.holding_id",
                "agency_id": "b.agency_id"}, "bulk b")  # fmt: skip
        cursor.execute("select count(*) from evidence_record")
        before = cursor.fetchone()[0]
        cursor.execute(
            "create temp table fresh on commit drop as select n, md5('r'||n)::uuid as id,"
            " (('x'||substr(md5('u'||n),1,7))::bit(28)::int / 268435456.0) as u,"
            " (('x'||substr(md5('k'||n),1,7))::bit(28)::int %% 100) as k from generate_series(%s, %s) n",
            [before + 1, before + total],
        )
        cursor.execute(
            "create temp table kinds on commit drop as select f.n, f.id, b.*, case when k < 70 then"
            " 'message' when k < 85 then 'person'"
            " when k < 90 then 'account' when k < 95 then 'media' else 'event' end as kind"
            " from fresh f join bulk b on b.number = floor(200 * f.u * f.u)"
        )
        cursor.execute("create index on kinds (kind); analyze kinds")
        cursor.execute(
            f"insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id,"
            f" reading, key, kind, reader, place,"
            f" label, at, at_text, conversation, body, extra, read_at, linked_at)"
            f" select id, holding_id, agency_id, case_id, exhibit_id, file_id, 0, md5('key'||n), kind, 'bulk/1', 'row '||n,"
            f" case kind when 'person' then 'Person '||(n % 40000) when 'media' then 'IMG_'||n||'.jpg' else kind||' '||n end,"
            f" at, to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), case kind when 'message' then"
            f" 'Conversation '||(n % 300) else '' end,"
            f" case kind when 'message' then ({words})[1 + n % 15]||' '||({words})[1 + (n / 7) % 15]||'"
            f" '||({words})[1 + (n / 31) % 15]"
            f" ||' word'||(n % 50000) else '' end, '{{}}', now(), now()"
            f" from (select *, timestamptz '2020-01-01' + (n::bigint * 151 % 189216000) * interval '1 second' as at from kinds) k"
        )
        for named, kind, value, which in (
            ("screen_name", "handle", "'chatter:user_'||(n % 120000)", "kind in ('person', 'account', 'message')"),
            ("full_name", "name", "'person '||(n % 40000)", "kind = 'person'"),
            ("email", "email", "'p'||(n % 90000)||'@example.org'", "kind in ('person', 'account')"),
            ("phone", "phone", "'+44207946'||lpad((n % 10000)::text, 4, '0')", "kind = 'person' and n % 3 = 0"),
            ("sha256", "sha256", "md5('s'||n)||md5('t'||n)", "kind = 'media'"),
            ("ip", "ip", "'192.0.2.'||(n % 250)", "kind = 'event'"),
            ("body", "text", "'word'||(n % 50000)", "kind = 'message'"),
        ):
            cursor.execute(
                f"insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property,"
                f" kind, raw, normal, role, note,"
                f" generic) select md5('{named}'||n)::uuid, holding_id, agency_id, case_id, id, '{named}', '{kind}', {value},"
                f" {value}, 'own', '', false from kinds where {which}"
            )
        cursor.execute(
            "insert into evidence_exhibitfile (id, holding_id, agency_id, exhibit_id, path, name, size, blob_offset, state, format,"
            " media_type, md5, sha1, sha256, reading, options, records_read, lines_skipped, note, read_at)"
            " select md5('mf'||n)::uuid, holding_id, agency_id, exhibit_id, array['IMG_'||n||'.jpg'], 'IMG_'||n||'.jpg', 400000, 0,"
            " 'read', 'picture', 'image/jpeg', md5('m'||n), '', md5('s'||n)||md5('t'||n), 0, '{}', 1, 0, '', now()"
            " from kinds where kind = 'media'"
        )
        cursor.execute(
            "insert into media_media (id, holding_id, agency_id, case_id, record_id, file_id, sha256,"
            " media_type, width, height, pdq,"
            " quality, thumbnail_offset, thumbnail_size, strip_size, trouble, taken_at, known_as, known_turn,"
            " cases_count, widely_traded, read_at,"
            " matched_at) select id, holding_id, agency_id, case_id, id, md5('mf'||n)::uuid,"
            " md5('s'||n)||md5('t'||n), 'image/jpeg',"
            " 1632, 1224, decode(md5('p'||n)||md5('q'||n), 'hex'), 90, 0, 0, 0, '', '2024-01-01T00:00:00Z', '{}', '', 1, false,"
            " now() - (n % 900000) * interval '1 second', now() from kinds where kind = 'media'"
        )
        cursor.execute("update evidence_exhibit e set state = 'read', records_read = c.n from (select exhibit_id, count(*) as n"
                       " from kinds group by 1) c where c.exhibit_id = e.id")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze")
        cursor.execute("select count(*) from evidence_record")
        records = cursor.fetchone()[0]
        cursor.execute("select count(*) from evidence_claim")
        return {"records": records, "claims": cursor.fetchone()[0], "seconds": round(time.perf_counter() - begun, 1)}


def like(cursor: Any, table: str, where: str, changed: dict[str, str], source: str) -> None:
    """A copy of one row of a table for each row of ``source``, with some columns changed."""
    cursor.execute(
        "select column_name from information_schema.columns where table_name = %s and is_generated = 'NEVER'", [table]
    )
    columns = [row[0] for row in cursor.fetchall()]
    chosen = ", ".join(changed.get(name, f"x.{name}") for name in columns)
    cursor.execute(
        f"insert into {table} ({', '.join(columns)}) select {chosen} from {source},"
        f" (select * from {table} where {where} limit 1) x"
    )


def ask(which: str) -> dict[str, Any]:
    """Every page, some times over, as an officer of the first agency; as the web role."""
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    from opencets_web.accounts import notice
    from opencets_web.accounts.models import Officer
    from opencets_web.cases.models import Case
    from opencets_web.evidence.models import Exhibit, Record
    from opencets_web.leads.models import Connection
    from opencets_web.media.models import Media
    from opencets_web.policy.acting import acting_as

    officer = Officer.objects.filter(roles__contains=["investigator"]).order_by("agency__short_name", "email").first()
    assert officer is not None
    Authenticator.objects.get_or_create(user=officer, type="totp", defaults={"data": {"secret": "none"}})
    with acting_as(officer.id):
        prefix = {"reference__startswith": "BULK"} if which == "million" else {}
        cases = Case.objects.filter(agency_id=officer.agency_id, **prefix)
        sizes = {case: Record.objects.filter(case=case).count() for case in cases}
        case = max(sizes, key=lambda one: sizes[one])
        exhibit = Exhibit.objects.filter(case=case).first()
        person = Record.objects.filter(case=case, kind="person").first()
        media = Media.objects.filter(case=case).first()
        found = Connection.objects.filter(retired_at=None).order_by("-strength").first()
        linked = person
        if found is not None:
            step = found.paths[0]["steps"][0]["left"]
            linked = Record.objects.filter(pk=step["record"]).first() or person
    assert exhibit is not None
    assert person is not None
    assert linked is not None
    reference = case.reference
    pages = {
        "desk": reverse("desk:home"),
        "cases": reverse("cases:list"),
        "case overview": reverse("desk:case", args=[reference]),
        "exhibits": reverse("evidence:exhibits", args=[reference]),
        "reading report": reverse("evidence:report", args=[exhibit.id]),
        "gallery": reverse("media:gallery", args=[reference]),
        "people": reverse("entities:case", args=[reference]),
        "messages": reverse("evidence:messages", args=[reference]),
        "messages with words": reverse("evidence:messages", args=[reference]) + "?q=river",
        "connections": reverse("leads:connections", args=[reference]),
        "entity": reverse("entities:detail", args=[linked.id]),
        "record": reverse("entities:record", args=[person.id]),
        "entities of all cases": reverse("entities:list"),
        "media of all cases": reverse("media:list"),
        "alerts": reverse("leads:list"),
        "sharing": reverse("sharing:list"),
        "sharing of the case": reverse("sharing:case", args=[reference]),
        "notes": reverse("cases:notes", args=[reference]),
        "search words": reverse("desk:search") + "?q=river+bridge",
        "search value": reverse("desk:search") + "?q=p77%40example.org",
        "chart around a person": reverse("charts:graph", args=[linked.id]),
        "chart of the case": reverse("charts:case-graph", args=[reference]),
    }
    if found is not None:
        pages["a connection"] = reverse("leads:show", args=[found.id])
    if media is not None:
        pages["a picture's page"] = reverse("media:show", args=[media.id])
    browser = Client(raise_request_exception=False, SERVER_NAME="localhost", headers={"X-Purpose": "investigation"})
    browser.force_login(officer, backend="allauth.account.auth_backends.AuthenticationBackend")
    UserSession.objects.create(user=officer, session_key=browser.session.session_key, ip="127.0.0.1")
    officer.notice_seen = notice.version(notice.text_for(officer.agency))
    officer.save(update_fields=["notice_seen"])
    figures: dict[str, Any] = {}
    for name, url in pages.items():
        took, asked, status = [], 0, 0
        for turn in range(ROUNDS + 2):
            counter = Counter[str]()

            def count(
                execute: Any, sql: str, params: Any, many: bool, context: Any, counter: Counter[str] = counter
            ) -> Any:
                counter["queries"] += not sql.lstrip().lower().startswith(("savepoint", "release", "begin", "commit"))
                return execute(sql, params, many, context)

            begun = time.perf_counter()
            with connection.execute_wrapper(count):
                answer = browser.get(url)
            if turn >= 2:
                took.append((time.perf_counter() - begun) * 1000)
            asked, status = counter["queries"], answer.status_code
        figures[name] = {
            "median_ms": round(statistics.median(took), 1),
            "worst_ms": round(max(took), 1),
            "queries": asked,
            "status": status,
            "kilobytes": round(len(answer.content) / 1000, 1),
        }
    return {"case": reference, "records_of_the_case": sizes[case], "pages": figures,
            "over": [name for name, one in figures.items()
                     if one["median_ms"] > MOST_MILLISECONDS or one["queries"] > MOST_QUERIES or one["status"] != 200]}  # fmt: skip


ACTS = {"load": load, "connect": connect, "judge": judge, "grow": grow, "ask": ask}


def measure(size: str, million: int, place: Path | None) -> dict[str, Any]:
    """All figures, in a scratch home."""
    from import_evidence import Home

    script = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory(prefix="opencets-web-") as scratch:
        os.chmod(scratch, 0o711)
        with Home((place or Path(scratch)) / "home") as home:
            loaded = home.act_of(script, "owner", "load", size)
            figures: dict[str, Any] = {"world": size, "records": loaded["records"]}
            figures["connecting"] = home.act_of(script, "jobs", "connect", json.dumps(loaded["exhibits"]))
            figures["links"] = home.act_of(script, "owner", "judge", size)
            figures["pages"] = home.act_of(script, "web", "ask", "world")
            if million:
                figures["grown"] = home.act_of(script, "superuser", "grow", str(million))
                figures["pages_grown"] = home.act_of(script, "web", "ask", "million")
    return figures


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--world", default="2,12,1500,120", help="acceptance, or AGENCIES,CASES,RECORDS,PICTURES")
    parser.add_argument("--million", action="store_true", help="grow by a million records, and ask again")
    parser.add_argument("--grow", type=int, default=0, help="grow by so many records instead")
    parser.add_argument("--full", action="store_true", help="the acceptance world, and a million records")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    world = "acceptance" if given.full else given.world
    figures = measure(world, 1_000_000 if given.million or given.full else given.grow, given.place)
    facts = {"benchmark": "web", "python": platform.python_version(), "machine": platform.machine(),
             "cores": os.cpu_count(), "load_before": round(os.getloadavg()[2], 2)}  # fmt: skip
    print(json.dumps(facts | {"figures": figures}, indent=1))


if __name__ == "__main__":
    main()
