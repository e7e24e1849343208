"""Keccak-256 against the published vectors, and every address form against a changed letter."""

from __future__ import annotations

import pytest

from opencets.errors import ValueRefused
from opencets.values.wallet import keccak_256, normalise

ADDRESSES = [
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
]


def test_keccak_gives_the_published_digests() -> None:
    assert keccak_256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak_256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"


def test_keccak_pads_every_length_around_a_block() -> None:
    assert len({keccak_256(b"a" * length) for length in range(130, 280)}) == 150


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_passes_and_one_changed_letter_does_not(address: str) -> None:
    assert normalise(address).endswith((address, address.lower()))
    place = len(address) // 2
    swapped = "q" if address[place] != "q" else "p"
    if address.startswith("0x"):
        place = next(index for index, mark in enumerate(address) if index > 1 and mark.isalpha())
        swapped = address[place].swapcase()
    with pytest.raises(ValueRefused):
        normalise(address[:place] + swapped + address[place + 1 :])
