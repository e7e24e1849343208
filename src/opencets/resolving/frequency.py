"""How common a name is where no table can be counted: a fixed list of very common names, the same for every reader.

A count of the records at hand would tell each reader of records that they may not see. What is listed says one in how many
people bears a name where it is most at home; it only takes weight away: a name that is not listed stays as common as the
model takes every name to be.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from opencets.resolving.people import skeleton, words_of_piece


@dataclass(frozen=True, slots=True)
class CommonNames:
    """``bits``: log2 of one in how many bears a word of a name, or what sounds like it."""

    version: str
    bits: Mapping[tuple[str, str], float]

    def rarity(self, column: str, value: str, usual: float) -> float:
        """How rare the value is, at most as rare as is ``usual``."""
        return min(usual, self.bits.get((column, value), usual))


@cache
def common_names() -> CommonNames:
    """The list shipped in ``common_names.yaml``; what sounds alike is as common as its commonest spelling."""
    body = yaml.safe_load(resources.files(__package__).joinpath("common_names.yaml").read_text("utf-8"))
    shares: dict[tuple[str, str], float] = defaultdict(float)
    for one_in, names in body["one_in"].items():
        for word in {token for name in names.split() for token, _ in words_of_piece(name)}:
            shares["token", word] = max(shares["token", word], 1 / one_in)
    for (_, word), share in list(shares.items()):
        shares["skeleton", skeleton(word)] = max(shares["skeleton", skeleton(word)], share)
    return CommonNames(body["version"], {key: -math.log2(share) for key, share in shares.items()})
