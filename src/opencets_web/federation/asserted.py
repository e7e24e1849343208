"""What a provider said of somebody, once all of it was verified; and the refusal of an answer that does not hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from opencets.errors import ActRefused


class AnswerRefused(ActRefused):
    """An answer of a provider is not taken; the sentence says why."""

    code = "provider-answer-refused"


@dataclass(frozen=True, slots=True)
class Asserted:
    """One verified answer. ``proofs``: every word by which the provider says how it has checked the person."""

    subject: str
    email: str
    verified: bool
    proofs: tuple[str, ...] = ()
    shown: tuple[tuple[str, str], ...] = ()

    def kept(self) -> dict[str, Any]:
        """The answer as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Asserted:
        """The answer from its JSON."""
        return cls(
            subject=kept["subject"],
            email=kept["email"],
            verified=kept["verified"],
            proofs=tuple(kept["proofs"]),
            shown=tuple((name, value) for name, value in kept["shown"]),
        )
