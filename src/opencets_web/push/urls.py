"""Addresses of web push."""

from __future__ import annotations

from django.urls import path

from opencets_web.push import views

app_name = "push"
urlpatterns = [
    path("push/", views.panel, name="panel"),
    path("push/begin/", views.subscribe, name="begin"),
    path("push/<uuid:subscription_id>/end/", views.end, name="end"),
    path("push/off/", views.switch_off, name="switch-off"),
    path("push/on/", views.switch_on, name="switch-on"),
]
