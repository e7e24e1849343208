"""Words in disguise are found where they stand, and what only looks alike is not."""

from __future__ import annotations

import random
import subprocess
import sys
import unicodedata

import pytest

from opencets.rehearsal.phrases import DISGUISES
from opencets.watching import Context, Library, Phrase, Watcher, Where
from opencets.watching.folding import _CHUNK, _SIGNED_CHUNK, SIGNS, fold
from tests.watching.libraries import library_of

TRAIN = "send the train timetable"


def found(text: str, *phrases: str) -> list[tuple[str, str, str]]:
    return [(hit.matched, hit.phrase, hit.how) for hit in Watcher([library_of(*phrases)]).scan(text)]


@pytest.mark.parametrize(
    ("written", "how"),
    [
        ("Send the train timetable", "words"),
        ("s3nd the tra1n timetable", "words"),
        ("$end the tr@in t!metable", "words"),
        ("sénd thé traïn timetable", "words"),
        ("ѕеnd thе trаin timеtаblе", "words"),
        ("s\u200bend the\u200d train time\u00adtable", "words"),
        ("ｓｅｎｄ　ｔｈｅ　ｔｒａｉｎ　ｔｉｍｅｔａｂｌｅ", "words"),
        ("🅂🄴🄽🄳 🅣🅗🅔 𝓽𝓻𝓪𝓲𝓷 𝕥𝕚𝕞𝕖𝕥𝕒𝕓𝕝𝕖", "words"),
        ("seeend the traaain timetable", "words"),
        ("sseenndd tthhee ttrraaiinn timetable", "words"),
        ("send, the -- train\ntimetable", "words"),
        ("send🚂the👩‍🚀train❤️timetable", "words"),
        ("s e n d t h e t r a i n t i m e t a b l e", "spelled"),
        ("s.e.n.d the train timetable", "spelled"),
        ("se.nd th.e trai.n time.table", "joined"),
        ("sendthetraintimetable", "joined"),
    ],
)
def test_a_phrase_is_found_in_disguise_with_its_place(written: str, how: str) -> None:
    assert found(f"So: {written}, please", TRAIN, "blue kiosk") == [(written, TRAIN, how)]


@pytest.mark.parametrize(
    "text",
    [
        "resend the train timetable", "send the trains timetable", "send the rain timetable", "send the trin timetable",
        "the train timetable", "send the tr ain timetables", "s3nd",
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_not_found(text: str) -> None:
    assert found(text, TRAIN) == []


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        ("met me", "meet", []),
        ("meet meeeet", "meet", ["meet", "meeeet"]),
        ("cafe café CAFÉ", "café", ["cafe", "café", "CAFÉ"]),
        ("13 37 and l33t", "leet", ["l33t"]),
        ("50 and 505 and s0s", "sos", ["s0s"]),
        ("room 12, room i2, r00m 12", "room 12", ["room 12", "r00m 12"]),
        ("5e11 se1l sell", "sell", ["5e11", "se1l", "sell"]),
        ("11l l1l", "l1l", ["11l", "l1l"]),
        ("busstop buss top bus stop", "bus stop", ["bus stop"]),
        ("hi!there", "hi there", ["hi!there"]),
        ("a g a i n s t", "gains", ["g a i n s"]),
        ("ill will", "ill", ["ill"]),
        ("straße STRASSE strasse", "straße", ["straße", "STRASSE", "strasse"]),
    ],
)
def test_where_words_end_and_what_stands_for_a_letter(text: str, phrase: str, expected: list[str]) -> None:
    assert [matched for matched, _, _ in found(text, phrase)] == expected


@pytest.mark.parametrize(
    ("text", "phrase", "matched"),
    [
        ("Встретимся: СИНИЙ   киоск!", "синий киоск", "СИНИЙ   киоск"),
        ("το ΜΠΛΈ περίπτερο εδώ", "μπλε περίπτερο", "ΜΠΛΈ περίπτερο"),
        ("عند الكُشكِ الأزرقِ غدا", "الكشك الازرق", "الكُشكِ الأزرقِ"),
        ("ליד הַקִּיּוֹסְק הכחול", "הקיוסק הכחול", "הַקִּיּוֹסְק הכחול"),
        ("कल नीले कियोस्क पर", "नीले कियोस्क", "नीले कियोस्क"),
        ("明天在蓝色报亭见", "蓝色报亭", "蓝色报亭"),
        ("明天在蓝 色 报 亭见", "蓝色报亭", "蓝 色 报 亭"),
        ("ระวังซุ้มสีฟ้านะ", "ซุ้มสีฟ้า", "ซุ้มสีฟ้า"),
        ("파란 매점에서 만나", "파란 매점", "파란 매점"),
        (unicodedata.normalize("NFD", "파란 매점에서"), "파란 매점", unicodedata.normalize("NFD", "파란 매점")),
        ("ｶﾞﾗｽの駅", "がらすの駅", "ｶﾞﾗｽの駅"),
        ("私のLINEで話す", "line", "LINE"),
    ],
)
def test_each_script_is_found_as_it_is_written(text: str, phrase: str, matched: str) -> None:
    assert [each for each, _, _ in found(text, phrase)] == [matched]


def test_of_the_disguises_nearly_all_are_found() -> None:
    """One swapped letter needs another method; what is here stands in the explanation."""
    chance = random.Random(4)
    watcher = Watcher([library_of(TRAIN, "meet at the blue kiosk", "bring the green umbrella tomorrow")])
    missed = {
        name: missed
        for name, disguise in DISGUISES.items()
        if (missed := [
            written
            for entry in watcher.wanted
            for written in [disguise(entry.phrase.phrase, chance) for _ in range(40)]
            if entry.phrase.phrase not in {hit.phrase for hit in watcher.scan(f"and {written} then")}
        ])
    }  # fmt: skip
    assert missed == {}


def test_folding_twice_changes_nothing_and_its_chunks_end_at_separators() -> None:
    signs = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    assert [sign for sign in signs if "".join(map(fold, fold(sign))) != fold(sign)] == []
    for sign in map(chr, range(128)):
        assert bool(_CHUNK.match(sign)) == (fold(sign) != " ")
        assert bool(_SIGNED_CHUNK.match(sign)) == (fold(sign) != " " or sign in SIGNS)


def _with_context(context: Context, where: Where, text: str) -> list[tuple[int, str]]:
    phrase = Phrase("blue kiosk", 3, "en", "places", "tests", (context.name,))
    library = Library("neutral", 1, "Harmless.", "tests", (phrase,), {context.name: context})
    return [(hit.severity, hit.reason) for hit in Watcher([library]).scan(text, where)]


def test_words_nearby_raise_and_the_reason_says_so() -> None:
    alone = Context("alone", "asked to come alone", by=2, words=("come alone", "nobody else"), within=40)
    assert _with_context(alone, Where(), "the blue kiosk, c0me al0ne") == [
        (5, "“blue kiosk” (places, severity 5) of neutral version 1; raised by 2: asked to come alone.")
    ]
    far = "the blue kiosk " + "x " * 40 + "come alone"
    assert _with_context(alone, Where(), far)[0][0] == 3


def test_direction_program_and_address_lower_or_silence_only_where_they_are_known() -> None:
    shown = Context("shown", "it was shown, not typed", by=-2, directions=("shown",))
    assert [_with_context(shown, Where(direction), "blue kiosk")[0][0] for direction in ("shown", "typed", "")] == [
        1,
        3,
        3,
    ]
    news = Context("news", "quoted news", silences=True, words=("reporters said",), categories=("news",))
    text = "reporters said: the blue kiosk"
    assert _with_context(news, Where(category="News"), text) == []
    assert len(_with_context(news, Where(category="chat"), text)) == 1
    assert len(_with_context(news, Where(), text)) == 1


def test_a_pattern_is_found_near_its_anchor_only() -> None:
    phrase = Phrase("blue kiosk", 4, "en", "places", "tests", pattern=r"at \d{1,2} o.?clock", window=40)
    watcher = Watcher([Library("neutral", 1, "Harmless.", "tests", (phrase,))])
    (hit,) = watcher.scan("by the bluuue kiosk at 7 o'clock")
    assert (hit.matched, hit.how, hit.phrase) == ("at 7 o'clock", "pattern", r"blue kiosk ~ at \d{1,2} o.?clock")
    assert watcher.scan("at 7 o'clock" + " " * 50 + "the blue kiosk") == []
    assert watcher.scan("at 7 o'clock") == []


def test_many_lines_give_the_same_hits_with_the_same_reasons_as_each_alone() -> None:
    alone = Context("alone", "asked to come alone", by=2, words=("come alone",), within=60)
    phrases = (
        Phrase("blue kiosk", 3, "en", "places", "tests", ("alone",)),
        Phrase("green umbrella", 3, "en", "places", "tests", pattern=r"at \d{1,2} o.?clock", window=40),
        Phrase("strasse am see", 2, "de", "places", "tests"),
        Phrase("蓝色报亭", 2, "zh", "places", "tests"),
        Phrase("bo", 1, "en", "places", "tests"),
    )
    watcher = Watcher([Library("neutral", 1, "Harmless.", "tests", phrases, {"alone": alone})])
    lines = [
        "come alone to the blue kiosk, bo", "c0me al0ne and far away to the b.l.u.e kiosk", "the blue\x1ekiosk\nbo",
        "at 7 o'clock by the gr33n umbrella, or the greeeen umbrella", "ßßß die Straße am See, STRASSE AM SEE",
        "天地!蓝色报亭 b0", "", "blue", "kiosk", "b@ bo", "æ 蓝 色 报 亭 œ bo",
    ]  # fmt: skip
    by_line = dict(watcher.scan_lines(lines))
    assert {number: watcher.scan(line) for number, line in enumerate(lines) if watcher.scan(line)} == by_line
    assert sorted(by_line) == [0, 1, 2, 3, 4, 5, 9, 10]


def test_a_phrase_can_be_muted_and_languages_left_out() -> None:
    library = library_of("blue kiosk", "green umbrella")
    hits = Watcher([library], muted=["blue kiosk"]).scan("blue kiosk, green umbrella")
    assert [hit.phrase for hit in hits] == ["green umbrella"]
    assert Watcher([library], languages=["fr"]).scan("blue kiosk") == []
    assert Watcher([]).scan("blue kiosk") == []
    assert list(Watcher([]).scan_lines(["blue kiosk"])) == []


def test_long_texts_are_looked_at_in_windows_without_loss_at_their_edges() -> None:
    watcher = Watcher([library_of(TRAIN, "蓝色报亭")])
    text = "".join(f"{'word ' * (37 + at)}{TRAIN} 在蓝色报亭见 " for at in range(120))
    hits = watcher.scan(text)
    assert [hit.start for hit in hits if hit.phrase == TRAIN] == [
        at for at in range(len(text)) if text.startswith(TRAIN, at)
    ]
    assert len(hits) == 240
    assert all(text[hit.start : hit.end] == hit.matched for hit in hits)
    unbroken = "a" * 30_000 + "blue"
    assert Watcher([library_of("blue", "aab")]).scan(unbroken) == []


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "\ud800", "!" * 9_000, "1" * 20_000, "aab" * 9_000, "l1" * 9_000, "\u200b" * 9_000]
)
def test_hostile_texts_cost_no_more_than_their_length(text: str) -> None:
    watcher = Watcher([library_of("lil lil lil lil", "aa bb", TRAIN, "illi lili")])
    assert watcher.scan(text) == []
    assert list(watcher.scan_lines([text, TRAIN])) == [(1, watcher.scan(TRAIN))]


def test_one_message_is_scanned_without_numpy_as_a_device_needs_it() -> None:
    program = (
        "import sys; from opencets.watching import Conversation, Library, Phrase, Watcher;"
        "library = Library('small', 1, '.', '.', (Phrase('blue kiosk', 3, 'en', 'trips', '.'),));"
        "turn = Conversation(Watcher([library])).add('the blu3 kiosk');"
        "print(len(turn.hits), sorted({'numpy', 'numba', 'duckdb', 'django'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "1 []\n"
