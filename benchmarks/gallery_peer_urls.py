"""The one address of the plain page beside those of the system."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path, reverse

from opencets_web.config.urls import urlpatterns as system
from opencets_web.evidence.addresses import signed
from opencets_web.media.models import Media
from opencets_web.policy import door
from opencets_web.policy.middleware import actor_of

PAGE = """{% extends "ui/base.html" %}{% load ui %}{% block title %}Plain{% endblock %}{% block content %}
<div data-island="gallery" data-exposure-url="/media/exposure/"><div class="gallery">
{% for tile in tiles %}<figure class="tile" data-medium="{{ tile.id }}"><a class="tile-frame" href="/media/{{ tile.id }}/">
<img class="veiled" src="{{ tile.src }}" alt="" loading="lazy" decoding="async" draggable="false"></a>
<figcaption class="tile-label truncate">{{ tile.label }}<span class="sub">{{ tile.note }}</span></figcaption></figure>{% endfor %}
{% if page.has_next %}<div hx-get="?page={{ page.next_page_number }}" hx-trigger="revealed" hx-swap="outerHTML"
hx-select=".gallery > *">more</div>{% endif %}</div></div>{% endblock %}"""


def plain(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    rows = door.visible(actor, Media.objects.filter(case__reference=reference, known_set=None))
    page = Paginator(rows.select_related("file").order_by("-read_at", "-id"), 60).get_page(request.GET.get("page", 1))
    tiles = [
        {"id": row.id, "label": row.file.name, "note": f"{row.width} x {row.height}",
         "src": signed(actor, reverse("media:thumbnail", args=[row.id]))}
        for row in page
    ]  # fmt: skip
    return HttpResponse(engines["django"].from_string(PAGE).render({"tiles": tiles, "page": page}, request))


urlpatterns = [path("plain/<str:reference>/", plain), *system]
