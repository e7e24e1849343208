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
from opencets.linking.rarity import Rarity, bits_of, default_rarity

DIGESTS = frozenset({"sha256", "sha1", "md5", "pdq"})
MENTIONED_BITS = 1.0
"""A value that only occurs in a text costs one bit more: it halves the probability."""
STAR_MOST = 400
"""How many records of one case are tied through one value; a person's records come before their messages."""
SAME_PERSON_LEAST = 0.9


SHARED_VALUES = """
with mine as (
  select c.id, c.record_id, c.case_id, c.kind, c.normal, c.role
  from evidence_claim c join evidence_record r on r.id = c.record_id
  left join media_media m on m.record_id = c.record_id
  where c.record_id = any(%s::uuid[]) and c.normal is not null and not c.generic and c.kind = any(%s)
    and r.retired_at is null and not (c.kind = any(%s) and coalesce(m.widely_traded, false))
), wanted as (select distinct kind, normal from mine),
holders as (
  select w.kind, w.normal, c.id, c.record_id, c.case_id, c.role, r.holding_id, r.agency_id,
    row_number() over (partition by w.kind, w.normal, c.case_id
      order by (r.kind = 'message'), (c.role = 'mentioned'), c.record_id, c.id) as place
  from wanted w join evidence_claim c on c.kind = w.kind and c.normal = w.normal and not c.generic
  join evidence_record r on r.id = c.record_id and r.retired_at is null
  left join media_media m on m.record_id = c.record_id
  where not (c.kind = any(%s) and coalesce(m.widely_traded, false))
)
select m.record_id, m.case_id, m.id, m.role, m.kind, m.normal, h.record_id, h.case_id, h.id, h.role, h.place,
  [degree], h.holding_id, h.agency_id
from mine m join holders h on h.kind = m.kind and h.normal = m.normal and h.place <= %s [counted]
order by m.kind, m.normal, h.place
"""
COUNTED = "left join entities_identifier i on i.kind = m.kind and i.normal = m.normal"
READERS_DEGREE = "count(*) filter (where h.place = 1) over (partition by m.record_id, m.kind, m.normal)"
"""A reader counts the cases that they may see; only the blind door knows the whole number."""


class DatabaseTies:
    """Ties as PostgreSQL knows them. Record ids are text; groups are case ids as text."""

    def __init__(self, rarity: Rarity | None = None) -> None:
        self.rarity = rarity or default_rarity()
        self.kinds = [kind for kind in self.rarity.worths if kind not in ("same_person", "same_source", "pdq")]
        self._group: dict[str, str] = {}
        self.holding: dict[str, tuple[UUID, UUID]] = {}

    def group_of(self, record: str) -> str:
        """The case of a record that some tie named."""
        return self._group[record]

    def boundary(self, case_id: UUID) -> list[str]:
        """The records of a case from which a tie leads into another case: where a search of the case starts."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                select distinct c.record_id from evidence_claim c join evidence_record r on r.id = c.record_id
                where c.case_id = %s and c.normal is not null and not c.generic and c.kind = any(%s) and r.retired_at is null
                  and exists (select 1 from evidence_claim o where o.kind = c.kind and o.normal = c.normal
                              and o.case_id <> c.case_id)
                union
                select m.record_id from media_media m where m.case_id = %s and not m.widely_traded and m.cases_count > 1
                union
                select r.id from evidence_record r where r.case_id = %s and r.retired_at is null and exists (
                  select 1 from entities_match x where x.retired_at is null and x.probability >= %s
                    and (x.left_id = r.id or x.right_id = r.id))
                """,
                [case_id, self.kinds, case_id, case_id, SAME_PERSON_LEAST],
            )
            records = [str(row[0]) for row in cursor.fetchall()]
        for record in records:
            self._group[record] = str(case_id)
        return sorted(records)

    def ties_of(self, records: Sequence[str]) -> Iterator[Tie]:
        """Every tie of these records; values that are generic and media that are widely traded give none."""
        ids = [UUID(record) for record in records]
        with connection.cursor() as cursor:
            self._learn(cursor, ids)
            yield from self._shared_values(cursor, ids)
            yield from self._near_duplicates(cursor, ids)
            yield from self._same_person(cursor, ids)

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
        degree = "coalesce(i.cases_count, 1)" if self._sees_identifiers(cursor) else READERS_DEGREE
        counted = COUNTED if self._sees_identifiers(cursor) else ""
        cursor.execute(
            SHARED_VALUES.replace("[degree]", degree).replace("[counted]", counted),
            [ids, self.kinds, list(DIGESTS), list(DIGESTS), STAR_MOST],
        )
        rows = cursor.fetchall()
        firsts = {(row[4], row[5], row[7]): row[6] for row in rows if row[10] == 1}
        for record, case, claim, role, kind, value, other, other_case, other_claim, other_role, place, degree, *under in rows:
            self._group[str(other)] = str(other_case)
            self.holding[str(other)] = (under[0], under[1])
            if record == other:
                continue
            first = firsts.get((kind, value, case))
            if case == other_case:
                if first not in (record, other):
                    continue
            elif record != first or place != 1:
                continue
            degree = max(degree, 2)
            if self.rarity.generic(kind, degree):
                continue
            bits = self.rarity.bits(kind, degree)
            if "mentioned" in (role, other_role):
                bits += MENTIONED_BITS
            yield Tie(str(record), str(other), kind, value, bits, str(claim), str(other_claim))

    def _sees_identifiers(self, cursor: Any) -> bool:
        cursor.execute("select has_table_privilege(current_user, 'entities_identifier', 'select')")
        return bool(cursor.fetchone()[0])

    def _near_duplicates(self, cursor: Any, ids: list[UUID]) -> Iterator[Tie]:
        cursor.execute(
            """
            select l.record_id, l.case_id, r.record_id, r.case_id, d.distance, greatest(l.cases_count, r.cases_count),
              l.holding_id, l.agency_id, r.holding_id, r.agency_id, d.left_second, d.right_second,
              encode(coalesce(l.pdq, ''), 'hex'), encode(coalesce(r.pdq, ''), 'hex')
            from media_nearduplicate d join media_media l on l.id = d.left_id join media_media r on r.id = d.right_id
            where (l.record_id = any(%s::uuid[]) or r.record_id = any(%s::uuid[]))
              and not l.widely_traded and not r.widely_traded
            """,
            [ids, ids],
        )
        for row in cursor.fetchall():
            left, left_case, right, right_case, distance, degree = row[:6]
            self._group[str(left)], self._group[str(right)] = str(left_case), str(right_case)
            self.holding[str(left)], self.holding[str(right)] = (row[6], row[7]), (row[8], row[9])
            degree = max(degree, 2)
            if self.rarity.generic("pdq", degree):
                continue
            note = f"distance {distance} of 256"
            if row[10] is not None or row[11] is not None:
                note += f", video frames at {row[10] or 0:.0f} s and {row[11] or 0:.0f} s"
            value = "~".join(sorted((row[12] or str(left), row[13] or str(right))))
            yield Tie(str(left), str(right), "pdq", value, self.rarity.bits("pdq", degree, distance), "", "", note)

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
        for row in cursor.fetchall():
            left, right, probability, verdict = str(row[0]), str(row[4]), float(row[8]), row[9]
            self._group[left], self._group[right] = str(row[1]), str(row[5])
            self.holding[left], self.holding[right] = (row[2], row[3]), (row[6], row[7])
            if verdict == "different":
                continue
            judged = ", judged by a person" if verdict == "same" else ""
            yield Tie(
                left, right, "same_person", f"{left}~{right}", bits_of(min(probability, 0.99)), "", "",
                f"probability {probability:.2f}{judged}",
            )  # fmt: skip
