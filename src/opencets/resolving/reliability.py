"""Reliability: of the pairs told with about a probability, how many are one person; as numbers and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the scale: how many pairs, the mean that was told, the share that was right; ``weight``: of all pairs."""

    pairs: int
    told: float
    right: float
    weight: float


def bins_of(told: Floats, same: npt.NDArray[np.bool_], stands: Floats | None = None) -> tuple[Bin, ...]:
    """The tenths in which pairs stand. ``stands``: for how many pairs each stands; without it, for itself."""
    weight = np.ones(told.size) if stands is None else stands
    found = []
    for low in range(10):
        here = (told >= low / 10) & (told < (low + 1) / 10 + (low == 9))
        if here.any():
            mean, share = (round(float(np.average(part[here], weights=weight[here])), 4) for part in (told, same))
            found.append(Bin(int(here.sum()), mean, share, round(float(weight[here].sum() / weight.sum()), 6)))
    return tuple(found)


def error_of(bins: Sequence[Bin]) -> float:
    """The expected calibration error: by how much what was told differs from what was right."""
    return sum(abs(one.told - one.right) * one.weight for one in bins)


SIZE, EDGE = 300, 46
_COLOURS = ("#8a5a00", "#1d5fa8", "#2f7d4f")


def drawn(title: str, lines: Mapping[str, Sequence[Bin]], fewest: int = 1) -> str:
    """A picture of several reliabilities, one colour and one shape each; tenths with fewer than ``fewest`` pairs are left out.

    A mark on the broken line is a promise kept exactly.
    """
    marks, legend = [], []
    for at, (name, bins) in enumerate(lines.items()):
        colour = _COLOURS[at % len(_COLOURS)]
        shown = [one for one in bins if one.pairs >= fewest]
        for one in shown:
            x, y = EDGE + one.told * SIZE, EDGE + (1 - one.right) * SIZE
            said = f"{name}: told {one.told:.2f}, right {one.right:.2f}"
            marks.append(_mark(at, x, y, colour, said))
        points = " ".join(f"{EDGE + one.told * SIZE:.1f},{EDGE + (1 - one.right) * SIZE:.1f}" for one in shown)
        marks.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        y = EDGE + SIZE + 62 + at * 18
        legend.append(_mark(at, EDGE + 6, y - 4, colour, name))
        legend.append(f'<text x="{EDGE + 20}" y="{y}">{name}</text>')
    scale = "".join(
        f'<text x="{EDGE + at * SIZE / 10:.0f}" y="{EDGE + SIZE + 18}" text-anchor="middle">{at * 10}</text>'
        f'<text x="{EDGE - 8}" y="{EDGE + SIZE - at * SIZE / 10 + 4:.0f}" text-anchor="end">{at * 10}</text>'
        for at in range(0, 11, 2)
    )
    height = EDGE + SIZE + 70 + 18 * len(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE + 2 * EDGE} {height}" role="img" '
        f'font-family="sans-serif" font-size="12" fill="#1f3a5f"><title>{title}</title>'
        '<rect width="100%" height="100%" fill="#fff"/>'
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#6b7a89"/>'
        f'<line x1="{EDGE}" y1="{EDGE + SIZE}" x2="{EDGE + SIZE}" y2="{EDGE}" stroke="#6b7a89" stroke-dasharray="4 4"/>'
        f"{scale}{''.join(marks)}{''.join(legend)}"
        f'<text x="{EDGE + SIZE / 2}" y="{EDGE + SIZE + 38}" text-anchor="middle">probability told (%)</text>'
        f'<text x="12" y="{EDGE + SIZE / 2}" transform="rotate(-90 12 {EDGE + SIZE / 2})" text-anchor="middle">'
        "judged the same (%)</text></svg>\n"
    )


def _mark(shape: int, x: float, y: float, colour: str, said: str) -> str:
    inside = f"<title>{said}</title>"
    if shape == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}">{inside}</circle>'
    return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" fill="{colour}">{inside}</rect>'
