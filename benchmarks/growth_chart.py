"""Time over size as a picture (SVG), both scales in steps of ten: what benchmarks draw of how something grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, EDGE = 420, 300, 60
_DECADES = (1, 10, 100, 1_000)
_LEAST_GAP = 14.0


@dataclass(frozen=True)
class Line:
    """One line: what it is called at its end, milliseconds by size, and the bar that is dotted, where there is one."""

    name: str
    colour: str
    points: Sequence[tuple[int, float]]
    goal: float | None = None


def drawn(title: str, heading: str, below: str, lines: Sequence[Line]) -> str:
    """The picture. ``title`` is what a screen reader says, ``heading`` and ``below`` stand over the frame."""
    sizes = sorted({size for line in lines for size, _ in line.points})
    least, most = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: float) -> float:
        return EDGE + (math.log10(size) - least) / max(most - least, 1e-9) * WIDTH

    def y(ms: float) -> float:
        return EDGE + HEIGHT - math.log10(max(ms, 1)) / math.log10(_DECADES[-1]) * HEIGHT

    parts, floor = [], math.inf
    for line in sorted(lines, key=lambda one: one.points[-1][1]):
        path = " ".join(f"{x(size):.1f},{y(ms):.1f}" for size, ms in line.points)
        dotted = (
            f'<line x1="{EDGE}" x2="{EDGE + WIDTH}" y1="{y(line.goal):.1f}" y2="{y(line.goal):.1f}" stroke="{line.colour}" '
            'stroke-dasharray="2 5"/>'
            if line.goal is not None
            else ""
        )
        parts.append(
            f'{dotted}<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"/><g fill="{line.colour}">'
        )
        parts += [
            f'<circle cx="{x(size):.1f}" cy="{y(ms):.1f}" r="4"><title>{size:,}: {ms:.1f} ms</title></circle>'
            f'<text x="{x(size):.1f}" y="{y(ms) - 8:.1f}" text-anchor="middle">{ms:.3g}</text>'
            for size, ms in line.points
        ]
        # Names of lines that end close together are moved apart.
        floor = min(y(line.points[-1][1]) + 4, floor - _LEAST_GAP)
        parts.append(f'<text x="{EDGE + WIDTH + 10}" y="{floor:.1f}">{escape(line.name)}</text></g>')
    marks = "".join(f'<text x="{EDGE - 8}" y="{y(ms) + 4:.0f}" text-anchor="end">{ms:,}</text>' for ms in _DECADES)
    marks += "".join(
        f'<text x="{x(size):.0f}" y="{EDGE + HEIGHT + 20}" text-anchor="middle">{size:,}</text>' for size in sizes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 300} {HEIGHT + 120}" role="img" font-family="sans-serif"'
        f' font-size="12" fill="#1f3a5f"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>'
        f'<rect x="{EDGE}" y="{EDGE}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#9aa7b5"/>'
        f'<text x="{EDGE}" y="24">{escape(heading)}</text><text x="{EDGE}" y="42">{escape(below)}</text>'
        f"{marks}{''.join(parts)}</svg>\n"
    )
