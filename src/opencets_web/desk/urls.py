"""Addresses of the desk, of search, of the auditor's page, and of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from opencets_web.desk import views
from opencets_web.desk.api import api

desk = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("cases/<str:reference>/", views.case, name="case"),
]
audit = [
    path("", views.list_audit, name="list"),
    path("export.csv", views.export_audit, name="export"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((desk, "desk"))),
    path("audit/", include((audit, "audit"))),
    path("api/v1/", api.urls),
]
