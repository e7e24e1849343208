"""The page of all components, on invented content; it shows no case, so it asks for no actor."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, date, timedelta
from math import cos, pi, sin
from typing import Any, ClassVar

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone


class FilterExample(forms.Form):
    """Filters as a room has them."""

    q = forms.CharField(label="Words", required=False, widget=forms.TextInput(attrs={"type": "search"}))
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "Any"), ("open", "Open"), ("closed", "Closed")]
    )
    mine = forms.BooleanField(label="Only mine", required=False)


class CaseExample(forms.Form):
    """A form with each kind of control, one of them wrong."""

    KINDS: ClassVar[list[tuple[str, str]]] = [
        ("referral", "Referral"),
        ("complaint", "Complaint"),
        ("own", "Own enquiry"),
    ]
    title = forms.CharField(label="Title", help_text="Say what it is about; no names of children.")
    opened_on = forms.DateField(label="Opened on", widget=forms.DateInput(attrs={"type": "date"}))
    kind = forms.ChoiceField(label="Begun by", choices=KINDS, widget=forms.RadioSelect)
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    restricted = forms.BooleanField(label="Restricted to named officers", required=False)


def showcase(request: HttpRequest) -> HttpResponse:
    """Every component on one page."""
    return render(request, "ui/showcase.html", _example(request))


def showcase_plain(request: HttpRequest) -> HttpResponse:
    """The page outside a session."""
    return render(request, "ui/showcase_plain.html", {"form": CaseExample()})


def showcase_chart(request: HttpRequest) -> JsonResponse:
    """A chart of invented people, or the neighbours of the node that ``expand`` names."""
    wanted = request.GET.get("expand")
    return JsonResponse(_neighbours(wanted) if wanted else _chart())


def _scene(number: int) -> str:
    """A drawn scene as a picture address, told apart by its colours."""
    hue = number * 47 % 360
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120">'
        f'<rect width="120" height="120" fill="hsl({hue} 35% 72%)"/>'
        f'<rect y="78" width="120" height="42" fill="hsl({hue + 40} 25% 46%)"/>'
        f'<circle cx="{24 + number * 13 % 70}" cy="30" r="13" fill="hsl({hue + 180} 60% 82%)"/>'
        f'<path d="M{20 + number * 7 % 30} 88l18-34 18 34z" fill="hsl({hue + 90} 40% 34%)"/></svg>'
    )
    return "data:image/svg+xml;base64," + b64encode(drawing.encode()).decode()


def _example(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    form = CaseExample({"title": "", "opened_on": "2026-03-04", "kind": "referral"})
    rows = [
        {
            "ref": f"EX-00{number:02}",
            "name": name,
            "size": size,
            "status": status,
            "tone": tone,
            "at": now - timedelta(minutes=age),
        }
        for number, (name, size, status, tone, age) in enumerate(
            (
                ("phone-backup.zip", 4_812_334_091, "reading", "accent", 2),
                ("laptop/Pictures", 982_110_233, "read", "good", 58),
                ("whatsapp-chat.zip", 12_480_112, "read, 3 skipped", "warn", 190),
                ("provider-report.json", 48_220, "read", "good", 3000),
                ("camera-card.dd", 31_914_983_424, "refused", "bad", 9000),
            ),
            start=41,
        )
    ]
    media = [
        {
            "id": f"m{number}",
            "url": f"#medium-{number}",
            "thumbnail_url": "" if number == 6 else _scene(number),
            "label": f"IMG_{2040 + number}.jpg",
            "width": 120,
            "height": 120,
            "kind": "video" if number in (3, 6) else "image",
            "known": number in (2, 9),
            "duration": "0:42" if number == 3 else "",
            "group_size": 14 if number == 5 else None,
        }
        for number in range(12)
    ]
    days = [(date(2026, 1, 5) + timedelta(days=at), round(26 + 24 * sin(at / 6) + at * 7 % 11)) for at in range(60)]
    return {
        "now": now,
        "hour_ago": now - timedelta(minutes=75),
        "days_ago": now - timedelta(days=4),
        "evidence_instant": (now - timedelta(days=400)).astimezone(UTC),
        "tabs": [
            {"label": "Overview", "url": "#overview", "active": True},
            {"label": "Exhibits", "url": "#exhibits", "count": 12},
            {"label": "Media", "url": "#media", "count": 18_344},
            {"label": "People", "url": "#people", "count": 61},
            {"label": "Messages", "url": "#messages", "count": 20_918},
            {"label": "Connections", "url": "#connections", "count": 7},
            {"label": "Notes", "url": "#notes", "count": 0},
        ],
        "rows": rows,
        "reasons": [
            {
                "sentence": "Both use the e-mail address night.heron@example.org, which 2 of 41,000 records use.",
                "left": "Night.Heron@example.org",
                "right": "night.heron@example.org",
                "bits": 14.3,
            },
            {
                "sentence": "Both pictures were taken with the camera of serial 880412197.",
                "left": "880412197",
                "right": "880412197",
                "bits": 11.8,
            },
            {
                "sentence": "The names sound alike in another script.",
                "left": "Іва Марш",
                "right": "Iva Marsh",
                "bits": 4.2,
            },
            {"sentence": "The dates of birth differ.", "left": "1988-02-11", "right": "1979-07-30", "bits": -3.1},
        ],
        "steps": [
            {
                "label": "AV-2026-012",
                "kind": "case",
                "subtitle": "Avon",
                "url": "#case",
                "tie": {"sentence": "contains the picture", "bits": None},
            },
            {
                "label": "IMG_2041.jpg",
                "kind": "image",
                "subtitle": "EX-0042",
                "url": "#image",
                "tie": {"sentence": "taken with the same camera (serial 880412197)", "bits": 11.8},
            },
            {
                "label": "Room with striped wallpaper",
                "kind": "series",
                "subtitle": "14 pictures",
                "url": "#series",
                "tie": {"sentence": "sent from the same account", "bits": 14.3},
            },
            {
                "label": "Another agency's case",
                "kind": "case",
                "kind_label": "Pointer",
                "subtitle": "Borders: call",
                "pointer": True,
            },
        ],
        "pointer": {
            "agency": "Borders Police",
            "officer": "Sgt. Lena Okafor",
            "phone": "+44 20 7946 0123",
            "email": "l.okafor@borders.example.org",
            "ref": "PTR-7F3A",
            "since": now - timedelta(hours=5),
        },
        "facts": [
            ("Reference", "AV-2026-012"),
            ("Owner", "Avon Constabulary"),
            ("Opened", "4 March 2026"),
            ("Provider number", "128833104"),
            ("Laboratory", None),
            ("SHA-256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ],
        "filters": FilterExample(request.GET or None),
        "form": form,
        "page": Paginator(range(2_344), 50).get_page(3),
        "media": media,
        "days": days,
    }


def _chart() -> dict[str, Any]:
    kinds = ("email", "camera", "image", "phone", "account", "image", "device")
    people = ("Iva Marsh", "night.heron", "Tomas Reed", "Unknown 14")
    nodes: list[dict[str, Any]] = [
        {"id": "case", "label": "AV-2026-012", "kind": "case", "x": 0, "y": 0, "subtitle": "Avon", "url": "#case"}
    ]
    edges: list[dict[str, Any]] = []
    for at, name in enumerate(people):
        angle = 2 * pi * at / len(people) + 0.4
        x, y = 210 * cos(angle), 170 * sin(angle)
        nodes.append(
            {
                "id": f"p{at}",
                "label": name,
                "kind": "person",
                "x": x,
                "y": y,
                "subtitle": "3 accounts",
                "url": f"#p{at}",
            }
        )
        edges.append(
            {
                "id": f"c{at}",
                "source": "case",
                "target": f"p{at}",
                "kind": "in_case",
                "label": "",
                "bits": None,
                "sentence": f"{name} is named in the case.",
            }
        )
        for leaf in range(4):
            kind = kinds[(at * 2 + leaf) % len(kinds)]
            turn = angle + (leaf - 1.5) * 0.5
            node = f"p{at}l{leaf}"
            label = {
                "email": "heron@example.org",
                "camera": "Serial 880412197",
                "phone": "+44 20 7946 0188",
                "account": "heron_77",
                "device": "Handset 2",
            }.get(kind, f"IMG_{2040 + 4 * at + leaf}.jpg")
            nodes.append(
                {
                    "id": node,
                    "label": label,
                    "kind": kind,
                    "x": x + 150 * cos(turn),
                    "y": y + 130 * sin(turn),
                    "generic": at == 3 and leaf == 0,
                }
            )
            edges.append(
                {
                    "id": f"e{at}{leaf}",
                    "source": f"p{at}",
                    "target": node,
                    "kind": "uses",
                    "label": "uses",
                    "bits": 4 + 3 * leaf,
                    "sentence": f"{name} uses {label}.",
                    "reasons": [
                        {
                            "sentence": f"Record 318 of calls.csv names {label}.",
                            "left": label,
                            "right": label.upper(),
                            "bits": 4,
                        }
                    ],
                }
            )
    edges.append(
        {
            "id": "near",
            "source": "p0l2",
            "target": "p2l1",
            "kind": "near_duplicate",
            "label": "near-duplicate",
            "bits": 16.0,
            "sentence": "The two pictures differ by 6 of 256 bits.",
            "reasons": [],
        }
    )
    return {"nodes": nodes, "edges": edges}


def _neighbours(node: str) -> dict[str, Any]:
    new = [{"id": f"{node}-n{at}", "label": f"Record {at + 1} of {node}", "kind": "record"} for at in range(5)]
    ties = [
        {
            "id": f"{node}-t{at}",
            "source": node,
            "target": each["id"],
            "kind": "named_in",
            "label": "named in",
            "bits": 3.0,
            "sentence": "Both are named in the same message.",
        }
        for at, each in enumerate(new)
    ]
    return {"nodes": new, "edges": ties}
