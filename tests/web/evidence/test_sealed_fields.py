"""Private fields stand sealed: found nowhere, bound to their place, exchanged and destroyed with the agency's key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from opencets.errors import DamagedSource

if TYPE_CHECKING:
    from tests.web.conftest import Behind, Cast

pytestmark = pytest.mark.django_db


def nothing(_rows: int) -> None:
    """No progress is shown."""


@pytest.fixture
def written(cast: Cast, as_actor: Behind) -> dict[str, Any]:
    """A case of Avon with a note, a comment, a task and a decision that name a child; Borders reads none of it."""
    from opencets_web.cases.actions import add_note, change_case, open_case
    from opencets_web.cases.models import Case, Note
    from opencets_web.casework import actions
    from opencets_web.casework.models import Comment, Decision, Notice, Task

    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-9", title="Weir", kind="possession", summary="Mirabel lives by the weir")
        change_case(
            cast.owner,
            "AV-9",
            wanted={"summary": "Mirabel moved inland"},
            seen={"summary": "Mirabel lives by the weir"},
        )
        note = add_note(cast.owner, "AV-9", "Mirabel was seen at the weir")
        told = actions.write_comment(cast.owner, "AV-9", f"@{cast.colleague.display_name} ask Mirabel's aunt")
        task = actions.give_task(cast.owner, "AV-9", "Call Mirabel's school", cast.colleague.officer_id, None)
        decision = actions.decide(cast.owner, "AV-9", "Mirabel is interviewed", "Her aunt agrees")
    return {
        "case": Case.objects.get(reference="AV-9"), "note": Note.objects.get(pk=note), "comment": Comment.objects.get(pk=told),
        "task": Task.objects.get(pk=task), "decision": Decision.objects.get(pk=decision),
        "notice": Notice.objects.filter(officer_id=cast.colleague.officer_id).latest("at"),
    }  # fmt: skip


def stands(table: str, column: str, row_id: UUID) -> str:
    """What the database keeps."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"select {column} from {table} where id = %s", [row_id])
        return str(cursor.fetchone()[0])


def put(table: str, column: str, row_id: UUID, text: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"update {table} set {column} = %s where id = %s", [text, row_id])


def test_what_is_written_reads_back_and_stands_nowhere_in_the_clear(cast: Cast, written: dict[str, Any]) -> None:
    from django.db import connection

    assert written["note"].text == "Mirabel was seen at the weir"
    assert written["case"].summary == "Mirabel moved inland"
    assert written["decision"].reason == "Her aunt agrees"
    assert "Mirabel's school" in written["notice"].sentence
    assert written["case"].closed_because == "", "an empty text stays empty"
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name from information_schema.columns c join information_schema.tables t"
            " using (table_schema, table_name) where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        found = []
        for table, column in cursor.fetchall():
            cursor.execute(f"select count(*) from {table} where \"{column}\"::text ilike '%mirabel%'")
            if cursor.fetchone()[0]:
                found.append(f"{table}.{column}")
    assert found == [], "neither in a row, the log, the outbox, the arguments of jobs, nor a session"


def test_every_page_shows_what_is_sealed_to_whom_it_is_open(
    written: dict[str, Any], cast: Cast, client_for: Any
) -> None:
    owner, outsider = client_for(cast.owner), client_for(cast.outsider)
    assert "Mirabel moved inland" in owner.get("/cases/AV-9/").content.decode()
    assert "Mirabel was seen at the weir" in owner.get("/cases/AV-9/notes/").content.decode()
    page = owner.get("/cases/AV-9/casework/").content.decode()
    for words in ("Call Mirabel&#x27;s school", "Mirabel is interviewed", "Her aunt agrees"):
        assert words in page
    for address in ("/cases/AV-9/", "/cases/AV-9/notes/", "/cases/AV-9/casework/"):
        answer = outsider.get(address)
        assert (answer.status_code, "Mirabel" in answer.content.decode()) == (404, False)


def test_a_value_opens_in_its_own_place_alone(cast: Cast, written: dict[str, Any], as_actor: Behind) -> None:
    from opencets_web.cases.actions import add_note
    from opencets_web.cases.models import Note

    note = written["note"]
    with as_actor(cast.owner):
        other = add_note(cast.owner, "AV-9", "Something else")
    token = stands("cases_note", "text", note.pk)
    for row_id, text in (
        (other, token),
        (note.pk, stands("casework_comment", "text", written["comment"].pk)),
        (note.pk, token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")),
        (note.pk, token[:40]), (note.pk, "ocs1.%%%"), (note.pk, "in the clear"),
    ):  # fmt: skip
        put("cases_note", "text", row_id, text)
        with pytest.raises(DamagedSource):
            _ = Note.objects.get(pk=row_id).text
    put("cases_note", "text", note.pk, token)
    assert Note.objects.get(pk=note.pk).text == "Mirabel was seen at the weir"


def test_what_is_sealed_is_neither_searched_nor_written_past_its_row(written: dict[str, Any]) -> None:
    from django.core.exceptions import FieldError
    from django.db import transaction

    from opencets_web.cases.models import Note

    with pytest.raises(FieldError):
        Note.objects.filter(text__icontains="Mirabel").exists()
    with pytest.raises(TypeError, match="is sealed"):
        Note.objects.filter(text="Mirabel").exists()
    with pytest.raises(TypeError, match="is sealed"), transaction.atomic():
        Note.objects.filter(pk=written["note"].pk).update(text="Mirabel")
    assert str(Note.objects.values_list("text", flat=True).get(pk=written["note"].pk)) == "(sealed)"
    assert not Note.objects.filter(text="").exists()


def test_rows_that_do_not_change_are_not_sealed_anew(written: dict[str, Any]) -> None:
    from opencets_web.cases.models import Note

    before = stands("cases_note", "text", written["note"].pk)
    row = Note.objects.get(pk=written["note"].pk)
    row.save()
    assert stands("cases_note", "text", row.pk) == before, "it was not opened, so it is written as it stood"
    row = Note.objects.defer("text").get(pk=row.pk)
    assert row.text == "Mirabel was seen at the weir"


def test_the_agencys_key_is_exchanged_under_the_fields_and_destroys_them(written: dict[str, Any], cast: Cast) -> None:
    from opencets_web.accounts.sealed import sealer
    from opencets_web.cases.models import Note
    from opencets_web.evidence import keyring

    keyring.ensure_keys()
    before = stands("cases_note", "text", written["note"].pk)
    for _ in range(2):
        keyring.rotate(cast.avon, nothing)
        sealer.cache_clear()
        assert Note.objects.get(pk=written["note"].pk).text == "Mirabel was seen at the weir"
    assert stands("cases_note", "text", written["note"].pk) == before, "no row was rewritten"
    keyring.rotate_root(nothing)
    sealer.cache_clear()
    assert Note.objects.get(pk=written["note"].pk).text == "Mirabel was seen at the weir"
    keyring.destroy(cast.avon, 3, "Order of the court")
    assert Note.objects.get(pk=written["note"].pk).text.endswith(": Order of the court")
    row = written["note"]
    row.text = "Written after it"
    row.save(update_fields=["text"])
    assert Note.objects.get(pk=row.pk).text == "Written after it", "there is a new key"


def test_rows_from_before_are_sealed_in_batches_and_the_way_back_opens_them(
    written: dict[str, Any], monkeypatch: pytest.MonkeyPatch, cast: Cast
) -> None:
    from django.db import connection

    from opencets_web.accounts import sealed
    from opencets_web.cases.models import Note
    from opencets_web.casework.models import Decision

    monkeypatch.setattr(sealed, "ROWS_AT_ONCE", 2)
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
    rows = sealed.open_rows()
    assert rows >= 8
    assert stands("cases_note", "text", written["note"].pk) == "Mirabel was seen at the weir"
    assert stands("casework_decision", "what", written["decision"].pk) == "Mirabel is interviewed"
    assert sealed.open_rows() == 0
    with pytest.raises(DamagedSource, match="run `opencets setup`"):
        _ = Note.objects.get(pk=written["note"].pk).text
    first = sealed.seal_rows("cases")
    assert (first, sealed.seal_rows()) == (4, rows - 4), "stopped after one app, it goes on with the others"
    assert sealed.seal_rows() == 0
    assert Note.objects.get(pk=written["note"].pk).text == "Mirabel was seen at the weir"
    assert Decision.objects.get(pk=written["decision"].pk).what == "Mirabel is interviewed"


def test_second_factors_stand_sealed(cast: Cast) -> None:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import TOTP

    from opencets_web.accounts import sealed

    officer = cast.officers["owner"]
    factor = TOTP.activate(officer, "JBSWY3DPEHPK3PXP").instance
    assert stands("mfa_authenticator", "data", factor.pk).startswith('{"secret": "ocs1.')
    assert sealed.open_factors() == 1
    assert "JBSWY3DPEHPK3PXP" in stands("mfa_authenticator", "data", factor.pk)
    assert (sealed.seal_factors(), sealed.seal_factors()) == (1, 0)
    assert "JBSWY3DPEHPK3PXP" not in str(Authenticator.objects.get(pk=factor.pk).data)


def test_without_its_key_nothing_is_served(cast: Cast, tmp_path: Path, settings: Any) -> None:
    from opencets.errors import ActRefused
    from opencets_web.evidence import keyring, vault
    from opencets_web.evidence.field_keys import refuse_without_field_keys

    keyring.ensure_keys()
    refuse_without_field_keys()
    settings.HOME = tmp_path / "another"
    vault.known.cache_clear()
    with pytest.raises(ActRefused, match="cannot be opened"):
        refuse_without_field_keys()
    vault.known.cache_clear()
