"""The order of computers: shares add up, penalties multiply, each factor's absence is told, and bad tables are refused."""

from __future__ import annotations

import numpy as np
import pytest

from opencets.ranking.computers import computers_model, model_from, rank_computers

FACTS = {
    "vanishing": np.array([10.0, 0.1, 0.1]),
    "files": np.array([20.0, 500.0, 2.0]),
    "hours": np.array([10.0, 600.0, 1.0]),
    "networks": np.array([1.0, 1.0, 1.0]),
    "idle_days": np.array([3.0, 3.0, 0.0]),
    "direct_share": np.array([1.0, 1.0, 1.0]),
    "shared_line": np.array([0.0, 0.0, 0.0]),
}


def test_rare_files_come_before_the_largest_library_and_the_most_hours() -> None:
    first, second, third = rank_computers(FACTS)
    assert (first.at, second.at, third.at) == (0, 1, 2)
    for one in (first, second, third):
        assert sum(share.points for share in one.shares) == pytest.approx(one.score, abs=0.05)
    without = {share.name: share.place_without for share in first.shares}
    assert without["vanishing"] == 3
    assert without["files"] == 1
    assert "availability worth 10.0 files" in next(
        share.sentence for share in first.shares if share.name == "vanishing"
    )


def test_links_and_children_raise_and_penalties_lower() -> None:
    raised = rank_computers(FACTS | {"children": np.array([0.0, 0.0, 2.0])})
    assert raised[0].at == 2
    lowered = rank_computers(FACTS | {"shared_line": np.array([1.0, 0, 0]), "direct_share": np.array([0.0, 1, 1])})
    place = next(one for one in lowered if one.at == 0)
    plain = next(one for one in rank_computers(FACTS) if one.at == 0)
    assert place.score == pytest.approx(plain.score * 0.7 * 0.6, abs=0.02)
    assert len(place.penalties) == 2


def test_nobody_and_few() -> None:
    assert rank_computers({name: values[:0] for name, values in FACTS.items()}) == []
    assert [one.place for one in rank_computers(FACTS, 2)] == [1, 2]


def test_a_table_out_of_range_is_refused_by_name() -> None:
    row = {"weight": 1, "half": 1, "says": ""}
    table = {"model": "x", "factors": {"files": row}, "penalties": {}, "fresh_half_days": 7}
    assert model_from(table).model == "x"
    with pytest.raises(ValueError, match="files"):
        model_from(table | {"factors": {"files": row | {"half": 0}}})
    with pytest.raises(ValueError, match="shared_line"):
        model_from(table | {"penalties": {"shared_line": {"times": 2, "says": ""}}})
    with pytest.raises(ValueError, match="weight"):
        model_from(table | {"factors": {"files": row | {"weight": 0}}})
    assert computers_model().model == "computers-1"
