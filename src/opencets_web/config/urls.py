"""Every address of the pages and of the API; each room brings its own."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import require_GET
from django.views.generic import RedirectView

from opencets_web.officers.own_views import remove_passkey

ROOMS = (
    "cases",
    "casework",
    "officers",
    "purposes",
    "federation",
    "evidence",
    "entities",
    "exposure",
    "media",
    "grading",
    "cameras",
    "videos",
    "marks",
    "texts",
    "leads",
    "charts",
    "patterns",
    "sharing",
    "standards",
    "inquiries",
    "disclosure",
    "deconfliction",
    "emergencies",
    "auditing",
    "sightings",
    "supervision",
    "releases",
    "push",
    "desk",
)


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the server answers; says nothing else."""
    return HttpResponse("ok", content_type="text/plain")


@require_GET
def design(request: HttpRequest) -> HttpResponse:
    """Every component on one page, for those who write pages."""
    return render(request, "ui/showcase.html")


def absent(request: HttpRequest, rest: str = "") -> HttpResponse:
    """What sign-in brings along and this system does not have: nobody sets a password through a mailbox,
    and the address by which an officer is known in the log is changed by an administrator alone.
    """
    raise Http404


urlpatterns: list[URLPattern | URLResolver] = [
    path("account/password/reset/", absent),
    path("account/password/reset/<path:rest>", absent),
    path("account/email/", absent),
    path("account/confirm-email/", absent),
    path("account/confirm-email/<path:rest>", absent),
    path("account/me/", include("opencets_web.officers.own_urls")),
    path("account/2fa/webauthn/keys/<int:pk>/remove/", remove_passkey),
    path("account/2fa/", RedirectView.as_view(pattern_name="me:home")),
    path("account/sessions/", absent),
    path("account/", include("allauth.urls")),
    path("healthz", healthz, name="healthz"),
    *[path("", include(f"opencets_web.{room}.urls")) for room in ROOMS if find_spec(f"opencets_web.{room}.urls")],
]
if settings.DEBUG:
    urlpatterns.append(path("design/", design, name="design"))
