"""Calendar dates. Canonical: ISO 8601 at the precision known: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``."""

from __future__ import annotations

import calendar
import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits, refuse_placeholder

LATEST_YEAR = 2029
"""Two-digit years end here: 29 is 2029, 30 is 1930. Fixed, because an engine has no clock; ``latest`` changes it."""

# English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish/Danish/Norwegian, Polish, Russian, Turkish,
# Finnish,
# Indonesian; full and short forms. A word is looked up without its final dot.
_MONTHS = [
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari "
    "styczeń stycznia sty январь января янв ocak oca tammikuu",
    "february feb februar feber février févr fév fevrier febrero febbraio fevereiro fev februari "
    "luty lutego lut февраль февраля фев şubat şub helmikuu pebruari",
    "march mar märz maerz mrz mär mars marzo março marco maart mrt marts "
    "marzec marca март марта мар mart maaliskuu maret",
    "april apr avril avr abril abr aprile kwiecień kwietnia kwi апрель апреля апр nisan nis huhtikuu",
    "may mai mayo maggio mag maio mei maj kwi_ maja май мая mayıs toukokuu",
    "june jun juni juin junio giugno giu junho czerwiec czerwca cze июнь июня июн haziran haz kesäkuu",
    "july jul juli juillet juil julio luglio lug julho lipiec lipca lip июль июля июл temmuz tem heinäkuu",
    "august aug août aout agosto ago augustus augusti sierpień sierpnia sie "
    "август августа авг ağustos ağu elokuu agustus agu",
    "september sep sept septembre septiembre settembre set setembro wrzesień "
    "września wrz сентябрь сентября сен сент eylül eyl syyskuu",
    "october oct oktober okt octobre octubre ottobre ott outubro out październik "
    "października paź октябрь октября окт ekim eki lokakuu",
    "november nov novembre noviembre novembro listopad listopada lis ноябрь ноября ноя kasım kas marraskuu",
    "december dec dezember dez décembre déc decembre diciembre dic dicembre dezembro desember des "
    "grudzień grudnia gru декабрь декабря дек aralık ara joulukuu desember",
]
MONTHS = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
"""Month word, casefolded -> its number."""


def normalise(raw: str, *, order: str = "", latest: str = "", **context: str) -> str:
    """The date at the precision written.

    ``order`` ("dmy", "mdy", "ymd") reads ``03/04/1990``, which is refused without it unless only one reading is a date.
    Day first is taken where dots part the numbers, as no country writes the month first with dots. A time behind the
    date is cut.
    ``latest``: the last year that two digits may mean (2029). Zero month or day means not known. Years 1800 to 2100.
    """
    text = plain_digits(clean(raw, most=100)).strip("\"' ")
    refuse_placeholder(text)
    text = re.sub(r"[T\s,]+\d{1,2}:\d{2}.*$", "", text)
    year, month, day = _parts(text, order, int(latest) if latest.isdigit() else LATEST_YEAR)
    return written(year, month, day, text)


def written(year: int, month: int, day: int, text: str) -> str:
    """ISO 8601 of the parts (0 for not known); refuses what is no date."""
    if not 1800 <= year <= 2100:
        hint = " (Buddhist calendar?)" if 2400 <= year <= 2600 else ""
        raise ValueRefused(f"“{text}”: {year} is not a year between 1800 and 2100{hint}.")
    if month == 0:
        return f"{year:04d}"
    if not 1 <= month <= 12:
        raise ValueRefused(f"“{text}”: {month} is not a month.")
    if day == 0:
        return f"{year:04d}-{month:02d}"
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise ValueRefused(f"“{text}”: {year:04d}-{month:02d} has no day {day}.")
    return f"{year:04d}-{month:02d}-{day:02d}"


def full_year(digits: str, latest: int = LATEST_YEAR) -> int:
    """Four digits as they are; two digits as the last such year up to ``latest``."""
    year = int(digits)
    return year if len(digits) > 2 else latest - (latest - year) % 100


def month_of(word: str) -> int | None:
    """The month that a word names in one of some fifteen languages, or None."""
    return MONTHS.get(word.casefold().strip(". ,"))


def _parts(text: str, order: str, latest: int) -> tuple[int, int, int]:
    if found := re.fullmatch(r"(\d{4})(?:[-/.: ]\s?(\d{1,2})(?:[-/.: ]\s?(\d{1,2})\.?)?)?", text):
        return int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found := re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text):
        return int(found[1]), int(found[2]), int(found[3])
    if found := re.fullmatch(r"(\d{4})\s*[年년]\s*(?:(\d{1,2})\s*[月월]\s*(?:(\d{1,2})\s*[日일号]?)?)?", text):
        return int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found := re.fullmatch(r"(\d{1,2})[-/.](\d{4})", text):
        return int(found[2]), int(found[1]), 0
    if found := re.fullmatch(r"(\d{1,2})\s*([-/. ])\s*(\d{1,2})\s*\2\s*(\d{4}|'?\d{2})\.?", text):
        return _three(found[1], found[3], found[4].lstrip("'"), found[2], order, text, latest)
    return _with_word(text, latest)


def _three(first: str, second: str, third: str, mark: str, order: str, text: str, latest: int) -> tuple[int, int, int]:
    one, two = int(first), int(second)
    order = order.strip().lower()
    if order == "ymd" and len(third) == 2:
        return full_year(first.zfill(2), latest), two, int(third)
    year = full_year(third, latest)
    if 0 in (one, two):  # 00/00/1990, 00.05.1990: day or month not known
        if one == two:
            return year, 0, 0
        return (year, two, 0) if one == 0 else (year, 0, 0)
    if one > 12 or two > 12:
        return (year, two, one) if one > 12 else (year, one, two)
    if one == two or order == "dmy" or (mark == "." and order != "mdy"):
        return year, two, one
    if order == "mdy":
        return year, one, two
    raise ValueRefused(
        f"“{text}” is the {one}.{two}. or the {two}.{one}.; say whether the day or the month comes first."
    )


def _with_word(text: str, latest: int) -> tuple[int, int, int]:
    bare = re.sub(r"^[^\W\d_]{2,12}\.?,\s*", "", text)  # Tuesday,
    bare = re.sub(r"\s+(?:de|del|of)\s+", " ", bare, flags=re.IGNORECASE)
    if found := re.fullmatch(
        r"(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.|e)?[\s-]*([^\W\d_]{3,12})[.,]?[\s-]*('?\d{2}|\d{4})", bare, re.IGNORECASE
    ):
        day, word, year = int(found[1]), found[2], found[3]
    elif found := re.fullmatch(
        r"([^\W\d_]{3,12})\.?[\s-]*(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+(\d{4})", bare, re.IGNORECASE
    ):
        day, word, year = int(found[2]), found[1], found[3]
    elif found := re.fullmatch(r"([^\W\d_]{3,12})[.,]?[\s-]*(\d{4})", bare):
        day, word, year = 0, found[1], found[2]
    elif found := re.fullmatch(r"(\d{4})[\s-]+([^\W\d_]{3,12})\.?[\s-]+(\d{1,2})", bare):
        day, word, year = int(found[3]), found[2], found[1]
    else:
        raise ValueRefused(f"“{text[:60]}” is not a date in a notation known here.")
    month = month_of(word)
    if month is None:
        raise ValueRefused(f"“{text[:60]}”: “{word}” is not a month in a language known here.")
    return full_year(year.lstrip("'"), latest), month, day
