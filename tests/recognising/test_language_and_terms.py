"""Which language a text is told to be in and when none is, and how words of every script are made findable."""

from __future__ import annotations

import pytest

from opencets.recognising import language_of, query_of, terms_of
from opencets.recognising.language import LEAST_PROBABILITY, names


@pytest.mark.parametrize(
    ("text", "code", "script"),
    [
        ("Wir treffen uns morgen am Bahnhof", "de", "Latin"),
        ("We meet at the station tomorrow at five", "en", "Latin"),
        ("Où est la gare? Je suis en retard", "fr", "Latin"),
        ("ZIMMER FREI, BITTE AN DER REZEPTION FRAGEN", "de", "Latin"),
        ("привет как дела что делаешь сегодня вечером", "ru", "Cyrillic"),
        ("Зустрінемося завтра на вокзалі", "uk", "Cyrillic"),
        ("مرحبا كيف حالك اليوم يا صديقي", "ar", "Arabic"),
        ("سلام، حالت چطوره؟ فردا می‌بینمت", "fa", "Arabic"),
        ("東京駅で会いましょう", "ja", "Japanese"),
        ("北京火车站", "zh", "Han"),
        ("안녕", "ko", "Hangul"),
        ("Καλημέρα", "el", "Greek"),
        ("สวัสดี", "th", "Thai"),
    ],
)
def test_a_clear_text_has_its_language(text: str, code: str, script: str) -> None:
    told = language_of(text)
    assert (told.code, told.script) == (code, script)
    assert LEAST_PROBABILITY <= told.probability <= 1.0


@pytest.mark.parametrize(
    "text",
    ["", "ok", "Hello", "Bis morgen", "привет", "214 +44 20 7946 0000", "xkcd qwrt zzz plmk", "Exit Ausgang Sortie",
     "www.example.org/und/die/der see@example.com", "東京", "Hotel гостиница", "\x00\ud800 \u202e" * 9],
)  # fmt: skip
def test_a_text_that_is_short_or_unclear_has_none(text: str) -> None:
    told = language_of(text)
    assert (told.code, told.probability) == ("", 0.0)


def test_every_language_has_a_name_and_hostile_lengths_cost_nothing() -> None:
    assert names()["de"] == "German"
    assert len(names()) > 120
    assert language_of("Wir treffen uns morgen am Bahnhof. " * 100_000).code == "de"


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("Harbour Hotel", "harb HOTEL"),
        ("Straße in Łódź", "strasse lodz"),
        ("Strasse", "Straße"),
        ("ГОСТИНИЦА Ёлка", "гостин елка"),
        ("مَرْحَبًا ١٢٣", "مرحبا 123"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("हिन्दी में", "हिन्दी"),
        ("foo-bar@example.org", "bar example"),
        ("เปิด 24 ชั่วโมง", "24"),
    ],
)
def test_words_are_found_by_their_folded_beginnings(kept: str, asked: str) -> None:
    terms = terms_of(kept).split()
    for part in query_of(asked).split(" & "):
        wanted = part.strip("()").removesuffix(":*").strip("'")
        assert any(term.startswith(wanted) for term in terms), (wanted, terms)


def test_scripts_without_spaces_are_found_by_any_part() -> None:
    assert terms_of("東京駅Exit3出口") == "東 京 駅 exit3 出 口"
    assert query_of("京駅") == "('京' <-> '駅')"
    assert query_of("口") == "('口':*)"
    assert terms_of("สวัสดี") == "ส วั ส ดี"


def test_what_is_asked_cannot_break_the_query() -> None:
    assert query_of("a'b\\ & | ! <-> :* ()") == "('a':*) & ('b':*)"
    assert query_of("' \\ ( )") == ""
    assert query_of("\u0301\u200b") == ""
    assert query_of(" ".join(str(number) for number in range(50))).count("&") == 7
