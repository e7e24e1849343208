"""The components of the pages: ``{% load ui %}``. Each is shown with its markup in ``docs/how-to/write-a-page.md``.

Every argument that is a thing with parts (a reason, a path step, a pointer) may be a mapping or any object with those
attributes; templates read both alike. Absent parts leave no trace on the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, Form, RadioSelect
from django.http import HttpRequest
from django.template import Context
from django.template.loader_tags import BLOCK_CONTEXT_KEY
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from opencets.values.handling import TLP, Label

register = template.Library()

NARROW = "\u202f"

# What each kind of record, identifier or act looks like. An unknown kind gets a plain dot, never an error.
KIND_ICONS: Mapping[str, str] = {
    "account": "at",
    "address": "map-pin",
    "agency": "building",
    "alert": "bell",
    "camera": "camera",
    "case": "briefcase",
    "date": "calendar",
    "device": "device-mobile",
    "digest": "hash",
    "email": "mail",
    "entity": "affiliate",
    "exhibit": "folder",
    "file": "file",
    "group": "users",
    "handle": "at",
    "image": "photo",
    "imei": "device-mobile",
    "ip": "network",
    "location": "map-pin",
    "mac": "network",
    "media": "photo",
    "message": "message",
    "name": "user",
    "organisation": "building",
    "payment": "wallet",
    "person": "user",
    "phone": "phone",
    "place": "map-pin",
    "plate": "car",
    "record": "file",
    "series": "layout-grid",
    "serial": "camera",
    "url": "world",
    "username": "at",
    "vehicle": "car",
    "video": "movie",
    "wallet": "wallet",
    # Kinds of value and of record in records/vocabulary whose first word says too little.
    "account_id": "at",
    "bank_account": "wallet",
    "call": "phone",
    "code": "hash",
    "contact": "id",
    "device_serial": "device-mobile",
    "document": "file-text",
    "event": "calendar",
    "finding": "notes",
    "iban": "wallet",
    "instant": "clock",
    "ip_hour": "network",
    "ip_port": "network",
    "known_file": "hash",
    "login": "key",
    "md5": "hash",
    "national_id": "id",
    "payment_handle": "wallet",
    "pdq": "fingerprint",
    "report": "flag",
    "sha1": "hash",
    "sha256": "hash",
    "tip": "flag",
}
MONOSPACED = frozenset(
    {
        "camera_serial",
        "device_serial",
        "digest",
        "iban",
        "imei",
        "ip",
        "ip_hour",
        "ip_port",
        "mac",
        "md5",
        "pdq",
        "serial",
        "sha1",
        "sha256",
        "wallet",
    }
)
TONE_ICONS: Mapping[str, str] = {
    "good": "circle-check",
    "success": "circle-check",
    "warn": "alert-triangle",
    "warning": "alert-triangle",
    "bad": "circle-x",
    "error": "circle-x",
}
DJANGO_TONES: Mapping[str, str] = {"success": "good", "warning": "warn", "error": "bad"}


# --- Icons and small marks ------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, label: str = "", size: str = "") -> SafeString:
    """One drawing of the sprite, hidden from screen readers unless ``label`` says what it means; ``size`` lg or xl."""
    classes = f"icon icon-{size}" if size else "icon"
    reference = f"{static('dist/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', classes, label, reference
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', classes, reference)


@register.filter
def kind_icon(kind: Any) -> str:
    """The icon's name for a kind of record, identifier or act; a dot for a kind nobody drew."""
    name = str(kind or "").lower().replace("-", "_").split(".")[-1]
    return KIND_ICONS.get(name) or KIND_ICONS.get(name.split("_")[0], "circle-dot")


@register.filter
def tone_icon(tone: Any) -> str:
    """The icon's name of a tone: good, warn, bad, anything else."""
    return TONE_ICONS.get(str(tone), "info-circle")


@register.filter
def tone(level_tag: Any) -> str:
    """Our word for the level of one of Django's messages."""
    return DJANGO_TONES.get(str(level_tag), "info")


@register.inclusion_tag("ui/components/badge.html")
def badge(text: Any, tone: str = "", icon: str = "", title: str = "") -> dict[str, Any]:
    """A short word on a tinted ground; ``tone`` good, warn, bad, info, accent, violet, line or none."""
    return {"text": text, "tone": tone, "icon": icon, "title": title}


TLP_TONES = {"RED": "bad", "AMBER+STRICT": "warn", "AMBER": "warn", "GREEN": "good"}


@register.inclusion_tag("ui/components/handling.html")
def handling(code: str, conditions: str = "", tlp: str = "") -> dict[str, Any]:
    """The handling code (UK 3x5x2: P lawful sharing permitted, C permitted with conditions), its conditions, and the TLP label."""
    words = {"P": "Sharing permitted", "C": "Sharing with conditions"}
    return {
        "code": code, "words": conditions or words.get(code, "No code: not shared"), "meaning": words.get(code, ""), "tlp": tlp,
        "tone": TLP_TONES.get(tlp, "line"), "tlp_meaning": TLP.get(tlp, ""),
    }  # fmt: skip


@register.inclusion_tag("ui/components/handling.html")
def handling_label(label: Label) -> dict[str, Any]:
    """The label of what is derived from several cases."""
    return handling(label.code, "; ".join(label.conditions), label.tlp)


@register.simple_tag
def kbd(keys: str) -> SafeString:
    """The keys of a shortcut, ``g c`` as two caps."""
    caps = "".join(format_html("<kbd>{}</kbd> ", key) for key in keys.split())
    return SafeString(caps.strip())


@register.simple_tag
def crumb(label: Any, url: str = "") -> SafeString:
    """One step of the breadcrumbs; the last has no address and is the page itself."""
    if url:
        return format_html('<li><a href="{}">{}</a></li>', url, label)
    return format_html('<li><span class="truncate" aria-current="page">{}</span></li>', label)


# --- Figures --------------------------------------------------------------------------------------


@register.filter
def count(number: Any) -> str:
    """A whole number with narrow gaps between thousands; empty for None."""
    if number is None or number == "":
        return ""
    return f"{int(number):,}".replace(",", NARROW)


@register.filter(name="bytes")
def byte_size(octets: Any) -> str:
    """A size in the largest unit (powers of 1,000) that leaves a number of at least one; empty for None."""
    if octets is None or octets == "":
        return ""
    size = float(octets)
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if abs(size) < 1000 or unit == "PB":
            break
        size /= 1000
    digits = 0 if unit == "B" or abs(size) >= 100 else 1
    return f"{number_format(size, decimal_pos=digits)}{NARROW}{unit}"


@register.filter
def duration(seconds: Any) -> str:
    """Seconds in words a person plans by: ``8 s``, ``3 min``, ``2 h 10 min``, ``4 days``; empty for None."""
    if seconds is None or seconds == "":
        return ""
    whole = max(0, math.ceil(float(seconds)))
    if whole < 60:
        return f"{whole}{NARROW}s"
    if whole < 3600:
        return f"{round(whole / 60)}{NARROW}min"
    if whole < 86_400:
        hours, minutes = divmod(round(whole / 60), 60)
        return f"{hours}{NARROW}h" + (f" {minutes}{NARROW}min" if minutes else "")
    days = round(whole / 86_400)
    return f"{days} day" if days == 1 else f"{days} days"


@register.filter
def reltime(instant: datetime | None) -> SafeString | str:
    """How long ago, with the instant in UTC as its title; the page keeps it current. Empty for None."""
    if instant is None:
        return ""
    aware = instant if timezone.is_aware(instant) else timezone.make_aware(instant, UTC)
    stamp = aware.astimezone(UTC)
    seconds = (timezone.now() - stamp).total_seconds()
    size = abs(seconds)
    if size < 45:
        words = "just now"
    elif size >= 30 * 86_400:
        words = f"{stamp:%d %b %Y}".lstrip("0")
    else:
        span, unit = next(
            ((span, unit) for span, unit in ((86_400, "day"), (3600, "hour")) if size >= span), (60, "minute")
        )
        number = max(1, round(size / span))
        plural = unit if number == 1 else f"{unit}s"
        words = f"{number} {plural} ago" if seconds > 0 else f"in {number} {plural}"
    return format_html(
        '<time datetime="{}" title="{} UTC" data-reltime>{}</time>',
        stamp.isoformat(timespec="seconds"),
        f"{stamp:%Y-%m-%d %H:%M:%S}",
        words,
    )


@register.filter
def instant(moment: datetime | None) -> SafeString | str:
    """The instant itself in UTC, ``2026-03-04 17:05 UTC``; for evidence, where "3 hours ago" says too little."""
    if moment is None:
        return ""
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment, UTC)
    stamp = aware.astimezone(UTC)
    return format_html(
        '<time class="tabular nowrap" datetime="{}">{} UTC</time>',
        stamp.isoformat(timespec="seconds"),
        f"{stamp:%Y-%m-%d %H:%M}",
    )


@register.inclusion_tag("ui/components/stat.html")
def stat(label: str, value: Any, hint: str = "", url: str = "", tone: str = "", icon: str = "") -> dict[str, Any]:
    """One figure of a ``<div class="stats">`` row; a whole number gets its gaps."""
    shown = count(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return {"label": label, "value": shown, "hint": hint, "url": url, "tone": tone, "icon": icon}


@register.inclusion_tag("ui/components/progress.html")
def progress(
    done: int | None,
    total: int | None,
    label: str = "",
    unit: str = "files",
    bytes_done: int | None = None,
    bytes_total: int | None = None,
    seconds_left: float | None = None,
    skipped: int = 0,
    state: str = "running",
    live: str = "",
    url: str = "",
) -> dict[str, Any]:
    """How far a long job is; ``state`` running, waiting, done, failed; ``live`` and ``url`` keep it current."""
    return {
        "done": done,
        "total": total,
        "label": label,
        "unit": unit,
        "bytes_done": bytes_done,
        "bytes_total": bytes_total,
        "seconds_left": seconds_left,
        "skipped": skipped,
        "state": state,
        "live": live,
        "url": url,
        "percent": math.floor(100 * (done or 0) / total) if total else None,
    }


# --- Explanations ---------------------------------------------------------------------------------


def _part(thing: Any, name: str, default: Any = None) -> Any:
    return thing.get(name, default) if isinstance(thing, Mapping) else getattr(thing, name, default)


@register.inclusion_tag("ui/components/bits.html")
def bits(value: float | None, most: float = 20.0) -> dict[str, Any]:
    """A weight of evidence in bits as a small bar and a number; below zero it speaks against."""
    weight = float(value or 0.0)
    share = min(1.0, abs(weight) / most) if most else 0.0
    return {"given": value is not None, "weight": weight, "width": round(72 * share, 1), "against": weight < 0}


@register.inclusion_tag("ui/components/reason_list.html")
def reason_list(reasons: Iterable[Any]) -> dict[str, Any]:
    """Why: each reason with ``sentence`` and, where present, ``left``, ``right`` and ``bits``; strongest as given."""
    listed = list(reasons or ())
    weights = [abs(float(_part(reason, "bits") or 0)) for reason in listed]
    return {"reasons": listed, "most": max([10.0, *weights])}


@register.inclusion_tag("ui/components/path_view.html")
def path_view(steps: Sequence[Any], label: str = "Connection path") -> dict[str, Any]:
    """A chain of records: a step has ``label, kind, subtitle, url, pointer``, and ``tie`` (``sentence, bits``) on."""
    return {"steps": list(steps or ()), "label": label}


@register.inclusion_tag("ui/components/pointer_card.html")
def pointer_card(pointer: Any) -> dict[str, Any]:
    """Whom to call: ``agency, officer, phone, email, ref, sentence, since``; what is absent stays unsaid."""
    return {"pointer": pointer}


# --- People and identifiers -----------------------------------------------------------------------


@register.filter
def initials(name: Any) -> str:
    """Up to two first letters of a name, in any script."""
    words = [word for word in str(name or "").split() if word[0].isalnum()]
    return "".join(word[0].upper() for word in ([words[0], words[-1]] if len(words) > 1 else words[:1])) or "?"


@register.inclusion_tag("ui/components/person_chip.html")
def person_chip(name: str, subtitle: str = "", url: str = "") -> dict[str, Any]:
    """A person by name, with a line under it."""
    return {"name": name, "subtitle": subtitle, "url": url}


@register.inclusion_tag("ui/components/identifier_chip.html")
def identifier_chip(kind: str, value: str, url: str = "", generic: bool = False, raw: str = "") -> dict[str, Any]:
    """A normalised value with its kind and a copy button; ``generic`` marks one that too many use to link by."""
    return {
        "kind": kind,
        "value": value,
        "url": url,
        "generic": generic,
        "raw": raw if raw != value else "",
        "mono": str(kind).lower() in MONOSPACED,
    }


# --- Page furniture -------------------------------------------------------------------------------


@register.inclusion_tag("ui/components/empty_state.html")
def empty_state(
    title: str, text: str = "", action_label: str = "", action_url: str = "", icon: str = "circle-dot"
) -> dict[str, Any]:
    """What is not here yet, why, and what to do next."""
    return {"title": title, "text": text, "action_label": action_label, "action_url": action_url, "icon": icon}


@register.inclusion_tag("ui/components/notice.html")
def notice(text: Any, tone: str = "info", title: str = "") -> dict[str, Any]:
    """A sentence that stays on the page until its cause is gone; ``tone`` info, good, warn or bad."""
    return {"text": text, "tone": tone, "title": title}


@register.inclusion_tag("ui/components/tabs.html")
def tabs(entries: Iterable[Any], label: str = "Sections") -> dict[str, Any]:
    """Links to the sections of one thing: each with ``label, url, count, active``."""
    return {"entries": list(entries or ()), "label": label}


@register.inclusion_tag("ui/components/pager.html", takes_context=True)
def pager(context: Context, page: Page[Any], name: str = "entries") -> dict[str, Any]:
    """Which rows of how many, and the way to the page before and after; keeps the other query parameters."""
    return {"page": page, "name": name, "request": context.get("request")}


@register.inclusion_tag("ui/components/filter_bar.html", takes_context=True)
def filter_bar(context: Context, form: Form, target: str = "") -> dict[str, Any]:
    """A GET form as one line of filters; with ``target`` (a CSS selector) only that part of the page is renewed."""
    request: HttpRequest | None = context.get("request")
    return {
        "form": form,
        "target": target,
        "path": request.path if request else "",
        "filtered": bool(request and any(value for key, value in request.GET.items() if key in form.fields)),
    }


@register.filter
def is_check(field: BoundField) -> bool:
    """Whether the field is one box to tick."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_choice_group(field: BoundField) -> bool:
    """Whether the field is several boxes or radios, which need a legend in place of a label."""
    return isinstance(field.field.widget, (CheckboxSelectMultiple, RadioSelect))


@register.filter
def is_search(field: BoundField) -> bool:
    """Whether the field takes words to look for and deserves the width."""
    return field.name in ("q", "query", "search", "words")


@register.inclusion_tag("ui/components/definition_list.html")
def definition_list(rows: Any) -> dict[str, Any]:
    """Terms and values: a mapping or pairs; rows whose value is None or empty are left out."""
    pairs = rows.items() if isinstance(rows, Mapping) else rows or ()
    return {"rows": [(term, value) for term, value in pairs if value not in (None, "")]}


@register.inclusion_tag("ui/components/timeline_entry.html")
def timeline_entry(
    at: datetime | None, sentence: Any, by: str = "", icon: str = "", tone: str = "", url: str = "", note: str = ""
) -> dict[str, Any]:
    """One act of an ``<ol class="acts">``: what happened, by whom, when."""
    return {
        "at": at,
        "sentence": sentence,
        "by": by,
        "icon": icon or "circle-dot",
        "tone": tone,
        "url": url,
        "note": note,
    }


@register.inclusion_tag("ui/components/confirm_button.html", takes_context=True)
def confirm_button(
    context: Context,
    label: str,
    url: str,
    confirm: str = "",
    tone: str = "",
    icon: str = "",
    name: str = "",
    value: str = "",
) -> dict[str, Any]:
    """A button that posts to ``url``, after asking ``confirm`` where given. Prefer none, and a toast with undo."""
    return {
        "label": label,
        "url": url,
        "confirm": confirm,
        "tone": tone,
        "icon": icon,
        "name": name,
        "value": value,
        "csrf_token": context.get("csrf_token"),
        "request": context.get("request"),
    }


@register.inclusion_tag("ui/components/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """One form field: label, control, hint, and what is wrong with it tied to it for screen readers."""
    return {"field": bound}


@register.inclusion_tag("ui/components/form_fields.html")
def form_fields(form: Form) -> dict[str, Any]:
    """Every field of a form, what is wrong with the whole of it first, the hidden ones too."""
    return {"form": form}


@register.simple_tag(takes_context=True)
def sort_header(context: Context, label: str, key: str, parameter: str = "sort", css: str = "") -> SafeString:
    """A ``<th>`` whose link sorts by ``key``, and turns the order round where the table is sorted by it (``-key``)."""
    request: HttpRequest | None = context.get("request")
    query = request.GET.copy() if request else None
    current = query.get(parameter, "") if query is not None else ""
    following = f"-{key}" if current == key else key
    address = f"?{parameter}={following}"
    if query is not None:
        query[parameter] = following
        query.pop("page", None)
        address = f"?{query.urlencode()}"
    state = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    shape = {"ascending": "arrow-up", "descending": "arrow-down"}.get(state, "arrows-sort")
    return format_html(
        '<th scope="col" class="{}"{}><a class="sort" href="{}"{}>{}{}</a></th>',
        css,
        format_html(' aria-sort="{}"', state) if state else "",
        address,
        SafeString(" data-on") if state else "",
        label,
        icon(shape),
    )


@register.inclusion_tag("ui/components/media_tile.html")
def media_tile(medium: Any) -> dict[str, Any]:
    """One tile of a gallery: ``id, url, thumbnail_url, label, width, height, kind, known, duration, note, group``."""
    return {"medium": medium}


@register.filter
def undo_url(extra_tags: Any) -> str:
    """The address that takes an act back, from the ``undo:/...`` tag of one of Django's messages; else empty."""
    for tag in str(extra_tags or "").split():
        if tag.startswith("undo:/") and not tag.startswith("undo://"):
            return tag.removeprefix("undo:")
    return ""


@register.simple_tag(takes_context=True)
def same_as(context: Context, block_name: str) -> SafeString:
    """What the page put into another block, once more; so a page that gives its title has its heading too."""
    blocks = context.render_context.get(BLOCK_CONTEXT_KEY)
    block = blocks.get_block(block_name) if blocks else None
    return block.render(context) if block else SafeString("")


@register.simple_tag
def find_url(name: str, *arguments: Any) -> str:
    """The address of a named page, or nothing where this installation has no such page."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


@register.filter
def kind_label(kind: Any) -> str:
    """The word for a kind of value or tie, from the vocabulary; the name itself where it is none."""
    from opencets.records import KINDS

    more = {"same_person": "Same person", "same_source": "Same source"}
    name = str(kind or "")
    return KINDS[name].label if name in KINDS else more.get(name, name.replace("_", " ").capitalize())
