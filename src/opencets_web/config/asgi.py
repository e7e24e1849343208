"""The web application: uploads, live events and assets on routes of their own, all else through Django."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencets_web.config.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from django.conf import settings  # noqa: E402
from django.http.request import split_domain_port, validate_host  # noqa: E402

from opencets_web.config.assets import AssetsApp  # noqa: E402
from opencets_web.config.connection import conninfo  # noqa: E402
from opencets_web.evidence.ledger import DjangoUploadLedger  # noqa: E402
from opencets_web.evidence.listening import authorise_live  # noqa: E402
from opencets_web.evidence.uploads import Receive, Scope, Send, UploadApp  # noqa: E402
from opencets_web.sightings.route import PREFIX as SENSORS  # noqa: E402
from opencets_web.sightings.route import SensorApp  # noqa: E402
from opencets_web.supervision.route import PREFIX as AGENTS  # noqa: E402
from opencets_web.supervision.route import AgentApp  # noqa: E402
from opencets_web.ui.live import LiveApp  # noqa: E402

uploads = UploadApp(DjangoUploadLedger(), prefix="/uploads/")
live = LiveApp(authorise_live, lambda: conninfo("web"))
assets = AssetsApp()
agents = AgentApp()
sensors = SensorApp()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Lead a request to its application. The host is checked here for the routes that Django does not see."""
    if scope["type"] == "lifespan":
        await _live_and_end(receive, send)
        return
    path: str = scope.get("path", "")
    raw: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None
    if path.startswith("/uploads/"):
        raw = uploads
    elif path.startswith("/live/"):
        raw = live
    elif path.startswith(AGENTS):
        raw = agents
    elif path.startswith(SENSORS):
        raw = sensors
    elif assets.serves(path):
        raw = assets
    if scope["type"] == "http" and raw is not None:
        if _known_host(scope):
            await raw(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        return
    await django_application(scope, receive, send)  # type: ignore[arg-type]


def _known_host(scope: Scope) -> bool:
    named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    domain, _ = split_domain_port(named)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


async def _live_and_end(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            live.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
