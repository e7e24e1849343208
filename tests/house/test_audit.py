"""Every act is logged beside the change, with a verb that has a sentence; what was logged cannot be changed unseen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.repository import WEB, named, nothing, short

if TYPE_CHECKING:
    from tests.web.conftest import Cast

NOT_AN_ACT = {
    "casework/actions.py:tell_officer": "Writes one officer's notice; the act that tells it is logged.",
    "casework/actions.py:be_here": "One beat of a page that is open; the look itself was logged when the page was drawn.",
    "evidence/actions.py:begin_upload": "One file of a package on its way; `file.received` is logged when it has arrived.",
    "evidence/actions.py:get_upload": "Where a file of one's own upload stands; asked by the upload route at every part.",
    "grading/actions.py:choose_scheme": "In which scheme this session's pages grade; each act of grading names its scheme.",
    "exposure/actions.py:count_looks": "Adds to the officer's own count; the act that shows something logs the look.",
    "marks/actions.py:crop": "Cuts the region out; the act that hands it out, and the page that shows it, are logged.",
    "marks/actions.py:refuse_masked": "A question about masks; the act that asks it is logged.",
    "media/actions.py:lifted_masks": "Which masks this session has lifted; each lifting was logged.",
    "media/actions.py:may_import": "A question about roles; the act that asks it is logged.",
    "media/actions.py:replaceable": "A question: which older lists a new one may replace; the import is logged.",
    "media/actions.py:shown_known": "Which known files this session has asked for; each asking was logged.",
    "officers/actions.py:close_account": "What ends an account; each act that asks for it is logged.",
    "officers/own_actions.py:require_another_factor": "A question; the removal that asks it is logged.",
    "officers/actions.py:require_role": "A question about roles; the act that asks it is logged.",
    "officers/actions.py:take_on": "Puts a case on a desk; the act that hands it over is logged.",
    "sightings/actions.py:add_chunk": "One of many parts of a file; its beginning and its arrival are logged.",
    "supervision/actions.py:may_supervise": "A question about roles; the act that asks it is logged.",
    "supervision/actions.py:person_for": "Asks the door; the act that asks it is logged.",
    "sightings/actions.py:may_hand_in": "A question about roles; the act that asks it is logged.",
}
"""Public functions of an ``actions.py`` that log nothing themselves, with the reason."""


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (call for call in ast.walk(node) if isinstance(call, ast.Call))


def _is_record(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in {"record", "record_each"}
        and isinstance(function.value, ast.Name)
        and function.value.id == "log"
    )


def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def _logging_functions(path: Path) -> set[str]:
    """Functions of the module that reach ``log.record``, directly or through others of the module."""
    functions = _functions(path)
    logging = {name for name, node in functions.items() if any(_is_record(call) for call in _calls(node))}
    while True:
        more = {
            name
            for name, node in functions.items()
            if name not in logging
            and any(isinstance(call.func, ast.Name) and call.func.id in logging for call in _calls(node))
        }
        if not more:
            return logging
        logging |= more


def _elsewhere() -> set[tuple[str, str]]:
    """(module, function) of every function below opencets_web that logs."""
    return {
        (".".join(path.relative_to(WEB.parent).with_suffix("").parts), name)
        for path in named(".py", under="src/opencets_web")
        for name in _logging_functions(path)
    }


def _calls_one_that_logs(path: Path, node: ast.FunctionDef, logging: set[tuple[str, str]]) -> bool:
    modules: dict[str, str] = {}
    names: dict[str, tuple[str, str]] = {}
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                modules[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
                names[alias.asname or alias.name] = (statement.module, alias.name)
    for call in _calls(node):
        if isinstance(call.func, ast.Name) and names.get(call.func.id) in logging:
            return True
        if (
            isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and (modules.get(call.func.value.id, ""), call.func.attr) in logging
        ):
            return True
    return False


def test_every_action_logs_its_act() -> None:
    elsewhere = _elsewhere()
    silent = []
    for path in named("actions.py", under="src/opencets_web"):
        logging = _logging_functions(path)
        for name, node in _functions(path).items():
            if name.startswith("_") or name in logging or _calls_one_that_logs(path, node, elsewhere):
                continue
            silent.append(f"{path.relative_to(WEB).as_posix()}:{name}")
    nothing(sorted(set(silent) - set(NOT_AN_ACT)))
    nothing(sorted(set(NOT_AN_ACT) - set(silent)))


WITHOUT_ACTOR = {
    "officers/actions.py:accept_invitation": "Who opens the link of an invitation has no account yet.",
}
"""Acts that nobody who is signed in does, with the reason."""


def test_every_action_takes_the_actor_first() -> None:
    other = []
    for path in named("actions.py", under="src/opencets_web"):
        for name, node in _functions(path).items():
            arguments = [argument.arg for argument in node.args.posonlyargs + node.args.args]
            asks = f"{path.relative_to(WEB).as_posix()}:{name}" in {**NOT_AN_ACT, **WITHOUT_ACTOR}
            if not name.startswith("_") and not asks and arguments[:1] != ["actor"]:
                other.append(f"{short(path)}:{name}")
    nothing(other)


def _text_constants() -> set[str]:
    return {
        node.value
        for path in named(".py", under="src/opencets_web")
        if path.name != "verbs.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_verb_that_is_logged_has_its_sentence() -> None:
    from opencets_web.audit.verbs import VERBS

    unknown = []
    for path in named(".py", under="src/opencets_web"):
        for call in _calls(ast.parse(path.read_text())):
            named_record = _is_record(call) or (isinstance(call.func, ast.Name) and call.func.id in {"_log", "_record"})
            if named_record and call.args:
                said = [node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
                verbs = [text for text in said if isinstance(text, str) and "." in text]
                unknown += [f"{short(path)}:{call.lineno}: {verb}" for verb in verbs if verb not in VERBS]
    nothing(unknown)


def test_every_verb_is_used() -> None:
    from opencets_web.audit.verbs import VERBS

    nothing(sorted(set(VERBS) - _text_constants()))


SHOWS_NO_CASE = {"push": "One's own browsers, as part of a page that logs its look."}


def test_every_query_of_a_page_logs_the_look() -> None:
    """Each view that shows rows of a case reaches the log through its query: a room whose queries never log is not audited."""
    rooms = [
        path for path in named("queries.py", under="src/opencets_web") if path.parent.name not in {"ui", *SHOWS_NO_CASE}
    ]
    assert rooms
    nothing(
        [short(path) for path in rooms if not any(_is_record(call) for call in _calls(ast.parse(path.read_text())))]
    )


@pytest.fixture
def act(cast: Cast) -> Any:
    """One act in the log."""
    from django.db import transaction

    from opencets_web.audit import log
    from opencets_web.audit.models import Act

    with transaction.atomic():
        log.record("case.viewed", cast.owner, subject="case:AV-1")
    return Act.objects.latest("id")


@pytest.mark.parametrize(
    "statement", ["update audit_act set verb = 'case.opened'", "delete from audit_act", "truncate audit_act cascade"]
)
def test_not_even_the_owner_of_the_table_changes_an_act(act: Any, statement: str) -> None:
    from django.db import connection, transaction
    from django.db.utils import DatabaseError

    with (
        pytest.raises(DatabaseError, match=r"append-only|pending trigger events"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    act.refresh_from_db()
    assert act.verb == "case.viewed"


@pytest.mark.parametrize(
    "table", ["audit_act", "audit_seal", "audit_checkpoint", "audit_signingkey", "evidence_custodyentry"]
)
def test_every_append_only_table_refuses_both_changes(cast: Cast, table: str) -> None:
    from django.db import connection, transaction
    from django.db.utils import DatabaseError

    with connection.cursor() as cursor:
        cursor.execute("select column_name from information_schema.columns where table_name = %s limit 1", [table])
        column = cursor.fetchone()[0]
    for statement in (f"update {table} set {column} = {column}", f"delete from {table}"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_act_outside_of_a_transaction_is_refused(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connections

    from opencets_web.audit import log

    # What happens outside of a transaction stays in the test database, so only the mark of one is taken away, for a moment.
    with monkeypatch.context() as moment:
        moment.setattr(connections["default"], "in_atomic_block", False)
        with pytest.raises(RuntimeError, match="outside of the transaction"):
            log.record("case.viewed", cast.owner)


def test_an_act_without_a_verb_is_refused(cast: Cast) -> None:
    from opencets_web.audit import log

    with pytest.raises(KeyError):
        log.record("case.peeked", cast.owner)


def test_the_log_is_as_written_until_somebody_changes_it(act: Any) -> None:
    """Past the trigger, as only the machine's superuser can: the leaf hash gives the change away."""
    from django.db import connection

    from tests.web.audit.logs import verified

    assert verified().bad == ""
    with connection.cursor() as cursor:
        cursor.execute("alter table audit_act disable trigger all")
        cursor.execute("update audit_act set subject = 'case:OTHER' where id = %s", [act.id])
        cursor.execute("alter table audit_act enable trigger all")
    finding = verified()
    assert finding.act == act.id
    assert str(act.id) in finding.bad


def test_an_act_that_was_sealed_and_is_gone_is_named(act: Any) -> None:
    from django.db import connection

    from opencets_web.audit.models import Act
    from tests.web.audit.logs import seal_log, verified, write_log

    # The sealer waits for the transaction of an act to end, which a test never does: these are of transactions long ended.
    write_log(3, first=act.id + 100)
    assert seal_log() == 3
    assert verified().bad == ""
    with connection.cursor() as cursor:
        cursor.execute("alter table audit_act disable trigger all")
        cursor.execute("delete from audit_act where id = %s", [act.id + 101])
        cursor.execute("alter table audit_act enable trigger all")
    finding = verified()
    assert finding.act == act.id + 101
    assert finding.acts == Act.objects.count()
