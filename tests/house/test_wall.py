"""Row-level security: without an actor nothing is seen, no table is forgotten, and no role has more than it needs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.repository import nothing
from tests.house.small_case import SmallCase, make_small_case

if TYPE_CHECKING:
    from opencets_web.policy.actor import Actor
    from tests.web.conftest import Cast

    Behind = Callable[[Actor | None], AbstractContextManager[None]]


@pytest.fixture
def small_case(cast: Cast) -> SmallCase:
    return make_small_case(cast)


def _ask(statement: str, parameters: list[object] | None = None) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _counted(tables: list[str]) -> dict[str, int | None]:
    """Rows seen in each table; None where even looking is refused."""
    from django.db import transaction
    from django.db.utils import ProgrammingError

    seen: dict[str, int | None] = {}
    for table in tables:
        try:
            with transaction.atomic():
                seen[table] = _ask(f"select count(*) from {table}")[0][0]
        except ProgrammingError:
            seen[table] = None
    return seen


def _guarded() -> list[str]:
    from opencets_web.policy import wall

    return [*wall.guarded_tables(), *wall.between_tables(), "policy_holding", "policy_grant"]


def _tables() -> list[str]:
    return [name for (name,) in _ask("select tablename from pg_tables where schemaname = 'public' order by 1")]


def test_every_guarded_table_holds_a_row_in_these_tests(small_case: SmallCase) -> None:
    """So that an empty answer below means that the wall stands, not that there was nothing to see."""
    nothing(name for name, rows in _counted(_guarded()).items() if not rows)


@pytest.mark.parametrize("door", ["as_actor", "as_job"])
def test_without_an_actor_no_guarded_row_is_seen(
    small_case: SmallCase, door: str, request: pytest.FixtureRequest
) -> None:
    behind: Behind = request.getfixturevalue(door)
    with behind(None):
        seen = _counted([*_guarded(), "audit_act"])
    nothing(f"{name}: {rows}" for name, rows in seen.items() if rows)


@pytest.mark.parametrize("name", ["outsider", "former", "withdrawn", "administrator", "auditor"])
@pytest.mark.parametrize("door", ["as_actor", "as_job"])
def test_who_may_not_see_the_case_sees_no_row_of_it(
    small_case: SmallCase, name: str, door: str, request: pytest.FixtureRequest
) -> None:
    from opencets_web.policy import wall

    holding = small_case.rows["case"].holding_id
    behind: Behind = request.getfixturevalue(door)
    found = []
    with behind(small_case.actors[name]):
        for table in wall.guarded_tables():
            if _ask(f"select count(*) from {table} where holding_id = %s", [holding])[0][0]:
                found.append(table)
        for table in wall.between_tables():
            if _ask(
                f"select count(*) from {table} where left_holding_id = %s or right_holding_id = %s", [holding, holding]
            )[0][0]:
                found.append(table)
        if _ask("select count(*) from policy_holding where id = %s", [holding])[0][0]:
            found.append("policy_holding")
    nothing(found)


@pytest.mark.parametrize("name", ["owner", "colleague", "partner"])
def test_who_may_see_the_case_sees_its_rows(small_case: SmallCase, as_actor: Behind, name: str) -> None:
    from opencets_web.policy import wall

    holding = small_case.rows["case"].holding_id
    with as_actor(small_case.actors[name]):
        unseen = [
            table
            for table in wall.guarded_tables()
            if (name != "partner" or table not in wall.OWN_BUSINESS)
            and not _ask(f"select count(*) from {table} where holding_id = %s", [holding])[0][0]
        ]
    nothing(unseen)


def test_a_partner_sees_nothing_of_whom_the_owner_asks_and_tells(small_case: SmallCase, as_actor: Behind) -> None:
    """A case that was released shows its content, not the owner's business with other agencies."""
    holding = small_case.rows["case"].holding_id
    with as_actor(small_case.actors["partner"]):
        for table in (
            "leads_pointer", "sharing_request", "sharing_asked", "sharing_release", "deconfliction_declaration",
            "deconfliction_declaredvalue", "deconfliction_conflict", "deconfliction_threadline",
        ):  # fmt: skip
            assert _ask(f"select count(*) from {table} where holding_id = %s", [holding]) == [(0,)], table
        kinds = {kind for (kind,) in _ask("select kind from leads_alert where holding_id = %s", [holding])}
    assert kinds == {"known"}


def test_a_row_between_two_cases_is_seen_by_nobody_who_sees_one(small_case: SmallCase, as_actor: Behind) -> None:
    crossing = small_case.id_of("crossing")
    for name in small_case.actors:
        with as_actor(small_case.actors[name]):
            assert _ask("select count(*) from leads_connection where id = %s", [crossing]) == [(0,)], name


@pytest.mark.parametrize("name", ["partner", "outsider", "former", "administrator", "auditor"])
def test_who_may_not_write_to_the_case_changes_no_row_of_it(small_case: SmallCase, as_actor: Behind, name: str) -> None:
    from django.db import connection, transaction
    from django.db.utils import DatabaseError

    from opencets_web.policy import wall

    holding = small_case.rows["case"].holding_id
    changed = []
    with as_actor(small_case.actors[name]):
        for table, right in wall.rights().items():
            if table not in wall.guarded_tables() or "update" not in right.web:
                continue
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(f"update {table} set agency_id = agency_id where holding_id = %s", [holding])
                    if cursor.rowcount:
                        changed.append(table)
            except DatabaseError:
                continue
    nothing(changed)


UNUSED = {"auth_group", "auth_group_permissions", "auth_permission"}
"""Django makes them with its users; OpenCETS has roles and grants instead, so no role of ours may touch them."""


def test_every_table_of_the_database_is_classed(db: None) -> None:
    from opencets_web.policy import wall

    nothing(set(_tables()) - set(wall.rights()) - UNUSED, "in the database and not in policy/wall.py:")
    nothing(set(wall.rights()) - set(_tables()), "in policy/wall.py and not in the database:")


@pytest.mark.parametrize("role", ["web", "jobs", "blind"])
def test_no_role_touches_the_tables_that_are_not_used(db: None, role: str) -> None:
    nothing(
        f"{table}: {right}"
        for table in UNUSED
        for right in ("select", "insert", "update", "delete")
        if _ask("select has_table_privilege(%s, %s, %s)", [f"opencets_{role}", f"public.{table}", right])[0][0]
    )


def test_every_model_with_a_holding_stands_behind_the_wall(db: None) -> None:
    from django.apps import apps

    loose = [
        model.__name__
        for model in apps.get_models()
        if {field.name for field in model._meta.get_fields()} & {"holding", "left_holding", "right_holding"}
        and model._meta.db_table not in _guarded()
        and not model.__module__.startswith("django")
    ]
    nothing(loose)


def test_every_guarded_table_has_its_policies_switched_on_and_forced(db: None) -> None:
    rows = {
        name: (enabled, forced)
        for name, enabled, forced in _ask(
            "select relname, relrowsecurity, relforcerowsecurity from pg_class where relnamespace = 'public'::regnamespace"
        )
    }
    nothing(
        name for name in [*_guarded(), "audit_act", "exposure_day", "exposure_setting"] if rows[name] != (True, True)
    )


def test_every_policy_names_its_roles(db: None) -> None:
    """A policy for everyone would open the table to a role made later."""
    nothing(
        f"{table}.{policy}"
        for table, policy, roles in _ask("select tablename, policyname, roles from pg_policies")
        if "public" in roles
    )


def test_there_is_no_view_that_would_see_with_its_owners_eyes(db: None) -> None:
    nothing(
        name
        for (name,) in _ask(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')"
        )
    )


@pytest.mark.parametrize("role", ["web", "jobs", "blind"])
def test_the_role_owns_nothing_and_passes_no_policy(db: None, role: str) -> None:
    name = f"opencets_{role}"
    owned = _ask(
        "select relname from pg_class where pg_get_userbyid(relowner) = %s union all"
        " select proname from pg_proc where pg_get_userbyid(proowner) = %s union all"
        " select datname from pg_database where pg_get_userbyid(datdba) = %s",
        [name, name, name],
    )
    nothing(owned)
    assert _ask(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit from pg_roles where rolname = %s",
        [name],
    ) == [(False,) * 6]
    assert _ask("select has_schema_privilege(%s, 'public', 'create')", [name]) == [(False,)]


def test_web_deletes_nothing_but_sessions_and_sign_ins(db: None) -> None:
    may = {
        table
        for table in _tables()
        if _ask("select has_table_privilege('opencets_web', %s, 'delete')", [f"public.{table}"])[0][0]
    }
    assert may == {
        "django_session", "account_emailaddress", "account_emailconfirmation", "mfa_authenticator",
        "usersessions_usersession",
    }  # fmt: skip


@pytest.mark.parametrize("role", ["web", "jobs", "blind"])
def test_the_role_empties_no_table_and_makes_no_trigger_or_reference(db: None, role: str) -> None:
    nothing(
        f"{table}: {right}"
        for table in _tables()
        for right in ("truncate", "trigger", "references")
        if _ask("select has_table_privilege(%s, %s, %s)", [f"opencets_{role}", f"public.{table}", right])[0][0]
    )


@pytest.mark.parametrize("role", ["web", "jobs", "blind"])
def test_the_role_changes_no_append_only_table(db: None, role: str) -> None:
    from opencets_web.policy import wall

    nothing(
        f"{table}: {right}"
        for table in wall.APPEND_ONLY
        for right in ("update", "delete")
        if _ask("select has_table_privilege(%s, %s, %s)", [f"opencets_{role}", f"public.{table}", right])[0][0]
    )


@pytest.mark.parametrize("role", ["web", "jobs"])
def test_the_role_has_no_right_on_the_blind_tables(db: None, role: str) -> None:
    from opencets_web.policy import wall

    nothing(
        f"{table}: {right}"
        for table in wall.BLIND_ONLY
        for right in ("select", "insert", "update", "delete")
        if _ask("select has_table_privilege(%s, %s, %s)", [f"opencets_{role}", f"public.{table}", right])[0][0]
    )


REFUSED_TO_WEB = {
    "the blind role": "set role opencets_blind",
    "the owner's role": "set role opencets_owner",
    "the jobs role": "set role opencets_jobs",
    "the definer's role": "set role opencets_definer",
    "a database without policies": "set row_security = off; select * from cases_case",
    "a table without policies": "alter table cases_case disable row level security",
    "a policy of its own": "create policy mine on cases_case using (true)",
    "a function of its own": "create function mine() returns int language sql as 'select 1'",
    "a table of its own": "create table mine (id int)",
    "a right for itself": "grant all on media_signal to opencets_web",
    "the passwords of the roles": "select * from pg_authid",
}


@pytest.mark.parametrize("wanted", REFUSED_TO_WEB)
def test_web_is_refused(small_case: SmallCase, wanted: str) -> None:
    """The session itself is the web role's here: what it may take on depends on who signed in, not on the role in use."""
    from django.db import connection, transaction
    from django.db.utils import DatabaseError

    refusal = r"permission denied|must be (?:owner|able)|would be affected|cannot"
    with pytest.raises(DatabaseError, match=refusal), transaction.atomic(), connection.cursor() as cursor:  # noqa: PT012
        cursor.execute("set local session authorization opencets_web")
        cursor.execute(REFUSED_TO_WEB[wanted])


def test_jobs_is_refused_the_same_but_for_the_blind_door(small_case: SmallCase) -> None:
    from django.db import connection, transaction
    from django.db.utils import DatabaseError

    taken = []
    for wanted, statement in REFUSED_TO_WEB.items():
        statement = statement.replace("opencets_jobs", "opencets_web").replace("to opencets_web", "to opencets_jobs")
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("set local session authorization opencets_jobs")
                cursor.execute(statement)
                taken.append(wanted)
                transaction.set_rollback(True)
        except DatabaseError:
            continue
    assert taken == ["the blind role"]


def test_the_functions_that_look_past_the_wall_belong_to_a_role_that_cannot_sign_in(db: None) -> None:
    rows = _ask(
        "select proname, pg_get_userbyid(proowner), proconfig::text from pg_proc"
        " where pronamespace = 'public'::regnamespace and prosecdef"
    )
    assert rows
    nothing(
        name
        for name, owner, config in rows
        if owner != "opencets_definer" or "search_path=pg_catalog" not in (config or "")
    )
    assert _ask("select rolcanlogin from pg_roles where rolname = 'opencets_definer'") == [(False,)]


def test_an_officer_cannot_log_an_act_of_another(small_case: SmallCase, as_actor: Behind) -> None:
    from django.db import transaction
    from django.db.utils import DatabaseError

    from opencets_web.audit import log

    refused = pytest.raises(DatabaseError, match="row-level security")
    with as_actor(small_case.actors["outsider"]), refused, transaction.atomic():
        log.record("case.viewed", small_case.actors["owner"])


def test_the_wall_and_the_door_agree_for_everybody(small_case: SmallCase, as_actor: Behind) -> None:
    """Asked as the owner of the tables through ``door.visible``, and as web by SQL alone: the same rows, model by model.

    Of an agency's own business the wall shows a partner less than the door, never more.
    """
    from django.apps import apps

    from opencets_web.policy import door, wall
    from opencets_web.policy.models import BetweenTwo, Guarded

    models = [model for model in apps.get_models() if issubclass(model, (Guarded, BetweenTwo))]
    differ = []
    for name, actor in small_case.actors.items():
        by_door = {
            model: set(door.visible(actor, model.objects.all()).values_list("pk", flat=True)) for model in models
        }
        with as_actor(actor):
            by_wall = {model: set(model.objects.values_list("pk", flat=True)) for model in models}
        for model in models:
            narrower = name == "partner" and model._meta.db_table in wall.OWN_BUSINESS
            if by_door[model] != by_wall[model] and not (narrower and by_wall[model] < by_door[model]):
                differ.append(f"{name}: {model.__name__}")
    nothing(differ)


def test_the_question_that_is_put_once_admits_whom_the_door_admits(small_case: SmallCase) -> None:
    from opencets.errors import NotFound
    from opencets_web.policy import door
    from opencets_web.policy.models import BetweenTwo, Guarded, Holding

    rows = [row for row in small_case.rows.values() if isinstance(row, Guarded | BetweenTwo | Holding)]
    admitted = {True: 0, False: 0}
    for actor in small_case.actors.values():
        for row in rows:
            try:
                wanted = (door.admit(actor, type(row)._default_manager.all(), pk=row.pk).pk,)
            except NotFound:
                with pytest.raises(NotFound):
                    door.admit_fields(actor, type(row), row.pk, "pk")
            else:
                assert door.admit_fields(actor, type(row), row.pk, "pk") == wanted
            admitted[actor.reads_cases] += 1
    assert min(admitted.values()) > 20


def test_a_question_put_once_is_asked_of_the_grants_of_this_moment(small_case: SmallCase) -> None:
    from django.utils import timezone

    from opencets.errors import NotFound
    from opencets_web.evidence.models import Exhibit
    from opencets_web.policy import door
    from opencets_web.policy.models import Grant

    exhibit = Exhibit.objects.filter(holding_id=small_case.rows["case"].holding_id).order_by("id")[0]
    partner = small_case.actors["partner"]
    assert door.admit_fields(partner, Exhibit, exhibit.id, "reference") == (exhibit.reference,)
    Grant.objects.filter(holding_id=exhibit.holding_id).update(expires_at=timezone.now())
    for name in ("partner", "outsider", "former", "withdrawn", "administrator", "auditor"):
        with pytest.raises(NotFound):
            door.admit_fields(small_case.actors[name], Exhibit, exhibit.id, "reference")
    assert door.admit_fields(small_case.actors["owner"], Exhibit, exhibit.id, "reference") == (exhibit.reference,)
