"""Addresses of shared footage."""

from __future__ import annotations

from django.urls import path

from opencets_web.videos import views

app_name = "videos"
urlpatterns = [
    path("media/<uuid:media_id>/footage/", views.of_media, name="of-media"),
    path("media/footage/<uuid:footage_id>/confirm/", views.confirm, name="confirm"),
    path("media/footage/<uuid:footage_id>/reject/", views.reject, name="reject"),
    path("media/footage/<uuid:footage_id>/reopen/", views.reopen, name="reopen"),
]
