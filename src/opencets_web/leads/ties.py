"""Ties between records, answered from PostgreSQL layer by layer: the ``TieSource`` of ``opencets.linking``.

Runs inside the blind door (``leads.linking``) over every holding, or outside of it as a reader: then row-level security leaves
only what the reader may see. Records of one case that hold the same value are tied as a star to the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from opencets.linking.paths import Tie
from opencets.linking.rarity import KINDS_WITHOUT_CLAIMS, Rarity, bits_of, default_rarity
from opencets.linking.times import fading

DIGESTS = frozenset({"sha256", "sha1", "md5", "pdq"})
MENTIONED_BITS = 1.0
"""A value that only occurs in a text costs one bit more: it halves the probability."""
STAR_MOST = 400
"""How many records of one case are tied through one value; a person's records come before their messages."""
SAME_PERSON_LEAST = 0.9


SHARED_VALUES = """
with mine as (
  select c.id, c.record_id, c.case_id, c.kind, c.normal, c.role, nullif(left(r.at_text, 10), '') as day
  from evidence_claim c join evidence_record r on r.id = c.record_id
  left join media_media m on m.record_id = c.record_id
  where c.record_id = any(%(records)s::uuid[]) and c.normal is not null and not c.generic and c.kind = any(%(kinds)s)
    and r.retired_at is null and not (c.kind = any(%(digests)s) and coalesce(m.widely_traded, false))
), wanted as (select distinct kind, normal from mine),
holders as (
  select w.kind, w.normal, c.id, c.record_id, c.case_id, c.role, r.holding_id, r.agency_id,
    nullif(left(r.at_text, 10), '') as day,
    min(nullif(left(r.at_text, 10), '')) over in_case as since, max(nullif(left(r.at_text, 10), '')) over in_case as until,
    row_number() over (partition by w.kind, w.normal, c.case_id
      order by (r.kind = 'message'), (c.role = 'mentioned'), c.record_id, c.id) as place
  from wanted w join evidence_claim c on c.kind = w.kind and c.normal = w.normal and not c.generic
  join evidence_record r on r.id = c.record_id and r.retired_at is null
  left join media_media m on m.record_id = c.record_id
  where not (c.kind = any(%(digests)s) and coalesce(m.widely_traded, false))
  window in_case as (partition by w.kind, w.normal, c.case_id)
), firsts as (select * from holders where place = 1),
ends as (
  select m.record_id, m.case_id, m.id, m.role, m.kind, m.normal, f.record_id as other, f.case_id as other_case,
    f.id as other_claim, f.role as other_role, f.holding_id, f.agency_id, m.day as since, m.day as until,
    f.day as other_since, f.day as other_until
  from mine m join firsts f using (kind, normal, case_id) where m.record_id <> f.record_id
  union all
  select f.record_id, f.case_id, f.id, f.role, f.kind, f.normal, h.record_id, h.case_id, h.id, h.role, h.holding_id, h.agency_id,
    case when h.case_id = f.case_id then f.day else f.since end, case when h.case_id = f.case_id then f.day else f.until end,
    case when h.case_id = f.case_id then h.day else h.since end, case when h.case_id = f.case_id then h.day else h.until end
  from firsts f join holders h on h.kind = f.kind and h.normal = f.normal and h.record_id <> f.record_id
    and (h.place = 1 or (h.case_id = f.case_id and h.place <= %(most)s))
  where f.record_id = any(%(records)s::uuid[])
)
select m.*, [degree] from ends m [counted]
"""
"""A star inside each case, from case to case through the first of each: as many rows as ties, however many hold the value.

With the days between which each side is seen with it: from case to case all days of the case, so that one old message does not
part two cases that hold the value to this day.
"""
COUNTED = "left join entities_identifier i on i.kind = m.kind and i.normal = m.normal"
READERS_DEGREE = "(select count(*) from firsts f where f.kind = m.kind and f.normal = m.normal)"
"""A reader counts the cases that they may see; only the blind door knows the whole number."""
RECORDS_AT_ONCE = 4_000
TIES_KEPT = 500_000


class DatabaseTies:
    """Ties as PostgreSQL knows them. Record ids are text; groups are case ids as text."""

    def __init__(
        self, rarity: Rarity | None = None, *, counted: bool | None = None, values_alone: bool = False
    ) -> None:
        """``counted``: whether the whole counts of the blind door may be read; None: asked of the database.

        ``values_alone``: no ties by likeness, of pictures or of people.
        """
        self.rarity = rarity or default_rarity()
        self.kinds = [kind for kind in self.rarity.worths if kind not in KINDS_WITHOUT_CLAIMS]
        self._group: dict[str, str] = {}
        self._kept: dict[str, list[Tie]] = {}
        self._size = 0
        self._counted = counted
        alike = () if values_alone else (self._near_duplicates, self._same_person)
        self._sources = (self._shared_values, *alike)
        self.holding: dict[str, tuple[UUID, UUID]] = {}

    def group_of(self, record: str) -> str:
        """The case of a record that some tie named."""
        return self._group[record]

    def held_by(self, record: str) -> str:
        """The holding under which a record lies that some tie named."""
        return str(self.holding[record][0])

    def boundary(self, case_id: UUID) -> list[str]:
        """The records of a case where a search of it starts."""
        return self.boundaries([case_id])[case_id]

    def boundaries(self, case_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
        """For each case the records from which a tie leads into another case.

        Of the records that hold a shared value, the first of each case is enough: the star leads through it.
        """
        starts: dict[UUID, set[str]] = {case_id: set() for case_id in case_ids}
        cases = list(case_ids)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                (select distinct on (c.case_id, c.kind, c.normal) c.case_id, c.record_id
                 from evidence_claim c join evidence_record r on r.id = c.record_id
                 left join media_media m on m.record_id = c.record_id
                 where c.case_id = any(%(cases)s::uuid[]) and c.normal is not null and not c.generic and c.kind = any(%(kinds)s)
                   and r.retired_at is null and not (c.kind = any(%(digests)s) and coalesce(m.widely_traded, false))
                   and exists (select 1 from evidence_claim o where o.kind = c.kind and o.normal = c.normal
                               and o.case_id <> c.case_id)
                 order by c.case_id, c.kind, c.normal, (r.kind = 'message'), (c.role = 'mentioned'), c.record_id, c.id)
                union all
                select m.case_id, m.record_id from media_media m join evidence_record r on r.id = m.record_id
                where m.case_id = any(%(cases)s::uuid[]) and not m.widely_traded and m.cases_count > 1 and r.retired_at is null
                union all
                select r.case_id, r.id from evidence_record r
                where r.case_id = any(%(cases)s::uuid[]) and r.retired_at is null and r.id in (
                  select left_id from entities_match where retired_at is null and probability >= %(least)s
                  union select right_id from entities_match where retired_at is null and probability >= %(least)s
                  union select left_id from entities_judgement where undone_at is null and verdict = 'same'
                  union select right_id from entities_judgement where undone_at is null and verdict = 'same')
                """,
                {"cases": cases, "kinds": self.kinds, "digests": list(DIGESTS), "least": SAME_PERSON_LEAST},
            )
            for case_id, record in cursor.fetchall():
                starts[case_id].add(str(record))
                self._group[str(record)] = str(case_id)
        return {case_id: sorted(records) for case_id, records in starts.items()}

    def ties_of(self, records: Sequence[str]) -> Iterator[Tie]:
        """Every tie of these records; values that are generic and media that are widely traded give none.

        Asked once for each record: the searches of one job share what they have read.
        """
        asked = [record for record in records if record not in self._kept]
        if self._size > TIES_KEPT:
            self._kept, self._size, asked = {}, 0, list(records)
        for begin in range(0, len(asked), RECORDS_AT_ONCE):
            self._read(asked[begin : begin + RECORDS_AT_ONCE])
        for record in records:
            yield from self._kept[record]

    def _read(self, records: Sequence[str]) -> None:
        asked = set(records)
        self._kept.update({record: [] for record in records})
        ids = [UUID(record) for record in records]
        with connection.cursor() as cursor:
            self._learn(cursor, ids)
            for source in self._sources:
                for tie in source(cursor, ids):
                    self._size += 1
                    for side in (tie.left, tie.right):
                        if side in asked:
                            self._kept[side].append(tie)

    def _learn(self, cursor: Any, ids: list[UUID]) -> None:
        unknown = [record for record in ids if str(record) not in self._group or str(record) not in self.holding]
        if unknown:
            cursor.execute(
                "select id, case_id, holding_id, agency_id from evidence_record where id = any(%s::uuid[])", [unknown]
            )
            for record, case, holding, agency in cursor.fetchall():
                self._group[str(record)] = str(case)
                self.holding[str(record)] = (holding, agency)

    def _shared_values(self, cursor: Any, ids: list[UUID]) -> Iterator[Tie]:
        counted = self._sees_identifiers(cursor)
        cursor.execute(
            SHARED_VALUES.replace("[degree]", "coalesce(i.cases_count, 1)" if counted else READERS_DEGREE).replace(
                "[counted]", COUNTED if counted else ""
            ),
            {"records": ids, "kinds": self.kinds, "digests": list(DIGESTS), "most": STAR_MOST},
        )
        rows = cursor.fetchall()
        cleared = self._cleared(
            cursor, {(row[4], row[5]) for row in rows if self.rarity.generic(row[4], max(row[-1], 2))}
        )
        for row in rows:
            (
                record,
                case,
                claim,
                role,
                kind,
                value,
                other,
                other_case,
                other_claim,
                other_role,
                holding,
                agency,
                since,
                until,
                other_since,
                other_until,
                degree,
            ) = row
            self._group[str(record)], self._group[str(other)] = str(case), str(other_case)
            self.holding[str(other)] = (holding, agency)
            degree = max(degree, 2)
            if self.rarity.generic(kind, degree) and (kind, value) not in cleared:
                continue
            bits = bits_of(self.rarity.probability(kind, degree))
            if "mentioned" in (role, other_role):
                bits += MENTIONED_BITS
            more, note = fading(self.rarity, kind, (since, until), (other_since, other_until))
            yield Tie(str(record), str(other), kind, value, bits + more, str(claim), str(other_claim), note)

    def _cleared(self, cursor: Any, crowded: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Of values that too many hold, those that an agency lets link all the same; their weight falls on, smoothly."""
        if not crowded:
            return set()
        cursor.execute(
            "select distinct r.kind, r.normal from entities_valueruling r join unnest(%s::text[], %s::text[]) v(kind, normal)"
            " on r.kind = v.kind and r.normal = v.normal where r.ended_at is null and not r.generic",
            [list(column) for column in zip(*sorted(crowded), strict=True)],
        )
        return {(kind, normal) for kind, normal in cursor.fetchall()}

    def _sees_identifiers(self, cursor: Any) -> bool:
        if self._counted is None:
            cursor.execute("select has_table_privilege(current_user, 'entities_identifier', 'select')")
            self._counted = bool(cursor.fetchone()[0])
        return self._counted

    def _near_duplicates(self, cursor: Any, ids: list[UUID]) -> Iterator[Tie]:
        cursor.execute(
            """
            with mine as (select id from media_media where record_id = any(%s::uuid[]) and not widely_traded),
            pairs as (
              select d.* from mine join media_nearduplicate d on d.left_id = mine.id
              union select d.* from mine join media_nearduplicate d on d.right_id = mine.id)
            select l.record_id, l.case_id, r.record_id, r.case_id, d.distance, greatest(l.cases_count, r.cases_count),
              l.holding_id, l.agency_id, r.holding_id, r.agency_id, d.left_second, d.right_second,
              encode(coalesce(l.pdq, ''), 'hex'), encode(coalesce(r.pdq, ''), 'hex')
            from pairs d join media_media l on l.id = d.left_id join media_media r on r.id = d.right_id
            join evidence_record a on a.id = l.record_id and a.retired_at is null
            join evidence_record b on b.id = r.record_id and b.retired_at is null
            where not l.widely_traded and not r.widely_traded
            """,
            [ids],
        )
        for row in cursor.fetchall():
            left, left_case, right, right_case, distance, degree = row[:6]
            self._group[str(left)], self._group[str(right)] = str(left_case), str(right_case)
            self.holding[str(left)], self.holding[str(right)] = (row[6], row[7]), (row[8], row[9])
            # How many cases hold a copy is counted over all holdings: a reader weighs a pair as if these two alone held it.
            degree = max(degree, 2) if self._sees_identifiers(cursor) else 2
            if self.rarity.generic("pdq", degree):
                continue
            note = f"distance {distance} of 256"
            if row[10] is not None or row[11] is not None:
                note += f", video frames at {row[10] or 0:.0f} s and {row[11] or 0:.0f} s"
            value = "~".join(sorted((row[12] or str(left), row[13] or str(right))))
            yield Tie(str(left), str(right), "pdq", value, self.rarity.bits("pdq", degree, distance), "", "", note)

    def _crowded(self, cursor: Any, records: set[UUID]) -> set[UUID]:
        """The records that resemble people of more cases than one person stands in: a common name, told by nothing else."""
        if not records:
            return set()
        cursor.execute(
            """
            select side, count(distinct case_id) from (
              select x.left_id as side, r.case_id from entities_match x join evidence_record r on r.id = x.right_id
                where x.retired_at is null and x.probability >= %s and x.left_id = any(%s::uuid[])
              union all
              select x.right_id, l.case_id from entities_match x join evidence_record l on l.id = x.left_id
                where x.retired_at is null and x.probability >= %s and x.right_id = any(%s::uuid[])
            ) resembling group by side
            """,
            [SAME_PERSON_LEAST, list(records), SAME_PERSON_LEAST, list(records)],
        )
        return {side for side, cases in cursor.fetchall() if self.rarity.generic("same_person", cases)}

    def _same_person(self, cursor: Any, ids: list[UUID]) -> Iterator[Tie]:
        cursor.execute(
            """
            select x.left_id, l.case_id, l.holding_id, l.agency_id, x.right_id, r.case_id, r.holding_id, r.agency_id,
              max(x.probability), max(j.verdict)
            from (
              select left_id, right_id, probability from entities_match
                where retired_at is null and probability >= %s and left_id = any(%s::uuid[])
              union all select left_id, right_id, probability from entities_match
                where retired_at is null and probability >= %s and right_id = any(%s::uuid[])
              union all select left_id, right_id, 0.99 from entities_judgement
                where undone_at is null and verdict = 'same' and (left_id = any(%s::uuid[]) or right_id = any(%s::uuid[]))
            ) x join evidence_record l on l.id = x.left_id and l.retired_at is null
            join evidence_record r on r.id = x.right_id and r.retired_at is null
            left join entities_judgement j on j.left_id = x.left_id and j.right_id = x.right_id and j.undone_at is null
            group by 1, 2, 3, 4, 5, 6, 7, 8
            """,
            [SAME_PERSON_LEAST, ids, SAME_PERSON_LEAST, ids, ids, ids],
        )
        rows = cursor.fetchall()
        crowded = self._crowded(cursor, {side for row in rows for side in (row[0], row[4])})
        for row in rows:
            left, right, probability, verdict = str(row[0]), str(row[4]), float(row[8]), row[9]
            self._group[left], self._group[right] = str(row[1]), str(row[5])
            self.holding[left], self.holding[right] = (row[2], row[3]), (row[6], row[7])
            if verdict == "different" or (verdict != "same" and crowded & {row[0], row[4]}):
                continue
            judged = ", judged by a person" if verdict == "same" else ""
            yield Tie(
                left, right, "same_person", f"{left}~{right}", bits_of(min(probability, 0.99)), "", "",
                f"probability {probability:.2f}{judged}",
            )  # fmt: skip
