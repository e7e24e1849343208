"""A corpus in the form of PAN 2012 about trips and weather: most authors chat, some also say phrases of the library."""

from __future__ import annotations

import random
from pathlib import Path
from xml.sax.saxutils import escape

from opencets.watching import Library, Phrase, Watcher

THEMES = {
    "trips": ("send the train timetable", "meet at the blue kiosk", "second bench by the pond"),
    "weather": ("clouds over the harbour", "the barometer is falling", "green umbrella tomorrow"),
    "food": ("bring two apple pies", "soup behind the library", "the red teapot again"),
}
CHAT = (
    "hello",
    "how was the match?",
    "we had soup",
    "did you see the clouds?",
    "my train was late",
    "ok",
    "fine & you?",
    "lol",
)


def write_corpus(folder: Path, count: int, seed: int) -> Watcher:
    """Writes the three files; the watcher has the library that the phrases come from."""
    chance = random.Random(seed)
    authors, lines, chats = [], [], []
    for number in range(count):
        name, sides = f"c{number:04}", (f"a{2 * number:04}", f"a{2 * number + 1:04}")
        sought = chance.random() < 0.15
        texts = [(chance.choice(sides), chance.choice(CHAT)) for _ in range(chance.randint(12, 40))]
        if sought:
            authors.append(sides[0])
            for theme in chance.sample(sorted(THEMES), chance.choice((2, 3, 3))):
                at = chance.randrange(2, len(texts))
                texts[at] = (sides[0], f"{chance.choice(CHAT)} {chance.choice(THEMES[theme])}?")
                lines.append((name, at + 1))
        elif chance.random() < 0.2:
            texts[4] = (sides[1], chance.choice(THEMES["weather"]))
        messages = "".join(
            f'<message line="{at}"><author>{author}</author><time>10:{at:02}</time><text>{escape(text)}</text></message>\n'
            for at, (author, text) in enumerate(texts, 1)
        )
        chats.append(f'<conversation id="{name}">\n{messages}</conversation>\n')
    (folder / "corpus.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<conversations>{"".join(chats)}</conversations>'
    )
    (folder / "authors.txt").write_text("".join(f"{author}\n" for author in authors))
    (folder / "lines.txt").write_text("".join(f"{name}\t{line}\n" for name, line in sorted(set(lines))))
    return Watcher([library()])


def library() -> Library:
    phrases = tuple(Phrase(phrase, 3, "en", theme, "tests") for theme, some in THEMES.items() for phrase in some)
    return Library("chats", 1, "Harmless phrases.", "tests", phrases)
