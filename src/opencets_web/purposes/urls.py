"""The page that asks why an officer looks into a case, or across cases."""

from __future__ import annotations

from django.urls import path

from opencets_web.purposes import views

app_name = "purposes"
urlpatterns = [path("purpose/", views.choose, name="choose")]
"""``?of=<holding>``, once for each case; without it: across cases. ``?next=`` is where the officer wanted to go."""
