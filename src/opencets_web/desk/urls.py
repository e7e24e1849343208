"""Addresses of the desk, of search, of the auditor's page, and of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from opencets_web.desk import views

desk = [
    path("", views.home, name="home"),
    path("cases/<str:reference>/", views.case, name="case"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((desk, "desk"))),
]
