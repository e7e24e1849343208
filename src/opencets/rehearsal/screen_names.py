"""Invented screen names, and how their bearers vary them from service to service.

A screen name is put together from words, a name and a number; a variant keeps part of it. Nobody here exists.
"""
# ruff: noqa: E501 - word lists read best as one line a list

from __future__ import annotations

from random import Random

from opencets.rehearsal.numbers import FRAGMENTS, SYLLABLES

_WORDS = (
    "dark night sky blue red fire ice moon star sun king queen lord lady boy girl cat dog wolf fox bear tiger dragon angel ghost shadow "
    "gamer player ninja pro master crazy lucky happy silent wild cool sweet little big magic music dance skate surf photo art"
).split()
_FIRST = "alex anna ben chris dan emma eva felix jan julia kim leo lisa luca maria mark max mia mike nick nina paul sam sara tim tom".split()
_YEARS = tuple(str(year) for year in range(1975, 2012))
_BEFORE = "xx_ x_ its_ real_ the_ im_ mr_ i_am_ official_ xX".split()
_AFTER = "_xx _x _official _real _tv _yt xx xo _alt 2 _2 _new Xx _main".split()
_LEET = (("a", "4"), ("e", "3"), ("i", "1"), ("o", "0"), ("s", "5"), ("t", "7"))
_MARKS = ("", "_", ".", "-", "__", "_")


def screen_name(random: Random) -> tuple[str, ...]:
    """The parts of a screen name as its bearer thinks of it: a word or name of their own, often a common one too."""
    syllables = "".join(random.choice(SYLLABLES) for _ in range(random.choice((2, 3))))
    own = random.choice(
        ("".join(random.choice(SYLLABLES) for _ in range(2)), random.choice(FRAGMENTS), random.choice(_FIRST), "")
    )
    own += syllables if own else syllables + random.choice(SYLLABLES)
    common = random.choice((*_WORDS, *_FIRST))
    return random.choice(((own,), (own, common), (common, own), (own, common)))


def written(random: Random, parts: tuple[str, ...]) -> str:
    """One way in which a service's user writes the parts: marks between, a number behind, decoration, letters as digits."""
    kept = list(parts)
    if len(kept) > 1:
        drawn = random.random()
        if drawn < 0.12:
            kept.reverse()
        elif drawn < 0.22:
            common = next(at for at, part in enumerate(kept) if part in _WORDS or part in _FIRST)
            kept[common] = kept[common][:1] if random.random() < 0.5 else random.choice(_WORDS)
        elif drawn < 0.30:
            kept = [part for part in kept if part not in _WORDS and part not in _FIRST] or kept
    if random.random() < 0.12:
        kept = [_slip(random, part) for part in kept]
    name = random.choice(_MARKS).join(kept)
    if random.random() < 0.2:
        old, new = random.choice(_LEET)
        name = name.replace(old, new)
    if random.random() < 0.5:
        name += random.choice(("", "_", "")) + random.choice(
            (*_YEARS, str(random.randrange(1, 1000)), random.choice(_YEARS)[2:])
        )
    if random.random() < 0.15:
        name = random.choice(_BEFORE) + name
    if random.random() < 0.15:
        name += random.choice(_AFTER)
    return name[: random.choice((30, 30, 30, 15))]


def _slip(random: Random, part: str) -> str:
    if len(part) < 5:
        return part
    at = random.randrange(1, len(part) - 1)
    return random.choice((part[:at] + part[at] + part[at:], part[:at] + part[at + 1 :], part[:-1], part + part[-1]))
