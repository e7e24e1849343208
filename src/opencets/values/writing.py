"""What the kinds share about written text: cleaning, digits of every script, placeholders. Not a kind itself."""

from __future__ import annotations

import re
import unicodedata

from opencets.errors import ValueRefused

# Marks without a glyph: zero-width, direction (chat exports are full of them), soft hyphen, byte order mark.
# Joiners (U+200C, U+200D) stay: names and emoji need them.
_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x200B, 0x200E, 0x200F, 0x061C, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)

_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")
_UNSTORABLE = re.compile("[\ud800-\udfff]|\0")

PLACEHOLDERS = frozenset(
    [
        "unknown",
        "unkown",
        "unk",
        "none",
        "null",
        "n/a",
        "n.a.",
        "n.a",
        "na/na",
        "not_available",
        "not-available",
        "-",
        "--",
        "---",
        ".",
        "..",
        "...",
        "?",
        "??",
        "???",
        "*",
        "**",
        "***",
        "x",
        "xx",
        "xxx",
        "undefined",
        "unnamed",
        "anonymous",
        "anon",
        "test",
        "tester",
        "testing",
        "default",
        "empty",
        "blank",
        "missing",
        "withheld",
        "private",
        "restricted",
        "unbekannt",
        "keine",
        "kein",
        "inconnu",
        "aucun",
        "inconnue",
        "desconocido",
        "desconocida",
        "ninguno",
        "sconosciuto",
        "sconosciuta",
        "nessuno",
        "onbekend",
        "geen",
        "desconhecido",
        "desconhecida",
        "nenhum",
        "okänd",
        "ukendt",
        "ukjent",
        "tuntematon",
        "nieznany",
        "nieznana",
        "neznámý",
        "неизвестно",
        "неизвестный",
        "неизвестная",
        "нет",
        "غير_معروف",
        "مجهول",
        "不明",
        "未知",
        "不详",
        "無",
        "无",
        "なし",
        "알수없음",
        "none_given",
        "not_known",
        "not_given",
        "no_name",
        "noname",
        "deleted_user",
        "deleted",
        "user",
        "name",
        "username",
        "#n/a",
        "#ref!",
        "#value!",
        "(null)",
        "<null>",
        "[null]",
        "[none]",
        "undisclosed",
    ]
)
"""Words that stand where a value is missing, casefolded, spaces as underscores.

Refused by names, handles and numbers.
"""


def clean(raw: str, *, most: int = 4096) -> str:
    """``raw`` in NFC without invisible marks, controls as spaces, one space between words.

    Refuses empty or longer than ``most``.
    """
    if len(raw) > 8 * most:
        raise ValueRefused(f"The text is {len(raw):,} characters long, more than {most:,}; it is not such a value.")
    text = _CONTROL.sub(" ", raw)
    if not text.isascii():
        text = whole(unicodedata.normalize("NFC", text.translate(_INVISIBLE)))
    text = " ".join(text.split())
    if not text:
        raise ValueRefused("The text is empty.")
    if len(text) > most:
        raise ValueRefused(f"The text is {len(text):,} characters long, more than {most:,}; it is not such a value.")
    return text


def whole(text: str) -> str:
    """``text`` with lone surrogates and NUL replaced by U+FFFD: no database and no UTF-8 file can keep them."""
    return _UNSTORABLE.sub("\ufffd", text)


def plain_digits(text: str) -> str:
    """``text`` with the decimal digits of every script written 0-9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(mark)) if unicodedata.category(mark) == "Nd" else mark for mark in text)


def is_placeholder(text: str) -> bool:
    """Whether ``text`` only says that there is no value (in one of some twenty languages)."""
    return text.casefold().strip(" \"'").replace(" ", "_") in PLACEHOLDERS or not any(mark.isalnum() for mark in text)


def refuse_placeholder(text: str) -> None:
    """Refuses a text that only says that there is no value."""
    if is_placeholder(text):
        raise ValueRefused(f"“{text[:40]}” stands for a missing value.")


def refuse_lost_digits(text: str) -> None:
    """Refuses ``1.30742E+18``: a spreadsheet has rounded a long number, the digits are gone."""
    if re.fullmatch(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d{1,3}", text):
        raise ValueRefused(f"“{text}” was rounded by a spreadsheet; the last digits are lost. Read the column as text.")
