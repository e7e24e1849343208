"""A site of the components alone: no database, no session, the real policy. Prints its port, serves until killed.

Beside the page of all components it answers what islands ask for: uploads (tus 1.0, kept in memory), exposures, events.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from base64 import b64decode
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

REPOSITORY = Path(__file__).resolve().parents[2]
DIST = REPOSITORY / "src/opencets_web/ui/static/dist"
ROOMS = (
    ("Desk", "layout-dashboard", False, 0),
    ("Cases", "briefcase", False, 4),
    ("Alerts", "bell", False, 3),
    ("Media", "photo", True, 0),
    ("Entities", "affiliate", False, 0),
    ("Charts", "route", False, 0),
    ("Known files", "hash", False, 0),
    ("Sharing", "share-3", True, 1),
    ("Search", "search", False, 0),
    ("Audit", "shield-check", False, 0),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context that a signed-in officer's pages have."""
    return {
        "rooms": [
            {
                "label": label,
                "url": f"/{label.lower()}/",
                "icon": icon,
                "apart": apart,
                "count": open_,
                "new": label == "Alerts",
                "active": label == "Cases",
            }
            for label, icon, apart, open_ in ROOMS
        ],
        "officer_name": "Iva Marsh",
        "agency_name": "Avon Constabulary",
        "search_url": "/search/",
        "live_url": "/live/",
        "live_channels": "officer:1",
    }


settings.configure(
    DEBUG=True,
    SECRET_KEY="components",
    ROOT_URLCONF=__name__,
    STATIC_URL="/static/",
    USE_TZ=True,
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        "django.contrib.staticfiles",
        "django.contrib.humanize",
        "opencets_web.ui",
        "django_vite",
        "django_htmx",
    ],
    MIDDLEWARE=["opencets_web.config.middleware.security_headers"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request", f"{__name__}.frame"]},
        }
    ],
    DJANGO_VITE={"default": {"dev_mode": False, "manifest_path": DIST / "manifest.json", "static_url_prefix": "dist"}},
)
django.setup()

from django.template import engines  # noqa: E402
from django.urls import include, path, re_path  # noqa: E402

received: dict[str, dict[str, Any]] = {}
told: dict[str, list[Any]] = {"begin": [], "complete": [], "exposure": []}
events: list[str] = []
arrived = threading.Condition()
broken = {"patches": 0}
asked_for = {"rows": 0}


def begin(request: HttpRequest) -> HttpResponse:
    asked = json.loads(request.body)
    told["begin"].append(asked)
    return JsonResponse({"batch": asked.get("batch") or f"batch-{len(told['begin'])}", "exhibit": "e1"})


def complete(request: HttpRequest) -> HttpResponse:
    told["complete"].append(json.loads(request.body))
    return JsonResponse({"url": "/design/#followed"})


def exposure(request: HttpRequest) -> HttpResponse:
    told["exposure"].append(json.loads(request.body))
    return HttpResponse(status=204)


def upload(request: HttpRequest, name: str = "") -> HttpResponse:
    """tus 1.0 without extensions but creation; refused.bin is refused, broken["patches"] pieces are lost."""
    if request.method == "POST":
        fields = dict(pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
        described = {key: b64decode(value).decode() for key, value in fields.items()}
        if described["filename"] == "refused.bin":
            return JsonResponse({"sentence": "refused.bin: this name is refused here."}, status=415)
        name = uuid.uuid4().hex
        received[name] = {"about": described, "length": int(request.headers["Upload-Length"]), "octets": bytearray()}
        return HttpResponse(status=201, headers={"Location": f"/design/uploads/{name}", "Tus-Resumable": "1.0.0"})
    if name not in received:
        return HttpResponse(status=404)
    file = received[name]
    if request.method == "PATCH":
        piece = request.body
        if broken["patches"]:
            broken["patches"] -= 1
            return HttpResponse(status=503)
        file["octets"] += piece
    return HttpResponse(
        status=204 if request.method == "PATCH" else 200,
        headers={
            "Upload-Offset": str(len(file["octets"])),
            "Upload-Length": str(file["length"]),
            "Tus-Resumable": "1.0.0",
        },
    )


def live(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Any:
        seen = len(events)
        yield b": hello\n\n"
        for _ in range(600):
            with arrived:
                arrived.wait(0.2)
            for event in events[seen:]:
                yield f"event: {json.loads(event)['event']}\ndata: {event}\n\n".encode()
            seen = len(events)

    return StreamingHttpResponse(lines(), content_type="text/event-stream")


def control(request: HttpRequest) -> HttpResponse:
    """What the test asks of this site: what was told, an event to send, a line to break."""
    if request.method == "POST":
        asked = json.loads(request.body)
        if "event" in asked:
            events.append(json.dumps(asked["event"]))
            with arrived:
                arrived.notify_all()
        broken["patches"] = asked.get("broken", 0)
    files = {
        file["about"]["relativePath"]: {"size": len(file["octets"]), **file["about"]}
        for file in received.values()
        if len(file["octets"]) == file["length"]
    }
    return JsonResponse({**told, "files": files})


HTMX_PAGE = """{% extends "ui/base.html" %}{% load ui %}{% block title %}Parts{% endblock %}{% block content %}
<p id="part" data-live="case:7" hx-get="/part/" hx-trigger="live" hx-swap="innerHTML">as it was</p>
<form hx-post="/part/" hx-target="#answer" hx-swap="innerHTML"><button class="btn" id="send">Send</button></form>
<div id="answer"></div>
<button class="btn" id="ask" hx-get="/island/" hx-target="#answer">Bring an island</button>
{% confirm_button "Withdraw" "/withdrawn/" confirm="They will no longer see it." tone="danger" %}
<table class="grid-table" data-rows>
<thead><tr><th scope="col">Reference</th></tr></thead><tbody>
<tr><td><a href="#one">One</a></td></tr><tr><td><a href="#two">Two</a></td></tr></tbody></table>
<div class="toast-line" data-stay>as a template would</div>{% endblock %}"""


LIVE_LIST = """{% extends "ui/base.html" %}{% load ui %}{% block title %}Rows{% endblock %}{% block content %}
<div id="rows" class="stack" data-live="case:7" hx-get="/rows/" hx-select="#rows" hx-trigger="live" hx-swap="outerMorph">
<p id="asked">asked {{ asked }} times</p>
{% for name in names %}<article id="row-{{ name }}"><details><summary>{{ name }}</summary><form method="post">{% csrf_token %}
<label>Why <input name="why" value="as before"></label><textarea name="more" aria-label="More">as before</textarea>
</form></details></article>{% endfor %}
</div>{% endblock %}"""


def rows(request: HttpRequest) -> HttpResponse:
    """A live list that gains a row at its head each time it is asked for."""
    asked_for["rows"] += 1
    names = [f"new-{at}" for at in range(asked_for["rows"], 1, -1)] + ["one", "two"]
    page = engines["django"].from_string(LIVE_LIST)
    return HttpResponse(page.render({"names": names, "asked": asked_for["rows"]}, request))


def parts(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(HTMX_PAGE).render({}, request))


def part(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        token = request.headers.get("X-CSRFToken")
        headers = {"HX-Trigger": json.dumps({"toast": {"text": "Judged the same.", "tone": "good", "undo": "/undo/"}})}
        return HttpResponse(
            f'<p role="alert">refused, header {"absent" if token is None else "present"}</p>',
            status=422,
            headers=headers,
        )
    return HttpResponse("renewed")


def island(request: HttpRequest) -> HttpResponse:
    return HttpResponse('<div data-island="linkchart" data-url="/design/chart.json"></div>')


LONG, PER_PAGE = 5_000, 60
SQUARE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
LONG_GALLERY = """{% extends "ui/base.html" %}{% load ui %}{% block title %}Long{% endblock %}{% block content %}
<div data-island="gallery" data-tiles-url="/long/tiles/" data-order-url="/long/order/" data-next-after="m59" data-length="">
<div class="gallery-tools"><strong data-gallery-length></strong> <span data-gallery-files></span></div>
<div class="gallery">{% for medium in tiles %}{% media_tile medium %}{% endfor %}</div></div>{% endblock %}"""


def long_tiles(after: str) -> list[dict[str, Any]]:
    first = int(after[1:]) + 1 if after else 0
    return [
        {"id": f"m{number}", "url": f"/missing/#{number}", "label": f"IMG_{number}.jpg", "kind": "image", "veil": SQUARE,
         "thumbnail_url": "/design/picture/", "note": "EX-0001"}
        for number in range(first, min(first + PER_PAGE, LONG))
    ]  # fmt: skip


def long_gallery(request: HttpRequest) -> HttpResponse:
    page = engines["django"].from_string(LONG_GALLERY)
    return HttpResponse(page.render({"tiles": long_tiles("")}, request))


def more_tiles(request: HttpRequest) -> HttpResponse:
    tiles = engines["django"].from_string("{% load ui %}{% for medium in tiles %}{% media_tile medium %}{% endfor %}")
    return HttpResponse(tiles.render({"tiles": long_tiles(request.GET.get("after", ""))}, request))


def long_order(request: HttpRequest) -> JsonResponse:
    starts = [f"m{number - 1}" for number in range(PER_PAGE, LONG, PER_PAGE)]
    return JsonResponse(
        {"length": LONG, "whole": True, "starts": starts, "per_page": PER_PAGE, "known": 7, "near_known": 2}
    )


urlpatterns = [
    path("long/", long_gallery),
    path("long/tiles/", more_tiles),
    path("long/order/", long_order),
    path("design/begin/", begin),
    path("design/complete/", complete),
    path("design/exposure/", exposure),
    path("design/uploads/", upload),
    re_path(r"^design/uploads/(?P<name>[0-9a-f]+)$", upload),
    path("design/", include("opencets_web.ui.urls")),
    path("live/", live),
    path("control/", control),
    path("parts/", parts),
    path("part/", part),
    path("rows/", rows),
    path("island/", island),
    path("withdrawn/", lambda request: HttpResponse("withdrawn")),
    path("favicon.ico", lambda request: HttpResponse(status=204)),
    path("missing/", lambda request: HttpResponse(engines["django"].get_template("404.html").render({}, request))),
]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing; the test reads the browser's own log."""


class ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def main() -> None:
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.handlers.wsgi import WSGIHandler

    server = make_server(
        "127.0.0.1",
        int(sys.argv[1]) if len(sys.argv) > 1 else 0,
        StaticFilesHandler(WSGIHandler()),
        ThreadedServer,
        QuietHandler,
    )
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while sys.stdin.readline():
        time.sleep(0.1)


if __name__ == "__main__":
    main()
