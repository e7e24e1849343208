"""The page of all components; included under ``/design/`` where ``DEBUG`` is on."""

from __future__ import annotations

from django.urls import path

from opencets_web.ui import views

app_name = "ui"
urlpatterns = [
    path("", views.showcase, name="showcase"),
    path("chart.json", views.showcase_chart, name="showcase_chart"),
    path("plain/", views.showcase_plain, name="showcase_plain"),
]
