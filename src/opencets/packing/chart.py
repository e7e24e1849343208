"""A link chart as a picture (SVG) and as CASE 1.5.0 on UCO 1.5.0 (JSON-LD).

A chart is rows: nodes (``id, label, kind, subtitle, generic, x, y, note``) and ties (``id, source, target, kind, label, sentence,
first, last``). The picture has a title and a description for who does not see it, and every tie says its sentence. In the graph a
node is an observable object, a person or a case, a tie a relationship that says who told it; suggestions of a program are no facts,
and are not written.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from opencets.packing.case_uco import CONTEXT

RADIUS = 15.0
AROUND = 90.0
SUGGESTED = frozenset({"match", "near_duplicate", "connection"})
"""Kinds of ties that a program suggests."""
TONES = {
    "person": ("#dbe7fb", "#1f5fbf"), "account": ("#e8ebf0", "#5b6573"), "case": ("#ece4fa", "#6941b8"),
    "media": ("#dcf1e4", "#1d7a46"), "device": ("#fbeed6", "#9a6200"), "camera": ("#fbeed6", "#9a6200"),
}  # fmt: skip
PLAIN = ("#e8ebf0", "#5b6573")
CORNERS = {"device": 6, "camera": 6, "phone": 4, "email": 4, "account": 4, "handle": 4, "group": 8}
_BASE = uuid.UUID("0f9b7f0e-4c35-5a6e-9f0a-6a4f8d9f1c22")


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: rows of nodes and ties, its title, its label, when it was drawn, and in words."""

    title: str
    nodes: tuple[Mapping[str, Any], ...]
    ties: tuple[Mapping[str, Any], ...]
    label: str
    drawn_at: str
    words: tuple[str, ...] = ()
    sha256: str = ""
    """Of a frozen chart."""


def bounds(nodes: Iterable[Mapping[str, Any]]) -> tuple[float, float, float, float]:
    """Left, top, width and height of all nodes with their names."""
    places = [(float(node["x"] or 0), float(node["y"] or 0)) for node in nodes] or [(0.0, 0.0)]
    left, top = min(x for x, _ in places) - AROUND, min(y for _, y in places) - AROUND
    return left, top, max(x for x, _ in places) + AROUND - left, max(y for _, y in places) + AROUND - top


def corners(kind: str, size: float = RADIUS) -> list[tuple[float, float]]:
    """The outline of a kind's shape around (0, 0); empty: a circle."""
    if kind in ("case", "media"):
        return [
            (-size * 0.9, -size * 0.9),
            (size * 0.9, -size * 0.9),
            (size * 0.9, size * 0.9),
            (-size * 0.9, size * 0.9),
        ]
    count = CORNERS.get(kind, 0)
    turn = math.pi / 8 if count == 8 else 0.0
    return [
        (size * math.cos(turn + 2 * math.pi * at / count), size * math.sin(turn + 2 * math.pi * at / count))
        for at in range(count)
    ]


def svg(chart: Chart) -> str:
    """The chart as a picture that stands alone: no script, no font, no address."""
    left, top, width, height = bounds(chart.nodes)
    at = {str(node["id"]): (float(node["x"] or 0), float(node["y"] or 0)) for node in chart.nodes}
    foot = f"{chart.label} · drawn {chart.drawn_at}" + (f" · SHA-256 {chart.sha256}" if chart.sha256 else "")
    pieces = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.1f} {top:.1f} {width:.1f} {height + 40:.1f}"'
        f' width="{width:.0f}" height="{height + 40:.0f}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{_safe(chart.title)}</title><desc>{_safe(' '.join(chart.words))}</desc>",
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height + 40:.1f}" fill="#ffffff"/>',
    ]
    for tie in chart.ties:
        (x1, y1), (x2, y2) = at[str(tie["source"])], at[str(tie["target"])]
        dash = ' stroke-dasharray="5 4"' if tie["kind"] in SUGGESTED else ""
        pieces.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#9aa4b2"{dash}>'
            f"<title>{_safe(tie['sentence'] or tie['label'])}</title></line>"
        )
    if len(chart.ties) <= 300:
        for tie in chart.ties:
            (x1, y1), (x2, y2) = at[str(tie["source"])], at[str(tie["target"])]
            pieces.append(
                f'<text x="{(x1 + x2) / 2:.1f}" y="{(y1 + y2) / 2:.1f}" fill="#5b6573" font-size="9" text-anchor="middle">'
                f"{_safe(tie['label'])}</text>"
            )
    pieces += [piece for node in chart.nodes for piece in _node(node, *at[str(node["id"])])]
    pieces.append(
        f'<text x="{left + 12:.1f}" y="{top + height + 26:.1f}" fill="#1d2430" font-size="12">{_safe(chart.title)} · {_safe(foot)}'
        "</text></svg>"
    )
    return "\n".join(pieces)


def _node(node: Mapping[str, Any], x: float, y: float) -> Iterator[str]:
    fill, line = TONES.get(str(node["kind"]), PLAIN)
    dash = ' stroke-dasharray="3 2"' if node["generic"] else ""
    style = f'fill="{"#ffffff" if node["generic"] else fill}" stroke="{line}" stroke-width="1.5"{dash}'
    title = f"<title>{_safe(node['label'])}: {_safe(node['kind'])}. {_safe(node['subtitle'])}</title>"
    outline = corners(str(node["kind"]))
    if outline:
        points = " ".join(f"{x + across:.1f},{y + down:.1f}" for across, down in outline)
        yield f'<polygon points="{points}" {style}>{title}</polygon>'
    else:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS:.0f}" {style}>{title}</circle>'
    name = _safe(short(str(node["label"])))
    yield f'<text x="{x:.1f}" y="{y + RADIUS + 13:.1f}" fill="#1d2430" text-anchor="middle">{name}</text>'
    if node["note"]:
        yield (
            f'<text x="{x:.1f}" y="{y - RADIUS - 6:.1f}" fill="#7a4b00" font-style="italic" text-anchor="middle">'
            f"{_safe(str(node['note']))}</text>"
        )


def short(label: str) -> str:
    """A label as it stands under a node."""
    return label if len(label) <= 28 else f"{label[:26]}…"


def _safe(text: object) -> str:
    return escape("".join(letter for letter in str(text) if letter >= " "))


# --- CASE/UCO --------------------------------------------------------------------------------------------------------


def case_uco(chart: Chart) -> bytes:
    """The chart as JSON-LD; the same chart is the same bytes."""
    graph = list(_uco_nodes(chart))
    return json.dumps({"@context": CONTEXT, "@graph": graph}, ensure_ascii=False, indent=1).encode() + b"\n"


_FACETS = {
    "email": ("uco-observable:EmailAddressFacet", "uco-observable:addressValue"),
    "phone": ("uco-observable:PhoneAccountFacet", "uco-observable:phoneNumber"),
    "ip": ("uco-observable:IPv4AddressFacet", "uco-observable:addressValue"),
    "handle": ("uco-observable:AccountFacet", "uco-observable:accountIdentifier"),
    "account": ("uco-observable:AccountFacet", "uco-observable:accountIdentifier"),
}


def _uco_nodes(chart: Chart) -> Iterator[dict[str, Any]]:
    space = uuid.uuid5(_BASE, chart.title)

    def name(kind: str, key: str) -> str:
        return f"kb:{kind}-{uuid.uuid5(space, f'{kind} {key}')}"

    program = name("tool", "OpenCETS")
    yield {"@id": program, "@type": "uco-tool:Tool", "uco-core:name": "OpenCETS", "uco-tool:toolType": "case system"}
    written = [node for node in chart.nodes if node["kind"] != "group"]
    ids = {str(node["id"]): name(str(node["kind"]).replace("_", "-"), str(node["id"])) for node in written}
    facts = [
        tie for tie in chart.ties
        if tie["kind"] not in SUGGESTED and str(tie["source"]) in ids and str(tie["target"]) in ids
    ]  # fmt: skip
    yield {
        "@id": name("chart", chart.title), "@type": "uco-core:Grouping", "uco-core:name": chart.title,
        "uco-core:description": list(chart.words), "uco-core:context": ["link chart"],
        "uco-core:tag": [
            tag for tag in (chart.label, f"drawn {chart.drawn_at}", chart.sha256 and f"SHA-256 {chart.sha256}") if tag
        ],
        "uco-core:createdBy": {"@id": program}, "uco-core:object": [{"@id": one} for one in ids.values()],
    }  # fmt: skip
    for node in written:
        yield _uco_node(node, ids[str(node["id"])], name)
    for tie in facts:
        made = {
            "@id": name("relationship", str(tie["id"])), "@type": "uco-observable:ObservableRelationship",
            "uco-core:source": {"@id": ids[str(tie["source"])]}, "uco-core:target": {"@id": ids[str(tie["target"])]},
            "uco-core:kindOfRelationship": _KINDS.get(str(tie["kind"]), "Related_To"), "uco-core:isDirectional": True,
            "uco-core:description": [str(tie["sentence"] or tie["label"])], "uco-core:tag": [str(tie["label"])],
        }  # fmt: skip
        yield made


_KINDS = {"judgement": "Judged", "record": "Contained_Within"}


def _uco_node(node: Mapping[str, Any], made: str, name: Any) -> dict[str, Any]:
    kind, label = str(node["kind"]), str(node["label"])
    told: dict[str, Any] = {"@id": made, "uco-core:name": label}
    if kind == "person":
        told["@type"] = "uco-identity:Person"
    elif kind == "case":
        told["@type"] = "case-investigation:Investigation"
    else:
        told["@type"] = "uco-observable:ObservableObject"
        if kind in _FACETS:
            facet, prop = _FACETS[kind]
            if kind == "ip" and ":" in label:
                facet = "uco-observable:IPv6AddressFacet"
            told["uco-core:hasFacet"] = [{"@id": name("facet", str(node["id"])), "@type": facet, prop: label}]
    notes = [str(text) for text in (node["subtitle"], node["note"]) if text]
    if notes:
        told["uco-core:description"] = notes
    told["uco-core:tag"] = [kind, *(["generic"] if node["generic"] else [])]
    return told
