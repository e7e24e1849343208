"""What every page shows around its content: the rooms, who is signed in, where live events come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from opencets_web.policy.actor import Actor

# Label, URL name, icon, whether a line is drawn above. A room whose URL name is not there is left out, and so is one whose
# door would stay shut: the log is the auditor's, all others are for officers who read cases.
ROOMS: tuple[tuple[str, str, str, bool], ...] = (
    ("Desk", "desk:home", "layout-dashboard", False),
    ("Cases", "cases:list", "briefcase", False),
    ("Alerts", "leads:list", "bell", False),
    ("Deconfliction", "deconfliction:room", "git-merge", False),
    ("Media", "media:list", "photo", True),
    ("Entities", "entities:list", "affiliate", False),
    ("Charts", "charts:list", "route", False),
    ("Known files", "media:known", "hash", False),
    ("Sightings", "sightings:list", "network", True),
    ("Supervision", "supervision:queue", "device-desktop", False),
    ("Sharing", "sharing:list", "share-3", True),
    ("Standards", "standards:board", "checklist", False),
    ("Data requests", "inquiries:list", "send", False),
    ("Emergency access", "emergencies:list", "lock-open", False),
    ("Search", "desk:search", "search", False),
    ("People", "officers:list", "users-group", False),
    ("Audit", "audit:list", "shield-check", False),
)


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _opens(actor: Actor, name: str) -> bool:
    if name == "audit:list":
        return actor.has("auditor")
    if name == "emergencies:list":
        return actor.reads_cases or actor.has("auditor")
    if name == "officers:list":
        return actor.has("administrator") or actor.has("supervisor")
    return actor.reads_cases or name == "desk:home"


def _stands_in(path: str, room: str) -> bool:
    """Whether a page belongs to the room at this address; every page lies below the desk's, and only one is the desk."""
    return path == room if room == "/" else path.startswith(room)


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """``rooms``, ``officer_name``, ``agency_name``, ``search_url``, ``live_url``; empty for someone not signed in.

    Settings: ``UI_ROOMS`` replaces the table above; ``UI_ROOM_COUNTS`` names a function of the request that returns the
    open count by label; ``UI_LIVE_URL`` is the path of the live events (``/live/``; empty: none).
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {
            "rooms": [],
            "officer_name": "",
            "agency_name": "",
            "search_url": "",
            "live_url": "",
            "live_channels": "",
        }
    actor: Actor | None = getattr(request, "actor", None)
    rooms: list[dict[str, Any]] = [
        {"label": label, "url": url, "icon": icon, "apart": apart}
        for label, name, icon, apart in getattr(settings, "UI_ROOMS", ROOMS)
        if (url := _address(name)) and (actor is None or _opens(actor, name))
    ]
    # The longest address that the path starts with is the room one stands in.
    here = max((url for url in (room["url"] for room in rooms) if _stands_in(request.path, url)), key=len, default="")
    counting: str | None = getattr(settings, "UI_ROOM_COUNTS", None)
    count_rooms: Callable[[HttpRequest], Mapping[str, int]] | None = import_string(counting) if counting else None
    counts = count_rooms(request) if count_rooms and actor is not None and actor.reads_cases else {}
    for room in rooms:
        room["active"] = room["url"] == here
        room["count"] = counts.get(room["label"], 0)
        room["new"] = room["label"] == "Alerts"
    return {
        "rooms": rooms,
        "officer_name": getattr(user, "display_name", "") or user.get_username(),
        "agency_name": actor.agency_name if actor else _agency_name(user),
        "search_url": _address("desk:search"),
        "live_url": getattr(settings, "UI_LIVE_URL", "/live/"),
        "live_channels": f"officer:{user.pk}",
        "lock_after": settings.SESSION_IDLE_SECONDS if _address("me:prove") else 0,
    }


def _agency_name(user: object) -> str:
    """The agency's short name where no actor carries it: on a page outside of the door, such as the second factor's."""
    agency = getattr(user, "agency", None)
    return getattr(agency, "short_name", "") or (str(agency) if agency else "")
