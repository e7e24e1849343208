"""Serial numbers of devices and cameras: what the two kinds share. Not a kind itself."""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, is_placeholder, plain_digits, refuse_lost_digits

_DEFAULTS = frozenset(
    [
        "default string", "to be filled by o.e.m.", "to be filled by oem", "system serial number",
        "chassis serial number",
        "base board serial number", "not specified", "not applicable", "not available", "serial", "serial number",
        "serialnumber", "sn", "s/n", "no serial", "invalid", "oem", "0123456789abcdef", "123456789abcdef", "abcdef",
        "abc123", "emulator", "android", "xxxxxxxxxx", "deadbeef",
    ]
)  # fmt: skip
_COMPANY = re.compile(
    r"[\s,]+(?:corporation|corp|company|co|ltd|limited|inc|incorporated|gmbh|ag|llc|imaging|optical|electronics|digital)\.?$"
)


def maker_model_serial(raw: str, maker: str, model: str) -> str:
    """``maker|model|serial`` in lower case; ``maker`` and ``model`` fill what the text itself lacks."""
    text = plain_digits(clean(raw, most=300)).lower()
    text = " ".join(text.split())
    if text.count("|") == 2:
        maker, model, text = text.split("|")
    serial = text.strip(" \"'#:").replace("|", "/")
    serial = re.sub(r"^(?:serial(?: number| no\.?)?|s/n|sn)\s*[:#=]\s*", "", serial).strip()
    refuse_lost_digits(serial)
    bare = re.sub(r"[^\w]", "", serial)
    if serial in _DEFAULTS or is_placeholder(serial) or len(set(bare.lstrip("0"))) <= 1 or _is_run(bare):
        raise ValueRefused(f"“{serial or raw[:40]}” is a default number that many devices carry.")
    maker, model = _company(maker), _tidy(model)
    while maker and model.startswith(maker + " "):
        model = model[len(maker) + 1 :]
    least = 4 if maker or model else 8
    if len(bare) < least:
        raise ValueRefused(
            f"“{serial}” is too short to name one device{'' if least == 4 else ' without its maker and model'}."
        )
    return f"{maker}|{model}|{serial}"


def _tidy(text: str) -> str:
    return " ".join(clean(text, most=120).lower().replace("|", "/").split()) if text.strip() else ""


def _company(text: str) -> str:
    text, before = _tidy(text), ""
    while text != before:
        before, text = text, _COMPANY.sub("", text).strip(" ,.")
    return text


def _is_run(bare: str) -> bool:
    """1234567, 0123456789, 987654321: counting, not numbering."""
    return (
        len(bare) >= 4
        and bare.isdigit()
        and any(bare in run for run in ("01234567890123456789", "98765432109876543210"))
    )
