"""Account numbers.

Canonical: ``service:number``. Case is kept. Without its service a number names nobody and is refused.
"""

from __future__ import annotations

import re

from opencets.errors import ValueRefused
from opencets.values.services import is_service, service_name
from opencets.values.writing import clean, plain_digits, refuse_lost_digits, refuse_placeholder


def normalise(raw: str, *, service: str = "", **context: str) -> str:
    """The account number with its service (a prefix, or ``service``). Refuses 0, -1, fillers, rounded numbers.

    Refused too without a service: 1001 is another person's account in every shop.
    """
    text = plain_digits(clean(raw, most=300))
    of, colon, rest = text.partition(":")
    own = service_name(service) if service.strip() else ""
    if (
        colon
        and rest.strip()
        and (
            is_service(of) or (own and of.strip().casefold() == own) or (not own and re.fullmatch(r"[\w.+-]{2,40}", of))
        )
    ):
        own, text = service_name(of), rest
    number = re.sub(r"(?<=\d)\.0$", "", text.strip(" \"'"))
    refuse_lost_digits(number)
    refuse_placeholder(number)
    if re.fullmatch(r"-?0+|-1", number) or number.replace("-", "") == "0" * 32:
        raise ValueRefused(f"“{number}” stands for a missing account number.")
    if own in ("", "unknown"):
        raise ValueRefused(f"“{number}”: say of which service the account number is.")
    return f"{own}:{number}"
