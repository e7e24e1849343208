"""Every word of the trade, every model and every kind of record has one sentence in the glossary, and no word is lost there."""

from __future__ import annotations

import re

import pytest

from tests.house.repository import ROOT, nothing

WORDS = (
    "case", "exhibit", "package", "custody entry", "source", "record", "claim", "identifier", "entity", "match", "judgement",
    "signal", "series", "sighting", "watch", "alert", "lead", "pointer", "deconfliction", "handling code", "holding", "grant",
    "request", "release", "locator", "reading report", "blind door", "generic value", "actor", "agency", "officer", "wall", "door",
)  # fmt: skip
TERM = re.compile(r"^\*\*([^*]+)\*\*(?: \([^)]*\))?: (.+)$", re.MULTILINE)


def _terms() -> dict[str, str]:
    return {term.lower(): sentence for term, sentence in TERM.findall((ROOT / "GLOSSARY.md").read_text())}


def _words_of(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _models() -> list[str]:
    from django.apps import apps

    return [model.__name__ for model in apps.get_models() if model.__module__.startswith("opencets_web.")]


def test_every_word_of_the_trade_is_explained() -> None:
    nothing([word for word in WORDS if word not in _terms()])


def test_every_model_is_explained() -> None:
    names = _models()
    assert names
    nothing([name for name in names if _words_of(name) not in _terms()])


def test_every_kind_of_record_is_explained() -> None:
    from opencets.records.vocabulary import RECORDS

    nothing([kind.label for kind in RECORDS.values() if kind.label.lower() not in _terms()])


def test_each_meaning_is_one_sentence() -> None:
    text = (ROOT / "GLOSSARY.md").read_text()
    terms = TERM.findall(text)
    assert len(terms) == len(_terms()), "a term stands twice"
    nothing([term for term, sentence in terms if not sentence.endswith(".") or re.search(r"[a-z]\. [A-Z]", sentence)])


def test_the_terms_stand_in_the_order_of_the_alphabet() -> None:
    terms = [term.lower() for term, _ in TERM.findall((ROOT / "GLOSSARY.md").read_text())]
    assert terms == sorted(terms)


@pytest.mark.parametrize("name", ["Guarded", "BetweenTwo"])
def test_the_two_shapes_of_guarded_rows_are_explained(name: str) -> None:
    assert _words_of(name) in _terms()
