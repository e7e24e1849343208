"""Each family of acts either goes along in a court bundle or is withheld in its place: somebody decided which."""

from __future__ import annotations

from tests.house.repository import nothing


def test_every_family_of_verbs_is_told_or_withheld_and_none_is_both() -> None:
    from opencets_web.audit.verbs import VERBS
    from opencets_web.disclosure.gathering import TOLD_VERBS, WITHHELD_VERBS

    families = {verb.partition(".")[0] for verb in VERBS}
    nothing(families - set(TOLD_VERBS) - set(WITHHELD_VERBS), "in audit/verbs.py, and in neither list of gathering.py:")
    nothing(set(TOLD_VERBS) & set(WITHHELD_VERBS), "told and withheld:")
    nothing((set(TOLD_VERBS) | set(WITHHELD_VERBS)) - families, "in gathering.py, and no family of verbs:")


def test_what_is_between_agencies_is_withheld() -> None:
    from opencets_web.disclosure.gathering import WITHHELD_VERBS

    between = {
        "request",
        "release",
        "part",
        "part-request",
        "part-release",
        "conflict",
        "invitation",
        "search",
        "package",
    }
    assert between <= set(WITHHELD_VERBS)
