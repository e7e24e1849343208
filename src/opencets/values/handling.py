"""The label of a record or of what is derived from records: handling code, TLP, conditions, and whose it is.

Handling code: UK 3x5x2 (College of Policing, APP Information management: intelligence report), P lawful sharing permitted, C lawful
sharing permitted with conditions. TLP: Traffic Light Protocol 2.0 (FIRST, August 2022), beside the code for partners that use it.
Of several labels the most restrictive wins; what has no code is not shared, so it is the most restrictive of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opencets.errors import ValueRefused

TLP = {
    "CLEAR": "may be shared without limit",
    "GREEN": "within the community, not in public",
    "AMBER": "within the recipient's organisation and its clients, as far as they need to know",
    "AMBER+STRICT": "within the recipient's organisation alone, as far as they need to know",
    "RED": "for the named recipients alone",
}
"""The labels of TLP 2.0 with what they allow, the least restrictive first."""
CODES = {"P": "lawful sharing permitted", "C": "lawful sharing permitted with conditions"}
"""The handling codes with their meaning, the least restrictive first."""
_TLP = ("", *TLP)
_CODES = (*CODES, "")


@dataclass(frozen=True, slots=True)
class Label:
    """How something may be passed on. ``tlp`` empty: its owner does not use TLP. ``originators``: who alone passes it on."""

    code: str
    tlp: str = ""
    conditions: tuple[str, ...] = ()
    originators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.code not in _CODES or self.tlp not in _TLP:
            raise ValueRefused(f"Not a label: code {self.code!r}, TLP {self.tlp!r}.")

    @property
    def rank(self) -> tuple[int, int]:
        """How restrictive code and TLP are; a higher number is more so."""
        return _CODES.index(self.code), _TLP.index(self.tlp)

    def text(self) -> str:
        """The label as one line, for a file that carries one."""
        parts = [f"Handling code {self.code}, {CODES[self.code]}" if self.code else "No handling code, not shared"]
        if self.tlp:
            parts.append(f"TLP:{self.tlp}, {TLP[self.tlp]}")
        if self.conditions:
            parts.append(f"Conditions: {'; '.join(self.conditions)}")
        if self.originators:
            parts.append(f"Passed on by {' and '.join(self.originators)} alone")
        return ". ".join(parts) + "."


def label_of(code: str, tlp: str = "", conditions: str = "", originator: str = "") -> Label:
    """The label of one holding. ValueRefused: no such code or TLP label."""
    conditions, originator = " ".join(conditions.split()), originator.strip()
    return Label(code, tlp, (conditions,) if conditions else (), (originator,) if originator else ())


def most_restrictive(labels: Iterable[Label]) -> Label:
    """The label of what is derived from all of these: each part the most restrictive, all conditions, all originators.

    Neither order nor repetition matters. ValueRefused: of nothing, for then nobody has said that it may be shared.
    """
    found = list(labels)
    if not found:
        raise ValueRefused("What is derived from nothing has no label.")
    return Label(
        code=_CODES[max(label.rank[0] for label in found)],
        tlp=_TLP[max(label.rank[1] for label in found)],
        conditions=tuple(sorted({condition for label in found for condition in label.conditions})),
        originators=tuple(sorted({name for label in found for name in label.originators})),
    )


def read_tlp(text: str) -> str:
    """A TLP label as somebody wrote it: ``TLP:AMBER+STRICT``, ``amber strict``. TLP 1.0's WHITE is CLEAR (FIRST, TLP 2.0).

    ValueRefused: it is none.
    """
    words = text.upper().replace("TLP", " ").replace(":", " ").replace("+", " ").replace("-", " ").split()
    name = "+".join(words).replace("WHITE", "CLEAR")
    if name not in TLP:
        raise ValueRefused(f"Not a TLP 2.0 label: {text[:40]!r}; one of {', '.join(f'TLP:{one}' for one in TLP)}.")
    return name
