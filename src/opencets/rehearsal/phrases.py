"""Invented words in nine scripts, phrases made of them, and lines of chat in which some stand, plainly or in disguise."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import accumulate

SYLLABLES: dict[str, tuple[str, ...]] = {
    "en": tuple(c + v for c in "bcdfghjklmnprstvwz" for v in ("a", "e", "i", "o", "u", "ou", "ar", "en", "ist")),
    "fr": tuple(c + v for c in "bcdfglmnprstv" for v in ("é", "è", "ou", "in", "ê", "ça", "u", "oi")),
    "ru": tuple(c + v for c in "бвгджзклмнпрст" for v in "аеиоуыяю"),
    "el": tuple(c + v for c in "βγδζθκλμνπρσ" for v in ("α", "ε", "η", "ι", "ο", "ω", "ού", "ά")),
    "ar": tuple(c + v for c in "بتثجحدرسعفقكلمن" for v in ("ا", "و", "ي", "ر", "")),
    "he": tuple(c + v for c in "בגדהזחטכלמנסעפק" for v in ("א", "ו", "י", "ר", "")),
    "hi": tuple(c + v for c in "कखगचजटतदनपबमरलस" for v in ("ा", "ि", "ी", "ु", "े", "ो", "")),
    "zh": tuple(chr(0x4E00 + 17 * at) for at in range(600)),
    "ko": tuple(chr(0xAC00 + 588 * first + 28 * vowel + end) for first in range(0, 18, 2) for vowel in (0, 4, 8) for end in (0, 4)),
    "th": tuple(c + v for c in "กขคงจชดตนบปพมยรลวส" for v in ("า", "ี", "ู", "ั", "")),
}  # fmt: skip
"""What words are made of, by language; zh, ko and th are written without spaces, or with words glued to each other."""
UNSPACED = frozenset({"zh", "th"})
MARKS = "\u0300\u0301\u0302\u0308\u030c\u0327"
LOOKALIKES = str.maketrans("aeopcyxis", "аеорсухіѕ")
LEET = str.maketrans("oizeastbg", "012345789")
EMOJI = ("🚂", "🌧", "👍🏽", "👩‍🚀", "❤️")


class InventedPhrases:
    """Phrases of one to four words and lines of chat; the same for the same seed."""

    def __init__(
        self, count: int, seed: int, languages: tuple[str, ...] = tuple(SYLLABLES), common: int = 2_000
    ) -> None:
        self.chance = random.Random(seed)
        self.languages = languages
        self.words = {language: self._words(language, common) for language in languages}
        self._rare = {language: self._words(language, common, 3) for language in languages}
        self._weights = {
            language: list(accumulate(1 / (rank + 2) for rank in range(len(words))))
            for language, words in self.words.items()
        }
        self.phrases: dict[str, str] = {}
        """Phrase to language."""
        while len(self.phrases) < count:
            language = self.chance.choice(languages)
            self.phrases.setdefault(self._phrase(language), language)
        self._listed = list(self.phrases)

    def _words(self, language: str, count: int, least: int = 1) -> list[str]:
        made: dict[str, None] = {}
        sizes = (1, 2, 2, 3) if language in UNSPACED or language == "ko" else (1, 2, 2, 3, 3, 4)
        for _ in range(count):
            word = "".join(self.chance.choices(SYLLABLES[language], k=max(least, self.chance.choice(sizes))))
            made[word if len(word) > 1 else word * 2] = None
        return list(made)

    def _phrase(self, language: str) -> str:
        """With a rare word in each, as in a library that was cleared of noise; the others may be common ones."""
        size = self.chance.choices((1, 2, 3, 4), (2, 5, 3, 1))[0]
        words = [self.chance.choice(self._rare[language])]
        words += [self.chance.choice(self.chance.choice((self.words, self._rare))[language]) for _ in range(size - 1)]
        self.chance.shuffle(words)
        return ("" if language in UNSPACED else " ").join(words)

    def lines(self, count: int, planted: float = 0.01, disguised: float = 0.5) -> Iterator[str]:
        """Lines of about 80 letters; ``planted`` of them hold a phrase, ``disguised`` of these in disguise."""
        chance = self.chance
        for _ in range(count):
            line = self.line(chance.choice(self.languages))
            if chance.random() < planted:
                phrase = chance.choice(self._listed)
                if chance.random() < disguised:
                    phrase = chance.choice(list(DISGUISES.values()))(phrase, chance)
                line = f"{line[: len(line) // 2]} {phrase} {line[len(line) // 2 :]}"
            yield line

    def line(self, language: str) -> str:
        chance = self.chance
        words = chance.choices(self.words[language], cum_weights=self._weights[language], k=chance.randint(4, 24))
        line = ("" if language in UNSPACED else " ").join(words)
        if chance.random() < 0.3:
            line = line.replace(" ", chance.choice((", ", ". ", " - ", "... ")), 1)
        if chance.random() < 0.1:
            line += chance.choice((" 12:30", " 2026", " 3pm", " room 4", " 100%", " 7:15", " no 9", " 50", " 1,000"))
        if chance.random() < 0.005:
            line += " anna@example.org"
        if chance.random() < 0.05:
            line += " " + chance.choice(EMOJI)
        return line.capitalize() + chance.choice((".", "!", "?", "", "", ""))


def leet(phrase: str, chance: random.Random) -> str:
    return "".join(letter.translate(LEET) if chance.random() < 0.6 else letter for letter in phrase)


def accented(phrase: str, chance: random.Random) -> str:
    return "".join(
        letter + (chance.choice(MARKS) if letter.isalpha() and chance.random() < 0.5 else "") for letter in phrase
    )


def lookalike(phrase: str, chance: random.Random) -> str:
    return phrase.translate(LOOKALIKES)


def invisible(phrase: str, chance: random.Random) -> str:
    return "\u200b".join(phrase)


def wide(phrase: str, chance: random.Random) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in phrase)


def repeated(phrase: str, chance: random.Random) -> str:
    """In each word a letter three times at least, as people do it."""
    words = []
    for word in phrase.split():
        at = chance.randrange(len(word))
        words.append(word[:at] + word[at] * chance.randint(3, 5) + word[at + 1 :])
    return " ".join(words)


def doubled(phrase: str, chance: random.Random) -> str:
    return "".join(letter * 2 if letter.isalpha() else letter for letter in phrase)


def punctuated(phrase: str, chance: random.Random) -> str:
    return phrase.replace(" ", chance.choice((", ", ".", " - ", "/", "_", "\n")))


def with_emoji(phrase: str, chance: random.Random) -> str:
    return phrase.replace(" ", chance.choice(EMOJI))


def spelled(phrase: str, chance: random.Random) -> str:
    return " ".join(phrase.replace(" ", ""))


def dotted(phrase: str, chance: random.Random) -> str:
    return " ".join(".".join(word) for word in phrase.split())


def one_dot(phrase: str, chance: random.Random) -> str:
    words = []
    for word in phrase.split():
        at = chance.randint(1, max(1, len(word) - 1))
        words.append(word[:at] + "." + word[at:])
    return " ".join(words)


def joined(phrase: str, chance: random.Random) -> str:
    return phrase.replace(" ", "")


def signs(phrase: str, chance: random.Random) -> str:
    return phrase.translate(str.maketrans("asi", "@$!"))


def loud(phrase: str, chance: random.Random) -> str:
    return phrase.upper()


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "leet": leet, "accents": accented, "lookalikes": lookalike, "zero-width": invisible, "fullwidth": wide,
    "repeated letters": repeated, "doubled letters": doubled, "punctuation": punctuated, "emoji": with_emoji, "spelled": spelled,
    "dotted": dotted, "a dot in each word": one_dot, "no spaces": joined, "signs": signs, "capitals": loud,
}  # fmt: skip
