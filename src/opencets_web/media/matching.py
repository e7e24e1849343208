"""Matching media: rows from signals, near-duplicates across all holdings, known files.

One of the files that may use the blind door. What comes out are ``NearDuplicate`` rows, seen only by those who may see both
sides, and marks on the owner's own media. The two Hamming indexes stand in the home, one writer at a time (the job's lock);
positions without a row, left by a crash between index and commit, are taken out at the next run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone

from opencets.hashing.pdq import OPPOSITE, TURNS, turned_codes
from opencets.linking.rarity import default_rarity
from opencets.matching import HammingIndex, Matches
from opencets.matching.codes import Codes
from opencets_web.audit import log, outbox
from opencets_web.evidence.keeping import stable_id
from opencets_web.evidence.models import Exhibit
from opencets_web.media import flood
from opencets_web.media.hash_sets import Entry
from opencets_web.media.index import index_of
from opencets_web.media.models import (
    EntryState,
    EntryVote,
    Frame,
    HashEntry,
    HashSet,
    HashSetState,
    HeldEntry,
    Media,
    NearDuplicate,
    Signal,
)
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.blind import across_holdings
from opencets_web.ui.notify import tell

RADIUS = 31
USABLE_QUALITY = 50
MEDIA_AT_ONCE = 2_000
CODES_AT_ONCE = 16_384
"""Codes put into the index and looked for together: a video has up to 2,400, a batch of videos millions."""
FIRST_QUERIES, MOST_QUERIES = 16, 256
HITS_AT_ONCE = 1_000_000
"""One search asks for so few codes that, at the hits of the one before, it gives no more: copies of a still are a crowd."""
KNOWN_FRAMES = 3
KNOWN_SHARE = 0.8
"""A video is near-known when so many of its frames are near entries of one set, of at least `KNOWN_FRAMES`."""
HIDDEN_AT = -2
"""An agency's own confirmations less its doubts: from here on an entry marks nothing of that agency's."""
NOT_SPEAKING = (EntryState.HELD, EntryState.REJECTED)


def match_media(actor: Actor, exhibit_id: UUID) -> int:
    """Make media rows of an exhibit's new pictures and videos, match them, post what follows; how many were new.

    Runs inside one transaction as the officer; the blind door opens for the comparison only.
    """
    exhibit = door.admit(actor, Exhibit.objects.select_related("case"), "contribute", pk=exhibit_id)
    made = _register(exhibit)
    matched = 0
    while batch := list(Media.objects.filter(file__exhibit=exhibit, matched_at=None).order_by("id")[:MEDIA_AT_ONCE]):
        with across_holdings():
            _match_known(batch)
            _hold_floods(actor, Q(known_by__in=_marking(batch)))
            _count_cases({media.id for media in batch} | _match_near(batch))
        Media.objects.filter(id__in=[media.id for media in batch]).update(matched_at=timezone.now())
        matched += len(batch)
    if matched:
        log.record(
            "media.matched",
            actor,
            holding=(exhibit.holding_id, exhibit.agency_id),
            subject=f"exhibit:{exhibit.case.reference}/{exhibit.reference}",
            details={"media": matched},
        )
        tell(f"case:{exhibit.case_id}", "media", exhibit.id)
    outbox.post("media.matched", exhibit_id=str(exhibit.id), officer_id=str(actor.officer_id))
    return made


def _marking(batch: Sequence[Media]) -> list[UUID]:
    """The entries that mark some of these media."""
    marked = Media.objects.filter(id__in=[media.id for media in batch], known_by__isnull=False)
    return [entry for entry in marked.values_list("known_by_id", flat=True).distinct() if entry is not None]


def _register(exhibit: Exhibit) -> int:
    """Rows for the exhibit's files that have signals and no row; the file's media record carries each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into media_media (id, holding_id, agency_id, case_id, record_id, file_id, sha256, media_type, width, height,
              duration, pdq, quality, thumbnail_id, thumbnail_offset, thumbnail_size, strip_size, trouble, taken_at, known_as,
              known_distance, known_turn, cases_count, widely_traded, read_at)
            select distinct on (r.file_id) r.id, f.holding_id, f.agency_id, r.case_id, r.id, f.id, f.sha256, f.media_type,
              (f.signals->>'width')::int, (f.signals->>'height')::int, (f.signals->>'duration')::float,
              decode(f.signals->>'pdq', 'hex'), (f.signals->>'quality')::int, f.pack_id,
              coalesce((f.signals->'thumbnail'->>0)::bigint, 0), coalesce((f.signals->'thumbnail'->>1)::int, 0),
              coalesce((f.signals->'strip'->>1)::int, 0), coalesce(f.signals->>'trouble', ''), r.at_text, '{}', null, '', 1, false,
              r.read_at
            from evidence_exhibitfile f join evidence_record r on r.file_id = f.id and r.kind = 'media' and r.retired_at is null
            where f.exhibit_id = %s and f.signals is not null
              and not exists (select 1 from media_media m where m.file_id = f.id)
            order by r.file_id, r.place, r.id on conflict do nothing
            """,
            [exhibit.id],
        )
        made = cursor.rowcount
        cursor.execute(
            """
            insert into media_frame (id, holding_id, agency_id, media_id, second, pdq, quality, inner_pdq, inner_quality,
              strip_place)
            select gen_random_uuid(), m.holding_id, m.agency_id, m.id, (e.value->>0)::float, decode(e.value->>1, 'hex'),
              (e.value->>2)::int, decode(e.value->>3, 'hex'), (e.value->>4)::int, (e.value->>5)::smallint
            from media_media m join evidence_exhibitfile f on f.id = m.file_id,
              jsonb_array_elements(coalesce(f.signals->'frames', '[]'::jsonb)) e
            where f.exhibit_id = %s and m.matched_at is null
              and not exists (select 1 from media_frame x where x.media_id = m.id)
            """,
            [exhibit.id],
        )
    return int(made)


LIVE = (
    "s.withdrawn_at is null and e.state not in ('held', 'rejected') and e.doubted - e.affirmed < 2"
    " and m.agency_id <> all (e.hidden_for)"
)
"""SQL: an entry ``e`` of a set ``s`` speaks of a medium ``m``."""


def _match_known(batch: Sequence[Media]) -> None:
    """Mark media that a live hash set names: by digest, or within the radius of one of its PDQ values.

    What a negative set names by digest is never marked; where both name it by PDQ, the nearer entry counts.
    """
    ids = [media.id for media in batch]
    spared: set[UUID] = set()
    with connection.cursor() as cursor:
        for digest in ("sha256", "sha1", "md5"):
            cursor.execute(
                f"""
                select distinct m.id from media_media m join evidence_exhibitfile f on f.id = m.file_id
                join media_hashentry e on e.{digest} = f.{digest} and e.{digest} <> ''
                join media_hashset s on s.id = e.hash_set_id and s.negative
                where m.id = any(%s::uuid[]) and f.size > 0 and {LIVE}
                """,
                [ids],
            )
            spared |= {row[0] for row in cursor.fetchall()}
        for digest in ("sha256", "sha1", "md5"):
            cursor.execute(
                f"""
                with hit as (
                  select distinct on (m.id) m.id, e.id as entry_id, e.category, s.name, s.id as set_id
                  from media_media m join evidence_exhibitfile f on f.id = m.file_id
                  join media_hashentry e on e.{digest} = f.{digest} and e.{digest} <> ''
                  join media_hashset s on s.id = e.hash_set_id and not s.negative
                  where m.id = any(%s::uuid[]) and m.known_by_id is null and f.size > 0 and {LIVE}
                  order by m.id, s.imported_at, e.id)
                update media_media m set known_by_id = hit.entry_id, known_set_id = hit.set_id, known_distance = 0,
                  known_as = array[hit.category, hit.name]::varchar[] from hit where m.id = hit.id
                """,
                [[media_id for media_id in ids if media_id not in spared]],
            )
    known = index_of("known")
    if not len(known):
        return
    unknown = [
        media
        for media in batch
        if media.pdq is not None and (media.quality or 0) >= USABLE_QUALITY and media.id not in spared
    ]
    if unknown:
        codes = np.frombuffer(b"".join(bytes(media.pdq or b"") for media in unknown), np.uint8).reshape(-1, 32)
        best = _nearest_entries(known, codes, _turned(unknown), [media.agency_id for media in unknown])
        for query, (entry, turn, distance) in best.items():
            if not entry.hash_set.negative:
                _mark(unknown[query].pk, entry, distance, OPPOSITE.get(turn, turn))
    for media in batch:
        if media.media_type.startswith("video/") and media.id not in spared:
            _match_known_video(known, media)


def _match_known_video(known: HammingIndex, media: Media) -> None:
    """Mark a video of which nearly all frames that can be compared are near entries of one set; a part is not enough.

    All of them lie alike beside the entries: as they are, or mirrored or turned in one way.
    """
    frames = list(Frame.objects.filter(media=media, quality__gte=USABLE_QUALITY).order_by("second"))
    if len(frames) < KNOWN_FRAMES:
        return
    codes = np.frombuffer(b"".join(bytes(frame.pdq) for frame in frames), np.uint8).reshape(-1, 32)
    by_set: dict[tuple[UUID, str], list[tuple[int, HashEntry]]] = {}
    nearest = _nearest_entries(known, codes, turned_codes(codes), [media.agency_id] * len(frames))
    for entry, turn, distance in nearest.values():
        if not entry.hash_set.negative:
            by_set.setdefault((entry.hash_set_id, turn), []).append((distance, entry))
    (_, turn), hits = max(by_set.items(), key=lambda found: len(found[1]), default=((None, ""), []))
    if len(hits) >= KNOWN_SHARE * len(frames):
        middle, entry = sorted(hits, key=lambda hit: hit[0])[len(hits) // 2]
        _mark(media.id, entry, max(1, middle), OPPOSITE.get(turn, turn))


def _mark(media_id: UUID, entry: HashEntry, distance: int, turn: str = "") -> None:
    Media.objects.filter(pk=media_id, known_by=None).update(
        known_by=entry,
        known_set=entry.hash_set,
        known_distance=distance,
        known_turn=turn,
        known_as=[entry.category, entry.hash_set.name],
    )


def _nearest_entries(
    known: HammingIndex, codes: Codes, turned: Codes, agencies: Sequence[UUID]
) -> dict[int, tuple[HashEntry, str, int]]:
    """For each code the nearest entry that speaks to its agency, how it lies, and the distance; of equals the negative one.

    One near as it is goes before one that is near in another turn. A nearer entry of a withdrawn set, or one held back, says
    nothing.
    """
    hits = list(_in_every_turn(known, codes, turned))
    entries: dict[int, HashEntry] = {}
    for chunk in _chunks(sorted({item for _, item, _, _ in hits}), 10_000):
        live = HashEntry.objects.filter(position__in=chunk, hash_set__withdrawn_at=None, doubted__lt=F("affirmed") + 2)
        rows = live.exclude(state__in=NOT_SPEAKING).select_related("hash_set")
        entries.update({entry.position: entry for entry in rows if entry.position is not None})
    best: dict[int, tuple[HashEntry, str, int]] = {}
    speaking = [(query, entries[item], turn, distance) for query, item, turn, distance in hits if item in entries]
    for query, entry, turn, distance in sorted(
        speaking, key=lambda hit: (hit[2] != "", hit[3], not hit[1].hash_set.negative, hit[1].id)
    ):
        if agencies[query] not in entry.hidden_for:
            best.setdefault(query, (entry, turn, distance))
    return best


def _turned(batch: Sequence[Media]) -> Codes:
    """The PDQ of each picture's seven turns (n, 7, 32): as its reading gave them, else from its PDQ alone."""
    kept = dict(Media.objects.filter(id__in=[media.id for media in batch]).values_list("id", "file__signals__turned"))
    codes = np.frombuffer(b"".join(bytes(media.pdq or b"") for media in batch), np.uint8).reshape(-1, 32)
    turned = turned_codes(codes)
    for row, media in enumerate(batch):
        if given := kept.get(media.id):
            turned[row] = np.frombuffer(bytes.fromhex(given), np.uint8).reshape(-1, 32)
    return turned


def _in_every_turn(index: HammingIndex, codes: Codes, turned: Codes) -> Iterator[tuple[int, int, str, int]]:
    """What is near each code or one of its turns: query, item, how the item lies beside the query, distance.

    ``turned``: (n, 7, 32). Where an item is near in more than one turn, as with symmetrical pictures, as it is comes first.
    """
    for turn, some in (("", codes), *((turn, turned[:, place]) for place, turn in enumerate(TURNS))):
        for found in _in_pieces(index, some):
            for query, item, distance in zip(*(column.tolist() for column in found), strict=True):
                yield query, item, turn, distance


def _in_pieces(index: HammingIndex, codes: Codes) -> Iterator[Matches]:
    """What is near each of ``codes``, a bounded piece of them after the other; the number of the query is that in ``codes``."""
    begin, size = 0, FIRST_QUERIES
    while begin < codes.shape[0]:
        query, item, distance = index.search(np.ascontiguousarray(codes[begin : begin + size]), RADIUS)
        yield Matches(query + begin, item, distance)
        begin += size
        size = max(1, min(MOST_QUERIES, 4 * size, HITS_AT_ONCE * size // max(1, item.size)))


@dataclass(frozen=True, slots=True)
class _Near:
    """Two media within the radius; how the right lies beside the left; seconds where frames of videos matched."""

    left: UUID
    right: UUID
    distance: int
    turn: str
    left_second: float | None
    right_second: float | None


@dataclass(frozen=True, slots=True)
class _Portion:
    """Some media with all their usable codes; of each code the place of its medium in ``media``, and its second."""

    media: list[UUID]
    owners: npt.NDArray[np.int64]
    seconds: list[float | None]
    codes: Codes
    turned: Codes


def _portions(batch: Sequence[Media]) -> Iterator[_Portion]:
    """The media of a batch, so many together as have `CODES_AT_ONCE` codes at most, or one that has more."""
    ids = [media.id for media in batch]
    frames = dict(Frame.objects.filter(media__in=ids).values_list("media").annotate(number=Count("id")))
    some: list[Media] = []
    held = 0
    for media in batch:
        most = 1 + 2 * frames.get(media.id, 0)
        if some and held + most > CODES_AT_ONCE:
            yield _portion(some)
            some, held = [], 0
        some.append(media)
        held += most
    yield _portion(some)


def _portion(some: Sequence[Media]) -> _Portion:
    pictures = [media for media in some if media.pdq is not None and (media.quality or 0) >= USABLE_QUALITY]
    owners: list[tuple[UUID, float | None]] = [(picture.id, None) for picture in pictures]
    kept: list[bytes] = [bytes(picture.pdq or b"") for picture in pictures]
    for frame in Frame.objects.filter(media__in=[media.id for media in some]).order_by("media", "second", "id"):
        for code, quality in ((frame.pdq, frame.quality), (frame.inner_pdq, frame.inner_quality)):
            if code is not None and (quality or 0) >= USABLE_QUALITY:
                owners.append((frame.media_id, frame.second))
                kept.append(bytes(code))
    codes = np.frombuffer(b"".join(kept), np.uint8).reshape(-1, 32)
    media = [one.id for one in some]
    places = {media_id: place for place, media_id in enumerate(media)}
    return _Portion(
        media,
        np.array([places[media_id] for media_id, _ in owners], np.int64),
        [second for _, second in owners],
        codes,
        np.concatenate((_turned(pictures), turned_codes(codes[len(pictures) :]))),
    )


def _match_near(batch: Sequence[Media]) -> set[UUID]:
    """Put a batch into the index and keep its near pairs; all media that stand in one."""
    index = index_of("media")
    _remove_orphans(index)
    touched: set[UUID] = set()
    for portion in _portions(batch):
        if portion.codes.shape[0]:
            pairs = _near_in(index, portion)
            _keep_pairs(pairs)
            touched.update(side for pair in pairs for side in (pair.left, pair.right))
    return touched


def _near_in(index: HammingIndex, portion: _Portion) -> list[_Near]:
    """The nearest pair of each two media of which one is in the portion, which stands in the index from now on."""
    positions = index.add(portion.codes)
    Signal.objects.bulk_create(
        [
            Signal(position=position, media_id=portion.media[owner], second=second)
            for position, owner, second in zip(positions, portion.owners, portion.seconds, strict=True)
        ],
        batch_size=5_000,
    )
    best: dict[tuple[UUID, UUID], _Near] = {}
    for turn, codes in (("", portion.codes), *((turn, portion.turned[:, place]) for place, turn in enumerate(TURNS))):
        for found in _in_pieces(index, codes):
            for near in _nearest_of(portion, positions, found, turn):
                before = best.get((near.left, near.right))
                if before is None or (near.turn != "", near.distance) < (before.turn != "", before.distance):
                    best[near.left, near.right] = near
    return list(best.values())


def _nearest_of(portion: _Portion, positions: range, found: Matches, turn: str) -> Iterator[_Near]:
    """Of the hits of one search the nearest for each medium and item; what a medium is to itself left out."""
    query, item, distance = found
    mine = portion.owners[query]
    own = (item >= positions.start) & (item < positions.stop)
    own[own] = portion.owners[item[own] - positions.start] == mine[own]
    order = np.lexsort((distance, item, mine))
    order = order[~own[order]]
    new = np.ones(order.size, np.bool_)
    new[1:] = (np.diff(mine[order]) != 0) | (np.diff(item[order]) != 0)
    for chosen in _chunks(order[new].tolist(), 10_000):
        rows = Signal.objects.filter(position__in=sorted({int(item[hit]) for hit in chosen}))
        at = {row.position: (row.media_id, row.second) for row in rows}
        for hit in chosen:
            other = at.get(int(item[hit]))
            side = portion.media[mine[hit]], portion.seconds[query[hit]]
            if other is not None and other[0] != side[0]:
                (left, left_second), (right, right_second) = sorted((side, other), key=lambda one: one[0])
                lies = turn if left == side[0] else OPPOSITE.get(turn, turn)
                yield _Near(left, right, int(distance[hit]), lies, left_second, right_second)


def _remove_orphans(index: HammingIndex) -> None:
    last = Signal.objects.aggregate(last=Max("position"))["last"]
    first_orphan = 0 if last is None else int(last) + 1
    if index.count > first_orphan:
        index.remove(np.arange(first_orphan, index.count))


def _keep_pairs(pairs: Sequence[_Near]) -> None:
    sides: dict[UUID, tuple[UUID, UUID]] = {}
    ids = list({side for pair in pairs for side in (pair.left, pair.right)})
    for begin in range(0, len(ids), 10_000):
        rows = Media.objects.filter(id__in=ids[begin : begin + 10_000]).values_list("id", "holding_id", "agency_id")
        sides.update({row[0]: (row[1], row[2]) for row in rows})
    now = timezone.now()
    NearDuplicate.objects.bulk_create(
        [
            NearDuplicate(
                id=stable_id("near", pair.left, pair.right),
                left_id=pair.left,
                right_id=pair.right,
                left_holding_id=sides[pair.left][0],
                left_agency_id=sides[pair.left][1],
                right_holding_id=sides[pair.right][0],
                right_agency_id=sides[pair.right][1],
                distance=pair.distance,
                turn=pair.turn,
                left_second=pair.left_second,
                right_second=pair.right_second,
                found_at=now,
            )
            for pair in pairs
            if pair.left in sides and pair.right in sides
        ],
        ignore_conflicts=True,
        batch_size=2_000,
    )


def _count_cases(touched: set[UUID]) -> None:
    """In how many cases each medium or a near-duplicate stands; beyond the cap of rarity it is widely traded and links nothing."""
    rarity = default_rarity()
    with connection.cursor() as cursor:
        for chunk in _chunks(sorted(touched), 5_000):
            cursor.execute(
                """
                with near as (
                  select m.id, m.case_id, m.sha256 from media_media m where m.id = any(%s::uuid[])
                ), others as (
                  select near.id, near.case_id from near
                  union select near.id, o.case_id from near join media_media o on o.sha256 = near.sha256
                  union select near.id, o.case_id from near join media_nearduplicate d on d.left_id = near.id
                    join media_media o on o.id = d.right_id
                  union select near.id, o.case_id from near join media_nearduplicate d on d.right_id = near.id
                    join media_media o on o.id = d.left_id
                ), counted as (select id, count(distinct case_id) as cases from others group by id)
                update media_media m set cases_count = counted.cases from counted
                where m.id = counted.id and m.cases_count <> counted.cases returning m.id, m.cases_count
                """,
                [chunk],
            )
            changed = cursor.fetchall()
            generic = [row[0] for row in changed if rarity.generic("pdq", row[1])]
            plain = [row[0] for row in changed if not rarity.generic("pdq", row[1])]
            cursor.execute("update media_media set widely_traded = true where id = any(%s::uuid[])", [generic])
            cursor.execute("update media_media set widely_traded = false where id = any(%s::uuid[])", [plain])


def keep_entries(hash_set_id: UUID, first: int, entries: Sequence[Entry]) -> None:
    """Keep some entries of a list, the first of which is its ``first``; kept already: nothing."""
    rows = [
        (
            stable_id(hash_set_id, number),
            entry.md5,
            entry.sha1,
            entry.sha256,
            entry.pdq,
            entry.quality,
            entry.category,
            entry.series,
            entry.affirmed,
            entry.doubted,
        )
        for number, entry in enumerate(entries, first)
    ]
    if not rows:
        return
    with across_holdings(), connection.cursor() as cursor:
        cursor.execute(
            "insert into media_hashentry (id, hash_set_id, md5, sha1, sha256, pdq, quality, category, series, affirmed,"
            " doubted, state, hidden_for)"
            " select u.id, %s, u.md5, u.sha1, u.sha256, u.pdq, u.quality, u.category, u.series, u.affirmed, u.doubted, '', '{}'"
            " from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::bytea[], %s::int[], %s::text[], %s::text[],"
            " %s::int[], %s::int[]) as u(id, md5, sha1, sha256, pdq, quality, category, series, affirmed, doubted)"
            " on conflict do nothing",
            [hash_set_id, *(list(column) for column in zip(*rows, strict=True))],
        )


def match_hash_set(actor: Actor, hash_set_id: UUID) -> int:
    """Mark all kept media that a hash set names, also near-duplicates; a withdrawn set's marks come off. How many changed.

    A newer version first takes the place of the older one. A negative set takes marks off instead.
    """
    with across_holdings():
        hash_set = HashSet.objects.select_for_update().get(pk=hash_set_id)
        if hash_set.state not in (HashSetState.READ, HashSetState.MATCHED):
            return 0
        by_case: Counter[UUID] = Counter()
        if hash_set.withdrawn_at is not None:
            by_case.update(unmark_everywhere(hash_set))
        else:
            by_case.update(_take_place(hash_set))
            add_known_codes(hash_set)
            by_case.update(clear_named(hash_set) if hash_set.negative else mark_known_everywhere(hash_set))
            by_case.update(_hold_floods(actor, Q(known_set=hash_set)))
        hash_set.state = HashSetState.MATCHED
        hash_set.save(update_fields=["state", "composition"])
    changed = sum(by_case.values())
    log.record("media.matched", actor, subject=f"hash-set:{hash_set_id}", details={"media": changed})
    for case_id in by_case:
        tell(f"case:{case_id}", "media", hash_set_id)
    tell(f"officer:{actor.officer_id}", "hash-set", hash_set_id)
    return changed


def _take_place(hash_set: HashSet) -> dict[UUID, int]:
    """Count what the set is made of; where it is a newer version, withdraw the older one and count what changed."""
    if hash_set.composition:
        return {}
    entries = HashEntry.objects.filter(hash_set=hash_set)
    hash_set.composition = {
        "categories": dict(
            entries.values_list("category").annotate(number=Count("id")).order_by("-number", "category")[:60]
        ),
        "confirmed": entries.filter(affirmed__gt=0).count(),
        "doubted": entries.filter(doubted__gt=0).count(),
        "not used": entries.filter(doubted__gte=F("affirmed") + 2).count(),
    }
    if hash_set.supersedes_id is None:
        return {}
    older = HashSet.objects.select_for_update().filter(pk=hash_set.supersedes_id, withdrawn_at=None).first()
    if older is None:
        return {}
    with connection.cursor() as cursor:
        key = "coalesce(nullif(sha256, ''), nullif(sha1, ''), nullif(md5, ''), encode(pdq, 'hex'))"
        one = f"(select {key} as key, min(category) as category from media_hashentry where hash_set_id = %s group by 1)"
        cursor.execute(
            "select count(*) filter (where o.key is null), count(*) filter (where n.key is null),"
            f" count(*) filter (where o.category <> n.category) from {one} n full join {one} o on o.key = n.key",
            [hash_set.id, older.id],
        )
        hash_set.composition |= dict(zip(("added", "removed", "changed"), cursor.fetchone(), strict=True))
    older.withdrawn_at = timezone.now()
    older.save(update_fields=["withdrawn_at"])
    return unmark_everywhere(older)


def add_known_codes(hash_set: HashSet) -> int:
    """Put the PDQ values of a new hash set into the index of known files; how many. Inside the blind door."""
    index = index_of("known")
    last = HashEntry.objects.aggregate(last=Max("position"))["last"]
    first_orphan = 0 if last is None else int(last) + 1
    if index.count > first_orphan:
        index.remove(np.arange(first_orphan, index.count))
    entries = list(HashEntry.objects.filter(hash_set=hash_set, pdq__isnull=False, position=None).order_by("id"))
    usable = [entry for entry in entries if (entry.quality if entry.quality is not None else 100) >= USABLE_QUALITY]
    if not usable:
        return 0
    codes = np.frombuffer(b"".join(bytes(entry.pdq or b"") for entry in usable), dtype=np.uint8).reshape(-1, 32)
    for position, entry in zip(index.add(codes), usable, strict=True):
        entry.position = position
    HashEntry.objects.bulk_update(usable, ["position"], batch_size=2_000)
    return len(usable)


def mark_known_everywhere(hash_set: HashSet) -> dict[UUID, int]:
    """Run a hash set over all media that are kept; how many were newly marked, by case id. Inside the blind door."""
    with connection.cursor() as cursor:
        marked: dict[UUID, int] = {}
        for digest in ("sha256", "sha1", "md5"):
            cursor.execute(
                f"""
                with hit as (
                  select distinct on (m.id) m.id, e.id as entry_id, e.category from media_hashentry e
                  join evidence_exhibitfile f on f.{digest} = e.{digest} and f.size > 0
                  join media_media m on m.file_id = f.id
                  join media_hashset s on s.id = e.hash_set_id
                  where e.hash_set_id = %s and e.{digest} <> '' and m.known_by_id is null and {LIVE} order by m.id, e.id)
                update media_media m set known_by_id = hit.entry_id, known_set_id = %s, known_distance = 0,
                  known_as = array[hit.category, %s]::varchar[] from hit where m.id = hit.id returning m.case_id
                """,
                [hash_set.id, hash_set.id, hash_set.name],
            )
            for (case_id,) in cursor.fetchall():
                marked[case_id] = marked.get(case_id, 0) + 1
    index = index_of("media")
    rows = HashEntry.objects.filter(hash_set=hash_set, position__isnull=False, doubted__lt=F("affirmed") + 2)
    entries = list(rows.exclude(state__in=NOT_SPEAKING))
    videos: set[UUID] = set()
    if entries and len(index):
        codes = np.frombuffer(b"".join(bytes(entry.pdq or b"") for entry in entries), dtype=np.uint8).reshape(-1, 32)
        hits = sorted(_in_every_turn(index, codes, turned_codes(codes)), key=lambda hit: (hit[2] != "", hit[3]))
        signals = [
            row
            for chunk in _chunks([hit[1] for hit in hits], 10_000)
            for row in Signal.objects.filter(position__in=chunk)
        ]
        owners = {row.position: row.media_id for row in signals if row.second is None}
        videos = {row.media_id for row in signals if row.second is not None}
        for query, item, turn, distance in hits:
            media_id = owners.get(item)
            if media_id is None:
                continue
            entry = entries[query]
            changed = Media.objects.filter(pk=media_id, known_by=None).exclude(agency_id__in=entry.hidden_for)
            for case_id in changed.values_list("case_id", flat=True):
                marked[case_id] = marked.get(case_id, 0) + 1
            changed.update(
                known_by=entry,
                known_set=hash_set,
                known_distance=distance,
                known_turn=turn,
                known_as=[entry.category, hash_set.name],
            )
    known = index_of("known")
    for video in Media.objects.filter(id__in=videos, known_by=None).order_by("id").iterator(500):
        _match_known_video(known, video)
        if Media.objects.filter(pk=video.pk).exclude(known_by=None).exists():
            marked[video.case_id] = marked.get(video.case_id, 0) + 1
    if marked and HashSet.objects.filter(negative=True, withdrawn_at=None, state=HashSetState.MATCHED).exists():
        # A negative set may speak against it, by digest or from nearer.
        newly = Media.objects.filter(known_set=hash_set).values_list("id", flat=True)
        marked = dict(Counter(marked) - Counter(_rematch(list(newly))))
    return marked


def unmark_everywhere(hash_set: HashSet) -> dict[UUID, int]:
    """Take a withdrawn hash set's marks off all media and match those against the sets that stay; how many, by case id.

    Of a negative set: what it kept from being marked is matched again. Inside the blind door.
    """
    if hash_set.negative:
        return _rematch(_named_by(HashEntry.objects.filter(hash_set=hash_set)))
    media = list(Media.objects.filter(known_by__hash_set=hash_set).values_list("id", "case_id"))
    _rematch([media_id for media_id, _ in media])
    return dict(Counter(case_id for _, case_id in media))


def clear_named(hash_set: HashSet) -> dict[UUID, int]:
    """Take the marks off what a negative set names, by digest or from nearer; how many changed. Inside the blind door."""
    named = _named_by(HashEntry.objects.filter(hash_set=hash_set))
    marked = Media.objects.filter(id__in=named).exclude(known_by=None)
    return _rematch(list(marked.values_list("id", flat=True)))


def settle_entry(actor: Actor, entry_id: UUID) -> int:
    """Do what officers decided of one entry: held back, released, rejected, doubted by an agency. How many media changed."""
    with across_holdings():
        entry = HashEntry.objects.select_for_update().select_related("hash_set").get(pk=entry_id)
        held = HeldEntry.objects.filter(entry=entry).first()
        entry.state = held.state if held is not None else entry.state
        scores: Counter[UUID] = Counter()
        for agency, confirms in EntryVote.objects.filter(entry_id=entry_id, withdrawn_at=None).values_list(
            "agency_id", "confirms"
        ):
            scores[agency] += 1 if confirms else -1
        entry.hidden_for = [agency for agency, score in scores.items() if score <= HIDDEN_AT]
        entry.save(update_fields=["state", "hidden_for"])
        marked = list(Media.objects.filter(known_by=entry).values_list("id", flat=True))
        by_case = _rematch(sorted({*marked, *_named_by(HashEntry.objects.filter(pk=entry.pk))}))
    changed = sum(by_case.values())
    log.record("media.matched", actor, subject=f"hash-set:{entry.hash_set_id}", details={"media": changed})
    for case_id in by_case:
        tell(f"case:{case_id}", "media", entry.hash_set_id)
    return changed


def _rematch(media_ids: list[UUID]) -> dict[UUID, int]:
    """Match some media against the known files from nothing; how many are marked otherwise than before, by case id."""
    changed: Counter[UUID] = Counter()
    for chunk in _chunks(media_ids, MEDIA_AT_ONCE):
        rows = Media.objects.filter(id__in=chunk)
        before = dict(rows.values_list("id", "known_by_id"))
        rows.update(known_by=None, known_set=None, known_distance=None, known_turn="", known_as=[])
        _match_known(list(rows))
        changed.update(
            case for one, case, now in rows.values_list("id", "case_id", "known_by_id") if before[one] != now
        )
    return dict(changed)


def _named_by(entries: QuerySet[HashEntry]) -> list[UUID]:
    """The media that some entries name by digest or PDQ, also a frame of which; whether or not they are marked."""
    named: set[UUID] = set()
    for digest in ("sha256", "sha1", "md5"):
        digests = entries.exclude(**{digest: ""}).values(digest)
        named |= set(Media.objects.filter(**{f"file__{digest}__in": digests}).values_list("id", flat=True))
    index, codes = (
        index_of("media"),
        [bytes(code) for code in entries.filter(position__isnull=False).values_list("pdq", flat=True) if code],
    )
    for chunk in _chunks(codes, 4_096):
        each = np.frombuffer(b"".join(chunk), np.uint8).reshape(-1, 32)
        near = {item for _, item, _, _ in _in_every_turn(index, each, turned_codes(each))}
        for items in _chunks(sorted(near), 10_000):
            named |= set(Signal.objects.filter(position__in=items).values_list("media_id", flat=True))
    return sorted(named)


def _hold_floods(actor: Actor, marked: Q) -> dict[UUID, int]:
    """Hold back the entries that mark too much (``media.flood``), and take their marks off. Inside the blind door."""
    rows = Media.objects.filter(marked, known_by__isnull=False, known_by__state=EntryState.IN_USE)
    counted = rows.values("known_by").annotate(
        files=Count("sha256", distinct=True, filter=Q(known_distance__gt=0)),
        copies=Count("id", filter=Q(known_distance=0)),
    )
    changed: Counter[UUID] = Counter()
    for row in counted.filter(Q(files__gt=flood.UNLIKE_FILES) | Q(copies__gt=flood.MOST_COPIES)):
        mine = Media.objects.filter(known_by=row["known_by"])
        codes = mine.filter(pdq__isnull=False, known_distance__gt=0).values_list("pdq", flat=True)
        same = mine.filter(known_distance=0).values_list("quality", "file__size").first()
        because = flood.flood_reason(
            row["files"],
            [bytes(code) for code in codes[: flood.SAMPLE] if code is not None],
            copies=row["copies"],
            plain=same is not None and ((same[0] or 0) < USABLE_QUALITY or same[1] < flood.TINY_BYTES),
        )
        if because:
            changed.update(_hold(actor, row["known_by"], max(row["files"], row["copies"]), because))
    return dict(changed)


def _hold(actor: Actor, entry_id: UUID, files: int, because: str) -> dict[UUID, int]:
    entry = HashEntry.objects.select_related("hash_set").get(pk=entry_id)
    HeldEntry.objects.get_or_create(
        entry=entry,
        defaults={
            "hash_set": entry.hash_set,
            "agency_id": entry.hash_set.agency_id,
            "files": files,
            "because": because,
            "held_at": timezone.now(),
        },
    )
    entry.state = EntryState.HELD
    entry.save(update_fields=["state"])
    log.record("hash-entry.held", actor, subject=f"hash-set:{entry.hash_set_id}", details={"because": because})
    return _rematch(list(Media.objects.filter(known_by=entry).values_list("id", flat=True)))


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
