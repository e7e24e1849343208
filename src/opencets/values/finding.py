"""Identifiers in free text: e-mail and web addresses, international telephone numbers, IP and wallet addresses, IBANs.

Every pattern is bounded, so the time grows with the length of the text and with nothing else, whatever the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from opencets.errors import ValueRefused
from opencets.values import email, iban, ip, phone, url, wallet


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """One identifier in a text: ``text[start:end] == raw``; ``normal`` is canonical for ``kind``."""

    start: int
    end: int
    kind: str
    raw: str
    normal: str


# Word ends are those of ASCII words: in Chinese, Japanese and Thai an address stands in the text without spaces
# around it.
_URL = re.compile(
    r"(?<!\w)(?:(?:https?|hxxps?|ftp)(?:\[:\]|:)//|www\.(?=\w))[^\s\u00a0\u3000<>\"“”。，、）」]{3,2000}",
    re.IGNORECASE | re.ASCII,
)
_LOCAL_END = re.compile(r"[\w!#$%&'*/=?^`{|}~.+-]{1,64}\Z")
_LOCAL_END_ASCII = re.compile(_LOCAL_END.pattern, re.ASCII)
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}")
_DOMAIN_ASCII = re.compile(_DOMAIN.pattern, re.ASCII)
_PHONE = re.compile(r"(?<![A-Za-z0-9_+/.,=-])(?:\(?\+|00)[ ]?\d(?:[ ().\-/\u00a0\u2011]{0,3}\d){6,14}(?!\d)")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-fA-F:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:])", re.ASCII)
_WALLET = re.compile(
    r"(?<!\w)(?:0x[0-9a-fA-F]{40}|(?:bc|ltc)1[02-9ac-hj-np-z]{11,87}|[1-9A-HJ-NP-Za-km-z]{26,106})(?!\w)", re.ASCII
)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,38}(?!\w)", re.ASCII)
_LEAST_LETTERS = 15  # the shortest IBAN (Norway)


def find_in_text(text: str) -> list[Found]:
    """The identifiers in ``text``, in order, none inside another.

    A web address wins over what stands inside it. Numbers must be valid in their country's plan, wallets and IBANs pass
    their checksum; a national telephone number is not taken, because a text does not say of which country.
    """
    taken: list[Found] = []
    for candidates in (_urls, _emails, _wallets, _ibans, _addresses, _phones):
        starts = [found.start for found in taken]
        free = []
        for found in candidates(text):
            place = bisect_right(starts, found.start)
            clear_before = place == 0 or taken[place - 1].end <= found.start
            clear_after = place == len(taken) or taken[place].start >= found.end
            if clear_before and clear_after:
                free.append(found)
        taken = sorted(taken + free)
    return taken


def _urls(text: str) -> Iterator[Found]:
    for match in _URL.finditer(text):
        raw = match[0].rstrip(".,;:!?'*_…’»")
        while raw.endswith((")", "]", "}")) and raw.count(raw[-1]) > raw.count({")": "(", "]": "[", "}": "{"}[raw[-1]]):
            raw = raw[:-1].rstrip(".,;:!?'")
        try:
            normal = url.normalise(raw)
        except ValueRefused:
            continue
        yield Found(match.start(), match.start() + len(raw), "url", raw, normal)


def _emails(text: str) -> Iterator[Found]:
    behind = 0
    at = text.find("@")
    while at != -1:
        before, after = text[max(behind, at - 64) : at], text[at + 1 : at + 2]
        local = (_LOCAL_END_ASCII if before[-1:].isascii() else _LOCAL_END).search(before)
        domain = (_DOMAIN_ASCII if after.isascii() else _DOMAIN).match(text, at + 1, at + 254)
        if local and domain:
            start = at - len(local[0].lstrip(".'`*/=?{|}!#$%&^~-"))
            raw = text[start : domain.end()].rstrip("-_")
            try:
                normal = email.normalise(raw)
            except ValueRefused:
                pass
            else:
                yield Found(start, start + len(raw), "email", raw, normal)
                behind = start + len(raw)
        at = text.find("@", at + 1)


def _wallets(text: str) -> Iterator[Found]:
    for match in _WALLET.finditer(text):
        if not any(mark.isdigit() for mark in match[0]):
            continue
        try:
            yield Found(match.start(), match.end(), "wallet", match[0], wallet.normalise(match[0]))
        except ValueRefused:
            continue


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        raw = match[0]
        while len(raw) >= _LEAST_LETTERS:  # words in capitals behind the number are given back one by one
            try:
                normal = iban.normalise(raw)
            except ValueRefused:
                cut = raw.rfind(" ")
                if cut < 0:
                    break
                raw = raw[:cut]
            else:
                yield Found(match.start(), match.start() + len(raw), "iban", raw, normal)
                break


def _addresses(text: str) -> Iterator[Found]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            raw = match[0]
            if pattern is _IPV6:
                if raw.count(":") < 2 or not any(mark.isdigit() for mark in raw):
                    continue
                if raw.endswith(":") and not raw.endswith("::"):  # the colon of the sentence
                    raw = raw[:-1]
            try:
                yield Found(match.start(), match.start() + len(raw), "ip", raw, ip.normalise(raw))
            except ValueRefused:
                continue


def _phones(text: str) -> Iterator[Found]:
    matches = list(_PHONE.finditer(text))
    if not matches:
        return
    import phonenumbers

    for match in matches:
        raw = match[0]
        try:
            normal = phone.normalise(raw)
        except ValueRefused:
            continue
        if phonenumbers.is_valid_number(phonenumbers.parse(normal, None)):
            yield Found(match.start(), match.end(), "phone", raw, normal)
