"""Search across everything that an officer may see: identifiers, names in another spelling, words of messages.

``opencets bench search``. A scratch system is filled with people and messages of two agencies. An officer of one searches as
the page does: through the web role, row-level security and the log included, all kinds of hits at once, and one kind alone.
Beside it plain PostgreSQL on tables of the same records: a B-tree on the digits of numbers, trigrams (pg_trgm) on names, full
text on messages; no rights, no log. Asserted: every identifier is found in another notation, messages are those that hold the
words, and nothing of the other agency is found.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

AGENCIES = ("Avon", "Borders")
CASES = 40
SEED = 71
AT_ONCE = 5_000


def people_of(count: int) -> tuple[list[str], list[int]]:
    """Names as they are written in five scripts, and who each is."""
    from opencets.resolving.crowd import crowd

    some = crowd(count + count // 10, SEED)  # about so many
    return some.full_name[:count], some.person[:count].tolist()


def phone_of(at: int) -> str:
    """A number of the range kept for fiction, and what lies behind it."""
    return f"+4479{at + 10_000_000:08d}"


def messages_of(count: int) -> list[str]:
    """Messages of invented words, some common and some rare."""
    chance = random.Random(SEED)
    parts = "ba ker lo mi nu pa ri so ta vel wex yor zin dor fal gim hus jat".split()
    words = ["".join(chance.choices(parts, k=chance.choice((2, 3)))) for _ in range(4_000)]
    share = [1 / (at + 5) for at in range(len(words))]
    return [" ".join(chance.choices(words, share, k=chance.randrange(6, 24))) for _ in range(count)]


def fill(people: str, messages: str) -> dict[str, Any]:
    """Both agencies' records, every second one the other's; and the peer's tables of the same. As the superuser."""
    from django.db import connection, transaction
    from django.utils import timezone

    from opencets.values import normalise
    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.cases.models import Assignment, Case
    from opencets_web.desk.naming import put_names
    from opencets_web.evidence.models import Exhibit, ExhibitFile
    from opencets_web.policy.models import Holding

    begun, now = time.perf_counter(), timezone.now()
    officers = []
    for name in AGENCIES:
        agency = Agency.objects.create(
            name=f"{name} Police", short_name=name, country="GB", contact_name=f"{name} desk", contact_phone="+442079460123",
            contact_email=f"desk@{name.lower()}.example.org",
        )  # fmt: skip
        email, shown = f"officer@{name.lower()}.example.org", f"{name} officer"
        officers.append(Officer.objects.create(email=email, display_name=shown, agency=agency, roles=["investigator"]))
    for number in range(CASES):
        officer = officers[number % 2]
        holding = Holding.objects.create(agency=officer.agency)
        under = {"holding": holding, "agency": officer.agency}
        case = Case.objects.create(
            **under, reference=f"{officer.agency.short_name[:2].upper()}-{number:04}", title=f"Case {number}", opened_at=now,
            opened_by=officer,
        )  # fmt: skip
        Assignment.objects.create(**under, case=case, officer=officer, since_at=now)
        exhibit = Exhibit.objects.create(
            **under, case=case, reference="EX-1", title="A phone", state="read", received_by=officer, begun_at=now
        )
        ExhibitFile.objects.create(**under, exhibit=exhibit, path=["p.csv"], name="p.csv", size=1, state="read")
    names, _ = people_of(int(people))
    normal = [normalise("name", name) for name in names]
    bodies = messages_of(int(messages))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "set local session_replication_role = replica; set local synchronous_commit = off;"
            "create temp table places on commit drop as select k.id as case_id, k.holding_id, k.agency_id, e.id as exhibit_id,"
            " f.id as file_id, substr(k.reference, 4)::int as turn from cases_case k"
            " join evidence_exhibit e on e.case_id = k.id join evidence_exhibitfile f on f.exhibit_id = e.id;"
            "create extension pg_trgm; create schema peer;"
            "create table peer.people (n int primary key, agency int, name text, phone text);"
            "create table peer.messages (n int primary key, agency int, body text)"
        )
        record = (
            "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, reading, key, kind, reader,"
            " place, label, at_text, conversation, body, extra, read_at, linked_at)"
            " select md5(%s||n)::uuid, holding_id, agency_id, case_id, exhibit_id, file_id, 0, md5(%s||'key'||n), %s, 'bulk/1',"
            " 'row '||n, left(said, 60), '', '', case when %s = 'message' then said else '' end, '{}', now(), now()"
            " from unnest(%s::int[], %s::text[]) given(n, said) join places on turn = n %% %s"
        )
        claim = (
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note,"
            " generic) select md5(%s||n)::uuid, holding_id, agency_id, case_id, md5('p'||n)::uuid, %s, %s, said, said, 'own', '',"
            " false from unnest(%s::int[], %s::text[]) given(n, said) join places on turn = n %% %s"
        )
        for start in range(0, len(names), AT_ONCE):
            rows = list(range(start, min(start + AT_ONCE, len(names))))
            told, phones = [normal[at] for at in rows], [phone_of(at) for at in rows]
            cursor.execute(record, ["p", "p", "person", "person", rows, told, CASES])
            cursor.execute(claim, ["n", "full_name", "name", rows, told, CASES])
            cursor.execute(claim, ["t", "phone", "phone", rows, phones, CASES])
            cursor.execute(
                "insert into peer.people select n, n %% 2, said, phone from unnest(%s::int[], %s::text[], %s::text[])"
                " g(n, said, phone)", [rows, told, phones],
            )  # fmt: skip
        for start in range(0, len(bodies), AT_ONCE):
            rows = list(range(start, min(start + AT_ONCE, len(bodies))))
            said = [bodies[at] for at in rows]
            cursor.execute(record, ["m", "m", "message", "message", rows, said, CASES])
            cursor.execute(
                "insert into peer.messages select n, n %% 2, said from unnest(%s::int[], %s::text[]) g(n, said)",
                [rows, said],
            )
        cursor.execute("select holding_id, agency_id, normal from evidence_claim where kind = 'name' group by 1, 2, 3")
        put_names(cursor.fetchall())
        cursor.execute(
            "create index on peer.people using btree (phone); create index on peer.people using gin (name gin_trgm_ops);"
            "create index on peer.messages using gin (to_tsvector('simple', body))"
        )
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    return {"people": len(names), "messages": len(bodies), "seconds": round(time.perf_counter() - begun, 1)}


def ask(people: str, messages: str, turns: str) -> dict[str, Any]:
    """Every kind of search by Avon's officer, as the page does it: milliseconds each, and what is right."""
    from opencets_web.desk.search import search
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_by_email

    with acting_as(None):
        actor = actor_by_email("officer@avon.example.org")
    asked = questions(int(people), int(messages), int(turns))
    found: dict[str, Any] = {}
    for kind, rows in asked.items():
        times, alone, right, expected, foreign = [], [], 0, 0, 0
        for words, wanted, others in rows:
            begun = time.perf_counter()
            with acting_as(actor.officer_id):
                results = search(actor, words)
            times.append((time.perf_counter() - begun) * 1_000)
            parts = {"identifiers": ("identifiers",), "names": ("people", "alike"), "messages": ("messages",)}[kind]
            begun = time.perf_counter()
            with acting_as(actor.officer_id):
                pages = [search(actor, _of_part(words, part)) for part in parts]
            alone.append((time.perf_counter() - begun) * 1_000)
            hits = [hit for page in pages for group in page.groups for hit in group.hits]
            if kind == "messages":
                total = sum(group.total for page in pages for group in page.groups)
                right, expected = right + (total == len(wanted)), expected + 1
            elif kind == "identifiers":
                right, expected = right + (len(hits) == len(wanted)), expected + 1
                foreign += len(hits) if others else 0
            else:
                labels = {"".join(text for text, _ in hit.label) for hit in hits}
                right, expected = right + len(labels & wanted), expected + len(wanted)
            assert results is not None
        found[kind] = {
            "everything": _figures(times),
            "this_kind_alone": _figures(alone),
            "right": right,
            "of": expected,
            "foreign": foreign,
        }
    return found


def _of_part(words: str, part: str) -> Any:
    from opencets_web.desk.search import read

    return read(words, part=part)


def peer(people: str, messages: str, turns: str) -> dict[str, Any]:
    """The same questions to plain PostgreSQL, with the agency as a condition."""
    from django.db import connection

    statements = {
        "identifiers": ("select n from peer.people where phone = %s and agency = 0", lambda words: [_digits(words)]),
        "names": (
            "select distinct name from (select name from peer.people where name %% %s and agency = 0"
            " order by similarity(name, %s) desc limit 1000) s", lambda words: [words, words],
        ),
        "messages": (
            "select n from peer.messages where to_tsvector('simple', body) @@ websearch_to_tsquery('simple', %s) and agency = 0",
            lambda words: [words],
        ),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for kind, rows in questions(int(people), int(messages), int(turns)).items():
        statement, given = statements[kind]
        times, right, expected = [], 0, 0
        for words, wanted, _ in rows:
            begun = time.perf_counter()
            with connection.cursor() as cursor:
                cursor.execute(statement, given(words))
                told = [row[0] for row in cursor.fetchall()]
            times.append((time.perf_counter() - begun) * 1_000)
            if kind == "names":
                right, expected = right + len(set(told) & wanted), expected + len(wanted)
            elif kind == "messages":
                right, expected = right + (len(told) == len(wanted)), expected + 1
            else:
                right, expected = right + (len(told) == len(wanted)), expected + 1
        found[kind] = _figures(times) | {"right": right, "of": expected}
    return found


def _digits(words: str) -> str:
    """What a program that knows nothing of telephone numbers makes of one: its signs left out."""
    return "".join(sign for sign in words if sign.isdigit() or sign == "+")


def questions(people: int, messages: int, turns: int) -> dict[str, list[tuple[str, set[Any], bool]]]:
    """(words, what is to be found, whether it is the other agency's alone) of each kind; even rows are Avon's."""
    from opencets.values import normalise

    chance = random.Random(SEED + 1)
    numbers = []
    for _ in range(turns):
        at = chance.randrange(people)
        plain = phone_of(at)
        words = chance.choice((plain, f"0{plain[3:7]} {plain[7:]}", f"{plain[:3]} ({plain[3:7]}) {plain[7:]}"))
        numbers.append((words, {at} if at % 2 == 0 else set(), at % 2 == 1))
    names, who = people_of(people)
    spelt: dict[int, set[str]] = {}
    for at in range(0, people, 2):
        spelt.setdefault(who[at], set()).add(normalise("name", names[at]))
    several = sorted(
        person for person, forms in spelt.items() if len(forms) > 1 and all(len(form.split()) > 1 for form in forms)
    )
    written = []
    for person in chance.sample(several, min(turns, len(several))):
        words = sorted(spelt[person])[0]
        written.append((words, spelt[person] - {words}, False))
    bodies = messages_of(messages)
    of_avon = [(at, set(bodies[at].split())) for at in range(0, messages, 2)]
    said = []
    while len(said) < turns:
        words = chance.sample(sorted(set(bodies[chance.randrange(messages)].split())), 2)
        held = {at for at, have in of_avon if have.issuperset(words)}
        if len(held) < 1_000:
            said.append((" ".join(words), held, False))
    return {"identifiers": numbers, "names": written, "messages": said}


def _figures(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "ms_median": round(statistics.median(times), 1), "ms_95": round(ordered[int(len(ordered) * 0.95) - 1], 1),
        "ms_most": round(ordered[-1], 1),
    }  # fmt: skip


ACTS = {"fill": fill, "ask": ask, "peer": peer}


def measure(people: int, messages: int, turns: int) -> dict[str, Any]:
    """All figures, in a scratch home of its own; AssertionError where something is not found, or is not the officer's."""
    from import_evidence import Home

    script, given = str(Path(__file__).resolve()), (str(people), str(messages), str(turns))
    with tempfile.TemporaryDirectory(prefix="opencets-search-") as scratch:
        os.chmod(scratch, 0o711)
        with Home(Path(scratch) / "home") as home:
            figures: dict[str, Any] = {"filled": home.act_of(script, "superuser", "fill", *given[:2])}
            figures["opencets"] = home.act_of(script, "web", "ask", *given)
            figures["PostgreSQL alone"] = home.act_of(script, "superuser", "peer", *given)
    ours = figures["opencets"]
    assert ours["identifiers"]["right"] == turns, "an identifier was not found, or one too many"
    assert ours["identifiers"]["foreign"] == 0, "something of the other agency was found"
    assert ours["messages"]["right"] == ours["messages"]["of"], "messages are not those that hold the words"
    assert ours["names"]["right"] >= figures["PostgreSQL alone"]["names"]["right"], "trigrams find more names"
    return figures


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(prog="opencets bench search", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=100_000, help="records with a name and a telephone number")
    parser.add_argument("--messages", type=int, default=100_000, help="messages")
    parser.add_argument("--turns", type=int, default=100, help="searches of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    figures = measure(asked.people, asked.messages, asked.turns)
    load = round(os.getloadavg()[0], 1)
    facts = {"benchmark": "search", "python": platform.python_version(), "cores": os.cpu_count(), "load": load}
    print(json.dumps(facts | figures, indent=1))


if __name__ == "__main__":
    main()
