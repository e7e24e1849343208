"""Whole tables are compared as single pairs are: the same candidates, the same bits, the same contradictions."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest

from opencets.errors import ActRefused
from opencets.resolving import Commonness, PersonRow, Weight, load_model, prepare
from opencets.resolving.abroad import abroad
from opencets.resolving.aligned import LETTERS, NEVER, agreement
from opencets.resolving.bulk import candidate_chunks, probable_pairs
from opencets.resolving.columns import KEY_KINDS, Builder, table_of
from opencets.resolving.crowd import BADLY_WRITTEN, crowd
from opencets.resolving.features import CELLS, TOKEN_LEVELS, hard_conflict
from opencets.resolving.invented import invent
from opencets.resolving.kernel import CONFLICT, Arrays, fill_pairs, score_pairs
from opencets.resolving.names import ways_of_scripts
from opencets.resolving.people import Person
from opencets.resolving.suggest import candidates
from opencets.resolving.table import resolve_people

ODD = [
    PersonRow("a", "Maria del Carmen Lopez Garcia Fernandez", date_of_birth="1980-13-40"),
    PersonRow("b", "Lopez Maria", date_of_birth="1980-02"),
    PersonRow("c", "M. Lopez", date_of_birth="1890-02-01"),
    PersonRow("d", "Loepz Maria Maria", date_of_birth="1980-01-02"),
    PersonRow("e", "Supercalifragilisticexpialidocious Lopez", date_of_birth="1980-02-01"),
    PersonRow("f", "", date_of_birth="1980-02-01", phone="+44 7700 900123", national_id="123456789"),
    PersonRow("g", "Лопез Мария", national_id="123456798", phone="07700 900123", country="GB"),
    PersonRow("h", "x", national_id="12345679"),
    PersonRow("i", "가람 제갈", screen_name="kik:zephquilla_92"),
    PersonRow("j", "Ga-ram Jegal", screen_name="kik:xx_z3phquila"),
    PersonRow("k", "Zephquill Annamaria Lopez", screen_name="kik:quilla"),
]


@pytest.fixture(scope="module")
def people() -> list[Person]:
    some = crowd(500, 3, BADLY_WRITTEN).rows()
    named_apart = [replace(row, record_id=f"c{row.record_id}") for row in some]
    full = invent(250, seed=5, varied=0.3).rows
    return [prepare(row) for row in [*full, *abroad(150, 4, "tune").rows, *named_apart, *ODD]]


def test_the_same_pairs_are_candidates(people: list[Person]) -> None:
    at = {person.record_id: index for index, person in enumerate(people)}
    wanted = {tuple(sorted((at[a.record_id], at[b.record_id]))) for a, b in candidates(people, None)}
    found = {
        pair
        for left, right in candidate_chunks(table_of(people), KEY_KINDS)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    }
    assert len(wanted) > 1_000
    assert found == wanted


def test_every_pair_weighs_the_same_to_the_last_bit(people: list[Person]) -> None:
    model, common, table = load_model(), Commonness(people), table_of(people)
    some = [*people[:120], *people[-60:], *(one for one in people if one.record_id.startswith("a0"))][:260]
    at = {person.record_id: index for index, person in enumerate(people)}
    pairs = list(combinations(some, 2))
    left, right = (np.array([at[pair[side].record_id] for pair in pairs], np.int32) for side in (0, 1))
    found = score_pairs(table, model.rules(len(people)), left, right)
    conflict = np.array([hard_conflict(a, b) is not None for a, b in pairs])
    assert (found == CONFLICT).tolist() == conflict.tolist()
    assert 0.1 < conflict.mean() < 0.9
    wanted = np.array([model.score(a, b, common) for (a, b), never in zip(pairs, conflict, strict=True) if not never])
    assert found[~conflict] + model.prior(len(people)) == pytest.approx(wanted, abs=1e-6)
    cells = fill_pairs(table, model.rules(len(people)), left, right)[:, : len(CELLS)].sum(axis=0)
    met = {cell for cell, times in zip(CELLS, cells, strict=True) if times}
    assert met >= {("name", level) for level in TOKEN_LEVELS} | {("screen_name", "varied")}


def test_pairs_across_two_tables_only(people: list[Person]) -> None:
    sides = np.arange(len(people)) % 2
    pairs = probable_pairs(table_of(people), load_model(), 0.3, sides.astype(np.int8))
    assert pairs.left.size > 20
    assert (sides[pairs.left] != sides[pairs.right]).all()


def test_no_table_is_compared_with_an_untrained_weight(people: list[Person]) -> None:
    shipped = load_model()
    broken = replace(shipped, weights=MappingProxyType({**shipped.weights, ("gender", "same"): Weight(0.5, 0.0)}))
    with pytest.raises(ActRefused, match="no trained weight for gender/same"):
        resolve_people(people, model=broken)


def test_rows_make_the_same_table_as_people_prepared_whole(people: list[Person]) -> None:
    rows = [
        *invent(120, seed=6, varied=0.3).rows,
        *abroad(80, 5, "tune").rows,
        *crowd(200, 4, BADLY_WRITTEN).rows(),
        *ODD,
    ]
    for some in (rows, rows[-150:-20], ODD[:1], []):
        whole, quick = Builder(), Builder()
        for row in some:
            whole.add_person(prepare(row))
            quick.add_row(row)
        for name, wanted, found in zip(Arrays._fields, told(whole.table()), told(quick.table()), strict=True):
            assert np.array_equal(found, wanted), name


def told(t: Arrays) -> Arrays:
    """A table with each word told row by row, whatever its number is."""
    word, form = np.where(t.tokens >= 0, t.tokens, 0), np.where(t.native >= 0, t.native, 0)
    some, written = t.tokens >= 0, t.native >= 0
    bones = t.bones[word] if word.size and t.bones.size else word
    by_word = {
        name: np.where(some[..., None] if values.ndim == 2 else some, values[word], 0) if values.size else values
        for name, values in t._asdict().items() if name.startswith("token_")
    }  # fmt: skip
    by_bones = {
        name: np.where(some[..., None] if values.ndim == 2 else some, values[bones], 0) if values.size else values
        for name, values in t._asdict().items() if name.startswith("bones_")
    }  # fmt: skip
    by_form = {
        name: np.where(written[..., None] if values.ndim == 2 else written, values[form], 0) if values.size else values
        for name, values in t._asdict().items() if name.startswith("native_")
    }  # fmt: skip
    _, first, whole = np.unique(t.whole, return_index=True, return_inverse=True)
    return t._replace(
        tokens=some, native=written, bones=np.empty(0), whole=first[whole], **by_word, **by_bones, **by_form
    )


def test_an_alignment_is_given_up_only_where_it_could_not_have_agreed() -> None:
    given_up = 0
    scores = np.empty((LETTERS + 2, LETTERS + 1), np.int64)
    rows = abroad(300, 4, "tune").rows
    forms = [form for row in rows for form in (prepare(row).written or "").split()]
    words = sorted({word for row in rows if row.full_name.isascii() for word in prepare(row).name.split()})[::3]
    for form in forms[:150]:
        script, _, letters = form.partition(":")
        ways, least = ways_of_scripts()[script]
        codes = np.frombuffer(letters.encode(), np.uint8)[:LETTERS]
        left = np.where(codes >= 97, codes - 97, codes - 39).astype(np.uint8)
        for word in words:
            right = np.frombuffer(word.encode(), np.uint8)[:LETTERS] - 97
            for tables in ways:
                whole = agreement(left, right, *tables, scores, NEVER)
                quick = agreement(left, right, *tables, scores, least)
                assert quick == whole or (quick < least and whole < least)
                given_up += quick != whole
    assert given_up > 1_000
