"""Two graders at once, in two connections to the real database: no vote counts twice, none is lost, who is late is told why."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.web.evidence import programs

run = partial(programs.run, program=Path(__file__).with_name("program.py"))


@pytest.mark.proof
def test_votes_undo_settlement_and_rebuilding_at_the_same_instant_lose_and_double_nothing() -> None:
    programs.prepare()
    reference = f"AV-{uuid4().hex[:12]}"
    run("owner", "people", reference)
    told = run("web", "votes", reference)
    assert told["votes"] == {
        "given": 2, "twice": 1, "acts": 1, "votes": [3] * 4, "codes": ["1"], "most": 1, "true": True, "decided": ["1"],
    }  # fmt: skip
    assert told["undo-against-vote"] == {
        "wrong": [], "votes": [1] * 4, "codes": ["2"], "most": 1, "true": True, "decided": ["2"],
    }  # fmt: skip
    assert told["undo-of-two"] == {
        "wrong": [], "again": ["refused: It is undone already."], "votes": [], "codes": [], "most": 0, "true": True,
        "decided": [],
    }  # fmt: skip
    assert told["settled"] == sorted([reference, "refused: The votes do not differ any more; look again."])
    for met in run("owner", "rebuild", reference):
        assert (met["built"], met["most"], met["true"]) == (True, 1, True)
        assert met["graded"] == met["files"] or "found anew while you looked" in str(met["graded"])
        assert "found anew while you looked, and files joined it" in met["late"]
