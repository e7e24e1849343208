"""The addresses that these tests open."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include("allauth.urls")),
    path("", include("opencets_web.cases.urls")),
    path("", include("opencets_web.evidence.urls")),
    path("", include("opencets_web.exposure.urls")),
    path("", include("opencets_web.media.urls")),
]
