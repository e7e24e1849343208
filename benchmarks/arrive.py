"""One new record placed among many kept ones: candidates found, compared, explained, stored and committed.

A scratch PostgreSQL for each size is filled with invented people (COPY of rows drawn with numpy, prepared as ``opencets.resolving.placing``
prepares them: a sample is held against it). Then records arrive one by one, each in an exhibit of its own, and the job that
places them in production is called for each, in the worker's database role, with row-level security, log and fsync on. Some are
planted doubles of kept people, some decoys (a kept person's name with another date of birth and address), some new, some with
aliases that bring hundreds of candidates. Asserted beside the times: every double is suggested with whom it doubles, no decoy is;
at up to 20,000 also that what stands equals the plain version over all records.

Kept records carry claims for their e-mail addresses and screen names, which is what counting reads; of their names only the
prepared form is loaded, which is what comparing reads. Indexes of other rooms on these two tables are not built.

Peers in the same run: an exact lookup of the e-mail address by index alone, and Splink's ``predict_between`` on DuckDB (one new
record against the smallest size). Last: an entity of 10,000 links is judged the same as another, and the judgement undone, each
timed until the reader's page shows it.
"""

# ruff: noqa: E501 - statements of SQL read best as long lines

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing import Pool
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

CASES = 200
CHUNK = 50_000
SPLINK_MOST = 100_000
"""Splink reads its table whole for each new record: measured at this size, left out beyond."""
PLAIN_MOST = 20_000
"""The plain version compares everything in Python: asked at this size, left out beyond."""
SYLLABLES = "ba be bo da de di do fa fi ga go ha ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe ra re ri ro sa so ta te ti to va vi"
CITIES = "Aldburg Brennhaven Corville Dunmore Eastwick Fernau Galdo Hollbeck Ilmstad Jorvik Kestrel Morano Northby Ostra Quarry Stavern"
GOAL_MEDIAN_MS, GOAL_P99_MS, GOAL_COLD_MS, GOAL_PER_SECOND = 10.0, 100.0, 1_000.0, 300.0
TABLES = (
    "evidence_record, evidence_claim, entities_placement, entities_candidatekey, entities_identifier, entities_match"
)


# --- Invented people -------------------------------------------------------------------------------------------------


@cache
def words() -> tuple[list[str], list[str], list[str], list[str]]:
    """Given names, family names, days and cities."""
    parts = SYLLABLES.split()
    chance = random.Random(5)
    given = sorted({"".join(chance.choices(parts, k=2)) + chance.choice("nrsl") for _ in range(500)})
    family = sorted({"".join(chance.choices(parts, k=3)) + chance.choice("nrslkt") for _ in range(30_000)})
    chance.shuffle(given), chance.shuffle(family)
    days = [str(day) for day in np.arange("1940-01-01", "2010-01-01", dtype="datetime64[D]")]
    cities = [f"{city} {''.join(chance.choices(parts, k=2))}" for city in CITIES.split() for _ in range(120)]
    return given, family, days, cities


def drawn(begin: int, end: int) -> list[tuple[int, int, int, int, int]]:
    """Given name, family name, day, city and contact of each kept person; the same numbers give the same people."""
    given, family, days, cities = words()
    rng = np.random.default_rng([7, begin])
    count = end - begin
    of_given = (len(given) * rng.random(count) ** 1.7).astype(int)
    of_family = (len(family) * rng.random(count) ** 1.5).astype(int)
    of_city = np.where(rng.random(count) < 0.4, rng.integers(0, len(cities), count), -1)
    contact = rng.choice(3, count, p=[0.5, 0.2, 0.3])
    of_day = rng.integers(0, len(days), count)
    return list(zip(*(column.tolist() for column in (of_given, of_family, of_day, of_city, contact)), strict=True))


def person_of(number: int) -> dict[str, str]:
    """What a kept person states."""
    begin = number // CHUNK * CHUNK
    return stated(number, _drawn(begin)[number - begin])


@cache
def _drawn(begin: int) -> list[tuple[int, int, int, int, int]]:
    return drawn(begin, begin + CHUNK)


def stated(number: int, row: tuple[int, int, int, int, int]) -> dict[str, str]:
    """The same from the row drawn."""
    given, family, days, cities = words()
    g, f, day, city, contact = row
    said = {"full_name": f"{given[g]} {family[f]}", "date_of_birth": days[day]}
    if city >= 0:
        said["city"] = cities[city]
    if contact == 0:
        said["email"] = f"{given[g]}{number}@example.org"
    if contact == 1:
        said["screen_name"] = f"chatter:{family[f]}{number}"
    return said


def id_of(number: int) -> str:
    """The record's id: scattered, as real ones are."""
    digits = f"{(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


KINDS = {"full_name": "name", "date_of_birth": "date", "city": "text", "email": "email", "screen_name": "handle"}


def kept_of(record: str, said: dict[str, str]) -> Any:
    """The record as placing prepares it."""
    from opencets.resolving.placing import Stated, keep

    claims = [
        Stated(p, KINDS[p], text, text if p in ("email", "screen_name") else None, False) for p, text in said.items()
    ]
    return keep(record, "person", claims)


@cache
def _hashed(key: str) -> int:
    from opencets.resolving.placing import key_of

    return key_of(key)


@cache
def _skeleton(word: str) -> str:
    from opencets.resolving import skeleton

    return skeleton(word)


@cache
def _word(word: str) -> bytes:
    """A word of a name as it is packed, with its consonants, and no form in another script."""
    return b"".join(len(text).to_bytes(1) + text for text in (word.encode(), _skeleton(word).encode(), b""))


def prepared(number: int, row: tuple[int, int, int, int, int]) -> tuple[bytes, list[int]]:
    """Packed form and keys, written out for this world alone: a hundred times as fast as preparing any row there is."""
    from opencets.resolving.packed import _HEAD, FORM
    from opencets.resolving.placing import key_of

    given, family, days, cities = words()
    g, f, at, city_at, contact = row
    first, last, day = given[g], family[f], days[at]
    one, other = _skeleton(first), _skeleton(last)
    whole = f"{min(one, other)} {max(one, other)}"
    year, month, of_month = day[:4], day[5:7], day[8:10]
    keys = {_hashed(f"k:{whole}")}
    for part in {one, other}:
        if len(part) >= 2:
            keys.add(_hashed(f"y:{part}:{year}"))
        keys.add(_hashed(f"d:{year}{min(month, of_month)}{max(month, of_month)}:{part[0]}"))
    swapped = f'"{year}-{of_month}-{month}"' if of_month <= "12" and of_month != month else "null"
    present, stated, marks, values = 0, [], b"\0\0", "[]"

    def state(column: int, value: str) -> None:
        nonlocal present
        present |= 1 << column
        stated.append(len(value).to_bytes(2, "little") + value.encode())

    if contact == 0:
        address, name = f"{first}{number}@example.org", f"{first}{number}"
        state(0, address)
        if len(name) >= 6:
            state(1, name)
            keys.add(key_of(f"l:{name}"))
        mark, values = key_of(f"v:email:{address}"), f'[["email","{address}"]]'
        keys.update((mark, key_of(f"e:{address}")))
        marks = b"\1\0" + mark.to_bytes(8, "little", signed=True)
    if contact == 1:
        state(5, f"{last}{number}")
        state(6, last)
        mark, values = key_of(f"v:handle:chatter:{last}{number}"), f'[["handle","chatter:{last}{number}"]]'
        keys.update((_hashed(f"s:{last}"), mark))
        marks = b"\1\0" + mark.to_bytes(8, "little", signed=True)
    if city_at >= 0:
        city = cities[city_at].lower()
        state(10, city)
        keys.update((_hashed(f"c:{first}:{city}"), key_of(f"c:{last}:{city}")))
    if contact == 1:
        state(13, last)
    low, high = min(first, last), max(first, last)
    told = f'["person","{low} {high}",null,"{whole}","{first}","{last}","{day}",{swapped},{values}]'
    head = _HEAD.pack(FORM, int(year + month + of_month), 10, 0, 2)
    packed = (head, _word(low), _word(high), present.to_bytes(2, "little"), *stated, marks, told.encode())
    return b"".join(packed), sorted(keys)


# --- Filling ---------------------------------------------------------------------------------------------------------


_PLACES: list[tuple[str, str, str, str, str]] = []


def _copied(asked: tuple[str, int, int]) -> bytes:
    """The rows of one table for some of the people, as COPY reads them."""
    table, begin, end = asked
    lines = []
    for number, row in enumerate(drawn(begin, begin + CHUNK)[: end - begin], begin):
        case, holding, agency, exhibit, file = _PLACES[number % CASES]
        if table == "entities_placement":
            packed, keys = prepared(number, row)
            lines.append(
                f"{number + 1}\t{id_of(number)}\t{holding}\t{agency}\t\\\\x{packed.hex()}\t{{{','.join(map(str, keys))}}}\tf\n"
            )
        elif table == "evidence_record":
            lines.append(
                f"{id_of(number)}\t{holding}\t{agency}\t{case}\t{exhibit}\t{file}\t{number:032x}\tperson\tbulk/1\t0\trow {number}"
                f"\tPerson {number}\t\\N\t\t\t\t{{}}\t2026-01-01\t2026-01-01\t\\N\n"
            )
        elif row[4] != 2:
            prop = "email" if row[4] == 0 else "screen_name"
            value, kind = stated(number, row)[prop], KINDS[prop]
            if table == "evidence_claim":
                lines.append(
                    f"{id_of(number + 2**40)}\t{holding}\t{agency}\t{case}\t{id_of(number)}\t{prop}\t{kind}\t{value}\t{value}"
                    "\town\t\tf\n"
                )
            else:
                lines.append(f"{kind}\t{value}\t1\t-1\tf\n")
    return "".join(lines).encode()


COLUMNS = {
    "evidence_record": "id, holding_id, agency_id, case_id, exhibit_id, file_id, key, kind, reader, reading, place, label, at,"
    " at_text, conversation, body, extra, read_at, linked_at, retired_at",
    "evidence_claim": "id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note, generic",
    "entities_placement": "id, record_id, record_holding_id, record_agency_id, packed, keys, stale",
    "entities_candidatekey": "key, placement_id",
    "entities_identifier": "kind, normal, cases_count, bucket, generic",
}
KEPT_INDEXES = ("evidence_record_pkey", "record_to_place", "claim_by_value", "evidence_claim_pkey")


def cast() -> dict[str, Any]:
    """Two agencies, an officer, and the cases of the kept people."""
    from django.utils import timezone

    from opencets_web.accounts.models import Agency, Officer
    from opencets_web.cases.models import Case
    from opencets_web.evidence.models import Exhibit, ExhibitFile
    from opencets_web.policy.models import Holding

    agencies = [
        Agency.objects.create(name=f"{name} Police", short_name=name, country="GB", contact_email=f"desk@{name.lower()}.example.org")
        for name in ("Avon", "Borders")
    ]  # fmt: skip
    officers = [
        Officer.objects.create(email=f"officer@{agency.short_name.lower()}.example.org", display_name="Officer", agency=agency,
                               roles=["investigator"]) for agency in agencies
    ]  # fmt: skip
    for number in range(CASES + 1):
        officer, now = officers[number % 2 if number < CASES else 0], timezone.now()
        under = {"holding": Holding.objects.create(agency=officer.agency), "agency": officer.agency}
        case = Case.objects.create(
            **under, reference=f"KE-{number:04}", title=f"Case {number}", opened_at=now, opened_by=officer
        )
        exhibit = Exhibit.objects.create(
            **under, case=case, reference="EX-1", title="Bulk", state="read", received_by=officer, begun_at=now
        )
        ExhibitFile.objects.create(**under, exhibit=exhibit, path=["bulk.csv"], name="bulk.csv", size=1, state="read")
    return {"officer": str(officers[0].id)}


def fill(count: str) -> dict[str, Any]:
    """So many kept people, from nothing; as the superuser, without triggers."""
    from django.db import connection

    total, begun = int(count), time.perf_counter()
    _check_preparing(total)
    with connection.cursor() as cursor:
        cursor.execute(
            "select k.id, k.holding_id, k.agency_id, e.id, f.id from cases_case k join evidence_exhibit e on e.case_id = k.id"
            " join evidence_exhibitfile f on f.exhibit_id = e.id where e.reference = 'EX-1' order by k.reference limit %s",
            [CASES],
        )
        _PLACES[:] = [tuple(map(str, row)) for row in cursor.fetchall()]
        cursor.execute(
            "set session_replication_role = replica; set synchronous_commit = off; set maintenance_work_mem = '900MB'"
        )
        cursor.execute(
            "select indexrelid::regclass::text, pg_get_indexdef(indexrelid), pg_get_constraintdef(c.oid), c.conname, indrelid::regclass::text"
            " from pg_index left join pg_constraint c on c.conindid = indexrelid and c.contype in ('p', 'u')"
            " where indrelid = any(string_to_array(%s, ', ')::regclass[])",
            [TABLES],
        )
        indexes = cursor.fetchall()
        cursor.execute(
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
            " where contype = 'f' and confrelid = any(string_to_array(%s, ', ')::regclass[])",
            [TABLES],
        )
        references = cursor.fetchall()
        cursor.execute(f"truncate {TABLES} cascade")
        build = []
        for name, written, constraint, called, table in indexes:
            if table == "entities_match":
                continue
            wanted = table.startswith("entities_") or name in KEPT_INDEXES or "record_id" in written
            if constraint:
                cursor.execute(f"alter table {table} drop constraint {called} cascade")
            else:
                cursor.execute(f"drop index {name}")
            if constraint or wanted:
                build.append(
                    (table, f"alter table {table} add constraint {called} {constraint}" if constraint else written)
                )
    chunks = [(begin, min(begin + CHUNK, total)) for begin in range(0, total, CHUNK)]
    seconds: dict[str, float] = {}
    with Pool(2) as pool:
        for table, columns in COLUMNS.items():
            at = time.perf_counter()
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                # Emptied in the same transaction, the rows are written frozen.
                cursor.execute(f"truncate {table} cascade")
                if table == "entities_candidatekey":
                    cursor.execute(f"insert into {table} ({columns}) select unnest(keys), id from entities_placement")
                else:
                    with cursor.copy(f"copy {table} ({columns}) from stdin with (freeze)") as copy:
                        for begin in range(0, len(chunks), 8):
                            # Some at a time: what is made waits in memory until it is written.
                            for rows in pool.imap(_copied, [(table, *chunk) for chunk in chunks[begin : begin + 8]]):
                                copy.write(rows)
            connection.commit()
            connection.set_autocommit(True)
            with connection.cursor() as cursor:
                for of, statement in build:
                    if of == table:
                        cursor.execute(statement)
                cursor.execute(f"vacuum (analyze) {table}")
            seconds[table] = round(time.perf_counter() - at, 1)
    with connection.cursor() as cursor:
        for table, name, written in references:
            # What was loaded is not gone through again; each new row is checked as ever.
            cursor.execute(f"alter table {table} add constraint {name} {written.removesuffix(' NOT VALID')} not valid")
        cursor.execute("select setval(pg_get_serial_sequence('entities_placement', 'id'), %s)", [total + 1])
        cursor.execute("select count(*) from entities_candidatekey")
        keys = cursor.fetchone()[0]
        cursor.execute(
            "select relname, pg_total_relation_size(oid) from pg_class where relname = any(%s)", [list(COLUMNS)]
        )
        megabytes = {name: round(size / 1e6) for name, size in cursor.fetchall()}
    return {
        "people": total,
        "keys": keys,
        "seconds": round(time.perf_counter() - begun, 1),
        "of": seconds,
        "megabytes": megabytes,
    }


def _check_preparing(total: int) -> None:
    """The quick way of this file prepares as the real one does."""
    for number in random.Random(3).sample(range(total), min(300, total)):
        begin = number // CHUNK * CHUNK
        row = _drawn(begin)[number - begin]
        real = kept_of(id_of(number), stated(number, row))
        packed, keys = prepared(number, row)
        assert (packed, keys) == (real.packed(), list(real.keys)), (packed, real.packed())


# --- Arriving --------------------------------------------------------------------------------------------------------


def arrivals(total: int, count: int, seed: int) -> list[dict[str, Any]]:
    """New records: doubles of kept people, decoys, strangers, and people with many names; whom each is like."""
    given, family, days, cities = words()
    chance, made = random.Random(seed), []
    for turn in range(count):
        way = ("double", "double", "decoy", "stranger", "many names")[turn % 5]
        number = chance.randrange(total)
        said: list[tuple[str, str]]
        like = person_of(number)
        while way == "double" and "email" not in like:
            number = chance.randrange(total)
            like = person_of(number)
        name, day = like["full_name"], like["date_of_birth"]
        if way == "double":
            at = chance.randrange(2, len(name) - 2)
            said = [("full_name", name[:at] + name[at + 1 :]), ("date_of_birth", day), ("email", like["email"])]
        elif way == "decoy":
            said = [("full_name", name), ("date_of_birth", f"{(int(day[:4]) - 1940 + 35) % 70 + 1940}{day[4:]}"),
                    ("email", f"decoy{seed}x{turn}@example.org")]  # fmt: skip
        else:
            said = [("full_name", f"{chance.choice(given)} {chance.choice(family)}"), ("date_of_birth", chance.choice(days)),
                    ("city", chance.choice(cities))]  # fmt: skip
            if way == "many names":
                said += [("alias", f"{chance.choice(given)} {chance.choice(family)}") for _ in range(4)]
        made.append({"way": way, "like": id_of(number), "said": said, "seed": seed})
    return made


def plants(total: str, wanted: str) -> dict[str, Any]:
    """Everything that will arrive at one size: how many, from which seed, how many in an exhibit, written where."""
    return {"planted": [plant(total, *map(str, one))["planted"] for one in json.loads(wanted)]}


def plant(total: str, count: str, seed: str, size: str, where: str) -> dict[str, Any]:
    """Records as read and not yet placed, ``size`` in each exhibit; what they are is written down in a file."""
    from django.db import connection, transaction
    from django.utils import timezone

    from opencets_web.evidence.models import Exhibit

    made = arrivals(int(total), int(count), int(seed))
    of_one = int(size)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(
            "select id, holding_id, agency_id, opened_by_id from cases_case where reference = %s", [f"KE-{CASES:04}"]
        )
        case, holding, agency, officer = map(str, cursor.fetchone())
        for begin in range(0, len(made), of_one):
            exhibit = Exhibit.objects.create(
                case_id=case, holding_id=holding, agency_id=agency, reference=f"N-{seed}-{begin}", title="New", state="read",
                received_by_id=officer, begun_at=timezone.now(),
            ).id  # fmt: skip
            for at, one in enumerate(made[begin : begin + of_one], begin):
                one["exhibit"] = str(exhibit)
                one["id"] = id_of(2**50 + int(seed) * 10_000_000 + at)
                cursor.execute(
                    "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, key, kind, reader, reading,"
                    " place, label, at_text, conversation, body, extra, read_at) select %s, %s, %s, %s, %s, f.id, %s, 'person',"
                    " 'bulk/1', 0, '', %s, '', '', '', '{}', now() from evidence_exhibitfile f join evidence_exhibit e"
                    " on e.id = f.exhibit_id where e.case_id = %s and e.reference = 'EX-1'",
                    [one["id"], holding, agency, case, exhibit, f"{int(seed):x}{at:016x}", one["said"][0][1], case],
                )
                for turn, (prop, text) in enumerate(one["said"]):
                    kind = "name" if prop == "alias" else KINDS[prop]
                    cursor.execute(
                        "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role,"
                        " note, generic) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'own', '', false)",
                        [id_of(2**60 + (int(seed) * 10_000_000 + at) * 16 + turn), holding, agency, case, one["id"], prop, kind,
                         text, text if kind == "email" else None],
                    )  # fmt: skip
    Path(where).write_text(json.dumps({"officer": officer, "made": made}))
    return {"planted": len(made)}


def arrive(where: str) -> dict[str, Any]:
    """Place what is planted, an exhibit at a time; milliseconds and candidates of each."""
    from opencets_web.entities import jobs, placing

    given = json.loads(Path(where).read_text())
    # As a worker does when it starts.
    placing.ready()
    candidates: list[int] = []
    compared = placing._compared

    def counted(known: Any, pairs: Any) -> Any:
        candidates.append(len(pairs))
        return compared(known, pairs)

    placing._compared = counted
    took, found = [], 0
    begun, used = time.perf_counter(), _processor_seconds()
    for exhibit in dict.fromkeys(one["exhibit"] for one in given["made"]):
        at = time.perf_counter()
        found += jobs.resolve_people(exhibit, given["officer"])
        took.append((time.perf_counter() - at) * 1e3)
    placing._compared = compared
    seconds, used = time.perf_counter() - begun, _processor_seconds() - used
    return {
        "processor_ms": used * 1e3 / len(given["made"]),
        "ms": took,
        "candidates": candidates,
        "suggested": found,
        "seconds": seconds,
        "records": len(given["made"]),
    }


def warm_up(total: str, first: str, warm: str) -> dict[str, Any]:
    """A hundred arrivals that are not counted, then those that are, then the peer that only looks up; in one process."""
    arrive(first)
    return {"warm": arrive(warm), "exact": exact(total, "300")}


def _processor_seconds() -> float:
    """Of this program and of the database's process that serves it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        fields = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def checked(*files: str) -> dict[str, Any]:
    """Every double is suggested with whom it doubles, no decoy is; as the owner of the tables reads it."""
    from opencets_web.entities.models import Match

    made = [one for where in files for one in json.loads(Path(where).read_text())["made"]]
    rows = Match.objects.filter(retired_at=None).values_list("left_id", "right_id", "reasons")
    standing = {frozenset((str(left), str(right))): reasons for left, right, reasons in rows}
    wrong = [one for one in made if (frozenset((one["id"], one["like"])) in standing) != (one["way"] == "double")]
    assert not wrong, f"{len(wrong)} of {len(made)} stand otherwise than planted: {wrong[:2]}"
    assert all(reasons and all(reason["sentence"] for reason in reasons) for reasons in standing.values())
    return {"planted": len(made), "doubles_found": sum(one["way"] == "double" for one in made), "decoys_suggested": 0,
            "standing": len(standing)}  # fmt: skip


def same(total: str, *files: str) -> dict[str, Any]:
    """What stands equals the plain version over everything, as far as arrivals take part."""
    from opencets.linking import default_rarity
    from opencets.resolving import BLOCK_LIMIT, load_model
    from opencets.resolving.placing import Stated, compare, keep
    from opencets_web.entities.models import Match

    kept = [kept_of(id_of(number), person_of(number)) for number in range(int(total))]
    new = [
        keep(one["id"], "person", [
            Stated(p, "name" if p == "alias" else KINDS[p], text, text if p == "email" else None, False)
            for p, text in sorted_claims(one, at)
        ])
        for name in files for at, one in enumerate(json.loads(Path(name).read_text())["made"])
    ]  # fmt: skip
    holders: dict[int, list[Any]] = defaultdict(list)
    for one in (*kept, *new):
        for key in one.keys:
            holders[key].append(one)
    model, rarity, expected = load_model(), default_rarity(), set()
    for one in new:
        for other in {
            held.id: held for key in one.keys if len(holders[key]) <= BLOCK_LIMIT for held in holders[key]
        }.values():
            left, right = sorted((one, other), key=lambda record: record.id)
            if left is not right and compare(left, right, model, lambda kind: rarity.probability(kind, 2)):
                expected.add((left.id, right.id))
    rows = Match.objects.filter(retired_at=None).values_list("left_id", "right_id")
    standing = {(str(left), str(right)) for left, right in rows}
    assert standing == expected, f"{len(standing - expected)} too many, {len(expected - standing)} missing"
    return {"pairs": len(expected), "differing": 0}


def sorted_claims(one: dict[str, Any], at: int) -> list[tuple[str, str]]:
    """The claims in the order in which the database gives them: by id."""
    seed = one["seed"]
    rows = [(id_of(2**60 + (seed * 10_000_000 + at) * 16 + turn), tuple(said)) for turn, said in enumerate(one["said"])]
    return [said for _, said in sorted(rows)]


def exact(total: str, count: str) -> dict[str, Any]:
    """The peer that only looks up: the records that hold an e-mail address, by the index of claims."""
    from django.db import connection, transaction

    from opencets_web.policy.blind import across_holdings

    chance, took = random.Random(4), []
    numbers = [
        number
        for number in (chance.randrange(int(total)) for _ in range(3 * int(count)))
        if "email" in person_of(number)
    ]
    for number in numbers[: int(count)]:
        email = person_of(number)["email"]
        at = time.perf_counter()
        with transaction.atomic(), across_holdings(), connection.cursor() as cursor:
            cursor.execute(
                "select record_id from evidence_claim where kind = 'email' and normal = %s and role = 'own' and not generic",
                [email],
            )
            assert [str(row[0]) for row in cursor.fetchall()][:1]
        took.append((time.perf_counter() - at) * 1e3)
    return {"ms": took}


def splink(total: str) -> dict[str, Any]:
    """Splink's ``predict_between`` on DuckDB with the same model: one new record against so many, by name, date and address."""
    import duckdb
    from splink import Linker
    from splink.backends.duckdb import DuckDBAPI

    from opencets.resolving import load_model
    from opencets.resolving.people import COLUMNS as PERSON
    from opencets.resolving.splinked import _quiet, settings

    def table(name: str, people: list[Any]) -> Any:
        values = {"row": list(range(len(people)))} | {
            column: [getattr(one.person, column) for one in people] for column in PERSON
        }
        connection.register("given", _arrow(values))
        connection.execute(f"create table {name} as select * from given")
        return api.register(name)

    connection = duckdb.connect(":memory:")
    api = DuckDBAPI(connection)
    old = table("old", [kept_of(id_of(number), person_of(number)) for number in range(int(total))])
    rules = [
        "l.birth = r.birth AND l.given = r.given",
        "l.birth = r.birth AND l.family = r.family",
        "l.email = r.email",
        "l.name = r.name",
    ]
    made, took, found = [one for one in arrivals(int(total), 60, 99) if one["way"] == "double"], [], 0
    with _quiet():
        linker = Linker(old, {**settings(load_model()), "blocking_rules_to_generate_predictions": rules}, validate_settings=False,
                        log_level=None)  # fmt: skip
        for at, one in enumerate(made[:8]):
            new = table(f"new{at}", [kept_of("new", dict(one["said"]))])
            begun = time.perf_counter()
            rows = linker.inference.predict_between(old, new, threshold_match_probability=0.5)
            found += bool(connection.execute(f'select 1 from "{rows.physical_name}"').fetchall())
            took.append((time.perf_counter() - begun) * 1e3)
    return {"ms": took, "found": found, "of": len(took)}


def _arrow(values: dict[str, list[Any]]) -> Any:
    import pyarrow

    return pyarrow.table({name: pyarrow.array(column, pyarrow.int64() if name == "row" else pyarrow.string())
                          for name, column in values.items()})  # fmt: skip


# --- Merging ---------------------------------------------------------------------------------------------------------


def linked(links: str) -> dict[str, Any]:
    """An entity of 300 records with so many links: messages that carry its address; and a second, of one record."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(
            "create temp table place on commit drop as select e.holding_id, e.agency_id, e.case_id, e.id as exhibit_id, f.id as file_id"
            " from evidence_exhibit e join evidence_exhibitfile f on f.exhibit_id = e.id join cases_case k on k.id = e.case_id"
            " where k.reference = %s and e.reference = 'EX-1'",
            [f"KE-{CASES:04}"],
        )
        record = (
            "insert into evidence_record (id, holding_id, agency_id, case_id, exhibit_id, file_id, key, kind, reader, reading, place,"
            " label, at_text, conversation, body, extra, read_at, linked_at) select md5('link'||n)::uuid, holding_id, agency_id,"
            " case_id, exhibit_id, file_id, md5('k'||n), %s, 'bulk/1', 0, '', 'Linked '||n, '', '', '', '{}', now(), now()"
            " from place, generate_series(%s, %s) n"
        )
        claim = (
            "insert into evidence_claim (id, holding_id, agency_id, case_id, record_id, property, kind, raw, normal, role, note, generic)"
            " select md5('lc'||n)::uuid, holding_id, agency_id, case_id, md5('link'||n)::uuid, 'email', 'email', %s, %s, %s, '', false"
            " from place, generate_series(%s, %s) n"
        )
        for kind, role, address, first, last in (
            ("account", "own", "hub@example.org", 0, 299), ("message", "mentioned", "hub@example.org", 300, 299 + int(links)),
            ("account", "own", "other@example.org", -1, -1),
        ):  # fmt: skip
            cursor.execute(record, [kind, first, last])
            cursor.execute(claim, [address, address, role, first, last])
    with connection.cursor() as cursor:
        cursor.execute("analyze evidence_record, evidence_claim")
        cursor.execute("select md5('link0')::uuid, md5('link-1')::uuid")
        return {"hub": [str(side) for side in cursor.fetchone()]}


def merge(officer: str, hub: str, other: str, turns: str) -> dict[str, Any]:
    """Judge, look; undo, look: seconds of each until the page shows what stands now."""
    from django.urls import get_resolver

    from opencets_web.entities import actions, queries
    from opencets_web.policy.acting import acting_as
    from opencets_web.policy.officers import actor_for

    # The addresses of all pages are loaded when a server starts.
    assert get_resolver().reverse_dict
    actor, times = actor_for(UUID(officer)), {"merge": [], "undo": []}
    for turn in range(int(turns)):
        begun = time.perf_counter()
        with acting_as(actor.officer_id):
            judgement = actions.judge(actor, UUID(hub), UUID(other), "same", f"Measured {turn}.")
        with acting_as(actor.officer_id):
            page = queries.get_entity(actor, UUID(other))
        times["merge"].append(time.perf_counter() - begun)
        assert len(page.records) == 301, len(page.records)
        begun = time.perf_counter()
        with acting_as(actor.officer_id):
            actions.undo_judgement(actor, judgement)
        with acting_as(actor.officer_id):
            page = queries.get_entity(actor, UUID(hub))
        times["undo"].append(time.perf_counter() - begun)
        assert len(page.records) == 300, len(page.records)
        assert any(found[2] for found in page.connected), "the links are not shown"
    return {name: [round(seconds, 3) for seconds in of] for name, of in times.items()}


# --- The whole -------------------------------------------------------------------------------------------------------


def tune() -> dict[str, Any]:
    """Loading alone writes no log; nothing else of the server is set otherwise than in production."""
    from django.db import connection

    with connection.cursor() as cursor:
        for setting in ("wal_level = minimal", "max_wal_senders = 0"):
            cursor.execute(f"alter system set {setting}")
    return {}


def warm() -> dict[str, Any]:
    """Bring the tables of placing into the server's memory as far as it goes, as after some time of running."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("create extension if not exists pg_prewarm")
        for name in (
            "entities_placement",
            "entities_placement_pkey",
            "entities_identifier_pkey",
            "entities_candidatekey_pkey",
        ):
            cursor.execute("select pg_prewarm(c.oid, 'buffer') from pg_class c where relname = %s", [name])
    return {}


ACTS: dict[str, Callable[..., dict[str, Any]]] = {
    "cast": cast, "fill": fill, "plant": plant, "plants": plants, "arrive": arrive, "warm_up": warm_up, "checked": checked, "same": same, "exact": exact,
    "splink": splink, "linked": linked, "merge": merge, "tune": tune, "warm": warm,
}  # fmt: skip


def spread(times: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile, and the most."""
    ordered = sorted(times)
    at = {
        name: ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
        for name, share in (("p95", 0.95), ("p99", 0.99))
    }
    return {
        name: round(value, 2)
        for name, value in {"median": statistics.median(ordered), **at, "most": ordered[-1]}.items()
    }


class World:
    """A home of one size: made and filled once; measured as often as asked where it is kept."""

    def __init__(self, place: Path, total: int, *, kept: bool) -> None:
        from import_evidence import Home

        self.total, self.kept = total, kept
        place.mkdir(exist_ok=True)
        place.chmod(0o711)
        self.files, self._told = place / "planted", place / "told.json"
        self.files.mkdir(exist_ok=True)
        self.home = Home(place / "home")
        self.told: dict[str, Any] = {"turn": -1}
        if self._told.exists():
            self.told = json.loads(self._told.read_text())
        else:
            self.told["officer"] = self.act("owner", "cast")["officer"]
            self.act("superuser", "tune")
            self.restart()
            self.told["filled"] = self.act("superuser", "fill", total)
        self.told["turn"] += 1
        # A turn that fails has planted something too.
        self._told.write_text(json.dumps(self.told))

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        if self.kept:
            self._told.write_text(json.dumps(self.told))
            self.home._run([self.home.opencets, "database", "stop"])
        else:
            self.home.__exit__()

    def act(self, role: str, *arguments: object) -> dict[str, Any]:
        """What one act of this file gave, in a process and a database role of its own."""
        begun = time.perf_counter()
        done = self.home.act_of(str(Path(__file__).resolve()), role, *map(str, arguments))
        told = " ".join(map(str, arguments))[:60]
        print(f"{time.perf_counter() - begun:7.1f} s  {told}", file=sys.stderr, flush=True)
        return done

    def restart(self) -> None:
        """The server started anew, with nothing of its files in memory."""
        self.home._run([self.home.opencets, "database", "stop"])
        for path in Path(self.home.place).rglob("*"):
            if path.is_file() and os.access(path, os.R_OK):
                with open(path, "rb") as stream:
                    os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.home._run([self.home.opencets, "database", "start"])


def measure(sizes: list[int], count: int, place: Path | None, home: Path | None) -> dict[str, Any]:
    """All figures, each size in a home of its own; ``home``: where homes are kept for the next time."""
    runs, times, peer = [], {}, None
    with tempfile.TemporaryDirectory(prefix="opencets-arrive-", dir=place) as scratch:
        os.chmod(scratch, 0o711)
        for total in sizes:
            with World((home or Path(scratch)) / str(total), total, kept=home is not None) as world:
                runs.append(_run(world, count))
                print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
                if total == sizes[0]:
                    hub = world.told.setdefault("hub", None) or world.act("superuser", "linked", 10_000)["hub"]
                    world.told["hub"] = hub
                    times = world.act("web", "merge", world.told["officer"], *hub, 5)
                    peer = world.act("superuser", "splink", total) if total <= SPLINK_MOST else None
                    print(json.dumps([times, peer]), file=sys.stderr, flush=True)
    merged = {name: {"seconds_median": statistics.median(of), "seconds_most": max(of)} for name, of in times.items()}
    splinked = peer and {"people": sizes[0], "ms": spread(peer["ms"]), "found": f"{peer['found']} of {peer['of']}"}
    return {"runs": runs, "growth": _growth(runs), "entity_of_10000_links": merged, "splink_predict_between": splinked}


def _run(world: World, count: int) -> dict[str, Any]:
    """One size: cold, warm, in bulk, checked."""
    total, act = world.total, world.act
    first_seed = 1 + 10 * world.told["turn"]
    sizes = {"cold": (40, 1), "first": (100, 1), "warm": (count, 1)} | dict.fromkeys(
        ("bulk0", "bulk1"), (count * 2, count * 2)
    )
    names = {name: str(world.files / f"{first_seed}-{name}.json") for name in sizes}
    wanted = [(many, first_seed + at, size, names[name]) for at, (name, (many, size)) in enumerate(sizes.items())]
    act("superuser", "plants", total, json.dumps(wanted))
    world.restart()
    cold = act("jobs", "arrive", names["cold"])
    act("superuser", "warm")
    both_ways = act("jobs", "warm_up", total, names["first"], names["warm"])
    warm, lookup = both_ways["warm"], both_ways["exact"]
    begun = time.perf_counter()
    with ThreadPoolExecutor(2) as both:
        bulk = list(both.map(lambda name: act("jobs", "arrive", names[name]), ("bulk0", "bulk1")))
    started = time.perf_counter() - begun
    facts = act("owner", "checked", *names.values())
    everything = sorted(map(str, world.files.iterdir()))
    equal = act("owner", "same", total, *everything) if total <= PLAIN_MOST else None
    records, seconds = sum(one["records"] for one in bulk), max(one["seconds"] for one in bulk)
    ms = spread(warm["ms"])
    return {
        "people": total, "filled": world.told["filled"], "candidates": spread([float(n) for n in warm["candidates"]]),
        "warm_ms": ms, "warm_processor_ms_mean": round(warm["processor_ms"], 2), "cold_ms": spread(cold["ms"]), "records_per_second": round(records / seconds),
        "records_per_second_one_by_one": round(warm["records"] / warm["seconds"]), "bulk_seconds_with_start": round(started, 1),
        "exact_lookup_ms": spread(lookup["ms"]), "correct": facts, "equal_to_plain_version": equal, "load": round(os.getloadavg()[0], 1),
        "within_goal": {
            "median": ms["median"] <= GOAL_MEDIAN_MS, "p99": ms["p99"] <= GOAL_P99_MS,
            "cold": max(cold["ms"]) <= GOAL_COLD_MS, "per_second": records / seconds >= GOAL_PER_SECOND,
        },
    }  # fmt: skip


def _growth(runs: list[dict[str, Any]]) -> list[str]:
    """The growth of the median as a table of bars: how much longer, for how many times as many people."""
    least = runs[0]
    rows = []
    for run in runs:
        times = run["people"] / least["people"]
        longer = run["warm_ms"]["median"] / least["warm_ms"]["median"]
        bar = "#" * round(run["warm_ms"]["median"] * 4)
        rows.append(
            f"{run['people']:>12,} people (x {times:>4.0f}) {run['warm_ms']['median']:>7.2f} ms (x {longer:.2f}) {bar}"
        )
    return rows


def drawn_growth(runs: list[dict[str, Any]]) -> str:
    """Median, 99th percentile and cold most over the number of kept people, with the bar of each."""
    from growth_chart import Line, drawn

    def line(name: str, colour: str, kind: str, of: str, goal: float) -> Line:
        return Line(name, colour, [(run["people"], run[kind][of]) for run in runs], goal)

    return drawn(
        "Milliseconds to place a new record, by how many are kept",
        "A new record placed, explained and committed: milliseconds, by people kept",
        "dotted: the bar of each line (10, 100, 1,000 ms)",
        [
            line("median", "#1f3a5f", "warm_ms", "median", GOAL_MEDIAN_MS),
            line("99th percentile", "#2563a8", "warm_ms", "p99", GOAL_P99_MS),
            line("most, cold", "#8a4b08", "cold_ms", "most", GOAL_COLD_MS),
        ],
    )


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--act":
        import django

        django.setup()
        print(json.dumps(ACTS[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--people", type=int, nargs="+", default=[100_000], help="kept people, the smallest first")
    parser.add_argument("--arrivals", type=int, default=1_000, help="records that arrive one by one, warm")
    parser.add_argument(
        "--home", type=Path, help="a folder where filled homes are kept and found again, one for each size"
    )
    parser.add_argument("--plot", type=Path, help="a file in which the growth is drawn (SVG)")
    parser.add_argument("--place", type=Path, help="a folder for the scratch home (default: the system's)")
    given = parser.parse_args()
    if given.home:
        given.home.mkdir(exist_ok=True)
    figures = measure(sorted(given.people), given.arrivals, given.place, given.home)
    if given.plot:
        given.plot.write_text(drawn_growth(figures["runs"]))
    facts = {
        "benchmark": "arrive",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    if not given.json:
        print("\n".join(figures["growth"]), file=sys.stderr)
    print(json.dumps(facts | figures, indent=None if given.json else 1))


if __name__ == "__main__":
    main()
