"""Strength of an alert: how soon somebody should look, from 0 to 100, with every factor in sight.

``alert-1`` multiplies the connection's calibrated probability by three factors between 0 and 1: how hard the softest
evidence on its best path is, how many hops away it lies, how recent the newest record on it is. Multiplying keeps each
factor readable ("recency halves it") and lets no amount of recency make a weak connection strong. The numbers are a
first, careful table; a changed table gets a new model name, and old results keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MODEL = "alert-1"

_HARDNESS = {
    "national_id": 1.0, "email": 1.0, "phone": 1.0, "account_id": 1.0, "imei": 1.0, "iban": 1.0, "wallet": 1.0,
    "device_serial": 1.0, "camera_serial": 1.0, "payment_handle": 0.95, "handle": 0.9, "plate": 0.9,
    "sha256": 0.95, "sha1": 0.95, "md5": 0.95, "pdq": 0.9, "ip_hour": 0.75, "ip_port": 0.85, "mac": 0.95, "url": 0.6,
    "same_person": 0.8, "same_source": 1.0,
}  # fmt: skip
"""Near 1 for numbers that name one thing, less for what somebody must look at before it can be judged."""

_UNKNOWN_KIND = 0.5
_PER_HOP = 0.85
_HALF_AFTER_DAYS = 365.0
_OLDEST = 0.5
_BANDS = ((75, "strong"), (45, "medium"), (0, "weak"))


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of a strength: its name, what it multiplies by (0 to 1), and why in a sentence."""

    name: str
    value: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Strength:
    """``score`` 0 to 100, the product of the ``factors``; ``band`` strong, medium or weak; ``model`` the version."""

    score: float
    band: str
    factors: tuple[Factor, ...]
    model: str

    @property
    def sentence(self) -> str:
        """All factors in one line, for the card and the log."""
        return f"{self.band} ({self.score:.0f} of 100): " + "; ".join(factor.sentence for factor in self.factors)


def strength(probability: float, kinds: Iterable[str], hops: int, newest_days: float | None = None) -> Strength:
    """The strength of a connection for an alert.

    ``probability``: of the connection, calibrated (``Connection.probability``). ``kinds``: of the ties of its best
    path; the softest decides, as a path is no harder than its softest tie. ``hops``: cases crossed, at least 1.
    ``newest_days``: age in days of the newest record on the path; None where no time is known (then recency neither
    helps nor harms). Raises ValueError for a probability outside 0 to 1, no kinds or fewer than one hop.
    """
    tied = sorted(set(kinds), key=lambda kind: (_HARDNESS.get(kind, _UNKNOWN_KIND), kind))
    if not 0 <= probability <= 1:
        raise ValueError(f"a probability lies between 0 and 1, not {probability}")
    if not tied or hops < 1:
        raise ValueError("a connection has at least one tie and one hop")
    factors = (
        Factor("probability", probability, f"the connection is real with a probability of {probability:.0%}"),
        Factor("evidence", _HARDNESS.get(tied[0], _UNKNOWN_KIND), f"its softest tie is of the kind {tied[0]}"),
        Factor("hops", _PER_HOP ** (hops - 1), "the cases touch directly" if hops == 1 else f"{hops} cases away"),
        _recency(newest_days),
    )
    score = 100.0
    for factor in factors:
        score *= factor.value
    score = round(score, 1)
    return Strength(score, next(band for least, band in _BANDS if score >= least), factors, MODEL)


def _recency(newest_days: float | None) -> Factor:
    if newest_days is None:
        return Factor("recency", 1.0, "no time is known")
    age = max(0.0, newest_days)
    value = _OLDEST + (1 - _OLDEST) * 0.5 ** (age / _HALF_AFTER_DAYS)
    when = "today" if age < 1 else f"{age:.0f} day{'s' if round(age) != 1 else ''} ago"
    return Factor("recency", round(value, 4), f"the newest record is from {when}")
