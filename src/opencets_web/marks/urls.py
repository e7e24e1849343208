"""Addresses of marks."""

from __future__ import annotations

from django.urls import path

from opencets_web.marks import views

app_name = "marks"
urlpatterns = [
    path("media/<uuid:media_id>/marks/", views.of_media, name="of-media"),
    path("cases/<str:reference>/marks/", views.of_case, name="of-case"),
    path("marks/<uuid:mark_id>/", views.show, name="show"),
    path("marks/<uuid:mark_id>/crop", views.crop, name="crop"),
    path("marks/<uuid:mark_id>/hand-out/", views.hand_out, name="hand-out"),
    path("marks/<uuid:mark_id>/withdraw/", views.withdraw, name="withdraw"),
    path("marks/<uuid:mark_id>/restore/", views.restore, name="restore"),
    path("marks/places/<uuid:match_id>/judge/", views.judge, name="judge"),
    path("marks/places/<uuid:match_id>/undo/", views.undo, name="undo"),
]
