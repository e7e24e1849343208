"""Addresses of the desk, of search, and of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from opencets_web.desk import views
from opencets_web.desk.api import api

desk = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("cases/<str:reference>/", views.case, name="case"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((desk, "desk"))),
    path("api/v1/", api.urls),
]
