"""Addresses of patterns in a case and of paths between two."""

from __future__ import annotations

from django.urls import path

from opencets_web.patterns import views

app_name = "patterns"
urlpatterns = [
    path("cases/<str:reference>/patterns/", views.case, name="case"),
    path("paths/<uuid:record_id>/", views.paths, name="paths"),
]
