"""As whom the database is used: row-level security follows the officer, and nobody sees nothing."""

from __future__ import annotations

from opencets_web.cases.actions import open_case
from opencets_web.cases.models import Case
from tests.web.conftest import Behind, Cast


def test_a_case_is_seen_by_its_agency_and_by_nobody_else(cast: Cast, as_actor: Behind) -> None:
    with as_actor(cast.owner):
        open_case(cast.owner, reference="AV-1", title="First", kind="possession")
        assert Case.objects.count() == 1
    with as_actor(cast.colleague):
        assert Case.objects.count() == 1
    for stranger in (cast.outsider, cast.administrator, cast.auditor, None):
        with as_actor(stranger):
            assert Case.objects.count() == 0
