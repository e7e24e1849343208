"""Addresses of cameras, times and places."""

from __future__ import annotations

from django.urls import path

from opencets_web.cameras import views

app_name = "cameras"
urlpatterns = [
    path("media/<uuid:media_id>/camera/", views.of_media, name="of-media"),
    path("cases/<str:reference>/cameras/", views.of_case, name="of-case"),
    path("cases/<str:reference>/cameras/new/", views.new, name="new"),
    path("cases/<str:reference>/where-and-when/", views.where_and_when, name="map"),
    path("cases/<str:reference>/where-and-when/points/", views.points, name="points"),
    path("camera-fingerprints/<uuid:fingerprint_id>/withdraw/", views.withdraw, name="withdraw"),
    path("camera-fingerprints/<uuid:fingerprint_id>/restore/", views.restore, name="restore"),
    path("camera-matches/<uuid:match_id>/judge/", views.judge, name="judge"),
    path("camera-judgements/<uuid:judgement_id>/undo/", views.undo, name="undo"),
]
