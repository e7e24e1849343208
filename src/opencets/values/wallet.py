"""Crypto-currency addresses. Canonical: ``currency:address``, checksum verified.

Bitcoin, Litecoin, Dogecoin, Tron, Zcash (Base58Check), Bitcoin and Litecoin (Bech32: BIP 173, Bech32m: BIP 350),
Ethereum (EIP-55), Monero (its own Base58 with Keccak). Keccak-256 is written out below: SHA3-256 pads differently.
"""

from __future__ import annotations

import hashlib
import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_PLACE = {mark: place for place, mark in enumerate(_BASE58)}
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# Base58Check version bytes. 5 is also Litecoin's old script version: such an address is given as Bitcoin's.
_VERSIONS = {
    b"\x00": "bitcoin",
    b"\x05": "bitcoin",
    b"\x30": "litecoin",
    b"\x32": "litecoin",
    b"\x1e": "dogecoin",
    b"\x16": "dogecoin",
    b"\x41": "tron",
    b"\x1c\xb8": "zcash",
    b"\x1c\xbd": "zcash",
}
_HUMAN_PARTS = {"bc": "bitcoin", "ltc": "litecoin"}
_CURRENCIES = {
    "bitcoin",
    "litecoin",
    "dogecoin",
    "tron",
    "zcash",
    "ethereum",
    "monero",
    "btc",
    "ltc",
    "doge",
    "trx",
    "zec",
    "eth",
    "xmr",
}
_MONERO_NETWORKS = {18: "monero", 19: "monero", 42: "monero"}
_KNOWN_UNUSABLE = frozenset(["0x" + "0" * 40, "0x000000000000000000000000000000000000dead"])


def normalise(raw: str, **context: str) -> str:
    """The address with its currency; a prefix (``bitcoin:``) and a payment request behind ``?`` go.

    Refuses a wrong checksum.
    """
    text = clean(raw, most=400).strip("\"'<>(), ")
    prefix, colon, rest = text.partition(":")
    if colon and prefix.strip().lower() in _CURRENCIES:
        text = rest.strip().removeprefix("//")
    text = text.partition("?")[0].strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]{40}", text):
        return "ethereum:" + _ethereum(text)
    if re.fullmatch(r"(?:bc|ltc)1[02-9ac-hj-np-z]{6,87}", text.lower()) and text in (text.lower(), text.upper()):
        return _bech32(text.lower())
    if re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{95}|[1-9A-HJ-NP-Za-km-z]{106}", text) and text[0] in "48":
        return "monero:" + _monero(text)
    if re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{25,36}", text):
        return _base58(text)
    raise ValueRefused(f"“{text[:100]}” does not have the form of a crypto-currency address known here.")


def _refuse(text: str) -> ValueRefused:
    return ValueRefused(f"“{text[:100]}” is not a crypto-currency address: its checksum is wrong.")


def _base58(text: str) -> str:
    number = 0
    for mark in text:
        number = number * 58 + _BASE58_PLACE[mark]
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    body = b"\0" * (len(text) - len(text.lstrip("1"))) + body
    payload, check = body[:-4], body[-4:]
    if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] != check:
        raise _refuse(text)
    version = payload[:-20]
    if version not in _VERSIONS:
        raise ValueRefused(
            f"“{text[:100]}” is an address of a currency not known here (version {version.hex() or 'none'})."
        )
    return f"{_VERSIONS[version]}:{text}"


def _bech32(text: str) -> str:
    human, _, coded = text.rpartition("1")
    values = [_BECH32.find(mark) for mark in coded]
    if len(values) < 8 or -1 in values:
        raise _refuse(text)
    expanded = [ord(mark) >> 5 for mark in human] + [0] + [ord(mark) & 31 for mark in human]
    check = _polymod(expanded + values)
    version = values[0]
    # BIP 350: version 0 keeps Bech32 (1), later versions use Bech32m (0x2bc830a3).
    if version > 16 or check != (1 if version == 0 else 0x2BC830A3):
        raise _refuse(text)
    bits = (len(values) - 7) * 5
    program = bits // 8
    if bits % 8 > 4 or not 2 <= program <= 40 or (version == 0 and program not in (20, 32)):
        raise _refuse(text)
    return f"{_HUMAN_PARTS[human]}:{text}"


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> place & 1:
                check ^= generator
    return check


def _ethereum(text: str) -> str:
    digits = text[2:]
    lower = digits.lower()
    if "0x" + lower in _KNOWN_UNUSABLE or len(set(lower)) == 1:
        raise ValueRefused(f"“{text}” is nobody's: coins are sent there to destroy them.")
    # EIP-55: a letter is a capital where the hash of the lower-case text has a nibble of 8 or more; one case only
    # means unchecked.
    if digits not in (lower, digits.upper()):
        nibbles = keccak_256(lower.encode("ascii")).hex()
        if any(
            mark.isalpha() and mark.isupper() != (int(nibbles[place], 16) >= 8) for place, mark in enumerate(digits)
        ):
            raise _refuse(text)
    return "0x" + lower


def _monero(text: str) -> str:
    sizes = {2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}
    body = b""
    for start in range(0, len(text), 11):
        block = text[start : start + 11]
        number = 0
        for mark in block:
            number = number * 58 + _BASE58_PLACE[mark]
        size = sizes.get(len(block))
        if size is None or number >= 1 << 8 * size:
            raise _refuse(text)
        body += number.to_bytes(size, "big")
    if keccak_256(body[:-4])[:4] != body[-4:] or body[0] not in _MONERO_NETWORKS:
        raise _refuse(text)
    return text


def _rotations() -> tuple[list[int], list[tuple[int, int]]]:
    """The round constants and the rotation of each lane, by the recurrences of the Keccak reference, section 1.2."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    lanes, place, turn = [], 1, 0
    x, y = 1, 0
    for step in range(24):
        turn = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
        place = x + 5 * y
        lanes.append((place, turn))
    return constants, lanes


_CONSTANTS, _LANES = _rotations()
_MASK = (1 << 64) - 1


def keccak_256(message: bytes) -> bytes:
    """The 32-byte Keccak-256 of a message (rate 1088, padding 0x01…0x80, as Ethereum and Monero use it)."""
    rate = 136
    padded = bytearray(message) + b"\x01" + b"\0" * (-(len(message) + 1) % rate)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> None:
    for constant in _CONSTANTS:
        columns = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        for x in range(5):
            parity = columns[x - 1] ^ ((columns[(x + 1) % 5] << 1 | columns[(x + 1) % 5] >> 63) & _MASK)
            for y in range(0, 25, 5):
                state[x + y] ^= parity
        carried = state[1]
        for place, turn in _LANES:
            carried, state[place] = state[place], (carried << turn | carried >> 64 - turn) & _MASK
        for y in range(0, 25, 5):
            row = state[y : y + 5]
            for x in range(5):
                state[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _MASK)
        state[0] ^= constant
