"""What a sensor may look for is signed by a supervisor, with an order and a purpose, and stands in the log before it is given."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from opencets.errors import ActRefused
from opencets.packing.authority import open_authority
from opencets_web.audit.models import Act
from opencets_web.media import actions
from tests.web.conftest import Behind, Cast

TABLE = f"network,file,pieces,trackers\nbittorrent,{'a' * 40},12,http://tracker.example.org/announce\nbittorrent,{'B' * 40},,\n"
STATED = {"name": "List 7", "order": "Order 7/2026", "begins_on": "2026-01-01", "ends_on": "2026-03-31"}


def test_a_supervisor_signs_and_the_log_says_what_for(cast: Cast, as_actor: Behind) -> None:
    supervisor = replace(cast.owner, roles=frozenset({"supervisor"}))
    with as_actor(supervisor):
        written = actions.authorise_sensor(supervisor, TABLE, purpose="Operation Heron", **STATED)
    key = json.loads(written)["key"]
    authority = open_authority(written, [key])
    assert (authority.agency, authority.order, authority.purpose) == ("Avon", "Order 7/2026", "Operation Heron")
    assert authority.ends_on == dt.date(2026, 3, 31)
    assert {(file, one.pieces) for (_, file), one in authority.files.items()} == {("a" * 40, 12), ("b" * 40, None)}
    act = Act.objects.get(verb="sensor.authorised")
    assert act.officer_id == supervisor.officer_id
    said = json.loads(act.details)
    assert (said["order"], said["purpose"], said["files"]) == ("Order 7/2026", "Operation Heron", 2)
    assert said["digest"] == authority.digest


def test_others_and_half_a_list_are_refused_and_nothing_is_logged(cast: Cast, as_actor: Behind) -> None:
    supervisor = replace(cast.owner, roles=frozenset({"supervisor"}))
    outsider = replace(cast.outsider, roles=frozenset({"investigator", "analyst", "administrator"}))
    with as_actor(outsider), pytest.raises(ActRefused, match="signed by supervisors"):
        actions.authorise_sensor(outsider, TABLE, purpose="Operation Heron", **STATED)
    for table, purpose, why in (
        (TABLE, " ", "says no purpose"),
        (TABLE + "bittorrent,no-digest,,\n", "p", "Line 4"),
        (TABLE + f"bittorrent,{'c' * 40},-3,\n", "p", "Line 4"),
        ("file\n" + "a" * 40, "p", "columns network and file"),
        ("network,file\n", "p", "names no file"),
    ):
        with as_actor(supervisor), pytest.raises(ActRefused, match=why):
            actions.authorise_sensor(supervisor, table, purpose=purpose, **STATED)
    assert not Act.objects.filter(verb="sensor.authorised").exists()
