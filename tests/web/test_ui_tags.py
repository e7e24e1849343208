"""The words that the components write; the components themselves are seen in ``tests/browser``."""

from __future__ import annotations

import pytest

from opencets_web.ui.templatetags import ui


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (7.2, "8 s"), (59, "59 s"), (61, "1 min"), (7800, "2 h 10 min"), (7200, "2 h"), (86_400, "1 day")],
)
def test_a_duration_is_said_in_the_unit_one_plans_by(seconds: float, words: str) -> None:
    assert ui.duration(seconds).replace(ui.NARROW, " ") == words


def test_absent_figures_leave_no_trace() -> None:
    assert (ui.count(None), ui.duration(None), ui.byte_size(None), ui.reltime(None), ui.instant(None)) == ("",) * 5


def test_thousands_are_told_apart_by_narrow_gaps() -> None:
    assert ui.count(1_234_567) == f"1{ui.NARROW}234{ui.NARROW}567"


@pytest.mark.parametrize(
    ("tags", "address"),
    [
        ("undo:/judgements/7/undo/", "/judgements/7/undo/"),
        ("quiet undo:/a/", "/a/"),
        ("undo://example.org/a/", ""),
        ("undo:https://example.org/", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_act_is_undone_at_an_address_of_this_server_only(tags: str | None, address: str) -> None:
    assert ui.undo_url(tags) == address


@pytest.mark.parametrize(
    ("name", "letters"), [("Iva Marsh", "IM"), ("Іва Марш", "ІМ"), ("李", "李"), ("", "?"), (None, "?")]
)
def test_initials_come_from_names_in_any_script(name: str | None, letters: str) -> None:
    assert ui.initials(name) == letters


def test_a_kind_nobody_drew_gets_a_plain_dot() -> None:
    assert ui.kind_icon("email") == "mail"
    assert ui.kind_icon("device.camera") != ""
    assert ui.kind_icon("never-heard-of") == "circle-dot"
    assert ui.kind_icon(None) == "circle-dot"


def test_evidence_against_points_the_other_way() -> None:
    assert ui.bits(-10.0, 20.0) == {"given": True, "weight": -10.0, "width": 36.0, "against": True}
    assert ui.bits(None)["given"] is False
    assert ui.bits(400.0, 20.0)["width"] == 72.0
