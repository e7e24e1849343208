"""The one address of the plain chart beside those of the system."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from opencets_web.cases.queries import get_frame
from opencets_web.charts.whole import get_whole_graph
from opencets_web.config.urls import urlpatterns as system
from opencets_web.policy.middleware import actor_of

PAGE = """{% extends "ui/base.html" %}{% block title %}Plain{% endblock %}{% block width %}wide{% endblock %}{% block content %}
<svg id="plain" viewBox="{{ box }}" width="1380" height="620" role="img" font-size="11">{% for tie in ties %}
<a href="/charts/why.json?tie={{ tie.quoted }}"><line x1="{{ tie.x1 }}" y1="{{ tie.y1 }}" x2="{{ tie.x2 }}" y2="{{ tie.y2 }}"
stroke="#9aa4b2"><title>{{ tie.sentence }}</title></line></a>{% endfor %}{% for node in nodes %}
<g><circle cx="{{ node.x }}" cy="{{ node.y }}" r="15" fill="#dbe7fb" stroke="#1f5fbf"></circle>
<text x="{{ node.x }}" y="{{ node.down }}" text-anchor="middle">{{ node.label }}</text></g>{% endfor %}</svg>{% endblock %}"""


def plain(request: HttpRequest, reference: str) -> HttpResponse:
    actor = actor_of(request)
    graph = get_whole_graph(actor, get_frame(actor, reference, "charts:case"))
    at = {node.id: (node.x or 0.0, node.y or 0.0) for node in graph.nodes}
    left, top = min(x for x, _ in at.values()) - 60, min(y for _, y in at.values()) - 60
    wide, high = max(x for x, _ in at.values()) + 60 - left, max(y for _, y in at.values()) + 60 - top
    ties = [
        {"quoted": quote(edge.id), "sentence": edge.sentence, "x1": str(at[edge.source][0]), "y1": str(at[edge.source][1]),
         "x2": str(at[edge.target][0]), "y2": str(at[edge.target][1])}
        for edge in graph.edges
    ]  # fmt: skip
    nodes = [
        {"x": str(node.x), "y": str(node.y), "down": str((node.y or 0) + 28), "label": node.label}
        for node in graph.nodes
    ]
    page = engines["django"].from_string(PAGE)
    return HttpResponse(page.render({"box": f"{left} {top} {wide} {high}", "ties": ties, "nodes": nodes}, request))


urlpatterns = [path("plain/<str:reference>/", plain), *system]
