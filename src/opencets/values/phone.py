"""Telephone numbers. Canonical: E.164 (``+442079460123``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opencets.errors import ValueRefused
from opencets.values import Variant
from opencets.values.writing import clean, plain_digits, refuse_lost_digits

if TYPE_CHECKING:
    import phonenumbers

_CHAT_ADDRESS = re.compile(r"(\d{6,15})(?:[:.]\d{1,3})?@(?:s\.whatsapp\.net|c\.us)", re.IGNORECASE)


def normalise(raw: str, *, country: str = "", **context: str) -> str:
    """The number in E.164.

    ``country`` (ISO 3166-1 alpha-2) reads national numbers. Without it, a number needs +, 00, or to be a valid
    international number as it stands. WhatsApp addresses (``4420…@s.whatsapp.net``) give their number.
    Refuses impossible lengths, numbers without their area code, runs of one digit and rounded spreadsheet numbers.
    """
    import phonenumbers  # 0.15 s to load: only those who read numbers pay

    text = plain_digits(clean(raw, most=120))
    refuse_lost_digits(text)
    if chat := _CHAT_ADDRESS.fullmatch(text):
        text = "+" + chat[1]
    if "@" in text:
        raise ValueRefused(f"“{text[:60]}” is the address of a group or a mailbox, not a telephone number.")
    text = re.sub(r"^(?:tel|sms|whatsapp|callto|phone|mobile|fax)\s*:\s*", "", text, flags=re.IGNORECASE).strip("'\" ")
    text = re.sub(r"(?<=\d)\.0$", "", text.replace("＋", "+"))
    digits = re.sub(r"\D", "", text)
    if not 5 <= len(digits) <= 20 or len(text) > 60:
        raise ValueRefused(f"“{text[:40]}” does not have the digits of a telephone number.")
    if len(set(digits)) == 1 or digits in ("1234567890", "0123456789", "123456789", "12345678", "987654321"):
        raise ValueRefused(f"“{text}” is a filler, not a telephone number.")
    international = text.startswith("+") or re.match(r"\(\s*\+", text) is not None
    if not international and digits.startswith("00") and len(digits) >= 9:
        text, international = "+" + digits[2:], True
    region = country.strip().upper()
    if international:
        return _e164(_parse(text if text.startswith("+") else "+" + digits, None), text)
    if region:
        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueRefused(
                f"“{country}” is not a country code of two letters; “{text}” cannot be read without one."
            )
        national = _parse(text, region)
        if phonenumbers.is_valid_number(national):
            return _e164(national, text)
    if len(digits) >= 10 and not digits.startswith("0"):
        try:
            whole = _parse("+" + digits, None)
        except ValueRefused:
            whole = None
        if whole is not None and phonenumbers.is_valid_number(whole):
            return _e164(whole, text)
    if not region:
        raise ValueRefused(f"“{text}” is a national number; say of which country.")
    return _e164(national, text)


def variants(normal: str) -> tuple[Variant, ...]:
    """The last eight digits: what stays when a country or an area was read wrongly."""
    digits = normal.removeprefix("+")
    return (Variant(f"tail:{digits[-8:]}", "country and area"),) if len(digits) > 8 else ()


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber:
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValueRefused(f"“{text[:40]}” is not a telephone number.") from None


def _e164(number: phonenumbers.PhoneNumber, text: str) -> str:
    import phonenumbers

    why = phonenumbers.is_possible_number_with_reason(number)
    if why == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        raise ValueRefused(f"“{text}” lacks its area code.")
    if why != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueRefused(f"“{text}” does not have the length of a number of its country.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
