"""Invented identifiers that pass their own checks and belong to nobody: telephone, IMEI, wallet, address, screen name.

Every function takes an index and gives one value for it, always the same and different for different indices,
so a world of a million records shares a value only where sharing was planned.
Ranges: Ofcom's and NANPA's numbers for drama use, RFC 5737 and RFC 3849 documentation addresses, RFC 2606 domains,
the GSMA's test allocation 00 for IMEI.
"""

from __future__ import annotations

import hashlib

UK_DRAMA_AREAS = ("113", "114", "116", "117", "118", "121", "131", "141", "151", "161")
US_AREAS = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 "
    "248 251 252 253 254 256 260 262 267 269 270 272 276 281 301 302 303 304 305 307 308 309 310 312 313 "
    "314 315 316 317 318 319 320 321 323 325 330 331 334 336 337 339 347 351 352 360 361 386 401 402 404 "
    "405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 443 458 469 470 475 "
    "478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520 530 540 541 551 559 "
    "561 562 563 567 570 571 573 574 575 580 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 "
    "617 618 619 620 623 626 630 631 636 641 646 650 651 660 661 662 678 682 701 702 703 704 706 707 708 "
    "712 713 714 715 716 717 718 719 720 724 727 731 732 734 740 754 757 760 763 765 770 772 773 774 775 "
    "781 785 786 801 802 803 804 805 806 808 810 812 813 814 815 816 817 818 828 830 831 832 843 845 847 "
    "848 850 856 857 858 859 860 862 863 864 865 870 901 903 904 906 907 908 909 910 912 913 914 915 916 "
    "917 918 919 920 925 928 931 936 937 940 941 949 951 952 954 956 970 971 972 973 978 979 980 985 989"
).split()

_LONDON = 1_000
_UK = _LONDON + 1_000 * len(UK_DRAMA_AREAS)
PHONES = _UK + 100 * len(US_AREAS)
"""How many different telephone numbers there are; an index beyond has none."""

SYLLABLES = tuple(c + v for c in "b d f g k l m n p q r s t v x z".split() for v in ["a", "e", "i", "o"])
FRAGMENTS = (
    "quill", "zephyr", "umbra", "vortex", "ember", "lichen", "cobalt", "marrow", "tundra", "saffron", "gossamer",
    "plinth", "vellum", "thistle", "obsidian", "quartz", "juniper", "kestrel", "lantern", "mistral", "nettle",
    "onyx", "peregrine", "russet", "sorrel", "tamarind", "ultramar", "verdigris", "willow", "xylem", "yarrow", "zinnia",
)  # fmt: skip
_SPACE = len(SYLLABLES) ** 4
RESERVED = 16_000_000
"""Indices from here on belong to planted people; background people count from 0."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_IPV4 = ("192.0.2", "198.51.100", "203.0.113")
HOURS = 17_520
"""Hours of log-ins: two years from 2024-01-01."""


def phone(index: int) -> str | None:
    """The ``index``-th telephone number in E.164 form, or None where the fictional ranges are used up."""
    if index < 0 or index >= PHONES:
        return None
    if index < _LONDON:
        return f"+4420794{6_0000 + (index * 617) % 1000:05d}"
    if index < _UK:
        area, rest = divmod(index - _LONDON, 1000)
        return f"+44{UK_DRAMA_AREAS[area]}4960{(rest * 617) % 1000:03d}"
    area, rest = divmod(index - _UK, 100)
    return f"+1{US_AREAS[area]}55501{(rest * 37) % 100:02d}"


def phone_national(number: str) -> str:
    """The same number as people of its country write it, for example ``020 7946 0123`` or ``(202) 555-0123``."""
    if number.startswith("+4420"):
        return f"020 {number[5:9]} {number[9:]}"
    if number.startswith("+44"):
        return f"0{number[3:6]} {number[6:9]} {number[9:]}"
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


def phone_spaced(number: str) -> str:
    """The same number in international notation with spaces or hyphens, so that it differs from E.164."""
    if number.startswith("+4420"):
        return f"+44 20 {number[5:9]} {number[9:]}"
    if number.startswith("+44"):
        return f"+44 (0){number[3:6]} {number[6:9]} {number[9:]}"
    return f"+1 {number[2:5]}-{number[5:8]}-{number[8:]}"


def syllables(index: int, key: int) -> str:
    """Eight letters, different for every index below 16,777,216; ``key`` chooses another order."""
    rest = (index * (2 * (key % 4_000_000) + 1_000_003) + key * 7919) % _SPACE
    parts = []
    for _ in range(4):
        rest, part = divmod(rest, len(SYLLABLES))
        parts.append(SYLLABLES[part])
    return "".join(parts)


def screen_name(index: int) -> str:
    """A screen name that no other index has: a rare word and eight letters of its own."""
    return f"{FRAGMENTS[index % len(FRAGMENTS)]}.{syllables(index, 31)}"


def email(index: int, local: str) -> str:
    """An address under a documentation domain; ``local`` is what a person reads, the letters after it make it unique."""
    host = ("example.org", "example.net", "example.com")[index % 3]
    return f"{local}.{syllables(index, 53)}@{host}"


def account_number(index: int) -> str:
    """A service's number of an account: ten digits."""
    return str(1_000_000_000 + (index * 7_919_777) % 8_999_999_999)


def program_number(account: str) -> str:
    """A chat program's own number of an account: ten digits, different for different accounts."""
    return str(10**9 + int.from_bytes(hashlib.sha256(account.encode()).digest()[:6]) % (9 * 10**9))


def luhn(digits: str) -> str:
    """The check digit of ``digits`` by the Luhn formula (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def imei(index: int) -> str:
    """A 15-digit IMEI of the test allocation with its check digit (3GPP TS 23.003, annex B)."""
    body = f"0010{(index * 7_919) % 10_000_000_000:010d}"
    return body + luhn(body)


def device_serial(index: int) -> str:
    """A device's serial number: two letters and eight characters."""
    return "RH" + syllables(index, 71).upper()


def camera_serial(index: int) -> str:
    """A camera body's serial number: ten digits, never a default one."""
    return f"7{(index * 104_729 + 31) % 1_000_000_000:09d}"


def wallet(index: int) -> str:
    """A Bitcoin address with a right checksum whose key nobody holds: the hash is that of a sentence, not of a key."""
    payload = hashlib.sha256(f"rehearsal wallet {index}".encode()).digest()[:20]
    return _segwit(payload) if index % 2 else _base58check(b"\x00" + payload)


def ipv4(index: int) -> str:
    """An address of the three documentation networks."""
    network, host = divmod(index % 762, 254)
    return f"{_IPV4[network]}.{host + 1}"


def ip_and_hour(index: int) -> tuple[str, int]:
    """An address and an hour of use; the pair is different for each of 13 million indices, IPv6 beyond and each fifth."""
    if index % 5 == 4 or index >= 13_000_000:
        return f"2001:db8:{index >> 16 & 0xFFFF:x}:{index & 0xFFFF:x}::1", index % HOURS
    mixed = (index * 1_000_003) % (762 * HOURS)
    return ipv4(mixed // HOURS), mixed % HOURS


def _base58check(payload: bytes) -> str:
    raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\x00"))) + text


def _segwit(payload: bytes) -> str:
    """Version 0 witness program in Bech32 (BIP 173)."""
    bits = int.from_bytes(payload)
    values = [0] + [bits >> shift & 31 for shift in range(len(payload) * 8 - 5, -1, -5)]
    prefix = [3, 3, 0, 2, 3]  # "bc" expanded: high bits, zero, low bits
    check = _polymod([*prefix, *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return "bc1" + "".join(_BECH32[value] for value in values)


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    return check
